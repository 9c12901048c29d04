/*
 * Members of JSON objects that must be of a kind: each checked, the first that is not is the error.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "json-fields.h"
#include <math.h>
#include <string.h>
#include "text.h"
#include "untrusted-json.h"

bool fields_wrong(Fields *at, const char *name, const char *what)
{
    char *text = g_strdup_printf("%s%s%s%s%s", at->item ?: "", at->item ? ": " : "", at->part ?: "",
                                 at->part ? "." : "", name);
    char *line = text_one_line(text, strlen(text), 200);

    g_set_error(at->error, UNTRUSTED_JSON_ERROR, 0, "this is no %s: %s is %s", at->of, line, what);
    g_free(line);
    g_free(text);
    return false;
}

/* A number that is finite and not negative. */
static bool read_number(Fields *at, JsonNode *node, const char *name, double *value)
{
    GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : 0;

    if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE) {
        return fields_wrong(at, name, "not a number");
    }
    *value = json_node_get_double(node);
    return (isfinite(*value) && *value >= 0) || fields_wrong(at, name, "out of range");
}

bool fields_optional(Fields *at, JsonObject *o, const char *name, double *value)
{
    JsonNode *node = json_object_get_member(o, name);

    return !node || read_number(at, node, name, value);
}

bool fields_number(Fields *at, JsonObject *o, const char *name, double *value)
{
    return read_number(at, json_object_get_member(o, name), name, value);
}

bool fields_count(Fields *at, JsonObject *o, const char *name, guint64 *value)
{
    JsonNode *node = json_object_get_member(o, name);
    double number;

    if (!read_number(at, node, name, &number)) {
        return false;
    }
    if (number >= 0x1p63) {
        return fields_wrong(at, name, "out of range");
    }
    *value = json_node_get_int(node);
    return true;
}

bool fields_object(Fields *at, JsonObject *o, const char *name, JsonObject **value)
{
    JsonNode *node = json_object_get_member(o, name);

    *value = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    return !node || *value || fields_wrong(at, name, "not an object");
}

bool fields_string(Fields *at, JsonObject *o, const char *name, const char **value)
{
    JsonNode *node = json_object_get_member(o, name);

    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
        return fields_wrong(at, name, "not a string");
    }
    *value = json_node_get_string(node);
    return true;
}

bool fields_strings(Fields *at, JsonObject *o, GHashTable *to)
{
    JsonObjectIter iter;
    const char *name, *value;
    JsonNode *node;

    if (!o) {
        return true;
    }
    json_object_iter_init(&iter, o);
    while (json_object_iter_next(&iter, &name, &node)) {
        if (!fields_string(at, o, name, &value)) {
            return false;
        }
        g_hash_table_insert(to, g_strdup(name), g_strdup(value));
    }
    return true;
}
