/* Imports: idempotent, resumable, atomic; variants, shops, pruning, pictures and what is wrong with them. */
#include "test.h"

#include "base/app.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/jout.h"
#include "base/jval.h"
#include "base/module.h"
#include "base/config.h"
#include "blob/blob_ops.h"
#include "catalog/catalog.h"
#include "catalog/import.h"
#include "crypt/crypt.h"
#include "image/image.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

struct house {
    char dir[600], images[700];
    struct app app;
    struct catalog_import_result r;
};

static void open_house(struct house *h, const char *dir)
{
    struct err err = {0};
    char url[800];
    memset(h, 0, sizeof *h);
    snprintf(h->dir, sizeof h->dir, "%s", dir);
    snprintf(h->images, sizeof h->images, "%s/images", dir);
    assert_ok(fs_mkdirs(h->images, 0700, &err));
    h->app.data_dir = h->dir;
    h->app.job_workers = 2;
    snprintf(url, sizeof url, "sqlite:%s/catalog.db", dir);
    const struct store_options options = {.name = "catalog", .readers = 6};
    assert_ok(store_open(url, &options, &h->app.catalog, &err));
    assert_ok(store_migrate(h->app.catalog, "catalog", catalog_module.migrations, &err));
    snprintf(url, sizeof url, "file:%s/blobs", dir);
    assert_ok(blob_open(url, &h->app.blobs, &err));
}

static void close_house(struct house *h)
{
    blob_close(h->app.blobs);
    store_close(h->app.catalog);
}

/* Every test has a house of its own. */
static int begin(void **state)
{
    void *dir = NULL;
    if (temp_dir_make(&dir)) return -1;
    struct house *h = calloc(1, sizeof *h);
    open_house(h, dir);
    free(dir);
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct house *h = *state;
    close_house(h);
    int failed = fs_remove_tree(h->dir, NULL) != RC_OK;
    free(h);
    return failed;
}

static const char *write_file(struct house *h, const char *name, const char *text)
{
    static char path[4][800];
    static int turn;
    struct err err = {0};
    char *p = path[turn++ % 4];
    snprintf(p, 800, "%s/%s", h->dir, name);
    assert_ok(fs_write_atomic(p, text, strlen(text), 0600, &err));
    return p;
}

/* A garment-like rectangle of a colour on white: `seed` moves it. */
static void draw(struct house *h, const char *name, uint8_t r, uint8_t g, uint8_t b, int width, int height,
                 int seed)
{
    struct err err = {0};
    struct image im = {0};
    struct buf file = BUF_INIT((size_t)16 << 20);
    char path[900];
    assert_ok(image_create(width, height, &im, &err));
    for (int y = height / 5; y < height * 4 / 5; y++)
        for (int x = width / 4 + seed % 5; x < width * 3 / 4; x++) {
            uint8_t *p = im.rgb + ((size_t)y * (size_t)width + (size_t)x) * 3;
            p[0] = (uint8_t)(r + (x * seed) % 7);
            p[1] = g;
            p[2] = (uint8_t)(b + (y * seed) % 5);
        }
    assert_ok(image_encode(&im, IMAGE_JPEG, 90, &file, &err));
    snprintf(path, sizeof path, "%s/%s", h->images, name);
    assert_ok(fs_write_atomic(path, file.p, file.n, 0600, &err));
    buf_release(&file);
    image_release(&im);
}

static enum rc import_with(struct house *h, struct catalog_import_options o, const char *feed, struct err *err)
{
    o.feed = write_file(h, "feed", feed);
    if (!o.images) o.images = h->images;
    return catalog_import(&h->app, &o, &h->r, err);
}

static void import(struct house *h, const char *feed)
{
    struct err err = {0};
    assert_ok(import_with(h, (struct catalog_import_options){0}, feed, &err));
}

static int64_t number(struct house *h, const char *sql)
{
    struct err err = {0};
    struct store_tx *tx = NULL;
    int64_t n = 0;
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_ok(store_get_i64(tx, sql, NULL, 0, &n, NULL, &err));
    store_rollback(tx);
    return n;
}

static int64_t generation(struct house *h)
{
    struct err err = {0};
    struct store_tx *tx = NULL;
    int64_t g = 0;
    char model[128];
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_ok(catalog_generation(tx, &g, model, &err));
    store_rollback(tx);
    return g;
}

/* The product as JSON; the caller destroys it. */
static struct jval *product(struct house *h, const char *id, const char *shop)
{
    struct err err = {0};
    struct store_tx *tx = NULL;
    struct jval *doc = NULL;
    struct buf text = BUF_INIT((size_t)1 << 20);
    struct jout out = JOUT_INIT(&text);
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_ok(catalog_write_product(tx, str_of(id), shop, &out, &err));
    store_rollback(tx);
    assert_ok(jval_parse(buf_str(&text), text.n, &doc, &err));
    buf_release(&text);
    return doc;
}

static void expect_text(const struct jval *object, const char *key, const char *want)
{
    struct str got = jval_str(jval_get(object, key));
    if (!str_eqz(got, want)) fail_msg("%s is \"%.*s\", not \"%s\"", key, STR_ARG(got), want);
}

