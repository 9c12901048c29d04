/*
 * Arms from the command line.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is taken here ends up as lines of a fio job file. An option has a value, because fio takes
 * the flag "thread" and "thread=1" for the same but tells them apart when it reports.
 */
#include "arm.h"
#include "option.h"
#include <string.h>

#define EXTERNAL "external:"

G_DEFINE_QUARK(qaio - arm - error, arm_error)

static gboolean fail(const Arm *arm, const char *what, const char *why, GError **error)
{
    g_autofree char *shown = option_for_people(what);

    g_set_error(error, ARM_ERROR, 0, "--%s: '%s': %s", arm->name, shown, why);
    return FALSE;
}

static gboolean is_one_of(const char *option, const char *const *names)
{
    g_autofree char *name = g_strndup(option, option_name_length(option));

    return g_strv_contains(names, name);
}

/* What is wrong with @option in @arm, whose options before it are there; NULL: nothing. */
static const char *complaint(const Arm *arm, const char *option)
{
    /* What the arm's engine itself, or --device, is about. */
    static const char *const reserved[] = { "ioengine", "filename", "directory", "opendir", NULL };
    static const char *const of_qemu_img[] = { "aio", "cache", NULL };
    g_autofree char *name = g_strndup(option, option_name_length(option));

    if (!*name) {
        return "options are NAME=VALUE";
    }
    if (!option_fits_a_line(option)) {
        return "a job file cannot hold ';', '#' and control characters";
    }
    if (is_one_of(option, reserved)) {
        return "not an arm's: the engine comes first, and --device names the device";
    }
    if (arm->kind == ARM_QEMU_IMG && !is_one_of(option, of_qemu_img)) {
        return "qemu-img has only aio= and cache=";
    }
    return options_get(arm->options, name) ? "given twice" : NULL;
}

static gboolean set_options(Arm *arm, GPtrArray *parts, GError **error)
{
    arm->options = g_new0(char *, parts->len);
    for (guint i = 1; i < parts->len; i++) {
        const char *option = parts->pdata[i];
        const char *why = complaint(arm, option);

        if (why) {
            return fail(arm, option, why, error);
        }
        arm->options[i - 1] = g_strdup(option);
    }
    return TRUE;
}

const char *arm_library(const char *engine)
{
    return engine && g_str_has_prefix(engine, EXTERNAL) ? engine + strlen(EXTERNAL) : NULL;
}

static gboolean set_library(Arm *arm, const char *path, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);

    if (!g_file_test(absolute, G_FILE_TEST_IS_REGULAR)) {
        return fail(arm, path, "no such engine: build it first (./configure && make)", error);
    }
    arm->engine = g_strconcat(EXTERNAL, absolute, NULL);
    return TRUE;
}

static gboolean set_engine(Arm *arm, const char *engine, GError **error)
{
    const char *library = arm_library(engine);

    if (!*engine || strchr(engine, '=')) {
        return fail(arm, engine, "an arm begins with an engine, like libaio or libqaio.so's path",
                    error);
    }
    if (!option_fits_a_line(engine)) {
        return fail(arm, engine, "a job file cannot hold ';', '#' and control characters", error);
    }
    if (g_str_equal(engine, "qemu-img")) {
        arm->kind = ARM_QEMU_IMG;
        return TRUE;
    }
    if (library || strchr(engine, '/')) {
        return set_library(arm, library ? library : engine, error);
    }
    arm->engine = g_strdup(engine);
    return TRUE;
}

Arm *arm_parse(const char *name, const char *spec, GError **error)
{
    g_autoptr(GPtrArray) parts = option_split(spec);
    Arm *arm = g_new0(Arm, 1);

    arm->name = g_strdup(name);
    arm->spec = g_strdup(spec);
    if (set_engine(arm, parts->pdata[0], error) && set_options(arm, parts, error)) {
        return arm;
    }
    arm_free(arm);
    return NULL;
}

gboolean arm_is_qaio(const Arm *arm)
{
    const char *library = arm_library(arm->engine);
    g_autofree char *file = library ? g_path_get_basename(library) : NULL;

    return file && strstr(file, "qaio");
}
