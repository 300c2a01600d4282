/*
 * What the sockets' threads need to say who asks: signing keys, ended sessions, API keys, who at which issuer is whom.
 * All of it is in the store, for all processes; each looks once a second whether a count in ident_change has risen,
 * and the one that changes something looks at once. So a revocation bites within a second, and two at worst.
 *
 * Threading: readers take ident.lock for reading, for microseconds; a refresh builds beside and swaps under the lock.
 */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A new key signs only once every process knows it. */
enum { SETTLE_MS = 5000, MOST_ROWS = 10000000 };
enum change { CHANGE_REVOKED, CHANGE_KEYS, CHANGE_SUBJECTS, CHANGE_SIGNING, CHANGES };
static const char *const change_names[CHANGES] = {"revoked", "keys", "subjects", "signing"};

/* ---- rows into a growing array ---- */

struct rows {
    void *v;
    size_t n, cap, size;
};

static void *more(struct rows *r)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        void *v = cap > MOST_ROWS ? NULL : realloc(r->v, cap * r->size);
        if (!v) return NULL;
        r->v = v;
        r->cap = cap;
    }
    return memset((char *)r->v + r->size * r->n++, 0, r->size);
}

typedef enum rc (*take_fn)(struct store_rows *row, void *item, struct err *err);

static enum rc read_all(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n_args,
                        take_fn take, struct rows *out, struct err *err)
{
    struct store_rows *rows = NULL;
    bool there = false;
    enum rc rc = store_query(tx, sql, args, n_args, &rows, err);
    while (!rc && !(rc = store_next(rows, &there, err)) && there) {
        void *item = more(out);
        rc = item ? take(rows, item, err) : err_set(err, RC_NOMEM, "out of memory");
    }
    store_rows_close(rows);
    return rc;
}

static void take_text(const struct store_rows *row, int column, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s", STR_ARG(store_text(row, column)));
}

static enum rc take_revoked(struct store_rows *row, void *item, struct err *err)
{
    struct revoked *r = item;
    (void)err;
    take_text(row, 0, r->session, sizeof r->session);
    r->least_epoch = store_i64(row, 1);
    return RC_OK;
}

static enum rc take_subject(struct store_rows *row, void *item, struct err *err)
{
    struct subject *s = item;
    (void)err;
    take_text(row, 0, s->mac, sizeof s->mac);
    take_text(row, 1, s->account, sizeof s->account);
    s->shopper = ((unsigned)store_i64(row, 2) & HTTP_SHOPPER) != 0;
    return RC_OK;
}

static enum rc take_key(struct store_rows *row, void *item, struct err *err)
{
    struct api_key *k = item;
    struct str hash = store_blob(row, 1), operations = store_text(row, 3);
    if (hash.n != sizeof k->hash) return err_set(err, RC_CORRUPT, "an API key's hash has another length");
    take_text(row, 0, k->id, sizeof k->id);
    memcpy(k->hash, hash.p, hash.n);
    k->roles = (unsigned)store_i64(row, 2);
    k->operations = strndup(operations.p ? operations.p : "", operations.n);
    k->ends_ms = store_i64(row, 4);
    k->used_ms = store_i64(row, 5);
    return k->operations ? RC_OK : err_set(err, RC_NOMEM, "out of memory");
}

static void free_keys(struct api_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(keys[i].operations);
    free(keys);
}

static int by_session(const void *a, const void *b)
{
    return strcmp(((const struct revoked *)a)->session, ((const struct revoked *)b)->session);
}
static int by_mac(const void *a, const void *b)
{
    return strcmp(((const struct subject *)a)->mac, ((const struct subject *)b)->mac);
}
static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct api_key *)a)->hash, ((const struct api_key *)b)->hash, CRYPT_SHA256_BYTES);
}

/* ---- taking over what changed ---- */

static void swap_arrays(struct ident *t, void **mine, size_t *n, struct rows *fresh)
{
    void *old = *mine;
    pthread_rwlock_wrlock(&t->lock);
    *mine = fresh->v;
    *n = fresh->n;
    pthread_rwlock_unlock(&t->lock);
    fresh->v = old;
}

static enum rc load_revoked(struct ident *t, struct store_tx *tx, struct err *err)
{
    struct rows r = {.size = sizeof(struct revoked)};
    enum rc rc = read_all(tx, "SELECT session, least_epoch FROM ident_revoked WHERE until_ms > ?1",
                          STORE_ARGS(STORE_I(clock_now_ms())), take_revoked, &r, err);
    if (!rc && r.n) qsort(r.v, r.n, r.size, by_session);
    if (!rc) swap_arrays(t, (void **)&t->revoked, &t->n_revoked, &r);
    free(r.v);
    return rc;
}

