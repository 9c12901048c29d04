/*
 * How other threads wake the home thread of an AioContext: notify_me, notified, the eventfd.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * aiocore/loop/async.c and aio-posix.c in Promela; change both. What is what:
 *
 *   notifier()            another thread. Each of its actions is one of (notifier 1: the first)
 *     schedule X          qemu_bh_schedule(): what the callback needs is stored (data), then
 *                         bh_enqueue(): fetch-or of the flags, push, aio_notify_work()
 *     store cond          for which the home thread's caller waits, then aio_notify()
 *     delete Z            qemu_bh_delete() of a bottom half of its own: a push that the loop has to
 *                         come past, though aio_compute_timeout() does not count it as urgent
 *   aio_notify()          the same in async.c: smp_wmb, notified, smp_mb, notify_me, eventfd
 *   home()                the home thread: for ever "is it there? else aio_poll(ctx, true)"
 *   AIO_POLL              aio_poll(); in the callback of X once more, nested
 *   poll_and_sleep()      wait_for_events(): try_poll_mode(), the last look of look_or_sleep(), and
 *                         sleep_in_fdmon() if they found nothing. Polling may find dev at any time;
 *                         that it also ends when the time is up or notified is set makes no
 *                         difference: no other step is taken before the loop makes up its mind to
 *                         sleep
 *   sleep_in_fdmon(), aio_notify_accept(), aio_compute_timeout()
 *                         the same in aio-posix.c, aio-posix.h and async.c
 *   bh_list_move(), BH_TAKE  aio_bh_poll() and bh_take()
 *   run_x()               X's callback: may schedule Y, the home thread's own work, for which
 *                         aio_notify_work() does nothing, and may call aio_poll()
 *   serve_ready()         dispatch_ready_handlers() with notifier_read()
 *   dev                   another descriptor, which becomes ready once and notifies nobody
 *
 * Memory is weaker than any processor that we run on (PSO with early loads):
 *   - a store waits in a buffer of its thread, one for each variable, until memory() takes it from
 *     there, in any order; smp_wmb() makes the later wait for the earlier, smp_mb() and atomic
 *     read-modify-write operations wait until the buffers are empty;
 *   - a load may give what the variable was at any time since the thread's last smp_mb() (also
 *     from before an atomic operation that precedes it), but nothing older than what it gave last.
 *
 * Left out: the GSource face (aio-gsource.c), timers (a sleep lasts until a descriptor is ready, so
 * nothing saves who is forgotten), idle and cancelled bottom halves, the order of bottom halves in
 * a slice (any), the walk over handlers (lockcnt.pml). A turn that does not sleep may or may not
 * look at descriptors: look_at_descriptors() decides that by things left out here.
 *
 * Claims, chosen with -D:
 *   CHECK_LOST      the home thread does not sleep without a token in the eventfd while there is
 *                   work that nobody is about to notify of: a scheduled or deleted bottom half, its
 *                   data, or a cond that the caller of the sleeping aio_poll() has not seen
 *   CHECK_NEEDLESS  notify_me makes aio_notify() write the eventfd only if at some time since its
 *                   barrier the home thread was between announcing that it may sleep and having
 *                   returned from there; so there are no writes while it is busy, nor for its own
 *                   work, and at most one for each aio_notify()
 *   CHECK_WAKES     each return from sleep is paid for by a write of its own or by dev; a callback's
 *                   aio_poll() may return once more for what the outer one is about to serve
 *   CHECK_REST      (liveness) with nothing more to do the home thread sleeps in the end and stays
 *                   asleep
 */
#ifndef ACTS
#define ACTS 2 /* of notifier 0 */
#endif
#ifndef ACTS1
#define ACTS1 1 /* of notifier 1 */
#endif
#ifndef NESTED
#define NESTED 1 /* calls of aio_poll() by callbacks */
#endif

/* ---- memory, as all see it in the end */

bool notify_me, notified;
bool data[2];                /* stored since X's callback looked last */
bool cond[2];                /* stored since the caller at this level of nesting looked last */
bool x_pending, x_scheduled; /* X's flags */
bool x_list, y_list, z_list; /* on bh_list */
bool efd, dev;               /* descriptors that are ready */

