/*
 * Who asks. Runs on the socket's threads and waits for nothing: signatures are checked, and revocations, keys of
 * servers and issuers' keys looked up, in memory.
 *
 *   Authorization: Bearer ...   our own access token, an issuer's, an API key (pk_), or the staff's one token
 *   Cookie: __Host-penderie     our own access token, from our own web page
 *
 * Cross-site request forgery. The cookies are SameSite=Strict, and a write that comes with them must come from our own
 * page: the browser says so in Sec-Fetch-Site, which pages cannot forge, or, in an older browser, in Origin, which
 * must then name our own host. A request that says neither does not count. Chosen over a token in a header because
 * there is nothing to leak, to go stale or to forget in a new route; a client that uses Bearer is not affected.
 */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- cookies ---- */

struct str cookie_find(const struct http_request *rq, const char *name)
{
    struct str rest = http_header(rq, "Cookie"), one;
    while (rest.p && (one = str_split(&rest, ';')).p) {
        struct str value = str_trim(one), key = str_split(&value, '=');
        if (str_eqz(key, name)) return value;
    }
    return STR_NONE;
}

enum rc same_origin(const struct http_request *rq, struct err *err)
{
    struct str site = http_header(rq, "Sec-Fetch-Site"), origin = http_header(rq, "Origin");
    struct str host = http_header(rq, "Host");
    bool ours =
        site.p ? str_eqz(site, "same-origin")
               : str_starts(origin, STR("https://")) && host.n && str_ieq(str_sub(origin, 8, origin.n), host);
    return ours ? RC_OK : err_set(err, RC_FORBIDDEN, "this request does not come from our own page");
}

static bool writes(const struct http_request *rq)
{
    return strcmp(rq->route->method, "GET") != 0 && strcmp(rq->route->method, "OPTIONS") != 0;
}

/* ---- principals ---- */

static enum rc put(struct http_request *rq, struct http_principal *out, unsigned roles, const char *kind,
                   struct str id, struct err *err)
{
    char limit[VAULT_PSEUDONYM_CHARS + 1];
    const char *text = arena_printf(rq->arena, "%s%.*s", kind, STR_ARG(id));
    if (!text) return err_set(err, RC_NOMEM, "out of memory");
    vault_pseudonym(rq->app->vault, "ops", str_of(text), limit);
    out->roles = roles | HTTP_ANONYMOUS;
    out->id = str_of(text);
    out->limit_key = arena_str(rq->arena, str_of(limit));
    return out->limit_key.p ? RC_OK : err_set(err, RC_NOMEM, "out of memory");
}

static enum rc own_token(struct http_request *rq, const struct jwt *jwt, struct http_principal *out,
                         struct err *err)
{
    struct ident_claims c;
    enum rc rc = token_check(rq->app->ident, jwt, &c, err);
    return rc ? rc : put(rq, out, c.roles, "", str_of(c.account), err);
}

static int by_mac(const void *a, const void *b) { return strcmp(a, ((const struct subject *)b)->mac); }

/* A person of an issuer who has signed in here has an account; others act under a name made from issuer and subject,
 * and not as shoppers: there is no account, and no key, to keep anything of theirs. */
static enum rc issuer_token(struct http_request *rq, struct issuer *i, const struct jwt *jwt,
                            struct http_principal *out, struct err *err)
{
    struct ident *t = rq->app->ident;
    struct issuer_claims c;
    char mac[VAULT_PSEUDONYM_CHARS + 1], account[IDENT_ID_CHARS + 1] = "";
    bool shopper = false;
    enum rc rc = issuer_check(t, i, jwt, i->audience, &c, err);
    if (rc) return rc;
    issuer_subject_mac(rq->app, i, c.subject, mac);
    pthread_rwlock_rdlock(&t->lock);
    const struct subject *s =
        t->n_subjects ? bsearch(mac, t->subjects, t->n_subjects, sizeof *t->subjects, by_mac) : NULL;
    if (s) memcpy(account, s->account, sizeof account);
    if (s) shopper = s->shopper;
    pthread_rwlock_unlock(&t->lock);
    unsigned roles = (c.roles & ~(unsigned)HTTP_SHOPPER) | (shopper ? HTTP_SHOPPER : 0);
    return *account ? put(rq, out, roles, "", str_of(account), err)
                    : put(rq, out, roles, "ext:", str_of(mac), err);
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, ((const struct api_key *)b)->hash, CRYPT_SHA256_BYTES);
}

