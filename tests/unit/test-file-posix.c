/* Nodes over file descriptors: what can be opened, what requests must look like, which way they go.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap for io_submit, pwritev2, fdatasync, pread, syscall, fallocate, ioctl and
 * pwrite: to see which way a request goes, and to take such ways away.
 */
#include "base/osdep.h"
#include <libaio.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "base/memalign.h"
#include "block/block_int.h"
#include "util.h"

#define FILE_SIZE (256 * 1024)

/* ---- the kernel, wrapped ------------------------------------------------------------------- */

static int submits;       /* calls of io_submit */
static int sync_writes;   /* calls of pwritev2 with RWF_DSYNC */
static int syncs;         /* requests that flush, by io_submit or fdatasync */
static bool no_rwf_dsync; /* io_submit and pwritev2 take no RWF_DSYNC */
static bool no_fdsync;    /* io_submit takes no IO_CMD_FDSYNC */
static bool no_statx;     /* statx is not implemented */
static bool no_pread;     /* pread finds everything misaligned */

int __real_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);
int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs);
ssize_t __real_pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
ssize_t __real_pread(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset);
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

int __wrap_io_submit(io_context_t ctx, long nr, struct iocb **iocbs)
{
    submits++;
    if (no_fdsync && iocbs[0]->aio_lio_opcode == IO_CMD_FDSYNC) {
        return -EINVAL;
    }
    if (no_rwf_dsync && iocbs[0]->aio_rw_flags) {
        return -EOPNOTSUPP;
    }
    syncs += iocbs[0]->aio_lio_opcode == IO_CMD_FDSYNC;
    return __real_io_submit(ctx, nr, iocbs);
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    if (no_rwf_dsync && flags) {
        errno = EOPNOTSUPP;
        return -1;
    }
    sync_writes += flags & RWF_DSYNC ? 1 : 0;
    return __real_pwritev2(fd, iov, n, offset, flags);
}

int __wrap_fdatasync(int fd)
{
    syncs++;
    return __real_fdatasync(fd);
}

ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset)
{
    if (no_pread) {
        errno = EINVAL;
        return -1;
    }
    return __real_pread(fd, buf, len, offset);
}

/* As libc's own: hands on six arguments, however many there are. */
__attribute__((no_sanitize_address)) long __wrap_syscall(long nr, ...)
{
    long args[6];
    va_list ap;

    va_start(ap, nr);
    for (int i = 0; i < 6; i++) {
        args[i] = va_arg(ap, long);
    }
    va_end(ap);
    if (no_statx && nr == SYS_statx) {
        errno = ENOSYS;
        return -1;
    }
    return __real_syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/*
 * Calls of fallocate and ioctl that change a file are noted by a letter each: z ZERO_RANGE, p
 * PUNCH_HOLE, a allocation, Z BLKZEROOUT. Those in `refused` fail with `refusal`; of an allocation,
 * the half was done before.
 */
static GString *ways;
static const char *refused = "";
static int refusal;
static int interruptions;        /* so many times the next ones are -EINTR */
static int64_t room = INT64_MAX; /* bytes that pwrite has left */

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);

/* Note @way; whether it goes through. */
static bool may_go(char way)
{
    g_string_append_c(ways, way);
    if (interruptions) {
        interruptions--;
        errno = EINTR;
        return false;
    }
    errno = refusal;
    return !strchr(refused, way);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
    char way = mode & FALLOC_FL_ZERO_RANGE ? 'z' : mode & FALLOC_FL_PUNCH_HOLE ? 'p' : 'a';
    int error;

    if (may_go(way)) {
        return __real_fallocate(fd, mode, offset, len);
    }
    error = errno;
    if (way == 'a' && error == ENOSPC) {
        g_assert_cmpint(__real_fallocate(fd, mode, offset, len / 2), ==, 0);
    }
    errno = error;
    return -1;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    if (request == BLKZEROOUT && !may_go('Z')) {
        return -1;
    }
    return __real_ioctl(fd, request, arg);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
    if (!room) {
        errno = ENOSPC;
        return -1;
    }
    len = MIN((int64_t)len, room);
    room -= len;
    return __real_pwrite(fd, buf, len, offset);
}

/* ---- requests ------------------------------------------------------------------------------ */

typedef enum Op { OP_READ, OP_WRITE, OP_ZEROES, OP_DISCARD, OP_FLUSH, OP_TRUNCATE } Op;

typedef struct Request {
    BlockDriverState *bs;
    Op op;
    int64_t offset, bytes;
    QEMUIOVector *qiov;
    BdrvRequestFlags flags;
    PreallocMode prealloc;
    Error **errp;
    int ret;
    bool done;
} Request;

static int coroutine_fn request_co(Request *r)
{
    switch (r->op) {
    case OP_READ:
        return bdrv_co_preadv(r->bs, r->offset, r->bytes, r->qiov, r->flags);
    case OP_WRITE:
        return bdrv_co_pwritev(r->bs, r->offset, r->bytes, r->qiov, r->flags);
    case OP_ZEROES:
        return bdrv_co_pwrite_zeroes(r->bs, r->offset, r->bytes, r->flags);
    case OP_DISCARD:
        return bdrv_co_pdiscard(r->bs, r->offset, r->bytes);
    case OP_TRUNCATE:
        return bdrv_co_truncate(r->bs, r->offset, r->prealloc, r->errp);
    default:
        return bdrv_co_flush(r->bs);
    }
}

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;

    r->ret = request_co(r);
    r->done = true;
}

static int run(Request r)
{
    AioContext *ctx = bdrv_get_aio_context(r.bs);

    qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r));
    TEST_POLL_UNTIL(ctx, r.done);
    return r.ret;
}

static int rw_vector(BlockDriverState *bs, Op op, int64_t offset, QEMUIOVector *qiov)
{
    return run(
        (Request){ .bs = bs, .op = op, .offset = offset, .bytes = qiov->size, .qiov = qiov });
}

