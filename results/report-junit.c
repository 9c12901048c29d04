/*
 * A judgement as JUnit's XML, in the form that CI systems agree on: slower is a failure, not
 * comparable an error, cannot tell is skipped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report.h"
#include "report-checks.h"

/* Text is clean of what XML does not allow at all; the rest is escaped here. */
static void append_attribute(GString *out, const char *name, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);

    g_string_append_printf(out, " %s=\"%s\"", name, escaped);
}

static void append_property(GString *out, const char *name, const char *value)
{
    g_string_append(out, "      <property");
    append_attribute(out, "name", name);
    append_attribute(out, "value", value);
    g_string_append(out, "/>\n");
}

static void append_counts(GString *out, const GPtrArray *checks)
{
    g_string_append_printf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"",
                           checks->len, report_checks_count(checks, CHECK_FAIL),
                           report_checks_count(checks, CHECK_ERROR),
                           report_checks_count(checks, CHECK_SKIP));
}

/* When the first run began, and how long all took. */
static void append_times(GString *out, const Suite *suite)
{
    double seconds = 0;
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    for (guint i = 0; i < suite->runs->len; i++) {
        seconds += ((Run *)g_ptr_array_index(suite->runs, i))->seconds;
    }
    g_string_append_printf(out, " time=\"%s\"",
                           g_ascii_formatd(number, sizeof(number), "%.3f", seconds));
    if (suite->runs->len) {
        const Run *first = g_ptr_array_index(suite->runs, 0);
        g_autoptr(GDateTime) start = g_date_time_new_from_unix_utc(first->started / G_USEC_PER_SEC);
        g_autofree char *when = start ? g_date_time_format(start, "%Y-%m-%dT%H:%M:%S") : NULL;

        append_attribute(out, "timestamp", when ? when : "1970-01-01T00:00:00");
    }
}

static void append_check(GString *out, const char *class, const ReportCheck *check)
{
    static const char *const element[] = { NULL, "failure", "error", "skipped" };

    g_string_append(out, "    <testcase");
    append_attribute(out, "classname", class);
    append_attribute(out, "name", check->name);
    g_string_append(out, " time=\"0\"");
    if (check->result == CHECK_PASS) {
        g_string_append(out, "/>\n");
        return;
    }
    g_string_append_printf(out, ">\n      <%s", element[check->result]);
    append_attribute(out, "message", check->message);
    if (check->result != CHECK_SKIP) {
        append_attribute(out, "type",
                         check->comparison ? verdict_name(check->comparison->verdict)
                                           : verdict_name(VERDICT_NOT_COMPARABLE));
    }
    g_string_append(out, "/>\n    </testcase>\n");
}

void report_junit(const Judgement *judgement, GString *out)
{
    g_autoptr(GPtrArray) checks = report_checks(judgement);
    g_autofree char *name = words_clean(judgement->suite->name);
    g_autofree char *headline = words_headline(judgement);
    g_autofree char *method = words_method(judgement);
    g_autoptr(GPtrArray) notes = words_notes(judgement);

    g_string_append(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<testsuites name=\"qaio-compare\"");
    append_counts(out, checks);
    g_string_append(out, ">\n  <testsuite");
    append_attribute(out, "name", name);
    append_counts(out, checks);
    append_times(out, judgement->suite);
    g_string_append(out, ">\n    <properties>\n");
    append_property(out, "outcome", verdict_name(judgement->outcome));
    append_property(out, "headline", headline);
    append_property(out, "method", method);
    for (guint i = 0; i < notes->len; i++) {
        append_property(out, "note", g_ptr_array_index(notes, i));
    }
    g_string_append(out, "    </properties>\n");
    for (guint i = 0; i < checks->len; i++) {
        append_check(out, name, g_ptr_array_index(checks, i));
    }
    g_string_append(out, "  </testsuite>\n</testsuites>\n");
}
