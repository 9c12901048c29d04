/* What a request costs on its way through the Linux AIO queue, to the kernel and back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file is in memory, so the kernel completes each read inside io_submit(2): the completion
 * lies in the ring when the loop turns, and the number of instructions repeats.
 */
#include "bench.h"
#include "base/iov.h"
#include "block/linux-aio.h"
#include "block/raw-aio.h"
#include "loop/aio.h"

#include <sys/mman.h>

#define BLOCK 512

typedef struct Aio {
    AioContext *ctx;
    LinuxAioState *laio;
    int fd;
    unsigned in_flight;
    QEMUIOVector qiov;
    char buffer[BLOCK];
} Aio;

static void free_aio(Aio *a)
{
    if (a->fd >= 0) {
        close(a->fd);
    }
    if (a->ctx) {
        qemu_set_current_aio_context(NULL);
        aio_context_unref(a->ctx);
    }
    qemu_iovec_destroy(&a->qiov);
    g_free(a);
}

static bool make_file(Aio *a, Error **errp)
{
    a->fd = memfd_create("bench", MFD_CLOEXEC);
    if (a->fd < 0 || ftruncate(a->fd, BLOCK) < 0) {
        error_setg_errno(errp, errno, "no file in memory");
        return false;
    }
    return true;
}

static bool setup(BenchOp *op, Error **errp)
{
    Aio *a = g_new0(Aio, 1);

    a->fd = -1;
    qemu_iovec_init(&a->qiov, 1);
    qemu_iovec_add(&a->qiov, a->buffer, BLOCK);
    a->ctx = aio_context_new(errp);
    if (!a->ctx) {
        free_aio(a);
        return false;
    }
    qemu_set_current_aio_context(a->ctx);
    a->laio = aio_setup_linux_aio(a->ctx, op->unit, errp);
    if (!a->laio || !make_file(a, errp)) {
        free_aio(a);
        return false;
    }
    op->state = a;
    return true;
}

static void coroutine_fn read_block(void *opaque)
{
    Aio *a = opaque;
    int ret;

    a->in_flight++;
    ret = laio_co_submit(a->laio, a->fd, 0, &a->qiov, QEMU_AIO_READ, 0, 0);
    if (ret < 0) {
        fprintf(stderr, "bench: read: %s\n", g_strerror(-ret));
        _exit(1);
    }
    a->in_flight--;
}

static void run(BenchOp *op, unsigned n)
{
    Aio *a = op->state;

    for (unsigned done = 0; done < n; done += op->unit) {
        laio_io_plug(a->laio);
        for (unsigned i = 0; i < op->unit; i++) {
            qemu_coroutine_enter(qemu_coroutine_create(read_block, a));
        }
        laio_io_unplug(a->laio);
        while (a->in_flight > 0) {
            aio_poll(a->ctx, true);
        }
    }
}

static void teardown(BenchOp *op)
{
    free_aio(op->state);
}

void bench_add_linux_aio(GPtrArray *ops)
{
    static const unsigned batches[] = { 1, 32 };

    for (unsigned i = 0; i < ARRAY_SIZE(batches); i++) {
        bench_add(ops,
                  &(BenchOp){ .what = "each of so many reads of 512 bytes, submitted together",
                              .setup = setup,
                              .run = run,
                              .teardown = teardown,
                              .unit = batches[i] },
                  "linux-aio.read-%u", batches[i]);
    }
}
