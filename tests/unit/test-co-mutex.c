/* CoMutex: exclusion, order, hand-over, within a thread and across threads; and misuse.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/co-mutex.h"
#include "util.h"

#include <sched.h>
#include <time.h>

/* ---- one thread ---------------------------------------------------------------------------- */

/* Takes the mutex @rounds times, and yields each time while it holds it. */
typedef struct Turn {
    CoMutex *mutex;
    GString *log;
    char name;
    int rounds;
} Turn;

static void coroutine_fn turn_entry(void *opaque)
{
    Turn *t = opaque;

    for (int i = 0; i < t->rounds; i++) {
        qemu_co_mutex_lock(t->mutex);
        qemu_co_mutex_assert_locked(t->mutex);
        g_string_append_c(t->log, t->name);
        qemu_coroutine_yield();
        g_string_append_c(t->log, g_ascii_toupper(t->name));
        qemu_co_mutex_unlock(t->mutex);
    }
}

/* Enter whoever holds the mutex until nobody does. */
static void enter_holders(CoMutex *mutex)
{
    while (mutex->holder) {
        qemu_coroutine_enter(mutex->holder);
    }
}

/* Who comes first gets it first, and no one enters before the other has left. */
static void check_order(void)
{
    CoMutex mutex;
    GString *log = g_string_new(NULL);
    Turn turns[4];

    qemu_co_mutex_init(&mutex);
    for (int i = 0; i < 4; i++) {
        turns[i] = (Turn){ .mutex = &mutex, .log = log, .name = 'a' + i, .rounds = 3 };
        qemu_coroutine_enter(qemu_coroutine_create(turn_entry, &turns[i]));
    }
    g_assert_cmpstr(log->str, ==, "a");
    enter_holders(&mutex);
    /* One that unlocks and locks again gets in line, although it still runs. */
    g_assert_cmpstr(log->str, ==, "aAbBcCdDaAbBcCdDaAbBcCdD");
    g_string_free(log, true);
}

static void test_order_without_context(void)
{
    check_order();
}

static void test_order_in_context(void)
{
    AioContext *ctx = test_context_new();

    check_order();
    test_context_free(ctx);
}

static void coroutine_fn recursive_entry(void *opaque)
{
    CoMutex *mutex = opaque;

    for (int i = 0; i < 3; i++) {
        qemu_co_mutex_lock(&mutex[0]);
        qemu_co_mutex_lock(&mutex[1]);
        qemu_co_mutex_assert_locked(&mutex[0]);
        qemu_co_mutex_assert_locked(&mutex[1]);
        qemu_co_mutex_unlock(&mutex[0]);
        qemu_co_mutex_unlock(&mutex[1]);
    }
    mutex[0].ctx = (void *)1; /* seen below: it got here */
}

static void test_free_mutex_does_not_yield(void)
{
    CoMutex mutex[2] = { { 0 } };

    qemu_coroutine_enter(qemu_coroutine_create(recursive_entry, mutex));
    g_assert_true(mutex[0].ctx == (void *)1);
    g_assert_null(mutex[0].holder);
}

/* ---- misuse -------------------------------------------------------------------------------- */

static void coroutine_fn lock_entry(void *mutex)
{
    qemu_co_mutex_lock(mutex);
    qemu_coroutine_yield();
}

static void coroutine_fn unlock_entry(void *mutex)
{
    qemu_co_mutex_unlock(mutex);
}

static void coroutine_fn lock_twice_entry(void *mutex)
{
    qemu_co_mutex_lock(mutex);
    qemu_co_mutex_lock(mutex);
}

static void coroutine_fn assert_entry(void *mutex)
{
    qemu_co_mutex_assert_locked(mutex);
}

static void enter_two(CoroutineEntry *first, CoroutineEntry *second)
{
    CoMutex mutex;

    qemu_co_mutex_init(&mutex);
    qemu_coroutine_enter(qemu_coroutine_create(first, &mutex));
    qemu_coroutine_enter(qemu_coroutine_create(second, &mutex));
}

static void test_unlock_of_another_aborts(void)
{
    if (g_test_subprocess()) {
        enter_two(lock_entry, unlock_entry);
        return;
    }
    test_child_aborts("*qemu_co_mutex_unlock: coroutine 0x* unlocks CoMutex 0x*, which coroutine "
                      "0x* holds*");
}

