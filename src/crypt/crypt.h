/*
 * Cryptography: hashes, MACs, passwords, random numbers, wiping, locked memory (libsodium), and authenticated
 * encryption (OpenSSL's AES). Keys of persons live in vault/.
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
/* URL-safe base64 without padding (RFC 4648, 5). out: 4 * ceil(n/3) + 1 bytes; decoding: false on anything
 * else. */
void crypt_base64url(const void *p, size_t n, char *out);
bool crypt_base64url_decode(struct str s, uint8_t *out, size_t cap, size_t *n);
/* The key of this name in `dir`/keys/NAME.key: read, or made at first use (0600; refused when others can
 * read it: RC_FORBIDDEN). */
enum rc crypt_key_file(const char *dir, const char *name, uint8_t key[static CRYPT_KEY_BYTES],
                       struct err *err) MUST_USE;
/* The whole of a file with a secret, into memory of the caller's, who wipes it; `what` names it in messages
 * ("master key"). RC_NOT_FOUND, RC_FORBIDDEN when others than its owner can read it, RC_CORRUPT from `cap`
 * bytes on. */
enum rc crypt_read_private(const char *path, const char *what, uint8_t *out, size_t cap, size_t *n,
                           struct err *err) MUST_USE;

/*
 * XAES-256-GCM (C2SP): AES-256-GCM under a key derived from `key` and the nonce's first 12 bytes, so that
 * nonces of 24 random bytes can be drawn for 2^80 messages under one key without fear of a repetition. The
 * nonce is drawn inside.
 *
 *   sealed: 24 bytes of nonce, the ciphertext (as long as the plaintext), 16 bytes of tag
 *
 * `aad` is authenticated and not stored: what the opener must know. At most 2^31 - 64 bytes. Any thread.
 */
enum {
    CRYPT_NONCE_BYTES = 24,
    CRYPT_TAG_BYTES = 16,
    CRYPT_SEAL_OVERHEAD = CRYPT_NONCE_BYTES + CRYPT_TAG_BYTES
};
/* out: plain.n + CRYPT_SEAL_OVERHEAD bytes. */
enum rc crypt_seal(const uint8_t key[static CRYPT_KEY_BYTES], struct str aad, struct str plain, uint8_t *out,
                   struct err *err) MUST_USE;
/* out: sealed.n - CRYPT_SEAL_OVERHEAD bytes. RC_CORRUPT: too short, altered, or of another key or aad; out then
 * holds nothing of the plaintext. */
enum rc crypt_open(const uint8_t key[static CRYPT_KEY_BYTES], struct str aad, struct str sealed, uint8_t *out,
                   struct err *err) MUST_USE;
/* With a nonce given: for the published test vectors alone. out: plain.n + CRYPT_TAG_BYTES. */
enum rc crypt_seal_with(const uint8_t key[static CRYPT_KEY_BYTES],
                        const uint8_t nonce[static CRYPT_NONCE_BYTES], struct str aad, struct str plain,
                        uint8_t *out, struct err *err) MUST_USE;

/* Memory for secrets: locked (not swapped where the limit allows it), left out of core files, between guard
 * pages, wiped when freed. NULL: none. */
void *crypt_secret_alloc(size_t n);
void crypt_secret_free(void *p); /* NULL is fine */
#endif
