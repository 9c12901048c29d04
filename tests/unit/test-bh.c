/* Bottom halves: when they run, how often, in which turn, and who may touch them meanwhile.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "util.h"

/* A bottom half that counts, and does what its test tells it on top. */
typedef struct Half {
    AioContext *ctx;
    QEMUBH *bh;
    int runs;
    void (*also)(struct Half *h);
    struct Half *other;
} Half;

static void half_cb(void *opaque)
{
    Half *h = opaque;

    h->runs++;
    if (h->also) {
        h->also(h);
    }
}

static Half half_new(AioContext *ctx)
{
    return (Half){ .ctx = ctx };
}

static void half_init(Half *h, AioContext *ctx, void (*also)(Half *))
{
    *h = half_new(ctx);
    h->also = also;
    h->bh = aio_bh_new(ctx, half_cb, h);
}

/* How often the context's eventfd was written since the last call. */
static uint64_t notifier_writes(AioContext *ctx)
{
    uint64_t n = 0;

    return read(event_notifier_get_fd(&ctx->notifier), &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* ---- schedule ------------------------------------------------------------------------------ */

static void test_schedule_twice_runs_once(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, NULL);
    qemu_bh_schedule(h.bh);
    qemu_bh_schedule(h.bh);
    g_assert_cmpint(h.runs, ==, 0);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 1);

    qemu_bh_schedule(h.bh);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(h.runs, ==, 2);
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void test_schedule_notifies_once(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, NULL);
    qatomic_set(&ctx->notify_me, 1); /* as if the home thread slept */
    qemu_bh_schedule(h.bh);
    g_assert_cmpuint(notifier_writes(ctx), ==, 1);
    qemu_bh_schedule(h.bh);
    qemu_bh_schedule_idle(h.bh);
    g_assert_cmpuint(notifier_writes(ctx), ==, 0);

    qatomic_set(&ctx->notify_me, 0);
    aio_poll(ctx, false);
    qatomic_set(&ctx->notify_me, 1);
    qemu_bh_schedule(h.bh);
    g_assert_cmpuint(notifier_writes(ctx), ==, 1);

    qatomic_set(&ctx->notify_me, 0);
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void test_schedule_writes_nothing_to_a_loop_awake(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, NULL);
    qemu_bh_schedule(h.bh);
    g_assert_cmpuint(notifier_writes(ctx), ==, 0);
    aio_poll(ctx, false);
    qemu_bh_delete(h.bh);
    g_assert_cmpuint(notifier_writes(ctx), ==, 0);
    test_context_free(ctx);
}

static void schedule_self_cb(Half *h)
{
    qemu_bh_schedule(h->bh);
}

static void test_rescheduled_by_itself_waits_for_next_turn(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, schedule_self_cb);
    qemu_bh_schedule(h.bh);
    for (int i = 1; i <= 10; i++) {
        g_assert_true(aio_poll(ctx, i & 1));
        g_assert_cmpint(h.runs, ==, i);
    }
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void schedule_other_cb(Half *h)
{
    qemu_bh_schedule(h->other->bh);
}

static void test_scheduled_by_others_waits_for_next_turn(void)
{
    AioContext *ctx = test_context_new();
    Half a, b, late;

    half_init(&a, ctx, schedule_other_cb);
    half_init(&b, ctx, schedule_other_cb);
    half_init(&late, ctx, NULL);
    a.other = b.other = &late;
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    aio_poll(ctx, false);
    g_assert_cmpint(a.runs + b.runs, ==, 2);
    g_assert_cmpint(late.runs, ==, 0);
    aio_poll(ctx, false);
    g_assert_cmpint(late.runs, ==, 1);

    qemu_bh_delete(a.bh);
    qemu_bh_delete(b.bh);
    qemu_bh_delete(late.bh);
    test_context_free(ctx);
}

/* ---- idle ---------------------------------------------------------------------------------- */

static void test_idle_waits_ten_ms_and_is_no_progress(void)
{
    AioContext *ctx = test_context_new();
    gint64 start, took;
    Half h;

    half_init(&h, ctx, NULL);
    qemu_bh_schedule_idle(h.bh);
    start = g_get_monotonic_time();
    g_assert_false(aio_poll(ctx, true));
    took = g_get_monotonic_time() - start;
    g_assert_cmpint(h.runs, ==, 1);
    g_assert_cmpint(took, >=, 9000);
    g_assert_cmpint(took, <, 5 * G_TIME_SPAN_SECOND);

    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 1);
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void test_idle_runs_whenever_the_loop_turns(void)
{
    AioContext *ctx = test_context_new();
    Half idle, urgent;

    half_init(&idle, ctx, NULL);
    half_init(&urgent, ctx, NULL);
    qemu_bh_schedule_idle(idle.bh);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(idle.runs, ==, 1);

    qemu_bh_schedule_idle(idle.bh);
    qemu_bh_schedule(urgent.bh);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(idle.runs, ==, 2);
    g_assert_cmpint(urgent.runs, ==, 1);
    qemu_bh_delete(idle.bh);
    qemu_bh_delete(urgent.bh);
    test_context_free(ctx);
}

