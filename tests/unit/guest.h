/* A guest with a virtio-blk disk, whose device is over memdrv.h: what the tests of virtio-blk
 * share. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Device and guest live in the test's thread. The guest kicks by calling the device's handler, is
 * told of completions by a callback that counts, and looks when guest_reap() says so.
 */
#ifndef QAIO_TESTS_UNIT_GUEST_H
#define QAIO_TESTS_UNIT_GUEST_H

#include "virtio/virtio-blk.h"
#include "virtio/vring-driver.h"
#include "memdrv.h"

#define GUEST_QUEUES  2
#define GUEST_NO_DONE UINT_MAX

/* A request of the guest's, in its memory: there until guest_stop(). */
typedef struct GuestReq {
    struct virtio_blk_outhdr hdr;
    uint8_t status; /* 0xff until the device writes it */
    uint8_t *data;
    size_t bytes;
    uint32_t used; /* what the device said it has written */
    unsigned nth;  /* to be done; GUEST_NO_DONE: it is not */
    int runs;      /* how often it came back */
    QEMUIOVector
        sg; /* data in the pieces it is to have; one piece of all unless the test fills it */
} GuestReq;

typedef struct Guest {
    AioContext *ctx;
    MemDrv m;
    BlockBackend *blk;
    VirtIOBlock dev;
    BlockAcctStats stats;
    uint64_t features; /* that it takes of those offered */

    VringDriver *drv[GUEST_QUEUES];
    uint8_t *memory;
    size_t memory_used;
    GPtrArray *requests;
    unsigned n_done;
    unsigned interrupts;

    unsigned stops; /* calls of stopped */
    int stop_error;
    bool stop_is_read;
} Guest;

/* What BlockLimits and configuration the tests begin with. */
BlockLimits guest_limits(void);
VirtIOBlkConf guest_conf(void);

/* Open a disk of @size bytes, byte i being test_byte(i); make the device; start its driver, with
 * all features. blk, stats, stopped and opaque of @conf are filled in. NULL for @conf or @bl: as
 * above. */
void guest_start(Guest *g, int64_t size, const VirtIOBlkConf *conf, const BlockLimits *bl);

/* With the defaults, and 1 MiB. */
void guest_start_default(Guest *g);
void guest_stop(Guest *g);

/* Reset the device, as a driver does, and begin again. */
void guest_reset(Guest *g);

/* Memory that the device may reach. */
void *guest_alloc(Guest *g, size_t bytes);

/* A request not yet sent, with room for @bytes of data. */
GuestReq *guest_request(Guest *g, uint32_t type, uint64_t sector, size_t bytes);

/* To be sent once more, with what it holds. */
void guest_again(GuestReq *r);

/* Put it into the queue: header, data as its type wants it, status. */
void guest_add(Guest *g, unsigned queue, GuestReq *r);

/* The same with buffers of the test's own choice. */
void guest_add_raw(Guest *g, unsigned queue, GuestReq *r, const struct iovec *sg, unsigned out,
                   unsigned in);

/* Have the device look at the queue. */
void guest_kick(Guest *g, unsigned queue);

/* Take what came back. */
void guest_reap(Guest *g);

/* Let everything in the driver go, and take what came back. */
void guest_run(Guest *g);

/* One request of @type from start to end, on queue 0. */
GuestReq *guest_do(Guest *g, uint32_t type, uint64_t sector, size_t bytes);

/* It came back once, with @status. */
void guest_check(const GuestReq *r, uint8_t status);

static inline bool guest_is_done(const GuestReq *r)
{
    return r->nth != GUEST_NO_DONE;
}

#endif
