/*
 * Changing the full-text index; its form is in fts_internal.h.
 *
 * A document's tokens are spread over as many rows of T_post as it has tokens, and an import changes
 * thousands of documents: so the changes to T_post and T_len are gathered in the transaction's memory and
 * written sorted, each row once: at the commit, before a search in the same transaction, and whenever
 * there are MAX_CHANGES of them. T_doc is written at once. A document that is put again with the same
 * tokens changes nothing.
 */
#include "store/fts_internal.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CHANGES = 400000, MAX_TOKENS = 20000, FIRST_BUCKETS = 1024 };

/* A token of one document. */
struct token {
    struct str text;
    struct fts_counts counts;
};

struct tokens {
    struct token *v;
    size_t n, cap;
    uint8_t lengths[FTS_MAX_FIELDS];
    bool present; /* the document exists */
};

/* A term of the transaction, kept once; `text` is owned. */
struct term {
    struct term *next;
    uint64_t hash;
    size_t n;
    char text[];
};

struct change { /* to a posting; counts all 0: it goes */
    const struct term *term;
    int64_t doc;
    uint32_t order;
    struct fts_counts counts;
};

struct length_change {
    int64_t doc;
    uint32_t order;
    uint8_t lengths[FTS_MAX_FIELDS];
};

struct fts_pending {
    const struct fts_schema *schema;
    struct term **bucket;
    size_t n_buckets, n_terms;
    struct change *change;
    size_t n_changes, cap_changes;
    struct length_change *length;
    size_t n_lengths, cap_lengths;
    int64_t docs_added;
    int64_t sums_added[FTS_MAX_FIELDS];
};

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "out of memory: full text"); }

/* ---------------------------------------------------------------------------------- encoding, tokens */

void fts_add_varint(struct buf *b, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_addc(b, (char)(v | 0x80));
    buf_addc(b, (char)v);
}

void fts_add_counts(struct buf *b, const struct fts_counts *counts)
{
    unsigned mask = 0;
    for (int f = 0; f < FTS_MAX_FIELDS; f++)
        mask |= (unsigned)(counts->of[f] != 0) << f;
    buf_addc(b, (char)mask);
    for (int f = 0; f < FTS_MAX_FIELDS; f++)
        if (counts->of[f]) buf_addc(b, (char)counts->of[f]);
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool fts_next_token(struct str *text, struct str *token)
{
    size_t n = 0;
    while (text->n && is_blank(text->p[0]))
        *text = str_sub(*text, 1, text->n);
    while (n < text->n && !is_blank(text->p[n]))
        n++;
    *token = str_utf8_cut(str_sub(*text, 0, n), FTS_MAX_TOKEN_BYTES);
    *text = str_sub(*text, n, text->n);
    return n > 0;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(((const struct token *)a)->text, ((const struct token *)b)->text);
}

static bool add_token(struct tokens *t, struct str text, const struct fts_counts *counts)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct token *v = realloc(t->v, cap * sizeof *v);
        if (!v) return false;
        t->v = v;
        t->cap = cap;
    }
    t->v[t->n++] = (struct token){text, *counts};
    return true;
}

static uint8_t capped(unsigned n) { return (uint8_t)(n > 255 ? 255 : n); }

/* Sorts, and makes one of equal tokens. */
static void merge_equal(struct tokens *t)
{
    size_t kept = 0;
    if (t->n) qsort(t->v, t->n, sizeof *t->v, by_text);
    for (size_t i = 0; i < t->n; i++) {
        if (kept && str_eq(t->v[kept - 1].text, t->v[i].text)) {
            struct fts_counts *into = &t->v[kept - 1].counts;
            for (int f = 0; f < FTS_MAX_FIELDS; f++)
                into->of[f] = capped(into->of[f] + t->v[i].counts.of[f]);
        } else {
            t->v[kept++] = t->v[i];
        }
    }
    t->n = kept;
}

/* The tokens of a document's fields; they point into `fields`. */
static enum rc tokenize(const struct str *fields, size_t n_fields, struct tokens *out, struct err *err)
{
    out->present = true;
    for (size_t f = 0; f < n_fields; f++) {
        struct str rest = fields[f], token;
        unsigned length = 0;
        while (fts_next_token(&rest, &token)) {
            struct fts_counts one = {{0}};
            one.of[f] = 1;
            length++;
            if (out->n < MAX_TOKENS && !add_token(out, token, &one)) return no_memory(err);
        }
        out->lengths[f] = capped(length);
    }
    merge_equal(out);
    return RC_OK;
}

