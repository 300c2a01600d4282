/*
 * Step 3 of an import: all that was staged becomes the catalogue, in one transaction.
 *
 * Variants and offers are brought up to date first; every product that one of them touched, whose pictures
 * are others now, or whose model labels came, is noted in staged_dirty and then made anew from its variants
 * (import_product.c). What was noted needlessly hashes the same and stays as it is.
 */
#include "catalog/import_internal.h"
#include "catalog/import_stage.h"

#include <string.h>

/*
 * Of which shops does the feed speak? Of those that its rows name; a feed without shops speaks for the whole house.
 * Offers in other shops are none of its business. A row's offers are all that its variant has in the feed's
 * shops: one that is missing there is gone. Variants that the feed does not have stay as they are, unless --prune
 * says that it is whole: then they lose their offers in the feed's shops, and are hidden when none is left elsewhere.
 */
#define FEED_SHOPS "(SELECT shop FROM staged_offer WHERE from_feed = 1)"
#define NAMES_SHOPS "EXISTS (SELECT 1 FROM staged_offer WHERE from_feed = 1 AND shop <> '')"
#define STAYS                                                                  \
    " (EXISTS (SELECT 1 FROM staged_row s WHERE s.id = v.id) OR (" NAMES_SHOPS \
    " AND EXISTS (SELECT 1 FROM offer o WHERE o.variant = v.id AND o.shop NOT IN " FEED_SHOPS ")))"

/* ---- before anything is published: how much would --prune hide? ---- */

enum rc import_check_prune(struct import *im, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t visible = 0, gone = 0;
    if (!im->options->prune) return RC_OK;
    enum rc rc = store_begin(im->store, STORE_READ, &tx, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT count(*) FROM product WHERE hidden = 0", NULL, 0, &visible, NULL, err);
    if (!rc)
        rc = store_get_i64(tx,
                           "SELECT count(*) FROM product p WHERE p.hidden = 0 AND NOT EXISTS"
                           " (SELECT 1 FROM variant v WHERE v.doc = p.doc AND" STAYS ")",
                           NULL, 0, &gone, NULL, err);
    store_rollback(tx);
    if (!rc && gone * 2 > visible && !im->options->force)
        rc = err_set(err, RC_CONFLICT,
                     "--prune would hide %lld of %lld products: is the feed whole? --force does it",
                     (long long)gone, (long long)visible);
    return rc;
}

/* ---- variants ---- */

static enum rc doc_of_group(struct import *im, struct store_tx *tx, struct str grp, int64_t *doc,
                            struct err *err)
{
    bool found = false;
    const struct store_value args[] = {STORE_S(grp)};
    enum rc rc = store_get_i64(tx, "SELECT doc FROM product WHERE id = ?1", args, 1, doc, &found, err);
    if (rc || found) return rc;
    rc = store_get_i64(tx, "SELECT coalesce(max(doc), 0) + 1 FROM product", NULL, 0, doc, NULL, err);
    if (rc) return rc;
    const struct store_value row[] = {STORE_I(*doc), STORE_S(grp), STORE_I(im->now_ms),
                                      STORE_I(im->generation)};
    return store_exec(tx,
                      "INSERT INTO product (doc, id, title, hash, first_seen_ms, changed_ms, generation)"
                      " VALUES (?1, ?2, '', '', ?3, ?3, ?4)",
                      row, 4, NULL, err);
}

static enum rc mark(struct store_tx *tx, int64_t doc, struct err *err)
{
    const struct store_value args[] = {STORE_I(doc)};
    return store_exec(tx, "INSERT INTO staged_dirty (doc) VALUES (?1) ON CONFLICT (doc) DO NOTHING", args, 1,
                      NULL, err);
}

struct staged {
    struct str id, grp, hash, data;
};

static enum rc put_variant(struct import *im, struct store_tx *tx, const struct staged *s, struct err *err)
{
    int64_t doc = 0, old_doc = 0, position = 0;
    bool had = false;
    const struct store_value id[] = {STORE_S(s->id)};
    enum rc rc = doc_of_group(im, tx, s->grp, &doc, err);
    if (!rc) rc = store_get_i64(tx, "SELECT doc FROM variant WHERE id = ?1", id, 1, &old_doc, &had, err);
    if (!rc && had && old_doc != doc) rc = mark(tx, old_doc, err);
    if (!rc) rc = mark(tx, doc, err);
    if (rc) return rc;
    if (had && old_doc == doc) {
        const struct store_value args[] = {STORE_S(s->id), STORE_S(s->data), STORE_S(s->hash)};
        return store_exec(tx, "UPDATE variant SET data = ?2, row_hash = ?3, hidden = 0 WHERE id = ?1", args, 3,
                          NULL, err);
    }
    const struct store_value in_doc[] = {STORE_I(doc)};
    rc = store_get_i64(tx, "SELECT coalesce(max(position), -1) + 1 FROM variant WHERE doc = ?1", in_doc, 1,
                       &position, NULL, err);
    if (rc) return rc;
    const struct store_value args[] = {STORE_S(s->id), STORE_I(doc), STORE_I(position), STORE_S(s->data),
                                       STORE_S(s->hash)};
    return store_exec(tx,
                      "INSERT INTO variant (id, doc, position, data, row_hash) VALUES (?1, ?2, ?3, ?4, ?5)"
                      " ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, position = excluded.position,"
                      " data = excluded.data, row_hash = excluded.row_hash, hidden = 0",
                      args, 5, NULL, err);
}

static enum rc put_variants(struct import *im, struct store_tx *tx, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(STAGE_SAME)};
    bool more = false;
    enum rc rc =
        store_query(tx, "SELECT id, grp, row_hash, data FROM staged_row WHERE state <> ?1 ORDER BY seq", args,
                    1, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        struct staged s = {store_text(rows, 0), store_text(rows, 1), store_text(rows, 2), store_text(rows, 3)};
        rc = put_variant(im, tx, &s, err);
    }
    store_rows_close(rows);
    return rc;
}

