/* Where pictures come from: zip files, the web and its private addresses; and masks as they are kept. */
#include "test.h"

#include "base/buf.h"
#include "catalog/catalog_prepare.h"
#include "catalog/fetch.h"
#include "catalog/zip.h"
#include "crypt/crypt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

/* ---- a zip file, written by hand ---- */

struct entry {
    const char *name, *data;
    bool deflate;
};

static void le(struct buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_addc(b, (char)(v >> (8 * i)));
}

static size_t pack(const struct entry *e, uint8_t *out, size_t cap)
{
    size_t n = strlen(e->data);
    if (!e->deflate) {
        memcpy(out, e->data, n);
        return n;
    }
    z_stream s = {
        .next_in = (Bytef *)(uintptr_t)e->data, .avail_in = (uInt)n, .next_out = out, .avail_out = (uInt)cap};
    assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);
    return s.total_out;
}

static void write_zip(const struct entry *entries, size_t n, struct buf *out)
{
    struct buf central = BUF_INIT((size_t)1 << 20);
    for (size_t i = 0; i < n; i++) {
        uint8_t packed[4096];
        const struct entry *e = &entries[i];
        size_t size = strlen(e->data), n_packed = pack(e, packed, sizeof packed), at = out->n;
        uint32_t crc = (uint32_t)crc32(0, (const Bytef *)e->data, (uInt)size);
        for (int k = 0; k < 2; k++) {
            struct buf *b = k ? &central : out;
            le(b, k ? 0x02014b50 : 0x04034b50, 4);
            if (k) le(b, 20, 2);
            le(b, 20, 2);
            le(b, 0, 2);
            le(b, e->deflate ? 8 : 0, 2);
            le(b, 0, 4);
            le(b, crc, 4);
            le(b, n_packed, 4);
            le(b, size, 4);
            le(b, strlen(e->name), 2);
            le(b, 0, 2);
            if (k) {
                le(b, 0, 6);
                le(b, 0, 4);
                le(b, at, 4);
            }
            buf_addz(b, e->name);
        }
        buf_add_bytes(out, packed, n_packed);
    }
    size_t at = out->n;
    buf_add(out, buf_str(&central));
    le(out, 0x06054b50, 4);
    le(out, 0, 4);
    le(out, n, 2);
    le(out, n, 2);
    le(out, central.n, 4);
    le(out, at, 4);
    le(out, 0, 2);
    buf_release(&central);
}

static const char *save(const char *dir, struct str bytes)
{
    static char path[700];
    struct err err = {0};
    snprintf(path, sizeof path, "%s/x.zip", dir);
    assert_ok(fs_write_atomic(path, bytes.p, bytes.n, 0600, &err));
    return path;
}

static void zip_reads(void **state)
{
    struct err err = {0};
    static const struct entry entries[] = {{"shop/products/1.jpg", "stored bytes", false},
                                           {"shop/products/2.jpg", "deflated deflated deflated", true},
                                           {"shop/empty/", "", false}};
    struct buf b = BUF_INIT((size_t)1 << 20);
    struct catalog_zip *z = NULL;
    struct catalog_zip_entry e;
    char *p = NULL;
    size_t n = 0;
    write_zip(entries, 3, &b);
    assert_ok(catalog_zip_open(save(*state, buf_str(&b)), &z, &err));
    assert_int_equal(catalog_zip_count(z), 2);
    for (int i = 0; i < 2; i++) {
        assert_true(catalog_zip_find(z, str_of(entries[i].name), &e));
        assert_ok(catalog_zip_read(z, &e, 1000, &p, &n, &err));
        assert_int_equal(n, strlen(entries[i].data));
        assert_memory_equal(p, entries[i].data, n);
        free(p);
        assert_rc(catalog_zip_read(z, &e, 5, &p, &n, &err), RC_TOO_LARGE);
    }
    assert_true(catalog_zip_find(z, STR("products/2.jpg"), &e)); /* below the one folder */
    assert_false(catalog_zip_find(z, STR("products/3.jpg"), &e));
    e.crc ^= 1;
    assert_rc(catalog_zip_read(z, &e, 1000, &p, &n, &err), RC_CORRUPT);
    catalog_zip_close(z);
    buf_release(&b);
}

