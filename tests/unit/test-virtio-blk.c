/* virtio-blk: every type of request, everything that can be wrong with one, and what becomes of the
 * device then.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=virtio_queue_set_notification.
 */
#include "base/osdep.h"
#include "guest.h"
#include "util.h"

#define SIZE    (1 << 20)
#define SECTORS (SIZE >> BDRV_SECTOR_BITS)

/* Whether @r's data is what the disk holds at first. */
static void check_read(const GuestReq *r)
{
    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(r->used, ==, r->bytes + 1);
    g_assert_true(test_bytes_are(r->data, r->hdr.sector << BDRV_SECTOR_BITS, r->bytes));
}

/* ---- types ---------------------------------------------------------------------------------- */

static void test_in(void)
{
    Guest g;

    guest_start_default(&g);
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 7, 8192));
    check_read(guest_do(&g, VIRTIO_BLK_T_IN | VIRTIO_BLK_T_BARRIER, SECTORS - 1, 512));
    g_assert_cmpuint(g.m.count[MEM_READ], ==, 3);
    guest_stop(&g);
}

static void test_out(void)
{
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    r = guest_request(&g, VIRTIO_BLK_T_OUT, 5, 4096);
    memset(r->data, 0x5a, 4096);
    guest_add(&g, 1, r);
    guest_kick(&g, 1);
    g_assert_false(guest_is_done(r));
    guest_run(&g);
    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(r->used, ==, 1);
    g_assert_true(test_bytes_are(g.m.data, 0, 5 * 512));
    for (int i = 0; i < 4096; i++) {
        g_assert_cmpuint(g.m.data[5 * 512 + i], ==, 0x5a);
    }
    g_assert_true(test_bytes_are(g.m.data + 13 * 512, 13 * 512, SIZE - 13 * 512));
    guest_stop(&g);
}

static void test_flush(void)
{
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    r = guest_do(&g, VIRTIO_BLK_T_FLUSH, 0, 0);
    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(r->used, ==, 1);
    g_assert_cmpuint(g.m.count[MEM_FLUSH], ==, 1);
    guest_stop(&g);
}

/* A discard or write of zeroes of one segment. */
static GuestReq *do_segment(Guest *g, uint32_t type, uint64_t sector, uint32_t num, uint32_t flags)
{
    struct virtio_blk_discard_write_zeroes seg = { sector, num, flags };
    GuestReq *r = guest_request(g, type, 0, sizeof(seg));

    memcpy(r->data, &seg, sizeof(seg));
    guest_add(g, 0, r);
    guest_kick(g, 0);
    guest_run(g);
    return r;
}

static void check_zeroes(Guest *g, int64_t from, int64_t to)
{
    g_assert_true(test_bytes_are(g->m.data, 0, from));
    for (int64_t i = from; i < to; i++) {
        g_assert_cmpuint(g->m.data[i], ==, 0);
    }
    g_assert_true(test_bytes_are(g->m.data + to, to, SIZE - to));
}

static void test_discard(void)
{
    Guest g;

    guest_start_default(&g);
    guest_check(do_segment(&g, VIRTIO_BLK_T_DISCARD, 8, 16, 0), VIRTIO_BLK_S_OK);
    g_assert_cmpuint(g.m.count[MEM_DISCARD], ==, 1);
    check_zeroes(&g, 8 * 512, 24 * 512);
    guest_stop(&g);
}

static void test_write_zeroes(void)
{
    Guest g;

    guest_start_default(&g);
    g.m.has_zeroes = true;
    guest_check(do_segment(&g, VIRTIO_BLK_T_WRITE_ZEROES, 8, 16, 0), VIRTIO_BLK_S_OK);
    g_assert_cmpint(g.m.last_flags[MEM_ZEROES], ==, 0);
    check_zeroes(&g, 8 * 512, 24 * 512);
    guest_check(do_segment(&g, VIRTIO_BLK_T_WRITE_ZEROES, 24, 8, 1), VIRTIO_BLK_S_OK);
    g_assert_cmpint(g.m.last_flags[MEM_ZEROES], ==, BDRV_REQ_MAY_UNMAP);
    check_zeroes(&g, 8 * 512, 32 * 512);
    guest_stop(&g);
}

