/* Tests of fio-json.h: what real fio wrote, jobs added up by name and host, and what no fio wrote.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "fio-json.h"
#include <math.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "untrusted-json.h"

/* The path of a file that fio wrote; the caller frees it. */
static char *recorded(const char *name)
{
    const char *top = g_getenv("srcdir");

    return g_build_filename(top ? top : ".", "tests/results/fio", name, NULL);
}

static GPtrArray *new_samples(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
}

/* The samples of a file that fio wrote. */
static GPtrArray *read_recorded(const char *name)
{
    g_autofree char *path = recorded(name);
    GPtrArray *samples = new_samples();
    GError *error = NULL;

    fio_json_read_file(path, samples, &error);
    g_assert_no_error(error);
    return samples;
}

static Sample *sample_at(GPtrArray *samples, guint i, const char *job)
{
    Sample *sample;

    g_assert_cmpuint(i, <, samples->len);
    sample = g_ptr_array_index(samples, i);
    g_assert_cmpstr(sample->job, ==, job);
    return sample;
}

static void assert_option(const Sample *sample, const char *name, const char *value)
{
    g_assert_cmpstr(g_hash_table_lookup(sample->options, name), ==, value);
}

static void assert_near(double value, double expected)
{
    g_assert_cmpfloat_with_epsilon(value, expected, fabs(expected) * 1e-6);
}

/* Numbers as they stand in the file. */
static void test_simple(void)
{
    GPtrArray *samples = read_recorded("simple.json");
    Sample *s = sample_at(samples, 0, "read");

    g_assert_cmpuint(samples->len, ==, 1);
    g_assert_null(s->host);
    g_assert_cmpuint(s->ios, ==, 256);
    g_assert_cmpuint(s->bytes, ==, 1 << 20);
    g_assert_cmpuint(s->errors + s->short_ios + s->dropped_ios, ==, 0);
    g_assert_false(s->time_based);
    assert_near(s->value[METRIC_IOPS], 18285.714286);
    assert_near(s->value[METRIC_BW], 74898285);
    assert_near(s->value[METRIC_LAT_MEAN], 353550.449219);
    assert_near(s->value[METRIC_LAT_P50], 350208); /* as fio says itself */
    g_assert_true(isnan(s->value[METRIC_LAT_P99]));
    assert_near(s->value[METRIC_CPU], 0.46153846 * 13e6 / 256);
    assert_near(s->value[METRIC_SWITCHES], 256 / 256.0);
    g_assert_true(isnan(s->value[METRIC_SYSCALLS]));
    g_assert_cmpuint(histogram_count(s->clat), ==, 256);
    assert_option(s, "bs", "4k");     /* of [global] */
    assert_option(s, "iodepth", "8"); /* the job's own */
    g_ptr_array_unref(samples);
}

/* Without bins there are no percentiles, and all else is there. */
static void test_no_bins(void)
{
    GPtrArray *samples = read_recorded("no-bins.json");
    Sample *s = sample_at(samples, 0, "read");

    g_assert_cmpuint(histogram_count(s->clat), ==, 0);
    g_assert_true(isnan(s->value[METRIC_LAT_P50]));
    g_assert_false(isnan(s->value[METRIC_LAT_MEAN]));
    g_ptr_array_unref(samples);
}

/* Clones and directions are one sample, another name is another. */
static void test_numjobs(void)
{
    GPtrArray *samples = read_recorded("numjobs.json");
    Sample *rw = sample_at(samples, 0, "rw"), *write = sample_at(samples, 1, "write");

    g_assert_cmpuint(samples->len, ==, 2);
    g_assert_cmpuint(rw->ios, ==, 29 + 35 + 28 + 36);
    g_assert_cmpuint(rw->bytes, ==, 2 * 256 << 10);
    assert_near(rw->value[METRIC_IOPS], 14500 + 17500 + 9333.333333 + 12000);
    assert_near(rw->value[METRIC_CPU], 0.5 * 2e6 / 128);
    assert_near(rw->value[METRIC_SWITCHES], (15 + 20) / 128.0);
    g_assert_cmpuint(histogram_count(rw->clat), ==, 128);
    assert_option(rw, "rw", "randrw");
    assert_option(write, "bs", "16k"); /* over that of [global] */
    g_assert_false(write->time_based); /* runtime=10 was not reached */
    /* it took no millisecond: of reads there are none, and fio's 16000 are of writes */
    assert_near(write->value[METRIC_IOPS], 16000);
    g_ptr_array_unref(samples);
}

