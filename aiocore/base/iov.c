/* Scatter-gather lists: everything is a walk over the elements that a byte range covers.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/iov.h"

/* The part of @elem that a range touches which begins *@offset bytes from the start of @elem and
 * has
 * @bytes left. Returns its length and, if that is not 0, its address in *@base; *@offset becomes
 * what is left to skip in the elements to come. */
static size_t iov_part(const struct iovec *elem, size_t *offset, size_t bytes, char **base)
{
    size_t skip = MIN(*offset, elem->iov_len);

    *offset -= skip;
    if (skip == elem->iov_len) {
        return 0;
    }
    *base = (char *)elem->iov_base + skip;
    return MIN(elem->iov_len - skip, bytes);
}

size_t iov_size(const struct iovec *iov, const unsigned int iov_cnt)
{
    size_t size = 0;

    for (unsigned i = 0; i < iov_cnt; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

size_t iov_from_buf_full(const struct iovec *iov, unsigned int iov_cnt, size_t offset,
                         const void *buf, size_t bytes)
{
    size_t done = 0;

    for (unsigned i = 0; i < iov_cnt && (offset || done < bytes); i++) {
        char *base;
        size_t len = iov_part(&iov[i], &offset, bytes - done, &base);

        if (len) {
            memcpy(base, (const char *)buf + done, len);
            done += len;
        }
    }
    g_assert(offset == 0);
    return done;
}

size_t iov_to_buf_full(const struct iovec *iov, const unsigned int iov_cnt, size_t offset,
                       void *buf, size_t bytes)
{
    size_t done = 0;

    for (unsigned i = 0; i < iov_cnt && (offset || done < bytes); i++) {
        char *base;
        size_t len = iov_part(&iov[i], &offset, bytes - done, &base);

        if (len) {
            memcpy((char *)buf + done, base, len);
            done += len;
        }
    }
    g_assert(offset == 0);
    return done;
}

size_t iov_memset(const struct iovec *iov, const unsigned int iov_cnt, size_t offset, int fillc,
                  size_t bytes)
{
    size_t done = 0;

    for (unsigned i = 0; i < iov_cnt && (offset || done < bytes); i++) {
        char *base;
        size_t len = iov_part(&iov[i], &offset, bytes - done, &base);

        if (len) {
            memset(base, fillc, len);
            done += len;
        }
    }
    g_assert(offset == 0);
    return done;
}

unsigned iov_copy(struct iovec *dst_iov, unsigned int dst_iov_cnt, const struct iovec *iov,
                  unsigned int iov_cnt, size_t offset, size_t bytes)
{
    unsigned n = 0;

    for (unsigned i = 0; i < iov_cnt && n < dst_iov_cnt && (offset || bytes); i++) {
        char *base;
        size_t len = iov_part(&iov[i], &offset, bytes, &base);

        if (len) {
            dst_iov[n++] = (struct iovec){ .iov_base = base, .iov_len = len };
            bytes -= len;
        }
    }
    g_assert(offset == 0);
    return n;
}

/* @elem is about to be changed in place. */
static void iov_remember(IOVDiscardUndo *undo, struct iovec *elem)
{
    if (undo) {
        undo->modified_iov = elem;
        undo->orig = *elem;
    }
}

size_t iov_discard_front_undoable(struct iovec **iov, unsigned int *iov_cnt, size_t bytes,
                                  IOVDiscardUndo *undo)
{
    size_t left = bytes;

    if (undo) {
        undo->modified_iov = NULL;
    }
    while (*iov_cnt > 0 && (*iov)->iov_len <= left) {
        left -= (*iov)->iov_len;
        (*iov)++;
        (*iov_cnt)--;
    }
    if (*iov_cnt > 0 && left > 0) {
        iov_remember(undo, *iov);
        (*iov)->iov_base = (char *)(*iov)->iov_base + left;
        (*iov)->iov_len -= left;
        left = 0;
    }
    return bytes - left;
}

size_t iov_discard_back_undoable(struct iovec *iov, unsigned int *iov_cnt, size_t bytes,
                                 IOVDiscardUndo *undo)
{
    size_t left = bytes;

    if (undo) {
        undo->modified_iov = NULL;
    }
    while (*iov_cnt > 0 && iov[*iov_cnt - 1].iov_len <= left) {
        left -= iov[*iov_cnt - 1].iov_len;
        (*iov_cnt)--;
    }
    if (*iov_cnt > 0 && left > 0) {
        iov_remember(undo, &iov[*iov_cnt - 1]);
        iov[*iov_cnt - 1].iov_len -= left;
        left = 0;
    }
    return bytes - left;
}

size_t iov_discard_front(struct iovec **iov, unsigned int *iov_cnt, size_t bytes)
{
    return iov_discard_front_undoable(iov, iov_cnt, bytes, NULL);
}

size_t iov_discard_back(struct iovec *iov, unsigned int *iov_cnt, size_t bytes)
{
    return iov_discard_back_undoable(iov, iov_cnt, bytes, NULL);
}

void iov_discard_undo(IOVDiscardUndo *undo)
{
    if (undo->modified_iov) {
        *undo->modified_iov = undo->orig;
    }
}

void qemu_iovec_init(QEMUIOVector *qiov, int alloc_hint)
{
    memset(qiov, 0, sizeof(*qiov));
    qiov->iov = g_new(struct iovec, alloc_hint);
    qiov->nalloc = alloc_hint;
}

struct iovec *qemu_iovec_slice(QEMUIOVector *qiov, size_t offset, size_t len, size_t *head,
                               size_t *tail, int *niov)
{
    struct iovec *first = qiov->iov;
    struct iovec *last;

    g_assert(len > 0 && len <= qiov->size && offset <= qiov->size - len);

    while (offset >= first->iov_len) {
        offset -= first->iov_len;
        first++;
    }
    *head = offset;

    /* From here on @len counts from the start of the element. */
    len += offset;
    for (last = first; len > last->iov_len; last++) {
        len -= last->iov_len;
    }
    *tail = last->iov_len - len;
    *niov = last - first + 1;
    return first;
}

void qemu_iovec_init_slice(QEMUIOVector *qiov, QEMUIOVector *source, size_t offset, size_t len)
{
    struct iovec *first;
    size_t head, tail;
    int niov;

    if (len == 0) {
        qemu_iovec_init(qiov, 0);
        return;
    }
    first = qemu_iovec_slice(source, offset, len, &head, &tail, &niov);
    if (niov == 1) {
        qemu_iovec_init_buf(qiov, (char *)first->iov_base + head, len);
        return;
    }
    qemu_iovec_init(qiov, niov);
    qemu_iovec_concat_iov(qiov, first, niov, head, len);
}

void qemu_iovec_add(QEMUIOVector *qiov, void *base, size_t len)
{
    g_assert(qiov->nalloc != -1);

    if (qiov->niov == qiov->nalloc) {
        qiov->nalloc = 2 * qiov->nalloc + 1;
        qiov->iov = g_renew(struct iovec, qiov->iov, qiov->nalloc);
    }
    qiov->iov[qiov->niov++] = (struct iovec){ .iov_base = base, .iov_len = len };
    qiov->size += len;
}

size_t qemu_iovec_concat_iov(QEMUIOVector *dst, struct iovec *src_iov, unsigned int src_cnt,
                             size_t soffset, size_t sbytes)
{
    size_t done = 0;

    g_assert(dst->nalloc != -1);
    for (unsigned i = 0; i < src_cnt && (soffset || done < sbytes); i++) {
        char *base;
        size_t len = iov_part(&src_iov[i], &soffset, sbytes - done, &base);

        if (len) {
            qemu_iovec_add(dst, base, len);
            done += len;
        }
    }
    g_assert(soffset == 0);
    return done;
}

void qemu_iovec_concat(QEMUIOVector *dst, QEMUIOVector *src, size_t soffset, size_t sbytes)
{
    qemu_iovec_concat_iov(dst, src->iov, src->niov, soffset, sbytes);
}

void qemu_iovec_destroy(QEMUIOVector *qiov)
{
    if (qiov->nalloc != -1) {
        g_free(qiov->iov);
    }
    memset(qiov, 0, sizeof(*qiov));
}

void qemu_iovec_reset(QEMUIOVector *qiov)
{
    g_assert(qiov->nalloc != -1);

    qiov->niov = 0;
    qiov->size = 0;
}

size_t qemu_iovec_to_buf(QEMUIOVector *qiov, size_t offset, void *buf, size_t bytes)
{
    return iov_to_buf(qiov->iov, qiov->niov, offset, buf, bytes);
}

size_t qemu_iovec_from_buf(QEMUIOVector *qiov, size_t offset, const void *buf, size_t bytes)
{
    return iov_from_buf(qiov->iov, qiov->niov, offset, buf, bytes);
}

size_t qemu_iovec_memset(QEMUIOVector *qiov, size_t offset, int fillc, size_t bytes)
{
    return iov_memset(qiov->iov, qiov->niov, offset, fillc, bytes);
}

ssize_t qemu_iovec_compare(QEMUIOVector *a, QEMUIOVector *b)
{
    ssize_t offset = 0;

    g_assert(a->niov == b->niov);
    for (int i = 0; i < a->niov; i++) {
        const char *p = a->iov[i].iov_base;
        const char *q = b->iov[i].iov_base;

        g_assert(a->iov[i].iov_len == b->iov[i].iov_len);
        for (size_t n = 0; n < a->iov[i].iov_len; n++) {
            if (p[n] != q[n]) {
                return offset + n;
            }
        }
        offset += a->iov[i].iov_len;
    }
    return -1;
}

void qemu_iovec_discard_back(QEMUIOVector *qiov, size_t bytes)
{
    unsigned niov = qiov->niov;
    size_t cut = iov_discard_back(qiov->iov, &niov, bytes);

    g_assert(cut == bytes);
    qiov->niov = niov;
    qiov->size -= bytes;
}
