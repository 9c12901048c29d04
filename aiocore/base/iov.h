/* Scatter-gather lists: helpers for arrays of struct iovec, and QEMUIOVector, a vector of them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nothing here locks; an array or vector has one user at a time. Offsets and lengths are
 * bytes from the start of the whole list. No function ever touches the data behind elements it
 * was not asked to copy.
 *
 *   QEMUIOVector    nalloc   iov points to
 *   local           >= 0     an array of nalloc elements of its own, grown as needed (NULL at 0)
 *   external        -1       somebody else's array, or local_iov: never grown, never freed
 *
 * The list of an external vector stays the property of its maker and must outlive the vector.
 */
#ifndef QAIO_BASE_IOV_H
#define QAIO_BASE_IOV_H

#include "base/osdep.h"

typedef struct QEMUIOVector {
    struct iovec *iov;
    int niov;
    int nalloc;             /* -1: external */
    size_t size;            /* the sum of the lengths, always */
    struct iovec local_iov; /* the list of qemu_iovec_init_buf */
} QEMUIOVector;

/* --- arrays --- */

/* The sum of the lengths. */
size_t iov_size(const struct iovec *iov, const unsigned int iov_cnt);

/* The general cases of the two inlines below; call those. */
size_t iov_from_buf_full(const struct iovec *iov, unsigned int iov_cnt, size_t offset,
                         const void *buf, size_t bytes);
size_t iov_to_buf_full(const struct iovec *iov, const unsigned int iov_cnt, size_t offset,
                       void *buf, size_t bytes);

/* Copy up to @bytes from @buf into the list, starting @offset bytes into it. Returns how many were
 * copied: fewer than @bytes if the list ends first. @offset must not lie past the end. */
static inline size_t iov_from_buf(const struct iovec *iov, unsigned int iov_cnt, size_t offset,
                                  const void *buf, size_t bytes)
{
    if (iov_cnt > 0 && offset <= iov[0].iov_len && bytes <= iov[0].iov_len - offset) {
        memcpy((char *)iov[0].iov_base + offset, buf, bytes);
        return bytes;
    }
    return iov_from_buf_full(iov, iov_cnt, offset, buf, bytes);
}

/* The same in the other direction: from the list to @buf. */
static inline size_t iov_to_buf(const struct iovec *iov, const unsigned int iov_cnt, size_t offset,
                                void *buf, size_t bytes)
{
    if (iov_cnt > 0 && offset <= iov[0].iov_len && bytes <= iov[0].iov_len - offset) {
        memcpy(buf, (char *)iov[0].iov_base + offset, bytes);
        return bytes;
    }
    return iov_to_buf_full(iov, iov_cnt, offset, buf, bytes);
}

/* Set up to @bytes at @offset to @fillc. Returns how many, as iov_from_buf. */
size_t iov_memset(const struct iovec *iov, const unsigned int iov_cnt, size_t offset, int fillc,
                  size_t bytes);

/* Make @dst_iov describe the same memory as @bytes of @iov from @offset on. No data is copied.
 * Returns the number of elements written: it stops after @dst_iov_cnt or at the end of @iov. */
unsigned iov_copy(struct iovec *dst_iov, unsigned int dst_iov_cnt, const struct iovec *iov,
                  unsigned int iov_cnt, size_t offset, size_t bytes);

/* Cut @bytes off the front: *@iov moves on to the first element left, whose base and length are
 * changed in place, and *@iov_cnt shrinks. Returns how many bytes were cut (fewer: list is empty).
 */
size_t iov_discard_front(struct iovec **iov, unsigned int *iov_cnt, size_t bytes);

/* Cut @bytes off the end; the length of the last element left is changed in place. */
size_t iov_discard_back(struct iovec *iov, unsigned int *iov_cnt, size_t bytes);

/* What a discard changed, for putting it back. */
typedef struct IOVDiscardUndo {
    struct iovec *modified_iov; /* NULL: no element was changed in place */
    struct iovec orig;
} IOVDiscardUndo;

/* The same two, remembering in @undo (unless NULL) the one element they change. */
size_t iov_discard_front_undoable(struct iovec **iov, unsigned int *iov_cnt, size_t bytes,
                                  IOVDiscardUndo *undo);
size_t iov_discard_back_undoable(struct iovec *iov, unsigned int *iov_cnt, size_t bytes,
                                 IOVDiscardUndo *undo);

/* Restore the element. Array pointer and count are the caller's to restore. If both ends of an
 * array were cut, undo in reverse order. */
void iov_discard_undo(IOVDiscardUndo *undo);

