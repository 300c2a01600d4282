#include "lang/dict.h"
#include "lang/lexicon.h"
#include "lang/understand.h"

#include "base/jout.h"

#include <math.h>
#include <string.h>

/*
 * In order: the text is cut into tokens; prices are taken out; words that nobody knows are put right; then
 * phrases are matched from left to right, the longest first, and what each of them may mean is collected;
 * at the end the meanings are set against one another (two kinds of category, hints such as "for running").
 */

enum { MAX_TOKENS = 64 };

struct token {
    struct str typed, word;
    size_t at, len; /* bytes in the text */
    bool number, stop, used, filler, explained, corrected, upper;
    bool joins; /* "et", "ou", "and", a comma before it: what follows stands beside, not under */
};

struct hit { /* a matched phrase */
    size_t from, n;
    const struct lex_entry *entries;
    bool negated, list;
};

struct reader {
    const struct vocab *v;
    const struct lang_dict *dict;
    struct arena *arena;
    struct lang_query *q;
    struct str text;
    struct token t[MAX_TOKENS];
    size_t n;
    struct hit hits[MAX_TOKENS];
    size_t n_hits;
    int french, english; /* evidence for either language */
};

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "the query is too large"); }

static bool is_one_of(struct str word, const char *const *list)
{
    for (; *list; list++)
        if (str_eqz(word, *list)) return true;
    return false;
}

static bool has_digit(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= '0' && s.p[i] <= '9') return true;
    return false;
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

static const char *const joining[] = {"et", "ou", "and", "or", "ainsi", "plus", NULL};
static const char *const french_words[] = {"de",   "du",   "des", "la", "le", "les", "un", "une", "pour",
                                           "avec", "sans", "pas", "en", "au", "aux", "et", "ou",  NULL};
static const char *const english_words[] = {"the",  "for",     "with", "and",   "of", "my", "in",
                                            "some", "without", "not",  "under", "an", NULL};

static enum rc cut(struct reader *r, struct err *err)
{
    struct lang_words it = LANG_WORDS(r->text);
    struct lang_word w;
    while (r->n < MAX_TOKENS && lang_next(&it, &w)) {
        struct token *t = &r->t[r->n++];
        *t = (struct token){.at = w.at, .len = w.len};
        t->typed = t->word = arena_str(r->arena, (struct str){w.p, w.n});
        if (!t->word.p) return no_memory(err);
        t->number = all_digits(t->word);
        t->stop = lang_is_stopword(t->word);
        t->upper = r->text.p[w.at] >= 'A' && r->text.p[w.at] <= 'Z';
        const struct token *before = r->n > 1 ? t - 1 : NULL;
        t->joins =
            before && (is_one_of(before->word, joining) ||
                       memchr(r->text.p + before->at + before->len, ',', t->at - before->at - before->len));
        r->french += is_one_of(t->word, french_words);
        r->english += is_one_of(t->word, english_words);
    }
    return RC_OK;
}

/* ---- prices ---- */

static bool currency_at(const struct reader *r, size_t at)
{
    struct str rest = str_trim(str_sub(r->text, at, r->text.n));
    return str_starts(rest, STR("\xe2\x82\xac")) || str_starts(rest, STR("$")) ||
           str_starts(rest, STR("\xc2\xa3"));
}

