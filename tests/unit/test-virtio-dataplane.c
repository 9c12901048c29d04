/* The data plane of virtio-blk: start, stop and restart while requests come and go, several queues
 * and IOThreads, kicks and interrupts, devices that stop for an error.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The driver is the test's thread, whose context is also where devices are while they are stopped.
 */
#include "base/osdep.h"
#include <sys/resource.h>
#include "loop/aio-wait.h"
#include "loop/iothread.h"
#include "virtio/virtio-blk-dataplane.h"
#include "virtio/vring-driver.h"
#include "memdrv.h"
#include "util.h"

#define QUEUES   4
#define DEPTH    32 /* requests of a disk */
#define BYTES    4096
#define SECTORS  (BYTES / 512)
#define NO_STATE 0xff

/* A request, in the guest's memory; number i is about the i-th piece of the disk. */
typedef struct Req {
    struct virtio_blk_outhdr hdr;
    uint8_t status;
    unsigned done; /* how often it came back */
    uint8_t data[BYTES];
} Req;

typedef struct Disk {
    AioContext *home;
    IOThread *iothread;
    BlockBackend *blk;
    VirtIOBlock dev;
    VirtIOBlockDataPlane *plane;
    VringDriver *drv[QUEUES];
    unsigned nqueues;
    uint64_t declined; /* features that the driver does without */
    Req *reqs;
    unsigned in_flight;
    unsigned completed;
    int fd;

    int stop_error; /* atomic; of a device that stopped */
    MemDrv mem;     /* where requests are held, if the test wants that */
    unsigned held;  /* there, when count_bh() looked */
} Disk;

/* ---- the driver ----------------------------------------------------------------------------- */

static unsigned interrupts; /* that reached the driver, of any disk of the test */

static void on_interrupt(EventNotifier *e)
{
    interrupts += event_notifier_test_and_clear(e);
}

static void watch(Disk *d, bool on)
{
    for (unsigned n = 0; n < d->nqueues; n++) {
        EventNotifier *e = virtio_queue_get_guest_notifier(virtio_get_queue(&d->dev.parent_obj, n));

        aio_set_event_notifier(d->home, e, false, on ? on_interrupt : NULL, NULL, NULL);
    }
}

static void connect(Disk *d)
{
    VirtIODevice *vdev = &d->dev.parent_obj;

    virtio_set_features(vdev, vdev->host_features & ~d->declined);
    virtio_add_memory_region(vdev, d->reqs, DEPTH * sizeof(Req));
    for (unsigned n = 0; n < d->nqueues; n++) {
        void *memory;
        size_t size;

        d->drv[n] = vring_driver_new(64, 3, vdev->guest_features);
        memory = vring_driver_memory(d->drv[n], &size);
        virtio_add_memory_region(vdev, memory, size);
        virtio_queue_set_rings(vdev, n, (uintptr_t)vring_driver_desc(d->drv[n]),
                               (uintptr_t)vring_driver_avail(d->drv[n]),
                               (uintptr_t)vring_driver_used(d->drv[n]));
    }
}

static void add(Disk *d, unsigned i, uint32_t type)
{
    Req *r = &d->reqs[i];
    bool out = type & VIRTIO_BLK_T_OUT;
    struct iovec sg[] = { { &r->hdr, sizeof(r->hdr) }, { r->data, BYTES }, { &r->status, 1 } };

    r->hdr = (struct virtio_blk_outhdr){ .type = type, .sector = (uint64_t)i * SECTORS };
    r->status = NO_STATE;
    g_assert_cmpint(vring_driver_add(d->drv[i % d->nqueues], sg, out ? 2 : 1, out ? 1 : 2, r), ==,
                    0);
    d->in_flight++;
}

/* Whether there was need to. */
static bool kick_queue(Disk *d, unsigned n)
{
    VirtQueue *vq = virtio_get_queue(&d->dev.parent_obj, n);
    bool kick = vring_driver_kick_prepare(d->drv[n]);

    if (kick) {
        event_notifier_set(virtio_queue_get_host_notifier(vq));
    }
    return kick;
}

