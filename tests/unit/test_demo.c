/* The drawn collection: the same for the same seed, varied, well formed, and really drawn. */
#include "base/fs.h"
#include "base/str.h"
#include "demo/demo.h"
#include "demo/studio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static size_t count_distinct(const char *(*of)(const struct product *), int products)
{
    const char *seen[256];
    size_t n = 0;
    for (int i = 0; i < products; i++) {
        struct product p;
        product_choose(&p, 1, i);
        size_t k = 0;
        while (k < n && strcmp(seen[k], of(&p)) != 0)
            k++;
        if (k == n && n < 256) seen[n++] = of(&p);
    }
    return n;
}

static const char *colour_of(const struct product *p) { return p->colour->name; }
static const char *style_of(const struct product *p) { return product_style(p, true); }
static const char *season_of(const struct product *p) { return product_season(p, true); }
static const char *pattern_of(const struct product *p) { return product_pattern(p, false); }

static void test_variety(void **state)
{
    (void)state;
    assert_true(count_distinct(product_category, 1000) >= 24);
    assert_true(count_distinct(colour_of, 1000) >= 15);
    assert_int_equal(count_distinct(style_of, 1000), 5);
    assert_int_equal(count_distinct(season_of, 1000), 4);
    assert_true(count_distinct(pattern_of, 1000) >= 10);
}

static void test_products_are_well_formed(void **state)
{
    (void)state;
    for (int i = 0; i < 1500; i++) {
        struct product p, again;
        product_choose(&p, 7, i);
        product_choose(&again, 7, i);
        assert_string_equal(p.title, again.title);
        assert_int_equal(p.price_cents, again.price_cents);
        assert_int_equal(p.seed, again.seed);
        assert_true(str_utf8_valid(str_of(p.title)) && str_utf8_valid(str_of(p.description)));
        assert_null(strpbrk(p.title, "\t\n\"\\"));
        assert_null(strpbrk(p.description, "\t\n\"\\"));
        assert_true(strlen(p.title) + 1 < sizeof p.title && strlen(p.description) + 1 < sizeof p.description);
        assert_true(p.price_cents >= 300 && p.price_cents < 60000);
        assert_true(p.sale_cents == -1 || (p.sale_cents > 0 && p.sale_cents < p.price_cents));
        assert_non_null(p.sizes[0]);
        assert_true(p.gender == 'w' || p.gender == 'm' || p.gender == 'u');
        assert_non_null(product_material(&p, true));
    }
}

static void test_other_seed_other_collection(void **state)
{
    (void)state;
    int same = 0;
    for (int i = 0; i < 200; i++) {
        struct product a, b;
        product_choose(&a, 1, i);
        product_choose(&b, 2, i);
        same += strcmp(a.title, b.title) == 0;
    }
    assert_true(same < 40);
}

/* Pixels that differ clearly from the ground in the corner. */
static double drawn_share(const struct image *im)
{
    size_t n = (size_t)im->width * (size_t)im->height, drawn = 0;
    for (size_t i = 0; i < n; i++) {
        int d = 0;
        for (size_t c = 0; c < 3; c++)
            d += abs(im->rgb[i * 3 + c] - im->rgb[c]);
        drawn += d > 36;
    }
    return (double)drawn / (double)n;
}

static void test_pictures(void **state)
{
    (void)state;
    for (int i = 0; i < (int)product_cuts(); i += 7) {
        struct product p;
        struct image a = {0}, b = {0};
        struct err err;
        product_choose(&p, 3, i);
        assert_int_equal(studio_picture(&p, false, &a, &err), RC_OK);
        assert_int_equal(studio_picture(&p, false, &b, &err), RC_OK);
        assert_int_equal(a.width, STUDIO_WIDTH);
        assert_int_equal(a.height, STUDIO_HEIGHT);
        assert_memory_equal(a.rgb, b.rgb, (size_t)a.width * (size_t)a.height * 3);
        assert_true(drawn_share(&a) > .03 && drawn_share(&a) < .8);
        assert_true(a.rgb[0] > 200); /* the ground is light */
        image_release(&a);
        image_release(&b);
    }
}

static void test_close_up(void **state)
{
    (void)state;
    struct product p;
    struct image im = {0};
    struct err err;
    product_choose(&p, 3, 0);
    assert_int_equal(studio_picture(&p, true, &im, &err), RC_OK);
    assert_int_equal(im.width, STUDIO_WIDTH);
    assert_int_equal(im.height, STUDIO_HEIGHT);
    assert_true(drawn_share(&im) > 0);
    image_release(&im);
}

