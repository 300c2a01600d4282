/* The catalogue's routes and its settings. Those of imports are in import_job.c. */
#include "catalog/catalog_internal.h"

#include "base/app.h"
#include "base/config.h"
#include "base/module.h"
#include "blob/blob.h"
#include "crypt/crypt.h"
#include "lang/vocab.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { STAFF = HTTP_MERCHANDISER | HTTP_OPERATOR | HTTP_ADMIN, MAX_PICTURE_BYTES = 64 << 20 };

static const struct config_key config[] = {
    {"import_picture_bytes", CONFIG_BYTES, "20m", 1024, 268435456, "The largest picture file an import reads."},
    {"import_picture_timeout", CONFIG_DURATION_MS, "30s", 100, 600000,
     "How long one picture may take over http(s)."},
    {"import_private_addresses", CONFIG_BOOL, "false", 0, 0,
     "Whether imports fetch pictures from private, loopback and link-local addresses. A feed from outside "
     "could "
     "otherwise make this machine read its own network."},
    {0}};

/* ---- products ---- */

/* An ETag for a list or product that costs nothing: the generation is the state of the whole catalogue. */
enum rc catalog_begin_read(const struct http_request *rq, struct store_tx **tx, struct err *err)
{
    return store_begin(rq->app->catalog, STORE_READ, tx, err);
}

static enum rc read_cursor(struct str cursor, int64_t *doc, struct err *err)
{
    uint8_t raw[32];
    size_t n = 0;
    *doc = 0;
    if (!cursor.n) return RC_OK;
    if (!crypt_base64url_decode(cursor, raw, sizeof raw, &n) || n < 2 || raw[0] != 'p' ||
        !str_to_i64((struct str){(char *)raw + 1, n - 1}, doc) || *doc < 0)
        return err_set(err, RC_INVALID, "the cursor is not one of ours");
    return RC_OK;
}

static void write_cursor(struct jout *out, int64_t doc)
{
    char raw[32], text[64];
    int n = snprintf(raw, sizeof raw, "p%lld", (long long)doc);
    crypt_base64url(raw, (size_t)n, text);
    jout_kz(out, "next_cursor", text);
}

static enum rc list_ids(struct store_tx *tx, const struct http_request *rq, int64_t after, int64_t limit,
                        struct str *ids, int64_t *docs, size_t *n, struct err *err)
{
    static const char sql[] =
        "SELECT p.doc, p.id FROM product p WHERE p.hidden = 0 AND p.doc > ?1"
        " AND (?2 IS NULL OR p.category = ?2) AND (?3 IS NULL OR p.brand = ?3)"
        " AND (?4 IS NULL OR EXISTS (SELECT 1 FROM variant v JOIN offer o ON o.variant = v.id"
        " WHERE v.doc = p.doc AND v.hidden = 0 AND o.shop = ?4)) ORDER BY p.doc LIMIT ?5";
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(after), STORE_S(http_param(rq, "category")),
                                       STORE_S(http_param(rq, "brand")), STORE_S(http_param(rq, "shop")),
                                       STORE_I(limit)};
    bool more = false;
    *n = 0;
    enum rc rc = store_query(tx, sql, args, 5, &rows, err);
    while (!rc && *n < (size_t)limit && !(rc = store_next(rows, &more, err)) && more) {
        docs[*n] = store_i64(rows, 0);
        ids[*n] = arena_str(rq->arena, store_text(rows, 1));
        if (!ids[(*n)++].p) rc = err_set(err, RC_NOMEM, "out of memory");
    }
    store_rows_close(rows);
    return rc;
}

static enum rc list_products(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct str ids[101];
    int64_t docs[101], after = 0, limit = http_param_i64(rq, "limit", 20);
    size_t n = 0;
    struct str shop = http_param(rq, "shop");
    const char *shop_z = shop.n ? arena_strz(rq->arena, shop) : "";
    enum rc rc = read_cursor(http_param(rq, "cursor"), &after, err);
    if (!rc) rc = catalog_begin_read(rq, &tx, err);
    if (!rc) rc = list_ids(tx, rq, after, limit + 1, ids, docs, &n, err); /* one more: is there a next page? */
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    for (size_t i = 0; !rc && i < n && i < (size_t)limit; i++)
        rc = catalog_write_product(tx, ids[i], shop_z, &rs->json, err);
    jout_end(&rs->json);
    if (n > (size_t)limit)
        write_cursor(&rs->json, docs[limit - 1]);
    else
        jout_kz(&rs->json, "next_cursor", NULL);
    jout_end(&rs->json);
    store_rollback(tx);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return rc;
}