/* Every cut and every changed byte: an error or the right bytes, never a crash. */
static void zip_damaged(void **state)
{
    static const struct entry entries[] = {{"a.jpg", "stored bytes", false},
                                           {"b.jpg", "deflated deflated deflated", true}};
    struct buf b = BUF_INIT((size_t)1 << 20);
    write_zip(entries, 2, &b);
    int opened = 0, wrong = 0;
    for (size_t i = 0; i < 2 * b.n; i++) {
        struct err err = {0};
        struct catalog_zip *z = NULL;
        size_t keep = i < b.n ? i : b.n;
        char *copy = malloc(b.n);
        memcpy(copy, b.p, b.n);
        if (i >= b.n) copy[i - b.n] = (char)(copy[i - b.n] ^ 0x55);
        if (catalog_zip_open(save(*state, (struct str){copy, keep}), &z, &err) == RC_OK) {
            opened++;
            for (int k = 0; k < 2; k++) {
                struct catalog_zip_entry e;
                char *p = NULL;
                size_t n = 0;
                if (!catalog_zip_find(z, str_of(entries[k].name), &e)) continue;
                if (catalog_zip_read(z, &e, 1 << 20, &p, &n, &err)) continue;
                wrong += n != strlen(entries[k].data) || memcmp(p, entries[k].data, n) != 0;
                free(p);
            }
            catalog_zip_close(z);
        }
        free(copy);
    }
    assert_true(opened > 20);
    assert_int_equal(wrong, 0);
    buf_release(&b);
}

/* ---- the web ---- */

