/*
 * Shopify's product CSV (help.shopify.com, "Using CSV files to import and export products"): the first row
 * of a handle describes the product and its first variant; further rows with the same handle and no title
 * add a variant, a picture, or both. Columns were renamed in 2024 ("Handle" is "URL handle", "Variant Price"
 * is "Price", ...): both names are in the table below.
 *
 * One row a variant comes out: the product's values repeated, item_group_id = handle, id = SKU or else the
 * handle with the option values. The compare-at price, when higher, is the price and the price the sale
 * price. The product's pictures are image_link (the variant's own first) and additional_image_link.
 * Drafts and archived or unpublished products are passed over with a problem line.
 */
#include "catalog/feed_internal.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum column {
    HANDLE,
    TITLE,
    BODY,
    VENDOR,
    CATEGORY,
    TYPE,
    TAGS,
    PUBLISHED,
    STATUS,
    SKU,
    BARCODE,
    PRICE,
    COMPARE_AT,
    QUANTITY,
    TRACKER,
    POLICY,
    IMAGE,
    IMAGE_POSITION,
    VARIANT_IMAGE,
    OPTION1_NAME,
    OPTION1,
    OPTION2_NAME,
    OPTION2,
    OPTION3_NAME,
    OPTION3,
    GENDER,
    AGE_GROUP,
    GOOGLE_CATEGORY,
    COLOR,
    SIZE,
    FABRIC,
    COLUMNS
};

/* Folded headings; several may lead to one column, the first present wins. */
static const struct {
    const char *heading;
    enum column column;
} table[] = {
    {"handle", HANDLE},
    {"url_handle", HANDLE},
    {"title", TITLE},
    {"body_(html)", BODY},
    {"body_html", BODY},
    {"description", BODY},
    {"vendor", VENDOR},
    {"product_category", CATEGORY},
    {"standardized_product_type", CATEGORY},
    {"standard_product_type", CATEGORY},
    {"type", TYPE},
    {"custom_product_type", TYPE},
    {"tags", TAGS},
    {"published", PUBLISHED},
    {"published_on_online_store", PUBLISHED},
    {"status", STATUS},
    {"variant_sku", SKU},
    {"sku", SKU},
    {"variant_barcode", BARCODE},
    {"barcode", BARCODE},
    {"variant_price", PRICE},
    {"price", PRICE},
    {"variant_compare_at_price", COMPARE_AT},
    {"compare_at_price", COMPARE_AT},
    {"variant_inventory_qty", QUANTITY},
    {"variant_inventory_quantity", QUANTITY},
    {"inventory_quantity", QUANTITY},
    {"variant_inventory_tracker", TRACKER},
    {"inventory_tracker", TRACKER},
    {"variant_inventory_policy", POLICY},
    {"continue_selling_when_out_of_stock", POLICY},
    {"image_src", IMAGE},
    {"product_image_url", IMAGE},
    {"image_position", IMAGE_POSITION},
    {"variant_image", VARIANT_IMAGE},
    {"variant_image_url", VARIANT_IMAGE},
    {"option1_name", OPTION1_NAME},
    {"option1_value", OPTION1},
    {"option2_name", OPTION2_NAME},
    {"option2_value", OPTION2},
    {"option3_name", OPTION3_NAME},
    {"option3_value", OPTION3},
    {"google_shopping_/_gender", GENDER},
    {"google_shopping_/_age_group", AGE_GROUP},
    {"google_shopping_/_google_product_category", GOOGLE_CATEGORY},
    {"color_(product.metafields.shopify.color_pattern)", COLOR},
    {"size_(product.metafields.shopify.size)", SIZE},
    {"fabric_(product.metafields.shopify.fabric)", FABRIC},
    {"target_gender_(product.metafields.shopify.target_gender)", GENDER},
    {"age_group_(product.metafields.shopify.age_group)", AGE_GROUP},
};

enum { MAX_ROWS = 4096, MAX_PICTURES = 250, MAX_EXTRA = 512 };

struct shop_row {
    struct shop_row *next;
    int64_t line;
    struct str v[COLUMNS];
};

struct catalog_shopify {
    struct catalog_delimited *d;
    int column[COLUMNS];       /* index in the file, -1 if missing */
    struct arena names, arena; /* of the headings; of the product at hand */
    size_t n_columns;
    struct str *headings;              /* of columns that are none of ours; p NULL: one of ours */
    struct shop_row *rows, *last, *at; /* of the product; the next to give out */
    size_t n_rows;
    struct str pictures[MAX_PICTURES];
    size_t n_pictures;
    struct str extra_names[MAX_EXTRA], extra_values[MAX_EXTRA];
    size_t n_extra;
    struct arena ahead_arena; /* the row that showed the product's end */
    struct shop_row *ahead;
    struct str *ahead_extra;
    bool ended;
};

