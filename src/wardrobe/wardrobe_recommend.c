/*
 * What suits a wardrobe: pieces that go with what is in it rather than more of the same.
 *
 * A product's score is a sum, each part a weight times a match from 0 to 1:
 *
 *   goes with    .40   the best of the person's pieces it goes with: their kinds are worn together (groups_together), times
 *                      how their colours agree, times style, times season
 *   gap          .15   the person has none (1), or few (.5), of its kind, among the kinds everybody wears
 *   taste        .20   cosine of its picture with the mean of the person's pieces, of what they liked and bought (twice)
 *                      less what they dismissed
 *   style        .25   a style they said they like: it outweighs that what they have is of another
 *
 * Colours agree (colours_agree) by the plain rules that dressers give: neutrals go with all; two shades of one colour; pairs
 * that lie opposite each other; else somewhat. Nothing is shown that they dismissed or bought, that looks like a piece they
 * own (same kind, and the same colour or nearly the same picture), in a colour they avoid, over their budget, or not to be
 * had in their sizes. On one page a kind comes again only at a price.
 *
 * Reasons state what was computed: the piece it goes with and how the colours agree, the gap, the style, the size.
 */
#include "wardrobe/wardrobe_internal.h"

#include "lang/vocab.h"
#include "rank/search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define W_GOES .4f
#define W_GAP .15f
#define W_TASTE .2f
#define W_STYLE .25f
#define SAME_LOOK .9f    /* cosine from which two pictures of one kind show the same piece */
#define TASTE_REASON .6f /* cosine from which we say that it looks like what they have */
#define AGREES .8f       /* from here a reason speaks of the colours */
#define AGAIN_KIND .12f  /* what each earlier item of the same category on the page costs */
#define AGAIN_COLOUR .04f

enum { POOL = 1024, MAX_GROUPS = 24, MAX_OWNED = 4096 };

/* ---- what goes with what ---- */

static const struct {
    const char *one, *other;
} groups_together[] = {
    {"top", "bottom"},          {"top", "outerwear"},       {"top", "footwear"},
    {"top", "accessory"},       {"top", "jewellery"},       {"top", "bag"},
    {"bottom", "outerwear"},    {"bottom", "footwear"},     {"bottom", "accessory"},
    {"bottom", "bag"},          {"one-piece", "outerwear"}, {"one-piece", "footwear"},
    {"one-piece", "accessory"}, {"one-piece", "jewellery"}, {"one-piece", "bag"},
    {"outerwear", "footwear"},  {"outerwear", "accessory"}, {"outerwear", "bag"},
    {"footwear", "bag"},
};

static float kinds_together(const char *a, const char *b)
{
    if (!a || !b) return 0;
    for (size_t i = 0; i < sizeof groups_together / sizeof *groups_together; i++) {
        const char *one = groups_together[i].one, *other = groups_together[i].other;
        bool hit = (!strcmp(a, one) && !strcmp(b, other)) || (!strcmp(a, other) && !strcmp(b, one));
        if (hit)
            return strcmp(one, "footwear") == 0 ? .7f : i < 3 || strcmp(other, "outerwear") == 0 ? 1 : .85f;
    }
    return 0;
}

static bool is_among(struct str name, const char *const *list)
{
    for (; *list; list++)
        if (str_eqz(name, *list)) return true;
    return false;
}

static const char *const neutrals[] = {
    "Black", "White", "Grey",         "Grey Melange",   "Charcoal",  "Beige",  "Cream",
    "Tan",   "Taupe", "Nude",         "Navy Blue",      "Off White", "Silver", "Khaki",
    "Brown", "Steel", "Coffee Brown", "Mushroom Brown", NULL};
static const struct {
    const char *one, *other;
} opposite[] = {
    {"Blue", "Orange"},          {"Blue", "Rust"},      {"Blue", "Mustard"},    {"Teal", "Rust"},
    {"Green", "Burgundy"},       {"Olive", "Burgundy"}, {"Green", "Pink"},      {"Olive", "Pink"},
    {"Yellow", "Purple"},        {"Mustard", "Purple"}, {"Lavender", "Yellow"}, {"Turquoise Blue", "Orange"},
    {"Turquoise Blue", "Peach"}, {"Teal", "Copper"},    {"Sea Green", "Peach"}, {"Red", "Blue"},
    {"Maroon", "Olive"},
};

enum agreement { NONE, NEUTRAL, TONES, OPPOSITE };

