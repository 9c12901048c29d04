/* File descriptor handlers and turns of the loop: who is called when, and at what cost.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=ppoll_nocancel, to count the loop's system calls.
 */
#include "base/osdep.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "source.h"
#include "util.h"

static int ppoll_calls;

int __real_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);
int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);

int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts)
{
    ppoll_calls++;
    return __real_ppoll_nocancel(fds, n, ts);
}

/* ---- handlers ------------------------------------------------------------------------------ */

static void test_read_handler_runs_once_per_event(void)
{
    AioContext *ctx = test_context_new();
    Source src;

    source_init(&src, ctx, NULL);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(src.runs, ==, 0);
    for (int i = 1; i <= 3; i++) {
        event_notifier_set(&src.e);
        g_assert_true(aio_poll(ctx, i & 1));
        g_assert_cmpint(src.runs, ==, i);
        g_assert_false(aio_poll(ctx, false));
        g_assert_cmpint(src.runs, ==, i);
    }
    source_done(&src);
    test_context_free(ctx);
}

static void test_deleted_handler_does_not_run(void)
{
    AioContext *ctx = test_context_new();
    Source src;

    source_init(&src, ctx, NULL);
    event_notifier_set(&src.e);
    source_unwatch(&src);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(src.runs, ==, 0);

    source_watch(&src, false);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(src.runs, ==, 1);
    source_done(&src);
    test_context_free(ctx);
}

/* A descriptor with both directions. */
typedef struct Duplex {
    int fds[2];
    int reads, writes, other_reads;
} Duplex;

static void duplex_read(void *opaque)
{
    Duplex *d = opaque;
    char c;

    d->reads++;
    g_assert_cmpint(read(d->fds[0], &c, 1), >=, 0);
}

static void duplex_write(void *opaque)
{
    ((Duplex *)opaque)->writes++;
}

static void duplex_other_read(void *opaque)
{
    ((Duplex *)opaque)->other_reads++;
}

static void test_both_directions(void)
{
    AioContext *ctx = test_context_new();
    Duplex d = { 0 };

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, d.fds), ==, 0);
    aio_set_fd_handler(ctx, d.fds[0], false, duplex_read, duplex_write, NULL, NULL, &d);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(d.reads, ==, 0);
    g_assert_cmpint(d.writes, ==, 1);

    g_assert_cmpint(write(d.fds[1], "x", 1), ==, 1);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(d.reads, ==, 1);
    g_assert_cmpint(d.writes, ==, 2);

    /* Without a write handler, being writable is nothing to wake for. */
    aio_set_fd_handler(ctx, d.fds[0], false, duplex_read, NULL, NULL, NULL, &d);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(d.writes, ==, 2);

    aio_set_fd_handler(ctx, d.fds[0], false, NULL, NULL, NULL, NULL, NULL);
    close(d.fds[0]);
    close(d.fds[1]);
    test_context_free(ctx);
}

static void test_hang_up_runs_the_read_handler(void)
{
    AioContext *ctx = test_context_new();
    Duplex d = { 0 };

    g_assert_cmpint(pipe(d.fds), ==, 0);
    aio_set_fd_handler(ctx, d.fds[0], false, duplex_read, NULL, NULL, NULL, &d);
    close(d.fds[1]);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(d.reads, ==, 1);
    aio_set_fd_handler(ctx, d.fds[0], false, NULL, NULL, NULL, NULL, NULL);
    close(d.fds[0]);
    test_context_free(ctx);
}

static void test_replaced_handler_takes_over(void)
{
    AioContext *ctx = test_context_new();
    Duplex d = { 0 };

    g_assert_cmpint(pipe(d.fds), ==, 0);
    g_assert_cmpint(write(d.fds[1], "xy", 2), ==, 2);
    aio_set_fd_handler(ctx, d.fds[0], false, duplex_read, NULL, NULL, NULL, &d);
    g_assert_true(aio_poll(ctx, false));
    aio_set_fd_handler(ctx, d.fds[0], false, duplex_other_read, NULL, NULL, NULL, &d);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(d.reads, ==, 1);
    g_assert_cmpint(d.other_reads, ==, 1);

    /* One deletion is enough: there is one handler per descriptor. */
    aio_set_fd_handler(ctx, d.fds[0], false, NULL, NULL, NULL, NULL, NULL);
    g_assert_false(aio_poll(ctx, false));
    close(d.fds[0]);
    close(d.fds[1]);
    test_context_free(ctx);
}

