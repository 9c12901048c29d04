/*
 * Suites on disk. What is kept is never changed: a new set of runs is a new folder, and a file is
 * written under another name first.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "store.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include "fingerprint.h"
#include "fio-json.h"
#include "job-file.h"
#include "json-member.h"
#include "manifest.h"
#include "syscalls.h"
#include "untrusted-json.h"

enum { MOST_FOLDERS = 1000 };

G_DEFINE_QUARK(qaio - compare - store, store_error)

gboolean store_name_fits(const char *name, GError **error)
{
    gboolean fits = *name != '\0' && *name != '.' && strlen(name) <= 100;

    for (const char *p = name; *p && fits; p++) {
        fits = g_ascii_isalnum(*p) || strchr("._+-", *p);
    }
    if (!fits) {
        g_set_error(error, STORE_ERROR, 0,
                    "a suite's name is letters, digits, and . _ + - behind the first, not \"%s\"",
                    name);
    }
    return fits;
}

/* Folders. */

static gboolean make_folder(const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0777) == 0) {
        return TRUE;
    }
    g_set_error(error, STORE_ERROR, 0, "the folder %s cannot be made: %s", path, g_strerror(errno));
    return FALSE;
}

/* A revision is anybody's text; a folder's name is not. */
static char *folder_name(JsonObject *measured)
{
    const char *time = json_string(measured, "time"), *revision = json_string(measured, "revision");
    char *name = g_strdup_printf("%s-%s", time ? time : "unknown", revision ? revision : "unknown");

    return g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._+-", '_');
}

/* @path, or what is free of @path-02, @path-03, ... */
static char *make_new_folder(const char *path, GError **error)
{
    for (int i = 1; i < MOST_FOLDERS; i++) {
        char *folder = i == 1 ? g_strdup(path) : g_strdup_printf("%s-%02d", path, i);

        if (g_mkdir(folder, 0777) == 0) {
            return folder;
        }
        if (errno != EEXIST) {
            g_set_error(error, STORE_ERROR, 0, "the folder %s cannot be made: %s", folder,
                        g_strerror(errno));
            g_free(folder);
            return NULL;
        }
        g_free(folder);
    }
    g_set_error(error, STORE_ERROR, 0, "%s is there, and so are all its like", path);
    return NULL;
}

char *store_new_folder(const char *root, const Suite *suite, GError **error)
{
    char *fingerprint = fingerprint_of(suite->manifest), *name = folder_name(suite->manifest);
    char *parent = g_build_filename(root, suite->name, fingerprint, NULL);
    char *path = g_build_filename(parent, name, NULL);
    char *folder = NULL, *runs = NULL;

    if (store_name_fits(suite->name, error) && make_folder(parent, error)) {
        folder = make_new_folder(path, error);
    }
    if (folder) {
        runs = g_build_filename(folder, "runs", NULL);
        if (!make_folder(runs, error)) {
            g_clear_pointer(&folder, g_free);
        }
    }
    g_free(runs);
    g_free(path);
    g_free(parent);
    g_free(name);
    g_free(fingerprint);
    return folder;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    char *x = g_path_get_basename(*(char *const *)a), *y = g_path_get_basename(*(char *const *)b);
    gint order = strcmp(x, y);

    g_free(x);
    g_free(y);
    return order;
}

/* Adds the folders in @path that have @needed in them. */
static void list_folders(const char *path, const char *needed, GPtrArray *folders)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *folder = g_build_filename(path, name, NULL);
        char *file = g_build_filename(folder, needed, NULL);

        if (g_file_test(folder, G_FILE_TEST_IS_DIR) && g_file_test(file, G_FILE_TEST_EXISTS)) {
            g_ptr_array_add(folders, g_strdup(folder));
        }
        g_free(file);
        g_free(folder);
    }
    if (dir) {
        g_dir_close(dir);
    }
}

GPtrArray *store_list(const char *root, const char *suite)
{
    GPtrArray *prints = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *sets = g_ptr_array_new_with_free_func(g_free);
    char *path = g_build_filename(root, suite, NULL);

    list_folders(path, ".", prints);
    for (guint i = 0; i < prints->len; i++) {
        list_folders(g_ptr_array_index(prints, i), "manifest.json", sets);
    }
    g_ptr_array_sort(sets, by_name);
    g_free(path);
    g_ptr_array_unref(prints);
    return sets;
}

