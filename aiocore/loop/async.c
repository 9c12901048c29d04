/*
 * AioContext's life, bottom halves, and the hand-over of coroutines and wake-ups between threads.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bottom half is in one of these states; arrows are single atomic operations on its flags:
 *
 *                 schedule                      home thread takes it
 *      idle ────────────────▶ PENDING|SCHEDULED ────────────────────▶ runs, idle again
 *       ▲                        │        ▲                               (one-shot: freed)
 *       │                 cancel │        │ schedule
 *       │                        ▼        │
 *       └──────────────────── PENDING (still on the list, passed over)
 *
 * PENDING means "is on bh_list or a slice of it", and whoever sets it does the push: that is what
 * makes scheduling from many threads safe without a lock.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "base/memalign.h"
#include "coroutine/coroutine_int.h"
#include "loop/aio-posix.h"

enum {
    BH_PENDING = 1 << 0,   /* on a list */
    BH_SCHEDULED = 1 << 1, /* to be run */
    BH_DELETED = 1 << 2,   /* to be freed, not run */
    BH_ONESHOT = 1 << 3,   /* to be run, then freed */
    BH_IDLE = 1 << 4,      /* its run is no progress and not urgent */
};

#define IDLE_BH_NS (10 * 1000 * 1000)

struct QEMUBH {
    AioContext *ctx;
    const char *name;
    QEMUBHFunc *cb;
    void *opaque;
    QSLIST_ENTRY(QEMUBH) next;
    unsigned flags; /* atomic */
};

/* What one aio_bh_poll() took from bh_list. Nested calls see it too, and may empty it. */
struct BHListSlice {
    QSLIST_HEAD(, QEMUBH) bh_list;
    QSIMPLEQ_ENTRY(BHListSlice) next;
};

/* ---- bottom halves ------------------------------------------------------------------------ */

static QEMUBH *bh_alloc(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    QEMUBH *bh = g_new(QEMUBH, 1);

    *bh = (QEMUBH){ .ctx = ctx, .cb = cb, .opaque = opaque, .name = name };
    return bh;
}

/*
 * Set @new_flags and see to it that the home thread comes past @bh. The fetch-or orders the
 * caller's preparations before the flags; it pairs with the fetch-and in bh_take().
 */
static void bh_enqueue(QEMUBH *bh, unsigned new_flags)
{
    AioContext *ctx = bh->ctx; /* read first: a one-shot may be gone as soon as it is listed */
    unsigned old = qatomic_fetch_or(&bh->flags, BH_PENDING | new_flags);

    if (!(old & BH_PENDING)) {
        QSLIST_INSERT_HEAD_ATOMIC(&ctx->bh_list, bh, next);
    }
    if (!(old & BH_SCHEDULED) || (new_flags & BH_DELETED)) {
        aio_notify_work(ctx);
    }
}

/* For one that is scheduled as idle and has now become urgent. */
static QAIO_COLD void bh_make_urgent(QEMUBH *bh)
{
    AioContext *ctx = bh->ctx;

    qatomic_and(&bh->flags, ~BH_IDLE);
    aio_notify_work(ctx);
}

QEMUBH *aio_bh_new_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    return bh_alloc(ctx, cb, opaque, name);
}

void aio_bh_schedule_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    bh_enqueue(bh_alloc(ctx, cb, opaque, name), BH_SCHEDULED | BH_ONESHOT);
}

void qemu_bh_schedule(QEMUBH *bh)
{
    if (unlikely(qatomic_read(&bh->flags) & BH_IDLE)) {
        bh_make_urgent(bh);
    }
    bh_enqueue(bh, BH_SCHEDULED);
}

void qemu_bh_schedule_idle(QEMUBH *bh)
{
    /* One that is scheduled already is at least as urgent. */
    if (!(qatomic_read(&bh->flags) & BH_SCHEDULED)) {
        bh_enqueue(bh, BH_SCHEDULED | BH_IDLE);
    }
}

