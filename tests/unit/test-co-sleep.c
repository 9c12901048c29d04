/* Sleeping coroutines, and coroutines with a time limit.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "loop/co-timeout.h"
#include "loop/coroutine-sleep.h"
#include "util.h"

#define MS SCALE_MS

/* A sleep whose end must not come. */
#define LONG (3600 * (int64_t)SCALE_S)

static AioContext *ctx; /* of the test that runs */

typedef struct Sleeper {
    QemuCoSleep w;
    QEMUClockType clock;
    int64_t ns; /* -1: until woken */
    int64_t took;
    bool done;
} Sleeper;

static void coroutine_fn sleeper_entry(void *opaque)
{
    Sleeper *s = opaque;
    int64_t start = qemu_clock_get_ns(s->clock);

    if (s->ns < 0) {
        qemu_co_sleep(&s->w);
    } else {
        qemu_co_sleep_ns_wakeable(&s->w, s->clock, s->ns);
    }
    s->took = qemu_clock_get_ns(s->clock) - start;
    s->done = true;
}

static void sleeper_start(Sleeper *s)
{
    qemu_coroutine_enter(qemu_coroutine_create(sleeper_entry, s));
}

/* The time passes, and the loop sleeps meanwhile rather than turn. */
static void check_sleep(QEMUClockType clock)
{
    Sleeper s = { .clock = clock, .ns = 20 * MS };
    int turns = 0;

    sleeper_start(&s);
    g_assert_false(s.done);
    while (!s.done) {
        aio_poll(ctx, true);
        turns++;
    }
    /* The time of day may be set back meanwhile. */
    g_assert_true(s.took >= 20 * MS || clock == QEMU_CLOCK_HOST);
    g_assert_cmpint(turns, <, 10);
    g_assert_null(s.w.to_wake);
}

static void test_sleep_realtime(void)
{
    check_sleep(QEMU_CLOCK_REALTIME);
}

static void test_sleep_host(void)
{
    check_sleep(QEMU_CLOCK_HOST);
}

static void coroutine_fn plain_entry(void *opaque)
{
    int64_t *took = opaque;
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 3 * MS);
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 3 * MS);
    *took = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
}

static void test_sleep_ns(void)
{
    int64_t took = 0;

    qemu_coroutine_enter(qemu_coroutine_create(plain_entry, &took));
    TEST_POLL_UNTIL(ctx, took);
    g_assert_cmpint(took, >=, 6 * MS);
}

/* No time at all still goes through the loop; one that is out of range is only very long. */
static void test_sleep_limits(void)
{
    Sleeper none = { .ns = 0 }, ever = { .ns = INT64_MAX };

    sleeper_start(&none);
    sleeper_start(&ever);
    g_assert_false(none.done);
    TEST_POLL_UNTIL(ctx, none.done);
    test_poll_idle(ctx);
    g_assert_false(ever.done);
    qemu_co_sleep_wake(&ever.w);
    g_assert_true(ever.done);
}

/* Woken before its time: at once, and the timer is gone with the stack it was on. */
static void test_wake_early(void)
{
    Sleeper s = { .ns = LONG };

    sleeper_start(&s);
    g_assert_cmpint(timerlistgroup_deadline_ns(aio_context_get_timers(ctx)), >, 0);
    qemu_co_sleep_wake(&s.w);
    g_assert_true(s.done);
    g_assert_cmpint(timerlistgroup_deadline_ns(aio_context_get_timers(ctx)), ==, -1);
    qemu_co_sleep_wake(&s.w);
}

static void test_sleep_until_woken(void)
{
    Sleeper s = { .ns = -1 };

    qemu_co_sleep_wake(&s.w); /* is not remembered */
    sleeper_start(&s);
    g_assert_cmpint(timerlistgroup_deadline_ns(aio_context_get_timers(ctx)), ==, -1);
    test_poll_idle(ctx);
    g_assert_false(s.done);
    qemu_co_sleep_wake(&s.w);
    g_assert_true(s.done);
}

static void coroutine_fn waker_entry(void *opaque)
{
    Sleeper *s = opaque;

    qemu_co_sleep_wake(&s->w);
    g_assert_false(s->done); /* behind us */
}

static void test_wake_from_coroutine(void)
{
    Sleeper s = { .ns = LONG };

    sleeper_start(&s);
    qemu_coroutine_enter(qemu_coroutine_create(waker_entry, &s));
    g_assert_true(s.done);
}