static double money(const struct jval *object, const char *key)
{
    double v = -1;
    (void)jval_f64(jval_get(object, key), &v);
    return v;
}

static char *read_rejects(struct house *h)
{
    struct err err = {0};
    char *p = NULL;
    size_t n = 0;
    assert_true(h->r.rejects[0]);
    assert_ok(fs_read(h->r.rejects, 1 << 20, &p, &n, &err));
    return p;
}

#define HEAD                                                                                         \
    "id\ttitle\timage_link\tprice\tsale_price\tavailability\tproduct_type\tcolor\tsize\titem_group_" \
    "id\tdescription\n"

static void first_and_again(void **state)
{
    struct house *h = *state;
    static const char feed[] = HEAD
        "1\tRobe rouge\ta.jpg\t49,90 EUR\t39,90\tin stock\tRobes\trouge\tM\t\t<p>En &eacute;t&eacute;</p>\n"
        "2\tJean bleu\tb.jpg\t60\t\tout of stock\tJeans\tbleu marine\t40\t\t\n";
    draw(h, "a.jpg", 200, 20, 30, 60, 80, 1);
    draw(h, "b.jpg", 20, 30, 120, 900, 1200, 2);
    import(h, feed);
    assert_int_equal(h->r.rows, 2);
    assert_int_equal(h->r.added, 2);
    assert_int_equal(h->r.pictures_read, 2);
    assert_int_equal(h->r.rejected + h->r.problems + h->r.pictures_failed, 0);
    assert_int_equal(generation(h), 1);

    struct jval *p = product(h, "1", NULL);
    expect_text(p, "title", "Robe rouge");
    expect_text(p, "description", "En \xc3\xa9t\xc3\xa9");
    expect_text(p, "colour", "Red");
    expect_text(p, "category", "dress");
    expect_text(p, "currency", "EUR");
    assert_true(money(p, "price") == 49.9 && money(p, "sale_price") == 39.9);
    assert_int_equal(jval_len(jval_get(p, "filled")), 0);
    assert_int_equal(jval_len(jval_get(p, "pictures")), 1);
    jval_destroy(p);
    p = product(h, "2", NULL);
    expect_text(p, "colour", "Navy Blue");
    bool available = true;
    assert_true(jval_bool(jval_get(p, "available"), &available) && !available);
    jval_destroy(p);
    /* the small picture is served as it came, the large one has smaller ones beside it */
    assert_int_equal(number(h, "SELECT widths FROM picture WHERE width = 60"), 0);
    assert_int_equal(number(h, "SELECT widths FROM picture WHERE width = 900"), 3);

    import(h, feed);
    assert_int_equal(h->r.added + h->r.changed + h->r.hidden, 0);
    assert_int_equal(h->r.unchanged, 2);
    assert_int_equal(h->r.pictures_read, 0);
    assert_int_equal(h->r.pictures_reused, 2);
    assert_int_equal(generation(h), 1);
}

static void one_row_changes_one_product(void **state)
{
    struct house *h = *state;
    import(h, "id,title,price\n1,A,5\n2,B,6\n3,C,7\n");
    assert_int_equal(h->r.added, 3);
    import(h, "id,title,price\n1,A,5\n2,B,6.50\n3,C,7\n");
    assert_int_equal(h->r.added, 0);
    assert_int_equal(h->r.changed, 1);
    assert_int_equal(h->r.unchanged, 2);
    assert_int_equal(generation(h), 2);
    assert_int_equal(number(h, "SELECT count(*) FROM product WHERE generation = 2"), 1);
    struct jval *p = product(h, "2", NULL);
    assert_true(money(p, "price") == 6.5);
    jval_destroy(p);
}

static void variants_are_one_product(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    draw(h, "r.jpg", 200, 0, 0, 60, 80, 1);
    draw(h, "b.jpg", 0, 0, 200, 60, 80, 2);
    import(h, HEAD "10-S\tRobe\tr.jpg\t50\t\tin stock\tRobes\trouge\tS\tR10\t\n"
                   "77\tSac\t\t20\t\tin stock\tSacs\tnoir\t\t\t\n"
                   "10-M\tRobe\tr.jpg\t50\t\tout of stock\tRobes\trouge\tM\tR10\t\n"
                   "10-B\tRobe\tb.jpg\t45\t\tin stock\tRobes\tbleu\tS\tR10\t\n");
    assert_int_equal(h->r.added, 2);
    struct jval *p = product(h, "R10", "");
    assert_int_equal(jval_len(jval_get(p, "variants")), 3);
    assert_int_equal(jval_len(jval_get(p, "pictures")), 2);
    assert_int_equal(jval_len(jval_get(p, "sizes")), 1);
    assert_true(money(p, "price") == 45);
    jval_destroy(p);
    /* another variant comes in a later import, and one leaves its group */
    import(h, HEAD "10-L\tRobe\tr.jpg\t50\t\tin stock\tRobes\trouge\tL\tR10\t\n"
                   "10-B\tRobe\tb.jpg\t45\t\tin stock\tRobes\tbleu\tS\t\t\n");
    assert_int_equal(h->r.added, 1);
    assert_int_equal(h->r.changed, 1);
    p = product(h, "R10", NULL);
    assert_int_equal(jval_len(jval_get(p, "variants")), 3);
    assert_int_equal(jval_len(jval_get(p, "pictures")), 1);
    assert_int_equal(jval_len(jval_get(p, "sizes")), 2);
    jval_destroy(p);
    jval_destroy(product(h, "10-B", NULL));
    struct store_tx *tx = NULL;
    struct buf b = BUF_INIT((size_t)4096);
    struct jout out = JOUT_INIT(&b);
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_rc(catalog_write_product(tx, STR("nothing"), NULL, &out, &err), RC_NOT_FOUND);
    store_rollback(tx);
    buf_release(&b);
}

