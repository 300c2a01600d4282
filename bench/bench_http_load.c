/*
 * A load generator for HTTPS that does not lie about waiting: at a constant rate, a request's time counts from when
 * it was due, not from when a connection was free to send it (no coordinated omission). Without a rate, each
 * connection sends its next request when the answer is there.
 *
 *   bench_http_load --port N --path P [--photo FILE]... [--queries FILE] [--rate R] [--connections C]
 *                   [--seconds S] [--requests N] [--expect N] [--skip N] [--fresh]
 *
 *   --photo    the body of a POST, as image/jpeg; several take turns
 *   --queries  one text a line, each used once, percent-encoded behind the path of a GET
 *   --skip     leaves out that many queries, which an earlier run used
 *   --expect   an answer must be 200 and name at least N "id"s, or it has failed
 *   --fresh    a connection with its handshake for each request
 *
 * Prints one JSON object. Certificates are not checked: it only ever talks to 127.0.0.1.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/jout.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PHOTOS = 64, MAX_CONNECTIONS = 512, MAX_ANSWER = 4 << 20 };

static struct {
    int port;
    const char *path, *queries_file;
    double rate, seconds;
    size_t connections, requests, expect, skip;
    bool fresh;
    struct str photos[MAX_PHOTOS];
    size_t n_photos;
    struct str *queries;
    char *queries_text;
    size_t n_queries;
    gnutls_certificate_credentials_t credentials;
    int64_t start_us;
    atomic_size_t next;
} load = {.seconds = 10, .connections = 1, .path = "/"};

struct connection {
    pthread_t thread;
    int fd;
    gnutls_session_t tls;
    bool open;
    double *ms; /* of each request answered well */
    size_t n, cap, failed, bytes_sent;
    char complaint[400]; /* about the first failure */
    struct buf request, answer;
};

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "bench_http_load: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
    exit(1);
}

static void complain(struct connection *c, const char *what, struct str detail)
{
    c->failed++;
    if (c->complaint[0]) return;
    snprintf(c->complaint, sizeof c->complaint, "%s: %.*s", what, (int)(detail.n < 300 ? detail.n : 300),
             detail.p);
}

static void hang_up(struct connection *c)
{
    if (!c->open) return;
    gnutls_deinit(c->tls);
    close(c->fd);
    c->open = false;
}

static bool dial(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.port)};
    struct timeval limit = {.tv_sec = 60};
    int on = 1, rc;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(c->fd);
        return false;
    }
    gnutls_init(&c->tls, GNUTLS_CLIENT);
    gnutls_set_default_priority(c->tls);
    gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, load.credentials);
    gnutls_server_name_set(c->tls, GNUTLS_NAME_DNS, "localhost", 9);
    gnutls_transport_set_int(c->tls, c->fd);
    c->open = true;
    do
        rc = gnutls_handshake(c->tls);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc < 0) hang_up(c);
    return rc == 0;
}

static bool send_all(struct connection *c, struct str s)
{
    while (s.n > 0) {
        ssize_t sent = gnutls_record_send(c->tls, s.p, s.n);
        if (sent == GNUTLS_E_INTERRUPTED) continue;
        if (sent <= 0) return false;
        s = str_sub(s, (size_t)sent, s.n);
        c->bytes_sent += (size_t)sent;
    }
    return true;
}

/* The value of a header as a number, or -1. */
static int64_t header_number(struct str head, const char *name)
{
    struct str line;
    while ((line = str_split(&head, '\n')).p) {
        size_t colon = str_chr(line, ':');
        int64_t value;
        if (colon != SIZE_MAX && str_ieqz(str_sub(line, 0, colon), name) &&
            str_to_i64(str_trim(str_sub(line, colon + 1, line.n)), &value))
            return value;
    }
    return -1;
}

/* Reads one answer; false when it does not come whole. *body is borrowed from the connection's buffer. */
static bool receive(struct connection *c, int *status, struct str *body)
{
    size_t head = SIZE_MAX;
    int64_t length = -1;
    buf_reset(&c->answer);
    for (;;) {
        if (head == SIZE_MAX) {
            head = str_find(buf_str(&c->answer), STR("\r\n\r\n"));
            if (head != SIZE_MAX)
                length = header_number(str_sub(buf_str(&c->answer), 0, head), "content-length");
            if (head != SIZE_MAX && length < 0) return false;
        }
        if (head != SIZE_MAX && c->answer.n >= head + 4 + (size_t)length) break;
        char part[16384];
        ssize_t got = gnutls_record_recv(c->tls, part, sizeof part);
        if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN) continue;
        if (got <= 0) return false;
        buf_add_bytes(&c->answer, part, (size_t)got);
        if (c->answer.failed) return false;
    }
    struct str all = buf_str(&c->answer);
    *status = all.n > 12 ? (int)strtol(all.p + 9, NULL, 10) : 0;
    *body = str_sub(all, head + 4, (size_t)length);
    return true;
}

