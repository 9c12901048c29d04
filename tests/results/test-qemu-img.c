/* Proves which of fio's jobs qemu-img is let do, and that it is told the same.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu-img-run.h"
#include <string.h>
#include <glib/gstdio.h>
#include "arm.h"

enum { SIZE = 1 << 20 };

/* The current folder is a new one, with a device (a file) of 1 MiB. */
static char *folder;

static JobFile *jobs_of(const char *text)
{
    GError *error = NULL;
    JobFile *jobs;

    g_assert_true(g_file_set_contents("job.fio", text, -1, NULL));
    jobs = job_file_read("job.fio", &error);
    g_assert_no_error(error);
    return jobs;
}

typedef struct Asked {
    JobFile *jobs;
    Arm *arm;
    QemuImgJob *job;
    char *why;
} Asked;

static Asked ask(const char *text, const char *spec, const char *device)
{
    Asked asked = { .jobs = jobs_of(text), .arm = arm_parse("b", spec, NULL) };

    g_assert_nonnull(asked.arm);
    asked.job = qemu_img_job_new(asked.jobs, asked.arm, device, &asked.why);
    return asked;
}

static void asked_clear(Asked *asked)
{
    qemu_img_job_free(asked->job);
    job_file_free(asked->jobs);
    arm_free(asked->arm);
    g_free(asked->why);
}

static void test_by_time(void)
{
    Asked asked = ask("[x]\nrw=read\nbs=128k\niodepth=8\ndirect=1\ntime_based=1\nruntime=1500ms\n",
                      "qemu-img", "device");

    g_assert_cmpstr(asked.why, ==, NULL);
    g_assert_false(asked.job->write);
    g_assert_cmpuint(asked.job->bs, ==, 131072);
    g_assert_cmpuint(asked.job->depth, ==, 8);
    g_assert_cmpuint(asked.job->count, ==, 0);
    g_assert_cmpfloat(asked.job->runtime, ==, 1.5);
    g_assert_cmpstr(asked.job->aio, ==, "native");
    g_assert_cmpstr(asked.job->cache, ==, "none");
    g_assert_cmpstr(asked.job->image, ==,
                    "driver=raw,size=1048576,file.driver=file,file.filename=device");
    asked_clear(&asked);
}

/* Over and over the part of the device that the job is about. */
static void test_by_size(void)
{
    Asked asked = ask("[x]\nrw=write\nsize=258k\nbs=4k\nio_size=1m\n",
                      "qemu-img,aio=io_uring,cache=writethrough", "device");

    g_assert_cmpstr(asked.why, ==, NULL);
    g_assert_true(asked.job->write);
    g_assert_cmpuint(asked.job->depth, ==, 1);
    g_assert_cmpuint(asked.job->count, ==, 256);
    g_assert_cmpstr(asked.job->aio, ==, "io_uring");
    g_assert_cmpstr(asked.job->cache, ==, "writethrough");
    g_assert_nonnull(strstr(asked.job->image, "size=262144,"));
    asked_clear(&asked);
}

static void test_defaults(void)
{
    Asked asked = ask("[x]\n", "qemu-img", "device");

    g_assert_cmpstr(asked.why, ==, NULL);
    g_assert_cmpuint(asked.job->bs, ==, 4096);
    g_assert_cmpuint(asked.job->count, ==, SIZE / 4096);
    g_assert_cmpstr(asked.job->aio, ==, "threads");
    asked_clear(&asked);
}

static void test_comma_in_path(void)
{
    Asked asked;

    g_assert_cmpint(g_rename("device", "a,b"), ==, 0);
    asked = ask("[x]\n", "qemu-img", "a,b");
    g_assert_nonnull(asked.job);
    g_assert_true(g_str_has_suffix(asked.job->image, "file.filename=a,,b"));
    asked_clear(&asked);
    g_assert_cmpint(g_rename("a,b", "device"), ==, 0);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *spec, *word;
    } bad[] = {
        { "[x]\nrw=randread\n", "qemu-img", "rw=randread" },
        { "[x]\nrw=rw\n", "qemu-img", "rw=rw" },
        { "[x]\n[y]\n", "qemu-img", "the file has 2" },
        { "[x]\nnumjobs=2\n", "qemu-img", "numjobs" },
        { "[x]\nbs=4k,8k\n", "qemu-img", "bs" },
        { "[x]\nbs=0\n", "qemu-img", "bs" },
        { "[x]\niodepth=0\n", "qemu-img", "iodepth" },
        { "[x]\nbssplit=4k/50:8k/50\n", "qemu-img", "bssplit=4k/50:8k/50" },
        { "[x]\nfsync=1\n", "qemu-img", "fsync=1" },
        { "[x]\nverify=crc32c\n", "qemu-img", "verify=crc32c" },
        { "[x]\nrate_iops=100\n", "qemu-img", "rate_iops=100" },
        { "[x]\nramp_time=1\n", "qemu-img", "ramp_time=1" },
        { "[x]\nsize=50%\n", "qemu-img", "size" },
        { "[x]\nsize=2m\n", "qemu-img", "size" },
        { "[x]\nsize=1k\n", "qemu-img", "size" },
        { "[x]\nruntime=3\n", "qemu-img", "without time_based" },
        { "[x]\ntime_based=1\n", "qemu-img", "time_based without" },
        { "[x]\ndirect=1\n", "qemu-img,cache=writeback", "cache=writeback" },
        { "[x]\n", "qemu-img,cache=none", "cache=none" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        Asked asked = ask(bad[i].text, bad[i].spec, "device");

        g_assert_null(asked.job);
        g_test_message("%s", asked.why);
        g_assert_true(g_str_has_prefix(asked.why, "qemu-img cannot do this job: "));
        g_assert_nonnull(strstr(asked.why, bad[i].word));
        g_assert_null(strchr(asked.why, '\n'));
        asked_clear(&asked);
    }
}

