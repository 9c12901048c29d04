/*
 * The pictures in a report: what is in them, as scripts for gnuplot.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each returns a script for plot_svg(), which the caller frees, or NULL when there is nothing to
 * draw. There are numbers in it and no names: which colour is which arm, the page says beside it.
 * Arm i has colour and mark i modulo PLOT_ARMS.
 */
#ifndef RESULTS_FIGURE_H
#define RESULTS_FIGURE_H

#include "report-sweep.h"

/* The share of I/Os that took no longer than x, of all runs together, by arm: as far as ten I/Os
 * took longer. */
char *figure_latency(const Judgement *judgement, const ReportSection *section);

/* The metric of @section that figure_metric() names, run by run in the order in which they ran. */
char *figure_order(const Judgement *judgement, const ReportSection *section);
MetricId figure_metric(const ReportSection *section);

/* The metric over the values of the swept option, these at equal distances; line i of the sweep has
 * colour and mark i. */
char *figure_sweep(const Sweep *sweep);

#endif
