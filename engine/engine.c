/*
 * The fio engine: a job's life, and the way of running requests ("path") that it takes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "engine/engine.h"
#include "engine/version-guard.h"

/* ---- what the paths share ------------------------------------------------------------------- */

enum fio_q_status qaio_do_it_fios_way(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;

    qaio_issue_time(td, &io_u->issue_time);
    if (io_u->ddir == DDIR_TRIM) {
        do_io_u_trim(td, io_u);
        io_u_mark_submit(td, 1);
        io_u_mark_complete(td, 1);
    } else {
        do_io_u_sync(td, io_u);
    }
    qd->counters.failed += io_u->error != 0;
    return FIO_Q_COMPLETED;
}

struct io_u *qaio_event(struct thread_data *td, int event fio_unused)
{
    struct qaio_data *qd = td->io_ops_data;

    return qd->done[qd->done_head++ & qd->done_mask];
}

/* ---- a job's life --------------------------------------------------------------------------- */

static const struct qaio_path_ops *qaio_path(const struct qaio_options *options)
{
    if (options->frontend == QAIO_FRONTEND_VIRTIO) {
        return &qaio_virtio_path;
    }
    switch (options->loop) {
    case QAIO_LOOP_MAIN_LOOP:
        return &qaio_main_loop_path;
    case QAIO_LOOP_SELECT:
        return &qaio_early_path;
    default:
        return &qaio_blk_path;
    }
}

int qaio_init(struct thread_data *td)
{
    struct qaio_data *qd;

    /* Before td is touched; the second comparison catches layouts that moved under one version. */
    if (!qaio_fio_matches()) {
        return 1;
    }
    if (td->io_ops != qaio_blk_path.hooks) {
        log_err(
            "qaio: this fio's structures are not those of the %s that libqaio.so was built with: "
            "rebuild with ./configure --with-fio=DIR of the running fio's own source\n",
            QAIO_FIO_VERSION);
        return 1;
    }

    qd = g_new0(struct qaio_data, 1);
    qd->td = td;
    qd->options = td->eo;
    qd->stats_fd = -1;
    qd->path = qaio_path(qd->options);
    qd->complete = qd->path->complete;
    qd->files = g_hash_table_new(NULL, NULL);
    qd->padded_files = g_hash_table_new(NULL, NULL);
    qd->requests = qemu_memalign(64, td->o.iodepth * sizeof(*qd->requests));
    QTAILQ_INIT(&qd->unissued);
    td->io_ops_data = qd;
    return 0;
}

/* The requests are ours and not the io_us': fio forgets io_us that are in flight when a job breaks
 * off. */
int qaio_io_u_init(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    struct qaio_request *r = &qd->requests[qd->nrequests++];

    *r = (struct qaio_request){ .io_u = io_u, .qd = qd };
    io_u->engine_data = r;
    return 0;
}

static int qaio_stats_error(struct qaio_data *qd, int ret)
{
    if (ret < 0) {
        log_err("qaio: qaio_stats=%s cannot be written: %s\n", qd->options->stats, strerror(-ret));
        td_verror(qd->td, -ret, "qaio_stats");
    }
    return ret;
}

/* Not in .init, whose failure fio explains with a guess about the depth. */
int qaio_post_init(struct thread_data *td)
{
    struct qaio_data *qd = td->io_ops_data;
    unsigned slots = 1;
    int ret = qaio_apply_options(qd);

    ret = ret ?: qaio_stats_error(qd, qaio_open_stats(qd));
    ret = ret ?: qd->path->start(qd);
    if (ret < 0) {
        td_verror(td, -ret, "qaio_post_init");
        return 1;
    }

    while (slots < td->o.iodepth) {
        slots *= 2;
    }
    qd->done = g_new(struct io_u *, slots);
    qd->done_mask = slots - 1;
    qd->counters.allocations_at_start = qd->path->allocations(qd);
    if (qd->stats_fd >= 0) {
        qaio_start_accounting(qd);
    }
    td->io_ops = qd->acct ? qd->path->accounted_hooks : qd->path->hooks;
    return 0;
}

/*
 * fio may leave requests behind, queued or in flight, and with them their files open: when a replay
 * ends, for one. Nothing may come for them any more once we are gone.
 */
static void qaio_stop(struct qaio_data *qd)
{
    qd->path->drain(qd);
    qaio_close_files(qd);
    qaio_stats_error(qd, qaio_write_stats(qd));
    qd->path->stop(qd);
}

void qaio_cleanup(struct thread_data *td)
{
    struct qaio_data *qd = td->io_ops_data;

    if (!qd) {
        return;
    }
    if (qd->done) {
        qaio_stop(qd);
    }
    if (qd->stats_fd >= 0) {
        close(qd->stats_fd); /* the job never began */
    }
    g_hash_table_unref(qd->files);
    g_hash_table_unref(qd->padded_files);
    qemu_vfree(qd->requests);
    g_free(qd->done);
    qaio_free_accounting(qd);
    g_free(qd);
    /* fio closes the module by what is in the table that it got from us. */
    td->io_ops = qaio_blk_path.hooks;
}

/* What fio looks up. An ops table that is NULL is how to tell a fio that it must not go on. */
__attribute__((visibility("default"))) void get_ioengine(struct ioengine_ops **ops);

void get_ioengine(struct ioengine_ops **ops)
{
    *ops = qaio_fio_matches() ? qaio_blk_path.hooks : NULL;
}
