/* The memory of one coroutine: guard page, stack and struct Coroutine in one mapping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     map                                                              map + map_size
 *      |  guard page  |  stack, growing down  <---  | struct Coroutine |  colour  |
 *      |  no access   |<------ stack_size --------->|                  | 0..4032  |
 *                                                        64-byte aligned
 *
 * The kernel hands out mappings at page boundaries, so the tops of all stacks, which is what a
 * coroutine touches, would fall into the same few sets of the L1 cache (its sets repeat every
 * 4 KiB): the ninth to thirteenth live coroutine would evict the first. The colour shifts each
 * new top by 17 cache lines more than the last one's, modulo 4 KiB. 17 is odd, so all 64 sets are
 * used before one repeats; it is a bit over 1 KiB, so the hot kilobytes of four successive
 * coroutines do not overlap.
 */
#ifndef QAIO_COROUTINE_STACK_H
#define QAIO_COROUTINE_STACK_H

#include "coroutine/coroutine_int.h"

/* Map a stack and prepare the struct Coroutine in it, everything zero but the fields for memory and
 * the empty wake-up queue. Any thread. Returns NULL with errno set when the kernel refuses. */
Coroutine *coroutine_stack_new(CoroutineBackend backend);

/* Unmap it. Nobody runs on it. Any thread. */
void coroutine_stack_free(Coroutine *co);

#endif