/* ---- offers, and what else makes a product dirty ---- */

#define OFFER_DIFFERS                                                                                    \
    " FROM staged_offer s JOIN variant v ON v.id = s.variant LEFT JOIN offer o ON o.variant = s.variant" \
    " AND o.shop = s.shop WHERE o.variant IS NULL OR o.price_cents IS DISTINCT FROM s.price_cents"       \
    " OR o.sale_cents IS DISTINCT FROM s.sale_cents OR o.currency <> s.currency"                         \
    " OR o.availability <> s.availability OR o.quantity IS DISTINCT FROM s.quantity"                     \
    " OR o.sale_from_ms IS DISTINCT FROM s.sale_from_ms OR o.sale_until_ms IS DISTINCT FROM s.sale_until_ms"
#define INTO_DIRTY "INSERT INTO staged_dirty (doc) SELECT DISTINCT "
#define ONCE " ON CONFLICT (doc) DO NOTHING"
#define NOT_STAGED \
    " AND NOT EXISTS (SELECT 1 FROM staged_offer s WHERE s.variant = o.variant AND s.shop = o.shop)"
#define GONE_FROM_INVENTORY " o.shop IN (SELECT shop FROM staged_offer WHERE from_feed = 0)" NOT_STAGED
#define GONE_FROM_FEED " o.shop IN " FEED_SHOPS NOT_STAGED
#define GONE_FROM_ROWS " o.variant IN (SELECT id FROM staged_row) AND" GONE_FROM_FEED
/* The products that lose an offer, and then the offers. */
#define LOSES(gone)                                                                         \
    {                                                                                       \
        INTO_DIRTY "v.doc FROM offer o JOIN variant v ON v.id = o.variant WHERE" gone ONCE, \
            "DELETE FROM offer AS o WHERE" gone                                             \
    }

static enum rc run_all(struct store_tx *tx, const char *const *sql, size_t n, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < n; i++)
        rc = store_exec(tx, sql[i], NULL, 0, NULL, err);
    return rc;
}

static enum rc put_offers(struct import *im, struct store_tx *tx, struct err *err)
{
    static const char *const always[] = {
        INTO_DIRTY "v.doc" OFFER_DIFFERS ONCE,
        "INSERT INTO offer (variant, shop, price_cents, sale_cents, currency, availability, quantity,"
        " sale_from_ms, sale_until_ms) SELECT s.variant, s.shop, s.price_cents, s.sale_cents, s.currency,"
        " s.availability, s.quantity, s.sale_from_ms, s.sale_until_ms" OFFER_DIFFERS
        " ON CONFLICT (variant, shop) DO UPDATE SET price_cents = excluded.price_cents,"
        " sale_cents = excluded.sale_cents, currency = excluded.currency, availability = excluded.availability,"
        " quantity = excluded.quantity, sale_from_ms = excluded.sale_from_ms,"
        " sale_until_ms = excluded.sale_until_ms"};
    static const char *const left_inventory[] = LOSES(GONE_FROM_INVENTORY);
    static const char *const left_feed[] = LOSES(GONE_FROM_FEED), *const left_rows[] = LOSES(GONE_FROM_ROWS);
    int64_t one = 0;
    bool shops = false;
    enum rc rc = run_all(tx, always, 2, err);
    if (!rc && im->options->inventory) rc = run_all(tx, left_inventory, 2, err);
    if (!rc) rc = store_get_i64(tx, "SELECT 1 WHERE " NAMES_SHOPS, NULL, 0, &one, &shops, err);
    return rc || !shops ? rc : run_all(tx, im->options->prune ? left_feed : left_rows, 2, err);
}

