/* Joining requests: what goes as one, what does not, and that nobody can tell by the bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   --seed N    begin the random tests with this seed; a failure tells which it was
 *
 * Linked with --wrap of what allocates memory, which is counted.
 */
#include "base/osdep.h"
#include <signal.h>
#include "bytemodel.h"
#include "guest.h"
#include "util.h"
#include "virtio/virtio-blk-request.h"

#define SIZE    (1 << 20)
#define SECTORS (SIZE >> BDRV_SECTOR_BITS)

/* ---- counting allocations ------------------------------------------------------------------- */

static unsigned allocations;

#define WRAPPED(ret, name, params, args) \
    ret __real_##name params;            \
    ret __wrap_##name params;            \
    ret __wrap_##name params             \
    {                                    \
        allocations++;                   \
        return __real_##name args;       \
    }

WRAPPED(gpointer, g_malloc, (gsize n), (n))
WRAPPED(gpointer, g_malloc0, (gsize n), (n))
WRAPPED(gpointer, g_realloc, (gpointer p, gsize n), (p, n))
WRAPPED(gpointer, g_malloc_n, (gsize n, gsize size), (n, size))
WRAPPED(gpointer, g_malloc0_n, (gsize n, gsize size), (n, size))
WRAPPED(gpointer, g_realloc_n, (gpointer p, gsize n, gsize size), (p, n, size))
WRAPPED(int, posix_memalign, (void **p, size_t align, size_t n), (p, align, n))

/* ---- what arrives at the driver ------------------------------------------------------------- */

static GuestReq *add(Guest *g, uint32_t type, uint64_t sector, unsigned nb_sectors)
{
    GuestReq *r = guest_request(g, type, sector, nb_sectors << BDRV_SECTOR_BITS);

    memset(r->data, sector + 1, r->bytes);
    guest_add(g, 0, r);
    return r;
}

static GuestReq *add_read(Guest *g, uint64_t sector, unsigned nb_sectors)
{
    return add(g, VIRTIO_BLK_T_IN, sector, nb_sectors);
}

static GuestReq *add_write(Guest *g, uint64_t sector, unsigned nb_sectors)
{
    return add(g, VIRTIO_BLK_T_OUT, sector, nb_sectors);
}

/* Those that wait in the driver: kind, first sector, number of sectors, buffers. */
static void check_arrived(Guest *g, const char *expected)
{
    static const char kinds[MEM_KINDS] = { 'R', 'W', 'D', 'Z', 'F', 'T' };
    GString *s = g_string_new(NULL);
    MemRequest *req;

    guest_kick(g, 0);
    guest_kick(g, 1);
    QTAILQ_FOREACH (req, &g->m.queue, next) {
        g_string_append_printf(s, "%s%c%d+%d/%u", s->len ? " " : "", kinds[req->kind],
                               (int)(req->offset >> 9), (int)(req->bytes >> 9), req->niov);
    }
    g_assert_cmpstr(s->str, ==, expected);
    g_string_free(s, true);
}

/* Let them go; all sent so far come back well, and reads with what the disk holds at first. */
static void finish(Guest *g)
{
    guest_run(g);
    for (unsigned i = 0; i < g->requests->len; i++) {
        GuestReq *r = g_ptr_array_index(g->requests, i);

        guest_check(r, VIRTIO_BLK_S_OK);
        if (r->hdr.type == VIRTIO_BLK_T_IN) {
            g_assert_cmpuint(r->used, ==, r->bytes + 1);
            g_assert_true(test_bytes_are(r->data, r->hdr.sector << 9, r->bytes));
        }
    }
    guest_stop(g);
}

static void test_contiguous(void)
{
    Guest g;

    guest_start_default(&g);
    for (int i = 0; i < 5; i++) {
        add_read(&g, 8 * i, 8);
    }
    check_arrived(&g, "R0+40/5");
    finish(&g);
}

static void test_unsorted(void)
{
    static const int sectors[] = { 24, 0, 100, 8, 16, 108, 50 };
    Guest g;

    guest_start_default(&g);
    for (unsigned i = 0; i < ARRAY_SIZE(sectors); i++) {
        add_read(&g, sectors[i], 8);
    }
    check_arrived(&g, "R0+32/4 R50+8/1 R100+16/2");
    finish(&g);
}

