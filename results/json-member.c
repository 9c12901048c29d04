/*
 * Members of JSON objects, and objects as files.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "json-member.h"
#include <math.h>

gboolean json_write_file(const char *path, JsonObject *object, GError **error)
{
    JsonNode *root = json_node_new(JSON_NODE_OBJECT);
    char *text, *lines;
    gboolean ok;

    json_node_set_object(root, object);
    text = json_to_string(root, TRUE);
    lines = g_strconcat(text, "\n", NULL);
    ok = g_file_set_contents(path, lines, -1, error);
    g_free(lines);
    g_free(text);
    json_node_unref(root);
    return ok;
}

/* The member if it is a value whose type is @type. */
static JsonNode *value_node(JsonObject *object, const char *name, GType type)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type ? node
                                                                                         : NULL;
}

const char *json_string(JsonObject *object, const char *name)
{
    JsonNode *node = value_node(object, name, G_TYPE_STRING);

    return node ? json_node_get_string(node) : NULL;
}

JsonObject *json_object(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonArray *json_array(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

gboolean json_uint(JsonObject *object, const char *name, guint64 max, guint64 *value)
{
    JsonNode *node = value_node(object, name, G_TYPE_INT64);

    if (!node || json_node_get_int(node) < 0 || (guint64)json_node_get_int(node) > max) {
        return FALSE;
    }
    *value = json_node_get_int(node);
    return TRUE;
}

double json_number(JsonObject *object, const char *name, double otherwise)
{
    JsonNode *whole = value_node(object, name, G_TYPE_INT64);
    JsonNode *node = whole ? whole : value_node(object, name, G_TYPE_DOUBLE);

    return node && isfinite(json_node_get_double(node)) ? json_node_get_double(node) : otherwise;
}

gboolean json_flag(JsonObject *object, const char *name, gboolean otherwise)
{
    JsonNode *node = value_node(object, name, G_TYPE_BOOLEAN);

    return node ? json_node_get_boolean(node) : otherwise;
}

char **json_strings(JsonObject *object, const char *name)
{
    JsonArray *array = json_array(object, name);
    guint n = array ? json_array_get_length(array) : 0;
    char **strings = array ? g_new0(char *, n + 1) : NULL;

    for (guint i = 0; i < n; i++) {
        JsonNode *node = json_array_get_element(array, i);

        if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
            g_strfreev(strings);
            return NULL;
        }
        strings[i] = g_strdup(json_node_get_string(node));
    }
    return strings;
}

void json_add_string(JsonObject *object, const char *name, const char *value)
{
    if (value) {
        json_object_set_string_member(object, name, value);
    } else {
        json_object_set_null_member(object, name);
    }
}

void json_add_strings(JsonObject *object, const char *name, char *const *values)
{
    JsonArray *array = json_array_new();

    for (; values && *values; values++) {
        json_array_add_string_element(array, *values);
    }
    json_object_set_array_member(object, name, array);
}

char *json_as_text(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    if (!node || JSON_NODE_HOLDS_NULL(node)) {
        return g_strdup("unknown");
    }
    return json_string(object, name) ? g_strdup(json_string(object, name))
                                     : json_to_string(node, FALSE);
}
