/*
 * fio's files as the job's path has them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fio opens and closes the descriptor, with the flags that the job asks for, as it does for its own
 * engines. Between the two the path has a node over that descriptor.
 */
#include "engine/engine.h"

/*
 * With direct I/O the device decides what a block is. QEMU would serve smaller requests by reading
 * and writing more than was asked; a benchmark that does that unseen measures something else.
 */
static bool block_sizes_fit(struct thread_data *td, struct fio_file *f, BlockDriverState *bs)
{
    const bool used[] = {
        [DDIR_READ] = td_read(td), [DDIR_WRITE] = td_write(td), [DDIR_TRIM] = td_trim(td)
    };
    uint32_t align = bdrv_get_limits(bs)->request_alignment;

    for (unsigned ddir = 0; ddir < ARRAY_SIZE(used); ddir++) {
        if (used[ddir] && td->o.min_bs[ddir] % align) {
            log_err(
                "qaio: %s: block size %llu with direct=1 is not a multiple of the device's %u: use "
                "bs=%u or direct=0\n",
                f->file_name, td->o.min_bs[ddir], align, align);
            return false;
        }
    }
    return true;
}

static int flags_of_descriptor(struct qaio_data *qd, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    bool writable = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;

    return qd->open_flags | (writable ? BDRV_O_RDWR : 0);
}

/* What the path makes of @f, which is open. NULL, after one line in the log, if it cannot. */
static void *open_on_path(struct thread_data *td, struct fio_file *f)
{
    struct qaio_data *qd = td->io_ops_data;
    Error *err = NULL;
    void *file = qd->path->open(qd, f, flags_of_descriptor(qd, f->fd), &err);

    if (!file) {
        log_err("qaio: %s\n", error_get_pretty(err));
        error_free(err);
        return NULL;
    }
    if (!block_sizes_fit(td, f, qd->path->bs(file))) {
        qd->path->close(file);
        return NULL;
    }
    return file;
}

int qaio_open_file(struct thread_data *td, struct fio_file *f)
{
    void *file;
    int ret = generic_open_file(td, f);

    /* Before the job has begun fio opens block devices to find out their size, and closes them
     * again. */
    if (ret || !td->io_ops_data) {
        return ret;
    }

    file = open_on_path(td, f);
    if (!file) {
        td_verror(td, EINVAL, "qaio_open_file");
        return generic_close_file(td, f) ?: 1;
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
        FILE_SET_ENG_DATA(f, NULL);
    }
    return generic_close_file(td, f);
}

/* fio's own. Called rather than pointed to, for a pointer has to be resolved when the module is
 * loaded, which is before the version guard can say what is wrong with a fio that has no such
 * function. */
int qaio_get_file_size(struct thread_data *td, struct fio_file *f)
{
    return generic_get_file_size(td, f);
}
