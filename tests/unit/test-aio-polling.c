/* Adaptive polling: for how long the loop looks before it sleeps, whom it asks, and who is told.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=clock_gettime and --wrap=ppoll_nocancel. Time is simulated: it goes on by STEP
 * each time somebody asks for it, and by as much as it takes in a sleep. So the time for which the
 * loop has polled is what the clock says when it goes to sleep, and nobody waits for 7 s.
 */
#include "base/osdep.h"
#include <poll.h>
#include <time.h>
#include "base/atomic.h"
#include "util.h"

#define STEP  INT64_C(100)
#define SLACK (10 * STEP) /* the clock is asked less than ten times outside of polling */
#define NEVER INT64_MAX

/* A device that has an event at time due, which polling can find; else its notifier tells. */
typedef struct Device {
    EventNotifier e; /* first: handlers get its address */
    AioContext *ctx;
    int64_t due;
    int polls, found, woken;          /* calls of io_poll, io_poll_ready, io_read */
    int begun, begins;                /* io_poll_begin less io_poll_end */
    int sleeps_next;                  /* how often the last look was announced */
    void (*also)(struct Device *dev); /* in io_poll */
} Device;

static int64_t now = 1000 * NANOSECONDS_PER_SECOND;
static bool real_time; /* for the tests with threads */
static Device *asleep; /* whose event ends a sleep */
static int ppoll_calls;
static int64_t slept_at;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);
int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
    if (real_time) {
        return __real_clock_gettime(id, ts);
    }
    now += STEP;
    *ts = (struct timespec){ now / NANOSECONDS_PER_SECOND, now % NANOSECONDS_PER_SECOND };
    return 0;
}

int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts)
{
    struct timespec no_time = { 0 };

    if (real_time) {
        return __real_ppoll_nocancel(fds, n, ts);
    }
    ppoll_calls++;
    slept_at = now;
    if (!ts) {
        g_assert_nonnull(asleep);
        g_assert_cmpint(asleep->due, !=, NEVER);
        g_assert_cmpint(asleep->begun, ==, 0);
        now = MAX(now, asleep->due);
        event_notifier_set(&asleep->e);
    } else {
        now += ts->tv_sec * NANOSECONDS_PER_SECOND + ts->tv_nsec;
    }
    return __real_ppoll_nocancel(fds, n, &no_time);
}

static bool device_poll(void *opaque)
{
    Device *dev = opaque;

    dev->polls++;
    dev->sleeps_next += aio_sleeps_next(dev->ctx);
    if (dev->also) {
        dev->also(dev);
    }
    return now >= dev->due;
}

static void device_poll_ready(EventNotifier *e)
{
    Device *dev = container_of(e, Device, e);

    dev->due = NEVER;
    dev->found++;
}

static void device_read(EventNotifier *e)
{
    Device *dev = container_of(e, Device, e);

    event_notifier_test_and_clear(e);
    dev->due = NEVER;
    dev->woken++;
}

static void device_begin(EventNotifier *e)
{
    Device *dev = container_of(e, Device, e);

    g_assert_cmpint(dev->begun++, ==, 0);
    dev->begins++;
}

static void device_end(EventNotifier *e)
{
    g_assert_cmpint(container_of(e, Device, e)->begun--, ==, 1);
}

static void device_watch(Device *dev, bool polled)
{
    aio_set_event_notifier(dev->ctx, &dev->e, false, device_read, polled ? device_poll : NULL,
                           polled ? device_poll_ready : NULL);
    aio_set_event_notifier_poll(dev->ctx, &dev->e, device_begin, device_end);
}

static void device_unwatch(Device *dev)
{
    aio_set_event_notifier(dev->ctx, &dev->e, false, NULL, NULL, NULL);
}

static void device_init(Device *dev, AioContext *ctx)
{
    *dev = (Device){ .ctx = ctx, .due = NEVER };
    g_assert_cmpint(event_notifier_init(&dev->e, false), ==, 0);
    device_watch(dev, true);
    asleep = dev;
}

static void device_done(Device *dev)
{
    device_unwatch(dev);
    g_assert_cmpint(dev->begun, ==, 0);
    event_notifier_cleanup(&dev->e);
    asleep = NULL;
}

#define FOUND (-1)

