/* ppoll(2) and read(2) that are no cancellation points.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In a process with threads, as every fio is, libc's functions of these names make two atomic
 * operations more per call, in case another thread cancels this one meanwhile. Nobody may cancel a
 * thread that runs a loop, which would leave all that it holds behind; and a loop that sleeps for
 * each request makes both calls for each request.
 */
#ifndef QAIO_BASE_NOCANCEL_H
#define QAIO_BASE_NOCANCEL_H

#include "base/osdep.h"
#include <poll.h>

/* As libc's: -1 and errno. ppoll without a signal mask. */
int ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *timeout);
ssize_t read_nocancel(int fd, void *buf, size_t len);

#endif