void qemu_bh_cancel(QEMUBH *bh)
{
    if (qatomic_read(&bh->flags) & BH_SCHEDULED) {
        qatomic_and(&bh->flags, ~(BH_SCHEDULED | BH_IDLE));
    }
}

void qemu_bh_delete(QEMUBH *bh)
{
    bh_enqueue(bh, BH_DELETED);
}

/* The next bottom half of any slice, with the flags it had; NULL when all slices are empty. */
static QEMUBH *bh_take(AioContext *ctx, unsigned *flags)
{
    BHListSlice *slice;
    QEMUBH *bh;

    while ((slice = QSIMPLEQ_FIRST(&ctx->bh_slice_list))) {
        bh = QSLIST_FIRST(&slice->bh_list);
        if (bh) {
            QSLIST_REMOVE_HEAD(&slice->bh_list, next);
            /* From here on it may be scheduled anew. Pairs with the fetch-or in bh_enqueue(). */
            *flags = qatomic_fetch_and(&bh->flags, ~(BH_PENDING | BH_SCHEDULED | BH_IDLE));
            return bh;
        }
        QSIMPLEQ_REMOVE_HEAD(&ctx->bh_slice_list, next);
    }
    return NULL;
}

static QAIO_NOINLINE bool bh_run_all(AioContext *ctx)
{
    BHListSlice slice;
    bool progress = false;
    unsigned flags;
    QEMUBH *bh;

    /* Bottom halves scheduled from now on, by those that run here for instance, wait their turn. */
    QSLIST_MOVE_ATOMIC(&slice.bh_list, &ctx->bh_list);
    QSIMPLEQ_INSERT_TAIL(&ctx->bh_slice_list, &slice, next);

    while ((bh = bh_take(ctx, &flags))) {
        if ((flags & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED) {
            progress |= !(flags & BH_IDLE);
            bh->cb(bh->opaque);
        }
        if (flags & (BH_DELETED | BH_ONESHOT)) {
            g_free(bh);
        }
    }
    return progress;
}

bool aio_bh_poll(AioContext *ctx)
{
    bool none = !qatomic_read(&QSLIST_FIRST(&ctx->bh_list)) && QSIMPLEQ_EMPTY(&ctx->bh_slice_list);

    return !none && bh_run_all(ctx);
}

/* How urgently does @bh want the loop to turn? */
static int64_t bh_timeout(const QEMUBH *bh)
{
    unsigned flags = qatomic_read(&bh->flags);

    if ((flags & (BH_SCHEDULED | BH_DELETED)) != BH_SCHEDULED) {
        return -1;
    }
    return flags & BH_IDLE ? IDLE_BH_NS : 0;
}

static int64_t bh_list_timeout(QEMUBH *first, int64_t timeout)
{
    for (QEMUBH *bh = first; bh && timeout != 0; bh = QSLIST_NEXT(bh, next)) {
        timeout = qemu_soonest_timeout(timeout, bh_timeout(bh));
    }
    return timeout;
}

/* How urgently do the bottom halves of @ctx? -1: there are none. */
static int64_t bhs_timeout(AioContext *ctx)
{
    int64_t timeout = bh_list_timeout(qatomic_load_acquire(&QSLIST_FIRST(&ctx->bh_list)), -1);
    BHListSlice *slice;

    QSIMPLEQ_FOREACH (slice, &ctx->bh_slice_list, next) {
        timeout = bh_list_timeout(QSLIST_FIRST(&slice->bh_list), timeout);
    }
    return timeout;
}

static bool bh_list_has_deleted(QEMUBH *first)
{
    for (QEMUBH *bh = first; bh; bh = QSLIST_NEXT(bh, next)) {
        if (qatomic_read(&bh->flags) & BH_DELETED) {
            return true;
        }
    }
    return false;
}

bool aio_bh_pending(AioContext *ctx)
{
    return bhs_timeout(ctx) >= 0 ||
           bh_list_has_deleted(qatomic_load_acquire(&QSLIST_FIRST(&ctx->bh_list)));
}

QAIO_COLD int64_t aio_soonest_timeout(AioContext *ctx)
{
    int64_t timeout = bhs_timeout(ctx);

    if (timeout != 0) {
        timeout = qemu_soonest_timeout(timeout, timerlistgroup_deadline_ns(&ctx->tlg));
    }
    return timeout;
}

/* ---- waking the home thread --------------------------------------------------------------- */

/*
 * The sleeper sets notify_me, then looks for work (bottom halves, changed handlers), then sleeps.
 * The notifier makes its work visible, then looks at notify_me. With a full barrier between the two
 * steps on either side, at least one of them sees the other: the sleeper does not sleep, or the
 * notifier writes the eventfd. notified is for poll handlers, which look without announcing
 * themselves.
 *
 * Modelled in tests/model/notify.pml, with bottom halves and aio_poll()'s side: change both.
 */
void aio_notify(AioContext *ctx)
{
    /* The caller's work before notified; pairs with the barrier in aio_notify_accept(),
     * aio-posix.c. */
    smp_wmb();
    qatomic_set(&ctx->notified, true);

    /* The caller's work before notify_me; pairs with the barrier in sleep_in_fdmon(), aio-posix.c.
     */
    smp_mb();
    if (qatomic_read(&ctx->notify_me)) {
        event_notifier_set(&ctx->notifier);
    }
}

void aio_notify_work(AioContext *ctx)
{
    if (!in_aio_context_home_thread(ctx)) {
        aio_notify(ctx);
    } else if (unlikely(qatomic_read(&ctx->notify_me))) {
        aio_gsource_notify(ctx);
    }
}

/* ---- coroutines --------------------------------------------------------------------------- */

/* Append those scheduled since the last time to those that are due, first scheduled first. */
static void take_scheduled_coroutines(AioContext *ctx)
{
    QSLIST_HEAD(, Coroutine) newest_first, oldest_first;
    Coroutine *co, *last;

    QSLIST_MOVE_ATOMIC(&newest_first, &ctx->scheduled_coroutines);
    QSLIST_INIT(&oldest_first);
    while ((co = QSLIST_FIRST(&newest_first))) {
        QSLIST_REMOVE_HEAD(&newest_first, co_scheduled_next);
        QSLIST_INSERT_HEAD(&oldest_first, co, co_scheduled_next);
    }

    last = QSLIST_FIRST(&ctx->due_coroutines);
    if (likely(!last)) {
        ctx->due_coroutines.slh_first = QSLIST_FIRST(&oldest_first);
        return;
    }
    while (QSLIST_NEXT(last, co_scheduled_next)) {
        last = QSLIST_NEXT(last, co_scheduled_next);
    }
    last->co_scheduled_next.sle_next = QSLIST_FIRST(&oldest_first);
}

static void co_schedule_bh_cb(void *opaque)
{
    AioContext *ctx = opaque;
    bool several = false;
    Coroutine *co;

    take_scheduled_coroutines(ctx);
    while ((co = QSLIST_FIRST(&ctx->due_coroutines))) {
        QSLIST_REMOVE_HEAD(&ctx->due_coroutines, co_scheduled_next);
        if (!QSLIST_EMPTY(&ctx->due_coroutines)) {
            /* It may turn the loop until one of the others has done something. */
            qemu_bh_schedule(ctx->co_schedule_bh);
            several = true;
        }
        qatomic_set(&co->scheduled, NULL);
        qemu_aio_coroutine_enter(ctx, co);
    }
    if (several) {
        qemu_bh_cancel(ctx->co_schedule_bh);
        /* Perhaps another thread's, too. It lists the coroutine before it schedules. */
        if (qatomic_read(&QSLIST_FIRST(&ctx->scheduled_coroutines))) {
            qemu_bh_schedule(ctx->co_schedule_bh);
        }
    }
}

void aio_co_schedule(AioContext *ctx, Coroutine *co)
{
    const char *by = qatomic_cmpxchg(&co->scheduled, NULL, __func__);

    if (by) {
        g_error("%s: coroutine %p was already scheduled in '%s'", __func__, co, by);
    }

    /* As soon as it is listed the coroutine may run, end, and take the last other reference along.
     */
    aio_context_ref(ctx);
    QSLIST_INSERT_HEAD_ATOMIC(&ctx->scheduled_coroutines, co, co_scheduled_next);
    qemu_bh_schedule(ctx->co_schedule_bh);
    aio_context_unref(ctx);
}

/* A coroutine on its way to another context. */
typedef struct CoMove {
    AioContext *to;
    Coroutine *co;
} CoMove;

static void co_move_bh(void *opaque)
{
    CoMove *move = opaque; /* on the coroutine's stack: gone when it is entered there */

    aio_co_schedule(move->to, move->co);
}

void coroutine_fn aio_co_reschedule_self(AioContext *new_ctx)
{
    AioContext *here = qemu_get_current_aio_context();
    CoMove move = { .to = new_ctx, .co = qemu_coroutine_self() };

    if (here == new_ctx) {
        return;
    }
    /* The bottom half runs when this thread has left the coroutine, and no sooner. */
    aio_bh_schedule_oneshot(here, co_move_bh, &move);
    qemu_coroutine_yield();
}

void aio_co_enter(AioContext *ctx, Coroutine *co)
{
    if (unlikely(!in_aio_context_home_thread(ctx))) {
        aio_co_schedule(ctx, co);
    } else if (unlikely(qemu_in_coroutine() && qemu_coroutine_self() != ctx->poller)) {
        Coroutine *self = qemu_coroutine_self();

        g_assert(self != co);
        QSIMPLEQ_INSERT_TAIL(&self->co_queue_wakeup, co, co_queue_next);
    } else {
        qemu_aio_coroutine_enter(ctx, co);
    }
}

void aio_co_wake(Coroutine *co)
{
    /* Set by the thread that last ran @co; whoever wakes it was told of it after that. */
    aio_co_enter(qatomic_read(&co->ctx), co);
}

/* ---- life --------------------------------------------------------------------------------- */

static void notifier_read(EventNotifier *e)
{
    event_notifier_test_and_clear(e);
}

/* That there is one lets the loop poll. It need not be asked: the loop looks at notified itself. */
static bool notifier_poll(void *opaque G_GNUC_UNUSED)
{
    return false;
}

static void notifier_poll_ready(EventNotifier *e G_GNUC_UNUSED)
{
    /* never, see notifier_poll() */
}

/* A deadline moved closer: a sleeper has to set its alarm anew. */
static void timerlist_notify(void *opaque, QEMUClockType type G_GNUC_UNUSED)
{
    aio_notify_work(opaque);
}

QEMUTimerListGroup *aio_context_get_timers(AioContext *ctx)
{
    return &ctx->tlg;
}

static void init_locks(AioContext *ctx)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&ctx->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_mutex_init(&ctx->waiters_lock, NULL);
    qemu_lockcnt_init(&ctx->list_lock);
}

