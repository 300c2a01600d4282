/* Which values the vocabulary does not know, and how often they came: for the summary. */
#include "catalog/import_internal.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 8192, FULL = 6000, VALUE_BYTES = 60 };

struct gap {
    int64_t count; /* 0: free */
    enum vocab_field field;
    char value[VALUE_BYTES];
};

struct catalog_gaps {
    size_t used;
    int64_t beyond[VOCAB_FIELDS]; /* occurrences that found the table full: each counts as a value */
    struct gap slot[SLOTS];
};

static const char *const names[VOCAB_FIELDS] = {
    [VOCAB_CATEGORY] = "product_type", [VOCAB_COLOUR] = "colour",   [VOCAB_GENDER] = "gender",
    [VOCAB_AGE_GROUP] = "age_group",   [VOCAB_SEASON] = "season",   [VOCAB_STYLE] = "style",
    [VOCAB_MATERIAL] = "material",     [VOCAB_PATTERN] = "pattern", [VOCAB_SIZE] = "size"};

struct catalog_gaps *catalog_gaps_create(void) { return calloc(1, sizeof(struct catalog_gaps)); }
void catalog_gaps_destroy(struct catalog_gaps *g) { free(g); }

void catalog_gaps_add(struct catalog_gaps *g, enum vocab_field field, struct str value)
{
    struct str cut = str_utf8_cut(value, VALUE_BYTES - 1);
    size_t i = (size_t)(str_hash(cut) + (uint64_t)field * 7919) % SLOTS;
    while (g->slot[i].count && (g->slot[i].field != field || !str_eqz(cut, g->slot[i].value)))
        i = (i + 1) % SLOTS;
    struct gap *gap = &g->slot[i];
    if (!gap->count) {
        if (g->used == FULL) {
            g->beyond[field]++;
            return;
        }
        g->used++;
        gap->field = field;
        snprintf(gap->value, sizeof gap->value, "%.*s", STR_ARG(cut));
    }
    gap->count++;
}

static void describe(const struct catalog_gaps *g, enum vocab_field field, struct catalog_gap *out)
{
    const struct gap *top[5] = {0};
    *out = (struct catalog_gap){.field = names[field], .values = g->beyond[field]};
    for (size_t i = 0; i < SLOTS; i++) {
        const struct gap *one = &g->slot[i];
        if (!one->count || one->field != field) continue;
        out->values++;
        for (int k = 0; k < 5; k++) {
            if (top[k] && (top[k]->count > one->count ||
                           (top[k]->count == one->count && strcmp(top[k]->value, one->value) < 0)))
                continue;
            const struct gap *moved = top[k];
            top[k] = one;
            one = moved;
            if (!one) break;
        }
    }
    size_t n = 0;
    for (int k = 0; k < 5 && top[k]; k++) {
        int put = snprintf(out->examples + n, sizeof out->examples - n, "%s%s (%lld)", k ? ", " : "",
                           top[k]->value, (long long)top[k]->count);
        if (put < 0 || (size_t)put >= sizeof out->examples - n) {
            out->examples[n] = 0;
            break;
        }
        n += (size_t)put;
    }
}

void catalog_gaps_report(const struct catalog_gaps *g, struct catalog_import_result *out)
{
    out->n_gaps = 0;
    for (int field = 0; field < VOCAB_FIELDS; field++) {
        struct catalog_gap one;
        describe(g, (enum vocab_field)field, &one);
        if (one.values) out->gaps[out->n_gaps++] = one;
    }
}
