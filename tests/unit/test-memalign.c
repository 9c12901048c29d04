/* Tests of aligned allocation: alignment, zero size, failure.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/memalign.h"
#include "util.h"
#include "coroutine/coroutine_int.h" /* which knows the sanitizers */

/* More than any address space; volatile, or compilers warn that it cannot be had. */
static volatile size_t too_much = SIZE_MAX / 2;

static void test_alignment(void)
{
    for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
        char *p = qemu_memalign(alignment, 100);

        g_assert_true(QEMU_IS_ALIGNED((uintptr_t)p, alignment));
        g_assert_true(QEMU_IS_ALIGNED((uintptr_t)p, sizeof(void *)));
        memset(p, 1, 100);
        qemu_vfree(p);
    }
}

static void test_zero(void)
{
    void *p = qemu_try_memalign(512, 0);

    g_assert_nonnull(p);
    qemu_vfree(p);
    qemu_vfree(NULL);
}

static void test_try_fails(void)
{
    g_assert_null(qemu_try_memalign(4096, too_much));
}

static void test_failure_aborts(void)
{
    if (g_test_subprocess()) {
        qemu_vfree(qemu_memalign(4096, too_much));
        return;
    }
    test_child_aborts("*cannot allocate*aligned to 4096*");
}

static void test_free_keeps_errno(void)
{
    void *p = qemu_memalign(4096, 1 << 20);

    errno = EAGAIN;
    qemu_vfree(p);
    g_assert_cmpint(errno, ==, EAGAIN);
}

/* Sanitizers and valgrind take a huge request for a bug and say so. */
static bool huge_requests_fail(void)
{
#if defined(COROUTINE_ASAN) || defined(COROUTINE_TSAN)
    return false;
#elif defined(HAVE_VALGRIND_VALGRIND_H)
    return !RUNNING_ON_VALGRIND;
#else
    return true;
#endif
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memalign/alignment", test_alignment);
    g_test_add_func("/memalign/zero", test_zero);
    if (huge_requests_fail()) {
        g_test_add_func("/memalign/try-fails", test_try_fails);
        g_test_add_func("/memalign/failure-aborts", test_failure_aborts);
    }
    g_test_add_func("/memalign/free-keeps-errno", test_free_keeps_errno);
    return g_test_run();
}