static void destroy_locks(AioContext *ctx)
{
    qemu_lockcnt_destroy(&ctx->list_lock);
    pthread_mutex_destroy(&ctx->waiters_lock);
    pthread_mutex_destroy(&ctx->lock);
}

AioContext *aio_context_new(Error **errp)
{
    AioContext *ctx = qemu_memalign(__alignof__(AioContext), sizeof(*ctx));
    int ret;

    *ctx = (AioContext){ .refcnt = 1 };
    ret = event_notifier_init(&ctx->notifier, false);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot make the event loop's notifier");
        qemu_vfree(ctx);
        return NULL;
    }

    init_locks(ctx);
    timerlistgroup_init(&ctx->tlg, timerlist_notify, ctx);
    ctx->fdmon_ops = &fdmon_poll_ops;
    fdmon_epoll_setup(ctx);
    QSIMPLEQ_INIT(&ctx->bh_slice_list);
    ctx->co_schedule_bh = aio_bh_new(ctx, co_schedule_bh_cb, ctx);
    aio_set_event_notifier(ctx, &ctx->notifier, false, notifier_read, notifier_poll,
                           notifier_poll_ready);
    ctx->notified = false; /* that was us */
    return ctx;
}

void aio_context_ref(AioContext *ctx)
{
    if (qatomic_fetch_inc(&ctx->refcnt) == 0) {
        g_source_ref(ctx->gsource); /* which alone has kept the context until now */
    }
}