/* One turn, with an event after @ns. For how long did the loop poll before it slept? */
static int64_t turn(Device *dev, int64_t ns)
{
    int64_t start = now;
    int found = dev->found;

    ppoll_calls = 0;
    dev->due = now + ns;
    g_assert_true(aio_poll(dev->ctx, true));
    g_assert_cmpint(dev->due, ==, NEVER);
    if (ppoll_calls == 0) {
        g_assert_cmpint(dev->found, ==, found + 1);
        return FOUND;
    }
    g_assert_cmpint(ppoll_calls, ==, 1);
    return slept_at - start;
}

#define assert_polled(dev, event_ns, polled_ns)            \
    do {                                                   \
        int64_t polled_ = turn((dev), (event_ns));         \
        g_assert_cmpint(polled_, >=, (polled_ns));         \
        g_assert_cmpint(polled_, <=, (polled_ns) + SLACK); \
    } while (0)

#define assert_found(dev, event_ns) g_assert_cmpint(turn((dev), (event_ns)), ==, FOUND)

/* Polling for up to a second, from the next turn on. */
static void poll_for_long(Device *dev)
{
    aio_context_set_poll_params(dev->ctx, 1000000000, 1000000, 0, &error_abort);
    assert_polled(dev, 500000000, 0);
    assert_polled(dev, 500000000, 4000);
}

typedef struct Fixture {
    AioContext *ctx;
    Device dev;
} Fixture;

static void fixture_up(Fixture *f)
{
    f->ctx = test_context_new();
    device_init(&f->dev, f->ctx);
}

static void fixture_down(Fixture *f)
{
    device_done(&f->dev);
    test_context_free(f->ctx);
}

/* ---- for how long -------------------------------------------------------------------------- */

static void test_off_at_first(void)
{
    Fixture f;

    fixture_up(&f);
    for (int i = 0; i < 10; i++) {
        assert_polled(&f.dev, 2000, 0);
    }
    g_assert_cmpint(f.dev.begins, ==, 0);
    fixture_down(&f);
}

static void test_doubles_until_events_are_found(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 100000, 0, 0, &error_abort);
    assert_polled(&f.dev, 95000, 0);
    for (int64_t ns = 4000; ns <= 64000; ns *= 2) {
        assert_polled(&f.dev, 95000, ns);
    }
    for (int i = 0; i < 10; i++) {
        assert_found(&f.dev, 95000);
    }
    fixture_down(&f);
}

static void test_grows_by_factor(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 100000, 4, 0, &error_abort);
    assert_polled(&f.dev, 95000, 0);
    assert_polled(&f.dev, 95000, 4000);
    assert_polled(&f.dev, 95000, 16000);
    assert_polled(&f.dev, 95000, 64000);
    assert_found(&f.dev, 95000);
    fixture_down(&f);
}

/* What counts is the whole wait: one that polling and sleep share is too long for polling as it is.
 */
static void test_grows_when_events_come_just_after_polling(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 100000, 0, 0, &error_abort);
    assert_polled(&f.dev, 7000, 0);
    assert_polled(&f.dev, 7000, 4000);
    assert_found(&f.dev, 7000);
    fixture_down(&f);
}

static void test_never_longer_than_max(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 50000, 1000000, 1, &error_abort);
    assert_polled(&f.dev, 45000, 0);
    assert_polled(&f.dev, 45000, 4000);
    for (int i = 0; i < 5; i++) {
        assert_polled(&f.dev, 1000000, 50000); /* shrinking by 1 is not shrinking */
    }

    aio_context_set_poll_params(f.ctx, 3000, 0, 0, &error_abort);
    assert_polled(&f.dev, 1500, 0);
    assert_polled(&f.dev, 1000000, 3000);
    fixture_down(&f);
}

static void test_shrinks_to_nothing(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 50000, 1000000, 0, &error_abort);
    assert_polled(&f.dev, 45000, 0);
    assert_polled(&f.dev, 45000, 4000);
    assert_polled(&f.dev, 1000000, 50000);
    assert_polled(&f.dev, 1000000, 0);
    assert_polled(&f.dev, 45000, 0);
    assert_polled(&f.dev, 45000, 4000); /* and begins anew */
    fixture_down(&f);
}

static void test_shrinks_by_divisor(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 50000, 1000000, 5, &error_abort);
    assert_polled(&f.dev, 45000, 0);
    assert_polled(&f.dev, 45000, 4000);
    assert_polled(&f.dev, 1000000, 50000);
    assert_polled(&f.dev, 1000000, 10000);
    assert_polled(&f.dev, 1000000, 2000);
    for (int i = 0; i < 5; i++) {
        turn(&f.dev, 1000000);
    }
    assert_polled(&f.dev, 1000000, 0);
    fixture_down(&f);
}

