#include "http/uri.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static enum rc decode(struct str s, bool plus, struct arena *arena, struct str *out, struct err *err)
{
    bool plain = true;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f)
            return err_set(err, RC_INVALID, "the address has characters that must be encoded");
        if (c == '%' || (plus && c == '+')) plain = false;
    }
    *out = s;
    if (plain) return RC_OK;
    char *to = arena_alloc(arena, s.n + 1);
    if (!to) return err_set(err, RC_TOO_LARGE, "the address is too long");
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(err, RC_INVALID, "the address has a broken percent encoding");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (!c) return err_set(err, RC_INVALID, "the address encodes a zero byte");
        to[n++] = c;
    }
    *out = (struct str){to, n};
    return str_utf8_valid(*out) ? RC_OK : err_set(err, RC_INVALID, "the address is not UTF-8");
}

static enum rc parse_path(struct str path, struct arena *arena, struct uri *out, struct err *err)
{
    if (!path.n || path.p[0] != '/') return err_set(err, RC_INVALID, "the address must start with /");
    if (path.n == 1) return RC_OK;
    struct str rest = str_sub(path, 1, path.n), segment;
    while ((segment = str_split(&rest, '/')).p) {
        if (out->n_segments == URI_MAX_SEGMENTS)
            return err_set(err, RC_NOT_FOUND, "there is nothing that deep");
        enum rc rc = decode(segment, false, arena, &out->segments[out->n_segments++], err);
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc parse_query(struct str query, struct arena *arena, struct uri *out, struct err *err)
{
    struct str pair;
    while ((pair = str_split(&query, '&')).p) {
        if (!pair.n) continue;
        if (out->n_query == URI_MAX_PAIRS) return err_set(err, RC_INVALID, "too many query parameters");
        struct uri_pair *p = &out->query[out->n_query++];
        struct str value = pair, name = str_split(&value, '=');
        enum rc rc = decode(name, true, arena, &p->name, err);
        if (!rc) rc = decode(value.p ? value : STR(""), true, arena, &p->value, err);
        if (rc) return rc;
    }
    return RC_OK;
}

/* https://host/path: what a client sends to a proxy, and may send to us (RFC 9112, 3.2.2). */
static struct str without_authority(struct str target)
{
    struct str head = str_starts(target, STR("https://")) ? STR("https://") : STR("http://");
    if (!str_starts(target, head)) return target;
    struct str rest = str_sub(target, head.n, target.n);
    size_t slash = str_chr(rest, '/');
    return slash == SIZE_MAX ? STR("/") : str_sub(rest, slash, rest.n);
}

enum rc uri_parse(struct str target, struct arena *arena, struct uri *out, struct err *err)
{
    out->n_segments = out->n_query = 0;
    out->path = STR("");
    if (target.n > URI_MAX_BYTES)
        return err_set(err, RC_INVALID, "the address is longer than %d bytes", URI_MAX_BYTES);
    if (str_eqz(target, "*")) {
        out->path = target;
        return RC_OK;
    }
    struct str query = without_authority(target);
    out->path = str_split(&query, '?');
    if (!out->path.p) out->path = STR("");
    enum rc rc = parse_path(out->path, arena, out, err);
    return rc || !query.p ? rc : parse_query(query, arena, out, err);
}
