/* The main loop: what a turn does and in which order, for how long it sleeps, and to whom it
 * belongs. SPDX-License-Identifier: GPL-2.0-or-later timeout: 60
 *
 * Linked with --wrap=ppoll_nocancel, to see for how long a turn would sleep.
 */
#include "base/osdep.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <glib-unix.h>
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "loop/main-loop.h"
#include "util.h"

static int64_t last_timeout; /* in ns; -1: for ever */
static unsigned last_nfds;
static bool really_sleep;
static bool interrupted; /* ppoll fails, once */

int __real_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);
int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts);

static __thread bool unseen; /* a thread that is not the test's */

int __wrap_ppoll_nocancel(struct pollfd *fds, nfds_t n, const struct timespec *ts)
{
    static const struct timespec at_once;

    if (unseen) {
        return __real_ppoll_nocancel(fds, n, ts);
    }
    last_timeout = ts ? ts->tv_sec * NANOSECONDS_PER_SECOND + ts->tv_nsec : -1;
    last_nfds = (unsigned)n;
    if (interrupted) {
        interrupted = false;
        errno = EINTR;
        return -1;
    }
    return __real_ppoll_nocancel(fds, n, really_sleep ? ts : &at_once);
}

static void set_up(void)
{
    g_assert_cmpint(qemu_init_main_loop(&error_abort), ==, 0);
    really_sleep = false;
    do {
        main_loop_wait(false);
    } while (last_timeout == 0);
}

static void tear_down(void)
{
    qemu_main_loop_destroy();
}

static void count(void *opaque)
{
    ++*(int *)opaque;
}

/* ---- whose it is ----------------------------------------------------------------------------- */

static void test_init_and_destroy(void)
{
    unsigned before;

    set_up(); /* the default GMainContext has descriptors that stay */
    tear_down();
    before = test_descriptors();
    for (int i = 0; i < 3; i++) {
        g_assert_null(qemu_get_aio_context());
        set_up();
        g_assert_nonnull(qemu_get_aio_context());
        g_assert_true(in_aio_context_home_thread(qemu_get_aio_context()));
        g_assert_true(iohandler_get_aio_context() != qemu_get_aio_context());
        tear_down();
        g_assert_null(qemu_get_current_aio_context());
    }
    g_assert_cmpint(test_descriptors(), ==, before);
}

typedef struct Other {
    AioContext *theirs;
    int runs;
    int ret;
    char *message;
} Other;

static void *other_main_loop(void *opaque)
{
    Other *other = opaque;
    GMainContext *context = g_main_context_new();
    QEMUBH *bh;

    unseen = true;
    g_assert_null(qemu_get_aio_context());
    qemu_notify_event(); /* nothing to notify, and no harm */
    g_main_context_push_thread_default(context);
    g_assert_cmpint(qemu_init_main_loop(&error_abort), ==, 0);
    other->theirs = qemu_get_aio_context();
    bh = qemu_bh_new(count, &other->runs);
    for (int i = 1; i <= 100; i++) {
        qemu_bh_schedule(bh);
        main_loop_wait(false);
        g_assert_cmpint(other->runs, ==, i);
    }
    qemu_bh_delete(bh);
    qemu_main_loop_destroy();
    g_assert_null(qemu_get_aio_context());
    g_main_context_pop_thread_default(context);
    g_main_context_unref(context);
    return NULL;
}

static void test_threads_have_their_own(void)
{
    Other others[3] = { 0 };
    pthread_t threads[3];
    AioContext *ours;
    int runs = 0;
    QEMUBH *bh;

    set_up();
    ours = qemu_get_aio_context();
    bh = qemu_bh_new(count, &runs);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        g_assert_cmpint(pthread_create(&threads[i], NULL, other_main_loop, &others[i]), ==, 0);
    }
    for (int i = 1; i <= 100; i++) {
        qemu_bh_schedule(bh);
        main_loop_wait(false);
        g_assert_cmpint(runs, ==, i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        pthread_join(threads[i], NULL);
        g_assert_true(others[i].theirs != ours);
        g_assert_cmpint(others[i].runs, ==, 100);
    }
    g_assert_true(qemu_get_aio_context() == ours);
    qemu_bh_delete(bh);
    tear_down();
}

