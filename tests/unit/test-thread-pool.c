/* The thread pool: results, cancelling, how many workers there are, and that they go.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=pthread_create, to refuse threads.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <signal.h>
#include "base/atomic.h"
#include "block/thread-pool.h"
#include "util.h"

static int threads_made;
static int threads_allowed = INT_MAX;

typedef void *ThreadFunc(void *);

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, ThreadFunc *func, void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, ThreadFunc *func, void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, ThreadFunc *func, void *arg)
{
    if (threads_made >= threads_allowed) {
        return EAGAIN;
    }
    threads_made++;
    return __real_pthread_create(t, attr, func, arg);
}

typedef struct Job {
    AioContext *ctx;
    ThreadPoolFunc *func;
    int arg;
    int ret;
    bool done;
    void (*then)(struct Job *job);
    struct Job *other;
} Job;

static int jobs_done;

static void coroutine_fn job_entry(void *opaque)
{
    Job *job = opaque;

    job->ret = thread_pool_submit_co(aio_get_thread_pool(job->ctx), job->func, job);
    g_assert_true(in_aio_context_home_thread(job->ctx));
    job->done = true;
    jobs_done++;
    if (job->then) {
        job->then(job);
    }
}

static void job_start(Job *job)
{
    aio_co_enter(job->ctx, qemu_coroutine_create(job_entry, job));
}

static AioContext *set_up(void)
{
    jobs_done = threads_made = 0;
    threads_allowed = INT_MAX;
    return test_context_new();
}

static int return_arg(void *opaque)
{
    Job *job = opaque;

    g_assert_false(in_aio_context_home_thread(job->ctx));
    return job->arg;
}

#define MANY 2000

static void test_each_gets_its_own_result(void)
{
    AioContext *ctx = set_up();
    Job *jobs = g_new0(Job, MANY);

    for (int i = 0; i < MANY; i++) {
        jobs[i] = (Job){ .ctx = ctx, .func = return_arg, .arg = i % 2 ? -i : i };
        job_start(&jobs[i]);
    }
    TEST_POLL_UNTIL(ctx, jobs_done == MANY);
    for (int i = 0; i < MANY; i++) {
        g_assert_cmpint(jobs[i].ret, ==, jobs[i].arg);
    }
    g_free(jobs);
    test_context_free(ctx);
}

/* ---- how many ------------------------------------------------------------------------------ */

static int running, running_max;
static bool go;

static int stay_until_go(void *opaque)
{
    int now = qatomic_fetch_inc(&running) + 1, max = qatomic_read(&running_max);

    while (now > max && qatomic_cmpxchg(&running_max, max, now) != max) {
        max = qatomic_read(&running_max);
    }
    while (!qatomic_load_acquire(&go)) {
        g_usleep(500);
    }
    qatomic_dec(&running);
    return ((Job *)opaque)->arg;
}

static void test_at_most_64_threads_and_as_many_if_needed(void)
{
    AioContext *ctx = set_up();
    Job *jobs = g_new0(Job, 200);

    running = running_max = 0;
    go = false;
    for (int i = 0; i < 200; i++) {
        jobs[i] = (Job){ .ctx = ctx, .func = stay_until_go, .arg = i };
        job_start(&jobs[i]);
    }
    while (qatomic_read(&running) < THREAD_POOL_MAX_THREADS) {
        g_usleep(500);
    }
    g_usleep(20000);
    g_assert_cmpint(qatomic_read(&running), ==, THREAD_POOL_MAX_THREADS);
    qatomic_store_release(&go, true);
    TEST_POLL_UNTIL(ctx, jobs_done == 200);
    g_assert_cmpint(running_max, ==, THREAD_POOL_MAX_THREADS);
    g_assert_cmpint(threads_made, ==, THREAD_POOL_MAX_THREADS);
    g_free(jobs);
    test_context_free(ctx);
}

static void test_idle_worker_is_used_again(void)
{
    AioContext *ctx = set_up();
    Job job = { .ctx = ctx, .func = return_arg, .arg = 3 };

    for (int i = 1; i <= 50; i++) {
        job_start(&job);
        TEST_POLL_UNTIL(ctx, jobs_done == i);
        g_usleep(2000); /* for the worker to become idle */
    }
    g_assert_cmpint(threads_made, <=, 2);
    test_context_free(ctx);
}

static void test_without_any_thread_is_eagain(void)
{
    AioContext *ctx = set_up();
    Job job = { .ctx = ctx, .func = return_arg, .arg = 3 };

    threads_allowed = 0;
    job_start(&job);
    g_assert_true(job.done);
    g_assert_cmpint(job.ret, ==, -EAGAIN);

    threads_allowed = 1;
    job_start(&job);
    TEST_POLL_UNTIL(ctx, jobs_done == 2);
    g_assert_cmpint(job.ret, ==, 3);
    test_context_free(ctx);
}