/* Reported as a group the same work is the same sample. */
static void test_group(void)
{
    GPtrArray *samples = read_recorded("group.json");
    Sample *rw = sample_at(samples, 0, "rw");

    g_assert_cmpuint(rw->ios, ==, 128);
    g_assert_cmpuint(histogram_count(rw->clat), ==, 128);
    assert_near(rw->value[METRIC_SWITCHES], 7 / 128.0);
    g_ptr_array_unref(samples);
}

static void test_unified(void)
{
    GPtrArray *samples = read_recorded("unified.json");

    g_assert_cmpuint(sample_at(samples, 0, "one")->ios, ==, 32);
    assert_near(sample_at(samples, 0, "one")->value[METRIC_IOPS], 10666.666667);
    /* not once more in what is mixed */
    g_assert_cmpuint(sample_at(samples, 1, "both")->ios, ==, 32);
    g_ptr_array_unref(samples);
}

/* fio does not show "time_based", but how long the job ran. */
static void test_timed(void)
{
    GPtrArray *samples = read_recorded("timed.json");

    g_assert_true(sample_at(samples, 0, "read")->time_based);
    g_ptr_array_unref(samples);
}

/* A job that failed, and one that was to go on; what fio said of it stands before the JSON. */
static void test_failed(void)
{
    GPtrArray *samples = read_recorded("error.txt");

    g_assert_cmpuint(sample_at(samples, 0, "full")->errors, ==, 1);
    g_assert_cmpuint(sample_at(samples, 1, "goes-on")->errors, ==, 1);
    g_ptr_array_unref(samples);
}

static void test_clients(void)
{
    GPtrArray *samples = read_recorded("clients.txt");

    g_assert_cmpuint(samples->len, ==, 2); /* and not "All clients" */
    g_assert_cmpstr(sample_at(samples, 0, "read")->host, ==, "10.0.0.1:8771");
    g_assert_cmpuint(sample_at(samples, 0, "read")->ios, ==, 102);
    g_assert_cmpstr(sample_at(samples, 1, "read")->host, ==, "10.0.0.1:8772");
    g_assert_cmpuint(sample_at(samples, 1, "read")->ios, ==, 103);
    g_ptr_array_unref(samples);
    samples = read_recorded("client.txt"); /* of one there is no total */
    g_assert_cmpuint(samples->len, ==, 1);
    g_ptr_array_unref(samples);
}

/* fio's own percentiles are those of the bins. */
static void test_percentiles(void)
{
    g_autoptr(GString) text = g_string_new("{\"jobs\":[{\"jobname\":\"j\",\"error\":0,\"read\":{"
                                           "\"total_ios\":1000000,\"io_bytes\":1,\"short_ios\":0,"
                                           "\"drop_ios\":0,\"iops\":1,\"bw_bytes\":1,"
                                           "\"clat_ns\":{\"bins\":{\"");
    GPtrArray *samples = new_samples();
    Sample *s;

    for (int i = 1; i <= 1000; i++) {
        g_string_append_printf(text, "%s%d\" : 1000", i > 1 ? ",\n \"" : "", i);
    }
    g_string_append(text, "}}}}]}");
    g_assert_true(fio_json_read(text->str, text->len, samples, NULL));
    s = sample_at(samples, 0, "j");
    g_assert_cmpfloat(s->value[METRIC_LAT_P50], ==, 500);
    g_assert_cmpfloat(s->value[METRIC_LAT_P99], ==, 990);
    g_assert_cmpfloat(s->value[METRIC_LAT_P999], ==, 999);
    g_assert_cmpfloat(s->value[METRIC_LAT_P9999], ==, 1000);
    g_ptr_array_unref(samples);
}

