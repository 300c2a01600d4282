/*
 * From bytes to UTF-8. The encoding is found once, from a byte order mark, from the pattern of zero bytes
 * (UTF-16 without a mark), or from whether the first 16 MiB hold more sequences that are UTF-8 than
 * bytes that are not. A feed glued together from two sources has both: in a UTF-8 feed a stray byte is read
 * as Windows-1252, which is what it nearly always is. NUL characters are left out: no field needs one, and
 * they end up in feeds through broken exports.
 */
#include "catalog/feed_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Windows-1252, 0x80 to 0x9f; the five unused codes are read as their C1 controls. */
static const uint16_t windows_1252[32] = {0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                          0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,   0x17d,  0x8f,
                                          0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                          0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};

enum { SCAN_BYTES = 16 << 20 };

/* Length of the well-formed UTF-8 sequence at p (1 to 4), 0 if malformed, -1 if cut off by the end. */
static int sequence(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80) return 1;
    size_t want = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                  : (p[0] & 0xf0) == 0xe0        ? 3
                  : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                 : 0;
    if (!want) return 0;
    for (size_t i = 1; i < want; i++) {
        if (i >= n) return -1;
        if ((p[i] & 0xc0) != 0x80) return 0;
        if (i > 1) continue;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
            (p[0] == 0xf4 && p[1] > 0x8f))
            return 0;
    }
    return (int)want;
}

static size_t read_raw(struct catalog_text *t, uint64_t at, uint8_t *to, size_t n)
{
    if (t->fd < 0) {
        size_t left = at < t->memory.n ? t->memory.n - (size_t)at : 0;
        if (n > left) n = left;
        if (n) memcpy(to, t->memory.p + at, n);
        return n;
    }
    for (;;) {
        ssize_t got = pread(t->fd, to, n, (off_t)at);
        if (got >= 0) return (size_t)got;
        if (errno == EINTR) continue;
        t->failed = RC_IO;
        t->saved_errno = errno;
        return 0;
    }
}

static bool looks_utf16(const uint8_t *p, size_t n, enum catalog_encoding *e)
{
    size_t even = 0, odd = 0, pairs = (n > 4096 ? 4096 : n) / 2;
    for (size_t i = 0; i < pairs; i++) {
        even += p[2 * i] == 0;
        odd += p[2 * i + 1] == 0;
    }
    if (pairs < 4) return false;
    if (odd * 10 > pairs * 4 && even * 20 < pairs)
        *e = CATALOG_UTF16LE;
    else if (even * 10 > pairs * 4 && odd * 20 < pairs)
        *e = CATALOG_UTF16BE;
    else
        return false;
    return true;
}

static void detect_bytes(struct catalog_text *t)
{
    uint64_t good = 0, bad = 0, at = t->read_bytes;
    size_t n;
    while (at < SCAN_BYTES && (n = read_raw(t, at, t->raw, sizeof t->raw)) > 0) {
        size_t i = 0;
        while (i < n) {
            int len = sequence(t->raw + i, n - i);
            if (len < 0) {
                if (n < sizeof t->raw) bad++;
                break;
            }
            good += len > 1;
            bad += len == 0;
            i += len ? (size_t)len : 1;
        }
        at += i ? i : 1;
    }
    t->encoding = bad > good ? CATALOG_WINDOWS_1252 : CATALOG_UTF8;
}

static enum rc detect(struct catalog_text *t, struct err *err)
{
    size_t n = read_raw(t, 0, t->raw, sizeof t->raw);
    if (n >= 3 && memcmp(t->raw, "\xef\xbb\xbf", 3) == 0)
        t->read_bytes = 3;
    else if (n >= 2 && memcmp(t->raw, "\xff\xfe", 2) == 0) {
        t->encoding = CATALOG_UTF16LE;
        t->read_bytes = 2;
    } else if (n >= 2 && memcmp(t->raw, "\xfe\xff", 2) == 0) {
        t->encoding = CATALOG_UTF16BE;
        t->read_bytes = 2;
    } else if (!looks_utf16(t->raw, n, &t->encoding))
        detect_bytes(t);
    t->raw_n = 0;
    t->line = 1;
    t->window = BUF_INIT((size_t)2 * CATALOG_MAX_RECORD_BYTES);
    return catalog_text_check(t, err);
}