static void rejects_say_why(void **state)
{
    struct house *h = *state;
    draw(h, "ok.jpg", 10, 200, 10, 60, 80, 3);
    char *broken = malloc(2000);
    memset(broken, 'x', 1999);
    broken[1999] = 0;
    write_file(h, "images/broken.jpg", broken);
    free(broken);
    char link[900];
    snprintf(link, sizeof link, "%s/out.jpg", h->images);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    import(h, HEAD "1\tGood\tok.jpg\t5\t\t\t\t\t\t\t\n"
                   "\tNo id\t\t5\t\t\t\t\t\t\t\n"
                   "3\t\t\t5\t\t\t\t\t\t\t\n"
                   "4\tBad price\t\tgratuit\t\t\t\t\t\t\t\n"
                   "1\tTwice\t\t5\t\t\t\t\t\t\t\n"
                   "6\tNo picture\tmissing.jpg\t5\t\t\t\t\t\t\t\n"
                   "7\tBroken picture\tbroken.jpg\t5\t\t\t\t\t\t\t\n"
                   "8\tOutside\t../../etc/passwd\t5\t\t\t\t\t\t\t\n"
                   "9\tBy link\tout.jpg\t5\t\t\t\t\t\t\t\n"
                   "10\tAbsolute\t/etc/passwd\t5\t\t\t\t\t\t\t\n"
                   "11\tLocal server\thttp://127.0.0.1:1/x.jpg\t5\t\t\t\t\t\t\t\n"
                   "12\tOdd scheme\tftp://x/y.jpg\t5\t6\tperhaps\t\t\t\t\t\n");
    assert_int_equal(h->r.rows, 12);
    assert_int_equal(h->r.rejected, 4);
    assert_int_equal(h->r.added, 8);
    assert_int_equal(h->r.pictures_read, 1);
    assert_int_equal(h->r.pictures_failed, 4);
    char *text = read_rejects(h);
    static const char *const lines[] = {"3\t\tid\tthe id is missing",
                                        "4\t3\ttitle\tthe title is missing",
                                        "5\t4\tprice\tnot a price\tgratuit",
                                        "6\t1\tid\tthe id was on an earlier line",
                                        "7\t6\tpicture\tthere is no such picture\tmissing.jpg",
                                        "8\t7\tpicture\t",
                                        "9\t8\timage_link\tthe path leaves the folder",
                                        "10\t9\tpicture\tthe path leaves the folder of pictures\tout.jpg",
                                        "11\t10\timage_link\tthe path leaves",
                                        "12\t11\tpicture\tthe address is private",
                                        "13\t12\timage_link\tneither a path nor",
                                        "13\t12\tavailability\tnot understood"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i])) fail_msg("missing: %s\nin:\n%s", lines[i], text);
    free(text);
    /* what failed and did not change is told again, without being read again */
    assert_int_equal(generation(h), 1);
    import(h, HEAD "7\tBroken picture\tbroken.jpg\t5\t\t\t\t\t\t\t\n");
    assert_int_equal(h->r.pictures_failed, 1);
    assert_int_equal(generation(h), 1);
}

