/*
 * Drivers over a file descriptor: `file` for regular files, `host_device` for block devices.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which way does a request go?
 *
 *     read, write   direct I/O, buffers aligned, native  → linux-aio
 *                   direct I/O, buffers not aligned       → a worker, which copies (MISALIGNED)
 *                   else                                  → a worker
 *     flush         native, and kernel and file can       → linux-aio (IO_CMD_FDSYNC), else a
 * worker discard       always a worker
 */
#include "base/osdep.h"
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "base/memalign.h"
#include "block/block_int.h"
#include "block/linux-aio.h"
#include "block/raw-aio.h"
#include "block/thread-pool.h"

/* More than any device asks for: what remains when nothing can be found out. */
#define FALLBACK_ALIGNMENT 4096

typedef struct BDRVRawState {
    int fd;              /* the opener's */
    LinuxAioState *laio; /* NULL: not native */
    bool needs_alignment;
    bool is_device;
    bool no_native_flush; /* io_submit refused IO_CMD_FDSYNC on this file */
} BDRVRawState;

/* ---- what workers do ----------------------------------------------------------------------- */

/* A request on its way through a worker. On the stack of the coroutine that waits for it. */
typedef struct RawPosixAIOData {
    BDRVRawState *s;
    int type;
    BdrvRequestFlags flags;
    int64_t offset;
    int64_t bytes;
    QEMUIOVector *qiov;
    size_t alignment; /* for the copy of a misaligned request */
} RawPosixAIOData;

/*
 * Transfer all of @iov, which is altered, by as many system calls as it takes. Returns the bytes
 * moved, fewer than asked for only at the end of the file, or -errno.
 */
static ssize_t handle_aiocb_rw_vector(RawPosixAIOData *acb, struct iovec *iov, unsigned niov)
{
    int rwf = acb->flags & BDRV_REQ_FUA ? RWF_DSYNC : 0;
    int64_t done = 0;
    ssize_t len;

    while (done < acb->bytes) {
        len = acb->type & QEMU_AIO_WRITE
                  ? pwritev2(acb->s->fd, iov, MIN(niov, IOV_MAX), acb->offset + done, rwf)
                  : preadv2(acb->s->fd, iov, MIN(niov, IOV_MAX), acb->offset + done, 0);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len == 0 || (len < 0 && errno == EINVAL && done > 0 && acb->s->needs_alignment)) {
            /* The end of the file, which direct I/O shows by refusing to go on from where it lies.
             */
            break;
        }
        if (len < 0) {
            return -errno;
        }
        done += len;
        iov_discard_front(&iov, &niov, len);
    }
    return done;
}

/* The same through a buffer that the device can use. */
static ssize_t handle_aiocb_rw_bounce(RawPosixAIOData *acb)
{
    void *buf = qemu_try_memalign(acb->alignment, acb->bytes);
    struct iovec iov = { .iov_base = buf, .iov_len = acb->bytes };
    ssize_t ret;

    if (!buf) {
        return -ENOMEM;
    }
    if (acb->type & QEMU_AIO_WRITE) {
        qemu_iovec_to_buf(acb->qiov, 0, buf, acb->bytes);
    }
    ret = handle_aiocb_rw_vector(acb, &iov, 1);
    if (ret > 0 && (acb->type & QEMU_AIO_READ)) {
        qemu_iovec_from_buf(acb->qiov, 0, buf, ret);
    }
    qemu_vfree(buf);
    return ret;
}

/* The transfer alters the vector it works on, which is the submitter's: work on a copy. */
static ssize_t handle_aiocb_rw_copy(RawPosixAIOData *acb)
{
    struct iovec *iov = g_memdup2(acb->qiov->iov, acb->qiov->niov * sizeof(*iov));
    ssize_t ret = handle_aiocb_rw_vector(acb, iov, acb->qiov->niov);

    g_free(iov);
    return ret;
}

static ssize_t handle_aiocb_rw_aligned(RawPosixAIOData *acb)
{
    struct iovec iov;

    if (acb->qiov->niov != 1) {
        return handle_aiocb_rw_copy(acb);
    }
    iov = acb->qiov->iov[0];
    return handle_aiocb_rw_vector(acb, &iov, 1);
}

static int handle_aiocb_rw(void *opaque)
{
    RawPosixAIOData *acb = opaque;
    ssize_t ret = acb->type & QEMU_AIO_MISALIGNED ? handle_aiocb_rw_bounce(acb)
                                                  : handle_aiocb_rw_aligned(acb);

    if (ret < 0) {
        return ret;
    }
    if (ret < acb->bytes && (acb->type & QEMU_AIO_WRITE)) {
        return -ENOSPC;
    }
    if (ret < acb->bytes) {
        /* Past the end of the file, where there are zeroes. */
        qemu_iovec_memset(acb->qiov, ret, 0, acb->bytes - ret);
    }
    return 0;
}

