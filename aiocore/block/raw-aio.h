/*
 * The kinds of request that file-posix.c hands to its backends, and what else they share.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_BLOCK_RAW_AIO_H
#define QAIO_BLOCK_RAW_AIO_H

#include "base/osdep.h"

#define QEMU_AIO_READ         0x0001
#define QEMU_AIO_WRITE        0x0002
#define QEMU_AIO_FLUSH        0x0008
#define QEMU_AIO_DISCARD      0x0010
#define QEMU_AIO_WRITE_ZEROES 0x0020
#define QEMU_AIO_TRUNCATE     0x0080

/* The buffers cannot be used for direct I/O; the worker copies. */
#define QEMU_AIO_MISALIGNED 0x1000

/* Have @fd forget a range, @bytes not 0, which may take a while: BLKDISCARD on a device, a hole in
 * a file. 0 or -errno. */
int raw_discard_now(int fd, bool is_device, int64_t offset, int64_t bytes);

#endif
