/* Tests of sets of runs on disk: what is written is read again, what others wrote is not believed;
 * manifests, fingerprints, baselines, and what the kernel's files say.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "baseline.h"
#include "fingerprint.h"
#include "json-member.h"
#include "machine.h"
#include "manifest.h"
#include "store.h"

static char *root; /* a folder of each test's own */

static void remove_all(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *inside = g_build_filename(path, name, NULL);

        remove_all(inside);
        g_free(inside);
    }
    if (dir) {
        g_dir_close(dir);
    }
    g_remove(path);
}

static void setup(void)
{
    root = g_dir_make_tmp("qaio-store-XXXXXX", NULL);
    g_assert_nonnull(root);
}

static void teardown(void)
{
    remove_all(root);
    g_clear_pointer(&root, g_free);
}

/* Writes @text to @name below the root, with the folders that it takes. */
static char *put(const char *name, const char *text)
{
    char *path = g_build_filename(root, name, NULL), *folder = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_free(folder);
    return path;
}

/* One with two arms, one case and a run, from the file of jobs at @job_file. */
static Suite *suite_of(const char *name, const char *job_file)
{
    Suite *suite = suite_new(name);
    Arm *a = g_new0(Arm, 1), *b = g_new0(Arm, 1);
    Case *kase = g_new0(Case, 1);
    Run *run = g_new0(Run, 1);

    *a = (Arm){ ARM_FIO, g_strdup("a"), g_strdup("libaio"), g_strdup("libaio"), g_new0(char *, 1) };
    *b = (Arm){ ARM_QEMU_IMG, g_strdup("b"), g_strdup("qemu-img,aio=native"), NULL,
                g_strsplit("aio=native", ",", -1) };
    *kase = (Case){ g_strdup("read"), g_strdup(job_file), g_strsplit("bs=4k,rw=read", ",", -1) };
    g_ptr_array_add(suite->arms, a);
    g_ptr_array_add(suite->arms, b);
    g_ptr_array_add(suite->cases, kase);
    suite->rounds = 10;
    *run = (Run){ .arm = 1, .round = 3, .order = 5, .started = 1700000000000000, .seconds = 1.5 };
    run->file = g_strdup("runs/0005-read-b.json");
    run->problem = g_strdup("it failed");
    run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    g_ptr_array_add(suite->runs, run);
    json_add_string(suite->manifest, "time", "20261121T200000Z");
    json_add_string(suite->manifest, "revision", "v1/../x y");
    return suite;
}

