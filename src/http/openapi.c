/* The OpenAPI 3.1 document, from the module table alone. */
#include "http/internal.h"

#include "base/jval.h"

#include <ctype.h>

/* Status codes that an operation can answer besides its own; each has a response of its problem's name. */
static const char *const *problems_of(const struct http_route *r, const char *out[static 16])
{
    size_t n = 0;
    bool path = strchr(r->path, '{') != NULL, read = strcmp(r->method, "GET") == 0,
         open = r->roles == HTTP_ANYONE;
    out[n++] = "invalid";
    out[n++] = "unauthenticated";
    if (!open || !read) out[n++] = "forbidden"; /* a role that may not; a write from another site's page */
    /* What a path, a parameter, a body or a session points at may be gone. */
    if (path || r->params || !open || r->body != HTTP_BODY_NONE) out[n++] = "not-found";
    out[n++] = "method-not-allowed";
    if (!read) out[n++] = "conflict";
    if (r->body != HTTP_BODY_NONE) {
        out[n++] = "too-large";
        out[n++] = "unsupported-type";
    }
    if (!read) out[n++] = "unprocessable";
    if (!(r->flags & HTTP_NO_LIMIT)) out[n++] = "rate-limited";
    out[n++] = "internal";
    if (!(r->flags & HTTP_INLINE)) out[n++] = "busy";
    out[n] = NULL;
    return out;
}

static const struct problem *problem_named(const char *name)
{
    const struct problem *p = http_problems;
    while (p->name && strcmp(p->name, name) != 0)
        p++;
    ASSERT(p->name);
    return p;
}

static void write_ref(struct jout *out, const char *kind, const char *name)
{
    char ref[160];
    snprintf(ref, sizeof ref, "#/components/%s/%s", kind, name);
    jout_object(out);
    jout_kz(out, "$ref", ref);
    jout_end(out);
}

static void write_content(struct jout *out, const char *type, const char *schema)
{
    jout_key(out, "content");
    jout_object(out);
    char plain[100];
    struct str rest = str_of(type), bare = str_split(&rest, ';'); /* without parameters */
    snprintf(plain, sizeof plain, "%.*s", STR_ARG(bare));
    jout_key(out, plain);
    jout_object(out);
    if (schema) {
        jout_key(out, "schema");
        write_ref(out, "schemas", schema);
    }
    jout_end(out);
    jout_end(out);
}

static void write_header_refs(struct jout *out, const char *const *names)
{
    jout_key(out, "headers");
    jout_object(out);
    for (; *names; names++) {
        jout_key(out, *names);
        write_ref(out, "headers", *names);
    }
    jout_end(out);
}

static void write_param(struct jout *out, const struct http_param *p)
{
    static const char *const places[] = {"path", "query", "header"};
    struct jval *schema = NULL;
    const char *text = p->schema ? p->schema : "{\"type\":\"string\"}";
    jout_object(out);
    jout_kz(out, "name", p->name);
    jout_kz(out, "in", places[p->in]);
    if (p->help) jout_kz(out, "description", p->help);
    jout_kbool(out, "required", p->required || p->in == HTTP_IN_PATH);
    jout_key(out, "schema");
    jout_raw(out, str_of(text));
    if (!jval_parse(str_of(text), 1 << 16, &schema, NULL) &&
        str_eqz(jval_str(jval_get(schema, "type")), "array"))
        jout_kbool(out, "explode", false); /* values separated by commas */
    jval_destroy(schema);
    jout_end(out);
}

static void write_params(struct jout *out, const struct http_route *r)
{
    bool any = (r->params && r->params->name) || (r->flags & HTTP_IDEMPOTENT);
    if (!any) return;
    jout_key(out, "parameters");
    jout_array(out);
    for (const struct http_param *p = r->params; p && p->name; p++)
        write_param(out, p);
    if (r->flags & HTTP_IDEMPOTENT) write_ref(out, "parameters", "IdempotencyKey");
    jout_end(out);
}

static void write_photo_schema(struct jout *out)
{
    jout_raw(
        out,
        STR("{\"schema\":{\"type\":\"object\",\"required\":[\"photo\"],\"properties\":{\"photo\":{\"type\":"
            "\"string\",\"format\":\"binary\"}}}}"));
}

