/* penderie demo: draws a collection, imports it and serves it. */
#include "app/app.h"
#include "base/fs.h"
#include "catalog/import.h"
#include "cli/cli.h"
#include "demo/demo.h"
#include "image/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_demo = {
    .name = "demo",
    .summary = "draw a demonstration collection, import it and serve it",
    .usage = "",
    .details =
        "Draws clothes, shoes and accessories with prices, sizes, shops and stock, and photos of a wardrobe to "
        "try\n"
        "them with; imports them as `penderie import` does; serves them as `penderie serve` does. The same "
        "seed\n"
        "gives the same pictures. What is drawn and imported already is neither drawn nor imported again.",
    .run = run,
};

struct demo {
    const char *program, *data, *only, *config, *port;
    struct cli_list sets;
    int64_t products, seed;
    bool no_serve;
};

/* --- drawing --- */

static bool on_drawn(int done, int total, void *ctx)
{
    (void)total;
    cli_progress_set(ctx, done);
    return !cli_interrupted();
}

static enum rc draw(const struct demo *d, const char *dir, struct err *err)
{
    struct cli_progress progress;
    bool drawn;
    enum rc rc = image_startup(d->program, err);
    if (rc) return rc;
    cli_progress_start(&progress, "drawing", d->products + DEMO_PHOTOS);
    struct demo_options o = {.dir = dir,
                             .products = (int)d->products,
                             .photos = DEMO_PHOTOS,
                             .seed = (uint64_t)d->seed,
                             .progress = on_drawn,
                             .ctx = &progress};
    rc = demo_draw(&o, &drawn, err);
    cli_progress_end(&progress);
    if (!rc)
        fprintf(stderr,
                drawn ? "Drew %lld products and %d photos into %s.\n"
                      : "%lld products and %d photos are in %s already.\n",
                (long long)d->products, DEMO_PHOTOS, dir);
    return rc;
}

/* --- importing --- */

static enum rc import(const struct demo *d, const char *dir, struct err *err)
{
    char feed[PATH_BYTES], images[PATH_BYTES], inventory[PATH_BYTES], shops[PATH_BYTES];
    struct cli_stages view = {0};
    struct config *config = NULL;
    struct app app = {0};
    struct catalog_import_result result;
    snprintf(feed, sizeof feed, "%s/feed.tsv", dir);
    snprintf(images, sizeof images, "%s/images", dir);
    snprintf(inventory, sizeof inventory, "%s/inventory.tsv", dir);
    snprintf(shops, sizeof shops, "%s/shops.csv", dir);
    /* What is in the folder belongs to the demonstration: another seed or count replaces it. */
    struct catalog_import_options o = {.feed = feed,
                                       .images = images,
                                       .inventory = inventory,
                                       .shops = shops,
                                       .prune = true,
                                       .force = true,
                                       .progress = cli_stages_show,
                                       .stopped = cli_stopped,
                                       .ctx = &view};
    enum rc rc = cli_config(d->config, &d->sets, &config, err);
    if (!rc) rc = app_open(&app, config, cli_modules, d->data, APP_CATALOG | APP_BLOBS | APP_MODEL, err);
    if (rc) goto out;
    rc = catalog_import(&app, &o, &result, err);
    if (view.stage) cli_progress_end(&view.bar);
    app_close(&app);
    if (!rc)
        fprintf(stderr, "Imported %lld products (%lld new, %lld unchanged) in %.1f s.\n",
                (long long)(result.added + result.changed + result.unchanged), (long long)result.added,
                (long long)result.unchanged, result.seconds);
out:
    config_destroy(config);
    return rc;
}

/* --- one after the other --- */

struct outcome { /* shared with the child */
    enum rc rc;
    struct err err;
};

static void prepare(const struct demo *d, struct outcome *to)
{
    char dir[PATH_BYTES];
    snprintf(dir, sizeof dir, "%s/demo", d->data);
    cli_catch_signals();
    to->rc = draw(d, dir, &to->err);
    if (!to->rc) to->rc = import(d, dir, &to->err);
}

/* Drawing and importing run in a child: app_serve() wants a process without threads, and the memory that an
 * import used goes back to the system. */
static enum rc prepare_apart(const struct demo *d, struct err *err)
{
    int status = 0;
    struct outcome *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return err_errno(err, "cannot share memory");
    shared->rc = RC_INTERNAL;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prepare(d, shared);
        fflush(NULL);
        _exit(0);
    }
    enum rc rc = child < 0 ? err_errno(err, "cannot start a process") : RC_OK;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!rc && WIFSIGNALED(status))
        rc = err_set(err, RC_INTERNAL, "drawing or importing ended by signal %d", WTERMSIG(status));
    else if (!rc && shared->rc)
        rc = err_set(err, shared->rc, "%s", shared->err.message);
    munmap(shared, sizeof *shared);
    return rc;
}

static enum rc read_settings(void *ctx, struct config **out, struct err *err)
{
    const struct demo *d = ctx;
    enum rc rc = cli_config(d->config, &d->sets, out, err);
    if (rc) return rc;
    rc = cli_config_set(*out, "http_port", d->port, err);
    if (!rc) return RC_OK;
    config_destroy(*out);
    *out = NULL;
    return rc;
}

static enum rc serve(struct demo *d, struct err *err)
{
    struct config *config = NULL;
    enum rc rc = read_settings(d, &config, err);
    struct app_serve_options options = {.reload = read_settings, .ctx = d};
    if (!rc) rc = app_serve(config, cli_modules, d->data, &options, err);
    config_destroy(config);
    return rc;
}

static enum rc check(const struct demo *d, struct err *err)
{
    struct config *config = NULL;
    if (!d->only == !d->data)
        return err_set(err, RC_INVALID, "one of --data DIR and --draw-only DIR is needed");
    if (d->products < 1 || d->products > DEMO_MAX_PRODUCTS)
        return err_set(err, RC_INVALID, "--products must be 1 to %d", DEMO_MAX_PRODUCTS);
    if (strlen(d->only ? d->only : d->data) > PATH_BYTES - 64)
        return err_set(err, RC_INVALID, "the path of the folder is too long");
    enum rc rc = read_settings((void *)(uintptr_t)d, &config, err); /* before minutes of work, not after */
    config_destroy(config);
    return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    struct demo d = {.program = argv[0], .products = 1000, .seed = 1};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder of the demonstration; made when missing", &d.data, false},
        {"products", CLI_INT, "N", "how many products (1000)", &d.products, false},
        {"seed", CLI_INT, "N", "another seed draws another collection (1)", &d.seed, false},
        {"port", CLI_STRING, "N", "the same as --set http_port=N", &d.port, false},
        {"no-serve", CLI_FLAG, NULL, "draw and import, do not serve", &d.no_serve, false},
        {"draw-only", CLI_STRING, "DIR", "only draw, into DIR", &d.only, false},
        {"config", CLI_STRING, "FILE", "read settings from FILE", &d.config, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &d.sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_demo, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    rc = check(&d, err);
    if (rc) return rc;
    if (d.only) {
        cli_catch_signals();
        return draw(&d, d.only, err);
    }
    rc = prepare_apart(&d, err);
    return rc || d.no_serve ? rc : serve(&d, err);
}
