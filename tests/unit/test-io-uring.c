/* io_uring: the queue in front of io_uring_enter, and the completion ring behind it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap for io_uring_submit and io_uring_queue_init. A scripted kernel stands in front
 * of the real one: it takes the entries out of the submission ring and can refuse, take a part, cut
 * requests short, give them another result, or hold them and hand them on when told. What it hands
 * on the real kernel does, and completes into the real ring.
 */
#include "base/osdep.h"
#include "block/aio-queue.h"
#include "block/io_uring.h"
#include "aio-requests.h"
#include "util.h"

#ifdef HAVE_LIBURING

#include <liburing.h>
#include "base/memalign.h"
#include "block/raw-aio.h"

/* ---- the scripted kernel ------------------------------------------------------------------- */

#define HELD_MAX 1024

static struct {
    struct io_uring *ring;
    int calls;                 /* of io_uring_submit */
    int last_nr;               /* requests offered by the last call */
    struct io_uring_sqe first; /* as it was offered: the first of the last call */

    const int *script; /* for the next calls: -errno, 0, or how many to take; NULL when used up */
    int script_len;
    bool refuse; /* until further notice: -EBUSY */

    const int *results; /* for the next requests taken: what becomes of them, see become() */
    int results_len;

    bool hold;
    struct io_uring_sqe held[HELD_MAX];
    int n_held, held_max;

    int setup_error;
} kernel;

/* For results: what the real kernel makes of it; n > 0: of its first n bytes only; -errno. */
#define REAL 0

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);
int __wrap_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags);

int __wrap_io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
    int ret = kernel.setup_error ?: __real_io_uring_queue_init(entries, ring, flags);

    kernel.ring = ring;
    return ret;
}

/* Take all entries out of the submission ring. Returns how many. */
static int ring_take(struct io_uring_sqe *sqes)
{
    struct io_uring_sq *sq = &kernel.ring->sq;
    unsigned mask = *sq->kring_mask;
    int n = 0;

    for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
        g_assert_cmpint(n, <, HELD_MAX);
        sqes[n++] = sq->sqes[i & mask];
    }
    sq->sqe_tail = sq->sqe_head;
    return n;
}

static void ring_put(const struct io_uring_sqe *sqes, int n)
{
    for (int i = 0; i < n; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(kernel.ring);

        g_assert_nonnull(sqe);
        *sqe = sqes[i];
    }
}

static struct io_uring_cqe *find_completion(uint64_t user_data)
{
    struct io_uring_cqe *cqe;
    unsigned head;

    io_uring_for_each_cqe(kernel.ring, head, cqe)
    {
        if (cqe->user_data == user_data) {
            return cqe;
        }
    }
    return NULL;
}

/* Hand @sqe on, and have its result be @ret. */
static void pass_with_result(struct io_uring_sqe *sqe, int ret)
{
    struct io_uring_cqe *cqe;

    ring_put(sqe, 1);
    g_assert_cmpint(__real_io_uring_submit(kernel.ring), ==, 1);
    while (!(cqe = find_completion(sqe->user_data))) {
        g_usleep(10);
    }
    cqe->res = ret;
}

/* Hand @sqe on, but for its first @len bytes only. */
static void pass_cut(struct io_uring_sqe *sqe, size_t len)
{
    struct iovec iov[16];

    if (sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_WRITE) {
        sqe->len = MIN(sqe->len, len);
        ring_put(sqe, 1);
    } else {
        g_assert_cmpint(sqe->len, <=, 16);
        memcpy(iov, (void *)(uintptr_t)sqe->addr, sqe->len * sizeof(iov[0]));
        for (unsigned i = 0, left = len; i < sqe->len; i++) {
            iov[i].iov_len = MIN(iov[i].iov_len, left);
            left -= iov[i].iov_len;
        }
        sqe->addr = (uintptr_t)iov;
        ring_put(sqe, 1);
    }
    g_assert_cmpint(__real_io_uring_submit(kernel.ring), ==, 1);
}

/* One request goes to the real kernel, or becomes what the script says. */
static void become(struct io_uring_sqe *sqe)
{
    int result = REAL;

    if (kernel.results_len > 0) {
        result = *kernel.results++;
        kernel.results_len--;
    }
    if (result == REAL) {
        ring_put(sqe, 1);
        g_assert_cmpint(__real_io_uring_submit(kernel.ring), ==, 1);
    } else if (result < 0) {
        pass_with_result(sqe, result);
    } else {
        pass_cut(sqe, result);
    }
}

