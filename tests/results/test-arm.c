/* Proves what arms and sweeps are made of what is written, and what is refused in one line.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "arm.h"
#include "option.h"
#include <glib/gstdio.h>
#include <string.h>

/* The current folder is a new one with libqaio.so and other.so in it, both empty. */
static char *folder;

static void make_folder(void)
{
    folder = g_dir_make_tmp("test-arm.XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_assert_cmpint(g_chdir(folder), ==, 0);
    g_assert_true(g_file_set_contents("libqaio.so", "", 0, NULL));
    g_assert_true(g_file_set_contents("other.so", "", 0, NULL));
}

static void remove_folder(void)
{
    g_unlink("libqaio.so");
    g_unlink("other.so");
    g_chdir("/");
    g_rmdir(folder);
    g_free(folder);
}

static Arm *parse(const char *name, const char *spec)
{
    GError *error = NULL;
    Arm *arm = arm_parse(name, spec, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(arm->name, ==, name);
    g_assert_cmpstr(arm->spec, ==, spec);
    return arm;
}

static void assert_options(char *const *options, const char *expected)
{
    g_autofree char *joined = g_strjoinv(" ", (char **)options);

    g_assert_cmpstr(joined, ==, expected);
}

static void test_fio_engine(void)
{
    Arm *arm = parse("a", "libaio");

    g_assert_cmpint(arm->kind, ==, ARM_FIO);
    g_assert_cmpstr(arm->engine, ==, "libaio");
    assert_options(arm->options, "");
    g_assert_false(arm_is_qaio(arm));
    arm_free(arm);
}

static void test_options(void)
{
    Arm *arm = parse("b", "io_uring,hipri=1,bs=4k\\,8k,exec_prerun=a=b");

    g_assert_cmpstr(arm->engine, ==, "io_uring");
    assert_options(arm->options, "hipri=1 bs=4k,8k exec_prerun=a=b");
    g_assert_cmpstr(options_get(arm->options, "hipri"), ==, "1");
    g_assert_null(options_get(arm->options, "hip"));
    arm_free(arm);
}

static void test_library(void)
{
    static const char *const specs[] = { "external:./libqaio.so", "external:libqaio.so",
                                         "./libqaio.so" };
    g_autofree char *here = g_get_current_dir();
    g_autofree char *expected = g_strdup_printf("external:%s/libqaio.so", here);

    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        Arm *arm = parse("b", specs[i]);

        g_assert_cmpstr(arm->engine, ==, expected);
        g_assert_true(arm_is_qaio(arm));
        arm_free(arm);
    }
}

static void test_other_library(void)
{
    Arm *arm = parse("b", "external:./other.so,x=1");

    g_assert_true(g_str_has_suffix(arm_library(arm->engine), "/other.so"));
    g_assert_false(arm_is_qaio(arm));
    arm_free(arm);
}

static void test_qemu_img(void)
{
    Arm *arm = parse("c", "qemu-img,aio=io_uring,cache=none");

    g_assert_cmpint(arm->kind, ==, ARM_QEMU_IMG);
    g_assert_null(arm->engine);
    assert_options(arm->options, "aio=io_uring cache=none");
    arm_free(arm);
}

static void assert_one_line(GError *error, const char *word)
{
    g_assert_error(error, ARM_ERROR, 0);
    g_assert_null(strchr(error->message, '\n'));
    g_assert_nonnull(strstr(error->message, word));
    g_error_free(error);
}

static void test_refused(void)
{
    static const struct {
        const char *spec, *word;
    } bad[] = {
        { "", "begins with an engine" },
        { ",x=1", "begins with an engine" },
        { "iodepth=4", "begins with an engine" },
        { "libaio,", "NAME=VALUE" },
        { "libaio,thread", "NAME=VALUE" },
        { "libaio,thread=", "NAME=VALUE" },
        { "libaio,=1", "NAME=VALUE" },
        { "libaio,a b=1", "NAME=VALUE" },
        { "libaio,x=1;y", "cannot hold" },
        { "libaio,x=1#y", "cannot hold" },
        { "libaio,x=1\ny=2", "cannot hold" },
        { "lib;aio", "cannot hold" },
        { "libaio,x=1,x=2", "twice" },
        { "libaio,ioengine=null", "ioengine=null" },
        { "libaio,filename=/dev/sda", "--device" },
        { "external:", "no such engine" },
        { "external:./absent.so", "absent.so" },
        { "external:.", "no such engine" },
        { "qemu-img,depth=3", "aio= and cache=" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        g_assert_null(arm_parse("b", bad[i].spec, &error));
        g_assert_true(g_str_has_prefix(error->message, "--b: "));
        assert_one_line(error, bad[i].word);
    }
}

/* Arms a (libaio), b (qaio), c (qemu-img); one case. */
typedef struct Lists {
    GPtrArray *arms, *cases;
} Lists;

static void lists_init(Lists *lists)
{
    Case *kase = g_new0(Case, 1);

    lists->arms = g_ptr_array_new_with_free_func((GDestroyNotify)arm_free);
    lists->cases = g_ptr_array_new_with_free_func((GDestroyNotify)case_free);
    g_ptr_array_add(lists->arms, parse("a", "libaio"));
    g_ptr_array_add(lists->arms, parse("b", "./libqaio.so,qaio_aio=native"));
    g_ptr_array_add(lists->arms, parse("c", "qemu-img"));
    kase->name = g_strdup("job");
    kase->job_file = g_strdup("x/job.fio");
    kase->options = g_new0(char *, 1);
    g_ptr_array_add(lists->cases, kase);
}

static void lists_clear(Lists *lists)
{
    g_ptr_array_unref(lists->arms);
    g_ptr_array_unref(lists->cases);
}

static char *arm_names(const Lists *lists)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < lists->arms->len; i++) {
        g_string_append_printf(names, "%s;", ((Arm *)lists->arms->pdata[i])->name);
    }
    return g_string_free(names, FALSE);
}