/* Schedule one both ways; either order must give an urgent one. */
static void check_urgent(void (*first)(QEMUBH *), void (*second)(QEMUBH *))
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, NULL);
    first(h.bh);
    second(h.bh);
    g_assert_cmpint(aio_compute_timeout(ctx), ==, 0);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(h.runs, ==, 1);

    /* The next time it is as idle, or not, as it is asked to be. */
    qemu_bh_schedule_idle(h.bh);
    g_assert_cmpint(aio_compute_timeout(ctx), ==, 10000000);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(aio_compute_timeout(ctx), ==, -1);
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void test_urgent_overrides_idle(void)
{
    check_urgent(qemu_bh_schedule_idle, qemu_bh_schedule);
}

static void test_idle_does_not_demote_urgent(void)
{
    check_urgent(qemu_bh_schedule, qemu_bh_schedule_idle);
}

/* ---- one-shot, cancel, delete -------------------------------------------------------------- */

static void test_oneshot_runs_once(void)
{
    AioContext *ctx = test_context_new();
    Half h = half_new(ctx);

    aio_bh_schedule_oneshot(ctx, half_cb, &h);
    g_assert_cmpint(h.runs, ==, 0);
    g_assert_true(aio_poll(ctx, true));
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 1);
    test_context_free(ctx);
}

static void oneshot_again_cb(Half *h)
{
    if (h->runs < 5) {
        aio_bh_schedule_oneshot(h->ctx, half_cb, h);
    }
}

static void test_oneshot_from_oneshot(void)
{
    AioContext *ctx = test_context_new();
    Half h = half_new(ctx);

    h.also = oneshot_again_cb;
    aio_bh_schedule_oneshot(ctx, half_cb, &h);
    for (int i = 1; i <= 5; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(h.runs, ==, i);
    }
    g_assert_false(aio_poll(ctx, false));
    test_context_free(ctx);
}

static void test_cancelled_does_not_run(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, NULL);
    qemu_bh_schedule(h.bh);
    qemu_bh_cancel(h.bh);
    g_assert_cmpint(aio_compute_timeout(ctx), ==, -1);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 0);

    /* It is as good as new, passed over by a turn in between or not. */
    qemu_bh_schedule(h.bh);
    qemu_bh_cancel(h.bh);
    qemu_bh_schedule(h.bh);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 1);
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void test_cancel_forgets_idleness(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, NULL);
    qemu_bh_schedule_idle(h.bh);
    qemu_bh_cancel(h.bh);
    qemu_bh_schedule(h.bh);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(h.runs, ==, 1);
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void cancel_other_cb(Half *h)
{
    qemu_bh_cancel(h->other->bh);
}

/* Two of the same turn, each of which does something to the other. */
static void run_rivals(AioContext *ctx, Half *a, Half *b, void (*cb)(Half *))
{
    half_init(a, ctx, cb);
    half_init(b, ctx, cb);
    a->other = b;
    b->other = a;
    qemu_bh_schedule(a->bh);
    qemu_bh_schedule(b->bh);
    test_poll_idle(ctx);
}

static void test_cancelled_by_one_of_the_same_turn(void)
{
    AioContext *ctx = test_context_new();
    Half a, b;

    run_rivals(ctx, &a, &b, cancel_other_cb);
    g_assert_cmpint(a.runs + b.runs, ==, 1);
    qemu_bh_delete(a.bh);
    qemu_bh_delete(b.bh);
    test_context_free(ctx);
}

static void test_deleted_while_scheduled_does_not_run(void)
{
    AioContext *ctx = test_context_new();
    Half urgent, idle, unscheduled;

    half_init(&urgent, ctx, NULL);
    half_init(&idle, ctx, NULL);
    half_init(&unscheduled, ctx, NULL);
    qemu_bh_schedule(urgent.bh);
    qemu_bh_schedule_idle(idle.bh);
    qemu_bh_delete(urgent.bh);
    qemu_bh_delete(idle.bh);
    qemu_bh_delete(unscheduled.bh);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(urgent.runs + idle.runs + unscheduled.runs, ==, 0);
    test_context_free(ctx);
}

static void delete_self_cb(Half *h)
{
    qemu_bh_delete(h->bh);
}

static void schedule_and_delete_self_cb(Half *h)
{
    qemu_bh_schedule(h->bh);
    qemu_bh_delete(h->bh);
}

static void check_delete_from_own_callback(void (*also)(Half *))
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, also);
    qemu_bh_schedule(h.bh);
    g_assert_true(aio_poll(ctx, false));
    test_poll_idle(ctx);
    g_assert_cmpint(h.runs, ==, 1);
    test_context_free(ctx);
}

