/*
 * An import: a feed and its pictures into the catalogue.
 *
 *   1. stage     the feed is read row by row into staging tables (constant memory); bad rows go to
 *                DATA/rejects/RUN.tsv
 *   2. pictures  what is new or changed is read, decoded, measured and embedded on all cores; results are
 *                committed as they come, keyed by the SHA-256 of the bytes
 *   3. publish   one transaction: variants, offers, products, full text, generation
 *
 * Killed at any point, the next import of the feed reads the rows again, finds the pictures that were done,
 * and ends in the same catalogue as an undisturbed one. Nothing is visible before step 3 commits.
 *
 * Rules that an operator should know: of two rows with one id (in one shop) the first counts, the later one
 * is rejected. A row that names a shop gives an offer in that shop; a feed with such rows speaks only of the
 * shops that it names (import_publish.c says how), so a feed for one shop leaves the others' offers alone. With
 * an inventory file, the offers of the shops named in it are replaced by the file's; an empty price there is the
 * web shop's. A sale price with dates is shown and filtered by while they hold, without another import.
 */
#ifndef CATALOG_IMPORT_H
#define CATALOG_IMPORT_H

#include "base/err.h"

#include <stdint.h>

struct app;
struct jout;

enum { CATALOG_RUN_BYTES = 40 };

struct catalog_import_options {
    const char *feed;      /* NULL: only bring pictures to the current model (see catalog_reembed) */
    const char *images;    /* folder or zip; NULL: only http(s) addresses can be read */
    const char *columns;   /* as in catalog_feed_options */
    const char *inventory; /* offers of shops: id, shop, price, sale_price, quantity, availability */
    const char *shops;     /* shop, name, city */
    bool prune;            /* hide what the feed does not have */
    bool force;            /* hide even more than half of the catalogue */
    bool allow_private;    /* fetch pictures from private addresses */
    bool dry_run;          /* read, check and count; publish nothing */
    const char *run_id;    /* NULL: made */
    /* Called now and then from the importing thread; both may be NULL. total 0: unknown. */
    void (*progress)(void *ctx, const char *stage, int64_t done, int64_t total);
    bool (*stopped)(void *ctx);
    void *ctx;
};

struct catalog_gap {    /* values the vocabulary does not know */
    const char *field;  /* "colour" */
    int64_t values;     /* distinct ones */
    char examples[200]; /* "corail (12), ..." most frequent first */
};

enum { CATALOG_MAX_GAPS = 9 };
struct catalog_import_result {
    char run[CATALOG_RUN_BYTES];
    const char *format;                        /* of the feed; see catalog_feed_format() */
    int64_t rows, rejected;                    /* rows of the feed; of these not taken */
    int64_t problems;                          /* values left out of rows that were taken */
    int64_t added, changed, unchanged, hidden; /* products */
    int64_t pictures_read, pictures_reused, pictures_failed;
    int64_t near_duplicates; /* pairs of products whose main pictures look the same */
    int64_t filled;          /* attributes the model gave to products added or changed */
    struct catalog_gap gaps[CATALOG_MAX_GAPS];
    size_t n_gaps;
    double seconds, pictures_seconds;
    int64_t generation;
    char rejects[512]; /* path of the rejects file; "" if there was nothing to say */
    bool dry_run;
};

/* app: catalog and blobs open; model may be NULL, then pictures get no embedding and nothing is filled until
 * the next import or catalog_reembed() with one. Errors: RC_CONFLICT: another import runs, or --prune would
 * hide more than half; RC_STOPPED: interrupted, run it again to go on; those of the feed. *out is filled as
 * far as it went. Blocks; from any one thread. */
enum rc catalog_import(struct app *app, const struct catalog_import_options *options,
                       struct catalog_import_result *out, struct err *err) MUST_USE;

/* Embeds all pictures under the model at hand, fills attributes anew, and switches meta.model in one
 * transaction. Quick when nothing is to do. Errors as above. */
enum rc catalog_reembed(struct app *app, const struct catalog_import_options *options,
                        struct catalog_import_result *out, struct err *err) MUST_USE;
/* Whether the model at hand is another than the one searches use, or pictures lack an embedding. */
enum rc catalog_needs_reembed(struct app *app, bool *needed, struct err *err) MUST_USE;

/* One JSON object (schema "ImportCounts"). */
void catalog_import_write(const struct catalog_import_result *r, struct jout *out);

#endif
