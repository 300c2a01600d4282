/* Keys of other servers: "pk_" and 32 random bytes, of which the store has the SHA-256. They act for no person. */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"

enum { OPERATIONS_MAX = 8192 };

static enum rc join(const struct jval *operations, struct buf *out, struct err *err)
{
    if (!operations || !jval_len(operations)) return RC_OK;
    buf_addc(out, ',');
    for (size_t i = 0; i < jval_len(operations); i++) {
        buf_add(out, jval_str(jval_at(operations, i)));
        buf_addc(out, ',');
    }
    return buf_check(out, "the operations of a key", err);
}

static enum rc in_memory_too(struct app *app, enum rc rc, struct err *err)
{
    return rc || !app->ident ? rc : memory_refresh(app->ident, err);
}

enum rc api_key_create(struct app *app, const struct api_key_new *n, char id[static IDENT_ID_CHARS + 1],
                       char key[static IDENT_TOKEN_TEXT], struct err *err)
{
    uint8_t hash[CRYPT_SHA256_BYTES];
    struct buf operations = BUF_INIT(OPERATIONS_MAX);
    struct store_tx *tx;
    ident_new_id(id);
    ident_new_token("pk_", key, hash);
    enum rc rc = join(n->operations, &operations, err);
    if (!rc) rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = store_exec(
            tx,
            "INSERT INTO ident_api_key (id, hash, name, roles, operations, made_ms, ends_ms, used_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
            STORE_ARGS(STORE_Z(id), STORE_B(hash, sizeof hash), STORE_S(n->name), STORE_I(n->roles),
                       STORE_S(buf_str(&operations)), STORE_I(clock_today_ms()), STORE_I(n->ends_ms)),
            NULL, err);
        if (!rc) rc = ident_changed(tx, "keys", err);
        rc = in_memory_too(app, store_end(tx, rc, err), err);
    }
    buf_release(&operations);
    return rc;
}

static void write_day(struct jout *out, const char *name, int64_t ms)
{
    if (ms) {
        jout_kday(out, name, ms);
    } else {
        jout_key(out, name);
        jout_null(out);
    }
}

static void write_key(struct jout *out, const struct store_rows *rows)
{
    struct str rest = store_text(rows, 3), one;
    jout_object(out);
    jout_kstr(out, "id", store_text(rows, 0));
    jout_kstr(out, "name", store_text(rows, 1));
    jout_key(out, "roles");
    ident_write_roles(out, (unsigned)store_i64(rows, 2));
    jout_key(out, "operations");
    jout_array(out);
    while (rest.n && (one = str_split(&rest, ',')).p)
        if (one.n) jout_str(out, one);
    jout_end(out);
    write_day(out, "made", store_i64(rows, 4));
    write_day(out, "ends", store_i64(rows, 5));
    write_day(out, "last_used", store_i64(rows, 6));
    jout_end(out);
}

enum rc api_key_list(struct app *app, struct jout *out, struct err *err)
{
    struct store_tx *tx;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_query(
        tx,
        "SELECT id, name, roles, operations, made_ms, ends_ms, used_ms FROM ident_api_key ORDER BY name, id",
        STORE_NO_ARGS, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more)
        write_key(out, rows);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

enum rc api_key_delete(struct app *app, struct str id, struct err *err)
{
    struct store_tx *tx;
    int64_t changed = 0;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "DELETE FROM ident_api_key WHERE id = ?1", STORE_ARGS(STORE_S(id)), &changed, err);
    if (!rc && !changed) rc = err_set(err, RC_NOT_FOUND, "there is no such key");
    if (!rc) rc = ident_changed(tx, "keys", err);
    return in_memory_too(app, store_end(tx, rc, err), err);
}
