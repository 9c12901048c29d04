/* Linux AIO: the queue in front of io_submit, and the ring behind it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap for io_submit, io_setup and event_notifier_test_and_clear. A scripted kernel
 * stands in front of the real one: it can refuse, take a part, cut requests short, or hold them and
 * hand them on when told; what it hands on, the real kernel does, and completes into the real ring.
 * Requests on a tmpfs are complete when the real io_submit returns.
 */
#include "base/osdep.h"
#include <libaio.h>
#include <poll.h>
#include "base/memalign.h"
#include "block/aio-queue.h"
#include "block/linux-aio.h"
#include "block/raw-aio.h"
#include "aio-requests.h"
#include "util.h"

/* ---- the scripted kernel ------------------------------------------------------------------- */

#define HELD_MAX 4096

static struct {
    int calls;         /* of io_submit */
    long last_nr;      /* requests offered by the last call */
    struct iocb first; /* as it was offered: the first of the last call */

    const int *script; /* for the next calls: -errno, 0, or how many to take; NULL when used up */
    int script_len;
    bool refuse;   /* until further notice: -EAGAIN */
    int bad_block; /* requests for it are -EINVAL; 0: none */
    size_t cut;    /* bytes that each request lacks in the end */

    bool hold;
    struct iocb *held[HELD_MAX];
    int n_held, held_max;

    int setup_error;
    bool hide_ring; /* make it one that nobody knows how to read */
    io_context_t ctx;

    int clears;                         /* of eventfds: calls of read(2) */
    void (*in_clear)(EventNotifier *e); /* what comes just before the next one */
} kernel;

int __real_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);
int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);
int __real_io_setup(int maxevents, io_context_t *ctx);
int __wrap_io_setup(int maxevents, io_context_t *ctx);
int __real_event_notifier_test_and_clear(EventNotifier *e);
int __wrap_event_notifier_test_and_clear(EventNotifier *e);

int __wrap_event_notifier_test_and_clear(EventNotifier *e)
{
    void (*in_clear)(EventNotifier *) = kernel.in_clear;

    kernel.clears++;
    kernel.in_clear = NULL;
    if (in_clear) {
        in_clear(e);
    }
    return __real_event_notifier_test_and_clear(e);
}

int __wrap_io_setup(int maxevents, io_context_t *ctx)
{
    int ret = kernel.setup_error ?: __real_io_setup(maxevents, ctx);

    if (ret == 0 && kernel.hide_ring) {
        ((unsigned *)*ctx)[4] = 0; /* the magic */
    }
    if (ret == 0) {
        kernel.ctx = *ctx;
    }
    return ret;
}

static int kernel_hold(long nr, struct iocb **iocbs)
{
    for (long i = 0; i < nr; i++) {
        g_assert_cmpint(kernel.n_held, <, HELD_MAX);
        kernel.held[kernel.n_held++] = iocbs[i];
    }
    kernel.held_max = MAX(kernel.held_max, kernel.n_held);
    return nr;
}

static int kernel_take(long nr, struct iocb **iocbs)
{
    for (long i = 0; i < nr; i++) {
        iocbs[i]->u.c.nbytes -= kernel.cut;
    }
    return kernel.hold ? kernel_hold(nr, iocbs) : __real_io_submit(kernel.ctx, nr, iocbs);
}

/* As the kernel does: those before a bad one are taken; a bad one in front is an error. */
static int kernel_look_for_bad(long nr, struct iocb **iocbs)
{
    for (long i = 0; i < nr && kernel.bad_block; i++) {
        if (iocbs[i]->u.c.offset == (long long)kernel.bad_block * BLOCK) {
            return i ? i : -EINVAL;
        }
    }
    return nr;
}

int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs)
{
    long n = kernel_look_for_bad(nr, iocbs);

    g_assert_true(ctx == kernel.ctx);
    g_assert_cmpint(nr, >, 0);
    kernel.calls++;
    kernel.last_nr = nr;
    kernel.first = *iocbs[0];
    if (kernel.refuse) {
        return -EAGAIN;
    }
    if (kernel.script_len > 0) {
        kernel.script_len--;
        n = MIN(n, *kernel.script);
        kernel.script++;
    }
    return n > 0 ? kernel_take(n, iocbs) : n;
}

/* The first @n held requests go on. */
static void kernel_release(int n)
{
    g_assert_cmpint(n, <=, kernel.n_held);
    for (int done = 0; done < n;) {
        int ret = __real_io_submit(kernel.ctx, n - done, &kernel.held[done]);

        g_assert_cmpint(ret, >, 0);
        done += ret;
    }
    kernel.n_held -= n;
    memmove(kernel.held, kernel.held + n, kernel.n_held * sizeof(kernel.held[0]));
}