static void test_with_fewer_threads_than_wanted_all_is_done(void)
{
    AioContext *ctx = set_up();
    Job jobs[20];

    threads_allowed = 2;
    for (int i = 0; i < 20; i++) {
        jobs[i] = (Job){ .ctx = ctx, .func = return_arg, .arg = i };
        job_start(&jobs[i]);
    }
    TEST_POLL_UNTIL(ctx, jobs_done == 20);
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(jobs[i].ret, ==, i);
    }
    test_context_free(ctx);
}

/* ---- the end ------------------------------------------------------------------------------- */

static unsigned threads_at_start;

/* A thread that has left its pool takes a moment more to leave the kernel: this test's and others'.
 */
static bool threads_are_as_at_start(void)
{
    for (int i = 0; i < 1000 && test_threads() > threads_at_start; i++) {
        g_usleep(1000);
    }
    return test_threads() == threads_at_start;
}

static void test_threads_are_gone_with_the_context(void)
{
    AioContext *ctx = set_up();
    Job jobs[20];

    g_assert_true(threads_are_as_at_start());
    go = false;
    for (int i = 0; i < 20; i++) {
        jobs[i] = (Job){ .ctx = ctx, .func = stay_until_go, .arg = i };
        job_start(&jobs[i]);
    }
    g_assert_cmpuint(test_threads(), ==, threads_at_start + 20);
    qatomic_store_release(&go, true);
    TEST_POLL_UNTIL(ctx, jobs_done == 20);
    test_context_free(ctx);
    g_assert_true(threads_are_as_at_start());
}

static int blocked_signals(void *opaque G_GNUC_UNUSED)
{
    sigset_t set;

    pthread_sigmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, SIGINT) && sigismember(&set, SIGTERM) && sigismember(&set, SIGALRM) &&
           sigismember(&set, SIGUSR1);
}

static void test_signals_are_blocked_in_workers_only(void)
{
    AioContext *ctx = set_up();
    Job job = { .ctx = ctx, .func = blocked_signals };
    sigset_t before, after;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    job_start(&job);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    TEST_POLL_UNTIL(ctx, job.done);
    g_assert_cmpint(job.ret, ==, 1);
    for (int sig = 1; sig < NSIG; sig++) {
        g_assert_cmpint(sigismember(&before, sig), ==, sigismember(&after, sig));
    }
    test_context_free(ctx);
}

/* ---- completions that wait ----------------------------------------------------------------- */

static void start_other(Job *job)
{
    job_start(job->other);
}

static void test_completion_may_start_another(void)
{
    AioContext *ctx = set_up();
    Job second = { .ctx = ctx, .func = return_arg, .arg = 2 };
    Job first = { .ctx = ctx, .func = return_arg, .then = start_other, .other = &second };

    job_start(&first);
    TEST_POLL_UNTIL(ctx, jobs_done == 2);
    g_assert_cmpint(second.ret, ==, 2);
    test_context_free(ctx);
}

/* In a nested loop, but not for ever. */
static void await_other(Job *job)
{
    gint64 end = g_get_monotonic_time() + 5 * G_TIME_SPAN_SECOND;

    while (!job->other->done && g_get_monotonic_time() < end) {
        if (!aio_poll(job->ctx, false)) {
            g_usleep(100);
        }
    }
    g_assert_true(job->other->done);
}

static void test_completion_may_wait_for_another(void)
{
    AioContext *ctx = set_up();
    Job a = { .ctx = ctx, .func = return_arg, .then = await_other };
    Job b = { .ctx = ctx, .func = return_arg, .then = await_other };

    a.other = &b;
    b.other = &a;
    job_start(&a);
    job_start(&b);
    g_usleep(20000); /* for both to be done before the first completion is served */
    TEST_POLL_UNTIL(ctx, jobs_done == 2);
    test_context_free(ctx);
}

static void start_and_await_other(Job *job)
{
    qemu_coroutine_enter(qemu_coroutine_create(job_entry, job->other));
    await_other(job);
}

static void test_completion_may_wait_for_its_own(void)
{
    AioContext *ctx = set_up();
    Job third = { .ctx = ctx, .func = return_arg, .arg = 3 };
    Job second = { .ctx = ctx, .func = return_arg, .then = start_and_await_other };
    Job first = { .ctx = ctx, .func = return_arg, .then = start_and_await_other };

    first.other = &second;
    second.other = &third;
    job_start(&first);
    TEST_POLL_UNTIL(ctx, jobs_done == 3);
    g_assert_cmpint(third.ret, ==, 3);
    test_context_free(ctx);
}

/* ---- callbacks and cancelling -------------------------------------------------------------- */

