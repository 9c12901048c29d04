/*
 * qaio-compare: does one engine cost more than another, and is it slower than it was?
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <locale.h>
#include <stdio.h>
#include "command.h"
#include "config.h"

typedef struct Command {
    const char *name;
    int (*run)(char *const *argv);
} Command;

static const Command commands[] = {
    { "run", command_run },
    { "judge", command_judge },
    { "baseline", command_baseline },
    { "self-check", command_self_check },
};

static const char help[] =
    "usage: qaio-compare run JOB.fio... [--a ENGINE[,OPTION=VALUE...]] --b ENGINE[,...]\n"
    "       qaio-compare self-check JOB.fio... [--a ENGINE[,...]]\n"
    "       qaio-compare judge DIR [DIR]\n"
    "       qaio-compare baseline set SUITE [DIR] | check SUITE [DIR] | list\n"
    "\n"
    "Runs fio jobs on engines in alternation, and says which is faster, or that nobody can tell.\n"
    "run may be left out. qaio-compare COMMAND --help lists the options of a command.\n"
    "\n"
    "Exit status: 0 no regression; 1 a regression; 2 usage or surroundings; 3 cannot tell;\n"
    "4 not comparable; 128 and its number for a signal.\n";

static int run_command(char *const *argv)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(argv[1], commands[i].name)) {
            char *name = g_strconcat("qaio-compare ", argv[1], NULL);

            g_set_prgname(name);
            g_free(name);
            return commands[i].run(argv + 1);
        }
    }
    if (*argv[1] == '-' || g_file_test(argv[1], G_FILE_TEST_EXISTS)) {
        g_set_prgname("qaio-compare");
        return command_run(argv);
    }
    fprintf(stderr,
            "qaio-compare: %s is no job file here, and no command: run, self-check, judge, "
            "baseline\n",
            argv[1]);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* and no more: numbers in reports have a point everywhere */
    if (argc < 2) {
        fputs(help, stderr);
        return STATUS_USAGE;
    }
    if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h") ||
        g_str_equal(argv[1], "help")) {
        fputs(help, stdout);
        return STATUS_OK;
    }
    if (g_str_equal(argv[1], "--version")) {
        puts("qaio-compare " PACKAGE_VERSION);
        return STATUS_OK;
    }
    return run_command(argv);
}
