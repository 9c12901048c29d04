/* EventNotifier: a flag that one thread raises and another waits for in poll(); an eventfd.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A kernel that has no eventfd (ENOSYS, and only that) gets a pipe instead. The descriptors are
 * non-blocking and close-on-exec either way.
 */
#ifndef QAIO_BASE_EVENT_NOTIFIER_H
#define QAIO_BASE_EVENT_NOTIFIER_H

#include "base/osdep.h"

typedef struct EventNotifier {
    int rfd; /* what to poll */
    int wfd; /* what to write to; the same as rfd for an eventfd */
    bool initialized;
} EventNotifier;

typedef void EventNotifierHandler(EventNotifier *);

/* Make @e usable, raised from the start if @active. 0 or -errno; on failure @e needs no cleanup. */
int event_notifier_init(EventNotifier *e, int active);

/* Close the descriptors. Nobody may poll or set @e any more. Harmless on one that is not
 * initialized, and so harmless twice. */
void event_notifier_cleanup(EventNotifier *e);

/* Wrap an eventfd that somebody else made; cleanup will close it. */
void event_notifier_init_fd(EventNotifier *e, int fd);

/* The descriptor that polls readable while @e is raised. Owned by @e. */
int event_notifier_get_fd(const EventNotifier *e);

/* Raise @e, from any thread or a signal handler. Raised already is a success. 0 or -errno. */
int event_notifier_set(EventNotifier *e);

/* Lower @e, however often it was raised. Returns 1 if it was raised, else 0. */
int event_notifier_test_and_clear(EventNotifier *e);

#endif
