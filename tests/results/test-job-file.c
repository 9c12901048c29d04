/* Proves what is read in job files, and that in a derived one the arm, the sweep and the device
 * win. SPDX-License-Identifier: GPL-2.0-or-later */
#include "arm.h"
#include "job-file.h"
#include "job-line.h"
#include <glib/gstdio.h>
#include <string.h>

/* The current folder, a new one. */
static char *folder;

static void write_file(const char *name, const char *text)
{
    g_assert_true(g_file_set_contents(name, text, -1, NULL));
}

static JobFile *jobs_of(const char *text)
{
    GError *error = NULL;
    JobFile *jobs;

    write_file("job.fio", text);
    jobs = job_file_read("job.fio", &error);
    g_assert_no_error(error);
    return jobs;
}

static void assert_option(const JobFile *jobs, guint job, const char *name, const char *expected)
{
    g_autofree char *value = job_file_get(jobs, job, name);

    g_assert_cmpstr(value, ==, expected);
}

static void test_sections(void)
{
    JobFile *jobs = jobs_of("; comment\n\n[global]\n rw = randread # as it was\nbs=4k\n"
                            "[one]\niodepth=1\n\t[two]\nreadwrite=read\ntime_based\n"
                            "[global-too]\nbs=8k\n[three and more]\n");

    g_assert_cmpuint(job_file_count(jobs), ==, 3);
    g_assert_cmpstr(job_file_name(jobs, 0), ==, "one");
    g_assert_cmpstr(job_file_name(jobs, 1), ==, "two");
    g_assert_cmpstr(job_file_name(jobs, 2), ==, "three and more");
    assert_option(jobs, 0, "rw", "randread");
    assert_option(jobs, 0, "bs", "4k");
    assert_option(jobs, 0, "time_based", NULL);
    assert_option(jobs, 1, "rw", "read");
    assert_option(jobs, 1, "iodepth", NULL);
    assert_option(jobs, 1, "time_based", "");
    assert_option(jobs, 2, "bs", "8k");
    job_file_free(jobs);
}

static void test_options(void)
{
    JobFile *jobs = jobs_of("[global]\nblocksize=4k\n[x]\nbs=8k\nrw=read\n");
    g_autoptr(GPtrArray) names = job_file_options(jobs, 0);

    g_assert_cmpuint(names->len, ==, 2);
    g_assert_cmpstr(names->pdata[0], ==, "bs");
    g_assert_cmpstr(names->pdata[1], ==, "rw");
    job_file_free(jobs);
}

static void test_variables(void)
{
    JobFile *jobs = jobs_of("[x]\nfilename=${TEST_JOB_DEV}\nbs=a${TEST_JOB_NONE}b${TEST_JOB_DEV\n");

    g_setenv("TEST_JOB_DEV", "/dev/x", TRUE);
    assert_option(jobs, 0, "filename", "/dev/x");
    assert_option(jobs, 0, "bs", "ab${TEST_JOB_DEV");
    job_file_free(jobs);
}

static void test_includes(void)
{
    GError *error = NULL;
    JobFile *jobs;

    g_mkdir("sub", 0700);
    write_file("sub/job.fio",
               "[global]\ninclude common.inc\n[x]\ninclude sub/deeper.inc\nrw=read\n");
    write_file("sub/common.inc", "bs=4k\ninclude deeper.inc\n");
    write_file("sub/deeper.inc", "iodepth=7\n");
    jobs = job_file_read("sub/job.fio", &error);
    g_assert_no_error(error);
    assert_option(jobs, 0, "bs", "4k");
    assert_option(jobs, 0, "iodepth", "7");
    assert_option(jobs, 0, "rw", "read");
    job_file_free(jobs);
    g_unlink("sub/job.fio");
    g_unlink("sub/common.inc");
    g_unlink("sub/deeper.inc");
    g_rmdir("sub");
}

static void test_refused(void)
{
    static const struct {
        const char *text, *word;
    } bad[] = {
        { "", "no job" },
        { "[global]\nrw=read\n", "no job" },
        { "rw=read\n[x]\n", "outside" },
        { "[x]\ninclude absent.inc\n", "absent.inc" },
        { "include absent.inc\n", "outside" },
        { "[x]\ninclude job.fio\n", "sections" },
        { "[x]\ninclude loop.inc\n", "include each other" },
        { "[]\n", "name" },
        { "[\n", "name" },
        { "[x]\ninclude", "Is a directory" },
    };

    write_file("loop.inc", "include loop.inc\n");
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        write_file("job.fio", bad[i].text);
        g_assert_null(job_file_read("job.fio", &error));
        g_assert_nonnull(error);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, bad[i].word));
        g_assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
    g_unlink("loop.inc");
    g_assert_null(job_file_read("absent.fio", NULL));
    g_assert_true(g_file_set_contents("job.fio", "[x]\0rw=read\n", 12, NULL));
    g_assert_null(job_file_read("job.fio", NULL));
}

