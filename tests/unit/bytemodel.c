/* What each byte of a disk may hold while requests overlap: the judge of randomized tests.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There are 32 different bytes, so that a set of them is a word. A byte's candidates are the set
 * `settled`, of writes that have ended, and those of the writes in the list that are alive there. A
 * write leaves the list, its bytes settled, when no write that was begun before it ended is in
 * flight any more: then whichever ends next was begun later, and supersedes all that is settled.
 */
#include "base/osdep.h"
#include "base/queue.h"
#include "bytemodel.h"

#define VALUES 32

struct ModelWrite {
    int64_t offset, bytes;
    uint64_t id;
    uint64_t begun, ended; /* on the model's clock; ended 0: in flight */
    bool zeroes;
    bool shared;     /* a block, with another one */
    uint32_t *alive; /* for each byte: the set of what it wrote, empty where superseded */
    QTAILQ_ENTRY(ModelWrite) next;
};

struct ModelRead {
    int64_t offset, bytes;
    bool disturbed; /* by a write at the same time */
    uint32_t *allowed;
    QTAILQ_ENTRY(ModelRead) next;
};

struct ByteModel {
    int64_t size;
    uint32_t align;
    uint64_t clock;
    uint64_t ids;
    uint32_t *settled;
    QTAILQ_HEAD(, ModelWrite) writes;
    QTAILQ_HEAD(, ModelRead) reads;
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint8_t modelwrite_byte(const ModelWrite *w, int64_t offset)
{
    return w->zeroes ? 0 : 1 + mix(w->id * 0x9e3779b97f4a7c15u + offset) % (VALUES - 1);
}

ByteModel *bytemodel_new(int64_t size, uint32_t align, uint64_t seed, uint8_t *bytes)
{
    ByteModel *m = g_new0(ByteModel, 1);

    m->size = size;
    m->align = align;
    m->ids = mix(seed);
    m->settled = g_new(uint32_t, size);
    for (int64_t i = 0; i < size; i++) {
        bytes[i] = mix(seed + i) % VALUES;
        m->settled[i] = 1u << bytes[i];
    }
    QTAILQ_INIT(&m->writes);
    QTAILQ_INIT(&m->reads);
    return m;
}

static void write_free(ByteModel *m, ModelWrite *w)
{
    QTAILQ_REMOVE(&m->writes, w, next);
    g_free(w->alive);
    g_free(w);
}

void bytemodel_free(ByteModel *m)
{
    while (!QTAILQ_EMPTY(&m->writes)) {
        write_free(m, QTAILQ_FIRST(&m->writes));
    }
    g_assert_true(QTAILQ_EMPTY(&m->reads));
    g_free(m->settled);
    g_free(m);
}

/* The part that two ranges have in common; false: none. */
static bool common(int64_t a, int64_t a_bytes, int64_t b, int64_t b_bytes, int64_t *from,
                   int64_t *to)
{
    *from = MAX(a, b);
    *to = MIN(a + a_bytes, b + b_bytes);
    return *from < *to;
}

static bool share_block(const ByteModel *m, const ModelWrite *a, const ModelWrite *b)
{
    int64_t a_start = QEMU_ALIGN_DOWN(a->offset, m->align);
    int64_t a_end = QEMU_ALIGN_UP(a->offset + a->bytes, m->align);

    return a_start < (int64_t)QEMU_ALIGN_UP(b->offset + b->bytes, m->align) &&
           (int64_t)QEMU_ALIGN_DOWN(b->offset, m->align) < a_end;
}

/* ---- writes -------------------------------------------------------------------------------- */

static void disturb_reads(ByteModel *m, const ModelWrite *w)
{
    ModelRead *r;
    int64_t from, to;

    QTAILQ_FOREACH (r, &m->reads, next) {
        if (common(w->offset, w->bytes, r->offset, r->bytes, &from, &to)) {
            r->disturbed = true;
            for (int64_t i = from; i < to; i++) {
                r->allowed[i - r->offset] |= w->alive[i - w->offset];
            }
        }
    }
}

ModelWrite *bytemodel_write_begin(ByteModel *m, int64_t offset, int64_t bytes, bool zeroes)
{
    ModelWrite *w = g_new0(ModelWrite, 1), *other;

    w->offset = offset;
    w->bytes = bytes;
    w->id = m->ids++;
    w->zeroes = zeroes;
    w->begun = ++m->clock;
    w->alive = g_new(uint32_t, bytes);
    for (int64_t i = 0; i < bytes; i++) {
        w->alive[i] = 1u << modelwrite_byte(w, offset + i);
    }
    QTAILQ_FOREACH (other, &m->writes, next) {
        if (!other->ended && share_block(m, w, other)) {
            w->shared = other->shared = true;
        }
    }
    QTAILQ_INSERT_TAIL(&m->writes, w, next);
    disturb_reads(m, w);
    return w;
}

bool modelwrite_is_alone(const ModelWrite *w)
{
    return !w->shared;
}

/* What had ended before @w began is not there any more. */
static void supersede(ByteModel *m, const ModelWrite *w)
{
    ModelWrite *old;
    int64_t from, to;

    memset(&m->settled[w->offset], 0, w->bytes * sizeof(m->settled[0]));
    QTAILQ_FOREACH (old, &m->writes, next) {
        if (old->ended && old->ended < w->begun &&
            common(w->offset, w->bytes, old->offset, old->bytes, &from, &to)) {
            memset(&old->alive[from - old->offset], 0, (to - from) * sizeof(old->alive[0]));
        }
    }
}

static bool can_settle(ByteModel *m, const ModelWrite *w)
{
    const ModelWrite *x;
    int64_t from, to;

    QTAILQ_FOREACH (x, &m->writes, next) {
        if (!x->ended && x->begun < w->ended &&
            common(w->offset, w->bytes, x->offset, x->bytes, &from, &to)) {
            return false;
        }
    }
    return w->ended;
}

static void settle(ByteModel *m)
{
    ModelWrite *w, *tmp;

    QTAILQ_FOREACH_SAFE (w, &m->writes, next, tmp) {
        if (can_settle(m, w)) {
            for (int64_t i = 0; i < w->bytes; i++) {
                m->settled[w->offset + i] |= w->alive[i];
            }
            write_free(m, w);
        }
    }
}

void bytemodel_write_end(ByteModel *m, ModelWrite *w, bool success)
{
    if (success) {
        supersede(m, w);
    }
    w->ended = ++m->clock;
    settle(m);
}

/* ---- reads --------------------------------------------------------------------------------- */

/* What may be in the @bytes at @offset; @in_flight: whether what has not ended counts. True if
 * there is such. */
static bool collect(ByteModel *m, int64_t offset, int64_t bytes, bool in_flight, uint32_t *allowed)
{
    bool disturbed = false;
    ModelWrite *w;
    int64_t from, to;

    memcpy(allowed, &m->settled[offset], bytes * sizeof(*allowed));
    QTAILQ_FOREACH (w, &m->writes, next) {
        if (!(w->ended || in_flight) || !common(offset, bytes, w->offset, w->bytes, &from, &to)) {
            continue;
        }
        disturbed |= !w->ended;
        for (int64_t i = from; i < to; i++) {
            allowed[i - offset] |= w->alive[i - w->offset];
        }
    }
    return disturbed;
}

/* The @bytes at @offset are @found, whatever they might have been. */
static void learn(ByteModel *m, int64_t offset, int64_t bytes, const uint8_t *found)
{
    ModelWrite *w;
    int64_t from, to;

    for (int64_t i = 0; i < bytes; i++) {
        m->settled[offset + i] = 1u << found[i];
    }
    QTAILQ_FOREACH (w, &m->writes, next) {
        if (w->ended && common(offset, bytes, w->offset, w->bytes, &from, &to)) {
            memset(&w->alive[from - w->offset], 0, (to - from) * sizeof(w->alive[0]));
        }
    }
}

static int64_t first_illegal(const uint32_t *allowed, const uint8_t *found, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++) {
        if (found[i] >= VALUES || !(allowed[i] >> found[i] & 1)) {
            return i;
        }
    }
    return -1;
}

