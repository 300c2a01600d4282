/* The server over real TLS sockets, with a module of its own: bodies, answers, limits, queues, shutdown. */
#include "test.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/module.h"
#include "base/queue.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "metric/metric.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static struct app app;
static struct http_server *server;
static char *dir;
static atomic_int created, in_slow;

/* ---- the module ---- */

static enum rc echo(struct http_request *rq, struct http_response *rs, struct err *e)
{
    (void)e;
    int64_t count = 0;
    jout_object(&rs->json);
    jout_kstr(&rs->json, "name", jval_str(jval_get(rq->json, "name")));
    if (jval_i64(jval_get(rq->json, "count"), &count)) jout_ki64(&rs->json, "count", count);
    jout_end(&rs->json);
    return RC_OK;
}

static enum rc upload(struct http_request *rq, struct http_response *rs, struct err *e)
{
    const struct http_part *photo = http_part(rq, "photo"), *limit = http_part(rq, "limit");
    char hex[CRYPT_HEX_BYTES];
    uint8_t hash[CRYPT_SHA256_BYTES];
    if (!photo) return err_set(e, RC_INVALID, "a photo is needed");
    crypt_sha256(photo->data, hash);
    crypt_hex(hash, sizeof hash, hex);
    jout_object(&rs->json);
    jout_ki64(&rs->json, "bytes", (int64_t)photo->data.n);
    jout_kz(&rs->json, "sha256", hex);
    jout_kstr(&rs->json, "limit", limit ? limit->data : STR(""));
    jout_ki64(&rs->json, "worker", rq->worker);
    jout_end(&rs->json);
    return RC_OK;
}

static enum rc create(struct http_request *rq, struct http_response *rs, struct err *e)
{
    (void)rq;
    char id[32];
    snprintf(id, sizeof id, "/things/%d", atomic_fetch_add(&created, 1) + 1);
    enum rc rc = http_add_header(rs, "Location", id, e);
    buf_addf(&rs->body, "{\"id\":\"%s\"}", id);
    return rc;
}

static enum rc slow(struct http_request *rq, struct http_response *rs, struct err *e)
{
    (void)e;
    atomic_fetch_add(&in_slow, 1);
    usleep((useconds_t)http_param_i64(rq, "ms", 0) * 1000);
    buf_addz(&rs->body, "{}");
    atomic_fetch_sub(&in_slow, 1);
    return RC_OK;
}

static enum rc text(struct http_request *rq, struct http_response *rs, struct err *e)
{
    (void)e;
    for (int64_t i = 0; i < http_param_i64(rq, "lines", 0); i++)
        buf_addz(&rs->body, "one line of text\n");
    rs->etag = true;
    rs->cache_control = "private, max-age=60";
    return RC_OK;
}

static enum rc failing(struct http_request *rq, struct http_response *rs, struct err *e)
{
    int64_t code = http_param_i64(rq, "rc", 0);
    buf_addz(&rs->body, "half an answer");
    return err_set(e, (enum rc)code, "secret words about the inside");
}

static enum rc bad_header(struct http_request *rq, struct http_response *rs, struct err *e)
{
    (void)rq;
    return http_add_header(rs, "X-A", "a\r\nSet-Cookie: b", e);
}

static const struct http_param slow_params[] = {
    {"ms", HTTP_IN_QUERY, true, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":5000}", "How long."}, {0}};
static const struct http_param text_params[] = {
    {"lines", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":100000,\"default\":200}",
     "Lines."},
    {0}};
static const struct http_param fail_params[] = {
    {"rc", HTTP_IN_QUERY, true, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":18}", "Code."}, {0}};
#define R(p, m, o, h) .path = p, .method = m, .operation = o, .summary = "s", .handler = h, .roles = HTTP_ANYONE
static const struct http_route routes[] = {
    {R("/echo", "POST", "echo", echo), .body = HTTP_BODY_JSON, .body_schema = "Echo"},
    {R("/upload", "POST", "upload", upload), .body = HTTP_BODY_PICTURE, .body_schema = "Upload",
     .flags = HTTP_HEAVY},
    {R("/things", "POST", "create", create), .flags = HTTP_IDEMPOTENT, .body = HTTP_BODY_JSON,
     .answer_status = 201},
    {R("/slow", "GET", "slow", slow), .params = slow_params},
    {R("/text", "GET", "text", text), .params = text_params, .answer_type = "text/plain; charset=utf-8"},
    {R("/fail", "GET", "fail", failing), .params = fail_params},
    {R("/bad-header", "GET", "badHeader", bad_header)},
    {.path = "/staff",
     .method = "GET",
     .operation = "staff",
     .summary = "s",
     .handler = slow,
     .roles = HTTP_MERCHANDISER,
     .params = slow_params},
    {.path = "/dpo",
     .method = "GET",
     .operation = "dpo",
     .summary = "s",
     .handler = slow,
     .roles = HTTP_DPO,
     .params = slow_params},
    {0}};
static const struct http_schema schemas[] = {
    {"Echo",
     "{\"type\":\"object\",\"required\":[\"name\"],\"additionalProperties\":false,\"properties\":{"
     "\"name\":{\"type\":\"string\",\"maxLength\":10000},\"count\":{\"type\":\"integer\",\"minimum\":0}}}"},
    {"Upload", "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"photo\"],\"properties\":{"
               "\"photo\":{\"type\":\"string\",\"format\":"
               "\"binary\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}}}"},
    {0}};
