/* From what a handler wrote, or an error, to a response with all its headers. Runs on a worker. */
#include "http/internal.h"

#include "base/log.h"
#include "http/limit.h"

#include <stdlib.h>

const char http_security_headers[] =
    "Content-Security-Policy: default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri "
    "'none'; "
    "form-action 'self'; frame-ancestors 'none'\n"
    "Referrer-Policy: no-referrer\n"
    "Permissions-Policy: camera=(self), microphone=(), geolocation=(), payment=(), usb=()\n"
    "Cross-Origin-Opener-Policy: same-origin\n"
    "Cross-Origin-Resource-Policy: same-origin\n";

static bool printable(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return false;
    return true;
}

enum rc http_add_header(struct http_response *rs, const char *name, const char *value, struct err *err)
{
    if (!*name || !printable(name) || strpbrk(name, ": \t") || !printable(value))
        return err_set(err, RC_INTERNAL, "a header with control characters");
    struct http_field *f = arena_alloc(rs->arena, sizeof *f);
    if (f) f->name = arena_strz(rs->arena, str_of(name));
    if (f) f->value = arena_strz(rs->arena, str_of(value));
    if (!f || !f->name || !f->value) return err_set(err, RC_NOMEM, "out of memory");
    f->next = rs->fields;
    rs->fields = f;
    return RC_OK;
}

static void put(struct http_conn *c, const char *name, const char *value)
{
    if (c->answer && MHD_add_response_header(c->answer, name, value) != MHD_YES)
        log_error("http", "cannot add the header %s", name);
}

