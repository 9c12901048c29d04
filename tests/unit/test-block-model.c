/* The block layer against a model: thousands of random requests, drained sections and moves.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A round opens a node whose limits are chosen at random and has requests of all kinds, most of
 * them unaligned and overlapping, run on it, up to so many at once: each that is done starts more.
 * Meanwhile sections are drained, from all sides, and the node moves between the main thread and
 * two IOThreads. Each byte that is read, and in drained sections the whole disk, must be what
 * bytemodel.h allows.
 *
 *   --seed N              begin with the round of this seed; a failure tells which it was
 *   QAIO_MODEL_SECONDS=N  the time for all tests together (5)
 *   QAIO_MODEL_ROUNDS=N   as many rounds per test instead
 *
 * timeout: 600
 */
#include "base/osdep.h"
#include <fcntl.h>
#include <signal.h>
#include "base/atomic.h"
#include "block/block-backend.h"
#include "block/io_uring.h"
#include "block/linux-aio.h"
#include "loop/iothread.h"
#include "bytemodel.h"
#include "memdrv.h"
#include "util.h"

#define MAX_SIZE   (256 * 1024)
#define N_CONTEXTS 3
#define CANARY     0xa5
#define INJECTED   (-EREMOTEIO)

static uint64_t first_seed;
static uint64_t seed; /* the round's */

typedef struct Round {
    pthread_mutex_t lock; /* of what is not atomic */
    uint64_t rng;

    AioContext *ctx[N_CONTEXTS]; /* the first is the main thread's */
    BlockBackend *blk;
    BlockDriverState *bs;
    int fd;       /* of files; -1 */
    int check_fd; /* the same file, buffered */
    MemDrv m;
    uint32_t align;
    int64_t size;
    bool slow_flush;
    bool always_fua;
    ByteModel *model;
    uint8_t *disk; /* room for a copy */

    unsigned outstanding; /* requests begun and not ended */
    unsigned budget;      /* to be started by those that are done */
    unsigned writes_begun, writes_in_flight;
    unsigned failed, injected;
    unsigned inject_one_in; /* 0: none */
    int sections;           /* atomic: drained sections that hold */
} Round;

typedef enum Op { OP_READ, OP_WRITE, OP_ZEROES, OP_DISCARD, OP_FLUSH, OP_INVALID } Op;

typedef struct Request {
    Round *r;
    Op op;
    BdrvRequestFlags flags;
    int64_t offset, bytes;
    uint8_t *buf; /* with canaries at both ends */
    QEMUIOVector qiov;
    ModelRead *read;
    ModelWrite *write;
    bool was_quiet;         /* flush: no write was in flight when it began ... */
    unsigned writes_before; /* ... and as many had begun */
    bool by_callback;
    bool returned; /* the call that started it */
} Request;

static double env_number(const char *name, double otherwise)
{
    const char *value = g_getenv(name);

    return value && *value ? g_ascii_strtod(value, NULL) : otherwise;
}

/* ---- chance -------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* 0 to @n - 1. The lock is held. */
static int64_t rnd_locked(Round *r, int64_t n)
{
    return next_random(&r->rng) % n;
}

static int64_t rnd(Round *r, int64_t n)
{
    int64_t ret;

    pthread_mutex_lock(&r->lock);
    ret = rnd_locked(r, n);
    pthread_mutex_unlock(&r->lock);
    return ret;
}

static void tell_seed(void)
{
    char message[100];
    int n = snprintf(message, sizeof(message), "# to repeat: test-block-model --seed %" PRIu64 "\n",
                     seed);

    if (write(STDERR_FILENO, message, n) < 0) {
        return; /* nobody listens */
    }
}

