/* What the coroutines' locks cost while nobody else wants them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"
#include "coroutine/co-mutex.h"
#include "coroutine/co-rwlock.h"
#include "coroutine/coroutine.h"

static void coroutine_fn mutex_many(void *opaque)
{
    CoMutex mutex;

    qemu_co_mutex_init(&mutex);
    for (unsigned n = *(unsigned *)opaque; n > 0; n--) {
        qemu_co_mutex_lock(&mutex);
        qemu_co_mutex_unlock(&mutex);
    }
}

static void coroutine_fn rwlock_many(void *opaque)
{
    CoRwlock lock;

    qemu_co_rwlock_init(&lock);
    for (unsigned n = *(unsigned *)opaque; n > 0; n--) {
        qemu_co_rwlock_rdlock(&lock);
        qemu_co_rwlock_unlock(&lock);
    }
}

static void run_mutex(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    qemu_coroutine_enter(qemu_coroutine_create(mutex_many, &n));
}

static void run_rwlock(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    qemu_coroutine_enter(qemu_coroutine_create(rwlock_many, &n));
}

void bench_add_lock(GPtrArray *ops)
{
    bench_add(ops, &(BenchOp){ .what = "qemu_co_mutex_lock and _unlock", .run = run_mutex },
              "lock.mutex");
    bench_add(ops, &(BenchOp){ .what = "qemu_co_rwlock_rdlock and _unlock", .run = run_rwlock },
              "lock.rwlock-read");
}
