/* The block layer on the early loop: what a node lets through, and waiting for all of them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=fdatasync, to see what it comes after.
 */
#include "base/osdep.h"
#include <sys/stat.h>
#include "base/memalign.h"
#include "block/block-early.h"
#include "util.h"

#define BLOCK     4096
#define FILE_SIZE (16 * BLOCK)

static struct {
    EarlyBlock *block;
    unsigned syncs;
    int error;
    unsigned done_at_sync;
    unsigned n_done;
    int ret[64];
} t;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    t.syncs++;
    t.done_at_sync = t.n_done;
    if (t.error) {
        errno = t.error;
        return -1;
    }
    return __real_fdatasync(fd);
}

typedef struct Fixture {
    EarlyLoop *loop;
    int fd[2];
    EarlyBDS *bs[2];
    uint8_t *buf;
    QEMUIOVector qiov;
} Fixture;

static void fixture_up(Fixture *f, bool growable)
{
    memset(&t, 0, sizeof(t));
    f->loop = early_loop_new();
    t.block = early_block_new(f->loop, 64, &error_abort);
    f->buf = qemu_memalign(BLOCK, BLOCK);
    memset(f->buf, 0x5a, BLOCK);
    qemu_iovec_init_buf(&f->qiov, f->buf, BLOCK);
    for (int i = 0; i < 2; i++) {
        f->fd[i] = test_file_new(test_tmpfs_dir(), 0, FILE_SIZE);
        f->bs[i] = early_bdrv_open_fd(t.block, "test", f->fd[i], BDRV_O_RDWR | BDRV_O_NOCACHE,
                                      growable, false, &error_abort);
    }
}

static void fixture_down(Fixture *f)
{
    for (int i = 0; i < 2; i++) {
        early_bdrv_close(f->bs[i]);
        close(f->fd[i]);
    }
    early_block_free(t.block);
    early_loop_free(f->loop);
    qemu_vfree(f->buf);
}

static void done(void *opaque, int ret)
{
    *(int *)opaque = ret;
    t.n_done++;
}

static int start_read(Fixture *f, int i, int64_t offset)
{
    t.ret[i] = 1;
    return early_bdrv_aio_readv(f->bs[i & 1], offset, &f->qiov, done, &t.ret[i]);
}

static int start_write(Fixture *f, int i, int64_t offset)
{
    t.ret[i] = 1;
    return early_bdrv_aio_writev(f->bs[i & 1], offset, &f->qiov, done, &t.ret[i]);
}

static void test_read_write(void)
{
    Fixture f;

    fixture_up(&f, false);
    g_assert_cmpint(start_read(&f, 0, BLOCK), ==, 0);
    g_assert_cmpint(t.ret[0], ==, 1);
    early_bdrv_drain_all(t.block);
    g_assert_cmpint(t.ret[0], ==, 0);
    g_assert_true(test_bytes_are(f.buf, BLOCK, BLOCK));

    g_assert_cmpint(start_write(&f, 0, 3 * BLOCK), ==, 0);
    early_bdrv_drain_all(t.block);
    memset(f.buf, 0, BLOCK);
    g_assert_cmpint(start_read(&f, 0, 3 * BLOCK), ==, 0);
    early_bdrv_drain_all(t.block);
    g_assert_true(test_bytes_are(f.buf, BLOCK, BLOCK));
    fixture_down(&f);
}

/* What lies outside is refused by the call, and leaves nothing behind to wait for. */
static void test_outside(void)
{
    static const int64_t outside[] = { -BLOCK, FILE_SIZE, FILE_SIZE - BLOCK / 2,
                                       INT64_MAX - BLOCK / 2, INT64_MIN };
    Fixture f;

    fixture_up(&f, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(outside); i++) {
        g_assert_cmpint(start_read(&f, 0, outside[i]), ==, -EIO);
        g_assert_cmpint(start_write(&f, 0, outside[i]), ==, -EIO);
        g_assert_cmpint(early_bdrv_discard(f.bs[0], outside[i], BLOCK), ==, -EIO);
    }
    early_bdrv_drain_all(t.block);
    g_assert_cmpuint(t.n_done, ==, 0);
    g_assert_cmpint(early_bdrv_discard(f.bs[0], 0, -1), ==, -EIO);

    /* It may have grown meanwhile. */
    g_assert_cmpint(ftruncate(f.fd[0], FILE_SIZE + BLOCK), ==, 0);
    g_assert_cmpint(start_read(&f, 0, FILE_SIZE), ==, 0);
    early_bdrv_drain_all(t.block);
    g_assert_cmpint(t.ret[0], ==, 0);
    fixture_down(&f);
}

