#include "store/store_sqlite_fts.h"

#include "base/buf.h"

enum { SQL_BYTES = 4096, MATCH_BYTES = 1 << 16 };

static void add_fields(struct buf *sql, const struct fts_schema *schema)
{
    for (size_t i = 0; i < fts_field_count(schema); i++) buf_addf(sql, ", \"%s\"", schema->fields[i]);
}

enum rc sqlite_fts_create(struct store_tx *tx, const struct fts_schema *schema, struct err *err)
{
    struct buf sql = BUF_INIT(SQL_BYTES);
    buf_addf(&sql, "CREATE VIRTUAL TABLE IF NOT EXISTS \"%s\" USING fts5(", schema->table);
    for (size_t i = 0; i < fts_field_count(schema); i++) buf_addf(&sql, "\"%s\", ", schema->fields[i]);
    buf_addz(&sql, "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc' tokenchars '_'\")");
    enum rc rc = buf_check(&sql, "a statement", err);
    if (!rc) rc = store_exec(tx, sql.p, NULL, 0, NULL, err);
    buf_release(&sql);
    return rc;
}

enum rc sqlite_fts_put(struct store_tx *tx, const struct fts_schema *schema, int64_t doc,
                       const struct str *fields, struct err *err)
{
    struct buf sql = BUF_INIT(SQL_BYTES);
    struct store_value args[FTS_MAX_FIELDS + 1] = {STORE_I(doc)};
    size_t n = fts_field_count(schema);
    buf_addf(&sql, "INSERT OR REPLACE INTO \"%s\" (rowid", schema->table);
    add_fields(&sql, schema);
    buf_addz(&sql, ") VALUES (?1");
    for (size_t i = 0; i < n; i++) {
        buf_addf(&sql, ", ?%zu", i + 2);
        args[i + 1] = STORE_S(fields[i]);
    }
    buf_addc(&sql, ')');
    enum rc rc = buf_check(&sql, "a statement", err);
    if (!rc) rc = store_exec(tx, sql.p, args, n + 1, NULL, err);
    buf_release(&sql);
    return rc;
}

enum rc sqlite_fts_delete(struct store_tx *tx, const struct fts_schema *schema, int64_t doc,
                          struct err *err)
{
    struct buf sql = BUF_INIT(SQL_BYTES);
    buf_addf(&sql, "DELETE FROM \"%s\" WHERE rowid = ?1", schema->table);
    enum rc rc = buf_check(&sql, "a statement", err);
    if (!rc) rc = store_exec(tx, sql.p, STORE_ARGS(STORE_I(doc)), NULL, err);
    buf_release(&sql);
    return rc;
}

/*
 * The expression for MATCH. Each token is a string in double quotes, so that nothing in it is taken for
 * an operator; what FTS5's tokenizer would find no token in is left out.
 */
static bool usable(struct str token)
{
    if (!token.n || !str_utf8_valid(token)) return false;
    bool any = false;
    for (size_t i = 0; i < token.n; i++) {
        unsigned char c = (unsigned char)token.p[i];
        if (!c) return false;
        any = any || c >= 0x80 || (c >= '0' && c <= '9') || (c | 32) >= 'a';
    }
    return any;
}

static void add_term(struct buf *match, const struct fts_term *term, const char *joint)
{
    size_t n = 0;
    for (size_t i = 0; i < term->n; i++) {
        struct str token = term->alternatives[i];
        if (!usable(token)) continue;
        buf_addz(match, n++ ? " OR " : match->n ? joint : "");
        if (n == 1) buf_addc(match, '(');
        buf_addc(match, '"');
        for (size_t j = 0; j < token.n; j++) {
            if (token.p[j] == '"') buf_addc(match, '"');
            buf_addc(match, token.p[j]);
        }
        buf_addz(match, term->prefix ? "\"*" : "\"");
    }
    if (n) buf_addc(match, ')');
}

enum rc sqlite_fts_search(struct store_tx *tx, const struct fts_schema *schema,
                          const struct fts_term *terms, size_t n_terms, bool any, size_t cap,
                          struct fts_hit *hits, size_t *n, struct err *err)
{
    struct buf match = BUF_INIT(MATCH_BYTES), sql = BUF_INIT(SQL_BYTES);
    struct store_rows *rows = NULL;
    bool more = true;
    enum rc rc;
    for (size_t i = 0; i < n_terms; i++) add_term(&match, &terms[i], any ? " OR " : " AND ");
    if (!match.n && !match.failed) return RC_OK;
    buf_addf(&sql, "SELECT rowid, -bm25(\"%s\"", schema->table);
    for (size_t i = 0; i < fts_field_count(schema); i++) buf_addf(&sql, ", %.6g", schema->weights[i]);
    buf_addf(&sql, ") AS score FROM \"%s\" WHERE \"%s\" MATCH ?1 ORDER BY score DESC, rowid LIMIT ?2",
             schema->table, schema->table);
    rc = buf_check(&sql, "a statement", err);
    if (!rc) rc = buf_check(&match, "a search", err);
    const struct store_value args[] = {STORE_S(buf_str(&match)), STORE_I((int64_t)cap)};
    if (!rc) rc = store_query(tx, sql.p, args, 2, &rows, err);
    while (!rc && *n < cap) {
        rc = store_next(rows, &more, err);
        if (rc || !more) break;
        hits[(*n)++] = (struct fts_hit){store_i64(rows, 0), store_f64(rows, 1)};
    }
    store_rows_close(rows);
    buf_release(&match);
    buf_release(&sql);
    return rc;
}
