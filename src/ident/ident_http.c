/* Routes of persons: sign-up, sign-in, the account, the second factor, a forgotten password. */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"

#include <stdio.h>
#include <string.h>

/* ---- what several need ---- */

static struct str field(const struct http_request *rq, const char *name)
{
    return jval_str(jval_get(rq->json, name));
}

static bool flag(const struct http_request *rq, const char *name)
{
    bool v = false;
    return jval_bool(jval_get(rq->json, name), &v) && v;
}

static const char *language(const struct http_request *rq)
{
    return str_ieqz(str_sub(str_trim(http_header(rq, "Accept-Language")), 0, 2), "en") ? "en" : "fr";
}

static enum rc audit(const struct http_request *rq, const char *who, unsigned roles, const char *what,
                     const char *result, struct err *err)
{
    return ident_audit(rq->app, str_of(who), roles, what, STR_NONE, result, rq->id, err);
}

static struct attempt by_client(const struct http_request *rq)
{
    return (struct attempt){"client", rq->principal.limit_key,
                            config_int(rq->app->config, "ident_limit_client")};
}

static struct attempt by_account(const struct http_request *rq, const char *what, const char *who)
{
    return (struct attempt){what, str_of(who), config_int(rq->app->config, "ident_limit_account")};
}

/* The account of who asks. Staff with the house's token, keys and people known only elsewhere have none. */
static enum rc own_account(const struct http_request *rq, struct ident_account *a, struct err *err)
{
    enum rc rc = account_load(rq->app, rq->principal.id, a, err);
    return rc == RC_NOT_FOUND ? err_set(err, RC_NOT_FOUND, "there is no account behind this token") : rc;
}

enum rc add_cookie(struct http_response *rs, const char *name, const char *value, int64_t seconds,
                   const char *same_site, struct err *err)
{
    struct buf line = BUF_INIT(8192);
    buf_addf(&line, "%s=%s; Path=/; Secure; HttpOnly; SameSite=%s; Max-Age=%lld", name, value, same_site,
             (long long)seconds);
    enum rc rc = buf_check(&line, "a cookie", err);
    if (!rc) rc = http_add_header(rs, "Set-Cookie", line.p, err);
    buf_release(&line);
    return rc;
}

enum rc add_session_cookies(struct http_response *rs, const struct ident_tokens *t, struct err *err)
{
    enum rc rc = add_cookie(rs, IDENT_COOKIE, t->access, t->access_s, "Strict", err);
    return rc ? rc : add_cookie(rs, IDENT_REFRESH_COOKIE, t->refresh, t->refresh_s, "Strict", err);
}

static enum rc drop_cookies(struct http_response *rs, struct err *err)
{
    enum rc rc = add_cookie(rs, IDENT_COOKIE, "", 0, "Strict", err);
    return rc ? rc : add_cookie(rs, IDENT_REFRESH_COOKIE, "", 0, "Strict", err);
}

/* A browser's tokens go into cookies that no script can read; others get them in the body. */
enum rc answer_session(struct http_response *rs, const struct ident_tokens *t, struct err *err)
{
    enum rc rc = t->web ? add_session_cookies(rs, t, err) : RC_OK;
    jout_object(&rs->json);
    jout_kz(&rs->json, "state", "signed-in");
    jout_key(&rs->json, "roles");
    ident_write_roles(&rs->json, t->roles);
    jout_ki64(&rs->json, "expires_in", t->access_s);
    if (!t->web) {
        jout_kz(&rs->json, "token_type", "Bearer");
        jout_kz(&rs->json, "access_token", t->access);
        jout_kz(&rs->json, "refresh_token", t->refresh);
        jout_ki64(&rs->json, "refresh_expires_in", t->refresh_s);
    }
    jout_end(&rs->json);
    return rc;
}

static enum rc answer_accepted(struct http_response *rs)
{
    jout_object(&rs->json);
    jout_kz(&rs->json, "state", "accepted");
    jout_end(&rs->json);
    return RC_OK;
}

/* ---- sign-up ---- */

static enum rc mail_link(struct app *app, enum mail_kind kind, const char *purpose, const char *account,
                         const char *to, const char *lang, struct err *err)
{
    char token[IDENT_TOKEN_TEXT];
    enum rc rc = link_make(app, str_of(account), purpose, token, err);
    if (!rc) mail_post(app, kind, account, to, lang, token);
    crypt_wipe(token, sizeof token);
    return rc;
}

