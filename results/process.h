/*
 * One child process from its start to its end: what it says, how long it may take, interrupts.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From the main thread, with interrupt_catch() called before, and no other child at that time.
 */
#ifndef RESULTS_PROCESS_H
#define RESULTS_PROCESS_H

#include <stdbool.h>
#include <sys/resource.h>
#include <glib.h>

typedef struct Process {
    /* What the caller says. */
    const char *const *argv;  /* NULL at the end; the program is looked for in $PATH */
    char *const *environment; /* NULL: ours */
    double limit;             /* seconds it may take; 0: any time */
    void (*output)(const char *text, gsize length, gpointer opaque); /* of stdout as it comes */
    gpointer opaque;

    /* What process_run() adds. */
    int status;          /* as of waitpid(2) */
    double seconds;      /* from its start to its end */
    struct rusage usage; /* of it and those of its children that it waited for */
    char *errors;        /* the beginning of its stderr; the caller frees it */
    bool interrupted;    /* it was ended because of a signal that we got */
    bool out_of_time;    /* it was ended because it took longer than its limit */
} Process;

/*
 * Runs it in a process group of its own, so that Ctrl-C is ours to hand on, and waits for its end.
 * An interrupt is handed on as SIGINT; five seconds later, or at the second interrupt, it and all
 * that it started are killed. Whatever it leaves running is killed too. False with @error set when
 * it cannot be started.
 */
gboolean process_run(Process *process, GError **error);

/* How it ended, for people: "exit status 1", "killed by signal 11 (Segmentation fault)"; NULL when
 * it ended by itself with status 0. The caller frees it. */
char *process_problem(const Process *process);

#endif
