/* The parts of the server that need no socket: targets, routes, schemas, forms, problems, compression. */
#include "test.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/module.h"
#include "http/internal.h"
#include "http/multipart.h"

#include <zlib.h>

static struct arena arena = ARENA_INIT(1 << 20);
static struct err err;

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* ---- uri ---- */

static void uri_splits_before_it_decodes(void **state)
{
    (void)state;
    struct uri u;
    assert_ok(
        uri_parse(str_of("/v1/products/a%2Fb?q=robe+bleue&x=%C3%A9&flag&empty=&&last=1"), &arena, &u, &err));
    assert_int_equal(u.n_segments, 3);
    assert_true(str_eqz(u.segments[2], "a/b"));
    assert_int_equal(u.n_query, 5);
    assert_true(str_eqz(u.query[0].value, "robe bleue"));
    assert_true(str_eqz(u.query[1].value, "\xc3\xa9"));
    assert_true(str_eqz(u.query[2].name, "flag") && u.query[2].value.n == 0);
    assert_true(str_eqz(u.query[4].value, "1"));
    assert_ok(uri_parse(str_of("/"), &arena, &u, &err));
    assert_int_equal(u.n_segments, 0);
    assert_ok(uri_parse(str_of("https://shop.example/a?b=c"), &arena, &u, &err));
    assert_true(str_eqz(u.path, "/a") && u.n_query == 1);
    assert_ok(uri_parse(str_of("https://shop.example"), &arena, &u, &err));
    assert_true(str_eqz(u.path, "/"));
    assert_ok(uri_parse(str_of("/?q=a%0Ab%06"), &arena, &u, &err));
    assert_true(str_eqz(u.query[0].value, "a\nb\x06"));
    assert_ok(uri_parse(str_of("/a+b"), &arena, &u, &err)); /* a plus is a plus in a path */
    assert_true(str_eqz(u.segments[0], "a+b"));
}

static void uri_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",       "a",       "?q=1",    "/%",   "/%4",       "/%zz",
                                      "/a%00b", "/?q=%ff", "/%C0%AF", "/a b", "/\xc3\xa9", "/?%ED%A0%80=1",
                                      "/%00"};
    struct uri u;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_rc(uri_parse(str_of(bad[i]), &arena, &u, &err), RC_INVALID);
    char deep[200];
    for (int i = 0; i < 40; i++)
        memcpy(deep + 2 * i, "/a", 3);
    assert_rc(uri_parse(str_of(deep), &arena, &u, &err), RC_NOT_FOUND);
    char *far = calloc(1, 9001);
    memset(far, 'a', 9000);
    far[0] = '/';
    assert_rc(uri_parse(str_of(far), &arena, &u, &err), RC_INVALID);
    free(far);
    struct buf many = BUF_INIT(4096);
    buf_addc(&many, '?');
    for (int i = 0; i < 65; i++)
        buf_addf(&many, "a%d=1&", i);
    char target[4096];
    snprintf(target, sizeof target, "/%s", many.p);
    buf_release(&many);
    assert_rc(uri_parse(str_of(target), &arena, &u, &err), RC_INVALID);
}

/* ---- routes ---- */

static enum rc nothing(struct http_request *rq, struct http_response *rs, struct err *e)
{
    (void)rq;
    (void)rs;
    (void)e;
    return RC_OK;
}

static const struct http_param item_params[] = {
    {"id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"maxLength\":8}", "Id."}, {0}};
static const struct http_param list_params[] = {
    {"limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":20}",
     "Most."},
    {"colour", HTTP_IN_QUERY, false,
     "{\"type\":\"array\",\"maxItems\":3,\"items\":{\"enum\":[\"red\",\"blue\"]}}", "Colours."},
    {"sale", HTTP_IN_QUERY, false, "{\"type\":\"boolean\"}", "On sale."},
    {"price", HTTP_IN_QUERY, false, "{\"type\":\"number\",\"exclusiveMinimum\":0}", "Most."},
    {"shop", HTTP_IN_HEADER, true, "{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"}", "Shop."},
    {0}};