static void kernel_take(struct io_uring_sqe *sqes, int n)
{
    for (int i = 0; i < n; i++) {
        if (kernel.hold) {
            g_assert_cmpint(kernel.n_held, <, HELD_MAX);
            kernel.held[kernel.n_held++] = sqes[i];
        } else {
            become(&sqes[i]);
        }
    }
    kernel.held_max = MAX(kernel.held_max, kernel.n_held);
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
    static struct io_uring_sqe sqes[HELD_MAX];
    int offered, n;

    g_assert_true(ring == kernel.ring);
    kernel.calls++;
    n = offered = ring_take(sqes);
    kernel.last_nr = offered;
    if (offered) {
        kernel.first = sqes[0];
    }
    if (kernel.refuse) {
        n = -EBUSY;
    } else if (kernel.script_len > 0) {
        kernel.script_len--;
        n = MIN(n, *kernel.script);
        kernel.script++;
    }
    kernel_take(sqes, n);
    ring_put(sqes + MAX(n, 0), offered - MAX(n, 0));
    return n;
}

/* The first @n held requests go on. */
static void kernel_release(int n)
{
    static struct io_uring_sqe rest[HELD_MAX];
    int n_rest = ring_take(rest);

    g_assert_cmpint(n, <=, kernel.n_held);
    for (int i = 0; i < n; i++) {
        become(&kernel.held[i]);
    }
    kernel.n_held -= n;
    memmove(kernel.held, kernel.held + n, kernel.n_held * sizeof(kernel.held[0]));
    ring_put(rest, n_rest);
}

/* The same, and they are all done: in the completion ring. */
static void kernel_release_until_done(int n)
{
    unsigned ready = io_uring_cq_ready(kernel.ring) + n;

    kernel_release(n);
    while (io_uring_cq_ready(kernel.ring) < ready) {
        g_usleep(10);
    }
}

#define SCRIPT(list, len, ...)                        \
    do {                                              \
        static const int script_[] = { __VA_ARGS__ }; \
        (list) = script_;                             \
        (len) = (int)G_N_ELEMENTS(script_);           \
    } while (0)
#define kernel_script(...)  SCRIPT(kernel.script, kernel.script_len, __VA_ARGS__)
#define kernel_results(...) SCRIPT(kernel.results, kernel.results_len, __VA_ARGS__)

/* ---- requests ------------------------------------------------------------------------------ */

static int coroutine_fn submit(Request *r)
{
    return luring_co_submit(r->f->s, r->f->fd, r->offset, request_qiov(r), r->type, r->flags);
}

static bool no_io_uring(void)
{
    struct io_uring ring;
    int ret = __real_io_uring_queue_init(2, &ring, 0);
    g_autofree char *why = g_strdup_printf("no io_uring is to be had: %s", g_strerror(-ret));

    if (ret < 0) {
        g_test_skip(why);
        return true;
    }
    io_uring_queue_exit(&ring);
    return false;
}

/* False, with the test skipped, where there is no io_uring. */
static bool fixture_up(Fixture *f, unsigned max_events)
{
    if (no_io_uring()) {
        return false;
    }
    memset(&kernel, 0, sizeof(kernel));
    *f = (Fixture){ .ctx = test_context_new(), .submit = submit };
    f->s = aio_setup_linux_io_uring(f->ctx, max_events, &error_abort);
    g_assert_true(aio_get_linux_io_uring(f->ctx) == f->s);
    f->fd = test_file_new(test_tmpfs_dir(), 0, FILE_SIZE);
    g_assert_cmpint(f->fd, >=, 0);
    return true;
}

static void fixture_down(Fixture *f)
{
    g_assert_cmpuint(luring_queued(f->s), ==, 0);
    close(f->fd);
    test_context_free(f->ctx);
}

/* ---- data ---------------------------------------------------------------------------------- */

