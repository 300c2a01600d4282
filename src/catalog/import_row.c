/*
 * One row of the feed: checked, cleaned, brought to the vocabulary, and written down as JSON with a hash.
 *
 * The retailer's word is never overwritten: what the vocabulary does not know stays as written and is
 * counted as a gap. The hash is taken over the canonical values, so that an edited vocabulary makes exactly
 * those rows count as changed whose meaning changed.
 */
#include "catalog/import_internal.h"

#include "base/jout.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 20000, SHORT_BYTES = 500, ADDRESS_BYTES = 2000, MAX_EXTRA = 200, KEY_BYTES = 100 };

enum rc import_row_reader_init(struct import_row_reader *r, struct import *im, struct err *err)
{
    r->im = im;
    r->terms = calloc(ROW_TERMS, sizeof *r->terms);
    r->data = BUF_INIT((size_t)8 << 20);
    r->text = BUF_INIT((size_t)4 << 20);
    r->pictures = BUF_INIT((size_t)1 << 20);
    r->hashed = BUF_INIT((size_t)10 << 20);
    return r->terms ? RC_OK : err_set(err, RC_NOMEM, "out of memory reading the feed");
}

void import_row_reader_release(struct import_row_reader *r)
{
    free(r->terms);
    buf_release(&r->data);
    buf_release(&r->text);
    buf_release(&r->pictures);
    buf_release(&r->hashed);
}

static void value_problem(struct import *im, const struct catalog_feed_row *in, enum catalog_field field,
                          const char *reason)
{
    im->result->problems++;
    import_report(im, in->line, in->value[CATALOG_ID], catalog_field_name(field), reason, in->value[field]);
}

static bool reject(struct import *im, const struct catalog_feed_row *in, enum catalog_field field,
                   const char *reason)
{
    im->result->rejected++;
    import_report(im, in->line, in->value[CATALOG_ID], catalog_field_name(field), reason, in->value[field]);
    return false;
}

/* ---- offers ---- */

bool import_offer_read(struct import *im, const struct catalog_feed_row *in, struct import_offer *out)
{
    const struct str *v = in->value;
    char sale_currency[4];
    *out = (struct import_offer){
        .price_cents = -1, .sale_cents = -1, .quantity = -1, .currency = "EUR", .availability = "in_stock"};
    if (v[CATALOG_PRICE].n && !catalog_parse_price(v[CATALOG_PRICE], &out->price_cents, out->currency))
        return reject(im, in, CATALOG_PRICE, "not a price");
    memcpy(sale_currency, out->currency, sizeof sale_currency);
    if (v[CATALOG_SALE_PRICE].n) {
        if (!catalog_parse_price(v[CATALOG_SALE_PRICE], &out->sale_cents, sale_currency))
            value_problem(im, in, CATALOG_SALE_PRICE, "not a price; the sale is left out");
        else if (memcmp(sale_currency, out->currency, 3) != 0) {
            value_problem(im, in, CATALOG_SALE_PRICE, "another currency than the price; the sale is left out");
            out->sale_cents = -1;
        } else if (out->price_cents >= 0 && out->sale_cents >= out->price_cents)
            out->sale_cents = -1; /* shops send the same price twice when there is no sale */
    }
    if (out->sale_cents >= 0 && v[CATALOG_SALE_DATES].n &&
        !catalog_parse_period(v[CATALOG_SALE_DATES], &out->sale_from_ms, &out->sale_until_ms)) {
        value_problem(im, in, CATALOG_SALE_DATES, "not a period (START/END); the sale is left out");
        out->sale_cents = -1;
    }
    if (v[CATALOG_QUANTITY].n) {
        struct str q = v[CATALOG_QUANTITY];
        if (str_ends(q, STR(".0"))) q.n -= 2;
        if (!str_to_i64(q, &out->quantity) || out->quantity > 100000000) {
            value_problem(im, in, CATALOG_QUANTITY, "not a number of pieces; left out");
            out->quantity = -1;
        } else if (out->quantity < 0) {
            out->quantity = 0; /* oversold */
        }
    }
    if (v[CATALOG_AVAILABILITY].n) {
        const char *known = catalog_parse_availability(v[CATALOG_AVAILABILITY]);
        if (!known) value_problem(im, in, CATALOG_AVAILABILITY, "not understood; taken as out of stock");
        out->availability = known ? known : "out_of_stock";
    } else if (out->quantity == 0) {
        out->availability = "out_of_stock";
    }
    return true;
}

