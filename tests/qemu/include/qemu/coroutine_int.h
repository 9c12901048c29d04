/* QEMU's name for struct Coroutine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_COROUTINE_INT_H
#define QAIO_TESTS_QEMU_QEMU_COROUTINE_INT_H

#include "coroutine/coroutine_int.h"

#endif
