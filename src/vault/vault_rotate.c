/*
 * Rotation: a new generation, every key wrapped by it, the old generation dropped, and with it the
 * old master key.
 *
 *   1. the provider gets a fresh key, the new generation's row is committed: new keys are wrapped by it now
 *   2. the others follow, BATCH rows a transaction; servers go on, and find each key under either generation
 *   3. when none is left: the provider keeps the newest key alone, the old rows go, and their traces too
 *
 * Killed anywhere, the next call goes on: two generations in the table say that a rotation is under way. Killed
 * before 1 is committed, the provider holds a key that nothing was wrapped by; the next rotation drops it
 * first.
 */
#include "vault/vault_internal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { BATCH = 256 };

struct rotation {
    struct vault *v;
    int64_t number; /* of the new generation */
    int64_t done, total;
    vault_progress progress;
    void *ctx;
};

/* One rotation at a time on this machine; the lock ends with the process, however that ends. */
static enum rc lock_rotation(const struct vault *v, int *fd, struct err *err)
{
    char path[VAULT_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/rotation.lock", v->dir);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) return err_errno(err, "cannot open %s", path);
    if (!flock(*fd, LOCK_EX | LOCK_NB)) return RC_OK;
    enum rc rc = errno == EWOULDBLOCK
                     ? err_set(err, RC_BUSY, "another rotation is under way; it goes on by itself")
                     : err_errno(err, "cannot lock %s", path);
    close(*fd);
    *fd = -1;
    return rc;
}

struct generations {
    int64_t newest, n;
};

static enum rc read_generations(struct store_tx *tx, struct generations *out, struct err *err)
{
    enum rc rc = store_get_i64(tx, "SELECT count(*) FROM generation", STORE_NO_ARGS, &out->n, NULL, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT coalesce(max(number), 0) FROM generation", STORE_NO_ARGS, &out->newest,
                           NULL, err);
    return rc;
}

static enum rc look_at_generations(struct vault *v, struct generations *g, struct master_wrapped *newest,
                                   struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(v->store, STORE_READ, &tx, err);
    if (!rc) rc = read_generations(tx, g, err);
    if (!rc) rc = vault_read_generation(tx, g->newest, newest, err);
    store_rollback(tx);
    return rc;
}

/* Step 1, unless an earlier call has done it. The provider is asked outside of any transaction: it may be far
 * away. */
static enum rc begin(struct rotation *r, struct err *err)
{
    struct vault *v = r->v;
    struct generations g;
    struct vault_new_generation new;
    struct master_wrapped newest;
    struct store_tx *tx = NULL;
    uint8_t key[CRYPT_KEY_BYTES];
    enum rc rc = look_at_generations(v, &g, &newest, err);
    r->number = g.newest;
    if (rc || g.n > 1) return rc;
    rc = master_keep_only(v->master, &newest, err);
    r->number = g.newest + 1;
    if (!rc) rc = vault_make_generation(v, r->number, true, key, &new, err);
    crypt_wipe(key, sizeof key);
    if (!rc) rc = store_begin(v->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = vault_insert_generation(tx, &new, err);
    return store_end(tx, rc, err);
}

struct row {
    char name[VAULT_PSEUDONYM_CHARS + 1];
    int64_t generation;
    uint8_t wrapped[VAULT_WRAPPED_BYTES];
};

static enum rc read_batch(struct rotation *r, struct store_tx *tx, enum vault_kind kind, struct row *batch,
                          size_t *n, struct err *err)
{
    const char *sql = kind == VAULT_PERSON
                          ? "SELECT person, generation, wrapped FROM person_key WHERE generation < ?1 LIMIT ?2"
                          : "SELECT name, generation, wrapped FROM house_key WHERE generation < ?1 LIMIT ?2";
    struct store_rows *rows = NULL;
    bool more = false;
    *n = 0;
    enum rc rc = store_query(tx, sql, STORE_ARGS(STORE_I(r->number), STORE_I(BATCH)), &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct row *row = &batch[(*n)++];
        struct str wrapped = store_blob(rows, 2);
        snprintf(row->name, sizeof row->name, "%.*s", STR_ARG(store_text(rows, 0)));
        row->generation = store_i64(rows, 1);
        if (wrapped.n == sizeof row->wrapped)
            memcpy(row->wrapped, wrapped.p, sizeof row->wrapped);
        else
            rc = err_set(err, RC_CORRUPT, "the vault is damaged: a wrapped key has a wrong length");
    }
    store_rows_close(rows);
    return rc;
}

static enum rc wrap_again(struct rotation *r, struct store_tx *tx, enum vault_kind kind, const struct row *row,
                          const uint8_t new_kek[static CRYPT_KEY_BYTES], struct err *err)
{
    const char *sql = kind == VAULT_PERSON
                          ? "UPDATE person_key SET generation = ?1, wrapped = ?2 WHERE person = ?3"
                          : "UPDATE house_key SET generation = ?1, wrapped = ?2 WHERE name = ?3";
    uint8_t kek[CRYPT_KEY_BYTES], key[CRYPT_KEY_BYTES], wrapped[VAULT_WRAPPED_BYTES];
    struct str old = {(const char *)row->wrapped, sizeof row->wrapped};
    enum rc rc = vault_generation_key(r->v, tx, row->generation, kek, err);
    if (!rc) rc = vault_unwrap(kind, row->name, kek, old, key, err);
    if (!rc) rc = vault_wrap(kind, row->name, new_kek, key, wrapped, err);
    crypt_wipe(kek, sizeof kek);
    crypt_wipe(key, sizeof key);
    if (rc) return rc;
    const struct store_value args[] = {STORE_I(r->number), STORE_B(wrapped, sizeof wrapped),
                                       STORE_Z(row->name)};
    return store_exec(tx, sql, args, 3, NULL, err);
}

/* Step 2: one transaction; *n is 0 when nothing was left. */
static enum rc follow(struct rotation *r, enum vault_kind kind, struct row *batch, size_t *n, struct err *err)
{
    uint8_t kek[CRYPT_KEY_BYTES];
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(r->v->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = read_batch(r, tx, kind, batch, n, err);
    if (!rc && *n) rc = vault_generation_key(r->v, tx, r->number, kek, err);
    for (size_t i = 0; !rc && i < *n; i++)
        rc = wrap_again(r, tx, kind, &batch[i], kek, err);
    crypt_wipe(kek, sizeof kek);
    if (!rc && *n) return store_commit(tx, err);
    store_rollback(tx);
    return rc;
}

static enum rc count_left(struct rotation *r, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(r->v->store, STORE_READ, &tx, err);
    if (!rc)
        rc = store_get_i64(tx,
                           "SELECT (SELECT count(*) FROM person_key WHERE generation < ?1) + "
                           "(SELECT count(*) FROM house_key WHERE generation < ?1)",
                           STORE_ARGS(STORE_I(r->number)), &r->total, NULL, err);
    store_rollback(tx);
    return rc;
}

static enum rc follow_all(struct rotation *r, struct err *err)
{
    struct row batch[BATCH];
    enum rc rc = count_left(r, err);
    if (!rc) rc = vault_be_ready(r->v, err);
    for (int kind = VAULT_PERSON; !rc && kind <= VAULT_HOUSE; kind++) {
        size_t n = 1;
        while (!rc && n) {
            if (r->progress) r->progress(r->ctx, r->done, r->total);
            rc = follow(r, (enum vault_kind)kind, batch, &n, err);
            if (!rc) r->done += (int64_t)n;
        }
    }
    if (!rc && r->progress) r->progress(r->ctx, r->done, r->total);
    return rc;
}

/* Step 3. The master key's file first: while the old rows stand, the next call comes here again. */
static enum rc finish(struct rotation *r, struct err *err)
{
    struct vault *v = r->v;
    struct generations g;
    struct master_wrapped newest;
    struct store_tx *tx = NULL;
    enum rc rc = look_at_generations(v, &g, &newest, err);
    if (!rc) rc = master_keep_only(v->master, &newest, err);
    if (!rc) rc = store_begin(v->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx,
                    "DELETE FROM generation WHERE number < ?1 AND number NOT IN "
                    "(SELECT generation FROM person_key UNION SELECT generation FROM house_key)",
                    STORE_ARGS(STORE_I(r->number)), NULL, err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    return rc ? rc : store_forget(v->store, err);
}

enum rc vault_rotate(struct vault *v, vault_progress progress, void *ctx, struct err *err)
{
    struct rotation r = {.v = v, .progress = progress, .ctx = ctx};
    int fd = -1;
    enum rc rc = lock_rotation(v, &fd, err);
    if (rc) return rc;
    rc = begin(&r, err);
    if (!rc) rc = follow_all(&r, err);
    if (!rc) rc = finish(&r, err);
    close(fd);
    if (!rc) log_info("vault", "%lld keys are wrapped by a new master key", (long long)r.done);
    return rc ? err_prefix(err, "rotation: ") : RC_OK;
}

/* ----------------------------------------------------------------------------------------- status */

static enum rc number(struct store_tx *tx, const char *sql, int64_t *out, struct err *err)
{
    return store_get_i64(tx, sql, STORE_NO_ARGS, out, NULL, err);
}

static enum rc read_status(struct store_tx *tx, struct vault_status *s, struct err *err)
{
    struct generations g = {0};
    struct master_wrapped newest = {0};
    enum rc rc = read_generations(tx, &g, err);
    if (!rc) rc = vault_read_generation(tx, g.newest, &newest, err);
    s->generation = g.newest;
    s->rotating = g.n > 1;
    snprintf(s->provider, sizeof s->provider, "%s", newest.provider);
    snprintf(s->reference, sizeof s->reference, "%s", newest.reference);
    if (!rc) rc = number(tx, "SELECT count(*) FROM person_key", &s->persons, err);
    if (!rc) rc = number(tx, "SELECT count(*) FROM house_key", &s->house, err);
    if (!rc) rc = number(tx, "SELECT coalesce(min(made_ms), 0) FROM person_key", &s->oldest_person_ms, err);
    if (!rc) rc = number(tx, "SELECT coalesce(max(made_ms), 0) FROM person_key", &s->newest_person_ms, err);
    if (!rc) rc = number(tx, "SELECT coalesce(max(made_ms), 0) FROM generation", &s->master_ms, err);
    if (!rc)
        rc = number(tx,
                    "SELECT (SELECT count(*) FROM person_key WHERE generation < (SELECT max(number) FROM "
                    "generation)) + "
                    "(SELECT count(*) FROM house_key WHERE generation < (SELECT max(number) FROM generation))",
                    &s->left, err);
    return rc;
}

enum rc vault_get_status(struct vault *v, struct vault_status *out, struct err *err)
{
    struct store_tx *tx = NULL;
    *out = (struct vault_status){.copies_days = v->copies_days};
    snprintf(out->configured, sizeof out->configured, "%s", master_name(v->master));
    enum rc rc = store_begin(v->store, STORE_READ, &tx, err);
    if (!rc) rc = read_status(tx, out, err);
    store_rollback(tx);
    return rc ? rc : vault_look_at_copies(v, &out->copies, &out->oldest_copy_ms, &out->newest_copy_ms, err);
}