static int column_of(struct str heading)
{
    char folded[80];
    struct str s = catalog_heading(heading, folded, sizeof folded);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (str_eqz(s, table[i].heading)) return (int)table[i].column;
    return -1;
}

bool catalog_shopify_is(const struct catalog_delimited *header)
{
    bool handle = false, title = false, own = false;
    for (size_t i = 0; i < header->n && i < CATALOG_MAX_COLUMNS; i++) {
        int c = column_of(catalog_delimited_field(header, i));
        handle |= c == HANDLE;
        title |= c == TITLE;
        own |= c == OPTION1 || c == OPTION1_NAME || c == IMAGE_POSITION || c == SKU;
    }
    return handle && title && own;
}

enum rc catalog_shopify_create(struct catalog_delimited *d, struct catalog_shopify **out, struct err *err)
{
    struct catalog_shopify *s = calloc(1, sizeof *s);
    if (!s) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    s->d = d;
    s->names = ARENA_INIT((size_t)CATALOG_MAX_RECORD_BYTES);
    s->arena = ARENA_INIT((size_t)3 * CATALOG_MAX_RECORD_BYTES);
    s->ahead_arena = ARENA_INIT((size_t)2 * CATALOG_MAX_RECORD_BYTES);
    for (int c = 0; c < COLUMNS; c++)
        s->column[c] = -1;
    s->n_columns = d->n < CATALOG_MAX_COLUMNS ? d->n : CATALOG_MAX_COLUMNS;
    s->headings = arena_array(&s->names, s->n_columns, sizeof *s->headings);
    for (size_t i = 0; s->headings && i < s->n_columns; i++) {
        struct str heading = catalog_delimited_field(d, i);
        int c = column_of(heading);
        if (c >= 0 && s->column[c] < 0)
            s->column[c] = (int)i;
        else if (heading.p)
            s->headings[i] = arena_str(&s->names, heading);
    }
    if (!s->headings) {
        catalog_shopify_destroy(s);
        return err_set(err, RC_NOMEM, "out of memory reading the feed");
    }
    *out = s;
    return RC_OK;
}

void catalog_shopify_destroy(struct catalog_shopify *s)
{
    if (!s) return;
    arena_release(&s->names);
    arena_release(&s->arena);
    arena_release(&s->ahead_arena);
    free(s);
}

static struct str option(const struct shop_row *first, const struct shop_row *row, const char *const *words)
{
    for (int k = 0; k < 3; k++) {
        char folded[40];
        struct str name = catalog_heading(first->v[OPTION1_NAME + 2 * k], folded, sizeof folded);
        for (const char *const *w = words; *w; w++)
            if (str_eqz(name, *w)) return row->v[OPTION1 + 2 * k];
    }
    return STR_NONE;
}

/* Reads a record into the ahead row; *more false at the end of the file. */
static enum rc read_ahead(struct catalog_shopify *s, bool *more, struct err *err)
{
    enum rc rc = catalog_delimited_next(s->d, more, err);
    s->ahead = NULL;
    if (rc || !*more) return rc;
    arena_reset(&s->ahead_arena);
    struct shop_row *row = arena_alloc(&s->ahead_arena, sizeof *row);
    s->ahead_extra = arena_array(&s->ahead_arena, s->n_columns, sizeof *s->ahead_extra);
    if (!row || !s->ahead_extra) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    row->line = s->d->line;
    for (int c = 0; c < COLUMNS; c++)
        if (s->column[c] >= 0)
            row->v[c] = arena_str(&s->ahead_arena, catalog_delimited_field(s->d, (size_t)s->column[c]));
    for (size_t i = 0; i < s->n_columns; i++)
        if (s->headings[i].p) s->ahead_extra[i] = arena_str(&s->ahead_arena, catalog_delimited_field(s->d, i));
    s->ahead = row;
    return RC_OK;
}

static void complain(struct catalog_shopify *s, const struct shop_row *row, const char *field,
                     const char *reason)
{
    if (s->d->problem) s->d->problem(s->d->problem_ctx, row->line, row->v[HANDLE], field, reason, STR_NONE);
}

