#include "http/limit.h"

#include "base/clock.h"
#include "crypt/crypt.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Fixed memory, whatever comes: a set of WAYS entries for each hash; a full set gives up its least used entry, whose
 * client then starts afresh. With 65,536 entries that takes an attacker with that many addresses. */
enum { KEY_BYTES = 16, STRIPES = 64, SETS = 8192, WAYS = 8, BATCH = 512 };

struct entry {
    uint8_t key[KEY_BYTES];
    int64_t window;             /* its number since 1970; 0: free */
    int64_t shared, unreported; /* used, as the store knows it; counted here since */
    int64_t block;
};

struct limiter {
    struct store *ops;
    atomic_bool due;
    pthread_mutex_t locks[STRIPES];
    struct entry (*sets)[WAYS];
    int64_t cleaned_window;
};

struct report {
    uint8_t key[KEY_BYTES];
    int64_t window, n, used;
    size_t set;
};

enum rc limiter_create(struct store *ops, struct limiter **out, struct err *err)
{
    struct limiter *l = calloc(1, sizeof *l);
    *out = NULL;
    if (l) l->sets = calloc(SETS, sizeof *l->sets);
    if (!l || !l->sets) {
        free(l);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    l->ops = ops;
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&l->locks[i], NULL);
    *out = l;
    return RC_OK;
}

static void key_of(const char *policy, struct str key, uint8_t out[static KEY_BYTES])
{
    struct crypt_sha256 h;
    uint8_t hash[CRYPT_SHA256_BYTES];
    crypt_sha256_init(&h);
    crypt_sha256_add(&h, policy, strlen(policy) + 1);
    crypt_sha256_add(&h, key.p, key.n);
    crypt_sha256_end(&h, hash);
    memcpy(out, hash, KEY_BYTES);
}

static size_t set_of(const uint8_t key[static KEY_BYTES])
{
    size_t n;
    memcpy(&n, key, sizeof n);
    return n % SETS;
}

static struct entry *find(struct entry *set, const uint8_t key[static KEY_BYTES], int64_t window)
{
    for (int i = 0; i < WAYS; i++)
        if (set[i].window == window && memcmp(set[i].key, key, KEY_BYTES) == 0) return &set[i];
    return NULL;
}

static struct entry *claim(struct entry *set, const uint8_t key[static KEY_BYTES], int64_t window)
{
    struct entry *best = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].window != window) {
            best = &set[i];
            break;
        }
        if (set[i].shared + set[i].unreported < best->shared + best->unreported) best = &set[i];
    }
    *best = (struct entry){.window = window};
    memcpy(best->key, key, KEY_BYTES);
    return best;
}

bool limiter_take(struct limiter *l, const char *policy, struct str key, int64_t quota,
                  struct limit_state *state)
{
    uint8_t id[KEY_BYTES];
    int64_t now_s = clock_now_ms() / 1000, window = now_s / LIMIT_WINDOW_S;
    key_of(policy, key, id);
    size_t set = set_of(id);
    pthread_mutex_lock(&l->locks[set % STRIPES]);
    struct entry *e = find(l->sets[set], id, window);
    if (!e) e = claim(l->sets[set], id, window);
    e->block = quota / LIMIT_BLOCKS + 1;
    int64_t used = e->shared + e->unreported;
    bool fine = used < quota;
    if (fine) {
        used++;
        if (++e->unreported >= e->block && l->ops) atomic_store(&l->due, true);
    }
    pthread_mutex_unlock(&l->locks[set % STRIPES]);
    *state = (struct limit_state){quota > used ? quota - used : 0, (window + 1) * LIMIT_WINDOW_S - now_s};
    return fine;
}

/* Takes up to BATCH counts out of the table. `all`: also those of less than a block. */
static size_t collect(struct limiter *l, bool all, struct report *reports, size_t *from)
{
    size_t n = 0;
    for (; *from < SETS && n + WAYS <= BATCH; (*from)++) {
        pthread_mutex_lock(&l->locks[*from % STRIPES]);
        for (int i = 0; i < WAYS; i++) {
            struct entry *e = &l->sets[*from][i];
            if (!e->window || !e->unreported || (!all && e->unreported < e->block)) continue;
            reports[n] = (struct report){.window = e->window, .n = e->unreported, .set = *from};
            memcpy(reports[n++].key, e->key, KEY_BYTES);
        }
        pthread_mutex_unlock(&l->locks[*from % STRIPES]);
    }
    return n;
}

static enum rc report_one(struct store_tx *tx, struct report *r, struct err *err)
{
    struct store_value args[] = {STORE_B((const char *)r->key, KEY_BYTES), STORE_I(r->window), STORE_I(r->n)};
    return store_get_i64(tx,
                         "INSERT INTO http_limit (key, minute, used) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (key, minute) DO UPDATE SET used = http_limit.used + excluded.used"
                         " RETURNING used",
                         args, 3, &r->used, NULL, err);
}

static enum rc report(struct limiter *l, struct report *reports, size_t n, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(l->ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    for (size_t i = 0; !rc && i < n; i++)
        rc = report_one(tx, &reports[i], err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    for (size_t i = 0; !rc && i < n; i++) {
        pthread_mutex_lock(&l->locks[reports[i].set % STRIPES]);
        struct entry *e = find(l->sets[reports[i].set], reports[i].key, reports[i].window);
        if (e) {
            e->shared = reports[i].used;
            e->unreported -= reports[i].n;
        }
        pthread_mutex_unlock(&l->locks[reports[i].set % STRIPES]);
    }
    return rc;
}

static enum rc report_all(struct limiter *l, bool all, struct err *err)
{
    struct report *reports = malloc(BATCH * sizeof *reports);
    if (!reports) return err_set(err, RC_NOMEM, "out of memory");
    enum rc rc = RC_OK;
    for (size_t from = 0; !rc && from < SETS;) {
        size_t n = collect(l, all, reports, &from);
        if (n) rc = report(l, reports, n, err);
    }
    free(reports);
    return rc;
}

/* Minutes that are over count for nothing; once a minute they are dropped. */
static enum rc clean(struct limiter *l, struct err *err)
{
    int64_t window = clock_now_ms() / 1000 / LIMIT_WINDOW_S;
    if (window == l->cleaned_window) return RC_OK;
    l->cleaned_window = window;
    struct store_tx *tx;
    int64_t old;
    enum rc rc = store_begin(l->ops, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_get_i64(tx, "SELECT count(*) FROM http_limit WHERE minute < ?1", &STORE_I(window - 1), 1, &old,
                       NULL, err);
    store_rollback(tx);
    if (rc || !old) return rc;
    rc = store_begin(l->ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "DELETE FROM http_limit WHERE minute < ?1", &STORE_I(window - 1), 1, NULL, err);
    return store_end(tx, rc, err);
}

enum rc limiter_tick(struct limiter *l, struct err *err)
{
    if (!l->ops) return RC_OK;
    enum rc rc = atomic_exchange(&l->due, false) ? report_all(l, false, err) : RC_OK;
    return rc ? rc : clean(l, err);
}

void limiter_destroy(struct limiter *l)
{
    if (!l) return;
    if (l->ops && report_all(l, true, NULL)) { /* counts of a minute: not worth more than the try */
    }
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&l->locks[i]);
    free(l->sets);
    free(l);
}
