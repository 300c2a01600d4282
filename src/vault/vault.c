/* The vault's door: opening, persons, sealing, pseudonyms. Keys themselves: vault_keys.c. */
#include "vault/vault_internal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME_CHARS = VAULT_PSEUDONYM_CHARS - 1, MAX_ID_BYTES = 256 };

/* ------------------------------------------------------------------------------------ open, close */

static enum rc open_database(struct vault *v, struct err *err)
{
    char url[VAULT_PATH_BYTES + 32];
    /* A key that is to be destroyed waits rather than fails: on a busy disk, readers hold the log up for a while. */
    const struct store_options options = {.name = "vault", .overwrite = true, .busy_ms = 20000};
    snprintf(url, sizeof url, "sqlite:%s/vault.db", v->dir);
    enum rc rc = store_open(url, &options, &v->store, err);
    return rc ? rc : store_migrate(v->store, "vault", vault_migrations, err);
}

static enum rc allocate(const char *data_dir, const struct config *config, struct vault **out, struct err *err)
{
    struct vault *v = calloc(1, sizeof *v);
    if (v) v->secrets = crypt_secret_alloc(sizeof *v->secrets);
    if (!v || !v->secrets) {
        free(v);
        return err_set(err, RC_NOMEM, "out of (lockable) memory for keys");
    }
    memset(v->secrets, 0, sizeof *v->secrets);
    pthread_mutex_init(&v->lock, NULL);
    *out = v;
    v->cache_us = config_duration_ms(config, "vault_cache") * 1000;
    v->copies_days = config_int(config, "vault_copies_days");
    v->copies_every_ms = config_duration_ms(config, "vault_copies_every");
    return vault_folders(data_dir, config, v->dir, v->copies_dir, err);
}

enum rc vault_folders(const char *data_dir, const struct config *config, char dir[static VAULT_PATH_BYTES],
                      char copies[static VAULT_PATH_BYTES], struct err *err)
{
    const char *set = config_string(config, "vault_copies_dir");
    int n = snprintf(dir, VAULT_PATH_BYTES, "%s/vault", data_dir);
    int m = *set ? snprintf(copies, VAULT_PATH_BYTES, "%s", set)
                 : snprintf(copies, VAULT_PATH_BYTES, "%s/vault/copies", data_dir);
    bool fine = n > 0 && m > 0 && n < PATH_MAX - 128 && m < PATH_MAX - 128;
    return fine ? RC_OK : err_set(err, RC_INVALID, "the path of the vault or of its copies is too long");
}

/* After a change of vault_master the old provider goes on wrapping until a rotation. */
static void warn_of_another_provider(struct vault *v)
{
    struct vault_status s;
    if (vault_get_status(v, &s, NULL)) return;
    if (strcmp(s.provider, s.configured) != 0)
        log_warn("vault", "the keys are wrapped by %s, the settings say %s: `penderie keys rotate` moves them",
                 s.provider, s.configured);
    if (s.rotating) log_warn("vault", "a rotation has not ended: `penderie keys rotate` goes on with it");
}

enum rc vault_open(const char *data_dir, const struct config *config, struct vault **out, struct err *err)
{
    struct vault *v = NULL;
    *out = NULL;
    enum rc rc = allocate(data_dir, config, &v, err);
    if (!rc) rc = fs_mkdirs(v->dir, 0700, err);
    if (!rc) rc = open_database(v, err);
    if (!rc) rc = master_open(v->dir, config, &v->master, err);
    if (!rc) rc = vault_house_key(v, VAULT_ROOT, v->secrets->root, err);
    if (rc) {
        err_prefix(err, "vault: ");
        vault_close(v);
        return rc;
    }
    warn_of_another_provider(v);
    *out = v;
    return RC_OK;
}