#define kernel_script(...)                              \
    do {                                                \
        static const int script_[] = { __VA_ARGS__ };   \
        kernel.script = script_;                        \
        kernel.script_len = (int)G_N_ELEMENTS(script_); \
    } while (0)

/* ---- requests ------------------------------------------------------------------------------ */

static int coroutine_fn submit(Request *r)
{
    return laio_co_submit(r->f->s, r->f->fd, r->offset, request_qiov(r), r->type, r->flags,
                          r->max_batch);
}

static void fixture_up_ring(Fixture *f, unsigned max_events, bool hide_ring)
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.hide_ring = hide_ring;
    *f = (Fixture){ .ctx = test_context_new(), .submit = submit };
    f->s = aio_setup_linux_aio(f->ctx, max_events, &error_abort);
    g_assert_true(aio_get_linux_aio(f->ctx) == f->s);
    f->fd = test_file_new(test_tmpfs_dir(), 0, FILE_SIZE);
    g_assert_cmpint(f->fd, >=, 0);
}

static void fixture_up(Fixture *f, unsigned max_events)
{
    fixture_up_ring(f, max_events, false);
}

static void fixture_down(Fixture *f)
{
    g_assert_cmpuint(laio_queued(f->s), ==, 0);
    close(f->fd);
    test_context_free(f->ctx);
}

/* ---- data ---------------------------------------------------------------------------------- */

static void check_data(bool hide_ring)
{
    Request w, r, v;
    uint8_t second[BLOCK];
    struct iovec iov[2];
    Fixture f;

    fixture_up_ring(&f, 16, hide_ring);
    request_init(&w, &f, QEMU_AIO_WRITE, 3);
    request_init(&r, &f, QEMU_AIO_READ, 3);
    request_init(&v, &f, QEMU_AIO_READ, 3);
    memset(second, 0, sizeof(second));
    g_assert_cmpint(request_run(&w), ==, 0);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpmem(r.buf, BLOCK, w.buf, BLOCK);

    iov[0] = (struct iovec){ v.buf, BLOCK };
    iov[1] = (struct iovec){ second, BLOCK };
    qemu_iovec_init_external(&v.qiov, iov, 2);
    g_assert_cmpint(request_run(&v), ==, 0);
    g_assert_cmpmem(v.buf, BLOCK, w.buf, BLOCK);
    g_assert_true(test_bytes_are(second, 4 * BLOCK, BLOCK));
    qemu_vfree(w.buf);
    qemu_vfree(r.buf);
    qemu_vfree(v.buf);
    fixture_down(&f);
}

static void test_reads_what_was_written(void)
{
    check_data(false);
}

static void test_reads_what_was_written_without_ring(void)
{
    check_data(true);
}

static void test_read_past_the_end_is_zeroes(void)
{
    static const uint8_t zeroes[BLOCK];
    Request r, partly;
    Fixture f;

    fixture_up(&f, 16);
    g_assert_cmpint(ftruncate(f.fd, 2 * BLOCK + 1000), ==, 0);
    request_init(&r, &f, QEMU_AIO_READ, 60);
    request_init(&partly, &f, QEMU_AIO_READ, 2);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpmem(r.buf, BLOCK, zeroes, BLOCK);
    g_assert_cmpint(request_run(&partly), ==, 0);
    g_assert_true(test_bytes_are(partly.buf, 2 * BLOCK, 1000));
    g_assert_cmpmem(partly.buf + 1000, BLOCK - 1000, zeroes, BLOCK - 1000);
    qemu_vfree(r.buf);
    qemu_vfree(partly.buf);
    fixture_down(&f);
}

