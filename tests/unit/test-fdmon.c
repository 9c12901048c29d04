/* Waiting for descriptors: every fdmon under the same tests, then what is epoll's alone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap for the system calls that are counted, or refused as another kernel might.
 */
#include "base/osdep.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "source.h"
#include "util.h"

/* ---- system calls -------------------------------------------------------------------------- */

static int ppoll_calls, epoll_calls;

int __real_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);
int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);

int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts)
{
    ppoll_calls++;
    return __real_ppoll_nocancel(fds, n, ts);
}

int __real_epoll_wait(int epfd, struct epoll_event *events, int n, int timeout);
int __wrap_epoll_wait(int epfd, struct epoll_event *events, int n, int timeout);

int __wrap_epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
    qatomic_inc(&epoll_calls); /* epoll_ctl counts too, in any thread */
    return __real_epoll_wait(epfd, events, n, timeout);
}

int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    qatomic_inc(&epoll_calls);
    return __real_epoll_ctl(epfd, op, fd, event);
}

#ifdef HAVE_LIBURING
#include <liburing.h>

static int ring_refused; /* errno to refuse rings with */

int __real_io_uring_queue_init_params(unsigned n, struct io_uring *ring, struct io_uring_params *p);
int __wrap_io_uring_queue_init_params(unsigned n, struct io_uring *ring, struct io_uring_params *p);

int __wrap_io_uring_queue_init_params(unsigned n, struct io_uring *ring, struct io_uring_params *p)
{
    return ring_refused ? -ring_refused : __real_io_uring_queue_init_params(n, ring, p);
}
#endif

/* ---- what the tests share ------------------------------------------------------------------- */

/* A context that waits as @kind says; NULL, with the test marked as skipped, where it cannot. */
static AioContext *context_new(gconstpointer kind)
{
    AioContext *ctx;
    Error *err = NULL;

    if (test_runs_on_valgrind() && GPOINTER_TO_INT(kind) == AIO_FDMON_IO_URING) {
        g_test_skip("valgrind runs no other thread while one sleeps in io_uring_enter");
        return NULL;
    }
    ctx = test_context_new();
    if (!aio_context_set_fdmon(ctx, GPOINTER_TO_INT(kind), &err)) {
        g_test_skip(error_get_pretty(err));
        error_free(err);
        test_context_free(ctx);
        return NULL;
    }
    ppoll_calls = 0;
    return ctx;
}

/* Each waits by its own system call. */
static void check_ppoll_calls(gconstpointer kind)
{
    if (GPOINTER_TO_INT(kind) == AIO_FDMON_POLL) {
        g_assert_cmpint(ppoll_calls, >, 0);
    } else {
        g_assert_cmpint(ppoll_calls, ==, 0);
    }
}

static Source *sources_new(AioContext *ctx, int n)
{
    Source *src = g_new(Source, n);

    for (int i = 0; i < n; i++) {
        source_init(&src[i], ctx, NULL);
    }
    return src;
}

static void sources_free(Source *src, int n)
{
    for (int i = 0; i < n; i++) {
        source_done(&src[i]);
    }
    g_free(src);
}

/* A turn may find nothing although it was woken, but not twenty. */
static void poll_runs(Source *src, int runs)
{
    for (int i = 0; i < 20 && src->runs < runs; i++) {
        aio_poll(src->ctx, true);
    }
    g_assert_cmpint(src->runs, ==, runs);
}

/* Whether a turn that does not sleep has nothing to do, now and next time. */
static void check_idle(AioContext *ctx)
{
    for (int i = 0; i < 3; i++) {
        g_assert_false(aio_poll(ctx, false));
    }
}

