/*
 * Retention. Once a day, as a job (one of all processes runs it), in this order:
 *
 *   1. who has not been there for privacy_inactive_months less privacy_warn_days is warned: a row with the date of the
 *      erasure, which the person sees on coming back. Who came back is no longer warned.
 *   2. who has not been there for privacy_inactive_months, and was warned privacy_warn_days ago, is erased
 *   3. consents to photos of who has not been there for privacy_photo_months lapse, which removes the photos
 *   4. each module drops or aggregates what is older than its own retention allows
 *   5. archives that have expired, and old lines of the access log, go
 *
 * Accounts are known by the day of their last visit. A person is erased by an intent (erase.c), so a purge that dies leaves
 * nobody half erased; run again it goes on with those that are left. What fails for one person is logged, counted, and
 * tried again the next day.
 */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "ident/ident.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ids {
    struct buf text; /* PRIVACY_ID_CHARS characters each */
    size_t n;
};

static enum rc take_id(void *ctx, struct str id, struct err *err)
{
    struct ids *ids = ctx;
    if (id.n != IDENT_ID_CHARS) return err_set(err, RC_CORRUPT, "an account id of %zu characters", id.n);
    buf_add(&ids->text, id);
    ids->n++;
    return buf_check(&ids->text, "accounts", err);
}

static struct str id_at(const struct ids *ids, size_t i)
{
    return str_sub(buf_str(&ids->text), i * IDENT_ID_CHARS, IDENT_ID_CHARS);
}

/* Collected first, because erasing while the accounts are read would hold a transaction open for as long. */
static enum rc inactive_since(struct app *app, int64_t before_ms, struct ids *out, struct err *err)
{
    *out = (struct ids){.text = BUF_INIT((size_t)1 << 30)};
    return ident_inactive(app, before_ms, take_id, out, err);
}

struct counts {
    int64_t warned, returned, waiting, erased, lapsed, failed, lines, archives;
};

struct purge {
    struct app *app;
    struct job *job; /* NULL: a command runs it */
    int64_t now_ms, warn_ms;
    bool dry_run;
    struct counts n;
};

static bool stopped(const struct purge *p) { return p->job && job_cancelled(p->job); }

/* ------------------------------------------------------------------------------------------- warnings */

/* *since: when the person was warned; 0: not yet. */
static enum rc warned_since(struct purge *p, struct str id, int64_t *since, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool found = false;
    privacy_name(p->app, id, name);
    enum rc rc = privacy_get(p->app, "SELECT at_ms FROM privacy_warning WHERE person = ?1",
                             STORE_ARGS(STORE_Z(name)), since, &found, err);
    if (!found) *since = 0;
    return rc;
}

static enum rc warn(struct purge *p, struct str id, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    int64_t since = 0, day = clock_day_ms(p->now_ms);
    enum rc rc = warned_since(p, id, &since, err);
    if (rc || since) return rc;
    p->n.warned++;
    if (p->dry_run) return RC_OK;
    privacy_name(p->app, id, name);
    return store_write(p->app->reg,
                       "INSERT INTO privacy_warning (person, at_ms, due_ms) VALUES (?1, ?2, ?3)"
                       " ON CONFLICT (person) DO NOTHING",
                       STORE_ARGS(STORE_Z(name), STORE_I(day), STORE_I(day + p->warn_ms)), NULL, err);
}

static int by_name(const void *a, const void *b) { return memcmp(a, b, VAULT_PSEUDONYM_CHARS); }

