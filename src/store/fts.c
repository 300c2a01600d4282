/*
 * Making the full-text index, and searching it; its form is in fts_internal.h.
 *
 * Ranking is BM25F (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009): the counts of a term
 * in the fields are added up, each divided by the field's length against the average and multiplied by its
 * weight, and only then saturated; so a term in title and text counts little more than in the title alone.
 * Alternatives of a term are added up before that too: a synonym is the term.
 *
 * A search reads the rows of its terms from end to end: a posting is about 3 bytes, and 20,000 postings of a
 * common term decode in 0.2 ms, so there is nothing to skip and nothing to keep in memory between searches.
 */
#include "store/fts_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Robertson's values; MAX_PREFIX_ROWS bounds what "r*" can cost. */
static const float K1 = 1.2f, B = .75f;
enum { MAX_PREFIX_ROWS = 4000, MAX_READ_BYTES = 256 << 20 };

/* ------------------------------------------------------------------------------------------ schemas */

static bool is_name(const char *z) { return z && *z && strspn(z, "abcdefghijklmnopqrstuvwxyz_") == strlen(z); }

size_t fts_field_count(const struct fts_schema *schema)
{
    size_t n = 0;
    while (n < FTS_MAX_FIELDS && schema->fields[n])
        n++;
    return n;
}

/* The table's name becomes part of SQL, so a schema must be a constant of the program. */
void fts_check_schema(const struct store_tx *tx, const struct fts_schema *schema)
{
    ASSERT(pthread_equal(tx->owner, pthread_self()));
    ASSERT(is_name(schema->table) && strlen(schema->table) < STORE_NAME_BYTES);
    size_t n = fts_field_count(schema);
    ASSERT(n > 0);
    for (size_t i = 0; i < n; i++)
        ASSERT(is_name(schema->fields[i]) && strlen(schema->fields[i]) < 32 && schema->weights[i] > 0);
}

enum rc fts_sql(char out[static FTS_SQL_BYTES], const char *sql, const struct fts_schema *schema,
                struct err *err)
{
    struct buf b = BUF_INIT(FTS_SQL_BYTES - 1);
    for (; *sql; sql++) {
        if (*sql == '#')
            buf_addz(&b, schema->table);
        else
            buf_addc(&b, *sql);
    }
    enum rc rc = buf_check(&b, "a statement", err);
    if (!rc) memcpy(out, b.p, b.n + 1);
    buf_release(&b);
    return rc;
}

enum rc fts_damaged(const struct fts_schema *schema, struct err *err)
{
    return err_set(err, RC_CORRUPT,
                   "the full-text index %s is damaged: restore a backup, or delete its tables "
                   "and import again",
                   schema->table);
}

static enum rc check_fields(struct store_tx *tx, const struct fts_schema *schema, const struct buf *names,
                            struct err *err)
{
    char sql[FTS_SQL_BYTES];
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = fts_sql(sql, "SELECT fields FROM #_stat WHERE id = 1", schema, err);
    if (!rc) rc = store_query(tx, sql, STORE_NO_ARGS, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && (!more || !str_eq(store_text(rows, 0), buf_str(names))))
        rc = err_set(err, RC_CONFLICT, "the full-text index %s was made for other fields", schema->table);
    store_rows_close(rows);
    return rc;
}

static enum rc create_tables(struct store_tx *tx, const struct fts_schema *schema, struct err *err)
{
    static const char *const tables[] = {
        "CREATE TABLE IF NOT EXISTS #_stat (id INTEGER NOT NULL PRIMARY KEY, fields TEXT NOT NULL,"
        " docs INTEGER NOT NULL, sums BLOB NOT NULL)",
        "CREATE TABLE IF NOT EXISTS #_doc (doc INTEGER NOT NULL PRIMARY KEY, tokens BLOB NOT NULL)",
        "CREATE TABLE IF NOT EXISTS #_len (block INTEGER NOT NULL PRIMARY KEY, lengths BLOB NOT NULL)",
        "CREATE TABLE IF NOT EXISTS #_post (term BLOB NOT NULL, block INTEGER NOT NULL, n INTEGER NOT NULL,"
        " data BLOB NOT NULL, PRIMARY KEY (term, block))"};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < 4 && !rc; i++) {
        char sql[FTS_SQL_BYTES], whole[FTS_SQL_BYTES];
        snprintf(whole, sizeof whole, "%s%s", tables[i], i == 3 ? tx->store->ops->clustered : "");
        rc = fts_sql(sql, whole, schema, err);
        if (!rc) rc = tx->store->ops->script(tx, sql, err);
    }
    return rc;
}