/* Copies the ahead row behind the product's rows. */
static enum rc take_row(struct catalog_shopify *s, struct err *err)
{
    struct shop_row *row = arena_alloc(&s->arena, sizeof *row);
    if (!row) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    *row = *s->ahead;
    row->next = NULL;
    for (int c = 0; c < COLUMNS; c++) {
        row->v[c] = s->ahead->v[c].n ? arena_str(&s->arena, s->ahead->v[c]) : STR_NONE;
        if (s->ahead->v[c].n && !row->v[c].p) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    }
    if (row->v[IMAGE].p && s->n_pictures < MAX_PICTURES) {
        bool known = false;
        for (size_t i = 0; i < s->n_pictures; i++)
            known |= str_eq(s->pictures[i], row->v[IMAGE]);
        if (!known) s->pictures[s->n_pictures++] = row->v[IMAGE];
    }
    for (size_t i = 0; !s->rows && i < s->n_columns && s->n_extra < MAX_EXTRA; i++) {
        if (!s->headings[i].p || !s->ahead_extra[i].n) continue;
        s->extra_names[s->n_extra] = s->headings[i];
        s->extra_values[s->n_extra++] = arena_str(&s->arena, s->ahead_extra[i]);
    }
    if (!s->rows)
        s->rows = row;
    else
        s->last->next = row;
    s->last = row;
    s->n_rows++;
    return RC_OK;
}

static bool wanted(struct catalog_shopify *s, const struct shop_row *first)
{
    struct str status = first->v[STATUS], published = first->v[PUBLISHED];
    if (status.p && !str_ieqz(status, "active")) {
        complain(s, first, "status", "the product is not active in the shop");
        return false;
    }
    if (published.p && (str_ieqz(published, "false") || str_ieqz(published, "no"))) {
        complain(s, first, "published", "the product is not published in the shop");
        return false;
    }
    if (!first->v[TITLE].p) {
        complain(s, first, "title", "the first row of the handle has no title");
        return false;
    }
    return true;
}

/* Gathers the rows of the next handle. */
static enum rc gather(struct catalog_shopify *s, bool *more, struct err *err)
{
    enum rc rc = RC_OK;
    arena_reset(&s->arena);
    s->rows = s->last = s->at = NULL;
    s->n_rows = s->n_pictures = s->n_extra = 0;
    *more = true;
    if (!s->ahead && !s->ended) rc = read_ahead(s, more, err);
    if (rc || s->ended || !*more) {
        s->ended = true;
        *more = false;
        return rc;
    }
    while (!rc && !s->ended) {
        struct shop_row *row = s->ahead;
        bool same = !s->rows || !row->v[HANDLE].p || str_eq(row->v[HANDLE], s->rows->v[HANDLE]);
        if (s->rows && !same) break;
        if (!row->v[HANDLE].p && !s->rows)
            complain(s, row, "handle", "the row has no handle");
        else if (s->n_rows == MAX_ROWS)
            complain(s, row, NULL, "more than 4096 rows of one handle");
        else
            rc = take_row(s, err);
        bool again = true;
        if (!rc) rc = read_ahead(s, &again, err);
        if (!again) s->ended = true;
    }
    if (!rc && s->rows && wanted(s, s->rows)) s->at = s->rows;
    return rc;
}

static struct str identity(struct catalog_shopify *s, const struct shop_row *first, const struct shop_row *row)
{
    struct str sku = row->v[SKU];
    if (sku.n > 1 && sku.p[0] == '\'') sku = str_sub(sku, 1, sku.n); /* kept a text for spreadsheets */
    if (sku.p) return sku;
    bool plain = !row->v[OPTION1].p || str_ieqz(row->v[OPTION1], "Default Title");
    char *id =
        plain ? arena_printf(&s->arena, "%.*s", STR_ARG(first->v[HANDLE]))
              : arena_printf(&s->arena, "%.*s-%.*s%s%.*s%s%.*s", STR_ARG(first->v[HANDLE]),
                             STR_ARG(row->v[OPTION1]), row->v[OPTION2].p ? "-" : "", STR_ARG(row->v[OPTION2]),
                             row->v[OPTION3].p ? "-" : "", STR_ARG(row->v[OPTION3]));
    return id ? str_of(id) : first->v[HANDLE];
}