/* ---- deleting while the loop turns --------------------------------------------------------- */

static void test_delete_from_own_callback(void)
{
    AioContext *ctx = test_context_new();
    Source src;

    source_init(&src, ctx, source_unwatch);
    src.keep = true;
    event_notifier_set(&src.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(src.runs, ==, 1);
    source_done(&src);
    test_context_free(ctx);
}

static void unwatch_both(Source *src)
{
    source_unwatch(src);
    source_unwatch(src->other);
}

static void test_delete_other_while_both_are_ready(void)
{
    AioContext *ctx = test_context_new();
    Source a, b;

    source_init(&a, ctx, unwatch_both);
    source_init(&b, ctx, unwatch_both);
    a.other = &b;
    b.other = &a;
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.runs + b.runs, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(a.runs + b.runs, ==, 1);
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

static void replace_other(Source *src)
{
    source_watch(src->other, false);
}

/* The new handler is not the one that was ready; but its descriptor is, and so it runs soon. */
static void test_replace_other_while_both_are_ready(void)
{
    AioContext *ctx = test_context_new();
    Source a, b;

    source_init(&a, ctx, replace_other);
    source_init(&b, ctx, replace_other);
    a.other = &b;
    b.other = &a;
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    g_assert_true(aio_poll(ctx, true));
    test_poll_idle(ctx);
    g_assert_cmpint(a.runs, ==, 1);
    g_assert_cmpint(b.runs, ==, 1);
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

static void poll_for_other(Source *src)
{
    event_notifier_set(&src->other->e);
    TEST_POLL_UNTIL(src->ctx, src->other->runs > 0);
}

static void test_delete_in_nested_poll(void)
{
    AioContext *ctx = test_context_new();
    Source outer, inner, bystander;

    source_init(&bystander, ctx, NULL);
    source_init(&outer, ctx, poll_for_other);
    source_init(&inner, ctx, unwatch_both);
    outer.other = &inner;
    inner.other = &outer;
    event_notifier_set(&outer.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(outer.runs, ==, 1);
    g_assert_cmpint(inner.runs, ==, 1);

    event_notifier_set(&outer.e);
    event_notifier_set(&bystander.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(outer.runs, ==, 1);
    g_assert_cmpint(bystander.runs, ==, 1);
    source_done(&outer);
    source_done(&inner);
    source_done(&bystander);
    test_context_free(ctx);
}

#define CHURN 3000

static gpointer churn_thread(gpointer opaque)
{
    Source *src = opaque;

    for (int i = 0; i < CHURN; i++) {
        source_watch(src, i % 3 == 0);
        if (i % 2 == 0) {
            source_watch(src, false);
        }
        source_unwatch(src);
    }
    return NULL;
}

static void again(Source *src)
{
    event_notifier_set(&src->e);
}

/* One handler comes and goes, ready all the time, while the loop turns because of another. */
static void test_delete_from_another_thread(void)
{
    AioContext *ctx = test_context_new();
    Source busy, churned;
    GThread *thread;
    int seen;

    source_init(&busy, ctx, again);
    source_init(&churned, ctx, NULL);
    churned.keep = true;
    event_notifier_set(&busy.e);
    event_notifier_set(&churned.e);
    thread = g_thread_new("churn", churn_thread, &churned);
    for (int i = 0; i < CHURN; i++) {
        g_assert_true(aio_poll(ctx, true));
    }
    g_thread_join(thread);

    seen = churned.runs;
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(churned.runs, ==, seen);
    source_done(&busy);
    source_done(&churned);
    test_context_free(ctx);
}

static gpointer watch_late_thread(gpointer opaque)
{
    Source *src = opaque;

    g_usleep(20000);
    source_watch(src, false);
    return NULL;
}

static void test_handler_set_by_another_thread_wakes_the_loop(void)
{
    AioContext *ctx = test_context_new();
    GThread *thread;
    Source src;

    source_init(&src, ctx, NULL);
    source_unwatch(&src);
    event_notifier_set(&src.e);
    thread = g_thread_new("watch", watch_late_thread, &src);
    TEST_POLL_UNTIL(ctx, src.runs == 1);
    g_thread_join(thread);
    source_done(&src);
    test_context_free(ctx);
}

/* ---- polling in user space ----------------------------------------------------------------- */

static bool always(void *opaque G_GNUC_UNUSED)
{
    return true;
}

static bool never(void *opaque G_GNUC_UNUSED)
{
    return false;
}

static void source_poll_ready(EventNotifier *e)
{
    Source *src = container_of(e, Source, e);

    src->poll_runs++;
    if (src->also) {
        src->also(src);
    }
}

static void source_watch_polled(Source *src, bool is_external, AioPollFn *io_poll)
{
    aio_set_event_notifier(src->ctx, &src->e, is_external, source_read, io_poll, source_poll_ready);
}

static void test_poll_handlers_make_no_system_call(void)
{
    AioContext *ctx = test_context_new();
    Source src;

    source_init(&src, ctx, NULL);
    source_watch_polled(&src, false, always);
    ppoll_calls = 0;
    for (int i = 0; i < 100; i++) {
        g_assert_true(aio_poll(ctx, i & 1));
    }
    g_assert_cmpint(src.poll_runs, ==, 100);
    g_assert_cmpint(src.runs, ==, 0);
    g_assert_cmpint(ppoll_calls, ==, 0);

    source_watch_polled(&src, false, never);
    for (int i = 0; i < 100; i++) {
        g_assert_false(aio_poll(ctx, false));
    }
    g_assert_cmpint(ppoll_calls, ==, 0);
    source_done(&src);
    test_context_free(ctx);
}

static void nothing_bh(void *opaque G_GNUC_UNUSED)
{
}

/* A bottom half that is due is work found, too. */
static void test_due_bottom_halves_make_no_system_call(void)
{
    AioContext *ctx = test_context_new();
    QEMUBH *bh = aio_bh_new(ctx, nothing_bh, NULL);

    ppoll_calls = 0;
    for (int i = 0; i < 100; i++) {
        qemu_bh_schedule(bh);
        g_assert_true(aio_poll(ctx, true));
    }
    g_assert_cmpint(ppoll_calls, ==, 0);
    qemu_bh_delete(bh);
    test_context_free(ctx);
}

static void test_poll_handler_that_finds_nothing_is_woken_by_its_descriptor(void)
{
    AioContext *ctx = test_context_new();
    Source src;

    source_init(&src, ctx, NULL);
    source_watch_polled(&src, false, never);
    event_notifier_set(&src.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(src.runs, ==, 1);
    g_assert_cmpint(src.poll_runs, ==, 0);
    source_done(&src);
    test_context_free(ctx);
}

static void test_descriptors_are_served_while_polling_finds_work(void)
{
    AioContext *ctx = test_context_new();
    Source busy, quiet;

    source_init(&busy, ctx, NULL);
    source_init(&quiet, ctx, NULL);
    source_watch_polled(&busy, false, always);
    event_notifier_set(&quiet.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(quiet.runs, ==, 1);
    event_notifier_set(&quiet.e);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(quiet.runs, ==, 2);

    /* When it has gone, so has the need for the system call. */
    source_unwatch(&quiet);
    ppoll_calls = 0;
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(ppoll_calls, ==, 0);
    source_done(&busy);
    source_done(&quiet);
    test_context_free(ctx);
}

static void test_poll_handler_deleted_by_another_does_not_run(void)
{
    AioContext *ctx = test_context_new();
    Source a, b;

    source_init(&a, ctx, unwatch_both);
    source_init(&b, ctx, unwatch_both);
    a.other = &b;
    b.other = &a;
    source_watch_polled(&a, false, always);
    source_watch_polled(&b, false, always);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.poll_runs + b.poll_runs, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

/* ---- external handlers --------------------------------------------------------------------- */

static void test_external_is_left_out_while_disabled(void)
{
    AioContext *ctx = test_context_new();
    Source internal, external, polled;

    source_init(&internal, ctx, NULL);
    source_init(&external, ctx, NULL);
    source_init(&polled, ctx, NULL);
    source_watch(&external, true);
    source_watch_polled(&polled, true, always);
    event_notifier_set(&external.e);
    aio_disable_external(ctx);
    aio_disable_external(ctx);
    g_assert_false(aio_poll(ctx, false));

    event_notifier_set(&internal.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(internal.runs, ==, 1);

    aio_enable_external(ctx); /* they nest */
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(external.runs, ==, 0);
    g_assert_cmpint(polled.poll_runs, ==, 0);

    aio_enable_external(ctx);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(external.runs, ==, 1);
    g_assert_cmpint(polled.poll_runs, ==, 1);
    source_done(&internal);
    source_done(&external);
    source_done(&polled);
    test_context_free(ctx);
}

static void disable_external(Source *src)
{
    aio_disable_external(src->ctx);
}

static void test_external_ready_but_disabled_by_another_callback(void)
{
    AioContext *ctx = test_context_new();
    Source a, b;

    source_init(&a, ctx, disable_external);
    source_init(&b, ctx, disable_external);
    source_watch(&a, true);
    source_watch(&b, true);
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.runs + b.runs, ==, 1);

    a.also = b.also = NULL;
    aio_enable_external(ctx);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.runs, ==, 1);
    g_assert_cmpint(b.runs, ==, 1);
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

static gpointer enable_external_thread(gpointer opaque)
{
    g_usleep(20000);
    aio_enable_external(opaque);
    return NULL;
}

static void test_enabling_external_wakes_the_loop(void)
{
    AioContext *ctx = test_context_new();
    GThread *thread;
    Source src;

    source_init(&src, ctx, NULL);
    source_watch(&src, true);
    event_notifier_set(&src.e);
    aio_disable_external(ctx);
    thread = g_thread_new("enable", enable_external_thread, ctx);
    TEST_POLL_UNTIL(ctx, src.runs == 1);
    g_thread_join(thread);
    source_done(&src);
    test_context_free(ctx);
}

/* ---- nested turns -------------------------------------------------------------------------- */

#define DEPTH 50

static void raise_and_await_other(Source *src)
{
    if (src->other) {
        poll_for_other(src);
    }
}

static void test_nested_fifty_deep(void)
{
    AioContext *ctx = test_context_new();
    Source src[DEPTH];

    for (int i = 0; i < DEPTH; i++) {
        source_init(&src[i], ctx, raise_and_await_other);
        src[i].other = i + 1 < DEPTH ? &src[i + 1] : NULL;
    }
    event_notifier_set(&src[0].e);
    g_assert_true(aio_poll(ctx, true));
    for (int i = 0; i < DEPTH; i++) {
        g_assert_cmpint(src[i].runs, ==, 1);
    }
    g_assert_false(aio_poll(ctx, false));
    for (int i = 0; i < DEPTH; i++) {
        source_done(&src[i]);
    }
    test_context_free(ctx);
}

static void await_other(Source *src)
{
    TEST_POLL_UNTIL(src->ctx, src->other->runs > 0);
}

/* Both are ready in the outer turn; the nested one serves the second, and it is served once. */
static void test_nested_poll_takes_over_what_is_ready(void)
{
    AioContext *ctx = test_context_new();
    Source a, b;

    source_init(&a, ctx, await_other);
    source_init(&b, ctx, await_other);
    a.other = &b;
    b.other = &a;
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.runs, ==, 1);
    g_assert_cmpint(b.runs, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

/* ---- notifying ----------------------------------------------------------------------------- */

static void test_own_notifier_is_no_progress(void)
{
    AioContext *ctx = test_context_new();

    aio_notify(ctx);
    g_assert_false(aio_poll(ctx, false));
    qatomic_set(&ctx->notify_me, 1); /* as if the home thread slept: the eventfd is written */
    aio_notify(ctx);
    qatomic_set(&ctx->notify_me, 0);
    g_assert_false(aio_poll(ctx, true));
    test_context_free(ctx);
}

static gpointer notify_late_thread(gpointer opaque)
{
    g_usleep(20000);
    aio_notify(opaque);
    return NULL;
}

static void test_notify_wakes_a_sleeping_loop(void)
{
    AioContext *ctx = test_context_new();
    GThread *thread = g_thread_new("notify", notify_late_thread, ctx);

    ppoll_calls = 0;
    g_assert_false(aio_poll(ctx, true));
    g_assert_cmpint(ppoll_calls, ==, 1);
    g_thread_join(thread);

    /* The notification is used up: the loop does not spin. */
    thread = g_thread_new("notify", notify_late_thread, ctx);
    ppoll_calls = 0;
    g_assert_false(aio_poll(ctx, true));
    g_assert_cmpint(ppoll_calls, ==, 1);
    g_thread_join(thread);
    test_context_free(ctx);
}

#define ROUNDS 20000

typedef struct PingPong {
    AioContext *ctx;
    QEMUBH *bh;
    int sent;
    int received;
} PingPong;

static void pong_bh(void *opaque)
{
    PingPong *pp = opaque;

    qatomic_set(&pp->received, pp->received + 1);
}

/* Each round waits for the last to arrive: one lost wake-up and both sides sleep for ever. */
static gpointer ping_thread(gpointer opaque)
{
    PingPong *pp = opaque;

    for (int i = 1; i <= ROUNDS; i++) {
        while (qatomic_read(&pp->received) != i - 1) {
            sched_yield();
        }
        for (volatile int spin = i % 200; spin > 0; spin--) {
            /* come at another moment each time */
        }
        if (i & 1) {
            qemu_bh_schedule(pp->bh);
        } else {
            aio_bh_schedule_oneshot(pp->ctx, pong_bh, pp);
        }
    }
    return NULL;
}

static void test_no_wake_up_is_lost(void)
{
    AioContext *ctx = test_context_new();
    PingPong pp = { .ctx = ctx };
    GThread *thread;

    pp.bh = aio_bh_new(ctx, pong_bh, &pp);
    thread = g_thread_new("ping", ping_thread, &pp);
    TEST_POLL_UNTIL(ctx, qatomic_read(&pp.received) == ROUNDS);
    g_thread_join(thread);
    qemu_bh_delete(pp.bh);
    test_context_free(ctx);
}

/* ---- signals ------------------------------------------------------------------------------- */

static int signals;

static void count_signal(int sig G_GNUC_UNUSED)
{
    signals++;
}

static void test_signal_ends_a_turn_without_progress(void)
{
    AioContext *ctx = test_context_new();
    struct sigaction action = { .sa_handler = count_signal }, before;
    /* Again and again, should the first come before the sleep. */
    struct itimerval timer = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 };
    Source src;

    source_init(&src, ctx, NULL);
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &timer, NULL);
    g_assert_false(aio_poll(ctx, true));
    g_assert_cmpint(signals, >, 0);
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    sigaction(SIGALRM, &before, NULL);

    event_notifier_set(&src.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(src.runs, ==, 1);
    source_done(&src);
    test_context_free(ctx);
}

/* ---- life ---------------------------------------------------------------------------------- */

static gpointer unref_thread(gpointer opaque)
{
    aio_context_unref(opaque);
    return NULL;
}

static void test_last_reference_may_go_in_another_thread(void)
{
    AioContext *ctx = test_context_new();

    aio_context_ref(ctx);
    test_context_free(ctx);
    g_thread_join(g_thread_new("unref", unref_thread, ctx));
}

static GString *destroyed;

static void destroy_slot(void *obj)
{
    g_string_append(destroyed, obj);
}

static void test_slots_are_destroyed_last_first(void)
{
    AioContext *ctx = test_context_new();
    char pool[] = "pool ", aiocbs[] = "aiocbs ";

    g_assert_null(aio_context_get_slot(ctx, AIO_SLOT_THREAD_POOL));
    aio_context_set_slot(ctx, AIO_SLOT_THREAD_POOL, pool, destroy_slot);
    aio_context_set_slot(ctx, AIO_SLOT_AIOCB_POOL, aiocbs, destroy_slot);
    g_assert_true(aio_context_get_slot(ctx, AIO_SLOT_THREAD_POOL) == pool);
    g_assert_null(aio_context_get_slot(ctx, AIO_SLOT_LINUX_AIO));

    destroyed = g_string_new(NULL);
    test_context_free(ctx);
    g_assert_cmpstr(destroyed->str, ==, "aiocbs pool ");
    g_string_free(destroyed, true);
}

static void test_no_descriptor_is_an_error_with_a_reason(void)
{
    struct rlimit limit, none;
    Error *err = NULL;
    AioContext *ctx;

    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    ctx = aio_context_new(&err);
    setrlimit(RLIMIT_NOFILE, &limit);

    g_assert_null(ctx);
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(error_get_pretty(err), g_strerror(EMFILE)));
    error_free(err);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aio/handler/read-runs-once-per-event", test_read_handler_runs_once_per_event);
    g_test_add_func("/aio/handler/both-directions", test_both_directions);
    g_test_add_func("/aio/handler/hang-up-runs-read", test_hang_up_runs_the_read_handler);
    g_test_add_func("/aio/handler/replaced-takes-over", test_replaced_handler_takes_over);
    g_test_add_func("/aio/delete/does-not-run", test_deleted_handler_does_not_run);
    g_test_add_func("/aio/delete/from-own-callback", test_delete_from_own_callback);
    g_test_add_func("/aio/delete/other-while-both-are-ready",
                    test_delete_other_while_both_are_ready);
    g_test_add_func("/aio/delete/replace-other-while-both-are-ready",
                    test_replace_other_while_both_are_ready);
    g_test_add_func("/aio/delete/in-nested-poll", test_delete_in_nested_poll);
    g_test_add_func("/aio/delete/from-another-thread", test_delete_from_another_thread);
    g_test_add_func("/aio/poll/makes-no-system-call", test_poll_handlers_make_no_system_call);
    g_test_add_func("/aio/poll/due-bottom-halves-make-no-system-call",
                    test_due_bottom_halves_make_no_system_call);
    g_test_add_func("/aio/poll/finds-nothing-woken-by-descriptor",
                    test_poll_handler_that_finds_nothing_is_woken_by_its_descriptor);
    g_test_add_func("/aio/poll/does-not-starve-descriptors",
                    test_descriptors_are_served_while_polling_finds_work);
    g_test_add_func("/aio/poll/deleted-by-another-does-not-run",
                    test_poll_handler_deleted_by_another_does_not_run);
    g_test_add_func("/aio/external/left-out-while-disabled",
                    test_external_is_left_out_while_disabled);
    g_test_add_func("/aio/external/disabled-by-another-callback",
                    test_external_ready_but_disabled_by_another_callback);
    g_test_add_func("/aio/external/enabling-wakes-the-loop", test_enabling_external_wakes_the_loop);
    g_test_add_func("/aio/nested/fifty-deep", test_nested_fifty_deep);
    g_test_add_func("/aio/nested/takes-over-what-is-ready",
                    test_nested_poll_takes_over_what_is_ready);
    g_test_add_func("/aio/notify/own-notifier-is-no-progress", test_own_notifier_is_no_progress);
    g_test_add_func("/aio/notify/wakes-a-sleeping-loop", test_notify_wakes_a_sleeping_loop);
    g_test_add_func("/aio/notify/new-handler-wakes-the-loop",
                    test_handler_set_by_another_thread_wakes_the_loop);
    g_test_add_func("/aio/notify/no-wake-up-is-lost", test_no_wake_up_is_lost);
    g_test_add_func("/aio/signal/ends-a-turn-without-progress",
                    test_signal_ends_a_turn_without_progress);
    g_test_add_func("/aio/context/last-reference-in-another-thread",
                    test_last_reference_may_go_in_another_thread);
    g_test_add_func("/aio/context/slots-are-destroyed-last-first",
                    test_slots_are_destroyed_last_first);
    g_test_add_func("/aio/context/no-descriptor-is-an-error",
                    test_no_descriptor_is_an_error_with_a_reason);
    return g_test_run();
}
