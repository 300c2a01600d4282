/*
 * Feed readers: a retailer's file in, rows of named fields out, in constant memory.
 *
 * Read are: Google Merchant feeds as tab- or comma-separated text and as XML (RSS 2.0 and Atom), Shopify's
 * product CSV (the old and the new column names), and any delimited text whose columns are named with
 * `--columns`. Format, delimiter and encoding are found from the content, never from the file's name.
 *
 * A row that cannot be read is handed to `problem` and passed over; only a file without any usable header,
 * or a failing disk, ends the reading.
 *
 * Limits: a field 1 MiB, a record 32 MiB, a header 4,096 columns. What is longer is a problem of that row.
 *
 * Threading: a reader belongs to one thread.
 */
#ifndef CATALOG_FEED_H
#define CATALOG_FEED_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum catalog_field {
    CATALOG_ID,
    CATALOG_TITLE,
    CATALOG_DESCRIPTION,
    CATALOG_LINK,
    CATALOG_IMAGE_LINK,
    CATALOG_ADDITIONAL_IMAGE_LINK,
    CATALOG_PRICE,
    CATALOG_SALE_PRICE,
    CATALOG_SALE_DATES,
    CATALOG_AVAILABILITY,
    CATALOG_BRAND,
    CATALOG_PRODUCT_TYPE,
    CATALOG_GOOGLE_PRODUCT_CATEGORY,
    CATALOG_COLOR,
    CATALOG_SIZE,
    CATALOG_GENDER,
    CATALOG_AGE_GROUP,
    CATALOG_MATERIAL,
    CATALOG_PATTERN,
    CATALOG_ITEM_GROUP_ID,
    CATALOG_SEASON,
    CATALOG_STYLE,
    CATALOG_GTIN,
    CATALOG_SHOP,
    CATALOG_QUANTITY,
    CATALOG_FIELDS
};

enum { CATALOG_MAX_FIELD_BYTES = 1 << 20, CATALOG_MAX_RECORD_BYTES = 32 << 20, CATALOG_MAX_COLUMNS = 4096 };

/* "id", "title", ...: Google's names where Google has one. */
const char *catalog_field_name(enum catalog_field field);
/* The field of a column heading in any spelling known (Google's, French, "g:" in front, blanks for
 * underscores); -1 if none. *exact (may be NULL): it is the field's own name. */
int catalog_field_of(struct str heading, bool *exact);

struct catalog_feed_row {
    int64_t line;                                 /* of the file, from 1, where the row begins */
    struct str value[CATALOG_FIELDS];             /* trimmed; p NULL: nothing there. As the retailer wrote it */
    const struct str *extra_names, *extra_values; /* columns without a field of their own */
    size_t n_extra;
};

/* `field` may be NULL (the whole row); `id` and `value` may have p NULL. All are borrowed for the call. */
typedef void (*catalog_problem_fn)(void *ctx, int64_t line, struct str id, const char *field,
                                   const char *reason, struct str value);

enum catalog_feed_kind {
    CATALOG_FEED_PRODUCTS,  /* a row has at least id and title */
    CATALOG_FEED_INVENTORY, /* id and shop (Google's local inventory feed) */
    CATALOG_FEED_SHOPS      /* shop and title, which may be called name */
};

struct catalog_feed_options {
    enum catalog_feed_kind kind;
    const char *columns;        /* "ours=theirs,..."; NULL: by the known names */
    catalog_problem_fn problem; /* NULL: problems are passed over silently */
    void *problem_ctx;
};

struct catalog_feed;

/* RC_NOT_FOUND, RC_IO; RC_INVALID: empty, no usable header, a wrong `columns`. `options` is copied; its
 * `columns` is borrowed for the call. */
enum rc catalog_feed_open(const char *path, const struct catalog_feed_options *options,
                          struct catalog_feed **out, struct err *err) MUST_USE;
/* The same from memory, which is borrowed until catalog_feed_close(). */
enum rc catalog_feed_open_memory(struct str bytes, const struct catalog_feed_options *options,
                                 struct catalog_feed **out, struct err *err) MUST_USE;
void catalog_feed_close(struct catalog_feed *f); /* NULL is fine */
/* *more false at the end. The row is borrowed until the next call. RC_IO, RC_NOMEM. */
enum rc catalog_feed_next(struct catalog_feed *f, struct catalog_feed_row *row, bool *more,
                          struct err *err) MUST_USE;
/* "google text", "google xml", "shopify", "text": for messages. */
const char *catalog_feed_format(const struct catalog_feed *f);
/* How much of the file has been read, 0 .. 1: for progress. */
double catalog_feed_share(const struct catalog_feed *f);

/* ---- values ---- */

/* "1 299,90 EUR", "€12.50", "12.50 USD", "19,9": hundredths, and the currency's ISO code (`currency` is left
 * as it is when none is written). The last separator is the decimal one unless exactly three digits follow
 * and no other kind of separator is there. False: not a price, negative, or over 10^11 hundredths. */
bool catalog_parse_price(struct str s, int64_t *cents, char currency[static 4]);
/* Google's sale_price_effective_date, "2026-06-24T08:00+0200/2026-07-22T23:59+0200": the first instant, and
 * the first one behind. Without a zone it is UTC; without a time of day, whole days, the last one included.
 * False: not a period, or an empty one. */
bool catalog_parse_period(struct str s, int64_t *from_ms, int64_t *until_ms);
/* "in_stock", "out_of_stock", "preorder" or "backorder" from English or French; NULL: something else. */
const char *catalog_parse_availability(struct str s);
/* Appends the text without HTML tags, with entities decoded, control characters and runs of white space
 * made one blank, trimmed. */
void catalog_clean_text(struct str s, struct buf *out);
/* Appends the character of an entity's name ("eacute", "#233", "#xE9"); false if unknown. */
bool catalog_entity(struct str name, struct buf *out);

#endif
