/* ppoll(2) and read(2) by syscall(2).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include <sys/syscall.h>
#include "base/nocancel.h"

/*
 * TSan holds signals back until the thread calls a function that TSan knows, and of those that
 * block it sees to it that none is forgotten. It does not know a sleep by syscall(2).
 */
#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if __SIZEOF_LONG__ >= 8 && !defined(__SANITIZE_THREAD__) && !HAS_FEATURE(thread_sanitizer)
#define PPOLL_BY_SYSCALL
#endif

int ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *timeout)
{
#ifdef PPOLL_BY_SYSCALL
    struct timespec left; /* the kernel writes there what is left of it */

    if (!timeout) {
        return (int)syscall(SYS_ppoll, fds, n, NULL, NULL, 0L);
    }
    left = *timeout;
    return (int)syscall(SYS_ppoll, fds, n, &left, NULL, 0L);
#else
    /* Or: the kernel's struct timespec is another one. */
    return ppoll(fds, n, timeout, NULL);
#endif
}

ssize_t read_nocancel(int fd, void *buf, size_t len)
{
    return syscall(SYS_read, fd, buf, len);
}
