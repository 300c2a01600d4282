#include "store/store_ops.h"

#include <string.h>

static bool is_name(const char *z)
{
    return z && *z && strspn(z, "abcdefghijklmnopqrstuvwxyz_") == strlen(z);
}

size_t fts_field_count(const struct fts_schema *schema)
{
    size_t n = 0;
    while (n < FTS_MAX_FIELDS && schema->fields[n]) n++;
    return n;
}

/* Names become part of SQL, so a schema must be a constant of the program. */
static void check_schema(const struct store_tx *tx, const struct fts_schema *schema)
{
    ASSERT(pthread_equal(tx->owner, pthread_self()));
    ASSERT(is_name(schema->table) && strlen(schema->table) < STORE_NAME_BYTES);
    size_t n = fts_field_count(schema);
    ASSERT(n > 0);
    for (size_t i = 0; i < n; i++) ASSERT(is_name(schema->fields[i]) && strlen(schema->fields[i]) < 32);
}

enum rc fts_create(struct store_tx *tx, const struct fts_schema *schema, struct err *err)
{
    check_schema(tx, schema);
    return tx->store->ops->fts_create(tx, schema, err);
}

enum rc fts_put(struct store_tx *tx, const struct fts_schema *schema, int64_t doc,
                const struct str *fields, struct err *err)
{
    check_schema(tx, schema);
    return tx->store->ops->fts_put(tx, schema, doc, fields, err);
}

enum rc fts_delete(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, struct err *err)
{
    check_schema(tx, schema);
    return tx->store->ops->fts_delete(tx, schema, doc, err);
}

enum rc fts_search(struct store_tx *tx, const struct fts_schema *schema, const struct fts_term *terms,
                   size_t n_terms, bool any, size_t cap, struct fts_hit *hits, size_t *n,
                   struct err *err)
{
    check_schema(tx, schema);
    *n = 0;
    if (n_terms > FTS_MAX_TERMS)
        return err_set(err, RC_TOO_LARGE, "more than %d words in a search", FTS_MAX_TERMS);
    if (!n_terms || !cap) return RC_OK;
    return tx->store->ops->fts_search(tx, schema, terms, n_terms, any, cap, hits, n, err);
}