static enum rc get_product(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct str shop = http_param(rq, "shop");
    enum rc rc = catalog_begin_read(rq, &tx, err);
    if (!rc)
        rc = catalog_write_product(tx, http_param(rq, "id"), shop.n ? arena_strz(rq->arena, shop) : "",
                                   &rs->json, err);
    store_rollback(tx);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return rc;
}

static enum rc get_offers(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = catalog_begin_read(rq, &tx, err);
    if (!rc) rc = catalog_write_offers(tx, http_param(rq, "id"), &rs->json, err);
    store_rollback(tx);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return rc;
}

/* ---- pictures ---- */

static enum rc look_up_picture(struct store_tx *tx, struct str sha, char mime[static 32], int64_t *widths,
                               struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_S(sha)};
    bool more = false;
    enum rc rc = store_query(tx, "SELECT mime, widths FROM picture WHERE sha = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more) rc = err_set(err, RC_NOT_FOUND, "there is no such picture");
    if (!rc) {
        snprintf(mime, 32, "%.*s", STR_ARG(store_text(rows, 0)));
        *widths = store_i64(rows, 1);
    }
    store_rows_close(rows);
    return rc;
}

static enum rc read_picture(struct blob *blobs, const char *sha, int64_t want, int64_t widths, char **p,
                            size_t *n, bool *original, struct err *err)
{
    char key[CATALOG_BLOB_KEY_BYTES];
    int width = want == 240 && (widths & 1) ? 240 : want == 640 && (widths & 2) ? 640 : 0;
    *original = width == 0;
    catalog_blob_key(sha, width, key);
    enum rc rc = blob_get(blobs, key, MAX_PICTURE_BYTES, p, n, err);
    if (rc != RC_NOT_FOUND || *original) return rc;
    *original = true; /* the smaller one was lost with a power failure */
    catalog_blob_key(sha, 0, key);
    return blob_get(blobs, key, MAX_PICTURE_BYTES, p, n, err);
}

static enum rc get_picture(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct str sha = http_param(rq, "sha");
    char mime[32] = "", *p = NULL;
    int64_t widths = 0;
    size_t n = 0;
    bool original = false;
    enum rc rc = catalog_begin_read(rq, &tx, err);
    if (!rc) rc = look_up_picture(tx, sha, mime, &widths, err);
    store_rollback(tx);
    const char *name = rc ? NULL : arena_strz(rq->arena, sha);
    if (!rc && !name) rc = err_set(err, RC_NOMEM, "out of memory");
    if (!rc)
        rc = read_picture(rq->app->blobs, name, http_param_i64(rq, "w", 0), widths, &p, &n, &original, err);
    if (!rc) {
        buf_add_bytes(&rs->body, p, n);
        rs->type = original ? arena_strz(rq->arena, str_of(mime)) : "image/jpeg";
        rs->etag = true;
        rs->cache_control = "public, max-age=31536000, immutable"; /* the address names the bytes */
        rc = buf_check(&rs->body, "the picture", err);
    }
    free(p);
    return rc;
}

/* ---- categories and shops ---- */

/* The vocabulary for labels; opened at the start of `serve`, immutable. */
static struct vocab *labels;

static enum rc list_categories(struct http_request *rq, struct http_response *rs, struct err *err)
{
    const char *const *names = NULL;
    size_t n = labels ? vocab_names(labels, VOCAB_CATEGORY, &names) : 0;
    struct store_tx *tx = NULL;
    enum rc rc = catalog_begin_read(rq, &tx, err);
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    for (size_t i = 0; !rc && i < n; i++) {
        int64_t count = 0;
        const struct store_value args[] = {STORE_Z(names[i])};
        rc = store_get_i64(tx, "SELECT count(*) FROM product WHERE category = ?1 AND hidden = 0", args, 1,
                           &count, NULL, err);
        jout_object(&rs->json);
        jout_kz(&rs->json, "category", names[i]);
        jout_kz(&rs->json, "group", vocab_group(labels, names[i]));
        jout_kz(&rs->json, "fr", vocab_label(labels, VOCAB_CATEGORY, names[i], "fr"));
        jout_kz(&rs->json, "en", vocab_label(labels, VOCAB_CATEGORY, names[i], "en"));
        jout_ki64(&rs->json, "products", count);
        jout_end(&rs->json);
    }
    jout_end(&rs->json);
    jout_end(&rs->json);
    store_rollback(tx);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return rc;
}

