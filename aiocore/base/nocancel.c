/* ppoll(2) and read(2) by syscall(2).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include <sys/syscall.h>
#include "base/nocancel.h"

int ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *timeout)
{
#if __SIZEOF_LONG__ >= 8
    struct timespec left; /* the kernel writes there what is left of it */

    if (!timeout) {
        return (int)syscall(SYS_ppoll, fds, n, NULL, NULL, 0L);
    }
    left = *timeout;
    return (int)syscall(SYS_ppoll, fds, n, &left, NULL, 0L);
#else
    return ppoll(fds, n, timeout, NULL); /* the kernel's struct timespec may be another one */
#endif
}

ssize_t read_nocancel(int fd, void *buf, size_t len)
{
    return syscall(SYS_read, fd, buf, len);
}