void vault_close(struct vault *v)
{
    if (!v) return;
    master_close(v->master);
    store_close(v->store);
    crypt_secret_free(v->secrets);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

/* ------------------------------------------------------------------------------------- pseudonyms */

/* Half an HMAC is enough: a collision among 2^20 persons has a chance of 2^-89. */
void vault_pseudonym(struct vault *v, const char *domain, struct str value,
                     char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    uint8_t key[CRYPT_MAC_BYTES], mac[CRYPT_MAC_BYTES];
    char label[MASTER_AAD_BYTES];
    int n = snprintf(label, sizeof label, "penderie pseudonym 1/%s", domain);
    ASSERT(n > 0 && n < (int)sizeof label);
    crypt_mac(v->secrets->root, (struct str){label, (size_t)n}, key); /* HKDF-Expand's first block, for a key */
    crypt_mac(key, value, mac);
    crypt_hex(mac, VAULT_PSEUDONYM_CHARS / 2, out);
    crypt_wipe(key, sizeof key);
}

void vault_row_name(struct vault *v, struct str person, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    vault_pseudonym(v, "vault", person, out);
}

/* ---------------------------------------------------------------------------------------- persons */

static enum rc insert_person(struct vault *v, struct store_tx *tx, const char *name, struct err *err)
{
    int64_t number, changed = 0;
    uint8_t kek[CRYPT_KEY_BYTES], key[CRYPT_KEY_BYTES], wrapped[VAULT_WRAPPED_BYTES];
    crypt_random(key, sizeof key);
    enum rc rc = vault_current(v, tx, &number, kek, err);
    if (!rc) rc = vault_wrap(VAULT_PERSON, name, kek, key, wrapped, err);
    crypt_wipe(kek, sizeof kek);
    crypt_wipe(key, sizeof key);
    if (rc) return rc;
    const struct store_value args[] = {STORE_Z(name), STORE_I(number), STORE_B(wrapped, sizeof wrapped),
                                       STORE_I(clock_today_ms())};
    rc = store_exec(tx,
                    "INSERT INTO person_key (person, generation, wrapped, made_ms) VALUES (?1, ?2, ?3, ?4) "
                    "ON CONFLICT DO NOTHING",
                    args, 4, &changed, err);
    if (!rc && !changed) rc = err_set(err, RC_CONFLICT, "this person has a key already");
    return rc;
}

enum rc vault_add_person(struct vault *v, struct str person, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    struct store_tx *tx = NULL;
    if (!person.n || person.n > MAX_ID_BYTES)
        return err_set(err, RC_INVALID, "an account id is missing or too long");
    vault_row_name(v, person, name);
    enum rc rc = vault_be_ready(v, err);
    if (!rc) rc = store_begin(v->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = insert_person(v, tx, name, err);
    return store_end(tx, rc, err);
}

enum rc vault_destroy_person(struct vault *v, struct str person, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    struct store_tx *tx = NULL;
    vault_row_name(v, person, name);
    enum rc rc = vault_note_destroyed(v, name, err);
    if (!rc) rc = store_begin(v->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "DELETE FROM person_key WHERE person = ?1", STORE_ARGS(STORE_Z(name)), NULL, err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    vault_drop(v, VAULT_PERSON, name);
    /* Also when there was none: an earlier call may have been killed between the two. */
    return rc ? rc : store_forget(v->store, err);
}

/* ---------------------------------------------------------------------------------------- sealing */

/* Whose and which record: lengths in front, so that no two pairs run together. */
static enum rc bind(enum vault_kind kind, struct str whose, struct str place, struct buf *aad, struct err *err)
{
    buf_addf(aad, "penderie sealed %d/%s/%zu/", VAULT_FORMAT, kind == VAULT_PERSON ? "person" : "house",
             whose.n);
    buf_add(aad, whose);
    buf_addc(aad, '/');
    buf_add(aad, place);
    return buf_check(aad, "the name of a record", err);
}

static enum rc seal(const uint8_t key[static CRYPT_KEY_BYTES], struct str aad, struct str plain,
                    struct buf *out, struct err *err)
{
    size_t n = plain.n + CRYPT_SEAL_OVERHEAD;
    if (!buf_reserve(out, n + 1)) return buf_check(out, "an encrypted record", err);
    enum rc rc = crypt_seal(key, aad, plain, (uint8_t *)out->p + out->n + 1, err);
    if (rc) return rc;
    out->p[out->n] = VAULT_FORMAT;
    out->n += n + 1;
    out->p[out->n] = 0;
    return RC_OK;
}

static enum rc unseal(const uint8_t key[static CRYPT_KEY_BYTES], struct str aad, struct str sealed,
                      struct buf *out, struct err *err)
{
    if (sealed.n < 1 + CRYPT_SEAL_OVERHEAD || sealed.p[0] != VAULT_FORMAT)
        return err_set(err, RC_CORRUPT, "an encrypted record is cut off, or of an unknown format");
    size_t n = sealed.n - 1 - CRYPT_SEAL_OVERHEAD;
    if (!buf_reserve(out, n)) return buf_check(out, "a decrypted record", err);
    enum rc rc = crypt_open(key, aad, str_sub(sealed, 1, sealed.n), (uint8_t *)out->p + out->n, err);
    if (!rc) out->n += n;
    out->p[out->n] = 0;
    return rc;
}

enum direction { SEAL, UNSEAL };

static enum rc with_key(enum direction direction, const uint8_t key[static CRYPT_KEY_BYTES],
                        enum vault_kind kind, struct str whose, struct str place, struct str in,
                        struct buf *out, struct err *err)
{
    struct buf aad = BUF_INIT(4096);
    enum rc rc = bind(kind, whose, place, &aad, err);
    if (!rc)
        rc = direction == SEAL ? seal(key, buf_str(&aad), in, out, err)
                               : unseal(key, buf_str(&aad), in, out, err);
    buf_release(&aad);
    return rc;
}

static enum rc with_person(struct vault *v, enum direction direction, struct str person, struct str place,
                           struct str in, struct buf *out, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    uint8_t key[CRYPT_KEY_BYTES];
    vault_row_name(v, person, name);
    enum rc rc = vault_key(v, VAULT_PERSON, name, key, err);
    if (!rc) rc = with_key(direction, key, VAULT_PERSON, person, place, in, out, err);
    crypt_wipe(key, sizeof key);
    return rc;
}

enum rc vault_seal(struct vault *v, struct str person, struct str place, struct str plain, struct buf *out,
                   struct err *err)
{
    return with_person(v, SEAL, person, place, plain, out, err);
}

enum rc vault_unseal(struct vault *v, struct str person, struct str place, struct str sealed, struct buf *out,
                     struct err *err)
{
    return with_person(v, UNSEAL, person, place, sealed, out, err);
}

static enum rc with_house(struct vault *v, enum direction direction, const char *name, struct str place,
                          struct str in, struct buf *out, struct err *err)
{
    uint8_t key[CRYPT_KEY_BYTES];
    ASSERT(*name && strlen(name) < MAX_NAME_CHARS && strcmp(name, VAULT_ROOT) != 0);
    enum rc rc =
        direction == SEAL ? vault_house_key(v, name, key, err) : vault_key(v, VAULT_HOUSE, name, key, err);
    if (!rc) rc = with_key(direction, key, VAULT_HOUSE, str_of(name), place, in, out, err);
    crypt_wipe(key, sizeof key);
    return rc;
}

enum rc vault_seal_house(struct vault *v, const char *name, struct str place, struct str plain, struct buf *out,
                         struct err *err)
{
    return with_house(v, SEAL, name, place, plain, out, err);
}

enum rc vault_unseal_house(struct vault *v, const char *name, struct str place, struct str sealed,
                           struct buf *out, struct err *err)
{
    return with_house(v, UNSEAL, name, place, sealed, out, err);
}
