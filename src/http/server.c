/*
 * The only file with libmicrohttpd's life cycle in it: sockets, bodies, suspending and resuming, slow clients,
 * shutdown. See internal.h for the way of a request.
 *
 * Slow clients: libmicrohttpd closes connections that are silent for a while; one that trickles is found by the
 * timer, which walks the list of connections once a second and shuts the sockets of those whose phase lasts too
 * long. The list is guarded by clients_lock; a socket in it is open, because libmicrohttpd tells us before it closes
 * one.
 */
#include "http/internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/queue.h"
#include "crypt/crypt.h"
#include "http/idempotency.h"
#include "http/limit.h"
#include "http/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_HEAP = 1 << 20, BODY_STEP = 256 << 10, BODY_BYTES_A_SECOND = 16 << 10, TICK_MS = 200 };
enum { MEMORY_PER_CONNECTION = 64 << 10, MEMORY_STEP = 16 << 10 };
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* ---- connections ---- */

static void phase(struct client *client, enum client_phase p)
{
    atomic_store(&client->since_us, clock_mono_us());
    atomic_store(&client->received, 0);
    atomic_store(&client->phase, (int)p);
}

/* IPv6 clients own a /64: it counts as one. */
static void name_client(struct client *client, const struct sockaddr *sa)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)sa;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)sa;
    if (sa->sa_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, client->address, sizeof client->address);
        client->loopback = (ntohl(four->sin_addr.s_addr) >> 24) == 127;
    } else if (sa->sa_family == AF_INET6) {
        struct in6_addr a = six->sin6_addr;
        client->loopback = IN6_IS_ADDR_LOOPBACK(&a);
        if (IN6_IS_ADDR_V4MAPPED(&a)) {
            inet_ntop(AF_INET, &a.s6_addr[12], client->address, sizeof client->address);
            client->loopback = a.s6_addr[12] == 127;
            return;
        }
        if (!client->loopback) memset(&a.s6_addr[8], 0, 8);
        inet_ntop(AF_INET6, &a, client->address, sizeof client->address);
    }
}

static void client_started(struct http_server *s, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *tls = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (tls && tls->tls_session) tls_attach(s->tls, (gnutls_session_t)tls->tls_session);
    struct client *client = calloc(1, sizeof *client);
    *context = client;
    if (!client) return; /* its requests are refused */
    client->fd = fd ? fd->connect_fd : -1;
    if (from && from->client_addr) name_client(client, from->client_addr);
    phase(client, CLIENT_HEADERS); /* the handshake counts as well */
    pthread_mutex_lock(&s->clients_lock);
    client->next = s->clients;
    if (client->next) client->next->prev = client;
    s->clients = client;
    pthread_mutex_unlock(&s->clients_lock);
}

static void client_ended(struct http_server *s, struct client *client)
{
    if (!client) return;
    pthread_mutex_lock(&s->clients_lock);
    if (client->prev)
        client->prev->next = client->next;
    else
        s->clients = client->next;
    if (client->next) client->next->prev = client->prev;
    pthread_mutex_unlock(&s->clients_lock);
    free(client);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        client_started(cls, mhd, context);
    else
        client_ended(cls, *context);
}

/* How long the phase may last, in microseconds. */
static int64_t allowed_us(const struct http_settings *set, enum client_phase p, int64_t received)
{
    switch (p) {
    case CLIENT_IDLE:
        return (set->idle_timeout_ms + set->header_timeout_ms) * 1000;
    case CLIENT_HEADERS:
        return set->header_timeout_ms * 1000;
    case CLIENT_BODY:
        return (set->body_timeout_ms + received * 1000 / BODY_BYTES_A_SECOND) * 1000;
    case CLIENT_WORKING:
        break;
    }
    return INT64_MAX;
}

static void shut_slow(struct http_server *s)
{
    int64_t now = clock_mono_us();
    int open = 0, slow = 0;
    const struct http_settings *set = atomic_load(&s->settings);
    pthread_mutex_lock(&s->clients_lock);
    for (struct client *c = s->clients; c; c = c->next) {
        enum client_phase p = (enum client_phase)atomic_load(&c->phase);
        open++;
        if (now - atomic_load(&c->since_us) <= allowed_us(set, p, atomic_load(&c->received))) continue;
        shutdown(c->fd, SHUT_RDWR);
        slow++;
    }
    pthread_mutex_unlock(&s->clients_lock);
    metric_set(&http_connections, NULL, open);
    metric_set(&http_waiting, "light", s->app->light ? (double)queue_waiting(s->app->light) : 0);
    metric_set(&http_waiting, "heavy", s->app->heavy ? (double)queue_waiting(s->app->heavy) : 0);
    metric_set(&http_running, NULL, atomic_load(&s->running));
    if (slow) log_info("http", "closed %d connections that were too slow", slow);
}

