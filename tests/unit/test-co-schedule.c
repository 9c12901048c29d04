/* Coroutines and the loop: schedule, enter and wake, in the same thread and across threads.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include <sched.h>
#include "base/atomic.h"
#include "loop/aio.h"
#include "util.h"

/* A coroutine that notes its steps in a string that several share. */
typedef struct Step {
    AioContext *ctx;
    GString *log;
    char name;
    Coroutine *wakes; /* entered in the middle */
    bool yields;
} Step;

static void coroutine_fn step_entry(void *opaque)
{
    Step *s = opaque;

    g_string_append_c(s->log, s->name);
    if (s->wakes) {
        aio_co_enter(s->ctx, s->wakes);
    }
    if (s->yields) {
        qemu_coroutine_yield();
    }
    g_string_append_c(s->log, g_ascii_toupper(s->name));
}

static void check_log(GString *log, const char *expected)
{
    g_assert_cmpstr(log->str, ==, expected);
    g_string_free(log, true);
}

static void test_schedule_runs_in_the_loop(void)
{
    AioContext *ctx = test_context_new();
    Step s = { .ctx = ctx, .log = g_string_new(NULL), .name = 'a' };

    aio_co_schedule(ctx, qemu_coroutine_create(step_entry, &s));
    g_assert_cmpuint(s.log->len, ==, 0);
    g_assert_true(aio_poll(ctx, true));
    check_log(s.log, "aA");
    g_assert_false(aio_poll(ctx, false));
    test_context_free(ctx);
}

static void test_scheduled_first_runs_first(void)
{
    AioContext *ctx = test_context_new();
    GString *log = g_string_new(NULL);
    Step s[4];

    for (int i = 0; i < 4; i++) {
        s[i] = (Step){ .ctx = ctx, .log = log, .name = 'a' + i };
        aio_co_schedule(ctx, qemu_coroutine_create(step_entry, &s[i]));
    }
    aio_poll(ctx, false);
    check_log(log, "aAbBcCdD");
    test_context_free(ctx);
}

