/*
 * OpenID providers whose tokens count here (Microsoft Entra ID and any other): OpenID Connect Discovery 1.0, JSON Web
 * Key sets (RFC 7517), and the checks of RFC 9068 and RFC 8725.
 *
 * Keys are fetched by the thread "ident-net": at start, every hour, and when a token names a key that is not there -
 * then at most every ten seconds, so that made-up names cannot make us hammer the provider. A set replaces the one
 * before as a whole: a key that the provider has withdrawn is refused from then on. Keys not confirmed for a day count
 * no more.
 *
 * The algorithm is the key's (crypt/sign.h), never the token's: `none`, HS256 with a public key as its secret, and an
 * RSA token under an EC key all fail on that.
 *
 * The file that ident_issuers_file names:
 *   {"issuers": [{"name": "entra", "label": "Contoso", "issuer": "https://login.microsoftonline.com/TENANT/v2.0",
 *     "tenant": "TENANT", "audience": "APPLICATION", "client_id": "APPLICATION", "client_secret_file": "...",
 *     "roles_claim": "roles", "roles": {"Penderie.Dpo": "dpo"}, "scope": "openid email", "ca_file": "..."}]}
 */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/jval.h"
#include "base/log.h"
#include "crypt/sign.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_ISSUERS = 16, FILE_MAX = 1 << 20, ANSWER_MAX = 1 << 20, FETCH_S = 10, LEEWAY_S = 60 };
#define EVERY_US INT64_C(3600000000) /* keys are fetched again */
#define AGAIN_US INT64_C(10000000)   /* after a failure, or for an unknown key */
#define KEEP_US INT64_C(86400000000) /* without a successful fetch */

/* ---- settings ---- */

enum rc ident_read_secret(const char *path, char **out, struct err *err)
{
    struct stat st;
    char *text = NULL;
    size_t n = 0;
    *out = NULL;
    if (!stat(path, &st) && (st.st_mode & 077))
        return err_set(err, RC_FORBIDDEN, "%s: others can read this secret; chmod 600 it", path);
    enum rc rc = fs_read(path, 4096, &text, &n, err);
    if (rc) return rc;
    struct str s = str_trim((struct str){text, n});
    *out = strndup(s.p ? s.p : "", s.n);
    crypt_wipe(text, n);
    free(text);
    return *out ? RC_OK : err_set(err, RC_NOMEM, "out of memory");
}

static char *copy(struct str s) { return strndup(s.p ? s.p : "", s.n); }

static bool is_loopback(const char *url)
{
    struct str s = str_of(url);
    return str_starts(s, STR("http://localhost:")) || str_starts(s, STR("http://127.0.0.1:")) ||
           str_starts(s, STR("http://[::1]:"));
}

