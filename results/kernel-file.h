/*
 * Small files of the kernel's, in /proc and /sys. SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_KERNEL_FILE_H
#define RESULTS_KERNEL_FILE_H

#include <json-glib/json-glib.h>

/* The file @path below @root; valid UTF-8. NULL when it cannot be read. The caller frees it. */
char *kernel_text(const char *root, const char *path);

/* Its first line without blanks around; NULL also when that is empty. */
char *kernel_line(const char *root, const char *path);

/* The same as the member @name of @object; null for NULL. */
void kernel_add_line(JsonObject *object, const char *name, const char *root, const char *path);

#endif
