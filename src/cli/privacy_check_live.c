/*
 * The lines about the running server. A person is made for the purpose, by the same function as `penderie user add`, and
 * erased again over HTTP: what happens to them is what happens to everybody.
 */
#include "cli/privacy_check.h"

#include "base/fs.h"
#include "base/jval.h"
#include "base/module.h"
#include "cli/cli.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "image/image.h"
#include "privacy/privacy.h"
#include "privacy/receipt.h"
#include "store/store.h"
#include "vault/vault.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------------------------------------- TLS */

static void try_tls(struct check *k, struct check_verdict *v)
{
    struct check_request rq = {.method = "GET", .path = "/healthz", .tls = CHECK_TLS_1_2};
    struct check_answer old, now = {0};
    struct err err;
    enum rc rc = check_call(k->client, &rq, &old, &err);
    if (!rc) {
        check_fail(v, "the server speaks TLS 1.2 or older");
    } else if (!old.refused_tls) {
        check_fail(v, "%s", err.message);
    } else {
        rq.tls = CHECK_TLS_CURRENT;
        if (check_call(k->client, &rq, &now, &err) || now.status != 200)
            check_fail(v, "no answer over TLS 1.3: %s", err.message);
        else
            check_pass(v, "TLS 1.2 and older were refused, 1.3 answered");
        check_answer_release(&now);
    }
    check_answer_release(&old);
}

static bool header_has(const struct check_answer *a, const char *name, const char *what)
{
    struct str value = check_header(a, name);
    return value.p && str_find(value, str_of(what)) != SIZE_MAX;
}

static void try_headers(struct check *k, struct check_verdict *v)
{
    static const struct {
        const char *name, *value;
    } wanted[] = {{"Strict-Transport-Security", "max-age="},
                  {"Content-Security-Policy", "default-src"},
                  {"X-Content-Type-Options", "nosniff"},
                  {"Referrer-Policy", "no-referrer"}};
    struct check_request rq = {.method = "GET", .path = "/problems"};
    struct check_answer a;
    struct err err;
    if (check_call(k->client, &rq, &a, &err)) check_fail(v, "%s", err.message);
    for (size_t i = 0; !v->why[0] && i < sizeof wanted / sizeof *wanted; i++)
        if (!header_has(&a, wanted[i].name, wanted[i].value))
            check_fail(v, "a page comes without %s%s", wanted[i].name,
                       i ? "" : " (it needs a certificate of your own: tls_certificate)");
    if (!v->why[0]) check_pass(v, "a page carries HSTS, CSP, nosniff and a referrer policy");
    check_answer_release(&a);
}

/* ---------------------------------------------------------------------------------------------- roles */

/* The path with something in the place of its parameters. */
static void fill_path(const char *pattern, char out[static 256])
{
    size_t n = 0;
    for (const char *p = pattern; *p && n < 254; p++) {
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        out[n++] = 'x';
        p = strchr(p, '}');
    }
    out[n] = 0;
}

/* The counters, which name nobody, are open to this machine itself unless the operator closes them. */
static bool open_by_setting(const struct check *k, const struct http_route *r)
{
    return strcmp(r->path, "/metrics") == 0 && config_bool(k->config, "metrics_open");
}

/* Calls every route that `roles` does not open: each must be refused with `want`. */
static void try_routes(struct check *k, unsigned roles, const char *token, long want, const char *whom,
                       struct check_verdict *v)
{
    int n = 0;
    for (size_t m = 0; cli_modules[m]; m++)
        for (const struct http_route *r = cli_modules[m]->routes; r && r->path; r++) {
            char path[256];
            struct check_answer a;
            struct err err;
            if ((r->roles & roles) || open_by_setting(k, r)) continue;
            fill_path(r->path, path);
            struct check_request rq = {.method = r->method, .path = path, .token = token};
            enum rc rc = check_call(k->client, &rq, &a, &err);
            long status = a.status;
            check_answer_release(&a);
            if (rc) {
                check_fail(v, "%s", err.message);
                return;
            }
            if (status != want) {
                check_fail(v, "%s %s answers %ld to %s", r->method, r->path, status, whom);
                return;
            }
            n++;
        }
    k->refused += n;
    if (n)
        check_pass(v, "%d operations were refused to %s", n, whom);
    else
        check_fail(v, "no operation is closed to %s", whom);
}

