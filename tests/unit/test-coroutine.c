/* Tests of coroutines: states, nesting, wake-ups, the switch itself, threads; all for each backend.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "coroutine/coroutine.h"
#include "coroutine/coroutine_int.h"
#include "util.h"

#include <signal.h>

/* TSan allows some 8000 fibers and threads; valgrind walks a list of all stacks at each switch. */
static unsigned many(void)
{
#ifdef COROUTINE_TSAN
    return 1000;
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    if (RUNNING_ON_VALGRIND) {
        return 300;
    }
#endif
    return 10000;
}

/* --- states --- */

typedef struct States {
    Coroutine *self;
    bool inside;
    bool entered;
    int step;
} States;

static void coroutine_fn states_fn(void *opaque)
{
    States *s = opaque;

    s->self = qemu_coroutine_self();
    s->inside = qemu_in_coroutine();
    s->entered = qemu_coroutine_entered(s->self);
    s->step = 1;
    qemu_coroutine_yield();
    s->step = 2;
    qemu_coroutine_yield();
    s->step = 3;
}

static void test_states(void)
{
    States s = { 0 };
    Coroutine *co = qemu_coroutine_create(states_fn, &s);
    Coroutine *outside = qemu_coroutine_self();

    g_assert_cmpint(s.step, ==, 0);
    g_assert_false(qemu_in_coroutine());
    g_assert_false(qemu_coroutine_entered(co));
    g_assert_true(co->entry == states_fn && co->entry_arg == &s);

    qemu_coroutine_enter(co);
    g_assert_cmpint(s.step, ==, 1);
    g_assert_true(s.self == co);
    g_assert_true(s.inside);
    g_assert_true(s.entered);
    g_assert_false(qemu_in_coroutine());
    g_assert_false(qemu_coroutine_entered(co));
    g_assert_true(qemu_coroutine_self() == outside);
    g_assert_true(co->entry == states_fn && co->entry_arg == &s);

    qemu_coroutine_enter(co);
    g_assert_cmpint(s.step, ==, 2);
    qemu_coroutine_enter(co);
    g_assert_cmpint(s.step, ==, 3);
    g_assert_false(qemu_in_coroutine());
}

static void coroutine_fn context_fn(void *opaque)
{
    AioContext **seen = opaque;

    *seen = qemu_coroutine_get_aio_context(qemu_coroutine_self());
    qemu_coroutine_yield();
    *seen = qemu_coroutine_get_aio_context(qemu_coroutine_self());
}

static void test_context(void)
{
    AioContext *one = (AioContext *)0x1000, *two = (AioContext *)0x2000, *seen = NULL;
    Coroutine *co = qemu_coroutine_create(context_fn, &seen);

    qemu_set_current_aio_context(one);
    qemu_coroutine_enter(co);
    g_assert_true(seen == one);
    g_assert_true(qemu_coroutine_get_aio_context(co) == one);
    qemu_aio_coroutine_enter(two, co);
    g_assert_true(seen == two);
    qemu_set_current_aio_context(NULL);
}

static void coroutine_fn inactive_fn(void *opaque)
{
    int *steps = opaque;

    ++*steps;
    qemu_coroutine_enter_if_inactive(qemu_coroutine_self());
    qemu_coroutine_yield();
    ++*steps;
}

static void test_enter_if_inactive(void)
{
    int steps = 0;
    Coroutine *co = qemu_coroutine_create(inactive_fn, &steps);

    qemu_coroutine_enter_if_inactive(co);
    g_assert_cmpint(steps, ==, 1);
    qemu_coroutine_enter_if_inactive(co);
    g_assert_cmpint(steps, ==, 2);
}

/* --- nesting --- */

typedef struct Nest {
    unsigned depth, max;
    unsigned left;
    Coroutine *outer;
} Nest;

static void coroutine_fn nest_fn(void *opaque)
{
    Nest *n = opaque;
    Coroutine *self = qemu_coroutine_self();
    Coroutine *outer = n->outer;
    unsigned depth = ++n->depth;

    g_assert_true(!outer || qemu_coroutine_entered(outer));
    if (depth < n->max) {
        n->outer = self;
        qemu_coroutine_enter(qemu_coroutine_create(nest_fn, n));
    }
    g_assert_cmpuint(depth, ==, n->max - n->left);
    g_assert_true(qemu_coroutine_self() == self);
    n->left++;
}

