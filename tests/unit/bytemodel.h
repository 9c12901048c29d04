/* What each byte of a disk may hold while requests overlap: the judge of randomized tests.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A write takes effect at some moment between its begin and its end, for each byte apart. So a byte
 * holds what a write put there unless another one, begun after that had ended, has ended too; and a
 * read may find whatever was there at some moment between its own begin and end. A write that fails
 * may have taken effect or not. What a read that no write overlaps has found is there from then on.
 *
 * Not thread-safe: the caller has a lock.
 */
#ifndef QAIO_TESTS_UNIT_BYTEMODEL_H
#define QAIO_TESTS_UNIT_BYTEMODEL_H

#include "base/osdep.h"

typedef struct ByteModel ByteModel;
typedef struct ModelWrite ModelWrite;
typedef struct ModelRead ModelRead;

/* A disk of @size bytes; those that it holds at first are put into @bytes. Overlap for
 * modelwrite_is_alone() is meant of blocks of @align bytes. */
ByteModel *bytemodel_new(int64_t size, uint32_t align, uint64_t seed, uint8_t *bytes);
void bytemodel_free(ByteModel *m);

/* A write begins, of zeroes or of bytes that only it has, which modelwrite_byte() tells. */
ModelWrite *bytemodel_write_begin(ByteModel *m, int64_t offset, int64_t bytes, bool zeroes);
uint8_t modelwrite_byte(const ModelWrite *w, int64_t offset);

/* Whether, so far, no other write shared a block with it while both were in flight. */
bool modelwrite_is_alone(const ModelWrite *w);

/* It has ended. @w is the model's then. */
void bytemodel_write_end(ByteModel *m, ModelWrite *w, bool success);

ModelRead *bytemodel_read_begin(ByteModel *m, int64_t offset, int64_t bytes);

/* It has ended, and found @found; NULL: it failed. The offset of the first byte that cannot have
 * been there, or -1. */
int64_t bytemodel_read_end(ByteModel *m, ModelRead *r, const uint8_t *found);

/* The whole disk is @found while no request is at work: those that have begun have had no effect.
 * As bytemodel_read_end(). */
int64_t bytemodel_check_idle(ByteModel *m, const uint8_t *found);

/* What may be at @offset at the moment, for messages. */
char *bytemodel_describe(ByteModel *m, int64_t offset);

#endif