static void try_anonymous(struct check *k, struct check_verdict *v)
{
    try_routes(k, HTTP_ANONYMOUS, NULL, 401, "somebody unknown", v);
}

static void try_staff(struct check *k, struct check_verdict *v)
{
    char path[4200], *text = NULL;
    size_t n = 0;
    struct err err;
    const char *own = config_string(k->config, "http_admin_token_file");
    snprintf(path, sizeof path, *own ? "%s" : "%s/keys/admin.token", *own ? own : k->data);
    if (fs_read(path, 4096, &text, &n, &err)) {
        check_fail(v, "%s", err.message);
        return;
    }
    struct str token = str_trim((struct str){text, n});
    text[token.p + token.n - text] = 0;
    try_routes(k, HTTP_ANONYMOUS | HTTP_MERCHANDISER | HTTP_OPERATOR | HTTP_ADMIN, token.p, 403,
               "the staff's token", v);
    crypt_wipe(text, n);
    free(text);
}

/* Least privilege, as the table says it: photos for shoppers alone, the register for the officer alone. */
static void try_table(struct check *k, struct check_verdict *v)
{
    int n = 0;
    (void)k;
    for (size_t m = 0; cli_modules[m]; m++)
        for (const struct http_route *r = cli_modules[m]->routes; r && r->path; r++) {
            bool wardrobe = str_starts(str_of(r->path), STR("/v1/wardrobe"));
            bool officer = str_starts(str_of(r->path), STR("/v1/privacy/")) && r->roles != HTTP_ANYONE;
            if ((wardrobe && r->roles != HTTP_SHOPPER) || (officer && r->roles != HTTP_DPO)) {
                check_fail(v, "%s %s is open to more than it should be", r->method, r->path);
                return;
            }
            n += wardrobe || officer;
        }
    check_pass(v, "%d operations on photos and register, each for one role", n);
}

/* ----------------------------------------------------------------------------------------- the process */

static bool has_argument(const char *p, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i += strlen(p + i) + 1)
        if (strcmp(p + i, what) == 0) return true;
    return false;
}

/* Whether process `pid` has a file of this data folder open, or will not tell (which only an undumpable one may). */
static bool has_open(const char *pid, const char *data)
{
    char folder[300], real[4200], link[4600], to[4200];
    if (!realpath(data, real)) return false;
    snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
    DIR *dir = opendir(folder);
    if (!dir) return true;
    bool found = false;
    for (struct dirent *e; !found && (e = readdir(dir));) {
        snprintf(link, sizeof link, "%s/%s", folder, e->d_name);
        ssize_t n = readlink(link, to, sizeof to - 1);
        if (n <= 0) continue;
        to[n] = 0;
        found = str_starts(str_of(to), str_of(real)) && strstr(to, "/register.db") != NULL;
    }
    closedir(dir);
    return found;
}

static bool is_server(const char *pid, const char *data)
{
    char path[300], *p = NULL;
    size_t n = 0;
    struct err err;
    int64_t number;
    if (!str_to_i64(str_of(pid), &number) || number == getpid()) return false;
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    if (fs_read(path, 1 << 20, &p, &n, &err)) return false;
    bool serves = has_argument(p, n, "serve") || has_argument(p, n, "demo");
    free(p);
    return serves && has_open(pid, data);
}

/* The line of /proc/PID/limits: soft and hard limit must both be 0. */
static bool dumps_forbidden(const char *pid)
{
    char path[300], *p = NULL;
    size_t n = 0;
    struct err err;
    snprintf(path, sizeof path, "/proc/%s/limits", pid);
    if (fs_read(path, 1 << 20, &p, &n, &err)) return false;
    char *at = strstr(p, "Max core file size");
    bool none = false;
    if (at) {
        struct str rest = {at + strlen("Max core file size"), strcspn(at, "\n") - strlen("Max core file size")};
        struct str soft = STR_NONE, hard = STR_NONE, word;
        while ((word = str_split(&rest, ' ')).p) {
            if (!word.n) continue;
            if (!soft.p)
                soft = word;
            else if (!hard.p)
                hard = word;
            if (!rest.p) break;
        }
        none = str_eqz(soft, "0") && str_eqz(hard, "0");
    }
    free(p);
    return none;
}

