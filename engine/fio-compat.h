/*
 * fio's headers, and what differs between the versions of fio that we build against.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This is the only place that includes fio. It comes before any other header, because fio's headers
 * expect fio's own configuration, which the build forces in, and no one else's macros.
 */
#ifndef QAIO_ENGINE_FIO_COMPAT_H
#define QAIO_ENGINE_FIO_COMPAT_H

#include "fio.h"
#include "optgroup.h"
#include "verify.h"

/* GLib and aiocore have their own, which are the same. */
#undef container_of
#undef ARRAY_SIZE

/* From 3.38 on fio counts asynchronous syncs right; before, it issues three times as many of them.
 */
#define QAIO_ASYNC_SYNC (FIO_IOOPS_VERSION >= 36)

#endif
