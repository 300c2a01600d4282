/*
 * Pictures from the web, by libcurl, which only this file knows. Bounded in size, time and redirects; https is
 * verified; and the address that a name resolved to is checked before the connection is made, so that a feed
 * cannot make the shop's server read its own network (server-side request forgery).
 */
#ifndef CATALOG_FETCH_H
#define CATALOG_FETCH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct sockaddr;

struct catalog_fetch {
    const char *url;
    const char *stamp; /* of the last time: "etag:...", "date:...", or "" */
    char *p;           /* out: malloc'd bytes; NULL on failure or when unchanged */
    size_t n;
    bool unchanged;      /* out: 304 */
    char new_stamp[300]; /* out: "" when the server gives neither ETag nor Last-Modified */
    char failed[160];    /* out: "" or the reason */
};

/* Fetches all side by side; returns when the last has ended. Every one within `timeout_ms`. */
void catalog_fetch(struct catalog_fetch *jobs, size_t n, size_t max_bytes, int64_t timeout_ms,
                   bool allow_private);
/* Loopback, link-local, private, shared, multicast and reserved addresses, also when wrapped in IPv6. */
bool catalog_address_is_private(const struct sockaddr *address);
#endif
