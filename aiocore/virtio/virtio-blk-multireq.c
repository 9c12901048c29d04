/*
 * Joining requests: reads, or writes, that lie next to each other on the disk go as one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     popped      7  3  4  9  5       of one direction, at most 32
 *     sorted      3  4  5 │ 7 │ 9
 *     submitted   ├──1──┤ ├2┤ ├3┤     the first of 1 has mr_iov, mr_next leads to the others
 *
 * The buffers of those that are joined are listed once more, in a MultiReqIOV. These come from a
 * list that is filled when the device is made: at most every second request that its queues can
 * hold is the first of several.
 */
#include "base/osdep.h"
#include "virtio/virtio-blk-request.h"

/* Buffers for which a list has room at first: two for each of 32 requests. It keeps what it grows
 * by. */
#define IOV_HINT (2 * VIRTIO_BLK_MAX_MERGE_REQS)

struct MultiReqIOV {
    QEMUIOVector qiov; /* local */
    QSLIST_ENTRY(MultiReqIOV) next;
};

void virtio_blk_multireq_init(VirtIOBlock *s)
{
    QSLIST_INIT(&s->free_iovs);
    s->n_iovs = s->conf.request_merging ? s->conf.num_queues * s->conf.queue_size / 2 : 0;
    s->iovs = g_new(MultiReqIOV, s->n_iovs);
    for (unsigned i = 0; i < s->n_iovs; i++) {
        qemu_iovec_init(&s->iovs[i].qiov, IOV_HINT);
        QSLIST_INSERT_HEAD(&s->free_iovs, &s->iovs[i], next);
    }
}

void virtio_blk_multireq_cleanup(VirtIOBlock *s)
{
    for (unsigned i = 0; i < s->n_iovs; i++) {
        qemu_iovec_destroy(&s->iovs[i].qiov);
    }
    g_free(s->iovs);
}

static MultiReqIOV *multireq_get(VirtIOBlock *s)
{
    MultiReqIOV *iov = QSLIST_FIRST(&s->free_iovs);

    QSLIST_REMOVE_HEAD(&s->free_iovs, next);
    qemu_iovec_reset(&iov->qiov);
    return iov;
}

void virtio_blk_multireq_put(VirtIOBlockReq *req)
{
    QSLIST_INSERT_HEAD(&req->dev->free_iovs, req->mr_iov, next);
}

static void submit(VirtIOBlock *s, VirtIOBlockReq *req, QEMUIOVector *qiov, bool is_write)
{
    int64_t offset = req->out.sector << BDRV_SECTOR_BITS;

    if (is_write) {
        blk_aio_pwritev(s->blk, offset, qiov, 0, virtio_blk_rw_complete, req);
    } else {
        blk_aio_preadv(s->blk, offset, qiov, 0, virtio_blk_rw_complete, req);
    }
}

/* List the buffers of @n requests as one, and chain the requests. */
static QEMUIOVector *join(VirtIOBlock *s, VirtIOBlockReq **reqs, unsigned n)
{
    MultiReqIOV *iov = multireq_get(s);

    for (unsigned i = 0; i < n; i++) {
        const QEMUIOVector *qiov = &reqs[i]->qiov;

        for (int j = 0; j < qiov->niov; j++) {
            qemu_iovec_add(&iov->qiov, qiov->iov[j].iov_base, qiov->iov[j].iov_len);
        }
        reqs[i]->mr_next = i + 1 < n ? reqs[i + 1] : NULL;
    }
    reqs[0]->mr_iov = iov;
    return &iov->qiov;
}

static void submit_requests(VirtIOBlock *s, VirtIOBlockReq **reqs, unsigned n, bool is_write)
{
    if (n == 1) {
        submit(s, reqs[0], &reqs[0]->qiov, is_write);
        return;
    }
    if (s->stats) {
        block_acct_merge_done(s->stats, is_write ? BLOCK_ACCT_WRITE : BLOCK_ACCT_READ, n - 1);
    }
    submit(s, reqs[0], join(s, reqs, n), is_write);
}

/* By insertion, which keeps the order of equal ones, and has one comparison for each request when
 * they come in order, as they mostly do. */
static void sort_by_sector(VirtIOBlockReq **reqs, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        VirtIOBlockReq *req = reqs[i];
        unsigned j = i;

        for (; j > 0 && reqs[j - 1]->out.sector > req->out.sector; j--) {
            reqs[j] = reqs[j - 1];
        }
        reqs[j] = req;
    }
}

/* How many of the @n requests at @reqs, from the first on, can go as one. */
static unsigned joinable(VirtIOBlock *s, VirtIOBlockReq **reqs, unsigned n)
{
    uint32_t max_transfer = blk_get_max_transfer(s->blk);
    int max_iov = blk_get_max_iov(s->blk), niov = reqs[0]->qiov.niov;
    uint64_t bytes = reqs[0]->qiov.size;
    unsigned i;

    for (i = 1; i < n; i++) {
        const QEMUIOVector *qiov = &reqs[i]->qiov;
        uint64_t end = reqs[0]->out.sector + (bytes >> BDRV_SECTOR_BITS);

        niov += qiov->niov;
        bytes += qiov->size;
        if (reqs[i]->out.sector != end || niov > max_iov || bytes > max_transfer) {
            break;
        }
    }
    return i;
}

void virtio_blk_submit_multireq(VirtIOBlock *s, MultiReqBuffer *mrb)
{
    sort_by_sector(mrb->reqs, mrb->num_reqs);
    for (unsigned start = 0, n; start < mrb->num_reqs; start += n) {
        n = joinable(s, &mrb->reqs[start], mrb->num_reqs - start);
        submit_requests(s, &mrb->reqs[start], n, mrb->is_write);
    }
    mrb->num_reqs = 0;
}

void virtio_blk_multireq_add(VirtIOBlock *s, MultiReqBuffer *mrb, VirtIOBlockReq *req,
                             bool is_write)
{
    if (!s->conf.request_merging) {
        submit(s, req, &req->qiov, is_write);
        return;
    }
    if (mrb->num_reqs == VIRTIO_BLK_MAX_MERGE_REQS ||
        (mrb->num_reqs > 0 && is_write != mrb->is_write)) {
        virtio_blk_submit_multireq(s, mrb);
    }
    mrb->is_write = is_write;
    mrb->reqs[mrb->num_reqs++] = req;
}
