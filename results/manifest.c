/*
 * manifest.json: writing what a suite is, and reading it with suspicion.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "manifest.h"
#include <string.h>
#include "json-member.h"

/* Far beyond what can be measured, and little enough for memory. */
enum { MOST_ARMS = 1000, MOST_CASES = 1000, MOST_ROUNDS = 10000, MOST_RUNS = 60000 };

G_DEFINE_QUARK(qaio - compare - manifest, manifest_error)

/* Writing. */

static JsonObject *arm_to_json(const Arm *arm)
{
    JsonObject *object = json_object_new();

    json_add_string(object, "name", arm->name);
    json_add_string(object, "kind", arm->kind == ARM_QEMU_IMG ? "qemu-img" : "fio");
    json_add_string(object, "spec", arm->spec);
    json_add_string(object, "engine", arm->engine);
    json_add_strings(object, "options", arm->options);
    return object;
}

static JsonObject *case_to_json(const Case *kase)
{
    JsonObject *object = json_object_new();

    json_add_string(object, "name", kase->name);
    json_add_string(object, "job_file", kase->job_file);
    json_add_strings(object, "options", kase->options);
    return object;
}

static JsonObject *run_to_json(const Run *run)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "order", run->order);
    json_object_set_int_member(object, "arm", run->arm);
    json_object_set_int_member(object, "case", run->kase);
    json_object_set_int_member(object, "round", run->round);
    json_object_set_int_member(object, "started_us", run->started);
    json_object_set_double_member(object, "seconds", run->seconds);
    json_add_string(object, "file", run->file);
    json_add_string(object, "problem", run->problem);
    return object;
}

typedef JsonObject *ToJson(gconstpointer item);

static void add_all(JsonObject *object, const char *name, const GPtrArray *items, ToJson *to_json)
{
    JsonArray *array = json_array_sized_new(items->len);

    for (guint i = 0; i < items->len; i++) {
        json_array_add_object_element(array, to_json(g_ptr_array_index(items, i)));
    }
    json_object_set_array_member(object, name, array);
}

JsonObject *manifest_from_suite(const Suite *suite)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "schema", MANIFEST_SCHEMA);
    json_add_string(object, "suite", suite->name);
    json_object_set_int_member(object, "rounds", suite->rounds);
    json_object_set_boolean_member(object, "interrupted", suite->interrupted);
    add_all(object, "arms", suite->arms, (ToJson *)arm_to_json);
    add_all(object, "cases", suite->cases, (ToJson *)case_to_json);
    json_object_set_object_member(object, "measured", json_object_ref(suite->manifest));
    add_all(object, "runs", suite->runs, (ToJson *)run_to_json);
    return object;
}

/* Reading. Each gives NULL for what is none of ours. */

static Arm *arm_from_json(JsonObject *object)
{
    const char *kind = json_string(object, "kind"), *name = json_string(object, "name");
    const char *spec = json_string(object, "spec"), *engine = json_string(object, "engine");
    char **options = json_strings(object, "options");
    gboolean fio = g_strcmp0(kind, "fio") == 0;
    Arm *arm;

    if (!name || !spec || !options || (!fio && g_strcmp0(kind, "qemu-img") != 0) ||
        (fio && !engine)) {
        g_strfreev(options);
        return NULL;
    }
    arm = g_new0(Arm, 1);
    arm->kind = fio ? ARM_FIO : ARM_QEMU_IMG;
    arm->name = g_strdup(name);
    arm->spec = g_strdup(spec);
    arm->engine = g_strdup(engine);
    arm->options = options;
    return arm;
}

static Case *case_from_json(JsonObject *object)
{
    const char *name = json_string(object, "name"), *job_file = json_string(object, "job_file");
    char **options = json_strings(object, "options");
    Case *kase;

    if (!name || !job_file || !options) {
        g_strfreev(options);
        return NULL;
    }
    kase = g_new0(Case, 1);
    kase->name = g_strdup(name);
    kase->job_file = g_strdup(job_file);
    kase->options = options;
    return kase;
}

/* A manifest from elsewhere must not make us read files from elsewhere. */
static gboolean is_below(const char *file)
{
    char **parts = g_strsplit(file, "/", -1);
    gboolean below = *file != '\0' && *file != '/' && !g_strv_contains((const char **)parts, "..");

    g_strfreev(parts);
    return below;
}

