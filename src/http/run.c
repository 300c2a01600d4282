/* On a worker: from the received request to the answer. */
#include "http/internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "crypt/crypt.h"
#include "http/idempotency.h"
#include "http/multipart.h"

static enum rc first_fault(struct http_conn *c)
{
    return err_set(&c->err, RC_INVALID, "%s %s", c->faults.v[0].pointer, c->faults.v[0].detail);
}

static enum rc parse_json(struct http_conn *c)
{
    if (!c->body_n) return err_set(&c->err, RC_INVALID, "a JSON body is needed");
    enum rc rc = jval_parse(c->rq.body, c->body_max, &c->json, &c->err);
    if (rc) return rc;
    c->rq.json = c->json;
    if (c->route->body && !schema_check(c->route->body, c->json, &c->faults)) return first_fault(c);
    return RC_OK;
}

static void check_field(struct http_conn *c, const char *name, const struct schema *schema, bool required,
                        bool binary)
{
    char where[160];
    const struct http_part *part = http_part(&c->rq, name);
    snprintf(where, sizeof where, "#/%s", name);
    if (!part && required) schema_fault(&c->faults, where, "is missing");
    if (!part || binary) return;
    if (!str_utf8_valid(part->data))
        schema_fault(&c->faults, where, "is not UTF-8");
    else if (schema)
        schema_check_text(schema, part->data, where, &c->faults);
}

/* A field that the schema describes comes at most once; others only where the schema is open. */
static bool field_known(const struct schema *s, struct str name)
{
    const struct schema *value;
    bool required, binary;
    const char *is;
    for (size_t i = 0; (is = schema_property(s, i, &value, &required, &binary)); i++)
        if (str_eqz(name, is)) return true;
    return false;
}

static enum rc check_form(struct http_conn *c)
{
    const struct schema *value, *s = c->route->body;
    bool required, binary;
    const char *name;
    for (size_t i = 0; s && (name = schema_property(s, i, &value, &required, &binary)); i++)
        check_field(c, name, value, required, binary);
    for (size_t i = 0; i < c->rq.n_parts; i++) {
        const struct http_part *p = &c->rq.parts[i];
        char where[160], plain[80];
        snprintf(plain, sizeof plain, "%.*s", (int)(p->name.n < 60 ? p->name.n : 60), p->name.p);
        snprintf(where, sizeof where, "#/%s", plain);
        bool known = s && field_known(s, p->name);
        if (s && !known && schema_closed(s)) schema_fault(&c->faults, where, "is not a field of this form");
        for (size_t j = 0; known && j < i; j++)
            if (str_eq(c->rq.parts[j].name, p->name))
                schema_fault(&c->faults, where, "must not be given twice");
    }
    return c->faults.n ? first_fault(c) : RC_OK;
}

static enum rc parse_form(struct http_conn *c)
{
    struct str type = http_header(&c->rq, "Content-Type");
    if (!c->body_n) return err_set(&c->err, RC_INVALID, "a body is needed");
    if (c->route->def->body == HTTP_BODY_PICTURE && type.n > 6 && str_ieqz(str_sub(type, 0, 6), "image/")) {
        struct http_part *photo = arena_alloc(&c->arena, sizeof *photo);
        if (!photo) return err_set(&c->err, RC_NOMEM, "out of memory");
        *photo = (struct http_part){.name = STR("photo"), .type = type, .data = c->rq.body};
        c->rq.parts = photo;
        c->rq.n_parts = 1;
        return RC_OK;
    }
    enum rc rc = multipart_parse(type, c->rq.body, &c->arena, &c->rq.parts, &c->rq.n_parts, &c->err);
    return rc ? rc : check_form(c);
}

static enum rc parse_body(struct http_conn *c)
{
    c->rq.body = (struct str){c->body, c->body_n};
    switch (c->route->def->body) {
    case HTTP_BODY_NONE:
        return RC_OK;
    case HTTP_BODY_JSON:
        return parse_json(c);
    case HTTP_BODY_MULTIPART:
    case HTTP_BODY_PICTURE:
        return parse_form(c);
    }
    return RC_OK;
}

