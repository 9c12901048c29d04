/* Waiting for another context: AIO_WAIT_WHILE, kicks, bottom halves elsewhere, the context's lock.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include <sched.h>
#include "base/atomic.h"
#include "loop/aio-wait.h"
#include "loop/iothread.h"
#include "util.h"

typedef struct Fixture {
    AioContext *own;
    IOThread *iothread;
    AioContext *other;
} Fixture;

static void set_up(Fixture *f)
{
    f->own = test_context_new();
    f->iothread = iothread_new();
    f->other = iothread_get_aio_context(f->iothread);
}

static void tear_down(Fixture *f)
{
    iothread_join(f->iothread);
    test_context_free(f->own);
}

/* ---- a bottom half elsewhere ---------------------------------------------------------------- */

typedef struct Visit {
    AioContext *home; /* where it ran */
    int in, out;      /* plain: the order is aio_wait_bh_oneshot()'s to give */
} Visit;

static void visit_bh(void *opaque)
{
    Visit *v = opaque;

    v->home = qemu_get_current_aio_context();
    v->out = v->in + 1;
}

static void test_bh_runs_there(void)
{
    Visit v = { .in = 0 };
    Fixture f;

    set_up(&f);
    aio_context_acquire(f.other);
    for (int i = 0; i < 2000; i++) {
        v.in = i;
        aio_wait_bh_oneshot(f.other, visit_bh, &v);
        g_assert_cmpint(v.out, ==, i + 1);
        g_assert_true(v.home == f.other);
    }
    aio_context_release(f.other);
    tear_down(&f);
}

static void test_bh_in_the_own_context(void)
{
    AioContext *ctx = test_context_new();
    Visit v = { .in = 6 };

    aio_wait_bh_oneshot(ctx, visit_bh, &v); /* the lock is not asked for */
    g_assert_cmpint(v.out, ==, 7);
    test_context_free(ctx);
}

/* Two that wait for each other: each turns its loop meanwhile. */
typedef struct Echo {
    AioContext *back;
    int depth;
    int *calls; /* only one of the two threads is awake in its callback */
} Echo;

static void echo_bh(void *opaque)
{
    Echo *echo = opaque;
    Echo next = { .depth = echo->depth - 1, .calls = echo->calls };

    ++*echo->calls;
    if (echo->depth == 0) {
        return;
    }
    next.back = qemu_get_current_aio_context();
    aio_context_acquire(echo->back);
    aio_wait_bh_oneshot(echo->back, echo_bh, &next);
    aio_context_release(echo->back);
}

static void test_bh_waits_for_the_waiter(void)
{
    int calls = 0;
    Echo echo = { .depth = 10, .calls = &calls };
    Fixture f;

    set_up(&f);
    echo.back = f.own;
    aio_context_acquire(f.other);
    aio_wait_bh_oneshot(f.other, echo_bh, &echo);
    aio_context_release(f.other);
    g_assert_cmpint(calls, ==, 11);
    tear_down(&f);
}

/* ---- AIO_WAIT_WHILE ------------------------------------------------------------------------- */

static void test_false_already(void)
{
    Fixture f;

    set_up(&f);
    g_assert_false(AIO_WAIT_WHILE(f.own, false));
    g_assert_false(AIO_WAIT_WHILE_UNLOCKED(f.other, false));
    tear_down(&f);
}

static void set_flag_bh(void *opaque)
{
    *(bool *)opaque = true;
}

static void test_own_context(void)
{
    AioContext *ctx = test_context_new();
    bool done = false;

    aio_bh_schedule_oneshot(ctx, set_flag_bh, &done);
    g_assert_true(AIO_WAIT_WHILE(ctx, !done));
    test_context_free(ctx);
}

/* The waiter's loop goes on. */
static void test_own_loop_turns(void)
{
    bool own_ran = false;
    Visit v = { .in = 0 };
    Fixture f;

    set_up(&f);
    aio_bh_schedule_oneshot(f.own, set_flag_bh, &own_ran);
    g_assert_true(AIO_WAIT_WHILE_UNLOCKED(f.other, !own_ran));
    g_assert_cmpint(v.out, ==, 0);
    tear_down(&f);
}

/*
 * The race that kicks are about: the condition becomes false about when the waiter looks at it. A
 * wake-up lost once leaves the test hanging.
 */
typedef struct Race {
    AioContext *ctx;
    unsigned asked; /* atomic; counts up */
    unsigned done;  /* atomic; follows */
    bool stop;      /* atomic */
} Race;

static void answer_bh(void *opaque)
{
    Race *race = opaque;

    qatomic_inc(&race->done);
    aio_wait_kick();
}

static void test_no_kick_is_lost(void)
{
    Race race = { .asked = 0 };
    Fixture f;

    set_up(&f);
    for (unsigned i = 1; i <= 20000; i++) {
        aio_bh_schedule_oneshot(f.other, answer_bh, &race);
        for (unsigned spin = 0; spin < i % 64 * 8; spin++) {
            barrier(); /* to meet all moments */
        }
        AIO_WAIT_WHILE_UNLOCKED(f.other, qatomic_read(&race.done) < i);
    }
    tear_down(&f);
}

