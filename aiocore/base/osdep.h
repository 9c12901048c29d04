/* The prelude of every aiocore source file: config.h, libc, GLib and a handful of macros.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_BASE_OSDEP_H
#define QAIO_BASE_OSDEP_H

#include "config.h"

/* GNU extensions are expected everywhere; this works only because osdep.h is included first. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* MIN, MAX, G_N_ELEMENTS, g_assert and the memory functions come from here. */
#include <glib.h>

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* The structure of type @type whose @member is at @ptr. */
#ifndef container_of
#define container_of(ptr, type, member)                                            \
    ({                                                                             \
        const __typeof__(((type *)0)->member) *member_ptr_ = (ptr);                \
        (type *)(void *)((char *)(uintptr_t)member_ptr_ - offsetof(type, member)); \
    })
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) G_N_ELEMENTS(a)
#endif

#ifndef DIV_ROUND_UP
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#endif

/* @m need not be a power of two. @n is evaluated once, @m twice. */
#define QEMU_ALIGN_DOWN(n, m) ((n) / (m) * (m))
#define QEMU_ALIGN_UP(n, m)   QEMU_ALIGN_DOWN((n) + (m)-1, (m))
#define QEMU_IS_ALIGNED(n, m) (((n) % (m)) == 0)

/* Marks a function that may yield and so may be called from a coroutine only. For the reader. */
#define coroutine_fn

/* For the functions whose body must not be merged into their callers (see current-context.h). */
#define QAIO_NOINLINE __attribute__((noinline))

/* For what is rarely called: not in its callers, whose way it would lengthen, nor near them. */
#define QAIO_COLD __attribute__((noinline, cold))

/* For those on the hot path that a second caller would otherwise put behind a call there. */
#define QAIO_ALWAYS_INLINE inline __attribute__((always_inline))

#endif
