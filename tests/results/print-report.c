/*
 * Prints a fixture's report: for tests that give it to other programs, and for looking at.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * usage: print-report FIXTURE text|colour|markdown|json|junit|tap|html [GNUPLOT or WIDTH]
 *        print-report --list
 */
#include "judgements.h"
#include "report.h"
#include <stdio.h>
#include <stdlib.h>

static int list_fixtures(void)
{
    for (guint i = 0; fixture_names[i]; i++) {
        g_print("%s\n", fixture_names[i]);
    }
    return 0;
}

static bool write_report(const Judgement *j, const char *format, const char *extra, GString *out)
{
    if (g_str_equal(format, "text") || g_str_equal(format, "colour")) {
        report_text(j, extra ? atoi(extra) : 80, g_str_equal(format, "colour"), out);
    } else if (g_str_equal(format, "markdown")) {
        report_markdown(j, out);
    } else if (g_str_equal(format, "json")) {
        report_json(j, out);
    } else if (g_str_equal(format, "junit")) {
        report_junit(j, out);
    } else if (g_str_equal(format, "tap")) {
        report_tap(j, out);
    } else if (g_str_equal(format, "html")) {
        report_html(j, extra, out);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    Fixture *fixture = argc > 1 ? fixture_new(argv[1]) : NULL;
    GString *out = g_string_new(NULL);
    bool written = false;

    if (argc == 2 && g_str_equal(argv[1], "--list")) {
        return list_fixtures();
    }
    if (fixture && argc > 2) {
        written = write_report(&fixture->judgement, argv[2], argc > 3 ? argv[3] : NULL, out);
        fwrite(out->str, 1, out->len, stdout);
    }
    if (fixture) {
        fixture_free(fixture);
    }
    g_string_free(out, TRUE);
    return written ? 0 : 2;
}
