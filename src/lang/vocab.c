#include "lang/csv.h"
#include "lang/lexicon.h"

#include "base/fs.h"

#include <string.h>

/*
 * Opening runs in three steps: the rows of all files are collected, a house's row replacing the shipped one
 * of the same name; then items are made, so that values can be referred to by index; then the phrases are
 * entered under their keys.
 */

static const struct {
    const char *file;
    int kind;
    bool phrases; /* its synonyms are also looked for in titles */
} files[] = {
    {"categories", VOCAB_CATEGORY, false},  {"colours", VOCAB_COLOUR, false},  {"genders", VOCAB_GENDER, false},
    {"age_groups", VOCAB_AGE_GROUP, false}, {"seasons", VOCAB_SEASON, false},  {"styles", VOCAB_STYLE, true},
    {"materials", VOCAB_MATERIAL, true},    {"patterns", VOCAB_PATTERN, true}, {"sizes", VOCAB_SIZE, false},
    {"articles", LEX_ARTICLE, true},        {"hints", LEX_HINT, false},        {"fillers", LEX_FILLER, false},
};
enum { N_FILES = sizeof files / sizeof *files };

static const char *const field_names[VOCAB_FIELDS] = {"category", "colour",   "gender",  "age_group", "season",
                                                      "style",    "material", "pattern", "size"};

struct row { /* all borrowed from the arena */
    struct str name, group, fr, en, synonyms_fr, synonyms_en, also, google_ids, google_paths, kagl;
    const char *path;
    int line;
};

struct rows {
    struct row *v;
    size_t n, cap;
};

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "no memory for the vocabulary"); }

/* ---- keys ---- */

uint64_t lex_letters(struct str word)
{
    uint64_t set = 0;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        set |= (uint64_t)1 << (c >= 'a' && c <= 'z' ? c - 'a' : 26);
    }
    return set;
}

/* Words that a phrase may lose and still be itself: "lunettes (de) soleil". Others change it: "slip on". */
static bool is_link(struct str word)
{
    static const char *const links[] = {"a",  "au",  "aux", "d",    "de",   "des", "du",   "en",
                                        "et", "for", "la",  "le",   "les",  "of",  "pour", "the",
                                        "to", "un",  "une", "with", "avec", NULL};
    for (const char *const *l = links; *l; l++)
        if (str_eqz(word, *l)) return true;
    return false;
}

size_t lex_key(int level, const struct str *words, size_t n, bool content_only, char out[static LEX_KEY_BYTES])
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (content_only && is_link(words[i])) continue;
        char key[LANG_WORD_BYTES];
        size_t len = lang_key(level, words[i], key);
        if (at + len >= LEX_KEY_BYTES) return 0;
        memcpy(out + at, key, len);
        at += len;
    }
    return at;
}