/* A document of one job, into which each test puts what it is about. */
#define NUMBERS "\"total_ios\":4,\"io_bytes\":8,\"short_ios\":1,\"drop_ios\":2,\"bw_bytes\":5,"
#define JOB(name, more) \
    "{\"jobname\":" name ",\"error\":0," more "\"read\":{" NUMBERS "\"iops\":3.5}}"
#define DOCUMENT(jobs) "{\"jobs\":[" jobs "]}"

static GPtrArray *read_text(const char *text)
{
    GPtrArray *samples = new_samples();
    GError *error = NULL;

    fio_json_read(text, strlen(text), samples, &error);
    g_assert_no_error(error);
    return samples;
}

static void test_options(void)
{
    GPtrArray *samples = read_text(
        "{\"global "
        "options\":{\"bs\":\"1k\",\"bs\":\"2k\",\"rw\":\"read\",\"size\":\"1m\"},\"jobs\":[" JOB(
            "\"a\"", "\"job options\":{\"rw\":\"write\"},") "," JOB("\"a\"",
                                                                    "\"job options\":{\"rw\":"
                                                                    "\"trim\"},") "]}");
    Sample *a = sample_at(samples, 0, "a");

    assert_option(a, "bs", "2k");           /* the last of two, as fio takes them */
    assert_option(a, "rw", "write | trim"); /* two sections of one name */
    assert_option(a, "size", "1m");
    g_assert_cmpuint(a->short_ios, ==, 2);
    g_assert_cmpuint(a->dropped_ios, ==, 4);
    assert_near(a->value[METRIC_IOPS], 7);
    g_assert_true(isnan(a->value[METRIC_CPU])); /* not said */
    g_ptr_array_unref(samples);
}

static void test_ended_by_time(void)
{
    static const struct {
        const char *options;
        bool time_based;
    } cases[] = {
        { "", false },
        { "\"runtime\":\"10\"", false },
        { "\"runtime\":\"0\"", false },
        { "\"runtime\":\"2\"", true },
        { "\"runtime\":\"2000ms\"", true },
        { "\"runtime\":\"1m\"", false },
        { "\"runtime\":\"2S\"", true },
        { "\"runtime\":\"nonsense\"", false },
        { "\"time_based\":\"1\"", true },
        { "\"time_based\":\"0\"", false },
        { "\"exitall\":\"1\"", true },
        { "\"steadystate\":\"iops:1%\"", true },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "{\"global options\":{%s},\"jobs\":[" JOB("\"a\"", "\"job_runtime\":2000,") "]}",
            cases[i].options);
        GPtrArray *samples = read_text(text);

        g_assert_cmpint(sample_at(samples, 0, "a")->time_based, ==, cases[i].time_based);
        g_ptr_array_unref(samples);
    }
}

/* Text around it does not matter, also such with braces. */
static void test_around(void)
{
    GPtrArray *samples =
        read_text("fio: job {a} has \"no\" size\r\n\n" DOCUMENT(JOB("\"a\"", "")) "\nbye {\n");

    g_assert_cmpuint(samples->len, ==, 1);
    g_ptr_array_unref(samples);
}