static char *case_names(const Lists *lists)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < lists->cases->len; i++) {
        g_string_append_printf(names, "%s;", ((Case *)lists->cases->pdata[i])->name);
    }
    return g_string_free(names, FALSE);
}

static void sweep(Lists *lists, const char *text)
{
    GError *error = NULL;

    sweep_apply(lists->arms, lists->cases, text, &error);
    g_assert_no_error(error);
}

static void test_sweep_arms(void)
{
    g_autofree char *names = NULL, *cases = NULL;
    Lists lists;
    Arm *arm;

    lists_init(&lists);
    sweep(&lists, "qaio_poll_max_ns=0,4000");
    names = arm_names(&lists);
    cases = case_names(&lists);
    g_assert_cmpstr(names, ==, "a;b qaio_poll_max_ns=0;b qaio_poll_max_ns=4000;c;");
    g_assert_cmpstr(cases, ==, "job;");
    arm = lists.arms->pdata[2];
    assert_options(arm->options, "qaio_aio=native qaio_poll_max_ns=4000");
    g_assert_true(arm_is_qaio(arm));
    g_assert_cmpstr(arm->spec, ==, "./libqaio.so,qaio_aio=native,qaio_poll_max_ns=4000");
    lists_clear(&lists);
}

static void test_sweep_cases(void)
{
    g_autofree char *names = NULL, *cases = NULL;
    Lists lists;
    Case *kase;

    lists_init(&lists);
    sweep(&lists, "iodepth=1,32");
    sweep(&lists, "bs=4k\\,8k,64k");
    names = arm_names(&lists);
    cases = case_names(&lists);
    g_assert_cmpstr(names, ==, "a;b;c;");
    g_assert_cmpstr(cases, ==,
                    "job iodepth=1 bs=4k,8k;job iodepth=1 bs=64k;"
                    "job iodepth=32 bs=4k,8k;job iodepth=32 bs=64k;");
    kase = lists.cases->pdata[2];
    assert_options(kase->options, "iodepth=32 bs=4k,8k");
    g_assert_cmpstr(kase->job_file, ==, "x/job.fio");
    lists_clear(&lists);
}

static void test_sweep_refused(void)
{
    static const struct {
        const char *sweep, *word;
    } bad[] = {
        { "", "NAME=VALUE" },
        { "iodepth", "NAME=VALUE" },
        { "iodepth=", "NAME=VALUE" },
        { "iodepth=1,,2", "NAME=VALUE" },
        { "iodepth=1,2#", "NAME=VALUE" },
        { "iodepth=1,2\n", "NAME=VALUE" },
        { "iodepth=1,2,1", "twice" },
        { "ioengine=libaio,null", "arms" },
        { "filename=/dev/sda,/dev/sdb", "--device" },
        { "qaio_aio=threads,native", "set already" },
    };
    Lists lists;

    lists_init(&lists);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        g_assert_false(sweep_apply(lists.arms, lists.cases, bad[i].sweep, &error));
        assert_one_line(error, bad[i].word);
    }
    g_assert_cmpuint(lists.arms->len, ==, 3);
    g_assert_cmpuint(lists.cases->len, ==, 1);
    lists_clear(&lists);
}

static void test_sweep_without_qaio(void)
{
    GError *error = NULL;
    Lists lists;

    lists_init(&lists);
    g_ptr_array_remove_index(lists.arms, 1);
    g_assert_false(sweep_apply(lists.arms, lists.cases, "qaio_aio=threads", &error));
    assert_one_line(error, "no arm has qaio's engine");
    lists_clear(&lists);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    make_folder();
    g_test_add_func("/arm/fio-engine", test_fio_engine);
    g_test_add_func("/arm/options", test_options);
    g_test_add_func("/arm/library", test_library);
    g_test_add_func("/arm/other-library", test_other_library);
    g_test_add_func("/arm/qemu-img", test_qemu_img);
    g_test_add_func("/arm/refused", test_refused);
    g_test_add_func("/sweep/arms", test_sweep_arms);
    g_test_add_func("/sweep/cases", test_sweep_cases);
    g_test_add_func("/sweep/refused", test_sweep_refused);
    g_test_add_func("/sweep/without-qaio", test_sweep_without_qaio);
    status = g_test_run();
    remove_folder();
    return status;
}
