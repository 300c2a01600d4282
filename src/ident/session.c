/*
 * Sessions. A sign-in begins a family of refresh tokens, of which one at a time is good; each use gives the next. One
 * that was used before has been stolen, or its thief used it first: the family ends (RFC 9700, 4.14.2).
 *
 * A refresh token is "rt_" and 48 bytes in base64url: 16 that name the family, 32 that are new each time. The store
 * has the SHA-256 of the name and of the whole.
 */
#include "ident/ident_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { FAMILY_BYTES = 16, SECRET_BYTES = 32, TOKEN_BYTES = FAMILY_BYTES + SECRET_BYTES };
static const char prefix[] = "rt_";

struct refresh_token {
    uint8_t family[CRYPT_SHA256_BYTES], whole[CRYPT_SHA256_BYTES];
};

static void hash_token(const uint8_t bytes[static TOKEN_BYTES], struct refresh_token *out)
{
    crypt_sha256((struct str){(const char *)bytes, FAMILY_BYTES}, out->family);
    crypt_sha256((struct str){(const char *)bytes, TOKEN_BYTES}, out->whole);
}

static bool read_token(struct str text, uint8_t bytes[static TOKEN_BYTES], struct refresh_token *out)
{
    size_t n = 0;
    if (!str_starts(text, STR("rt_"))) return false;
    text = str_sub(text, sizeof prefix - 1, text.n);
    if (!crypt_base64url_decode(text, bytes, TOKEN_BYTES, &n) || n != TOKEN_BYTES) return false;
    hash_token(bytes, out);
    return true;
}

/* A new secret behind the family's name. */
static void next_token(uint8_t bytes[static TOKEN_BYTES], struct refresh_token *hashes,
                       char text[static IDENT_TOKEN_TEXT])
{
    crypt_random(bytes + FAMILY_BYTES, SECRET_BYTES);
    hash_token(bytes, hashes);
    memcpy(text, prefix, sizeof prefix - 1);
    crypt_base64url(bytes, TOKEN_BYTES, text + sizeof prefix - 1);
}

unsigned session_roles(const struct app *app, const struct ident_account *a)
{
    unsigned roles = HTTP_ANONYMOUS | a->roles;
    if (config_bool(app->config, "ident_staff_second_factor") && a->totp_state != IDENT_TOTP_ON)
        roles &= ~(unsigned)IDENT_STAFF_ROLES;
    return roles;
}

static enum rc give_access(struct app *app, const struct ident_account *a, const char *session,
                           struct ident_tokens *out, struct err *err)
{
    struct ident_claims c = {.roles = session_roles(app, a), .epoch = a->epoch};
    memcpy(c.account, a->id, sizeof c.account);
    memcpy(c.session, session, sizeof c.session);
    memcpy(out->account, a->id, sizeof out->account);
    out->roles = c.roles;
    out->access_s = config_duration_ms(app->config, "ident_access_lifetime") / 1000;
    return token_issue(app->ident, &c, out->access_s, out->access, err);
}

enum rc session_start(struct app *app, const struct ident_account *a, bool web, struct ident_tokens *out,
                      struct err *err)
{
    uint8_t bytes[TOKEN_BYTES];
    char id[IDENT_ID_CHARS + 1];
    struct refresh_token hashes;
    struct store_tx *tx;
    int64_t today = clock_today_ms();
    int64_t ends = today + CLOCK_DAY_MS + config_duration_ms(app->config, "ident_session_lifetime");
    *out = (struct ident_tokens){.web = web, .refresh_s = (ends - clock_now_ms()) / 1000};
    ident_new_id(id);
    crypt_random(bytes, FAMILY_BYTES);
    next_token(bytes, &hashes, out->refresh);
    crypt_wipe(bytes, sizeof bytes);
    enum rc rc = give_access(app, a, id, out, err);
    if (!rc) rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx,
                    "INSERT INTO ident_session (id, family, token, account, web, made_ms, ends_ms)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    STORE_ARGS(STORE_Z(id), STORE_B(hashes.family, CRYPT_SHA256_BYTES),
                               STORE_B(hashes.whole, CRYPT_SHA256_BYTES), STORE_Z(a->id), STORE_I(web),
                               STORE_I(today), STORE_I(ends)),
                    NULL, err);
    if (!rc) rc = account_seen(tx, str_of(a->id), err);
    return store_end(tx, rc, err);
}

