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
#include "base/str.h"

struct app;         /* base/app.h */
struct config_key;  /* base/config.h */
struct http_route;  /* http/http.h */
struct http_schema; /* http/http.h */
struct migration;   /* store/store.h */
struct metric;      /* metric/metric.h */
struct jout;

/* One table that concerns persons, as the data map (docs/privacy/data-map.md, `penderie privacy map`) shows it. The
 * texts are for people: a data protection officer reads them. */
struct module_data {
    const char *table; /* "wardrobe.photo", as in personal_tables; NULL ends the list */
    const char *what;  /* what a row tells: "photos of clothes, without metadata, faces blurred" */
    const char *form;  /* how it is protected: "sealed with the person's key; person as pseudonym" */
    const char *why;   /* the purpose, and the ground of article 6: "recommendation; consent" */
    const char *kept;  /* until when: "withdrawal, erasure, or privacy_photo_months without a visit" */
};

/* Takes one file of a person's archive ("photos/3f.jpg"; bytes borrowed for the call). */
typedef enum rc (*module_give_file)(void *ctx, struct str name, struct str bytes, struct err *err);

/* What the daily purge asks of a module beside erasing inactive persons: to drop or aggregate what is older than its
 * own retention allows at `now_ms`. A dry run changes nothing and reports the same numbers. */
struct module_retention {
    int64_t now_ms;             /* clock_now_ms() of the run: use it, not the clock */
    int64_t activity_before_ms; /* events older than this are aggregated (setting privacy_activity_months) */
    bool dry_run;
};

struct module {
    const char *name;                   /* its folder */
    const struct config_key *config;    /* ends with a NULL name; may be NULL, as all below */
    const struct migration *migrations; /* ends with version 0 */
    struct metric *const *metrics;      /* ends with NULL */
    const struct http_route *routes;    /* ends with a NULL path */
    const struct http_schema *schemas;  /* ends with a NULL name: components of the OpenAPI document */
    /* Tables whose rows concern a person ("store.table", NULL-ended). A module that lists one must
     * have both functions below, and an entry in `data`; a test checks that. */
    const char *const *personal_tables;
    const struct module_data *data; /* ends with a NULL table */
    /* Writes all it holds about the person as members of the open JSON object. */
    enum rc (*export_user)(struct app *app, const char *user, struct jout *out, struct err *err);
    enum rc (*erase_user)(struct app *app, const char *user, struct err *err);
    /* For the three below: `user` is an account id, as above. Each may run again after a crash, over what is done
     * already, and must then answer RC_OK. Only modules that have something to do set them. */
    /* The person's files for the archive, in clear, one after the other. */
    enum rc (*export_files)(struct app *app, const char *user, module_give_file give, void *ctx,
                            struct err *err);
    /* The person withdrew this consent (consent_names: "recommendation", "tryon", "improvement"), for one photo, or
     * for all when photo is NULL. The withdrawal is in the register already. Removes all that rested on it - rows,
     * files, index entries, caches - before it returns: the person's answer waits for it. */
    enum rc (*consent_withdrawn)(struct app *app, const char *user, const char *photo, const char *purpose,
                                 struct err *err);
    /* The daily purge. Writes numbers as members of the open object ("events_aggregated": 120). */
    enum rc (*purge)(struct app *app, const struct module_retention *r, struct jout *report, struct err *err);
    /* Called by `serve` only, with everything in struct app ready; threads may be started. */
    enum rc (*start)(struct app *app, struct err *err);
    void (*stop)(struct app *app);
};
#endif
