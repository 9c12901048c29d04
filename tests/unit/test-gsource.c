/* An AioContext as a source of GLib's main loop: all kinds of work are served, however GLib goes
 * about it; no wake-up is lost, and none is paid for that nobody needs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 * timeout: 60
 *
 * Linked with --wrap=event_notifier_set, to count the wake-ups. GLib's poll goes through a function
 * of ours, which can do something while GLib "sleeps", and does not sleep when nobody would come.
 */
#include "base/osdep.h"
#include <pthread.h>
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "util.h"

static int writes; /* of a notifier; atomic */

int __real_event_notifier_set(EventNotifier *e);
int __wrap_event_notifier_set(EventNotifier *e);

int __wrap_event_notifier_set(EventNotifier *e)
{
    qatomic_inc(&writes);
    return __real_event_notifier_set(e);
}

/* ---- a GMainContext of which every step is seen ---------------------------------------------- */

static GMainContext *gc;
static AioContext *ctx;
static GSource *source;
static int last_timeout, last_ready;
static void (*during_poll)(void); /* once, before GLib looks at the descriptors */
static bool really_sleep;

static int test_poll(GPollFD *fds, guint n, int timeout)
{
    void (*once)(void) = during_poll;

    last_timeout = timeout;
    during_poll = NULL;
    if (once) {
        once();
    }
    last_ready = g_poll(fds, n, really_sleep ? timeout : 0);
    return last_ready;
}

static void set_up(void)
{
    gc = g_main_context_new();
    ctx = test_context_new();
    source = aio_get_g_source(ctx);
    g_source_attach(source, gc);
    g_main_context_set_poll_func(gc, test_poll);
    during_poll = NULL;
    really_sleep = false;
}

static void tear_down(void)
{
    g_source_destroy(source);
    g_source_unref(source);
    test_context_free(ctx);
    g_main_context_unref(gc);
}

/* One turn that may sleep. Returns whether anything was dispatched; last_timeout: for how long it
 * would have slept, at most. */
static bool turn(void)
{
    return g_main_context_iteration(gc, true);
}

/* Turn until GLib would go to sleep for good. */
static void settle(void)
{
    while (turn() || last_timeout == 0) {
        /* there may be more */
    }
}

/* Run @fn in another thread, to its end. */
static void *thread_main(void *fn)
{
    (*(void (**)(void))fn)();
    return NULL;
}

static void in_thread(void (*fn)(void))
{
    pthread_t thread;

    g_assert_cmpint(pthread_create(&thread, NULL, thread_main, &fn), ==, 0);
    pthread_join(thread, NULL);
}

static void count(void *opaque)
{
    ++*(int *)opaque;
}

/* ---- bottom halves --------------------------------------------------------------------------- */

static QEMUBH *bh;
static int bh_runs;

static void bh_set_up(void)
{
    set_up();
    bh_runs = 0;
    bh = aio_bh_new(ctx, count, &bh_runs);
    settle();
    qatomic_set(&writes, 0);
}

static void bh_tear_down(void)
{
    qemu_bh_delete(bh);
    tear_down();
}

static void schedule_bh(void)
{
    qemu_bh_schedule(bh);
}

static void schedule_bh_in_thread(void)
{
    in_thread(schedule_bh);
}

static void test_bh_runs_once(void)
{
    bh_set_up();
    g_assert_false(turn());
    g_assert_cmpint(last_timeout, ==, -1);

    qemu_bh_schedule(bh);
    qemu_bh_schedule(bh);
    g_assert_true(turn());
    g_assert_cmpint(last_timeout, ==, 0);
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_false(turn());
    g_assert_cmpint(last_timeout, ==, -1);
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, 0);
    bh_tear_down();
}

static void test_idle_bh_runs_within_10_ms(void)
{
    int64_t start = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    bh_set_up();
    really_sleep = true;
    qemu_bh_schedule_idle(bh);
    g_assert_true(turn());
    g_assert_cmpint(last_timeout, >, 0);
    g_assert_cmpint(last_timeout, <=, 10);
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_cmpint(qemu_clock_get_ms(QEMU_CLOCK_REALTIME) - start, >=, 9);
    bh_tear_down();
}

static void test_cancelled_and_deleted_bhs_do_not_run(void)
{
    int runs = 0;
    QEMUBH *deleted;

    bh_set_up();
    deleted = aio_bh_new(ctx, count, &runs);
    qemu_bh_schedule(deleted);
    qemu_bh_delete(deleted);
    qemu_bh_schedule(bh);
    qemu_bh_cancel(bh);
    settle();
    g_assert_cmpint(runs + bh_runs, ==, 0);
    bh_tear_down();
}

static void delete_bh(void *opaque)
{
    count(opaque);
    qemu_bh_delete(bh);
}

