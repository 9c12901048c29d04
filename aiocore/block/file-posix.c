/*
 * Drivers over a file descriptor: `file` for regular files, `host_device` for block devices.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which way does a request go?
 *
 *     read, write   io_uring, buffers fit                → io_uring
 *                   direct I/O, buffers aligned, native  → linux-aio
 *                   direct I/O, buffers not aligned       → a worker, which copies (MISALIGNED)
 *                   else                                  → a worker
 *     flush         native, and kernel and file can       → linux-aio (IO_CMD_FDSYNC), else a
 * worker discard       always a worker
 */
#include "base/osdep.h"
#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "base/memalign.h"
#include "block/block_int.h"
#include "block/io_uring.h"
#include "block/linux-aio.h"
#include "block/raw-aio.h"
#include "block/raw-worker.h"
#include "block/thread-pool.h"

/* More than any device asks for: what remains when nothing can be found out. */
#define FALLBACK_ALIGNMENT 4096

/* The most that the kernel transfers in one request, in whole pages. */
#define MAX_RW_BYTES 0x7ffff000u

typedef struct BDRVRawState {
    int fd;              /* the opener's */
    LinuxAioState *laio; /* NULL: not native */
    LuringState *luring; /* NULL: not io_uring */
    uint64_t aio_max_batch;
    bool needs_alignment;
    bool is_device;
    bool no_native_flush; /* io_submit refused IO_CMD_FDSYNC on this file */
    bool no_write_zeroes; /* the kernel has no way for this file */
} BDRVRawState;

/* ---- requests ------------------------------------------------------------------------------ */

static int coroutine_fn raw_thread_pool_submit(BlockDriverState *bs, ThreadPoolFunc func,
                                               RawPosixAIOData *acb)
{
    const BDRVRawState *s = bs->opaque;

    acb->fd = s->fd;
    acb->is_device = s->is_device;
    acb->direct = s->needs_alignment;
    return thread_pool_submit_co(aio_get_thread_pool(bs->aio_context), func, acb);
}

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
        return laio_co_submit(s->laio, s->fd, offset, qiov, type, flags, s->aio_max_batch);
    } else if (s->luring) {
        return luring_co_submit(s->luring, s->fd, offset, qiov, type, flags);
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

    if (s->luring) {
        return luring_co_submit(s->luring, s->fd, 0, NULL, QEMU_AIO_FLUSH, 0);
    }
    if (s->laio && !s->no_native_flush) {
        ret = laio_co_submit(s->laio, s->fd, 0, NULL, QEMU_AIO_FLUSH, 0, s->aio_max_batch);
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

static int coroutine_fn raw_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                             BdrvRequestFlags flags)
{
    BDRVRawState *s = bs->opaque;
    RawPosixAIOData acb = {
        .type = QEMU_AIO_WRITE_ZEROES, .flags = flags, .offset = offset, .bytes = bytes
    };
    int ret;

    if (s->no_write_zeroes) {
        return -ENOTSUP;
    }
    ret = raw_thread_pool_submit(bs, handle_aiocb_write_zeroes, &acb);
    s->no_write_zeroes = ret == -ENOTSUP;
    return ret;
}

static int coroutine_fn file_co_truncate(BlockDriverState *bs, int64_t offset,
                                         PreallocMode prealloc, Error **errp)
{
    RawPosixAIOData acb = {
        .type = QEMU_AIO_TRUNCATE, .offset = bs->total_bytes, .bytes = offset, .prealloc = prealloc
    };
    int ret = raw_thread_pool_submit(bs, handle_aiocb_truncate, &acb);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s: cannot be made %" PRId64 " bytes long", bs->filename,
                         offset);
    }
    return ret;
}

static void raw_aio_plug(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;

    if (s->laio) {
        laio_io_plug(s->laio);
    } else if (s->luring) {
        luring_io_plug(s->luring);
    }
}

