/*
 * Checks a JSON document against a JSON Schema, as far as ours goes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schema.h"
#include <string.h>

typedef struct Check {
    JsonObject *root;
    GHashTable *seen;
    char *complaint; /* the first */
} Check;

static void check(Check *c, JsonObject *schema, JsonNode *value, const char *path);

static void complain(Check *c, const char *path, const char *what, const char *about)
{
    if (!c->complaint) {
        c->complaint = g_strdup_printf("%s: %s %s", path, what, about);
    }
}

static bool has_type(JsonNode *value, const char *type)
{
    GType t = JSON_NODE_HOLDS_VALUE(value) ? json_node_get_value_type(value) : G_TYPE_INVALID;

    return (g_str_equal(type, "object") && JSON_NODE_HOLDS_OBJECT(value)) ||
           (g_str_equal(type, "array") && JSON_NODE_HOLDS_ARRAY(value)) ||
           (g_str_equal(type, "null") && JSON_NODE_HOLDS_NULL(value)) ||
           (g_str_equal(type, "string") && t == G_TYPE_STRING) ||
           (g_str_equal(type, "boolean") && t == G_TYPE_BOOLEAN) ||
           (g_str_equal(type, "integer") && t == G_TYPE_INT64) ||
           (g_str_equal(type, "number") && (t == G_TYPE_INT64 || t == G_TYPE_DOUBLE));
}

static void check_type(Check *c, JsonNode *keyword, JsonNode *value, const char *path)
{
    bool fits = false;

    if (JSON_NODE_HOLDS_ARRAY(keyword)) {
        JsonArray *types = json_node_get_array(keyword);

        for (guint i = 0; i < json_array_get_length(types); i++) {
            fits = fits || has_type(value, json_array_get_string_element(types, i));
        }
    } else {
        fits = has_type(value, json_node_get_string(keyword));
    }
    if (!fits) {
        complain(c, path, "is of another type than", "the schema's");
    }
}

static void check_enum(Check *c, JsonArray *values, JsonNode *value, const char *path)
{
    for (guint i = 0; i < json_array_get_length(values); i++) {
        if (json_node_equal(json_array_get_element(values, i), value)) {
            return;
        }
    }
    complain(c, path, "is none of", "the enumerated values");
}

static void check_properties(Check *c, JsonObject *properties, JsonObject *object, const char *path)
{
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *n = names; n; n = n->next) {
        g_autofree char *below = g_strdup_printf("%s.%s", path, (char *)n->data);
        JsonNode *value = json_object_get_member(object, n->data);

        if (!json_object_has_member(properties, n->data)) {
            complain(c, below, "is not", "in the schema");
            continue;
        }
        if (!JSON_NODE_HOLDS_NULL(value)) {
            g_hash_table_add(c->seen, json_object_get_object_member(properties, n->data));
        }
        check(c, json_object_get_object_member(properties, n->data), value, below);
    }
}

static void check_required(Check *c, JsonArray *names, JsonObject *object, const char *path)
{
    for (guint i = 0; i < json_array_get_length(names); i++) {
        const char *name = json_array_get_string_element(names, i);

        if (!json_object_has_member(object, name)) {
            complain(c, path, "lacks", name);
        }
    }
}

static void check_items(Check *c, JsonObject *schema, JsonArray *array, const char *path)
{
    for (guint i = 0; i < json_array_get_length(array); i++) {
        g_autofree char *below = g_strdup_printf("%s[%u]", path, i);

        check(c, schema, json_array_get_element(array, i), below);
    }
}

static JsonObject *find_definition(Check *c, const char *ref)
{
    const char *name = g_str_has_prefix(ref, "#/$defs/") ? ref + strlen("#/$defs/") : "";
    JsonObject *definitions = json_object_get_object_member(c->root, "$defs");

    g_assert_true(json_object_has_member(definitions, name));
    return json_object_get_object_member(definitions, name);
}

static bool says_nothing(const char *keyword)
{
    static const char *const names[] = { "$schema", "$defs", "title", "description", NULL };

    return g_strv_contains(names, keyword);
}

static void check_keyword(Check *c, const char *keyword, JsonNode *with, JsonNode *value,
                          const char *path)
{
    bool is_object = JSON_NODE_HOLDS_OBJECT(value);

    if (g_str_equal(keyword, "$ref")) {
        check(c, find_definition(c, json_node_get_string(with)), value, path);
    } else if (g_str_equal(keyword, "type")) {
        check_type(c, with, value, path);
    } else if (g_str_equal(keyword, "enum")) {
        check_enum(c, json_node_get_array(with), value, path);
    } else if (g_str_equal(keyword, "const")) {
        if (!json_node_equal(with, value)) {
            complain(c, path, "is not", "the constant");
        }
    } else if (g_str_equal(keyword, "minimum")) {
        if (!JSON_NODE_HOLDS_NULL(value) && json_node_get_double(value) < json_node_get_int(with)) {
            complain(c, path, "is below", "the minimum");
        }
    } else if (g_str_equal(keyword, "properties")) {
        if (is_object) {
            check_properties(c, json_node_get_object(with), json_node_get_object(value), path);
        }
    } else if (g_str_equal(keyword, "required")) {
        if (is_object) {
            check_required(c, json_node_get_array(with), json_node_get_object(value), path);
        }
    } else if (g_str_equal(keyword, "items")) {
        if (JSON_NODE_HOLDS_ARRAY(value)) {
            check_items(c, json_node_get_object(with), json_node_get_array(value), path);
        }
    } else if (g_str_equal(keyword, "additionalProperties")) {
        g_assert_false(json_node_get_boolean(with)); /* check_properties() takes it for granted */
    } else if (!says_nothing(keyword)) {
        complain(c, path, "a keyword not understood:", keyword);
    }
}

static void check(Check *c, JsonObject *schema, JsonNode *value, const char *path)
{
    g_autoptr(GList) keywords = json_object_get_members(schema);

    for (GList *k = keywords; k; k = k->next) {
        check_keyword(c, k->data, json_object_get_member(schema, k->data), value, path);
    }
}

char *schema_check(JsonNode *schema, JsonNode *value, GHashTable *seen)
{
    Check c = { json_node_get_object(schema), seen, NULL };

    check(&c, c.root, value, "$");
    return c.complaint;
}

void schema_foreach_member(JsonNode *schema,
                           void (*f)(const char *name, gpointer description, gpointer data),
                           gpointer data)
{
    JsonObject *object;
    g_autoptr(GList) keywords = NULL;

    if (!JSON_NODE_HOLDS_OBJECT(schema)) {
        return;
    }
    object = json_node_get_object(schema);
    keywords = json_object_get_members(object);
    for (GList *k = keywords; k; k = k->next) {
        JsonNode *below = json_object_get_member(object, k->data);

        if (g_str_equal(k->data, "properties")) {
            g_autoptr(GList) names = json_object_get_members(json_node_get_object(below));

            for (GList *n = names; n; n = n->next) {
                f(n->data, json_object_get_object_member(json_node_get_object(below), n->data),
                  data);
            }
        }
        schema_foreach_member(below, f, data);
    }
}
