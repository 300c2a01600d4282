/* A small HTTPS client for the check: one connection kept, the house's own certificate trusted. */
#include "base/fs.h"
#include "cli/privacy_check.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_S = 30 };

struct check_client {
    CURL *easy;
    char url[256], ca[PATH_MAX];
};

enum rc check_client_open(const char *url, const char *data_dir, struct check_client **out, struct err *err)
{
    struct check_client *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) || !(c->easy = curl_easy_init())) {
        free(c);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    snprintf(c->url, sizeof c->url, "%s", url);
    snprintf(c->ca, sizeof c->ca, "%s/tls/cert.pem", data_dir);
    *out = c;
    return RC_OK;
}

void check_client_close(struct check_client *c)
{
    if (!c) return;
    curl_easy_cleanup(c->easy);
    free(c);
}

static size_t take(char *p, size_t size, size_t n, void *ctx)
{
    struct buf *b = ctx;
    buf_add_bytes(b, p, size * n);
    return b->failed ? 0 : size * n;
}

static struct curl_slist *headers_of(const struct check_request *rq)
{
    char line[4096];
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (rq->token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", rq->token);
        list = curl_slist_append(list, line);
    }
    if (rq->type) {
        snprintf(line, sizeof line, "Content-Type: %s", rq->type);
        list = curl_slist_append(list, line);
    }
    return list;
}

enum rc check_call(struct check_client *c, const struct check_request *rq, struct check_answer *a,
                   struct err *err)
{
    char url[1024];
    CURL *e = c->easy;
    *a = (struct check_answer){.headers = BUF_INIT(256 << 10), .body = BUF_INIT(64 << 20)};
    curl_easy_reset(e); /* keeps the connection */
    snprintf(url, sizeof url, "%s%s", c->url, rq->path);
    struct curl_slist *headers = headers_of(rq);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, rq->method);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &a->body);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, &a->headers);
    if (fs_exists(c->ca)) curl_easy_setopt(e, CURLOPT_CAINFO, c->ca);
    if (rq->tls == CHECK_TLS_1_2) {
        curl_easy_setopt(e, CURLOPT_SSLVERSION,
                         (long)CURL_SSLVERSION_TLSv1 | (long)CURL_SSLVERSION_MAX_TLSv1_2);
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    }
    if (rq->body.n) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, rq->body.p);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
    }
    CURLcode code = curl_easy_perform(e);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &a->status);
    a->refused_tls = code == CURLE_SSL_CONNECT_ERROR;
    curl_slist_free_all(headers);
    if (code != CURLE_OK && !a->status) return err_set(err, RC_IO, "%s: %s", c->url, curl_easy_strerror(code));
    return RC_OK;
}

void check_answer_release(struct check_answer *a)
{
    buf_release(&a->headers);
    buf_release(&a->body);
}

struct str check_header(const struct check_answer *a, const char *name)
{
    struct str rest = buf_str(&a->headers), line;
    while ((line = str_split(&rest, '\n')).p) {
        struct str value = line, key = str_split(&value, ':');
        if (value.p && str_ieqz(str_trim(key), name)) return str_trim(value);
        if (!rest.p) break;
    }
    return STR_NONE;
}
