/*
 * What a fuzz target is linked with where libFuzzer is not: it is given all of its corpus, once.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tests/fuzz/fuzz-NAME reads tests/fuzz/corpus/NAME, or the files that it is called with.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint replayed;

static void replay(const char *path)
{
    char *content;
    gsize length;
    GError *error = NULL;

    if (!g_file_get_contents(path, &content, &length, &error)) {
        g_print("Bail out! %s\n", error->message);
        exit(1);
    }
    g_print("# %s\n", path); /* the last one is who it was */
    /* in memory of just that size, so that tools see what reads beyond it */
    uint8_t *data = g_memdup2(content, length);
    LLVMFuzzerTestOneInput(data, length);
    g_free(data);
    g_free(content);
    replayed++;
}

static void replay_folder(const char *folder)
{
    GError *error = NULL;
    GDir *dir = g_dir_open(folder, 0, &error);
    const char *name;

    if (!dir) {
        g_print("Bail out! %s\n", error->message);
        exit(1);
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        replay(path);
    }
    g_dir_close(dir);
}

int main(int argc, char **argv)
{
    const char *top = g_getenv("srcdir");
    const char *name = strstr(argv[0], "fuzz-") ? strrchr(argv[0], '/') : NULL;

    g_setenv("G_DEBUG", "fatal-criticals", FALSE);
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
    g_print("1..1\n");
    for (int i = 1; i < argc; i++) {
        if (*argv[i] != '-') {
            replay(argv[i]);
        }
    }
    if (replayed == 0 && name) {
        g_autofree char *folder = g_build_filename(top ? top : ".", "tests/fuzz/corpus",
                                                   strstr(name, "fuzz-") + strlen("fuzz-"), NULL);

        replay_folder(folder);
    }
    g_print("%sok 1 %u inputs\n", replayed > 0 ? "" : "not ", replayed);
    return replayed == 0;
}
