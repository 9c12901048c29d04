/*
 * The IOThreads that the jobs' virtual devices are served by.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * They belong to the process: jobs that are its threads (thread=1) have IOThread 0, 1 and so on in
 * common, each from the first job that wants it until the last is gone. A job that is a process has
 * them to itself. All functions: the job's own thread.
 */
#ifndef QAIO_ENGINE_IOTHREADS_H
#define QAIO_ENGINE_IOTHREADS_H

#include "block/aio-stats.h"
#include "loop/iothread.h"

struct qaio_data;
struct qaio_shared_iothread;

#define QAIO_MAX_IOTHREADS 64

/* One of them, as a job has it. */
struct qaio_iothread {
    struct qaio_shared_iothread *shared;
    AioContext *ctx;
    int64_t cpu_ns_at_start;
    AioStats stats_at_start;
};

/*
 * Have the first @n of the process, set up for the requests of @qd's job. Who comes first decides
 * how they poll and so on, and the others must want the same. An array that the caller gives back;
 * or NULL with *ret = -errno, and one line logged.
 */
struct qaio_iothread *qaio_iothreads_get(struct qaio_data *qd, unsigned n, int *ret);

/* Nothing of the job is in flight there. */
void qaio_iothreads_put(struct qaio_data *qd, struct qaio_iothread *threads, unsigned n);

/* The processor time that @thread has used since it was got, for all its jobs. */
int64_t qaio_iothread_cpu_ns(const struct qaio_iothread *thread);

/* What the queues of all did in that time; how often, ever, memory was not at hand in requests. */
void qaio_iothreads_aio_stats(struct qaio_iothread *threads, unsigned n, AioStats *sum);
uint64_t qaio_iothreads_allocations(struct qaio_iothread *threads, unsigned n);

/* Run @cb(@opaque) in the home thread of @ctx, and wait until it has returned. */
void qaio_run_in_context(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

#endif