/* https; or http on this very machine, for an issuer that is there too. */
static bool url_allowed(const struct issuer *i, struct str url)
{
    char text[1024];
    if (url.n >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", STR_ARG(url));
    return str_starts(url, STR("https://")) || (is_loopback(i->issuer) && is_loopback(text));
}

static enum rc read_map(struct issuer *i, const struct jval *map, struct err *err)
{
    const struct jval *value;
    const char *claim;
    for (size_t k = 0; map && (claim = jval_member(map, k, &value)); k++) {
        unsigned role;
        if (i->n_map == ISSUER_MAX_ROLES || !ident_role_parse(jval_str(value), &role))
            return err_set(err, RC_INVALID, "issuer %s: roles: \"%s\" has no role of ours", i->name, claim);
        i->map[i->n_map].claim = copy(str_of(claim));
        i->map[i->n_map++].roles = role;
    }
    return RC_OK;
}

static enum rc read_issuer(struct issuer *i, const struct jval *v, struct err *err)
{
    static const char *const known[] = {
        "name",        "label", "issuer", "audience", "client_id", "client_secret_file",
        "roles_claim", "roles", "tenant", "scope",    "ca_file"};
    const struct jval *member;
    const char *name;
    for (size_t k = 0; (name = jval_member(v, k, &member)); k++) {
        bool fine = false;
        for (size_t j = 0; j < sizeof known / sizeof *known; j++)
            fine = fine || strcmp(name, known[j]) == 0;
        if (!fine) return err_set(err, RC_INVALID, "\"%s\" is no setting of an issuer", name);
    }
    struct str label = jval_str(jval_get(v, "label")), roles = jval_str(jval_get(v, "roles_claim"));
    struct str scope = jval_str(jval_get(v, "scope")), id = jval_str(jval_get(v, "name"));
    i->name = copy(id);
    i->label = copy(label.n ? label : id);
    i->issuer = copy(jval_str(jval_get(v, "issuer")));
    i->audience = copy(jval_str(jval_get(v, "audience")));
    i->client_id = copy(jval_str(jval_get(v, "client_id")));
    i->tenant = copy(jval_str(jval_get(v, "tenant")));
    i->roles_claim = copy(roles.n ? roles : STR("roles"));
    i->scope = copy(scope.n ? scope : STR("openid email"));
    i->ca_file = copy(jval_str(jval_get(v, "ca_file")));
    if (!i->name || !i->label || !i->issuer || !i->audience || !i->client_id || !i->tenant || !i->roles_claim ||
        !i->scope || !i->ca_file)
        return err_set(err, RC_NOMEM, "out of memory");
    if (!*i->name || !*i->issuer || (!*i->audience && !*i->client_id))
        return err_set(err, RC_INVALID, "an issuer needs name, issuer, and audience or client_id");
    if (!url_allowed(i, str_of(i->issuer)))
        return err_set(err, RC_INVALID, "issuer %s: its address begins with https://", i->name);
    struct str secret = jval_str(jval_get(v, "client_secret_file"));
    enum rc rc = read_map(i, jval_get(v, "roles"), err);
    if (!rc && secret.n) {
        char *path = copy(secret);
        rc = path ? ident_read_secret(path, &i->client_secret, err) : err_set(err, RC_NOMEM, "out of memory");
        free(path);
    }
    return rc;
}

enum rc issuers_load(struct ident *t, const char *path, struct err *err)
{
    struct jval *doc = NULL;
    if (!*path) return RC_OK;
    enum rc rc = jval_parse_file(path, FILE_MAX, &doc, err);
    const struct jval *list = jval_get(doc, "issuers");
    if (!rc && (!jval_is_array(list) || jval_len(list) > MOST_ISSUERS))
        rc = err_set(err, RC_INVALID, "expected {\"issuers\": [...]}, at most %d", MOST_ISSUERS);
    if (!rc) t->issuers = calloc(jval_len(list) + 1, sizeof *t->issuers);
    if (!rc && !t->issuers) rc = err_set(err, RC_NOMEM, "out of memory");
    for (size_t k = 0; !rc && k < jval_len(list); k++)
        rc = read_issuer(&t->issuers[t->n_issuers++], jval_at(list, k), err);
    jval_destroy(doc);
    if (rc) err_prefix(err, "ident_issuers_file: %s: ", path);
    return rc;
}

static void issuer_release(struct issuer *i)
{
    char *const all[] = {i->name,        i->label, i->issuer,  i->audience,      i->client_id, i->tenant,
                         i->roles_claim, i->scope, i->ca_file, i->authorization, i->token,     i->jwks};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        free(all[k]);
    for (size_t k = 0; k < i->n_map; k++)
        free(i->map[k].claim);
    if (i->client_secret) crypt_wipe(i->client_secret, strlen(i->client_secret));
    free(i->client_secret);
    issuer_free_keys(i->keys, i->n_keys);
}

void issuers_destroy(struct ident *t)
{
    for (size_t k = 0; k < t->n_issuers; k++)
        issuer_release(&t->issuers[k]);
    free(t->issuers);
    t->issuers = NULL;
    t->n_issuers = 0;
}

struct issuer *issuer_named(struct ident *t, struct str name)
{
    for (size_t k = 0; k < t->n_issuers; k++)
        if (str_eqz(name, t->issuers[k].name)) return &t->issuers[k];
    return NULL;
}

struct issuer *issuer_of(struct ident *t, const struct jwt *jwt)
{
    struct str iss = jval_str(jval_get(jwt->payload, "iss"));
    for (size_t k = 0; k < t->n_issuers; k++)
        if (str_eqz(iss, t->issuers[k].issuer)) return &t->issuers[k];
    return NULL;
}

void issuer_subject_mac(struct app *app, const struct issuer *i, struct str subject,
                        char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    struct buf text = BUF_INIT(JWT_MAX_BYTES);
    buf_addf(&text, "%s\n", i->issuer);
    buf_add(&text, subject);
    vault_pseudonym(app->vault, "subject", buf_str(&text), out);
    buf_release(&text);
}

/* ---- keys ---- */

void issuer_free_keys(struct issuer_key *keys, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        free(keys[k].kid);
        crypt_public_key_destroy(keys[k].key);
        keys[k] = (struct issuer_key){0};
    }
}