static void *init_without_push(void *opaque)
{
    Other *other = opaque;
    Error *err = NULL;

    other->ret = qemu_init_main_loop(&err);
    other->message = g_strdup(error_get_pretty(err));
    error_free(err);
    g_assert_null(qemu_get_aio_context());
    return NULL;
}

static void test_two_threads_cannot_share_a_main_context(void)
{
    Other other = { 0 };
    pthread_t thread;

    set_up();
    g_assert_cmpint(pthread_create(&thread, NULL, init_without_push, &other), ==, 0);
    pthread_join(thread, NULL);
    g_assert_cmpint(other.ret, ==, -EBUSY);
    g_assert_nonnull(strstr(other.message, "GMainContext"));
    g_free(other.message);
    tear_down();
}

/* ---- for how long a turn sleeps -------------------------------------------------------------- */

static uint32_t wanted_ms;

static void shorten(Notifier *notifier G_GNUC_UNUSED, void *data)
{
    MainLoopPoll *poll = data;

    if (poll->state == MAIN_LOOP_POLL_FILL) {
        poll->timeout = MIN(poll->timeout, wanted_ms);
    }
}

static gboolean never_called(void *opaque G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static void not_yet(void *opaque G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

#define assert_sleeps_about(ms)                                  \
    do {                                                         \
        main_loop_wait(false);                                   \
        g_assert_cmpint(last_timeout, <=, (ms)*SCALE_MS);        \
        g_assert_cmpint(last_timeout, >, ((ms)-900) * SCALE_MS); \
    } while (0)

/* One after the other, each sooner than those before it. */
static void test_soonest_of_all_timeouts(void)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    Notifier notifier = { .notify = shorten };
    QEMUTimer *in_context, *in_loop;
    GSource *glib;
    int runs = 0;
    QEMUBH *bh;

    set_up();
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, ==, -1);

    main_loop_poll_add_notifier(&notifier);
    wanted_ms = 9000;
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, ==, 9000LL * SCALE_MS);

    glib = g_timeout_source_new(7000);
    g_source_set_callback(glib, never_called, NULL, NULL);
    g_source_attach(glib, NULL);
    assert_sleeps_about(7000LL);

    in_context =
        aio_timer_new(qemu_get_aio_context(), QEMU_CLOCK_REALTIME, SCALE_MS, not_yet, NULL);
    timer_mod(in_context, now + 5000);
    assert_sleeps_about(5000LL);

    in_loop = timer_new_ms(QEMU_CLOCK_REALTIME, not_yet, NULL);
    timer_mod(in_loop, now + 3000);
    assert_sleeps_about(3000LL);

    wanted_ms = 2000;
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, ==, 2000LL * SCALE_MS);

    bh = qemu_bh_new(count, &runs);
    qemu_bh_schedule_idle(bh);
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, ==, 10LL * SCALE_MS);

    main_loop_wait(true);
    g_assert_cmpint(last_timeout, ==, 0);

    qemu_bh_delete(bh);
    timer_free(in_loop);
    timer_free(in_context);
    g_source_destroy(glib);
    g_source_unref(glib);
    main_loop_poll_remove_notifier(&notifier);
    tear_down();
}

/* Less than GLib's milliseconds. */
static void test_own_timers_are_exact(void)
{
    QEMUTimer *timer;
    int runs = 0;

    set_up();
    really_sleep = true;
    timer = timer_new_ns(QEMU_CLOCK_REALTIME, count, &runs);
    timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 300 * SCALE_US);
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, >, 0);
    g_assert_cmpint(last_timeout, <=, 300 * SCALE_US);
    while (!runs) {
        main_loop_wait(false);
    }
    timer_free(timer);
    tear_down();
}

/* ---- notifiers, order ------------------------------------------------------------------------ */

static GString *trace;

/* A party with a descriptor of its own. */
typedef struct Party {
    Notifier notifier; /* first */
    EventNotifier e;
    unsigned at; /* in pollfds */
    int seen;
    bool leave;
    GArray *filled[8]; /* of the turns that are under way */
    unsigned depth;
} Party;

