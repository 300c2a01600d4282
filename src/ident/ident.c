/* The module: small things all files need, its two threads, and what the rights of persons ask of it. */
#include "ident/ident_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/module.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { KEEPER_MS = 1000, NET_MS = 1000, CLEAN_EVERY = 600, FLUSH_EVERY = 30 };

struct metric ident_signins = METRIC_COUNTER("penderie_ident_signins_total", "Sign-ins by result.", "result");
struct metric ident_refused = METRIC_COUNTER("penderie_ident_tokens_refused_total",
                                             "Requests with a token or key that was not valid.", NULL);
static struct metric *const metrics[] = {&ident_signins, &ident_refused, NULL};

/* ---- roles ---- */

static const struct {
    unsigned role;
    const char *name;
} roles_table[] = {{HTTP_SHOPPER, "shopper"}, {HTTP_MERCHANDISER, "merchandiser"}, {HTTP_ANALYST, "analyst"},
                   {HTTP_DPO, "dpo"},         {HTTP_OPERATOR, "operator"},         {HTTP_ADMIN, "admin"}};
enum { N_ROLES = sizeof roles_table / sizeof *roles_table };

const char *ident_role_name(unsigned role)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (roles_table[i].role == role) return roles_table[i].name;
    return role == HTTP_ANONYMOUS ? "anonymous" : NULL;
}

bool ident_role_parse(struct str name, unsigned *role)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (str_eqz(name, roles_table[i].name)) {
            *role = roles_table[i].role;
            return true;
        }
    return false;
}

void ident_write_roles(struct jout *out, unsigned roles)
{
    jout_array(out);
    for (size_t i = 0; i < N_ROLES; i++)
        if (roles & roles_table[i].role) jout_z(out, roles_table[i].name);
    jout_end(out);
}

enum rc ident_read_roles(const struct jval *array, unsigned allowed, unsigned *roles, struct err *err)
{
    unsigned all = 0, one;
    if (!jval_is_array(array)) return err_set(err, RC_INVALID, "roles: an array of names");
    for (size_t i = 0; i < jval_len(array); i++) {
        if (!ident_role_parse(jval_str(jval_at(array, i)), &one) || !(one & allowed))
            return err_set(err, RC_INVALID, "roles: number %zu is no role that can be given here", i + 1);
        all |= one;
    }
    *roles = all;
    return RC_OK;
}

/* ---- small things ---- */

void ident_new_id(char out[static IDENT_ID_CHARS + 1])
{
    uint8_t bytes[16];
    crypt_random(bytes, sizeof bytes);
    crypt_base64url(bytes, sizeof bytes, out);
}

void ident_new_token(const char *prefix, char out[static IDENT_TOKEN_TEXT],
                     uint8_t hash[static CRYPT_SHA256_BYTES])
{
    uint8_t bytes[32];
    size_t n = strlen(prefix);
    ASSERT(n + 4 * ((sizeof bytes + 2) / 3) + 1 <= IDENT_TOKEN_TEXT);
    crypt_random(bytes, sizeof bytes);
    memcpy(out, prefix, n);
    crypt_base64url(bytes, sizeof bytes, out + n);
    crypt_wipe(bytes, sizeof bytes);
    crypt_sha256(str_of(out), hash);
}

enum rc ident_changed(struct store_tx *tx, const char *what, struct err *err)
{
    return store_exec(tx,
                      "INSERT INTO ident_change (what, n) VALUES (?1, 1)"
                      " ON CONFLICT (what) DO UPDATE SET n = ident_change.n + 1",
                      STORE_ARGS(STORE_Z(what)), NULL, err);
}

enum rc ident_audit(struct app *app, struct str who, unsigned roles, const char *what, struct str object,
                    const char *result, const char *request_id, struct err *err)
{
    const struct audit_event e = {who, roles, what, object, result, request_id};
    return app->audit ? app->audit(app, &e, err) : RC_OK;
}

/* ---- threads ---- */

static void warn(enum rc rc, const char *what, const struct err *err)
{
    if (rc) log_warn("ident", "%s: %s", what, err->message);
}

static void keep(struct ident *t, unsigned n)
{
    struct err err;
    warn(memory_refresh(t, &err), "what others changed", &err);
    warn(memory_rotate(t, &err), "signing keys", &err);
    if (n % FLUSH_EVERY == 0) warn(memory_flush(t, &err), "use of API keys", &err);
    if (n % CLEAN_EVERY != 0) return;
    warn(session_clean(t->app, &err), "old sessions", &err);
    warn(link_clean(t->app, &err), "old links", &err);
    warn(attempts_clean(t->app, &err), "old attempts", &err);
    warn(account_sweep(t->app, &err), "unfinished accounts", &err);
    mail_sweep(t->app);
}

