/* CoQueue: order, who is woken when, and the locks that a waiter gives up meanwhile.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/co-queue.h"
#include "util.h"

typedef struct Guest {
    CoQueue *queue;
    GString *log;
    char name;
    int waits; /* how often */
    CoQueueWaitFlags flags;
} Guest;

static void coroutine_fn guest_entry(void *opaque)
{
    Guest *g = opaque;

    for (int i = 0; i < g->waits; i++) {
        qemu_co_queue_wait_flags(g->queue, NULL, g->flags);
        g_string_append_c(g->log, g->name);
    }
}

#define GUESTS 4

/* a, b, c, d wait in this order. */
static void seat(Guest *guests, CoQueue *queue, GString *log, int waits)
{
    qemu_co_queue_init(queue);
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = (Guest){ .queue = queue, .log = log, .name = 'a' + i, .waits = waits };
        qemu_coroutine_enter(qemu_coroutine_create(guest_entry, &guests[i]));
    }
}

static void test_enter_next(void)
{
    Guest guests[GUESTS];
    CoQueue queue;
    g_autoptr(GString) log = g_string_new(NULL);

    seat(guests, &queue, log, 1);
    g_assert_false(qemu_co_queue_empty(&queue));
    g_assert_true(qemu_co_enter_next(&queue, NULL));
    g_assert_cmpstr(log->str, ==, "a");
    for (int i = 1; i < GUESTS; i++) {
        g_assert_false(qemu_co_queue_empty(&queue));
        g_assert_true(qemu_co_enter_next(&queue, NULL));
    }
    g_assert_cmpstr(log->str, ==, "abcd");
    g_assert_true(qemu_co_queue_empty(&queue));
    g_assert_false(qemu_co_enter_next(&queue, NULL));
}

/* All who wait now; not those again who wait anew. */
static void test_enter_all(void)
{
    Guest guests[GUESTS];
    CoQueue queue;
    g_autoptr(GString) log = g_string_new(NULL);

    seat(guests, &queue, log, 2);
    qemu_co_enter_all(&queue, NULL);
    g_assert_cmpstr(log->str, ==, "abcd");
    g_assert_false(qemu_co_queue_empty(&queue));
    qemu_co_enter_all(&queue, NULL);
    g_assert_cmpstr(log->str, ==, "abcdabcd");
    g_assert_true(qemu_co_queue_empty(&queue));
    qemu_co_enter_all(&queue, NULL);
}

static void test_wait_at_the_front(void)
{
    Guest guests[GUESTS], front;
    CoQueue queue;
    g_autoptr(GString) log = g_string_new(NULL);

    seat(guests, &queue, log, 1);
    front = (Guest){
        .queue = &queue, .log = log, .name = 'f', .waits = 2, .flags = CO_QUEUE_WAIT_FRONT
    };
    qemu_coroutine_enter(qemu_coroutine_create(guest_entry, &front));
    qemu_co_enter_next(&queue, NULL);
    qemu_co_enter_all(&queue, NULL);
    g_assert_cmpstr(log->str, ==, "ffabcd");
}

typedef struct Host {
    CoQueue *queue;
    GString *log;
    bool all;
} Host;

static void coroutine_fn host_entry(void *opaque)
{
    Host *h = opaque;

    g_string_append_c(h->log, '(');
    if (h->all) {
        qemu_co_queue_restart_all(h->queue);
    } else {
        g_assert_true(qemu_co_queue_next(h->queue));
        g_assert_true(qemu_co_queue_next(h->queue));
    }
    g_string_append_c(h->log, ')');
    qemu_coroutine_yield();
    g_string_append_c(h->log, '.');
}

/* Those that a coroutine wakes run when it leaves. */
static void check_wake_from_coroutine(bool all, const char *expected)
{
    Guest guests[GUESTS];
    CoQueue queue;
    g_autoptr(GString) log = g_string_new(NULL);
    Host h = { .queue = &queue, .log = log, .all = all };
    Coroutine *co = qemu_coroutine_create(host_entry, &h);

    seat(guests, &queue, log, 1);
    qemu_coroutine_enter(co);
    g_assert_cmpstr(log->str, ==, expected);
    qemu_coroutine_enter(co);
    qemu_co_enter_all(&queue, NULL);
    g_assert_cmpuint(log->len, ==, 3 + GUESTS);
}

static void test_next_from_coroutine(void)
{
    check_wake_from_coroutine(false, "()ab");
}

static void test_restart_all_from_coroutine(void)
{
    check_wake_from_coroutine(true, "()abcd");
}

static void test_next_from_coroutine_in_context(void)
{
    AioContext *ctx = test_context_new();

    check_wake_from_coroutine(false, "()ab");
    test_context_free(ctx);
}

/* ---- locks --------------------------------------------------------------------------------- */

typedef struct Locked {
    CoQueue queue;
    CoMutex co_mutex;
    pthread_mutex_t mutex;
    QemuLockable *lockable;
    bool condition;
    int seen; /* waiters that went on */
} Locked;

static void coroutine_fn co_mutex_waiter(void *opaque)
{
    Locked *l = opaque;

    qemu_co_mutex_lock(&l->co_mutex);
    while (!l->condition) {
        qemu_co_queue_wait(&l->queue, &l->co_mutex);
        qemu_co_mutex_assert_locked(&l->co_mutex);
    }
    l->seen++;
    qemu_co_mutex_unlock(&l->co_mutex);
}

