/* Timers: which run when and in what order, what callbacks and other threads may do to them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "util.h"

#define CLOCK QEMU_CLOCK_REALTIME

/* A timer that notes its runs in the order of all. */
typedef struct Alarm {
    QEMUTimer ts;
    int runs;
    void (*also)(struct Alarm *alarm);
    struct Alarm *other;
} Alarm;

static Alarm *order[64];
static int n_runs;

static void alarm_cb(void *opaque)
{
    Alarm *alarm = opaque;

    order[n_runs++ % G_N_ELEMENTS(order)] = alarm;
    alarm->runs++;
    if (alarm->also) {
        alarm->also(alarm);
    }
}

static void alarms_init(AioContext *ctx, Alarm *alarms, int n)
{
    n_runs = 0;
    for (int i = 0; i < n; i++) {
        alarms[i] = (Alarm){ 0 };
        aio_timer_init(ctx, &alarms[i].ts, CLOCK, SCALE_NS, alarm_cb, &alarms[i]);
        g_assert_false(timer_pending(&alarms[i].ts));
    }
}

static int64_t in_ms(int64_t ms)
{
    return qemu_clock_get_ns(CLOCK) + ms * SCALE_MS;
}

/* ---- order --------------------------------------------------------------------------------- */

static void test_run_in_order_of_time(void)
{
    static const int at[] = { 5, 1, 4, 0, 2, 3 };
    AioContext *ctx = test_context_new();
    Alarm a[6];

    alarms_init(ctx, a, 6);
    for (int i = 0; i < 6; i++) {
        timer_mod(&a[i].ts, 1000 + at[i]);
    }
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(n_runs, ==, 6);
    for (int i = 0; i < 6; i++) {
        g_assert_true(order[at[i]] == &a[i]);
        g_assert_false(timer_pending(&a[i].ts));
    }
    g_assert_false(aio_poll(ctx, false));
    test_context_free(ctx);
}

static void test_equal_times_run_in_order_of_arming(void)
{
    AioContext *ctx = test_context_new();
    Alarm a[4];

    alarms_init(ctx, a, 4);
    timer_mod(&a[2].ts, 7);
    timer_mod(&a[0].ts, 7);
    timer_mod(&a[3].ts, 7);
    timer_mod(&a[1].ts, 7);
    timer_mod(&a[2].ts, 7); /* armed anew: behind the others */
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(n_runs, ==, 4);
    g_assert_true(order[0] == &a[0] && order[1] == &a[3] && order[2] == &a[1]);
    g_assert_true(order[3] == &a[2]);

    /* The past begins at 0. */
    timer_mod(&a[0].ts, 0);
    timer_mod(&a[1].ts, -5);
    g_assert_true(timer_pending(&a[1].ts));
    g_assert_true(aio_poll(ctx, false));
    g_assert_true(order[4] == &a[0] && order[5] == &a[1]);
    test_context_free(ctx);
}

/* ---- arming and disarming ------------------------------------------------------------------ */

static void test_mod_moves(void)
{
    AioContext *ctx = test_context_new();
    Alarm a;

    alarms_init(ctx, &a, 1);
    timer_mod(&a.ts, in_ms(1));
    timer_mod(&a.ts, in_ms(60000));
    g_usleep(3000);
    g_assert_false(aio_poll(ctx, false));
    timer_mod(&a.ts, 0);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(a.runs, ==, 1);
    test_context_free(ctx);
}

static void test_anticipate_only_moves_closer(void)
{
    AioContext *ctx = test_context_new();
    Alarm a;

    alarms_init(ctx, &a, 1);
    timer_mod_anticipate_ns(&a.ts, 5000); /* arms */
    g_assert_cmpuint(timer_expire_time_ns(&a.ts), ==, 5000);
    timer_mod_anticipate_ns(&a.ts, 6000);
    g_assert_cmpuint(timer_expire_time_ns(&a.ts), ==, 5000);
    timer_mod_anticipate_ns(&a.ts, 4000);
    g_assert_cmpuint(timer_expire_time_ns(&a.ts), ==, 4000);
    timer_del(&a.ts);
    test_context_free(ctx);
}