enum rc fts_create(struct store_tx *tx, const struct fts_schema *schema, struct err *err)
{
    static const uint8_t zeros[FTS_MAX_FIELDS * 8];
    char sql[FTS_SQL_BYTES];
    struct buf names = BUF_INIT(FTS_SQL_BYTES);
    fts_check_schema(tx, schema);
    if (tx->failed) return err_set(err, tx->failed, "an earlier statement of this transaction failed");
    for (size_t i = 0; i < fts_field_count(schema); i++)
        buf_addf(&names, "%s ", schema->fields[i]);
    enum rc rc = buf_check(&names, "the fields' names", err);
    if (!rc) rc = create_tables(tx, schema, err);
    if (!rc)
        rc = fts_sql(sql,
                     "INSERT INTO #_stat (id, fields, docs, sums) VALUES (1, ?1, 0, ?2)"
                     " ON CONFLICT (id) DO NOTHING",
                     schema, err);
    if (!rc)
        rc = store_exec(tx, sql, STORE_ARGS(STORE_S(buf_str(&names)), STORE_B(zeros, sizeof zeros)), NULL, err);
    if (!rc) rc = check_fields(tx, schema, &names, err);
    if (rc && !tx->failed) tx->failed = rc;
    buf_release(&names);
    return rc;
}

/* ------------------------------------------------------------------------------------------ searching */

/* One row of T_post that a search has read; data at `at` in search.data. */
struct chunk {
    int64_t block;
    unsigned group;
    size_t at, n;
};

struct search {
    struct store_tx *tx;
    const struct fts_schema *schema;
    size_t n_fields, n_groups; /* a group: a term of the query that has any alternatives */
    struct buf data;
    struct chunk *chunk;
    size_t n_chunks, cap_chunks;
    int64_t held_by[FTS_MAX_TERMS]; /* documents that hold the group, alternatives counted twice */
    int64_t docs;
    float norm[FTS_MAX_FIELDS][256]; /* weight / length normalisation, by field and length */
    bool any;

    struct fts_hit *hits; /* a heap, the worst on top */
    size_t n_hits, cap;
};

static enum rc add_chunk(struct search *s, unsigned group, int64_t block, struct str data, struct err *err)
{
    if (s->n_chunks == s->cap_chunks) {
        size_t cap = s->cap_chunks ? s->cap_chunks * 2 : 256;
        struct chunk *chunk = realloc(s->chunk, cap * sizeof *chunk);
        if (!chunk) return err_set(err, RC_NOMEM, "out of memory: full text");
        s->chunk = chunk;
        s->cap_chunks = cap;
    }
    s->chunk[s->n_chunks++] = (struct chunk){block, group, s->data.n, data.n};
    buf_add(&s->data, data);
    return RC_OK;
}

static enum rc read_rows(struct search *s, unsigned group, struct store_rows *rows, struct err *err)
{
    bool more;
    enum rc rc;
    while (!(rc = store_next(rows, &more, err)) && more) {
        s->held_by[group] += store_i64(rows, 1);
        rc = add_chunk(s, group, store_i64(rows, 0), store_blob(rows, 2), err);
        if (rc) break;
    }
    return rc ? rc : buf_check(&s->data, "a full-text search", err);
}

static enum rc read_token(struct search *s, unsigned group, struct str token, bool prefix, struct err *err)
{
    char sql[FTS_SQL_BYTES], behind[FTS_MAX_TOKEN_BYTES];
    struct store_rows *rows = NULL;
    const struct store_value first = STORE_B(token.p, token.n);
    enum rc rc = fts_sql(sql,
                         prefix ? "SELECT block, n, data FROM #_post WHERE term >= ?1 AND term < ?2"
                                  " ORDER BY term, block LIMIT ?3"
                                : "SELECT block, n, data FROM #_post WHERE term = ?1 ORDER BY block",
                         s->schema, err);
    if (rc) return rc;
    if (prefix) {
        /* UTF-8 has no byte 0xff, so the last byte can always be raised by one. */
        memcpy(behind, token.p, token.n);
        behind[token.n - 1] = (char)(behind[token.n - 1] + 1);
        rc = store_query(s->tx, sql, STORE_ARGS(first, STORE_B(behind, token.n), STORE_I(MAX_PREFIX_ROWS)),
                         &rows, err);
    } else {
        rc = store_query(s->tx, sql, STORE_ARGS(first), &rows, err);
    }
    if (!rc) rc = read_rows(s, group, rows, err);
    store_rows_close(rows);
    return rc;
}