static int rw(BlockDriverState *bs, Op op, int64_t offset, void *buf, int64_t bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);

    return rw_vector(bs, op, offset, &qiov);
}

static int discard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    return run((Request){ .bs = bs, .op = OP_DISCARD, .offset = offset, .bytes = bytes });
}

static int flush(BlockDriverState *bs)
{
    return run((Request){ .bs = bs, .op = OP_FLUSH });
}

static int write_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
{
    return run(
        (Request){ .bs = bs, .op = OP_ZEROES, .offset = offset, .bytes = bytes, .flags = flags });
}

static int truncate_to(BlockDriverState *bs, int64_t size, PreallocMode prealloc, Error **errp)
{
    return run((Request){
        .bs = bs, .op = OP_TRUNCATE, .offset = size, .prealloc = prealloc, .errp = errp });
}

/* ---- nodes --------------------------------------------------------------------------------- */

#define DIRECT (BDRV_O_RDWR | BDRV_O_NOCACHE)
#define NATIVE (DIRECT | BDRV_O_NATIVE_AIO)

typedef struct Fixture {
    AioContext *ctx;
    int fd;
    BlockDriverState *bs;
    uint8_t *buf; /* FILE_SIZE and a bit, aligned to 4096 */
} Fixture;

/* Open a file in @dir; false, with the test skipped, where direct I/O is wanted and not to be had.
 */
static bool set_up_in(Fixture *f, const char *dir, int open_flags)
{
    submits = sync_writes = syncs = 0;
    g_string_truncate(ways, 0);
    *f = (Fixture){ 0 };
    f->fd = test_file_new(dir, open_flags & BDRV_O_NOCACHE ? O_DIRECT : 0, FILE_SIZE);
    if (f->fd < 0) {
        g_test_skip("the file system has no direct I/O");
        return false;
    }
    f->ctx = test_context_new();
    f->bs = bdrv_open_fd("image", f->fd, open_flags, f->ctx, &error_abort);
    f->buf = qemu_memalign(4096, FILE_SIZE + 8192);
    memset(f->buf, 0xee, FILE_SIZE + 8192);
    return true;
}

static bool set_up(Fixture *f, int open_flags)
{
    return set_up_in(f, g_get_tmp_dir(), open_flags);
}

static void tear_down(Fixture *f)
{
    bdrv_unref(f->bs);
    close(f->fd);
    qemu_vfree(f->buf);
    test_context_free(f->ctx);
}

static void *zeroes(size_t len)
{
    static uint8_t bytes[FILE_SIZE];

    g_assert_cmpuint(len, <=, sizeof(bytes));
    return bytes;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* Opening @fd must fail with a message that names @name and says @why. */
static void check_refused(int fd, const char *name, int open_flags, const char *why)
{
    AioContext *ctx = test_context_new();
    Error *err = NULL;

    g_assert_cmpint(fd, >=, 0);
    g_assert_null(bdrv_open_fd(name, fd, open_flags, ctx, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), name));
    g_assert_nonnull(strstr(error_get_pretty(err), why));
    g_assert_null(strchr(error_get_pretty(err), '\n'));
    error_free(err);
    close(fd);
    test_context_free(ctx);
}

static void test_neither_file_nor_block_device_is_refused(void)
{
    const char *why = "neither a regular file nor a block device";
    int fds[2];

    check_refused(open(g_get_tmp_dir(), O_RDONLY), "the folder", 0, why);
    check_refused(open("/dev/null", O_RDWR), "the void", BDRV_O_RDWR, why);
    g_assert_cmpint(pipe(fds), ==, 0);
    check_refused(fds[0], "the pipe", 0, why);
    close(fds[1]);
}

static void test_native_without_direct_is_refused(void)
{
    check_refused(test_file_new(g_get_tmp_dir(), 0, 4096), "image", BDRV_O_RDWR | BDRV_O_NATIVE_AIO,
                  "native AIO needs direct I/O");
}

static void test_no_alignment_gets_through_is_refused(void)
{
    int fd = test_file_new(g_get_tmp_dir(), O_DIRECT, 65536);

    if (fd < 0) {
        g_test_skip("the file system has no direct I/O");
        return;
    }
    no_statx = no_pread = true;
    check_refused(fd, "image", DIRECT, "align");
    no_statx = no_pread = false;
}

static void test_file_is_file_of_its_length(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpstr(bdrv_get_format_name(f.bs), ==, "file");
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE);
    g_assert_true(bdrv_get_aio_context(f.bs) == f.ctx);
    tear_down(&f);
}

static void test_length_follows_writes_and_is_refreshed_for_others(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpint(rw(f.bs, OP_WRITE, FILE_SIZE + 100, f.buf, 50), ==, 0);
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE + 150);
    g_assert_cmpint(rw(f.bs, OP_WRITE, 0, f.buf, 50), ==, 0);
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE + 150);

    g_assert_cmpint(ftruncate(f.fd, 2 * FILE_SIZE), ==, 0);
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE + 150);
    g_assert_cmpint(bdrv_refresh_length(f.bs), ==, 2 * FILE_SIZE);
    g_assert_cmpint(bdrv_getlength(f.bs), ==, 2 * FILE_SIZE);
    tear_down(&f);
}

/* ---- alignment ----------------------------------------------------------------------------- */

/* What the node says of itself must be true: that much gets through, natively; half of it gets
 * through, too.
 */
static void check_limits(Fixture *f)
{
    const BlockLimits *bl = bdrv_get_limits(f->bs);
    uint32_t align = bl->request_alignment;
    void *buf = f->buf + bl->min_mem_alignment;

    g_assert_cmpuint(align, >, 0);
    g_assert_cmpuint(align & (align - 1), ==, 0);
    submits = 0;
    g_assert_cmpint(rw(f->bs, OP_READ, align, buf, align), ==, 0);
    g_assert_cmpint(submits, ==, 1);
    g_assert_true(test_bytes_are(buf, align, align));
    if (align > 1) {
        g_assert_cmpint(rw(f->bs, OP_READ, align / 2, f->buf, align), ==, 0);
        g_assert_true(test_bytes_are(f->buf, align / 2, align));
        g_assert_cmpint(rw(f->bs, OP_READ, 0, f->buf, align / 2), ==, 0);
        g_assert_true(test_bytes_are(f->buf, 0, align / 2));
    }
}

