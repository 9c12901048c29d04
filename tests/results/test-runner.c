/* Proves what becomes of runs: good ones, and those of a fio that fails in every way.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * timeout: 240 */
#include "arm.h"
#include "fio-run.h"
#include "interrupt.h"
#include "progress.h"
#include "runner.h"
#include "syscalls.h"
#include "target.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

/* The current folder is a new one, with job.fio, a device (a file) and suites' folders in it. */
static char *folder, *fake, *log_file;

static void write_file(const char *name, const char *text)
{
    g_assert_true(g_file_set_contents(name, text, -1, NULL));
}

static void write_script(const char *name, const char *text)
{
    write_file(name, text);
    g_chmod(name, 0755);
}

static char *read_text(const char *name)
{
    char *text = NULL;

    g_file_get_contents(name, &text, NULL, NULL);
    return text ? text : g_strdup("");
}

static void remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    g_clear_pointer(&dir, g_dir_close);
    g_remove(path);
}

static Case *case_new(const char *job_file)
{
    Case *kase = g_new0(Case, 1);

    kase->name = g_path_get_basename(job_file);
    *strrchr(kase->name, '.') = '\0';
    kase->job_file = g_strdup(job_file);
    kase->options = g_new0(char *, 1);
    return kase;
}

/* Two rounds of a job file on arms of these engines. */
static Suite *suite_of_job(const char *job_file, const char *a, const char *b)
{
    Suite *suite = suite_new("test");

    g_ptr_array_add(suite->arms, arm_parse("a", a, NULL));
    g_ptr_array_add(suite->arms, arm_parse("b", b, NULL));
    g_assert_nonnull(suite->arms->pdata[0]);
    g_assert_nonnull(suite->arms->pdata[1]);
    g_ptr_array_add(suite->cases, case_new(job_file));
    suite->rounds = 2;
    return suite;
}

static Suite *suite_of(const char *a, const char *b)
{
    return suite_of_job("job.fio", a, b);
}

static RunnerOptions options(void)
{
    g_unlink(log_file);
    remove_tree("suite");
    g_mkdir("suite", 0777);
    return (RunnerOptions){
        .fio = fake,
        .qemu_img = "qemu-img",
        .device = "device",
        .folder = "suite",
        .quiet = true,
        .patience = 100,
    };
}

static void run(Suite *suite, const RunnerOptions *o)
{
    GError *error = NULL;

    runner_run(suite, o, &error);
    g_assert_no_error(error);
}

static void assert_refused(Suite *suite, const RunnerOptions *o, const char *word)
{
    GError *error = NULL;

    g_assert_false(runner_run(suite, o, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, word));
    g_assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

static const Run *run_at(const Suite *suite, guint i)
{
    g_assert_cmpuint(i, <, suite->runs->len);
    return suite->runs->pdata[i];
}

static void test_good(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "better");

    run(suite, &o);
    g_assert_cmpuint(suite->runs->len, ==, 4);
    g_assert_false(suite->interrupted);
    for (guint i = 0; i < 4; i++) {
        const Run *r = run_at(suite, i);
        g_autofree char *path = g_build_filename("suite", r->file, NULL);

        g_assert_null(r->problem);
        g_assert_cmpuint(r->order, ==, i);
        g_assert_cmpuint(r->round, ==, i / 2);
        g_assert_cmpuint(r->arm, ==, run_at(suite, 3 - i)->arm);
        g_assert_cmpuint(r->samples->len, ==, 1);
        g_assert_cmpuint(((const Sample *)r->samples->pdata[0])->ios, ==, 1000);
        g_assert_cmpfloat(r->seconds, >, 0);
        g_assert_cmpint(r->started, >, G_GINT64_CONSTANT(1500000000000000));
        g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    suite_free(suite);
}

/* Both arms' job files are kept, and what fio is given is the device, by three names. */
static void test_job_files(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "better");
    g_autofree char *job = NULL, *result = NULL, *said = NULL;

    run(suite, &o);
    job = read_text("suite/runs/job-b.fio");
    said = read_text(log_file);
    result = read_text("suite/runs/0000-job-b.json");
    if (!*result) {
        g_free(result);
        result = read_text("suite/runs/0001-job-b.json");
    }
    g_assert_nonnull(strstr(job, "ioengine=better\n"));
    g_assert_nonnull(strstr(job, "filename=device\n"));
    g_assert_nonnull(strstr(job, "QAIO_DEV=device "));
    g_assert_nonnull(strstr(result, "\"dev\" : \"device\""));
    g_assert_nonnull(strstr(said, "--readonly --output-format=json+ --output=suite/runs/"));
    suite_free(suite);
}

