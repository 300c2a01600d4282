/*
 * Inside rank/: the whole catalogue as searches see it. Built once from the rows of catalog.h, then
 * immutable; shared by reference counts.
 *
 * Row r of the snapshot is the product with the r-th smallest doc. Attributes are codes into a list of
 * values (code 0: unknown), with a bitset of rows for every value: filters are ANDs of ORs of these.
 */
#ifndef RANK_SNAPSHOT_H
#define RANK_SNAPSHOT_H

#include "base/arena.h"
#include "catalog/catalog.h"
#include "lang/understand.h"
#include "rank/words.h"
#include "vindex/vindex.h"

#include <stdatomic.h>

enum rank_field {
    RANK_CATEGORY,
    RANK_GROUP,
    RANK_COLOUR,
    RANK_GENDER,
    RANK_AGE_GROUP,
    RANK_SEASON,
    RANK_STYLE,
    RANK_BRAND,
    RANK_MATERIAL,
    RANK_PATTERN,
    RANK_SIZE,
    RANK_FIELDS
};
extern const char *const rank_field_names[RANK_FIELDS];

struct rank_attribute {
    struct str *values; /* values[0] is "" (unknown) */
    uint64_t **bits;    /* rows with this value; NULL entries where there are too many values */
    uint32_t *counts;
    size_t n, cap;
    uint32_t *slots; /* hash table of value to code */
    size_t n_slots;
    uint16_t *codes; /* (rows); NULL for sizes, of which a product has several */
};

struct rank_offers {                   /* of one shop */
    struct str shop, currency;         /* the first offer's: a house sells in one */
    int32_t *price_cents, *sale_cents; /* (rows); -1: none */
    uint64_t *available;
};

struct rank_product {
    struct str id, title, brand, link, picture;
    uint64_t dhash, title_hash;
    int64_t first_seen_ms;
    uint32_t filled; /* bits (1 << enum vocab_field) that the model filled */
    uint8_t title_words;
};

enum { RANK_MAX_SHOPS = 1024 };

struct rank_snapshot {
    atomic_int refs;
    struct arena arena;
    int64_t generation;
    int64_t prices_until_ms; /* when the next sale begins or ends */
    char model[128];
    size_t n, cap, words_in_set; /* rows; 64-bit words of a bitset */
    int64_t *docs;               /* (n) ascending */
    struct rank_product *products;
    struct rank_attribute attributes[RANK_FIELDS];
    struct rank_offers offers[RANK_MAX_SHOPS];
    bool too_many_shops; /* said once */
    size_t n_offers;
    struct vindex *vectors; /* NULL: no embeddings yet */
    struct rank_words *titles;
    struct lang_dict *dict;
    float *embeddings; /* while building */
    size_t dim;
    bool any_embedding;
    uint32_t *size_pairs; /* row, code; kept where there are too many sizes for a bitset each */
    size_t n_size_pairs, cap_size_pairs;
    const struct vocab *vocab; /* borrowed: groups of categories */
};

/* dim 0: no embeddings are wanted. */
enum rc rank_snapshot_create(const struct vocab *vocab, size_t dim, struct rank_snapshot **out,
                             struct err *err) MUST_USE;
/* Rows come by ascending doc. */
enum rc rank_snapshot_row(struct rank_snapshot *s, const struct catalog_row *row, struct err *err) MUST_USE;
/* After the last row, before the offers. */
enum rc rank_snapshot_seal(struct rank_snapshot *s, unsigned threads, struct err *err) MUST_USE;
enum rc rank_snapshot_offer(struct rank_snapshot *s, const struct catalog_offer *offer,
                            struct err *err) MUST_USE;
struct rank_snapshot *rank_snapshot_retain(struct rank_snapshot *s);
void rank_snapshot_release(struct rank_snapshot *s); /* NULL is fine */

/* -1 when unknown. */
long rank_snapshot_find_doc(const struct rank_snapshot *s, int64_t doc);
long rank_snapshot_find_id(const struct rank_snapshot *s, struct str id);
/* The code of a value, 0 when no product has it. */
uint32_t rank_code(const struct rank_snapshot *s, enum rank_field field, struct str value);
const struct rank_offers *rank_offers_of(const struct rank_snapshot *s,
                                         struct str shop); /* NULL: no such shop */
struct str rank_value(const struct rank_snapshot *s, enum rank_field field, size_t row);

/* set |= the rows with this value. */
void rank_add_rows(const struct rank_snapshot *s, enum rank_field field, uint32_t code, uint64_t *set);

static inline bool rank_bit(const uint64_t *set, size_t row) { return set[row / 64] >> (row % 64) & 1; }
static inline void rank_set_bit(uint64_t *set, size_t row) { set[row / 64] |= (uint64_t)1 << (row % 64); }
#endif
