/*
 * What worker threads do to files and devices for file-posix.c.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "base/memalign.h"
#include "block/raw-aio.h"
#include "block/raw-worker.h"

/* A file is filled by pieces of this size. */
#define FILL_BYTES (1024 * 1024)

/* ---- reading and writing -------------------------------------------------------------------- */

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
                  ? pwritev2(acb->fd, iov, MIN(niov, IOV_MAX), acb->offset + done, rwf)
                  : preadv2(acb->fd, iov, MIN(niov, IOV_MAX), acb->offset + done, 0);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len == 0 || (len < 0 && errno == EINVAL && done > 0 && acb->direct)) {
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

int handle_aiocb_rw(void *opaque)
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

int handle_aiocb_flush(void *opaque)
{
    RawPosixAIOData *acb = opaque;

    return fdatasync(acb->fd) < 0 ? -errno : 0;
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

int handle_aiocb_discard(void *opaque)
{
    RawPosixAIOData *acb = opaque;

    return raw_discard_now(acb->fd, acb->is_device, acb->offset, acb->bytes);
}

/* EINTR is tried again. 0 or -errno. */
static int do_fallocate(int fd, int mode, off_t offset, off_t len)
{
    int ret;

    do {
        ret = fallocate(fd, mode, offset, len);
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? -errno : 0;
}

/* "Not here" has several names. */
static int translate_err(int ret)
{
    return ret == -ENODEV || ret == -ENOSYS || ret == -EOPNOTSUPP || ret == -ENOTTY ? -ENOTSUP
                                                                                    : ret;
}

/* Zeroes on a block device; the kernel writes them itself if the device has no way of its own. */
static int zero_device(RawPosixAIOData *acb)
{
    uint64_t range[2] = { acb->offset, acb->bytes };
    int ret = -ENOTSUP;

    if (acb->flags & BDRV_REQ_MAY_UNMAP) {
        ret = do_fallocate(acb->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, acb->offset,
                           acb->bytes);
    }
    if (ret < 0) {
        do {
            ret = ioctl(acb->fd, BLKZEROOUT, range);
        } while (ret < 0 && errno == EINTR);
        ret = ret < 0 ? -errno : 0;
    }
    return translate_err(ret);
}

/* Past the end, a file is as long as it will be before anything else is done to it. */
static int grow_file(int fd, int64_t end)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    return end > st.st_size && ftruncate(fd, end) < 0 ? -errno : 0;
}

/* Whether it is for another way to do it: this one is not here, or the file system has something
 * against this range or this moment. */
static bool leaves_it_to_others(int ret)
{
    return translate_err(ret) == -ENOTSUP || ret == -EINVAL || ret == -EBUSY;
}

/*
 * Zeroes in a file, by what the file system has: a hole where one is allowed, a range that is
 * marked as zero, a hole that is filled with space again.
 */
static int zero_file(RawPosixAIOData *acb)
{
    int fd = acb->fd;
    int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    int ret = grow_file(fd, acb->offset + acb->bytes);

    if (ret == 0 && (acb->flags & BDRV_REQ_MAY_UNMAP)) {
        ret = do_fallocate(fd, punch, acb->offset, acb->bytes);
        if (!leaves_it_to_others(ret)) {
            return ret;
        }
        ret = 0;
    }
    if (ret == 0) {
        ret = do_fallocate(fd, FALLOC_FL_ZERO_RANGE, acb->offset, acb->bytes);
    }
    if (leaves_it_to_others(ret)) {
        ret = do_fallocate(fd, punch, acb->offset, acb->bytes);
        ret = ret ?: do_fallocate(fd, 0, acb->offset, acb->bytes);
    }
    return leaves_it_to_others(ret) ? -ENOTSUP : ret;
}

int handle_aiocb_write_zeroes(void *opaque)
{
    RawPosixAIOData *acb = opaque;

    return acb->is_device ? zero_device(acb) : zero_file(acb);
}

/* Write zeroes from @offset to @end, which need not lie where direct I/O could begin and end: so by
 * a descriptor without. */
static int fill_with_zeroes(int direct_fd, int64_t offset, int64_t end)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", direct_fd);
    g_autofree char *zeroes = g_malloc0(FILL_BYTES);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t len;
    int ret = 0;

    if (fd < 0) {
        return -errno;
    }
    while (ret == 0 && offset < end) {
        len = pwrite(fd, zeroes, MIN(end - offset, FILL_BYTES), offset);
        ret = len < 0 && errno != EINTR ? -errno : 0;
        offset += MAX(len, 0);
    }
    if (ret == 0 && fsync(fd) < 0) {
        ret = -errno;
    }
    close(fd);
    return ret;
}

/* acb->bytes: how long the file is to be; acb->offset: how long it is. */
int handle_aiocb_truncate(void *opaque)
{
    RawPosixAIOData *acb = opaque;
    int fd = acb->fd;
    int ret = 0;

    if (acb->bytes > acb->offset && acb->prealloc == PREALLOC_MODE_FALLOC) {
        ret = do_fallocate(fd, 0, acb->offset, acb->bytes - acb->offset);
    } else if (ftruncate(fd, acb->bytes) < 0) {
        ret = -errno;
    } else if (acb->prealloc == PREALLOC_MODE_FULL) {
        ret = fill_with_zeroes(fd, acb->offset, acb->bytes);
    }
    if (ret < 0 && acb->bytes > acb->offset && ftruncate(fd, acb->offset) < 0) {
        return ret; /* it stays longer than it was: the error that came first is told */
    }
    return ret;
}
