/* EventNotifier over eventfd, or over a pipe on a kernel without.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/event_notifier.h"
#include "base/nocancel.h"

#include <sys/eventfd.h>

static int event_notifier_open(EventNotifier *e)
{
    int fds[2];
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd >= 0) {
        e->rfd = e->wfd = fd;
        return 0;
    }
    /* Anything else, such as EMFILE, a pipe would not cure. */
    if (errno != ENOSYS) {
        return -errno;
    }
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        return -errno;
    }
    e->rfd = fds[0];
    e->wfd = fds[1];
    return 0;
}

int event_notifier_init(EventNotifier *e, int active)
{
    int ret;

    e->initialized = false;
    ret = event_notifier_open(e);
    if (ret < 0) {
        return ret;
    }
    e->initialized = true;
    return active ? event_notifier_set(e) : 0;
}

void event_notifier_init_fd(EventNotifier *e, int fd)
{
    e->rfd = e->wfd = fd;
    e->initialized = true;
}

void event_notifier_cleanup(EventNotifier *e)
{
    if (!e->initialized) {
        return;
    }
    e->initialized = false;
    close(e->rfd);
    if (e->wfd != e->rfd) {
        close(e->wfd);
    }
    e->rfd = e->wfd = -1;
}

int event_notifier_get_fd(const EventNotifier *e)
{
    return e->rfd;
}

int event_notifier_set(EventNotifier *e)
{
    static const uint64_t one = 1;
    ssize_t ret;

    if (!e->initialized) {
        return -EBADF;
    }
    do {
        ret = write(e->wfd, &one, sizeof(one));
    } while (ret < 0 && errno == EINTR);

    /* A full counter or pipe: it is raised, which is all we want. */
    return ret < 0 && errno != EAGAIN ? -errno : 0;
}

int event_notifier_test_and_clear(EventNotifier *e)
{
    char buf[512];
    ssize_t len;
    int raised = 0;

    if (!e->initialized) {
        return 0;
    }
    /* An eventfd gives 8 bytes and is drained. A pipe that fills the buffer may hold more. */
    do {
        len = read_nocancel(e->rfd, buf, sizeof(buf));
        raised |= len > 0;
    } while (len == sizeof(buf) || (len < 0 && errno == EINTR));

    return raised;
}