static const struct module test_module = {.name = "test", .routes = routes, .schemas = schemas};
static const struct module *const modules[] = {&http_module, &test_module, NULL};

/* ---- the server ---- */

static void start_with(const char *const *settings)
{
    const struct config_key *const tables[] = {http_module.config, NULL};
    char url[600], web[600], page[700];
    const struct store_options options = {.name = "ops"};
    app = (struct app){.modules = modules, .data_dir = dir};
    log_configure(LOG_ERROR, false);
    assert_ok(crypt_startup(&err));
    assert_ok(config_create(tables, &app.config, &err));
    snprintf(web, sizeof web, "%s/web", dir);
    snprintf(page, sizeof page, "%s/index.html", web);
    assert_ok(fs_mkdirs(web, 0700, &err));
    assert_ok(fs_write_atomic(page, "<!doctype html><title>hello</title>", 35, 0600, &err));
    assert_ok(config_set(app.config, STR("web_dir"), str_of(web), &err));
    assert_ok(config_set(app.config, STR("http_port"), STR("0"), &err));
    assert_ok(config_set(app.config, STR("http_threads"), STR("2"), &err));
    for (; settings && *settings; settings += 2)
        assert_ok(config_set(app.config, str_of(settings[0]), str_of(settings[1]), &err));
    snprintf(url, sizeof url, "sqlite:%s/ops.db", dir);
    assert_ok(store_open(url, &options, &app.ops, &err));
    assert_ok(store_migrate(app.ops, "http", http_module.migrations, &err));
    assert_ok(queue_create("light", 2, 4, &app.light, &err));
    assert_ok(queue_create("heavy", 1, 2, &app.heavy, &err));
    assert_ok(http_start(&app, modules, &server, &err));
}

static void stop(void)
{
    http_stop(server, 2000);
    server = NULL;
    queue_destroy(app.light);
    queue_destroy(app.heavy);
    store_close(app.ops);
    config_destroy(app.config);
}

static int setup(void **state)
{
    if (temp_dir_make(state)) return -1;
    dir = *state;
    start_with(NULL);
    return 0;
}

static int setup_bare(void **state)
{
    if (temp_dir_make(state)) return -1;
    dir = *state;
    return 0;
}

static int teardown(void **state)
{
    if (server) stop();
    return temp_dir_remove(state);
}

/* ---- a client ---- */

struct client {
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
};

/* From another address of the loopback network: 127.0.0.`host`. */
static int connect_plain(int host)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) + (unsigned)host)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static struct client connect_from(int host)
{
    struct client c = {.fd = connect_plain(host)};
    gnutls_init(&c.tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    gnutls_certificate_allocate_credentials(&c.credentials);
    gnutls_credentials_set(c.tls, GNUTLS_CRD_CERTIFICATE, c.credentials);
    gnutls_set_default_priority(c.tls);
    gnutls_transport_set_int(c.tls, c.fd);
    int e;
    do
        e = gnutls_handshake(c.tls);
    while (e < 0 && !gnutls_error_is_fatal(e));
    if (e) fail_msg("handshake: %s", gnutls_strerror(e));
    return c;
}

static struct client connect_to(void) { return connect_from(1); }

static void disconnect(struct client *c)
{
    gnutls_deinit(c->tls);
    gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
}

static bool send_all(struct client *c, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = gnutls_record_send(c->tls, p, n);
        if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED) continue;
        if (sent <= 0) return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

struct answer {
    int status; /* 0: the connection ended without one */
    char head[4096];
    struct buf body;
};

static ssize_t read_some(struct client *c, char *p, size_t n)
{
    ssize_t got;
    do
        got = gnutls_record_recv(c->tls, p, n);
    while (got == GNUTLS_E_INTERRUPTED);
    return got;
}

static bool header(const struct answer *a, const char *name, char *value, size_t cap)
{
    struct str rest = str_of(a->head), line;
    *value = 0;
    while (rest.n && (line = str_split(&rest, '\n')).p) {
        struct str v = str_trim(line), k = str_split(&v, ':');
        if (!v.p || !str_ieqz(k, name)) continue;
        snprintf(value, cap, "%.*s", STR_ARG(str_trim(v)));
        return true;
    }
    return false;
}

/* Reads one answer with a Content-Length; `no_body`: of HEAD. */
static void read_answer(struct client *c, bool no_body, struct answer *a)
{
    size_t n = 0;
    char length[32];
    a->status = 0;
    a->head[0] = 0;
    a->body = BUF_INIT(64 << 20);
    while (n < sizeof a->head - 1 && !strstr(a->head, "\r\n\r\n")) {
        if (read_some(c, a->head + n, 1) != 1) return;
        a->head[++n] = 0;
    }
    if (sscanf(a->head, "HTTP/1.1 %d", &a->status) != 1) fail_msg("no status: %s", a->head);
    if (a->status == 100) {
        read_answer(c, no_body, a);
        return;
    }
    int64_t left = 0;
    if (!no_body && a->status != 304 && header(a, "Content-Length", length, sizeof length))
        assert_true(str_to_i64(str_of(length), &left));
    while (left > 0) {
        char chunk[16384];
        ssize_t got = read_some(c, chunk, left < (int64_t)sizeof chunk ? (size_t)left : sizeof chunk);
        if (got <= 0) fail_msg("the answer was cut off");
        buf_add_bytes(&a->body, chunk, (size_t)got);
        left -= got;
    }
}

/* One request on a connection of its own. `extra`: header lines, each with CRLF. */
static void ask_from(int host, const char *method, const char *target, const char *extra, struct str body,
                     struct answer *a)
{
    struct client c = connect_from(host);
    char head[8192], length[64] = "";
    if (body.p) snprintf(length, sizeof length, "Content-Length: %zu\r\n", body.n);
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", method, target, length,
                     extra);
    assert_true(send_all(&c, head, (size_t)n));
    send_all(&c, body.p, body.n); /* may fail: a refused body */
    read_answer(&c, strcmp(method, "HEAD") == 0, a);
    disconnect(&c);
}

