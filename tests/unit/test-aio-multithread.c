/* Many threads with a loop each, and coroutines that go from one to the other at random.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A walker is a coroutine that for some time does one thing after the other, chosen at random, and
 * each in a context chosen at random: it moves there, has itself woken from there (by a bottom
 * half, a timer, a descriptor), waits for something to be done there, or leaves itself in a slot
 * where another walker, in whatever thread, finds and wakes it. What each has begun is counted, and
 * what came back; both counts are equal in the end. A walker's own state is not atomic: it is
 * always in one place only, and TSan sees whether each hand-over carries it along.
 *
 * The test's own thread meanwhile notifies, schedules and cancels bottom halves, and gets none
 * lost.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio-wait.h"
#include "loop/iothread.h"
#include "util.h"

#define IOTHREADS   4
#define CONTEXTS    (IOTHREADS + 1) /* the test's own comes last */
#define WALKERS     24
#define SLOTS       3
#define RUN_US      (400 * 1000)
#define MAX_WAITERS 8 /* walkers that turn the loop on their own stack, of one thread */

enum { MOVE, SCHEDULE, BH, TIMER, DESCRIPTOR, WAIT, SLOT, ACTIONS };

typedef struct World World;

typedef struct Walker {
    World *w;
    GRand *rand;
    EventNotifier e;
    Coroutine *co;
    AioContext *there; /* where it has something done at the moment */
    unsigned steps;
    bool awake;   /* between two yields */
    bool visited; /* do_wait()'s bottom half has run; atomic */
} Walker;

/* A bottom half that the test's thread schedules over and over. */
typedef struct Bell {
    QEMUBH *bh;
    unsigned rung;  /* written before scheduling; atomic */
    unsigned heard; /* what the bottom half saw of it last; atomic */
    unsigned runs;  /* home thread */
} Bell;

struct World {
    IOThread *iothreads[IOTHREADS];
    AioContext *ctx[CONTEXTS];
    int waiters[CONTEXTS]; /* each its home thread's */
    Walker walkers[WALKERS];
    Bell bells[CONTEXTS];
    Coroutine *slots[SLOTS]; /* atomic */
    unsigned begun[ACTIONS]; /* atomic */
    unsigned ended[ACTIONS]; /* atomic */
    int left;                /* walkers that have not ended; atomic */
    bool stop;               /* atomic */
};

/* ---- what a walker does --------------------------------------------------------------------- */

static int context_index(World *w, AioContext *ctx)
{
    int i = 0;

    while (w->ctx[i] != ctx) {
        i++;
        g_assert_cmpint(i, <, CONTEXTS);
    }
    return i;
}

static void coroutine_fn sleep_until_woken(Walker *walker)
{
    AioContext *home = qemu_get_current_aio_context();

    g_assert_true(walker->awake);
    walker->awake = false;
    qemu_coroutine_yield();
    g_assert_false(walker->awake);
    walker->awake = true;
    g_assert_true(qemu_get_current_aio_context() == home);
}

static void wake(Walker *walker)
{
    g_assert_true(in_aio_context_home_thread(walker->there));
    aio_co_wake(walker->co);
}

static void coroutine_fn do_move(Walker *walker)
{
    walker->awake = false;
    aio_co_reschedule_self(walker->there);
    g_assert_false(walker->awake);
    walker->awake = true;
    g_assert_true(qemu_get_current_aio_context() == walker->there);
}

/* Into the own context: a coroutine may schedule itself there and yield. */
static void coroutine_fn do_schedule(Walker *walker)
{
    aio_co_schedule(qemu_get_current_aio_context(), walker->co);
    sleep_until_woken(walker);
}

static void wake_bh(void *opaque)
{
    wake(opaque);
}

static void coroutine_fn do_bh(Walker *walker)
{
    aio_bh_schedule_oneshot(walker->there, wake_bh, walker);
    sleep_until_woken(walker);
}

static void coroutine_fn do_timer(Walker *walker)
{
    QEMUTimer timer;

    aio_timer_init(walker->there, &timer, QEMU_CLOCK_REALTIME, SCALE_NS, wake_bh, walker);
    timer_mod(&timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                          g_rand_int_range(walker->rand, 0, 100 * SCALE_US));
    sleep_until_woken(walker);
    timer_deinit(&timer);
}

static void descriptor_ready(EventNotifier *e)
{
    Walker *walker = container_of(e, Walker, e);

    if (event_notifier_test_and_clear(e)) {
        wake(walker);
    }
}

static void coroutine_fn do_descriptor(Walker *walker)
{
    aio_set_event_notifier(walker->there, &walker->e, false, descriptor_ready, NULL, NULL);
    event_notifier_set(&walker->e);
    sleep_until_woken(walker);
    aio_set_event_notifier(walker->there, &walker->e, false, NULL, NULL, NULL);
}

