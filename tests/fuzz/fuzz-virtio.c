/*
 * Fuzz target: a virtio-blk device whose driver does anything.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The input is a list of steps, each a byte that says which one and what it needs: writing to the
 * guest's memory, in the shape of descriptors and request headers or in none, kicking, setting up
 * rings, reset; and what a disk does: let a request go, or fail it. So memory also changes while
 * requests are in flight.
 *
 * The guest's memory is at an address that inputs can name. Pages before, behind and in the middle
 * of it are not the device's, and nobody may touch them.
 *
 *     BASE     +4K        +12K     +16K         +32K     +36K
 *     | nobody | queue 0, | nobody | buffers,   | nobody |
 *     |        | queue 1  |        | tables     |        |
 */
#include "base/osdep.h"
#include "virtio/virtio-blk.h"
#include "memdrv.h"
#include "util.h"

#include <sys/mman.h>

#define BASE      UINT64_C(0x20000000)
#define RINGS     4096
#define RINGS_END (3 * 4096)
#define DATA      (4 * 4096)
#define DATA_END  (8 * 4096)
#define END       (9 * 4096)
#define QUEUE     4096 /* bytes of a queue in RINGS: table at 0, rings at 1024 and 2048 */
#define DISK      (16 * 1024)
#define NUM       16 /* of a queue, at most */
#define SEG_MAX   6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Fuzz {
    const uint8_t *at;
    const uint8_t *end;
    AioContext *ctx;
    MemDrv m;
    BlockBackend *blk;
    VirtIOBlock dev;
    VirtIODevice *vdev;
    unsigned num; /* that set_rings gives to queues */
    unsigned stops;
} Fuzz;

/* ---- the input ------------------------------------------------------------------------------ */

/* The next @n bytes as a number; 0 beyond the end. */
static uint64_t take(Fuzz *f, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n && f->at < f->end; i++) {
        v |= (uint64_t)*f->at++ << 8 * i;
    }
    return v;
}

static uint8_t *memory(void)
{
    return (uint8_t *)(uintptr_t)BASE;
}

/* @offset, or the next that the driver itself can write to. */
static unsigned writable(unsigned offset)
{
    offset %= DATA_END;
    return offset < RINGS                         ? offset + RINGS
           : offset >= RINGS_END && offset < DATA ? offset + 4096
                                                  : offset;
}

static void put(unsigned offset, const void *bytes, size_t len)
{
    unsigned end;

    offset = writable(offset);
    end = offset < RINGS_END ? RINGS_END : DATA_END;
    memcpy(memory() + offset, bytes, MIN(len, end - offset));
}

/* ---- steps of a driver ---------------------------------------------------------------------- */

static void step_write(Fuzz *f)
{
    unsigned offset = take(f, 2);
    size_t len = take(f, 1);

    len = MIN(len, (size_t)(f->end - f->at));
    put(offset, f->at, len);
    f->at += len;
}

/* A descriptor at @offset. Its address is in the guest's memory, as a rule. */
static void put_desc(Fuzz *f, unsigned offset)
{
    struct vring_desc desc = { .addr = BASE + take(f, 2) };

    desc.len = take(f, 2);
    desc.flags = take(f, 1);
    desc.next = take(f, 1);
    put(offset, &desc, sizeof(desc));
}

static void step_desc(Fuzz *f)
{
    unsigned i = take(f, 1);

    put_desc(f, RINGS + i / 128 * QUEUE + i % 128 * sizeof(struct vring_desc));
}

static void step_table(Fuzz *f)
{
    put_desc(f, DATA + take(f, 1) * sizeof(struct vring_desc));
}

static void step_header(Fuzz *f)
{
    unsigned offset = DATA + take(f, 1) * 16;
    struct virtio_blk_outhdr hdr = { .type = take(f, 1) };

    hdr.sector = take(f, 2);
    put(offset, &hdr, sizeof(hdr));
}

static void step_segment(Fuzz *f)
{
    unsigned offset = DATA + take(f, 1) * 16;
    struct virtio_blk_discard_write_zeroes seg = { .sector = take(f, 1) };

    seg.num_sectors = take(f, 1);
    seg.flags = take(f, 1);
    put(offset, &seg, sizeof(seg));
}

/* A chain's head into the available ring. */
static void step_offer(Fuzz *f)
{
    unsigned arg = take(f, 1);
    struct vring_avail *avail = (void *)(memory() + RINGS + arg / 128 * QUEUE + 1024);

    avail->ring[avail->idx++ % f->num] = arg % 128;
}

static void step_kick(Fuzz *f)
{
    virtio_queue_notify(f->vdev, take(f, 1) % 2);
}

/* Zeroed rings where they ought to be. */
static void set_rings(Fuzz *f, unsigned n)
{
    uint64_t at = BASE + RINGS + n * QUEUE;

    memset((void *)(uintptr_t)at, 0, QUEUE);
    virtio_queue_set_num(f->vdev, n, f->num);
    virtio_queue_set_rings(f->vdev, n, at, at + 1024, at + 2048);
}

static void start_driver(Fuzz *f, unsigned arg)
{
    uint64_t features = f->vdev->host_features;

    f->num = VRING_SIZE_MIN << arg % 4;
    features &= ~((uint64_t)(arg & 3 << 4) << (VIRTIO_RING_F_INDIRECT_DESC - 4));
    g_assert_cmpint(virtio_set_features(f->vdev, features), ==, 0);
    set_rings(f, 0);
    set_rings(f, 1);
    g_assert_null(virtio_error_message(f->vdev));
}