/* A number at token i in cents, with its currency if one stands behind or before it. *end: behind it. */
static bool amount_at(struct reader *r, size_t i, int64_t *cents, bool *currency, size_t *end)
{
    static const char *const names[] = {"euro", "euros", "eur", "dollars", "pounds", "balles", NULL};
    int64_t whole, part = 0;
    if (i >= r->n || !r->t[i].number || !str_to_i64(r->t[i].word, &whole) || whole > 1000000) return false;
    size_t last = i;
    if (i + 1 < r->n && r->t[i + 1].number && r->t[i + 1].word.n <= 2 &&
        r->t[i + 1].at == r->t[i].at + r->t[i].len + 1) {
        char c = r->text.p[r->t[i + 1].at - 1];
        if (c == ',' || c == '.') {
            if (!str_to_i64(r->t[i + 1].word, &part)) part = 0;
            if (r->t[i + 1].word.n == 1) part *= 10;
            last = i + 1;
        }
    }
    *cents = whole * 100 + part;
    *currency = currency_at(r, r->t[last].at + r->t[last].len);
    size_t at = r->t[i].at;
    *currency |= at >= 1 && (r->text.p[at - 1] == '$' || r->text.p[at - 1] == (char)0xac); /* "€50" */
    *end = last + 1;
    if (last + 1 < r->n && is_one_of(r->t[last + 1].word, names)) {
        *currency = true;
        *end = last + 2;
    }
    return true;
}

static void use(struct reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        r->t[i].used = r->t[i].explained = true;
}

static void take_prices(struct reader *r)
{
    static const char *const below[] = {"moins",  "under",   "below",   "max",       "maximum",
                                        "maxi",   "dessous", "jusqu",   "inferieur", "upto",
                                        "within", "less",    "cheaper", NULL};
    static const char *const above[] = {"plus",   "over",   "above",     "min",  "minimum", "mini",
                                        "dessus", "partir", "superieur", "more", NULL};
    static const char *const clearly[] = {"moins", "under", "below", NULL}; /* "Air Max 90" is a shoe */
    static const char *const between[] = {"entre", "between", "from", "de", NULL};
    static const char *const link[] = {"de", "a", "than", "du", "to", "et", "and", "que", NULL};
    struct lang_query *q = r->q;
    for (size_t i = 0; i < r->n; i++) {
        int64_t a, b;
        bool currency, currency2;
        size_t end, end2;
        if (!amount_at(r, i, &a, &currency, &end)) continue;
        size_t before = i;
        while (before > 0 && is_one_of(r->t[before - 1].word, link) && i - before < 2 &&
               !is_one_of(r->t[before - 1].word, between))
            before--;
        size_t word = before;
        if (word > 0 && str_eqz(r->t[word - 1].word, "de") && word > 1 &&
            (is_one_of(r->t[word - 2].word, below) || is_one_of(r->t[word - 2].word, above)))
            word--;
        struct str lead = word > 0 ? r->t[word - 1].word : STR_NONE;
        bool pair = end < r->n && is_one_of(r->t[end].word, link) &&
                    amount_at(r, end + 1, &b, &currency2, &end2) && (currency || currency2);
        if (pair && b >= a) {
            q->price_min_cents = a;
            q->price_max_cents = b;
            use(r, word > 0 && is_one_of(lead, between) ? word - 1 : i, end2);
            i = end2 - 1;
        } else if (is_one_of(lead, below) && (currency || (is_one_of(lead, clearly) && a >= 1000))) {
            q->price_max_cents = a;
            bool a_before =
                word > 1 && (str_eqz(r->t[word - 2].word, "a") || str_eqz(r->t[word - 2].word, "en"));
            use(r, word - 1 - a_before, end);
            i = end - 1;
        } else if (is_one_of(lead, above) && currency) {
            q->price_min_cents = a;
            use(r, word - 1, end);
            i = end - 1;
        } else if (currency) { /* "une robe à 50 euros": about that much, at most */
            q->price_max_cents = a;
            use(r, i, end);
            i = end - 1;
        }
    }
}

/* ---- spelling ---- */

