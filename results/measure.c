/*
 * A suite from plan to folder. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The manifest is written before the first run, so that whatever ends this, a power cut too, leaves
 * a folder that says what it is; and after the last, with the runs.
 */
#include "measure.h"
#include <string.h>
#include "fingerprint.h"
#include "interrupt.h"
#include "job-file.h"
#include "json-member.h"
#include "machine.h"
#include "provenance.h"
#include "runner.h"
#include "store.h"
#include "target.h"

/* The first file that the first job names; what it is on is what all are on. */
static char *file_of_jobs(const Suite *suite)
{
    const Case *kase = g_ptr_array_index(suite->cases, 0);
    JobFile *jobs = job_file_read(kase->job_file, NULL);
    char *names = jobs ? job_file_get(jobs, 0, "filename") : NULL;

    if (names) {
        names[strcspn(names, ":")] = '\0';
    }
    job_file_free(jobs);
    return names;
}

static gboolean describe(Suite *suite, const Options *options, const char *device, const char *kind,
                         guint32 seed, GError **error)
{
    char *file = device ? g_strdup(device) : options->hosts ? NULL : file_of_jobs(suite);
    char *fingerprint;
    gboolean ok;

    json_object_set_object_member(suite->manifest, "machine", machine_describe(""));
    json_object_set_object_member(suite->manifest, "target", target_describe("", file, kind));
    ok = provenance_describe(suite, options, seed, error);
    fingerprint = fingerprint_of(suite->manifest);
    json_add_string(suite->manifest, "fingerprint", fingerprint);
    g_free(fingerprint);
    g_free(file);
    return ok;
}

/* The first error is the one to report. */
static void keep_first(GError **error, GError *other)
{
    if (other && error && !*error) {
        g_propagate_error(error, other);
    } else {
        g_clear_error(&other);
    }
}

static void run_all(Suite *suite, const Options *options, const char *device, gboolean ours,
                    guint32 seed, const char *folder, GError **error)
{
    RunnerOptions runner = {
        .fio = options->fio,
        .qemu_img = options->qemu_img,
        .device = device,
        .allow_write = options->allow_write || ours,
        .seed = seed,
        .folder = folder,
        .quiet = options->quiet,
        .hosts = options->hosts,
        .count_syscalls = options->syscalls,
    };
    GError *why = NULL;

    runner_run(suite, &runner, error);
    store_write_manifest(folder, suite, &why);
    keep_first(error, why);
}

static char *open_folder(const Suite *suite, const Options *options, GError **error)
{
    char *folder = store_new_folder(options->results, suite, error);

    if (folder &&
        (!store_copy_jobs(folder, suite, error) || !store_write_manifest(folder, suite, error))) {
        store_drop(folder);
        g_clear_pointer(&folder, g_free);
    }
    return folder;
}

static guint32 choose_seed(const Options *options)
{
    return options->seed >= 0 ? (guint32)options->seed : g_random_int();
}

/* Without one run there is nothing to keep. */
static void drop_empty(const Suite *suite, char **folder, GError **error)
{
    if (*folder && suite->runs->len == 0) {
        store_drop(*folder);
        g_clear_pointer(folder, g_free);
        if (*error == NULL && !interrupt_set_error(error)) {
            g_set_error(error, OPTIONS_ERROR, 0, "there was nothing to run");
        }
    }
}

char *measure(Suite *suite, const Options *options, MeasureGate *gate, gpointer data,
              GError **error)
{
    Target *target = options->ram ? target_make_ram(options->ram, error) : NULL;
    const char *device = target ? target_path(target) : options->device;
    guint32 seed = choose_seed(options);
    char *folder = NULL;
    GError *why = NULL;

    if (options->ram && !target) {
        return NULL;
    }
    if (describe(suite, options, device, target ? target_about(target) : NULL, seed, error) &&
        (!gate || gate(suite, data, error))) {
        folder = open_folder(suite, options, error);
    }
    if (folder) {
        run_all(suite, options, device, target != NULL, seed, folder, error);
    }
    target_remove(target, &why);
    keep_first(error, why);
    drop_empty(suite, &folder, error);
    return folder;
}
