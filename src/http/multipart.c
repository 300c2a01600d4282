#include "http/multipart.h"

#include <string.h>

static struct str skip_blanks(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s = str_sub(s, 1, s.n);
    return s;
}

/* Reads a quoted string off *s (its first byte is the quote). Copies when there is something to unescape. */
static bool quoted(struct str *s, struct arena *arena, struct str *out)
{
    size_t end = 1, escapes = 0;
    while (end < s->n && s->p[end] != '"') {
        if (s->p[end] == '\\') {
            escapes++;
            end++;
        }
        end++;
    }
    if (end >= s->n) return false;
    *out = str_sub(*s, 1, end - 1);
    *s = str_sub(*s, end + 1, s->n);
    if (!escapes) return true;
    char *to = arena_alloc(arena, out->n);
    if (!to) return false;
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        if (out->p[i] == '\\') i++;
        to[n++] = out->p[i];
    }
    *out = (struct str){to, n};
    return true;
}

struct str multipart_param(struct str header, const char *name, struct arena *arena, bool *broken)
{
    struct str found = STR_NONE;
    size_t at = str_chr(header, ';');
    struct str s = at == SIZE_MAX ? STR("") : str_sub(header, at, header.n);
    *broken = false;
    while ((s = skip_blanks(s)).n) {
        if (*s.p != ';') goto broken;
        s = skip_blanks(str_sub(s, 1, s.n));
        if (!s.n) break;
        size_t equals = str_chr(s, '=');
        if (equals == SIZE_MAX) goto broken;
        struct str is = str_trim(str_sub(s, 0, equals)), value;
        s = str_sub(s, equals + 1, s.n);
        if (s.n && *s.p == '"') {
            if (!quoted(&s, arena, &value)) goto broken;
        } else {
            size_t end = str_chr(s, ';');
            if (end == SIZE_MAX) end = s.n;
            value = str_trim(str_sub(s, 0, end));
            s = str_sub(s, end, s.n);
        }
        if (!str_ieqz(is, name)) continue;
        if (found.p) goto broken; /* twice: two readers could take different ones */
        found = value;
    }
    return found;
broken:
    *broken = true;
    return STR_NONE;
}

static bool boundary_valid(struct str b)
{
    if (!b.n || b.n > 70 || b.p[b.n - 1] == ' ') return false;
    for (size_t i = 0; i < b.n; i++) {
        char c = b.p[i];
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (!c || !strchr("'()+_,-./:=? ", c))) return false;
    }
    return true;
}

static enum rc disposition(struct str value, struct arena *arena, struct http_part *part, struct err *err)
{
    bool broken;
    size_t at = str_chr(value, ';');
    if (!str_ieqz(str_trim(str_sub(value, 0, at == SIZE_MAX ? value.n : at)), "form-data"))
        return err_set(err, RC_INVALID, "a part is not form-data");
    part->name = multipart_param(value, "name", arena, &broken);
    if (!broken) part->filename = multipart_param(value, "filename", arena, &broken);
    if (broken || !part->name.p) return err_set(err, RC_INVALID, "a part has no readable name");
    return RC_OK;
}

static enum rc part_header(struct str line, struct arena *arena, struct http_part *part, struct err *err)
{
    size_t colon = str_chr(line, ':');
    if (colon == SIZE_MAX || !colon) return err_set(err, RC_INVALID, "a part has a broken header");
    struct str name = str_sub(line, 0, colon), value = str_trim(str_sub(line, colon + 1, line.n));
    for (size_t i = 0; i < line.n; i++)
        if (!line.p[i] || line.p[i] == '\r' || line.p[i] == '\n')
            return err_set(err, RC_INVALID, "a part has a broken header");
    if (str_ieqz(name, "content-disposition")) {
        if (part->name.p) return err_set(err, RC_INVALID, "a part has two dispositions");
        return disposition(value, arena, part, err);
    }
    if (str_ieqz(name, "content-type")) part->type = value;
    if (str_ieqz(name, "content-transfer-encoding") && !str_ieqz(value, "binary") && !str_ieqz(value, "8bit") &&
        !str_ieqz(value, "7bit"))
        return err_set(err, RC_INVALID, "a part has a transfer encoding");
    return RC_OK;
}

static enum rc part_headers(struct str *rest, struct arena *arena, struct http_part *part, struct err *err)
{
    for (int n = 0;; n++) {
        struct str window = str_sub(*rest, 0, MULTIPART_MAX_HEADER_BYTES);
        size_t end = str_find(window, STR("\r\n"));
        if (end == SIZE_MAX || n > MULTIPART_MAX_HEADERS)
            return err_set(err, RC_INVALID, "a part has headers that never end");
        struct str line = str_sub(*rest, 0, end);
        *rest = str_sub(*rest, end + 2, rest->n);
        if (!line.n) break;
        enum rc rc = part_header(line, arena, part, err);
        if (rc) return rc;
    }
    return part->name.p ? RC_OK : err_set(err, RC_INVALID, "a part has no name");
}

/* What follows a boundary: "--" ends the body (*last), CRLF starts a part. */
static bool after_boundary(struct str *rest, bool *last)
{
    *last = str_starts(*rest, STR("--"));
    if (*last) return true;
    *rest = skip_blanks(*rest);
    if (!str_starts(*rest, STR("\r\n"))) return false;
    *rest = str_sub(*rest, 2, rest->n);
    return true;
}

enum rc multipart_parse(struct str content_type, struct str body, struct arena *arena,
                        const struct http_part **parts, size_t *n, struct err *err)
{
    bool broken, last = false;
    char mark[80] = "\r\n--";
    size_t semicolon = str_chr(content_type, ';');
    struct str type = str_trim(str_sub(content_type, 0, semicolon == SIZE_MAX ? content_type.n : semicolon));
    struct str boundary = multipart_param(content_type, "boundary", arena, &broken);
    *parts = NULL;
    *n = 0;
    if (!str_ieqz(type, "multipart/form-data")) return err_set(err, RC_UNSUPPORTED, "send multipart/form-data");
    if (broken || !boundary_valid(boundary))
        return err_set(err, RC_UNSUPPORTED, "multipart/form-data without a boundary");
    memcpy(mark + 4, boundary.p, boundary.n);
    struct str delimiter = {mark, boundary.n + 4}, opening = str_sub(delimiter, 2, delimiter.n), rest = body;
    struct http_part *out = arena_array(arena, MULTIPART_MAX_PARTS, sizeof *out);
    if (!out) return err_set(err, RC_NOMEM, "out of memory");
    if (str_starts(rest, STR("\r\n"))) rest = str_sub(rest, 2, rest.n);
    if (!str_starts(rest, opening))
        return err_set(err, RC_INVALID, "the body does not start with its boundary");
    rest = str_sub(rest, opening.n, rest.n);
    for (;;) {
        if (!after_boundary(&rest, &last)) return err_set(err, RC_INVALID, "a boundary is broken");
        if (last) break;
        if (*n == MULTIPART_MAX_PARTS)
            return err_set(err, RC_INVALID, "more than %d parts", MULTIPART_MAX_PARTS);
        struct http_part *part = &out[(*n)++];
        enum rc rc = part_headers(&rest, arena, part, err);
        if (rc) return rc;
        size_t end = str_find(rest, delimiter);
        if (end == SIZE_MAX) return err_set(err, RC_INVALID, "the body ends before its last boundary");
        part->data = str_sub(rest, 0, end);
        rest = str_sub(rest, end + delimiter.n, rest.n);
    }
    *parts = out;
    return RC_OK;
}