static void reset(Fuzz *f)
{
    memdrv_run_all(&f->m);
    virtio_reset(f->vdev);
    for (int n = 0; n < 2; n++) {
        g_assert_cmpuint(virtio_queue_get_inuse(virtio_get_queue(f->vdev, n)), ==, 0);
        g_assert_true(virtio_queue_empty(virtio_get_queue(f->vdev, n)));
    }
    g_assert_null(virtio_error_message(f->vdev));
}

static void step_reset(Fuzz *f)
{
    reset(f);
    start_driver(f, take(f, 1));
}

/* Rings anywhere: across each other, or out of memory. */
static void step_rings(Fuzz *f)
{
    unsigned n = take(f, 1) % 2;
    uint64_t desc, avail, used;

    reset(f);
    virtio_set_features(f->vdev, f->vdev->host_features);
    virtio_queue_set_num(f->vdev, n, (int16_t)take(f, 2));
    desc = BASE + take(f, 2);
    avail = BASE + take(f, 2);
    used = BASE + take(f, 2);
    virtio_queue_set_rings(f->vdev, n, desc, avail, used);
}

/* ---- steps of a disk ------------------------------------------------------------------------ */

static void step_complete(Fuzz *f)
{
    unsigned arg = take(f, 1);
    unsigned waiting = memdrv_waiting(&f->m);

    if (waiting) {
        memdrv_run(&f->m, arg % waiting);
    }
    aio_poll(f->ctx, false);
}

static void step_complete_all(Fuzz *f)
{
    memdrv_run_all(&f->m);
}

static void step_error(Fuzz *f)
{
    unsigned arg = take(f, 1);

    f->m.error[arg % MEM_KINDS] = arg & 0x40 ? -ENOSPC : arg & 0x80 ? -EIO : 0;
}

static void step_policy(Fuzz *f)
{
    static const BlockdevOnError policies[] = { BLOCKDEV_ON_ERROR_REPORT, BLOCKDEV_ON_ERROR_IGNORE,
                                                BLOCKDEV_ON_ERROR_STOP, BLOCKDEV_ON_ERROR_ENOSPC };
    unsigned arg = take(f, 1);

    blk_set_on_error(f->blk, policies[arg % 3], policies[arg / 4 % 4]);
}

static void step_resume(Fuzz *f)
{
    virtio_blk_resume(&f->dev);
}

typedef void Step(Fuzz *f);

static Step *const steps[] = {
    step_write, step_desc,   step_table,  step_header,   step_segment,
    step_offer, step_kick,   step_reset,  step_complete, step_complete_all,
    step_error, step_policy, step_resume, step_rings,
};

/* ---- the whole ------------------------------------------------------------------------------ */

static void map_memory(void)
{
    static bool mapped;

    if (mapped) {
        return;
    }
    g_assert_true(mmap(memory(), END, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == memory());
    mprotect(memory(), RINGS, PROT_NONE);
    mprotect(memory() + RINGS_END, DATA - RINGS_END, PROT_NONE);
    mprotect(memory() + DATA_END, END - DATA_END, PROT_NONE);
    mapped = true;
}

static void on_stopped(void *opaque, int error, bool is_read G_GNUC_UNUSED)
{
    Fuzz *f = opaque;

    g_assert_cmpint(error, >, 0);
    f->stops++;
}

/* The first two bytes are how the device and its queues are made. */
static void start(Fuzz *f)
{
    BlockLimits bl = { .request_alignment = 512, .min_mem_alignment = 1 };
    VirtIOBlkConf conf = VIRTIO_BLK_CONF_DEFAULT;
    unsigned arg = take(f, 1);

    memset(memory() + RINGS, 0, RINGS_END - RINGS);
    memset(memory() + DATA, 0, DATA_END - DATA);
    f->ctx = test_context_new();
    bl.max_iov = arg & 1 ? 4 : 0;
    bl.max_transfer = arg & 2 ? 8192 : 0;
    f->blk = blk_new_with_bs(memdrv_open(&f->m, f->ctx, DISK, DISK, &bl, BDRV_O_RDWR));
    f->m.has_zeroes = arg & 4;
    f->m.auto_run = arg & 8;
    conf.blk = f->blk;
    conf.serial = "fuzz";
    conf.num_queues = 2;
    conf.queue_size = NUM;
    conf.seg_max = SEG_MAX;
    conf.request_merging = arg & 16;
    conf.stopped = on_stopped;
    conf.opaque = f;
    virtio_blk_device_realize(&f->dev, &conf, &error_abort);
    f->vdev = &f->dev.parent_obj;
    virtio_add_memory_region(f->vdev, memory() + RINGS, RINGS_END - RINGS);
    virtio_add_memory_region(f->vdev, memory() + DATA, DATA_END - DATA);
    start_driver(f, take(f, 1));
}

static void check_message(Fuzz *f)
{
    const char *message = virtio_error_message(f->vdev);

    if (message) {
        g_assert_true(g_str_has_prefix(message, "virtio-blk: "));
        g_assert_null(strchr(message, '\n'));
    }
}

static void stop(Fuzz *f)
{
    check_message(f);
    memset(f->m.error, 0, sizeof(f->m.error));
    reset(f);
    virtio_blk_device_unrealize(&f->dev);
    blk_unref(f->blk);
    memdrv_cleanup(&f->m);
    test_context_free(f->ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz f = { .at = data, .end = data + size };

    map_memory();
    start(&f);
    while (f.at < f.end) {
        steps[take(&f, 1) % ARRAY_SIZE(steps)](&f);
    }
    stop(&f);
    return 0;
}
