/* The routes: consents and rights for persons, register, access log and retention for the data protection officer. */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "crypt/crypt.h"
#include "ident/ident.h"
#include "privacy/receipt.h"

#include <stdio.h>
#include <string.h>

/* Whoever has an account has these rights, staff too. */
enum { ACCOUNTS = HTTP_SHOPPER | HTTP_MERCHANDISER | HTTP_ANALYST | HTTP_DPO | HTTP_OPERATOR | HTTP_ADMIN };
enum { MAX_PAGE = 500 };

/* The staff's token and API keys are nobody's account. */
static enum rc person_of(const struct http_request *rq, struct str *person, struct err *err)
{
    *person = rq->principal.id;
    if (person->n == IDENT_ID_CHARS) return RC_OK;
    return err_set(err, RC_FORBIDDEN, "this concerns an account: sign in with one");
}

/* ------------------------------------------------------------------------------------------- consents */

static enum rc get_texts(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str language = http_param(rq, "language");
    (void)err;
    jout_object(&rs->json);
    jout_kz(&rs->json, "version", consent_texts[0].version);
    jout_key(&rs->json, "texts");
    jout_array(&rs->json);
    for (const struct consent_text *t = consent_texts; t->version; t++) {
        if (language.p && !str_eqz(language, t->language)) continue;
        jout_object(&rs->json);
        jout_kz(&rs->json, "version", t->version);
        jout_kz(&rs->json, "purpose", consent_names[t->purpose]);
        jout_kz(&rs->json, "language", t->language);
        jout_kz(&rs->json, "text", t->text);
        jout_end(&rs->json);
    }
    jout_end(&rs->json);
    jout_end(&rs->json);
    rs->cache_control = "public, max-age=3600";
    rs->etag = true;
    return RC_OK;
}

static enum rc get_consents(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    char user[64];
    enum rc rc = person_of(rq, &person, err);
    if (!rc) rc = audit_request(rq, "consent.read", person, "ok", err);
    if (rc) return rc;
    snprintf(user, sizeof user, "%.*s", STR_ARG(person));
    jout_object(&rs->json);
    rc = consent_export(rq->app, user, &rs->json, err);
    jout_end(&rs->json);
    return rc;
}

static void write_consent(struct http_response *rs, enum consent_purpose purpose, struct str photo, bool given)
{
    jout_object(&rs->json);
    jout_kz(&rs->json, "purpose", consent_names[purpose]);
    jout_key(&rs->json, "photo");
    if (photo.p)
        jout_str(&rs->json, photo);
    else
        jout_null(&rs->json);
    jout_kbool(&rs->json, "given", given);
    jout_end(&rs->json);
}

static const char *how_of(struct str how)
{
    return str_eqz(how, "web") ? "web" : str_eqz(how, "app") ? "app" : "api";
}

static enum rc post_consent(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct consent_given c = {.photo = jval_str(jval_get(rq->json, "photo")),
                              .text_version = jval_str(jval_get(rq->json, "text_version")),
                              .language = jval_str(jval_get(rq->json, "language")),
                              .how = how_of(jval_str(jval_get(rq->json, "how")))};
    enum rc rc = person_of(rq, &c.person, err);
    if (!rc && !consent_purpose_of(jval_str(jval_get(rq->json, "purpose")), &c.purpose))
        rc = err_set(err, RC_INVALID, "there is no such purpose");
    if (!rc) rc = consent_give(rq->app, &c, err);
    if (!rc) rc = audit_request(rq, "consent.give", c.photo.p ? c.photo : c.person, "ok", err);
    if (!rc) write_consent(rs, c.purpose, c.photo, true);
    return rc;
}