/* An assertion has failed, or a round takes for ever. */
static void on_end(int sig)
{
    static const char hangs[] = "# the round does not come to its end\n";

    if (sig == SIGALRM && write(STDERR_FILENO, hangs, sizeof(hangs) - 1) < 0) {
        return;
    }
    tell_seed();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void check_byte(Round *r, int64_t bad, const uint8_t *found, int64_t offset,
                       const char *what)
{
    if (bad >= 0) {
        g_error("%s of %" PRId64 ": byte %" PRId64 " is %d: %s", what, offset, bad,
                found[bad - offset], bytemodel_describe(r->model, bad));
    }
}

/* ---- a request's end ----------------------------------------------------------------------- */

static void start_requests(Round *r, int n);

static void check_canaries(Request *q)
{
    g_assert_cmpint(q->buf[0], ==, CANARY);
    g_assert_cmpint(q->buf[q->bytes + 1], ==, CANARY);
}

static void read_done(Request *q, int ret)
{
    int64_t bad = bytemodel_read_end(q->r->model, q->read, ret == 0 ? q->buf + 1 : NULL);

    check_byte(q->r, bad, q->buf + 1, q->offset, "read");
    check_canaries(q);
}

static bool all_are_stable(Round *r, int64_t offset, int64_t bytes)
{
    return !memchr(r->m.unstable + offset, true, bytes);
}

static void write_done(Request *q, int ret)
{
    Round *r = q->r;

    r->writes_in_flight--;
    for (int64_t i = 0; q->op == OP_WRITE && i < q->bytes; i++) {
        g_assert_cmpint(q->buf[1 + i], ==, modelwrite_byte(q->write, q->offset + i));
    }
    if (ret == 0 && r->m.unstable && q->op != OP_DISCARD && modelwrite_is_alone(q->write) &&
        (r->always_fua || (q->flags & BDRV_REQ_FUA))) {
        g_assert_true(all_are_stable(r, q->offset, q->bytes));
    }
    bytemodel_write_end(r->model, q->write, ret == 0);
    if (q->buf) {
        check_canaries(q);
    }
}

static void flush_done(Request *q, int ret)
{
    Round *r = q->r;

    if (ret == 0 && r->m.unstable && q->was_quiet && q->writes_before == r->writes_begun) {
        g_assert_true(all_are_stable(r, 0, r->size));
    }
}

static void check_result(Request *q, int ret)
{
    Round *r = q->r;

    if (q->op == OP_INVALID) {
        g_assert_cmpint(ret, ==, -EIO);
    } else if (ret == INJECTED) {
        r->failed++;
    } else {
        g_assert_cmpint(ret, ==, 0);
    }
}

static void request_end(Request *q, int ret)
{
    Round *r = q->r;
    int more;

    /* Where and when it may end. */
    g_assert_true(qemu_get_current_aio_context() == blk_get_aio_context(r->blk));
    g_assert_cmpint(qatomic_read(&r->sections), ==, 0);
    g_assert_true(q->returned || !q->by_callback);

    pthread_mutex_lock(&r->lock);
    check_result(q, ret);
    if (q->read) {
        read_done(q, ret);
    } else if (q->write) {
        write_done(q, ret);
    } else if (q->op == OP_FLUSH) {
        flush_done(q, ret);
    }
    more = rnd_locked(r, 3);
    more = MIN(more, (int)r->budget);
    r->budget -= more;
    r->outstanding--;
    pthread_mutex_unlock(&r->lock);

    qemu_iovec_destroy(&q->qiov);
    g_free(q->buf);
    g_free(q);
    start_requests(r, more);
}

static void request_cb(void *opaque, int ret)
{
    request_end(opaque, ret);
}

/* ---- a request's beginning ----------------------------------------------------------------- */

static void choose_range(Request *q)
{
    Round *r = q->r;
    int64_t most = rnd_locked(r, 20) ? MIN(4 * (int64_t)r->align + 3000, r->size) : r->size / 2;
    int64_t area = rnd_locked(r, 3) ? MIN(65536, r->size) : r->size;

    q->bytes = rnd_locked(r, most + 1);
    q->offset = rnd_locked(r, area);
    if (rnd_locked(r, 3) == 0) {
        q->bytes = QEMU_ALIGN_UP(q->bytes, r->align);
        q->offset = QEMU_ALIGN_DOWN(q->offset, r->align);
    }
    q->bytes = MIN(q->bytes, r->size - q->offset);
}

/* In pieces of any size. */
static void make_buffers(Request *q)
{
    int n = rnd_locked(q->r, 2) ? 1 : 1 + rnd_locked(q->r, 12);
    int64_t done = 0, len;

    q->buf = g_malloc(q->bytes + 2);
    memset(q->buf, CANARY, q->bytes + 2);
    for (int i = n; done < q->bytes; i--) {
        len = i <= 1 ? q->bytes - done : rnd_locked(q->r, q->bytes - done + 1);
        qemu_iovec_add(&q->qiov, q->buf + 1 + done, len);
        done += len;
    }
}

static void prepare_write(Request *q)
{
    Round *r = q->r;
    bool zeroes = q->op == OP_ZEROES;

    if (q->op == OP_WRITE) {
        make_buffers(q);
    }
    q->flags = rnd_locked(r, r->slow_flush ? 60 : 4) ? 0 : BDRV_REQ_FUA;
    if (zeroes && rnd_locked(r, 2)) {
        q->flags |= BDRV_REQ_MAY_UNMAP;
    }
    if (!q->bytes) {
        return;
    }
    q->write = bytemodel_write_begin(r->model, q->offset, q->bytes, zeroes);
    for (int64_t i = 0; !zeroes && i < q->bytes; i++) {
        q->buf[1 + i] = modelwrite_byte(q->write, q->offset + i);
    }
}

/* What is not a whole block is left alone: zeroes between. */
static void prepare_discard(Request *q)
{
    Round *r = q->r;
    int64_t start = QEMU_ALIGN_UP(q->offset, r->align);
    int64_t end = QEMU_ALIGN_DOWN(q->offset + q->bytes, r->align);

    if (start < end) {
        q->write = bytemodel_write_begin(r->model, start, end - start, true);
    }
}

/* Past the end: nothing may come of it. */
static void prepare_invalid(Request *q)
{
    q->offset = q->r->size - rnd_locked(q->r, MIN(q->bytes, q->r->size) + 1);
    q->bytes = q->r->size - q->offset + 1 + rnd_locked(q->r, 5000);
    make_buffers(q);
}

static void prepare(Request *q)
{
    Round *r = q->r;

    qemu_iovec_init(&q->qiov, 1);
    choose_range(q);
    if (q->op == OP_READ) {
        make_buffers(q);
        q->read = q->bytes ? bytemodel_read_begin(r->model, q->offset, q->bytes) : NULL;
    } else if (q->op == OP_WRITE || q->op == OP_ZEROES) {
        prepare_write(q);
    } else if (q->op == OP_DISCARD) {
        prepare_discard(q);
    } else if (q->op == OP_INVALID) {
        prepare_invalid(q);
    }
    q->was_quiet = r->writes_in_flight == 0;
    q->writes_before = r->writes_begun;
    r->writes_begun += !!q->write;
    r->writes_in_flight += !!q->write;
    r->outstanding++;
}

static void start_by_callback(Request *q)
{
    BlockBackend *blk = q->r->blk;

    switch (q->op) {
    case OP_READ:
    case OP_INVALID:
        blk_aio_preadv(blk, q->offset, &q->qiov, 0, request_cb, q);
        break;
    case OP_WRITE:
        blk_aio_pwritev(blk, q->offset, &q->qiov, q->flags, request_cb, q);
        break;
    case OP_ZEROES:
        blk_aio_pwrite_zeroes(blk, q->offset, q->bytes, q->flags, request_cb, q);
        break;
    case OP_DISCARD:
        blk_aio_pdiscard(blk, q->offset, q->bytes, request_cb, q);
        break;
    case OP_FLUSH:
        blk_aio_flush(blk, request_cb, q);
        break;
    }
    q->returned = true;
}

static int coroutine_fn run_in_coroutine(Request *q)
{
    BlockBackend *blk = q->r->blk;

    switch (q->op) {
    case OP_READ:
        return blk_co_preadv(blk, q->offset, q->bytes, &q->qiov, 0);
    case OP_INVALID:
        return blk_co_pwritev(blk, q->offset, q->bytes, &q->qiov, 0);
    case OP_WRITE:
        return blk_co_pwritev(blk, q->offset, q->bytes, &q->qiov, q->flags);
    case OP_ZEROES:
        return blk_co_pwrite_zeroes(blk, q->offset, q->bytes, q->flags);
    case OP_DISCARD:
        return blk_co_pdiscard(blk, q->offset, q->bytes);
    default:
        return blk_co_flush(blk);
    }
}

static void coroutine_fn request_entry(void *opaque)
{
    Request *q = opaque;

    request_end(q, run_in_coroutine(q));
}

/* In the node's home thread. */
static void start_request(Round *r)
{
    static const Op ops[] = { OP_READ,  OP_READ,  OP_READ,   OP_WRITE,  OP_WRITE,
                              OP_WRITE, OP_WRITE, OP_ZEROES, OP_ZEROES, OP_DISCARD };
    Request *q = g_new0(Request, 1);

    pthread_mutex_lock(&r->lock);
    q->r = r;
    q->op = ops[rnd_locked(r, G_N_ELEMENTS(ops))];
    if (rnd_locked(r, r->slow_flush ? 200 : 12) == 0) {
        q->op = OP_FLUSH;
    } else if (rnd_locked(r, 40) == 0) {
        q->op = OP_INVALID;
    }
    prepare(q);
    q->by_callback = rnd_locked(r, 3) > 0;
    pthread_mutex_unlock(&r->lock);

    if (q->by_callback) {
        /* q is still there: its callback comes after the call has returned, in this thread. */
        start_by_callback(q);
    } else {
        aio_co_enter(blk_get_aio_context(r->blk), qemu_coroutine_create(request_entry, q));
    }
}

static void start_requests(Round *r, int n)
{
    while (n--) {
        start_request(r);
    }
}

/* ---- the memory driver's timing ------------------------------------------------------------- */

/* One of those that wait goes on; or it takes longer. */
static void mem_run_bh(void *opaque)
{
    Round *r = opaque;
    unsigned n = memdrv_waiting(&r->m);
    MemRequest *req;
    unsigned which;
    MemKind kind;

    g_assert_cmpuint(n, >, 0); /* each of those that wait has a bottom half */
    if (rnd(r, 3) == 0) {
        aio_bh_schedule_oneshot(bdrv_get_aio_context(r->bs), mem_run_bh, r);
        return;
    }
    req = QTAILQ_FIRST(&r->m.queue);
    which = rnd(r, n);
    for (unsigned i = 0; i < which; i++) {
        req = QTAILQ_NEXT(req, next);
    }
    kind = req->kind;
    if (r->inject_one_in && rnd(r, r->inject_one_in) == 0) {
        r->m.error[kind] = INJECTED;
        pthread_mutex_lock(&r->lock);
        r->injected++;
        pthread_mutex_unlock(&r->lock);
    }
    memdrv_run(&r->m, which); /* takes its error along */
    r->m.error[kind] = 0;
}

static void mem_arrived(MemDrv *m)
{
    Round *r = m->opaque;

    g_assert_true(qemu_get_current_aio_context() == bdrv_get_aio_context(m->bs));
    g_assert_cmpint(qatomic_read(&r->sections), ==, 0);
    aio_bh_schedule_oneshot(bdrv_get_aio_context(m->bs), mem_run_bh, r);
}

/* ---- the home thread's work ------------------------------------------------------------------ */

typedef struct HomeWork {
    Round *r;
    void (*func)(Round *r, int arg);
    int arg;
} HomeWork;

static void home_work_bh(void *opaque)
{
    HomeWork *w = opaque;

    w->func(w->r, w->arg);
}

/* Call @func in the node's home thread, and wait for it. */
static void at_home(Round *r, void (*func)(Round *r, int arg), int arg)
{
    HomeWork w = { .r = r, .func = func, .arg = arg };

    bdrv_run_in_home_thread(blk_get_aio_context(r->blk), home_work_bh, &w);
}

static void start_plugged(Round *r, int n)
{
    blk_io_plug(r->blk);
    start_requests(r, n);
    blk_io_unplug(r->blk);
}

/* Let the loops turn for a while. */
static void turn(Round *r, int n)
{
    while (n--) {
        if (!aio_poll(r->ctx[0], false)) {
            g_usleep(20);
        }
    }
}

/* ---- drained sections ------------------------------------------------------------------------ */

static void check_disk(Round *r)
{
    int64_t bad;

    if (r->check_fd >= 0) {
        g_assert_cmpint(pread(r->check_fd, r->disk, r->size, 0), ==, r->size);
    } else {
        g_assert_cmpuint(memdrv_waiting(&r->m), ==, 0);
        memcpy(r->disk, r->m.data, r->size);
    }
    pthread_mutex_lock(&r->lock);
    bad = bytemodel_check_idle(r->model, r->disk);
    check_byte(r, bad, r->disk, 0, "the disk");
    pthread_mutex_unlock(&r->lock);
}

/* From any thread, outside of coroutines or in one. */
static void begin_section(Round *r)
{
    bdrv_drained_begin(r->bs);
    qatomic_fetch_add(&r->sections, 1);
    g_assert_cmpuint(r->bs->in_flight, ==, 0);
    g_assert_true(QLIST_EMPTY(&r->bs->tracked_requests));
}

static void end_section(Round *r)
{
    qatomic_fetch_add(&r->sections, -1);
    bdrv_drained_end(r->bs);
}

static void section_from_here(Round *r)
{
    bool nested = rnd(r, 2);

    begin_section(r);
    if (nested) {
        begin_section(r);
    }
    at_home(r, rnd(r, 2) ? start_requests : start_plugged, rnd(r, 6));
    turn(r, 5);
    check_disk(r);
    if (nested) {
        end_section(r);
        turn(r, 3);
        check_disk(r);
    }
    end_section(r);
}

typedef struct Section {
    Round *r;
    bool done; /* atomic */
} Section;

static void coroutine_fn pause_a_while(Round *r)
{
    for (int i = rnd(r, 4); i > 0; i--) {
        aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
}

static void coroutine_fn section_entry(void *opaque)
{
    Section *s = opaque;
    Round *r = s->r;

    begin_section(r);
    start_requests(r, rnd(r, 4));
    pause_a_while(r);
    begin_section(r);
    check_disk(r);
    pause_a_while(r);
    end_section(r);
    pause_a_while(r);
    end_section(r);
    qatomic_store_release(&s->done, true);
}

/* Two coroutines at once, each with sections of its own. */
static void section_from_coroutines(Round *r)
{
    Section s[2] = { { .r = r }, { .r = r } };

    for (int i = 0; i < 2; i++) {
        aio_co_enter(blk_get_aio_context(r->blk), qemu_coroutine_create(section_entry, &s[i]));
    }
    while (!qatomic_load_acquire(&s[0].done) || !qatomic_load_acquire(&s[1].done)) {
        turn(r, 1);
    }
}

static gpointer section_thread(gpointer opaque)
{
    AioContext *ctx = test_context_new();
    Section *s = opaque;
    Round *r = s->r;

    begin_section(r);
    check_disk(r);
    begin_section(r);
    g_usleep(rnd(r, 200));
    end_section(r);
    check_disk(r);
    end_section(r);
    test_context_free(ctx);
    qatomic_store_release(&s->done, true);
    return NULL;
}

static void section_from_thread(Round *r)
{
    Section s = { .r = r };
    GThread *thread = g_thread_new("section", section_thread, &s);

    while (!qatomic_load_acquire(&s.done)) {
        turn(r, 1);
    }
    g_thread_join(thread);
}

static void drain_all(Round *r, int arg G_GNUC_UNUSED)
{
    AioContext *ctx = blk_get_aio_context(r->blk);

    bdrv_drain_all_begin(ctx);
    qatomic_fetch_add(&r->sections, 1);
    check_disk(r);
    start_requests(r, rnd(r, 3));
    check_disk(r);
    qatomic_fetch_add(&r->sections, -1);
    bdrv_drain_all_end(ctx);
}

/* ---- moves ---------------------------------------------------------------------------------- */

static void move(Round *r)
{
    AioContext *to = r->ctx[rnd(r, N_CONTEXTS)];

    blk_set_aio_context(r->blk, to, &error_abort);
    g_assert_true(bdrv_get_aio_context(r->bs) == to);
}

/* With requests that are parked, and go on elsewhere. */
static void move_in_section(Round *r)
{
    begin_section(r);
    at_home(r, start_requests, 1 + rnd(r, 5));
    move(r);
    if (rnd(r, 2)) {
        at_home(r, start_requests, 1 + rnd(r, 3));
        move(r);
    }
    check_disk(r);
    end_section(r);
}

/* Those that were parked have hardly begun to go on when the node goes away again. */
static void move_and_move(Round *r)
{
    for (int i = 2 + rnd(r, 3); i > 0; i--) {
        move_in_section(r);
    }
}

/* ---- a round -------------------------------------------------------------------------------- */

static void step(Round *r)
{
    switch (rnd(r, 12)) {
    case 0:
        blk_drain(r->blk);
        break;
    case 1:
        section_from_here(r);
        break;
    case 2:
        section_from_coroutines(r);
        break;
    case 3:
        section_from_thread(r);
        break;
    case 4:
        at_home(r, drain_all, 0);
        break;
    case 5:
        move(r);
        break;
    case 6:
        move_in_section(r);
        break;
    case 7:
        move_and_move(r);
        break;
    case 8:
        at_home(r, start_plugged, rnd(r, 20));
        break;
    default:
        at_home(r, start_requests, rnd(r, 10));
        break;
    }
    turn(r, rnd(r, 30));
}

static unsigned outstanding(Round *r)
{
    unsigned n;

    pthread_mutex_lock(&r->lock);
    n = r->outstanding;
    pthread_mutex_unlock(&r->lock);
    return n;
}

static bool goes_on(Round *r)
{
    bool ret;

    pthread_mutex_lock(&r->lock);
    ret = r->budget && r->outstanding < 200;
    pthread_mutex_unlock(&r->lock);
    return ret;
}

static void await_all(Round *r)
{
    gint64 start = g_get_monotonic_time();

    while (outstanding(r)) {
        turn(r, 1);
        if (g_get_monotonic_time() - start > 30 * G_USEC_PER_SEC) {
            g_error("%u requests never came back", outstanding(r));
        }
    }
}

/* With nothing else about: even what needs no driver is waited for. */
static void section_around_one(Round *r)
{
    for (int i = 0; i < 10; i++) {
        start_request(r);
        begin_section(r);
        turn(r, 2);
        end_section(r);
    }
}

/* The round's end: nothing starts by itself any more. Half of them leave requests to blk_unref().
 */
static void finish(Round *r)
{
    bool await = rnd(r, 2);

    pthread_mutex_lock(&r->lock);
    r->budget = 0;
    pthread_mutex_unlock(&r->lock);
    if (await) {
        await_all(r);
        blk_set_aio_context(r->blk, r->ctx[0], &error_abort);
        section_around_one(r);
        check_disk(r);
    } else {
        move_in_section(r);
    }
    blk_set_aio_context(r->blk, r->ctx[0], &error_abort);
    blk_unref(r->blk);
    g_assert_cmpuint(outstanding(r), ==, 0);
    g_assert_cmpuint(r->failed, ==, r->injected);
}

static uint64_t pow2(Round *r, unsigned max_shift)
{
    return 1u << rnd(r, max_shift + 1);
}

/* Half of the time there is no limit. */
static int64_t limit(Round *r, int64_t unit, int64_t most)
{
    return rnd(r, 2) ? 0 : unit * (1 + rnd(r, most)) + rnd(r, unit);
}

static void choose_limits(Round *r, BlockLimits *bl)
{
    uint32_t align = pow2(r, 12);
    int64_t unit;

    bl->request_alignment = MAX(bl->request_alignment, align);
    unit = MAX(bl->request_alignment, 256); /* less is only slow */
    bl->max_iov = rnd(r, 2) ? bl->max_iov : 1 + rnd(r, 6);
    bl->max_transfer = limit(r, unit, 20) ?: bl->max_transfer;
    bl->max_pdiscard = limit(r, unit, 20);
    bl->pwrite_zeroes_alignment = rnd(r, 2) ? 0 : pow2(r, 14);
    unit = MAX(bl->pwrite_zeroes_alignment, unit);
    bl->max_pwrite_zeroes = limit(r, unit, 5);
    r->align = bl->request_alignment;
}

/* The node's own limits, made narrower. */
static void narrow_limits(Round *r)
{
    choose_limits(r, &r->bs->bl);
    r->size = MAX_SIZE / 2 + rnd(r, MAX_SIZE / 2);
    r->size = QEMU_ALIGN_DOWN(r->size, r->align);
}

static void round_begin(Round *r, uint64_t round_seed)
{
    alarm(60 * env_number("QAIO_TIMEOUT_FACTOR", 1));
    seed = r->rng = round_seed;
    r->disk = g_malloc(MAX_SIZE);
    r->fd = r->check_fd = -1;
    r->budget = 100 + rnd(r, 400);
    r->outstanding = r->failed = r->injected = 0;
    r->writes_begun = r->writes_in_flight = 0;
    r->inject_one_in = 0;
    r->m = (MemDrv){ 0 };
}

/* Requests have to wait for the limits of a group, too, and there must be none in a drained
 * section. */
static void choose_throttle(Round *r)
{
    ThrottleConfig cfg;

    if (rnd(r, 4)) {
        return;
    }
    throttle_config_init(&cfg);
    cfg.buckets[THROTTLE_OPS_TOTAL].avg = 10000 + rnd(r, 30000);
    if (rnd(r, 2)) {
        cfg.buckets[THROTTLE_BPS_WRITE].avg = (50 + rnd(r, 200)) * 1000000;
    }
    blk_io_limits_enable(r->blk, "model");
    blk_set_io_limits(r->blk, &cfg);
}

static void round_run(Round *r)
{
    choose_throttle(r);
    r->always_fua = !r->slow_flush && rnd(r, 5) == 0;
    blk_set_enable_write_cache(r->blk, !r->always_fua);
    while (goes_on(r)) {
        step(r);
    }
    finish(r);
    bytemodel_free(r->model);
    g_free(r->disk);
}

/* ---- what the node is made of --------------------------------------------------------------- */

static void mem_round(Round *r)
{
    BlockLimits bl = { .request_alignment = 1, .min_mem_alignment = 1 };

    choose_limits(r, &bl);
    bl.min_mem_alignment = pow2(r, 9);
    r->size = MAX_SIZE / 8 + rnd(r, MAX_SIZE / 2);
    r->size = QEMU_ALIGN_DOWN(r->size, r->align);
    r->inject_one_in = rnd(r, 3) ? 0 : 20 + rnd(r, 100);
    r->slow_flush = false;
    r->bs = memdrv_open(&r->m, r->ctx[0], r->size, r->size, &bl, BDRV_O_RDWR);
    r->m.arrived = mem_arrived;
    r->m.opaque = r;
    r->m.has_zeroes = rnd(r, 2);
    r->m.unstable = g_malloc0(r->size);
    r->model = bytemodel_new(r->size, r->align, seed, r->m.data);
    r->blk = blk_new_with_bs(r->bs);
    round_run(r);
    g_free(r->m.unstable);
    memdrv_cleanup(&r->m);
}

/* A file in @dir, for check_fd without, for fd with @flags. False if the file system has not. */
static bool open_file(Round *r, const char *dir, int flags)
{
    g_autofree char *path = g_build_filename(dir, "qaio-model-XXXXXX", NULL);

    r->check_fd = g_mkstemp(path);
    g_assert_cmpint(r->check_fd, >=, 0);
    g_assert_cmpint(ftruncate(r->check_fd, MAX_SIZE), ==, 0);
    r->fd = open(path, O_RDWR | O_CLOEXEC | flags);
    unlink(path);
    if (r->fd < 0) {
        close(r->check_fd);
    }
    return r->fd >= 0;
}

static void file_round(Round *r, int open_flags)
{
    int flags = open_flags & BDRV_O_NOCACHE ? O_DIRECT : 0;
    bool ok = open_file(r, rnd(r, 2) ? g_get_tmp_dir() : test_tmpfs_dir(), flags) ||
              open_file(r, g_get_tmp_dir(), flags);

    g_assert_true(ok);
    r->slow_flush = true;
    r->bs = bdrv_open_fd("file", r->fd, BDRV_O_RDWR | open_flags, r->ctx[0], &error_abort);
    narrow_limits(r);
    r->model = bytemodel_new(r->size, r->align, seed, r->disk);
    g_assert_cmpint(pwrite(r->check_fd, r->disk, r->size, 0), ==, r->size);
    g_assert_cmpint(ftruncate(r->check_fd, r->size), ==, 0);
    g_assert_cmpint(bdrv_refresh_length(r->bs), ==, r->size);
    r->blk = blk_new_with_bs(r->bs);
    round_run(r);
    close(r->fd);
    close(r->check_fd);
}

static void native_round(Round *r)
{
    file_round(r, BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO);
}

static void io_uring_round(Round *r)
{
    file_round(r, BDRV_O_IO_URING | (rnd(r, 2) ? BDRV_O_NOCACHE : 0));
}

static void threads_round(Round *r)
{
    file_round(r, BDRV_O_NOCACHE);
}

static void buffered_round(Round *r)
{
    file_round(r, 0);
}

/* ---- tests ---------------------------------------------------------------------------------- */

typedef struct Test {
    const char *path;
    void (*round)(Round *r);
    int open_flags; /* what must be to be had; 0: anything is */
    unsigned share; /* of the time */
} Test;

/* Why this machine has not what @test is about; NULL: it has. */
static const char *lacks(const Test *test, AioContext *ctx)
{
    Error *err = NULL;
    Round r = { 0 };

    if (test_runs_on_valgrind() && test->open_flags & (BDRV_O_NATIVE_AIO | BDRV_O_IO_URING)) {
        return "valgrind does not see what the kernel puts into our buffers behind a ring";
    }
    if (test->open_flags & BDRV_O_IO_URING && !aio_setup_linux_io_uring(ctx, 8, &err)) {
        error_free(err);
        return "no io_uring is to be had";
    }
    if (test->open_flags & BDRV_O_NOCACHE) {
        if (!open_file(&r, g_get_tmp_dir(), O_DIRECT)) {
            return "the file system has no direct I/O";
        }
        close(r.fd);
        close(r.check_fd);
    }
    return NULL;
}

static void run_rounds(const Test *test, Round *r)
{
    double seconds = env_number("QAIO_MODEL_SECONDS", 5) * test->share / 10;
    double rounds = env_number("QAIO_MODEL_ROUNDS", 0);
    gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    uint64_t n = 0;

    do {
        round_begin(r, first_seed + n);
        test->round(r);
        n++;
    } while (rounds ? n < rounds : g_get_monotonic_time() < end);
    alarm(0);
    g_test_message("%" PRIu64 " rounds from seed %" PRIu64, n, first_seed);
}

static void run_test(gconstpointer opaque)
{
    const Test *test = opaque;
    Round r = { .lock = PTHREAD_MUTEX_INITIALIZER };
    AioContext *scratch = test_context_new();
    const char *why = lacks(test, scratch);
    IOThread *io[N_CONTEXTS];

    test_context_free(scratch);
    if (why) {
        g_test_skip(why);
        return;
    }
    r.ctx[0] = test_context_new();
    for (int i = 1; i < N_CONTEXTS; i++) {
        io[i] = iothread_new();
        r.ctx[i] = iothread_get_aio_context(io[i]);
    }
    run_rounds(test, &r);
    for (int i = 1; i < N_CONTEXTS; i++) {
        iothread_join(io[i]);
    }
    test_context_free(r.ctx[0]);
    pthread_mutex_destroy(&r.lock);
}

/* --seed N, which GLib would take for its own. */
static void take_seed(int *argc, char **argv)
{
    first_seed = (uint64_t)g_get_real_time() % 1000000007;
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], "--seed") == 0) {
            first_seed = g_ascii_strtoull(argv[i + 1], NULL, 10);
            memmove(&argv[i], &argv[i + 2], (*argc - i - 1) * sizeof(argv[0]));
            *argc -= 2;
            return;
        }
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        { "/block-model/memory", mem_round, 0, 6 },
        { "/block-model/native", native_round, BDRV_O_NOCACHE | BDRV_O_NATIVE_AIO, 1 },
        { "/block-model/io_uring", io_uring_round, BDRV_O_NOCACHE | BDRV_O_IO_URING, 1 },
        { "/block-model/threads", threads_round, BDRV_O_NOCACHE, 1 },
        { "/block-model/buffered", buffered_round, 0, 1 },
    };

    take_seed(&argc, argv);
    g_test_init(&argc, &argv, NULL);
    signal(SIGABRT, on_end);
    signal(SIGALRM, on_end);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, &tests[i], run_test);
    }
    return g_test_run();
}
