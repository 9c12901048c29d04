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
 * new top by 3 cache lines more than the last one's, modulo 4 KiB. Of coroutines that touch 1 KiB
 * each, at most 6 meet in a set. 3 is odd, so all 64 sets serve as tops before one repeats, and it
 * is small, so that tops follow one another at an even distance for some twenty coroutines: the
 * prefetcher sees that, which pays when thousands are live. (Measured with 10,000: a step of 17
 * costs an eighth more, no colour half as much again; no colour costs two thirds more with 10.)
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
