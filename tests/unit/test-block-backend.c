/* BlockBackend: when callbacks come, what is refused, what is waited for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=io_submit, which can hold requests back until a thread lets them go.
 */
#include "base/osdep.h"
#include <libaio.h>
#include "base/memalign.h"
#include "block/block-backend.h"
#include "block/block_int.h"
#include "block/linux-aio.h"
#include "util.h"

#define BLOCK     4096
#define FILE_SIZE (64 * BLOCK)
#define HELD_MAX  64

static struct {
    int calls;
    long last_nr;
    int last_flags; /* aio_rw_flags of the first of the last call */
    bool hold;
    io_context_t ctx;
    struct iocb *held[HELD_MAX];
    int n_held;
} kernel;

int __real_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);
int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);

int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs)
{
    kernel.calls++;
    kernel.last_nr = nr;
    kernel.last_flags = iocbs[0]->aio_rw_flags;
    kernel.ctx = ctx;
    if (!kernel.hold) {
        return __real_io_submit(ctx, nr, iocbs);
    }
    for (long i = 0; i < nr; i++) {
        g_assert_cmpint(kernel.n_held, <, HELD_MAX);
        kernel.held[kernel.n_held++] = iocbs[i];
    }
    return nr;
}

static gpointer release_late_thread(gpointer opaque G_GNUC_UNUSED)
{
    g_usleep(20000);
    for (int done = 0; done < kernel.n_held;) {
        int ret = __real_io_submit(kernel.ctx, kernel.n_held - done, &kernel.held[done]);

        g_assert_cmpint(ret, >, 0);
        done += ret;
    }
    return NULL;
}

/* ---- set-up -------------------------------------------------------------------------------- */

typedef struct Fixture {
    AioContext *ctx;
    int fd;
    BlockBackend *blk;
    uint8_t *buf;
    QEMUIOVector qiov; /* one block of buf */
} Fixture;

static bool set_up_with(Fixture *f, const char *dir, int open_flags, BlockdevOptions *options)
{
    memset(&kernel, 0, sizeof(kernel));
    *f = (Fixture){ 0 };
    f->fd = test_file_new(dir, open_flags & BDRV_O_NOCACHE ? O_DIRECT : 0, FILE_SIZE);
    if (f->fd < 0) {
        g_test_skip("the file system has no direct I/O");
        return false;
    }
    f->ctx = test_context_new();
    options->filename = "image";
    options->fd = f->fd;
    f->blk = blk_new_with_bs(bdrv_open(NULL, options, open_flags, f->ctx, &error_abort));
    f->buf = qemu_memalign(BLOCK, FILE_SIZE);
    memset(f->buf, 0xee, FILE_SIZE);
    qemu_iovec_init_buf(&f->qiov, f->buf, BLOCK);
    return true;
}

static bool set_up_in(Fixture *f, const char *dir, int open_flags)
{
    BlockdevOptions options = { 0 };

    return set_up_with(f, dir, open_flags, &options);
}

/* Direct and native, where that is possible; most tests do not care where. */
static bool set_up(Fixture *f)
{
    return set_up_in(f, g_get_tmp_dir(), BDRV_O_RDWR | BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO);
}

static void tear_down(Fixture *f)
{
    blk_unref(f->blk);
    close(f->fd);
    qemu_vfree(f->buf);
    test_context_free(f->ctx);
}

/* What a callback learns. */
typedef struct Result {
    int calls;
    int ret;
    bool call_returned;
} Result;

static void result_cb(void *opaque, int ret)
{
    Result *res = opaque;

    g_assert_true(res->call_returned);
    res->calls++;
    res->ret = ret;
}

/* The call was made: nothing may have happened yet. Then wait for what comes, once. */
static int result_await(Fixture *f, Result *res)
{
    g_assert_cmpint(res->calls, ==, 0);
    res->call_returned = true;
    TEST_POLL_UNTIL(f->ctx, res->calls);
    test_poll_idle(f->ctx);
    g_assert_cmpint(res->calls, ==, 1);
    return res->ret;
}

static int aio_read(Fixture *f, int64_t offset)
{
    Result res = { 0 };

    blk_aio_preadv(f->blk, offset, &f->qiov, 0, result_cb, &res);
    return result_await(f, &res);
}

