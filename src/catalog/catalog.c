/* Reading the catalogue: what rank/ loads and what the API shows. */
#include "catalog/catalog_internal.h"

#include "base/clock.h"
#include "base/jout.h"
#include "base/jval.h"
#include "crypt/crypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct fts_schema catalog_fts = {
    .table = "product_fts",
    .fields = {"title", "brand", "attributes", "text"},
    .weights = {4, 3, 3, 1},
};

void catalog_digest(struct str bytes, char hex[static CATALOG_SHA_BYTES])
{
    uint8_t digest[CRYPT_SHA256_BYTES];
    crypt_sha256(bytes, digest);
    crypt_hex(digest, sizeof digest, hex);
}

void catalog_blob_key(const char *sha, int width, char out[static CATALOG_BLOB_KEY_BYTES])
{
    if (width)
        snprintf(out, CATALOG_BLOB_KEY_BYTES, "pictures/%.2s/%s.w%d", sha, sha, width);
    else
        snprintf(out, CATALOG_BLOB_KEY_BYTES, "pictures/%.2s/%s", sha, sha);
}

/* ---- meta ---- */

enum rc catalog_meta_get(struct store_tx *tx, const char *key, char *out, size_t cap, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_Z(key)};
    bool more = false;
    out[0] = 0;
    enum rc rc = store_query(tx, "SELECT value FROM meta WHERE key = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        struct str value = store_text(rows, 0);
        if (value.n >= cap)
            rc = err_set(err, RC_CORRUPT, "meta %s is too long", key);
        else
            snprintf(out, cap, "%.*s", STR_ARG(value));
    }
    store_rows_close(rows);
    return rc;
}