static void test_delete_from_own_callback(void)
{
    check_delete_from_own_callback(delete_self_cb);
}

static void test_delete_from_own_callback_while_scheduled(void)
{
    check_delete_from_own_callback(schedule_and_delete_self_cb);
}

static void delete_other_cb(Half *h)
{
    if (h->other) {
        h->other->other = NULL;
        qemu_bh_delete(h->other->bh);
    }
}

static void test_deleted_by_one_of_the_same_turn(void)
{
    AioContext *ctx = test_context_new();
    Half a, b;

    run_rivals(ctx, &a, &b, delete_other_cb);
    g_assert_cmpint(a.runs + b.runs, ==, 1);
    qemu_bh_delete(a.runs ? a.bh : b.bh);
    test_context_free(ctx);
}

/* ---- nested turns -------------------------------------------------------------------------- */

static void poll_for_other_cb(Half *h)
{
    if (h->other->runs == 0) {
        TEST_POLL_UNTIL(h->ctx, h->other->runs == 1);
    }
}

/* Whichever comes first waits for the other, which is in the same slice, in a nested loop. */
static void test_nested_poll_runs_the_rest_of_the_slice(void)
{
    AioContext *ctx = test_context_new();
    Half a, b;

    half_init(&a, ctx, poll_for_other_cb);
    half_init(&b, ctx, poll_for_other_cb);
    a.other = &b;
    b.other = &a;
    qemu_bh_schedule(a.bh);
    qemu_bh_schedule(b.bh);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(a.runs, ==, 1);
    g_assert_cmpint(b.runs, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    qemu_bh_delete(a.bh);
    qemu_bh_delete(b.bh);
    test_context_free(ctx);
}

static void schedule_other_and_poll_cb(Half *h)
{
    qemu_bh_schedule(h->other->bh);
    TEST_POLL_UNTIL(h->ctx, h->other->runs == h->runs);
}

static void test_nested_poll_runs_what_was_scheduled_since(void)
{
    AioContext *ctx = test_context_new();
    Half a, b;

    half_init(&a, ctx, schedule_other_and_poll_cb);
    half_init(&b, ctx, NULL);
    a.other = &b;
    for (int i = 1; i <= 2; i++) {
        qemu_bh_schedule(a.bh);
        g_assert_true(aio_poll(ctx, false));
        g_assert_cmpint(a.runs, ==, i);
        g_assert_cmpint(b.runs, ==, i);
    }
    qemu_bh_delete(a.bh);
    qemu_bh_delete(b.bh);
    test_context_free(ctx);
}

#define DEPTH 100

static void nest_cb(Half *h)
{
    int me = h->runs;

    if (me < DEPTH) {
        qemu_bh_schedule(h->bh);
        g_assert_true(aio_poll(h->ctx, true));
        g_assert_cmpint(h->runs, ==, DEPTH);
    }
}

static void test_nested_a_hundred_deep(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, nest_cb);
    qemu_bh_schedule(h.bh);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, DEPTH);
    g_assert_false(aio_poll(ctx, false));
    qemu_bh_delete(h.bh);
    test_context_free(ctx);
}

static void delete_self_and_poll_cb(Half *h)
{
    qemu_bh_delete(h->bh);
    test_poll_idle(h->ctx);
    h->other = NULL; /* our memory, not the bottom half's, which is gone */
}

static void test_nested_poll_after_deleting_oneself(void)
{
    AioContext *ctx = test_context_new();
    Half h;

    half_init(&h, ctx, delete_self_and_poll_cb);
    qemu_bh_schedule(h.bh);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(h.runs, ==, 1);
    test_context_free(ctx);
}

/* ---- threads ------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  20000

typedef struct Shared {
    QEMUBH *bh;
    AioContext *ctx;
    int wanted; /* raised by a thread before it schedules */
    int seen;   /* wanted, when the bottom half ran last; home thread */
    int runs;
    int finished;
} Shared;

static void look_cb(void *opaque)
{
    Shared *sh = opaque;

    sh->seen = qatomic_read(&sh->wanted);
    sh->runs++;
}

static gpointer schedule_thread(gpointer opaque)
{
    Shared *sh = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        qatomic_inc(&sh->wanted);
        qemu_bh_schedule(sh->bh);
    }
    return NULL;
}

/* All threads schedule the same one; after the last schedule it must run once more. */
static void test_scheduled_by_many_threads(void)
{
    AioContext *ctx = test_context_new();
    Shared sh = { .ctx = ctx };
    GThread *threads[THREADS];

    sh.bh = aio_bh_new(ctx, look_cb, &sh);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("schedule", schedule_thread, &sh);
    }
    TEST_POLL_UNTIL(ctx, sh.seen == THREADS * ROUNDS);
    g_assert_cmpint(sh.runs, <=, THREADS * ROUNDS);
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    test_poll_idle(ctx);
    qemu_bh_delete(sh.bh);
    test_context_free(ctx);
}

