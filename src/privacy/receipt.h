/*
 * Receipts of erasures: JSON Web Signatures (RFC 7515, compact form) with Ed25519 (RFC 8037), which any JOSE library can
 * verify. The payload names no person: its id, when the erasure was asked for and when it was complete, why, that the key
 * was destroyed, and under which random name the facts of consent live on (consent.h).
 *
 * The signing key is made at first use and kept in the store "register", sealed with a key of the house.
 */
#ifndef PRIVACY_RECEIPT_H
#define PRIVACY_RECEIPT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct app;

enum { RECEIPT_KEY_BYTES = 32 };

enum rc receipt_sign(struct app *app, struct str payload, struct buf *jws, struct err *err) MUST_USE;
enum rc receipt_public_key(struct app *app, uint8_t key[static RECEIPT_KEY_BYTES], struct err *err) MUST_USE;
/* {"kty":"OKP","crv":"Ed25519","x":"...","kid":"...","use":"sig","alg":"EdDSA"} */
void receipt_write_jwk(const uint8_t key[static RECEIPT_KEY_BYTES], struct buf *out);
/* Appends the payload to `out`. RC_INVALID: not such a signature; RC_FORBIDDEN: not signed with this key. */
enum rc receipt_verify(const uint8_t key[static RECEIPT_KEY_BYTES], struct str jws, struct buf *payload,
                       struct err *err) MUST_USE;
#endif
