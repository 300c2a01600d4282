/*
 * Cryptography that the main job needs (libsodium): hashes, MACs, random numbers, wiping. The privacy
 * issue adds AEAD beside it; keys of persons live in vault/.
 */
#ifndef CRYPT_CRYPT_H
#define CRYPT_CRYPT_H

#include "base/err.h"
#include "base/str.h"

enum { CRYPT_SHA256_BYTES = 32, CRYPT_HEX_BYTES = 65, CRYPT_KEY_BYTES = 32, CRYPT_MAC_BYTES = 32 };

enum rc crypt_startup(struct err *err) MUST_USE; /* once, before threads */

struct crypt_sha256 {
    _Alignas(16) unsigned char state[208];
};
void crypt_sha256_init(struct crypt_sha256 *h);
void crypt_sha256_add(struct crypt_sha256 *h, const void *p, size_t n);
void crypt_sha256_end(struct crypt_sha256 *h, uint8_t out[static CRYPT_SHA256_BYTES]);
void crypt_sha256(struct str s, uint8_t out[static CRYPT_SHA256_BYTES]);
void crypt_hex(const uint8_t *p, size_t n, char *out /* 2n + 1 */);
enum rc crypt_sha256_file(const char *path, char hex[static CRYPT_HEX_BYTES], struct err *err) MUST_USE;

/* HMAC-SHA-256 (RFC 2104). */
void crypt_mac(const uint8_t key[static CRYPT_KEY_BYTES], struct str s, uint8_t out[static CRYPT_MAC_BYTES]);
bool crypt_equal(const void *a, const void *b, size_t n); /* in constant time */
void crypt_random(void *p, size_t n);
void crypt_wipe(void *p, size_t n);
/* URL-safe base64 without padding (RFC 4648, 5). out: 4 * ceil(n/3) + 1 bytes; decoding: false on anything else. */
void crypt_base64url(const void *p, size_t n, char *out);
bool crypt_base64url_decode(struct str s, uint8_t *out, size_t cap, size_t *n);
/* The key of this name in `dir`/keys/NAME.key: read, or made at first use (0600; refused when others can
 * read it: RC_FORBIDDEN). */
enum rc crypt_key_file(const char *dir, const char *name, uint8_t key[static CRYPT_KEY_BYTES],
                       struct err *err) MUST_USE;
#endif
