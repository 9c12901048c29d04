/*
 * A judgement as a page: one file without anything from elsewhere, and without scripts.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report.h"
#include "figure.h"
#include "plot.h"
#include "report-html-table.h"
#include "report-style.h"

typedef struct Page {
    const Judgement *judgement;
    const char *gnuplot;
    GString *out;
    guint figures;    /* so far; makes their ids */
    char *no_gnuplot; /* why there will be no more pictures */
} Page;

/* Takes @text. */
static void append_paragraph(Page *page, const char *class, char *text)
{
    if (text) {
        g_string_append_printf(page->out, "<p class=\"%s\">", class);
        html_append(page->out, text);
        g_string_append(page->out, ".</p>\n");
        g_free(text);
    }
}

static void append_heading(Page *page, const char *text, const char *more)
{
    g_string_append(page->out, "<h2>");
    html_append(page->out, text);
    if (more) {
        g_string_append(page->out, " <small>");
        html_append(page->out, more);
        g_string_append(page->out, "</small>");
    }
    g_string_append(page->out, "</h2>\n");
}

static char *words_drawings(const Judgement *judgement)
{
    g_autofree char *band = words_percent(judgement->options.band);

    return judgement->comparisons->len
               ? g_strdup_printf("In the drawings of intervals the middle is a ratio of 1, and the "
                                 "grey strip around it the band of %s",
                                 band)
               : NULL;
}

/* Pictures. */

/* A gnuplot that could not draw one will not be asked for the next: it may be slow to fail. */
static void append_picture(Page *page, const char *script, const char *label)
{
    g_autofree char *id = g_strdup_printf("f%u", page->figures++);
    g_autoptr(GError) error = NULL;
    g_autofree char *svg = NULL;

    if (!page->no_gnuplot) {
        svg = plot_svg(page->gnuplot, script, id, label, &error);
    }
    if (svg) {
        g_string_append(page->out, svg);
        return;
    }
    if (error) {
        page->no_gnuplot = g_strdup_printf("There is no picture here: %s.", error->message);
    }
    g_string_append(page->out, "<p class=\"missing\">");
    html_append(page->out, page->no_gnuplot);
    g_string_append(page->out, "</p>");
}

/* Takes @script, which may be NULL: there is nothing to draw. */
static void append_figure(Page *page, char *script, const char *caption)
{
    g_string_append(page->out, "<figure><figcaption>");
    html_append(page->out, caption);
    g_string_append(page->out, "</figcaption>");
    if (script) {
        append_picture(page, script, caption);
    } else {
        g_string_append(page->out, "<p class=\"missing\">Too little was measured to draw it.</p>");
    }
    g_string_append(page->out, "</figure>\n");
    g_free(script);
}

static void append_legend_entry(Page *page, guint i, const char *name)
{
    /* The marks of figure.c, by number of the arm. */
    static const char *const marks[PLOT_ARMS] = { "\u25cf", "\u25b2", "\u25a0", "\u25c6",
                                                  "\u25bc", "\u25cb", "\u25b3", "\u25a1" };

    g_string_append_printf(page->out, "<li style=\"--v:var(--arm%u)\"><b>%s</b>", i % PLOT_ARMS,
                           marks[i % PLOT_ARMS]);
    html_append(page->out, name);
    g_string_append(page->out, "</li>\n");
}

static void append_legend_of_arms(Page *page)
{
    g_string_append(page->out, "<ul class=\"legend\">\n");
    for (guint i = 0; i < page->judgement->suite->arms->len; i++) {
        const Arm *arm = judgement_arm(page->judgement, i);
        g_autofree char *text = g_strdup_printf("%s: %s", arm->name, arm->spec);

        append_legend_entry(page, i, text);
    }
    g_string_append(page->out, "</ul>\n");
}

/* Sections. */

static void append_section(Page *page, const ReportSection *section)
{
    const Judgement *judgement = page->judgement;
    g_autofree char *title =
        words_section(judgement, section->kase, section->job, section->host, true);
    g_autofree char *pairs = words_pairs(section->comparisons, section->n);
    g_autofree char *order =
        g_strdup_printf("%s, run by run", metrics[figure_metric(section)].title);
    ReportTable *table = report_table_section(judgement, section, true);

    g_string_append(page->out, "<section>\n");
    append_heading(page, title, pairs);
    html_append_table(page->out, judgement, table);
    append_legend_of_arms(page);
    g_string_append(page->out, "<div class=\"figures\">\n");
    append_figure(page, figure_latency(judgement, section),
                  "Share of I/Os that took no longer; further left is faster");
    append_figure(page, figure_order(judgement, section), order);
    g_string_append(page->out, "</div>\n</section>\n");
    report_table_free(table);
}

