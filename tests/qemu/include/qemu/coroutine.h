/* QEMU's name for the coroutines and their locks.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_COROUTINE_H
#define QAIO_TESTS_QEMU_QEMU_COROUTINE_H

#include "coroutine/co-mutex.h"
#include "coroutine/co-queue.h"
#include "coroutine/co-rwlock.h"
#include "coroutine/coroutine.h"

#endif