static void test_photo(void **state)
{
    (void)state;
    struct photo what;
    struct image im = {0};
    struct err err;
    assert_int_equal(photo_draw(1, 1, &what, &im, &err), RC_OK);
    assert_int_equal(im.width, PHOTO_WIDTH);
    assert_int_equal(im.height, PHOTO_HEIGHT);
    assert_int_equal(what.n, 3);
    assert_string_equal(product_category(&what.pieces[0]), "t-shirt");
    assert_string_equal(product_category(&what.pieces[1]), "jeans");
    for (int i = 0; i < what.n; i++) {
        const struct image_box *b = &what.boxes[i];
        assert_true(b->x >= 0 && b->y >= 0 && b->x + b->w <= 1.001f && b->y + b->h <= 1.001f);
        assert_true(b->w * b->h > .01f);
    }
    image_release(&im);
}

static char *read_text(const char *name)
{
    char path[128], *p = NULL;
    size_t n;
    struct err err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(fs_read(path, 16 << 20, &p, &n, &err), RC_OK);
    return p;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static bool there(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return fs_exists(path);
}

static void check_feed(int products)
{
    char *feed = read_text("feed.tsv"), *stock = read_text("inventory.tsv"), *labels = read_text("labels.csv"),
         *shops = read_text("shops.csv");
    size_t columns = 1, offers = count_lines(feed) - 1;
    for (const char *p = feed; *p != '\n'; p++)
        columns += *p == '\t';
    assert_int_equal(columns, 21);
    for (const char *line = feed; *line; line = strchr(line, '\n') + 1) { /* every row has them all */
        size_t n = 1;
        for (const char *p = line; *p != '\n'; p++)
            n += *p == '\t';
        assert_int_equal(n, columns);
    }
    assert_true(offers >= (size_t)products);
    assert_int_equal(count_lines(shops), 12);
    assert_int_equal(count_lines(stock), 1 + offers * 11);
    assert_int_equal(count_lines(labels), products + 1);
    free(feed);
    free(stock);
    free(labels);
    free(shops);
}

static void test_folder(void **state)
{
    (void)state;
    struct demo_options o = {.dir = dir, .products = 5, .photos = 1, .seed = 11, .workers = 2};
    struct err err;
    bool drawn = false;
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_OK);
    assert_true(drawn);
    assert_true(there("images/PND-0001.jpg") && there("images/PND-0005.jpg") && !there("images/PND-0006.jpg"));
    assert_true(there("wardrobe/photo-01.jpg") && there("wardrobe/photo-01-small.jpg") &&
                !there("wardrobe/photo-02.jpg"));
    check_feed(5);
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_OK);
    assert_false(drawn); /* all there already */
    o.products = 2;      /* another count is another collection, and nothing of the old one stays */
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_OK);
    assert_true(drawn);
    assert_false(there("images/PND-0005.jpg"));
    check_feed(2);
}

static bool stop_at_once(int done, int total, void *ctx)
{
    (void)done;
    (void)total;
    (void)ctx;
    return false;
}

static void test_stopping(void **state)
{
    (void)state;
    struct demo_options o = {.dir = dir, .products = 400, .seed = 12, .workers = 1, .progress = stop_at_once};
    struct err err;
    bool drawn = true;
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_STOPPED);
    assert_false(drawn);
    assert_false(there("stamp")); /* the next run draws again */
}

static void test_refusals(void **state)
{
    (void)state;
    struct err err;
    bool drawn;
    struct demo_options o = {.dir = dir, .products = 0};
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_INVALID);
    o.products = DEMO_MAX_PRODUCTS + 1;
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_INVALID);
    o = (struct demo_options){.dir = dir, .products = 1, .photos = DEMO_PHOTOS + 1};
    assert_int_equal(demo_draw(&o, &drawn, &err), RC_INVALID);
    o = (struct demo_options){.dir = "/proc/penderie", .products = 1};
    assert_int_not_equal(demo_draw(&o, &drawn, &err), RC_OK);
}

static int set_up(void **state)
{
    (void)state;
    struct err err;
    snprintf(dir, sizeof dir, "/tmp/penderie-demo-XXXXXX");
    pen_startup();
    return mkdtemp(dir) && image_startup("test_demo", &err) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    struct err err;
    enum rc rc = fs_remove_tree(dir, &err);
    image_shutdown();
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variety),
        cmocka_unit_test(test_products_are_well_formed),
        cmocka_unit_test(test_other_seed_other_collection),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_close_up),
        cmocka_unit_test(test_photo),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