static void coroutine_fn co_mutex_waker(void *opaque)
{
    Locked *l = opaque;

    /* Not held: the waiters gave it up. */
    qemu_co_mutex_lock(&l->co_mutex);
    l->condition = true;
    qemu_co_queue_restart_all(&l->queue);
    qemu_co_mutex_unlock(&l->co_mutex);
}

static void test_co_mutex(void)
{
    Locked l = { .seen = 0 };

    qemu_co_queue_init(&l.queue);
    qemu_co_mutex_init(&l.co_mutex);
    for (int i = 0; i < 3; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(co_mutex_waiter, &l));
    }
    g_assert_cmpint(l.seen, ==, 0);
    qemu_coroutine_enter(qemu_coroutine_create(co_mutex_waker, &l));
    g_assert_cmpint(l.seen, ==, 3);
    g_assert_null(l.co_mutex.holder);
}

static void coroutine_fn mutex_waiter(void *opaque)
{
    Locked *l = opaque;

    pthread_mutex_lock(&l->mutex);
    while (!l->condition) {
        if (l->lockable) {
            qemu_co_queue_wait(&l->queue, l->lockable);
        } else {
            qemu_co_queue_wait(&l->queue, &l->mutex);
        }
        g_assert_cmpint(pthread_mutex_trylock(&l->mutex), ==, EBUSY);
    }
    l->seen++;
    pthread_mutex_unlock(&l->mutex);
}

static void locked_init(Locked *l)
{
    qemu_co_queue_init(&l->queue);
    pthread_mutex_init(&l->mutex, NULL);
}

static void check_thread_mutex(Locked *l)
{
    for (int i = 0; i < 3; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(mutex_waiter, l));
    }
    pthread_mutex_lock(&l->mutex);
    l->condition = true;
    g_assert_true(qemu_co_enter_next(&l->queue, &l->mutex));
    g_assert_cmpint(l->seen, ==, 1);
    qemu_co_enter_all(&l->queue, &l->mutex);
    g_assert_cmpint(l->seen, ==, 3);
    g_assert_cmpint(pthread_mutex_trylock(&l->mutex), ==, EBUSY);
    pthread_mutex_unlock(&l->mutex);
    pthread_mutex_destroy(&l->mutex);
}

static void test_thread_mutex(void)
{
    Locked l = { .seen = 0 };

    locked_init(&l);
    check_thread_mutex(&l);
}

static void test_lockable(void)
{
    Locked l = { .lockable = QEMU_MAKE_LOCKABLE(&l.mutex) };
    CoMutex *none = NULL;

    locked_init(&l);
    check_thread_mutex(&l);
    g_assert_null(QEMU_MAKE_LOCKABLE(none));
    g_assert_null(QEMU_MAKE_LOCKABLE(NULL));
}

/* ---- threads ------------------------------------------------------------------------------- */

#define HOMES 3
#define EACH  6
#define ITEMS 3000

/* Consumers in several threads wait for items that a plain thread hands out. */
typedef struct Store {
    CoQueue queue;
    pthread_mutex_t mutex;
    int items; /* under mutex, as the rest */
    int taken;
    bool closed;
    int left;
    int done;
} Store;

static void coroutine_fn consumer_entry(void *opaque)
{
    Store *s = opaque;
    AioContext *ctx = qemu_get_current_aio_context();
    bool last;

    pthread_mutex_lock(&s->mutex);
    for (;;) {
        while (!s->items && !s->closed) {
            qemu_co_queue_wait(&s->queue, &s->mutex);
            g_assert_true(qemu_get_current_aio_context() == ctx);
        }
        if (!s->items) {
            break;
        }
        s->items--;
        s->taken++;
    }
    last = --s->left == 0;
    pthread_mutex_unlock(&s->mutex);
    if (last) {
        qatomic_store_release(&s->done, 1);
    }
}

static void test_across_threads(void)
{
    TestHome homes[HOMES];
    Store s = { .left = HOMES * EACH };

    qemu_co_queue_init(&s.queue);
    pthread_mutex_init(&s.mutex, NULL);
    for (int i = 0; i < HOMES; i++) {
        test_home_start(&homes[i]);
    }
    for (int i = 0; i < HOMES * EACH; i++) {
        aio_co_schedule(homes[i % HOMES].ctx, qemu_coroutine_create(consumer_entry, &s));
    }
    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&s.mutex);
        s.items++;
        qemu_co_enter_next(&s.queue, &s.mutex);
        pthread_mutex_unlock(&s.mutex);
    }
    pthread_mutex_lock(&s.mutex);
    s.closed = true;
    qemu_co_enter_all(&s.queue, &s.mutex);
    pthread_mutex_unlock(&s.mutex);
    TEST_WAIT_FOR(s.done);
    for (int i = 0; i < HOMES; i++) {
        test_home_stop(&homes[i]);
    }
    g_assert_cmpint(s.taken, ==, ITEMS);
    g_assert_true(qemu_co_queue_empty(&s.queue));
    pthread_mutex_destroy(&s.mutex);
}

static const TestBackendCase cases[] = {
    { "enter-next", test_enter_next },
    { "enter-all", test_enter_all },
    { "wait-at-the-front", test_wait_at_the_front },
    { "next-from-coroutine", test_next_from_coroutine },
    { "restart-all-from-coroutine", test_restart_all_from_coroutine },
    { "next-from-coroutine-in-context", test_next_from_coroutine_in_context },
    { "co-mutex", test_co_mutex },
    { "thread-mutex", test_thread_mutex },
    { "lockable", test_lockable },
    { "threads", test_across_threads },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        test_add_for_backends("co-queue", &cases[i]);
    }
    return g_test_run();
}
