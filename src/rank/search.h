/*
 * Inside rank/: one search over one snapshot, free of everything that runs (stores, threads), so that tests
 * can call it with rows of their own.
 *
 * The score of a product is a sum; each part is a weight times a match from 0 to 1:
 *
 *   exact title     100    the query is the product's title, word for word
 *   category          4    of the words (lang/understand.h), or the photo's distribution x nearness
 *   colour            2    likewise; nearby colours less
 *   gender          1.5    likewise; unknown of a product counts .5
 *   words           2.2    share of the words that nothing else explains which the title holds, rare ones
 *                          counting more (inverse document frequency); .04 of that for explained ones
 *   all words       1.5    the title holds every word of the query, times how much of the title that is
 *   brand           1.5    said in the query
 *   article          .8    the kind of article said ("polo"), in the title
 *   pattern, material .7   said, as attribute or in the title
 *   age group, style, season  .5, .3, .2
 *   picture           4    cosine of the pictures
 *   text              1    cosine of text and picture; 2.5 when little of the query was understood
 *   full text        .8    words that only longer texts hold
 *   against        -3.5    what the query said it should not be ("sans", "not")
 *
 * Category before colour before gender: a wrong kind of thing is the worst answer, and no sum of small parts
 * can outweigh it. The weights were set on people's words (tests/fixtures/words_heldout.csv).
 */
#ifndef RANK_SEARCH_H
#define RANK_SEARCH_H

#include "infer/infer.h"
#include "rank/rank.h"
#include "rank/snapshot.h"

struct rank_scope {
    const struct vocab *vocab;
    const struct rank_snapshot *snapshot;
    struct infer *model;   /* for text embeddings; NULL: without */
    struct store *catalog; /* for full text; NULL: without */
};

/* As rank_search(). */
enum rc rank_search_in(const struct rank_scope *scope, const struct rank_query *q, struct arena *arena,
                       struct rank_answer *out, struct err *err) MUST_USE;

/* What one search knows while it scores. */
struct rank_work {
    const struct rank_scope *scope;
    const struct rank_snapshot *s;
    const struct rank_query *q;
    struct arena *arena;
    struct lang_query *words;   /* NULL: no text */
    const float *picture;       /* embedding of the photo or product; NULL: none */
    float *text;                /* embedding of the words; NULL: none */
    long similar_row;           /* of q->similar_to; -1 */
    float *tables[RANK_FIELDS]; /* (values of the field): what each code adds; NULL: nothing */
    uint64_t *allow;            /* rows that the filter lets through */
    size_t matched;
    const struct rank_offers *offers; /* of the shop asked for; NULL: it has none */
    float *score;                     /* (rows) without the embeddings */
    float text_weight;
    uint64_t title_hash; /* of the whole query; 0: none */
    const char *lang;
};

/* rank_filter.c */
enum rc rank_filter_rows(struct rank_work *w, struct err *err) MUST_USE;
enum rc rank_count_facets(struct rank_work *w, struct rank_answer *out, struct err *err) MUST_USE;
/* rank_score.c: fills tables and score. */
enum rc rank_score_rows(struct rank_work *w, struct err *err) MUST_USE;
float rank_dot(const float *a, const float *b, size_t n);
/* rank_reasons.c */
enum rc rank_give_reasons(struct rank_work *w, size_t row, struct rank_item *item, struct err *err) MUST_USE;
#endif
