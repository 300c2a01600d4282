/*
 * Step 1 of an import: the files are read into the staging tables, in batches of a transaction each.
 *
 * A row whose hash is that of its variant already is staged by its name alone: it says that the product is
 * still in the feed, and where its pictures are. states: see below.
 */
#include "catalog/import_internal.h"
#include "catalog/import_stage.h"

enum { BATCH = 2000 };

struct stage {
    struct import *im;
    struct store_tx *tx;
    int64_t in_batch, seq;
    bool in_feed; /* the feed is being read, not the inventory */
};

static enum rc begin(struct stage *s, struct err *err)
{
    s->in_batch = 0;
    return store_begin(s->im->store, STORE_WRITE, &s->tx, err);
}

static enum rc end_batch(struct stage *s, struct err *err)
{
    struct store_tx *tx = s->tx;
    s->tx = NULL;
    enum rc rc = store_commit(tx, err);
    if (!rc) rc = import_renew(s->im, err);
    if (!rc && import_stopped(s->im))
        rc = err_set(err, RC_STOPPED, "interrupted; the next import goes on from here");
    return rc;
}

static enum rc after_row(struct stage *s, struct err *err)
{
    if (++s->in_batch < BATCH) return RC_OK;
    enum rc rc = end_batch(s, err);
    return rc ? rc : begin(s, err);
}

static struct store_value maybe(int64_t v) { return v < 0 ? STORE_NIL : STORE_I(v); }

/* *twice: the variant has an offer in this shop already, which counts. */
static enum rc stage_offer(struct stage *s, struct str variant, struct str shop, const struct import_offer *o,
                           bool *twice, struct err *err)
{
    int64_t changed = 0;
    bool dated = o->sale_cents >= 0 && o->sale_until_ms;
    const struct store_value args[] = {STORE_S(variant),
                                       STORE_S(shop),
                                       maybe(o->price_cents),
                                       maybe(o->sale_cents),
                                       STORE_Z(o->currency),
                                       STORE_Z(o->availability),
                                       maybe(o->quantity),
                                       maybe(dated ? o->sale_from_ms : -1),
                                       maybe(dated ? o->sale_until_ms : -1),
                                       STORE_I(s->in_feed)};
    enum rc rc = store_exec(s->tx,
                            "INSERT INTO staged_offer (variant, shop, price_cents, sale_cents, currency,"
                            " availability, quantity, sale_from_ms, sale_until_ms, from_feed)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                            " ON CONFLICT (variant, shop) DO NOTHING",
                            args, sizeof args / sizeof *args, &changed, err);
    *twice = !rc && changed == 0;
    return rc;
}

/* How the row stands to the catalogue. */
static enum rc state_of(struct stage *s, const struct import_row *row, enum stage_state *state, struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_S(row->id)};
    bool more = false;
    *state = STAGE_NEW;
    enum rc rc =
        store_query(s->tx, "SELECT v.row_hash, v.hidden FROM variant v WHERE v.id = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more)
        *state = str_eqz(store_text(rows, 0), row->hash) && !store_i64(rows, 1) ? STAGE_SAME : STAGE_CHANGED;
    store_rows_close(rows);
    return rc;
}

static enum rc stage_pictures(struct stage *s, const struct import_row *row, int64_t line, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < row->n_pictures; i++) {
        const struct store_value args[] = {STORE_S(row->pictures[i]), STORE_S(row->grp), STORE_I(line)};
        rc = store_exec(s->tx,
                        "INSERT INTO staged_picture (address, grp, line) VALUES (?1, ?2, ?3)"
                        " ON CONFLICT (address, grp) DO NOTHING",
                        args, 3, NULL, err);
    }
    return rc;
}

static void report_twice(struct stage *s, int64_t line, struct str id, struct str shop)
{
    s->im->result->rejected++;
    import_report(s->im, line, id, shop.n ? "shop" : "id", "the id was on an earlier line; the first counts",
                  shop.n ? shop : id);
}

/* A row of an id that is staged already: another shop's offer, or a duplicate. */
static enum rc again(struct stage *s, const struct import_row *row, int64_t line, struct err *err)
{
    bool twice = false;
    enum rc rc = stage_offer(s, row->id, row->shop, &row->offer, &twice, err);
    if (!rc && twice) report_twice(s, line, row->id, row->shop);
    return rc;
}