static void test_round_trip(void)
{
    char *job = put("read.fio", "[read]\nrw=read\n");
    Suite *suite = suite_of("nightly", job), *loaded;
    GError *error = NULL;
    char *folder = store_new_folder(root, suite, &error), *copy;
    const Run *run;
    const Arm *arm;
    const Case *kase;

    g_assert_no_error(error);
    g_assert_true(store_copy_jobs(folder, suite, &error));
    g_assert_true(store_write_manifest(folder, suite, &error));
    g_assert_true(g_str_has_suffix(folder, "/20261121T200000Z-v1_.._x_y"));
    loaded = store_load(folder, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(loaded->name, ==, "nightly");
    g_assert_cmpuint(loaded->rounds, ==, 10);
    g_assert_cmpstr(json_string(loaded->manifest, "revision"), ==, "v1/../x y");
    arm = g_ptr_array_index(loaded->arms, 1);
    g_assert_cmpint(arm->kind, ==, ARM_QEMU_IMG);
    g_assert_null(arm->engine);
    g_assert_cmpstr(arm->options[0], ==, "aio=native");
    kase = g_ptr_array_index(loaded->cases, 0);
    g_assert_cmpstr(kase->options[1], ==, "rw=read");
    run = g_ptr_array_index(loaded->runs, 0);
    g_assert_cmpuint(run->arm, ==, 1);
    g_assert_cmpuint(run->round, ==, 3);
    g_assert_cmpuint(run->order, ==, 5);
    g_assert_cmpint(run->started, ==, 1700000000000000);
    g_assert_cmpfloat(run->seconds, ==, 1.5);
    g_assert_cmpstr(run->problem, ==, "it failed");
    copy = store_job_file(folder, kase);
    g_assert_true(g_file_test(copy, G_FILE_TEST_EXISTS));
    g_free(copy);
    g_free(folder);
    g_free(job);
    suite_free(loaded);
    suite_free(suite);
}

/* System calls are counted in runs of their own; a set that is read again has them all the same. */
static void test_system_calls_are_kept(void)
{
    Suite *suite = suite_of("nightly", "x"), *loaded;
    Run *run = g_ptr_array_index(suite->runs, 0);
    char *folder = store_new_folder(root, suite, NULL);
    char *raw = g_build_filename(folder, "runs", "0005-read-b.json", NULL);
    JsonNode *entries = json_from_string("[{\"arm\": 1, \"case\": 0, \"per_io\": 2.5}]", NULL);
    char *folder_of_raw = g_path_get_dirname(raw), *output = NULL;
    char *fixture =
        g_build_filename(g_getenv("srcdir"), "tests", "results", "fio", "simple.json", NULL);

    run->round = 0;
    g_clear_pointer(&run->problem, g_free);
    json_object_set_member(suite->manifest, "syscalls", entries);
    g_assert_true(store_write_manifest(folder, suite, NULL));
    g_assert_cmpint(g_mkdir_with_parents(folder_of_raw, 0700), ==, 0);
    g_assert_true(g_file_get_contents(fixture, &output, NULL, NULL));
    g_assert_true(g_file_set_contents(raw, output, -1, NULL));
    loaded = store_load(folder, NULL);
    g_assert_nonnull(loaded);
    run = g_ptr_array_index(loaded->runs, 0);
    g_assert_cmpstr(run->problem, ==, NULL);
    g_assert_cmpuint(run->samples->len, ==, 1);
    g_assert_cmpfloat(((Sample *)run->samples->pdata[0])->value[METRIC_SYSCALLS], ==, 2.5);
    g_free(fixture);
    g_free(output);
    g_free(folder_of_raw);
    g_free(raw);
    g_free(folder);
    suite_free(loaded);
    suite_free(suite);
}

/* Two sets of the same second and revision are two folders. */
static void test_folders_are_new(void)
{
    Suite *suite = suite_of("nightly", "x");
    char *first = store_new_folder(root, suite, NULL),
         *second = store_new_folder(root, suite, NULL);
    char *expected = g_strconcat(first, "-02", NULL);

    g_assert_cmpstr(second, ==, expected);
    g_free(expected);
    g_free(first);
    g_free(second);
    suite_free(suite);
}

static void test_names(void)
{
    static const char *const bad[] = {
        "", ".", "..", ".hidden", "a/b", "../x", "a b", "\n", "a\\b"
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        g_assert_false(store_name_fits(bad[i], &error));
        g_clear_error(&error);
    }
    g_assert_true(store_name_fits("nightly-2.x_y+z", NULL));
}

static void test_jobs_of_one_name(void)
{
    char *x = put("x/read.fio", "[read]\nrw=read\n"), *y = put("y/read.fio", "[read]\nrw=write\n");
    Suite *suite = suite_of("nightly", x);
    Case *other = g_new0(Case, 1);
    GError *error = NULL;

    other->name = g_strdup("other");
    other->job_file = g_strdup(y);
    other->options = g_new0(char *, 1);
    g_ptr_array_add(suite->cases, other);
    g_assert_false(store_copy_jobs(root, suite, &error));
    g_assert_nonnull(strstr(error->message, "another job file of that name"));
    g_clear_error(&error);
    g_free(x);
    g_free(y);
    suite_free(suite);
}

/* A raw output that is not there, or no output of fio's, is a run with a problem. */
static void test_lost_output(void)
{
    Suite *suite = suite_of("nightly", "x"), *loaded;
    char *folder = store_new_folder(root, suite, NULL);
    Run *run = g_ptr_array_index(suite->runs, 0);

    g_clear_pointer(&run->problem, g_free);
    g_assert_true(store_write_manifest(folder, suite, NULL));
    loaded = store_load(folder, NULL);
    run = g_ptr_array_index(loaded->runs, 0);
    g_assert_nonnull(strstr(run->problem, "0005-read-b.json"));
    g_assert_cmpuint(run->samples->len, ==, 0);
    suite_free(loaded);
    suite_free(suite);
    g_free(folder);
}

/* Manifests of others. */

#define ARMS \
    "\"arms\":[{\"name\":\"a\",\"kind\":\"fio\",\"spec\":\"x\",\"engine\":\"x\",\"options\":[]}]"
#define CASES     "\"cases\":[{\"name\":\"c\",\"job_file\":\"j\",\"options\":[]}]"
#define RUN(more) "{\"arm\":0,\"case\":0,\"round\":0,\"order\":0,\"started_us\":1" more "}"
#define SUITE(schema, rounds, arms, cases, runs)                                   \
    "{\"schema\":" schema ",\"suite\":\"s\",\"rounds\":" rounds "," arms "," cases \
    ",\"measured\":{},\"runs\":[" runs "]}"

static void check_refused(const char *manifest, const char *why)
{
    char *path = put("manifest.json", manifest);
    GError *error = NULL;
    Suite *suite = store_load(root, &error);

    if (suite || !strstr(error->message, why) || strchr(error->message, '\n')) {
        g_test_message("%s", manifest);
        g_assert_null(suite);
        g_assert_cmpstr(error->message, ==, why);
    }
    g_assert_true(g_str_has_prefix(error->message, path) || strstr(error->message, path));
    g_clear_error(&error);
    g_free(path);
}

static void test_hostile_manifests(void)
{
    char *path = put("manifest.json", SUITE("1", "1", ARMS, CASES, RUN("")));
    Suite *suite = store_load(root, NULL);

    g_assert_nonnull(suite); /* so that each of the following fails for its own reason */
    suite_free(suite);
    g_free(path);
    check_refused("", "empty");
    check_refused("[]", "JSON");
    check_refused("{\"schema\":1,\"suite\":", "cut short");
    check_refused("{}", "no schema number");
    check_refused("{\"schema\":\"1\"}", "no schema number");
    check_refused("{\"schema\":-1}", "no schema number");
    check_refused("{\"schema\":0}", "no schema number");
    check_refused("{\"schema\":2}", "use a newer one");
    check_refused("{\"schema\":1}", "does not name its suite");
    check_refused("{\"schema\":1,\"suite\":[]}", "does not name its suite");
    check_refused(SUITE("1", "null", ARMS, CASES, ""), "\"rounds\"");
    check_refused(SUITE("1", "-3", ARMS, CASES, ""), "\"rounds\"");
    check_refused(SUITE("1", "99999999999", ARMS, CASES, ""), "\"rounds\"");
    check_refused(SUITE("1", "1", "\"arms\":7", CASES, ""), "no \"arms\"");
    check_refused(SUITE("1", "1", "\"arms\":[7]", CASES, ""), "number 1 of its \"arms\"");
    check_refused(SUITE("1", "1", "\"arms\":[{\"name\":\"a\"}]", CASES, ""), "its \"arms\"");
    check_refused(SUITE("1", "1", ARMS, "\"cases\":[{\"name\":\"c\",\"options\":[1]}]", ""),
                  "number 1 of its \"cases\"");
    check_refused(SUITE("1", "1", ARMS, CASES, "{}"), "number 1 of its \"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"arm\":1")), "number 1 of its \"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"case\":1")), "number 1 of its \"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"round\":1")), "number 1 of its \"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"arm\":4294967296")), "\"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN("") "," RUN("")), "number 2 of its \"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"file\":\"/etc/passwd\"")), "\"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"file\":\"runs/../../x\"")), "\"runs\"");
    check_refused(SUITE("1", "1", ARMS, CASES, RUN(",\"file\":\"\"")), "\"runs\"");
}

