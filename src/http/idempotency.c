#include "http/idempotency.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/proc.h"
#include "crypt/crypt.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void idempotency_instance(char out[static 96])
{
    char world[PROC_WORLD_BYTES];
    proc_world(world);
    snprintf(out, 96, "%s:%ld:%llu", world, (long)getpid(), proc_started((long)getpid()));
}

/* True when `owner` ran in this world of processes (base/proc.h) and is there no more. Of an owner elsewhere, in another
 * container say, nothing is known but its lease. */
static bool is_dead(struct str owner, const char *instance)
{
    struct str mine = str_of(instance), boot = str_split(&mine, ':');
    struct str rest = owner, their_boot = str_split(&rest, ':'), pid_text = str_split(&rest, ':');
    int64_t pid;
    uint64_t start;
    if (!boot.n || !str_eq(boot, their_boot) || !str_to_i64(pid_text, &pid) || pid <= 0) return false;
    uint64_t began = proc_started((long)pid);
    return !began || !str_to_u64(rest, &start) || start != began;
}

struct str idempotency_key(struct str header)
{
    struct str key = str_trim(header);
    if (key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"') key = str_sub(key, 1, key.n - 2);
    if (!key.n || key.n > IDEMPOTENCY_KEY_MAX) return STR_NONE;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= 0x20 || key.p[i] >= 0x7f || key.p[i] == '"' || key.p[i] == '\\') return STR_NONE;
    return key;
}

#define BYTES(a) STORE_B((const char *)(a), 32)

static enum rc claim(struct store_tx *tx, const struct idempotency *i, int64_t now, int64_t lease_ms,
                     struct err *err)
{
    struct store_value args[] = {BYTES(i->key), BYTES(i->body), STORE_Z(i->instance), STORE_I(now),
                                 STORE_I(now + lease_ms)};
    return store_exec(
        tx,
        "INSERT INTO http_idempotency (key, body, owner, at_ms, lease_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (key) DO UPDATE SET body = excluded.body, owner = excluded.owner,"
        " at_ms = excluded.at_ms, lease_ms = excluded.lease_ms, status = NULL, type = NULL,"
        " headers = NULL, answer = NULL",
        args, 5, NULL, err);
}

static struct str place_of(const struct idempotency *i)
{
    return (struct str){(const char *)i->key, sizeof i->key};
}

/* Type, headers and body of an answer as one sealed text: "type\0headers\0body". */
static enum rc seal(const struct idempotency *i, const struct idempotent_answer *a, struct buf *out,
                    struct err *err)
{
    struct buf plain = BUF_INIT(SIZE_MAX / 2);
    buf_add(&plain, a->type);
    buf_addc(&plain, 0);
    buf_add(&plain, a->headers);
    buf_addc(&plain, 0);
    buf_add(&plain, a->body);
    enum rc rc = buf_check(&plain, "an answer", err);
    if (!rc && !buf_reserve(out, plain.n + CRYPT_SEAL_OVERHEAD)) rc = err_set(err, RC_NOMEM, "out of memory");
    if (!rc) rc = crypt_seal(i->seal, place_of(i), buf_str(&plain), (uint8_t *)out->p, err);
    if (!rc) out->n = plain.n + CRYPT_SEAL_OVERHEAD;
    if (plain.cap) crypt_wipe(plain.p, plain.n);
    buf_release(&plain);
    return rc;
}

static enum rc unseal(const struct idempotency *i, struct str sealed, struct arena *arena,
                      struct idempotent_answer *a, struct err *err)
{
    if (sealed.n < CRYPT_SEAL_OVERHEAD + 2) return err_set(err, RC_CORRUPT, "a kept answer is too short");
    size_t n = sealed.n - CRYPT_SEAL_OVERHEAD;
    char *plain = arena_alloc(arena, n + 1);
    if (!plain) return err_set(err, RC_NOMEM, "out of memory");
    enum rc rc = crypt_open(i->seal, place_of(i), sealed, (uint8_t *)plain, err);
    if (rc) return rc;
    a->body = (struct str){plain, n};
    a->type = str_split(&a->body, 0);
    a->headers = str_split(&a->body, 0);
    return a->body.p ? RC_OK : err_set(err, RC_CORRUPT, "a kept answer is malformed");
}

/* What the row at hand means for this request. */
static enum rc judge(struct store_rows *rows, const struct idempotency *i, int64_t now, struct arena *arena,
                     bool *replay, struct idempotent_answer *a, struct err *err)
{
    if (now - store_i64(rows, 2) > IDEMPOTENCY_HOURS * INT64_C(3600000)) return RC_OK; /* forgotten */
    struct str body = store_blob(rows, 0);
    if (body.n != 32 || memcmp(body.p, i->body, 32) != 0)
        return err_set(err, RC_UNPROCESSABLE, "this Idempotency-Key came with another request before");
    if (store_is_null(rows, 4)) {
        if (now >= store_i64(rows, 3) || is_dead(store_text(rows, 1), i->instance)) return RC_OK;
        return err_set(err, RC_CONFLICT, "the first request with this Idempotency-Key is still running");
    }
    *replay = true;
    a->status = (int)store_i64(rows, 4);
    return unseal(i, store_blob(rows, 5), arena, a, err);
}

enum rc idempotency_begin(const struct idempotency *i, int64_t lease_ms, struct arena *arena, bool *replay,
                          struct idempotent_answer *a, struct err *err)
{
    struct store_tx *tx;
    struct store_rows *rows = NULL;
    int64_t now = clock_now_ms();
    bool there = false;
    *replay = false;
    enum rc rc = store_begin(i->store, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_query(tx,
                     "SELECT body, owner, at_ms, lease_ms, status, answer FROM http_idempotency"
                     " WHERE key = ?1",
                     &BYTES(i->key), 1, &rows, err);
    if (!rc) rc = store_next(rows, &there, err);
    if (!rc && there) rc = judge(rows, i, now, arena, replay, a, err);
    store_rows_close(rows);
    if (!rc && !*replay) rc = claim(tx, i, now, lease_ms, err);
    if (!rc && !*replay) return store_commit(tx, err);
    store_rollback(tx);
    return rc;
}

enum rc idempotency_end(const struct idempotency *i, const struct idempotent_answer *a, struct err *err)
{
    struct buf sealed = BUF_INIT(SIZE_MAX / 2);
    enum rc rc = seal(i, a, &sealed, err);
    struct store_value args[] = {BYTES(i->key), STORE_Z(i->instance), STORE_I(a->status),
                                 STORE_B(sealed.p, sealed.n)};
    if (!rc)
        rc = store_write(i->store,
                         "UPDATE http_idempotency SET status = ?3, answer = ?4 WHERE key = ?1 AND owner = ?2",
                         args, 4, NULL, err);
    buf_release(&sealed);
    return rc;
}

enum rc idempotency_forget(const struct idempotency *i, struct err *err)
{
    struct store_value args[] = {BYTES(i->key), STORE_Z(i->instance)};
    return store_write(i->store,
                       "DELETE FROM http_idempotency WHERE key = ?1 AND owner = ?2 AND status IS NULL", args, 2,
                       NULL, err);
}

enum rc idempotency_clean(struct store *store, struct err *err)
{
    int64_t before = clock_now_ms() - IDEMPOTENCY_HOURS * INT64_C(3600000);
    return store_write(store, "DELETE FROM http_idempotency WHERE at_ms < ?1", &STORE_I(before), 1, NULL, err);
}
