/* gzip (RFC 1952) and entity tags (RFC 9110, 8.8.3). */
#include "http/internal.h"

#include "crypt/crypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

bool compress_type(const char *type)
{
    struct str t = str_of(type);
    return str_starts(t, STR("text/")) || str_starts(t, STR("application/json")) ||
           str_starts(t, STR("application/problem+json")) || str_starts(t, STR("application/manifest+json")) ||
           str_starts(t, STR("image/svg+xml"));
}

bool compress_gzip(struct str in, int level, char **out, size_t *n)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    if (in.n > (64U << 20) || deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t cap = deflateBound(&z, (uLong)in.n);
    char *to = malloc(cap);
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)cap;
    bool fine = to && deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < in.n;
    deflateEnd(&z);
    if (!fine) {
        free(to);
        return false;
    }
    *out = to;
    *n = z.total_out;
    return true;
}

/* "gzip", "gzip;q=0.5", "*": accepted unless its quality is zero. */
bool compress_accepted(struct str list)
{
    struct str item;
    bool any = false;
    while ((item = str_split(&list, ',')).p) {
        struct str params = item, name = str_trim(str_split(&params, ';'));
        double q = 1;
        if (params.p) {
            struct str value = str_trim(params), key = str_trim(str_split(&value, '='));
            if (str_ieqz(key, "q") && !str_to_f64(str_trim(value), &q)) q = 0;
        }
        if (str_ieqz(name, "gzip")) return q > 0;
        if (str_eqz(name, "*")) any = q > 0;
    }
    return any;
}

void etag_make(struct str body, const char *suffix, char out[static 44])
{
    uint8_t hash[CRYPT_SHA256_BYTES];
    char text[25];
    crypt_sha256(body, hash);
    crypt_base64url(hash, 16, text);
    snprintf(out, 44, "\"%s%s\"", text, suffix);
}

static struct str bare(struct str tag)
{
    tag = str_trim(tag);
    if (str_starts(tag, STR("W/"))) tag = str_sub(tag, 2, tag.n);
    if (str_ends(tag, STR("-gz\"")))
        tag.n -= 4;
    else if (tag.n)
        tag.n--;
    return tag;
}

bool etag_matches(struct str list, const char *etag)
{
    struct str item, is = bare(str_of(etag));
    if (str_eqz(str_trim(list), "*")) return true;
    while ((item = str_split(&list, ',')).p)
        if (str_eq(bare(item), is)) return true;
    return false;
}
