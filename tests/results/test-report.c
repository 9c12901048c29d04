/*
 * Reports say what the judgement says, in every format, whatever names and values are in it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "judgements.h"
#include "report.h"
#include "schema.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef void Format(const Judgement *judgement, GString *out);

static void text_80(const Judgement *judgement, GString *out)
{
    report_text(judgement, 80, false, out);
}

static char *report(const Judgement *judgement, Format *format)
{
    GString *out = g_string_new(NULL);

    format(judgement, out);
    g_assert_true(g_utf8_validate(out->str, out->len, NULL));
    g_assert_cmpuint(out->len, >, 0);
    g_assert_cmpint(out->str[out->len - 1], ==, '\n');
    return g_string_free(out, FALSE);
}

static char *report_of(const char *name, Format *format)
{
    Fixture *fixture = fixture_new(name);
    char *text;

    g_assert_nonnull(fixture);
    text = report(&fixture->judgement, format);
    fixture_free(fixture);
    return text;
}

#define assert_has(text, what)                          \
    do {                                                \
        if (!strstr(text, what)) {                      \
            g_error("no \"%s\" in:\n%s", (what), text); \
        }                                               \
    } while (0)
#define assert_lacks(text, what)                      \
    do {                                              \
        if (strstr(text, what)) {                     \
            g_error("\"%s\" is in:\n%s", what, text); \
        }                                             \
    } while (0)

static void assert_report_has(const char *name, Format *format, const char *what)
{
    g_autofree char *text = report_of(name, format);

    assert_has(text, what);
}

/* The text up to the first empty line, its lines joined. */
static char *first_paragraph(const char *text)
{
    const char *end = strstr(text, "\n\n");
    char *paragraph = g_strndup(text, end ? (gsize)(end - text) : strlen(text));

    return g_strdelimit(paragraph, "\n", ' ');
}

/* The answer. */

static void set_ratio(Fixture *fixture, MetricId metric, double ratio, double low, double high,
                      Verdict verdict)
{
    Comparison *c = fixture_comparison(fixture, 0, 1, metric);

    c->ratio = ratio;
    c->low = low;
    c->high = high;
    c->verdict = verdict;
}

static void assert_headline(Fixture *fixture, Verdict outcome, const char *headline)
{
    g_autofree char *text = NULL;

    fixture->judgement.outcome = outcome;
    text = report(&fixture->judgement, text_80);
    g_strdelimit(text, "\n", ' ');
    if (!g_str_has_prefix(text, headline)) {
        g_error("not \"%s\" at the beginning of:\n%s", headline, text);
    }
}

static void test_headline(void)
{
    Fixture *f = fixture_new("slower");

    set_ratio(f, METRIC_IOPS, 0.934, 0.912, 0.951, VERDICT_SLOWER);
    set_ratio(f, METRIC_LAT_P99, 1, 0.99, 1.01, VERDICT_SAME);
    assert_headline(f, VERDICT_SLOWER, "b is slower than a: IOPS 0.93 (0.91..0.95) Of 2");
    set_ratio(f, METRIC_LAT_P99, 1.5, 1.4, 1.6, VERDICT_SLOWER);
    assert_headline(
        f, VERDICT_SLOWER,
        "b is slower than a: IOPS 0.93 (0.91..0.95), p99 latency 1.50 (1.40..1.60) Of 2");
    set_ratio(f, METRIC_IOPS, 1.1, 1.08, 1.12, VERDICT_FASTER);
    set_ratio(f, METRIC_LAT_P99, 1, 0.995, 1.005, VERDICT_SAME);
    assert_headline(f, VERDICT_FASTER, "b is faster than a: IOPS 1.10 (1.08..1.12) Of 2");
    set_ratio(f, METRIC_IOPS, 1, 0.995, 1.005, VERDICT_SAME);
    assert_headline(
        f, VERDICT_SAME,
        "b is as fast as a: IOPS 1.000 (0.995..1.005), p99 latency 1.000 (0.995..1.005) Of 2");
    set_ratio(f, METRIC_IOPS, 0.97, 0.9, 1.05, VERDICT_CANNOT_TELL);
    fixture_comparison(f, 0, 1, METRIC_IOPS)->pairs_needed = 40;
    assert_headline(f, VERDICT_CANNOT_TELL,
                    "cannot tell whether b is slower than a: IOPS 0.97 (0.90..1.05); about 40 "
                    "pairs would tell ");
    fixture_free(f);
}

