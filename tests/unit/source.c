/* A notifier that a context watches, for the tests of the loop.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "source.h"
#include "base/atomic.h"

void source_read(EventNotifier *e)
{
    Source *src = container_of(e, Source, e);

    /* Ready means ready: the handler finds what it was called for. */
    if (!src->keep) {
        g_assert_cmpint(event_notifier_test_and_clear(e), ==, 1);
    }
    qatomic_set(&src->runs, src->runs + 1);
    if (src->also) {
        src->also(src);
    }
}

void source_watch(Source *src, bool is_external)
{
    aio_set_event_notifier(src->ctx, &src->e, is_external, source_read, NULL, NULL);
}

void source_unwatch(Source *src)
{
    aio_set_event_notifier(src->ctx, &src->e, false, NULL, NULL, NULL);
}

void source_init(Source *src, AioContext *ctx, void (*also)(Source *))
{
    *src = (Source){ .ctx = ctx, .also = also };
    g_assert_cmpint(event_notifier_init(&src->e, false), ==, 0);
    source_watch(src, false);
}

void source_done(Source *src)
{
    source_unwatch(src);
    event_notifier_cleanup(&src->e);
}
