/*
 * Arms from the command line: ENGINE[,OPTION=VALUE...], and how a sweep multiplies them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_ARM_H
#define RESULTS_ARM_H

#include "suite.h"

/*
 * "libaio", "external:./libqaio.so,qaio_merge=off", "qemu-img,aio=native". A comma that belongs to
 * a value is written "\,". An external engine's file must be there; its path becomes absolute, so
 * that it means the same from every folder, and "external:" may be left out when it has a slash.
 * NULL with @error set otherwise.
 */
Arm *arm_parse(const char *name, const char *spec, GError **error);

/* A point of a sweep, "NAME=V1,V2,...": an engine's own option (its name begins with "qaio_") makes
 * several arms of each arm of that engine, any other several cases of each case. */
gboolean sweep_apply(GPtrArray *arms, GPtrArray *cases, const char *sweep, GError **error);

/* Whether @arm's engine is qaio, the only one that knows options whose names begin with "qaio_":
 * an external one with "qaio" in its file's name. */
gboolean arm_is_qaio(const Arm *arm);

/* What follows "external:" in @engine (fio's ioengine=), or NULL when it is one of fio's own. */
const char *arm_library(const char *engine);

#define ARM_ERROR (arm_error_quark())
GQuark arm_error_quark(void);

#endif
