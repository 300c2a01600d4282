/*
 * Between the files of the full-text index. How it lies in the database (fts_write.c writes it, fts.c reads
 * it), for a schema named T:
 *
 *   T_stat  one row: the fields' names; how many documents there are; each field's total length
 *   T_doc   doc -> its tokens with their counts: what to take out when the document changes
 *   T_len   block -> a byte for each document and field: the field's length
 *   T_post  (term, block) -> which documents of the block hold the term, and how often in each field
 *
 * A block is 1,024 consecutive document numbers. In the blobs, a "varint" has 7 bits a byte, the low ones
 * first, and the high bit on all but the last.
 *
 *   T_post.data   for each document, ascending: varint (slot - the slot before; the first: slot + 1), then
 *                 counts
 *   T_doc.tokens  a byte per field: its length; then for each token, ascending bytewise: varint length,
 *                 bytes, counts
 *   counts        a byte: the mask of the fields that hold the token; for each of them a byte: how often
 *   T_len.lengths (1,024, fields) bytes; a length of 255 means that or more
 *   T_stat.sums   (8) uint64, little-endian
 *
 * Terms are BLOBs, so that their order is bytewise whatever the database's collation.
 */
#ifndef STORE_FTS_INTERNAL_H
#define STORE_FTS_INTERNAL_H

#include "base/buf.h"
#include "store/store_ops.h"

enum { FTS_BLOCK = 1024, FTS_MAX_TOKEN_BYTES = 64, FTS_SQL_BYTES = 1024, FTS_MAX_BLOB_BYTES = 1 << 24 };

struct fts_counts {
    uint8_t of[FTS_MAX_FIELDS];
};

static inline int64_t fts_block(int64_t doc) { return doc >> 10; }
static inline unsigned fts_slot(int64_t doc) { return (unsigned)(doc & (FTS_BLOCK - 1)); }

/* A view that is read from the front; `bad` once something did not fit. */
struct fts_reader {
    const uint8_t *p, *end;
    bool bad;
};
static inline struct fts_reader fts_reader(struct str s)
{
    return (struct fts_reader){(const uint8_t *)s.p, (const uint8_t *)s.p + s.n, false};
}

static inline uint32_t fts_read_varint(struct fts_reader *r)
{
    uint32_t v = 0;
    for (unsigned shift = 0; shift < 28 && r->p < r->end; shift += 7) {
        uint8_t byte = *r->p++;
        v |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return v;
    }
    r->bad = true;
    return 0;
}

static inline void fts_read_counts(struct fts_reader *r, struct fts_counts *out)
{
    *out = (struct fts_counts){{0}};
    if (r->p >= r->end) {
        r->bad = true;
        return;
    }
    unsigned mask = *r->p++;
    for (int f = 0; f < FTS_MAX_FIELDS; f++) {
        if (!(mask >> f & 1)) continue;
        if (r->p >= r->end) {
            r->bad = true;
            return;
        }
        out->of[f] = *r->p++;
    }
}

/* The next posting; false at the end, or when the data are bad. *slot starts as -1. */
static inline bool fts_read_posting(struct fts_reader *r, int *slot, struct fts_counts *counts)
{
    if (r->p >= r->end) return false;
    uint32_t delta = fts_read_varint(r);
    fts_read_counts(r, counts);
    if (r->bad || !delta || delta > FTS_BLOCK || *slot + (int)delta >= FTS_BLOCK) {
        r->bad = true;
        return false;
    }
    *slot += (int)delta;
    return true;
}

void fts_add_varint(struct buf *b, uint32_t v);
void fts_add_counts(struct buf *b, const struct fts_counts *counts);

/* Takes the next token off *text: what stands between white space, cut at FTS_MAX_TOKEN_BYTES. False at the
 * end. The same for documents and queries. */
bool fts_next_token(struct str *text, struct str *token);

/* The statement with every '#' replaced by the schema's table. */
enum rc fts_sql(char out[static FTS_SQL_BYTES], const char *sql, const struct fts_schema *schema,
                struct err *err);
enum rc fts_damaged(const struct fts_schema *schema, struct err *err);

#endif
