/* A notifier that a context watches, for the tests of the loop.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_UNIT_SOURCE_H
#define QAIO_TESTS_UNIT_SOURCE_H

#include "loop/aio.h"

/* Its handler lowers it, counts, and does what its test tells it on top. */
typedef struct Source {
    EventNotifier e; /* first: handlers get its address */
    AioContext *ctx;
    int runs;      /* atomic */
    int poll_runs; /* of io_poll_ready, for tests that have one */
    bool keep;     /* leave the notifier raised */
    void (*also)(struct Source *src);
    struct Source *other;
} Source;

/* A notifier, watched in @ctx; and no more of it. */
void source_init(Source *src, AioContext *ctx, void (*also)(Source *));
void source_done(Source *src);

/* Watch it, anew if it is watched; and leave off. */
void source_watch(Source *src, bool is_external);
void source_unwatch(Source *src);

/* The handler. */
void source_read(EventNotifier *e);

#endif