static void test_gap_and_overlap(void)
{
    Guest g;

    guest_start_default(&g);
    add_read(&g, 0, 8);
    add_read(&g, 9, 8);
    add_read(&g, 16, 8);
    add_read(&g, 24, 8);
    check_arrived(&g, "R0+8/1 R9+8/1 R16+16/2");
    finish(&g);
}

/* Of two writes to the same place the one that came last is the last. */
static void test_equal_sectors_stay_in_order(void)
{
    Guest g;
    GuestReq *r[3];

    guest_start_default(&g);
    for (int i = 0; i < 3; i++) {
        r[i] = guest_request(&g, VIRTIO_BLK_T_OUT, 10 - (i == 0), 512);
        memset(r[i]->data, 'a' + i, 512);
        guest_add(&g, 0, r[i]);
    }
    check_arrived(&g, "W9+2/2 W10+1/1");
    guest_run(&g);
    g_assert_cmpint(g.m.data[9 * 512], ==, 'a');
    g_assert_cmpint(g.m.data[10 * 512], ==, 'c');
    finish(&g);
}

static void test_direction(void)
{
    Guest g;

    guest_start_default(&g);
    add_read(&g, 0, 8);
    add_read(&g, 8, 8);
    add_write(&g, 16, 8);
    add_write(&g, 24, 8);
    add_read(&g, 32, 8);
    check_arrived(&g, "R0+16/2 W16+16/2 R32+8/1");
    finish(&g);
}

static void test_max_iov(void)
{
    BlockLimits bl = guest_limits();
    Guest g;

    bl.max_iov = 3;
    guest_start(&g, SIZE, NULL, &bl);
    for (int i = 0; i < 8; i++) {
        add_read(&g, 8 * i, 8);
    }
    check_arrived(&g, "R0+24/3 R24+24/3 R48+16/2");
    finish(&g);
}

/* A request of several buffers counts for as many. */
static void test_max_iov_of_many_buffers(void)
{
    BlockLimits bl = guest_limits();
    Guest g;

    bl.max_iov = 5;
    guest_start(&g, SIZE, NULL, &bl);
    for (int i = 0; i < 4; i++) {
        GuestReq *r = guest_request(&g, VIRTIO_BLK_T_IN, 4 * i, 2048);

        qemu_iovec_add(&r->sg, r->data, 700);
        qemu_iovec_add(&r->sg, r->data + 700, 1348);
        guest_add(&g, 0, r);
    }
    check_arrived(&g, "R0+8/4 R8+8/4");
    finish(&g);
}

static void test_max_transfer(void)
{
    BlockLimits bl = guest_limits();
    Guest g;

    bl.max_transfer = 20 * 512;
    guest_start(&g, SIZE, NULL, &bl);
    add_read(&g, 0, 8);
    add_read(&g, 8, 12); /* 20 exactly */
    add_read(&g, 20, 8);
    add_read(&g, 28, 8);
    add_read(&g, 36, 5); /* would be 21 */
    check_arrived(&g, "R0+20/2 R20+16/2 R36+5/1");
    finish(&g);
}

/* What is too large by itself is the block layer's to cut, and joined with nothing. */
static void test_larger_than_max_transfer(void)
{
    BlockLimits bl = guest_limits();
    Guest g;

    bl.max_transfer = 8 * 512;
    guest_start(&g, SIZE, NULL, &bl);
    add_read(&g, 0, 12);
    add_read(&g, 12, 2);
    add_read(&g, 14, 2);
    check_arrived(&g, "R0+8/1 R12+4/2");
    finish(&g);
}

static void test_32_requests(void)
{
    Guest g;

    guest_start_default(&g);
    for (int i = 0; i < 40; i++) {
        add_read(&g, i, 1);
    }
    check_arrived(&g, "R0+32/32 R32+8/8");
    finish(&g);
}

/* Those that came before are started before. */
static void test_another_type_between(void)
{
    struct virtio_blk_discard_write_zeroes seg = { 100, 8, 0 };
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    add_write(&g, 0, 8);
    add_write(&g, 8, 8);
    add(&g, VIRTIO_BLK_T_FLUSH, 0, 0);
    add_write(&g, 16, 8);
    r = guest_request(&g, VIRTIO_BLK_T_DISCARD, 0, sizeof(seg));
    memcpy(r->data, &seg, sizeof(seg));
    guest_add(&g, 0, r);
    add_write(&g, 24, 8);
    add(&g, VIRTIO_BLK_T_GET_ID, 0, 0); /* is nothing to the disk */
    add_write(&g, 32, 8);
    check_arrived(&g, "W0+16/2 F0+0/0 W16+8/1 D100+8/0 W24+16/2");
    finish(&g);
}

