/*
 * Clocks and timers: callbacks at points in time, run by the event loop that they belong to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     QEMUTimerListGroup          one per AioContext
 *       ├─ QEMUTimerList           one per clock: its armed timers, soonest first
 *       │    └─ QEMUTimer ─ QEMUTimer ─ ...
 *       └─ ...
 *
 * A timer may be armed and disarmed from any thread; when that makes it the soonest of its list,
 * the list notifies its owner, who sleeps no longer than timerlistgroup_deadline_ns() says.
 * Callbacks run in the thread that calls timerlistgroup_run_timers(), and may arm, disarm and free
 * timers, their own too.
 */
#ifndef QAIO_BASE_TIMER_H
#define QAIO_BASE_TIMER_H

#include "base/osdep.h"
#include "base/atomic.h"

#define SCALE_S  1000000000
#define SCALE_MS 1000000
#define SCALE_US 1000
#define SCALE_NS 1

#define NANOSECONDS_PER_SECOND 1000000000LL

typedef enum QEMUClockType {
    QEMU_CLOCK_REALTIME, /* never jumps, does not stop */
    QEMU_CLOCK_HOST,     /* the time of day: jumps when it is set */
    QEMU_CLOCK_MAX,
} QEMUClockType;

typedef struct QEMUTimer QEMUTimer;
typedef struct QEMUTimerList QEMUTimerList;
typedef void QEMUTimerCB(void *opaque);
typedef void QEMUTimerListNotifyCB(void *opaque, QEMUClockType type);

typedef struct QEMUTimerListGroup {
    /* The clocks that have armed timers, a bit each; each under its list's lock, atomic. A loop
     * that uses no timers need not look further. */
    unsigned armed;
    QEMUTimerList *tl[QEMU_CLOCK_MAX];
} QEMUTimerListGroup;

/* The owner's memory; all fields are private. */
struct QEMUTimer {
    int64_t expire_time; /* in ns; -1: not armed. Under the list's lock, atomic */
    QEMUTimerList *timer_list;
    QEMUTimerCB *cb;
    void *opaque;
    QEMUTimer *next;
    uint64_t armed_as; /* the list's count of armings when it was armed */
    int scale;
};

/* The clock's time in ns. Any thread. */
int64_t qemu_clock_get_ns(QEMUClockType type);

static inline int64_t qemu_clock_get_us(QEMUClockType type)
{
    return qemu_clock_get_ns(type) / SCALE_US;
}

static inline int64_t qemu_clock_get_ms(QEMUClockType type)
{
    return qemu_clock_get_ns(type) / SCALE_MS;
}

/* The sooner of two timeouts, of which -1 is never. */
static inline int64_t qemu_soonest_timeout(int64_t a, int64_t b)
{
    return (uint64_t)a < (uint64_t)b ? a : b;
}

/* Rounded up, so that a wait does not end just too early; clipped to int. */
int qemu_timeout_ns_to_ms(int64_t ns);

/* Empty lists for all clocks. @cb(@opaque, clock) is called, in the arming thread, when the
 * deadline of one moves closer. deinit disarms what is still armed, with a warning; timers outlive
 * it only to be disarmed, freed or initialised anew. */
void timerlistgroup_init(QEMUTimerListGroup *tlg, QEMUTimerListNotifyCB *cb, void *opaque);
void timerlistgroup_deinit(QEMUTimerListGroup *tlg);

/* How long until the first timer is due: 0 if it is, -1 if there is none. Any thread. */
int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg);

/* What follows, for a group that has any. */
bool timerlistgroup_run_armed_timers(QEMUTimerListGroup *tlg);

/* Run the timers that are due, in the order of their times, equal ones in that of their arming. One
 * that a callback arms waits for the next call, even if it is due. Returns whether there were any.
 */
static inline bool timerlistgroup_run_timers(QEMUTimerListGroup *tlg)
{
    return qatomic_read(&tlg->armed) && timerlistgroup_run_armed_timers(tlg);
}

/* A timer of @tlg's, on clock @type, whose times are in units of @scale ns. Not armed. */
void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *tlg, QEMUClockType type, int scale,
                     QEMUTimerCB *cb, void *opaque);

/* Undo timer_init_full; the timer must not be armed. */
void timer_deinit(QEMUTimer *ts);

/* The same in memory of its own. timer_free() disarms; NULL is fine. */
QEMUTimer *timer_new_full(QEMUTimerListGroup *tlg, QEMUClockType type, int scale, QEMUTimerCB *cb,
                          void *opaque);
void timer_free(QEMUTimer *ts);

/* Arm @ts to run once the clock is past @expire_time (ns, or in the timer's scale); anew if it is
 * armed. */
void timer_mod_ns(QEMUTimer *ts, int64_t expire_time);
void timer_mod(QEMUTimer *ts, int64_t expire_time);

/* The same, but only if that is sooner than what it is armed for. */
void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time);

/* Disarm. Its callback does not run any more, if this is the thread that runs it. */
void timer_del(QEMUTimer *ts);

/* Whether @ts is armed. Any thread. */
bool timer_pending(QEMUTimer *ts);

/* When @ts is due, in ns: UINT64_MAX if it is not armed. */
uint64_t timer_expire_time_ns(QEMUTimer *ts);

/* Whether @ts is armed and due at @current_time, in its own scale. */
bool timer_expired(QEMUTimer *ts, int64_t current_time);

#endif