/* As in QEMU, where deleting writes the eventfd: there is something left to do, once. */
static void test_deleted_bh_is_freed_by_a_turn(void)
{
    set_up();
    settle();
    bh_runs = 0;
    bh = aio_bh_new(ctx, delete_bh, &bh_runs);
    qemu_bh_schedule(bh);
    g_assert_true(turn());
    g_assert_cmpint(bh_runs, ==, 1);

    g_assert_true(turn());
    g_assert_false(turn());
    g_assert_cmpint(last_timeout, ==, -1);
    g_assert_cmpint(bh_runs, ==, 1);
    tear_down();
}

/* ---- descriptors ----------------------------------------------------------------------------- */

typedef struct Watched {
    EventNotifier e; /* first: handlers get its address */
    int runs;
    void (*also)(struct Watched *w);
    struct Watched *other;
    bool is_external;
} Watched;

static void watched_read(EventNotifier *e)
{
    Watched *w = container_of(e, Watched, e);

    g_assert_cmpint(event_notifier_test_and_clear(e), ==, 1);
    w->runs++;
    if (w->also) {
        w->also(w);
    }
}

static void watch(Watched *w)
{
    aio_set_event_notifier(ctx, &w->e, w->is_external, watched_read, NULL, NULL);
}

static void unwatch(Watched *w)
{
    aio_set_event_notifier(ctx, &w->e, false, NULL, NULL, NULL);
}

static void watched_init(Watched *w)
{
    *w = (Watched){ 0 };
    g_assert_cmpint(event_notifier_init(&w->e, false), ==, 0);
    watch(w);
}

static void watched_done(Watched *w)
{
    unwatch(w);
    event_notifier_cleanup(&w->e);
}

/* Handlers that were there before the source, and those that come later. */
static void test_handlers_of_all_ages_are_served(void)
{
    Watched before, after;

    gc = g_main_context_new();
    ctx = test_context_new();
    watched_init(&before);
    source = aio_get_g_source(ctx);
    g_source_attach(source, gc);
    watched_init(&after);
    while (g_main_context_iteration(gc, false)) {
        /* what the changes have left */
    }
    for (int i = 1; i <= 3; i++) {
        event_notifier_set(&before.e);
        g_assert_true(g_main_context_iteration(gc, i & 1));
        event_notifier_set(&after.e);
        g_assert_true(g_main_context_iteration(gc, i & 1));
        g_assert_false(g_main_context_iteration(gc, false));
        g_assert_cmpint(before.runs, ==, i);
        g_assert_cmpint(after.runs, ==, i);
    }
    watched_done(&before);
    watched_done(&after);
    tear_down();
}

static void test_removed_handler_is_not_polled(void)
{
    Watched w;

    set_up();
    watched_init(&w);
    event_notifier_set(&w.e);
    unwatch(&w);
    settle();
    g_assert_cmpint(w.runs, ==, 0);

    watch(&w);
    settle();
    g_assert_cmpint(w.runs, ==, 1);
    watch(&w); /* replaced */
    event_notifier_set(&w.e);
    settle();
    g_assert_cmpint(w.runs, ==, 2);
    watched_done(&w);
    settle();
    tear_down();
}

static Watched shared;

static void watch_shared(void)
{
    watch(&shared);
}

static void unwatch_shared(void)
{
    unwatch(&shared);
}

/* GLib sleeps on the old set of descriptors, and must be made to look at the new one. */
static void test_handler_from_another_thread(void)
{
    set_up();
    watched_init(&shared);
    unwatch(&shared);
    settle();
    event_notifier_set(&shared.e);
    g_assert_false(turn());
    g_assert_cmpint(last_timeout, ==, -1);

    really_sleep = true;
    for (int i = 1; i <= 100; i++) {
        in_thread(watch_shared);
        while (shared.runs < i) {
            turn();
        }
        in_thread(unwatch_shared);
        event_notifier_set(&shared.e);
    }
    watched_done(&shared);
    tear_down();
}

static void come_by_thread(void)
{
    in_thread(watch_shared);
}

static void test_handler_that_comes_during_poll(void)
{
    set_up();
    watched_init(&shared);
    unwatch(&shared);
    settle();
    event_notifier_set(&shared.e);

    really_sleep = true;
    during_poll = come_by_thread;
    while (!shared.runs) {
        turn();
    }
    watched_done(&shared);
    tear_down();
}

static void unwatch_both(Watched *w)
{
    unwatch(w);
    unwatch(w->other);
}

/* Both are ready in the same turn; whichever runs first takes both away. */
static void test_handlers_deleted_by_a_handler(void)
{
    Watched a, b;

    set_up();
    watched_init(&a);
    watched_init(&b);
    a.also = b.also = unwatch_both;
    a.other = &b;
    b.other = &a;
    settle();
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    settle();
    g_assert_cmpint(a.runs + b.runs, ==, 1);
    g_assert_null(QLIST_FIRST(&ctx->deleted_aio_handlers));
    watched_done(&a);
    watched_done(&b);
    tear_down();
}

typedef struct Pipe {
    int fds[2];
    int writables;
} Pipe;

