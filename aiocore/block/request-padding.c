/*
 * Requests that do not begin and end where blocks do, widened to those that do.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The buffers for the blocks at the ends, two blocks each, are kept by the node for reuse.
 */
#include "base/osdep.h"
#include "base/memalign.h"
#include "block/block_int.h"

typedef struct PadBuffer {
    struct PadBuffer *next;
} PadBuffer;

static PadBuffer *pad_buffer_get(BlockDriverState *bs)
{
    PadBuffer *buffer = bs->pad_buffers;

    if (!buffer) {
        size_t align = bs->bl.request_alignment;

        return qemu_memalign(MAX(align, bs->bl.min_mem_alignment), MAX(2 * align, sizeof(*buffer)));
    }
    bs->pad_buffers = buffer->next;
    return buffer;
}

static void pad_buffer_put(BlockDriverState *bs, PadBuffer *buffer)
{
    buffer->next = bs->pad_buffers;
    bs->pad_buffers = buffer;
}

void bdrv_padding_cleanup(BlockDriverState *bs)
{
    while (bs->pad_buffers) {
        PadBuffer *buffer = bs->pad_buffers;

        bs->pad_buffers = buffer->next;
        qemu_vfree(buffer);
    }
}

static void add_element(QEMUIOVector *qiov, void *base, size_t len)
{
    if (len) {
        qiov->iov[qiov->niov++] = (struct iovec){ .iov_base = base, .iov_len = len };
        qiov->size += len;
    }
}

/* Head, what is between, tail. */
static void make_qiov(BdrvRequestPadding *pad, QEMUIOVector *qiov, size_t align)
{
    int niov = qiov->niov + 2;
    struct iovec *iov = niov > (int)ARRAY_SIZE(pad->iov) ? g_new(struct iovec, niov) : pad->iov;

    pad->qiov = (QEMUIOVector){ .iov = iov, .nalloc = -1 };
    add_element(&pad->qiov, pad->buf, pad->head);
    for (int i = 0; i < qiov->niov; i++) {
        add_element(&pad->qiov, qiov->iov[i].iov_base, qiov->iov[i].iov_len);
    }
    add_element(&pad->qiov, pad->tail_buf + align - pad->tail, pad->tail);
}

void bdrv_pad_request(BlockDriverState *bs, BdrvRequestPadding *pad, int64_t *offset,
                      int64_t *bytes, QEMUIOVector *qiov)
{
    size_t align = bs->bl.request_alignment;
    int64_t end = *offset + *bytes;

    pad->bs = bs;
    pad->head = *offset & (align - 1);
    pad->tail = QEMU_ALIGN_UP(end, align) - end;
    pad->buffer = pad_buffer_get(bs);
    pad->buf = (uint8_t *)pad->buffer;
    *offset -= pad->head;
    *bytes += pad->head + pad->tail;
    pad->one_block = *bytes == (int64_t)align;
    pad->tail_buf = pad->one_block ? pad->buf : pad->buf + align;
    make_qiov(pad, qiov, align);
}

void bdrv_padding_finish(BdrvRequestPadding *pad)
{
    if (pad->qiov.iov != pad->iov) {
        g_free(pad->qiov.iov);
    }
    pad_buffer_put(pad->bs, pad->buffer);
}