/* How well two colours are worn together; *why tells by which rule. */
static float colours_agree(const struct vocab *vocab, struct str a, struct str b, enum agreement *why)
{
    *why = NONE;
    if (!a.n || !b.n) return .5f;
    if (str_eqz(a, "Multi") || str_eqz(b, "Multi"))
        return is_among(a, neutrals) || is_among(b, neutrals) ? .8f : .3f;
    bool calm_a = is_among(a, neutrals), calm_b = is_among(b, neutrals);
    if (str_eq(a, b)) {
        *why = TONES;
        return .8f;
    }
    if (calm_a || calm_b) {
        *why = NEUTRAL;
        return calm_a && calm_b ? .9f : 1;
    }
    for (size_t i = 0; i < sizeof opposite / sizeof *opposite; i++)
        if ((str_eqz(a, opposite[i].one) && str_eqz(b, opposite[i].other)) ||
            (str_eqz(b, opposite[i].one) && str_eqz(a, opposite[i].other))) {
            *why = OPPOSITE;
            return .85f;
        }
    if (vocab_near(vocab, VOCAB_COLOUR, a.p, b.p) >= .4f) {
        *why = TONES;
        return .85f;
    }
    return .4f;
}

static float styles_agree(struct str a, struct str b)
{
    if (!a.n || !b.n) return .85f;
    if (str_eq(a, b)) return 1;
    bool smart = str_eqz(a, "Smart Casual") || str_eqz(b, "Smart Casual");
    bool sport = str_eqz(a, "Sports") || str_eqz(b, "Sports"),
         formal = str_eqz(a, "Formal") || str_eqz(b, "Formal");
    if (sport && formal) return .15f;
    return smart ? .85f : .5f;
}

static float seasons_agree(struct str a, struct str b)
{
    if (!a.n || !b.n || str_eq(a, b)) return 1;
    bool cold = str_eqz(a, "Winter") || str_eqz(b, "Winter"),
         hot = str_eqz(a, "Summer") || str_eqz(b, "Summer");
    return cold && hot ? .6f : .85f;
}

/* ---- the wardrobe as it is used here ---- */

struct owned {
    struct str category, colour, style, season, photo, piece; /* photo p NULL: bought, no photo */
    const char *group;
    const float *embedding; /* NULL: of another model */
    struct str title;       /* of a bought product */
};

struct taste {
    const struct rank_snapshot *s;
    const struct vocab *vocab;
    const struct wardrobe_query *q;
    struct arena *arena;
    struct owned *owned;
    size_t n, by_group[MAX_GROUPS], total;
    const char *groups[MAX_GROUPS];
    size_t n_groups;
    float *profile;   /* (dim) unit length; NULL: nothing to go by */
    uint64_t *hidden; /* rows that were dismissed or bought */
    const struct rank_offers *offers;
    bool french;
};

struct candidate {
    float score;
    uint32_t row;
    int with; /* of owned; -1: none */
};

static enum rc no_memory(struct err *err)
{
    return err_set(err, RC_NOMEM, "recommendations need too much memory");
}

static size_t group_number(struct taste *t, const char *group)
{
    for (size_t i = 0; i < t->n_groups; i++)
        if (!strcmp(t->groups[i], group)) return i;
    if (t->n_groups == MAX_GROUPS) return MAX_GROUPS - 1;
    t->groups[t->n_groups] = group;
    return t->n_groups++;
}

static void add_owned(struct taste *t, struct owned o)
{
    o.group = o.category.n ? vocab_group(t->vocab, o.category.p) : NULL;
    if (!o.group || t->n == MAX_OWNED) return;
    t->owned[t->n++] = o;
    t->by_group[group_number(t, o.group)]++;
    t->total++;
}

static void add_to(float *sum, const float *v, size_t dim, float times)
{
    for (size_t i = 0; i < dim; i++)
        sum[i] += times * v[i];
}

static void collect_pieces(struct taste *t, const char *model, float *sum, bool *any)
{
    for (size_t i = 0; i < t->q->n_photos; i++) {
        const struct wardrobe_photo *p = &t->q->photos[i];
        bool comparable = t->s->dim && p->dim == t->s->dim && model && str_eqz(p->model, model);
        for (size_t k = 0; k < p->n; k++) {
            const struct wardrobe_piece *x = &p->pieces[k];
            const float *e = comparable ? x->embedding : NULL;
            add_owned(t, (struct owned){x->label[WARDROBE_CATEGORY], x->label[WARDROBE_COLOUR],
                                        x->label[WARDROBE_STYLE], x->label[WARDROBE_SEASON], p->id, x->id, NULL,
                                        e, STR_NONE});
            if (e && sum) add_to(sum, e, t->s->dim, 1), *any = true;
        }
    }
}

