#include "rank/search.h"

#include "base/buf.h"
#include "base/jout.h"
#include "crypt/crypt.h"

#include <math.h>
#include <string.h>

/*
 * One search: filter, score every row without embeddings (a few table look-ups each), take the best as
 * candidates, add their cosines, sort. Candidates are those that the cosines could still lift onto the page:
 * all rows within the cosines' reach of the last place.
 */
#define W_PICTURE 4.f
#define W_TEXT 1.f
#define W_TEXT_ALONE 2.5f

enum { POOL = 256, MAX_POOL = 1024 };

struct candidate {
    float score, order; /* order: what it is sorted by, the score unless another order is asked for */
    uint32_t row;
};

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "the search needs too much memory"); }

/* ---- cursors ---- */

/* What a cursor says: where the page ended. It holds nothing secret and is only checked for sense; a later
 * snapshot goes on behind the same score and product, so that nothing is shown twice for long. */
struct cursor {
    uint32_t magic, position;
    int64_t generation, doc;
    float score;
    uint32_t check;
};
enum { CURSOR_MAGIC = 0x31435250 };

static uint32_t cursor_check(const struct cursor *c)
{
    struct str bytes = {(const char *)c, offsetof(struct cursor, check)};
    return (uint32_t)(str_hash(bytes) >> 16);
}

static enum rc read_cursor(struct str text, struct cursor *out, struct err *err)
{
    size_t n;
    if (!crypt_base64url_decode(text, (uint8_t *)out, sizeof *out, &n) || n != sizeof *out ||
        out->magic != CURSOR_MAGIC || out->check != cursor_check(out) || !isfinite(out->score) ||
        out->position > 1000000)
        return err_set(err, RC_INVALID, "this cursor is none of ours");
    return RC_OK;
}

static enum rc write_cursor(struct rank_work *w, const struct candidate *last, uint32_t position,
                            struct str *out, struct err *err)
{
    struct cursor c;
    memset(&c, 0, sizeof c);
    c.magic = CURSOR_MAGIC;
    c.position = position;
    c.generation = w->s->generation;
    c.doc = w->s->docs[last->row];
    c.score = last->order;
    c.check = cursor_check(&c);
    char text[4 * ((sizeof c + 2) / 3) + 1];
    crypt_base64url(&c, sizeof c, text);
    *out = arena_str(w->arena, str_of(text));
    return out->p ? RC_OK : no_memory(err);
}

/* ---- candidates ---- */

