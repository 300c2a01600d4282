#include "rank/snapshot.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

const char *const rank_field_names[RANK_FIELDS] = {"category",  "group",   "colour", "gender",
                                                   "age_group", "season",  "style",  "brand",
                                                   "material",  "pattern", "size"};

static enum rc no_memory(struct err *err)
{
    return err_set(err, RC_NOMEM, "no memory for the product snapshot");
}

/* ---- values and codes ---- */

static uint32_t *slot_of(const struct rank_attribute *a, struct str value)
{
    size_t mask = a->n_slots - 1, i = (str_hash(value) * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (a->slots[i] && !str_eq(a->values[a->slots[i]], value))
        i = (i + 1) & mask;
    return &a->slots[i];
}

static enum rc code_of(struct rank_snapshot *s, struct rank_attribute *a, struct str value, uint32_t *code,
                       struct err *err)
{
    *code = 0;
    if (value.n == 0) return RC_OK;
    uint32_t *slot = slot_of(a, value);
    if (*slot) {
        *code = *slot;
        return RC_OK;
    }
    if (a->n > UINT16_MAX) return RC_OK; /* 65,535 brands are enough; more go without a filter */
    if (a->n == a->cap) {
        size_t cap = a->cap * 2;
        struct str *p = realloc(a->values, cap * sizeof *p);
        if (!p) return no_memory(err);
        a->values = p;
        a->cap = cap;
    }
    struct str kept = arena_str(&s->arena, value);
    if (!kept.p) return no_memory(err);
    a->values[a->n] = kept;
    *slot = *code = (uint32_t)a->n++;
    if (a->n * 2 < a->n_slots) return RC_OK;
    size_t n = a->n_slots * 2;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots) return no_memory(err);
    free(a->slots);
    a->slots = slots;
    a->n_slots = n;
    for (uint32_t i = 1; i < a->n; i++)
        *slot_of(a, a->values[i]) = i;
    return RC_OK;
}

uint32_t rank_code(const struct rank_snapshot *s, enum rank_field field, struct str value)
{
    return value.n ? *slot_of(&s->attributes[field], value) : 0;
}

struct str rank_value(const struct rank_snapshot *s, enum rank_field field, size_t row)
{
    const struct rank_attribute *a = &s->attributes[field];
    return a->codes ? a->values[a->codes[row]] : STR_NONE;
}

/* ---- building ---- */

enum rc rank_snapshot_create(const struct vocab *vocab, size_t dim, struct rank_snapshot **out, struct err *err)
{
    struct rank_snapshot *s = calloc(1, sizeof *s);
    if (!s) return no_memory(err);
    atomic_store(&s->refs, 1);
    s->arena = ARENA_INIT((size_t)1 << 34);
    s->vocab = vocab;
    s->dim = dim;
    enum rc rc = rank_words_create(&s->titles, err);
    if (!rc) rc = lang_dict_create(&s->dict, err);
    for (int f = 0; f < RANK_FIELDS && !rc; f++) {
        struct rank_attribute *a = &s->attributes[f];
        a->n = 1;
        a->cap = 16;
        a->n_slots = 64;
        a->values = calloc(a->cap, sizeof *a->values);
        a->slots = calloc(a->n_slots, sizeof *a->slots);
        if (!a->values || !a->slots)
            rc = no_memory(err);
        else
            a->values[0] = STR("");
    }
    if (rc)
        rank_snapshot_release(s);
    else
        *out = s;
    return rc;
}

static bool resize(void *pp, size_t count, size_t size)
{
    void *p = realloc(*(void **)pp, count * size);
    if (p) *(void **)pp = p;
    return p != NULL;
}

static enum rc grow_rows(struct rank_snapshot *s, struct err *err)
{
    if (s->n < s->cap) return RC_OK;
    size_t cap = s->cap ? s->cap * 2 : 1024;
    bool fine = resize(&s->docs, cap, sizeof *s->docs) && resize(&s->products, cap, sizeof *s->products);
    if (fine && s->dim) fine = resize(&s->embeddings, cap, s->dim * sizeof *s->embeddings);
    for (int f = 0; f < RANK_FIELDS && fine; f++)
        if (f != RANK_SIZE) fine = resize(&s->attributes[f].codes, cap, sizeof(uint16_t));
    if (!fine) return no_memory(err);
    s->cap = cap;
    return RC_OK;
}

