/*
 * Abnormal access. A rule counts lines of the access log in a window that ends now; when the line just written makes one
 * more than the setting allows, an alert is a row of privacy_alert, written in the same transaction: at most one for a
 * rule, a principal and a window. From there it goes to the log, to the metric, and - with privacy_webhook_url - to a job
 * that posts it, again and again until the receiver takes it:
 *
 *     POST URL
 *     Content-Type: application/json
 *     Penderie-Signature: t=1763800000,v1=HEX      HMAC-SHA-256 of "t.body" under SHA-256 of the shared secret
 *     {"id":"...","rule":"photos","count":301,"window_s":3600,"at":"2026-11-22T18:05:09.123Z","who":"..."}
 *
 * `id` is the same in each attempt. `who` is the pseudonym of the access log; empty when all principals count together.
 */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/jval.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STAFF = HTTP_MERCHANDISER | HTTP_ANALYST | HTTP_DPO | HTTP_OPERATOR | HTTP_ADMIN };
enum { WEBHOOK_TRIES = 30, WEBHOOK_TIMEOUT_MS = 10000, SECRET_MIN = 32 };

struct rule {
    const char *name, *setting;
    int64_t window_ms;
    bool (*concerns)(const struct audit_line *l);
    bool each; /* counts each principal apart */
    /* ?1 from when, ?2 how many at most to count, ?3 who (each) or what (otherwise) */
    const char *count;
};

static bool is_photo(const struct audit_line *l)
{
    return l->who.n && str_starts(l->what, STR("photo.")) && str_eqz(l->result, "ok");
}
static bool is_refused(const struct audit_line *l) { return str_eqz(l->result, "refused"); }
static bool is_archive(const struct audit_line *l) { return str_eqz(l->what, "account.export"); }
static bool is_staff(const struct audit_line *l)
{
    return l->who.n && (l->roles & STAFF) && !str_eqz(l->result, "refused");
}

static const struct rule rules[] = {
    {"photos", "privacy_alert_photos", CLOCK_HOUR_MS, is_photo, true,
     "SELECT count(*) FROM (SELECT n FROM privacy_audit WHERE who = ?3 AND at_ms > ?1 AND what LIKE 'photo.%'"
     " AND result = 'ok' LIMIT ?2) AS x"},
    {"refused", "privacy_alert_refused", 10 * MINUTE_MS, is_refused, false,
     "SELECT count(*) FROM (SELECT n FROM privacy_audit WHERE at_ms > ?1 AND result = 'refused' AND ?3 = ?3"
     " LIMIT ?2) AS x"},
    {"exports", "privacy_alert_exports", CLOCK_HOUR_MS, is_archive, false,
     "SELECT count(*) FROM (SELECT n FROM privacy_audit WHERE what = 'account.export' AND at_ms > ?1 AND ?3 = "
     "?3"
     " LIMIT ?2) AS x"},
    {"staff", "privacy_alert_staff", CLOCK_HOUR_MS, is_staff, true,
     "SELECT count(*) FROM (SELECT n FROM privacy_audit WHERE who = ?3 AND at_ms > ?1 AND result <> 'refused'"
     " LIMIT ?2) AS x"},
};

enum rc alert_raise(struct app *app, struct store_tx *tx, const char *rule, struct str who, int64_t count,
                    int64_t window_ms, int64_t at_ms, struct err *err)
{
    char id[PRIVACY_ID_CHARS + 1];
    (void)app;
    privacy_id(id);
    return store_exec(tx,
                      "INSERT INTO privacy_alert (id, rule, who, count, window_ms, at_ms, state)"
                      " SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS INTEGER),"
                      " CAST(?5 AS INTEGER), CAST(?6 AS INTEGER), 'new' WHERE NOT EXISTS"
                      " (SELECT 1 FROM privacy_alert WHERE rule = ?2 AND who = ?3 AND at_ms > ?6 - ?5)",
                      STORE_ARGS(STORE_Z(id), STORE_Z(rule), STORE_S(who), STORE_I(count), STORE_I(window_ms),
                                 STORE_I(at_ms)),
                      NULL, err);
}

enum rc alert_check(struct app *app, struct store_tx *tx, const struct audit_line *l, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        int64_t most = config_int(app->config, r->setting), n = 0;
        if (!most || !r->concerns(l)) continue;
        rc = store_get_i64(tx, r->count,
                           STORE_ARGS(STORE_I(l->at_ms - r->window_ms), STORE_I(most + 1), STORE_S(l->who)), &n,
                           NULL, err);
        if (!rc && n > most)
            rc = alert_raise(app, tx, r->name, r->each ? l->who : STR(""), n, r->window_ms, l->at_ms, err);
    }
    return rc;
}