#define ROUTE(p, m, o) \
    .path = p, .method = m, .operation = o, .summary = "s", .handler = nothing, .roles = HTTP_ANYONE
static const struct http_route item_routes[] = {
    {ROUTE("/items/{id}", "GET", "getItem"), .params = item_params},
    {ROUTE("/items/{id}", "DELETE", "deleteItem"), .params = item_params},
    {ROUTE("/items", "GET", "listItems"), .params = list_params},
    {ROUTE("/items/new", "GET", "newItem")},
    {ROUTE("/", "GET", "root")},
    {0}};
static const struct module items = {.name = "items", .routes = item_routes};
static const struct module *const item_modules[] = {&items, NULL};

static const char *operation_at(const struct router *r, const char *method, const char *target, enum rc *rc,
                                char allow[64])
{
    struct uri u;
    const struct route *route;
    assert_ok(uri_parse(str_of(target), &arena, &u, &err));
    *rc = router_match(r, &u, method, &route, allow);
    return route ? route->def->operation : "";
}

static void router_matches(void **state)
{
    (void)state;
    struct router *r;
    char allow[64];
    enum rc rc;
    assert_ok(router_create(item_modules, &r, &err));
    assert_string_equal(operation_at(r, "GET", "/items/7", &rc, allow), "getItem");
    assert_string_equal(operation_at(r, "HEAD", "/items/7", &rc, allow), "getItem");
    assert_string_equal(operation_at(r, "DELETE", "/items/7", &rc, allow), "deleteItem");
    assert_string_equal(operation_at(r, "GET", "/items/new", &rc, allow), "newItem");
    assert_string_equal(operation_at(r, "GET", "/", &rc, allow), "root");
    operation_at(r, "PUT", "/items/7", &rc, allow);
    assert_int_equal(rc, RC_METHOD);
    assert_non_null(strstr(allow, "GET"));
    assert_non_null(strstr(allow, "HEAD"));
    assert_non_null(strstr(allow, "DELETE"));
    operation_at(r, "POST", "/items/new", &rc, allow); /* the literal path is another resource */
    assert_int_equal(rc, RC_METHOD);
    assert_null(strstr(allow, "DELETE"));
    static const char *const absent[] = {"/items/",   "/items/7/x", "/item",    "//items",
                                         "/items//7", "/Items",     "/items/.."};
    for (size_t i = 0; i < 6; i++) {
        operation_at(r, "GET", absent[i], &rc, allow);
        assert_int_equal(rc, RC_NOT_FOUND);
    }
    router_destroy(r);
}

static struct str shop_header(void *ctx, const char *name)
{
    return strcmp(name, "shop") == 0 ? str_of(ctx) : STR_NONE;
}

static size_t faults_at(const struct router *r, const char *target, const char *shop, struct str *values,
                        struct schema_faults *faults)
{
    struct uri u;
    const struct route *route;
    char allow[64];
    assert_ok(uri_parse(str_of(target), &arena, &u, &err));
    assert_int_equal(router_match(r, &u, "GET", &route, allow), RC_OK);
    faults->n = 0;
    bool fine = router_params(route, &u, shop_header, (void *)(uintptr_t)shop, values, faults);
    assert_int_equal(fine, faults->n == 0);
    return faults->n;
}

