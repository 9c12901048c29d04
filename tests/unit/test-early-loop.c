/* The loop before AioContext: who is waited for, in what order things run, and what callbacks may
 * do to the loop that calls them. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=select, to count its calls and to interrupt it.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/select.h>
#include "loop/early-loop.h"
#include "util.h"

static struct {
    int calls;
    int interrupts; /* so many of the next calls are -EINTR */
} selects;

int __real_select(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout);
int __wrap_select(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout);

int __wrap_select(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
    __atomic_fetch_add(&selects.calls, 1, __ATOMIC_RELAXED);
    if (selects.interrupts > 0) {
        selects.interrupts--;
        errno = EINTR;
        return -1;
    }
    return __real_select(nfds, r, w, e, timeout);
}

/* ---- a handler of a test -------------------------------------------------------------------- */

typedef struct Node {
    EarlyLoop *loop;
    EventNotifier e;
    unsigned busy;  /* io_flush says so while this is not 0 */
    unsigned queue; /* so often has io_process_queue something to do */
    unsigned reads, writes, flushes;
    void (*in_read)(struct Node *n);
    struct Node *other;
} Node;

static int node_fd(Node *n)
{
    return event_notifier_get_fd(&n->e);
}

static void node_read(void *opaque)
{
    Node *n = opaque;

    n->reads++;
    event_notifier_test_and_clear(&n->e);
    n->busy -= n->busy > 0;
    if (n->in_read) {
        n->in_read(n);
    }
}

static void node_write(void *opaque)
{
    Node *n = opaque;

    n->writes++;
    n->busy -= n->busy > 0;
}

static bool node_flush(void *opaque)
{
    Node *n = opaque;

    n->flushes++;
    return n->busy > 0;
}

static bool node_process_queue(void *opaque)
{
    Node *n = opaque;

    return n->queue > 0 && n->queue--;
}

static void node_watch(Node *n, IOHandler *io_read, IOHandler *io_write, AioFlushHandler *io_flush)
{
    g_assert_true(qemu_aio_set_fd_handler(n->loop, node_fd(n), io_read, io_write, io_flush,
                                          node_process_queue, n, &error_abort));
}

static void node_unwatch(Node *n)
{
    g_assert_true(
        qemu_aio_set_fd_handler(n->loop, node_fd(n), NULL, NULL, NULL, NULL, NULL, &error_abort));
}

/* One that is busy and whose descriptor is readable. */
static void node_init(Node *n, EarlyLoop *loop)
{
    *n = (Node){ .loop = loop, .busy = 1 };
    g_assert_cmpint(event_notifier_init(&n->e, true), ==, 0);
    node_watch(n, node_read, NULL, node_flush);
}

static void node_cleanup(Node *n)
{
    node_unwatch(n);
    event_notifier_cleanup(&n->e);
}

static EarlyLoop *loop_new(void)
{
    memset(&selects, 0, sizeof(selects));
    return early_loop_new();
}

/* ---- who is waited for ---------------------------------------------------------------------- */