static void tick(struct http_server *s, unsigned n)
{
    struct err err;
    if (limiter_tick(s->limiter, &err)) log_warn("http", "limits: %s", err.message);
    if (n % (1000 / TICK_MS) == 0) shut_slow(s);
    if (s->app->ops && n % (60000 / TICK_MS) == 1 && idempotency_clean(s->app->ops, &err))
        log_warn("http", "idempotency: %s", err.message);
}

static void *run_timer(void *arg)
{
    struct http_server *s = arg;
    pthread_mutex_lock(&s->timer_lock);
    for (unsigned n = 0; !s->timer_stop; n++) {
        pthread_mutex_unlock(&s->timer_lock);
        tick(s, n);
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_nsec += TICK_MS * 1000000L;
        at.tv_sec += at.tv_nsec / 1000000000L;
        at.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&s->timer_lock);
        if (!s->timer_stop) pthread_cond_timedwait(&s->timer_wake, &s->timer_lock, &at);
    }
    pthread_mutex_unlock(&s->timer_lock);
    return NULL;
}

/* ---- requests ---- */

static struct client *client_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

/* The request line is there: the raw target, before libmicrohttpd decodes it in place. */
static void *conn_create(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    struct client *client = client_of(mhd);
    struct http_conn *c = client ? calloc(1, sizeof *c) : NULL;
    if (!c) return NULL;
    atomic_fetch_add(&s->running, 1);
    c->server = s;
    c->mhd = mhd;
    c->client = client;
    c->settings = atomic_load(&s->settings);
    c->started_us = clock_mono_us();
    c->arena = ARENA_INIT(64 << 20);
    c->rs.body = BUF_INIT(1 << 20);
    c->method = "";
    phase(client, CLIENT_HEADERS);
    struct str copy = arena_str(&c->arena, str_of(target));
    c->uri_rc =
        copy.p ? uri_parse(copy, &c->arena, &c->uri, &c->err) : err_set(&c->err, RC_NOMEM, "out of memory");
    return c;
}

static void body_release(struct http_conn *c)
{
    if (c->body_mapped)
        munmap(c->body, c->body_cap);
    else
        free(c->body);
    atomic_fetch_sub(&c->server->upload_bytes, c->reserved_bytes);
    c->body = NULL;
    c->body_n = c->body_cap = 0;
    c->reserved_bytes = 0;
}

static void conn_destroy(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->answer) MHD_destroy_response(c->answer);
    body_release(c);
    jval_destroy(c->json);
    buf_release(&c->rs.body);
    arena_release(&c->arena);
    free(c);
    atomic_fetch_sub(&s->running, 1);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)mhd;
    struct http_conn *c = *con_cls;
    if (!c) return;
    char code[8];
    double seconds = (double)(clock_mono_us() - c->started_us) / 1e6;
    const char *operation = c->route ? c->route->def->operation : "none";
    bool whole = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    snprintf(code, sizeof code, "%d", whole ? c->status : 499);
    metric_add(&http_requests, code, 1);
    metric_observe(&http_seconds, operation, seconds);
    if (c->status >= 500) metric_add(&http_failures, operation, 1);
    metric_add(&http_in_bytes, NULL, c->body_n);
    metric_add(&http_out_bytes, NULL, c->answer_bytes);
    if (c->settings->access_log) {
        log_request(*c->id ? c->id : NULL);
        log_info("http", "%s %s %s %.1f ms, %zu bytes in, %zu out", *c->method ? c->method : "-", operation,
                 code, seconds * 1e3, c->body_n, c->answer_bytes);
        log_request(NULL);
    }
    phase(c->client, CLIENT_IDLE);
    conn_destroy(c);
    *con_cls = NULL;
}

