/* Accounts: made, found, changed, forgotten. The vault has the person's key before the account's row exists. */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum { SWEEP_BATCH = 100, SECRET_MAX = 4096 };

/* ---- e-mail and password ---- */

static bool local_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(".!#$%&'*+/=?^_`{|}~-", c);
}

static bool domain_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

enum rc account_email(struct str given, char out[static IDENT_EMAIL_MAX + 1], struct err *err)
{
    struct str s = str_trim(given);
    size_t at = str_chr(s, '@');
    bool fine = s.n <= IDENT_EMAIL_MAX && at != SIZE_MAX && at > 0 && at <= 64 && at + 1 < s.n;
    for (size_t i = 0; fine && i < s.n; i++) {
        char c = s.p[i];
        /* Mail servers tell upper from lower case before the @ nowhere that matters; people do not. */
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        if (i == at) continue;
        if (i < at)
            fine = c && local_char(out[i]);
        else
            fine = out[i] == '.' ? i > at + 1 && s.p[i - 1] != '.' && i + 1 < s.n : domain_char(out[i]);
    }
    if (!fine) return err_set(err, RC_INVALID, "this is not an e-mail address");
    out[s.n] = 0;
    return RC_OK;
}

/* NIST SP 800-63B: length counts, composition does not. */
enum rc account_password_rules(struct str password, const char *email, struct err *err)
{
    bool varied = false;
    for (size_t i = 1; i < password.n; i++)
        if (password.p[i] != password.p[0]) varied = true;
    if (password.n < IDENT_PASSWORD_MIN || password.n > IDENT_PASSWORD_MAX)
        return err_set(err, RC_UNPROCESSABLE, "a password has %d to %d bytes", IDENT_PASSWORD_MIN,
                       IDENT_PASSWORD_MAX);
    if (!varied || (email && str_ieqz(password, email)))
        return err_set(err, RC_UNPROCESSABLE, "this password is too easy to guess");
    return RC_OK;
}

static atomic_int hashing;

static enum rc enter(const struct app *app, struct err *err)
{
    if (atomic_fetch_add(&hashing, 1) < config_int(app->config, "ident_password_parallel")) return RC_OK;
    atomic_fetch_sub(&hashing, 1);
    return err_set(err, RC_BUSY, "too many sign in at once");
}

static struct crypt_password_cost cost_of(const struct app *app)
{
    return (struct crypt_password_cost){(uint64_t)config_int(app->config, "ident_password_passes"),
                                        (size_t)config_bytes(app->config, "ident_password_memory")};
}

enum rc account_hash(struct app *app, struct str password, char out[static CRYPT_PASSWORD_TEXT],
                     struct err *err)
{
    struct crypt_password_cost cost = cost_of(app);
    enum rc rc = enter(app, err);
    if (rc) return rc;
    rc = crypt_password_hash(password, &cost, out, err);
    atomic_fetch_sub(&hashing, 1);
    return rc;
}

enum rc account_verify(struct app *app, const char *hash, struct str password, bool *right, struct err *err)
{
    char other[CRYPT_PASSWORD_TEXT];
    struct crypt_password_cost cost = cost_of(app);
    *right = false;
    enum rc rc = enter(app, err);
    if (rc) return rc;
    if (hash && *hash)
        *right = crypt_password_verify(hash, password);
    else /* as long as if there were one */
        rc = crypt_password_hash(password, &cost, other, err);
    atomic_fetch_sub(&hashing, 1);
    return rc;
}

/* ---- finding ---- */

static void place_of(const char *what, const char *id, char out[static 64])
{
    snprintf(out, 64, "ident.%s/%s", what, id);
}

static enum rc open_field(struct app *app, const char *what, const char *id, struct str sealed, struct buf *out,
                          struct err *err)
{
    char place[64];
    if (!sealed.n) return RC_OK;
    place_of(what, id, place);
    return vault_unseal(app->vault, str_of(id), str_of(place), sealed, out, err);
}

#define ACCOUNT_COLUMNS \
    "id, roles, of_age, confirmed, epoch, made_ms, seen_ms, totp_state, totp_used, email, password, totp"