static void ask(const char *method, const char *target, const char *extra, struct str body, struct answer *a)
{
    ask_from(1, method, target, extra, body, a);
}

static int status_of(const char *method, const char *target, const char *extra, struct str body)
{
    struct answer a;
    ask(method, target, extra, body, &a);
    buf_release(&a.body);
    return a.status;
}

static void expect(const char *method, const char *target, const char *extra, struct str body, int status,
                   const char *contains)
{
    struct answer a;
    ask(method, target, extra, body, &a);
    if (a.status != status) fail_msg("%s %s: %d instead of %d: %s", method, target, a.status, status, a.body.p);
    if (contains && !strstr(a.body.p, contains))
        fail_msg("%s %s: no %s in %s", method, target, contains, a.body.p);
    buf_release(&a.body);
}

#define JSON "Content-Type: application/json\r\n"

/* ---- tests ---- */

static void json_bodies(void **state)
{
    (void)state;
    expect("POST", "/echo", JSON, STR("{\"name\":\"robe\",\"count\":3}"), 200,
           "{\"name\":\"robe\",\"count\":3}");
    expect("POST", "/echo", "Content-Type: application/json; charset=utf-8\r\n", STR("{\"name\":\"\\u00e9\"}"),
           200, "\xc3\xa9");
    expect("POST", "/echo", JSON, STR("{\"name\":7}"), 400, "\"pointer\":\"#/name\"");
    expect("POST", "/echo", JSON, STR("{\"name\":\"a\",\"x\":1}"), 400, "\"pointer\":\"#/x\"");
    expect("POST", "/echo", JSON, STR("{\"name\":"), 400, "not valid JSON");
    expect("POST", "/echo", JSON, STR("{\"name\":\"a\",\"name\":\"b\"}"), 400, NULL);
    expect("POST", "/echo", JSON, STR("\"text\""), 400, "must be object");
    expect("POST", "/echo", JSON, STR(""), 400, "a JSON body is needed");
    expect("POST", "/echo", "", STR_NONE, 400, "a JSON body is needed");
    expect("POST", "/echo", "Content-Type: text/plain\r\n", STR("{}"), 415, "/problems/unsupported-type");
    expect("POST", "/echo", "", STR("{}"), 415, NULL);
}

static void chunked_bodies(void **state)
{
    (void)state;
    struct client c = connect_to();
    struct answer a;
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n"
                                  "9\r\n{\"name\":\"\r\n7\r\nchunk\"}\r\n0\r\n\r\n";
    assert_true(send_all(&c, request, sizeof request - 1));
    read_answer(&c, false, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.p, "{\"name\":\"chunk\"}");
    buf_release(&a.body);
    disconnect(&c);
    expect("POST", "/echo", JSON "Transfer-Encoding: chunked\r\n", STR("{}"), 400,
           NULL); /* with a length: refused */
    expect("POST", "/echo", JSON "Transfer-Encoding: gzip\r\n", STR_NONE, 400, NULL);
}

static void big(size_t n, const char *head, const char *tail, struct buf *out)
{
    *out = BUF_INIT(64 << 20);
    buf_addz(out, head);
    assert_true(buf_reserve(out, n + 100));
    for (size_t i = 0; i < n; i++)
        buf_addc(out, (char)('a' + i % 23));
    buf_addz(out, tail);
}

static void uploads(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b;
        struct answer a;
        uint8_t hash[CRYPT_SHA256_BYTES];
        char hex[CRYPT_HEX_BYTES], bytes[40];
        big(sizes[i], "", "", &b);
        if (!b.n) buf_addc(&b, 'x');
        ask("POST", "/upload", "Content-Type: image/jpeg\r\n", buf_str(&b), &a);
        assert_int_equal(a.status, 200);
        crypt_sha256(buf_str(&b), hash);
        crypt_hex(hash, sizeof hash, hex);
        snprintf(bytes, sizeof bytes, "\"bytes\":%zu,", b.n);
        assert_non_null(strstr(a.body.p, hex));
        assert_non_null(strstr(a.body.p, bytes));
        buf_release(&a.body);
        buf_release(&b);
    }
}