static bool key_covers(const struct api_key *k, const char *operation)
{
    char wanted[100];
    snprintf(wanted, sizeof wanted, ",%s,", operation);
    return !*k->operations || strstr(k->operations, wanted);
}

static enum rc api_key(struct http_request *rq, struct str token, struct http_principal *out, struct err *err)
{
    struct ident *t = rq->app->ident;
    uint8_t hash[CRYPT_SHA256_BYTES];
    char id[IDENT_ID_CHARS + 1] = "";
    unsigned roles = 0;
    bool covers = false;
    crypt_sha256(token, hash);
    pthread_rwlock_rdlock(&t->lock);
    struct api_key *k = t->n_keys ? bsearch(hash, t->keys, t->n_keys, sizeof *t->keys, by_hash) : NULL;
    if (k && (!k->ends_ms || clock_now_ms() < k->ends_ms)) {
        memcpy(id, k->id, sizeof id);
        roles = k->roles;
        covers = key_covers(k, rq->route->operation);
        atomic_store(&k->use_ms, clock_today_ms());
    }
    pthread_rwlock_unlock(&t->lock);
    if (!*id) return err_set(err, RC_UNAUTHENTICATED, "this key is not valid");
    if (!covers) return err_set(err, RC_FORBIDDEN, "this key does not cover this operation");
    return put(rq, out, roles, "key:", str_of(id), err);
}

static enum rc json_token(struct http_request *rq, struct str token, struct http_principal *out,
                          struct err *err)
{
    struct jwt jwt;
    enum rc rc = jwt_parse(token, &jwt, err);
    if (!rc) {
        struct issuer *i = issuer_of(rq->app->ident, &jwt);
        rc = i ? issuer_token(rq, i, &jwt, out, err) : own_token(rq, &jwt, out, err);
    }
    jwt_release(&jwt);
    return rc;
}

static bool bearer(const struct http_request *rq, struct str *token)
{
    struct str rest = http_header(rq, "Authorization"), scheme = str_split(&rest, ' ');
    if (!str_ieqz(scheme, "bearer") || !rest.p) return false;
    *token = str_trim(rest);
    return true;
}

static enum rc by_header(struct http_request *rq, struct http_principal *out, struct err *err)
{
    struct str token;
    if (!bearer(rq, &token)) return http_authenticate_default(rq, out, err);
    if (str_starts(token, STR("pk_"))) return api_key(rq, token, out, err);
    if (str_chr(token, '.') != SIZE_MAX) return json_token(rq, token, out, err);
    return http_authenticate_default(rq, out, err);
}

enum rc ident_authenticate(struct http_request *rq, struct http_principal *out, struct err *err)
{
    struct jwt jwt;
    struct err why;
    *out = (struct http_principal){.roles = HTTP_ANONYMOUS, .id = STR(""), .limit_key = STR_NONE};
    if (http_header(rq, "Authorization").p) {
        enum rc rc = by_header(rq, out, err);
        if (rc == RC_UNAUTHENTICATED) metric_add(&ident_refused, NULL, 1);
        return rc;
    }
    struct str cookie = cookie_find(rq, IDENT_COOKIE);
    if (!cookie.n) return RC_OK;
    enum rc rc = jwt_parse(cookie, &jwt, &why);
    if (!rc) rc = own_token(rq, &jwt, out, &why);
    jwt_release(&jwt);
    if (rc == RC_UNAUTHENTICATED) { /* a cookie that has ended: the page renews it when it is told 401 */
        *out = (struct http_principal){.roles = HTTP_ANONYMOUS, .id = STR(""), .limit_key = STR_NONE};
        return RC_OK;
    }
    if (rc) return err_set(err, rc, "%s", why.message);
    return writes(rq) ? same_origin(rq, err) : RC_OK;
}

void ident_session_of(const struct http_request *rq, char out[static IDENT_ID_CHARS + 1])
{
    struct str token;
    struct jwt jwt;
    struct ident_claims c;
    out[0] = 0;
    if (!bearer(rq, &token)) token = cookie_find(rq, IDENT_COOKIE);
    if (!token.n) return;
    if (!jwt_parse(token, &jwt, NULL) && !token_check(rq->app->ident, &jwt, &c, NULL))
        memcpy(out, c.session, sizeof c.session);
    jwt_release(&jwt);
}