static void encode_tokens(const struct tokens *t, size_t n_fields, struct buf *out)
{
    buf_add_bytes(out, t->lengths, n_fields);
    for (size_t i = 0; i < t->n; i++) {
        fts_add_varint(out, (uint32_t)t->v[i].text.n);
        buf_add(out, t->v[i].text);
        fts_add_counts(out, &t->v[i].counts);
    }
}

static enum rc decode_tokens(const struct fts_schema *schema, struct str data, struct tokens *out,
                             struct err *err)
{
    struct fts_reader r = fts_reader(data);
    size_t n_fields = fts_field_count(schema);
    out->present = true;
    if (data.n < n_fields) return fts_damaged(schema, err);
    memcpy(out->lengths, r.p, n_fields);
    r.p += n_fields;
    while (r.p < r.end) {
        struct fts_counts counts;
        uint32_t n = fts_read_varint(&r);
        struct str text = {(const char *)r.p, n};
        if (r.bad || n > (size_t)(r.end - r.p)) return fts_damaged(schema, err);
        r.p += n;
        fts_read_counts(&r, &counts);
        if (r.bad) return fts_damaged(schema, err);
        if (!add_token(out, text, &counts)) return no_memory(err);
    }
    return RC_OK;
}

/* ---------------------------------------------------------------------------------------- gathering */

static void free_terms(struct fts_pending *p)
{
    for (size_t i = 0; i < p->n_buckets; i++) {
        for (struct term *t = p->bucket[i], *next; t; t = next) {
            next = t->next;
            free(t);
        }
    }
    free(p->bucket);
    p->bucket = NULL;
    p->n_buckets = p->n_terms = 0;
}

void fts_pending_drop(struct store_tx *tx)
{
    struct fts_pending *p = tx->fts;
    if (!p) return;
    free_terms(p);
    free(p->change);
    free(p->length);
    free(p);
    tx->fts = NULL;
}

static bool grow_buckets(struct fts_pending *p)
{
    size_t n = p->n_buckets ? p->n_buckets * 4 : FIRST_BUCKETS;
    struct term **bucket = calloc(n, sizeof(struct term *));
    if (!bucket) return false;
    for (size_t i = 0; i < p->n_buckets; i++) {
        for (struct term *t = p->bucket[i], *next; t; t = next) {
            next = t->next;
            t->next = bucket[t->hash % n];
            bucket[t->hash % n] = t;
        }
    }
    free(p->bucket);
    p->bucket = bucket;
    p->n_buckets = n;
    return true;
}

/* NULL: out of memory. Tokens come from a feed, so the hash may be attacked; a long chain costs the
 * attacker's own import some time. */
static const struct term *intern(struct fts_pending *p, struct str text)
{
    uint64_t hash = str_hash(text);
    if (p->n_terms >= p->n_buckets * 2 && !grow_buckets(p)) return NULL;
    struct term **head = &p->bucket[hash % p->n_buckets];
    for (struct term *t = *head; t; t = t->next)
        if (t->hash == hash && str_eq((struct str){t->text, t->n}, text)) return t;
    struct term *t = malloc(sizeof *t + text.n);
    if (!t) return NULL;
    t->next = *head;
    t->hash = hash;
    t->n = text.n;
    memcpy(t->text, text.p, text.n);
    *head = t;
    p->n_terms++;
    return t;
}

/* Room for one more element; NULL: out of memory. */
static void *grown(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return v;
    size_t more = *cap ? *cap * 2 : 256;
    void *bigger = realloc(v, more * size);
    if (bigger) *cap = more;
    return bigger;
}

static enum rc add_change(struct fts_pending *p, int64_t doc, struct str text, const struct fts_counts *counts,
                          struct err *err)
{
    const struct term *term = intern(p, text);
    void *room = grown(p->change, p->n_changes, &p->cap_changes, sizeof *p->change);
    if (room) p->change = room;
    if (!term || !room) return no_memory(err);
    p->change[p->n_changes] = (struct change){term, doc, (uint32_t)p->n_changes, *counts};
    p->n_changes++;
    return RC_OK;
}

static enum rc add_length(struct fts_pending *p, int64_t doc, const struct tokens *was, const struct tokens *is,
                          struct err *err)
{
    void *room = grown(p->length, p->n_lengths, &p->cap_lengths, sizeof *p->length);
    if (!room) return no_memory(err);
    p->length = room;
    struct length_change *c = &p->length[p->n_lengths];
    c->doc = doc;
    c->order = (uint32_t)p->n_lengths++;
    memcpy(c->lengths, is->lengths, sizeof c->lengths);
    p->docs_added += is->present - was->present;
    for (int f = 0; f < FTS_MAX_FIELDS; f++)
        p->sums_added[f] += is->lengths[f] - was->lengths[f];
    return RC_OK;
}

