/*
 * XAES-256-GCM as C2SP specifies it (https://c2sp.org/XAES-256-GCM), over OpenSSL's AES.
 *
 *   L  = AES-256(K, 0^128)
 *   K1 = L << 1, and if the bit shifted out was 1, the last byte xor 0x87 (CMAC's subkey)
 *   Kx = AES-256(K, (00 01 'X' 00 || N[0..11]) xor K1) || AES-256(K, (00 02 'X' 00 || N[0..11]) xor K1)
 *   ciphertext, tag = AES-256-GCM(Kx, N[12..23], plaintext, aad)
 */
#include "crypt/crypt.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

enum { BLOCK = 16, HALF_NONCE = 12, MOST_BYTES = (1u << 31) - 64 };

static enum rc failed(EVP_CIPHER_CTX *ctx, struct err *err)
{
    EVP_CIPHER_CTX_free(ctx); /* wipes the keys in it */
    ERR_clear_error();
    return err_set(err, RC_INTERNAL, "OpenSSL cannot encrypt: out of memory?");
}

/* Two blocks under the long key give the key of this one message. */
static enum rc derive(const uint8_t key[static CRYPT_KEY_BYTES], const uint8_t *nonce,
                      uint8_t out[static CRYPT_KEY_BYTES], struct err *err)
{
    uint8_t k1[BLOCK] = {0}, in[2 * BLOCK];
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 || EVP_EncryptUpdate(ctx, k1, &n, k1, BLOCK) != 1)
        return failed(ctx, err);
    uint8_t top = k1[0] >> 7;
    for (int i = 0; i < BLOCK - 1; i++)
        k1[i] = (uint8_t)(k1[i] << 1 | k1[i + 1] >> 7);
    k1[BLOCK - 1] = (uint8_t)(k1[BLOCK - 1] << 1) ^ (uint8_t)(0x87 & -top);
    for (uint8_t half = 0; half < 2; half++) {
        uint8_t *block = in + half * BLOCK;
        const uint8_t head[4] = {0, (uint8_t)(half + 1), 'X', 0};
        memcpy(block, head, sizeof head);
        memcpy(block + sizeof head, nonce, HALF_NONCE);
        for (int i = 0; i < BLOCK; i++)
            block[i] ^= k1[i];
    }
    int fine = EVP_EncryptUpdate(ctx, out, &n, in, sizeof in) == 1;
    crypt_wipe(k1, sizeof k1);
    crypt_wipe(in, sizeof in);
    if (!fine) return failed(ctx, err);
    EVP_CIPHER_CTX_free(ctx);
    return RC_OK;
}

enum rc crypt_seal_with(const uint8_t key[static CRYPT_KEY_BYTES],
                        const uint8_t nonce[static CRYPT_NONCE_BYTES], struct str aad, struct str plain,
                        uint8_t *out, struct err *err)
{
    uint8_t message_key[CRYPT_KEY_BYTES];
    int n = 0, end = 0;
    if (plain.n > MOST_BYTES || aad.n > MOST_BYTES) return err_set(err, RC_TOO_LARGE, "too large to encrypt");
    enum rc rc = derive(key, nonce, message_key, err);
    if (rc) return rc;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool fine = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, message_key, nonce + HALF_NONCE) == 1;
    crypt_wipe(message_key, sizeof message_key);
    if (fine && aad.n) fine = EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1;
    n = 0;
    if (fine && plain.n)
        fine = EVP_EncryptUpdate(ctx, out, &n, (const unsigned char *)plain.p, (int)plain.n) == 1;
    fine = fine && EVP_EncryptFinal_ex(ctx, out + n, &end) == 1 && (size_t)n + (size_t)end == plain.n &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, CRYPT_TAG_BYTES, out + plain.n) == 1;
    if (!fine) return failed(ctx, err);
    EVP_CIPHER_CTX_free(ctx);
    return RC_OK;
}

enum rc crypt_seal(const uint8_t key[static CRYPT_KEY_BYTES], struct str aad, struct str plain, uint8_t *out,
                   struct err *err)
{
    crypt_random(out, CRYPT_NONCE_BYTES);
    return crypt_seal_with(key, out, aad, plain, out + CRYPT_NONCE_BYTES, err);
}

enum rc crypt_open(const uint8_t key[static CRYPT_KEY_BYTES], struct str aad, struct str sealed, uint8_t *out,
                   struct err *err)
{
    uint8_t message_key[CRYPT_KEY_BYTES], tag[CRYPT_TAG_BYTES];
    int n = 0, end = 0;
    if (sealed.n < CRYPT_SEAL_OVERHEAD || sealed.n > MOST_BYTES || aad.n > MOST_BYTES)
        return err_set(err, RC_CORRUPT, "an encrypted record is cut off");
    const unsigned char *nonce = (const unsigned char *)sealed.p, *text = nonce + CRYPT_NONCE_BYTES;
    size_t length = sealed.n - CRYPT_SEAL_OVERHEAD;
    enum rc rc = derive(key, nonce, message_key, err);
    if (rc) return rc;
    memcpy(tag, text + length, sizeof tag);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool fine = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, message_key, nonce + HALF_NONCE) == 1;
    crypt_wipe(message_key, sizeof message_key);
    if (fine && aad.n) fine = EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1;
    n = 0;
    if (fine && length) fine = EVP_DecryptUpdate(ctx, out, &n, text, (int)length) == 1;
    fine = fine && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof tag, tag) == 1;
    if (!fine) {
        if (length) crypt_wipe(out, length);
        return failed(ctx, err);
    }
    fine = EVP_DecryptFinal_ex(ctx, out + n, &end) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (fine) return RC_OK;
    ERR_clear_error();
    if (length) crypt_wipe(out, length); /* GCM decrypts before it knows */
    return err_set(err, RC_CORRUPT, "an encrypted record was altered, or belongs to somewhere else");
}

void *crypt_secret_alloc(size_t n) { return sodium_malloc(n); }
void crypt_secret_free(void *p) { sodium_free(p); }
