/*
 * How the HTML report looks.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_REPORT_STYLE_H
#define RESULTS_REPORT_STYLE_H

/* The style sheet. Colours are named once for light and once for dark; --arm0 to --arm7 are those
 * of plot.h. */
extern const char report_style[];

#endif
