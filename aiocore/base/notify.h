/* NotifierList: callbacks of several parties for one event.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not for several threads: a list and its notifiers belong to one.
 */
#ifndef QAIO_BASE_NOTIFY_H
#define QAIO_BASE_NOTIFY_H

#include "base/queue.h"

typedef struct Notifier Notifier;

/* The owner's memory; @notify is the owner's to set. */
struct Notifier {
    void (*notify)(Notifier *notifier, void *data);
    QLIST_ENTRY(Notifier) node;
};

typedef struct NotifierList {
    QLIST_HEAD(, Notifier) notifiers;
} NotifierList;

void notifier_list_init(NotifierList *list);
bool notifier_list_empty(NotifierList *list);

/* @notifier must not be on a list, and be on one, respectively. */
void notifier_list_add(NotifierList *list, Notifier *notifier);
void notifier_remove(Notifier *notifier);

/* Call them all with @data, the last added first. A notifier may remove itself, and add others,
 * which are not called. */
void notifier_list_notify(NotifierList *list, void *data);

#endif
