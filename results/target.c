/*
 * The device that runs are on.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A loop device's memory is a memfd, which no folder has, and the device is one that the kernel
 * clears by itself when nobody has it open any more (LO_FLAGS_AUTOCLEAR). We have it open; so
 * however we end, nothing stays. Direct I/O is a property of an opened file, which a memfd is not
 * until it is opened again by its name in /proc.
 */
#define _GNU_SOURCE
#include "target.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <linux/fs.h>
#include "interrupt.h"

G_DEFINE_QUARK(qaio - target - error, target_error)

#define ZRAM_CONTROL "/sys/class/zram-control"
#define MIB          ((guint64)1 << 20)

enum { ATTEMPTS = 10, PAUSE_US = 200 * 1000, SPARE_MIB = 64 };

typedef enum { TARGET_LOOP, TARGET_ZRAM, TARGET_FILE } TargetKind;

struct Target {
    TargetKind kind;
    char *path, *about;
    int fd;   /* of the device or file */
    int zram; /* its number */
};

static gboolean fail(GError **error, const char *what)
{
    int number = errno;

    g_set_error(error, TARGET_ERROR, 0, "%s: %s", what, g_strerror(number));
    return FALSE;
}

static gboolean refuse(GError **error, const char *why)
{
    g_set_error_literal(error, TARGET_ERROR, 0, why);
    return FALSE;
}

/* --- Filling it */

/* Xorshift64*: a MiB of what cannot be compressed, in no time. */
static void make_noise(guint64 *words, gsize n, guint64 *state)
{
    for (gsize i = 0; i < n; i++) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        words[i] = *state * 0x2545f4914f6cdd1d;
    }
}

static gboolean write_all(int fd, const char *data, gsize length)
{
    while (length > 0) {
        gssize n = write(fd, data, length);

        if (n < 0 && errno != EINTR) {
            return FALSE;
        }
        data += MAX(n, 0);
        length -= MAX(n, 0);
    }
    return TRUE;
}

static gboolean fill(int fd, guint64 size, GError **error)
{
    g_autofree guint64 *noise = g_malloc(MIB);
    guint64 state = 1;

    for (guint64 at = 0; at < size; at += MIB) {
        if (interrupt_set_error(error)) {
            return FALSE;
        }
        make_noise(noise, MIB / sizeof(*noise), &state);
        if (!write_all(fd, (const char *)noise, MIB)) {
            return fail(error, "cannot fill it");
        }
    }
    return fsync(fd) == 0 || fail(error, "cannot fill it");
}

/* Memory that is handed out beyond what there is makes the kernel kill somebody. */
static gboolean check_memory(guint64 size, GError **error)
{
    g_autofree char *text = NULL;
    const char *line;
    guint64 kib;

    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL) ||
        !(line = strstr(text, "MemAvailable:"))) {
        return TRUE;
    }
    kib = g_ascii_strtoull(line + strlen("MemAvailable:"), NULL, 10);
    if (kib * 1024 < size + SPARE_MIB * MIB) {
        g_set_error(error, TARGET_ERROR, 0, "%" G_GUINT64_FORMAT " MiB of memory are free, too few",
                    kib >> 10);
        return FALSE;
    }
    return TRUE;
}

/* --- A loop device */

/* Attaches @memory to a free device; somebody else may take it first, hence the attempts. */
static gboolean attach(Target *target, int control, int memory, GError **error)
{
    struct loop_config config = {
        .fd = memory,
        .info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_AUTOCLEAR,
    };

    for (int i = 0; i < ATTEMPTS; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        if (number < 0) {
            return fail(error, "no loop device is free");
        }
        g_free(target->path);
        target->path = g_strdup_printf("/dev/loop%d", number);
        target->fd = open(target->path, O_RDWR | O_CLOEXEC);
        if (target->fd < 0) {
            return fail(error, target->path);
        }
        if (ioctl(target->fd, LOOP_CONFIGURE, &config) == 0) {
            return TRUE;
        }
        if (errno != EBUSY) {
            return fail(error, target->path);
        }
        close(target->fd);
        target->fd = -1;
    }
    return refuse(error, "others take all loop devices");
}

