/*
 * Sign-in with an OpenID provider, for browsers: the authorization code flow with PKCE (RFC 7636, S256), state and
 * nonce (OpenID Connect Core 1.0, 3.1). What must come back unchanged - state, nonce, the code's verifier, the
 * provider's name - travels in a cookie, sealed with the house's key, so that any process can finish what another began.
 *
 * That cookie is SameSite=Lax: the provider's page sends the browser back, which Strict would not let it come with.
 */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum { STATE_S = 600, SECRET_BYTES = 32, SECRET_TEXT = 44, ANSWER_MAX = 1 << 20, MOST_AT_ONCE = 4 };

struct flow {
    char state[SECRET_TEXT], nonce[SECRET_TEXT], verifier[SECRET_TEXT];
    char issuer[64];
    bool of_age;
    int64_t until_s;
};

HANDLER(oidc_list)
{
    struct ident *t = rq->app->ident;
    (void)err;
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    for (size_t i = 0; i < t->n_issuers; i++) {
        if (!*t->issuers[i].client_id) continue;
        jout_object(&rs->json);
        jout_kz(&rs->json, "name", t->issuers[i].name);
        jout_kz(&rs->json, "label", t->issuers[i].label);
        jout_end(&rs->json);
    }
    jout_end(&rs->json);
    jout_end(&rs->json);
    return RC_OK;
}

static void secret(char out[static SECRET_TEXT])
{
    uint8_t bytes[SECRET_BYTES];
    crypt_random(bytes, sizeof bytes);
    crypt_base64url(bytes, sizeof bytes, out);
    crypt_wipe(bytes, sizeof bytes);
}

static enum rc redirect_uri(const struct app *app, struct buf *out, struct err *err)
{
    enum rc rc = link_url(app, "", "", out, err);
    if (rc) return rc;
    out->n = str_find(buf_str(out), STR("/#"));
    buf_addz(out, "/v1/sessions/oidc/callback");
    return buf_check(out, "the address to come back to", err);
}

static enum rc put_flow(struct http_request *rq, struct http_response *rs, const struct flow *f,
                        struct err *err)
{
    char line[400], text[1024];
    struct buf sealed = BUF_INIT(512);
    snprintf(line, sizeof line, "%s %s %s %s %d %lld", f->state, f->nonce, f->verifier, f->issuer, f->of_age,
             (long long)f->until_s);
    enum rc rc = vault_seal_house(rq->app->vault, "ident", STR("oidc.flow"), str_of(line), &sealed, err);
    if (!rc) {
        crypt_base64url(sealed.p, sealed.n, text); /* 512 bytes at most: 684 characters */
        rc = add_cookie(rs, IDENT_STATE_COOKIE, text, STATE_S, "Lax", err);
    }
    crypt_wipe(line, sizeof line);
    buf_release(&sealed);
    return rc;
}

static bool take(struct str *rest, char *out, size_t cap)
{
    struct str one = str_split(rest, ' ');
    if (!one.n || one.n >= cap) return false;
    memcpy(out, one.p, one.n);
    out[one.n] = 0;
    return true;
}

static bool read_flow(const struct http_request *rq, struct flow *f)
{
    uint8_t sealed[700];
    size_t n = 0;
    char of_age[4];
    struct buf plain = BUF_INIT(1024);
    struct str cookie = cookie_find(rq, IDENT_STATE_COOKIE);
    bool fine = cookie.n && crypt_base64url_decode(cookie, sealed, sizeof sealed, &n) &&
                !vault_unseal_house(rq->app->vault, "ident", STR("oidc.flow"),
                                    (struct str){(const char *)sealed, n}, &plain, NULL);
    struct str rest = buf_str(&plain);
    fine = fine && take(&rest, f->state, sizeof f->state) && take(&rest, f->nonce, sizeof f->nonce) &&
           take(&rest, f->verifier, sizeof f->verifier) && take(&rest, f->issuer, sizeof f->issuer) &&
           take(&rest, of_age, sizeof of_age) && str_to_i64(rest, &f->until_s) &&
           f->until_s > clock_now_ms() / 1000;
    f->of_age = fine && strcmp(of_age, "1") == 0;
    if (plain.n) crypt_wipe(plain.p, plain.n);
    buf_release(&plain);
    return fine;
}

static enum rc see_other(struct http_response *rs, const char *where, struct err *err)
{
    rs->status = 303;
    return http_add_header(rs, "Location", where, err);
}