enum rc catalog_meta_set(struct store_tx *tx, const char *key, const char *value, struct err *err)
{
    const struct store_value args[] = {STORE_Z(key), STORE_Z(value)};
    return store_exec(tx,
                      "INSERT INTO meta (key, value) VALUES (?1, ?2)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      args, 2, NULL, err);
}

enum rc catalog_generation(struct store_tx *tx, int64_t *generation, char model[static 128], struct err *err)
{
    char value[32];
    enum rc rc = catalog_meta_get(tx, "generation", value, sizeof value, err);
    if (!rc) rc = catalog_meta_get(tx, "model", model, 128, err);
    if (rc) return rc;
    *generation = 0;
    if (value[0] && !str_to_i64(str_of(value), generation))
        return err_set(err, RC_CORRUPT, "meta generation is not a number");
    return RC_OK;
}

/* ---- for rank/ ---- */

/* Text of a column; p NULL for NULL. */
static struct str text_or_none(const struct store_rows *rows, int column)
{
    return store_is_null(rows, column) ? STR_NONE : store_text(rows, column);
}

static enum rc copy_vector(const struct store_rows *rows, int column, float **buffer, size_t *cap,
                           struct catalog_row *row, struct err *err)
{
    row->embedding = NULL;
    row->dim = 0;
    if (store_is_null(rows, column)) return RC_OK;
    struct str blob = store_blob(rows, column);
    if (!blob.n || blob.n % sizeof(float)) return err_set(err, RC_CORRUPT, "an embedding has a wrong length");
    if (blob.n > *cap) {
        float *bigger = realloc(*buffer, blob.n);
        if (!bigger) return err_set(err, RC_NOMEM, "out of memory reading embeddings");
        *buffer = bigger;
        *cap = blob.n;
    }
    memcpy(*buffer, blob.p, blob.n); /* the store's bytes need not be aligned */
    row->embedding = *buffer;
    row->dim = blob.n / sizeof(float);
    return RC_OK;
}

enum rc catalog_each(struct store_tx *tx, catalog_row_fn each, void *ctx, struct err *err)
{
    static const char sql[] =
        "SELECT p.doc, p.id, p.title, p.brand, p.link, p.picture, p.category, p.colour, p.gender, p.age_group,"
        " p.season, p.style, p.material, p.pattern, c.colours, p.filled_bits, p.sizes, p.first_seen_ms,"
        " c.dhash, e.vector"
        " FROM product p LEFT JOIN picture c ON c.sha = p.picture"
        " LEFT JOIN embedding e ON e.sha = p.picture AND e.model = ?1"
        " WHERE p.hidden = 0 ORDER BY p.doc";
    int64_t generation;
    char model[128];
    float *buffer = NULL;
    size_t cap = 0;
    bool more = false;
    struct store_rows *rows = NULL;
    enum rc rc = catalog_generation(tx, &generation, model, err);
    if (rc) return rc;
    const struct store_value args[] = {STORE_Z(model)};
    rc = store_query(tx, sql, args, 1, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct catalog_row row = {.doc = store_i64(rows, 0)};
        struct str *text[] = {&row.id,       &row.title,    &row.brand,   &row.link,      &row.picture,
                              &row.category, &row.colour,   &row.gender,  &row.age_group, &row.season,
                              &row.style,    &row.material, &row.pattern, &row.colours};
        for (int i = 0; i < 14; i++)
            *text[i] = text_or_none(rows, i + 1);
        row.filled = (uint32_t)store_i64(rows, 15);
        row.sizes = store_text(rows, 16);
        row.first_seen_ms = store_i64(rows, 17);
        row.dhash = (uint64_t)store_i64(rows, 18);
        rc = copy_vector(rows, 19, &buffer, &cap, &row, err);
        if (!rc) rc = each(&row, ctx, err);
    }
    store_rows_close(rows);
    free(buffer);
    return rc;
}

/* Whether offer a is shown before b: available first, then what is paid. */
static bool better(const struct catalog_offer *a, const struct catalog_offer *b)
{
    if (a->available != b->available) return a->available;
    int64_t pa = a->sale_cents >= 0 ? a->sale_cents : a->price_cents;
    int64_t pb = b->sale_cents >= 0 ? b->sale_cents : b->price_cents;
    if (pa < 0 || pb < 0) return pa >= 0 && pb < 0;
    return pa < pb;
}

enum { MAX_SHOPS = 4096, SHOP_BYTES = 100 };
struct best {
    struct catalog_offer offer;
    char shop[SHOP_BYTES], currency[4];
};

static enum rc flush_offers(struct best *best, size_t *n, catalog_offer_fn each, void *ctx, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < *n; i++) {
        best[i].offer.shop = str_of(best[i].shop);
        best[i].offer.currency = str_of(best[i].currency);
        rc = each(&best[i].offer, ctx, err);
    }
    *n = 0;
    return rc;
}

static void keep_offer(struct best *best, size_t *n, const struct catalog_offer *o)
{
    size_t i = 0;
    while (i < *n && !str_eqz(o->shop, best[i].shop))
        i++;
    if (i == MAX_SHOPS || (i < *n && !better(o, &best[i].offer))) return;
    best[i].offer = *o;
    snprintf(best[i].shop, SHOP_BYTES, "%.*s", STR_ARG(o->shop));
    snprintf(best[i].currency, sizeof best[i].currency, "%.*s", STR_ARG(o->currency));
    if (i == *n) ++*n;
}

static struct catalog_offer read_offer(const struct store_rows *rows)
{
    return (struct catalog_offer){.doc = store_i64(rows, 0),
                                  .shop = store_text(rows, 1),
                                  .currency = store_text(rows, 2),
                                  .price_cents = store_is_null(rows, 3) ? -1 : store_i64(rows, 3),
                                  .sale_cents = store_is_null(rows, 4) ? -1 : store_i64(rows, 4),
                                  .available = !str_eqz(store_text(rows, 5), "out_of_stock")};
}

