/* IOThread: its start, its end, both in any order, and what is left when it cannot start.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=pthread_create, to refuse threads.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include "base/atomic.h"
#include "loop/aio-wait.h"
#include "loop/iothread.h"
#include "util.h"

static bool refuse_threads;

typedef void *ThreadFunc(void *);

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, ThreadFunc *func, void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, ThreadFunc *func, void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, ThreadFunc *func, void *arg)
{
    return refuse_threads ? EAGAIN : __real_pthread_create(t, attr, func, arg);
}

static unsigned open_files(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void count_bh(void *opaque)
{
    ++*(int *)opaque;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void test_create_and_destroy(void)
{
    unsigned files = open_files();
    IOThread *iothread = iothread_create("a", &error_abort);

    g_assert_nonnull(iothread_get_aio_context(iothread));
    iothread_destroy(iothread);
    g_assert_cmpuint(open_files(), ==, files);
    iothread_destroy(NULL);
}

static void test_new_and_join(void)
{
    unsigned files = open_files();
    IOThread *iothreads[10];

    for (int i = 0; i < 10; i++) {
        iothreads[i] = iothread_new();
    }
    for (int i = 0; i < 10; i++) {
        iothread_join(iothreads[i]);
    }
    g_assert_cmpuint(open_files(), ==, files);
}

static void test_any_order(void)
{
    IOThread *iothread = iothread_new();
    AioContext *ctx = iothread_get_aio_context(iothread);
    int ran = 0;

    g_assert_true(iothread_run(iothread, &error_abort)); /* it runs already */
    iothread_stop(iothread);
    iothread_stop(iothread);
    for (int i = 1; i <= 20; i++) {
        g_assert_true(iothread_run(iothread, &error_abort));
        g_assert_true(iothread_run(iothread, &error_abort));
        aio_bh_schedule_oneshot(ctx, count_bh, &ran);
        iothread_stop(iothread);
        g_assert_cmpint(ran, ==, i);
        iothread_stop(iothread);
    }
    g_assert_true(iothread_get_aio_context(iothread) == ctx);
    iothread_destroy(iothread);
}

/* Without a turn in between: the thread may not have begun when it is told to end. */
static void test_stop_at_once(void)
{
    for (int i = 0; i < 200; i++) {
        iothread_join(iothread_new());
    }
}

static void coroutine_fn count_entry(void *opaque)
{
    count_bh(opaque);
}

static void test_stop_serves_what_came_before(void)
{
    IOThread *iothread = iothread_new();
    AioContext *ctx = iothread_get_aio_context(iothread);
    int ran = 0;

    for (int i = 0; i < 100; i++) {
        aio_bh_schedule_oneshot(ctx, count_bh, &ran);
        aio_co_schedule(ctx, qemu_coroutine_create(count_entry, &ran));
    }
    iothread_stop(iothread);
    g_assert_cmpint(ran, ==, 200);
    iothread_destroy(iothread);
}

static void test_stopped_keeps_what_comes(void)
{
    IOThread *iothread = iothread_new();
    int ran = 0;

    iothread_stop(iothread);
    aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), count_bh, &ran);
    g_assert_cmpint(ran, ==, 0);
    iothread_run(iothread, &error_abort);
    iothread_stop(iothread);
    g_assert_cmpint(ran, ==, 1);
    iothread_destroy(iothread);
}

static void test_context_may_outlive_it(void)
{
    IOThread *iothread = iothread_new();
    AioContext *ctx = iothread_get_aio_context(iothread);
    int ran = 0;

    aio_context_ref(ctx);
    iothread_destroy(iothread);
    qemu_set_current_aio_context(ctx);
    aio_bh_schedule_oneshot(ctx, count_bh, &ran);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(ran, ==, 1);
    test_context_free(ctx);
}

static void stop_self_bh(void *opaque)
{
    iothread_stop(opaque);
}