static void pipe_writable(void *opaque)
{
    Pipe *p = opaque;

    p->writables++;
    aio_set_fd_handler(ctx, p->fds[1], false, NULL, NULL, NULL, NULL, NULL);
}

static void test_write_handler(void)
{
    Pipe p = { 0 };

    set_up();
    g_assert_cmpint(pipe(p.fds), ==, 0);
    aio_set_fd_handler(ctx, p.fds[1], false, NULL, pipe_writable, NULL, NULL, &p);
    settle();
    g_assert_cmpint(p.writables, ==, 1);
    close(p.fds[0]);
    close(p.fds[1]);
    tear_down();
}

/* ---- external handlers ----------------------------------------------------------------------- */

static void enable_external(void)
{
    aio_enable_external(ctx);
}

static void enable_by_thread(void)
{
    in_thread(enable_external);
}

/* They are not served, and a ready one does not keep GLib awake. */
static void test_external_handlers_are_left_out(void)
{
    Watched w, late;

    set_up();
    watched_init(&w);
    w.is_external = true;
    watch(&w);
    aio_disable_external(ctx);
    aio_disable_external(ctx);
    watched_init(&late);
    unwatch(&late);
    late.is_external = true;
    watch(&late);
    event_notifier_set(&w.e);
    event_notifier_set(&late.e);
    settle();
    aio_enable_external(ctx);
    settle();
    g_assert_cmpint(w.runs + late.runs, ==, 0);
    g_assert_cmpint(last_timeout, ==, -1);
    g_assert_cmpint(last_ready, ==, 0);

    really_sleep = true;
    during_poll = enable_by_thread;
    while (w.runs + late.runs < 2) {
        turn();
    }
    really_sleep = false;
    watched_done(&w);
    watched_done(&late);
    tear_down();
}

/* ---- timers ---------------------------------------------------------------------------------- */

static QEMUTimer timer;

static void arm_in_5_ms(void)
{
    timer_mod(&timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 5);
}

static void arm_by_thread(void)
{
    in_thread(arm_in_5_ms);
}

static void test_timers(void)
{
    int runs = 0;

    set_up();
    aio_timer_init(ctx, &timer, QEMU_CLOCK_REALTIME, SCALE_MS, count, &runs);
    settle();

    /* due already */
    timer_mod(&timer, 0);
    g_assert_true(turn());
    g_assert_cmpint(last_timeout, ==, 0);
    g_assert_cmpint(runs, ==, 1);

    /* sleeping until it is due */
    really_sleep = true;
    arm_in_5_ms();
    g_assert_true(turn());
    g_assert_cmpint(last_timeout, >, 0);
    g_assert_cmpint(last_timeout, <=, 5);
    g_assert_cmpint(runs, ==, 2);

    /* armed while GLib sleeps for good */
    during_poll = arm_by_thread;
    while (runs < 3) {
        turn();
    }
    timer_deinit(&timer);
    tear_down();
}

/* ---- io_poll --------------------------------------------------------------------------------- */

typedef struct Polled {
    EventNotifier e;
    bool has_work, slept;
    int asked, served, begun, ended;
} Polled;

static bool polled_poll(void *opaque)
{
    Polled *p = opaque;

    p->asked++;
    p->slept |= aio_sleeps_next(ctx);
    return p->has_work;
}

static void polled_ready(EventNotifier *e)
{
    Polled *p = container_of(e, Polled, e);

    p->served++;
    p->has_work = false;
}

static void polled_begin(EventNotifier *e)
{
    container_of(e, Polled, e)->begun++;
}

static void polled_end(EventNotifier *e)
{
    container_of(e, Polled, e)->ended++;
}

static void polled_read(EventNotifier *e)
{
    event_notifier_test_and_clear(e);
}

static void polled_init(Polled *p)
{
    *p = (Polled){ 0 };
    g_assert_cmpint(event_notifier_init(&p->e, false), ==, 0);
    aio_set_event_notifier(ctx, &p->e, false, polled_read, polled_poll, polled_ready);
    aio_set_event_notifier_poll(ctx, &p->e, polled_begin, polled_end);
}

static void polled_done(Polled *p)
{
    aio_set_event_notifier(ctx, &p->e, false, NULL, NULL, NULL);
    event_notifier_cleanup(&p->e);
}

static void test_io_poll_is_asked_before_sleeping(void)
{
    Polled p;

    set_up();
    polled_init(&p);
    settle();
    p.asked = 0;
    p.slept = false;
    turn();
    g_assert_cmpint(p.asked, ==, 1);
    g_assert_true(p.slept);

    p.has_work = true;
    g_assert_true(turn());
    g_assert_cmpint(last_timeout, ==, 0);
    g_assert_cmpint(p.served, ==, 1);
    settle();
    g_assert_cmpint(p.served, ==, 1);
    polled_done(&p);
    tear_down();
}