/* Cut anywhere, a manifest is refused in one line or, within its last blanks, whole. */
static void test_truncated_manifests(void)
{
    Suite *suite = suite_of("nightly", "x");
    char *folder = store_new_folder(root, suite, NULL), *path, *text;
    gsize length;

    g_assert_true(store_write_manifest(folder, suite, NULL));
    path = g_build_filename(folder, "manifest.json", NULL);
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    for (gsize i = 0; i < length - 2; i += 7) {
        GError *error = NULL;

        g_assert_true(g_file_set_contents(path, text, i, NULL));
        g_assert_null(store_load(folder, &error));
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
    }
    g_free(text);
    g_free(path);
    g_free(folder);
    suite_free(suite);
}

/* A folder that nothing can be written into: what is there stays. */
static void test_cannot_write(void)
{
    Suite *suite = suite_of("nightly", "x"), *loaded;
    char *folder = store_new_folder(root, suite, NULL);
    GError *error = NULL;

    g_assert_true(store_write_manifest(folder, suite, NULL));
    if (geteuid() == 0) {
        g_test_skip("root writes everywhere");
    } else {
        g_chmod(folder, 0500);
        suite->rounds = 99;
        g_assert_false(store_write_manifest(folder, suite, &error));
        g_clear_error(&error);
        g_chmod(folder, 0700);
    }
    loaded = store_load(folder, &error);
    g_assert_cmpuint(loaded->rounds, ==, 10);
    suite_free(loaded);
    suite_free(suite);
    g_free(folder);
}

