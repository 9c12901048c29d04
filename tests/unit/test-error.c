/* Tests of the error objects: messages, errno, ownership when propagated, error_abort.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/error.h"
#include "util.h"

static void test_setg(void)
{
    Error *err = NULL;

    errno = EIO;
    error_setg(&err, "cannot open '%s'", "x");
    g_assert_cmpint(errno, ==, EIO);
    g_assert_cmpstr(error_get_pretty(err), ==, "cannot open 'x'");
    error_free(err);
    error_setg(NULL, "nobody wants to know");
    error_free(NULL);
}

static void test_setg_errno(void)
{
    g_autofree char *expected = g_strdup_printf("cannot open: %s", g_strerror(ENOENT));
    Error *err = NULL;

    errno = EIO;
    error_setg_errno(&err, ENOENT, "cannot open");
    g_assert_cmpint(errno, ==, EIO);
    g_assert_cmpstr(error_get_pretty(err), ==, expected);
    g_assert_cmpint(err->code, ==, ENOENT);
    error_free(err);
    error_setg_errno(NULL, ENOENT, "nobody wants to know");
}

static void test_propagate(void)
{
    Error *dst = NULL;
    Error *first = NULL;
    Error *second = NULL;

    error_propagate(&dst, NULL);
    g_assert_null(dst);

    error_setg(&first, "first");
    error_propagate(&dst, first);
    g_assert_true(dst == first);

    /* The earlier error stays; leak checkers see whether the later one is freed. */
    error_setg(&second, "second");
    error_propagate(&dst, second);
    g_assert_cmpstr(error_get_pretty(dst), ==, "first");

    error_propagate(NULL, dst);
}

static void test_abort(void)
{
    if (g_test_subprocess()) {
        error_setg(&error_abort, "this is a bug: %d", 7);
        return;
    }
    test_child_aborts("*this is a bug: 7*");
}

static void test_abort_propagated(void)
{
    if (g_test_subprocess()) {
        Error *err = NULL;

        error_setg(&err, "found elsewhere");
        error_propagate(&error_abort, err);
        return;
    }
    test_child_aborts("*found elsewhere*");
}

static void test_report(void)
{
    if (g_test_subprocess()) {
        Error *err = NULL;

        error_setg(&err, "one line");
        error_report_err(err);
        return;
    }
    if (test_run_in_child()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("one line\n");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/setg", test_setg);
    g_test_add_func("/error/setg-errno", test_setg_errno);
    g_test_add_func("/error/propagate", test_propagate);
    g_test_add_func("/error/abort", test_abort);
    g_test_add_func("/error/abort-propagated", test_abort_propagated);
    g_test_add_func("/error/report", test_report);
    return g_test_run();
}
