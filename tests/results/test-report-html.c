/*
 * The HTML report is one well-formed page with nothing from elsewhere, with gnuplot and without.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "judgements.h"
#include "plot.h"
#include "report.h"
#include <string.h>

/* What a page consists of; it is written so that a parser of XML can read it. */
typedef struct Page {
    GString *text; /* outside of elements, without the style sheet */
    GHashTable *ids;
    guint figures, pictures, missing, rows, scripts;
    gboolean in_style;
    char *foreign; /* something that would be fetched */
} Page;

static void add_attribute(Page *page, const char *element, const char *name, const char *value)
{
    static const char *const fetching[] = { "src", "srcset", "data", "action", "poster", NULL };

    if (g_str_equal(name, "id") && !g_hash_table_add(page->ids, g_strdup(value))) {
        g_error("id %s is there twice", value);
    }
    if (g_strv_contains(fetching, name) || g_str_has_prefix(name, "on") ||
        (g_str_has_suffix(name, "href") && *value != '#') ||
        (strstr(value, "url(") && !strstr(value, "url(#"))) {
        page->foreign = g_strdup_printf("<%s %s=\"%s\">", element, name, value);
    }
    page->missing += g_str_equal(name, "class") && g_str_equal(value, "missing");
}

static void start_element(GMarkupParseContext *context, const char *element, const char **names,
                          const char **values, gpointer data, GError **error)
{
    Page *page = data;

    (void)error;
    page->figures += g_str_equal(element, "figure");
    page->rows += g_str_equal(element, "tr");
    page->scripts += g_str_equal(element, "script") || g_str_equal(element, "link");
    page->in_style = g_str_equal(element, "style");
    if (g_str_equal(element, "svg")) {
        const GSList *stack = g_markup_parse_context_get_element_stack(context);

        page->pictures += g_str_equal(stack->next->data, "figure");
    }
    for (guint i = 0; names[i]; i++) {
        add_attribute(page, element, names[i], values[i]);
    }
}

static void end_element(GMarkupParseContext *context, const char *element, gpointer data,
                        GError **error)
{
    (void)context;
    (void)error;
    if (g_str_equal(element, "style")) {
        ((Page *)data)->in_style = FALSE;
    }
}

static void add_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data,
                     GError **error)
{
    Page *page = data;

    (void)context;
    (void)error;
    if (page->in_style) {
        g_assert_null(g_strstr_len(text, length, "url("));
        g_assert_null(g_strstr_len(text, length, "@import"));
    } else {
        g_string_append_len(page->text, text, length);
    }
}

static void page_free(Page *page)
{
    g_string_free(page->text, TRUE);
    g_hash_table_unref(page->ids);
    g_free(page->foreign);
    g_free(page);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Page, page_free)

static Page *page_parse(const char *html)
{
    static const GMarkupParser parser = { .start_element = start_element,
                                          .end_element = end_element,
                                          .text = add_text };
    Page *page = g_new0(Page, 1);
    g_autoptr(GMarkupParseContext) context =
        g_markup_parse_context_new(&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, page, NULL);
    GError *error = NULL;

    page->text = g_string_new(NULL);
    page->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_markup_parse_context_parse(context, html, -1, &error);
    g_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    g_assert_no_error(error);
    return page;
}

static char *html_of(const char *fixture_name, const char *gnuplot)
{
    Fixture *fixture = fixture_new(fixture_name);
    GString *out = g_string_new(NULL);

    report_html(&fixture->judgement, gnuplot, out);
    g_assert_true(g_utf8_validate(out->str, out->len, NULL));
    fixture_free(fixture);
    return g_string_free(out, FALSE);
}

static Page *page_of(const char *fixture_name, const char *gnuplot)
{
    g_autofree char *html = html_of(fixture_name, gnuplot);

    g_assert_true(g_str_has_prefix(html, "<!DOCTYPE html>\n"));
    return page_parse(html);
}

static void assert_says(const Page *page, const char *what)
{
    if (!strstr(page->text->str, what)) {
        g_error("the page does not say \"%s\": %s", what, page->text->str);
    }
}

static char *find_gnuplot(void)
{
    char *gnuplot = g_find_program_in_path("gnuplot");

    if (!gnuplot) {
        g_test_skip("no gnuplot (Debian: gnuplot-nox)");
    }
    return gnuplot;
}

/* Of every kind of judgement, without pictures. */
static void test_page(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        g_autoptr(Page) page = page_of(fixture_names[i], NULL);

        g_assert_cmpstr(page->foreign, ==, NULL);
        g_assert_cmpuint(page->scripts, ==, 0);
        g_assert_cmpuint(page->pictures, ==, 0);
        g_assert_cmpuint(page->missing, ==, page->figures);
        assert_says(page, "How it was measured");
        assert_says(page, "host.kernel");
    }
}

static void test_content(void)
{
    g_autoptr(Page) slower = page_of("slower", NULL);
    g_autoptr(Page) obstacle = page_of("not-comparable", NULL);
    g_autoptr(Page) sweep = page_of("arm-sweep", NULL);
    g_autoptr(Page) empty = page_of("empty", NULL);

    assert_says(slower, "b is slower than a: IOPS 0.9");
    assert_says(slower, "p99.9 latency");
    assert_says(slower, "(seed 7)");
    assert_says(slower, "6.1.0-28-amd64");
    g_assert_cmpuint(slower->figures, ==, 2);
    assert_says(obstacle, "randread, b against a: b had 3 I/O errors");
    assert_says(obstacle, "run 8 (randread, a): b had 3 I/O errors");
    assert_says(obstacle, "Note: b had 3 I/O errors");
    assert_says(sweep, "IOPS over qaio_poll_max_ns");
    g_assert_cmpuint(sweep->figures, ==, 3);
    assert_says(empty, "nothing was compared");
    g_assert_cmpuint(empty->figures, ==, 0);
}