static void test_stays_while_events_are_found(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 50000, 0, 0, &error_abort);
    assert_polled(&f.dev, 3000, 0);
    for (int i = 0; i < 100; i++) {
        assert_found(&f.dev, 2500);
    }
    assert_polled(&f.dev, 1000000, 4000);
    fixture_down(&f);
}

static void make_due(Device *dev)
{
    if (aio_sleeps_next(dev->ctx)) {
        dev->due = now;
    }
}

/* An event that comes at the very moment before the sleep was worth polling for, too. */
static void test_grows_by_events_of_the_last_look(void)
{
    Fixture f;

    fixture_up(&f);
    aio_context_set_poll_params(f.ctx, 50000, 0, 0, &error_abort);
    f.dev.also = make_due;
    assert_found(&f.dev, 500000);
    f.dev.also = NULL;
    assert_polled(&f.dev, 1000000, 4000);
    fixture_down(&f);
}

static void test_parameters(void)
{
    Error *err = NULL;
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    aio_context_set_poll_params(f.ctx, -1, 0, 0, &err);
    g_assert_nonnull(err);
    error_free(err);
    err = NULL;
    aio_context_set_poll_params(f.ctx, 0, 0, -1, &err);
    g_assert_nonnull(err);
    error_free(err);
    assert_found(&f.dev, 50000); /* nothing was changed */

    aio_context_set_poll_params(f.ctx, 0, 0, 0, &error_abort);
    for (int i = 0; i < 5; i++) {
        assert_polled(&f.dev, 50000, 0);
    }
    fixture_down(&f);
}

static void test_handler_without_poll_turns_it_off(void)
{
    Device mute;
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    assert_found(&f.dev, 50000);
    device_init(&mute, f.ctx);
    device_watch(&mute, false);
    asleep = &f.dev;
    assert_polled(&f.dev, 50000, 0);
    g_assert_cmpint(f.dev.begun, ==, 0);
    device_done(&mute);
    asleep = &f.dev;
    assert_found(&f.dev, 50000);
    fixture_down(&f);
}

/* ---- what ends it -------------------------------------------------------------------------- */

static int bh_runs;

static void count_bh(void *opaque G_GNUC_UNUSED)
{
    bh_runs++;
}

static gpointer schedule_thread(gpointer opaque)
{
    aio_bh_schedule_oneshot(opaque, count_bh, NULL);
    return NULL;
}

static gpointer notify_thread(gpointer opaque)
{
    aio_notify(opaque);
    return NULL;
}

static GThreadFunc intruder;

static void intrude_in_tenth_round(Device *dev)
{
    if (dev->polls == 10) {
        g_thread_join(g_thread_new("intruder", intruder, dev->ctx));
    }
}

static void check_intruder(GThreadFunc thread, bool progress)
{
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    intruder = thread;
    f.dev.also = intrude_in_tenth_round;
    f.dev.polls = bh_runs = ppoll_calls = 0;
    g_assert_true(aio_poll(f.ctx, true) == progress);
    g_assert_cmpint(bh_runs, ==, progress);
    g_assert_cmpint(f.dev.polls, <=, 12);
    g_assert_cmpint(ppoll_calls, ==, 0);
    assert_found(&f.dev, 50000); /* it is used up, and the time to poll is as it was */
    fixture_down(&f);
}

static void test_bottom_half_of_another_thread_ends_it(void)
{
    check_intruder(schedule_thread, true);
}

static void test_notification_ends_it(void)
{
    check_intruder(notify_thread, false);
}

/* The caller looked at something, a thread changed it and notified, the caller calls aio_poll(). */
static void test_notification_before_the_turn_ends_it(void)
{
    Fixture f;

    fixture_up(&f);
    test_poll_idle(f.ctx);
    for (int i = 0; i < 2; i++) {
        g_thread_join(g_thread_new("notify", notify_thread, f.ctx));
        ppoll_calls = 0;
        g_assert_false(aio_poll(f.ctx, true));
        g_assert_cmpint(ppoll_calls, ==, 0);
        poll_for_long(&f.dev); /* once only */
    }
    fixture_down(&f);
}

/* What the home thread schedules is no reason to stop looking. */
static void test_own_bottom_half_does_not_end_it(void)
{
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    aio_bh_schedule_oneshot(f.ctx, count_bh, NULL);
    g_assert_true(aio_poll(f.ctx, true));
    assert_found(&f.dev, 50000);
    fixture_down(&f);
}

