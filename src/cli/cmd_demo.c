/* penderie demo: draws a collection, imports it and serves it. */
#include "cli/cli.h"
#include "demo/demo.h"
#include "image/image.h"

#include <stdio.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_demo = {
    .name = "demo",
    .summary = "draw a demonstration collection, import it and serve it",
    .usage = "",
    .details = "Draws clothes, shoes and accessories with prices, sizes, shops and stock, and photos of a wardrobe to try\n"
               "them with. The same seed gives the same pictures. What is drawn already is not drawn again.",
    .run = run,
};

static bool on_progress(int done, int total, void *ctx)
{
    (void)total;
    cli_progress_set(ctx, done);
    return !cli_interrupted();
}

static enum rc draw(const char *dir, int64_t products, int64_t seed, struct err *err)
{
    struct cli_progress progress;
    bool drawn;
    cli_progress_start(&progress, "drawing", products + DEMO_PHOTOS);
    struct demo_options o = {.dir = dir, .products = (int)products, .seed = (uint64_t)seed, .progress = on_progress, .ctx = &progress};
    enum rc rc = demo_draw(&o, &drawn, err);
    cli_progress_end(&progress);
    if (!rc) fprintf(stderr, drawn ? "Drew %lld products and %d photos into %s.\n" : "The %lld products and %d photos in %s are drawn already.\n", (long long)products, DEMO_PHOTOS, dir);
    return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *only = NULL;
    int64_t products = 1000, seed = 1;
    const struct cli_option options[] = {
        {"draw-only", CLI_STRING, "DIR", "draw into DIR, and neither import nor serve", &only, true},
        {"products", CLI_INT, "N", "how many products (1000)", &products, false},
        {"seed", CLI_INT, "N", "another seed draws another collection (1)", &seed, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_demo, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    if (products < 1 || products > DEMO_MAX_PRODUCTS)
        return err_set(err, RC_INVALID, "--products must be 1 to %d", DEMO_MAX_PRODUCTS);
    cli_catch_signals();
    rc = image_startup(argv[0], err);
    return rc ? rc : draw(only, products, seed, err);
}
