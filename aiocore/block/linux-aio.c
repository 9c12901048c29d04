/*
 * Linux native AIO as a backend of coroutines.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *      laio_co_submit                                            coroutine goes on
 *           │                                                           ▲
 *           ▼                 ioq_submit                                │
 *        pending ─────────────────────────────▶ in flight ─────────▶ completed
 *        (in_queue)   io_submit(2): batch     (in_flight)    ring read in user space
 *           ▲                │
 *           └── EAGAIN: blocked until a completion makes room
 *
 * When the queue is submitted is aio-queue.h's to say. Where it leaves that to who is at it
 * already, completion_bh is scheduled as well, so that a callback that waits in a nested loop does
 * not wait for its own caller.
 *
 * Completions. The kernel writes events into a ring that it maps into our memory, and signals an
 * eventfd. We look at the ring first and sleep only when it is empty. seen is the part of the ring
 * that was found full at the last look; a run over the completions takes from it one by one, so
 * that a nested run just goes on where its caller is, and the caller finds out by looking. Only the
 * loop looks: a look after each io_submit as well would mostly find nothing, and take the ring's
 * cache line away from the processor that completes.
 */
#include "base/osdep.h"
#include <sys/uio.h>
#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/memcheck.h>
#endif
#include "base/atomic.h"
#include "block/aio-queue.h"
#include "block/linux-aio.h"
#include "block/raw-aio.h"

/* The head of the memory that io_setup(2) maps; the layout is part of the kernel's interface. */
struct aio_ring {
    unsigned id;
    unsigned nr;   /* slots */
    unsigned head; /* ours: the next event to take */
    unsigned tail; /* the kernel's: where it puts the next one */
    unsigned magic;
    unsigned compat_features;
    unsigned incompat_features;
    unsigned header_length;
    struct io_event events[];
};

#define AIO_RING_MAGIC 0xa10a10a1

/* How many events io_getevents(2) is asked for where the ring cannot be read. */
#define EVENTS_WITHOUT_RING 128

/* One request. On the stack of the coroutine that waits for it. */
struct qemu_laiocb {
    struct iocb iocb; /* data: the coroutine that waits */
    QEMUIOVector *qiov;
    size_t nbytes;
    ssize_t ret; /* -EINPROGRESS until it is done */
    int type;
    QSIMPLEQ_ENTRY(qemu_laiocb) next;
};

struct LinuxAioState {
    AioContext *aio_context;
    io_context_t ctx;
    struct aio_ring *ring; /* ctx, seen as what it is; NULL if it cannot be read */
    EventNotifier e;

    AioQueue io_q;
    QSIMPLEQ_HEAD(, qemu_laiocb) pending;
    struct iocb **batch; /* max_events of them, for io_submit */

    QEMUBH *completion_bh;
    bool completion_bh_used; /* it may be scheduled */
    struct io_event *seen;   /* events found and not yet taken: seen[0 .. nseen) */
    unsigned nseen;
    unsigned nseen_at_look;           /* what the ring's head will move by when they are taken */
    struct io_event *events_fallback; /* the room for events where there is no ring */

    /*
     * Taken from the ring while the eventfd counted up: it would end the next sleep at once.
     * Cleared before sleeping, not after waking: that is one system call per sleep in either case,
     * and none for completions that were found without sleeping, however often we look.
     */
    bool eventfd_stale;

    LaioSubmittedFunc *submitted;
    void *submitted_opaque;
    AioStats stats;
};

static void ioq_submit(LinuxAioState *s);

/* ---- the ring ------------------------------------------------------------------------------ */

/* Give the slots of the events that were taken back to the kernel. */
static void ring_commit(LinuxAioState *s)
{
    struct aio_ring *ring = s->ring;
    unsigned head = ring->head + s->nseen_at_look;

    /* Our reads of the events before the kernel may overwrite them. */
    qatomic_store_release(&ring->head, head >= ring->nr ? head - ring->nr : head);
}

/* The events from head up to tail or the end of the ring, whichever is nearer. */
static unsigned ring_peek(LinuxAioState *s, struct io_event **events)
{
    struct aio_ring *ring = s->ring;
    unsigned head = ring->head;
    /* The events after the tail that covers them; pairs with the barrier in the kernel's
     * completion. */
    unsigned tail = qatomic_load_acquire(&ring->tail);

    *events = &ring->events[head];
    return (tail >= head ? tail : ring->nr) - head;
}

static QAIO_COLD unsigned getevents_peek(LinuxAioState *s, struct io_event **events)
{
    struct timespec no_wait = { 0 };
    int n = io_getevents(s->ctx, 0, EVENTS_WITHOUT_RING, s->events_fallback, &no_wait);

    *events = s->events_fallback;
    return MAX(n, 0);
}

