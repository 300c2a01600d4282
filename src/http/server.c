/*
 * The life of the server and of a request over libmicrohttpd: starting, receiving, suspending and resuming,
 * answering, stopping. See internal.h for the way of a request.
 */
#include "http/internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/queue.h"
#include "crypt/crypt.h"
#include "http/idempotency.h"
#include "http/limit.h"
#include "http/tls.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 200, MEMORY_PER_CONNECTION = 64 << 10, MEMORY_STEP = 16 << 10 };
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* ---- the timer ---- */

static void look_around(struct http_server *s)
{
    int open = 0, slow = 0;
    clients_shut_slow(s, &open, &slow);
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
    if (n % (1000 / TICK_MS) == 0) look_around(s);
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
        clock_gettime(CLOCK_MONOTONIC, &at);
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
    client_enter(client, CLIENT_HEADERS);
    struct str copy = arena_str(&c->arena, str_of(target));
    c->uri_rc =
        copy.p ? uri_parse(copy, &c->arena, &c->uri, &c->err) : err_set(&c->err, RC_NOMEM, "out of memory");
    return c;
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
    metric_add(&http_in_bytes, NULL, c->received);
    metric_add(&http_out_bytes, NULL, c->answer_bytes);
    if (c->settings->access_log) {
        log_request(*c->id ? c->id : NULL);
        log_info("http", "%s %s %s %.1f ms, %zu bytes in, %zu out", *c->method ? c->method : "-", operation,
                 code, seconds * 1e3, c->received, c->answer_bytes);
        log_request(NULL);
    }
    client_enter(c->client, CLIENT_IDLE);
    conn_destroy(c);
    *con_cls = NULL;
}

static enum MHD_Result send_answer(struct http_conn *c)
{
    enum MHD_Result sent = MHD_queue_response(c->mhd, (unsigned)c->status, c->answer);
    MHD_destroy_response(c->answer);
    c->answer = NULL;
    c->state = CONN_SENT;
    client_enter(c->client, CLIENT_BODY); /* the same patience for reading as for sending */
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
    client_enter(c->client, CLIENT_WORKING);
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

static enum MHD_Result receive(struct http_conn *c, const char *data, size_t *n)
{
    c->received += *n;
    atomic_store(&c->client->received, (int64_t)c->received);
    if (c->state == CONN_BODY && body_add(c, data, *n)) {
        /* The rest is read and dropped: a client that is still sending would not see the answer. */
        c->state = CONN_DISCARD;
        c->close = true;
        body_release(c);
    }
    *n = 0;
    bool endless = c->state == CONN_DISCARD && c->received > 2 * (size_t)c->settings->max_body_bytes;
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
    client_enter(c->client, CLIENT_BODY);
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

static unsigned threads(const struct config *config)
{
    int64_t set = config_int(config, "http_threads");
    if (set > 0) return (unsigned)set;
    unsigned n = proc_processors();
    return n > 16 ? 16 : n;
}

static enum rc start_daemon(struct http_server *s, const struct config *config, struct err *err)
{
    int fd = -1;
    unsigned pool = threads(config), connections = 0;
    enum rc rc = listen_connections(config, &connections, err);
    if (!rc) rc = listen_open(config, &fd, err);
    if (rc) return rc;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG;
    s->daemon = MHD_start_daemon(
        flags, 0, clients_accept, s, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, pool > 1 ? pool : 0,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((config_duration_ms(config, "http_idle_timeout") + 999) / 1000),
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)MEMORY_STEP, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_PER_CONNECTION, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK,
        conn_create, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        clients_notify, s, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES, MHD_OPTION_HTTPS_MEM_CERT,
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
    enum rc rc = settings_create(config, data_dir, &settings, err);
    atomic_store(&s->settings, settings);
    if (!rc) rc = router_create(s->modules, &s->router, err);
    if (!rc) rc = http_openapi(s->modules, &s->openapi, err);
    if (!rc) rc = limiter_create(s->app->ops, &s->limiter, err);
    if (!rc) rc = pages_open(config_string(config, "web_dir"), &s->pages, err);
    if (!rc && data_dir) rc = crypt_key_file(data_dir, "ops", s->ops_key, err);
    if (!rc && !data_dir) crypt_random(s->ops_key, sizeof s->ops_key);
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
    pthread_mutex_destroy(&s->clients.lock);
    free(s);
}

enum rc http_start(struct app *app, const struct module *const *modules, struct http_server **out,
                   struct err *err)
{
    struct http_server *s = calloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    *out = NULL;
    if (!s) return err_set(err, RC_NOMEM, "out of memory");
    s->app = app;
    s->modules = modules;
    s->authenticate = app->authenticate;
    s->heavy_workers = app->heavy ? queue_workers(app->heavy) : 0;
    pthread_mutex_init(&s->clients.lock, NULL);
    pthread_mutex_init(&s->timer_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->timer_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
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
    enum rc rc = settings_create(config, s->app->data_dir, &settings, err);
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
