/* Tests of the coroutine pool: reuse, counters, no growth, no cliff, threads, and memory touched.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/coroutine.h"
#include "coroutine/coroutine_int.h"
#include "util.h"

#include <pthread.h>
#include <sys/mman.h>

enum { COUNT = 200, ROUNDS = 20, KEPT_AT_LEAST = 64 };

static CoroutinePoolStats stats(void)
{
    CoroutinePoolStats s;

    qemu_coroutine_pool_stats(&s);
    return s;
}

static void coroutine_fn yield_fn(void *opaque G_GNUC_UNUSED)
{
    qemu_coroutine_yield();
}

static void create_many(Coroutine **co, int n)
{
    for (int i = 0; i < n; i++) {
        co[i] = qemu_coroutine_create(yield_fn, NULL);
        qemu_coroutine_enter(co[i]);
    }
}

static void finish_many(Coroutine **co, int n)
{
    for (int i = 0; i < n; i++) {
        qemu_coroutine_enter(co[i]);
    }
}

/* Every test runs in a thread of its own, and so begins with an empty pool and zero counters. */
static void *call(void *opaque)
{
    void (*test)(void) = *(void (**)(void))opaque;

    test();
    return NULL;
}

static void in_thread(const void *test)
{
    g_thread_join(g_thread_new("test", call, (void *)test));
}

static void reuse(void)
{
    Coroutine *first, *again;

    create_many(&first, 1);
    finish_many(&first, 1);
    create_many(&again, 1);
    g_assert_true(again == first);
    finish_many(&again, 1);
    g_assert_cmpuint(stats().created, ==, 1);
}

static void counters(void)
{
    Coroutine *co[COUNT];

    create_many(co, 10);
    g_assert_cmpuint(stats().created, ==, 10);
    g_assert_cmpuint(stats().live, ==, 10);
    finish_many(co, 4);
    g_assert_cmpuint(stats().live, ==, 6);
    g_assert_cmpuint(stats().live_max, ==, 10);
    create_many(co, 4);
    g_assert_cmpuint(stats().created, ==, 10);
    finish_many(co, 10);
    g_assert_cmpuint(stats().live, ==, 0);
    g_assert_cmpuint(stats().live_max, ==, 10);
}

/* What was live at once is never made again, however often and however many. */
static void no_cliff(void)
{
    int n = test_is_watched() ? 300 : 5000;
    Coroutine **co = g_new(Coroutine *, n);

    for (int round = 0; round < 5; round++) {
        create_many(co, n);
        finish_many(co, n);
        g_assert_cmpuint(stats().created, ==, n);
    }
    g_assert_cmpuint(stats().live_max, ==, n);
    g_free(co);
}

static void backends(void)
{
    Coroutine *a, *u, *again;

    if (!qemu_coroutine_set_backend(COROUTINE_BACKEND_ASM)) {
        return;
    }
    create_many(&a, 1);
    finish_many(&a, 1);
    qemu_coroutine_set_backend(COROUTINE_BACKEND_UCONTEXT);
    create_many(&u, 1);
    g_assert_true(u != a);
    finish_many(&u, 1);

    /* Each kind comes back as what it was. */
    qemu_coroutine_set_backend(COROUTINE_BACKEND_ASM);
    create_many(&again, 1);
    g_assert_true(again == a);
    finish_many(&again, 1);
    g_assert_cmpuint(stats().created, ==, 2);
}

/* A thread's figures are those of both kinds together, whichever it creates at the time. */
static void counters_of_both(void)
{
    enum { STEPS = 6, STEP = 3 };
    Coroutine *co[STEPS][STEP];

    for (int i = 0; i < STEPS; i++) {
        if (!qemu_coroutine_set_backend(i % COROUTINE_BACKENDS)) {
            return;
        }
        qemu_coroutine_pool_reserve(STEPS * STEP / COROUTINE_BACKENDS);
    }
    for (int i = 0; i < STEPS; i++) {
        g_assert_true(qemu_coroutine_set_backend(i % COROUTINE_BACKENDS));
        create_many(co[i], STEP);
        g_assert_cmpuint(stats().live, ==, (i + 1) * STEP);
        g_assert_cmpuint(stats().live_max, ==, (i + 1) * STEP);
    }
    for (int i = 0; i < STEPS; i++) {
        finish_many(co[i], STEP);
        g_assert_cmpuint(stats().live, ==, (STEPS - 1 - i) * STEP);
    }
    g_assert_cmpuint(stats().live_max, ==, STEPS * STEP);
    g_assert_cmpuint(stats().created, ==, STEPS * STEP);
}