/* ---- pictures ---- */

/* A path below the images folder: relative, without "..", no control characters. */
static bool path_ok(struct str path)
{
    if (!path.n || path.p[0] == '/' || (path.n > 1 && path.p[1] == ':')) return false;
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] < ' ') return false;
    struct str rest = path, part;
    while ((part = str_split(&rest, '/')).p)
        if (str_eqz(part, "..")) return false;
    return true;
}

static bool is_web(struct str s)
{
    return (s.n > 7 && str_ieq(str_sub(s, 0, 7), STR("http://"))) ||
           (s.n > 8 && str_ieq(str_sub(s, 0, 8), STR("https://")));
}

/* Appends the address to r->pictures; false with a reason when it is none. */
static const char *add_address(struct import_row_reader *r, struct str link)
{
    if (link.n > ADDRESS_BYTES) return "longer than 2000 bytes; left out";
    if (is_web(link)) {
        for (size_t i = 0; i < link.n; i++) {
            unsigned char c = (unsigned char)link.p[i];
            if (c <= ' ' || c == 0x7f)
                buf_addf(&r->pictures, "%%%02X", c);
            else
                buf_addc(&r->pictures, (char)c);
        }
        return NULL;
    }
    if (str_find(str_sub(link, 0, 20), STR("://")) != SIZE_MAX || str_starts(link, STR("data:")))
        return "neither a path nor an http(s) address; left out";
    char path[ADDRESS_BYTES];
    for (size_t i = 0; i < link.n; i++)
        path[i] = link.p[i] == '\\' ? '/' : link.p[i];
    struct str s = {path, link.n};
    while (str_starts(s, STR("./")))
        s = str_sub(s, 2, s.n);
    if (!path_ok(s)) return "the path leaves the folder of pictures; left out";
    buf_addz(&r->pictures, "file:");
    buf_add(&r->pictures, s);
    return NULL;
}

static void read_pictures(struct import_row_reader *r, const struct catalog_feed_row *in,
                          struct import_row *out)
{
    size_t at[ROW_MAX_PICTURES + 1], n = 0;
    struct str more = in->value[CATALOG_ADDITIONAL_IMAGE_LINK], one = in->value[CATALOG_IMAGE_LINK];
    enum catalog_field field = CATALOG_IMAGE_LINK;
    buf_reset(&r->pictures);
    out->n_pictures = 0;
    while (n < ROW_MAX_PICTURES) {
        one = str_trim(one);
        at[n] = r->pictures.n;
        if (one.n) {
            const char *reason = add_address(r, one);
            if (reason)
                value_problem(r->im, in, field, reason);
            else
                n++;
        }
        field = CATALOG_ADDITIONAL_IMAGE_LINK;
        one = str_split(&more, ',');
        if (!one.p) break;
    }
    at[n] = r->pictures.n;
    for (size_t i = 0; i < n; i++) {
        struct str s = {r->pictures.p + at[i], at[i + 1] - at[i]};
        bool twice = false;
        for (size_t k = 0; k < out->n_pictures; k++)
            twice |= str_eq(out->pictures[k], s);
        if (!twice) out->pictures[out->n_pictures++] = s;
    }
}

/* ---- values ---- */

/* Cleaned into r->text; borrowed until the next call. p NULL: nothing left. */
static struct str clean(struct import_row_reader *r, struct str s, size_t limit)
{
    if (!s.n) return STR_NONE;
    buf_reset(&r->text);
    catalog_clean_text(s, &r->text);
    struct str out = str_trim(str_utf8_cut(buf_str(&r->text), limit));
    return out.n ? out : STR_NONE;
}

static void put_text(struct import_row_reader *r, struct jout *json, const char *key, struct str s,
                     size_t limit)
{
    struct str text = clean(r, s, limit);
    if (text.p) jout_kstr(json, key, text);
}

