/*
 * A product, made from its visible variants: the first speaks for all (an attribute that it lacks comes from
 * the next one that has it), pictures are joined, sizes collected, and what nobody said is filled from the
 * model's labels of the main picture, with the probability noted.
 */
#include "catalog/import_internal.h"

#include "base/arena.h"
#include "base/jout.h"
#include "base/jval.h"
#include "lang/text.h"

#include <string.h>

enum { MAX_PICTURES = 50, SIZES_BYTES = 4000, WORDS_BYTES = 1 << 20 };

enum column {
    TITLE,
    DESCRIPTION,
    LINK,
    BRAND,
    PRODUCT_TYPE,
    GOOGLE_CATEGORY,
    CATEGORY,
    COLOUR,
    GENDER,
    AGE_GROUP,
    SEASON,
    STYLE,
    MATERIAL,
    PATTERN,
    COLUMNS
};

/* Name in variant.data (and of the model's head), vocabulary field of terms (-1: a text). */
static const struct {
    const char *key;
    int field;
} columns[COLUMNS] = {[TITLE] = {"title", -1},
                      [DESCRIPTION] = {"description", -1},
                      [LINK] = {"link", -1},
                      [BRAND] = {"brand", -1},
                      [PRODUCT_TYPE] = {"product_type", -1},
                      [GOOGLE_CATEGORY] = {"google_category", -1},
                      [CATEGORY] = {"category", VOCAB_CATEGORY},
                      [COLOUR] = {"colour", VOCAB_COLOUR},
                      [GENDER] = {"gender", VOCAB_GENDER},
                      [AGE_GROUP] = {"age_group", VOCAB_AGE_GROUP},
                      [SEASON] = {"season", VOCAB_SEASON},
                      [STYLE] = {"style", VOCAB_STYLE},
                      [MATERIAL] = {"material", VOCAB_MATERIAL},
                      [PATTERN] = {"pattern", VOCAB_PATTERN}};

struct product {
    struct import *im;
    struct store_tx *tx;
    int64_t doc;
    struct arena arena;
    struct str value[COLUMNS], extra;
    struct str pictures[MAX_PICTURES]; /* sha */
    size_t n_pictures;
    struct buf sizes, filled, hashed, words; /* words: raw spellings and ids, for search */
    int64_t filled_bits, n_filled;
    bool has_model;
    size_t n_variants;
};

static void release(struct product *p)
{
    arena_release(&p->arena);
    buf_release(&p->sizes);
    buf_release(&p->filled);
    buf_release(&p->hashed);
    buf_release(&p->words);
}

/* ---- from the variants ---- */

static enum rc add_picture(struct product *p, struct str address, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false, known = false;
    const struct store_value args[] = {STORE_S(address)};
    enum rc rc =
        store_query(p->tx, "SELECT s.sha FROM source s JOIN picture c ON c.sha = s.sha WHERE s.address = ?1",
                    args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        struct str sha = store_text(rows, 0);
        for (size_t i = 0; i < p->n_pictures; i++)
            known |= str_eq(p->pictures[i], sha);
        if (!known && p->n_pictures < MAX_PICTURES) p->pictures[p->n_pictures++] = arena_str(&p->arena, sha);
    }
    store_rows_close(rows);
    return rc;
}

static void add_size(struct product *p, struct str size)
{
    struct str rest = buf_str(&p->sizes), one;
    if (!size.n || str_chr(size, '|') != SIZE_MAX || p->sizes.n + size.n + 1 > SIZES_BYTES) return;
    while ((one = str_split(&rest, '|')).p)
        if (str_eq(one, size)) return;
    if (p->sizes.n) buf_addc(&p->sizes, '|');
    buf_add(&p->sizes, size);
}

static void add_words(struct product *p, struct str text)
{
    if (!text.n || p->words.n > WORDS_BYTES / 2) return;
    buf_addc(&p->words, ' ');
    buf_add(&p->words, text);
}

static enum rc set_variant_columns(struct product *p, struct str id, const struct jval *data, struct err *err)
{
    const struct store_value args[] = {STORE_S(id), STORE_S(jval_str(jval_get(data, "colour"))),
                                       STORE_S(jval_str(jval_get(data, "size"))),
                                       STORE_S(jval_str(jval_get(data, "size_label")))};
    return store_exec(p->tx,
                      "UPDATE variant SET colour = ?2, size = ?3, size_label = ?4 WHERE id = ?1"
                      " AND (colour IS DISTINCT FROM ?2 OR size IS DISTINCT FROM ?3"
                      " OR size_label IS DISTINCT FROM ?4)",
                      args, 4, NULL, err);
}

