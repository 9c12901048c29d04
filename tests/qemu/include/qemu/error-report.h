/* QEMU's name for what prints an Error.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_ERROR_REPORT_H
#define QAIO_TESTS_QEMU_QEMU_ERROR_REPORT_H

#include "base/error.h"

#endif
