/* Proves that a device on RAM is what it is said to be, and gone afterwards.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "target.h"
#include "interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>

enum { SIZE = 4 << 20 };

static char *folder; /* the current one, where a file is made if nothing else can be */

static Target *make(void)
{
    GError *error = NULL;
    Target *target = target_make_ram(SIZE, &error);

    g_assert_no_error(error);
    g_test_message("%s: %s", target_path(target), target_about(target));
    return target;
}

static void destroy(Target *target)
{
    GError *error = NULL;

    target_remove(target, &error);
    g_assert_no_error(error);
}

/* A loop device that is not in use, a zram device or file that does not exist. */
static gboolean is_gone(const char *path)
{
    return target_size(path) == 0;
}

/* The kernel clears a loop device a moment after the last one closed it. */
static void assert_soon_gone(const char *path)
{
    for (int i = 0; i < 500 && !is_gone(path); i++) {
        g_usleep(10000);
    }
    g_assert_true(is_gone(path));
}

static void test_make_and_remove(void)
{
    Target *target = make();
    g_autofree char *path = g_strdup(target_path(target));
    GError *error = NULL;

    g_assert_cmpuint(target_size(path), ==, SIZE);
    target_check(path, TRUE, &error);
    g_assert_no_error(error);
    destroy(target);
    assert_soon_gone(path);
}

static void read_all(const char *path, char *data)
{
    int fd = open(path, O_RDONLY);

    g_assert_cmpint(fd, >=, 0);
    for (gssize at = 0, n; at < SIZE; at += n) {
        n = read(fd, data + at, SIZE - at);
        g_assert_cmpint(n, >, 0);
    }
    close(fd);
}

/* Filled with the same data each time, in which no two pages are alike. */
static void test_content(void)
{
    g_autofree char *a = g_malloc(SIZE), *b = g_malloc(SIZE);

    for (int i = 0; i < 2; i++) {
        Target *target = make();

        read_all(target_path(target), i ? b : a);
        destroy(target);
    }
    g_assert_true(memcmp(a, b, SIZE) == 0);
    g_assert_true(memcmp(a, a + 4096, 4096) != 0);
    g_assert_true(memcmp(a, a + SIZE / 2, 4096) != 0);
}

static void test_two_at_once(void)
{
    Target *one = make(), *two = make();

    g_assert_cmpstr(target_path(one), !=, target_path(two));
    destroy(one);
    g_assert_cmpuint(target_size(target_path(two)), ==, SIZE);
    destroy(two);
}

static void remove_by_hand(const char *path)
{
    if (g_str_has_prefix(path, "/dev/zram")) {
        FILE *control = fopen("/sys/class/zram-control/hot_remove", "w");

        g_assert_nonnull(control);
        fputs(path + strlen("/dev/zram"), control);
        fclose(control);
    } else {
        g_unlink(path);
    }
}

/* SIGKILL leaves no time to remove anything. */
static void test_killed(void)
{
    int fds[2];
    char path[256] = "";
    struct stat st;
    GPid child;

    g_assert_cmpint(pipe(fds), ==, 0);
    child = fork();
    if (child == 0) {
        Target *target = make();
        gssize n = write(fds[1], target_path(target), strlen(target_path(target)));

        (void)n;
        pause();
        _exit(0);
    }
    g_assert_cmpint(read(fds[0], path, sizeof(path) - 1), >, 0);
    g_assert_cmpuint(target_size(path), ==, SIZE);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fds[0]);
    close(fds[1]);
    g_assert_cmpint(stat(path, &st), ==, 0);
    if (!g_str_has_prefix(path, "/dev/loop")) {
        remove_by_hand(path);
        g_test_skip("only a loop device goes by itself");
        return;
    }
    assert_soon_gone(path);
}

static void test_interrupted(void)
{
    GError *error = NULL;

    if (g_test_subprocess()) {
        interrupt_catch();
        raise(SIGINT);
        g_assert_null(target_make_ram(SIZE, &error));
        g_assert_error(error, INTERRUPT_ERROR, SIGINT);
        g_error_free(error);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
    target_remove(NULL, &error);
    g_assert_no_error(error);
}

static void test_bad_size(void)
{
    g_assert_null(target_make_ram(0, NULL));
    g_assert_null(target_make_ram(4096, NULL));
}

static void assert_refused(const char *device, gboolean write, const char *word)
{
    GError *error = NULL;

    g_assert_false(target_check(device, write, &error));
    g_assert_nonnull(strstr(error->message, word));
    g_assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

static void test_check(void)
{
    g_assert_true(g_file_set_contents("file", "x", 1, NULL));
    g_assert_true(g_file_set_contents("empty", "", 0, NULL));
    g_assert_true(target_check("file", TRUE, NULL));
    assert_refused("absent", FALSE, "No such file");
    assert_refused("empty", FALSE, "empty");
    assert_refused("/dev/null", FALSE, "neither");
    assert_refused(folder, FALSE, "neither");
    g_unlink("file");
    g_unlink("empty");
}

/* What holds a device opens it exclusively; somebody who only reads does not mind. */
static void test_in_use(void)
{
    Target *target = make();
    const char *path = target_path(target);
    int fd = open(path, O_RDONLY | O_EXCL);

    if (g_str_has_prefix(path, "/dev/")) {
        g_assert_cmpint(fd, >=, 0);
        assert_refused(path, TRUE, "in use");
        g_assert_true(target_check(path, FALSE, NULL));
    } else {
        g_test_skip("no block device");
    }
    close(fd);
    destroy(target);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("test-target.XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_assert_cmpint(g_chdir(folder), ==, 0);
    g_test_add_func("/target/make-and-remove", test_make_and_remove);
    g_test_add_func("/target/content", test_content);
    g_test_add_func("/target/two-at-once", test_two_at_once);
    g_test_add_func("/target/killed", test_killed);
    g_test_add_func("/target/interrupted", test_interrupted);
    g_test_add_func("/target/bad-size", test_bad_size);
    g_test_add_func("/target/check", test_check);
    g_test_add_func("/target/in-use", test_in_use);
    status = g_test_run();
    g_chdir("/");
    g_rmdir(folder);
    g_free(folder);
    return status;
}