static enum rc delete_consent(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person, photo = http_param(rq, "photo");
    enum consent_purpose purpose;
    enum rc rc = person_of(rq, &person, err);
    if (!rc && !consent_purpose_of(http_param(rq, "purpose"), &purpose))
        rc = err_set(err, RC_NOT_FOUND, "there is no such purpose");
    if (!rc) rc = audit_request(rq, "consent.withdraw", photo.p ? photo : person, "ok", err);
    if (!rc) rc = consent_withdraw(rq->app, person, photo, purpose, "api", err);
    if (!rc) write_consent(rs, purpose, photo, false);
    return rc;
}

/* --------------------------------------------------------------------------------------------- rights */

static enum rc post_export(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    char id[ARCHIVE_ID_CHARS + 1];
    enum rc rc = person_of(rq, &person, err);
    if (!rc) rc = audit_request(rq, "account.export", person, "ok", err);
    if (!rc) rc = archive_ask(rq->app, person, id, err);
    if (!rc) rc = archive_state(rq->app, person, str_of(id), &rs->json, err);
    return rc;
}

static enum rc get_export(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    enum rc rc = person_of(rq, &person, err);
    return rc ? rc : archive_state(rq->app, person, http_param(rq, "id"), &rs->json, err);
}

static enum rc get_archive(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    enum rc rc = person_of(rq, &person, err);
    if (!rc) rc = audit_request(rq, "account.archive", person, "ok", err);
    if (!rc) rc = archive_read(rq->app, person, http_param(rq, "id"), &rs->body, err);
    if (!rc) rc = http_add_header(rs, "Content-Disposition", "attachment; filename=\"penderie.zip\"", err);
    return rc;
}

static enum rc post_erasure(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    struct buf receipt = BUF_INIT(64 << 10);
    enum rc rc = person_of(rq, &person, err);
    if (!rc) rc = audit_request(rq, "account.erase", person, "ok", err);
    if (!rc) rc = privacy_erase(rq->app, person, "request", &receipt, err);
    if (!rc) {
        jout_object(&rs->json);
        jout_kbool(&rs->json, "erased", true);
        jout_kstr(&rs->json, "receipt", buf_str(&receipt));
        jout_end(&rs->json);
        rc = http_add_header(rs, "Clear-Site-Data", "\"cookies\", \"storage\", \"cache\"", err);
    }
    buf_release(&receipt);
    return rc;
}

static enum rc write_objection(struct http_request *rq, struct http_response *rs, struct str person,
                               struct err *err)
{
    bool allowed = false;
    enum rc rc = privacy_profiling_allowed(rq->app, person, &allowed, err);
    jout_object(&rs->json);
    jout_kbool(&rs->json, "objects_to_profiling", !allowed);
    jout_end(&rs->json);
    return rc;
}

static enum rc get_objection(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    enum rc rc = person_of(rq, &person, err);
    if (!rc) rc = audit_request(rq, "objection.read", person, "ok", err);
    return rc ? rc : write_objection(rq, rs, person, err);
}

static enum rc put_objection(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str person;
    bool objects = true;
    enum rc rc = person_of(rq, &person, err);
    if (!rc && !jval_bool(jval_get(rq->json, "objects_to_profiling"), &objects))
        rc = err_set(err, RC_INVALID, "objects_to_profiling is true or false");
    if (!rc) rc = audit_request(rq, objects ? "objection.give" : "objection.withdraw", person, "ok", err);
    if (!rc) rc = privacy_object(rq->app, person, objects, err);
    return rc ? rc : write_objection(rq, rs, person, err);
}

/* ------------------------------------------------------------------------------------------ the officer */

static enum rc get_register(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str n = http_param(rq, "cursor"), after = str_split(&n, ':');
    int64_t after_n = 0, limit = http_param_i64(rq, "limit", 100);
    char next[64] = "";
    if (after.p && !str_to_i64(n, &after_n)) return err_set(err, RC_INVALID, "query/cursor is none of ours");
    enum rc rc = audit_request(rq, "register.read", STR_NONE, "ok", err);
    if (rc) return rc;
    jout_object(&rs->json);
    jout_key(&rs->json, "consents");
    jout_array(&rs->json);
    rc = consent_register(rq->app, after.p ? after : STR(""), after_n, limit, &rs->json, next, err);
    jout_end(&rs->json);
    jout_kz(&rs->json, "next_cursor", next[0] ? next : NULL);
    jout_end(&rs->json);
    return rc;
}

