/*
 * A judgement for a terminal: the answer first, then tables that fit its width.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A table is laid out in its wide form where that fits, else in the narrow one, whose verdicts say
 * below it what the wide one says in the row. What does not fit then either loses letters of its
 * first columns, which are names.
 */
#include "report.h"
#include "report-table.h"
#include <math.h>
#include <string.h>

#define NARROWEST 40

typedef struct Page {
    GString *out;
    guint width;
    bool colour;
} Page;

static const char *colour_of(Verdict verdict)
{
    static const char *const colours[] = {
        [VERDICT_SAME] = "32",        [VERDICT_FASTER] = "36",         [VERDICT_SLOWER] = "31",
        [VERDICT_CANNOT_TELL] = "33", [VERDICT_NOT_COMPARABLE] = "35",
    };

    return colours[verdict];
}

static void colour_on(const Page *page, const char *colour)
{
    if (page->colour) {
        g_string_append_printf(page->out, "\x1b[%sm", colour);
    }
}

static void colour_off(const Page *page)
{
    if (page->colour) {
        g_string_append(page->out, "\x1b[0m");
    }
}

/* Columns that @text takes on a terminal. */
static guint columns(const char *text)
{
    guint n = 0;

    for (const char *c = text; *c; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);

        n += g_unichar_iszerowidth(u) ? 0 : g_unichar_iswide(u) ? 2 : 1;
    }
    return n;
}

/* As much of @text as fits into @width columns, the rest as "..". */
static char *cut(const char *text, guint width)
{
    const char *end = text;
    guint n = 0;

    if (columns(text) <= width) {
        return g_strdup(text);
    }
    while (*end) {
        gunichar u = g_utf8_get_char(end);

        n += g_unichar_iswide(u) ? 2 : 1;
        if (n + 2 > width) {
            break;
        }
        end = g_utf8_next_char(end);
    }
    return g_strdup_printf("%.*s..", (int)(end - text), text);
}

/* The length of the word at @text: to the next blank, but a "%" belongs to its number. */
static gsize word_length(const char *text)
{
    gsize n = strcspn(text, " ");

    return text[n] && text[n + 1] == '%' ? n + 1 + strcspn(text + n + 1, " ") : n;
}

