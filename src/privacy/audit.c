/*
 * Writing the access log.
 *
 * Threading: whoever appends joins the queue `line`. The first one there leads: it takes all who wait, writes their lines in
 * one transaction, and wakes them; those who came meanwhile wait for the next round. So a burst of accesses costs one
 * commit, and a single one waits for nobody.
 */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct waiting {
    struct app *app;
    const struct audit_event *event;
    struct waiting *next;
    bool done;
    enum rc rc;
    struct err err;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct waiting *first, *last;
    bool leading;
} line = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

void audit_mac(struct app *app, struct str before, const struct audit_line *l,
               char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    struct buf text = BUF_INIT(64 << 10); /* JSON, so that no two lines have the same text */
    struct jout j = JOUT_INIT(&text);
    jout_array(&j);
    jout_str(&j, before);
    jout_i64(&j, l->n);
    jout_i64(&j, l->at_ms);
    jout_str(&j, l->who);
    jout_i64(&j, l->roles);
    jout_str(&j, l->what);
    jout_str(&j, l->object);
    jout_str(&j, l->result);
    jout_str(&j, l->request_id);
    jout_end(&j);
    vault_pseudonym(app->vault, "audit-chain", buf_str(&text), out);
    if (text.failed) out[0] = 0; /* equals no MAC */
    buf_release(&text);
}

static void anchor_seal(struct app *app, int64_t n, const char *mac, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    char text[VAULT_PSEUDONYM_CHARS + 32];
    snprintf(text, sizeof text, "%lld:%s", (long long)n, mac);
    vault_pseudonym(app->vault, "audit-anchor", str_of(text), out);
}

enum rc audit_anchor(struct app *app, struct store_tx *tx, int64_t *n,
                     char mac[static VAULT_PSEUDONYM_CHARS + 1], struct err *err)
{
    struct store_rows *rows = NULL;
    char want[VAULT_PSEUDONYM_CHARS + 1];
    bool more = false;
    *n = 0;
    mac[0] = 0;
    enum rc rc =
        store_query(tx, "SELECT n, mac, seal FROM privacy_anchor WHERE id = 1", STORE_NO_ARGS, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        *n = store_i64(rows, 0);
        snprintf(mac, VAULT_PSEUDONYM_CHARS + 1, "%.*s", STR_ARG(store_text(rows, 1)));
        anchor_seal(app, *n, mac, want);
        if (!str_eqz(store_text(rows, 2), want))
            rc = err_set(err, RC_CORRUPT, "the anchor of the access log was altered");
    }
    store_rows_close(rows);
    return rc;
}

/* Number and MAC of the last line. */
static enum rc last_line(struct app *app, struct store_tx *tx, struct audit_head *out, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    *out = (struct audit_head){0};
    enum rc rc =
        store_query(tx, "SELECT n, mac FROM privacy_audit ORDER BY n DESC LIMIT 1", STORE_NO_ARGS, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        out->n = store_i64(rows, 0);
        snprintf(out->mac, sizeof out->mac, "%.*s", STR_ARG(store_text(rows, 1)));
    }
    store_rows_close(rows);
    if (!rc && !more) rc = audit_anchor(app, tx, &out->n, out->mac, err);
    return rc;
}

static struct str or_empty(const char *z) { return z ? str_of(z) : STR(""); }

static enum rc write_line(struct app *app, struct store_tx *tx, const struct audit_event *e,
                          struct audit_head *at, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1] = "", object[VAULT_PSEUDONYM_CHARS + 1] = "";
    if (e->who.n) vault_pseudonym(app->vault, "audit", e->who, who);
    if (e->object.n) vault_pseudonym(app->vault, "audit", e->object, object);
    struct audit_line l = {.n = at->n + 1,
                           .at_ms = clock_now_ms(),
                           .who = str_of(who),
                           .roles = e->roles,
                           .what = str_of(e->what),
                           .object = str_of(object),
                           .result = str_of(e->result),
                           .request_id = or_empty(e->request_id)};
    struct audit_head now = {.n = l.n};
    audit_mac(app, str_of(at->mac), &l, now.mac);
    enum rc rc =
        store_exec(tx,
                   "INSERT INTO privacy_audit (n, at_ms, who, roles, what, object, result, request_id, mac)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   STORE_ARGS(STORE_I(l.n), STORE_I(l.at_ms), STORE_S(l.who), STORE_I(l.roles), STORE_S(l.what),
                              STORE_S(l.object), STORE_S(l.result), STORE_S(l.request_id), STORE_Z(now.mac)),
                   NULL, err);
    if (!rc) rc = alert_check(app, tx, &l, err);
    *at = now;
    return rc;
}

