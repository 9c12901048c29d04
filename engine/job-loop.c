/*
 * A job's event loop, and what the options make of a context that requests run in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "engine/engine.h"

/* ---- a context as the options say ----------------------------------------------------------- */

static int start_laio(struct qaio_data *qd, AioContext *ctx, unsigned max_events)
{
    Error *err = NULL;
    LinuxAioState *laio = aio_setup_linux_aio(ctx, max_events, &err);

    if (!laio) {
        log_err("qaio: qaio_max_events=%u: %s\n", max_events, error_get_pretty(err));
        error_free(err);
        return -EAGAIN;
    }
    laio_set_defer(laio, qd->options->defer != QAIO_DEFER_OFF);
    return 0;
}

static int start_luring(struct qaio_data *qd, AioContext *ctx, unsigned max_events)
{
    Error *err = NULL;
    LuringState *luring = aio_setup_linux_io_uring(ctx, max_events, &err);

    if (!luring) {
        log_err("qaio: qaio_aio=io_uring: %s\n", error_get_pretty(err));
        error_free(err);
        return -ENOSYS;
    }
    luring_set_defer(luring, qd->options->defer != QAIO_DEFER_OFF);
    return 0;
}

/* The way into the kernel, where there is one besides the workers; another job may have made it. */
static int start_aio(struct qaio_data *qd, AioContext *ctx, unsigned max_events)
{
    if (qaio_is_null(qd->options)) {
        return 0;
    }
    if (qd->open_flags & BDRV_O_NATIVE_AIO) {
        return aio_get_linux_aio(ctx) ? 0 : start_laio(qd, ctx, max_events);
    }
    if (qd->open_flags & BDRV_O_IO_URING) {
        return aio_get_linux_io_uring(ctx) ? 0 : start_luring(qd, ctx, max_events);
    }
    return 0;
}

int qaio_setup_context(struct qaio_data *qd, AioContext *ctx, unsigned max_events)
{
    int ret;

    aio_context_set_aio_params(ctx, qd->options->max_batch);
    ret = qaio_apply_thread_pool(qd->options, ctx);
    return ret ?: start_aio(qd, ctx, max_events);
}

void qaio_warm_up(AioContext *ctx, unsigned n)
{
    blk_reserve(ctx, n);
    qemu_coroutine_inc_pool_size(n);
    qemu_coroutine_pool_reserve(n);
}

uint64_t qaio_context_allocations(AioContext *ctx)
{
    CoroutinePoolStats coroutines;

    qemu_coroutine_pool_stats(&coroutines);
    return coroutines.created + blk_aio_misses(ctx);
}

const AioStats *qaio_context_aio_stats(AioContext *ctx)
{
    static const AioStats none;
    LuringState *luring = aio_get_linux_io_uring(ctx);
    LinuxAioState *laio = aio_get_linux_aio(ctx);

    if (luring) {
        return luring_get_stats(luring);
    }
    return laio ? laio_get_stats(laio) : &none;
}

/* ---- the job's own -------------------------------------------------------------------------- */

static bool uses_main_loop(const struct qaio_data *qd)
{
    return qd->options->loop == QAIO_LOOP_MAIN_LOOP;
}

int qaio_loop_new(struct qaio_data *qd)
{
    Error *err = NULL;

    qd->ctx = uses_main_loop(qd) ? qaio_main_loop_new(qd, &err) : aio_context_new(&err);
    if (!qd->ctx) {
        log_err("qaio: %s\n", error_get_pretty(err));
        error_free(err);
        return -EMFILE;
    }
    qemu_set_current_aio_context(qd->ctx);
    return 0;
}

void qaio_loop_free(struct qaio_data *qd)
{
    if (uses_main_loop(qd)) {
        qaio_main_loop_free(qd);
        return;
    }
    qemu_set_current_aio_context(NULL);
    aio_context_unref(qd->ctx);
}

int qaio_loop_start(struct qaio_data *qd)
{
    int ret = qaio_loop_new(qd);

    if (ret < 0) {
        return ret;
    }
    aio_context_set_poll_params(qd->ctx, qd->options->poll_max_ns, qd->options->poll_grow,
                                qd->options->poll_shrink, &error_abort);
    ret = qaio_apply_fdmon(qd->options, qd->ctx);
    ret = ret ?: qaio_setup_context(qd, qd->ctx, qd->options->max_events);
    ret = ret ?: qaio_start_throttle(qd);
    if (ret < 0) {
        qaio_loop_free(qd);
        return ret;
    }
    qaio_warm_up(qd->ctx, qd->td->o.iodepth + 1);
    return 0;
}

void qaio_loop_stop(struct qaio_data *qd)
{
    qaio_stop_throttle(qd);
    qemu_coroutine_dec_pool_size(qd->td->o.iodepth + 1);
    qaio_loop_free(qd);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A null node is of the size that fio has settled on for @f. */
static BlockDriverState *open_node(struct qaio_data *qd, struct fio_file *f, int open_flags,
                                   Error **errp)
{
    static BlockDriver *const drivers[] = {
        [QAIO_DRIVER_FILE] = &bdrv_file,
        [QAIO_DRIVER_HOST_DEVICE] = &bdrv_host_device,
        [QAIO_DRIVER_NULL_CO] = &bdrv_null_co,
        [QAIO_DRIVER_NULL_AIO] = &bdrv_null_aio,
    };
    BlockdevOptions options = {
        .filename = f->file_name,
        .fd = f->fd,
        .size = f->file_offset + f->io_size,
        .latency_ns = qd->options->latency_ns,
        .read_zeroes = qd->options->read_zeroes,
    };

    return bdrv_open(drivers[qd->options->driver], &options, open_flags, qd->ctx, errp);
}

BlockBackend *qaio_open_backend(struct qaio_data *qd, struct fio_file *f, int open_flags,
                                Error **errp)
{
    BlockDriverState *bs = open_node(qd, f, open_flags, errp);
    BlockBackend *blk;

    if (!bs) {
        return NULL;
    }
    blk = blk_new_with_bs(bs);
    blk_set_enable_write_cache(blk, !qd->write_through);
    if (qd->throttled) {
        blk_io_limits_enable(blk, throttle_group_get_name(&qd->throttle));
    }
    return blk;
}