enum rc catalog_each_offer(struct store_tx *tx, catalog_offer_fn each, void *ctx, struct err *err)
{
    static const char sql[] = "SELECT v.doc, o.shop, o.currency, o.price_cents, o.sale_cents, o.availability"
                              " FROM variant v JOIN offer o ON o.variant = v.id"
                              " WHERE v.hidden = 0 ORDER BY v.doc";
    struct best *best = calloc(MAX_SHOPS, sizeof *best);
    if (!best) return err_set(err, RC_NOMEM, "out of memory reading offers");
    struct store_rows *rows = NULL;
    size_t n = 0;
    int64_t doc = 0;
    bool more = false;
    enum rc rc = store_query(tx, sql, NULL, 0, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct catalog_offer o = read_offer(rows);
        if (o.doc != doc) rc = flush_offers(best, &n, each, ctx, err);
        doc = o.doc;
        if (!rc) keep_offer(best, &n, &o);
    }
    if (!rc) rc = flush_offers(best, &n, each, ctx, err);
    store_rows_close(rows);
    free(best);
    return rc;
}

/* ---- the product as JSON ---- */

static void write_text(struct jout *out, const char *key, const struct store_rows *rows, int column)
{
    if (store_is_null(rows, column))
        jout_kz(out, key, NULL);
    else
        jout_kstr(out, key, store_text(rows, column));
}

static void write_money(struct jout *out, const char *key, int64_t cents)
{
    jout_key(out, key);
    if (cents < 0)
        jout_null(out);
    else
        jout_dec(out, (double)cents / 100, 2);
}

static enum rc write_pictures(struct store_tx *tx, int64_t doc, struct jout *out, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(doc)};
    bool more = false, first = true;
    enum rc rc = store_query(tx,
                             "SELECT c.sha, c.width, c.height, c.colours FROM product_picture x"
                             " JOIN picture c ON c.sha = x.sha WHERE x.doc = ?1 ORDER BY x.position",
                             args, 1, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        char url[128];
        struct str sha = store_text(rows, 0);
        snprintf(url, sizeof url, "/v1/pictures/%.*s", STR_ARG(sha));
        if (first) {
            jout_kz(out, "picture", url);
            jout_key(out, "colours");
            jout_raw(out, store_text(rows, 3));
            jout_key(out, "pictures");
            jout_array(out);
        }
        first = false;
        jout_object(out);
        jout_kz(out, "url", url);
        jout_ki64(out, "width", store_i64(rows, 1));
        jout_ki64(out, "height", store_i64(rows, 2));
        jout_end(out);
    }
    store_rows_close(rows);
    if (first) {
        jout_kz(out, "picture", NULL);
        jout_key(out, "colours");
        jout_array(out);
        jout_end(out);
        jout_key(out, "pictures");
        jout_array(out);
    }
    jout_end(out);
    return rc;
}

struct variants {
    struct catalog_offer best;
    bool any_offer;
    char currency[4];
    struct buf sizes; /* JSON array of sizes that can be had in this shop, each once */
    struct jout sizes_out;
};

static void write_variant(struct jout *out, struct variants *v, const struct store_rows *rows)
{
    bool has_offer = !store_is_null(rows, 5);
    struct catalog_offer o = {.currency = store_text(rows, 7),
                              .price_cents = store_is_null(rows, 3) ? -1 : store_i64(rows, 3),
                              .sale_cents = store_is_null(rows, 4) ? -1 : store_i64(rows, 4),
                              .available = has_offer && !str_eqz(store_text(rows, 5), "out_of_stock")};
    jout_object(out);
    jout_kstr(out, "id", store_text(rows, 0));
    write_text(out, "colour", rows, 1);
    write_text(out, "size", rows, 2);
    write_money(out, "price", o.price_cents);
    write_money(out, "sale_price", o.sale_cents);
    write_text(out, "availability", rows, 5);
    jout_key(out, "quantity");
    if (store_is_null(rows, 6))
        jout_null(out);
    else
        jout_i64(out, store_i64(rows, 6));
    jout_end(out);
    if (has_offer && (!v->any_offer || better(&o, &v->best))) {
        v->any_offer = true;
        v->best = o;
        snprintf(v->currency, sizeof v->currency, "%.*s", STR_ARG(o.currency));
    }
    struct str size = store_text(rows, 2);
    if (!o.available || !size.n) return;
    struct buf quoted = BUF_INIT((size_t)4096);
    struct jout one = JOUT_INIT(&quoted);
    jout_str(&one, size);
    if (!quoted.failed && str_find(buf_str(&v->sizes), buf_str(&quoted)) == SIZE_MAX)
        jout_str(&v->sizes_out, size);
    buf_release(&quoted);
}

