/*
 * The device that runs are on: one on RAM that is made for them, or the user's.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not for several threads.
 */
#ifndef RESULTS_TARGET_H
#define RESULTS_TARGET_H

#include <glib.h>

typedef struct Target Target;

/*
 * A device of @size bytes (whole MiB) that is filled with data nobody can compress, the same each
 * time: a loop device with direct I/O on memory; where there is none, a zram device; else a file in
 * the current folder. NULL with @error set when not even that.
 *
 * Nothing of it stays behind when this process ends in whatever way, except a zram device or a file
 * after SIGKILL. Signals that end the process must not do so before target_remove(): see
 * interrupt.h, which target_make_ram() itself obeys (@error is then INTERRUPT_ERROR).
 */
Target *target_make_ram(guint64 size, GError **error);

/* Its path. */
const char *target_path(const Target *target);

/* What it is, for people, in one line: "a loop device on RAM". Says why when it is not that. */
const char *target_about(const Target *target);

/* Removes and frees it; NULL is fine. False with @error set when something keeps it in use. */
gboolean target_remove(Target *target, GError **error);

/*
 * Whether @device can be run on: a block device or file that is there and can be read; and, with
 * @write, that can be written and that no file system, RAID or swap holds.
 */
gboolean target_check(const char *device, gboolean write, GError **error);

/* Its size in bytes; 0 when it has gone. */
guint64 target_size(const char *device);

#define TARGET_ERROR (target_error_quark())
GQuark target_error_quark(void);

#endif