static void assert_problem(const char *engine, const char *expected, guint failures)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", engine);
    guint good = 0, bad = 0;

    suite->rounds = 4;
    run(suite, &o);
    for (guint i = 0; i < suite->runs->len; i++) {
        const Run *r = run_at(suite, i);

        if (r->arm == 0) {
            g_assert_null(r->problem);
            good++;
            continue;
        }
        g_test_message("%s", r->problem);
        g_assert_nonnull(strstr(r->problem, expected));
        g_assert_null(strchr(r->problem, '\n'));
        g_assert_cmpuint(r->samples->len, ==, 0);
        bad++;
    }
    g_assert_cmpuint(good, ==, 4);
    g_assert_cmpuint(bad, ==, failures);
    suite_free(suite);
}

static void test_fails(void)
{
    assert_problem("fails", "fio: it is broken (exit status 1)", 2);
}

static void test_dies(void)
{
    assert_problem("dies", "killed by signal 11", 2);
}

static void test_silent(void)
{
    assert_problem("silent", "cannot be read", 2);
}

static void test_cut(void)
{
    assert_problem("cut", "cannot be read", 2);
}

static void test_idle(void)
{
    assert_problem("idle", "did no I/O", 2);
}

static void test_hangs(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "hangs");
    const Run *r;

    o.patience = 5;
    suite->rounds = 1;
    run(suite, &o);
    r = suite_run(suite, 1, 0, 0);
    g_assert_nonnull(strstr(r->problem, "did not end within 5 s"));
    g_assert_null(suite_run(suite, 0, 0, 0)->problem);
    suite_free(suite);
}

static void test_all_fail(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("fails", "fails");

    assert_refused(suite, &o, "every run failed: fio: it is broken");
    g_assert_cmpuint(suite->runs->len, ==, 4);
    suite_free(suite);
}

static void test_leaves_behind(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "leaves-behind");
    gint64 start = g_get_monotonic_time();

    run(suite, &o);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 100 * G_USEC_PER_SEC);
    g_assert_cmpuint(suite->runs->len, ==, 4);
    suite_free(suite);
}

/* --- What is found out at the start */

static void test_no_fio(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "good");

    o.fio = "/no/such/fio";
    assert_refused(suite, &o, "apt-get install fio");
    o.fio = "true";
    assert_refused(suite, &o, "not fio");
    g_assert_cmpuint(suite->runs->len, ==, 0);
    suite_free(suite);
}

static void test_engine_unknown(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "unknown");

    assert_refused(suite, &o, "arm b, job: fio: engine unknown not loadable");
    g_assert_cmpuint(suite->runs->len, ==, 0);
    suite_free(suite);
}

static void test_engine_cannot_read(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "unread");

    assert_refused(suite, &o, "arm b cannot read device: fio: qaio: this is not to be read");
    suite_free(suite);
}

static void test_no_job_file(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "good");

    g_ptr_array_add(suite->cases, case_new("absent.fio"));
    assert_refused(suite, &o, "absent.fio");
    suite_free(suite);
}

static void test_no_device(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "good");

    o.device = "absent";
    assert_refused(suite, &o, "absent: No such file");
    suite_free(suite);
}

static void test_write(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of_job("write.fio", "good", "good");
    g_autofree char *said = NULL;

    assert_refused(suite, &o, "write.fio writes: --allow-write");
    o.allow_write = true;
    g_unlink(log_file);
    run(suite, &o);
    g_assert_cmpuint(suite->runs->len, ==, 4);
    said = read_text(log_file);
    g_assert_null(strstr(said, "--readonly --output-format=json+"));
    suite_free(suite);
}

/* --- What happens on the way */

static void test_device_vanishes(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "vanish");
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\ncase \"$*\" in *--output=*) [ -n \"$GONE\" ] || rm -f gone ;; "
                        "esac\nexec '%s' \"$@\"\n",
                        fake);

    write_file("gone", "x");
    write_script("remover", script);
    o.fio = "./remover";
    o.device = "gone";
    assert_refused(suite, &o, "gone has gone");
    g_assert_cmpuint(suite->runs->len, ==, 1);
    g_unlink("remover");
    suite_free(suite);
}