static void check_id(const char *serial, size_t room, const char *expected, size_t len)
{
    VirtIOBlkConf conf = guest_conf();
    Guest g;
    GuestReq *r;

    conf.serial = serial;
    guest_start(&g, SIZE, &conf, NULL);
    r = guest_request(&g, VIRTIO_BLK_T_GET_ID, 0, room);
    memset(r->data, 'x', room);
    guest_add(&g, 0, r);
    guest_kick(&g, 0);
    guest_reap(&g);
    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_cmpmem(r->data, len, expected, len);
    for (size_t i = len; i < room; i++) {
        g_assert_cmpint(r->data[i], ==, 'x');
    }
    guest_stop(&g);
}

static void test_get_id(void)
{
    check_id("disk-1", VIRTIO_BLK_ID_BYTES, "disk-1", 7);
    check_id("a serial number of more than 20", 32, "a serial number of m", VIRTIO_BLK_ID_BYTES);
    check_id("disk-1", 4, "disk", 4);
    check_id(NULL, VIRTIO_BLK_ID_BYTES, "", 1);
    check_id("disk-1", 0, "", 0);
}

static void test_unknown_type(void)
{
    static const uint32_t types[] = { 2, 3, 16, 24, 10, 12, 0x7ffffffe, 0xfffffffe };
    Guest g;

    guest_start_default(&g);
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        guest_check(guest_do(&g, types[i], 0, 512), VIRTIO_BLK_S_UNSUPP);
    }
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    guest_stop(&g);
}

/* ---- what lies outside ---------------------------------------------------------------------- */

static void check_invalid(Guest *g, uint32_t type, uint64_t sector, size_t bytes)
{
    BlockAcctType acct = type == VIRTIO_BLK_T_IN ? BLOCK_ACCT_READ : BLOCK_ACCT_WRITE;
    uint64_t before = g->stats.types[acct].invalid_ops;

    guest_check(guest_do(g, type, sector, bytes), VIRTIO_BLK_S_IOERR);
    g_assert_cmpuint(g->stats.types[acct].invalid_ops, ==, before + 1);
}

static void test_outside(void)
{
    static const uint64_t sectors[] = {
        SECTORS,    SECTORS - 1, 1ull << 54,           (1ull << 55) - 1, INT64_MAX,
        1ull << 63, UINT64_MAX,  UINT64_MAX - SECTORS, UINT64_MAX >> 9
    };
    Guest g;

    guest_start_default(&g);
    for (unsigned i = 0; i < ARRAY_SIZE(sectors); i++) {
        check_invalid(&g, VIRTIO_BLK_T_IN, sectors[i], 1024);
        check_invalid(&g, VIRTIO_BLK_T_OUT, sectors[i], 1024);
    }
    check_invalid(&g, VIRTIO_BLK_T_IN, 0, SIZE + 512);
    g_assert_cmpuint(g.m.count[MEM_READ] + g.m.count[MEM_WRITE], ==, 0);
    g_assert_cmpuint(g.stats.types[BLOCK_ACCT_READ].nr_ops, ==, 0);
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    guest_stop(&g);
}

static void test_partial_sectors(void)
{
    Guest g;

    guest_start_default(&g);
    check_invalid(&g, VIRTIO_BLK_T_IN, 0, 511);
    check_invalid(&g, VIRTIO_BLK_T_IN, 0, 513);
    check_invalid(&g, VIRTIO_BLK_T_OUT, 0, 1);
    guest_stop(&g);
}

static void test_larger_blocks(void)
{
    VirtIOBlkConf conf = guest_conf();
    Guest g;

    conf.logical_block_size = 4096;
    guest_start(&g, SIZE, &conf, NULL);
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 8, 4096));
    check_invalid(&g, VIRTIO_BLK_T_IN, 4, 4096);
    check_invalid(&g, VIRTIO_BLK_T_IN, 8, 512);
    guest_stop(&g);
}

