/* QEMU's name for the thread pool is aiocore's: on to that one.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_BLOCK_THREAD_POOL_H
#define QAIO_TESTS_QEMU_BLOCK_THREAD_POOL_H

#include_next "block/thread-pool.h"

#endif
