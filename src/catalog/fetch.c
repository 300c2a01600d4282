#include "catalog/fetch.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_REDIRECTS = 3, MAX_JOBS = 64 };

/* ---- addresses ---- */

static bool v4_is_private(uint32_t a)
{
    static const struct {
        uint32_t net;
        int bits;
    } nets[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
                {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
                {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4}};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0) return true;
    return false;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool v6_is_private(const uint8_t a[static 16])
{
    static const uint8_t zero[16], nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(a, zero, 10) == 0 && a[10] == 0xff && a[11] == 0xff) return v4_is_private(be32(a + 12));
    if (memcmp(a, zero, 12) == 0) return true;                           /* ::, ::1, v4-compatible */
    if (memcmp(a, nat64, 12) == 0) return v4_is_private(be32(a + 12));   /* 64:ff9b::/96 */
    if (a[0] == 0x20 && a[1] == 0x02) return v4_is_private(be32(a + 2)); /* 6to4 */
    if (be32(a) == 0x20010000 || be32(a) == 0x20010db8) return true;     /* Teredo, documentation */
    if (memcmp(a, nat64, 4) == 0 && a[4] == 0 && a[5] == 1) return true; /* 64:ff9b:1::/48 */
    return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0x80)) || a[0] == 0xff;
}

bool catalog_address_is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return v4_is_private(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return v6_is_private(v6.sin6_addr.s6_addr);
    }
    return true;
}

/* ---- transfers ---- */

struct transfer {
    struct catalog_fetch *job;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    bool allow_private, refused;
    char etag[200], modified[80];
};

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = ctx;
    (void)purpose;
    if (!t->allow_private && catalog_address_is_private(&address->addr)) {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }
    t->refused = false; /* another address of the name may do */
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    buf_add_bytes(&t->body, p, size * n);
    return t->body.failed ? 0 : size * n;
}

static void take_header(struct str line, const char *name, char *out, size_t cap)
{
    struct str value = line, key = str_split(&value, ':');
    if (!value.p || !str_ieqz(key, name)) return;
    value = str_trim(value);
    if (value.n >= cap) return;
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ') return;
    snprintf(out, cap, "%.*s", STR_ARG(value));
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    struct str line = {p, size * n};
    if (str_starts(line, STR("HTTP/"))) t->etag[0] = t->modified[0] = 0; /* of the last answer only */
    take_header(line, "etag", t->etag, sizeof t->etag);
    take_header(line, "last-modified", t->modified, sizeof t->modified);
    return size * n;
}

static bool prepare(struct transfer *t, size_t max_bytes, int64_t timeout_ms)
{
    char condition[320] = "";
    struct str stamp = str_of(t->job->stamp);
    t->body = BUF_INIT(max_bytes);
    t->easy = curl_easy_init();
    if (!t->easy) return false;
    if (str_starts(stamp, STR("etag:")))
        snprintf(condition, sizeof condition, "If-None-Match: %s", stamp.p + 5);
    if (str_starts(stamp, STR("date:")))
        snprintf(condition, sizeof condition, "If-Modified-Since: %s", stamp.p + 5);
    if (condition[0]) t->headers = curl_slist_append(NULL, condition);
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_URL, t->job->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(e, CURLOPT_PROXY, ""); /* a proxy would hide which address is read */
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "Penderie");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ms < 10000 ? timeout_ms : 10000));
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)max_bytes);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    return true;
}

static void finish(struct transfer *t, CURLcode code)
{
    struct catalog_fetch *job = t->job;
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code && t->refused)
        snprintf(job->failed, sizeof job->failed, "the address is private; see --allow-private-addresses");
    else if (t->body.failed || code == CURLE_FILESIZE_EXCEEDED)
        snprintf(job->failed, sizeof job->failed, "the picture is too large");
    else if (code)
        snprintf(job->failed, sizeof job->failed, "%.150s", curl_easy_strerror(code));
    else if (status == 304 && job->stamp[0]) {
        job->unchanged = true;
        snprintf(job->new_stamp, sizeof job->new_stamp, "%s", job->stamp);
    } else if (status != 200)
        snprintf(job->failed, sizeof job->failed, "the server answered %ld", status);
    else if (!t->body.n)
        snprintf(job->failed, sizeof job->failed, "the server's answer is empty");
    else {
        if (t->etag[0])
            snprintf(job->new_stamp, sizeof job->new_stamp, "etag:%s", t->etag);
        else if (t->modified[0])
            snprintf(job->new_stamp, sizeof job->new_stamp, "date:%s", t->modified);
        job->p = buf_take(&t->body, &job->n);
        if (!job->p) snprintf(job->failed, sizeof job->failed, "out of memory");
    }
}

static void transfer_all(CURLM *multi)
{
    int running = 1;
    while (running) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) break;
        int left;
        for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));) {
            struct transfer *t = NULL;
            if (m->msg != CURLMSG_DONE) continue;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
            finish(t, m->data.result);
        }
        if (running && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK) break;
    }
}

static void startup(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

void catalog_fetch(struct catalog_fetch *jobs, size_t n, size_t max_bytes, int64_t timeout_ms,
                   bool allow_private)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct transfer transfers[MAX_JOBS];
    ASSERT(n <= MAX_JOBS);
    pthread_once(&once, startup);
    memset(transfers, 0, sizeof transfers);
    CURLM *multi = curl_multi_init();
    for (size_t i = 0; i < n; i++) {
        struct transfer *t = &transfers[i];
        t->job = &jobs[i];
        t->allow_private = allow_private;
        jobs[i].p = NULL;
        jobs[i].n = 0;
        jobs[i].unchanged = false;
        jobs[i].failed[0] = jobs[i].new_stamp[0] = 0;
        if (!multi || !prepare(t, max_bytes, timeout_ms) || curl_multi_add_handle(multi, t->easy))
            snprintf(jobs[i].failed, sizeof jobs[i].failed, "out of memory");
    }
    if (multi) transfer_all(multi);
    for (size_t i = 0; i < n; i++) {
        struct transfer *t = &transfers[i];
        if (!jobs[i].p && !jobs[i].unchanged && !jobs[i].failed[0])
            snprintf(jobs[i].failed, sizeof jobs[i].failed, "the transfer did not end");
        if (t->easy) {
            curl_multi_remove_handle(multi, t->easy);
            curl_easy_cleanup(t->easy);
        }
        curl_slist_free_all(t->headers);
        buf_release(&t->body);
    }
    if (multi) curl_multi_cleanup(multi);
}