static void test_wait_nobody(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    qemu_aio_wait(loop);
    qemu_aio_flush(loop);
    node_init(&n, loop);
    n.busy = 0;
    qemu_aio_wait(loop);
    qemu_aio_flush(loop);
    g_assert_cmpuint(n.reads, ==, 0);
    g_assert_cmpint(selects.calls, ==, 0);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void test_wait_busy_only(void)
{
    EarlyLoop *loop = loop_new();
    Node busy, idle;

    node_init(&busy, loop);
    node_init(&idle, loop);
    idle.busy = 0;
    qemu_aio_wait(loop);
    g_assert_cmpuint(busy.reads, ==, 1);
    g_assert_cmpuint(idle.reads, ==, 0);
    g_assert_cmpint(selects.calls, ==, 1);
    node_cleanup(&busy);
    node_cleanup(&idle);
    early_loop_free(loop);
}

static void test_wait_without_flush(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    node_watch(&n, node_read, NULL, NULL);
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    qemu_aio_flush(loop); /* would never return if it waited for this one */
    g_assert_cmpint(selects.calls, ==, 1);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void test_wait_write(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    node_watch(&n, node_read, node_write, node_flush);
    n.busy = 2;
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    g_assert_cmpuint(n.writes, ==, 1);
    node_watch(&n, NULL, node_write, node_flush);
    n.busy = 1;
    event_notifier_set(&n.e);
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    g_assert_cmpuint(n.writes, ==, 2);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void test_wait_eintr(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    selects.interrupts = 3;
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    g_assert_cmpint(selects.calls, ==, 4);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void test_look(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    event_notifier_test_and_clear(&n.e);
    early_loop_look(loop); /* would sleep for ever */
    g_assert_cmpuint(n.reads, ==, 0);
    event_notifier_set(&n.e);
    early_loop_look(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    g_assert_cmpint(selects.calls, ==, 2);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void *set_after_a_while(void *opaque)
{
    Node *n = opaque;

    g_usleep(30 * 1000);
    event_notifier_set(&n->e);
    return NULL;
}

static void test_wait_sleeps(void)
{
    EarlyLoop *loop = loop_new();
    pthread_t thread;
    Node n;

    node_init(&n, loop);
    event_notifier_test_and_clear(&n.e);
    pthread_create(&thread, NULL, set_after_a_while, &n);
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    g_assert_cmpint(selects.calls, ==, 1);
    pthread_join(thread, NULL);
    node_cleanup(&n);
    early_loop_free(loop);
}

/* ---- setting handlers ----------------------------------------------------------------------- */

static void other_read(void *opaque)
{
    Node *n = opaque;

    n->reads += 100;
    n->busy = 0;
}

static void test_replace(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    node_watch(&n, other_read, NULL, node_flush);
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 100);
    node_unwatch(&n);
    node_unwatch(&n); /* of none is no harm */
    n.busy = 1;
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 100);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void test_fd_setsize(void)
{
    static const int bad[] = { -1, FD_SETSIZE, FD_SETSIZE + 1, INT_MAX };
    EarlyLoop *loop = loop_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        Error *err = NULL;

        g_assert_false(
            qemu_aio_set_fd_handler(loop, bad[i], node_read, NULL, NULL, NULL, NULL, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), "select()"));
        error_free(err);
    }
    qemu_aio_wait(loop); /* none was taken: nobody to wait for */
    g_assert_cmpint(selects.calls, ==, 0);
    early_loop_free(loop);
}

/* The last descriptor that select() takes is served like others. */
static void test_fd_highest(void)
{
    EarlyLoop *loop = loop_new();
    struct rlimit limit;
    Node n;
    int fd;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < FD_SETSIZE) {
        g_test_skip("ulimit -n is below FD_SETSIZE");
        early_loop_free(loop);
        return;
    }
    node_init(&n, loop);
    node_unwatch(&n);
    fd = dup2(node_fd(&n), FD_SETSIZE - 1);
    g_assert_cmpint(fd, ==, FD_SETSIZE - 1);
    qemu_aio_set_fd_handler(loop, fd, node_read, NULL, node_flush, NULL, &n, &error_abort);
    qemu_aio_flush(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    qemu_aio_set_fd_handler(loop, fd, NULL, NULL, NULL, NULL, NULL, &error_abort);
    close(fd);
    node_cleanup(&n);
    early_loop_free(loop);
}

/* ---- what callbacks do to the loop ---------------------------------------------------------- */

static void delete_me(Node *n)
{
    node_unwatch(n);
}

static void delete_other(Node *n)
{
    node_unwatch(n->other);
}

static void test_delete_in_own_callback(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    n.in_read = delete_me;
    n.busy = 2;
    qemu_aio_wait(loop);
    event_notifier_set(&n.e);
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    node_cleanup(&n);
    early_loop_free(loop);
}

/* Both are ready, and whoever comes first takes the other away. */
static void test_delete_other_ready(void)
{
    EarlyLoop *loop = loop_new();
    Node a, b;

    node_init(&a, loop);
    node_init(&b, loop);
    a.other = &b;
    b.other = &a;
    a.in_read = b.in_read = delete_other;
    qemu_aio_wait(loop);
    g_assert_cmpuint(a.reads + b.reads, ==, 1);
    g_assert_cmpint(selects.calls, ==, 1);
    node_cleanup(&a);
    node_cleanup(&b);
    early_loop_free(loop);
}

static void delete_other_and_turn(Node *n)
{
    node_unwatch(n->other);
    node_unwatch(n);
    n->in_read = NULL;
    qemu_aio_wait(n->loop);
    early_bh_poll(n->loop);
}

/* An inner walk ends while the outer one stands on what was deleted: the outer one frees it. The
 * third node is what the inner turn finds. */
static void test_delete_nested(void)
{
    EarlyLoop *loop = loop_new();
    Node nodes[3];

    for (int i = 0; i < 3; i++) {
        node_init(&nodes[i], loop);
    }
    for (int i = 0; i < 3; i++) {
        nodes[i].other = &nodes[(i + 1) % 3];
        nodes[i].in_read = delete_other_and_turn;
    }
    qemu_aio_wait(loop);
    /* The first deletes its other and itself, and the inner turn serves the third, which deletes
     * the first (gone already) and itself, and finds nobody. */
    g_assert_cmpuint(nodes[0].reads + nodes[1].reads + nodes[2].reads, ==, 2);
    for (int i = 0; i < 3; i++) {
        node_cleanup(&nodes[i]);
    }
    early_loop_free(loop);
}

static void set_anew(Node *n)
{
    node_unwatch(n);
    node_watch(n, other_read, NULL, node_flush);
    n->busy = 1;
    event_notifier_set(&n->e);
}

static void test_delete_and_set_in_callback(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    n.in_read = set_anew;
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 1);
    qemu_aio_wait(loop);
    g_assert_cmpuint(n.reads, ==, 101);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void wait_for_other(Node *n)
{
    qemu_aio_flush(n->loop);
    g_assert_cmpuint(n->other->reads, ==, 1);
}

static void test_flush_in_callback(void)
{
    EarlyLoop *loop = loop_new();
    Node a, b;

    node_init(&a, loop);
    node_init(&b, loop);
    b.other = &a; /* set last, walked first */
    b.in_read = wait_for_other;
    qemu_aio_wait(loop);
    g_assert_cmpuint(b.reads, ==, 1);
    node_cleanup(&a);
    node_cleanup(&b);
    early_loop_free(loop);
}

/* ---- bottom halves and queues --------------------------------------------------------------- */

typedef struct Half {
    EarlyBH *bh;
    unsigned runs, more;
    bool delete;
} Half;

static void half_cb(void *opaque)
{
    Half *h = opaque;

    h->runs++;
    if (h->delete) {
        early_bh_delete(h->bh);
    } else if (h->more > 0) {
        h->more--;
        early_bh_schedule(h->bh);
    }
}

static void half_init(Half *h, EarlyLoop *loop)
{
    *h = (Half){ .bh = early_bh_new(loop, half_cb, h) };
}

static void test_bh_first(void)
{
    EarlyLoop *loop = loop_new();
    Half h;
    Node n;

    half_init(&h, loop);
    node_init(&n, loop);
    n.queue = 1;
    early_bh_schedule(h.bh);
    early_bh_schedule(h.bh);
    qemu_aio_wait(loop);
    g_assert_cmpuint(h.runs, ==, 1);
    g_assert_cmpuint(n.queue, ==, 1);
    g_assert_cmpint(selects.calls, ==, 0);

    qemu_aio_wait(loop); /* now the queue */
    g_assert_cmpuint(n.queue, ==, 0);
    g_assert_cmpint(selects.calls, ==, 0);

    qemu_aio_wait(loop); /* and now the descriptor */
    g_assert_cmpuint(h.runs, ==, 1);
    g_assert_cmpuint(n.reads, ==, 1);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void test_bh_cancel_delete(void)
{
    EarlyLoop *loop = loop_new();
    Half cancelled, deleted, deletes_itself;

    half_init(&cancelled, loop);
    half_init(&deleted, loop);
    half_init(&deletes_itself, loop);
    deletes_itself.delete = true;
    early_bh_schedule(cancelled.bh);
    early_bh_schedule(deleted.bh);
    early_bh_schedule(deletes_itself.bh);
    early_bh_cancel(cancelled.bh);
    early_bh_delete(deleted.bh);
    g_assert_true(early_bh_poll(loop));
    g_assert_false(early_bh_poll(loop));
    g_assert_cmpuint(cancelled.runs, ==, 0);
    g_assert_cmpuint(deleted.runs, ==, 0);
    g_assert_cmpuint(deletes_itself.runs, ==, 1);
    early_bh_schedule(cancelled.bh);
    g_assert_true(early_bh_poll(loop));
    g_assert_cmpuint(cancelled.runs, ==, 1);
    early_loop_free(loop);
}

static void test_flush(void)
{
    EarlyLoop *loop = loop_new();
    Half h;
    Node n;

    half_init(&h, loop);
    node_init(&n, loop);
    h.more = 4;
    n.queue = 3;
    early_bh_schedule(h.bh);
    qemu_aio_flush(loop);
    g_assert_cmpuint(h.runs, ==, 5);
    g_assert_cmpuint(n.queue, ==, 0);
    g_assert_cmpuint(n.reads, ==, 1);
    g_assert_cmpuint(n.busy, ==, 0);
    node_cleanup(&n);
    early_loop_free(loop);
}

static void keep_going(Node *n)
{
    if (n->reads < 10) {
        n->busy = 1;
        event_notifier_set(&n->e);
    }
}

static void test_flush_until_nobody_is_busy(void)
{
    EarlyLoop *loop = loop_new();
    Node n;

    node_init(&n, loop);
    n.in_read = keep_going;
    qemu_aio_flush(loop);
    g_assert_cmpuint(n.reads, ==, 10);
    node_cleanup(&n);
    early_loop_free(loop);
}

/* ---- one per thread ------------------------------------------------------------------------- */

static void *run_loop(void *opaque)
{
    unsigned *turns = opaque;
    EarlyLoop *loop = early_loop_new();
    Node n;

    node_init(&n, loop);
    for (*turns = 0; *turns < 1000; ++*turns) {
        n.busy = 1;
        event_notifier_set(&n.e);
        qemu_aio_flush(loop);
        g_assert_cmpuint(n.reads, ==, *turns + 1);
    }
    node_cleanup(&n);
    early_loop_free(loop);
    return NULL;
}

static void test_loop_per_thread(void)
{
    pthread_t threads[4];
    unsigned turns[4];

    memset(&selects, 0, sizeof(selects));
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, run_loop, &turns[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        g_assert_cmpuint(turns[i], ==, 1000);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/early-loop/wait/nobody", test_wait_nobody);
    g_test_add_func("/early-loop/wait/busy-only", test_wait_busy_only);
    g_test_add_func("/early-loop/wait/without-flush", test_wait_without_flush);
    g_test_add_func("/early-loop/wait/write", test_wait_write);
    g_test_add_func("/early-loop/wait/eintr", test_wait_eintr);
    g_test_add_func("/early-loop/wait/sleeps", test_wait_sleeps);
    g_test_add_func("/early-loop/look", test_look);
    g_test_add_func("/early-loop/handler/replace", test_replace);
    g_test_add_func("/early-loop/handler/fd-setsize", test_fd_setsize);
    g_test_add_func("/early-loop/handler/fd-highest", test_fd_highest);
    g_test_add_func("/early-loop/callback/delete-me", test_delete_in_own_callback);
    g_test_add_func("/early-loop/callback/delete-other", test_delete_other_ready);
    g_test_add_func("/early-loop/callback/delete-nested", test_delete_nested);
    g_test_add_func("/early-loop/callback/delete-and-set", test_delete_and_set_in_callback);
    g_test_add_func("/early-loop/callback/flush", test_flush_in_callback);
    g_test_add_func("/early-loop/bh/first", test_bh_first);
    g_test_add_func("/early-loop/bh/cancel-delete", test_bh_cancel_delete);
    g_test_add_func("/early-loop/flush/all", test_flush);
    g_test_add_func("/early-loop/flush/until-idle", test_flush_until_nobody_is_busy);
    g_test_add_func("/early-loop/threads", test_loop_per_thread);
    return g_test_run();
}
