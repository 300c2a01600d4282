/* Attribution tokens; their purpose is told in rank_internal.h. Bytes of a token, before base64url:
 * 'A' version, kind, n, one byte of zero, at_ms (8, little-endian), generation (8), n hashes (4 each), MAC (16). */
#include "rank/rank_internal.h"

#include "base/clock.h"
#include "crypt/crypt.h"

#include <string.h>

enum { HEAD = 20, MAC = 16, MAX_BYTES = HEAD + 4 * RANK_MAX_LIMIT + MAC };

static void put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static uint32_t hash_of(struct str id) { return (uint32_t)(str_hash(id) ^ str_hash(id) >> 32); }

enum rc rank_token_make(const uint8_t *key, char kind, const struct rank_answer *a, struct arena *arena,
                        struct str *out, struct err *err)
{
    uint8_t bytes[MAX_BYTES] = {'A', (uint8_t)kind, (uint8_t)a->n}, mac[CRYPT_MAC_BYTES];
    char text[4 * ((MAX_BYTES + 2) / 3) + 1];
    ASSERT(a->n <= RANK_MAX_LIMIT);
    put(bytes + 4, (uint64_t)clock_now_ms(), 8);
    put(bytes + 12, (uint64_t)a->generation, 8);
    for (size_t i = 0; i < a->n; i++)
        put(bytes + HEAD + 4 * i, hash_of(a->items[i].id), 4);
    size_t n = HEAD + 4 * a->n;
    crypt_mac(key, (struct str){(const char *)bytes, n}, mac);
    memcpy(bytes + n, mac, MAC);
    crypt_base64url(bytes, n + MAC, text);
    *out = arena_str(arena, str_of(text));
    return out->p ? RC_OK : err_set(err, RC_NOMEM, "no memory for an answer");
}

enum rc rank_token_read(const uint8_t *key, struct str token, struct str product, int64_t max_age_ms,
                        struct rank_token *out, int *position, struct err *err)
{
    uint8_t bytes[MAX_BYTES], mac[CRYPT_MAC_BYTES];
    size_t n;
    if (!crypt_base64url_decode(token, bytes, sizeof bytes, &n) || n < HEAD + MAC || bytes[0] != 'A' ||
        n != HEAD + 4u * bytes[2] + MAC)
        return err_set(err, RC_INVALID, "the attribution token is none of ours");
    crypt_mac(key, (struct str){(const char *)bytes, n - MAC}, mac);
    if (!crypt_equal(mac, bytes + n - MAC, MAC))
        return err_set(err, RC_INVALID, "the attribution token is none of ours");
    *out = (struct rank_token){.kind = (char)bytes[1],
                               .n = bytes[2],
                               .at_ms = (int64_t)get(bytes + 4, 8),
                               .generation = (int64_t)get(bytes + 12, 8)};
    crypt_hex(mac, 8, out->id);
    if (clock_now_ms() - out->at_ms > max_age_ms)
        return err_set(err, RC_INVALID, "the attribution token is too old");
    for (size_t i = 0; i < out->n; i++)
        if (get(bytes + HEAD + 4 * i, 4) == hash_of(product)) {
            *position = (int)i;
            return RC_OK;
        }
    return err_set(err, RC_UNPROCESSABLE, "this product was not in that answer");
}
