#include "crypt/password.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <stdio.h>
#include <string.h>

_Static_assert((int)CRYPT_PASSWORD_TEXT >= (int)crypto_pwhash_STRBYTES, "a hash must fit");

enum rc crypt_password_hash(struct str password, const struct crypt_password_cost *cost,
                            char out[static CRYPT_PASSWORD_TEXT], struct err *err)
{
    memset(out, 0, CRYPT_PASSWORD_TEXT);
    if (crypto_pwhash_str_alg(out, password.p ? password.p : "", password.n, cost->passes, cost->memory_bytes,
                              crypto_pwhash_ALG_ARGON2ID13))
        return err_set(err, RC_NOMEM, "out of memory for a password's hash");
    return RC_OK;
}

bool crypt_password_verify(const char *hash, struct str password)
{
    char fixed[crypto_pwhash_STRBYTES] = "";
    size_t n = strnlen(hash, sizeof fixed);
    if (n == sizeof fixed || strncmp(hash, "$argon2id$", 10) != 0) return false;
    memcpy(fixed, hash, n);
    return crypto_pwhash_str_verify(fixed, password.p ? password.p : "", password.n) == 0;
}

bool crypt_password_outdated(const char *hash, const struct crypt_password_cost *cost)
{
    char fixed[crypto_pwhash_STRBYTES] = "";
    size_t n = strnlen(hash, sizeof fixed);
    if (n == sizeof fixed) return true;
    memcpy(fixed, hash, n);
    return crypto_pwhash_str_needs_rehash(fixed, cost->passes, cost->memory_bytes) != 0;
}

enum rc crypt_password_key(struct str passphrase, const uint8_t salt[static CRYPT_SALT_BYTES],
                           const struct crypt_password_cost *cost, uint8_t key[static 32], struct err *err)
{
    _Static_assert((int)CRYPT_SALT_BYTES == (int)crypto_pwhash_SALTBYTES, "salt size");
    if (crypto_pwhash(key, 32, passphrase.p ? passphrase.p : "", passphrase.n, salt, cost->passes,
                      cost->memory_bytes, crypto_pwhash_ALG_ARGON2ID13))
        return err_set(err, RC_NOMEM, "cannot derive a key from the passphrase: %zu MB of memory are needed",
                       cost->memory_bytes >> 20);
    return RC_OK;
}

void crypt_totp(struct str secret, uint64_t counter, char out[static CRYPT_TOTP_DIGITS + 1])
{
    uint8_t message[8], mac[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;
    for (int i = 7; i >= 0; i--, counter >>= 8)
        message[i] = (uint8_t)counter;
    ASSERT(HMAC(EVP_sha1(), secret.p, (int)secret.n, message, sizeof message, mac, &n) && n == 20);
    const uint8_t *at = mac + (mac[19] & 15);
    uint32_t value =
        ((uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) % 1000000;
    snprintf(out, CRYPT_TOTP_DIGITS + 1, "%06u", value);
    sodium_memzero(mac, sizeof mac);
}