static void kick(Disk *d)
{
    for (unsigned n = 0; n < d->nqueues; n++) {
        kick_queue(d, n);
    }
}

/* Take what came back; each once, and well. */
static void reap(Disk *d)
{
    for (unsigned n = 0; n < d->nqueues; n++) {
        Req *r;

        while ((r = vring_driver_get(d->drv[n], NULL))) {
            g_assert_cmpuint(r->status, ==, VIRTIO_BLK_S_OK);
            r->done++;
            d->in_flight--;
            d->completed++;
        }
        g_assert_null(vring_driver_error(d->drv[n]));
    }
    g_assert_null(virtio_error_message(&d->dev.parent_obj));
}

/* As a driver sleeps: only if there is nothing, and with interrupts on. */
static void doze(Disk *d)
{
    bool nothing = true;

    for (unsigned n = 0; n < d->nqueues; n++) {
        nothing &= vring_driver_enable_interrupts(d->drv[n]);
    }
    if (nothing) {
        aio_poll(d->home, true);
    }
    for (unsigned n = 0; n < d->nqueues; n++) {
        vring_driver_disable_interrupts(d->drv[n]);
    }
}

static void wait_until(Disk *d, unsigned in_flight)
{
    while (reap(d), d->in_flight > in_flight) {
        doze(d);
    }
}

/* ---- disks ---------------------------------------------------------------------------------- */

static void on_stopped(void *opaque, int error, bool is_read G_GNUC_UNUSED)
{
    Disk *d = opaque;

    qatomic_store_release(&d->stop_error, error);
    aio_notify(d->home);
}

/* Who makes the disk says what its home and its IOThread are. */
static void disk_open(Disk *d, BlockDriverState *bs, unsigned nqueues)
{
    VirtIOBlkConf conf = VIRTIO_BLK_CONF_DEFAULT;

    d->nqueues = nqueues;
    d->reqs = g_new0(Req, DEPTH);
    d->blk = blk_new_with_bs(bs);
    conf.blk = d->blk;
    conf.num_queues = nqueues;
    conf.queue_size = 64;
    conf.seg_max = 1;
    conf.stopped = on_stopped;
    conf.opaque = d;
    virtio_blk_device_realize(&d->dev, &conf, &error_abort);
    connect(d);
}

static void disk_close(Disk *d)
{
    virtio_blk_device_unrealize(&d->dev);
    for (unsigned n = 0; n < d->nqueues; n++) {
        vring_driver_free(d->drv[n]);
    }
    blk_unref(d->blk);
    g_free(d->reqs);
}

/* Over a file, which workers read and write. */
static void disk_open_file(Disk *d, unsigned nqueues)
{
    BlockDriverState *bs;

    d->fd = test_file_new(g_get_tmp_dir(), 0, DEPTH * BYTES);
    bs = bdrv_open_fd("a file", d->fd, BDRV_O_RDWR, d->home, &error_abort);
    disk_open(d, bs, nqueues);
}

static void disk_close_file(Disk *d)
{
    disk_close(d);
    close(d->fd);
}

static void plane_create(Disk *d)
{
    g_assert_true(virtio_blk_data_plane_create(&d->dev, iothread_get_aio_context(d->iothread),
                                               &d->plane, &error_abort));
    watch(d, true);
}

static void plane_destroy(Disk *d)
{
    virtio_blk_data_plane_stop(d->plane);
    watch(d, false);
    virtio_blk_data_plane_destroy(d->plane);
}

static void open_file(Disk *d, unsigned nqueues)
{
    disk_open_file(d, nqueues);
    plane_create(d);
}

static void close_file(Disk *d)
{
    plane_destroy(d);
    disk_close_file(d);
}

/* ---- a test with one disk ------------------------------------------------------------------- */

static void begin(Disk *d)
{
    interrupts = 0;
    *d = (Disk){ .home = test_context_new(), .iothread = iothread_new() };
}

static void end(Disk *d)
{
    iothread_destroy(d->iothread);
    test_context_free(d->home);
}

/* The data plane is there, and stopped. */
static void begin_file(Disk *d, unsigned nqueues)
{
    begin(d);
    open_file(d, nqueues);
}

