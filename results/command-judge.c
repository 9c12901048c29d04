/*
 * qaio-compare judge: stored sets of runs, judged once more or against each other.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command.h"
#include <string.h>
#include "command-then.h"
#include "store.h"

static int judge_one(const Options *options, const char *folder)
{
    GError *error = NULL;
    Suite *suite = store_load(folder, &error);
    int status = suite ? command_conclude(suite, options, NULL, NULL, NULL)
                       : command_fail(error, STATUS_USAGE);

    suite_free(suite);
    return status;
}

static int judge_two(const Options *options, const char *before, const char *after)
{
    GError *error = NULL;
    Suite *then = store_load(before, &error);
    Suite *now = then ? store_load(after, &error) : NULL;
    int status =
        now ? command_then_now(then, now, options, NULL, NULL) : command_fail(error, STATUS_USAGE);

    suite_free(now);
    suite_free(then);
    return status;
}

static int judge_files(Options *options)
{
    const GPtrArray *files = options->files;
    GError *error = NULL;

    if (files->len == 1 && !options->arm) {
        return judge_one(options, g_ptr_array_index(files, 0));
    }
    if (files->len == 2) {
        return judge_two(options, g_ptr_array_index(files, 0), g_ptr_array_index(files, 1));
    }
    g_set_error(&error, OPTIONS_ERROR, 0,
                files->len == 1 ? "--arm is for two folders"
                                : "judge takes one folder of stored runs, or two");
    return command_fail(error, STATUS_USAGE);
}

int command_judge(char *const *argv)
{
    return command_with_options(
        argv, "DIR [DIR] - judge stored runs",
        "With one folder its arms are compared again. With two the second is held against the "
        "first.",
        OPTIONS_JUDGE | OPTIONS_THEN, judge_files);
}
