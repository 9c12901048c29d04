/*
 * Members of JSON objects that must be of a kind.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each is true when all is well. Else it is false and the error says in one line which member is
 * not what it must be; so a reader is a chain of && and its first failure is what is reported.
 */
#ifndef RESULTS_JSON_FIELDS_H
#define RESULTS_JSON_FIELDS_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* What is being read, for messages: "this is no output of fio: JOB: read.iops is out of range". */
typedef struct Fields {
    const char *of, *item, *part; /* @item and @part may be NULL */
    GError **error;
} Fields;

/* Says that the member @name is @what; false. */
bool fields_wrong(Fields *at, const char *name, const char *what);

/* The number @name, finite and not negative. */
bool fields_number(Fields *at, JsonObject *o, const char *name, double *value);
/* The same; where it is not there *@value stays as it is. */
bool fields_optional(Fields *at, JsonObject *o, const char *name, double *value);

/* The number @name, not negative, as an integer. */
bool fields_count(Fields *at, JsonObject *o, const char *name, guint64 *value);

/* The string @name, which is the object's. */
bool fields_string(Fields *at, JsonObject *o, const char *name, const char **value);

/* The object @name, which is @o's; NULL where it is not there. */
bool fields_object(Fields *at, JsonObject *o, const char *name, JsonObject **value);

/* All members of @o (NULL: none), strings, into @to, which frees names and values with g_free(). */
bool fields_strings(Fields *at, JsonObject *o, GHashTable *to);

#endif