static void test_nesting(void)
{
    for (int again = 0; again < 2; again++) {
        Nest n = { .max = many() };

        qemu_coroutine_enter(qemu_coroutine_create(nest_fn, &n));
        g_assert_cmpuint(n.depth, ==, n.max);
        g_assert_cmpuint(n.left, ==, n.max);
    }
}

static void coroutine_fn alternate_fn(void *opaque)
{
    unsigned *left = opaque;

    if (--*left > 0) {
        Coroutine *inner;

        /* The other kind where both are built. */
        qemu_coroutine_set_backend(*left % 2 ? COROUTINE_BACKEND_ASM : COROUTINE_BACKEND_UCONTEXT);
        inner = qemu_coroutine_create(alternate_fn, left);
        qemu_coroutine_enter(inner);
        qemu_coroutine_yield();
        qemu_coroutine_enter(inner);
    } else {
        qemu_coroutine_yield();
    }
}

static void test_backends_nest(void)
{
    unsigned left = 20;
    Coroutine *co = qemu_coroutine_create(alternate_fn, &left);

    qemu_coroutine_enter(co);
    g_assert_cmpuint(left, ==, 0);
    qemu_coroutine_enter(co);
    g_assert_false(qemu_in_coroutine());
}

/* --- wake-ups --- */

typedef struct Waker {
    const char *name;
    GString *log;
    bool yields;
    struct Waker *wakes[2];
    Coroutine *co;
} Waker;

static void coroutine_fn waker_fn(void *opaque)
{
    Waker *w = opaque;

    g_string_append(w->log, w->name);
    for (int i = 0; i < 2 && w->wakes[i]; i++) {
        QSIMPLEQ_INSERT_TAIL(&qemu_coroutine_self()->co_queue_wakeup, w->wakes[i]->co,
                             co_queue_next);
    }
    g_string_append(w->log, ".");
    if (w->yields) {
        qemu_coroutine_yield();
        g_string_append(w->log, w->name);
    }
}

/* a wakes b and c, b wakes d: d goes before c, and nobody before its waker has left. */
static void check_wakeups(bool yields)
{
    GString *log = g_string_new(NULL);
    Waker d = { .name = "d", .log = log, .yields = yields };
    Waker c = { .name = "c", .log = log, .yields = yields };
    Waker b = { .name = "b", .log = log, .yields = yields, .wakes = { &d } };
    Waker a = { .name = "a", .log = log, .yields = yields, .wakes = { &b, &c } };
    Waker *all[] = { &a, &b, &c, &d };

    for (int i = 0; i < 4; i++) {
        all[i]->co = qemu_coroutine_create(waker_fn, all[i]);
    }
    qemu_coroutine_enter(a.co);
    g_assert_cmpstr(log->str, ==, "a.b.d.c.");
    if (yields) {
        for (int i = 0; i < 4; i++) {
            qemu_coroutine_enter(all[i]->co);
        }
        g_assert_cmpstr(log->str, ==, "a.b.d.c.abcd");
    }
    g_string_free(log, TRUE);
}

static void test_wakeups(void)
{
    check_wakeups(false);
    check_wakeups(true);
}

static void coroutine_fn wakeup_caller_fn(void *opaque)
{
    Waker *w = opaque;

    g_string_append(w->log, "(");
    qemu_coroutine_enter(w->co);
    g_string_append(w->log, ")");
}

/* What a coroutine wakes is entered by its enterer, also when that is a coroutine. */
static void test_wakeups_nested(void)
{
    GString *log = g_string_new(NULL);
    Waker b = { .name = "b", .log = log };
    Waker a = { .name = "a", .log = log, .wakes = { &b } };

    b.co = qemu_coroutine_create(waker_fn, &b);
    a.co = qemu_coroutine_create(waker_fn, &a);
    qemu_coroutine_enter(qemu_coroutine_create(wakeup_caller_fn, &a));
    g_assert_cmpstr(log->str, ==, "(a.b.)");
    g_string_free(log, TRUE);
}