static void test_enter_sleeper_aborts(void)
{
    if (g_test_subprocess()) {
        Sleeper s = { .ns = LONG };

        sleeper_start(&s);
        qemu_coroutine_enter(s.w.to_wake);
        return;
    }
    test_child_aborts("*coroutine 0x* is already scheduled in 'qemu_co_sleep'; thread 0x* cannot*");
}

/* ---- time limits --------------------------------------------------------------------------- */

typedef struct Work {
    int64_t ns; /* how long it takes; -1: no yield at all */
    uint64_t limit_ns;
    CleanupFunc *clean;
    bool ended, cleaned;
    int ret; /* of qemu_co_timeout(); 1 until then */
} Work;

static void coroutine_fn work_entry(void *opaque)
{
    Work *w = opaque;

    if (w->ns >= 0) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, w->ns);
    }
    g_assert_false(w->cleaned);
    w->ended = true;
}

static void work_clean(void *opaque)
{
    Work *w = opaque;

    g_assert_true(w->ended);
    w->cleaned = true;
}

static void coroutine_fn limit_entry(void *opaque)
{
    Work *w = opaque;

    w->ret = qemu_co_timeout(work_entry, w, w->limit_ns, w->clean);
}

static void work_start(Work *w)
{
    w->ret = 1;
    qemu_coroutine_enter(qemu_coroutine_create(limit_entry, w));
}

static void test_in_time(void)
{
    Work w = { .ns = 2 * MS, .limit_ns = UINT64_MAX, .clean = work_clean };

    work_start(&w);
    TEST_POLL_UNTIL(ctx, w.ret != 1);
    g_assert_cmpint(w.ret, ==, 0);
    g_assert_true(w.ended);
    g_assert_false(w.cleaned);
    g_assert_cmpint(timerlistgroup_deadline_ns(aio_context_get_timers(ctx)), ==, -1);
}

static void test_without_yielding(void)
{
    Work w = { .ns = -1, .limit_ns = LONG, .clean = work_clean };

    work_start(&w);
    g_assert_cmpint(w.ret, ==, 0);
    g_assert_true(w.ended);
    g_assert_false(w.cleaned);
}

static void test_no_limit(void)
{
    Work w = { .ns = 2 * MS, .clean = work_clean };

    work_start(&w);
    TEST_POLL_UNTIL(ctx, w.ret != 1);
    g_assert_cmpint(w.ret, ==, 0);
    g_assert_false(w.cleaned);
}

static void test_too_late(void)
{
    Work w = { .ns = 20 * MS, .limit_ns = 2 * MS, .clean = work_clean };

    work_start(&w);
    TEST_POLL_UNTIL(ctx, w.ret != 1);
    g_assert_cmpint(w.ret, ==, -ETIMEDOUT);
    if (!w.ended) { /* unless the machine stood still for long */
        g_assert_false(w.cleaned);
    }
    TEST_POLL_UNTIL(ctx, w.ended);
    g_assert_true(w.cleaned);
}

static void test_too_late_without_cleanup(void)
{
    Work w = { .ns = 20 * MS, .limit_ns = 2 * MS };

    work_start(&w);
    TEST_POLL_UNTIL(ctx, w.ret != 1);
    g_assert_cmpint(w.ret, ==, -ETIMEDOUT);
    TEST_POLL_UNTIL(ctx, w.ended);
}

static void run_in_context(const void *c)
{
    ctx = test_context_new();
    ((const TestBackendCase *)c)->run();
    test_context_free(ctx);
}

static const TestBackendCase cases[] = {
    { "sleep/realtime", test_sleep_realtime },
    { "sleep/host", test_sleep_host },
    { "sleep/ns", test_sleep_ns },
    { "sleep/limits", test_sleep_limits },
    { "sleep/wake-early", test_wake_early },
    { "sleep/until-woken", test_sleep_until_woken },
    { "sleep/wake-from-coroutine", test_wake_from_coroutine },
    { "sleep/enter-aborts", test_enter_sleeper_aborts },
    { "timeout/in-time", test_in_time },
    { "timeout/without-yielding", test_without_yielding },
    { "timeout/no-limit", test_no_limit },
    { "timeout/too-late", test_too_late },
    { "timeout/too-late-without-cleanup", test_too_late_without_cleanup },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = g_strconcat("/co-", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], run_in_context);
    }
    return g_test_run();
}
