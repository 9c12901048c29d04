/* Linux AIO on the early loop: one io_submit per request, the count, and what the kernel may
 * answer. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=io_submit: a scripted kernel that can refuse, cut requests short, or hold them
 * and hand them on when told. Requests on a tmpfs are complete when the real io_submit returns.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/select.h>
#include "base/memalign.h"
#include "block/laio-early.h"
#include "block/raw-aio.h"
#include "util.h"

#define BLOCK     4096
#define FILE_SIZE (64 * BLOCK)

/* ---- the scripted kernel -------------------------------------------------------------------- */

static __thread struct {
    int calls;
    int refusals; /* so many of the next calls fail */
    int error;    /* with this: -errno, or 0: none taken */
    int bad;      /* requests for this block are -EINVAL; 0: none */
    size_t cut;   /* bytes that each request lacks in the end */
    bool hold;
    struct iocb *held[64];
    int n_held, held_max;
    io_context_t ctx;
    int rw_flags; /* of the last request */
} kernel;

int __real_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);
int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);

/* The real kernel reads the vector before io_submit() returns. */
static int kernel_take(struct iocb *iocb)
{
    struct iovec *iov = iocb->u.c.buf;
    int ret;

    iov->iov_len -= kernel.cut;
    ret = __real_io_submit(kernel.ctx, 1, &iocb);
    iov->iov_len += kernel.cut;
    return ret;
}

int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs)
{
    kernel.calls++;
    kernel.ctx = ctx;
    kernel.rw_flags = iocbs[0]->aio_rw_flags;
    g_assert_cmpint(nr, ==, 1);
    if (kernel.refusals > 0) {
        kernel.refusals--;
        return kernel.error;
    }
    if (kernel.bad && iocbs[0]->u.c.offset == (long long)kernel.bad * BLOCK) {
        return -EINVAL;
    }
    if (kernel.hold) {
        kernel.held[kernel.n_held++] = iocbs[0];
        kernel.held_max = MAX(kernel.held_max, kernel.n_held);
        return 1;
    }
    return kernel_take(iocbs[0]);
}

/* The first @n held requests go on, and so are complete. */
static void kernel_release(int n)
{
    g_assert_cmpint(n, <=, kernel.n_held);
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(kernel_take(kernel.held[i]), ==, 1);
    }
    kernel.n_held -= n;
    memmove(kernel.held, kernel.held + n, kernel.n_held * sizeof(kernel.held[0]));
}

static void kernel_refuse(int n, int error)
{
    kernel.refusals = n;
    kernel.error = error;
}

/* ---- requests ------------------------------------------------------------------------------- */

typedef struct Fixture {
    EarlyLoop *loop;
    LaioEarly *s;
    int fd;
    unsigned n_done;
    unsigned n_submitted;
} Fixture;

typedef struct Request {
    Fixture *f;
    QEMUIOVector qiov;
    uint8_t *buf;
    unsigned block;
    unsigned submitted; /* how often, and when: */
    unsigned runs;
    unsigned order; /* the how many-th that completed */
    int ret;
    void (*then)(struct Request *r);
    struct Request *other;
} Request;

static void request_submitted(void *opaque, void *request)
{
    Fixture *f = opaque;
    Request *r = request;

    g_assert_true(r->f == f);
    g_assert_cmpuint(r->runs, ==, 0);
    r->submitted++;
    f->n_submitted++;
}

static void fixture_up(Fixture *f, unsigned max_events)
{
    memset(&kernel, 0, sizeof(kernel));
    *f = (Fixture){ .loop = early_loop_new() };
    f->s = laio_early_new(f->loop, max_events, &error_abort);
    f->fd = test_file_new(test_tmpfs_dir(), 0, FILE_SIZE);
    g_assert_cmpint(f->fd, >=, 0);
    laio_early_set_submitted_func(f->s, request_submitted, f);
}