/* The answer is the same whether the e-mail has an account or not; its owner is told. */
static enum rc sign_up(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct app *app = rq->app;
    bool confirm = config_bool(app->config, "ident_confirm_email");
    struct ident_new n = {.email = field(rq, "email"),
                          .password = field(rq, "password"),
                          .roles = HTTP_SHOPPER,
                          .of_age = flag(rq, "of_age"),
                          .unconfirmed = confirm};
    struct attempt limit = by_client(rq);
    char id[IDENT_ID_CHARS + 1] = "", email[IDENT_EMAIL_MAX + 1];
    struct ident_account there;
    enum rc rc = attempts_take(app, &limit, 1, &rs->retry_after_s, err);
    if (!rc) rc = account_email(n.email, email, err);
    if (!rc) rc = ident_create(app, &n, id, err);
    if (rc == RC_CONFLICT) {
        rc = account_load_by_email(app, email, &there, err);
        if (rc == RC_NOT_FOUND) return answer_accepted(rs); /* erased meanwhile */
        if (rc) return rc;
        memcpy(id, there.id, sizeof id);
        bool again = confirm && !there.confirmed;
        account_release(&there);
        rc = audit(rq, NULL, HTTP_ANONYMOUS, "account.create", "refused", err);
        if (!rc && again)
            rc = mail_link(app, MAIL_CONFIRM, "confirm", id, email, language(rq), err);
        else if (!rc)
            mail_post(app, MAIL_EXISTS, id, email, language(rq), "");
        return rc ? rc : answer_accepted(rs);
    }
    if (rc) return rc;
    rc = audit(rq, id, HTTP_SHOPPER, "account.create", "ok", err);
    if (!rc && confirm) rc = mail_link(app, MAIL_CONFIRM, "confirm", id, email, language(rq), err);
    return rc ? rc : answer_accepted(rs);
}

static enum rc confirm_email(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char id[IDENT_ID_CHARS + 1];
    struct attempt limit = by_client(rq);
    enum rc rc = attempts_take(rq->app, &limit, 1, &rs->retry_after_s, err);
    if (!rc) rc = link_use(rq->app, field(rq, "token"), "confirm", id, err);
    if (!rc) rc = account_confirm(rq->app, str_of(id), err);
    return rc ? rc : audit(rq, id, HTTP_SHOPPER, "account.confirm", "ok", err);
}

/* ---- sign-in ---- */

static enum rc refuse_sign_in(const struct http_request *rq, const char *who, struct err *err)
{
    metric_add(&ident_signins, "refused", 1);
    enum rc rc = audit(rq, who, HTTP_ANONYMOUS, "session.start", "refused", err);
    return rc ? rc : err_set(err, RC_UNAUTHENTICATED, "e-mail, password or code is wrong");
}

static enum rc ask_for_code(struct http_response *rs)
{
    jout_object(&rs->json);
    jout_kz(&rs->json, "state", "code-needed");
    jout_end(&rs->json);
    return RC_OK;
}

/* A hash made at an older cost is made anew while the password is at hand. */
static enum rc renew_hash(const struct http_request *rq, const struct ident_account *a, struct err *err)
{
    char hash[CRYPT_PASSWORD_TEXT];
    struct crypt_password_cost cost = {(uint64_t)config_int(rq->app->config, "ident_password_passes"),
                                       (size_t)config_bytes(rq->app->config, "ident_password_memory")};
    if (!crypt_password_outdated(a->password, &cost)) return RC_OK;
    enum rc rc = account_hash(rq->app, field(rq, "password"), hash, err);
    if (!rc) rc = account_store_hash(rq->app, str_of(a->id), hash, err);
    crypt_wipe(hash, sizeof hash);
    return rc == RC_BUSY ? RC_OK : rc; /* another time */
}

/* What an account that was found adds to the answer: RC_OK with *in false: a code is to be asked for. */
static enum rc second_factor(struct http_request *rq, const struct ident_account *a, bool *in, struct err *err)
{
    struct str code = field(rq, "code");
    bool right = false;
    *in = a->totp_state != IDENT_TOTP_ON;
    if (*in || !code.n) return RC_OK;
    enum rc rc = totp_check(rq->app, a, code, &right, err);
    if (rc) return rc;
    *in = right;
    return right ? RC_OK : refuse_sign_in(rq, a->id, err);
}

static enum rc let_in(struct http_request *rq, struct http_response *rs, const struct ident_account *a,
                      const struct attempt *limits, size_t n, struct err *err)
{
    struct ident_tokens tokens;
    enum rc rc = renew_hash(rq, a, err);
    if (!rc) rc = attempts_clear(rq->app, limits, n, err);
    if (!rc) rc = session_start(rq->app, a, flag(rq, "cookie"), &tokens, err);
    if (!rc) rc = audit(rq, a->id, tokens.roles, "session.start", "ok", err);
    if (!rc) rc = answer_session(rs, &tokens, err);
    if (!rc) metric_add(&ident_signins, "ok", 1);
    crypt_wipe(&tokens, sizeof tokens);
    return rc;
}