#define FORM "Content-Type: multipart/form-data; boundary=XX\r\n"
#define PART(name) "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
static void forms(void **state)
{
    (void)state;
    expect("POST", "/upload", FORM, STR(PART("limit") "7\r\n" PART("photo") "bytes\r\n--XX--\r\n"), 200,
           "\"limit\":\"7\"");
    expect("POST", "/upload", FORM, STR(PART("limit") "70\r\n" PART("photo") "bytes\r\n--XX--\r\n"), 400,
           "#/limit");
    expect("POST", "/upload", FORM, STR(PART("limit") "\xff\r\n" PART("photo") "bytes\r\n--XX--\r\n"), 400,
           "UTF-8");
    expect("POST", "/upload", FORM, STR(PART("limit") "7\r\n--XX--\r\n"), 400, "\"pointer\":\"#/photo\"");
    expect("POST", "/upload", FORM, STR(PART("photo") "a\r\n" PART("photo") "b\r\n--XX--\r\n"), 400, "twice");
    expect("POST", "/upload", FORM, STR(PART("photo") "a\r\n" PART("other") "b\r\n--XX--\r\n"), 400, "#/other");
    expect("POST", "/upload", FORM, STR(PART("photo") "cut off"), 400, NULL);
    expect("POST", "/upload", FORM, STR(""), 400, "body is needed");
    expect("POST", "/upload", "Content-Type: multipart/form-data\r\n", STR("x"), 415, NULL);
    expect("POST", "/upload", "Content-Type: application/json\r\n", STR("{}"), 415, NULL);
}