/* An error of one line that has @expected in it; and no samples. */
static void assert_refused(const char *text, gsize length, const char *expected)
{
    GPtrArray *samples = new_samples();
    GError *error = NULL;

    g_assert_false(fio_json_read(text, length, samples, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, expected)) {
        g_error("\"%s\" is not in \"%s\"", expected, error->message);
    }
    g_assert_null(strpbrk(error->message, "\r\n\033"));
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_assert_cmpuint(strlen(error->message), <, 1500);
    g_assert_cmpuint(samples->len, ==, 0);
    g_error_free(error);
    g_ptr_array_unref(samples);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "", "empty" },
        { "fio: engine nope not loadable\nfio: failed\n", "engine nope not loadable; fio: failed" },
        { "\033[31mred\033[0m\xff\n", "no JSON" },
        { "{", "cut short" },
        { "{\"jobs\":[{\"jobname\":\"x", "cut short" },
        { "{\"jobs\":[{\"jobname\":\"x\\", "cut short" },
        { "oops\n{\"jobs\":[", "cut short; before it: oops" },
        { "{}", "jobs is not an array" },
        { "oh\n{}", "before it: oh" },
        { "{\"jobs\":{}}", "jobs is not an array" },
        { DOCUMENT(""), "jobs is empty" },
        { DOCUMENT("3"), "jobs is not of objects" },
        { DOCUMENT("null"), "jobs is not of objects" },
        { DOCUMENT("{}"), "jobname is not a string" },
        { DOCUMENT(JOB("7", "")), "jobname is not a string" },
        { DOCUMENT(JOB("{\"1\":2}", "")), "jobname is not a string" },
        { DOCUMENT(JOB("\"a\"", "\"job options\":[],")), "job options is not an object" },
        { DOCUMENT(JOB("\"a\"", "\"job options\":{\"bs\":4},")), "bs is not a string" },
        { DOCUMENT(JOB("\"a\"", "\"write\":7,")), "a: write is not an object" },
        { DOCUMENT(JOB("\"a\"", "\"write\":{},")), "a: write.total_ios is not a number" },
        { DOCUMENT(JOB("\"a\"", "\"ctx\":-1,")), "ctx is out of range" },
        { DOCUMENT(JOB("\"a\"", "\"ctx\":true,")), "ctx is not a number" },
        { DOCUMENT(JOB("\"a\"", "\"ctx\":\"nan\",")), "ctx is not a number" },
        { DOCUMENT(JOB("\"a\"", "\"ctx\":nan,")), "no JSON" },
        { DOCUMENT(JOB("\"a\"", "\"ctx\":1e999,")), "" },
        { DOCUMENT(JOB("\"a\"", "\"total_err\":99999999999999999999999,")), "out of range" },
        { DOCUMENT(JOB("\"a\"", "\"total_err\":1e30,")), "out of range" },
        { DOCUMENT("{\"jobname\":\"a\",\"error\":0}"), "read is not there" },
        { DOCUMENT("{\"jobname\":\"a\\n\\u001b[1mb\",\"error\":-1}"), "a; [1mb: error" },
        { DOCUMENT(JOB("\"a\"", "\"write\":{" NUMBERS "\"iops\":1,\"clat_ns\":[]},")),
          "write.clat_ns is not an object" },
        { DOCUMENT(JOB("\"a\"", "\"write\":{" NUMBERS "\"iops\":1,\"clat_ns\":{\"bins\":9}},")),
          "bins is not an object" },
        { DOCUMENT(
              JOB("\"a\"", "\"write\":{" NUMBERS "\"iops\":1,\"clat_ns\":{\"bins\":{\"1\":-2}}},")),
          "not of counts" },
        { DOCUMENT(
              JOB("\"a\"", "\"write\":{" NUMBERS "\"iops\":1,\"clat_ns\":{\"bins\":{\"\":5}}},")),
          "not of counts" },
        { DOCUMENT(JOB("\"a\"", "")) "\n" DOCUMENT(JOB("\"a\"", "")), "more than one result" },
        { "{\"client_stats\":[" JOB("\"a\"", "") "]}", "hostname is not a string" },
        { "{\"client_stats\":[{\"jobname\":\"All clients\"}]}", "client_stats is empty" },
        { "{\"jobs\":[} ]", "no JSON" },
        { "{\"jobs\":[/* \" */]}", "no JSON" },
        { "{'jobs':[]}", "no JSON" },
        { "{\"jobs\" \"a\"}", "no JSON" },
        { "{\"jo\xff\":1}", "no JSON" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].expected);
    }
    assert_refused("{\"a\0\":1}", 8, "no JSON");
}

/* @n times @part between @head and @tail. */
static void assert_many_refused(const char *head, const char *part, guint n, const char *tail,
                                const char *expected)
{
    GString *text = g_string_new(head);

    for (guint i = 0; i < n; i++) {
        g_string_append(text, part);
    }
    g_string_append(text, tail);
    assert_refused(text->str, text->len, expected);
    g_string_free(text, TRUE);
}

