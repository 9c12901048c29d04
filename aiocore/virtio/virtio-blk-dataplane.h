/*
 * The data plane: a virtio-blk device whose queues are served in an IOThread.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     driver's thread                                  IOThread
 *     ---------------                                  --------
 *     chains into the ring
 *     event_notifier_set(host notifier), if asked ───▶ or it polls the ring: virtio_blk_handle_vq
 *                                                        ▼ requests, and their completions
 *     reads the guest notifier, if it slept ◀───────── used ring; the guest notifier, if asked,
 * once takes them from the ring                         for all that one turn of the loop completed
 *
 *                  start: the backend moves to the IOThread, the queues are attached there
 *     stopped ◀──────────────────────────────────────▶ started
 *                  stop: the other way round, nothing is in flight afterwards
 *
 * While it is stopped the device belongs to the context where its backend is, which is where it was
 * before. Chains that the driver adds meanwhile are taken up by the next start. So are those that a
 * device with a request that failed and waits (virtio_blk_resume()) leaves in the queues.
 */
#ifndef QAIO_VIRTIO_VIRTIO_BLK_DATAPLANE_H
#define QAIO_VIRTIO_VIRTIO_BLK_DATAPLANE_H

#include "virtio/virtio-blk.h"

typedef struct VirtIOBlockDataPlane VirtIOBlockDataPlane;

/*
 * One for @vblk, which is realized and outlives it, with host and guest notifiers for all its
 * queues, to be served in @ctx: an IOThread's, which outlives it, too. False and *errp, with
 * nothing changed, when descriptors are used up.
 */
bool virtio_blk_data_plane_create(VirtIOBlock *vblk, AioContext *ctx,
                                  VirtIOBlockDataPlane **dataplane, Error **errp);

/* Stop it if it runs, and free it and the notifiers. The driver waits for none. NULL is fine. */
void virtio_blk_data_plane_destroy(VirtIOBlockDataPlane *s);

/*
 * These two: in the home thread of the context where the backend was when it was started first,
 * outside of coroutines and callbacks of requests. Each is nothing if that is how it is.
 *
 * start: 0; or -errno and *errp with all as it was, when the IOThread's context cannot have the
 * backend. stop: waits for what is in flight.
 */
int virtio_blk_data_plane_start(VirtIOBlockDataPlane *s, Error **errp);
void virtio_blk_data_plane_stop(VirtIOBlockDataPlane *s);

#endif