/* --- made in one thread, ended in another --- */

/* A stack that threads wait at. (TSan does not see the locks inside of GAsyncQueue.) */
typedef struct Handover {
    pthread_mutex_t lock;
    pthread_cond_t pushed;
    GPtrArray *items;
} Handover;

static void handover_init(Handover *h)
{
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->pushed, NULL);
    h->items = g_ptr_array_new();
}

static void handover_destroy(Handover *h)
{
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->pushed);
    g_ptr_array_unref(h->items);
}

static void handover_push(Handover *h, void *item)
{
    pthread_mutex_lock(&h->lock);
    g_ptr_array_add(h->items, item);
    pthread_cond_signal(&h->pushed);
    pthread_mutex_unlock(&h->lock);
}

static void *handover_pop(Handover *h)
{
    void *item;

    pthread_mutex_lock(&h->lock);
    while (h->items->len == 0) {
        pthread_cond_wait(&h->pushed, &h->lock);
    }
    item = g_ptr_array_steal_index_fast(h->items, h->items->len - 1);
    pthread_mutex_unlock(&h->lock);
    return item;
}

typedef struct Other {
    Handover work; /* COUNT coroutines to finish; itself: stop */
    Handover done;
    unsigned pool_size; /* of the other thread, at the end */
} Other;

static void *other_thread(void *opaque)
{
    Other *o = opaque;
    void *co;

    while ((co = handover_pop(&o->work)) != o) {
        finish_many(co, COUNT);
        handover_push(&o->done, o);
    }
    for (int i = 0; i < COROUTINE_BACKENDS; i++) {
        o->pool_size += coroutine_pool_size(&coroutine_thread.pool[i]);
    }
    return NULL;
}

/* Returns how many the other thread kept. */
static unsigned finish_elsewhere(int rounds, uint64_t created[])
{
    Coroutine *co[COUNT];
    GThread *thread;
    Other o = { .pool_size = 0 };

    handover_init(&o.work);
    handover_init(&o.done);
    thread = g_thread_new("other", other_thread, &o);
    for (int round = 0; round < rounds; round++) {
        create_many(co, COUNT);
        handover_push(&o.work, co);
        handover_pop(&o.done);
        created[round] = stats().created;
    }
    handover_push(&o.work, &o);
    g_thread_join(thread);
    handover_destroy(&o.work);
    handover_destroy(&o.done);
    return o.pool_size;
}

static void other(void)
{
    uint64_t created[ROUNDS];

    g_assert_cmpuint(finish_elsewhere(ROUNDS, created), ==, KEPT_AT_LEAST);
    g_assert_cmpuint(created[0], <=, COUNT);
    g_assert_cmpuint(created[ROUNDS - 1], ==, created[2]);
    g_assert_cmpuint(created[ROUNDS - 1], <=, COUNT + KEPT_AT_LEAST);
    /* They are not counted as live for ever. */
    g_assert_cmpuint(stats().live_max, <=, 2 * COUNT);
}

static void announced(void)
{
    uint64_t created;

    qemu_coroutine_inc_pool_size(COUNT);
    g_assert_cmpuint(finish_elsewhere(1, &created), ==, COUNT);
    qemu_coroutine_dec_pool_size(COUNT);
    g_assert_cmpuint(finish_elsewhere(1, &created), ==, KEPT_AT_LEAST);
}

/* Threads that hand coroutines around all at once; each coroutine is somebody's alone. */
static Handover bazaar;

static void coroutine_fn exclusive_fn(void *opaque)
{
    int *users = opaque;

    g_assert_cmpint(qatomic_fetch_inc(users), ==, 0);
    qemu_coroutine_yield();
    g_assert_cmpint(qatomic_fetch_dec(users), ==, 1);
    g_free(users);
}

static void *trade(void *opaque G_GNUC_UNUSED)
{
    for (int i = 0; i < 2000; i++) {
        Coroutine *co = qemu_coroutine_create(exclusive_fn, g_new0(int, 1));

        qemu_coroutine_enter(co);
        handover_push(&bazaar, co);
        /* No thread ever pops more than it pushed, so none waits for ever. */
        if (i % 300 >= 150) {
            qemu_coroutine_enter(handover_pop(&bazaar));
            qemu_coroutine_enter(handover_pop(&bazaar));
        }
    }
    return NULL;
}

