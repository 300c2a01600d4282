#include "crypt/crypt.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct crypt_sha256) >= sizeof(crypto_hash_sha256_state), "state too small");
_Static_assert(CRYPT_SHA256_BYTES == crypto_hash_sha256_BYTES, "SHA-256 size");
_Static_assert(CRYPT_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "HMAC key size");
_Static_assert(CRYPT_MAC_BYTES == crypto_auth_hmacsha256_BYTES, "HMAC size");

enum { CRYPT_PATH_BYTES = 4096 };

enum rc crypt_startup(struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, RC_INTERNAL, "libsodium cannot start: no source of random numbers");
    return RC_OK;
}

static crypto_hash_sha256_state *state_of(struct crypt_sha256 *h)
{
    return (crypto_hash_sha256_state *)(void *)h->state;
}

void crypt_sha256_init(struct crypt_sha256 *h) { crypto_hash_sha256_init(state_of(h)); }

void crypt_sha256_add(struct crypt_sha256 *h, const void *p, size_t n)
{
    if (n) crypto_hash_sha256_update(state_of(h), p, n);
}

void crypt_sha256_end(struct crypt_sha256 *h, uint8_t out[static CRYPT_SHA256_BYTES])
{
    crypto_hash_sha256_final(state_of(h), out);
}

void crypt_sha256(struct str s, uint8_t out[static CRYPT_SHA256_BYTES])
{
    struct crypt_sha256 h;
    crypt_sha256_init(&h);
    crypt_sha256_add(&h, s.p, s.n);
    crypt_sha256_end(&h, out);
}

void crypt_hex(const uint8_t *p, size_t n, char *out) { sodium_bin2hex(out, 2 * n + 1, p, n); }

enum rc crypt_sha256_file(const char *path, char hex[static CRYPT_HEX_BYTES], struct err *err)
{
    enum rc rc = RC_OK;
    struct crypt_sha256 h;
    uint8_t digest[CRYPT_SHA256_BYTES], chunk[32768];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(err, "cannot open %s", path);
    crypt_sha256_init(&h);
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) rc = err_errno(err, "cannot read %s", path);
        if (got <= 0) break;
        crypt_sha256_add(&h, chunk, (size_t)got);
    }
    close(fd);
    if (rc) return rc;
    crypt_sha256_end(&h, digest);
    crypt_hex(digest, sizeof digest, hex);
    return RC_OK;
}

void crypt_mac(const uint8_t key[static CRYPT_KEY_BYTES], struct str s, uint8_t out[static CRYPT_MAC_BYTES])
{
    crypto_auth_hmacsha256(out, (const unsigned char *)(s.n ? s.p : ""), s.n, key);
}

bool crypt_equal(const void *a, const void *b, size_t n) { return sodium_memcmp(a, b, n) == 0; }
void crypt_random(void *p, size_t n) { randombytes_buf(p, n); }
void crypt_wipe(void *p, size_t n) { sodium_memzero(p, n); }

void crypt_base64url(const void *p, size_t n, char *out)
{
    const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    sodium_bin2base64(out, sodium_base64_encoded_len(n, variant), p, n, variant);
}

bool crypt_base64url_decode(struct str s, uint8_t *out, size_t cap, size_t *n)
{
    *n = 0;
    /* No "ignored" characters, no padding, and libsodium refuses trailing bits that are not zero: each
     * byte string has exactly one spelling, so that a token cannot be altered and stay valid. */
    return sodium_base642bin(out, cap, s.p ? s.p : "", s.n, NULL, n, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

/* ------------------------------------------------------------------------------------ key files */

enum rc crypt_read_private(const char *path, const char *what, uint8_t *out, size_t cap, size_t *n,
                           struct err *err)
{
    enum rc rc = RC_OK;
    struct stat st;
    *n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(err, "cannot open the %s %s", what, path);
    if (fstat(fd, &st)) {
        rc = err_errno(err, "cannot look at the %s %s", what, path);
    } else if (!S_ISREG(st.st_mode)) {
        rc = err_set(err, RC_CORRUPT, "the %s %s is not a file", what, path);
    } else if (st.st_mode & 077) {
        rc = err_set(err, RC_FORBIDDEN,
                     "the %s %s can be read by others (mode %03o): chmod 600 %s, "
                     "and think about replacing the key",
                     what, path, (unsigned)st.st_mode & 0777, path);
    }
    while (!rc && *n < cap) {
        ssize_t got = read(fd, out + *n, cap - *n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) rc = err_errno(err, "cannot read the %s %s", what, path);
        if (got <= 0) break;
        *n += (size_t)got;
    }
    if (!rc && *n == cap) rc = err_set(err, RC_CORRUPT, "the %s %s is too long", what, path);
    close(fd);
    if (rc) crypt_wipe(out, cap);
    return rc;
}

static enum rc read_key(const char *path, uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    uint8_t bytes[CRYPT_KEY_BYTES + 2]; /* more, to notice a file that is too long */
    size_t n = 0;
    enum rc rc = crypt_read_private(path, "key", bytes, sizeof bytes, &n, err);
    if (rc == RC_CORRUPT || (!rc && n != CRYPT_KEY_BYTES))
        rc = err_set(err, RC_CORRUPT, "the key %s must hold exactly %d bytes: restore it from a backup", path,
                     CRYPT_KEY_BYTES);
    if (!rc) memcpy(key, bytes, CRYPT_KEY_BYTES);
    crypt_wipe(bytes, sizeof bytes);
    return rc;
}

static enum rc make_key(const char *path, struct err *err)
{
    uint8_t key[CRYPT_KEY_BYTES];
    bool made; /* false: by another process, whose key is then read */
    crypt_random(key, sizeof key);
    enum rc rc = fs_write_new(path, key, sizeof key, 0600, &made, err);
    crypt_wipe(key, sizeof key);
    return rc;
}

static bool plain_name(const char *name)
{
    size_t n = strlen(name);
    return n && n <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

enum rc crypt_key_file(const char *dir, const char *name, uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    char folder[CRYPT_PATH_BYTES], path[CRYPT_PATH_BYTES];
    ASSERT(plain_name(name));
    int n = snprintf(folder, sizeof folder, "%s/keys", dir);
    int m = snprintf(path, sizeof path, "%s/keys/%s.key", dir, name);
    if (n < 0 || m < 0 || (size_t)m >= sizeof path) return err_set(err, RC_INVALID, "path too long: %s", dir);
    struct stat st;
    if (lstat(path, &st)) {
        if (errno != ENOENT) return err_errno(err, "cannot look at the key %s", path);
        enum rc rc = fs_mkdirs(folder, 0700, err);
        if (!rc) rc = make_key(path, err);
        if (rc) return rc;
    }
    return read_key(path, key, err);
}
