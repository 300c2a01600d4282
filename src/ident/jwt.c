/* JSON web tokens (RFC 7519) in compact form (RFC 7515): read strictly, and our own made. */
#include "ident/ident_internal.h"

#include "base/jval.h"

#include <stdlib.h>
#include <string.h>

enum { JSON_MAX = 12288 };

static enum rc refuse(struct err *err, const char *why)
{
    return err_set(err, RC_UNAUTHENTICATED, "this token is not valid: %s", why);
}

static enum rc parse_part(struct str part, struct jval **out, struct err *err)
{
    uint8_t *text = malloc(JSON_MAX);
    size_t n = 0;
    enum rc rc = RC_OK;
    if (!text) return err_set(err, RC_NOMEM, "out of memory");
    if (!crypt_base64url_decode(part, text, JSON_MAX, &n) || n == 0)
        rc = refuse(err, "it is malformed");
    else if (jval_parse((struct str){(const char *)text, n}, JSON_MAX, out, NULL) || !jval_is_object(*out))
        rc = refuse(err, "it is malformed");
    free(text);
    return rc;
}

enum rc jwt_parse(struct str token, struct jwt *out, struct err *err)
{
    *out = (struct jwt){.signed_part = STR_NONE};
    if (token.n > JWT_MAX_BYTES) return refuse(err, "it is too long");
    struct str rest = token, header = str_split(&rest, '.'), payload = str_split(&rest, '.');
    if (!payload.p || !rest.p || str_chr(rest, '.') != SIZE_MAX) return refuse(err, "it is malformed");
    out->signed_part = str_sub(token, 0, header.n + 1 + payload.n);
    if (!crypt_base64url_decode(rest, out->signature, sizeof out->signature, &out->signature_n))
        return refuse(err, "it is malformed");
    enum rc rc = parse_part(header, &out->header, err);
    if (!rc) rc = parse_part(payload, &out->payload, err);
    if (rc) return rc;
    out->alg = jval_str(jval_get(out->header, "alg"));
    out->kid = jval_str(jval_get(out->header, "kid"));
    struct str typ = jval_str(jval_get(out->header, "typ"));
    if (!out->alg.n) return refuse(err, "it names no algorithm");
    if (jval_get(out->header, "crit")) return refuse(err, "it asks for extensions");
    if (typ.n && !str_ieqz(typ, "JWT") && !str_ieqz(typ, "at+jwt") && !str_ieqz(typ, "application/at+jwt"))
        return refuse(err, "it is of another type");
    return RC_OK;
}

void jwt_release(struct jwt *t)
{
    jval_destroy(t->header);
    jval_destroy(t->payload);
    *t = (struct jwt){.signed_part = STR_NONE};
}

/* NumericDate (RFC 7519, 2): seconds, perhaps with a fraction. */
static bool seconds_of(const struct jval *v, double *out) { return jval_is_number(v) && jval_f64(v, out); }

enum rc jwt_check_times(const struct jval *claims, int64_t now_ms, int64_t leeway_s, struct err *err)
{
    double exp, at, now = (double)now_ms / 1000, leeway = (double)leeway_s;
    if (!seconds_of(jval_get(claims, "exp"), &exp)) return refuse(err, "it has no end");
    if (exp + leeway <= now) return refuse(err, "it has expired");
    const struct jval *nbf = jval_get(claims, "nbf"), *iat = jval_get(claims, "iat");
    if (nbf && (!seconds_of(nbf, &at) || at - leeway > now)) return refuse(err, "it is not valid yet");
    if (iat && (!seconds_of(iat, &at) || at - leeway > now)) return refuse(err, "it is from the future");
    return RC_OK;
}

bool jwt_has_audience(const struct jval *claims, const char *audience)
{
    const struct jval *aud = jval_get(claims, "aud");
    if (!*audience) return false;
    if (jval_is_string(aud)) return str_eqz(jval_str(aud), audience);
    for (size_t i = 0; jval_is_array(aud) && i < jval_len(aud); i++)
        if (str_eqz(jval_str(jval_at(aud, i)), audience)) return true;
    return false;
}

static void add_base64url(struct buf *out, const void *p, size_t n)
{
    char *text = malloc(4 * ((n + 2) / 3) + 1);
    if (!text) {
        out->failed = RC_NOMEM;
        return;
    }
    crypt_base64url(p, n, text);
    buf_addz(out, text);
    free(text);
}

void jwt_sign(const uint8_t key[static CRYPT_KEY_BYTES], const char *kid, struct str payload, struct buf *out)
{
    uint8_t mac[CRYPT_MAC_BYTES];
    struct buf header = BUF_INIT(256);
    size_t start = out->n;
    buf_addf(&header, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", kid);
    add_base64url(out, header.p, header.n);
    buf_addc(out, '.');
    add_base64url(out, payload.p, payload.n);
    crypt_mac(key, str_sub(buf_str(out), start, out->n), mac);
    buf_addc(out, '.');
    add_base64url(out, mac, sizeof mac);
    buf_release(&header);
}