/* What exports write where nothing is known. */
static bool says_nothing(struct str s)
{
    static const char *const words[] = {"na",  "n/a", "n.a.",  "-",      "--",      "null",    "none", "nan",
                                        "n/c", "nc",  "aucun", "aucune", "unknown", "inconnu", "?",    "."};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieqz(s, words[i])) return true;
    return false;
}

static const char *canonical(struct import_row_reader *r, enum vocab_field field, struct str text)
{
    if (text.n > ROW_TERM_BYTES) return vocab_canonical(r->im->vocab, field, text);
    size_t i = (size_t)(str_hash(text) + (uint64_t)field * 31) % ROW_TERMS;
    if (r->terms[i].n == text.n && r->terms[i].field == (int)field &&
        memcmp(r->terms[i].key, text.p, text.n) == 0)
        return r->terms[i].name;
    memcpy(r->terms[i].key, text.p, text.n);
    r->terms[i].n = text.n;
    r->terms[i].field = (int)field;
    return r->terms[i].name = vocab_canonical(r->im->vocab, field, text);
}

/* The canonical name where there is one, else as written. */
static void put_term(struct import_row_reader *r, struct jout *json, const char *key, enum vocab_field field,
                     struct str s)
{
    struct str text = clean(r, s, SHORT_BYTES);
    if (!text.p || says_nothing(text)) return;
    const char *name = canonical(r, field, text);
    if (name)
        jout_kz(json, key, name);
    else {
        jout_kstr(json, key, text);
        catalog_gaps_add(r->im->gaps, field, text);
    }
}

static void put_category(struct import_row_reader *r, struct jout *json, const struct catalog_feed_row *in)
{
    const struct str *v = in->value;
    /* the title is part of the question, so there is nothing to remember here */
    const char *name = vocab_category(r->im->vocab, v[CATALOG_PRODUCT_TYPE], v[CATALOG_GOOGLE_PRODUCT_CATEGORY],
                                      v[CATALOG_TITLE]);
    if (name) {
        jout_kz(json, "category", name);
        return;
    }
    struct str said = v[CATALOG_PRODUCT_TYPE].n ? v[CATALOG_PRODUCT_TYPE] : v[CATALOG_GOOGLE_PRODUCT_CATEGORY];
    if (said.n) catalog_gaps_add(r->im->gaps, VOCAB_CATEGORY, said);
}

static void write_data(struct import_row_reader *r, const struct catalog_feed_row *in,
                       const struct import_row *row)
{
    const struct str *v = in->value;
    buf_reset(&r->data);
    struct jout json = JOUT_INIT(&r->data);
    jout_object(&json);
    put_text(r, &json, "title", v[CATALOG_TITLE], SHORT_BYTES);
    put_text(r, &json, "description", v[CATALOG_DESCRIPTION], TEXT_BYTES);
    if (is_web(v[CATALOG_LINK]) && v[CATALOG_LINK].n <= ADDRESS_BYTES)
        jout_kstr(&json, "link", v[CATALOG_LINK]);
    else if (v[CATALOG_LINK].n)
        value_problem(r->im, in, CATALOG_LINK, "not an http(s) address; left out");
    put_text(r, &json, "brand", v[CATALOG_BRAND], SHORT_BYTES);
    put_text(r, &json, "product_type", v[CATALOG_PRODUCT_TYPE], SHORT_BYTES);
    put_text(r, &json, "google_category", v[CATALOG_GOOGLE_PRODUCT_CATEGORY], SHORT_BYTES);
    put_text(r, &json, "gtin", v[CATALOG_GTIN], 60);
    put_category(r, &json, in);
    put_term(r, &json, "colour", VOCAB_COLOUR, v[CATALOG_COLOR]);
    put_text(r, &json, "colour_label", v[CATALOG_COLOR], SHORT_BYTES);
    put_term(r, &json, "gender", VOCAB_GENDER, v[CATALOG_GENDER]);
    put_term(r, &json, "age_group", VOCAB_AGE_GROUP, v[CATALOG_AGE_GROUP]);
    put_term(r, &json, "season", VOCAB_SEASON, v[CATALOG_SEASON]);
    put_term(r, &json, "style", VOCAB_STYLE, v[CATALOG_STYLE]);
    put_term(r, &json, "material", VOCAB_MATERIAL, v[CATALOG_MATERIAL]);
    put_text(r, &json, "material_label", v[CATALOG_MATERIAL], SHORT_BYTES);
    put_term(r, &json, "pattern", VOCAB_PATTERN, v[CATALOG_PATTERN]);
    put_term(r, &json, "size", VOCAB_SIZE, v[CATALOG_SIZE]);
    put_text(r, &json, "size_label", v[CATALOG_SIZE], 100);
    jout_key(&json, "pictures");
    jout_array(&json);
    for (size_t i = 0; i < row->n_pictures; i++)
        jout_str(&json, row->pictures[i]);
    jout_end(&json);
    jout_key(&json, "extra");
    jout_object(&json);
    for (size_t i = 0; i < in->n_extra && i < MAX_EXTRA && r->data.n < ((size_t)2 << 20); i++) {
        char key[KEY_BYTES];
        bool twice = false;
        struct str name = str_utf8_cut(in->extra_names[i], sizeof key - 1);
        for (size_t k = 0; k < i && !twice; k++)
            twice = str_eq(str_utf8_cut(in->extra_names[k], sizeof key - 1), name);
        snprintf(key, sizeof key, "%.*s", STR_ARG(name));
        if (!twice) put_text(r, &json, key, in->extra_values[i], TEXT_BYTES);
    }
    jout_end(&json);
    jout_end(&json);
}