/* A number or coordinate of a key. */
static struct str number(const struct jval *jwk, const char *name, uint8_t out[static JWT_MAX_SIGNATURE])
{
    size_t n = 0;
    struct str text = jval_str(jval_get(jwk, name));
    if (!text.n || !crypt_base64url_decode(text, out, JWT_MAX_SIGNATURE, &n)) return STR_NONE;
    return (struct str){(const char *)out, n};
}

/* RC_INVALID for what we cannot use. */
static enum rc read_key(const struct jval *jwk, struct issuer_key *out, struct err *err)
{
    uint8_t a[JWT_MAX_SIGNATURE], b[JWT_MAX_SIGNATURE];
    struct str kty = jval_str(jval_get(jwk, "kty")), use = jval_str(jval_get(jwk, "use"));
    struct str alg = jval_str(jval_get(jwk, "alg")), kid = jval_str(jval_get(jwk, "kid"));
    bool ec = str_eqz(kty, "EC") && str_eqz(jval_str(jval_get(jwk, "crv")), "P-256");
    enum rc rc;
    if ((use.n && !str_eqz(use, "sig")) || (!ec && !str_eqz(kty, "RSA")) ||
        (alg.n && !str_eqz(alg, ec ? "ES256" : "RS256")))
        return err_set(err, RC_INVALID, "a key of another kind");
    if (ec)
        rc = crypt_es256_key(number(jwk, "x", a), number(jwk, "y", b), &out->key, err);
    else
        rc = crypt_rs256_key(number(jwk, "n", a), number(jwk, "e", b), &out->key, err);
    if (!rc && kid.n && !(out->kid = copy(kid))) rc = err_set(err, RC_NOMEM, "out of memory");
    return rc;
}

enum rc issuer_read_keys(struct str json, struct issuer_key *keys, size_t *n, struct err *err)
{
    struct jval *doc = NULL;
    *n = 0;
    enum rc rc = jval_parse(json, ANSWER_MAX, &doc, err);
    const struct jval *list = jval_get(doc, "keys");
    if (!rc && !jval_is_array(list)) rc = err_set(err, RC_INVALID, "this is no set of keys");
    for (size_t k = 0; !rc && k < jval_len(list) && *n < ISSUER_MAX_KEYS; k++) {
        keys[*n] = (struct issuer_key){0};
        enum rc one = read_key(jval_at(list, k), &keys[*n], err);
        if (!one)
            (*n)++;
        else if (one != RC_INVALID)
            rc = one;
        if (one) issuer_free_keys(&keys[*n], 1);
    }
    jval_destroy(doc);
    if (rc) {
        issuer_free_keys(keys, *n);
        *n = 0;
    }
    return rc;
}

/* ---- fetching ---- */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct buf *b = ctx;
    buf_add_bytes(b, p, size * n);
    return b->failed ? 0 : size * n;
}

/* GET, or POST when there is a form. Redirects are not followed: a provider says where things are. */
static enum rc fetch(const struct issuer *i, const char *url, struct str form, const char *user,
                     const char *secret, struct buf *out, struct err *err)
{
    CURL *e = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    long status = 0;
    enum rc rc = RC_OK;
    if (!e || !headers) {
        rc = err_set(err, RC_NOMEM, "out of memory");
        goto out;
    }
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, is_loopback(i->issuer) ? "http,https" : "https");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "Penderie");
    curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)FETCH_S);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)FETCH_S / 2);
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE, (long)ANSWER_MAX);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, out);
    if (*i->ca_file) curl_easy_setopt(e, CURLOPT_CAINFO, i->ca_file);
    if (is_loopback(i->issuer)) curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (form.p) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)form.n);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, form.p);
    }
    if (secret) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERNAME, user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, secret);
    }
    CURLcode code = curl_easy_perform(e);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    if (code)
        rc = err_set(err, RC_IO, "the provider: %s", curl_easy_strerror(code));
    else if (status != 200)
        rc = err_set(err, RC_IO, "the provider answered %ld", status);
out:
    curl_slist_free_all(headers);
    curl_easy_cleanup(e);
    return rc;
}

static enum rc take_endpoint(const struct issuer *i, const struct jval *doc, const char *name, bool needed,
                             char **out, struct err *err)
{
    struct str url = jval_str(jval_get(doc, name));
    *out = NULL;
    if (!url.n && !needed) return RC_OK;
    if (!url.n || !url_allowed(i, url))
        return err_set(err, RC_INVALID, "discovery: %s is missing or not https", name);
    *out = copy(url);
    return *out ? RC_OK : err_set(err, RC_NOMEM, "out of memory");
}

