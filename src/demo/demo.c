/*
 * Draws the collection with one worker a processor, then writes the tables.
 *
 * Threading: tasks are independent; each draws one picture and writes one file. The first failure is kept under
 * the lock and ends the rest early; counters are atomic.
 */
#include "demo/demo.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/queue.h"
#include "demo/studio.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* DEMO_VERSION rises when the drawing changes: what older ones drew is drawn again. */
enum {
    DEMO_VERSION = 4,
    DETAIL_EVERY = 6,
    JPEG_QUALITY = 88,
    SHOPS = 12,
    THUMBNAIL_PX = 320,
    PATH_BYTES = 4096
};

struct drawing {
    const struct demo_options *o;
    struct photo photos[DEMO_PHOTOS];
    atomic_int done;
    atomic_bool stop;
    pthread_mutex_t lock;
    enum rc rc;
    struct err err;
};

struct task {
    struct drawing *d;
    int number; /* a product, or -1 - i for photo i */
};

static enum rc save(const struct image *im, const char *path, struct err *err)
{
    struct buf bytes = BUF_INIT(16 << 20);
    enum rc rc = image_encode(im, IMAGE_JPEG, JPEG_QUALITY, &bytes, err);
    FILE *f = NULL;
    if (rc) goto out;
    f = fopen(path, "wb"); /* not synced: the stamp comes last, and it is synced */
    if (!f || fwrite(bytes.p, 1, bytes.n, f) != bytes.n) rc = err_errno(err, "cannot write %s", path);
out:
    if (f && fclose(f) != 0 && !rc) rc = err_errno(err, "cannot write %s", path);
    buf_release(&bytes);
    return rc;
}

static bool has_detail(const struct product *p)
{
    return product_lies_flat(p) && p->number % DETAIL_EVERY == 0;
}