static enum rc stage_row(struct stage *s, const struct import_row *row, int64_t line, struct err *err)
{
    enum stage_state state;
    int64_t inserted = 0;
    bool twice = false;
    enum rc rc = state_of(s, row, &state, err);
    if (rc) return rc;
    const struct store_value args[] = {STORE_S(row->id),
                                       STORE_I(s->seq),
                                       STORE_I(line),
                                       STORE_S(row->grp),
                                       STORE_Z(row->hash),
                                       STORE_I(state),
                                       state == STAGE_SAME ? STORE_NIL : STORE_S(row->data)};
    rc = store_exec(s->tx,
                    "INSERT INTO staged_row (id, seq, line, grp, row_hash, state, data)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
                    args, 7, &inserted, err);
    if (rc) return rc;
    if (!inserted) return again(s, row, line, err);
    s->seq++;
    rc = stage_offer(s, row->id, row->shop, &row->offer, &twice, err);
    return rc ? rc : stage_pictures(s, row, line, err);
}

static void on_problem(void *ctx, int64_t line, struct str id, const char *field, const char *reason,
                       struct str value)
{
    struct import *im = ctx;
    im->result->rows++;
    im->result->rejected++;
    import_report(im, line, id, field, reason, value);
}

static enum rc stage_feed(struct stage *s, struct err *err)
{
    struct import *im = s->im;
    struct catalog_feed_options options = {
        .columns = im->options->columns, .problem = on_problem, .problem_ctx = im};
    struct catalog_feed *feed = NULL;
    struct catalog_feed_row in;
    struct import_row row;
    struct import_row_reader reader;
    bool more = false;
    enum rc rc = import_row_reader_init(&reader, im, err);
    if (!rc) rc = catalog_feed_open(im->options->feed, &options, &feed, err);
    if (!rc) im->result->format = catalog_feed_format(feed);
    while (!rc && !(rc = catalog_feed_next(feed, &in, &more, err)) && more) {
        im->result->rows++;
        if (im->result->rows % 1000 == 0)
            import_progress(im, "reading", (int64_t)(catalog_feed_share(feed) * 1000), 1000);
        if (!import_row_read(&reader, &in, &row)) continue;
        rc = stage_row(s, &row, in.line, err);
        if (!rc) rc = after_row(s, err);
    }
    catalog_feed_close(feed);
    import_row_reader_release(&reader);
    return rc;
}

/* ---- shops and their inventory ---- */

static void on_file_problem(void *ctx, int64_t line, struct str id, const char *field, const char *reason,
                            struct str value)
{
    struct import *im = ctx;
    im->result->problems++;
    import_report(im, line, id, field ? field : "inventory", reason, value);
}

/* The web shop's offer of a variant, staged or published; *known false when there is no such variant. */
static enum rc web_offer(struct stage *s, struct str id, struct import_offer *o, bool *known, struct err *err)
{
    static const char *const queries[] = {
        "SELECT price_cents, sale_cents, currency, sale_from_ms, sale_until_ms FROM staged_offer"
        " WHERE variant = ?1 AND shop = ''",
        "SELECT o.price_cents, o.sale_cents, o.currency, o.sale_from_ms, o.sale_until_ms FROM variant v"
        " LEFT JOIN offer o ON o.variant = v.id AND o.shop = '' WHERE v.id = ?1",
        "SELECT NULL, NULL, 'EUR', NULL, NULL FROM staged_row WHERE id = ?1"};
    const struct store_value args[] = {STORE_S(id)};
    enum rc rc = RC_OK;
    *known = false;
    for (size_t i = 0; !rc && i < 3 && !*known; i++) {
        struct store_rows *rows = NULL;
        rc = store_query(s->tx, queries[i], args, 1, &rows, err);
        if (!rc) rc = store_next(rows, known, err);
        if (!rc && *known && o->price_cents < 0) {
            o->price_cents = store_is_null(rows, 0) ? -1 : store_i64(rows, 0);
            if (o->sale_cents < 0 && !store_is_null(rows, 1)) {
                o->sale_cents = store_i64(rows, 1);
                o->sale_from_ms = store_i64(rows, 3);
                o->sale_until_ms = store_i64(rows, 4);
            }
            if (o->sale_cents >= o->price_cents) o->sale_cents = -1;
            if (!store_is_null(rows, 2))
                snprintf(o->currency, sizeof o->currency, "%.*s", STR_ARG(store_text(rows, 2)));
        }
        store_rows_close(rows);
    }
    return rc;
}

