/* What several unit tests share: a context per test, temporary files, waiting, threads to count.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_UNIT_UTIL_H
#define QAIO_TESTS_UNIT_UTIL_H

#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio.h"

/* A context that is the calling thread's current one. */
AioContext *test_context_new(void);

/* Drop it, and leave the thread without one. */
void test_context_free(AioContext *ctx);

/* Turn the loop, sleeping when there is nothing to do, until @cond. */
#define TEST_POLL_UNTIL(ctx, cond) \
    do {                           \
        while (!(cond)) {          \
            aio_poll((ctx), true); \
        }                          \
    } while (0)

/* Turn the loop without sleeping until nothing is left to do. */
void test_poll_idle(AioContext *ctx);

/* A context and the thread whose home it is, which turns its loop until test_home_stop(). */
typedef struct TestHome {
    AioContext *ctx;
    GThread *thread;
    bool stop;
} TestHome;

void test_home_start(TestHome *home);
void test_home_stop(TestHome *home);

/* Wait for what another thread will store with release order. */
#define TEST_WAIT_FOR(flag)                      \
    do {                                         \
        while (!qatomic_load_acquire(&(flag))) { \
            g_usleep(50);                        \
        }                                        \
    } while (0)

/* Add a test that runs @run for each backend of coroutines: /@group/asm/@name and
 * /@group/ucontext/@name. */
typedef struct TestBackendCase {
    const char *name;
    void (*run)(void);
} TestBackendCase;

void test_add_for_backends(const char *group, const TestBackendCase *c);

/* The folder of a tmpfs, where requests complete inside io_submit; the ordinary one without. */
const char *test_tmpfs_dir(void);

/* A file in @dir of @size bytes, byte i being test_byte(i), open for reading and writing with
 * @flags on top, and unlinked already. -1 if the file system does not take @flags. */
int test_file_new(const char *dir, int flags, int64_t size);

static inline uint8_t test_byte(int64_t i)
{
    return (uint8_t)(i * 31 + (i >> 9) * 7 + 1);
}

/* Whether @len bytes at @buf are what test_file_new() put at @offset. */
bool test_bytes_are(const void *buf, int64_t offset, size_t len);

/* A page that nobody can write to: reading a file into it is -EFAULT. Never freed. */
void *test_read_only_page(void);

/* Whether a sanitizer, valgrind or an emulator of another processor is between us and the kernel:
 * these have their own ideas about SIGSEGV, stacks and pages. */
bool test_is_watched(void);

/* Valgrind runs no other thread while one sleeps in io_uring_enter, and does not see what the
 * kernel writes into memory behind a ring. */
bool test_runs_on_valgrind(void);

/* Run this test once more in a child, where g_test_subprocess() is true. False, and the test is
 * skipped, under an emulator, where programs cannot start themselves. */
bool test_run_in_child(void);

/* Do that, and expect the child to fail with @pattern on its stderr. */
void test_child_aborts(const char *pattern);

/* The threads of the process, and its open descriptors. */
unsigned test_threads(void);
unsigned test_descriptors(void);

#endif
