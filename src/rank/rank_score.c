/* What each product scores without the embeddings. The parts and their weights are in search.h. */
#include "rank/search.h"

#include "lang/text.h"

#include <math.h>
#include <string.h>

static const float field_weight[RANK_FIELDS] = {
    [RANK_CATEGORY] = 4,    [RANK_COLOUR] = 2,   [RANK_GENDER] = 1.5f,
    [RANK_AGE_GROUP] = .5f, [RANK_SEASON] = .2f, [RANK_STYLE] = .3f,
};
#define W_EXACT 100.f
#define W_WORDS 2.2f
#define W_EXPLAINED .04f /* its meaning counts already */
#define W_ALL_WORDS 1.5f
#define W_BRAND 1.5f
#define W_ARTICLE .8f
#define W_CONCEPT .7f
#define W_FULL_TEXT .8f
#define W_AGAINST -3.5f
#define W_SIZE .5f

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "the search needs too much memory"); }

float rank_dot(const float *a, const float *b, size_t n)
{
    typedef float v8 __attribute__((vector_size(32), aligned(4)));
    v8 sum[2] = {{0}, {0}};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        sum[0] += *(const v8 *)(a + i) * *(const v8 *)(b + i);
        sum[1] += *(const v8 *)(a + i + 8) * *(const v8 *)(b + i + 8);
    }
    sum[0] += sum[1];
    float s = 0;
    for (int k = 0; k < 8; k++)
        s += sum[0][k];
    for (; i < n; i++)
        s += a[i] * b[i];
    return s;
}

static const int vocab_of[RANK_FIELDS] = {
    [RANK_CATEGORY] = VOCAB_CATEGORY,   [RANK_GROUP] = -1,
    [RANK_COLOUR] = VOCAB_COLOUR,       [RANK_GENDER] = VOCAB_GENDER,
    [RANK_AGE_GROUP] = VOCAB_AGE_GROUP, [RANK_SEASON] = VOCAB_SEASON,
    [RANK_STYLE] = VOCAB_STYLE,         [RANK_BRAND] = -1,
    [RANK_MATERIAL] = VOCAB_MATERIAL,   [RANK_PATTERN] = VOCAB_PATTERN,
    [RANK_SIZE] = VOCAB_SIZE,
};

static float *table(struct rank_work *w, enum rank_field field)
{
    if (!w->tables[field]) w->tables[field] = arena_array(w->arena, w->s->attributes[field].n, sizeof(float));
    return w->tables[field];
}

/* ---- what the words say ---- */

static enum rc table_from_words(struct rank_work *w, enum rank_field field, struct err *err)
{
    const struct lang_values *said = &w->words->values[vocab_of[field]];
    const struct lang_values *without = &w->words->without[vocab_of[field]];
    if (said->n == 0 && without->n == 0) return RC_OK;
    float *t = table(w, field);
    if (!t) return no_memory(err);
    for (size_t i = 0; i < said->n; i++) {
        uint32_t code = rank_code(w->s, field, str_of(said->v[i].name));
        float add = field_weight[field] * said->v[i].weight;
        if (code && add > t[code]) t[code] = add;
    }
    /* A kind of thing that this catalogue lacks: what stands nearest ("t-shirt à manches longues"). */
    if (field == RANK_CATEGORY && said->n && !rank_code(w->s, field, str_of(said->v[0].name)))
        for (uint32_t code = 1; code < w->s->attributes[field].n; code++) {
            float near = vocab_near(w->scope->vocab, VOCAB_CATEGORY, said->v[0].name,
                                    w->s->attributes[field].values[code].p);
            float add = field_weight[field] * near;
            if (add > t[code]) t[code] = add;
        }
    for (size_t i = 0; i < without->n; i++) {
        uint32_t code = rank_code(w->s, field, str_of(without->v[i].name));
        if (code) t[code] = W_AGAINST;
    }
    if (field == RANK_GENDER && said->n) t[0] = .5f * field_weight[field];
    return RC_OK;
}

/* ---- what the picture says ---- */