typedef struct Call {
    int runs; /* of the function, in a worker */
    int calls;
    int ret;
} Call;

static int count_run(void *opaque)
{
    Call *call = opaque;

    qatomic_inc(&call->runs);
    return 42;
}

static int count_run_at_go(void *opaque)
{
    qatomic_inc(&((Call *)opaque)->runs);
    while (!qatomic_load_acquire(&go)) {
        g_usleep(500);
    }
    return 42;
}

static void note_call(void *opaque, int ret)
{
    Call *call = opaque;

    call->calls++;
    call->ret = ret;
    jobs_done++;
}

static void test_callback_gets_the_result(void)
{
    AioContext *ctx = set_up();
    Call call = { 0 };

    thread_pool_submit_aio(aio_get_thread_pool(ctx), count_run, &call, note_call, &call);
    g_assert_cmpint(call.calls, ==, 0);
    TEST_POLL_UNTIL(ctx, call.calls);
    g_assert_cmpint(call.ret, ==, 42);
    test_poll_idle(ctx);
    g_assert_cmpint(call.calls, ==, 1);
    test_context_free(ctx);
}

static void test_callback_without_any_thread(void)
{
    AioContext *ctx = set_up();
    Call call = { 0 };

    threads_allowed = 0;
    thread_pool_submit_aio(aio_get_thread_pool(ctx), count_run, &call, note_call, &call);
    g_assert_cmpint(call.calls, ==, 0);
    TEST_POLL_UNTIL(ctx, call.calls);
    g_assert_cmpint(call.ret, ==, -EAGAIN);
    g_assert_cmpint(call.runs, ==, 0);
    test_context_free(ctx);
}

static void test_submitted_for_nobody(void)
{
    AioContext *ctx = set_up();
    Call call = { 0 };

    thread_pool_submit(aio_get_thread_pool(ctx), count_run, &call);
    while (!qatomic_read(&call.runs)) {
        g_usleep(500);
    }
    while (!aio_poll(ctx, true)) {
        /* until the pool has taken it back */
    }
    test_context_free(ctx);
}

/* One worker that is held up, and one request that waits behind. */
static void hold_up(AioContext *ctx, Call *held, Call *behind, BlockAIOCB **held_acb,
                    BlockAIOCB **behind_acb)
{
    ThreadPool *pool = aio_get_thread_pool(ctx);

    go = false;
    g_assert_true(thread_pool_set_params(pool, 0, 1, &error_abort));
    *held_acb = thread_pool_submit_aio(pool, count_run_at_go, held, note_call, held);
    while (!qatomic_read(&held->runs)) {
        g_usleep(500);
    }
    *behind_acb = thread_pool_submit_aio(pool, count_run, behind, note_call, behind);
}

static void test_queued_is_cancelled(void)
{
    AioContext *ctx = set_up();
    Call held = { 0 }, behind = { 0 };
    BlockAIOCB *held_acb, *behind_acb;

    hold_up(ctx, &held, &behind, &held_acb, &behind_acb);
    bdrv_aio_cancel_async(behind_acb);
    g_assert_cmpint(behind.calls, ==, 0);
    TEST_POLL_UNTIL(ctx, behind.calls);
    g_assert_cmpint(behind.ret, ==, -ECANCELED);

    qatomic_store_release(&go, true);
    TEST_POLL_UNTIL(ctx, held.calls);
    g_assert_cmpint(behind.calls, ==, 1);
    g_assert_cmpint(behind.runs, ==, 0);
    test_context_free(ctx);
}

static void test_begun_is_not_cancelled(void)
{
    AioContext *ctx = set_up();
    Call held = { 0 }, behind = { 0 };
    BlockAIOCB *held_acb, *behind_acb;

    hold_up(ctx, &held, &behind, &held_acb, &behind_acb);
    bdrv_aio_cancel_async(held_acb);
    bdrv_aio_cancel(behind_acb);
    g_assert_cmpint(behind.ret, ==, -ECANCELED);
    g_assert_cmpint(held.calls, ==, 0);

    qatomic_store_release(&go, true);
    bdrv_aio_cancel(held_acb);
    g_assert_cmpint(held.calls, ==, 1);
    g_assert_cmpint(held.ret, ==, 42);
    test_context_free(ctx);
}

/* ---- minimum and maximum ------------------------------------------------------------------- */

static void test_bad_params_are_refused(void)
{
    static const int64_t bad[][2] = { { -1, 1 }, { 0, 0 }, { 2, 1 }, { 0, INT64_MAX } };
    AioContext *ctx = set_up();
    Error *err = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_false(
            thread_pool_set_params(aio_get_thread_pool(ctx), bad[i][0], bad[i][1], &err));
        g_assert_nonnull(err);
        g_clear_pointer(&err, error_free);
    }
    g_assert_cmpint(threads_made, ==, 0);
    test_context_free(ctx);
}

