/*
 * The engine's options as fio parses them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_ENGINE_OPTIONS_H
#define QAIO_ENGINE_OPTIONS_H

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

struct qaio_options {
    void *td; /* fio's own; must come first */
    unsigned loop;
    unsigned coroutine;
    unsigned max_events;
    unsigned max_batch;
    unsigned aio;
    unsigned cache;
    unsigned poll_max_ns;
    unsigned poll_grow;
    unsigned poll_shrink;
    unsigned fdmon;
    char *stats;
};

extern struct fio_option qaio_option_table[];

struct qaio_data;

/*
 * Turn the options into qd's settings and the calling thread's coroutine backend. 0, or -EINVAL
 * with one line logged that says what to change: what cannot work together is never just ignored.
 */
int qaio_apply_options(struct qaio_data *qd);

/* Have qd->ctx, which is new, wait as qaio_fdmon says. 0, or -ENOTSUP with one line logged. */
int qaio_apply_fdmon(struct qaio_data *qd);

#endif