static void raw_aio_unplug(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;

    if (s->laio) {
        laio_io_unplug(s->laio);
    } else if (s->luring) {
        luring_io_unplug(s->luring);
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
static int attach_laio(BlockDriverState *bs, Error **errp)
{
    BDRVRawState *s = bs->opaque;

    if (!s->needs_alignment) {
        error_setg(errp, "%s: native AIO needs direct I/O", bs->filename);
        return -EINVAL;
    }
    s->laio = aio_get_linux_aio(bs->aio_context)
                  ?: aio_setup_linux_aio(bs->aio_context, LAIO_DEFAULT_MAX_EVENTS, errp);
    return s->laio ? 0 : -EIO;
}

static int attach_luring(BlockDriverState *bs, Error **errp)
{
    BDRVRawState *s = bs->opaque;

    s->luring = aio_get_linux_io_uring(bs->aio_context)
                    ?: aio_setup_linux_io_uring(bs->aio_context, LAIO_DEFAULT_MAX_EVENTS, errp);
    return s->luring ? 0 : -EIO;
}

static int raw_attach_aio_context(BlockDriverState *bs, Error **errp)
{
    if (bs->open_flags & BDRV_O_NATIVE_AIO) {
        return attach_laio(bs, errp);
    }
    if (bs->open_flags & BDRV_O_IO_URING) {
        return attach_luring(bs, errp);
    }
    return 0;
}

static int raw_open(BlockDriverState *bs, const BlockdevOptions *options, bool is_device,
                    Error **errp)
{
    BDRVRawState *s = g_new0(BDRVRawState, 1);
    int ret;

    s->fd = options->fd;
    s->aio_max_batch = options->aio_max_batch;
    s->is_device = is_device;
    s->needs_alignment = bs->open_flags & BDRV_O_NOCACHE;
    bs->opaque = s;
    ret = raw_attach_aio_context(bs, errp);
    if (ret < 0) {
        g_free(s);
        return ret;
    }
    ret = raw_probe_alignment(bs, errp);
    if (ret < 0) {
        g_free(s);
        return ret;
    }
    bs->bl.max_iov = IOV_MAX;
    bs->bl.max_transfer = MAX_RW_BYTES;
    return 0;
}

/* Whoever names a driver may name the wrong one. */
static bool check_kind(BlockDriverState *bs, int fd, mode_t kind, const char *hint, Error **errp)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "%s: cannot tell what it is", bs->filename);
        return false;
    }
    if ((st.st_mode & S_IFMT) != kind) {
        error_setg(errp, "%s: driver %s is not for it: %s", bs->filename, bs->drv->format_name,
                   hint);
        return false;
    }
    return true;
}

static int file_open(BlockDriverState *bs, const BlockdevOptions *options, Error **errp)
{
    if (!check_kind(bs, options->fd, S_IFREG, "name a regular file, or use host_device", errp)) {
        return -EINVAL;
    }
    return raw_open(bs, options, false, errp);
}

static int hdev_open(BlockDriverState *bs, const BlockdevOptions *options, Error **errp)
{
    if (!check_kind(bs, options->fd, S_IFBLK, "name a block device, or use file", errp)) {
        return -EINVAL;
    }
    return raw_open(bs, options, true, errp);
}

static void raw_close(BlockDriverState *bs)
{
    g_free(bs->opaque);
}

#define RAW_CALLBACKS                                                                             \
    .bdrv_close = raw_close, .bdrv_getlength = raw_getlength, .bdrv_co_preadv = raw_co_preadv,    \
    .bdrv_co_pwritev = raw_co_pwritev, .bdrv_co_pdiscard = raw_co_pdiscard,                       \
    .bdrv_co_flush_to_disk = raw_co_flush_to_disk, .bdrv_co_pwrite_zeroes = raw_co_pwrite_zeroes, \
    .bdrv_io_plug = raw_aio_plug, .bdrv_io_unplug = raw_aio_unplug,                               \
    .bdrv_attach_aio_context = raw_attach_aio_context

BlockDriver bdrv_file = {
    .format_name = "file",
    .bdrv_open = file_open,
    .bdrv_co_truncate = file_co_truncate,
    RAW_CALLBACKS,
};

BlockDriver bdrv_host_device = {
    .format_name = "host_device",
    .bdrv_open = hdev_open,
    RAW_CALLBACKS,
};
