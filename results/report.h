/*
 * A judgement for readers: people at a terminal or in a browser, pull requests, CI systems,
 * programs. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each writes into @out, everything or nothing; none looks at anything but the judgement and its
 * suite.
 */
#ifndef RESULTS_REPORT_H
#define RESULTS_REPORT_H

#include "judge.h"

/* For a terminal; @width its columns, @colour whether it shows colours. */
void report_text(const Judgement *judgement, guint width, bool colour, GString *out);
void report_markdown(const Judgement *judgement, GString *out);
/* docs/qaio-compare-json.md has the schema. */
void report_json(const Judgement *judgement, GString *out);
void report_junit(const Judgement *judgement, GString *out);
void report_tap(const Judgement *judgement, GString *out);

/* One file with everything in it. Pictures are drawn by @gnuplot; without it (NULL, or it fails)
 * the page says so in their place and is whole otherwise. */
void report_html(const Judgement *judgement, const char *gnuplot, GString *out);

#endif
