/*
 * HTTPS to Microsoft Entra ID and Azure Key Vault by libcurl. Certificates are always checked; no redirect is
 * followed, so that a token goes nowhere but where the settings say.
 *
 * The client secret is read from its file for each token and wiped at once; the token and the request that
 * carries the secret lie in memory that is wiped. Neither is in a message.
 */
#include "vault/azure.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_BYTES = 1 << 16,
    TOKEN_BYTES = 16384,
    SECRET_BYTES = 1024,
    URL_BYTES = 1024,
    TRIES = 5,
    FIRST_PAUSE_MS = 250,
    MOST_PAUSE_MS = 10000,
    TOKEN_SPARE_MS = 120000 /* a token is not used in its last two minutes */
};

struct secrets { /* in locked memory */
    char token[TOKEN_BYTES];
    char header[TOKEN_BYTES + 32];
    char form[4 * SECRET_BYTES];
    uint8_t client_secret[SECRET_BYTES];
};

struct azure {
    const struct config *config;
    char url[URL_BYTES]; /* without a slash at the end */
    struct secrets *secrets;
    int64_t token_until_us; /* 0: none */
};

struct answer {
    struct buf body;
    long status;
    int64_t retry_after_ms; /* -1: not said */
    char failed[160];       /* curl's words when nothing came */
    bool timed_out;
};

static void startup(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static enum rc check_url(const char *setting, const char *url, struct err *err)
{
    if (str_starts(str_of(url), STR("https://")) && strlen(url) > 8 && strlen(url) < URL_BYTES - 256 &&
        !strpbrk(url, "?#@ \\"))
        return RC_OK;
    return err_set(err, RC_INVALID, "%s must be the address of a service, https://...", setting);
}

enum rc azure_open(const struct config *config, struct azure **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const char *const needed[] = {"vault_azure_url", "vault_azure_key", "vault_azure_tenant",
                                         "vault_azure_client_id", "vault_azure_client_secret_file"};
    *out = NULL;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!*config_string(config, needed[i]))
            return err_set(err, RC_INVALID, "vault_master is azure: the setting %s is missing", needed[i]);
    enum rc rc = check_url("vault_azure_url", config_string(config, "vault_azure_url"), err);
    if (!rc) rc = check_url("vault_azure_authority", config_string(config, "vault_azure_authority"), err);
    if (rc) return rc;
    pthread_once(&once, startup);
    struct azure *a = calloc(1, sizeof *a);
    if (a) a->secrets = crypt_secret_alloc(sizeof *a->secrets);
    if (!a || !a->secrets) {
        free(a);
        return err_set(err, RC_NOMEM, "out of (lockable) memory for keys");
    }
    memset(a->secrets, 0, sizeof *a->secrets);
    a->config = config;
    snprintf(a->url, sizeof a->url, "%s", config_string(config, "vault_azure_url"));
    for (size_t n = strlen(a->url); n && a->url[n - 1] == '/';)
        a->url[--n] = 0;
    *out = a;
    return RC_OK;
}

void azure_close(struct azure *a)
{
    if (!a) return;
    crypt_secret_free(a->secrets);
    free(a);
}

const char *azure_url(const struct azure *a) { return a->url; }

/* ------------------------------------------------------------------------------------ one request */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct answer *to = ctx;
    buf_add_bytes(&to->body, p, size * n);
    return to->body.failed ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct answer *to = ctx;
    int64_t seconds;
    struct str value = {p, size * n}, key = str_split(&value, ':');
    if (value.p && str_ieqz(key, "retry-after") && str_to_i64(str_trim(value), &seconds) && seconds >= 0)
        to->retry_after_ms = seconds > MOST_PAUSE_MS / 1000 ? MOST_PAUSE_MS : seconds * 1000;
    return size * n;
}

static void set_options(CURL *e, const struct azure *a, const char *url, struct answer *to)
{
    const char *ca = config_string(a->config, "vault_azure_ca_file");
    long timeout = (long)config_duration_ms(a->config, "vault_azure_timeout");
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (*ca) curl_easy_setopt(e, CURLOPT_CAINFO, ca);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "Penderie");
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, timeout);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, to);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, to);
}

/* `headers` and `body` (p NULL: GET) are borrowed; libcurl copies neither the body nor, for
 * long, the headers. */