static void test_reads_what_was_written(void)
{
    uint8_t second[BLOCK];
    struct iovec iov[2];
    Request w, r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    request_init(&w, &f, QEMU_AIO_WRITE, 3);
    request_init(&r, &f, QEMU_AIO_READ, 3);
    g_assert_cmpint(request_run(&w), ==, 0);
    g_assert_cmpint(kernel.first.opcode, ==, IORING_OP_WRITE);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.opcode, ==, IORING_OP_READ);
    g_assert_cmpmem(r.buf, BLOCK, w.buf, BLOCK);

    memset(r.buf, 0, BLOCK);
    memset(second, 0, sizeof(second));
    iov[0] = (struct iovec){ r.buf, BLOCK };
    iov[1] = (struct iovec){ second, BLOCK };
    qemu_iovec_init_external(&r.qiov, iov, 2);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.opcode, ==, IORING_OP_READV);
    g_assert_cmpmem(r.buf, BLOCK, w.buf, BLOCK);
    g_assert_true(test_bytes_are(second, 4 * BLOCK, BLOCK));

    memset(r.buf, 0x11, BLOCK);
    r.type = QEMU_AIO_WRITE;
    r.offset = 10 * BLOCK;
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.opcode, ==, IORING_OP_WRITEV);
    w.type = QEMU_AIO_READ;
    w.offset = 10 * BLOCK;
    g_assert_cmpint(request_run(&w), ==, 0);
    g_assert_cmpmem(r.buf, BLOCK, w.buf, BLOCK);
    qemu_vfree(w.buf);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_read_past_the_end_is_zeroes(void)
{
    static const uint8_t zeroes[BLOCK];
    Request r, partly;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
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

/* Read with @results from the kernel for one attempt after the other. */
static void check_short_reads(bool vector, const int *results, int n)
{
    uint8_t bytes[BLOCK + 2];
    struct iovec iov[3] = { { bytes, 1000 }, { bytes + 1001, 24 }, { bytes + 1026, 3072 } };
    Request r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    memset(bytes, 0xee, sizeof(bytes));
    request_init(&r, &f, QEMU_AIO_READ, 5);
    if (vector) {
        qemu_iovec_init_external(&r.qiov, iov, 3);
    }
    kernel.results = results;
    kernel.results_len = n;
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(r.runs, ==, 1);
    g_assert_cmpint(kernel.results_len, ==, 0);
    g_assert_cmpint(kernel.calls, ==, n);
    if (vector) {
        qemu_iovec_to_buf(&r.qiov, 0, r.buf, BLOCK);
        g_assert_cmpint(bytes[1000], ==, 0xee);
        g_assert_cmpint(bytes[1025], ==, 0xee);
        g_assert_cmpint(iov[0].iov_len, ==, 1000); /* the caller's: as it was */
    }
    g_assert_true(test_bytes_are(r.buf, 5 * BLOCK, BLOCK));
    qemu_vfree(r.buf);
    fixture_down(&f);
}

#define CHECK_SHORT_READS(...)                                           \
    do {                                                                 \
        static const int results_[] = { __VA_ARGS__ };                   \
        check_short_reads(false, results_, (int)G_N_ELEMENTS(results_)); \
        check_short_reads(true, results_, (int)G_N_ELEMENTS(results_));  \
    } while (0)

static void test_short_read_is_read_on(void)
{
    CHECK_SHORT_READS(1, REAL);
    CHECK_SHORT_READS(1000, REAL);
    CHECK_SHORT_READS(4095, REAL);
}

static void test_short_reads_several_times(void)
{
    CHECK_SHORT_READS(100, 900, 1, 23, 1, 2000, REAL);
    CHECK_SHORT_READS(512, -EAGAIN, 512, -EINTR, -EINTR, REAL);
}

static void test_interrupted_completions_are_tried_again(void)
{
    CHECK_SHORT_READS(-EINTR, REAL);
    CHECK_SHORT_READS(-EAGAIN, -EAGAIN, REAL);
}

/* A short read, and what is behind it past the end. */
static void test_short_read_at_the_end_is_filled(void)
{
    static const uint8_t zeroes[BLOCK];
    Request r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    g_assert_cmpint(ftruncate(f.fd, 2 * BLOCK + 1000), ==, 0);
    request_init(&r, &f, QEMU_AIO_READ, 2);
    kernel_results(300, 300);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_true(test_bytes_are(r.buf, 2 * BLOCK, 1000));
    g_assert_cmpmem(r.buf + 1000, BLOCK - 1000, zeroes, BLOCK - 1000);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_error_after_a_short_read(void)
{
    Request r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_READ, 2);
    kernel_results(300, -EIO);
    g_assert_cmpint(request_run(&r), ==, -EIO);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_interrupted_write_and_flush_are_tried_again(void)
{
    Request w, flush;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    request_init(&w, &f, QEMU_AIO_WRITE, 2);
    request_init(&flush, &f, QEMU_AIO_FLUSH, 0);
    kernel_results(-EINTR, -EAGAIN, REAL, -EINTR, REAL);
    g_assert_cmpint(request_run(&w), ==, 0);
    g_assert_cmpint(kernel.calls, ==, 3);
    g_assert_cmpint(request_run(&flush), ==, 0);
    g_assert_cmpint(kernel.calls, ==, 5);
    g_assert_cmpint(kernel.results_len, ==, 0);
    qemu_vfree(w.buf);
    qemu_vfree(flush.buf);
    fixture_down(&f);
}

static void test_short_write_is_enospc(void)
{
    Request r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_WRITE, 0);
    kernel_results(BLOCK - 512);
    g_assert_cmpint(request_run(&r), ==, -ENOSPC);
    g_assert_cmpint(kernel.calls, ==, 1);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_errors_come_as_they_are(void)
{
    Request r;
    Fixture f;
    int fd;

    if (!fixture_up(&f, 16)) {
        return;
    }
    fd = f.fd;
    request_init(&r, &f, QEMU_AIO_READ, 0);
    f.fd = -1;
    g_assert_cmpint(request_run(&r), ==, -EBADF);
    f.fd = fd;
    kernel_results(-ECANCELED);
    g_assert_cmpint(request_run(&r), ==, -ECANCELED);
    qemu_iovec_init_buf(&r.qiov, test_read_only_page(), BLOCK);
    g_assert_cmpint(request_run(&r), ==, -EFAULT);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_fua_is_rwf_dsync(void)
{
    Request r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_WRITE, 0);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.rw_flags, ==, 0);
    r.flags = BDRV_REQ_FUA;
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.rw_flags, ==, RWF_DSYNC);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_flush_is_fdatasync(void)
{
    Request r;
    Fixture f;

    if (!fixture_up(&f, 16)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_FLUSH, 0);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.first.opcode, ==, IORING_OP_FSYNC);
    g_assert_cmpuint(kernel.first.fsync_flags, ==, IORING_FSYNC_DATASYNC);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* ---- the queue: plug and batches ----------------------------------------------------------- */

static void test_each_goes_at_once_when_not_plugged(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 16)) {
        return;
    }
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

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 10);
    luring_io_plug(f.s);
    luring_io_plug(f.s);
    requests_start(r, 10);
    luring_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 0);
    g_assert_cmpuint(luring_queued(f.s), ==, 10);
    luring_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 1);
    g_assert_cmpint(kernel.last_nr, ==, 10);
    requests_await(&f, 10);
    check_reads(r, 10);

    luring_io_plug(f.s);
    luring_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 1);
    requests_free(r, 10);
    fixture_down(&f);
}

