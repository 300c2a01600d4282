/* What rank.c shares with the routes; nobody else includes this. */
#ifndef RANK_RANK_INTERNAL_H
#define RANK_RANK_INTERNAL_H

#include "http/http.h"
#include "rank/rank.h"
#include "store/store.h"

extern const struct http_route rank_routes[];
extern const struct http_schema rank_schemas[];
extern const struct migration rank_migrations[];

/* Metrics, in rank_module.c. `answer` NULL: the search failed. */
void rank_note_search(const struct rank_query *q, const struct rank_answer *answer, int64_t us);
/* A stage of an answer that began at since_us has ended; returns the time now, when the next begins. */
int64_t rank_note_stage(const char *stage, int64_t since_us);
void rank_note_snapshot(int64_t generation, size_t products, int64_t at_ms);
void rank_note_feedback(const char *event);

struct rank_suggestion {
    const char *kind; /* "words", "brand", "correction" */
    struct str text;
};
size_t rank_suggest(struct rank *r, struct str text, const char *lang, struct arena *arena,
                    struct rank_suggestion *out, size_t cap);

/*
 * Attribution: an answer with products carries a token that says when it was given, from which generation, how
 * it was asked, and which products it listed (a hash each, in order), with a MAC over all of it. Feedback brings it
 * back, so that an event counts only for a product that was shown, at the place where it was shown. The token says
 * nothing about who asked.
 */
enum { RANK_TOKEN_BYTES = 1024 };
struct rank_token {
    char kind; /* 't'ext, 'p'icture, 'm'ixed, 's'imilar, 'b'rowse */
    int64_t at_ms, generation;
    uint8_t n;   /* products */
    char id[17]; /* hex of its MAC's first bytes: events of one answer share it */
};
/* RC_NOMEM. `key`: CRYPT_KEY_BYTES. */
enum rc rank_token_make(const uint8_t *key, char kind, const struct rank_answer *a, struct arena *arena,
                        struct str *out, struct err *err) MUST_USE;
/* RC_INVALID: not ours, or older than max_age_ms. *position: of the product in the list, from 0; RC_UNPROCESSABLE when
 * it was not in it. */
enum rc rank_token_read(const uint8_t *key, struct str token, struct str product, int64_t max_age_ms,
                        struct rank_token *out, int *position, struct err *err) MUST_USE;
const uint8_t *rank_key(const struct rank *r);
#endif
