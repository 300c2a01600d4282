/* What rank.c shares with rank_http.c; nobody else includes this. */
#ifndef RANK_RANK_INTERNAL_H
#define RANK_RANK_INTERNAL_H

#include "rank/rank.h"

struct vocab;

/* Metrics, kept in rank_http.c beside the module table. `answer` NULL: the search failed. */
void rank_note_search(const struct rank_query *q, const struct rank_answer *answer, int64_t us);
void rank_note_snapshot(int64_t generation, size_t products, int64_t at_ms);

const struct vocab *rank_vocab(const struct rank *r);

struct rank_suggestion {
    const char *kind; /* "words", "brand", "correction" */
    struct str text;
};
size_t rank_suggest(struct rank *r, struct str text, const char *lang, struct arena *arena,
                    struct rank_suggestion *out, size_t cap);
#endif
