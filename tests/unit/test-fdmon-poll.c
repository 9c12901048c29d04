/* What ppoll(2) is asked to wait for, after every way in which that can change; and that it is not
 * put together again when nothing has changed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=ppoll_nocancel, which keeps the array of the last call.
 */
#include "base/osdep.h"
#include <poll.h>
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "util.h"

#define MAX_FDS 80

static struct pollfd asked[MAX_FDS];
static unsigned nasked;
static struct pollfd *array;
static bool asleep; /* atomic: about to call, or in ppoll without a timeout */

int __real_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);
int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);

int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts)
{
    int ret;

    g_assert_cmpint(n, <=, MAX_FDS);
    memcpy(asked, fds, n * sizeof(*fds));
    nasked = n;
    array = fds;
    qatomic_set(&asleep, !ts);
    ret = __real_ppoll_nocancel(fds, n, ts);
    qatomic_set(&asleep, false);
    return ret;
}

/* ---- what the tests share -------------------------------------------------------------------- */

/* A notifier whose handler lowers it, counts, and does what its test tells it on top. */
typedef struct Source {
    EventNotifier e;
    AioContext *ctx;
    int runs;
    void (*also)(struct Source *src);
    struct Source *other;
} Source;

static void source_read(EventNotifier *e)
{
    Source *src = container_of(e, Source, e);

    event_notifier_test_and_clear(e);
    src->runs++;
    if (src->also) {
        src->also(src);
    }
}

static void watch(Source *src)
{
    aio_set_event_notifier(src->ctx, &src->e, false, source_read, NULL, NULL);
}

static void unwatch(Source *src)
{
    aio_set_event_notifier(src->ctx, &src->e, false, NULL, NULL, NULL);
}

static void write_nop(void *opaque G_GNUC_UNUSED)
{
}

static void watch_for_writing(Source *src)
{
    aio_set_fd_handler(src->ctx, event_notifier_get_fd(&src->e), false, NULL, write_nop, NULL, NULL,
                       src);
}

/* What ppoll waits for on @src's descriptor: 0 if it does not. */
static int asked_events(const Source *src)
{
    int events = 0;

    for (unsigned i = 0; i < nasked; i++) {
        if (asked[i].fd == event_notifier_get_fd(&src->e)) {
            g_assert_cmpint(events, ==, 0); /* once */
            events = asked[i].events;
        }
    }
    return events;
}

/* The next wait is for @n descriptors, besides the context's own. What is ready stays so. */
static void check_next(AioContext *ctx, unsigned n)
{
    AioHandlerList ready_list = QLIST_HEAD_INITIALIZER(ready_list);
    AioHandler *node;

    nasked = 0;
    qemu_lockcnt_inc(&ctx->list_lock);
    ctx->fdmon_ops->wait(ctx, &ready_list, 0);
    while ((node = QLIST_FIRST(&ready_list))) {
        QLIST_REMOVE(node, node_ready);
        node->pfd.revents = 0;
    }
    qemu_lockcnt_dec(&ctx->list_lock);
    g_assert_cmpint(nasked, ==, n + 1);
}

/* A context and two sources that are not watched yet. */
typedef struct Fixture {
    AioContext *ctx;
    Source a, b;
} Fixture;

static void set_up(Fixture *f)
{
    *f = (Fixture){ .ctx = test_context_new() };
    f->a = (Source){ .ctx = f->ctx, .other = &f->b };
    f->b = (Source){ .ctx = f->ctx, .other = &f->a };
    g_assert_cmpint(event_notifier_init(&f->a.e, false), ==, 0);
    g_assert_cmpint(event_notifier_init(&f->b.e, false), ==, 0);
}

static void tear_down(Fixture *f)
{
    unwatch(&f->a);
    unwatch(&f->b);
    event_notifier_cleanup(&f->a.e);
    event_notifier_cleanup(&f->b.e);
    test_context_free(f->ctx);
}

/* Run @src's handler once. */
static void fire(Source *src)
{
    int runs = src->runs;

    event_notifier_set(&src->e);
    while (src->runs == runs) {
        g_assert_true(aio_poll(src->ctx, true));
    }
}

/* ---- it follows ------------------------------------------------------------------------------ */

static void test_follows_the_home_thread(void)
{
    Fixture f;

    set_up(&f);
    watch(&f.a);
    check_next(f.ctx, 1);
    g_assert_cmpint(asked_events(&f.a), ==, POLLIN | POLLHUP | POLLERR);
    watch(&f.b);
    check_next(f.ctx, 2);
    watch_for_writing(&f.a);
    check_next(f.ctx, 2);
    g_assert_cmpint(asked_events(&f.a), ==, POLLOUT | POLLERR);
    unwatch(&f.a);
    check_next(f.ctx, 1);
    g_assert_cmpint(asked_events(&f.a), ==, 0);
    unwatch(&f.b);
    watch(&f.a);
    check_next(f.ctx, 1);
    g_assert_cmpint(asked_events(&f.b), ==, 0);
    tear_down(&f);
}

static void watch_other(Source *src)
{
    watch(src->other);
}

static void unwatch_other(Source *src)
{
    unwatch(src->other);
}

static void write_other(Source *src)
{
    watch_for_writing(src->other);
}

static void test_follows_callbacks(void)
{
    Fixture f;

    set_up(&f);
    watch(&f.a);
    f.a.also = watch_other;
    fire(&f.a);
    check_next(f.ctx, 2);
    fire(&f.b);
    f.a.also = write_other;
    fire(&f.a);
    check_next(f.ctx, 2);
    g_assert_cmpint(asked_events(&f.b), ==, POLLOUT | POLLERR);
    f.a.also = unwatch_other;
    fire(&f.a);
    check_next(f.ctx, 1);
    f.a.also = unwatch;
    fire(&f.a);
    check_next(f.ctx, 0);
    tear_down(&f);
}

