/*
 * The engine's options: the table that fio parses and shows, and what the values mean together.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "engine/engine.h"
#include "engine/iothreads.h"
#include "virtio/virtio.h"

#define MAX_REQUESTS    65536
#define MAX_POLL_NS     1000000000
#define MAX_POLL_FACTOR 1000000
#define MAX_THREADS     1024
#define MAX_LATENCY_NS  1000000000000ull
#define MAX_QUEUES      VIRTIO_QUEUE_MAX
#define MAX_RESUME_MS   3600000

#define QAIO_OPTION(n, field)                                                                      \
    .name = "qaio_" n, .off1 = offsetof(struct qaio_options, field), .category = FIO_OPT_C_ENGINE, \
    .group = FIO_OPT_G_INVALID

/* The three options of a limit, which differ from those of the others in what they count. */
#define QAIO_LIMIT(n, bucket, what)                                     \
    QAIO_OPTION("throttle_" n, throttle[bucket].avg),                   \
        .lname = "Limit of " what, .type = FIO_OPT_STR_VAL, .def = "0", \
        .help = "How many " what " a second; 0: no limit"
#define QAIO_BURST(n, bucket, what)                                     \
    QAIO_OPTION("throttle_" n "_max", throttle[bucket].max),            \
        .lname = "Burst of " what, .type = FIO_OPT_STR_VAL, .def = "0", \
        .help = "How many " what " a second in a burst; 0: no bursts"
#define QAIO_BURST_LENGTH(n, bucket, what)                                              \
    QAIO_OPTION("throttle_" n "_max_length", throttle[bucket].max_length),              \
        .alias = "qaio_throttle_" n "_length", .lname = "Length of a burst of " what,   \
        .type = FIO_OPT_INT, .def = "1", .minval = 1, .maxval = INT_MAX, .interval = 1, \
        .help = "How many seconds a burst may last"

/* What is done about a failed request. */
#define QAIO_ON_ERROR_VALUES                                                             \
    {                                                                                    \
        { .ival = "report", .oval = QAIO_ON_ERROR_REPORT, .help = "The request fails" }, \
            { .ival = "ignore", .oval = QAIO_ON_ERROR_IGNORE, .help = "It succeeds" },   \
            { .ival = "stop", .oval = QAIO_ON_ERROR_STOP, .help = "The device stops" },  \
            { .ival = "enospc",                                                          \
              .oval = QAIO_ON_ERROR_ENOSPC,                                              \
              .help = "The device stops for a full disk; else the request fails" },      \
    }

/* In place of storing it, which leaves no trace of a 0. A bad value stays, for check_ranges(): fio
 * takes "-1" for a range, and comes again with its end. */
static int poll_max_ns_chosen(void *data, long long *value)
{
    struct qaio_options *options = data;

    if (options->poll_max_ns <= MAX_POLL_NS) {
        options->poll_max_ns = *value;
    }
    options->poll_given = true;
    return 0;
}

