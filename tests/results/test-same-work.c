/* Tests of same-work.h: two arms that did the same, and each way in which they may not have.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "same-work.h"

static void add_arm(Suite *suite, const char *name, const char *engine, const char *option)
{
    const char *const options[] = { option, NULL };
    Arm *arm = g_new0(Arm, 1);

    arm->kind = engine ? ARM_FIO : ARM_QEMU_IMG;
    arm->name = g_strdup(name);
    arm->engine = g_strdup(engine);
    arm->options = g_strdupv((char **)options);
    g_ptr_array_add(suite->arms, arm);
}

static void set(Sample *sample, const char *option, const char *value)
{
    g_hash_table_insert(sample->options, g_strdup(option), g_strdup(value));
}

static Sample *add_sample(Run *run, const Arm *arm, const char *job, const char *host)
{
    Sample *sample = sample_new(job, host);

    sample->ios = 256;
    sample->bytes = 1 << 20;
    if (arm->kind == ARM_FIO) {
        set(sample, "ioengine", arm->engine);
        set(sample, "bs", "4k");
        set(sample, "size", "1m");
    }
    g_ptr_array_add(run->samples, sample);
    return sample;
}

static Run *add_run(Suite *suite, guint arm, guint round)
{
    Run *run = g_new0(Run, 1);

    run->arm = arm;
    run->round = round;
    run->order = suite->runs->len;
    run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    add_sample(run, g_ptr_array_index(suite->arms, arm), "read", NULL);
    g_ptr_array_add(suite->runs, run);
    return run;
}

/* Three arms and two rounds of one job, all alike: an engine, qaio with an option, qemu-img. */
static Suite *new_suite(void)
{
    Suite *suite = suite_new("s");

    add_arm(suite, "a", "libaio", NULL);
    add_arm(suite, "b", "external:/lib/libqaio.so", "blocksize=8k");
    add_arm(suite, "c", NULL, "aio=native");
    suite->rounds = 2;
    for (guint round = 0; round < 2; round++) {
        for (guint arm = 0; arm < 3; arm++) {
            add_run(suite, arm, round);
        }
    }
    return suite;
}

static Run *run_of(Suite *suite, guint arm, guint round)
{
    return (Run *)suite_run(suite, arm, 0, round);
}

static Sample *sample_of(Suite *suite, guint arm, guint round)
{
    return (Sample *)run_sample(run_of(suite, arm, round), "read", NULL);
}

/* Ends the suite. */
static void assert_reason(Suite *suite, guint arm, const char *expected)
{
    g_autofree char *got = same_work(suite, 0, arm);

    g_assert_cmpstr(got, ==, expected);
    suite_free(suite);
}

static void test_same(void)
{
    assert_reason(new_suite(), 1, NULL);
    assert_reason(new_suite(), 2, NULL);
}

static void test_missing(void)
{
    Suite *suite = new_suite();

    suite->rounds = 3;
    add_run(suite, 0, 2);
    assert_reason(suite, 1, "round 3: arm b did not run");

    suite = new_suite();
    suite->rounds = 3;
    suite->interrupted = true;
    add_run(suite, 0, 2);
    assert_reason(suite, 1, NULL);

    suite = suite_new("s");
    add_arm(suite, "a", "libaio", NULL);
    add_arm(suite, "b", "libaio", NULL);
    suite->rounds = 5;
    suite->interrupted = true;
    assert_reason(suite, 1, "no round is complete");
}

static void test_failed(void)
{
    Suite *suite = new_suite();

    run_of(suite, 1, 1)->problem = g_strdup("fio ended with status 1");
    assert_reason(suite, 1, "round 2: arm b: fio ended with status 1");

    suite = new_suite();
    g_ptr_array_set_size(run_of(suite, 0, 0)->samples, 0);
    assert_reason(suite, 1, "round 1: arm a gave no result");

    suite = new_suite();
    run_of(suite, 2, 0)->problem = g_strdup("qemu-img:\nno\a");
    assert_reason(suite, 2, "round 1: arm c: qemu-img:; no");
}

static void test_other_jobs(void)
{
    Suite *suite = new_suite();

    add_sample(run_of(suite, 1, 1), suite->arms->pdata[1], "write", NULL);
    assert_reason(suite, 1, "round 2, job write: arm a did not run it");

    suite = new_suite();
    add_sample(run_of(suite, 0, 0), suite->arms->pdata[0], "read", "h:8765");
    assert_reason(suite, 1, "round 1, job read on h:8765: arm b did not run it");
}

