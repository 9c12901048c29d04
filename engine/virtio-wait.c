/*
 * Waiting for virtual devices, and what ends it: interrupts, devices that break, devices that stop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A device that stops, for a request that failed, has its whole machine stop in QEMU, until
 * somebody has seen to it. Here the machine is the job: its thread waits for qaio_resume_ms and
 * then has the device go on; or, without, the job is at its end.
 */
#include "engine/virtio-disk.h"
#include "loop/main-loop.h"

/* fio tells a job to end by a flag; so long may we not look at it. */
#define LOOK_AROUND_MS 100

static void turn(struct qaio_data *qd, bool blocking)
{
    if (unlikely(qd->main_context)) {
        main_loop_wait(!blocking);
    } else {
        aio_poll(qd->ctx, blocking);
    }
}

/* ---- devices that break --------------------------------------------------------------------- */

static QAIO_COLD void tell_fio(struct qaio_virtio *v)
{
    struct thread_data *td = v->qd->td;

    if (!td->error) {
        td_verror(td, v->failed, "virtio-blk");
    }
    td->terminate = true;
}

static QAIO_COLD void fail_job(struct qaio_virtio *v, int error)
{
    v->failed = error;
    tell_fio(v);
}

/* Tells fio each time, which forgets errors when it is to continue on them. */
static bool has_failed(struct qaio_virtio *v)
{
    if (likely(!v->failed)) {
        return false;
    }
    tell_fio(v);
    return true;
}

static QAIO_COLD void fail_broken(struct virtio_disk *disk, const char *message)
{
    log_err("qaio: %s: its virtual device is broken (%s): the job ends\n", disk->f->file_name,
            message);
    fail_job(disk->v, EIO);
}

/* Whether @q still works, on both sides. */
static bool works(struct disk_queue *q)
{
    const char *error = virtio_error_message(&q->dev->vblk.parent_obj);

    error = error ?: vring_driver_error(q->drv);
    if (likely(!error)) {
        return true;
    }
    fail_broken(q->dev->disk, error);
    return false;
}

static bool disk_works(struct virtio_disk *disk)
{
    for (unsigned i = 0; i < disk->ndevices; i++) {
        for (unsigned n = 0; n < disk->devices[i].nqueues; n++) {
            if (!works(&disk->devices[i].queues[n])) {
                return false;
            }
        }
    }
    return true;
}

static QAIO_NOINLINE bool all_work(struct qaio_virtio *v)
{
    GHashTableIter iter;
    void *disk;

    g_hash_table_iter_init(&iter, v->qd->files);
    while (g_hash_table_iter_next(&iter, &disk, NULL)) {
        if (!disk_works(disk)) {
            return false;
        }
    }
    return true;
}

/* ---- devices that stop ---------------------------------------------------------------------- */

static void time_is_up(void *opaque)
{
    *(bool *)opaque = true;
}

/* Turn the loop for @ms. */
static void pass_time(struct qaio_data *qd, int64_t ms)
{
    QEMUTimer timer;
    bool up = false;

    aio_timer_init(qd->ctx, &timer, QEMU_CLOCK_REALTIME, SCALE_MS, time_is_up, &up);
    timer_mod(&timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + ms);
    while (!up) {
        turn(qd, true);
    }
}

/* False when the job is told to end meanwhile. */
static bool wait_to_resume(struct qaio_data *qd)
{
    int64_t left = qd->options->resume_ms;

    while (left > 0 && !qd->td->terminate) {
        pass_time(qd, MIN(left, LOOK_AROUND_MS));
        left -= LOOK_AROUND_MS;
    }
    return !qd->td->terminate;
}

static void fail_stopped(struct disk_device *dev, int error)
{
    const char *policy = dev->stop_by_a_read ? "qaio_rerror" : "qaio_werror";

    log_err("qaio: %s: the device stopped, for a %s failed (%s): the job ends, as %s says and "
            "qaio_resume_ms does not resume it\n",
            dev->disk->f->file_name, dev->stop_by_a_read ? "read" : "write", strerror(error),
            policy);
    fail_job(dev->disk->v, error);
}

static void resume_bh(void *opaque)
{
    virtio_blk_resume(opaque);
}

/* As QEMU does with a machine that stops and goes on: the data plane, too, stops and starts. */
static bool resume(struct disk_device *dev)
{
    Error *err = NULL;

    if (!dev->dataplane) {
        virtio_blk_resume(&dev->vblk);
        dev->disk->v->broken |= virtio_device_broken(&dev->vblk.parent_obj);
        return true;
    }
    if (virtio_blk_data_plane_start(dev->dataplane, &err) < 0) {
        log_err("qaio: %s\n", error_get_pretty(err));
        error_free(err);
        fail_job(dev->disk->v, EIO);
        return false;
    }
    qaio_run_in_context(dev->ctx, resume_bh, &dev->vblk);
    return true;
}

static bool handle_stop(struct disk_device *dev, int error)
{
    struct qaio_virtio *v = dev->disk->v;

    v->stops++;
    if (dev->dataplane) {
        virtio_blk_data_plane_stop(dev->dataplane);
    }
    qatomic_set(&dev->stop_error, 0);
    if (!v->qd->options->resume_ms || !wait_to_resume(v->qd)) {
        fail_stopped(dev, error);
        return false;
    }
    return resume(dev);
}

static bool handle_stops_of(struct virtio_disk *disk)
{
    for (unsigned i = 0; i < disk->ndevices; i++) {
        int error = qatomic_load_acquire(&disk->devices[i].stop_error);

        if (error && !handle_stop(&disk->devices[i], error)) {
            return false;
        }
    }
    return true;
}

static QAIO_COLD bool handle_stops(struct qaio_virtio *v)
{
    GHashTableIter iter;
    void *disk;

    (void)qatomic_xchg(&v->stop_pending, false); /* before the stop_errors are read */
    g_hash_table_iter_init(&iter, v->qd->files);
    while (g_hash_table_iter_next(&iter, &disk, NULL)) {
        if (!handle_stops_of(disk)) {
            return false;
        }
    }
    return true;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Sleep unless there is something already, of which no interrupt would tell. */
static void sleep_until_interrupt(struct qaio_virtio *v)
{
    bool nothing = true;
    struct disk_queue *q;

    QTAILQ_FOREACH (q, &v->busy, next_busy) {
        nothing &= vring_driver_enable_interrupts(q->drv);
    }
    if (nothing) {
        aio_poll(v->qd->ctx, true);
    }
    QTAILQ_FOREACH (q, &v->busy, next_busy) {
        vring_driver_disable_interrupts(q->drv);
    }
}

static bool busy_ones_work(struct qaio_virtio *v)
{
    struct disk_queue *q;

    QTAILQ_FOREACH (q, &v->busy, next_busy) {
        if (!works(q)) {
            return false;
        }
    }
    return true;
}

bool virtio_wait(struct qaio_virtio *v, bool blocking)
{
    if (unlikely(has_failed(v))) {
        return false;
    }
    if (unlikely(qatomic_load_acquire(&v->stop_pending))) {
        return handle_stops(v);
    }
    if (!v->niothreads) {
        if (unlikely(v->broken)) {
            return all_work(v);
        }
        turn(v->qd, blocking);
        return true;
    }
    if (!busy_ones_work(v)) {
        return false;
    }
    if (blocking) {
        sleep_until_interrupt(v);
    }
    return true;
}
