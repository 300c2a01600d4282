/* One-time links. The token stands behind a # in the address: browsers send it to no server, and no log has it. */
#include "ident/ident_internal.h"

#include "base/clock.h"

#include <stdio.h>

enum rc link_make(struct app *app, struct str account, const char *purpose, char token[static IDENT_TOKEN_TEXT],
                  struct err *err)
{
    uint8_t hash[CRYPT_SHA256_BYTES];
    int64_t until = (clock_now_ms() / CLOCK_HOUR_MS + 2) * CLOCK_HOUR_MS; /* an hour at least, in full hours */
    struct store_tx *tx;
    ident_new_token("", token, hash);
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "DELETE FROM ident_link WHERE account = ?1 AND purpose = ?2",
                    STORE_ARGS(STORE_S(account), STORE_Z(purpose)), NULL, err);
    if (!rc)
        rc = store_exec(
            tx, "INSERT INTO ident_link (hash, account, purpose, until_ms) VALUES (?1, ?2, ?3, ?4)",
            STORE_ARGS(STORE_B(hash, sizeof hash), STORE_S(account), STORE_Z(purpose), STORE_I(until)), NULL,
            err);
    return store_end(tx, rc, err);
}

enum rc link_use(struct app *app, struct str token, const char *purpose,
                 char account[static IDENT_ID_CHARS + 1], struct err *err)
{
    uint8_t hash[CRYPT_SHA256_BYTES];
    struct store_tx *tx;
    struct store_rows *rows = NULL;
    bool there = false;
    crypt_sha256(token, hash);
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_query(
        tx, "DELETE FROM ident_link WHERE hash = ?1 AND purpose = ?2 AND until_ms > ?3 RETURNING account",
        STORE_ARGS(STORE_B(hash, sizeof hash), STORE_Z(purpose), STORE_I(clock_now_ms())), &rows, err);
    if (!rc) rc = store_next(rows, &there, err);
    if (!rc && there) snprintf(account, IDENT_ID_CHARS + 1, "%.*s", STR_ARG(store_text(rows, 0)));
    bool more = there;
    while (!rc && more)
        rc = store_next(rows, &more, err); /* a statement counts once it has run to its end */
    store_rows_close(rows);
    rc = store_end(tx, rc, err);
    return rc || there ? rc : err_set(err, RC_NOT_FOUND, "this link has ended; ask for a new one");
}

enum rc link_url(const struct app *app, const char *purpose, const char *token, struct buf *out,
                 struct err *err)
{
    const char *base = config_string(app->config, "ident_public_url");
    if (*base)
        buf_addz(out, base);
    else
        buf_addf(out, "https://localhost:%lld", (long long)config_int(app->config, "http_port"));
    while (out->n && out->p[out->n - 1] == '/')
        out->n--;
    buf_addf(out, "/#%s=%s", purpose, token);
    return buf_check(out, "the link", err);
}

enum rc link_clean(struct app *app, struct err *err)
{
    return store_write(app->identity, "DELETE FROM ident_link WHERE until_ms <= ?1",
                       STORE_ARGS(STORE_I(clock_now_ms())), NULL, err);
}