static Run *run_from_json(JsonObject *object)
{
    const char *file = json_string(object, "file");
    guint64 arm, kase, round, order, started;
    Run *run;

    if (!json_uint(object, "arm", MOST_ARMS, &arm) ||
        !json_uint(object, "case", MOST_CASES, &kase) ||
        !json_uint(object, "round", MOST_ROUNDS, &round) ||
        !json_uint(object, "order", MOST_RUNS, &order) ||
        !json_uint(object, "started_us", G_MAXINT64, &started) || (file && !is_below(file))) {
        return NULL;
    }
    run = g_new0(Run, 1);
    run->arm = arm;
    run->kase = kase;
    run->round = round;
    run->order = order;
    run->started = started;
    run->seconds = json_number(object, "seconds", 0);
    run->file = g_strdup(file);
    run->problem = g_strdup(json_string(object, "problem"));
    run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    return run;
}

typedef gpointer FromJson(JsonObject *object);

static gboolean read_all(JsonObject *manifest, const char *name, guint most, GPtrArray *items,
                         FromJson *from_json, GError **error)
{
    JsonArray *array = json_array(manifest, name);
    guint n = array ? json_array_get_length(array) : 0;

    if (!array || n > most) {
        g_set_error(error, MANIFEST_ERROR, 0, "%s \"%s\"", array ? "too many" : "it has no", name);
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        JsonNode *node = json_array_get_element(array, i);
        gpointer item = JSON_NODE_HOLDS_OBJECT(node) ? from_json(json_node_get_object(node)) : NULL;

        if (!item) {
            g_set_error(error, MANIFEST_ERROR, 0, "number %u of its \"%s\" is incomplete or wrong",
                        i + 1, name);
            return FALSE;
        }
        g_ptr_array_add(items, item);
    }
    return TRUE;
}

/* Each run is of an arm, a case and a round that there are, and no two are of the same. */
static gboolean runs_fit(const Suite *suite, GError **error)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gboolean fit = TRUE;

    for (guint i = 0; i < suite->runs->len && fit; i++) {
        const Run *run = g_ptr_array_index(suite->runs, i);

        fit = run->arm < suite->arms->len && run->kase < suite->cases->len &&
              run->round < suite->rounds &&
              g_hash_table_add(seen, g_strdup_printf("%u %u %u", run->arm, run->kase, run->round));
        if (!fit) {
            g_set_error(error, MANIFEST_ERROR, 0,
                        "number %u of its \"runs\" is of no arm, case and round that there are, "
                        "or of one that was already there",
                        i + 1);
        }
    }
    g_hash_table_unref(seen);
    return fit;
}

static gboolean check_schema(JsonObject *manifest, GError **error)
{
    guint64 schema;

    if (!json_uint(manifest, "schema", G_MAXUINT32, &schema) || schema == 0) {
        g_set_error(error, MANIFEST_ERROR, 0, "it has no schema number: not one of qaio-compare");
        return FALSE;
    }
    if (schema > MANIFEST_SCHEMA) {
        g_set_error(error, MANIFEST_ERROR, 0,
                    "its schema is %u, and this qaio-compare knows %d: use a newer one",
                    (guint)schema, MANIFEST_SCHEMA);
        return FALSE;
    }
    return TRUE;
}

static gboolean fill_suite(Suite *suite, JsonObject *manifest, GError **error)
{
    JsonObject *measured = json_object(manifest, "measured");
    guint64 rounds;

    if (!json_uint(manifest, "rounds", MOST_ROUNDS, &rounds) || !measured) {
        g_set_error(error, MANIFEST_ERROR, 0, "it has no \"rounds\" or no \"measured\"");
        return FALSE;
    }
    suite->rounds = rounds;
    suite->interrupted = json_flag(manifest, "interrupted", FALSE);
    json_object_unref(suite->manifest);
    suite->manifest = json_object_ref(measured);
    return read_all(manifest, "arms", MOST_ARMS, suite->arms, (FromJson *)arm_from_json, error) &&
           read_all(manifest, "cases", MOST_CASES, suite->cases, (FromJson *)case_from_json,
                    error) &&
           read_all(manifest, "runs", MOST_RUNS, suite->runs, (FromJson *)run_from_json, error) &&
           runs_fit(suite, error);
}

Suite *manifest_to_suite(JsonObject *manifest, GError **error)
{
    const char *name = json_string(manifest, "suite");
    Suite *suite;

    if (!check_schema(manifest, error)) {
        return NULL;
    }
    if (!name) {
        g_set_error(error, MANIFEST_ERROR, 0, "it does not name its suite");
        return NULL;
    }
    suite = suite_new(name);
    if (!fill_suite(suite, manifest, error)) {
        suite_free(suite);
        return NULL;
    }
    return suite;
}