/* Names are text, all of them, and only that. */
static void test_hostile(void)
{
    g_autoptr(Page) page = page_of("hostile", NULL);

    assert_says(page, "job </script><img src=x onerror=alert(1)>|`*_[x](y)\\ # ]]> \"'&???[31m");
    assert_says(page, "1 \"<error>\" & 'two' --> ? %s %n");
    assert_says(page, "</td><script>alert(1)</script>");
    assert_says(page, "b<i>");
    g_assert_cmpuint(page->scripts, ==, 0);
}

static void test_pictures(void)
{
    g_autofree char *gnuplot = find_gnuplot();

    for (guint i = 0; gnuplot && fixture_names[i]; i++) {
        g_autoptr(Page) page = page_of(fixture_names[i], gnuplot);

        if (page->missing) {
            g_error("%s: %s", fixture_names[i], page->text->str);
        }
        g_assert_cmpuint(page->pictures, ==, page->figures);
        g_assert_cmpstr(page->foreign, ==, NULL);
    }
}

/* The page is whole without pictures, and says why they are not there. */
static void assert_without(const char *gnuplot, const char *why)
{
    g_autoptr(Page) page = page_of("case-sweep", gnuplot);

    g_assert_cmpuint(page->pictures, ==, 0);
    g_assert_cmpuint(page->figures, ==, 9);
    g_assert_cmpuint(page->missing, ==, 9);
    g_assert_cmpuint(page->rows, >, 40);
    assert_says(page, why);
}

static void test_without_gnuplot(void)
{
    assert_without(NULL, "There is no picture here: gnuplot, which draws it, was not found");
    assert_without("/no/such/gnuplot", "There is no picture here: Failed to execute child process");
    assert_without("false", "There is no picture here: false failed.");
    assert_without("true", "There is no picture here: true drew nothing.");
}

static void test_few_latencies(void)
{
    Fixture *fixture = fixture_new("one-pair");
    GString *out = g_string_new(NULL);
    g_autoptr(Page) page = NULL;

    for (guint i = 0; i < fixture->suite->runs->len; i++) {
        Run *run = g_ptr_array_index(fixture->suite->runs, i);
        Sample *sample = g_ptr_array_index(run->samples, 0);

        histogram_free(sample->clat);
        sample->clat = histogram_new();
        histogram_add(sample->clat, 1000, 19);
    }
    report_html(&fixture->judgement, NULL, out);
    page = page_parse(out->str);
    assert_says(page, "Too little was measured to draw it");
    g_string_free(out, TRUE);
    fixture_free(fixture);
}

/* What a user may choose cannot leave a string of gnuplot's. */
static void test_plot_word(void)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        { "iodepth=16", "\"iodepth?16\"" },
        { "4.5/2:a_b+c-d", "\"4.5/2:a_b+c-d\"" },
        { "99 %", "\"99 %%\"" },
        { "\" 0); system(\"id", "\"? 0?? system??id\"" },
        { "`id`\\n$(id)\nEOD\n", "\"?id??n??id??EOD?\"" },
        { "\xff\xc3\xa9", "\"???\"" },
        { "", "\"\"" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *word = plot_word(cases[i].text);

        g_assert_cmpstr(word, ==, cases[i].word);
    }
}

static void test_plot_error(void)
{
    g_autofree char *gnuplot = find_gnuplot();
    g_autoptr(GError) error = NULL;

    if (gnuplot) {
        g_assert_null(plot_svg(gnuplot, "set nonsense\n", "f0", "label", &error));
        g_assert_error(error, PLOT_ERROR, 0);
        g_assert_nonnull(strstr(error->message, "gnuplot failed: "));
        g_assert_null(strchr(error->message, '\n'));
    }
}

static void test_plot_svg(void)
{
    g_autofree char *gnuplot = find_gnuplot();
    g_autoptr(GError) error = NULL;
    g_autofree char *svg = NULL;

    if (!gnuplot) {
        return;
    }
    svg = plot_svg(gnuplot,
                   "set terminal svg size 480,300\n"
                   "plot x with linespoints lc rgb \"#000203\"\n",
                   "f7", "a \"label\"", &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(svg, "<svg viewBox=\"0 0 480 300\""));
    g_assert_true(g_str_has_suffix(svg, "</svg>"));
    g_assert_nonnull(strstr(svg, "aria-label=\"a &quot;label&quot;\""));
    g_assert_nonnull(strstr(svg, "var(--arm3)"));
    g_assert_nonnull(strstr(svg, "href=\"#f7-gpPt"));
    g_assert_null(strstr(svg, "<title"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report-html/page", test_page);
    g_test_add_func("/report-html/content", test_content);
    g_test_add_func("/report-html/hostile", test_hostile);
    g_test_add_func("/report-html/pictures", test_pictures);
    g_test_add_func("/report-html/without-gnuplot", test_without_gnuplot);
    g_test_add_func("/report-html/few-latencies", test_few_latencies);
    g_test_add_func("/plot/word", test_plot_word);
    g_test_add_func("/plot/error", test_plot_error);
    g_test_add_func("/plot/svg", test_plot_svg);
    return g_test_run();
}
