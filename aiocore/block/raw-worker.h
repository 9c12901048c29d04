/*
 * What worker threads do to files and devices for file-posix.c.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each function is a ThreadPoolFunc whose argument is a RawPosixAIOData: it makes blocking system
 * calls, and returns 0 or -errno. -ENOTSUP is for what kernel, file system or device do not have.
 */
#ifndef QAIO_BLOCK_RAW_WORKER_H
#define QAIO_BLOCK_RAW_WORKER_H

#include "block/block.h"

/* A request on its way through a worker. On the stack of the coroutine that waits for it. */
typedef struct RawPosixAIOData {
    int fd;
    bool is_device;
    bool direct; /* the descriptor is for direct I/O */
    int type;    /* QEMU_AIO_* */
    BdrvRequestFlags flags;
    int64_t offset;
    int64_t bytes;
    QEMUIOVector *qiov;
    size_t alignment; /* for the copy of a misaligned request */
    PreallocMode prealloc;
} RawPosixAIOData;

/* Read into or write from qiov all of bytes. A read past the end of a file finds zeroes there; a
 * write that does not get all of it through is -ENOSPC. */
int handle_aiocb_rw(void *opaque);

int handle_aiocb_flush(void *opaque);
int handle_aiocb_discard(void *opaque);

/* The quickest way first; BDRV_REQ_MAY_UNMAP allows a hole. */
int handle_aiocb_write_zeroes(void *opaque);

/* Make a file that is offset bytes long bytes long. On failure it is as long as it was. */
int handle_aiocb_truncate(void *opaque);

#endif