struct fio_option qaio_option_table[] = {
    {
        QAIO_OPTION("frontend", frontend),
        .lname = "Front end",
        .type = FIO_OPT_STR,
        .help = "What fio's requests go to (default: blk)",
        .posval = {
            { .ival = "blk", .oval = QAIO_FRONTEND_BLK, .help = "The BlockBackend" },
            { .ival = "virtio", .oval = QAIO_FRONTEND_VIRTIO,
              .help = "A virtio-blk device, of which fio is the driver" },
        },
    },
    {
        QAIO_OPTION("iothread", iothread),
        .lname = "IOThreads",
        .type = FIO_OPT_INT,
        .help = "How many IOThreads serve the virtual devices; 0: the job's own thread does",
        .def = "0",
        .minval = 0,
        .maxval = QAIO_MAX_IOTHREADS,
        .interval = 1,
    },
    {
        QAIO_OPTION("queues", queues),
        .lname = "Virtqueues",
        .type = FIO_OPT_INT,
        .help = "How many virtqueues each virtual device has",
        .def = "1",
        .minval = 1,
        .maxval = MAX_QUEUES,
        .interval = 1,
    },
    {
        QAIO_OPTION("queue_size", queue_size),
        .lname = "Size of a virtqueue",
        .type = FIO_OPT_INT,
        .help = "How many requests a virtqueue has room for: a power of two from 2 to 1024",
        .def = "256",
        .minval = VRING_SIZE_MIN,
        .maxval = VRING_SIZE_MAX,
        .interval = 1,
    },
    {
        QAIO_OPTION("merge", merge),
        .lname = "Merging",
        .type = FIO_OPT_STR,
        .help = "Whether the virtual device joins requests that lie side by side (default: on)",
        .posval = {
            { .ival = "on", .oval = QAIO_MERGE_ON, .help = "Up to 32 of a batch, as QEMU does" },
            { .ival = "off", .oval = QAIO_MERGE_OFF, .help = "Each by itself" },
        },
    },
    {
        QAIO_OPTION("rerror", rerror),
        .lname = "Failed reads",
        .type = FIO_OPT_STR,
        .help = "What the virtual device does about a read that fails (default: report)",
        .posval = QAIO_ON_ERROR_VALUES,
    },
    {
        QAIO_OPTION("werror", werror),
        .lname = "Failed writes",
        .type = FIO_OPT_STR,
        .help = "What the virtual device does about a write that fails (default: enospc)",
        .posval = QAIO_ON_ERROR_VALUES,
    },
    {
        QAIO_OPTION("resume_ms", resume_ms),
        .lname = "Resumption",
        .type = FIO_OPT_INT,
        .help = "When a device that stopped goes on, in milliseconds; 0: never, the job ends",
        .def = "0",
        .minval = 0,
        .maxval = MAX_RESUME_MS,
        .interval = 1,
    },
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
        QAIO_OPTION("defer", defer),
        .lname = "Deferred submission",
        .type = FIO_OPT_STR,
        .help = "Whether requests that completions lead to are submitted together (default: auto)",
        .posval = {
            { .ival = "auto", .oval = QAIO_DEFER_AUTO, .help = "As QEMU 10.0: on" },
            { .ival = "on", .oval = QAIO_DEFER_ON, .help = "All of a run of completions at once" },
            { .ival = "off", .oval = QAIO_DEFER_OFF, .help = "Each at once, as before QEMU 9.0" },
        },
    },
    {
        QAIO_OPTION("aio", aio),
        .lname = "Asynchronous I/O backend",
        .type = FIO_OPT_STR,
        .help = "How requests reach the kernel (default: native with direct=1, else threads)",
        .posval = {
            { .ival = "native", .oval = QAIO_AIO_NATIVE, .help = "Linux AIO; needs direct=1" },
            { .ival = "threads", .oval = QAIO_AIO_THREADS, .help = "Worker threads" },
            { .ival = "io_uring", .oval = QAIO_AIO_IO_URING, .help = "io_uring" },
        },
    },
    {
        QAIO_OPTION("driver", driver),
        .lname = "Block driver",
        .type = FIO_OPT_STR,
        .cb = qaio_driver_chosen,
        .help = "What a file is reached by (default: auto)",
        .posval = {
            { .ival = "auto", .oval = QAIO_DRIVER_AUTO, .help = "What goes with the file" },
            { .ival = "file", .oval = QAIO_DRIVER_FILE, .help = "Regular files" },
            { .ival = "host_device", .oval = QAIO_DRIVER_HOST_DEVICE, .help = "Block devices" },
            { .ival = "null-co", .oval = QAIO_DRIVER_NULL_CO,
              .help = "Nothing, by coroutine; no file is touched" },
            { .ival = "null-aio", .oval = QAIO_DRIVER_NULL_AIO,
              .help = "Nothing, by callback; no file is touched" },
        },
    },
    {
        QAIO_OPTION("latency_ns", latency_ns),
        .lname = "Latency of the null drivers",
        .type = FIO_OPT_STR_VAL,
        .help = "How long each request to null-co or null-aio takes",
        .def = "0",
    },
    {
        QAIO_OPTION("read_zeroes", read_zeroes),
        .lname = "Reads of the null drivers",
        .type = FIO_OPT_BOOL,
        .help = "Whether null-co and null-aio fill what is read with zeroes",
        .def = "0",
    },
    {
        QAIO_OPTION("trim", trim),
        .lname = "Trims",
        .type = FIO_OPT_STR,
        .help = "What a trim becomes (default: discard)",
        .posval = {
            { .ival = "discard", .oval = QAIO_TRIM_DISCARD, .help = "A discard" },
            { .ival = "zeroes", .oval = QAIO_TRIM_ZEROES,
              .help = "A write of zeroes that may unmap" },
        },
    },
    {
        QAIO_OPTION("thread_pool_min", thread_pool_min),
        .lname = "Worker threads kept",
        .type = FIO_OPT_INT,
        .help = "How many worker threads there are at any time",
        .def = "0",
        .minval = 0,
        .maxval = MAX_THREADS,
        .interval = 1,
    },
    {
        QAIO_OPTION("thread_pool_max", thread_pool_max),
        .lname = "Worker threads",
        .type = FIO_OPT_INT,
        .help = "How many worker threads there may be",
        .def = "64",
        .minval = 1,
        .maxval = MAX_THREADS,
        .interval = 1,
    },
    { QAIO_LIMIT("iops", THROTTLE_OPS_TOTAL, "requests") },
    { QAIO_BURST("iops", THROTTLE_OPS_TOTAL, "requests") },
    { QAIO_BURST_LENGTH("iops", THROTTLE_OPS_TOTAL, "requests") },
    { QAIO_LIMIT("iops_read", THROTTLE_OPS_READ, "reads") },
    { QAIO_BURST("iops_read", THROTTLE_OPS_READ, "reads") },
    { QAIO_BURST_LENGTH("iops_read", THROTTLE_OPS_READ, "reads") },
    { QAIO_LIMIT("iops_write", THROTTLE_OPS_WRITE, "writes") },
    { QAIO_BURST("iops_write", THROTTLE_OPS_WRITE, "writes") },
    { QAIO_BURST_LENGTH("iops_write", THROTTLE_OPS_WRITE, "writes") },
    { QAIO_LIMIT("bps", THROTTLE_BPS_TOTAL, "bytes") },
    { QAIO_BURST("bps", THROTTLE_BPS_TOTAL, "bytes") },
    { QAIO_BURST_LENGTH("bps", THROTTLE_BPS_TOTAL, "bytes") },
    { QAIO_LIMIT("bps_read", THROTTLE_BPS_READ, "bytes read") },
    { QAIO_BURST("bps_read", THROTTLE_BPS_READ, "bytes read") },
    { QAIO_BURST_LENGTH("bps_read", THROTTLE_BPS_READ, "bytes read") },
    { QAIO_LIMIT("bps_write", THROTTLE_BPS_WRITE, "bytes written") },
    { QAIO_BURST("bps_write", THROTTLE_BPS_WRITE, "bytes written") },
    { QAIO_BURST_LENGTH("bps_write", THROTTLE_BPS_WRITE, "bytes written") },
    {
        QAIO_OPTION("throttle_iops_size", throttle_iops_size),
        .lname = "Size of an operation",
        .type = FIO_OPT_STR_VAL,
        .help = "A larger request counts as several; 0: as one",
        .def = "0",
    },
    {
        QAIO_OPTION("throttle_group", throttle_group),
        .lname = "Throttle group",
        .type = FIO_OPT_STR_STORE,
        .help = "The group that shares the limits (default: one for each job)",
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
        .cb = poll_max_ns_chosen,
        .help = "How long the event loop may look for completions before it sleeps (default: 0, "
                "not at all; 32768 for IOThreads)",
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
    if (qaio_is_null(qd->options)) {
        return 0; /* no request gets that far */
    }
    if (aio == QAIO_AIO_THREADS && qd->options->defer != QAIO_DEFER_DEFAULT) {
        log_err("qaio: qaio_defer needs qaio_aio=native or io_uring: workers take each request at "
                "once; set that, or leave qaio_defer out\n");
        return -EINVAL;
    }
    if (aio == QAIO_AIO_NATIVE && !direct) {
        log_err("qaio: qaio_aio=native needs direct=1: set that, or use qaio_aio=threads\n");
        return -EINVAL;
    }
    if (aio == QAIO_AIO_IO_URING && qd->options->max_events > LURING_MAX_ENTRIES) {
        log_err("qaio: qaio_aio=io_uring needs qaio_max_events=%d or less\n", LURING_MAX_ENTRIES);
        return -EINVAL;
    }
    qd->open_flags |= aio == QAIO_AIO_NATIVE     ? BDRV_O_NATIVE_AIO
                      : aio == QAIO_AIO_IO_URING ? BDRV_O_IO_URING
                                                 : 0;
    return 0;
}