static void test_deleted_does_not_run(void)
{
    AioContext *ctx = test_context_new();
    Alarm a[3];

    alarms_init(ctx, a, 3);
    for (int i = 0; i < 3; i++) {
        timer_mod(&a[i].ts, i);
    }
    timer_del(&a[1].ts);
    timer_del(&a[1].ts); /* again is nothing */
    g_assert_false(timer_pending(&a[1].ts));
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(a[0].runs, ==, 1);
    g_assert_cmpint(a[1].runs, ==, 0);
    g_assert_cmpint(a[2].runs, ==, 1);
    timer_deinit(&a[1].ts);
    test_context_free(ctx);
}

static void test_pending_and_expired(void)
{
    AioContext *ctx = test_context_new();
    int runs = 0;
    QEMUTimer *ts = aio_timer_new(ctx, CLOCK, SCALE_MS, alarm_cb, &runs);

    g_assert_false(timer_pending(ts));
    g_assert_false(timer_expired(ts, INT64_MAX));
    g_assert_cmpuint(timer_expire_time_ns(ts), ==, UINT64_MAX);

    timer_mod(ts, 70); /* in units of its scale */
    g_assert_true(timer_pending(ts));
    g_assert_cmpuint(timer_expire_time_ns(ts), ==, 70 * SCALE_MS);
    g_assert_false(timer_expired(ts, 69));
    g_assert_true(timer_expired(ts, 70));
    g_assert_true(timer_expired(ts, INT64_MAX));

    timer_mod(ts, INT64_MAX); /* beyond the clock's end */
    g_assert_cmpuint(timer_expire_time_ns(ts), ==, INT64_MAX);
    timer_free(ts);
    timer_free(NULL);
    test_context_free(ctx);
}

/* ---- from callbacks ------------------------------------------------------------------------ */

static void again_at_once(Alarm *alarm)
{
    timer_mod(&alarm->ts, 0);
}

/* It waits for the next turn, and keeps no other from running. */
static void test_rearmed_for_the_past_runs_once_a_turn(void)
{
    AioContext *ctx = test_context_new();
    Alarm a[2];

    alarms_init(ctx, a, 2);
    a[0].also = again_at_once;
    timer_mod(&a[0].ts, 1);
    timer_mod(&a[1].ts, 2);
    for (int i = 1; i <= 3; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(a[0].runs, ==, i);
        g_assert_cmpint(a[1].runs, ==, 1);
    }
    timer_del(&a[0].ts);
    test_context_free(ctx);
}

static void later_and_delete_other(Alarm *alarm)
{
    timer_mod(&alarm->ts, in_ms(60000));
    timer_mod_anticipate_ns(&alarm->ts, in_ms(50000));
    timer_del(&alarm->other->ts);
}

static void test_mod_and_delete_from_callback(void)
{
    AioContext *ctx = test_context_new();
    Alarm a[2];

    alarms_init(ctx, a, 2);
    a[0].also = later_and_delete_other;
    a[0].other = &a[1];
    timer_mod(&a[0].ts, 1);
    timer_mod(&a[1].ts, 2);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(n_runs, ==, 1);
    g_assert_true(timer_pending(&a[0].ts));
    g_assert_false(timer_pending(&a[1].ts));
    g_assert_false(aio_poll(ctx, false));
    timer_del(&a[0].ts);
    test_context_free(ctx);
}

static void free_cb(void *opaque)
{
    QEMUTimer **ts = opaque;

    timer_free(*ts);
    *ts = NULL;
}

static void test_free_from_own_callback(void)
{
    AioContext *ctx = test_context_new();
    QEMUTimer *ts = aio_timer_new(ctx, CLOCK, SCALE_NS, free_cb, &ts);

    timer_mod(ts, 1);
    g_assert_true(aio_poll(ctx, true));
    g_assert_null(ts);
    test_context_free(ctx);
}