static enum rc list_shops(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = catalog_begin_read(rq, &tx, err);
    if (!rc) rc = store_query(tx, "SELECT shop, name, city FROM shop ORDER BY name, shop", NULL, 0, &rows, err);
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        jout_object(&rs->json);
        jout_kstr(&rs->json, "shop", store_text(rows, 0));
        jout_kstr(&rs->json, "name", store_text(rows, 1));
        if (store_is_null(rows, 2))
            jout_kz(&rs->json, "city", NULL);
        else
            jout_kstr(&rs->json, "city", store_text(rows, 2));
        jout_end(&rs->json);
    }
    jout_end(&rs->json);
    jout_end(&rs->json);
    store_rows_close(rows);
    store_rollback(tx);
    rs->etag = true;
    rs->cache_control = "no-cache";
    return rc;
}

/* ---- start and stop ---- */

static enum rc start(struct app *app, struct err *err)
{
    char house[PATH_MAX];
    snprintf(house, sizeof house, "%s/vocabulary", app->data_dir);
    enum rc rc = vocab_open(NULL, house, &labels, err);
    return rc ? rc : catalog_jobs_start(app, err);
}

static void stop(struct app *app)
{
    (void)app;
    catalog_jobs_stop();
    vocab_close(labels);
    labels = NULL;
}

/* ---- tables ---- */

#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define MONEY "{\"type\":[\"number\",\"null\"],\"minimum\":0}"
#define LIMIT_PARAM(most) "{\"type\":\"integer\",\"minimum\":1,\"maximum\":" most ",\"default\":20}"

static const struct http_param list_params[] = {
    {"limit", HTTP_IN_QUERY, false, LIMIT_PARAM("100"), "How many at most."},
    {"cursor", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":64}",
     "next_cursor of the page before."},
    {"category", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":100}", "Only this category."},
    {"brand", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":500}", "Only this brand."},
    {"shop", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":60}",
     "Only what this shop has, with its prices."},
    {0}};
static const struct http_param product_params[] = {
    {"id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}", "The product."},
    {"shop", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":60}", "Prices and stock of this shop."},
    {0}};
static const struct http_param offers_params[] = {
    {"id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}", "The product."}, {0}};
static const struct http_param picture_params[] = {
    {"sha", HTTP_IN_PATH, true, "{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{64}$\"}",
     "SHA-256 of the original."},
    {"w", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"enum\":[240,640]}",
     "The longest side, where a smaller picture was made; else the original comes."},
    {0}};
static const struct http_param imports_params[] = {
    {"limit", HTTP_IN_QUERY, false, LIMIT_PARAM("100"), "How many at most."}, {0}};
static const struct http_param import_params[] = {
    {"id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}", "The import."}, {0}};

const struct http_route catalog_routes[] = {
    {.path = "/v1/products",
     .method = "GET",
     .operation = "listProducts",
     .tag = "catalogue",
     .summary = "Products, page by page.",
     .handler = list_products,
     .roles = HTTP_ANYONE,
     .params = list_params,
     .answer_schema = "ProductList"},
    {.path = "/v1/products/{id}",
     .method = "GET",
     .operation = "getProduct",
     .tag = "catalogue",
     .summary = "One product with its variants.",
     .handler = get_product,
     .roles = HTTP_ANYONE,
     .params = product_params,
     .answer_schema = "Product"},
    {.path = "/v1/products/{id}/offers",
     .method = "GET",
     .operation = "listOffers",
     .tag = "catalogue",
     .summary = "Price and stock of a product in every shop that offers it, the web shop first.",
     .handler = get_offers,
     .roles = HTTP_ANYONE,
     .params = offers_params,
     .answer_schema = "OfferList"},
    {.path = "/v1/pictures/{sha}",
     .method = "GET",
     .operation = "getPicture",
     .tag = "catalogue",
     .summary = "A picture of a product.",
     .handler = get_picture,
     .roles = HTTP_ANYONE,
     .params = picture_params,
     .answer_type = "image/*"},
    {.path = "/v1/categories",
     .method = "GET",
     .operation = "listCategories",
     .tag = "catalogue",
     .summary = "The taxonomy, with labels and how many products each category has.",
     .handler = list_categories,
     .roles = HTTP_ANYONE,
     .answer_schema = "CategoryList"},
    {.path = "/v1/shops",
     .method = "GET",
     .operation = "listShops",
     .tag = "catalogue",
     .summary = "The house's shops.",
     .handler = list_shops,
     .roles = HTTP_ANYONE,
     .answer_schema = "ShopList"},
    {.path = "/v1/imports",
     .method = "POST",
     .operation = "uploadImport",
     .tag = "imports",
     .summary = "Import an uploaded feed, with its pictures as a zip file.",
     .handler = catalog_upload_import,
     .roles = STAFF,
     .flags = HTTP_IDEMPOTENT,
     .body = HTTP_BODY_MULTIPART,
     .body_schema = "ImportUpload",
     .answer_schema = "ImportQueued",
     .answer_status = 202},
    {.path = "/v1/imports/incoming",
     .method = "POST",
     .operation = "importIncoming",
     .tag = "imports",
     .summary = "Import files that lie in the data folder's incoming folder.",
     .handler = catalog_import_incoming,
     .roles = STAFF,
     .flags = HTTP_IDEMPOTENT,
     .body = HTTP_BODY_JSON,
     .body_schema = "ImportIncoming",
     .answer_schema = "ImportQueued",
     .answer_status = 202},
    {.path = "/v1/imports",
     .method = "GET",
     .operation = "listImports",
     .tag = "imports",
     .summary = "Imports, the newest first.",
     .handler = catalog_list_imports,
     .roles = STAFF,
     .params = imports_params,
     .answer_schema = "ImportList"},
    {.path = "/v1/imports/{id}",
     .method = "GET",
     .operation = "getImport",
     .tag = "imports",
     .summary = "One import, with its counts.",
     .handler = catalog_get_import,
     .roles = STAFF,
     .params = import_params,
     .answer_schema = "Import"},
    {0}};