/* How long one wait of @timeout ns takes. */
static int64_t time_wait(AioContext *ctx, int64_t timeout)
{
    AioHandlerList ready_list = QLIST_HEAD_INITIALIZER(ready_list);
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    qemu_lockcnt_inc(&ctx->list_lock);
    ctx->fdmon_ops->wait(ctx, &ready_list, timeout);
    qemu_lockcnt_dec(&ctx->list_lock);
    g_assert_true(QLIST_EMPTY(&ready_list));
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
}

static void nop(void *opaque G_GNUC_UNUSED)
{
}

static void count(void *opaque)
{
    int *n = opaque;

    qatomic_set(n, *n + 1);
}

/* ---- the same for all ------------------------------------------------------------------------ */

static void test_readable(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source src;

    if (!ctx) {
        return;
    }
    source_init(&src, ctx, NULL);
    check_idle(ctx);
    for (int i = 1; i <= 6; i++) {
        event_notifier_set(&src.e);
        g_assert_true(aio_poll(ctx, i & 1));
        g_assert_cmpint(src.runs, ==, i);
        check_idle(ctx);
    }
    check_ppoll_calls(kind);

    /* What is not served stays ready. */
    src.keep = true;
    event_notifier_set(&src.e);
    for (int i = 7; i <= 10; i++) {
        g_assert_true(aio_poll(ctx, i & 1));
        g_assert_cmpint(src.runs, ==, i);
    }
    source_done(&src);
    test_context_free(ctx);
}

/* It became ready, and was emptied by somebody else before the loop turned. */
static void test_emptied_between_turns(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source src;

    if (!ctx) {
        return;
    }
    source_init(&src, ctx, NULL);
    check_idle(ctx);
    for (int i = 0; i < 100; i++) {
        event_notifier_set(&src.e);
        g_assert_cmpint(event_notifier_test_and_clear(&src.e), ==, 1);
        check_idle(ctx);
    }
    g_assert_cmpint(src.runs, ==, 0);
    event_notifier_set(&src.e);
    poll_runs(&src, 1);
    source_done(&src);
    test_context_free(ctx);
}

static void test_writable(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    static const char fill[4096];
    int fds[2], reads = 0, writes = 0;

    if (!ctx) {
        return;
    }
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), ==, 0);
    aio_set_fd_handler(ctx, fds[0], false, nop, count, NULL, NULL, &writes);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(writes, ==, 1);
    while (write(fds[0], fill, sizeof(fill)) > 0) {
        /* until it would block */
    }
    writes = 0;
    check_idle(ctx);
    g_assert_cmpint(writes, ==, 0);

    /* From writing to reading on the same descriptor. */
    aio_set_fd_handler(ctx, fds[0], false, count, NULL, NULL, NULL, &reads);
    check_idle(ctx);
    g_assert_cmpint(write(fds[1], "x", 1), ==, 1);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(reads, ==, 1);
    g_assert_cmpint(writes, ==, 0);
    check_ppoll_calls(kind);

    aio_set_fd_handler(ctx, fds[0], false, NULL, NULL, NULL, NULL, NULL);
    close(fds[0]);
    close(fds[1]);
    test_context_free(ctx);
}

static void test_hang_up(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    int fds[2], reads = 0;

    if (!ctx) {
        return;
    }
    g_assert_cmpint(pipe(fds), ==, 0);
    aio_set_fd_handler(ctx, fds[0], false, count, NULL, NULL, NULL, &reads);
    check_idle(ctx);
    close(fds[1]);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(reads, ==, 1);
    aio_set_fd_handler(ctx, fds[0], false, NULL, NULL, NULL, NULL, NULL);
    close(fds[0]);
    test_context_free(ctx);
}