static void fixture_down(Fixture *f)
{
    g_assert_cmpuint(laio_early_count(f->s), ==, 0);
    laio_early_free(f->s);
    early_loop_free(f->loop);
    close(f->fd);
}

static Request *requests_new(Fixture *f, int n)
{
    Request *r = g_new0(Request, n);

    for (int i = 0; i < n; i++) {
        r[i] = (Request){ .f = f, .block = i, .buf = qemu_memalign(BLOCK, BLOCK) };
        memset(r[i].buf, 0xee, BLOCK);
        qemu_iovec_init_buf(&r[i].qiov, r[i].buf, BLOCK);
    }
    return r;
}

static void requests_free(Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        qemu_vfree(r[i].buf);
    }
    g_free(r);
}

static void request_done(void *opaque, int ret)
{
    Request *r = opaque;

    r->runs++;
    r->ret = ret;
    r->order = r->f->n_done++;
    if (r->then) {
        r->then(r);
    }
}

static int request_start_as(Request *r, int type, BdrvRequestFlags flags)
{
    return laio_early_submit(r->f->s, r->f->fd, (uint64_t)r->block * BLOCK, &r->qiov, type, flags,
                             request_done, r);
}

static int request_start(Request *r)
{
    return request_start_as(r, QEMU_AIO_READ, 0);
}

static void requests_start(Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        r[i].runs = r[i].submitted = 0;
        g_assert_cmpint(request_start(&r[i]), ==, 0);
    }
}

static void check_reads(Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        g_assert_cmpuint(r[i].runs, ==, 1);
        g_assert_cmpuint(r[i].submitted, ==, 1);
        g_assert_cmpint(r[i].ret, ==, 0);
        g_assert_true(test_bytes_are(r[i].buf, (int64_t)r[i].block * BLOCK, BLOCK));
    }
}

/* ---- the ordinary --------------------------------------------------------------------------- */

static void test_one_call_each(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 128);
    r = requests_new(&f, 32);
    requests_start(r, 32);
    g_assert_cmpint(kernel.calls, ==, 32);
    g_assert_cmpuint(f.n_submitted, ==, 32);
    g_assert_cmpuint(f.n_done, ==, 0); /* complete in the kernel, but no callback before a turn */
    g_assert_cmpuint(laio_early_count(f.s), ==, 32);
    qemu_aio_wait(f.loop);
    g_assert_cmpuint(f.n_done, ==, 32);
    g_assert_cmpuint(laio_early_count(f.s), ==, 0);
    check_reads(r, 32);
    g_assert_cmpuint(laio_early_get_stats(f.s)->submit_calls, ==, 32);
    g_assert_cmpuint(laio_early_get_stats(f.s)->batch[0], ==, 32);
    g_assert_cmpuint(laio_early_get_stats(f.s)->completions, ==, 32);
    g_assert_cmpuint(laio_early_get_stats(f.s)->completion_runs[5], ==, 1);
    g_assert_cmpuint(laio_early_get_stats(f.s)->eventfd_wakeups, ==, 1);
    qemu_aio_wait(f.loop); /* nobody is busy: returns */
    requests_free(r, 32);
    fixture_down(&f);
}

/* More than one io_getevents() fetches. */
static void test_many(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 1024);
    r = requests_new(&f, 1000);
    for (int i = 0; i < 1000; i++) {
        r[i].block = i % 64;
    }
    requests_start(r, 1000);
    qemu_aio_flush(f.loop);
    check_reads(r, 1000);
    requests_free(r, 1000);
    fixture_down(&f);
}

static void test_write(void)
{
    uint8_t buf[BLOCK];
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 1);
    g_assert_cmpint(request_start_as(r, QEMU_AIO_WRITE, 0), ==, 0);
    g_assert_cmpint(kernel.rw_flags, ==, 0);
    qemu_aio_flush(f.loop);
    g_assert_cmpint(r->ret, ==, 0);
    g_assert_cmpint(pread(f.fd, buf, BLOCK, 0), ==, BLOCK);
    g_assert_cmpmem(buf, BLOCK, r->buf, BLOCK);
    requests_free(r, 1);
    fixture_down(&f);
}

