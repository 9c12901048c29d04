/*
 * Pictures for a page, drawn by gnuplot as a child process.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The script goes to gnuplot in a file without a name: with a pipe, a program that does not read
 * would cost us a SIGPIPE. What gnuplot writes is a document with a prologue, a size, ids and
 * colours of its own; a page with several of them needs it without prologue, as wide as the page
 * lets it, with ids of each one's own, and in the page's colours.
 */
#include "plot.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define TIME_LIMIT 20 /* seconds */

G_DEFINE_QUARK(qaio - plot - error, plot_error)

char *plot_word(const char *text)
{
    GString *word = g_string_new("\"");

    for (const char *c = text; *c; c++) {
        g_string_append_c(word, g_ascii_isalnum(*c) || strchr(" ._:+/%-", *c) ? *c : '?');
        if (*c == '%') {
            g_string_append_c(word, '%'); /* a tic's label is a format */
        }
    }
    g_string_append_c(word, '"');
    return g_string_free(word, FALSE);
}

/* The child. */

typedef struct Conversation {
    GSubprocess *child;
    GBytes *out, *err;
    gboolean done, late;
    GError *error;
} Conversation;

static void communicated(GObject *source, GAsyncResult *result, gpointer data)
{
    Conversation *c = data;

    g_subprocess_communicate_finish(G_SUBPROCESS(source), result, &c->out, &c->err, &c->error);
    c->done = TRUE;
}

static gboolean time_is_up(gpointer data)
{
    Conversation *c = data;

    c->late = TRUE;
    g_subprocess_force_exit(c->child);
    return G_SOURCE_REMOVE;
}

/* In a loop of its own, so that nothing else of the program runs in between. */
static void communicate(Conversation *c)
{
    GMainContext *context = g_main_context_new();
    GSource *timer = g_timeout_source_new_seconds(TIME_LIMIT);

    g_main_context_push_thread_default(context);
    g_source_set_callback(timer, time_is_up, c, NULL);
    g_source_attach(timer, context);
    g_subprocess_communicate_async(c->child, NULL, NULL, communicated, c);
    while (!c->done) {
        g_main_context_iteration(context, TRUE);
    }
    g_source_destroy(timer);
    g_source_unref(timer);
    g_main_context_pop_thread_default(context);
    g_main_context_unref(context);
}

/* A file that holds @script, at its beginning; -1 with @error set. */
static int script_file(const char *script, GError **error)
{
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("qaio-compare-XXXXXX", &name, error);
    gsize length = strlen(script);

    if (fd < 0) {
        return -1;
    }
    g_unlink(name);
    if (write(fd, script, length) != (gssize)length || lseek(fd, 0, SEEK_SET) != 0) {
        g_set_error(error, PLOT_ERROR, 0, "no room for a script in %s", g_get_tmp_dir());
        close(fd);
        return -1;
    }
    return fd;
}

static GSubprocess *start(const char *gnuplot, const char *script, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    int fd = script_file(script, error);

    if (fd < 0) {
        return NULL;
    }
    g_subprocess_launcher_take_stdin_fd(launcher, fd);
    g_subprocess_launcher_setenv(launcher, "LC_ALL", "C", TRUE);
    /* -d: whatever the user has in ~/.gnuplot is not for this. */
    return g_subprocess_launcher_spawn(launcher, error, gnuplot, "-d", NULL);
}

/* Bytes that are none have no address either. */
static char *as_string(GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    return g_strndup(length ? data : "", length);
}

/* The last line of what it said, which is where gnuplot says what was wrong. */
static char *last_line(GBytes *err)
{
    g_autofree char *all = as_string(err);
    char *line;

    g_strchomp(all);
    line = strrchr(all, '\n');
    return g_strstrip(g_strdup(line ? line + 1 : all));
}