static void test_adaptive_polling_ends_when_glib_turns(void)
{
    Polled p;

    set_up();
    polled_init(&p);
    aio_context_set_poll_params(ctx, 1000 * 1000, 0, 0, &error_abort);
    ctx->poll_ns = 1000 * 1000;
    p.has_work = true;
    while (!p.begun) {
        aio_poll(ctx, true);
        p.has_work = true;
    }
    g_assert_cmpint(p.ended, ==, 0);
    p.has_work = false;
    turn();
    g_assert_cmpint(p.ended, ==, 1);
    polled_done(&p);
    tear_down();
}

static void test_io_uring_is_given_up(void)
{
    Watched w;

    ctx = test_context_new();
    if (!aio_context_set_fdmon(ctx, AIO_FDMON_IO_URING, NULL)) {
        test_context_free(ctx);
        g_test_skip("no io_uring here");
        return;
    }
    test_context_free(ctx);
    set_up();
    g_assert_true(aio_context_set_fdmon(ctx, AIO_FDMON_IO_URING, &error_abort));
    watched_init(&w);
    settle();
    g_assert_null(ctx->fdmon_ring);
    event_notifier_set(&w.e);
    settle();
    g_assert_cmpint(w.runs, ==, 1);
    event_notifier_set(&w.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(w.runs, ==, 2);
    watched_done(&w);
    tear_down();
}

/* ---- nesting --------------------------------------------------------------------------------- */

static int depth;

static void nest(Watched *w)
{
    if (++depth < 5) {
        event_notifier_set(&w->e);
        g_assert_true(g_main_context_iteration(gc, true));
    } else {
        event_notifier_set(&w->other->e);
        while (!w->other->runs) {
            g_main_context_iteration(gc, true);
        }
    }
    g_assert_cmpint(w->other->runs, ==, 1);
}

/* A handler waits for another one, that is ready as well. It runs once only. */
static void wait_by_iteration(Watched *w)
{
    while (!w->other->runs) {
        g_main_context_iteration(gc, true);
    }
}

static void wait_by_aio_poll(Watched *w)
{
    while (!w->other->runs) {
        aio_poll(ctx, true);
    }
}

static void test_nested(const void *wait)
{
    Watched a, b;

    set_up();
    really_sleep = true;
    watched_init(&a);
    watched_init(&b);
    a.also = b.also = (void (*)(Watched *))(uintptr_t)wait;
    a.other = &b;
    b.other = &a;
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    while (a.runs + b.runs < 2) {
        turn();
    }
    really_sleep = false;
    settle();
    g_assert_cmpint(a.runs, ==, 1);
    g_assert_cmpint(b.runs, ==, 1);
    watched_done(&a);
    watched_done(&b);
    tear_down();
}

static void test_nested_deeply(void)
{
    Watched a, b;

    set_up();
    depth = 0;
    really_sleep = true;
    watched_init(&a);
    watched_init(&b);
    a.also = nest;
    a.other = &b;
    event_notifier_set(&a.e);
    while (!b.runs) {
        turn();
    }
    g_assert_cmpint(a.runs, ==, 5);
    really_sleep = false;
    watched_done(&a);
    watched_done(&b);
    tear_down();
}

/* A bottom half waits for the next one of its slice. */
static void bh_waits(void *opaque)
{
    schedule_bh();
    while (!bh_runs) {
        g_main_context_iteration(gc, true);
    }
    ++*(int *)opaque;
}

static void test_bh_waits_for_a_bh(void)
{
    int waited = 0;

    bh_set_up();
    aio_bh_schedule_oneshot(ctx, bh_waits, &waited);
    g_assert_true(turn());
    g_assert_cmpint(waited, ==, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, 0);
    bh_tear_down();
}

/* A coroutine wakes another one and waits for it in GLib's loop. */
static void coroutine_fn co_set(void *opaque)
{
    *(bool *)opaque = true;
}

static void coroutine_fn co_waits(void *opaque)
{
    bool *done = opaque;

    aio_co_enter(ctx, qemu_coroutine_create(co_set, done));
    while (!*done) {
        g_main_context_iteration(gc, true);
    }
}

static void test_coroutine_waits_in_the_loop(void)
{
    bool done = false;

    set_up();
    qemu_coroutine_enter(qemu_coroutine_create(co_waits, &done));
    g_assert_true(done);
    tear_down();
}

/* ---- wake-ups -------------------------------------------------------------------------------- */

/* A source of another kind, which has work when told so. */
typedef struct Rival {
    GSource source;
    bool ready_in_prepare, ready_in_check;
    int prepared, runs;
    void (*in_prepare)(void); /* once */
    void (*in_dispatch)(void);
} Rival;

static gboolean rival_prepare(GSource *s, int *timeout)
{
    Rival *rival = (Rival *)s;
    void (*once)(void) = rival->in_prepare;

    *timeout = -1;
    rival->prepared++;
    rival->in_prepare = NULL;
    if (once) {
        once();
    }
    return rival->ready_in_prepare;
}

static gboolean rival_check(GSource *s)
{
    return ((Rival *)s)->ready_in_check;
}

static gboolean rival_dispatch(GSource *s, GSourceFunc cb G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
    Rival *rival = (Rival *)s;

    rival->runs++;
    rival->ready_in_prepare = rival->ready_in_check = false;
    if (rival->in_dispatch) {
        rival->in_dispatch();
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs rival_funcs = {
    .prepare = rival_prepare,
    .check = rival_check,
    .dispatch = rival_dispatch,
};

static Rival *rival_new(int priority)
{
    Rival *rival = (Rival *)g_source_new(&rival_funcs, sizeof(Rival));

    g_source_set_priority(&rival->source, priority);
    g_source_set_can_recurse(&rival->source, true);
    g_source_attach(&rival->source, gc);
    return rival;
}

static void rival_free(Rival *rival)
{
    g_source_destroy(&rival->source);
    g_source_unref(&rival->source);
}

static int writes_expected; /* by the end of the turns that the test makes */

/* What was scheduled runs without anybody sleeping before. */
static void expect_bh_without_sleep(void)
{
    for (int i = 0; !bh_runs; i++) {
        g_assert_cmpint(i, <, 3);
        turn();
        g_assert_cmpint(bh_runs ? 0 : last_timeout, ==, 0);
    }
    settle();
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, writes_expected);
}

/* From every kind of callback that dispatch makes, in turns that prepare and that check began. */
static void reschedule(void *opaque)
{
    int *left = opaque;

    g_assert_cmpint(qatomic_read(&ctx->notify_me), ==, 0);
    if (--*left) {
        aio_bh_schedule_oneshot(ctx, reschedule, left);
    }
}

static void read_and_schedule(Watched *w G_GNUC_UNUSED)
{
    g_assert_cmpint(qatomic_read(&ctx->notify_me), ==, 0);
    qemu_bh_schedule(bh);
    timer_mod(&timer, 0);
}

static void timer_and_schedule(void *opaque)
{
    g_assert_cmpint(qatomic_read(&ctx->notify_me), ==, 0);
    qemu_bh_schedule(bh);
    ++*(int *)opaque;
}

static void test_callbacks_pay_no_write(void)
{
    int left = 10, timer_runs = 0;
    Watched w;

    bh_set_up();
    watched_init(&w);
    w.also = read_and_schedule;
    aio_timer_init(ctx, &timer, QEMU_CLOCK_REALTIME, SCALE_MS, timer_and_schedule, &timer_runs);
    aio_bh_schedule_oneshot(ctx, reschedule, &left);
    settle();
    g_assert_cmpint(left, ==, 0);
    g_assert_cmpint(qatomic_read(&writes), ==, 0);

    __real_event_notifier_set(&w.e);
    settle();
    g_assert_cmpint(w.runs, ==, 1);
    g_assert_cmpint(timer_runs, ==, 1);
    g_assert_cmpint(bh_runs, >=, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, 0);
    timer_deinit(&timer);
    watched_done(&w);
    bh_tear_down();
}

static void test_thread_wakes_a_sleeper_with_one_write(void)
{
    bh_set_up();
    really_sleep = true;
    during_poll = schedule_bh_in_thread;
    turn();
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, 1);
    really_sleep = false;
    settle();
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, 1);
    bh_tear_down();
}

