/*
 * Sweeps: of one arm or case comes one for each value of an option.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "arm.h"
#include "option.h"
#include <string.h>

static gboolean fail(GError **error, const char *sweep, const char *why)
{
    g_autofree char *shown = option_for_people(sweep);

    g_set_error(error, ARM_ERROR, 0, "--sweep '%s': %s", shown, why);
    return FALSE;
}

/* @options with @option behind them. */
static char **options_with(char *const *options, const char *option)
{
    guint n = g_strv_length((char **)options);
    char **all = g_new0(char *, n + 2);

    for (guint i = 0; i < n; i++) {
        all[i] = g_strdup(options[i]);
    }
    all[n] = g_strdup(option);
    return all;
}

/* What a sweep multiplies: arms or cases. */
typedef struct Multiplied {
    GPtrArray *items;
    gboolean (*takes)(gconstpointer item); /* others stay as they are */
    char *const *(*options)(gconstpointer item);
    gpointer (*at_point)(gconstpointer item, const char *option);
} Multiplied;

static gboolean arm_takes(gconstpointer item)
{
    return arm_is_qaio(item);
}

static char *const *arm_options(gconstpointer item)
{
    return ((const Arm *)item)->options;
}

static gpointer arm_at_point(gconstpointer item, const char *option)
{
    const Arm *arm = item;
    Arm *point = arm_copy(arm);

    g_free(point->name);
    g_free(point->spec);
    g_strfreev(point->options);
    point->name = g_strdup_printf("%s %s", arm->name, option);
    point->spec = g_strdup_printf("%s,%s", arm->spec, option);
    point->options = options_with(arm->options, option);
    return point;
}

static gboolean case_takes(gconstpointer item)
{
    return item != NULL;
}

static char *const *case_options(gconstpointer item)
{
    return ((const Case *)item)->options;
}

static gpointer case_at_point(gconstpointer item, const char *option)
{
    const Case *kase = item;
    Case *point = case_copy(kase);

    g_free(point->name);
    g_strfreev(point->options);
    point->name = g_strdup_printf("%s %s", kase->name, option);
    point->options = options_with(kase->options, option);
    return point;
}

/* Why @name cannot be swept over these; NULL: it can. */
static const char *complaint(const Multiplied *m, const char *name)
{
    gboolean any = FALSE;

    for (guint i = 0; i < m->items->len; i++) {
        gconstpointer item = m->items->pdata[i];

        if (m->takes(item)) {
            any = TRUE;
            if (options_get(m->options(item), name)) {
                return "the option is set already, by an arm or another sweep";
            }
        }
    }
    return any ? NULL : "no arm has qaio's engine, whose option this is";
}

static void multiply(const Multiplied *m, char *const *points)
{
    guint n = g_strv_length((char **)points);

    for (guint i = 0; i < m->items->len;) {
        gconstpointer item = m->items->pdata[i];

        if (!m->takes(item)) {
            i++;
            continue;
        }
        for (guint j = 0; j < n; j++) {
            g_ptr_array_insert(m->items, i + 1 + j, m->at_point(item, points[j]));
        }
        g_ptr_array_remove_index(m->items, i);
        i += n;
    }
}

/* "NAME=V1,V2" as "NAME=V1", "NAME=V2"; NULL with @error set when it is something else. */
static char **parse_points(const char *sweep, GError **error)
{
    gsize n = option_name_length(sweep);
    g_autoptr(GPtrArray) values = option_split(n ? sweep + n + 1 : "");
    g_auto(GStrv) points = g_new0(char *, values->len + 1);

    for (guint i = 0; i < values->len; i++) {
        const char *value = values->pdata[i];

        if (!*value || !option_fits_a_line(value)) {
            fail(error, sweep, "a sweep is NAME=VALUE,VALUE,...");
            return NULL;
        }
        points[i] = g_strdup_printf("%.*s=%s", (int)n, sweep, value);
        for (guint j = 0; j < i; j++) {
            if (g_str_equal(points[i], points[j])) {
                fail(error, sweep, "a value is there twice");
                return NULL;
            }
        }
    }
    return g_steal_pointer(&points);
}

/* What the arms, or --device, are about. */
static gboolean is_reserved(const char *name)
{
    static const char *const reserved[] = { "ioengine", "filename", "directory", "opendir", NULL };

    return g_strv_contains(reserved, name);
}

gboolean sweep_apply(GPtrArray *arms, GPtrArray *cases, const char *sweep, GError **error)
{
    const Multiplied of_arms = { arms, arm_takes, arm_options, arm_at_point };
    const Multiplied of_cases = { cases, case_takes, case_options, case_at_point };
    g_auto(GStrv) points = parse_points(sweep, error);
    g_autofree char *name = g_strndup(sweep, option_name_length(sweep));
    const Multiplied *m = g_str_has_prefix(name, "qaio_") ? &of_arms : &of_cases;
    const char *why;

    if (!points) {
        return FALSE;
    }
    why =
        is_reserved(name) ? "not to be swept: arms and --device are for that" : complaint(m, name);
    if (why) {
        return fail(error, sweep, why);
    }
    multiply(m, points);
    return TRUE;
}