static void test_fua(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 1);
    g_assert_cmpint(request_start_as(r, QEMU_AIO_WRITE, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(kernel.rw_flags, ==, RWF_DSYNC);
    qemu_aio_flush(f.loop);
    g_assert_cmpint(r->ret, ==, 0);
    requests_free(r, 1);
    fixture_down(&f);
}

static void test_no_allocation(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    laio_early_reserve(f.s, 8);
    r = requests_new(&f, 9);
    for (int round = 0; round < 10; round++) {
        requests_start(r, 8);
        qemu_aio_flush(f.loop);
    }
    g_assert_cmpuint(laio_early_misses(f.s), ==, 0);
    requests_start(r, 9);
    qemu_aio_flush(f.loop);
    g_assert_cmpuint(laio_early_misses(f.s), ==, 1);
    requests_free(r, 9);
    fixture_down(&f);
}

/* ---- short transfers and errors ------------------------------------------------------------- */

static void test_short_read(void)
{
    static const uint8_t zeroes[BLOCK];
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 2);
    r[1].block = 64; /* past the end */
    kernel.cut = 512;
    g_assert_cmpint(request_start(&r[0]), ==, 0);
    kernel.cut = 0;
    g_assert_cmpint(request_start(&r[1]), ==, 0);
    qemu_aio_flush(f.loop);
    g_assert_cmpint(r[0].ret, ==, 0);
    g_assert_true(test_bytes_are(r[0].buf, 0, BLOCK - 512));
    g_assert_cmpmem(r[0].buf + BLOCK - 512, 512, zeroes, 512);
    g_assert_cmpint(r[1].ret, ==, 0);
    g_assert_cmpmem(r[1].buf, BLOCK, zeroes, BLOCK);
    requests_free(r, 2);
    fixture_down(&f);
}

static void test_short_write(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 1);
    kernel.cut = 512;
    g_assert_cmpint(request_start_as(r, QEMU_AIO_WRITE, 0), ==, 0);
    qemu_aio_flush(f.loop);
    g_assert_cmpint(r->ret, ==, -EINVAL);
    g_assert_cmpuint(r->runs, ==, 1);
    requests_free(r, 1);
    fixture_down(&f);
}

static void test_error_from_the_kernel(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 2);
    qemu_iovec_init_buf(&r[0].qiov, test_read_only_page(), BLOCK);
    requests_start(r, 2);
    qemu_aio_flush(f.loop);
    g_assert_cmpint(r[0].ret, ==, -EFAULT);
    check_reads(&r[1], 1);
    requests_free(r, 2);
    fixture_down(&f);
}

/* Refused at once: the call says so, and nothing else does. */
static void test_refused(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 3);
    kernel.bad = 1;
    g_assert_cmpint(request_start(&r[0]), ==, 0);
    g_assert_cmpint(request_start(&r[1]), ==, -EINVAL);
    g_assert_cmpint(request_start(&r[2]), ==, 0);
    g_assert_cmpuint(laio_early_count(f.s), ==, 2);
    qemu_aio_flush(f.loop);
    g_assert_cmpuint(r[1].runs, ==, 0);
    g_assert_cmpuint(r[1].submitted, ==, 0);
    check_reads(&r[0], 1);
    check_reads(&r[2], 1);
    g_assert_cmpuint(laio_early_get_stats(f.s)->submit_errors, ==, 1);
    requests_free(r, 3);
    fixture_down(&f);
}

static void test_eintr(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 1);
    kernel_refuse(2, -EINTR);
    requests_start(r, 1);
    g_assert_cmpint(kernel.calls, ==, 3);
    qemu_aio_flush(f.loop);
    check_reads(r, 1);
    requests_free(r, 1);
    fixture_down(&f);
}

/* ---- no room -------------------------------------------------------------------------------- */