static void add_question(struct buf *url, const struct issuer *i, const struct flow *f, const struct buf *back)
{
    uint8_t hash[CRYPT_SHA256_BYTES];
    char challenge[SECRET_TEXT];
    struct buf form = BUF_INIT(8192);
    crypt_sha256(str_of(f->verifier), hash);
    crypt_base64url(hash, sizeof hash, challenge);
    form_add(&form, "response_type", STR("code"));
    form_add(&form, "client_id", str_of(i->client_id));
    form_add(&form, "redirect_uri", buf_str(back));
    form_add(&form, "scope", str_of(i->scope));
    form_add(&form, "state", str_of(f->state));
    form_add(&form, "nonce", str_of(f->nonce));
    form_add(&form, "code_challenge", str_of(challenge));
    form_add(&form, "code_challenge_method", STR("S256"));
    buf_addc(url, str_chr(buf_str(url), '?') == SIZE_MAX ? '?' : '&');
    buf_add(url, buf_str(&form));
    if (form.failed) url->failed = form.failed;
    buf_release(&form);
}

HANDLER(oidc_start)
{
    struct ident *t = rq->app->ident;
    struct issuer *i = issuer_named(t, http_param(rq, "issuer"));
    struct flow f = {.of_age = str_eqz(http_param(rq, "of_age"), "true"),
                     .until_s = clock_now_ms() / 1000 + STATE_S};
    struct buf url = BUF_INIT(16384), back = BUF_INIT(2048);
    if (!i || !*i->client_id) return err_set(err, RC_NOT_FOUND, "there is no such provider");
    if (strlen(i->name) >= sizeof f.issuer || strchr(i->name, ' '))
        return err_set(err, RC_INTERNAL, "this issuer's name cannot be used here");
    snprintf(f.issuer, sizeof f.issuer, "%s", i->name);
    secret(f.state);
    secret(f.nonce);
    secret(f.verifier);
    pthread_rwlock_rdlock(&t->lock);
    if (i->authorization) buf_addz(&url, i->authorization);
    pthread_rwlock_unlock(&t->lock);
    enum rc rc =
        url.n ? redirect_uri(rq->app, &back, err) : err_set(err, RC_BUSY, "the provider is not known yet");
    if (!rc) {
        add_question(&url, i, &f, &back);
        rc = buf_check(&url, "the provider's address", err);
    }
    if (!rc) rc = put_flow(rq, rs, &f, err);
    if (!rc) rc = see_other(rs, url.p, err);
    crypt_wipe(&f, sizeof f);
    buf_release(&url);
    buf_release(&back);
    return rc;
}

/* ---- coming back ---- */

static enum rc exchange(struct http_request *rq, struct issuer *i, const struct flow *f, struct jval **answer,
                        struct err *err)
{
    static atomic_int running;
    struct buf form = BUF_INIT(16384), back = BUF_INIT(2048), text = BUF_INIT(ANSWER_MAX);
    enum rc rc = redirect_uri(rq->app, &back, err);
    if (!rc) {
        form_add(&form, "grant_type", STR("authorization_code"));
        form_add(&form, "code", http_param(rq, "code"));
        form_add(&form, "redirect_uri", buf_str(&back));
        form_add(&form, "code_verifier", str_of(f->verifier));
        if (!i->client_secret) form_add(&form, "client_id", str_of(i->client_id));
        rc = buf_check(&form, "the question", err);
    }
    /* It waits for the provider, on a worker: some of them may, never all. */
    if (!rc) {
        rc = atomic_fetch_add(&running, 1) < MOST_AT_ONCE
                 ? issuer_exchange(rq->app->ident, i, buf_str(&form), &text, err)
                 : err_set(err, RC_BUSY, "too many sign in at once");
        atomic_fetch_sub(&running, 1);
    }
    if (!rc) rc = jval_parse(buf_str(&text), ANSWER_MAX, answer, err);
    if (form.n) crypt_wipe(form.p, form.n);
    if (text.n) crypt_wipe(text.p, text.n);
    buf_release(&form);
    buf_release(&back);
    buf_release(&text);
    return rc;
}