static void test_no_folder(void)
{
    char *file = put("file", "");
    Suite *suite = suite_of("nightly", "x");
    GError *error = NULL;

    g_assert_null(store_new_folder(file, suite, &error));
    g_assert_nonnull(strstr(error->message, "cannot be made"));
    g_clear_error(&error);
    g_assert_null(store_load(root, &error));
    g_assert_nonnull(strstr(error->message, "folder with a manifest.json"));
    g_clear_error(&error);
    suite_free(suite);
    g_free(file);
}

/* Fingerprints. */

/* A manifest's object with one fact. */
static JsonObject *fact(const char *section, const char *name, const char *value)
{
    JsonObject *all = json_object_new(), *part = json_object_new();

    json_add_string(part, name, value);
    json_object_set_object_member(all, section, part);
    return all;
}

static gboolean same_fingerprint(JsonObject *x, JsonObject *y)
{
    char *p = fingerprint_of(x), *q = fingerprint_of(y), *difference = fingerprint_difference(x, y);
    gboolean same = g_str_equal(p, q);

    g_assert_cmpuint(strlen(p), ==, 12);
    g_assert_true(same == (difference == NULL));
    g_free(difference);
    g_free(p);
    g_free(q);
    return same;
}

static void test_fingerprints(void)
{
    static const char *const counts[][2] = {
        { "machine", "cpu" },          { "machine", "kernel" },   { "machine", "governor" },
        { "target", "model" },         { "target", "scheduler" }, { "target", "filesystem" },
        { "target", "mount_options" }, { "fio", "version" },      { "fio", "sha256" }
    };
    static const char *const does_not[][2] = { { "machine", "host" },
                                               { "machine", "load" },
                                               { "target", "path" },
                                               { "target", "device" },
                                               { "fio", "file" } };

    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        JsonObject *x = fact(counts[i][0], counts[i][1], "1"),
                   *y = fact(counts[i][0], counts[i][1], "2");
        JsonObject *unknown = fact(counts[i][0], counts[i][1], NULL);

        g_assert_true(same_fingerprint(x, x));
        g_assert_false(same_fingerprint(x, y));
        g_assert_false(same_fingerprint(x, unknown));
        json_object_unref(x);
        json_object_unref(y);
        json_object_unref(unknown);
    }
    for (guint i = 0; i < G_N_ELEMENTS(does_not); i++) {
        JsonObject *x = fact(does_not[i][0], does_not[i][1], "1");
        JsonObject *y = fact(does_not[i][0], does_not[i][1], "2");

        g_assert_true(same_fingerprint(x, y));
        json_object_unref(x);
        json_object_unref(y);
    }
}

static void test_difference(void)
{
    JsonObject *x = fact("machine", "kernel", "6.1"), *y = fact("machine", "kernel", NULL);
    char *difference = fingerprint_difference(x, y);

    g_assert_cmpstr(difference, ==, "machine's kernel: 6.1 then, unknown now");
    g_free(difference);
    json_object_unref(x);
    json_object_unref(y);
}