static enum rc discover(struct ident *t, struct issuer *i, struct err *err)
{
    char url[1100], *ends[3] = {NULL, NULL, NULL};
    struct buf body = BUF_INIT(ANSWER_MAX);
    struct jval *doc = NULL;
    size_t n = strlen(i->issuer);
    snprintf(url, sizeof url, "%.*s/.well-known/openid-configuration",
             (int)(n && i->issuer[n - 1] == '/' ? n - 1 : n), i->issuer);
    enum rc rc = fetch(i, url, STR_NONE, NULL, NULL, &body, err);
    if (!rc) rc = jval_parse(buf_str(&body), ANSWER_MAX, &doc, err);
    if (!rc && !str_eqz(jval_str(jval_get(doc, "issuer")), i->issuer))
        rc = err_set(err, RC_INVALID, "discovery: the provider says it is another issuer");
    if (!rc) rc = take_endpoint(i, doc, "jwks_uri", true, &ends[0], err);
    if (!rc) rc = take_endpoint(i, doc, "authorization_endpoint", false, &ends[1], err);
    if (!rc) rc = take_endpoint(i, doc, "token_endpoint", false, &ends[2], err);
    if (!rc) {
        char *old[3] = {i->jwks, i->authorization, i->token};
        pthread_rwlock_wrlock(&t->lock);
        i->jwks = ends[0];
        i->authorization = ends[1];
        i->token = ends[2];
        pthread_rwlock_unlock(&t->lock);
        memcpy(ends, old, sizeof old);
    }
    for (size_t k = 0; k < 3; k++)
        free(ends[k]);
    jval_destroy(doc);
    buf_release(&body);
    return rc;
}

static enum rc fetch_keys(struct ident *t, struct issuer *i, struct err *err)
{
    struct buf body = BUF_INIT(ANSWER_MAX);
    struct issuer_key fresh[ISSUER_MAX_KEYS], old[ISSUER_MAX_KEYS];
    size_t n = 0, n_old = 0;
    /* Discovery each time: a provider may move. jwks is changed by this thread alone, so it is read without lock. */
    enum rc rc = discover(t, i, err);
    if (!rc) rc = fetch(i, i->jwks, STR_NONE, NULL, NULL, &body, err);
    if (!rc) rc = issuer_read_keys(buf_str(&body), fresh, &n, err);
    if (!rc && !n) rc = err_set(err, RC_INVALID, "no key for RS256 or ES256 in the provider's set");
    if (!rc) {
        pthread_rwlock_wrlock(&t->lock);
        memcpy(old, i->keys, sizeof old);
        n_old = i->n_keys;
        memcpy(i->keys, fresh, n * sizeof *fresh);
        i->n_keys = n;
        i->fetched_us = clock_mono_us();
        pthread_rwlock_unlock(&t->lock);
        issuer_free_keys(old, n_old);
    }
    buf_release(&body);
    return rc;
}

void issuers_work(struct ident *t)
{
    for (size_t k = 0; k < t->n_issuers; k++) {
        struct issuer *i = &t->issuers[k];
        int64_t now = clock_mono_us();
        struct err err;
        bool wanted = atomic_load(&i->wanted) || !i->fetched_us;
        if (i->tried_us && now - i->tried_us < (wanted ? AGAIN_US : EVERY_US)) continue;
        enum rc rc = fetch_keys(t, i, &err);
        pthread_rwlock_wrlock(&t->lock);
        i->tried_us = clock_mono_us();
        pthread_rwlock_unlock(&t->lock);
        atomic_store(&i->wanted, false);
        if (rc) log_warn("ident", "issuer %s: %s", i->name, err.message);
    }
}

/* ---- checking tokens ---- */

static enum rc refuse(struct err *err, const char *why)
{
    return err_set(err, RC_UNAUTHENTICATED, "this token is not valid: %s", why);
}

/* Under the lock. NULL: not there. */
static const struct crypt_public_key *find_key(const struct issuer *i, const struct jwt *jwt)
{
    const struct crypt_public_key *found = NULL;
    size_t n = 0;
    for (size_t k = 0; k < i->n_keys; k++) {
        if (jwt->kid.n && i->keys[k].kid && str_eqz(jwt->kid, i->keys[k].kid)) return i->keys[k].key;
        if (!jwt->kid.n && str_eqz(jwt->alg, crypt_public_key_alg(i->keys[k].key))) {
            found = i->keys[k].key;
            n++;
        }
    }
    return n == 1 ? found : NULL; /* without a name, only where there is no choice */
}

