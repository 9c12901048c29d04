/*
 * The process's IOThreads: made when the first job wants one, shared, gone with the last.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "engine/engine.h"
#include "engine/iothreads.h"
#include "loop/aio-wait.h"

/* What a job wants of the IOThreads, and all that share them alike. */
struct wishes {
    unsigned poll_max_ns, poll_grow, poll_shrink;
    unsigned fdmon, max_batch, max_events, defer, coroutine;
    unsigned thread_pool_min, thread_pool_max;
};

struct qaio_shared_iothread {
    IOThread *iothread;
    unsigned users; /* under the lock, as everything but the following */
    struct wishes wishes;
    uint64_t warm_up_allocations; /* of all jobs; the IOThread's */
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct qaio_shared_iothread *shared_iothreads[QAIO_MAX_IOTHREADS];

void qaio_run_in_context(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    aio_context_acquire(ctx);
    aio_wait_bh_oneshot(ctx, cb, opaque);
    aio_context_release(ctx);
}

static struct wishes wishes_of(const struct qaio_options *options)
{
    return (struct wishes){
        .poll_max_ns = options->poll_given ? options->poll_max_ns : IOTHREAD_POLL_MAX_NS_DEFAULT,
        .poll_grow = options->poll_grow,
        .poll_shrink = options->poll_shrink,
        .fdmon = options->fdmon,
        .max_batch = options->max_batch,
        .max_events = options->max_events,
        .defer = options->defer,
        .coroutine = qemu_coroutine_get_backend(),
        .thread_pool_min = options->thread_pool_min,
        .thread_pool_max = options->thread_pool_max,
    };
}

/* ---- making one ----------------------------------------------------------------------------- */

/* How a context waits is chosen while nobody turns it. */
static bool choose_fdmon(struct qaio_shared_iothread *shared, const struct qaio_options *options,
                         int *ret)
{
    Error *err = NULL;

    if (options->fdmon == QAIO_FDMON_DEFAULT) {
        return true;
    }
    iothread_stop(shared->iothread);
    *ret = qaio_apply_fdmon(options, iothread_get_aio_context(shared->iothread));
    if (*ret == 0 && !iothread_run(shared->iothread, &err)) {
        log_err("qaio: %s\n", error_get_pretty(err));
        error_free(err);
        *ret = -EAGAIN;
    }
    return *ret == 0;
}

static void free_shared(struct qaio_shared_iothread *shared)
{
    iothread_destroy(shared->iothread);
    g_free(shared);
}

static struct qaio_shared_iothread *new_shared(unsigned index, const struct qaio_options *options,
                                               int *ret)
{
    struct qaio_shared_iothread *shared = g_new0(struct qaio_shared_iothread, 1);
    char *id = g_strdup_printf("qaio-%u", index);
    Error *err = NULL;

    shared->wishes = wishes_of(options);
    shared->iothread = iothread_create(id, &err);
    g_free(id);
    if (!shared->iothread) {
        log_err("qaio: qaio_iothread=%u: %s\n", options->iothread, error_get_pretty(err));
        error_free(err);
        *ret = -EAGAIN;
    } else if (choose_fdmon(shared, options, ret)) {
        aio_context_set_poll_params(iothread_get_aio_context(shared->iothread),
                                    shared->wishes.poll_max_ns, shared->wishes.poll_grow,
                                    shared->wishes.poll_shrink, &error_abort);
        return shared;
    }
    free_shared(shared);
    return NULL;
}

/* Under the lock: number @index, with one more user. */
static struct qaio_shared_iothread *ref_shared(unsigned index, const struct qaio_options *options,
                                               int *ret)
{
    struct qaio_shared_iothread *shared = shared_iothreads[index];
    struct wishes wishes = wishes_of(options);

    if (!shared) {
        shared = new_shared(index, options, ret);
    } else if (memcmp(&wishes, &shared->wishes, sizeof(wishes))) {
        log_err("qaio: qaio_iothread=%u: another job of this process has its IOThreads polling, "
                "waiting or submitting otherwise: give all of them the same options, or leave "
                "thread=1 out\n",
                options->iothread);
        *ret = -EINVAL;
        return NULL;
    }
    if (shared) {
        shared_iothreads[index] = shared;
        shared->users++;
    }
    return shared;
}

static void unref_shared(struct qaio_shared_iothread *shared)
{
    if (--shared->users) {
        return;
    }
    for (unsigned i = 0; i < QAIO_MAX_IOTHREADS; i++) {
        if (shared_iothreads[i] == shared) {
            shared_iothreads[i] = NULL;
        }
    }
    free_shared(shared);
}

/* ---- setting it up for a job ---------------------------------------------------------------- */

struct setup {
    struct qaio_data *qd;
    struct qaio_iothread *thread;
    CoroutineBackend backend;
    int ret;
};

static void setup_bh(void *opaque)
{
    struct setup *setup = opaque;
    struct qaio_iothread *thread = setup->thread;
    uint64_t before;

    qemu_coroutine_set_backend(setup->backend);
    setup->ret = qaio_setup_context(setup->qd, thread->ctx, setup->qd->options->max_events);
    if (setup->ret < 0) {
        return;
    }
    before = qaio_context_allocations(thread->ctx);
    qaio_warm_up(thread->ctx, setup->qd->td->o.iodepth + 1);
    thread->shared->warm_up_allocations += qaio_context_allocations(thread->ctx) - before;
    thread->stats_at_start = *qaio_context_aio_stats(thread->ctx);
}

/* Under the lock. */
static int get_one(struct qaio_data *qd, unsigned index, struct qaio_iothread *thread)
{
    struct setup setup = { .qd = qd, .thread = thread, .backend = qemu_coroutine_get_backend() };

    thread->shared = ref_shared(index, qd->options, &setup.ret);
    if (!thread->shared) {
        return setup.ret;
    }
    thread->ctx = iothread_get_aio_context(thread->shared->iothread);
    qaio_run_in_context(thread->ctx, setup_bh, &setup);
    if (setup.ret < 0) {
        unref_shared(thread->shared);
        return setup.ret;
    }
    thread->cpu_ns_at_start = iothread_get_cpu_ns(thread->shared->iothread);
    return 0;
}

static void put_some(struct qaio_data *qd, struct qaio_iothread *threads, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qemu_coroutine_dec_pool_size(qd->td->o.iodepth + 1);
        unref_shared(threads[i].shared);
    }
    g_free(threads);
}