/* With something in flight, the turn after its completion asks again; those behind keep order. */
static void test_again_in_flight(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 4);
    kernel.hold = true;
    requests_start(r, 1);
    kernel_refuse(1, -EAGAIN);
    requests_start(&r[1], 3);
    g_assert_cmpint(kernel.calls, ==, 2); /* those behind the refused one did not even ask */
    g_assert_cmpuint(laio_early_count(f.s), ==, 4);
    kernel_refuse(1, -EAGAIN);
    kernel_release(1);
    qemu_aio_wait(f.loop); /* refused once more, then the completion */
    g_assert_cmpuint(f.n_done, ==, 1);
    kernel.hold = false;
    qemu_aio_flush(f.loop);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(r[i].order, ==, i);
    }
    check_reads(r, 4);
    g_assert_cmpuint(laio_early_get_stats(f.s)->submit_again, ==, 2);
    requests_free(r, 4);
    fixture_down(&f);
}

/* With nothing in flight only time helps. 0 is EAGAIN in other words. */
static void test_again_alone(const void *error)
{
    gint64 begin = g_get_monotonic_time();
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 2);
    kernel_refuse(4, GPOINTER_TO_INT(error));
    requests_start(r, 2);
    g_assert_cmpint(kernel.calls, ==, 1);
    qemu_aio_flush(f.loop);
    check_reads(r, 2);
    g_assert_cmpint(kernel.calls, ==, 6);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 20 * 1000); /* it slept in between */
    requests_free(r, 2);
    fixture_down(&f);
}

/* One that waited and is then refused for good: its callback says so, those behind go on. */
static void test_refused_later(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 8);
    r = requests_new(&f, 3);
    kernel.bad = 1;
    kernel_refuse(1, -EAGAIN);
    requests_start(r, 3);
    qemu_aio_flush(f.loop);
    g_assert_cmpuint(r[1].runs, ==, 1);
    g_assert_cmpint(r[1].ret, ==, -EINVAL);
    g_assert_cmpuint(r[1].submitted, ==, 0);
    check_reads(&r[0], 1);
    check_reads(&r[2], 1);
    requests_free(r, 3);
    fixture_down(&f);
}

static void test_max_events(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 3);
    r = requests_new(&f, 10);
    kernel.hold = true;
    requests_start(r, 10);
    while (f.n_done < 10) {
        g_assert_cmpint(kernel.n_held, ==, MIN(3, 10 - (int)f.n_done));
        kernel_release(1);
        qemu_aio_wait(f.loop); /* its completion */
        qemu_aio_process_queue(f.loop);
    }
    g_assert_cmpint(kernel.held_max, ==, 3);
    check_reads(r, 10);
    requests_free(r, 10);
    fixture_down(&f);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

static void start_other(Request *r)
{
    g_assert_cmpint(request_start(r->other), ==, 0);
    g_assert_cmpuint(r->other->runs, ==, 0);
}

static void test_submit_in_callback(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 1); /* and there must be room by then */
    r = requests_new(&f, 20);
    for (int i = 0; i < 19; i++) {
        r[i].then = start_other;
        r[i].other = &r[i + 1];
    }
    requests_start(r, 1);
    qemu_aio_flush(f.loop);
    check_reads(r, 20);
    requests_free(r, 20);
    fixture_down(&f);
}

static void wait_for_all(Request *r)
{
    qemu_aio_flush(r->f->loop);
    g_assert_cmpuint(laio_early_count(r->f->s), ==, 0);
    g_assert_cmpuint(r->f->n_done, ==, 10);
}

/* All have been fetched together; the first one's callback waits for the others. */
static void test_flush_in_callback(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 16);
    r = requests_new(&f, 10);
    r[0].then = wait_for_all;
    requests_start(r, 10);
    qemu_aio_wait(f.loop);
    g_assert_cmpuint(f.n_done, ==, 10);
    check_reads(r, 10);
    requests_free(r, 10);
    fixture_down(&f);
}

