/*
 * Clocks and timers: sorted lists under a lock each.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * active_timers_lock protects a list and the timers on it. It is not held while callbacks run, so
 * these may do anything. The group's mask of lists that are not empty is read without any lock, to
 * tell cheaply that nothing is armed.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <time.h>
#include "base/atomic.h"
#include "base/timer.h"

struct QEMUTimerList {
    QEMUTimerListGroup *group;
    QEMUClockType type;
    pthread_mutex_t active_timers_lock; /* not GMutex: TSan does not see into GLib */
    QEMUTimer *active_timers;           /* soonest first */
    uint64_t armings;                   /* so far; under the lock */
    QEMUTimerListNotifyCB *notify_cb;
    void *notify_opaque;
};

/* ---- clocks -------------------------------------------------------------------------------- */

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    struct timespec ts;

    clock_gettime(type == QEMU_CLOCK_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

int qemu_timeout_ns_to_ms(int64_t ns)
{
    if (ns < 0) {
        return -1;
    }
    return (int)MIN(DIV_ROUND_UP((uint64_t)ns, SCALE_MS), (uint64_t)INT32_MAX);
}

/* ---- lists --------------------------------------------------------------------------------- */

static void lock_timers(QEMUTimerList *list)
{
    pthread_mutex_lock(&list->active_timers_lock);
}

/* The change is complete: does @list have timers now? */
static void unlock_timers(QEMUTimerList *list)
{
    unsigned bit = 1u << list->type;
    bool known = qatomic_read(&list->group->armed) & bit;

    if (list->active_timers && !known) {
        qatomic_or(&list->group->armed, bit);
    } else if (!list->active_timers && known) {
        qatomic_and(&list->group->armed, ~bit);
    }
    pthread_mutex_unlock(&list->active_timers_lock);
}

/* Under the list's lock. */
static void unlink_timer(QEMUTimerList *list, QEMUTimer *ts)
{
    QEMUTimer **at = &list->active_timers;

    if (ts->expire_time == -1) {
        return;
    }
    while (*at != ts) {
        at = &(*at)->next;
    }
    *at = ts->next;
    qatomic_set(&ts->expire_time, -1);
}

/* Under the list's lock. Behind those that are due at the same time. Returns whether it is the
 * first. */
static bool link_timer(QEMUTimerList *list, QEMUTimer *ts, int64_t expire_time)
{
    QEMUTimer **at = &list->active_timers;

    expire_time = MAX(expire_time, 0);
    while (*at && (*at)->expire_time <= expire_time) {
        at = &(*at)->next;
    }
    qatomic_set(&ts->expire_time, expire_time);
    ts->armed_as = list->armings++;
    ts->next = *at;
    *at = ts;
    return at == &list->active_timers;
}

static QEMUTimerList *timerlist_new(QEMUTimerListGroup *group, QEMUClockType type,
                                    QEMUTimerListNotifyCB *cb, void *opaque)
{
    QEMUTimerList *list = g_new0(QEMUTimerList, 1);

    list->group = group;
    list->type = type;
    list->notify_cb = cb;
    list->notify_opaque = opaque;
    pthread_mutex_init(&list->active_timers_lock, NULL);
    return list;
}

static void timerlist_free(QEMUTimerList *list)
{
    while (list->active_timers) {
        g_warning("a timer was still armed when its event loop went");
        unlink_timer(list, list->active_timers);
    }
    pthread_mutex_destroy(&list->active_timers_lock);
    g_free(list);
}

static QAIO_COLD int64_t timerlist_deadline_ns(QEMUTimerList *list)
{
    int64_t expire_time = -1, left;

    lock_timers(list);
    if (list->active_timers) {
        expire_time = list->active_timers->expire_time;
    }
    unlock_timers(list);
    if (expire_time < 0) {
        return -1;
    }
    left = expire_time - qemu_clock_get_ns(list->type);
    return MAX(left, 0); /* which looks at it twice */
}

/* Take the first timer off @list that is due at @now and was armed before @armings. */
static bool take_due_timer(QEMUTimerList *list, int64_t now, uint64_t armings, QEMUTimerCB **cb,
                           void **opaque)
{
    QEMUTimer *ts;

    lock_timers(list);
    ts = list->active_timers;
    while (ts && ts->armed_as >= armings) {
        ts = ts->next;
    }
    if (ts && ts->expire_time <= now) {
        unlink_timer(list, ts);
        /* The timer may be freed or altered as soon as the lock is open. */
        *cb = ts->cb;
        *opaque = ts->opaque;
    } else {
        ts = NULL;
    }
    unlock_timers(list);
    return ts != NULL;
}

static uint64_t timerlist_armings(QEMUTimerList *list)
{
    uint64_t armings;

    lock_timers(list);
    armings = list->armings;
    unlock_timers(list);
    return armings;
}

static QAIO_COLD bool timerlist_run_timers(QEMUTimerList *list)
{
    bool progress = false;
    QEMUTimerCB *cb;
    void *opaque;
    uint64_t armings;
    int64_t now;

    /* One point in time, and none that callbacks arm: else a timer could keep us here for ever. */
    now = qemu_clock_get_ns(list->type);
    armings = timerlist_armings(list);
    while (take_due_timer(list, now, armings, &cb, &opaque)) {
        cb(opaque);
        progress = true;
    }
    return progress;
}

void timerlistgroup_init(QEMUTimerListGroup *tlg, QEMUTimerListNotifyCB *cb, void *opaque)
{
    tlg->armed = 0;
    for (int i = 0; i < QEMU_CLOCK_MAX; i++) {
        tlg->tl[i] = timerlist_new(tlg, i, cb, opaque);
    }
}

void timerlistgroup_deinit(QEMUTimerListGroup *tlg)
{
    for (int i = 0; i < QEMU_CLOCK_MAX; i++) {
        timerlist_free(tlg->tl[i]);
    }
}

int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg)
{
    unsigned armed = qatomic_read(&tlg->armed);
    int64_t deadline = -1;

    for (int i = 0; armed >> i; i++) {
        if (armed & 1u << i) {
            deadline = qemu_soonest_timeout(deadline, timerlist_deadline_ns(tlg->tl[i]));
        }
    }
    return deadline;
}