static void test_disk_full(void)
{
    RunnerOptions o = options();
    Suite *suite = suite_of("good", "good");

    g_mkdir("small", 0777);
    if (mount("none", "small", "tmpfs", 0, "size=5m") < 0) {
        g_test_skip("a small file system takes root");
    } else {
        g_autofree char *script = g_strdup_printf(
            "#!/bin/sh\ncase \"$*\" in *--output=*) head -c 2000000 /dev/zero >small/big ;; esac\n"
            "exec '%s' \"$@\"\n",
            fake);

        write_script("filler", script);
        o.fio = "./filler";
        o.folder = "small";
        assert_refused(suite, &o, "no room left in small");
        g_assert_cmpuint(suite->runs->len, ==, 1);
        umount("small");
        g_unlink("filler");
    }
    g_rmdir("small");
    suite_free(suite);
}

/* Whether this is the child, which the test is about; its parent waits until it has passed. */
static gboolean in_child(GTestSubprocessFlags flags)
{
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, flags);
        g_test_trap_assert_passed();
    }
    return g_test_subprocess();
}

static gpointer interrupt_later(gpointer engine)
{
    /* Until a run of that engine goes on. */
    for (int i = 0; i < 1000; i++) {
        g_autofree char *said = read_text(log_file);

        if (strstr(said, engine)) {
            break;
        }
        g_usleep(10000);
    }
    g_usleep(200 * 1000);
    kill(getpid(), SIGINT);
    return NULL;
}

/* The run that it hits is not kept, what was complete is. */
static void test_interrupted(void)
{
    RunnerOptions o;
    Suite *suite;
    GThread *thread;

    if (!in_child(G_TEST_SUBPROCESS_INHERIT_STDERR)) {
        return;
    }
    o = options();
    suite = suite_of("good", "hangs");
    o.seed = 3; /* a, b, b, a */
    thread = g_thread_new("interrupt", interrupt_later, (gpointer) "-job-b.json");
    run(suite, &o);
    g_assert_true(suite->interrupted);
    g_assert_cmpuint(suite->runs->len, ==, 1);
    g_assert_null(run_at(suite, 0)->problem);
    g_assert_false(g_file_test("suite/runs/0001-job-b.json", G_FILE_TEST_EXISTS));
    g_thread_join(thread);
    suite_free(suite);
}

static void test_interrupted_before(void)
{
    RunnerOptions o;
    Suite *suite;

    if (!in_child(G_TEST_SUBPROCESS_INHERIT_STDERR)) {
        return;
    }
    o = options();
    suite = suite_of("good", "good");
    interrupt_catch();
    raise(SIGTERM);
    run(suite, &o);
    g_assert_true(suite->interrupted);
    g_assert_cmpuint(suite->runs->len, ==, 0);
    suite_free(suite);
}

/* --- What is shown */

/* A child runs arms of which one fails. Whether this is the parent, which has what was shown. */
static gboolean run_in_child(gboolean quiet)
{
    RunnerOptions o;
    Suite *suite;

    if (!in_child(0)) {
        return TRUE;
    }
    o = options();
    suite = suite_of("good", "fails");
    o.quiet = quiet;
    run(suite, &o);
    suite_free(suite);
    return FALSE;
}

static void test_plain_progress(void)
{
    if (run_in_child(FALSE)) {
        g_test_trap_assert_stderr("*?1/4? job, *?4/4? job, *left*");
        g_test_trap_assert_stderr("*job, b: fio: it is broken (exit status 1)*");
        g_test_trap_assert_stderr_unmatched("*\033*");
    }
}

static void test_quiet(void)
{
    if (run_in_child(TRUE)) {
        g_test_trap_assert_stderr("");
    }
}