static bool laio_look_anew(LinuxAioState *s)
{
    s->stats.ring_polls++;
    s->nseen = s->ring ? ring_peek(s, &s->seen) : getevents_peek(s, &s->seen);
    s->nseen_at_look = s->nseen;
    if (!s->nseen) {
        s->stats.ring_polls_empty++;
        return false;
    }
    s->eventfd_stale = true;
    return true;
}

/* Look for events unless some are left from the last look. Returns whether there are any. */
static inline bool laio_look(LinuxAioState *s)
{
    return s->nseen || (s->io_q.in_flight && laio_look_anew(s));
}

/* Clear the eventfd, and look: of what completed before the clearing nothing else will tell. */
static bool laio_look_cleared(LinuxAioState *s)
{
    event_notifier_test_and_clear(&s->e);
    s->eventfd_stale = false;
    return laio_look(s);
}

/* Take one event. The counters move one by one, for nested loops to see a state that is true. */
static bool laio_take(LinuxAioState *s, struct qemu_laiocb **laiocb)
{
    struct io_event *ev;

    if (s->nseen == 0 && !laio_look(s)) {
        return false;
    }

    ev = s->seen++;
    *laiocb = container_of(ev->obj, struct qemu_laiocb, iocb);
    (*laiocb)->ret = (ssize_t)ev->res;
    s->io_q.in_flight--;
    if (--s->nseen == 0 && s->ring) {
        ring_commit(s);
    }
    return true;
}

/* ---- completion ---------------------------------------------------------------------------- */

/* What the request's submitter is told, given what the kernel said. */
static ssize_t laio_result(struct qemu_laiocb *laiocb, ssize_t ret)
{
    if (likely(ret == (ssize_t)laiocb->nbytes) || ret < 0) {
        return ret < 0 ? ret : 0;
    }
    if (laiocb->type != QEMU_AIO_READ) {
        return -ENOSPC;
    }
    /* Past the end of the file, where there are zeroes. */
    qemu_iovec_memset(laiocb->qiov, ret, 0, laiocb->qiov->size - ret);
    return 0;
}

static void qemu_laio_process_completion(struct qemu_laiocb *laiocb)
{
    Coroutine *co = laio_iocb_coroutine(&laiocb->iocb);

    laiocb->ret = laio_result(laiocb, laiocb->ret);

    /* One that is still entered is on its way out of laio_co_submit, and looks at ret there. */
    if (!qemu_coroutine_entered(co)) {
        aio_co_wake(co);
    }
}

static void schedule_completion_bh(LinuxAioState *s)
{
    s->completion_bh_used = true;
    qemu_bh_schedule(s->completion_bh);
}

/* Finish all requests that have completed. Nested runs, from callbacks, are welcome. */
static void qemu_laio_process_completions(LinuxAioState *s)
{
    struct qemu_laiocb *laiocb;
    unsigned n = 0;

    if (!laio_look(s)) {
        return;
    }

    s->io_q.completion_depth++;
    while (laio_take(s, &laiocb)) {
        if (s->nseen) {
            /* A callback that waits in a nested loop must find the rest there. */
            schedule_completion_bh(s);
        }
        qemu_laio_process_completion(laiocb);
        n++;
    }
    s->io_q.completion_depth--;
    if (unlikely(s->completion_bh_used)) {
        s->completion_bh_used = false;
        qemu_bh_cancel(s->completion_bh);
    }

    s->stats.completions += n;
    if (n) {
        aio_histogram_add(s->stats.completion_runs, n);
    }
}

static void qemu_laio_process_completions_and_submit(LinuxAioState *s)
{
    qemu_laio_process_completions(s);
    if (aio_queue_unblock(&s->io_q)) {
        ioq_submit(s);
    }
}

/* ---- where the loop calls ------------------------------------------------------------------ */

static void qemu_laio_completion_bh(void *opaque)
{
    qemu_laio_process_completions_and_submit(opaque);
}

static void qemu_laio_completion_cb(EventNotifier *e)
{
    LinuxAioState *s = container_of(e, LinuxAioState, e);

    s->eventfd_stale = true;
    if (laio_look(s) || laio_look_cleared(s)) {
        s->stats.eventfd_wakeups++;
    } /* else it told of what had been found before, in a turn that looked but did not sleep */
    qemu_laio_process_completions_and_submit(s);
}

static bool qemu_laio_poll_cb(void *opaque)
{
    EventNotifier *e = opaque;
    LinuxAioState *s = container_of(e, LinuxAioState, e);

    if (laio_look(s)) {
        return true;
    }
    return s->eventfd_stale && aio_sleeps_next(s->aio_context) && laio_look_cleared(s);
}

static void qemu_laio_poll_ready(EventNotifier *e)
{
    qemu_laio_process_completions_and_submit(container_of(e, LinuxAioState, e));
}

