/*
 * Options as text, "name=value": as arms and sweeps have them, and lines of fio's job files.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_OPTION_H
#define RESULTS_OPTION_H

#include <glib.h>

/* The length of the name in "name=value"; 0 when @text is not of that form, or has no value. */
gsize option_name_length(const char *text);

/* The value of @name in @options (NULL at the end), or NULL. */
const char *options_get(char *const *options, const char *name);

/* Whether a line of a job file can hold @text: a ';' or '#' would begin a comment, wherever it
 * stands, and a control character end the line or vanish. */
gboolean option_fits_a_line(const char *text);

/* The parts of @text between commas, of which "\," is none; char *, at least one. */
GPtrArray *option_split(const char *text);

/* @text for one line of a message: '?' for each control character. The caller frees it. */
char *option_for_people(const char *text);

#endif