static void party_notify(Notifier *notifier, void *data)
{
    Party *party = container_of(notifier, Party, notifier);
    MainLoopPoll *poll = data;

    if (poll->state == MAIN_LOOP_POLL_FILL) {
        GPollFD pfd = { .fd = event_notifier_get_fd(&party->e), .events = G_IO_IN };

        for (unsigned i = 0; i < party->depth; i++) {
            g_assert_true(party->filled[i] != poll->pollfds);
        }
        party->filled[party->depth++] = poll->pollfds;
        party->at = poll->pollfds->len;
        g_array_append_val(poll->pollfds, pfd);
        g_string_append(trace, "F");
        return;
    }
    g_assert_true(party->filled[--party->depth] == poll->pollfds);
    g_string_append(trace, poll->state == MAIN_LOOP_POLL_OK ? "O" : "E");
    if (poll->state == MAIN_LOOP_POLL_OK) {
        GPollFD *pfd = &g_array_index(poll->pollfds, GPollFD, party->at);

        g_assert_cmpint(pfd->fd, ==, event_notifier_get_fd(&party->e));
        if (pfd->revents & G_IO_IN) {
            event_notifier_test_and_clear(&party->e);
            party->seen++;
        }
    }
    if (party->leave) {
        main_loop_poll_remove_notifier(notifier);
    }
}

static void party_init(Party *party)
{
    *party = (Party){ .notifier.notify = party_notify };
    g_assert_cmpint(event_notifier_init(&party->e, false), ==, 0);
    main_loop_poll_add_notifier(&party->notifier);
    trace = g_string_new("");
}

static void party_done(Party *party)
{
    event_notifier_cleanup(&party->e);
    g_string_free(trace, true);
}

static void append(void *opaque)
{
    g_string_append(trace, opaque);
}

static gboolean append_once(void *opaque)
{
    g_string_append(trace, opaque);
    return G_SOURCE_REMOVE;
}

static void test_order_of_a_turn(void)
{
    QEMUTimer *in_loop, *in_context;
    Party party;

    set_up();
    party_init(&party);
    in_loop = timer_new_ms(QEMU_CLOCK_REALTIME, append, (void *)"T");
    timer_mod(in_loop, 0);
    in_context =
        aio_timer_new(qemu_get_aio_context(), QEMU_CLOCK_REALTIME, SCALE_MS, append, (void *)"t");
    timer_mod(in_context, 0);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), append, (void *)"b");
    g_idle_add_full(G_PRIORITY_HIGH - 1, append_once, (void *)"g", NULL);
    main_loop_wait(false);
    g_assert_cmpstr(trace->str, ==, "FgOT");

    g_string_truncate(trace, 0);
    main_loop_wait(false);
    g_assert_cmpstr(trace->str, ==, "FbtO");

    main_loop_poll_remove_notifier(&party.notifier);
    timer_free(in_loop);
    timer_free(in_context);
    party_done(&party);
    tear_down();
}

static void test_notifiers_bring_descriptors(void)
{
    Party a, b;

    set_up();
    party_init(&a);
    g_string_free(trace, true);
    party_init(&b);
    event_notifier_set(&b.e);
    main_loop_wait(false);
    g_assert_cmpint(a.seen, ==, 0);
    g_assert_cmpint(b.seen, ==, 1);
    event_notifier_set(&a.e);
    main_loop_wait(false);
    g_assert_cmpint(a.seen, ==, 1);
    g_assert_cmpint(b.seen, ==, 1);
    g_assert_cmpstr(trace->str, ==, "FFOOFFOO");

    b.leave = true; /* the one that is called first */
    main_loop_wait(false);
    main_loop_wait(false);
    g_assert_cmpstr(trace->str, ==, "FFOOFFOOFFOOFO");
    main_loop_poll_remove_notifier(&a.notifier);
    event_notifier_cleanup(&a.e);
    party_done(&b);
    tear_down();
}

/* A turn that a signal has ended serves what needs no poll, and GLib stays in step. */
static void test_interrupted_poll(void)
{
    Party party;
    int runs = 0;

    set_up();
    party_init(&party);
    event_notifier_set(&party.e);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), count, &runs);
    interrupted = true;
    main_loop_wait(false);
    g_assert_cmpstr(trace->str, ==, "FE");
    g_assert_cmpint(runs, ==, 1);
    g_assert_cmpint(party.seen, ==, 0);
    main_loop_wait(false);
    g_assert_cmpstr(trace->str, ==, "FEFO");
    g_assert_cmpint(party.seen, ==, 1);
    main_loop_poll_remove_notifier(&party.notifier);
    party_done(&party);
    tear_down();
}

