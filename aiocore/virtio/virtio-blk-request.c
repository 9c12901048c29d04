/*
 * The requests of a virtio-blk device: what a chain says, whether it may, and what becomes of it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Three kinds of answer to what is wrong:
 *
 *     no header, no status byte, no segment     virtio_error(): the device is broken
 *     outside of the disk, too long, unaligned  VIRTIO_BLK_S_IOERR
 *     a type or flag that we do not know        VIRTIO_BLK_S_UNSUPP
 */
#include "base/osdep.h"
#include "virtio/virtio-blk-request.h"

typedef struct virtio_blk_discard_write_zeroes Segment;

/* ---- completion ----------------------------------------------------------------------------- */

void virtio_blk_req_complete(VirtIOBlockReq *req, uint8_t status)
{
    VirtIOBlock *s = req->dev;

    *req->status = status;
    virtqueue_push(req->vq, &req->elem, req->in_len);
    s->notify(&s->parent_obj, req->vq);
}

static void complete_invalid(VirtIOBlockReq *req, BlockAcctType type)
{
    if (req->dev->stats) {
        block_acct_invalid(req->dev->stats, type);
    }
    virtio_blk_req_complete(req, VIRTIO_BLK_S_IOERR);
}

static void account_start(VirtIOBlockReq *req, int64_t bytes, BlockAcctType type)
{
    if (unlikely(req->dev->stats)) {
        block_acct_start(req->dev->stats, &req->acct, bytes, type);
    }
}

static void account_done(VirtIOBlockReq *req)
{
    if (unlikely(req->dev->stats)) {
        block_acct_done(req->dev->stats, &req->acct);
    }
}

/* All of those that are joined, which are of one queue: the driver sees them at once. */
static void complete_joined(VirtIOBlockReq *first)
{
    VirtIOBlock *s = first->dev;
    VirtQueue *vq = first->vq;
    unsigned n = 0;

    for (VirtIOBlockReq *req = first; req; req = req->mr_next) {
        account_done(req);
        *req->status = VIRTIO_BLK_S_OK;
        virtqueue_fill(vq, &req->elem, req->in_len, n++);
    }
    virtqueue_flush(vq, n);
    s->notify(&s->parent_obj, vq);
}

static bool is_read(const VirtIOBlockReq *req)
{
    return !(req->out.type & VIRTIO_BLK_T_OUT);
}

/* Each of those that are joined has failed, as far as anybody knows, and is dealt with by itself.
 */
static QAIO_COLD void fail_joined(VirtIOBlockReq *first, int error)
{
    VirtIOBlockReq *next;

    for (VirtIOBlockReq *req = first; req; req = next) {
        next = req->mr_next;
        if (!virtio_blk_handle_rw_error(req, error, is_read(req))) {
            account_done(req);
            virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
        }
    }
}

void virtio_blk_rw_complete(void *opaque, int ret)
{
    VirtIOBlockReq *req = opaque;

    if (req->mr_next) {
        virtio_blk_multireq_put(req);
    }
    if (unlikely(ret < 0)) {
        fail_joined(req, -ret);
    } else if (req->mr_next) {
        complete_joined(req);
    } else {
        account_done(req);
        virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
    }
}

/* Of what is neither read nor write, and joined with nothing. */
static void virtio_blk_other_complete(void *opaque, int ret)
{
    VirtIOBlockReq *req = opaque;

    if (ret < 0 && virtio_blk_handle_rw_error(req, -ret, false)) {
        return;
    }
    account_done(req);
    virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
}

/* ---- the chain ------------------------------------------------------------------------------ */

/* Cut the header off the front of what the device reads: *@niov buffers at *@iov. */
static bool parse_outhdr(VirtIOBlockReq *req, struct iovec **iov, unsigned *niov)
{
    struct virtio_blk_outhdr *out = &req->out;

    if (unlikely(iov_to_buf(*iov, *niov, 0, out, sizeof(*out)) != sizeof(*out))) {
        virtio_error(&req->dev->parent_obj, "virtio-blk request header too short");
        return false;
    }
    if (likely((*iov)->iov_len == sizeof(*out))) {
        (*iov)++;
        (*niov)--;
    } else {
        iov_discard_front(iov, niov, sizeof(*out));
    }
    return true;
}