static void test_unlock_of_nobody_aborts(void)
{
    if (g_test_subprocess()) {
        CoMutex mutex = { 0 };

        qemu_coroutine_enter(qemu_coroutine_create(unlock_entry, &mutex));
        return;
    }
    test_child_aborts("*qemu_co_mutex_unlock: coroutine 0x* unlocks CoMutex 0x*");
}

static void test_lock_twice_aborts(void)
{
    if (g_test_subprocess()) {
        CoMutex mutex = { 0 };

        qemu_coroutine_enter(qemu_coroutine_create(lock_twice_entry, &mutex));
        return;
    }
    test_child_aborts("*qemu_co_mutex_lock: coroutine 0x* locks CoMutex 0x*, which coroutine 0x* "
                      "holds*");
}

static void test_assert_locked_aborts(void)
{
    if (g_test_subprocess()) {
        enter_two(lock_entry, assert_entry);
        return;
    }
    test_child_aborts("*qemu_co_mutex_assert_locked: coroutine 0x* should hold CoMutex 0x*, which "
                      "coroutine 0x* holds*");
}

static void test_entered_while_waiting_aborts(void)
{
    if (g_test_subprocess()) {
        CoMutex mutex = { 0 };
        Coroutine *waiter = qemu_coroutine_create(lock_entry, &mutex);

        qemu_coroutine_enter(qemu_coroutine_create(lock_entry, &mutex));
        qemu_coroutine_enter(waiter);
        qemu_coroutine_enter(waiter);
        return;
    }
    test_child_aborts("*qemu_co_mutex_lock: coroutine 0x* was entered by somebody else*");
}

/* ---- threads ------------------------------------------------------------------------------- */

#define HOMES 3

static void homes_start(TestHome *homes, int n)
{
    for (int i = 0; i < n; i++) {
        test_home_start(&homes[i]);
    }
}

static void homes_stop(TestHome *homes, int n)
{
    for (int i = 0; i < n; i++) {
        test_home_stop(&homes[i]);
    }
}

/* Go on from the loop. */
static void coroutine_fn reschedule(void)
{
    Coroutine *self = qemu_coroutine_self();

    aio_co_schedule(qemu_coroutine_get_aio_context(self), self);
    qemu_coroutine_yield();
}

typedef struct Crowd {
    CoMutex mutex;
    int rounds;
    bool yields; /* with and without the mutex, now and then */
    int inside;  /* under the mutex, as is sum: no atomics, so that TSan looks at them */
    int64_t sum;
    int left; /* coroutines still at it; atomic */
    int done;
} Crowd;

static void coroutine_fn crowd_entry(void *opaque)
{
    Crowd *c = opaque;

    for (int i = 0; i < c->rounds; i++) {
        AioContext *ctx = qemu_get_current_aio_context();

        qemu_co_mutex_lock(&c->mutex);
        g_assert_true(qemu_get_current_aio_context() == ctx);
        g_assert_cmpint(c->inside++, ==, 0);
        if (c->yields && i % 7 == 0) {
            reschedule();
        }
        c->sum += i;
        g_assert_cmpint(--c->inside, ==, 0);
        qemu_co_mutex_unlock(&c->mutex);
        if (c->yields && i % 11 == 0) {
            reschedule();
        }
    }
    if (qatomic_fetch_dec(&c->left) == 1) {
        qatomic_store_release(&c->done, 1);
    }
}

/* Exact sums, nobody lost, each resumed in its own thread. */
static void check_crowd(Crowd *c, int n)
{
    TestHome homes[HOMES];

    c->left = n;
    qemu_co_mutex_init(&c->mutex);
    homes_start(homes, HOMES);
    for (int i = 0; i < n; i++) {
        aio_co_schedule(homes[i % HOMES].ctx, qemu_coroutine_create(crowd_entry, c));
    }
    TEST_WAIT_FOR(c->done);
    homes_stop(homes, HOMES);
    g_assert_cmpint(c->sum, ==, (int64_t)n * c->rounds * (c->rounds - 1) / 2);
    g_assert_null(c->mutex.holder);
    g_assert_null(c->mutex.state);
}

