/*
 * What is going on, on stderr: one line that is redrawn on a terminal, plain lines elsewhere.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_PROGRESS_H
#define RESULTS_PROGRESS_H

#include <stdbool.h>
#include <glib.h>

typedef struct Progress Progress;

/* For so many runs of about @seconds each (0: nobody knows). Nothing is shown when @quiet. */
Progress *progress_new(guint runs, double seconds, bool quiet);

/* Takes what it shows off the terminal; NULL is fine. */
void progress_free(Progress *progress);

/* The next run begins: "[3/20] @what, 36 s left". */
void progress_run(Progress *progress, const char *what);

/* What fio says of itself during a run, which may have the current IOPS in it. */
void progress_fio(Progress *progress, const char *text, gsize length);

/* One run fewer will be made. */
void progress_skip(Progress *progress);

/* The run took so long. */
void progress_done(Progress *progress, double seconds);

/* A line that stays. */
void progress_say(Progress *progress, const char *line);

/* The sum of the IOPS in a line of fio's ("[r=105k,w=1.5M IOPS]"), or a negative number. */
double progress_parse_iops(const char *line);

#endif