static void pictures_change(void **state)
{
    struct house *h = *state;
    static const char feed[] = "id,title,image_link\n1,A,a.jpg\n2,B,b.jpg\n";
    draw(h, "a.jpg", 200, 0, 0, 60, 80, 1);
    draw(h, "b.jpg", 0, 0, 200, 60, 80, 2);
    import(h, feed);
    struct jval *p = product(h, "1", NULL);
    char before[200];
    snprintf(before, sizeof before, "%.*s", STR_ARG(jval_str(jval_get(p, "picture"))));
    jval_destroy(p);
    /* other bytes behind the same path */
    draw(h, "a.jpg", 0, 200, 0, 64, 80, 3);
    import(h, feed);
    assert_int_equal(h->r.changed, 1);
    assert_int_equal(h->r.pictures_read, 1);
    assert_int_equal(generation(h), 2);
    p = product(h, "1", NULL);
    assert_false(str_eqz(jval_str(jval_get(p, "picture")), before));
    char now[200];
    snprintf(now, sizeof now, "%.*s", STR_ARG(jval_str(jval_get(p, "picture"))));
    jval_destroy(p);
    /* touched, but the same bytes: looked at, nothing changes */
    char path[900];
    snprintf(path, sizeof path, "%s/a.jpg", h->images);
    assert_int_equal(utime(path, &(struct utimbuf){1000000000, 1000000000}), 0);
    import(h, feed);
    assert_int_equal(h->r.changed + h->r.pictures_read, 0);
    assert_int_equal(generation(h), 2);
    /* a picture that cannot be read any more stays as it was */
    unlink(path);
    import(h, feed);
    assert_int_equal(h->r.pictures_failed, 1);
    assert_int_equal(generation(h), 2);
    p = product(h, "1", NULL);
    expect_text(p, "picture", now);
    jval_destroy(p);
    /* its mask is kept for later */
    struct err err = {0};
    struct store_tx *tx = NULL;
    int w = 0, height = 0;
    uint8_t *alpha = NULL;
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_ok(catalog_mask(tx, str_of(now + strlen("/v1/pictures/")), &w, &height, &alpha, &err));
    assert_int_equal(w, 64);
    assert_int_equal(height, 80);
    assert_int_equal(alpha[40 * 64 + 32], 255);
    assert_int_equal(alpha[0], 0);
    free(alpha);
    assert_rc(catalog_mask(tx, STR("00"), &w, &height, &alpha, &err), RC_NOT_FOUND);
    store_rollback(tx);
}

static void prune(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct catalog_import_options o = {.prune = true};
    import(h, "id,title\n1,A\n2,B\n3,C\n4,D\n");
    assert_ok(import_with(h, o, "id,title\n1,A\n2,B\n3,C\n", &err));
    assert_int_equal(h->r.hidden, 1);
    assert_int_equal(number(h, "SELECT count(*) FROM product WHERE hidden = 0"), 3);
    assert_rc(import_with(h, o, "id,title\n1,A\n", &err), RC_CONFLICT);
    assert_int_equal(number(h, "SELECT count(*) FROM product WHERE hidden = 0"), 3);
    o.force = true;
    assert_ok(import_with(h, o, "id,title\n1,A\n", &err));
    assert_int_equal(h->r.hidden, 2);
    /* what comes back is shown again under its old number */
    int64_t doc = number(h, "SELECT doc FROM product WHERE id = '4'");
    import(h, "id,title\n4,D\n");
    assert_int_equal(h->r.changed, 1);
    assert_int_equal(number(h, "SELECT count(*) FROM product WHERE hidden = 0"), 2);
    assert_int_equal(number(h, "SELECT doc FROM product WHERE id = '4'"), doc);
}

static void shops(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    static const char feed[] = "id,title,price,availability,size\n1,A,10,in stock,M\n2,B,20,in stock,L\n";
    struct catalog_import_options o = {0};
    o.shops = strdup(write_file(
        h, "shops.csv", "shop;name;city\nP1;Fashion-Insta Marais;Paris\nL1;Fashion-Insta Bellecour;Lyon\n"));
    o.inventory = strdup(write_file(
        h, "inventory.txt",
        "store_code\tid\tprice\tsale_price\tquantity\tavailability\nP1\t1\t9,50 EUR\t\t3\tin stock\n"
        "P1\t2\t\t\t0\t\nL1\t1\t\t8\t1\tin stock\nL1\t99\t5\t\t1\t\n\t1\t5\t\t1\t\nP1\t1\t5\t\t1\t\n"));
    assert_ok(import_with(h, o, feed, &err));
    assert_int_equal(h->r.problems, 3);
    assert_int_equal(number(h, "SELECT count(*) FROM shop"), 2);
    struct jval *p = product(h, "1", "P1");
    assert_true(money(p, "price") == 9.5);
    jval_destroy(p);
    p = product(h, "2", "P1");
    assert_true(money(p, "price") == 20);
    bool available = true;
    assert_true(jval_bool(jval_get(p, "available"), &available) && !available);
    jval_destroy(p);
    p = product(h, "1", "L1");
    assert_true(money(p, "price") == 10 && money(p, "sale_price") == 8);
    jval_destroy(p);
    p = product(h, "1", "");
    assert_true(money(p, "price") == 10);
    jval_destroy(p);
    /* the same again changes nothing; what the file no longer has leaves the shop */
    assert_ok(import_with(h, o, feed, &err));
    assert_int_equal(h->r.changed, 0);
    write_file(h, "inventory.txt", "store_code\tid\tprice\tquantity\nP1\t1\t9,50 EUR\t3\nL1\t1\t\t1\n");
    assert_ok(import_with(h, o, feed, &err));
    assert_int_equal(number(h, "SELECT count(*) FROM offer WHERE shop = 'P1'"), 1);
    /* a feed may name the shop itself */
    import(h, "id,title,price,shop\n5,E,10,\n5,E,12,P1\n5,E,13,P1\n6,F,7,L1\n");
    assert_int_equal(h->r.rejected, 1);
    assert_int_equal(number(h, "SELECT price_cents FROM offer WHERE variant = '5' AND shop = 'P1'"), 1200);
    assert_int_equal(number(h, "SELECT count(*) FROM offer WHERE variant = '6' AND shop = ''"), 0);
    free((void *)(uintptr_t)o.shops);
    free((void *)(uintptr_t)o.inventory);
}

