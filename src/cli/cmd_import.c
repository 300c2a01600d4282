/* penderie import: a feed and its pictures into the catalogue; penderie reembed: the catalogue to a new model. */
#include "app/app.h"
#include "base/config.h"
#include "base/jout.h"
#include "catalog/import.h"
#include "cli/cli.h"
#include "image/image.h"

#include <stdio.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);
static enum rc run_reembed(int argc, char **argv, struct err *err);

const struct cli_command cli_import = {
    .name = "import",
    .summary = "bring a feed and its pictures into the catalogue",
    .usage = "",
    .details =
        "Reads Google Merchant feeds (tab- or comma-separated, XML), Shopify's product CSV, and any delimited\n"
        "text whose columns --columns names. The same feed again changes nothing and is quick; killed at any\n"
        "point, the next run goes on. Bad rows and pictures go to DATA/rejects/RUN.tsv with line, field and\n"
        "reason, and never stop the import.",
    .run = run,
};

const struct cli_command cli_reembed = {
    .name = "reembed",
    .summary = "bring all pictures of the catalogue to the current model",
    .usage = "",
    .details = "Searches go on with the old model until all pictures are done, and then switch at once.",
    .run = run_reembed,
};

static void print_text(const struct catalog_import_result *r)
{
    printf("%lld rows read (%s), %lld rejected, %lld values left out%s\n", (long long)r->rows, r->format,
           (long long)r->rejected, (long long)r->problems,
           r->dry_run ? "; nothing was changed (--dry-run)" : "");
    printf("products: %lld new, %lld changed, %lld unchanged, %lld hidden\n", (long long)r->added,
           (long long)r->changed, (long long)r->unchanged, (long long)r->hidden);
    if (!r->dry_run) {
        printf("pictures: %lld read, %lld unchanged, %lld failed", (long long)r->pictures_read,
               (long long)r->pictures_reused, (long long)r->pictures_failed);
        if (r->pictures_read && r->pictures_seconds > 0)
            printf(" (%.0f a second)", (double)r->pictures_read / r->pictures_seconds);
        printf("\n");
        if (r->filled) printf("%lld attributes were filled by the model\n", (long long)r->filled);
        if (r->near_duplicates)
            printf("%lld pairs of products look the same: see rejects/%s.similar.tsv\n",
                   (long long)r->near_duplicates, r->run);
    }
    for (size_t i = 0; i < r->n_gaps; i++)
        printf("%lld values of %s not in the vocabulary: %s\n", (long long)r->gaps[i].values, r->gaps[i].field,
               r->gaps[i].examples);
    if (r->rejects[0]) printf("what was left out, and why: %s\n", r->rejects);
    printf("%.1f s\n", r->seconds);
}

static enum rc print_result(const struct catalog_import_result *r, bool json, struct err *err)
{
    if (!json) {
        print_text(r);
        return RC_OK;
    }
    struct buf text = BUF_INIT((size_t)1 << 16);
    struct jout out = JOUT_INIT(&text);
    catalog_import_write(r, &out);
    enum rc rc = buf_check(&text, "the summary", err);
    if (!rc) printf("%s\n", text.p);
    buf_release(&text);
    return rc;
}

struct common {
    const char *data, *config;
    struct cli_list sets;
    bool json, no_model;
};

typedef enum rc (*import_fn)(struct app *, const struct catalog_import_options *,
                             struct catalog_import_result *, struct err *);

static enum rc go(const struct common *c, import_fn import, struct catalog_import_options *options,
                  struct err *err)
{
    struct config *config = NULL;
    struct app app = {0};
    struct cli_stages view = {0};
    struct catalog_import_result result;
    enum rc rc = cli_config(c->config, &c->sets, &config, err);
    if (!rc) rc = image_startup("penderie", err);
    if (!rc)
        rc = app_open(&app, config, cli_modules, c->data,
                      APP_CATALOG | APP_BLOBS | (c->no_model ? 0 : (unsigned)APP_MODEL), err);
    if (!rc) {
        cli_catch_signals();
        options->progress = cli_stages_show;
        options->stopped = cli_stopped;
        options->ctx = &view;
        rc = import(&app, options, &result, err);
        if (view.stage) cli_progress_end(&view.bar);
        if (!rc) rc = print_result(&result, c->json, err);
        app_close(&app);
    }
    config_destroy(config);
    return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    struct common c = {0};
    struct catalog_import_options o = {0};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder; made when missing", &c.data, false},
        {"feed", CLI_STRING, "FILE", "the feed", &o.feed, true},
        {"images", CLI_STRING, "DIR|ZIP", "where image_link's paths begin", &o.images, false},
        {"columns", CLI_STRING, "OURS=THEIRS,...", "names of the feed's columns", &o.columns, false},
        {"inventory", CLI_STRING, "FILE", "offers of shops: id, shop, price, quantity, ...", &o.inventory,
         false},
        {"shops", CLI_STRING, "FILE", "the shops: shop, name, city", &o.shops, false},
        {"prune", CLI_FLAG, NULL, "hide products that the feed does not have", &o.prune, false},
        {"force", CLI_FLAG, NULL, "hide even more than half of them", &o.force, false},
        {"allow-private-addresses", CLI_FLAG, NULL, "fetch pictures from private addresses too",
         &o.allow_private, false},
        {"dry-run", CLI_FLAG, NULL, "read and check the feed, change nothing", &o.dry_run, false},
        {"no-model", CLI_FLAG, NULL, "do not recognise pictures now; `penderie reembed` does it later",
         &c.no_model, false},
        {"json", CLI_FLAG, NULL, "print the summary as JSON", &c.json, false},
        {"config", CLI_STRING, "FILE", "settings", &c.config, false},
        {"set", CLI_LIST, "KEY=VALUE", "one setting", &c.sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_import, options, argc, argv, &operands, &n, &help, err);
    return rc || help ? rc : go(&c, catalog_import, &o, err);
}

static enum rc run_reembed(int argc, char **argv, struct err *err)
{
    struct common c = {0};
    struct catalog_import_options o = {0};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder", &c.data, false},
        {"json", CLI_FLAG, NULL, "print the summary as JSON", &c.json, false},
        {"config", CLI_STRING, "FILE", "settings", &c.config, false},
        {"set", CLI_LIST, "KEY=VALUE", "one setting", &c.sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_reembed, options, argc, argv, &operands, &n, &help, err);
    return rc || help ? rc : go(&c, catalog_reembed, &o, err);
}