/* Both lists ascend: one walk finds what came, went or changed. */
static enum rc add_differences(struct fts_pending *p, int64_t doc, const struct tokens *was,
                               const struct tokens *is, struct err *err)
{
    static const struct fts_counts none;
    enum rc rc = add_length(p, doc, was, is, err);
    size_t i = 0, j = 0;
    while (!rc && (i < was->n || j < is->n)) {
        int order = i == was->n ? 1 : j == is->n ? -1 : str_cmp(was->v[i].text, is->v[j].text);
        if (order < 0) {
            rc = add_change(p, doc, was->v[i++].text, &none, err);
        } else if (order > 0) {
            rc = add_change(p, doc, is->v[j].text, &is->v[j].counts, err);
            j++;
        } else {
            if (memcmp(&was->v[i].counts, &is->v[j].counts, sizeof none) != 0)
                rc = add_change(p, doc, is->v[j].text, &is->v[j].counts, err);
            i++;
            j++;
        }
    }
    return rc;
}

/* ------------------------------------------------------------------------------------------ writing */

static int by_term_and_doc(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->term != y->term) {
        struct str s = {x->term->text, x->term->n}, t = {y->term->text, y->term->n};
        return str_cmp(s, t); /* never 0: a term is kept once */
    }
    if (x->doc != y->doc) return x->doc < y->doc ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int by_doc(const void *a, const void *b)
{
    const struct length_change *x = a, *y = b;
    if (x->doc != y->doc) return x->doc < y->doc ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool is_none(const struct fts_counts *c)
{
    static const struct fts_counts none;
    return memcmp(c, &none, sizeof none) == 0;
}

/* Statements of one flush: texts made once. */
struct statements {
    char get[FTS_SQL_BYTES], put[FTS_SQL_BYTES], del[FTS_SQL_BYTES];
};

static enum rc make_statements(const struct fts_schema *schema, struct statements *s, struct err *err)
{
    enum rc rc = fts_sql(s->get, "SELECT data FROM #_post WHERE term = ?1 AND block = ?2", schema, err);
    if (!rc)
        rc = fts_sql(s->put,
                     "INSERT INTO #_post (term, block, n, data) VALUES (?1, ?2, ?3, ?4)"
                     " ON CONFLICT (term, block) DO UPDATE SET n = excluded.n, data = excluded.data",
                     schema, err);
    if (!rc) rc = fts_sql(s->del, "DELETE FROM #_post WHERE term = ?1 AND block = ?2", schema, err);
    return rc;
}

struct posting_writer {
    struct buf *out;
    int last;
    int64_t n;
};

static void put_posting(struct posting_writer *w, int slot, const struct fts_counts *counts)
{
    if (is_none(counts)) return;
    fts_add_varint(w->out, (uint32_t)(slot - w->last));
    fts_add_counts(w->out, counts);
    w->last = slot;
    w->n++;
}

/* The row's postings with the changes worked in; of several changes to a document the last counts. */
static bool merge_postings(struct str row, const struct change *c, size_t n, struct posting_writer *w)
{
    struct fts_reader r = fts_reader(row);
    struct fts_counts counts;
    int slot = -1;
    bool more = fts_read_posting(&r, &slot, &counts);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && c[i + 1].doc == c[i].doc) continue;
        int at = (int)fts_slot(c[i].doc);
        for (; more && slot < at; more = fts_read_posting(&r, &slot, &counts))
            put_posting(w, slot, &counts);
        if (more && slot == at) more = fts_read_posting(&r, &slot, &counts);
        put_posting(w, at, &c[i].counts);
    }
    for (; more; more = fts_read_posting(&r, &slot, &counts))
        put_posting(w, slot, &counts);
    return !r.bad;
}