enum rc catalog_text_open(struct catalog_text *t, const char *path, struct err *err)
{
    *t = (struct catalog_text){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (t->fd < 0) return err_errno(err, "cannot open the feed %s", path);
    struct stat st;
    if (fstat(t->fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        close(t->fd);
        t->fd = -1;
        return err_set(err, RC_INVALID, "the feed %s is not a file", path);
    }
    t->total_bytes = (uint64_t)st.st_size;
    return detect(t, err);
}

enum rc catalog_text_open_memory(struct catalog_text *t, struct str bytes, struct err *err)
{
    *t = (struct catalog_text){.fd = -1, .memory = bytes, .total_bytes = bytes.n};
    return detect(t, err);
}

void catalog_text_close(struct catalog_text *t)
{
    if (t->fd >= 0) close(t->fd);
    t->fd = -1;
    buf_release(&t->window);
}

static void put(struct catalog_text *t, uint32_t cp)
{
    char utf8[4];
    if (cp) buf_add_bytes(&t->window, utf8, str_utf8_put(cp, utf8));
}

static void put_1252(struct catalog_text *t, uint8_t byte)
{
    put(t, byte >= 0x80 && byte < 0xa0 ? windows_1252[byte - 0x80] : byte);
}

/* Decodes raw[0 .. raw_n) and keeps what is cut off by the end of the block. */
static void decode_bytes(struct catalog_text *t)
{
    const uint8_t *p = t->raw;
    size_t i = 0, n = t->raw_n;
    while (i < n) {
        size_t run = i;
        while (run < n && p[run] && p[run] < 0x80)
            run++;
        if (run > i) buf_add_bytes(&t->window, p + i, run - i);
        i = run;
        if (i >= n) break;
        int len = p[i] == 0 ? 1 : t->encoding == CATALOG_UTF8 ? sequence(p + i, n - i) : 0;
        if (len < 0 && !t->eof) break;
        if (p[i] == 0)
            i++;
        else if (len > 0) {
            buf_add_bytes(&t->window, p + i, (size_t)len);
            i += (size_t)len;
        } else
            put_1252(t, p[i++]);
    }
    memmove(t->raw, t->raw + i, n - i);
    t->raw_n = n - i;
}

static void decode_utf16(struct catalog_text *t)
{
    size_t i = 0, swap = t->encoding == CATALOG_UTF16BE;
    for (; i + 1 < t->raw_n; i += 2) {
        uint32_t u = (uint32_t)t->raw[i + swap] | (uint32_t)t->raw[i + 1 - swap] << 8;
        if (t->high && u >= 0xdc00 && u <= 0xdfff) {
            put(t, 0x10000 + ((t->high - 0xd800) << 10) + (u - 0xdc00));
            t->high = 0;
            continue;
        }
        if (t->high) put(t, 0xfffd);
        t->high = u >= 0xd800 && u <= 0xdbff ? u : 0;
        if (!t->high) put(t, u >= 0xdc00 && u <= 0xdfff ? 0xfffd : u);
    }
    memmove(t->raw, t->raw + i, t->raw_n - i);
    t->raw_n -= i;
    if (t->eof) t->raw_n = 0; /* half a unit at the end of the file */
}

bool catalog_text_full(const struct catalog_text *t)
{
    return catalog_text_have(t) >= CATALOG_MAX_RECORD_BYTES;
}

bool catalog_text_more(struct catalog_text *t)
{
    if (t->failed || catalog_text_full(t)) return false;
    if (t->pos && (t->pos >= t->window.n / 2 || t->pos > CATALOG_MAX_RECORD_BYTES / 2)) {
        memmove(t->window.p, t->window.p + t->pos, t->window.n - t->pos);
        t->window.n -= t->pos;
        t->pos = 0;
    }
    size_t before = t->window.n;
    while (t->window.n == before) {
        if (t->eof) return false;
        size_t got = read_raw(t, t->read_bytes, t->raw + t->raw_n, sizeof t->raw - t->raw_n);
        if (t->failed) return false;
        t->read_bytes += got;
        t->raw_n += got;
        t->eof = got == 0;
        if (t->encoding >= CATALOG_UTF16LE)
            decode_utf16(t);
        else
            decode_bytes(t);
        if (t->window.failed) {
            t->failed = RC_NOMEM;
            return false;
        }
    }
    return true;
}

void catalog_text_consume(struct catalog_text *t, size_t n)
{
    const char *p = catalog_text_at(t);
    ASSERT(n <= catalog_text_have(t));
    for (size_t i = 0; i < n; i++) {
        bool pair = p[i] == '\r' && i + 1 < catalog_text_have(t) && p[i + 1] == '\n';
        t->line += p[i] == '\n' || (p[i] == '\r' && !pair);
    }
    t->pos += n;
    t->consumed += n;
}

enum rc catalog_text_check(const struct catalog_text *t, struct err *err)
{
    if (t->failed == RC_NOMEM) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    if (t->failed) {
        errno = t->saved_errno;
        return err_errno(err, "cannot read the feed");
    }
    return RC_OK;
}