static enum rc sign_in(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct app *app = rq->app;
    struct ident_account a = {.id = ""};
    char email[IDENT_EMAIL_MAX + 1];
    bool right = false, in = false;
    enum rc rc = flag(rq, "cookie") ? same_origin(rq, err) : RC_OK;
    if (!rc) rc = account_email(field(rq, "email"), email, err);
    if (rc) return rc;
    /* The e-mail counts whether it has an account or not. */
    struct attempt limits[] = {by_account(rq, "sign-in", email), by_client(rq)};
    rc = attempts_take(app, limits, 2, &rs->retry_after_s, err);
    if (rc == RC_LIMIT) metric_add(&ident_signins, "limited", 1);
    if (rc) return rc;
    rc = account_load_by_email(app, email, &a, err);
    bool there = !rc;
    if (rc && rc != RC_NOT_FOUND) return rc;
    rc = account_verify(app, there ? a.password : NULL, field(rq, "password"), &right, err);
    if (!rc && !(there && right && a.confirmed)) rc = refuse_sign_in(rq, there ? a.id : NULL, err);
    if (!rc) rc = second_factor(rq, &a, &in, err);
    if (!rc) rc = in ? let_in(rq, rs, &a, limits, 1, err) : ask_for_code(rs);
    if (there) account_release(&a);
    return rc;
}

static enum rc renew_session(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str token = field(rq, "refresh_token"), cookie = cookie_find(rq, IDENT_REFRESH_COOKIE);
    struct ident_tokens tokens;
    bool reused = false;
    enum rc rc = RC_OK;
    if (!token.p) {
        token = cookie;
        rc = token.p ? same_origin(rq, err) : err_set(err, RC_UNAUTHENTICATED, "sign in again");
    }
    if (rc) return rc;
    rc = session_refresh(rq->app, token, &tokens, &reused, err);
    if (rc == RC_UNAUTHENTICATED && reused) {
        struct err ignored;
        metric_add(&ident_signins, "reused", 1);
        enum rc logged = audit(rq, tokens.account, HTTP_ANONYMOUS, "session.reuse", "refused", &ignored);
        if (logged) rc = err_set(err, logged, "%s", ignored.message);
    }
    if (rc) return rc;
    rc = answer_session(rs, &tokens, err);
    crypt_wipe(&tokens, sizeof tokens);
    return rc;
}

static enum rc sign_out(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char session[IDENT_ID_CHARS + 1];
    bool all = str_eqz(http_param(rq, "all"), "true");
    struct str refresh = cookie_find(rq, IDENT_REFRESH_COOKIE);
    enum rc rc = refresh.p ? same_origin(rq, err) : RC_OK;
    if (rc) return rc;
    ident_session_of(rq, session);
    if (all && *session) {
        struct store_tx *tx;
        rc = store_begin(rq->app->identity, STORE_WRITE, &tx, err);
        if (!rc) rc = store_end(tx, session_end_all(tx, rq->principal.id, NULL, err), err);
        if (!rc) rc = memory_refresh(rq->app->ident, err);
    } else if (*session) {
        rc = session_end(rq->app, str_of(session), err);
    }
    if (!rc && refresh.p) rc = session_end_by_refresh(rq->app, refresh, err);
    if (!rc && *session)
        rc = ident_audit(rq->app, rq->principal.id, rq->principal.roles, "session.end", STR_NONE, "ok", rq->id,
                         err);
    return rc ? rc : drop_cookies(rs, err);
}

/* ---- the account ---- */

static void write_account(struct jout *out, const struct ident_account *a)
{
    jout_object(out);
    jout_kz(out, "id", a->id);
    jout_key(out, "email");
    if (a->email.n)
        jout_str(out, buf_str(&a->email));
    else
        jout_null(out);
    jout_key(out, "roles");
    ident_write_roles(out, a->roles);
    jout_kbool(out, "second_factor", a->totp_state == IDENT_TOTP_ON);
    jout_kbool(out, "password", a->password[0] != 0);
    jout_kday(out, "joined", a->made_ms);
    jout_end(out);
}

static enum rc audit_own(const struct http_request *rq, const char *what, const char *result, struct err *err)
{
    return ident_audit(rq->app, rq->principal.id, rq->principal.roles, what, rq->principal.id, result, rq->id,
                       err);
}

static enum rc get_account(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct ident_account a;
    enum rc rc = own_account(rq, &a, err);
    if (rc) return rc;
    rc = audit_own(rq, "account.read", "ok", err);
    if (!rc) write_account(&rs->json, &a);
    account_release(&a);
    return rc;
}

/* What changes an account needs the password again, if there is one: a session may have been left open. */
static enum rc check_password(struct http_request *rq, struct http_response *rs, const struct ident_account *a,
                              struct str password, struct err *err)
{
    bool right = false;
    struct attempt limit = by_account(rq, "change", a->id);
    if (!a->password[0]) return RC_OK;
    enum rc rc = attempts_take(rq->app, &limit, 1, &rs->retry_after_s, err);
    if (!rc) rc = account_verify(rq->app, a->password, password, &right, err);
    if (!rc && !right) {
        rc = audit_own(rq, "account.change", "refused", err);
        if (!rc) rc = err_set(err, RC_FORBIDDEN, "the password is wrong");
    }
    return rc ? rc : attempts_clear(rq->app, &limit, 1, err);
}

