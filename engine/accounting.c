/*
 * The accounts of a job's requests: the part of a device model that keeps them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     fio ── .queue ──▶ ours: open the account ──▶ the path's .queue
 *                                                     │ done at once: close it here
 *     path ── qd->complete ──▶ ours: close it ──▶ the path's complete
 */
#include "engine/engine.h"

/* Latencies are sorted by powers of two, from 1 us to 17 s. */
#define FIRST_BOUNDARY 10
#define NR_BOUNDARIES  25

static BlockAcctType acct_type(enum fio_ddir ddir)
{
    switch (ddir) {
    case DDIR_READ:
        return BLOCK_ACCT_READ;
    case DDIR_WRITE:
        return BLOCK_ACCT_WRITE;
    case DDIR_TRIM:
        return BLOCK_ACCT_UNMAP;
    default:
        return BLOCK_ACCT_FLUSH;
    }
}

static void close_account(struct qaio_request *r, bool failed)
{
    if (failed) {
        block_acct_failed(r->qd->acct, &r->cookie);
    } else {
        block_acct_done(r->qd->acct, &r->cookie);
    }
}

enum fio_q_status qaio_accounted_queue(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_request *r = io_u->engine_data;
    BlockAcctType type = acct_type(io_u->ddir);
    enum fio_q_status status;

    block_acct_start(r->qd->acct, &r->cookie, type == BLOCK_ACCT_FLUSH ? 0 : io_u->xfer_buflen,
                     type);
    status = r->qd->path->hooks->queue(td, io_u);
    if (status == FIO_Q_COMPLETED) {
        close_account(r, io_u->error != 0);
    }
    return status; /* of one that is to come again, the account is opened anew */
}

static void accounted_complete(void *opaque, int ret)
{
    struct qaio_request *r = opaque;

    close_account(r, ret < 0);
    r->qd->path->complete(r, ret);
}

static void sort_by_latency(BlockAcctStats *acct)
{
    uint64_t boundaries[NR_BOUNDARIES];

    for (unsigned i = 0; i < NR_BOUNDARIES; i++) {
        boundaries[i] = 1ull << (FIRST_BOUNDARY + i);
    }
    for (BlockAcctType type = BLOCK_ACCT_READ; type < BLOCK_MAX_IOTYPE; type++) {
        block_latency_histogram_set(acct, type, boundaries, NR_BOUNDARIES, &error_abort);
    }
}

void qaio_start_accounting(struct qaio_data *qd)
{
    qd->acct = g_new(BlockAcctStats, 1);
    block_acct_init(qd->acct);
    sort_by_latency(qd->acct);
    qd->complete = accounted_complete;
}

void qaio_free_accounting(struct qaio_data *qd)
{
    if (qd->acct) {
        block_acct_cleanup(qd->acct);
    }
    g_free(qd->acct);
}
