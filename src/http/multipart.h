/*
 * multipart/form-data (RFC 7578, RFC 2046) as browsers and HTTP libraries write it, and nothing looser: no
 * preamble, CRLF line ends, a form-data disposition with a name on every part, no transfer encoding, no
 * nesting. Parts point into the body.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "http/http.h"

enum { MULTIPART_MAX_PARTS = 32, MULTIPART_MAX_HEADERS = 8, MULTIPART_MAX_HEADER_BYTES = 4096 };

/* `content_type`: the whole header. RC_UNSUPPORTED: another type, or no boundary. RC_INVALID. */
enum rc multipart_parse(struct str content_type, struct str body, struct arena *arena,
                        const struct http_part **parts, size_t *n, struct err *err) MUST_USE;
/* A parameter (name="value" or name=value) of a header; STR_NONE if absent, *broken if malformed. */
struct str multipart_param(struct str header, const char *name, struct arena *arena, bool *broken);
#endif
