/*
 * A judgement's comparisons as tables of strings, for the formats that lay tables out.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_REPORT_TABLE_H
#define RESULTS_REPORT_TABLE_H

#include "report-sweep.h"

typedef struct ReportRow {
    char **cells;                 /* as many as the table has columns; not escaped */
    const Comparison *comparison; /* whose verdict the last cell is; NULL: the first arm's row */
    bool first;                   /* of the rows about one thing, which the first cell names */
} ReportRow;

typedef struct ReportTable {
    char **head;
    const char *align; /* 'l' or 'r' for each column */
    GPtrArray *rows;   /* ReportRow * */
} ReportTable;

/*
 * A section's: with two arms a row for each metric and a column for each arm, with more a row for
 * each of both. @wide: with the smallest effect, and the pairs that it would take in the verdict.
 */
ReportTable *report_table_section(const Judgement *judgement, const ReportSection *section,
                                  bool wide);

/* A sweep's: for each point a row for each line. */
ReportTable *report_table_sweep(const Judgement *judgement, const Sweep *sweep, bool wide);

void report_table_free(ReportTable *table);

#endif