static void write_body(struct jout *out, const struct http_route *r)
{
    if (r->body == HTTP_BODY_NONE) return;
    jout_key(out, "requestBody");
    jout_object(out);
    jout_kbool(out, "required", true);
    if (r->body == HTTP_BODY_JSON) {
        write_content(out, "application/json", r->body_schema);
    } else {
        jout_key(out, "content");
        jout_object(out);
        jout_key(out, "multipart/form-data");
        if (r->body_schema) {
            jout_object(out);
            jout_key(out, "schema");
            write_ref(out, "schemas", r->body_schema);
            jout_end(out);
        } else {
            write_photo_schema(out);
        }
        static const char *const pictures[] = {"image/jpeg", "image/png", "image/webp", "image/heic",
                                               "image/avif"};
        for (size_t i = 0; r->body == HTTP_BODY_PICTURE && i < sizeof pictures / sizeof *pictures; i++) {
            jout_key(out, pictures[i]);
            jout_raw(out, STR("{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}"));
        }
        jout_end(out);
    }
    jout_end(out);
}

static void write_responses(struct jout *out, const struct http_route *r)
{
    static const char *const plain[] = {"X-Request-Id", NULL};
    static const char *const limited[] = {"X-Request-Id", "RateLimit-Policy", "RateLimit", NULL};
    const char *names[16], *type = r->answer_type ? r->answer_type : "application/json";
    char status[8];
    jout_key(out, "responses");
    jout_object(out);
    snprintf(status, sizeof status, "%d", r->answer_status ? r->answer_status : 200);
    jout_key(out, status);
    jout_object(out);
    jout_kz(out, "description", r->summary);
    write_header_refs(out, r->flags & HTTP_NO_LIMIT ? plain : limited);
    if (r->answer_status != 204 && r->answer_status / 100 != 3) write_content(out, type, r->answer_schema);
    jout_end(out);
    if (strcmp(r->method, "GET") == 0) {
        jout_key(out, "304");
        write_ref(out, "responses", "not-modified");
    }
    if (strcmp(r->operation, "getReadiness") == 0) { /* the one answer that is not a problem at 503 */
        jout_key(out, "503");
        jout_object(out);
        jout_kz(out, "description", "Not ready: `checks` says what fails; or too busy to say.");
        jout_key(out, "content");
        jout_raw(out,
                 STR("{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Readiness\"}},"
                     "\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}"));
        jout_end(out);
    }
    for (const char *const *p = problems_of(r, names); *p; p++) {
        snprintf(status, sizeof status, "%d", problem_named(*p)->status);
        if (strcmp(status, "503") == 0 && strcmp(r->operation, "getReadiness") == 0) continue;
        jout_key(out, status);
        write_ref(out, "responses", *p);
    }
    jout_end(out);
}

static void write_operation(struct jout *out, const struct http_route *r)
{
    char method[16] = "";
    for (size_t i = 0; r->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)tolower((unsigned char)r->method[i]);
    jout_key(out, method);
    jout_object(out);
    jout_kz(out, "operationId", r->operation);
    jout_kz(out, "summary", r->summary);
    if (r->tag) {
        jout_key(out, "tags");
        jout_array(out);
        jout_z(out, r->tag);
        jout_end(out);
    }
    write_params(out, r);
    write_body(out, r);
    write_responses(out, r);
    jout_key(out, "security");
    jout_raw(out, r->roles & HTTP_ANONYMOUS ? STR("[{},{\"token\":[]}]") : STR("[{\"token\":[]}]"));
    jout_end(out);
}

static bool shown(const struct http_route *r) { return !(r->flags & HTTP_HIDDEN); }

/* A path's operations stand together, wherever their modules are; the first mention of a path writes them all. */
static bool seen_before(const struct module *const *modules, const struct http_route *route)
{
    for (size_t m = 0; modules[m]; m++)
        for (const struct http_route *r = modules[m]->routes; r && r->path; r++) {
            if (r == route) return false;
            if (shown(r) && strcmp(r->path, route->path) == 0) return true;
        }
    return false;
}

static void write_path(struct jout *out, const struct module *const *modules, const struct http_route *first)
{
    jout_key(out, first->path);
    jout_object(out);
    for (size_t m = 0; modules[m]; m++)
        for (const struct http_route *r = modules[m]->routes; r && r->path; r++)
            if (shown(r) && strcmp(r->path, first->path) == 0) write_operation(out, r);
    jout_end(out);
}

static void write_paths(struct jout *out, const struct module *const *modules)
{
    jout_key(out, "paths");
    jout_object(out);
    for (size_t m = 0; modules[m]; m++)
        for (const struct http_route *r = modules[m]->routes; r && r->path; r++)
            if (shown(r) && !seen_before(modules, r)) write_path(out, modules, r);
    jout_end(out);
}

