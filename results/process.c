/*
 * One child process from its start to its end.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Waiting ends with the child's end, which a pidfd tells at once: the end of its output would come
 * late when something that it started lives on (fio's jobs leave its process group, too). Such
 * orphans become our children while a process runs (PR_SET_CHILD_SUBREAPER), and so can be found.
 */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib-unix.h>
#include "interrupt.h"

enum { ERRORS_MAX = 16384, WITHOUT_PIDFD_MS = 20 };
static const double patience = 5; /* seconds from asking to killing */

/* A process while it runs. */
typedef struct Child {
    Process *process;
    GPid pid;
    int pidfd, out, err;
    GString *errors;
    gint64 started;
    double asked;     /* when it was asked to end, in seconds; 0: not yet */
    guint interrupts; /* that it was told of; one that came before its start is not lost */
} Child;

/* In the child. If we are killed, it is to end too. */
static void set_up_child(gpointer unused)
{
    (void)unused;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static double child_age(const Child *child)
{
    return (g_get_monotonic_time() - child->started) / 1e6;
}

static gboolean start(Child *child, GError **error)
{
    const Process *process = child->process;
    gboolean good;

    child->started = g_get_monotonic_time();
    good = g_spawn_async_with_pipes(NULL, (char **)process->argv, (char **)process->environment,
                                    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, set_up_child,
                                    NULL, &child->pid, NULL, &child->out, &child->err, error);
    if (good) {
        g_unix_set_fd_nonblocking(child->out, TRUE, NULL);
        g_unix_set_fd_nonblocking(child->err, TRUE, NULL);
        child->pidfd = syscall(SYS_pidfd_open, child->pid, 0);
    }
    return good;
}

/* --- Ending it */

/* Calls @each for the children of @pid, as far as the kernel tells. */
static void for_each_child(GPid pid, void (*each)(GPid child))
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", pid, pid);
    g_autofree char *text = NULL;
    char *next;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return;
    }
    for (char *p = text; *p; p = next) {
        GPid child = strtol(p, &next, 10);

        if (next == p) {
            return;
        }
        each(child);
    }
}

static void kill_tree(GPid pid)
{
    kill(pid, SIGSTOP); /* so that it starts no more */
    for_each_child(pid, kill_tree);
    kill(pid, SIGKILL);
}

static void kill_and_reap(GPid pid)
{
    kill_tree(pid);
    waitpid(pid, NULL, 0);
}

static void ask_to_end(Child *child)
{
    if (child->asked == 0) {
        child->asked = child_age(child);
        kill(child->pid, SIGINT);
    } else {
        kill_tree(child->pid);
    }
}

static void look_at_interrupts(Child *child)
{
    interrupt_clear_fd();
    while (child->interrupts < interrupt_count()) {
        child->interrupts++;
        child->process->interrupted = true;
        ask_to_end(child);
    }
}

static void look_at_clock(Child *child)
{
    Process *process = child->process;
    double age = child_age(child);

    if (child->asked == 0 && process->limit > 0 && age > process->limit) {
        process->out_of_time = true;
        ask_to_end(child);
    } else if (child->asked > 0 && age > child->asked + patience) {
        kill_tree(child->pid);
    }
}

/* --- Listening to it */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* What can be read of @fd now; it is closed, and -1, when there will be no more. */
static void drain(Child *child, int *fd)
{
    Process *process = child->process;
    char buffer[4096];
    gssize n;

    while (*fd >= 0 && (n = read(*fd, buffer, sizeof(buffer))) != 0) {
        if (n < 0) {
            return;
        }
        if (fd == &child->err) {
            gsize room = ERRORS_MAX - child->errors->len;

            g_string_append_len(child->errors, buffer, MIN((gsize)n, room));
        } else if (process->output) {
            process->output(buffer, n, process->opaque);
        }
    }
    close_fd(fd);
}

/* Milliseconds until the clock must be looked at; whoever is asked for something has little time.
 */
static int time_to_wait(const Child *child)
{
    double limit = child->asked > 0 ? child->asked + patience : child->process->limit;
    double left = (limit - child_age(child)) * 1000;

    if (child->pidfd < 0) {
        return WITHOUT_PIDFD_MS;
    }
    return limit > 0 ? CLAMP(left, 0, 60000) + 1 : -1;
}

static void wait_for_end(Child *child)
{
    Process *process = child->process;

    while (wait4(child->pid, &process->status, WNOHANG, &process->usage) == 0) {
        struct pollfd fds[] = {
            { .fd = child->pidfd, .events = POLLIN },
            { .fd = child->out, .events = POLLIN },
            { .fd = child->err, .events = POLLIN },
            { .fd = interrupt_fd(), .events = POLLIN },
        };

        look_at_interrupts(child);
        look_at_clock(child);
        if (poll(fds, G_N_ELEMENTS(fds), time_to_wait(child)) < 0 && errno != EINTR) {
            g_error("poll: %s", g_strerror(errno));
        }
        drain(child, &child->out);
        drain(child, &child->err);
    }
    process->seconds = child_age(child);
}

gboolean process_run(Process *process, GError **error)
{
    Child child = { .process = process, .pidfd = -1 };

    process->interrupted = process->out_of_time = false;
    process->errors = NULL;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!start(&child, error)) {
        return FALSE;
    }
    child.errors = g_string_new(NULL);
    wait_for_end(&child);
    for_each_child(getpid(), kill_and_reap);
    drain(&child, &child.out);
    drain(&child, &child.err);
    close_fd(&child.out);
    close_fd(&child.err);
    close_fd(&child.pidfd);
    process->errors = g_string_free(child.errors, FALSE);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    return TRUE;
}

char *process_problem(const Process *process)
{
    if (process->interrupted) {
        return g_strdup("interrupted");
    }
    if (process->out_of_time) {
        return g_strdup_printf("did not end within %.0f s", process->limit);
    }
    if (WIFSIGNALED(process->status)) {
        return g_strdup_printf("killed by signal %d (%s)", WTERMSIG(process->status),
                               strsignal(WTERMSIG(process->status)));
    }
    if (WEXITSTATUS(process->status)) {
        return g_strdup_printf("exit status %d", WEXITSTATUS(process->status));
    }
    return NULL;
}
