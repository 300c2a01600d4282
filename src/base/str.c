#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static unsigned char lower(char c) { return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }
static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct str str_of(const char *z) { return z ? (struct str){z, strlen(z)} : STR_NONE; }

bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }

bool str_eqz(struct str a, const char *z) { return str_eq(a, str_of(z)); }

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

bool str_ieqz(struct str a, const char *z) { return str_ieq(a, str_of(z)); }

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct str str_trim(struct str s)
{
    while (s.n && blank(s.p[0]))
        s.p++, s.n--;
    while (s.n && blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n) from = s.n;
    if (n > s.n - from) n = s.n - from;
    return (struct str){s.p ? s.p + from : NULL, n};
}

size_t str_chr(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

struct str str_split(struct str *rest, char sep)
{
    if (!rest->p) return STR_NONE;
    struct str head = *rest;
    size_t at = str_chr(*rest, sep);
    if (at == SIZE_MAX) {
        *rest = STR_NONE;
        return head;
    }
    head.n = at;
    rest->p += at + 1;
    rest->n -= at + 1;
    return head;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t v;
    if (!str_to_u64(minus ? str_sub(s, 1, s.n) : s, &v)) return false;
    if (v > (uint64_t)INT64_MAX + minus) return false;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool str_to_f64(struct str s, double *out)
{
    char z[64], *end;
    static locale_t c_locale;
    if (s.n == 0 || s.n >= sizeof z || s.p[0] == '+') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isdigit((unsigned char)s.p[i]) && !memchr("+-.eE", s.p[i], 5)) return false;
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    if (!c_locale) { /* two threads here at once leak one locale, and no more than that */
        locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        locale_t none = (locale_t)0;
        if (!made) return false;
        if (!__atomic_compare_exchange_n(&c_locale, &none, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            freelocale(made);
    }
    double v = strtod_l(z, &end, c_locale);
    if (*end || !isfinite(v)) return false;
    *out = v;
    return true;
}

uint32_t str_utf8_next(struct str *s)
{
    if (s->n == 0) return 0;
    const unsigned char *p = (const unsigned char *)s->p;
    uint32_t cp = p[0], least = 0;
    size_t more = 0;
    if (p[0] >= 0xf0 && p[0] < 0xf5)
        cp &= 7, more = 3, least = 0x10000;
    else if (p[0] >= 0xe0 && p[0] < 0xf0)
        cp &= 15, more = 2, least = 0x800;
    else if (p[0] >= 0xc2 && p[0] < 0xe0)
        cp &= 31, more = 1, least = 0x80;
    else if (p[0] >= 0x80)
        cp = 0xfffd;
    size_t i = 1;
    for (; i <= more && i < s->n && (p[i] & 0xc0) == 0x80; i++)
        cp = cp << 6 | (p[i] & 63u);
    if (i <= more || cp < least || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
        cp = 0xfffd;
        more = 0;
    }
    s->p += more + 1;
    s->n -= more + 1;
    return cp;
}

bool str_utf8_valid(struct str s)
{
    while (s.n) {
        const char *at = s.p;
        /* U+FFFD itself is the three bytes EF BF BD; from malformed input it comes with one byte. */
        if (str_utf8_next(&s) == 0xfffd && s.p - at != 3) return false;
    }
    return true;
}

size_t str_utf8_put(uint32_t cp, char out[static 4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 63));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 63));
        out[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 63));
    out[2] = (char)(0x80 | (cp >> 6 & 63));
    out[3] = (char)(0x80 | (cp & 63));
    return 4;
}

struct str str_utf8_cut(struct str s, size_t n)
{
    if (s.n <= n) return s;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return (struct str){s.p, n};
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h;
}