static enum rc check_signature(struct ident *t, struct issuer *i, const struct jwt *jwt, struct err *err)
{
    int64_t now = clock_mono_us();
    bool fine = false, right_alg = false;
    pthread_rwlock_rdlock(&t->lock);
    bool fresh = i->fetched_us && now - i->fetched_us < KEEP_US;
    bool may_ask = !i->tried_us || now - i->tried_us >= AGAIN_US || !fresh;
    const struct crypt_public_key *key = fresh ? find_key(i, jwt) : NULL;
    if (key) right_alg = str_eqz(jwt->alg, crypt_public_key_alg(key));
    if (right_alg)
        fine =
            crypt_verify(key, jwt->signed_part, (struct str){(const char *)jwt->signature, jwt->signature_n});
    pthread_rwlock_unlock(&t->lock);
    if (fine) return RC_OK;
    if (key) return refuse(err, right_alg ? "its signature is wrong" : "its algorithm is not its key's");
    if (!str_eqz(jwt->alg, "RS256") && !str_eqz(jwt->alg, "ES256"))
        return refuse(err, "its algorithm does not count");
    if (!may_ask) return refuse(err, "its key is not known");
    atomic_store(&i->wanted, true);
    pthread_mutex_lock(&t->wake_lock);
    t->net_due = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->wake_lock);
    return err_set(err, RC_BUSY, "the issuer's keys are being fetched");
}

static void map_role(const struct issuer *i, struct str value, unsigned *roles)
{
    for (size_t k = 0; k < i->n_map; k++)
        if (str_eqz(value, i->map[k].claim)) *roles |= i->map[k].roles;
}

static void read_claims(const struct issuer *i, const struct jval *p, struct issuer_claims *out)
{
    const struct jval *roles = jval_get(p, i->roles_claim);
    bool verified = false;
    map_role(i, jval_str(roles), &out->roles);
    for (size_t k = 0; jval_is_array(roles) && k < jval_len(roles); k++)
        map_role(i, jval_str(jval_at(roles, k)), &out->roles);
    out->subject = jval_str(jval_get(p, "sub"));
    if (jval_bool(jval_get(p, "email_verified"), &verified) && verified)
        out->email = jval_str(jval_get(p, "email"));
}

enum rc issuer_check(struct ident *t, struct issuer *i, const struct jwt *jwt, const char *audience,
                     struct issuer_claims *out, struct err *err)
{
    const struct jval *p = jwt->payload;
    *out = (struct issuer_claims){.roles = HTTP_ANONYMOUS};
    enum rc rc = check_signature(t, i, jwt, err);
    if (!rc) rc = jwt_check_times(p, clock_now_ms(), LEEWAY_S, err);
    if (rc) return rc;
    if (!str_eqz(jval_str(jval_get(p, "iss")), i->issuer)) return refuse(err, "it is of another issuer");
    if (!jwt_has_audience(p, audience)) return refuse(err, "it is for somebody else");
    if (*i->tenant && !str_eqz(jval_str(jval_get(p, "tid")), i->tenant))
        return refuse(err, "it is of another tenant");
    read_claims(i, p, out);
    return out->subject.n ? RC_OK : refuse(err, "it names nobody");
}

/* ---- the token endpoint ---- */

void form_add(struct buf *b, const char *name, struct str value)
{
    buf_addf(b, "%s%s=", b->n ? "&" : "", name);
    for (size_t k = 0; k < value.n; k++) {
        unsigned char c = (unsigned char)value.p[k];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain)
            buf_addc(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
}

enum rc issuer_exchange(struct ident *t, struct issuer *i, struct str form, struct buf *answer, struct err *err)
{
    struct buf user = BUF_INIT(4096), secret = BUF_INIT(16384);
    char *url = NULL;
    pthread_rwlock_rdlock(&t->lock);
    if (i->token) url = strdup(i->token);
    pthread_rwlock_unlock(&t->lock);
    if (!url) return err_set(err, RC_BUSY, "the provider is not known yet");
    /* RFC 6749, 2.3.1: both are form-encoded first. */
    form_add(&user, "", str_of(i->client_id));
    if (i->client_secret) form_add(&secret, "", str_of(i->client_secret));
    enum rc rc = fetch(i, url, form, user.p + 1, i->client_secret ? secret.p + 1 : NULL, answer, err);
    if (secret.n) crypt_wipe(secret.p, secret.n);
    buf_release(&user);
    buf_release(&secret);
    free(url);
    return rc;
}