static void begin_file_started(Disk *d, unsigned nqueues)
{
    begin_file(d, nqueues);
    virtio_blk_data_plane_start(d->plane, &error_abort);
}

static void end_file(Disk *d)
{
    close_file(d);
    end(d);
}

/* ---- start and stop ------------------------------------------------------------------------- */

static void test_start_stop(void)
{
    unsigned descriptors;
    Disk d;

    begin(&d);
    descriptors = test_descriptors();
    open_file(&d, QUEUES);
    virtio_blk_data_plane_stop(d.plane); /* it does not run */
    for (int i = 0; i < 20; i++) {
        g_assert_true(blk_get_aio_context(d.blk) == d.home);
        g_assert_cmpint(virtio_blk_data_plane_start(d.plane, &error_abort), ==, 0);
        g_assert_cmpint(virtio_blk_data_plane_start(d.plane, &error_abort), ==, 0);
        g_assert_true(blk_get_aio_context(d.blk) == iothread_get_aio_context(d.iothread));
        virtio_blk_data_plane_stop(d.plane);
        virtio_blk_data_plane_stop(d.plane);
    }
    close_file(&d);
    g_assert_cmpuint(test_descriptors(), ==, descriptors);
    end(&d);
}

static void fill(Req *r, unsigned round)
{
    memset(r->data, (int)(round * 7 + r->hdr.sector), BYTES);
}

static void test_data(void)
{
    Disk d;

    begin_file_started(&d, QUEUES);
    for (unsigned i = 0; i < DEPTH; i++) {
        add(&d, i, VIRTIO_BLK_T_IN);
    }
    kick(&d);
    wait_until(&d, 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        g_assert_true(test_bytes_are(d.reqs[i].data, (int64_t)i * BYTES, BYTES));
    }
    end_file(&d);
}

/* Chains that are added, and kicks that are made, while nobody serves the queue. */
static void test_added_while_stopped(void)
{
    Disk d;

    begin_file(&d, 2);
    add(&d, 0, VIRTIO_BLK_T_IN);
    kick(&d);
    add(&d, 1, VIRTIO_BLK_T_IN);
    vring_driver_kick_prepare(d.drv[1]); /* and the kick is lost */
    test_poll_idle(d.home);
    reap(&d);
    g_assert_cmpuint(d.completed, ==, 0);
    virtio_blk_data_plane_start(d.plane, &error_abort);
    wait_until(&d, 0);
    g_assert_cmpuint(d.completed, ==, 2);
    end_file(&d);
}

/* ---- under load ----------------------------------------------------------------------------- */

/* Write all pieces again and again, each with what says which round it was, and keep @d full; every
 * now and then restart it. In the end the file holds the last round. */
static void load(Disk *disks, unsigned n, unsigned rounds)
{
    unsigned restarts = 0;

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < DEPTH; i++) {
            for (unsigned k = 0; k < n; k++) {
                disks[k].reqs[i].hdr.sector = (uint64_t)i * SECTORS;
                fill(&disks[k].reqs[i], round + k);
                add(&disks[k], i, VIRTIO_BLK_T_OUT);
                kick_queue(&disks[k], i % disks[k].nqueues);
            }
        }
        if (round % 3 == 1) {
            Disk *d = &disks[restarts++ % n];

            virtio_blk_data_plane_stop(d->plane);
            if (round % 2) {
                virtio_blk_data_plane_start(d->plane, &error_abort);
            } else {
                reap(d);
                virtio_blk_data_plane_start(d->plane, &error_abort);
            }
        }
        for (unsigned k = 0; k < n; k++) {
            wait_until(&disks[k], 0);
        }
    }
}

static void check_file(Disk *d, unsigned round)
{
    uint8_t piece[BYTES];

    for (unsigned i = 0; i < DEPTH; i++) {
        g_assert_cmpint(pread(d->fd, piece, BYTES, (off_t)i * BYTES), ==, BYTES);
        g_assert_cmpmem(piece, BYTES, d->reqs[i].data, BYTES);
        g_assert_cmpuint(piece[0], ==, (uint8_t)(round * 7 + i * SECTORS));
        g_assert_cmpuint(d->reqs[i].done, ==, d->completed / DEPTH);
    }
}