/* No number of pairs tells what was not measured; they still tell the rest. */
static void test_headline_of_what_was_not_measured(void)
{
    Fixture *f = fixture_new("cannot-tell");

    set_ratio(f, METRIC_IOPS, 0.97, 0.9, 1.05, VERDICT_CANNOT_TELL);
    fixture_comparison(f, 0, 1, METRIC_IOPS)->pairs_needed = 40;
    set_ratio(f, METRIC_LAT_P99, NAN, NAN, NAN, VERDICT_CANNOT_TELL);
    fixture_comparison(f, 0, 1, METRIC_LAT_P99)->pairs = 0;
    fixture_comparison(f, 0, 1, METRIC_LAT_P99)->pairs_needed = 0;
    assert_headline(f, VERDICT_CANNOT_TELL,
                    "cannot tell whether b is slower than a: IOPS 0.97 (0.90..1.05), p99 latency "
                    "not measured; about 40 pairs would tell of what was measured ");
    fixture_free(f);
}

static void test_headline_of_what_does_not_decide(void)
{
    Fixture *f = fixture_new("slower");

    fixture_comparison(f, 0, 1, METRIC_LAT_P99)->decides = false;
    set_ratio(f, METRIC_LAT_P99, 0.7, 0.6, 0.8, VERDICT_FASTER);
    set_ratio(f, METRIC_IOPS, 1, 0.99, 1.01, VERDICT_SAME);
    assert_headline(f, VERDICT_SAME, "b is as fast as a: IOPS 1.00 (0.99..1.01)  ");
    fixture_free(f);
}

static void test_self_check(void)
{
    Fixture *f = fixture_new("self-check");

    fixture_comparison(f, 0, 1, METRIC_IOPS)->smallest = 0.031;
    fixture_comparison(f, 0, 1, METRIC_LAT_P99)->smallest = 0.12;
    assert_headline(f, VERDICT_SAME,
                    "this machine can now show an effect of 3.1 % in IOPS, 12 % in p99 latency, "
                    "with 10 pairs");
    set_ratio(f, METRIC_IOPS, 1.09, 1.08, 1.1, VERDICT_FASTER);
    set_ratio(f, METRIC_LAT_P99, 1, 0.99, 1.01, VERDICT_SAME);
    assert_headline(f, VERDICT_FASTER, "b is the same as a and measures differently: IOPS 1.09");
    fixture_free(f);
}

/* Text for a terminal. */

static void assert_fits(const char *text, guint width)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        if (g_utf8_strlen(lines[i], -1) > width) {
            g_error("wider than %u: %s", width, lines[i]);
        }
        g_assert_false(g_str_has_suffix(lines[i], " "));
    }
}

static void test_text_fits(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        Fixture *f = fixture_new(fixture_names[i]);

        for (guint width = 80; width < 180; width += 7) {
            GString *out = g_string_new(NULL);

            report_text(&f->judgement, width, false, out);
            assert_fits(out->str, width);
            g_string_free(out, TRUE);
        }
        fixture_free(f);
    }
}

static void test_text_long_names(void)
{
    Fixture *f = fixture_new("slower");
    Arm *arm = g_ptr_array_index(f->suite->arms, 1);
    g_autofree char *text = NULL;

    g_free(arm->name);
    arm->name = g_strnfill(300, 'x');
    text = report(&f->judgement, text_80);
    assert_fits(text, 80);
    assert_has(text, "slower");
    fixture_free(f);
}

/* Nothing but ours may steer a terminal. */
static void test_text_colour(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        Fixture *f = fixture_new(fixture_names[i]);
        g_autoptr(GRegex) colours = g_regex_new("\x1b\\[[0-9]+m", 0, 0, NULL);
        g_autoptr(GString) with = g_string_new(NULL);
        g_autofree char *plain = report(&f->judgement, text_80);
        g_autofree char *without = NULL;

        report_text(&f->judgement, 80, true, with);
        g_assert_nonnull(strchr(with->str, '\x1b'));
        without = g_regex_replace(colours, with->str, -1, 0, "", 0, NULL);
        g_assert_cmpstr(without, ==, plain);
        g_assert_null(strchr(plain, '\x1b'));
        fixture_free(f);
    }
}