static void send_once(const struct azure *a, const char *url, struct curl_slist *headers, struct str body,
                      struct answer *to)
{
    buf_reset(&to->body);
    to->status = 0;
    to->retry_after_ms = -1;
    to->timed_out = false;
    CURL *e = curl_easy_init();
    if (!e) {
        snprintf(to->failed, sizeof to->failed, "out of memory");
        return;
    }
    set_options(e, a, url, to);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    if (body.p) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.p);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    }
    CURLcode code = curl_easy_perform(e);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &to->status);
    if (code) {
        snprintf(to->failed, sizeof to->failed, "%.150s", curl_easy_strerror(code));
        to->timed_out = code == CURLE_OPERATION_TIMEDOUT;
        to->status = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ? -1 : 0;
    }
    curl_easy_cleanup(e);
}

static bool may_pass(const struct answer *a)
{
    return a->status == 0 || a->status == 408 || a->status == 429 || a->status >= 500;
}

static void pause_before(int retry, const struct answer *a)
{
    uint32_t random;
    int64_t ms = (int64_t)FIRST_PAUSE_MS << retry;
    crypt_random(&random, sizeof random);
    ms += (int64_t)(random % (uint64_t)ms); /* so that many servers do not come back at once */
    if (a->retry_after_ms > ms) ms = a->retry_after_ms;
    if (ms > MOST_PAUSE_MS) ms = MOST_PAUSE_MS;
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void send_patiently(const struct azure *a, const char *url, struct curl_slist *headers, struct str body,
                           struct answer *to)
{
    for (int retry = 0;; retry++) {
        send_once(a, url, headers, body, to);
        if (!may_pass(to) || retry == TRIES - 1) return;
        log_info("vault", "Azure %s, trying again (%d of %d)", to->status ? "is busy" : to->failed, retry + 1,
                 TRIES - 1);
        pause_before(retry, to);
    }
}

/* -------------------------------------------------------------------------------------- the words */

/* Letters, digits and plain punctuation of what the other side says, on one line. */
static void plain(struct str s, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < cap; i++)
        out[n++] = s.p[i] >= ' ' && s.p[i] < 127 ? s.p[i] : ' ';
    out[n] = 0;
}

/* Key Vault: {"error":{"code","message"}}; Entra: {"error":"...","error_description":"..."}. */
static enum rc explain(const char *who, const struct answer *a, struct err *err)
{
    char code[80] = "", text[240] = "";
    struct jval *doc = NULL;
    if (a->status == -1)
        return err_set(
            err, RC_IO,
            "%s: its certificate is not trusted (%s); is this the right address, and vault_azure_ca_file the "
            "right authority?",
            who, a->failed);
    if (!a->status)
        return err_set(err, a->timed_out ? RC_TIMEOUT : RC_IO, "%s does not answer: %s", who, a->failed);
    if (!jval_parse(buf_str(&a->body), ANSWER_BYTES, &doc, NULL)) {
        const struct jval *error = jval_get(doc, "error");
        plain(jval_is_object(error) ? jval_str(jval_get(error, "code")) : jval_str(error), code, sizeof code);
        plain(jval_is_object(error) ? jval_str(jval_get(error, "message"))
                                    : jval_str(jval_get(doc, "error_description")),
              text, sizeof text);
    }
    jval_destroy(doc);
    enum rc rc = a->status == 401 || a->status == 403 ? RC_FORBIDDEN : RC_IO;
    const char *advice = a->status == 403
                             ? " Give the application the role Key Vault Crypto Service Encryption User."
                         : a->status == 404 ? " Look at vault_azure_url and vault_azure_key."
                                            : "";
    return err_set(err, rc, "%s answered %ld %s: %s%s", who, a->status, code, text, advice);
}

/* -------------------------------------------------------------------------------------- the token */

static bool add_field(struct secrets *s, size_t *n, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t cap = sizeof s->form;
    int put = snprintf(s->form + *n, cap - *n, "%s%s=", *n ? "&" : "", name);
    if (put < 0 || (size_t)put >= cap - *n) return false;
    *n += (size_t)put;
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        bool safe = (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z') || strchr("-._~", *p);
        if (*n + 4 > cap) return false;
        if (safe) {
            s->form[(*n)++] = (char)*p;
        } else {
            s->form[(*n)++] = '%';
            s->form[(*n)++] = hex[*p >> 4];
            s->form[(*n)++] = hex[*p & 15];
        }
    }
    return true;
}

static enum rc write_form(struct azure *a, size_t *n, struct err *err)
{
    struct secrets *s = a->secrets;
    size_t length = 0;
    *n = 0;
    enum rc rc = crypt_read_private(config_string(a->config, "vault_azure_client_secret_file"), "client secret",
                                    s->client_secret, sizeof s->client_secret, &length, err);
    if (rc) return rc;
    while (length && (s->client_secret[length - 1] == '\n' || s->client_secret[length - 1] == '\r'))
        length--;
    s->client_secret[length] = 0; /* there is room: a full file is refused */
    bool fine = add_field(s, n, "grant_type", "client_credentials") &&
                add_field(s, n, "client_id", config_string(a->config, "vault_azure_client_id")) &&
                add_field(s, n, "scope", config_string(a->config, "vault_azure_scope")) &&
                add_field(s, n, "client_secret", (const char *)s->client_secret);
    crypt_wipe(s->client_secret, sizeof s->client_secret);
    return fine ? RC_OK : err_set(err, RC_INVALID, "the client secret or client id is too long");
}

