/* What the files of an import share; nobody else includes this. */
#ifndef CATALOG_IMPORT_INTERNAL_H
#define CATALOG_IMPORT_INTERNAL_H

#include "base/app.h"
#include "base/buf.h"
#include "catalog/catalog_internal.h"
#include "catalog/import.h"
#include "lang/vocab.h"

#include <stdio.h>

struct import;

/* ---- import_gaps.c: values the vocabulary does not know, counted in bounded memory ---- */

struct catalog_gaps;
struct catalog_gaps *catalog_gaps_create(void); /* NULL: out of memory */
void catalog_gaps_destroy(struct catalog_gaps *g);
void catalog_gaps_add(struct catalog_gaps *g, enum vocab_field field, struct str value);
void catalog_gaps_report(const struct catalog_gaps *g, struct catalog_import_result *out);

/* ---- import_row.c: a row of the feed, checked and brought to the vocabulary ---- */

enum { ROW_MAX_PICTURES = 30, ROW_MAX_ID_BYTES = 200 };

struct import_offer {
    int64_t price_cents, sale_cents, quantity; /* -1: none */
    int64_t sale_from_ms, sale_until_ms;       /* the sale price holds from .. before; 0: always */
    char currency[4];
    const char *availability;
};

struct import_row {
    struct str id, grp, shop; /* shop: "" the web shop */
    struct import_offer offer;
    struct str data;                       /* JSON, kept in variant.data */
    char hash[CATALOG_SHA_BYTES];          /* of all of the above */
    struct str pictures[ROW_MAX_PICTURES]; /* addresses: "file:path" below the images, or http(s) */
    size_t n_pictures;
};

enum { ROW_TERMS = 4096, ROW_TERM_BYTES = 120 };

struct import_row_reader { /* scratch, used again row by row */
    struct import *im;
    /* What the vocabulary said lately, by hash: feeds repeat themselves, and asking is half of reading a row. */
    struct {
        char key[ROW_TERM_BYTES];
        size_t n;
        int field;
        const char *name;
    } * terms;
    struct buf data, text, pictures, hashed;
};
enum rc import_row_reader_init(struct import_row_reader *r, struct import *im, struct err *err) MUST_USE;
void import_row_reader_release(struct import_row_reader *r);
/* False: rejected, and reported. The result is borrowed until the next call. */
bool import_row_read(struct import_row_reader *r, const struct catalog_feed_row *in, struct import_row *out);
/* price, sale_price, availability, quantity; false when the price cannot be read (reported). A sale price may
 * come without a price: in a shop's inventory the web shop's counts. */
bool import_offer_read(struct import *im, const struct catalog_feed_row *in, struct import_offer *out);

/* ---- import_stage.c ---- */

enum rc import_stage(struct import *im, struct err *err) MUST_USE;

/* ---- import_source.c: where pictures come from ---- */

struct catalog_zip;
struct picture_source {
    const char *root; /* folder; NULL */
    int root_fd;
    struct catalog_zip *zip;
    bool allow_private;
    size_t max_bytes;
    int64_t timeout_ms;
};
struct picture_bytes {
    char *p; /* malloc'd; NULL: failed or unchanged */
    size_t n;
    char stamp[CATALOG_STAMP_BYTES]; /* what it looks like from outside */
    bool unchanged;                  /* a server said so (304) */
    char failed[160];                /* why there are no bytes; "" */
};
enum rc picture_source_open(struct picture_source *s, const char *images, struct err *err) MUST_USE;
void picture_source_close(struct picture_source *s);
/* The stamp of a "file:" address without reading it; false (and `failed` set) when it is not there. */
bool picture_source_stat(const struct picture_source *s, struct str address, struct picture_bytes *out);
/* Reads n addresses; `stamps[i]`: what is known of it ("" if nothing). http(s) ones side by side. */
void picture_source_read(const struct picture_source *s, const char *const *addresses,
                         const char *const *stamps, size_t n, struct picture_bytes *out);

/* ---- import_pictures.c ---- */

enum rc import_pictures(struct import *im, struct err *err) MUST_USE;

/* ---- import_publish.c ---- */

enum rc import_check_prune(struct import *im, struct err *err) MUST_USE;
enum rc import_publish(struct import *im, struct err *err) MUST_USE;
/* ---- import_product.c: a product from its variants ---- */
enum rc import_product(struct import *im, struct store_tx *tx, int64_t doc, struct err *err) MUST_USE;
/* ---- import_similar.c ---- */
enum rc import_near_duplicates(struct import *im, struct err *err) MUST_USE;

/* ---- import.c ---- */

struct import {
    struct app *app;
    struct store *store;
    const struct catalog_import_options *options;
    struct catalog_import_result *result;
    struct vocab *vocab;
    struct catalog_gaps *gaps;
    struct picture_source source;
    FILE *rejects;
    char owner[128]; /* of the lease */
    int64_t renewed_us;
    const char *model; /* version at hand, or that of the store without a model; "" if none */
    bool switch_model; /* publish sets meta.model and makes every product anew */
    int64_t now_ms;
    int64_t generation; /* that will be published */
};

bool import_stopped(const struct import *im);
void import_progress(struct import *im, const char *stage, int64_t done, int64_t total);
/* Renews the lease when it is time; RC_CONFLICT when another took it. Not inside a transaction. */
enum rc import_renew(struct import *im, struct err *err) MUST_USE;
/* A line of the rejects file. `field` NULL: the row. A counter is raised by the caller. */
void import_report(struct import *im, int64_t line, struct str id, const char *field, const char *reason,
                   struct str value);

#endif
