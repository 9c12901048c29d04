/*
 * Pictures for a page, drawn by gnuplot as a child process.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_PLOT_H
#define RESULTS_PLOT_H

#include <gio/gio.h>

/* Colours in a script that the page chooses: they come out as var(--ink), var(--grid) and
 * var(--arm0) to var(--arm7). */
#define PLOT_INK  "#000100"
#define PLOT_GRID "#000101"
#define PLOT_ARM  "#0002%02x" /* for printf, with a number below PLOT_ARMS */
#define PLOT_ARMS 8

/*
 * Runs @script in gnuplot (a program's name or path) and returns an <svg> element for a page, whose
 * ids begin with @id and whose text alternative is @label. NULL with @error set: gnuplot is not
 * there, fails, takes longer than 20 seconds, or draws nothing. The script is the caller's alone:
 * nothing that a user can choose may get into it but through plot_word().
 */
char *plot_svg(const char *gnuplot, const char *script, const char *id, const char *label,
               GError **error);

/* @text as the label of a tic for a script, in quotes: letters, digits and a few signs as they are,
 * all else as '?'. The caller frees it. */
char *plot_word(const char *text);

#define PLOT_ERROR (plot_error_quark())
GQuark plot_error_quark(void);

#endif