static gpointer oneshot_thread(gpointer opaque)
{
    Shared *sh = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        aio_bh_schedule_oneshot(sh->ctx, look_cb, sh);
    }
    return NULL;
}

static void test_oneshots_of_many_threads_all_run(void)
{
    AioContext *ctx = test_context_new();
    Shared sh = { .ctx = ctx };
    GThread *threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("oneshot", oneshot_thread, &sh);
    }
    TEST_POLL_UNTIL(ctx, sh.runs == THREADS * ROUNDS);
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(sh.runs, ==, THREADS * ROUNDS);
    test_context_free(ctx);
}

static gpointer make_and_delete_thread(gpointer opaque)
{
    Shared *sh = opaque;

    for (int i = 0; i < ROUNDS / 10; i++) {
        QEMUBH *bh = aio_bh_new(sh->ctx, look_cb, sh);

        qemu_bh_schedule(bh);
        if (i & 1) {
            qemu_bh_schedule_idle(bh);
        }
        qemu_bh_delete(bh);
    }
    /* Now, for the last one-shot to wake a loop that finds all finished. */
    qatomic_inc(&sh->finished);
    aio_bh_schedule_oneshot(sh->ctx, look_cb, sh);
    return NULL;
}

static void test_deleted_by_many_threads(void)
{
    AioContext *ctx = test_context_new();
    Shared sh = { .ctx = ctx };
    GThread *threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("delete", make_and_delete_thread, &sh);
    }
    while (qatomic_read(&sh.finished) < THREADS) {
        aio_poll(ctx, true);
    }
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    test_poll_idle(ctx);
    g_assert_cmpint(sh.runs, >=, THREADS);
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bh/schedule/twice-runs-once", test_schedule_twice_runs_once);
    g_test_add_func("/bh/schedule/notifies-once", test_schedule_notifies_once);
    g_test_add_func("/bh/schedule/writes-nothing-to-a-loop-awake",
                    test_schedule_writes_nothing_to_a_loop_awake);
    g_test_add_func("/bh/schedule/by-itself-waits-for-next-turn",
                    test_rescheduled_by_itself_waits_for_next_turn);
    g_test_add_func("/bh/schedule/by-others-waits-for-next-turn",
                    test_scheduled_by_others_waits_for_next_turn);
    g_test_add_func("/bh/idle/waits-ten-ms-and-is-no-progress",
                    test_idle_waits_ten_ms_and_is_no_progress);
    g_test_add_func("/bh/idle/runs-whenever-the-loop-turns",
                    test_idle_runs_whenever_the_loop_turns);
    g_test_add_func("/bh/idle/is-overridden-by-urgent", test_urgent_overrides_idle);
    g_test_add_func("/bh/idle/does-not-demote-urgent", test_idle_does_not_demote_urgent);
    g_test_add_func("/bh/oneshot/runs-once", test_oneshot_runs_once);
    g_test_add_func("/bh/oneshot/from-oneshot", test_oneshot_from_oneshot);
    g_test_add_func("/bh/cancel/does-not-run", test_cancelled_does_not_run);
    g_test_add_func("/bh/cancel/forgets-idleness", test_cancel_forgets_idleness);
    g_test_add_func("/bh/cancel/by-one-of-the-same-turn", test_cancelled_by_one_of_the_same_turn);
    g_test_add_func("/bh/delete/while-scheduled-does-not-run",
                    test_deleted_while_scheduled_does_not_run);
    g_test_add_func("/bh/delete/from-own-callback", test_delete_from_own_callback);
    g_test_add_func("/bh/delete/from-own-callback-while-scheduled",
                    test_delete_from_own_callback_while_scheduled);
    g_test_add_func("/bh/delete/by-one-of-the-same-turn", test_deleted_by_one_of_the_same_turn);
    g_test_add_func("/bh/nested/runs-the-rest-of-the-slice",
                    test_nested_poll_runs_the_rest_of_the_slice);
    g_test_add_func("/bh/nested/runs-what-was-scheduled-since",
                    test_nested_poll_runs_what_was_scheduled_since);
    g_test_add_func("/bh/nested/a-hundred-deep", test_nested_a_hundred_deep);
    g_test_add_func("/bh/nested/after-deleting-oneself", test_nested_poll_after_deleting_oneself);
    g_test_add_func("/bh/threads/schedule", test_scheduled_by_many_threads);
    g_test_add_func("/bh/threads/oneshots-all-run", test_oneshots_of_many_threads_all_run);
    g_test_add_func("/bh/threads/delete", test_deleted_by_many_threads);
    return g_test_run();
}