/* ---- submission ---------------------------------------------------------------------------- */

/* Point batch at as many pending requests as may go in flight. Returns how many those are. */
static unsigned ioq_collect(LinuxAioState *s)
{
    unsigned n = aio_queue_may_go(&s->io_q);
    struct qemu_laiocb *laiocb = QSIMPLEQ_FIRST(&s->pending);

    for (unsigned i = 0; i < n; i++) {
        s->batch[i] = &laiocb->iocb;
        laiocb = QSIMPLEQ_NEXT(laiocb, next);
    }
    return n;
}

/* The kernel took the first @n of the batch, which are the first of pending. */
static void ioq_accept(LinuxAioState *s, int n)
{
    struct qemu_laiocb *last = container_of(s->batch[n - 1], struct qemu_laiocb, iocb);
    QSIMPLEQ_HEAD(, qemu_laiocb) rest;

    QSIMPLEQ_SPLIT_AFTER(&s->pending, last, next, &rest);
    QSIMPLEQ_INIT(&s->pending);
    QSIMPLEQ_CONCAT(&s->pending, &rest);
    aio_queue_accept(&s->io_q, n);
    aio_histogram_add(s->stats.batch, n);
    if (s->submitted) {
        s->submitted(s->submitted_opaque, s->batch, n);
    }
}

/* The kernel will never take the first request: that one fails, the others have nothing to do with
 * it. */
static QAIO_COLD void ioq_fail_first(LinuxAioState *s, int ret)
{
    struct qemu_laiocb *laiocb = QSIMPLEQ_FIRST(&s->pending);

    QSIMPLEQ_REMOVE_HEAD(&s->pending, next);
    s->io_q.in_queue--;
    s->stats.submit_errors++;
    laiocb->ret = ret;
    qemu_laio_process_completion(laiocb);
}

/*
 * The kernel has no room. If something of ours is in flight, its completion submits the rest. Else
 * it is others who fill the room, and nobody will tell us when they are done: ask again in a while.
 */
static QAIO_COLD void ioq_wait_for_room(LinuxAioState *s)
{
    s->stats.submit_again++;
    if (!s->io_q.in_flight) {
        s->completion_bh_used = true;
        qemu_bh_schedule_idle(s->completion_bh);
    }
}

/* One call of io_submit. Returns whether another may get further. */
static bool ioq_submit_batch(void *opaque)
{
    LinuxAioState *s = opaque;
    unsigned n = ioq_collect(s);
    int ret;

    if (n == 0) {
        return false;
    }

    s->stats.submit_calls++;
    ret = io_submit(s->ctx, n, s->batch);
    if (likely(ret > 0)) {
        /* Of a rest that was not taken the next call tells the reason. */
        ioq_accept(s, ret);
    } else if (ret == -EAGAIN || ret == 0) {
        ioq_wait_for_room(s);
        return false;
    } else if (ret != -EINTR) {
        ioq_fail_first(s, ret);
    }
    return true;
}

static void ioq_submit(LinuxAioState *s)
{
    aio_queue_submit(&s->io_q, ioq_submit_batch, s);
}

/* Submit, or leave it to whoever is at it already; completion_bh is for callbacks that wait. */
static void ioq_kick(LinuxAioState *s)
{
    if (aio_queue_is_served(&s->io_q)) {
        schedule_completion_bh(s);
    } else {
        ioq_submit(s);
    }
}

static void laio_do_submit(LinuxAioState *s, struct qemu_laiocb *laiocb, uint64_t dev_max_batch)
{
    QSIMPLEQ_INSERT_TAIL(&s->pending, laiocb, next);
    if (aio_queue_add(&s->io_q, s->aio_context, dev_max_batch)) {
        ioq_kick(s);
    }
}

/* A single buffer goes without a vector: the kernel need not fetch one. */
static void laio_prep_rw(struct iocb *iocb, QEMUIOVector *qiov, bool is_read)
{
    if (likely(qiov->niov == 1)) {
        iocb->aio_lio_opcode = is_read ? IO_CMD_PREAD : IO_CMD_PWRITE;
        iocb->u.c.buf = qiov->iov->iov_base;
        iocb->u.c.nbytes = qiov->size;
    } else {
        iocb->aio_lio_opcode = is_read ? IO_CMD_PREADV : IO_CMD_PWRITEV;
        iocb->u.c.buf = qiov->iov;
        iocb->u.c.nbytes = qiov->niov;
    }
}

