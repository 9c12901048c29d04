/*
 * Throttle groups: limits that several BlockBackends share, each in its turn.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a request waits. Somebody's timer is armed whenever somebody waits:
 *
 *     intercept      must it wait?  no ─▶ account, see to the next in turn, go
 *                        │ yes: it waits in its member's queue; if no timer was armed, that of the
 *                        ▼      member in turn is now
 *     timer          of that member, in its home thread: wakes its first request, which
 *                    accounts, sees to the next in turn (arms its timer), and goes
 */
#include "base/osdep.h"
#include <pthread.h>
#include "block/throttle-groups.h"

struct ThrottleGroup {
    char *name;
    unsigned refcount; /* members; under throttle_groups_lock */
    QTAILQ_ENTRY(ThrottleGroup) list;

    pthread_mutex_t lock; /* protects everything below */
    ThrottleState ts;
    QTAILQ_HEAD(, ThrottleGroupMember) members;
    ThrottleGroupMember *tokens[2]; /* whose turn it was last; NULL: nobody's yet */
    bool any_timer_armed[2];        /* the token's */
};

/* All groups of the process, so that jobs can share one by its name. */
static pthread_mutex_t throttle_groups_lock = PTHREAD_MUTEX_INITIALIZER;
static QTAILQ_HEAD(, ThrottleGroup) throttle_groups = QTAILQ_HEAD_INITIALIZER(throttle_groups);

/* ---- groups --------------------------------------------------------------------------------- */

static ThrottleGroup *group_new(const char *name)
{
    ThrottleGroup *tg = g_new0(ThrottleGroup, 1);

    tg->name = g_strdup(name);
    pthread_mutex_init(&tg->lock, NULL);
    throttle_init(&tg->ts);
    QTAILQ_INIT(&tg->members);
    QTAILQ_INSERT_TAIL(&throttle_groups, tg, list);
    return tg;
}

/* Under throttle_groups_lock. */
static ThrottleGroup *group_find(const char *name)
{
    ThrottleGroup *tg;

    QTAILQ_FOREACH (tg, &throttle_groups, list) {
        if (!strcmp(tg->name, name)) {
            return tg;
        }
    }
    return NULL;
}

static ThrottleGroup *group_ref(const char *name)
{
    ThrottleGroup *tg;

    pthread_mutex_lock(&throttle_groups_lock);
    tg = group_find(name) ?: group_new(name);
    tg->refcount++;
    pthread_mutex_unlock(&throttle_groups_lock);
    return tg;
}

static void group_unref(ThrottleGroup *tg)
{
    pthread_mutex_lock(&throttle_groups_lock);
    if (--tg->refcount == 0) {
        QTAILQ_REMOVE(&throttle_groups, tg, list);
        pthread_mutex_destroy(&tg->lock);
        g_free(tg->name);
        g_free(tg);
    }
    pthread_mutex_unlock(&throttle_groups_lock);
}

/* ---- whose turn it is; all under the group's lock ------------------------------------------- */

static ThrottleGroupMember *next_member(ThrottleGroup *tg, ThrottleGroupMember *tgm)
{
    ThrottleGroupMember *next = tgm ? QTAILQ_NEXT(tgm, round_robin) : NULL;

    return next ?: QTAILQ_FIRST(&tg->members);
}

/* The next member after the last in turn that has requests waiting; NULL: none has. */
static ThrottleGroupMember *next_token(ThrottleGroup *tg, bool is_write)
{
    ThrottleGroupMember *first = next_member(tg, tg->tokens[is_write]), *tgm = first;

    do {
        if (tgm->pending_reqs[is_write]) {
            return tgm;
        }
        tgm = next_member(tg, tgm);
    } while (tgm != first);
    return NULL;
}

/* It is @token's turn. Whether it has to wait; then its timer is armed. */
static bool schedule_timer(ThrottleGroup *tg, ThrottleGroupMember *token, bool is_write)
{
    tg->tokens[is_write] = token;
    tg->any_timer_armed[is_write] =
        !token->io_limits_disabled && throttle_schedule_timer(&tg->ts, &token->timers, is_write);
    return tg->any_timer_armed[is_write];
}

