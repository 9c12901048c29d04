/*
 * qaio-compare run and self-check: arms and cases from the command line, measured and judged.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command.h"
#include <string.h>
#include "arm.h"
#include "interrupt.h"
#include "store.h"

enum { DEFAULT_PAIRS = 10 };

static const char default_arm[] = "libaio";

static gboolean add_arm(Suite *suite, int letter, const char *spec, GError **error)
{
    char name[] = { 'a' + letter, '\0' };
    Arm *arm = arm_parse(name, spec, error);

    if (arm) {
        g_ptr_array_add(suite->arms, arm);
        return TRUE;
    }
    return FALSE;
}

static gboolean add_arms(Suite *suite, const Options *options, GError **error)
{
    const char *first = options->arms[0] ? options->arms[0] : default_arm;
    gboolean ok = add_arm(suite, 0, first, error);

    for (int i = 1; i < MOST_LETTERS && ok; i++) {
        if (options->arms[i] && options->self_check) {
            g_set_error(error, OPTIONS_ERROR, 0,
                        "--%c: a self-check has one arm, which --a names, and runs it twice",
                        'a' + i);
            return FALSE;
        }
        ok = !options->arms[i] || add_arm(suite, i, options->arms[i], error);
    }
    if (ok && options->self_check) {
        ok = add_arm(suite, 1, first, error);
    }
    if (ok && suite->arms->len < 2) {
        g_set_error(error, OPTIONS_ERROR, 0,
                    "nothing to compare: name an engine with --b, as in --b "
                    "external:./libqaio.so; or --self-check");
        return FALSE;
    }
    return ok;
}

/* "jobs/randread.fio" is the case "randread". */
static char *case_name(const char *file)
{
    char *name = g_path_get_basename(file);

    if (g_str_has_suffix(name, ".fio") && strlen(name) > strlen(".fio")) {
        name[strlen(name) - strlen(".fio")] = '\0';
    }
    return name;
}

static gboolean add_case(Suite *suite, const char *file, GError **error)
{
    Case *kase = g_new0(Case, 1);

    kase->name = case_name(file);
    kase->job_file = g_strdup(file);
    kase->options = g_new0(char *, 1);
    g_ptr_array_add(suite->cases, kase);
    for (guint i = 0; i + 1 < suite->cases->len; i++) {
        const Case *other = g_ptr_array_index(suite->cases, i);

        if (g_str_equal(other->name, kase->name)) {
            g_set_error(error, OPTIONS_ERROR, 0, "%s and %s have the same name: rename one",
                        other->job_file, file);
            return FALSE;
        }
    }
    return TRUE;
}

/* The arms --a, --b, ...; the cases of the job files; and what sweeps make of both. */
static gboolean fill(Suite *suite, const Options *options, GError **error)
{
    gboolean ok = add_arms(suite, options, error);

    for (guint i = 0; i < options->files->len && ok; i++) {
        ok = add_case(suite, g_ptr_array_index(options->files, i), error);
    }
    for (guint i = 0; i < options->sweeps->len && ok; i++) {
        ok = sweep_apply(suite->arms, suite->cases, g_ptr_array_index(options->sweeps, i), error);
    }
    suite->rounds = options->pairs ? options->pairs : DEFAULT_PAIRS;
    return ok;
}

static Suite *plan(const Options *options, GError **error)
{
    char *name;
    Suite *suite;

    if (options->files->len == 0) {
        g_set_error(error, OPTIONS_ERROR, 0,
                    "no job file: qaio-compare run JOB.fio --a libaio --b external:./libqaio.so");
        return NULL;
    }
    name =
        options->suite ? g_strdup(options->suite) : case_name(g_ptr_array_index(options->files, 0));
    suite = suite_new(name);
    g_free(name);
    if (!store_name_fits(suite->name, error) || !fill(suite, options, error)) {
        g_clear_pointer(&suite, suite_free);
    }
    return suite;
}

static int run(Options *options)
{
    GError *error = NULL;
    Suite *suite = plan(options, &error);
    char *folder = NULL;
    int status;

    if (suite) {
        interrupt_catch();
        folder = measure(suite, options, NULL, NULL, &error);
    }
    if (folder) {
        status = command_conclude(suite, options, folder, NULL, error);
        command_say(options, "kept in %s\n", folder);
    } else {
        status = command_fail(error, STATUS_USAGE);
    }
    g_free(folder);
    suite_free(suite);
    return status;
}

int command_run(char *const *argv)
{
    return command_with_options(
        argv, "JOB.fio... [--a ENGINE] --b ENGINE - run jobs on two engines or more, and compare",
        "Runs each job file on every arm, in an order that drift of the machine weighs on alike, "
        "and says\nwhich is faster, or that nobody can tell.",
        OPTIONS_MEASURE | OPTIONS_ARMS | OPTIONS_STORE | OPTIONS_JUDGE, run);
}

static int run_self_check(Options *options)
{
    options->self_check = TRUE;
    return run(options);
}

int command_self_check(char *const *argv)
{
    return command_with_options(
        argv, "JOB.fio... [--a ENGINE] - compare an engine with itself",
        "Runs each job file twice a round on the same engine, and says how small a difference "
        "could be seen\non this machine now.",
        OPTIONS_MEASURE | OPTIONS_ARMS | OPTIONS_STORE | OPTIONS_JUDGE, run_self_check);
}