static void turn_again(void *opaque)
{
    int *left = opaque;

    if (--*left) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), turn_again, left);
        main_loop_wait(true);
    }
}

/* Turns inside turns do not take each other's descriptors. */
static void test_nested_turns(void)
{
    Party party;
    int left = 4;

    set_up();
    party_init(&party);
    event_notifier_set(&party.e);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), turn_again, &left);
    main_loop_wait(false);
    g_assert_cmpint(left, ==, 0);
    g_assert_cmpstr(trace->str, ==, "FFFFOOOO");
    g_assert_cmpint(party.seen, ==, 4); /* each saw it before any had cleared it */
    main_loop_wait(true);
    g_assert_cmpint(party.seen, ==, 4);
    main_loop_poll_remove_notifier(&party.notifier);
    party_done(&party);
    tear_down();
}

/* ---- GLib's descriptors ---------------------------------------------------------------------- */

#define MANY 100

static gboolean fd_ready(int fd, GIOCondition condition G_GNUC_UNUSED, void *opaque)
{
    uint64_t value;

    g_assert_cmpint(read(fd, &value, sizeof(value)), ==, sizeof(value));
    ++*(int *)opaque;
    return G_SOURCE_CONTINUE;
}

/* Their number changes from one turn to the next by a lot. */
static void test_all_of_glibs_descriptors(void)
{
    EventNotifier e[MANY];
    unsigned tags[MANY], before;
    int runs[MANY] = { 0 };
    Party party;

    set_up();
    party_init(&party);
    main_loop_wait(true);
    before = last_nfds;
    for (int i = 0; i < MANY; i++) {
        g_assert_cmpint(event_notifier_init(&e[i], true), ==, 0);
        tags[i] = g_unix_fd_add(event_notifier_get_fd(&e[i]), G_IO_IN, fd_ready, &runs[i]);
    }
    main_loop_wait(false);
    g_assert_cmpint(last_nfds, ==, before + MANY);
    for (int i = 0; i < MANY; i++) {
        g_assert_cmpint(runs[i], ==, 1);
        g_source_remove(tags[i]);
        event_notifier_cleanup(&e[i]);
    }
    event_notifier_set(&party.e);
    main_loop_wait(false);
    g_assert_cmpint(last_nfds, ==, before);
    g_assert_cmpint(party.seen, ==, 1);
    main_loop_poll_remove_notifier(&party.notifier);
    party_done(&party);
    tear_down();
}

/* ---- handlers, bottom halves, notification --------------------------------------------------- */

typedef struct Pipe {
    int fds[2];
    int reads, writables;
} Pipe;

static void pipe_read(void *opaque)
{
    Pipe *p = opaque;
    char c;

    g_assert_cmpint(read(p->fds[0], &c, 1), ==, 1);
    p->reads++;
}

static void pipe_writable(void *opaque)
{
    Pipe *p = opaque;

    p->writables++;
    qemu_set_fd_handler(p->fds[1], NULL, NULL, NULL);
}

static void test_fd_handlers(void)
{
    Pipe p = { 0 };

    set_up();
    g_assert_cmpint(pipe(p.fds), ==, 0);
    qemu_set_fd_handler(p.fds[0], pipe_read, NULL, &p);
    qemu_set_fd_handler(p.fds[1], NULL, pipe_writable, &p);
    while (!p.writables) {
        main_loop_wait(false);
    }
    g_assert_cmpint(write(p.fds[1], "x", 1), ==, 1);

    /* Who waits for a request does not serve them. */
    test_poll_idle(qemu_get_aio_context());
    g_assert_cmpint(p.reads, ==, 0);
    while (!p.reads) {
        main_loop_wait(false);
    }
    qemu_set_fd_handler(p.fds[0], NULL, NULL, NULL);
    g_assert_cmpint(write(p.fds[1], "x", 1), ==, 1);
    for (int i = 0; i < 3; i++) {
        main_loop_wait(true);
    }
    g_assert_cmpint(p.reads, ==, 1);
    g_assert_cmpint(p.writables, ==, 1);
    close(p.fds[0]);
    close(p.fds[1]);
    tear_down();
}

static void ran(void *opaque)
{
    *(bool *)opaque = true;
}

static void *schedule(void *opaque)
{
    qemu_bh_schedule(opaque);
    return NULL;
}