static void parameters_are_checked(void **state)
{
    (void)state;
    struct router *r;
    struct str v[ROUTER_MAX_PARAMS];
    struct schema_faults f;
    assert_ok(router_create(item_modules, &r, &err));
    assert_int_equal(faults_at(r, "/items", "paris", v, &f), 0);
    assert_true(str_eqz(v[0], "20") && !v[1].p && str_eqz(v[4], "paris"));
    assert_int_equal(faults_at(r, "/items?colour=", "paris", v, &f), 0);
    assert_null(v[1].p); /* an empty list is none */
    assert_int_equal(faults_at(r, "/items?limit=5&colour=red,blue&sale=true&price=0.5", "paris", v, &f), 0);
    static const struct {
        const char *target, *shop, *pointer;
    } bad[] = {{"/items?limit=0", "a", "query/limit"},
               {"/items?limit=101", "a", "query/limit"},
               {"/items?limit=x", "a", "query/limit"},
               {"/items?limit=1.0", "a", "query/limit"},
               {"/items?limit=", "a", "query/limit"},
               {"/items?limit=1&limit=2", "a", "query/limit"},
               {"/items?colour=green", "a", "query/colour"},
               {"/items?colour=red,red,red,red", "a", "query/colour"},
               {"/items?sale=yes", "a", "query/sale"},
               {"/items?price=0", "a", "query/price"},
               {"/items?price=nan", "a", "query/price"},
               {"/items?page=2", "a", "query/page"},
               {"/items", NULL, "header/shop"},
               {"/items", "Paris", "header/shop"},
               {"/items/123456789", "a", "path/id"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!faults_at(r, bad[i].target, bad[i].shop, v, &f)) fail_msg("%s was taken", bad[i].target);
        assert_string_equal(f.v[0].pointer, bad[i].pointer);
    }
    router_destroy(r);
}

static void router_refuses_mistakes(void **state)
{
    (void)state;
    static const struct http_schema bad_schema[] = {{"A", "{\"type\":\"object\",\"propertys\":{}}"}, {0}};
    static const struct http_schema bad_ref[] = {{"A", "{\"$ref\":\"#/components/schemas/B\"}"}, {0}};
    static const struct http_route undeclared[] = {{ROUTE("/a/{id}", "GET", "a")}, {0}};
    static const struct http_route twice[] = {{ROUTE("/a", "GET", "a")}, {ROUTE("/a", "GET", "b")}, {0}};
    static const struct http_route same_name[] = {{ROUTE("/a", "GET", "a")}, {ROUTE("/b", "GET", "a")}, {0}};
    static const struct http_route absent[] = {
        {ROUTE("/a", "POST", "a"), .body = HTTP_BODY_JSON, .body_schema = "X"}, {0}};
    const struct module mistakes[] = {{.name = "m", .schemas = bad_schema}, {.name = "m", .schemas = bad_ref},
                                      {.name = "m", .routes = undeclared},  {.name = "m", .routes = twice},
                                      {.name = "m", .routes = same_name},   {.name = "m", .routes = absent}};
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct module *list[] = {&mistakes[i], NULL};
        struct router *r;
        assert_rc(router_create(list, &r, &err), RC_INVALID);
        assert_null(r);
    }
}

/* ---- schemas ---- */

static const struct http_schema shapes[] = {
    {"Box", "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},\"minItems\":4,"
            "\"maxItems\":4}"},
    {"Thing",
     "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],\"properties\":{"
     "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":5},\"code\":{\"type\":[\"string\",\"null\"],"
     "\"pattern\":\"^[A-Z]{2}$\"},\"count\":{\"type\":\"integer\",\"exclusiveMaximum\":10},"
     "\"box\":{\"$ref\":\"#/components/schemas/Box\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
     "\"kind\":{\"enum\":[\"a\",\"b\",3,null]},\"version\":{\"const\":1},"
     "\"inner\":{\"$ref\":\"#/components/schemas/Thing\"},"
     "\"extra\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"},\"maxProperties\":2},"
     "\"either\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\",\"minimum\":5}]},"
     "\"some\":{\"anyOf\":[{\"type\":\"string\",\"maxLength\":2},{\"type\":\"string\",\"minLength\":2}]}}}"},
    {0}};
static const struct module shape_module = {.name = "shapes", .schemas = shapes};
static const struct module *const shape_modules[] = {&shape_module, NULL};