/* A kernel that has no direct I/O on memory (before 6.6) goes by the page cache without a word. */
static gboolean check_direct(const Target *target, GError **error)
{
    struct loop_info64 info = { .lo_number = 0 };

    if (ioctl(target->fd, LOOP_GET_STATUS64, &info) < 0) {
        return fail(error, target->path);
    }
    return info.lo_flags & LO_FLAGS_DIRECT_IO ||
           refuse(error, "this kernel has no direct I/O for a loop device on memory");
}

static gboolean make_loop_on(Target *target, int memory, guint64 size, GError **error)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    gboolean good;

    if (control < 0) {
        return fail(error, "/dev/loop-control");
    }
    good = check_memory(size, error) && fill(memory, size, error) &&
           attach(target, control, memory, error) && check_direct(target, error);
    close(control);
    return good;
}

static int open_memory(void)
{
    int fd = memfd_create("qaio-compare", MFD_CLOEXEC);
    g_autofree char *name = g_strdup_printf("/proc/self/fd/%d", fd);
    int memory = fd < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
    }
    return memory;
}

static gboolean make_loop(Target *target, guint64 size, GError **error)
{
    int memory = open_memory();
    gboolean good;

    if (memory < 0) {
        return fail(error, "memfd");
    }
    target->kind = TARGET_LOOP;
    good = make_loop_on(target, memory, size, error);
    close(memory);
    return good;
}

/* --- A zram device */

static gboolean write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    gboolean good = fd >= 0 && write(fd, text, strlen(text)) == (gssize)strlen(text);

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

static gboolean remove_zram(int number)
{
    g_autofree char *text = g_strdup_printf("%d", number);

    for (int i = 0; i < ATTEMPTS; i++) {
        if (write_text(ZRAM_CONTROL "/hot_remove", text)) {
            return TRUE;
        }
        g_usleep(PAUSE_US); /* udev may have a new device open for a moment */
    }
    return FALSE;
}

static gboolean add_zram(Target *target, GError **error)
{
    const char *const argv[] = { "modprobe", "-q", "zram", "num_devices=0", NULL };
    g_autofree char *text = NULL;

    if (!g_file_test(ZRAM_CONTROL, G_FILE_TEST_IS_DIR)) {
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                     NULL);
    }
    if (!g_file_get_contents(ZRAM_CONTROL "/hot_add", &text, NULL, NULL)) {
        return refuse(error, "no zram device can be added");
    }
    target->zram = g_ascii_strtoll(text, NULL, 10);
    target->path = g_strdup_printf("/dev/zram%d", target->zram);
    return TRUE;
}

static gboolean make_zram(Target *target, guint64 size, GError **error)
{
    g_autofree char *sysfs = NULL, *text = g_strdup_printf("%" G_GUINT64_FORMAT, size);

    if (!check_memory(size, error) || !add_zram(target, error)) {
        return FALSE;
    }
    target->kind = TARGET_ZRAM;
    sysfs = g_strdup_printf("/sys/block/zram%d/disksize", target->zram);
    if (!write_text(sysfs, text)) {
        return fail(error, sysfs);
    }
    for (int i = 0; i < ATTEMPTS && target->fd < 0; i++) {
        target->fd = open(target->path, O_RDWR | O_CLOEXEC);
        if (target->fd < 0) {
            g_usleep(PAUSE_US);
        }
    }
    return (target->fd >= 0 || fail(error, target->path)) && fill(target->fd, size, error);
}

/* --- A file */