static void *arm(void *opaque)
{
    timer_mod_ns(opaque, 0);
    return NULL;
}

/* Another thread reaches a sleeping main loop by a bottom half, and by a timer of the loop's own.
 */
static void test_other_threads_wake_it(void)
{
    bool bh_ran = false, timer_ran = false;
    pthread_t thread;
    QEMUTimer *timer;
    QEMUBH *bh;

    set_up();
    really_sleep = true;
    bh = qemu_bh_new(ran, &bh_ran);
    timer = timer_new_ns(QEMU_CLOCK_REALTIME, ran, &timer_ran);
    for (int i = 0; i < 50; i++) {
        bh_ran = timer_ran = false;
        g_assert_cmpint(pthread_create(&thread, NULL, i & 1 ? schedule : arm,
                                       i & 1 ? (void *)bh : (void *)timer),
                        ==, 0);
        while (!bh_ran && !timer_ran) {
            main_loop_wait(false);
        }
        pthread_join(thread, NULL);
    }
    timer_free(timer);
    qemu_bh_delete(bh);
    tear_down();
}

static void test_notify_event(void)
{
    set_up();
    qemu_notify_event();
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, ==, 0);
    main_loop_wait(false);
    g_assert_cmpint(last_timeout, ==, -1);
    tear_down();
}

static int alarms;

static void on_alarm(int sig G_GNUC_UNUSED)
{
    alarms++;
    qemu_notify_event();
}

/* Whenever the signal comes, while the loop sleeps or just before, the loop comes back. */
static void test_notify_event_from_signal_handler(void)
{
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, old;

    set_up();
    really_sleep = true;
    sigaction(SIGALRM, &action, &old);
    for (int i = 1; i <= 200; i++) {
        struct itimerval soon = { .it_value.tv_usec = 1 + i * 2 };

        setitimer(ITIMER_REAL, &soon, NULL);
        while (alarms < i) {
            main_loop_wait(false);
        }
    }
    sigaction(SIGALRM, &old, NULL);
    tear_down();
}

/* A source of high priority keeps GLib from checking ours; what its callback schedules is cheap all
 * the same, for the loop knows that it is awake. */
static gboolean schedule_and_look(void *opaque)
{
    AioContext *ctx = qemu_get_aio_context();

    g_assert_cmpint(qatomic_read(&ctx->notify_me), ==, 0);
    qemu_bh_schedule(opaque);
    return G_SOURCE_REMOVE;
}

static void test_awake_after_poll(void)
{
    GSource *urgent = g_timeout_source_new(1);
    int runs = 0;
    QEMUBH *bh;

    set_up();
    bh = qemu_bh_new(count, &runs);
    g_source_set_priority(urgent, G_PRIORITY_HIGH);
    g_source_set_callback(urgent, schedule_and_look, bh, NULL);
    g_source_attach(urgent, NULL);
    really_sleep = true;
    while (!runs) {
        main_loop_wait(false);
    }
    g_source_unref(urgent);
    qemu_bh_delete(bh);
    tear_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/main-loop/init", test_init_and_destroy);
    g_test_add_func("/main-loop/threads", test_threads_have_their_own);
    g_test_add_func("/main-loop/shared_main_context", test_two_threads_cannot_share_a_main_context);
    g_test_add_func("/main-loop/timeouts", test_soonest_of_all_timeouts);
    g_test_add_func("/main-loop/own_timers", test_own_timers_are_exact);
    g_test_add_func("/main-loop/order", test_order_of_a_turn);
    g_test_add_func("/main-loop/notifiers", test_notifiers_bring_descriptors);
    g_test_add_func("/main-loop/interrupted", test_interrupted_poll);
    g_test_add_func("/main-loop/nested", test_nested_turns);
    g_test_add_func("/main-loop/glib_descriptors", test_all_of_glibs_descriptors);
    g_test_add_func("/main-loop/fd_handlers", test_fd_handlers);
    g_test_add_func("/main-loop/other_threads", test_other_threads_wake_it);
    g_test_add_func("/main-loop/notify_event", test_notify_event);
    g_test_add_func("/main-loop/notify_event/signal", test_notify_event_from_signal_handler);
    g_test_add_func("/main-loop/awake", test_awake_after_poll);
    return g_test_run();
}