static struct str other_pictures(struct catalog_shopify *s, struct str main)
{
    struct buf b = BUF_INIT((size_t)CATALOG_MAX_FIELD_BYTES);
    for (size_t i = 0; i < s->n_pictures; i++) {
        if (str_eq(s->pictures[i], main)) continue;
        if (b.n) buf_addc(&b, ',');
        buf_add(&b, s->pictures[i]);
    }
    struct str out = b.n && !b.failed ? arena_str(&s->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return out;
}

static void set_price(struct catalog_feed_row *out, struct str price, struct str compare_at)
{
    int64_t now, before;
    char currency[4] = "";
    out->value[CATALOG_PRICE] = price;
    if (!compare_at.p || !catalog_parse_price(price, &now, currency) ||
        !catalog_parse_price(compare_at, &before, currency) || before <= now)
        return;
    out->value[CATALOG_PRICE] = compare_at;
    out->value[CATALOG_SALE_PRICE] = price;
}

static void write_variant(struct catalog_shopify *s, const struct shop_row *row, struct catalog_feed_row *out)
{
    static const char *const colours[] = {"color", "colour", "couleur", "coloris", "farbe", NULL};
    static const char *const sizes[] = {"size", "taille", "pointure", "shoe_size", "groesse", NULL};
    static const char *const fabrics[] = {"material", "matiere", "fabric", NULL};
    const struct shop_row *first = s->rows;
    struct str *v = out->value;
    *out = (struct catalog_feed_row){.line = row->line};
    v[CATALOG_ID] = identity(s, first, row);
    v[CATALOG_ITEM_GROUP_ID] = first->v[HANDLE];
    v[CATALOG_TITLE] = first->v[TITLE];
    v[CATALOG_DESCRIPTION] = first->v[BODY];
    v[CATALOG_BRAND] = first->v[VENDOR];
    v[CATALOG_PRODUCT_TYPE] = first->v[TYPE].p ? first->v[TYPE] : first->v[CATEGORY];
    v[CATALOG_GOOGLE_PRODUCT_CATEGORY] =
        first->v[GOOGLE_CATEGORY].p ? first->v[GOOGLE_CATEGORY] : first->v[CATEGORY];
    v[CATALOG_GENDER] = first->v[GENDER];
    v[CATALOG_AGE_GROUP] = first->v[AGE_GROUP];
    v[CATALOG_GTIN] = row->v[BARCODE];
    v[CATALOG_COLOR] = option(first, row, colours);
    if (!v[CATALOG_COLOR].p) v[CATALOG_COLOR] = first->v[COLOR];
    v[CATALOG_SIZE] = option(first, row, sizes);
    if (!v[CATALOG_SIZE].p) v[CATALOG_SIZE] = first->v[SIZE];
    v[CATALOG_MATERIAL] = option(first, row, fabrics);
    if (!v[CATALOG_MATERIAL].p) v[CATALOG_MATERIAL] = first->v[FABRIC];
    set_price(out, row->v[PRICE].p ? row->v[PRICE] : first->v[PRICE],
              row->v[PRICE].p ? row->v[COMPARE_AT] : first->v[COMPARE_AT]);
    v[CATALOG_IMAGE_LINK] = row->v[VARIANT_IMAGE].p ? row->v[VARIANT_IMAGE]
                            : s->n_pictures         ? s->pictures[0]
                                                    : STR_NONE;
    v[CATALOG_ADDITIONAL_IMAGE_LINK] = other_pictures(s, v[CATALOG_IMAGE_LINK]);
    bool always = str_ieqz(row->v[POLICY], "continue") || str_ieqz(row->v[POLICY], "true");
    if (row->v[TRACKER].p && !always) v[CATALOG_QUANTITY] = row->v[QUANTITY];
    if (s->column[TRACKER] < 0 && !always) v[CATALOG_QUANTITY] = row->v[QUANTITY];
    if (first->v[TAGS].p && s->n_extra < MAX_EXTRA) {
        size_t i = 0;
        while (i < s->n_extra && !str_eqz(s->extra_names[i], "tags"))
            i++;
        s->extra_names[i] = STR("tags");
        s->extra_values[i] = first->v[TAGS];
        if (i == s->n_extra) s->n_extra++;
    }
    out->extra_names = s->extra_names;
    out->extra_values = s->extra_values;
    out->n_extra = s->n_extra;
}

/* A row that has only a picture makes no variant. */
static bool is_variant(const struct catalog_shopify *s, const struct shop_row *row)
{
    return row == s->rows || row->v[OPTION1].p || row->v[SKU].p || row->v[PRICE].p;
}

enum rc catalog_shopify_next(struct catalog_shopify *s, struct catalog_feed_row *row, bool *more,
                             struct err *err)
{
    for (;;) {
        while (s->at) {
            const struct shop_row *r = s->at;
            s->at = s->at->next;
            if (!is_variant(s, r)) continue;
            write_variant(s, r, row);
            *more = true;
            return RC_OK;
        }
        enum rc rc = gather(s, more, err);
        if (rc || !*more) return rc;
    }
}
