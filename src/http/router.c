#include "http/router.h"

#include "base/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rc oom(struct err *err) { return err_set(err, RC_NOMEM, "out of memory building the routes"); }

static enum rc split_pattern(struct route *r, struct err *err)
{
    struct str rest = str_of(r->def->path), segment;
    if (!rest.n || rest.p[0] != '/') return err_set(err, RC_INVALID, "a path starts with /");
    rest = str_sub(rest, 1, rest.n);
    while (rest.n && (segment = str_split(&rest, '/')).p) {
        if (r->n_segments == URI_MAX_SEGMENTS) return err_set(err, RC_INVALID, "too many segments");
        bool param = segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
        r->is_param[r->n_segments] = param;
        r->segments[r->n_segments++] = param ? str_sub(segment, 1, segment.n - 2) : segment;
    }
    return RC_OK;
}

static enum rc find_segment(const struct route *r, struct route_param *p, struct err *err)
{
    if (p->def->in != HTTP_IN_PATH) return RC_OK;
    for (p->segment = 0; p->segment < r->n_segments; p->segment++)
        if (r->is_param[p->segment] && str_eqz(r->segments[p->segment], p->def->name)) return RC_OK;
    return err_set(err, RC_INVALID, "parameter %s is not in the path", p->def->name);
}

static enum rc compile_params(struct router *router, struct route *r, struct err *err)
{
    const struct http_param *list = r->def->params;
    size_t in_path = 0, wanted = 0;
    while (list && list[r->n_params].name)
        r->n_params++;
    if (r->n_params > ROUTER_MAX_PARAMS) return err_set(err, RC_INVALID, "too many parameters");
    r->params = arena_array(&router->arena, r->n_params + 1, sizeof *r->params);
    if (!r->params) return oom(err);
    for (size_t i = 0; i < r->n_params; i++) {
        struct route_param *p = &r->params[i];
        p->def = &list[i];
        enum rc rc = find_segment(r, p, err);
        if (!rc)
            rc = schema_compile(router->schemas, p->def->schema ? p->def->schema : "{\"type\":\"string\"}",
                                &p->schema, err);
        if (rc) {
            err_prefix(err, "parameter %s: ", p->def->name);
            return rc;
        }
        in_path += p->def->in == HTTP_IN_PATH;
    }
    for (size_t i = 0; i < r->n_segments; i++)
        wanted += r->is_param[i];
    return in_path == wanted ? RC_OK : err_set(err, RC_INVALID, "a parameter of the path is not described");
}

static enum rc schema_named(const struct router *router, const char *name, const struct schema **out,
                            struct err *err)
{
    const struct schema *s = name ? schema_find(router->schemas, name) : NULL;
    if (name && !s) return err_set(err, RC_INVALID, "there is no schema %s", name);
    *out = s;
    return RC_OK;
}

static enum rc compile_route(struct router *router, const struct http_route *def, struct err *err)
{
    struct route *r = &router->routes[router->n++];
    r->def = def;
    ASSERT(def->method && def->operation && def->handler && def->summary);
    for (const struct route *o = router->routes; o < r; o++) {
        if (strcmp(o->def->operation, def->operation) == 0)
            return err_set(err, RC_INVALID, "there are two operations %s", def->operation);
        if (strcmp(o->def->path, def->path) == 0 && strcmp(o->def->method, def->method) == 0)
            return err_set(err, RC_INVALID, "there are two of it");
    }
    enum rc rc = split_pattern(r, err);
    if (!rc) rc = compile_params(router, r, err);
    if (!rc) rc = schema_named(router, def->body_schema, &r->body, err);
    return rc ? rc : schema_named(router, def->answer_schema, &r->answer, err);
}

/* Literals before parameters, segment by segment, so that /products/new is not taken for a product's id. */
static int more_literal(const void *pa, const void *pb)
{
    const struct route *a = pa, *b = pb;
    for (size_t i = 0; i < a->n_segments && i < b->n_segments; i++)
        if (a->is_param[i] != b->is_param[i]) return a->is_param[i] ? 1 : -1;
    int order = strcmp(a->def->path, b->def->path);
    return order ? order : strcmp(a->def->method, b->def->method);
}