static bool fits(const struct schema *s, const char *json, struct schema_faults *f)
{
    struct jval *doc;
    f->n = 0;
    if (jval_parse(str_of(json), 1 << 20, &doc, &err)) fail_msg("%s: %s", json, err.message);
    bool fine = schema_check(s, doc, f);
    jval_destroy(doc);
    assert_int_equal(fine, f->n == 0);
    return fine;
}

static void schemas_accept(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"name\":\"abc\"}",
        "{\"name\":\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\",\"code\":null}", /* five characters, ten bytes */
        "{\"name\":\"a\",\"code\":\"AB\",\"count\":9,\"box\":[0,0.5,1,1],\"at\":\"2026-11-22T18:05:09Z\"}",
        "{\"name\":\"a\",\"kind\":3,\"version\":1,\"inner\":{\"name\":\"b\",\"inner\":{\"name\":\"c\"}}}",
        "{\"name\":\"a\",\"kind\":null,\"extra\":{\"x\":true},\"either\":\"x\",\"some\":\"xy\"}",
        "{\"name\":\"a\",\"either\":5}"};
    struct schema_set *set;
    struct schema_faults f;
    assert_ok(schema_set_create(shape_modules, &set, &err));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!fits(schema_find(set, "Thing"), good[i], &f))
            fail_msg("%s: %s %s", good[i], f.v[0].pointer, f.v[0].detail);
    schema_set_destroy(set);
}

