/* The server's own module: settings, tables, metrics, and the routes about the service itself. */
#include "http/internal.h"

#include "store/store.h"

struct metric http_requests =
    METRIC_COUNTER("penderie_http_requests_total", "Requests by status; 499: the client was gone.", "code");
struct metric http_failures =
    METRIC_COUNTER("penderie_http_failures_total", "Answers of 5xx by operation.", "operation");
struct metric http_seconds =
    METRIC_SECONDS("penderie_http_seconds", "From the request line to the last byte sent.", "operation");
struct metric http_in_bytes = METRIC_COUNTER("penderie_http_in_bytes_total", "Bytes of bodies received.", NULL);
struct metric http_out_bytes = METRIC_COUNTER("penderie_http_out_bytes_total", "Bytes of bodies sent.", NULL);
struct metric http_connections = METRIC_GAUGE("penderie_http_connections", "Open connections.", NULL);
struct metric http_refused = METRIC_COUNTER("penderie_http_refused_connections_total",
                                            "Connections closed: their client had too many.", NULL);
struct metric http_waiting = METRIC_GAUGE("penderie_http_waiting", "Requests waiting for a worker.", "queue");
struct metric http_running =
    METRIC_GAUGE("penderie_http_running", "Requests being received, answered or sent.", NULL);
static struct metric *const metrics[] = {
    &http_requests,    &http_failures, &http_seconds, &http_in_bytes, &http_out_bytes,
    &http_connections, &http_refused,  &http_waiting, &http_running,  NULL};

/*
 * http_limit        requests counted by client and minute. The key is a hash of a keyed hash of the address that
 *                   changes daily, or of the id of a member of the staff; rows live for two minutes.
 * http_idempotency  answers of writes, for 24 hours. status NULL: being carried out, by `owner` until `lease_ms`.
 */
static const struct migration migrations[] = {
    {"ops", 1,
     "CREATE TABLE http_limit (key BLOB NOT NULL, minute INTEGER NOT NULL, used INTEGER NOT NULL,"
     " PRIMARY KEY (key, minute));"
     "CREATE INDEX http_limit_minute ON http_limit (minute);"
     "CREATE TABLE http_idempotency (key BLOB PRIMARY KEY, body BLOB NOT NULL, owner TEXT NOT NULL,"
     " at_ms INTEGER NOT NULL, lease_ms INTEGER NOT NULL, status INTEGER, type TEXT, headers TEXT, answer "
     "BLOB);"
     "CREATE INDEX http_idempotency_at ON http_idempotency (at_ms);"},
    {0}};

static enum rc healthz(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)rq;
    (void)err;
    buf_addz(&rs->body, "{\"status\":\"ok\",\"version\":\"" PENDERIE_VERSION "\"}");
    return RC_OK;
}

static enum rc get_metrics(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)err;
    const struct module *const *modules = rq->conn->server->modules;
    for (size_t m = 0; modules[m]; m++)
        for (size_t i = 0; modules[m]->metrics && modules[m]->metrics[i]; i++)
            metric_write(modules[m]->metrics[i], &rs->body);
    return RC_OK;
}

static enum rc get_openapi(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)err;
    rs->file = buf_str(&rq->conn->server->openapi);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return RC_OK;
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>Problems - Penderie"
    "</title>\n<main>\n";

static void write_problem(struct buf *out, const struct problem *p)
{
    buf_addf(
        out,
        "<h2 id=\"%s\"><a href=\"/problems/%s\">/problems/%s</a></h2>\n<p><strong>%d %s.</strong> %s</p>\n",
        p->name, p->name, p->name, p->status, p->title, p->help);
}

static enum rc get_problems(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)rq;
    (void)err;
    buf_addz(&rs->body, page_head);
    buf_addz(&rs->body, "<h1>Problems</h1>\n<p>Answers about problems are application/problem+json (RFC 9457). "
                        "Their <code>type</code> is one of these.</p>\n");
    for (const struct problem *p = http_problems; p->name; p++)
        write_problem(&rs->body, p);
    buf_addz(&rs->body, "</main></html>\n");
    rs->cache_control = "public, max-age=3600";
    rs->etag = true;
    return RC_OK;
}

