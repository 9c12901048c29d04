/* CoRwlock: who shares, who waits, in which order; upgrade, downgrade; threads; misuse.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/co-rwlock.h"
#include "util.h"

/* A coroutine that does what its program says, one letter at a time, and notes what it has done:
 *
 *     r rdlock   w wrlock   u upgrade   d downgrade   x unlock   . yield
 */
typedef struct Actor {
    CoRwlock *lock;
    GString *log;
    char name;
    const char *program;
    Coroutine *co;
} Actor;

static void coroutine_fn actor_entry(void *opaque)
{
    Actor *a = opaque;

    for (const char *step = a->program; *step; step++) {
        switch (*step) {
        case 'r':
            qemu_co_rwlock_rdlock(a->lock);
            break;
        case 'w':
            qemu_co_rwlock_wrlock(a->lock);
            break;
        case 'u':
            qemu_co_rwlock_upgrade(a->lock);
            break;
        case 'd':
            qemu_co_rwlock_downgrade(a->lock);
            break;
        case 'x':
            qemu_co_rwlock_unlock(a->lock);
            break;
        default:
            qemu_coroutine_yield();
            continue;
        }
        g_string_append_printf(a->log, "%c%c ", a->name, *step);
    }
}

typedef struct Stage {
    CoRwlock lock;
    GString *log;
    Actor actors[6];
} Stage;

/* Actors a, b, ... with these programs, up to NULL; each enters the stage when it is named below.
 */
static void stage_init(Stage *s, const char *const *programs)
{
    qemu_co_rwlock_init(&s->lock);
    s->log = g_string_new(NULL);
    for (int i = 0; programs[i]; i++) {
        s->actors[i] =
            (Actor){ .lock = &s->lock, .log = s->log, .name = 'a' + i, .program = programs[i] };
        s->actors[i].co = qemu_coroutine_create(actor_entry, &s->actors[i]);
    }
}

/* Enter the actors with these names, in this order; what they do as a consequence is @expected. */
static void stage_play(Stage *s, const char *names, const char *expected)
{
    g_string_truncate(s->log, 0);
    for (; *names; names++) {
        qemu_coroutine_enter(s->actors[*names - 'a'].co);
    }
    g_assert_cmpstr(s->log->str, ==, expected);
}

static void stage_end(Stage *s)
{
    g_assert_cmpint(s->lock.owners, ==, 0);
    g_assert_true(QSIMPLEQ_EMPTY(&s->lock.tickets));
    g_string_free(s->log, true);
}

#define STAGE(s, ...) stage_init(&(s), (const char *const[]){ __VA_ARGS__, NULL })

static void test_readers_share(void)
{
    Stage s;

    STAGE(s, "r.x", "r.x", "r.x");
    stage_play(&s, "abc", "ar br cr ");
    stage_play(&s, "bac", "bx ax cx ");
    stage_end(&s);
}

static void test_writer_is_alone(void)
{
    Stage s;

    STAGE(s, "w.x", "r.x", "w.x");
    stage_play(&s, "abc", "aw ");
    stage_play(&s, "a", "ax br ");
    stage_play(&s, "b", "bx cw ");
    stage_play(&s, "c", "cx ");
    stage_end(&s);
}

/* d could read with a, but b waits to write. */
static void test_writer_is_not_starved(void)
{
    Stage s;

    STAGE(s, "r.x", "w.x", "r.x", "r.x", "w.x", "r.x");
    stage_play(&s, "abcdef", "ar ");
    stage_play(&s, "a", "ax bw ");
    stage_play(&s, "b", "bx cr dr ");
    stage_play(&s, "d", "dx ");
    stage_play(&s, "c", "cx ew ");
    stage_play(&s, "e", "ex fr ");
    stage_play(&s, "f", "fx ");
    stage_end(&s);
}

static void test_upgrade_at_once(void)
{
    Stage s;

    STAGE(s, "ru.x", "r.x");
    stage_play(&s, "ab", "ar au ");
    stage_play(&s, "a", "ax br ");
    stage_play(&s, "b", "bx ");
    stage_end(&s);
}