static enum rc change_password(struct http_request *rq, const struct ident_account *a, struct err *err)
{
    char hash[CRYPT_PASSWORD_TEXT], session[IDENT_ID_CHARS + 1];
    struct str password = field(rq, "new_password");
    ident_session_of(rq, session);
    enum rc rc = account_password_rules(password, a->email.n ? a->email.p : NULL, err);
    if (!rc) rc = account_hash(rq->app, password, hash, err);
    if (!rc) rc = account_set_password(rq->app, str_of(a->id), hash, *session ? session : NULL, err);
    crypt_wipe(hash, sizeof hash);
    return rc ? rc : memory_refresh(rq->app->ident, err);
}

static enum rc change_account(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct ident_account a;
    char email[IDENT_EMAIL_MAX + 1];
    struct str to = field(rq, "email");
    enum rc rc = own_account(rq, &a, err);
    if (rc) return rc;
    rc = check_password(rq, rs, &a, field(rq, "password"), err);
    if (!rc && to.p) rc = account_email(to, email, err);
    if (!rc && field(rq, "new_password").p) rc = change_password(rq, &a, err);
    if (!rc && to.p) rc = account_set_email(rq->app, str_of(a.id), email, err);
    if (!rc) rc = audit_own(rq, "account.change", "ok", err);
    account_release(&a);
    if (!rc) rc = own_account(rq, &a, err);
    if (rc) return rc;
    write_account(&rs->json, &a);
    account_release(&a);
    return RC_OK;
}

/* ---- the second factor ---- */

static enum rc begin_totp(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct ident_account a;
    char secret[33];
    struct buf uri = BUF_INIT(1024);
    enum rc rc = own_account(rq, &a, err);
    if (rc) return rc;
    rc = check_password(rq, rs, &a, field(rq, "password"), err);
    if (!rc) rc = totp_begin(rq->app, &a, secret, err);
    if (!rc) rc = audit_own(rq, "account.totp.begin", "ok", err);
    if (!rc) {
        /* No e-mail in the label: authenticator apps keep it, and their backups too. */
        buf_addf(&uri, "otpauth://totp/Penderie?secret=%s&issuer=Penderie&algorithm=SHA1&digits=%d&period=%d",
                 secret, CRYPT_TOTP_DIGITS, CRYPT_TOTP_STEP_S);
        jout_object(&rs->json);
        jout_kz(&rs->json, "secret", secret);
        jout_kstr(&rs->json, "uri", buf_str(&uri));
        jout_end(&rs->json);
        rc = buf_check(&uri, "the address of the secret", err);
    }
    crypt_wipe(secret, sizeof secret);
    buf_release(&uri);
    account_release(&a);
    return rc;
}

static enum rc confirm_totp(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct ident_account a;
    char recovery[TOTP_RECOVERY_CODES][TOTP_RECOVERY_TEXT];
    enum rc rc = own_account(rq, &a, err);
    if (rc) return rc;
    struct attempt limit = by_account(rq, "totp", a.id);
    rc = attempts_take(rq->app, &limit, 1, &rs->retry_after_s, err);
    if (!rc) rc = totp_confirm(rq->app, &a, field(rq, "code"), recovery, err);
    if (!rc) rc = attempts_clear(rq->app, &limit, 1, err);
    if (!rc) rc = audit_own(rq, "account.totp.on", "ok", err);
    if (!rc) {
        jout_object(&rs->json);
        jout_key(&rs->json, "recovery_codes");
        jout_array(&rs->json);
        for (size_t i = 0; i < TOTP_RECOVERY_CODES; i++)
            jout_z(&rs->json, recovery[i]);
        jout_end(&rs->json);
        jout_end(&rs->json);
    }
    crypt_wipe(recovery, sizeof recovery);
    account_release(&a);
    return rc;
}

static enum rc remove_totp(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct ident_account a;
    bool right = false;
    enum rc rc = own_account(rq, &a, err);
    if (rc) return rc;
    struct attempt limit = by_account(rq, "totp", a.id);
    if (a.totp_state == IDENT_TOTP_ON) {
        rc = attempts_take(rq->app, &limit, 1, &rs->retry_after_s, err);
        if (!rc) rc = totp_check(rq->app, &a, http_header(rq, "TOTP-Code"), &right, err);
        if (!rc && !right) rc = err_set(err, RC_FORBIDDEN, "this is not the current code");
        if (!rc) rc = attempts_clear(rq->app, &limit, 1, err);
    }
    if (!rc) rc = totp_remove(rq->app, str_of(a.id), err);
    if (!rc) rc = audit_own(rq, "account.totp.off", "ok", err);
    account_release(&a);
    return rc;
}

