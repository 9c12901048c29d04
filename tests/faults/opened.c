/* Logs the files that are opened, made or removed. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preloaded into fio. OPENED_LOG=FILE gets the names, one a line, that have one of the parts in
 * them that OPENED_PART gives, with colons between.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *path)
{
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    const char *log = getenv("OPENED_LOG"), *parts = getenv("OPENED_PART");
    char copy[4096];
    int fd;

    if (!log || !parts || strlen(parts) >= sizeof(copy)) {
        return;
    }
    strcpy(copy, parts);
    for (char *end, *part = strtok_r(copy, ":", &end); part; part = strtok_r(NULL, ":", &end)) {
        size_t len = strlen(path);

        if (!strstr(path, part) || (len > 4 && !strcmp(path + len - 4, ".out"))) {
            continue; /* fio's own output */
        }
        fd = next(log, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (write(fd, path, len) < 0 || write(fd, "\n", 1) < 0) {
            abort();
        }
        close(fd);
        return;
    }
}

static int do_open(const char *name, const char *path, int flags, va_list args)
{
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, name);

    say(path);
    return next(path, flags, flags & O_CREAT ? va_arg(args, mode_t) : 0);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    int fd;

    va_start(args, flags);
    fd = do_open("open", path, flags, args);
    va_end(args);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    int fd;

    va_start(args, flags);
    fd = do_open("open64", path, flags, args);
    va_end(args);
    return fd;
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");

    say(path);
    return next(path, mode);
}

int unlink(const char *path)
{
    int (*next)(const char *) = dlsym(RTLD_NEXT, "unlink");

    say(path);
    return next(path);
}