static void too_large(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_max_body", "1m", "http_max_json", "4096", NULL};
    struct buf b;
    start_with(settings);
    big((1 << 20) + 1, "", "", &b);
    expect("POST", "/upload", "Content-Type: image/png\r\n", buf_str(&b), 413, "/problems/too-large");
    buf_release(&b);
    big(5000, "{\"name\":\"", "\"}", &b);
    expect("POST", "/echo", JSON, buf_str(&b), 413, NULL);
    buf_release(&b);
    /* Expect: refused before a byte of the body is sent */
    struct client c = connect_to();
    struct answer a;
    static const char polite[] =
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99999999\r\n"
        "Expect: 100-continue\r\n\r\n";
    assert_true(send_all(&c, polite, sizeof polite - 1));
    read_answer(&c, false, &a);
    assert_int_equal(a.status, 413);
    buf_release(&a.body);
    disconnect(&c);
    /* the same politeness with a bearable size is asked to go on */
    c = connect_to();
    static const char fine[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n";
    char line[64] = "";
    assert_true(send_all(&c, fine, sizeof fine - 1));
    assert_true(read_some(&c, line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "100 Continue"));
    assert_true(send_all(&c, "{\"name\":\"a\"}", 12));
    read_answer(&c, false, &a);
    assert_int_equal(a.status, 200);
    buf_release(&a.body);
    disconnect(&c);
    /* chunked without end: answered, or closed, but never taken */
    c = connect_to();
    static const char endless[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n";
    assert_true(send_all(&c, endless, sizeof endless - 1));
    char chunk[4096 + 8];
    memset(chunk, ' ', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 4102, "\r\n", 2);
    int sent = 0;
    while (sent < 100000 && send_all(&c, chunk, 4104))
        sent++;
    assert_true(sent < 100000);
    disconnect(&c);
    expect("GET", "/healthz", "", STR_NONE, 200, NULL);
}

static void upload_memory_is_bounded(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_upload_memory", "1m", NULL};
    struct buf b;
    start_with(settings);
    big(2 << 20, "", "", &b);
    expect("POST", "/upload", "Content-Type: image/png\r\n", buf_str(&b), 503, "/problems/busy");
    expect("POST", "/upload", "Content-Type: image/png\r\n", STR("small"), 200,
           NULL); /* all of it was given back */
    buf_release(&b);
}

/* Many that have only begun: a body reserves what it needs so far, not what it might. */
static void small_bodies_share_the_upload_memory(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_upload_memory", "1m", NULL};
    static const char begun[] = "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                                "Content-Length: 20000\r\n\r\nthe first bytes";
    struct client held[40];
    start_with(settings);
    for (int i = 0; i < 40; i++) {
        held[i] = connect_to();
        assert_true(send_all(&held[i], begun, sizeof begun - 1));
    }
    usleep(200000);
    expect("POST", "/upload", "Content-Type: image/png\r\n", STR("small"), 200, NULL);
    for (int i = 0; i < 40; i++)
        disconnect(&held[i]);
}

static void failures_say_nothing_of_the_inside(void **state)
{
    (void)state;
    for (int code = 1; code < RC_COUNT; code++) {
        struct answer a;
        char target[32], id[100];
        if (code == RC_BUSY || code == RC_STOPPED) continue;
        snprintf(target, sizeof target, "/fail?rc=%d", code);
        log_configure(LOG_ERROR, false);
        ask("GET", target, "", STR_NONE, &a);
        assert_int_equal(a.status, rc_http_status((enum rc)code));
        assert_true(header(&a, "X-Request-Id", id, sizeof id));
        assert_non_null(strstr(a.body.p, id));
        assert_null(strstr(a.body.p, "half an answer"));
        assert_int_equal(strstr(a.body.p, "secret") != NULL, a.status < 500);
        buf_release(&a.body);
    }
    expect("GET", "/bad-header", "", STR_NONE, 500, NULL);
}

static void ids_and_methods(void **state)
{
    (void)state;
    struct answer a;
    char value[200];
    ask("GET", "/healthz", "X-Request-Id: client-id_42\r\n", STR_NONE, &a);
    header(&a, "X-Request-Id", value, sizeof value);
    assert_string_equal(value, "client-id_42");
    buf_release(&a.body);
    ask("GET", "/healthz", "X-Request-Id: <script>alert</script>\r\n", STR_NONE, &a);
    header(&a, "X-Request-Id", value, sizeof value);
    assert_int_equal(strlen(value), 22);
    buf_release(&a.body);
    ask("DELETE", "/echo", "", STR_NONE, &a);
    assert_int_equal(a.status, 405);
    header(&a, "Allow", value, sizeof value);
    assert_string_equal(value, "POST, OPTIONS");
    buf_release(&a.body);
    ask("OPTIONS", "/slow", "", STR_NONE, &a);
    assert_int_equal(a.status, 204);
    header(&a, "Allow", value, sizeof value);
    assert_string_equal(value, "GET, HEAD, OPTIONS");
    buf_release(&a.body);
    ask("HEAD", "/text", "", STR_NONE, &a);
    assert_int_equal(a.status, 200);
    header(&a, "Content-Length", value, sizeof value);
    assert_string_equal(value, "3400");
    buf_release(&a.body);
    assert_int_equal(status_of("GET", "/nothing", "", STR_NONE), 404);
    assert_int_equal(status_of("BREW", "/echo", "", STR_NONE), 405);
    assert_int_equal(status_of("POST", "/", "", STR("")), 405);
    assert_int_equal(status_of("GET", "/text?lines=x", "", STR_NONE), 400);
    assert_int_equal(status_of("GET", "/text?line=1", "", STR_NONE), 400);
    assert_int_equal(status_of("GET", "/text", "", STR("a body")), 400);
    assert_int_equal(status_of("OPTIONS", "*", "", STR_NONE), 204);
}

static void tags_and_compression(void **state)
{
    (void)state;
    struct answer a;
    char tag[100], packed_tag[100], value[100], extra[200];
    ask("GET", "/text", "", STR_NONE, &a);
    assert_true(header(&a, "ETag", tag, sizeof tag));
    header(&a, "Cache-Control", value, sizeof value);
    assert_string_equal(value, "private, max-age=60");
    header(&a, "Vary", value, sizeof value);
    assert_string_equal(value, "Accept-Encoding");
    assert_int_equal(a.body.n, 3400);
    buf_release(&a.body);
    ask("GET", "/text", "Accept-Encoding: gzip, br\r\n", STR_NONE, &a);
    assert_true(a.body.n < 400);
    header(&a, "Content-Encoding", value, sizeof value);
    assert_string_equal(value, "gzip");
    header(&a, "ETag", packed_tag, sizeof packed_tag);
    assert_string_not_equal(tag, packed_tag);
    buf_release(&a.body);
    snprintf(extra, sizeof extra, "If-None-Match: \"x\", %s\r\n", tag);
    ask("GET", "/text", extra, STR_NONE, &a);
    assert_int_equal(a.status, 304);
    assert_true(header(&a, "ETag", value, sizeof value));
    buf_release(&a.body);
    assert_int_equal(status_of("GET", "/text?lines=201", extra, STR_NONE), 200);
    ask("GET", "/text?lines=1", "Accept-Encoding: gzip\r\n", STR_NONE, &a); /* too small to be worth it */
    assert_false(header(&a, "Content-Encoding", value, sizeof value));
    buf_release(&a.body);
}

static void pages(void **state)
{
    (void)state;
    struct answer a;
    char value[300], extra[200];
    ask("GET", "/", "", STR_NONE, &a);
    assert_int_equal(a.status, 200);
    assert_true(header(&a, "Content-Security-Policy", value, sizeof value));
    assert_non_null(strstr(value, "frame-ancestors 'none'"));
    assert_true(header(&a, "Cross-Origin-Opener-Policy", value, sizeof value));
    assert_false(header(&a, "Strict-Transport-Security", value, sizeof value)); /* self-signed */
    assert_true(header(&a, "ETag", value, sizeof value));
    buf_release(&a.body);
    snprintf(extra, sizeof extra, "If-None-Match: %s\r\n", value);
    assert_int_equal(status_of("GET", "/index.html", extra, STR_NONE), 304);
    assert_int_equal(status_of("HEAD", "/", "", STR_NONE), 200);
    assert_int_equal(status_of("GET", "/../ops.db", "", STR_NONE), 404);
    assert_int_equal(status_of("GET", "/%2e%2e/ops.db", "", STR_NONE), 404);
    expect("GET", "/problems", "", STR_NONE, 200, "rate-limited");
    expect("GET", "/problems/busy", "", STR_NONE, 200, "503 Busy");
    expect("GET", "/problems/none", "", STR_NONE, 404, NULL);
    expect("GET", "/openapi.json", "", STR_NONE, 200, "\"operationId\":\"create\"");
}

static void roles(void **state)
{
    (void)state;
    char path[700], *token, extra[300], value[100];
    size_t n;
    struct stat st;
    struct answer a;
    snprintf(path, sizeof path, "%s/keys/admin.token", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(fs_read(path, 100, &token, &n, &err));
    ask("GET", "/staff?ms=0", "", STR_NONE, &a);
    assert_int_equal(a.status, 401);
    assert_true(header(&a, "WWW-Authenticate", value, sizeof value));
    buf_release(&a.body);
    snprintf(extra, sizeof extra, "Authorization: Bearer %.*s\r\n", STR_ARG(str_trim((struct str){token, n})));
    assert_int_equal(status_of("GET", "/staff?ms=0", extra, STR_NONE), 200);
    assert_int_equal(status_of("GET", "/dpo?ms=0", extra, STR_NONE), 403);
    assert_int_equal(status_of("GET", "/healthz", extra, STR_NONE), 200);
    extra[strlen(extra) - 4] ^= 1;
    assert_int_equal(status_of("GET", "/staff?ms=0", extra, STR_NONE), 401);
    assert_int_equal(status_of("GET", "/healthz", extra, STR_NONE), 401); /* a wrong token is never ignored */
    assert_int_equal(status_of("GET", "/staff?ms=0", "Authorization: Basic YTpi\r\n", STR_NONE), 401);
    assert_int_equal(status_of("GET", "/metrics", "", STR_NONE), 200); /* from this machine */
    assert_int_equal(status_of("GET", "/metrics", "X-Forwarded-For: 203.0.113.9\r\n", STR_NONE), 401);
    free(token);
}

static void limits(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_limit_light", "5", "http_trusted_proxies",
                                           "10.0.0.1, 127.0.0.1", NULL};
    struct answer a;
    char value[100];
    start_with(settings);
    clock_freeze(INT64_C(1763836200000));
    for (int i = 0; i < 5; i++) {
        ask("GET", "/text", "", STR_NONE, &a);
        assert_int_equal(a.status, 200);
        buf_release(&a.body);
    }
    header(&a, "RateLimit-Policy", value, sizeof value);
    assert_string_equal(value, "\"light\";q=5;w=60");
    header(&a, "RateLimit", value, sizeof value);
    assert_string_equal(value, "\"light\";r=0;t=60");
    ask("GET", "/text", "", STR_NONE, &a);
    assert_int_equal(a.status, 429);
    header(&a, "Retry-After", value, sizeof value);
    assert_string_equal(value, "60");
    buf_release(&a.body);
    assert_int_equal(status_of("GET", "/healthz", "", STR_NONE), 200);
    /* a trusted proxy speaks for another client; what the client itself put before does not count */
    assert_int_equal(status_of("GET", "/text", "X-Forwarded-For: 198.51.100.7\r\n", STR_NONE), 200);
    for (int i = 0; i < 4; i++)
        status_of("GET", "/text", "X-Forwarded-For: 1.2.3.4, 198.51.100.7\r\n", STR_NONE);
    assert_int_equal(status_of("GET", "/text", "X-Forwarded-For: 9.9.9.9, 198.51.100.7\r\n", STR_NONE), 429);
    clock_freeze(-1);
}

static void limits_count_ipv6_networks(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_limit_light", "2", "http_trusted_proxies",
                                           "10.0.0.1, 0:0:0:0:0:ffff:127.0.0.1", NULL};
    start_with(settings);
    clock_freeze(INT64_C(1763836200000));
    assert_int_equal(status_of("GET", "/text", "X-Forwarded-For: 2001:db8:0:7::1\r\n", STR_NONE), 200);
    assert_int_equal(status_of("GET", "/text", "X-Forwarded-For: [2001:DB8:0:7:1::]:4711\r\n", STR_NONE), 200);
    assert_int_equal(status_of("GET", "/text", "X-Forwarded-For: 2001:db8::7:1:2:3:4\r\n", STR_NONE), 429);
    assert_int_equal(status_of("GET", "/text", "X-Forwarded-For: 2001:db8:0:8::1\r\n", STR_NONE), 200);
    clock_freeze(-1);
}

static void idempotency(void **state)
{
    (void)state;
    struct answer a;
    char value[100];
    int before = atomic_load(&created);
    for (int i = 0; i < 3; i++) {
        ask("POST", "/things", JSON "Idempotency-Key: \"key-1\"\r\n", STR("{\"a\":1}"), &a);
        assert_int_equal(a.status, 201);
        assert_true(header(&a, "Location", value, sizeof value));
        assert_non_null(strstr(a.body.p, value));
        assert_int_equal(header(&a, "Idempotent-Replayed", value, sizeof value), i > 0);
        buf_release(&a.body);
    }
    assert_int_equal(atomic_load(&created), before + 1);
    expect("POST", "/things", JSON "Idempotency-Key: \"key-1\"\r\n", STR("{\"a\":2}"), 422,
           "/problems/unprocessable");
    expect("POST", "/things", JSON "Idempotency-Key: bad key\r\n", STR("{\"a\":2}"), 400, NULL);
    expect("POST", "/things", JSON "Idempotency-Key: key-2\r\n", STR("{\"a\":1}"), 201, NULL);
    expect("POST", "/things", JSON, STR("{\"a\":1}"), 201, NULL);
    assert_int_equal(atomic_load(&created), before + 3);
    stop(); /* another process, the same store */
    start_with(NULL);
    expect("POST", "/things", JSON "Idempotency-Key: \"key-1\"\r\n", STR("{\"a\":1}"), 201, NULL);
    assert_int_equal(atomic_load(&created), before + 3);
}

/* The same key from two who do not know one another is two requests. */
static void idempotency_keys_are_each_clients_own(void **state)
{
    (void)state;
    struct answer a, b;
    char value[100];
    ask_from(1, "POST", "/things", JSON "Idempotency-Key: 1\r\n", STR("{\"a\":1}"), &a);
    ask_from(2, "POST", "/things", JSON "Idempotency-Key: 1\r\n", STR("{\"a\":1}"), &b);
    assert_int_equal(b.status, 201);
    assert_false(header(&b, "Idempotent-Replayed", value, sizeof value));
    assert_string_not_equal(a.body.p, b.body.p);
    buf_release(&b.body);
    ask_from(2, "POST", "/things", JSON "Idempotency-Key: 1\r\n", STR("{\"a\":2}"), &b);
    assert_int_equal(b.status, 422);
    buf_release(&b.body);
    ask_from(1, "POST", "/things", JSON "Idempotency-Key: 1\r\n", STR("{\"a\":1}"), &b);
    assert_true(header(&b, "Idempotent-Replayed", value, sizeof value));
    assert_string_equal(a.body.p, b.body.p);
    buf_release(&a.body);
    buf_release(&b.body);
}

static void cors(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_cors_origins", "https://shop.example, https://b.example",
                                           NULL};
    struct answer a;
    char value[200];
    start_with(settings);
    ask("GET", "/healthz", "Origin: https://shop.example\r\n", STR_NONE, &a);
    assert_true(header(&a, "Access-Control-Allow-Origin", value, sizeof value));
    assert_string_equal(value, "https://shop.example");
    buf_release(&a.body);
    ask("GET", "/healthz", "Origin: https://evil.example\r\n", STR_NONE, &a);
    assert_false(header(&a, "Access-Control-Allow-Origin", value, sizeof value));
    buf_release(&a.body);
    ask("OPTIONS", "/echo", "Origin: https://b.example\r\nAccess-Control-Request-Method: POST\r\n", STR_NONE,
        &a);
    assert_int_equal(a.status, 204);
    assert_true(header(&a, "Access-Control-Allow-Methods", value, sizeof value));
    assert_non_null(strstr(value, "POST"));
    buf_release(&a.body);
}

