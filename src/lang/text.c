#include "lang/text.h"

#include <libstemmer.h>
#include <pthread.h>
#include <string.h>

/* Latin-1 Supplement and Latin Extended-A from U+00C0 on, without case and accents. '.' stands for what is
 * no letter, '2' for two letters, which two_letters() knows. */
static const char fold_c0[] = "aaaaaa2ceeeeiiii2nooooo.ouuuuy22aaaaaa2ceeeeiiii2nooooo.ouuuuy2y"
                              "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii22jjkkklllllll"
                              "lllnnnnnnnnnoooooo22rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static const char *two_letters(uint32_t cp)
{
    switch (cp) {
    case 0xc6:
    case 0xe6:
        return "ae";
    case 0xd0:
    case 0xf0:
        return "dh";
    case 0xde:
    case 0xfe:
        return "th";
    case 0xdf:
        return "ss";
    case 0x132:
    case 0x133:
        return "ij";
    case 0x152:
    case 0x153:
        return "oe";
    default:
        return "";
    }
}

static bool is_apostrophe(uint32_t cp)
{
    return cp == '\'' || cp == '`' || cp == 0xb4 || cp == 0x2018 || cp == 0x2019 || cp == 0x2bc;
}

/* Other scripts: letters as they are, punctuation and symbols (general punctuation to the dingbats, CJK
 * punctuation, emoji) as separators. */
static size_t fold_foreign(uint32_t cp, char out[static 4])
{
    if (cp < 0x180 || (cp >= 0x2000 && cp < 0x2c00) || (cp >= 0x3000 && cp < 0x3040) ||
        (cp >= 0xfe00 && cp < 0xfe70) || (cp >= 0xff00 && cp < 0xff10) || cp == 0xfffd || cp >= 0x1f000)
        return 0;
    if (cp >= 0x391 && cp <= 0x3a9)
        cp += 32;
    else if (cp >= 0x410 && cp <= 0x42f)
        cp += 32;
    else if (cp >= 0x400 && cp <= 0x40f)
        cp += 80;
    return str_utf8_put(cp, out);
}

/* One code point into 0 to 4 bytes; 0 means a separator. */
static size_t fold_one(uint32_t cp, char out[static 4])
{
    if (cp < 0x80) {
        if (cp >= 'A' && cp <= 'Z') cp += 32;
        bool word = (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9');
        out[0] = (char)cp;
        return word;
    }
    if (cp < 0xc0 || cp - 0xc0 >= sizeof fold_c0 - 1) return fold_foreign(cp, out);
    char c = fold_c0[cp - 0xc0];
    if (c == '.') return 0;
    if (c == '2') {
        const char *two = two_letters(cp);
        size_t n = strlen(two);
        memcpy(out, two, n);
        return n;
    }
    out[0] = c;
    return 1;
}

/* A run of letters and digits from it->at on. *apostrophe: whether one follows directly. */
static bool next_run(struct lang_words *it, struct lang_word *out, bool *apostrophe)
{
    struct str rest = {it->text.p + it->at, it->text.n - it->at};
    out->n = 0;
    *apostrophe = false;
    for (;;) {
        const char *before = rest.p;
        uint32_t cp = rest.n ? str_utf8_next(&rest) : 0;
        char folded[4];
        if (cp >= 0x300 && cp < 0x370) continue; /* combining marks */
        size_t n = before == rest.p ? 0 : fold_one(cp, folded);
        if (n) {
            if (out->n == 0) out->at = (size_t)(before - it->text.p);
            if (out->n + n < sizeof out->p) {
                memcpy(out->p + out->n, folded, n);
                out->n += n;
            }
            continue;
        }
        if (out->n == 0) {
            if (before == rest.p) break; /* the end */
            continue;
        }
        *apostrophe = before != rest.p && is_apostrophe(cp);
        out->len = (size_t)(before - it->text.p) - out->at;
        it->at = (size_t)((before == rest.p ? before : rest.p) - it->text.p);
        out->p[out->n] = '\0';
        return true;
    }
    it->at = it->text.n;
    return false;
}

static bool word_is(const struct lang_word *w, const char *z) { return strcmp(w->p, z) == 0; }

static bool is_elided(const struct lang_word *w)
{
    return (w->n == 1 && strchr("ldjcnsmt", w->p[0])) || word_is(w, "qu") || word_is(w, "jusqu") ||
           word_is(w, "lorsqu");
}

bool lang_next(struct lang_words *it, struct lang_word *out)
{
    bool apostrophe;
    while (next_run(it, out, &apostrophe)) {
        bool possessive = it->apostrophe && word_is(out, "s");
        bool elided = apostrophe && is_elided(out);
        it->apostrophe = apostrophe;
        if (possessive || elided) continue;
        if (word_is(out, "t") || word_is(out, "tee")) {
            struct lang_words ahead = *it;
            struct lang_word next;
            bool unused;
            if (next_run(&ahead, &next, &unused) && next.at <= out->at + out->len + 1 &&
                (word_is(&next, "shirt") || word_is(&next, "shirts"))) {
                out->n = (size_t)snprintf(out->p, sizeof out->p, "t%s", next.p);
                out->len = next.at + next.len - out->at;
                *it = ahead;
            }
        } else if (word_is(out, "teeshirt") || word_is(out, "teeshirts")) {
            out->n = (size_t)snprintf(out->p, sizeof out->p, "tshirt%s", out->n > 8 ? "s" : "");
        }
        return true;
    }
    return false;
}

void lang_fold(struct str text, struct buf *out)
{
    struct lang_words it = LANG_WORDS(text);
    struct lang_word w;
    bool first = true;
    while (lang_next(&it, &w)) {
        if (!first) buf_addc(out, ' ');
        buf_add_bytes(out, w.p, w.n);
        first = false;
    }
}

/* ---- stems ---- */

static pthread_key_t stemmers_key;
static pthread_once_t stemmers_once = PTHREAD_ONCE_INIT;

struct stemmers {
    struct sb_stemmer *of[LANG_CODES];
};

static void stemmers_free(void *p)
{
    struct stemmers *s = p;
    for (int i = 0; i < LANG_CODES; i++)
        sb_stemmer_delete(s->of[i]);
    free(s);
}

static void stemmers_init(void) { ASSERT(pthread_key_create(&stemmers_key, stemmers_free) == 0); }

static struct sb_stemmer *stemmer(enum lang_code code)
{
    pthread_once(&stemmers_once, stemmers_init);
    struct stemmers *s = pthread_getspecific(stemmers_key);
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s || pthread_setspecific(stemmers_key, s) != 0) {
            free(s);
            return NULL;
        }
    }
    if (!s->of[code]) s->of[code] = sb_stemmer_new(code == LANG_FR ? "french" : "english", "UTF_8");
    return s->of[code];
}