static void test_no_data(void)
{
    Guest g;

    guest_start_default(&g);
    add_read(&g, 0, 8);
    add_read(&g, 8, 0);
    add_read(&g, 8, 8);
    check_arrived(&g, "R0+16/2");
    finish(&g);
}

static void test_queues_apart(void)
{
    Guest g;

    guest_start_default(&g);
    add_read(&g, 0, 8);
    guest_add(&g, 1, guest_request(&g, VIRTIO_BLK_T_IN, 8, 4096));
    check_arrived(&g, "R0+8/1 R8+8/1");
    finish(&g);
}

static void test_off(void)
{
    VirtIOBlkConf conf = guest_conf();
    Guest g;

    conf.request_merging = false;
    guest_start(&g, SIZE, &conf, NULL);
    add_read(&g, 8, 8);
    add_read(&g, 0, 8);
    add_read(&g, 16, 8);
    check_arrived(&g, "R8+8/1 R0+8/1 R16+8/1");
    g_assert_cmpuint(g.stats.types[BLOCK_ACCT_READ].merged, ==, 0);
    finish(&g);
}

/* ---- the ends of those that are joined ------------------------------------------------------ */

static void test_all_end_at_once(void)
{
    Guest g;

    guest_start_default(&g);
    for (int i = 0; i < 4; i++) {
        add_read(&g, i < 2 ? i : 100 + i, 1);
    }
    check_arrived(&g, "R0+2/2 R102+2/2");
    memdrv_run(&g.m, 1);
    guest_reap(&g);
    g_assert_cmpuint(g.n_done, ==, 2);
    g_assert_cmpuint(g.interrupts, ==, 1);
    g_assert_true(guest_is_done(g_ptr_array_index(g.requests, 2)));
    g_assert_true(guest_is_done(g_ptr_array_index(g.requests, 3)));
    finish(&g);
}

static void test_failure_of_all(void)
{
    const BlockAcctCounters *c;
    Guest g;
    GuestReq *r[6];

    guest_start_default(&g);
    c = &g.stats.types[BLOCK_ACCT_WRITE];
    for (int i = 0; i < 6; i++) {
        r[i] = add_write(&g, i < 4 ? i : 50 + i, 1);
    }
    check_arrived(&g, "W0+4/4 W54+2/2");
    g.m.error[MEM_WRITE] = -EIO;
    memdrv_run(&g.m, 0);
    g.m.error[MEM_WRITE] = 0;
    guest_run(&g);
    for (int i = 0; i < 6; i++) {
        guest_check(r[i], i < 4 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
    }
    g_assert_cmpuint(c->failed_ops, ==, 4);
    g_assert_cmpuint(c->nr_ops, ==, 2);
    guest_stop(&g);
}

static void test_accounts(void)
{
    const BlockAcctCounters *reads, *writes;
    Guest g;

    guest_start_default(&g);
    reads = &g.stats.types[BLOCK_ACCT_READ];
    writes = &g.stats.types[BLOCK_ACCT_WRITE];
    for (int i = 0; i < 5; i++) {
        add_read(&g, 4 * i, 4);
    }
    add_write(&g, 104, 4);
    add_write(&g, 100, 4);
    add_write(&g, 200, 1);
    check_arrived(&g, "R0+20/5 W100+8/2 W200+1/1");
    guest_run(&g);
    g_assert_cmpuint(reads->merged, ==, 4);
    g_assert_cmpuint(reads->nr_ops, ==, 5);
    g_assert_cmpuint(reads->nr_bytes, ==, 5 * 2048);
    g_assert_cmpuint(writes->merged, ==, 1);
    g_assert_cmpuint(writes->nr_ops, ==, 3);
    g_assert_cmpuint(writes->nr_bytes, ==, 9 * 512);
    finish(&g);
}

/* The list of buffers that each request has is its own, and stays as it was. */
static void test_own_buffers_stay(void)
{
    Guest g;
    VirtIOBlockReq *req;
    GuestReq *r[4];
    unsigned found = 0;

    guest_start_default(&g);
    for (int i = 0; i < 4; i++) {
        r[i] = add_read(&g, i, 1);
    }
    check_arrived(&g, "R0+4/4");
    for (int head = 0; head < g.dev.conf.queue_size; head++) {
        req = virtio_queue_get_element(virtio_get_queue(&g.dev.parent_obj, 0), head);
        for (int i = 0; req->status && i < 4; i++) {
            if (req->status == &r[i]->status) {
                found++;
                g_assert_cmpint(req->qiov.niov, ==, 1);
                g_assert_cmpint(req->qiov.nalloc, ==, -1);
                g_assert_cmpuint(req->qiov.size, ==, 512);
                g_assert_true(req->qiov.iov->iov_base == r[i]->data);
                g_assert_true(req->qiov.iov == req->elem.in_sg);
            }
        }
    }
    g_assert_cmpuint(found, ==, 4);
    finish(&g);
}

/* ---- allocations ---------------------------------------------------------------------------- */

static void run_again(Guest *g, GuestReq **r, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guest_again(r[i]);
        guest_add(g, i / (n / 2), r[i]);
    }
    guest_kick(g, 0);
    guest_kick(g, 1);
    guest_run(g);
}

