/*
 * How many requests the server itself answers: an inline route and one over the worker queue, over kept-alive
 * TLS connections. Starts a server with a module of its own and runs wrk against it.
 *
 *     bench_http [seconds] [connections]        bench_http serve PORT: only serves, until it is killed
 */
#include "base/app.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/module.h"
#include "base/queue.h"
#include "crypt/crypt.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum rc answer(struct http_request *rq, struct http_response *rs, struct err *err)
{
    (void)rq;
    (void)err;
    jout_object(&rs->json);
    jout_kz(&rs->json, "status", "ok");
    jout_end(&rs->json);
    return RC_OK;
}

static const struct http_route routes[] = {{.path = "/inline",
                                            .method = "GET",
                                            .operation = "inline",
                                            .summary = "On the socket's thread.",
                                            .handler = answer,
                                            .roles = HTTP_ANYONE,
                                            .flags = HTTP_INLINE | HTTP_NO_LIMIT},
                                           {.path = "/queue",
                                            .method = "GET",
                                            .operation = "queue",
                                            .summary = "On a worker.",
                                            .handler = answer,
                                            .roles = HTTP_ANYONE},
                                           {0}};
static const struct module bench_module = {.name = "bench", .routes = routes};
static const struct module *const modules[] = {&http_module, &bench_module, NULL};

static enum rc setting(struct config *c, const char *key, const char *value, struct err *err)
{
    return config_set(c, str_of(key), str_of(value), err);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/penderie-bench-XXXXXX", command[256];
    const struct config_key *const tables[] = {http_module.config, NULL};
    struct app app = {.modules = modules};
    struct http_server *server = NULL;
    struct err err = {0};
    bool serve = argc > 2 && strcmp(argv[1], "serve") == 0;
    const char *seconds = argc > 1 && !serve ? argv[1] : "5",
               *connections = argc > 2 && !serve ? argv[2] : "32";
    enum rc rc = mkdtemp(dir) ? crypt_startup(&err) : err_errno(&err, "cannot make a folder");
    app.data_dir = dir;
    if (!rc) rc = config_create(tables, &app.config, &err);
    if (!rc) rc = setting(app.config, "http_port", serve ? argv[2] : "0", &err);
    if (!rc) rc = setting(app.config, "http_limit_light", "1000000000", &err);
    if (!rc && !getenv("BENCH_ACCESS_LOG")) rc = setting(app.config, "http_access_log", "no", &err);
    if (!rc) rc = queue_create("light", 2, 256, &app.light, &err);
    if (!rc) rc = http_start(&app, modules, &server, &err);
    if (rc) {
        fprintf(stderr, "bench_http: %s\n", err.message);
        return 1;
    }
    if (serve) pause();
    for (size_t i = 0; routes[i].path; i++) {
        snprintf(command, sizeof command, "wrk -t2 -c%s -d%ss --latency https://127.0.0.1:%u%s", connections,
                 seconds, http_port(server), routes[i].path);
        printf("%s\n", command);
        fflush(stdout);
        if (system(command)) fprintf(stderr, "bench_http: wrk failed\n");
    }
    http_stop(server, 1000);
    queue_destroy(app.light);
    config_destroy(app.config);
    if (fs_remove_tree(dir, &err)) fprintf(stderr, "bench_http: %s\n", err.message);
    return 0;
}