static int handle_aiocb_flush(void *opaque)
{
    RawPosixAIOData *acb = opaque;

    return fdatasync(acb->s->fd) < 0 ? -errno : 0;
}

int raw_discard_now(int fd, bool is_device, int64_t offset, int64_t bytes)
{
    uint64_t range[2] = { offset, bytes };
    int ret;

    do {
        ret = is_device ? ioctl(fd, BLKDISCARD, range)
                        : fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? -errno : 0;
}

static int handle_aiocb_discard(void *opaque)
{
    RawPosixAIOData *acb = opaque;

    return raw_discard_now(acb->s->fd, acb->s->is_device, acb->offset, acb->bytes);
}

static int coroutine_fn raw_thread_pool_submit(BlockDriverState *bs, ThreadPoolFunc func,
                                               RawPosixAIOData *acb)
{
    acb->s = bs->opaque;
    return thread_pool_submit_co(aio_get_thread_pool(bs->aio_context), func, acb);
}

/* ---- requests ------------------------------------------------------------------------------ */

static QAIO_NOINLINE int coroutine_fn raw_co_prw_in_thread(BlockDriverState *bs, int64_t offset,
                                                           int64_t bytes, QEMUIOVector *qiov,
                                                           int type, BdrvRequestFlags flags)
{
    RawPosixAIOData acb = {
        .type = type,
        .flags = flags,
        .offset = offset,
        .bytes = bytes,
        .qiov = qiov,
        .alignment = bs->bl.min_mem_alignment,
    };

    return raw_thread_pool_submit(bs, handle_aiocb_rw, &acb);
}

static int coroutine_fn raw_co_prw(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                   QEMUIOVector *qiov, int type, BdrvRequestFlags flags)
{
    BDRVRawState *s = bs->opaque;

    if (unlikely(s->needs_alignment && !bdrv_qiov_is_aligned(bs, qiov))) {
        type |= QEMU_AIO_MISALIGNED;
    } else if (likely(s->laio)) {
        return laio_co_submit(s->laio, s->fd, offset, qiov, type, flags, 0);
    }
    return raw_co_prw_in_thread(bs, offset, bytes, qiov, type, flags);
}

static int coroutine_fn raw_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                      QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    return raw_co_prw(bs, offset, bytes, qiov, QEMU_AIO_READ, flags);
}

static int coroutine_fn raw_co_flush_to_disk(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;
    RawPosixAIOData acb = { .type = QEMU_AIO_FLUSH };
    int ret;

    if (s->laio && !s->no_native_flush) {
        ret = laio_co_submit(s->laio, s->fd, 0, NULL, QEMU_AIO_FLUSH, 0, 0);
        if (ret != -EINVAL) {
            return ret;
        }
        s->no_native_flush = true;
    }
    return raw_thread_pool_submit(bs, handle_aiocb_flush, &acb);
}

static int coroutine_fn raw_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                       QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    int ret = raw_co_prw(bs, offset, bytes, qiov, QEMU_AIO_WRITE, flags);

    if (unlikely(ret == -EOPNOTSUPP && (flags & BDRV_REQ_FUA))) {
        /* No RWF_DSYNC here: a flush makes the write as stable, along with all others. */
        ret = raw_co_prw(bs, offset, bytes, qiov, QEMU_AIO_WRITE, flags & ~BDRV_REQ_FUA);
        ret = ret ?: raw_co_flush_to_disk(bs);
    }
    return ret;
}

static int coroutine_fn raw_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    RawPosixAIOData acb = { .type = QEMU_AIO_DISCARD, .offset = offset, .bytes = bytes };

    if (bytes == 0) {
        return 0; /* the kernel calls it invalid */
    }
    return raw_thread_pool_submit(bs, handle_aiocb_discard, &acb);
}

static void raw_aio_plug(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;

    if (s->laio) {
        laio_io_plug(s->laio);
    }
}

static void raw_aio_unplug(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;

    if (s->laio) {
        laio_io_unplug(s->laio);
    }
}

/* ---- opening ------------------------------------------------------------------------------- */

static int64_t raw_getlength(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;
    off_t size = lseek(s->fd, 0, SEEK_END);

    return size < 0 ? -errno : size;
}

/* What the kernel says of direct I/O on the file itself (Linux 6.1 on, some filesystems). */
static bool probe_alignment_statx(BDRVRawState *s, BlockLimits *bl)
{
#ifdef STATX_DIOALIGN
    struct statx stx;

    if (syscall(SYS_statx, s->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) < 0 ||
        !(stx.stx_mask & STATX_DIOALIGN) || !stx.stx_dio_offset_align) {
        return false;
    }
    bl->request_alignment = stx.stx_dio_offset_align;
    bl->min_mem_alignment = MAX(stx.stx_dio_mem_align, 1);
    return true;
#else
    return false;
#endif
}

