/*
 * One fio job's engine, as the files of engine/ share it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_ENGINE_ENGINE_H
#define QAIO_ENGINE_ENGINE_H

#include "engine/fio-compat.h"

#include "base/memalign.h"
#include "block/accounting.h"
#include "block/block-backend.h"
#include "block/block-early.h"
#include "block/io_uring.h"
#include "block/linux-aio.h"
#include "block/thread-pool.h"
#include "engine/options.h"

/* What an io_u needs to become a request. Its own for the life of the job: io_u->engine_data. */
struct qaio_request {
    struct io_u *io_u;
    struct qaio_data *qd;
    QEMUIOVector qiov;
    bool issued;            /* fio has been told when it went to the kernel */
    BlockAcctCookie cookie; /* accounting.c's */
    QTAILQ_ENTRY(qaio_request) next;
} __attribute__((aligned(64)));

/* How often what happened; completions and submissions are counted by linux-aio. */
struct qaio_counters {
    uint64_t requests[DDIR_LAST];
    uint64_t failed;
    uint64_t allocations_at_start; /* what warming up took */
    BdrvPaddingStats padding;      /* of the files that have been closed */
};

struct qaio_data;

/*
 * A way of running a job's requests. A job takes one when it is set up, and stays on it.
 *
 * What runs per request is in hooks, fio's own table of operations: fio calls the path's functions
 * directly, and the choice costs no request anything. All but the hooks below are the same for all
 * paths (QAIO_COMMON_HOOKS). What a path keeps per open file is opaque to the rest of the engine.
 */
struct qaio_path_ops {
    struct ioengine_ops *hooks; /* .queue, .commit and .getevents are the path's own */

    /* The same with accounts: .queue is qaio_accounted_queue. A table of the module's, as hooks,
     * for fio's main process looks into it, too, where a job's memory may be another's. */
    struct ioengine_ops *accounted_hooks;

    /* Make what the requests need, td->o.iodepth of them. 0, or -errno with one line logged and
     * nothing left to undo. */
    int (*start)(struct qaio_data *qd);

    /* Undo that. No request is in flight and no file open. */
    void (*stop)(struct qaio_data *qd);

    /* Wait for all requests, those included that fio has queued and not committed. */
    void (*drain)(struct qaio_data *qd);

    /* How a request ends, @opaque being the struct qaio_request: the path passes qd->complete,
     * which is this or calls it. */
    BlockCompletionFunc *complete;

    /* What .commit does. */
    void (*submit)(struct qaio_data *qd);

    /* Take up @f, which fio has opened; close waits for its requests. NULL and *errp on failure. */
    void *(*open)(struct qaio_data *qd, struct fio_file *f, int open_flags, Error **errp);
    void (*close)(void *file, BdrvPaddingStats *padding); /* adds what was padded */
    BlockDriverState *(*bs)(void *file);

    /* For the statistics. allocations: how often memory for a request was not at hand. */
    const AioStats *(*aio_stats)(struct qaio_data *qd);
    uint64_t (*allocations)(struct qaio_data *qd);
};

/* BlockBackend, coroutines and linux-aio over aio_poll(): the default. */
extern const struct qaio_path_ops qaio_blk_path;

/* The same over main_loop_wait(): qaio_loop=main_loop. */
extern const struct qaio_path_ops qaio_main_loop_path;

/* A virtio-blk device before it all, served by the job's thread or by IOThreads:
 * qaio_frontend=virtio. */
extern const struct qaio_path_ops qaio_virtio_path;

/* A callback per request and one io_submit() each, over select(): qaio_loop=select. */
extern const struct qaio_path_ops qaio_early_path;

/* A job's engine: td->io_ops_data. Used by the job's own thread alone, which is ctx's home thread.
 */
struct qaio_data {
    struct thread_data *td;
    struct qaio_options *options;
    const struct qaio_path_ops *path;

    AioContext *ctx;
    GMainContext *main_context; /* on the main loop's path, which owns ctx there */
    LinuxAioState *laio;        /* NULL: not qaio_aio=native */
    LuringState *luring;        /* NULL: not qaio_aio=io_uring */
    int open_flags;             /* BDRV_O_*, besides RDWR: what the options make of each file */
    bool write_through;

    bool throttled;               /* there are limits, or a group */
    ThrottleConfig limits;        /* what the options say */
    ThrottleGroupMember throttle; /* keeps the group for as long as the job, whatever is open */

    GHashTable *files;        /* the path's open files, as a set: fio does not close them all */
    GHashTable *padded_files; /* those of fio's that we have spoken about, as a set */
    struct qaio_request *requests; /* one per io_u */
    unsigned nrequests;
    unsigned in_flight; /* from .queue until done */

    BlockBackend *plugged; /* since the last commit; NULL: nothing was queued since */
    QTAILQ_HEAD(, qaio_request) unissued;

    /* On the early path, in place of ctx, laio, plugged and unissued. */
    EarlyLoop *early_loop;
    EarlyBlock *early_block;

    struct qaio_virtio *virtio; /* on virtio's path; see virtio-disk.h */

    /* Completed io_us on their way to fio; as many slots as io_us, rounded up to a power of two. */
    struct io_u **done;
    unsigned done_mask;
    unsigned done_head; /* the next for .event */
    unsigned done_tail;

    BlockCompletionFunc *complete; /* for the paths to end their requests with */

    struct qaio_counters counters;
    int stats_fd; /* of qaio_stats; -1: not asked for */

    BlockAcctStats *acct; /* NULL: not asked for, as stats_fd */
};

/* ---- fio's hooks that all paths share -------------------------------------------------------- */