struct said { /* a distribution over values, from the photo, its nearest products, or one product */
    struct str value;
    float p;
};
enum { MAX_SAID = 128 };

static void add_said(struct said *list, size_t *n, struct str value, float p)
{
    for (size_t i = 0; i < *n; i++)
        if (str_eq(list[i].value, value)) {
            list[i].p += p;
            return;
        }
    if (*n < MAX_SAID) list[(*n)++] = (struct said){value, p};
}

static size_t said_by_photo(const struct rank_work *w, enum rank_field field, struct said *list, float share)
{
    const struct rank_seen *seen = w->q->seen;
    if (!seen) return 0;
    const struct rank_label *labels[RANK_FIELDS] = {[RANK_CATEGORY] = seen->category,
                                                    [RANK_COLOUR] = seen->colour,
                                                    [RANK_GENDER] = seen->gender,
                                                    [RANK_SEASON] = seen->season,
                                                    [RANK_STYLE] = seen->style};
    const size_t counts[RANK_FIELDS] = {[RANK_CATEGORY] = seen->n_category,
                                        [RANK_COLOUR] = seen->n_colour,
                                        [RANK_GENDER] = seen->n_gender,
                                        [RANK_SEASON] = seen->n_season,
                                        [RANK_STYLE] = seen->n_style};
    size_t n = 0;
    for (size_t i = 0; i < counts[field]; i++)
        add_said(list, &n, labels[field][i].name, share * labels[field][i].p);
    return n;
}

/* The nearest products vote with their own attributes. A picture that the catalogue itself holds (the cosine is 1 but
 * for rounding) is what the retailer says it is; otherwise the vote steadies the model's guess. Models differ in how
 * close unlike things lie, so nothing but the rank and "the same" is read from a cosine. */
enum { NEIGHBOURS = 24 };
#define SAME_PICTURE .9995f
struct neighbours {
    struct vindex_hit hits[NEIGHBOURS];
    float weight[NEIGHBOURS];
    size_t n;
    float share;
};

static enum rc find_neighbours(struct rank_work *w, struct neighbours *near, struct err *err)
{
    *near = (struct neighbours){.n = 0};
    if (!w->picture || !w->s->vectors || w->similar_row >= 0) return RC_OK;
    enum rc rc = vindex_search(w->s->vectors, w->picture, NULL, NEIGHBOURS, near->hits, &near->n, err);
    if (rc || near->n == 0) return rc;
    float top = near->hits[0].score, sum = 0;
    for (size_t i = 0; i < near->n; i++)
        sum += near->weight[i] = expf((near->hits[i].score - top) / (top >= SAME_PICTURE ? .0002f : .01f));
    for (size_t i = 0; i < near->n; i++)
        near->weight[i] /= sum;
    near->share = top >= SAME_PICTURE ? .95f : 0.f;
    return rc;
}

static float nearness(const struct rank_work *w, enum rank_field field, struct str wanted, struct str has)
{
    char name[64]; /* labels from a device need not end in NUL */
    if (wanted.n >= sizeof name || vocab_of[field] < 0) return 0;
    memcpy(name, wanted.p, wanted.n);
    name[wanted.n] = '\0';
    return vocab_near(w->scope->vocab, (enum vocab_field)vocab_of[field], name, has.p);
}

static enum rc table_from_picture(struct rank_work *w, enum rank_field field, const struct neighbours *near,
                                  struct err *err)
{
    struct said list[MAX_SAID];
    size_t n = 0;
    const struct rank_attribute *a = &w->s->attributes[field];
    if (w->similar_row >= 0) {
        struct str value = rank_value(w->s, field, (size_t)w->similar_row);
        if (value.n) add_said(list, &n, value, 1);
    } else {
        n = said_by_photo(w, field, list, 1 - near->share);
        for (size_t i = 0; i < near->n && near->share > 0; i++) {
            uint16_t code = a->codes[near->hits[i].row];
            if (code) add_said(list, &n, a->values[code], near->share * near->weight[i]);
        }
    }
    if (n == 0) return RC_OK;
    float *t = table(w, field);
    if (!t) return no_memory(err);
    for (uint32_t code = 1; code < a->n; code++) {
        float sum = 0;
        for (size_t i = 0; i < n; i++) {
            float near_by = str_eq(list[i].value, a->values[code])
                                ? 1
                                : .6f * nearness(w, field, list[i].value, a->values[code]);
            sum += list[i].p * near_by;
        }
        t[code] = field_weight[field] * sum;
    }
    return RC_OK;
}

