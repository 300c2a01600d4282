/*
 * Inside lang/: the tables behind struct vocab, for understand.c. All memory belongs to the vocab and is
 * immutable once it is open.
 *
 * Every phrase of the vocabulary is entered under keys: its words, brought closer by lang_key() at levels
 * 0 to 3, written together without blanks. "porte-monnaie", "porte monnaie" and "portemonnaie" so are one
 * key; a second key leaves out articles and prepositions ("sac main" = "sac à main").
 */
#ifndef LANG_LEXICON_H
#define LANG_LEXICON_H

#include "base/arena.h"
#include "lang/text.h"
#include "lang/understand.h"
#include "lang/vocab.h"

enum { LEX_ARTICLE = VOCAB_FIELDS, LEX_HINT, LEX_FILLER, LEX_KINDS };
enum { LEX_LEVELS = 4, LEX_MAX_PHRASE = 6, LEX_KEY_BYTES = 256 };

struct lex_entry { /* one meaning of a phrase */
    uint8_t kind;  /* enum vocab_field, or one of the above */
    uint8_t lang;  /* bit (1 << enum lang_code) */
    uint16_t item; /* index into items[kind] */
    float weight;
    uint32_t next; /* further meanings of the same key; 0: none */
};

struct lex_value { /* a value of a field with a weight: "Navy Blue:0.7" */
    uint8_t kind;
    uint16_t item;
    float weight;
};

struct lex_item {
    const char *name, *group, *fr, *en;
    const struct lex_value *also; /* nearby values; what an article or a hint stands for */
    size_t n_also;
    const struct lang_phrase *phrases; /* of articles, materials, patterns, styles */
    size_t n_phrases;
    struct str synonyms[LANG_CODES]; /* as written in the file, '|' between */
};

struct lex_word { /* for spelling: a word, or a whole phrase written together */
    struct str word;
    uint64_t letters; /* which letters occur: bit a..z, 26 digits */
    struct str sound; /* lang_key(3) */
};

struct vocab {
    struct arena arena;
    struct lex_item *items[LEX_KINDS];
    size_t n_items[LEX_KINDS];
    const char *const *names[LEX_KINDS];
    struct lex_entry *entries; /* entries[0] is unused */
    size_t n_entries, cap_entries;
    struct lex_slot {
        uint64_t hash;
        uint32_t entry;
    } * slots; /* open addressing, power of two */
    size_t n_slots, used_slots;
    struct lex_word *words;
    size_t n_words;
};

/* The meanings of a key at a level, NULL if none; the next by lex_next(). */
const struct lex_entry *lex_find(const struct vocab *v, int level, struct str key);
const struct lex_entry *lex_next(const struct vocab *v, const struct lex_entry *e);
/* Writes the key of words[0..n-1] at a level; 0 if it does not fit. */
size_t lex_key(int level, const struct str *words, size_t n, bool content_only, char out[static LEX_KEY_BYTES]);
/* The index of a canonical name, or -1. */
int lex_item(const struct vocab *v, int kind, struct str name);
uint64_t lex_letters(struct str word);
#endif
