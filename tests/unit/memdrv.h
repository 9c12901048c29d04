/* A block driver over memory, whose limits and timing a test chooses, and that checks what it gets.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each request waits in a queue until the test lets it go; it takes effect then. With auto_run it
 * is let go by a bottom half. A request that breaks the node's limits fails the test.
 */
#ifndef QAIO_TESTS_UNIT_MEMDRV_H
#define QAIO_TESTS_UNIT_MEMDRV_H

#include "block/block_int.h"

typedef enum MemKind {
    MEM_READ,
    MEM_WRITE,
    MEM_DISCARD,
    MEM_ZEROES,
    MEM_FLUSH,
    MEM_TRUNCATE,
    MEM_KINDS,
} MemKind;

typedef struct MemRequest {
    MemKind kind;
    int64_t offset;
    int64_t bytes;
    unsigned niov;
    BdrvRequestFlags flags;
    Coroutine *co;
    int ret;
    QTAILQ_ENTRY(MemRequest) next;
} MemRequest;

typedef struct MemDrv {
    AioContext *ctx;
    BlockDriverState *bs;
    uint8_t *data;
    int64_t size;
    int64_t max_size;
    bool auto_run;
    void (*arrived)(struct MemDrv *m); /* instead: a request has been put into the queue */
    void *opaque;                      /* the test's */
    uint8_t *unstable;                 /* NULL, or for each byte: written, and not flushed yet */
    bool has_zeroes;                   /* the driver has a way of its own to write zeroes */
    int error[MEM_KINDS];              /* -errno that the next ones get; 0: none */
    unsigned count[MEM_KINDS];         /* requests seen */
    int64_t largest[MEM_KINDS];
    BdrvRequestFlags last_flags[MEM_KINDS];
    QTAILQ_HEAD(, MemRequest) queue;
} MemDrv;

/* A node of @size bytes, growing up to @max_size, opened in @ctx with @bl and @open_flags. Byte i
 * is test_byte(i). bdrv_unref() does not free @m. */
BlockDriverState *memdrv_open(MemDrv *m, AioContext *ctx, int64_t size, int64_t max_size,
                              const BlockLimits *bl, int open_flags);

/* How many requests wait. */
unsigned memdrv_waiting(MemDrv *m);

/* Let the @i-th request that waits go. */
void memdrv_run(MemDrv *m, unsigned i);

/* Let all go, and those that come of it, until none waits. */
void memdrv_run_all(MemDrv *m);

void memdrv_cleanup(MemDrv *m);

#endif
