/* What can be decided on the socket's thread, before the body: nothing here waits. */
#include "http/internal.h"

#include "crypt/crypt.h"
#include "http/limit.h"

struct str conn_header(void *conn, const char *name)
{
    const char *value = NULL;
    size_t n = 0;
    struct http_conn *c = conn;
    if (MHD_lookup_connection_value_n(c->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES ||
        !value)
        return STR_NONE;
    return (struct str){value, n};
}

struct str http_header(const struct http_request *rq, const char *name) { return conn_header(rq->conn, name); }

static void take_id(struct http_conn *c)
{
    struct str given = conn_header(c, "X-Request-Id");
    bool sane = given.n >= 8 && given.n <= 64;
    for (size_t i = 0; sane && i < given.n; i++) {
        char ch = given.p[i];
        sane = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' ||
               ch == '-';
    }
    if (sane) {
        memcpy(c->id, given.p, given.n);
        c->id[given.n] = 0;
    } else {
        uint8_t bytes[16];
        crypt_random(bytes, sizeof bytes);
        crypt_base64url(bytes, sizeof bytes, c->id);
    }
    c->rq.id = c->id;
}

static const struct http_route page_route = {.path = "/{page}",
                                             .method = "GET",
                                             .operation = "getPage",
                                             .roles = HTTP_ANYONE,
                                             .flags = HTTP_INLINE | HTTP_HIDDEN | HTTP_NO_LIMIT};
static const struct route page_entry = {.def = &page_route};
static enum rc preflight(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)rq;
    (void)err;
    rs->status = 204;
    return RC_OK;
}
static const struct http_route options_route = {.path = "*",
                                                .method = "OPTIONS",
                                                .operation = "options",
                                                .handler = preflight,
                                                .roles = HTTP_ANYONE,
                                                .flags = HTTP_INLINE | HTTP_HIDDEN | HTTP_NO_LIMIT};
static const struct route options_entry = {.def = &options_route};

static bool known_method(const char *m)
{
    static const char *const all[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(m, all[i]) == 0) return true;
    return false;
}

static enum rc find_page(struct http_conn *c)
{
    c->page = pages_find(c->server->pages, c->uri.path);
    if (!c->page) return err_set(&c->err, RC_NOT_FOUND, "there is nothing at this address");
    memcpy(c->allow, "GET, HEAD, OPTIONS", sizeof "GET, HEAD, OPTIONS");
    if (strcmp(c->method, "GET") != 0 && !c->head && strcmp(c->method, "OPTIONS") != 0)
        return err_set(&c->err, RC_METHOD, "%s is not a method of this address", c->method);
    c->route = &page_entry;
    return RC_OK;
}

static enum rc find_route(struct http_conn *c)
{
    bool options = strcmp(c->method, "OPTIONS") == 0;
    c->head = strcmp(c->method, "HEAD") == 0;
    if (c->uri_rc) return c->uri_rc; /* with its message in c->err */
    if (options && str_eqz(c->uri.path, "*")) {
        memcpy(c->allow, "GET, HEAD, OPTIONS", sizeof "GET, HEAD, OPTIONS");
        c->route = &options_entry;
        return RC_OK;
    }
    enum rc rc = router_match(c->server->router, &c->uri, c->method, &c->route, c->allow);
    if (rc == RC_NOT_FOUND)
        rc = find_page(c);
    else if (rc == RC_METHOD && !options)
        return err_set(&c->err, RC_METHOD, "%s is not a method of this address",
                       known_method(c->method) ? c->method : "this");
    if (options && (!rc || rc == RC_METHOD)) {
        c->route = &options_entry;
        c->page = NULL;
        return RC_OK;
    }
    return rc;
}

static enum rc check_limit(struct http_conn *c)
{
    const struct http_route *def = c->route->def;
    bool heavy = def->flags & HTTP_HEAVY;
    int64_t quota = heavy ? c->settings->limit_heavy : c->settings->limit_light;
    struct limit_state state;
    if ((def->flags & HTTP_NO_LIMIT) || !quota) return RC_OK;
    c->limit_policy = heavy ? "heavy" : "light";
    c->limit_quota = quota;
    bool fine = limiter_take(c->server->limiter, c->limit_policy, c->rq.principal.limit_key, quota, &state);
    c->limit_left = state.left;
    c->limit_reset_s = state.reset_s;
    if (fine) return RC_OK;
    c->retry_after_s = (int)state.reset_s;
    return err_set(&c->err, RC_LIMIT, "more than %lld requests in a minute", (long long)quota);
}

static bool type_is(struct str header, const char *type)
{
    return str_ieqz(str_trim(str_split(&header, ';')), type);
}

