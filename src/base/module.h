/*
 * The module table. A feature is a module: one struct that says what it adds to the program. Startup,
 * the router, the OpenAPI document, `penderie config`, the metrics page, the GDPR export and the
 * erasure all walk modules[] (cli/modules.c), so that a new feature cannot forget one of them.
 *
 * Shutdown runs in reverse order of startup.
 */
#ifndef BASE_MODULE_H
#define BASE_MODULE_H

#include "base/err.h"

struct app;         /* base/app.h */
struct config_key;  /* base/config.h */
struct http_route;  /* http/http.h */
struct http_schema; /* http/http.h */
struct migration;   /* store/store.h */
struct metric;      /* metric/metric.h */
struct jout;

struct module {
    const char *name;                   /* its folder */
    const struct config_key *config;    /* ends with a NULL name; may be NULL, as all below */
    const struct migration *migrations; /* ends with version 0 */
    struct metric *const *metrics;      /* ends with NULL */
    const struct http_route *routes;    /* ends with a NULL path */
    const struct http_schema *schemas;  /* ends with a NULL name: components of the OpenAPI document */
    /* Tables whose rows concern a person ("store.table", NULL-ended). A module that lists one must
     * have both functions below; a test checks that. */
    const char *const *personal_tables;
    /* Writes all it holds about the person as members of the open JSON object. */
    enum rc (*export_user)(struct app *app, const char *user, struct jout *out, struct err *err);
    enum rc (*erase_user)(struct app *app, const char *user, struct err *err);
    /* Called by `serve` only, with everything in struct app ready; threads may be started. */
    enum rc (*start)(struct app *app, struct err *err);
    void (*stop)(struct app *app);
};
#endif