static int aio_write(Fixture *f, int64_t offset)
{
    Result res = { 0 };

    blk_aio_pwritev(f->blk, offset, &f->qiov, 0, result_cb, &res);
    return result_await(f, &res);
}

static int aio_discard(Fixture *f, int64_t offset, int64_t bytes)
{
    Result res = { 0 };

    blk_aio_pdiscard(f->blk, offset, bytes, result_cb, &res);
    return result_await(f, &res);
}

static int aio_flush(Fixture *f)
{
    Result res = { 0 };

    blk_aio_flush(f->blk, result_cb, &res);
    return result_await(f, &res);
}

/* ---- callbacks ----------------------------------------------------------------------------- */

static void check_every_kind(Fixture *f)
{
    g_assert_cmpint(aio_read(f, 3 * BLOCK), ==, 0);
    g_assert_true(test_bytes_are(f->buf, 3 * BLOCK, BLOCK));
    memset(f->buf, 0x77, BLOCK);
    g_assert_cmpint(aio_write(f, 5 * BLOCK), ==, 0);
    memset(f->buf, 0, BLOCK);
    g_assert_cmpint(aio_read(f, 5 * BLOCK), ==, 0);
    g_assert_cmpint(f->buf[0], ==, 0x77);
    g_assert_cmpint(f->buf[BLOCK - 1], ==, 0x77);
    g_assert_cmpint(aio_flush(f), ==, 0);
    g_assert_cmpint(aio_discard(f, 5 * BLOCK, BLOCK), ==, 0);
    g_assert_cmpint(aio_read(f, 5 * BLOCK), ==, 0);
    g_assert_cmpint(f->buf[0], ==, 0);
    g_assert_cmpint(f->buf[BLOCK - 1], ==, 0);
}

static void test_every_kind_natively(void)
{
    Fixture f;

    if (set_up(&f)) {
        check_every_kind(&f);
        tear_down(&f);
    }
}

/* Done inside io_submit, and still the callback comes later. */
static void test_every_kind_done_inside_the_call(void)
{
    Fixture f;

    if (set_up_in(&f, test_tmpfs_dir(), BDRV_O_RDWR | BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO)) {
        check_every_kind(&f);
        tear_down(&f);
    }
}

static void test_every_kind_in_workers(void)
{
    Fixture f;

    set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR);
    check_every_kind(&f);
    tear_down(&f);
}

static void test_refused_request_calls_back_later_too(void)
{
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    /* result_await() checks that. */
    g_assert_cmpint(aio_read(&f, FILE_SIZE), ==, -EIO);
    g_assert_cmpint(aio_read(&f, -1), ==, -EIO);
    g_assert_cmpint(aio_write(&f, FILE_SIZE), ==, -EIO);
    g_assert_cmpint(kernel.calls, ==, 0);
    tear_down(&f);
}

typedef struct Chain {
    Fixture *f;
    int left;
} Chain;

static void chain_cb(void *opaque, int ret)
{
    Chain *c = opaque;

    g_assert_cmpint(ret, ==, 0);
    if (--c->left > 0) {
        blk_aio_preadv(c->f->blk, c->left % 64 * BLOCK, &c->f->qiov, 0, chain_cb, c);
    }
}

static void test_chain_of_callbacks_does_not_recurse(void)
{
    CoroutinePoolStats before, after;
    Fixture f;
    Chain c = { .f = &f, .left = 100000 };

    if (!set_up_in(&f, test_tmpfs_dir(), BDRV_O_RDWR | BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO)) {
        return;
    }
    qemu_coroutine_pool_stats(&before);
    blk_aio_preadv(f.blk, 0, &f.qiov, 0, chain_cb, &c);
    TEST_POLL_UNTIL(f.ctx, c.left == 0);
    qemu_coroutine_pool_stats(&after);
    g_assert_cmpuint(after.created - before.created, <=, 4);
    g_assert_cmpuint(blk_aio_misses(f.ctx), <=, 2);
    tear_down(&f);
}

/* The callback of a refused request starts the next one, which is refused as well. */
static void refused_chain_cb(void *opaque, int ret)
{
    Chain *c = opaque;

    g_assert_cmpint(ret, ==, -EIO);
    if (--c->left > 0) {
        blk_aio_preadv(c->f->blk, FILE_SIZE, &c->f->qiov, 0, refused_chain_cb, c);
    }
}

