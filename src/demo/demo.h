/*
 * The demonstration collection, drawn: pictures of products, a Google Merchant feed in French, shops with their
 * stock, and photos such as shoppers take of their own clothes. Everything follows from the seed.
 *
 *   DIR/images/PND-0001.jpg ...   600 x 800, one a product (and PND-0001-2.jpg: a close-up, for some)
 *   DIR/feed.tsv                  Google Merchant, one row a size; item_group_id is the product
 *   DIR/shops.csv                 11 shops; the web shop is the feed itself
 *   DIR/inventory.tsv             price and stock in each
 *   DIR/labels.csv                what was drawn: a row a product, canonical names
 *   DIR/wardrobe/photo-01.jpg ... 1200 x 1600 (photo-01-small.jpg: 240 x 320), and DIR/wardrobe.csv: a row a piece, with its box
 *   DIR/stamp                     written last: version, seed and count of a finished drawing
 */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include "base/err.h"

#include <stdint.h>

struct module;
extern const struct module demo_module; /* the photos for the page, from DATA/demo */

enum { DEMO_MAX_PRODUCTS = 100000, DEMO_PHOTOS = 24 };

struct demo_options {
    const char *dir;
    int products; /* 1 .. DEMO_MAX_PRODUCTS */
    int photos;   /* 0 .. DEMO_PHOTOS */
    uint64_t seed;
    unsigned workers; /* 0: one a processor */
    /* Called from the calling thread now and then; may be NULL. Returning false stops: RC_STOPPED. */
    bool (*progress)(int done, int total, void *ctx);
    void *ctx;
};

/* Draws what is not there already: *drawn is false when the stamp says that all of it is. image_startup() must
 * have been called. */
enum rc demo_draw(const struct demo_options *o, bool *drawn, struct err *err) MUST_USE;

#endif