/* The same from the callback of one that was refused after it had waited. */
static void test_flush_in_callback_of_refused(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 16);
    r = requests_new(&f, 10);
    r[1].then = wait_for_all;
    kernel.bad = 1;
    kernel_refuse(1, -EAGAIN);
    requests_start(r, 10);
    qemu_aio_flush(f.loop);
    g_assert_cmpuint(f.n_done, ==, 10);
    check_reads(&r[2], 8);
    requests_free(r, 10);
    fixture_down(&f);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void check_new_fails(EarlyLoop *loop, const char *what)
{
    unsigned before = test_descriptors();
    Error *err = NULL;

    g_assert_null(laio_early_new(loop, 8, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), what));
    error_free(err);
    g_assert_cmpuint(test_descriptors(), ==, before);
    qemu_aio_flush(loop); /* asks nobody who is gone */
}

/* First the eventfd is one too many for select(), then the timer. */
static void test_new_without_descriptors(void)
{
    EarlyLoop *loop = early_loop_new();
    struct rlimit limit, more;
    int fds[FD_SETSIZE + 1], n = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    more = limit;
    more.rlim_cur = FD_SETSIZE + 64;
    if (limit.rlim_max < more.rlim_cur || setrlimit(RLIMIT_NOFILE, &more) < 0) {
        g_test_skip("ulimit -n cannot be raised");
        early_loop_free(loop);
        return;
    }
    do {
        fds[n++] = dup(0);
    } while (fds[n - 1] < FD_SETSIZE);
    check_new_fails(loop, "select()");
    close(fds[0]);
    check_new_fails(loop, "select()");
    while (n > 0) {
        close(fds[--n]);
    }
    setrlimit(RLIMIT_NOFILE, &limit);
    early_loop_free(loop);
}

static void test_new_too_many_events(void)
{
    EarlyLoop *loop = early_loop_new();
    Error *err = NULL;

    g_assert_null(laio_early_new(loop, INT_MAX, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "requests in flight"));
    error_free(err);
    early_loop_free(loop);
}

static void *run_job(void *opaque)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 16);
    r = requests_new(&f, 64);
    for (int round = 0; round < 50; round++) {
        requests_start(r, 64);
        qemu_aio_flush(f.loop);
        check_reads(r, 64);
    }
    requests_free(r, 64);
    fixture_down(&f);
    return opaque;
}

static void test_loop_per_thread(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, run_job, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/early-laio/one-call-each", test_one_call_each);
    g_test_add_func("/early-laio/many", test_many);
    g_test_add_func("/early-laio/write", test_write);
    g_test_add_func("/early-laio/fua", test_fua);
    g_test_add_func("/early-laio/no-allocation", test_no_allocation);
    g_test_add_func("/early-laio/short-read", test_short_read);
    g_test_add_func("/early-laio/short-write", test_short_write);
    g_test_add_func("/early-laio/error", test_error_from_the_kernel);
    g_test_add_func("/early-laio/refused", test_refused);
    g_test_add_func("/early-laio/eintr", test_eintr);
    g_test_add_func("/early-laio/again/in-flight", test_again_in_flight);
    g_test_add_data_func("/early-laio/again/alone", GINT_TO_POINTER(-EAGAIN), test_again_alone);
    g_test_add_data_func("/early-laio/again/none-taken", GINT_TO_POINTER(0), test_again_alone);
    g_test_add_func("/early-laio/again/refused-later", test_refused_later);
    g_test_add_func("/early-laio/max-events", test_max_events);
    g_test_add_func("/early-laio/callback/submit", test_submit_in_callback);
    g_test_add_func("/early-laio/callback/flush", test_flush_in_callback);
    g_test_add_func("/early-laio/callback/flush-of-refused", test_flush_in_callback_of_refused);
    g_test_add_func("/early-laio/new/descriptors", test_new_without_descriptors);
    g_test_add_func("/early-laio/new/too-many-events", test_new_too_many_events);
    g_test_add_func("/early-laio/threads", test_loop_per_thread);
    return g_test_run();
}