static void test_upgrade_waits_for_readers(void)
{
    Stage s;

    STAGE(s, "r.u.x", "r.x", "r.x");
    stage_play(&s, "ab", "ar br ");
    stage_play(&s, "a", "");
    stage_play(&s, "c", ""); /* in line behind the upgrade */
    stage_play(&s, "b", "bx au ");
    stage_play(&s, "a", "ax cr ");
    stage_play(&s, "c", "cx ");
    stage_end(&s);
}

/* A writer that came before the upgrade writes before it. */
static void test_upgrade_lets_writers_in(void)
{
    Stage s;

    STAGE(s, "r.u.x", "w.x");
    stage_play(&s, "ab", "ar ");
    stage_play(&s, "a", "bw ");
    stage_play(&s, "b", "bx au ");
    stage_play(&s, "a", "ax ");
    stage_end(&s);
}

/* Each gives up reading, so they do not wait for each other. */
static void test_two_upgrade(void)
{
    Stage s;

    STAGE(s, "r.u.x", "r.u.x");
    stage_play(&s, "ab", "ar br ");
    stage_play(&s, "ab", "au ");
    stage_play(&s, "a", "ax bu ");
    stage_play(&s, "b", "bx ");
    stage_end(&s);
}

static void test_downgrade(void)
{
    Stage s;

    STAGE(s, "w.d.x", "r.x", "r.x", "w.x", "r.x");
    stage_play(&s, "abcde", "aw ");
    stage_play(&s, "a", "ad br cr ");
    stage_play(&s, "ab", "ax bx ");
    stage_play(&s, "c", "cx dw ");
    stage_play(&s, "d", "dx er ");
    stage_play(&s, "e", "ex ");
    stage_end(&s);
}

/* A writer is next in line: it waits for the reader that was a writer. */
static void test_downgrade_keeps_writers_out(void)
{
    Stage s;

    STAGE(s, "w.d.x", "w.x");
    stage_play(&s, "ab", "aw ");
    stage_play(&s, "a", "ad ");
    stage_play(&s, "a", "ax bw ");
    stage_play(&s, "b", "bx ");
    stage_end(&s);
}

static void test_in_context(void)
{
    AioContext *ctx = test_context_new();

    test_writer_is_not_starved();
    test_upgrade_lets_writers_in();
    test_downgrade();
    test_context_free(ctx);
}

/* ---- misuse -------------------------------------------------------------------------------- */

static void play_alone(const char *program)
{
    Stage s;

    STAGE(s, program);
    stage_play(&s, "a", "");
}

static void test_unlock_aborts(void)
{
    if (g_test_subprocess()) {
        play_alone("x");
        return;
    }
    test_child_aborts(
        "*qemu_co_rwlock_unlock: coroutine 0x* calls it on CoRwlock 0x*, which nobody "
        "has*");
}

static void test_upgrade_aborts(void)
{
    if (g_test_subprocess()) {
        play_alone("wu");
        return;
    }
    test_child_aborts("*qemu_co_rwlock_upgrade: coroutine 0x* calls it on CoRwlock 0x*, which "
                      "nobody reads*");
}

static void test_downgrade_aborts(void)
{
    if (g_test_subprocess()) {
        play_alone("rd");
        return;
    }
    test_child_aborts("*qemu_co_rwlock_downgrade: coroutine 0x* calls it on CoRwlock 0x*, which "
                      "nobody writes*");
}

/* ---- threads ------------------------------------------------------------------------------- */

#define HOMES  3
#define CROWD  8 /* coroutines per home */
#define ROUNDS 300

typedef struct Crowd {
    CoRwlock lock;
    int64_t a, b; /* equal but while somebody writes; no atomics, so that TSan looks at them */
    int readers, writers; /* inside; atomic */
    int left;             /* atomic */
    int done;
} Crowd;