static enum rc get_problem(struct http_request *rq, struct http_response *rs, struct err *err)
{
    for (const struct problem *p = http_problems; p->name; p++)
        if (str_eqz(http_param(rq, "name"), p->name)) {
            buf_addz(&rs->body, page_head);
            write_problem(&rs->body, p);
            buf_addz(&rs->body, "<p><a href=\"/problems\">All problems</a></p>\n</main></html>\n");
            rs->cache_control = "public, max-age=3600";
            return RC_OK;
        }
    return err_set(err, RC_NOT_FOUND, "there is no problem of this name");
}

static const struct http_param problem_params[] = {
    {"name", HTTP_IN_PATH, true,
     "{\"type\":\"string\",\"pattern\":\"^[a-z-]+$\",\"maxLength\":40,\"examples\":[\"busy\"]}",
     "Name of the problem."},
    {0}};

static const struct http_route routes[] = {{.path = "/healthz",
                                            .method = "GET",
                                            .operation = "getHealth",
                                            .tag = "service",
                                            .summary = "Whether the process lives.",
                                            .handler = healthz,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_INLINE | HTTP_NO_LIMIT,
                                            .answer_schema = "Health"},
                                           {.path = "/metrics",
                                            .method = "GET",
                                            .operation = "getMetrics",
                                            .tag = "service",
                                            .summary = "Counters and timings in the Prometheus text format.",
                                            .handler = get_metrics,
                                            .roles = HTTP_OPERATOR,
                                            .flags = HTTP_NO_LIMIT,
                                            .answer_type = "text/plain; version=0.0.4; charset=utf-8"},
                                           {.path = "/openapi.json",
                                            .method = "GET",
                                            .operation = "getOpenapi",
                                            .tag = "service",
                                            .summary = "This description.",
                                            .handler = get_openapi,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_NO_LIMIT,
                                            .answer_schema = "Openapi"},
                                           {.path = "/problems",
                                            .method = "GET",
                                            .operation = "getProblems",
                                            .tag = "service",
                                            .summary = "What the types of problems mean, as a page.",
                                            .handler = get_problems,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_NO_LIMIT,
                                            .answer_type = "text/html; charset=utf-8"},
                                           {.path = "/problems/{name}",
                                            .method = "GET",
                                            .operation = "getProblem",
                                            .tag = "service",
                                            .summary = "What one type of problem means, as a page.",
                                            .handler = get_problem,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_NO_LIMIT,
                                            .params = problem_params,
                                            .answer_type = "text/html; charset=utf-8"},
                                           {0}};

static const struct http_schema schemas[] = {
    {"Health", "{\"type\":\"object\",\"required\":[\"status\",\"version\"],\"properties\":{"
               "\"status\":{\"const\":\"ok\"},\"version\":{\"type\":\"string\",\"examples\":[\"0.1.0\"]}}}"},
    {"Openapi",
     "{\"type\":\"object\",\"description\":\"An OpenAPI 3.1 document.\",\"required\":[\"openapi\",\"paths\"],"
     "\"properties\":{\"openapi\":{\"type\":\"string\"},\"paths\":{\"type\":\"object\"}}}"},
    {"Problem",
     "{\"type\":\"object\",\"description\":\"RFC 9457.\","
     "\"required\":[\"type\",\"title\",\"status\",\"detail\",\"instance\",\"request_id\"],\"properties\":{"
     "\"type\":{\"type\":\"string\",\"format\":\"uri-reference\",\"examples\":[\"/problems/invalid\"]},"
     "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
     "\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\",\"description\":\"Path of the "
     "request.\"},"
     "\"request_id\":{\"type\":\"string\",\"description\":\"Also in X-Request-Id; name it when asking for "
     "help.\"},"
     "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\",\"detail\"],"
     "\"properties\":{"
     "\"pointer\":{\"type\":\"string\",\"description\":\"JSON pointer into the body (#/...), or the place and "
     "name of "
     "a parameter.\",\"examples\":[\"#/limit\",\"query/limit\"]},\"detail\":{\"type\":\"string\"}}}}}}"},
    {0}};

const struct module http_module = {.name = "http",
                                   .config = http_settings_keys,
                                   .migrations = migrations,
                                   .metrics = metrics,
                                   .routes = routes,
                                   .schemas = schemas};
