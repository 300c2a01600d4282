/*
 * The vocabulary: one canonical name for what retailers and people write in French and English. Shipped
 * as CSV files in vocabulary/ (a retailer's engineer edits copies in DATA/vocabulary/, which come over
 * them): categories (names of the product's taxonomy, with Google product categories and synonyms),
 * colours, genders, age groups, seasons, styles, materials, patterns, sizes, units.
 *
 * Canonical names: categories as in the taxonomy ("t-shirt", "sports-shoes"); colours, genders, seasons
 * and styles the KAGL names ("Navy Blue", "Women", "Summer", "Casual"); the rest English lower case.
 *
 * Threading: immutable once opened.
 */
#ifndef LANG_VOCAB_H
#define LANG_VOCAB_H

#include "base/err.h"
#include "base/str.h"

struct vocab;

enum vocab_field {
    VOCAB_CATEGORY,
    VOCAB_COLOUR,
    VOCAB_GENDER,
    VOCAB_AGE_GROUP,
    VOCAB_SEASON,
    VOCAB_STYLE,
    VOCAB_MATERIAL,
    VOCAB_PATTERN,
    VOCAB_SIZE,
    VOCAB_FIELDS
};

/* `shipped`: the folder that comes with the program (NULL: found beside it); `house`: the retailer's own
 * (NULL or missing: none). RC_INVALID names file, line and column. */
enum rc vocab_open(const char *shipped, const char *house, struct vocab **out, struct err *err) MUST_USE;
void vocab_close(struct vocab *v);

/* The canonical name for one attribute value as a retailer writes it ("bleu marine", "NOIR/BLANC" gives
 * the first), in either language, case, accents and plural ignored; NULL when unknown. Lives with v. */
const char *vocab_canonical(const struct vocab *v, enum vocab_field field, struct str text);
/* The category of a product from what its feed says, most specific first: product_type ("Femme > Robes >
 * Robes longues"), google_product_category (path or number), then title. NULL when none says. */
const char *vocab_category(const struct vocab *v, struct str product_type, struct str google_category,
                           struct str title);
/* All canonical names of a field, in the order of the file; the group of a category ("top", "footwear");
 * the display name in "fr" or "en" (feminine or masculine does not matter here). */
size_t vocab_names(const struct vocab *v, enum vocab_field field, const char *const **names);
const char *vocab_group(const struct vocab *v, const char *category);
/* How near one value is to another: 1 the same, 0 unrelated, between for neighbours ("Blue" and "Navy
 * Blue", a blazer for a jacket). From the columns `also`; not symmetric. */
float vocab_near(const struct vocab *v, enum vocab_field field, const char *wanted, const char *has);
const char *vocab_label(const struct vocab *v, enum vocab_field field, const char *name, const char *lang);
#endif
