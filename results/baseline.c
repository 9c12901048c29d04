/*
 * The baseline of a suite: a file that names one of its sets. SPDX-License-Identifier:
 * GPL-2.0-or-later
 */
#include "baseline.h"
#include <stdlib.h>
#include <string.h>
#include "json-member.h"
#include "store.h"
#include "untrusted-json.h"

enum { SCHEMA = 1 };

G_DEFINE_QUARK(qaio - compare - baseline, baseline_error)

static char *baseline_path(const char *root, const char *suite)
{
    return g_build_filename(root, suite, "baseline.json", NULL);
}

/* "FINGERPRINT/TIME-REVISION", and nothing that leads elsewhere. */
static gboolean is_set_name(const char *set)
{
    char **parts = g_strsplit(set ? set : "", "/", -1);
    gboolean is =
        g_strv_length(parts) == 2 && *parts[0] && *parts[0] != '.' && *parts[1] && *parts[1] != '.';

    g_strfreev(parts);
    return is;
}

static char *read_baseline(const char *root, const char *suite, const char *path, GError **error)
{
    JsonObject *object = untrusted_json_load(path, error);
    char *folder = NULL;
    const char *set;
    guint64 schema;

    if (!object) {
        return NULL;
    }
    set = json_string(object, "set");
    if (!json_uint(object, "schema", G_MAXUINT32, &schema) || schema == 0 || !is_set_name(set)) {
        g_set_error(error, BASELINE_ERROR, 0, "%s names no set of runs", path);
    } else if (schema > SCHEMA) {
        g_set_error(error, BASELINE_ERROR, 0,
                    "%s: its schema is %u, and this qaio-compare knows %d: use a newer one", path,
                    (guint)schema, SCHEMA);
    } else {
        folder = g_build_filename(root, suite, set, NULL);
    }
    json_object_unref(object);
    return folder;
}

char *baseline_find(const char *root, const char *suite, GError **error)
{
    char *path, *folder = NULL;

    if (!store_name_fits(suite, error)) {
        return NULL;
    }
    path = baseline_path(root, suite);
    if (g_file_test(path, G_FILE_TEST_EXISTS)) {
        folder = read_baseline(root, suite, path, error);
    } else {
        g_set_error(error, BASELINE_ERROR, 0,
                    "suite %s has no baseline in %s: measure with \"qaio-compare run --suite %s\", "
                    "then \"qaio-compare baseline set %s\"",
                    suite, root, suite, suite);
    }
    g_free(path);
    return folder;
}

static gboolean is_whole(const Suite *suite)
{
    return !suite->interrupted &&
           suite->runs->len == suite->arms->len * suite->cases->len * suite->rounds;
}

/* The newest set that is whole. */
static char *find_newest(const char *root, const char *suite, GError **error)
{
    GPtrArray *sets = store_list(root, suite);
    char *newest = NULL;

    for (guint i = sets->len; i-- > 0 && !newest;) {
        const char *folder = g_ptr_array_index(sets, i);
        Suite *loaded = store_load_manifest(folder, NULL);

        if (loaded && is_whole(loaded)) {
            newest = g_strdup(folder);
        }
        suite_free(loaded);
    }
    if (!newest) {
        g_set_error(error, BASELINE_ERROR, 0,
                    "no complete set of suite %s in %s: measure with \"qaio-compare run --suite "
                    "%s\"",
                    suite, root, suite);
    }
    g_ptr_array_unref(sets);
    return newest;
}

/* Where @folder is below the suite's; NULL when it is elsewhere. */
static char *set_name(const char *root, const char *suite, const char *folder)
{
    char *top = g_build_filename(root, suite, NULL);
    char *real_top = realpath(top, NULL), *real = realpath(folder, NULL);
    char *name = NULL;

    if (real_top && real && g_str_has_prefix(real, real_top) && real[strlen(real_top)] == '/') {
        name = g_strdup(real + strlen(real_top) + 1);
        if (!is_set_name(name)) {
            g_clear_pointer(&name, g_free);
        }
    }
    free(real);
    free(real_top);
    g_free(top);
    return name;
}

static gboolean write_baseline(const char *root, const char *suite, const char *folder,
                               GError **error)
{
    char *path = baseline_path(root, suite), *set = set_name(root, suite, folder);
    JsonObject *object = json_object_new();
    gboolean ok = FALSE;

    if (set) {
        json_object_set_int_member(object, "schema", SCHEMA);
        json_add_string(object, "set", set);
        ok = json_write_file(path, object, error);
    } else {
        g_set_error(error, BASELINE_ERROR, 0,
                    "%s is no set of suite %s in %s: only one of these can be its baseline", folder,
                    suite, root);
    }
    json_object_unref(object);
    g_free(set);
    g_free(path);
    return ok;
}

char *baseline_keep(const char *root, const char *suite, const char *folder, GError **error)
{
    char *chosen;
    Suite *loaded;

    if (!store_name_fits(suite, error)) {
        return NULL;
    }
    chosen = folder ? g_strdup(folder) : find_newest(root, suite, error);
    if (!chosen) {
        return NULL;
    }
    loaded = store_load_manifest(chosen, error);
    if (!loaded || !write_baseline(root, suite, chosen, error)) {
        g_clear_pointer(&chosen, g_free);
    }
    suite_free(loaded);
    return chosen;
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *baseline_suites(const char *root)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(root, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *path = baseline_path(root, name);

        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_ptr_array_add(names, g_strdup(name));
        }
        g_free(path);
    }
    if (dir) {
        g_dir_close(dir);
    }
    g_ptr_array_sort(names, by_text);
    return names;
}