/* --- misuse --- */

static void coroutine_fn enter_self_fn(void *opaque G_GNUC_UNUSED)
{
    qemu_coroutine_enter(qemu_coroutine_self());
}

static void test_enter_self(void)
{
    if (g_test_subprocess()) {
        qemu_coroutine_enter(qemu_coroutine_create(enter_self_fn, NULL));
        return;
    }
    test_child_aborts("*coroutine 0x* is already entered by thread 0x*; coroutine 0x* cannot*");
}

static void coroutine_fn enter_fn(void *opaque)
{
    qemu_coroutine_enter(opaque ? opaque : qemu_coroutine_create(enter_fn, qemu_coroutine_self()));
}

static void test_enter_enterer(void)
{
    if (g_test_subprocess()) {
        qemu_coroutine_enter(qemu_coroutine_create(enter_fn, NULL));
        return;
    }
    test_child_aborts("*coroutine 0x* is already entered by thread 0x*; coroutine 0x* cannot*");
}

static void test_enter_scheduled(void)
{
    if (g_test_subprocess()) {
        int steps = 0;
        Coroutine *co = qemu_coroutine_create(inactive_fn, &steps);

        co->scheduled = "some_function";
        qemu_coroutine_enter(co);
        return;
    }
    test_child_aborts("*coroutine 0x* is already scheduled in 'some_function'; thread 0x* cannot*");
}

static void test_yield_outside(void)
{
    if (g_test_subprocess()) {
        qemu_coroutine_yield();
        return;
    }
    test_child_aborts("*yield: called outside of a coroutine*");
}

/* --- the switch --- */

#if defined(__x86_64__)
/* uint64_t call_with_registers(void (*fn)(void *), void *arg, uint64_t seed): call fn(arg) with the
 * callee-saved registers holding seed + 1, ..., seed + 6; returns how many came back changed. */
uint64_t call_with_registers(void (*fn)(void *), void *arg, uint64_t seed);
__asm__(".text\n"
        "call_with_registers:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    push %rdx\n"
        "    mov %rdi, %rax; mov %rsi, %rdi\n"
        "    lea 1(%rdx), %rbx; lea 2(%rdx), %rbp; lea 3(%rdx), %r12\n"
        "    lea 4(%rdx), %r13; lea 5(%rdx), %r14; lea 6(%rdx), %r15\n"
        "    call *%rax\n"
        "    pop %rdx\n"
        "    xor %eax, %eax\n"
        "    inc %rdx; cmp %rdx, %rbx; je 1f; inc %eax; 1:\n"
        "    inc %rdx; cmp %rdx, %rbp; je 1f; inc %eax; 1:\n"
        "    inc %rdx; cmp %rdx, %r12; je 1f; inc %eax; 1:\n"
        "    inc %rdx; cmp %rdx, %r13; je 1f; inc %eax; 1:\n"
        "    inc %rdx; cmp %rdx, %r14; je 1f; inc %eax; 1:\n"
        "    inc %rdx; cmp %rdx, %r15; je 1f; inc %eax; 1:\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n");
#else
/* Elsewhere the compiler's own use of the registers has to do. */
static uint64_t call_with_registers(void (*fn)(void *), void *arg, uint64_t seed G_GNUC_UNUSED)
{
    fn(arg);
    return 0;
}
#endif

static void registers_enter(void *co)
{
    qemu_coroutine_enter(co);
}

static void coroutine_fn registers_yield(void *opaque G_GNUC_UNUSED)
{
    qemu_coroutine_yield();
}

static void coroutine_fn registers_fn(void *opaque)
{
    uint64_t *changed = opaque;

    for (int i = 0; i < 3; i++) {
        *changed += call_with_registers(registers_yield, NULL, 1000 + 10 * i);
    }
}

static void test_registers(void)
{
    uint64_t changed = 0;
    Coroutine *co = qemu_coroutine_create(registers_fn, &changed);

    for (int i = 0; i < 4; i++) {
        changed += call_with_registers(registers_enter, co, 2000 + 10 * i);
    }
    g_assert_cmpuint(changed, ==, 0);
}