bool timerlistgroup_run_armed_timers(QEMUTimerListGroup *tlg)
{
    unsigned armed = qatomic_read(&tlg->armed);
    bool progress = false;

    for (int i = 0; armed >> i; i++) {
        if (armed & 1u << i) {
            progress |= timerlist_run_timers(tlg->tl[i]);
        }
    }
    return progress;
}

/* ---- timers -------------------------------------------------------------------------------- */

void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *tlg, QEMUClockType type, int scale,
                     QEMUTimerCB *cb, void *opaque)
{
    *ts = (QEMUTimer){
        .expire_time = -1, .timer_list = tlg->tl[type], .cb = cb, .opaque = opaque, .scale = scale
    };
}

void timer_deinit(QEMUTimer *ts)
{
    g_assert(ts->expire_time == -1);
    ts->timer_list = NULL;
}

QEMUTimer *timer_new_full(QEMUTimerListGroup *tlg, QEMUClockType type, int scale, QEMUTimerCB *cb,
                          void *opaque)
{
    QEMUTimer *ts = g_new(QEMUTimer, 1);

    timer_init_full(ts, tlg, type, scale, cb, opaque);
    return ts;
}

void timer_free(QEMUTimer *ts)
{
    if (ts) {
        timer_del(ts);
        g_free(ts);
    }
}

void timer_mod_ns(QEMUTimer *ts, int64_t expire_time)
{
    QEMUTimerList *list = ts->timer_list;
    bool first;

    lock_timers(list);
    unlink_timer(list, ts);
    first = link_timer(list, ts, expire_time);
    unlock_timers(list);

    if (first) {
        list->notify_cb(list->notify_opaque, list->type);
    }
}

/* Times beyond the end of the clock are never. */
static int64_t scaled_ns(int64_t time, int scale)
{
    int64_t ns;

    return __builtin_mul_overflow(time, scale, &ns) ? INT64_MAX : ns;
}

void timer_mod(QEMUTimer *ts, int64_t expire_time)
{
    timer_mod_ns(ts, scaled_ns(expire_time, ts->scale));
}

void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time)
{
    QEMUTimerList *list = ts->timer_list;
    bool first = false;

    lock_timers(list);
    if (ts->expire_time == -1 || ts->expire_time > expire_time) {
        unlink_timer(list, ts);
        first = link_timer(list, ts, expire_time);
    }
    unlock_timers(list);

    if (first) {
        list->notify_cb(list->notify_opaque, list->type);
    }
}

bool timer_pending(QEMUTimer *ts)
{
    return qatomic_read(&ts->expire_time) >= 0;
}

void timer_del(QEMUTimer *ts)
{
    QEMUTimerList *list = ts->timer_list;

    /* Not armed: nothing to do, and the list may be gone. */
    if (list && timer_pending(ts)) {
        lock_timers(list);
        unlink_timer(list, ts);
        unlock_timers(list);
    }
}

uint64_t timer_expire_time_ns(QEMUTimer *ts)
{
    int64_t expire_time = qatomic_read(&ts->expire_time);

    return expire_time < 0 ? UINT64_MAX : (uint64_t)expire_time;
}

bool timer_expired(QEMUTimer *ts, int64_t current_time)
{
    int64_t expire_time = qatomic_read(&ts->expire_time);

    return expire_time >= 0 && expire_time <= scaled_ns(current_time, ts->scale);
}