ModelRead *bytemodel_read_begin(ByteModel *m, int64_t offset, int64_t bytes)
{
    ModelRead *r = g_new0(ModelRead, 1);

    r->offset = offset;
    r->bytes = bytes;
    r->allowed = g_new(uint32_t, bytes);
    r->disturbed = collect(m, offset, bytes, true, r->allowed);
    QTAILQ_INSERT_TAIL(&m->reads, r, next);
    return r;
}

int64_t bytemodel_read_end(ByteModel *m, ModelRead *r, const uint8_t *found)
{
    int64_t bad = found ? first_illegal(r->allowed, found, r->bytes) : -1;

    if (bad >= 0) {
        bad += r->offset;
    } else if (found && !r->disturbed) {
        learn(m, r->offset, r->bytes, found);
    }
    QTAILQ_REMOVE(&m->reads, r, next);
    g_free(r->allowed);
    g_free(r);
    return bad;
}

int64_t bytemodel_check_idle(ByteModel *m, const uint8_t *found)
{
    uint32_t *allowed = g_new(uint32_t, m->size);
    int64_t bad;

    collect(m, 0, m->size, false, allowed);
    bad = first_illegal(allowed, found, m->size);
    if (bad < 0) {
        learn(m, 0, m->size, found);
    }
    g_free(allowed);
    return bad;
}

char *bytemodel_describe(ByteModel *m, int64_t offset)
{
    GString *s = g_string_new(NULL);
    ModelWrite *w;

    g_string_printf(s, "settled 0x%08x", m->settled[offset]);
    QTAILQ_FOREACH (w, &m->writes, next) {
        if (offset >= w->offset && offset < w->offset + w->bytes && w->alive[offset - w->offset]) {
            g_string_append_printf(s, ", %s of %" PRId64 "+%" PRId64 ": %d",
                                   w->ended ? "ended" : "in flight", w->offset, w->bytes,
                                   modelwrite_byte(w, offset));
        }
    }
    return g_string_free(s, FALSE);
}
