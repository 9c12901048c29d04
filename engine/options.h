/*
 * The engine's options as fio parses them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_ENGINE_OPTIONS_H
#define QAIO_ENGINE_OPTIONS_H

#include <stdbool.h>
#include "block/throttle.h"
#include "loop/aio.h"

/* 0 is "not given" throughout. */
enum qaio_coroutine_kind {
    QAIO_COROUTINE_DEFAULT,
    QAIO_COROUTINE_ASM,
    QAIO_COROUTINE_UCONTEXT,
    QAIO_COROUTINE_NONE,
};

enum qaio_loop {
    QAIO_LOOP_DEFAULT,
    QAIO_LOOP_AIO_POLL,
    QAIO_LOOP_MAIN_LOOP,
    QAIO_LOOP_SELECT,
};

enum qaio_aio {
    QAIO_AIO_DEFAULT,
    QAIO_AIO_NATIVE,
    QAIO_AIO_THREADS,
    QAIO_AIO_IO_URING,
};

enum qaio_driver {
    QAIO_DRIVER_DEFAULT,
    QAIO_DRIVER_AUTO,
    QAIO_DRIVER_FILE,
    QAIO_DRIVER_HOST_DEVICE,
    QAIO_DRIVER_NULL_CO,
    QAIO_DRIVER_NULL_AIO,
};

enum qaio_defer {
    QAIO_DEFER_DEFAULT,
    QAIO_DEFER_AUTO,
    QAIO_DEFER_ON,
    QAIO_DEFER_OFF,
};

enum qaio_trim {
    QAIO_TRIM_DEFAULT,
    QAIO_TRIM_DISCARD,
    QAIO_TRIM_ZEROES,
};

enum qaio_cache {
    QAIO_CACHE_DEFAULT,
    QAIO_CACHE_NONE,
    QAIO_CACHE_WRITEBACK,
    QAIO_CACHE_WRITETHROUGH,
    QAIO_CACHE_DIRECTSYNC,
    QAIO_CACHE_UNSAFE,
};

enum qaio_fdmon {
    QAIO_FDMON_DEFAULT,
    QAIO_FDMON_AUTO,
    QAIO_FDMON_POLL,
    QAIO_FDMON_EPOLL,
    QAIO_FDMON_IO_URING,
};

enum qaio_frontend {
    QAIO_FRONTEND_DEFAULT,
    QAIO_FRONTEND_BLK,
    QAIO_FRONTEND_VIRTIO,
};

enum qaio_merge {
    QAIO_MERGE_DEFAULT,
    QAIO_MERGE_ON,
    QAIO_MERGE_OFF,
};

enum qaio_on_error {
    QAIO_ON_ERROR_DEFAULT,
    QAIO_ON_ERROR_REPORT,
    QAIO_ON_ERROR_IGNORE,
    QAIO_ON_ERROR_STOP,
    QAIO_ON_ERROR_ENOSPC,
};

/* A limit of qaio_throttle_*: fio's numbers for a LeakyBucket. */
struct qaio_limit {
    unsigned long long avg;
    unsigned long long max;
    unsigned max_length;
};

struct qaio_options {
    void *td; /* fio's own; must come first */
    unsigned loop;
    unsigned coroutine;
    unsigned max_events;
    unsigned max_batch;
    unsigned defer;
    unsigned aio;
    unsigned cache;
    unsigned poll_max_ns;
    unsigned poll_given; /* poll_max_ns is the user's */
    unsigned poll_grow;
    unsigned poll_shrink;
    unsigned fdmon;
    unsigned driver;
    unsigned long long latency_ns;
    unsigned read_zeroes;
    unsigned trim;
    unsigned thread_pool_min;
    unsigned thread_pool_max;
    struct qaio_limit throttle[BUCKETS_COUNT];
    unsigned long long throttle_iops_size;
    char *throttle_group;
    unsigned frontend;
    unsigned iothread;
    unsigned queues;
    unsigned queue_size;
    unsigned merge;
    unsigned rerror;
    unsigned werror;
    unsigned resume_ms;
    char *stats;
};

extern struct fio_option qaio_option_table[];

struct qaio_data;

/* Whether the job is on a driver that has no file under it. */
static inline bool qaio_is_null(const struct qaio_options *options)
{
    return options->driver == QAIO_DRIVER_NULL_CO || options->driver == QAIO_DRIVER_NULL_AIO;
}

/*
 * Turn the options into qd's settings and the calling thread's coroutine backend. 0, or -EINVAL
 * with one line logged that says what to change: what cannot work together is never just ignored.
 */
int qaio_apply_options(struct qaio_data *qd);

/* Have the workers of @ctx be as many as qaio_thread_pool_* say. Its home thread. 0, or -EINVAL
 * with one line logged. */
int qaio_apply_thread_pool(const struct qaio_options *options, AioContext *ctx);

/* Have @ctx, which is new, wait as qaio_fdmon says. 0, or -ENOTSUP with one line logged. */
int qaio_apply_fdmon(const struct qaio_options *options, AioContext *ctx);

#endif