static void test_stop_from_inside_aborts(void)
{
    if (g_test_subprocess()) {
        IOThread *iothread = iothread_new();

        aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), stop_self_bh, iothread);
        iothread_stop(iothread);
        return;
    }
    test_child_aborts("*in_aio_context_home_thread*");
}

/* ---- when it cannot start -------------------------------------------------------------------- */

static void test_no_thread_to_be_had(void)
{
    unsigned files = open_files();
    Error *err = NULL;

    refuse_threads = true;
    g_assert_null(iothread_create("disk7", &err));
    refuse_threads = false;
    g_assert_true(g_str_has_prefix(error_get_pretty(err),
                                   "cannot start the thread of IOThread 'disk7' (the limits"));
    error_free(err);
    g_assert_cmpuint(open_files(), ==, files);
}

static void test_no_thread_to_run_again(void)
{
    IOThread *iothread = iothread_new();
    Error *err = NULL;
    int ran = 0;

    iothread_stop(iothread);
    refuse_threads = true;
    g_assert_false(iothread_run(iothread, &err));
    refuse_threads = false;
    error_free(err);
    iothread_stop(iothread); /* still stopped */
    g_assert_true(iothread_run(iothread, &error_abort));
    aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), count_bh, &ran);
    iothread_destroy(iothread);
    g_assert_cmpint(ran, ==, 1);
}

static void test_no_descriptor_to_be_had(void)
{
    unsigned files = open_files();
    struct rlimit before, none;
    Error *err = NULL;
    IOThread *iothread;

    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    iothread = iothread_create("a", &err);
    setrlimit(RLIMIT_NOFILE, &before);

    g_assert_null(iothread);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "cannot make the event loop's notifier: Too many open files");
    error_free(err);
    g_assert_cmpuint(open_files(), ==, files);
}

/* ---- the thread ------------------------------------------------------------------------------ */

typedef struct Look {
    AioContext *ctx;
    pthread_t thread;
    char name[16];
    int blocked; /* signals */
} Look;

static void look_bh(void *opaque)
{
    Look *look = opaque;
    sigset_t set;

    look->ctx = qemu_get_current_aio_context();
    look->thread = pthread_self();
    pthread_getname_np(look->thread, look->name, sizeof(look->name));
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    look->blocked = sigismember(&set, SIGINT) && sigismember(&set, SIGTERM);
}

static Look look_inside(IOThread *iothread)
{
    Look look = { 0 };

    aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), look_bh, &look);
    iothread_stop(iothread);
    return look;
}

static void test_thread(void)
{
    IOThread *iothread = iothread_create("disk7", &error_abort);
    Look look = look_inside(iothread);

    g_assert_true(look.ctx == iothread_get_aio_context(iothread));
    g_assert_false(pthread_equal(look.thread, pthread_self()));
    g_assert_cmpstr(look.name, ==, "IO disk7");
    g_assert_true(look.blocked);
    iothread_destroy(iothread);
}

static void test_long_name_is_cut(void)
{
    IOThread *iothread = iothread_create("a-name-beyond-measure", &error_abort);

    g_assert_cmpstr(look_inside(iothread).name, ==, "IO a-name-beyon");
    iothread_destroy(iothread);
}

/* ---- processor time -------------------------------------------------------------------------- */

static int64_t thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

#define BURN_NS (20 * 1000 * 1000)

static void burn_bh(void *opaque G_GNUC_UNUSED)
{
    int64_t end = thread_cpu_ns() + BURN_NS;

    while (thread_cpu_ns() < end) {
        /* burn */
    }
}

static void burn(IOThread *iothread)
{
    AioContext *ctx = iothread_get_aio_context(iothread);

    aio_context_acquire(ctx);
    aio_wait_bh_oneshot(ctx, burn_bh, NULL);
    aio_context_release(ctx);
}

