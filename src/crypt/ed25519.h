/* Signatures of our own with Ed25519 (RFC 8032), by libsodium: for statements that others verify. Any thread. */
#ifndef CRYPT_ED25519_H
#define CRYPT_ED25519_H

#include "base/err.h"
#include "base/str.h"

enum { ED25519_SEED_BYTES = 32, ED25519_KEY_BYTES = 32, ED25519_SIGNATURE_BYTES = 64 };

/* The private key is its seed: 32 random bytes, kept secret. */
void ed25519_public(const uint8_t seed[static ED25519_SEED_BYTES], uint8_t key[static ED25519_KEY_BYTES]);
void ed25519_sign(const uint8_t seed[static ED25519_SEED_BYTES], struct str message,
                  uint8_t signature[static ED25519_SIGNATURE_BYTES]);
bool ed25519_verify(const uint8_t key[static ED25519_KEY_BYTES], struct str message,
                    const uint8_t signature[static ED25519_SIGNATURE_BYTES]);
#endif