/* What an arm runs, as text. */
static char *derived(const char *text, const char *spec, const char *options, const char *device)
{
    GError *error = NULL;
    Arm *arm = arm_parse("b", spec, &error);
    Case kase = { .options = g_strsplit(options, " ", -1) };
    JobFile *jobs = jobs_of(text), *to;
    char *out;

    g_assert_no_error(error);
    to = job_file_derive(jobs, arm, &kase, device, &error);
    g_assert_no_error(error);
    out = job_file_text(to, NULL);
    job_file_free(to);
    job_file_free(jobs);
    arm_free(arm);
    g_strfreev(kase.options);
    return out;
}

static void assert_derived(const char *text, const char *spec, const char *options,
                           const char *device, const char *expected)
{
    g_autofree char *out = derived(text, spec, options, device);

    g_assert_cmpstr(out, ==, expected);
}

static void test_engine(void)
{
    assert_derived("[global]\nioengine=null\nrw=read\n[x]\nioengine=sync\nbs=4k\n[y]\n", "libaio",
                   "", NULL,
                   "\n[global]\nrw=read\n\n[x]\nbs=4k\nioengine=libaio\n\n[y]\nioengine=libaio\n");
}

/* Options of io_uring in [global] need it to be named there. */
static void test_own_engine_stays(void)
{
    assert_derived("[global]\nioengine=io_uring\nhipri\n[x]\n", "io_uring,fixedbufs=1", "", NULL,
                   "\n[global]\nioengine=io_uring\nhipri\n\n[x]\nioengine=io_uring\nfixedbufs=1\n");
}

static void test_time_based(void)
{
    assert_derived("[global]\ntime_based\n[x]\ntime_based=0\n[y]\ntime_based\n", "libaio", "", NULL,
                   "\n[global]\ntime_based=1\n\n[x]\ntime_based=0\nioengine=libaio\n"
                   "\n[y]\ntime_based=1\nioengine=libaio\n");
}

static void test_arm_and_case_win(void)
{
    assert_derived(
        "[global]\niodepth=1\nblocksize=8k\n[x]\niodepth=2\nrw=read\nbs=16k\n",
        "libaio,iodepth_batch=4,bs=1k", "iodepth=32 bs=2k", NULL,
        "\n[global]\n\n[x]\nrw=read\nioengine=libaio\niodepth=32\niodepth_batch=4\nbs=1k\n");
}

static void test_device(void)
{
    assert_derived("[global]\nfilename=a:b\ndirectory=/tmp\nnrfiles=2\nsize=1m\n"
                   "[x]\nnumjobs=4\ngroup_reporting\nfilename=c\nunlink=1\n",
                   "libaio", "", "/dev/disk/by-path/pci-0:1",
                   "\n[global]\nsize=1m\n\n[x]\nnumjobs=4\nioengine=libaio\n"
                   "filename=/dev/disk/by-path/pci-0\\:1\n");
    assert_derived("[x]\nfilename=${DEV}\nnrfiles=2\n", "libaio", "", NULL,
                   "\n[x]\nfilename=${DEV}\nnrfiles=2\nioengine=libaio\n");
}

static void test_qaio_options(void)
{
    static const char text[] = "[global]\nqaio_a=1\nqaio_b=1\nrw=read\n[x]\nqaio_b=2\n"
                               "[global]\nqaio_a=3\n[y]\nqaio_c=4\n";
    g_autofree char *here = g_get_current_dir();
    g_autofree char *expected = NULL;

    write_file("libqaio.so", "");
    expected =
        g_strdup_printf("\n[global]\nrw=read\n"
                        "\n[x]\nqaio_a=1\nqaio_b=2\nioengine=external:%s/libqaio.so\nqaio_c=5\n"
                        "\n[global]\n"
                        "\n[y]\nqaio_b=1\nqaio_a=3\nioengine=external:%s/libqaio.so\nqaio_c=5\n",
                        here, here);
    assert_derived(text, "./libqaio.so,qaio_c=5", "", NULL, expected);
    assert_derived(text, "libaio", "", NULL,
                   "\n[global]\nrw=read\n\n[x]\nioengine=libaio\n"
                   "\n[global]\n\n[y]\nioengine=libaio\n");
    g_unlink("libqaio.so");
}