static void test_short_read_is_filled_with_zeroes(void)
{
    static const uint8_t zeroes[BLOCK];
    uint8_t second[BLOCK];
    struct iovec iov[2];
    Request r;
    Fixture f;

    fixture_up(&f, 16);
    g_assert_cmpint(ftruncate(f.fd, BLOCK + 512), ==, 0);
    request_init(&r, &f, QEMU_AIO_READ, 0);
    memset(second, 0xee, sizeof(second));
    iov[0] = (struct iovec){ r.buf, BLOCK };
    iov[1] = (struct iovec){ second, BLOCK };
    qemu_iovec_init_external(&r.qiov, iov, 2);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_true(test_bytes_are(r.buf, 0, BLOCK));
    g_assert_true(test_bytes_are(second, BLOCK, 512));
    g_assert_cmpmem(second + 512, BLOCK - 512, zeroes, BLOCK - 512);

    kernel.cut = 1000;
    qemu_iovec_init_buf(&r.qiov, r.buf, BLOCK);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_true(test_bytes_are(r.buf, 0, BLOCK - 1000));
    g_assert_cmpmem(r.buf + BLOCK - 1000, 1000, zeroes, 1000);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_short_write_is_enospc(void)
{
    Request r;
    Fixture f;

    fixture_up(&f, 16);
    kernel.cut = 512;
    request_init(&r, &f, QEMU_AIO_WRITE, 0);
    g_assert_cmpint(request_run(&r), ==, -ENOSPC);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* Refused by io_submit (the descriptor), and failed in the ring (the memory). */
static void test_errors_come_as_they_are(void)
{
    Request r;
    Fixture f;
    int fd;

    fixture_up(&f, 16);
    fd = f.fd;
    request_init(&r, &f, QEMU_AIO_READ, 0);
    f.fd = -1;
    g_assert_cmpint(request_run(&r), ==, -EBADF);
    f.fd = fd;
    qemu_iovec_init_buf(&r.qiov, test_read_only_page(), BLOCK);
    g_assert_cmpint(request_run(&r), ==, -EFAULT);
    g_assert_cmpuint(laio_get_stats(f.s)->submit_errors, >=, 1);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_fua_is_rwf_dsync(void)
{
    Request r;
    Fixture f;

    fixture_up(&f, 16);
    request_init(&r, &f, QEMU_AIO_WRITE, 0);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.aio_rw_flags, ==, 0);
    r.flags = BDRV_REQ_FUA;
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.aio_rw_flags, ==, RWF_DSYNC);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_flush_is_fdsync(void)
{
    Request r;
    Fixture f;

    fixture_up(&f, 16);
    request_init(&r, &f, QEMU_AIO_FLUSH, 0);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.aio_lio_opcode, ==, IO_CMD_FDSYNC);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* ---- the queue: plug and batches ----------------------------------------------------------- */

static void test_each_goes_at_once_when_not_plugged(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 16);
    r = requests_new(&f, 3);
    for (int i = 0; i < 3; i++) {
        request_start(&r[i]);
        g_assert_cmpint(kernel.calls, ==, i + 1);
    }
    requests_await(&f, 3);
    check_reads(r, 3);
    requests_free(r, 3);
    fixture_down(&f);
}

static void test_plug_gathers_and_nests(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 10);
    laio_io_plug(f.s);
    laio_io_plug(f.s);
    requests_start(r, 10);
    laio_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 0);
    g_assert_cmpuint(laio_queued(f.s), ==, 10);
    laio_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 1);
    g_assert_cmpint(kernel.last_nr, ==, 10);
    requests_await(&f, 10);
    check_reads(r, 10);

    laio_io_plug(f.s);
    laio_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 1);
    requests_free(r, 10);
    fixture_down(&f);
}

/* Under plug, requests are to go out in batches of @expected. */
static void check_batch(unsigned max_events, int64_t ctx_max_batch, uint64_t dev_max_batch,
                        int expected)
{
    Fixture f;
    Request *r;

    fixture_up(&f, max_events);
    r = requests_new(&f, expected);
    aio_context_set_aio_params(f.ctx, ctx_max_batch);
    laio_io_plug(f.s);
    for (int i = 0; i < expected; i++) {
        g_assert_cmpint(kernel.calls, ==, 0);
        r[i].max_batch = dev_max_batch;
        request_start(&r[i]);
    }
    g_assert_cmpint(kernel.calls, ==, 1);
    g_assert_cmpint(kernel.last_nr, ==, expected);
    laio_io_unplug(f.s);
    requests_await(&f, expected);
    check_reads(r, expected);
    requests_free(r, expected);
    fixture_down(&f);
}

static void test_batch_of_32_goes_although_plugged(void)
{
    check_batch(1024, 0, 0, AIO_DEFAULT_MAX_BATCH);
}

static void test_max_batch_of_context_and_node(void)
{
    check_batch(1024, 8, 0, 8);
    check_batch(1024, 64, 0, 64);
    check_batch(1024, 0, 4, 4);
    check_batch(1024, 8, 4, 4);
    check_batch(1024, 4, 8, 4);
}

static void test_batch_is_no_longer_than_max_events(void)
{
    check_batch(5, 0, 0, 5);
}

static void check_never_beyond_max_events(bool plugged)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 5);
    r = requests_new(&f, 40);
    kernel.hold = true;
    if (plugged) {
        laio_io_plug(f.s);
    }
    requests_start(r, 40);
    if (plugged) {
        laio_io_unplug(f.s);
    }
    g_assert_cmpint(kernel.n_held, ==, 5);
    g_assert_cmpuint(laio_queued(f.s), ==, 35);
    while (f.n_done < 40) {
        kernel_release(MIN(kernel.n_held, 3));
        aio_poll(f.ctx, true);
        g_assert_cmpint(kernel.n_held, <=, 5);
    }
    g_assert_cmpint(kernel.held_max, ==, 5);
    check_reads(r, 40);
    requests_free(r, 40);
    fixture_down(&f);
}

