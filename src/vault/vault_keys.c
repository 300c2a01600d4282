/* How keys are made, wrapped, found and kept for a while. vault_internal.h draws the whole. */
#include "vault/vault_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

const struct migration vault_migrations[] = {
    {"vault", 1,
     "CREATE TABLE generation (number INTEGER NOT NULL PRIMARY KEY, provider TEXT NOT NULL, "
     "  reference TEXT NOT NULL, wrapped BLOB NOT NULL, made_ms INTEGER NOT NULL);"
     "CREATE TABLE person_key (person TEXT NOT NULL PRIMARY KEY, generation INTEGER NOT NULL, "
     "  wrapped BLOB NOT NULL, made_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE INDEX person_key_generation ON person_key (generation);"
     "CREATE TABLE house_key (name TEXT NOT NULL PRIMARY KEY, generation INTEGER NOT NULL, "
     "  wrapped BLOB NOT NULL, made_ms INTEGER NOT NULL);"},
    {0}};

/* --------------------------------------------------------------------------------------- wrapping */

static struct str aad_of(enum vault_kind kind, const char *name, char out[static VAULT_AAD_BYTES])
{
    int n = snprintf(out, VAULT_AAD_BYTES, "penderie vault 1/%s/%s", kind == VAULT_PERSON ? "person" : "house",
                     name);
    ASSERT(n > 0 && n < VAULT_AAD_BYTES);
    return (struct str){out, (size_t)n};
}

enum rc vault_wrap(enum vault_kind kind, const char *name, const uint8_t kek[static CRYPT_KEY_BYTES],
                   const uint8_t key[static CRYPT_KEY_BYTES], uint8_t *wrapped, struct err *err)
{
    char aad[VAULT_AAD_BYTES];
    struct str plain = {(const char *)key, CRYPT_KEY_BYTES};
    return crypt_seal(kek, aad_of(kind, name, aad), plain, wrapped, err);
}

enum rc vault_unwrap(enum vault_kind kind, const char *name, const uint8_t kek[static CRYPT_KEY_BYTES],
                     struct str wrapped, uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    char aad[VAULT_AAD_BYTES];
    if (wrapped.n != VAULT_WRAPPED_BYTES)
        return err_set(err, RC_CORRUPT, "the vault is damaged: a wrapped key has a wrong length");
    return crypt_open(kek, aad_of(kind, name, aad), wrapped, key, err);
}

/* ------------------------------------------------------------------------------------ generations */

static void generation_name(int64_t number, char out[static MASTER_AAD_BYTES])
{
    snprintf(out, MASTER_AAD_BYTES, "penderie vault 1/generation/%lld", (long long)number);
}

static bool known_kek(struct vault *v, int64_t number, uint8_t key[static CRYPT_KEY_BYTES])
{
    bool found = false;
    pthread_mutex_lock(&v->lock);
    for (int i = 0; i < VAULT_GENERATIONS && !found; i++) {
        const struct vault_kek *k = &v->secrets->kek[i];
        found = k->number == number;
        if (found) memcpy(key, k->key, CRYPT_KEY_BYTES);
    }
    pthread_mutex_unlock(&v->lock);
    return found;
}

/* In the place of the oldest: numbers never come back, so what is remembered cannot be wrong. */
static void remember_kek(struct vault *v, int64_t number, const uint8_t key[static CRYPT_KEY_BYTES])
{
    pthread_mutex_lock(&v->lock);
    struct vault_kek *k = v->secrets->kek, *oldest = k;
    for (int i = 0; i < VAULT_GENERATIONS; i++) {
        if (k[i].number < oldest->number) oldest = &k[i];
        if (k[i].number == number) {
            oldest = &k[i];
            break;
        }
    }
    oldest->number = number;
    memcpy(oldest->key, key, CRYPT_KEY_BYTES);
    pthread_mutex_unlock(&v->lock);
}

static void copy_text(char *out, size_t cap, struct str s) { snprintf(out, cap, "%.*s", STR_ARG(s)); }