static void check_alignment_in(const char *dir)
{
    Fixture f;

    if (set_up_in(&f, dir, NATIVE)) {
        check_limits(&f);
        tear_down(&f);
    }
}

static void test_alignment_of_an_ordinary_file(void)
{
    check_alignment_in(g_get_tmp_dir());
}

static void test_alignment_on_tmpfs(void)
{
    check_alignment_in(test_tmpfs_dir());
}

static void test_alignment_without_statx(void)
{
    no_statx = true;
    check_alignment_in(g_get_tmp_dir());
    no_statx = false;
}

static void test_buffered_takes_any_alignment(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpuint(bdrv_get_limits(f.bs)->request_alignment, ==, 1);
    g_assert_cmpint(rw(f.bs, OP_READ, 1234, f.buf + 7, 777), ==, 0);
    g_assert_true(test_bytes_are(f.buf + 7, 1234, 777));
    memset(f.buf, 0x11, 100);
    g_assert_cmpint(rw(f.bs, OP_WRITE, 3, f.buf + 1, 5), ==, 0);
    g_assert_cmpint(rw(f.bs, OP_READ, 0, f.buf + 200, 10), ==, 0);
    g_assert_true(test_bytes_are(f.buf + 200, 0, 3));
    g_assert_cmpmem(f.buf + 203, 5, f.buf, 5);
    g_assert_true(test_bytes_are(f.buf + 208, 8, 2));
    tear_down(&f);
}

/* ---- loop devices -------------------------------------------------------------------------- */

static char *losetup(const char *args)
{
    g_autofree char *command = g_strconcat("losetup ", args, NULL);
    char *out = NULL;
    int status = -1;

    if (!g_spawn_command_line_sync(command, &out, NULL, &status, NULL) || status != 0) {
        g_free(out);
        return NULL;
    }
    return g_strstrip(out);
}

/* A loop device over a new file of FILE_SIZE, gone when the descriptor is closed. -1, and the test
 * is skipped, where there is none to be had. */
static int open_loop(const char *options, int *backing)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "qaio-loop-XXXXXX", NULL);
    g_autofree char *device = NULL, *detach = NULL, *args = NULL;
    int fd;

    *backing = g_mkstemp(path);
    args = g_strdup_printf("-f --show %s %s", options, path);
    g_assert_cmpint(ftruncate(*backing, FILE_SIZE), ==, 0);
    device = geteuid() == 0 ? losetup(args) : NULL;
    unlink(path);
    if (!device) {
        g_test_skip("needs root and losetup, for a loop device");
        close(*backing);
        return -1;
    }
    fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    detach = g_strconcat("-d ", device, NULL);
    g_free(losetup(detach)); /* as soon as we close it, however this ends */
    return fd;
}

/* A node over it, full of bytes that are test_byte()s. */
static bool set_up_loop(Fixture *f, const char *options, int *backing)
{
    *f = (Fixture){ .fd = open_loop(options, backing) };
    if (f->fd < 0) {
        return false;
    }
    f->ctx = test_context_new();
    f->bs = bdrv_open_fd("the loop device", f->fd, NATIVE, f->ctx, &error_abort);
    f->buf = qemu_memalign(4096, FILE_SIZE + 8192);
    for (int i = 0; i < FILE_SIZE; i++) {
        f->buf[i] = test_byte(i);
    }
    g_assert_cmpint(rw(f->bs, OP_WRITE, 0, f->buf, FILE_SIZE), ==, 0);
    g_string_truncate(ways, 0);
    return true;
}

static void check_loop(const char *options, uint32_t sector)
{
    int backing;
    Fixture f;

    if (!set_up_loop(&f, options, &backing)) {
        return;
    }
    g_assert_cmpstr(bdrv_get_format_name(f.bs), ==, "host_device");
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE);
    g_assert_cmpuint(bdrv_get_limits(f.bs)->request_alignment, ==, sector);
    check_limits(&f);
    g_assert_cmpint(flush(f.bs), ==, 0);
    g_assert_cmpint(discard(f.bs, 65536, 65536), ==, 0);
    g_assert_cmpint(rw(f.bs, OP_READ, 65536, f.buf, 65536), ==, 0);
    g_assert_cmpmem(f.buf, 65536, zeroes(65536), 65536);
    close(backing);
    tear_down(&f);
}

static void test_loop_device_of_512(void)
{
    check_loop("", 512);
}

static void test_loop_device_of_4096(void)
{
    check_loop("-b 4096", 4096);
}

/* ---- which way ----------------------------------------------------------------------------- */

static void test_misaligned_buffer_goes_through_a_worker(void)
{
    QEMUIOVector qiov;
    Fixture f;

    if (!set_up(&f, NATIVE)) {
        return;
    }
    g_assert_cmpint(rw(f.bs, OP_READ, 4096, f.buf + 1, 8192), ==, 0);
    g_assert_true(test_bytes_are(f.buf + 1, 4096, 8192));
    g_assert_cmpint(f.buf[0], ==, 0xee);
    g_assert_cmpint(f.buf[8193], ==, 0xee);

    /* Several pieces, of odd lengths, that only together are a block. */
    memset(f.buf, 0x5a, 4096);
    qemu_iovec_init(&qiov, 3);
    qemu_iovec_add(&qiov, f.buf + 1, 1000);
    qemu_iovec_add(&qiov, f.buf + 1001, 95);
    qemu_iovec_add(&qiov, f.buf + 2001, 3001);
    g_assert_cmpint(rw_vector(f.bs, OP_WRITE, 8192, &qiov), ==, 0);
    g_assert_cmpint(submits, ==, 0);

    g_assert_cmpint(rw(f.bs, OP_READ, 8192, f.buf + 8192, 4096), ==, 0);
    g_assert_cmpint(submits, ==, 1);
    g_assert_cmpmem(f.buf + 8192, 1095, f.buf + 1, 1095);
    g_assert_cmpmem(f.buf + 8192 + 1095, 3001, f.buf + 2001, 3001);
    qemu_iovec_destroy(&qiov);
    tear_down(&f);
}