static enum rc fill_tables(struct rank_work *w, struct err *err)
{
    static const enum rank_field fields[] = {RANK_CATEGORY,  RANK_COLOUR, RANK_GENDER,
                                             RANK_AGE_GROUP, RANK_SEASON, RANK_STYLE};
    struct neighbours near;
    enum rc rc = find_neighbours(w, &near, err);
    for (size_t i = 0; i < sizeof fields / sizeof *fields && !rc; i++) {
        if (w->words) rc = table_from_words(w, fields[i], err);
        /* What the words say of a field goes before what the picture shows ("the same in blue"). */
        if (!rc && !w->tables[fields[i]] && (w->q->seen || w->similar_row >= 0 || near.share > 0))
            rc = table_from_picture(w, fields[i], &near, err);
    }
    return rc;
}

/* Two tables in one pass, as most of the time goes into fetching and storing the scores. */
static void add_tables(struct rank_work *w)
{
    const float *tables[RANK_FIELDS];
    const uint16_t *codes[RANK_FIELDS];
    size_t n = 0;
    for (int f = 0; f < RANK_FIELDS; f++) {
        if (!w->tables[f]) continue;
        tables[n] = w->tables[f];
        codes[n++] = w->s->attributes[f].codes;
    }
    for (size_t i = 0; i < n; i += 2) {
        const float *t = tables[i], *u = i + 1 < n ? tables[i + 1] : NULL;
        const uint16_t *c = codes[i], *d = i + 1 < n ? codes[i + 1] : NULL;
        float *score = w->score;
        if (u)
            for (size_t r = 0; r < w->s->n; r++)
                score[r] = score[r] + t[c[r]] + u[d[r]];
        else
            for (size_t r = 0; r < w->s->n; r++)
                score[r] += t[c[r]];
    }
}

/* ---- words in titles ---- */

/* Rows whose title holds all stems of a phrase get `bit` in marks. */
static void mark_phrase(const struct rank_work *w, const struct lang_phrase *phrase, uint8_t *marks)
{
    size_t n, least = SIZE_MAX, at = 0;
    for (size_t i = 0; i < phrase->n; i++) {
        rank_words_rows(w->s->titles, phrase->stems[i], &n);
        if (n < least) {
            least = n;
            at = i;
        }
    }
    if (phrase->n == 0 || least == 0) return;
    const uint32_t *rows = rank_words_rows(w->s->titles, phrase->stems[at], &n);
    for (size_t k = 0; k < n; k++) {
        bool all = true;
        for (size_t i = 0; i < phrase->n && all; i++) {
            if (i == at) continue;
            size_t m, lo = 0;
            const uint32_t *other = rank_words_rows(w->s->titles, phrase->stems[i], &m);
            while (lo < m) { /* lower bound */
                size_t mid = (lo + m) / 2;
                if (other[mid] < rows[k])
                    lo = mid + 1;
                else
                    m = mid;
            }
            rank_words_rows(w->s->titles, phrase->stems[i], &m);
            all = lo < m && other[lo] == rows[k];
        }
        if (all) marks[rows[k]] = 1;
    }
}

static void mark_value(const struct rank_work *w, enum rank_field field, const char *name, uint8_t *marks)
{
    const struct rank_attribute *a = &w->s->attributes[field];
    uint32_t code = rank_code(w->s, field, str_of(name));
    for (size_t r = 0; code && r < w->s->n; r++)
        if (a->codes[r] == code) marks[r] = 1;
}