static void test_thread_pays_nothing_when_nobody_sleeps(void)
{
    bh_set_up();
    writes_expected = 0;
    schedule_bh_in_thread();
    expect_bh_without_sleep();
    bh_tear_down();
}

static void notify_ctx(void)
{
    aio_notify(ctx);
}

static void test_notify_skips_one_sleep(void)
{
    bh_set_up();
    notify_ctx();
    turn();
    g_assert_cmpint(last_timeout, ==, 0);
    turn();
    g_assert_cmpint(last_timeout, ==, -1);

    in_thread(notify_ctx);
    turn();
    g_assert_cmpint(last_timeout, ==, 0);
    turn();
    g_assert_cmpint(last_timeout, ==, -1);
    g_assert_cmpint(qatomic_read(&writes), ==, 0);

    /* An eventfd that was written leaves no trace. */
    really_sleep = true;
    during_poll = notify_ctx;
    turn();
    really_sleep = false;
    settle();
    g_assert_cmpint(qatomic_read(&writes), ==, 1);
    bh_tear_down();
}

static void notify_as_bh(void *opaque G_GNUC_UNUSED)
{
    in_thread(notify_ctx);
}

/* Told during dispatch: the next turn does not sleep. */
static void test_notify_during_dispatch(void)
{
    bh_set_up();
    aio_bh_schedule_oneshot(ctx, notify_as_bh, NULL);
    g_assert_true(turn());
    turn();
    g_assert_cmpint(last_timeout, ==, 0);
    turn();
    g_assert_cmpint(last_timeout, ==, -1);
    g_assert_cmpint(qatomic_read(&writes), ==, 0);
    bh_tear_down();
}