/* The row of a generation. RC_NOT_FOUND. */
enum rc vault_read_generation(struct store_tx *tx, int64_t number, struct master_wrapped *out, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_query(tx, "SELECT provider, reference, wrapped FROM generation WHERE number = ?1",
                             STORE_ARGS(STORE_I(number)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more)
        rc = err_set(err, RC_CORRUPT, "the vault is damaged: generation %lld of its keys is missing",
                     (long long)number);
    if (!rc) {
        struct str wrapped = store_blob(rows, 2);
        copy_text(out->provider, sizeof out->provider, store_text(rows, 0));
        copy_text(out->reference, sizeof out->reference, store_text(rows, 1));
        out->n = wrapped.n < sizeof out->bytes ? wrapped.n : sizeof out->bytes;
        memcpy(out->bytes, wrapped.p, out->n);
    }
    store_rows_close(rows);
    return rc;
}

enum rc vault_generation_key(struct vault *v, struct store_tx *tx, int64_t number,
                             uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    char what[MASTER_AAD_BYTES];
    struct master_wrapped wrapped = {0};
    if (known_kek(v, number, key)) return RC_OK;
    enum rc rc = vault_read_generation(tx, number, &wrapped, err);
    generation_name(number, what);
    if (!rc) rc = master_unwrap(v->master, what, &wrapped, key, err);
    if (!rc) remember_kek(v, number, key);
    return rc;
}

enum rc vault_make_generation(struct vault *v, int64_t number, bool fresh, uint8_t key[static CRYPT_KEY_BYTES],
                              struct vault_new_generation *out, struct err *err)
{
    char what[MASTER_AAD_BYTES];
    out->number = number;
    crypt_random(key, CRYPT_KEY_BYTES);
    generation_name(number, what);
    return master_wrap(v->master, fresh, what, key, &out->wrapped, err);
}

enum rc vault_insert_generation(struct store_tx *tx, const struct vault_new_generation *new, struct err *err)
{
    const struct master_wrapped *w = &new->wrapped;
    const struct store_value args[] = {STORE_I(new->number), STORE_Z(w->provider), STORE_Z(w->reference),
                                       STORE_B(w->bytes, w->n), STORE_I(clock_today_ms())};
    return store_exec(tx,
                      "INSERT INTO generation (number, provider, reference, wrapped, made_ms) "
                      "VALUES (?1, ?2, ?3, ?4, ?5)",
                      args, 5, NULL, err);
}

static enum rc newest(struct store_tx *tx, int64_t *number, struct err *err)
{
    return store_get_i64(tx, "SELECT coalesce(max(number), 0) FROM generation", STORE_NO_ARGS, number, NULL,
                         err);
}

enum rc vault_current(struct vault *v, struct store_tx *tx, int64_t *number,
                      uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    struct vault_new_generation first;
    enum rc rc = newest(tx, number, err);
    if (rc || *number) return rc ? rc : vault_generation_key(v, tx, *number, key, err);
    *number = 1;
    rc = vault_make_generation(v, 1, false, key, &first, err); /* not remembered before it is committed */
    return rc ? rc : vault_insert_generation(tx, &first, err);
}

enum rc vault_be_ready(struct vault *v, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t number = 0;
    uint8_t key[CRYPT_KEY_BYTES];
    enum rc rc = store_begin(v->store, STORE_READ, &tx, err);
    if (!rc) rc = newest(tx, &number, err);
    if (!rc && number) rc = vault_generation_key(v, tx, number, key, err);
    store_rollback(tx);
    crypt_wipe(key, sizeof key);
    return rc;
}

/* -------------------------------------------------------------------------------------- the cache */

static void cache_name(enum vault_kind kind, const char *name, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    snprintf(out, VAULT_PSEUDONYM_CHARS + 1, "%s%s", kind == VAULT_HOUSE ? "#" : "", name);
}

static void wipe_cache(struct vault *v) { crypt_wipe(v->secrets->cached, sizeof v->secrets->cached); }

/* The keys of generations that are no more. */
static enum rc drop_old_keks(struct vault *v, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t oldest = 0;
    enum rc rc = store_begin(v->store, STORE_READ, &tx, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT coalesce(min(number), 0) FROM generation", STORE_NO_ARGS, &oldest, NULL,
                           err);
    store_rollback(tx);
    if (rc) return rc;
    pthread_mutex_lock(&v->lock);
    for (int i = 0; i < VAULT_GENERATIONS; i++)
        if (v->secrets->kek[i].number < oldest) crypt_wipe(&v->secrets->kek[i], sizeof v->secrets->kek[i]);
    pthread_mutex_unlock(&v->lock);
    return RC_OK;
}

enum rc vault_look(struct vault *v, int64_t *version, struct err *err)
{
    enum rc rc = store_version(v->store, version, err);
    if (rc) return rc;
    pthread_mutex_lock(&v->lock);
    /* Threads may come here in another order than they looked: only the newest look counts. */
    bool changed = *version > v->seen;
    if (changed) {
        wipe_cache(v);
        v->seen = *version;
    }
    pthread_mutex_unlock(&v->lock);
    return changed ? drop_old_keks(v, err) : RC_OK;
}

static bool find_cached(struct vault *v, const char *name, uint8_t key[static CRYPT_KEY_BYTES])
{
    bool found = false;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&v->lock);
    for (int i = 0; i < VAULT_CACHED_KEYS && !found; i++) {
        struct vault_cached *c = &v->secrets->cached[i];
        if (c->until_us && c->until_us <= now) crypt_wipe(c, sizeof *c);
        found = c->until_us && strcmp(c->name, name) == 0;
        if (found) memcpy(key, c->key, CRYPT_KEY_BYTES);
    }
    pthread_mutex_unlock(&v->lock);
    return found;
}

/* Only when nothing was changed since `version` was seen, before the key was read: it may be destroyed by
 * now. */
