/*
 * The master key from a passphrase, by argon2id: nothing on this disk opens the vault. vault_passphrase_file
 * holds the passphrase (0600; best on a disk in memory that the service manager fills: systemd's
 * LoadCredential=), its one trailing newline not counted. The reference keeps salt and cost, so that both can
 * change:
 *
 *   argon2id13 t=3 m=268435456 SALT       SALT: 16 bytes as base64url
 *
 * To change the passphrase: put the new one into the file, the old one into vault_passphrase_old_file, rotate.
 */
#include "vault/master.h"

#include "crypt/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSPHRASE_BYTES = 1024, LEAST_CHARS = 12, SALT_CHARS = 22, KNOWN = 4 };
#define SETTING "vault_passphrase_file"
#define OLD_SETTING "vault_passphrase_old_file"

struct derived {
    char reference[MASTER_REFERENCE_BYTES];
    uint8_t key[CRYPT_KEY_BYTES];
};

struct secret { /* in locked memory */
    uint8_t text[PASSPHRASE_BYTES];
    size_t n;
    struct derived known[KNOWN]; /* of the passphrase: a derivation takes most of a second */
};

struct passphrase {
    const struct config *config;
    struct secret *secret;
    unsigned next;
};

static enum rc read_passphrase(struct passphrase *p, const char *setting, struct err *err)
{
    const char *path = config_string(p->config, setting);
    struct secret *s = p->secret;
    if (!*path)
        return err_set(err, RC_INVALID, "vault_master is passphrase: which file holds it? Set %s", setting);
    enum rc rc = crypt_read_private(path, "passphrase file", s->text, sizeof s->text, &s->n, err);
    if (rc) return rc;
    if (s->n && s->text[s->n - 1] == '\n') s->n--;
    if (s->n < LEAST_CHARS)
        return err_set(err, RC_INVALID,
                       "the passphrase in %s is too short: at least %d characters, better five words", path,
                       LEAST_CHARS);
    return RC_OK;
}

static void destroy(void *self)
{
    struct passphrase *p = self;
    crypt_secret_free(p->secret);
    free(p);
}

static enum rc create(const char *vault_dir, const struct config *config, void **self, struct err *err)
{
    (void)vault_dir;
    struct passphrase *p = calloc(1, sizeof *p);
    if (p) p->secret = crypt_secret_alloc(sizeof *p->secret);
    if (!p || !p->secret) {
        free(p);
        return err_set(err, RC_NOMEM, "out of (lockable) memory for keys");
    }
    memset(p->secret, 0, sizeof *p->secret);
    p->config = config;
    enum rc rc = read_passphrase(p, SETTING, err);
    if (rc)
        destroy(p);
    else
        *self = p;
    return rc;
}

static bool parse(const char *reference, struct crypt_password_cost *cost,
                  uint8_t salt[static CRYPT_SALT_BYTES])
{
    uint64_t passes, memory;
    size_t n;
    struct str rest = str_of(reference);
    if (!str_eqz(str_split(&rest, ' '), "argon2id13")) return false;
    struct str t = str_split(&rest, ' '), m = str_split(&rest, ' ');
    if (!str_starts(t, STR("t=")) || !str_to_u64(str_sub(t, 2, t.n), &passes)) return false;
    if (!str_starts(m, STR("m=")) || !str_to_u64(str_sub(m, 2, m.n), &memory)) return false;
    *cost = (struct crypt_password_cost){.passes = passes, .memory_bytes = (size_t)memory};
    return rest.n == SALT_CHARS && crypt_base64url_decode(rest, salt, CRYPT_SALT_BYTES, &n) &&
           n == CRYPT_SALT_BYTES;
}

/* The key that belongs to a reference, of the passphrase in `secret`. */
static enum rc derive(struct passphrase *p, const char *reference, const uint8_t **key, struct err *err)
{
    struct crypt_password_cost cost;
    uint8_t salt[CRYPT_SALT_BYTES];
    for (int i = 0; i < KNOWN; i++) {
        *key = p->secret->known[i].key;
        if (strcmp(p->secret->known[i].reference, reference) == 0) return RC_OK;
    }
    if (!parse(reference, &cost, salt))
        return err_set(err, RC_CORRUPT, "the vault is damaged: it does not say how its passphrase is used");
    struct derived *d = &p->secret->known[p->next++ % KNOWN];
    *d = (struct derived){0};
    *key = d->key;
    struct str text = {(const char *)p->secret->text, p->secret->n};
    enum rc rc = crypt_password_key(text, salt, &cost, d->key, err);
    if (!rc) snprintf(d->reference, sizeof d->reference, "%s", reference);
    return rc;
}

/* Each wrapping has a salt of its own: it is always a fresh key. */
static enum rc wrap(void *self, bool fresh, const char *what, const uint8_t key[static CRYPT_KEY_BYTES],
                    struct master_wrapped *out, struct err *err)
{
    struct passphrase *p = self;
    uint8_t salt[CRYPT_SALT_BYTES];
    char text[SALT_CHARS + 1];
    const uint8_t *master;
    (void)fresh;
    enum rc rc = read_passphrase(p, SETTING, err);
    crypt_random(salt, sizeof salt);
    crypt_base64url(salt, sizeof salt, text);
    snprintf(out->reference, sizeof out->reference, "argon2id13 t=%lld m=%lld %s",
             (long long)config_int(p->config, "vault_passphrase_passes"),
             (long long)config_bytes(p->config, "vault_passphrase_memory"), text);
    crypt_wipe(p->secret->known, sizeof p->secret->known); /* they may be of the passphrase before */
    if (!rc) rc = derive(p, out->reference, &master, err);
    if (rc) return rc;
    out->n = CRYPT_KEY_BYTES + CRYPT_SEAL_OVERHEAD;
    return crypt_seal(master, str_of(what), (struct str){(const char *)key, CRYPT_KEY_BYTES}, out->bytes, err);
}

static enum rc try_one(struct passphrase *p, const char *setting, const char *what,
                       const struct master_wrapped *wrapped, uint8_t key[static CRYPT_KEY_BYTES],
                       struct err *err)
{
    const uint8_t *master;
    enum rc rc = read_passphrase(p, setting, err);
    if (!rc) rc = derive(p, wrapped->reference, &master, err);
    if (rc) return rc;
    rc = crypt_open(master, str_of(what), (struct str){(const char *)wrapped->bytes, wrapped->n}, key, err);
    if (rc) crypt_wipe(p->secret->known, sizeof p->secret->known);
    if (rc == RC_CORRUPT)
        rc = err_set(err, RC_FORBIDDEN,
                     "the passphrase in %s does not open the vault: it is another one, or mistyped",
                     config_string(p->config, setting));
    return rc;
}

static enum rc unwrap(void *self, const char *what, const struct master_wrapped *wrapped,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    struct passphrase *p = self;
    if (wrapped->n != CRYPT_KEY_BYTES + CRYPT_SEAL_OVERHEAD)
        return err_set(err, RC_CORRUPT, "the vault is damaged: a wrapped key has a wrong length");
    enum rc rc = try_one(p, SETTING, what, wrapped, key, err);
    if (rc != RC_FORBIDDEN || !*config_string(p->config, OLD_SETTING)) return rc;
    return try_one(p, OLD_SETTING, what, wrapped, key, err);
}

const struct master_ops master_passphrase = {
    .name = "passphrase",
    .create = create,
    .destroy = destroy,
    .wrap = wrap,
    .unwrap = unwrap,
};
