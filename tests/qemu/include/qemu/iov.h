/* QEMU's name for base/iov.h, and what only its tests do with an array: sockets.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_IOV_H
#define QAIO_TESTS_QEMU_QEMU_IOV_H

#include "base/iov.h"

/* Send or receive up to @bytes of the array, from @offset on, by one system call. What sendmsg and
 * recvmsg return. */
ssize_t iov_send(int sockfd, const struct iovec *iov, unsigned iov_cnt, size_t offset,
                 size_t bytes);
ssize_t iov_recv(int sockfd, const struct iovec *iov, unsigned iov_cnt, size_t offset,
                 size_t bytes);

#endif