/* The warned ones that are not in the list have come back. */
static enum rc forget_returned(struct purge *p, const struct ids *ids, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct buf gone = BUF_INIT((size_t)1 << 30), names = BUF_INIT((size_t)1 << 30);
    bool more = false;
    for (size_t i = 0; i < ids->n; i++) {
        char name[VAULT_PSEUDONYM_CHARS + 1];
        privacy_name(p->app, id_at(ids, i), name);
        buf_addz(&names, name);
    }
    enum rc rc = buf_check(&names, "accounts", err);
    if (!rc) qsort(names.p, ids->n, VAULT_PSEUDONYM_CHARS, by_name);
    if (!rc) rc = store_begin(p->app->reg, STORE_READ, &tx, err);
    if (!rc) rc = store_query(tx, "SELECT person FROM privacy_warning", STORE_NO_ARGS, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct str name = store_text(rows, 0);
        bool known =
            name.n == VAULT_PSEUDONYM_CHARS && bsearch(name.p, names.p, ids->n, VAULT_PSEUDONYM_CHARS, by_name);
        if (!known && name.n == VAULT_PSEUDONYM_CHARS) buf_add(&gone, name);
    }
    store_rows_close(rows);
    store_rollback(tx);
    for (size_t at = 0; !rc && at < gone.n; at += VAULT_PSEUDONYM_CHARS) {
        p->n.returned++;
        if (!p->dry_run)
            rc =
                store_write(p->app->reg, "DELETE FROM privacy_warning WHERE person = ?1",
                            STORE_ARGS(STORE_S(str_sub(buf_str(&gone), at, VAULT_PSEUDONYM_CHARS))), NULL, err);
    }
    buf_release(&gone);
    buf_release(&names);
    return rc;
}

static enum rc warn_all(struct purge *p, int64_t months, struct err *err)
{
    struct ids ids;
    enum rc rc =
        inactive_since(p->app, clock_day_ms(privacy_months_before(p->now_ms + p->warn_ms, months)), &ids, err);
    for (size_t i = 0; !rc && i < ids.n; i++)
        rc = warn(p, id_at(&ids, i), err);
    if (!rc) rc = forget_returned(p, &ids, err);
    buf_release(&ids.text);
    return rc;
}

/* -------------------------------------------------------------------------------------------- erasure */

static enum rc system_event(struct app *app, const char *what, struct str object, struct err *err)
{
    struct audit_event e = {.what = what, .object = object, .result = "ok"};
    return audit_append(app, &e, err);
}

static enum rc erase_one(struct purge *p, struct str id, struct err *err)
{
    int64_t since = 0;
    struct buf receipt = BUF_INIT(64 << 10);
    enum rc rc = warned_since(p, id, &since, err);
    if (rc) return rc;
    if (p->warn_ms && (!since || since + p->warn_ms > p->now_ms)) {
        p->n.waiting++; /* the day of the warning plus the days that were promised has not come */
        return RC_OK;
    }
    if (!p->dry_run) rc = system_event(p->app, "account.erase.inactive", id, err);
    if (!rc && !p->dry_run) rc = privacy_erase(p->app, id, "inactive", &receipt, err);
    if (!rc) p->n.erased++;
    buf_release(&receipt);
    return rc;
}

static enum rc erase_all(struct purge *p, int64_t months, struct err *err)
{
    struct ids ids;
    enum rc rc = inactive_since(p->app, clock_day_ms(privacy_months_before(p->now_ms, months)), &ids, err);
    for (size_t i = 0; !rc && i < ids.n; i++) {
        if (stopped(p)) rc = err_set(err, RC_STOPPED, "stopped");
        if (!rc && erase_one(p, id_at(&ids, i), err)) {
            p->n.failed++;
            log_error("privacy", "an inactive account cannot be erased: %s", err->message);
        }
        if (p->job) job_progress(p->job, (int64_t)i + 1, (int64_t)ids.n, "inactive accounts");
    }
    buf_release(&ids.text);
    return rc;
}

/* --------------------------------------------------------------------------------------------- photos */

static enum rc lapse(struct purge *p, struct str id, struct err *err)
{
    bool any = false;
    enum rc rc = consent_any(p->app, id, &any, err);
    if (rc || !any) return rc;
    p->n.lapsed++;
    if (p->dry_run) return RC_OK;
    rc = system_event(p->app, "consent.lapse", id, err);
    for (int i = 0; !rc && i < CONSENT_PURPOSES; i++)
        rc = consent_withdraw(p->app, id, STR_NONE, (enum consent_purpose)i, "retention", err);
    return rc;
}

