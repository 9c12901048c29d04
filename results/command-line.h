/*
 * qaio-compare's command line. SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_COMMAND_LINE_H
#define RESULTS_COMMAND_LINE_H

#include <glib.h>
#include "judge.h"

/* The program's exit statuses. One that a signal ended has 128 and its number. */
enum {
    STATUS_OK = 0,
    STATUS_SLOWER = 1,
    STATUS_USAGE = 2, /* or the surroundings */
    STATUS_CANNOT_TELL = 3,
    STATUS_NOT_COMPARABLE = 4,
};

enum { MOST_LETTERS = 26 };

/* --report FORMAT=FILE */
typedef struct ReportFile {
    char *format, *file;
} ReportFile;

typedef struct Options {
    char *arms[MOST_LETTERS]; /* --a, --b, ... */
    char *device, *hosts, *fio, *qemu_img, *results, *suite, *revision, *arm;
    gint64 ram;   /* bytes; 0: no --ram */
    gint64 pairs; /* 0: not said */
    gint64 seed;  /* -1: not said */
    double band;  /* a share; negative: not said */
    gboolean allow_write, quiet, syscalls, across_hosts, self_check;
    gboolean decide_said, decides[METRIC_COUNT];
    gboolean fails[VERDICT_NOT_COMPARABLE + 1]; /* which verdicts have a status of their own */
    GPtrArray *sweeps;                          /* char * */
    GPtrArray *reports;                         /* ReportFile * */
    GPtrArray *files;                           /* char *: what is no option */
} Options;

/*
 * Which options a command has, besides --help: those of each group in @groups.
 */
typedef enum {
    OPTIONS_MEASURE = 1, /* how and on what to run */
    OPTIONS_ARMS = 2,    /* what to run: arms and sweeps */
    OPTIONS_STORE = 4,   /* where sets of runs are */
    OPTIONS_JUDGE = 8,   /* what to make of them */
    OPTIONS_THEN = 16,   /* of two sets of different times */
} OptionGroups;

/*
 * Reads @argv (NULL at the end, with the command's name first), which stays as it is. @usage and
 * @about are for --help, which prints and exits. NULL with @error set, one line.
 */
Options *options_parse(char *const *argv, const char *usage, const char *about, int groups,
                       GError **error);
void options_free(Options *options);

/* How a suite with this manifest is to be judged: as the options say, else as it was measured. */
JudgeOptions options_for_judge(const Options *options, const Suite *suite);

#define OPTIONS_ERROR (options_error_quark())
GQuark options_error_quark(void);

#endif