static void test_text_says_all(void)
{
    g_autofree char *slower = report_of("slower", text_80);
    g_autofree char *unsure = report_of("cannot-tell", text_80);
    g_autofree char *obstacle = report_of("not-comparable", text_80);
    g_autofree char *pair = report_of("one-pair", text_80);
    g_autofree char *cut = report_of("interrupted", text_80);
    g_autofree char *top = first_paragraph(cut);

    assert_has(slower, "10 pairs, in the order abba abba");
    assert_has(slower, "(seed 7)");
    assert_has(slower, "band 2.0 %");
    assert_has(slower, "IOPS from ");
    assert_has(slower, "0.0078 slower\n");
    assert_has(slower, "0.0078 (slower)\n");
    assert_has(slower, "  b: external:./libqaio.so");
    assert_has(unsure, "  IOPS: cannot tell: about 40 pairs would");
    assert_has(obstacle, "a and b cannot be compared: b had 3 I/O errors\n");
    assert_has(obstacle, "\nNote: b had 3 I/O errors\n");
    assert_has(obstacle, "run 8 (randread, a): b had 3 I/O errors");
    assert_has(pair, "one pair is not enough");
    assert_has(top, "interrupted");
}

static void test_text_tables(void)
{
    assert_report_has("three-arms", text_80, "\n                    c ");
    assert_report_has("arm-sweep", text_80, "IOPS over qaio_poll_max_ns, job randread\n");
    assert_report_has("arm-sweep", text_80, "\n  4000              a ");
    assert_report_has("case-sweep", text_80, "IOPS over iodepth, job randread\n");
    assert_report_has("case-sweep", text_80, "\n  64       a ");
    assert_report_has("case-sweep", text_80, "\n           b ");
    assert_report_has("word-sweep", text_80, "\n  on          a ");
    assert_report_has("hosts", text_80, "\nrandread, on 10.0.0.2 (6 pairs)\n");
}

/* A comparison without a point of the sweep is no part of it; one in two sweeps is in both. */
static void test_text_two_sweeps(void)
{
    Fixture *f = fixture_new("case-sweep");
    g_autofree char *text = NULL;

    for (guint i = 0; i < f->suite->cases->len; i++) {
        Case *kase = g_ptr_array_index(f->suite->cases, i);

        g_free(kase->name);
        kase->name = g_strdup_printf("randread bs=%u iodepth=%u", 4 << i / 2, 1 << i % 2);
    }
    text = report(&f->judgement, text_80);
    assert_has(text, "IOPS over bs, job randread\n");
    assert_has(text, "IOPS over iodepth, job randread\n");
    assert_has(text, "\n  8   a, randread iodepth=1 ");
    assert_has(text, "\n  1        a, randread bs=4 ");
    fixture_free(f);
}

static void test_nothing(void)
{
    g_autofree char *text = report_of("empty", text_80);

    g_assert_true(g_str_has_prefix(text, "nothing was compared"));
    assert_report_has("empty", report_markdown, "nothing was compared");
    assert_report_has("empty", report_junit, "tests=\"1\" failures=\"0\" errors=\"1\"");
    assert_report_has("empty", report_tap, "\nnot ok 1 ");
}

/* Markdown. */

static guint count_cells(const char *line)
{
    guint n = 0;

    for (const char *c = line; *c; c++) {
        c += *c == '\\' && c[1];
        n += c[0] == '|' && (c == line || c[-1] != '\\');
    }
    return n;
}

static void test_markdown_tables(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        g_autofree char *text = report_of(fixture_names[i], report_markdown);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        guint cells = 0;

        for (guint l = 0; lines[l]; l++) {
            if (*lines[l] != '|') {
                cells = 0;
            } else if (cells == 0) {
                cells = count_cells(lines[l]);
                g_assert_cmpuint(cells, >=, 8);
            } else {
                g_assert_cmpuint(count_cells(lines[l]), ==, cells);
            }
        }
    }
}

static void test_markdown_is_short(void)
{
    g_autofree char *text = report_of("slower", report_markdown);
    char *details = strstr(text, "<details>");

    g_assert_nonnull(details);
    assert_has(details, "</details>\n");
    assert_has(details, "| metric | a | b |");
    *details = '\0';
    assert_has(text, "**b is slower than a: IOPS 0.");
    g_assert_cmpuint(strlen(text), <, 400);
}

