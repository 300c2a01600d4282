/*
 * The master key in a file: DATA/vault/master.key, or where vault_key_file says. Made at first use with mode
 * 0600, refused when others can read it. Text, so that it can be printed and kept in a safe:
 *
 *   penderie master keys 1
 *   ID KEY            ID: the first 16 hexadecimal characters of SHA-256("penderie master key" KEY);
 *                     KEY: 32 bytes as base64url
 *
 * The last line is the newest key; a second one is there only while a rotation is under way. Written only by
 * whoever makes the vault, in the write transaction that does, and by rotations, of which there is one at a
 * time: two processes never write at once.
 */
#include "vault/master.h"

#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, FILE_BYTES = 2048, ID_CHARS = 16, KEY_CHARS = 43, MAX_KEYS = 4 };
#define HEAD "penderie master keys 1\n"
#define WHAT "master key"

struct one {
    char id[ID_CHARS + 1];
    uint8_t key[CRYPT_KEY_BYTES];
};

struct keys { /* in locked memory */
    struct one one[MAX_KEYS];
    size_t n;
    uint8_t text[FILE_BYTES];
};

struct file {
    char path[PATH_BYTES];
    struct keys *keys;
};

static void id_of(const uint8_t key[static CRYPT_KEY_BYTES], char out[static ID_CHARS + 1])
{
    uint8_t digest[CRYPT_SHA256_BYTES];
    char hex[CRYPT_HEX_BYTES];
    struct crypt_sha256 h;
    crypt_sha256_init(&h);
    crypt_sha256_add(&h, "penderie master key", 19);
    crypt_sha256_add(&h, key, CRYPT_KEY_BYTES);
    crypt_sha256_end(&h, digest);
    crypt_wipe(&h, sizeof h);
    crypt_hex(digest, sizeof digest, hex);
    snprintf(out, ID_CHARS + 1, "%.*s", ID_CHARS, hex);
}

static enum rc create(const char *vault_dir, const struct config *config, void **self, struct err *err)
{
    const char *set = config_string(config, "vault_key_file");
    struct file *f = calloc(1, sizeof *f);
    if (f) f->keys = crypt_secret_alloc(sizeof *f->keys);
    if (!f || !f->keys) {
        free(f);
        return err_set(err, RC_NOMEM, "out of (lockable) memory for keys");
    }
    memset(f->keys, 0, sizeof *f->keys);
    int n = *set ? snprintf(f->path, sizeof f->path, "%s", set)
                 : snprintf(f->path, sizeof f->path, "%s/master.key", vault_dir);
    *self = f;
    if (n > 0 && n < (int)sizeof f->path) return RC_OK;
    crypt_secret_free(f->keys);
    free(f);
    *self = NULL;
    return err_set(err, RC_INVALID, "vault_key_file: path too long");
}

static void destroy(void *self)
{
    struct file *f = self;
    crypt_secret_free(f->keys);
    free(f);
}

static bool parse_line(struct str line, struct one *out)
{
    char id[ID_CHARS + 1];
    size_t n = 0;
    struct str key = line, name = str_split(&key, ' ');
    if (name.n != ID_CHARS || key.n != KEY_CHARS ||
        !crypt_base64url_decode(key, out->key, sizeof out->key, &n) || n != sizeof out->key)
        return false;
    id_of(out->key, id);
    memcpy(out->id, id, sizeof id);
    return str_eqz(name, id);
}

/* Afresh each time: another process may have rotated, or an operator put the file back. */
static enum rc load(struct file *f, struct err *err)
{
    size_t n = 0;
    struct keys *k = f->keys;
    k->n = 0;
    enum rc rc = crypt_read_private(f->path, WHAT, k->text, sizeof k->text, &n, err);
    if (rc) return rc;
    struct str rest = {(const char *)k->text, n};
    bool fine = str_starts(rest, STR(HEAD));
    if (fine) rest = str_sub(rest, sizeof HEAD - 1, rest.n);
    while (fine && rest.n) {
        struct str line = str_split(&rest, '\n');
        fine = k->n < MAX_KEYS && parse_line(line, &k->one[k->n]);
        if (fine) k->n++;
    }
    crypt_wipe(k->text, sizeof k->text);
    if (fine && k->n) return RC_OK;
    return err_set(err, RC_CORRUPT, "the " WHAT " %s is damaged: restore it from your safe copy", f->path);
}