#define OFFER_IN(id, shop) "SELECT count(*) FROM offer WHERE variant = '" id "' AND shop = '" shop "'"

/* Offers that leave a feed that names shops. */
static void shops_of_the_feed(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct catalog_import_options whole = {.prune = true};
    static const char head[] = "id,title,price,shop\n";
    char feed[400];
    snprintf(feed, sizeof feed, "%s5,E,12,P1\n5,E,10,\n5,E,11,L1\n6,F,7,P1\n7,G,8,\n", head);
    import(h, feed);
    assert_int_equal(h->r.rejected, 0); /* the web shop's row may come second */
    assert_int_equal(number(h, "SELECT price_cents FROM offer WHERE variant = '5' AND shop = ''"), 1000);
    import(h, feed);
    assert_int_equal(h->r.changed, 0);
    /* 5 leaves P1; 6 and 7 are not in this feed and stay as they are */
    snprintf(feed, sizeof feed, "%s5,E,10,\n5,E,11,L1\n8,H,9,P1\n", head);
    import(h, feed);
    assert_int_equal(h->r.changed, 1);
    assert_int_equal(number(h, OFFER_IN("5", "P1")), 0);
    assert_int_equal(number(h, OFFER_IN("5", "L1")), 1);
    assert_int_equal(number(h, OFFER_IN("6", "P1")), 1);
    /* a feed for one shop leaves the others' offers alone, even if it is whole */
    snprintf(feed, sizeof feed, "%s5,E,12,P1\n6,F,7,P1\n", head);
    import(h, feed);
    assert_int_equal(number(h, OFFER_IN("5", "")), 1);
    assert_int_equal(number(h, OFFER_IN("5", "L1")), 1);
    assert_int_equal(number(h, OFFER_IN("8", "P1")), 1);
    snprintf(feed, sizeof feed, "%s6,F,7,P1\n", head);
    assert_ok(import_with(h, whole, feed, &err));
    assert_int_equal(number(h, OFFER_IN("5", "P1")), 0);
    assert_int_equal(number(h, OFFER_IN("5", "")), 1);
    assert_int_equal(number(h, OFFER_IN("7", "")), 1);
    assert_int_equal(h->r.hidden, 1); /* 8 was to be had there alone */
    assert_int_equal(number(h, "SELECT count(*) FROM product WHERE hidden = 0"), 3);
    /* a whole feed without shops is the house's */
    assert_ok(import_with(h, whole, "id,title,price\n5,E,10\n6,F,7\n", &err));
    assert_int_equal(h->r.hidden, 1);
    assert_int_equal(number(h, OFFER_IN("5", "L1")), 1);
}

static void offers_of_a_product(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct store_tx *tx = NULL;
    struct jval *doc = NULL;
    struct buf text = BUF_INIT((size_t)1 << 20);
    struct jout out = JOUT_INIT(&text);
    struct catalog_import_options o = {0};
    o.shops = strdup(write_file(h, "shops.csv", "shop;name;city\nP1;Marais;Paris\nL1;Bellecour;Lyon\n"));
    assert_ok(import_with(h, o,
                          "id,title,price,availability,shop,size,item_group_id\n1,E,12,,P1,S,G\n1,E,10,,,S,G\n"
                          "2,E,9,out of stock,P1,M,G\n1,E,11,out of stock,L1,S,G\n3,F,7,,,,\n",
                          &err));
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_ok(catalog_write_offers(tx, STR("G"), &out, &err));
    assert_ok(jval_parse(buf_str(&text), text.n, &doc, &err));
    const struct jval *items = jval_get(doc, "items"), *web = jval_at(items, 0), *lyon = jval_at(items, 1);
    const struct jval *paris = jval_at(items, 2);
    bool available = true;
    assert_int_equal(jval_len(items), 3);
    expect_text(web, "shop", "");
    assert_true(jval_is_null(jval_get(web, "name")));
    assert_true(money(web, "price") == 10);
    expect_text(lyon, "name", "Bellecour");
    expect_text(lyon, "city", "Lyon");
    assert_true(jval_bool(jval_get(lyon, "available"), &available) && !available);
    expect_text(paris, "shop", "P1");
    assert_int_equal(jval_len(jval_get(paris, "variants")), 2);
    assert_true(money(paris, "price") == 12); /* what can be had, not what is cheaper and gone */
    assert_true(jval_bool(jval_get(paris, "available"), &available) && available);
    expect_text(jval_at(jval_get(paris, "variants"), 1), "availability", "out_of_stock");
    expect_text(jval_at(jval_get(paris, "variants"), 1), "size", "M");
    jval_destroy(doc);
    assert_rc(catalog_write_offers(tx, STR("nothing"), &out, &err), RC_NOT_FOUND);
    store_rollback(tx);
    buf_release(&text);
    free((void *)(uintptr_t)o.shops);
}

