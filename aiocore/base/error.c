/* Error objects over GError: one quark, printf formatting, and the abort-at-once destination.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/error.h"

Error *error_abort;

static GQuark error_quark(void)
{
    return g_quark_from_static_string("aiocore");
}

/* Give @err, which @errp's owner asked for, to @errp. */
static void error_deliver(Error **errp, Error *err)
{
    if (errp == &error_abort) {
        fprintf(stderr, "Unexpected error: %s\n", err->message);
        abort();
    }
    g_assert(*errp == NULL);
    *errp = err;
}

void error_setg(Error **errp, const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    if (!errp) {
        return;
    }
    va_start(ap, fmt);
    error_deliver(errp, g_error_new_valist(error_quark(), 0, fmt, ap));
    va_end(ap);
    errno = saved_errno;
}

void error_setg_errno(Error **errp, int os_error, const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;
    char *what;

    if (!errp) {
        return;
    }
    va_start(ap, fmt);
    what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_deliver(errp, g_error_new(error_quark(), os_error, "%s: %s", what, g_strerror(os_error)));
    g_free(what);
    errno = saved_errno;
}

void error_propagate(Error **dst_errp, Error *local_err)
{
    if (!local_err) {
        return;
    }
    if (!dst_errp || (dst_errp != &error_abort && *dst_errp)) {
        error_free(local_err);
        return;
    }
    error_deliver(dst_errp, local_err);
}

const char *error_get_pretty(const Error *err)
{
    return err->message;
}

void error_report_err(Error *err)
{
    fprintf(stderr, "%s\n", err->message);
    error_free(err);
}

void error_free(Error *err)
{
    if (err) {
        g_error_free(err);
    }
}