static enum rc add_variant(struct product *p, const struct store_rows *rows, struct err *err)
{
    struct jval *data = NULL;
    struct str id = store_text(rows, 0), text = store_text(rows, 1);
    enum rc rc = jval_parse(text, (size_t)16 << 20, &data, err);
    if (rc) return err_prefix(err, "variant %.*s: ", STR_ARG(id));
    for (int c = 0; c < COLUMNS; c++) {
        struct str value = jval_str(jval_get(data, columns[c].key));
        if (!p->value[c].p && value.n) p->value[c] = arena_str(&p->arena, value);
    }
    if (!p->extra.p) {
        struct buf json = BUF_INIT((size_t)4 << 20);
        struct jout out = JOUT_INIT(&json);
        const struct jval *extra = jval_get(data, "extra"), *value;
        jout_object(&out);
        struct str gtin = jval_str(jval_get(data, "gtin"));
        if (gtin.n) jout_kstr(&out, "gtin", gtin);
        const char *key;
        for (size_t i = 0; (key = jval_member(extra, i, &value)); i++)
            if (!str_eqz(STR("gtin"), key)) jout_kstr(&out, key, jval_str(value));
        jout_end(&out);
        p->extra = arena_str(&p->arena, buf_str(&json));
        buf_release(&json);
    }
    const struct jval *pictures = jval_get(data, "pictures");
    for (size_t i = 0; !rc && i < jval_len(pictures); i++)
        rc = add_picture(p, jval_str(jval_at(pictures, i)), err);
    struct str size = jval_str(jval_get(data, "size"));
    if (store_i64(rows, 3)) add_size(p, size);
    add_words(p, id);
    add_words(p, jval_str(jval_get(data, "gtin")));
    add_words(p, jval_str(jval_get(data, "colour_label")));
    add_words(p, jval_str(jval_get(data, "material_label")));
    buf_addf(&p->hashed, "%.*s %.*s\n", STR_ARG(id), STR_ARG(store_text(rows, 2)));
    if (!rc) rc = set_variant_columns(p, id, data, err);
    p->n_variants++;
    jval_destroy(data);
    return rc;
}

static enum rc add_variants(struct product *p, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(p->doc)};
    bool more = false;
    enum rc rc = store_query(p->tx,
                             "SELECT v.id, v.data, v.row_hash, CASE WHEN EXISTS (SELECT 1 FROM offer o"
                             " WHERE o.variant = v.id AND o.availability <> 'out_of_stock') THEN 1 ELSE 0 END"
                             " FROM variant v WHERE v.doc = ?1 AND v.hidden = 0 ORDER BY v.position",
                             args, 1, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more)
        rc = add_variant(p, rows, err);
    store_rows_close(rows);
    return rc;
}

static enum rc hash_offers(struct product *p, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(p->doc)};
    bool more = false;
    enum rc rc = store_query(
        p->tx,
        "SELECT o.variant, o.shop, o.price_cents, o.sale_cents, o.currency, o.availability,"
        " o.quantity, o.sale_from_ms, o.sale_until_ms FROM variant v JOIN offer o ON o.variant = v.id"
        " WHERE v.doc = ?1 AND v.hidden = 0 ORDER BY o.variant, o.shop",
        args, 1, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        buf_addf(&p->hashed, "%.*s|%.*s|%lld|%lld|%.*s|%.*s|%lld\n", STR_ARG(store_text(rows, 0)),
                 STR_ARG(store_text(rows, 1)), (long long)store_i64(rows, 2),
                 store_is_null(rows, 3) ? -1LL : (long long)store_i64(rows, 3), STR_ARG(store_text(rows, 4)),
                 STR_ARG(store_text(rows, 5)), store_is_null(rows, 6) ? -1LL : (long long)store_i64(rows, 6));
        if (!store_is_null(rows, 8))
            buf_addf(&p->hashed, "%lld %lld\n", (long long)store_i64(rows, 7), (long long)store_i64(rows, 8));
    }
    store_rows_close(rows);
    return rc;
}

/* ---- what the model says ---- */