static bool id_ok(struct str id)
{
    if (!id.n || id.n > ROW_MAX_ID_BYTES) return false;
    for (size_t i = 0; i < id.n; i++)
        if ((unsigned char)id.p[i] < ' ' || id.p[i] == 0x7f) return false;
    return true;
}

bool import_row_read(struct import_row_reader *r, const struct catalog_feed_row *in, struct import_row *out)
{
    const struct str *v = in->value;
    struct import *im = r->im;
    *out = (struct import_row){.id = v[CATALOG_ID], .grp = v[CATALOG_ITEM_GROUP_ID], .shop = v[CATALOG_SHOP]};
    if (!v[CATALOG_ID].n) return reject(im, in, CATALOG_ID, "the id is missing");
    if (!id_ok(out->id))
        return reject(im, in, CATALOG_ID, "an id has at most 200 bytes and no control characters");
    if (!out->grp.n)
        out->grp = out->id;
    else if (!id_ok(out->grp))
        return reject(im, in, CATALOG_ITEM_GROUP_ID,
                      "a group id has at most 200 bytes and no control characters");
    if (!clean(r, v[CATALOG_TITLE], SHORT_BYTES).p)
        return reject(im, in, CATALOG_TITLE, "the title is missing");
    if (!out->shop.n)
        out->shop = STR("");
    else if (out->shop.n > 60)
        return reject(im, in, CATALOG_SHOP, "a shop's code has at most 60 bytes");
    if (!import_offer_read(im, in, &out->offer)) return false;
    if (out->offer.price_cents < 0) out->offer.sale_cents = -1;
    read_pictures(r, in, out);
    write_data(r, in, out);
    if (r->data.failed || r->text.failed || r->pictures.failed)
        return reject(im, in, CATALOG_ID, "the row is too large");
    out->data = buf_str(&r->data);
    buf_reset(&r->hashed);
    buf_addf(&r->hashed, "%.*s\n%.*s\n%lld %lld %s %s %lld\n", STR_ARG(out->grp), STR_ARG(out->shop),
             (long long)out->offer.price_cents, (long long)out->offer.sale_cents, out->offer.currency,
             out->offer.availability, (long long)out->offer.quantity);
    if (out->offer.sale_until_ms)
        buf_addf(&r->hashed, "%lld %lld\n", (long long)out->offer.sale_from_ms,
                 (long long)out->offer.sale_until_ms);
    buf_add(&r->hashed, out->data);
    catalog_digest(buf_str(&r->hashed), out->hash);
    return true;
}
