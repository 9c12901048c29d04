/*
 * Lines of fio's job files: which option one is, and what its value says.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_JOB_LINE_H
#define RESULTS_JOB_LINE_H

#include <glib.h>

/* @line without what is comment in it and without blanks around name and value; "" when nothing is
 * left. The caller frees it. */
char *job_line_clean(const char *line);

/* The name of the option that @line sets; of two names of one option the one that fio lists first.
 * The caller frees it. */
char *job_line_name(const char *line);

/* Whether @line sets @option, by whichever name; or one of @options (NULL at the end). */
gboolean job_line_is(const char *line, const char *option);
gboolean job_line_is_one_of(const char *line, const char *const *options);

/* A number with fio's k, m, g or t (powers of 1024) behind it; false when @text is anything else.
 */
gboolean job_line_parse_size(const char *text, guint64 *size);

/* A duration as fio writes it, "90", "1500ms", in seconds; -1 when it cannot be read. */
double job_line_parse_time(const char *text);

#endif
