/* Why a product was chosen. Every reason is computed from what it states, never from the score. */
#include "rank/search.h"

#include "base/buf.h"

#include <ctype.h>
#include <string.h>

static bool french(const struct rank_work *w) { return w->lang[0] == 'f'; }

#define LOOKS_ALIKE .5f /* cosine */

static enum rc give(struct rank_work *w, struct rank_item *item, const char *code, struct err *err,
                    const char *fmt, ...) PRINTF_LIKE(5, 6);

static enum rc give(struct rank_work *w, struct rank_item *item, const char *code, struct err *err,
                    const char *fmt, ...)
{
    char text[256];
    va_list ap;
    if (item->n_reasons == RANK_MAX_REASONS) return RC_OK;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return err_set(err, RC_INTERNAL, "a reason could not be written");
    struct str kept = str_utf8_cut(str_of(text), sizeof text - 1);
    kept = arena_str(w->arena, kept);
    if (!kept.p) return err_set(err, RC_NOMEM, "the search needs too much memory");
    item->reasons[item->n_reasons++] = (struct rank_reason){code, kept};
    return RC_OK;
}

static const char *label(const struct rank_work *w, enum vocab_field field, struct str value)
{
    const char *text = vocab_label(w->scope->vocab, field, value.p, w->lang);
    return text ? text : value.p;
}

static bool said(const struct rank_work *w, enum vocab_field field, struct str value)
{
    const struct lang_values *values = w->words ? &w->words->values[field] : NULL;
    for (size_t i = 0; values && i < values->n; i++)
        if (str_eqz(value, values->v[i].name) && values->v[i].weight >= .5f) return true;
    return false;
}

static bool among(const struct rank_label *labels, size_t n, struct str value)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(value, labels[i].name)) return labels[i].p >= .3f;
    return false;
}

/* Whether the photo, or the product asked about, has this value. */
static bool shown(const struct rank_work *w, enum rank_field field, struct str value)
{
    if (w->similar_row >= 0) return str_eq(value, rank_value(w->s, field, (size_t)w->similar_row));
    const struct rank_seen *s = w->q->seen;
    if (!s) return false;
    if (field == RANK_CATEGORY) return among(s->category, s->n_category, value);
    if (field == RANK_COLOUR) return among(s->colour, s->n_colour, value);
    return field == RANK_STYLE && among(s->style, s->n_style, value);
}

static enum rc reasons_of_fields(struct rank_work *w, size_t row, struct rank_item *item, struct err *err)
{
    struct str category = rank_value(w->s, RANK_CATEGORY, row), colour = rank_value(w->s, RANK_COLOUR, row);
    struct str gender = rank_value(w->s, RANK_GENDER, row), style = rank_value(w->s, RANK_STYLE, row);
    enum rc rc = RC_OK;
    bool both = french(w);
    if (category.n && said(w, VOCAB_CATEGORY, category))
        rc = give(w, item, "category", err, both ? "Ce que vous cherchez : %s" : "What you asked for: %s",
                  label(w, VOCAB_CATEGORY, category));
    else if (category.n && shown(w, RANK_CATEGORY, category))
        rc = give(w, item, "same_category", err, both ? "Même type de pièce : %s" : "Same kind of piece: %s",
                  label(w, VOCAB_CATEGORY, category));
    if (!rc && colour.n && said(w, VOCAB_COLOUR, colour))
        rc = give(w, item, "colour", err, both ? "Couleur demandée : %s" : "The colour you asked for: %s",
                  label(w, VOCAB_COLOUR, colour));
    else if (!rc && colour.n && shown(w, RANK_COLOUR, colour))
        rc = give(w, item, "same_colour", err, both ? "Même couleur : %s" : "Same colour: %s",
                  label(w, VOCAB_COLOUR, colour));
    if (!rc && gender.n && said(w, VOCAB_GENDER, gender))
        rc = give(w, item, "gender", err, both ? "Pour : %s" : "For: %s", label(w, VOCAB_GENDER, gender));
    if (!rc && style.n && (said(w, VOCAB_STYLE, style) || shown(w, RANK_STYLE, style)))
        rc = give(w, item, "style", err, both ? "Style : %s" : "Style: %s", label(w, VOCAB_STYLE, style));
    return rc;
}

