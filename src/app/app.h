/*
 * Opens what a command needs of a house's data folder, in the right order, and closes it again.
 *
 *   DATA/catalog.db  DATA/ops.db  DATA/blobs/  DATA/keys/  DATA/vocabulary/  DATA/cache/  DATA/rejects/
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/app.h"

enum app_parts {
    APP_CATALOG = 1,
    APP_OPS = 2,
    APP_BLOBS = 4,
    APP_MODEL = 8,
    APP_RANK = 16,
    APP_READ_ONLY = 32 /* a missing data folder is an error that says `penderie import` makes it */
};

/* Opens the parts asked for and migrates their stores. `config`, `modules` (NULL-ended) and `data_dir` are
 * borrowed until app_close(). On failure everything opened is closed again. */
enum rc app_open(struct app *app, struct config *config, const struct module *const *modules,
                 const char *data_dir, unsigned parts, struct err *err) MUST_USE;
void app_close(struct app *app);
extern const struct config_key app_config[]; /* data_dir, model_dir, workers, log_* */
#endif