/* More bytes than an int has room for. */
static void test_too_long(void)
{
    VirtIOBlkConf conf = guest_conf();
    struct iovec sg[131];
    Guest g;
    GuestReq *r;

    conf.seg_max = 129;
    guest_start(&g, SIZE, &conf, NULL);
    g.m.bs->total_bytes = 4ll << 30; /* it would not lie outside */
    r = guest_request(&g, VIRTIO_BLK_T_IN, 0, 0);
    sg[0] = (struct iovec){ &r->hdr, sizeof(r->hdr) };
    for (int i = 1; i < 130; i++) {
        sg[i] = (struct iovec){ g.memory, 16 << 20 };
    }
    sg[130] = (struct iovec){ &r->status, 1 };
    guest_add_raw(&g, 0, r, sg, 1, 130);
    guest_kick(&g, 0);
    guest_run(&g);
    guest_check(r, VIRTIO_BLK_S_IOERR);
    g_assert_cmpuint(g.m.count[MEM_READ], ==, 0);
    guest_stop(&g);
}

static void test_nothing_to_read(void)
{
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    r = guest_do(&g, VIRTIO_BLK_T_IN, 3, 0);
    guest_check(r, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(r->used, ==, 1);
    guest_check(guest_do(&g, VIRTIO_BLK_T_OUT, SECTORS, 0), VIRTIO_BLK_S_OK);
    guest_stop(&g);
}

static void check_segment(Guest *g, uint32_t type, uint64_t sector, uint32_t num, uint32_t flags,
                          uint8_t status)
{
    guest_check(do_segment(g, type, sector, num, flags), status);
}

static void test_wrong_segments(void)
{
    static const uint32_t types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
    VirtIOBlkConf conf = guest_conf();
    Guest g;

    conf.max_discard_sectors = conf.max_write_zeroes_sectors = 64;
    guest_start(&g, SIZE, &conf, NULL);
    g.m.has_zeroes = true;
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        check_segment(&g, types[i], 0, 65, 0, VIRTIO_BLK_S_IOERR);
        check_segment(&g, types[i], 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR);
        check_segment(&g, types[i], SECTORS - 1, 2, 0, VIRTIO_BLK_S_IOERR);
        check_segment(&g, types[i], UINT64_MAX, 2, 0, VIRTIO_BLK_S_IOERR);
        check_segment(&g, types[i], 0, 8, 2, VIRTIO_BLK_S_UNSUPP);
        check_segment(&g, types[i], 0, 8, 0x80000000, VIRTIO_BLK_S_UNSUPP);
    }
    check_segment(&g, VIRTIO_BLK_T_DISCARD, 0, 8, 1, VIRTIO_BLK_S_UNSUPP);
    g_assert_cmpuint(g.m.count[MEM_DISCARD] + g.m.count[MEM_ZEROES], ==, 0);
    g_assert_cmpuint(g.stats.types[BLOCK_ACCT_UNMAP].invalid_ops, ==, 4);
    g_assert_cmpuint(g.stats.types[BLOCK_ACCT_WRITE].invalid_ops, ==, 4);
    check_segment(&g, VIRTIO_BLK_T_DISCARD, 0, 64, 0, VIRTIO_BLK_S_OK);
    check_segment(&g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 64, 0, VIRTIO_BLK_S_OK);

    /* Two of them, though one is announced; and with the bit that says that we read it missing. */
    guest_check(guest_do(&g, VIRTIO_BLK_T_DISCARD, 0, 32), VIRTIO_BLK_S_UNSUPP);
    guest_check(guest_do(&g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 17), VIRTIO_BLK_S_UNSUPP);
    guest_check(guest_do(&g, VIRTIO_BLK_T_DISCARD & ~VIRTIO_BLK_T_OUT, 0, 16), VIRTIO_BLK_S_UNSUPP);
    guest_stop(&g);
}

/* ---- layouts -------------------------------------------------------------------------------- */

