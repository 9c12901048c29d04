/*
 * The engine's options: the table that fio parses and shows, and what the values mean together.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "engine/engine.h"

#define MAX_REQUESTS    65536
#define MAX_POLL_NS     1000000000
#define MAX_POLL_FACTOR 1000000

#define QAIO_OPTION(n, field)                                                                      \
    .name = "qaio_" n, .off1 = offsetof(struct qaio_options, field), .category = FIO_OPT_C_ENGINE, \
    .group = FIO_OPT_G_INVALID

struct fio_option qaio_option_table[] = {
    {
        QAIO_OPTION("loop", loop),
        .lname = "Event loop",
        .type = FIO_OPT_STR,
        .help = "The event loop that requests run on (default: aio_poll)",
        .posval = {
            { .ival = "aio_poll", .oval = QAIO_LOOP_AIO_POLL, .help = "QEMU's AioContext" },
            { .ival = "main_loop", .oval = QAIO_LOOP_MAIN_LOOP,
              .help = "QEMU's main loop: the AioContext as a source of GLib's" },
            { .ival = "select", .oval = QAIO_LOOP_SELECT,
              .help = "The loop before AioContext; needs qaio_coroutine=none" },
        },
    },
    {
        QAIO_OPTION("coroutine", coroutine),
        .lname = "Coroutine backend",
        .type = FIO_OPT_STR,
        .help = "How coroutines switch: asm (default) or ucontext, or none",
        .posval = {
            { .ival = "asm", .oval = QAIO_COROUTINE_ASM, .help = "A few instructions" },
            { .ival = "ucontext", .oval = QAIO_COROUTINE_UCONTEXT, .help = "The C library's" },
            { .ival = "none", .oval = QAIO_COROUTINE_NONE,
              .help = "Callbacks instead; needs qaio_loop=select" },
        },
    },
    {
        QAIO_OPTION("max_events", max_events),
        .lname = "Linux AIO requests in flight",
        .type = FIO_OPT_INT,
        .help = "Requests that may be in flight; more wait in the queue",
        .def = "1024",
        .minval = 1,
        .maxval = MAX_REQUESTS,
        .interval = 1,
    },
    {
        QAIO_OPTION("max_batch", max_batch),
        .lname = "Linux AIO batch",
        .type = FIO_OPT_INT,
        .help = "Requests gathered before they are submitted although more may come; 0: QEMU's 32",
        .def = "0",
        .minval = 0,
        .maxval = MAX_REQUESTS,
        .interval = 1,
    },
    {
        QAIO_OPTION("aio", aio),
        .lname = "Asynchronous I/O backend",
        .type = FIO_OPT_STR,
        .help = "How requests reach the kernel (default: native with direct=1, else threads)",
        .posval = {
            { .ival = "native", .oval = QAIO_AIO_NATIVE, .help = "Linux AIO; needs direct=1" },
            { .ival = "threads", .oval = QAIO_AIO_THREADS, .help = "Worker threads" },
        },
    },
    {
        QAIO_OPTION("cache", cache),
        .lname = "Cache mode",
        .type = FIO_OPT_STR,
        .help = "QEMU's cache modes (default: none with direct=1, else writeback)",
        .posval = {
            { .ival = "none", .oval = QAIO_CACHE_NONE, .help = "Direct I/O; needs direct=1" },
            { .ival = "writeback", .oval = QAIO_CACHE_WRITEBACK, .help = "Page cache; needs direct=0" },
            { .ival = "writethrough", .oval = QAIO_CACHE_WRITETHROUGH,
              .help = "Page cache, each write is stable (FUA); needs direct=0" },
            { .ival = "directsync", .oval = QAIO_CACHE_DIRECTSYNC,
              .help = "Direct I/O, each write is stable (FUA); needs direct=1" },
            { .ival = "unsafe", .oval = QAIO_CACHE_UNSAFE,
              .help = "Page cache, flushes are ignored; needs direct=0" },
        },
    },
    {
        QAIO_OPTION("fdmon", fdmon),
        .lname = "Waiting for descriptors",
        .type = FIO_OPT_STR,
        .help = "How the event loop waits for descriptors (default: auto)",
        .posval = {
            { .ival = "auto", .oval = QAIO_FDMON_AUTO, .help = "ppoll, epoll from 64 on" },
            { .ival = "poll", .oval = QAIO_FDMON_POLL, .help = "ppoll" },
            { .ival = "epoll", .oval = QAIO_FDMON_EPOLL, .help = "epoll" },
            { .ival = "io_uring", .oval = QAIO_FDMON_IO_URING, .help = "io_uring" },
        },
    },
    {
        QAIO_OPTION("poll_max_ns", poll_max_ns),
        .lname = "Busy polling",
        .type = FIO_OPT_INT,
        .help = "How long the event loop may look for completions before it sleeps; 0: not at all",
        .def = "0",
        .minval = 0,
        .maxval = MAX_POLL_NS,
        .interval = 1,
    },
    {
        QAIO_OPTION("poll_grow", poll_grow),
        .lname = "Growth of busy polling",
        .type = FIO_OPT_INT,
        .help = "Factor by which the time grows when completions are near; 0: QEMU's 2",
        .def = "0",
        .minval = 0,
        .maxval = MAX_POLL_FACTOR,
        .interval = 1,
    },
    {
        QAIO_OPTION("poll_shrink", poll_shrink),
        .lname = "Shrinking of busy polling",
        .type = FIO_OPT_INT,
        .help = "Divisor by which the time shrinks when completions are far; 0: to nothing",
        .def = "0",
        .minval = 0,
        .maxval = MAX_POLL_FACTOR,
        .interval = 1,
    },
    {
        QAIO_OPTION("stats", stats),
        .lname = "Statistics file",
        .type = FIO_OPT_STR_STORE,
        .help = "Append the job's statistics to this file, as one line of JSON",
    },
    {
        .name = NULL,
    },
};

/* What a cache mode means. */
static const struct {
    const char *name;
    bool direct;
    bool write_through;
    int open_flags;
} cache_modes[] = {
    [QAIO_CACHE_NONE] = { "none", true, false, 0 },
    [QAIO_CACHE_WRITEBACK] = { "writeback", false, false, 0 },
    [QAIO_CACHE_WRITETHROUGH] = { "writethrough", false, true, 0 },
    [QAIO_CACHE_DIRECTSYNC] = { "directsync", true, true, 0 },
    [QAIO_CACHE_UNSAFE] = { "unsafe", false, false, BDRV_O_NO_FLUSH },
};

