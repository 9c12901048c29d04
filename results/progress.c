/*
 * The progress line.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     [3/20] randread, b: 212 k IOPS, 36 s left
 */
#include "progress.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "metric.h"

struct Progress {
    bool quiet, terminal;
    guint runs, run; /* of how many, and which one it is at */
    double guess;    /* seconds of a run, before one was seen */
    double seconds;  /* that the runs so far took */
    guint done;      /* how many they are */
    char *what;      /* the run it is at */
    gint64 started;  /* that run */
    double iops;     /* negative: not known */
    GString *line;   /* of fio's, as far as it has come */
};

Progress *progress_new(guint runs, double seconds, bool quiet)
{
    Progress *progress = g_new0(Progress, 1);

    progress->quiet = quiet;
    progress->terminal = isatty(STDERR_FILENO);
    progress->runs = runs;
    progress->guess = seconds;
    progress->iops = -1;
    progress->line = g_string_new(NULL);
    return progress;
}

static void clear(const Progress *progress)
{
    if (progress->terminal && !progress->quiet) {
        fputs("\r\033[K", stderr);
    }
}

void progress_free(Progress *progress)
{
    if (progress) {
        clear(progress);
        g_free(progress->what);
        g_string_free(progress->line, TRUE);
        g_free(progress);
    }
}

/* "", or ", 2 min left". */
static char *time_left(const Progress *progress)
{
    double each = progress->done ? progress->seconds / progress->done : progress->guess;
    double elapsed = (g_get_monotonic_time() - progress->started) / 1e6;
    double left = each * (progress->runs - progress->run + 1) - MIN(elapsed, each);

    if (left <= 0) {
        return g_strdup("");
    }
    return left < 100 ? g_strdup_printf(", %.0f s left", ceil(left))
                      : g_strdup_printf(", %.0f min left", ceil(left / 60));
}

static char *whole_line(const Progress *progress)
{
    g_autofree char *left = time_left(progress);
    g_autofree char *iops = progress->iops < 0 ? NULL : metric_format(METRIC_IOPS, progress->iops);

    return g_strdup_printf("[%u/%u] %s%s%s%s%s", progress->run, progress->runs, progress->what,
                           iops ? ": " : "", iops ? iops : "", iops ? " IOPS" : "", left);
}

/* A line that is longer than the terminal is wide could not be redrawn. */
static int columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

static void redraw(const Progress *progress)
{
    g_autofree char *line = whole_line(progress);

    if (progress->terminal) {
        fprintf(stderr, "\r\033[K%.*s", columns(), line);
        fflush(stderr);
    } else {
        fprintf(stderr, "%s\n", line);
    }
}

void progress_run(Progress *progress, const char *what)
{
    progress->run++;
    progress->started = g_get_monotonic_time();
    progress->iops = -1;
    g_string_truncate(progress->line, 0);
    g_free(progress->what);
    progress->what = g_strdup(what);
    if (!progress->quiet) {
        redraw(progress);
    }
}

/* "105k" */
static double with_unit(const char *text, char **end)
{
    static const char units[] = "kMGT";
    double n = g_ascii_strtod(text, end);
    const char *unit = **end ? strchr(units, **end) : NULL;

    *end += unit != NULL;
    return unit ? n * pow(1000, unit - units + 1) : n;
}

double progress_parse_iops(const char *line)
{
    const char *end = strstr(line, " IOPS]");
    const char *p = end ? g_strrstr_len(line, end - line, "[") : NULL;
    double sum = 0;

    if (!p) {
        return -1;
    }
    while (p < end && (p = strchr(p, '=')) && p < end) {
        char *next;

        sum += with_unit(p + 1, &next);
        if (next == p + 1) {
            return -1;
        }
        p = next;
    }
    return sum;
}

void progress_fio(Progress *progress, const char *text, gsize length)
{
    enum { LINE_MAX_ = 1024 };

    if (progress->quiet || !progress->terminal) {
        return;
    }
    for (gsize i = 0; i < length; i++) {
        double iops;

        if (text[i] != '\r' && text[i] != '\n') {
            if (progress->line->len < LINE_MAX_) {
                g_string_append_c(progress->line, text[i]);
            }
            continue;
        }
        iops = progress_parse_iops(progress->line->str);
        progress->iops = iops < 0 ? progress->iops : iops;
        g_string_truncate(progress->line, 0);
        redraw(progress);
    }
}

void progress_skip(Progress *progress)
{
    progress->runs--;
}

void progress_done(Progress *progress, double seconds)
{
    progress->seconds += seconds;
    progress->done++;
}

void progress_say(Progress *progress, const char *line)
{
    if (!progress->quiet) {
        clear(progress);
        fprintf(stderr, "%s\n", line);
    }
}
