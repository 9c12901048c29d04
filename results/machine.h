/*
 * The machine and the device that figures were measured on: what moves them, as far as it can be
 * known. SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_MACHINE_H
#define RESULTS_MACHINE_H

#include <json-glib/json-glib.h>

/*
 * All of these give an object that the caller unrefs; what cannot be known is null in it. @root is
 * where /proc and /sys are found: "" on a machine, a folder in a test.
 */

/* Processor, clock, kernel, memory, load. */
JsonObject *machine_describe(const char *root);

/* The device or file at @path, which may be NULL: then all is null. @kind is what made it ("loop",
 * "zram"), or NULL: it was there. */
JsonObject *target_describe(const char *root, const char *path, const char *kind);

#endif
