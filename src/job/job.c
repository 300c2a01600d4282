/*
 * The job table, and how jobs are made, taken, kept and ended. Whoever runs a job is the row's `owner`; all
 * it writes says "where I am still the owner", so that a worker whose lease went to another can do no harm.
 *
 * Time is the wall clock, because leases must mean the same to all processes: machines that share a store
 * must agree on it to within a fraction of job_lease.
 *
 * Threading of this file: no state of its own; struct runner has its in job_run.c.
 */
#include "job/job_private.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/jval.h"
#include "crypt/crypt.h"

#include <stdio.h>
#include <string.h>

const struct migration job_migrations[] = {
    {"ops", 1,
     "CREATE TABLE job ("
     " id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL,"
     " cancel INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL DEFAULT 0,"
     " attempts INTEGER NOT NULL DEFAULT 0, key TEXT, payload TEXT NOT NULL,"
     " progress TEXT, result TEXT, error TEXT, owner TEXT,"
     " created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,"
     " after_ms INTEGER NOT NULL DEFAULT 0, lease_until_ms INTEGER NOT NULL DEFAULT 0);"
     "CREATE INDEX job_waiting ON job (state, priority, id);"
     "CREATE UNIQUE INDEX job_single ON job (kind, key)"
     " WHERE key IS NOT NULL AND state IN ('queued', 'running')"},
    {0}};

