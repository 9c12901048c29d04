/* Stands before the kernel's io_submit(2), refuses or shortens requests as it was told, and logs
 * each time it did. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preloaded into fio, it takes the place of libaio's io_submit(). The environment says what to do:
 *
 *   FAULT_LOG=FILE           append one word a line for everything done: eagain, einval, partial,
 * short-read, short-write FAULT_EAGAIN_FIRST=N     the first N calls get EAGAIN: nothing is in
 * flight then FAULT_EAGAIN_EVERY=K     each K-th call gets EAGAIN FAULT_EINVAL=N           the N-th
 * request is one the kernel does not take: a call takes those before it, a call with it in front
 * gets EINVAL FAULT_EINVAL_EVERY=K     each K-th request is such a one FAULT_ACCEPT=M           a
 * call takes M requests at most FAULT_ACCEPT_RANDOM=1    a call takes 1 to all of its requests
 *   FAULT_SHORT_READ=K       each K-th request, if a read, gets half of its bytes
 *   FAULT_SHORT_WRITE=K      each K-th request, if a write, gets half of its bytes
 *
 * Requests are counted in the order in which they are taken or refused for good; one that waits for
 * another call keeps its number. Half is a whole number of 512-byte blocks; requests of one block
 * are left alone.
 */

#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    long eagain_first, eagain_every, einval, einval_every;
    long accept, accept_random, short_read, short_write;
    int log;
} fault = { .log = -1 };

/* Guards what follows. Held over the system call, so that requests have an order. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;
static long requests; /* taken, or refused for good */
static unsigned seed = 1;

static long number(const char *name)
{
    const char *value = getenv(name);

    return value ? atol(value) : 0;
}

__attribute__((constructor)) static void fault_init(void)
{
    const char *path = getenv("FAULT_LOG");

    fault.eagain_first = number("FAULT_EAGAIN_FIRST");
    fault.eagain_every = number("FAULT_EAGAIN_EVERY");
    fault.einval = number("FAULT_EINVAL");
    fault.einval_every = number("FAULT_EINVAL_EVERY");
    fault.accept = number("FAULT_ACCEPT");
    fault.accept_random = number("FAULT_ACCEPT_RANDOM");
    fault.short_read = number("FAULT_SHORT_READ");
    fault.short_write = number("FAULT_SHORT_WRITE");
    if (path)
        fault.log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* At once, not at exit: fio's forked jobs leave by _exit(). */
static void did(const char *line)
{
    if (fault.log >= 0 && write(fault.log, line, strlen(line)) < 0)
        abort();
}

static int is_nth(long n, long every)
{
    return every > 0 && n % every == 0;
}

static int is_invalid(long n)
{
    return n == fault.einval || is_nth(n, fault.einval_every);
}

static int is_read(const struct iocb *iocb)
{
    return iocb->aio_lio_opcode == IO_CMD_PREAD || iocb->aio_lio_opcode == IO_CMD_PREADV;
}

static int is_write(const struct iocb *iocb)
{
    return iocb->aio_lio_opcode == IO_CMD_PWRITE || iocb->aio_lio_opcode == IO_CMD_PWRITEV;
}

static int is_short(const struct iocb *iocb, long n)
{
    return (is_read(iocb) && is_nth(n, fault.short_read)) ||
           (is_write(iocb) && is_nth(n, fault.short_write));
}

/* Where a request says how long it is: of a vector that is its first element, the others are left
 * out. */
static unsigned long *length_of(struct iocb *iocb)
{
    struct iovec *iov = iocb->u.c.buf;
    int vector = iocb->aio_lio_opcode == IO_CMD_PREADV || iocb->aio_lio_opcode == IO_CMD_PWRITEV;

    return vector ? &iov->iov_len : &iocb->u.c.nbytes;
}

static unsigned long half(unsigned long length)
{
    return length < 1024 ? length : length / 2 / 512 * 512;
}

/* Submits one request with half of its bytes. The kernel has read iocb and vector when the call
 * returns, and a completion names the iocb by its address: so it is changed in place, and back. */
static long submit_short(io_context_t ctx, struct iocb *iocb)
{
    unsigned long *length = length_of(iocb), whole_length = *length;
    struct iocb whole = *iocb;
    long taken;

    if (length != &iocb->u.c.nbytes)
        iocb->u.v.nr = 1;
    *length = half(whole_length);
    taken = syscall(SYS_io_submit, ctx, 1L, &iocb);
    iocb->u.v.nr = whole.u.v.nr;
    *length = whole_length;
    if (taken == 1 && half(whole_length) < whole_length)
        did(is_read(iocb) ? "short-read\n" : "short-write\n");
    return taken;
}

/* How many requests from the front go to the kernel as they are. */
static long run_length(long nr, struct iocb **iocbs)
{
    long n = 0;

    while (n < nr && !is_invalid(requests + n + 1) && !is_short(iocbs[n], requests + n + 1))
        n++;
    return n;
}

/* Takes as many requests as there can be taken in one go. 0 when there is nothing to take before a
 * request in front that will never be; -1 and errno as the kernel says. */
static long submit_run(io_context_t ctx, long nr, struct iocb **iocbs)
{
    long n = run_length(nr, iocbs), taken;

    if (n > 0)
        taken = syscall(SYS_io_submit, ctx, n, iocbs);
    else if (is_invalid(requests + 1))
        return 0;
    else
        taken = submit_short(ctx, iocbs[0]);
    if (taken > 0)
        requests += taken;
    return taken;
}

static long most_to_accept(long nr)
{
    long most = nr;

    if (fault.accept > 0 && most > fault.accept)
        most = fault.accept;
    if (fault.accept_random && nr > 1)
        most = 1 + rand_r(&seed) % nr;
    if (most < nr)
        did("partial\n");
    return most;
}

static int submit_all(io_context_t ctx, long nr, struct iocb **iocbs)
{
    long total = 0;

    while (total < nr) {
        long taken = submit_run(ctx, nr - total, iocbs + total);

        if (taken < 0)
            return total ? total : -errno;
        if (taken == 0)
            break;
        total += taken;
    }
    if (total > 0)
        return total;
    requests++;
    did("einval\n");
    return -EINVAL;
}

static int submit(io_context_t ctx, long nr, struct iocb **iocbs)
{
    calls++;
    if (calls <= fault.eagain_first || is_nth(calls, fault.eagain_every)) {
        did("eagain\n");
        return -EAGAIN;
    }
    return nr > 0 ? submit_all(ctx, most_to_accept(nr), iocbs) : 0;
}

/* In libaio's place. */
int io_submit(io_context_t ctx, long nr, struct iocb **iocbs)
{
    int ret;

    pthread_mutex_lock(&lock);
    ret = submit(ctx, nr, iocbs);
    pthread_mutex_unlock(&lock);
    return ret;
}
