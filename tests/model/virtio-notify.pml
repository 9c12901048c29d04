/*
 * Who tells whom on a virtqueue: kicks and interrupts, asked for by event index or by flags.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * aiocore/virtio/vring-driver.c and virtqueue.c in Promela; change both. What is what:
 *
 *   driver()        for ever one of: add a chain or two and show them, vring_driver_kick_prepare();
 *                   take what was used, vring_driver_get(); or sleep until the interrupt, as
 *                   vring-driver.h says how to
 *   device()        the handler of a queue, as virtio_blk_handle_vq() does it: no kicks, take all,
 *                   kicks again, look once more; sleep in the loop until the kick. Chains are done
 *                   in the handler or later, one or two at a time, then virtio_notify()
 *   ask_for_kicks, decline_kicks, ask_for_interrupt ...
 *                   the same in C
 *   -DREARM         neither side ever declines: who finds nothing has asked anew and looked again
 *                   by that, look_for_chains() and look_for_used()
 *   -DFLAGS         without VIRTIO_RING_F_EVENT_IDX
 *
 * Indexes count modulo 5 instead of 65536, with 2 entries and not up to 1024; so they wrap, and half
 * the circle is 2. Memory is weaker than any processor that we run on (PSO with early loads):
 *   - a store waits in a buffer, one for each variable, until memory() takes it from there, in any
 *     order; smp_mb() waits until those of its thread are empty;
 *   - a load may give what the variable was at the thread's last smp_mb(), unless it has seen a
 *     newer value since.
 *
 * Left out: what is in descriptors and ring entries (release and acquire see to that; TSan looks at
 * them in test-vring), more than 65535 chains between two questions of virtio_should_notify(), broken
 * devices, and polling by the loop: that is taking with kicks declined, and then asking for them.
 *
 * Claims:
 *   LOST_KICK       the device does not sleep without a kick on its way while there are chains that
 *                   it has not taken, and the driver is done with showing them
 *   LOST_INTERRUPT  the same for the driver and chains that the device has used
 */
#define M       5
#define NUM     2
#define FAR(i)  ((i + M / 2) % M)
#define GAP(a, b) ((a + M - b) % M) /* from b to a */

/* ---- memory, as all see it in the end */

byte avail_idx, used_idx;
byte kick_at;               /* avail_event; or used->flags, 1: no kick */
byte irq_at;                /* used_event; or avail->flags, 1: no interrupt */
bool kick, irq;             /* the eventfds */

/* ---- store buffers: is there a store, and of what */

bool st_avail, st_used, st_kick, st_irq;
byte st_avail_v, st_used_v, st_kick_v, st_irq_v;

/* ---- early loads: what may still be read instead */

byte old_used, old_kick;    /* by the driver */
byte old_avail, old_irq;    /* by the device */

/* ---- for the claims: how far each side has got */

byte taken, got;            /* chains popped; chains that came back */
bool showing, using;        /* between the store and the decision */
bool device_asleep, driver_asleep;

active proctype memory() {
end:
    do
    :: d_step { st_avail -> avail_idx = st_avail_v; st_avail = false; st_avail_v = 0 }
    :: d_step { st_used -> used_idx = st_used_v; st_used = false; st_used_v = 0 }
    :: d_step { st_kick -> kick_at = st_kick_v; st_kick = false; st_kick_v = 0 }
    :: d_step { st_irq -> irq_at = st_irq_v; st_irq = false; st_irq_v = 0 }
    od
}

inline store(pending, value, v) {
    atomic { !pending -> pending = true; value = v }
}

inline load(v, variable, old) {
    atomic {
        if
        :: v = variable
        :: v = old
        fi;
        old = v
    }
}

inline driver_smp_mb() {
    d_step { !st_avail && !st_irq -> old_used = used_idx; old_kick = kick_at }
}

inline device_smp_mb() {
    d_step { !st_used && !st_kick -> old_avail = avail_idx; old_irq = irq_at }
}

/* Whether the other side, which answered at, is to be told of what there is since old. */
#ifdef FLAGS
#define ASK_KICK(i)        0
#define ASK_INTERRUPT(i)   0
#define DECLINE(i)         1
#define WANTED(at, new, old) (at == 0)
#else
#ifdef BROKEN_AVAIL_EVENT_ONE_LATE
#define ASK_KICK(i)        ((i + 1) % M)
#else
#define ASK_KICK(i)        (i)
#endif
#ifdef BROKEN_USED_EVENT_ONE_LATE
#define ASK_INTERRUPT(i)   ((i + 1) % M)
#else
#define ASK_INTERRUPT(i)   (i)
#endif
#define DECLINE(i)         FAR(i)
#define WANTED(at, new, old) (GAP(new, ((at + 1) % M)) < GAP(new, old))
#endif