/* Words on as many lines as they take; those after the first begin with @indent blanks. */
static void append_wrapped(const Page *page, guint indent, const char *text)
{
    guint at = 0;

    while (*text) {
        gsize length = word_length(text);
        g_autofree char *whole = g_strndup(text, length);
        g_autofree char *word = cut(whole, page->width - indent);
        guint n = columns(word);

        if (at > indent && at + 1 + n > page->width) {
            g_string_append_printf(page->out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > 0) {
            g_string_append_c(page->out, ' ');
            at++;
        }
        g_string_append(page->out, word);
        at += n;
        text += length;
        text += *text == ' ';
    }
    g_string_append_c(page->out, '\n');
}

static void append_item(const Page *page, const char *text)
{
    g_string_append(page->out, "  ");
    append_wrapped(&(Page){ page->out, page->width - 2, page->colour }, 2, text);
}

/* Tables. */

static guint n_columns(const ReportTable *table)
{
    return g_strv_length(table->head);
}

static guint *column_widths(const ReportTable *table)
{
    guint n = n_columns(table), *widths = g_new0(guint, n);

    for (guint i = 0; i < n; i++) {
        widths[i] = columns(table->head[i]);
        for (guint r = 0; r < table->rows->len; r++) {
            const ReportRow *row = g_ptr_array_index(table->rows, r);

            widths[i] = MAX(widths[i], columns(row->cells[i]));
        }
    }
    return widths;
}

static guint sum(const guint *widths, guint n)
{
    guint all = 0;

    for (guint i = 0; i < n; i++) {
        all += widths[i];
    }
    return all;
}

/* Takes from the widest of the columns that hold names until all fit. */
static void narrow(guint *widths, guint n, guint width)
{
    while (sum(widths, n) > width) {
        guint widest = 0;

        for (guint i = 1; i < MIN(3, n); i++) {
            widest = widths[i] > widths[widest] ? i : widest;
        }
        if (widths[widest] <= 8) {
            break;
        }
        widths[widest]--;
    }
}

static void append_cell(const Page *page, const char *text, guint width, char align, bool last)
{
    g_autofree char *part = cut(text, width);
    int blanks = width - MIN(width, columns(part));

    if (align == 'r') {
        g_string_append_printf(page->out, "%*s%s", blanks, "", part);
    } else {
        g_string_append_printf(page->out, "%s%*s", part, last ? 0 : blanks, "");
    }
}

static void append_row(const Page *page, const ReportTable *table, char **cells,
                       const guint *widths, guint gap, const char *colour)
{
    guint n = n_columns(table), last = n;

    while (last > 0 && !*cells[last - 1]) {
        last--;
    }
    for (guint i = 0; i < last; i++) {
        g_string_append_printf(page->out, "%*s", (int)(i == 0 ? 2 : gap), "");
        if (colour && i == n - 1) {
            colour_on(page, colour);
        }
        append_cell(page, cells[i], widths[i], table->align[i], i == last - 1);
        if (colour && i == n - 1) {
            colour_off(page);
        }
    }
    g_string_append_c(page->out, '\n');
}

static guint width_of(const ReportTable *table, guint gap)
{
    g_autofree guint *widths = column_widths(table);
    guint n = n_columns(table);

    return 2 + sum(widths, n) + (n - 1) * gap;
}

static void append_table(const Page *page, const ReportTable *table)
{
    g_autofree guint *widths = column_widths(table);
    guint n = n_columns(table), gap = width_of(table, 2) <= page->width ? 2 : 1;

    narrow(widths, n, page->width - 2 - (n - 1) * gap);
    colour_on(page, "1");
    append_row(page, table, table->head, widths, gap, NULL);
    colour_off(page);
    for (guint r = 0; r < table->rows->len; r++) {
        const ReportRow *row = g_ptr_array_index(table->rows, r);

        append_row(page, table, row->cells, widths, gap,
                   row->comparison ? colour_of(row->comparison->verdict) : NULL);
    }
}

/* What the narrow form leaves out of what decides: how many pairs would tell. */
static void append_cannot_tell(const Page *page, const Judgement *judgement,
                               const ReportSection *section)
{
    for (guint i = 0; i < section->n; i++) {
        const Comparison *c = section->comparisons[i];

        if (c->verdict == VERDICT_CANNOT_TELL && c->decides) {
            g_autofree char *arm = words_clean(judgement_arm(judgement, c->arm)->name);
            g_autofree char *verdict = words_verdict(c);
            g_autofree char *line = NULL;

            if (judgement->suite->arms->len > 2) {
                line = g_strdup_printf("%s of %s: %s", metrics[c->metric].title, arm, verdict);
            } else {
                line = g_strdup_printf("%s: %s", metrics[c->metric].title, verdict);
            }
            append_item(page, line);
        }
    }
}

/* And the smallest effect that there were enough pairs for: the largest such of all arms. */
static void append_could_show(const Page *page, const ReportSection *section)
{
    double smallest[METRIC_COUNT] = { 0 };
    g_autofree char *pairs = words_pairs(section->comparisons, section->n);
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < section->n; i++) {
        const Comparison *c = section->comparisons[i];

        if (c->decides && isfinite(c->smallest)) {
            smallest[c->metric] = MAX(smallest[c->metric], c->smallest);
        }
    }
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (smallest[m] > 0) {
            g_autofree char *percent = words_percent(smallest[m]);

            g_string_append_printf(s, "%s%s from %s", s->len ? ", " : "", metrics[m].title,
                                   percent);
        }
    }
    if (s->len) {
        g_autofree char *line = g_strdup_printf("Effects that %s can show: %s", pairs, s->str);

        append_item(page, line);
    }
    g_string_free(s, TRUE);
}