static void count_timer(void *opaque)
{
    ++*(int *)opaque;
}

static void test_timer_ends_it(void)
{
    int runs = 0, lateness;
    int64_t due;
    QEMUTimer *ts;
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    ts = aio_timer_new(f.ctx, QEMU_CLOCK_REALTIME, SCALE_NS, count_timer, &runs);
    due = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 20000;
    timer_mod(ts, due);
    ppoll_calls = f.dev.polls = 0;
    while (!runs) {
        aio_poll(f.ctx, true);
    }
    lateness = now - due;
    g_assert_cmpint(lateness, >=, 0);
    g_assert_cmpint(lateness, <=, SLACK);
    g_assert_cmpint(f.dev.polls, >, 10);
    g_assert_cmpint(ppoll_calls, <=, 1); /* for a rest, if at all */
    timer_free(ts);
    fixture_down(&f);
}

static void test_no_polling_when_a_bottom_half_is_due(void)
{
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    f.dev.polls = 0;
    aio_bh_schedule_oneshot(f.ctx, count_bh, NULL);
    g_assert_true(aio_poll(f.ctx, true));
    g_assert_cmpint(f.dev.polls, ==, 1);
    fixture_down(&f);
}

/* ---- the last look ------------------------------------------------------------------------- */

static void test_last_look_is_announced(void)
{
    Fixture f;

    fixture_up(&f);
    g_assert_false(aio_poll(f.ctx, false));
    g_assert_cmpint(f.dev.sleeps_next, ==, 0);
    assert_polled(&f.dev, 5000, 0);
    g_assert_cmpint(f.dev.sleeps_next, ==, 1);

    poll_for_long(&f.dev);
    g_assert_cmpint(f.dev.sleeps_next, ==, 3);
    assert_found(&f.dev, 50000);
    aio_bh_schedule_oneshot(f.ctx, count_bh, NULL);
    g_assert_true(aio_poll(f.ctx, true));
    g_assert_cmpint(f.dev.sleeps_next, ==, 3);
    g_assert_false(aio_sleeps_next(f.ctx));
    fixture_down(&f);
}

/* ---- idle handlers ------------------------------------------------------------------------- */

#define SEVEN_SECONDS (7 * NANOSECONDS_PER_SECOND)

/* @idle beside f->dev, off the list of those that are asked. */
static void make_idle(Fixture *f, Device *idle)
{
    device_init(idle, f->ctx);
    asleep = &f->dev;
    poll_for_long(&f->dev);
    assert_found(&f->dev, 3000);
    now += SEVEN_SECONDS - 100000;
    idle->polls = 0;
    assert_found(&f->dev, 3000);
    g_assert_cmpint(idle->polls, >, 0); /* not yet */
    now += 100000;
    assert_found(&f->dev, 3000);
    g_assert_cmpint(idle->begun, ==, 0);
    idle->polls = f->dev.polls = 0;
    for (int i = 0; i < 10; i++) {
        assert_found(&f->dev, 3000);
        g_assert_false(aio_poll(f->ctx, false));
    }
    g_assert_cmpint(idle->polls, ==, 0);
    g_assert_cmpint(f->dev.polls, >, 20); /* the busy one stays */
}

static void test_idle_handler_is_left_out_until_its_descriptor_tells(void)
{
    Device idle;
    Fixture f;

    fixture_up(&f);
    make_idle(&f, &idle);
    event_notifier_set(&idle.e);
    g_assert_true(aio_poll(f.ctx, false));
    g_assert_cmpint(idle.woken, ==, 1);
    assert_found(&f.dev, 3000);
    g_assert_cmpint(idle.polls, >, 0);
    g_assert_cmpint(idle.begun, ==, 1);
    device_done(&idle);
    asleep = &f.dev;
    fixture_down(&f);
}

static void test_idle_handler_wakes_a_sleeping_loop(void)
{
    Device idle;
    Fixture f;

    fixture_up(&f);
    make_idle(&f, &idle);
    asleep = &idle;
    idle.due = now + 2000000000;
    g_assert_true(aio_poll(f.ctx, true));
    g_assert_cmpint(idle.woken, ==, 1);
    device_done(&idle);
    asleep = &f.dev;
    fixture_down(&f);
}

