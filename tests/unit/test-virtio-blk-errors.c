/* What a virtio-blk device does about requests that fail: report, ignore, stop; and how it goes on.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "guest.h"
#include "util.h"

static void fail_all(Guest *g, int error)
{
    for (int kind = 0; kind < MEM_KINDS; kind++) {
        g->m.error[kind] = error;
    }
}

static GuestReq *add(Guest *g, unsigned queue, uint32_t type, uint64_t sector)
{
    struct virtio_blk_discard_write_zeroes seg = { sector, 8, 0 };
    bool has_segment = type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
    GuestReq *r;

    if (has_segment) {
        r = guest_request(g, type, 0, sizeof(seg));
        memcpy(r->data, &seg, sizeof(seg));
    } else {
        r = guest_request(g, type, sector, type == VIRTIO_BLK_T_FLUSH ? 0 : 512);
        memset(r->data, 0xaa, r->bytes);
    }
    guest_add(g, queue, r);
    return r;
}

/* Merging would have the order of a retry be that of the sectors. */
static void start_unmerged(Guest *g, BlockdevOnError on_read_error, BlockdevOnError on_write_error)
{
    VirtIOBlkConf conf = guest_conf();

    conf.request_merging = false;
    guest_start(g, 1 << 20, &conf, NULL);
    g->m.has_zeroes = true;
    blk_set_on_error(g->blk, on_read_error, on_write_error);
}

/* ---- each policy ---------------------------------------------------------------------------- */

/* What becomes of one request of @type that fails with @error: @status, or 0xff, the device stops.
 */
static void check_policy(BlockdevOnError on_read_error, BlockdevOnError on_write_error,
                         uint32_t type, int error, uint8_t status)
{
    bool stops = status == 0xff;
    Guest g;
    GuestReq *r;

    start_unmerged(&g, on_read_error, on_write_error);
    fail_all(&g, -error);
    r = add(&g, 0, type, 8);
    guest_kick(&g, 0);
    guest_run(&g);
    g_assert_cmpuint(g.stops, ==, stops);
    g_assert_true(g.dev.stopped == stops);
    g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, stops);
    if (stops) {
        g_assert_cmpint(g.stop_error, ==, error);
        g_assert_true(g.stop_is_read == (type == VIRTIO_BLK_T_IN));
        g_assert_false(guest_is_done(r));
        fail_all(&g, 0);
        virtio_blk_resume(&g.dev);
        g_assert_false(g.dev.stopped);
        guest_run(&g);
        status = VIRTIO_BLK_S_OK;
    }
    guest_check(r, status);
    guest_stop(&g);
}

#define REPORT BLOCKDEV_ON_ERROR_REPORT
#define IGNORE BLOCKDEV_ON_ERROR_IGNORE
#define ENOSP  BLOCKDEV_ON_ERROR_ENOSPC
#define STOP   BLOCKDEV_ON_ERROR_STOP
#define AUTO   BLOCKDEV_ON_ERROR_AUTO

static void test_reads(void)
{
    check_policy(REPORT, STOP, VIRTIO_BLK_T_IN, EIO, VIRTIO_BLK_S_IOERR);
    check_policy(IGNORE, STOP, VIRTIO_BLK_T_IN, EIO, VIRTIO_BLK_S_OK);
    check_policy(ENOSP, STOP, VIRTIO_BLK_T_IN, EIO, VIRTIO_BLK_S_IOERR);
    check_policy(ENOSP, IGNORE, VIRTIO_BLK_T_IN, ENOSPC, 0xff);
    check_policy(STOP, IGNORE, VIRTIO_BLK_T_IN, EIO, 0xff);
    check_policy(AUTO, STOP, VIRTIO_BLK_T_IN, ENOSPC, VIRTIO_BLK_S_IOERR);
}

static void test_writes(void)
{
    static const uint32_t types[] = { VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_DISCARD,
                                      VIRTIO_BLK_T_WRITE_ZEROES };

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        check_policy(STOP, REPORT, types[i], EIO, VIRTIO_BLK_S_IOERR);
        check_policy(STOP, IGNORE, types[i], EIO, VIRTIO_BLK_S_OK);
        check_policy(STOP, ENOSP, types[i], EIO, VIRTIO_BLK_S_IOERR);
        check_policy(IGNORE, ENOSP, types[i], ENOSPC, 0xff);
        check_policy(IGNORE, STOP, types[i], EIO, 0xff);
        check_policy(STOP, AUTO, types[i], EIO, VIRTIO_BLK_S_IOERR);
        check_policy(STOP, AUTO, types[i], ENOSPC, 0xff);
    }
}