/* All that is left on the list was deleted, or nobody will run it any more. */
static void bh_free_all(AioContext *ctx)
{
    QEMUBH *bh;

    while ((bh = QSLIST_FIRST(&ctx->bh_list))) {
        QSLIST_REMOVE_HEAD(&ctx->bh_list, next);
        if (!(bh->flags & BH_DELETED)) {
            g_warning("bottom half '%s' was not deleted before its context", bh->name);
        }
        g_free(bh);
    }
}

void aio_context_free(AioContext *ctx)
{
    if (ctx->poll_started) {
        poll_end(ctx);
    }
    for (int i = AIO_SLOT__COUNT - 1; i >= 0; i--) {
        if (ctx->slots[i].obj) {
            ctx->slots[i].destroy(ctx->slots[i].obj);
        }
    }

    g_assert(QSLIST_EMPTY(&ctx->scheduled_coroutines) && QSLIST_EMPTY(&ctx->due_coroutines));
    qemu_bh_delete(ctx->co_schedule_bh);
    bh_free_all(ctx);

    aio_set_event_notifier(ctx, &ctx->notifier, false, NULL, NULL, NULL);
    event_notifier_cleanup(&ctx->notifier);
    fdmon_io_uring_destroy(ctx);
    fdmon_epoll_destroy(ctx);
    fdmon_poll_destroy(ctx);
    aio_context_destroy_handlers(ctx);
    timerlistgroup_deinit(&ctx->tlg);
    destroy_locks(ctx);
    qemu_vfree(ctx);
}