static void trading(void)
{
    GThread *threads[4];

    handover_init(&bazaar);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = g_thread_new("trade", trade, NULL);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        g_thread_join(threads[i]);
    }
    while (bazaar.items->len > 0) {
        qemu_coroutine_enter(handover_pop(&bazaar));
    }
    handover_destroy(&bazaar);
}

/* --- memory --- */

static unsigned count_mappings(void)
{
    g_autofree char *maps = NULL;
    unsigned lines = 0;

    g_assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
    for (const char *p = maps; *p; p++) {
        lines += *p == '\n';
    }
    return lines;
}

static void use_many(void)
{
    Coroutine *co[COUNT];

    create_many(co, COUNT);
    finish_many(co, COUNT);
}

static void thread_end_frees(void)
{
    void (*use)(void) = use_many;
    unsigned before;

    if (test_is_watched()) {
        return;
    }
    in_thread(&use);
    before = count_mappings();
    for (int i = 0; i < 5; i++) {
        in_thread(&use);
    }
    g_assert_cmpuint(count_mappings(), <, before + COUNT / 2);
}

static unsigned touched_pages(const Coroutine *co)
{
    size_t page = sysconf(_SC_PAGESIZE);
    unsigned char resident[64];
    unsigned n = 0;

    g_assert_cmpuint(co->map_size / page, <=, sizeof(resident));
    g_assert_cmpint(mincore(co->map, co->map_size, resident), ==, 0);
    for (size_t i = 0; i < co->map_size / page; i++) {
        n += resident[i] & 1;
    }
    return n;
}

static void memory(void)
{
    Coroutine *co[64];
    uint64_t tops = 0;

    create_many(co, 64);
    for (int i = 0; i < 64; i++) {
        g_assert_cmpuint((uintptr_t)co[i] % 64, ==, 0);
        tops |= 1ull << (uintptr_t)co[i] / 64 % 64;
        if (!test_is_watched()) {
            g_assert_cmpuint(touched_pages(co[i]), <=, 2);
        }
    }
    /* Each of the 64 cache sets of a page serves as a top once. */
    g_assert_cmpuint(tops, ==, UINT64_MAX);
    finish_many(co, 64);
}

static void small_tls(void)
{
    g_assert_cmpuint(sizeof(coroutine_thread), <=, 128);
}

/* What is reserved is there when it is needed, is not counted as live, and is not made twice. */
static void reserved_ones_are_at_hand(void)
{
    Coroutine *co[COUNT];

    qemu_coroutine_inc_pool_size(COUNT);
    qemu_coroutine_pool_reserve(COUNT);
    g_assert_cmpuint(stats().created, ==, COUNT);
    g_assert_cmpuint(stats().live_max, ==, 0);
    qemu_coroutine_pool_reserve(COUNT);
    for (int i = 0; i < ROUNDS; i++) {
        create_many(co, COUNT);
        finish_many(co, COUNT);
    }
    g_assert_cmpuint(stats().created, ==, COUNT);
    g_assert_cmpuint(stats().live_max, ==, COUNT);
    qemu_coroutine_dec_pool_size(COUNT);
}

int main(int argc, char **argv)
{
    static struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        /* memory is first: it wants stacks that are new, not such as the others leave behind. */
        { "/coroutine-pool/memory", memory },
        { "/coroutine-pool/reuse", reuse },
        { "/coroutine-pool/reserve", reserved_ones_are_at_hand },
        { "/coroutine-pool/counters", counters },
        { "/coroutine-pool/no-cliff", no_cliff },
        { "/coroutine-pool/backends", backends },
        { "/coroutine-pool/counters-of-both-backends", counters_of_both },
        { "/coroutine-pool/ended-elsewhere", other },
        { "/coroutine-pool/announced-size", announced },
        { "/coroutine-pool/trading", trading },
        { "/coroutine-pool/thread-end", thread_end_frees },
        { "/coroutine-pool/small-tls", small_tls },
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
        g_test_add_data_func(tests[i].name, &tests[i].test, in_thread);
    }
    return g_test_run();
}
