/* Error objects for failures that deserve a sentence: QEMU's error API as a thin face of GError.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A function that can fail takes `Error **errp` last. errp may be
 *   NULL           the caller does not want to know the reason;
 *   &error_abort   failure is a bug: the message is printed and the process aborts;
 *   &local         local == NULL before the call; set on failure, and then owned by the caller.
 *
 * All functions may be called from any thread. An Error has one owner at a time. errno is
 * preserved by error_setg and error_setg_errno.
 */
#ifndef QAIO_BASE_ERROR_H
#define QAIO_BASE_ERROR_H

#include "base/osdep.h"

typedef GError Error;

/* Never set: only its address is used, as an errp that turns any error into abort(). */
extern Error *error_abort;

/* Set *errp to a new error with the given message (no trailing newline or full stop). */
void error_setg(Error **errp, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* The same with ": " and the description of @os_error (a positive errno) at the end. The code
 * of the Error is @os_error. */
void error_setg_errno(Error **errp, int os_error, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/* Hand @local_err (may be NULL: nothing happens) to @dst_errp, or free it when that is NULL or
 * already holds an earlier error. */
void error_propagate(Error **dst_errp, Error *local_err);

/* The message. Belongs to @err. */
const char *error_get_pretty(const Error *err);

/* Print the message as one line on stderr and free @err. */
void error_report_err(Error *err);

/* Frees @err; NULL is fine. */
void error_free(Error *err);

#endif