static void schemas_refuse_and_point(void **state)
{
    (void)state;
    static const struct {
        const char *json, *pointer;
    } bad[] = {{"[]", "#"},
               {"{}", "#/name"},
               {"{\"name\":\"\"}", "#/name"},
               {"{\"name\":\"abcdef\"}", "#/name"},
               {"{\"name\":7}", "#/name"},
               {"{\"name\":\"a\",\"code\":\"ab\"}", "#/code"},
               {"{\"name\":\"a\",\"code\":\"AB\\n\"}", "#/code"},
               {"{\"name\":\"a\",\"count\":10}", "#/count"},
               {"{\"name\":\"a\",\"count\":1.5}", "#/count"},
               {"{\"name\":\"a\",\"count\":true}", "#/count"},
               {"{\"name\":\"a\",\"box\":[0,0,0]}", "#/box"},
               {"{\"name\":\"a\",\"box\":[0,0,0,2]}", "#/box/3"},
               {"{\"name\":\"a\",\"at\":\"yesterday\"}", "#/at"},
               {"{\"name\":\"a\",\"kind\":\"c\"}", "#/kind"},
               {"{\"name\":\"a\",\"version\":2}", "#/version"},
               {"{\"name\":\"a\",\"x/y~z\":1}", "#/x~1y~0z"},
               {"{\"name\":\"a\",\"inner\":{\"name\":\"b\",\"inner\":{}}}", "#/inner/inner/name"},
               {"{\"name\":\"a\",\"extra\":{\"x\":1}}", "#/extra/x"},
               {"{\"name\":\"a\",\"extra\":{\"x\":true,\"y\":true,\"z\":true}}", "#/extra"},
               {"{\"name\":\"a\",\"either\":4}", "#/either"},
               {"{\"name\":\"a\",\"some\":1}", "#/some"}};
    struct schema_set *set;
    struct schema_faults f;
    assert_ok(schema_set_create(shape_modules, &set, &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (fits(schema_find(set, "Thing"), bad[i].json, &f)) fail_msg("%s was taken", bad[i].json);
        assert_string_equal(f.v[0].pointer, bad[i].pointer);
    }
    schema_set_destroy(set);
}

static void schemas_stay_bounded(void **state)
{
    (void)state;
    struct schema_set *set;
    struct schema_faults f;
    struct buf many = BUF_INIT(8 << 20);
    assert_ok(schema_set_create(shape_modules, &set, &err));
    buf_addz(&many, "{\"name\":\"a\"");
    for (int i = 0; i < 50000; i++)
        buf_addf(&many, ",\"m%d\":0", i);
    buf_addc(&many, '}');
    struct jval *doc;
    assert_ok(jval_parse(buf_str(&many), 8 << 20, &doc, &err));
    f.n = 0;
    int64_t started = clock_mono_us();
    assert_false(schema_check(schema_find(set, "Thing"), doc, &f));
    assert_true(clock_mono_us() - started < 100000); /* not quadratic */
    jval_destroy(doc);
    buf_reset(&many);
    buf_addz(&many, "[");
    for (int i = 0; i < 1000; i++)
        buf_addf(&many, "%s9", i ? "," : "");
    buf_addz(&many, "]");
    const struct schema *list;
    assert_ok(schema_compile(set, "{\"type\":\"array\",\"items\":{\"maximum\":1}}", &list, &err));
    assert_false(fits(list, many.p, &f));
    assert_int_equal(f.n, SCHEMA_MAX_FAULTS);
    buf_release(&many);
    schema_set_destroy(set);
}

/* ---- forms ---- */

#define FORM "multipart/form-data; boundary=XX"
static enum rc form(const char *type, const char *body, const struct http_part **parts, size_t *n)
{
    return multipart_parse(str_of(type), str_of(body), &arena, parts, n, &err);
}

static void forms_are_parsed(void **state)
{
    (void)state;
    const struct http_part *p;
    size_t n;
    assert_ok(form("Multipart/Form-Data; charset=x; boundary=\"XX\"",
                   "--XX\r\nContent-Disposition: form-data; name=\"limit\"\r\n\r\n5\r\n"
                   "--XX\r\ncontent-type: image/jpeg\r\nContent-Disposition: form-data; name=\"photo\"; "
                   "filename=\"a \\\"b\\\"; c.jpg\"\r\n\r\n\r\n--X not the end\r\n--XX--\r\nepilogue",
                   &p, &n));
    assert_int_equal(n, 2);
    assert_true(str_eqz(p[0].name, "limit") && str_eqz(p[0].data, "5") && !p[0].filename.p);
    assert_true(str_eqz(p[1].type, "image/jpeg") && str_eqz(p[1].filename, "a \"b\"; c.jpg"));
    assert_true(str_eqz(p[1].data, "\r\n--X not the end"));
    assert_ok(form(FORM, "--XX--", &p, &n));
    assert_int_equal(n, 0);
    assert_ok(form(FORM, "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XX--\r\n", &p, &n));
    assert_true(n == 1 && p[0].data.n == 0);
}

static void forms_are_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"",
                                        "text/plain",
                                        "multipart/form-data",
                                        "multipart/form-data; boundary=",
                                        "multipart/form-data; boundary=\"",
                                        "multipart/mixed; boundary=XX",
                                        "multipart/form-data; boundary=a; boundary=b",
                                        "multipart/form-data; boundary=a*b"};
    static const char *const bodies[] = {
        "",
        "x",
        "--X",
        "--XX",
        "--XX\r\n",
        "--XY\r\n",
        "preamble\r\n--XX--",
        "--XX\r\n\r\nno name\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--",
        "--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nnever ends",
        "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--XXbroken",
        "--XX\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; "
        "name=b\r\n\r\nx\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: "
        "base64\r\n\r\nx\r\n--XX--",
        "--XX\r\nno colon\r\n\r\nx\r\n--XX--",
        "--XX\nContent-Disposition: form-data; name=a\n\nx\n--XX--"};
    const struct http_part *p;
    size_t n;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_rc(form(types[i], "--XX--", &p, &n), RC_UNSUPPORTED);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_rc(form(FORM, bodies[i], &p, &n), RC_INVALID);
    struct buf many = BUF_INIT(1 << 16);
    for (int i = 0; i < 33; i++)
        buf_addz(&many, "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n");
    buf_addz(&many, "--XX--");
    assert_rc(form(FORM, many.p, &p, &n), RC_INVALID);
    buf_reset(&many);
    buf_addz(&many, "--XX\r\nX: ");
    for (int i = 0; i < 5000; i++)
        buf_addc(&many, 'a');
    buf_addz(&many, "\r\n\r\n--XX--");
    assert_rc(form(FORM, many.p, &p, &n), RC_INVALID);
    buf_release(&many);
}