static void collect_events(struct taste *t, float *sum, bool *any)
{
    for (size_t i = 0; i < t->q->n_events; i++) {
        const struct activity_event *e = &t->q->events[i];
        long row = rank_snapshot_find_id(t->s, e->product);
        if (row < 0 || e->kind == ACTIVITY_VIEW) continue;
        size_t r = (size_t)row;
        if (e->kind != ACTIVITY_LIKE && rank_bit(t->hidden, r)) continue; /* said before */
        if (e->kind != ACTIVITY_LIKE) rank_set_bit(t->hidden, r);
        if (sum && t->s->vectors) {
            add_to(sum, vindex_vector(t->s->vectors, (uint32_t)r), t->s->dim,
                   e->kind == ACTIVITY_DISMISS ? -1 : 2);
            *any = true;
        }
        if (e->kind == ACTIVITY_BUY)
            add_owned(t, (struct owned){rank_value(t->s, RANK_CATEGORY, r), rank_value(t->s, RANK_COLOUR, r),
                                        rank_value(t->s, RANK_STYLE, r), rank_value(t->s, RANK_SEASON, r),
                                        STR_NONE, STR_NONE, NULL,
                                        t->s->vectors ? vindex_vector(t->s->vectors, (uint32_t)r) : NULL,
                                        t->s->products[r].title});
    }
}

static enum rc collect(struct taste *t, const char *model, struct err *err)
{
    float *sum = t->s->dim ? arena_array(t->arena, t->s->dim, sizeof *sum) : NULL;
    bool any = false;
    double length = 0;
    t->owned = arena_array(t->arena, MAX_OWNED, sizeof *t->owned);
    t->hidden = arena_array(t->arena, t->s->words_in_set + 1, sizeof *t->hidden);
    if (!t->owned || !t->hidden || (t->s->dim && !sum)) return no_memory(err);
    collect_pieces(t, model, sum, &any);
    collect_events(t, sum, &any);
    for (size_t i = 0; sum && i < t->s->dim; i++)
        length += (double)sum[i] * (double)sum[i];
    if (!any || !(length > 1e-6)) return RC_OK;
    for (size_t i = 0; i < t->s->dim; i++)
        sum[i] = (float)((double)sum[i] / sqrt(length));
    t->profile = sum;
    return RC_OK;
}

/* ---- what may be shown ---- */

static bool wants(struct str value, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(value, list[i])) return true;
    return false;
}

static int64_t pays(const struct rank_offers *o, size_t r)
{
    if (!o) return -1;
    return o->sale_cents[r] >= 0 ? o->sale_cents[r] : o->price_cents[r];
}

/* Sizes are of one kind of thing ("38" for shoes, "M" for shirts): those of another kind say nothing about a product, so one
 * that is to be had in none of them is left out only where the product has sizes at all. */
static bool fits(const struct taste *t, size_t r, struct str *size)
{
    const struct rank_attribute *a = &t->s->attributes[RANK_SIZE];
    bool has_sizes = false;
    *size = STR_NONE;
    if (!t->q->wish.n_sizes) return true;
    for (uint32_t code = 1; code < a->n; code++) {
        if (!a->bits[code] || !rank_bit(a->bits[code], r)) continue;
        has_sizes = true;
        if (!wants(a->values[code], t->q->wish.sizes, t->q->wish.n_sizes)) continue;
        *size = a->values[code];
        return true;
    }
    return !has_sizes;
}

static bool may_show(const struct taste *t, size_t r)
{
    const struct wardrobe_wish *w = &t->q->wish;
    struct str gender = rank_value(t->s, RANK_GENDER, r), size;
    if (rank_bit(t->hidden, r)) return false;
    if (t->offers && !rank_bit(t->offers->available, r)) return false;
    if (wants(rank_value(t->s, RANK_COLOUR, r), w->colours_avoided, w->n_colours_avoided)) return false;
    if (w->n_genders && gender.n && !str_eqz(gender, "Unisex") && !wants(gender, w->genders, w->n_genders))
        return false;
    if (w->budget_cents >= 0 && pays(t->offers, r) > w->budget_cents) return false;
    return fits(t, r, &size);
}

