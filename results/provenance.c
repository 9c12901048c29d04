/*
 * What a suite is measured with. Binaries are told apart by their hashes: versions do not change
 * when somebody builds anew.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "provenance.h"
#include <string.h>
#include "arm.h"
#include "config.h"
#include "fio-run.h"
#include "json-member.h"
#include "text.h"

enum { MOST_SAID = 200 };

/* NULL for a file that cannot be read. */
static char *hash_file(const char *path)
{
    GMappedFile *file = path ? g_mapped_file_new(path, FALSE, NULL) : NULL;
    char *sum = NULL;

    if (file) {
        sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256,
                                          (const guchar *)g_mapped_file_get_contents(file),
                                          g_mapped_file_get_length(file));
        g_mapped_file_unref(file);
    }
    return sum;
}

/* A library or program as {"file", "sha256"}. */
static void add_binary(JsonObject *object, const char *path)
{
    char *sum = hash_file(path);

    json_add_string(object, "file", path);
    json_add_string(object, "sha256", sum);
    g_free(sum);
}

static gboolean add_fio(JsonObject *object, const char *fio, GError **error)
{
    char *path = g_find_program_in_path(fio), *version = fio_version(fio, error);
    JsonObject *about = json_object_new();

    add_binary(about, path);
    json_add_string(about, "version", version);
    json_object_set_object_member(object, "fio", about);
    if (!version) {
        g_prefix_error(error, "--fio: ");
    }
    g_free(path);
    g_free(version);
    return json_string(about, "version") != NULL;
}

static void add_engines(JsonObject *object, const GPtrArray *arms, const char *qemu_img)
{
    JsonArray *engines = json_array_new();

    for (guint i = 0; i < arms->len; i++) {
        const Arm *arm = g_ptr_array_index(arms, i);
        JsonObject *about = json_object_new();
        char *path = arm->kind == ARM_QEMU_IMG ? g_find_program_in_path(qemu_img)
                                               : g_strdup(arm_library(arm->engine));

        json_add_string(about, "arm", arm->name);
        add_binary(about, path);
        json_array_add_object_element(engines, about);
        g_free(path);
    }
    json_object_set_array_member(object, "engines", engines);
}

/* That of the source that is being measured: where CI runs this, the current folder's. NULL when it
 * is not under git's care. */
static char *find_revision(const Options *options)
{
    static const char *const git[] = {
        "git", "describe", "--always", "--dirty", "--abbrev=10", NULL
    };
    char *said = NULL, *line = NULL;
    int status;

    if (options->revision) {
        return g_strdup(options->revision);
    }
    if (g_spawn_sync(NULL, (char **)git, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                     NULL, NULL, &said, NULL, &status, NULL) &&
        status == 0) {
        line = text_one_line(said, strlen(said), MOST_SAID);
    }
    g_free(said);
    return line;
}

static void add_time(JsonObject *object)
{
    GDateTime *now = g_date_time_new_now_utc();
    char *text = g_date_time_format(now, "%Y%m%dT%H%M%SZ");

    json_add_string(object, "time", text);
    g_free(text);
    g_date_time_unref(now);
}

/* What it takes to measure once more, and to judge in the same way. */
static void add_command(JsonObject *object, const Suite *suite, const Options *options)
{
    JsonObject *command = json_object_new();
    JudgeOptions judge = options_for_judge(options, suite);
    JsonArray *decide = json_array_new();

    json_add_string(command, "device", options->device);
    json_object_set_int_member(command, "ram_bytes", options->ram);
    json_add_string(command, "hosts", options->hosts);
    json_object_set_boolean_member(command, "syscalls", options->syscalls);
    json_object_set_boolean_member(command, "self_check", options->self_check);
    json_object_set_double_member(command, "band", judge.band);
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (judge.decides[i]) {
            json_array_add_string_element(decide, metrics[i].name);
        }
    }
    json_object_set_array_member(command, "decide", decide);
    json_object_set_object_member(object, "command", command);
}

gboolean provenance_describe(Suite *suite, const Options *options, guint32 seed, GError **error)
{
    JsonObject *object = suite->manifest;
    char *revision = find_revision(options);

    json_add_string(object, "program", "qaio-compare " PACKAGE_VERSION);
    add_time(object);
    json_add_string(object, "revision", revision);
    json_object_set_int_member(object, "seed", seed);
    add_command(object, suite, options);
    add_engines(object, suite->arms, options->qemu_img);
    g_free(revision);
    return add_fio(object, options->fio, error);
}