static enum rc draw_product(const struct demo_options *o, int number, struct err *err)
{
    struct product p;
    product_choose(&p, o->seed, number);
    for (int detail = 0; detail <= has_detail(&p); detail++) {
        char path[PATH_BYTES];
        struct image im;
        snprintf(path, sizeof path, "%s/images/%s%s.jpg", o->dir, p.id, detail ? "-2" : "");
        enum rc rc = studio_picture(&p, detail, &im, err);
        if (!rc) rc = save(&im, path, err);
        image_release(&im);
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc draw_photo(struct drawing *d, int i, struct err *err)
{
    char path[PATH_BYTES];
    struct image im, small = {0};
    snprintf(path, sizeof path, "%s/wardrobe/photo-%02d.jpg", d->o->dir, i + 1);
    enum rc rc = photo_draw(d->o->seed, i, &d->photos[i], &im, err);
    if (!rc) rc = save(&im, path, err);
    if (!rc) rc = image_resize(&im, THUMBNAIL_PX, &small, err);
    snprintf(path, sizeof path, "%s/wardrobe/photo-%02d-small.jpg", d->o->dir, i + 1);
    if (!rc) rc = save(&small, path, err);
    image_release(&small);
    image_release(&im);
    return rc;
}

static void run_task(void *arg, unsigned worker)
{
    struct task *t = arg;
    struct drawing *d = t->d;
    struct err err = {0};
    (void)worker;
    if (!atomic_load(&d->stop)) {
        enum rc rc = t->number < 0 ? draw_photo(d, -1 - t->number, &err) : draw_product(d->o, t->number, &err);
        if (rc) {
            pthread_mutex_lock(&d->lock);
            if (!d->rc) {
                d->rc = rc;
                d->err = err;
            }
            pthread_mutex_unlock(&d->lock);
            atomic_store(&d->stop, true);
        }
    }
    atomic_fetch_add(&d->done, 1);
}

static bool report(struct drawing *d, int total)
{
    if (!d->o->progress || d->o->progress(atomic_load(&d->done), total, d->o->ctx)) return true;
    atomic_store(&d->stop, true);
    return false;
}

static enum rc draw_all(struct drawing *d, struct err *err)
{
    int total = d->o->products + d->o->photos;
    unsigned workers = d->o->workers;
    struct queue *q = NULL;
    bool going = true;
    if (workers == 0) {
        unsigned n = proc_processors();
        workers = n > 64 ? 64 : n;
    }
    struct task *tasks = calloc((size_t)total, sizeof *tasks);
    if (!tasks) return err_set(err, RC_NOMEM, "no memory for %d drawings", total);
    enum rc rc = queue_create("demo", workers, workers * 2, &q, err);
    for (int i = 0; i < total && !rc && going; i++) { /* the photos first: they take longest */
        tasks[i] = (struct task){d, i < d->o->photos ? -1 - i : i - d->o->photos};
        rc = queue_push_wait(q, run_task, &tasks[i], err);
        going = report(d, total);
    }
    queue_destroy(q); /* waits for all */
    free(tasks);
    if (rc) return rc;
    if (d->rc) {
        if (err) *err = d->err;
        return d->rc;
    }
    if (!going || !report(d, total)) return err_set(err, RC_STOPPED, "stopped while drawing");
    return RC_OK;
}

static const struct {
    const char *code, *name, *city, *postcode;
} shops[SHOPS] = {
    {"web", "Boutique en ligne", "", ""},
    {"paris-marais", "Paris Marais", "Paris", "75004"},
    {"paris-batignolles", "Paris Batignolles", "Paris", "75017"},
    {"lyon-presquile", "Lyon Presqu'île", "Lyon", "69002"},
    {"marseille-joliette", "Marseille Joliette", "Marseille", "13002"},
    {"bordeaux-chartrons", "Bordeaux Chartrons", "Bordeaux", "33000"},
    {"lille-vieux", "Lille Vieux-Lille", "Lille", "59000"},
    {"nantes-graslin", "Nantes Graslin", "Nantes", "44000"},
    {"toulouse-capitole", "Toulouse Capitole", "Toulouse", "31000"},
    {"strasbourg-krutenau", "Strasbourg Krutenau", "Strasbourg", "67000"},
    {"rennes-sainte-anne", "Rennes Sainte-Anne", "Rennes", "35000"},
    {"nice-carabacel", "Nice Carabacel", "Nice", "06000"},
};

static void add_price(struct buf *b, int cents)
{
    if (cents >= 0) buf_addf(b, "%d.%02d EUR", cents / 100, cents % 100);
}

/* Stock of one size in one shop: the web shop has nearly all, a shop about two thirds. */
static int stock_of(const struct demo_options *o, const struct product *p, int size, int shop)
{
    struct rng r = {rng_mix(rng_mix(o->seed, p->seed), (uint64_t)(shop * 64 + size))};
    if (!rng_chance(&r, shop == 0 ? .93 : .6)) return 0;
    return 1 + rng_below(&r, shop == 0 ? 60 : 6);
}

static void write_offers(const struct demo_options *o, const struct product *p, struct buf *feed,
                         struct buf *stock)
{
    static const char *const in[] = {"out_of_stock", "in_stock"};
    for (int s = 0; p->sizes[s]; s++) {
        char id[48];
        snprintf(id, sizeof id, "%s-%s", p->id, p->sizes[s]);
        buf_addf(feed, "%s\t%s\t%s\thttps://boutique.example/p/%s\t%s.jpg\t", id, p->title, p->description,
                 p->id, p->id);
        if (has_detail(p)) buf_addf(feed, "%s-2.jpg", p->id);
        buf_addc(feed, '\t');
        add_price(feed, p->price_cents);
        buf_addc(feed, '\t');
        add_price(feed, p->sale_cents);
        buf_addf(feed, "\t%s\t%s\t%s > %s\t%s\t%s\t%s\t%s\tadulte\t%s\t%s\t%s\t%s\t%s\n",
                 in[stock_of(o, p, s, 0) > 0], p->brand,
                 p->gender == 'm'   ? "Homme"
                 : p->gender == 'w' ? "Femme"
                                    : "Mixte",
                 product_type(p), product_google(p), p->colour->fr, p->sizes[s], product_gender(p, false),
                 product_material(p, false), product_pattern(p, false), p->id, product_season(p, false),
                 product_style(p, false));
        for (int k = 1; k < SHOPS; k++) { /* the web shop's are in the feed */
            int n = stock_of(o, p, s, k);
            buf_addf(stock, "%s\t%s\t", shops[k].code, id);
            add_price(stock, p->price_cents);
            buf_addc(stock, '\t');
            add_price(stock, p->sale_cents);
            buf_addf(stock, "\t%d\t%s\n", n, in[n > 0]);
        }
    }
}

static enum rc write_table(const struct demo_options *o, const char *name, struct buf *b, struct err *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", o->dir, name);
    enum rc rc = buf_check(b, name, err);
    return rc ? rc : fs_write_atomic(path, b->p, b->n, 0644, err);
}

static void product_row(const struct product *p, struct buf *b)
{
    buf_addf(b, "images/%s.jpg,%s,%s,%s,%s,%s,%s,%s,%s,\"%s\"\n", p->id, p->id, product_category(p),
             p->colour->name, product_gender(p, true), product_season(p, true), product_style(p, true),
             product_pattern(p, true), product_material(p, true), p->title);
}

static enum rc write_products(const struct demo_options *o, struct err *err)
{
    struct buf feed = BUF_INIT((size_t)1 << 30), stock = BUF_INIT((size_t)1 << 30), labels = BUF_INIT(64 << 20),
               places = BUF_INIT(1 << 16);
    buf_addz(&feed, "id\ttitle\tdescription\tlink\timage_link\tadditional_image_link\tprice\tsale_"
                    "price\tavailability\tbrand\tproduct_type\t"
                    "google_product_category\tcolor\tsize\tgender\tage_group\tmaterial\tpattern\titem_group_"
                    "id\tseason\tstyle\n");
    buf_addz(&stock, "store_code\tid\tprice\tsale_price\tquantity\tavailability\n");
    buf_addz(&labels, "path,id,category,colour,gender,season,style,pattern,material,title\n");
    buf_addz(&places, "store_code,name,city,postal_code,country\n");
    for (int i = 0; i < o->products; i++) {
        struct product p;
        product_choose(&p, o->seed, i);
        write_offers(o, &p, &feed, &stock);
        product_row(&p, &labels);
    }
    for (int k = 1; k < SHOPS; k++)
        buf_addf(&places, "%s,%s,%s,%s,FR\n", shops[k].code, shops[k].name, shops[k].city, shops[k].postcode);
    enum rc rc = write_table(o, "feed.tsv", &feed, err);
    if (!rc) rc = write_table(o, "inventory.tsv", &stock, err);
    if (!rc) rc = write_table(o, "labels.csv", &labels, err);
    if (!rc) rc = write_table(o, "shops.csv", &places, err);
    buf_release(&feed);
    buf_release(&stock);
    buf_release(&labels);
    buf_release(&places);
    return rc;
}

static enum rc write_photos(const struct drawing *d, struct err *err)
{
    struct buf b = BUF_INIT(1 << 20);
    buf_addz(&b, "path,place,category,colour,gender,season,style,pattern,x,y,w,h\n");
    for (int i = 0; i < d->o->photos; i++) {
        for (int k = 0; k < d->photos[i].n; k++) {
            const struct product *p = &d->photos[i].pieces[k];
            const struct image_box *x = &d->photos[i].boxes[k];
            buf_addf(&b, "wardrobe/photo-%02d.jpg,%s,%s,%s,%s,%s,%s,%s,%.4f,%.4f,%.4f,%.4f\n", i + 1,
                     d->photos[i].place, product_category(p), p->colour->name, product_gender(p, true),
                     product_season(p, true), product_style(p, true), product_pattern(p, true), (double)x->x,
                     (double)x->y, (double)x->w, (double)x->h);
        }
    }
    enum rc rc = write_table(d->o, "wardrobe.csv", &b, err);
    buf_release(&b);
    return rc;
}

static bool stamped(const char *path, const char *stamp)
{
    char *p = NULL;
    size_t n = 0;
    bool same = fs_read(path, 4096, &p, &n, NULL) == RC_OK && n == strlen(stamp) && memcmp(p, stamp, n) == 0;
    free(p);
    return same;
}

static enum rc make_folders(const struct demo_options *o, struct err *err)
{
    static const char *const folders[] = {"images", "wardrobe"};
    enum rc rc = fs_mkdirs(o->dir, 0755, err);
    for (int i = 0; i < 2 && !rc; i++) { /* what an earlier drawing left would be imported too */
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", o->dir, folders[i]);
        rc = fs_remove_tree(path, err);
        if (!rc) rc = fs_mkdirs(path, 0755, err);
    }
    return rc;
}

enum rc demo_draw(const struct demo_options *o, bool *drawn, struct err *err)
{
    char stamp[128], path[PATH_BYTES];
    if (o->products < 1 || o->products > DEMO_MAX_PRODUCTS)
        return err_set(err, RC_INVALID, "the number of products must be 1 to %d", DEMO_MAX_PRODUCTS);
    if (o->photos < 0 || o->photos > DEMO_PHOTOS)
        return err_set(err, RC_INVALID, "the number of photos must be 0 to %d", DEMO_PHOTOS);
    if (strlen(o->dir) > PATH_BYTES - 64) return err_set(err, RC_INVALID, "the path of the folder is too long");
    snprintf(stamp, sizeof stamp, "penderie demo %d seed %llu products %d photos %d\n", DEMO_VERSION,
             (unsigned long long)o->seed, o->products, o->photos);
    snprintf(path, sizeof path, "%s/stamp", o->dir);
    *drawn = false;
    if (stamped(path, stamp)) return RC_OK;
    pen_startup();
    struct drawing *d = calloc(1, sizeof *d);
    if (!d) return err_set(err, RC_NOMEM, "no memory for the drawings");
    d->o = o;
    pthread_mutex_init(&d->lock, NULL);
    unlink(path);
    enum rc rc = make_folders(o, err);
    if (!rc) rc = draw_all(d, err);
    if (!rc) rc = write_products(o, err);
    if (!rc) rc = write_photos(d, err);
    if (!rc) rc = fs_write_atomic(path, stamp, strlen(stamp), 0644, err);
    pthread_mutex_destroy(&d->lock);
    free(d);
    *drawn = rc == RC_OK;
    return rc;
}