/* ---- store buffers */

bool st_data[2], st_cond, st_notified[2]; /* notifiers' */
bool st_ordered;             /* st_notified[0] waits for st_cond */
bool st_accept;              /* home: notified = false */
bool st_me, st_me_value;     /* home: notify_me = st_me_value */

/* ---- early loads: which values may still be read */

bool me_was0[2] = true;      /* notify_me as false, by notifier i */
bool me_was1[2];             /* notify_me as true */
bool notified_was0 = true, notified_was1; /* notified by home */
bool cond_sure, x_sure, z_sure; /* home cannot but see it */

/* ---- the home thread's own */

bool x_slice, y_slice, z_slice; /* taken from bh_list, not yet run */
bool level;                  /* in the nested aio_poll() */
byte nested = NESTED;        /* such calls left */
bool y_used;

/* ---- for the claims only */

bool asleep;
bool busy[2];                /* notifier i is in an action */
#ifdef CHECK_NEEDLESS
bool may_sleep;              /* between announcement and return */
bool overlap[2];             /* so at some time since notifier i's last smp_mb() */
#endif
#ifdef CHECK_WAKES
byte paid = 1 + NESTED;      /* returns from sleep; dev's */
#endif

/* All in atomic blocks of the callers. */

inline notified_becomes_1() {
    notified = true;
    notified_was1 = true
}

proctype memory() {
    bool dev_came;
end:
    do
    :: atomic { !dev_came -> dev_came = true; dev = true } /* no store, but as much out of hand */
    :: d_step { st_data[0] -> st_data[0] = false; data[0] = true }
    :: d_step { st_data[1] -> st_data[1] = false; data[1] = true }
    :: d_step { st_cond -> st_cond = false; cond[0] = true; cond[1] = level; cond_sure = false }
    :: d_step { st_notified[0] && !(st_ordered && st_cond) ->
        st_notified[0] = false; st_ordered = false; notified_becomes_1() }
    :: d_step { st_notified[1] -> st_notified[1] = false; notified_becomes_1() }
    :: d_step { st_accept -> st_accept = false;
        notified = false; notified_was0 = true; notified_was1 = false }
    :: d_step { st_me -> st_me = false; notify_me = st_me_value; st_me_value = false;
        if
        :: notify_me -> me_was1[0] = true; me_was1[1] = true
        :: else -> me_was0[0] = true; me_was0[1] = true
        fi }
    od
}

/* ---- other threads */

#define DRAINED(i) (!st_data[i] && !st_notified[i] && (i == 1 || !st_cond))

/* Choose one of the values that may be read; from then on none that is older. */
inline read_notify_me(i) {
    if
    :: me_was0[i] -> me = false; me_was1[i] = notify_me
    :: me_was1[i] -> me = true; me_was0[i] = !notify_me
    fi
}

inline aio_notify(i) {
    /* smp_wmb(), and the store */
    atomic { !st_notified[i] ->
        st_notified[i] = true;
#ifndef BROKEN_NO_WMB
        st_ordered = st_ordered || (i == 0 && st_cond)
#endif
    }
#ifndef BROKEN_NO_MB_NOTIFY
    atomic { DRAINED(i) ->
        me_was0[i] = !notify_me; me_was1[i] = notify_me;
#ifdef CHECK_NEEDLESS
        overlap[i] = may_sleep
#endif
    }
#endif
    atomic {
        read_notify_me(i);
#ifdef CHECK_NEEDLESS
        assert(!me || overlap[i]); /* NEEDLESS */
#endif
    }
    if
    :: me -> d_step {
        efd = true;
        me = false;
#ifdef CHECK_WAKES
        paid++
#endif
    }
    :: else
    fi
}

