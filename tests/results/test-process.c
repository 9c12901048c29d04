/* Proves that a child's end, its words and its time are known, and that nothing of it lives on.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"
#include "interrupt.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shell that runs @script with a new process's fields filled in. */
static void run_shell(Process *process, const char *script)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    GError *error = NULL;

    process->argv = argv;
    process_run(process, &error);
    g_assert_no_error(error);
}

static void append(const char *text, gsize length, gpointer opaque)
{
    g_string_append_len(opaque, text, length);
}

static void test_output(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Process process = { .output = append, .opaque = out };

    run_shell(&process, "echo out; echo err >&2; echo more");
    g_assert_cmpstr(out->str, ==, "out\nmore\n");
    g_assert_cmpstr(process.errors, ==, "err\n");
    g_assert_null(process_problem(&process));
    g_free(process.errors);
}

/* More than a pipe holds, on both, does not block it. */
static void test_much_output(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Process process = { .output = append, .opaque = out };

    run_shell(&process, "head -c 300000 /dev/zero | tee /dev/stderr");
    g_assert_cmpuint(out->len, ==, 300000);
    g_assert_false(process.interrupted);
    g_assert_cmpint(process.status, ==, 0);
    g_free(process.errors);
}

static void assert_problem(const char *script, const char *expected)
{
    Process process = { .argv = NULL };
    g_autofree char *problem = NULL;

    run_shell(&process, script);
    problem = process_problem(&process);
    g_assert_cmpstr(problem, ==, expected);
    g_free(process.errors);
}

static void test_problems(void)
{
    assert_problem("exit 3", "exit status 3");
    assert_problem("kill -SEGV $$", "killed by signal 11 (Segmentation fault)");
    assert_problem("exit 0", NULL);
}

static void test_cannot_start(void)
{
    const char *const argv[] = { "/no/such/program", NULL };
    Process process = { .argv = argv };
    GError *error = NULL;

    g_assert_false(process_run(&process, &error));
    g_assert_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
    g_error_free(error);
}

static void test_usage(void)
{
    Process process = { .argv = NULL };

    run_shell(&process, "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 0.1");
    g_assert_cmpint(process.usage.ru_utime.tv_sec * 1000000 + process.usage.ru_utime.tv_usec, >, 0);
    g_assert_cmpfloat(process.seconds, >=, 0.1);
    g_free(process.errors);
}

static void test_environment(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    char *environment[] = { (char *)"PATH=/usr/bin:/bin", (char *)"TEST_PROCESS=yes", NULL };
    Process process = { .environment = environment, .output = append, .opaque = out };

    run_shell(&process, "echo $TEST_PROCESS");
    g_assert_cmpstr(out->str, ==, "yes\n");
    g_free(process.errors);
}

/* Its end, not that of its output, is what is waited for. */
static void test_closed_output(void)
{
    Process process = { .argv = NULL };

    run_shell(&process, "exec >&- 2>&-; sleep 0.2; exit 5");
    g_assert_cmpint(WEXITSTATUS(process.status), ==, 5);
    g_free(process.errors);
}

static void test_limit(void)
{
    Process process = { .limit = 0.3 };
    g_autofree char *problem = NULL;

    run_shell(&process, "exec sleep 100");
    problem = process_problem(&process);
    g_assert_true(process.out_of_time);
    g_assert_true(g_str_has_prefix(problem, "did not end within"));
    g_assert_cmpfloat(process.seconds, <, 60);
    g_free(process.errors);
}

static gboolean is_gone(GPid pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Who does not end when asked to is killed, with children that have left its group. */
static void test_stubborn(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Process process = { .limit = 0.3, .output = append, .opaque = out };
    GPid sleeper;

    run_shell(&process, "trap '' INT; setsid sh -c 'echo $$; exec sleep 100'; sleep 100");
    g_assert_true(WIFSIGNALED(process.status));
    sleeper = g_ascii_strtoll(out->str, NULL, 10);
    g_assert_cmpint(sleeper, >, 1);
    g_assert_true(is_gone(sleeper));
    g_free(process.errors);
}

/* What it leaves running would weigh on the next run. */
static void test_leftovers(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Process process = { .output = append, .opaque = out };
    GPid sleeper;

    run_shell(&process, "setsid sleep 100 & echo $!");
    g_assert_cmpfloat(process.seconds, <, 60);
    sleeper = g_ascii_strtoll(out->str, NULL, 10);
    g_assert_cmpint(sleeper, >, 1);
    g_assert_true(is_gone(sleeper));
    g_free(process.errors);
}

/* The child ends when we die without a chance to end it. */
static void test_orphan(void)
{
    int fds[2];
    char buffer[32] = "";
    GPid child, sleeper;

    g_assert_cmpint(pipe(fds), ==, 0);
    child = fork();
    if (child == 0) {
        Process process = { .argv = NULL };
        g_autofree char *script =
            g_strdup_printf("echo $$ >/proc/%d/fd/%d; exec sleep 100", getpid(), fds[1]);

        run_shell(&process, script);
        _exit(0);
    }
    g_assert_cmpint(read(fds[0], buffer, sizeof(buffer) - 1), >, 0);
    sleeper = g_ascii_strtoll(buffer, NULL, 10);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int i = 0; i < 500 && !is_gone(sleeper); i++) {
        g_usleep(10000);
    }
    g_assert_true(is_gone(sleeper));
    close(fds[0]);
    close(fds[1]);
}

static gpointer interrupt_soon(gpointer times)
{
    for (int i = 0; i < GPOINTER_TO_INT(times); i++) {
        g_usleep(300 * 1000);
        kill(getpid(), SIGTERM);
    }
    return NULL;
}

static void test_interrupted(void)
{
    if (g_test_subprocess()) {
        Process process = { .argv = NULL };
        GThread *thread = g_thread_new("interrupt", interrupt_soon, GINT_TO_POINTER(1));

        run_shell(&process, "trap 'exit 7' INT; sleep 100 & wait");
        g_assert_true(process.interrupted);
        g_assert_cmpint(WEXITSTATUS(process.status), ==, 7);
        g_assert_cmpint(interrupt_signal(), ==, SIGTERM);
        g_free(process.errors);
        g_thread_join(thread);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

/* The second one does not wait. */
static void test_interrupted_twice(void)
{
    if (g_test_subprocess()) {
        Process process = { .argv = NULL };
        GThread *thread = g_thread_new("interrupt", interrupt_soon, GINT_TO_POINTER(2));

        run_shell(&process, "trap '' INT; sleep 100; sleep 100");
        g_assert_true(WIFSIGNALED(process.status));
        g_assert_cmpfloat(process.seconds, <, 4);
        g_free(process.errors);
        g_thread_join(thread);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    interrupt_catch();
    g_test_add_func("/process/output", test_output);
    g_test_add_func("/process/much-output", test_much_output);
    g_test_add_func("/process/problems", test_problems);
    g_test_add_func("/process/cannot-start", test_cannot_start);
    g_test_add_func("/process/usage", test_usage);
    g_test_add_func("/process/environment", test_environment);
    g_test_add_func("/process/closed-output", test_closed_output);
    g_test_add_func("/process/limit", test_limit);
    g_test_add_func("/process/stubborn", test_stubborn);
    g_test_add_func("/process/leftovers", test_leftovers);
    g_test_add_func("/process/orphan", test_orphan);
    g_test_add_func("/process/interrupted", test_interrupted);
    g_test_add_func("/process/interrupted-twice", test_interrupted_twice);
    return g_test_run();
}