static uint64_t key_hash(int level, struct str key)
{
    uint64_t h = (str_hash(key) ^ (uint64_t)(level + 1) * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return h ? h : 1;
}

static struct lex_slot *slot_of(const struct vocab *v, uint64_t hash)
{
    size_t mask = v->n_slots - 1, i = hash & mask;
    while (v->slots[i].hash && v->slots[i].hash != hash)
        i = (i + 1) & mask;
    return &v->slots[i];
}

/* A 64-bit hash stands for the key: among some 10^5 keys two never meet by accident (p < 10^-9). */
const struct lex_entry *lex_find(const struct vocab *v, int level, struct str key)
{
    const struct lex_slot *s = slot_of(v, key_hash(level, key));
    return s->hash ? &v->entries[s->entry] : NULL;
}

const struct lex_entry *lex_next(const struct vocab *v, const struct lex_entry *e)
{
    return e->next ? &v->entries[e->next] : NULL;
}

static enum rc grow_slots(struct vocab *v, struct err *err)
{
    size_t n = v->n_slots ? v->n_slots * 2 : 1 << 14;
    struct lex_slot *was = v->slots, *now = calloc(n, sizeof *now);
    if (!now) return no_memory(err);
    size_t old = v->n_slots;
    v->slots = now;
    v->n_slots = n;
    for (size_t i = 0; i < old; i++)
        if (was[i].hash) *slot_of(v, was[i].hash) = was[i];
    free(was);
    return RC_OK;
}

/* Adds one meaning; the same meaning again keeps the larger weight. */
static enum rc add_entry(struct vocab *v, int level, struct str key, struct lex_entry entry, struct err *err)
{
    if (key.n == 0) return RC_OK;
    if (v->used_slots * 2 >= v->n_slots) {
        enum rc rc = grow_slots(v, err);
        if (rc) return rc;
    }
    uint64_t hash = key_hash(level, key);
    struct lex_slot *s = slot_of(v, hash);
    if (s->hash)
        for (uint32_t i = s->entry; i; i = v->entries[i].next) {
            struct lex_entry *e = &v->entries[i];
            if (e->kind != entry.kind || e->item != entry.item) continue;
            if (entry.weight > e->weight) e->weight = entry.weight;
            e->lang |= entry.lang;
            return RC_OK;
        }
    if (v->n_entries == v->cap_entries) {
        size_t cap = v->cap_entries ? v->cap_entries * 2 : 1 << 13;
        struct lex_entry *p = realloc(v->entries, cap * sizeof *p);
        if (!p) return no_memory(err);
        v->entries = p;
        v->cap_entries = cap;
        if (v->n_entries == 0) v->n_entries = 1; /* index 0 means none */
    }
    uint32_t at = (uint32_t)v->n_entries++;
    v->used_slots += s->hash == 0;
    entry.next = s->hash ? s->entry : 0;
    *s = (struct lex_slot){hash, at};
    v->entries[at] = entry;
    return RC_OK;
}

static size_t words_of(struct vocab *v, struct str text, struct str *words, size_t cap)
{
    struct lang_words it = LANG_WORDS(text);
    struct lang_word w;
    size_t n = 0;
    while (n < cap && lang_next(&it, &w)) {
        struct str s = arena_str(&v->arena, (struct str){w.p, w.n});
        if (!s.p) return 0;
        words[n++] = s;
    }
    return n;
}

static enum rc add_phrase(struct vocab *v, struct str text, struct lex_entry entry, struct err *err)
{
    struct str words[LEX_MAX_PHRASE];
    size_t n = words_of(v, text, words, LEX_MAX_PHRASE);
    char key[LEX_KEY_BYTES];
    for (int level = 0; level < LEX_LEVELS; level++)
        for (int content = 0; content < 2; content++) {
            size_t len = lex_key(level, words, n, content, key);
            enum rc rc = add_entry(v, level, (struct str){key, len}, entry, err);
            if (rc) return rc;
        }
    return RC_OK;
}

/* ---- rows ---- */

static enum rc read_rows(struct vocab *v, const char *folder, const char *file, bool required,
                         struct rows *rows, struct err *err)
{
    char path[4096], *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s.csv", folder, file);
    if (!required && !fs_exists(path)) return RC_OK;
    enum rc rc = fs_read(path, 16 << 20, &text, &n, err);
    if (rc) return rc;
    struct csv csv;
    bool more = true;
    const char *kept = arena_strz(&v->arena, str_of(path));
    rc = kept ? csv_open(&csv, kept, text, n, err) : no_memory(err);
    while (!rc && (rc = csv_next(&csv, &more, err)) == RC_OK && more) {
        static const char *const columns[] = {"name",         "group",       "fr",   "en",
                                              "synonyms_fr",  "synonyms_en", "also", "google_ids",
                                              "google_paths", "kagl"};
        struct row row = {.path = kept, .line = csv.row_line};
        struct str *to[] = {&row.name,        &row.group, &row.fr,         &row.en,           &row.synonyms_fr,
                            &row.synonyms_en, &row.also,  &row.google_ids, &row.google_paths, &row.kagl};
        for (size_t i = 0; i < sizeof to / sizeof *to; i++)
            *to[i] = arena_str(&v->arena, csv_get(&csv, columns[i]));
        const char *const aliases[] = {"categories", "hints"}; /* articles and hints name their column so */
        for (size_t i = 0; i < 2; i++)
            if (csv_get(&csv, aliases[i]).p) row.also = arena_str(&v->arena, csv_get(&csv, aliases[i]));
        if (csv_get(&csv, "words").p) row.synonyms_fr = arena_str(&v->arena, csv_get(&csv, "words"));
        if (row.name.n == 0) {
            rc = err_set(err, RC_INVALID, "%s:%d: column 1: the name is missing", kept, row.line);
            break;
        }
        size_t at = 0;
        while (at < rows->n && !str_eq(rows->v[at].name, row.name))
            at++;
        if (at == rows->cap) {
            size_t cap = rows->cap ? rows->cap * 2 : 64;
            struct row *p = realloc(rows->v, cap * sizeof *p);
            if (!p) {
                rc = no_memory(err);
                break;
            }
            rows->v = p;
            rows->cap = cap;
        }
        rows->v[at] = row;
        if (at == rows->n) rows->n++;
    }
    free(text);
    return rc;
}

/* "Navy Blue:0.7" gives "Navy Blue" and .7; without a number 1. */
static bool split_weight(struct str *s, float *weight)
{
    *weight = 1;
    for (size_t i = s->n; i-- > 0;) {
        if (s->p[i] != ':') continue;
        double w;
        if (!str_to_f64((struct str){s->p + i + 1, s->n - i - 1}, &w) || w <= 0 || w > 1) return false;
        *weight = (float)w;
        s->n = i;
        return true;
    }
    return true;
}

int lex_item(const struct vocab *v, int kind, struct str name)
{
    for (size_t i = 0; i < v->n_items[kind]; i++)
        if (str_eqz(name, v->items[kind][i].name)) return (int)i;
    return -1;
}

static int field_of(struct str name)
{
    for (int f = 0; f < VOCAB_FIELDS; f++)
        if (str_eqz(name, field_names[f])) return f;
    return -1;
}

/* `also`: values of the item's own field; for articles categories; for hints "field=value". A hint's
 * "group=footwear" stands for all categories of the group. */
static enum rc read_also(struct vocab *v, int kind, const struct row *row, struct lex_item *item,
                         struct err *err)
{
    struct lex_value list[128];
    size_t n = 0;
    struct str rest = row->also, one;
    while ((one = str_trim(str_split(&rest, '|'))).p) {
        float weight;
        int field = kind == LEX_ARTICLE ? VOCAB_CATEGORY : kind;
        bool good = split_weight(&one, &weight), group = false;
        size_t eq = str_chr(one, '=');
        if (kind == LEX_HINT && eq != SIZE_MAX) {
            struct str key = {one.p, eq};
            one = (struct str){one.p + eq + 1, one.n - eq - 1};
            group = str_eqz(key, "group");
            field = group ? VOCAB_CATEGORY : field_of(key);
        }
        if (one.n == 0 && good) continue;
        size_t before = n;
        for (size_t i = 0; good && field >= 0 && field < VOCAB_FIELDS && i < v->n_items[field]; i++) {
            const struct lex_item *x = &v->items[field][i];
            if (str_eqz(one, group ? x->group : x->name) && n < sizeof list / sizeof *list)
                list[n++] = (struct lex_value){(uint8_t)field, (uint16_t)i, weight};
        }
        if (n == before)
            return err_set(err, RC_INVALID, "%s:%d: \"%.*s\" is no known value", row->path, row->line,
                           STR_ARG(one));
    }
    struct lex_value *kept = n ? arena_array(&v->arena, n, sizeof *kept) : NULL;
    if (n && !kept) return no_memory(err);
    if (n) memcpy(kept, list, n * sizeof *kept);
    item->also = kept;
    item->n_also = n;
    return RC_OK;
}

static enum rc make_items(struct vocab *v, int kind, const struct rows *rows, struct err *err)
{
    struct lex_item *items = arena_array(&v->arena, rows->n + 1, sizeof *items);
    const char **names = arena_array(&v->arena, rows->n + 1, sizeof *names);
    if (!items || !names || rows->n > UINT16_MAX) return no_memory(err);
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *r = &rows->v[i];
        struct lex_item *it = &items[i];
        it->name = r->name.p;
        it->group = r->group.p ? r->group.p : "";
        it->fr = r->fr.p && r->fr.n ? r->fr.p : r->name.p;
        it->en = r->en.p && r->en.n ? r->en.p : r->name.p;
        names[i] = it->name;
    }
    v->items[kind] = items;
    v->names[kind] = names;
    v->n_items[kind] = rows->n;
    return RC_OK;
}