/* Under plug, requests are to go out in batches of @expected. */
static void check_batch(unsigned max_events, int64_t ctx_max_batch, int expected)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, max_events)) {
        return;
    }
    r = requests_new(&f, expected);
    aio_context_set_aio_params(f.ctx, ctx_max_batch);
    luring_io_plug(f.s);
    for (int i = 0; i < expected; i++) {
        g_assert_cmpint(kernel.calls, ==, 0);
        request_start(&r[i]);
    }
    g_assert_cmpint(kernel.calls, ==, 1);
    g_assert_cmpint(kernel.last_nr, ==, expected);
    luring_io_unplug(f.s);
    requests_await(&f, expected);
    check_reads(r, expected);
    requests_free(r, expected);
    fixture_down(&f);
}

static void test_batch_of_32_goes_although_plugged(void)
{
    check_batch(512, 0, AIO_DEFAULT_MAX_BATCH);
}

static void test_max_batch_of_the_context(void)
{
    check_batch(512, 8, 8);
    check_batch(512, 64, 64);
}

static void test_batch_is_no_longer_than_max_events(void)
{
    check_batch(5, 0, 5);
}

static void check_never_beyond_max_events(bool plugged)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 5)) {
        return;
    }
    r = requests_new(&f, 40);
    kernel.hold = true;
    if (plugged) {
        luring_io_plug(f.s);
    }
    requests_start(r, 40);
    if (plugged) {
        luring_io_unplug(f.s);
    }
    g_assert_cmpint(kernel.n_held, ==, 5);
    g_assert_cmpuint(luring_queued(f.s), ==, 35);
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