static enum rc read_row(struct app *app, struct store_rows *rows, struct ident_account *a, struct err *err)
{
    struct buf password = BUF_INIT(SECRET_MAX);
    snprintf(a->id, sizeof a->id, "%.*s", STR_ARG(store_text(rows, 0)));
    a->roles = (unsigned)store_i64(rows, 1);
    a->of_age = store_i64(rows, 2) != 0;
    a->confirmed = store_i64(rows, 3) != 0;
    a->epoch = store_i64(rows, 4);
    a->made_ms = store_i64(rows, 5);
    a->seen_ms = store_i64(rows, 6);
    a->totp_state = (enum ident_totp_state)store_i64(rows, 7);
    snprintf(a->totp_used, sizeof a->totp_used, "%.*s", STR_ARG(store_text(rows, 8)));
    enum rc rc = open_field(app, "email", a->id, store_blob(rows, 9), &a->email, err);
    if (!rc) rc = open_field(app, "password", a->id, store_blob(rows, 10), &password, err);
    if (!rc) rc = open_field(app, "totp", a->id, store_blob(rows, 11), &a->totp_secret, err);
    if (!rc && password.n >= sizeof a->password) rc = err_set(err, RC_CORRUPT, "a password's hash is too long");
    if (!rc) snprintf(a->password, sizeof a->password, "%.*s", STR_ARG(buf_str(&password)));
    if (password.n) crypt_wipe(password.p, password.n);
    buf_release(&password);
    return rc;
}

static enum rc load(struct app *app, const char *sql, struct str key, struct ident_account *a, struct err *err)
{
    struct store_tx *tx;
    struct store_rows *rows = NULL;
    bool there = false;
    *a = (struct ident_account){.email = BUF_INIT(SECRET_MAX), .totp_secret = BUF_INIT(SECRET_MAX)};
    enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_query(tx, sql, STORE_ARGS(STORE_S(key)), &rows, err);
    if (!rc) rc = store_next(rows, &there, err);
    if (!rc && !there) rc = err_set(err, RC_NOT_FOUND, "there is no such account");
    if (!rc) rc = read_row(app, rows, a, err);
    store_rows_close(rows);
    store_rollback(tx);
    if (rc) account_release(a);
    return rc;
}

enum rc account_load(struct app *app, struct str id, struct ident_account *out, struct err *err)
{
    return load(app, "SELECT " ACCOUNT_COLUMNS " FROM ident_account WHERE id = ?1", id, out, err);
}

enum rc account_load_by_email(struct app *app, const char *email, struct ident_account *out, struct err *err)
{
    char mac[VAULT_PSEUDONYM_CHARS + 1];
    vault_pseudonym(app->vault, "email", str_of(email), mac);
    return load(app, "SELECT " ACCOUNT_COLUMNS " FROM ident_account WHERE email_mac = ?1", str_of(mac), out,
                err);
}

void account_release(struct ident_account *a)
{
    if (a->email.n) crypt_wipe(a->email.p, a->email.n);
    if (a->totp_secret.n) crypt_wipe(a->totp_secret.p, a->totp_secret.n);
    buf_release(&a->email);
    buf_release(&a->totp_secret);
    crypt_wipe(a->password, sizeof a->password);
}

enum rc ident_find(struct app *app, struct str email, char id[static IDENT_ID_CHARS + 1], struct err *err)
{
    char plain[IDENT_EMAIL_MAX + 1];
    struct ident_account a;
    enum rc rc = account_email(email, plain, err);
    if (!rc) rc = account_load_by_email(app, plain, &a, err);
    if (rc) return rc;
    memcpy(id, a.id, IDENT_ID_CHARS + 1);
    account_release(&a);
    return RC_OK;
}

enum rc ident_inactive(struct app *app, int64_t before_ms,
                       enum rc (*fn)(void *ctx, struct str id, struct err *err), void *ctx, struct err *err)
{
    char last[IDENT_ID_CHARS + 1] = "", ids[SWEEP_BATCH][IDENT_ID_CHARS + 1];
    for (;;) { /* in batches: fn may write, and take its time */
        struct store_tx *tx;
        struct store_rows *rows = NULL;
        size_t n = 0;
        bool more = false;
        enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
        if (rc) return rc;
        rc =
            store_query(tx, "SELECT id FROM ident_account WHERE seen_ms < ?1 AND id > ?2 ORDER BY id LIMIT 100",
                        STORE_ARGS(STORE_I(before_ms), STORE_Z(last)), &rows, err);
        while (!rc && !(rc = store_next(rows, &more, err)) && more && n < SWEEP_BATCH)
            snprintf(ids[n++], sizeof ids[0], "%.*s", STR_ARG(store_text(rows, 0)));
        store_rows_close(rows);
        store_rollback(tx);
        for (size_t i = 0; !rc && i < n; i++)
            rc = fn(ctx, str_of(ids[i]), err);
        if (rc || n < SWEEP_BATCH) return rc;
        memcpy(last, ids[n - 1], sizeof last);
    }
}