/* A head that is ahead of the log, or beside it, or missing, is the proof that lines were cut off or replaced: it is left
 * as it is, and so every verification from then on says so. */
static bool head_fits(struct app *app, struct store_tx *tx, const struct audit_head *before)
{
    struct audit_head head;
    struct err err;
    int64_t there = 0;
    enum rc rc = audit_head_read(app, &head, &err);
    if (!rc && head.n &&
        head.n < before->n) /* the process died, or the power went, before the head was written */
        rc = store_get_i64(tx,
                           "SELECT (SELECT count(*) FROM privacy_audit WHERE n = ?1 AND mac = ?2)"
                           " + (SELECT count(*) FROM privacy_anchor WHERE n = ?1 AND mac = ?2)",
                           STORE_ARGS(STORE_I(head.n), STORE_Z(head.mac)), &there, NULL, &err);
    if (rc) {
        log_error("privacy", "%s", err.message);
        return false;
    }
    if (there || (!head.n && !before->n)) return true;
    if (head.n && head.n == before->n && strcmp(head.mac, before->mac) == 0) return true;
    log_error("privacy", "the access log is not what it was: `penderie audit verify` says where");
    metric_add(&privacy_alerts, "audit_broken", 1);
    return false;
}

static enum rc write_lines(struct waiting *all, struct err *err)
{
    struct app *app = all->app;
    struct store_tx *tx = NULL;
    struct audit_head before, at;
    enum rc rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = last_line(app, tx, &before, err);
    at = before;
    for (struct waiting *w = all; !rc && w; w = w->next)
        rc = write_line(app, tx, w->event, &at, err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    bool fits = head_fits(app, tx, &before); /* under the write lock: nobody else moves either */
    rc = store_commit(tx, err);
    if (!rc && fits) rc = audit_head_write(app, &at, err);
    for (struct waiting *w = all; !rc && w; w = w->next)
        metric_add(&privacy_audit_lines, w->event->result, 1);
    return rc;
}

/* Takes those at the front of the queue that belong to the same installation (one process has one; tests have more). */
static struct waiting *take(void)
{
    struct waiting *all = line.first, *end = all;
    while (end->next && end->next->app == all->app)
        end = end->next;
    line.first = end->next;
    if (!line.first) line.last = NULL;
    end->next = NULL;
    return all;
}

static void lead(void)
{
    struct err err = {0};
    struct waiting *all = take(), *next;
    line.leading = true;
    pthread_mutex_unlock(&line.lock);
    enum rc rc = write_lines(all, &err);
    pthread_mutex_lock(&line.lock);
    line.leading = false;
    for (; all; all = next) {
        next = all->next; /* once done, its owner may be gone */
        all->rc = rc;
        all->err = err;
        all->done = true;
    }
    pthread_cond_broadcast(&line.wake);
}

enum rc audit_append(struct app *app, const struct audit_event *e, struct err *err)
{
    struct waiting me = {.app = app, .event = e};
    pthread_mutex_lock(&line.lock);
    if (line.last)
        line.last->next = &me;
    else
        line.first = &me;
    line.last = &me;
    while (!me.done) {
        if (!line.leading)
            lead();
        else
            pthread_cond_wait(&line.wake, &line.lock);
    }
    pthread_mutex_unlock(&line.lock);
    return me.rc ? err_set(err, me.rc, "access log: %s", me.err.message) : RC_OK;
}

enum rc audit_request(const struct http_request *rq, const char *what, struct str object, const char *result,
                      struct err *err)
{
    struct audit_event e = {.who = rq->principal.id,
                            .roles = rq->principal.roles,
                            .what = what,
                            .object = object,
                            .result = result,
                            .request_id = rq->id};
    return audit_append(rq->app, &e, err);
}

/* ------------------------------------------------------------------------------------- refused calls */

enum { REFUSED_MAX = 256 };
struct refused {
    char who[64], what[64], request_id[72];
    unsigned roles;
};
static struct {
    pthread_mutex_t lock;
    struct refused v[REFUSED_MAX];
    size_t n;
    int64_t more; /* that did not fit */
} refused = {.lock = PTHREAD_MUTEX_INITIALIZER};

void audit_refused(const struct http_request *rq, enum rc why)
{
    if (why != RC_UNAUTHENTICATED && why != RC_FORBIDDEN) return;
    pthread_mutex_lock(&refused.lock);
    if (refused.n < REFUSED_MAX) {
        struct refused *r = &refused.v[refused.n++];
        snprintf(r->who, sizeof r->who, "%.*s", STR_ARG(str_sub(rq->principal.id, 0, sizeof r->who - 1)));
        snprintf(r->what, sizeof r->what, "call.%s", rq->route ? rq->route->operation : "unknown");
        snprintf(r->request_id, sizeof r->request_id, "%s", rq->id ? rq->id : "");
        r->roles = rq->principal.roles;
    } else {
        refused.more++;
    }
    pthread_mutex_unlock(&refused.lock);
}

/* Takes one; false: none is left. */
static bool take_refused(struct refused *out, int64_t *more)
{
    pthread_mutex_lock(&refused.lock);
    bool any = refused.n > 0;
    if (any) *out = refused.v[--refused.n];
    if (!any) {
        *more = refused.more;
        refused.more = 0;
    }
    pthread_mutex_unlock(&refused.lock);
    return any;
}

enum rc audit_flush_refused(struct app *app, struct err *err)
{
    struct refused r;
    int64_t more = 0;
    char what[64];
    enum rc rc = RC_OK;
    while (!rc && take_refused(&r, &more)) {
        struct audit_event e = {.who = str_of(r.who),
                                .roles = r.roles,
                                .what = r.what,
                                .result = "refused",
                                .request_id = r.request_id};
        rc = audit_append(app, &e, err);
    }
    if (rc || !more) return rc;
    snprintf(what, sizeof what, "call.more(%lld)", (long long)more);
    struct audit_event e = {.what = what, .result = "refused"};
    return audit_append(app, &e, err);
}

/* ----------------------------------------------------------------------------------------- retention */

/* The last line that is too old, with all before it. Alerts go with the lines they speak of. */
static enum rc trim_in(struct app *app, struct store_tx *tx, int64_t before_ms, struct audit_head *last,
                       struct err *err)
{
    char seal[VAULT_PSEUDONYM_CHARS + 1];
    anchor_seal(app, last->n, last->mac, seal);
    enum rc rc =
        store_exec(tx,
                   "INSERT INTO privacy_anchor (id, n, mac, seal) VALUES (1, ?1, ?2, ?3) ON CONFLICT (id)"
                   " DO UPDATE SET n = excluded.n, mac = excluded.mac, seal = excluded.seal",
                   STORE_ARGS(STORE_I(last->n), STORE_Z(last->mac), STORE_Z(seal)), NULL, err);
    if (!rc)
        rc = store_exec(tx, "DELETE FROM privacy_audit WHERE n <= ?1", STORE_ARGS(STORE_I(last->n)), NULL, err);
    if (!rc)
        rc = store_exec(tx, "DELETE FROM privacy_alert WHERE at_ms < ?1", STORE_ARGS(STORE_I(before_ms)), NULL,
                        err);
    return rc;
}

static enum rc find_old(struct store_tx *tx, int64_t before_ms, struct audit_head *last, int64_t *lines,
                        struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc =
        store_query(tx,
                    "SELECT n, mac, (SELECT count(*) FROM privacy_audit WHERE at_ms < ?1) FROM privacy_audit"
                    " WHERE n = (SELECT max(n) FROM privacy_audit WHERE at_ms < ?1)",
                    STORE_ARGS(STORE_I(before_ms)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        last->n = store_i64(rows, 0);
        snprintf(last->mac, sizeof last->mac, "%.*s", STR_ARG(store_text(rows, 1)));
        *lines = store_i64(rows, 2);
    }
    store_rows_close(rows);
    return rc;
}

enum rc audit_trim(struct app *app, int64_t before_ms, bool dry_run, int64_t *lines, struct err *err)
{
    struct store_tx *tx = NULL;
    struct audit_head last = {0};
    *lines = 0;
    enum rc rc = store_begin(app->reg, dry_run ? STORE_READ : STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = find_old(tx, before_ms, &last, lines, err);
    if (!rc && *lines && !dry_run) rc = trim_in(app, tx, before_ms, &last, err);
    if (!rc && !dry_run) return store_commit(tx, err);
    store_rollback(tx);
    return rc;
}