proctype notifier(bit i) {
    byte acts;
    bool me, was_pending, was_scheduled, z_used;

    acts = (i == 0 -> ACTS : ACTS1);
    do
    :: atomic { acts > 0 -> acts--; busy[i] = true };
        if
        :: atomic { !st_data[i] -> st_data[i] = true };
            atomic {
#ifdef BROKEN_RELAXED_ENQUEUE
                true ->
#else
                DRAINED(i) ->
#endif
                was_pending = x_pending; was_scheduled = x_scheduled;
                x_pending = true; x_scheduled = true
            }
            if
            :: !was_pending -> x_list = true; x_sure = false
            :: else
            fi;
            if
            :: !was_scheduled -> aio_notify(i)
            :: else
            fi
        :: atomic { i == 0 && !st_cond -> st_cond = true };
            aio_notify(i)
        :: atomic { i == 0 && !z_used && DRAINED(i) -> z_used = true; z_list = true };
            aio_notify(i)
        fi;
        d_step { busy[i] = false; was_pending = false; was_scheduled = false }
    :: break
    od
}

/* ---- the home thread */

inline smp_mb_home() {
    atomic { !st_accept && !st_me ->
        notified_was0 = !notified; notified_was1 = notified;
        cond_sure = true; x_sure = x_list; z_sure = z_list
    }
}

inline read_notified() {
    if
    :: st_accept -> told = false
    :: !st_accept && notified_was0 -> told = false; notified_was1 = notified
    :: !st_accept && notified_was1 -> told = true; notified_was0 = !notified
    fi
}

/* The caller's look at what it waits for: between two calls of aio_poll(). */
inline read_cond() {
    atomic {
        if
        :: cond[level] -> cond[level] = false
        :: !cond[level] || !cond_sure
        fi
    }
}

inline set_notify_me(v) {
    atomic { !st_me -> st_me = true; st_me_value = v }
}

inline announce() {
#ifdef CHECK_NEEDLESS
    d_step { may_sleep = true; overlap[0] = true; overlap[1] = true }
#endif
    set_notify_me(true)
}

inline aio_notify_accept() {
    atomic { !st_accept -> st_accept = true }
#ifndef BROKEN_NO_MB_ACCEPT
    smp_mb_home()
#endif
}

#define URGENT_FOR_SURE \
    ((x_slice && x_scheduled) || y_slice || y_list || (x_list && x_scheduled && x_sure))

inline aio_compute_timeout() {
    if
    :: !URGENT_FOR_SURE -> sleeps = true
    :: URGENT_FOR_SURE || (x_list && x_scheduled) -> sleeps = false
    fi
}

inline notified_or_timeout() {
    atomic {
        read_notified();
#ifdef BROKEN_NOTIFIED_IGNORED
        told = false
#endif
    }
    atomic {
        if
        :: !told -> aio_compute_timeout()
        :: else -> told = false
        fi
    }
}

inline look_at_descriptors() {
    atomic {
        if
        :: efd -> efd_found = true
        :: true
        fi;
        if
        :: dev -> dev_found = true
        :: true
        fi
    }
}

inline sleep_in_fdmon() {
#ifdef BROKEN_ANNOUNCE_LATE
    notified_or_timeout();
    announce();
    smp_mb_home();
#else
    announce();
#ifndef BROKEN_NO_MB_SLEEP
    smp_mb_home();
#endif
    notified_or_timeout();
#endif
#ifdef BROKEN_WITHDRAW_EARLY
    set_notify_me(false);
#endif
    if
    :: sleeps ->
        asleep = true;
        atomic { efd || dev ->
            asleep = false; sleeps = false; efd_found = efd; dev_found = dev;
#ifdef CHECK_WAKES
            assert(paid > 0); /* WAKES */
            paid--
#endif
        }
    :: else -> look_at_descriptors()
    fi;
#if !defined(BROKEN_WITHDRAW_EARLY) && !defined(BROKEN_WITHDRAW_LATE)
    set_notify_me(false);
#endif
#ifdef BROKEN_ACCEPT_LATE
    smp_mb_home();
    accept_later = true;
#else
    aio_notify_accept();
#endif
#ifdef CHECK_NEEDLESS
    may_sleep = false
#endif
}

inline poll_and_sleep() {
    if
    :: dev -> dev_found = true; look_at_descriptors()
    :: true ->
#ifdef BROKEN_POLL_ACCEPTS
        atomic { read_notified() }
        if
        :: told -> told = false; aio_notify_accept()
        :: else
        fi;
#endif
        sleep_in_fdmon()
    fi
}