static void add_concepts(struct rank_work *w, const struct lang_concept *list, size_t n, bool against,
                         uint8_t *marks)
{
    for (size_t i = 0; i < n; i++) {
        const struct lang_concept *c = &list[i];
        if (c->field == VOCAB_STYLE) continue; /* an attribute of its own */
        memset(marks, 0, w->s->n);
        for (size_t p = 0; p < c->n_phrases; p++)
            mark_phrase(w, &c->phrases[p], marks);
        if (c->field == VOCAB_MATERIAL) mark_value(w, RANK_MATERIAL, c->name, marks);
        if (c->field == VOCAB_PATTERN) mark_value(w, RANK_PATTERN, c->name, marks);
        float add = against ? W_AGAINST : c->weight * (c->field < 0 ? W_ARTICLE : W_CONCEPT);
        for (size_t r = 0; r < w->s->n; r++)
            if (marks[r]) w->score[r] += add;
    }
}

/* One pass over the query's words: how many each title holds, and the weighted share of the unexplained. */
static enum rc add_words(struct rank_work *w, uint8_t *held, uint8_t *marks, struct err *err)
{
    const struct lang_query *q = w->words;
    float weight[LANG_MAX_TERMS], sum = 0;
    size_t in_titles = 0;
    for (size_t i = 0; i < q->n_terms; i++) {
        const struct lang_term *t = &q->terms[i];
        size_t most = 0;
        for (size_t k = 0; k < t->n_stems; k++) {
            size_t n;
            rank_words_rows(w->s->titles, t->stems[k], &n);
            if (n > most) most = n;
        }
        weight[i] = most ? logf((float)(w->s->n + 1) / (float)most) + .1f : 0;
        in_titles += most > 0;
        if (most && !t->explained && !t->filler) sum += weight[i];
    }
    if (sum < 2) sum = 2; /* a few common words alone do not decide */
    for (size_t i = 0; i < q->n_terms; i++) {
        const struct lang_term *t = &q->terms[i];
        if (weight[i] == 0) continue;
        memset(marks, 0, w->s->n);
        for (size_t k = 0; k < t->n_stems; k++) {
            size_t n;
            const uint32_t *rows = rank_words_rows(w->s->titles, t->stems[k], &n);
            for (size_t j = 0; j < n; j++) {
                if (marks[rows[j]]) continue;
                marks[rows[j]] = 1;
                held[rows[j]]++;
                w->score[rows[j]] +=
                    t->explained || t->filler ? W_EXPLAINED * weight[i] : W_WORDS * weight[i] / sum;
            }
        }
    }
    for (size_t r = 0; r < w->s->n && q->n_terms >= 2 && in_titles == q->n_terms; r++) {
        if (held[r] < q->n_terms || w->s->products[r].title_words == 0) continue;
        float of_title = (float)q->n_terms / (float)w->s->products[r].title_words;
        w->score[r] += W_ALL_WORDS * (of_title > 1 ? 1 : of_title * of_title);
    }
    (void)err;
    return RC_OK;
}

/* Words that no title holds may stand in descriptions: those are left to the full text. */
static enum rc add_full_text(struct rank_work *w, struct err *err)
{
    const struct lang_query *q = w->words;
    struct fts_term terms[8];
    struct fts_hit *hits;
    struct store_tx *tx = NULL;
    enum { MAX_HITS = 400 };
    size_t n = 0, found = 0;
    for (size_t i = 0; i < q->n_terms && n < 8; i++) {
        const struct lang_term *t = &q->terms[i];
        size_t in_titles = 0;
        for (size_t k = 0; k < t->n_stems && !in_titles; k++)
            rank_words_rows(w->s->titles, t->stems[k], &in_titles);
        if (!t->explained && !t->filler && !in_titles && t->n_stems)
            terms[n++] = (struct fts_term){t->stems, t->n_stems, false};
    }
    if (n == 0 || !w->scope->catalog) return RC_OK;
    hits = arena_array(w->arena, MAX_HITS, sizeof *hits);
    if (!hits) return no_memory(err);
    enum rc rc = store_begin(w->scope->catalog, STORE_READ, &tx, err);
    if (!rc) rc = fts_search(tx, &catalog_fts, terms, n, true, MAX_HITS, hits, &found, err);
    store_rollback(tx);
    for (size_t i = 0; i < found && !rc; i++) {
        long row = rank_snapshot_find_doc(w->s, hits[i].doc);
        if (row >= 0 && hits[0].score > 0)
            w->score[row] += W_FULL_TEXT * (float)(hits[i].score / hits[0].score);
    }
    return rc;
}