/* ---- a forgotten password ---- */

static enum rc ask_reset(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct app *app = rq->app;
    struct ident_account a = {.id = ""};
    char email[IDENT_EMAIL_MAX + 1], token[IDENT_TOKEN_TEXT];
    enum rc rc = account_email(field(rq, "email"), email, err);
    if (rc) return rc;
    struct attempt limits[] = {by_account(rq, "reset", email), by_client(rq)};
    rc = attempts_take(app, limits, 2, &rs->retry_after_s, err);
    if (!rc) rc = account_load_by_email(app, email, &a, err);
    bool there = !rc;
    if (rc && rc != RC_NOT_FOUND) return rc;
    /* The same writes either way: a link for nobody, where there is no account. */
    rc = link_make(app, str_of(there ? a.id : "-"), "reset", token, err);
    if (!rc)
        rc =
            audit(rq, there ? a.id : NULL, HTTP_ANONYMOUS, "password.reset.ask", there ? "ok" : "refused", err);
    if (!rc && there) mail_post(app, MAIL_RESET, a.id, email, language(rq), token);
    crypt_wipe(token, sizeof token);
    if (there) account_release(&a);
    return rc ? rc : answer_accepted(rs);
}

static enum rc do_reset(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char id[IDENT_ID_CHARS + 1], hash[CRYPT_PASSWORD_TEXT] = "";
    struct str password = field(rq, "password");
    struct attempt limit = by_client(rq);
    enum rc rc = attempts_take(rq->app, &limit, 1, &rs->retry_after_s, err);
    if (!rc) rc = account_password_rules(password, NULL, err);
    if (!rc) rc = account_hash(rq->app, password, hash, err);
    if (!rc) rc = link_use(rq->app, field(rq, "token"), "reset", id, err);
    if (!rc) rc = account_set_password(rq->app, str_of(id), hash, NULL, err);
    if (!rc) rc = account_confirm(rq->app, str_of(id), err); /* the mail has arrived */
    if (!rc) rc = memory_refresh(rq->app->ident, err);
    crypt_wipe(hash, sizeof hash);
    return rc ? rc : audit(rq, id, HTTP_ANONYMOUS, "password.reset", "ok", err);
}

/* ---- the tables ---- */

#define ID_PATTERN \
    "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{22}$\",\"examples\":[\"3q2-7wAAAAAAAAAAAAAAAA\"]}"

static const struct http_param sign_out_params[] = {
    {"all", HTTP_IN_QUERY, false, "{\"type\":\"boolean\"}", "End the sessions on all other devices too."}, {0}};
static const struct http_param totp_params[] = {{"TOTP-Code", HTTP_IN_HEADER, true,
                                                 "{\"type\":\"string\",\"minLength\":6,\"maxLength\":24}",
                                                 "The current code, or a recovery code."},
                                                {0}};
static const struct http_param key_params[] = {{"id", HTTP_IN_PATH, true, ID_PATTERN, "The key."}, {0}};
static const struct http_param user_params[] = {{"id", HTTP_IN_PATH, true, ID_PATTERN, "The account."}, {0}};
static const struct http_param start_params[] = {
    {"issuer", HTTP_IN_QUERY, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":60}",
     "Its `name` in GET /v1/sessions/oidc."},
    {"of_age", HTTP_IN_QUERY, false, "{\"type\":\"boolean\"}",
     "The person confirms to be of age; a first sign-in as a shopper needs it."},
    {0}};
/* Of any length that an address may have. */
#define OPAQUE "{\"type\":\"string\"}"
static const struct http_param callback_params[] = {
    {"state", HTTP_IN_QUERY, false, OPAQUE, "As it was sent to the provider."},
    {"code", HTTP_IN_QUERY, false, OPAQUE, "The authorization code."},
    {"iss", HTTP_IN_QUERY, false, OPAQUE, "The issuer (RFC 9207)."},
    {"session_state", HTTP_IN_QUERY, false, OPAQUE, "Not used."},
    {"error", HTTP_IN_QUERY, false, OPAQUE, "What the provider says went wrong."},
    {"error_description", HTTP_IN_QUERY, false, OPAQUE, "The same in words; not used."},
    {"error_uri", HTTP_IN_QUERY, false, OPAQUE, "Not used."},
    {0}};

enum { PERSONS = HTTP_SHOPPER | IDENT_STAFF_ROLES };