/* What is ignored counts as done, what is reported as failed; what waits is neither yet. */
static void test_accounts(void)
{
    const BlockAcctCounters *c;
    Guest g;

    start_unmerged(&g, REPORT, IGNORE);
    c = g.stats.types;
    fail_all(&g, -EIO);
    guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
    guest_do(&g, VIRTIO_BLK_T_OUT, 0, 512);
    g_assert_cmpuint(c[BLOCK_ACCT_READ].failed_ops, ==, 1);
    g_assert_cmpuint(c[BLOCK_ACCT_READ].nr_ops, ==, 0);
    g_assert_cmpuint(c[BLOCK_ACCT_WRITE].failed_ops, ==, 0);
    g_assert_cmpuint(c[BLOCK_ACCT_WRITE].nr_ops, ==, 1);

    blk_set_on_error(g.blk, STOP, STOP);
    guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
    g_assert_cmpuint(c[BLOCK_ACCT_READ].failed_ops + c[BLOCK_ACCT_READ].nr_ops, ==, 1);
    fail_all(&g, 0);
    virtio_blk_resume(&g.dev);
    guest_run(&g);
    g_assert_cmpuint(c[BLOCK_ACCT_READ].failed_ops, ==, 1);
    g_assert_cmpuint(c[BLOCK_ACCT_READ].nr_ops, ==, 1);
    guest_stop(&g);
}

/* ---- a device that has stopped -------------------------------------------------------------- */

/* The sectors of those that wait in the driver. */
static void check_waiting(Guest *g, const char *expected)
{
    GString *s = g_string_new(NULL);
    MemRequest *req;

    QTAILQ_FOREACH (req, &g->m.queue, next) {
        g_string_append_printf(s, "%s%d", s->len ? " " : "", (int)(req->offset >> 9));
    }
    g_assert_cmpstr(s->str, ==, expected);
    g_string_free(s, true);
}

/* However they fail, they are tried again in the order in which they came, on both queues, before
 * those that have come since. */
static void test_order_is_kept(void)
{
    static const int sectors[] = { 40, 10, 30, 20, 50, 0 };
    Guest g;
    GuestReq *r[6], *late[2];

    start_unmerged(&g, STOP, STOP);
    g.dev.popped = UINT32_MAX - 2; /* they are numbered; the numbers wrap around */
    for (int i = 0; i < 6; i++) {
        r[i] = add(&g, i % 2, i % 3 == 0, sectors[i]);
        guest_kick(&g, i % 2);
    }
    check_waiting(&g, "40 10 30 20 50 0");
    fail_all(&g, -EIO);
    memdrv_run(&g.m, 4); /* 50 */
    memdrv_run(&g.m, 4); /* 0 */
    memdrv_run(&g.m, 0); /* 40 */
    fail_all(&g, 0);
    memdrv_run(&g.m, 1); /* 30 goes well meanwhile */
    fail_all(&g, -EIO);
    memdrv_run(&g.m, 1); /* 20 */
    memdrv_run(&g.m, 0); /* 10 */
    guest_reap(&g);
    g_assert_cmpuint(g.stops, ==, 1);
    g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, 5);
    g_assert_cmpuint(g.n_done, ==, 1);
    guest_check(r[2], VIRTIO_BLK_S_OK);

    late[0] = add(&g, 0, VIRTIO_BLK_T_IN, 1);
    late[1] = add(&g, 1, VIRTIO_BLK_T_IN, 2);
    guest_kick(&g, 0);
    guest_kick(&g, 1);
    check_waiting(&g, "");

    fail_all(&g, 0);
    virtio_blk_resume(&g.dev);
    check_waiting(&g, "40 10 20 50 0 1 2");
    guest_run(&g);
    for (int i = 0; i < 6; i++) {
        guest_check(r[i], VIRTIO_BLK_S_OK);
    }
    guest_check(late[0], VIRTIO_BLK_S_OK);
    guest_check(late[1], VIRTIO_BLK_S_OK);
    guest_stop(&g);
}