static void test_bad_ios(void)
{
    Suite *suite = new_suite();

    sample_of(suite, 1, 1)->errors = 1;
    assert_reason(suite, 1, "round 2, job read: arm b had 1 error");

    suite = new_suite();
    sample_of(suite, 0, 0)->short_ios = 12;
    assert_reason(suite, 1, "round 1, job read: arm a had 12 short I/Os");

    suite = new_suite();
    sample_of(suite, 1, 0)->dropped_ios = 2;
    assert_reason(suite, 1, "round 1, job read: arm b had 2 dropped I/Os");

    suite = new_suite();
    sample_of(suite, 2, 0)->errors = 2;
    assert_reason(suite, 2, "round 1, job read: arm c had 2 errors");

    suite = new_suite();
    sample_of(suite, 0, 1)->ios = sample_of(suite, 1, 1)->ios = 0;
    assert_reason(suite, 1, "round 2, job read: arm a did no I/O");
}

static void test_options(void)
{
    Suite *suite = new_suite();

    set(sample_of(suite, 1, 1), "size", "2m");
    set(sample_of(suite, 1, 1), "thread", "1");
    assert_reason(suite, 1, "round 2, job read: arm a has size=1m and arm b has size=2m");

    suite = new_suite();
    set(sample_of(suite, 0, 0), "direct", "1");
    assert_reason(suite, 1, "round 1, job read: arm a has direct=1 and arm b has no direct");

    suite = new_suite();
    set(sample_of(suite, 1, 0), "thread", "1");
    set(sample_of(suite, 1, 0), "sync", "1");
    assert_reason(suite, 1, "round 1, job read: arm a has no sync and arm b has sync=1");
}

/* What an arm names itself, by whichever of its names, and what its engine alone knows. */
static void test_own_options(void)
{
    Suite *suite = new_suite();

    set(sample_of(suite, 1, 0), "bs", "8k");
    assert_reason(suite, 1, NULL);

    suite = suite_new("s");
    add_arm(suite, "a", "libaio", "userspace_reap=1");
    add_arm(suite, "b", "libaio", NULL);
    suite->rounds = 1;
    set(g_ptr_array_index(add_run(suite, 0, 0)->samples, 0), "userspace_reap", "1");
    add_run(suite, 1, 0);
    assert_reason(suite, 1, NULL);

    suite = new_suite();
    set(sample_of(suite, 1, 0), "qaio_merge", "off");
    assert_reason(suite, 1, NULL);

    suite = new_suite();
    set(sample_of(suite, 0, 0), "qaio_merge", "on");
    set(sample_of(suite, 1, 0), "qaio_merge", "off");
    assert_reason(suite, 1,
                  "round 1, job read: arm a has qaio_merge=on and arm b has "
                  "qaio_merge=off");

    /* of the same engine both have it, or it is not the same job file */
    suite = suite_new("s");
    add_arm(suite, "a", "external:/lib/libqaio.so", NULL);
    add_arm(suite, "b", "external:/lib/libqaio.so", NULL);
    suite->rounds = 1;
    add_run(suite, 0, 0);
    set(g_ptr_array_index(add_run(suite, 1, 0)->samples, 0), "qaio_merge", "off");
    assert_reason(suite, 1,
                  "round 1, job read: arm a has no qaio_merge and arm b has "
                  "qaio_merge=off");
}

static void test_amounts(void)
{
    Suite *suite = new_suite();

    sample_of(suite, 1, 1)->ios = 255;
    assert_reason(suite, 1,
                  "round 2, job read: arm a did 256 I/Os of 1048576 bytes and arm b 255 "
                  "of 1048576, and it was not time that ended them");

    suite = new_suite();
    sample_of(suite, 0, 0)->bytes = 1;
    assert_reason(suite, 1,
                  "round 1, job read: arm a did 256 I/Os of 1 bytes and arm b 256 of "
                  "1048576, and it was not time that ended them");

    suite = new_suite();
    sample_of(suite, 1, 1)->ios = 255;
    sample_of(suite, 1, 1)->time_based = true;
    assert_reason(suite, 1, NULL);

    suite = new_suite();
    sample_of(suite, 2, 1)->ios = 255; /* qemu-img cannot do what fio did */
    assert_reason(suite, 2, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/same-work/same", test_same);
    g_test_add_func("/same-work/missing", test_missing);
    g_test_add_func("/same-work/failed", test_failed);
    g_test_add_func("/same-work/other-jobs", test_other_jobs);
    g_test_add_func("/same-work/bad-ios", test_bad_ios);
    g_test_add_func("/same-work/options", test_options);
    g_test_add_func("/same-work/own-options", test_own_options);
    g_test_add_func("/same-work/amounts", test_amounts);
    return g_test_run();
}
