/*
 * One fio job's engine, as the files of engine/ share it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_ENGINE_ENGINE_H
#define QAIO_ENGINE_ENGINE_H

#include "engine/fio-compat.h"

#include "base/memalign.h"
#include "block/block-backend.h"
#include "block/linux-aio.h"
#include "engine/options.h"

/* What an io_u needs to become a request. Its own for the life of the job: io_u->engine_data. */
struct qaio_request {
    struct io_u *io_u;
    struct qaio_data *qd;
    QEMUIOVector qiov;
    bool issued; /* fio has been told when it went to the kernel */
    QTAILQ_ENTRY(qaio_request) next;
} __attribute__((aligned(64)));

/* How often what happened; completions and submissions are counted by linux-aio. */
struct qaio_counters {
    uint64_t requests[DDIR_LAST];
    uint64_t failed;
    uint64_t allocations_at_start; /* what warming up took */
};

/* A job's engine: td->io_ops_data. Used by the job's own thread alone, which is ctx's home thread.
 */
struct qaio_data {
    struct thread_data *td;
    struct qaio_options *options;

    AioContext *ctx;
    LinuxAioState *laio; /* NULL when workers do all the I/O */
    int open_flags;      /* BDRV_O_*, besides RDWR: what the options make of each file */
    bool write_through;

    GHashTable *backends;          /* of the open files, as a set: fio does not close all of them */
    struct qaio_request *requests; /* one per io_u */
    unsigned nrequests;
    unsigned in_flight; /* from .queue until done */

    BlockBackend *plugged; /* since the last commit; NULL: nothing was queued since */
    QTAILQ_HEAD(, qaio_request) unissued;

    /* Completed io_us on their way to fio; as many slots as io_us, rounded up to a power of two. */
    struct io_u **done;
    unsigned done_mask;
    unsigned done_head; /* the next for .event */
    unsigned done_tail;

    struct qaio_counters counters;
    int stats_fd; /* of qaio_stats; -1: not asked for */
};

/* The operations handed to fio. */
extern struct ioengine_ops qaio_ioengine;

/* .open_file and .close_file: fio's, with a BlockBackend on top as the file's engine data. */
int qaio_open_file(struct thread_data *td, struct fio_file *f);
int qaio_close_file(struct thread_data *td, struct fio_file *f);
int qaio_get_file_size(struct thread_data *td, struct fio_file *f);

/* Submit what was queued since the last commit. */
void qaio_submit(struct qaio_data *qd);

/* Open the file of qaio_stats, if that is set, so that a bad name shows before the job runs. 0 or
 * -errno. */
int qaio_open_stats(struct qaio_data *qd);

/* Append the job's statistics to it, and close it. 0 or -errno. */
int qaio_write_stats(struct qaio_data *qd);

/* Blocks and coroutines that were not at hand when a request needed them, since the job began. */
uint64_t qaio_allocations(struct qaio_data *qd);

#endif