static void test_replaced(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    int fds[2], first = 0, second = 0;

    if (!ctx) {
        return;
    }
    g_assert_cmpint(pipe(fds), ==, 0);
    aio_set_fd_handler(ctx, fds[0], false, count, NULL, NULL, NULL, &first);
    check_idle(ctx);
    g_assert_cmpint(write(fds[1], "x", 1), ==, 1);
    aio_set_fd_handler(ctx, fds[0], false, count, NULL, NULL, NULL, &second);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(first, ==, 0);
    g_assert_cmpint(second, ==, 1);
    check_ppoll_calls(kind);

    aio_set_fd_handler(ctx, fds[0], false, NULL, NULL, NULL, NULL, NULL);
    check_idle(ctx);
    g_assert_cmpint(second, ==, 1);
    close(fds[0]);
    close(fds[1]);
    test_context_free(ctx);
}

/* The same number, another file: what the old one had to tell is forgotten. */
static void test_descriptor_reused(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source src;
    int fd;

    if (!ctx) {
        return;
    }
    source_init(&src, ctx, NULL);
    fd = event_notifier_get_fd(&src.e);
    for (int i = 0; i < 20; i++) {
        check_idle(ctx);
        event_notifier_set(&src.e);
        source_done(&src);
        source_init(&src, ctx, NULL);
        g_assert_cmpint(event_notifier_get_fd(&src.e), ==, fd);
        check_idle(ctx);
        event_notifier_set(&src.e);
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(src.runs, ==, 1);
    }
    source_done(&src);
    test_context_free(ctx);
}

/* Once the loop has turned, nothing keeps a file open that is neither watched nor has a descriptor.
 */
static void test_file_is_let_go(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    struct pollfd other_end = { .events = 0 };
    int fds[2];

    if (!ctx) {
        return;
    }
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    aio_set_fd_handler(ctx, fds[0], false, nop, NULL, NULL, NULL, NULL);
    check_idle(ctx);
    aio_set_fd_handler(ctx, fds[0], false, NULL, NULL, NULL, NULL, NULL);
    close(fds[0]);
    time_wait(ctx, 0);
    other_end.fd = fds[1];
    g_assert_cmpint(poll(&other_end, 1, 2000), ==, 1); /* the kernel may take a moment */
    g_assert_cmpint(other_end.revents & POLLHUP, ==, POLLHUP);
    close(fds[1]);
    test_context_free(ctx);
}

static void test_deleted_by_itself(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source src;

    if (!ctx) {
        return;
    }
    source_init(&src, ctx, source_unwatch);
    src.keep = true;
    event_notifier_set(&src.e);
    g_assert_true(aio_poll(ctx, true));
    check_idle(ctx);
    g_assert_cmpint(src.runs, ==, 1);
    source_done(&src);
    test_context_free(ctx);
}

static void unwatch_both(Source *src)
{
    source_unwatch(src);
    source_unwatch(src->other);
}

static void test_deleted_by_another(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source a, b;

    if (!ctx) {
        return;
    }
    source_init(&a, ctx, unwatch_both);
    source_init(&b, ctx, unwatch_both);
    a.other = &b;
    b.other = &a;
    check_idle(ctx);
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    g_assert_true(aio_poll(ctx, true));
    check_idle(ctx);
    g_assert_cmpint(a.runs + b.runs, ==, 1);
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

#define LATE_US 20000

/* Watches a source that is ready, while the loop sleeps. */
static gpointer watch_late_thread(gpointer opaque)
{
    Source *src = opaque;

    g_usleep(LATE_US);
    event_notifier_set(&src->e);
    source_watch(src, false);
    return NULL;
}

static void test_added_while_asleep(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    GThread *thread;
    Source src;

    if (!ctx) {
        return;
    }
    source_init(&src, ctx, NULL);
    source_unwatch(&src);
    thread = g_thread_new("watch", watch_late_thread, &src);
    TEST_POLL_UNTIL(ctx, src.runs);
    g_thread_join(thread);
    g_assert_cmpint(src.runs, ==, 1);
    source_done(&src);
    test_context_free(ctx);
}

/* Deletes a source while the loop sleeps, raises it, and then has the loop stop. */
static gpointer unwatch_late_thread(gpointer opaque)
{
    Source *src = opaque;

    g_usleep(LATE_US);
    source_unwatch(src);
    event_notifier_set(&src->e);
    g_usleep(LATE_US);
    event_notifier_set(&src->other->e);
    return NULL;
}

static void test_deleted_while_asleep(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    GThread *thread;
    Source src, stop;

    if (!ctx) {
        return;
    }
    source_init(&src, ctx, NULL);
    source_init(&stop, ctx, NULL);
    src.other = &stop;
    thread = g_thread_new("unwatch", unwatch_late_thread, &src);
    TEST_POLL_UNTIL(ctx, stop.runs);
    g_thread_join(thread);
    g_assert_cmpint(src.runs, ==, 0);
    source_done(&src);
    source_done(&stop);
    test_context_free(ctx);
}

#define CHURN 2000

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
    event_notifier_set(&src->other->e);
    return NULL;
}