/* `sizes` names each once. */
static enum rc add_sizes(struct rank_snapshot *s, struct str sizes, struct err *err)
{
    struct str rest = sizes, one;
    while ((one = str_trim(str_split(&rest, '|'))).p) {
        uint32_t code;
        enum rc rc = code_of(s, &s->attributes[RANK_SIZE], one, &code, err);
        if (rc) return rc;
        if (!code) continue;
        if (s->n_size_pairs + 2 > s->cap_size_pairs) {
            size_t cap = s->cap_size_pairs ? s->cap_size_pairs * 2 : 4096;
            if (!resize(&s->size_pairs, cap, sizeof *s->size_pairs)) return no_memory(err);
            s->cap_size_pairs = cap;
        }
        s->size_pairs[s->n_size_pairs++] = (uint32_t)s->n;
        s->size_pairs[s->n_size_pairs++] = code;
    }
    return RC_OK;
}

enum rc rank_snapshot_row(struct rank_snapshot *s, const struct catalog_row *row, struct err *err)
{
    enum rc rc = grow_rows(s, err);
    if (rc) return rc;
    ASSERT(s->n == 0 || row->doc > s->docs[s->n - 1]);
    size_t r = s->n;
    char category[128];
    snprintf(category, sizeof category, "%.*s", STR_ARG(row->category));
    const char *group = s->vocab && row->category.n ? vocab_group(s->vocab, category) : NULL;
    const struct str values[RANK_SIZE] = {row->category,  str_of(group), row->colour, row->gender,
                                          row->age_group, row->season,   row->style,  row->brand,
                                          row->material,  row->pattern};
    for (int f = 0; f < RANK_SIZE; f++) {
        uint32_t code;
        rc = code_of(s, &s->attributes[f], values[f], &code, err);
        if (rc) return rc;
        s->attributes[f].codes[r] = (uint16_t)code;
    }
    struct rank_product *p = &s->products[r];
    *p = (struct rank_product){arena_str(&s->arena, row->id),
                               arena_str(&s->arena, row->title),
                               arena_str(&s->arena, row->brand),
                               arena_str(&s->arena, row->link),
                               arena_str(&s->arena, row->picture),
                               row->dhash,
                               0,
                               row->first_seen_ms,
                               row->filled,
                               0};
    if (!p->id.p) return no_memory(err);
    s->docs[r] = row->doc;
    rc = rank_words_add(s->titles, (uint32_t)r, row->title, row->brand, &p->title_words, &p->title_hash, err);
    if (!rc) rc = lang_dict_add_text(s->dict, row->title, err);
    if (!rc && row->brand.n) rc = lang_dict_add_brand(s->dict, row->brand, err);
    if (!rc && row->sizes.n) rc = add_sizes(s, row->sizes, err);
    if (rc) return rc;
    if (s->dim) {
        bool fits = row->embedding && row->dim == s->dim;
        if (fits)
            memcpy(s->embeddings + r * s->dim, row->embedding, s->dim * sizeof(float));
        else
            memset(s->embeddings + r * s->dim, 0, s->dim * sizeof(float)); /* never found by its picture */
        s->any_embedding |= fits;
    }
    s->n++;
    return RC_OK;
}

/* Beyond this many values (brands, sizes of a feed that puts anything there) bitsets would take more than the
 * catalogue; codes and pairs are walked instead. */
enum { MAX_SETS = 1024 };

static enum rc make_bits(struct rank_snapshot *s, struct err *err)
{
    for (int f = 0; f < RANK_FIELDS; f++) {
        struct rank_attribute *a = &s->attributes[f];
        a->bits = arena_array(&s->arena, a->n, sizeof *a->bits);
        a->counts = arena_array(&s->arena, a->n, sizeof *a->counts);
        if (!a->bits || !a->counts) return no_memory(err);
        bool sets = a->n <= MAX_SETS;
        for (size_t v = 0; v < a->n && sets; v++) {
            a->bits[v] = arena_array(&s->arena, s->words_in_set, sizeof **a->bits);
            if (!a->bits[v]) return no_memory(err);
        }
        for (size_t r = 0; a->codes && r < s->n; r++) {
            if (sets) rank_set_bit(a->bits[a->codes[r]], r);
            a->counts[a->codes[r]]++;
        }
    }
    struct rank_attribute *sizes = &s->attributes[RANK_SIZE];
    for (size_t i = 0; i < s->n_size_pairs; i += 2) {
        uint32_t row = s->size_pairs[i], code = s->size_pairs[i + 1];
        sizes->counts[code]++;
        if (sizes->bits[code]) rank_set_bit(sizes->bits[code], row);
    }
    return RC_OK;
}

