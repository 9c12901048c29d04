/* A guest with a virtio-blk disk, whose device is over memdrv.h: what the tests of virtio-blk
 * share. SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include <sys/mman.h>
#include "guest.h"
#include "util.h"

#define MEMORY_BYTES (32 << 20)
#define MAX_SG       1024

BlockLimits guest_limits(void)
{
    return (BlockLimits){ .request_alignment = 512, .min_mem_alignment = 1 };
}

VirtIOBlkConf guest_conf(void)
{
    VirtIOBlkConf conf = VIRTIO_BLK_CONF_DEFAULT;

    conf.num_queues = GUEST_QUEUES;
    return conf;
}

static void on_notify(VirtIODevice *vdev, VirtQueue *vq G_GNUC_UNUSED)
{
    container_of(vdev, Guest, dev.parent_obj)->interrupts++;
}

static void on_stopped(void *opaque, int error, bool is_read)
{
    Guest *g = opaque;

    g->stops++;
    g->stop_error = error;
    g->stop_is_read = is_read;
}

/* What a driver does when it finds the device. */
static void start_driver(Guest *g)
{
    VirtIODevice *vdev = &g->dev.parent_obj;

    g->features = vdev->host_features;
    g_assert_cmpint(virtio_set_features(vdev, g->features), ==, 0);
    for (int n = 0; n < vdev->nvqs; n++) {
        VringDriver *drv = g->drv[n];

        virtio_queue_set_rings(vdev, n, (uintptr_t)vring_driver_desc(drv),
                               (uintptr_t)vring_driver_avail(drv),
                               (uintptr_t)vring_driver_used(drv));
    }
    g_assert_null(virtio_error_message(vdev));
}

static void make_queues(Guest *g, const VirtIOBlkConf *conf)
{
    for (int n = 0; n < conf->num_queues; n++) {
        size_t size;
        void *rings;

        g->drv[n] =
            vring_driver_new(conf->queue_size, conf->seg_max + 2, g->dev.parent_obj.host_features);
        g_assert_nonnull(g->drv[n]);
        rings = vring_driver_memory(g->drv[n], &size);
        virtio_add_memory_region(&g->dev.parent_obj, rings, size);
    }
}

/* Costs what is used of it. */
static uint8_t *map_memory(void)
{
    void *p = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(p != MAP_FAILED);
    return p;
}

void guest_start(Guest *g, int64_t size, const VirtIOBlkConf *conf, const BlockLimits *bl)
{
    VirtIOBlkConf c = conf ? *conf : guest_conf();
    BlockLimits limits = bl ? *bl : guest_limits();

    *g = (Guest){ .ctx = test_context_new(), .requests = g_ptr_array_new() };
    g->blk = blk_new_with_bs(memdrv_open(&g->m, g->ctx, size, size, &limits, BDRV_O_RDWR));
    block_acct_init(&g->stats);
    c.blk = g->blk;
    c.stats = &g->stats;
    c.stopped = on_stopped;
    c.opaque = g;
    virtio_blk_device_realize(&g->dev, &c, &error_abort);
    g->dev.parent_obj.notify = on_notify;
    g->memory = map_memory();
    virtio_add_memory_region(&g->dev.parent_obj, g->memory, MEMORY_BYTES);
    make_queues(g, &c);
    start_driver(g);
}

void guest_start_default(Guest *g)
{
    guest_start(g, 1 << 20, NULL, NULL);
}

void guest_stop(Guest *g)
{
    for (int n = 0; n < g->dev.conf.num_queues; n++) {
        vring_driver_free(g->drv[n]);
    }
    for (unsigned i = 0; i < g->requests->len; i++) {
        qemu_iovec_destroy(&((GuestReq *)g_ptr_array_index(g->requests, i))->sg);
    }
    virtio_blk_device_unrealize(&g->dev);
    blk_unref(g->blk);
    memdrv_cleanup(&g->m);
    g_ptr_array_free(g->requests, true);
    munmap(g->memory, MEMORY_BYTES);
    test_context_free(g->ctx);
}

void guest_reset(Guest *g)
{
    virtio_reset(&g->dev.parent_obj);
    for (int n = 0; n < g->dev.conf.num_queues; n++) {
        vring_driver_reset(g->drv[n]);
    }
    start_driver(g);
}

void *guest_alloc(Guest *g, size_t bytes)
{
    void *p = g->memory + g->memory_used;

    g->memory_used += QEMU_ALIGN_UP(bytes, 64);
    g_assert_cmpuint(g->memory_used, <=, MEMORY_BYTES);
    return p;
}

GuestReq *guest_request(Guest *g, uint32_t type, uint64_t sector, size_t bytes)
{
    GuestReq *r = guest_alloc(g, sizeof(*r));

    *r = (GuestReq){ .hdr = { .type = type, .sector = sector }, .bytes = bytes };
    r->data = guest_alloc(g, bytes);
    guest_again(r);
    qemu_iovec_init(&r->sg, 1);
    g_ptr_array_add(g->requests, r);
    return r;
}

void guest_again(GuestReq *r)
{
    r->status = 0xff;
    r->nth = GUEST_NO_DONE;
    r->runs = 0;
}

void guest_add_raw(Guest *g, unsigned queue, GuestReq *r, const struct iovec *sg, unsigned out,
                   unsigned in)
{
    g_assert_cmpint(vring_driver_add(g->drv[queue], sg, out, in, r), ==, 0);
}

void guest_add(Guest *g, unsigned queue, GuestReq *r)
{
    struct iovec sg[MAX_SG];
    bool device_reads = r->hdr.type & VIRTIO_BLK_T_OUT;
    unsigned n = 0;

    if (r->bytes && r->sg.niov == 0) {
        qemu_iovec_add(&r->sg, r->data, r->bytes);
    }
    sg[n++] = (struct iovec){ &r->hdr, sizeof(r->hdr) };
    for (int i = 0; i < r->sg.niov; i++) {
        sg[n++] = r->sg.iov[i];
    }
    sg[n++] = (struct iovec){ &r->status, 1 };
    guest_add_raw(g, queue, r, sg, device_reads ? n - 1 : 1, device_reads ? 1 : n - 1);
}

void guest_kick(Guest *g, unsigned queue)
{
    if (vring_driver_kick_prepare(g->drv[queue])) {
        virtio_queue_notify(&g->dev.parent_obj, queue);
    }
}

void guest_reap(Guest *g)
{
    for (int n = 0; n < g->dev.conf.num_queues; n++) {
        GuestReq *r;
        uint32_t used;

        while ((r = vring_driver_get(g->drv[n], &used))) {
            r->used = used;
            r->nth = g->n_done++;
            r->runs++;
        }
        g_assert_cmpstr(vring_driver_error(g->drv[n]), ==, NULL);
    }
}

void guest_run(Guest *g)
{
    memdrv_run_all(&g->m);
    guest_reap(g);
}

GuestReq *guest_do(Guest *g, uint32_t type, uint64_t sector, size_t bytes)
{
    GuestReq *r = guest_request(g, type, sector, bytes);

    guest_add(g, 0, r);
    guest_kick(g, 0);
    guest_run(g);
    return r;
}

void guest_check(const GuestReq *r, uint8_t status)
{
    g_assert_true(guest_is_done(r));
    g_assert_cmpint(r->runs, ==, 1);
    g_assert_cmpuint(r->status, ==, status);
}