static enum rc flush_row(struct store_tx *tx, const struct fts_schema *schema, const struct statements *sql,
                         const struct change *c, size_t n, struct buf *out, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false, sound = true;
    struct posting_writer w = {out, -1, 0};
    const struct store_value term = STORE_B(c->term->text, c->term->n), block = STORE_I(fts_block(c->doc));
    buf_reset(out);
    enum rc rc = store_query(tx, sql->get, STORE_ARGS(term, block), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc) sound = merge_postings(more ? store_blob(rows, 0) : STR(""), c, n, &w);
    store_rows_close(rows);
    if (!rc && !sound) rc = fts_damaged(schema, err);
    if (!rc) rc = buf_check(out, "a full-text row", err);
    if (rc) return rc;
    if (w.n)
        return store_exec(tx, sql->put, STORE_ARGS(term, block, STORE_I(w.n), STORE_B(out->p, out->n)), NULL,
                          err);
    return more ? store_exec(tx, sql->del, STORE_ARGS(term, block), NULL, err) : RC_OK;
}

static enum rc flush_postings(struct store_tx *tx, struct fts_pending *p, struct buf *out, struct err *err)
{
    struct statements sql;
    enum rc rc = make_statements(p->schema, &sql, err);
    if (p->n_changes) qsort(p->change, p->n_changes, sizeof *p->change, by_term_and_doc);
    for (size_t i = 0, n; i < p->n_changes && !rc; i += n) {
        const struct change *c = p->change + i;
        for (n = 1; i + n < p->n_changes && c[n].term == c->term && fts_block(c[n].doc) == fts_block(c->doc);)
            n++;
        rc = flush_row(tx, p->schema, &sql, c, n, out, err);
    }
    return rc;
}

static enum rc flush_lengths_of(struct store_tx *tx, const struct fts_schema *schema, const char *get,
                                const char *put, const struct length_change *c, size_t n, struct err *err)
{
    uint8_t lengths[FTS_BLOCK * FTS_MAX_FIELDS] = {0};
    size_t n_fields = fts_field_count(schema), size = FTS_BLOCK * n_fields;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_query(tx, get, STORE_ARGS(STORE_I(fts_block(c->doc))), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        struct str is = store_blob(rows, 0);
        if (is.n == size)
            memcpy(lengths, is.p, size);
        else
            rc = fts_damaged(schema, err);
    }
    store_rows_close(rows);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++)
        memcpy(lengths + fts_slot(c[i].doc) * n_fields, c[i].lengths, n_fields);
    return store_exec(tx, put, STORE_ARGS(STORE_I(fts_block(c->doc)), STORE_B(lengths, size)), NULL, err);
}

static enum rc flush_lengths(struct store_tx *tx, struct fts_pending *p, struct err *err)
{
    char get[FTS_SQL_BYTES], put[FTS_SQL_BYTES];
    enum rc rc = fts_sql(get, "SELECT lengths FROM #_len WHERE block = ?1", p->schema, err);
    if (!rc)
        rc = fts_sql(put,
                     "INSERT INTO #_len (block, lengths) VALUES (?1, ?2)"
                     " ON CONFLICT (block) DO UPDATE SET lengths = excluded.lengths",
                     p->schema, err);
    if (p->n_lengths) qsort(p->length, p->n_lengths, sizeof *p->length, by_doc);
    for (size_t i = 0, n; i < p->n_lengths && !rc; i += n) {
        const struct length_change *c = p->length + i;
        for (n = 1; i + n < p->n_lengths && fts_block(c[n].doc) == fts_block(c->doc);)
            n++;
        rc = flush_lengths_of(tx, p->schema, get, put, c, n, err);
    }
    return rc;
}

static enum rc flush_stat(struct store_tx *tx, struct fts_pending *p, struct err *err)
{
    char get[FTS_SQL_BYTES], put[FTS_SQL_BYTES];
    int64_t sums[FTS_MAX_FIELDS] = {0};
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = fts_sql(get, "SELECT sums FROM #_stat WHERE id = 1", p->schema, err);
    if (!rc) rc = fts_sql(put, "UPDATE #_stat SET docs = docs + ?1, sums = ?2 WHERE id = 1", p->schema, err);
    if (!rc) rc = store_query(tx, get, STORE_NO_ARGS, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more && store_blob(rows, 0).n == sizeof sums)
        memcpy(sums, store_blob(rows, 0).p, sizeof sums);
    else if (!rc)
        rc = fts_damaged(p->schema, err);
    store_rows_close(rows);
    if (rc) return rc;
    for (int f = 0; f < FTS_MAX_FIELDS; f++)
        sums[f] += p->sums_added[f];
    return store_exec(tx, put, STORE_ARGS(STORE_I(p->docs_added), STORE_B(sums, sizeof sums)), NULL, err);
}

