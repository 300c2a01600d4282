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

/* ---- the product as JSON ---- */

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

static void note_variant(struct variants *v, const struct store_rows *rows, const struct catalog_offer *o)
{
    if (!store_is_null(rows, CATALOG_COL_AVAILABILITY) && (!v->any_offer || catalog_better(o, &v->best))) {
        v->any_offer = true;
        v->best = *o;
        snprintf(v->currency, sizeof v->currency, "%.*s", STR_ARG(o->currency));
    }
    struct str size = store_text(rows, CATALOG_COL_SIZE);
    if (!o->available || !size.n) return;
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
    static const char sql[] = "SELECT " CATALOG_OFFER_COLUMNS(
        "?3") " FROM variant v LEFT JOIN offer o ON o.variant = v.id"
              " AND o.shop = ?2 WHERE v.doc = ?1 AND v.hidden = 0 ORDER BY v.position";
    struct variants v = {.best = {.price_cents = -1, .sale_cents = -1}, .sizes = BUF_INIT((size_t)1 << 20)};
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(doc), STORE_Z(shop), STORE_I(clock_now_ms())};
    bool more = false;
    v.sizes_out = JOUT_INIT(&v.sizes);
    jout_array(&v.sizes_out);
    enum rc rc = store_query(tx, sql, args, 3, &rows, err);
    jout_key(out, "variants");
    jout_array(out);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct catalog_offer o = catalog_write_variant(out, rows);
        note_variant(&v, rows, &o);
    }
    jout_end(out);
    store_rows_close(rows);
    jout_end(&v.sizes_out);
    jout_key(out, "sizes");
    jout_raw(out, v.sizes.failed ? STR("[]") : buf_str(&v.sizes));
    catalog_write_money(out, "price", v.best.price_cents);
    catalog_write_money(out, "sale_price", v.best.sale_cents);
    jout_kz(out, "currency", v.any_offer ? v.currency : NULL);
    jout_kbool(out, "available", v.any_offer && v.best.available);
    buf_release(&v.sizes);
    return rc;
}

enum rc catalog_no_product(struct str id, struct err *err)
{
    return err_set(err, RC_NOT_FOUND, "there is no product \"%.*s\"", STR_ARG(str_utf8_cut(id, 80)));
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
    if (!rc && !more) rc = catalog_no_product(id, err);
    if (rc) goto out;
    jout_object(out);
    for (int i = 0; i < 14; i++)
        catalog_write_text(out, columns[i], rows, i);
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
