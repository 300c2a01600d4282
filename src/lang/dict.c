#include "lang/dict.h"

#include <string.h>

static enum rc no_memory(struct err *err)
{
    return err_set(err, RC_NOMEM, "no memory for the catalogue's words");
}

enum rc lang_dict_create(struct lang_dict **out, struct err *err)
{
    struct lang_dict *d = calloc(1, sizeof *d);
    if (!d) return no_memory(err);
    d->arena = ARENA_INIT((size_t)1 << 30);
    *out = d;
    return RC_OK;
}

void lang_dict_destroy(struct lang_dict *d)
{
    if (!d) return;
    free(d->words);
    free(d->brands);
    free(d->by_word.slot);
    free(d->by_brand.slot);
    arena_release(&d->arena);
    free(d);
}

typedef struct str (*key_fn)(const struct lang_dict *d, uint32_t i);
static struct str word_key(const struct lang_dict *d, uint32_t i) { return d->words[i].word; }
static struct str brand_key(const struct lang_dict *d, uint32_t i) { return d->brands[i].key; }

/* The slot of the key, or the free one where it belongs. */
static uint32_t *slot_of(const struct lang_dict *d, const struct dict_table *t, key_fn key_of, struct str key)
{
    size_t mask = t->n - 1, i = (str_hash(key) * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (t->slot[i] && !str_eq(key_of(d, t->slot[i] - 1), key))
        i = (i + 1) & mask;
    return &t->slot[i];
}

static enum rc table_grow(const struct lang_dict *d, struct dict_table *t, key_fn key_of, struct err *err)
{
    if (t->n && t->used * 2 < t->n) return RC_OK;
    struct dict_table now = {.n = t->n ? t->n * 2 : 1 << 10, .used = t->used};
    now.slot = calloc(now.n, sizeof *now.slot);
    if (!now.slot) return no_memory(err);
    for (size_t i = 0; i < t->n; i++)
        if (t->slot[i]) *slot_of(d, &now, key_of, key_of(d, t->slot[i] - 1)) = t->slot[i];
    free(t->slot);
    *t = now;
    return RC_OK;
}

enum rc lang_dict_add_text(struct lang_dict *d, struct str text, struct err *err)
{
    ASSERT(!d->sealed);
    struct lang_words it = LANG_WORDS(text);
    struct lang_word w;
    while (lang_next(&it, &w)) {
        enum rc rc = table_grow(d, &d->by_word, word_key, err);
        if (rc) return rc;
        struct str word = {w.p, w.n};
        uint32_t *slot = slot_of(d, &d->by_word, word_key, word);
        if (*slot) {
            d->words[*slot - 1].count++;
            continue;
        }
        if (d->n_words == d->cap_words) {
            size_t cap = d->cap_words ? d->cap_words * 2 : 4096;
            struct dict_word *p = realloc(d->words, cap * sizeof *p);
            if (!p) return no_memory(err);
            d->words = p;
            d->cap_words = cap;
        }
        struct str kept = arena_str(&d->arena, word);
        if (!kept.p) return no_memory(err);
        d->words[d->n_words++] = (struct dict_word){kept, lex_letters(word), 1};
        *slot = (uint32_t)d->n_words;
        d->by_word.used++;
    }
    return RC_OK;
}

enum rc lang_dict_add_brand(struct lang_dict *d, struct str brand, struct err *err)
{
    ASSERT(!d->sealed);
    struct buf folded = BUF_INIT(1024), key = BUF_INIT(1024);
    enum rc rc = table_grow(d, &d->by_brand, brand_key, err);
    if (rc) return rc;
    lang_fold(brand, &folded);
    uint8_t words = folded.n > 0;
    for (size_t i = 0; i < folded.n; i++) {
        if (folded.p[i] != ' ')
            buf_addc(&key, folded.p[i]);
        else
            words++;
    }
    uint32_t *slot = slot_of(d, &d->by_brand, brand_key, buf_str(&key));
    if (key.n == 0 || folded.failed || key.failed) {
        /* nothing to find it by, or longer than any brand */
    } else if (*slot) {
        d->brands[*slot - 1].count++;
    } else {
        if (d->n_brands == d->cap_brands) {
            size_t cap = d->cap_brands ? d->cap_brands * 2 : 256;
            struct dict_brand *p = realloc(d->brands, cap * sizeof *p);
            if (!p) {
                rc = no_memory(err);
                goto out;
            }
            d->brands = p;
            d->cap_brands = cap;
        }
        struct dict_brand b = {arena_str(&d->arena, brand), arena_str(&d->arena, buf_str(&folded)),
                               arena_str(&d->arena, buf_str(&key)), 1, words};
        if (!b.name.p || !b.folded.p || !b.key.p) {
            rc = no_memory(err);
            goto out;
        }
        d->brands[d->n_brands++] = b;
        *slot = (uint32_t)d->n_brands;
        d->by_brand.used++;
    }
out:
    buf_release(&folded);
    buf_release(&key);
    return rc;
}

enum rc lang_dict_seal(struct lang_dict *d, struct err *err)
{
    enum rc rc = table_grow(d, &d->by_word, word_key, err); /* so that lookups find a table */
    if (!rc) rc = table_grow(d, &d->by_brand, brand_key, err);
    d->sealed = !rc;
    return rc;
}

uint32_t lang_dict_count(const struct lang_dict *d, struct str word)
{
    if (!d) return 0;
    uint32_t i = *slot_of(d, &d->by_word, word_key, word);
    return i ? d->words[i - 1].count : 0;
}

const struct dict_brand *dict_find_brand(const struct lang_dict *d, struct str key)
{
    if (!d) return NULL;
    uint32_t i = *slot_of(d, &d->by_brand, brand_key, key);
    return i ? &d->brands[i - 1] : NULL;
}

size_t lang_dict_brands(const struct lang_dict *d, struct str prefix, struct str *out, size_t cap)
{
    const struct dict_brand *best[16];
    size_t n = 0;
    if (cap > 16) cap = 16;
    for (size_t i = 0; d && i < d->n_brands; i++) {
        const struct dict_brand *b = &d->brands[i];
        if (!str_starts(b->folded, prefix)) continue;
        size_t at = n < cap ? n++ : cap;
        if (at == cap && (cap == 0 || best[cap - 1]->count >= b->count)) continue;
        if (at == cap) at--;
        for (; at > 0 && best[at - 1]->count < b->count; at--)
            best[at] = best[at - 1];
        best[at] = b;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = best[i]->name;
    return n;
}