static enum rc save(struct file *f, struct err *err)
{
    struct keys *k = f->keys;
    char key[KEY_CHARS + 1];
    size_t n = sizeof HEAD - 1;
    memcpy(k->text, HEAD, n);
    for (size_t i = 0; i < k->n; i++) {
        crypt_base64url(k->one[i].key, CRYPT_KEY_BYTES, key);
        n += (size_t)snprintf((char *)k->text + n, sizeof k->text - n, "%s %s\n", k->one[i].id, key);
    }
    crypt_wipe(key, sizeof key);
    enum rc rc = fs_write_atomic(f->path, k->text, n, 0600, err);
    crypt_wipe(k->text, sizeof k->text);
    return rc;
}

static const struct one *find(const struct keys *k, const char *id)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->one[i].id, id) == 0) return &k->one[i];
    return NULL;
}

static enum rc wrap(void *self, bool fresh, const char *what, const uint8_t key[static CRYPT_KEY_BYTES],
                    struct master_wrapped *out, struct err *err)
{
    struct file *f = self;
    struct keys *k = f->keys;
    enum rc rc = load(f, err);
    bool none = rc == RC_NOT_FOUND;
    if (rc && !none) return rc;
    if (none || fresh) {
        if (k->n == MAX_KEYS) return err_set(err, RC_CONFLICT, "%s holds too many keys", f->path);
        struct one *new = &k->one[k->n++];
        crypt_random(new->key, sizeof new->key);
        id_of(new->key, new->id);
        rc = save(f, err);
        if (rc) return rc;
    }
    const struct one *newest = &k->one[k->n - 1];
    memcpy(out->reference, newest->id, sizeof newest->id);
    out->n = CRYPT_KEY_BYTES + CRYPT_SEAL_OVERHEAD;
    return crypt_seal(newest->key, str_of(what), (struct str){(const char *)key, CRYPT_KEY_BYTES}, out->bytes,
                      err);
}

static enum rc unwrap(void *self, const char *what, const struct master_wrapped *wrapped,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    struct file *f = self;
    enum rc rc = load(f, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, rc,
                       "the " WHAT " %s is missing: put it back from your safe copy; without it nothing that "
                       "belongs to a person can be read",
                       f->path);
    if (rc) return rc;
    const struct one *one = find(f->keys, wrapped->reference);
    if (!one)
        return err_set(err, RC_NOT_FOUND,
                       "%s does not hold the " WHAT " %s: put that one back from your safe copy", f->path,
                       wrapped->reference);
    if (wrapped->n != CRYPT_KEY_BYTES + CRYPT_SEAL_OVERHEAD)
        return err_set(err, RC_CORRUPT, "the vault is damaged: a wrapped key has a wrong length");
    return crypt_open(one->key, str_of(what), (struct str){(const char *)wrapped->bytes, wrapped->n}, key, err);
}

/* "": none of the file's keys is used any more, because the provider was changed: the file goes. */
static enum rc keep_only(void *self, const char *reference, struct err *err)
{
    struct file *f = self;
    if (!*reference)
        return remove(f->path) && fs_exists(f->path) ? err_errno(err, "cannot remove %s", f->path) : RC_OK;
    enum rc rc = load(f, err);
    if (rc) return rc;
    const struct one *kept = find(f->keys, reference);
    if (!kept) return err_set(err, RC_NOT_FOUND, "%s does not hold the " WHAT " %s", f->path, reference);
    if (f->keys->n == 1) return RC_OK;
    memmove(&f->keys->one[0], kept, sizeof *kept);
    f->keys->n = 1;
    return save(f, err);
}

const struct master_ops master_file = {
    .name = "file",
    .create = create,
    .destroy = destroy,
    .wrap = wrap,
    .unwrap = unwrap,
    .keep_only = keep_only,
};