/* A source of higher priority has work in prepare: ours is not asked at all. */
static void test_rival_ready_in_prepare(const void *in_dispatch)
{
    Rival *rival;

    bh_set_up();
    rival = rival_new(G_PRIORITY_HIGH);
    settle();
    rival->ready_in_prepare = true;
    rival->in_dispatch = (void (*)(void))(uintptr_t)in_dispatch;
    g_assert_true(turn());
    g_assert_cmpint(rival->runs, ==, 1);
    writes_expected = 0;
    expect_bh_without_sleep();
    rival_free(rival);
    bh_tear_down();
}

/* It has work after poll: our check is left out, and notify_me stays. Other threads cannot know. */
static void test_rival_ready_in_check(const void *in_dispatch)
{
    Rival *rival;

    bh_set_up();
    rival = rival_new(G_PRIORITY_HIGH);
    settle();
    rival->ready_in_check = true;
    rival->in_dispatch = (void (*)(void))(uintptr_t)in_dispatch;
    g_assert_true(turn());
    g_assert_cmpint(rival->runs, ==, 1);
    writes_expected = in_dispatch == (void *)schedule_bh_in_thread;
    expect_bh_without_sleep();
    rival_free(rival);
    bh_tear_down();
}

/* Ours had work in prepare, so GLib did not sleep, and other threads need not wake it. */
static void test_rival_comes_before_work(void)
{
    int runs = 0;
    Rival *rival;

    bh_set_up();
    rival = rival_new(G_PRIORITY_HIGH);
    settle();
    aio_bh_schedule_oneshot(ctx, count, &runs);
    rival->ready_in_check = true;
    rival->in_dispatch = schedule_bh_in_thread;
    turn();
    g_assert_cmpint(rival->runs, ==, 1);
    g_assert_cmpint(runs, ==, 0);
    writes_expected = 0;
    expect_bh_without_sleep();
    g_assert_cmpint(runs, ==, 1);
    rival_free(rival);
    bh_tear_down();
}

/* The same, and with its work done by a nested turn of each kind. */
static void schedule_and_iterate(void)
{
    schedule_bh();
    while (!bh_runs) {
        g_main_context_iteration(gc, true);
        g_assert_cmpint(last_timeout, ==, 0);
    }
}

static void schedule_and_aio_poll(void)
{
    schedule_bh();
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(bh_runs, ==, 1);
}

/* Work that turns up after our prepare, in that of a later source: GLib must not sleep. */
static void test_work_from_a_later_prepare(const void *in_prepare)
{
    Rival *rival;

    bh_set_up();
    rival = rival_new(G_PRIORITY_LOW);
    settle();
    rival->in_prepare = (void (*)(void))(uintptr_t)in_prepare;
    really_sleep = true;
    g_assert_true(turn());
    g_assert_cmpint(bh_runs, ==, 1);
    g_assert_cmpint(qatomic_read(&writes), ==, 1);
    really_sleep = false;
    settle();
    rival_free(rival);
    bh_tear_down();
}

static int other_runs;

static void schedule_many(void)
{
    for (int i = 0; i < 10; i++) {
        aio_bh_schedule_oneshot(ctx, count, &other_runs);
    }
    schedule_bh();
}

/* After an iteration that a rival has ended our home thread may sleep, for all we know. Once it has
 * written, it has done enough. */
static void test_doubt_costs_one_write(void)
{
    Rival *rival;

    bh_set_up();
    rival = rival_new(G_PRIORITY_HIGH);
    settle();
    rival->ready_in_check = true;
    turn();
    g_assert_cmpint(rival->runs, ==, 1);
    schedule_many();
    writes_expected = 1;
    expect_bh_without_sleep();
    rival_free(rival);
    bh_tear_down();
}

/* Another thread changes what GLib polls while it does: then it checks nobody. */
static void change_set_and_schedule(void)
{
    in_thread(watch_shared);
    schedule_bh_in_thread();
}

static void test_poll_set_changed_during_poll(void)
{
    bh_set_up();
    watched_init(&shared);
    unwatch(&shared);
    settle();
    qatomic_set(&writes, 0);
    really_sleep = true;
    during_poll = change_set_and_schedule;
    while (!bh_runs) {
        turn();
    }
    really_sleep = false;
    settle();
    watched_done(&shared);
    bh_tear_down();
}

static void test_pending_then_iteration(void)
{
    bh_set_up();
    schedule_bh_in_thread();
    g_assert_true(g_main_context_pending(gc));
    g_assert_true(g_main_context_pending(gc));
    g_assert_cmpint(bh_runs, ==, 0);
    in_thread(notify_ctx);
    g_assert_true(turn());
    g_assert_cmpint(bh_runs, ==, 1);
    turn();
    g_assert_cmpint(last_timeout, ==, -1);
    bh_tear_down();
}

/* ---- a long run with another thread ---------------------------------------------------------- */

#define ROUNDS 20000

static int sent, received; /* atomic */

static void receive(void *opaque G_GNUC_UNUSED)
{
    qatomic_inc(&received);
}