/* Two handlers come and go in threads of their own, ready all the time, while the loop turns. */
static void test_churn(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source a, b, stop;
    GThread *threads[2];

    if (!ctx) {
        return;
    }
    source_init(&stop, ctx, NULL);
    source_init(&a, ctx, NULL);
    source_init(&b, ctx, NULL);
    a.other = b.other = &stop;
    a.keep = b.keep = stop.keep = true;
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    threads[0] = g_thread_new("churn", churn_thread, &a);
    threads[1] = g_thread_new("churn", churn_thread, &b);
    TEST_POLL_UNTIL(ctx, stop.runs > 0);
    g_thread_join(threads[0]);
    g_thread_join(threads[1]);
    source_done(&a);
    source_done(&b);
    source_done(&stop);
    test_context_free(ctx);
}

#define MANY 200

static void test_many(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source *src;

    if (!ctx) {
        return;
    }
    src = sources_new(ctx, MANY);
    check_idle(ctx);
    for (int i = 0; i < MANY; i++) {
        event_notifier_set(&src[i].e);
    }
    test_poll_idle(ctx);
    for (int i = 0; i < MANY; i++) {
        g_assert_cmpint(src[i].runs, ==, 1);
    }
    for (int i = 0; i < MANY; i += 7) {
        event_notifier_set(&src[i].e);
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(src[i].runs, ==, 2);
    }
    check_ppoll_calls(kind);

    /* Half of them go, and the others stay. */
    for (int i = 0; i < MANY; i += 2) {
        source_unwatch(&src[i]);
        event_notifier_set(&src[i].e);
    }
    check_idle(ctx);
    event_notifier_set(&src[1].e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(src[1].runs, ==, 2);
    sources_free(src, MANY);
    test_context_free(ctx);
}

/* Never too short, and at its best no longer than it should be: milliseconds are too coarse. */
static void test_timeout(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    int64_t timeouts[] = { 300 * 1000, 2300 * 1000 };

    if (!ctx) {
        return;
    }
    g_assert_cmpint(time_wait(ctx, 1001 * SCALE_MS), >=, 1001 * SCALE_MS);
    for (unsigned i = 0; i < ARRAY_SIZE(timeouts); i++) {
        int64_t best = INT64_MAX;

        for (int n = 0; n < 30; n++) {
            int64_t took = time_wait(ctx, timeouts[i]);

            g_assert_cmpint(took, >=, timeouts[i]);
            best = MIN(best, took);
        }
        if (!test_is_watched()) {
            g_assert_cmpint(best, <, timeouts[i] + 500 * 1000);
        }
    }
    test_context_free(ctx);
}

static void test_external(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source internal, external;

    if (!ctx) {
        return;
    }
    source_init(&internal, ctx, NULL);
    source_init(&external, ctx, NULL);
    source_watch(&external, true);
    check_idle(ctx);
    event_notifier_set(&external.e);
    aio_disable_external(ctx);
    check_idle(ctx);

    /* It neither runs nor keeps the loop awake. */
    g_assert_cmpint(time_wait(ctx, 5 * 1000 * 1000), >=, 5 * 1000 * 1000);
    event_notifier_set(&internal.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(internal.runs, ==, 1);
    g_assert_cmpint(external.runs, ==, 0);

    aio_enable_external(ctx);
    poll_runs(&external, 1);
    g_assert_cmpint(internal.runs, ==, 1);
    check_idle(ctx);
    source_done(&internal);
    source_done(&external);
    test_context_free(ctx);
}

static gpointer bh_late_thread(gpointer opaque)
{
    void **args = opaque;

    g_usleep(LATE_US);
    aio_bh_schedule_oneshot(args[0], count, args[1]);
    return NULL;
}

static void test_notify(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    int runs = 0;
    void *args[] = { ctx, &runs };

    if (!ctx) {
        return;
    }
    for (int i = 1; i <= 3; i++) {
        GThread *thread = g_thread_new("notify", bh_late_thread, args);

        TEST_POLL_UNTIL(ctx, runs == i);
        g_thread_join(thread);
        check_idle(ctx);
    }
    test_context_free(ctx);
}

#define ROUNDS 5000

typedef struct PingPong {
    AioContext *ctx;
    int received;
} PingPong;

/* Each round waits for the last to arrive: with one wake-up lost both sides wait for ever. */
static gpointer ping_thread(gpointer opaque)
{
    PingPong *pp = opaque;

    for (int i = 0; i < ROUNDS; i++) {
        while (qatomic_read(&pp->received) != i) {
            g_thread_yield();
        }
        for (volatile int spin = i % 200; spin > 0; spin--) {
            /* come at another moment each time */
        }
        aio_bh_schedule_oneshot(pp->ctx, count, &pp->received);
    }
    return NULL;
}

static void test_no_wake_up_is_lost(gconstpointer kind)
{
    PingPong pp = { .ctx = context_new(kind) };
    GThread *thread;

    if (!pp.ctx) {
        return;
    }
    thread = g_thread_new("ping", ping_thread, &pp);
    TEST_POLL_UNTIL(pp.ctx, qatomic_read(&pp.received) == ROUNDS);
    g_thread_join(thread);
    test_context_free(pp.ctx);
}

static int signals;

static void count_signal(int sig G_GNUC_UNUSED)
{
    signals++;
}

static void test_signal(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    struct sigaction action = { .sa_handler = count_signal }, before;
    /* Again and again, should the first come before the sleep. */
    struct itimerval timer = { .it_value.tv_usec = LATE_US, .it_interval.tv_usec = LATE_US };
    Source src;

    if (!ctx) {
        return;
    }
    check_idle(ctx);
    source_init(&src, ctx, NULL);
    signals = 0;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &timer, NULL);
    g_assert_false(aio_poll(ctx, true)); /* with something to be armed */
    g_assert_cmpint(signals, ==, 1);
    g_assert_false(aio_poll(ctx, true)); /* and without */
    g_assert_cmpint(signals, ==, 2);
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    sigaction(SIGALRM, &before, NULL);

    event_notifier_set(&src.e);
    poll_runs(&src, 1);
    source_done(&src);
    test_context_free(ctx);
}

static void await_other(Source *src)
{
    TEST_POLL_UNTIL(src->ctx, src->other->runs > 0);
}

/* Both are ready in the outer turn; the nested one serves the second, and it is served once. */
static void test_nested(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    Source a, b;

    if (!ctx) {
        return;
    }
    source_init(&a, ctx, await_other);
    source_init(&b, ctx, await_other);
    a.other = &b;
    b.other = &a;
    check_idle(ctx);
    event_notifier_set(&a.e);
    event_notifier_set(&b.e);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.runs, ==, 1);
    g_assert_cmpint(b.runs, ==, 1);
    check_idle(ctx);
    source_done(&a);
    source_done(&b);
    test_context_free(ctx);
}