int qaio_init(struct thread_data *td);
int qaio_post_init(struct thread_data *td);
int qaio_io_u_init(struct thread_data *td, struct io_u *io_u);
void qaio_cleanup(struct thread_data *td);
struct io_u *qaio_event(struct thread_data *td, int event);

/* .open_file and .close_file: fio's, with what the path keeps of the file as its engine data. */
int qaio_open_file(struct thread_data *td, struct fio_file *f);
int qaio_close_file(struct thread_data *td, struct fio_file *f);
int qaio_get_file_size(struct thread_data *td, struct fio_file *f);
int qaio_unlink_file(struct thread_data *td, struct fio_file *f);

/* Close what fio has left open. */
void qaio_close_files(struct qaio_data *qd);

/* For the paths' close: what @bs padded, added to *@sum. */
void qaio_add_padding(BdrvPaddingStats *sum, BlockDriverState *bs);

/* fio's callback for qaio_driver: a job without files must have none from the first. */
int qaio_driver_chosen(void *options, const char *value);

#define QAIO_COMMON_HOOKS                                                                \
    .name = "qaio", .version = FIO_IOOPS_VERSION,                                        \
    .flags = FIO_ASYNCIO_SETS_ISSUE_TIME | FIO_NO_OFFLOAD, .init = qaio_init,            \
    .post_init = qaio_post_init, .io_u_init = qaio_io_u_init, .event = qaio_event,       \
    .cleanup = qaio_cleanup, .open_file = qaio_open_file, .close_file = qaio_close_file, \
    .get_file_size = qaio_get_file_size, .unlink_file = qaio_unlink_file,                \
    .options = qaio_option_table, .option_struct_size = sizeof(struct qaio_options)

/* ---- for the paths --------------------------------------------------------------------------- */

/* The time for what is issued now; nothing when fio wants no issue times. */
static inline void qaio_issue_time(struct thread_data *td, struct timespec *now)
{
    if (fio_fill_issue_time(td)) {
        fio_gettime(now, NULL);
        if (td->o.read_iolog_file) {
            td->last_issue = *now;
        }
    }
}

/* @r is done, with 0 or -errno: on with it to fio. */
static inline void qaio_done(struct qaio_request *r, int ret)
{
    struct qaio_data *qd = r->qd;

    r->io_u->error = -ret;
    qd->in_flight--;
    qd->counters.failed += ret < 0;
    qd->done[qd->done_tail++ & qd->done_mask] = r->io_u;
}

/* How many are done and wait for .event. */
static inline unsigned qaio_ndone(const struct qaio_data *qd)
{
    return qd->done_tail - qd->done_head;
}

/* For what QEMU's block layer has no request for, fio's own way: the system call, here and now. */
enum fio_q_status qaio_do_it_fios_way(struct thread_data *td, struct io_u *io_u);

/* ---- throttling ------------------------------------------------------------------------------ */

/* Turn qaio_throttle_* into qd->limits and qd->throttled. 0, or -EINVAL with one line logged. */
int qaio_apply_throttle(struct qaio_data *qd);

/* Join the job's group, in qd->ctx, and set its limits. 0, or -EINVAL with one line logged. */
int qaio_start_throttle(struct qaio_data *qd);

/* Leave it; all files are closed. */
void qaio_stop_throttle(struct qaio_data *qd);

/* ---- accounting ------------------------------------------------------------------------------ */

/*
 * Keep accounts of the requests from now on: qd->acct, filled by the path's accounted_hooks and by
 * qd->complete. So a job without pays nothing for them.
 */
void qaio_start_accounting(struct qaio_data *qd);

/* .queue of the accounted hooks: the path's own, and an account of it. */
enum fio_q_status qaio_accounted_queue(struct thread_data *td, struct io_u *io_u);

void qaio_free_accounting(struct qaio_data *qd);

/* ---- loops and files ------------------------------------------------------------------------ */

/* A main loop for the calling thread, and its AioContext; NULL and *errp on failure. And the end of
 * it. */
AioContext *qaio_main_loop_new(struct qaio_data *qd, Error **errp);
void qaio_main_loop_free(struct qaio_data *qd);

/* The loop of the options, as qd->ctx, with nothing in it. 0, or -errno with one line logged. */
int qaio_loop_new(struct qaio_data *qd);
void qaio_loop_free(struct qaio_data *qd);

/* The same with all that the job's requests need. stop: they and the files are gone. */
int qaio_loop_start(struct qaio_data *qd);
void qaio_loop_stop(struct qaio_data *qd);

/* In the home thread of @ctx. Batches, workers and the way into the kernel, for @max_events
 * requests, as the options say; 0, or -errno with one line logged. */
int qaio_setup_context(struct qaio_data *qd, AioContext *ctx, unsigned max_events);

/* The same thread: have coroutines and blocks at hand for @n requests more; how many were not at
 * hand so far; what Linux AIO or io_uring did. qemu_coroutine_dec_pool_size() undoes the first. */
void qaio_warm_up(AioContext *ctx, unsigned n);
uint64_t qaio_context_allocations(AioContext *ctx);
const AioStats *qaio_context_aio_stats(AioContext *ctx);

/* @f in qd->ctx, as the options say. NULL and *errp on failure. */
BlockBackend *qaio_open_backend(struct qaio_data *qd, struct fio_file *f, int open_flags,
                                Error **errp);

/* ---- statistics ------------------------------------------------------------------------------ */

/* Open the file of qaio_stats, if that is set, so that a bad name shows before the job runs. 0 or
 * -errno. */
int qaio_open_stats(struct qaio_data *qd);

/* Append the job's statistics to it, and close it. 0 or -errno. */
int qaio_write_stats(struct qaio_data *qd);

#endif
