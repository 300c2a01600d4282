/*
 * Passwords as argon2id (RFC 9106), by libsodium, and one-time codes (RFC 4226, RFC 6238), which authenticator apps
 * compute with HMAC-SHA-1. Any thread; a hash takes its memory for some tens of milliseconds: callers bound how many
 * run at once.
 */
#ifndef CRYPT_PASSWORD_H
#define CRYPT_PASSWORD_H

#include "base/err.h"
#include "base/str.h"

enum { CRYPT_PASSWORD_TEXT = 128 }; /* of a hash, with its NUL */

struct crypt_password_cost {
    uint64_t passes;
    size_t memory_bytes; /* at least 8 KiB */
};

/* "$argon2id$v=19$m=...,t=...,p=1$salt$hash" */
enum rc crypt_password_hash(struct str password, const struct crypt_password_cost *cost,
                            char out[static CRYPT_PASSWORD_TEXT], struct err *err) MUST_USE;
/* False also for what is no such text. Takes the time of the cost that the hash names. */
bool crypt_password_verify(const char *hash, struct str password);
/* True when the hash was made at another cost. */
bool crypt_password_outdated(const char *hash, const struct crypt_password_cost *cost);

/* A key from a passphrase, by argon2id. RC_NOMEM when the memory of the cost is not to be had. */
enum { CRYPT_SALT_BYTES = 16 };
enum rc crypt_password_key(struct str passphrase, const uint8_t salt[static CRYPT_SALT_BYTES],
                           const struct crypt_password_cost *cost, uint8_t key[static 32],
                           struct err *err) MUST_USE;

enum { CRYPT_TOTP_DIGITS = 6, CRYPT_TOTP_STEP_S = 30 };
/* The code of this counter (RFC 4226): CRYPT_TOTP_DIGITS digits and a NUL. For RFC 6238: the counter is the Unix time
 * divided by CRYPT_TOTP_STEP_S. `secret` has 1 to 64 bytes. */
void crypt_totp(struct str secret, uint64_t counter, char out[static CRYPT_TOTP_DIGITS + 1]);

#endif
