/*
 * Refusing a fio that this module was not built for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Knows of fio only the name of one exported string, and so includes none of its headers.
 */
#include "config.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "engine/version-guard.h"

/* One line for a process, however many of its jobs ask: that is what a static is right for. */
static atomic_flag said = ATOMIC_FLAG_INIT;

bool qaio_fio_matches(void)
{
    const char *running = dlsym(RTLD_DEFAULT, "fio_version_string");

    if (running && !strcmp(running, QAIO_FIO_VERSION)) {
        return true;
    }
    if (!atomic_flag_test_and_set(&said)) {
        running = running ? running : "a fio that does not tell its version";
        fprintf(stderr,
                "qaio: libqaio.so was built for %s, this is %s: "
                "rebuild with ./configure --with-fio=DIR-of-the-%s-source\n",
                QAIO_FIO_VERSION, running, running);
    }
    return false;
}
