/*
 * What free words ask for. "tee shirt rouge pour femme, moins de 30 euros" becomes: category t-shirt (also
 * top), colour Red, gender Women (also Unisex), at most 30.00. French and English may be mixed. Spelling is
 * forgiven word by word: how a word sounds in French, Damerau-Levenshtein distance 1 (from 4 letters on) or
 * 2 (from 8 on), words written together or apart; a word that the vocabulary or the catalogue knows is
 * never changed.
 *
 * Every value has a weight from 0 to 1: 1 what was said, less for what may be meant besides.
 *
 * Threading: any thread; a dictionary is immutable once sealed.
 */
#ifndef LANG_UNDERSTAND_H
#define LANG_UNDERSTAND_H

#include "base/arena.h"
#include "lang/vocab.h"

/* The catalogue's own words and brands. */
struct lang_dict;
enum rc lang_dict_create(struct lang_dict **out, struct err *err) MUST_USE;
void lang_dict_destroy(struct lang_dict *d);
/* Words of a text (a title) that occurs once more; copied. */
enum rc lang_dict_add_text(struct lang_dict *d, struct str text, struct err *err) MUST_USE;
enum rc lang_dict_add_brand(struct lang_dict *d, struct str brand, struct err *err) MUST_USE;
/* No more words after this; needed before use. */
enum rc lang_dict_seal(struct lang_dict *d, struct err *err) MUST_USE;
/* In how many places a folded word was seen. */
uint32_t lang_dict_count(const struct lang_dict *d, struct str word);
/* Brands whose folded name begins with `prefix` (folded): at most cap, most frequent first. */
size_t lang_dict_brands(const struct lang_dict *d, struct str prefix, struct str *out, size_t cap);

enum { LANG_MAX_VALUES = 24, LANG_MAX_TERMS = 32, LANG_MAX_CONCEPTS = 12 };

struct lang_value {
    const char *name; /* canonical; lives with the vocab */
    float weight;
};
struct lang_values {
    struct lang_value v[LANG_MAX_VALUES];
    size_t n;
};

/* A phrase as stems, all of which a title must hold. */
struct lang_phrase {
    const struct str *stems;
    size_t n;
};
/* A thing that titles name in several ways: "polo", "ankle boots", "floral". */
struct lang_concept {
    int field; /* enum vocab_field, or -1: a kind of article */
    const char *name;
    float weight;
    const struct lang_phrase *phrases;
    size_t n_phrases;
};

/* One word of the query that is not an article or preposition. */
struct lang_term {
    struct str word;     /* folded, as searched: corrected where it was misspelt */
    struct str typed;    /* folded, as typed */
    struct str stems[4]; /* of both, in both languages, without repetition: for full text */
    size_t n_stems;
    bool explained; /* one of the values below says it */
    bool filler;    /* "je cherche", "joli": says nothing about what is wanted */
};

struct lang_query {                           /* lives in the arena and the vocab */
    struct lang_values values[VOCAB_FIELDS];  /* by enum vocab_field */
    struct lang_values without[VOCAB_FIELDS]; /* "sans", "pas", "not": these not */
    struct lang_concept concepts[LANG_MAX_CONCEPTS], unwanted[LANG_MAX_CONCEPTS];
    size_t n_concepts, n_unwanted;
    struct str brand;                         /* as the catalogue writes it; p NULL: none */
    int64_t price_min_cents, price_max_cents; /* -1: none */
    bool on_sale, cheap;
    struct lang_term terms[LANG_MAX_TERMS];
    size_t n_terms;
    float explained;      /* share of the terms that are explained or filler */
    struct str corrected; /* the query with its spelling put right; p NULL: as typed */
};

/* dict may be NULL. RC_NOMEM when the arena is used up. */
enum rc lang_understand(const struct vocab *v, const struct lang_dict *dict, struct str text,
                        struct arena *arena, struct lang_query *out, struct err *err) MUST_USE;
/* What was understood, as members of a JSON object ("category": [{"name", "weight"}], ...). */
struct jout;
void lang_query_write(const struct lang_query *q, struct jout *out);
/* Search-as-you-type: phrases of the vocabulary, as people write them, beginning with the folded prefix. */
size_t lang_suggest(const struct vocab *v, struct str prefix, const char *lang, struct arena *arena,
                    struct str *out, size_t cap);
#endif