static void test_growable(void)
{
    Fixture f;

    fixture_up(&f, true);
    g_assert_cmpint(start_write(&f, 0, FILE_SIZE + BLOCK), ==, 0);
    early_bdrv_drain_all(t.block);
    g_assert_cmpint(t.ret[0], ==, 0);
    g_assert_cmpint(bdrv_getlength(early_bdrv_node(f.bs[0])), ==, FILE_SIZE + 2 * BLOCK);
    g_assert_cmpint(start_write(&f, 0, -BLOCK), ==, -EIO);
    fixture_down(&f);
}

/* Refused by the kernel, which a read-only descriptor is enough for: the call says so. */
static void test_refused(void)
{
    Fixture f;
    char path[64];
    EarlyBDS *bs;
    int ret = 1, fd;

    fixture_up(&f, false);
    g_snprintf(path, sizeof(path), "/proc/self/fd/%d", f.fd[0]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    bs = early_bdrv_open_fd(t.block, "test", fd, BDRV_O_NOCACHE, false, false, &error_abort);
    g_assert_cmpint(early_bdrv_aio_writev(bs, 0, &f.qiov, done, &ret), ==, -EBADF);
    early_bdrv_drain_all(t.block);
    g_assert_cmpuint(t.n_done, ==, 0);
    g_assert_cmpint(early_bdrv_aio_readv(bs, 0, &f.qiov, done, &ret), ==, 0);
    early_bdrv_close(bs);
    g_assert_cmpint(ret, ==, 0);
    close(fd);
    fixture_down(&f);
}

static void test_drain_all(void)
{
    Fixture f;

    fixture_up(&f, false);
    early_bdrv_drain_all(t.block);
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(start_read(&f, i, (i % 16) * BLOCK), ==, 0);
    }
    early_bdrv_drain_all(t.block);
    g_assert_cmpuint(t.n_done, ==, 20);
    fixture_down(&f);
}

static void test_close_waits(void)
{
    Fixture f;

    fixture_up(&f, false);
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(start_read(&f, i, (i % 16) * BLOCK), ==, 0);
    }
    fixture_down(&f);
    g_assert_cmpuint(t.n_done, ==, 20);
}

static void test_flush(void)
{
    Fixture f;

    fixture_up(&f, false);
    for (int i = 0; i < 10; i++) {
        g_assert_cmpint(start_write(&f, i, i * BLOCK), ==, 0);
    }
    g_assert_cmpint(early_bdrv_flush(f.bs[0]), ==, 0);
    g_assert_cmpuint(t.syncs, ==, 1);
    g_assert_cmpuint(t.done_at_sync, ==, 10);
    t.error = EIO;
    g_assert_cmpint(early_bdrv_flush(f.bs[0]), ==, -EIO);
    fixture_down(&f);
}

static void test_discard(void)
{
    struct stat before, after;
    Fixture f;

    fixture_up(&f, false);
    fstat(f.fd[0], &before);
    g_assert_cmpint(early_bdrv_discard(f.bs[0], 4 * BLOCK, 0), ==, 0);
    g_assert_cmpint(early_bdrv_discard(f.bs[0], 4 * BLOCK, 4 * BLOCK), ==, 0);
    fstat(f.fd[0], &after);
    g_assert_cmpint(after.st_size, ==, before.st_size);
    g_assert_cmpint(after.st_blocks, <, before.st_blocks);
    fixture_down(&f);
}

static void test_no_allocation(void)
{
    Fixture f;

    fixture_up(&f, false);
    early_block_reserve(t.block, 8);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            g_assert_cmpint(start_read(&f, i, i * BLOCK), ==, 0);
        }
        early_bdrv_drain_all(t.block);
    }
    g_assert_cmpuint(early_block_misses(t.block), ==, 0);
    fixture_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block-early/read-write", test_read_write);
    g_test_add_func("/block-early/outside", test_outside);
    g_test_add_func("/block-early/growable", test_growable);
    g_test_add_func("/block-early/refused", test_refused);
    g_test_add_func("/block-early/drain-all", test_drain_all);
    g_test_add_func("/block-early/close-waits", test_close_waits);
    g_test_add_func("/block-early/flush", test_flush);
    g_test_add_func("/block-early/discard", test_discard);
    g_test_add_func("/block-early/no-allocation", test_no_allocation);
    return g_test_run();
}
