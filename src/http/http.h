/*
 * The HTTPS server (TLS 1.3 only, HTTP/1.1), over libmicrohttpd, which only this folder knows. Routes
 * come from the module table; the OpenAPI 3.1 document is made from the same table.
 *
 * A handler gets a parsed, bounded request and fills a response; on an error it returns the code, and
 * the server answers with problem+json (RFC 9457). Answers that describe a failure of ours carry the
 * request id and nothing of the message.
 *
 * Threading: libmicrohttpd's threads own the sockets and never block: they receive the body (bounded,
 * in memory, under a budget for all of them: a shopper's photo never touches the disk in clear), suspend
 * the connection, and push the request on the bounded queue of its route's kind. A worker runs the handler
 * and resumes the connection. A full queue answers 503 with Retry-After at once. A handler marked
 * HTTP_INLINE runs on the socket's thread: only for what never waits (health).
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/jout.h"

struct app;
struct jval;

/* Roles, as a mask; who authenticates (http_authenticate_fn) decides which a request has. */
enum http_role {
    HTTP_ANONYMOUS = 1 << 0,
    HTTP_SHOPPER = 1 << 1,
    HTTP_MERCHANDISER = 1 << 2,
    HTTP_ANALYST = 1 << 3,
    HTTP_DPO = 1 << 4,
    HTTP_OPERATOR = 1 << 5,
    HTTP_ADMIN = 1 << 6,
    HTTP_ANYONE = 0x7f
};

/* Who asks. Every request has one. */
struct http_principal {
    unsigned roles;       /* mask of enum http_role */
    struct str id;        /* pseudonym, or "" for anonymous */
    struct str limit_key; /* whom a rate limit counts against: the id, or a keyed hash of the address */
};

enum http_in { HTTP_IN_PATH, HTTP_IN_QUERY, HTTP_IN_HEADER };
struct http_param {
    const char *name; /* NULL ends the list */
    enum http_in in;
    bool required;
    const char *schema; /* JSON Schema as text: {"type":"integer","minimum":1,"maximum":100,"default":20} */
    const char *help;
};

enum http_body {
    HTTP_BODY_NONE,
    HTTP_BODY_JSON,
    HTTP_BODY_MULTIPART,
    HTTP_BODY_PICTURE /* multipart or raw image */
};
enum http_flags {
    HTTP_INLINE = 1,     /* runs on the socket's thread */
    HTTP_HEAVY = 2,      /* decodes or infers: the small queue */
    HTTP_IDEMPOTENT = 4, /* honours Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) */
    HTTP_PRODUCTS = 8,   /* the answer lists products: carries an attribution token */
    HTTP_HIDDEN = 16,    /* not in the OpenAPI document (pages, assets) */
    HTTP_NO_LIMIT = 32   /* no rate limit (health, metrics) */
};

struct http_request;
struct http_response;
typedef enum rc (*http_handler)(struct http_request *rq, struct http_response *rs, struct err *err);

struct http_route {
    const char *path;      /* "/v1/products/{id}"; NULL ends the table */
    const char *method;    /* "GET" */
    const char *operation; /* operationId, "getProduct" */
    const char *summary;   /* one sentence */
    const char *tag;       /* group in the document */
    http_handler handler;
    unsigned roles, flags;
    const struct http_param *params;
    enum http_body body;
    const char *body_schema;   /* name of a schema, for HTTP_BODY_JSON and multipart fields */
    const char *answer_schema; /* name of a schema; NULL: no JSON body (answer_type says what) */
    const char *answer_type;   /* NULL: application/json */
    int answer_status;         /* 0: 200 */
};

struct http_schema {
    const char *name; /* NULL ends the table */
    const char *json; /* JSON Schema (2020-12) as text */
};

struct http_part { /* one part of multipart/form-data, or the raw picture as "photo" */
    struct str name, filename, type, data;
};

struct http_request {
    struct app *app;
    const struct http_route *route;
    struct http_principal principal;
    const char *id;      /* request id, also in the X-Request-Id header of the answer */
    struct arena *arena; /* ends with the request */
    unsigned worker;     /* number of the worker of its queue, for infer_*() */
    struct str body;     /* raw; for HTTP_BODY_JSON also parsed: */
    const struct jval *json;
    const struct http_part *parts;
    size_t n_parts;
    struct str idempotency; /* hash of key, principal and operation, as text; p NULL: no key came */
    struct http_conn *conn; /* the server's own */
};

/* Path and query parameters are checked against their schema before the handler runs: a missing one
 * with a default gives the default. STR_NONE when absent. */
struct str http_param(const struct http_request *rq, const char *name);
int64_t http_param_i64(const struct http_request *rq, const char *name, int64_t fallback);
double http_param_f64(const struct http_request *rq, const char *name, double fallback);
struct str http_header(const struct http_request *rq, const char *name);
const struct http_part *http_part(const struct http_request *rq, const char *name); /* NULL if absent */

struct http_response {
    int status;       /* 0: the route's */
    const char *type; /* NULL: the route's */
    struct buf body;
    struct jout json;          /* writes into body */
    bool etag;                 /* ask for a strong ETag of the body and If-None-Match handling */
    const char *cache_control; /* NULL: no-store */
    int retry_after_s;         /* with an error that says to come back (RC_LIMIT, RC_BUSY); 0: none */
    struct str file;           /* bytes that outlive the answer (static assets, mapped files) instead of body */
    struct arena *arena;       /* the request's; the rest is filled by http_add_header() */
    struct http_field *fields;
};
/* Adds a header; value is copied. Names and values with control characters are refused. */
enum rc http_add_header(struct http_response *rs, const char *name, const char *value,
                        struct err *err) MUST_USE;

struct http_field {
    const char *name, *value;
    struct http_field *next;
};

/* Tells who asks, from the headers; runs on the socket's thread and must not wait. The default knows anonymous
 * clients and the bearer token of the staff. limit_key may stay empty: then the id or the address counts. */
typedef enum rc (*http_authenticate_fn)(struct http_request *rq, struct http_principal *out, struct err *err);
enum rc http_authenticate_default(struct http_request *rq, struct http_principal *out,
                                  struct err *err) MUST_USE;

struct http_server;
/* modules: NULL-ended. Reads http_* and tls_* settings. */
struct module;
enum rc http_start(struct app *app, const struct module *const *modules, struct http_server **out,
                   struct err *err) MUST_USE;
void http_stop(struct http_server *s, int64_t grace_ms); /* stops accepting, lets running requests end */
/* Takes over what may change while running: certificate, limits, timeouts, CORS (settings say which). On failure
 * everything stays as it was. */
struct config;
enum rc http_reload(struct http_server *s, const struct config *config, struct err *err) MUST_USE;
/* Asks the server that http_address and http_port of these settings name, on this machine, whether it is ready
 * (GET /readyz). RC_OK: it is. RC_BUSY: it says it is not. RC_IO, RC_TIMEOUT: nothing answers, or not in time. */
enum rc http_check(const struct config *config, int64_t timeout_ms, struct err *err) MUST_USE;
bool http_self_signed(const struct http_server *s);
unsigned http_port(const struct http_server *s); /* for tests: the port bound */
/* The document, as served on /openapi.json. */
enum rc http_openapi(const struct module *const *modules, struct buf *out, struct err *err) MUST_USE;
extern const struct module http_module; /* health, readiness, metrics, openapi */

#endif
