/*
 * Members of JSON objects that may be missing, or of another kind: then they are as good as not
 * there. SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_JSON_MEMBER_H
#define RESULTS_JSON_MEMBER_H

#include <json-glib/json-glib.h>

/* Writes @object to @path at once or not at all; takes nothing. @error is one line with the path.
 */
gboolean json_write_file(const char *path, JsonObject *object, GError **error);

/* The member @name: NULL when it is not there, null, or of another kind. @object's. */
const char *json_string(JsonObject *object, const char *name);
JsonObject *json_object(JsonObject *object, const char *name);
JsonArray *json_array(JsonObject *object, const char *name);

/* The member @name if it is a whole number from 0 to @max. */
gboolean json_uint(JsonObject *object, const char *name, guint64 max, guint64 *value);

/* The member @name if it is a number, else @otherwise. */
double json_number(JsonObject *object, const char *name, double otherwise);

/* The member @name if it is true or false, else @otherwise. */
gboolean json_flag(JsonObject *object, const char *name, gboolean otherwise);

/* The strings of the array @name, NULL at the end; g_strfreev(). NULL when it is no such array. */
char **json_strings(JsonObject *object, const char *name);

/* Adds @value under @name, or null for NULL. */
void json_add_string(JsonObject *object, const char *name, const char *value);
void json_add_strings(JsonObject *object, const char *name, char *const *values);

/* A member of any kind as text: what a person compares. "unknown" for null and nothing. The caller
 * frees it. */
char *json_as_text(JsonObject *object, const char *name);

#endif
