/*
 * SIGINT, SIGTERM and SIGHUP, which do not end the program but are asked for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Signals are the process's, and so is this. Call from the main thread.
 */
#ifndef RESULTS_INTERRUPT_H
#define RESULTS_INTERRUPT_H

#include <glib.h>

/* From now on they are counted. What was ignored (nohup) stays so. Calling it again is fine. */
void interrupt_catch(void);

/* How many there were; the first asks to end in good order, the next to hurry. */
guint interrupt_count(void);

/* The last one, 0 for none: a program that ends because of it has the status 128 + this. */
int interrupt_signal(void);

/* Readable while there are some that interrupt_clear_fd() has not seen; for poll(2). */
int interrupt_fd(void);
void interrupt_clear_fd(void);

#define INTERRUPT_ERROR (interrupt_error_quark())
GQuark interrupt_error_quark(void);

/* Sets @error, and true, when there was one. */
gboolean interrupt_set_error(GError **error);

#endif