static void append_sweep(Page *page, const Sweep *sweep)
{
    ReportTable *table = report_table_sweep(page->judgement, sweep, true);
    g_autofree char *title =
        g_strdup_printf("%s over %s", metrics[sweep->metric].title, sweep->option);
    g_autofree char *where = g_strdup_printf("job %s%s%s", sweep->job, sweep->host ? " on " : "",
                                             sweep->host ? sweep->host : "");

    g_string_append(page->out, "<section>\n");
    append_heading(page, title, where);
    g_string_append(page->out, "<div class=\"figures\">\n");
    append_figure(page, figure_sweep(sweep), title);
    g_string_append(page->out, "</div>\n<ul class=\"legend\">\n");
    for (guint i = 0; i < sweep->lines->len; i++) {
        append_legend_entry(page, i, ((SweepLine *)g_ptr_array_index(sweep->lines, i))->name);
    }
    g_string_append(page->out, "</ul>\n");
    html_append_table(page->out, page->judgement, table);
    g_string_append(page->out, "</section>\n");
    report_table_free(table);
}

static void append_item(Page *page, const char *text)
{
    g_string_append(page->out, "<li>");
    html_append(page->out, text);
    g_string_append(page->out, "</li>\n");
}

/* Takes @lines, of which there may be none: NULL. */
static void append_list(Page *page, const char *heading, GPtrArray *lines)
{
    if (lines) {
        append_heading(page, heading, NULL);
        g_string_append(page->out, "<ul>\n");
        for (guint i = 0; i < lines->len; i++) {
            append_item(page, g_ptr_array_index(lines, i));
        }
        g_string_append(page->out, "</ul>\n");
        g_ptr_array_unref(lines);
    }
}

static void append_notes(Page *page)
{
    g_autoptr(GPtrArray) notes = words_notes(page->judgement);

    for (guint i = 0; i < notes->len; i++) {
        append_paragraph(page, "", g_strdup(g_ptr_array_index(notes, i)));
    }
}

static void append_top(Page *page)
{
    const Suite *suite = page->judgement->suite;
    g_autofree char *headline = words_headline(page->judgement);
    g_autofree char *when = NULL;

    if (suite->runs->len) {
        const Run *first = g_ptr_array_index(suite->runs, 0);
        g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(first->started / G_USEC_PER_SEC);

        when = time ? g_date_time_format(time, ", %Y-%m-%d %H:%M UTC") : NULL;
    }
    g_string_append(page->out, "<p class=\"about\">qaio-compare, ");
    html_append(page->out, suite->name);
    html_append(page->out, when);
    g_string_append(page->out, "</p>\n");
    g_string_append_printf(page->out, "<h1 class=\"%s\">", verdict_word(page->judgement->outcome));
    html_append(page->out, headline);
    g_string_append(page->out, "</h1>\n");
    append_paragraph(page, "", words_tally(page->judgement));
    append_notes(page);
}

static void append_body(Page *page)
{
    g_autoptr(GPtrArray) sweeps = report_sweeps(page->judgement);
    g_autoptr(GArray) sections = report_sections(page->judgement);

    append_top(page);
    append_paragraph(page, "", words_legend(page->judgement));
    append_paragraph(page, "", words_drawings(page->judgement));
    append_list(page, "Not comparable", words_obstacles(page->judgement));
    append_list(page, "Runs that failed", words_problems(page->judgement));
    for (guint i = 0; i < sweeps->len; i++) {
        append_sweep(page, g_ptr_array_index(sweeps, i));
    }
    for (guint i = 0; i < sections->len; i++) {
        append_section(page, &g_array_index(sections, ReportSection, i));
    }
    append_heading(page, "How it was measured", NULL);
    append_legend_of_arms(page);
    append_paragraph(page, "", words_method(page->judgement));
    html_append_manifest(page->out, page->judgement->suite->manifest);
}

void report_html(const Judgement *judgement, const char *gnuplot, GString *out)
{
    Page page = { judgement, gnuplot, out, 0, NULL };

    if (!gnuplot) {
        page.no_gnuplot = g_strdup("There is no picture here: gnuplot, which draws it, was not "
                                   "found (Debian: gnuplot-nox).");
    }
    g_string_append(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                         "<meta name=\"viewport\" content=\"width=device-width, "
                         "initial-scale=1\"/>\n<title>");
    html_append(out, judgement->suite->name);
    g_string_append_printf(out, ": %s</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
                           verdict_name(judgement->outcome), report_style);
    append_body(&page);
    g_string_append(out, "</main>\n</body>\n</html>\n");
    g_free(page.no_gnuplot);
}