struct slow_request {
    pthread_t thread;
    const char *target;
    int status, retry_after;
};

static void *run_slow(void *arg)
{
    struct slow_request *r = arg;
    struct answer a;
    char value[20];
    ask("GET", r->target, "", STR_NONE, &a);
    r->status = a.status;
    r->retry_after = header(&a, "Retry-After", value, sizeof value);
    buf_release(&a.body);
    return NULL;
}

static void full_queue_answers_503(void **state)
{
    (void)state;
    struct slow_request r[12];
    int fine = 0, busy = 0;
    for (int i = 0; i < 12; i++) {
        r[i] = (struct slow_request){.target = "/slow?ms=600"};
        pthread_create(&r[i].thread, NULL, run_slow, &r[i]);
    }
    usleep(300000);
    expect("GET", "/healthz", "", STR_NONE, 200, NULL); /* inline: answers whatever waits */
    for (int i = 0; i < 12; i++) {
        pthread_join(r[i].thread, NULL);
        fine += r[i].status == 200;
        busy += r[i].status == 503 && r[i].retry_after;
    }
    assert_int_equal(fine + busy, 12);
    assert_true(fine >= 6); /* two workers and four places */
    assert_true(busy >= 1);
}

static void waits_too_long(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_deadline", "200ms", NULL};
    struct slow_request r[4];
    int fine = 0;
    start_with(settings);
    for (int i = 0; i < 4; i++) {
        r[i] = (struct slow_request){.target = "/slow?ms=700"};
        pthread_create(&r[i].thread, NULL, run_slow, &r[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(r[i].thread, NULL);
        fine += r[i].status == 200;
        assert_true(r[i].status == 200 || r[i].status == 503);
    }
    assert_int_equal(fine, 2); /* the others were still waiting when their deadline passed */
}

static void shutdown_lets_requests_end(void **state)
{
    (void)state;
    struct slow_request r = {.target = "/slow?ms=800"};
    pthread_create(&r.thread, NULL, run_slow, &r);
    while (!atomic_load(&in_slow))
        usleep(1000);
    struct client idle = connect_to();
    stop();
    pthread_join(r.thread, NULL);
    assert_int_equal(r.status, 200);
    char c;
    assert_true(read_some(&idle, &c, 1) <= 0);
    disconnect(&idle);
}

static void one_client_has_so_many_connections(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_connections_per_client", "5", "http_trusted_proxies",
                                           "127.0.0.9, 127.0.1.0/24", NULL};
    struct client held[5], proxy[10];
    start_with(settings);
    for (int i = 0; i < 5; i++)
        held[i] = connect_from(2);
    char byte;
    int more = connect_plain(2); /* closed before a word was said */
    assert_true(recv(more, &byte, 1, 0) == 0 || errno == ECONNRESET);
    close(more);
    assert_int_equal(status_of("GET", "/healthz", "", STR_NONE), 200); /* others are let in */
    for (int i = 0; i < 10; i++)
        proxy[i] = connect_from(9); /* exempt */
    disconnect(&held[0]);
    usleep(300000);
    held[0] = connect_from(2); /* a place that has become free */
    for (int i = 0; i < 5; i++)
        disconnect(&held[i]);
    for (int i = 0; i < 10; i++)
        disconnect(&proxy[i]);
}

static void trickling_clients_are_shut(void **state)
{
    (void)state;
    static const char *const settings[] = {"http_header_timeout", "1s", "http_body_timeout", "1s", NULL};
    static const char *const starts[] = {"", "GET /healthz HTTP/1.1\r\nX: ",
                                         "POST /echo HTTP/1.1\r\nHost: x\r\n" JSON
                                         "Content-Length: 1000\r\n\r\n"};
    start_with(settings);
    for (size_t i = 0; i < 3; i++) {
        struct client c = connect_to();
        int64_t from = clock_mono_us();
        bool open = send_all(&c, starts[i], strlen(starts[i]));
        while (open && clock_mono_us() - from < 8000000) {
            open = send_all(&c, "a", 1);
            usleep(100000);
        }
        assert_false(open);
        disconnect(&c);
    }
    /* a raw connection that never says a word of TLS */
    int fd = connect_plain(1);
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), 0);
    close(fd);
}

