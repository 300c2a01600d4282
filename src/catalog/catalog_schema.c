/*
 * The tables of the "catalog" store. Nothing here concerns a person.
 *
 * product    what a shopper sees once. Attribute columns hold canonical names (lang/vocab.h), or what the
 *            retailer wrote where the vocabulary does not know it; those that the model filled are in
 *            `filled` ({"category":{"p":0.93}}) and in filled_bits (1 << enum vocab_field). `extra` keeps the
 *            retailer's unknown columns. `sizes`: canonical sizes of available variants, separated by '|'.
 *            A product is a pure function of its visible variants, their offers and pictures; `hash` is
 *            that of all it was made from, so that the same feed changes nothing. `model`: whose labels were at
 *            hand for its main picture, '' if none.
 * variant    one row of the feed: an offer id under its product. `data` holds its values (import_row.c), so
 *            that a product can be made anew when another of its variants comes or goes.
 * offer      price and stock of a variant in a shop; shop '' is the web shop. The sale price holds from
 *            sale_from_ms until before sale_until_ms; NULL: always.
 * picture    a picture by the SHA-256 of its bytes, wherever it came from; `mask`: see catalog_mask_unpack().
 *            `widths`: which smaller ones are stored beside the original (bit 0: 240, bit 1: 640).
 * source     where a picture address was last read, so that an unchanged file is not read again: `stamp` says
 *            what it looked like from outside, `failed` why it gave no picture.
 * embedding  (dim) f32 little-endian and the best labels of each head ({"colour":[["Red",0.71],...]}) of a
 *            picture under one model version. meta 'model' names the version that searches use.
 * staged_*   rows, offers and picture addresses of a running import (one at a time, see `lease`), published in
 *            one transaction; a new import begins by emptying them. from_feed 0: from the inventory file.
 * import_run one line an import: what an operator sees.
 */
#include "store/store.h"

#include "catalog/catalog_internal.h"

const struct migration catalog_migrations[] = {
    {"catalog", 1,
     "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
     "CREATE TABLE product ("
     " doc INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, description TEXT,"
     " link TEXT, brand TEXT, product_type TEXT, google_category TEXT,"
     " category TEXT, colour TEXT, gender TEXT, age_group TEXT, season TEXT, style TEXT, material TEXT,"
     " pattern TEXT, sizes TEXT NOT NULL DEFAULT '', filled TEXT NOT NULL DEFAULT '{}',"
     " filled_bits INTEGER NOT NULL DEFAULT 0, extra TEXT NOT NULL DEFAULT '{}',"
     " picture TEXT, model TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL,"
     " hidden INTEGER NOT NULL DEFAULT 0, first_seen_ms INTEGER NOT NULL,"
     " changed_ms INTEGER NOT NULL, generation INTEGER NOT NULL);"
     "CREATE INDEX product_category ON product (category, doc);"
     "CREATE TABLE variant ("
     " id TEXT PRIMARY KEY, doc INTEGER NOT NULL, position INTEGER NOT NULL, colour TEXT, size TEXT,"
     " size_label TEXT, data TEXT NOT NULL, row_hash TEXT NOT NULL, hidden INTEGER NOT NULL DEFAULT 0);"
     "CREATE INDEX variant_doc ON variant (doc, position);"
     "CREATE TABLE offer ("
     " variant TEXT NOT NULL, shop TEXT NOT NULL DEFAULT '', price_cents INTEGER, sale_cents INTEGER,"
     " currency TEXT NOT NULL DEFAULT 'EUR', availability TEXT NOT NULL DEFAULT 'in_stock',"
     " quantity INTEGER, PRIMARY KEY (variant, shop));"
     "CREATE TABLE shop (shop TEXT PRIMARY KEY, name TEXT NOT NULL, city TEXT);"
     "CREATE TABLE picture ("
     " sha TEXT PRIMARY KEY, mime TEXT NOT NULL, bytes INTEGER NOT NULL, width INTEGER NOT NULL,"
     " height INTEGER NOT NULL, dhash INTEGER NOT NULL, plain REAL NOT NULL, colours TEXT NOT NULL,"
     " mask BLOB NOT NULL, widths INTEGER NOT NULL, made_ms INTEGER NOT NULL);"
     "CREATE TABLE product_picture ("
     " doc INTEGER NOT NULL, position INTEGER NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (doc, position));"
     "CREATE INDEX product_picture_sha ON product_picture (sha);"
     "CREATE TABLE source ("
     " address TEXT PRIMARY KEY, sha TEXT, stamp TEXT NOT NULL, failed TEXT);"
     "CREATE TABLE embedding ("
     " sha TEXT NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, labels TEXT NOT NULL,"
     " PRIMARY KEY (sha, model));"
     "CREATE TABLE staged_row ("
     " id TEXT PRIMARY KEY, seq INTEGER NOT NULL, line INTEGER NOT NULL, grp TEXT NOT NULL,"
     " row_hash TEXT NOT NULL, state INTEGER NOT NULL, data TEXT);"
     "CREATE TABLE staged_offer ("
     " variant TEXT NOT NULL, shop TEXT NOT NULL, price_cents INTEGER, sale_cents INTEGER,"
     " currency TEXT NOT NULL, availability TEXT NOT NULL, quantity INTEGER, PRIMARY KEY (variant, shop));"
     "CREATE TABLE staged_picture ("
     " address TEXT NOT NULL, grp TEXT NOT NULL, line INTEGER NOT NULL, PRIMARY KEY (address, grp));"
     "CREATE TABLE staged_dirty (doc INTEGER PRIMARY KEY);"
     "CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_ms INTEGER NOT NULL);"
     "CREATE TABLE import_run ("
     " id TEXT PRIMARY KEY, feed TEXT NOT NULL, state TEXT NOT NULL, started_ms INTEGER NOT NULL,"
     " ended_ms INTEGER, counts TEXT NOT NULL DEFAULT '{}', message TEXT);"
     "CREATE INDEX import_run_started ON import_run (started_ms);"},
    {"catalog", 2,
     "ALTER TABLE offer ADD COLUMN sale_from_ms INTEGER;"
     "ALTER TABLE offer ADD COLUMN sale_until_ms INTEGER;"
     "CREATE INDEX offer_sale_from ON offer (sale_from_ms) WHERE sale_from_ms IS NOT NULL;"
     "CREATE INDEX offer_sale_until ON offer (sale_until_ms) WHERE sale_until_ms IS NOT NULL;"
     "ALTER TABLE staged_offer ADD COLUMN sale_from_ms INTEGER;"
     "ALTER TABLE staged_offer ADD COLUMN sale_until_ms INTEGER;"
     "ALTER TABLE staged_offer ADD COLUMN from_feed INTEGER NOT NULL DEFAULT 1;"},
    {0}};
