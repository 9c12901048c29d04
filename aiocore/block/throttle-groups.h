/*
 * Throttle groups: limits that several BlockBackends share, each in its turn.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A group has a name and the buckets (throttle.h); its members may be in different contexts and
 * threads. A group lives as long as it has members; whoever joins by the same name, anywhere in the
 * process, joins the same group.
 *
 *     member A  ○○○ ──╮
 *     member B  ○○    ├── one request of the next member in turn ──▶ buckets ──▶ goes on
 *     member C  ○○○○ ─╯   when its timer says so
 *
 * Reads and writes have a turn each. At any time at most one timer of a group and direction is
 * armed: that of the member whose turn it is.
 */
#ifndef QAIO_BLOCK_THROTTLE_GROUPS_H
#define QAIO_BLOCK_THROTTLE_GROUPS_H

#include "base/queue.h"
#include "block/throttle.h"
#include "coroutine/co-queue.h"

typedef struct ThrottleGroup ThrottleGroup;

/* One member. All is private to throttle-groups.c. */
typedef struct ThrottleGroupMember {
    ThrottleGroup *group; /* NULL: not in one */
    AioContext *aio_context;
    ThrottleTimers timers;       /* under the group's lock */
    CoQueue throttled_reqs[2];   /* index: is_write; home thread */
    unsigned pending_reqs[2];    /* how many are in throttled_reqs; under the group's lock */
    unsigned io_limits_disabled; /* under the group's lock */
    QTAILQ_ENTRY(ThrottleGroupMember) round_robin;
} ThrottleGroupMember;

/* Join the group called @group_name, which begins without limits. Home thread of @ctx. */
void throttle_group_register_tgm(ThrottleGroupMember *tgm, const char *group_name, AioContext *ctx);

/* Leave. No request waits. Home thread. */
void throttle_group_unregister_tgm(ThrottleGroupMember *tgm);

/* The group's limits, @cfg being valid. Those who wait now look again. Home thread. */
void throttle_group_config(ThrottleGroupMember *tgm, const ThrottleConfig *cfg);
void throttle_group_get_config(ThrottleGroupMember *tgm, ThrottleConfig *cfg);

/* The group's name. */
const char *throttle_group_get_name(ThrottleGroupMember *tgm);

/* Account for a request of @bytes, and wait until it may go. Home thread. */
void coroutine_fn throttle_group_co_io_limits_intercept(ThrottleGroupMember *tgm, int64_t bytes,
                                                        bool is_write);

/* While disabled no request of @tgm's waits, and those that did go at once; all are accounted for.
 * For drained sections; the calls nest. Home thread, outside of coroutines. */
void throttle_group_disable_limits(ThrottleGroupMember *tgm);
void throttle_group_enable_limits(ThrottleGroupMember *tgm);

/* Before and after a move to another context: in the old and in the new home thread, with no
 * request waiting. */
void throttle_group_detach_aio_context(ThrottleGroupMember *tgm);
void throttle_group_attach_aio_context(ThrottleGroupMember *tgm, AioContext *new_context);

#endif
