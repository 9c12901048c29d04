/*
 * The kinds of request that file-posix.c hands to its backends.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_BLOCK_RAW_AIO_H
#define QAIO_BLOCK_RAW_AIO_H

#define QEMU_AIO_READ    0x0001
#define QEMU_AIO_WRITE   0x0002
#define QEMU_AIO_FLUSH   0x0008
#define QEMU_AIO_DISCARD 0x0010

/* The buffers cannot be used for direct I/O; the worker copies. */
#define QEMU_AIO_MISALIGNED 0x1000

#endif