static enum rc lapse_all(struct purge *p, int64_t months, struct err *err)
{
    struct ids ids;
    enum rc rc = inactive_since(p->app, clock_day_ms(privacy_months_before(p->now_ms, months)), &ids, err);
    for (size_t i = 0; !rc && i < ids.n; i++) {
        if (stopped(p)) rc = err_set(err, RC_STOPPED, "stopped");
        if (!rc && lapse(p, id_at(&ids, i), err)) {
            p->n.failed++;
            log_error("privacy", "consents to photos cannot lapse: %s", err->message);
        }
    }
    buf_release(&ids.text);
    return rc;
}

/* --------------------------------------------------------------------------------------------- report */

static enum rc purge_modules(struct purge *p, struct jout *j, struct err *err)
{
    struct module_retention r = {.now_ms = p->now_ms,
                                 .activity_before_ms = clock_day_ms(privacy_months_before(
                                     p->now_ms, config_int(p->app->config, "privacy_activity_months"))),
                                 .dry_run = p->dry_run};
    jout_key(j, "modules");
    jout_object(j);
    for (size_t i = 0; p->app->modules[i]; i++) {
        const struct module *m = p->app->modules[i];
        struct buf text = BUF_INIT(64 << 10);
        struct jout one = JOUT_INIT(&text);
        if (!m->purge) continue;
        jout_object(&one);
        enum rc rc = m->purge(p->app, &r, &one, err);
        jout_end(&one);
        if (!rc) rc = buf_check(&text, "a report", err);
        if (rc) {
            p->n.failed++;
            log_error("privacy", "purge of %s: %s", m->name, err->message);
        } else {
            jout_key(j, m->name);
            jout_raw(j, buf_str(&text));
        }
        buf_release(&text);
    }
    jout_end(j);
    return RC_OK;
}

static void write_counts(const struct counts *n, struct jout *j)
{
    jout_key(j, "accounts");
    jout_object(j);
    jout_ki64(j, "warned", n->warned);
    jout_ki64(j, "returned", n->returned);
    jout_ki64(j, "waiting", n->waiting);
    jout_ki64(j, "erased", n->erased);
    jout_ki64(j, "photo_consents_lapsed", n->lapsed);
    jout_end(j);
    jout_ki64(j, "audit_lines_removed", n->lines);
    jout_ki64(j, "archives_removed", n->archives);
    jout_ki64(j, "failed", n->failed);
}

/* RC_STOPPED ends it; of anything else the rest does not depend on. */
static enum rc go_on(struct purge *p, enum rc rc, const char *what, const struct err *err)
{
    if (!rc || rc == RC_STOPPED) return rc;
    p->n.failed++;
    log_error("privacy", "purge, %s: %s", what, err->message);
    return RC_OK;
}

static enum rc purge_all(struct purge *p, struct jout *j, struct err *err)
{
    const struct config *c = p->app->config;
    int64_t months = config_int(c, "privacy_inactive_months"),
            photo_months = config_int(c, "privacy_photo_months"), resumed = 0;
    enum rc rc = RC_OK;
    if (!p->dry_run) rc = go_on(p, privacy_resume(p->app, 10 * MINUTE_MS, &resumed, err), "what was left", err);
    if (!rc) rc = go_on(p, warn_all(p, months, err), "warnings", err);
    if (!rc) rc = go_on(p, erase_all(p, months, err), "erasures", err);
    if (!rc && photo_months && photo_months < months)
        rc = go_on(p, lapse_all(p, photo_months, err), "consents to photos", err);
    if (!rc) rc = purge_modules(p, j, err);
    if (!rc) rc = go_on(p, archive_expire(p->app, p->now_ms, p->dry_run, &p->n.archives, err), "archives", err);
    int64_t audit_months = config_int(c, "privacy_audit_months");
    if (!rc)
        rc = go_on(p,
                   audit_trim(p->app, clock_day_ms(privacy_months_before(p->now_ms, audit_months)), p->dry_run,
                              &p->n.lines, err),
                   "access log", err);
    return rc;
}