/* Go on from the loop. */
static void coroutine_fn reschedule(void)
{
    Coroutine *self = qemu_coroutine_self();

    aio_co_schedule(qemu_coroutine_get_aio_context(self), self);
    qemu_coroutine_yield();
}

static void coroutine_fn crowd_read(Crowd *c)
{
    qatomic_inc(&c->readers);
    g_assert_cmpint(qatomic_read(&c->writers), ==, 0);
    g_assert_cmpint(c->a, ==, c->b);
    reschedule();
    g_assert_cmpint(c->a, ==, c->b);
    qatomic_dec(&c->readers);
}

static void coroutine_fn crowd_write(Crowd *c)
{
    g_assert_cmpint(qatomic_fetch_inc(&c->writers), ==, 0);
    g_assert_cmpint(qatomic_read(&c->readers), ==, 0);
    c->a++;
    reschedule();
    c->b++;
    qatomic_dec(&c->writers);
}

static void coroutine_fn crowd_round(Crowd *c, int i)
{
    switch (i % 5) {
    case 0:
        qemu_co_rwlock_wrlock(&c->lock);
        crowd_write(c);
        break;
    case 1:
        qemu_co_rwlock_rdlock(&c->lock);
        crowd_read(c);
        qemu_co_rwlock_upgrade(&c->lock);
        crowd_write(c);
        break;
    case 2:
        qemu_co_rwlock_wrlock(&c->lock);
        crowd_write(c);
        qemu_co_rwlock_downgrade(&c->lock);
        crowd_read(c);
        break;
    default:
        qemu_co_rwlock_rdlock(&c->lock);
        crowd_read(c);
        break;
    }
    qemu_co_rwlock_unlock(&c->lock);
}

static void coroutine_fn crowd_entry(void *opaque)
{
    Crowd *c = opaque;
    AioContext *ctx = qemu_get_current_aio_context();

    for (int i = 0; i < ROUNDS; i++) {
        crowd_round(c, i);
        g_assert_true(qemu_get_current_aio_context() == ctx);
    }
    if (qatomic_fetch_dec(&c->left) == 1) {
        qatomic_store_release(&c->done, 1);
    }
}

static void test_crowd(void)
{
    TestHome homes[HOMES];
    Crowd c = { .left = HOMES * CROWD };

    qemu_co_rwlock_init(&c.lock);
    for (int i = 0; i < HOMES; i++) {
        test_home_start(&homes[i]);
    }
    for (int i = 0; i < HOMES * CROWD; i++) {
        aio_co_schedule(homes[i % HOMES].ctx, qemu_coroutine_create(crowd_entry, &c));
    }
    TEST_WAIT_FOR(c.done);
    for (int i = 0; i < HOMES; i++) {
        test_home_stop(&homes[i]);
    }
    g_assert_cmpint(c.a, ==, HOMES * CROWD * ROUNDS / 5 * 3);
    g_assert_cmpint(c.b, ==, c.a);
    g_assert_cmpint(c.lock.owners, ==, 0);
}

static const TestBackendCase cases[] = {
    { "readers-share", test_readers_share },
    { "writer-is-alone", test_writer_is_alone },
    { "writer-is-not-starved", test_writer_is_not_starved },
    { "upgrade-at-once", test_upgrade_at_once },
    { "upgrade-waits-for-readers", test_upgrade_waits_for_readers },
    { "upgrade-lets-writers-in", test_upgrade_lets_writers_in },
    { "two-upgrade", test_two_upgrade },
    { "downgrade", test_downgrade },
    { "downgrade-keeps-writers-out", test_downgrade_keeps_writers_out },
    { "in-context", test_in_context },
    { "unlock-aborts", test_unlock_aborts },
    { "upgrade-aborts", test_upgrade_aborts },
    { "downgrade-aborts", test_downgrade_aborts },
    { "crowd", test_crowd },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        test_add_for_backends("co-rwlock", &cases[i]);
    }
    return g_test_run();
}