static void test_direct_without_native_goes_through_a_worker(void)
{
    Fixture f;

    if (!set_up(&f, DIRECT)) {
        return;
    }
    g_assert_cmpint(rw(f.bs, OP_READ, 4096, f.buf, 65536), ==, 0);
    g_assert_true(test_bytes_are(f.buf, 4096, 65536));
    g_assert_cmpint(flush(f.bs), ==, 0);
    g_assert_cmpint(submits, ==, 0);
    tear_down(&f);
}

static void test_more_pieces_than_one_system_call_takes(void)
{
    const int n = IOV_MAX * 2 + 10;
    QEMUIOVector qiov;
    struct iovec before;
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    qemu_iovec_init(&qiov, n);
    for (int i = 0; i < n; i++) {
        qemu_iovec_add(&qiov, f.buf + i * 20, 20);
    }
    before = qiov.iov[5];
    g_assert_cmpint(rw_vector(f.bs, OP_READ, 300, &qiov), ==, 0);
    g_assert_true(test_bytes_are(f.buf, 300, n * 20));
    /* The caller's vector is as it was. */
    g_assert_cmpint(qiov.niov, ==, n);
    g_assert_cmpmem(&before, sizeof(before), &qiov.iov[5], sizeof(before));
    qemu_iovec_destroy(&qiov);
    tear_down(&f);
}

/* Reads that lie across the end of the file, or past it, whichever way they go. */
static void check_end_of_file(int open_flags, size_t shift)
{
    Fixture f;

    if (!set_up(&f, open_flags)) {
        return;
    }
    g_assert_cmpint(ftruncate(f.fd, 8192 + 700), ==, 0);
    g_assert_cmpint(rw(f.bs, OP_READ, 4096, f.buf + shift, 16384), ==, 0);
    g_assert_true(test_bytes_are(f.buf + shift, 4096, 4096 + 700));
    g_assert_cmpmem(f.buf + shift + 4796, 16384 - 4796, zeroes(16384), 16384 - 4796);
    g_assert_cmpint(f.buf[shift + 16384], ==, 0xee);
    memset(f.buf, 0xee, 32768);
    g_assert_cmpint(rw(f.bs, OP_READ, 65536, f.buf + shift, 4096), ==, 0);
    g_assert_cmpmem(f.buf + shift, 4096, zeroes(4096), 4096);
    tear_down(&f);
}

static void test_past_the_end_is_zeroes(void)
{
    check_end_of_file(BDRV_O_RDWR, 0);
    check_end_of_file(NATIVE, 0);
    check_end_of_file(DIRECT, 0);
    check_end_of_file(DIRECT, 3);
}

static void test_fua_reaches_the_worker(void)
{
    QEMUIOVector qiov;
    Fixture f;
    Request r;

    set_up(&f, BDRV_O_RDWR);
    qemu_iovec_init_buf(&qiov, f.buf, 100);
    r = (Request){ .bs = f.bs, .op = OP_WRITE, .bytes = 100, .qiov = &qiov };
    g_assert_cmpint(run(r), ==, 0);
    g_assert_cmpint(sync_writes, ==, 0);
    r.flags = BDRV_REQ_FUA;
    g_assert_cmpint(run(r), ==, 0);
    g_assert_cmpint(sync_writes, ==, 1);
    tear_down(&f);
}

/* Where there is no such write, a flush after it does the same. */
static void check_fua_without_rwf_dsync(int open_flags)
{
    QEMUIOVector qiov;
    Fixture f;

    if (!set_up(&f, open_flags)) {
        return;
    }
    no_rwf_dsync = true;
    qemu_iovec_init_buf(&qiov, f.buf, 4096);
    g_assert_cmpint(
        run((Request){
            .bs = f.bs, .op = OP_WRITE, .bytes = 4096, .qiov = &qiov, .flags = BDRV_REQ_FUA }),
        ==, 0);
    no_rwf_dsync = false;
    g_assert_cmpint(syncs, ==, 1);
    g_assert_cmpint(sync_writes, ==, 0);
    g_assert_cmpint(rw(f.bs, OP_READ, 0, f.buf + 4096, 4096), ==, 0);
    g_assert_cmpmem(f.buf, 4096, f.buf + 4096, 4096);
    tear_down(&f);
}

static void test_fua_without_rwf_dsync_is_write_and_flush(void)
{
    check_fua_without_rwf_dsync(BDRV_O_RDWR);
    check_fua_without_rwf_dsync(NATIVE);
}

/* ---- flush, discard ------------------------------------------------------------------------ */

static void test_flush_is_native_where_it_can(void)
{
    Fixture f;

    if (!set_up(&f, NATIVE)) {
        return;
    }
    g_assert_cmpint(flush(f.bs), ==, 0);
    g_assert_cmpint(submits, ==, 1);
    tear_down(&f);
}

static void test_flush_falls_back_to_a_worker_for_good(void)
{
    Fixture f;

    if (!set_up(&f, NATIVE)) {
        return;
    }
    no_fdsync = true;
    g_assert_cmpint(flush(f.bs), ==, 0);
    g_assert_cmpint(submits, ==, 1);
    g_assert_cmpint(flush(f.bs), ==, 0);
    g_assert_cmpint(submits, ==, 1);
    no_fdsync = false;
    tear_down(&f);
}