/* A file can be read at any time: ppoll says so, and epoll does not take it. */
static void test_regular_file(gconstpointer kind)
{
    AioContext *ctx = context_new(kind);
    int fd, reads = 0;

    if (!ctx) {
        return;
    }
    fd = test_file_new(g_get_tmp_dir(), 0, 1);
    aio_set_fd_handler(ctx, fd, false, count, NULL, NULL, NULL, &reads);
    for (int i = 1; i <= 3; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(reads, ==, i);
    }
    aio_set_fd_handler(ctx, fd, false, NULL, NULL, NULL, NULL, NULL);
    check_idle(ctx);
    close(fd);
    test_context_free(ctx);
}

/* ---- epoll ----------------------------------------------------------------------------------- */

static bool uses_epoll(AioContext *ctx)
{
    epoll_calls = 0;
    g_assert_false(aio_poll(ctx, false));
    return epoll_calls > 0;
}

static void test_upgrade_at_64(void)
{
    AioContext *ctx = test_context_new();
    /* The context's own notifier is the 64th. */
    Source *src = sources_new(ctx, 63);

    source_unwatch(&src[62]);
    g_assert_false(uses_epoll(ctx));
    source_watch(&src[62], false);
    g_assert_true(uses_epoll(ctx)); /* adds them all */
    g_assert_true(uses_epoll(ctx));

    /* There is no way back for want of descriptors. */
    for (int i = 0; i < 60; i++) {
        source_unwatch(&src[i]);
    }
    g_assert_true(uses_epoll(ctx));
    event_notifier_set(&src[61].e);
    poll_runs(&src[61], 1);
    sources_free(src, 63);
    test_context_free(ctx);
}