static void *sender(void *opaque)
{
    QEMUBH *to = opaque;

    for (int i = 1; i <= ROUNDS; i++) {
        qatomic_set(&sent, i);
        qemu_bh_schedule(to);
        for (int spins = 0; qatomic_read(&received) < i; spins++) {
            if (i % 16 == 0 || spins > 1000) { /* with one processor it is the receiver's turn */
                sched_yield();
            }
        }
    }
    return NULL;
}

static void sometimes_ready(void)
{
    /* the rival of the long run has nothing to do but to be in the way */
}

/* A wake-up that is lost leaves both sides waiting for each other. */
static void test_no_wakeup_is_lost(void)
{
    Rival *rival;
    pthread_t thread;
    QEMUBH *to;

    set_up();
    rival = rival_new(G_PRIORITY_HIGH);
    rival->in_dispatch = sometimes_ready;
    to = aio_bh_new(ctx, receive, NULL);
    settle();
    really_sleep = true;
    qatomic_set(&received, 0);
    g_assert_cmpint(pthread_create(&thread, NULL, sender, to), ==, 0);
    for (unsigned i = 0; qatomic_read(&received) < ROUNDS; i++) {
        rival->ready_in_check = i % 3 == 1;
        rival->ready_in_prepare = i % 7 == 1;
        turn();
    }
    pthread_join(thread, NULL);
    rival_free(rival);
    qemu_bh_delete(to);
    tear_down();
}

/* ---- life ------------------------------------------------------------------------------------ */

static void destroyed(void *opaque)
{
    *(bool *)opaque = true;
}

static void test_context_lives_as_long_as_its_source(void)
{
    bool gone = false;

    bh_set_up();
    aio_context_set_slot(ctx, AIO_SLOT_THREAD_POOL, &gone, destroyed);
    aio_context_unref(ctx);
    g_source_unref(source);
    g_assert_false(gone);

    qemu_bh_schedule(bh);
    settle();
    g_assert_cmpint(bh_runs, ==, 1);
    aio_context_ref(ctx); /* from nothing but the source */
    aio_context_unref(ctx);
    aio_context_ref(ctx);
    g_source_destroy(source);
    g_assert_false(gone);
    qemu_bh_delete(bh);
    aio_context_unref(ctx);
    g_assert_true(gone);
    qemu_set_current_aio_context(NULL);
    g_main_context_unref(gc);
}

static void test_source_outlives_its_context_unattached(void)
{
    bool gone = false;

    ctx = test_context_new();
    aio_context_set_slot(ctx, AIO_SLOT_THREAD_POOL, &gone, destroyed);
    source = aio_get_g_source(ctx);
    g_assert_true(source == aio_get_g_source(ctx));
    g_source_unref(source);
    test_context_free(ctx);
    g_assert_false(gone);
    g_source_unref(source);
    g_assert_true(gone);
}

/* Everything goes from inside a callback of its own. */
static void drop_all(void *opaque G_GNUC_UNUSED)
{
    g_source_destroy(source);
    g_source_unref(source);
    aio_context_unref(ctx);
}

static void test_destroyed_in_dispatch(void)
{
    bool gone = false;

    set_up();
    aio_context_set_slot(ctx, AIO_SLOT_THREAD_POOL, &gone, destroyed);
    aio_bh_schedule_oneshot(ctx, drop_all, NULL);
    g_assert_true(turn());
    g_assert_true(gone);
    qemu_set_current_aio_context(NULL);
    g_main_context_unref(gc);
}

/* Moved: descriptors and bottom halves are served by the new GMainContext, and only there. */
static void test_moved_to_another_main_context(void)
{
    GMainContext *old;
    Watched w;

    bh_set_up();
    watched_init(&w);
    settle();
    old = gc;
    g_source_destroy(source);
    g_source_unref(source);
    gc = g_main_context_new();
    g_main_context_set_poll_func(gc, test_poll);
    source = aio_get_g_source(ctx);
    g_source_attach(source, gc);

    event_notifier_set(&w.e);
    qemu_bh_schedule(bh);
    g_assert_false(g_main_context_iteration(old, false));
    settle();
    g_assert_cmpint(w.runs, ==, 1);
    g_assert_cmpint(bh_runs, ==, 1);
    g_main_context_unref(old);
    watched_done(&w);
    bh_tear_down();
}

/* From inside a callback, to where it goes on at once. */
static void move_away(void *opaque)
{
    GMainContext *new_gc = opaque;

    g_source_destroy(source);
    g_source_unref(source);
    source = aio_get_g_source(ctx);
    g_source_attach(source, new_gc);
    schedule_bh();
    while (!bh_runs) {
        g_main_context_iteration(new_gc, true);
    }
}