/* What would take a stack, much memory, or much time. */
static void test_excessive(void)
{
    assert_many_refused("{\"jobs\":", "[", 1000000, "", "too deep");
    assert_many_refused("{\"jobs\":", "{\"a\":", 1000000, "", "too deep");
    assert_many_refused("{\"jobs\":[", "{},", 100000, "1]}", "too many objects");
    assert_many_refused("{\"jobs\":[", "1,", 2000000, "1]}", "too many values");
    assert_many_refused("{\"jobs\":{", "\"1\":1,", 2000000, "\"1\":1}}", "too many values");
    assert_many_refused("{\"jobs\":{", "\"a\":1,", 5000, "\"a\":1}}", "too many members");
    assert_many_refused("", "x", UNTRUSTED_JSON_MAX_BYTES + 1, "", "larger than 64 MiB");
    assert_many_refused("", "fio: what\n", 1000, "", "...");
}

/* Cut off anywhere, what fio wrote is refused, or is whole. */
static void test_cut_anywhere(void)
{
    g_autofree char *path = recorded("numjobs.json");
    g_autofree char *text = NULL;
    gsize length, end;

    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    end = strrchr(text, '}') - text;
    for (gsize n = 0; n <= end; n += 1 + n / 300) {
        g_autofree char *cut = g_memdup2(text, n); /* so that tools see what reads beyond it */

        assert_refused(cut, n, n > 0 ? "cut short" : "empty");
    }
}

static void test_files(void)
{
    GPtrArray *samples = new_samples();
    GError *error = NULL;

    g_assert_false(fio_json_read_file("/nonexistent/x.json", samples, &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/x.json"));
    g_clear_error(&error);
    g_assert_false(fio_json_read_file("/dev/zero", samples, &error));
    g_assert_nonnull(strstr(error->message, "/dev/zero cannot be read: it is no regular file"));
    g_clear_error(&error);
    g_assert_false(fio_json_read_file("/dev/zero", samples, NULL));
    g_ptr_array_unref(samples);
}

static void test_failure(void)
{
    static const struct {
        const char *text, *failure;
    } texts[] = {
        { "{ \"jobs\": [{ \"jobname\": \"a\", \"error\": 0 },\n"
          "{ \"jobname\": \"b\", \"error\": 13 }, { \"jobname\": \"c\", \"error\": 5 }] }",
          "job b: Permission denied" },
        { "{ \"jobs\": [13, null, { \"error\": 13 }, { \"jobname\": 1, \"error\": 13 },\n"
          "{ \"jobname\": \"a\", \"error\": -1 }] }",
          NULL },
        { "{ \"jobs\": { \"jobname\": \"a\", \"error\": 13 } }", NULL },
        { "{ \"client_stats\": [] }", NULL },
        { "fio: no JSON", NULL },
    };
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "qaio-failure-XXXXXX", NULL);

    g_assert_cmpint(close(g_mkstemp(path)), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *failure = NULL;

        g_assert_true(g_file_set_contents(path, texts[i].text, -1, NULL));
        failure = fio_json_failure(path);
        g_assert_cmpstr(failure, ==, texts[i].failure);
    }
    g_unlink(path);
    g_assert_null(fio_json_failure(path));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fio-json/simple", test_simple);
    g_test_add_func("/fio-json/no-bins", test_no_bins);
    g_test_add_func("/fio-json/numjobs", test_numjobs);
    g_test_add_func("/fio-json/group", test_group);
    g_test_add_func("/fio-json/unified", test_unified);
    g_test_add_func("/fio-json/timed", test_timed);
    g_test_add_func("/fio-json/failed", test_failed);
    g_test_add_func("/fio-json/clients", test_clients);
    g_test_add_func("/fio-json/percentiles", test_percentiles);
    g_test_add_func("/fio-json/options", test_options);
    g_test_add_func("/fio-json/ended-by-time", test_ended_by_time);
    g_test_add_func("/fio-json/around", test_around);
    g_test_add_func("/fio-json/refused", test_refused);
    g_test_add_func("/fio-json/excessive", test_excessive);
    g_test_add_func("/fio-json/cut-anywhere", test_cut_anywhere);
    g_test_add_func("/fio-json/files", test_files);
    g_test_add_func("/fio-json/failure", test_failure);
    return g_test_run();
}