inline find_events() {
    atomic { read_notified() }
    if
    :: told ->
        told = false;
        aio_notify_accept();
#ifdef BROKEN_ACCEPT_AND_SLEEP
        poll_and_sleep()
#else
        look_at_descriptors()
#endif
    :: else -> poll_and_sleep()
    fi
}

/* The look at bh_list comes before the exchange, and may miss what was pushed just now. */
#define SLICES (x_slice || y_slice || z_slice)

inline bh_list_move() {
    if
    :: d_step { SLICES || y_list || x_list || z_list ->
        x_slice = x_slice || x_list; x_list = false; x_sure = false;
        y_slice = y_slice || y_list; y_list = false;
        z_slice = z_slice || z_list; z_list = false; z_sure = false }
    :: !(SLICES || y_list || x_list && x_sure || z_list && z_sure)
    fi
}

#ifdef BROKEN_TAKE_AFTER_RUN
#define TAKE_X x_slice = false; due = x_scheduled
#define AFTER_X x_pending = false; x_scheduled = false;
#else
#define TAKE_X x_slice = false; x_pending = false; due = x_scheduled; x_scheduled = false
#define AFTER_X
#endif

inline run_x() {
    atomic {
        due = false;
        data[0] = false; data[1] = false;
        if
        :: !y_used -> y_used = true; y_list = true
        :: true
        fi
    }
}

inline serve_ready() {
    d_step {
#ifndef BROKEN_EFD_NOT_READ
        efd = efd && !efd_found;
#endif
        dev = dev && !dev_found;
        efd_found = false;
        dev_found = false
    }
#ifdef BROKEN_ACCEPT_LATE
    if
    :: accept_later -> accept_later = false; aio_notify_accept()
    :: else
    fi;
#endif
#ifdef BROKEN_WITHDRAW_LATE
    set_notify_me(false)
#endif
}

/* With what a callback does besides run_x(). */
#define AIO_POLL(CALLBACK) \
    read_cond(); \
    find_events(); \
    bh_list_move(); \
    do \
    :: x_slice -> \
        d_step { TAKE_X } \
        if \
        :: due -> run_x(); CALLBACK \
        :: else \
        fi; \
        AFTER_X \
    :: y_slice -> y_slice = false \
    :: z_slice -> z_slice = false \
    :: else -> break \
    od; \
    serve_ready()

inline nested_aio_poll() {
    if
    :: atomic { nested > 0 -> nested--; level = true; cond[1] = cond[0];
        outer_efd_found = efd_found; outer_dev_found = dev_found;
        efd_found = false; dev_found = false }
        AIO_POLL(skip);
        d_step { level = false; cond[1] = false;
            efd_found = outer_efd_found; dev_found = outer_dev_found;
            outer_efd_found = false; outer_dev_found = false }
    :: true
    fi
}

proctype home() {
    bool told, sleeps, due;
    bool efd_found, dev_found, outer_efd_found, outer_dev_found; /* on ready lists */
#ifdef BROKEN_ACCEPT_LATE
    bool accept_later;
#endif

    do
    :: AIO_POLL(nested_aio_poll())
    od
}

/* ---- the claims */

/* The nested aio_poll() may sleep on a deleted bottom half of the outer one's slice, which frees it
 * when it goes on. */
#define FORGOTTEN \
    (x_list || x_slice || y_list || y_slice || z_list || (z_slice && !level) || \
     data[0] || data[1] || cond[level])

proctype watch() {
end:
    if
#ifdef CHECK_LOST
    :: atomic { asleep && !efd && !busy[0] && !busy[1] && FORGOTTEN ->
        assert(!FORGOTTEN) /* LOST */ }
#endif
    :: timeout -> assert(asleep) /* STUCK: nobody else waits for ever */
    fi
}

#ifdef CHECK_REST
ltl rest { <>[] asleep }
#endif

init {
    atomic {
        run memory();
        run notifier(0);
        run notifier(1);
        run home();
        run watch()
    }
}