static int apply_cache(struct qaio_data *qd)
{
    bool direct = qd->td->o.odirect;
    unsigned mode = qd->options->cache;

    if (mode == QAIO_CACHE_DEFAULT) {
        mode = direct ? QAIO_CACHE_NONE : QAIO_CACHE_WRITEBACK;
    }
    if (cache_modes[mode].direct != direct) {
        log_err("qaio: qaio_cache=%s needs direct=%d: set that, or leave qaio_cache out\n",
                cache_modes[mode].name, cache_modes[mode].direct);
        return -EINVAL;
    }
    qd->open_flags |= cache_modes[mode].open_flags | (direct ? BDRV_O_NOCACHE : 0);
    qd->write_through = cache_modes[mode].write_through;
    return 0;
}

static int apply_aio(struct qaio_data *qd)
{
    bool direct = qd->td->o.odirect;
    unsigned aio = qd->options->aio;

    if (aio == QAIO_AIO_DEFAULT) {
        aio = direct ? QAIO_AIO_NATIVE : QAIO_AIO_THREADS;
    }
    if (aio == QAIO_AIO_NATIVE && !direct) {
        log_err("qaio: qaio_aio=native needs direct=1: set that, or use qaio_aio=threads\n");
        return -EINVAL;
    }
    qd->open_flags |= aio == QAIO_AIO_NATIVE ? BDRV_O_NATIVE_AIO : 0;
    return 0;
}

/* What the early path has no use for, as the line that says so; NULL if there is nothing. */
static const char *unfit_for_select(const struct qaio_data *qd)
{
    const struct qaio_options *options = qd->options;

    if (options->coroutine != QAIO_COROUTINE_NONE) {
        return "qaio_coroutine=none: set that, or leave qaio_loop out";
    }
    if (!qd->td->o.odirect) {
        return "direct=1: set that, or leave qaio_loop and qaio_coroutine out";
    }
    if (options->aio == QAIO_AIO_THREADS) {
        return "qaio_aio=native: set that, or leave qaio_aio out";
    }
    if (options->fdmon != QAIO_FDMON_DEFAULT) {
        return "qaio_fdmon left out: select() is how it waits";
    }
    if (options->poll_max_ns || options->poll_grow || options->poll_shrink) {
        return "qaio_poll_max_ns, qaio_poll_grow and qaio_poll_shrink left out: it cannot poll";
    }
    if (options->max_batch) {
        return "qaio_max_batch left out: each request is submitted by itself";
    }
    return NULL;
}

