#include "privacy/receipt.h"

#include "base/jval.h"
#include "crypt/crypt.h"
#include "crypt/ed25519.h"
#include "privacy/privacy_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct str key_place = {"register.privacy_key/receipts", 29};

static enum rc read_seed(struct app *app, uint8_t seed[static ED25519_SEED_BYTES], bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct buf plain = BUF_INIT(4096);
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT sealed FROM privacy_key WHERE name = 'receipts'", STORE_NO_ARGS, &rows,
                         err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found)
        rc = vault_unseal_house(app->vault, "receipts", key_place, store_blob(rows, 0), &plain, err);
    if (!rc && *found && plain.n != ED25519_SEED_BYTES)
        rc = err_set(err, RC_CORRUPT, "the key of the receipts");
    if (!rc && *found) memcpy(seed, plain.p, ED25519_SEED_BYTES);
    store_rows_close(rows);
    store_rollback(tx);
    if (plain.cap) crypt_wipe(plain.p, plain.cap);
    buf_release(&plain);
    return rc;
}

static enum rc make_seed(struct app *app, struct err *err)
{
    uint8_t seed[ED25519_SEED_BYTES];
    struct buf sealed = BUF_INIT(4096);
    crypt_random(seed, sizeof seed);
    enum rc rc = vault_seal_house(app->vault, "receipts", key_place,
                                  (struct str){(const char *)seed, sizeof seed}, &sealed, err);
    if (!rc) /* another process may be quicker: its key is then ours */
        rc = store_write(
            app->reg,
            "INSERT INTO privacy_key (name, sealed) VALUES ('receipts', ?1) ON CONFLICT (name) DO NOTHING",
            STORE_ARGS(STORE_B(sealed.p, sealed.n)), NULL, err);
    crypt_wipe(seed, sizeof seed);
    buf_release(&sealed);
    return rc;
}

static enum rc get_seed(struct app *app, uint8_t seed[static ED25519_SEED_BYTES], struct err *err)
{
    bool found = false;
    enum rc rc = read_seed(app, seed, &found, err);
    if (rc || found) return rc;
    rc = make_seed(app, err);
    if (!rc) rc = read_seed(app, seed, &found, err);
    return !rc && !found ? err_set(err, RC_INTERNAL, "the key of the receipts was not kept") : rc;
}

static void add_base64url(struct buf *out, const void *p, size_t n)
{
    if (!buf_reserve(out, 4 * ((n + 2) / 3) + 1)) return;
    crypt_base64url(p, n, out->p + out->n);
    out->n += strlen(out->p + out->n);
}

/* RFC 7638: SHA-256 over the members that make the key, in this order and without blanks. */
static void key_id(const uint8_t key[static RECEIPT_KEY_BYTES], char out[static 44])
{
    char x[44], text[128];
    uint8_t hash[CRYPT_SHA256_BYTES];
    crypt_base64url(key, RECEIPT_KEY_BYTES, x);
    snprintf(text, sizeof text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    crypt_sha256(str_of(text), hash);
    crypt_base64url(hash, sizeof hash, out);
}

enum rc receipt_sign(struct app *app, struct str payload, struct buf *jws, struct err *err)
{
    uint8_t seed[ED25519_SEED_BYTES], key[RECEIPT_KEY_BYTES], signature[ED25519_SIGNATURE_BYTES];
    char header[128], kid[44];
    enum rc rc = get_seed(app, seed, err);
    if (rc) return rc;
    ed25519_public(seed, key);
    key_id(key, kid);
    int n = snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
    size_t from = jws->n;
    add_base64url(jws, header, (size_t)n);
    buf_addc(jws, '.');
    add_base64url(jws, payload.p, payload.n);
    rc = buf_check(jws, "a receipt", err);
    if (!rc) {
        ed25519_sign(seed, str_sub(buf_str(jws), from, jws->n - from), signature);
        buf_addc(jws, '.');
        add_base64url(jws, signature, sizeof signature);
        rc = buf_check(jws, "a receipt", err);
    }
    crypt_wipe(seed, sizeof seed);
    return rc;
}

enum rc receipt_public_key(struct app *app, uint8_t key[static RECEIPT_KEY_BYTES], struct err *err)
{
    uint8_t seed[ED25519_SEED_BYTES];
    enum rc rc = get_seed(app, seed, err);
    if (!rc) ed25519_public(seed, key);
    crypt_wipe(seed, sizeof seed);
    return rc;
}

void receipt_write_jwk(const uint8_t key[static RECEIPT_KEY_BYTES], struct buf *out)
{
    char x[44], kid[44];
    crypt_base64url(key, RECEIPT_KEY_BYTES, x);
    key_id(key, kid);
    struct jout j = JOUT_INIT(out);
    jout_object(&j);
    jout_kz(&j, "kty", "OKP");
    jout_kz(&j, "crv", "Ed25519");
    jout_kz(&j, "x", x);
    jout_kz(&j, "kid", kid);
    jout_kz(&j, "use", "sig");
    jout_kz(&j, "alg", "EdDSA");
    jout_end(&j);
}

/* Decodes one part of a JWS into out. */
static bool decode(struct str part, struct buf *out)
{
    size_t n = 0;
    if (!buf_reserve(out, part.n + 1)) return false;
    if (!crypt_base64url_decode(part, (uint8_t *)out->p + out->n, part.n, &n)) return false;
    out->n += n;
    return true;
}

static bool is_eddsa(struct str header)
{
    struct buf text = BUF_INIT(4096);
    struct jval *doc = NULL;
    bool fine = decode(header, &text) && jval_parse(buf_str(&text), 4096, &doc, NULL) == RC_OK &&
                str_eqz(jval_str(jval_get(doc, "alg")), "EdDSA");
    jval_destroy(doc);
    buf_release(&text);
    return fine;
}

enum rc receipt_verify(const uint8_t key[static RECEIPT_KEY_BYTES], struct str jws, struct buf *payload,
                       struct err *err)
{
    struct str rest = str_trim(jws), all = rest, header = str_split(&rest, '.'), body = str_split(&rest, '.');
    struct buf signature = BUF_INIT(4096);
    enum rc rc = RC_OK;
    if (!header.n || !body.n || !rest.n || !is_eddsa(header))
        rc = err_set(err, RC_INVALID,
                     "this is no receipt: three parts of base64url with dots between, alg EdDSA");
    if (!rc && (!decode(rest, &signature) || signature.n != ED25519_SIGNATURE_BYTES))
        rc = err_set(err, RC_INVALID, "the signature is not one of Ed25519");
    if (!rc && !ed25519_verify(key, str_sub(all, 0, header.n + 1 + body.n), (const uint8_t *)signature.p))
        rc = err_set(err, RC_FORBIDDEN, "the signature is not of this key, or the receipt was altered");
    if (!rc && !decode(body, payload)) rc = err_set(err, RC_INVALID, "the payload is not base64url");
    buf_release(&signature);
    return rc;
}