static void test_external_disabled_keeps_epoll(void)
{
    AioContext *ctx = test_context_new();
    Source *src = sources_new(ctx, 100);

    aio_disable_external(ctx);
    g_assert_false(uses_epoll(ctx)); /* not the time to begin with it */
    aio_enable_external(ctx);
    g_assert_true(uses_epoll(ctx));
    aio_disable_external(ctx);
    g_assert_false(uses_epoll(ctx));
    aio_enable_external(ctx);
    g_assert_true(uses_epoll(ctx));
    sources_free(src, 100);
    test_context_free(ctx);
}

static void check_epoll_was_given_up(AioContext *ctx, Source *src, int n)
{
    g_assert_false(uses_epoll(ctx));
    for (int i = 0; i < n; i++) {
        src[i].runs = 0;
        event_notifier_set(&src[i].e);
    }
    test_poll_idle(ctx);
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(src[i].runs, ==, 1);
    }
    g_assert_false(uses_epoll(ctx));
}

static void test_downgrade_for_good(void)
{
    AioContext *ctx = test_context_new();
    Source *src = sources_new(ctx, 100);
    int fd = test_file_new(g_get_tmp_dir(), 0, 1), reads = 0;

    g_assert_true(uses_epoll(ctx));
    aio_set_fd_handler(ctx, fd, false, count, NULL, NULL, NULL, &reads);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(reads, ==, 1);
    aio_set_fd_handler(ctx, fd, false, NULL, NULL, NULL, NULL, NULL);
    check_epoll_was_given_up(ctx, src, 100);
    close(fd);
    sources_free(src, 100);
    test_context_free(ctx);
}

/* The file is there before epoll would be taken up. */
static void test_no_upgrade_with_a_file(void)
{
    AioContext *ctx = test_context_new();
    Source *src = sources_new(ctx, 100);
    int fd = test_file_new(g_get_tmp_dir(), 0, 1), reads = 0;

    aio_set_fd_handler(ctx, fd, false, count, NULL, NULL, NULL, &reads);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(reads, ==, 1);
    aio_set_fd_handler(ctx, fd, false, NULL, NULL, NULL, NULL, NULL);
    check_epoll_was_given_up(ctx, src, 100);
    close(fd);
    sources_free(src, 100);
    test_context_free(ctx);
}