void aio_context_unref(AioContext *ctx)
{
    if (qatomic_fetch_dec(&ctx->refcnt) != 1) {
        return;
    }
    if (ctx->gsource) {
        g_source_unref(ctx->gsource); /* the last one frees the context */
    } else {
        aio_context_free(ctx);
    }
}

void aio_context_acquire(AioContext *ctx)
{
    int ret = pthread_mutex_lock(&ctx->lock);

    g_assert(ret == 0);
    ctx->lock_depth++;
}

void aio_context_release(AioContext *ctx)
{
    int ret;

    ctx->lock_depth--;
    ret = pthread_mutex_unlock(&ctx->lock);
    g_assert(ret == 0); /* else the caller did not hold it */
}

void *aio_context_get_slot(AioContext *ctx, AioSlot slot)
{
    return ctx->slots[slot].obj;
}

void aio_context_set_slot(AioContext *ctx, AioSlot slot, void *obj, void (*destroy)(void *obj))
{
    g_assert(!ctx->slots[slot].obj);
    ctx->slots[slot].obj = obj;
    ctx->slots[slot].destroy = destroy;
}

void aio_context_set_aio_params(AioContext *ctx, int64_t max_batch)
{
    ctx->max_batch = max_batch;
}

int64_t aio_context_get_max_batch(AioContext *ctx)
{
    return ctx->max_batch;
}

void aio_disable_external(AioContext *ctx)
{
    if (qatomic_fetch_inc(&ctx->external_disable_cnt) == 0) {
        aio_watch_changed(ctx);
        aio_gsource_update_external(ctx);
    }
}

bool aio_external_disabled(AioContext *ctx)
{
    return qatomic_read(&ctx->external_disable_cnt) != 0;
}

void aio_enable_external(AioContext *ctx)
{
    g_assert(qatomic_read(&ctx->external_disable_cnt) > 0);
    if (qatomic_fetch_dec(&ctx->external_disable_cnt) == 1) {
        aio_watch_changed(ctx);
        aio_gsource_update_external(ctx);
        aio_notify(ctx); /* what was ignored until now may be ready */
    }
}