static void test_chain_of_refused_ones_does_not_recurse(void)
{
    Fixture f;
    Chain c = { .f = &f, .left = 100000 };

    set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR);
    blk_aio_preadv(f.blk, FILE_SIZE, &f.qiov, 0, refused_chain_cb, &c);
    TEST_POLL_UNTIL(f.ctx, c.left == 0);
    tear_down(&f);
}

/* ---- ranges -------------------------------------------------------------------------------- */

static void test_outside_of_the_node_is_eio(void)
{
    Fixture f;

    set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR);
    g_assert_cmpint(blk_getlength(f.blk), ==, FILE_SIZE);
    g_assert_cmpint(aio_read(&f, -BLOCK), ==, -EIO);
    g_assert_cmpint(aio_read(&f, FILE_SIZE - BLOCK + 1), ==, -EIO);
    g_assert_cmpint(aio_read(&f, INT64_MAX), ==, -EIO);
    g_assert_cmpint(aio_write(&f, INT64_MAX - BLOCK + 1), ==, -EIO);
    g_assert_cmpint(aio_write(&f, INT64_MIN), ==, -EIO);
    g_assert_cmpint(aio_discard(&f, 0, FILE_SIZE + 1), ==, -EIO);
    g_assert_cmpint(aio_discard(&f, 0, -1), ==, -EIO);
    g_assert_cmpint(aio_discard(&f, BLOCK, INT64_MAX), ==, -EIO);
    g_assert_cmpint(aio_read(&f, FILE_SIZE - BLOCK), ==, 0);
    g_assert_cmpint(blk_getlength(f.blk), ==, FILE_SIZE);
    tear_down(&f);
}

static void test_growth_by_others_is_seen(void)
{
    Fixture f;

    set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR);
    g_assert_cmpint(aio_read(&f, FILE_SIZE), ==, -EIO);
    g_assert_cmpint(ftruncate(f.fd, FILE_SIZE + BLOCK), ==, 0);
    g_assert_cmpint(aio_read(&f, FILE_SIZE), ==, 0);
    g_assert_cmpint(blk_getlength(f.blk), ==, FILE_SIZE + BLOCK);
    tear_down(&f);
}

static void test_write_beyond_the_end_grows_where_allowed(void)
{
    Fixture f;

    set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR);
    g_assert_cmpint(aio_write(&f, FILE_SIZE), ==, -EIO);
    blk_set_allow_write_beyond_eof(f.blk, true);
    g_assert_cmpint(aio_write(&f, FILE_SIZE), ==, 0);
    g_assert_cmpint(blk_getlength(f.blk), ==, FILE_SIZE + BLOCK);
    g_assert_cmpint(aio_write(&f, -1), ==, -EIO);
    g_assert_cmpint(aio_write(&f, INT64_MAX - 1), ==, -EIO);
    tear_down(&f);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static void test_drain_waits_for_callbacks(void)
{
    Result res[3] = { { .call_returned = true },
                      { .call_returned = true },
                      { .call_returned = true } };
    GThread *thread;
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    blk_drain(f.blk); /* of nothing */
    kernel.hold = true;
    blk_aio_preadv(f.blk, 0, &f.qiov, 0, result_cb, &res[0]);
    blk_aio_pwritev(f.blk, BLOCK, &f.qiov, 0, result_cb, &res[1]);
    blk_aio_preadv(f.blk, FILE_SIZE, &f.qiov, 0, result_cb, &res[2]);
    thread = g_thread_new("release", release_late_thread, NULL);
    blk_drain(f.blk);
    g_assert_cmpint(res[0].calls, ==, 1);
    g_assert_cmpint(res[1].calls, ==, 1);
    g_assert_cmpint(res[2].calls, ==, 1);
    g_assert_cmpint(res[2].ret, ==, -EIO);
    g_thread_join(thread);
    tear_down(&f);
}