/* What the API promises about its answers, for tests: a handler that breaks it is found by any request. */
static enum rc check_answer(struct http_conn *c)
{
    struct jval *doc = NULL;
    struct schema_faults faults = {.n = 0};
    const struct schema *schema = c->route->answer;
    bool other = c->rs.type && !str_starts(str_of(c->rs.type), STR("application/json"));
    if (!c->settings->check_answers || !schema || other || c->rs.status == 304) return RC_OK;
    struct str body = c->rs.file.p ? c->rs.file : buf_str(&c->rs.body);
    enum rc rc = jval_parse(body, 64 << 20, &doc, &c->err);
    if (!rc && !schema_check(schema, doc, &faults))
        rc = err_set(&c->err, RC_INTERNAL, "%s answers what its schema does not allow: %s %s",
                     c->route->def->operation, faults.v[0].pointer, faults.v[0].detail);
    jval_destroy(doc);
    return rc ? RC_INTERNAL : RC_OK;
}

static enum rc run_handler(struct http_conn *c)
{
    c->rs = (struct http_response){.body = BUF_INIT(64 << 20), .arena = &c->arena};
    c->rs.json = JOUT_INIT(&c->rs.body);
    enum rc rc = c->route->def->handler(&c->rq, &c->rs, &c->err);
    if (rc && c->rs.retry_after_s) c->retry_after_s = c->rs.retry_after_s;
    if (!rc && c->rs.body.failed) rc = buf_check(&c->rs.body, "the answer", &c->err);
    return rc ? rc : check_answer(c);
}

/* Whose key it is: a principal's, or, of somebody unknown, that of whoever shares the address. Keyed, since an
 * address could be found from its plain hash by trying them all. */
static void hash_owner(const struct http_conn *c, struct crypt_sha256 *h)
{
    struct str id = c->rq.principal.id;
    uint8_t mac[CRYPT_MAC_BYTES];
    if (id.n) {
        crypt_sha256_add(h, "id", 3);
        crypt_sha256_add(h, id.p, id.n);
    } else {
        crypt_mac(c->server->ops_key, (struct str){(const char *)c->from.b, sizeof c->from.b}, mac);
        crypt_sha256_add(h, "at", 3);
        crypt_sha256_add(h, mac, sizeof mac);
    }
    crypt_sha256_add(h, "", 1);
}

/* One key for each use of the same hash: what stands in the table leads to nothing else that is derived from it. */
static void derive(const struct http_conn *c, char use, const uint8_t hash[static CRYPT_SHA256_BYTES],
                   uint8_t out[static CRYPT_MAC_BYTES])
{
    char text[1 + CRYPT_SHA256_BYTES] = {use};
    memcpy(text + 1, hash, CRYPT_SHA256_BYTES);
    crypt_mac(c->server->ops_key, (struct str){text, sizeof text}, out);
}

static void hash_key(struct http_conn *c, struct str key, struct idempotency *i)
{
    struct crypt_sha256 h;
    const char *operation = c->route->def->operation;
    uint8_t hash[CRYPT_SHA256_BYTES], id[CRYPT_MAC_BYTES];
    char hex[CRYPT_HEX_BYTES];
    crypt_sha256_init(&h);
    hash_owner(c, &h);
    crypt_sha256_add(&h, operation, strlen(operation) + 1);
    crypt_sha256_add(&h, key.p, key.n);
    crypt_sha256_end(&h, hash);
    derive(c, 'k', hash, i->key);
    derive(c, 's', hash, i->seal);
    derive(c, 'i', hash, id);
    crypt_hex(id, 16, hex);
    c->rq.idempotency = arena_str(&c->arena, str_of(hex));
}

static void hash_request(const struct http_conn *c, struct idempotency *i)
{
    struct crypt_sha256 h;
    uint8_t hash[CRYPT_SHA256_BYTES];
    crypt_sha256_init(&h);
    crypt_sha256_add(&h, c->uri.path.p, c->uri.path.n);
    for (size_t p = 0; p < c->route->n_params; p++) {
        crypt_sha256_add(&h, "", 1);
        crypt_sha256_add(&h, c->params[p].p ? c->params[p].p : "", c->params[p].n);
    }
    crypt_sha256_add(&h, "", 1);
    for (size_t p = 0; p < c->rq.n_parts; p++) { /* the boundary between them is another each time */
        uint8_t part[CRYPT_SHA256_BYTES];
        crypt_sha256(c->rq.parts[p].name, part);
        crypt_sha256_add(&h, part, sizeof part);
        crypt_sha256(c->rq.parts[p].data, part);
        crypt_sha256_add(&h, part, sizeof part);
    }
    if (!c->rq.n_parts) crypt_sha256_add(&h, c->rq.body.p ? c->rq.body.p : "", c->rq.body.n);
    crypt_sha256_end(&h, hash);
    derive(c, 'b', hash, i->body); /* a plain hash of a photo would show that the same one came twice */
}

