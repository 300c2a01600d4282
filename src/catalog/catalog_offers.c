/*
 * Offers: what a variant costs in a shop, and whether it is there. A sale price with dates counts while they
 * hold, by the clock of the moment that asks: CATALOG_OFFER_COLUMNS leaves it out otherwise.
 */
#include "catalog/catalog_internal.h"

#include "base/clock.h"
#include "base/jout.h"

#include <stdio.h>
#include <stdlib.h>

static struct catalog_offer read_offer(const struct store_rows *rows)
{
    return (struct catalog_offer){
        .currency = store_text(rows, CATALOG_COL_CURRENCY),
        .price_cents = store_is_null(rows, CATALOG_COL_PRICE) ? -1 : store_i64(rows, CATALOG_COL_PRICE),
        .sale_cents = store_is_null(rows, CATALOG_COL_SALE) ? -1 : store_i64(rows, CATALOG_COL_SALE),
        .available = !store_is_null(rows, CATALOG_COL_AVAILABILITY) &&
                     !str_eqz(store_text(rows, CATALOG_COL_AVAILABILITY), "out_of_stock")};
}

bool catalog_better(const struct catalog_offer *a, const struct catalog_offer *b)
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
    if (i == MAX_SHOPS || (i < *n && !catalog_better(o, &best[i].offer))) return;
    best[i].offer = *o;
    snprintf(best[i].shop, SHOP_BYTES, "%.*s", STR_ARG(o->shop));
    snprintf(best[i].currency, sizeof best[i].currency, "%.*s", STR_ARG(o->currency));
    if (i == *n) ++*n;
}

/* ---- for rank/ ---- */

enum rc catalog_each_offer(struct store_tx *tx, int64_t now_ms, catalog_offer_fn each, void *ctx,
                           struct err *err)
{
    static const char sql[] = "SELECT " CATALOG_OFFER_COLUMNS(
        "?1") ", v.doc, o.shop FROM variant v"
              " JOIN offer o ON o.variant = v.id WHERE v.hidden = 0 ORDER BY v.doc";
    struct best *best = calloc(MAX_SHOPS, sizeof *best);
    if (!best) return err_set(err, RC_NOMEM, "out of memory reading offers");
    struct store_rows *rows = NULL;
    size_t n = 0;
    int64_t doc = 0;
    bool more = false;
    const struct store_value args[] = {STORE_I(now_ms)};
    enum rc rc = store_query(tx, sql, args, 1, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct catalog_offer o = read_offer(rows);
        o.doc = store_i64(rows, CATALOG_OFFER_COLS);
        o.shop = store_text(rows, CATALOG_OFFER_COLS + 1);
        if (o.doc != doc) rc = flush_offers(best, &n, each, ctx, err);
        doc = o.doc;
        if (!rc) keep_offer(best, &n, &o);
    }
    if (!rc) rc = flush_offers(best, &n, each, ctx, err);
    store_rows_close(rows);
    free(best);
    return rc;
}

enum rc catalog_next_price_change(struct store_tx *tx, int64_t now_ms, int64_t *at_ms, struct err *err)
{
    static const char *const sql[] = {"SELECT coalesce(min(sale_from_ms), -1) FROM offer WHERE sale_from_ms IS "
                                      "NOT NULL AND sale_from_ms > ?1",
                                      "SELECT coalesce(min(sale_until_ms), -1) FROM offer WHERE sale_until_ms "
                                      "IS NOT NULL AND sale_until_ms > ?1"};
    const struct store_value args[] = {STORE_I(now_ms)};
    enum rc rc = RC_OK;
    *at_ms = INT64_MAX;
    for (int i = 0; !rc && i < 2; i++) {
        int64_t at = -1;
        rc = store_get_i64(tx, sql[i], args, 1, &at, NULL, err);
        if (!rc && at >= 0 && at < *at_ms) *at_ms = at;
    }
    return rc;
}

/* ---- as JSON ---- */

void catalog_write_text(struct jout *out, const char *key, const struct store_rows *rows, int column)
{
    if (store_is_null(rows, column))
        jout_kz(out, key, NULL);
    else
        jout_kstr(out, key, store_text(rows, column));
}