typedef struct Sum {
    volatile int64_t n;
    volatile double x;
    int64_t sum;
    double product;
} Sum;

/* More values than registers, computed before and used after each switch. */
static void coroutine_fn locals_fn(void *opaque)
{
    Sum *s = opaque;
    int64_t a = s->n, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13, g = a * 17;
    double u = s->x, v = u * 3, w = u * 5, x = u * 7, y = u * 11, z = u * 13;

    for (int i = 0; i < 10; i++) {
        qemu_coroutine_yield();
        s->sum = a + b + c + d + e + f + g;
        s->product = u + v + w + x + y + z;
        a++, b++, c++, d++, e++, f++, g++;
        u++, v++, w++, x++, y++, z++;
    }
}

static void test_locals(void)
{
    Sum s[2] = { { .n = 1, .x = 0.5 }, { .n = -100000000000, .x = 1e9 } };
    Coroutine *co[2];

    for (int i = 0; i < 2; i++) {
        co[i] = qemu_coroutine_create(locals_fn, &s[i]);
        qemu_coroutine_enter(co[i]);
    }
    for (int n = 0; n < 10; n++) {
        for (int i = 0; i < 2; i++) {
            qemu_coroutine_enter(co[i]);
            g_assert_cmpint(s[i].sum, ==, 57 * s[i].n + 7 * n);
            g_assert_cmpfloat(s[i].product, ==, 40 * s[i].x + 6 * n);
        }
    }
}

/* The frame pointer is where the ABI wants 16-byte alignment. */
static void coroutine_fn alignment_fn(void *opaque)
{
    uintptr_t *frame = opaque;

    *frame = (uintptr_t)__builtin_frame_address(0);
    qemu_coroutine_yield();
}

static void test_alignment(void)
{
    uintptr_t frame = 1;
    Coroutine *co = qemu_coroutine_create(alignment_fn, &frame);

    qemu_coroutine_enter(co);
    g_assert_cmpuint(frame % 16, ==, 0);
    g_assert_cmpuint((uintptr_t)co % 64, ==, 0);
    g_assert_cmpuint(frame, <, (uintptr_t)co);
    g_assert_cmpuint(frame, >, (uintptr_t)co - 4096);
    qemu_coroutine_enter(co);
}

/* --- stack overflow --- */

static Coroutine *overflowing;

static void on_sigsegv(int sig G_GNUC_UNUSED, siginfo_t *info, void *context G_GNUC_UNUSED)
{
    char *guard = overflowing->map;
    char *addr = info->si_addr;
    const char *say = addr >= guard && addr < (char *)overflowing->stack ? "in guard" : "elsewhere";

    _exit(write(STDOUT_FILENO, say, strlen(say)) < 0);
}

static unsigned recurse(volatile char *outer, unsigned depth)
{
    volatile char frame[512];

    frame[0] = outer[0] + 1;
    return depth ? recurse(frame, depth - 1) + frame[0] : 0;
}

static void coroutine_fn overflow_fn(void *opaque G_GNUC_UNUSED)
{
    volatile char c = 0;

    recurse(&c, 1000000);
}