typedef struct LateFile {
    AioContext *ctx;
    int fd;
    int reads;
} LateFile;

static gpointer watch_file_late_thread(gpointer opaque)
{
    LateFile *file = opaque;

    g_usleep(LATE_US);
    aio_set_fd_handler(file->ctx, file->fd, false, count, NULL, NULL, NULL, &file->reads);
    return NULL;
}

/* Another thread's epoll_ctl fails while the home thread sleeps in epoll_wait. */
static void test_downgrade_while_asleep(void)
{
    AioContext *ctx = test_context_new();
    Source *src = sources_new(ctx, 100);
    LateFile file = { .ctx = ctx, .fd = test_file_new(g_get_tmp_dir(), 0, 1) };
    GThread *thread;

    g_assert_true(uses_epoll(ctx));
    thread = g_thread_new("file", watch_file_late_thread, &file);
    TEST_POLL_UNTIL(ctx, file.reads > 0);
    g_thread_join(thread);
    aio_set_fd_handler(ctx, file.fd, false, NULL, NULL, NULL, NULL, NULL);
    check_epoll_was_given_up(ctx, src, 100);
    close(file.fd);
    sources_free(src, 100);
    test_context_free(ctx);
}

/* System calls of a hundred turns that each find one handler ready among @idle others. */
static int calls_with_idle(int idle)
{
    AioContext *ctx = test_context_new();
    Source *src;
    int calls;

    g_assert_true(aio_context_set_fdmon(ctx, AIO_FDMON_EPOLL, &error_abort));
    src = sources_new(ctx, idle + 1);
    ppoll_calls = epoll_calls = 0;
    for (int i = 1; i <= 100; i++) {
        event_notifier_set(&src[0].e);
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(src[0].runs, ==, i);
    }
    calls = ppoll_calls + epoll_calls;
    sources_free(src, idle + 1);
    test_context_free(ctx);
    return calls;
}

static void test_idle_ones_cost_nothing(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 1100) {
        g_test_skip("the limit of open descriptors is below 1100");
        return;
    }
    limit.rlim_cur = MAX(limit.rlim_cur, 1100);
    setrlimit(RLIMIT_NOFILE, &limit);
    g_assert_cmpint(calls_with_idle(1), ==, 100);
    g_assert_cmpint(calls_with_idle(1000), ==, 100);
}

/* ---- choosing -------------------------------------------------------------------------------- */

static void test_explicit_choice(void)
{
    AioContext *ctx = test_context_new();
    Source *src;

    g_assert_true(aio_context_set_fdmon(ctx, AIO_FDMON_EPOLL, &error_abort));
    src = sources_new(ctx, 1);
    g_assert_true(uses_epoll(ctx));
    sources_free(src, 1);
    test_context_free(ctx);

    /* Asked for ppoll, however many there are. */
    ctx = test_context_new();
    g_assert_true(aio_context_set_fdmon(ctx, AIO_FDMON_POLL, &error_abort));
    src = sources_new(ctx, 100);
    g_assert_false(uses_epoll(ctx));
    sources_free(src, 100);
    test_context_free(ctx);
}

static void check_refusal(AioContext *ctx, AioFDMon fdmon, const char *text)
{
    const FDMonOps *before = ctx->fdmon_ops;
    Error *err = NULL;

    g_assert_false(aio_context_set_fdmon(ctx, fdmon, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), text));
    g_assert_null(strchr(error_get_pretty(err), '\n'));
    error_free(err);
    g_assert_true(ctx->fdmon_ops == before);
}

