/*
 * qaio-compare baseline: keeping one set of runs, and holding new ones against it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command.h"
#include <stdio.h>
#include <string.h>
#include "arm.h"
#include "baseline.h"
#include "command-then.h"
#include "interrupt.h"
#include "json-member.h"
#include "store.h"

static const char *file(const Options *options, guint i)
{
    return i < options->files->len ? g_ptr_array_index(options->files, i) : NULL;
}

/* Measuring anew what the baseline measured. */

static gboolean add_arms(Suite *suite, const Suite *kept, GError **error)
{
    for (guint i = 0; i < kept->arms->len; i++) {
        const Arm *old = g_ptr_array_index(kept->arms, i);
        Arm *arm = arm_parse(old->name, old->spec, error);

        if (!arm) {
            g_prefix_error(error, "the baseline's ");
            return FALSE;
        }
        g_ptr_array_add(suite->arms, arm);
    }
    return TRUE;
}

/* From the copies: the user's job files may have changed, and then it would be other work. */
static void add_cases(Suite *suite, const Suite *kept, const char *folder)
{
    for (guint i = 0; i < kept->cases->len; i++) {
        const Case *old = g_ptr_array_index(kept->cases, i);
        Case *kase = case_copy(old);

        g_free(kase->job_file);
        kase->job_file = store_job_file(folder, old);
        g_ptr_array_add(suite->cases, kase);
    }
}

static Suite *plan_again(const Suite *kept, const char *folder, const Options *options,
                         GError **error)
{
    Suite *suite = suite_new(kept->name);

    suite->rounds = options->pairs ? options->pairs : kept->rounds;
    add_cases(suite, kept, folder);
    if (!add_arms(suite, kept, error)) {
        g_clear_pointer(&suite, suite_free);
    }
    return suite;
}

/* Where and how, unless the user says otherwise; --allow-write is never taken over: what was worth
 * nothing then may be worth something now. */
static void take_over(Options *options, const Suite *kept)
{
    JsonObject *command = json_object(kept->manifest, "command");
    guint64 ram = 0;

    if (!command) {
        return;
    }
    if (!options->device && !options->ram && !options->hosts) {
        options->device = g_strdup(json_string(command, "device"));
        options->hosts = g_strdup(json_string(command, "hosts"));
        json_uint(command, "ram_bytes", G_MAXINT64, &ram);
        options->ram = ram;
    }
    options->syscalls |= json_flag(command, "syscalls", FALSE);
    if (options->band < 0) {
        options->band = CLAMP(json_number(command, "band", -1), -1, 0.5);
    }
}

typedef struct Gate {
    const Suite *kept;
    const Options *options;
} Gate;

static gboolean may_measure(const Suite *suite, gpointer data, GError **error)
{
    const Gate *gate = data;

    return command_may_compare(gate->kept, suite, gate->options, error);
}

/* A refusal at the gate is about the surroundings of the baseline; all else about ours. */
static int failed(GError *error, const Suite *kept, const Suite *suite, const Options *options)
{
    gboolean refused = suite && json_string(suite->manifest, "fingerprint") &&
                       !command_may_compare(kept, suite, options, NULL);

    return command_fail(error, refused ? STATUS_NOT_COMPARABLE : STATUS_USAGE);
}

static int check_anew(const Suite *kept, const char *kept_folder, Options *options)
{
    Gate gate = { kept, options };
    GError *error = NULL;
    Suite *suite;
    char *folder = NULL;
    int status;

    take_over(options, kept);
    suite = plan_again(kept, kept_folder, options, &error);
    if (suite) {
        interrupt_catch();
        folder = measure(suite, options, may_measure, &gate, &error);
    }
    if (folder) {
        status = command_then_now(kept, suite, options, folder, error);
        command_say(options, "kept in %s\n", folder);
    } else {
        status = failed(error, kept, suite, options);
    }
    g_free(folder);
    suite_free(suite);
    return status;
}

static int check_stored(const Suite *kept, const char *folder, const Options *options)
{
    GError *error = NULL;
    Suite *suite = store_load(folder, &error);
    int status = suite ? command_then_now(kept, suite, options, NULL, NULL)
                       : command_fail(error, STATUS_USAGE);

    suite_free(suite);
    return status;
}

static int check(Options *options, GError **error)
{
    char *folder = baseline_find(options->results, file(options, 1), error);
    Suite *kept = folder ? store_load(folder, error) : NULL;
    int status = STATUS_USAGE;

    if (kept) {
        status = file(options, 2) ? check_stored(kept, file(options, 2), options)
                                  : check_anew(kept, folder, options);
    }
    suite_free(kept);
    g_free(folder);
    return status;
}

/* Keeping and listing. */

static int set(Options *options, GError **error)
{
    char *folder = baseline_keep(options->results, file(options, 1), file(options, 2), error);

    if (!folder) {
        return STATUS_USAGE;
    }
    command_say(options, "the baseline of %s is %s\n", file(options, 1), folder);
    g_free(folder);
    return STATUS_OK;
}

static void list_one(const char *results, const char *name)
{
    GError *error = NULL;
    char *folder = baseline_find(results, name, &error);
    Suite *kept = folder ? store_load_manifest(folder, &error) : NULL;

    if (kept) {
        printf("%s\t%s\n", name, folder);
    } else {
        fprintf(stderr, "qaio-compare: %s: %s\n", name, error->message);
        g_error_free(error);
    }
    suite_free(kept);
    g_free(folder);
}

static int list(Options *options, GError **error)
{
    GPtrArray *names = baseline_suites(options->results);

    (void)error;
    for (guint i = 0; i < names->len; i++) {
        list_one(options->results, g_ptr_array_index(names, i));
    }
    g_ptr_array_unref(names);
    return STATUS_OK;
}

typedef struct Action {
    const char *name;
    guint least, most; /* what follows its name */
    int (*run)(Options *options, GError **error);
} Action;

static const Action actions[] = {
    { "set", 1, 2, set },
    { "check", 1, 2, check },
    { "list", 0, 0, list },
};

static const Action *find_action(const Options *options, GError **error)
{
    guint given = options->files->len;

    for (guint i = 0; i < G_N_ELEMENTS(actions) && given > 0; i++) {
        if (g_str_equal(file(options, 0), actions[i].name) && given > actions[i].least &&
            given <= actions[i].most + 1) {
            return &actions[i];
        }
    }
    g_set_error(error, OPTIONS_ERROR, 0,
                "baseline set SUITE [DIR], baseline check SUITE [DIR], or baseline list");
    return NULL;
}

static int act(Options *options)
{
    GError *error = NULL;
    const Action *action = find_action(options, &error);
    int status = action ? action->run(options, &error) : STATUS_USAGE;

    return error ? command_fail(error, STATUS_USAGE) : status;
}

int command_baseline(char *const *argv)
{
    return command_with_options(
        argv, "set SUITE [DIR] | check SUITE [DIR] | list - hold runs against kept ones",
        "set keeps a stored set of runs (the newest) as the suite's baseline. check measures the "
        "same anew,\nor takes the set in DIR, and judges it against the baseline. list shows which "
        "suites have one.",
        OPTIONS_MEASURE | OPTIONS_STORE | OPTIONS_JUDGE | OPTIONS_THEN, act);
}