/* Let the timer of the next in turn be armed, if there is one: for now if it need not wait. */
static void schedule_next_request(ThrottleGroup *tg, bool is_write)
{
    ThrottleGroupMember *token;

    if (tg->any_timer_armed[is_write]) {
        return;
    }
    token = next_token(tg, is_write);
    if (token && !schedule_timer(tg, token, is_write)) {
        timer_mod_ns(&token->timers.timers[is_write], qemu_clock_get_ns(token->timers.clock_type));
        tg->any_timer_armed[is_write] = true;
    }
}

/* @tgm's timer, if it is the one that is armed, is armed no more. */
static void give_up_turn(ThrottleGroup *tg, ThrottleGroupMember *tgm, bool is_write)
{
    if (tg->any_timer_armed[is_write] && tg->tokens[is_write] == tgm) {
        timer_del(&tgm->timers.timers[is_write]);
        tg->any_timer_armed[is_write] = false;
    }
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Under the group's lock. Those of one member keep their order. */
static bool must_wait(ThrottleGroupMember *tgm, bool is_write)
{
    ThrottleGroup *tg = tgm->group;

    if (tgm->io_limits_disabled) {
        return false;
    }
    if (tgm->pending_reqs[is_write] || tg->any_timer_armed[is_write]) {
        return true;
    }
    return schedule_timer(tg, tgm, is_write);
}

void coroutine_fn throttle_group_co_io_limits_intercept(ThrottleGroupMember *tgm, int64_t bytes,
                                                        bool is_write)
{
    ThrottleGroup *tg = tgm->group;

    pthread_mutex_lock(&tg->lock);
    if (must_wait(tgm, is_write)) {
        tgm->pending_reqs[is_write]++;
        pthread_mutex_unlock(&tg->lock);
        qemu_co_queue_wait(&tgm->throttled_reqs[is_write], NULL);
        pthread_mutex_lock(&tg->lock);
        tgm->pending_reqs[is_write]--;
    }
    throttle_account(&tg->ts, is_write, bytes);
    schedule_next_request(tg, is_write);
    pthread_mutex_unlock(&tg->lock);
}

static void timer_fired(ThrottleGroupMember *tgm, bool is_write)
{
    ThrottleGroup *tg = tgm->group;

    pthread_mutex_lock(&tg->lock);
    tg->any_timer_armed[is_write] = false;
    pthread_mutex_unlock(&tg->lock);

    if (qemu_co_enter_next(&tgm->throttled_reqs[is_write], NULL)) {
        return;
    }
    pthread_mutex_lock(&tg->lock);
    schedule_next_request(tg, is_write);
    pthread_mutex_unlock(&tg->lock);
}

static void read_timer_cb(void *opaque)
{
    timer_fired(opaque, false);
}

static void write_timer_cb(void *opaque)
{
    timer_fired(opaque, true);
}

/* ---- drained sections ------------------------------------------------------------------------ */

static void stop_waiting(ThrottleGroupMember *tgm, bool is_write)
{
    ThrottleGroup *tg = tgm->group;

    pthread_mutex_lock(&tg->lock);
    give_up_turn(tg, tgm, is_write);
    pthread_mutex_unlock(&tg->lock);

    while (qemu_co_enter_next(&tgm->throttled_reqs[is_write], NULL)) {
        /* next */
    }

    pthread_mutex_lock(&tg->lock);
    schedule_next_request(tg, is_write);
    pthread_mutex_unlock(&tg->lock);
}

void throttle_group_disable_limits(ThrottleGroupMember *tgm)
{
    pthread_mutex_lock(&tgm->group->lock);
    tgm->io_limits_disabled++;
    pthread_mutex_unlock(&tgm->group->lock);
    stop_waiting(tgm, false);
    stop_waiting(tgm, true);
}

void throttle_group_enable_limits(ThrottleGroupMember *tgm)
{
    pthread_mutex_lock(&tgm->group->lock);
    tgm->io_limits_disabled--;
    pthread_mutex_unlock(&tgm->group->lock);
}

/* ---- members -------------------------------------------------------------------------------- */

void throttle_group_register_tgm(ThrottleGroupMember *tgm, const char *group_name, AioContext *ctx)
{
    ThrottleGroup *tg = group_ref(group_name);

    *tgm = (ThrottleGroupMember){ .group = tg, .aio_context = ctx };
    qemu_co_queue_init(&tgm->throttled_reqs[false]);
    qemu_co_queue_init(&tgm->throttled_reqs[true]);
    throttle_timers_init(&tgm->timers, ctx, QEMU_CLOCK_REALTIME, read_timer_cb, write_timer_cb,
                         tgm);
    pthread_mutex_lock(&tg->lock);
    QTAILQ_INSERT_TAIL(&tg->members, tgm, round_robin);
    pthread_mutex_unlock(&tg->lock);
}

/* The turn passes on to who comes after. */
static void leave_turn(ThrottleGroup *tg, ThrottleGroupMember *tgm, bool is_write)
{
    g_assert(tgm->pending_reqs[is_write] == 0);
    give_up_turn(tg, tgm, is_write);
    if (tg->tokens[is_write] == tgm) {
        tg->tokens[is_write] = QTAILQ_PREV(tgm, &tg->members, ThrottleGroupMember, round_robin);
    }
}

void throttle_group_unregister_tgm(ThrottleGroupMember *tgm)
{
    ThrottleGroup *tg = tgm->group;

    pthread_mutex_lock(&tg->lock);
    for (int is_write = 0; is_write < 2; is_write++) {
        leave_turn(tg, tgm, is_write);
    }
    QTAILQ_REMOVE(&tg->members, tgm, round_robin);
    for (int is_write = 0; is_write < 2 && !QTAILQ_EMPTY(&tg->members); is_write++) {
        schedule_next_request(tg, is_write);
    }
    throttle_timers_destroy(&tgm->timers);
    pthread_mutex_unlock(&tg->lock);
    tgm->group = NULL;
    group_unref(tg);
}

void throttle_group_config(ThrottleGroupMember *tgm, const ThrottleConfig *cfg)
{
    ThrottleGroup *tg = tgm->group;

    pthread_mutex_lock(&tg->lock);
    throttle_config(&tg->ts, tgm->timers.clock_type, cfg);
    for (int is_write = 0; is_write < 2; is_write++) {
        if (tg->tokens[is_write]) {
            give_up_turn(tg, tg->tokens[is_write], is_write);
        }
        schedule_next_request(tg, is_write);
    }
    pthread_mutex_unlock(&tg->lock);
}

void throttle_group_get_config(ThrottleGroupMember *tgm, ThrottleConfig *cfg)
{
    pthread_mutex_lock(&tgm->group->lock);
    throttle_get_config(&tgm->group->ts, cfg);
    pthread_mutex_unlock(&tgm->group->lock);
}

const char *throttle_group_get_name(ThrottleGroupMember *tgm)
{
    return tgm->group->name;
}

void throttle_group_detach_aio_context(ThrottleGroupMember *tgm)
{
    ThrottleGroup *tg = tgm->group;

    pthread_mutex_lock(&tg->lock);
    for (int is_write = 0; is_write < 2; is_write++) {
        g_assert(tgm->pending_reqs[is_write] == 0);
        give_up_turn(tg, tgm, is_write);
        schedule_next_request(tg, is_write);
    }
    throttle_timers_detach_aio_context(&tgm->timers);
    pthread_mutex_unlock(&tg->lock);
}

void throttle_group_attach_aio_context(ThrottleGroupMember *tgm, AioContext *new_context)
{
    pthread_mutex_lock(&tgm->group->lock);
    tgm->aio_context = new_context;
    throttle_timers_attach_aio_context(&tgm->timers, new_context);
    pthread_mutex_unlock(&tgm->group->lock);
}