static void write_schemas(struct jout *out, const struct module *const *modules)
{
    jout_key(out, "schemas");
    jout_object(out);
    for (size_t m = 0; modules[m]; m++)
        for (const struct http_schema *s = modules[m]->schemas; s && s->name; s++) {
            jout_key(out, s->name);
            jout_raw(out, str_of(s->json));
        }
    jout_end(out);
}

static void write_problem_response(struct jout *out, const struct problem *p)
{
    static const char *const plain[] = {"X-Request-Id", NULL};
    static const char *const later[] = {"X-Request-Id", "Retry-After", NULL};
    char type[64];
    jout_key(out, p->name);
    jout_object(out);
    jout_kz(out, "description", p->title);
    write_header_refs(out, p->status == 429 || p->status == 503 ? later : plain);
    jout_key(out, "content");
    jout_object(out);
    jout_key(out, "application/problem+json");
    jout_object(out);
    jout_key(out, "schema");
    write_ref(out, "schemas", "Problem");
    jout_key(out, "example");
    jout_object(out);
    snprintf(type, sizeof type, "/problems/%s", p->name);
    jout_kz(out, "type", type);
    jout_kz(out, "title", p->title);
    jout_ki64(out, "status", p->status);
    jout_kz(out, "detail", p->help);
    jout_kz(out, "instance", "/v1/search");
    jout_kz(out, "request_id", "o2nJbX1pTqmO0N7GQ3yqLw");
    for (int i = 0; i < 4; i++)
        jout_end(out);
}

static void write_components(struct jout *out, const struct module *const *modules)
{
    jout_key(out, "components");
    jout_object(out);
    write_schemas(out, modules);
    jout_key(out, "responses");
    jout_object(out);
    jout_key(out, "not-modified");
    jout_raw(out, STR("{\"description\":\"What If-None-Match names is still current.\"}"));
    for (const struct problem *p = http_problems; p->name; p++)
        write_problem_response(out, p);
    jout_end(out);
    jout_key(out, "headers");
    jout_raw(out, STR("{\"X-Request-Id\":{\"description\":\"The client's own, if it sent 8 to 64 of "
                      "[A-Za-z0-9_-], or a new "
                      "one.\",\"schema\":{\"type\":\"string\"}},"
                      "\"RateLimit-Policy\":{\"description\":\"Quota (q) in a window of w seconds "
                      "(draft-ietf-httpapi-ratelimit-headers).\",\"schema\":{\"type\":\"string\",\"examples\":"
                      "[\"\\\"light\\\";q=12000;w=60\"]}},"
                      "\"RateLimit\":{\"description\":\"What is left (r), and seconds until the quota is whole "
                      "again (t).\","
                      "\"schema\":{\"type\":\"string\",\"examples\":[\"\\\"light\\\";r=11999;t=42\"]}},"
                      "\"Retry-After\":{\"description\":\"Seconds.\",\"schema\":{\"type\":\"integer\"}}}"));
    jout_key(out, "parameters");
    jout_raw(out,
             STR("{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"required\":false,"
                 "\"description\":\"A value of the client's, best a UUID: the same request sent again with it "
                 "within 24 hours gets the first answer and has no second effect.\",\"schema\":{\"type\":"
                 "\"string\",\"minLength\":1,\"maxLength\":255,\"pattern\":\"^[!#-[^-~]+$\"}}}"));
    jout_key(out, "securitySchemes");
    jout_raw(out, STR("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An access token "
                      "(POST /v1/sessions; web pages have it in a cookie), an API key, a token of an OpenID "
                      "provider that "
                      "counts here, or the house's own: DATA/keys/admin.token on the server.\"}}"));
    jout_end(out);
}

enum rc http_openapi(const struct module *const *modules, struct buf *out_buf, struct err *err)
{
    struct jout out = JOUT_INIT(out_buf);
    jout_object(&out);
    jout_kz(&out, "openapi", "3.1.0");
    jout_key(&out, "info");
    jout_object(&out);
    jout_kz(&out, "title", "Penderie");
    jout_kz(&out, "version", PENDERIE_VERSION);
    jout_kz(
        &out, "description",
        "Sees, matches and recommends clothes. Problems are application/problem+json (RFC 9457); every answer "
        "carries X-Request-Id; unknown parameters are refused. What cannot be read as HTTP at all (a broken "
        "request line, "
        "length or chunk) is answered with a 4xx without either, and the connection closed.");
    jout_end(&out);
    jout_key(&out, "servers");
    jout_raw(&out, STR("[{\"url\":\"/\"}]"));
    write_paths(&out, modules);
    write_components(&out, modules);
    jout_end(&out);
    return buf_check(out_buf, "the OpenAPI document", err);
}