/* Under the main loop it is GLib's descriptors that are waited for, with ppoll and nothing else. */
static const char *unfit_for_main_loop(const struct qaio_options *options)
{
    if (options->fdmon == QAIO_FDMON_EPOLL || options->fdmon == QAIO_FDMON_IO_URING) {
        return "qaio_fdmon=poll, for that is how it waits: set that, or leave qaio_fdmon out";
    }
    if (options->poll_max_ns || options->poll_grow || options->poll_shrink) {
        return "qaio_poll_max_ns, qaio_poll_grow and qaio_poll_shrink left out: it cannot poll";
    }
    return NULL;
}

static int apply_loop(struct qaio_data *qd)
{
    const char *need = NULL;

    if (qd->options->loop == QAIO_LOOP_SELECT) {
        need = unfit_for_select(qd);
    } else if (qd->options->loop == QAIO_LOOP_MAIN_LOOP) {
        need = unfit_for_main_loop(qd->options);
    }
    if (need) {
        log_err("qaio: qaio_loop=%s needs %s\n",
                qd->options->loop == QAIO_LOOP_SELECT ? "select" : "main_loop", need);
        return -EINVAL;
    }
    if (qd->options->loop != QAIO_LOOP_SELECT && qd->options->coroutine == QAIO_COROUTINE_NONE) {
        log_err("qaio: qaio_coroutine=none needs qaio_loop=select: set that, or leave "
                "qaio_coroutine out\n");
        return -EINVAL;
    }
    return 0;
}

static int apply_coroutine(struct qaio_data *qd)
{
    CoroutineBackend backend = qd->options->coroutine == QAIO_COROUTINE_UCONTEXT
                                   ? COROUTINE_BACKEND_UCONTEXT
                                   : COROUTINE_BACKEND_ASM;

    if (qemu_coroutine_set_backend(backend)) {
        return 0;
    }
    if (qd->options->coroutine == QAIO_COROUTINE_ASM) {
        log_err("qaio: this build has no qaio_coroutine=asm for this processor: use ucontext\n");
        return -EINVAL;
    }
    qemu_coroutine_set_backend(COROUTINE_BACKEND_UCONTEXT);
    return 0;
}

/* fio does not notice values below zero. */
static int check_range(const char *name, unsigned value, unsigned min, unsigned max)
{
    if (value < min || value > max) {
        log_err("qaio: %s=%d is out of range: use %u to %u\n", name, (int)value, min, max);
        return -EINVAL;
    }
    return 0;
}

static int check_ranges(const struct qaio_options *options)
{
    int ret = check_range("qaio_max_events", options->max_events, 1, MAX_REQUESTS);

    ret = ret ?: check_range("qaio_max_batch", options->max_batch, 0, MAX_REQUESTS);
    ret = ret ?: check_range("qaio_poll_max_ns", options->poll_max_ns, 0, MAX_POLL_NS);
    ret = ret ?: check_range("qaio_poll_grow", options->poll_grow, 0, MAX_POLL_FACTOR);
    return ret ?: check_range("qaio_poll_shrink", options->poll_shrink, 0, MAX_POLL_FACTOR);
}

int qaio_apply_options(struct qaio_data *qd)
{
    int ret = check_ranges(qd->options);

    ret = ret ?: apply_loop(qd);
    ret = ret ?: apply_cache(qd);
    ret = ret ?: apply_aio(qd);
    return ret || qd->options->coroutine == QAIO_COROUTINE_NONE ? ret : apply_coroutine(qd);
}

int qaio_apply_fdmon(struct qaio_data *qd)
{
    static const struct {
        const char *name;
        AioFDMon fdmon;
    } fdmons[] = {
        [QAIO_FDMON_DEFAULT] = { "auto", AIO_FDMON_AUTO },
        [QAIO_FDMON_AUTO] = { "auto", AIO_FDMON_AUTO },
        [QAIO_FDMON_POLL] = { "poll", AIO_FDMON_POLL },
        [QAIO_FDMON_EPOLL] = { "epoll", AIO_FDMON_EPOLL },
        [QAIO_FDMON_IO_URING] = { "io_uring", AIO_FDMON_IO_URING },
    };
    unsigned fdmon = qd->options->fdmon;
    Error *err = NULL;

    if (aio_context_set_fdmon(qd->ctx, fdmons[fdmon].fdmon, &err)) {
        return 0;
    }
    log_err("qaio: qaio_fdmon=%s: %s\n", fdmons[fdmon].name, error_get_pretty(err));
    error_free(err);
    return -ENOTSUP;
}