static gpointer kicking_thread(gpointer opaque)
{
    Race *race = opaque;

    while (!qatomic_read(&race->stop)) {
        unsigned asked = qatomic_read(&race->asked);

        if (asked != race->done) {
            qatomic_set(&race->done, asked);
            aio_wait_kick_context(race->ctx);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

/* By a thread without a context; @own: the waiter waits for its own context, and is kicked too. */
static void kicks_from_a_thread(bool own)
{
    Race race = { .asked = 0 };
    GThread *thread;
    Fixture f;

    set_up(&f);
    race.ctx = own ? f.own : f.other;
    thread = g_thread_new("kicker", kicking_thread, &race);
    for (unsigned i = 1; i <= 2000; i++) {
        qatomic_set(&race.asked, i);
        AIO_WAIT_WHILE_UNLOCKED(race.ctx, qatomic_read(&race.done) != i);
    }
    qatomic_set(&race.stop, true);
    g_thread_join(thread);
    tear_down(&f);
}

static void test_kicked_by_a_thread(void)
{
    kicks_from_a_thread(false);
}

static void test_kicked_in_the_own_context(void)
{
    kicks_from_a_thread(true);
}

#define WAITERS 4
#define ROUNDS  300

typedef struct Crowd {
    AioContext *other;
    int arrived; /* atomic */
    int round;   /* atomic; other's home thread */
} Crowd;

static void next_round_bh(void *opaque)
{
    Crowd *crowd = opaque;

    if (qatomic_fetch_inc(&crowd->arrived) % WAITERS == WAITERS - 1) {
        qatomic_inc(&crowd->round);
        aio_wait_kick();
    }
}

static gpointer crowd_thread(gpointer opaque)
{
    Crowd *crowd = opaque;
    AioContext *own = test_context_new();

    for (int i = 0; i < ROUNDS; i++) {
        aio_bh_schedule_oneshot(crowd->other, next_round_bh, crowd);
        AIO_WAIT_WHILE_UNLOCKED(crowd->other, qatomic_read(&crowd->round) == i);
    }
    test_context_free(own);
    return NULL;
}

/* Several threads wait for the same: all are woken, and who has gone is not touched. */
static void test_all_waiters_are_kicked(void)
{
    GThread *threads[WAITERS];
    Crowd crowd = { .arrived = 0 };
    Fixture f;

    set_up(&f);
    crowd.other = f.other;
    for (int i = 0; i < WAITERS; i++) {
        threads[i] = g_thread_new("crowd", crowd_thread, &crowd);
    }
    for (int i = 0; i < WAITERS; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpint(crowd.round, ==, ROUNDS);
    tear_down(&f);
}

/* ---- the lock ------------------------------------------------------------------------------- */

/* What another thread does with the lock while one waits with it. */
static void lock_bh(void *opaque)
{
    AioContext *ctx = qemu_get_current_aio_context();

    aio_context_acquire(ctx);
    aio_context_acquire(ctx);
    ++*(int *)opaque;
    aio_context_release(ctx);
    aio_context_release(ctx);
}

static void test_lock_is_dropped_while_waiting(void)
{
    int ran = 0;
    Fixture f;

    set_up(&f);
    aio_context_acquire(f.other);
    aio_wait_bh_oneshot(f.other, lock_bh, &ran); /* hangs if it is not */
    g_assert_cmpint(ran, ==, 1);
    aio_context_release(f.other); /* aborts if it was not taken again */
    tear_down(&f);
}

typedef struct Account {
    AioContext *ctx;
    int64_t balance; /* plain: under the lock */
} Account;

static gpointer account_thread(gpointer opaque)
{
    Account *account = opaque;

    for (int i = 0; i < 20000; i++) {
        aio_context_acquire(account->ctx);
        account->balance++;
        aio_context_acquire(account->ctx);
        account->balance++;
        aio_context_release(account->ctx);
        account->balance++;
        aio_context_release(account->ctx);
    }
    return NULL;
}

static void test_lock_excludes(void)
{
    AioContext *ctx = test_context_new();
    Account account = { .ctx = ctx };
    GThread *threads[4];

    for (int i = 0; i < 4; i++) {
        threads[i] = g_thread_new("account", account_thread, &account);
    }
    for (int i = 0; i < 4; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpint(account.balance, ==, 4 * 20000 * 3);
    test_context_free(ctx);
}

static void test_release_without_acquire_aborts(void)
{
    if (g_test_subprocess()) {
        aio_context_release(test_context_new());
        return;
    }
    test_child_aborts("*aio_context_release*");
}

static void test_waiting_with_two_locks_aborts(void)
{
    if (g_test_subprocess()) {
        int ran = 0;
        Fixture f;

        set_up(&f);
        aio_context_acquire(f.other);
        aio_context_acquire(f.other);
        aio_wait_bh_oneshot(f.other, lock_bh, &ran);
        return;
    }
    test_child_aborts("*lock_depth*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aio-wait/bh/runs-there", test_bh_runs_there);
    g_test_add_func("/aio-wait/bh/own-context", test_bh_in_the_own_context);
    g_test_add_func("/aio-wait/bh/waits-for-the-waiter", test_bh_waits_for_the_waiter);
    g_test_add_func("/aio-wait/while/false-already", test_false_already);
    g_test_add_func("/aio-wait/while/own-context", test_own_context);
    g_test_add_func("/aio-wait/while/own-loop-turns", test_own_loop_turns);
    g_test_add_func("/aio-wait/kick/none-is-lost", test_no_kick_is_lost);
    g_test_add_func("/aio-wait/kick/by-a-thread", test_kicked_by_a_thread);
    g_test_add_func("/aio-wait/kick/own-context", test_kicked_in_the_own_context);
    g_test_add_func("/aio-wait/kick/all-waiters", test_all_waiters_are_kicked);
    g_test_add_func("/aio-wait/lock/dropped-while-waiting", test_lock_is_dropped_while_waiting);
    g_test_add_func("/aio-wait/lock/excludes", test_lock_excludes);
    g_test_add_func("/aio-wait/lock/release-without-acquire-aborts",
                    test_release_without_acquire_aborts);
    g_test_add_func("/aio-wait/lock/two-levels-abort", test_waiting_with_two_locks_aborts);
    return g_test_run();
}