static size_t count_ids(struct str body)
{
    size_t n = 0, at;
    while ((at = str_find(body, STR("\"id\":"))) != SIZE_MAX) {
        body = str_sub(body, at + 5, body.n);
        n++;
    }
    return n;
}

static void write_request(struct connection *c, size_t i, struct str *photo)
{
    const char *connection = load.fresh ? "close" : "keep-alive";
    buf_reset(&c->request);
    *photo = STR_NONE;
    if (load.n_photos > 0) {
        *photo = load.photos[i % load.n_photos];
        buf_addf(&c->request,
                 "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\nContent-Type: image/jpeg\r\n"
                 "Accept: application/json\r\nContent-Length: %zu\r\n\r\n",
                 load.path, connection, photo->n);
        return;
    }
    buf_addf(&c->request, "GET %s", load.path);
    if (load.n_queries > 0) {
        struct str q = load.queries[(load.skip + i) % load.n_queries];
        for (size_t j = 0; j < q.n; j++) {
            unsigned char b = (unsigned char)q.p[j];
            bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
            buf_addf(&c->request, plain ? "%c" : "%%%02X", b);
        }
    }
    buf_addf(&c->request, " HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\nAccept: application/json\r\n\r\n",
             connection);
}

static void note(struct connection *c, double ms)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 1024;
        c->ms = realloc(c->ms, c->cap * sizeof *c->ms);
        if (!c->ms) die("out of memory", NULL);
    }
    c->ms[c->n++] = ms;
}

static void ask(struct connection *c, size_t i, int64_t due_us)
{
    struct str photo, body = STR_NONE;
    int status = 0;
    write_request(c, i, &photo);
    if (!c->open && !dial(c)) {
        complain(c, "no connection", STR("connect or handshake"));
        usleep(20000);
        return;
    }
    bool answered = send_all(c, buf_str(&c->request)) && send_all(c, photo) && receive(c, &status, &body);
    double ms = (double)(clock_mono_us() - due_us) / 1000;
    if (!answered) {
        complain(c, "no answer", buf_str(&c->answer));
        hang_up(c);
        return;
    }
    if (status != 200 || count_ids(body) < load.expect) {
        char what[40];
        snprintf(what, sizeof what, "status %d", status);
        complain(c, what, body);
    } else {
        note(c, ms);
    }
    if (load.fresh || str_find(buf_str(&c->answer), STR("onnection: close")) != SIZE_MAX) hang_up(c);
}