static void try_dumps(struct check *k, struct check_verdict *v)
{
    int n = 0;
    DIR *dir = opendir("/proc");
    if (!dir) {
        check_fail(v, "/proc cannot be read");
        return;
    }
    for (struct dirent *e; !v->why[0] && (e = readdir(dir));) {
        if (!is_server(e->d_name, k->data)) continue;
        n++;
        if (!dumps_forbidden(e->d_name))
            check_fail(v, "process %s may write its memory into a core file", e->d_name);
    }
    closedir(dir);
    if (v->why[0]) return;
    if (n)
        check_pass(v, "%d running server, without core files", n);
    else
        check_fail(v, "no server runs on this data folder here");
}

/* ----------------------------------------------------------------------------------------- the person */

static void make_up(struct check *k)
{
    uint8_t bytes[24];
    char text[40];
    crypt_random(bytes, sizeof bytes);
    crypt_base64url(bytes, sizeof bytes, text);
    snprintf(k->password, sizeof k->password, "%s", text);
    for (char *p = text; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : 'x';
    snprintf(k->email, sizeof k->email, "check-%.16s@penderie.invalid", text);
}

static enum rc sign_in(struct check *k, struct err *err)
{
    char body[256];
    struct check_answer a;
    struct jval *doc = NULL;
    int n = snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\"}", k->email, k->password);
    struct check_request rq = {
        .method = "POST", .path = "/v1/sessions", .type = "application/json", .body = {body, (size_t)n}};
    enum rc rc = check_call(k->client, &rq, &a, err);
    if (!rc && a.status >= 300) rc = err_set(err, RC_IO, "signing in answers %ld", a.status);
    if (!rc) rc = jval_parse(buf_str(&a.body), 1 << 20, &doc, err);
    struct str token = jval_str(jval_get(doc, "access_token"));
    if (!rc && !token.n) rc = err_set(err, RC_IO, "signing in gives no token");
    if (!rc) k->token = strndup(token.p, token.n);
    crypt_wipe(body, sizeof body);
    jval_destroy(doc);
    check_answer_release(&a);
    return rc;
}

static void try_person(struct check *k, struct check_verdict *v)
{
    struct err err;
    make_up(k);
    struct ident_new who = {
        .email = str_of(k->email), .password = str_of(k->password), .roles = HTTP_SHOPPER, .of_age = true};
    enum rc rc = ident_create(&k->app, &who, k->id, &err);
    k->made = !rc;
    if (!rc) rc = sign_in(k, &err);
    if (rc)
        check_fail(v, "%s", err.message);
    else
        try_routes(k, HTTP_SHOPPER, k->token, 403, "a shopper", v);
}

static void need_person(struct check *k, struct check_verdict *v)
{
    if (!k->token) check_fail(v, "nobody could sign in");
}

static void try_consent(struct check *k, struct check_verdict *v)
{
    struct image picture = {0};
    struct buf jpeg = BUF_INIT(4 << 20);
    struct check_answer a = {0};
    struct err err;
    need_person(k, v);
    if (v->why[0]) return;
    enum rc rc = image_create(320, 480, &picture, &err);
    if (!rc) rc = image_encode(&picture, IMAGE_JPEG, 80, &jpeg, &err);
    struct check_request rq = {.method = "POST",
                               .path = "/v1/wardrobe/photos",
                               .token = k->token,
                               .type = "image/jpeg",
                               .body = buf_str(&jpeg)};
    if (!rc) rc = check_call(k->client, &rq, &a, &err);
    if (rc)
        check_fail(v, "%s", err.message);
    else if (a.status != 403 || !memmem(a.body.p, a.body.n, "consent", 7))
        check_fail(v, "a photo without consent was answered with %ld", a.status);
    else
        check_pass(v, "a photo without consent was refused, with the consent that is missing");
    check_answer_release(&a);
    buf_release(&jpeg);
    image_release(&picture);
}

static void try_seen(struct check *k, struct check_verdict *v)
{
    char where[160];
    struct err err;
    need_person(k, v);
    if (v->why[0]) return;
    if (check_search(k->data, str_of(k->email), where, &err))
        check_fail(v, "%s", err.message);
    else if (where[0])
        check_fail(v, "the address of a living person can be read in %s", where);
    else
        check_pass(v, "a living person's address is in no file");
}

