/*
 * One process of fio: its command line, and what was wrong with it in one line.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_FIO_RUN_H
#define RESULTS_FIO_RUN_H

#include <stdbool.h>
#include <glib.h>
#include "process.h"

typedef struct FioRun {
    /* What the caller says. */
    const char *fio;            /* the program */
    char *const *environment;   /* NULL: ours */
    const char *const *before;  /* a command that fio is run by, or NULL */
    const char *const *options; /* what is asked of it, a job file or options; NULL at the end */
    const char *output;         /* file for its JSON; NULL: none, what it says goes to stdout */
    bool read_only;             /* it is to refuse to write */
    double limit;               /* seconds; 0: any time */
    void (*progress)(const char *text, gsize length, gpointer opaque); /* or NULL */
    gpointer opaque;

    /* What fio_run() adds. */
    double seconds;
    bool interrupted;
    char *problem; /* one line; NULL: there was none. The caller frees it. */
} FioRun;

/* False with @error set when it could not even be started. */
gboolean fio_run(FioRun *run, GError **error);

/* "fio-3.33"; the caller frees it. NULL with @error set when there is no fio. */
char *fio_version(const char *fio, GError **error);

/* The line of @text (fio's messages) that says most about what was wrong; NULL when there is none.
 * The caller frees it. */
char *fio_reason(const char *text);

#define FIO_RUN_ERROR (fio_run_error_quark())
GQuark fio_run_error_quark(void);

#endif