static enum MHD_Result send_answer(struct http_conn *c)
{
    enum MHD_Result sent = MHD_queue_response(c->mhd, (unsigned)c->status, c->answer);
    MHD_destroy_response(c->answer);
    c->answer = NULL;
    c->state = CONN_SENT;
    phase(c->client, CLIENT_BODY); /* the same patience for reading as for sending */
    atomic_store(&c->client->received, (int64_t)c->answer_bytes);
    return sent;
}

static enum MHD_Result refuse(struct http_conn *c, enum rc rc)
{
    answer_make(c, rc);
    return send_answer(c);
}

static void work(void *task, unsigned worker)
{
    struct http_conn *c = task;
    c->rq.worker = c->route->def->flags & HTTP_HEAVY ? worker : c->server->heavy_workers + worker;
    run_request(c);
    c->state = CONN_DONE;
    MHD_resume_connection(c->mhd);
}

static enum MHD_Result dispatch(struct http_conn *c)
{
    struct queue *q = c->route->def->flags & HTTP_HEAVY ? c->server->app->heavy : c->server->app->light;
    phase(c->client, CLIENT_WORKING);
    c->queued_us = clock_mono_us();
    if ((c->route->def->flags & HTTP_INLINE) || !q || atomic_load(&c->server->abandon)) {
        /* Once shutting down nothing is suspended any more: libmicrohttpd must not stop with suspended connections. */
        run_request(c);
        return send_answer(c);
    }
    c->state = CONN_QUEUED;
    MHD_suspend_connection(c->mhd);
    enum rc rc = queue_push(q, work, c, &c->err);
    if (!rc) return MHD_YES; /* from here on the worker owns it */
    answer_make(c, rc);
    c->state = CONN_DONE;
    MHD_resume_connection(c->mhd);
    return MHD_YES;
}

/* Room for `more` bytes: within the budget for all bodies, and of the right kind. */
static enum rc body_room(struct http_conn *c, size_t more)
{
    size_t need = c->body_n + more;
    if (need > c->body_max) return err_set(&c->err, RC_TOO_LARGE, "the body may have %zu bytes", c->body_max);
    while ((size_t)c->reserved_bytes < need) {
        int64_t all = atomic_fetch_add(&c->server->upload_bytes, BODY_STEP) + BODY_STEP;
        c->reserved_bytes += BODY_STEP;
        if (all > c->settings->upload_memory_bytes)
            return err_set(&c->err, RC_BUSY, "too many uploads at once");
    }
    if (need <= c->body_cap) return RC_OK;
    if (need <= BODY_HEAP) {
        size_t cap = c->body_cap ? c->body_cap * 2 : 16 << 10;
        while (cap < need)
            cap *= 2;
        char *p = realloc(c->body, cap);
        if (!p) return err_set(&c->err, RC_NOMEM, "out of memory");
        c->body = p;
        c->body_cap = cap;
        return RC_OK;
    }
    /* Address space for the largest body: the system gives memory for what is written, and takes it back whole. */
    char *p =
        mmap(NULL, c->body_max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return err_set(&c->err, RC_NOMEM, "out of memory");
    memcpy(p, c->body, c->body_n);
    free(c->body);
    c->body = p;
    c->body_cap = c->body_max;
    c->body_mapped = true;
    return RC_OK;
}

static enum MHD_Result receive(struct http_conn *c, const char *data, size_t *n)
{
    enum rc rc = c->state == CONN_BODY ? body_room(c, *n) : RC_OK;
    if (rc) { /* the rest is read and dropped: a client that is still sending would not see the answer */
        c->state = CONN_DISCARD;
        c->close = true;
    }
    if (c->state == CONN_BODY) memcpy(c->body + c->body_n, data, *n);
    c->body_n += *n;
    atomic_fetch_add(&c->client->received, (int64_t)*n);
    bool endless = c->state == CONN_DISCARD && c->body_n > 2 * (size_t)c->settings->max_body_bytes;
    if (c->state == CONN_DISCARD && c->reserved_bytes) {
        size_t counted = c->body_n;
        body_release(c);
        c->body_n = counted;
    }
    *n = 0;
    return endless ? MHD_NO : MHD_YES;
}

/* A refused body is still read when it is of a bearable size and the client is sending it anyway. */
static bool worth_reading(struct http_conn *c)
{
    int64_t n = 0;
    struct str length = conn_header(c, "Content-Length");
    if (c->close || conn_header(c, "Expect").p) return false;
    if (length.p) return str_to_i64(length, &n) && n <= 2 * c->settings->max_body_bytes;
    return conn_header(c, "Transfer-Encoding").p != NULL;
}

static enum MHD_Result headers_read(struct http_conn *c, const char *method)
{
    c->method = method;
    enum rc rc = accept_request(c);
    struct str length = conn_header(c, "Content-Length");
    bool has_body = (length.n && !str_eqz(length, "0")) || conn_header(c, "Transfer-Encoding").p;
    phase(c->client, CLIENT_BODY);
    if (!rc) {
        c->state = CONN_BODY;
        return MHD_YES;
    }
    c->err.code = rc;
    if (has_body && !worth_reading(c)) {
        c->close = true;
        return refuse(c, rc);
    }
    c->state = CONN_DISCARD;
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **con_cls)
{
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    struct http_conn *c = *con_cls;
    if (!c) return MHD_NO;
    switch (c->state) {
    case CONN_NEW:
        return headers_read(c, method);
    case CONN_BODY:
        return *n ? receive(c, data, n) : dispatch(c);
    case CONN_DISCARD:
        return *n ? receive(c, data, n) : refuse(c, c->err.code);
    case CONN_DONE:
        return send_answer(c);
    case CONN_QUEUED:
    case CONN_SENT:
        break;
    }
    return MHD_YES;
}

/* ---- start and stop ---- */

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    char line[256];
    vsnprintf(line, sizeof line, fmt, ap);
    log_debug("http", "%s", line);
}

