/* The second factor: codes that change every half minute (RFC 6238), and recovery codes for a lost phone. */
#include "ident/ident_internal.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 1 /* steps to either side: clocks differ */, RECOVERY_BYTES = 10, PLACE = 64 };
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648, 6 */

/* n a multiple of 5: no padding. out: 8n/5 + 1 */
static void base32(const uint8_t *p, size_t n, char *out)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = alphabet[bits >> (have - 5) & 31];
    }
    *out = 0;
}

static void place_of(const char *id, char out[static PLACE]) { snprintf(out, PLACE, "ident.totp/%s", id); }

static enum rc put(struct app *app, const char *id, struct str secret, enum ident_totp_state state,
                   struct err *err)
{
    char place[PLACE];
    struct buf sealed = BUF_INIT(1024);
    struct store_tx *tx;
    place_of(id, place);
    enum rc rc = vault_seal(app->vault, str_of(id), str_of(place), secret, &sealed, err);
    if (!rc) rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (!rc)
        rc = store_end(tx,
                       store_exec(tx,
                                  "UPDATE ident_account SET totp = ?2, totp_state = ?3, totp_used = ''"
                                  " WHERE id = ?1",
                                  STORE_ARGS(STORE_Z(id), STORE_B(sealed.p, sealed.n), STORE_I(state)), NULL,
                                  err),
                       err);
    buf_release(&sealed);
    return rc;
}

enum rc totp_begin(struct app *app, const struct ident_account *a, char text[static 33], struct err *err)
{
    uint8_t secret[TOTP_SECRET_BYTES];
    if (a->totp_state == IDENT_TOTP_ON) return err_set(err, RC_CONFLICT, "a second factor is on already");
    crypt_random(secret, sizeof secret);
    base32(secret, sizeof secret, text);
    enum rc rc = put(app, a->id, (struct str){(const char *)secret, sizeof secret}, IDENT_TOTP_PENDING, err);
    crypt_wipe(secret, sizeof secret);
    return rc;
}

static void step_name(struct app *app, const char *id, int64_t step, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    char text[64];
    snprintf(text, sizeof text, "%s/%lld", id, (long long)step);
    vault_pseudonym(app->vault, "totp", str_of(text), out);
}

/* The step whose code this is, among those that may still be used; -1: none. Looks at all of them, always. */
static int64_t matching_step(struct app *app, const struct ident_account *a, struct str code)
{
    int64_t now = clock_now_ms() / 1000 / CRYPT_TOTP_STEP_S, found = -1;
    if (code.n != CRYPT_TOTP_DIGITS || !a->totp_secret.n) return -1;
    for (int64_t step = now - WINDOW; step <= now + WINDOW; step++) {
        char right[CRYPT_TOTP_DIGITS + 1], name[VAULT_PSEUDONYM_CHARS + 1];
        crypt_totp(buf_str(&a->totp_secret), (uint64_t)step, right);
        if (crypt_equal(right, code.p, CRYPT_TOTP_DIGITS)) found = step;
        step_name(app, a->id, step, name);
        if (crypt_equal(name, a->totp_used, VAULT_PSEUDONYM_CHARS)) found = -1; /* this one and all before it */
    }
    return found;
}

/* Of two who send the same code at once, one wins: the update repeats what was read. */
static enum rc use_step(struct store_tx *tx, struct app *app, const struct ident_account *a, int64_t step,
                        bool *right, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    int64_t changed = 0;
    step_name(app, a->id, step, name);
    enum rc rc =
        store_exec(tx,
                   "UPDATE ident_account SET totp_used = ?2, totp_state = ?4 WHERE id = ?1 AND"
                   " totp_used = ?3",
                   STORE_ARGS(STORE_Z(a->id), STORE_Z(name), STORE_Z(a->totp_used), STORE_I(IDENT_TOTP_ON)),
                   &changed, err);
    *right = !rc && changed == 1;
    return rc;
}

static void hash_recovery(const char *id, struct str code, uint8_t out[static CRYPT_SHA256_BYTES])
{
    struct crypt_sha256 h;
    crypt_sha256_init(&h);
    crypt_sha256_add(&h, id, strlen(id) + 1);
    for (size_t i = 0; i < code.n; i++) { /* as people type them: "abcd efgh-..." */
        char c = (char)toupper((unsigned char)code.p[i]);
        if (c != '-' && c != ' ') crypt_sha256_add(&h, &c, 1);
    }
    crypt_sha256_end(&h, out);
}

enum rc totp_confirm(struct app *app, const struct ident_account *a, struct str code,
                     char recovery[static TOTP_RECOVERY_CODES][TOTP_RECOVERY_TEXT], struct err *err)
{
    struct store_tx *tx;
    bool right = false;
    if (a->totp_state == IDENT_TOTP_ON) return err_set(err, RC_CONFLICT, "a second factor is on already");
    int64_t step = a->totp_state == IDENT_TOTP_PENDING ? matching_step(app, a, code) : -1;
    if (step < 0) return err_set(err, RC_UNPROCESSABLE, "this is not the current code");
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = use_step(tx, app, a, step, &right, err);
    if (!rc && !right) rc = err_set(err, RC_UNPROCESSABLE, "this is not the current code");
    if (!rc)
        rc = store_exec(tx, "DELETE FROM ident_recovery WHERE account = ?1", STORE_ARGS(STORE_Z(a->id)), NULL,
                        err);
    for (size_t i = 0; !rc && i < TOTP_RECOVERY_CODES; i++) {
        uint8_t bytes[RECOVERY_BYTES], hash[CRYPT_SHA256_BYTES];
        char plain[17];
        crypt_random(bytes, sizeof bytes);
        base32(bytes, sizeof bytes, plain);
        snprintf(recovery[i], TOTP_RECOVERY_TEXT, "%.4s-%.4s-%.4s-%.4s", plain, plain + 4, plain + 8,
                 plain + 12);
        hash_recovery(a->id, str_of(plain), hash);
        rc = store_exec(tx, "INSERT INTO ident_recovery (hash, account) VALUES (?1, ?2)",
                        STORE_ARGS(STORE_B(hash, sizeof hash), STORE_Z(a->id)), NULL, err);
    }
    return store_end(tx, rc, err);
}

enum rc totp_check(struct app *app, const struct ident_account *a, struct str code, bool *right,
                   struct err *err)
{
    struct store_tx *tx;
    uint8_t hash[CRYPT_SHA256_BYTES];
    int64_t changed = 0, step = matching_step(app, a, code);
    *right = false;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    if (step >= 0) {
        rc = use_step(tx, app, a, step, right, err);
    } else {
        hash_recovery(a->id, code, hash);
        rc = store_exec(tx, "DELETE FROM ident_recovery WHERE hash = ?1 AND account = ?2",
                        STORE_ARGS(STORE_B(hash, sizeof hash), STORE_Z(a->id)), &changed, err);
        *right = !rc && changed == 1;
    }
    return store_end(tx, rc, err);
}

enum rc totp_remove(struct app *app, struct str account, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "UPDATE ident_account SET totp = NULL, totp_state = 0, totp_used = '' WHERE id = ?1",
                    STORE_ARGS(STORE_S(account)), NULL, err);
    if (!rc)
        rc = store_exec(tx, "DELETE FROM ident_recovery WHERE account = ?1", STORE_ARGS(STORE_S(account)), NULL,
                        err);
    return store_end(tx, rc, err);
}