/* What a driver without a file under it cannot do; NULL if there is nothing. */
static const char *unfit_for_null(const struct qaio_data *qd)
{
    const struct thread_options *o = &qd->td->o;

    if (qd->options->defer != QAIO_DEFER_DEFAULT) {
        return "qaio_defer left out: nothing is submitted";
    }
    if (qd->options->aio != QAIO_AIO_DEFAULT) {
        return "qaio_aio left out: no request goes to the kernel";
    }
    if (o->verify != VERIFY_NONE) {
        return "verify left out: it keeps no data";
    }
    if (o->zone_mode == ZONE_MODE_ZBD) {
        return "zonemode=zbd left out: it has no zones";
    }
    if (o->sync_file_range) {
        return "sync_file_range left out: there is no file to sync a range of";
    }
    if (o->pre_read) {
        return "pre_read left out: there is no file to read";
    }
    return NULL;
}

static int apply_driver(struct qaio_data *qd)
{
    const struct qaio_options *options = qd->options;
    const char *need = qaio_is_null(options) ? unfit_for_null(qd) : NULL;

    if (need) {
        log_err("qaio: qaio_driver=%s needs %s\n",
                options->driver == QAIO_DRIVER_NULL_CO ? "null-co" : "null-aio", need);
        return -EINVAL;
    }
    if (!qaio_is_null(options) && (options->latency_ns || options->read_zeroes)) {
        log_err("qaio: %s needs qaio_driver=null-co or null-aio: set one, or leave it out\n",
                options->latency_ns ? "qaio_latency_ns" : "qaio_read_zeroes");
        return -EINVAL;
    }
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
    if (options->aio == QAIO_AIO_THREADS || options->aio == QAIO_AIO_IO_URING) {
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
    if (options->defer != QAIO_DEFER_DEFAULT) {
        return "qaio_defer left out: each request is submitted by itself";
    }
    if (options->driver != QAIO_DRIVER_DEFAULT && options->driver != QAIO_DRIVER_AUTO) {
        return "qaio_driver left out: it has none but those of files and devices";
    }
    if (options->trim == QAIO_TRIM_ZEROES) {
        return "qaio_trim left out: it cannot write zeroes";
    }
    if (options->thread_pool_min || options->thread_pool_max != THREAD_POOL_MAX_THREADS) {
        return "qaio_thread_pool_min and qaio_thread_pool_max left out: it has no workers";
    }
    if (qd->throttled) {
        return "qaio_throttle_* left out: it has no limits";
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

/* What belongs to the virtual device and is set without one; NULL if there is nothing. */
static const char *virtio_only(const struct qaio_options *options)
{
    const struct {
        bool given;
        const char *name;
    } options_of_it[] = {
        { options->iothread != 0, "qaio_iothread" },       { options->queues != 1, "qaio_queues" },
        { options->queue_size != 256, "qaio_queue_size" }, { options->merge != 0, "qaio_merge" },
        { options->rerror != 0, "qaio_rerror" },           { options->werror != 0, "qaio_werror" },
        { options->resume_ms != 0, "qaio_resume_ms" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(options_of_it); i++) {
        if (options_of_it[i].given) {
            return options_of_it[i].name;
        }
    }
    return NULL;
}

/* What the virtual device cannot do, as the line that says so; NULL if there is nothing. */
static const char *unfit_for_virtio(const struct qaio_data *qd)
{
    const struct qaio_options *options = qd->options;
    const struct thread_options *o = &qd->td->o;

    if (options->loop == QAIO_LOOP_SELECT) {
        return "qaio_loop and qaio_coroutine left out: there was no such device then";
    }
    if (options->loop == QAIO_LOOP_MAIN_LOOP && options->iothread) {
        return "qaio_loop left out: with qaio_iothread the job's thread only sleeps in it";
    }
    if (o->fill_device) {
        return "fill_device left out, and size= set: a disk has a size";
    }
    if (o->read_iolog_chunked) {
        return "read_iolog_chunked left out: the buffers must stay where the device knows them";
    }
    if (o->bs_unaligned) {
        return "bs_unaligned left out: its requests are of whole sectors";
    }
    return NULL;
}

static int apply_frontend(struct qaio_data *qd)
{
    const struct qaio_options *options = qd->options;
    const char *what;

    if (options->frontend != QAIO_FRONTEND_VIRTIO) {
        what = virtio_only(options);
        if (what) {
            log_err("qaio: %s needs qaio_frontend=virtio: set that, or leave %s out\n", what, what);
        }
        return what ? -EINVAL : 0;
    }
    what = unfit_for_virtio(qd);
    if (what) {
        log_err("qaio: qaio_frontend=virtio needs %s\n", what);
        return -EINVAL;
    }
    if (!vring_size_valid(options->queue_size)) {
        log_err("qaio: qaio_queue_size=%u is not a power of two from %d to %d\n",
                options->queue_size, VRING_SIZE_MIN, VRING_SIZE_MAX);
        return -EINVAL;
    }
    return 0;
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

/* For these fio goes on with what it has called out of range. */
static int check_long_range(const char *name, unsigned long long value, unsigned long long max)
{
    if (value > max) {
        log_err("qaio: %s=%lld is out of range: use 0 to %llu\n", name, (long long)value, max);
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
    ret = ret ?: check_range("qaio_poll_shrink", options->poll_shrink, 0, MAX_POLL_FACTOR);
    ret = ret ?: check_long_range("qaio_latency_ns", options->latency_ns, MAX_LATENCY_NS);
    ret = ret
              ?: check_long_range("qaio_throttle_iops_size", options->throttle_iops_size,
                                  THROTTLE_VALUE_MAX);
    ret = ret ?: check_range("qaio_thread_pool_min", options->thread_pool_min, 0, MAX_THREADS);
    ret = ret ?: check_range("qaio_iothread", options->iothread, 0, QAIO_MAX_IOTHREADS);
    ret = ret ?: check_range("qaio_queues", options->queues, 1, MAX_QUEUES);
    ret = ret ?: check_range("qaio_resume_ms", options->resume_ms, 0, MAX_RESUME_MS);
    return ret ?: check_range("qaio_thread_pool_max", options->thread_pool_max, 1, MAX_THREADS);
}

int qaio_apply_options(struct qaio_data *qd)
{
    int ret = check_ranges(qd->options);

    ret = ret ?: qaio_apply_throttle(qd);
    ret = ret ?: apply_frontend(qd);
    ret = ret ?: apply_loop(qd);
    ret = ret ?: apply_driver(qd);
    ret = ret ?: apply_cache(qd);
    ret = ret ?: apply_aio(qd);
    return ret || qd->options->coroutine == QAIO_COROUTINE_NONE ? ret : apply_coroutine(qd);
}

int qaio_apply_thread_pool(const struct qaio_options *options, AioContext *ctx)
{
    Error *err = NULL;

    if (!options->thread_pool_min && options->thread_pool_max == THREAD_POOL_MAX_THREADS) {
        return 0; /* as it is; a job without workers needs no pool */
    }
    if (thread_pool_set_params(aio_get_thread_pool(ctx), options->thread_pool_min,
                               options->thread_pool_max, &err)) {
        return 0;
    }
    log_err("qaio: qaio_thread_pool_min=%u, qaio_thread_pool_max=%u: %s\n",
            options->thread_pool_min, options->thread_pool_max, error_get_pretty(err));
    error_free(err);
    return -EINVAL;
}

int qaio_apply_fdmon(const struct qaio_options *options, AioContext *ctx)
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
    unsigned fdmon = options->fdmon;
    Error *err = NULL;

    if (aio_context_set_fdmon(ctx, fdmons[fdmon].fdmon, &err)) {
        return 0;
    }
    log_err("qaio: qaio_fdmon=%s: %s\n", fdmons[fdmon].name, error_get_pretty(err));
    error_free(err);
    return -ENOTSUP;
}