static bool holds(const struct rank_work *w, const struct lang_term *t, size_t row)
{
    for (size_t k = 0; k < t->n_stems; k++) {
        size_t n, lo = 0;
        const uint32_t *rows = rank_words_rows(w->s->titles, t->stems[k], &n);
        size_t hi = n;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (rows[mid] < row)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < n && rows[lo] == row) return true;
    }
    return false;
}

static enum rc reason_of_words(struct rank_work *w, size_t row, struct rank_item *item, struct err *err)
{
    char list[160];
    size_t n = 0;
    for (size_t i = 0; i < w->words->n_terms; i++) {
        const struct lang_term *t = &w->words->terms[i];
        if (t->explained || t->filler || !holds(w, t, row)) continue;
        int wrote = snprintf(list + n, sizeof list - n, "%s\"%.*s\"", n ? ", " : "", STR_ARG(t->word));
        if (wrote < 0 || (size_t)wrote >= sizeof list - n) break;
        n += (size_t)wrote;
    }
    list[n] = '\0';
    if (n == 0) return RC_OK;
    return give(w, item, "matches_words", err, french(w) ? "Contient %s" : "Contains %s", list);
}

static enum rc reasons_of_offer(struct rank_work *w, size_t row, struct rank_item *item, struct err *err)
{
    const struct rank_offers *o = w->offers;
    if (!o) return RC_OK;
    enum rc rc = RC_OK;
    int32_t sale = o->sale_cents[row], price = o->price_cents[row];
    if (sale >= 0 && sale < price)
        rc = give(w, item, "on_sale", err, french(w) ? "En promotion : -%d %%" : "On sale: -%d%%",
                  (int)((int64_t)(price - sale) * 100 / price));
    if (!rc && o->shop.n && rank_bit(o->available, row))
        rc = give(w, item, "available_in_shop", err,
                  french(w) ? "Disponible en boutique : %.*s" : "In stock at %.*s", STR_ARG(o->shop));
    return rc;
}

enum rc rank_give_reasons(struct rank_work *w, size_t row, struct rank_item *item, struct err *err)
{
    const struct rank_product *p = &w->s->products[row];
    enum rc rc = RC_OK;
    if (w->title_hash && p->title_hash == w->title_hash)
        rc = give(w, item, "same_title", err,
                  french(w) ? "C'est le nom de l'article" : "This is the item's name");
    if (!rc && w->picture && w->s->vectors && w->similar_row < 0) {
        float cosine = rank_dot(w->picture, vindex_vector(w->s->vectors, (uint32_t)row), w->s->dim);
        if (cosine >= .9995f)
            rc = give(w, item, "same_picture", err, french(w) ? "La même image" : "The same picture");
    }
    if (!rc) rc = reasons_of_fields(w, row, item, err);
    if (!rc && w->words) rc = reason_of_words(w, row, item, err);
    if (!rc && w->words && w->words->brand.n && str_eq(w->words->brand, p->brand))
        rc = give(w, item, "brand", err, french(w) ? "De la marque %.*s" : "By %.*s", STR_ARG(p->brand));
    if (!rc) rc = reasons_of_offer(w, row, item, err);
    if (!rc && item->n_reasons == 0 && w->picture && w->s->vectors &&
        rank_dot(w->picture, vindex_vector(w->s->vectors, (uint32_t)row), w->s->dim) >= LOOKS_ALIKE) {
        bool photo = w->q->picture != NULL;
        rc = give(w, item, "looks_alike", err, "%s",
                  french(w) ? (photo ? "Ressemble à votre photo" : "Ressemble à cet article")
                            : (photo ? "Looks like your photo" : "Looks like this item"));
    }
    return rc;
}