/* ---- making ---- */

static enum rc seal_field(struct app *app, const char *what, const char *id, struct str plain, struct buf *out,
                          struct err *err)
{
    char place[64];
    if (!plain.n) return RC_OK;
    place_of(what, id, place);
    return vault_seal(app->vault, str_of(id), str_of(place), plain, out, err);
}

static struct store_value blob_or_null(const struct buf *b) { return b->n ? STORE_B(b->p, b->n) : STORE_NIL; }

struct making {
    char id[IDENT_ID_CHARS + 1], hash[CRYPT_PASSWORD_TEXT];
    char mac[VAULT_PSEUDONYM_CHARS + 1]; /* "": no e-mail */
    struct str email;
    unsigned roles;
    bool of_age, confirmed;
    const char *subject; /* NULL: none */
};

static enum rc insert(struct store_tx *tx, const struct making *m, const struct buf *email,
                      const struct buf *password, struct err *err)
{
    int64_t today = clock_today_ms(), changed = 0;
    enum rc rc =
        store_exec(tx,
                   "INSERT INTO ident_account (id, email_mac, email, password, roles, of_age, confirmed, "
                   "epoch, totp_state,"
                   " totp_used, made_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, '', ?8, ?9)"
                   " ON CONFLICT DO NOTHING",
                   STORE_ARGS(STORE_Z(m->id), STORE_Z(*m->mac ? m->mac : NULL), blob_or_null(email),
                              blob_or_null(password), STORE_I(m->roles), STORE_I(m->of_age),
                              STORE_I(m->confirmed), STORE_I(today), STORE_I(today)),
                   &changed, err);
    if (!rc && !changed) return err_set(err, RC_CONFLICT, "there is an account with this e-mail");
    if (!rc && m->subject) {
        rc = store_exec(tx, "INSERT INTO ident_subject (mac, account) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                        STORE_ARGS(STORE_Z(m->subject), STORE_Z(m->id)), &changed, err);
        if (!rc && !changed) rc = err_set(err, RC_CONFLICT, "this person has an account");
        if (!rc) rc = ident_changed(tx, "subjects", err);
    }
    if (!rc)
        rc = store_exec(tx, "DELETE FROM ident_pending WHERE account = ?1", STORE_ARGS(STORE_Z(m->id)), NULL,
                        err);
    return rc;
}

static enum rc finish_making(struct app *app, const struct making *m, struct err *err)
{
    struct buf email = BUF_INIT(SECRET_MAX), password = BUF_INIT(SECRET_MAX);
    struct store_tx *tx;
    enum rc rc = seal_field(app, "email", m->id, m->email, &email, err);
    if (!rc) rc = seal_field(app, "password", m->id, str_of(m->hash), &password, err);
    if (!rc) rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (!rc) rc = store_end(tx, insert(tx, m, &email, &password, err), err);
    buf_release(&email);
    buf_release(&password);
    return rc;
}

/* The intent, the key, the account: a crash in between leaves an intent, and account_sweep() destroys the key. */
static enum rc make(struct app *app, struct making *m, struct err *err)
{
    struct err ignored;
    int64_t hour = clock_now_ms() / CLOCK_HOUR_MS * CLOCK_HOUR_MS;
    ident_new_id(m->id);
    enum rc rc = store_write(app->identity, "INSERT INTO ident_pending (account, made_ms) VALUES (?1, ?2)",
                             STORE_ARGS(STORE_Z(m->id), STORE_I(hour)), NULL, err);
    if (rc) return rc;
    rc = vault_add_person(app->vault, str_of(m->id), err);
    if (!rc) rc = finish_making(app, m, err);
    if (!rc) return RC_OK;
    if (!vault_destroy_person(app->vault, str_of(m->id), &ignored) &&
        store_write(app->identity, "DELETE FROM ident_pending WHERE account = ?1", STORE_ARGS(STORE_Z(m->id)),
                    NULL, &ignored))
        log_warn("ident", "an unfinished account stays for the sweep: %s", ignored.message);
    return rc;
}

static enum rc email_is_free(struct app *app, const char *mac, struct err *err)
{
    struct store_tx *tx;
    int64_t n = 0;
    enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_get_i64(tx, "SELECT count(*) FROM ident_account WHERE email_mac = ?1", STORE_ARGS(STORE_Z(mac)),
                       &n, NULL, err);
    store_rollback(tx);
    return rc || !n ? rc : err_set(err, RC_CONFLICT, "there is an account with this e-mail");
}

enum rc ident_create(struct app *app, const struct ident_new *n, char id[static IDENT_ID_CHARS + 1],
                     struct err *err)
{
    char email[IDENT_EMAIL_MAX + 1];
    struct making m = {.roles = n->roles & IDENT_ROLES, .of_age = n->of_age, .confirmed = !n->unconfirmed};
    enum rc rc = account_email(n->email, email, err);
    if (!rc && (m.roles & HTTP_SHOPPER) && !n->of_age)
        rc = err_set(err, RC_UNPROCESSABLE, "shoppers confirm that they are of age");
    if (!rc && n->password.p) rc = account_password_rules(n->password, email, err);
    if (rc) return rc;
    m.email = str_of(email);
    vault_pseudonym(app->vault, "email", m.email, m.mac);
    /* The hash first: it takes the same time whether there is an account or not. */
    if (n->password.p) rc = account_hash(app, n->password, m.hash, err);
    if (!rc) rc = email_is_free(app, m.mac, err);
    if (!rc) rc = make(app, &m, err);
    if (!rc) memcpy(id, m.id, IDENT_ID_CHARS + 1);
    crypt_wipe(m.hash, sizeof m.hash);
    return rc;
}

enum rc account_create_for(struct app *app, const char *subject, struct str email, unsigned roles, bool of_age,
                           char id[static IDENT_ID_CHARS + 1], struct err *err)
{
    char plain[IDENT_EMAIL_MAX + 1];
    struct making m = {.roles = roles, .of_age = of_age, .confirmed = true, .subject = subject};
    /* An e-mail that has an account already stays with that one: who controls a provider's account need not be who
     * made ours. */
    if (email.n && !account_email(email, plain, NULL)) {
        vault_pseudonym(app->vault, "email", str_of(plain), m.mac);
        if (email_is_free(app, m.mac, NULL))
            m.mac[0] = 0;
        else
            m.email = str_of(plain);
    }
    enum rc rc = make(app, &m, err);
    if (!rc) memcpy(id, m.id, IDENT_ID_CHARS + 1);
    return rc;
}

enum rc account_by_subject(struct app *app, const char *subject, char id[static IDENT_ID_CHARS + 1],
                           struct err *err)
{
    struct store_tx *tx;
    struct store_rows *rows = NULL;
    bool there = false;
    enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_query(tx, "SELECT account FROM ident_subject WHERE mac = ?1", STORE_ARGS(STORE_Z(subject)),
                     &rows, err);
    if (!rc) rc = store_next(rows, &there, err);
    if (!rc && there) snprintf(id, IDENT_ID_CHARS + 1, "%.*s", STR_ARG(store_text(rows, 0)));
    store_rows_close(rows);
    store_rollback(tx);
    return rc || there ? rc : err_set(err, RC_NOT_FOUND, "nobody signed in this way yet");
}

enum rc account_sweep(struct app *app, struct err *err)
{
    char id[IDENT_ID_CHARS + 1];
    for (;;) {
        struct store_tx *tx;
        struct store_rows *rows = NULL;
        bool there = false;
        enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
        if (rc) return rc;
        rc = store_query(tx, "SELECT account FROM ident_pending WHERE made_ms < ?1 LIMIT 1",
                         STORE_ARGS(STORE_I(clock_now_ms() - 2 * CLOCK_HOUR_MS)), &rows, err);
        if (!rc) rc = store_next(rows, &there, err);
        if (!rc && there) snprintf(id, sizeof id, "%.*s", STR_ARG(store_text(rows, 0)));
        store_rows_close(rows);
        store_rollback(tx);
        if (rc || !there) return rc;
        rc = vault_destroy_person(app->vault, str_of(id), err);
        if (!rc)
            rc = store_write(app->identity, "DELETE FROM ident_pending WHERE account = ?1",
                             STORE_ARGS(STORE_Z(id)), NULL, err);
        if (rc) return rc;
    }
}

/* ---- changing ---- */

static enum rc needs_change(enum rc rc, int64_t changed, struct err *err)
{
    return rc || changed ? rc : err_set(err, RC_NOT_FOUND, "there is no such account");
}

enum rc account_set_email(struct app *app, struct str id, const char *email, struct err *err)
{
    char mac[VAULT_PSEUDONYM_CHARS + 1], plain_id[IDENT_ID_CHARS + 1];
    struct buf sealed = BUF_INIT(SECRET_MAX);
    int64_t changed = 0;
    snprintf(plain_id, sizeof plain_id, "%.*s", STR_ARG(id));
    vault_pseudonym(app->vault, "email", str_of(email), mac);
    enum rc rc = seal_field(app, "email", plain_id, str_of(email), &sealed, err);
    if (!rc)
        rc = store_write(app->identity, "UPDATE ident_account SET email_mac = ?2, email = ?3 WHERE id = ?1",
                         STORE_ARGS(STORE_S(id), STORE_Z(mac), blob_or_null(&sealed)), &changed, err);
    buf_release(&sealed);
    if (rc == RC_CONFLICT) return err_set(err, RC_CONFLICT, "this e-mail cannot be used");
    return needs_change(rc, changed, err);
}

enum rc account_set_password(struct app *app, struct str id, const char *hash, const char *keep,
                             struct err *err)
{
    char plain_id[IDENT_ID_CHARS + 1];
    struct buf sealed = BUF_INIT(SECRET_MAX);
    struct store_tx *tx;
    int64_t changed = 0;
    snprintf(plain_id, sizeof plain_id, "%.*s", STR_ARG(id));
    enum rc rc = seal_field(app, "password", plain_id, str_of(hash), &sealed, err);
    if (!rc) rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = store_exec(tx, "UPDATE ident_account SET password = ?2 WHERE id = ?1",
                        STORE_ARGS(STORE_S(id), blob_or_null(&sealed)), &changed, err);
        rc = needs_change(rc, changed, err);
        if (!rc)
            rc = store_exec(tx, "DELETE FROM ident_link WHERE account = ?1 AND purpose = 'reset'",
                            STORE_ARGS(STORE_S(id)), NULL, err);
        if (!rc) rc = session_end_all(tx, id, keep, err);
        rc = store_end(tx, rc, err);
    }
    buf_release(&sealed);
    return rc;
}