/* The header, the data and the status may be cut anywhere. */
static void test_any_layout_of_a_read(void)
{
    Guest g;

    guest_start_default(&g);
    for (size_t cut = 1; cut <= 1024; cut += 73) {
        GuestReq *r = guest_request(&g, VIRTIO_BLK_T_IN, 9, 1024);
        uint8_t *in = guest_alloc(&g, 1025); /* data and status in one */
        struct iovec sg[] = {
            { &r->hdr, 5 },
            { (uint8_t *)&r->hdr + 5, sizeof(r->hdr) - 5 },
            { in, cut },
            { in + cut, 1025 - cut },
        };

        guest_add_raw(&g, 0, r, sg, 2, 2);
        guest_kick(&g, 0);
        guest_run(&g);
        g_assert_true(guest_is_done(r));
        g_assert_cmpuint(in[1024], ==, VIRTIO_BLK_S_OK);
        g_assert_cmpuint(r->used, ==, 1025);
        g_assert_true(test_bytes_are(in, 9 * 512, 1024));
    }
    guest_stop(&g);
}

static void test_any_layout_of_a_write(void)
{
    Guest g;

    guest_start_default(&g);
    for (size_t cut = 1; cut < 528; cut += 13) {
        GuestReq *r = guest_request(&g, VIRTIO_BLK_T_OUT, 0, 0);
        uint8_t *out = guest_alloc(&g, 16 + 512);
        struct iovec sg[] = { { out, cut }, { out + cut, 528 - cut }, { &r->status, 1 } };

        memcpy(out, &r->hdr, 16);
        memset(out + 16, cut, 512);
        guest_add_raw(&g, 0, r, sg, 2, 1);
        guest_kick(&g, 0);
        guest_run(&g);
        guest_check(r, VIRTIO_BLK_S_OK);
        g_assert_cmpmem(g.m.data, 512, out + 16, 512);
        g_assert_true(test_bytes_are(g.m.data + 512, 512, 512));
    }
    guest_stop(&g);
}

/* The driver changes its mind while the request is in flight. */
static void test_header_is_read_once(void)
{
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    r = guest_request(&g, VIRTIO_BLK_T_IN, 0, 512);
    guest_add(&g, 0, r);
    guest_kick(&g, 0);
    r->hdr.sector = UINT64_MAX;
    r->hdr.type = VIRTIO_BLK_T_OUT;
    g.m.error[MEM_READ] = -EIO;
    guest_run(&g);
    guest_check(r, VIRTIO_BLK_S_IOERR);
    g_assert_cmpuint(g.stats.types[BLOCK_ACCT_READ].failed_ops, ==, 1);
    guest_stop(&g);
}

/* ---- a broken device ------------------------------------------------------------------------ */

/* The device must be broken, say so, answer nothing, and work again after a reset. */
static void check_breaks(Guest *g, const struct iovec *sg, unsigned out, unsigned in,
                         const char *message)
{
    GuestReq *in_flight = guest_request(g, VIRTIO_BLK_T_IN, 0, 512);
    GuestReq *bad = guest_request(g, 0, 0, 0), *late = guest_request(g, VIRTIO_BLK_T_IN, 0, 512);

    guest_add(g, 1, in_flight);
    guest_kick(g, 1);
    guest_add_raw(g, 0, bad, sg, out, in);
    guest_add(g, 0, late);
    guest_kick(g, 0);
    g_assert_true(virtio_device_broken(&g->dev.parent_obj));
    g_assert_nonnull(strstr(virtio_error_message(&g->dev.parent_obj), message));
    guest_add(g, 1, late);
    guest_kick(g, 1);
    guest_run(g);
    g_assert_false(guest_is_done(in_flight) || guest_is_done(bad) || guest_is_done(late));
    g_assert_false(virtio_blk_handle_vq(&g->dev, virtio_get_queue(&g->dev.parent_obj, 0)));

    guest_reset(g);
    check_read(guest_do(g, VIRTIO_BLK_T_IN, 0, 512));
}

