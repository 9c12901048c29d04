/* Atomic operations under QEMU's names, over the compiler's __atomic builtins.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Memory orders:
 *
 *   qatomic_read, qatomic_set                     relaxed: no tearing, no order
 *   qatomic_load_acquire                          what follows stays after it
 *   qatomic_store_release                         what precedes stays before it
 *   qatomic_xchg, _cmpxchg, _fetch_*, _inc, ...   sequentially consistent
 *   smp_mb                                        full fence
 *   smp_rmb, smp_wmb                              acquire and release fences, which
 *                                                 order at least loads and stores
 *
 * qatomic_read and qatomic_set have no order on their own; where two threads communicate
 * through them a fence stands next to each, and its comment names the partner.
 *
 * TSan takes no notice of fences, and that is as it should be: what one thread prepares for another
 * it hands over with an operation that has an order of its own, and TSan finds the places where it
 * does not. Fences only decide who of two threads sees the other's flag.
 */
#ifndef QAIO_BASE_ATOMIC_H
#define QAIO_BASE_ATOMIC_H

#define qatomic_read(ptr)   __atomic_load_n((ptr), __ATOMIC_RELAXED)
#define qatomic_set(ptr, v) __atomic_store_n((ptr), (v), __ATOMIC_RELAXED)

#define qatomic_load_acquire(ptr)     __atomic_load_n((ptr), __ATOMIC_ACQUIRE)
#define qatomic_store_release(ptr, v) __atomic_store_n((ptr), (v), __ATOMIC_RELEASE)

#define qatomic_xchg(ptr, v) __atomic_exchange_n((ptr), (v), __ATOMIC_SEQ_CST)

/* Stores @new_ if *@ptr is @old. Returns what was there: equal to @old means it was stored. */
#define qatomic_cmpxchg(ptr, old, new_)                                                   \
    ({                                                                                    \
        __typeof__(*(ptr)) seen_ = (old);                                                 \
        (void)__atomic_compare_exchange_n((ptr), &seen_, (new_), false, __ATOMIC_SEQ_CST, \
                                          __ATOMIC_SEQ_CST);                              \
        seen_;                                                                            \
    })

/* These return the value from before the operation. */
#define qatomic_fetch_inc(ptr)    __atomic_fetch_add((ptr), 1, __ATOMIC_SEQ_CST)
#define qatomic_fetch_dec(ptr)    __atomic_fetch_sub((ptr), 1, __ATOMIC_SEQ_CST)
#define qatomic_fetch_add(ptr, n) __atomic_fetch_add((ptr), (n), __ATOMIC_SEQ_CST)
#define qatomic_fetch_sub(ptr, n) __atomic_fetch_sub((ptr), (n), __ATOMIC_SEQ_CST)
#define qatomic_fetch_and(ptr, n) __atomic_fetch_and((ptr), (n), __ATOMIC_SEQ_CST)
#define qatomic_fetch_or(ptr, n)  __atomic_fetch_or((ptr), (n), __ATOMIC_SEQ_CST)

#define qatomic_inc(ptr)    ((void)qatomic_fetch_inc(ptr))
#define qatomic_dec(ptr)    ((void)qatomic_fetch_dec(ptr))
#define qatomic_add(ptr, n) ((void)qatomic_fetch_add((ptr), (n)))
#define qatomic_sub(ptr, n) ((void)qatomic_fetch_sub((ptr), (n)))
#define qatomic_and(ptr, n) ((void)qatomic_fetch_and((ptr), (n)))
#define qatomic_or(ptr, n)  ((void)qatomic_fetch_or((ptr), (n)))

#define smp_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Only keeps the compiler from moving memory accesses across. */
#define barrier() __asm__ volatile("" ::: "memory")

#endif