static int better(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Least and most of the allowed rows. A word of the filter that lets all 64 rows through, as most do, is a plain run
 * over them in lanes. */
static void find_range(const struct rank_work *w, float *least, float *most)
{
    typedef float lanes __attribute__((vector_size(16), aligned(4)));
    typedef int32_t masks __attribute__((vector_size(16)));
    lanes low = {INFINITY, INFINITY, INFINITY, INFINITY}, high = -low;
    *least = INFINITY;
    *most = -INFINITY;
    for (size_t k = 0; k < w->s->words_in_set; k++) {
        const float *score = w->score + k * 64;
        for (size_t i = 0; w->allow[k] == UINT64_MAX && i < 64; i += 4) {
            lanes v = *(const lanes *)(score + i);
            masks less = v<low, greater = v> high;
            low = (lanes)(((masks)v & less) | ((masks)low & ~less));
            high = (lanes)(((masks)v & greater) | ((masks)high & ~greater));
        }
        for (uint64_t left = w->allow[k] == UINT64_MAX ? 0 : w->allow[k]; left; left &= left - 1) {
            float v = score[__builtin_ctzll(left)];
            if (v < *least) *least = v;
            if (v > *most) *most = v;
        }
    }
    for (int i = 0; i < 4; i++) {
        if (low[i] < *least) *least = low[i];
        if (high[i] > *most) *most = high[i];
    }
}

/* The k-th best score among allowed rows, through a histogram of 4,096 steps: no sorting of all. */
static float threshold(const struct rank_work *w, size_t k)
{
    enum { STEPS = 4096 };
    uint32_t counts[STEPS] = {0};
    float least, most;
    find_range(w, &least, &most);
    if (most > 20) most = 20; /* exact titles stand far above; they share the top step */
    if (!(most > least) || k > w->s->n) return least;
    float scale = (STEPS - 1) / (most - least);
    for (size_t r = 0; r < w->s->n; r++) {
        if (!rank_bit(w->allow, r)) continue;
        float at = (w->score[r] - least) * scale;
        counts[at >= STEPS - 1 ? STEPS - 1 : (size_t)at]++;
    }
    size_t step = STEPS, seen = 0;
    while (step > 0 && seen < k)
        seen += counts[--step];
    return least + (float)step / scale;
}

/* Rows above `least` into list; too many tie there: those that lie nearest to the embedding. */
static enum rc gather(struct rank_work *w, float least, struct candidate **list, size_t *n, struct err *err)
{
    const struct rank_snapshot *s = w->s;
    const float *embedding = w->picture ? w->picture : w->text;
    size_t count = 0;
    for (size_t r = 0; r < s->n; r++)
        count += rank_bit(w->allow, r) && w->score[r] >= least;
    *list = arena_array(w->arena, count + 1, sizeof **list);
    if (!*list) return no_memory(err);
    *n = 0;
    /* Later pages must be able to go on to the end. */
    if (count <= MAX_POOL || w->q->cursor.p || w->q->sort != RANK_BEST || !embedding || !s->vectors) {
        for (size_t r = 0; r < s->n; r++)
            if (rank_bit(w->allow, r) && w->score[r] >= least)
                (*list)[(*n)++] = (struct candidate){w->score[r], 0, (uint32_t)r};
        return RC_OK;
    }
    uint64_t *among = arena_array(w->arena, s->words_in_set, sizeof *among);
    struct vindex_hit *hits = arena_array(w->arena, VINDEX_MAX_K, sizeof *hits);
    if (!among || !hits) return no_memory(err);
    float clear = threshold(w, POOL + w->q->limit);
    for (size_t r = 0; r < s->n; r++) {
        if (!rank_bit(w->allow, r) || w->score[r] < least) continue;
        if (w->score[r] > clear + .01f)
            (*list)[(*n)++] = (struct candidate){w->score[r], 0, (uint32_t)r};
        else
            rank_set_bit(among, r);
    }
    size_t found = 0;
    enum rc rc = vindex_search(s->vectors, embedding, among, VINDEX_MAX_K, hits, &found, err);
    for (size_t i = 0; i < found && !rc; i++)
        (*list)[(*n)++] = (struct candidate){w->score[hits[i].row], 0, hits[i].row};
    return rc;
}

static void add_cosines(const struct rank_work *w, struct candidate *list, size_t n)
{
    size_t dim = w->s->vectors ? vindex_dim(w->s->vectors) : 0;
    for (size_t i = 0; i < n && dim; i++) {
        const float *v = vindex_vector(w->s->vectors, list[i].row);
        /* Rows lie anywhere: waiting for memory takes longer than the sums. */
        const float *soon = i + 2 < n ? vindex_vector(w->s->vectors, list[i + 2].row) : v;
        for (size_t d = 0; d < dim; d += 16)
            __builtin_prefetch(soon + d);
        if (w->picture) list[i].score += W_PICTURE * rank_dot(w->picture, v, dim);
        if (w->text) list[i].score += w->text_weight * rank_dot(w->text, v, dim);
    }
}

/* Sets what to sort by. Orders other than the score's are among what fits well: a cheap thing of another kind
 * is no answer. Returns how many stay. */
static size_t set_order(const struct rank_work *w, struct candidate *list, size_t n)
{
    enum rank_sort sort = w->q->browse && w->q->sort == RANK_BEST ? RANK_NEWEST : w->q->sort;
    float top = -INFINITY;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        list[i].order = list[i].score;
        if (list[i].score > top) top = list[i].score;
    }
    if (sort == RANK_BEST) return n;
    for (size_t i = 0; i < n; i++) {
        size_t r = list[i].row;
        int32_t sale = w->offers ? w->offers->sale_cents[r] : -1,
                price = w->offers ? w->offers->price_cents[r] : -1;
        float pays = sale >= 0 ? (float)sale : price >= 0 ? (float)price : 3e7f;
        if (!w->q->browse && list[i].score < top - .25f * fabsf(top) - .3f) continue;
        list[i].order = sort == RANK_CHEAPEST  ? -pays
                        : sort == RANK_DEAREST ? (price >= 0 ? pays : 0)
                                               : (float)(w->s->products[r].first_seen_ms / 60000 - 25000000);
        list[kept++] = list[i];
    }
    return kept;
}