struct offers {
    size_t n;
    int64_t sum;
};
static enum rc on_offer(const struct catalog_offer *o, void *ctx, struct err *err)
{
    struct offers *s = ctx;
    (void)err;
    s->n++;
    if (o->available) s->sum += o->sale_cents >= 0 ? o->sale_cents : o->price_cents;
    return RC_OK;
}

static enum rc on_row(const struct catalog_row *row, void *ctx, struct err *err)
{
    size_t *n = ctx;
    (void)err;
    ++*n;
    assert_true(row->title.n > 0);
    assert_null(row->embedding);
    if (str_eqz(row->id, "G")) assert_true(str_eqz(row->sizes, "M|L"));
    return RC_OK;
}

static void what_rank_loads(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct store_tx *tx = NULL;
    struct offers s = {0};
    size_t rows = 0;
    import(h, "id,title,price,sale_price,availability,size,item_group_id\n1,A,10,,in stock,M,G\n2,A,9,8,in "
              "stock,L,G\n"
              "3,A,5,,out of stock,XL,G\n4,B,7,,out of stock,,\n");
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    assert_ok(catalog_each(tx, on_row, &rows, &err));
    assert_ok(catalog_each_offer(tx, clock_now_ms(), on_offer, &s, &err));
    store_rollback(tx);
    assert_int_equal(rows, 2);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.sum, 800); /* the cheapest that can be had */
}

static double sale_price(struct house *h, const char *id)
{
    struct jval *p = product(h, id, NULL);
    double sale = money(p, "sale_price");
    jval_destroy(p);
    return sale;
}

/* A sale with dates comes and goes with the clock, without another import. */
static void sale_dates(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct store_tx *tx = NULL;
    int64_t from = 0, until = 0, at = 0;
    assert_true(clock_parse(STR("2026-06-24T06:00:00Z"), &from));
    assert_true(clock_parse(STR("2026-07-22T00:00:00Z"), &until));
    clock_freeze(from - 1);
    import(h, "id,title,price,sale_price,sale_price_effective_date\n"
              "1,A,10,8,2026-06-24T08:00+0200/2026-07-21\n2,B,10,9,\n3,C,10,7,gestern\n");
    assert_int_equal(h->r.problems, 1);
    assert_true(sale_price(h, "1") == -1);
    assert_true(sale_price(h, "2") == 9);
    assert_true(sale_price(h, "3") == -1);
    assert_ok(store_begin(h->app.catalog, STORE_READ, &tx, &err));
    for (int64_t i = 0; i < 4; i++) {
        const int64_t now[] = {from - 1, from, until - 1, until}, next[] = {from, until, until, INT64_MAX};
        struct offers s = {0};
        assert_ok(catalog_each_offer(tx, now[i], on_offer, &s, &err));
        assert_int_equal(s.sum, 1000 + 900 + (i == 1 || i == 2 ? 800 : 1000));
        assert_ok(catalog_next_price_change(tx, now[i], &at, &err));
        assert_int_equal(at, next[i]);
    }
    store_rollback(tx);
    clock_freeze(from);
    assert_true(sale_price(h, "1") == 8);
    clock_freeze(until);
    assert_true(sale_price(h, "1") == -1);
    clock_freeze(-1);
    /* other dates change the product; the same ones do not */
    static const char other[] = "id,title,price,sale_price,sale_price_effective_date\n"
                                "1,A,10,8,2026-06-24T08:00+0200/2026-07-20\n";
    import(h, other);
    assert_int_equal(h->r.changed, 1);
    import(h, other);
    assert_int_equal(h->r.changed, 0);
}

static bool stop_now(void *ctx)
{
    int *left = ctx;
    return --*left < 0;
}

/* Stopped at every point where it asks: nothing shows before the end, and the end is the same. */
static void interrupted(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct buf feed = BUF_INIT((size_t)1 << 20);
    buf_addz(&feed, "id,title,image_link,price\n");
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.jpg", i);
        draw(h, name, (uint8_t)(i * 6), 100, 50, 40, 60, i + 1);
        buf_addf(&feed, "%d,Product %d,%s,%d\n", i, i, name, i + 1);
    }
    enum rc rc = RC_STOPPED;
    int stops = 0;
    for (int allowed = 0; rc == RC_STOPPED && allowed < 1000; allowed += 7) {
        int left = allowed;
        struct catalog_import_options o = {.stopped = stop_now, .ctx = &left};
        rc = import_with(h, o, feed.p, &err);
        if (rc == RC_STOPPED) {
            stops++;
            assert_int_equal(generation(h), 0);
            assert_int_equal(number(h, "SELECT count(*) FROM product"), 0);
        }
    }
    assert_int_equal(rc, RC_OK);
    assert_true(stops >= 3);
    assert_true(h->r.pictures_reused > 0);
    assert_int_equal(h->r.added, 40);
    assert_int_equal(number(h, "SELECT count(*) FROM product WHERE picture IS NOT NULL"), 40);
    assert_int_equal(number(h, "SELECT count(*) FROM import_run WHERE state = 'interrupted'"), stops);
    buf_release(&feed);
}

