/* The module: tables, settings, metrics, start and stop, and small things that the other files share. */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* privacy_internal.h tells what each is for. privacy_audit is read in the order it was written, which is its purpose;
 * the tables about one person are not. */
const struct migration privacy_migrations[] = {
    {"register", 1,
     "CREATE TABLE privacy_consent (person TEXT NOT NULL, n INTEGER NOT NULL, purpose TEXT NOT NULL, photo "
     "TEXT,"
     " given INTEGER NOT NULL, version TEXT NOT NULL, language TEXT NOT NULL, how TEXT NOT NULL,"
     " at_ms INTEGER NOT NULL, mac TEXT NOT NULL, PRIMARY KEY (person, n)) /* no row order */;"
     "CREATE TABLE privacy_audit (n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
     " roles INTEGER NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL, result TEXT NOT NULL,"
     " request_id TEXT NOT NULL, mac TEXT NOT NULL);"
     "CREATE INDEX privacy_audit_who ON privacy_audit (who, at_ms);"
     "CREATE INDEX privacy_audit_what ON privacy_audit (what, at_ms);"
     "CREATE INDEX privacy_audit_refused ON privacy_audit (at_ms) WHERE result = 'refused';"
     "CREATE TABLE privacy_anchor (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, mac TEXT NOT NULL,"
     " seal TEXT NOT NULL);"
     "CREATE TABLE privacy_alert (id TEXT NOT NULL PRIMARY KEY, rule TEXT NOT NULL, who TEXT NOT NULL,"
     " count INTEGER NOT NULL, window_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, state TEXT NOT NULL,"
     " tries INTEGER NOT NULL DEFAULT 0);"
     "CREATE INDEX privacy_alert_rule ON privacy_alert (rule, who, at_ms);"
     "CREATE TABLE privacy_intent (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, what BLOB NOT NULL,"
     " at_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE TABLE privacy_receipt (id TEXT NOT NULL PRIMARY KEY, receipt TEXT NOT NULL, at_ms INTEGER NOT "
     "NULL)"
     " /* no row order */;"
     "CREATE TABLE privacy_archive (id TEXT NOT NULL PRIMARY KEY, person TEXT NOT NULL, owner BLOB NOT NULL,"
     " state TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,"
     " chunks INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, at_ms INTEGER NOT NULL,"
     " expires_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE INDEX privacy_archive_person ON privacy_archive (person);"
     "CREATE TABLE privacy_objection (person TEXT NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL)"
     " /* no row order */;"
     "CREATE TABLE privacy_warning (person TEXT NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL,"
     " due_ms INTEGER NOT NULL) /* no row order */;"
     "CREATE TABLE privacy_report (day TEXT NOT NULL PRIMARY KEY, report TEXT NOT NULL, at_ms INTEGER NOT "
     "NULL);"
     "CREATE TABLE privacy_key (name TEXT NOT NULL PRIMARY KEY, sealed BLOB NOT NULL)"},
    {0}};

const struct config_key privacy_config[] = {
    {"privacy_inactive_months", CONFIG_INT, "12", 1, 60,
     "After so many months without a visit an account and all its data are erased."},
    {"privacy_warn_days", CONFIG_INT, "30", 0, 365,
     "So many days before, the account is marked with the date of its erasure: the person sees it on coming "
     "back, and "
     "in the archive."},
    {"privacy_photo_months", CONFIG_INT, "0", 0, 60,
     "After so many months without a visit the consents to photos lapse, and the photos are removed. 0: with "
     "the "
     "account."},
    {"privacy_activity_months", CONFIG_INT, "12", 6, 12,
     "Events older than this are replaced by counts that name nobody."},
    {"privacy_audit_months", CONFIG_INT, "12", 6, 36, "Lines of the access log older than this are removed."},
    {"privacy_archive_hours", CONFIG_INT, "48", 1, 720,
     "How long an archive that a person asked for can be fetched."},
    {"privacy_purge_hour", CONFIG_INT, "3", 0, 23, "The hour (UTC) after which the daily purge runs."},
    {"privacy_alert_photos", CONFIG_INT, "300", 0, 1e6,
     "Photos read by one principal in an hour. 0: no alert."},
    {"privacy_alert_refused", CONFIG_INT, "100", 0, 1e6,
     "Calls refused in ten minutes, of all principals together."},
    {"privacy_alert_exports", CONFIG_INT, "10", 0, 1e6,
     "Archives asked for in an hour, by all principals together."},
    {"privacy_alert_staff", CONFIG_INT, "200", 0, 1e6,
     "Accesses to person data by one member of the staff in an hour."},
    {"privacy_webhook_url", CONFIG_STRING, "", 0, 0,
     "Where alerts are sent (POST, JSON); empty: log and metric alone. HTTPS, or HTTP to this machine."},
    {"privacy_webhook_secret_file", CONFIG_STRING, "", 0, 0,
     "Holds the secret that signs them (32 characters or more, readable by its owner alone)."},
    {0}};

