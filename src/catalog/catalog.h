/*
 * The catalogue: feeds in, products out. A product is what a shopper sees once: all variants (sizes,
 * colours) of one item_group_id, or a single offer without a group; its id is the group's id, or the
 * offer's. Products, variants, offers per shop, pictures and embeddings live in the "catalog" store
 * (schema: catalog_schema.c), picture bytes in the blob store.
 *
 * An import stages what it reads, prepares pictures, and publishes all of it in one transaction that
 * raises the generation: readers see the catalogue before or after, never between. rank/ polls
 * catalog_generation() and takes a new snapshot when it moved.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/fts.h"
#include "store/store.h"

struct app;
struct module;
struct vocab;

extern const struct module catalog_module;
extern const struct fts_schema catalog_fts; /* doc = product.doc; fields title, brand, attributes, text */

/* A product as rank/ loads it. All strings are borrowed for the call; p NULL: unknown. */
struct catalog_row {
    int64_t doc; /* internal number, stable for the life of the product, used as FTS doc */
    struct str id, title, brand, link, picture; /* picture: SHA-256 of the main picture in hex */
    struct str category, colour, gender, age_group, season, style, material, pattern;
    struct str colours; /* JSON array of {"name","share"} of the main picture */
    uint32_t filled;    /* bit (1 << enum vocab_field): this value came from the model */
    struct str sizes;   /* canonical sizes of available variants, separated by '|' */
    int64_t first_seen_ms;
    const float *embedding; /* (dim) f32, NULL: none yet for the active model */
    size_t dim;
    uint64_t dhash;
};
struct catalog_offer { /* the cheapest available variant's offer in one shop */
    int64_t doc;
    struct str shop, currency;
    int64_t price_cents, sale_cents; /* price_cents -1: unknown; sale_cents -1: no sale */
    bool available;
};
typedef enum rc (*catalog_row_fn)(const struct catalog_row *row, void *ctx, struct err *err);
typedef enum rc (*catalog_offer_fn)(const struct catalog_offer *offer, void *ctx, struct err *err);

/* Every visible product, by doc, with its embedding under the active model; then every offer, with the sale prices
 * that hold at now_ms. */
enum rc catalog_each(struct store_tx *tx, catalog_row_fn each, void *ctx, struct err *err) MUST_USE;
enum rc catalog_each_offer(struct store_tx *tx, int64_t now_ms, catalog_offer_fn each, void *ctx,
                           struct err *err) MUST_USE;
/* The first instant behind now_ms at which a sale begins or ends; INT64_MAX: none is known. */
enum rc catalog_next_price_change(struct store_tx *tx, int64_t now_ms, int64_t *at_ms,
                                  struct err *err) MUST_USE;

/* Rises with every publication; the model's version that its embeddings belong to ("" before the first). */
enum rc catalog_generation(struct store_tx *tx, int64_t *generation, char model[static 128],
                           struct err *err) MUST_USE;

/* Writes the product as the API shows it (schema "Product") as one JSON object. RC_NOT_FOUND: no such product,
 * or a hidden one. `shop`: NULL or "" for the web shop; prices, stock and sizes are those of that shop. */
struct jout;
enum rc catalog_write_product(struct store_tx *tx, struct str id, const char *shop, struct jout *out,
                              struct err *err) MUST_USE;

/* Price and stock of a product in every shop that offers it, the web shop first (schema "OfferList"). RC_NOT_FOUND
 * as above. */
enum rc catalog_write_offers(struct store_tx *tx, struct str id, struct jout *out, struct err *err) MUST_USE;

/* The garment mask of a picture, kept for try-on: (height, width) bytes, 0 or 255, caller frees with free().
 * Its size may be smaller than the picture's. RC_NOT_FOUND, RC_CORRUPT. */
enum rc catalog_mask(struct store_tx *tx, struct str sha, int *width, int *height, uint8_t **alpha,
                     struct err *err) MUST_USE;
#endif