/* A blob store that counts what is not on the disk yet, and how many pictures have a row by then. */
struct spy {
    struct blob base;
    struct blob *inner;
    struct store *store;
    atomic_int put, synced;
    atomic_bool too_early;
};

static enum rc spy_put(struct blob *b, const char *key, struct str bytes, bool lazy, struct err *err)
{
    struct spy *s = (struct spy *)b;
    struct store_tx *tx = NULL;
    int64_t rows = 0;
    enum rc rc = store_begin(s->store, STORE_READ, &tx, err);
    if (!rc) rc = store_get_i64(tx, "SELECT count(*) FROM picture", NULL, 0, &rows, NULL, err);
    store_rollback(tx);
    if (rows > s->synced) s->too_early = true;
    if (!rc) rc = blob_put(s->inner, key, bytes, lazy, err);
    s->put++;
    return rc;
}

static bool spy_exists(struct blob *b, const char *key) { return blob_exists(((struct spy *)b)->inner, key); }

static enum rc spy_sync(struct blob *b, struct err *err)
{
    struct spy *s = (struct spy *)b;
    int now = s->put;
    enum rc rc = blob_sync(s->inner, err);
    s->synced = now;
    return rc;
}

/* No row names a picture whose file could be lost with the power. */
static void files_before_rows(void **state)
{
    static const struct blob_ops ops = {
        .scheme = "spy", .put = spy_put, .exists = spy_exists, .sync = spy_sync};
    struct house *h = *state;
    struct spy spy = {.base.ops = &ops, .inner = h->app.blobs, .store = h->app.catalog};
    struct buf feed = BUF_INIT((size_t)1 << 20);
    enum { N = 1200 };
    buf_addz(&feed, "id,title,image_link\n");
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.jpg", i);
        draw(h, name, (uint8_t)(i % 250), (uint8_t)(i / 250 * 40), 50, 16, 20, i + 1);
        buf_addf(&feed, "%d,Product %d,%s\n", i, i, name);
    }
    h->app.blobs = &spy.base;
    import(h, feed.p);
    h->app.blobs = spy.inner;
    int64_t rows = number(h, "SELECT count(*) FROM picture");
    assert_true(rows > 600); /* more than one commit, and some drawings are alike */
    assert_false(spy.too_early);
    assert_true(spy.synced >= rows);
    buf_release(&feed);
}

/* A picture that was too large is read once the limit allows it, though the file is the same. */
static void higher_limit(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    const struct config_key *const tables[] = {catalog_module.config, NULL};
    struct config *c = NULL;
    static const char feed[] = "id,title,image_link\n1,A,a.jpg\n";
    draw(h, "a.jpg", 200, 0, 0, 600, 800, 1);
    assert_ok(config_create(tables, &c, &err));
    h->app.config = c;
    assert_ok(config_set(c, STR("import_picture_bytes"), STR("1024"), &err));
    import(h, feed);
    assert_int_equal(h->r.pictures_failed, 1);
    import(h, feed);
    assert_int_equal(h->r.pictures_failed, 1);
    assert_ok(config_set(c, STR("import_picture_bytes"), STR("20m"), &err));
    import(h, feed);
    assert_int_equal(h->r.pictures_failed, 0);
    assert_int_equal(h->r.pictures_read, 1);
    h->app.config = NULL;
    config_destroy(c);
}

/* A server that takes its time, and then has nothing. */
static void *slow_server(void *ctx)
{
    static const char answer[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char request[2048];
    int c = accept(*(int *)ctx, NULL, NULL);
    if (c < 0) return NULL;
    (void)!recv(c, request, sizeof request, 0);
    usleep(3500 * 1000);
    (void)!send(c, answer, sizeof answer - 1, MSG_NOSIGNAL);
    close(c);
    return NULL;
}

static void count_pictures(void *ctx, const char *stage, int64_t done, int64_t total)
{
    (void)done;
    (void)total;
    *(int *)ctx += strcmp(stage, "pictures") == 0;
}

/* While the last pictures are waited for the importing thread keeps coming by: there it renews its lease. */
static void slow_picture(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0), seen = 0;
    char feed[200];
    pthread_t thread;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, slow_server, &fd), 0);
    snprintf(feed, sizeof feed, "id,title,image_link\n1,A,http://127.0.0.1:%u/a.jpg\n", ntohs(a.sin_port));
    struct catalog_import_options o = {.allow_private = true, .progress = count_pictures, .ctx = &seen};
    assert_ok(import_with(h, o, feed, &err));
    assert_int_equal(h->r.pictures_failed, 1);
    assert_true(seen >= 4); /* once at the beginning, once at the end, and once a second */
    pthread_join(thread, NULL);
    close(fd);
}