static bool probe_alignment_device(BDRVRawState *s, BlockLimits *bl)
{
    int sector_size;

    if (!s->is_device || ioctl(s->fd, BLKSSZGET, &sector_size) < 0 || sector_size <= 0) {
        return false;
    }
    bl->request_alignment = sector_size;
    bl->min_mem_alignment = sector_size;
    return true;
}

/* Would the file let us read @len bytes into @buf? Reading nothing, at its end, is a yes too. */
static bool try_read(int fd, void *buf, size_t len)
{
    ssize_t ret;

    do {
        ret = pread(fd, buf, len, 0);
    } while (ret < 0 && errno == EINTR);
    return ret >= 0 || errno != EINVAL;
}

/* Ask the file itself: the smallest length, and the smallest buffer alignment, that it takes. */
static bool probe_alignment_read(BDRVRawState *s, BlockLimits *bl)
{
    char *buf = qemu_memalign(FALLBACK_ALIGNMENT, 2 * FALLBACK_ALIGNMENT);
    size_t align;

    for (align = 512; align <= FALLBACK_ALIGNMENT && !try_read(s->fd, buf, align); align *= 2) {
        /* longer */
    }
    if (align > FALLBACK_ALIGNMENT) {
        qemu_vfree(buf);
        return false;
    }
    bl->request_alignment = align;
    for (align = 4; align < FALLBACK_ALIGNMENT && !try_read(s->fd, buf + align, FALLBACK_ALIGNMENT);
         align *= 2) {
        /* coarser */
    }
    bl->min_mem_alignment = align;
    qemu_vfree(buf);
    return true;
}

static int raw_probe_alignment(BlockDriverState *bs, Error **errp)
{
    BDRVRawState *s = bs->opaque;

    if (!s->needs_alignment) {
        bs->bl = (BlockLimits){ .request_alignment = 1, .min_mem_alignment = 1 };
    } else if (!probe_alignment_statx(s, &bs->bl) && !probe_alignment_device(s, &bs->bl) &&
               !probe_alignment_read(s, &bs->bl)) {
        error_setg(errp, "%s: no alignment of direct I/O gets through: use buffered I/O",
                   bs->filename);
        return -EINVAL;
    }
    return 0;
}

/* Native AIO blocks in io_submit when the page cache is in play, so it comes only with direct I/O.
 */
static int raw_attach_laio(BlockDriverState *bs, Error **errp)
{
    BDRVRawState *s = bs->opaque;

    if (!(bs->open_flags & BDRV_O_NATIVE_AIO)) {
        return 0;
    }
    if (!s->needs_alignment) {
        error_setg(errp, "%s: native AIO needs direct I/O", bs->filename);
        return -EINVAL;
    }
    s->laio = aio_get_linux_aio(bs->aio_context);
    if (!s->laio) {
        s->laio = aio_setup_linux_aio(bs->aio_context, LAIO_DEFAULT_MAX_EVENTS, errp);
    }
    return s->laio ? 0 : -EIO;
}

static int raw_open(BlockDriverState *bs, int fd, bool is_device, Error **errp)
{
    BDRVRawState *s = g_new0(BDRVRawState, 1);
    int ret;

    s->fd = fd;
    s->is_device = is_device;
    s->needs_alignment = bs->open_flags & BDRV_O_NOCACHE;
    bs->opaque = s;
    ret = raw_attach_laio(bs, errp);
    if (ret < 0) {
        g_free(s);
        return ret;
    }
    ret = raw_probe_alignment(bs, errp);
    if (ret < 0) {
        g_free(s);
    }
    return ret;
}

static int file_open(BlockDriverState *bs, int fd, Error **errp)
{
    return raw_open(bs, fd, false, errp);
}

static int hdev_open(BlockDriverState *bs, int fd, Error **errp)
{
    return raw_open(bs, fd, true, errp);
}

static void raw_close(BlockDriverState *bs)
{
    g_free(bs->opaque);
}

#define RAW_CALLBACKS                                                                          \
    .bdrv_close = raw_close, .bdrv_getlength = raw_getlength, .bdrv_co_preadv = raw_co_preadv, \
    .bdrv_co_pwritev = raw_co_pwritev, .bdrv_co_pdiscard = raw_co_pdiscard,                    \
    .bdrv_co_flush_to_disk = raw_co_flush_to_disk, .bdrv_io_plug = raw_aio_plug,               \
    .bdrv_io_unplug = raw_aio_unplug

BlockDriver bdrv_file = {
    .format_name = "file",
    .bdrv_open = file_open,
    RAW_CALLBACKS,
};

BlockDriver bdrv_host_device = {
    .format_name = "host_device",
    .bdrv_open = hdev_open,
    RAW_CALLBACKS,
};
