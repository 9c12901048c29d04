/* What several unit tests share: a context per test, temporary files, waiting, threads to count.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "coroutine/coroutine.h"
#include <sys/mman.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include "util.h"

AioContext *test_context_new(void)
{
    AioContext *ctx = aio_context_new(&error_abort);

    qemu_set_current_aio_context(ctx);
    return ctx;
}

void test_context_free(AioContext *ctx)
{
    aio_context_unref(ctx);
    qemu_set_current_aio_context(NULL);
}

void test_poll_idle(AioContext *ctx)
{
    while (aio_poll(ctx, false)) {
        /* there may be more */
    }
}

static gpointer home_thread(gpointer opaque)
{
    TestHome *home = opaque;

    qemu_set_current_aio_context(home->ctx);
    while (!home->stop) {
        aio_poll(home->ctx, true);
    }
    test_poll_idle(home->ctx);
    qemu_set_current_aio_context(NULL);
    return NULL;
}

void test_home_start(TestHome *home)
{
    home->stop = false;
    home->ctx = aio_context_new(&error_abort);
    home->thread = g_thread_new("home", home_thread, home);
}

static void stop_bh(void *opaque)
{
    ((TestHome *)opaque)->stop = true;
}

void test_home_stop(TestHome *home)
{
    aio_bh_schedule_oneshot(home->ctx, stop_bh, home);
    g_thread_join(home->thread);
    aio_context_unref(home->ctx);
}

static void run_with_backend(CoroutineBackend backend, const TestBackendCase *c)
{
    CoroutineBackend before = qemu_coroutine_get_backend();

    if (!qemu_coroutine_set_backend(backend)) {
        g_test_skip("this coroutine backend is not built in");
        return;
    }
    c->run();
    qemu_coroutine_set_backend(before);
}

static void run_asm(const void *c)
{
    run_with_backend(COROUTINE_BACKEND_ASM, c);
}

static void run_ucontext(const void *c)
{
    run_with_backend(COROUTINE_BACKEND_UCONTEXT, c);
}

void test_add_for_backends(const char *group, const TestBackendCase *c)
{
    g_autofree char *asm_path = g_strdup_printf("/%s/asm/%s", group, c->name);
    g_autofree char *ucontext_path = g_strdup_printf("/%s/ucontext/%s", group, c->name);

    g_test_add_data_func(asm_path, c, run_asm);
    g_test_add_data_func(ucontext_path, c, run_ucontext);
}

const char *test_tmpfs_dir(void)
{
    struct statfs st;

    if (statfs("/dev/shm", &st) == 0 && st.f_type == TMPFS_MAGIC && access("/dev/shm", W_OK) == 0) {
        return "/dev/shm";
    }
    return g_get_tmp_dir();
}

int test_file_new(const char *dir, int flags, int64_t size)
{
    g_autofree char *path = g_build_filename(dir, "qaio-test-XXXXXX", NULL);
    g_autofree uint8_t *bytes = g_malloc(size + 1);
    int fd = g_mkstemp(path);
    int fd_flagged;

    g_assert_cmpint(fd, >=, 0);
    for (int64_t i = 0; i < size; i++) {
        bytes[i] = test_byte(i);
    }
    g_assert_cmpint(write(fd, bytes, size), ==, size);
    fd_flagged = open(path, O_RDWR | O_CLOEXEC | flags);
    close(fd);
    unlink(path);
    return fd_flagged;
}

bool test_bytes_are(const void *buf, int64_t offset, size_t len)
{
    const uint8_t *bytes = buf;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != test_byte(offset + i)) {
            return false;
        }
    }
    return true;
}

void *test_read_only_page(void)
{
    void *page = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(page != MAP_FAILED);
    return page;
}

static unsigned entries_of(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        n++;
    }
    g_dir_close(dir);
    return n;
}

unsigned test_threads(void)
{
    return entries_of("/proc/self/task");
}

unsigned test_descriptors(void)
{
    return entries_of("/proc/self/fd");
}

/* CI runs the tests built for another processor under qemu-user, and says so in this variable. */
static bool is_emulated(void)
{
    const char *wrapper = g_getenv("QAIO_WRAPPER");

    return wrapper && g_str_has_prefix(wrapper, "qemu-");
}

bool test_runs_on_valgrind(void)
{
#ifdef HAVE_VALGRIND_VALGRIND_H
    return RUNNING_ON_VALGRIND;
#else
    return false;
#endif
}

bool test_is_watched(void)
{
#if defined(COROUTINE_ASAN) || defined(COROUTINE_TSAN)
    return true;
#else
    return test_runs_on_valgrind() || is_emulated();
#endif
}

bool test_run_in_child(void)
{
    if (is_emulated()) {
        g_test_skip("a program under an emulator cannot start itself");
        return false;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    return true;
}

void test_child_aborts(const char *pattern)
{
    if (test_run_in_child()) {
        g_test_trap_assert_failed();
        g_test_trap_assert_stderr(pattern);
    }
}