static gboolean make_file(Target *target, guint64 size, GError **error)
{
    g_autofree char *here = g_get_current_dir();

    target->kind = TARGET_FILE;
    target->path = g_build_filename(here, "qaio-ram.XXXXXX", NULL);
    target->fd = g_mkstemp_full(target->path, O_RDWR | O_CLOEXEC, 0600);
    if (target->fd < 0) {
        return fail(error, here);
    }
    return fill(target->fd, size, error);
}

/* --- Whichever can be made */

gboolean target_remove(Target *target, GError **error)
{
    gboolean good = TRUE;

    if (!target) {
        return TRUE;
    }
    if (target->fd >= 0) {
        close(target->fd);
    }
    if (target->kind == TARGET_FILE && target->fd >= 0) {
        g_unlink(target->path);
    }
    if (target->kind == TARGET_ZRAM && !remove_zram(target->zram)) {
        g_set_error(error, TARGET_ERROR, 0, "%s is still in use and stays", target->path);
        good = FALSE;
    }
    g_free(target->path);
    g_free(target->about);
    g_free(target);
    return good;
}

/* Tries @make; why it failed is added to @why. */
static Target *try(gboolean (*make)(Target *target, guint64 size, GError **error), guint64 size,
                   const char *about, GString *why)
{
    Target *target = g_new0(Target, 1);
    g_autoptr(GError) error = NULL;

    target->fd = -1;
    if (make(target, size, &error)) {
        target->about = g_strconcat(about, why->str, NULL);
        return target;
    }
    g_string_append_printf(why, "%s%s", why->len ? "; " : ": ", error->message);
    target_remove(target, NULL);
    return NULL;
}

Target *target_make_ram(guint64 size, GError **error)
{
    GString *why = g_string_new(NULL);
    Target *target;

    if (size == 0 || size % MIB) {
        refuse(error, "a device's size is a number of whole MiB");
        g_string_free(why, TRUE);
        return NULL;
    }
    interrupt_catch();
    target = try(make_loop, size, "a loop device on RAM", why);
    if (!target && !interrupt_count()) {
        target = try(make_zram, size, "a zram device, no loop device", why);
    }
    if (!target && !interrupt_count()) {
        target = try(make_file, size, "a file, whose disk sets the pace, no device on RAM", why);
    }
    if (!target && !interrupt_set_error(error)) {
        g_set_error(error, TARGET_ERROR, 0, "no device on RAM, and no file%s", why->str);
    }
    g_string_free(why, TRUE);
    return target;
}

const char *target_path(const Target *target)
{
    return target->path;
}

const char *target_about(const Target *target)
{
    return target->about;
}

/* --- Any device */

guint64 target_size(const char *device)
{
    int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    guint64 size = 0;
    struct stat st;

    if (fd < 0) {
        return 0;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        size = st.st_size;
    } else if (ioctl(fd, BLKGETSIZE64, &size) < 0) {
        size = 0;
    }
    close(fd);
    return size;
}

/* The kernel's answer to whether a file system, RAID or swap holds a block device. */
static gboolean check_not_held(const char *device, GError **error)
{
    int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);

    if (fd < 0 && errno == EBUSY) {
        g_set_error(error, TARGET_ERROR, 0, "%s is mounted or in use: it is not written to",
                    device);
        return FALSE;
    }
    if (fd >= 0) {
        close(fd);
    }
    return TRUE;
}

gboolean target_check(const char *device, gboolean write, GError **error)
{
    struct stat st;

    if (stat(device, &st) < 0) {
        return fail(error, device);
    }
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
        g_set_error(error, TARGET_ERROR, 0, "%s is neither a block device nor a file", device);
        return FALSE;
    }
    if (access(device, write ? R_OK | W_OK : R_OK) < 0) {
        return fail(error, device);
    }
    if (target_size(device) == 0) {
        g_set_error(error, TARGET_ERROR, 0, "%s is empty", device);
        return FALSE;
    }
    return !write || !S_ISBLK(st.st_mode) || check_not_held(device, error);
}
