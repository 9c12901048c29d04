/* Tests of hosts.h: the file of servers, fio's command line, and a host that did not run a job.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "hosts.h"
#include <glib/gstdio.h>
#include <string.h>
#include "fio-json.h"

/* What hosts_read() makes of @text as a file. */
static Hosts *read_text(const char *text, GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("hosts-XXXXXX", &path, NULL);
    Hosts *hosts;

    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    hosts = hosts_read(path, error);
    g_unlink(path);
    return hosts;
}

static Hosts *read_good(const char *text)
{
    GError *error = NULL;
    Hosts *hosts = read_text(text, &error);

    g_assert_no_error(error);
    return hosts;
}

static void test_arguments(void)
{
    Hosts *hosts = read_good("# servers\n\n  one  # the first\r\n10.0.0.2:9000\nthree,1\n"
                             "fe80::1%eth0\n[::1]:77\n  [fe80::2] ");
    g_auto(GStrv) got = hosts_arguments(hosts, "/tmp/x y.fio");
    g_autofree char *joined = g_strjoinv(" | ", got);

    g_assert_cmpstr(joined, ==,
                    "--client=one,8765 | /tmp/x y.fio | --client=10.0.0.2,9000 | /tmp/x y.fio | "
                    "--client=three,1 | /tmp/x y.fio | --client=ip6:fe80::1%eth0,8765 | "
                    "/tmp/x y.fio | --client=ip6:::1,77 | /tmp/x y.fio | "
                    "--client=ip6:fe80::2,8765 | /tmp/x y.fio");
    hosts_free(hosts);
    hosts_free(NULL);
}

static void test_label(void)
{
    g_autofree char *name = hosts_label("one", 8765), *ipv6 = hosts_label("::1", 1);

    g_assert_cmpstr(name, ==, "one:8765");
    g_assert_cmpstr(ipv6, ==, "[::1]:1");
}

static void test_bad_files(void)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "", "names no server" },
        { "# nobody\n\n", "names no server" },
        { "one two\n", "'one two' is no server" },
        { "one:0", "'one:0' is no server" },
        { "one:65536", "'one:65536' is no server" },
        { "one:", "'one:' is no server" },
        { "one:8765x", "'one:8765x' is no server" },
        { "one,8765,2", "is no server" },
        { "[::1", "is no server" },
        { "[::1]8", "is no server" },
        { "[]", "is no server" },
        { ":8765", "is no server" },
        { "-x", "is no server" },
        { "--output=/etc/passwd", "is no server" },
        { "sock:/tmp/s", "is no server" },
        { "h\033[31m", "is no server" },
        { "one\none:8765\n", "one:8765 is there twice" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;

        g_assert_null(read_text(cases[i].text, &error));
        g_assert_true(g_str_has_prefix(error->message, "--hosts "));
        if (!strstr(error->message, cases[i].expected)) {
            g_error("\"%s\" is not in \"%s\"", cases[i].expected, error->message);
        }
        g_assert_null(strpbrk(error->message, "\n\033"));
        g_error_free(error);
    }
    g_assert_null(hosts_read("/nonexistent/hosts", NULL));
}

/* What is wrong with what fio wrote to the recorded file @name; the caller frees it. */
static char *problem_of(const char *servers, const char *name)
{
    const char *top = g_getenv("srcdir");
    g_autofree char *path = g_build_filename(top ? top : ".", "tests/results/fio", name, NULL);
    GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    Hosts *hosts = read_good(servers);
    char *problem;

    g_assert_true(fio_json_read_file(path, samples, NULL));
    problem = hosts_problem(hosts, samples, path);
    hosts_free(hosts);
    g_ptr_array_unref(samples);
    return problem;
}

static void test_problem(void)
{
    g_autofree char *none = problem_of("10.0.0.1:8771\n10.0.0.1:8772\n", "clients.txt");
    g_autofree char *dropped = problem_of("10.0.0.1:8771\n10.0.0.1:8772\n", "one-dropped.txt");
    g_autofree char *silent = problem_of("10.0.0.1:8771\n10.0.0.1:8772\nother\nx", "clients.txt");

    g_assert_null(none);
    g_assert_cmpstr(dropped, ==,
                    "10.0.0.1:8771 did not run read: invalid external ioengine path \"./none.so\"; "
                    "failed parsing ioengine=external:./none.so; job global dropped");
    g_assert_cmpstr(
        silent, ==,
        "other:8765 did not run read, x:8765 did not run read: is fio --server running there?");
}

/* Of several jobs a host may lack one. */
static void test_one_job(void)
{
    GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    Hosts *hosts = read_good("a\nb\n");
    g_autofree char *problem = NULL;

    g_ptr_array_add(samples, sample_new("x", "a:8765"));
    g_ptr_array_add(samples, sample_new("y", "b:8765"));
    g_ptr_array_add(samples, sample_new("y", "a:8765"));
    problem = hosts_problem(hosts, samples, "/nonexistent");
    g_assert_cmpstr(problem, ==, "b:8765 did not run x: is fio --server running there?");
    hosts_free(hosts);
    g_ptr_array_unref(samples);
}

static void test_fit(void)
{
    Suite *suite = suite_new("s");
    Arm *arm = g_new0(Arm, 1);
    GError *error = NULL;

    arm->name = g_strdup("c");
    g_ptr_array_add(suite->arms, arm);
    g_assert_true(hosts_fit(suite, NULL));
    arm->kind = ARM_QEMU_IMG;
    g_assert_false(hosts_fit(suite, &error));
    g_assert_cmpstr(error->message, ==,
                    "arm c: qemu-img cannot run on --hosts, only fio's engines can");
    g_error_free(error);
    suite_free(suite);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hosts/arguments", test_arguments);
    g_test_add_func("/hosts/label", test_label);
    g_test_add_func("/hosts/bad-files", test_bad_files);
    g_test_add_func("/hosts/problem", test_problem);
    g_test_add_func("/hosts/one-job", test_one_job);
    g_test_add_func("/hosts/fit", test_fit);
    return g_test_run();
}