static void check_allocations(bool merging)
{
    VirtIOBlkConf conf = guest_conf();
    GuestReq *r[64];
    unsigned before;
    Guest g;

    conf.request_merging = merging;
    guest_start(&g, SIZE, &conf, NULL);
    blk_reserve(g.ctx, ARRAY_SIZE(r));
    qemu_coroutine_inc_pool_size(ARRAY_SIZE(r));
    qemu_coroutine_pool_reserve(ARRAY_SIZE(r));
    for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
        r[i] = guest_request(&g, i / 8 % 2, i, 512); /* eight reads, eight writes, and so on */
    }
    run_again(&g, r, ARRAY_SIZE(r));
    g_assert_true(merging == (g.stats.types[BLOCK_ACCT_READ].merged > 0));
    before = allocations;
    for (int round = 0; round < 20; round++) {
        run_again(&g, r, ARRAY_SIZE(r));
    }
    g_assert_cmpuint(allocations, ==, before);
    g_assert_cmpuint(g.n_done, ==, 21 * ARRAY_SIZE(r));
    qemu_coroutine_dec_pool_size(ARRAY_SIZE(r));
    guest_stop(&g);
}

static void test_no_allocation(void)
{
    check_allocations(false);
    check_allocations(true);
}

/* ---- chance --------------------------------------------------------------------------------- */

static uint64_t first_seed, seed;

static void tell_seed(int sig)
{
    char message[100];
    int n = snprintf(message, sizeof(message),
                     "# to repeat: test-virtio-blk-merge --seed %" PRIu64 "\n", seed);

    if (write(STDERR_FILENO, message, n) >= 0) {
        signal(sig, SIG_DFL);
        raise(sig);
    }
}

static GRand *round_begin(unsigned round)
{
    seed = first_seed + round;
    return g_rand_new_with_seed(seed);
}

static BlockLimits random_limits(GRand *rnd)
{
    static const uint32_t max_iov[] = { 0, 1, 2, 3, 7, 64 };
    static const uint32_t max_transfer[] = { 0, 512, 1024, 5 * 512, 65536 };
    BlockLimits bl = guest_limits();

    bl.max_iov = max_iov[g_rand_int_range(rnd, 0, ARRAY_SIZE(max_iov))];
    bl.max_transfer = max_transfer[g_rand_int_range(rnd, 0, ARRAY_SIZE(max_transfer))];
    return bl;
}

/* Cut the request's data into up to four pieces, anywhere. */
static void random_pieces(GRand *rnd, GuestReq *r)
{
    size_t at = 0;

    for (int n = g_rand_int_range(rnd, 0, 4); n > 0 && r->bytes - at > 1; n--) {
        size_t piece = g_rand_int_range(rnd, 1, r->bytes - at);

        qemu_iovec_add(&r->sg, r->data + at, piece);
        at += piece;
    }
    if (at < r->bytes) {
        qemu_iovec_add(&r->sg, r->data + at, r->bytes - at);
    }
}