static void test_flush_of_unsafe_does_nothing(void)
{
    Fixture f;

    if (!set_up(&f, NATIVE | BDRV_O_NO_FLUSH)) {
        return;
    }
    g_assert_cmpint(flush(f.bs), ==, 0);
    g_assert_cmpint(submits, ==, 0);
    tear_down(&f);
}

static void test_discarded_reads_as_zeroes(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpint(discard(f.bs, 8192, 65536), ==, 0);
    g_assert_cmpint(bdrv_refresh_length(f.bs), ==, FILE_SIZE);
    g_assert_cmpint(rw(f.bs, OP_READ, 0, f.buf, FILE_SIZE), ==, 0);
    g_assert_true(test_bytes_are(f.buf, 0, 8192));
    g_assert_cmpmem(f.buf + 8192, 65536, zeroes(65536), 65536);
    g_assert_true(test_bytes_are(f.buf + 73728, 73728, FILE_SIZE - 73728));
    tear_down(&f);
}

static void test_nothing_to_do_is_a_success(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpint(rw(f.bs, OP_READ, 4096, f.buf, 0), ==, 0);
    g_assert_cmpint(rw(f.bs, OP_WRITE, 4096, f.buf, 0), ==, 0);
    g_assert_cmpint(discard(f.bs, 4096, 0), ==, 0);
    tear_down(&f);
}

/* ---- zeroes -------------------------------------------------------------------------------- */

/* All but the @bytes at @offset, which are zeroes, is as it was. */
static void check_zeroes(Fixture *f, int64_t offset, int64_t bytes)
{
    g_assert_cmpint(rw(f->bs, OP_READ, 0, f->buf, FILE_SIZE), ==, 0);
    g_assert_true(test_bytes_are(f->buf, 0, offset));
    g_assert_cmpmem(f->buf + offset, bytes, zeroes(bytes), bytes);
    g_assert_true(
        test_bytes_are(f->buf + offset + bytes, offset + bytes, FILE_SIZE - offset - bytes));
    g_assert_cmpint(bdrv_refresh_length(f->bs), ==, FILE_SIZE);
}

static int64_t space_of(int fd)
{
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return st.st_blocks * 512;
}

/* Zeroes by @expected ways when those in @not_here fail with @error; then once more. */
static void check_ways(BdrvRequestFlags flags, const char *not_here, int error,
                       const char *expected, const char *once_more)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    refused = not_here;
    refusal = error;
    g_assert_cmpint(write_zeroes(f.bs, 5000, 100000, flags), ==, 0);
    g_assert_cmpstr(ways->str, ==, expected);
    check_zeroes(&f, 5000, 100000);
    g_string_truncate(ways, 0);
    g_assert_cmpint(write_zeroes(f.bs, 5000, 150000, flags), ==, 0);
    g_assert_cmpstr(ways->str, ==, once_more);
    check_zeroes(&f, 5000, 150000);
    refused = "";
    tear_down(&f);
}

static void test_zeroes_by_zero_range(void)
{
    check_ways(0, "", 0, "z", "z");
}

static void test_zeroes_by_a_hole_where_allowed(void)
{
    check_ways(BDRV_REQ_MAY_UNMAP, "", 0, "p", "p");
}

static const int not_supported[] = { EOPNOTSUPP, ENOSYS, ENODEV, ENOTTY };

static void test_zeroes_fall_back_from_one_way_to_the_next(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(not_supported); i++) {
        check_ways(0, "z", not_supported[i], "zpa", "zpa");
        check_ways(BDRV_REQ_MAY_UNMAP, "p", not_supported[i], "pz", "pz");
        check_ways(BDRV_REQ_MAY_UNMAP, "pz", not_supported[i], "pzp", "");
    }
}

/* What a file system has against a range is not told apart from what it has not. */
static void test_zeroes_fall_back_from_a_range_that_is_refused(void)
{
    check_ways(0, "z", EINVAL, "zpa", "zpa");
    check_ways(BDRV_REQ_MAY_UNMAP, "p", EINVAL, "pz", "pz");
    check_ways(BDRV_REQ_MAY_UNMAP, "p", EBUSY, "pz", "pz");
}

static void test_zeroes_are_written_where_there_is_no_way(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(not_supported); i++) {
        check_ways(0, "zp", not_supported[i], "zp", "");
        check_ways(0, "za", not_supported[i], "zpa", "");
    }
}

static void test_zeroes_without_fallback(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    refused = "zp";
    refusal = EOPNOTSUPP;
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, BDRV_REQ_NO_FALLBACK), ==, -ENOTSUP);
    check_zeroes(&f, 0, 0);
    refused = "";
    tear_down(&f);
}

static void test_zeroes_with_an_error(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    refused = "zp";
    refusal = EIO;
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, 0), ==, -EIO);
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, BDRV_REQ_MAY_UNMAP), ==, -EIO);
    g_assert_cmpstr(ways->str, ==, "zp");
    refused = "";
    check_zeroes(&f, 0, 0);
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, 0), ==, 0);
    check_zeroes(&f, 4096, 8192);
    tear_down(&f);
}

static void test_zeroes_interrupted(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    interruptions = 3;
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, 0), ==, 0);
    g_assert_cmpstr(ways->str, ==, "zzzz");
    check_zeroes(&f, 4096, 8192);
    tear_down(&f);
}