size_t lang_stem(enum lang_code code, struct str word, char out[static LANG_WORD_BYTES])
{
    struct sb_stemmer *s = stemmer(code);
    const sb_symbol *p = s ? sb_stemmer_stem(s, (const sb_symbol *)word.p, (int)word.n) : NULL;
    size_t n = p ? (size_t)sb_stemmer_length(s) : word.n;
    if (n == 0 || n >= LANG_WORD_BYTES) {
        n = word.n < LANG_WORD_BYTES ? word.n : LANG_WORD_BYTES - 1;
        p = NULL;
    }
    memcpy(out, p ? (const char *)p : word.p, n);
    out[n] = '\0';
    return n;
}

bool lang_is_stopword(struct str word)
{
    static const char *const words[] = {
        /* sorted: searched by halves */
        "a",     "ai",  "an",   "and", "au",  "aux",   "avec",  "by",   "c",   "ce",  "ces",  "cet",
        "cette", "d",   "dans", "de",  "des", "du",    "en",    "est",  "et",  "for", "from", "i",
        "il",    "in",  "is",   "j",   "je",  "l",     "la",    "le",   "les", "ma",  "me",   "mes",
        "moi",   "mon", "my",   "n",   "nos", "notre", "of",    "on",   "or",  "ou",  "our",  "par",
        "pour",  "qu",  "que",  "qui", "sa",  "ses",   "some",  "son",  "sur", "ta",  "tes",  "that",
        "the",   "to",  "ton",  "un",  "une", "vos",   "votre", "with", "y",   "your"};
    size_t lo = 0, hi = sizeof words / sizeof *words;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = str_cmp(word, str_of(words[mid]));
        if (c == 0) return true;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return false;
}

void lang_analyse(struct str text, struct buf *out)
{
    struct lang_words it = LANG_WORDS(text);
    struct lang_word w;
    bool first = true;
    while (lang_next(&it, &w)) {
        struct str word = {w.p, w.n};
        if (lang_is_stopword(word) && strcmp(w.p, "or") != 0) continue;
        char en[LANG_WORD_BYTES], fr[LANG_WORD_BYTES];
        size_t n_en = lang_stem(LANG_EN, word, en), n_fr = lang_stem(LANG_FR, word, fr);
        if (!first) buf_addc(out, ' ');
        buf_add_bytes(out, en, n_en);
        if (n_fr != n_en || memcmp(en, fr, n_en) != 0) {
            buf_addc(out, ' ');
            buf_add_bytes(out, fr, n_fr);
        }
        first = false;
    }
}