/* False when it is time to end. `early`: an event that ends the wait. */
static bool wait_a_while(struct ident *t, int64_t ms, bool net)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    pthread_mutex_lock(&t->wake_lock);
    int late = 0;
    while (!t->stop && !(net && t->net_due) && !late)
        late = pthread_cond_timedwait(&t->wake, &t->wake_lock, &at);
    if (net) t->net_due = false;
    bool go_on = !t->stop;
    pthread_mutex_unlock(&t->wake_lock);
    return go_on;
}

static void *run_keeper(void *arg)
{
    struct ident *t = arg;
    for (unsigned n = 0; wait_a_while(t, KEEPER_MS, false); n++)
        keep(t, n);
    return NULL;
}

static void *run_net(void *arg)
{
    struct ident *t = arg;
    do {
        mail_work(t);
        issuers_work(t);
    } while (wait_a_while(t, NET_MS, true));
    return NULL;
}

static void stop(struct app *app)
{
    struct ident *t = app->ident;
    struct err err;
    if (!t) return;
    pthread_mutex_lock(&t->wake_lock);
    t->stop = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->wake_lock);
    if (t->keeper_on) pthread_join(t->keeper, NULL);
    if (t->net_on) pthread_join(t->net, NULL);
    warn(memory_flush(t, &err), "use of API keys", &err);
    memory_destroy(t);
    app->ident = NULL;
    app->authenticate = NULL;
}

static enum rc start(struct app *app, struct err *err)
{
    if (!app->identity || !app->vault) return err_set(err, RC_INTERNAL, "the stores of persons are not open");
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) return err_set(err, RC_INTERNAL, "libcurl does not start");
    enum rc rc = memory_create(app, &app->ident, err);
    struct ident *t = app->ident;
    if (!rc) rc = issuers_load(t, config_string(app->config, "ident_issuers_file"), err);
    if (!rc && pthread_create(&t->keeper, NULL, run_keeper, t))
        rc = err_set(err, RC_NOMEM, "cannot start a thread");
    if (!rc) {
        t->keeper_on = true;
        pthread_setname_np(t->keeper, "ident");
        if (pthread_create(&t->net, NULL, run_net, t)) rc = err_set(err, RC_NOMEM, "cannot start a thread");
    }
    if (rc) {
        stop(app);
        return rc;
    }
    t->net_on = true;
    pthread_setname_np(t->net, "ident-net");
    app->authenticate = ident_authenticate;
    return RC_OK;
}

/* ---- rights ---- */

static enum rc export_user(struct app *app, const char *user, struct jout *out, struct err *err)
{
    struct ident_account a;
    int64_t sessions = 0;
    enum rc rc = account_load(app, str_of(user), &a, err);
    if (rc) return rc == RC_NOT_FOUND ? RC_OK : rc;
    rc = session_count(app, str_of(user), &sessions, err);
    jout_key(out, "account");
    jout_object(out);
    jout_kz(out, "id", a.id);
    jout_key(out, "email");
    if (a.email.n)
        jout_str(out, buf_str(&a.email));
    else
        jout_null(out);
    jout_key(out, "roles");
    ident_write_roles(out, a.roles);
    jout_kbool(out, "confirmed_of_age", a.of_age);
    jout_kbool(out, "has_password", a.password[0] != 0);
    jout_kbool(out, "second_factor", a.totp_state == IDENT_TOTP_ON);
    jout_kday(out, "joined", a.made_ms);
    jout_kday(out, "last_seen", a.seen_ms);
    jout_ki64(out, "open_sessions", sessions);
    jout_end(out);
    account_release(&a);
    return rc;
}

/* The account itself too: its sessions end, and their access tokens are refused from here on. */
static enum rc erase_user(struct app *app, const char *user, struct err *err)
{
    enum rc rc = account_forget(app, str_of(user), err);
    return rc || !app->ident ? rc : memory_refresh(app->ident, err);
}

const struct module ident_module = {.name = "ident",
                                    .config = ident_config,
                                    .migrations = ident_migrations,
                                    .metrics = metrics,
                                    .routes = ident_routes,
                                    .schemas = ident_schemas,
                                    .personal_tables = ident_personal,
                                    .data = ident_data,
                                    .export_user = export_user,
                                    .erase_user = erase_user,
                                    .start = start,
                                    .stop = stop};
