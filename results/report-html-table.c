/*
 * Tables of the HTML report, and its escaping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * On a phone a row is a card, and a cell has its column's head beside it: so each cell carries it.
 *
 * The drawing of an interval has the logarithm of the ratio as its x, with 1 in the middle; all
 * rows of a table have one scale, which the largest interval that is not absurd gives.
 */
#include "report-html-table.h"
#include <math.h>
#include <string.h>

#define BAR_WIDTH  128.0
#define BAR_HEIGHT 16.0

/* A ratio of 4 or more fills the drawing, so that small ones beside it can still be seen. */
#define WIDEST 4.0

void html_append(GString *out, const char *text)
{
    g_autofree char *clean = words_clean(text);
    g_autofree char *escaped = g_markup_escape_text(clean, -1);

    g_string_append(out, escaped);
}

/* Intervals. */

static bool has_interval(const Comparison *c)
{
    return c && isfinite(c->low) && isfinite(c->high) && isfinite(c->ratio) && c->low > 0;
}

/* The logarithm at the drawing's edge. */
static double edge_of(const Judgement *judgement, const ReportTable *table)
{
    double edge = log1p(judgement->options.band) * 2;

    for (guint i = 0; i < table->rows->len; i++) {
        const Comparison *c = ((ReportRow *)g_ptr_array_index(table->rows, i))->comparison;

        if (has_interval(c)) {
            edge = MAX(edge, MAX(fabs(log(c->low)), fabs(log(c->high))) * 1.1);
        }
    }
    return MIN(edge, log(WIDEST));
}

static double x_of(double logarithm, double edge)
{
    return BAR_WIDTH / 2 * (1 + CLAMP(logarithm / edge, -1, 1));
}

static void append_line(GString *out, const char *class, double x1, double x2, double y1, double y2)
{
    char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append_printf(out, "<line class=\"%s\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>",
                           class, g_ascii_formatd(a, sizeof(a), "%.1f", x1),
                           g_ascii_formatd(b, sizeof(b), "%.1f", x2), (int)y1, (int)y2);
}

static void append_bar(GString *out, const Comparison *c, double band, double edge)
{
    double middle = BAR_HEIGHT / 2, half = x_of(log1p(band), edge) - BAR_WIDTH / 2;
    char x[G_ASCII_DTOSTR_BUF_SIZE], width[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append_printf(out,
                           "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
                           "aria-hidden=\"true\">",
                           (int)BAR_WIDTH, (int)BAR_HEIGHT);
    g_string_append_printf(
        out, "<rect class=\"band\" x=\"%s\" y=\"0\" width=\"%s\" height=\"%d\"/>",
        g_ascii_formatd(x, sizeof(x), "%.1f", BAR_WIDTH / 2 - half),
        g_ascii_formatd(width, sizeof(width), "%.1f", 2 * half), (int)BAR_HEIGHT);
    append_line(out, "one", BAR_WIDTH / 2, BAR_WIDTH / 2, 0, BAR_HEIGHT);
    append_line(out, "interval", x_of(log(c->low), edge), x_of(log(c->high), edge), middle, middle);
    append_line(out, "estimate", x_of(log(c->ratio), edge), x_of(log(c->ratio), edge), middle - 4,
                middle + 4);
    g_string_append(out, "</svg>");
}

/* Rows. */

static const char *cell_class(const ReportTable *table, guint i, guint last)
{
    return i == last ? "verdict" : i == 0 ? "name" : table->align[i] == 'r' ? "r" : "arm";
}

/* A cell that says nothing need not be in a card. */
static void append_cell(GString *out, const ReportTable *table, const ReportRow *row, guint i,
                        guint last)
{
    const char *text = row->cells[i];

    g_string_append_printf(out, "<td class=\"%s%s\"", cell_class(table, i, last),
                           g_str_equal(text, "-") ? " none" : "");
    if (i != last && i != 0 && *text) {
        g_string_append(out, " data-head=\"");
        html_append(out, table->head[i]);
        g_string_append_c(out, '"');
    }
    g_string_append_c(out, '>');
    html_append(out, text);
    g_string_append(out, "</td>");
}

static void append_row(GString *out, const Judgement *judgement, const ReportTable *table,
                       const ReportRow *row, double edge)
{
    const Comparison *c = row->comparison;
    guint last = strlen(table->align) - 1;

    g_string_append_printf(out, "<tr class=\"%s%s%s\">", c ? verdict_word(c->verdict) : "base",
                           c && c->decides ? " decides" : "", row->first ? " first" : "");
    for (guint i = 0; i < last; i++) {
        append_cell(out, table, row, i, last);
    }
    g_string_append_printf(out, "<td class=\"bar%s\">", has_interval(c) ? "" : " none");
    if (has_interval(c)) {
        append_bar(out, c, judgement->options.band, edge);
    }
    g_string_append(out, "</td>");
    append_cell(out, table, row, last, last);
    g_string_append(out, "</tr>\n");
}

void html_append_table(GString *out, const Judgement *judgement, const ReportTable *table)
{
    guint last = strlen(table->align) - 1;
    double edge = edge_of(judgement, table);

    g_string_append_printf(out, "<table class=\"figures-of%s\">\n<thead><tr>",
                           table->align[1] == 'l' ? " several" : "");
    for (guint i = 0; i <= last; i++) {
        if (i == last) {
            g_string_append(out, "<th class=\"r\" aria-hidden=\"true\"></th>");
        }
        g_string_append_printf(out, "<th class=\"%s\">", table->align[i] == 'r' ? "r" : "");
        html_append(out, table->head[i]);
        g_string_append(out, "</th>");
    }
    g_string_append(out, "</tr></thead>\n<tbody>\n");
    for (guint i = 0; i < table->rows->len; i++) {
        append_row(out, judgement, table, g_ptr_array_index(table->rows, i), edge);
    }
    g_string_append(out, "</tbody>\n</table>\n");
}

/* The manifest. */

static void append_members(GString *out, JsonObject *object, const char *prefix);

static void append_member(GString *out, const char *name, JsonNode *value)
{
    g_autofree char *text = NULL;

    if (JSON_NODE_HOLDS_OBJECT(value)) {
        append_members(out, json_node_get_object(value), name);
        return;
    }
    if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING) {
        text = json_node_dup_string(value);
    } else {
        text = json_to_string(value, FALSE);
    }
    g_string_append(out, "<tr><td>");
    html_append(out, name);
    g_string_append(out, "</td><td>");
    html_append(out, text);
    g_string_append(out, "</td></tr>\n");
}

static void append_members(GString *out, JsonObject *object, const char *prefix)
{
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *n = names; n; n = n->next) {
        g_autofree char *name = g_strconcat(prefix, *prefix ? "." : "", n->data, NULL);

        append_member(out, name, json_object_get_member(object, n->data));
    }
}

void html_append_manifest(GString *out, JsonObject *manifest)
{
    if (json_object_get_size(manifest) == 0) {
        return;
    }
    g_string_append(out, "<details>\n<summary>The machine and the programs</summary>\n"
                         "<table class=\"manifest\">\n<tbody>\n");
    append_members(out, manifest, "");
    g_string_append(out, "</tbody>\n</table>\n</details>\n");
}
