/* QEMU's name for clocks and timers.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_TIMER_H
#define QAIO_TESTS_QEMU_QEMU_TIMER_H

#include "base/timer.h"

#endif
