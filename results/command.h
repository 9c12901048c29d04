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

/* Prints "qaio-compare: MESSAGE" and frees @error; returns @status. */
int command_fail(GError *error, int status);

/* What a command says beside its result; not with --quiet. */
void command_say(const Options *options, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Adds the arms --a, --b, ... to @suite; the cases of the job files; and what sweeps make of both.
 */
gboolean command_fill(Suite *suite, const Options *options, GError **error);

/*
 * Judges @suite, prints the table and writes the reports, also into @folder if that is not NULL.
 * @notes (char *) go with them; NULL: none. @problem, which is taken, is what ended the measuring,
 * or NULL. Returns the exit status.
 */
int command_conclude(const Suite *suite, const Options *options, const char *folder,
                     const GPtrArray *notes, GError *problem);

/* The exit status that a judgement stands for. */
int command_status(const Judgement *judgement, const Options *options);

#endif
