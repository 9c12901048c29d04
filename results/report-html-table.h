/*
 * Tables of the HTML report, and its escaping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_REPORT_HTML_TABLE_H
#define RESULTS_REPORT_HTML_TABLE_H

#include "report-table.h"

/* Appends @text, which may be anything (NULL: nothing), as text: also inside of an attribute. */
void html_append(GString *out, const char *text);

/* With a drawing of each row's interval and of the band. */
void html_append_table(GString *out, const Judgement *judgement, const ReportTable *table);

/* Folded; objects within become "host.kernel". Nothing for an empty one. */
void html_append_manifest(GString *out, JsonObject *manifest);

#endif
