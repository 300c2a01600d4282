#include "app/app.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/module.h"
#include "base/proc.h"
#include "base/queue.h"
#include "blob/blob.h"
#include "crypt/crypt.h"
#include "infer/infer.h"
#include "rank/rank.h"
#include "store/store.h"
#include "vault/vault.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

const struct config_key app_config[] = {
    {"data_dir", CONFIG_STRING, "", 0, 0,
     "The folder with everything this house keeps. --data DIR on the command line comes over it."},
    {"model_dir", CONFIG_STRING, "", 0, 0,
     "The folder of the model package. Empty: the package that came with the program."},
    {"workers", CONFIG_INT, "0", 0, 64,
     "Threads that decode pictures and compute embeddings. 0: one for each processor."},
    {"workers_light", CONFIG_INT, "0", 0, 64,
     "Threads that answer requests without pictures. 0: one for each processor, at least two."},
    {"queue_light", CONFIG_INT, "256", 1, 65536,
     "How many requests without pictures may wait; the next one is answered 503 with Retry-After."},
    {"queue_heavy", CONFIG_INT, "64", 1, 65536, "The same for requests with pictures."},
    {"store_catalog", CONFIG_STRING, "", 0, 0, "Where products are kept. Empty: sqlite:DATA/catalog.db."},
    {"store_ops", CONFIG_STRING, "", 0, 0,
     "Where jobs, limits and idempotency keys are kept. Empty: sqlite:DATA/ops.db."},
    {"store_identity", CONFIG_STRING, "", 0, 0,
     "Where accounts and sessions are kept. Empty: sqlite:DATA/identity.db."},
    {"store_wardrobe", CONFIG_STRING, "", 0, 0,
     "Where the records of shoppers' photos and preferences are kept. Empty: sqlite:DATA/wardrobe.db."},
    {"store_photos", CONFIG_STRING, "", 0, 0,
     "Where shoppers' photos are kept, sealed. Empty: file:DATA/wardrobe."},
    {"store_activity", CONFIG_STRING, "", 0, 0,
     "Where shoppers' events are kept. Empty: sqlite:DATA/activity.db."},
    {"store_register", CONFIG_STRING, "", 0, 0,
     "Where consents and the access log are kept. Empty: sqlite:DATA/register.db."},
    {"store_blobs", CONFIG_STRING, "", 0, 0, "Where pictures are kept. Empty: file:DATA/blobs."},
    {"log_level", CONFIG_STRING, "info", 0, 0, "error, warn, info or debug."},
    {"log_format", CONFIG_STRING, "text", 0, 0, "text, or json: one object a line."},
    {0}};

unsigned app_workers(const struct config *config)
{
    int64_t set = config_int(config, "workers");
    if (set > 0) return (unsigned)set;
    unsigned n = proc_processors();
    return n > 64 ? 64 : n;
}

static unsigned light_workers(const struct config *config)
{
    int64_t set = config_int(config, "workers_light");
    if (set > 0) return (unsigned)set;
    unsigned n = app_workers(config);
    return n < 2 ? 2 : n;
}

enum rc app_configure_log(const struct config *config, struct err *err)
{
    enum log_level level;
    const char *format = config_string(config, "log_format");
    if (!log_level_parse(config_string(config, "log_level"), &level))
        return err_set(err, RC_INVALID, "log_level: \"%s\" is not error, warn, info or debug",
                       config_string(config, "log_level"));
    bool json = str_eqz(str_of(format), "json");
    if (!json && !str_eqz(str_of(format), "text"))
        return err_set(err, RC_INVALID, "log_format: \"%s\" is not text or json", format);
    log_configure(level, json);
    return RC_OK;
}

/* The setting, or `fallback` (a printf format for the data folder). */
static enum rc url_of(const struct app *app, const char *key, const char *scheme, const char *tail,
                      char out[static PATH_MAX], struct err *err)
{
    const char *set = config_string(app->config, key);
    int n = *set ? snprintf(out, PATH_MAX, "%s", set)
                 : snprintf(out, PATH_MAX, "%s:%s/%s", scheme, app->data_dir, tail);
    return n < 0 || n >= PATH_MAX ? err_set(err, RC_INVALID, "%s: path too long", key) : RC_OK;
}

/* `persons`: what is deleted there is overwritten. */
static enum rc open_store(struct app *app, const char *name, const char *key, bool persons, struct store **out,
                          struct err *err)
{
    char url[PATH_MAX], file[64];
    snprintf(file, sizeof file, "%s.db", name);
    enum rc rc = url_of(app, key, "sqlite", file, url, err);
    int readers = (int)(app_workers(app->config) + light_workers(app->config));
    struct store_options options = {.name = name, .readers = readers < 4 ? 4 : readers, .overwrite = persons};
    if (!rc) rc = store_open(url, &options, out, err);
    for (size_t i = 0; !rc && app->modules[i]; i++)
        if (app->modules[i]->migrations)
            rc = store_migrate(*out, app->modules[i]->name, app->modules[i]->migrations, err);
    if (rc) err_prefix(err, "%s: ", key);
    return rc;
}

static enum rc open_blobs(struct app *app, const char *key, const char *folder, struct blob **out,
                          struct err *err)
{
    char url[PATH_MAX];
    enum rc rc = url_of(app, key, "file", folder, url, err);
    return rc ? rc : blob_open(url, out, err);
}

