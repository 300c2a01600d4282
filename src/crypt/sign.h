/*
 * Checking signatures of others (RFC 7518, 3.3 and 3.4), by OpenSSL: RS256 and ES256, what OpenID providers sign with.
 * A key knows its one algorithm; what a token says about itself never chooses it (RFC 8725, 3.1). Immutable once made,
 * any thread.
 */
#ifndef CRYPT_SIGN_H
#define CRYPT_SIGN_H

#include "base/err.h"
#include "base/str.h"

struct crypt_public_key;

/* Modulus and exponent, big-endian. RC_INVALID under 2048 bits or over 8192, and for exponents that are even or 1. */
enum rc crypt_rs256_key(struct str n, struct str e, struct crypt_public_key **out, struct err *err) MUST_USE;
/* A point of P-256, 32 bytes each. RC_INVALID when it is not on the curve. */
enum rc crypt_es256_key(struct str x, struct str y, struct crypt_public_key **out, struct err *err) MUST_USE;
void crypt_public_key_destroy(struct crypt_public_key *k);          /* NULL is fine */
const char *crypt_public_key_alg(const struct crypt_public_key *k); /* "RS256" or "ES256" */
/* ES256 signatures are r and s, 32 bytes each (not DER). */
bool crypt_verify(const struct crypt_public_key *k, struct str message, struct str signature);

#endif