static char *result_of(Conversation *c, const char *gnuplot, GError **error)
{
    if (c->error) {
        g_propagate_error(error, g_steal_pointer(&c->error));
        return NULL;
    }
    if (c->late) {
        g_set_error(error, PLOT_ERROR, 0, "%s took longer than %d seconds", gnuplot, TIME_LIMIT);
        return NULL;
    }
    if (!g_subprocess_get_successful(c->child)) {
        g_autofree char *why = last_line(c->err);

        g_set_error(error, PLOT_ERROR, 0, "%s failed%s%s", gnuplot, *why ? ": " : "", why);
        return NULL;
    }
    return as_string(c->out);
}

static char *run_gnuplot(const char *gnuplot, const char *script, GError **error)
{
    Conversation c = { .child = start(gnuplot, script, error) };
    char *svg;

    if (!c.child) {
        return NULL;
    }
    communicate(&c);
    svg = result_of(&c, gnuplot, error);
    g_clear_error(&c.error);
    g_clear_pointer(&c.out, g_bytes_unref);
    g_clear_pointer(&c.err, g_bytes_unref);
    g_object_unref(c.child);
    return svg;
}

/* What it drew. */

/* Takes @text. */
static char *replace(char *text, const char *pattern, const char *by)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOTALL, 0, NULL);
    char *result = g_regex_replace(regex, text, -1, 0, by, 0, NULL);

    g_free(text);
    return result;
}

/* Takes @body. */
static char *with_own_ids(char *body, const char *id)
{
    g_autofree char *as_id = g_strdup_printf("id=\"%s-\\2\"", id);
    g_autofree char *as_link = g_strdup_printf("href=\"#%s-\\2\"", id);

    body = replace(body, "\\bid=(['\"])([^'\"]*)\\1", as_id);
    return replace(body, "(?:xlink:)?href=(['\"])#([^'\"]*)\\1", as_link);
}

/* Takes @body. */
static char *with_colours_of_page(char *body)
{
    body = replace(body, "rgb\\( *0, *1, *0\\)", "var(--ink)");
    body = replace(body, "rgb\\( *0, *1, *1\\)", "var(--grid)");
    return replace(body, "rgb\\( *0, *2, *([0-7])\\)", "var(--arm\\1)");
}

/* What lies within the outermost element, cleaned up; NULL when there is none. */
static char *body_of(const char *document)
{
    const char *open = strstr(document, "<svg");
    const char *begin = open ? strchr(open, '>') : NULL;
    const char *end = begin ? g_strrstr(begin, "</svg>") : NULL;
    char *body;

    if (!end) {
        return NULL;
    }
    body = g_utf8_make_valid(begin + 1, end - begin - 1);
    body = replace(body, "<(title|desc|filter)\\b.*?</\\1>", "");
    body = replace(body, " font-family=(['\"])[^'\"]*\\1", "");
    return replace(body, "<g [^>]*>\\s*</g>\\s*", "");
}

/* The viewBox of gnuplot's document, which has the size that the script chose. */
static char *view_box(const char *document)
{
    g_autoptr(GRegex) regex = g_regex_new("viewBox=\"([0-9. ]+)\"", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    return g_regex_match(regex, document, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
}

char *plot_svg(const char *gnuplot, const char *script, const char *id, const char *label,
               GError **error)
{
    g_autofree char *document = run_gnuplot(gnuplot, script, error);
    g_autofree char *body = NULL, *box = NULL, *escaped = NULL;

    if (!document) {
        return NULL;
    }
    body = body_of(document);
    box = view_box(document);
    if (!body || !box) {
        g_set_error(error, PLOT_ERROR, 0, "%s drew nothing", gnuplot);
        return NULL;
    }
    body = with_colours_of_page(with_own_ids(g_steal_pointer(&body), id));
    escaped = g_markup_escape_text(label, -1);
    return g_strdup_printf("<svg viewBox=\"%s\" role=\"img\" aria-label=\"%s\">%s</svg>", box,
                           escaped, body);
}
