/*
 * Whether figures of two suites can be held side by side: what they were measured with and on, as a
 * short hash. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In it are the processor, how many there are, SMT, clock governor and turbo, the kernel, the
 * device's model, size and queue settings, the file system and its options, and fio with the hash
 * of its binary: a change of any of them moves figures by more than one looks for. Not in it are
 * the engine and its options, which is what one compares; names of host, device and file, so that
 * two machines of one make have one fingerprint; and the load. What is not known is a value like
 * any other.
 */
#ifndef RESULTS_FINGERPRINT_H
#define RESULTS_FINGERPRINT_H

#include <json-glib/json-glib.h>

/* Twelve hexadecimal digits for suite->manifest; the caller frees it. */
char *fingerprint_of(JsonObject *measured);

/* What differs, in one line: "kernel: 6.1.0-28 then, 6.1.0-30 now; ...". NULL when nothing that
 * counts does. The caller frees it. */
char *fingerprint_difference(JsonObject *then, JsonObject *now);

#endif
