/* Fuzz target: a virtio-blk device takes any chains, in any order with errors, resets and resumes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The input is a program. Its first byte chooses the error policies and whether requests are
 * joined; then each byte is an operation, perhaps followed by what that wants:
 *
 *     0-3 add a chain   4 kick   5 let a request of the driver's go   6 resume   7 reset
 *
 * Whatever it was, nothing hangs and nothing is lost: in the end all that the device took has come
 * back, unless it is broken; and after a reset it works.
 */
#include "base/osdep.h"
#include "guest.h"
#include "util.h"

#define SIZE    (64 << 10)
#define SCRATCH (128 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Program {
    const uint8_t *at;
    size_t left;
    uint8_t *scratch; /* what chains are about */
    Guest g;
} Program;

/* What is missing at the end is 0. */
static uint64_t take(Program *p, size_t bytes)
{
    uint64_t v = 0;

    bytes = MIN(bytes, p->left);
    memcpy(&v, p->at, bytes);
    p->at += bytes;
    p->left -= bytes;
    return v;
}

/* One buffer of up to 64 KiB; one in 256 lies where the device must not look. */
static struct iovec take_buffer(Program *p)
{
    uint8_t where = take(p, 1);
    size_t len = take(p, 2);

    if (where == 255) {
        return (struct iovec){ (void *)(uintptr_t)take(p, 8), len };
    }
    return (struct iovec){ p->scratch + where * 256, len };
}

/* The first bytes that the device is to read. */
static void take_header(Program *p, const struct iovec *iov)
{
    uint64_t header[2] = { take(p, 4), take(p, 8) };
    uint8_t *base = iov->iov_base;

    if (base >= p->scratch && base < p->scratch + SCRATCH) {
        memcpy(base, header, MIN(iov->iov_len, sizeof(header)));
    }
}

static void add_chain(Program *p, unsigned queue)
{
    uint8_t counts = take(p, 1);
    unsigned out = counts & 7, in = counts >> 3 & 7;
    struct iovec sg[14];

    for (unsigned i = 0; i < out + in; i++) {
        sg[i] = take_buffer(p);
    }
    if (out + in == 0) {
        return;
    }
    take_header(p, &sg[0]);
    vring_driver_add(p->g.drv[queue], sg, out, in, guest_request(&p->g, 0, 0, 0));
}

static void let_one_go(Program *p)
{
    static const int errors[] = { 0, 0, -EIO, -ENOSPC };
    unsigned waiting = memdrv_waiting(&p->g.m);
    int error = errors[take(p, 1) % ARRAY_SIZE(errors)];

    if (waiting) {
        for (int kind = 0; kind < MEM_KINDS; kind++) {
            p->g.m.error[kind] = error;
        }
        memdrv_run(&p->g.m, waiting - 1);
        memset(p->g.m.error, 0, sizeof(p->g.m.error));
        guest_reap(&p->g);
    }
}

static void reset(Program *p)
{
    p->g.m.auto_run = true;
    while (memdrv_waiting(&p->g.m)) {
        memdrv_run(&p->g.m, 0);
    }
    guest_reset(&p->g);
    p->g.m.auto_run = false;
}

static void run_operation(Program *p)
{
    uint8_t op = take(p, 1);
    unsigned queue = op >> 3 & 1;

    switch (op & 7) {
    case 4:
        guest_kick(&p->g, queue);
        break;
    case 5:
        let_one_go(p);
        break;
    case 6:
        virtio_blk_resume(&p->g.dev);
        break;
    case 7:
        reset(p);
        break;
    default:
        add_chain(p, queue);
        break;
    }
}

/* All that waits goes on until nothing does. */
static void check_end(Program *p)
{
    Guest *g = &p->g;

    guest_run(g);
    virtio_blk_resume(&g->dev);
    guest_run(g);
    g_assert_false(g->dev.stopped);
    if (!virtio_device_broken(&g->dev.parent_obj)) {
        for (int n = 0; n < GUEST_QUEUES; n++) {
            VirtQueue *vq = virtio_get_queue(&g->dev.parent_obj, n);

            g_assert_cmpuint(virtio_queue_get_inuse(vq), ==, 0);
        }
    }
    reset(p);
    guest_check(guest_do(g, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Program p = { .at = data, .left = MIN(size, 4096u) };
    VirtIOBlkConf conf = guest_conf();
    BlockLimits bl = guest_limits();
    uint8_t modes = take(&p, 1);

    conf.queue_size = 64;
    conf.seg_max = 12;
    conf.request_merging = modes & 128;
    bl.max_iov = modes & 64 ? 3 : 0;
    guest_start(&p.g, SIZE, &conf, &bl);
    blk_set_on_error(p.g.blk, (modes & 7) % 5, (modes >> 3 & 7) % 5);
    p.g.m.has_zeroes = true;
    p.scratch = guest_alloc(&p.g, SCRATCH);
    memset(p.scratch, 0, SCRATCH);
    while (p.left > 0) {
        run_operation(&p);
    }
    check_end(&p);
    guest_stop(&p.g);
    return 0;
}