/* --- QEMUIOVector --- */

/* A static or stack vector over one buffer, as by qemu_iovec_init_buf. */
#define QEMU_IOVEC_INIT_BUF(self, buf, len)                                              \
    {                                                                                    \
        .iov = &(self).local_iov, .niov = 1, .nalloc = -1, .size = (len), .local_iov = { \
            .iov_base = (void *)(buf),                                                   \
            .iov_len = (len)                                                             \
        }                                                                                \
    }

/* Empty and local, with room for @alloc_hint elements. Needs qemu_iovec_destroy. */
void qemu_iovec_init(QEMUIOVector *qiov, int alloc_hint);

/* External, over one buffer; @buf stays the caller's. Allocates nothing. @qiov points into itself:
 * do not copy it. */
static inline void qemu_iovec_init_buf(QEMUIOVector *qiov, void *buf, size_t len)
{
    qiov->iov = &qiov->local_iov;
    qiov->niov = 1;
    qiov->nalloc = -1;
    qiov->size = len;
    qiov->local_iov.iov_base = buf;
    qiov->local_iov.iov_len = len;
}

/* External, over @niov elements at @iov. Allocates nothing. */
static inline void qemu_iovec_init_external(QEMUIOVector *qiov, struct iovec *iov, int niov)
{
    qiov->iov = iov;
    qiov->niov = niov;
    qiov->nalloc = -1;
    qiov->size = niov == 1 ? iov[0].iov_len : iov_size(iov, niov);
}

/* The address of the data if the vector has exactly one element, else NULL. */
static inline void *qemu_iovec_buf(const QEMUIOVector *qiov)
{
    return qiov->niov == 1 ? qiov->iov[0].iov_base : NULL;
}

/* Make @qiov describe the same memory as @len bytes of @source from @offset on, which must lie
 * inside it. One element: external, allocates nothing. More: local. Needs qemu_iovec_destroy. */
void qemu_iovec_init_slice(QEMUIOVector *qiov, QEMUIOVector *source, size_t offset, size_t len);

/* The elements of @qiov that hold @len bytes (not 0) from @offset on, which must lie inside it.
 * Returns the first of them (still @qiov's) and their number in *@niov; *@head and *@tail are the
 * bytes in the first before the range and in the last after it. */
struct iovec *qemu_iovec_slice(QEMUIOVector *qiov, size_t offset, size_t len, size_t *head,
                               size_t *tail, int *niov);

/* Append one element. @qiov must be local. */
void qemu_iovec_add(QEMUIOVector *qiov, void *base, size_t len);

/* Append what describes the same memory as @sbytes of @src from @soffset on, or as much as there
 * is.
 * @dst must be local. The second returns the number of bytes appended. */
void qemu_iovec_concat(QEMUIOVector *dst, QEMUIOVector *src, size_t soffset, size_t sbytes);
size_t qemu_iovec_concat_iov(QEMUIOVector *dst, struct iovec *src_iov, unsigned int src_cnt,
                             size_t soffset, size_t sbytes);

/* Free the list if it is local, and zero @qiov. Never touches the data. */
void qemu_iovec_destroy(QEMUIOVector *qiov);

/* Back to empty, keeping the array. @qiov must be local. */
void qemu_iovec_reset(QEMUIOVector *qiov);

/* iov_to_buf, iov_from_buf and iov_memset of the vector. */
size_t qemu_iovec_to_buf(QEMUIOVector *qiov, size_t offset, void *buf, size_t bytes);
size_t qemu_iovec_from_buf(QEMUIOVector *qiov, size_t offset, const void *buf, size_t bytes);
size_t qemu_iovec_memset(QEMUIOVector *qiov, size_t offset, int fillc, size_t bytes);

/* The offset of the first byte in which two vectors of equal layout differ, -1 if none. */
ssize_t qemu_iovec_compare(QEMUIOVector *a, QEMUIOVector *b);

/* Cut @bytes off the end, all of which must be there. Changes the list in place, and so an external
 * list as well. */
void qemu_iovec_discard_back(QEMUIOVector *qiov, size_t bytes);

/* Whether address and length of every element are multiples of @alignment, a power of two. */
static inline bool qemu_iovec_is_aligned(const QEMUIOVector *qiov, size_t alignment)
{
    uintptr_t bits = 0;

    for (int i = 0; i < qiov->niov; i++) {
        bits |= (uintptr_t)qiov->iov[i].iov_base | qiov->iov[i].iov_len;
    }
    return (bits & (alignment - 1)) == 0;
}

#endif
