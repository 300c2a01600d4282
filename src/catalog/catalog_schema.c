/*
 * The tables of the "catalog" store. Nothing here concerns a person.
 *
 * product    what a shopper sees once. Attribute columns hold canonical names (lang/vocab.h); those that the
 *            model filled are marked in `filled`. `extra` keeps the retailer's unknown columns.
 * variant    one row of the feed: an offer id with size and colour, under its product.
 * offer      price and stock of a variant in a shop; shop '' is the web shop.
 * picture    a picture by the SHA-256 of its bytes, wherever it came from.
 * source     where a picture address or path was last read, so that an unchanged file is not read again.
 * embedding  (dim) f32 little-endian and label probabilities of a picture under one model version.
 * staged     rows of a running import (one at a time), published in one transaction.
 * import_run one line an import: what an operator sees, and what a restart resumes from.
 */
#include "store/store.h"

const struct migration catalog_migrations[] = {
    {"catalog", 1,
     "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
     "CREATE TABLE product ("
     " doc INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, description TEXT,"
     " link TEXT, brand TEXT, product_type TEXT, google_category TEXT,"
     " category TEXT, colour TEXT, gender TEXT, age_group TEXT, season TEXT, style TEXT, material TEXT,"
     " pattern TEXT, filled TEXT NOT NULL DEFAULT '{}', extra TEXT NOT NULL DEFAULT '{}',"
     " picture TEXT, hash TEXT NOT NULL, hidden INTEGER NOT NULL DEFAULT 0,"
     " first_seen_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, generation INTEGER NOT NULL);"
     "CREATE TABLE variant ("
     " id TEXT PRIMARY KEY, doc INTEGER NOT NULL, position INTEGER NOT NULL, title TEXT, link TEXT,"
     " colour TEXT, size TEXT, size_label TEXT, picture TEXT, row_hash TEXT NOT NULL,"
     " hidden INTEGER NOT NULL DEFAULT 0);"
     "CREATE INDEX variant_doc ON variant (doc, position);"
     "CREATE TABLE offer ("
     " variant TEXT NOT NULL, shop TEXT NOT NULL DEFAULT '', price_cents INTEGER, sale_cents INTEGER,"
     " currency TEXT NOT NULL DEFAULT 'EUR', availability TEXT NOT NULL DEFAULT 'in_stock',"
     " quantity INTEGER, PRIMARY KEY (variant, shop));"
     "CREATE TABLE shop (shop TEXT PRIMARY KEY, name TEXT NOT NULL, city TEXT);"
     "CREATE TABLE picture ("
     " sha TEXT PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL, dhash INTEGER NOT NULL,"
     " plain REAL NOT NULL, colours TEXT NOT NULL, made_ms INTEGER NOT NULL);"
     "CREATE TABLE product_picture ("
     " doc INTEGER NOT NULL, position INTEGER NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (doc, position));"
     "CREATE INDEX product_picture_sha ON product_picture (sha);"
     "CREATE TABLE source ("
     " address TEXT PRIMARY KEY, sha TEXT, stamp TEXT NOT NULL, failed TEXT);"
     "CREATE TABLE embedding ("
     " sha TEXT NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, labels BLOB NOT NULL,"
     " PRIMARY KEY (sha, model));"
     "CREATE TABLE import_run ("
     " id TEXT PRIMARY KEY, feed TEXT NOT NULL, state TEXT NOT NULL, started_ms INTEGER NOT NULL,"
     " ended_ms INTEGER, counts TEXT NOT NULL DEFAULT '{}', message TEXT);"},
    {0}};