static void fill(struct product *p, const struct jval *labels)
{
    struct jout out = JOUT_INIT(&p->filled);
    double garment = 1, share = 0;
    const struct jval *seen = jval_at(jval_get(labels, "garment"), 0);
    if (str_eqz(jval_str(jval_at(seen, 0)), "no") && jval_f64(jval_at(seen, 1), &share)) garment = 1 - share;
    jout_object(&out);
    for (int c = 0; c < COLUMNS && garment >= .5; c++) {
        if (columns[c].field < 0 || p->value[c].p) continue;
        const struct jval *best = jval_at(jval_get(labels, columns[c].key), 0);
        struct str label = jval_str(jval_at(best, 0));
        double probability = 0;
        if (!label.n || !jval_f64(jval_at(best, 1), &probability)) continue;
        p->value[c] = arena_str(&p->arena, label);
        p->filled_bits |= INT64_C(1) << columns[c].field;
        p->n_filled++;
        jout_key(&out, columns[c].key);
        jout_object(&out);
        jout_kdec(&out, "p", probability, 3);
        jout_end(&out);
    }
    jout_end(&out);
}

static enum rc fill_from_model(struct product *p, struct err *err)
{
    struct store_rows *rows = NULL;
    struct jval *labels = NULL;
    bool more = false;
    enum rc rc = RC_OK;
    if (p->n_pictures) {
        const struct store_value args[] = {STORE_S(p->pictures[0]), STORE_Z(p->im->model)};
        rc = store_query(p->tx, "SELECT labels FROM embedding WHERE sha = ?1 AND model = ?2", args, 2, &rows,
                         err);
        if (!rc) rc = store_next(rows, &more, err);
        if (!rc && more) rc = jval_parse(store_text(rows, 0), (size_t)1 << 20, &labels, err);
    }
    p->has_model = labels != NULL;
    if (!rc) fill(p, labels);
    jval_destroy(labels);
    store_rows_close(rows);
    return rc;
}

/* ---- writing ---- */

static void add_label(struct product *p, enum column c, struct buf *out)
{
    char name[128];
    struct str value = p->value[c];
    if (!value.p || value.n >= sizeof name) return;
    snprintf(name, sizeof name, "%.*s", STR_ARG(value));
    static const char *const langs[] = {"fr", "en"};
    buf_addc(out, ' ');
    buf_add(out, value);
    for (int i = 0; i < 2; i++) {
        const char *label = vocab_label(p->im->vocab, (enum vocab_field)columns[c].field, name, langs[i]);
        if (label && !str_eqz(value, label)) buf_addf(out, " %s", label);
    }
}

static enum rc index_words(struct product *p, struct err *err)
{
    struct buf raw = BUF_INIT((size_t)WORDS_BYTES), title = raw, brand = raw, attributes = raw, text = raw;
    lang_analyse(p->value[TITLE], &title);
    lang_analyse(p->value[BRAND], &brand);
    for (int c = 0; c < COLUMNS; c++)
        if (columns[c].field >= 0) add_label(p, (enum column)c, &raw);
    buf_add(&raw, buf_str(&p->words));
    lang_analyse(buf_str(&raw), &attributes);
    buf_reset(&raw);
    buf_add(&raw, p->value[DESCRIPTION]);
    buf_addc(&raw, ' ');
    buf_add(&raw, p->value[PRODUCT_TYPE]);
    lang_analyse(buf_str(&raw), &text);
    const struct str fields[] = {buf_str(&title), buf_str(&brand), buf_str(&attributes), buf_str(&text)};
    enum rc rc = fts_put(p->tx, &catalog_fts, p->doc, fields, err);
    buf_release(&raw);
    buf_release(&title);
    buf_release(&brand);
    buf_release(&attributes);
    buf_release(&text);
    return rc;
}

static enum rc write_pictures(struct product *p, struct err *err)
{
    const struct store_value doc[] = {STORE_I(p->doc)};
    enum rc rc = store_exec(p->tx, "DELETE FROM product_picture WHERE doc = ?1", doc, 1, NULL, err);
    for (size_t i = 0; !rc && i < p->n_pictures; i++) {
        const struct store_value args[] = {STORE_I(p->doc), STORE_I((int64_t)i), STORE_S(p->pictures[i])};
        rc = store_exec(p->tx, "INSERT INTO product_picture (doc, position, sha) VALUES (?1, ?2, ?3)", args, 3,
                        NULL, err);
    }
    return rc;
}