static void test_left_out(void)
{
    JobFile *jobs = jobs_of("[global]\nqaio_a=1\n[x]\nqaio_b=2\n[y]\n");
    Arm *arm = arm_parse("a", "libaio", NULL);
    Case kase = { .options = (char *[]){ NULL } };
    JobFile *to = job_file_derive(jobs, arm, &kase, NULL, NULL);

    g_assert_cmpuint(g_strv_length(to->left_out), ==, 2);
    g_assert_cmpstr(to->left_out[0], ==, "qaio_a=1");
    g_assert_cmpstr(to->left_out[1], ==, "qaio_b=2");
    job_file_free(to);
    job_file_free(jobs);
    arm_free(arm);
}

static void test_strange_device(void)
{
    JobFile *jobs = jobs_of("[x]\n");
    Arm *arm = arm_parse("a", "libaio", NULL);
    Case kase = { .options = (char *[]){ NULL } };
    GError *error = NULL;

    g_assert_null(job_file_derive(jobs, arm, &kase, "/tmp/a#b", &error));
    g_assert_error(error, JOB_FILE_ERROR, 0);
    g_error_free(error);
    job_file_free(jobs);
    arm_free(arm);
}

static void test_comment(void)
{
    JobFile *jobs = jobs_of("[x]\n");
    g_autofree char *text = job_file_text(jobs, "one\ntwo");

    g_assert_cmpstr(text, ==, "# one\n# two\n\n[x]\n");
    job_file_free(jobs);
}

static void assert_seconds(const char *text, double expected)
{
    JobFile *jobs = jobs_of(text);

    g_assert_cmpfloat(job_file_seconds(jobs), ==, expected);
    job_file_free(jobs);
}

static void test_seconds(void)
{
    assert_seconds("[global]\nruntime=2\n[x]\n[y]\nramp_time=500ms\nstartdelay=1\n", 5.5);
    assert_seconds("[x]\ntimeout=1m\n", 60);
    assert_seconds("[x]\nruntime=1\n[y]\n", 0);
    assert_seconds("[x]\nruntime=soon\n", 0);
    assert_seconds("[x]\nruntime=0\n", 0);
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        guint64 size;
    } sizes[] = {
        { "4096", 4096 }, { "4k", 4096 }, { "1M", 1 << 20 }, { "2g", G_GUINT64_CONSTANT(2) << 30 }
    };
    static const char *const no_sizes[] = { "",      "k",   "-1",   "4ki",
                                            "4k,8k", "4 k", "1.5m", "99999999999999t" };
    guint64 size;

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_assert_true(job_line_parse_size(sizes[i].text, &size));
        g_assert_cmpuint(size, ==, sizes[i].size);
    }
    for (guint i = 0; i < G_N_ELEMENTS(no_sizes); i++) {
        g_assert_false(job_line_parse_size(no_sizes[i], &size));
    }
    g_assert_cmpfloat(job_line_parse_time("1.5"), ==, 1.5);
    g_assert_cmpfloat(job_line_parse_time("2h"), ==, 7200);
    g_assert_cmpfloat(job_line_parse_time("-2"), ==, -1);
    g_assert_cmpfloat(job_line_parse_time("2x"), ==, -1);
    g_assert_cmpfloat(job_line_parse_time("nan"), ==, -1);
    g_assert_cmpfloat(job_line_parse_time(""), ==, -1);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("test-job-file.XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_assert_cmpint(g_chdir(folder), ==, 0);
    g_test_add_func("/job-file/sections", test_sections);
    g_test_add_func("/job-file/options", test_options);
    g_test_add_func("/job-file/variables", test_variables);
    g_test_add_func("/job-file/includes", test_includes);
    g_test_add_func("/job-file/refused", test_refused);
    g_test_add_func("/job-file/seconds", test_seconds);
    g_test_add_func("/job-file/numbers", test_numbers);
    g_test_add_func("/derive/engine", test_engine);
    g_test_add_func("/derive/own-engine-stays", test_own_engine_stays);
    g_test_add_func("/derive/arm-and-case-win", test_arm_and_case_win);
    g_test_add_func("/derive/time-based", test_time_based);
    g_test_add_func("/derive/device", test_device);
    g_test_add_func("/derive/qaio-options", test_qaio_options);
    g_test_add_func("/derive/left-out", test_left_out);
    g_test_add_func("/derive/strange-device", test_strange_device);
    g_test_add_func("/derive/comment", test_comment);
    status = g_test_run();
    g_unlink("job.fio");
    g_chdir("/");
    g_rmdir(folder);
    g_free(folder);
    return status;
}