static void remember(struct vault *v, const char *name, const uint8_t key[static CRYPT_KEY_BYTES],
                     int64_t version)
{
    if (v->cache_us <= 0) return;
    pthread_mutex_lock(&v->lock);
    if (version == v->seen) {
        struct vault_cached *c = v->secrets->cached, *into = c;
        for (int i = 0; i < VAULT_CACHED_KEYS; i++) {
            if (c[i].until_us < into->until_us) into = &c[i];
            if (c[i].until_us && strcmp(c[i].name, name) == 0) {
                into = &c[i];
                break;
            }
        }
        snprintf(into->name, sizeof into->name, "%s", name);
        memcpy(into->key, key, CRYPT_KEY_BYTES);
        into->until_us = clock_mono_us() + v->cache_us;
    }
    pthread_mutex_unlock(&v->lock);
}

void vault_drop(struct vault *v, enum vault_kind kind, const char *name)
{
    char cached[VAULT_PSEUDONYM_CHARS + 1];
    cache_name(kind, name, cached);
    pthread_mutex_lock(&v->lock);
    for (int i = 0; i < VAULT_CACHED_KEYS; i++) {
        struct vault_cached *c = &v->secrets->cached[i];
        if (strcmp(c->name, cached) == 0) crypt_wipe(c, sizeof *c);
    }
    pthread_mutex_unlock(&v->lock);
}

/* ------------------------------------------------------------------------------------------- keys */

static enum rc read_key(struct vault *v, struct store_tx *tx, enum vault_kind kind, const char *name,
                        uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    int64_t generation = 0;
    uint8_t kek[CRYPT_KEY_BYTES], wrapped[VAULT_WRAPPED_BYTES];
    size_t n = 0;
    const char *sql = kind == VAULT_PERSON ? "SELECT generation, wrapped FROM person_key WHERE person = ?1"
                                           : "SELECT generation, wrapped FROM house_key WHERE name = ?1";
    enum rc rc = store_query(tx, sql, STORE_ARGS(STORE_Z(name)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more)
        rc = err_set(err, RC_NOT_FOUND, "there is no key for this person: it was never made, or destroyed");
    if (!rc) {
        struct str blob = store_blob(rows, 1);
        generation = store_i64(rows, 0);
        n = blob.n < sizeof wrapped ? blob.n : sizeof wrapped;
        memcpy(wrapped, blob.p, n);
    }
    store_rows_close(rows);
    if (rc) return rc;
    rc = vault_generation_key(v, tx, generation, kek, err);
    if (!rc) rc = vault_unwrap(kind, name, kek, (struct str){(const char *)wrapped, n}, key, err);
    crypt_wipe(kek, sizeof kek);
    return rc;
}

enum rc vault_key(struct vault *v, enum vault_kind kind, const char *name, uint8_t key[static CRYPT_KEY_BYTES],
                  struct err *err)
{
    char cached[VAULT_PSEUDONYM_CHARS + 1];
    int64_t version;
    struct store_tx *tx = NULL;
    enum rc rc = vault_look(v, &version, err);
    if (rc) return rc;
    cache_name(kind, name, cached);
    if (find_cached(v, cached, key)) return RC_OK;
    /* A rotation that ends in between takes the old generation's master key away from under the transaction:
     * again, then. */
    for (int tries = 0; tries < 2; tries++) {
        int64_t before = version;
        rc = store_begin(v->store, STORE_READ, &tx, err);
        if (!rc) rc = read_key(v, tx, kind, name, key, err);
        store_rollback(tx);
        if (!rc) {
            remember(v, cached, key, version);
            return RC_OK;
        }
        if (rc == RC_NOT_FOUND || vault_look(v, &version, NULL) || version == before) break;
    }
    return rc;
}

static enum rc make_house_key(struct vault *v, const char *name, uint8_t key[static CRYPT_KEY_BYTES],
                              struct err *err)
{
    int64_t number;
    uint8_t kek[CRYPT_KEY_BYTES], wrapped[VAULT_WRAPPED_BYTES];
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(v->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = read_key(v, tx, VAULT_HOUSE, name, key, err); /* another may have been quicker */
    if (rc != RC_NOT_FOUND) {
        store_rollback(tx);
        return rc;
    }
    crypt_random(key, CRYPT_KEY_BYTES);
    rc = vault_current(v, tx, &number, kek, err);
    if (!rc) rc = vault_wrap(VAULT_HOUSE, name, kek, key, wrapped, err);
    const struct store_value args[] = {STORE_Z(name), STORE_I(number), STORE_B(wrapped, sizeof wrapped),
                                       STORE_I(clock_today_ms())};
    if (!rc)
        rc =
            store_exec(tx, "INSERT INTO house_key (name, generation, wrapped, made_ms) VALUES (?1, ?2, ?3, ?4)",
                       args, 4, NULL, err);
    crypt_wipe(kek, sizeof kek);
    return store_end(tx, rc, err);
}

enum rc vault_house_key(struct vault *v, const char *name, uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    enum rc rc = vault_key(v, VAULT_HOUSE, name, key, err);
    return rc == RC_NOT_FOUND ? make_house_key(v, name, key, err) : rc;
}