/* The inner turn waits for what the outer one's callback made of it, and leaves the array to the
 * next outer turn. */
static void change_and_nest(Source *src)
{
    src->also = NULL;
    watch(src->other);
    fire(src->other);
    g_assert_cmpint(nasked, ==, 3);
    unwatch(src->other);
    check_next(src->ctx, 1);
    watch(src->other);
}

static void test_follows_nested_polls(void)
{
    Fixture f;

    set_up(&f);
    watch(&f.a);
    f.a.also = change_and_nest;
    fire(&f.a);
    check_next(f.ctx, 2);
    fire(&f.b);
    fire(&f.a);

    /* Changed by a callback of the inner turn. */
    f.b.also = unwatch;
    f.a.also = change_and_nest;
    unwatch(&f.b);
    fire(&f.a);
    check_next(f.ctx, 2);
    tear_down(&f);
}

static gpointer watch_thread(gpointer opaque)
{
    watch(opaque);
    return NULL;
}

static gpointer unwatch_thread(gpointer opaque)
{
    unwatch(opaque);
    return NULL;
}

static void test_follows_other_threads(void)
{
    Fixture f;

    set_up(&f);
    watch(&f.a);
    check_next(f.ctx, 1);
    g_thread_join(g_thread_new("watch", watch_thread, &f.b));
    check_next(f.ctx, 2);
    fire(&f.b);
    g_thread_join(g_thread_new("unwatch", unwatch_thread, &f.b));
    check_next(f.ctx, 1);
    g_assert_cmpint(asked_events(&f.b), ==, 0);
    tear_down(&f);
}

static gpointer watch_a_sleeper(gpointer opaque)
{
    Source *src = opaque;

    while (!qatomic_read(&asleep)) {
        g_usleep(100);
    }
    watch(src);
    event_notifier_set(&src->e);
    return NULL;
}

static void test_follows_while_asleep(void)
{
    Fixture f;
    GThread *thread;

    set_up(&f);
    watch(&f.a);
    check_next(f.ctx, 1);
    thread = g_thread_new("watch", watch_a_sleeper, &f.b);
    TEST_POLL_UNTIL(f.ctx, f.b.runs == 1);
    g_assert_cmpint(nasked, ==, 3);
    g_thread_join(thread);
    tear_down(&f);
}

static void test_follows_external(void)
{
    Fixture f;

    set_up(&f);
    watch(&f.a);
    aio_set_event_notifier(f.ctx, &f.b.e, true, source_read, NULL, NULL);
    check_next(f.ctx, 2);
    aio_disable_external(f.ctx);
    check_next(f.ctx, 1);
    g_assert_cmpint(asked_events(&f.b), ==, 0);
    aio_disable_external(f.ctx);
    aio_enable_external(f.ctx);
    check_next(f.ctx, 1);
    aio_enable_external(f.ctx);
    check_next(f.ctx, 2);
    tear_down(&f);
}

/* Enough of them for epoll came while it could not be taken up. */
static void test_upgrade_is_made_up_for(void)
{
    AioContext *ctx = test_context_new();
    Source src[FDMON_EPOLL_THRESHOLD];

    aio_disable_external(ctx);
    for (int i = 0; i < FDMON_EPOLL_THRESHOLD; i++) {
        src[i] = (Source){ .ctx = ctx };
        g_assert_cmpint(event_notifier_init(&src[i].e, false), ==, 0);
        watch(&src[i]);
    }
    check_next(ctx, FDMON_EPOLL_THRESHOLD);
    g_assert_true(ctx->fdmon_ops == &fdmon_poll_ops);
    aio_enable_external(ctx);
    fire(&src[0]);
    g_assert_false(ctx->fdmon_ops == &fdmon_poll_ops);

    for (int i = 0; i < FDMON_EPOLL_THRESHOLD; i++) {
        unwatch(&src[i]);
        event_notifier_cleanup(&src[i].e);
    }
    test_context_free(ctx);
}

/* ---- it is kept ------------------------------------------------------------------------------ */

/* The array would lose our mark if it were filled again. */
static void test_kept_while_nothing_changes(void)
{
    Fixture f;
    int mark = 0;

    set_up(&f);
    watch(&f.a);
    watch(&f.b);
    check_next(f.ctx, 2);
    for (unsigned i = 0; i < nasked; i++) {
        if (array[i].fd == event_notifier_get_fd(&f.b.e)) {
            mark = array[i].events |= POLLPRI;
        }
    }
    f.a.also = NULL;
    for (int i = 0; i < 10; i++) {
        fire(&f.a);
        aio_notify(f.ctx);
        aio_poll(f.ctx, true);
        check_next(f.ctx, 2);
        g_assert_cmpint(asked_events(&f.b), ==, mark);
    }
    unwatch(&f.a);
    check_next(f.ctx, 1);
    g_assert_cmpint(asked_events(&f.b), !=, mark);
    tear_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdmon-poll/follows/home-thread", test_follows_the_home_thread);
    g_test_add_func("/fdmon-poll/follows/callbacks", test_follows_callbacks);
    g_test_add_func("/fdmon-poll/follows/nested-polls", test_follows_nested_polls);
    g_test_add_func("/fdmon-poll/follows/other-threads", test_follows_other_threads);
    g_test_add_func("/fdmon-poll/follows/while-asleep", test_follows_while_asleep);
    g_test_add_func("/fdmon-poll/follows/external", test_follows_external);
    g_test_add_func("/fdmon-poll/upgrade-is-made-up-for", test_upgrade_is_made_up_for);
    g_test_add_func("/fdmon-poll/kept-while-nothing-changes", test_kept_while_nothing_changes);
    return g_test_run();
}
