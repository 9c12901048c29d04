/*
 * One process of fio.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fio writes its messages to stderr, and those of them that concern jobs also into the file of its
 * JSON. Most of what follows a wrong option is a lesson in options; what was wrong is said first.
 */
#include "fio-run.h"
#include <string.h>
#include "fio-json.h"

G_DEFINE_QUARK(qaio - fio - run - error, fio_run_error)

/* Lines that only follow from others, or that are not about what is wrong. */
static bool says_little(const char *line)
{
    static const char *const beginnings[] = {
        "fio: terminating on signal",
        "fio: failed to load engine",
        "fio: file:ioengines.c",
        "fio: job ",
        "Did you mean",
        "note: ",
    };

    if (g_str_has_prefix(line, "fio: job <")) {
        return false;
    }
    for (guint i = 0; i < G_N_ELEMENTS(beginnings); i++) {
        if (g_str_has_prefix(line, beginnings[i])) {
            return true;
        }
    }
    return *line == '\0';
}

/* How much a line says: the engine's own word is better than fio's, and fio's than the rest. */
static guint worth(const char *line)
{
    if (says_little(line)) {
        return 1;
    }
    if (g_str_has_prefix(line, "qaio: ")) {
        return 4;
    }
    return g_str_has_prefix(line, "fio: ") || g_str_has_prefix(line, "Bad option") ? 3 : 2;
}

char *fio_reason(const char *text)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
    const char *best = NULL;

    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (**line && (!best || worth(*line) > worth(best))) {
            best = *line;
        }
    }
    return best ? g_utf8_make_valid(best, -1) : NULL;
}

static GPtrArray *command_line(const FioRun *run)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    for (const char *const *word = run->before; word && *word; word++) {
        g_ptr_array_add(argv, g_strdup(*word));
    }
    g_ptr_array_add(argv, g_strdup(run->fio));
    if (run->read_only) {
        g_ptr_array_add(argv, g_strdup("--readonly"));
    }
    if (run->output) {
        g_ptr_array_add(argv, g_strdup("--output-format=json+"));
        g_ptr_array_add(argv, g_strdup_printf("--output=%s", run->output));
        g_ptr_array_add(argv, g_strdup("--eta=always"));
    }
    for (const char *const *option = run->options; *option; option++) {
        g_ptr_array_add(argv, g_strdup(*option));
    }
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* fio does not say on stderr that a file of a job could not be opened. */
static char *problem_of(const Process *process, const char *output)
{
    g_autofree char *how = process_problem(process);
    g_autofree char *why = how ? fio_reason(process->errors) : NULL;

    if (how && !why && output) {
        why = fio_json_failure(output);
    }
    if (!how || !why) {
        return how ? g_strdup_printf("fio: %s", how) : NULL;
    }
    return g_strdup_printf("%s%s (%s)", g_str_has_prefix(why, "fio: ") ? "" : "fio: ", why, how);
}

gboolean fio_run(FioRun *run, GError **error)
{
    g_autoptr(GPtrArray) argv = command_line(run);
    Process process = {
        .argv = (const char *const *)argv->pdata,
        .environment = run->environment,
        .limit = run->limit,
        .output = run->progress,
        .opaque = run->opaque,
    };

    if (!process_run(&process, error)) {
        g_prefix_error(error, "cannot run %s (Debian: apt-get install fio): ", run->fio);
        return FALSE;
    }
    run->seconds = process.seconds;
    run->interrupted = process.interrupted;
    run->problem = problem_of(&process, run->output);
    g_free(process.errors);
    return TRUE;
}

static void append(const char *text, gsize length, gpointer opaque)
{
    GString *to = opaque;

    if (to->len < 256) {
        g_string_append_len(to, text, length);
    }
}

char *fio_version(const char *fio, GError **error)
{
    static const char *const options[] = { "--version", NULL };
    GString *text = g_string_new(NULL);
    FioRun run = {
        .fio = fio, .options = options, .limit = 10, .progress = append, .opaque = text
    };
    gboolean good = fio_run(&run, error);

    g_strstrip(text->str);
    if (good && (run.problem || !g_str_has_prefix(text->str, "fio-"))) {
        g_set_error(error, FIO_RUN_ERROR, 0, "%s is not fio: %s", fio,
                    run.problem ? run.problem : "it does not say its version");
        good = FALSE;
    }
    g_free(run.problem);
    return g_string_free(text, !good);
}
