/*
 * The block layer before coroutines, as far as a raw file or device needs it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     EarlyBlock ── what was global then: all open nodes, Linux AIO, over an EarlyLoop
 *         │
 *     EarlyBDS ── one open file or device, and the requests on it that it tracks
 *
 * Reads and writes have a callback; flush and discard return when they are done, for without
 * coroutines and worker threads there is nothing else to do. All in the loop's thread.
 */
#ifndef QAIO_BLOCK_BLOCK_EARLY_H
#define QAIO_BLOCK_BLOCK_EARLY_H

#include "block/block.h"
#include "block/laio-early.h"

typedef struct EarlyBlock EarlyBlock;
typedef struct EarlyBDS EarlyBDS;

/* NULL and *errp as laio_early_new(). @loop stays the caller's. */
EarlyBlock *early_block_new(EarlyLoop *loop, unsigned max_events, Error **errp);

/* All nodes must be closed. */
void early_block_free(EarlyBlock *block);

/* As laio_early_set_submitted_func(). */
void early_block_set_submitted_func(EarlyBlock *block, LaioEarlySubmittedFunc *fn, void *opaque);

const AioStats *early_block_get_stats(EarlyBlock *block);

/* Have room for @n more requests in flight; early_block_misses() counts what lacked it. */
void early_block_reserve(EarlyBlock *block, unsigned n);
uint64_t early_block_misses(EarlyBlock *block);

/*
 * Open a node over @fd, as bdrv_open_fd(); @open_flags must have BDRV_O_NOCACHE. With @growable
 * requests may lie past the end. With @write_through each write is stable when it completes.
 */
EarlyBDS *early_bdrv_open_fd(EarlyBlock *block, const char *filename, int fd, int open_flags,
                             bool growable, bool write_through, Error **errp);

/* Wait for all requests, this node's and the others', and close. */
void early_bdrv_close(EarlyBDS *bs);

/* What of the node is the same in all eras: its limits, its length. */
BlockDriverState *early_bdrv_node(EarlyBDS *bs);

/*
 * Start a request. 0: @cb(@opaque, 0 or -errno) will run once, from a turn of the loop; until then
 * @qiov and its buffers must stay. -errno: it is refused, and @cb does not run. -EIO for what lies
 * outside of the node.
 */
int early_bdrv_aio_readv(EarlyBDS *bs, int64_t offset, QEMUIOVector *qiov, BlockCompletionFunc *cb,
                         void *opaque);
int early_bdrv_aio_writev(EarlyBDS *bs, int64_t offset, QEMUIOVector *qiov, BlockCompletionFunc *cb,
                          void *opaque);

/* Wait for all requests, then flush. 0 or -errno. */
int early_bdrv_flush(EarlyBDS *bs);

/* Discard, now. 0 or -errno. */
int early_bdrv_discard(EarlyBDS *bs, int64_t offset, int64_t bytes);

/* Wait for the requests of all nodes; callbacks may start more, which is waited for as well. */
void early_bdrv_drain_all(EarlyBlock *block);

#endif
