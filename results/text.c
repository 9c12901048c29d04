/*
 * What programs print, for messages of one line: no line ends, no control characters, not too long.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "text.h"
#include <string.h>

/* Appends the line from @p to @end, blanks squeezed. */
static void append_line(GString *out, const char *p, const char *end)
{
    gboolean blank = FALSE, started = FALSE;

    for (; p < end; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (g_unichar_isspace(c) || !g_unichar_isprint(c)) {
            blank = TRUE;
            continue;
        }
        if (!started && out->len > 0) {
            g_string_append(out, "; ");
        } else if (started && blank) {
            g_string_append_c(out, ' ');
        }
        started = TRUE;
        blank = FALSE;
        g_string_append_unichar(out, c);
    }
}

/* Cuts @out to @max bytes at a character's end. */
static void shorten(GString *out, gsize max)
{
    static const char dots[] = "...";
    gsize at = max > strlen(dots) ? max - strlen(dots) : 0;

    if (out->len > max) {
        while (at > 0 && (out->str[at] & 0xc0) == 0x80) {
            at--;
        }
        g_string_truncate(out, at);
        g_string_append(out, dots);
    }
}

char *text_one_line(const char *text, gsize length, gsize max)
{
    /* much more than @max cannot show up, so that a long text costs nothing */
    char *valid = g_utf8_make_valid(text, MIN(length, 16 * max));
    GString *out = g_string_new(NULL);

    for (const char *p = valid; *p && out->len <= max;) {
        const char *end = p + strcspn(p, "\r\n");

        append_line(out, p, end);
        p = *end ? end + 1 : end;
    }
    shorten(out, max);
    g_free(valid);
    return g_string_free(out, FALSE);
}
