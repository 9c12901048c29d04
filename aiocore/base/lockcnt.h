/* QemuLockCnt: a count of visitors and a lock for modifiers in one futex word.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It protects a list that is walked often and changed rarely, and whose walkers' callbacks may
 * themselves change it. Walkers are counted, not locked out. Who adds takes the lock and inserts
 * with release order (QLIST_INSERT_HEAD_RCU); who removes marks the node as deleted; the node is
 * unlinked and freed under the lock while no walker is counted: by the last walker as it leaves.
 *
 *     the word:    | count (30 bits) | W | L |      L: locked, W: somebody sleeps for the lock
 *
 *                     inc                        dec, dec_and_lock
 *        0, unlocked ------> n > 0, unlocked ----------------------> n-1
 *             |  ^             |   ^                                  (at 0 dec_and_lock
 *        lock |  | unlock lock |   | unlock,                           leaves it locked)
 *             v  |             v   | inc_and_unlock
 *        0, locked           n > 0, locked    inc and dec go on: they need no lock
 *             |
 *             +-- inc sleeps here: this is where the holder may free nodes
 *
 * In words: (1) the count goes from 0 to 1 only while the lock is free or by its holder;
 * (2) whoever holds the lock and sees the count at 0 therefore knows that nobody walks the list
 * and that nobody will start to before unlock. Everything else is an ordinary counter and an
 * ordinary mutex. Neither fork nor recursion is supported: locking twice deadlocks.
 *
 *     walker                                   modifier
 *     qemu_lockcnt_inc(&c);                    qemu_lockcnt_lock(&c);
 *     QLIST_FOREACH_RCU(n, &list, next)        if (qemu_lockcnt_count(&c) == 0)
 *         if (!qatomic_read(&n->deleted)) ...      unlink and free
 *     if (qemu_lockcnt_dec_and_lock(&c)) {     else
 *         unlink and free the deleted              mark as deleted
 *         qemu_lockcnt_unlock(&c);             qemu_lockcnt_unlock(&c);
 *     }
 *
 * All functions may be called from any thread.
 */
#ifndef QAIO_BASE_LOCKCNT_H
#define QAIO_BASE_LOCKCNT_H

#include "base/osdep.h"

typedef struct QemuLockCnt {
    unsigned state;
} QemuLockCnt;

/* Count 0, unlocked. */
void qemu_lockcnt_init(QemuLockCnt *lockcnt);

/* Must be unlocked and at 0. */
void qemu_lockcnt_destroy(QemuLockCnt *lockcnt);

/* Enter. Sleeps only while the count is 0 and somebody holds the lock. Acquires: sees what the
 * last holder did. */
void qemu_lockcnt_inc(QemuLockCnt *lockcnt);

/* Leave, without looking whether it was the last. */
void qemu_lockcnt_dec(QemuLockCnt *lockcnt);

/* Leave; if that makes the count 0, return true with the lock taken (in one step: nobody enters
 * in between). May sleep for the lock, still counted. */
bool qemu_lockcnt_dec_and_lock(QemuLockCnt *lockcnt);

/* If the count is 1 leave and take the lock, and return true; else change nothing and return
 * false. May sleep for the lock, still counted. */
bool qemu_lockcnt_dec_if_lock(QemuLockCnt *lockcnt);

/* Take the lock. Walkers go on walking; if there are none, none enters. */
void qemu_lockcnt_lock(QemuLockCnt *lockcnt);

void qemu_lockcnt_unlock(QemuLockCnt *lockcnt);

/* Enter and release the lock in one step. The caller holds the lock. */
void qemu_lockcnt_inc_and_unlock(QemuLockCnt *lockcnt);

/* The number of visitors. Exact only when 0 and under the lock. */
unsigned qemu_lockcnt_count(QemuLockCnt *lockcnt);

#endif