/* ------------------------------------------------------------------------------------------ dispatch */

/* One alert that nobody has taken up; *found false: none. */
static enum rc take_new(struct app *app, char id[static PRIVACY_ID_CHARS + 1], char rule[static 32],
                        int64_t *count, bool webhook, bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    enum rc rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_query(tx,
                     "UPDATE privacy_alert SET state = ?1 WHERE state = 'new' AND id IN"
                     " (SELECT id FROM privacy_alert WHERE state = 'new' ORDER BY at_ms LIMIT 1)"
                     " RETURNING id, rule, count",
                     STORE_ARGS(STORE_Z(webhook ? "sending" : "logged")), &rows, err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found) {
        snprintf(id, PRIVACY_ID_CHARS + 1, "%.*s", STR_ARG(store_text(rows, 0)));
        snprintf(rule, 32, "%.*s", STR_ARG(store_text(rows, 1)));
        *count = store_i64(rows, 2);
    }
    store_rows_close(rows);
    if (!rc && *found) return store_commit(tx, err);
    store_rollback(tx);
    return rc;
}

static enum rc enqueue(struct app *app, const char *id, struct err *err)
{
    char payload[64], job[JOB_ID_BYTES];
    snprintf(payload, sizeof payload, "{\"alert\":\"%s\"}", id);
    struct job_request request = {
        .kind = alert_job.name, .payload = str_of(payload), .priority = 10, .key = id};
    return job_enqueue(app->ops, &request, job, err);
}

/* Those whose job was never made, because the process died between the two stores, or has given up by now. */
static enum rc send_again(struct app *app, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    char ids[16][PRIVACY_ID_CHARS + 1];
    size_t n = 0;
    bool more = false;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT id FROM privacy_alert WHERE state = 'sending' ORDER BY at_ms LIMIT 16",
                         STORE_NO_ARGS, &rows, err);
    while (!rc && n < 16 && !(rc = store_next(rows, &more, err)) && more)
        snprintf(ids[n++], sizeof *ids, "%.*s", STR_ARG(store_text(rows, 0)));
    store_rows_close(rows);
    store_rollback(tx);
    for (size_t i = 0; !rc && i < n; i++)
        rc = enqueue(app, ids[i], err); /* the key keeps it from being there twice */
    return rc;
}

enum rc alert_dispatch(struct app *app, struct err *err)
{
    char id[PRIVACY_ID_CHARS + 1], rule[32];
    int64_t waiting = 0, count = 0;
    bool webhook = *config_string(app->config, "privacy_webhook_url") && app->ops, found = true;
    enum rc rc = privacy_get(app, "SELECT count(*) FROM privacy_alert WHERE state IN ('new', 'sending')",
                             STORE_NO_ARGS, &waiting, NULL, err); /* nearly always none: no write then */
    if (rc || !waiting) return rc;
    while (!rc && !(rc = take_new(app, id, rule, &count, webhook, &found, err)) && found) {
        log_warn("privacy", "alert %s: rule %s, %lld times; `penderie audit export` has the lines", id, rule,
                 (long long)count);
        metric_add(&privacy_alerts, rule, 1);
    }
    return rc || !webhook ? rc : send_again(app, err);
}

/* ------------------------------------------------------------------------------------------- webhook */

static enum rc read_alert(struct app *app, struct str id, struct buf *body, bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    char at[25];
    *found = false;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT rule, count, window_ms, at_ms, who FROM privacy_alert WHERE id = ?1"
                         " AND state = 'sending'",
                         STORE_ARGS(STORE_S(id)), &rows, err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found) {
        struct jout j = JOUT_INIT(body);
        clock_rfc3339(store_i64(rows, 3), at);
        jout_object(&j);
        jout_kstr(&j, "id", id);
        jout_kstr(&j, "rule", store_text(rows, 0));
        jout_ki64(&j, "count", store_i64(rows, 1));
        jout_ki64(&j, "window_s", store_i64(rows, 2) / 1000);
        jout_kz(&j, "at", at);
        jout_kstr(&j, "who", store_text(rows, 4));
        jout_end(&j);
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc ? rc : buf_check(body, "an alert", err);
}