static void test_stops_again(void)
{
    Guest g;
    GuestReq *r[3];

    start_unmerged(&g, STOP, STOP);
    for (int i = 0; i < 3; i++) {
        r[i] = add(&g, 0, VIRTIO_BLK_T_OUT, 10 - i);
    }
    guest_kick(&g, 0);
    fail_all(&g, -ENOSPC);
    for (unsigned stops = 1; stops < 5; stops++) {
        guest_run(&g);
        g_assert_cmpuint(g.stops, ==, stops);
        g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, 3);
        virtio_blk_resume(&g.dev);
        check_waiting(&g, "10 9 8");
    }
    fail_all(&g, 0);
    guest_run(&g);
    for (int i = 0; i < 3; i++) {
        guest_check(r[i], VIRTIO_BLK_S_OK);
        g_assert_cmpint(g.m.data[(10 - i) * 512], ==, 0xaa);
    }
    g_assert_false(g.dev.stopped);
    guest_stop(&g);
}

/* All that were joined wait; they are tried again, joined again, and end one by one. */
static void test_joined(void)
{
    Guest g;
    GuestReq *r[12];

    guest_start_default(&g);
    blk_set_on_error(g.blk, STOP, STOP);
    for (int i = 0; i < 12; i++) {
        r[i] = add(&g, i / 8, VIRTIO_BLK_T_IN, 11 - i);
    }
    guest_kick(&g, 0);
    guest_kick(&g, 1);
    check_waiting(&g, "4 0");
    fail_all(&g, -EIO);
    guest_run(&g);
    g_assert_cmpuint(g.n_done, ==, 0);
    g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, 12);
    fail_all(&g, 0);
    virtio_blk_resume(&g.dev);
    check_waiting(&g, "4 0"); /* those of two queues apart */
    guest_run(&g);
    for (int i = 0; i < 12; i++) {
        guest_check(r[i], VIRTIO_BLK_S_OK);
        g_assert_cmpuint(r[i]->used, ==, 513);
        g_assert_true(test_bytes_are(r[i]->data, (11 - i) * 512, 512));
    }
    guest_stop(&g);
}

/* What was joined once need not be the next time. */
static void test_joined_then_apart(void)
{
    Guest g;
    GuestReq *r[4];

    guest_start_default(&g);
    blk_set_on_error(g.blk, STOP, STOP);
    for (int i = 0; i < 4; i++) {
        r[i] = add(&g, 0, VIRTIO_BLK_T_IN, i);
    }
    guest_kick(&g, 0);
    check_waiting(&g, "0");
    fail_all(&g, -EIO);
    guest_run(&g);
    fail_all(&g, 0);
    g.m.bs->bl.max_iov = 1;
    virtio_blk_resume(&g.dev);
    check_waiting(&g, "0 1 2 3");
    memdrv_run(&g.m, 0);
    guest_reap(&g);
    g_assert_cmpuint(g.n_done, ==, 1);
    guest_run(&g);
    for (int i = 0; i < 4; i++) {
        guest_check(r[i], VIRTIO_BLK_S_OK);
    }
    guest_stop(&g);
}

/* A header that shares a buffer with the data is cut off once, not once more for each try. */
static void test_any_layout_is_tried_again(void)
{
    Guest g;
    GuestReq *r;
    uint8_t *out;

    start_unmerged(&g, STOP, STOP);
    r = guest_request(&g, VIRTIO_BLK_T_OUT, 3, 0);
    out = guest_alloc(&g, 16 + 1024);
    struct iovec sg[] = { { out, 16 + 1024 }, { &r->status, 1 } };

    memcpy(out, &r->hdr, 16);
    memset(out + 16, 0x77, 1024);
    guest_add_raw(&g, 0, r, sg, 1, 1);
    guest_kick(&g, 0);
    fail_all(&g, -EIO);
    guest_run(&g);
    fail_all(&g, 0);
    virtio_blk_resume(&g.dev);
    guest_run(&g);
    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_cmpmem(g.m.data + 3 * 512, 1024, out + 16, 1024);
    g_assert_true(test_bytes_are(g.m.data + 5 * 512, 5 * 512, 512));
    guest_stop(&g);
}

static void test_resume_of_one_that_runs(void)
{
    Guest g;
    GuestReq *r;

    start_unmerged(&g, STOP, STOP);
    r = add(&g, 0, VIRTIO_BLK_T_IN, 0);
    virtio_blk_resume(&g.dev);
    check_waiting(&g, "");
    guest_kick(&g, 0);
    guest_run(&g);
    guest_check(r, VIRTIO_BLK_S_OK);
    guest_stop(&g);
}

/* As an owner does that wants to go on by itself. */
static void resume_bh(void *opaque)
{
    Guest *g = opaque;

    fail_all(g, 0);
    virtio_blk_resume(&g->dev);
}