static void test_never_beyond_max_events(void)
{
    check_never_beyond_max_events(false);
    check_never_beyond_max_events(true);
}

/* ---- the queue: refusals ------------------------------------------------------------------- */

static void test_partial_acceptance_keeps_the_rest(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 10);
    kernel_script(3, 1, 4);
    laio_io_plug(f.s);
    requests_start(r, 10);
    laio_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 4);
    g_assert_cmpint(kernel.last_nr, ==, 2);
    requests_await(&f, 10);
    check_reads(r, 10);
    requests_free(r, 10);
    fixture_down(&f);
}

static void test_eagain_with_requests_in_flight_blocks_until_a_completion(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 6);
    kernel.hold = true;
    requests_start(r, 2);
    kernel.refuse = true;
    request_start(&r[2]);
    g_assert_cmpint(kernel.calls, ==, 3);
    /* Nobody asks again before there is reason to. */
    requests_start(&r[3], 3);
    g_assert_cmpint(kernel.calls, ==, 3);
    test_poll_idle(f.ctx);
    g_assert_cmpint(kernel.calls, ==, 3);
    g_assert_cmpuint(laio_queued(f.s), ==, 4);

    kernel.refuse = kernel.hold = false;
    kernel_release(1);
    requests_await(&f, 5);
    g_assert_cmpint(kernel.calls, ==, 4);
    g_assert_cmpint(kernel.last_nr, ==, 4);
    kernel_release(1);
    requests_await(&f, 6);
    check_reads(r, 6);
    g_assert_cmpuint(laio_get_stats(f.s)->submit_again, ==, 1);
    requests_free(r, 6);
    fixture_down(&f);
}

/* Nothing of ours is there to complete: ask again, but without burning the processor. */
static void test_eagain_with_nothing_in_flight_asks_again(void)
{
    gint64 start = g_get_monotonic_time();
    Request r;
    Fixture f;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 0);
    kernel_script(-EAGAIN, -EAGAIN, 0, -EAGAIN);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 36000);
    g_assert_cmpint(kernel.calls, ==, 5);
    check_read(&r);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_interrupted_submission_goes_on(void)
{
    Request r;
    Fixture f;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 0);
    kernel_script(-EINTR, -EINTR);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.calls, ==, 3);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* Of ten, the one at @bad is refused; the others have nothing to do with it. */
static void check_one_bad(int bad)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 10);
    for (int i = 0; i < 10; i++) {
        r[i].offset = (i + 1) * BLOCK;
    }
    kernel.bad_block = bad + 1;
    laio_io_plug(f.s);
    requests_start(r, 10);
    laio_io_unplug(f.s);
    requests_await(&f, 10);
    for (int i = 0; i < 10; i++) {
        if (i == bad) {
            g_assert_cmpint(r[i].ret, ==, -EINVAL);
            g_assert_cmpint(r[i].runs, ==, 1);
        } else {
            check_read(&r[i]);
        }
    }
    g_assert_cmpuint(laio_get_stats(f.s)->submit_errors, ==, 1);
    requests_free(r, 10);
    fixture_down(&f);
}

static void test_error_fails_that_one_only(void)
{
    check_one_bad(0);
    check_one_bad(4);
    check_one_bad(9);
}

static void test_all_refused_all_fail(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 3);
    kernel_script(-EIO, -EPERM, -ENOMEM);
    laio_io_plug(f.s);
    requests_start(r, 3);
    laio_io_unplug(f.s);
    requests_await(&f, 3);
    g_assert_cmpint(r[0].ret, ==, -EIO);
    g_assert_cmpint(r[1].ret, ==, -EPERM);
    g_assert_cmpint(r[2].ret, ==, -ENOMEM);
    requests_free(r, 3);
    fixture_down(&f);
}

static void test_request_from_the_callback_of_a_refused_one(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 4);
    r[0].then = start_other;
    r[0].other = &r[3];
    kernel_script(-EINVAL);
    laio_io_plug(f.s);
    requests_start(r, 3);
    laio_io_unplug(f.s);
    requests_await(&f, 4);
    g_assert_cmpint(r[0].ret, ==, -EINVAL);
    check_reads(&r[1], 3);
    requests_free(r, 4);
    fixture_down(&f);
}

/* ---- completion ---------------------------------------------------------------------------- */

/* On a tmpfs the request is in the ring when io_submit returns, its coroutine still entered. */
static void test_completed_while_entered_is_not_entered_again(void)
{
    Request r;
    Fixture f;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 1);
    request_start(&r);
    if (r.done) {
        g_assert_cmpint(f.n_done, ==, 1);
    } else {
        g_test_message("requests do not complete inside io_submit here");
        requests_await(&f, 1);
    }
    test_poll_idle(f.ctx);
    check_read(&r);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void coroutine_fn many_in_one_entry(void *opaque)
{
    Request *r = opaque;

    for (int i = 0; i < 1000; i++) {
        r->offset = i % 64 * BLOCK;
        r->ret = laio_co_submit(r->f->s, r->f->fd, r->offset, &r->qiov, QEMU_AIO_READ, 0, 0);
        g_assert_cmpint(r->ret, ==, 0);
        g_assert_true(test_bytes_are(r->buf, r->offset, BLOCK));
    }
    r->f->n_done++;
}

