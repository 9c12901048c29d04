/*
 * JSON from files and programs that may have written anything.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_UNTRUSTED_JSON_H
#define RESULTS_UNTRUSTED_JSON_H

#include <json-glib/json-glib.h>
#include "histogram.h"

/* No file that is read is larger. */
#define UNTRUSTED_JSON_MAX_BYTES (64 << 20)

/*
 * The object in @text: what begins with the first line that begins with '{', and ends where that
 * object does; other lines may be around it. Of several members of one name the last counts.
 * NULL with @error set when there is no such object, or two, or it is no JSON, or deeper, wider or
 * longer than anything that we read is: neither the parser's recursion nor its memory and time are
 * in the hands of who wrote it. The message is one line. The caller unrefs the result.
 *
 * With @tables (else NULL), an array of Histogram *, objects that are tables of counts, like fio's
 * bins, are read into it, which is much faster; untrusted_json_table() finds them.
 */
JsonObject *untrusted_json_parse(const char *text, gsize length, GPtrArray *tables, GError **error);

/* The table that @object was; NULL if it was none. */
const Histogram *untrusted_json_table(JsonObject *object, const GPtrArray *tables);

/* Adds to the message what the lines before the object say, or all lines if there is none. */
void untrusted_json_explain(GError **error, const char *text, gsize length);

/* The content of the regular file @path, which the caller frees. */
char *untrusted_json_text(const char *path, gsize *length, GError **error);

/* The object in that file; the message names it. */
JsonObject *untrusted_json_load(const char *path, GError **error);

#define UNTRUSTED_JSON_ERROR (untrusted_json_error_quark())
GQuark untrusted_json_error_quark(void);

#endif