const struct http_route ident_routes[] = {
    {.path = "/v1/accounts",
     .method = "POST",
     .operation = "signUp",
     .tag = "account",
     .summary = "Make an account; the answer does not tell whether the e-mail had one.",
     .handler = sign_up,
     .roles = HTTP_ANYONE,
     .body = HTTP_BODY_JSON,
     .body_schema = "NewAccount",
     .answer_schema = "Accepted",
     .answer_status = 202},
    {.path = "/v1/accounts/confirm",
     .method = "POST",
     .operation = "confirmEmail",
     .tag = "account",
     .summary = "Confirm an e-mail with the token of the mailed link.",
     .handler = confirm_email,
     .roles = HTTP_ANYONE,
     .body = HTTP_BODY_JSON,
     .body_schema = "LinkToken",
     .answer_status = 204},
    {.path = "/v1/sessions",
     .method = "POST",
     .operation = "signIn",
     .tag = "account",
     .summary = "Sign in with e-mail and password, and a code where the account asks for one.",
     .handler = sign_in,
     .roles = HTTP_ANYONE,
     .body = HTTP_BODY_JSON,
     .body_schema = "SignIn",
     .answer_schema = "Session"},
    {.path = "/v1/sessions",
     .method = "DELETE",
     .operation = "signOut",
     .tag = "account",
     .summary = "End this session, or all of this person's.",
     .handler = sign_out,
     .roles = HTTP_ANYONE,
     .params = sign_out_params,
     .answer_status = 204},
    {.path = "/v1/sessions/refresh",
     .method = "POST",
     .operation = "renewSession",
     .tag = "account",
     .summary = "Exchange a refresh token, from the body or the cookie, for a new pair.",
     .handler = renew_session,
     .roles = HTTP_ANYONE,
     .body = HTTP_BODY_JSON,
     .body_schema = "Renewal",
     .answer_schema = "Session"},
    {.path = "/v1/sessions/oidc",
     .method = "GET",
     .operation = "listIssuers",
     .tag = "account",
     .summary = "OpenID providers that people can sign in with.",
     .handler = oidc_list,
     .roles = HTTP_ANYONE,
     .answer_schema = "Issuers"},
    {.path = "/v1/sessions/oidc/start",
     .method = "GET",
     .operation = "startOidc",
     .tag = "account",
     .summary = "Send the browser to an OpenID provider.",
     .handler = oidc_start,
     .roles = HTTP_ANYONE,
     .params = start_params,
     .answer_type = "text/plain",
     .answer_status = 303},
    {.path = "/v1/sessions/oidc/callback",
     .method = "GET",
     .operation = "finishOidc",
     .tag = "account",
     .summary = "Where the provider sends the browser back to.",
     .handler = oidc_callback,
     .roles = HTTP_ANYONE,
     .params = callback_params,
     .answer_type = "text/plain",
     .answer_status = 303},
    {.path = "/v1/account",
     .method = "GET",
     .operation = "getAccount",
     .tag = "account",
     .summary = "The account of who asks.",
     .handler = get_account,
     .roles = PERSONS,
     .answer_schema = "Account"},
    {.path = "/v1/account",
     .method = "PATCH",
     .operation = "changeAccount",
     .tag = "account",
     .summary = "Change e-mail or password; a new password ends all other sessions.",
     .handler = change_account,
     .roles = PERSONS,
     .body = HTTP_BODY_JSON,
     .body_schema = "AccountChange",
     .answer_schema = "Account"},
    {.path = "/v1/account/totp",
     .method = "POST",
     .operation = "beginTotp",
     .tag = "account",
     .summary = "Draw the secret of a second factor; it counts once confirmed.",
     .handler = begin_totp,
     .roles = PERSONS,
     .body = HTTP_BODY_JSON,
     .body_schema = "PasswordAgain",
     .answer_schema = "TotpSecret"},
    {.path = "/v1/account/totp",
     .method = "DELETE",
     .operation = "removeTotp",
     .tag = "account",
     .summary = "Remove the second factor.",
     .handler = remove_totp,
     .roles = PERSONS,
     .params = totp_params,
     .answer_status = 204},
    {.path = "/v1/account/totp/confirm",
     .method = "POST",
     .operation = "confirmTotp",
     .tag = "account",
     .summary = "Turn the second factor on with its first code; gives recovery codes.",
     .handler = confirm_totp,
     .roles = PERSONS,
     .body = HTTP_BODY_JSON,
     .body_schema = "TotpCode",
     .answer_schema = "RecoveryCodes"},
    {.path = "/v1/password-resets",
     .method = "POST",
     .operation = "askPasswordReset",
     .tag = "account",
     .summary = "Have a link for a new password mailed, if the e-mail has an account.",
     .handler = ask_reset,
     .roles = HTTP_ANYONE,
     .body = HTTP_BODY_JSON,
     .body_schema = "EmailOnly",
     .answer_schema = "Accepted",
     .answer_status = 202},
    {.path = "/v1/password-resets/confirm",
     .method = "POST",
     .operation = "resetPassword",
     .tag = "account",
     .summary = "Set a new password with the token of the mailed link; ends all sessions.",
     .handler = do_reset,
     .roles = HTTP_ANYONE,
     .body = HTTP_BODY_JSON,
     .body_schema = "PasswordReset",
     .answer_status = 204},
    {.path = "/v1/api-keys",
     .method = "GET",
     .operation = "listApiKeys",
     .tag = "staff",
     .summary = "Keys of other servers, without the keys themselves.",
     .handler = staff_list_keys,
     .roles = HTTP_ADMIN,
     .answer_schema = "ApiKeys"},
    {.path = "/v1/api-keys",
     .method = "POST",
     .operation = "addApiKey",
     .tag = "staff",
     .summary = "Make a key for another server; it is shown once.",
     .handler = staff_add_key,
     .roles = HTTP_ADMIN,
     .body = HTTP_BODY_JSON,
     .body_schema = "NewApiKey",
     .answer_schema = "FreshApiKey",
     .answer_status = 201},
    {.path = "/v1/api-keys/{id}",
     .method = "DELETE",
     .operation = "deleteApiKey",
     .tag = "staff",
     .summary = "Revoke a key; it is refused within two seconds.",
     .handler = staff_delete_key,
     .roles = HTTP_ADMIN,
     .params = key_params,
     .answer_status = 204},
    {.path = "/v1/users/{id}/roles",
     .method = "GET",
     .operation = "getRoles",
     .tag = "staff",
     .summary = "Roles of an account.",
     .handler = staff_get_roles,
     .roles = HTTP_ADMIN,
     .params = user_params,
     .answer_schema = "Roles"},
    {.path = "/v1/users/{id}/roles",
     .method = "PUT",
     .operation = "putRoles",
     .tag = "staff",
     .summary = "Change the roles of an account; its access tokens are refused at once.",
     .handler = staff_put_roles,
     .roles = HTTP_ADMIN,
     .params = user_params,
     .body = HTTP_BODY_JSON,
     .body_schema = "Roles",
     .answer_schema = "Roles"},
    {0}};