static void test_coroutine_may_submit_again_and_again(void)
{
    Request r;
    Fixture f;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 1);
    qemu_coroutine_enter(qemu_coroutine_create(many_in_one_entry, &r));
    requests_await(&f, 1);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

#define CHAIN 100000

static void next_in_chain(Request *r)
{
    if (r->f->n_done < CHAIN) {
        request_start(r);
    }
}

static void test_chain_of_completions_does_not_recurse(void)
{
    CoroutinePoolStats before, after;
    Request r;
    Fixture f;

    fixture_up(&f, 64);
    qemu_coroutine_pool_stats(&before);
    request_init(&r, &f, QEMU_AIO_READ, 1);
    r.then = next_in_chain;
    request_start(&r);
    requests_await(&f, CHAIN);
    qemu_coroutine_pool_stats(&after);
    g_assert_cmpint(r.ret, ==, 0);
    /* Each nested one would have needed a coroutine of its own. */
    g_assert_cmpuint(after.created - before.created, <=, 4);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* Eight completions lead to a request each. Returns how many calls of io_submit those make. */
static int calls_from_completions(bool defer)
{
    Fixture f;
    Request *r;
    int calls;

    fixture_up(&f, 64);
    laio_set_defer(f.s, defer);
    r = requests_new(&f, 16);
    kernel.hold = true;
    for (int i = 0; i < 8; i++) {
        r[i].then = start_other;
        r[i].other = &r[8 + i];
        request_start(&r[i]);
    }
    g_assert_cmpint(kernel.calls, ==, 8);
    kernel_release(8);
    requests_await(&f, 8);
    calls = kernel.calls - 8;
    kernel_release(8);
    requests_await(&f, 16);
    check_reads(r, 16);
    requests_free(r, 16);
    fixture_down(&f);
    return calls;
}

static void test_requests_from_completions_make_one_batch(void)
{
    g_assert_cmpint(calls_from_completions(true), ==, 1);
}

static void test_requests_from_completions_go_at_once_without_defer(void)
{
    g_assert_cmpint(calls_from_completions(false), ==, 8);
}

static gpointer release_late_thread(gpointer opaque G_GNUC_UNUSED)
{
    g_usleep(20000);
    kernel_release(1);
    return NULL;
}

static void check_wakes(bool hide_ring)
{
    GThread *thread;
    Request r;
    Fixture f;

    fixture_up_ring(&f, 64, hide_ring);
    request_init(&r, &f, QEMU_AIO_READ, 7);
    kernel.hold = true;
    for (int i = 1; i <= 3; i++) {
        r.runs = 0;
        request_start(&r);
        thread = g_thread_new("release", release_late_thread, NULL);
        requests_await(&f, i);
        g_thread_join(thread);
        check_read(&r);
        g_assert_cmpuint(laio_get_stats(f.s)->eventfd_wakeups, ==, i);
    }
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_completion_wakes_a_sleeping_loop(void)
{
    check_wakes(false);
    check_wakes(true);
}

static void set_flag_bh(void *opaque)
{
    *(bool *)opaque = true;
}

typedef struct Late {
    AioContext *ctx;
    bool flag;
} Late;

static gpointer bh_late_thread(gpointer opaque)
{
    Late *late = opaque;

    g_usleep(50000);
    aio_bh_schedule_oneshot(late->ctx, set_flag_bh, &late->flag);
    return NULL;
}

/* Completions found in the ring raise the eventfd as well: that must not end the next sleep. */
static void test_completion_found_by_polling_does_not_wake_later(void)
{
    GThread *thread;
    Late late = { 0 };
    Fixture f;
    Request r;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 7);
    request_run(&r);
    test_poll_idle(f.ctx);

    late.ctx = f.ctx;
    thread = g_thread_new("late", bh_late_thread, &late);
    g_assert_true(aio_poll(f.ctx, true));
    g_assert_true(late.flag);
    g_thread_join(thread);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* How often eventfds were cleared for one round of bottom half, sleep and completion. */
static int clears_of_a_sleep(Fixture *f, Request *r)
{
    int runs = f->n_done;
    GThread *thread;

    kernel.hold = true;
    kernel.clears = 0;
    request_start(r);
    thread = g_thread_new("release", release_late_thread, NULL);
    requests_await(f, runs + 1);
    g_thread_join(thread);
    kernel.hold = false;
    return kernel.clears;
}

static void test_eventfd_is_cleared_only_for_sleeping(void)
{
    Fixture f;
    Request r;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 7);
    test_poll_idle(f.ctx);
    kernel.clears = 0;
    for (int i = 0; i < 100; i++) {
        request_start(&r);
        test_poll_idle(f.ctx); /* looks at an empty ring, too */
        g_assert_cmpint(f.n_done, ==, i + 1);
    }
    g_assert_cmpint(kernel.clears, ==, 0);
    g_assert_cmpint(clears_of_a_sleep(&f, &r), ==, 1);
    g_assert_cmpint(clears_of_a_sleep(&f, &r), ==, 1);
    g_assert_cmpuint(laio_get_stats(f.s)->eventfd_wakeups, ==, 2);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void release_in_clear(EventNotifier *e G_GNUC_UNUSED)
{
    kernel_release(1);
}

/* The clearing swallows the signal of a completion that comes just then: the ring tells of it. */
static void test_completion_during_the_clearing_is_found(void)
{
    Fixture f;
    Request r;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 7);
    request_start(&r);
    test_poll_idle(f.ctx); /* leaves the eventfd raised */
    kernel.hold = true;
    request_start(&r);
    kernel.in_clear = release_in_clear;
    requests_await(&f, 2);
    g_assert_null(kernel.in_clear);
    g_assert_cmpuint(laio_get_stats(f.s)->eventfd_wakeups, ==, 0);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void nothing(EventNotifier *e G_GNUC_UNUSED)
{
}

/* With a handler that has no io_poll each turn asks for descriptors, and may see a raised eventfd
 * that means nothing: once. */
static void test_stale_eventfd_does_not_keep_the_loop_busy(void)
{
    EventNotifier other;
    Fixture f;
    Request r;
    int turns = 0;

    fixture_up(&f, 64);
    request_init(&r, &f, QEMU_AIO_READ, 7);
    g_assert_cmpint(event_notifier_init(&other, false), ==, 0);
    aio_set_event_notifier(f.ctx, &other, false, nothing, NULL, NULL);
    request_start(&r);
    while (aio_poll(f.ctx, false)) {
        g_assert_cmpint(++turns, <, 5);
    }
    g_assert_cmpint(f.n_done, ==, 1);
    g_assert_cmpuint(laio_get_stats(f.s)->eventfd_wakeups, <=, 1);
    aio_set_event_notifier(f.ctx, &other, false, NULL, NULL, NULL);
    event_notifier_cleanup(&other);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void check_wrap_around(bool hide_ring)
{
    Fixture f;
    Request *r;

    fixture_up_ring(&f, 3, hide_ring);
    r = requests_new(&f, 7);
    for (int i = 0; i < 1000; i++) {
        f.n_done = 0;
        for (int k = 0; k < 7; k++) {
            r[k].runs = 0;
            r[k].offset = (i + k) % 64 * BLOCK;
        }
        laio_io_plug(f.s);
        requests_start(r, 7);
        laio_io_unplug(f.s);
        requests_await(&f, 7);
        check_reads(r, 7);
    }
    requests_free(r, 7);
    fixture_down(&f);
}

static void test_ring_wraps_around(void)
{
    check_wrap_around(false);
    check_wrap_around(true);
}

/* ---- nested loops -------------------------------------------------------------------------- */

/* Wait for @r in a nested loop, but not for ever. */
static void await_nested(Request *r)
{
    for (int i = 0; i < 1000 && !r->done; i++) {
        aio_poll(r->f->ctx, false);
    }
    g_assert_true(r->done);
}

static void await_other(Request *r)
{
    if (!r->other->done) {
        await_nested(r->other);
    }
}

/* Whichever completes first waits, in its callback, for the other, which is in the ring. */
static void test_callback_may_wait_for_another_completion(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 2);
    r[0].then = r[1].then = await_other;
    r[0].other = &r[1];
    r[1].other = &r[0];
    kernel.hold = true;
    requests_start(r, 2);
    kernel_release(2);
    requests_await(&f, 2);
    check_reads(r, 2);
    requests_free(r, 2);
    fixture_down(&f);
}

static void start_and_await_two_more(Request *r)
{
    for (int i = 1; i <= 2; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r[i]));
        await_nested(&r[i]);
    }
}

