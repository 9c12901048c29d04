/*
 * Arms from the command line: ENGINE[,OPTION=VALUE...], and how a sweep multiplies them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_ARM_H
#define RESULTS_ARM_H

#include "suite.h"

/* "libaio", "external:./libqaio.so,qaio_merge=off", "qemu-img,aio=native". An external engine's
 * file must be there. NULL with @error set otherwise. */
Arm *arm_parse(const char *name, const char *spec, GError **error);

/* A point of a sweep, "NAME=V1,V2,...": an engine's own option (its name begins with "qaio_") makes
 * several arms of each arm of that engine, any other several cases of each case. */
gboolean sweep_apply(GPtrArray *arms, GPtrArray *cases, const char *sweep, GError **error);

#endif