/* The same piece as one they own, or one hardly to be told from it. */
static bool repeats(const struct taste *t, size_t r)
{
    struct str category = rank_value(t->s, RANK_CATEGORY, r), colour = rank_value(t->s, RANK_COLOUR, r);
    for (size_t i = 0; i < t->n; i++) {
        const struct owned *o = &t->owned[i];
        if (!str_eq(o->category, category)) continue;
        if (colour.n && str_eq(o->colour, colour)) return true;
        if (o->embedding && t->s->vectors &&
            rank_dot(o->embedding, vindex_vector(t->s->vectors, (uint32_t)r), t->s->dim) >= SAME_LOOK)
            return true;
    }
    return false;
}

/* ---- scores ---- */

static float goes_with(const struct taste *t, const struct owned *o, const char *group, struct str colour,
                       struct str style, struct str season)
{
    enum agreement why;
    float kinds = kinds_together(o->group, group);
    if (kinds <= 0) return 0;
    return kinds * colours_agree(t->vocab, o->colour, colour, &why) * styles_agree(o->style, style) *
           seasons_agree(o->season, season);
}

static float gap(struct taste *t, const char *group)
{
    static const char *const worn[] = {"top", "bottom", "footwear", "outerwear", NULL};
    if (!t->total || !is_among(str_of(group), worn)) return 0;
    size_t have = t->by_group[group_number(t, group)];
    return have == 0 ? 1 : 5 * have < t->total ? .5f : 0;
}

struct kind { /* products that agree in all that goes_with() looks at share its answer */
    uint16_t category, colour, style, season;
    bool known;
    int with;
    float score;
};
enum { KINDS = 1 << 14 };

static const struct kind *kind_of(struct taste *t, struct kind *kinds, size_t r)
{
    const struct rank_attribute *a = t->s->attributes;
    struct kind k = {a[RANK_CATEGORY].codes[r],
                     a[RANK_COLOUR].codes[r],
                     a[RANK_STYLE].codes[r],
                     a[RANK_SEASON].codes[r],
                     true,
                     -1,
                     0};
    size_t slot = (k.category * 2654435761u ^ k.colour * 40503u ^ k.style * 69069u ^ k.season * 9176u) % KINDS;
    struct kind *at = &kinds[slot];
    if (at->known && at->category == k.category && at->colour == k.colour && at->style == k.style &&
        at->season == k.season)
        return at;
    struct str category = rank_value(t->s, RANK_CATEGORY, r);
    const char *group = category.n ? vocab_group(t->vocab, category.p) : NULL;
    for (size_t i = 0; group && i < t->n; i++) {
        float score = goes_with(t, &t->owned[i], group, rank_value(t->s, RANK_COLOUR, r),
                                rank_value(t->s, RANK_STYLE, r), rank_value(t->s, RANK_SEASON, r));
        if (score > k.score) k.score = score, k.with = (int)i;
    }
    k.score *= W_GOES;
    if (group) k.score += W_GAP * gap(t, group);
    if (wants(rank_value(t->s, RANK_STYLE, r), t->q->wish.styles, t->q->wish.n_styles)) k.score += W_STYLE;
    *at = k;
    return at;
}

static void sift(struct candidate *heap, size_t n) /* the worst at the top */
{
    for (size_t i = 0, k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && heap[k + 1].score < heap[k].score) k++;
        if (heap[i].score <= heap[k].score) return;
        struct candidate c = heap[i];
        heap[i] = heap[k];
        heap[k] = c;
    }
}

/* The POOL best by all but taste; a little of each product's own hash parts equals, so that not the first rows win. */
static enum rc gather(struct taste *t, struct candidate *pool, size_t *n, struct err *err)
{
    struct kind *kinds = arena_array(t->arena, KINDS, sizeof *kinds);
    if (!kinds) return no_memory(err);
    *n = 0;
    for (size_t r = 0; r < t->s->n; r++) {
        if (!may_show(t, r)) continue;
        const struct kind *k = kind_of(t, kinds, r);
        struct candidate c = {k->score + (float)(t->s->products[r].title_hash >> 40) * 6e-10f, (uint32_t)r,
                              k->with};
        if (t->profile && t->s->vectors)
            c.score += W_TASTE * fmaxf(0, rank_dot(t->profile, vindex_vector(t->s->vectors, c.row), t->s->dim));
        if (*n < POOL) {
            size_t i = (*n)++;
            for (; i && pool[(i - 1) / 2].score > c.score; i = (i - 1) / 2)
                pool[i] = pool[(i - 1) / 2];
            pool[i] = c;
        } else if (c.score > pool[0].score) {
            pool[0] = c;
            sift(pool, POOL);
        }
    }
    return RC_OK;
}

