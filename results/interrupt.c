/*
 * SIGINT, SIGTERM and SIGHUP are counted, and a pipe wakes up who waits.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include "interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

G_DEFINE_QUARK(qaio - interrupt - error, interrupt_error)

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
static int wake[2] = { -1, -1 };
static volatile sig_atomic_t count, last;

static void handle(int number)
{
    int saved = errno;
    ssize_t ignored;

    count++;
    last = number;
    ignored = write(wake[1], "", 1); /* a full pipe wakes up as well as a fuller one */
    (void)ignored;
    errno = saved;
}

void interrupt_catch(void)
{
    struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };

    if (wake[0] >= 0) {
        return;
    }
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0) {
        g_error("pipe2: %s", g_strerror(errno));
    }
    for (guint i = 0; i < G_N_ELEMENTS(caught); i++) {
        struct sigaction old;

        sigaction(caught[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) {
            sigaction(caught[i], &action, NULL);
        }
    }
}

guint interrupt_count(void)
{
    return count;
}

int interrupt_signal(void)
{
    return last;
}

int interrupt_fd(void)
{
    return wake[0];
}

void interrupt_clear_fd(void)
{
    char buffer[64];

    while (read(wake[0], buffer, sizeof(buffer)) > 0) {
        continue;
    }
}

gboolean interrupt_set_error(GError **error)
{
    if (count) {
        g_set_error(error, INTERRUPT_ERROR, last, "interrupted (%s)", strsignal(last));
    }
    return count > 0;
}
