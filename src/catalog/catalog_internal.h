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

/* meta: "" when missing. */
enum rc catalog_meta_get(struct store_tx *tx, const char *key, char *out, size_t cap, struct err *err) MUST_USE;
enum rc catalog_meta_set(struct store_tx *tx, const char *key, const char *value, struct err *err) MUST_USE;

#endif
