/* XAES-256-GCM against the vectors that C2SP publishes (https://c2sp.org/XAES-256-GCM), the accumulated ones
 * too. */
#include "test.h"

#include "crypt/crypt.h"
#include "crypt/password.h"

static struct err err;

static void assert_hex(const uint8_t *p, size_t n, const char *expected)
{
    char hex[2 * 64 + 1];
    assert_true(n <= 64);
    crypt_hex(p, n, hex);
    assert_string_equal(hex, expected);
}

static void test_vectors(void **state)
{
    (void)state;
    uint8_t key[CRYPT_KEY_BYTES], out[64];
    const uint8_t *nonce = (const uint8_t *)"ABCDEFGHIJKLMNOPQRSTUVWX";
    struct str plain = STR("XAES-256-GCM");
    memset(key, 1, sizeof key); /* the subkey's highest bit is clear */
    assert_ok(crypt_seal_with(key, nonce, STR_NONE, plain, out, &err));
    assert_hex(out, 28, "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
    memset(key, 3, sizeof key); /* it is set */
    assert_ok(crypt_seal_with(key, nonce, STR("c2sp.org/XAES-256-GCM"), plain, out, &err));
    assert_hex(out, 28, "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}

/* ---- SHAKE128 (FIPS 202), which the accumulated vectors draw their input from ---- */

enum { RATE = 168 };
struct shake {
    uint8_t s[200];
    size_t at;
    bool squeezing;
};

static uint64_t rotate(uint64_t x, unsigned n) { return n ? x << n | x >> (64 - n) : x; }

static void keccak(uint8_t bytes[static 200])
{
    uint64_t a[25], lfsr = 1;
    memcpy(a, bytes, 200); /* little-endian machines alone run these tests */
    for (int round = 0; round < 24; round++) {
        uint64_t c[5], last;
        for (int x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (int x = 0; x < 5; x++)
            for (int y = 0; y < 25; y += 5)
                a[y + x] ^= c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
        last = a[1];
        for (unsigned t = 0, x = 1, y = 0; t < 24; t++) {
            unsigned next = (2 * x + 3 * y) % 5;
            x = y;
            y = next;
            uint64_t kept = a[5 * y + x];
            a[5 * y + x] = rotate(last, (t + 1) * (t + 2) / 2 % 64);
            last = kept;
        }
        for (int y = 0; y < 25; y += 5) {
            memcpy(c, a + y, sizeof c);
            for (int x = 0; x < 5; x++)
                a[y + x] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
        }
        for (unsigned j = 0; j < 7; j++) {
            if (lfsr & 1) a[0] ^= 1ull << ((1u << j) - 1);
            lfsr = lfsr & 0x80 ? (lfsr << 1 ^ 0x71) & 0xff : lfsr << 1;
        }
    }
    memcpy(bytes, a, 200);
}

static void absorb(struct shake *k, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        k->s[k->at++] ^= p[i];
        if (k->at < RATE) continue;
        keccak(k->s);
        k->at = 0;
    }
}

static void squeeze(struct shake *k, uint8_t *p, size_t n)
{
    if (!k->squeezing) {
        k->s[k->at] ^= 0x1f;
        k->s[RATE - 1] ^= 0x80;
        keccak(k->s);
        k->at = 0;
        k->squeezing = true;
    }
    for (size_t i = 0; i < n; i++) {
        if (k->at == RATE) {
            keccak(k->s);
            k->at = 0;
        }
        p[i] = k->s[k->at++];
    }
}

static void test_accumulated(void **state)
{
    (void)state;
    struct shake source = {{0}, 0, false}, sum = {{0}, 0, false};
    uint8_t key[CRYPT_KEY_BYTES], nonce[CRYPT_NONCE_BYTES], n, m, plain[256], aad[256], back[256], digest[32];
    uint8_t sealed[CRYPT_NONCE_BYTES + 256 + CRYPT_TAG_BYTES];
    for (int i = 0; i < 10000; i++) {
        squeeze(&source, key, sizeof key);
        squeeze(&source, nonce, sizeof nonce);
        squeeze(&source, &n, 1);
        squeeze(&source, plain, n);
        squeeze(&source, &m, 1);
        squeeze(&source, aad, m);
        struct str text = {(char *)plain, n}, bound = {(char *)aad, m};
        memcpy(sealed, nonce, sizeof nonce);
        assert_ok(crypt_seal_with(key, nonce, bound, text, sealed + sizeof nonce, &err));
        absorb(&sum, sealed + sizeof nonce, n + (size_t)CRYPT_TAG_BYTES);
        struct str whole = {(char *)sealed, n + (size_t)CRYPT_SEAL_OVERHEAD};
        assert_ok(crypt_open(key, bound, whole, back, &err));
        assert_memory_equal(back, plain, n);
    }
    squeeze(&sum, digest, sizeof digest);
    assert_hex(digest, sizeof digest, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

static void test_refusals(void **state)
{
    (void)state;
    uint8_t key[CRYPT_KEY_BYTES] = {9}, sealed[64], out[64];
    struct str plain = STR("seven bytes, more");
    size_t n = plain.n + CRYPT_SEAL_OVERHEAD;
    assert_ok(crypt_seal(key, STR("here"), plain, sealed, &err));
    struct str whole = {(char *)sealed, n};
    assert_ok(crypt_open(key, STR("here"), whole, out, &err));
    assert_memory_equal(out, plain.p, plain.n);
    memset(out, 'x', sizeof out);
    assert_rc(crypt_open(key, STR("there"), whole, out, &err), RC_CORRUPT);
    for (size_t i = 0; i < plain.n; i++)
        assert_int_equal(out[i], 0); /* nothing of the plaintext stays */
    for (size_t i = 0; i < n; i++) {
        sealed[i] ^= 0x40;
        assert_rc(crypt_open(key, STR("here"), whole, out, &err), RC_CORRUPT);
        sealed[i] ^= 0x40;
        assert_rc(crypt_open(key, STR("here"), (struct str){(char *)sealed, i}, out, &err), RC_CORRUPT);
    }
    key[31] ^= 1;
    assert_rc(crypt_open(key, STR("here"), whole, out, &err), RC_CORRUPT);
}

/* RFC 9106's own vector uses a secret and associated data, which libsodium does not offer: this one was
 * computed with the reference program: echo -n "correct horse" | argon2 saltsaltsaltsalt -id -t 2 -m 15 -p 1 -l
 * 32 -r */
static void test_passphrase_key(void **state)
{
    (void)state;
    const struct crypt_password_cost cost = {.passes = 2, .memory_bytes = 32 << 20};
    const uint8_t *salt = (const uint8_t *)"saltsaltsaltsalt";
    uint8_t a[32], b[32];
    assert_ok(crypt_password_key(STR("correct horse"), salt, &cost, a, &err));
    assert_hex(a, sizeof a, "bfbf42cfc58465e5594e8bea4f07b0c3557685f50c21455112c3afcba0073fd9");
    assert_ok(crypt_password_key(STR("correct hors"), salt, &cost, b, &err));
    assert_true(memcmp(a, b, sizeof a) != 0);
    assert_ok(crypt_password_key(STR("correct horse"), (const uint8_t *)"saltsaltsaltsalT", &cost, b, &err));
    assert_true(memcmp(a, b, sizeof a) != 0);
    const struct crypt_password_cost absurd = {.passes = 2, .memory_bytes = (size_t)1 << 52};
    assert_rc(crypt_password_key(STR("x"), salt, &absurd, b, &err), RC_NOMEM);
}

static int setup(void **state)
{
    (void)state;
    return crypt_startup(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_accumulated),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_passphrase_key),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