void catalog_write_money(struct jout *out, const char *key, int64_t cents)
{
    jout_key(out, key);
    if (cents < 0)
        jout_null(out);
    else
        jout_dec(out, (double)cents / 100, 2);
}

struct catalog_offer catalog_write_variant(struct jout *out, const struct store_rows *rows)
{
    struct catalog_offer o = read_offer(rows);
    jout_object(out);
    jout_kstr(out, "id", store_text(rows, CATALOG_COL_ID));
    catalog_write_text(out, "colour", rows, CATALOG_COL_COLOUR);
    catalog_write_text(out, "size", rows, CATALOG_COL_SIZE);
    catalog_write_money(out, "price", o.price_cents);
    catalog_write_money(out, "sale_price", o.sale_cents);
    catalog_write_text(out, "availability", rows, CATALOG_COL_AVAILABILITY);
    jout_key(out, "quantity");
    if (store_is_null(rows, CATALOG_COL_QUANTITY))
        jout_null(out);
    else
        jout_i64(out, store_i64(rows, CATALOG_COL_QUANTITY));
    jout_end(out);
    return o;
}

/* The shop being written: its best offer so far. */
struct counter {
    bool open;
    struct best best;
};

static void begin_shop(struct jout *out, struct counter *c, const struct store_rows *rows)
{
    c->open = true;
    c->best.offer = (struct catalog_offer){.price_cents = -1, .sale_cents = -1};
    c->best.currency[0] = 0;
    snprintf(c->best.shop, SHOP_BYTES, "%.*s", STR_ARG(store_text(rows, CATALOG_OFFER_COLS)));
    jout_object(out);
    jout_kz(out, "shop", c->best.shop);
    catalog_write_text(out, "name", rows, CATALOG_OFFER_COLS + 1);
    catalog_write_text(out, "city", rows, CATALOG_OFFER_COLS + 2);
    jout_key(out, "variants");
    jout_array(out);
}

static void end_shop(struct jout *out, struct counter *c)
{
    if (!c->open) return;
    jout_end(out);
    catalog_write_money(out, "price", c->best.offer.price_cents);
    catalog_write_money(out, "sale_price", c->best.offer.sale_cents);
    jout_kz(out, "currency", c->best.currency);
    jout_kbool(out, "available", c->best.offer.available);
    jout_end(out);
    c->open = false;
}

static void add_variant(struct jout *out, struct counter *c, const struct store_rows *rows)
{
    struct catalog_offer o = catalog_write_variant(out, rows);
    if (c->best.currency[0] && !catalog_better(&o, &c->best.offer)) return;
    c->best.offer = o;
    snprintf(c->best.currency, sizeof c->best.currency, "%.*s", STR_ARG(o.currency));
}

enum rc catalog_write_offers(struct store_tx *tx, struct str id, struct jout *out, struct err *err)
{
    static const char sql[] = "SELECT " CATALOG_OFFER_COLUMNS(
        "?2") ", o.shop, s.name, s.city FROM variant v"
              " JOIN offer o ON o.variant = v.id LEFT JOIN shop s ON s.shop = o.shop"
              " WHERE v.doc = ?1 AND v.hidden = 0"
              " ORDER BY CASE WHEN o.shop = '' THEN 0 ELSE 1 END, coalesce(s.name, o.shop), o.shop, v.position";
    struct store_rows *rows = NULL;
    struct counter c = {0};
    const struct store_value product[] = {STORE_S(id)};
    int64_t doc = 0;
    bool more = false, found = false;
    enum rc rc = store_get_i64(tx, "SELECT doc FROM product WHERE id = ?1 AND hidden = 0", product, 1, &doc,
                               &found, err);
    if (!rc && !found) rc = catalog_no_product(id, err);
    if (rc) return rc;
    const struct store_value args[] = {STORE_I(doc), STORE_I(clock_now_ms())};
    rc = store_query(tx, sql, args, 2, &rows, err);
    jout_object(out);
    jout_key(out, "items");
    jout_array(out);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        if (!c.open || !str_eqz(store_text(rows, CATALOG_OFFER_COLS), c.best.shop)) {
            end_shop(out, &c);
            begin_shop(out, &c, rows);
        }
        add_variant(out, &c, rows);
    }
    end_shop(out, &c);
    jout_end(out);
    jout_end(out);
    store_rows_close(rows);
    return rc;
}
