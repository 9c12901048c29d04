/*
 * What the commands have in common: messages, and the end of each: judgement, reports, status.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "interrupt.h"
#include "report.h"
#include "store.h"

enum { NARROW = 40, USUAL = 80, SIGNALLED = 128 };

int command_fail(GError *error, int status)
{
    int signal = interrupt_signal();

    fprintf(stderr, "qaio-compare: %s\n", error->message);
    g_error_free(error);
    return signal ? SIGNALLED + signal : status;
}

void command_say(const Options *options, const char *format, ...)
{
    va_list args;

    if (!options->quiet) {
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
    }
}

int command_with_options(char *const *argv, const char *usage, const char *about, int groups,
                         int (*run)(Options *options))
{
    GError *error = NULL;
    Options *options = options_parse(argv, usage, about, groups, &error);
    int status = options ? run(options) : command_fail(error, STATUS_USAGE);

    options_free(options);
    return status;
}

/* Exit status. */

static gboolean fails_by(const Options *options, Verdict verdict, int *status, int its_status)
{
    if (options->fails[verdict]) {
        *status = its_status;
    }
    return options->fails[verdict];
}

static gboolean has_verdict(const Judgement *judgement, Verdict verdict)
{
    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->decides && c->verdict == verdict) {
            return TRUE;
        }
    }
    return FALSE;
}

/* What is told to be no failure must not hide what is one: so not by the outcome alone. */
static int status_of(const Judgement *judgement, const Options *options)
{
    gboolean slower = has_verdict(judgement, VERDICT_SLOWER) ||
                      (judgement->options.same_library && has_verdict(judgement, VERDICT_FASTER));
    gboolean unsure =
        has_verdict(judgement, VERDICT_CANNOT_TELL) || judgement->outcome == VERDICT_CANNOT_TELL;
    int status = STATUS_OK;

    if (judgement->obstacles->len > 0 &&
        fails_by(options, VERDICT_NOT_COMPARABLE, &status, STATUS_NOT_COMPARABLE)) {
        return status;
    }
    if (slower && fails_by(options, VERDICT_SLOWER, &status, STATUS_SLOWER)) {
        return status;
    }
    if (unsure) {
        fails_by(options, VERDICT_CANNOT_TELL, &status, STATUS_CANNOT_TELL);
    }
    return status;
}

/* Reports. */

static guint terminal_width(void)
{
    struct winsize size;
    const char *columns = g_getenv("COLUMNS");
    guint64 width;

    if (columns && g_ascii_string_to_unsigned(columns, 10, NARROW, 1000, &width, NULL)) {
        return width;
    }
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= NARROW ? size.ws_col
                                                                                 : USUAL;
}

static gboolean shows_colours(void)
{
    const char *term = g_getenv("TERM");

    return isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR") && term && !g_str_equal(term, "dumb");
}

static void report_as_html(const Judgement *judgement, GString *out)
{
    char *gnuplot = g_find_program_in_path("gnuplot");

    report_html(judgement, gnuplot, out);
    g_free(gnuplot);
}

static void report_as(const Judgement *judgement, const char *format, GString *out)
{
    if (g_str_equal(format, "text")) {
        report_text(judgement, USUAL, FALSE, out);
    } else if (g_str_equal(format, "markdown")) {
        report_markdown(judgement, out);
    } else if (g_str_equal(format, "json")) {
        report_json(judgement, out);
    } else if (g_str_equal(format, "junit")) {
        report_junit(judgement, out);
    } else if (g_str_equal(format, "tap")) {
        report_tap(judgement, out);
    } else {
        report_as_html(judgement, out);
    }
}

static gboolean print(const GString *text, GError **error)
{
    if (fwrite(text->str, 1, text->len, stdout) == text->len && fflush(stdout) == 0) {
        return TRUE;
    }
    g_set_error(error, OPTIONS_ERROR, 0, "the standard output cannot be written: %s",
                g_strerror(errno));
    return FALSE;
}

static gboolean print_table(const Judgement *judgement, GError **error)
{
    GString *text = g_string_new(NULL);
    gboolean ok;

    report_text(judgement, terminal_width(), shows_colours(), text);
    ok = print(text, error);
    g_string_free(text, TRUE);
    return ok;
}

static gboolean write_report(const Judgement *judgement, const ReportFile *report, GError **error)
{
    GString *text = g_string_new(NULL);
    gboolean ok;

    report_as(judgement, report->format, text);
    ok = g_str_equal(report->file, "-")
             ? print(text, error)
             : g_file_set_contents(report->file, text->str, text->len, error);
    if (!ok) {
        g_prefix_error(error, "--report %s=%s: ", report->format, report->file);
    }
    g_string_free(text, TRUE);
    return ok;
}

static gboolean store_reports(const Judgement *judgement, const char *folder, GError **error)
{
    static const char *const kept[][2] = { { "text", "report.txt" },
                                           { "json", "report.json" },
                                           { "html", "report.html" } };
    gboolean ok = TRUE;

    for (guint i = 0; i < G_N_ELEMENTS(kept) && ok; i++) {
        GString *text = g_string_new(NULL);

        report_as(judgement, kept[i][0], text);
        ok = store_write(folder, kept[i][1], text, error);
        g_string_free(text, TRUE);
    }
    return ok;
}

/* A report on the standard output is for a program, which wants nothing else there. */
static gboolean wants_table(const Options *options)
{
    for (guint i = 0; i < options->reports->len; i++) {
        const ReportFile *report = g_ptr_array_index(options->reports, i);

        if (g_str_equal(report->file, "-")) {
            return FALSE;
        }
    }
    return !options->quiet;
}

/* All of them, also when one cannot be written; @error is the first's. */
static gboolean report_all(const Judgement *judgement, const Options *options, const char *folder,
                           GError **error)
{
    gboolean ok = !folder || store_reports(judgement, folder, error);

    ok = (!wants_table(options) || print_table(judgement, ok ? error : NULL)) && ok;
    for (guint i = 0; i < options->reports->len; i++) {
        ok = write_report(judgement, g_ptr_array_index(options->reports, i), ok ? error : NULL) &&
             ok;
    }
    return ok;
}

int command_conclude(const Suite *suite, const Options *options, const char *folder,
                     const GPtrArray *notes, GError *problem)
{
    JudgeOptions how = options_for_judge(options, suite);
    Judgement *judgement = judge(suite, &how);
    int status = status_of(judgement, options), signal = interrupt_signal();
    GError *error = NULL;

    for (guint i = 0; notes && i < notes->len; i++) {
        g_ptr_array_insert(judgement->notes, i, g_strdup(g_ptr_array_index(notes, i)));
    }
    report_all(judgement, options, folder, &error);
    judgement_free(judgement);
    if (problem) {
        status = command_fail(problem, STATUS_USAGE);
    }
    if (error) {
        status = command_fail(error, STATUS_USAGE);
    }
    return signal ? SIGNALLED + signal : status;
}
