/* What the files of catalog/ share; nobody else includes this. */
#ifndef CATALOG_CATALOG_INTERNAL_H
#define CATALOG_CATALOG_INTERNAL_H

#include "base/buf.h"
#include "catalog/catalog.h"
#include "catalog/feed.h"
#include "http/http.h"

extern const struct migration catalog_migrations[];
extern const struct http_route catalog_routes[];
extern const struct http_schema catalog_schemas[];

enum { CATALOG_SHA_BYTES = 65, CATALOG_STAMP_BYTES = 300 };

/* SHA-256 in hex of all bytes: for `hash` columns. */
void catalog_digest(struct str bytes, char hex[static CATALOG_SHA_BYTES]);
/* Where a picture's bytes are: "pictures/ab/<sha>", and ".w240" or ".w640" behind it for the smaller ones. */
enum { CATALOG_BLOB_KEY_BYTES = 96 };
void catalog_blob_key(const char *sha, int width, char out[static CATALOG_BLOB_KEY_BYTES]);

/* A variant v and its offer o, for catalog_write_variant(); `now` is the SQL of the moment, such as "?2". */
enum {
    CATALOG_COL_ID,
    CATALOG_COL_COLOUR,
    CATALOG_COL_SIZE,
    CATALOG_COL_PRICE,
    CATALOG_COL_SALE,
    CATALOG_COL_AVAILABILITY, /* NULL: no offer */
    CATALOG_COL_QUANTITY,
    CATALOG_COL_CURRENCY,
    CATALOG_OFFER_COLS
};
#define CATALOG_OFFER_COLUMNS(now)                                                                   \
    "v.id, v.colour, coalesce(v.size, v.size_label), o.price_cents, CASE WHEN o.sale_from_ms > " now \
    " OR o.sale_until_ms <= " now " THEN NULL ELSE o.sale_cents END, o.availability, o.quantity, o.currency"
/* Writes the object of schema "Variant"; the offer's strings are borrowed from the row. */
struct catalog_offer catalog_write_variant(struct jout *out, const struct store_rows *rows);
/* Whether offer a is shown before b: available first, then what is paid. */
bool catalog_better(const struct catalog_offer *a, const struct catalog_offer *b);
void catalog_write_text(struct jout *out, const char *key, const struct store_rows *rows, int column);
void catalog_write_money(struct jout *out, const char *key, int64_t cents); /* below 0: null */
enum rc catalog_no_product(struct str id, struct err *err);

/* meta: "" when missing. */
enum rc catalog_meta_get(struct store_tx *tx, const char *key, char *out, size_t cap, struct err *err) MUST_USE;
enum rc catalog_meta_set(struct store_tx *tx, const char *key, const char *value, struct err *err) MUST_USE;

/* ---- import_job.c: imports over HTTP and in the background ---- */

extern struct metric *const catalog_import_metrics[];
enum rc catalog_begin_read(const struct http_request *rq, struct store_tx **tx, struct err *err) MUST_USE;
enum rc catalog_upload_import(struct http_request *rq, struct http_response *rs, struct err *err);
enum rc catalog_import_incoming(struct http_request *rq, struct http_response *rs, struct err *err);
enum rc catalog_list_imports(struct http_request *rq, struct http_response *rs, struct err *err);
enum rc catalog_get_import(struct http_request *rq, struct http_response *rs, struct err *err);
enum rc catalog_jobs_start(struct app *app, struct err *err) MUST_USE;
void catalog_jobs_stop(void);

#endif