/* In the order in which they came, whatever is taken at once. */
static void test_order_is_kept(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 12);
    kernel.hold = true;
    kernel_script(5, 1, -EINTR, 2);
    luring_io_plug(f.s);
    requests_start(r, 12);
    luring_io_unplug(f.s);
    g_assert_cmpint(kernel.n_held, ==, 12);
    for (int i = 0; i < 12; i++) {
        g_assert_cmpuint(kernel.held[i].off, ==, r[i].offset);
    }
    kernel_release(12);
    requests_await(&f, 12);
    check_reads(r, 12);
    requests_free(r, 12);
    fixture_down(&f);
}

/* ---- the queue: refusals ------------------------------------------------------------------- */

static void test_partial_acceptance_keeps_the_rest(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 10);
    kernel_script(3, 1, 4);
    luring_io_plug(f.s);
    requests_start(r, 10);
    luring_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 4);
    g_assert_cmpint(kernel.last_nr, ==, 2);
    requests_await(&f, 10);
    check_reads(r, 10);
    requests_free(r, 10);
    fixture_down(&f);
}

static void test_no_room_with_requests_in_flight_blocks_until_a_completion(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
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
    g_assert_cmpuint(luring_queued(f.s), ==, 4);

    kernel.refuse = kernel.hold = false;
    kernel_release(1);
    requests_await(&f, 5);
    g_assert_cmpint(kernel.calls, ==, 4);
    g_assert_cmpint(kernel.last_nr, ==, 4);
    kernel_release(1);
    requests_await(&f, 6);
    check_reads(r, 6);
    g_assert_cmpuint(luring_get_stats(f.s)->submit_again, ==, 1);
    requests_free(r, 6);
    fixture_down(&f);
}

/* Nothing of ours is there to complete: ask again, but without burning the processor. */
static void test_no_room_with_nothing_in_flight_asks_again(void)
{
    gint64 start = g_get_monotonic_time();
    Request r;
    Fixture f;

    if (!fixture_up(&f, 64)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_READ, 0);
    kernel_script(-EAGAIN, -EBUSY, 0, -EAGAIN);
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

    if (!fixture_up(&f, 64)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_READ, 0);
    kernel_script(-EINTR, -EINTR);
    g_assert_cmpint(request_run(&r), ==, 0);
    g_assert_cmpint(kernel.calls, ==, 3);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

/* What was read short, and what was interrupted, waits its turn behind those who are blocked. */
static void test_second_attempt_of_a_blocked_queue(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 3);
    kernel.hold = true;
    request_start(&r[0]);
    kernel.refuse = true;
    requests_start(&r[1], 2);
    kernel_results(100, -EINTR, 50);
    kernel_release(1);
    TEST_POLL_UNTIL(f.ctx, luring_queued(f.s) == 3);
    kernel.refuse = kernel.hold = false;
    requests_await(&f, 3);
    check_reads(r, 3);
    requests_free(r, 3);
    fixture_down(&f);
}

/* While it is plugged a completion submits nothing, but the unplug does then. */
static void test_completion_under_plug_ends_the_block(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 2);
    kernel.hold = true;
    request_start(&r[0]);
    kernel.refuse = true;
    request_start(&r[1]);
    luring_io_plug(f.s);
    kernel.refuse = kernel.hold = false;
    kernel_release(1);
    requests_await(&f, 1);
    g_assert_cmpuint(luring_queued(f.s), ==, 1);
    luring_io_unplug(f.s);
    g_assert_cmpuint(luring_queued(f.s), ==, 0);
    requests_await(&f, 2);
    check_reads(r, 2);
    requests_free(r, 2);
    fixture_down(&f);
}

/* ---- completion ---------------------------------------------------------------------------- */