/* Cut the status byte off the end of what it writes. No buffer of an element is empty. */
static void parse_inhdr(VirtIOBlockReq *req, struct iovec *iov, unsigned *niov)
{
    struct iovec *last = &iov[*niov - 1];

    last->iov_len -= sizeof(*req->status);
    req->status = (uint8_t *)last->iov_base + last->iov_len;
    if (last->iov_len == 0) {
        (*niov)--;
    }
}

/* Discard and write zeroes, in the number without the bit that says that we read data. */
static bool is_segment_type(uint32_t type)
{
    type &= ~(VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_BARRIER);
    return type == (VIRTIO_BLK_T_DISCARD & ~VIRTIO_BLK_T_OUT) ||
           type == (VIRTIO_BLK_T_WRITE_ZEROES & ~VIRTIO_BLK_T_OUT);
}

/* What the device reads after the header. */
static bool parse_out_data(VirtIOBlockReq *req, struct iovec *iov, unsigned niov)
{
    qemu_iovec_init_external(&req->qiov, iov, niov);
    if (unlikely(is_segment_type(req->out.type) && req->qiov.size < sizeof(Segment))) {
        virtio_error(&req->dev->parent_obj, "virtio-blk discard or write zeroes without a segment");
        return false;
    }
    return true;
}

/* Take the chain apart. The element's buffers become those of the data: the queue does not look at
 * them again. */
static bool virtio_blk_parse_request(VirtIOBlockReq *req)
{
    struct iovec *out_iov = req->elem.out_sg, *in_iov = req->elem.in_sg;
    unsigned out_num = req->elem.out_num, in_num = req->elem.in_num;

    if (unlikely(out_num < 1 || in_num < 1)) {
        virtio_error(&req->dev->parent_obj, "virtio-blk request without header or status");
        return false;
    }
    if (!parse_outhdr(req, &out_iov, &out_num)) {
        return false;
    }
    parse_inhdr(req, in_iov, &in_num);
    qemu_iovec_init_external(&req->qiov, in_iov, in_num);
    req->in_len = MIN(req->qiov.size + sizeof(*req->status), UINT32_MAX);
    req->mr_next = NULL;
    return !(req->out.type & VIRTIO_BLK_T_OUT) || parse_out_data(req, out_iov, out_num);
}

/* ---- reads and writes ----------------------------------------------------------------------- */

/* A file may have grown since we last asked for its length. */
static bool lies_on_disk(VirtIOBlock *s, uint64_t sector, uint64_t nb_sectors)
{
    uint64_t total = blk_getlength(s->blk) >> BDRV_SECTOR_BITS;

    if (likely(sector <= total && nb_sectors <= total - sector)) {
        return true;
    }
    total = bdrv_refresh_length(blk_bs(s->blk)) >> BDRV_SECTOR_BITS;
    return sector <= total && nb_sectors <= total - sector;
}

static bool virtio_blk_sect_range_ok(VirtIOBlock *s, uint64_t sector, uint64_t size)
{
    uint64_t nb_sectors = size >> BDRV_SECTOR_BITS;
    uint32_t mask = s->conf.logical_block_size - 1;

    if (unlikely(nb_sectors > VIRTIO_BLK_MAX_SECTORS)) {
        return false;
    }
    if (unlikely((sector & (mask >> BDRV_SECTOR_BITS)) || (size & mask))) {
        return false;
    }
    return lies_on_disk(s, sector, nb_sectors);
}

static void virtio_blk_handle_rw(VirtIOBlockReq *req, MultiReqBuffer *mrb)
{
    VirtIOBlock *s = req->dev;
    BlockAcctType type = is_read(req) ? BLOCK_ACCT_READ : BLOCK_ACCT_WRITE;

    if (unlikely(!virtio_blk_sect_range_ok(s, req->out.sector, req->qiov.size))) {
        complete_invalid(req, type);
        return;
    }
    account_start(req, req->qiov.size, type);
    virtio_blk_multireq_add(s, mrb, req, type == BLOCK_ACCT_WRITE);
}

/* ---- the others ----------------------------------------------------------------------------- */

/* What came before is started before. */
static void submit_waiting(VirtIOBlock *s, MultiReqBuffer *mrb)
{
    if (mrb->num_reqs > 0) {
        virtio_blk_submit_multireq(s, mrb);
    }
}

static void virtio_blk_handle_flush(VirtIOBlockReq *req, MultiReqBuffer *mrb)
{
    account_start(req, 0, BLOCK_ACCT_FLUSH);
    submit_waiting(req->dev, mrb);
    blk_aio_flush(req->dev->blk, virtio_blk_other_complete, req);
}

