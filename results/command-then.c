/*
 * Two sets of runs of different times: whether they may be compared, and how that is said.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command-then.h"
#include <string.h>
#include "fingerprint.h"
#include "then-now.h"

gboolean command_may_compare(const Suite *then, const Suite *now, const Options *options,
                             GError **error)
{
    char *difference = fingerprint_difference(then->manifest, now->manifest);

    if (difference && !options->across_hosts) {
        g_set_error(error, OPTIONS_ERROR, 0,
                    "not measured with the same things, so not comparable (--across-hosts compares "
                    "nevertheless): %s",
                    difference);
        g_free(difference);
        return FALSE;
    }
    g_free(difference);
    return TRUE;
}

static void note_difference(const Suite *then, const Suite *now, GPtrArray *notes)
{
    char *difference = fingerprint_difference(then->manifest, now->manifest);

    if (difference) {
        g_ptr_array_add(notes,
                        g_strdup_printf("not measured with the same things: %s", difference));
    }
    g_free(difference);
}

static int conclude(const Suite *then, const Suite *now, const Options *options, const char *folder,
                    GPtrArray *notes, GError *problem)
{
    char **arms = g_strsplit(options->arm ? options->arm : "", ":", 2);
    GError *error = NULL;
    Suite *both = then_now(then, now, arms[0], arms[0] ? arms[1] : NULL, notes, &error);
    int status;

    if (both) {
        status = command_conclude(both, options, folder, notes, problem);
    } else {
        g_clear_error(&problem);
        status = command_fail(error, STATUS_NOT_COMPARABLE);
    }
    suite_free(both);
    g_strfreev(arms);
    return status;
}

int command_then_now(const Suite *then, const Suite *now, const Options *options,
                     const char *folder, GError *problem)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    int status;

    if (command_may_compare(then, now, options, &error)) {
        note_difference(then, now, notes);
        status = conclude(then, now, options, folder, notes, problem);
    } else {
        g_clear_error(&problem);
        status = command_fail(error, STATUS_NOT_COMPARABLE);
    }
    g_ptr_array_unref(notes);
    return status;
}