/* There is always somebody in line. */
static void test_crowd(void)
{
    Crowd c = { .rounds = 400, .yields = true };

    check_crowd(&c, 8 * HOMES);
}

/* There is seldom somebody in line: now it is free, now held, now free again. */
static void test_few(void)
{
    Crowd c = { .rounds = test_is_watched() ? 3000 : 100000 };

    check_crowd(&c, HOMES);
}

typedef struct Line {
    CoMutex mutex;
    GString *log; /* under the mutex */
    int left;     /* under the mutex */
    int done;
} Line;

typedef struct Waiter {
    Line *line;
    char name;
} Waiter;

static void coroutine_fn waiter_entry(void *opaque)
{
    Waiter *w = opaque;
    Line *line = w->line;

    qemu_co_mutex_lock(&line->mutex);
    g_string_append_c(line->log, w->name);
    if (--line->left == 0) {
        qatomic_store_release(&line->done, 1);
    }
    qemu_co_mutex_unlock(&line->mutex);
}

static void coroutine_fn line_holder_entry(void *opaque)
{
    Line *line = opaque;

    qemu_co_mutex_lock(&line->mutex);
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(&line->mutex);
}

/* The order in line is that of coming, whatever the thread: late comers fall in behind. */
static void test_order_across_threads(void)
{
    AioContext *ctx = test_context_new();
    TestHome homes[HOMES];
    Line line = { .log = g_string_new(NULL), .left = 12 };
    Waiter waiters[12];
    Coroutine *holder = qemu_coroutine_create(line_holder_entry, &line);

    homes_start(homes, HOMES);
    qemu_coroutine_enter(holder);
    for (int i = 0; i < 12; i++) {
        void *before = qatomic_read(&line.mutex.state);

        waiters[i] = (Waiter){ .line = &line, .name = 'a' + i };
        aio_co_schedule(homes[i * 5 % 7 % HOMES].ctx,
                        qemu_coroutine_create(waiter_entry, &waiters[i]));
        while (qatomic_read(&line.mutex.state) == before) {
            g_usleep(50);
        }
    }
    qemu_coroutine_enter(holder);
    TEST_WAIT_FOR(line.done);
    homes_stop(homes, HOMES);
    g_assert_cmpstr(line.log->str, ==, "abcdefghijkl");
    g_string_free(line.log, true);
    test_context_free(ctx);
}

/* Holds the mutex in a thread of its own, without yielding, until told otherwise. */
typedef struct Hold {
    CoMutex *mutex;
    int held, release;
} Hold;

static void coroutine_fn hold_entry(void *opaque)
{
    Hold *h = opaque;

    qemu_co_mutex_lock(h->mutex);
    qatomic_store_release(&h->held, 1);
    while (!qatomic_load_acquire(&h->release)) {
        sched_yield();
    }
    qemu_co_mutex_unlock(h->mutex);
}

static void coroutine_fn take_entry(void *opaque)
{
    Hold *h = opaque;

    qemu_co_mutex_lock(h->mutex);
    qemu_co_mutex_unlock(h->mutex);
    h->mutex = NULL;
}

/* A holder that takes its time does not stop our thread. */
static void test_spin_ends(void)
{
    AioContext *ctx = test_context_new();
    CoMutex mutex = { 0 };
    Hold h = { .mutex = &mutex };
    TestHome home;

    test_home_start(&home);
    aio_co_schedule(home.ctx, qemu_coroutine_create(hold_entry, &h));
    TEST_WAIT_FOR(h.held);
    qemu_coroutine_enter(qemu_coroutine_create(take_entry, &h));
    g_assert_nonnull(h.mutex);
    qatomic_store_release(&h.release, 1);
    TEST_POLL_UNTIL(ctx, !h.mutex);
    test_home_stop(&home);
    test_context_free(ctx);
}

static void coroutine_fn pass_entry(void *mutex)
{
    qemu_co_mutex_lock(mutex);
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(mutex);
}

static void enter_new(AioContext *ctx, CoMutex *mutex)
{
    qemu_aio_coroutine_enter(ctx, qemu_coroutine_create(pass_entry, mutex));
}