static enum rc get_audit(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct buf lines = BUF_INIT(8 << 20);
    int64_t next = 0;
    enum rc rc = audit_request(rq, "audit.read", STR_NONE, "ok", err);
    if (!rc)
        rc = audit_export(rq->app, http_param_i64(rq, "from", 1), http_param_i64(rq, "limit", 100), &lines,
                          &next, err);
    jout_object(&rs->json);
    jout_key(&rs->json, "lines");
    jout_array(&rs->json);
    struct str rest = buf_str(&lines), one;
    while (rest.n && (one = str_split(&rest, '\n')).n)
        jout_raw(&rs->json, one);
    jout_end(&rs->json);
    jout_key(&rs->json, "next");
    if (next)
        jout_i64(&rs->json, next);
    else
        jout_null(&rs->json);
    jout_end(&rs->json);
    buf_release(&lines);
    return rc;
}

static enum rc get_verdict(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct audit_verdict v;
    enum rc rc = audit_request(rq, "audit.verify", STR_NONE, "ok", err);
    if (!rc) rc = audit_verify(rq->app, NULL, &v, err);
    if (rc) return rc;
    jout_object(&rs->json);
    jout_kbool(&rs->json, "intact", !v.bad);
    jout_ki64(&rs->json, "lines", v.lines);
    jout_ki64(&rs->json, "first", v.first);
    jout_ki64(&rs->json, "last", v.last);
    jout_ki64(&rs->json, "first_bad", v.bad);
    jout_kz(&rs->json, "why", v.why);
    jout_kz(&rs->json, "head", v.head);
    jout_end(&rs->json);
    return RC_OK;
}

static enum rc write_alerts(struct store_rows *rows, struct jout *out, struct err *err)
{
    bool more = false;
    char at[25];
    enum rc rc = RC_OK;
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        clock_rfc3339(store_i64(rows, 5), at);
        jout_object(out);
        jout_kstr(out, "id", store_text(rows, 0));
        jout_kstr(out, "rule", store_text(rows, 1));
        jout_kstr(out, "who", store_text(rows, 2));
        jout_ki64(out, "count", store_i64(rows, 3));
        jout_ki64(out, "window_s", store_i64(rows, 4) / 1000);
        jout_kz(out, "at", at);
        jout_kstr(out, "state", store_text(rows, 6));
        jout_end(out);
    }
    return rc;
}