static void test_minimum_is_there_at_once(void)
{
    AioContext *ctx = set_up();
    Job job = { .ctx = ctx, .func = return_arg, .arg = 3 };

    thread_pool_set_params(aio_get_thread_pool(ctx), 5, 8, &error_abort);
    g_assert_cmpint(threads_made, ==, 5);
    job_start(&job);
    TEST_POLL_UNTIL(ctx, job.done);
    g_assert_cmpint(threads_made, ==, 5); /* also if the five had not come to wait yet */
    test_context_free(ctx);
}

static void test_maximum_holds(void)
{
    AioContext *ctx = set_up();
    Job jobs[20];

    running = running_max = 0;
    go = false;
    thread_pool_set_params(aio_get_thread_pool(ctx), 0, 3, &error_abort);
    for (int i = 0; i < 20; i++) {
        jobs[i] = (Job){ .ctx = ctx, .func = stay_until_go, .arg = i };
        job_start(&jobs[i]);
    }
    while (qatomic_read(&running) < 3) {
        g_usleep(500);
    }
    g_usleep(20000);
    qatomic_store_release(&go, true);
    TEST_POLL_UNTIL(ctx, jobs_done == 20);
    g_assert_cmpint(running_max, ==, 3);
    test_context_free(ctx);
}

static void test_lowered_maximum_sends_workers_away(void)
{
    AioContext *ctx = set_up();
    Job jobs[20];

    g_assert_true(threads_are_as_at_start());
    running = running_max = 0;
    go = false;
    for (int i = 0; i < 20; i++) {
        jobs[i] = (Job){ .ctx = ctx, .func = stay_until_go, .arg = i };
        job_start(&jobs[i]);
    }
    while (qatomic_read(&running) < 20) {
        g_usleep(500);
    }
    thread_pool_set_params(aio_get_thread_pool(ctx), 0, 2, &error_abort);
    qatomic_store_release(&go, true);
    TEST_POLL_UNTIL(ctx, jobs_done == 20);
    for (int i = 0; i < 1000 && test_threads() > threads_at_start + 2; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(test_threads(), ==, threads_at_start + 2);

    /* And what comes now is done by those that stayed. */
    for (int i = 0; i < 20; i++) {
        job_start(&jobs[i]);
    }
    TEST_POLL_UNTIL(ctx, jobs_done == 40);
    g_assert_cmpint(threads_made, ==, 20);
    test_context_free(ctx);
}

static gpointer no_work(gpointer opaque G_GNUC_UNUSED)
{
    return NULL;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* A sanitizer starts a thread of its own together with our first. */
    g_thread_join(g_thread_new("first", no_work, NULL));
    threads_at_start = test_threads();
    g_test_add_func("/thread-pool/each-gets-its-own-result", test_each_gets_its_own_result);
    g_test_add_func("/thread-pool/threads/64-if-needed",
                    test_at_most_64_threads_and_as_many_if_needed);
    g_test_add_func("/thread-pool/threads/idle-is-used-again", test_idle_worker_is_used_again);
    g_test_add_func("/thread-pool/threads/none-is-eagain", test_without_any_thread_is_eagain);
    g_test_add_func("/thread-pool/threads/fewer-than-wanted",
                    test_with_fewer_threads_than_wanted_all_is_done);
    g_test_add_func("/thread-pool/threads/gone-with-the-context",
                    test_threads_are_gone_with_the_context);
    g_test_add_func("/thread-pool/threads/signals-are-blocked",
                    test_signals_are_blocked_in_workers_only);
    g_test_add_func("/thread-pool/completion/starts-another", test_completion_may_start_another);
    g_test_add_func("/thread-pool/completion/waits-for-another",
                    test_completion_may_wait_for_another);
    g_test_add_func("/thread-pool/completion/waits-for-its-own",
                    test_completion_may_wait_for_its_own);
    g_test_add_func("/thread-pool/callback/result", test_callback_gets_the_result);
    g_test_add_func("/thread-pool/callback/no-thread", test_callback_without_any_thread);
    g_test_add_func("/thread-pool/callback/none", test_submitted_for_nobody);
    g_test_add_func("/thread-pool/cancel/queued", test_queued_is_cancelled);
    g_test_add_func("/thread-pool/cancel/begun", test_begun_is_not_cancelled);
    g_test_add_func("/thread-pool/params/bad", test_bad_params_are_refused);
    g_test_add_func("/thread-pool/params/minimum", test_minimum_is_there_at_once);
    g_test_add_func("/thread-pool/params/maximum", test_maximum_holds);
    g_test_add_func("/thread-pool/params/lowered", test_lowered_maximum_sends_workers_away);
    return g_test_run();
}
