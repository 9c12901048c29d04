/* QEMU's name for QemuLockable.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_LOCKABLE_H
#define QAIO_TESTS_QEMU_QEMU_LOCKABLE_H

#include "coroutine/lockable.h"

#endif