enum rc router_create(const struct module *const *modules, struct router **out, struct err *err)
{
    size_t n = 0;
    *out = NULL;
    for (size_t m = 0; modules[m]; m++)
        for (const struct http_route *r = modules[m]->routes; r && r->path; r++)
            n++;
    struct router *router = calloc(1, sizeof *router);
    if (!router) return oom(err);
    router->arena = ARENA_INIT(16 << 20);
    router->routes = arena_array(&router->arena, n + 1, sizeof *router->routes);
    enum rc rc = router->routes ? schema_set_create(modules, &router->schemas, err) : oom(err);
    for (size_t m = 0; !rc && modules[m]; m++)
        for (const struct http_route *r = modules[m]->routes; !rc && r && r->path; r++) {
            rc = compile_route(router, r, err);
            if (rc) err_prefix(err, "module %s, %s %s: ", modules[m]->name, r->method, r->path);
        }
    if (rc) {
        router_destroy(router);
        return rc;
    }
    qsort(router->routes, router->n, sizeof *router->routes, more_literal);
    *out = router;
    return RC_OK;
}

void router_destroy(struct router *r)
{
    if (!r) return;
    schema_set_destroy(r->schemas);
    arena_release(&r->arena);
    free(r);
}

static bool fits(const struct route *r, const struct uri *uri)
{
    if (r->n_segments != uri->n_segments) return false;
    for (size_t i = 0; i < r->n_segments; i++)
        if (r->is_param[i] ? uri->segments[i].n == 0 : !str_eq(r->segments[i], uri->segments[i])) return false;
    return true;
}

static void add_method(char allow[static 64], const char *method)
{
    size_t n = strlen(allow);
    snprintf(allow + n, 64 - n, "%s%s", n ? ", " : "", method);
}

enum rc router_match(const struct router *r, const struct uri *uri, const char *method,
                     const struct route **out, char allow[static 64])
{
    const struct route *first = NULL;
    bool head = strcmp(method, "HEAD") == 0;
    *out = NULL;
    allow[0] = 0;
    if (!uri->path.n || uri->path.p[0] != '/') return RC_NOT_FOUND;
    for (size_t i = 0; i < r->n; i++) {
        const struct route *is = &r->routes[i];
        if (first ? strcmp(first->def->path, is->def->path) != 0 : !fits(is, uri)) continue;
        if (!first) first = is;
        add_method(allow, is->def->method);
        bool get = strcmp(is->def->method, "GET") == 0;
        if (get) add_method(allow, "HEAD");
        if ((head && get) || strcmp(is->def->method, method) == 0) *out = is;
    }
    if (!first) return RC_NOT_FOUND;
    add_method(allow, "OPTIONS");
    return *out ? RC_OK : RC_METHOD;
}

static const char *place(enum http_in in)
{
    return in == HTTP_IN_PATH ? "path" : in == HTTP_IN_QUERY ? "query" : "header";
}

static struct str from_query(const struct uri *uri, const char *name, bool *twice)
{
    struct str found = STR_NONE;
    for (size_t i = 0; i < uri->n_query; i++)
        if (str_eqz(uri->query[i].name, name)) {
            if (found.p) *twice = true;
            found = uri->query[i].value;
        }
    return found;
}

static bool known(const struct route *route, struct str name)
{
    for (size_t i = 0; i < route->n_params; i++)
        if (route->params[i].def->in == HTTP_IN_QUERY && str_eqz(name, route->params[i].def->name)) return true;
    return false;
}

bool router_params(const struct route *route, const struct uri *uri, router_header_fn header, void *ctx,
                   struct str *values, struct schema_faults *faults)
{
    char where[sizeof faults->v[0].pointer];
    for (size_t i = 0; i < route->n_params; i++) {
        const struct route_param *p = &route->params[i];
        bool twice = false;
        if (p->def->in == HTTP_IN_PATH)
            values[i] = uri->segments[p->segment];
        else if (p->def->in == HTTP_IN_QUERY)
            values[i] = from_query(uri, p->def->name, &twice);
        else
            values[i] = header(ctx, p->def->name);
        snprintf(where, sizeof where, "%s/%s", place(p->def->in), p->def->name);
        if (values[i].p && !values[i].n && schema_may_be_empty_list(p->schema)) values[i] = STR_NONE;
        if (twice)
            schema_fault(faults, where, "must not be given twice");
        else if (values[i].p)
            schema_check_text(p->schema, values[i], where, faults);
        else if (p->def->required)
            schema_fault(faults, where, "is missing");
        else
            values[i] = schema_default(p->schema);
    }
    for (size_t i = 0; i < uri->n_query; i++)
        if (!known(route, uri->query[i].name)) {
            snprintf(where, sizeof where, "query/%.*s",
                     (int)(uri->query[i].name.n < 80 ? uri->query[i].name.n : 80), uri->query[i].name.p);
            schema_fault(faults, where, "is not a parameter of this operation");
        }
    return faults->n == 0;
}