struct found {
    char id[IDENT_ID_CHARS + 1], account[IDENT_ID_CHARS + 1];
    uint8_t token[CRYPT_SHA256_BYTES];
    bool there, web;
    int64_t ends_ms;
};

static enum rc find(struct store_tx *tx, const uint8_t family[static CRYPT_SHA256_BYTES], struct found *f,
                    struct err *err)
{
    struct store_rows *rows = NULL;
    *f = (struct found){0};
    enum rc rc = store_query(tx, "SELECT id, account, token, web, ends_ms FROM ident_session WHERE family = ?1",
                             STORE_ARGS(STORE_B(family, CRYPT_SHA256_BYTES)), &rows, err);
    if (!rc) rc = store_next(rows, &f->there, err);
    if (!rc && f->there) {
        struct str token = store_blob(rows, 2);
        snprintf(f->id, sizeof f->id, "%.*s", STR_ARG(store_text(rows, 0)));
        snprintf(f->account, sizeof f->account, "%.*s", STR_ARG(store_text(rows, 1)));
        if (token.n == sizeof f->token) memcpy(f->token, token.p, sizeof f->token);
        f->web = store_i64(rows, 3) != 0;
        f->ends_ms = store_i64(rows, 4);
    }
    store_rows_close(rows);
    return rc;
}

#define REVOKE                                                   \
    "INSERT INTO ident_revoked (session, least_epoch, until_ms)" \
    " SELECT id, CAST(?2 AS INTEGER), CAST(?3 AS INTEGER) FROM ident_session WHERE "
#define REVOKE_AGAIN \
    " ON CONFLICT (session) DO UPDATE SET least_epoch = excluded.least_epoch, until_ms = excluded.until_ms"

static int64_t until(void) { return (clock_now_ms() / CLOCK_HOUR_MS + 2) * CLOCK_HOUR_MS; }

/* The session ends, and its access tokens are refused from now on. */
static enum rc end_one(struct store_tx *tx, struct str session, struct err *err)
{
    enum rc rc =
        store_exec(tx, REVOKE "id = ?1" REVOKE_AGAIN,
                   STORE_ARGS(STORE_S(session), STORE_I(IDENT_ALL_EPOCHS), STORE_I(until())), NULL, err);
    if (!rc)
        rc = store_exec(tx, "DELETE FROM ident_session WHERE id = ?1", STORE_ARGS(STORE_S(session)), NULL, err);
    return rc ? rc : ident_changed(tx, "revoked", err);
}

enum rc session_end_all(struct store_tx *tx, struct str account, const char *keep, struct err *err)
{
    struct store_value revoke[] = {STORE_S(account), STORE_I(IDENT_ALL_EPOCHS), STORE_I(until()),
                                   STORE_Z(keep ? keep : "")};
    struct store_value drop[] = {STORE_S(account), STORE_Z(keep ? keep : "")};
    enum rc rc = store_exec(tx, REVOKE "account = ?1 AND id <> ?4" REVOKE_AGAIN, revoke, 4, NULL, err);
    if (!rc)
        rc = store_exec(tx, "DELETE FROM ident_session WHERE account = ?1 AND id <> ?2", drop, 2, NULL, err);
    return rc ? rc : ident_changed(tx, "revoked", err);
}

static enum rc in_memory_too(struct app *app, enum rc rc, struct err *err)
{
    return rc || !app->ident ? rc : memory_refresh(app->ident, err);
}