static void test_malformed(void)
{
    Guest g;
    struct virtio_blk_outhdr *hdr;
    uint8_t *p;

    guest_start_default(&g);
    p = guest_alloc(&g, 4096);
    hdr = guest_alloc(&g, sizeof(*hdr));
    struct iovec no_status[] = { { hdr, 16 } };
    struct iovec no_header[] = { { p, 512 }, { p, 1 } };
    struct iovec short_header[] = { { hdr, 15 }, { p, 1 } };
    struct iovec empty_status[] = { { hdr, 16 }, { p, 512 }, { p, 0 } };
    struct iovec no_segment[] = { { hdr, 16 }, { p, 1 } };
    struct iovec short_segment[] = { { hdr, 16 }, { p, 15 }, { p, 1 } };

    check_breaks(&g, no_status, 1, 0, "without header or status");
    check_breaks(&g, no_header, 0, 2, "without header or status");
    check_breaks(&g, short_header, 1, 1, "header too short");
    check_breaks(&g, empty_status, 1, 2, "is empty");
    hdr->type = VIRTIO_BLK_T_DISCARD;
    check_breaks(&g, no_segment, 1, 1, "without a segment");
    check_breaks(&g, short_segment, 2, 1, "without a segment");
    hdr->type = VIRTIO_BLK_T_WRITE_ZEROES;
    check_breaks(&g, short_segment, 2, 1, "without a segment");
    guest_stop(&g);
}

/* ---- taking requests ------------------------------------------------------------------------ */

/* What the device says about notifications, and a driver on another CPU that adds a request in the
 * moment before it is told to kick again. */
static GString *said;
static Guest *late_guest;
static GuestReq *late_request;

void __real_virtio_queue_set_notification(VirtQueue *vq, int enable);
void __wrap_virtio_queue_set_notification(VirtQueue *vq, int enable);

void __wrap_virtio_queue_set_notification(VirtQueue *vq, int enable)
{
    if (said) {
        g_string_append_c(said, enable ? '1' : '0');
    }
    if (enable && late_request) {
        guest_add(late_guest, 0, late_request);
        g_assert_false(vring_driver_kick_prepare(late_guest->drv[0]));
        late_request = NULL;
    }
    __real_virtio_queue_set_notification(vq, enable);
}

static void test_no_kicks_while_requests_are_taken(void)
{
    Guest g;

    guest_start_default(&g);
    said = g_string_new(NULL);
    guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
    g_assert_cmpstr(said->str, ==, "01");
    g_assert_true(virtio_queue_get_notification(virtio_get_queue(&g.dev.parent_obj, 0)));
    g_string_free(said, true);
    said = NULL;
    guest_stop(&g);
}

static void test_late_request_needs_no_kick(void)
{
    Guest g;
    GuestReq *first, *late;

    guest_start_default(&g);
    said = g_string_new(NULL);
    late_guest = &g;
    late = late_request = guest_request(&g, VIRTIO_BLK_T_IN, 10, 512);
    first = guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
    check_read(first);
    check_read(late);
    g_assert_cmpstr(said->str, ==, "0101");
    g_string_free(said, true);
    said = NULL;
    guest_stop(&g);
}

/* While the loop polls, nobody turns notifications on behind its back. */
static void test_notifications_stay_off_while_polling(void)
{
    Guest g;
    VirtQueue *vq;

    guest_start_default(&g);
    vq = virtio_get_queue(&g.dev.parent_obj, 0);
    virtio_queue_set_notification(vq, 0);
    guest_add(&g, 0, guest_request(&g, VIRTIO_BLK_T_IN, 0, 512));
    g_assert_false(vring_driver_kick_prepare(g.drv[0]));
    g_assert_true(virtio_blk_handle_vq(&g.dev, vq));
    g_assert_false(virtio_queue_get_notification(vq));
    g_assert_false(virtio_blk_handle_vq(&g.dev, vq)); /* nothing more */
    guest_run(&g);
    guest_stop(&g);
}

static void test_interrupts_only_where_wanted(void)
{
    Guest g;

    guest_start_default(&g);
    guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
    g_assert_cmpuint(g.interrupts, ==, 1);
    vring_driver_disable_interrupts(g.drv[0]);
    for (int i = 0; i < 10; i++) {
        check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    }
    g_assert_cmpuint(g.interrupts, ==, 1);
    guest_stop(&g);
}