/* ---- the driver */

inline vring_driver_kick_prepare() {
    store(st_avail, st_avail_v, idx);
#ifndef BROKEN_NO_MB_KICK
    driver_smp_mb();
#endif
    load(v, kick_at, old_kick);
    atomic {
#ifdef BROKEN_OLD_IS_LAST_ADD
        shown = (idx + M - 1) % M;
#endif
        if
        :: WANTED(v, idx, shown) -> kick = true
        :: else
        fi;
        shown = idx; v = 0; showing = false
    }
}

/* Then the caller looks. */
inline ask_for_interrupt() {
    store(st_irq, st_irq_v, ASK_INTERRUPT(got));
#ifndef BROKEN_NO_MB_ASK_INTERRUPT
    driver_smp_mb();
#endif
}

inline decline_interrupts() {
    store(st_irq, st_irq_v, DECLINE(got))
}

inline take_used() {
    load(v, used_idx, old_used);
    atomic { got = v; v = 0 }
}

active proctype driver() {
    byte idx, shown, v;

end:
    do
    :: atomic { GAP(idx, got) < NUM ->
            showing = true;
            idx = (idx + 1) % M;
            if
            :: GAP(idx, got) < NUM -> idx = (idx + 1) % M
            :: true
            fi
        }
        vring_driver_kick_prepare()
    :: take_used()
    :: idx != got ->
#if defined(REARM) && defined(FLAGS)
        driver_smp_mb(); /* as poll() is one */
#else
        ask_for_interrupt();
#endif
#ifdef BROKEN_NO_LOOK_INTERRUPT
        v = got;
#else
        load(v, used_idx, old_used);
#endif
        if
        :: atomic { v == got -> v = 0; driver_asleep = true }
            atomic { irq -> irq = false; driver_asleep = false }
        :: atomic { else -> v = 0 }
        fi;
#ifndef REARM
        decline_interrupts();
#endif
        take_used()
    od
}

/* ---- the device */

inline ask_for_kicks() {
    store(st_kick, st_kick_v, ASK_KICK(taken));
#ifndef BROKEN_NO_MB_ASK_KICK
    device_smp_mb();
#endif
}

inline decline_kicks() {
    store(st_kick, st_kick_v, DECLINE(taken))
}

inline pop_all() {
    load(v, avail_idx, old_avail);
    atomic { in_flight = in_flight + GAP(v, taken); taken = v; v = 0 }
}

/* virtqueue_push() once or twice, and virtio_should_notify(). */
inline push_and_notify() {
    using = true;
    atomic { used = (used + 1) % M; in_flight-- }
    store(st_used, st_used_v, used);
    if
    :: atomic { in_flight > 0 -> used = (used + 1) % M; in_flight-- }
        store(st_used, st_used_v, used)
    :: true
    fi;
#ifndef BROKEN_NO_MB_NOTIFY
    device_smp_mb();
#endif
    load(v, irq_at, old_irq);
    atomic {
#ifdef BROKEN_OLD_IS_LAST_PUSH
        signalled = (used + M - 1) % M;
#endif
        if
        :: WANTED(v, used, signalled) -> irq = true; signalled = used
        :: else ->
#ifndef BROKEN_SIGNALLED_KEPT
            signalled = used
#endif
        fi;
        v = 0; using = false
    }
}

active proctype device() {
    byte in_flight, used, signalled, v;

    do
    ::
#ifndef REARM
        decline_kicks();
#endif
        pop_all();
        do
        :: in_flight > 0 -> push_and_notify()
        :: break
        od;
#if defined(REARM) && defined(FLAGS)
        device_smp_mb(); /* as poll() is one */
#else
        ask_for_kicks();
#endif
#ifdef BROKEN_NO_LOOK_KICK
        v = taken;
#else
        load(v, avail_idx, old_avail);
#endif
        if
        :: atomic { v == taken -> v = 0; device_asleep = true }
end:
            do
            :: atomic { kick -> kick = false; device_asleep = false; break }
            :: in_flight > 0 -> push_and_notify() /* nor does it look at the queue by this */
            od
        :: atomic { else -> v = 0 }
        fi
    od
}

/* ---- the claims */

active proctype watcher() {
end:
    do
    :: d_step { device_asleep && !kick && !showing && avail_idx != taken ->
        assert(false) /* LOST_KICK */ }
    :: d_step { driver_asleep && !irq && !using && used_idx != got ->
        assert(false) /* LOST_INTERRUPT */ }
    od
}