/* ---- problems ---- */

static void problems_hide_what_is_ours(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(8192);
    for (int rc = RC_INVALID; rc < RC_COUNT; rc++) {
        struct err e = {.code = (enum rc)rc, .message = "secret words"};
        struct schema_faults f = {.n = 1, .v = {{"#/a", "is missing"}}};
        struct jout out = JOUT_INIT(&b);
        struct jval *doc;
        int64_t status;
        buf_reset(&b);
        problem_write(&out, (enum rc)rc, &e, &f, "id-12345", STR("/v1/x"));
        assert_ok(jval_parse(buf_str(&b), 8192, &doc, &err));
        assert_true(jval_i64(jval_get(doc, "status"), &status));
        assert_int_equal(status, rc_http_status((enum rc)rc));
        assert_int_equal(strstr(b.p, "secret") != NULL, status < 500);
        assert_true(str_eqz(jval_str(jval_get(doc, "request_id")), "id-12345"));
        assert_true(str_starts(jval_str(jval_get(doc, "type")), STR("/problems/")));
        assert_true(str_eqz(jval_str(jval_get(jval_at(jval_get(doc, "errors"), 0), "pointer")), "#/a"));
        jval_destroy(doc);
    }
    buf_release(&b);
}

/* ---- compression, tags ---- */

static void gzip_round_trip(void **state)
{
    (void)state;
    char text[5000], back[5000], *packed;
    size_t n;
    memset(text, 'a', sizeof text);
    assert_true(compress_gzip((struct str){text, sizeof text}, 5, &packed, &n));
    assert_true(n < 100);
    z_stream z = {
        .next_in = (Bytef *)packed, .avail_in = (uInt)n, .next_out = (Bytef *)back, .avail_out = sizeof back};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    assert_memory_equal(text, back, sizeof text);
    free(packed);
    assert_false(compress_gzip(STR("x"), 5, &packed, &n)); /* would grow */
    static const char *const yes[] = {"gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "*", "br;q=1, gzip; q=1"};
    static const char *const no[] = {"", "identity", "gzip;q=0", "gzip;q=x", "*;q=0", "gzipped", "gzip;q=0, *"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(compress_accepted(str_of(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(compress_accepted(str_of(no[i])));
}

static void etags(void **state)
{
    (void)state;
    char a[44], b[44], packed[44], list[100];
    etag_make(STR("one"), "", a);
    etag_make(STR("two"), "", b);
    etag_make(STR("one"), "-gz", packed);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, packed);
    assert_true(etag_matches(str_of(a), a) && etag_matches(str_of(packed), a) && etag_matches(str_of("*"), a));
    assert_false(etag_matches(str_of(b), a) || etag_matches(str_of(""), a) || etag_matches(str_of("x"), a));
    snprintf(list, sizeof list, "%s, W/%s", b, a);
    assert_true(etag_matches(str_of(list), a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uri_splits_before_it_decodes),
        cmocka_unit_test(uri_refuses),
        cmocka_unit_test(router_matches),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(router_refuses_mistakes),
        cmocka_unit_test(schemas_accept),
        cmocka_unit_test(schemas_refuse_and_point),
        cmocka_unit_test(schemas_stay_bounded),
        cmocka_unit_test(forms_are_parsed),
        cmocka_unit_test(forms_are_refused),
        cmocka_unit_test(problems_hide_what_is_ours),
        cmocka_unit_test(gzip_round_trip),
        cmocka_unit_test(etags),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
