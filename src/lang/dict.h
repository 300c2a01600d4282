/* Inside lang/: the catalogue's words, as understand.c looks at them. */
#ifndef LANG_DICT_H
#define LANG_DICT_H

#include "lang/lexicon.h"
#include "lang/understand.h"

struct dict_word {
    struct str word;
    uint64_t letters;
    uint32_t count;
};
struct dict_brand {
    struct str name, folded, key; /* key: folded without blanks */
    uint32_t count;
    uint8_t words;
};

struct dict_table { /* open addressing from a hash to an index + 1 */
    uint32_t *slot;
    size_t n, used;
};

struct lang_dict {
    struct arena arena;
    struct dict_word *words;
    size_t n_words, cap_words;
    struct dict_brand *brands;
    size_t n_brands, cap_brands;
    struct dict_table by_word, by_brand;
    bool sealed;
};

const struct dict_brand *dict_find_brand(const struct lang_dict *d, struct str key);
#endif