static void test_zeroes_keep_or_free_space(void)
{
    int64_t before;
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpint(flush(f.bs), ==, 0);
    before = space_of(f.fd);
    g_assert_cmpint(write_zeroes(f.bs, 65536, 65536, 0), ==, 0);
    g_assert_cmpint(space_of(f.fd), >=, before);
    g_assert_cmpint(write_zeroes(f.bs, 65536, 65536, BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(space_of(f.fd), <=, before - 65536);
    check_zeroes(&f, 65536, 65536);
    tear_down(&f);
}

/* Any way but the last makes the file longer only if somebody sees to it. */
static void check_zeroes_past_the_end(BdrvRequestFlags flags, const char *not_here)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    refused = not_here;
    refusal = EOPNOTSUPP;
    g_assert_cmpint(write_zeroes(f.bs, FILE_SIZE - 100, 5000, flags), ==, 0);
    refused = "";
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE + 4900);
    g_assert_cmpint(bdrv_refresh_length(f.bs), ==, FILE_SIZE + 4900);
    g_assert_cmpint(rw(f.bs, OP_READ, FILE_SIZE - 200, f.buf, 5100), ==, 0);
    g_assert_true(test_bytes_are(f.buf, FILE_SIZE - 200, 100));
    g_assert_cmpmem(f.buf + 100, 5000, zeroes(5000), 5000);
    tear_down(&f);
}

static void test_zeroes_past_the_end(void)
{
    check_zeroes_past_the_end(0, "");
    check_zeroes_past_the_end(BDRV_REQ_MAY_UNMAP, "");
    check_zeroes_past_the_end(0, "z");
    check_zeroes_past_the_end(0, "zp");
}

static void test_zeroes_with_fua_are_flushed(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, 0), ==, 0);
    g_assert_cmpint(syncs, ==, 0);
    g_assert_cmpint(write_zeroes(f.bs, 4096, 8192, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(syncs, ==, 1);
    tear_down(&f);
}

static void test_zeroes_of_parts_of_blocks(void)
{
    static const int ranges[][2] = { { 5000, 3000 }, { 5000, 10 }, { 1, 8191 }, { 4095, 2 } };
    Fixture f;

    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (!set_up(&f, DIRECT)) {
            return;
        }
        g_assert_cmpint(write_zeroes(f.bs, ranges[i][0], ranges[i][1], 0), ==, 0);
        check_zeroes(&f, ranges[i][0], ranges[i][1]);
        tear_down(&f);
    }
}

/* On a device, by @expected ways when those in @not_here fail. */
static void check_device_ways(BdrvRequestFlags flags, const char *not_here, int error,
                              const char *expected)
{
    int backing;
    Fixture f;

    if (!set_up_loop(&f, "", &backing)) {
        return;
    }
    refused = not_here;
    refusal = error;
    g_assert_cmpint(write_zeroes(f.bs, 8192, 65536, flags), ==, 0);
    g_assert_cmpstr(ways->str, ==, expected);
    check_zeroes(&f, 8192, 65536);
    refused = "";
    close(backing);
    tear_down(&f);
}

static void test_zeroes_on_a_device(void)
{
    check_device_ways(0, "", 0, "Z");
    check_device_ways(BDRV_REQ_MAY_UNMAP, "", 0, "p");
}

static void test_zeroes_on_a_device_fall_back(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(not_supported); i++) {
        check_device_ways(BDRV_REQ_MAY_UNMAP, "p", not_supported[i], "pZ");
        check_device_ways(BDRV_REQ_MAY_UNMAP, "pZ", not_supported[i], "pZ");
        check_device_ways(0, "Z", not_supported[i], "Z");
    }
}

/* ---- length -------------------------------------------------------------------------------- */

static const PreallocMode prealloc_modes[] = { PREALLOC_MODE_OFF, PREALLOC_MODE_FALLOC,
                                               PREALLOC_MODE_FULL };

/* To a length that no block ends at, on an @open_flags descriptor: what comes is zeroes. */
static void check_longer(int open_flags, PreallocMode prealloc)
{
    const int64_t more = 100000;
    int64_t before;
    Fixture f;

    if (!set_up(&f, open_flags)) {
        return;
    }
    g_assert_cmpint(flush(f.bs), ==, 0);
    before = space_of(f.fd);
    g_assert_cmpint(truncate_to(f.bs, FILE_SIZE + more, prealloc, &error_abort), ==, 0);
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE + more);
    g_assert_cmpint(lseek(f.fd, 0, SEEK_END), ==, FILE_SIZE + more);
    if (prealloc == PREALLOC_MODE_OFF) {
        g_assert_cmpint(space_of(f.fd), ==, before);
    } else {
        g_assert_cmpint(space_of(f.fd), >=, FILE_SIZE + more);
    }
    g_assert_cmpstr(ways->str, ==, prealloc == PREALLOC_MODE_FALLOC ? "a" : "");
    g_assert_cmpint(rw(f.bs, OP_READ, 0, f.buf, FILE_SIZE), ==, 0);
    g_assert_true(test_bytes_are(f.buf, 0, FILE_SIZE));
    g_assert_cmpint(rw(f.bs, OP_READ, FILE_SIZE, f.buf, more), ==, 0);
    g_assert_cmpmem(f.buf, more, zeroes(more), more);
    tear_down(&f);
}

static void test_longer(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(prealloc_modes); i++) {
        check_longer(BDRV_O_RDWR, prealloc_modes[i]);
        check_longer(NATIVE, prealloc_modes[i]);
    }
}

/* What is cut off does not come back. */
static void test_shorter_and_longer_again(void)
{
    Fixture f;

    for (unsigned i = 0; i < G_N_ELEMENTS(prealloc_modes); i++) {
        set_up(&f, BDRV_O_RDWR);
        g_assert_cmpint(truncate_to(f.bs, 10001, prealloc_modes[i], &error_abort), ==, 0);
        g_assert_cmpint(bdrv_getlength(f.bs), ==, 10001);
        g_assert_cmpint(truncate_to(f.bs, 10001, prealloc_modes[i], &error_abort), ==, 0);
        g_assert_cmpint(truncate_to(f.bs, FILE_SIZE, prealloc_modes[i], &error_abort), ==, 0);
        check_zeroes(&f, 10001, FILE_SIZE - 10001);
        tear_down(&f);
    }
}