static void stopped_then_resume(void *opaque, int error G_GNUC_UNUSED, bool is_read G_GNUC_UNUSED)
{
    Guest *g = opaque;

    g->stops++;
    aio_bh_schedule_oneshot(g->ctx, resume_bh, g);
}

static void test_owner_resumes(void)
{
    Guest g;
    GuestReq *r[40];

    guest_start_default(&g);
    blk_set_on_error(g.blk, STOP, STOP);
    g.dev.conf.stopped = stopped_then_resume;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 40; i++) {
            r[i] = add(&g, 0, i % 3 == 0, i);
        }
        guest_kick(&g, 0);
        fail_all(&g, -EIO);
        guest_run(&g);
        for (int i = 0; i < 40; i++) {
            guest_check(r[i], VIRTIO_BLK_S_OK);
        }
        g_assert_cmpuint(g.stops, ==, round + 1);
    }
    guest_stop(&g);
}

/* ---- reset ---------------------------------------------------------------------------------- */

static void check_works(Guest *g)
{
    GuestReq *r = guest_do(g, VIRTIO_BLK_T_IN, 0, 512);

    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_true(test_bytes_are(r->data, 0, 512));
}

static void test_reset_drops_what_waits(void)
{
    Guest g;
    GuestReq *r[8];

    guest_start_default(&g);
    blk_set_on_error(g.blk, STOP, STOP);
    for (int i = 0; i < 8; i++) {
        r[i] = add(&g, i % 2, VIRTIO_BLK_T_OUT, 100 + i);
    }
    guest_kick(&g, 0);
    guest_kick(&g, 1);
    fail_all(&g, -EIO);
    guest_run(&g);
    g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, 8);
    fail_all(&g, 0);
    guest_reset(&g);
    g_assert_false(g.dev.stopped);
    g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, 0);
    guest_run(&g);
    for (int i = 0; i < 8; i++) {
        g_assert_false(guest_is_done(r[i]));
        g_assert_cmpuint(virtio_queue_get_inuse(virtio_get_queue(&g.dev.parent_obj, i % 2)), ==, 0);
    }
    g_assert_true(test_bytes_are(g.m.data, 0, 1 << 20));
    check_works(&g);
    guest_stop(&g);
}

/* They are in flight when the reset begins, and fail while it waits for them. */
static void test_reset_drops_what_fails_meanwhile(void)
{
    Guest g;

    guest_start_default(&g);
    blk_set_on_error(g.blk, STOP, STOP);
    g.m.auto_run = true;
    fail_all(&g, -EIO);
    for (int i = 0; i < 8; i++) {
        add(&g, 0, VIRTIO_BLK_T_IN, 3 * i);
    }
    guest_kick(&g, 0);
    g_assert_cmpuint(memdrv_waiting(&g.m), ==, 8);
    guest_reset(&g);
    g_assert_cmpuint(memdrv_waiting(&g.m), ==, 0);
    g_assert_cmpuint(virtio_blk_kept(&g.dev), ==, 0);
    g_assert_false(g.dev.stopped);
    g_assert_cmpuint(g.n_done, ==, 0);
    fail_all(&g, 0);
    check_works(&g);
    guest_stop(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-blk-errors/policy/reads", test_reads);
    g_test_add_func("/virtio-blk-errors/policy/writes", test_writes);
    g_test_add_func("/virtio-blk-errors/policy/accounts", test_accounts);
    g_test_add_func("/virtio-blk-errors/stop/order-is-kept", test_order_is_kept);
    g_test_add_func("/virtio-blk-errors/stop/stops-again", test_stops_again);
    g_test_add_func("/virtio-blk-errors/stop/joined", test_joined);
    g_test_add_func("/virtio-blk-errors/stop/joined-then-apart", test_joined_then_apart);
    g_test_add_func("/virtio-blk-errors/stop/any-layout", test_any_layout_is_tried_again);
    g_test_add_func("/virtio-blk-errors/stop/resume-without-stop", test_resume_of_one_that_runs);
    g_test_add_func("/virtio-blk-errors/stop/owner-resumes", test_owner_resumes);
    g_test_add_func("/virtio-blk-errors/reset/drops-what-waits", test_reset_drops_what_waits);
    g_test_add_func("/virtio-blk-errors/reset/drops-what-fails-meanwhile",
                    test_reset_drops_what_fails_meanwhile);
    return g_test_run();
}