static void test_batch_of_the_node(void)
{
    BlockdevOptions options = { .aio_max_batch = 3 };
    Result res[5] = { 0 };
    Fixture f;

    if (!set_up_with(&f, g_get_tmp_dir(), BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO, &options)) {
        return;
    }
    blk_io_plug(f.blk);
    for (int i = 0; i < 5; i++) {
        blk_aio_preadv(f.blk, i * BLOCK, &f.qiov, 0, result_cb, &res[i]);
        res[i].call_returned = true;
        g_assert_cmpint(kernel.calls, ==, i >= 2);
    }
    g_assert_cmpint(kernel.last_nr, ==, 3);
    blk_io_unplug(f.blk);
    g_assert_cmpint(kernel.last_nr, ==, 2);
    TEST_POLL_UNTIL(f.ctx, res[0].calls && res[4].calls);
    tear_down(&f);
}

static void test_what_callbacks_start_goes_on_after_drain(void)
{
    Fixture f;
    Chain c = { .f = &f, .left = 10 };

    if (!set_up(&f)) {
        return;
    }
    blk_aio_preadv(f.blk, 0, &f.qiov, 0, chain_cb, &c);
    blk_drain(f.blk);
    g_assert_cmpint(c.left, ==, 9);
    tear_down(&f); /* which waits for all */
    g_assert_cmpint(c.left, ==, 0);
}

static void test_unref_waits_for_requests(void)
{
    Result res = { .call_returned = true };
    GThread *thread;
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    kernel.hold = true;
    blk_aio_preadv(f.blk, 7 * BLOCK, &f.qiov, 0, result_cb, &res);
    thread = g_thread_new("release", release_late_thread, NULL);
    blk_unref(f.blk);
    g_assert_cmpint(res.calls, ==, 1);
    g_assert_cmpint(res.ret, ==, 0);
    g_assert_true(test_bytes_are(f.buf, 7 * BLOCK, BLOCK));
    g_thread_join(thread);
    close(f.fd);
    qemu_vfree(f.buf);
    test_context_free(f.ctx);
}

static void test_flush_returns_when_done(void)
{
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    g_assert_cmpint(blk_flush(f.blk), ==, 0);
    g_assert_cmpint(kernel.calls, ==, 1);
    tear_down(&f);
}

/* ---- what a backend adds ------------------------------------------------------------------- */

static void test_write_through_is_fua_on_writes_only(void)
{
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    g_assert_cmpint(aio_write(&f, 0), ==, 0);
    g_assert_cmpint(kernel.last_flags, ==, 0);
    blk_set_enable_write_cache(f.blk, false);
    g_assert_cmpint(aio_write(&f, 0), ==, 0);
    g_assert_cmpint(kernel.last_flags, ==, RWF_DSYNC);
    g_assert_cmpint(aio_read(&f, 0), ==, 0);
    g_assert_cmpint(kernel.last_flags, ==, 0);
    blk_set_enable_write_cache(f.blk, true);
    g_assert_cmpint(aio_write(&f, 0), ==, 0);
    g_assert_cmpint(kernel.last_flags, ==, 0);
    tear_down(&f);
}

static void test_plug_gathers_across_backends(void)
{
    Result res[4] = { 0 };
    BlockBackend *other;
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    other = blk_new_with_bs(bdrv_open_fd(
        "other", f.fd, BDRV_O_RDWR | BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO, f.ctx, &error_abort));
    blk_io_plug(f.blk);
    blk_io_plug(other);
    for (int i = 0; i < 4; i++) {
        res[i].call_returned = true;
        blk_aio_preadv(i & 1 ? other : f.blk, 0, &f.qiov, 0, result_cb, &res[i]);
    }
    blk_io_unplug(f.blk);
    g_assert_cmpint(kernel.calls, ==, 0);
    blk_io_unplug(other);
    g_assert_cmpint(kernel.calls, ==, 1);
    g_assert_cmpint(kernel.last_nr, ==, 4);
    blk_drain(f.blk);
    blk_unref(other);
    for (int i = 0; i < 4; i++) {
        g_assert_cmpint(res[i].calls, ==, 1);
    }
    tear_down(&f);
}

typedef struct Seen {
    BlockAIOCB *acb;
    BlockAIOCB *expected;
    Result res;
} Seen;

static void see_submitted(void *opaque, struct iocb **iocbs, int n)
{
    Seen *seen = opaque;

    g_assert_cmpint(n, ==, 1);
    seen->acb = blk_aio_of_coroutine(laio_iocb_coroutine(iocbs[0]));
    g_assert_true(seen->acb->cb == result_cb);
    g_assert_true(seen->acb->opaque == &seen->res);
}