static void private_addresses(void **state)
{
    (void)state;
    const struct {
        const char *address;
        bool is_private;
    } cases[] = {{"127.0.0.1", true},
                 {"10.1.2.3", true},
                 {"172.16.0.1", true},
                 {"172.31.255.255", true},
                 {"172.32.0.1", false},
                 {"192.168.1.1", true},
                 {"169.254.169.254", true},
                 {"100.64.0.1", true},
                 {"0.0.0.0", true},
                 {"224.0.0.1", true},
                 {"255.255.255.255", true},
                 {"8.8.8.8", false},
                 {"93.184.216.34", false},
                 {"198.18.0.1", true},
                 {"::1", true},
                 {"::", true},
                 {"fe80::1", true},
                 {"fc00::1", true},
                 {"fd12::1", true},
                 {"ff02::1", true},
                 {"::ffff:127.0.0.1", true},
                 {"::ffff:8.8.8.8", false},
                 {"64:ff9b::a00:1", true},
                 {"64:ff9b::808:808", false},
                 {"2002:7f00:1::", true},
                 {"2002:808:808::", false},
                 {"2001:db8::1", true},
                 {"2606:4700::1111", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool is6 = strchr(cases[i].address, ':') != NULL;
        assert_int_equal(
            inet_pton(is6 ? AF_INET6 : AF_INET, cases[i].address, is6 ? (void *)&v6.sin6_addr : &v4.sin_addr),
            1);
        bool got = catalog_address_is_private(is6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4);
        if (got != cases[i].is_private) fail_msg("%s", cases[i].address);
    }
}

/* A server for a few answers, one connection each. */
struct server {
    int fd;
    unsigned port;
    const char *const *answers;
    size_t n;
    char request[4096];
    pthread_t thread;
};

static void *serve(void *ctx)
{
    struct server *s = ctx;
    for (size_t i = 0; i < s->n; i++) {
        int c = accept(s->fd, NULL, NULL);
        if (c < 0) break;
        size_t n = 0;
        while (n < sizeof s->request - 1) {
            ssize_t got = recv(c, s->request + n, sizeof s->request - 1 - n, 0);
            if (got <= 0) break;
            n += (size_t)got;
            s->request[n] = 0;
            if (strstr(s->request, "\r\n\r\n")) break;
        }
        size_t left = strlen(s->answers[i]);
        const char *p = s->answers[i];
        while (left) {
            ssize_t put = send(c, p, left, MSG_NOSIGNAL);
            if (put <= 0) break;
            p += put;
            left -= (size_t)put;
        }
        close(c);
    }
    return NULL;
}

static void server_start(struct server *s, const char *const *answers, size_t n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *s = (struct server){.fd = socket(AF_INET, SOCK_STREAM, 0), .answers = answers, .n = n};
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void get(struct server *s, const char *stamp, size_t max_bytes, bool allow_private,
                struct catalog_fetch *job)
{
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/a.jpg", s->port);
    *job = (struct catalog_fetch){.url = url, .stamp = stamp};
    catalog_fetch(job, 1, max_bytes, 5000, allow_private);
}

static void fetches(void **state)
{
    (void)state;
    struct server s;
    struct catalog_fetch job;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbytes",
        "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nConnection: close\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789",
        "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\ncut"};
    server_start(&s, answers, 7);
    get(&s, "", 1000, true, &job);
    assert_string_equal(job.failed, "");
    assert_int_equal(job.n, 5);
    assert_memory_equal(job.p, "bytes", 5);
    assert_string_equal(job.new_stamp, "etag:\"v1\"");
    free(job.p);
    get(&s, "etag:\"v1\"", 1000, true, &job);
    assert_true(job.unchanged);
    assert_non_null(strstr(s.request, "If-None-Match: \"v1\""));
    get(&s, "", 1000, true, &job);
    assert_string_equal(job.failed, "the server answered 404");
    get(&s, "", 1000, true, &job);
    assert_string_equal(job.failed, "the picture is too large");
    get(&s, "", 5, true, &job);
    assert_string_equal(job.failed, "the picture is too large");
    get(&s, "", 1000, true, &job);
    assert_non_null(strstr(job.failed, "rotocol"));
    assert_null(job.p);
    get(&s, "", 1000, true, &job);
    assert_true(job.failed[0] && !job.p);
    server_end(&s);
    /* the same server, when private addresses are not allowed: no connection is made */
    server_start(&s, answers, 0);
    get(&s, "", 1000, false, &job);
    assert_non_null(strstr(job.failed, "the address is private"));
    server_end(&s);
}

/* ---- masks ---- */

static void masks(void **state)
{
    (void)state;
    struct err err = {0};
    static uint8_t alpha[300 * 200];
    struct image_mask m = {.width = 300, .height = 200, .alpha = alpha};
    for (int turn = 0; turn < 4; turn++) {
        struct buf b = BUF_INIT((size_t)1 << 20);
        uint8_t *back = NULL;
        int w = 0, h = 0;
        for (int i = 0; i < 300 * 200; i++) {
            int x = i % 300, y = i / 300;
            bool in = turn == 0   ? false
                      : turn == 1 ? true
                      : turn == 2 ? (x - 150) * (x - 150) + (y - 100) * (y - 100) < 8000
                                  : (x ^ y) & 1;
            alpha[i] = in ? 255 : 0;
        }
        catalog_mask_pack(&m, &b);
        assert_false(b.failed);
        assert_ok(catalog_mask_unpack(buf_str(&b), &w, &h, &back, &err));
        assert_int_equal(w, 300);
        assert_int_equal(h, 200);
        assert_memory_equal(back, alpha, sizeof alpha);
        free(back);
        if (turn == 2) assert_true(b.n < 1000);
        for (size_t cut = 0; cut < b.n; cut += 1 + b.n / 50)
            assert_rc(catalog_mask_unpack((struct str){b.p, cut}, &w, &h, &back, &err), RC_CORRUPT);
        buf_release(&b);
    }
    assert_rc(catalog_mask_unpack(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &(int){0}, &(int){0},
                                  &(uint8_t *){NULL}, &err),
              RC_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(zip_reads), cmocka_unit_test(zip_damaged),
                                       cmocka_unit_test(private_addresses), cmocka_unit_test(fetches),
                                       cmocka_unit_test(masks)};
    return cmocka_run_group_tests(tests, temp_dir_make, temp_dir_remove);
}