static enum rc load_subjects(struct ident *t, struct store_tx *tx, struct err *err)
{
    struct rows r = {.size = sizeof(struct subject)};
    enum rc rc = read_all(tx,
                          "SELECT s.mac, s.account, a.roles FROM ident_subject s JOIN ident_account a"
                          " ON a.id = s.account",
                          STORE_NO_ARGS, take_subject, &r, err);
    if (!rc && r.n) qsort(r.v, r.n, r.size, by_mac);
    if (!rc) swap_arrays(t, (void **)&t->subjects, &t->n_subjects, &r);
    free(r.v);
    return rc;
}

static enum rc load_keys(struct ident *t, struct store_tx *tx, struct err *err)
{
    struct rows r = {.size = sizeof(struct api_key)};
    size_t n_old = t->n_keys; /* only this thread changes it: refresh_lock is held */
    enum rc rc = read_all(tx, "SELECT id, hash, roles, operations, ends_ms, used_ms FROM ident_api_key",
                          STORE_NO_ARGS, take_key, &r, err);
    if (!rc && r.n) qsort(r.v, r.n, r.size, by_hash);
    if (rc) {
        free_keys(r.v, r.n);
        return rc;
    }
    swap_arrays(t, (void **)&t->keys, &t->n_keys, &r);
    free_keys(r.v, n_old);
    return RC_OK;
}

static enum rc load_signing(struct ident *t, struct store_tx *tx, struct err *err)
{
    struct store_rows *rows = NULL;
    struct buf plain = BUF_INIT(256);
    bool there = false;
    size_t n = 0;
    struct signing_key *fresh = crypt_secret_alloc(IDENT_MAX_SIGNING * sizeof *fresh);
    if (!fresh) return err_set(err, RC_NOMEM, "out of memory");
    enum rc rc =
        store_query(tx, "SELECT id, sealed, made_ms FROM ident_signing ORDER BY made_ms DESC, id LIMIT 16",
                    STORE_NO_ARGS, &rows, err);
    while (!rc && n < IDENT_MAX_SIGNING && !(rc = store_next(rows, &there, err)) && there) {
        struct signing_key *k = &fresh[n];
        take_text(rows, 0, k->id, sizeof k->id);
        k->made_ms = store_i64(rows, 2);
        buf_reset(&plain);
        rc = vault_unseal_house(t->app->vault, "ident", str_of(k->id), store_blob(rows, 1), &plain, err);
        if (!rc && plain.n != sizeof k->key) rc = err_set(err, RC_CORRUPT, "a signing key has another length");
        if (!rc) memcpy(k->key, plain.p, sizeof k->key);
        if (!rc) n++;
        if (plain.n) crypt_wipe(plain.p, plain.n);
    }
    store_rows_close(rows);
    buf_release(&plain);
    if (!rc) {
        pthread_rwlock_wrlock(&t->lock);
        struct signing_key *old = t->signing;
        t->signing = fresh;
        t->n_signing = n;
        pthread_rwlock_unlock(&t->lock);
        fresh = old;
    }
    crypt_secret_free(fresh);
    return rc;
}

