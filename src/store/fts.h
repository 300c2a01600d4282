/*
 * Full text, behind its own interface. Texts come in as tokens that lang/ has already folded and stemmed.
 * The index is made of ordinary tables beside the records, changes in the same transaction, and is the same
 * in every database, so that a query means the same everywhere; docs/decisions/full-text.md says why it is
 * neither FTS5 nor tsvector. Ranking is BM25F with a weight (> 0) for each field.
 *
 * Documents are numbered by the caller; the index is smallest and fastest when the numbers are dense.
 *
 * Threading: as for the transaction. A search on a write transaction sees what was put before.
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

/* Makes the index if it is missing. RC_CONFLICT when it is there with other fields. */
enum rc fts_create(struct store_tx *tx, const struct fts_schema *schema, struct err *err) MUST_USE;
/* `fields`: tokens separated by white space, one entry a field (p NULL: empty). Replaces; putting the same
 * again changes nothing and is cheap. A token counts with its first 64 bytes, a document with its first
 * 20,000 tokens. On failure the transaction can only be rolled back. */
enum rc fts_put(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, const struct str *fields,
                struct err *err) MUST_USE;
enum rc fts_delete(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, struct err *err) MUST_USE;

/* One term of a query: any of `alternatives` tokens (synonyms, corrections) counts as the term. A term
 * without a token in it is passed over. */
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