/* What is left of a short read is a request like others: it waits for the unplug. */
static void test_short_read_under_plug(void)
{
    Request r;
    Fixture f;

    if (!fixture_up(&f, 64)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_READ, 9);
    kernel_results(10, REAL);
    kernel.hold = true;
    request_start(&r);
    luring_io_plug(f.s);
    kernel.hold = false;
    kernel_release(1);
    TEST_POLL_UNTIL(f.ctx, luring_queued(f.s) == 1);
    test_poll_idle(f.ctx);
    g_assert_cmpint(kernel.calls, ==, 1);
    luring_io_unplug(f.s);
    g_assert_cmpint(kernel.calls, ==, 2);
    requests_await(&f, 1);
    check_read(&r);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void coroutine_fn many_in_one_entry(void *opaque)
{
    Request *r = opaque;

    for (int i = 0; i < 1000; i++) {
        r->offset = i % 64 * BLOCK;
        r->ret = luring_co_submit(r->f->s, r->f->fd, r->offset, &r->qiov, QEMU_AIO_READ, 0);
        g_assert_cmpint(r->ret, ==, 0);
        g_assert_true(test_bytes_are(r->buf, r->offset, BLOCK));
    }
    r->f->n_done++;
}

static void test_coroutine_may_submit_again_and_again(void)
{
    Request r;
    Fixture f;

    if (!fixture_up(&f, 64)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_READ, 1);
    qemu_coroutine_enter(qemu_coroutine_create(many_in_one_entry, &r));
    requests_await(&f, 1);
    qemu_vfree(r.buf);
    fixture_down(&f);
}

#define CHAIN 20000

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

    if (!fixture_up(&f, 64)) {
        return;
    }
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

/* Requests that completions lead to wait for each other, and go as one. */
static void test_requests_from_completions_make_one_batch(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 16);
    kernel.hold = true;
    for (int i = 0; i < 8; i++) {
        r[i].then = start_other;
        r[i].other = &r[8 + i];
        request_start(&r[i]);
    }
    g_assert_cmpint(kernel.calls, ==, 8);
    kernel_release_until_done(8);
    requests_await(&f, 8);
    g_assert_cmpint(kernel.calls, ==, 9);
    g_assert_cmpint(kernel.last_nr, ==, 8);
    kernel_release_until_done(8);
    requests_await(&f, 16);
    check_reads(r, 16);
    requests_free(r, 16);
    fixture_down(&f);
}

static gpointer release_late_thread(gpointer opaque G_GNUC_UNUSED)
{
    g_usleep(20000);
    kernel_release(1);
    return NULL;
}

static void test_completion_wakes_a_sleeping_loop(void)
{
    GThread *thread;
    Request r;
    Fixture f;

    if (!fixture_up(&f, 64)) {
        return;
    }
    request_init(&r, &f, QEMU_AIO_READ, 7);
    kernel.hold = true;
    for (int i = 1; i <= 3; i++) {
        r.runs = 0;
        request_start(&r);
        thread = g_thread_new("release", release_late_thread, NULL);
        requests_await(&f, i);
        g_thread_join(thread);
        check_read(&r);
    }
    qemu_vfree(r.buf);
    fixture_down(&f);
}

static void test_ring_wraps_around(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 3)) {
        return;
    }
    r = requests_new(&f, 7);
    for (int i = 0; i < 300; i++) {
        f.n_done = 0;
        for (int k = 0; k < 7; k++) {
            r[k].runs = 0;
            r[k].offset = (i + k) % 64 * BLOCK;
        }
        luring_io_plug(f.s);
        requests_start(r, 7);
        luring_io_unplug(f.s);
        requests_await(&f, 7);
        check_reads(r, 7);
    }
    requests_free(r, 7);
    fixture_down(&f);
}

/* ---- nested loops -------------------------------------------------------------------------- */

/* Wait for @r in a nested loop, but not for ever. */
static void await_nested(Request *r)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    while (!r->done && g_get_monotonic_time() < end) {
        if (!aio_poll(r->f->ctx, false)) {
            g_usleep(10);
        }
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

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 2);
    r[0].then = r[1].then = await_other;
    r[0].other = &r[1];
    r[1].other = &r[0];
    kernel.hold = true;
    requests_start(r, 2);
    kernel_release_until_done(2);
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

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 3);
    r[0].then = start_and_await_two_more;
    kernel.hold = true;
    request_start(&r[0]);
    kernel.hold = false;
    kernel_release_until_done(1);
    requests_await(&f, 3);
    check_reads(r, 3);
    requests_free(r, 3);
    fixture_down(&f);
}

/* The one that the callback waits for was read short, and so must be submitted once more. */
static void test_callback_may_wait_for_a_short_read(void)
{
    Fixture f;
    Request *r;

    if (!fixture_up(&f, 64)) {
        return;
    }
    r = requests_new(&f, 2);
    r[1].then = await_other;
    r[1].other = &r[0];
    kernel.hold = true;
    requests_start(r, 2);
    kernel_results(100, REAL, 100, -EINTR, REAL);
    kernel_release_until_done(2);
    kernel.hold = false;
    requests_await(&f, 2);
    check_reads(r, 2);
    requests_free(r, 2);
    fixture_down(&f);
}