static enum rc take_token(struct azure *a, const struct answer *answer, struct err *err)
{
    struct jval *doc = NULL;
    int64_t seconds = 0;
    enum rc rc = jval_parse(buf_str(&answer->body), ANSWER_BYTES, &doc, err);
    struct str token = rc ? STR_NONE : jval_str(jval_get(doc, "access_token"));
    bool fine = token.n && token.n < TOKEN_BYTES && jval_i64(jval_get(doc, "expires_in"), &seconds);
    for (size_t i = 0; fine && i < token.n; i++)
        fine = token.p[i] > ' ' && token.p[i] < 127; /* it becomes a header */
    if (fine) {
        memcpy(a->secrets->token, token.p, token.n);
        a->secrets->token[token.n] = 0;
        a->token_until_us = clock_mono_us() + seconds * 1000000 - TOKEN_SPARE_MS * 1000LL;
        crypt_wipe((char *)token.p, token.n); /* before the parser gives it back */
    }
    jval_destroy(doc);
    if (!rc && !fine) rc = err_set(err, RC_IO, "Microsoft Entra ID gave no token that could be used");
    return rc;
}

static void answer_release(struct answer *a)
{
    if (a->body.cap) crypt_wipe(a->body.p, a->body.cap);
    buf_release(&a->body);
}

static enum rc get_token(struct azure *a, struct err *err)
{
    char url[2 * URL_BYTES];
    struct answer answer = {.body = BUF_INIT(ANSWER_BYTES)};
    size_t n;
    a->token_until_us = 0;
    snprintf(url, sizeof url, "%s/%s/oauth2/v2.0/token", config_string(a->config, "vault_azure_authority"),
             config_string(a->config, "vault_azure_tenant"));
    if (!buf_reserve(&answer.body, ANSWER_BYTES / 2))
        return err_set(err, RC_NOMEM, "out of memory"); /* never moves */
    enum rc rc = write_form(a, &n, err);
    if (!rc) send_patiently(a, url, NULL, (struct str){a->secrets->form, n}, &answer);
    crypt_wipe(a->secrets->form, sizeof a->secrets->form);
    if (!rc && answer.status != 200) rc = explain("Microsoft Entra ID", &answer, err);
    if (!rc) rc = take_token(a, &answer, err);
    answer_release(&answer);
    return rc;
}

/* -------------------------------------------------------------------------------------- the calls */

static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *h = headers; h; h = h->next)
        crypt_wipe(h->data, strlen(h->data));
    curl_slist_free_all(headers);
}

static enum rc call_once(struct azure *a, const char *url, struct str body, struct answer *answer,
                         struct err *err)
{
    struct secrets *s = a->secrets;
    enum rc rc = a->token_until_us > clock_mono_us() ? RC_OK : get_token(a, err);
    if (rc) return rc;
    snprintf(s->header, sizeof s->header, "Authorization: Bearer %s", s->token);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *both = curl_slist_append(headers, s->header);
    crypt_wipe(s->header, sizeof s->header);
    if (!both) {
        curl_slist_free_all(headers);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    send_patiently(a, url, both, body, answer);
    free_headers(both);
    return RC_OK;
}

enum rc azure_call(struct azure *a, const char *path, struct str body, struct jval **out, struct err *err)
{
    char url[2 * URL_BYTES];
    struct answer answer = {.body = BUF_INIT(ANSWER_BYTES)};
    *out = NULL;
    int n = snprintf(url, sizeof url, "%s%s?api-version=7.4", a->url, path);
    if (n < 0 || n >= (int)sizeof url) return err_set(err, RC_INVALID, "the name of the Azure key is too long");
    enum rc rc = call_once(a, url, body, &answer, err);
    if (!rc && answer.status == 401) { /* the token was withdrawn, or the clocks disagree */
        a->token_until_us = 0;
        rc = call_once(a, url, body, &answer, err);
    }
    if (!rc && answer.status != 200) rc = explain("Azure Key Vault", &answer, err);
    if (!rc && jval_parse(buf_str(&answer.body), ANSWER_BYTES, out, NULL))
        rc = err_set(err, RC_IO, "Azure Key Vault gave an answer that is no JSON");
    answer_release(&answer);
    return rc;
}