/* True if an earlier alternative is the same token. */
static bool repeated(const struct fts_term *term, size_t i, struct str token)
{
    for (size_t j = 0; j < i; j++)
        for (struct str rest = term->alternatives[j], t; fts_next_token(&rest, &t);)
            if (str_eq(t, token)) return true;
    return false;
}

static enum rc read_term(struct search *s, const struct fts_term *term, bool *read, struct err *err)
{
    enum rc rc = RC_OK;
    *read = false;
    for (size_t i = 0; i < term->n && !rc; i++) {
        for (struct str rest = term->alternatives[i], token; !rc && fts_next_token(&rest, &token);) {
            *read = true;
            if (!token.n || !str_utf8_valid(token) || repeated(term, i, token)) continue;
            rc = read_token(s, (unsigned)s->n_groups, token, term->prefix, err);
        }
    }
    return rc;
}

static enum rc read_stat(struct search *s, struct err *err)
{
    char sql[FTS_SQL_BYTES];
    struct store_rows *rows = NULL;
    bool more = false;
    int64_t sums[FTS_MAX_FIELDS] = {0};
    enum rc rc = fts_sql(sql, "SELECT docs, sums FROM #_stat WHERE id = 1", s->schema, err);
    if (!rc) rc = store_query(s->tx, sql, STORE_NO_ARGS, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more && store_blob(rows, 1).n == sizeof sums) {
        s->docs = store_i64(rows, 0);
        memcpy(sums, store_blob(rows, 1).p, sizeof sums);
    } else if (!rc) {
        rc = fts_damaged(s->schema, err);
    }
    store_rows_close(rows);
    if (rc) return rc;
    for (size_t f = 0; f < s->n_fields; f++) {
        float average = s->docs > 0 && sums[f] > 0 ? (float)sums[f] / (float)s->docs : 1;
        for (int n = 0; n < 256; n++)
            s->norm[f][n] = (float)s->schema->weights[f] / (1 - B + B * (float)n / average);
    }
    return RC_OK;
}

static bool worse(const struct fts_hit *a, const struct fts_hit *b)
{
    return a->score < b->score || (a->score == b->score && a->doc > b->doc);
}

static void sift_down(struct fts_hit *heap, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1, right = left + 1;
        if (left < n && worse(&heap[left], &heap[worst])) worst = left;
        if (right < n && worse(&heap[right], &heap[worst])) worst = right;
        if (worst == i) return;
        struct fts_hit was = heap[i];
        heap[i] = heap[worst];
        heap[worst] = was;
        i = worst;
    }
}

static void offer(struct search *s, int64_t doc, double score)
{
    struct fts_hit hit = {doc, score};
    if (s->n_hits < s->cap) {
        size_t i = s->n_hits++;
        for (; i && worse(&hit, &s->hits[(i - 1) / 2]); i = (i - 1) / 2)
            s->hits[i] = s->hits[(i - 1) / 2];
        s->hits[i] = hit;
    } else if (worse(&s->hits[0], &hit)) {
        s->hits[0] = hit;
        sift_down(s->hits, s->n_hits, 0);
    }
}

/* What is gathered of one block. */
struct tally {
    float score[FTS_BLOCK], count[FTS_BLOCK]; /* count: of the group at hand, weighted */
    uint8_t groups[FTS_BLOCK];
    uint8_t lengths[FTS_BLOCK * FTS_MAX_FIELDS];
};

static bool add_postings(const struct search *s, struct tally *t, const struct chunk *c)
{
    struct fts_reader r = fts_reader((struct str){s->data.p + c->at, c->n});
    int slot = -1;
    while (r.p < r.end) {
        uint32_t delta = fts_read_varint(&r);
        if (r.bad || !delta || delta >= FTS_BLOCK + 1 || slot + (int)delta >= FTS_BLOCK || r.p >= r.end)
            return false;
        slot += (int)delta;
        const uint8_t *lengths = t->lengths + (size_t)slot * s->n_fields;
        unsigned mask = *r.p++;
        if (mask >> s->n_fields || r.end - r.p < __builtin_popcount(mask)) return false;
        float count = 0;
        for (; mask; mask &= mask - 1) {
            unsigned f = (unsigned)__builtin_ctz(mask);
            count += (float)*r.p++ * s->norm[f][lengths[f]];
        }
        t->count[slot] += count;
    }
    return true;
}

/* Saturates the group's counts and adds them to the scores. */
static void end_group(const struct search *s, struct tally *t, unsigned group)
{
    float held = (float)(s->held_by[group] < s->docs ? s->held_by[group] : s->docs);
    float idf = logf(1 + ((float)s->docs - held + .5f) / (held + .5f));
    for (int slot = 0; slot < FTS_BLOCK; slot++) {
        float count = t->count[slot];
        t->score[slot] += idf * (count / (count + K1));
        t->groups[slot] = (uint8_t)(t->groups[slot] + (count > 0));
        t->count[slot] = 0;
    }
}