static void reload_swaps_the_certificate(void **state)
{
    (void)state;
    char path[700], key[700];
    const gnutls_datum_t *was, *is;
    struct client before = connect_to();
    unsigned n;
    snprintf(path, sizeof path, "%s/tls/cert.pem", dir);
    snprintf(key, sizeof key, "%s/tls/key.pem", dir);
    struct stat st;
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(unlink(path), 0); /* a new one is made */
    assert_ok(config_set(app.config, STR("http_limit_light"), STR("3"), &err));
    assert_ok(http_reload(server, app.config, &err));
    struct client after = connect_to();
    was = gnutls_certificate_get_peers(before.tls, &n);
    is = gnutls_certificate_get_peers(after.tls, &n);
    assert_true(was->size != is->size || memcmp(was->data, is->data, is->size) != 0);
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    struct answer a;
    assert_true(send_all(&before, request, sizeof request - 1)); /* the old connection goes on */
    read_answer(&before, false, &a);
    assert_int_equal(a.status, 200);
    buf_release(&a.body);
    disconnect(&before);
    disconnect(&after);
    ask("GET", "/text", "", STR_NONE, &a);
    assert_true(header(&a, "RateLimit-Policy", path, sizeof path));
    assert_string_equal(path, "\"light\";q=3;w=60");
    buf_release(&a.body);
    assert_ok(config_set(app.config, STR("tls_certificate"), STR("/nowhere"), &err));
    assert_rc(http_reload(server, app.config, &err), RC_INVALID);
    expect("GET", "/healthz", "", STR_NONE, 200, NULL); /* and everything stays as it was */
}