/* A second import while one runs is refused; a claim that ran out is taken over. */
static void one_at_a_time(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct store_tx *tx = NULL;
    assert_ok(store_begin(h->app.catalog, STORE_WRITE, &tx, &err));
    const struct store_value args[] = {STORE_I(clock_now_ms() + 60000)};
    assert_ok(store_exec(tx,
                         "INSERT INTO lease (name, owner, expires_ms) VALUES ('import', 'elsewhere 1 2 3', ?1)",
                         args, 1, NULL, &err));
    assert_ok(store_commit(tx, &err));
    assert_rc(import_with(h, (struct catalog_import_options){0}, "id,title\n1,A\n", &err), RC_CONFLICT);
    assert_non_null(strstr(err.message, "another import is running"));
    assert_int_equal(number(h, "SELECT count(*) FROM import_run"), 0);
    assert_ok(store_begin(h->app.catalog, STORE_WRITE, &tx, &err));
    assert_ok(store_exec(tx, "UPDATE lease SET expires_ms = 1", NULL, 0, NULL, &err));
    assert_ok(store_commit(tx, &err));
    import(h, "id,title\n1,A\n");
    assert_int_equal(number(h, "SELECT count(*) FROM lease"), 0);
}

static void dry_run(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct catalog_import_options o = {.dry_run = true};
    import(h, "id,title\n1,A\n2,B\n");
    assert_ok(import_with(h, o, "id,title\n1,A\n2,C\n3,D\n\"4\",\n", &err));
    assert_int_equal(h->r.added, 1);
    assert_int_equal(h->r.changed, 1);
    assert_int_equal(h->r.unchanged, 1);
    assert_int_equal(h->r.rejected, 1);
    assert_int_equal(generation(h), 1);
    assert_int_equal(number(h, "SELECT count(*) FROM product"), 2);
}

static void vocabulary_gaps(void **state)
{
    struct house *h = *state;
    import(h, "id,title,color,product_type,gender,style\n1,A,zorblax,Truc "
              "machin,femme,NA\n2,B,zorblax,,,\n3,C,quibble,,,\n");
    bool colour = false;
    for (size_t i = 0; i < h->r.n_gaps; i++) {
        if (strcmp(h->r.gaps[i].field, "colour") == 0) {
            colour = true;
            assert_int_equal(h->r.gaps[i].values, 2);
            assert_string_equal(h->r.gaps[i].examples, "zorblax (2), quibble (1)");
        }
        assert_string_not_equal(h->r.gaps[i].field, "style");
    }
    assert_true(colour);
    struct jval *p = product(h, "1", NULL);
    expect_text(p, "colour", "zorblax"); /* the retailer's word stays */
    expect_text(p, "gender", "Women");
    jval_destroy(p);
}

static void near_duplicates(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    draw(h, "a.jpg", 200, 0, 0, 60, 80, 1);
    char *p = NULL, from[900];
    size_t n = 0;
    snprintf(from, sizeof from, "%s/a.jpg", h->images);
    assert_ok(fs_read(from, 1 << 20, &p, &n, &err));
    snprintf(from, sizeof from, "%s/b.jpg", h->images);
    assert_ok(fs_write_atomic(from, p, n, 0600, &err));
    free(p);
    import(h, "id,title,image_link\n1,A,a.jpg\n2,B,b.jpg\n");
    assert_int_equal(h->r.near_duplicates, 1);
    assert_int_equal(h->r.added, 2); /* reported, not merged */
    assert_int_equal(number(h, "SELECT count(*) FROM picture"), 1);
}

static void nothing_to_read(void **state)
{
    struct house *h = *state;
    struct err err = {0};
    struct catalog_import_options o = {.feed = "/nowhere/feed.tsv"};
    assert_rc(catalog_import(&h->app, &o, &h->r, &err), RC_NOT_FOUND);
    assert_rc(import_with(h, (struct catalog_import_options){.images = "/nowhere/images.zip"},
                          "id,title\n1,A\n", &err),
              RC_NOT_FOUND);
    assert_rc(import_with(h, (struct catalog_import_options){0}, "", &err), RC_INVALID);
    assert_int_equal(number(h, "SELECT count(*) FROM import_run WHERE state = 'failed'"), 3);
    assert_int_equal(number(h, "SELECT count(*) FROM lease"), 0);
}

static int group_begin(void **state)
{
    struct err err = {0};
    (void)state;
    return image_startup("test", &err) || crypt_startup(&err);
}

int main(void)
{
#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {IN_HOUSE(first_and_again),
                                       IN_HOUSE(one_row_changes_one_product),
                                       IN_HOUSE(variants_are_one_product),
                                       IN_HOUSE(rejects_say_why),
                                       IN_HOUSE(pictures_change),
                                       IN_HOUSE(prune),
                                       IN_HOUSE(shops),
                                       IN_HOUSE(shops_of_the_feed),
                                       IN_HOUSE(offers_of_a_product),
                                       IN_HOUSE(what_rank_loads),
                                       IN_HOUSE(sale_dates),
                                       IN_HOUSE(interrupted),
                                       IN_HOUSE(files_before_rows),
                                       IN_HOUSE(higher_limit),
                                       IN_HOUSE(slow_picture),
                                       IN_HOUSE(one_at_a_time),
                                       IN_HOUSE(dry_run),
                                       IN_HOUSE(vocabulary_gaps),
                                       IN_HOUSE(near_duplicates),
                                       IN_HOUSE(nothing_to_read)};
    return cmocka_run_group_tests(tests, group_begin, NULL);
}