/* ---- phrases ---- */

static enum rc keep_stems(struct vocab *v, enum lang_code lang, struct str text, struct lang_phrase *out,
                          struct err *err)
{
    struct str words[LEX_MAX_PHRASE];
    size_t n = words_of(v, text, words, LEX_MAX_PHRASE), kept = 0;
    struct str *stems = arena_array(&v->arena, LEX_MAX_PHRASE, sizeof *stems);
    if (!stems) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (lang_is_stopword(words[i])) continue;
        char stem[LANG_WORD_BYTES];
        size_t len = lang_stem(lang, words[i], stem);
        stems[kept] = arena_str(&v->arena, (struct str){stem, len});
        if (!stems[kept++].p) return no_memory(err);
    }
    *out = (struct lang_phrase){stems, kept};
    return RC_OK;
}

static enum rc add_synonyms(struct vocab *v, int kind, size_t item, enum lang_code lang, struct str list,
                            const struct row *row, struct lang_phrase *phrases, size_t *n_phrases,
                            struct err *err)
{
    struct str rest = list, one;
    while ((one = str_trim(str_split(&rest, '|'))).p) {
        float weight;
        if (!split_weight(&one, &weight))
            return err_set(err, RC_INVALID, "%s:%d: \"%.*s\": a weight is a number from 0 to 1", row->path,
                           row->line, STR_ARG(one));
        if (one.n == 0) continue;
        struct lex_entry entry = {(uint8_t)kind, (uint8_t)(1 << lang), (uint16_t)item, weight, 0};
        enum rc rc = add_phrase(v, one, entry, err);
        if (!rc && phrases && weight >= .7f) {
            rc = keep_stems(v, lang, one, &phrases[*n_phrases], err);
            if (!rc && phrases[*n_phrases].n) (*n_phrases)++;
        }
        if (rc) return rc;
    }
    return RC_OK;
}