/* Baselines. */

static char *store_at(const char *name, const char *time, gboolean interrupted)
{
    Suite *suite = suite_of(name, "x");
    char *folder;

    json_add_string(suite->manifest, "time", time);
    suite->interrupted = interrupted;
    suite->rounds = 4;
    for (guint i = 0; i < 8; i++) {
        Run *run = g_new0(Run, 1);

        run->arm = i % 2;
        run->round = i / 2;
        run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
        if (!(run->arm == 1 && run->round == 3)) {
            g_ptr_array_add(suite->runs, run);
        } else {
            run_free(run);
        }
    }
    folder = store_new_folder(root, suite, NULL);
    g_assert_true(store_write_manifest(folder, suite, NULL));
    suite_free(suite);
    return folder;
}

static void test_baseline(void)
{
    char *old = store_at("nightly", "20260101T000000Z", FALSE);
    char *new = store_at("nightly", "20260102T000000Z", FALSE);
    char *half = store_at("nightly", "20260103T000000Z", TRUE);
    char *kept = baseline_keep(root, "nightly", NULL, NULL), *found;
    GPtrArray *names;

    g_assert_cmpstr(kept, ==, new); /* the newest that is whole */
    found = baseline_find(root, "nightly", NULL);
    g_assert_cmpstr(found, ==, new);
    g_free(found);
    g_free(kept);
    kept = baseline_keep(root, "nightly", old, NULL);
    found = baseline_find(root, "nightly", NULL);
    g_assert_cmpstr(found, ==, old);
    names = baseline_suites(root);
    g_assert_cmpuint(names->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(names, 0), ==, "nightly");
    g_ptr_array_unref(names);
    g_free(found);
    g_free(kept);
    g_free(old);
    g_free(new);
    g_free(half);
}

static void check_no_baseline(const char *suite, const char *folder, const char *why)
{
    GError *error = NULL;
    char *kept = folder && *folder ? baseline_keep(root, suite, folder, &error)
                 : folder          ? baseline_keep(root, suite, NULL, &error)
                                   : baseline_find(root, suite, &error);

    g_assert_null(kept);
    if (!strstr(error->message, why)) {
        g_assert_cmpstr(error->message, ==, why);
    }
    g_clear_error(&error);
}

static void test_baseline_refusals(void)
{
    char *other = store_at("other", "20260101T000000Z", FALSE);
    char *half = store_at("half", "20260101T000000Z", TRUE), *path;

    check_no_baseline("nightly", NULL, "baseline set nightly");
    check_no_baseline("nightly", "", "no complete set of suite nightly");
    check_no_baseline("half", "", "no complete set of suite half");
    check_no_baseline("nightly", other, "no set of suite nightly");
    check_no_baseline("../x", NULL, "a suite's name");
    path = put("nightly/baseline.json", "{\"schema\":1,\"set\":\"../../etc\"}");
    check_no_baseline("nightly", NULL, "names no set");
    g_free(path);
    path = put("nightly/baseline.json", "{\"schema\":2,\"set\":\"a/b\"}");
    check_no_baseline("nightly", NULL, "use a newer one");
    g_free(path);
    path = put("nightly/baseline.json", "{\"sch");
    check_no_baseline("nightly", NULL, "cut short");
    g_free(path);
    g_free(other);
    g_free(half);
}

/* What the kernel says. */

