/*
 * The request target (RFC 9112, 3.2; RFC 3986), split before it is decoded, so that an encoded slash stays
 * inside its segment. Everything decoded is valid UTF-8 without zero bytes.
 */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { URI_MAX_SEGMENTS = 16, URI_MAX_PAIRS = 64, URI_MAX_BYTES = 8192 };

struct uri_pair {
    struct str name, value;
};

struct uri {
    struct str path; /* as sent, without the query */
    struct str segments[URI_MAX_SEGMENTS];
    size_t n_segments; /* "/" has none; "/a/" has two, the second empty */
    struct uri_pair query[URI_MAX_PAIRS];
    size_t n_query;
};

/* What is decoded lives in the arena, the rest in `target`. RC_INVALID, RC_NOT_FOUND (too deep). */
enum rc uri_parse(struct str target, struct arena *arena, struct uri *out, struct err *err) MUST_USE;
#endif