__attribute__((format(printf, 3, 4))) static void putf(struct http_conn *c, const char *name, const char *fmt,
                                                       ...)
{
    char value[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    put(c, name, value);
}

static void put_lines(struct http_conn *c, const char *lines)
{
    struct str rest = str_of(lines), line;
    while (rest.n && (line = str_split(&rest, '\n')).p) {
        struct str value = line, name = str_split(&value, ':');
        char n[64], v[400];
        snprintf(n, sizeof n, "%.*s", STR_ARG(name));
        snprintf(v, sizeof v, "%.*s", STR_ARG(str_trim(value)));
        put(c, n, v);
    }
}

static void put_cors(struct http_conn *c)
{
    struct str origin = conn_header(c, "Origin");
    if (!*c->settings->cors_origins) return;
    put(c, "Vary", "Origin");
    if (!settings_listed(c->settings->cors_origins, origin) || origin.n > 400) return;
    putf(c, "Access-Control-Allow-Origin", "%.*s", STR_ARG(origin));
    put(c, "Access-Control-Expose-Headers",
        "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, ETag, Location, Idempotent-Replayed");
    if (strcmp(c->method, "OPTIONS") != 0) return;
    put(c, "Access-Control-Allow-Methods", c->allow);
    put(c, "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id, Accept-Language");
    put(c, "Access-Control-Max-Age", "600");
}

static void put_common(struct http_conn *c)
{
    put(c, "X-Request-Id", c->id);
    put(c, "X-Content-Type-Options", "nosniff");
    if (c->settings->hsts) put(c, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    if (c->limit_policy) {
        putf(c, "RateLimit-Policy", "\"%s\";q=%lld;w=%d", c->limit_policy, (long long)c->limit_quota,
             LIMIT_WINDOW_S);
        putf(c, "RateLimit", "\"%s\";r=%lld;t=%lld", c->limit_policy, (long long)c->limit_left,
             (long long)c->limit_reset_s);
    }
    if (c->retry_after_s) putf(c, "Retry-After", "%d", c->retry_after_s);
    if (c->status == 405 || (c->route && strcmp(c->method, "OPTIONS") == 0)) put(c, "Allow", c->allow);
    if (c->status == 401) put(c, "WWW-Authenticate", "Bearer realm=\"penderie\"");
    if (c->close || atomic_load(&c->server->stopping)) put(c, "Connection", "close");
    put_cors(c);
}

static struct MHD_Response *empty(void)
{
    return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *lasting(struct str bytes)
{
    return MHD_create_response_from_buffer(bytes.n, (void *)(uintptr_t)bytes.p, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *owned(char *p, size_t n)
{
    struct MHD_Response *r = p ? MHD_create_response_from_buffer(n, p, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!r) free(p);
    return r;
}

static bool wants_gzip(struct http_conn *c)
{
    struct str accept = conn_header(c, "Accept-Encoding");
    return accept.p && compress_accepted(accept);
}

static bool is_fresh(struct http_conn *c, const char *etag)
{
    struct str list = conn_header(c, "If-None-Match");
    return list.p && etag_matches(list, etag);
}

static void answer_page(struct http_conn *c)
{
    const struct pages_file *f = c->page;
    bool packed = f->gzip.p && wants_gzip(c);
    const char *etag = packed ? f->gzip_etag : f->etag;
    struct str bytes = packed ? f->gzip : f->bytes;
    bool fresh = is_fresh(c, etag);
    c->status = fresh ? 304 : 200;
    c->answer = fresh ? empty() : lasting(bytes);
    c->answer_bytes = fresh ? 0 : bytes.n;
    put(c, "ETag", etag);
    /* No build step gives the files new names: a browser asks each time whether they are still the same. */
    put(c, "Cache-Control", f->lasting ? "public, max-age=3600" : "no-cache");
    if (f->gzip.p) put(c, "Vary", "Accept-Encoding");
    if (!fresh) put(c, "Content-Type", f->type);
    if (packed && !fresh) put(c, "Content-Encoding", "gzip");
    put_lines(c, http_security_headers);
    put_common(c);
}

static void answer_body(struct http_conn *c, const char *type)
{
    char etag[44] = "", *packed = NULL, *raw = NULL;
    size_t n = 0;
    struct str body = c->rs.file.p ? c->rs.file : buf_str(&c->rs.body);
    bool text = body.n > 1024 && compress_type(type);
    bool zip = text && wants_gzip(c);
    if (c->rs.etag && c->status == 200) {
        etag_make(body, zip ? "-gz" : "", etag);
        if (is_fresh(c, etag)) c->status = 304;
    }
    if (c->status == 304 || c->status == 204) {
        c->answer = empty();
        zip = false;
    } else if (zip && compress_gzip(body, 5, &packed, &n)) {
        c->answer = owned(packed, n);
    } else if (zip = false, c->rs.file.p) {
        n = body.n;
        c->answer = lasting(body);
    } else {
        raw = buf_take(&c->rs.body, &n);
        c->answer = n ? owned(raw, n) : (free(raw), empty());
    }
    c->answer_bytes = n;
    if (*etag) put(c, "ETag", etag);
    if (text) put(c, "Vary", "Accept-Encoding");
    if (zip) put(c, "Content-Encoding", "gzip");
    if (n) put(c, "Content-Type", type);
}

static void answer_problem(struct http_conn *c, enum rc rc)
{
    char *p;
    size_t n;
    struct buf body = BUF_INIT(64 << 10);
    struct jout out = JOUT_INIT(&body);
    if (rc_http_status(rc) >= 500 && rc != RC_BUSY && rc != RC_STOPPED)
        log_error("http", "%s: %s", rc_name(rc), c->err.message);
    problem_write(&out, rc, &c->err, &c->faults, c->id, c->uri.path);
    p = buf_take(&body, &n);
    c->answer = owned(p, n);
    c->answer_bytes = n;
    c->status = rc_http_status(rc);
    if (c->status == 503 && !c->retry_after_s) c->retry_after_s = 1;
    put(c, "Content-Type", "application/problem+json");
    put(c, "Cache-Control", "no-store");
    put(c, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    put_common(c);
}

void answer_make(struct http_conn *c, enum rc rc)
{
    if (rc) {
        answer_problem(c, rc);
    } else if (c->page) {
        answer_page(c);
    } else {
        const struct http_route *def = c->route->def;
        const char *type = c->rs.type ? c->rs.type : def->answer_type ? def->answer_type : "application/json";
        c->status = c->rs.status ? c->rs.status : def->answer_status ? def->answer_status : 200;
        answer_body(c, type);
        put(c, "Cache-Control", c->rs.cache_control ? c->rs.cache_control : "no-store");
        if (str_starts(str_of(type), STR("text/html")))
            put_lines(c, http_security_headers);
        else
            put(c, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        for (const struct http_field *f = c->rs.fields; f; f = f->next)
            put(c, f->name, f->value);
        put_common(c);
    }
    buf_release(&c->rs.body);
    if (c->answer) return;
    c->status = 500; /* out of memory: nothing left to say it with */
    c->answer_bytes = 0;
    c->answer = empty();
}