static void append_heading(const Page *page, const char *text)
{
    g_string_append_c(page->out, '\n');
    colour_on(page, "1");
    append_wrapped(page, 2, text);
    colour_off(page);
}

static void append_section(const Page *page, const Judgement *judgement,
                           const ReportSection *section)
{
    g_autofree char *title =
        words_section(judgement, section->kase, section->job, section->host, true);
    g_autofree char *pairs = words_pairs(section->comparisons, section->n);
    g_autofree char *heading = g_strdup_printf("%s (%s)", title, pairs);
    ReportTable *table = report_table_section(judgement, section, true);
    bool fits = width_of(table, 2) <= page->width;

    append_heading(page, heading);
    if (!fits) {
        report_table_free(table);
        table = report_table_section(judgement, section, false);
    }
    append_table(page, table);
    if (!fits) {
        append_cannot_tell(page, judgement, section);
        append_could_show(page, section);
    }
    report_table_free(table);
}

static void append_sweep(const Page *page, const Judgement *judgement, const Sweep *sweep)
{
    g_autofree char *job = words_clean(sweep->job), *host = words_clean(sweep->host);
    g_autofree char *option = words_clean(sweep->option);
    g_autofree char *heading =
        g_strdup_printf("%s over %s, job %s%s%s", metrics[sweep->metric].title, option, job,
                        *host ? " on " : "", host);
    ReportTable *table = report_table_sweep(judgement, sweep, false);

    append_heading(page, heading);
    append_table(page, table);
    report_table_free(table);
}

/* Takes @lines, of which there may be none: NULL. */
static void append_list(const Page *page, const char *heading, GPtrArray *lines)
{
    if (lines) {
        append_heading(page, heading);
        for (guint i = 0; i < lines->len; i++) {
            append_item(page, g_ptr_array_index(lines, i));
        }
        g_ptr_array_unref(lines);
    }
}

static void append_arms(const Page *page, const Judgement *judgement)
{
    append_heading(page, "Arms");
    for (guint i = 0; i < judgement->suite->arms->len; i++) {
        const Arm *arm = judgement_arm(judgement, i);
        g_autofree char *line = g_strdup_printf("%s: %s", arm->name, arm->spec);
        g_autofree char *clean = words_clean(line);

        append_item(page, clean);
    }
}

static void append_top(const Page *page, const Judgement *judgement)
{
    g_autofree char *headline = words_headline(judgement);
    g_autofree char *tally = words_tally(judgement);
    g_autoptr(GPtrArray) notes = words_notes(judgement);

    colour_on(page, "1");
    colour_on(page, colour_of(judgement->outcome));
    append_wrapped(page, 0, headline);
    colour_off(page);
    if (tally) {
        append_wrapped(page, 0, tally);
    }
    for (guint i = 0; i < notes->len; i++) {
        append_wrapped(page, 2, g_ptr_array_index(notes, i));
    }
}

static void append_method(const Page *page, const Judgement *judgement)
{
    g_autofree char *legend = words_legend(judgement);
    g_autofree char *method = words_method(judgement);

    g_string_append_c(page->out, '\n');
    if (legend) {
        append_wrapped(page, 2, legend);
    }
    append_wrapped(page, 2, method);
}

void report_text(const Judgement *judgement, guint width, bool colour, GString *out)
{
    Page page = { out, MAX(width, NARROWEST), colour };
    g_autoptr(GPtrArray) sweeps = report_sweeps(judgement);
    g_autoptr(GArray) sections = report_sections(judgement);

    append_top(&page, judgement);
    append_list(&page, "Not comparable", words_obstacles(judgement));
    append_list(&page, "Runs that failed", words_problems(judgement));
    for (guint i = 0; i < sweeps->len; i++) {
        append_sweep(&page, judgement, g_ptr_array_index(sweeps, i));
    }
    for (guint i = 0; i < sections->len; i++) {
        append_section(&page, judgement, &g_array_index(sections, ReportSection, i));
    }
    append_arms(&page, judgement);
    append_method(&page, judgement);
}