struct metric privacy_alerts =
    METRIC_COUNTER("penderie_privacy_alerts_total", "Alerts on abnormal access, by rule.", "rule");
struct metric privacy_audit_lines = METRIC_COUNTER("penderie_privacy_audit_lines_total",
                                                   "Lines written to the access log, by result.", "result");
struct metric privacy_erasures =
    METRIC_COUNTER("penderie_privacy_erasures_total", "Persons erased, by reason.", "reason");
static struct metric *const metrics[] = {&privacy_alerts, &privacy_audit_lines, &privacy_erasures, NULL};

/* ------------------------------------------------------------------------------------- small things */

void privacy_id(char out[static PRIVACY_ID_CHARS + 1])
{
    uint8_t bytes[16];
    crypt_random(bytes, sizeof bytes);
    crypt_base64url(bytes, sizeof bytes, out);
}

void privacy_name(struct app *app, struct str id, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    vault_pseudonym(app->vault, "register", id, out);
}

enum rc privacy_get(struct app *app, const char *sql, const struct store_value *args, size_t n, int64_t *out,
                    bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc) rc = store_get_i64(tx, sql, args, n, out, found, err);
    store_rollback(tx);
    return rc;
}

int64_t privacy_months_before(int64_t ms, int64_t months)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    int64_t at = (int64_t)tm.tm_year * 12 + tm.tm_mon - months;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    tm.tm_year = (int)(at / 12);
    tm.tm_mon = (int)(at % 12);
    int year = tm.tm_year + 1900;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int most = days[tm.tm_mon] + (tm.tm_mon == 1 && leap); /* 31 March less a month is 28 or 29 February */
    if (tm.tm_mday > most) tm.tm_mday = most;
    return (int64_t)timegm(&tm) * 1000 + ms % 1000;
}

/* ------------------------------------------------------------------------------ objection (article 21) */

enum rc privacy_profiling_allowed(struct app *app, struct str person, bool *allowed, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    int64_t at;
    bool found = false;
    privacy_name(app, person, name);
    enum rc rc = privacy_get(app, "SELECT at_ms FROM privacy_objection WHERE person = ?1",
                             STORE_ARGS(STORE_Z(name)), &at, &found, err);
    *allowed = !rc && !found; /* who cannot be asked is not profiled */
    return rc;
}

enum rc privacy_object(struct app *app, struct str person, bool objects, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    privacy_name(app, person, name);
    if (!objects)
        return store_write(app->reg, "DELETE FROM privacy_objection WHERE person = ?1",
                           STORE_ARGS(STORE_Z(name)), NULL, err);
    return store_write(app->reg,
                       "INSERT INTO privacy_objection (person, at_ms) VALUES (?1, ?2)"
                       " ON CONFLICT (person) DO NOTHING",
                       STORE_ARGS(STORE_Z(name), STORE_I(clock_now_ms())), NULL, err);
}

/* ------------------------------------------------------------------------------- the walk's own part */