static void run_load(unsigned ndisks, unsigned niothreads, int64_t poll_ns)
{
    AioContext *home = test_context_new();
    IOThread *iothreads[3];
    Disk disks[3];
    unsigned rounds = 40;

    for (unsigned i = 0; i < niothreads; i++) {
        iothreads[i] = iothread_new();
        aio_context_set_poll_params(iothread_get_aio_context(iothreads[i]), poll_ns, 0, 0,
                                    &error_abort);
    }
    for (unsigned k = 0; k < ndisks; k++) {
        disks[k] = (Disk){ .home = home, .iothread = iothreads[k % niothreads] };
        open_file(&disks[k], QUEUES);
        virtio_blk_data_plane_start(disks[k].plane, &error_abort);
    }
    load(disks, ndisks, rounds);
    for (unsigned k = 0; k < ndisks; k++) {
        g_assert_cmpuint(disks[k].completed, ==, rounds * DEPTH);
        check_file(&disks[k], rounds - 1 + k);
        close_file(&disks[k]);
    }
    for (unsigned i = 0; i < niothreads; i++) {
        iothread_destroy(iothreads[i]);
    }
    test_context_free(home);
}

static void test_load(void)
{
    run_load(1, 1, 0);
}

static void test_load_polling(void)
{
    run_load(1, 1, 100000);
}

static void test_load_three_on_two(void)
{
    run_load(3, 2, 20000);
}

/* ---- kicks and interrupts ------------------------------------------------------------------- */

/* The disk holds requests until it is told to do them; the driver does without the features
 * @declined; the data plane runs. */
static void begin_held(Disk *d, uint64_t declined)
{
    BlockLimits bl = { .request_alignment = 512, .min_mem_alignment = 1 };
    int64_t size = DEPTH * BYTES;

    begin(d);
    d->declined = declined;
    disk_open(d, memdrv_open(&d->mem, d->home, size, size, &bl, BDRV_O_RDWR), 1);
    d->mem.ctx = iothread_get_aio_context(d->iothread);
    d->dev.conf.request_merging = false; /* requests are counted */
    plane_create(d);
    virtio_blk_data_plane_start(d->plane, &error_abort);
}

static void end_held(Disk *d)
{
    plane_destroy(d);
    disk_close(d);
    memdrv_cleanup(&d->mem);
    end(d);
}

static void run_in_iothread(Disk *d, QEMUBHFunc *cb)
{
    AioContext *ctx = iothread_get_aio_context(d->iothread);

    aio_context_acquire(ctx);
    aio_wait_bh_oneshot(ctx, cb, d);
    aio_context_release(ctx);
}

static void count_bh(void *opaque)
{
    Disk *d = opaque;

    d->held = memdrv_waiting(&d->mem);
}

/* Until the device holds @n. */
static void wait_until_held(Disk *d, unsigned n)
{
    while (run_in_iothread(d, count_bh), d->held < n) {
        g_usleep(100);
    }
    g_assert_cmpuint(d->held, ==, n);
}

static void release_bh(void *opaque)
{
    memdrv_run_all(&((Disk *)opaque)->mem);
}

/* What completes in one turn of the loop is one interrupt, or none if nobody wants to be told.
 * (With event index the driver would not ask for a second one.) */