/* No mark-up but ours: no tag, no mention, no number of an issue, no link. */
static void test_markdown_hostile(void)
{
    Fixture *f = fixture_new("hostile");
    Arm *arm = g_ptr_array_index(f->suite->arms, 2);
    g_autofree char *text = NULL;
    g_autoptr(GRegex) tags = g_regex_new("<(?!!-- -->|/?details>|/?summary>)", 0, 0, NULL);

    g_free(arm->spec);
    arm->spec = g_strdup("@root #12 http://example.org <b>");
    text = report(&f->judgement, report_markdown);
    g_assert_false(g_regex_match(tags, text, 0, NULL));
    assert_lacks(text, "@root");
    assert_lacks(text, "#12");
    assert_lacks(text, "http://");
    assert_has(text, "Note: 1 ");
    assert_has(text, "\\|\\`\\*\\_\\[x\\]");
    fixture_free(f);
}

/* JSON. */

static JsonNode *parse_file(const char *name)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(g_getenv("srcdir"), "docs", name, NULL);

    json_parser_load_from_file(parser, path, &error);
    g_assert_no_error(error);
    return json_parser_steal_root(parser);
}

static JsonNode *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = json_from_string(text, &error);

    g_assert_no_error(error);
    return node;
}

static void assert_seen(const char *name, gpointer description, gpointer seen)
{
    if (!g_hash_table_contains(seen, description)) {
        g_error("the schema has %s, which no report has", name);
    }
}

/* All that is written is in the schema, and all that is in the schema is written. */
static void test_json_schema(void)
{
    JsonNode *schema = parse_file("qaio-compare.schema.json");
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (guint i = 0; fixture_names[i]; i++) {
        Fixture *f = fixture_new(fixture_names[i]);
        Sample *sample;
        g_autofree char *text = NULL, *complaint = NULL;
        JsonNode *value;

        if (f->suite->runs->len) {
            Run *run = g_ptr_array_index(f->suite->runs, 0);

            sample = g_ptr_array_index(run->samples, 0);
            sample->value[METRIC_LAT_P9999] = sample->value[METRIC_SYSCALLS] = 1;
        }
        text = report(&f->judgement, report_json);
        value = parse(text);
        complaint = schema_check(schema, value, seen);
        if (complaint) {
            g_error("%s: %s", fixture_names[i], complaint);
        }
        json_node_unref(value);
        fixture_free(f);
    }
    schema_foreach_member(schema, assert_seen, seen);
    json_node_unref(schema);
}

static void assert_described(const char *name, gpointer description, gpointer text)
{
    g_autofree char *row = g_strdup_printf("\n| `%s` | ", name);

    (void)description;
    assert_has((char *)text, row);
}

static void test_json_is_described(void)
{
    JsonNode *schema = parse_file("qaio-compare.schema.json");
    g_autofree char *text = NULL;
    g_autofree char *path =
        g_build_filename(g_getenv("srcdir"), "docs", "qaio-compare-json.md", NULL);

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    schema_foreach_member(schema, assert_described, text);
    for (int m = 0; m < METRIC_COUNT; m++) {
        assert_described(metrics[m].name, NULL, text);
    }
    for (int v = 0; v <= VERDICT_NOT_COMPARABLE; v++) {
        g_autofree char *name = g_strdup_printf("`%s`", verdict_name(v));

        assert_has(text, name);
    }
    json_node_unref(schema);
}

static JsonObject *element(JsonObject *object, const char *array, guint i)
{
    return json_array_get_object_element(json_object_get_array_member(object, array), i);
}

static void test_json_values(void)
{
    Fixture *f = fixture_new("cannot-tell");
    Comparison *c = fixture_comparison(f, 0, 1, METRIC_IOPS);
    g_autofree char *text = NULL;
    JsonNode *node;
    JsonObject *o;

    c->low = -INFINITY;
    c->high = NAN;
    f->judgement.options.seed = G_MAXUINT64;
    text = report(&f->judgement, report_json);
    node = parse(text);
    o = json_node_get_object(node);
    g_assert_cmpstr(json_object_get_string_member(o, "outcome"), ==, "cannot tell");
    g_assert_cmpstr(
        json_object_get_string_member(json_object_get_object_member(o, "options"), "seed"), ==,
        "18446744073709551615");
    o = element(o, "comparisons", 0);
    g_assert_cmpstr(json_object_get_string_member(o, "metric"), ==, "iops");
    g_assert_cmpfloat(json_object_get_double_member(o, "ratio"), ==, c->ratio);
    g_assert_true(json_object_get_null_member(o, "low"));
    g_assert_true(json_object_get_null_member(o, "high"));
    g_assert_cmpint(json_object_get_int_member(o, "pairs_needed"), ==, 40);
    json_node_unref(node);
    fixture_free(f);
}

