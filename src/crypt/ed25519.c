#include "crypt/ed25519.h"

#include <sodium.h>

static void expand(const uint8_t seed[static ED25519_SEED_BYTES], uint8_t key[static ED25519_KEY_BYTES],
                   uint8_t secret[static crypto_sign_SECRETKEYBYTES])
{
    ASSERT(crypto_sign_seed_keypair(key, secret, seed) == 0);
}

void ed25519_public(const uint8_t seed[static ED25519_SEED_BYTES], uint8_t key[static ED25519_KEY_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    expand(seed, key, secret);
    sodium_memzero(secret, sizeof secret);
}

void ed25519_sign(const uint8_t seed[static ED25519_SEED_BYTES], struct str message,
                  uint8_t signature[static ED25519_SIGNATURE_BYTES])
{
    uint8_t key[ED25519_KEY_BYTES], secret[crypto_sign_SECRETKEYBYTES];
    expand(seed, key, secret);
    ASSERT(crypto_sign_detached(signature, NULL, (const uint8_t *)message.p, message.n, secret) == 0);
    sodium_memzero(secret, sizeof secret);
}

bool ed25519_verify(const uint8_t key[static ED25519_KEY_BYTES], struct str message,
                    const uint8_t signature[static ED25519_SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, (const uint8_t *)message.p, message.n, key) == 0;
}