static void test_iops(void)
{
    g_assert_cmpfloat(
        progress_parse_iops("Jobs: 1 (f=1): [R(1)][-.-%][r=772MiB/s][r=198k IOPS][eta 00m:00s]"),
        ==, 198000);
    g_assert_cmpfloat_with_epsilon(
        progress_parse_iops("[r=1MiB/s,w=2MiB/s][r=1.5k,w=700 IOPS][eta 00m:01s]"), 2200, 1e-6);
    g_assert_cmpfloat(progress_parse_iops("[w=12.1M IOPS]"), ==, 12.1e6);
    g_assert_cmpfloat(progress_parse_iops("Jobs: 1 (f=1)"), <, 0);
    g_assert_cmpfloat(progress_parse_iops(" IOPS]"), <, 0);
    g_assert_cmpfloat(progress_parse_iops("[r= IOPS]"), <, 0);
    g_assert_cmpfloat(progress_parse_iops(""), <, 0);
}

static void test_reason(void)
{
    static const struct {
        const char *text, *reason;
    } texts[] = {
        { "", NULL },
        { "\n\n", NULL },
        { "hm\n", "hm" },
        { "note: x\nfio: failed to load engine\nfio: engine x not loadable\nfio: job x dropped\n",
          "fio: engine x not loadable" },
        { "fio: it failed\nqaio: because of this\nfio: job x dropped", "qaio: because of this" },
        { "Bad option <x=1>\nDid you mean y?\n", "Bad option <x=1>" },
        { "fio: job <x> has write or trim bit set, but fio is in read-only mode\nCorrect format\n",
          "fio: job <x> has write or trim bit set, but fio is in read-only mode" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *reason = fio_reason(texts[i].text);

        g_assert_cmpstr(reason, ==, texts[i].reason);
    }
}

/* --- The real ones */

/* Options with fio itself, and with what a sanitizer needs. FALSE, and the test is skipped, without
 * fio or without the other program that the test is about (NULL: there is none). */
static gboolean real_options(RunnerOptions *o, const char *program)
{
    const char *preload = g_getenv("QAIO_PRELOAD"), *fio = g_getenv("FIO");
    g_autofree char *path = g_find_program_in_path(fio && *fio ? fio : "fio");
    g_autofree char *other = program ? g_find_program_in_path(program) : NULL;
    g_autofree char *script = NULL;

    if (!path || (program && !other)) {
        g_autofree char *why = g_strdup_printf("no %s", path ? program : "fio");

        g_test_skip(why);
        return FALSE;
    }
    script = g_strdup_printf("#!/bin/sh\nLD_PRELOAD='%s' exec '%s' \"$@\"\n",
                             preload ? preload : "", path);
    write_script("real-fio", script);
    *o = options();
    o->fio = "./real-fio";
    return TRUE;
}

static void assert_measured(const Suite *suite, guint n)
{
    g_assert_cmpuint(suite->runs->len, ==, n);
    for (guint i = 0; i < n; i++) {
        const Run *r = run_at(suite, i);

        g_assert_cmpstr(r->problem, ==, NULL);
        for (guint j = 0; j < r->samples->len; j++) {
            const Sample *sample = r->samples->pdata[j];

            g_assert_cmpuint(sample->ios, >, 0);
            g_assert_cmpuint(sample->errors, ==, 0);
            g_assert_true(sample->value[METRIC_IOPS] > 0);
            g_assert_true(sample->value[METRIC_CPU] >= 0);
        }
    }
}

/* fio's own engines, qaio if it is built, jobs that report themselves as a group. */
static void test_real_fio(void)
{
    RunnerOptions o;
    const char *so = g_getenv("QAIO_SO");
    gboolean built = so && g_file_test(so, G_FILE_TEST_EXISTS);
    Suite *suite;
    const Sample *sample;

    if (!real_options(&o, NULL)) {
        return;
    }
    suite = suite_of_job("group.fio", "psync", built ? so : "psync");
    run(suite, &o);
    assert_measured(suite, 4);
    g_assert_cmpuint(run_at(suite, 0)->samples->len, ==, 2);
    sample = run_sample(run_at(suite, 0), "two", NULL);
    g_assert_nonnull(sample);
    g_assert_cmpuint(sample->ios, ==, 2 * 64);
    if (built) {
        JsonArray *left_out = json_object_get_array_member(suite->manifest, "left_out");

        g_assert_cmpuint(json_array_get_length(left_out), ==, 1);
        g_assert_cmpstr(json_array_get_string_element(left_out, 0), ==, "a: qaio_poll_max_ns=0");
    }
    suite_free(suite);
}

static void assert_really_refused(const char *job_file, const char *engine, const char *word)
{
    RunnerOptions o;
    Suite *suite;

    if (!real_options(&o, NULL)) {
        return;
    }
    suite = suite_of_job(job_file, "psync", engine);
    assert_refused(suite, &o, word);
    suite_free(suite);
}

/* fio itself refuses to write to what is only to be read. */
static void test_real_fio_write(void)
{
    assert_really_refused("write.fio", "psync", "write.fio writes: --allow-write");
}

static void test_real_fio_no_engine(void)
{
    assert_really_refused("job.fio", "./no-engine.so", "no-engine.so");
}

static void test_real_fio_bad_option(void)
{
    assert_really_refused("job.fio", "psync,no_such_option=1", "Bad option <no_such_option=1>");
}

/* Without --device the file is the job's, and nobody asks for permission. */
static void test_real_fio_own_file(void)
{
    RunnerOptions o;
    Suite *suite;

    if (!real_options(&o, NULL)) {
        return;
    }
    suite = suite_of_job("own.fio", "psync", "psync");
    o.device = NULL;
    run(suite, &o);
    assert_measured(suite, 4);
    g_assert_cmpuint(target_size("own-file"), ==, 65536);
    suite_free(suite);
}

/* The same reads by psync and by another engine, calls counted; NULL if @program is not there. */
static Suite *measure_reads(const char *engine, const char *program)
{
    RunnerOptions o;
    Suite *suite;

    if (!real_options(&o, program)) {
        return NULL;
    }
    suite = suite_of_job("sequential.fio", "psync", engine);
    o.count_syscalls = true;
    run(suite, &o);
    assert_measured(suite, 4);
    return suite;
}

static const Sample *read_sample(const Suite *suite, guint arm, guint round)
{
    return run_sample(suite_run(suite, arm, 0, round), "read", NULL);
}

static void test_real_qemu_img(void)
{
    Suite *suite = measure_reads("qemu-img", "qemu-img");
    const Sample *a, *b;

    if (!suite) {
        return;
    }
    a = read_sample(suite, 0, 0);
    b = read_sample(suite, 1, 0);
    g_assert_cmpuint(a->ios, ==, b->ios);
    g_assert_cmpuint(a->bytes, ==, b->bytes);
    g_assert_cmpstr(g_hash_table_lookup(b->options, "ioengine"), ==, "qemu-img");
    g_assert_true(isnan(b->value[METRIC_LAT_MEAN]));
    g_assert_false(b->value[METRIC_SYSCALLS] < 0.5);
    suite_free(suite);
}

static void test_syscalls_table(void)
{
    g_assert_cmpint(syscalls_parse("% time     seconds  usecs/call     calls    errors syscall\n"
                                   "------ ----------- ----------- --------- --------- -------\n"
                                   " 90.00    0.010000           3      1000           read\n"
                                   "------ ----------- ----------- --------- --------- -------\n"
                                   "100.00    0.012345           3      4321        12 total\n"),
                    ==, 4321);
    g_assert_cmpint(syscalls_parse("100.00    0.012345           3      4321 total"), ==, 4321);
    g_assert_cmpint(syscalls_parse(""), ==, -1);
    g_assert_cmpint(syscalls_parse("a total"), ==, -1);
}

/* psync makes one call for each request, libaio at least two. */
static void test_real_syscalls(void)
{
    const char *preload = g_getenv("QAIO_PRELOAD");
    Suite *suite;
    double psync, libaio;

    if (preload && *preload) {
        g_test_skip("a sanitizer's calls would be counted");
        return;
    }
    suite = measure_reads("libaio", "strace");
    if (!suite) {
        return;
    }
    psync = read_sample(suite, 0, 0)->value[METRIC_SYSCALLS];
    libaio = read_sample(suite, 1, 0)->value[METRIC_SYSCALLS];
    g_test_message("%g %g", psync, libaio);
    if (isnan(psync)) {
        g_test_skip("strace may not trace here");
    } else {
        g_assert_cmpfloat(psync, >, 0.8);
        g_assert_cmpfloat(psync, <, 1.4);
        g_assert_cmpfloat(libaio, >, 1.4);
    }
    g_assert_true(isnan(read_sample(suite, 0, 1)->value[METRIC_SYSCALLS]));
    suite_free(suite);
}

/* It says so, and the others go on; there is no second try. */
static void test_real_qemu_img_cannot(void)
{
    RunnerOptions o;
    Suite *suite;
    guint refused = 0;

    if (!real_options(&o, "qemu-img")) {
        return;
    }
    suite = suite_of("psync", "qemu-img");
    run(suite, &o);
    g_assert_cmpuint(suite->runs->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        const Run *r = run_at(suite, i);

        if (r->arm == 1) {
            g_assert_nonnull(strstr(r->problem, "qemu-img cannot do this job: rw=randread"));
            refused++;
        }
    }
    g_assert_cmpuint(refused, ==, 1);
    suite_free(suite);
}

static void make_files(void)
{
    g_autofree char *megabyte = g_malloc0(1 << 20);

    g_assert_true(g_file_set_contents("device", megabyte, 1 << 20, NULL));
    write_file("job.fio",
               "[global]\nfilename=nothing\n[x]\nrw=randread\nruntime=100ms\ntime_based\n");
    write_file("write.fio", "[x]\nrw=randwrite\nruntime=100ms\ntime_based\n");
    write_file("own.fio", "[x]\nrw=write\nfilename=own-file\nsize=64k\n");
    write_file("sequential.fio", "[read]\nrw=read\nbs=4k\niodepth=4\nsize=512k\n");
    write_file("group.fio",
               "[global]\nsize=256k\nbs=4k\nrw=randread\ngroup_reporting\nqaio_poll_max_ns=0\n"
               "[one]\n[two]\nnumjobs=2\n");
    write_file("no-engine.so", "this is no library");
}

int main(int argc, char **argv)
{
    const char *srcdir = g_getenv("srcdir");
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("test-runner.XXXXXX", NULL);
    g_assert_nonnull(folder);
    fake = g_build_filename(srcdir ? srcdir : ".", "tests/results/fake-fio", NULL);
    g_assert_true(g_path_is_absolute(fake) || !"set srcdir to the top of the source tree");
    g_assert_cmpint(g_chdir(folder), ==, 0);
    log_file = g_build_filename(folder, "log", NULL);
    g_setenv("FAKE_FIO_LOG", log_file, TRUE);
    make_files();
    g_test_add_func("/runner/good", test_good);
    g_test_add_func("/runner/job-files", test_job_files);
    g_test_add_func("/runner/fails", test_fails);
    g_test_add_func("/runner/dies", test_dies);
    g_test_add_func("/runner/silent", test_silent);
    g_test_add_func("/runner/cut", test_cut);
    g_test_add_func("/runner/idle", test_idle);
    g_test_add_func("/runner/hangs", test_hangs);
    g_test_add_func("/runner/all-fail", test_all_fail);
    g_test_add_func("/runner/leaves-behind", test_leaves_behind);
    g_test_add_func("/runner/start/no-fio", test_no_fio);
    g_test_add_func("/runner/start/engine-unknown", test_engine_unknown);
    g_test_add_func("/runner/start/engine-cannot-read", test_engine_cannot_read);
    g_test_add_func("/runner/start/no-job-file", test_no_job_file);
    g_test_add_func("/runner/start/no-device", test_no_device);
    g_test_add_func("/runner/start/write", test_write);
    g_test_add_func("/runner/device-vanishes", test_device_vanishes);
    g_test_add_func("/runner/disk-full", test_disk_full);
    g_test_add_func("/runner/interrupted", test_interrupted);
    g_test_add_func("/runner/interrupted-before", test_interrupted_before);
    g_test_add_func("/progress/plain", test_plain_progress);
    g_test_add_func("/progress/quiet", test_quiet);
    g_test_add_func("/progress/iops", test_iops);
    g_test_add_func("/fio/reason", test_reason);
    g_test_add_func("/real/fio", test_real_fio);
    g_test_add_func("/real/fio/write", test_real_fio_write);
    g_test_add_func("/real/fio/no-engine", test_real_fio_no_engine);
    g_test_add_func("/real/fio/bad-option", test_real_fio_bad_option);
    g_test_add_func("/real/fio/own-file", test_real_fio_own_file);
    g_test_add_func("/syscalls/table", test_syscalls_table);
    g_test_add_func("/real/syscalls", test_real_syscalls);
    g_test_add_func("/real/qemu-img", test_real_qemu_img);
    g_test_add_func("/real/qemu-img/cannot", test_real_qemu_img_cannot);
    status = g_test_run();
    if (!g_test_subprocess()) {
        g_chdir("/");
    }
    remove_tree(folder);
    return status;
}