/* Names come back as they were, but for what is no UTF-8. */
static void test_json_hostile(void)
{
    g_autofree char *text = report_of("hostile", report_json);
    g_autofree char *job = g_utf8_make_valid(HOSTILE_JOB, -1);
    JsonNode *node = parse(text);
    JsonObject *root = json_node_get_object(node);

    g_assert_cmpstr(json_object_get_string_member(element(root, "comparisons", 0), "job"), ==, job);
    g_assert_cmpstr(json_object_get_string_member(element(root, "obstacles", 0), "reason"), ==,
                    HOSTILE_REASON);
    g_assert_cmpstr(json_array_get_string_element(json_object_get_array_member(root, "notes"), 0),
                    ==, HOSTILE_REASON);
    json_node_unref(node);
}

/* JUnit. */

typedef struct Counts {
    int tests, failures, errors, skipped;
    int testcases, failure, error, skip; /* elements that are there */
} Counts;

static int number_in(const char **names, const char **values, const char *name)
{
    for (guint i = 0; names[i]; i++) {
        if (g_str_equal(names[i], name)) {
            return atoi(values[i]);
        }
    }
    return -1;
}

static void start_element(GMarkupParseContext *context, const char *element, const char **names,
                          const char **values, gpointer data, GError **error)
{
    Counts *counts = data;

    (void)context;
    (void)error;
    counts->testcases += g_str_equal(element, "testcase");
    counts->failure += g_str_equal(element, "failure");
    counts->error += g_str_equal(element, "error");
    counts->skip += g_str_equal(element, "skipped");
    if (g_str_equal(element, "testsuite")) {
        counts->tests = number_in(names, values, "tests");
        counts->failures = number_in(names, values, "failures");
        counts->errors = number_in(names, values, "errors");
        counts->skipped = number_in(names, values, "skipped");
    }
}

static Counts count_elements(const char *xml)
{
    static const GMarkupParser parser = { .start_element = start_element };
    Counts counts = { 0 };
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &counts, NULL);
    GError *error = NULL;

    g_markup_parse_context_parse(context, xml, -1, &error);
    g_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    g_assert_no_error(error);
    g_markup_parse_context_free(context);
    return counts;
}

static void test_junit_counts(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        g_autofree char *xml = report_of(fixture_names[i], report_junit);
        Counts c = count_elements(xml);

        g_assert_cmpint(c.tests, ==, c.testcases);
        g_assert_cmpint(c.failures, ==, c.failure);
        g_assert_cmpint(c.errors, ==, c.error);
        g_assert_cmpint(c.skipped, ==, c.skip);
        g_assert_cmpint(c.tests, >, 0);
    }
}

static void assert_junit(Fixture *f, int tests, int failures, int errors, int skipped)
{
    g_autofree char *xml = report(&f->judgement, report_junit);
    Counts c = count_elements(xml);

    g_assert_cmpint(c.tests, ==, tests);
    g_assert_cmpint(c.failures, ==, failures);
    g_assert_cmpint(c.errors, ==, errors);
    g_assert_cmpint(c.skipped, ==, skipped);
}

static void test_junit_verdicts(void)
{
    Fixture *f = fixture_new("slower");
    Comparison *iops = fixture_comparison(f, 0, 1, METRIC_IOPS);

    fixture_comparison(f, 0, 1, METRIC_LAT_P99)->verdict = VERDICT_SAME;
    iops->verdict = VERDICT_SLOWER;
    assert_junit(f, 2, 1, 0, 0);
    iops->verdict = VERDICT_FASTER;
    assert_junit(f, 2, 0, 0, 0);
    iops->verdict = VERDICT_CANNOT_TELL;
    assert_junit(f, 2, 0, 0, 1);
    iops->verdict = VERDICT_NOT_COMPARABLE;
    assert_junit(f, 2, 0, 1, 0);
    iops->decides = false;
    assert_junit(f, 1, 0, 0, 0);
    iops->decides = true;
    iops->verdict = VERDICT_FASTER;
    f->judgement.options.same_library = true;
    assert_junit(f, 2, 1, 0, 0);
    fixture_free(f);
}