/* A row of (at_ms) or none, as a time or null. */
static enum rc export_time(struct app *app, const char *sql, const char *key, const char *name,
                           struct jout *out, struct err *err)
{
    int64_t at;
    bool found = false;
    char text[25];
    enum rc rc = privacy_get(app, sql, STORE_ARGS(STORE_Z(name)), &at, &found, err);
    if (rc) return rc;
    if (found) clock_rfc3339(at, text);
    jout_kz(out, key, found ? text : NULL);
    return RC_OK;
}

/* What was done with the person's data, by the person or for them. Who else did it stays out: that is about another. */
static enum rc export_accesses(struct app *app, const char *user, struct jout *out, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    char who[VAULT_PSEUDONYM_CHARS + 1], at[25];
    bool more = false;
    vault_pseudonym(app->vault, "audit", str_of(user), who);
    jout_key(out, "accesses");
    jout_array(out);
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT at_ms, what, result, who FROM privacy_audit WHERE who = ?1 OR object = ?1"
                         " ORDER BY n",
                         STORE_ARGS(STORE_Z(who)), &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        clock_rfc3339(store_i64(rows, 0), at);
        jout_object(out);
        jout_kz(out, "at", at);
        jout_kstr(out, "what", store_text(rows, 1));
        jout_kstr(out, "result", store_text(rows, 2));
        jout_kbool(out, "by_you", str_eqz(store_text(rows, 3), who));
        jout_end(out);
    }
    jout_end(out);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

static enum rc export_user(struct app *app, const char *user, struct jout *out, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    privacy_name(app, str_of(user), name);
    enum rc rc = export_time(app, "SELECT at_ms FROM privacy_objection WHERE person = ?1",
                             "objected_to_profiling", name, out, err);
    if (!rc)
        rc = export_time(app, "SELECT due_ms FROM privacy_warning WHERE person = ?1", "erasure_due", name, out,
                         err);
    if (!rc) rc = consent_export(app, user, out, err);
    if (!rc) rc = archive_list(app, str_of(user), out, err);
    return rc ? rc : export_accesses(app, user, out, err);
}

/* What is left here of a person, but for the consents' facts, which the end of the erasure puts under a random name. */
static enum rc erase_user(struct app *app, const char *user, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    privacy_name(app, str_of(user), name);
    enum rc rc = archive_forget(app, str_of(user), err);
    if (!rc)
        rc = store_write(app->reg, "DELETE FROM privacy_objection WHERE person = ?1", STORE_ARGS(STORE_Z(name)),
                         NULL, err);
    if (!rc)
        rc = store_write(app->reg, "DELETE FROM privacy_warning WHERE person = ?1", STORE_ARGS(STORE_Z(name)),
                         NULL, err);
    return rc;
}

/* ------------------------------------------------------------------------------------ start and stop */

enum { TICK_S = 1, EVERY_MS = 60 * 1000, RESUME_MS = 10 * MINUTE_MS };

/* Once a second: alerts go out, refused calls into the log; once a minute: is the purge due, what has expired. */
static struct ticker {
    struct app *app;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool on, stop;
} ticker = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void tick(struct app *app, int64_t *minute_us)
{
    struct err err;
    int64_t n = 0;
    if (audit_flush_refused(app, &err))
        log_error("privacy", "refused calls are not in the access log: %s", err.message);
    if (alert_dispatch(app, &err)) log_error("privacy", "alerts wait: %s", err.message);
    if (*minute_us && clock_mono_us() - *minute_us < EVERY_MS * INT64_C(1000)) return;
    *minute_us = clock_mono_us();
    if (privacy_resume(app, RESUME_MS, &n, &err)) log_error("privacy", "begun and not ended: %s", err.message);
    if (retention_due(app, &err)) log_error("privacy", "the purge cannot be planned: %s", err.message);
    if (archive_expire(app, clock_now_ms(), false, &n, &err)) log_error("privacy", "archives: %s", err.message);
}

