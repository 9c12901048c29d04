/*
 * A judgement as TAP version 14, which readers of version 13 understand: slower and not comparable
 * are "not ok", cannot tell is skipped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report.h"
#include "report-checks.h"
#include <string.h>

/* '#' begins a directive, '\' escapes it. */
static void append_escaped(GString *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (strchr("#\\", *c)) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *c);
    }
}

/* A value in YAML: in single quotes only these themselves mean anything. */
static void append_yaml(GString *out, const char *name, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, "'", -1);
    g_autofree char *doubled = g_strjoinv("''", parts);

    g_string_append_printf(out, "  %s: '%s'\n", name, doubled);
}

static void append_check(GString *out, guint number, const ReportCheck *check)
{
    bool ok = check->result == CHECK_PASS || check->result == CHECK_SKIP;

    g_string_append_printf(out, "%s %u - ", ok ? "ok" : "not ok", number);
    append_escaped(out, check->name);
    if (check->result == CHECK_SKIP) {
        g_string_append(out, " # SKIP ");
        append_escaped(out, check->message);
    }
    g_string_append_c(out, '\n');
    if (check->result != CHECK_SKIP) {
        g_string_append(out, "  ---\n");
        append_yaml(out, "message", check->message);
        g_string_append(out, "  ...\n");
    }
}

static void append_comment(GString *out, char *text)
{
    if (text) {
        g_string_append_printf(out, "# %s\n", text);
        g_free(text);
    }
}

void report_tap(const Judgement *judgement, GString *out)
{
    g_autoptr(GPtrArray) checks = report_checks(judgement);
    g_autoptr(GPtrArray) notes = words_notes(judgement);

    g_string_append_printf(out, "TAP version 14\n1..%u\n", checks->len);
    append_comment(out, words_headline(judgement));
    append_comment(out, words_tally(judgement));
    for (guint i = 0; i < notes->len; i++) {
        append_comment(out, g_strdup(g_ptr_array_index(notes, i)));
    }
    for (guint i = 0; i < checks->len; i++) {
        append_check(out, i + 1, g_ptr_array_index(checks, i));
    }
    append_comment(out, words_method(judgement));
}
