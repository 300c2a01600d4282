/* The life of `penderie serve`: everything opened, modules started, requests answered until a signal ends it. */
#include "app/app.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/module.h"
#include "base/proc.h"
#include "http/http.h"
#include "image/image.h"
#include "rank/rank.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { REFRESH_S = 1 };

/* systemd's readiness protocol: a datagram to the socket that NOTIFY_SOCKET names ('@': abstract). */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path) return;
    memcpy(to.sun_path, path, n);
    if (to.sun_path[0] == '@') to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len) < 0)
        log_warn("app", "cannot tell the service manager that %s", state);
    close(fd);
}

/* The thread that takes a new snapshot when an import, here or in another process, has published. */
struct refresher {
    struct rank *rank;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool on, stop;
};

static void refresh_once(struct rank *rank)
{
    bool changed = false;
    struct err err;
    if (rank_refresh(rank, &changed, &err))
        log_warn("app", "cannot take the new products: %s", err.message);
    else if (changed)
        log_info("app", "searching in the new products");
}

static void *refresh(void *arg)
{
    struct refresher *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += REFRESH_S;
        pthread_cond_timedwait(&r->wake, &r->lock, &at);
        if (r->stop) break;
        pthread_mutex_unlock(&r->lock);
        refresh_once(r->rank);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static enum rc start_refresher(struct refresher *r, struct rank *rank, struct err *err)
{
    pthread_condattr_t monotonic;
    r->rank = rank;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&r->thread, NULL, refresh, r)) return err_set(err, RC_NOMEM, "cannot start a thread");
    pthread_setname_np(r->thread, "refresh");
    r->on = true;
    return RC_OK;
}

static void stop_refresher(struct refresher *r)
{
    if (!r->on) return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
}

static void greet(const struct app *app)
{
    const char *address = config_string(app->config, "http_address");
    bool everywhere = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    bool local = everywhere || strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0;
    bool v6 = strchr(address, ':') != NULL;
    printf("Penderie serves on https://%s%s%s:%u", !local && v6 ? "[" : "", local ? "localhost" : address,
           !local && v6 ? "]" : "", http_port(app->http));
    if (http_self_signed(app->http))
        printf(" (its certificate is self-signed: your browser asks once; curl: --cacert %s/tls/cert.pem)",
               app->data_dir);
    printf("\n");
    fflush(stdout);
}

static void reload(struct app *app, const struct app_serve_options *options)
{
    struct config *config = NULL;
    struct err err;
    char at[80];
    snprintf(at, sizeof at, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    notify(at);
    enum rc rc = options->reload ? options->reload(options->ctx, &config, &err) : RC_OK;
    if (!rc && config) rc = app_configure_log(config, &err); /* first: it alone can refuse and change nothing */
    if (!rc) rc = http_reload(app->http, config ? config : app->config, &err);
    if (rc)
        log_error("app", "settings stay as they were: %s", err.message);
    else
        log_info("app", "settings and certificate read again");
    config_destroy(config); /* what outlives this was copied */
    notify("READY=1");
}

static void wait_for_end(struct app *app, const sigset_t *signals, const struct app_serve_options *options)
{
    for (int number = 0; number != SIGTERM && number != SIGINT;) {
        if (sigwait(signals, &number)) continue;
        if (number == SIGHUP) reload(app, options);
    }
}

static void stop_modules(struct app *app, size_t started)
{
    while (started--)
        if (app->modules[started]->stop) app->modules[started]->stop(app);
}

static enum rc start_modules(struct app *app, size_t *started, struct err *err)
{
    for (*started = 0; app->modules[*started]; (*started)++) {
        const struct module *m = app->modules[*started];
        enum rc rc = m->start ? m->start(app, err) : RC_OK;
        if (rc) {
            err_prefix(err, "%s: ", m->name);
            return rc;
        }
    }
    return RC_OK;
}

static void block_signals(sigset_t *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL); /* threads made from here on inherit it: sigwait() gets them */
}

/* From here a second signal ends the program at once: the first is being obeyed. */
static void let_signals_kill(void)
{
    sigset_t deadly;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigemptyset(&deadly);
    sigaddset(&deadly, SIGTERM);
    sigaddset(&deadly, SIGINT);
    sigaction(SIGTERM, &standard, NULL);
    sigaction(SIGINT, &standard, NULL);
    pthread_sigmask(SIG_UNBLOCK, &deadly, NULL);
}

enum rc app_serve(struct config *config, const struct module *const *modules, const char *data_dir,
                  const struct app_serve_options *options, struct err *err)
{
    struct app app = {0};
    struct refresher refresher = {0};
    sigset_t signals;
    size_t started = 0;
    unsigned parts = APP_CATALOG | APP_OPS | APP_BLOBS | APP_MODEL | APP_RANK | APP_QUEUES | APP_PERSONS;
    block_signals(&signals);
    if (!proc_forbid_dumps()) log_warn("app", "cannot forbid core dumps");
    enum rc rc = image_startup("penderie", err); /* before threads: left to the first pictures, it is a race */
    if (!rc) rc = app_open(&app, config, modules, data_dir, parts, err);
    if (rc) return rc;
    rc = start_modules(&app, &started, err);
    if (!rc) rc = start_refresher(&refresher, app.rank, err);
    if (!rc) rc = http_start(&app, modules, &app.http, err);
    if (!rc) {
        if (!options->quiet) greet(&app);
        log_info("app", "serving on port %u", http_port(app.http));
        notify("READY=1");
        wait_for_end(&app, &signals, options);
        log_info("app", "stopping");
        notify("STOPPING=1");
        let_signals_kill();
        http_stop(app.http, config_duration_ms(config, "http_grace"));
        app.http = NULL;
    }
    stop_refresher(&refresher);
    stop_modules(&app, started);
    app_close(&app);
    if (!rc) log_info("app", "stopped");
    return rc;
}