const struct http_schema catalog_schemas[] = {
    {"Product",
     "{\"type\":\"object\",\"required\":[\"id\",\"title\",\"variants\",\"available\"],\"properties\":{"
     "\"id\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"description\":" TEXT_OR_NULL
     ",\"link\":" TEXT_OR_NULL ",\"brand\":" TEXT_OR_NULL ",\"product_type\":" TEXT_OR_NULL
     ",\"category\":" TEXT_OR_NULL ",\"colour\":" TEXT_OR_NULL ",\"gender\":" TEXT_OR_NULL
     ",\"age_group\":" TEXT_OR_NULL ",\"season\":" TEXT_OR_NULL ",\"style\":" TEXT_OR_NULL
     ",\"material\":" TEXT_OR_NULL ",\"pattern\":" TEXT_OR_NULL ","
     "\"filled\":{\"type\":\"object\",\"description\":\"Attributes that the model filled, with their "
     "probability.\","
     "\"additionalProperties\":{\"type\":\"object\",\"required\":[\"p\"],\"properties\":{\"p\":{\"type\":"
     "\"number\","
     "\"minimum\":0,\"maximum\":1}}}},"
     "\"extra\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
     "\"first_seen\":{\"type\":\"string\",\"format\":\"date-time\"},\"changed\":{\"type\":\"string\","
     "\"format\":\"date-time\"},"
     "\"picture\":" TEXT_OR_NULL
     ",\"colours\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
     "\"name\":{\"type\":\"string\"},\"share\":{\"type\":\"number\"}}}},"
     "\"pictures\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"url\":{\"type\":"
     "\"string\"},"
     "\"width\":{\"type\":\"integer\"},\"height\":{\"type\":\"integer\"}}}},"
     "\"sizes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"price\":" MONEY ",\"sale_price\":" MONEY
     ","
     "\"currency\":" TEXT_OR_NULL ",\"available\":{\"type\":\"boolean\"},"
     "\"variants\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Variant\"}}}}"},
    {"Variant", "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"},"
                "\"colour\":" TEXT_OR_NULL ",\"size\":" TEXT_OR_NULL ",\"price\":" MONEY
                ",\"sale_price\":" MONEY ",\"availability\":{\"type\":[\"string\",\"null\"],"
                "\"enum\":[\"in_stock\",\"out_of_stock\",\"preorder\",\"backorder\",null]},\"quantity\":{"
                "\"type\":[\"integer\",\"null\"]}}}"},
    {"OfferList",
     "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":{"
     "\"type\":\"object\",\"required\":[\"shop\",\"name\",\"city\",\"variants\",\"price\",\"sale_price\","
     "\"currency\","
     "\"available\"],\"properties\":{\"shop\":{\"type\":\"string\",\"description\":\"Empty: the web "
     "shop.\"},\"name\":" TEXT_OR_NULL ",\"city\":" TEXT_OR_NULL ",\"price\":" MONEY ",\"sale_price\":" MONEY
     ",\"currency\":{\"type\":\"string\"},\"available\":{\"type\":\"boolean\",\"description\":\"Whether any "
     "variant can be had "
     "there.\"},\"variants\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Variant\"}}}}}}}"},
    {"ProductList", "{\"type\":\"object\",\"required\":[\"items\",\"next_cursor\"],\"properties\":{\"items\":{"
                    "\"type\":\"array\",\"items\":"
                    "{\"$ref\":\"#/components/schemas/Product\"}},\"next_cursor\":" TEXT_OR_NULL "}}"},
    {"CategoryList", "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":"
                     "\"array\",\"items\":{\"type\":\"object\","
                     "\"required\":[\"category\",\"products\"],\"properties\":{\"category\":{\"type\":"
                     "\"string\"},\"group\":" TEXT_OR_NULL ",\"fr\":" TEXT_OR_NULL ",\"en\":" TEXT_OR_NULL
                     ",\"products\":{\"type\":\"integer\"}}}}}}"},
    {"ShopList", "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\","
                 "\"items\":{\"type\":\"object\","
                 "\"required\":[\"shop\",\"name\"],\"properties\":{\"shop\":{\"type\":\"string\"},\"name\":{"
                 "\"type\":\"string\"},\"city\":" TEXT_OR_NULL "}}}}}"},
    {"ImportUpload",
     "{\"type\":\"object\",\"required\":[\"feed\"],\"properties\":{\"feed\":{\"type\":\"string\",\"format\":"
     "\"binary\"},"
     "\"images\":{\"type\":\"string\",\"format\":\"binary\",\"description\":\"A zip file.\"},"
     "\"inventory\":{\"type\":\"string\",\"format\":\"binary\"},\"shops\":{\"type\":\"string\",\"format\":"
     "\"binary\"},"
     "\"columns\":{\"type\":\"string\"},\"prune\":{\"type\":\"string\",\"enum\":[\"true\",\"false\"]},"
     "\"force\":{\"type\":\"string\",\"enum\":[\"true\",\"false\"]}}}"},
    {"ImportIncoming",
     "{\"type\":\"object\",\"required\":[\"feed_path\"],\"additionalProperties\":false,\"properties\":{"
     "\"feed_path\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200},\"images_path\":{\"type\":"
     "\"string\",\"maxLength\":200},"
     "\"inventory_path\":{\"type\":\"string\",\"maxLength\":200},\"shops_path\":{\"type\":\"string\","
     "\"maxLength\":200},"
     "\"columns\":{\"type\":\"string\",\"maxLength\":4000},\"prune\":{\"type\":\"boolean\"},\"force\":{"
     "\"type\":\"boolean\"}}}"},
    {"ImportQueued",
     "{\"type\":\"object\",\"required\":[\"id\",\"state\"],\"properties\":{\"id\":{\"type\":\"string\"},"
     "\"state\":{\"type\":\"string\"}}}"},
    {"ImportCounts",
     "{\"type\":\"object\",\"properties\":{\"run\":{\"type\":\"string\"},\"format\":{\"type\":\"string\"},"
     "\"rows\":{\"type\":\"integer\"},\"rejected\":{\"type\":\"integer\"},\"problems\":{\"type\":\"integer\"},"
     "\"added\":{\"type\":\"integer\"},\"changed\":{\"type\":\"integer\"},\"unchanged\":{\"type\":\"integer\"},"
     "\"hidden\":{\"type\":\"integer\"},\"pictures_read\":{\"type\":\"integer\"},\"pictures_reused\":{\"type\":"
     "\"integer\"},"
     "\"pictures_failed\":{\"type\":\"integer\"},\"near_duplicates\":{\"type\":\"integer\"},\"filled\":{"
     "\"type\":\"integer\"},"
     "\"seconds\":{\"type\":\"number\"},\"pictures_per_second\":{\"type\":\"number\"}}}"},
    {"Import",
     "{\"type\":\"object\",\"required\":[\"id\",\"state\",\"started\"],\"properties\":{\"id\":{\"type\":"
     "\"string\"},"
     "\"feed\":{\"type\":\"string\"},\"state\":{\"type\":\"string\",\"enum\":[\"queued\",\"running\",\"done\","
     "\"failed\","
     "\"interrupted\"]},\"started\":{\"type\":\"string\",\"format\":\"date-time\"},\"ended\":" TEXT_OR_NULL
     ",\"counts\":{\"$ref\":\"#/components/schemas/ImportCounts\"},\"message\":" TEXT_OR_NULL "}}"},
    {"ImportList",
     "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
     "{\"$ref\":\"#/components/schemas/Import\"}}}}"},
    {0}};

const struct module catalog_module = {.name = "catalog",
                                      .config = config,
                                      .migrations = catalog_migrations,
                                      .metrics = catalog_import_metrics,
                                      .routes = catalog_routes,
                                      .schemas = catalog_schemas,
                                      .start = start,
                                      .stop = stop};