static enum rc write_product(struct product *p, const char *hash, struct err *err)
{
    struct store_value args[COLUMNS + 10];
    size_t n = 0;
    for (int c = 0; c < COLUMNS; c++)
        args[n++] = STORE_S(p->value[c]);
    if (!p->value[TITLE].p) args[TITLE] = STORE_Z("");
    args[n++] = STORE_S(buf_str(&p->sizes));
    args[n++] = STORE_S(buf_str(&p->filled));
    args[n++] = STORE_I(p->filled_bits);
    args[n++] = STORE_S(p->extra);
    args[n++] = p->n_pictures ? STORE_S(p->pictures[0]) : STORE_NIL;
    args[n++] = STORE_Z(p->has_model ? p->im->model : "");
    args[n++] = STORE_Z(hash);
    args[n++] = STORE_I(p->im->now_ms);
    args[n++] = STORE_I(p->im->generation);
    args[n++] = STORE_I(p->doc);
    enum rc rc =
        store_exec(p->tx,
                   "UPDATE product SET title = ?1, description = ?2, link = ?3, brand = ?4, product_type = ?5,"
                   " google_category = ?6, category = ?7, colour = ?8, gender = ?9, age_group = ?10,"
                   " season = ?11, style = ?12, material = ?13, pattern = ?14, sizes = ?15, filled = ?16,"
                   " filled_bits = ?17, extra = ?18, picture = ?19, model = ?20, hash = ?21, hidden = 0,"
                   " changed_ms = ?22, generation = ?23 WHERE doc = ?24",
                   args, n, NULL, err);
    if (!rc) rc = write_pictures(p, err);
    return rc ? rc : index_words(p, err);
}

static void hash_rest(struct product *p, char hex[static CATALOG_SHA_BYTES])
{
    for (int c = 0; c < COLUMNS; c++)
        buf_addf(&p->hashed, "%.*s\n", STR_ARG(p->value[c]));
    for (size_t i = 0; i < p->n_pictures; i++)
        buf_addf(&p->hashed, "%.*s\n", STR_ARG(p->pictures[i]));
    buf_add(&p->hashed, buf_str(&p->filled));
    if (p->has_model) buf_addz(&p->hashed, p->im->model);
    catalog_digest(buf_str(&p->hashed), hex);
}

/* The product as it is now; *is_new: never written yet. */
static enum rc read_now(struct product *p, char hash[static CATALOG_SHA_BYTES], bool *hidden, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(p->doc)};
    bool more = false;
    enum rc rc = store_query(p->tx, "SELECT hash, hidden FROM product WHERE doc = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && !more) rc = err_set(err, RC_CORRUPT, "variants without a product");
    if (!rc) snprintf(hash, CATALOG_SHA_BYTES, "%.*s", STR_ARG(store_text(rows, 0)));
    if (!rc) *hidden = store_i64(rows, 1) != 0;
    store_rows_close(rows);
    return rc;
}

static enum rc hide(struct product *p, struct err *err)
{
    const struct store_value args[] = {STORE_I(p->doc), STORE_I(p->im->now_ms), STORE_I(p->im->generation)};
    p->im->result->hidden++;
    enum rc rc =
        store_exec(p->tx, "UPDATE product SET hidden = 1, changed_ms = ?2, generation = ?3 WHERE doc = ?1",
                   args, 3, NULL, err);
    return rc ? rc : fts_delete(p->tx, &catalog_fts, p->doc, err);
}

enum rc import_product(struct import *im, struct store_tx *tx, int64_t doc, struct err *err)
{
    struct product p = {.im = im,
                        .tx = tx,
                        .doc = doc,
                        .arena = ARENA_INIT((size_t)64 << 20),
                        .sizes = BUF_INIT((size_t)SIZES_BYTES),
                        .filled = BUF_INIT((size_t)1 << 16),
                        .hashed = BUF_INIT((size_t)256 << 20),
                        .words = BUF_INIT((size_t)WORDS_BYTES)};
    char before[CATALOG_SHA_BYTES], after[CATALOG_SHA_BYTES];
    bool hidden = false;
    enum rc rc = read_now(&p, before, &hidden, err);
    if (!rc) rc = add_variants(&p, err);
    if (rc) goto out;
    if (!p.n_variants) {
        if (!hidden) rc = hide(&p, err);
        goto out;
    }
    rc = hash_offers(&p, err);
    if (!rc) rc = fill_from_model(&p, err);
    if (!rc) rc = buf_check(&p.hashed, "a product", err);
    if (rc) goto out;
    hash_rest(&p, after);
    if (!hidden && strcmp(before, after) == 0) goto out;
    if (before[0])
        im->result->changed++;
    else
        im->result->added++;
    im->result->filled += p.n_filled;
    rc = write_product(&p, after, err);
out:
    release(&p);
    return rc;
}
