/*
 * Matching: from a photo, words, a product or a mixture to products of the catalogue, with reasons that
 * are true (each is computed from what it states).
 *
 * A snapshot holds the whole catalogue's vectors and attributes in memory, immutable and reference-
 * counted; searches go on with the one they began with while a newer one is made and then switched to.
 *
 * Candidates come from the vectors (picture and text side), from full text, and from what the query was
 * understood to say (lang/understand.h); they are merged into one score; filters are exact: they are
 * applied inside the searches, never afterwards.
 */
#ifndef RANK_RANK_H
#define RANK_RANK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct app;
struct module;
struct rank;
struct rank_snapshot;

extern const struct module rank_module;

/* Loads the first snapshot from app->catalog. */
enum rc rank_open(struct app *app, struct rank **out, struct err *err) MUST_USE;
void rank_close(struct rank *r);
/* Takes a new snapshot if the catalogue's generation moved. Called by a thread of `serve` each second. */
enum rc rank_refresh(struct rank *r, bool *changed, struct err *err) MUST_USE;

enum { RANK_MAX_VALUES = 16, RANK_MAX_LIMIT = 100 };

struct rank_values { /* any of these; n == 0: no condition */
    struct str v[RANK_MAX_VALUES];
    size_t n;
};

struct rank_filter {
    struct rank_values category, group, colour, gender, age_group, season, style, brand, size, material,
        pattern;
    int64_t price_min_cents, price_max_cents; /* -1: none */
    struct str shop;                          /* "" the web shop */
    bool available_only, on_sale_only;
};
#define RANK_FILTER_NONE ((struct rank_filter){.price_min_cents = -1, .price_max_cents = -1})

/* Labels seen in a picture, by the model here or on the shopper's own device, with their probabilities. Names
 * are borrowed for the call; unknown ones do no harm. */
enum { RANK_MAX_SEEN = 12 };
struct rank_seen {
    struct rank_label {
        struct str name;
        float p;
    } category[RANK_MAX_SEEN], colour[RANK_MAX_SEEN], gender[RANK_MAX_SEEN], season[RANK_MAX_SEEN],
        style[RANK_MAX_SEEN];
    size_t n_category, n_colour, n_gender, n_season, n_style;
};
/* Other orders than the best first are among what fits the query well. */
enum rank_sort { RANK_BEST, RANK_CHEAPEST, RANK_DEAREST, RANK_NEWEST };

struct infer_reading;
/* What infer_read() read, with the colours of the pixels beside the model's. */
void rank_see(const struct infer_reading *reading, struct rank_seen *out);

struct rank_query {
    struct str text;              /* p NULL: none */
    const float *picture;         /* (dim) unit length, from infer_images; NULL: none */
    const struct rank_seen *seen; /* the labels that came with it; NULL: none */
    struct str similar_to;        /* a product id: its own embedding and attributes */
    struct rank_filter filter;
    size_t limit; /* 1 .. RANK_MAX_LIMIT */
    enum rank_sort sort;
    bool browse;       /* nothing asked: all that the filter lets through, newest first */
    bool facets;       /* count the values among what the filter lets through */
    bool distinct;     /* leave out pictures that look the same as one before */
    struct str cursor; /* of an earlier answer; p NULL: the first page */
    const char *lang;  /* "fr" or "en": of the reasons */
    unsigned worker;   /* for infer_text */
};

struct rank_reason {
    const char *code; /* "same_category", "same_colour", "matches_words", "on_sale", ... */
    struct str text;  /* in the query's language */
};

enum { RANK_MAX_REASONS = 4 };
struct rank_item {
    struct str id, title, brand, link, picture; /* picture: SHA-256 in hex; p NULL or n 0: none */
    struct str category, colour, gender, style, currency;
    int64_t price_cents, sale_cents; /* in the shop asked for; -1: unknown, no sale */
    bool available;
    float score; /* 0 .. 1, for this answer only */
    struct rank_reason reasons[RANK_MAX_REASONS];
    size_t n_reasons;
};

struct rank_facet {
    const char *field;
    struct str value;
    size_t count;
};

struct rank_answer { /* lives in the arena */
    struct rank_item *items;
    size_t n;
    struct str next_cursor; /* p NULL: the last page */
    size_t matched;         /* how many products the filter lets through */
    struct rank_facet *facets;
    size_t n_facets;
    int64_t generation;
    struct str understood; /* JSON object: what the words were taken to mean */
    struct str corrected;  /* spelling that was searched instead; p NULL: none */
};

/* For modules that score products themselves: the snapshot in use now, retained (rank_snapshot_release() it), and the
 * vocabulary, which lives with r. */
struct rank_snapshot *rank_snapshot_now(struct rank *r);
struct vocab;
const struct vocab *rank_vocab(const struct rank *r);

/* Fills the item's texts, prices and stock from a row, copied to the arena; `offers` NULL: none. */
struct rank_offers;
enum rc rank_item_fill(const struct rank_snapshot *s, const struct rank_offers *offers, size_t row,
                       struct arena *arena, struct rank_item *item, struct err *err) MUST_USE;
/* Writes it as schema "FoundProduct". */
struct jout;
void rank_item_write(const struct rank_item *item, struct jout *out);

/* RC_INVALID: neither words nor picture nor labels nor product; a bad cursor. RC_NOT_FOUND: similar_to unknown. */
enum rc rank_search(struct rank *r, const struct rank_query *q, struct arena *arena, struct rank_answer *out,
                    struct err *err) MUST_USE;
#endif