static void visit_bh(void *opaque)
{
    Walker *walker = opaque;

    g_assert_true(in_aio_context_home_thread(walker->there));
    qatomic_store_release(&walker->visited, true);
    aio_wait_kick();
}

/* Without the lock: walkers that wait on top of one another in one thread would have to take it in
 * the same order everywhere. */
static void coroutine_fn do_wait(Walker *walker)
{
    int *waiters = &walker->w->waiters[context_index(walker->w, qemu_get_current_aio_context())];

    if (*waiters == MAX_WAITERS) {
        return; /* those below cannot go on before this one ends */
    }
    ++*waiters;
    walker->visited = false;
    aio_bh_schedule_oneshot(walker->there, visit_bh, walker);
    AIO_WAIT_WHILE_UNLOCKED(walker->there, !qatomic_load_acquire(&walker->visited));
    --*waiters;
}

static void coroutine_fn do_slot(Walker *walker)
{
    Coroutine **slot = &walker->w->slots[g_rand_int_range(walker->rand, 0, SLOTS)];
    Coroutine *found = qatomic_xchg(slot, walker->co);

    if (found) {
        aio_co_wake(found);
    }
    sleep_until_woken(walker);
}

static void coroutine_fn (*const actions[ACTIONS])(Walker *walker) = {
    [MOVE] = do_move, [SCHEDULE] = do_schedule,     [BH] = do_bh,     [TIMER] = do_timer,
    [SLOT] = do_slot, [DESCRIPTOR] = do_descriptor, [WAIT] = do_wait,
};

static void coroutine_fn walker_entry(void *opaque)
{
    Walker *walker = opaque;
    World *w = walker->w;

    walker->awake = true;
    while (!qatomic_read(&w->stop)) {
        int action = g_rand_int_range(walker->rand, 0, ACTIONS);

        walker->there = w->ctx[g_rand_int_range(walker->rand, 0, CONTEXTS)];
        qatomic_inc(&w->begun[action]);
        actions[action](walker);
        qatomic_inc(&w->ended[action]);
        walker->steps++;
    }
    walker->awake = false;
    qatomic_dec(&w->left);
}

/* ---- what the test's thread does ------------------------------------------------------------ */

static void bell_bh(void *opaque)
{
    Bell *bell = opaque;

    bell->runs++;
    qatomic_set(&bell->heard, qatomic_read(&bell->rung));
    aio_wait_kick();
}

static void disturb(World *w, GRand *rand)
{
    int i = g_rand_int_range(rand, 0, CONTEXTS);

    switch (g_rand_int_range(rand, 0, 4)) {
    case 0:
        aio_notify(w->ctx[i]);
        break;
    case 1:
        qemu_bh_schedule_idle(w->bells[i].bh);
        break;
    case 2:
        qemu_bh_cancel(w->bells[i].bh);
        break;
    case 3:
        qatomic_inc(&w->bells[i].rung);
        qemu_bh_schedule(w->bells[i].bh);
        break;
    }
}

/* No more cancelling: what is scheduled now is heard. */
static void check_bells(World *w)
{
    for (int i = 0; i < CONTEXTS; i++) {
        qatomic_inc(&w->bells[i].rung);
        qemu_bh_schedule(w->bells[i].bh);
    }
    for (int i = 0; i < CONTEXTS; i++) {
        AIO_WAIT_WHILE_UNLOCKED(w->ctx[i], qatomic_read(&w->bells[i].heard) !=
                                               qatomic_read(&w->bells[i].rung));
    }
}

static void wake_those_in_slots(World *w)
{
    for (int i = 0; i < SLOTS; i++) {
        Coroutine *found = qatomic_xchg(&w->slots[i], NULL);

        if (found) {
            aio_co_wake(found);
        }
    }
}

static void run(World *w)
{
    AioContext *own = w->ctx[IOTHREADS];
    GRand *rand = g_rand_new_with_seed(g_test_rand_int());
    int64_t end = g_get_monotonic_time() + RUN_US;

    while (g_get_monotonic_time() < end) {
        disturb(w, rand);
        aio_poll(own, false);
    }
    qatomic_set(&w->stop, true);
    while (qatomic_read(&w->left)) {
        wake_those_in_slots(w);
        aio_poll(own, false);
    }
    g_rand_free(rand);
}

/* ---- set-up --------------------------------------------------------------------------------- */

/* How a loop waits is chosen while it does not turn. */
static void set_fdmon(World *w, AioFDMon fdmon)
{
    for (int i = 0; i < IOTHREADS; i++) {
        iothread_stop(w->iothreads[i]);
        g_assert_true(aio_context_set_fdmon(w->ctx[i], fdmon, &error_abort));
        iothread_run(w->iothreads[i], &error_abort);
    }
    aio_context_set_fdmon(w->ctx[IOTHREADS], fdmon, &error_abort);
}