static bool lists(struct str list, struct str word)
{
    struct str rest = list, one;
    float weight;
    while ((one = str_trim(str_split(&rest, '|'))).p)
        if (split_weight(&one, &weight) && str_ieq(one, word)) return true;
    return false;
}

static size_t count_of(struct str list)
{
    size_t n = 1;
    for (size_t i = 0; i < list.n; i++)
        n += list.p[i] == '|';
    return n;
}

/* The labels themselves are synonyms, unless the row lists them with a weight of their own. */
static enum rc add_labels(struct vocab *v, int kind, size_t item, const struct row *row, struct err *err)
{
    const struct lex_item *it = &v->items[kind][item];
    const struct {
        const char *text;
        uint8_t lang;
    } labels[] = {{it->fr, 1 << LANG_FR}, {it->en, 1 << LANG_EN}, {it->name, 1 << LANG_EN}};
    for (size_t i = 0; i < 3; i++) {
        struct str text = str_of(labels[i].text);
        if (lists(row->synonyms_fr, text) || lists(row->synonyms_en, text)) continue;
        /* "Veste ou manteau", "Hat or cap": each side by itself */
        size_t cut = str_find(text, STR(" ou ")), skip = 4;
        if (cut == SIZE_MAX) cut = str_find(text, STR(" or "));
        struct str parts[2] = {text, STR_NONE};
        if (cut != SIZE_MAX) {
            parts[0].n = cut;
            parts[1] = str_sub(text, cut + skip, text.n);
        }
        for (size_t k = 0; k < 2; k++) {
            if (!parts[k].n) continue;
            struct lex_entry entry = {(uint8_t)kind, labels[i].lang, (uint16_t)item, 1, 0};
            enum rc rc = add_phrase(v, parts[k], entry, err);
            if (rc) return rc;
        }
    }
    return RC_OK;
}

