/* QEMU's name for the prelude, with the system headers and switches that its tests count on.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_OSDEP_H
#define QAIO_TESTS_QEMU_QEMU_OSDEP_H

#include "base/osdep.h"

#include <assert.h>
#include <glib-unix.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "qemu/thread.h"

/* Terminated coroutines are kept for reuse. */
#define CONFIG_COROUTINE_POOL 1

#endif