/* The account of this person, made at the first sign-in. */
static enum rc account_of(struct http_request *rq, const struct issuer *i, const struct issuer_claims *c,
                          bool of_age, struct ident_account *a, struct err *err)
{
    char mac[VAULT_PSEUDONYM_CHARS + 1], id[IDENT_ID_CHARS + 1];
    unsigned staff = c->roles & IDENT_STAFF_ROLES;
    issuer_subject_mac(rq->app, i, c->subject, mac);
    enum rc rc = account_by_subject(rq->app, mac, id, err);
    if (rc == RC_NOT_FOUND) {
        if (!staff && !of_age) return err_set(err, RC_UNPROCESSABLE, "shoppers confirm that they are of age");
        rc = account_create_for(rq->app, mac, c->email, staff | (of_age ? HTTP_SHOPPER : 0), of_age, id, err);
        if (rc == RC_CONFLICT)
            rc = account_by_subject(rq->app, mac, id, err); /* made by another request just now */
        if (!rc) rc = memory_refresh(rq->app->ident, err);
        if (!rc) rc = ident_audit(rq->app, str_of(id), c->roles, "account.create", STR_NONE, "ok", rq->id, err);
    }
    if (!rc) rc = account_load(rq->app, str_of(id), a, err);
    if (rc) return rc;
    unsigned roles = (a->roles & HTTP_SHOPPER) | staff; /* the provider says what staff may do */
    if (roles == a->roles) return RC_OK;
    rc = account_set_roles(rq->app, str_of(a->id), roles, err);
    if (!rc) rc = ident_audit(rq->app, str_of(id), roles, "roles.change", str_of(id), "ok", rq->id, err);
    account_release(a);
    if (!rc) rc = memory_refresh(rq->app->ident, err);
    return rc ? rc : account_load(rq->app, str_of(id), a, err);
}

static enum rc finish(struct http_request *rq, struct http_response *rs, struct issuer *i, const struct flow *f,
                      struct err *err)
{
    struct jval *answer = NULL;
    struct jwt jwt = {.header = NULL};
    struct issuer_claims claims;
    struct ident_account a;
    struct ident_tokens tokens;
    enum rc rc = exchange(rq, i, f, &answer, err);
    if (!rc) rc = jwt_parse(jval_str(jval_get(answer, "id_token")), &jwt, err);
    if (!rc) rc = issuer_check(rq->app->ident, i, &jwt, i->client_id, &claims, err);
    if (!rc && !str_eqz(jval_str(jval_get(jwt.payload, "nonce")), f->nonce))
        rc = err_set(err, RC_UNAUTHENTICATED, "the provider's answer is to another question");
    if (!rc) rc = account_of(rq, i, &claims, f->of_age, &a, err);
    if (!rc) {
        rc = session_start(rq->app, &a, true, &tokens, err);
        if (!rc)
            rc = ident_audit(rq->app, str_of(a.id), tokens.roles, "session.start", STR_NONE, "ok", rq->id, err);
        if (!rc) rc = add_session_cookies(rs, &tokens, err);
        crypt_wipe(&tokens, sizeof tokens);
        account_release(&a);
    }
    jwt_release(&jwt);
    jval_destroy(answer);
    return rc;
}

static bool state_fits(const struct http_request *rq, const struct flow *f, const struct issuer *i)
{
    struct str state = http_param(rq, "state"), iss = http_param(rq, "iss");
    bool same = state.n == strlen(f->state) && crypt_equal(state.p, f->state, state.n);
    return same && (!iss.n || str_eqz(iss, i->issuer)); /* RFC 9207: not another provider's answer */
}

HANDLER(oidc_callback)
{
    struct flow f = {.until_s = 0};
    struct err why;
    struct issuer *i = read_flow(rq, &f) ? issuer_named(rq->app->ident, str_of(f.issuer)) : NULL;
    enum rc rc = i && state_fits(rq, &f, i)
                     ? RC_OK
                     : err_set(&why, RC_UNAUTHENTICATED, "this sign-in was not begun here");
    if (!rc && !http_param(rq, "code").n) rc = err_set(&why, RC_UNAUTHENTICATED, "the provider refused");
    if (!rc) rc = finish(rq, rs, i, &f, &why);
    crypt_wipe(&f, sizeof f);
    metric_add(&ident_signins, rc ? "refused" : "ok", 1);
    if (rc) { /* the page says it in the person's language; the log, to the operator */
        log_info("ident", "sign-in elsewhere: %s", why.message);
        rs->fields = NULL;
        enum rc logged =
            ident_audit(rq->app, STR_NONE, HTTP_ANONYMOUS, "session.start", STR_NONE, "refused", rq->id, err);
        if (logged) return logged;
    }
    enum rc sent = add_cookie(rs, IDENT_STATE_COOKIE, "", 0, "Lax", err);
    if (!sent)
        sent = see_other(rs,
                         !rc                      ? "/#signed-in"
                         : rc == RC_UNPROCESSABLE ? "/#signin-age"
                                                  : "/#signin-failed",
                         err);
    return sent;
}