enum rc account_store_hash(struct app *app, struct str id, const char *hash, struct err *err)
{
    char plain_id[IDENT_ID_CHARS + 1];
    struct buf sealed = BUF_INIT(SECRET_MAX);
    int64_t changed = 0;
    snprintf(plain_id, sizeof plain_id, "%.*s", STR_ARG(id));
    enum rc rc = seal_field(app, "password", plain_id, str_of(hash), &sealed, err);
    if (!rc)
        rc = store_write(app->identity, "UPDATE ident_account SET password = ?2 WHERE id = ?1",
                         STORE_ARGS(STORE_S(id), blob_or_null(&sealed)), &changed, err);
    buf_release(&sealed);
    return needs_change(rc, changed, err);
}

enum rc account_set_roles(struct app *app, struct str id, unsigned roles, struct err *err)
{
    struct store_tx *tx;
    int64_t changed = 0, until = (clock_now_ms() / CLOCK_HOUR_MS + 2) * CLOCK_HOUR_MS;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "UPDATE ident_account SET roles = ?2, epoch = epoch + 1 WHERE id = ?1",
                    STORE_ARGS(STORE_S(id), STORE_I(roles & IDENT_ROLES)), &changed, err);
    rc = needs_change(rc, changed, err);
    if (!rc)
        rc = store_exec(tx,
                        "INSERT INTO ident_revoked (session, least_epoch, until_ms)"
                        " SELECT s.id, a.epoch, CAST(?2 AS INTEGER) FROM ident_session s"
                        " JOIN ident_account a ON a.id = s.account WHERE s.account = ?1"
                        " ON CONFLICT (session) DO UPDATE SET least_epoch = excluded.least_epoch,"
                        " until_ms = excluded.until_ms",
                        STORE_ARGS(STORE_S(id), STORE_I(until)), NULL, err);
    if (!rc) rc = ident_changed(tx, "revoked", err);
    if (!rc) rc = ident_changed(tx, "subjects", err); /* whether they are shoppers */
    return store_end(tx, rc, err);
}

