/*
 * A suite from plan to folder: what it is measured with and on, its runs, what is kept of them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_MEASURE_H
#define RESULTS_MEASURE_H

#include "command-line.h"
#include "suite.h"

/* Asked when all is known about machine and device, before anything is stored or run; false with
 * @error set ends it there. */
typedef gboolean MeasureGate(const Suite *suite, gpointer data, GError **error);

/*
 * Measures @suite, whose arms, cases and rounds are filled in, on what @options say, and stores it.
 * Returns its folder, which the caller frees; NULL with @error set, and nothing stored, when not
 * one run was made. When it could not be finished @error is set as well; what is complete is in
 * @suite and in the folder. @gate may be NULL. Signals are to be caught (interrupt.h).
 */
char *measure(Suite *suite, const Options *options, MeasureGate *gate, gpointer data,
              GError **error);

#endif