void rank_add_rows(const struct rank_snapshot *s, enum rank_field field, uint32_t code, uint64_t *set)
{
    const struct rank_attribute *a = &s->attributes[field];
    const uint64_t *bits = a->bits[code];
    for (size_t k = 0; bits && k < s->words_in_set; k++)
        set[k] |= bits[k];
    for (size_t r = 0; !bits && a->codes && r < s->n; r++)
        if (a->codes[r] == code) rank_set_bit(set, r);
    for (size_t i = 0; !bits && !a->codes && i < s->n_size_pairs; i += 2)
        if (s->size_pairs[i + 1] == code) rank_set_bit(set, s->size_pairs[i]);
}

enum rc rank_snapshot_seal(struct rank_snapshot *s, unsigned threads, struct err *err)
{
    s->words_in_set = s->n / 64 + 1;
    enum rc rc = make_bits(s, err);
    if (!rc) rc = rank_words_seal(s->titles, err);
    if (!rc) rc = lang_dict_seal(s->dict, err);
    if (!rc && s->any_embedding)
        rc = vindex_build(s->embeddings, s->n, s->dim, VINDEX_AUTO, threads, &s->vectors, err);
    free(s->embeddings);
    s->embeddings = NULL;
    if (s->attributes[RANK_SIZE].n <= MAX_SETS) {
        free(s->size_pairs);
        s->size_pairs = NULL;
        s->n_size_pairs = s->cap_size_pairs = 0;
    }
    return rc;
}

enum rc rank_snapshot_offer(struct rank_snapshot *s, const struct catalog_offer *offer, struct err *err)
{
    long row = rank_snapshot_find_doc(s, offer->doc);
    if (row < 0) return RC_OK; /* hidden meanwhile: the transaction forbids it, but no harm */
    size_t i = 0;
    while (i < s->n_offers && !str_eq(s->offers[i].shop, offer->shop))
        i++;
    if (i == s->n_offers) {
        if (i == RANK_MAX_SHOPS) {
            if (!s->too_many_shops)
                log_warn("rank", "more than %d shops: the offers of those after them are left out",
                         RANK_MAX_SHOPS);
            s->too_many_shops = true;
            return RC_OK;
        }
        struct rank_offers *o = &s->offers[i];
        o->shop = arena_str(&s->arena, offer->shop);
        o->currency = arena_str(&s->arena, offer->currency);
        o->price_cents = arena_array(&s->arena, s->n + 1, sizeof *o->price_cents);
        o->sale_cents = arena_array(&s->arena, s->n + 1, sizeof *o->sale_cents);
        o->available = arena_array(&s->arena, s->words_in_set, sizeof *o->available);
        if (!o->price_cents || !o->sale_cents || !o->available) return no_memory(err);
        memset(o->price_cents, 0xff, s->n * sizeof *o->price_cents);
        memset(o->sale_cents, 0xff, s->n * sizeof *o->sale_cents);
        s->n_offers++;
    }
    struct rank_offers *o = &s->offers[i];
    if (offer->price_cents >= 0 && offer->price_cents <= INT32_MAX)
        o->price_cents[row] = (int32_t)offer->price_cents;
    if (offer->sale_cents >= 0 && offer->sale_cents <= INT32_MAX)
        o->sale_cents[row] = (int32_t)offer->sale_cents;
    if (offer->available) rank_set_bit(o->available, (size_t)row);
    return RC_OK;
}

struct rank_snapshot *rank_snapshot_retain(struct rank_snapshot *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void rank_snapshot_release(struct rank_snapshot *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1) return;
    for (int f = 0; f < RANK_FIELDS; f++) {
        free(s->attributes[f].values);
        free(s->attributes[f].slots);
        free(s->attributes[f].codes);
    }
    vindex_destroy(s->vectors);
    rank_words_destroy(s->titles);
    lang_dict_destroy(s->dict);
    free(s->docs);
    free(s->products);
    free(s->embeddings);
    free(s->size_pairs);
    arena_release(&s->arena);
    free(s);
}

/* ---- finding ---- */

long rank_snapshot_find_doc(const struct rank_snapshot *s, int64_t doc)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->docs[mid] == doc) return (long)mid;
        if (s->docs[mid] < doc)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

/* A walk over all ids: 40,000 take 0.1 ms, and only "similar to" asks. */
long rank_snapshot_find_id(const struct rank_snapshot *s, struct str id)
{
    for (size_t r = 0; r < s->n; r++)
        if (str_eq(s->products[r].id, id)) return (long)r;
    return -1;
}

const struct rank_offers *rank_offers_of(const struct rank_snapshot *s, struct str shop)
{
    for (size_t i = 0; i < s->n_offers; i++)
        if (str_eq(s->offers[i].shop, shop)) return &s->offers[i];
    return NULL;
}