static void *run_ticker(void *arg)
{
    struct ticker *t = arg;
    int64_t minute_us = 0;
    pthread_mutex_lock(&t->lock);
    while (!t->stop) {
        pthread_mutex_unlock(&t->lock);
        tick(t->app, &minute_us);
        pthread_mutex_lock(&t->lock);
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += TICK_S;
        if (!t->stop) pthread_cond_timedwait(&t->wake, &t->lock, &at);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static enum rc start(struct app *app, struct err *err)
{
    int64_t n = 0;
    pthread_condattr_t monotonic;
    app->audit = audit_append;
    struct err why;
    if (privacy_resume(app, 0, &n, &why)) /* tried again below; shoppers must not wait for it */
        log_error("privacy", "an erasure or a withdrawal cannot be carried to its end: %s", why.message);
    if (n) log_info("privacy", "%lld erasures and withdrawals that a dead process left are done", (long long)n);
    job_register(&alert_job);
    job_register(&archive_job);
    job_register(&purge_job);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ticker.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    ticker.app = app;
    ticker.stop = false;
    ticker.on = pthread_create(&ticker.thread, NULL, run_ticker, &ticker) == 0;
    if (!ticker.on) return err_set(err, RC_NOMEM, "cannot start a thread");
    pthread_setname_np(ticker.thread, "privacy");
    app->refused = audit_refused;
    return RC_OK;
}

static void stop(struct app *app)
{
    struct err err;
    app->refused = NULL;
    if (!ticker.on) return;
    pthread_mutex_lock(&ticker.lock);
    ticker.stop = true;
    pthread_cond_signal(&ticker.wake);
    pthread_mutex_unlock(&ticker.lock);
    pthread_join(ticker.thread, NULL);
    pthread_cond_destroy(&ticker.wake);
    ticker.on = false;
    if (audit_flush_refused(app, &err))
        log_error("privacy", "refused calls are not in the access log: %s", err.message);
    job_unregister(&purge_job);
    job_unregister(&archive_job);
    job_unregister(&alert_job);
}

static const char *const personal_tables[] = {"register.privacy_consent", "register.privacy_audit",
                                              "register.privacy_archive", "register.privacy_objection",
                                              "register.privacy_warning", "register.privacy_intent",
                                              "register.privacy_alert",   NULL};
static const struct module_data data[] = {
    {"register.privacy_consent",
     "each consent given or withdrawn: purpose, photo, words agreed to, language, when, how",
     "person and photo as pseudonyms of this store; rows chained by MAC",
     "proof of consent; articles 6(1)(c), 7(1)",
     "with the account; after an erasure the facts and dates live on under a random name that only the receipt "
     "tells"},
    {"register.privacy_audit", "each access to personal data: who, what, on which object, with what result",
     "persons and objects as pseudonyms of the log alone; lines chained by MAC",
     "security and proof of it; articles 6(1)(c), 32", "privacy_audit_months"},
    {"register.privacy_archive", "archives that the person asked for; their bytes in DATA/archives",
     "person as pseudonym; bytes sealed with the person's key", "access and portability; articles 15, 20",
     "privacy_archive_hours"},
    {"register.privacy_objection", "that the person objected to profiling, and when", "person as pseudonym",
     "objection; article 21", "until taken back, or erasure"},
    {"register.privacy_warning", "that an inactive account will be erased, and when", "person as pseudonym",
     "retention; article 5(1)(e)", "until the next visit, or erasure"},
    {"register.privacy_intent", "an erasure or withdrawal that is being carried out",
     "sealed with a key of the house", "erasure and withdrawal; articles 7(3), 17", "seconds"},
    {"register.privacy_alert", "an alert on abnormal access: rule, count, who",
     "who as pseudonym of the access log", "security; article 32", "privacy_audit_months"},
    {0}};

const struct module privacy_module = {.name = "privacy",
                                      .config = privacy_config,
                                      .migrations = privacy_migrations,
                                      .metrics = metrics,
                                      .routes = privacy_routes,
                                      .schemas = privacy_schemas,
                                      .personal_tables = personal_tables,
                                      .data = data,
                                      .export_user = export_user,
                                      .erase_user = erase_user,
                                      .start = start,
                                      .stop = stop};
