/*
 * A judgement for a pull request: the answer, what decides, and the rest folded away.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report.h"
#include "report-table.h"
#include <string.h>

/* Whether @c, in the middle of a text, has a meaning in Markdown as GitHub and GitLab have it. A
 * colon has one before the name of a picture, and in an address. */
static bool has_meaning(const char *c)
{
    return *c == ':' ? g_ascii_isalnum(c[1]) || (c[1] && strchr("+-/", c[1]))
                     : strchr("\\`*_{}[]+!|~$", *c) != NULL;
}

/* A mention and a number of an issue are found after backslashes are gone; an empty comment breaks
 * them. */
static void append_escaped(GString *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '@' || *c == '#') {
            g_string_append_printf(out, "%c<!-- -->", *c);
        } else if (*c == '<' || *c == '>' || *c == '&') {
            g_string_append(out, *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : "&amp;");
        } else {
            if (has_meaning(c)) {
                g_string_append_c(out, '\\');
            }
            g_string_append_c(out, *c);
        }
    }
}

static void append_cells(GString *out, char **cells, bool strong)
{
    g_string_append_c(out, '|');
    for (guint i = 0; cells[i]; i++) {
        const char *mark = strong && *cells[i] ? "**" : "";

        g_string_append_printf(out, " %s", mark);
        append_escaped(out, cells[i]);
        g_string_append_printf(out, "%s |", mark);
    }
    g_string_append_c(out, '\n');
}

static void append_table(GString *out, const ReportTable *table)
{
    append_cells(out, table->head, false);
    g_string_append_c(out, '|');
    for (guint i = 0; table->head[i]; i++) {
        g_string_append(out, table->align[i] == 'r' ? " ---: |" : " --- |");
    }
    g_string_append_c(out, '\n');
    for (guint r = 0; r < table->rows->len; r++) {
        const ReportRow *row = g_ptr_array_index(table->rows, r);
        const Comparison *c = row->comparison;

        append_cells(out, row->cells,
                     c && (c->verdict == VERDICT_SLOWER || c->verdict == VERDICT_FASTER));
    }
    g_string_append_c(out, '\n');
}

static void append_section(GString *out, const Judgement *judgement, const ReportSection *section)
{
    g_autofree char *title =
        words_section(judgement, section->kase, section->job, section->host, true);
    g_autofree char *pairs = words_pairs(section->comparisons, section->n);
    ReportTable *table = report_table_section(judgement, section, true);

    g_string_append(out, "#### ");
    append_escaped(out, title);
    g_string_append_printf(out, " (%s)\n\n", pairs);
    append_table(out, table);
    report_table_free(table);
}

static void append_sweep(GString *out, const Judgement *judgement, const Sweep *sweep)
{
    g_autofree char *option = words_clean(sweep->option);
    g_autofree char *job = words_clean(sweep->job), *host = words_clean(sweep->host);
    ReportTable *table = report_table_sweep(judgement, sweep, false);

    g_string_append_printf(out, "#### %s over ", metrics[sweep->metric].title);
    append_escaped(out, option);
    g_string_append(out, ", job ");
    append_escaped(out, job);
    if (*host) {
        g_string_append(out, " on ");
        append_escaped(out, host);
    }
    g_string_append(out, "\n\n");
    append_table(out, table);
    report_table_free(table);
}

static void append_item(GString *out, const char *text)
{
    g_autofree char *clean = words_clean(text);

    g_string_append(out, "- ");
    append_escaped(out, clean);
    g_string_append_c(out, '\n');
}

/* Takes @lines, of which there may be none: NULL. */
static void append_list(GString *out, const char *heading, GPtrArray *lines)
{
    if (lines) {
        g_string_append_printf(out, "#### %s\n\n", heading);
        for (guint i = 0; i < lines->len; i++) {
            append_item(out, g_ptr_array_index(lines, i));
        }
        g_string_append_c(out, '\n');
        g_ptr_array_unref(lines);
    }
}

static void append_arms(GString *out, const Judgement *judgement)
{
    g_string_append(out, "#### How it was measured\n\n");
    for (guint i = 0; i < judgement->suite->arms->len; i++) {
        const Arm *arm = judgement_arm(judgement, i);
        g_autofree char *line = g_strdup_printf("%s: %s", arm->name, arm->spec);

        append_item(out, line);
    }
    g_string_append_c(out, '\n');
}

static void append_paragraph(GString *out, char *text)
{
    if (text) {
        append_escaped(out, text);
        g_string_append(out, "\n\n");
        g_free(text);
    }
}

static void append_details(GString *out, const Judgement *judgement)
{
    g_autoptr(GPtrArray) sweeps = report_sweeps(judgement);
    g_autoptr(GArray) sections = report_sections(judgement);

    g_string_append(out, "<details>\n<summary>All figures</summary>\n\n");
    for (guint i = 0; i < sweeps->len; i++) {
        append_sweep(out, judgement, g_ptr_array_index(sweeps, i));
    }
    for (guint i = 0; i < sections->len; i++) {
        append_section(out, judgement, &g_array_index(sections, ReportSection, i));
    }
    append_list(out, "Runs that failed", words_problems(judgement));
    append_arms(out, judgement);
    append_paragraph(out, words_legend(judgement));
    append_paragraph(out, words_method(judgement));
    g_string_append(out, "</details>\n");
}

void report_markdown(const Judgement *judgement, GString *out)
{
    g_autofree char *headline = words_headline(judgement);
    g_autofree char *name = words_clean(judgement->suite->name);
    g_autoptr(GPtrArray) notes = words_notes(judgement);

    g_string_append(out, "### qaio-compare ");
    append_escaped(out, name);
    g_string_append_printf(out, ": %s\n\n**", verdict_name(judgement->outcome));
    append_escaped(out, headline);
    g_string_append(out, "**\n\n");
    append_paragraph(out, words_tally(judgement));
    for (guint i = 0; i < notes->len; i++) {
        append_paragraph(out, g_strdup(g_ptr_array_index(notes, i)));
    }
    append_list(out, "Not comparable", words_obstacles(judgement));
    append_details(out, judgement);
}