static void test_cpu_time(void)
{
    AioContext *own = test_context_new();
    IOThread *iothread = iothread_create("a", &error_abort);
    int64_t running, stopped;

    g_assert_cmpint(iothread_get_cpu_ns(iothread), <, BURN_NS);
    burn(iothread);
    running = iothread_get_cpu_ns(iothread);
    g_assert_cmpint(running, >=, BURN_NS);
    iothread_stop(iothread);
    stopped = iothread_get_cpu_ns(iothread);
    g_assert_cmpint(stopped, >=, running);
    g_assert_cmpint(iothread_get_cpu_ns(iothread), ==, stopped);

    iothread_run(iothread, &error_abort); /* another thread: goes on from there */
    burn(iothread);
    g_assert_cmpint(iothread_get_cpu_ns(iothread), >=, stopped + BURN_NS);
    iothread_stop(iothread);
    g_assert_cmpint(iothread_get_cpu_ns(iothread), >=, stopped + BURN_NS);
    iothread_destroy(iothread);
    test_context_free(own);
}

/* ---- polling --------------------------------------------------------------------------------- */

typedef struct Device {
    EventNotifier e;
    int asked;     /* atomic */
    bool answered; /* atomic */
} Device;

static bool device_poll(void *opaque)
{
    Device *dev = container_of((EventNotifier *)opaque, Device, e);

    qatomic_inc(&dev->asked);
    return false;
}

static void device_ready(EventNotifier *e)
{
    Device *dev = container_of(e, Device, e);

    event_notifier_test_and_clear(e);
    qatomic_store_release(&dev->answered, true);
}

/* How often the handler is asked between two events 2 ms apart. */
static int asked_per_event(IOThread *iothread)
{
    Device dev = { .asked = 0 };
    AioContext *ctx = iothread_get_aio_context(iothread);
    int asked = 0;

    event_notifier_init(&dev.e, false);
    aio_set_event_notifier(ctx, &dev.e, false, device_ready, device_poll, device_ready);
    for (int i = 0; i < 20; i++) {
        qatomic_set(&dev.answered, false);
        event_notifier_set(&dev.e);
        while (!qatomic_load_acquire(&dev.answered)) {
            g_usleep(2000);
        }
    }
    asked = qatomic_read(&dev.asked);
    iothread_stop(iothread);
    aio_set_event_notifier(ctx, &dev.e, false, NULL, NULL, NULL);
    event_notifier_cleanup(&dev.e);
    return asked / 20;
}

static void test_polls_if_told_so(void)
{
    IOThread *quiet = iothread_new();
    IOThread *busy = iothread_new();
    int seldom, often;

    aio_context_set_poll_params(iothread_get_aio_context(busy), 1000 * 1000 * 1000, 0, 0,
                                &error_abort);
    seldom = asked_per_event(quiet);
    often = asked_per_event(busy);
    g_assert_cmpint(seldom, <, 10);
    g_assert_cmpint(often, >, seldom);
    iothread_destroy(quiet);
    iothread_destroy(busy);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iothread/create-and-destroy", test_create_and_destroy);
    g_test_add_func("/iothread/new-and-join", test_new_and_join);
    g_test_add_func("/iothread/any-order", test_any_order);
    g_test_add_func("/iothread/stop/at-once", test_stop_at_once);
    g_test_add_func("/iothread/stop/serves-what-came-before", test_stop_serves_what_came_before);
    g_test_add_func("/iothread/stop/keeps-what-comes", test_stopped_keeps_what_comes);
    g_test_add_func("/iothread/stop/from-inside-aborts", test_stop_from_inside_aborts);
    g_test_add_func("/iothread/context-may-outlive-it", test_context_may_outlive_it);
    g_test_add_func("/iothread/fails/no-thread", test_no_thread_to_be_had);
    g_test_add_func("/iothread/fails/no-thread-again", test_no_thread_to_run_again);
    g_test_add_func("/iothread/fails/no-descriptor", test_no_descriptor_to_be_had);
    g_test_add_func("/iothread/thread/name-context-signals", test_thread);
    g_test_add_func("/iothread/thread/long-name", test_long_name_is_cut);
    g_test_add_func("/iothread/cpu-time", test_cpu_time);
    g_test_add_func("/iothread/polls-if-told-so", test_polls_if_told_so);
    return g_test_run();
}