/* RFC 9562, 5.7: 48 bits of milliseconds, then random bits. */
static void make_id(char id[static JOB_ID_BYTES])
{
    uint8_t b[16];
    char hex[33];
    uint64_t ms = (uint64_t)clock_now_ms();
    crypt_random(b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    crypt_hex(b, sizeof b, hex);
    snprintf(id, JOB_ID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static enum rc existing_id(struct store_tx *tx, const struct job_request *request, char id[static JOB_ID_BYTES],
                           struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_query(tx,
                             "SELECT id FROM job WHERE kind = ?1 AND key = ?2 AND key IS NOT NULL"
                             " AND state IN ('queued', 'running')",
                             STORE_ARGS(STORE_Z(request->kind), STORE_Z(request->key)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc) {
        struct str is = more ? store_text(rows, 0) : STR_NONE;
        snprintf(id, JOB_ID_BYTES, "%.*s", STR_ARG(is));
    }
    store_rows_close(rows);
    return rc;
}

enum rc job_enqueue_in(struct store_tx *tx, const struct job_request *request, char id[static JOB_ID_BYTES],
                       struct err *err)
{
    struct jval *checked = NULL;
    struct str payload = request->payload.p ? request->payload : STR("{}");
    int64_t changed = 0;
    enum rc rc = jval_parse(payload, JOB_MAX_PAYLOAD_BYTES, &checked, err);
    jval_destroy(checked);
    if (rc) return err_prefix(err, "payload of a job: ");
    make_id(id);
    rc = store_exec(tx,
                    "INSERT INTO job (id, kind, state, priority, key, payload, created_ms)"
                    " VALUES (?1, ?2, 'queued', ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                    STORE_ARGS(STORE_Z(id), STORE_Z(request->kind), STORE_I(request->priority),
                               STORE_Z(request->key), STORE_S(payload), STORE_I(clock_now_ms())),
                    &changed, err);
    return rc || changed ? rc : existing_id(tx, request, id, err);
}

enum rc job_enqueue(struct store *ops, const struct job_request *request, char id[static JOB_ID_BYTES],
                    struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = job_enqueue_in(tx, request, id, err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    if (!rc) job_wake();
    return rc;
}

static enum rc cancel_in(struct store_tx *tx, const char *id, struct err *err)
{
    int64_t changed = 0, n = 0;
    enum rc rc = store_exec(tx,
                            "UPDATE job SET cancel = 1,"
                            " ended_ms = CASE WHEN state = 'queued' THEN ?2 ELSE ended_ms END,"
                            " state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END"
                            " WHERE id = ?1 AND state IN ('queued', 'running')",
                            STORE_ARGS(STORE_Z(id), STORE_I(clock_now_ms())), &changed, err);
    if (rc || changed) return rc;
    rc = store_get_i64(tx, "SELECT count(*) FROM job WHERE id = ?1", STORE_ARGS(STORE_Z(id)), &n, NULL, err);
    if (rc) return rc;
    return n ? err_set(err, RC_CONFLICT, "job %s has ended already", id)
             : err_set(err, RC_NOT_FOUND, "there is no job %s", id);
}

enum rc job_cancel(struct store *ops, const char *id, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = cancel_in(tx, id, err);
    return store_end(tx, rc, err);
}

static enum rc look_up_in(struct store_tx *tx, const char *id, struct job_summary *out, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_query(tx, "SELECT kind, state, created_ms FROM job WHERE id = ?1",
                             STORE_ARGS(STORE_Z(id)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more) rc = err_set(err, RC_NOT_FOUND, "there is no job %.40s", id);
    if (!rc) {
        snprintf(out->kind, sizeof out->kind, "%.*s", STR_ARG(store_text(rows, 0)));
        snprintf(out->state, sizeof out->state, "%.*s", STR_ARG(store_text(rows, 1)));
        out->created_ms = store_i64(rows, 2);
    }
    store_rows_close(rows);
    return rc;
}

enum rc job_look_up(struct store *ops, const char *id, struct job_summary *out, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(ops, STORE_READ, &tx, err);
    if (!rc) rc = look_up_in(tx, id, out, err);
    store_rollback(tx);
    return rc;
}

enum rc job_each_active(struct store *ops, const char *kind, job_each_fn each, void *ctx, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_begin(ops, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT id, payload FROM job WHERE kind = ?1 AND state IN ('queued', 'running')"
                         " ORDER BY id",
                         STORE_ARGS(STORE_Z(kind)), &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct jval *payload = NULL;
        rc = jval_parse(store_text(rows, 1), JOB_MAX_PAYLOAD_BYTES, &payload, err);
        if (!rc) rc = each(ctx, store_text(rows, 0), payload, err);
        jval_destroy(payload);
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

/* ------------------------------------------------------------------------ for the workers (job_run.c) */

/* A job whose workers died each time is not started for ever. */
static enum rc give_up(struct store_tx *tx, const struct job_kind *kind, int64_t now_ms, int64_t *n,
                       struct err *err)
{
    int64_t most = kind->max_attempts > 0 ? kind->max_attempts : JOB_DEFAULT_ATTEMPTS, cancelled = 0;
    enum rc rc = store_exec(tx,
                            "UPDATE job SET state = 'failed', ended_ms = ?1,"
                            " error = 'its process ended each time it was started'"
                            " WHERE kind = ?2 AND state = 'running' AND lease_until_ms < ?1 AND attempts >= ?3",
                            STORE_ARGS(STORE_I(now_ms), STORE_Z(kind->name), STORE_I(most)), n, err);
    if (!rc)
        rc = store_exec(tx,
                        "UPDATE job SET state = 'cancelled', ended_ms = ?1"
                        " WHERE kind = ?2 AND state = 'running' AND lease_until_ms < ?1 AND cancel = 1",
                        STORE_ARGS(STORE_I(now_ms), STORE_Z(kind->name)), &cancelled, err);
    *n += cancelled;
    return rc;
}

#define READY \
    " kind = ?1 AND ((state = 'queued' AND after_ms <= ?2) OR (state = 'running' AND lease_until_ms < ?2))"

static enum rc best_of_kind(struct store_tx *tx, const struct job_kind *kind, int64_t now_ms,
                            struct job_candidate *best, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc =
        store_query(tx, "SELECT id, priority FROM job WHERE" READY " ORDER BY priority DESC, id LIMIT 1",
                    STORE_ARGS(STORE_Z(kind->name), STORE_I(now_ms)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        struct str id = store_text(rows, 0);
        int64_t priority = store_i64(rows, 1);
        if (!best->kind || priority > best->priority ||
            (priority == best->priority && str_cmp(id, str_of(best->id)) < 0)) {
            best->kind = kind;
            best->priority = priority;
            snprintf(best->id, sizeof best->id, "%.*s", STR_ARG(id));
        }
    }
    store_rows_close(rows);
    return rc;
}

enum rc job_find(struct store_tx *tx, const struct job_kind *const *kinds, size_t n, struct job_candidate *best,
                 struct err *err)
{
    enum rc rc = RC_OK;
    *best = (struct job_candidate){0};
    for (size_t i = 0; i < n && !rc; i++)
        rc = best_of_kind(tx, kinds[i], clock_now_ms(), best, err);
    return rc;
}

static enum rc copy_taken(const struct store_rows *rows, struct job_taken *out, struct err *err)
{
    struct str payload = store_text(rows, 0);
    out->attempt = (int)store_i64(rows, 1);
    out->created_ms = store_i64(rows, 2);
    return jval_parse(payload, JOB_MAX_PAYLOAD_BYTES, &out->payload, err);
}

/* The condition is repeated where the row is changed: in a database with several writers another may have
 * taken it since job_find(). */
static enum rc take(struct store_tx *tx, const struct job_candidate *c, const char *owner, int64_t lease_ms,
                    struct job_taken *out, struct err *err)
{
    int64_t gave_up = 0, now_ms = clock_now_ms();
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = give_up(tx, c->kind, now_ms, &gave_up, err);
    if (rc) return rc;
    rc = store_query(tx,
                     "UPDATE job SET state = 'running', owner = ?4, lease_until_ms = ?5,"
                     " attempts = attempts + 1, started_ms = coalesce(started_ms, ?2)"
                     " WHERE id = ?3 AND" READY " RETURNING payload, attempts, created_ms",
                     STORE_ARGS(STORE_Z(c->kind->name), STORE_I(now_ms), STORE_Z(c->id), STORE_Z(owner),
                                STORE_I(now_ms + lease_ms)),
                     &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) rc = copy_taken(rows, out, err);
    store_rows_close(rows);
    out->lease_until_ms = now_ms + lease_ms;
    out->taken = !rc && more;
    return rc;
}

enum rc job_take(struct store *ops, const struct job_candidate *c, const char *owner, int64_t lease_ms,
                 struct job_taken *out, struct err *err)
{
    struct store_tx *tx = NULL;
    *out = (struct job_taken){0};
    enum rc rc = store_begin(ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = take(tx, c, owner, lease_ms, out, err);
    rc = store_end(tx, rc, err);
    if (rc) {
        jval_destroy(out->payload);
        *out = (struct job_taken){0};
    }
    return rc;
}

enum rc job_renew(struct store *ops, const char *id, const char *owner, int64_t lease_until_ms,
                  struct str progress, bool *mine, bool *cancel, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_begin(ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_query(tx,
                     "UPDATE job SET lease_until_ms = ?3, progress = coalesce(?4, progress)"
                     " WHERE id = ?1 AND owner = ?2 AND state = 'running' RETURNING cancel",
                     STORE_ARGS(STORE_Z(id), STORE_Z(owner), STORE_I(lease_until_ms), STORE_S(progress)), &rows,
                     err);
    if (!rc) rc = store_next(rows, &more, err);
    bool asked = !rc && more && store_i64(rows, 0) != 0;
    store_rows_close(rows);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    if (rc) return rc;
    *mine = more;
    *cancel = asked;
    return RC_OK;
}

enum rc job_end(struct store *ops, const char *id, const char *owner, const struct job_outcome *o,
                struct err *err)
{
    struct store_tx *tx = NULL;
    bool again = strcmp(o->state, "queued") == 0;
    enum rc rc = store_begin(ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx,
                    "UPDATE job SET state = ?3, owner = NULL, lease_until_ms = 0, result = ?4, error = ?5,"
                    " ended_ms = ?6, after_ms = ?7, attempts = attempts - ?8, progress = coalesce(?9, progress)"
                    " WHERE id = ?1 AND owner = ?2 AND state = 'running'",
                    STORE_ARGS(STORE_Z(id), STORE_Z(owner), STORE_Z(o->state), STORE_S(o->result),
                               STORE_Z(o->error), again ? STORE_NIL : STORE_I(clock_now_ms()),
                               STORE_I(o->after_ms), STORE_I(o->forgive), STORE_S(o->progress)),
                    NULL, err);
    return store_end(tx, rc, err);
}

enum rc job_forget(struct store *ops, int64_t before_ms, int64_t *n, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_exec(tx, "DELETE FROM job WHERE ended_ms < ?1 AND state IN ('done', 'failed', 'cancelled')",
                    STORE_ARGS(STORE_I(before_ms)), n, err);
    return store_end(tx, rc, err);
}
