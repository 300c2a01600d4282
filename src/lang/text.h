/*
 * Words. One way of cutting and folding text, for what is indexed and for what is asked, in French and
 * English alike: lower case, accents and ligatures undone ("Cœur" = "coeur"), cut at everything that is
 * neither letter nor digit. Elided articles are dropped ("l'été" = "ete"), so is an English "'s"
 * ("men's" = "men"). "t-shirt", "T shirt", "tee-shirt" are one word, "tshirt". Numbers stay ("501",
 * "38", "xl"). Letters outside Latin scripts are kept as they are.
 *
 * Threading: any thread; stemmers are made once for each thread and freed when it ends.
 */
#ifndef LANG_TEXT_H
#define LANG_TEXT_H

#include "base/buf.h"
#include "base/str.h"

enum lang_code { LANG_FR, LANG_EN, LANG_CODES };
enum { LANG_WORD_BYTES = 64 };

struct lang_word {
    char p[LANG_WORD_BYTES]; /* folded, NUL-terminated; longer words are cut */
    size_t n;
    size_t at, len; /* the bytes it was read from, in the text */
};

struct lang_words {
    struct str text;
    size_t at;
    bool apostrophe; /* the word before ended in one */
};
#define LANG_WORDS(s) ((struct lang_words){(s), 0, false})
/* The next word of it->text into *out; false at the end. */
bool lang_next(struct lang_words *it, struct lang_word *out);

/* All words, one blank between: "Robe d'été" gives "robe ete". Appends to out. */
void lang_fold(struct str text, struct buf *out);
/* The Snowball stem of a folded word; returns its length. */
size_t lang_stem(enum lang_code code, struct str word, char out[static LANG_WORD_BYTES]);

/* What store/fts.h indexes: for every word, in order, its English stem, followed by its French one where
 * that differs; articles and prepositions are left out. Appends to out, blanks between. */
void lang_analyse(struct str text, struct buf *out);
/* Whether the folded word carries no meaning for a search ("de", "pour", "the"). */
bool lang_is_stopword(struct str word);

/* Folded words brought closer step by step, for tables that forgive: 0 the word itself; 1 without plural;
 * 2 also without final e and doubled letters ("balerines" = "ballerine"); 3 as it sounds to a French ear
 * ("chossette" = "chaussette", "pijama" = "pyjama"). Returns the length. */
size_t lang_key(int level, struct str word, char out[static LANG_WORD_BYTES]);
/* Damerau-Levenshtein distance (optimal string alignment) of two words, or limit + 1 when it is more. */
int lang_distance(struct str a, struct str b, int limit);
#endif