static enum rc read_secret(const struct config *config, uint8_t key[static CRYPT_KEY_BYTES], struct err *err)
{
    const char *path = config_string(config, "privacy_webhook_secret_file");
    struct stat st;
    char *text = NULL;
    size_t n = 0;
    if (!*path) return err_set(err, RC_INVALID, "privacy_webhook_secret_file must name a file with the secret");
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        return err_set(err, RC_FORBIDDEN, "%s: others can read it; chmod 600 it", path);
    enum rc rc = fs_read(path, 4096, &text, &n, err);
    if (rc) return rc;
    struct str secret = str_trim((struct str){text, n});
    if (secret.n < SECRET_MIN)
        rc = err_set(err, RC_INVALID, "%s: a secret has at least %d characters", path, SECRET_MIN);
    else
        crypt_sha256(secret, key);
    crypt_wipe(text, n);
    free(text);
    return rc;
}

static enum rc sign(const struct config *config, struct str body, char header[static 160], struct err *err)
{
    uint8_t key[CRYPT_KEY_BYTES], mac[CRYPT_MAC_BYTES];
    char hex[CRYPT_HEX_BYTES];
    struct buf text = BUF_INIT(64 << 10);
    enum rc rc = read_secret(config, key, err);
    if (rc) return rc;
    long long now_s = (long long)(clock_now_ms() / 1000);
    buf_addf(&text, "%lld.", now_s);
    buf_add(&text, body);
    crypt_mac(key, buf_str(&text), mac);
    crypt_hex(mac, sizeof mac, hex);
    snprintf(header, 160, "Penderie-Signature: t=%lld,v1=%s", now_s, hex);
    rc = buf_check(&text, "an alert", err);
    buf_release(&text);
    crypt_wipe(key, sizeof key);
    return rc;
}

static bool is_local(const char *url)
{
    return str_starts(str_of(url), STR("http://127.0.0.1")) ||
           str_starts(str_of(url), STR("http://localhost")) || str_starts(str_of(url), STR("http://[::1]"));
}

static size_t ignore_body(char *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    (void)ctx;
    return size * n;
}

static enum rc post(const char *url, const char *signature, struct str body, struct err *err)
{
    long status = 0;
    CURL *e = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!e || !headers || !curl_slist_append(headers, signature)) { /* it is added behind the first */
        curl_slist_free_all(headers);
        curl_easy_cleanup(e);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, is_local(url) ? "http,https" : "https");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "Penderie");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.p);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ignore_body);
    CURLcode code = curl_easy_perform(e);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(e);
    if (code != CURLE_OK) return err_set(err, RC_BUSY, "the webhook: %s", curl_easy_strerror(code));
    if (status < 200 || status >= 300) return err_set(err, RC_BUSY, "the webhook answered %ld", status);
    return RC_OK;
}

static enum rc run_webhook(struct app *app, struct job *job, struct buf *result, struct err *err)
{
    struct str id = jval_str(jval_get(job_payload(job), "alert"));
    const char *url = config_string(app->config, "privacy_webhook_url");
    struct buf body = BUF_INIT(64 << 10);
    char signature[160], *state = "sent";
    bool found = false;
    if (!id.p || !*url) return RC_OK; /* turned off meanwhile */
    enum rc rc = read_alert(app, id, &body, &found, err);
    if (!rc && found) rc = sign(app->config, buf_str(&body), signature, err);
    if (!rc && found) rc = post(url, signature, buf_str(&body), err);
    if (rc == RC_BUSY) log_warn("privacy", "alert %.*s: %s", STR_ARG(id), err->message);
    if (rc && (rc != RC_BUSY || job_attempt(job) >= WEBHOOK_TRIES)) state = "failed";
    if (found && (!rc || strcmp(state, "failed") == 0)) {
        struct err why;
        enum rc noted =
            store_write(app->reg, "UPDATE privacy_alert SET state = ?2, tries = ?3 WHERE id = ?1",
                        STORE_ARGS(STORE_S(id), STORE_Z(state), STORE_I(job_attempt(job))), NULL, &why);
        if (noted) rc = rc ? rc : err_set(err, noted, "%s", why.message);
    }
    if (!rc) buf_addz(result, found ? "{\"sent\":true}" : "{\"sent\":false}");
    buf_release(&body);
    return rc;
}

const struct job_kind alert_job = {"privacy_alert", run_webhook, WEBHOOK_TRIES};