/* A loop that finds work by polling in each turn sees the descriptors of idle ones nevertheless. */
static void test_idle_handler_is_not_starved(void)
{
    Device idle;
    Fixture f;
    int i;

    fixture_up(&f);
    make_idle(&f, &idle);
    event_notifier_set(&idle.e);
    for (i = 0; i < 100 && !idle.woken; i++) {
        f.dev.due = now;
        g_assert_true(aio_poll(f.ctx, true));
    }
    g_assert_cmpint(i, >, 10); /* but not for a system call in each */
    g_assert_cmpint(idle.woken, ==, 1);
    device_done(&idle);
    asleep = &f.dev;
    fixture_down(&f);
}

static void test_idle_handler_deleted(void)
{
    Device idle;
    Fixture f;

    fixture_up(&f);
    make_idle(&f, &idle);
    ppoll_calls = 0;
    g_assert_false(aio_poll(f.ctx, false));
    g_assert_cmpint(ppoll_calls, ==, 1);
    device_done(&idle);
    asleep = &f.dev;
    ppoll_calls = 0;
    g_assert_false(aio_poll(f.ctx, false));
    g_assert_cmpint(ppoll_calls, ==, 0);
    fixture_down(&f);
}

/* Events by the descriptor count, too: who sleeps through seven seconds of them is not idle. */
static void test_handler_that_is_woken_is_not_idle(void)
{
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    f.dev.polls = 0;
    assert_polled(&f.dev, 2 * NANOSECONDS_PER_SECOND,
                  1000000000); /* polled in vain: shrinks to 0 */
    now += SEVEN_SECONDS;
    assert_polled(&f.dev, 2000, 0);
    poll_for_long(&f.dev);
    assert_found(&f.dev, 3000);
    fixture_down(&f);
}

/* ---- begin and end ------------------------------------------------------------------------- */

static void test_begin_and_end_are_paired(void)
{
    Fixture f;

    fixture_up(&f);
    g_assert_false(aio_poll(f.ctx, false));
    g_assert_cmpint(f.dev.begins, ==, 0);
    poll_for_long(&f.dev); /* asleep with begun, __wrap_ppoll_nocancel would say so */
    g_assert_cmpint(f.dev.begins, ==, 1);
    g_assert_cmpint(f.dev.begun, ==, 0);
    for (int i = 0; i < 10; i++) {
        assert_found(&f.dev, 3000);
        g_assert_cmpint(f.dev.begun, ==, 1); /* from turn to turn */
    }
    g_assert_cmpint(f.dev.begins, ==, 2);
    turn(&f.dev, 2000000000);
    g_assert_cmpint(f.dev.begun, ==, 0);
    fixture_down(&f);
}

static void test_handler_that_comes_while_polling(void)
{
    Device late;
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    assert_found(&f.dev, 3000);
    device_init(&late, f.ctx);
    asleep = &f.dev;
    g_assert_cmpint(late.begun, ==, 0);
    assert_found(&f.dev, 3000);
    g_assert_cmpint(late.begun, ==, 1);
    turn(&f.dev, 2000000000);
    g_assert_cmpint(late.begun, ==, 0);
    device_done(&late);
    fixture_down(&f);
}

static void test_handler_that_goes_while_polling(void)
{
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    assert_found(&f.dev, 3000);
    g_assert_cmpint(f.dev.begun, ==, 1);
    device_watch(&f.dev, true); /* replaced */
    g_assert_cmpint(f.dev.begun, ==, 0);
    assert_found(&f.dev, 3000);
    g_assert_cmpint(f.dev.begun, ==, 1);
    device_unwatch(&f.dev);
    g_assert_cmpint(f.dev.begun, ==, 0);
    fixture_down(&f);
}

static void begin_and_delete(EventNotifier *e)
{
    device_begin(e);
    device_unwatch(container_of(e, Device, e));
}

static void test_handler_deleted_by_its_begin(void)
{
    Device brief;
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    device_init(&brief, f.ctx);
    asleep = &f.dev;
    aio_set_event_notifier_poll(f.ctx, &brief.e, begin_and_delete, device_end);
    assert_found(&f.dev, 3000);
    g_assert_cmpint(brief.begins, ==, 1);
    g_assert_cmpint(brief.begun, ==, 0);
    g_assert_cmpint(brief.polls, ==, 0);
    device_done(&brief);
    fixture_down(&f);
}

static void test_context_goes_while_polling(void)
{
    Fixture f;

    fixture_up(&f);
    poll_for_long(&f.dev);
    assert_found(&f.dev, 3000);
    g_assert_cmpint(f.dev.begun, ==, 1);
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*was not removed before its context*");
    test_context_free(f.ctx);
    g_test_assert_expected_messages();
    g_assert_cmpint(f.dev.begun, ==, 0);
    event_notifier_cleanup(&f.dev.e);
}