static unsigned own_notifications;

static void own_notify(VirtIODevice *vdev G_GNUC_UNUSED, VirtQueue *vq G_GNUC_UNUSED)
{
    own_notifications++;
}

static void test_notify_of_the_data_plane(void)
{
    Guest g;

    guest_start_default(&g);
    own_notifications = 0;
    g.dev.notify = own_notify;
    for (int i = 0; i < 8; i++) {
        guest_add(&g, 0, guest_request(&g, VIRTIO_BLK_T_IN, i, 512));
    }
    guest_kick(&g, 0);
    guest_run(&g);
    g_assert_cmpuint(g.n_done, ==, 8);
    g_assert_cmpuint(own_notifications, ==, 1); /* they were one request */
    g_assert_cmpuint(g.interrupts, ==, 0);
    guest_stop(&g);
}

/* As many as the queue holds, again and again, on both queues. */
static void test_full_queues(void)
{
    VirtIOBlkConf conf = guest_conf();
    GuestReq *r[2][5];
    Guest g;

    conf.queue_size = 16;
    conf.seg_max = 1;
    guest_start(&g, SIZE, &conf, NULL);
    for (int round = 0; round < 50; round++) {
        for (int q = 0; q < 2; q++) {
            for (int i = 0; i < 5; i++) {
                r[q][i] = guest_request(&g, VIRTIO_BLK_T_IN, 8 * round + 2 * i + q, 512);
                guest_add(&g, q, r[q][i]);
            }
            guest_kick(&g, q);
        }
        guest_run(&g);
        for (int i = 0; i < 10; i++) {
            check_read(r[i % 2][i / 2]);
        }
    }
    g_assert_cmpuint(virtio_queue_get_inuse(virtio_get_queue(&g.dev.parent_obj, 0)), ==, 0);
    guest_stop(&g);
}

/* ---- the device ----------------------------------------------------------------------------- */

static void test_config(void)
{
    VirtIOBlkConf conf = guest_conf();
    const struct virtio_blk_config *config;
    Guest g;

    conf.seg_max = 9;
    conf.discard_alignment = 4096;
    conf.max_write_zeroes_sectors = 99;
    guest_start(&g, SIZE + 300, &conf, NULL);
    config = g.dev.parent_obj.config;
    g_assert_cmpuint(config->capacity, ==, SECTORS);
    g_assert_cmpuint(config->seg_max, ==, 9);
    g_assert_cmpuint(config->blk_size, ==, 512);
    g_assert_cmpuint(config->wce, ==, 1);
    g_assert_cmpuint(config->num_queues, ==, 2);
    g_assert_cmpuint(config->max_discard_sectors, ==, VIRTIO_BLK_MAX_SECTORS);
    g_assert_cmpuint(config->discard_sector_alignment, ==, 8);
    g_assert_cmpuint(config->max_write_zeroes_sectors, ==, 99);
    g_assert_true(virtio_vdev_has_feature(&g.dev.parent_obj, VIRTIO_BLK_F_DISCARD));
    g_assert_true(virtio_vdev_has_feature(&g.dev.parent_obj, VIRTIO_BLK_F_MQ));

    blk_set_enable_write_cache(g.blk, false);
    virtio_blk_update_config(&g.dev);
    g_assert_cmpuint(config->wce, ==, 0);
    guest_stop(&g);
}

static void check_refused(VirtIOBlkConf conf, const char *what)
{
    VirtIOBlock dev;
    Error *err = NULL;

    g_assert_false(virtio_blk_device_realize(&dev, &conf, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), what));
    error_free(err);
}

