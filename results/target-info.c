/*
 * What the kernel tells about a device or file: model, queue settings, file system.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A file is described by the device under its file system, a partition by its disk. What is under a
 * file system that is no single block device (overlay, btrfs, NFS, tmpfs) stays unknown.
 */
#include "machine.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "json-member.h"
#include "kernel-file.h"

static const char *const fields[] = {
    "path",      "kind",     "size_bytes",  "device",     "model",      "device_size_bytes",
    "scheduler", "nomerges", "rq_affinity", "rotational", "filesystem", "mount_options",
};

/* "none [mq-deadline] bfq": the one in brackets. */
static void add_scheduler(JsonObject *object, const char *root, const char *disk)
{
    char *path = g_strconcat(disk, "/queue/scheduler", NULL);
    char *line = kernel_line(root, path);
    char *open = line ? strchr(line, '[') : NULL;
    char *close = open ? strchr(open, ']') : NULL;

    if (close) {
        *close = '\0';
    }
    json_add_string(object, "scheduler", close ? open + 1 : line);
    g_free(line);
    g_free(path);
}

static void add_queue_line(JsonObject *object, const char *name, const char *root, const char *disk)
{
    char *path = g_strconcat(disk, "/queue/", name, NULL);

    kernel_add_line(object, name, root, path);
    g_free(path);
}

/* NVMe and SCSI disks have a model; a loop or zram device is one by its name. */
static void add_model(JsonObject *object, const char *root, const char *disk)
{
    static const char *const kinds[] = { "loop", "zram", "ram", "dm-", "md", "nbd", "null" };
    const char *name = json_string(object, "device");
    char *path = g_strconcat(disk, "/device/model", NULL);
    char *model = kernel_line(root, path);

    for (guint i = 0; i < G_N_ELEMENTS(kinds) && !model && name; i++) {
        model = g_str_has_prefix(name, kinds[i]) ? g_strdup(kinds[i]) : NULL;
    }
    json_add_string(object, "model", model);
    g_free(model);
    g_free(path);
}

static void add_disk_size(JsonObject *object, const char *root, const char *disk)
{
    char *path = g_strconcat(disk, "/size", NULL);
    char *sectors = kernel_line(root, path);

    if (sectors) {
        json_object_set_int_member(object, "device_size_bytes",
                                   g_ascii_strtoll(sectors, NULL, 10) * 512);
    }
    g_free(sectors);
    g_free(path);
}

/* The name of the block device @dev from its uevent. */
static void add_device_name(JsonObject *object, const char *root, const char *disk)
{
    char *path = g_strconcat(disk, "/uevent", NULL);
    char *text = kernel_text(root, path);
    char *name = text ? strstr(text, "DEVNAME=") : NULL;

    if (name) {
        name += strlen("DEVNAME=");
        name[strcspn(name, "\n")] = '\0';
    }
    json_add_string(object, "device", name);
    g_free(text);
    g_free(path);
}

static gboolean is_there(const char *root, const char *path, const char *name)
{
    char *file = g_strconcat(root, path, name, NULL);
    gboolean there = g_file_test(file, G_FILE_TEST_EXISTS);

    g_free(file);
    return there;
}

static void add_device(JsonObject *object, const char *root, dev_t dev)
{
    char *self = g_strdup_printf("/sys/dev/block/%u:%u", major(dev), minor(dev));
    gboolean partition = is_there(root, self, "/partition");
    char *disk = g_strconcat(self, partition ? "/.." : "", NULL);

    if (is_there(root, disk, "/queue")) {
        add_device_name(object, root, disk);
        add_model(object, root, disk);
        add_disk_size(object, root, disk);
        add_scheduler(object, root, disk);
        add_queue_line(object, "nomerges", root, disk);
        add_queue_line(object, "rq_affinity", root, disk);
        add_queue_line(object, "rotational", root, disk);
    }
    g_free(disk);
    g_free(self);
}

/* A line of mountinfo: "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue".
 * TRUE when it is that of @device, "98:0". */
static gboolean add_mount(JsonObject *object, const char *line, const char *device)
{
    char **halves = g_strsplit(line, " - ", 2);
    char **left = g_strsplit(halves[0] ? halves[0] : "", " ", -1);
    char **right = g_strsplit(halves[0] && halves[1] ? halves[1] : "", " ", -1);
    gboolean it =
        g_strv_length(left) >= 6 && g_strv_length(right) >= 3 && g_str_equal(left[2], device);

    if (it) {
        char *options = g_strconcat(left[5], ",", right[2], NULL);

        json_add_string(object, "filesystem", right[0]);
        json_add_string(object, "mount_options", options);
        g_free(options);
    }
    g_strfreev(left);
    g_strfreev(right);
    g_strfreev(halves);
    return it;
}

static void add_filesystem(JsonObject *object, const char *root, dev_t dev)
{
    char *text = kernel_text(root, "/proc/self/mountinfo");
    char **lines = g_strsplit(text ? text : "", "\n", -1);
    char *device = g_strdup_printf("%u:%u", major(dev), minor(dev));

    for (char **line = lines; *line && !add_mount(object, *line, device); line++) {
    }
    g_free(device);
    g_strfreev(lines);
    g_free(text);
}

static void describe_file(JsonObject *object, const char *root, const struct stat *st)
{
    if (S_ISBLK(st->st_mode)) {
        add_device(object, root, st->st_rdev);
        return;
    }
    json_object_set_int_member(object, "size_bytes", st->st_size);
    add_filesystem(object, root, st->st_dev);
    add_device(object, root, st->st_dev);
}

JsonObject *target_describe(const char *root, const char *path, const char *kind)
{
    JsonObject *object = json_object_new();
    struct stat st;

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        json_object_set_null_member(object, fields[i]);
    }
    json_add_string(object, "path", path);
    if (path && stat(path, &st) == 0) {
        json_add_string(object, "kind",
                        kind                  ? kind
                        : S_ISBLK(st.st_mode) ? "block device"
                                              : "file");
        describe_file(object, root, &st);
    }
    return object;
}