static World *world_new(AioFDMon fdmon)
{
    World *w = g_new0(World, 1);

    for (int i = 0; i < IOTHREADS; i++) {
        w->iothreads[i] = iothread_new();
        w->ctx[i] = iothread_get_aio_context(w->iothreads[i]);
    }
    w->ctx[IOTHREADS] = test_context_new();
    set_fdmon(w, fdmon);
    for (int i = 0; i < CONTEXTS; i++) {
        w->bells[i].bh = aio_bh_new(w->ctx[i], bell_bh, &w->bells[i]);
    }
    return w;
}

static void start_walkers(World *w)
{
    w->left = WALKERS;
    for (int i = 0; i < WALKERS; i++) {
        Walker *walker = &w->walkers[i];

        walker->w = w;
        walker->rand = g_rand_new_with_seed(g_test_rand_int());
        event_notifier_init(&walker->e, false);
        walker->co = qemu_coroutine_create(walker_entry, walker);
        aio_co_enter(w->ctx[i % CONTEXTS], walker->co);
    }
}

static void check_counts(World *w)
{
    unsigned steps = 0, total = 0;

    for (int i = 0; i < WALKERS; i++) {
        steps += w->walkers[i].steps;
    }
    for (int i = 0; i < ACTIONS; i++) {
        g_assert_cmpuint(w->begun[i], >, 0);
        g_assert_cmpuint(w->ended[i], ==, w->begun[i]);
        total += w->ended[i];
    }
    g_assert_cmpuint(steps, ==, total);
    for (int i = 0; i < CONTEXTS; i++) {
        g_assert_cmpuint(w->bells[i].runs, >, 0);
        g_assert_cmpint(w->waiters[i], ==, 0);
    }
    g_test_message("%u steps of %d walkers", steps, WALKERS);
}

static void world_free(World *w)
{
    for (int i = 0; i < CONTEXTS; i++) {
        qemu_bh_delete(w->bells[i].bh);
    }
    for (int i = 0; i < IOTHREADS; i++) {
        iothread_join(w->iothreads[i]);
    }
    for (int i = 0; i < WALKERS; i++) {
        event_notifier_cleanup(&w->walkers[i].e);
        g_rand_free(w->walkers[i].rand);
    }
    test_context_free(w->ctx[IOTHREADS]);
    g_free(w);
}

static void walk(AioFDMon fdmon, int64_t poll_max_ns, CoroutineBackend backend)
{
    CoroutineBackend before = qemu_coroutine_get_backend();
    World *w;

    if (!qemu_coroutine_set_backend(backend)) {
        g_test_skip("this coroutine backend is not built in");
        return;
    }
    w = world_new(fdmon);
    for (int i = 0; i < CONTEXTS; i++) {
        aio_context_set_poll_params(w->ctx[i], poll_max_ns, 0, 0, &error_abort);
    }
    start_walkers(w);
    run(w);
    check_bells(w);
    for (int i = 0; i < IOTHREADS; i++) {
        iothread_stop(w->iothreads[i]); /* all that they did is seen from here on */
    }
    check_counts(w);
    world_free(w);
    qemu_coroutine_set_backend(before);
}

static void test_asm(void)
{
    walk(AIO_FDMON_AUTO, 0, COROUTINE_BACKEND_ASM);
}

static void test_ucontext(void)
{
    walk(AIO_FDMON_AUTO, 0, COROUTINE_BACKEND_UCONTEXT);
}

static void test_polling(void)
{
    walk(AIO_FDMON_AUTO, 50 * 1000, qemu_coroutine_get_backend());
}

static void test_epoll(void)
{
    walk(AIO_FDMON_EPOLL, 0, qemu_coroutine_get_backend());
}

static void test_io_uring(void)
{
    AioContext *ctx = test_context_new();
    bool have = aio_context_set_fdmon(ctx, AIO_FDMON_IO_URING, NULL);

    test_context_free(ctx);
    if (!have) {
        g_test_skip("kernel or build have no io_uring for this");
        return;
    }
    if (test_runs_on_valgrind()) {
        g_test_skip("valgrind runs no other thread while one sleeps in io_uring_enter");
        return;
    }
    walk(AIO_FDMON_IO_URING, 0, qemu_coroutine_get_backend());
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/multithread/asm", test_asm);
    g_test_add_func("/multithread/ucontext", test_ucontext);
    g_test_add_func("/multithread/polling", test_polling);
    g_test_add_func("/multithread/epoll", test_epoll);
    g_test_add_func("/multithread/io_uring", test_io_uring);
    return g_test_run();
}