static void test_callback_may_wait_for_its_own_requests(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 3);
    r[0].then = start_and_await_two_more;
    kernel.hold = true;
    request_start(&r[0]);
    kernel.hold = false;
    kernel_release(1);
    requests_await(&f, 3);
    check_reads(r, 3);
    requests_free(r, 3);
    fixture_down(&f);
}

static void test_callback_of_a_refused_one_may_wait_for_its_own_requests(void)
{
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    r = requests_new(&f, 4);
    r[0].then = start_and_await_two_more;
    laio_io_plug(f.s);
    request_start(&r[0]);
    kernel_script(-EINVAL);
    laio_io_unplug(f.s);
    requests_await(&f, 3);
    g_assert_cmpint(r[0].ret, ==, -EINVAL);
    check_reads(&r[1], 2);
    requests_free(r, 4);
    fixture_down(&f);
}

/* ---- observers ----------------------------------------------------------------------------- */

typedef struct Observer {
    Request *r;
    int n_requests;
    int calls, iocbs;
} Observer;

static void observe(void *opaque, struct iocb **iocbs, int n)
{
    Observer *o = opaque;

    for (int i = 0; i < n; i++) {
        int k = 0;

        while (k < o->n_requests && o->r[k].co != laio_iocb_coroutine(iocbs[i])) {
            k++;
        }
        g_assert_cmpint(k, ==, o->iocbs + i); /* known, in order, and once */
        g_assert_false(o->r[k].done);
    }
    o->calls++;
    o->iocbs += n;
}