/* ---- observers ----------------------------------------------------------------------------- */

typedef struct Observer {
    Request *r;
    int n_requests;
    int calls, seen;
} Observer;

static void observe(void *opaque, Coroutine *const *co, unsigned n)
{
    Observer *o = opaque;

    for (unsigned i = 0; i < n; i++) {
        g_assert_true(co[i] == o->r[o->seen + i].co); /* in order, and once */
        g_assert_false(o->r[o->seen + i].done);
    }
    o->calls++;
    o->seen += n;
}

static void test_submitted_is_told_once_per_batch_before_completions(void)
{
    Observer o = { .n_requests = 10 };
    Fixture f;

    if (!fixture_up(&f, 64)) {
        return;
    }
    o.r = requests_new(&f, 10);
    luring_set_submitted_func(f.s, observe, &o);
    kernel_script(4, 64);
    luring_io_plug(f.s);
    requests_start(o.r, 10);
    g_assert_cmpint(o.calls, ==, 0);
    luring_io_unplug(f.s);
    g_assert_cmpint(o.calls, ==, 2);
    g_assert_cmpint(o.seen, ==, 10);
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

    if (!fixture_up(&f, 64)) {
        return;
    }
    st = luring_get_stats(f.s);
    r = requests_new(&f, 8);
    kernel_script(1, 2, -EBUSY);
    kernel.hold = true;
    luring_io_plug(f.s);
    requests_start(r, 8);
    luring_io_unplug(f.s);
    while (f.n_done < 8) {
        kernel_release(kernel.n_held);
        aio_poll(f.ctx, true);
    }
    g_assert_cmpuint(st->submit_calls, ==, kernel.calls);
    g_assert_cmpuint(st->submit_calls, ==, sum(st->batch) + st->submit_again);
    g_assert_cmpuint(st->submit_again, ==, 1);
    g_assert_cmpuint(st->completions, ==, 8);
    g_assert_cmpuint(st->batch[0], ==, 1); /* the 1 */
    g_assert_cmpuint(st->batch[1], ==, 1); /* the 2 */
    g_assert_cmpuint(st->batch[3], ==, 1); /* 5: (4, 8] */
    g_assert_cmpuint(sum(st->completion_runs), <=, st->completions);
    g_assert_cmpuint(st->ring_polls, >=, st->ring_polls_empty + sum(st->completion_runs));
    requests_free(r, 8);
    fixture_down(&f);
}

/* ---- set-up -------------------------------------------------------------------------------- */