/*
 * Leaves out what looks like something before it and has the same title, so that a page shows different pieces; done
 * from the top on every page, so that pages agree on what was left out. *from moves with the list; returns how many
 * are left, one more than the page if there are more.
 */
static size_t leave_out_alike(const struct rank_work *w, struct candidate *list, size_t n, size_t page,
                              size_t *from)
{
    size_t kept = 0, before = 0;
    for (size_t i = 0; i < n && kept - before <= page; i++) {
        const struct rank_product *p = &w->s->products[list[i].row];
        bool same = false;
        for (size_t k = 0; k < kept && !same; k++) {
            const struct rank_product *o = &w->s->products[list[k].row];
            same = p->title_hash == o->title_hash && p->dhash && __builtin_popcountll(p->dhash ^ o->dhash) <= 2;
        }
        if (same) continue;
        list[kept++] = list[i];
        if (i < *from) before = kept;
    }
    *from = before;
    return kept;
}

/* ---- the query ---- */

static enum rc prepare(struct rank_work *w, struct err *err)
{
    const struct rank_query *q = w->q;
    bool text = str_trim(q->text).n > 0;
    if (!text && !q->picture && !q->seen && !q->similar_to.n && !q->browse)
        return err_set(err, RC_INVALID, "a search needs words, a picture, labels or a product");
    if (q->limit < 1 || q->limit > RANK_MAX_LIMIT)
        return err_set(err, RC_INVALID, "limit must be from 1 to %d", RANK_MAX_LIMIT);
    w->similar_row = -1;
    w->picture = q->picture;
    if (q->similar_to.n) {
        w->similar_row = rank_snapshot_find_id(w->s, q->similar_to);
        if (w->similar_row < 0) return err_set(err, RC_NOT_FOUND, "there is no such product");
        if (!w->picture && w->s->vectors) w->picture = vindex_vector(w->s->vectors, (uint32_t)w->similar_row);
    }
    if (!text) return RC_OK;
    w->words = arena_alloc(w->arena, sizeof *w->words);
    if (!w->words) return no_memory(err);
    enum rc rc = lang_understand(w->scope->vocab, w->s->dict, q->text, w->arena, w->words, err);
    if (rc) return rc;
    w->title_hash = rank_title_hash(q->text);
    w->text_weight = W_TEXT + (W_TEXT_ALONE - W_TEXT) * (1 - w->words->explained);
    if (!w->scope->model || !infer_has_text(w->scope->model) || !w->s->vectors ||
        infer_dim(w->scope->model) != w->s->dim)
        return RC_OK;
    w->text = arena_array(w->arena, w->s->dim, sizeof *w->text);
    if (!w->text) return no_memory(err);
    return infer_text(w->scope->model, q->worker, w->words->corrected.p ? w->words->corrected : q->text,
                      w->text, err);
}

static enum rc describe(struct rank_work *w, struct rank_answer *out, struct err *err)
{
    struct buf text = BUF_INIT(1 << 16);
    struct jout json = JOUT_INIT(&text);
    jout_object(&json);
    if (w->words) lang_query_write(w->words, &json);
    jout_end(&json);
    enum rc rc = buf_check(&text, "the answer", err);
    if (!rc) out->understood = arena_str(w->arena, buf_str(&text));
    if (w->words) out->corrected = w->words->corrected;
    buf_release(&text);
    return rc;
}

/* The most that the parts in play can give, so that scores of one answer lie between 0 and 1. */
static float full_marks(const struct rank_work *w)
{
    float sum = .01f;
    for (int f = 0; f < RANK_FIELDS; f++) {
        float most = 0;
        for (size_t v = 0; w->tables[f] && v < w->s->attributes[f].n; v++)
            if (w->tables[f][v] > most) most = w->tables[f][v];
        sum += most;
    }
    if (w->picture) sum += W_PICTURE;
    if (w->words) sum += 1.5f;
    return sum;
}