/* See off all who have or want the mutex, in these two contexts, which are this thread's. */
static void pass_on(CoMutex *mutex, AioContext *one, AioContext *other)
{
    while (mutex->holder) {
        qemu_aio_coroutine_enter(qemu_coroutine_get_aio_context(mutex->holder), mutex->holder);
        qemu_set_current_aio_context(other);
        aio_poll(other, false);
        qemu_set_current_aio_context(one);
        aio_poll(one, false);
    }
}

static int64_t thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* The processor time from lock to yield in context @mine while the holder is in @one, and where
 * @behind another waits already; the least of several tries, so that whatever else the machine does
 * is not in it. */
static int64_t waiting_costs(AioContext *one, AioContext *other, AioContext *mine, bool behind)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < 30; i++) {
        CoMutex mutex = { 0 };
        int64_t start;

        enter_new(one, &mutex);
        if (behind) {
            enter_new(one, &mutex);
        }
        start = thread_cpu_ns();
        enter_new(mine, &mutex);
        least = MIN(least, thread_cpu_ns() - start);
        pass_on(&mutex, one, other);
    }
    return least;
}

/* Spinning is for the first in line, and only while the holder is in another context. */
static void test_spin_is_for_the_first(void)
{
    AioContext *one, *other;
    int64_t spins;

    if (test_is_watched()) {
        g_test_skip("needs the processor's own speed");
        return;
    }
    other = aio_context_new(&error_abort);
    one = test_context_new();
    spins = waiting_costs(one, other, other, false);
    g_assert_cmpint(spins, >, 3 * waiting_costs(one, other, one, false));
    g_assert_cmpint(spins, >, 3 * waiting_costs(one, other, other, true));
    aio_context_unref(other);
    test_context_free(one);
}

/* A mutex in memory that the last of two frees. */
typedef struct Shared {
    CoMutex mutex;
    int *freed;
} Shared;

static void coroutine_fn first_entry(void *opaque)
{
    Shared *s = opaque;

    qemu_co_mutex_lock(&s->mutex);
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(&s->mutex);
}

static void coroutine_fn last_entry(void *opaque)
{
    Shared *s = opaque;
    int *freed = s->freed;

    qemu_co_mutex_lock(&s->mutex);
    qemu_co_mutex_unlock(&s->mutex);
    memset(s, 0xff, sizeof(*s));
    g_free(s);
    qatomic_store_release(freed, 1);
}

/* Unlock has done with the mutex when the next one has it; ASan and TSan see if not. */
static void test_freed_by_the_last(void)
{
    AioContext *ctx = test_context_new();
    TestHome home;

    test_home_start(&home);
    for (int i = 0; i < 500; i++) {
        int freed = 0;
        Shared *s = g_new0(Shared, 1);
        void *before;
        Coroutine *first = qemu_coroutine_create(first_entry, s);

        s->freed = &freed;
        qemu_coroutine_enter(first);
        before = qatomic_read(&s->mutex.state);
        aio_co_schedule(home.ctx, qemu_coroutine_create(last_entry, s));
        while (qatomic_read(&s->mutex.state) == before) {
            sched_yield();
        }
        qemu_coroutine_enter(first);
        TEST_WAIT_FOR(freed);
    }
    test_home_stop(&home);
    test_context_free(ctx);
}

static const TestBackendCase cases[] = {
    { "order-without-context", test_order_without_context },
    { "order-in-context", test_order_in_context },
    { "free-does-not-yield", test_free_mutex_does_not_yield },
    { "unlock-of-another-aborts", test_unlock_of_another_aborts },
    { "unlock-of-nobody-aborts", test_unlock_of_nobody_aborts },
    { "lock-twice-aborts", test_lock_twice_aborts },
    { "assert-locked-aborts", test_assert_locked_aborts },
    { "entered-while-waiting-aborts", test_entered_while_waiting_aborts },
    { "crowd", test_crowd },
    { "few", test_few },
    { "order-across-threads", test_order_across_threads },
    { "spin-ends", test_spin_ends },
    { "spin-is-for-the-first", test_spin_is_for_the_first },
    { "freed-by-the-last", test_freed_by_the_last },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        test_add_for_backends("co-mutex", &cases[i]);
    }
    return g_test_run();
}