static void virtio_blk_handle_get_id(VirtIOBlockReq *req)
{
    const char *serial = req->dev->conf.serial ?: "";
    size_t size = MIN(strlen(serial) + 1, MIN(req->qiov.size, (size_t)VIRTIO_BLK_ID_BYTES));

    qemu_iovec_from_buf(&req->qiov, 0, serial, size);
    virtio_blk_req_complete(req, VIRTIO_BLK_S_OK);
}

/* Whether @seg can be done: VIRTIO_BLK_S_OK, or with which status it cannot. */
static uint8_t check_segment(VirtIOBlock *s, const Segment *seg, bool is_write_zeroes)
{
    uint32_t max_sectors =
        is_write_zeroes ? s->conf.max_write_zeroes_sectors : s->conf.max_discard_sectors;
    uint32_t flags = is_write_zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

    if (seg->num_sectors > max_sectors ||
        !virtio_blk_sect_range_ok(s, seg->sector, (uint64_t)seg->num_sectors << BDRV_SECTOR_BITS)) {
        return VIRTIO_BLK_S_IOERR;
    }
    return seg->flags & ~flags ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_OK;
}

static void start_segment(VirtIOBlockReq *req, const Segment *seg, bool is_write_zeroes)
{
    BlockBackend *blk = req->dev->blk;
    int64_t offset = seg->sector << BDRV_SECTOR_BITS;
    int64_t bytes = (int64_t)seg->num_sectors << BDRV_SECTOR_BITS;
    bool unmap = seg->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

    if (is_write_zeroes) {
        account_start(req, bytes, BLOCK_ACCT_WRITE);
        blk_aio_pwrite_zeroes(blk, offset, bytes, unmap ? BDRV_REQ_MAY_UNMAP : 0,
                              virtio_blk_other_complete, req);
    } else {
        account_start(req, bytes, BLOCK_ACCT_UNMAP);
        blk_aio_pdiscard(blk, offset, bytes, virtio_blk_other_complete, req);
    }
}

/* One segment, as the configuration says: of more than one, or not to be read by us, we know
 * nothing. */
static void virtio_blk_handle_discard_write_zeroes(VirtIOBlockReq *req, MultiReqBuffer *mrb)
{
    bool is_write_zeroes = (req->out.type & ~VIRTIO_BLK_T_BARRIER) == VIRTIO_BLK_T_WRITE_ZEROES;
    uint8_t status;
    Segment seg;

    if (is_read(req) || req->qiov.size != sizeof(seg)) {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    qemu_iovec_to_buf(&req->qiov, 0, &seg, sizeof(seg));
    status = check_segment(req->dev, &seg, is_write_zeroes);
    if (status == VIRTIO_BLK_S_OK) {
        submit_waiting(req->dev, mrb);
        start_segment(req, &seg, is_write_zeroes);
    } else if (status == VIRTIO_BLK_S_IOERR) {
        complete_invalid(req, is_write_zeroes ? BLOCK_ACCT_WRITE : BLOCK_ACCT_UNMAP);
    } else {
        virtio_blk_req_complete(req, status);
    }
}

static QAIO_NOINLINE void start_other(VirtIOBlockReq *req, MultiReqBuffer *mrb)
{
    uint32_t type = req->out.type & ~(VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_BARRIER);

    if (type == VIRTIO_BLK_T_FLUSH) {
        virtio_blk_handle_flush(req, mrb);
    } else if (type == VIRTIO_BLK_T_GET_ID) {
        virtio_blk_handle_get_id(req);
    } else if (is_segment_type(type)) {
        virtio_blk_handle_discard_write_zeroes(req, mrb);
    } else {
        virtio_blk_req_complete(req, VIRTIO_BLK_S_UNSUPP);
    }
}

/* The bit that says that we read data is all that tells a write from a read. */
void virtio_blk_start_request(VirtIOBlockReq *req, MultiReqBuffer *mrb)
{
    if (likely(!(req->out.type & ~(VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_BARRIER)))) {
        virtio_blk_handle_rw(req, mrb);
    } else {
        start_other(req, mrb);
    }
}

int virtio_blk_handle_request(VirtIOBlockReq *req, MultiReqBuffer *mrb)
{
    if (unlikely(!virtio_blk_parse_request(req))) {
        return -1;
    }
    virtio_blk_start_request(req, mrb);
    return 0;
}