/* Copies: the snapshot may go before the answer does. */
enum rc rank_item_fill(const struct rank_snapshot *s, const struct rank_offers *o, size_t row,
                       struct arena *arena, struct rank_item *item, struct err *err)
{
    const struct rank_product *p = &s->products[row];
    const struct {
        struct str *to, from;
    } texts[] = {{&item->id, p->id},
                 {&item->title, p->title},
                 {&item->brand, p->brand},
                 {&item->link, p->link},
                 {&item->picture, p->picture},
                 {&item->category, rank_value(s, RANK_CATEGORY, row)},
                 {&item->colour, rank_value(s, RANK_COLOUR, row)},
                 {&item->gender, rank_value(s, RANK_GENDER, row)},
                 {&item->style, rank_value(s, RANK_STYLE, row)},
                 {&item->currency, o ? o->currency : STR_NONE}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].from.n == 0) continue;
        *texts[i].to = arena_str(arena, texts[i].from);
        if (!texts[i].to->p) return no_memory(err);
    }
    item->price_cents = o ? o->price_cents[row] : -1;
    item->sale_cents = o ? o->sale_cents[row] : -1;
    item->available = o && rank_bit(o->available, row);
    return RC_OK;
}

static enum rc fill_page(struct rank_work *w, const struct candidate *list, size_t n, uint32_t position,
                         bool more, struct rank_answer *out, struct err *err)
{
    float full = full_marks(w);
    out->items = arena_array(w->arena, n + 1, sizeof *out->items);
    if (!out->items) return no_memory(err);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        struct rank_item *item = &out->items[out->n++];
        float score = list[i].score / full;
        rc = rank_item_fill(w->s, w->offers, list[i].row, w->arena, item, err);
        if (rc) return rc;
        item->score = score < 0 ? 0 : score > 1 ? 1 : score;
        rc = rank_give_reasons(w, list[i].row, item, err);
    }
    if (!rc && more && n) rc = write_cursor(w, &list[n - 1], position + (uint32_t)n, &out->next_cursor, err);
    return rc;
}

enum rc rank_search_in(const struct rank_scope *scope, const struct rank_query *q, struct arena *arena,
                       struct rank_answer *out, struct err *err)
{
    struct rank_work w = {.scope = scope,
                          .s = scope->snapshot,
                          .q = q,
                          .arena = arena,
                          .lang = q->lang && strcmp(q->lang, "en") == 0 ? "en" : "fr"};
    struct cursor after = {.position = 0};
    struct candidate *list = NULL;
    size_t n = 0, from = 0;
    *out = (struct rank_answer){.generation = w.s->generation};
    enum rc rc = prepare(&w, err);
    if (!rc && q->cursor.p) rc = read_cursor(q->cursor, &after, err);
    if (!rc) rc = rank_filter_rows(&w, err);
    if (!rc) rc = rank_score_rows(&w, err);
    if (rc) return rc;
    out->matched = w.matched;
    if (w.similar_row >= 0) w.allow[w.similar_row / 64] &= ~((uint64_t)1 << (w.similar_row % 64));
    size_t pool = q->sort != RANK_BEST || q->browse ? SIZE_MAX : POOL + after.position + 2 * q->limit;
    if (w.matched) rc = gather(&w, threshold(&w, pool) - (w.picture ? 1.f : .3f), &list, &n, err);
    if (rc) return rc;
    add_cosines(&w, list, n);
    n = set_order(&w, list, n);
    if (n) qsort(list, n, sizeof *list, better);
    if (q->cursor.p)
        while (from < n && (list[from].order > after.score ||
                            (list[from].order == after.score && w.s->docs[list[from].row] <= after.doc)))
            from++;
    if (q->distinct) n = leave_out_alike(&w, list, n, q->limit, &from);
    size_t page = n - from < q->limit ? n - from : q->limit;
    rc = fill_page(&w, list + from, page, after.position, n - from > page, out, err);
    if (!rc) rc = describe(&w, out, err);
    if (!rc && q->facets) rc = rank_count_facets(&w, out, err);
    return rc;
}