/* The best of the pool, one after the other, each lowered by what of its kind was taken before. */
static size_t choose(const struct taste *t, struct candidate *pool, size_t n, struct candidate *out)
{
    size_t taken = 0;
    while (taken < t->q->limit && n) {
        size_t best = 0;
        float top = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            float score = pool[i].score;
            for (size_t k = 0; k < taken; k++) {
                const uint16_t *kind = t->s->attributes[RANK_CATEGORY].codes,
                               *hue = t->s->attributes[RANK_COLOUR].codes;
                if (kind[out[k].row] == kind[pool[i].row]) score -= AGAIN_KIND;
                if (hue[out[k].row] == hue[pool[i].row]) score -= AGAIN_COLOUR;
            }
            if (score > top) top = score, best = i;
        }
        struct candidate c = pool[best];
        pool[best] = pool[--n];
        if (!repeats(t, c.row)) out[taken++] = c;
    }
    return taken;
}

/* ---- reasons ---- */

static enum rc give(struct taste *t, struct rank_item *item, const char *code, struct err *err, const char *fmt,
                    ...) PRINTF_LIKE(5, 6);

static enum rc give(struct taste *t, struct rank_item *item, const char *code, struct err *err, const char *fmt,
                    ...)
{
    char text[256];
    va_list ap;
    if (item->n_reasons == RANK_MAX_REASONS) return RC_OK;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct str kept = arena_str(t->arena, str_utf8_cut(str_of(text), sizeof text - 1));
    if (!kept.p) return no_memory(err);
    item->reasons[item->n_reasons++] = (struct rank_reason){code, kept};
    return RC_OK;
}

static const char *label(const struct taste *t, enum vocab_field field, struct str value)
{
    const char *text = value.n ? vocab_label(t->vocab, field, value.p, t->q->lang) : NULL;
    return text ? text : value.n ? value.p : "";
}

static enum rc reason_of_piece(struct taste *t, const struct owned *o, size_t r, struct rank_item *item,
                               struct err *err)
{
    struct str colour = rank_value(t->s, RANK_COLOUR, r);
    enum agreement why;
    const char *kind = label(t, VOCAB_CATEGORY, o->category), *theirs = label(t, VOCAB_COLOUR, o->colour);
    float agrees = colours_agree(t->vocab, o->colour, colour, &why);
    enum rc rc;
    if (o->title.n)
        rc = give(t, item, "goes_with", err,
                  t->french ? "Va avec votre achat : %.*s" : "Goes with what you bought: %.*s",
                  STR_ARG(o->title));
    else
        rc = give(t, item, "goes_with", err,
                  t->french ? "Va avec une pièce à vous : %s%s%s" : "Goes with a piece of yours: %s%s%s", kind,
                  *theirs ? ", " : "", theirs);
    if (rc || agrees < AGREES) return rc;
    const char *mine = label(t, VOCAB_COLOUR, colour);
    if (why == NEUTRAL)
        return give(t, item, "neutral", err,
                    t->french ? "%s et %s : un neutre va avec tout" : "%s and %s: a neutral goes with all",
                    mine, theirs);
    if (why == TONES)
        return give(t, item, "tones", err,
                    t->french ? "%s et %s : ton sur ton" : "%s and %s: shades of one colour", mine, theirs);
    if (why == OPPOSITE)
        return give(t, item, "contrast", err,
                    t->french ? "%s et %s : un contraste qui tient" : "%s and %s: colours that contrast well",
                    mine, theirs);
    return RC_OK;
}