/* Lines of the access log that tell of refused calls, since the check began. */
static enum rc count_refused(struct check *k, int64_t *n, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(k->app.reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_get_i64(tx,
                           "SELECT count(*) FROM privacy_audit WHERE n > ?1 AND result = 'refused'"
                           " AND what LIKE 'call.%'",
                           STORE_ARGS(STORE_I(k->first_line)), n, NULL, err);
    store_rollback(tx);
    return rc;
}

static void try_logged(struct check *k, struct check_verdict *v)
{
    int64_t n = 0;
    struct err err;
    enum rc rc = RC_OK;
    for (int i = 0; i < 50 && !rc && n < 1; i++) { /* written once a second */
        usleep(100000);
        rc = count_refused(k, &n, &err);
    }
    if (rc)
        check_fail(v, "%s", err.message);
    else if (!n)
        check_fail(v, "calls that were refused are not in the access log");
    else
        check_pass(v, "what was refused to this check stands in the access log");
}

/* ------------------------------------------------------------------------------------------- erasure */

static enum rc ask_erasure(struct check *k, struct buf *receipt, struct err *err)
{
    struct check_answer a;
    struct jval *doc = NULL;
    struct check_request rq = {.method = "POST",
                               .path = "/v1/account/erasure",
                               .token = k->token,
                               .type = "application/json",
                               .body = STR("{\"confirm\":\"erase\"}")};
    enum rc rc = check_call(k->client, &rq, &a, err);
    if (!rc && a.status != 200) rc = err_set(err, RC_IO, "the erasure answers %ld", a.status);
    if (!rc) rc = jval_parse(buf_str(&a.body), 1 << 20, &doc, err);
    if (!rc) buf_add(receipt, jval_str(jval_get(doc, "receipt")));
    jval_destroy(doc);
    check_answer_release(&a);
    return rc;
}

static enum rc judge_erasure(struct check *k, const struct buf *receipt, struct err *err)
{
    uint8_t key[RECEIPT_KEY_BYTES];
    struct buf payload = BUF_INIT(1 << 20), sealed = BUF_INIT(4096);
    char where[160] = "";
    struct err none;
    enum rc rc = receipt_public_key(&k->app, key, err);
    if (!rc) rc = receipt_verify(key, buf_str(receipt), &payload, err);
    if (!rc && vault_seal(k->app.vault, str_of(k->id), STR("check"), STR("x"), &sealed, &none) != RC_NOT_FOUND)
        rc = err_set(err, RC_CONFLICT, "the person's key is still there");
    if (!rc) rc = check_search(k->data, str_of(k->email), where, err);
    if (!rc && !where[0]) rc = check_search(k->data, str_of(k->id), where, err);
    if (!rc && where[0]) rc = err_set(err, RC_CONFLICT, "the erased person is still in %s", where);
    buf_release(&payload);
    buf_release(&sealed);
    return rc;
}

static void try_erasure(struct check *k, struct check_verdict *v)
{
    struct buf receipt = BUF_INIT(1 << 20), own = BUF_INIT(1 << 20);
    struct err err, ignored;
    if (!k->made) {
        check_fail(v, "nobody could be made");
        return;
    }
    need_person(k, v);
    enum rc rc = k->token ? ask_erasure(k, &receipt, &err) : RC_OK;
    if (!rc && k->token) rc = judge_erasure(k, &receipt, &err);
    if (rc)
        check_fail(v, "%s", err.message);
    else if (k->token)
        check_pass(v, "key destroyed, receipt valid, neither address nor id left in any file");
    /* Whatever the server did, the person of the check must not stay. */
    if (!v->pass && privacy_erase(&k->app, str_of(k->id), "request", &own, &ignored))
        check_fail(v, "the person of this check could not be erased: %s", ignored.message);
    buf_release(&receipt);
    buf_release(&own);
}

const struct check_line check_live_lines[] = {
    {"tls", "connects with TLS 1.2 and older, then with 1.3", false, true, try_tls},
    {"headers", "asks for a page and reads its headers", false, true, try_headers},
    {"sign-in", "calls every closed operation without signing in", false, true, try_anonymous},
    {"staff-token", "calls what the installation's own token must not open", false, true, try_staff},
    {"least-privilege", "reads who may call the operations on photos and register", false, false, try_table},
    {"core-dumps", "reads the limits of the running server", false, true, try_dumps},
    {"roles", "makes a shopper, signs in, calls what is not for shoppers", true, true, try_person},
    {"consent", "sends a photo without consent", true, true, try_consent},
    {"living-person", "looks for the shopper's address in every file", true, true, try_seen},
    {"refusals-logged", "looks for the refused calls in the access log", true, true, try_logged},
    {"erasure", "erases the shopper over HTTP and looks for what is left", true, true, try_erasure},
    {0}};