/* An arm that gave nothing to compare is an error all the same. */
static void test_junit_obstacle_alone(void)
{
    Fixture *f = fixture_new("not-comparable");
    g_autofree char *text = NULL;

    g_ptr_array_set_size(f->judgement.comparisons, 0);
    assert_junit(f, 1, 0, 1, 0);
    text = report(&f->judgement, report_junit);
    assert_has(text, "name=\"note\" value=\"Note: b had 3");
    fixture_free(f);
}

/* TAP. */

/* '#' where no '\' is before it. */
static const char *find_directive(const char *line)
{
    for (; *line; line++) {
        if (*line == '\\' && line[1]) {
            line++;
        } else if (*line == '#') {
            return line;
        }
    }
    return NULL;
}

static guint check_tap_line(const char *line, guint number)
{
    g_autofree char *ok = g_strdup_printf("ok %u - ", number);
    g_autofree char *not_ok = g_strdup_printf("not ok %u - ", number);
    const char *directive;

    if (*line == '#' || g_str_has_prefix(line, "  ")) {
        return number;
    }
    if (!g_str_has_prefix(line, ok) && !g_str_has_prefix(line, not_ok)) {
        g_error("no TAP: %s", line);
    }
    directive = find_directive(line);
    if (directive) {
        g_assert_true(g_str_has_prefix(line, ok));
        g_assert_true(g_str_has_prefix(directive, "# SKIP cannot tell: "));
        g_assert_null(find_directive(directive + 1));
    }
    return number + 1;
}

static void test_tap_lines(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        g_autofree char *text = report_of(fixture_names[i], report_tap);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autofree char *plan = NULL;
        guint number = 1;

        g_assert_cmpstr(lines[0], ==, "TAP version 14");
        for (guint l = 2; *lines[l]; l++) {
            number = check_tap_line(lines[l], number);
        }
        plan = g_strdup_printf("1..%u", number - 1);
        g_assert_cmpstr(lines[1], ==, plan);
    }
}

static void test_tap_verdicts(void)
{
    Fixture *f = fixture_new("slower");
    Comparison *iops = fixture_comparison(f, 0, 1, METRIC_IOPS);
    static const char *const beginning[] = {
        [VERDICT_SAME] = "\nok 1 - ",
        [VERDICT_FASTER] = "\nok 1 - ",
        [VERDICT_SLOWER] = "\nnot ok 1 - ",
        [VERDICT_CANNOT_TELL] = "\nok 1 - randread: b against a: IOPS # SKIP cannot tell",
        [VERDICT_NOT_COMPARABLE] = "\nnot ok 1 - ",
    };

    for (int v = 0; v <= VERDICT_NOT_COMPARABLE; v++) {
        g_autofree char *text = NULL;

        iops->verdict = v;
        text = report(&f->judgement, report_tap);
        assert_has(text, beginning[v]);
    }
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/headline", test_headline);
    g_test_add_func("/report/headline/decides", test_headline_of_what_does_not_decide);
    g_test_add_func("/report/headline/not-measured", test_headline_of_what_was_not_measured);
    g_test_add_func("/report/headline/self-check", test_self_check);
    g_test_add_func("/report/nothing", test_nothing);
    g_test_add_func("/report/text/fits", test_text_fits);
    g_test_add_func("/report/text/long-names", test_text_long_names);
    g_test_add_func("/report/text/colour", test_text_colour);
    g_test_add_func("/report/text/says-all", test_text_says_all);
    g_test_add_func("/report/text/tables", test_text_tables);
    g_test_add_func("/report/text/two-sweeps", test_text_two_sweeps);
    g_test_add_func("/report/markdown/tables", test_markdown_tables);
    g_test_add_func("/report/markdown/short", test_markdown_is_short);
    g_test_add_func("/report/markdown/hostile", test_markdown_hostile);
    g_test_add_func("/report/json/schema", test_json_schema);
    g_test_add_func("/report/json/described", test_json_is_described);
    g_test_add_func("/report/json/values", test_json_values);
    g_test_add_func("/report/json/hostile", test_json_hostile);
    g_test_add_func("/report/junit/counts", test_junit_counts);
    g_test_add_func("/report/junit/verdicts", test_junit_verdicts);
    g_test_add_func("/report/junit/obstacle-alone", test_junit_obstacle_alone);
    g_test_add_func("/report/tap/lines", test_tap_lines);
    g_test_add_func("/report/tap/verdicts", test_tap_verdicts);
    return g_test_run();
}