static enum rc check_type(struct http_conn *c)
{
    struct str type = conn_header(c, "Content-Type");
    enum http_body body = c->route->def->body;
    if (body == HTTP_BODY_JSON && type_is(type, "application/json")) return RC_OK;
    if (body == HTTP_BODY_JSON) return err_set(&c->err, RC_UNSUPPORTED, "send application/json");
    if (type_is(type, "multipart/form-data")) return RC_OK;
    if (body == HTTP_BODY_MULTIPART) return err_set(&c->err, RC_UNSUPPORTED, "send multipart/form-data");
    if (type.n > 6 && str_ieqz(str_sub(type, 0, 6), "image/")) return RC_OK;
    return err_set(&c->err, RC_UNSUPPORTED,
                   "send multipart/form-data or a picture (image/jpeg, image/png, ...)");
}

struct framing {
    int lengths, codings, hosts;
    bool broken;
};

static enum MHD_Result look_at_header(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                      const char *value, size_t value_n)
{
    (void)kind;
    struct framing *f = ctx;
    struct str is = {name, name_n};
    if (!name_n) f->broken = true;
    for (size_t i = 0; i < name_n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)) f->broken = true;
    }
    for (size_t i = 0; i < value_n; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f) f->broken = true;
    f->lengths += str_ieqz(is, "content-length");
    f->codings += str_ieqz(is, "transfer-encoding");
    f->hosts += str_ieqz(is, "host");
    return MHD_YES;
}

/*
 * Whatever two readers, a proxy and us, could understand differently is refused before anything else, and the
 * connection closed: where a request ends must not be a matter of opinion (RFC 9112, 11.2).
 */
static enum rc check_framing(struct http_conn *c)
{
    struct framing f = {0};
    int64_t n;
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, look_at_header, &f);
    struct str length = conn_header(c, "Content-Length"), coding = conn_header(c, "Transfer-Encoding");
    const char *wrong = NULL;
    if (f.broken)
        wrong = "a header is malformed";
    else if (f.lengths > 1 || f.codings > 1 || f.hosts > 1)
        wrong = "a header that counts is there twice";
    else if (f.lengths && f.codings)
        wrong = "Content-Length and Transfer-Encoding together";
    else if (coding.p && !str_ieqz(coding, "chunked"))
        wrong = "only the transfer coding chunked is handled";
    else if (length.p && (!str_to_i64(length, &n) || n < 0))
        wrong = "Content-Length is not a number";
    if (!wrong) return RC_OK;
    c->close = true;
    return err_set(&c->err, RC_INVALID, "%s", wrong);
}

static enum rc check_body(struct http_conn *c)
{
    struct str length = conn_header(c, "Content-Length"), coding = conn_header(c, "Transfer-Encoding");
    bool json = c->route->def->body == HTTP_BODY_JSON;
    int64_t most = json ? c->settings->max_json_bytes : c->settings->max_body_bytes, n = 0;
    if (length.p && !str_to_i64(length, &n))
        return err_set(&c->err, RC_INVALID, "Content-Length is not a number");
    if (c->route->def->body == HTTP_BODY_NONE) {
        if (!n && !coding.p) return RC_OK;
        return err_set(&c->err, RC_INVALID, "this operation takes no body");
    }
    c->body_max = (size_t)most;
    if (n > most) return err_set(&c->err, RC_TOO_LARGE, "the body may have %lld bytes", (long long)most);
    return n || coding.p ? check_type(c) : RC_OK; /* an empty body is judged with the others */
}

enum rc accept_request(struct http_conn *c)
{
    take_id(c);
    c->rq.conn = c;
    c->rq.app = c->server->app;
    c->rq.arena = &c->arena;
    enum rc rc = check_framing(c);
    if (!rc) rc = find_route(c);
    if (rc) return rc;
    c->rq.route = c->route->def;
    rc = auth_check(c);
    if (!rc) rc = check_limit(c);
    if (!rc && c->route != &page_entry && c->route != &options_entry &&
        !router_params(c->route, &c->uri, conn_header, c, c->params, &c->faults))
        rc = err_set(&c->err, RC_INVALID, "%s %s", c->faults.v[0].pointer, c->faults.v[0].detail);
    return rc ? rc : check_body(c);
}

static const struct route_param *param_of(const struct http_request *rq, const char *name, size_t *at)
{
    const struct route *r = rq->conn->route;
    for (*at = 0; *at < r->n_params; (*at)++)
        if (strcmp(r->params[*at].def->name, name) == 0) return &r->params[*at];
    return NULL;
}

struct str http_param(const struct http_request *rq, const char *name)
{
    size_t i;
    ASSERT(param_of(rq, name, &i)); /* a name that the route does not describe is a mistake of ours */
    return rq->conn->params[i];
}

int64_t http_param_i64(const struct http_request *rq, const char *name, int64_t fallback)
{
    int64_t v;
    return str_to_i64(http_param(rq, name), &v) ? v : fallback;
}

double http_param_f64(const struct http_request *rq, const char *name, double fallback)
{
    double v;
    return str_to_f64(http_param(rq, name), &v) ? v : fallback;
}

const struct http_part *http_part(const struct http_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_parts; i++)
        if (str_eqz(rq->parts[i].name, name)) return &rq->parts[i];
    return NULL;
}
