/*
 * Full text, behind its own interface (SQLite FTS5 now, PostgreSQL's tsvector next). Texts come in as
 * tokens that lang/ has already folded and stemmed, so that both backends index the same words and a
 * query means the same on both. Ranking is BM25 with a weight for each field.
 *
 * An index lives in the same database as the records, and changes in the same transaction.
 */
#ifndef STORE_FTS_H
#define STORE_FTS_H

#include "store/store.h"

enum { FTS_MAX_FIELDS = 8, FTS_MAX_TERMS = 64 };

struct fts_schema {
    const char *table;                  /* [a-z_]+ */
    const char *fields[FTS_MAX_FIELDS]; /* NULL-ended unless full */
    double weights[FTS_MAX_FIELDS];
};

/* Makes the index if it is missing. */
enum rc fts_create(struct store_tx *tx, const struct fts_schema *schema, struct err *err) MUST_USE;
/* `fields`: space-separated tokens ([a-z0-9]+ or any non-ASCII letters), one entry a field. Replaces. */
enum rc fts_put(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, const struct str *fields,
                struct err *err) MUST_USE;
enum rc fts_delete(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, struct err *err) MUST_USE;

/* One term of a query: any of `alternatives` tokens (synonyms, corrections) counts as the term. */
struct fts_term {
    const struct str *alternatives;
    size_t n;
    bool prefix; /* the last word of a search-as-you-type */
};

struct fts_hit {
    int64_t doc;
    double score; /* higher is better; comparable within one search only */
};

/* Documents that hold all terms (`any` false) or at least one (`any` true), best first; at most `cap`
 * into `hits`, their number into *n. */
enum rc fts_search(struct store_tx *tx, const struct fts_schema *schema, const struct fts_term *terms,
                   size_t n_terms, bool any, size_t cap, struct fts_hit *hits, size_t *n,
                   struct err *err) MUST_USE;
#endif
