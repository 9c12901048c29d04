/*
 * Small files of the kernel's. SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "kernel-file.h"
#include <string.h>
#include "json-member.h"

char *kernel_text(const char *root, const char *path)
{
    char *file = g_strconcat(root, path, NULL), *text = NULL, *valid = NULL;

    if (g_file_get_contents(file, &text, NULL, NULL)) {
        valid = g_utf8_make_valid(text, -1);
    }
    g_free(text);
    g_free(file);
    return valid;
}

char *kernel_line(const char *root, const char *path)
{
    char *text = kernel_text(root, path);

    if (text) {
        text[strcspn(text, "\n")] = '\0';
        g_strstrip(text);
        if (*text == '\0') {
            g_clear_pointer(&text, g_free);
        }
    }
    return text;
}

void kernel_add_line(JsonObject *object, const char *name, const char *root, const char *path)
{
    char *line = kernel_line(root, path);

    json_add_string(object, name, line);
    g_free(line);
}
