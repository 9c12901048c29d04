/*
 * JSON from files and programs that may have written anything: looked over before it is parsed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json-glib's parser calls itself for each level of nesting, makes some hundred bytes for each
 * value, and looks through all members for one that comes again; and it takes comments and other
 * things for JSON that are none. So a text is walked through once by its brackets, commas and
 * strings. What stays within the limits goes to the parser, which decides what is JSON. That the
 * walk sees the same brackets as the parser does follows from what it lets pass outside strings:
 * nothing that begins a comment or another kind of string.
 *
 * The parser takes thousands of instructions for each value and hundreds for each blank. So it gets
 * a text without blanks, and without the tables of counts, which are most of what fio writes: the
 * walk reads these itself and leaves the table's number in their place.
 */
#include "untrusted-json.h"
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include "text.h"

/* fio nests six deep, has some thirty containers and 1,856 bins at most per kind of latency. */
#define MAX_DEPTH      32
#define MAX_CONTAINERS 65536
#define MAX_VALUES     (1 << 20)
#define MAX_MEMBERS    4096

#define MAX_SAID 400

GQuark untrusted_json_error_quark(void)
{
    return g_quark_from_static_string("untrusted-json");
}

typedef struct Walk {
    const char *p, *end;
    GString *out;      /* what the parser gets */
    GPtrArray *tables; /* NULL: tables are objects like others */
    guint depth, containers, values;
    guint members[MAX_DEPTH + 1]; /* commas at each depth; in arrays none are counted */
    bool object[MAX_DEPTH + 1];
} Walk;

/* The first '{' that begins a line, or NULL. */
static const char *find_start(const char *p, const char *end)
{
    while (p && p < end && *p != '{') {
        p = memchr(p, '\n', end - p);
        p = p ? p + 1 : NULL;
    }
    return p < end ? p : NULL;
}

/* From the opening quote to behind the closing one. */
static void copy_string(Walk *w)
{
    const char *start = w->p;

    for (w->p++; w->p < w->end && *w->p != '"'; w->p++) {
        if (*w->p == '\\') {
            w->p++;
        }
    }
    w->p++;
    if (w->p <= w->end) {
        g_string_append_len(w->out, start, w->p - start);
    }
}

static void skip_blanks(const char **p, const char *end)
{
    while (*p < end && g_ascii_isspace(**p)) {
        (*p)++;
    }
}

/* Behind @c and the blanks around it, if it is the next character. */
static bool accept(const char **p, const char *end, char c)
{
    skip_blanks(p, end);
    if (*p == end || **p != c) {
        return false;
    }
    (*p)++;
    skip_blanks(p, end);
    return true;
}

/* Digits, no more than are sure to fit. */
static bool accept_number(const char **p, const char *end, guint64 *number)
{
    const char *start = *p;

    for (*number = 0; *p < end && g_ascii_isdigit(**p) && *p - start < 18; (*p)++) {
        *number = *number * 10 + (**p - '0');
    }
    return *p > start;
}

/* What is in the object before @p if that is a table of counts, {"1280": 5, "1296": 17}; else NULL,
 * and the parser shall see. */
static Histogram *accept_table(Walk *w, const char **p)
{
    Histogram *table = histogram_new();
    guint64 name, count;

    do {
        if (!accept(p, w->end, '"') || !accept_number(p, w->end, &name) ||
            !accept(p, w->end, '"') || !accept(p, w->end, ':') ||
            !accept_number(p, w->end, &count) || ++w->values > MAX_VALUES) {
            histogram_free(table);
            return NULL;
        }
        histogram_add(table, name, count);
    } while (accept(p, w->end, ','));
    if (!accept(p, w->end, '}')) {
        histogram_free(table);
        return NULL;
    }
    return table;
}

/* At a '{': whether that was a table, and is behind the walk now. */
static bool take_table(Walk *w)
{
    const char *p = w->p + 1;
    Histogram *table = w->tables ? accept_table(w, &p) : NULL;

    if (table) {
        g_string_append_printf(w->out, "{\"\":%u}", w->tables->len);
        g_ptr_array_add(w->tables, table);
        w->p = p;
    }
    return table;
}

static const char *open_container(Walk *w, bool object)
{
    if (w->depth == MAX_DEPTH) {
        return "it is nested too deep";
    }
    if (++w->containers > MAX_CONTAINERS) {
        return "it has too many objects";
    }
    w->depth++;
    w->object[w->depth] = object;
    w->members[w->depth] = 0;
    return NULL;
}

static const char *count_comma(Walk *w)
{
    if (++w->values > MAX_VALUES) {
        return "it has too many values";
    }
    if (w->object[w->depth] && ++w->members[w->depth] > MAX_MEMBERS) {
        return "an object in it has too many members";
    }
    return NULL;
}