enum rc session_end(struct app *app, struct str session, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (!rc) rc = store_end(tx, end_one(tx, session, err), err);
    return in_memory_too(app, rc, err);
}

enum rc session_end_by_refresh(struct app *app, struct str refresh, struct err *err)
{
    uint8_t bytes[TOKEN_BYTES];
    struct refresh_token token;
    struct store_tx *tx;
    struct found f;
    if (!read_token(refresh, bytes, &token)) return RC_OK;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = find(tx, token.family, &f, err);
    if (!rc && f.there) rc = end_one(tx, str_of(f.id), err);
    return in_memory_too(app, store_end(tx, rc, err), err);
}

/* Within one transaction: the old token is taken, the new one put in its place; or the family ends. */
static enum rc rotate(struct store_tx *tx, const struct refresh_token *old, const struct refresh_token *next,
                      struct found *f, bool *reused, struct err *err)
{
    int64_t changed = 0;
    enum rc rc = find(tx, old->family, f, err);
    if (rc || !f->there || f->ends_ms <= clock_now_ms()) return rc;
    if (!crypt_equal(f->token, old->whole, sizeof f->token)) {
        *reused = true;
        return end_one(tx, str_of(f->id), err);
    }
    rc =
        store_exec(tx, "UPDATE ident_session SET token = ?3 WHERE family = ?1 AND token = ?2",
                   STORE_ARGS(STORE_B(old->family, CRYPT_SHA256_BYTES), STORE_B(old->whole, CRYPT_SHA256_BYTES),
                              STORE_B(next->whole, CRYPT_SHA256_BYTES)),
                   &changed, err);
    if (!rc && !changed) rc = err_set(err, RC_BUSY, "this session is being renewed right now");
    return rc ? rc : account_seen(tx, str_of(f->account), err);
}

enum rc session_refresh(struct app *app, struct str refresh, struct ident_tokens *out, bool *reused,
                        struct err *err)
{
    uint8_t bytes[TOKEN_BYTES];
    struct refresh_token old, next;
    struct store_tx *tx;
    struct found f = {0};
    struct ident_account a;
    *out = (struct ident_tokens){0};
    *reused = false;
    if (!read_token(refresh, bytes, &old)) return err_set(err, RC_UNAUTHENTICATED, "sign in again");
    next_token(bytes, &next, out->refresh);
    crypt_wipe(bytes, sizeof bytes);
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_end(tx, rotate(tx, &old, &next, &f, reused, err), err);
    rc = in_memory_too(app, rc, err);
    if (rc) return rc;
    memcpy(out->account, f.account, sizeof out->account);
    if (*reused || !f.there || f.ends_ms <= clock_now_ms())
        return err_set(err, RC_UNAUTHENTICATED, "sign in again");
    out->web = f.web;
    out->refresh_s = (f.ends_ms - clock_now_ms()) / 1000;
    rc = account_load(app, str_of(f.account), &a, err);
    if (rc == RC_NOT_FOUND) return err_set(err, RC_UNAUTHENTICATED, "sign in again");
    if (rc) return rc;
    rc = give_access(app, &a, f.id, out, err);
    account_release(&a);
    return rc;
}

enum rc session_count(struct app *app, struct str account, int64_t *n, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_get_i64(tx, "SELECT count(*) FROM ident_session WHERE account = ?1 AND ends_ms > ?2",
                       STORE_ARGS(STORE_S(account), STORE_I(clock_now_ms())), n, NULL, err);
    store_rollback(tx);
    return rc;
}

enum rc session_clean(struct app *app, struct err *err)
{
    struct store_tx *tx;
    int64_t now = clock_now_ms();
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "DELETE FROM ident_session WHERE ends_ms <= ?1", STORE_ARGS(STORE_I(now)), NULL, err);
    if (!rc)
        rc = store_exec(tx, "DELETE FROM ident_revoked WHERE until_ms <= ?1", STORE_ARGS(STORE_I(now)), NULL,
                        err);
    return store_end(tx, rc, err);
}
