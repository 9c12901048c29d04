/* Runs a command, and prints how many seconds it took and how many KiB it had in memory at most.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct rusage usage;
    int status;
    pid_t pid;

    if (argc < 2) {
        return 99;
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid = fork();
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
        return 99;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    fprintf(stderr, "%ld %ld\n", (long)(to.tv_sec - from.tv_sec), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