enum rc fts_pending_flush(struct store_tx *tx, struct err *err)
{
    struct fts_pending *p = tx->fts;
    struct buf out = BUF_INIT(FTS_MAX_BLOB_BYTES);
    if (!p || !p->n_lengths) return RC_OK;
    enum rc rc = flush_postings(tx, p, &out, err);
    if (!rc) rc = flush_lengths(tx, p, err);
    if (!rc) rc = flush_stat(tx, p, err);
    buf_release(&out);
    free_terms(p);
    p->n_changes = p->n_lengths = 0;
    p->docs_added = 0;
    memset(p->sums_added, 0, sizeof p->sums_added);
    /* What was gathered is gone, so a failure must end the transaction. */
    if (rc && !tx->failed) tx->failed = rc;
    return rc;
}

/* -------------------------------------------------------------------------------------- put, delete */

/* The transaction's changes for this index, with those for another one written first. */
static enum rc pending_for(struct store_tx *tx, const struct fts_schema *schema, struct err *err)
{
    if (tx->fts && (tx->fts->schema != schema || tx->fts->n_changes >= MAX_CHANGES)) {
        enum rc rc = fts_pending_flush(tx, err);
        if (rc) return rc;
    }
    if (!tx->fts) tx->fts = calloc(1, sizeof *tx->fts);
    if (!tx->fts) return no_memory(err);
    tx->fts->schema = schema;
    return RC_OK;
}

/* What the document held before; the tokens point into *data. */
static enum rc read_old(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, struct buf *data,
                        struct tokens *out, struct err *err)
{
    char sql[FTS_SQL_BYTES];
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = fts_sql(sql, "SELECT tokens FROM #_doc WHERE doc = ?1", schema, err);
    if (!rc) rc = store_query(tx, sql, STORE_ARGS(STORE_I(doc)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) buf_add(data, store_blob(rows, 0));
    store_rows_close(rows);
    if (!rc) rc = buf_check(data, "a document's tokens", err);
    return rc || !more ? rc : decode_tokens(schema, buf_str(data), out, err);
}

static enum rc replace(struct store_tx *tx, const struct fts_schema *schema, int64_t doc,
                       const struct tokens *is, struct err *err)
{
    char sql[FTS_SQL_BYTES];
    struct buf old_data = BUF_INIT(FTS_MAX_BLOB_BYTES), new_data = BUF_INIT(FTS_MAX_BLOB_BYTES);
    struct tokens was = {0};
    enum rc rc = pending_for(tx, schema, err);
    if (!rc) rc = read_old(tx, schema, doc, &old_data, &was, err);
    if (rc) goto out;
    if (is->present) encode_tokens(is, fts_field_count(schema), &new_data);
    rc = buf_check(&new_data, "a document's tokens", err);
    if (rc || (was.present == is->present && str_eq(buf_str(&old_data), buf_str(&new_data)))) goto out;
    rc = fts_sql(sql,
                 is->present ? "INSERT INTO #_doc (doc, tokens) VALUES (?1, ?2)"
                               " ON CONFLICT (doc) DO UPDATE SET tokens = excluded.tokens"
                             : "DELETE FROM #_doc WHERE doc = ?1",
                 schema, err);
    if (!rc) {
        const struct store_value args[] = {STORE_I(doc), STORE_B(new_data.p, new_data.n)};
        rc = store_exec(tx, sql, args, is->present ? 2 : 1, NULL, err);
    }
    if (!rc) rc = add_differences(tx->fts, doc, &was, is, err);
out:
    if (rc && !tx->failed) tx->failed = rc; /* T_doc and what is gathered may no longer fit together */
    free(was.v);
    buf_release(&old_data);
    buf_release(&new_data);
    return rc;
}

enum rc fts_put(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, const struct str *fields,
                struct err *err)
{
    struct tokens is = {0};
    fts_check_schema(tx, schema);
    ASSERT(tx->mode == STORE_WRITE);
    if (tx->failed) return err_set(err, tx->failed, "an earlier statement of this transaction failed");
    enum rc rc = tokenize(fields, fts_field_count(schema), &is, err);
    if (!rc) rc = replace(tx, schema, doc, &is, err);
    free(is.v);
    return rc;
}

enum rc fts_delete(struct store_tx *tx, const struct fts_schema *schema, int64_t doc, struct err *err)
{
    const struct tokens nothing = {0};
    fts_check_schema(tx, schema);
    ASSERT(tx->mode == STORE_WRITE);
    if (tx->failed) return err_set(err, tx->failed, "an earlier statement of this transaction failed");
    return replace(tx, schema, doc, &nothing, err);
}