static enum rc get_alerts(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    enum rc rc = audit_request(rq, "alert.read", STR_NONE, "ok", err);
    if (!rc) rc = store_begin(rq->app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT id, rule, who, count, window_ms, at_ms, state FROM privacy_alert"
                         " ORDER BY at_ms DESC, id LIMIT ?1",
                         STORE_ARGS(STORE_I(http_param_i64(rq, "limit", 100))), &rows, err);
    jout_object(&rs->json);
    jout_key(&rs->json, "alerts");
    jout_array(&rs->json);
    if (!rc) rc = write_alerts(rows, &rs->json, err);
    jout_end(&rs->json);
    jout_end(&rs->json);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

static enum rc get_retention(struct http_request *rq, struct http_response *rs, struct err *err)
{
    enum rc rc = audit_request(rq, "retention.read", STR_NONE, "ok", err);
    return rc ? rc : privacy_report(rq->app, &rs->json, err);
}

static enum rc get_receipt_key(struct http_request *rq, struct http_response *rs, struct err *err)
{
    uint8_t key[RECEIPT_KEY_BYTES];
    enum rc rc = receipt_public_key(rq->app, key, err);
    if (!rc) receipt_write_jwk(key, &rs->body);
    rs->etag = true;
    rs->cache_control = "public, max-age=3600";
    return rc;
}

/* --------------------------------------------------------------------------------------------- tables */

#define PURPOSES "[\"recommendation\",\"tryon\",\"improvement\"]"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define PAGE_LIMIT                                                                                             \
    {                                                                                                          \
        "limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"default\":100}", \
            "How many a page holds."                                                                           \
    }

static const struct http_param text_params[] = {
    {"language", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"enum\":[\"fr\",\"en\"]}", "Only this language."},
    {0}};
static const struct http_param withdraw_params[] = {
    {"purpose", HTTP_IN_PATH, true, "{\"type\":\"string\",\"enum\":" PURPOSES "}", "The purpose."},
    {"photo", HTTP_IN_QUERY, false,
     "{\"type\":\"string\",\"minLength\":1,\"maxLength\":63,\"pattern\":\"^[A-Za-z0-9_-]+$\"}",
     "Only for this photo; without it, for all."},
    {0}};
static const struct http_param archive_params[] = {
    {"id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$\"}", "The archive's id."},
    {0}};
static const struct http_param register_params[] = {PAGE_LIMIT,
                                                    {"cursor", HTTP_IN_QUERY, false,
                                                     "{\"type\":\"string\",\"minLength\":1,\"maxLength\":63}",
                                                     "`next_cursor` of the page before."},
                                                    {0}};
static const struct http_param audit_params[] = {PAGE_LIMIT,
                                                 {"from", HTTP_IN_QUERY, false,
                                                  "{\"type\":\"integer\",\"minimum\":1,\"default\":1}",
                                                  "Number of the first line."},
                                                 {0}};
static const struct http_param alert_params[] = {PAGE_LIMIT, {0}};

const struct http_route privacy_routes[] = {
    {.path = "/v1/consent-texts",
     .method = "GET",
     .operation = "listConsentTexts",
     .tag = "privacy",
     .summary = "The words that consents are given to, by purpose and language.",
     .handler = get_texts,
     .roles = HTTP_ANYONE,
     .params = text_params,
     .answer_schema = "ConsentTexts"},
    {.path = "/v1/consents",
     .method = "GET",
     .operation = "listConsents",
     .tag = "privacy",
     .summary = "What you consented to and withdrew, in the order it happened.",
     .handler = get_consents,
     .roles = HTTP_SHOPPER,
     .answer_schema = "ConsentList"},
    {.path = "/v1/consents",
     .method = "POST",
     .operation = "giveConsent",
     .tag = "privacy",
     .summary = "Gives consent to one purpose, for one photo or for all until withdrawn.",
     .handler = post_consent,
     .roles = HTTP_SHOPPER,
     .flags = HTTP_IDEMPOTENT,
     .body = HTTP_BODY_JSON,
     .body_schema = "ConsentRequest",
     .answer_schema = "ConsentState",
     .answer_status = 201},
    {.path = "/v1/consents/{purpose}",
     .method = "DELETE",
     .operation = "withdrawConsent",
     .tag = "privacy",
     .summary = "Withdraws consent. All that rested on it is gone when the answer comes.",
     .handler = delete_consent,
     .roles = HTTP_SHOPPER,
     .params = withdraw_params,
     .answer_schema = "ConsentState"},
    {.path = "/v1/account/export",
     .method = "POST",
     .operation = "exportAccount",
     .tag = "privacy",
     .summary = "Asks for an archive of all your data (JSON) and photos.",
     .handler = post_export,
     .roles = ACCOUNTS,
     .answer_schema = "Archive",
     .answer_status = 202},
    {.path = "/v1/account/exports/{id}",
     .method = "GET",
     .operation = "getExport",
     .tag = "privacy",
     .summary = "How far the archive is.",
     .handler = get_export,
     .roles = ACCOUNTS,
     .params = archive_params,
     .answer_schema = "Archive"},
    {.path = "/v1/account/exports/{id}/archive",
     .method = "GET",
     .operation = "downloadExport",
     .tag = "privacy",
     .summary = "The archive: a zip with data.json and the photos.",
     .handler = get_archive,
     .roles = ACCOUNTS,
     .params = archive_params,
     .answer_type = "application/zip"},
    {.path = "/v1/account/erasure",
     .method = "POST",
     .operation = "eraseAccount",
     .tag = "privacy",
     .summary = "Erases the account and everything about it, and answers with a signed receipt.",
     .handler = post_erasure,
     .roles = ACCOUNTS,
     .body = HTTP_BODY_JSON,
     .body_schema = "ErasureRequest",
     .answer_schema = "Erasure"},
    {.path = "/v1/account/objection",
     .method = "GET",
     .operation = "getObjection",
     .tag = "privacy",
     .summary = "Whether you objected to profiling.",
     .handler = get_objection,
     .roles = HTTP_SHOPPER,
     .answer_schema = "Objection"},
    {.path = "/v1/account/objection",
     .method = "PUT",
     .operation = "putObjection",
     .tag = "privacy",
     .summary = "Objects to profiling, or takes that back: recommendations without profile and history.",
     .handler = put_objection,
     .roles = HTTP_SHOPPER,
     .body = HTTP_BODY_JSON,
     .body_schema = "Objection",
     .answer_schema = "Objection"},
    {.path = "/v1/privacy/register",
     .method = "GET",
     .operation = "listRegister",
     .tag = "privacy",
     .summary = "The register of consents, under pseudonyms.",
     .handler = get_register,
     .roles = HTTP_DPO,
     .params = register_params,
     .answer_schema = "ConsentRegister"},
    {.path = "/v1/privacy/audit",
     .method = "GET",
     .operation = "listAudit",
     .tag = "privacy",
     .summary = "The access log, under pseudonyms.",
     .handler = get_audit,
     .roles = HTTP_DPO,
     .params = audit_params,
     .answer_schema = "AuditLines"},
    {.path = "/v1/privacy/audit/verdict",
     .method = "GET",
     .operation = "verifyAudit",
     .tag = "privacy",
     .summary = "Whether a line of the access log was altered, dropped, inserted or moved.",
     .handler = get_verdict,
     .roles = HTTP_DPO,
     .answer_schema = "AuditVerdict"},
    {.path = "/v1/privacy/alerts",
     .method = "GET",
     .operation = "listAlerts",
     .tag = "privacy",
     .summary = "Alerts on abnormal access, the newest first.",
     .handler = get_alerts,
     .roles = HTTP_DPO,
     .params = alert_params,
     .answer_schema = "AlertList"},
    {.path = "/v1/privacy/retention",
     .method = "GET",
     .operation = "getRetention",
     .tag = "privacy",
     .summary = "How long what is kept, and what the last purges did.",
     .handler = get_retention,
     .roles = HTTP_DPO,
     .answer_schema = "Retention"},
    {.path = "/v1/privacy/receipt-key",
     .method = "GET",
     .operation = "getReceiptKey",
     .tag = "privacy",
     .summary = "The public key that receipts of erasures are signed with.",
     .handler = get_receipt_key,
     .roles = HTTP_ANYONE,
     .answer_schema = "ReceiptKey"},
    {0}};

const struct http_schema privacy_schemas[] = {
    {"ConsentTexts",
     "{\"type\":\"object\",\"required\":[\"version\",\"texts\"],\"properties\":{"
     "\"version\":{\"type\":\"string\",\"description\":\"The current one; send it as text_version.\"},"
     "\"texts\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"version\",\"purpose\","
     "\"language\","
     "\"text\"],\"properties\":{\"version\":{\"type\":\"string\"},\"purpose\":{\"enum\":" PURPOSES "},"
     "\"language\":{\"enum\":[\"fr\",\"en\"]},\"text\":{\"type\":\"string\"}}}}}}"},
    {"ConsentList", "{\"type\":\"object\",\"required\":[\"consents\"],\"properties\":{\"consents\":{\"type\":"
                    "\"array\",\"items\":{"
                    "\"type\":\"object\",\"required\":[\"purpose\",\"photo_reference\",\"given\",\"text_"
                    "version\",\"language\","
                    "\"how\",\"at\"],\"properties\":{\"purpose\":{\"enum\":" PURPOSES "},"
                    "\"photo_reference\":{\"type\":[\"string\",\"null\"],\"description\":\"The register's own "
                    "name of the photo; "
                    "null: all.\"},"
                    "\"given\":{\"type\":\"boolean\",\"description\":\"false: "
                    "withdrawn\"},\"text_version\":{\"type\":\"string\"},"
                    "\"language\":{\"type\":\"string\"},\"how\":{\"type\":\"string\"},\"at\":" TIME "}}}}}"},
    {"ConsentRequest",
     "{\"type\":\"object\",\"additionalProperties\":false,"
     "\"required\":[\"purpose\",\"text_version\",\"language\"],\"properties\":{"
     "\"purpose\":{\"type\":\"string\",\"enum\":" PURPOSES "},"
     "\"photo\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":63,\"pattern\":\"^[A-Za-z0-9_-]+$\","
     "\"description\":\"Only for this photo; without it, for all until withdrawn.\"},"
     "\"text_version\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":32,\"examples\":[\"2026-11\"]},"
     "\"language\":{\"type\":\"string\",\"enum\":[\"fr\",\"en\"]},"
     "\"how\":{\"type\":\"string\",\"enum\":[\"web\",\"app\",\"api\"]}}}"},
    {"ConsentState", "{\"type\":\"object\",\"required\":[\"purpose\",\"photo\",\"given\"],\"properties\":{"
                     "\"purpose\":{\"enum\":" PURPOSES
                     "},\"photo\":{\"type\":[\"string\",\"null\"]},\"given\":{\"type\":\"boolean\"}}}"},
    {"Archive",
     "{\"type\":\"object\",\"required\":[\"id\",\"state\",\"progress\",\"bytes\",\"asked\",\"expires\"],"
     "\"properties\":{\"id\":{\"type\":\"string\"},"
     "\"state\":{\"enum\":[\"waiting\",\"running\",\"ready\",\"failed\"]},"
     "\"progress\":{\"type\":\"object\",\"required\":[\"done\",\"total\"],\"properties\":{"
     "\"done\":{\"type\":\"integer\"},\"total\":{\"type\":\"integer\"}}},"
     "\"bytes\":{\"type\":\"integer\"},\"asked\":" TIME ",\"expires\":" TIME "}}"},
    {"ErasureRequest",
     "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"confirm\"],\"properties\":{"
     "\"confirm\":{\"type\":\"string\",\"const\":\"erase\",\"description\":\"There is no way back.\"}}}"},
    {"Erasure",
     "{\"type\":\"object\",\"required\":[\"erased\",\"receipt\"],\"properties\":{\"erased\":{\"const\":true},"
     "\"receipt\":{\"type\":\"string\",\"description\":\"A JWS (RFC 7515) signed with the key of "
     "/v1/privacy/receipt-key.\"}}}"},
    {"Objection", "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"objects_to_profiling\"],"
                  "\"properties\":{\"objects_to_profiling\":{\"type\":\"boolean\"}}}"},
    {"ConsentRegister",
     "{\"type\":\"object\",\"required\":[\"consents\",\"next_cursor\"],\"properties\":{\"consents\":{\"type\":"
     "\"array\","
     "\"items\":{\"type\":\"object\",\"required\":[\"person\",\"purpose\",\"photo\",\"given\",\"text_version\","
     "\"language\",\"how\",\"at\"],\"properties\":{\"person\":{\"type\":\"string\"},\"purpose\":{"
     "\"enum\":" PURPOSES "},"
     "\"photo\":{\"type\":[\"string\",\"null\"]},\"given\":{\"type\":\"boolean\"},\"text_version\":{\"type\":"
     "\"string\"},"
     "\"language\":{\"type\":\"string\"},\"how\":{\"type\":\"string\"},\"at\":" TIME "}}},"
     "\"next_cursor\":{\"type\":[\"string\",\"null\"]}}}"},
    {"AuditLines",
     "{\"type\":\"object\",\"required\":[\"lines\",\"next\"],\"properties\":{\"lines\":{\"type\":\"array\","
     "\"items\":{"
     "\"type\":\"object\",\"required\":[\"n\",\"at\",\"who\",\"roles\",\"what\",\"object\",\"result\","
     "\"request_id\","
     "\"mac\"],\"properties\":{\"n\":{\"type\":\"integer\"},\"at\":" TIME ",\"who\":{\"type\":\"string\"},"
     "\"roles\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"what\":{\"type\":\"string\"},"
     "\"object\":{\"type\":\"string\"},\"result\":{\"type\":\"string\"},\"request_id\":{\"type\":\"string\"},"
     "\"mac\":{\"type\":\"string\"}}}},\"next\":{\"type\":[\"integer\",\"null\"],\"description\":\"`from` of "
     "the next "
     "page.\"}}}"},
    {"AuditVerdict",
     "{\"type\":\"object\",\"required\":[\"intact\",\"lines\",\"first\",\"last\",\"first_bad\",\"why\","
     "\"head\"],"
     "\"properties\":{\"intact\":{\"type\":\"boolean\"},\"lines\":{\"type\":\"integer\"},\"first\":{\"type\":"
     "\"integer\"},"
     "\"last\":{\"type\":\"integer\"},\"first_bad\":{\"type\":\"integer\",\"description\":\"0: none\"},"
     "\"why\":{\"type\":\"string\"},\"head\":{\"type\":\"string\",\"description\":\"To be noted "
     "elsewhere.\"}}}"},
    {"AlertList",
     "{\"type\":\"object\",\"required\":[\"alerts\"],\"properties\":{\"alerts\":{\"type\":\"array\",\"items\":{"
     "\"type\":\"object\",\"required\":[\"id\",\"rule\",\"who\",\"count\",\"window_s\",\"at\",\"state\"],"
     "\"properties\":{\"id\":{\"type\":\"string\"},\"rule\":{\"type\":\"string\"},\"who\":{\"type\":\"string\"}"
     ","
     "\"count\":{\"type\":\"integer\"},\"window_s\":{\"type\":\"integer\"},\"at\":" TIME ","
     "\"state\":{\"enum\":[\"new\",\"logged\",\"sending\",\"sent\",\"failed\"]}}}}}}"},
    {"Retention",
     "{\"type\":\"object\",\"required\":[\"settings\",\"accounts_warned\",\"reports\"],\"properties\":{"
     "\"settings\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}},"
     "\"accounts_warned\":{\"type\":\"integer\"},"
     "\"reports\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"at\",\"accounts\","
     "\"modules\"],"
     "\"properties\":{\"at\":" TIME
     ",\"accounts\":{\"type\":\"object\"},\"modules\":{\"type\":\"object\"}}}}}}"},
    {"ReceiptKey",
     "{\"type\":\"object\",\"required\":[\"kty\",\"crv\",\"x\",\"kid\",\"use\",\"alg\"],\"properties\":{"
     "\"kty\":{\"const\":\"OKP\"},\"crv\":{\"const\":\"Ed25519\"},\"x\":{\"type\":\"string\"},"
     "\"kid\":{\"type\":\"string\"},\"use\":{\"const\":\"sig\"},\"alg\":{\"const\":\"EdDSA\"}}}"},
    {0}};