/* Up to 60 requests that do not concern one another: neighbours, in some order. */
static void send_disjoint(GRand *rnd, Guest *g)
{
    GuestReq *r[60];
    unsigned n = 0;
    uint64_t sector = g_rand_int_range(rnd, 0, 16);

    while (n < ARRAY_SIZE(r)) {
        unsigned nb = g_rand_int_range(rnd, 1, 9);

        r[n] = guest_request(g, g_rand_int_range(rnd, 0, 4) == 0, sector, nb << 9);
        g_assert_cmpuint(sector + nb, <, SECTORS);
        for (size_t i = 0; i < r[n]->bytes; i++) {
            r[n]->data[i] = r[n]->hdr.type == VIRTIO_BLK_T_OUT ? g_rand_int(rnd) : 0xee;
        }
        random_pieces(rnd, r[n++]);
        sector += nb + (g_rand_int_range(rnd, 0, 5) == 0);
    }
    for (int swaps = g_rand_int_range(rnd, 0, 80); swaps > 0; swaps--) {
        unsigned i = g_rand_int_range(rnd, 0, n), j = g_rand_int_range(rnd, 0, n);
        GuestReq *other = r[i];

        r[i] = r[j];
        r[j] = other;
    }
    for (unsigned i = 0; i < n; i++) {
        guest_add(g, 0, r[i]);
    }
}

/* Some batches of one seed. Returns the disk and all that was read. */
static GByteArray *run_disjoint(bool merging)
{
    GRand *rnd = round_begin(seed - first_seed);
    BlockLimits bl = random_limits(rnd);
    VirtIOBlkConf conf = guest_conf();
    GByteArray *bytes = g_byte_array_new();
    Guest g;

    conf.queue_size = 512;
    conf.request_merging = merging;
    guest_start(&g, SIZE, &conf, &bl);
    for (int batch = 0; batch < 4; batch++) {
        send_disjoint(rnd, &g);
        guest_kick(&g, 0);
        guest_run(&g);
    }
    for (unsigned i = 0; i < g.requests->len; i++) {
        GuestReq *r = g_ptr_array_index(g.requests, i);

        guest_check(r, VIRTIO_BLK_S_OK);
        g_byte_array_append(bytes, r->data, r->bytes);
    }
    g_byte_array_append(bytes, g.m.data, SIZE);
    g_assert_true(merging || g.stats.types[BLOCK_ACCT_READ].merged == 0);
    guest_stop(&g);
    g_rand_free(rnd);
    return bytes;
}

static void test_same_bytes(void)
{
    for (unsigned round = 0; round < 30; round++) {
        GByteArray *merged, *unmerged;

        seed = first_seed + round;
        merged = run_disjoint(true);
        unmerged = run_disjoint(false);
        g_assert_cmpmem(merged->data, merged->len, unmerged->data, unmerged->len);
        g_byte_array_free(merged, true);
        g_byte_array_free(unmerged, true);
    }
}

/* Requests of all kinds that overlap, fail, and end in any order, against the model. */
typedef struct Chaos {
    GRand *rnd;
    Guest g;
    ByteModel *model;
    GPtrArray *live; /* of ChaosReq */
    unsigned sent, failed;
} Chaos;

typedef struct ChaosReq {
    GuestReq *r;
    ModelRead *read;
    ModelWrite *write;
} ChaosReq;

static void chaos_send(Chaos *c)
{
    ChaosReq *q = g_new0(ChaosReq, 1);
    unsigned nb = g_rand_int_range(c->rnd, 1, 9);
    uint64_t sector = g_rand_int_range(c->rnd, 0, 64);
    bool is_write = g_rand_boolean(c->rnd);
    int64_t offset = sector << 9;

    q->r = guest_request(&c->g, is_write, sector, nb << 9);
    if (is_write) {
        q->write = bytemodel_write_begin(c->model, offset, q->r->bytes, false);
        for (size_t i = 0; i < q->r->bytes; i++) {
            q->r->data[i] = modelwrite_byte(q->write, offset + i);
        }
    } else {
        q->read = bytemodel_read_begin(c->model, offset, q->r->bytes);
    }
    random_pieces(c->rnd, q->r);
    guest_add(&c->g, g_rand_int_range(c->rnd, 0, GUEST_QUEUES), q->r);
    g_ptr_array_add(c->live, q);
    c->sent++;
}

static void chaos_end(Chaos *c, ChaosReq *q)
{
    bool success = q->r->status == VIRTIO_BLK_S_OK;

    g_assert_true(success || q->r->status == VIRTIO_BLK_S_IOERR);
    c->failed += !success;
    if (q->write) {
        bytemodel_write_end(c->model, q->write, success);
    } else {
        int64_t bad = bytemodel_read_end(c->model, q->read, success ? q->r->data : NULL);

        if (bad >= 0) {
            g_error("byte %" PRId64 ": %s", bad, bytemodel_describe(c->model, bad));
        }
    }
    g_free(q);
}

