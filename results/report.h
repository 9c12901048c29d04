/*
 * A judgement for readers: people at a terminal or in a browser, pull requests, CI systems,
 * programs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each appends to @out, and looks at nothing but the judgement and its suite. Names in these may be
 * any bytes; what is written is valid UTF-8 and, in its format, never more than text.
 */
#ifndef RESULTS_REPORT_H
#define RESULTS_REPORT_H

#include "judge.h"

/* For a terminal; @width its columns (80 and more are best), @colour whether it shows colours. The
 * first line is the answer. */
void report_text(const Judgement *judgement, guint width, bool colour, GString *out);
/* For a pull request: the answer, and all else folded away below it. */
void report_markdown(const Judgement *judgement, GString *out);
/* docs/qaio-compare-json.md has the schema. */
void report_json(const Judgement *judgement, GString *out);
/* For CI: a test for each comparison that decides. Slower is a failure, not comparable an error,
 * cannot tell is skipped. */
void report_junit(const Judgement *judgement, GString *out);
void report_tap(const Judgement *judgement, GString *out);

/* One file with everything in it. Pictures are drawn by @gnuplot; without it (NULL, or it fails)
 * the page says so in their place and is whole otherwise. */
void report_html(const Judgement *judgement, const char *gnuplot, GString *out);

#endif
