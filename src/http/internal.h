/*
 * What the files of this folder share. The way of a request:
 *
 *   clients.c      connection made, unless its client has too many
 *   server.c       request line read (conn_create); headers read -> accept.c
 *   accept.c       on the socket's thread: target, route, parameters, who asks, limits, what the body must be
 *   body.c         body received, within the budget for all bodies
 *   server.c       suspended and pushed on a queue, or run at once (HTTP_INLINE)
 *   run.c          on a worker: body parsed and checked, idempotency, handler
 *   answer.c       body, ETag, compression, headers -> MHD_Response; resumed
 *   server.c       sent, counted, logged, released
 *
 * Threading: a struct http_conn belongs to the socket's thread until it is suspended, to its worker until it is
 * resumed, and then to the socket's thread again; the hand-over is the queue's lock and libmicrohttpd's.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "base/config.h"
#include "base/module.h"
#include "http/address.h"
#include "http/http.h"
#include "http/router.h"
#include "metric/metric.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

struct limiter;
struct tls;
struct pages;

/* Settings that SIGHUP can change: immutable once made, the older ones kept until the end. */
struct http_settings {
    int64_t max_body_bytes, max_json_bytes, upload_memory_bytes;
    int64_t deadline_ms, header_timeout_ms, body_timeout_ms, idle_timeout_ms;
    int64_t limit_light, limit_heavy, connections_per_client; /* 0: no limit */
    bool metrics_open, access_log, hsts, check_answers;
    char *cors_origins; /* comma-separated */
    struct address_list trusted_proxies;
    bool has_admin_token;
    uint8_t admin_token_hash[32];
    struct http_settings *older;
};

/* A TCP connection. */
enum client_phase { CLIENT_IDLE, CLIENT_HEADERS, CLIENT_BODY, CLIENT_WORKING };
struct client {
    struct client *next, **link; /* in its bucket; *link == this */
    int fd;
    struct address peer;
    _Atomic int phase;
    _Atomic int64_t since_us; /* when the phase began */
    _Atomic int64_t received; /* bytes of the body so far */
};
/* All of them, by a hash of address_client(peer). */
enum { CLIENT_BUCKETS = 1024 };
struct clients {
    pthread_mutex_t lock;
    struct client *buckets[CLIENT_BUCKETS];
};

enum conn_state { CONN_NEW, CONN_BODY, CONN_DISCARD, CONN_QUEUED, CONN_DONE, CONN_SENT };
struct http_conn {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct client *client;
    struct address
        from; /* whom it counts for: address_client() of the peer, or of whom a trusted proxy names */
    const struct http_settings *settings;
    const struct route *route; /* NULL: none was found */
    const char *method;
    enum conn_state state;
    bool head, close;
    int64_t started_us, queued_us;
    struct arena arena;
    struct uri uri;
    enum rc uri_rc;
    struct str params[ROUTER_MAX_PARAMS];
    struct schema_faults faults;
    char id[72], limit_key[64], allow[64];

    struct http_request rq;
    struct jval *json;
    /* The body: heap up to BODY_HEAP bytes, an anonymous mapping above (given back to the system at once). */
    char *body;
    size_t body_n, body_cap, body_max;
    bool body_mapped;
    int64_t reserved_bytes;
    size_t received; /* bytes of it so far, the dropped ones of a refused body included */

    struct http_response rs;
    struct err err;
    int retry_after_s; /* 0: none */
    const struct pages_file *page;
    /* rate limit, for the headers: policy NULL when none applies */
    const char *limit_policy;
    int64_t limit_quota, limit_left, limit_reset_s;
    struct MHD_Response *answer;
    int status;
    size_t answer_bytes;
};

struct http_server {
    struct app *app;
    const struct module *const *modules;
    struct router *router;
    struct MHD_Daemon *daemon;
    struct tls *tls;
    struct limiter *limiter;
    struct pages *pages;
    _Atomic(struct http_settings *) settings;
    struct buf openapi;
    uint8_t ops_key[32];
    char instance[96]; /* this process, for idempotency: boot, pid, start time */
    unsigned heavy_workers;
    struct clients clients;
    _Atomic int64_t upload_bytes;  /* reserved by bodies being received or worked on */
    _Atomic int running;           /* requests between their first header and their last byte */
    atomic_bool stopping, abandon; /* abandon: what has not started is answered 503 */
    pthread_t timer;
    pthread_mutex_t timer_lock;
    pthread_cond_t timer_wake;
    bool timer_on, timer_stop;
    http_authenticate_fn authenticate;
};