#define EMAIL                                                                                               \
    "{\"type\":\"string\",\"minLength\":3,\"maxLength\":254,\"pattern\":\"^[^@ ]+@[^@ ]+$\",\"examples\":[" \
    "\"camille@example.org\"]}"
#define PASSWORD "{\"type\":\"string\",\"maxLength\":256}"
#define NEW_PASSWORD \
    "{\"type\":\"string\",\"minLength\":10,\"maxLength\":256,\"examples\":[\"correct horse battery staple\"]}"
#define TOKEN "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}"
#define ROLE_NAMES "[\"shopper\",\"merchandiser\",\"analyst\",\"dpo\",\"operator\",\"admin\"]"
#define ROLE_LIST "{\"type\":\"array\",\"maxItems\":6,\"items\":{\"enum\":" ROLE_NAMES "}}"
#define DAY "{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\",\"examples\":[\"2026-11-22\"]}"
#define DAY_OR_NULL "{\"anyOf\":[" DAY ",{\"type\":\"null\"}]}"
#define CLOSED ",\"additionalProperties\":false}"
#define API_KEY_FIELDS                                                                                    \
    "\"id\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"roles\":" ROLE_LIST ","                \
    "\"operations\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"operationIds; " \
    "none: all that "                                                                                     \
    "the roles allow.\"},\"made\":" DAY ",\"ends\":" DAY_OR_NULL ",\"last_used\":" DAY_OR_NULL

