/* Coroutines that wait for a descriptor.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "loop/coroutine-io.h"
#include "util.h"

typedef struct Reader {
    int fd;
    int want; /* bytes, one at a time */
    GString *got;
    bool close; /* as soon as it is readable */
    bool done;
} Reader;

static void coroutine_fn reader_entry(void *opaque)
{
    Reader *r = opaque;

    for (int i = 0; i < r->want; i++) {
        char c;

        yield_until_fd_readable(r->fd);
        if (read(r->fd, &c, 1) == 1) {
            g_string_append_c(r->got, c);
        }
    }
    if (r->close) {
        close(r->fd);
    }
    r->done = true;
}

typedef struct Pipe {
    AioContext *ctx;
    int fds[2];
    Reader reader;
} Pipe;

static void pipe_start(Pipe *p, int want)
{
    p->ctx = test_context_new();
    g_assert_cmpint(pipe(p->fds), ==, 0);
    p->reader = (Reader){ .fd = p->fds[0], .want = want, .got = g_string_new(NULL) };
    qemu_coroutine_enter(qemu_coroutine_create(reader_entry, &p->reader));
}

static void pipe_put(Pipe *p, const char *text)
{
    g_assert_cmpint(write(p->fds[1], text, strlen(text)), ==, (ssize_t)strlen(text));
}

static void pipe_end(Pipe *p, const char *expected)
{
    g_assert_true(p->reader.done);
    g_assert_cmpstr(p->reader.got->str, ==, expected);
    g_string_free(p->reader.got, true);
    close(p->fds[0]);
    close(p->fds[1]);
    test_context_free(p->ctx);
}

static void test_waits_until_readable(void)
{
    Pipe p;

    pipe_start(&p, 2);
    g_assert_false(aio_poll(p.ctx, false));
    g_assert_cmpuint(p.reader.got->len, ==, 0);
    pipe_put(&p, "a");
    g_assert_true(aio_poll(p.ctx, true));
    g_assert_cmpstr(p.reader.got->str, ==, "a");
    g_assert_false(aio_poll(p.ctx, false));
    pipe_put(&p, "b");
    g_assert_true(aio_poll(p.ctx, true));
    pipe_end(&p, "ab");
}

/* Even what is there already comes through the loop. */
static void test_each_wait_goes_through_the_loop(void)
{
    Pipe p;

    pipe_start(&p, 3);
    pipe_put(&p, "abc");
    for (guint i = 1; i <= 3; i++) {
        g_assert_true(aio_poll(p.ctx, true));
        g_assert_cmpuint(p.reader.got->len, ==, i);
    }
    pipe_end(&p, "abc");
}

/* The handler is gone: what else comes is none of the loop's business. */
static void test_no_handler_is_left(void)
{
    Pipe p;

    pipe_start(&p, 1);
    pipe_put(&p, "ab");
    g_assert_true(aio_poll(p.ctx, true));
    g_assert_true(p.reader.done);
    g_assert_false(aio_poll(p.ctx, false));
    pipe_end(&p, "a");
}

static void test_end_of_file(void)
{
    Pipe p;

    pipe_start(&p, 1);
    close(p.fds[1]);
    g_assert_true(aio_poll(p.ctx, true));
    p.fds[1] = -1;
    pipe_end(&p, "");
}

static void set_flag(void *opaque)
{
    *(bool *)opaque = true;
}

/* The coroutine closes the descriptor, and its number belongs to somebody else at once. */
static void test_may_close(void)
{
    Pipe p;
    bool called = false;
    int other[2];

    pipe_start(&p, 1);
    p.reader.close = true;
    pipe_put(&p, "ab");
    g_assert_true(aio_poll(p.ctx, true));
    g_assert_cmpint(pipe(other), ==, 0);
    g_assert_cmpint(other[0], ==, p.fds[0]);
    aio_set_fd_handler(p.ctx, other[0], false, set_flag, NULL, NULL, NULL, &called);
    g_assert_cmpint(write(other[1], "x", 1), ==, 1);
    g_assert_true(aio_poll(p.ctx, true));
    g_assert_true(called);
    aio_set_fd_handler(p.ctx, other[0], false, NULL, NULL, NULL, NULL, NULL);
    close(other[1]);
    pipe_end(&p, "a");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/co-io/waits-until-readable", test_waits_until_readable);
    g_test_add_func("/co-io/each-wait-goes-through-the-loop", test_each_wait_goes_through_the_loop);
    g_test_add_func("/co-io/no-handler-is-left", test_no_handler_is_left);
    g_test_add_func("/co-io/end-of-file", test_end_of_file);
    g_test_add_func("/co-io/may-close", test_may_close);
    return g_test_run();
}