static void reload_takes_a_new_staff_token(void **state)
{
    (void)state;
    static const char token[] = "another-token-of-the-staff-0123456789";
    char path[700], extra[200];
    snprintf(path, sizeof path, "%s/keys/admin.token", dir);
    snprintf(extra, sizeof extra, "Authorization: Bearer %s\r\n", token);
    assert_int_equal(status_of("GET", "/staff?ms=0", extra, STR_NONE), 401);
    assert_ok(fs_write_atomic(path, token, sizeof token - 1, 0600, &err));
    assert_ok(http_reload(server, app.config, &err));
    assert_int_equal(status_of("GET", "/staff?ms=0", extra, STR_NONE), 200);
    assert_ok(fs_write_atomic(path, "short", 5, 0600, &err));
    assert_rc(http_reload(server, app.config, &err), RC_INVALID);
    assert_int_equal(status_of("GET", "/staff?ms=0", extra, STR_NONE), 200); /* as it was */
}

static void pipelined_and_kept_alive(void **state)
{
    (void)state;
    struct client c = connect_to();
    static const char two[] =
        "GET /text?lines=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /slow?ms=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 0; i < 200; i++) {
        struct answer a;
        assert_true(send_all(&c, two, sizeof two - 1));
        read_answer(&c, false, &a);
        assert_string_equal(a.body.p, "one line of text\n");
        buf_release(&a.body);
        read_answer(&c, false, &a);
        assert_string_equal(a.body.p, "{}");
        buf_release(&a.body);
    }
    disconnect(&c);
}

static void *hammer(void *arg)
{
    int *bad = arg;
    struct client c = connect_to();
    static const char *const targets[] = {"/text?lines=3", "/healthz", "/nothing", "/slow?ms=0", "/text?x=1"};
    static const int fine[] = {200, 200, 404, 200, 400};
    for (int i = 0; i < 100; i++) {
        char head[200];
        struct answer a;
        int n = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i % 5]);
        if (!send_all(&c, head, (size_t)n)) (*bad)++;
        read_answer(&c, false, &a);
        if (a.status != fine[i % 5] && a.status != 503) (*bad)++;
        buf_release(&a.body);
    }
    disconnect(&c);
    return NULL;
}

/* Many connections, cut-off bodies and reloads at once: nothing lost, nothing leaked, no race under TSan. */
static void many_at_once(void **state)
{
    (void)state;
    pthread_t threads[16];
    int bad[16] = {0};
    for (int i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, hammer, &bad[i]);
    for (int i = 0; i < 20; i++) {
        static const char cut[] =
            "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nabc";
        struct client c = connect_to();
        send_all(&c, cut, sizeof cut - 1);
        disconnect(&c);
        if (i % 5 == 0) assert_ok(http_reload(server, app.config, &err));
    }
    for (int i = 0; i < 16; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(bad[i], 0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(json_bodies),
        T(chunked_bodies),
        T(uploads),
        T(forms),
        BARE(too_large),
        BARE(upload_memory_is_bounded),
        BARE(small_bodies_share_the_upload_memory),
        T(failures_say_nothing_of_the_inside),
        T(ids_and_methods),
        T(tags_and_compression),
        T(pages),
        T(roles),
        BARE(limits),
        BARE(limits_count_ipv6_networks),
        T(idempotency),
        T(idempotency_keys_are_each_clients_own),
        BARE(cors),
        T(full_queue_answers_503),
        BARE(waits_too_long),
        T(shutdown_lets_requests_end),
        BARE(one_client_has_so_many_connections),
        BARE(trickling_clients_are_shut),
        T(reload_swaps_the_certificate),
        T(reload_takes_a_new_staff_token),
        T(pipelined_and_kept_alive),
        T(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