static void coroutine_fn other_entry(void *opaque G_GNUC_UNUSED)
{
    g_assert_null(blk_aio_of_coroutine(qemu_coroutine_self()));
}

static void test_request_of_a_coroutine(void)
{
    Seen seen = { .res.call_returned = true };
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    laio_set_submitted_func(aio_get_linux_aio(f.ctx), see_submitted, &seen);
    seen.expected = blk_aio_preadv(f.blk, 0, &f.qiov, 0, result_cb, &seen.res);
    g_assert_true(seen.acb == seen.expected);
    blk_drain(f.blk);
    seen.expected = blk_aio_flush(f.blk, result_cb, &seen.res);
    g_assert_true(seen.acb == seen.expected);
    blk_drain(f.blk);
    qemu_coroutine_enter(qemu_coroutine_create(other_entry, NULL));
    laio_set_submitted_func(aio_get_linux_aio(f.ctx), NULL, NULL);
    tear_down(&f);
}

/* @n requests at once. */
static void use(Fixture *f, int n)
{
    Result *res = g_new0(Result, n);

    for (int i = 0; i < n; i++) {
        res[i].call_returned = true;
        blk_aio_preadv(f->blk, i % 64 * BLOCK, &f->qiov, 0, result_cb, &res[i]);
    }
    blk_drain(f->blk);
    for (int i = 0; i < n; i++) {
        g_assert_cmpint(res[i].calls, ==, 1);
        g_assert_cmpint(res[i].ret, ==, 0);
    }
    g_free(res);
}

static void test_no_miss_within_the_reserve(void)
{
    Fixture f;

    if (!set_up(&f)) {
        return;
    }
    blk_reserve(f.ctx, 128);
    use(&f, 128);
    use(&f, 128);
    g_assert_cmpuint(blk_aio_misses(f.ctx), ==, 0);
    tear_down(&f);
}

/* ---- callers in coroutines ----------------------------------------------------------------- */

typedef struct CoCaller {
    Fixture *f;
    bool done;
} CoCaller;

static void coroutine_fn co_caller_entry(void *opaque)
{
    CoCaller *c = opaque;
    BlockBackend *blk = c->f->blk;
    QEMUIOVector *qiov = &c->f->qiov;

    g_assert_cmpint(blk_co_preadv(blk, 2 * BLOCK, BLOCK, qiov, 0), ==, 0);
    g_assert_true(test_bytes_are(c->f->buf, 2 * BLOCK, BLOCK));
    g_assert_cmpint(blk_co_pwritev(blk, 3 * BLOCK, BLOCK, qiov, 0), ==, 0);
    g_assert_cmpint(blk_co_flush(blk), ==, 0);
    g_assert_cmpint(blk_co_pdiscard(blk, 2 * BLOCK, BLOCK), ==, 0);
    g_assert_cmpint(blk_co_preadv(blk, 3 * BLOCK, BLOCK, qiov, 0), ==, 0);
    g_assert_true(test_bytes_are(c->f->buf, 2 * BLOCK, BLOCK));
    g_assert_cmpint(blk_co_preadv(blk, FILE_SIZE, BLOCK, qiov, 0), ==, -EIO);
    c->done = true;
}

static void test_requests_of_coroutines(void)
{
    Fixture f;
    CoCaller c = { .f = &f };

    if (!set_up(&f)) {
        return;
    }
    qemu_coroutine_enter(qemu_coroutine_create(co_caller_entry, &c));
    TEST_POLL_UNTIL(f.ctx, c.done);
    tear_down(&f);
}

/* ---- what is due when a request fails -------------------------------------------------------- */

static void check_action(Fixture *f, bool is_read, int error, BlockErrorAction action)
{
    g_assert_cmpint(blk_get_error_action(f->blk, is_read, error), ==, action);
}

