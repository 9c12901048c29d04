/*
 * Refusing a fio that this module was not built for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fio hands engines its own structures, whose layout changes from version to version, also between
 * versions with the same engine interface number. A mismatch shows as wild memory accesses, so
 * nothing of fio's may be touched before the versions have been compared.
 */
#ifndef QAIO_ENGINE_VERSION_GUARD_H
#define QAIO_ENGINE_VERSION_GUARD_H

#include <stdbool.h>

/*
 * Whether the running fio is the one that this module was built for. If not, says so in one line
 * with both versions and what to do, the first time that it is asked in the process.
 */
bool qaio_fio_matches(void);

#endif