/* ---- threads ------------------------------------------------------------------------------- */

#define CHURN 3000

static int churned_polls;

static bool churned_poll(void *opaque G_GNUC_UNUSED)
{
    qatomic_inc(&churned_polls);
    return false;
}

static void churned_nothing(EventNotifier *e G_GNUC_UNUSED)
{
}

static gpointer churn_thread(gpointer opaque)
{
    AioContext *ctx = opaque;
    EventNotifier e;

    g_assert_cmpint(event_notifier_init(&e, false), ==, 0);
    for (int i = 0; i < CHURN; i++) {
        aio_set_event_notifier(ctx, &e, false, churned_nothing, churned_poll, churned_nothing);
        aio_set_event_notifier_poll(ctx, &e, churned_nothing, churned_nothing);
        if (i % 100 == 0) {
            g_usleep(100); /* let it be asked */
        }
        aio_set_event_notifier(ctx, &e, false, NULL, NULL, NULL);
        if (i % 7 == 0) {
            aio_context_set_poll_params(ctx, i % 3 * 10000, 0, 0, &error_abort);
        }
    }
    event_notifier_cleanup(&e);
    aio_bh_schedule_oneshot(ctx, count_bh, NULL);
    return NULL;
}

static void test_handlers_of_other_threads(void)
{
    AioContext *ctx = test_context_new();
    GThread *thread;

    real_time = true;
    bh_runs = 0;
    thread = g_thread_new("churn", churn_thread, ctx);
    TEST_POLL_UNTIL(ctx, bh_runs);
    g_thread_join(thread);
    real_time = false;
    g_assert_cmpint(churned_polls, >, 0);
    test_context_free(ctx);
}

#define ROUNDS 20000

static int sent, received;

static void receive_bh(void *opaque G_GNUC_UNUSED)
{
    qatomic_set(&received, received + 1);
}

static gpointer send_thread(gpointer opaque)
{
    for (int i = 1; i <= ROUNDS; i++) {
        while (qatomic_read(&received) != i - 1) {
            g_thread_yield();
        }
        if (i & 1) {
            aio_bh_schedule_oneshot(opaque, receive_bh, NULL);
        } else {
            qatomic_inc(&sent); /* for the caller of aio_poll() alone */
            aio_notify(opaque);
        }
    }
    return NULL;
}

/* At the border between polling and sleep: one lost wake-up, and both sides wait for ever. */
static void test_no_wake_up_is_lost(void)
{
    AioContext *ctx = test_context_new();
    GThread *thread;
    int seen = 0;

    real_time = true;
    sent = received = 0;
    aio_context_set_poll_params(ctx, 8000, 0, 2, &error_abort);
    thread = g_thread_new("send", send_thread, ctx);
    while (received < ROUNDS) {
        if (qatomic_read(&sent) != seen) {
            seen++;
            receive_bh(NULL);
        } else {
            aio_poll(ctx, true);
        }
    }
    g_thread_join(thread);
    real_time = false;
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/aio-polling/" #name, test_##name)
    CASE(off_at_first);
    CASE(doubles_until_events_are_found);
    CASE(grows_by_factor);
    CASE(grows_when_events_come_just_after_polling);
    CASE(never_longer_than_max);
    CASE(shrinks_to_nothing);
    CASE(shrinks_by_divisor);
    CASE(stays_while_events_are_found);
    CASE(grows_by_events_of_the_last_look);
    CASE(parameters);
    CASE(handler_without_poll_turns_it_off);
    CASE(bottom_half_of_another_thread_ends_it);
    CASE(notification_ends_it);
    CASE(notification_before_the_turn_ends_it);
    CASE(own_bottom_half_does_not_end_it);
    CASE(timer_ends_it);
    CASE(no_polling_when_a_bottom_half_is_due);
    CASE(last_look_is_announced);
    CASE(idle_handler_is_left_out_until_its_descriptor_tells);
    CASE(idle_handler_wakes_a_sleeping_loop);
    CASE(idle_handler_is_not_starved);
    CASE(idle_handler_deleted);
    CASE(handler_that_is_woken_is_not_idle);
    CASE(begin_and_end_are_paired);
    CASE(handler_that_comes_while_polling);
    CASE(handler_that_goes_while_polling);
    CASE(handler_deleted_by_its_begin);
    CASE(context_goes_while_polling);
    CASE(handlers_of_other_threads);
    CASE(no_wake_up_is_lost);
    return g_test_run();
}