static void test_impossible_configurations(void)
{
    VirtIOBlkConf conf = VIRTIO_BLK_CONF_DEFAULT, c;

    c = conf, c.num_queues = 0, check_refused(c, "queues, not 0");
    c = conf, c.num_queues = VIRTIO_QUEUE_MAX + 1, check_refused(c, "queues, not 65");
    c = conf, c.queue_size = 100, check_refused(c, "from 2 to 1024, not 100");
    c = conf, c.queue_size = 2048, check_refused(c, "not 2048");
    c = conf, c.seg_max = 0, check_refused(c, "data buffers in a request, not 0");
    c = conf, c.seg_max = 1023, check_refused(c, "not 1023");
    c = conf, c.logical_block_size = 256, check_refused(c, "from 512, not 256");
    c = conf, c.logical_block_size = 1000, check_refused(c, "not 1000");
}

/* A reset returns when the last request is done, though nobody else lets it go. */
static void test_reset_waits(void)
{
    Guest g;

    guest_start_default(&g);
    g.m.auto_run = true;
    for (int i = 0; i < 8; i++) {
        guest_add(&g, i % 2, guest_request(&g, VIRTIO_BLK_T_IN, 2 * i, 512));
    }
    guest_kick(&g, 0);
    guest_kick(&g, 1);
    g_assert_cmpuint(memdrv_waiting(&g.m), ==, 8);
    virtio_blk_reset(&g.dev);
    g_assert_cmpuint(memdrv_waiting(&g.m), ==, 0);
    g_assert_cmpuint(virtio_queue_get_inuse(virtio_get_queue(&g.dev.parent_obj, 0)), ==, 0);
    guest_reap(&g);
    g_assert_cmpuint(g.n_done, ==, 8);
    guest_reset(&g);
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    guest_stop(&g);
}

/* Requests that come in a drained section wait for its end. */
static void test_drained_section(void)
{
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    bdrv_drained_begin(blk_bs(g.blk));
    r = guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
    g_assert_false(guest_is_done(r));
    bdrv_drained_end(blk_bs(g.blk));
    guest_run(&g);
    check_read(r);
    guest_stop(&g);
}

/* ---- accounts ------------------------------------------------------------------------------- */

static void check_account(Guest *g, BlockAcctType type, uint64_t ops, uint64_t bytes,
                          uint64_t failed)
{
    const BlockAcctCounters *c = &g->stats.types[type];

    g_assert_cmpuint(c->nr_ops, ==, ops);
    g_assert_cmpuint(c->nr_bytes, ==, bytes);
    g_assert_cmpuint(c->failed_ops, ==, failed);
    g_assert_cmpuint(c->nr_latencies, ==, ops + failed);
    g_assert_cmpuint(c->invalid_ops, ==, 0);
    g_assert_cmpuint(c->merged, ==, 0);
}

static void test_accounts(void)
{
    Guest g;

    guest_start_default(&g);
    g.m.has_zeroes = true;
    for (int failing = 0; failing < 2; failing++) {
        for (int kind = 0; kind < MEM_KINDS; kind++) {
            g.m.error[kind] = failing ? -EIO : 0;
        }
        guest_do(&g, VIRTIO_BLK_T_IN, 0, 4096);
        guest_do(&g, VIRTIO_BLK_T_IN, 0, 512);
        guest_do(&g, VIRTIO_BLK_T_OUT, 0, 1024);
        do_segment(&g, VIRTIO_BLK_T_WRITE_ZEROES, 0, 4, 0);
        do_segment(&g, VIRTIO_BLK_T_DISCARD, 0, 16, 0);
        guest_do(&g, VIRTIO_BLK_T_FLUSH, 0, 0);
        guest_do(&g, VIRTIO_BLK_T_GET_ID, 0, 20);
        guest_do(&g, 99, 0, 512);
        check_account(&g, BLOCK_ACCT_READ, 2, 4608, failing ? 2 : 0);
        check_account(&g, BLOCK_ACCT_WRITE, 2, 1024 + 2048, failing ? 2 : 0);
        check_account(&g, BLOCK_ACCT_UNMAP, 1, 8192, failing ? 1 : 0);
        check_account(&g, BLOCK_ACCT_FLUSH, 1, 0, failing ? 1 : 0);
    }
    guest_stop(&g);
}

