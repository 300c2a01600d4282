/* From the module table to a handler. Made once at start, then read-only (any thread). */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/http.h"
#include "http/schema.h"
#include "http/uri.h"

enum { ROUTER_MAX_PARAMS = 48 };

struct route_param {
    const struct http_param *def;
    const struct schema *schema;
    size_t segment; /* for HTTP_IN_PATH */
};

struct route {
    const struct http_route *def;
    struct str segments[URI_MAX_SEGMENTS]; /* of the pattern */
    bool is_param[URI_MAX_SEGMENTS];
    size_t n_segments;
    struct route_param *params; /* in the order of def->params */
    size_t n_params;
    const struct schema *body, *answer;
};

struct router {
    struct arena arena;
    struct schema_set *schemas;
    struct route *routes; /* literal segments before parameters: the first that fits is the one */
    size_t n;
};

/* RC_INVALID for a mistake in the table: an undeclared path parameter, a duplicate, an unknown schema. */
enum rc router_create(const struct module *const *modules, struct router **out, struct err *err) MUST_USE;
void router_destroy(struct router *r);

/* HEAD is answered by GET. RC_NOT_FOUND, or RC_METHOD. `allow` gets the methods of the path whenever it exists. */
enum rc router_match(const struct router *r, const struct uri *uri, const char *method,
                     const struct route **out, char allow[static 64]);

/* Looks a header up; STR_NONE if absent. */
typedef struct str (*router_header_fn)(void *ctx, const char *name);
/* Fills values[0 .. n_params-1] (arena, or borrowed from uri), defaults included, and checks them. False: see
 * faults. */
bool router_params(const struct route *route, const struct uri *uri, router_header_fn header, void *ctx,
                   struct str *values, struct schema_faults *faults);
#endif
