/*
 * What the kernel tells about the machine: the processor, its clock, memory, load.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "machine.h"
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "json-member.h"
#include "kernel-file.h"

#define CPU0 "/sys/devices/system/cpu/cpu0"

/* The value behind the first line of /proc/cpuinfo that begins with one of @names. */
static char *cpuinfo(const char *root, const char *const *names)
{
    char *text = kernel_text(root, "/proc/cpuinfo");
    char **lines = g_strsplit(text ? text : "", "\n", -1);
    char *value = NULL;

    for (char **line = lines; *line && !value; line++) {
        char *colon = strchr(*line, ':');

        for (const char *const *name = names; *name && colon && !value; name++) {
            if (g_str_has_prefix(*line, *name)) {
                value = g_strstrip(g_strdup(colon + 1));
            }
        }
    }
    g_strfreev(lines);
    g_free(text);
    return value;
}

/* Whether the clock may go beyond its nominal rate: two drivers, two files, opposite senses. */
static void add_turbo(JsonObject *object, const char *root)
{
    char *off = kernel_line(root, "/sys/devices/system/cpu/intel_pstate/no_turbo");
    char *on = kernel_line(root, "/sys/devices/system/cpu/cpufreq/boost");

    if (off || on) {
        json_object_set_boolean_member(object, "turbo",
                                       off ? g_str_equal(off, "0") : g_str_equal(on, "1"));
    } else {
        json_object_set_null_member(object, "turbo");
    }
    g_free(off);
    g_free(on);
}

static void add_smt(JsonObject *object, const char *root)
{
    char *active = kernel_line(root, "/sys/devices/system/cpu/smt/active");

    if (active) {
        json_object_set_boolean_member(object, "smt", g_str_equal(active, "1"));
    } else {
        json_object_set_null_member(object, "smt");
    }
    g_free(active);
}

static void add_memory(JsonObject *object, const char *root)
{
    char *text = kernel_text(root, "/proc/meminfo");
    const char *total = text ? strstr(text, "MemTotal:") : NULL;

    if (total) {
        gint64 kib = g_ascii_strtoll(total + strlen("MemTotal:"), NULL, 10);

        json_object_set_int_member(object, "memory_bytes", kib * 1024);
    } else {
        json_object_set_null_member(object, "memory_bytes");
    }
    g_free(text);
}

static void add_load(JsonObject *object, const char *root)
{
    char *load = kernel_line(root, "/proc/loadavg");

    if (load) {
        json_object_set_double_member(object, "load", g_ascii_strtod(load, NULL));
    } else {
        json_object_set_null_member(object, "load");
    }
    g_free(load);
}

JsonObject *machine_describe(const char *root)
{
    static const char *const names[] = { "model name", "Model", "CPU part", NULL };
    JsonObject *object = json_object_new();
    struct utsname system;
    char *cpu = cpuinfo(root, names);

    uname(&system);
    json_add_string(object, "host", system.nodename);
    json_add_string(object, "cpu", cpu);
    json_object_set_int_member(object, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    json_add_string(object, "arch", system.machine);
    json_add_string(object, "kernel", system.release);
    kernel_add_line(object, "governor", root, CPU0 "/cpufreq/scaling_governor");
    add_turbo(object, root);
    add_smt(object, root);
    add_memory(object, root);
    add_load(object, root);
    g_free(cpu);
    return object;
}