/* The vault first: without it the rest is of no use, and nothing is to be made. */
static enum rc open_persons(struct app *app, struct err *err)
{
    enum rc rc = vault_open(app->data_dir, app->config, &app->vault, err);
    if (!rc) rc = open_store(app, "identity", "store_identity", true, &app->identity, err);
    if (!rc) rc = open_store(app, "wardrobe", "store_wardrobe", true, &app->wardrobe, err);
    if (!rc) rc = open_blobs(app, "store_photos", "wardrobe", &app->photos, err);
    if (!rc) rc = open_store(app, "activity", "store_activity", true, &app->activity, err);
    if (!rc) rc = open_store(app, "register", "store_register", true, &app->reg, err);
    return rc;
}

/* Beside the program in a source tree (build/penderie), or below share/ where it is installed. */
static enum rc find_model(const struct config *config, char dir[static PATH_MAX], struct err *err)
{
    const char *set = config_string(config, "model_dir");
    if (!*set) return infer_default_dir(dir, PATH_MAX, err);
    int n = snprintf(dir, PATH_MAX, "%s", set);
    return n < 0 || n >= PATH_MAX ? err_set(err, RC_INVALID, "model_dir: path too long") : RC_OK;
}

static enum rc open_model(struct app *app, unsigned parts, struct err *err)
{
    char dir[PATH_MAX], cache[PATH_MAX];
    struct infer_options options = {.workers = app->job_workers};
    enum rc rc = find_model(app->config, dir, err);
    if (rc) return rc;
    if (parts & APP_QUEUES) {
        app->job_worker = queue_workers(app->heavy) + queue_workers(app->light);
        options.workers += app->job_worker;
    }
    if (app->data_dir) {
        int n = snprintf(cache, sizeof cache, "%s/cache", app->data_dir);
        if (n < 0 || n >= (int)sizeof cache) return err_set(err, RC_INVALID, "data folder: path too long");
        rc = fs_mkdirs(cache, 0700, err);
        if (rc) return rc;
        options.cache_dir = cache;
    }
    return infer_open(dir, &options, &app->model, err);
}

static enum rc open_queues(struct app *app, struct err *err)
{
    const struct config *c = app->config;
    enum rc rc = queue_create("heavy", app_workers(c), (size_t)config_int(c, "queue_heavy"), &app->heavy, err);
    if (rc) return rc;
    return queue_create("light", light_workers(c), (size_t)config_int(c, "queue_light"), &app->light, err);
}

static enum rc find_data(struct app *app, const char *data_dir, unsigned parts, struct err *err)
{
    if (!data_dir || !*data_dir) data_dir = config_string(app->config, "data_dir");
    app->data_dir = *data_dir ? data_dir : NULL;
    if (!(parts & ~(unsigned)(APP_MODEL | APP_READ_ONLY))) {
        if (app->data_dir && !fs_is_dir(app->data_dir)) app->data_dir = NULL; /* no cache, no harm */
        return RC_OK;
    }
    if (!app->data_dir)
        return err_set(err, RC_INVALID, "which data folder? Give --data DIR, or the setting data_dir");
    if (parts & APP_READ_ONLY) {
        if (fs_is_dir(app->data_dir)) return RC_OK;
        return err_set(err, RC_NOT_FOUND, "there is no data folder %s; `penderie import` makes it",
                       app->data_dir);
    }
    return fs_mkdirs(app->data_dir, 0700, err);
}

enum rc app_open(struct app *app, struct config *config, const struct module *const *modules,
                 const char *data_dir, unsigned parts, struct err *err)
{
    if (parts & APP_RANK) parts |= APP_CATALOG | APP_MODEL;
    *app = (struct app){.config = config, .modules = modules};
    app->job_workers = app_workers(config);
    enum rc rc = app_configure_log(config, err);
    if (!rc) rc = crypt_startup(err);
    if (!rc) rc = find_data(app, data_dir, parts, err);
    if (!rc && (parts & APP_CATALOG))
        rc = open_store(app, "catalog", "store_catalog", false, &app->catalog, err);
    if (!rc && (parts & APP_OPS)) rc = open_store(app, "ops", "store_ops", false, &app->ops, err);
    if (!rc && (parts & APP_PERSONS)) rc = open_persons(app, err);
    if (!rc && (parts & APP_BLOBS)) rc = open_blobs(app, "store_blobs", "blobs", &app->blobs, err);
    if (!rc && (parts & APP_QUEUES)) rc = open_queues(app, err);
    if (!rc && (parts & APP_MODEL)) rc = open_model(app, parts, err);
    if (!rc && (parts & APP_RANK)) rc = rank_open(app, &app->rank, err);
    if (rc) app_close(app);
    return rc;
}

void app_close(struct app *app)
{
    if (!app) return;
    /* Queues first: what runs on them uses everything else. */
    queue_destroy(app->light);
    queue_destroy(app->heavy);
    rank_close(app->rank);
    infer_close(app->model);
    blob_close(app->blobs);
    store_close(app->reg);
    store_close(app->activity);
    blob_close(app->photos);
    store_close(app->wardrobe);
    store_close(app->identity);
    vault_close(app->vault);
    store_close(app->ops);
    store_close(app->catalog);
    *app = (struct app){0};
}
