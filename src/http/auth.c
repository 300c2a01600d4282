/*
 * Who asks, as far as the server itself knows: anonymous clients, by a keyed hash of their address that changes
 * every day, and staff with the one token of the house. ident/ puts persons, keys and issuers before it.
 */
#include "http/internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TOKEN_BYTES = 32, TOKEN_TEXT = 43, TOKEN_MIN_TEXT = 32 };
enum { STAFF_ROLES = HTTP_ANONYMOUS | HTTP_MERCHANDISER | HTTP_OPERATOR | HTTP_ADMIN };

static enum rc make_token(const char *path, struct err *err)
{
    uint8_t secret[TOKEN_BYTES];
    char text[TOKEN_TEXT + 2];
    bool made; /* false: by another process that starts at the same time */
    crypt_random(secret, sizeof secret);
    crypt_base64url(secret, sizeof secret, text);
    text[TOKEN_TEXT] = '\n';
    enum rc rc = fs_write_new(path, text, TOKEN_TEXT + 1, 0600, &made, err);
    crypt_wipe(secret, sizeof secret);
    crypt_wipe(text, sizeof text);
    if (!rc && made) log_info("http", "made the staff's token in keys/admin.token");
    return rc;
}

enum rc auth_read_token(struct http_settings *s, const char *data_dir, const char *token_file, struct err *err)
{
    char path[PATH_MAX], *text = NULL;
    size_t n = 0;
    struct stat st;
    enum rc rc = RC_OK;
    if (!*token_file && !data_dir) return RC_OK;
    if (*token_file) {
        snprintf(path, sizeof path, "%s", token_file);
    } else {
        snprintf(path, sizeof path, "%s/keys", data_dir);
        rc = fs_mkdirs(path, 0700, err);
        int len = snprintf(path, sizeof path, "%s/keys/admin.token", data_dir);
        if (!rc && (len < 0 || (size_t)len >= sizeof path)) rc = err_set(err, RC_INVALID, "path too long");
        if (!rc && !fs_exists(path)) rc = make_token(path, err);
    }
    if (!rc && stat(path, &st) == 0 && (st.st_mode & 077))
        rc = err_set(err, RC_FORBIDDEN, "%s: others can read the staff's token; chmod 600 it", path);
    if (!rc) rc = fs_read(path, 4096, &text, &n, err);
    struct str token = str_trim((struct str){text, n});
    if (!rc && token.n < TOKEN_MIN_TEXT)
        rc = err_set(err, RC_INVALID, "%s: a token has at least %d characters", path, TOKEN_MIN_TEXT);
    if (!rc) {
        crypt_sha256(token, s->admin_token_hash);
        s->has_admin_token = true;
    }
    if (text) crypt_wipe(text, n);
    free(text);
    return rc;
}

/* Hashes are compared, so that neither the length nor the first different byte shows in the time taken. */
static bool is_staff(const struct http_settings *s, struct str token)
{
    uint8_t hash[CRYPT_SHA256_BYTES];
    crypt_sha256(token, hash);
    return s->has_admin_token && crypt_equal(hash, s->admin_token_hash, sizeof hash);
}

enum rc http_authenticate_default(struct http_request *rq, struct http_principal *out, struct err *err)
{
    struct str header = http_header(rq, "Authorization");
    *out = (struct http_principal){.roles = HTTP_ANONYMOUS, .id = STR(""), .limit_key = STR_NONE};
    if (!header.p) return RC_OK;
    struct str token = header, scheme = str_split(&token, ' ');
    if (!str_ieqz(scheme, "bearer") || !token.p || !is_staff(rq->conn->settings, str_trim(token)))
        return err_set(err, RC_UNAUTHENTICATED, "this token is not valid");
    out->roles = STAFF_ROLES;
    out->id = STR("staff");
    return RC_OK;
}

static enum MHD_Result last_forwarded(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                      const char *value, size_t value_n)
{
    (void)kind;
    if (value && str_ieqz((struct str){name, name_n}, "X-Forwarded-For"))
        *(struct str *)ctx = (struct str){value, value_n};
    return MHD_YES;
}

static struct address client_address(const struct http_conn *c)
{
    struct str forwarded = STR_NONE;
    /* Proxies add to the client's own line, or a line behind it: only the end of the last one is theirs. */
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, last_forwarded, &forwarded);
    struct address a = address_forwarded(&c->settings->trusted_proxies, &c->client->peer, forwarded);
    return address_client(&a);
}

static void address_key(struct http_conn *c)
{
    uint8_t day_key[CRYPT_MAC_BYTES], mac[CRYPT_MAC_BYTES];
    char now[25];
    clock_rfc3339(clock_now_ms(), now);
    crypt_mac(c->server->ops_key, (struct str){now, 10}, day_key);
    crypt_mac(day_key, (struct str){(const char *)c->from.b, sizeof c->from.b}, mac);
    crypt_base64url(mac, 16, c->limit_key);
    crypt_wipe(day_key, sizeof day_key);
}

static bool open_metrics(const struct http_conn *c)
{
    return c->settings->metrics_open && address_is_loopback(&c->client->peer) &&
           strcmp(c->route->def->path, "/metrics") == 0 && !conn_header((void *)c, "X-Forwarded-For").p &&
           !conn_header((void *)c, "Forwarded").p;
}

static enum rc refuse(struct http_conn *c, enum rc why)
{
    const struct app *app = c->server->app;
    if (app->refused && (why == RC_UNAUTHENTICATED || why == RC_FORBIDDEN)) app->refused(&c->rq, why);
    return why;
}

enum rc auth_check(struct http_conn *c)
{
    struct http_principal *p = &c->rq.principal;
    http_authenticate_fn fn = c->server->authenticate ? c->server->authenticate : http_authenticate_default;
    c->from = client_address(c);
    enum rc rc = fn(&c->rq, p, &c->err);
    if (rc) return refuse(c, rc);
    if (!p->limit_key.n) {
        if (p->id.n) {
            p->limit_key = p->id;
        } else {
            address_key(c);
            p->limit_key = str_of(c->limit_key);
        }
    }
    if (open_metrics(c)) p->roles |= HTTP_OPERATOR;
    if (p->roles & c->route->def->roles) return RC_OK;
    if (p->roles == HTTP_ANONYMOUS && !p->id.n) {
        rc = err_set(&c->err, RC_UNAUTHENTICATED, "this operation needs a token");
        return refuse(c, rc);
    }
    rc = err_set(&c->err, RC_FORBIDDEN, "your role does not include this operation");
    return refuse(c, rc);
}