static void overflow(void)
{
    static char handler_stack[65536];
    stack_t altstack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
    struct sigaction sa = { .sa_sigaction = on_sigsegv, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigaltstack(&altstack, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    overflowing = qemu_coroutine_create(overflow_fn, NULL);
    qemu_coroutine_enter(overflowing);
}

static void test_overflow(void)
{
    if (test_is_watched()) {
        g_test_skip("sanitizers and valgrind handle SIGSEGV themselves");
        return;
    }
    if (g_test_subprocess()) {
        overflow();
        return;
    }
    if (test_run_in_child()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stdout("*in guard*");
    }
}

/* Most of the 64 KiB are there. */
static void coroutine_fn deep_fn(void *opaque)
{
    volatile char buf[56 * 1024];

    for (size_t i = 0; i < sizeof(buf); i += 1024) {
        buf[i] = 1;
    }
    *(bool *)opaque = buf[0] == 1;
}

static void test_deep(void)
{
    bool done = false;

    qemu_coroutine_enter(qemu_coroutine_create(deep_fn, &done));
    g_assert_true(done);
}

/* --- threads --- */

static AioContext *thread_context(int n)
{
    return (AioContext *)(uintptr_t)(0x1000 * (n + 1));
}

/* Each step runs in another thread; thread-local state must be that thread's. */
static void coroutine_fn travel_fn(void *opaque)
{
    int *step = opaque;
    Coroutine *self = qemu_coroutine_self();

    for (*step = 0; *step < 6;) {
        g_assert_true(qemu_get_current_aio_context() == thread_context(*step));
        g_assert_true(qemu_coroutine_get_aio_context(self) == thread_context(*step));
        g_assert_true(qemu_coroutine_self() == self);
        g_assert_true(qemu_in_coroutine());
        ++*step;
        qemu_coroutine_yield();
    }
}

typedef struct Travel {
    Coroutine *co;
    int step;
} Travel;

static void *travel_thread(void *opaque)
{
    Travel *t = opaque;

    qemu_set_current_aio_context(thread_context(t->step));
    qemu_coroutine_enter(t->co);
    g_assert_false(qemu_in_coroutine());
    return NULL;
}

static void test_moves_between_threads(void)
{
    Travel t = { .step = 0 };

    t.co = qemu_coroutine_create(travel_fn, &t.step);
    for (int i = 0; i < 7; i++) {
        g_thread_join(g_thread_new("travel", travel_thread, &t));
        g_assert_cmpint(t.step, ==, MIN(i + 1, 6));
    }
}

/* --- */

typedef struct Case {
    const char *name;
    void (*run)(void);
} Case;

static const Case cases[] = {
    { "states", test_states },
    { "context", test_context },
    { "enter-if-inactive", test_enter_if_inactive },
    { "nesting", test_nesting },
    { "backends-nest", test_backends_nest },
    { "wakeups", test_wakeups },
    { "wakeups-nested", test_wakeups_nested },
    { "enter-self", test_enter_self },
    { "enter-enterer", test_enter_enterer },
    { "enter-scheduled", test_enter_scheduled },
    { "yield-outside", test_yield_outside },
    { "registers", test_registers },
    { "locals", test_locals },
    { "alignment", test_alignment },
    { "overflow", test_overflow },
    { "deep", test_deep },
    { "threads", test_moves_between_threads },
};

static void run_asm(const void *c)
{
    if (!qemu_coroutine_set_backend(COROUTINE_BACKEND_ASM)) {
        g_test_skip("there is no asm backend for this processor");
        return;
    }
    ((const Case *)c)->run();
}

static void run_ucontext(const void *c)
{
    g_assert_true(qemu_coroutine_set_backend(COROUTINE_BACKEND_UCONTEXT));
    g_assert_cmpint(qemu_coroutine_get_backend(), ==, COROUTINE_BACKEND_UCONTEXT);
    ((const Case *)c)->run();
}

static void *default_backend_thread(void *opaque G_GNUC_UNUSED)
{
    return GINT_TO_POINTER(qemu_coroutine_get_backend());
}

/* The choice is the thread's own. */
static void test_default_backend(void)
{
    CoroutineBackend def = qemu_coroutine_get_backend();
    void *other;

    g_assert_true(qemu_coroutine_set_backend(COROUTINE_BACKEND_UCONTEXT));
    other = g_thread_join(g_thread_new("default", default_backend_thread, NULL));
    g_assert_cmpint(GPOINTER_TO_INT(other), ==, COROUTINE_BACKEND_DEFAULT);
    g_assert_true(qemu_coroutine_set_backend(def));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/coroutine/default-backend", test_default_backend);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *a = g_strconcat("/coroutine/asm/", cases[i].name, NULL);
        g_autofree char *u = g_strconcat("/coroutine/ucontext/", cases[i].name, NULL);

        g_test_add_data_func(a, &cases[i], run_asm);
        g_test_add_data_func(u, &cases[i], run_ucontext);
    }
    return g_test_run();
}