typedef struct Nested {
    AioContext *ctx;
    QEMUTimer ts;
    QEMUTimer inner;
    int runs;
} Nested;

static void count_cb(void *opaque)
{
    qatomic_inc((int *)opaque);
}

static void nested_cb(void *opaque)
{
    Nested *n = opaque;

    timer_mod(&n->inner, 0);
    TEST_POLL_UNTIL(n->ctx, n->runs > 0);
}

static void test_nested_turn_runs_timers(void)
{
    Nested n = { .ctx = test_context_new() };

    aio_timer_init(n.ctx, &n.ts, CLOCK, SCALE_NS, nested_cb, &n);
    aio_timer_init(n.ctx, &n.inner, CLOCK, SCALE_NS, count_cb, &n.runs);
    timer_mod(&n.ts, 0);
    g_assert_true(aio_poll(n.ctx, true));
    g_assert_cmpint(n.runs, ==, 1);
    test_context_free(n.ctx);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void test_deadline_ends_the_sleep(void)
{
    AioContext *ctx = test_context_new();
    int64_t due, late;
    Alarm a;

    alarms_init(ctx, &a, 1);
    for (int i = 0; i < 3; i++) {
        due = in_ms(10);
        timer_mod(&a.ts, due);
        TEST_POLL_UNTIL(ctx, a.runs > i);
        late = qemu_clock_get_ns(CLOCK) - due;
        g_assert_cmpint(late, >=, 0); /* never too early */
        g_assert_cmpint(late, <, NANOSECONDS_PER_SECOND);
    }
    test_context_free(ctx);
}

/* Less than a millisecond can be waited for: the shortest of some sleeps of 100 µs takes no 1 ms.
 */
static void test_precision_is_better_than_a_millisecond(void)
{
    AioContext *ctx = test_context_new();
    int64_t start, best = INT64_MAX;
    Alarm a;

    alarms_init(ctx, &a, 1);
    for (int i = 0; i < 50; i++) {
        start = qemu_clock_get_ns(CLOCK);
        timer_mod(&a.ts, start + 100000);
        TEST_POLL_UNTIL(ctx, a.runs > i);
        best = MIN(best, qemu_clock_get_ns(CLOCK) - start);
    }
    g_assert_cmpint(best, >=, 100000);
    g_assert_cmpint(best, <, test_is_watched() ? 10000000 : 900000);
    test_context_free(ctx);
}

static void test_group_deadline(void)
{
    AioContext *ctx = test_context_new();
    QEMUTimerListGroup *tlg = aio_context_get_timers(ctx);
    int runs = 0;
    QEMUTimer real, host;
    int64_t deadline;

    g_assert_cmpint(timerlistgroup_deadline_ns(tlg), ==, -1);
    timer_init_full(&real, tlg, QEMU_CLOCK_REALTIME, SCALE_MS, count_cb, &runs);
    timer_init_full(&host, tlg, QEMU_CLOCK_HOST, SCALE_MS, count_cb, &runs);
    timer_mod(&real, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + 50000);
    timer_mod(&host, qemu_clock_get_ms(QEMU_CLOCK_HOST) + 20000);
    deadline = timerlistgroup_deadline_ns(tlg);
    g_assert_cmpint(deadline, >, 10000 * (int64_t)SCALE_MS);
    g_assert_cmpint(deadline, <=, 20000 * (int64_t)SCALE_MS);
    timer_mod(&real, 1);
    g_assert_cmpint(timerlistgroup_deadline_ns(tlg), ==, 0);
    timer_mod(&host, 1);
    g_assert_true(timerlistgroup_run_timers(tlg));
    g_assert_cmpint(runs, ==, 2);
    g_assert_false(timerlistgroup_run_timers(tlg));
    test_context_free(ctx);
}

/* The group knows which of its clocks have timers, however they come and go. */
static void test_group_without_timers(void)
{
    AioContext *ctx = test_context_new();
    QEMUTimerListGroup *tlg = aio_context_get_timers(ctx);
    QEMUTimer ts[QEMU_CLOCK_MAX][2];
    int runs = 0;

    for (int clock = 0; clock < QEMU_CLOCK_MAX; clock++) {
        for (int i = 0; i < 2; i++) {
            timer_init_full(&ts[clock][i], tlg, clock, SCALE_NS, count_cb, &runs);
            timer_mod(&ts[clock][i], i ? INT64_MAX : 0);
        }
    }
    g_assert_true(timerlistgroup_run_timers(tlg));
    g_assert_cmpint(runs, ==, QEMU_CLOCK_MAX);
    for (int clock = 0; clock < QEMU_CLOCK_MAX; clock++) {
        g_assert_cmpint(timerlistgroup_deadline_ns(tlg), >, 0);
        timer_mod_anticipate_ns(&ts[clock][1], INT64_MAX);
        timer_mod(&ts[clock][1], INT64_MAX - 1);
        timer_del(&ts[clock][1]);
        timer_del(&ts[clock][1]);
    }
    g_assert_cmpint(timerlistgroup_deadline_ns(tlg), ==, -1);
    g_assert_cmpint(tlg->armed, ==, 0);
    g_assert_false(timerlistgroup_run_timers(tlg));

    /* The last one of a clock, by its running. */
    timer_mod(&ts[QEMU_CLOCK_HOST][0], 0);
    g_assert_cmpint(timerlistgroup_deadline_ns(tlg), ==, 0);
    g_assert_true(timerlistgroup_run_timers(tlg));
    g_assert_cmpint(timerlistgroup_deadline_ns(tlg), ==, -1);
    g_assert_cmpint(tlg->armed, ==, 0);
    test_context_free(ctx);
}

/* Whenever it is looked at, also in the very moment in which the timer falls due. */
static void test_deadline_is_never_in_the_past(void)
{
    AioContext *ctx = test_context_new();
    QEMUTimerListGroup *tlg = aio_context_get_timers(ctx);
    int64_t deadline;
    QEMUTimer ts;
    int runs = 0;

    timer_init_full(&ts, tlg, QEMU_CLOCK_REALTIME, SCALE_NS, count_cb, &runs);
    for (int i = 0; i < 2000; i++) {
        timer_mod_ns(&ts, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 1000);
        do {
            deadline = timerlistgroup_deadline_ns(tlg);
            g_assert_cmpint(deadline, >=, 0);
        } while (deadline);
    }
    timer_del(&ts);
    test_context_free(ctx);
}

static void test_conversions(void)
{
    g_assert_cmpint(qemu_soonest_timeout(-1, 5), ==, 5);
    g_assert_cmpint(qemu_soonest_timeout(5, -1), ==, 5);
    g_assert_cmpint(qemu_soonest_timeout(0, -1), ==, 0);
    g_assert_cmpint(qemu_soonest_timeout(-1, -1), ==, -1);
    g_assert_cmpint(qemu_soonest_timeout(3, 2), ==, 2);
    g_assert_cmpint(qemu_timeout_ns_to_ms(-1), ==, -1);
    g_assert_cmpint(qemu_timeout_ns_to_ms(0), ==, 0);
    g_assert_cmpint(qemu_timeout_ns_to_ms(1), ==, 1); /* rounded up */
    g_assert_cmpint(qemu_timeout_ns_to_ms(1000000), ==, 1);
    g_assert_cmpint(qemu_timeout_ns_to_ms(1000001), ==, 2);
    g_assert_cmpint(qemu_timeout_ns_to_ms(INT64_MAX), ==, INT32_MAX);
}

static void test_timers_left_when_the_context_goes(void)
{
    AioContext *ctx = test_context_new();
    int runs = 0;
    QEMUTimer *armed = aio_timer_new(ctx, CLOCK, SCALE_MS, count_cb, &runs);
    QEMUTimer *idle = aio_timer_new(ctx, CLOCK, SCALE_MS, count_cb, &runs);

    timer_mod(armed, 1);
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*timer was still armed*");
    test_context_free(ctx);
    g_test_assert_expected_messages();
    g_assert_false(timer_pending(armed));
    timer_free(armed);
    timer_free(idle);
    g_assert_cmpint(runs, ==, 0);
}

/* ---- threads ------------------------------------------------------------------------------- */

static gpointer arm_late_thread(gpointer opaque)
{
    g_usleep(20000);
    timer_mod(opaque, 0);
    return NULL;
}

static void check_arming_wakes(int64_t poll_max_ns)
{
    AioContext *ctx = test_context_new();
    GThread *thread;
    Alarm a[2];

    alarms_init(ctx, a, 2);
    aio_context_set_poll_params(ctx, poll_max_ns, 0, 0, &error_abort);
    timer_mod(&a[1].ts, in_ms(600000)); /* what it sleeps for otherwise */
    thread = g_thread_new("arm", arm_late_thread, &a[0].ts);
    TEST_POLL_UNTIL(ctx, a[0].runs == 1);
    g_assert_cmpint(a[1].runs, ==, 0);
    g_thread_join(thread);
    timer_del(&a[1].ts);
    test_context_free(ctx);
}

static void test_arming_in_another_thread_wakes_the_loop(void)
{
    check_arming_wakes(0);
    check_arming_wakes(1000000000);
}

#define CHURN 5000

static gpointer churn_thread(gpointer opaque)
{
    QEMUTimer *ts = opaque;

    for (int i = 0; i < CHURN; i++) {
        timer_mod(ts, i % 3 ? in_ms(60000) : 0);
        timer_mod_anticipate_ns(ts, i % 5 ? in_ms(30000) : 0);
        timer_pending(ts);
        timer_expired(ts, i);
        timer_del(ts);
    }
    timer_mod(ts, 0);
    return NULL;
}

static void test_armed_and_disarmed_by_another_thread(void)
{
    AioContext *ctx = test_context_new();
    QEMUTimer churned, own;
    int runs = 0, own_runs = 0;
    GThread *thread;

    aio_timer_init(ctx, &churned, CLOCK, SCALE_NS, count_cb, &runs);
    aio_timer_init(ctx, &own, CLOCK, SCALE_NS, count_cb, &own_runs);
    thread = g_thread_new("churn", churn_thread, &churned);
    for (int i = 0; i < CHURN; i++) {
        timer_mod(&own, i % 2);
        g_assert_true(aio_poll(ctx, false));
    }
    g_thread_join(thread);
    test_poll_idle(ctx);
    g_assert_cmpint(own_runs, ==, CHURN);
    g_assert_cmpint(runs, >, 0);
    g_assert_false(timer_pending(&churned));
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/timer/" #name, test_##name)
    CASE(run_in_order_of_time);
    CASE(equal_times_run_in_order_of_arming);
    CASE(mod_moves);
    CASE(anticipate_only_moves_closer);
    CASE(deleted_does_not_run);
    CASE(pending_and_expired);
    CASE(rearmed_for_the_past_runs_once_a_turn);
    CASE(mod_and_delete_from_callback);
    CASE(free_from_own_callback);
    CASE(nested_turn_runs_timers);
    CASE(deadline_ends_the_sleep);
    CASE(precision_is_better_than_a_millisecond);
    CASE(group_deadline);
    CASE(deadline_is_never_in_the_past);
    CASE(conversions);
    CASE(timers_left_when_the_context_goes);
    CASE(group_without_timers);
    CASE(arming_in_another_thread_wakes_the_loop);
    CASE(armed_and_disarmed_by_another_thread);
    return g_test_run();
}
