/*
 * Drained sections: a node to which nothing new comes, and in which nothing is in flight.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     bdrv_drained_begin     quiesce: the parent parks new requests, external handlers are left out
 *                            poll: turn the loop until node and parent have nothing in flight
 *       ...                  the section; they nest
 *     bdrv_drained_end       the last one: parked requests go on, in the order in which they came
 *
 * It is the home thread's work throughout. Called from another thread, or by a coroutine, a section
 * is begun and ended there by a bottom half, for which the caller waits: so requests count
 * themselves without atomic operations.
 */
#include "base/osdep.h"
#include "block/block_int.h"
#include "loop/aio-wait.h"

/* ---- in the home thread, outside of coroutines ----------------------------------------------- */

static bool drain_poll(BlockDriverState *bs)
{
    return bs->in_flight > 0 || (bs->parent && bs->parent->drained_poll(bs->parent_opaque));
}

static void quiesce(BlockDriverState *bs)
{
    if (bs->quiesce_counter++ == 0) {
        aio_disable_external(bs->aio_context);
        if (bs->parent) {
            bs->parent->drained_begin(bs->parent_opaque);
        }
    }
}

static void wait_until_idle(BlockDriverState *bs)
{
    while (drain_poll(bs)) {
        aio_poll(bs->aio_context, true);
    }
    g_assert(QLIST_EMPTY(&bs->tracked_requests));
    g_assert(bs->serialising_in_flight == 0);
}

static void do_drained_begin(BlockDriverState *bs)
{
    quiesce(bs);
    wait_until_idle(bs);
}

static void do_drained_end(BlockDriverState *bs)
{
    g_assert(bs->quiesce_counter > 0);
    if (--bs->quiesce_counter == 0) {
        if (bs->parent) {
            bs->parent->drained_end(bs->parent_opaque);
        }
        aio_enable_external(bs->aio_context);
    }
}

/* ---- from anywhere -------------------------------------------------------------------------- */

typedef void DrainFunc(BlockDriverState *bs);

typedef struct DrainCall {
    BlockDriverState *bs;
    DrainFunc *func;
    Coroutine *co; /* who waits; NULL: a thread */
} DrainCall;

static void drain_bh(void *opaque)
{
    DrainCall *call = opaque;

    call->func(call->bs);
    if (call->co) {
        aio_co_wake(call->co);
    }
}

/* A coroutine is in the way of those that it waits for: a nested loop must not be on its stack. */
static void coroutine_fn co_yield_to_drain(DrainCall *call)
{
    call->co = qemu_coroutine_self();
    aio_bh_schedule_oneshot(call->bs->aio_context, drain_bh, call);
    qemu_coroutine_yield();
}

static void drain_call(BlockDriverState *bs, DrainFunc *func)
{
    DrainCall call = { .bs = bs, .func = func };

    if (qemu_in_coroutine() && in_aio_context_home_thread(bs->aio_context)) {
        co_yield_to_drain(&call);
    } else {
        bdrv_run_in_home_thread(bs->aio_context, drain_bh, &call);
    }
}

void bdrv_drained_begin(BlockDriverState *bs)
{
    drain_call(bs, do_drained_begin);
}

void bdrv_drained_end(BlockDriverState *bs)
{
    drain_call(bs, do_drained_end);
}

void bdrv_drain(BlockDriverState *bs)
{
    bdrv_drained_begin(bs);
    bdrv_drained_end(bs);
}

/* ---- all nodes of a context ----------------------------------------------------------------- */

/* All are quiesced first: one that is still at work may wait for another. */
void bdrv_drain_all_begin(AioContext *ctx)
{
    BdrvNodeList *nodes = bdrv_nodes_of(ctx);
    BlockDriverState *bs;

    g_assert(in_aio_context_home_thread(ctx) && !qemu_in_coroutine());
    QTAILQ_FOREACH (bs, nodes, node_list) {
        quiesce(bs);
    }
    QTAILQ_FOREACH (bs, nodes, node_list) {
        wait_until_idle(bs);
    }
}

void bdrv_drain_all_end(AioContext *ctx)
{
    BdrvNodeList *nodes = bdrv_nodes_of(ctx);
    BlockDriverState *bs;

    QTAILQ_FOREACH (bs, nodes, node_list) {
        do_drained_end(bs);
    }
}

void bdrv_drain_all(AioContext *ctx)
{
    bdrv_drain_all_begin(ctx);
    bdrv_drain_all_end(ctx);
}