static void test_setup_error_has_its_reason(void)
{
    AioContext *ctx;
    Error *err = NULL;

    if (no_io_uring()) {
        return;
    }
    ctx = test_context_new();
    memset(&kernel, 0, sizeof(kernel));
    kernel.setup_error = -EPERM;
    g_assert_null(aio_setup_linux_io_uring(ctx, 1000, &err));
    g_assert_null(aio_get_linux_io_uring(ctx));
    g_assert_nonnull(strstr(error_get_pretty(err), "io_uring"));
    g_assert_nonnull(strstr(error_get_pretty(err), g_strerror(EPERM)));
    g_assert_null(strchr(error_get_pretty(err), '\n'));
    error_free(err);

    /* Nothing is left behind: the next attempt is as good as the first. */
    kernel.setup_error = 0;
    g_assert_nonnull(aio_setup_linux_io_uring(ctx, 16, &error_abort));
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io_uring/data/reads-what-was-written", test_reads_what_was_written);
    g_test_add_func("/io_uring/data/read-past-the-end-is-zeroes", test_read_past_the_end_is_zeroes);
    g_test_add_func("/io_uring/data/short-read-is-read-on", test_short_read_is_read_on);
    g_test_add_func("/io_uring/data/short-reads-several-times", test_short_reads_several_times);
    g_test_add_func("/io_uring/data/interrupted-completions-are-tried-again",
                    test_interrupted_completions_are_tried_again);
    g_test_add_func("/io_uring/data/short-read-at-the-end-is-filled",
                    test_short_read_at_the_end_is_filled);
    g_test_add_func("/io_uring/data/error-after-a-short-read", test_error_after_a_short_read);
    g_test_add_func("/io_uring/data/interrupted-write-and-flush-are-tried-again",
                    test_interrupted_write_and_flush_are_tried_again);
    g_test_add_func("/io_uring/data/short-write-is-enospc", test_short_write_is_enospc);
    g_test_add_func("/io_uring/data/errors-come-as-they-are", test_errors_come_as_they_are);
    g_test_add_func("/io_uring/data/fua-is-rwf-dsync", test_fua_is_rwf_dsync);
    g_test_add_func("/io_uring/data/flush-is-fdatasync", test_flush_is_fdatasync);
    g_test_add_func("/io_uring/queue/each-goes-at-once-when-not-plugged",
                    test_each_goes_at_once_when_not_plugged);
    g_test_add_func("/io_uring/queue/plug-gathers-and-nests", test_plug_gathers_and_nests);
    g_test_add_func("/io_uring/queue/batch-of-32-goes-although-plugged",
                    test_batch_of_32_goes_although_plugged);
    g_test_add_func("/io_uring/queue/max-batch-of-the-context", test_max_batch_of_the_context);
    g_test_add_func("/io_uring/queue/batch-is-no-longer-than-max-events",
                    test_batch_is_no_longer_than_max_events);
    g_test_add_func("/io_uring/queue/never-beyond-max-events", test_never_beyond_max_events);
    g_test_add_func("/io_uring/queue/order-is-kept", test_order_is_kept);
    g_test_add_func("/io_uring/refused/partial-acceptance-keeps-the-rest",
                    test_partial_acceptance_keeps_the_rest);
    g_test_add_func("/io_uring/refused/no-room-with-requests-in-flight-blocks-until-a-completion",
                    test_no_room_with_requests_in_flight_blocks_until_a_completion);
    g_test_add_func("/io_uring/refused/no-room-with-nothing-in-flight-asks-again",
                    test_no_room_with_nothing_in_flight_asks_again);
    g_test_add_func("/io_uring/refused/interrupted-submission-goes-on",
                    test_interrupted_submission_goes_on);
    g_test_add_func("/io_uring/refused/second-attempt-of-a-blocked-queue",
                    test_second_attempt_of_a_blocked_queue);
    g_test_add_func("/io_uring/refused/completion-under-plug-ends-the-block",
                    test_completion_under_plug_ends_the_block);
    g_test_add_func("/io_uring/completion/short-read-under-plug", test_short_read_under_plug);
    g_test_add_func("/io_uring/completion/coroutine-may-submit-again-and-again",
                    test_coroutine_may_submit_again_and_again);
    g_test_add_func("/io_uring/completion/chain-of-completions-does-not-recurse",
                    test_chain_of_completions_does_not_recurse);
    g_test_add_func("/io_uring/completion/requests-from-completions-make-one-batch",
                    test_requests_from_completions_make_one_batch);
    g_test_add_func("/io_uring/completion/completion-wakes-a-sleeping-loop",
                    test_completion_wakes_a_sleeping_loop);
    g_test_add_func("/io_uring/completion/ring-wraps-around", test_ring_wraps_around);
    g_test_add_func("/io_uring/nested/callback-may-wait-for-another-completion",
                    test_callback_may_wait_for_another_completion);
    g_test_add_func("/io_uring/nested/callback-may-wait-for-its-own-requests",
                    test_callback_may_wait_for_its_own_requests);
    g_test_add_func("/io_uring/nested/callback-may-wait-for-a-short-read",
                    test_callback_may_wait_for_a_short_read);
    g_test_add_func("/io_uring/observer/submitted-is-told-once-per-batch-before-completions",
                    test_submitted_is_told_once_per_batch_before_completions);
    g_test_add_func("/io_uring/observer/statistics-add-up", test_statistics_add_up);
    g_test_add_func("/io_uring/setup/error-has-its-reason", test_setup_error_has_its_reason);
    return g_test_run();
}

#else /* !HAVE_LIBURING */

static void test_build_without_liburing_says_so(void)
{
    AioContext *ctx = test_context_new();
    Error *err = NULL;

    g_assert_null(aio_setup_linux_io_uring(ctx, 16, &err));
    g_assert_null(aio_get_linux_io_uring(ctx));
    g_assert_nonnull(strstr(error_get_pretty(err), "liburing"));
    error_free(err);
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io_uring/setup/build-without-liburing-says-so",
                    test_build_without_liburing_says_so);
    return g_test_run();
}

#endif