static void test_machine(void)
{
    JsonObject *machine;

    g_free(put("proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\n\n"));
    g_free(put("proc/meminfo", "MemTotal:        2048 kB\n"));
    g_free(put("proc/loadavg", "0.52 0.3 0.1 1/2 3\n"));
    g_free(put("sys/devices/system/cpu/smt/active", "1\n"));
    g_free(put("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"));
    g_free(put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"));
    machine = machine_describe(root);
    g_assert_cmpstr(json_string(machine, "cpu"), ==, "A CPU @ 2 GHz");
    g_assert_cmpstr(json_string(machine, "governor"), ==, "performance");
    g_assert_true(json_flag(machine, "smt", FALSE));
    g_assert_false(json_flag(machine, "turbo", TRUE));
    g_assert_cmpfloat(json_number(machine, "memory_bytes", 0), ==, 2 << 20);
    g_assert_cmpfloat(json_number(machine, "load", 0), ==, 0.52);
    json_object_unref(machine);
}

/* Nothing is known: everything is there and null, and nothing made up. */
static void test_unknown_machine(void)
{
    static const char *const names[] = {
        "cpu", "governor", "turbo", "smt", "memory_bytes", "load"
    };
    JsonObject *machine = machine_describe(root), *target = target_describe(root, NULL, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(json_object_get_null_member(machine, names[i]));
    }
    g_assert_true(json_object_get_null_member(target, "path"));
    g_assert_true(json_object_get_null_member(target, "scheduler"));
    json_object_unref(machine);
    json_object_unref(target);
}

static void test_target(void)
{
    char *file = put("file", "12345"), *name, *line;
    JsonObject *target;
    struct stat st;

    g_assert_cmpint(stat(file, &st), ==, 0);
    line = g_strdup_printf("1 0 0:99 / /other rw - tmpfs x rw\n"
                           "36 35 %u:%u / /mnt rw,noatime shared:1 - ext4 /dev/x rw,stripe=4\n",
                           major(st.st_dev), minor(st.st_dev));
    g_free(put("proc/self/mountinfo", line));
    name = g_strdup_printf("sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
    for (int i = 0; i < 5; i++) {
        static const char *const files[][2] = { { "queue/scheduler", "none [mq-deadline] bfq\n" },
                                                { "queue/nomerges", "2\n" },
                                                { "queue/rq_affinity", "1\n" },
                                                { "device/model", "  A DISK  \n" },
                                                { "size", "2048\n" } };
        char *path = g_build_filename(name, files[i][0], NULL);

        g_free(put(path, files[i][1]));
        g_free(path);
    }
    target = target_describe(root, file, NULL);
    g_assert_cmpstr(json_string(target, "kind"), ==, "file");
    g_assert_cmpstr(json_string(target, "filesystem"), ==, "ext4");
    g_assert_cmpstr(json_string(target, "mount_options"), ==, "rw,noatime,rw,stripe=4");
    g_assert_cmpstr(json_string(target, "scheduler"), ==, "mq-deadline");
    g_assert_cmpstr(json_string(target, "nomerges"), ==, "2");
    g_assert_cmpstr(json_string(target, "rq_affinity"), ==, "1");
    g_assert_cmpstr(json_string(target, "model"), ==, "A DISK");
    g_assert_cmpfloat(json_number(target, "device_size_bytes", 0), ==, 1 << 20);
    g_assert_cmpfloat(json_number(target, "size_bytes", 0), ==, 5);
    json_object_unref(target);
    g_free(line);
    g_free(name);
    g_free(file);
}

static void add(const char *path, void (*test)(void))
{
    g_test_add_vtable(path, 0, NULL, (GTestFixtureFunc)setup, (GTestFixtureFunc)test,
                      (GTestFixtureFunc)teardown);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/store/round-trip", test_round_trip);
    add("/store/system-calls-are-kept", test_system_calls_are_kept);
    add("/store/folders-are-new", test_folders_are_new);
    add("/store/names", test_names);
    add("/store/jobs-of-one-name", test_jobs_of_one_name);
    add("/store/lost-output", test_lost_output);
    add("/store/hostile-manifests", test_hostile_manifests);
    add("/store/truncated-manifests", test_truncated_manifests);
    add("/store/cannot-write", test_cannot_write);
    add("/store/no-folder", test_no_folder);
    add("/fingerprint/what-counts", test_fingerprints);
    add("/fingerprint/difference", test_difference);
    add("/baseline/set", test_baseline);
    add("/baseline/refusals", test_baseline_refusals);
    add("/machine/known", test_machine);
    add("/machine/unknown", test_unknown_machine);
    add("/machine/target", test_target);
    return g_test_run();
}
