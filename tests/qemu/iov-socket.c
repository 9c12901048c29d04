/* iov_send and iov_recv, which QEMU's test-iov calls: the part of the array, as one message.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/iov.h"

typedef ssize_t Transfer(int sockfd, struct msghdr *msg, int flags);

static ssize_t transfer_part(Transfer *transfer, int sockfd, const struct iovec *iov,
                             unsigned iov_cnt, size_t offset, size_t bytes)
{
    g_autofree struct iovec *part = g_new(struct iovec, iov_cnt);
    struct msghdr msg = {
        .msg_iov = part,
        .msg_iovlen = iov_copy(part, iov_cnt, iov, iov_cnt, offset, bytes),
    };
    ssize_t ret;

    do {
        ret = transfer(sockfd, &msg, 0);
    } while (ret < 0 && errno == EINTR);
    return ret;
}

static ssize_t send_message(int sockfd, struct msghdr *msg, int flags)
{
    return sendmsg(sockfd, msg, flags);
}

ssize_t iov_send(int sockfd, const struct iovec *iov, unsigned iov_cnt, size_t offset, size_t bytes)
{
    return transfer_part(send_message, sockfd, iov, iov_cnt, offset, bytes);
}

ssize_t iov_recv(int sockfd, const struct iovec *iov, unsigned iov_cnt, size_t offset, size_t bytes)
{
    return transfer_part(recvmsg, sockfd, iov, iov_cnt, offset, bytes);
}