/* To be longer must fail with @expected, and leave all as it was. */
static void check_not_longer(Fixture *f, int64_t size, PreallocMode prealloc, int expected)
{
    Error *err = NULL;

    g_assert_cmpint(truncate_to(f->bs, size, prealloc, &err), ==, expected);
    g_assert_nonnull(strstr(error_get_pretty(err), "image"));
    g_assert_null(strchr(error_get_pretty(err), '\n'));
    error_free(err);
    g_assert_cmpint(bdrv_getlength(f->bs), ==, FILE_SIZE);
    g_assert_cmpint(lseek(f->fd, 0, SEEK_END), ==, FILE_SIZE);
}

static void check_no_room(int open_flags)
{
    Fixture f;

    if (!set_up(&f, open_flags)) {
        return;
    }
    refused = "a";
    refusal = ENOSPC;
    check_not_longer(&f, FILE_SIZE + 3000001, PREALLOC_MODE_FALLOC, -ENOSPC);
    refusal = EOPNOTSUPP;
    check_not_longer(&f, FILE_SIZE + 3000001, PREALLOC_MODE_FALLOC, -EOPNOTSUPP);
    refused = "";
    room = 1500000;
    check_not_longer(&f, FILE_SIZE + 3000001, PREALLOC_MODE_FULL, -ENOSPC);
    room = INT64_MAX;
    check_zeroes(&f, 0, 0);
    tear_down(&f);
}

static void test_failure_leaves_the_length(void)
{
    check_no_room(BDRV_O_RDWR);
    check_no_room(NATIVE);
}

static void test_length_that_cannot_be(void)
{
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    check_not_longer(&f, -1, PREALLOC_MODE_OFF, -EINVAL);
    check_not_longer(&f, INT64_MAX, PREALLOC_MODE_OFF, -EINVAL);
    tear_down(&f);
    set_up(&f, 0);
    check_not_longer(&f, 2 * FILE_SIZE, PREALLOC_MODE_OFF, -EPERM);
    tear_down(&f);
}

static void test_device_has_the_length_it_has(void)
{
    Error *err = NULL;
    int backing;
    Fixture f;

    if (!set_up_loop(&f, "", &backing)) {
        return;
    }
    g_assert_cmpint(truncate_to(f.bs, FILE_SIZE / 2, PREALLOC_MODE_OFF, &err), ==, -ENOTSUP);
    g_assert_nonnull(strstr(error_get_pretty(err), "cannot be resized"));
    error_free(err);
    g_assert_cmpint(bdrv_getlength(f.bs), ==, FILE_SIZE);
    close(backing);
    tear_down(&f);
}

/* ---- the driver is named ------------------------------------------------------------------- */

static void check_wrong_driver(BlockDriver *drv, int fd, const char *hint)
{
    BlockdevOptions options = { .filename = "image", .fd = fd };
    AioContext *ctx = test_context_new();
    Error *err = NULL;

    g_assert_null(bdrv_open(drv, &options, BDRV_O_RDWR, ctx, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "image"));
    g_assert_nonnull(strstr(error_get_pretty(err), drv->format_name));
    g_assert_nonnull(strstr(error_get_pretty(err), hint));
    g_assert_null(strchr(error_get_pretty(err), '\n'));
    error_free(err);
    close(fd);
    test_context_free(ctx);
}

static void test_host_device_over_a_file_is_refused(void)
{
    check_wrong_driver(&bdrv_host_device, test_file_new(g_get_tmp_dir(), 0, 4096), "use file");
}

static void test_file_over_a_device_is_refused(void)
{
    int backing, fd = open_loop("", &backing);

    if (fd >= 0) {
        check_wrong_driver(&bdrv_file, fd, "use host_device");
        close(backing);
    }
}

static void test_named_driver_over_its_kind(void)
{
    BlockdevOptions options = { .filename = "image" };
    AioContext *ctx = test_context_new();
    BlockDriverState *bs;

    options.fd = test_file_new(g_get_tmp_dir(), 0, 4096);
    bs = bdrv_open(&bdrv_file, &options, BDRV_O_RDWR, ctx, &error_abort);
    g_assert_cmpint(bdrv_getlength(bs), ==, 4096);
    bdrv_unref(bs);
    close(options.fd);
    test_context_free(ctx);
}

/* ---- what a node refuses ------------------------------------------------------------------- */

static void test_read_only_takes_no_writes(void)
{
    Fixture f;

    set_up(&f, 0);
    g_assert_cmpint(rw(f.bs, OP_READ, 0, f.buf, 512), ==, 0);
    g_assert_cmpint(rw(f.bs, OP_WRITE, 0, f.buf, 512), ==, -EPERM);
    g_assert_cmpint(discard(f.bs, 0, 512), ==, -EPERM);
    g_assert_cmpint(rw(f.bs, OP_READ, 0, f.buf, 512), ==, 0);
    g_assert_true(test_bytes_are(f.buf, 0, 512));
    tear_down(&f);
}

static void test_what_cannot_be_addressed_is_eio(void)
{
    QEMUIOVector qiov;
    Fixture f;

    set_up(&f, BDRV_O_RDWR);
    qemu_iovec_init_buf(&qiov, f.buf, 512);
    g_assert_cmpint(rw(f.bs, OP_READ, -512, f.buf, 512), ==, -EIO);
    g_assert_cmpint(rw(f.bs, OP_WRITE, BDRV_MAX_LENGTH, f.buf, 512), ==, -EIO);
    g_assert_cmpint(rw(f.bs, OP_WRITE, INT64_MAX - 100, f.buf, 512), ==, -EIO);
    g_assert_cmpint(discard(f.bs, 0, -1), ==, -EIO);
    g_assert_cmpint(discard(f.bs, 0, INT64_MAX), ==, -EIO);
    g_assert_cmpint(discard(f.bs, INT64_MAX, INT64_MAX), ==, -EIO);
    tear_down(&f);
}