static void *run(void *arg)
{
    struct connection *c = arg;
    int64_t end_us = load.start_us + (int64_t)(load.seconds * 1e6);
    for (;;) {
        size_t i = atomic_fetch_add(&load.next, 1);
        int64_t now = clock_mono_us(), due = now;
        if (load.rate > 0) {
            due = load.start_us + (int64_t)((double)i * 1e6 / load.rate);
            if (due >= end_us) break;
            if (due > now) usleep((useconds_t)(due - now));
        }
        if ((load.rate <= 0 && now >= end_us) || (load.requests && i >= load.requests)) break;
        ask(c, i, due);
    }
    hang_up(c);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct connection *c, double seconds)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jout o = JOUT_INIT(&out);
    struct rusage use;
    size_t n = 0, failed = 0, sent = 0;
    const char *complaint = NULL;
    for (size_t i = 0; i < load.connections; i++) {
        n += c[i].n;
        failed += c[i].failed;
        sent += c[i].bytes_sent;
        if (c[i].complaint[0] && !complaint) complaint = c[i].complaint;
    }
    double *ms = malloc((n + 1) * sizeof *ms), sum = 0;
    if (!ms) die("out of memory", NULL);
    n = 0;
    for (size_t i = 0; i < load.connections; i++)
        for (size_t j = 0; j < c[i].n; j++)
            sum += ms[n++] = c[i].ms[j];
    qsort(ms, n, sizeof *ms, compare);
    getrusage(RUSAGE_SELF, &use);
    jout_object(&o);
    jout_ki64(&o, "answered", (int64_t)n);
    jout_ki64(&o, "failed", (int64_t)failed);
    jout_kdec(&o, "seconds", seconds, 3);
    jout_kdec(&o, "per_second", (double)n / seconds, 2);
    if (n > 0) {
        static const double at[] = {.5, .9, .95, .99, .999};
        static const char *const names[] = {"p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"};
        jout_kdec(&o, "mean_ms", sum / (double)n, 3);
        for (size_t i = 0; i < 5; i++) { /* the least value that this share of the requests does not exceed */
            size_t rank = (size_t)(at[i] * (double)n);
            jout_kdec(&o, names[i], ms[rank < n ? rank : n - 1], 3);
        }
        jout_kdec(&o, "max_ms", ms[n - 1], 3);
    }
    jout_kdec(&o, "sent_mb", (double)sent / 1e6, 1);
    jout_kdec(&o, "client_cpu_seconds",
              (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                  (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6,
              3);
    if (complaint) jout_kz(&o, "first_failure", complaint);
    jout_end(&o);
    puts(out.p);
    free(ms);
    buf_release(&out);
}

static void read_photo(const char *path)
{
    struct err err;
    char *p;
    size_t n;
    if (load.n_photos == MAX_PHOTOS) die("too many photos", NULL);
    if (fs_read(path, 64 << 20, &p, &n, &err)) die("photo", &err);
    load.photos[load.n_photos++] = (struct str){p, n};
}

static void read_queries(const char *path)
{
    struct err err;
    char *p;
    size_t n;
    if (fs_read(path, 64 << 20, &p, &n, &err)) die("queries", &err);
    struct str rest = {p, n}, line;
    load.queries_text = p;
    load.queries = calloc(n + 1, sizeof *load.queries);
    if (!load.queries) die("out of memory", NULL);
    while ((line = str_split(&rest, '\n')).p)
        if (line.n > 0) load.queries[load.n_queries++] = line;
}

static void read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--fresh") == 0) {
            load.fresh = true;
            continue;
        }
        if (!value) die("an option lacks its value", NULL);
        i++;
        if (strcmp(name, "--port") == 0)
            load.port = (int)strtol(value, NULL, 10);
        else if (strcmp(name, "--path") == 0)
            load.path = value;
        else if (strcmp(name, "--photo") == 0)
            read_photo(value);
        else if (strcmp(name, "--queries") == 0)
            read_queries(value);
        else if (strcmp(name, "--rate") == 0)
            load.rate = strtod(value, NULL);
        else if (strcmp(name, "--seconds") == 0)
            load.seconds = strtod(value, NULL);
        else if (strcmp(name, "--connections") == 0)
            load.connections = strtoul(value, NULL, 10);
        else if (strcmp(name, "--requests") == 0)
            load.requests = strtoul(value, NULL, 10);
        else if (strcmp(name, "--expect") == 0)
            load.expect = strtoul(value, NULL, 10);
        else if (strcmp(name, "--skip") == 0)
            load.skip = strtoul(value, NULL, 10);
        else
            die(name, NULL);
    }
    if (load.port <= 0 || load.connections < 1 || load.connections > MAX_CONNECTIONS)
        die("see the head of the source", NULL);
    if (load.rate > 0 && load.n_queries > 0 &&
        load.rate * load.seconds > (double)load.n_queries - (double)load.skip)
        die("fewer queries than requests: they would repeat", NULL);
}

int main(int argc, char **argv)
{
    static struct connection connections[MAX_CONNECTIONS];
    read_options(argc, argv);
    gnutls_global_init();
    gnutls_certificate_allocate_credentials(&load.credentials);
    /* Connections stand before the clock starts: opening them is not what is measured, unless --fresh. */
    for (size_t i = 0; i < load.connections; i++) {
        connections[i].request = connections[i].answer = BUF_INIT(MAX_ANSWER);
        if (!load.fresh && !dial(&connections[i])) die("cannot connect", NULL);
    }
    load.start_us = clock_mono_us();
    for (size_t i = 0; i < load.connections; i++)
        if (pthread_create(&connections[i].thread, NULL, run, &connections[i]) != 0) die("no thread", NULL);
    for (size_t i = 0; i < load.connections; i++)
        pthread_join(connections[i].thread, NULL);
    report(connections, (double)(clock_mono_us() - load.start_us) / 1e6);
    for (size_t i = 0; i < load.connections; i++) {
        free(connections[i].ms);
        buf_release(&connections[i].request);
        buf_release(&connections[i].answer);
    }
    for (size_t i = 0; i < load.n_photos; i++)
        free((void *)load.photos[i].p);
    free(load.queries_text);
    free(load.queries);
    gnutls_certificate_free_credentials(load.credentials);
    return 0;
}
