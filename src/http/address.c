#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct address *a) { return memcmp(a->b, v4_prefix, sizeof v4_prefix) == 0; }

static struct address from_v4(const void *four)
{
    struct address a;
    memcpy(a.b, v4_prefix, sizeof v4_prefix);
    memcpy(a.b + 12, four, 4);
    return a;
}

struct address address_of(const struct sockaddr *sa)
{
    struct address a = {{0}};
    if (sa->sa_family == AF_INET) return from_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    if (sa->sa_family == AF_INET6)
        memcpy(a.b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, sizeof a.b);
    return a;
}

/* Only the address, in either family's notation. */
static bool parse_bare(struct str text, struct address *out)
{
    char z[INET6_ADDRSTRLEN];
    uint8_t four[4];
    if (!text.n || text.n >= sizeof z || memchr(text.p, 0, text.n)) return false;
    memcpy(z, text.p, text.n);
    z[text.n] = 0;
    if (inet_pton(AF_INET, z, four) == 1) {
        *out = from_v4(four);
        return true;
    }
    return inet_pton(AF_INET6, z, out->b) == 1;
}

static bool is_port(struct str text)
{
    int64_t port;
    return str_to_i64(text, &port) && port >= 0 && port <= 65535;
}

bool address_parse(struct str text, struct address *out)
{
    size_t colon = str_chr(text, ':');
    if (text.n && text.p[0] == '[') {
        size_t close = str_chr(text, ']');
        if (close == SIZE_MAX || str_chr(str_sub(text, 0, close), ':') == SIZE_MAX) return false;
        struct str rest = str_sub(text, close + 1, text.n);
        if (rest.n && (rest.p[0] != ':' || !is_port(str_sub(rest, 1, rest.n)))) return false;
        return parse_bare(str_sub(text, 1, close - 1), out);
    }
    bool one_colon = colon != SIZE_MAX && str_chr(str_sub(text, colon + 1, text.n), ':') == SIZE_MAX;
    if (!one_colon) return parse_bare(text, out);
    return is_port(str_sub(text, colon + 1, text.n)) && parse_bare(str_sub(text, 0, colon), out);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool address_is_loopback(const struct address *a)
{
    static const struct address six = {{[15] = 1}};
    return address_equal(a, &six) || (is_v4(a) && a->b[12] == 127);
}

struct address address_client(const struct address *a)
{
    struct address client = *a;
    if (!is_v4(a) && !address_is_loopback(a)) memset(client.b + 8, 0, 8);
    return client;
}

static bool parse_network(struct str text, struct network *out)
{
    struct str bits = text, address = str_split(&bits, '/');
    int64_t n = 0;
    if (!parse_bare(address, &out->base)) return false;
    int64_t most = is_v4(&out->base) ? 32 : 128;
    if (bits.p && (!str_to_i64(bits, &n) || n < 0 || n > most)) return false;
    out->bits = (unsigned)(bits.p ? n + 128 - most : 128);
    return true;
}

enum rc address_list_parse(const char *text, struct address_list *out, struct err *err)
{
    struct str rest = str_of(text), item;
    out->n = 0;
    while ((item = str_split(&rest, ',')).p) {
        item = str_trim(item);
        if (!item.n) continue;
        if (out->n == ADDRESS_MAX_NETWORKS)
            return err_set(err, RC_INVALID, "more than %d addresses", ADDRESS_MAX_NETWORKS);
        if (!parse_network(item, &out->v[out->n++]))
            return err_set(err, RC_INVALID, "\"%.*s\" is not an address or network", STR_ARG(item));
    }
    return RC_OK;
}

static bool within(const struct network *net, const struct address *a)
{
    unsigned whole = net->bits / 8, more = net->bits % 8;
    if (memcmp(net->base.b, a->b, whole) != 0) return false;
    return !more || !((net->base.b[whole] ^ a->b[whole]) >> (8 - more));
}

bool address_listed(const struct address_list *list, const struct address *a)
{
    for (size_t i = 0; i < list->n; i++)
        if (within(&list->v[i], a)) return true;
    return false;
}

struct address address_forwarded(const struct address_list *trusted, const struct address *peer,
                                 struct str forwarded)
{
    struct address a = *peer;
    while (forwarded.n && address_listed(trusted, &a)) {
        size_t from = forwarded.n;
        while (from && forwarded.p[from - 1] != ',')
            from--;
        struct address said;
        if (!address_parse(str_trim(str_sub(forwarded, from, forwarded.n)), &said)) break; /* "unknown" */
        a = said;
        forwarded.n = from ? from - 1 : 0;
    }
    return a;
}