static void test_error_of_the_system_call_is_the_result(void)
{
    Fixture f;
    int fd;

    set_up(&f, BDRV_O_RDWR);
    bdrv_unref(f.bs);
    fd =
        open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* although the node is said to be writable */
    f.bs = bdrv_open_fd("image", fd, BDRV_O_RDWR, f.ctx, &error_abort);
    g_assert_cmpint(rw(f.bs, OP_WRITE, 0, f.buf, 512), ==, -EBADF);
    g_assert_cmpint(rw(f.bs, OP_READ, 0, test_read_only_page(), 512), ==, -EFAULT);
    close(fd);
    tear_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ways = g_string_new(NULL);
    g_test_add_func("/file-posix/open/neither-file-nor-device-is-refused",
                    test_neither_file_nor_block_device_is_refused);
    g_test_add_func("/file-posix/open/native-without-direct-is-refused",
                    test_native_without_direct_is_refused);
    g_test_add_func("/file-posix/open/no-alignment-is-refused",
                    test_no_alignment_gets_through_is_refused);
    g_test_add_func("/file-posix/open/file", test_file_is_file_of_its_length);
    g_test_add_func("/file-posix/open/length",
                    test_length_follows_writes_and_is_refreshed_for_others);
    g_test_add_func("/file-posix/alignment/file", test_alignment_of_an_ordinary_file);
    g_test_add_func("/file-posix/alignment/tmpfs", test_alignment_on_tmpfs);
    g_test_add_func("/file-posix/alignment/without-statx", test_alignment_without_statx);
    g_test_add_func("/file-posix/alignment/buffered-takes-any", test_buffered_takes_any_alignment);
    g_test_add_func("/file-posix/loop/512", test_loop_device_of_512);
    g_test_add_func("/file-posix/loop/4096", test_loop_device_of_4096);
    g_test_add_func("/file-posix/way/misaligned-buffer",
                    test_misaligned_buffer_goes_through_a_worker);
    g_test_add_func("/file-posix/way/direct-without-native",
                    test_direct_without_native_goes_through_a_worker);
    g_test_add_func("/file-posix/way/more-than-iov-max",
                    test_more_pieces_than_one_system_call_takes);
    g_test_add_func("/file-posix/way/past-the-end-is-zeroes", test_past_the_end_is_zeroes);
    g_test_add_func("/file-posix/way/fua-in-a-worker", test_fua_reaches_the_worker);
    g_test_add_func("/file-posix/way/fua-without-rwf-dsync",
                    test_fua_without_rwf_dsync_is_write_and_flush);
    g_test_add_func("/file-posix/flush/native", test_flush_is_native_where_it_can);
    g_test_add_func("/file-posix/flush/falls-back-for-good",
                    test_flush_falls_back_to_a_worker_for_good);
    g_test_add_func("/file-posix/flush/unsafe", test_flush_of_unsafe_does_nothing);
    g_test_add_func("/file-posix/discard/reads-as-zeroes", test_discarded_reads_as_zeroes);
    g_test_add_func("/file-posix/zeroes/by-zero-range", test_zeroes_by_zero_range);
    g_test_add_func("/file-posix/zeroes/by-a-hole-where-allowed",
                    test_zeroes_by_a_hole_where_allowed);
    g_test_add_func("/file-posix/zeroes/fall-back-from-one-way-to-the-next",
                    test_zeroes_fall_back_from_one_way_to_the_next);
    g_test_add_func("/file-posix/zeroes/fall-back-from-a-range-that-is-refused",
                    test_zeroes_fall_back_from_a_range_that_is_refused);
    g_test_add_func("/file-posix/zeroes/are-written-where-there-is-no-way",
                    test_zeroes_are_written_where_there_is_no_way);
    g_test_add_func("/file-posix/zeroes/without-fallback", test_zeroes_without_fallback);
    g_test_add_func("/file-posix/zeroes/with-an-error", test_zeroes_with_an_error);
    g_test_add_func("/file-posix/zeroes/interrupted", test_zeroes_interrupted);
    g_test_add_func("/file-posix/zeroes/keep-or-free-space", test_zeroes_keep_or_free_space);
    g_test_add_func("/file-posix/zeroes/past-the-end", test_zeroes_past_the_end);
    g_test_add_func("/file-posix/zeroes/with-fua-are-flushed", test_zeroes_with_fua_are_flushed);
    g_test_add_func("/file-posix/zeroes/of-parts-of-blocks", test_zeroes_of_parts_of_blocks);
    g_test_add_func("/file-posix/zeroes/on-a-device", test_zeroes_on_a_device);
    g_test_add_func("/file-posix/zeroes/on-a-device-fall-back", test_zeroes_on_a_device_fall_back);
    g_test_add_func("/file-posix/length/longer", test_longer);
    g_test_add_func("/file-posix/length/shorter-and-longer-again", test_shorter_and_longer_again);
    g_test_add_func("/file-posix/length/failure-leaves-the-length", test_failure_leaves_the_length);
    g_test_add_func("/file-posix/length/length-that-cannot-be", test_length_that_cannot_be);
    g_test_add_func("/file-posix/length/device-has-the-length-it-has",
                    test_device_has_the_length_it_has);
    g_test_add_func("/file-posix/driver/host-device-over-a-file-is-refused",
                    test_host_device_over_a_file_is_refused);
    g_test_add_func("/file-posix/driver/file-over-a-device-is-refused",
                    test_file_over_a_device_is_refused);
    g_test_add_func("/file-posix/driver/named-driver-over-its-kind",
                    test_named_driver_over_its_kind);
    g_test_add_func("/file-posix/refuse/nothing-is-a-success", test_nothing_to_do_is_a_success);
    g_test_add_func("/file-posix/refuse/read-only", test_read_only_takes_no_writes);
    g_test_add_func("/file-posix/refuse/out-of-range", test_what_cannot_be_addressed_is_eio);
    g_test_add_func("/file-posix/refuse/system-call-error",
                    test_error_of_the_system_call_is_the_result);
    return g_test_run();
}