int coroutine_fn laio_co_submit(LinuxAioState *s, int fd, uint64_t offset, QEMUIOVector *qiov,
                                int type, BdrvRequestFlags flags, uint64_t dev_max_batch)
{
    struct qemu_laiocb laiocb;

    laiocb.qiov = qiov;
    laiocb.ret = -EINPROGRESS;
    laiocb.type = type;
    laiocb.iocb = (struct iocb){
        .data = qemu_coroutine_self(),
        .aio_rw_flags = flags & BDRV_REQ_FUA ? RWF_DSYNC : 0,
        .aio_fildes = fd,
        .u.c.offset = offset,
    };
    io_set_eventfd(&laiocb.iocb, event_notifier_get_fd(&s->e));

    if (unlikely(type == QEMU_AIO_FLUSH)) {
        laiocb.nbytes = 0;
        laiocb.iocb.aio_lio_opcode = IO_CMD_FDSYNC;
    } else {
        laiocb.nbytes = qiov->size;
        laio_prep_rw(&laiocb.iocb, qiov, type == QEMU_AIO_READ);
    }

    laio_do_submit(s, &laiocb, dev_max_batch);
    if (laiocb.ret == -EINPROGRESS) {
        qemu_coroutine_yield();
    }
    return laiocb.ret;
}

void laio_io_plug(LinuxAioState *s)
{
    s->io_q.plugged++;
}

void laio_io_unplug(LinuxAioState *s)
{
    if (aio_queue_unplug(&s->io_q)) {
        ioq_kick(s);
    }
}

unsigned laio_queued(LinuxAioState *s)
{
    return s->io_q.in_queue;
}

void laio_set_defer(LinuxAioState *s, bool defer)
{
    s->io_q.defer = defer;
}

/* ---- observers ----------------------------------------------------------------------------- */

void laio_set_submitted_func(LinuxAioState *s, LaioSubmittedFunc *fn, void *opaque)
{
    s->submitted = fn;
    s->submitted_opaque = opaque;
}

const AioStats *laio_get_stats(LinuxAioState *s)
{
    return &s->stats;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void laio_cleanup(void *opaque)
{
    LinuxAioState *s = opaque;

    g_assert(s->io_q.in_queue == 0 && s->io_q.in_flight == 0);
    aio_set_event_notifier(s->aio_context, &s->e, false, NULL, NULL, NULL);
    qemu_bh_delete(s->completion_bh);
    io_destroy(s->ctx);
    event_notifier_cleanup(&s->e);
    g_free(s->events_fallback);
    g_free(s->batch);
    g_free(s);
}

int laio_setup_context(unsigned max_events, io_context_t *ctx, Error **errp)
{
    int ret = io_setup(max_events, ctx);

    if (ret == -EAGAIN) {
        error_setg(errp,
                   "no room for %u requests in flight: fs.aio-max-nr is used up; raise it "
                   "(sysctl -w fs.aio-max-nr=1048576) or allow fewer",
                   max_events);
    } else if (ret < 0) {
        error_setg_errno(errp, -ret, "io_setup for %u requests in flight", max_events);
    }
    return ret;
}

/* Is the ring one that we know how to read? */
static struct aio_ring *laio_map_ring(io_context_t ctx)
{
    struct aio_ring *ring = (struct aio_ring *)ctx;

    if (ring->magic != AIO_RING_MAGIC || ring->incompat_features) {
        return NULL;
    }
#ifdef HAVE_VALGRIND_VALGRIND_H
    /* The kernel makes it longer than memcheck reckons. */
    VALGRIND_MAKE_MEM_DEFINED(ring, sizeof(*ring) + ring->nr * sizeof(ring->events[0]));
#endif
    return ring;
}

LinuxAioState *aio_setup_linux_aio(AioContext *ctx, unsigned max_events, Error **errp)
{
    LinuxAioState *s = g_new0(LinuxAioState, 1);
    int ret = event_notifier_init(&s->e, false);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot make the notifier for Linux AIO");
        goto fail;
    }
    if (laio_setup_context(max_events, &s->ctx, errp) < 0) {
        goto fail_notifier;
    }

    s->aio_context = ctx;
    s->io_q.max_events = max_events;
    s->io_q.defer = true;
    s->batch = g_new(struct iocb *, max_events);
    s->ring = laio_map_ring(s->ctx);
    if (!s->ring) {
        s->events_fallback = g_new(struct io_event, EVENTS_WITHOUT_RING);
    }
    QSIMPLEQ_INIT(&s->pending);
    s->completion_bh = aio_bh_new(ctx, qemu_laio_completion_bh, s);
    aio_set_event_notifier(ctx, &s->e, false, qemu_laio_completion_cb, qemu_laio_poll_cb,
                           qemu_laio_poll_ready);
    aio_context_set_slot(ctx, AIO_SLOT_LINUX_AIO, s, laio_cleanup);
    return s;

fail_notifier:
    event_notifier_cleanup(&s->e);
fail:
    g_free(s);
    return NULL;
}

LinuxAioState *aio_get_linux_aio(AioContext *ctx)
{
    return aio_context_get_slot(ctx, AIO_SLOT_LINUX_AIO);
}