/* Behind the next character, string or table; why not, if it must not be there. */
static const char *step(Walk *w)
{
    char c = *w->p;
    const char *wrong = NULL;

    if (c == '"') {
        copy_string(w);
        return NULL;
    }
    if (c == '{' || c == '[') {
        wrong = open_container(w, c == '{');
        if (!wrong && c == '{' && take_table(w)) {
            w->depth--;
            return NULL;
        }
    } else if (c == '}' || c == ']') {
        w->depth--;
    } else if (c == ',') {
        wrong = count_comma(w);
    } else if (!g_ascii_isalnum(c) && !g_ascii_isspace(c) && (!c || !strchr(":+-.", c))) {
        wrong = "it is no JSON";
    }
    if (!g_ascii_isspace(c)) {
        g_string_append_c(w->out, c);
    }
    w->p++;
    return wrong;
}

/* Walks to the end of the object that begins at w->p; why it cannot, if it cannot. */
static const char *walk(Walk *w)
{
    const char *wrong;

    do {
        wrong = step(w);
    } while (!wrong && w->depth > 0 && w->p < w->end);
    return wrong ?: w->depth > 0 || w->p > w->end ? "it is cut short" : NULL;
}

void untrusted_json_explain(GError **error, const char *text, gsize length)
{
    const char *start = length > 0 ? find_start(text, text + length) : NULL;
    char *said = length > 0 ? text_one_line(text, start ? (gsize)(start - text) : length, MAX_SAID)
                            : g_strdup("");

    if (error && *said) {
        char *message = g_strdup_printf("%s; before it: %s", (*error)->message, said);

        g_free((*error)->message);
        (*error)->message = message;
    }
    g_free(said);
}

/* What the parser makes of it; NULL and the reason in @wrong, which is the caller's. */
static JsonObject *parse_object(const GString *text, char **wrong)
{
    JsonParser *parser = json_parser_new();
    JsonObject *object = NULL;
    GError *error = NULL;

    if (json_parser_load_from_data(parser, text->str, text->len, &error)) {
        object = json_object_ref(json_node_get_object(json_parser_get_root(parser)));
    } else {
        char *why = text_one_line(error->message, strlen(error->message), MAX_SAID);

        *wrong = g_strdup_printf("it is no JSON (%s)", why);
        g_free(why);
        g_error_free(error);
    }
    g_object_unref(parser);
    return object;
}

/* The object at @start; NULL and the reason in @wrong, which is the caller's. */
static JsonObject *read_object(const char *start, const char *end, GPtrArray *tables, char **wrong)
{
    Walk w = { .p = start, .end = end, .out = g_string_sized_new(4096), .tables = tables };
    const char *why = walk(&w);
    JsonObject *object = NULL;

    if (!why && find_start(memchr(w.p, '\n', end - w.p), end)) {
        why = "there is more than one result in it";
    }
    if (why) {
        *wrong = g_strdup(why);
    } else {
        object = parse_object(w.out, wrong);
    }
    g_string_free(w.out, TRUE);
    return object;
}

JsonObject *untrusted_json_parse(const char *text, gsize length, GPtrArray *tables, GError **error)
{
    const char *start = length > 0 ? find_start(text, text + length) : NULL;
    char *wrong = NULL;
    JsonObject *object = NULL;

    if (length > UNTRUSTED_JSON_MAX_BYTES) {
        wrong = g_strdup("it is larger than 64 MiB");
    } else if (!start) {
        wrong = g_strdup(length > 0 ? "there is no JSON in it" : "it is empty");
    } else {
        object = read_object(start, text + length, tables, &wrong);
    }
    if (!object) {
        g_set_error_literal(error, UNTRUSTED_JSON_ERROR, 0, wrong);
        g_free(wrong);
    }
    return object;
}

const Histogram *untrusted_json_table(JsonObject *object, const GPtrArray *tables)
{
    JsonNode *number = json_object_get_member(object, "");
    gint64 i = number && JSON_NODE_HOLDS_VALUE(number) ? json_node_get_int(number) : -1;

    return i >= 0 && i < tables->len ? g_ptr_array_index(tables, i) : NULL;
}

char *untrusted_json_text(const char *path, gsize *length, GError **error)
{
    struct stat st;
    char *text;
    bool known = g_stat(path, &st) == 0; /* if not, reading it says why */

    if (known && (!S_ISREG(st.st_mode) || st.st_size > UNTRUSTED_JSON_MAX_BYTES)) {
        g_set_error(error, UNTRUSTED_JSON_ERROR, 0, "it is %s",
                    S_ISREG(st.st_mode) ? "larger than 64 MiB" : "no regular file");
        return NULL;
    }
    return g_file_get_contents(path, &text, length, error) ? text : NULL;
}

JsonObject *untrusted_json_load(const char *path, GError **error)
{
    gsize length;
    char *text = untrusted_json_text(path, &length, error);
    JsonObject *object = text ? untrusted_json_parse(text, length, NULL, error) : NULL;

    if (!object) {
        g_prefix_error(error, "%s cannot be read: ", path);
    }
    g_free(text);
    return object;
}
