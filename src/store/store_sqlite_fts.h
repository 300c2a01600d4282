/* Full text over FTS5: the entries of struct store_ops. */
#ifndef STORE_STORE_SQLITE_FTS_H
#define STORE_STORE_SQLITE_FTS_H

#include "store/store_ops.h"

enum rc sqlite_fts_create(struct store_tx *tx, const struct fts_schema *schema, struct err *err);
enum rc sqlite_fts_put(struct store_tx *tx, const struct fts_schema *schema, int64_t doc,
                       const struct str *fields, struct err *err);
enum rc sqlite_fts_delete(struct store_tx *tx, const struct fts_schema *schema, int64_t doc,
                          struct err *err);
enum rc sqlite_fts_search(struct store_tx *tx, const struct fts_schema *schema,
                          const struct fts_term *terms, size_t n_terms, bool any, size_t cap,
                          struct fts_hit *hits, size_t *n, struct err *err);

#endif
