/*
 * Checks a JSON document against a JSON Schema, as far as ours goes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_TESTS_RESULTS_SCHEMA_H
#define QAIO_TESTS_RESULTS_SCHEMA_H

#include <stdbool.h>
#include <json-glib/json-glib.h>

/*
 * NULL when @value is as @schema says, else where and why not; the caller frees it. A keyword that
 * is not understood is a reason too. Each member of an object that the schema describes, by the
 * address of its description, is added to @seen when its value is not null.
 */
char *schema_check(JsonNode *schema, JsonNode *value, GHashTable *seen);

/* Calls @f for each member that an object in @schema may have, with the address of its
 * description. */
void schema_foreach_member(JsonNode *schema,
                           void (*f)(const char *name, gpointer description, gpointer data),
                           gpointer data);

#endif
