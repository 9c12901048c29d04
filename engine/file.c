/*
 * fio's files as the job's path has them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fio opens and closes the descriptor, with the flags that the job asks for, as it does for its own
 * engines. Between the two the path has a node over that descriptor.
 *
 * A job on a null driver has no files. fio knows such engines by flags that it copies from the
 * engine's table to each job; what we set is the job's copy, as early as we learn of the driver,
 * which is when its option is parsed or, in a copy of another job, when fio asks for sizes.
 */
#include "engine/engine.h"

/* ---- jobs without files ---------------------------------------------------------------------- */

static void set_diskless(struct thread_data *td, bool diskless)
{
    unsigned long long flags = (unsigned long long)(FIO_DISKLESSIO | FIO_FAKEIO)
                               << TD_ENG_FLAG_SHIFT;

    /* Before fio asks for sizes it makes folders for what filename= says. Not in the job that is
     * the model of all others, with whatever engines they have. */
    if (td->thread_number) {
        flags |= TD_F_DIRS_CREATED;
    }
    td->flags = diskless ? td->flags | flags : td->flags & ~flags;
}

int qaio_driver_chosen(void *data, const char *value fio_unused)
{
    struct qaio_options *options = data;
    struct thread_data *td = options->td;

    set_diskless(td, qaio_is_null(options));
    return 0;
}

/* Also before .init, when the tables tell whether fio's structures are those that we know. */
static bool is_null(struct thread_data *td)
{
    struct qaio_data *qd = td->io_ops_data;

    if (qd) {
        return qaio_is_null(qd->options);
    }
    return td->io_ops == qaio_blk_path.hooks && td->eo && qaio_is_null(td->eo);
}

/* fio's own. Called rather than pointed to, for a pointer has to be resolved when the module is
 * loaded, which is before the version guard can say what is wrong with a fio that has no such
 * function. */
int qaio_get_file_size(struct thread_data *td, struct fio_file *f)
{
    if (!is_null(td)) {
        return generic_get_file_size(td, f);
    }
    set_diskless(td, true);
    f->real_file_size = -1ULL; /* as large as size= says */
    return 0;
}

/* fio unlinks what it takes for a file of the job's. */
int qaio_unlink_file(struct thread_data *td, struct fio_file *f)
{
    if (is_null(td)) {
        return 0;
    }
    return unlink(f->file_name) < 0 ? errno : 0;
}

#define VIRTIO_SECTOR 512u

/* ---- whole blocks ---------------------------------------------------------------------------- */

/* A direction in which the job's requests are no whole blocks of @align bytes; -1: there is none.
 */
static int unaligned_ddir(struct thread_data *td, struct fio_file *f, uint32_t align)
{
    const bool used[] = {
        [DDIR_READ] = td_read(td), [DDIR_WRITE] = td_write(td), [DDIR_TRIM] = td_trim(td)
    };

    for (unsigned ddir = 0; ddir < ARRAY_SIZE(used); ddir++) {
        if (used[ddir] && (td->o.min_bs[ddir] | td->o.ba[ddir] | f->file_offset) % align) {
            return ddir;
        }
    }
    return -1;
}

/*
 * A virtual disk's requests are of whole sectors. What is less than a block of the device's under
 * it has the rest of the block read and written, too, and only one device can see to it that nobody
 * does the same next to it.
 */
static bool check_sectors(struct thread_data *td, struct fio_file *f, uint32_t align)
{
    struct qaio_data *qd = td->io_ops_data;
    int ddir = unaligned_ddir(td, f, VIRTIO_SECTOR);

    if (ddir >= 0) {
        log_err("qaio: %s: block size %llu with qaio_frontend=virtio is not a multiple of %u, a "
                "disk's sector\n",
                f->file_name, td->o.min_bs[ddir], VIRTIO_SECTOR);
        return false;
    }
    ddir = unaligned_ddir(td, f, align);
    if (ddir >= 0 && qd->options->iothread > 1 && qd->options->queues > 1) {
        log_err("qaio: %s: block size %llu is not a multiple of the device's %u: use bs=%u, or one "
                "of qaio_iothread=1 and qaio_queues=1\n",
                f->file_name, td->o.min_bs[ddir], align, align);
        return false;
    }
    return true;
}

