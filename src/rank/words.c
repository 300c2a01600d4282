#include "rank/words.h"

#include "base/arena.h"
#include "lang/text.h"

#include <stdlib.h>
#include <string.h>

struct pair {
    uint32_t term, row;
};

struct rank_words {
    struct arena arena;
    struct str *terms;
    size_t n_terms, cap_terms;
    uint32_t *slots; /* hash to term + 1 */
    size_t n_slots;
    struct pair *pairs; /* while building */
    size_t n_pairs, cap_pairs;
    uint32_t *starts; /* (n_terms + 1) into rows */
    uint32_t *counts; /* (n_terms) rows, each once */
    uint32_t *rows;
};

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "no memory for the title index"); }

enum rc rank_words_create(struct rank_words **out, struct err *err)
{
    struct rank_words *w = calloc(1, sizeof *w);
    if (!w) return no_memory(err);
    w->arena = ARENA_INIT((size_t)1 << 32);
    *out = w;
    return RC_OK;
}

void rank_words_destroy(struct rank_words *w)
{
    if (!w) return;
    free(w->terms);
    free(w->slots);
    free(w->pairs);
    free(w->starts);
    free(w->counts);
    free(w->rows);
    arena_release(&w->arena);
    free(w);
}

static uint32_t *slot_of(const struct rank_words *w, struct str stem)
{
    size_t mask = w->n_slots - 1, i = (str_hash(stem) * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (w->slots[i] && !str_eq(w->terms[w->slots[i] - 1], stem))
        i = (i + 1) & mask;
    return &w->slots[i];
}

static enum rc grow(struct rank_words *w, struct err *err)
{
    if (w->n_slots > w->n_terms * 2) return RC_OK;
    size_t n = w->n_slots ? w->n_slots * 2 : 1 << 12;
    uint32_t *now = calloc(n, sizeof *now);
    if (!now) return no_memory(err);
    free(w->slots);
    w->slots = now;
    w->n_slots = n;
    for (size_t i = 0; i < w->n_terms; i++)
        *slot_of(w, w->terms[i]) = (uint32_t)i + 1;
    return RC_OK;
}

static enum rc add_term(struct rank_words *w, uint32_t row, struct str stem, struct err *err)
{
    enum rc rc = grow(w, err);
    if (rc) return rc;
    uint32_t *slot = slot_of(w, stem);
    if (!*slot) {
        if (w->n_terms == w->cap_terms) {
            size_t cap = w->cap_terms ? w->cap_terms * 2 : 4096;
            struct str *p = realloc(w->terms, cap * sizeof *p);
            if (!p) return no_memory(err);
            w->terms = p;
            w->cap_terms = cap;
        }
        struct str kept = arena_str(&w->arena, stem);
        if (!kept.p) return no_memory(err);
        w->terms[w->n_terms++] = kept;
        *slot = (uint32_t)w->n_terms;
    }
    if (w->n_pairs == w->cap_pairs) {
        size_t cap = w->cap_pairs ? w->cap_pairs * 2 : 1 << 16;
        struct pair *p = realloc(w->pairs, cap * sizeof *p);
        if (!p) return no_memory(err);
        w->pairs = p;
        w->cap_pairs = cap;
    }
    w->pairs[w->n_pairs++] = (struct pair){*slot - 1, row};
    return RC_OK;
}

static uint64_t hash_word(uint64_t h, struct str word)
{
    return (h ^ str_hash(word)) * 0x9e3779b97f4a7c15u + 1;
}

uint64_t rank_title_hash(struct str title)
{
    struct lang_words it = LANG_WORDS(title);
    struct lang_word word;
    uint64_t h = 0;
    while (lang_next(&it, &word))
        h = hash_word(h, (struct str){word.p, word.n});
    return h;
}

static enum rc add_text(struct rank_words *w, uint32_t row, struct str text, size_t *words, struct err *err)
{
    struct lang_words it = LANG_WORDS(text);
    struct lang_word word;
    enum rc rc = RC_OK;
    while (!rc && lang_next(&it, &word)) {
        struct str s = {word.p, word.n};
        if (lang_is_stopword(s)) continue;
        char en[LANG_WORD_BYTES], fr[LANG_WORD_BYTES];
        struct str stem_en = {en, lang_stem(LANG_EN, s, en)}, stem_fr = {fr, lang_stem(LANG_FR, s, fr)};
        rc = add_term(w, row, stem_en, err);
        if (!rc && !str_eq(stem_en, stem_fr)) rc = add_term(w, row, stem_fr, err);
        ++*words;
    }
    return rc;
}

enum rc rank_words_add(struct rank_words *w, uint32_t row, struct str title, struct str brand, uint8_t *words,
                       uint64_t *hash, struct err *err)
{
    size_t in_title = 0, in_brand = 0;
    enum rc rc = add_text(w, row, title, &in_title, err);
    if (!rc && brand.n) rc = add_text(w, row, brand, &in_brand, err);
    *words = in_title < 255 ? (uint8_t)in_title : 255;
    *hash = rank_title_hash(title);
    return rc;
}

enum rc rank_words_seal(struct rank_words *w, struct err *err)
{
    enum rc rc = grow(w, err);
    if (rc) return rc;
    w->starts = calloc(w->n_terms + 2, sizeof *w->starts);
    w->rows = malloc((w->n_pairs + 1) * sizeof *w->rows);
    w->counts = calloc(w->n_terms + 1, sizeof *w->counts);
    if (!w->starts || !w->rows || !w->counts) return no_memory(err);
    /* Counting sort by term; within a term rows stay ascending, and each is kept once. */
    for (size_t i = 0; i < w->n_pairs; i++)
        w->starts[w->pairs[i].term + 1]++;
    for (size_t i = 0; i < w->n_terms; i++)
        w->starts[i + 1] += w->starts[i];
    for (size_t i = 0; i < w->n_pairs; i++) {
        uint32_t *rows = w->rows + w->starts[w->pairs[i].term], *n = &w->counts[w->pairs[i].term];
        if (*n == 0 || rows[*n - 1] != w->pairs[i].row) rows[(*n)++] = w->pairs[i].row;
    }
    free(w->pairs);
    w->pairs = NULL;
    return RC_OK;
}

const uint32_t *rank_words_rows(const struct rank_words *w, struct str stem, size_t *n)
{
    uint32_t term = *slot_of(w, stem);
    *n = 0;
    if (!term) return NULL;
    *n = w->counts[term - 1];
    return *n ? w->rows + w->starts[term - 1] : NULL;
}