const struct http_schema ident_schemas[] = {
    {"NewAccount",
     "{\"type\":\"object\",\"required\":[\"email\",\"password\",\"of_age\"],\"properties\":{\"email\":" EMAIL
     ",\"password\":" NEW_PASSWORD
     ",\"of_age\":{\"type\":\"boolean\",\"description\":\"The person confirms to be of age.\"}}" CLOSED},
    {"LinkToken", "{\"type\":\"object\",\"required\":[\"token\"],\"properties\":{\"token\":" TOKEN "}" CLOSED},
    {"Accepted",
     "{\"type\":\"object\",\"required\":[\"state\"],\"properties\":{\"state\":{\"const\":\"accepted\"}}}"},
    {"SignIn",
     "{\"type\":\"object\",\"required\":[\"email\",\"password\"],\"properties\":{\"email\":" EMAIL
     ",\"password\":" PASSWORD
     ",\"code\":{\"type\":\"string\",\"maxLength\":24,\"description\":\"Of the second "
     "factor, or a recovery code.\"},\"cookie\":{\"type\":\"boolean\",\"description\":\"For web pages: the "
     "tokens come as cookies that no script can read, not in the body.\"}}" CLOSED},
    {"Renewal", "{\"type\":\"object\",\"properties\":{\"refresh_token\":" TOKEN "}" CLOSED},
    {"Session",
     "{\"type\":\"object\",\"required\":[\"state\"],\"properties\":{\"state\":{\"enum\":[\"signed-in\",\"code-"
     "needed\"],"
     "\"description\":\"code-needed: send the same again with `code`.\"},\"roles\":" ROLE_LIST
     ",\"expires_in\":{\"type\":\"integer\",\"description\":\"Seconds.\"},\"token_type\":{\"const\":\"Bearer\"}"
     ","
     "\"access_token\":{\"type\":\"string\"},\"refresh_token\":{\"type\":\"string\",\"description\":\"Good "
     "once; its use "
     "gives the next. Used twice, the session ends.\"},\"refresh_expires_in\":{\"type\":\"integer\"}}}"},
    {"Issuers",
     "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":{"
     "\"type\":\"object\",\"required\":[\"name\",\"label\"],\"properties\":{\"name\":{\"type\":\"string\"},"
     "\"label\":{\"type\":\"string\"}}}}}}"},
    {"Account",
     "{\"type\":\"object\",\"required\":[\"id\",\"email\",\"roles\",\"second_factor\",\"password\",\"joined\"],"
     "\"properties\":{\"id\":{\"type\":\"string\"},\"email\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":"
     "\"null\"}]},\"roles\":" ROLE_LIST ",\"second_factor\":{\"type\":\"boolean\"},\"password\":{\"type\":"
     "\"boolean\",\"description\":\"Whether there is one.\"},\"joined\":" DAY "}}"},
    {"AccountChange",
     "{\"type\":\"object\",\"minProperties\":1,\"properties\":{\"password\":{\"type\":\"string\","
     "\"maxLength\":256,\"description\":\"The current one.\"},\"email\":" EMAIL
     ",\"new_password\":" NEW_PASSWORD "}" CLOSED},
    {"PasswordAgain", "{\"type\":\"object\",\"properties\":{\"password\":" PASSWORD "}" CLOSED},
    {"TotpSecret",
     "{\"type\":\"object\",\"required\":[\"secret\",\"uri\"],\"properties\":{\"secret\":{\"type\":"
     "\"string\",\"description\":\"base32\"},\"uri\":{\"type\":\"string\",\"description\":\"For a QR "
     "code.\"}}}"},
    {"TotpCode",
     "{\"type\":\"object\",\"required\":[\"code\"],\"properties\":{\"code\":{\"type\":\"string\",\"maxLength\":"
     "24}}" CLOSED},
    {"RecoveryCodes",
     "{\"type\":\"object\",\"required\":[\"recovery_codes\"],\"properties\":{\"recovery_codes\":{\"type\":"
     "\"array\",\"items\":{\"type\":\"string\"}}}}"},
    {"EmailOnly", "{\"type\":\"object\",\"required\":[\"email\"],\"properties\":{\"email\":" EMAIL "}" CLOSED},
    {"PasswordReset",
     "{\"type\":\"object\",\"required\":[\"token\",\"password\"],\"properties\":{\"token\":" TOKEN
     ",\"password\":" NEW_PASSWORD "}" CLOSED},
    {"ApiKeys",
     "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":{"
     "\"type\":\"object\",\"required\":[\"id\",\"name\",\"roles\",\"operations\",\"made\",\"ends\",\"last_"
     "used\"],"
     "\"properties\":{" API_KEY_FIELDS "}}}}}"},
    {"NewApiKey", "{\"type\":\"object\",\"required\":[\"name\",\"roles\"],\"properties\":{\"name\":{\"type\":"
                  "\"string\",\"minLength\":1,"
                  "\"maxLength\":80},\"roles\":{\"type\":\"array\",\"maxItems\":4,\"items\":{\"enum\":["
                  "\"merchandiser\",\"analyst\","
                  "\"dpo\",\"operator\"]},\"description\":\"A key acts for no person and makes no keys; none: "
                  "what everybody may.\"},"
                  "\"operations\":{\"type\":\"array\",\"maxItems\":50,\"items\":{\"type\":\"string\","
                  "\"pattern\":\"^[a-zA-Z]{1,60}$\"},"
                  "\"description\":\"operationIds that the key is for; none: all that the roles "
                  "allow.\"},\"days\":{\"type\":"
                  "\"integer\",\"minimum\":1,\"maximum\":3650,\"description\":\"How long it lasts; none: until "
                  "revoked.\"}}" CLOSED},
    {"FreshApiKey",
     "{\"type\":\"object\",\"required\":[\"id\",\"key\"],\"properties\":{\"id\":{\"type\":\"string\"},"
     "\"key\":{\"type\":\"string\",\"description\":\"Authorization: Bearer KEY. Kept as a hash alone.\"}}}"},
    {"Roles", "{\"type\":\"object\",\"required\":[\"roles\"],\"properties\":{\"roles\":" ROLE_LIST "}" CLOSED},
    {0}};