/* A listening socket of our own: the error says what is wrong, and :: takes IPv4 as well. */
static enum rc listen_on(const char *address, int port, int *out, struct err *err)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool v6 = strchr(address, ':') != NULL;
    int on = 1, off = 0;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1)
        return err_set(err, RC_INVALID, "http_address: \"%s\" is not an IPv4 or IPv6 address", address);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return err_errno(err, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    int failed =
        v6 ? bind(fd, (struct sockaddr *)&six, sizeof six) : bind(fd, (struct sockaddr *)&four, sizeof four);
    if (!failed) failed = listen(fd, 1024);
    if (failed) {
        err_errno(err, "cannot listen on %s port %d", address, port);
        if (errno == EADDRINUSE)
            err_set(err, RC_IO, "port %d of %s is in use; set another with --port", port, address);
        close(fd);
        return RC_IO;
    }
    *out = fd;
    return RC_OK;
}

static unsigned threads(const struct config *config)
{
    int64_t set = config_int(config, "http_threads");
    cpu_set_t cpus;
    if (set > 0) return (unsigned)set;
    int n = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 2;
    return n < 1 ? 1 : n > 16 ? 16 : (unsigned)n;
}

static enum rc start_daemon(struct http_server *s, const struct config *config, struct err *err)
{
    int fd = -1;
    unsigned pool = threads(config);
    enum rc rc =
        listen_on(config_string(config, "http_address"), (int)config_int(config, "http_port"), &fd, err);
    if (rc) return rc;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_THREAD_POOL_SIZE, pool > 1 ? pool : 0, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)config_int(config, "http_connections"), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((config_duration_ms(config, "http_idle_timeout") + 999) / 1000),
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)MEMORY_STEP, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_PER_CONNECTION, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
        conn_create, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES, MHD_OPTION_HTTPS_MEM_CERT,
        tls_cert_pem(s->tls), MHD_OPTION_HTTPS_MEM_KEY, tls_key_pem(s->tls), MHD_OPTION_END);
    if (s->daemon) return RC_OK;
    close(fd);
    return err_set(err, RC_IO, "the HTTPS server does not start (log_level = debug says more)");
}

static enum rc open_parts(struct http_server *s, const struct config *config, struct err *err)
{
    struct http_settings *settings = NULL;
    const char *data_dir = s->app->data_dir;
    s->openapi = BUF_INIT(8 << 20);
    enum rc rc = settings_create(config, &settings, err);
    atomic_store(&s->settings, settings);
    if (!rc) rc = router_create(s->modules, &s->router, err);
    if (!rc) rc = http_openapi(s->modules, &s->openapi, err);
    if (!rc) rc = limiter_create(s->app->ops, &s->limiter, err);
    if (!rc) rc = pages_open(config_string(config, "web_dir"), &s->pages, err);
    if (!rc && data_dir) rc = crypt_key_file(data_dir, "ops", s->ops_key, err);
    if (!rc && !data_dir) crypt_random(s->ops_key, sizeof s->ops_key);
    if (!rc) rc = auth_open(s, data_dir, config_string(config, "http_admin_token_file"), err);
    if (!rc)
        rc = tls_open(config_string(config, "tls_certificate"), config_string(config, "tls_key"), data_dir,
                      &s->tls, err);
    return rc;
}

