/*
 * IP addresses as bytes, so that two spellings of one are the same and nothing is compared as text. IPv4 is kept in
 * its IPv6 form (::ffff:a.b.c.d, RFC 4291, 2.5.5.2). An address is a person's: it is never logged, and never stored
 * but as a keyed hash.
 */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include "base/err.h"
#include "base/str.h"

struct sockaddr;

struct address {
    uint8_t b[16]; /* all zero: unknown */
};

/* Networks, of the setting http_trusted_proxies. */
enum { ADDRESS_MAX_NETWORKS = 64 };
struct address_list {
    struct network {
        struct address base;
        unsigned bits; /* that count, of 128 */
    } v[ADDRESS_MAX_NETWORKS];
    size_t n;
};

struct address address_of(const struct sockaddr *sa);
/* "203.0.113.9", "2001:db8::1", and as proxies write them "203.0.113.9:4711", "[2001:db8::1]", "[2001:db8::1]:4711";
 * false on anything else. */
bool address_parse(struct str text, struct address *out);
bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *a);
/* Whoever has an IPv6 connection owns a /64: the address with its last 64 bits cleared. IPv4 and ::1 as they are. */
struct address address_client(const struct address *a);

/* Comma-separated addresses and networks ("10.0.0.1, 10.1.0.0/16, 2001:db8::/32"). RC_INVALID names the wrong one. */
enum rc address_list_parse(const char *text, struct address_list *out, struct err *err) MUST_USE;
bool address_listed(const struct address_list *list, const struct address *a);

/* Whom the requests of `peer` come from: the peer, or, when that is a trusted proxy, the last address of `forwarded`
 * (the last line of X-Forwarded-For, p NULL: none) that is none. What stands before it a client may have made up. */
struct address address_forwarded(const struct address_list *trusted, const struct address *peer,
                                 struct str forwarded);
#endif