static void add_brand(struct rank_work *w)
{
    uint32_t code = rank_code(w->s, RANK_BRAND, w->words->brand);
    const uint16_t *codes = w->s->attributes[RANK_BRAND].codes;
    for (size_t r = 0; code && r < w->s->n; r++)
        if (codes[r] == code) w->score[r] += W_BRAND;
}

static enum rc add_sizes(struct rank_work *w, struct err *err)
{
    const struct lang_values *sizes = &w->words->values[VOCAB_SIZE];
    uint64_t *rows = arena_array(w->arena, w->s->words_in_set, sizeof *rows);
    if (!rows) return no_memory(err);
    for (size_t i = 0; i < sizes->n; i++) {
        uint32_t code = rank_code(w->s, RANK_SIZE, str_of(sizes->v[i].name));
        if (!code) continue;
        memset(rows, 0, w->s->words_in_set * sizeof *rows);
        rank_add_rows(w->s, RANK_SIZE, code, rows);
        for (size_t r = 0; r < w->s->n; r++)
            if (rank_bit(rows, r)) w->score[r] += W_SIZE;
    }
    return RC_OK;
}

static void add_prices(struct rank_work *w)
{
    const struct rank_offers *o = w->offers;
    if (!o || !(w->words->on_sale || w->words->cheap)) return;
    for (size_t r = 0; r < w->s->n; r++) {
        bool sale = o->sale_cents[r] >= 0 && o->sale_cents[r] < o->price_cents[r];
        int32_t pays = sale ? o->sale_cents[r] : o->price_cents[r];
        if (w->words->on_sale && sale) w->score[r] += .8f;
        if (w->words->cheap && pays >= 0) w->score[r] += .4f / (1 + (float)pays / 3000);
    }
}

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Equal but for white space. */
static bool same_spelling(struct str a, struct str b)
{
    a = str_trim(a);
    b = str_trim(b);
    while (a.n && b.n) {
        if (blank(a.p[0]) != blank(b.p[0])) return false;
        bool space = blank(a.p[0]);
        if (!space && a.p[0] != b.p[0]) return false;
        do {
            a.p++, a.n--;
        } while (space && a.n && blank(a.p[0]));
        do {
            b.p++, b.n--;
        } while (space && b.n && blank(b.p[0]));
    }
    return a.n == b.n;
}

static void add_exact(struct rank_work *w)
{
    for (size_t r = 0; r < w->s->n && w->title_hash; r++) {
        if (w->s->products[r].title_hash != w->title_hash) continue;
        /* "T-shirt" and "tshirt" are the same words; written the same is nearer still. */
        w->score[r] += same_spelling(w->s->products[r].title, w->q->text) ? W_EXACT + 10 : W_EXACT;
    }
}

enum rc rank_score_rows(struct rank_work *w, struct err *err)
{
    size_t n = w->s->n;
    w->score = arena_array(w->arena, n + 1, sizeof *w->score);
    uint8_t *held = arena_array(w->arena, n + 1, 1), *marks = arena_array(w->arena, n + 1, 1);
    if (!w->score || !held || !marks) return no_memory(err);
    enum rc rc = fill_tables(w, err);
    if (rc) return rc;
    add_tables(w);
    if (!w->words) return RC_OK;
    add_concepts(w, w->words->concepts, w->words->n_concepts, false, marks);
    add_concepts(w, w->words->unwanted, w->words->n_unwanted, true, marks);
    rc = add_words(w, held, marks, err);
    if (!rc) rc = add_full_text(w, err);
    add_brand(w);
    if (!rc) rc = add_sizes(w, err);
    add_prices(w);
    add_exact(w);
    return rc;
}