enum rc account_confirm(struct app *app, struct str id, struct err *err)
{
    int64_t changed = 0;
    enum rc rc = store_write(app->identity, "UPDATE ident_account SET confirmed = 1 WHERE id = ?1",
                             STORE_ARGS(STORE_S(id)), &changed, err);
    return needs_change(rc, changed, err);
}

enum rc account_seen(struct store_tx *tx, struct str id, struct err *err)
{
    return store_exec(tx, "UPDATE ident_account SET seen_ms = ?2 WHERE id = ?1 AND seen_ms < ?2",
                      STORE_ARGS(STORE_S(id), STORE_I(clock_today_ms())), NULL, err);
}

/* ---- forgetting ---- */

enum rc account_forget(struct app *app, struct str id, struct err *err)
{
    static const char *const all[] = {
        "DELETE FROM ident_link WHERE account = ?1", "DELETE FROM ident_recovery WHERE account = ?1",
        "DELETE FROM ident_subject WHERE account = ?1", "DELETE FROM ident_account WHERE id = ?1"};
    struct store_tx *tx;
    enum rc rc = mail_forget(app, id, err);
    if (!rc) rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = session_end_all(tx, id, NULL, err);
    for (size_t i = 0; !rc && i < sizeof all / sizeof *all; i++)
        rc = store_exec(tx, all[i], STORE_ARGS(STORE_S(id)), NULL, err);
    if (!rc) rc = ident_changed(tx, "subjects", err);
    return store_end(tx, rc, err);
}

