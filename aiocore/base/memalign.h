/* Memory at a given alignment, for buffers that O_DIRECT sees and for cache-aligned blocks.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_BASE_MEMALIGN_H
#define QAIO_BASE_MEMALIGN_H

#include "base/osdep.h"

/* @size bytes, uninitialised, aligned to @alignment (a power of two; raised to that of a pointer).
 * A size of 0 gives a pointer that may be freed. NULL when memory is short. Any thread. */
void *qemu_try_memalign(size_t alignment, size_t size);

/* The same, but aborts with a message when memory is short, as g_malloc does. */
void *qemu_memalign(size_t alignment, size_t size);

/* Free what the two above returned; NULL is fine. Keeps errno. */
void qemu_vfree(void *ptr);

#endif
