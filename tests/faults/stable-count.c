/* Logs what is written and how stable it is made. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preloaded into fio. STABLE_LOG=FILE gets one word a line: write and fua for writes without and
 * with RWF_DSYNC, flush for syncs of data, whether by linux-aio, io_uring, or a worker's own system
 * call.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <libaio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#if __has_include(<liburing.h>)
#include <liburing.h>
#define HAVE_LIBURING
#endif

static int log_fd = -1;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("STABLE_LOG");

    if (path) {
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    }
}

static void say(const char *word)
{
    if (log_fd >= 0 && write(log_fd, word, strlen(word)) < 0) {
        abort();
    }
}

static void say_write(int rw_flags)
{
    say(rw_flags & RWF_DSYNC ? "fua\n" : "write\n");
}

int io_submit(io_context_t ctx, long n, struct iocb **iocbs)
{
    int (*next)(io_context_t, long, struct iocb **) = dlsym(RTLD_NEXT, "io_submit");
    int ret = next(ctx, n, iocbs);

    for (int i = 0; i < ret; i++) {
        switch (iocbs[i]->aio_lio_opcode) {
        case IO_CMD_PWRITE:
        case IO_CMD_PWRITEV:
            say_write(iocbs[i]->aio_rw_flags);
            break;
        case IO_CMD_FDSYNC:
        case IO_CMD_FSYNC:
            say("flush\n");
            break;
        }
    }
    return ret;
}

#ifdef HAVE_LIBURING
int io_uring_submit(struct io_uring *ring)
{
    /* fio itself has no liburing, so that it is not in the order of look-up. */
    void *liburing = dlopen("liburing.so.2", RTLD_LAZY);
    int (*next)(struct io_uring *) = dlsym(liburing, "io_uring_submit");

    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        const struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];

        if (sqe->opcode == IORING_OP_WRITE || sqe->opcode == IORING_OP_WRITEV) {
            say_write(sqe->rw_flags);
        } else if (sqe->opcode == IORING_OP_FSYNC) {
            say("flush\n");
        }
    }
    return next(ring);
}
#endif

ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    ssize_t (*next)(int, const struct iovec *, int, off_t, int) = dlsym(RTLD_NEXT, "pwritev2");

    say_write(flags);
    return next(fd, iov, n, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t offset, int flags)
{
    return pwritev2(fd, iov, n, offset, flags);
}

int fdatasync(int fd)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");

    say("flush\n");
    return next(fd);
}