static void test_error_actions(void)
{
    Fixture f;

    if (!set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR)) {
        return;
    }
    g_assert_cmpint(blk_get_on_error(f.blk, true), ==, BLOCKDEV_ON_ERROR_AUTO);
    check_action(&f, true, ENOSPC, BLOCK_ERROR_ACTION_REPORT);
    check_action(&f, false, EIO, BLOCK_ERROR_ACTION_REPORT);
    check_action(&f, false, ENOSPC, BLOCK_ERROR_ACTION_STOP);

    blk_set_on_error(f.blk, BLOCKDEV_ON_ERROR_IGNORE, BLOCKDEV_ON_ERROR_STOP);
    g_assert_cmpint(blk_get_on_error(f.blk, false), ==, BLOCKDEV_ON_ERROR_STOP);
    check_action(&f, true, EIO, BLOCK_ERROR_ACTION_IGNORE);
    check_action(&f, false, EIO, BLOCK_ERROR_ACTION_STOP);

    blk_set_on_error(f.blk, BLOCKDEV_ON_ERROR_ENOSPC, BLOCKDEV_ON_ERROR_REPORT);
    check_action(&f, true, ENOSPC, BLOCK_ERROR_ACTION_STOP);
    check_action(&f, true, EIO, BLOCK_ERROR_ACTION_REPORT);
    check_action(&f, false, ENOSPC, BLOCK_ERROR_ACTION_REPORT);
    tear_down(&f);
}

static void test_limits_and_write_cache(void)
{
    Fixture f;

    if (!set_up_in(&f, g_get_tmp_dir(), BDRV_O_RDWR)) {
        return;
    }
    blk_bs(f.blk)->bl = (BlockLimits){ .request_alignment = 512, .max_transfer = 70000 };
    g_assert_cmpuint(blk_get_max_transfer(f.blk), ==, 136 * 512);
    g_assert_cmpint(blk_get_max_iov(f.blk), ==, IOV_MAX);
    blk_bs(f.blk)->bl = (BlockLimits){ .request_alignment = 512, .max_iov = 7 };
    g_assert_cmpuint(blk_get_max_transfer(f.blk), ==, INT_MAX - 511);
    g_assert_cmpint(blk_get_max_iov(f.blk), ==, 7);

    g_assert_true(blk_enable_write_cache(f.blk));
    blk_set_enable_write_cache(f.blk, false);
    g_assert_false(blk_enable_write_cache(f.blk));
    tear_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/blk/callback/native", test_every_kind_natively);
    g_test_add_func("/blk/callback/done-inside-the-call", test_every_kind_done_inside_the_call);
    g_test_add_func("/blk/callback/workers", test_every_kind_in_workers);
    g_test_add_func("/blk/callback/refused-comes-later-too",
                    test_refused_request_calls_back_later_too);
    g_test_add_func("/blk/callback/chain-does-not-recurse",
                    test_chain_of_callbacks_does_not_recurse);
    g_test_add_func("/blk/callback/refused-chain-does-not-recurse",
                    test_chain_of_refused_ones_does_not_recurse);
    g_test_add_func("/blk/range/outside-is-eio", test_outside_of_the_node_is_eio);
    g_test_add_func("/blk/range/growth-by-others-is-seen", test_growth_by_others_is_seen);
    g_test_add_func("/blk/range/grows-where-allowed",
                    test_write_beyond_the_end_grows_where_allowed);
    g_test_add_func("/blk/wait/drain", test_drain_waits_for_callbacks);
    g_test_add_func("/blk/wait/drain-what-callbacks-start",
                    test_what_callbacks_start_goes_on_after_drain);
    g_test_add_func("/blk/wait/unref", test_unref_waits_for_requests);
    g_test_add_func("/blk/wait/flush", test_flush_returns_when_done);
    g_test_add_func("/blk/adds/fua-without-write-cache", test_write_through_is_fua_on_writes_only);
    g_test_add_func("/blk/adds/plug-across-backends", test_plug_gathers_across_backends);
    g_test_add_func("/blk/adds/request-of-a-coroutine", test_request_of_a_coroutine);
    g_test_add_func("/blk/adds/reserve", test_no_miss_within_the_reserve);
    g_test_add_func("/blk/co/every-kind", test_requests_of_coroutines);
    g_test_add_func("/block-backend/batch-of-the-node", test_batch_of_the_node);
    g_test_add_func("/block-backend/error-actions", test_error_actions);
    g_test_add_func("/block-backend/limits", test_limits_and_write_cache);
    return g_test_run();
}