static enum rc start_timer(struct http_server *s, struct err *err)
{
    if (pthread_create(&s->timer, NULL, run_timer, s)) return err_set(err, RC_NOMEM, "cannot start a thread");
    pthread_setname_np(s->timer, "http-timer");
    s->timer_on = true;
    return RC_OK;
}

static void destroy(struct http_server *s)
{
    if (s->timer_on) {
        pthread_mutex_lock(&s->timer_lock);
        s->timer_stop = true;
        pthread_cond_signal(&s->timer_wake);
        pthread_mutex_unlock(&s->timer_lock);
        pthread_join(s->timer, NULL);
    }
    limiter_destroy(s->limiter);
    pages_close(s->pages);
    tls_close(s->tls);
    router_destroy(s->router);
    buf_release(&s->openapi);
    settings_destroy(atomic_load(&s->settings));
    crypt_wipe(s->ops_key, sizeof s->ops_key);
    pthread_cond_destroy(&s->timer_wake);
    pthread_mutex_destroy(&s->timer_lock);
    pthread_mutex_destroy(&s->clients_lock);
    free(s);
}

enum rc http_start(struct app *app, const struct module *const *modules, struct http_server **out,
                   struct err *err)
{
    struct http_server *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return err_set(err, RC_NOMEM, "out of memory");
    s->app = app;
    s->modules = modules;
    s->authenticate = app->authenticate;
    s->heavy_workers = app->heavy ? queue_workers(app->heavy) : 0;
    pthread_mutex_init(&s->clients_lock, NULL);
    pthread_mutex_init(&s->timer_lock, NULL);
    pthread_cond_init(&s->timer_wake, NULL);
    idempotency_instance(s->instance);
    enum rc rc = open_parts(s, app->config, err);
    if (!rc) rc = start_timer(s, err);
    if (!rc) rc = start_daemon(s, app->config, err);
    if (rc) {
        destroy(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

static void wait_until_idle(struct http_server *s, int64_t most_ms)
{
    int64_t until = clock_mono_us() + most_ms * 1000;
    while (atomic_load(&s->running) > 0 && clock_mono_us() < until)
        usleep(5000);
}

/* Connections that a worker still holds cannot be closed: it would resume freed memory. */
static void wait_for_workers(struct http_server *s)
{
    atomic_store(&s->abandon, true);
    if (s->app->light) queue_drain(s->app->light);
    if (s->app->heavy) queue_drain(s->app->heavy);
    wait_until_idle(s, 500); /* for the answers just made to be sent */
}

void http_stop(struct http_server *s, int64_t grace_ms)
{
    if (!s) return;
    atomic_store(&s->stopping, true);
    MHD_socket listening = MHD_quiesce_daemon(s->daemon);
    if (listening != MHD_INVALID_SOCKET) shutdown(listening, SHUT_RD);
    wait_until_idle(s, grace_ms);
    wait_for_workers(s);
    MHD_stop_daemon(s->daemon);
    if (listening != MHD_INVALID_SOCKET) close(listening);
    destroy(s);
}

enum rc http_reload(struct http_server *s, const struct config *config, struct err *err)
{
    struct http_settings *settings;
    enum rc rc = settings_create(config, &settings, err);
    if (rc) return rc;
    rc = tls_reload(s->tls, config_string(config, "tls_certificate"), config_string(config, "tls_key"), err);
    if (rc) {
        settings_destroy(settings);
        return rc;
    }
    settings->older = atomic_load(&s->settings);
    atomic_store(&s->settings, settings);
    return RC_OK;
}

void http_set_authenticate(struct http_server *s, http_authenticate_fn fn) { s->authenticate = fn; }
bool http_self_signed(const struct http_server *s) { return tls_self_signed(s->tls); }

unsigned http_port(const struct http_server *s)
{
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    if (!i || getsockname(i->listen_fd, (struct sockaddr *)&at, &n)) return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&at)->sin6_port
                                          : ((struct sockaddr_in *)(void *)&at)->sin_port);
}