/* ---- keys that forgive ---- */

static size_t without_plural(char *w, size_t n)
{
    if (n > 4 && memcmp(w + n - 3, "ies", 3) == 0) {
        w[n - 3] = 'y';
        return n - 2;
    }
    if (n > 4 && memcmp(w + n - 3, "aux", 3) == 0 && w[n - 4] != 'e') { /* "bijoux" keeps its ou */
        memcpy(w + n - 2, "l", 1);
        return n - 1;
    }
    bool s = n > 3 && w[n - 1] == 's' && w[n - 2] != 's';
    bool x = n > 3 && w[n - 1] == 'x' && (w[n - 2] == 'u');
    return s || x ? n - 1 : n;
}

static size_t without_doubles(char *w, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (m == 0 || w[i] != w[m - 1] || (w[i] >= '0' && w[i] <= '9')) w[m++] = w[i];
    while (m > 3 && w[m - 1] == 'e')
        m--;
    return m;
}

struct sound {
    const char *from, *to;
};

/* Spellings that sound alike in French (and nearly so in English), longest first. */
static const struct sound sounds[] = {
    {"eau", "o"}, {"aux", "o"}, {"sce", "se"}, {"sci", "si"}, {"oo", "u"},  {"ou", "u"},  {"au", "o"},
    {"ph", "f"},  {"qu", "k"},  {"ck", "k"},   {"ch", "C"},   {"sh", "C"},  {"th", "t"},  {"gu", "g"},
    {"ge", "j"},  {"gi", "ji"}, {"dj", "j"},   {"ce", "se"},  {"ci", "si"}, {"cy", "si"}, {"ai", "e"},
    {"ei", "e"},  {"ee", "i"},  {"ea", "i"},   {"en", "an"},  {"em", "an"}, {"am", "an"}, {"om", "on"},
    {"im", "in"}, {"ym", "in"}, {"y", "i"},    {"c", "k"},    {"z", "s"},   {"h", ""},    {"w", "v"},
    {"q", "k"},   {"x", "s"},
};

static size_t as_it_sounds(const char *w, size_t n, char *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n;) {
        const struct sound *hit = NULL;
        for (size_t k = 0; k < sizeof sounds / sizeof *sounds && !hit; k++) {
            size_t len = strlen(sounds[k].from);
            if (i + len <= n && memcmp(w + i, sounds[k].from, len) == 0) hit = &sounds[k];
        }
        size_t len = hit ? strlen(hit->from) : 1;
        const char *to = hit ? hit->to : NULL;
        if (to)
            for (; *to; to++)
                out[m++] = *to;
        else
            out[m++] = w[i];
        i += len;
    }
    while (m > 3 && strchr("tdsp", out[m - 1]))
        m--; /* silent at the end */
    return m;
}

size_t lang_key(int level, struct str word, char out[static LANG_WORD_BYTES])
{
    char w[LANG_WORD_BYTES];
    size_t n = word.n < LANG_WORD_BYTES ? word.n : LANG_WORD_BYTES - 1;
    memcpy(w, word.p, n);
    if (level >= 1) n = without_plural(w, n);
    if (level >= 2) n = without_doubles(w, n);
    if (level >= 3) {
        n = as_it_sounds(w, n, out); /* never longer: no replacement is longer than what it replaces */
        n = without_doubles(out, n);
    } else {
        memcpy(out, w, n);
    }
    out[n] = '\0';
    return n;
}

int lang_distance(struct str a, struct str b, int limit)
{
    int rows[3][LANG_WORD_BYTES + 1];
    if (a.n >= LANG_WORD_BYTES || b.n >= LANG_WORD_BYTES) return limit + 1;
    int diff = (int)a.n - (int)b.n;
    if (diff > limit || -diff > limit) return limit + 1;
    int *older = rows[0], *old = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        old[j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int least = now[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int d = old[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (old[j] + 1 < d) d = old[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && older[j - 2] + 1 < d)
                d = older[j - 2] + 1;
            now[j] = d;
            if (d < least) least = d;
        }
        if (least > limit) return limit + 1;
        int *t = older;
        older = old;
        old = now;
        now = t;
    }
    return old[b.n] <= limit ? old[b.n] : limit + 1;
}