/* settings.c */
extern const struct config_key http_settings_keys[];
/* data_dir: where the staff's token is, NULL: there is none but that of the setting. */
enum rc settings_create(const struct config *config, const char *data_dir, struct http_settings **out,
                        struct err *err) MUST_USE;
void settings_destroy(struct http_settings *s);
bool settings_listed(const char *list, struct str item); /* in a comma-separated list */

/* listen.c */
enum rc listen_open(const struct config *config, int *fd, struct err *err) MUST_USE;
/* How many connections this process can hold: the setting, or what its limit of open files leaves (with a warning).
 * Raises that limit to what the system lets it. RC_INVALID: too few files to serve at all. */
enum rc listen_connections(const struct config *config, unsigned *out, struct err *err) MUST_USE;

/* clients.c */
enum MHD_Result clients_accept(void *server, const struct sockaddr *from, socklen_t n); /* false: too many */
void clients_notify(void *server, struct MHD_Connection *mhd, void **context,
                    enum MHD_ConnectionNotificationCode code);
struct client *client_of(struct MHD_Connection *mhd); /* NULL: there was no memory for it */
void client_enter(struct client *client, enum client_phase p);
/* Shuts the sockets of those whose phase has lasted too long. */
void clients_shut_slow(struct http_server *s, int *open, int *slow);

/* body.c */
enum rc body_add(struct http_conn *c, const char *data,
                 size_t n) MUST_USE; /* RC_TOO_LARGE, RC_BUSY, RC_NOMEM */
void body_release(struct http_conn *c);

/* accept.c: RC_OK: go on with the body or the handler. Otherwise c->err is the answer. */
enum rc accept_request(struct http_conn *c);
struct str conn_header(void *conn, const char *name);

/* run.c */
void run_request(struct http_conn *c); /* everything up to and including answer_make() */

/* answer.c: from rs (rc == RC_OK) or err to c->answer and c->status. Never fails: at worst a bare 500. */
void answer_make(struct http_conn *c, enum rc rc);

/* problem.c */
struct problem {
    const char *name, *title, *help;
    int status;
};
extern const struct problem http_problems[]; /* ends with a NULL name */
const struct problem *problem_of(enum rc rc);
void problem_write(struct jout *out, enum rc rc, const struct err *err, const struct schema_faults *faults,
                   const char *request_id, struct str instance);

/* auth.c */
/* Reads the staff's token into the settings; makes one when there is none yet in the data folder. */
enum rc auth_read_token(struct http_settings *s, const char *data_dir, const char *token_file,
                        struct err *err) MUST_USE;
enum rc auth_check(struct http_conn *c); /* fills rq.principal */

/* pages.c: the web app's files, read at start. */
struct pages_file {
    const char *path; /* "/app.js" */
    const char *type;
    bool lasting;           /* pictures and fonts */
    struct str bytes, gzip; /* gzip.p NULL: not worth it */
    char etag[40], gzip_etag[44];
};
enum rc pages_open(const char *dir, struct pages **out, struct err *err) MUST_USE;
void pages_close(struct pages *p);
const struct pages_file *pages_find(const struct pages *p, struct str path);

/* compress.c */
bool compress_type(const char *type);
bool compress_gzip(struct str in, int level, char **out, size_t *n); /* free() */
bool compress_accepted(struct str accept_encoding);
void etag_make(struct str body, const char *suffix, char out[static 44]);
bool etag_matches(struct str if_none_match, const char *etag); /* weak comparison, ignoring a -gz suffix */

extern struct metric http_requests, http_failures, http_seconds, http_in_bytes, http_out_bytes,
    http_connections, http_refused, http_waiting, http_running;
extern const char http_security_headers[]; /* of pages */

#endif