static void coroutine_fn never_runs(void *opaque G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static void test_scheduled_twice_aborts(void)
{
    if (g_test_subprocess()) {
        AioContext *ctx = test_context_new();
        Coroutine *co = qemu_coroutine_create(never_runs, NULL);

        aio_co_schedule(ctx, co);
        aio_co_schedule(ctx, co);
        return;
    }
    test_child_aborts("*aio_co_schedule*already scheduled in 'aio_co_schedule'*");
}

static void test_enter_outside_of_coroutines_runs_now(void)
{
    AioContext *ctx = test_context_new();
    Step s = { .ctx = ctx, .log = g_string_new(NULL), .name = 'a', .yields = true };
    Coroutine *co = qemu_coroutine_create(step_entry, &s);

    aio_co_enter(ctx, co);
    g_assert_cmpstr(s.log->str, ==, "a");
    g_assert_true(qemu_coroutine_get_aio_context(co) == ctx);
    aio_co_wake(co);
    check_log(s.log, "aA");
    test_context_free(ctx);
}

/* What the woken coroutine does is done before the loop sleeps, and may be all there is to do. */
static void coroutine_fn wake_and_poll(void *opaque)
{
    Step *s = opaque;

    aio_co_wake(s->wakes);
    g_string_append_c(s->log, s->name);
    alarm(20); /* die, if that sleeps */
    g_assert_true(aio_poll(s->ctx, true));
    alarm(0);
    g_string_append_c(s->log, g_ascii_toupper(s->name));
}

static void test_polling_in_a_coroutine_does_not_outsleep_the_woken(void)
{
    AioContext *ctx = test_context_new();
    GString *log = g_string_new(NULL);
    Step a = { .ctx = ctx, .log = log, .name = 'a', .yields = true };
    Step b = { .ctx = ctx, .log = log, .name = 'b' };

    b.wakes = qemu_coroutine_create(step_entry, &a);
    aio_co_enter(ctx, b.wakes);
    aio_co_enter(ctx, qemu_coroutine_create(wake_and_poll, &b));
    check_log(log, "abAB");
    test_context_free(ctx);
}

static void test_wake_inside_a_coroutine_runs_behind_it(void)
{
    AioContext *ctx = test_context_new();
    GString *log = g_string_new(NULL);
    Step a = { .ctx = ctx, .log = log, .name = 'a', .yields = true };
    Step b = { .ctx = ctx, .log = log, .name = 'b' };
    Step c = { .ctx = ctx, .log = log, .name = 'c' };

    b.wakes = qemu_coroutine_create(step_entry, &a);
    aio_co_enter(ctx, b.wakes);
    c.wakes = qemu_coroutine_create(step_entry, &b);
    qemu_coroutine_enter(qemu_coroutine_create(step_entry, &c));
    /* Depth first: each waker's own, when it leaves. */
    check_log(log, "acCbBA");
    test_context_free(ctx);
}

static void coroutine_fn schedule_self_entry(void *opaque)
{
    Step *s = opaque;

    for (int i = 0; i < 3; i++) {
        aio_co_schedule(s->ctx, qemu_coroutine_self());
        qemu_coroutine_yield();
        g_string_append_c(s->log, s->name);
    }
}

static void test_coroutine_may_schedule_itself(void)
{
    AioContext *ctx = test_context_new();
    Step s = { .ctx = ctx, .log = g_string_new(NULL), .name = 'a' };

    qemu_coroutine_enter(qemu_coroutine_create(schedule_self_entry, &s));
    for (guint i = 1; i <= 3; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpuint(s.log->len, ==, i);
    }
    check_log(s.log, "aaa");
    test_context_free(ctx);
}

typedef struct Polling {
    AioContext *ctx;
    Coroutine *other;
    bool done;
} Polling;

static void coroutine_fn set_done_entry(void *opaque)
{
    ((Polling *)opaque)->done = true;
}

static void coroutine_fn poll_for_woken_entry(void *opaque)
{
    Polling *p = opaque;

    aio_co_enter(p->ctx, p->other);
    g_assert_false(p->done);
    TEST_POLL_UNTIL(p->ctx, p->done); /* hangs if the loop sleeps all the same */
}

/* A coroutine waits for one that it has woken: the loop that it turns enters that one, and returns.
 */
static void test_poll_for_what_was_woken(void)
{
    AioContext *ctx = test_context_new();
    Polling p = { .ctx = ctx };

    p.other = qemu_coroutine_create(set_done_entry, &p);
    qemu_coroutine_enter(qemu_coroutine_create(poll_for_woken_entry, &p));
    g_assert_true(p.done);
    test_context_free(ctx);
}

static void coroutine_fn poll_for_scheduled_entry(void *opaque)
{
    Polling *p = opaque;

    TEST_POLL_UNTIL(p->ctx, p->done);
}

/* Due at the same time, and the first turns the loop until the second has run. */
static void test_poll_for_what_was_scheduled(void)
{
    AioContext *ctx = test_context_new();
    Polling p = { .ctx = ctx };

    aio_co_schedule(ctx, qemu_coroutine_create(poll_for_scheduled_entry, &p));
    aio_co_schedule(ctx, qemu_coroutine_create(set_done_entry, &p));
    g_assert_true(aio_poll(ctx, true));
    g_assert_true(p.done);
    g_assert_false(aio_poll(ctx, false));
    test_context_free(ctx);
}

/* ---- across threads ------------------------------------------------------------------------ */

typedef struct Traveller {
    AioContext *here; /* the test's */
    AioContext *there;
    int trips;
    bool done;
} Traveller;

static void coroutine_fn move_to(AioContext *to)
{
    aio_co_reschedule_self(to);
    g_assert_true(qemu_get_current_aio_context() == to);
    g_assert_true(qemu_coroutine_get_aio_context(qemu_coroutine_self()) == to);
}

static void coroutine_fn travel_entry(void *opaque)
{
    Traveller *t = opaque;

    for (int i = 0; i < t->trips; i++) {
        move_to(t->there);
        move_to(t->there); /* there already */
        move_to(t->here);
    }
    t->done = true;
}

static void travel(CoroutineBackend backend)
{
    CoroutineBackend before = qemu_coroutine_get_backend();
    AioContext *ctx = test_context_new();
    Traveller t = { .here = ctx, .trips = 2000 };
    TestHome home;

    if (!qemu_coroutine_set_backend(backend)) {
        test_context_free(ctx);
        g_test_skip("this coroutine backend is not built in");
        return;
    }
    test_home_start(&home);
    t.there = home.ctx;
    qemu_coroutine_enter(qemu_coroutine_create(travel_entry, &t));
    TEST_POLL_UNTIL(ctx, t.done);
    test_home_stop(&home);
    qemu_coroutine_set_backend(before);
    test_context_free(ctx);
}

static void test_travels_between_threads_asm(void)
{
    travel(COROUTINE_BACKEND_ASM);
}

static void test_travels_between_threads_ucontext(void)
{
    travel(COROUTINE_BACKEND_UCONTEXT);
}

typedef struct Visitor {
    AioContext *home;
    bool ran;
    bool done;
    Coroutine *co;
} Visitor;

static void coroutine_fn visitor_entry(void *opaque)
{
    Visitor *v = opaque;

    g_assert_true(qemu_get_current_aio_context() == v->home);
    v->co = qemu_coroutine_self();
    qatomic_store_release(&v->ran, true);
    qemu_coroutine_yield();
    g_assert_true(qemu_get_current_aio_context() == v->home);
    qatomic_store_release(&v->done, true);
}

static void test_enter_and_wake_from_elsewhere_run_at_home(void)
{
    Visitor v = { 0 };
    TestHome home;

    test_home_start(&home);
    v.home = home.ctx;
    aio_co_enter(home.ctx, qemu_coroutine_create(visitor_entry, &v));
    while (!qatomic_load_acquire(&v.ran)) {
        g_usleep(100);
    }
    g_usleep(1000);
    /* It may not have yielded yet: the wake-up goes through the home thread's loop, which is behind
     * it. */
    aio_co_wake(v.co);
    while (!qatomic_load_acquire(&v.done)) {
        g_usleep(100);
    }
    test_home_stop(&home);
}

#define THREADS 4
#define EACH    5000

typedef struct Crowd {
    AioContext *ctx;
    int waiting; /* created and not yet run */
    int ran;     /* home thread */
} Crowd;

static void coroutine_fn crowd_entry(void *opaque)
{
    Crowd *crowd = opaque;

    crowd->ran++;
    qatomic_dec(&crowd->waiting);
}

static gpointer crowd_thread(gpointer opaque)
{
    Crowd *crowd = opaque;

    for (int i = 0; i < EACH; i++) {
        while (qatomic_read(&crowd->waiting) > 200) {
            sched_yield(); /* stacks are not for nothing */
        }
        qatomic_inc(&crowd->waiting);
        aio_co_schedule(crowd->ctx, qemu_coroutine_create(crowd_entry, crowd));
    }
    return NULL;
}

static void test_scheduled_by_many_threads_all_run(void)
{
    AioContext *ctx = test_context_new();
    Crowd crowd = { .ctx = ctx };
    GThread *threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        threads[i] = g_thread_new("crowd", crowd_thread, &crowd);
    }
    TEST_POLL_UNTIL(ctx, crowd.ran == THREADS * EACH);
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
    }
    test_poll_idle(ctx);
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/co/schedule/runs-in-the-loop", test_schedule_runs_in_the_loop);
    g_test_add_func("/co/schedule/first-runs-first", test_scheduled_first_runs_first);
    g_test_add_func("/co/schedule/twice-aborts", test_scheduled_twice_aborts);
    g_test_add_func("/co/schedule/itself", test_coroutine_may_schedule_itself);
    g_test_add_func("/co/enter/outside-runs-now", test_enter_outside_of_coroutines_runs_now);
    g_test_add_func("/co/wake/inside-then-poll",
                    test_polling_in_a_coroutine_does_not_outsleep_the_woken);
    g_test_add_func("/co/wake/inside-runs-behind", test_wake_inside_a_coroutine_runs_behind_it);
    g_test_add_func("/co/wake/poll-for-the-woken", test_poll_for_what_was_woken);
    g_test_add_func("/co/schedule/poll-for-the-scheduled", test_poll_for_what_was_scheduled);
    g_test_add_func("/co/threads/travels-asm", test_travels_between_threads_asm);
    g_test_add_func("/co/threads/travels-ucontext", test_travels_between_threads_ucontext);
    g_test_add_func("/co/threads/enter-and-wake-run-at-home",
                    test_enter_and_wake_from_elsewhere_run_at_home);
    g_test_add_func("/co/threads/many-all-run", test_scheduled_by_many_threads_all_run);
    return g_test_run();
}
