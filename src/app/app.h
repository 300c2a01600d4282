/*
 * Opens what a command needs of a house's data folder, in the right order, and closes it again; and the
 * life of `penderie serve`.
 *
 *   DATA/catalog.db  DATA/ops.db  DATA/blobs/  DATA/keys/  DATA/tls/  DATA/vocabulary/  DATA/cache/
 *   DATA/rejects/  DATA/identity.db  DATA/wardrobe.db  DATA/activity.db  DATA/register.db  DATA/vault/
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/app.h"
#include "base/config.h"

enum app_parts {
    APP_CATALOG = 1,
    APP_OPS = 2,
    APP_BLOBS = 4,
    APP_MODEL = 8,
    APP_RANK = 16,
    APP_READ_ONLY = 32, /* a missing data folder is an error that says `penderie import` makes it */
    APP_QUEUES = 64,    /* the queues that answer requests; the model gets a request for each worker */
    APP_PERSONS = 128   /* the vault, and the stores identity, wardrobe, activity, register */
};

/* Opens the parts asked for and migrates their stores. `config`, `modules` (NULL-ended) and `data_dir` are
 * borrowed until app_close(). data_dir NULL: the setting; only APP_MODEL works without either. On failure
 * everything opened is closed again. */
enum rc app_open(struct app *app, struct config *config, const struct module *const *modules,
                 const char *data_dir, unsigned parts, struct err *err) MUST_USE;
void app_close(struct app *app);

/* How many threads the heavy work gets: setting `workers`, or the processors this process may use. */
unsigned app_workers(const struct config *config);

enum rc app_configure_log(const struct config *config, struct err *err) MUST_USE; /* log_level, log_format */

struct app_serve_options {
    /* Reads the settings afresh for SIGHUP (file, environment, command line); the caller of app_serve()
     * keeps `ctx`. NULL: SIGHUP re-reads the certificate alone. */
    enum rc (*reload)(void *ctx, struct config **out, struct err *err);
    void *ctx;
    bool quiet; /* no line with the address */
};
/* Serves until SIGTERM or SIGINT, then ends running requests and returns RC_OK. The calling thread must be
 * the only one so far: signals are blocked here and taken by this thread. */
enum rc app_serve(struct config *config, const struct module *const *modules, const char *data_dir,
                  const struct app_serve_options *options, struct err *err) MUST_USE;

extern const struct config_key app_config[]; /* data_dir, model_dir, workers, log_* */
extern const struct module app_module;       /* these settings, and GET /readyz */
#endif
