/* QEMU's name for AioContext.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_BLOCK_AIO_H
#define QAIO_TESTS_QEMU_BLOCK_AIO_H

#include "base/atomic.h"
#include "loop/aio.h"

#endif