void store_drop(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *path = g_build_filename(folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
            store_drop(path);
        } else {
            g_unlink(path);
        }
        g_free(path);
    }
    if (dir) {
        g_dir_close(dir);
    }
    g_rmdir(folder);
}

/* Files. */

gboolean store_write(const char *folder, const char *name, const GString *text, GError **error)
{
    char *path = g_build_filename(folder, name, NULL);
    gboolean ok = g_file_set_contents(path, text->str, text->len, error);

    g_free(path);
    return ok;
}

char *store_job_file(const char *folder, const Case *kase)
{
    char *name = g_path_get_basename(kase->job_file);
    char *path = g_build_filename(folder, "jobs", name, NULL);

    g_free(name);
    return path;
}

/* With the files that it includes, so that it can be run again from here. Job files of one name in
 * two folders would be one file here. */
static gboolean copy_job(const char *folder, const Case *kase, GError **error)
{
    char *path = store_job_file(folder, kase), *text = NULL, *there = NULL;
    JobFile *jobs = job_file_read(kase->job_file, error);
    gboolean ok = jobs != NULL;

    text = ok ? job_file_text(jobs, NULL) : NULL;
    if (ok && g_file_get_contents(path, &there, NULL, NULL)) {
        ok = g_str_equal(there, text);
        if (!ok) {
            g_set_error(error, STORE_ERROR, 0,
                        "%s: another job file of that name is in this suite already",
                        kase->job_file);
        }
    } else if (ok) {
        ok = g_file_set_contents(path, text, -1, error);
    }
    job_file_free(jobs);
    g_free(there);
    g_free(text);
    g_free(path);
    return ok;
}

gboolean store_copy_jobs(const char *folder, const Suite *suite, GError **error)
{
    char *jobs = g_build_filename(folder, "jobs", NULL);
    gboolean ok = make_folder(jobs, error);

    for (guint i = 0; i < suite->cases->len && ok; i++) {
        ok = copy_job(folder, g_ptr_array_index(suite->cases, i), error);
    }
    g_free(jobs);
    return ok;
}

gboolean store_write_manifest(const char *folder, const Suite *suite, GError **error)
{
    char *path = g_build_filename(folder, "manifest.json", NULL);
    JsonObject *manifest = manifest_from_suite(suite);
    gboolean ok = json_write_file(path, manifest, error);

    json_object_unref(manifest);
    g_free(path);
    return ok;
}

/* Loading. */

static JsonObject *load_manifest(const char *path, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, STORE_ERROR, 0,
                    "%s is not there: a stored set of runs is a folder with a manifest.json", path);
        return NULL;
    }
    return untrusted_json_load(path, error);
}

Suite *store_load_manifest(const char *folder, GError **error)
{
    char *path = g_build_filename(folder, "manifest.json", NULL);
    JsonObject *manifest = load_manifest(path, error);
    Suite *suite = NULL;

    if (manifest) {
        suite = manifest_to_suite(manifest, error);
        if (!suite) {
            g_prefix_error(error, "%s: ", path);
        }
        json_object_unref(manifest);
    }
    g_free(path);
    return suite;
}

static void load_samples(const char *folder, Run *run)
{
    char *path = g_build_filename(folder, run->file, NULL);
    GError *error = NULL;

    if (!fio_json_read_file(path, run->samples, &error)) {
        g_ptr_array_set_size(run->samples, 0);
        run->problem = g_strdup(error->message);
        g_error_free(error);
    }
    g_free(path);
}

Suite *store_load(const char *folder, GError **error)
{
    Suite *suite = store_load_manifest(folder, error);

    for (guint i = 0; suite && i < suite->runs->len; i++) {
        Run *run = g_ptr_array_index(suite->runs, i);

        if (!run->problem && run->file) {
            load_samples(folder, run);
        }
    }
    if (suite) {
        syscalls_apply(suite);
    }
    return suite;
}
