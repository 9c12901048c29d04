/*
 * Options as text: where the name ends, and which commas separate.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "option.h"
#include <string.h>

gsize option_name_length(const char *text)
{
    gsize n = 0;

    while (g_ascii_isalnum(text[n]) || text[n] == '_') {
        n++;
    }
    return text[n] == '=' && text[n + 1] ? n : 0;
}

/* Whether @text is "@name=..." */
static gboolean is_option(const char *text, const char *name)
{
    gsize n = strlen(name);

    return strncmp(text, name, n) == 0 && text[n] == '=';
}

const char *options_get(char *const *options, const char *name)
{
    for (; *options; options++) {
        if (is_option(*options, name)) {
            return *options + strlen(name) + 1;
        }
    }
    return NULL;
}

gboolean option_fits_a_line(const char *text)
{
    for (; *text; text++) {
        if (*text == ';' || *text == '#' || g_ascii_iscntrl(*text)) {
            return FALSE;
        }
    }
    return TRUE;
}

GPtrArray *option_split(const char *text)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    GString *part = g_string_new(NULL);

    for (; *text; text++) {
        if (*text == ',') {
            g_ptr_array_add(parts, g_string_free(part, FALSE));
            part = g_string_new(NULL);
        } else {
            text += *text == '\\' && text[1] == ',';
            g_string_append_c(part, *text);
        }
    }
    g_ptr_array_add(parts, g_string_free(part, FALSE));
    return parts;
}

char *option_for_people(const char *text)
{
    char *line = g_strdup(text);

    for (char *p = line; *p; p++) {
        if (g_ascii_iscntrl(*p)) {
            *p = '?';
        }
    }
    return line;
}