static enum rc purge(struct app *app, struct job *job, bool dry_run, struct buf *report, struct err *err)
{
    struct purge p = {.app = app, .job = job, .now_ms = clock_now_ms(), .dry_run = dry_run};
    struct buf text = BUF_INIT(JOB_MAX_RESULT_BYTES);
    struct jout j = JOUT_INIT(&text);
    int64_t from_us = clock_mono_us();
    char at[25];
    p.warn_ms = config_int(app->config, "privacy_warn_days") * CLOCK_DAY_MS;
    clock_rfc3339(p.now_ms, at);
    jout_object(&j);
    jout_kz(&j, "at", at);
    jout_kbool(&j, "dry_run", dry_run);
    enum rc rc = purge_all(&p, &j, err);
    write_counts(&p.n, &j);
    jout_kdec(&j, "seconds", (double)(clock_mono_us() - from_us) / 1e6, 3);
    jout_end(&j);
    if (!rc) rc = buf_check(&text, "a report", err);
    if (!rc && !dry_run)
        rc = store_write(
            app->reg,
            "INSERT INTO privacy_report (day, report, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT (day)"
            " DO UPDATE SET report = excluded.report, at_ms = excluded.at_ms",
            STORE_ARGS(STORE_S(((struct str){at, 10})), STORE_S(buf_str(&text)), STORE_I(p.now_ms)), NULL, err);
    if (!rc) buf_add(report, buf_str(&text));
    buf_release(&text);
    return rc;
}

enum rc privacy_purge(struct app *app, bool dry_run, struct buf *report, struct err *err)
{
    return purge(app, NULL, dry_run, report, err);
}

/* ------------------------------------------------------------------------------------------ every day */

static enum rc run_purge(struct app *app, struct job *job, struct buf *result, struct err *err)
{
    return purge(app, job, false, result, err);
}

const struct job_kind purge_job = {"privacy_purge", run_purge, 0};

enum rc retention_due(struct app *app, struct err *err)
{
    char at[25], id[JOB_ID_BYTES];
    int64_t now = clock_now_ms(), n = 0;
    if (!app->ops || now % CLOCK_DAY_MS / CLOCK_HOUR_MS < config_int(app->config, "privacy_purge_hour"))
        return RC_OK;
    clock_rfc3339(now, at);
    enum rc rc = privacy_get(app, "SELECT count(*) FROM privacy_report WHERE day = ?1",
                             STORE_ARGS(STORE_S(((struct str){at, 10}))), &n, NULL, err);
    if (rc || n) return rc;
    struct job_request request = {.kind = purge_job.name, .payload = STR("{}"), .key = "daily"};
    return job_enqueue(app->ops, &request, id, err);
}

static void write_settings(const struct config *c, struct jout *out)
{
    static const char *const names[] = {
        "privacy_inactive_months", "privacy_warn_days",     "privacy_photo_months", "privacy_activity_months",
        "privacy_audit_months",    "privacy_archive_hours", "privacy_purge_hour"};
    jout_key(out, "settings");
    jout_object(out);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        jout_ki64(out, names[i], config_int(c, names[i]));
    jout_end(out);
}

enum rc privacy_report(struct app *app, struct jout *out, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    int64_t warned = 0;
    bool more = false;
    jout_object(out);
    write_settings(app->config, out);
    enum rc rc = privacy_get(app, "SELECT count(*) FROM privacy_warning", STORE_NO_ARGS, &warned, NULL, err);
    jout_ki64(out, "accounts_warned", warned);
    jout_key(out, "reports");
    jout_array(out);
    if (!rc) rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT report FROM privacy_report ORDER BY day DESC LIMIT 31", STORE_NO_ARGS,
                         &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more)
        jout_raw(out, store_text(rows, 0));
    jout_end(out);
    jout_end(out);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}
