/*
 * The commands of qaio-compare, and what they have in common.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_COMMAND_H
#define RESULTS_COMMAND_H

#include "measure.h"
#include "command-line.h"

/* Each takes its arguments (NULL at the end, its own name first) and returns the exit status. */
int command_run(char *const *argv);
int command_self_check(char *const *argv);
int command_judge(char *const *argv);
int command_baseline(char *const *argv);

/* Has @run do a command with its options: those of @argv, which the rest is for as in
 * options_parse(). Returns the exit status. */
int command_with_options(char *const *argv, const char *usage, const char *about, int groups,
                         int (*run)(Options *options));

/* Prints "qaio-compare: MESSAGE" and frees @error; returns @status. */
int command_fail(GError *error, int status);

/* What a command says beside its result; not with --quiet. */
void command_say(const Options *options, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Judges @suite, prints the table and writes the reports, also into @folder if that is not NULL.
 * @notes (char *) go with them; NULL: none. @problem, which is taken, is what ended the measuring,
 * or NULL. Returns the exit status.
 */
int command_conclude(const Suite *suite, const Options *options, const char *folder,
                     const GPtrArray *notes, GError *problem);

#endif