static enum rc write_variants(struct store_tx *tx, int64_t doc, const char *shop, struct jout *out,
                              struct err *err)
{
    static const char sql[] =
        "SELECT v.id, v.colour, coalesce(v.size, v.size_label), o.price_cents, o.sale_cents, o.availability,"
        " o.quantity, o.currency FROM variant v LEFT JOIN offer o ON o.variant = v.id AND o.shop = ?2"
        " WHERE v.doc = ?1 AND v.hidden = 0 ORDER BY v.position";
    struct variants v = {.best = {.price_cents = -1, .sale_cents = -1}, .sizes = BUF_INIT((size_t)1 << 20)};
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(doc), STORE_Z(shop)};
    bool more = false;
    v.sizes_out = JOUT_INIT(&v.sizes);
    jout_array(&v.sizes_out);
    enum rc rc = store_query(tx, sql, args, 2, &rows, err);
    jout_key(out, "variants");
    jout_array(out);
    while (!rc && !(rc = store_next(rows, &more, err)) && more)
        write_variant(out, &v, rows);
    jout_end(out);
    store_rows_close(rows);
    jout_end(&v.sizes_out);
    jout_key(out, "sizes");
    jout_raw(out, v.sizes.failed ? STR("[]") : buf_str(&v.sizes));
    write_money(out, "price", v.best.price_cents);
    write_money(out, "sale_price", v.best.sale_cents);
    jout_kz(out, "currency", v.any_offer ? v.currency : NULL);
    jout_kbool(out, "available", v.any_offer && v.best.available);
    buf_release(&v.sizes);
    return rc;
}

enum rc catalog_write_product(struct store_tx *tx, struct str id, const char *shop, struct jout *out,
                              struct err *err)
{
    static const char *const columns[] = {"id",           "title",    "description", "link",   "brand",
                                          "product_type", "category", "colour",      "gender", "age_group",
                                          "season",       "style",    "material",    "pattern"};
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_S(id)};
    bool more = false;
    char at[25];
    enum rc rc = store_query(tx,
                             "SELECT id, title, description, link, brand, product_type, category, colour,"
                             " gender, age_group, season, style, material, pattern, filled, extra, doc,"
                             " first_seen_ms, changed_ms FROM product WHERE id = ?1 AND hidden = 0",
                             args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more)
        rc = err_set(err, RC_NOT_FOUND, "there is no product \"%.*s\"", STR_ARG(str_utf8_cut(id, 80)));
    if (rc) goto out;
    jout_object(out);
    for (int i = 0; i < 14; i++)
        write_text(out, columns[i], rows, i);
    jout_key(out, "filled");
    jout_raw(out, store_text(rows, 14));
    jout_key(out, "extra");
    jout_raw(out, store_text(rows, 15));
    clock_rfc3339(store_i64(rows, 17), at);
    jout_kz(out, "first_seen", at);
    clock_rfc3339(store_i64(rows, 18), at);
    jout_kz(out, "changed", at);
    int64_t doc = store_i64(rows, 16);
    store_rows_close(rows);
    rows = NULL;
    rc = write_pictures(tx, doc, out, err);
    if (!rc) rc = write_variants(tx, doc, shop ? shop : "", out, err);
    jout_end(out);
out:
    store_rows_close(rows);
    return rc;
}