static enum rc replay(struct http_conn *c, const struct idempotent_answer *a)
{
    enum rc rc = RC_OK;
    struct str rest = a->headers, line;
    c->rs = (struct http_response){.body = BUF_INIT(64 << 20), .arena = &c->arena, .status = a->status};
    c->rs.type = arena_strz(&c->arena, a->type);
    buf_add(&c->rs.body, a->body);
    while (!rc && rest.n && (line = str_split(&rest, '\n')).p) {
        struct str value = line, name = str_split(&value, ':');
        const char *n = arena_strz(&c->arena, name), *v = arena_strz(&c->arena, str_trim(value));
        rc = n && v ? http_add_header(&c->rs, n, v, &c->err) : err_set(&c->err, RC_NOMEM, "out of memory");
    }
    if (!rc) rc = http_add_header(&c->rs, "Idempotent-Replayed", "true", &c->err);
    return rc ? rc : buf_check(&c->rs.body, "the answer", &c->err);
}

/* Keeps what was answered; a failure of ours is not kept, so that the client can try again. */
static enum rc remember(struct http_conn *c, const struct idempotency *i, enum rc rc)
{
    const struct http_route *def = c->route->def;
    int status = rc                   ? rc_http_status(rc)
                 : c->rs.status       ? c->rs.status
                 : def->answer_status ? def->answer_status
                                      : 200;
    struct err err;
    if (rc || status >= 500) {
        if (idempotency_forget(i, &err)) log_error("http", "idempotency: %s", err.message);
        return rc;
    }
    struct buf headers = BUF_INIT(64 << 10);
    for (const struct http_field *f = c->rs.fields; f; f = f->next)
        buf_addf(&headers, "%s: %s\n", f->name, f->value);
    const char *type = c->rs.type ? c->rs.type : def->answer_type ? def->answer_type : "application/json";
    struct idempotent_answer a = {.status = status,
                                  .type = str_of(type),
                                  .headers = buf_str(&headers),
                                  .body = c->rs.file.p ? c->rs.file : buf_str(&c->rs.body)};
    enum rc kept = buf_check(&headers, "headers", &c->err);
    if (!kept) kept = idempotency_end(i, &a, &c->err);
    buf_release(&headers);
    return kept; /* what is done but not recorded must not look like a success that a repeat would find */
}

static enum rc run_idempotent(struct http_conn *c)
{
    struct str header = http_header(&c->rq, "Idempotency-Key"), key = idempotency_key(header);
    struct idempotency i = {.store = c->server->app->ops, .instance = c->server->instance};
    struct idempotent_answer a = {0};
    bool again;
    if (!header.p || !i.store) return run_handler(c);
    if (!key.p) return err_set(&c->err, RC_INVALID, "Idempotency-Key must have 1 to 255 visible characters");
    hash_key(c, key, &i);
    hash_request(c, &i);
    enum rc rc = idempotency_begin(&i, 2 * c->settings->deadline_ms, &c->arena, &again, &a, &c->err);
    if (rc == RC_CONFLICT) c->retry_after_s = 1;
    if (rc) return rc;
    return again ? replay(c, &a) : remember(c, &i, run_handler(c));
}

static bool too_late(const struct http_conn *c)
{
    return atomic_load(&c->server->abandon) || clock_mono_us() - c->queued_us > c->settings->deadline_ms * 1000;
}

void run_request(struct http_conn *c)
{
    enum rc rc = RC_OK;
    log_request(c->id);
    if (c->page || !c->route->def->handler) {
        answer_make(c, RC_OK);
    } else {
        if (too_late(c)) {
            c->retry_after_s = 1;
            rc = err_set(&c->err, RC_BUSY, "it took too long until a worker was free");
        }
        if (!rc) rc = parse_body(c);
        if (!rc) rc = c->route->def->flags & HTTP_IDEMPOTENT ? run_idempotent(c) : run_handler(c);
        answer_make(c, rc);
    }
    log_request(NULL);
}