static void test_io_uring_refused(void)
{
    AioContext *ctx = test_context_new();
    Source *src;

#ifdef HAVE_LIBURING
    ring_refused = EPERM;
    check_refusal(ctx, AIO_FDMON_IO_URING, "io_uring_disabled");
    ring_refused = ENOSYS;
    check_refusal(ctx, AIO_FDMON_IO_URING, "kernel");
    ring_refused = 0;
#else
    check_refusal(ctx, AIO_FDMON_IO_URING, "this build has no io_uring");
#endif
    /* Nothing has changed: it is on auto. */
    src = sources_new(ctx, 100);
    g_assert_true(uses_epoll(ctx));
    sources_free(src, 100);
    test_context_free(ctx);
}

/* A handler that was there before, and that epoll does not take. */
static void test_epoll_refused(void)
{
    AioContext *ctx = test_context_new();
    int fd = test_file_new(g_get_tmp_dir(), 0, 1), reads = 0;
    Source src;

    aio_set_fd_handler(ctx, fd, false, count, NULL, NULL, NULL, &reads);
    check_refusal(ctx, AIO_FDMON_EPOLL, "epoll");
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(reads, ==, 1);
    aio_set_fd_handler(ctx, fd, false, NULL, NULL, NULL, NULL, NULL);
    g_assert_true(aio_context_set_fdmon(ctx, AIO_FDMON_EPOLL, &error_abort));
    close(fd);
    source_init(&src, ctx, NULL);
    g_assert_true(uses_epoll(ctx));
    source_done(&src);
    test_context_free(ctx);
}

/* ---- main ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*test)(gconstpointer kind);
} common_tests[] = {
    { "readable", test_readable },
    { "emptied-between-turns", test_emptied_between_turns },
    { "writable", test_writable },
    { "hang-up", test_hang_up },
    { "replaced", test_replaced },
    { "descriptor-reused", test_descriptor_reused },
    { "file-is-let-go", test_file_is_let_go },
    { "deleted-by-itself", test_deleted_by_itself },
    { "deleted-by-another", test_deleted_by_another },
    { "added-while-asleep", test_added_while_asleep },
    { "deleted-while-asleep", test_deleted_while_asleep },
    { "churn-in-threads", test_churn },
    { "two-hundred", test_many },
    { "timeout", test_timeout },
    { "external-left-out", test_external },
    { "notify-wakes", test_notify },
    { "no-wake-up-is-lost", test_no_wake_up_is_lost },
    { "signal-ends-a-turn", test_signal },
    { "nested", test_nested },
    { "regular-file", test_regular_file },
};

static void add_common_tests(const char *fdmon, AioFDMon kind)
{
    for (unsigned i = 0; i < ARRAY_SIZE(common_tests); i++) {
        g_autofree char *path = g_strdup_printf("/fdmon/%s/%s", fdmon, common_tests[i].name);

        g_test_add_data_func(path, GINT_TO_POINTER(kind), common_tests[i].test);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_common_tests("poll", AIO_FDMON_POLL);
    add_common_tests("epoll", AIO_FDMON_EPOLL);
    add_common_tests("io_uring", AIO_FDMON_IO_URING);
    g_test_add_func("/fdmon/epoll/upgrade-at-64", test_upgrade_at_64);
    g_test_add_func("/fdmon/epoll/external-disabled-keeps-it", test_external_disabled_keeps_epoll);
    g_test_add_func("/fdmon/epoll/downgrade-for-good", test_downgrade_for_good);
    g_test_add_func("/fdmon/epoll/no-upgrade-with-a-file", test_no_upgrade_with_a_file);
    g_test_add_func("/fdmon/epoll/downgrade-while-asleep", test_downgrade_while_asleep);
    g_test_add_func("/fdmon/epoll/idle-ones-cost-nothing", test_idle_ones_cost_nothing);
    g_test_add_func("/fdmon/choice/explicit", test_explicit_choice);
    g_test_add_func("/fdmon/choice/io_uring-refused", test_io_uring_refused);
    g_test_add_func("/fdmon/choice/epoll-refused", test_epoll_refused);
    return g_test_run();
}
