/*
 * What programs print, for messages of one line.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_TEXT_H
#define RESULTS_TEXT_H

#include <glib.h>

/* @text on one line of at most @max bytes, "..." at the end of what was longer: lines joined by
 * "; ", control characters gone, valid UTF-8 whatever came in. The caller frees it. */
char *text_one_line(const char *text, gsize length, gsize max);

#endif