static enum rc reasons(struct taste *t, const struct candidate *c, struct rank_item *item, struct err *err)
{
    size_t r = c->row;
    struct str category = rank_value(t->s, RANK_CATEGORY, r), style = rank_value(t->s, RANK_STYLE, r), size;
    const char *group = category.n ? vocab_group(t->vocab, category.p) : NULL;
    enum rc rc = c->with >= 0 ? reason_of_piece(t, &t->owned[c->with], r, item, err) : RC_OK;
    if (!rc && group && gap(t, group) >= 1)
        rc = give(t, item, "new_kind", err,
                  t->french ? "Rien de tel dans votre penderie : %s" : "None of these in your wardrobe: %s",
                  label(t, VOCAB_CATEGORY, category));
    if (!rc && wants(style, t->q->wish.styles, t->q->wish.n_styles))
        rc = give(t, item, "style", err, t->french ? "Un style que vous aimez : %s" : "A style you like: %s",
                  label(t, VOCAB_STYLE, style));
    if (!rc && fits(t, r, &size) && size.n)
        rc = give(t, item, "size", err, t->french ? "Dans votre taille : %.*s" : "In your size: %.*s",
                  STR_ARG(size));
    if (!rc && t->profile && t->s->vectors &&
        rank_dot(t->profile, vindex_vector(t->s->vectors, (uint32_t)r), t->s->dim) >= TASTE_REASON)
        rc = give(t, item, "your_taste", err, "%s",
                  t->french ? "Proche de ce que vous portez et aimez" : "Close to what you wear and like");
    if (!rc && t->offers && t->offers->sale_cents[r] >= 0 &&
        t->offers->sale_cents[r] < t->offers->price_cents[r])
        rc = give(t, item, "on_sale", err, t->french ? "En promotion : -%d %%" : "On sale: -%d%%",
                  (int)((int64_t)(t->offers->price_cents[r] - t->offers->sale_cents[r]) * 100 /
                        t->offers->price_cents[r]));
    return rc;
}

static enum rc copy(struct arena *arena, struct str from, struct str *to, struct err *err)
{
    if (!from.p) return RC_OK;
    *to = arena_str(arena, from);
    return to->p ? RC_OK : no_memory(err);
}

enum rc wardrobe_recommend(const struct rank_snapshot *s, const struct vocab *vocab, const char *model,
                           const struct wardrobe_query *q, struct arena *arena, struct wardrobe_item **items,
                           size_t *n, struct err *err)
{
    struct taste t = {.s = s, .vocab = vocab, .q = q, .arena = arena, .offers = rank_offers_of(s, STR(""))};
    struct candidate *pool = arena_array(arena, POOL, sizeof *pool),
                     *chosen = arena_array(arena, q->limit + 1, sizeof *chosen);
    size_t m = 0;
    t.french = !q->lang || strcmp(q->lang, "en") != 0;
    *n = 0;
    *items = arena_array(arena, q->limit + 1, sizeof **items);
    if (!pool || !chosen || !*items) return no_memory(err);
    enum rc rc = collect(&t, model, err);
    if (!rc) rc = gather(&t, pool, &m, err);
    if (!rc) m = choose(&t, pool, m, chosen);
    for (size_t i = 0; i < m && !rc; i++) {
        struct wardrobe_item *item = &(*items)[(*n)++];
        rc = rank_item_fill(s, t.offers, chosen[i].row, arena, &item->product, err);
        if (!rc) rc = reasons(&t, &chosen[i], &item->product, err);
        item->product.score = fminf(1, fmaxf(0, chosen[i].score));
        const struct owned *o = chosen[i].with >= 0 ? &t.owned[chosen[i].with] : NULL;
        if (!rc && o) rc = copy(arena, o->photo, &item->photo, err);
        if (!rc && o) rc = copy(arena, o->piece, &item->piece, err);
    }
    return rc;
}

/* ---- preferences ---- */

static void read_list(const struct jval *list, struct str *out, size_t cap, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < jval_len(list) && *n < cap; i++)
        if (jval_str(jval_at(list, i)).n) out[(*n)++] = jval_str(jval_at(list, i));
}

void wardrobe_wish_read(const struct jval *json, struct wardrobe_wish *w)
{
    double budget;
    *w = (struct wardrobe_wish){.budget_cents = -1};
    read_list(jval_get(json, "styles"), w->styles, 16, &w->n_styles);
    read_list(jval_get(json, "colours_avoided"), w->colours_avoided, 32, &w->n_colours_avoided);
    read_list(jval_get(json, "sizes"), w->sizes, 16, &w->n_sizes);
    read_list(jval_get(json, "genders"), w->genders, 5, &w->n_genders);
    if (jval_f64(jval_get(json, "budget"), &budget) && budget >= 0) w->budget_cents = llround(budget * 100);
}
