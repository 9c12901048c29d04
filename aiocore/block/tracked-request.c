/*
 * The requests inside a node, and those among them that must not overlap.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A write of less than a block reads the block, changes it and writes it back. Another write to the
 * same block meanwhile would be lost. So such a request is serialising: it waits for those that it
 * overlaps, and whoever comes later and overlaps it waits for it.
 *
 * Nobody waits for one that waits itself: it will look again, and find the later one, before it
 * goes on. So no two can wait for each other.
 */
#include "base/osdep.h"
#include "block/block_int.h"

void coroutine_fn tracked_request_end_serialising(BdrvTrackedRequest *req)
{
    BlockDriverState *bs = req->bs;

    bs->serialising_in_flight -= req->serialising;
    qemu_co_queue_restart_all(&bs->serialising_waiters);
}

static bool overlap(const BdrvTrackedRequest *a, const BdrvTrackedRequest *b)
{
    return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static bool must_wait(const BdrvTrackedRequest *self)
{
    const BdrvTrackedRequest *req;

    QLIST_FOREACH (req, &self->bs->tracked_requests, list) {
        if (req != self && (self->serialising || req->serialising) && !req->waiting &&
            overlap(self, req)) {
            return true;
        }
    }
    return false;
}

void coroutine_fn bdrv_wait_serialising_slow(BdrvTrackedRequest *req)
{
    while (must_wait(req)) {
        req->waiting = true;
        qemu_co_queue_wait(&req->bs->serialising_waiters, NULL);
        req->waiting = false;
    }
}

void coroutine_fn bdrv_make_request_serialising(BdrvTrackedRequest *req)
{
    req->serialising = true;
    req->bs->serialising_in_flight++;
    bdrv_wait_serialising_slow(req);
}