static void test_no_device(void)
{
    Asked asked = ask("[x]\n", "qemu-img", NULL);

    g_assert_nonnull(strstr(asked.why, "--device"));
    asked_clear(&asked);
}

static void test_no_program(void)
{
    GError *error = NULL;

    g_assert_false(qemu_img_check("/no/such/qemu-img", &error));
    g_assert_nonnull(strstr(error->message, "qemu-utils"));
    g_error_free(error);
}

/* Stand-ins for qemu-img, by what they do. */
static Run *run_script(const char *script, const char *text, gboolean *good)
{
    Asked asked = ask(text, "qemu-img", "device");
    Run *run = g_new0(Run, 1);
    GError *error = NULL;

    g_assert_nonnull(asked.job);
    run->samples = g_ptr_array_new();
    g_assert_true(g_file_set_contents("script", script, -1, NULL));
    g_chmod("script", 0755);
    *good = qemu_img_run(asked.job, "./script", NULL, 10, "result.json", run, &error);
    g_assert_no_error(error);
    asked_clear(&asked);
    return run;
}

static void assert_problem(const char *script, const char *expected)
{
    gboolean good;
    Run *run = run_script(script, "[x]\n", &good);

    g_assert_true(good);
    g_assert_cmpstr(run->problem, ==, expected);
    run_free(run);
}

static void test_problems(void)
{
    assert_problem("#!/bin/sh\necho broken >&2\nexit 1\n", "qemu-img: broken: exit status 1");
    assert_problem("#!/bin/sh\nexit 0\n", "qemu-img: it does not say how long it took");
    assert_problem("#!/bin/sh\necho Run completed in nan seconds.\n",
                   "qemu-img: it does not say how long it took");
}

/* 1000 requests a second: the count is found by runs of more and more, then used. */
static void test_count(void)
{
    static const char script[] =
        "#!/bin/sh\nfor a; do case $a in -c*) c=${a#-c} ;; esac; done\n"
        "echo $c >>counts\necho Run completed in $((c / 1000)).$((c % 1000 / 100)) seconds.\n";
    g_autofree char *counts = NULL, *result = NULL;
    gboolean good;
    Run *run = run_script(script, "[x]\ntime_based=1\nruntime=5\niodepth=2\n", &good);

    g_assert_true(good);
    g_assert_cmpstr(run->problem, ==, NULL);
    g_assert_true(g_file_get_contents("counts", &counts, NULL, NULL));
    g_assert_true(g_str_has_prefix(counts, "2\n1020\n5"));
    g_assert_true(g_file_get_contents("result.json", &result, NULL, NULL));
    g_assert_nonnull(strstr(result, "\"time_based\" : \"1\""));
    run_free(run);
    g_unlink("counts");
}

int main(int argc, char **argv)
{
    g_autofree char *device = g_malloc0(SIZE);
    static const char *const made[] = { "device", "job.fio", "script", "result.json" };
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("test-qemu-img.XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_assert_cmpint(g_chdir(folder), ==, 0);
    g_assert_true(g_file_set_contents("device", device, SIZE, NULL));
    g_test_add_func("/qemu-img/by-time", test_by_time);
    g_test_add_func("/qemu-img/by-size", test_by_size);
    g_test_add_func("/qemu-img/defaults", test_defaults);
    g_test_add_func("/qemu-img/comma-in-path", test_comma_in_path);
    g_test_add_func("/qemu-img/refused", test_refused);
    g_test_add_func("/qemu-img/no-device", test_no_device);
    g_test_add_func("/qemu-img/no-program", test_no_program);
    g_test_add_func("/qemu-img/problems", test_problems);
    g_test_add_func("/qemu-img/count", test_count);
    status = g_test_run();
    for (guint i = 0; i < G_N_ELEMENTS(made); i++) {
        g_unlink(made[i]);
    }
    g_chdir("/");
    g_rmdir(folder);
    g_free(folder);
    return status;
}
