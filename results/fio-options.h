/*
 * The options of a job as fio's JSON has them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tables of name -> value, both char * that the table frees. Names are fio's first names of options
 * (bs, also if the job says blocksize); options without a value ("time_based") are not among them.
 */
#ifndef RESULTS_FIO_OPTIONS_H
#define RESULTS_FIO_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

/* Adds the options of one job to those of @all of its name. These are the same for the clones of a
 * section; where sections of one name differ an option gets the values of all, "4k | 8k". */
void fio_options_join(GHashTable *all, GHashTable *job);

/* Whether a switch was turned on by a value. */
bool fio_options_on(GHashTable *options, const char *name);

/* Whether time (or a steady state) ended a job that ran so long (NAN: nobody knows), rather than
 * the work that it was given. With time_based it always does, but that is seen only if it was given
 * a value. */
bool fio_options_ended_by_time(GHashTable *options, double runtime_ms);

#endif
