/* Filters: a bitset of the rows that every condition lets through, and the counts of values among them. */
#include "rank/search.h"

#include <string.h>

static enum rc no_memory(struct err *err) { return err_set(err, RC_NOMEM, "the search needs too much memory"); }

/* allow &= the rows that have one of the values. */
static enum rc keep_values(struct rank_work *w, enum rank_field field, const struct rank_values *values,
                           struct err *err)
{
    if (values->n == 0) return RC_OK;
    const struct rank_snapshot *s = w->s;
    uint64_t *any = arena_array(w->arena, s->words_in_set, sizeof *any);
    if (!any) return no_memory(err);
    for (size_t i = 0; i < values->n; i++) {
        uint32_t code = rank_code(s, field, values->v[i]);
        if (code) rank_add_rows(s, field, code, any);
    }
    for (size_t k = 0; k < s->words_in_set; k++)
        w->allow[k] &= any[k];
    return RC_OK;
}

static void keep_prices(struct rank_work *w, int64_t least, int64_t most, bool on_sale)
{
    const struct rank_offers *o = w->offers;
    for (size_t r = 0; r < w->s->n; r++) {
        if (!rank_bit(w->allow, r)) continue;
        int32_t sale = o ? o->sale_cents[r] : -1, price = o ? o->price_cents[r] : -1;
        int32_t pays = sale >= 0 ? sale : price;
        bool fine = pays >= 0 && (least < 0 || pays >= least) && (most < 0 || pays <= most) &&
                    (!on_sale || (sale >= 0 && sale < price));
        if (!fine) w->allow[r / 64] &= ~((uint64_t)1 << (r % 64));
    }
}

enum rc rank_filter_rows(struct rank_work *w, struct err *err)
{
    const struct rank_snapshot *s = w->s;
    const struct rank_filter *f = &w->q->filter;
    w->allow = arena_array(w->arena, s->words_in_set, sizeof *w->allow);
    if (!w->allow) return no_memory(err);
    for (size_t r = 0; r < s->n / 64; r++)
        w->allow[r] = ~(uint64_t)0;
    if (s->n % 64) w->allow[s->n / 64] = ((uint64_t)1 << (s->n % 64)) - 1;
    const struct rank_values *const values[RANK_FIELDS] = {&f->category,  &f->group,   &f->colour, &f->gender,
                                                           &f->age_group, &f->season,  &f->style,  &f->brand,
                                                           &f->material,  &f->pattern, &f->size};
    for (int field = 0; field < RANK_FIELDS; field++) {
        enum rc rc = keep_values(w, (enum rank_field)field, values[field], err);
        if (rc) return rc;
    }
    w->offers = rank_offers_of(s, f->shop);
    int64_t least = f->price_min_cents, most = f->price_max_cents;
    bool on_sale = f->on_sale_only;
    if (w->words) { /* "moins de 50 euros": a condition as any other */
        if (w->words->price_min_cents > least) least = w->words->price_min_cents;
        if (w->words->price_max_cents >= 0 && (most < 0 || w->words->price_max_cents < most))
            most = w->words->price_max_cents;
    }
    if (least >= 0 || most >= 0 || on_sale) keep_prices(w, least, most, on_sale);
    for (size_t k = 0; f->available_only && k < s->words_in_set; k++)
        w->allow[k] &= w->offers ? w->offers->available[k] : 0;
    w->matched = 0;
    for (size_t k = 0; k < s->words_in_set; k++)
        w->matched += (size_t)__builtin_popcountll(w->allow[k]);
    return RC_OK;
}

enum { MAX_FACET_VALUES = 24 };

static int by_count(const void *a, const void *b)
{
    const struct rank_facet *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return str_cmp(x->value, y->value);
}

enum rc rank_count_facets(struct rank_work *w, struct rank_answer *out, struct err *err)
{
    const struct rank_snapshot *s = w->s;
    struct rank_facet *all = arena_array(w->arena, RANK_FIELDS * MAX_FACET_VALUES, sizeof *all);
    if (!all) return no_memory(err);
    for (int f = 0; f < RANK_FIELDS; f++) {
        const struct rank_attribute *a = &s->attributes[f];
        struct rank_facet *values = arena_array(w->arena, a->n, sizeof *values);
        if (!values) return no_memory(err);
        bool every = w->matched == s->n; /* no filter: the counts are known */
        for (size_t r = 0; a->codes && !every && r < s->n; r++)
            if (rank_bit(w->allow, r)) values[a->codes[r]].count++;
        bool sets = !a->codes && a->n > 1 && a->bits[1]; /* sizes, of which a product has several */
        for (size_t i = 0; !a->codes && !sets && !every && i < s->n_size_pairs; i += 2)
            if (rank_bit(w->allow, s->size_pairs[i])) values[s->size_pairs[i + 1]].count++;
        size_t n = 0;
        for (size_t v = 1; v < a->n; v++) {
            size_t count = every ? a->counts[v] : values[v].count;
            for (size_t k = 0; sets && !every && k < s->words_in_set; k++)
                count += (size_t)__builtin_popcountll(a->bits[v][k] & w->allow[k]);
            if (count) values[n++] = (struct rank_facet){rank_field_names[f], a->values[v], count};
        }
        qsort(values, n, sizeof *values, by_count);
        if (n > MAX_FACET_VALUES) n = MAX_FACET_VALUES;
        for (size_t i = 0; i < n; i++) { /* the snapshot may go before the answer does */
            values[i].value = arena_str(w->arena, values[i].value);
            if (!values[i].value.p) return no_memory(err);
        }
        memcpy(all + out->n_facets, values, n * sizeof *values);
        out->n_facets += n;
    }
    out->facets = all;
    return RC_OK;
}