static void test_interrupts_are_gathered(void)
{
    VirtQueue *vq;
    Disk d;

    begin_held(&d, UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
    vq = virtio_get_queue(&d.dev.parent_obj, 0);
    for (unsigned wanted = 0; wanted < 2; wanted++) {
        uint64_t before = virtio_queue_get_interrupts(vq);

        for (unsigned i = 0; i < DEPTH; i++) {
            add(&d, i, VIRTIO_BLK_T_IN);
        }
        kick(&d);
        wait_until_held(&d, DEPTH);
        if (wanted) {
            vring_driver_enable_interrupts(d.drv[0]);
        } else {
            vring_driver_disable_interrupts(d.drv[0]);
        }
        run_in_iothread(&d, release_bh);
        virtio_blk_data_plane_stop(d.plane); /* what is left to tell is told */
        g_assert_cmpuint(virtio_queue_get_interrupts(vq) - before, ==, wanted);
        reap(&d);
        g_assert_cmpuint(d.in_flight, ==, 0);
        virtio_blk_data_plane_start(d.plane, &error_abort);
    }
    end_held(&d);
}

/* The driver sleeps until it is told that its only request is done. */
static void wait_for_interrupt(Disk *d)
{
    while (!interrupts) {
        aio_poll(d->home, true);
    }
    reap(d);
    g_assert_cmpuint(d->completed, ==, 1);
}

/* The driver sleeps, and the device, which completes when it is told to stop, wakes it. */
static void test_stop_interrupts(void)
{
    Disk d;

    begin_held(&d, 0);
    add(&d, 0, VIRTIO_BLK_T_IN);
    kick(&d);
    wait_until_held(&d, 1);
    vring_driver_enable_interrupts(d.drv[0]);
    g_assert_cmpuint(interrupts, ==, 0);
    run_in_iothread(&d, release_bh);
    virtio_blk_data_plane_stop(d.plane);
    wait_for_interrupt(&d);
    end_held(&d);
}

/* A device that was brought home is served there, and interrupts from there: the IOThread stands
 * still. */
static void test_served_at_home(void)
{
    Disk d;

    begin_held(&d, 0);
    virtio_blk_data_plane_stop(d.plane);
    iothread_stop(d.iothread);
    d.mem.ctx = d.home;
    g_assert_cmpuint(interrupts, ==, 0);
    add(&d, 0, VIRTIO_BLK_T_IN);
    vring_driver_enable_interrupts(d.drv[0]);
    g_assert_true(vring_driver_kick_prepare(d.drv[0]));
    virtio_queue_notify(&d.dev.parent_obj, 0);
    memdrv_run_all(&d.mem);
    wait_for_interrupt(&d);
    iothread_run(d.iothread, &error_abort);
    end_held(&d);
}

/* A loop that polls for long needs no kick: sooner or later the driver sees that, and what it adds
 * then is served. */
static void test_no_kicks_while_polling(void)
{
    Disk d;
    bool kicked = true;

    begin_file_started(&d, 1);
    aio_context_set_poll_params(iothread_get_aio_context(d.iothread), 10 * NANOSECONDS_PER_SECOND,
                                0, 0, &error_abort);
    while (kicked) {
        add(&d, 0, VIRTIO_BLK_T_IN);
        kicked = kick_queue(&d, 0);
        wait_until(&d, 0);
        g_usleep(100);
    }
    aio_context_set_poll_params(iothread_get_aio_context(d.iothread), 0, 0, 0, &error_abort);
    add(&d, 1, VIRTIO_BLK_T_IN);
    kick(&d);
    wait_until(&d, 0);
    end_file(&d);
}

/* ---- devices that stop for an error ---------------------------------------------------------- */

static void heal_bh(void *opaque)
{
    Disk *d = opaque;

    d->mem.error[MEM_WRITE] = 0;
    virtio_blk_resume(&d->dev);
}

static void fail_bh(void *opaque)
{
    Disk *d = opaque;

    d->mem.error[MEM_WRITE] = -ENOSPC;
    memdrv_run_all(&d->mem);
}

/* @n writes fail: the device stops and keeps them, and then the data plane is stopped. */
static void fail_writes(Disk *d, unsigned n)
{
    blk_set_on_error(d->blk, BLOCKDEV_ON_ERROR_REPORT, BLOCKDEV_ON_ERROR_STOP);
    for (unsigned i = 0; i < n; i++) {
        add(d, i, VIRTIO_BLK_T_OUT);
    }
    kick(d);
    wait_until_held(d, n);
    run_in_iothread(d, fail_bh);
    g_assert_cmpint(qatomic_load_acquire(&d->stop_error), ==, ENOSPC);
    virtio_blk_data_plane_stop(d->plane);
    g_assert_cmpuint(virtio_blk_kept(&d->dev), ==, n);
}

/* It stops, and with it the data plane; requests that failed, and those that came later, are done
 * when it goes on. */
static void test_error_stops(void)
{
    Disk d;

    begin_held(&d, 0);
    fail_writes(&d, 8);
    reap(&d);
    g_assert_cmpuint(d.completed, ==, 0);

    add(&d, 8, VIRTIO_BLK_T_OUT);
    kick(&d);
    virtio_blk_data_plane_start(d.plane, &error_abort);
    run_in_iothread(&d, heal_bh);
    wait_until_held(&d, 9);
    run_in_iothread(&d, release_bh);
    wait_until(&d, 0);
    g_assert_cmpuint(d.completed, ==, 9);
    end_held(&d);
}

/* Given up while it is stopped: nothing is left over. */
static void test_stopped_is_given_up(void)
{
    Disk d;

    begin_held(&d, 0);
    fail_writes(&d, 1);
    virtio_reset(&d.dev.parent_obj);
    g_assert_cmpuint(virtio_blk_kept(&d.dev), ==, 0);
    end_held(&d);
}

/* A driver that does what it must not: the device breaks, and whoever sleeps is woken. */
static void test_broken_wakes(void)
{
    char outside[1] = { 0 };
    struct iovec sg = { outside, 1 };
    Disk d;

    begin_file_started(&d, 1);
    g_assert_cmpint(vring_driver_add(d.drv[0], &sg, 1, 0, outside), ==, 0);
    vring_driver_enable_interrupts(d.drv[0]);
    kick(&d);
    while (!virtio_error_message(&d.dev.parent_obj)) {
        aio_poll(d.home, true);
    }
    virtio_blk_data_plane_stop(d.plane);
    virtio_reset(&d.dev.parent_obj);
    end_file(&d);
}

/* ---- what cannot be had --------------------------------------------------------------------- */

static void test_no_descriptors(void)
{
    struct rlimit old, few;
    Error *err = NULL;
    unsigned before;
    Disk d;

    begin(&d);
    disk_open_file(&d, QUEUES);
    before = test_descriptors();
    getrlimit(RLIMIT_NOFILE, &old);
    for (unsigned spare = 0; spare < 2 * QUEUES; spare++) {
        few = (struct rlimit){ .rlim_cur = before + spare, .rlim_max = old.rlim_max };
        setrlimit(RLIMIT_NOFILE, &few);
        if (virtio_blk_data_plane_create(&d.dev, iothread_get_aio_context(d.iothread), &d.plane,
                                         &err)) {
            virtio_blk_data_plane_destroy(d.plane); /* there were gaps among the numbers */
        } else {
            g_assert_nonnull(strstr(error_get_pretty(err), "descriptors"));
            error_free(err);
            err = NULL;
        }
        setrlimit(RLIMIT_NOFILE, &old);
        g_assert_cmpuint(test_descriptors(), ==, before);
    }
    disk_close_file(&d);
    virtio_blk_data_plane_destroy(NULL);
    end(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-dataplane/start-stop", test_start_stop);
    g_test_add_func("/virtio-dataplane/data", test_data);
    g_test_add_func("/virtio-dataplane/added-while-stopped", test_added_while_stopped);
    g_test_add_func("/virtio-dataplane/load", test_load);
    g_test_add_func("/virtio-dataplane/load-polling", test_load_polling);
    g_test_add_func("/virtio-dataplane/load-three-on-two", test_load_three_on_two);
    g_test_add_func("/virtio-dataplane/interrupts-are-gathered", test_interrupts_are_gathered);
    g_test_add_func("/virtio-dataplane/stop-interrupts", test_stop_interrupts);
    g_test_add_func("/virtio-dataplane/served-at-home", test_served_at_home);
    g_test_add_func("/virtio-dataplane/no-kicks-while-polling", test_no_kicks_while_polling);
    g_test_add_func("/virtio-dataplane/error-stops", test_error_stops);
    g_test_add_func("/virtio-dataplane/stopped-is-given-up", test_stopped_is_given_up);
    g_test_add_func("/virtio-dataplane/broken-wakes", test_broken_wakes);
    g_test_add_func("/virtio-dataplane/no-descriptors", test_no_descriptors);
    return g_test_run();
}