/* ---- for commands ---- */

enum rc ident_set_roles(struct app *app, struct str id, unsigned roles, struct err *err)
{
    enum rc rc = account_set_roles(app, id, roles, err);
    return rc ? rc : ident_audit(app, STR_NONE, HTTP_ADMIN, "roles.change", id, "ok", NULL, err);
}

enum rc ident_reset_link(struct app *app, struct str id, struct buf *out, struct err *err)
{
    char token[IDENT_TOKEN_TEXT];
    struct ident_account a;
    enum rc rc = account_load(app, id, &a, err);
    if (rc) return rc;
    account_release(&a);
    rc = link_make(app, id, "reset", token, err);
    if (!rc) rc = ident_audit(app, STR_NONE, HTTP_ADMIN, "password.reset.link", id, "ok", NULL, err);
    if (!rc) rc = link_url(app, "reset", token, out, err);
    crypt_wipe(token, sizeof token);
    return rc;
}

enum rc ident_describe(struct app *app, struct str id, bool email, struct jout *out, struct err *err)
{
    struct ident_account a;
    enum rc rc = account_load(app, id, &a, err);
    if (!rc && email) rc = ident_audit(app, STR_NONE, HTTP_ADMIN, "account.read", id, "ok", NULL, err);
    if (rc) return rc;
    jout_object(out);
    jout_kz(out, "id", a.id);
    jout_key(out, "roles");
    ident_write_roles(out, a.roles);
    jout_kbool(out, "confirmed", a.confirmed);
    jout_kbool(out, "password", a.password[0] != 0);
    jout_kbool(out, "second_factor", a.totp_state == IDENT_TOTP_ON);
    jout_kday(out, "joined", a.made_ms);
    jout_kday(out, "last_seen", a.seen_ms);
    if (email) jout_kz(out, "email", a.email.n ? a.email.p : NULL);
    jout_end(out);
    account_release(&a);
    return RC_OK;
}

enum rc ident_count(struct app *app, int64_t *accounts, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_get_i64(tx, "SELECT count(*) FROM ident_account", STORE_NO_ARGS, accounts, NULL, err);
    store_rollback(tx);
    return rc;
}
