#include "crypt/sign.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

enum { P256_BYTES = 32, RSA_MIN_BITS = 2048, RSA_MAX_BITS = 8192 };

struct crypt_public_key {
    EVP_PKEY *pkey;
    bool ec;
};

static const uint8_t *bytes(struct str s) { return (const uint8_t *)s.p; }

static enum rc make(const char *kind, OSSL_PARAM *params, bool ec, struct crypt_public_key **out,
                    struct err *err)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL), *check = NULL;
    struct crypt_public_key *k = calloc(1, sizeof *k);
    enum rc rc = ctx && k && params ? RC_OK : err_set(err, RC_NOMEM, "out of memory");
    if (!rc && (EVP_PKEY_fromdata_init(ctx) != 1 ||
                EVP_PKEY_fromdata(ctx, &k->pkey, EVP_PKEY_PUBLIC_KEY, params) != 1))
        rc = err_set(err, RC_INVALID, "this is not a public key");
    if (!rc) check = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
    if (!rc && (!check || EVP_PKEY_public_check_quick(check) != 1))
        rc = err_set(err, RC_INVALID, "this public key is not sound");
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(ctx);
    if (rc) {
        crypt_public_key_destroy(k);
        return rc;
    }
    k->ec = ec;
    *out = k;
    return RC_OK;
}

enum rc crypt_rs256_key(struct str n, struct str e, struct crypt_public_key **out, struct err *err)
{
    BIGNUM *modulus = NULL, *exponent = NULL;
    OSSL_PARAM_BLD *build = NULL;
    OSSL_PARAM *params = NULL;
    enum rc rc = RC_OK;
    *out = NULL;
    if (!n.n || n.n > RSA_MAX_BITS / 8 || !e.n || e.n > 8)
        return err_set(err, RC_INVALID, "an RSA key of an unusual size");
    modulus = BN_bin2bn(bytes(n), (int)n.n, NULL);
    exponent = BN_bin2bn(bytes(e), (int)e.n, NULL);
    build = OSSL_PARAM_BLD_new();
    if (!modulus || !exponent || !build) rc = err_set(err, RC_NOMEM, "out of memory");
    if (!rc && (BN_num_bits(modulus) < RSA_MIN_BITS || !BN_is_odd(exponent) || BN_is_one(exponent)))
        rc = err_set(err, RC_INVALID, "an RSA key needs %d bits and an odd exponent over 1", RSA_MIN_BITS);
    if (!rc && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        params = OSSL_PARAM_BLD_to_param(build);
    if (!rc) rc = make("RSA", params, false, out, err);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(exponent);
    BN_free(modulus);
    return rc;
}

enum rc crypt_es256_key(struct str x, struct str y, struct crypt_public_key **out, struct err *err)
{
    uint8_t point[1 + 2 * P256_BYTES] = {4}; /* uncompressed */
    char group[] = "P-256";
    *out = NULL;
    if (x.n != P256_BYTES || y.n != P256_BYTES)
        return err_set(err, RC_INVALID, "a point of P-256 has two times 32 bytes");
    memcpy(point + 1, x.p, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.p, P256_BYTES);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
                           OSSL_PARAM_construct_end()};
    return make("EC", params, true, out, err);
}

void crypt_public_key_destroy(struct crypt_public_key *k)
{
    if (!k) return;
    EVP_PKEY_free(k->pkey);
    free(k);
}

const char *crypt_public_key_alg(const struct crypt_public_key *k) { return k->ec ? "ES256" : "RS256"; }

/* r and s as OpenSSL wants them: DER. NULL when it cannot be. */
static uint8_t *to_der(struct str raw, size_t *n)
{
    uint8_t *der = NULL;
    ECDSA_SIG *sig = raw.n == 2 * P256_BYTES ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = sig ? BN_bin2bn(bytes(raw), P256_BYTES, NULL) : NULL;
    BIGNUM *s = sig ? BN_bin2bn(bytes(raw) + P256_BYTES, P256_BYTES, NULL) : NULL;
    if (r && s && ECDSA_SIG_set0(sig, r, s) == 1) { /* from here on sig owns them */
        int len = i2d_ECDSA_SIG(sig, &der);
        *n = len > 0 ? (size_t)len : 0;
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    return der;
}

bool crypt_verify(const struct crypt_public_key *k, struct str message, struct str signature)
{
    size_t der_n = 0;
    uint8_t *der = k->ec ? to_der(signature, &der_n) : NULL;
    const uint8_t *sig = k->ec ? der : bytes(signature);
    size_t sig_n = k->ec ? der_n : signature.n;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    /* EVP's default padding for RSA is PKCS #1 v1.5, which is what RS256 means. */
    bool fine = ctx && sig && sig_n && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
                EVP_DigestVerify(ctx, sig, sig_n, bytes(message), message.n) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return fine;
}