static enum rc read_changes(struct store_tx *tx, int64_t now[static CHANGES], struct err *err)
{
    for (int i = 0; i < CHANGES; i++) {
        bool found = false;
        now[i] = 0;
        enum rc rc = store_get_i64(tx, "SELECT n FROM ident_change WHERE what = ?1",
                                   STORE_ARGS(STORE_Z(change_names[i])), &now[i], &found, err);
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc flush_keys(struct ident *t, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < t->n_keys; i++) { /* only under refresh_lock does the array change */
        struct api_key *k = &t->keys[i];
        int64_t used = atomic_load(&k->use_ms);
        if (used <= k->used_ms) continue;
        if (!tx) rc = store_begin(t->app->identity, STORE_WRITE, &tx, err);
        if (!rc)
            rc = store_exec(tx, "UPDATE ident_api_key SET used_ms = ?2 WHERE id = ?1 AND used_ms < ?2",
                            STORE_ARGS(STORE_Z(k->id), STORE_I(used)), NULL, err);
        k->used_ms = used;
    }
    return tx ? store_end(tx, rc, err) : rc;
}

enum rc memory_flush(struct ident *t, struct err *err)
{
    pthread_mutex_lock(&t->refresh_lock);
    enum rc rc = flush_keys(t, err);
    pthread_mutex_unlock(&t->refresh_lock);
    return rc;
}

static enum rc refresh(struct ident *t, struct err *err)
{
    static enum rc (*const loads[CHANGES])(struct ident *, struct store_tx *, struct err *) = {
        load_revoked, load_keys, load_subjects, load_signing};
    struct store_tx *tx;
    int64_t version, now[CHANGES];
    enum rc rc = store_version(t->app->identity, &version, err);
    if (rc || version == t->version) return rc;
    rc = flush_keys(t, err);
    if (!rc) rc = store_begin(t->app->identity, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = read_changes(tx, now, err);
    for (int i = 0; !rc && i < CHANGES; i++) {
        if (t->changes[i] == now[i]) continue;
        rc = loads[i](t, tx, err);
        if (!rc) t->changes[i] = now[i];
    }
    store_rollback(tx);
    if (!rc) t->version = version;
    return rc;
}

enum rc memory_refresh(struct ident *t, struct err *err)
{
    pthread_mutex_lock(&t->refresh_lock);
    enum rc rc = refresh(t, err);
    pthread_mutex_unlock(&t->refresh_lock);
    return rc;
}

/* ---- signing keys ---- */

static enum rc add_signing(struct ident *t, int64_t now, struct err *err)
{
    uint8_t key[CRYPT_KEY_BYTES];
    char id[IDENT_ID_CHARS + 1];
    struct buf sealed = BUF_INIT(1024);
    struct store_tx *tx;
    int64_t keep = now - config_duration_ms(t->app->config, "ident_signing_age") - 2 * CLOCK_HOUR_MS;
    ident_new_id(id);
    crypt_random(key, sizeof key);
    enum rc rc = vault_seal_house(t->app->vault, "ident", str_of(id),
                                  (struct str){(const char *)key, sizeof key}, &sealed, err);
    crypt_wipe(key, sizeof key);
    if (!rc) rc = store_begin(t->app->identity, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = store_exec(tx, "INSERT INTO ident_signing (id, sealed, made_ms) VALUES (?1, ?2, ?3)",
                        STORE_ARGS(STORE_Z(id), STORE_B(sealed.p, sealed.n), STORE_I(now)), NULL, err);
        /* What is older has no token left that could be good. */
        if (!rc)
            rc = store_exec(tx, "DELETE FROM ident_signing WHERE made_ms < ?1", STORE_ARGS(STORE_I(keep)), NULL,
                            err);
        if (!rc) rc = ident_changed(tx, "signing", err);
        rc = store_end(tx, rc, err);
    }
    buf_release(&sealed);
    return rc ? rc : memory_refresh(t, err);
}

enum rc memory_rotate(struct ident *t, struct err *err)
{
    int64_t now = clock_now_ms(), newest = 0;
    pthread_rwlock_rdlock(&t->lock);
    if (t->n_signing) newest = t->signing[0].made_ms;
    pthread_rwlock_unlock(&t->lock);
    if (newest && newest <= now && now - newest < config_duration_ms(t->app->config, "ident_signing_age"))
        return RC_OK;
    return add_signing(t, now, err);
}

bool memory_signing(struct ident *t, struct signing_key *out)
{
    int64_t now = clock_now_ms();
    pthread_rwlock_rdlock(&t->lock);
    bool any = t->n_signing > 0;
    size_t i = 0;
    while (i + 1 < t->n_signing && now - t->signing[i].made_ms < SETTLE_MS)
        i++;
    if (any) *out = t->signing[i];
    pthread_rwlock_unlock(&t->lock);
    return any;
}

static bool signing_named(struct ident *t, struct str kid, struct signing_key *out)
{
    bool found = false;
    pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->n_signing && !found; i++)
        if (str_eqz(kid, t->signing[i].id)) {
            *out = t->signing[i];
            found = true;
        }
    pthread_rwlock_unlock(&t->lock);
    return found;
}

bool memory_is_revoked(struct ident *t, struct str session, int64_t epoch)
{
    struct revoked key = {.least_epoch = 0};
    snprintf(key.session, sizeof key.session, "%.*s", STR_ARG(session));
    pthread_rwlock_rdlock(&t->lock);
    const struct revoked *r =
        t->n_revoked ? bsearch(&key, t->revoked, t->n_revoked, sizeof *t->revoked, by_session) : NULL;
    bool refused = r && epoch < r->least_epoch;
    pthread_rwlock_unlock(&t->lock);
    return refused;
}

/* ---- our own access tokens ---- */

enum rc token_issue(struct ident *t, const struct ident_claims *c, int64_t lifetime_s,
                    char out[static IDENT_ACCESS_TEXT], struct err *err)
{
    struct signing_key key;
    struct buf payload = BUF_INIT(IDENT_ACCESS_TEXT), token = BUF_INIT(IDENT_ACCESS_TEXT - 1);
    struct jout o = JOUT_INIT(&payload);
    int64_t now_s = clock_now_ms() / 1000;
    if (!t || !memory_signing(t, &key)) return err_set(err, RC_INTERNAL, "there is no key to sign with");
    jout_object(&o);
    jout_kz(&o, "iss", "penderie");
    jout_kz(&o, "sub", c->account);
    jout_kz(&o, "sid", c->session);
    jout_ki64(&o, "epoch", c->epoch);
    jout_ki64(&o, "iat", now_s);
    jout_ki64(&o, "exp", now_s + lifetime_s);
    jout_key(&o, "roles");
    ident_write_roles(&o, c->roles);
    jout_end(&o);
    enum rc rc = buf_check(&payload, "a token", err);
    if (!rc) jwt_sign(key.key, key.id, buf_str(&payload), &token);
    crypt_wipe(&key, sizeof key);
    if (!rc) rc = buf_check(&token, "a token", err);
    if (!rc) snprintf(out, IDENT_ACCESS_TEXT, "%s", token.p);
    buf_release(&payload);
    buf_release(&token);
    return rc;
}

static bool take_id(struct str s, char out[static IDENT_ID_CHARS + 1])
{
    if (s.n != IDENT_ID_CHARS) return false;
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return true;
}

enum rc token_check(struct ident *t, const struct jwt *jwt, struct ident_claims *out, struct err *err)
{
    struct signing_key key;
    uint8_t mac[CRYPT_MAC_BYTES];
    *out = (struct ident_claims){.roles = HTTP_ANONYMOUS};
    if (!str_eqz(jwt->alg, "HS256") || !signing_named(t, jwt->kid, &key))
        return err_set(err, RC_UNAUTHENTICATED, "this token is not valid: it is not ours");
    crypt_mac(key.key, jwt->signed_part, mac);
    crypt_wipe(&key, sizeof key);
    if (jwt->signature_n != sizeof mac || !crypt_equal(mac, jwt->signature, sizeof mac))
        return err_set(err, RC_UNAUTHENTICATED, "this token is not valid: its signature is wrong");
    const struct jval *p = jwt->payload;
    enum rc rc = jwt_check_times(p, clock_now_ms(), 0, err);
    if (rc) return rc;
    if (!str_eqz(jval_str(jval_get(p, "iss")), "penderie") ||
        !take_id(jval_str(jval_get(p, "sub")), out->account) ||
        !take_id(jval_str(jval_get(p, "sid")), out->session) || !jval_i64(jval_get(p, "epoch"), &out->epoch) ||
        ident_read_roles(jval_get(p, "roles"), IDENT_ROLES, &out->roles, NULL))
        return err_set(err, RC_UNAUTHENTICATED, "this token is not valid: it is not ours");
    out->roles |= HTTP_ANONYMOUS;
    if (memory_is_revoked(t, str_of(out->session), out->epoch))
        return err_set(err, RC_UNAUTHENTICATED, "this token is not valid: its session has ended");
    return RC_OK;
}

/* ---- life ---- */

enum rc memory_create(struct app *app, struct ident **out, struct err *err)
{
    struct ident *t = calloc(1, sizeof *t);
    pthread_rwlockattr_t writers_first;
    pthread_condattr_t monotonic;
    *out = NULL;
    if (!t) return err_set(err, RC_NOMEM, "out of memory");
    t->app = app;
    t->version = -1;
    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->lock, &writers_first);
    pthread_rwlockattr_destroy(&writers_first);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->refresh_lock, NULL);
    pthread_mutex_init(&t->wake_lock, NULL);
    pthread_cond_init(&t->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum rc rc = memory_refresh(t, err);
    if (!rc) rc = memory_rotate(t, err);
    if (rc) {
        memory_destroy(t);
        return rc;
    }
    *out = t;
    return RC_OK;
}

void memory_destroy(struct ident *t)
{
    if (!t) return;
    issuers_destroy(t);
    while (t->mails) {
        struct mail *m = t->mails;
        t->mails = m->next;
        crypt_wipe(m, sizeof *m);
        free(m);
    }
    crypt_secret_free(t->signing);
    free(t->revoked);
    free_keys(t->keys, t->n_keys);
    free(t->subjects);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->wake_lock);
    pthread_mutex_destroy(&t->refresh_lock);
    pthread_rwlock_destroy(&t->lock);
    free(t);
}
