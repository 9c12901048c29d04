/*
 * IOThread: the thread, its start and its end.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The context is made by the owner before the thread starts, so it can be used at once: what is
 * scheduled before the first turn is served by it. The loop ends by a bottom half, which runs
 * together with or after all that the owner has scheduled before; so `stopping` is touched by the
 * IOThread only while it runs, and by the owner only while it does not.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <time.h>
#include "base/thread.h"
#include "loop/iothread.h"

#define THREAD_NAME_SIZE 16 /* the kernel's TASK_COMM_LEN */

struct IOThread {
    char *id;
    AioContext *ctx;
    pthread_t thread;
    bool running; /* there is a thread to join; the owner's */
    bool stopping;
    int64_t cpu_ns; /* of threads that have ended */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

static void set_thread_name(const char *id)
{
    char name[THREAD_NAME_SIZE];

    g_snprintf(name, sizeof(name), "IO %s", id);
    pthread_setname_np(pthread_self(), name);
}

static void *iothread_loop(void *opaque)
{
    IOThread *iothread = opaque;

    set_thread_name(iothread->id);
    qemu_set_current_aio_context(iothread->ctx);
    while (!iothread->stopping) {
        aio_poll(iothread->ctx, true);
    }
    qemu_set_current_aio_context(NULL);
    iothread->cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static void stop_bh(void *opaque)
{
    IOThread *iothread = opaque;

    iothread->stopping = true;
}

bool iothread_run(IOThread *iothread, Error **errp)
{
    int ret;

    if (iothread->running) {
        return true;
    }
    iothread->stopping = false;
    ret = thread_create_quiet(&iothread->thread, NULL, iothread_loop, iothread);
    if (ret) {
        error_setg_errno(errp, ret,
                         "cannot start the thread of IOThread '%s' (the limits: ulimit -u, "
                         "kernel.threads-max)",
                         iothread->id);
        return false;
    }
    iothread->running = true;
    return true;
}

void iothread_stop(IOThread *iothread)
{
    if (!iothread->running) {
        return;
    }
    g_assert(!in_aio_context_home_thread(iothread->ctx));
    aio_bh_schedule_oneshot(iothread->ctx, stop_bh, iothread);
    pthread_join(iothread->thread, NULL);
    iothread->running = false;
}

static IOThread *iothread_new_full(const char *id, int64_t poll_max_ns, Error **errp)
{
    IOThread *iothread = g_new0(IOThread, 1);

    iothread->id = g_strdup(id);
    iothread->ctx = aio_context_new(errp);
    if (iothread->ctx) {
        aio_context_set_poll_params(iothread->ctx, poll_max_ns, 0, 0, &error_abort);
    }
    if (!iothread->ctx || !iothread_run(iothread, errp)) {
        iothread_destroy(iothread);
        return NULL;
    }
    return iothread;
}

IOThread *iothread_create(const char *id, Error **errp)
{
    return iothread_new_full(id, IOTHREAD_POLL_MAX_NS_DEFAULT, errp);
}

IOThread *iothread_new(void)
{
    return iothread_new_full("iothread", 0, &error_abort);
}

void iothread_destroy(IOThread *iothread)
{
    if (!iothread) {
        return;
    }
    iothread_stop(iothread);
    if (iothread->ctx) {
        aio_context_unref(iothread->ctx);
    }
    g_free(iothread->id);
    g_free(iothread);
}

void iothread_join(IOThread *iothread)
{
    iothread_destroy(iothread);
}

AioContext *iothread_get_aio_context(IOThread *iothread)
{
    return iothread->ctx;
}

int64_t iothread_get_cpu_ns(IOThread *iothread)
{
    clockid_t clock;

    if (!iothread->running) {
        return iothread->cpu_ns;
    }
    pthread_getcpuclockid(iothread->thread, &clock);
    return iothread->cpu_ns + clock_ns(clock);
}
