/* Tests of EventNotifier: raising, clearing, overflow, descriptor flags, and the pipe fallback.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/event_notifier.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

/* What eventfd() fails with, 0 for the real thing. */
static int eventfd_errno;

/* Takes the place of libc's, for this program only. */
int eventfd(unsigned int count, int flags)
{
    if (eventfd_errno) {
        errno = eventfd_errno;
        return -1;
    }
    return syscall(SYS_eventfd2, count, flags);
}

static bool readable(const EventNotifier *e)
{
    struct pollfd pfd = { .fd = event_notifier_get_fd(e), .events = POLLIN };

    return poll(&pfd, 1, 0) == 1;
}

static void check_flags(int fd)
{
    g_assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    g_assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void check_life(EventNotifier *e)
{
    check_flags(e->rfd);
    check_flags(e->wfd);

    g_assert_false(readable(e));
    g_assert_cmpint(event_notifier_test_and_clear(e), ==, 0);

    g_assert_cmpint(event_notifier_set(e), ==, 0);
    g_assert_cmpint(event_notifier_set(e), ==, 0);
    g_assert_true(readable(e));
    g_assert_cmpint(event_notifier_test_and_clear(e), ==, 1);
    g_assert_false(readable(e));
    g_assert_cmpint(event_notifier_test_and_clear(e), ==, 0);
}

static void test_eventfd(void)
{
    EventNotifier e;

    g_assert_cmpint(event_notifier_init(&e, 0), ==, 0);
    g_assert_cmpint(e.rfd, ==, e.wfd);
    check_life(&e);
    event_notifier_cleanup(&e);
}

static void test_active(void)
{
    EventNotifier e;

    g_assert_cmpint(event_notifier_init(&e, 1), ==, 0);
    g_assert_true(readable(&e));
    g_assert_cmpint(event_notifier_test_and_clear(&e), ==, 1);
    event_notifier_cleanup(&e);
}

static void test_pipe(void)
{
    EventNotifier e;

    eventfd_errno = ENOSYS;
    g_assert_cmpint(event_notifier_init(&e, 0), ==, 0);
    eventfd_errno = 0;
    g_assert_cmpint(e.rfd, !=, e.wfd);
    check_life(&e);
    event_notifier_cleanup(&e);
}

static void test_other_errors(void)
{
    EventNotifier e;

    eventfd_errno = EMFILE;
    g_assert_cmpint(event_notifier_init(&e, 0), ==, -EMFILE);
    eventfd_errno = 0;
    event_notifier_cleanup(&e);
}

/* More raises than the pipe holds: each succeeds, and one clear takes them all. */
static void test_full_pipe(void)
{
    EventNotifier e;

    eventfd_errno = ENOSYS;
    g_assert_cmpint(event_notifier_init(&e, 0), ==, 0);
    eventfd_errno = 0;
    for (int i = 0; i < 20000; i++) {
        g_assert_cmpint(event_notifier_set(&e), ==, 0);
    }
    g_assert_cmpint(event_notifier_test_and_clear(&e), ==, 1);
    g_assert_false(readable(&e));
    event_notifier_cleanup(&e);
}

static void test_full_eventfd(void)
{
    uint64_t most = UINT64_MAX - 1;
    EventNotifier e;

    event_notifier_init_fd(&e, syscall(SYS_eventfd2, 0, EFD_NONBLOCK));
    g_assert_cmpint(write(e.wfd, &most, sizeof(most)), ==, sizeof(most));
    g_assert_cmpint(event_notifier_set(&e), ==, 0);
    g_assert_cmpint(event_notifier_test_and_clear(&e), ==, 1);
    event_notifier_cleanup(&e);
}

static void test_cleanup(void)
{
    EventNotifier e;
    int fd;

    g_assert_cmpint(event_notifier_init(&e, 0), ==, 0);
    fd = e.rfd;
    event_notifier_cleanup(&e);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);
    event_notifier_cleanup(&e);
    g_assert_cmpint(event_notifier_set(&e), ==, -EBADF);
    g_assert_cmpint(event_notifier_test_and_clear(&e), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-notifier/eventfd", test_eventfd);
    g_test_add_func("/event-notifier/active", test_active);
    g_test_add_func("/event-notifier/enosys-falls-back-to-pipe", test_pipe);
    g_test_add_func("/event-notifier/other-errors-do-not", test_other_errors);
    g_test_add_func("/event-notifier/full-pipe-is-raised", test_full_pipe);
    g_test_add_func("/event-notifier/full-eventfd-is-raised", test_full_eventfd);
    g_test_add_func("/event-notifier/cleanup", test_cleanup);
    return g_test_run();
}
