/*
 * Inside rank/: an inverted index over the stems of titles and brands, in memory. It answers which titles hold
 * which words of a query without leaving the snapshot; longer texts stay in store/fts.h.
 */
#ifndef RANK_WORDS_H
#define RANK_WORDS_H

#include "base/err.h"
#include "base/str.h"

struct rank_words;
enum rc rank_words_create(struct rank_words **out, struct err *err) MUST_USE;
void rank_words_destroy(struct rank_words *w);
/* The words of one row; rows ascending. *words: how many it had, *hash: of its folded words in order. */
enum rc rank_words_add(struct rank_words *w, uint32_t row, struct str title, struct str brand, uint8_t *words,
                       uint64_t *hash, struct err *err) MUST_USE;
enum rc rank_words_seal(struct rank_words *w, struct err *err) MUST_USE;
/* Rows that hold the stem, ascending; NULL when none. */
const uint32_t *rank_words_rows(const struct rank_words *w, struct str stem, size_t *n);
/* The hash that rank_words_add() gives for a title. 0 for no words. */
uint64_t rank_title_hash(struct str title);
#endif
