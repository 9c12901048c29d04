/* QEMU's name for the block layer is aiocore's: on to that one, and to BlockAIOCB.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_BLOCK_BLOCK_H
#define QAIO_TESTS_QEMU_BLOCK_BLOCK_H

#include_next "block/block.h"

#include "block/aiocb.h"

#endif