static enum rc stage_inventory_row(struct stage *s, const struct catalog_feed_row *in, struct err *err)
{
    struct import_offer offer;
    struct str id = in->value[CATALOG_ID], shop = in->value[CATALOG_SHOP];
    const char *reason = NULL;
    bool known = false, twice = false;
    int64_t rejected = s->im->result->rejected;
    if (!id.n)
        reason = "the id is missing";
    else if (!shop.n)
        reason = "the shop is missing";
    else if (shop.n > 60)
        reason = "a shop's code has at most 60 bytes";
    if (!reason && !import_offer_read(s->im, in, &offer)) {
        s->im->result->rejected = rejected; /* counted for rows of the feed; here it is a problem */
        s->im->result->problems++;
        return RC_OK;
    }
    enum rc rc = reason ? RC_OK : web_offer(s, id, &offer, &known, err);
    if (!rc && !reason && !known) reason = "there is no product with this id";
    if (!rc && !reason) rc = stage_offer(s, id, shop, &offer, &twice, err);
    if (twice) reason = "this id and shop were on an earlier line; the first counts";
    if (!rc && reason) on_file_problem(s->im, in->line, id, "inventory", reason, shop);
    return rc;
}

static enum rc stage_shop(struct stage *s, const struct catalog_feed_row *in, struct err *err)
{
    struct str city = STR_NONE, shop = in->value[CATALOG_SHOP], name = in->value[CATALOG_TITLE];
    if (!shop.n || shop.n > 60) {
        on_file_problem(s->im, in->line, shop, "shops", "a shop's code has 1 to 60 bytes", name);
        return RC_OK;
    }
    for (size_t i = 0; i < in->n_extra; i++)
        if (str_ieqz(in->extra_names[i], "city") || str_ieqz(in->extra_names[i], "ville"))
            city = in->extra_values[i];
    const struct store_value args[] = {STORE_S(shop), STORE_S(name.n ? name : shop), STORE_S(city)};
    if (s->im->options->dry_run) return RC_OK;
    return store_exec(s->tx,
                      "INSERT INTO shop (shop, name, city) VALUES (?1, ?2, ?3) ON CONFLICT (shop) DO UPDATE"
                      " SET name = excluded.name, city = excluded.city",
                      args, 3, NULL, err);
}

static enum rc stage_file(struct stage *s, const char *path, enum catalog_feed_kind kind, struct err *err)
{
    struct catalog_feed_options options = {.kind = kind, .problem = on_file_problem, .problem_ctx = s->im};
    struct catalog_feed *feed = NULL;
    struct catalog_feed_row in;
    bool more = false;
    enum rc rc = catalog_feed_open(path, &options, &feed, err);
    while (!rc && !(rc = catalog_feed_next(feed, &in, &more, err)) && more) {
        rc = kind == CATALOG_FEED_SHOPS ? stage_shop(s, &in, err) : stage_inventory_row(s, &in, err);
        if (!rc) rc = after_row(s, err);
    }
    catalog_feed_close(feed);
    return rc;
}

enum rc import_stage(struct import *im, struct err *err)
{
    static const char *const tables[] = {"DELETE FROM staged_row", "DELETE FROM staged_offer",
                                         "DELETE FROM staged_picture", "DELETE FROM staged_dirty"};
    struct stage s = {.im = im};
    enum rc rc = begin(&s, err);
    for (size_t i = 0; !rc && i < sizeof tables / sizeof *tables; i++)
        rc = store_exec(s.tx, tables[i], NULL, 0, NULL, err);
    s.in_feed = true;
    if (!rc && im->options->feed) rc = stage_feed(&s, err);
    s.in_feed = false;
    if (!rc && im->options->shops) {
        rc = stage_file(&s, im->options->shops, CATALOG_FEED_SHOPS, err);
        if (rc) err_prefix(err, "--shops: ");
    }
    if (!rc && im->options->inventory) {
        rc = stage_file(&s, im->options->inventory, CATALOG_FEED_INVENTORY, err);
        if (rc) err_prefix(err, "--inventory: ");
    }
    if (!rc) rc = end_batch(&s, err);
    store_rollback(s.tx);
    return rc;
}