static void chaos_reap(Chaos *c)
{
    guest_reap(&c->g);
    for (unsigned i = 0; i < c->live->len;) {
        ChaosReq *q = g_ptr_array_index(c->live, i);

        if (guest_is_done(q->r)) {
            g_ptr_array_remove_index_fast(c->live, i);
            chaos_end(c, q);
        } else {
            i++;
        }
    }
}

static void chaos_step(Chaos *c)
{
    unsigned waiting = memdrv_waiting(&c->g.m);

    switch (g_rand_int_range(c->rnd, 0, 4)) {
    case 0:
        for (int n = g_rand_int_range(c->rnd, 1, 40); n > 0 && c->live->len < 100; n--) {
            chaos_send(c);
        }
        break;
    case 1:
        guest_kick(&c->g, g_rand_int_range(c->rnd, 0, GUEST_QUEUES));
        break;
    default:
        if (waiting) {
            int error = g_rand_int_range(c->rnd, 0, 10) == 0 ? -EIO : 0;

            c->g.m.error[MEM_READ] = c->g.m.error[MEM_WRITE] = error;
            memdrv_run(&c->g.m, g_rand_int_range(c->rnd, 0, waiting));
            test_poll_idle(c->g.ctx);
            c->g.m.error[MEM_READ] = c->g.m.error[MEM_WRITE] = 0;
        }
        chaos_reap(c);
        break;
    }
}

/* Returns how many requests failed. */
static unsigned run_chaos(unsigned round)
{
    Chaos c = { .rnd = round_begin(round), .live = g_ptr_array_new() };
    VirtIOBlkConf conf = guest_conf();
    BlockLimits bl = random_limits(c.rnd);

    conf.queue_size = 1024;
    guest_start(&c.g, 128 << 9, &conf, &bl);
    c.model = bytemodel_new(128 << 9, 512, seed, c.g.m.data);
    while (c.sent < 400) {
        chaos_step(&c);
    }
    guest_kick(&c.g, 0);
    guest_kick(&c.g, 1);
    guest_run(&c.g);
    chaos_reap(&c);
    g_assert_cmpuint(c.live->len, ==, 0);
    g_assert_cmpint(bytemodel_check_idle(c.model, c.g.m.data), ==, -1);

    guest_stop(&c.g);
    bytemodel_free(c.model);
    g_ptr_array_free(c.live, true);
    g_rand_free(c.rnd);
    return c.failed;
}

static void test_model(void)
{
    unsigned failed = 0;

    for (unsigned round = 0; round < 20; round++) {
        failed += run_chaos(round);
    }
    g_assert_cmpuint(failed, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    first_seed = (uint32_t)g_random_int();
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        first_seed = g_ascii_strtoull(argv[2], NULL, 10);
    }
    signal(SIGABRT, tell_seed);
    g_test_add_func("/merge/joined/contiguous", test_contiguous);
    g_test_add_func("/merge/joined/unsorted", test_unsorted);
    g_test_add_func("/merge/joined/no-data", test_no_data);
    g_test_add_func("/merge/apart/gap-and-overlap", test_gap_and_overlap);
    g_test_add_func("/merge/apart/equal-sectors", test_equal_sectors_stay_in_order);
    g_test_add_func("/merge/apart/direction", test_direction);
    g_test_add_func("/merge/apart/max-iov", test_max_iov);
    g_test_add_func("/merge/apart/max-iov-of-many-buffers", test_max_iov_of_many_buffers);
    g_test_add_func("/merge/apart/max-transfer", test_max_transfer);
    g_test_add_func("/merge/apart/larger-than-max-transfer", test_larger_than_max_transfer);
    g_test_add_func("/merge/apart/32", test_32_requests);
    g_test_add_func("/merge/apart/another-type-between", test_another_type_between);
    g_test_add_func("/merge/apart/queues", test_queues_apart);
    g_test_add_func("/merge/apart/off", test_off);
    g_test_add_func("/merge/end/all-at-once", test_all_end_at_once);
    g_test_add_func("/merge/end/failure-of-all", test_failure_of_all);
    g_test_add_func("/merge/end/accounts", test_accounts);
    g_test_add_func("/merge/end/own-buffers-stay", test_own_buffers_stay);
    g_test_add_func("/merge/no-allocation", test_no_allocation);
    g_test_add_func("/merge/random/same-bytes", test_same_bytes);
    g_test_add_func("/merge/random/model", test_model);
    return g_test_run();
}
