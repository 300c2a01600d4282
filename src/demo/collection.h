/*
 * The demonstration collection: what each product is. product_choose() makes product number i of a seed,
 * product_draw() draws it. Names, descriptions and brands are French and invented.
 */
#ifndef DEMO_COLLECTION_H
#define DEMO_COLLECTION_H

#include "demo/garment.h"

enum { PRODUCT_SIZES = 8 };

struct colour {
    const char *name;        /* as in KAGL baseColour */
    const char *fr, *fr_fem; /* "blanc", "blanche" */
    unsigned shades[3];      /* 0xrrggbb */
};

struct product {
    int number;
    uint64_t seed;
    const struct cut *cut;
    const struct colour *colour, *second, *third;
    struct rgb shade[3];
    enum fabric fabric;
    enum pattern pattern;
    char gender;                                  /* 'w', 'm' or 'u' */
    int style, season;                            /* index into the names below */
    const char *brand, *sizes[PRODUCT_SIZES + 1]; /* NULL-ended */
    int price_cents, sale_cents;                  /* -1: no sale */
    char id[16], title[160], description[640];
};

const char *product_category(const struct product *p);               /* "t-shirt" */
const char *product_type(const struct product *p);                   /* "Femme > Robes > Robes longues" */
const char *product_google(const struct product *p);                 /* Google product category path */
const char *product_gender(const struct product *p, bool kagl);      /* "femme", or "Women" */
const char *product_style(const struct product *p, bool kagl);       /* "Décontracté", or "Casual" */
const char *product_season(const struct product *p, bool kagl);      /* "Été", or "Summer" */
const char *product_material(const struct product *p, bool english); /* "popeline de coton", or "cotton" */
const char *product_pattern(const struct product *p, bool english);  /* "fleuri", or "floral" */
/* Is worn on the body in a photo of a wardrobe, and may lie on a bed. */
bool product_lies_flat(const struct product *p);
bool product_stands(const struct product *p); /* shoes and bags: their shadow is on the ground */

void product_choose(struct product *out, uint64_t seed, int number);
/* Draws onto the pen, filling it. */
enum rc product_draw(const struct product *p, struct pen *pen, struct err *err) MUST_USE;
size_t
product_cuts(void); /* how many different cuts there are; product number i has cut i % that, then by weight */

#endif
