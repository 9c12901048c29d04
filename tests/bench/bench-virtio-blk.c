/* What a virtio-blk device adds to a request: the same reads without one, with one, and joined.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file is in memory, as in bench-linux-aio.c. The driver's work on the ring is in it: where fio
 * is the guest, both sides are paid for.
 */
#include "bench.h"
#include "base/memalign.h"
#include "virtio/virtio-blk.h"
#include "virtio/vring-driver.h"

#include <sys/mman.h>

#define DEPTH 32
#define BLOCK 4096

enum { WITHOUT, SINGLE, JOINED };

/* What the driver sends; memory that the device may reach. */
typedef struct Read {
    struct virtio_blk_outhdr hdr;
    QEMUIOVector qiov; /* without a device */
    uint8_t status;
    uint8_t *data;
} Read;

typedef struct Disk {
    AioContext *ctx;
    int fd;
    BlockBackend *blk;
    VirtIOBlock *dev;
    VringDriver *drv;
    Read *reads;
    uint8_t *data;
    unsigned in_flight;
} Disk;

/* Said to be open for direct I/O, which such a file does not know and native AIO asks for. */
static bool open_disk(Disk *d, Error **errp)
{
    BlockDriverState *bs;

    d->fd = memfd_create("bench", MFD_CLOEXEC);
    if (d->fd < 0 || ftruncate(d->fd, DEPTH * BLOCK) < 0) {
        error_setg_errno(errp, errno, "no file in memory");
        return false;
    }
    bs = bdrv_open_fd("bench", d->fd, BDRV_O_RDWR | BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO, d->ctx,
                      errp);
    if (!bs) {
        return false;
    }
    d->blk = blk_new_with_bs(bs);
    return true;
}

static void make_reads(Disk *d)
{
    d->data = qemu_memalign(BLOCK, DEPTH * BLOCK);
    d->reads = g_new0(Read, DEPTH);
    for (unsigned i = 0; i < DEPTH; i++) {
        Read *r = &d->reads[i];

        r->data = d->data + i * BLOCK;
        r->hdr.sector = i * BLOCK / BDRV_SECTOR_SIZE;
        qemu_iovec_init_buf(&r->qiov, r->data, BLOCK);
    }
}

static void make_device(Disk *d, bool merging)
{
    VirtIOBlkConf conf = VIRTIO_BLK_CONF_DEFAULT;
    VirtIODevice *vdev;
    size_t size;
    void *rings;

    conf.blk = d->blk;
    conf.request_merging = merging;
    d->dev = g_new(VirtIOBlock, 1);
    virtio_blk_device_realize(d->dev, &conf, &error_abort);
    vdev = &d->dev->parent_obj;
    d->drv = vring_driver_new(conf.queue_size, 3, vdev->host_features);
    rings = vring_driver_memory(d->drv, &size);
    virtio_add_memory_region(vdev, rings, size);
    virtio_add_memory_region(vdev, d->data, DEPTH * BLOCK);
    virtio_add_memory_region(vdev, d->reads, DEPTH * sizeof(Read));
    virtio_set_features(vdev, vdev->host_features);
    virtio_queue_set_rings(vdev, 0, (uintptr_t)vring_driver_desc(d->drv),
                           (uintptr_t)vring_driver_avail(d->drv),
                           (uintptr_t)vring_driver_used(d->drv));
    vring_driver_disable_interrupts(d->drv);
}

static void teardown(BenchOp *op)
{
    Disk *d = op->state;

    if (d->dev) {
        vring_driver_free(d->drv);
        virtio_blk_device_unrealize(d->dev);
        g_free(d->dev);
    }
    if (d->blk) {
        blk_unref(d->blk);
        qemu_vfree(d->data);
        g_free(d->reads);
    }
    if (d->fd >= 0) {
        close(d->fd);
    }
    qemu_set_current_aio_context(NULL);
    aio_context_unref(d->ctx);
    g_free(d);
}

static bool setup(BenchOp *op, Error **errp)
{
    Disk *d = op->state = g_new0(Disk, 1);

    d->ctx = aio_context_new(&error_abort);
    qemu_set_current_aio_context(d->ctx);
    if (!open_disk(d, errp)) {
        teardown(op);
        return false;
    }
    make_reads(d);
    if (op->variant != WITHOUT) {
        make_device(d, op->variant == JOINED);
    }
    return true;
}

static void without_cb(void *opaque, int ret G_GNUC_UNUSED)
{
    ((Disk *)opaque)->in_flight--;
}

static void start_without(Disk *d)
{
    blk_io_plug(d->blk);
    for (unsigned i = 0; i < DEPTH; i++) {
        d->in_flight++;
        blk_aio_preadv(d->blk, i * BLOCK, &d->reads[i].qiov, 0, without_cb, d);
    }
    blk_io_unplug(d->blk);
}

static void start_with(Disk *d)
{
    for (unsigned i = 0; i < DEPTH; i++) {
        Read *r = &d->reads[i];
        struct iovec sg[] = { { &r->hdr, sizeof(r->hdr) }, { r->data, BLOCK }, { &r->status, 1 } };

        vring_driver_add(d->drv, sg, 1, 2, r);
        d->in_flight++;
    }
    if (vring_driver_kick_prepare(d->drv)) {
        virtio_queue_notify(&d->dev->parent_obj, 0);
    }
}

static void reap(Disk *d)
{
    while (d->dev && vring_driver_get(d->drv, NULL)) {
        d->in_flight--;
    }
}

static void run(BenchOp *op, unsigned n)
{
    Disk *d = op->state;

    for (unsigned done = 0; done < n; done += DEPTH) {
        if (d->dev) {
            start_with(d);
        } else {
            start_without(d);
        }
        while (d->in_flight > 0) {
            aio_poll(d->ctx, true);
            reap(d);
        }
    }
}

static void add(GPtrArray *ops, int variant, const char *name, const char *what)
{
    bench_add(ops,
              &(BenchOp){ .what = what,
                          .setup = setup,
                          .run = run,
                          .teardown = teardown,
                          .unit = DEPTH,
                          .variant = variant },
              "virtio-blk.%s", name);
}

void bench_add_virtio_blk(GPtrArray *ops)
{
    add(ops, WITHOUT, "none", "each of 32 reads of 4k by blk_aio_preadv, without a device");
    add(ops, SINGLE, "read", "the same through a virtqueue, each a request of its own");
    add(ops, JOINED, "joined", "the same, all of them joined");
}