static void test_submitted_is_told_once_per_batch_before_completions(void)
{
    Observer o = { .n_requests = 10 };
    Fixture f;

    fixture_up(&f, 64);
    o.r = requests_new(&f, 10);
    laio_set_submitted_func(f.s, observe, &o);
    kernel_script(4, 64);
    laio_io_plug(f.s);
    requests_start(o.r, 10);
    g_assert_cmpint(o.calls, ==, 0);
    laio_io_unplug(f.s);
    g_assert_cmpint(o.calls, ==, 2);
    g_assert_cmpint(o.iocbs, ==, 10);
    requests_await(&f, 10);
    g_assert_cmpint(o.calls, ==, 2);
    requests_free(o.r, 10);
    fixture_down(&f);
}

static uint64_t sum(const uint64_t *buckets)
{
    uint64_t n = 0;

    for (int i = 0; i < AIO_HISTOGRAM_BUCKETS; i++) {
        n += buckets[i];
    }
    return n;
}

static void test_statistics_add_up(void)
{
    const AioStats *st;
    Fixture f;
    Request *r;

    fixture_up(&f, 64);
    st = laio_get_stats(f.s);
    r = requests_new(&f, 40);
    kernel_script(1, 2, 5, -EAGAIN, -EINVAL);
    kernel.hold = true;
    laio_io_plug(f.s);
    requests_start(r, 40); /* a batch of 32 goes on its way; the rest waits for its completions */
    laio_io_unplug(f.s);
    while (f.n_done < 40) {
        kernel_release(kernel.n_held);
        aio_poll(f.ctx, true);
    }
    g_assert_cmpuint(st->submit_calls, ==, kernel.calls);
    g_assert_cmpuint(st->submit_calls, ==, sum(st->batch) + st->submit_again + st->submit_errors);
    g_assert_cmpuint(st->submit_again, ==, 1);
    g_assert_cmpuint(st->submit_errors, ==, 1);
    g_assert_cmpuint(st->completions, ==, 39);
    g_assert_cmpuint(st->batch[0], ==, 1);           /* the 1 */
    g_assert_cmpuint(st->batch[1], ==, 1);           /* the 2 */
    g_assert_cmpuint(st->batch[3], ==, 1);           /* the 5: (4, 8] */
    g_assert_cmpuint(st->batch[5], ==, 1);           /* 31: (16, 32] */
    g_assert_cmpuint(st->completion_runs[3], ==, 1); /* 8 */
    g_assert_cmpuint(sum(st->completion_runs), <=, st->completions);
    g_assert_cmpuint(st->ring_polls, >=, st->ring_polls_empty + sum(st->completion_runs));
    requests_free(r, 40);
    fixture_down(&f);
}

/* ---- set-up -------------------------------------------------------------------------------- */

static char *setup_error(int error)
{
    AioContext *ctx = test_context_new();
    Error *err = NULL;
    char *message;

    memset(&kernel, 0, sizeof(kernel));
    kernel.setup_error = error;
    g_assert_null(aio_setup_linux_aio(ctx, 1000, &err));
    g_assert_null(aio_get_linux_aio(ctx));
    message = g_strdup(error_get_pretty(err));
    error_free(err);

    /* Nothing is left behind: the next attempt is as good as the first. */
    kernel.setup_error = 0;
    g_assert_nonnull(aio_setup_linux_aio(ctx, 16, &error_abort));
    test_context_free(ctx);
    return message;
}

static void test_aio_max_nr_used_up_is_named(void)
{
    g_autofree char *message = setup_error(-EAGAIN);

    g_assert_nonnull(strstr(message, "fs.aio-max-nr"));
    g_assert_nonnull(strstr(message, "1000"));
}