static enum rc prune(struct store_tx *tx, struct err *err)
{
    static const char *const sql[] = {INTO_DIRTY "v.doc FROM variant v WHERE v.hidden = 0 AND NOT" STAYS ONCE,
                                      "UPDATE variant AS v SET hidden = 1 WHERE v.hidden = 0 AND NOT" STAYS};
    return run_all(tx, sql, 2, err);
}

/* Products with another picture behind one of their addresses, or with labels of the model that they lack. */
static enum rc mark_pictures(struct import *im, struct store_tx *tx, struct err *err)
{
    const struct store_value args[] = {STORE_Z(im->model)};
    enum rc rc = store_exec(
        tx,
        INTO_DIRTY
        "p.doc FROM staged_picture a JOIN source s ON s.address = a.address"
        " JOIN picture c ON c.sha = s.sha JOIN product p ON p.id = a.grp"
        " WHERE NOT EXISTS (SELECT 1 FROM product_picture x WHERE x.doc = p.doc AND x.sha = s.sha)" ONCE,
        NULL, 0, NULL, err);
    if (!rc && im->model[0])
        rc = store_exec(tx,
                        INTO_DIRTY "p.doc FROM product p JOIN embedding e ON e.sha = p.picture AND e.model = ?1"
                                   " WHERE p.model <> ?1" ONCE,
                        args, 1, NULL, err);
    return rc;
}

static enum rc make_products(struct import *im, struct store_tx *tx, struct err *err)
{
    struct store_rows *rows = NULL;
    int64_t total = 0, done = 0;
    bool more = false;
    enum rc rc = store_get_i64(tx, "SELECT count(*) FROM staged_dirty", NULL, 0, &total, NULL, err);
    if (!rc) rc = store_query(tx, "SELECT doc FROM staged_dirty ORDER BY doc", NULL, 0, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        rc = import_product(im, tx, store_i64(rows, 0), err);
        if (++done % 200 == 0) import_progress(im, "products", done, total);
        if (!rc && done % 1000 == 0 && import_stopped(im))
            rc = err_set(err, RC_STOPPED, "interrupted; the next import goes on from here");
    }
    store_rows_close(rows);
    return rc;
}

static enum rc raise_generation(struct import *im, struct store_tx *tx, struct err *err)
{
    struct catalog_import_result *r = im->result;
    char text[32];
    bool moved = r->added || r->changed || r->hidden || im->switch_model;
    r->generation = moved ? im->generation : im->generation - 1;
    if (!moved) return RC_OK;
    snprintf(text, sizeof text, "%lld", (long long)im->generation);
    enum rc rc = catalog_meta_set(tx, "generation", text, err);
    if (!rc && im->switch_model) rc = catalog_meta_set(tx, "model", im->model, err);
    return rc;
}

enum rc import_publish(struct import *im, struct err *err)
{
    static const char *const clear[] = {"DELETE FROM staged_row", "DELETE FROM staged_offer",
                                        "DELETE FROM staged_picture", "DELETE FROM staged_dirty"};
    struct store_tx *tx = NULL;
    char model[128];
    int64_t groups = 0, existing = 0;
    enum rc rc = store_begin(im->store, STORE_WRITE, &tx, err);
    if (!rc) rc = catalog_generation(tx, &im->generation, model, err);
    im->generation++;
    if (!rc) rc = fts_create(tx, &catalog_fts, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT count(*) FROM (SELECT DISTINCT grp FROM staged_row) g", NULL, 0, &groups,
                           NULL, err);
    if (!rc) rc = put_variants(im, tx, err);
    if (!rc) rc = put_offers(im, tx, err);
    if (!rc && im->options->prune) rc = prune(tx, err);
    if (!rc) rc = mark_pictures(im, tx, err);
    existing = im->result->changed;
    if (!rc) rc = make_products(im, tx, err);
    existing = im->result->changed - existing;
    im->result->unchanged = groups - im->result->added - existing;
    if (im->result->unchanged < 0) im->result->unchanged = 0;
    if (!rc) rc = raise_generation(im, tx, err);
    if (!rc) rc = run_all(tx, clear, 4, err);
    return store_end(tx, rc, err);
}