struct qaio_iothread *qaio_iothreads_get(struct qaio_data *qd, unsigned n, int *ret)
{
    struct qaio_iothread *threads = g_new0(struct qaio_iothread, n);

    pthread_mutex_lock(&shared_lock);
    for (unsigned i = 0; i < n; i++) {
        *ret = get_one(qd, i, &threads[i]);
        if (*ret < 0) {
            put_some(qd, threads, i);
            threads = NULL;
            break;
        }
    }
    pthread_mutex_unlock(&shared_lock);
    return threads;
}

void qaio_iothreads_put(struct qaio_data *qd, struct qaio_iothread *threads, unsigned n)
{
    pthread_mutex_lock(&shared_lock);
    put_some(qd, threads, n);
    pthread_mutex_unlock(&shared_lock);
}

/* ---- what it did ---------------------------------------------------------------------------- */

int64_t qaio_iothread_cpu_ns(const struct qaio_iothread *thread)
{
    int64_t ns;

    pthread_mutex_lock(&shared_lock);
    ns = iothread_get_cpu_ns(thread->shared->iothread);
    pthread_mutex_unlock(&shared_lock);
    return ns - thread->cpu_ns_at_start;
}

struct sum {
    const struct qaio_iothread *thread;
    AioStats *stats;
    uint64_t allocations;
};

/* Statistics are counters throughout. */
G_STATIC_ASSERT(sizeof(AioStats) % sizeof(uint64_t) == 0);

static void add_stats_bh(void *opaque)
{
    struct sum *sum = opaque;
    const uint64_t *now = (const uint64_t *)qaio_context_aio_stats(sum->thread->ctx);
    const uint64_t *before = (const uint64_t *)&sum->thread->stats_at_start;
    uint64_t *to = (uint64_t *)sum->stats;

    for (unsigned i = 0; i < sizeof(AioStats) / sizeof(uint64_t); i++) {
        to[i] += now[i] - before[i];
    }
}

void qaio_iothreads_aio_stats(struct qaio_iothread *threads, unsigned n, AioStats *stats)
{
    struct sum sum = { .stats = stats };

    memset(stats, 0, sizeof(*stats));
    for (unsigned i = 0; i < n; i++) {
        sum.thread = &threads[i];
        qaio_run_in_context(threads[i].ctx, add_stats_bh, &sum);
    }
}

static void add_allocations_bh(void *opaque)
{
    struct sum *sum = opaque;
    const struct qaio_iothread *thread = sum->thread;

    sum->allocations += qaio_context_allocations(thread->ctx) - thread->shared->warm_up_allocations;
}

uint64_t qaio_iothreads_allocations(struct qaio_iothread *threads, unsigned n)
{
    struct sum sum = { 0 };

    for (unsigned i = 0; i < n; i++) {
        sum.thread = &threads[i];
        qaio_run_in_context(threads[i].ctx, add_allocations_bh, &sum);
    }
    return sum.allocations;
}