static void test_without_accounts(void)
{
    Guest g;

    guest_start_default(&g);
    g.dev.stats = NULL;
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    guest_check(guest_do(&g, VIRTIO_BLK_T_IN, SECTORS, 512), VIRTIO_BLK_S_IOERR);
    g.m.error[MEM_READ] = -EIO;
    guest_check(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    check_account(&g, BLOCK_ACCT_READ, 0, 0, 0);
    guest_stop(&g);
}

/* ---- another thread ------------------------------------------------------------------------- */

static void kick_bh(void *opaque)
{
    Guest *g = opaque;

    virtio_queue_notify(&g->dev.parent_obj, 0);
}

static void test_in_another_context(void)
{
    TestHome home;
    Guest g;
    GuestReq *r;

    guest_start_default(&g);
    test_home_start(&home);
    g.m.auto_run = true;
    g_assert_cmpint(blk_set_aio_context(g.blk, home.ctx, &error_abort), ==, 0);
    for (int i = 0; i < 100; i++) {
        r = guest_request(&g, VIRTIO_BLK_T_IN, i, 512);
        guest_add(&g, 0, r);
        vring_driver_kick_prepare(g.drv[0]);
        aio_bh_schedule_oneshot(home.ctx, kick_bh, &g);
        while (guest_reap(&g), !guest_is_done(r)) {
            g_usleep(50);
        }
        check_read(r);
    }
    g_assert_cmpint(blk_set_aio_context(g.blk, g.ctx, &error_abort), ==, 0);
    test_home_stop(&home);
    check_read(guest_do(&g, VIRTIO_BLK_T_IN, 0, 512));
    guest_stop(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-blk/type/in", test_in);
    g_test_add_func("/virtio-blk/type/out", test_out);
    g_test_add_func("/virtio-blk/type/flush", test_flush);
    g_test_add_func("/virtio-blk/type/discard", test_discard);
    g_test_add_func("/virtio-blk/type/write-zeroes", test_write_zeroes);
    g_test_add_func("/virtio-blk/type/get-id", test_get_id);
    g_test_add_func("/virtio-blk/type/unknown", test_unknown_type);
    g_test_add_func("/virtio-blk/invalid/outside", test_outside);
    g_test_add_func("/virtio-blk/invalid/partial-sectors", test_partial_sectors);
    g_test_add_func("/virtio-blk/invalid/larger-blocks", test_larger_blocks);
    g_test_add_func("/virtio-blk/invalid/too-long", test_too_long);
    g_test_add_func("/virtio-blk/invalid/nothing-to-read-is-not", test_nothing_to_read);
    g_test_add_func("/virtio-blk/invalid/segments", test_wrong_segments);
    g_test_add_func("/virtio-blk/layout/read", test_any_layout_of_a_read);
    g_test_add_func("/virtio-blk/layout/write", test_any_layout_of_a_write);
    g_test_add_func("/virtio-blk/layout/header-is-read-once", test_header_is_read_once);
    g_test_add_func("/virtio-blk/broken/malformed", test_malformed);
    g_test_add_func("/virtio-blk/queue/no-kicks", test_no_kicks_while_requests_are_taken);
    g_test_add_func("/virtio-blk/queue/late-request", test_late_request_needs_no_kick);
    g_test_add_func("/virtio-blk/queue/polling", test_notifications_stay_off_while_polling);
    g_test_add_func("/virtio-blk/queue/interrupts", test_interrupts_only_where_wanted);
    g_test_add_func("/virtio-blk/queue/notify", test_notify_of_the_data_plane);
    g_test_add_func("/virtio-blk/queue/full", test_full_queues);
    g_test_add_func("/virtio-blk/device/config", test_config);
    g_test_add_func("/virtio-blk/device/impossible", test_impossible_configurations);
    g_test_add_func("/virtio-blk/device/reset-waits", test_reset_waits);
    g_test_add_func("/virtio-blk/device/drained-section", test_drained_section);
    g_test_add_func("/virtio-blk/device/another-context", test_in_another_context);
    g_test_add_func("/virtio-blk/accounts/kept", test_accounts);
    g_test_add_func("/virtio-blk/accounts/not-kept", test_without_accounts);
    return g_test_run();
}