/*
 * With direct I/O the device decides what a block is. For less than that the block layer reads more
 * than it was asked for, and reads before it writes. That is another thing to measure, and so not
 * to be done unseen. The early path does not do it.
 */
static bool check_blocks(struct thread_data *td, struct fio_file *f, uint32_t align)
{
    struct qaio_data *qd = td->io_ops_data;
    int ddir = unaligned_ddir(td, f, align);

    if (qd->path == &qaio_virtio_path && !check_sectors(td, f, align)) {
        return false;
    }
    if (ddir < 0) {
        return true;
    }
    if (qd->path == &qaio_early_path) {
        log_err("qaio: %s: block size %llu with direct=1 is not a multiple of the device's %u: "
                "use bs=%u or leave qaio_loop out\n",
                f->file_name, td->o.min_bs[ddir], align, align);
        return false;
    }
    if (g_hash_table_add(qd->padded_files, f)) {
        log_err("qaio: %s: requests of %llu bytes are not whole blocks of the device's, which are "
                "of %u: reads take in the rest, writes read it first\n",
                f->file_name, td->o.min_bs[ddir], align);
    }
    return true;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int flags_of_descriptor(struct qaio_data *qd, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    bool writable = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;

    return qd->open_flags | (writable ? BDRV_O_RDWR : 0);
}

/* On a null driver there is nothing to open. */
static int open_fd(struct thread_data *td, struct fio_file *f)
{
    return is_null(td) ? 0 : generic_open_file(td, f);
}

static int close_fd(struct thread_data *td, struct fio_file *f)
{
    return is_null(td) ? 0 : generic_close_file(td, f);
}

void qaio_add_padding(BdrvPaddingStats *sum, BlockDriverState *bs)
{
    const BdrvPaddingStats *padding = bdrv_get_padding_stats(bs);

    sum->padded_reads += padding->padded_reads;
    sum->rmw_writes += padding->rmw_writes;
}

/* Done with @file, which keeps some of the counters. */
static void close_on_path(struct qaio_data *qd, void *file)
{
    qd->path->close(file, &qd->counters.padding);
}

/* What the path makes of @f, which is open. NULL, after one line in the log, if it cannot. */
static void *open_on_path(struct thread_data *td, struct fio_file *f)
{
    struct qaio_data *qd = td->io_ops_data;
    Error *err = NULL;
    int flags = is_null(td) ? qd->open_flags | BDRV_O_RDWR : flags_of_descriptor(qd, f->fd);
    void *file = qd->path->open(qd, f, flags, &err);

    if (!file) {
        log_err("qaio: %s\n", error_get_pretty(err));
        error_free(err);
        return NULL;
    }
    if (!check_blocks(td, f, bdrv_get_limits(qd->path->bs(file))->request_alignment)) {
        close_on_path(qd, file);
        return NULL;
    }
    return file;
}

int qaio_open_file(struct thread_data *td, struct fio_file *f)
{
    void *file;
    int ret = open_fd(td, f);

    /* Before the job has begun fio opens block devices to find out their size, and closes them
     * again. */
    if (ret || !td->io_ops_data) {
        return ret;
    }

    file = open_on_path(td, f);
    if (!file) {
        td_verror(td, EINVAL, "qaio_open_file");
        return close_fd(td, f) ?: 1;
    }
    FILE_SET_ENG_DATA(f, file);
    g_hash_table_add(((struct qaio_data *)td->io_ops_data)->files, file);
    return 0;
}

int qaio_close_file(struct thread_data *td, struct fio_file *f)
{
    struct qaio_data *qd = td->io_ops_data;
    void *file = FILE_ENG_DATA(f);

    if (file) {
        /* What fio has queued and left is done before the descriptor goes. */
        qd->path->submit(qd);
        g_hash_table_remove(qd->files, file);
        close_on_path(qd, file);
        FILE_SET_ENG_DATA(f, NULL);
    }
    return close_fd(td, f);
}

static gboolean close_left_open(void *file, void *value G_GNUC_UNUSED, void *qd)
{
    close_on_path(qd, file);
    return TRUE;
}

void qaio_close_files(struct qaio_data *qd)
{
    g_hash_table_foreach_remove(qd->files, close_left_open, qd);
}