static const struct lex_word *find_word(const struct vocab *v, struct str word)
{
    size_t lo = 0, hi = v->n_words;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = str_cmp(word, v->words[mid].word);
        if (c == 0) return &v->words[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static bool key_known(const struct vocab *v, int level, const struct str *words, size_t n)
{
    char key[LEX_KEY_BYTES];
    size_t len = lex_key(level, words, n, false, key);
    return len > (level >= 2 ? 2u : 0u) && lex_find(v, level, (struct str){key, len});
}

enum { CATALOGUE_SURE = 3 }; /* a word that this many titles hold is spelt as meant */

static bool is_known(const struct reader *r, const struct token *t)
{
    if (t->used || t->stop || t->word.n < 4 || has_digit(t->word)) return true;
    if (find_word(r->v, t->word)) return true;
    if (lang_dict_count(r->dict, t->word) >= CATALOGUE_SURE) return true;
    for (int level = 0; level <= 2; level++)
        if (key_known(r->v, level, &t->word, 1)) return true;
    char singular[LANG_WORD_BYTES];
    size_t n = lang_key(1, t->word, singular);
    return find_word(r->v, (struct str){singular, n}) != NULL;
}

/* Whether the token and a neighbour make one known word together ("porte feuille", "flip flop"). */
static bool known_together(const struct reader *r, size_t i)
{
    struct str pair[2];
    for (size_t from = i ? i - 1 : 0; from <= i && from + 1 < r->n; from++) {
        pair[0] = r->t[from].word;
        pair[1] = r->t[from + 1].word;
        for (int level = 0; level <= 2; level++)
            if (key_known(r->v, level, pair, 2)) return true;
    }
    return false;
}

static int letters_apart(uint64_t a, uint64_t b)
{
    int x = __builtin_popcountll(a & ~b), y = __builtin_popcountll(b & ~a);
    return x > y ? x : y;
}

struct guess {
    struct str word;
    float cost;
};

static void offer(struct guess *best, struct str word, float cost)
{
    if (cost < best->cost) *best = (struct guess){word, cost};
}

static float first_letter(struct str a, struct str b) { return a.p[0] == b.p[0] ? 0 : .3f; }

static void guess_from_vocab(const struct reader *r, struct str word, int limit, struct guess *best)
{
    char sound_p[LANG_WORD_BYTES];
    struct str sound = {sound_p, lang_key(3, word, sound_p)};
    uint64_t letters = lex_letters(word);
    for (size_t i = 0; i < r->v->n_words; i++) {
        const struct lex_word *w = &r->v->words[i];
        long diff = (long)w->word.n - (long)word.n;
        if (diff > 4 || diff < -4 || w->word.n < 4) continue;
        if (str_eq(sound, w->sound) && sound.n >= 3) {
            offer(best, w->word, .5f + first_letter(word, w->word) + .02f * (float)labs(diff));
            continue;
        }
        if (letters_apart(letters, w->letters) <= limit) {
            int d = lang_distance(word, w->word, limit);
            if (d <= limit) offer(best, w->word, (float)d + first_letter(word, w->word));
        }
        if (sound.n >= 5 && w->sound.n >= 5 && letters_apart(letters, w->letters) <= 3 &&
            lang_distance(sound, w->sound, 1) <= 1)
            offer(best, w->word, 1.2f + first_letter(word, w->word));
    }
}

static void guess_from_catalogue(const struct reader *r, struct str word, int limit, struct guess *best)
{
    uint64_t letters = lex_letters(word);
    for (size_t i = 0; r->dict && i < r->dict->n_words; i++) {
        const struct dict_word *w = &r->dict->words[i];
        long diff = (long)w->word.n - (long)word.n;
        if (w->count < CATALOGUE_SURE || diff > limit || diff < -limit || w->word.n < 4) continue;
        if (letters_apart(letters, w->letters) > limit) continue;
        int d = lang_distance(word, w->word, limit);
        float often = .1f * log10f((float)w->count);
        if (d <= limit)
            offer(best, w->word, (float)d + .45f - (often > .4f ? .4f : often) + first_letter(word, w->word));
    }
}

/* A misspelt plural is put right as one. */
static struct str in_plural(const struct reader *r, struct str typed, struct str word)
{
    char end = word.p[word.n - 1];
    if (typed.p[typed.n - 1] != 's' || end == 's' || end == 'x' || end == 'z') return word;
    char *plural = arena_printf(r->arena, "%.*ss", STR_ARG(word));
    return plural ? str_of(plural) : word;
}

static void put_right(struct reader *r)
{
    bool any = false;
    for (size_t i = 0; i < r->n; i++) {
        struct token *t = &r->t[i];
        if (is_known(r, t) || known_together(r, i)) continue;
        int limit = t->word.n >= 8 ? 2 : 1;
        struct guess best = {STR_NONE, 10};
        guess_from_vocab(r, t->word, limit, &best);
        /* A word that the catalogue holds, if rarely, needs better reasons to be taken for another. */
        bool rare = lang_dict_count(r->dict, t->word) > 0;
        if (!rare) guess_from_catalogue(r, t->word, limit, &best);
        if (!best.word.p || (rare && (best.cost > 1 || t->word.n < 6))) continue;
        t->word = in_plural(r, t->typed, best.word);
        t->corrected = any = true;
        t->stop = lang_is_stopword(t->word);
    }
    if (!any) return;
    struct buf text = BUF_INIT(8192);
    for (size_t i = 0; i < r->n; i++) {
        if (i) buf_addc(&text, ' ');
        buf_add(&text, r->t[i].word);
    }
    r->q->corrected = text.failed ? STR_NONE : arena_str(r->arena, buf_str(&text));
    buf_release(&text);
}

/* ---- phrases ---- */

/* A letter alone is a size only where it looks like one: "taille m", "XL", a capital. */
static bool may_be_letter_size(const struct reader *r, size_t i)
{
    static const char *const lead[] = {"taille", "size", "t", NULL};
    return r->t[i].upper || (i > 0 && is_one_of(r->t[i - 1].word, lead));
}

static bool may_stand_alone(const struct reader *r, size_t i)
{
    const struct token *t = &r->t[i];
    if (str_eqz(t->word, "or")) return i > 0 && i + 1 == r->n; /* "bracelet or": gold; else English */
    return !t->stop && (t->word.n > 1 || may_be_letter_size(r, i));
}

static const struct lex_entry *find_phrase(const struct reader *r, size_t from, size_t n)
{
    struct str words[LEX_MAX_PHRASE];
    bool stop = false, sure = false;
    for (size_t i = 0; i < n; i++) {
        const struct token *t = &r->t[from + i];
        if (t->used || (i > 0 && t->joins)) return NULL;
        words[i] = t->word;
        stop |= t->stop;
        sure |= !t->corrected && lang_dict_count(r->dict, t->word) >= CATALOGUE_SURE;
    }
    if (n == 1 && !may_stand_alone(r, from)) return NULL;
    /* A word of the catalogue is not bent far to fit the vocabulary ("Gas", "Lee", "Wills"). */
    int levels = n == 1 && sure ? 2 : 3;
    bool ends_bare = !r->t[from].stop && !r->t[from + n - 1].stop;
    char key[LEX_KEY_BYTES];
    for (int level = 0; level < levels; level++) {
        size_t len = lex_key(level, words, n, false, key);
        const struct lex_entry *e = NULL;
        if (len > (level >= 2 ? 2u : 0u)) e = lex_find(r->v, level, (struct str){key, len});
        if (!e && stop && ends_bare) {
            len = lex_key(level, words, n, true, key);
            if (len > 2) e = lex_find(r->v, level, (struct str){key, len});
        }
        if (e) return e;
    }
    return NULL;
}

static size_t find_brand(const struct reader *r, size_t from, const struct dict_brand **brand)
{
    struct str words[4];
    char key[LEX_KEY_BYTES];
    for (size_t n = r->n - from < 4 ? r->n - from : 4; n > 0; n--) {
        bool used = false;
        for (size_t i = 0; i < n; i++) {
            words[i] = r->t[from + i].word;
            used |= r->t[from + i].used;
        }
        if (used || (n == 1 && (r->t[from].stop || words[0].n < 2 || r->t[from].number))) continue;
        size_t len = lex_key(0, words, n, false, key);
        *brand = len ? dict_find_brand(r->dict, (struct str){key, len}) : NULL;
        if (*brand) return n;
    }
    return 0;
}

static const char *const negations[] = {"sans", "pas", "not", "no", "without", "non", "sauf", "except", NULL};

static void note_language(struct reader *r, const struct lex_entry *e)
{
    uint8_t langs = 0;
    for (; e; e = lex_next(r->v, e))
        langs |= e->lang;
    r->french += langs == 1 << LANG_FR;
    r->english += langs == 1 << LANG_EN;
}

static void match(struct reader *r)
{
    size_t negated_until = 0;
    bool list = false;
    for (size_t i = 0; i < r->n;) {
        if (r->t[i].used) {
            i++;
            continue;
        }
        const struct lex_entry *e = NULL;
        size_t n = r->n - i < LEX_MAX_PHRASE ? r->n - i : LEX_MAX_PHRASE;
        for (; n > 0 && !e; n--)
            e = find_phrase(r, i, n);
        if (e) n++;
        const struct dict_brand *brand = NULL;
        size_t of_brand = r->q->brand.p ? 0 : find_brand(r, i, &brand);
        if (of_brand > n) {
            r->q->brand = arena_str(r->arena, brand->name);
            for (size_t k = 0; k < of_brand; k++)
                r->t[i + k].explained = r->t[i + k].used = true;
            i += of_brand;
        } else if (e) {
            list |= r->t[i].joins;
            r->hits[r->n_hits++] = (struct hit){i, n, e, i < negated_until, r->t[i].joins};
            note_language(r, e);
            for (size_t k = 0; k < n; k++)
                r->t[i + k].explained = true;
            i += n;
        } else {
            if (is_one_of(r->t[i].word, negations)) {
                negated_until = i + 4;
                r->t[i].stop = true;
            }
            i++;
        }
    }
}

/* ---- meanings ---- */

static void add_value(struct lang_values *to, const char *name, float weight)
{
    for (size_t i = 0; i < to->n; i++)
        if (to->v[i].name == name || strcmp(to->v[i].name, name) == 0) {
            if (weight > to->v[i].weight) to->v[i].weight = weight;
            return;
        }
    if (to->n < LANG_MAX_VALUES) to->v[to->n++] = (struct lang_value){name, weight};
}

static float weight_of(const struct lang_values *in, const char *name)
{
    for (size_t i = 0; i < in->n; i++)
        if (strcmp(in->v[i].name, name) == 0) return in->v[i].weight;
    return 0;
}

/* A meaning that belongs to the other language alone counts less ("robe" in a French query is no bathrobe). */
static float language_factor(const struct reader *r, const struct lex_entry *e)
{
    if (r->french > r->english && e->lang == 1 << LANG_EN) return .4f;
    if (r->english > r->french && e->lang == 1 << LANG_FR) return .4f;
    if (r->english == r->french && e->lang == 1 << LANG_EN) return .95f; /* a house in France */
    return 1;
}

static void add_concept(struct reader *r, bool negated, int field, const struct lex_item *item, float weight)
{
    struct lang_query *q = r->q;
    struct lang_concept *list = negated ? q->unwanted : q->concepts;
    size_t *n = negated ? &q->n_unwanted : &q->n_concepts;
    if (*n == LANG_MAX_CONCEPTS || item->n_phrases == 0) return;
    list[(*n)++] = (struct lang_concept){field, item->name, weight, item->phrases, item->n_phrases};
}

/* The categories that one phrase may mean; entries of other kinds go straight to the query. */
static void read_hit(struct reader *r, const struct hit *h, struct lang_values *categories)
{
    struct lang_query *q = r->q;
    const struct vocab *v = r->v;
    float best = 0;
    bool filler = true, only_size = true;
    for (const struct lex_entry *e = h->entries; e; e = lex_next(v, e)) {
        float w = e->weight * language_factor(r, e);
        if (w > best) best = w;
        filler &= e->kind == LEX_FILLER;
        only_size &= e->kind == VOCAB_SIZE;
    }
    for (const struct lex_entry *e = h->entries; e; e = lex_next(v, e)) {
        const struct lex_item *item = &v->items[e->kind][e->item];
        float w = e->weight * language_factor(r, e);
        struct lang_values *values = h->negated ? q->without : q->values;
        if (e->kind == VOCAB_CATEGORY) {
            add_value(h->negated ? &q->without[VOCAB_CATEGORY] : categories, item->name, w);
        } else if (e->kind == LEX_ARTICLE) {
            for (size_t i = 0; i < item->n_also && !h->negated; i++)
                add_value(categories, v->items[VOCAB_CATEGORY][item->also[i].item].name,
                          w * item->also[i].weight);
            add_concept(r, h->negated, -1, item, w);
        } else if (e->kind == LEX_FILLER) {
            q->cheap |= strcmp(item->name, "cheap") == 0;
            q->on_sale |= strcmp(item->name, "sale") == 0 && r->english + r->french >= 0;
        } else if (e->kind < VOCAB_FIELDS) {
            add_value(&values[e->kind], item->name, w);
            for (size_t i = 0; i < item->n_also && !h->negated; i++)
                add_value(&values[item->also[i].kind], v->items[item->also[i].kind][item->also[i].item].name,
                          w * item->also[i].weight * .9f);
            if (item->n_phrases) add_concept(r, h->negated, e->kind, item, w);
        }
    }
    for (size_t k = 0; k < h->n; k++) {
        r->t[h->from + k].filler = filler;
        /* A number may be a size or part of a name; it stays a word to look for. */
        if (only_size && r->t[h->from + k].number) r->t[h->from + k].explained = false;
    }
}

/* Two phrases that name categories: what both may mean is meant ("chaussures" + "baskets"); where they
 * share nothing, the head counts most - the first in French, the last in English - unless they are listed
 * ("t-shirt et jean"). */
static void join_categories(const struct reader *r, struct lang_values *all, const struct lang_values *more,
                            bool listed)
{
    if (more->n == 0) return;
    if (all->n == 0) {
        *all = *more;
        return;
    }
    struct lang_values both = {.n = 0};
    for (size_t i = 0; i < more->n; i++) {
        float w = weight_of(all, more->v[i].name);
        if (w > 0) add_value(&both, more->v[i].name, sqrtf(w * more->v[i].weight));
    }
    float strongest = 0;
    for (size_t i = 0; i < both.n; i++)
        if (both.v[i].weight > strongest) strongest = both.v[i].weight;
    bool english = r->english > r->french;
    float keep = 1, add = 1;
    if (strongest >= .4f && !listed)
        keep = add = .35f;
    else if (!listed) {
        both.n = 0;
        keep = english ? .5f : 1;
        add = english ? 1 : .5f;
    } else {
        both.n = 0;
    }
    struct lang_values out = {.n = 0};
    for (size_t i = 0; i < both.n; i++)
        add_value(&out, both.v[i].name, both.v[i].weight / strongest);
    for (size_t i = 0; i < all->n; i++)
        add_value(&out, all->v[i].name, all->v[i].weight * keep);
    for (size_t i = 0; i < more->n; i++)
        add_value(&out, more->v[i].name, more->v[i].weight * add);
    *all = out;
}

/* A hint ("pour courir") makes some of the named categories likelier, or names them where nothing does. */
static void read_hint(struct reader *r, const struct lex_item *item, float weight)
{
    const struct vocab *v = r->v;
    struct lang_values *categories = &r->q->values[VOCAB_CATEGORY];
    bool meets = false;
    for (size_t i = 0; i < item->n_also; i++) {
        const struct lex_value *a = &item->also[i];
        const char *name = v->items[a->kind][a->item].name;
        if (a->kind == VOCAB_CATEGORY)
            meets |= weight_of(categories, name) >= .5f;
        else
            add_value(&r->q->values[a->kind], name, weight * a->weight);
    }
    bool empty = categories->n == 0;
    for (size_t i = 0; i < item->n_also && empty; i++)
        if (item->also[i].kind == VOCAB_CATEGORY)
            add_value(categories, v->items[VOCAB_CATEGORY][item->also[i].item].name,
                      weight * item->also[i].weight);
    if (empty || !meets) return;
    for (size_t k = 0; k < categories->n; k++) {
        float hinted = 0;
        for (size_t i = 0; i < item->n_also; i++)
            if (item->also[i].kind == VOCAB_CATEGORY &&
                strcmp(v->items[VOCAB_CATEGORY][item->also[i].item].name, categories->v[k].name) == 0)
                hinted = item->also[i].weight;
        categories->v[k].weight *= hinted > 0 ? 1 : 1 - .4f * weight;
        if (hinted > 0 && categories->v[k].weight < hinted * weight && categories->v[k].weight >= .5f)
            categories->v[k].weight = hinted * weight;
    }
}

static int by_weight(const void *a, const void *b)
{
    float x = ((const struct lang_value *)a)->weight, y = ((const struct lang_value *)b)->weight;
    return (x < y) - (x > y);
}

static void read_meanings(struct reader *r)
{
    struct lang_query *q = r->q;
    for (size_t i = 0; i < r->n_hits; i++) {
        struct lang_values categories = {.n = 0};
        read_hit(r, &r->hits[i], &categories);
        join_categories(r, &q->values[VOCAB_CATEGORY], &categories, r->hits[i].list);
    }
    for (size_t i = 0; i < r->n_hits; i++) {
        if (r->hits[i].negated) continue;
        for (const struct lex_entry *e = r->hits[i].entries; e; e = lex_next(r->v, e))
            if (e->kind == LEX_HINT)
                read_hint(r, &r->v->items[LEX_HINT][e->item], e->weight * language_factor(r, e));
    }
    for (int f = 0; f < VOCAB_FIELDS; f++) {
        struct lang_values *values = &q->values[f];
        qsort(values->v, values->n, sizeof *values->v, by_weight);
        float top = values->n ? values->v[0].weight : 0;
        if (f == VOCAB_CATEGORY && top > 0) /* the best reading is what was said */
            for (size_t i = 0; i < values->n; i++)
                values->v[i].weight /= top;
    }
}

/* ---- terms ---- */

static void add_stem(struct reader *r, struct lang_term *term, enum lang_code lang, struct str word)
{
    char stem[LANG_WORD_BYTES];
    struct str s = {stem, lang_stem(lang, word, stem)};
    for (size_t i = 0; i < term->n_stems; i++)
        if (str_eq(term->stems[i], s)) return;
    if (term->n_stems < 4 && (s = arena_str(r->arena, s)).p) term->stems[term->n_stems++] = s;
}

static void read_terms(struct reader *r)
{
    struct lang_query *q = r->q;
    size_t explained = 0;
    for (size_t i = 0; i < r->n && q->n_terms < LANG_MAX_TERMS; i++) {
        const struct token *t = &r->t[i];
        if (t->stop && !t->explained) continue;
        if (t->stop && lang_is_stopword(t->word)) continue;
        struct lang_term *term = &q->terms[q->n_terms++];
        *term = (struct lang_term){
            .word = t->word, .typed = t->typed, .explained = t->explained, .filler = t->filler};
        for (int lang = LANG_CODES; lang-- > 0;) {
            add_stem(r, term, (enum lang_code)lang, t->word);
            if (t->corrected) add_stem(r, term, (enum lang_code)lang, t->typed);
        }
        explained += t->explained || t->filler;
    }
    q->explained = q->n_terms ? (float)explained / (float)q->n_terms : 0;
}

enum rc lang_understand(const struct vocab *v, const struct lang_dict *dict, struct str text,
                        struct arena *arena, struct lang_query *out, struct err *err)
{
    struct reader *r = arena_alloc(arena, sizeof *r);
    if (!r) return no_memory(err);
    *out = (struct lang_query){.price_min_cents = -1, .price_max_cents = -1};
    r->v = v;
    r->dict = dict;
    r->arena = arena;
    r->q = out;
    r->text = text;
    enum rc rc = cut(r, err);
    if (rc) return rc;
    take_prices(r);
    put_right(r);
    match(r);
    read_meanings(r);
    read_terms(r);
    return RC_OK;
}

/* ---- output ---- */

static const char *const field_names[VOCAB_FIELDS] = {"category", "colour",   "gender",  "age_group", "season",
                                                      "style",    "material", "pattern", "size"};

static void write_values(const char *key, const struct lang_values *values, struct jout *out)
{
    if (values->n == 0) return;
    jout_key(out, key);
    jout_array(out);
    for (size_t i = 0; i < values->n; i++) {
        jout_object(out);
        jout_kz(out, "name", values->v[i].name);
        jout_kdec(out, "weight", (double)values->v[i].weight, 2);
        jout_end(out);
    }
    jout_end(out);
}

void lang_query_write(const struct lang_query *q, struct jout *out)
{
    for (int f = 0; f < VOCAB_FIELDS; f++)
        write_values(field_names[f], &q->values[f], out);
    char key[32];
    for (int f = 0; f < VOCAB_FIELDS; f++) {
        snprintf(key, sizeof key, "without_%s", field_names[f]);
        write_values(key, &q->without[f], out);
    }
    if (q->n_concepts) {
        jout_key(out, "words");
        jout_array(out);
        for (size_t i = 0; i < q->n_concepts; i++)
            if (q->concepts[i].field < 0) jout_z(out, q->concepts[i].name);
        jout_end(out);
    }
    if (q->brand.p) jout_kstr(out, "brand", q->brand);
    if (q->price_min_cents >= 0) jout_kdec(out, "price_min", (double)q->price_min_cents / 100, 2);
    if (q->price_max_cents >= 0) jout_kdec(out, "price_max", (double)q->price_max_cents / 100, 2);
    if (q->on_sale) jout_kbool(out, "on_sale", true);
    if (q->cheap) jout_kbool(out, "cheap", true);
}

size_t lang_suggest(const struct vocab *v, struct str prefix, const char *lang, struct arena *arena,
                    struct str *out, size_t cap)
{
    enum lang_code code = strcmp(lang, "fr") == 0 ? LANG_FR : LANG_EN;
    static const int kinds[] = {VOCAB_CATEGORY, LEX_ARTICLE};
    struct buf folded = BUF_INIT(1024);
    size_t n = 0;
    for (size_t k = 0; k < 2 && prefix.n; k++)
        for (size_t i = 0; i < v->n_items[kinds[k]] && n < cap; i++) {
            const struct lex_item *item = &v->items[kinds[k]][i];
            struct str label = str_of(code == LANG_FR ? item->fr : item->en), rest = item->synonyms[code], one;
            bool first = kinds[k] == VOCAB_CATEGORY;
            while (n < cap && (one = first ? label : str_trim(str_split(&rest, '|'))).p) {
                first = false;
                if (str_chr(one, ':') != SIZE_MAX) continue; /* what it may mean besides */
                buf_reset(&folded);
                lang_fold(one, &folded);
                if (folded.failed || !str_starts(buf_str(&folded), prefix)) continue;
                bool again = false;
                for (size_t j = 0; j < n && !again; j++)
                    again = str_ieq(out[j], one);
                if (!again && (one = arena_str(arena, one)).p) out[n++] = one;
            }
        }
    buf_release(&folded);
    return n;
}