static void test_other_setup_error_has_its_reason(void)
{
    g_autofree char *message = setup_error(-ENOSYS);

    g_assert_nonnull(strstr(message, g_strerror(ENOSYS)));
    g_assert_null(strstr(message, "aio-max-nr"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/laio/data/reads-what-was-written", test_reads_what_was_written);
    g_test_add_func("/laio/data/without-ring", test_reads_what_was_written_without_ring);
    g_test_add_func("/laio/data/past-the-end-is-zeroes", test_read_past_the_end_is_zeroes);
    g_test_add_func("/laio/data/short-read-is-filled", test_short_read_is_filled_with_zeroes);
    g_test_add_func("/laio/data/short-write-is-enospc", test_short_write_is_enospc);
    g_test_add_func("/laio/data/errors-as-they-are", test_errors_come_as_they_are);
    g_test_add_func("/laio/data/fua-is-rwf-dsync", test_fua_is_rwf_dsync);
    g_test_add_func("/laio/data/flush-is-fdsync", test_flush_is_fdsync);
    g_test_add_func("/laio/queue/at-once-when-not-plugged",
                    test_each_goes_at_once_when_not_plugged);
    g_test_add_func("/laio/queue/plug-gathers-and-nests", test_plug_gathers_and_nests);
    g_test_add_func("/laio/queue/batch-of-32", test_batch_of_32_goes_although_plugged);
    g_test_add_func("/laio/queue/max-batch", test_max_batch_of_context_and_node);
    g_test_add_func("/laio/queue/batch-within-max-events", test_batch_is_no_longer_than_max_events);
    g_test_add_func("/laio/queue/never-beyond-max-events", test_never_beyond_max_events);
    g_test_add_func("/laio/refused/partial-keeps-the-rest", test_partial_acceptance_keeps_the_rest);
    g_test_add_func("/laio/refused/eagain-blocks-until-a-completion",
                    test_eagain_with_requests_in_flight_blocks_until_a_completion);
    g_test_add_func("/laio/refused/eagain-with-nothing-in-flight-asks-again",
                    test_eagain_with_nothing_in_flight_asks_again);
    g_test_add_func("/laio/refused/interrupted-goes-on", test_interrupted_submission_goes_on);
    g_test_add_func("/laio/refused/error-fails-that-one-only", test_error_fails_that_one_only);
    g_test_add_func("/laio/refused/all-refused-all-fail", test_all_refused_all_fail);
    g_test_add_func("/laio/refused/request-from-its-callback",
                    test_request_from_the_callback_of_a_refused_one);
    g_test_add_func("/laio/completion/while-entered-is-not-entered-again",
                    test_completed_while_entered_is_not_entered_again);
    g_test_add_func("/laio/completion/again-and-again", test_coroutine_may_submit_again_and_again);
    g_test_add_func("/laio/completion/chain-does-not-recurse",
                    test_chain_of_completions_does_not_recurse);
    g_test_add_func("/laio/completion/requests-from-them-make-one-batch",
                    test_requests_from_completions_make_one_batch);
    g_test_add_func("/laio/completion/requests-from-them-without-defer",
                    test_requests_from_completions_go_at_once_without_defer);
    g_test_add_func("/laio/completion/wakes-a-sleeping-loop",
                    test_completion_wakes_a_sleeping_loop);
    g_test_add_func("/laio/completion/eventfd-is-cleared-only-for-sleeping",
                    test_eventfd_is_cleared_only_for_sleeping);
    g_test_add_func("/laio/completion/during-the-clearing-is-found",
                    test_completion_during_the_clearing_is_found);
    g_test_add_func("/laio/completion/stale-eventfd-does-not-keep-busy",
                    test_stale_eventfd_does_not_keep_the_loop_busy);
    g_test_add_func("/laio/completion/found-by-polling-does-not-wake-later",
                    test_completion_found_by_polling_does_not_wake_later);
    g_test_add_func("/laio/completion/ring-wraps-around", test_ring_wraps_around);
    g_test_add_func("/laio/nested/wait-for-another-completion",
                    test_callback_may_wait_for_another_completion);
    g_test_add_func("/laio/nested/wait-for-own-requests",
                    test_callback_may_wait_for_its_own_requests);
    g_test_add_func("/laio/nested/refused-waits-for-own-requests",
                    test_callback_of_a_refused_one_may_wait_for_its_own_requests);
    g_test_add_func("/laio/observer/told-once-per-batch",
                    test_submitted_is_told_once_per_batch_before_completions);
    g_test_add_func("/laio/observer/statistics-add-up", test_statistics_add_up);
    g_test_add_func("/laio/setup/aio-max-nr-is-named", test_aio_max_nr_used_up_is_named);
    g_test_add_func("/laio/setup/other-error-has-its-reason",
                    test_other_setup_error_has_its_reason);
    return g_test_run();
}