static void test_moved_in_dispatch(void)
{
    GMainContext *new_gc = g_main_context_new();

    bh_set_up();
    aio_bh_schedule_oneshot(ctx, move_away, new_gc);
    g_assert_true(turn());
    g_assert_cmpint(bh_runs, ==, 1);
    bh_tear_down();
    g_main_context_unref(new_gc);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gsource/bh/runs_once", test_bh_runs_once);
    g_test_add_func("/gsource/bh/idle", test_idle_bh_runs_within_10_ms);
    g_test_add_func("/gsource/bh/cancelled_and_deleted", test_cancelled_and_deleted_bhs_do_not_run);
    g_test_add_func("/gsource/bh/deleted_by_itself", test_deleted_bh_is_freed_by_a_turn);
    g_test_add_func("/gsource/fd/all_ages", test_handlers_of_all_ages_are_served);
    g_test_add_func("/gsource/fd/removed", test_removed_handler_is_not_polled);
    g_test_add_func("/gsource/fd/from_another_thread", test_handler_from_another_thread);
    g_test_add_func("/gsource/fd/comes_during_poll", test_handler_that_comes_during_poll);
    g_test_add_func("/gsource/fd/deleted_by_a_handler", test_handlers_deleted_by_a_handler);
    g_test_add_func("/gsource/fd/write", test_write_handler);
    g_test_add_func("/gsource/fd/external", test_external_handlers_are_left_out);
    g_test_add_func("/gsource/timers", test_timers);
    g_test_add_func("/gsource/io_poll/asked", test_io_poll_is_asked_before_sleeping);
    g_test_add_func("/gsource/io_poll/ends", test_adaptive_polling_ends_when_glib_turns);
    g_test_add_func("/gsource/io_uring", test_io_uring_is_given_up);
    g_test_add_data_func("/gsource/nested/iteration", (void *)wait_by_iteration, test_nested);
    g_test_add_data_func("/gsource/nested/aio_poll", (void *)wait_by_aio_poll, test_nested);
    g_test_add_func("/gsource/nested/deeply", test_nested_deeply);
    g_test_add_func("/gsource/nested/bh", test_bh_waits_for_a_bh);
    g_test_add_func("/gsource/nested/coroutine", test_coroutine_waits_in_the_loop);
    g_test_add_func("/gsource/notify/callbacks", test_callbacks_pay_no_write);
    g_test_add_func("/gsource/notify/sleeper", test_thread_wakes_a_sleeper_with_one_write);
    g_test_add_func("/gsource/notify/awake", test_thread_pays_nothing_when_nobody_sleeps);
    g_test_add_func("/gsource/notify/once", test_notify_skips_one_sleep);
    g_test_add_func("/gsource/notify/during_dispatch", test_notify_during_dispatch);
    g_test_add_data_func("/gsource/notify/rival_in_prepare", (void *)schedule_bh,
                         test_rival_ready_in_prepare);
    g_test_add_data_func("/gsource/notify/rival_in_prepare/thread", (void *)schedule_bh_in_thread,
                         test_rival_ready_in_prepare);
    g_test_add_data_func("/gsource/notify/rival_in_prepare/iterates", (void *)schedule_and_iterate,
                         test_rival_ready_in_prepare);
    g_test_add_data_func("/gsource/notify/rival_in_check", (void *)schedule_bh,
                         test_rival_ready_in_check);
    g_test_add_data_func("/gsource/notify/rival_in_check/thread", (void *)schedule_bh_in_thread,
                         test_rival_ready_in_check);
    g_test_add_data_func("/gsource/notify/rival_in_check/iterates", (void *)schedule_and_iterate,
                         test_rival_ready_in_check);
    g_test_add_data_func("/gsource/notify/rival_in_check/aio_poll", (void *)schedule_and_aio_poll,
                         test_rival_ready_in_check);
    g_test_add_func("/gsource/notify/rival_comes_before", test_rival_comes_before_work);
    g_test_add_data_func("/gsource/notify/later_prepare", (void *)schedule_bh,
                         test_work_from_a_later_prepare);
    g_test_add_data_func("/gsource/notify/later_prepare/many", (void *)schedule_many,
                         test_work_from_a_later_prepare);
    g_test_add_data_func("/gsource/notify/later_prepare/thread", (void *)schedule_bh_in_thread,
                         test_work_from_a_later_prepare);
    g_test_add_func("/gsource/notify/doubt", test_doubt_costs_one_write);
    g_test_add_func("/gsource/notify/poll_set_changed", test_poll_set_changed_during_poll);
    g_test_add_func("/gsource/notify/pending", test_pending_then_iteration);
    g_test_add_func("/gsource/notify/long_run", test_no_wakeup_is_lost);
    g_test_add_func("/gsource/life/source_keeps_context", test_context_lives_as_long_as_its_source);
    g_test_add_func("/gsource/life/unattached", test_source_outlives_its_context_unattached);
    g_test_add_func("/gsource/life/destroyed_in_dispatch", test_destroyed_in_dispatch);
    g_test_add_func("/gsource/life/moved", test_moved_to_another_main_context);
    g_test_add_func("/gsource/life/moved_in_dispatch", test_moved_in_dispatch);
    return g_test_run();
}