enum { LEVEL_KAGL = 10, LEVEL_GOOGLE_ID, LEVEL_GOOGLE_PATH };

/* A path ("A > B") as one key. */
static size_t path_key(struct str path, char out[static LEX_KEY_BYTES])
{
    struct lang_words it = LANG_WORDS(path);
    struct lang_word w;
    size_t n = 0;
    while (lang_next(&it, &w)) {
        if (n + w.n >= LEX_KEY_BYTES) return 0;
        memcpy(out + n, w.p, w.n);
        n += w.n;
    }
    return n;
}

static enum rc add_paths(struct vocab *v, size_t item, int level, struct str list, struct err *err)
{
    struct str rest = list, one;
    while ((one = str_trim(str_split(&rest, '|'))).p) {
        char key[LEX_KEY_BYTES];
        struct lex_entry entry = {VOCAB_CATEGORY, 1 << LANG_EN, (uint16_t)item, 1, 0};
        enum rc rc = add_entry(v, level, (struct str){key, path_key(one, key)}, entry, err);
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc add_item(struct vocab *v, int kind, bool with_phrases, size_t i, const struct row *row,
                        struct err *err)
{
    struct lex_item *item = &v->items[kind][i];
    size_t cap = count_of(row->synonyms_fr) + count_of(row->synonyms_en), n = 0;
    struct lang_phrase *phrases = with_phrases ? arena_array(&v->arena, cap, sizeof *phrases) : NULL;
    if (with_phrases && !phrases) return no_memory(err);
    enum rc rc = read_also(v, kind, row, item, err);
    if (!rc) rc = add_synonyms(v, kind, i, LANG_FR, row->synonyms_fr, row, phrases, &n, err);
    if (!rc) rc = add_synonyms(v, kind, i, LANG_EN, row->synonyms_en, row, phrases, &n, err);
    if (!rc && kind < VOCAB_FIELDS) rc = add_labels(v, kind, i, row, err);
    if (!rc && kind == VOCAB_CATEGORY) rc = add_paths(v, i, LEVEL_KAGL, row->kagl, err);
    if (!rc && kind == VOCAB_CATEGORY) rc = add_paths(v, i, LEVEL_GOOGLE_ID, row->google_ids, err);
    if (!rc && kind == VOCAB_CATEGORY) rc = add_paths(v, i, LEVEL_GOOGLE_PATH, row->google_paths, err);
    item->phrases = phrases;
    item->synonyms[LANG_FR] = row->synonyms_fr;
    item->synonyms[LANG_EN] = row->synonyms_en;
    item->n_phrases = n;
    return rc;
}

/* ---- words for spelling ---- */

static int by_word(const void *a, const void *b)
{
    return str_cmp(((const struct lex_word *)a)->word, ((const struct lex_word *)b)->word);
}

static enum rc keep_word(struct vocab *v, struct str word, size_t *cap, struct err *err)
{
    if (word.n < 3 || word.n >= LANG_WORD_BYTES) return RC_OK;
    if (v->n_words == *cap) {
        *cap = *cap ? *cap * 2 : 4096;
        struct lex_word *p = realloc(v->words, *cap * sizeof *p);
        if (!p) return no_memory(err);
        v->words = p;
    }
    char sound[LANG_WORD_BYTES];
    size_t n = lang_key(3, word, sound);
    struct lex_word w = {arena_str(&v->arena, word), lex_letters(word),
                         arena_str(&v->arena, (struct str){sound, n})};
    if (!w.word.p || !w.sound.p) return no_memory(err);
    v->words[v->n_words++] = w;
    return RC_OK;
}

static enum rc keep_words(struct vocab *v, struct str list, size_t *cap, struct err *err)
{
    struct str rest = list, one;
    while ((one = str_trim(str_split(&rest, '|'))).p) {
        float weight;
        struct str words[LEX_MAX_PHRASE];
        if (!split_weight(&one, &weight)) continue; /* reported by add_synonyms */
        size_t n = words_of(v, one, words, LEX_MAX_PHRASE);
        for (size_t i = 0; i < n; i++) {
            enum rc rc = keep_word(v, words[i], cap, err);
            if (rc) return rc;
        }
        char key[LEX_KEY_BYTES];
        size_t len = n > 1 ? lex_key(0, words, n, false, key) : 0;
        enum rc rc = len ? keep_word(v, (struct str){key, len}, cap, err) : RC_OK;
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc make_words(struct vocab *v, const struct rows *rows, struct err *err)
{
    size_t cap = 0;
    for (size_t f = 0; f < N_FILES; f++) {
        if (files[f].kind == VOCAB_SIZE) continue;
        for (size_t i = 0; i < rows[f].n; i++) {
            const struct row *r = &rows[f].v[i];
            const struct str lists_of[] = {r->synonyms_fr, r->synonyms_en, r->fr, r->en};
            for (size_t k = 0; k < 4; k++) {
                enum rc rc = keep_words(v, lists_of[k], &cap, err);
                if (rc) return rc;
            }
        }
    }
    if (v->n_words == 0) return RC_OK;
    qsort(v->words, v->n_words, sizeof *v->words, by_word);
    size_t n = 1;
    for (size_t i = 1; i < v->n_words; i++)
        if (!str_eq(v->words[i].word, v->words[n - 1].word)) v->words[n++] = v->words[i];
    v->n_words = n;
    return RC_OK;
}

/* ---- opening ---- */

static enum rc find_shipped(char path[static 4096], struct err *err)
{
    const char *const tails[] = {"../vocabulary", "../share/penderie/vocabulary", "vocabulary"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        if (fs_beside_program(tails[i], path, 4096, NULL) == RC_OK && fs_is_dir(path)) return RC_OK;
    }
    return err_set(err, RC_NOT_FOUND, "the folder vocabulary/ that comes with the program is missing");
}

static enum rc load(struct vocab *v, const char *shipped, const char *house, struct rows *rows, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t f = 0; f < N_FILES && !rc; f++) {
        rc = read_rows(v, shipped, files[f].file, true, &rows[f], err);
        if (!rc && house && fs_is_dir(house)) rc = read_rows(v, house, files[f].file, false, &rows[f], err);
        if (!rc) rc = make_items(v, files[f].kind, &rows[f], err);
    }
    if (!rc) rc = grow_slots(v, err);
    for (size_t f = 0; f < N_FILES && !rc; f++)
        for (size_t i = 0; i < rows[f].n && !rc; i++)
            rc = add_item(v, files[f].kind, files[f].phrases, i, &rows[f].v[i], err);
    if (!rc) rc = make_words(v, rows, err);
    return rc;
}

enum rc vocab_open(const char *shipped, const char *house, struct vocab **out, struct err *err)
{
    char found[4096];
    struct rows rows[N_FILES] = {{0}};
    enum rc rc = shipped ? RC_OK : find_shipped(found, err);
    if (rc) return rc;
    struct vocab *v = calloc(1, sizeof *v);
    if (!v) return no_memory(err);
    v->arena = ARENA_INIT(64 << 20);
    rc = load(v, shipped ? shipped : found, house, rows, err);
    for (size_t f = 0; f < N_FILES; f++)
        free(rows[f].v);
    if (rc)
        vocab_close(v);
    else
        *out = v;
    return rc;
}

void vocab_close(struct vocab *v)
{
    if (!v) return;
    free(v->entries);
    free(v->slots);
    free(v->words);
    arena_release(&v->arena);
    free(v);
}

/* ---- asking ---- */

/* The strongest meaning of a phrase in one field, by whichever level knows it first. */
static const struct lex_entry *best_of(const struct vocab *v, int field, const struct str *words, size_t n,
                                       int levels)
{
    char key[LEX_KEY_BYTES];
    for (int level = 0; level < levels; level++)
        for (int content = 0; content < 2; content++) {
            size_t len = lex_key(level, words, n, content, key);
            const struct lex_entry *best = NULL;
            if (!len) continue;
            for (const struct lex_entry *e = lex_find(v, level, (struct str){key, len}); e; e = lex_next(v, e))
                if (e->kind == field && (!best || e->weight >= best->weight)) best = e; /* the earlier row */
            if (best) return best;
        }
    return NULL;
}

enum { MAX_VALUE_WORDS = 48 };

struct cut { /* a text cut into words, kept on the stack */
    struct lang_word w[MAX_VALUE_WORDS];
    struct str s[MAX_VALUE_WORDS];
    size_t n;
};

static void cut_words(struct str text, struct cut *c)
{
    struct lang_words it = LANG_WORDS(text);
    c->n = 0;
    while (c->n < MAX_VALUE_WORDS && lang_next(&it, &c->w[c->n])) {
        c->s[c->n] = (struct str){c->w[c->n].p, c->w[c->n].n};
        c->n++;
    }
}

const char *vocab_canonical(const struct vocab *v, enum vocab_field field, struct str text)
{
    struct cut c;
    cut_words(text, &c);
    if (c.n == 0) return NULL;
    if (c.n <= LEX_MAX_PHRASE) {
        const struct lex_entry *e = best_of(v, field, c.s, c.n, 3);
        if (e) return v->items[field][e->item].name;
    }
    /* the first known phrase in it, the longest where several begin */
    for (size_t i = 0; i < c.n; i++)
        for (size_t n = c.n - i < LEX_MAX_PHRASE ? c.n - i : LEX_MAX_PHRASE; n > 0; n--) {
            const struct lex_entry *e = best_of(v, field, c.s + i, n, 2);
            if (e) return v->items[field][e->item].name;
        }
    return NULL;
}

/* A category named in running text. Of several the one with most words wins ("robe chemise", "running
 * shoes"); among equals the first in French, whose head comes first, else the last. */
static const struct lex_entry *category_in(const struct vocab *v, struct str text, float *weight)
{
    struct cut c;
    cut_words(text, &c);
    const struct lex_entry *best = NULL;
    size_t best_words = 0;
    for (size_t i = 0; i < c.n;) {
        const struct lex_entry *hit = NULL;
        size_t n = c.n - i < LEX_MAX_PHRASE ? c.n - i : LEX_MAX_PHRASE;
        for (; n > 0; n--) {
            if (lang_is_stopword(c.s[i]) || (n > 1 && lang_is_stopword(c.s[i + n - 1]))) continue;
            hit = best_of(v, VOCAB_CATEGORY, c.s + i, n, 2);
            if (hit && hit->weight < .5f) hit = NULL;
            if (!hit) hit = best_of(v, LEX_ARTICLE, c.s + i, n, 2);
            if (hit) break;
        }
        if (hit) {
            bool french = hit->lang == 1 << LANG_FR;
            if (!best || n > best_words || (n == best_words && !french)) {
                best = hit;
                best_words = n;
            }
        }
        i += hit ? n : 1;
    }
    *weight = best ? best->weight : 0;
    return best;
}

static int item_of(const struct vocab *v, const struct lex_entry *e)
{
    if (!e) return -1;
    if (e->kind == VOCAB_CATEGORY) return e->item;
    const struct lex_item *a = &v->items[LEX_ARTICLE][e->item];
    int best = -1;
    float w = 0;
    for (size_t i = 0; i < a->n_also; i++)
        if (a->also[i].weight > w) {
            w = a->also[i].weight;
            best = a->also[i].item;
        }
    return best;
}

static int by_path(const struct vocab *v, int level, struct str path)
{
    char key[LEX_KEY_BYTES];
    size_t n = path_key(path, key);
    const struct lex_entry *e = n ? lex_find(v, level, (struct str){key, n}) : NULL;
    return e ? e->item : -1;
}

/* Whether the words of a feed's leaf leave the choice open ("Shoes" is six categories). */
static bool is_open(const struct vocab *v, struct str segment)
{
    struct cut c;
    cut_words(segment, &c);
    char key[LEX_KEY_BYTES];
    size_t len = c.n <= LEX_MAX_PHRASE ? lex_key(1, c.s, c.n, false, key) : 0, n = 0;
    if (len)
        for (const struct lex_entry *e = lex_find(v, 1, (struct str){key, len}); e; e = lex_next(v, e))
            n += e->kind == VOCAB_CATEGORY && e->weight >= .5f;
    return n > 2;
}

static int from_product_type(const struct vocab *v, struct str type, bool *open)
{
    char sep = str_chr(type, '>') != SIZE_MAX ? '>' : '/';
    struct str segments[12], rest = type, one;
    size_t n = 0;
    while (n < 12 && (one = str_trim(str_split(&rest, sep))).p)
        if (one.n) segments[n++] = one;
    for (size_t i = n; i-- > 0;) {
        struct str tail = {segments[i].p, segments[i].n};
        if (i > 0) {
            struct str two = {segments[i - 1].p, (size_t)(tail.p + tail.n - segments[i - 1].p)};
            int item = by_path(v, LEVEL_KAGL, two);
            if (item >= 0) return item;
        }
        /* A word that both languages know ("Robe") goes by the vocabulary, which prefers French. */
        float weight;
        const struct lex_entry *e = category_in(v, tail, &weight);
        int item = by_path(v, LEVEL_KAGL, tail);
        if (item >= 0) return item;
        item = item_of(v, e);
        if (item >= 0) {
            *open = is_open(v, tail);
            return item;
        }
    }
    return -1;
}

static int from_google(const struct vocab *v, struct str google)
{
    int64_t id;
    google = str_trim(google);
    if (str_to_i64(google, &id)) return by_path(v, LEVEL_GOOGLE_ID, google);
    size_t dash = str_find(google, STR(" - ")); /* "1604 - Apparel & Accessories > Clothing" */
    if (dash != SIZE_MAX && str_to_i64((struct str){google.p, dash}, &id))
        google = str_sub(google, dash + 3, google.n);
    for (struct str path = google; path.n;) {
        int item = by_path(v, LEVEL_GOOGLE_PATH, path);
        if (item >= 0) return item;
        size_t cut = path.n;
        while (cut > 0 && path.p[cut - 1] != '>')
            cut--;
        path = str_trim((struct str){path.p, cut ? cut - 1 : 0});
    }
    return -1;
}

const char *vocab_category(const struct vocab *v, struct str product_type, struct str google_category,
                           struct str title)
{
    const struct lex_item *items = v->items[VOCAB_CATEGORY];
    float weight;
    bool open = false;
    int said = item_of(v, category_in(v, title, &weight));
    int item = product_type.n ? from_product_type(v, product_type, &open) : -1;
    if (item < 0 && google_category.n) {
        item = from_google(v, google_category);
        open = true; /* Google knows only "Shoes", "Pants", "Shirts & Tops" */
    }
    if (item < 0)
        item = said;
    else if (open && said >= 0 && strcmp(items[said].group, items[item].group) == 0)
        item = said;
    return item < 0 ? NULL : items[item].name;
}

size_t vocab_names(const struct vocab *v, enum vocab_field field, const char *const **names)
{
    if (names) *names = v->names[field];
    return v->n_items[field];
}

const char *vocab_group(const struct vocab *v, const char *category)
{
    int i = category ? lex_item(v, VOCAB_CATEGORY, str_of(category)) : -1;
    return i < 0 ? NULL : v->items[VOCAB_CATEGORY][i].group;
}

const char *vocab_label(const struct vocab *v, enum vocab_field field, const char *name, const char *lang)
{
    int i = name ? lex_item(v, field, str_of(name)) : -1;
    if (i < 0) return name;
    return strcmp(lang, "fr") == 0 ? v->items[field][i].fr : v->items[field][i].en;
}

float vocab_near(const struct vocab *v, enum vocab_field field, const char *wanted, const char *has)
{
    if (strcmp(wanted, has) == 0) return 1;
    int i = lex_item(v, field, str_of(wanted));
    if (i < 0) return 0;
    const struct lex_item *item = &v->items[field][i];
    for (size_t k = 0; k < item->n_also; k++)
        if (strcmp(v->items[field][item->also[k].item].name, has) == 0) return item->also[k].weight;
    return 0;
}
