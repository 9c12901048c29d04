/* QEMU's name for Error.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QAPI_ERROR_H
#define QAIO_TESTS_QEMU_QAPI_ERROR_H

#include "base/error.h"

/* QEMU's tests end the program by it when their set-up fails: that they may do with more noise. */
#define error_fatal error_abort

#endif