static enum rc read_lengths(struct search *s, const char *sql, int64_t block, struct tally *t, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    size_t size = FTS_BLOCK * s->n_fields;
    enum rc rc = store_query(s->tx, sql, STORE_ARGS(STORE_I(block)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more && store_blob(rows, 0).n == size)
        memcpy(t->lengths, store_blob(rows, 0).p, size);
    else if (!rc)
        rc = fts_damaged(s->schema, err);
    store_rows_close(rows);
    return rc;
}

/* n chunks of one block, by group. */
static enum rc search_block(struct search *s, const char *sql, const struct chunk *c, size_t n, struct tally *t,
                            struct err *err)
{
    size_t groups = 0;
    for (size_t i = 0; i < n; i++)
        groups += i == 0 || c[i].group != c[i - 1].group;
    if (!s->any && groups < s->n_groups) return RC_OK; /* none of the block can hold all */
    enum rc rc = read_lengths(s, sql, c->block, t, err);
    if (rc) return rc;
    memset(t->score, 0, sizeof t->score);
    memset(t->groups, 0, sizeof t->groups);
    for (size_t i = 0; i < n; i++) {
        if (!add_postings(s, t, &c[i])) return fts_damaged(s->schema, err);
        if (i + 1 == n || c[i + 1].group != c[i].group) end_group(s, t, c[i].group);
    }
    size_t least = s->any ? 1 : s->n_groups;
    for (int slot = 0; slot < FTS_BLOCK; slot++)
        if (t->groups[slot] >= least) offer(s, c->block * FTS_BLOCK + slot, (double)t->score[slot]);
    return RC_OK;
}

static int by_block_and_group(const void *a, const void *b)
{
    const struct chunk *x = a, *y = b;
    if (x->block != y->block) return x->block < y->block ? -1 : 1;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return x->at < y->at ? -1 : 1; /* the sum of floats must not depend on the sort */
}

static enum rc search_blocks(struct search *s, struct err *err)
{
    char sql[FTS_SQL_BYTES];
    struct tally *t = calloc(1, sizeof *t);
    enum rc rc = t ? fts_sql(sql, "SELECT lengths FROM #_len WHERE block = ?1", s->schema, err)
                   : err_set(err, RC_NOMEM, "out of memory: full text");
    if (s->n_chunks) qsort(s->chunk, s->n_chunks, sizeof *s->chunk, by_block_and_group);
    for (size_t i = 0, n; i < s->n_chunks && !rc; i += n) {
        for (n = 1; i + n < s->n_chunks && s->chunk[i + n].block == s->chunk[i].block;)
            n++;
        rc = search_block(s, sql, s->chunk + i, n, t, err);
    }
    free(t);
    return rc;
}

static int best_first(const void *a, const void *b) { return worse(a, b) ? 1 : -1; }

enum rc fts_search(struct store_tx *tx, const struct fts_schema *schema, const struct fts_term *terms,
                   size_t n_terms, bool any, size_t cap, struct fts_hit *hits, size_t *n, struct err *err)
{
    struct search s = {.tx = tx,
                       .schema = schema,
                       .any = any,
                       .hits = hits,
                       .cap = cap,
                       .n_fields = fts_field_count(schema),
                       .data = BUF_INIT(MAX_READ_BYTES)};
    fts_check_schema(tx, schema);
    *n = 0;
    if (n_terms > FTS_MAX_TERMS)
        return err_set(err, RC_TOO_LARGE, "more than %d words in a search", FTS_MAX_TERMS);
    if (!n_terms || !cap) return RC_OK;
    enum rc rc = fts_pending_flush(tx, err);
    if (!rc) rc = read_stat(&s, err);
    bool hopeless = false; /* all are asked for, and one is nowhere */
    for (size_t i = 0; i < n_terms && !rc && !hopeless; i++) {
        bool read;
        rc = read_term(&s, &terms[i], &read, err);
        hopeless = !any && read && !s.held_by[s.n_groups];
        s.n_groups += read;
    }
    if (!rc && !hopeless && s.n_groups) rc = search_blocks(&s, err);
    if (!rc && s.n_hits) {
        qsort(hits, s.n_hits, sizeof *hits, best_first);
        *n = s.n_hits;
    }
    free(s.chunk);
    buf_release(&s.data);
    return rc;
}
