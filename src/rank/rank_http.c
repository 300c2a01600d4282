/* The routes: search, recommendations, similar products, suggestions, feedback. */
#include "rank/rank_internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jval.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "image/image.h"
#include "infer/vision.h"
#include "lang/vocab.h"
#include "store/store.h"

#include <math.h>
#include <string.h>

/* ---- parameters ---- */

#define VALUES \
    "{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}}"
#define FILTERS                                                                                                \
    {"category", HTTP_IN_QUERY, false, VALUES, "Only these categories (GET /v1/categories)."},                 \
        {"group", HTTP_IN_QUERY, false, VALUES,                                                                \
         "Only these groups of categories (top, bottom, footwear, ...)."},                                     \
        {"colour", HTTP_IN_QUERY, false, VALUES, "Only these colours."},                                       \
        {"gender", HTTP_IN_QUERY, false, VALUES, "Men, Women, Boys, Girls, Unisex."},                          \
        {"age_group", HTTP_IN_QUERY, false, VALUES, "newborn, infant, toddler, kids, adult."},                 \
        {"season", HTTP_IN_QUERY, false, VALUES, "Spring, Summer, Fall, Winter."},                             \
        {"style", HTTP_IN_QUERY, false, VALUES, "Casual, Formal, Sports, ..."},                                \
        {"brand", HTTP_IN_QUERY, false, VALUES, "Only these brands."},                                         \
        {"size", HTTP_IN_QUERY, false, VALUES, "Only what can be had in one of these sizes."},                 \
        {"material", HTTP_IN_QUERY, false, VALUES, "Only these materials."},                                   \
        {"pattern", HTTP_IN_QUERY, false, VALUES, "Only these patterns."},                                     \
        {"price_min", HTTP_IN_QUERY, false, "{\"type\":\"number\",\"minimum\":0,\"maximum\":10000000}",        \
         "At least this price."},                                                                              \
        {"price_max", HTTP_IN_QUERY, false, "{\"type\":\"number\",\"minimum\":0,\"maximum\":10000000}",        \
         "At most this price."},                                                                               \
        {"available", HTTP_IN_QUERY, false, "{\"type\":\"boolean\"}", "Only what is in stock."},               \
        {"on_sale", HTTP_IN_QUERY, false, "{\"type\":\"boolean\"}", "Only what is on sale."},                  \
        {"shop", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":60}",                               \
         "Prices and stock of this shop; none: the web shop."},                                                \
        {"limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":20}", \
         "How many at most."},                                                                                 \
        {"cursor", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":200}",                            \
         "next_cursor of the page before."},                                                                   \
        {"sort", HTTP_IN_QUERY, false,                                                                         \
         "{\"enum\":[\"best\",\"cheapest\",\"dearest\",\"newest\"],\"default\":\"best\"}",                     \
         "Orders other than the best first are among what fits well."},                                        \
        {"facets", HTTP_IN_QUERY, false, "{\"type\":\"boolean\",\"default\":true}",                            \
         "Count the values that could be filtered by."},                                                       \
    {                                                                                                          \
        "lang", HTTP_IN_QUERY, false, "{\"enum\":[\"fr\",\"en\"]}",                                            \
            "Language of reasons and labels; none: Accept-Language."                                           \
    }

static const struct http_param search_params[] = {
    {"q", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":500}",
     "Words, French or English. None: all that the filters let through, newest first."},
    FILTERS,
    {0}};
static const struct http_param recommend_params[] = {
    {"q", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"maxLength\":500}",
     "Words that go before what the photo shows."},
    {"piece", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":5}",
     "Only for this piece of the photo (its place in photo.pieces)."},
    FILTERS,
    {0}};
static const struct http_param similar_params[] = {
    {"id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}", "The product."},
    FILTERS,
    {0}};
static const struct http_param suggest_params[] = {
    {"q", HTTP_IN_QUERY, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":100}",
     "What was typed so far."},
    {"limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":12,\"default\":8}",
     "How many at most."},
    {"lang", HTTP_IN_QUERY, false, "{\"enum\":[\"fr\",\"en\"]}",
     "Language of the suggestions; none: Accept-Language."},
    {0}};

static const char *language(const struct http_request *rq, struct str said)
{
    if (!said.n) said = str_sub(str_trim(http_header(rq, "Accept-Language")), 0, 2);
    return str_ieqz(said, "en") ? "en" : "fr";
}

static void read_list(struct str text, struct rank_values *out)
{
    struct str one;
    while (out->n < RANK_MAX_VALUES && (one = str_split(&text, ',')).p)
        if (str_trim(one).n) out->v[out->n++] = str_trim(one);
}

static struct rank_values *values_of(struct rank_filter *f, size_t i, const char **name)
{
    static const char *const names[] = {"category", "group", "colour", "gender",   "age_group", "season",
                                        "style",    "brand", "size",   "material", "pattern"};
    struct rank_values *const fields[] = {&f->category,  &f->group,    &f->colour, &f->gender,
                                          &f->age_group, &f->season,   &f->style,  &f->brand,
                                          &f->size,      &f->material, &f->pattern};
    if (i == sizeof names / sizeof *names) return NULL;
    *name = names[i];
    return fields[i];
}

static int64_t cents(double v) { return v < 0 ? -1 : llround(v * 100); }

static enum rank_sort sort_of(struct str name)
{
    if (str_eqz(name, "cheapest")) return RANK_CHEAPEST;
    if (str_eqz(name, "dearest")) return RANK_DEAREST;
    return str_eqz(name, "newest") ? RANK_NEWEST : RANK_BEST;
}

static bool is_true(struct str s) { return str_eqz(s, "true"); }

static void read_params(const struct http_request *rq, struct rank_query *q)
{
    struct rank_filter *f = &q->filter;
    struct rank_values *values;
    const char *name;
    *f = RANK_FILTER_NONE;
    for (size_t i = 0; (values = values_of(f, i, &name)); i++)
        read_list(http_param(rq, name), values);
    f->price_min_cents = cents(http_param_f64(rq, "price_min", -1));
    f->price_max_cents = cents(http_param_f64(rq, "price_max", -1));
    f->available_only = is_true(http_param(rq, "available"));
    f->on_sale_only = is_true(http_param(rq, "on_sale"));
    f->shop = http_param(rq, "shop").p ? http_param(rq, "shop") : STR("");
    q->limit = (size_t)http_param_i64(rq, "limit", 20);
    q->cursor = http_param(rq, "cursor");
    q->sort = sort_of(http_param(rq, "sort"));
    q->facets = is_true(http_param(rq, "facets"));
    q->lang = language(rq, http_param(rq, "lang"));
    q->worker = rq->worker;
}

/* ---- answers ---- */

static void write_money(struct jout *out, const char *key, int64_t v)
{
    jout_key(out, key);
    if (v < 0)
        jout_null(out);
    else
        jout_dec(out, (double)v / 100, 2);
}

static void write_text(struct jout *out, const char *key, struct str v)
{
    if (v.n)
        jout_kstr(out, key, v);
    else
        jout_kz(out, key, NULL);
}

void rank_item_write(const struct rank_item *item, struct jout *out)
{
    jout_object(out);
    jout_kstr(out, "id", item->id);
    jout_kstr(out, "title", item->title);
    write_text(out, "brand", item->brand);
    write_text(out, "link", item->link);
    char url[128];
    snprintf(url, sizeof url, "/v1/pictures/%.*s", STR_ARG(item->picture));
    jout_kz(out, "picture", item->picture.n ? url : NULL);
    write_text(out, "category", item->category);
    write_text(out, "colour", item->colour);
    write_text(out, "gender", item->gender);
    write_text(out, "style", item->style);
    write_money(out, "price", item->price_cents);
    write_money(out, "sale_price", item->sale_cents);
    write_text(out, "currency", item->currency);
    jout_kbool(out, "available", item->available);
    jout_kdec(out, "score", (double)item->score, 4);
    jout_key(out, "reasons");
    jout_array(out);
    for (size_t i = 0; i < item->n_reasons; i++) {
        jout_object(out);
        jout_kz(out, "code", item->reasons[i].code);
        jout_kstr(out, "text", item->reasons[i].text);
        jout_end(out);
    }
    jout_end(out);
    jout_end(out);
}

static void write_facets(const struct rank *rank, const struct rank_answer *a, const char *lang,
                         struct jout *out)
{
    static const char *const labelled[VOCAB_FIELDS] = {"category", "colour",   "gender",  "age_group", "season",
                                                       "style",    "material", "pattern", "size"};
    jout_key(out, "facets");
    jout_array(out);
    for (size_t i = 0; i < a->n_facets; i++) {
        const struct rank_facet *f = &a->facets[i];
        struct str label = f->value;
        char name[128];
        snprintf(name, sizeof name, "%.*s", STR_ARG(f->value));
        for (int k = 0; k < VOCAB_FIELDS && f->value.n < sizeof name; k++)
            if (strcmp(f->field, labelled[k]) == 0)
                label = str_of(vocab_label(rank_vocab(rank), (enum vocab_field)k, name, lang));
        jout_object(out);
        jout_kz(out, "field", f->field);
        jout_kstr(out, "value", f->value);
        jout_kstr(out, "label", label);
        jout_ki64(out, "count", (int64_t)f->count);
        jout_end(out);
    }
    jout_end(out);
}

/* The members that every answer with products has; the object stays open. */
static enum rc answer(const struct http_request *rq, struct http_response *rs, const struct rank_query *q,
                      char kind, struct err *err)
{
    struct rank_answer a;
    struct str token;
    struct jout *out = &rs->json;
    int64_t began = clock_mono_us();
    enum rc rc = rank_search(rq->app->rank, q, rq->arena, &a, err);
    began = rank_note_stage("search", began);
    if (!rc) rc = rank_token_make(rank_key(rq->app->rank), kind, &a, rq->arena, &token, err);
    if (rc) return rc;
    jout_key(out, "items");
    jout_array(out);
    for (size_t i = 0; i < a.n; i++)
        rank_item_write(&a.items[i], out);
    jout_end(out);
    jout_ki64(out, "matched", (int64_t)a.matched);
    write_text(out, "next_cursor", a.next_cursor);
    write_facets(rq->app->rank, &a, q->lang, out);
    jout_key(out, "understood");
    jout_raw(out, a.understood);
    write_text(out, "corrected", a.corrected);
    jout_ki64(out, "generation", a.generation);
    jout_kstr(out, "attribution", token);
    rank_note_stage("write", began);
    return RC_OK;
}

static enum rc get_search(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct rank_query q = {.text = str_trim(http_param(rq, "q"))};
    read_params(rq, &q);
    q.browse = q.text.n == 0;
    jout_object(&rs->json);
    enum rc rc = answer(rq, rs, &q, q.browse ? 'b' : 't', err);
    jout_end(&rs->json);
    return rc;
}

static enum rc get_similar(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct rank_query q = {.similar_to = http_param(rq, "id"), .distinct = true};
    read_params(rq, &q);
    jout_object(&rs->json);
    enum rc rc = answer(rq, rs, &q, 's', err);
    jout_end(&rs->json);
    return rc;
}

/* ---- a photo ---- */

static void see_piece(const struct infer_piece *p, struct rank_seen *out)
{
    *out = (struct rank_seen){.n_category = 1, .n_colour = 1};
    out->category[0] = (struct rank_label){str_of(p->category.name), p->category.p};
    out->colour[0] = (struct rank_label){str_of(p->colour.name), p->colour.p};
}

static enum rc post_recommendations(struct http_request *rq, struct http_response *rs, struct err *err)
{
    const struct http_part *photo = http_part(rq, "photo");
    const struct image_limits limits = {.longest_px = INFER_PICTURE_PX};
    struct rank_query q = {.text = str_trim(http_param(rq, "q")), .distinct = true};
    struct rank_seen seen;
    struct infer_reading reading = {0};
    struct image im = {0};
    if (!photo) return err_set(err, RC_INVALID, "the form needs a field \"photo\"");
    if (!rq->app->model) return err_set(err, RC_BUSY, "no model is loaded");
    read_params(rq, &q);
    int64_t began = clock_mono_us();
    enum rc rc = image_decode(photo->data, &limits, &im, NULL, err);
    began = rank_note_stage("decode", began);
    if (!rc) {
        rc = infer_read(rq->app->model, rq->worker, &im, INFER_READ_PIECES, &reading, err);
        rank_note_stage("infer", began);
    }
    image_release(&im);
    if (rc) return rc;
    int64_t piece = http_param_i64(rq, "piece", -1);
    q.picture = reading.embedding;
    q.seen = &seen;
    rank_see(&reading, &seen);
    if (piece >= (int64_t)reading.n_pieces) {
        rc = err_set(err, RC_UNPROCESSABLE, "the photo has only %zu pieces", reading.n_pieces);
    } else if (piece >= 0 && reading.n_pieces > 1) {
        see_piece(&reading.pieces[piece], &seen);
        q.picture = reading.pieces[piece].embedding;
    }
    jout_object(&rs->json);
    jout_key(&rs->json, "photo");
    jout_object(&rs->json);
    if (!rc) infer_reading_write(rq->app->model, &reading, &rs->json);
    jout_end(&rs->json);
    if (!rc) rc = answer(rq, rs, &q, q.text.n ? 'm' : 'p', err);
    jout_end(&rs->json);
    infer_reading_release(&reading);
    return rc;
}

/* ---- a search as JSON, for devices that read the photo themselves ---- */

static void json_values(const struct jval *list, struct rank_values *out)
{
    for (size_t i = 0; i < jval_len(list) && out->n < RANK_MAX_VALUES; i++)
        if (jval_str(jval_at(list, i)).n) out->v[out->n++] = jval_str(jval_at(list, i));
}

static void json_filter(const struct jval *json, struct rank_filter *f)
{
    struct rank_values *values;
    const char *name;
    double v;
    bool b;
    *f = RANK_FILTER_NONE;
    f->shop = STR("");
    for (size_t i = 0; (values = values_of(f, i, &name)); i++)
        json_values(jval_get(json, name), values);
    if (jval_f64(jval_get(json, "price_min"), &v)) f->price_min_cents = cents(v);
    if (jval_f64(jval_get(json, "price_max"), &v)) f->price_max_cents = cents(v);
    if (jval_bool(jval_get(json, "available"), &b)) f->available_only = b;
    if (jval_bool(jval_get(json, "on_sale"), &b)) f->on_sale_only = b;
    if (jval_str(jval_get(json, "shop")).p) f->shop = jval_str(jval_get(json, "shop"));
}

static size_t json_labels(const struct jval *list, struct rank_label *out)
{
    size_t n = 0;
    for (size_t i = 0; i < jval_len(list) && n < RANK_MAX_SEEN; i++) {
        double p = 1;
        if (jval_get(jval_at(list, i), "p") && !jval_f64(jval_get(jval_at(list, i), "p"), &p)) continue;
        out[n++] = (struct rank_label){jval_str(jval_get(jval_at(list, i), "name")), (float)p};
    }
    return n;
}

static void json_seen(const struct jval *labels, struct rank_seen *s)
{
    s->n_category = json_labels(jval_get(labels, "category"), s->category);
    s->n_colour = json_labels(jval_get(labels, "colour"), s->colour);
    s->n_gender = json_labels(jval_get(labels, "gender"), s->gender);
    s->n_season = json_labels(jval_get(labels, "season"), s->season);
    s->n_style = json_labels(jval_get(labels, "style"), s->style);
}

/* What was rounded on the way is brought back to unit length; what is far from it is no embedding of ours. */
static enum rc to_unit_length(float *v, size_t dim, struct err *err)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)v[i] * (double)v[i];
    if (!(sum > .98 && sum < 1.02)) return err_set(err, RC_INVALID, "#/embedding must have unit length");
    for (size_t i = 0; i < dim; i++)
        v[i] = (float)((double)v[i] / sqrt(sum));
    return RC_OK;
}

/* It must come from the model that the catalogue was read with: another one's space is another. */
static enum rc json_embedding(const struct http_request *rq, const float **out, struct err *err)
{
    const struct jval *list = jval_get(rq->json, "embedding");
    struct str model = jval_str(jval_get(rq->json, "model"));
    if (!list) return RC_OK;
    if (!rq->app->model) return err_set(err, RC_BUSY, "no model is loaded");
    const char *ours = infer_version(rq->app->model);
    size_t dim = infer_dim(rq->app->model);
    if (!model.p) return err_set(err, RC_INVALID, "#/model is missing: the name of the embedding's model");
    if (!str_eqz(model, ours))
        return err_set(err, RC_UNPROCESSABLE, "the embedding is of another model than this catalogue's, \"%s\"",
                       ours);
    if (jval_len(list) != dim) return err_set(err, RC_INVALID, "#/embedding must have %zu numbers", dim);
    float *v = arena_array(rq->arena, dim, sizeof *v);
    if (!v) return err_set(err, RC_NOMEM, "out of memory");
    for (size_t i = 0; i < dim; i++) {
        double x = 0;
        if (!jval_f64(jval_at(list, i), &x)) return err_set(err, RC_INVALID, "#/embedding/%zu is no number", i);
        v[i] = (float)x;
    }
    *out = v;
    return to_unit_length(v, dim, err);
}

/* What the token of the answer says about the question. */
static char kind_of(const struct rank_query *q)
{
    if (q->browse) return 'b';
    if (q->picture || q->seen) return q->text.n ? 'm' : 'p';
    return q->similar_to.n ? 's' : 't';
}

static enum rc post_search(struct http_request *rq, struct http_response *rs, struct err *err)
{
    const struct jval *json = rq->json;
    struct rank_seen seen = {.n_category = 0};
    struct rank_query q = {.text = str_trim(jval_str(jval_get(json, "text"))),
                           .similar_to = jval_str(jval_get(json, "similar_to")),
                           .cursor = jval_str(jval_get(json, "cursor")),
                           .sort = sort_of(jval_str(jval_get(json, "sort"))),
                           .lang = language(rq, jval_str(jval_get(json, "lang"))),
                           .worker = rq->worker,
                           .limit = 20,
                           .facets = true};
    int64_t limit;
    json_filter(jval_get(json, "filter"), &q.filter);
    if (jval_i64(jval_get(json, "limit"), &limit)) q.limit = (size_t)limit;
    bool facets;
    if (jval_bool(jval_get(json, "facets"), &facets)) q.facets = facets;
    enum rc rc = json_embedding(rq, &q.picture, err);
    if (rc) return rc;
    if (jval_get(json, "labels")) {
        json_seen(jval_get(json, "labels"), &seen);
        q.seen = &seen;
    }
    q.distinct = q.picture || q.seen || q.similar_to.n;
    q.browse = !q.text.n && !q.distinct;
    jout_object(&rs->json);
    rc = answer(rq, rs, &q, kind_of(&q), err);
    jout_end(&rs->json);
    return rc;
}

/* ---- suggestions and feedback ---- */

static enum rc get_suggest(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct rank_suggestion found[12];
    (void)err;
    size_t n = rank_suggest(rq->app->rank, http_param(rq, "q"), language(rq, http_param(rq, "lang")), rq->arena,
                            found, (size_t)http_param_i64(rq, "limit", 8));
    jout_object(&rs->json);
    jout_key(&rs->json, "suggestions");
    jout_array(&rs->json);
    for (size_t i = 0; i < n; i++) {
        jout_object(&rs->json);
        jout_kz(&rs->json, "kind", found[i].kind);
        jout_kstr(&rs->json, "text", found[i].text);
        jout_end(&rs->json);
    }
    jout_end(&rs->json);
    jout_end(&rs->json);
    rs->cache_control = "private, max-age=60";
    return RC_OK;
}

static enum rc post_feedback(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str product = jval_str(jval_get(rq->json, "product")), event = jval_str(jval_get(rq->json, "kind"));
    struct str token = jval_str(jval_get(rq->json, "attribution"));
    struct rank_token t;
    struct store_tx *tx = NULL;
    int position = 0;
    int64_t lasts = config_duration_ms(rq->app->config, "attribution_lasts");
    enum rc rc = rank_token_read(rank_key(rq->app->rank), token, product, lasts, &t, &position, err);
    if (!rc) rc = store_begin(rq->app->ops, STORE_WRITE, &tx, err);
    if (rc) return rc;
    const char kind[2] = {t.kind, 0};
    const struct store_value args[] = {STORE_Z(t.id),    STORE_S(product),       STORE_S(event),
                                       STORE_Z(kind),    STORE_I(position),      STORE_I(t.generation),
                                       STORE_I(t.at_ms), STORE_I(clock_now_ms())};
    rc = store_exec(
        tx,
        "INSERT INTO feedback (answer, product, event, kind, position, generation, answered_ms, at_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (answer, product, event) DO NOTHING",
        args, sizeof args / sizeof *args, NULL, err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    if (rc) return rc;
    char name[16];
    snprintf(name, sizeof name, "%.*s", STR_ARG(event));
    rank_note_feedback(name);
    rs->status = 204;
    return RC_OK;
}

/* ---- tables ---- */

const struct http_route rank_routes[] = {
    {.path = "/v1/search",
     .method = "GET",
     .operation = "search",
     .tag = "search",
     .summary = "Products by words, in French or English, with filters.",
     .handler = get_search,
     .roles = HTTP_ANYONE,
     .flags = HTTP_PRODUCTS,
     .params = search_params,
     .answer_schema = "Products"},
    {.path = "/v1/search",
     .method = "POST",
     .operation = "searchByExample",
     .tag = "search",
     .summary = "Products by words, by a product, or for a photo that stays on its device: by its embedding "
                "and labels.",
     .handler = post_search,
     .roles = HTTP_ANYONE,
     .flags = HTTP_PRODUCTS,
     .body = HTTP_BODY_JSON,
     .body_schema = "Search",
     .answer_schema = "Products"},
    {.path = "/v1/recommendations",
     .method = "POST",
     .operation = "recommend",
     .tag = "search",
     .summary =
         "What a photo shows, and products for it. The photo is not kept; a device that reads it itself sends "
         "what it read to POST /v1/search instead.",
     .handler = post_recommendations,
     .roles = HTTP_ANYONE,
     .flags = HTTP_PRODUCTS | HTTP_HEAVY,
     .params = recommend_params,
     .body = HTTP_BODY_PICTURE,
     .body_schema = "Photo",
     .answer_schema = "Recommendations"},
    {.path = "/v1/products/{id}/similar",
     .method = "GET",
     .operation = "listSimilar",
     .tag = "search",
     .summary = "Products like this one.",
     .handler = get_similar,
     .roles = HTTP_ANYONE,
     .flags = HTTP_PRODUCTS,
     .params = similar_params,
     .answer_schema = "Products"},
    {.path = "/v1/suggest",
     .method = "GET",
     .operation = "suggest",
     .tag = "search",
     .summary = "Completions while words are typed.",
     .handler = get_suggest,
     .roles = HTTP_ANYONE,
     .params = suggest_params,
     .answer_schema = "Suggestions"},
    {.path = "/v1/feedback",
     .method = "POST",
     .operation = "sendFeedback",
     .tag = "search",
     .summary = "What became of a product that an answer listed.",
     .handler = post_feedback,
     .roles = HTTP_ANYONE,
     .flags = HTTP_IDEMPOTENT,
     .body = HTTP_BODY_JSON,
     .body_schema = "Feedback",
     .answer_status = 204},
    {0}};

#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define MONEY_OR_NULL "{\"type\":[\"number\",\"null\"],\"minimum\":0}"
#define NAMES \
    "{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}}"
#define LABELS "{\"type\":\"array\",\"maxItems\":12,\"items\":{\"$ref\":\"#/components/schemas/Label\"}}"
#define PRODUCTS_MEMBERS                                                                                   \
    "\"items\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/FoundProduct\"}},"           \
    "\"matched\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"How many products the filters let " \
    "through.\"},"                                                                                         \
    "\"next_cursor\":" TEXT_OR_NULL                                                                        \
    ",\"facets\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Facet\"}},"                \
    "\"understood\":{\"type\":\"object\",\"description\":\"What the words were taken to mean.\"},"         \
    "\"corrected\":{\"type\":[\"string\",\"null\"],\"description\":\"The words with their spelling put "   \
    "right.\"},"                                                                                           \
    "\"generation\":{\"type\":\"integer\"},"                                                               \
    "\"attribution\":{\"type\":\"string\",\"description\":\"To be sent back with feedback.\"}"

const struct http_schema rank_schemas[] = {
    {"Label", "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\","
              "\"minLength\":1,"
              "\"maxLength\":60},\"p\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1}}}"},
    {"Reason",
     "{\"type\":\"object\",\"required\":[\"code\",\"text\"],\"properties\":{\"code\":{\"type\":\"string\"},"
     "\"text\":{\"type\":\"string\"}}}"},
    {"Facet",
     "{\"type\":\"object\",\"required\":[\"field\",\"value\",\"label\",\"count\"],\"properties\":{\"field\":"
     "{\"type\":\"string\"},\"value\":{\"type\":\"string\"},\"label\":{\"type\":\"string\"},\"count\":"
     "{\"type\":\"integer\",\"minimum\":0}}}"},
    {"FoundProduct",
     "{\"type\":\"object\",\"required\":[\"id\",\"title\",\"score\",\"reasons\",\"available\"],\"properties\":{"
     "\"id\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"brand\":" TEXT_OR_NULL
     ",\"link\":" TEXT_OR_NULL ",\"picture\":" TEXT_OR_NULL ",\"category\":" TEXT_OR_NULL
     ",\"colour\":" TEXT_OR_NULL ",\"gender\":" TEXT_OR_NULL ",\"style\":" TEXT_OR_NULL
     ",\"price\":" MONEY_OR_NULL ",\"sale_price\":" MONEY_OR_NULL ",\"currency\":" TEXT_OR_NULL
     ",\"available\":{\"type\":\"boolean\"},\"score\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
     "\"reasons\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Reason\"}}}}"},
    {"Products", "{\"type\":\"object\",\"required\":[\"items\",\"matched\",\"next_cursor\",\"attribution\"],"
                 "\"properties\":{" PRODUCTS_MEMBERS "}}"},
    {"Recommendations", "{\"type\":\"object\",\"required\":[\"photo\",\"items\",\"matched\",\"next_cursor\","
                        "\"attribution\"],\"properties\":{"
                        "\"photo\":{\"type\":\"object\",\"description\":\"What the photo shows: category, "
                        "colours, pieces.\"}," PRODUCTS_MEMBERS "}}"},
    {"Photo", "{\"type\":\"object\",\"required\":[\"photo\"],\"properties\":{\"photo\":{\"type\":\"string\","
              "\"format\":\"binary\"}}}"},
    {"Filter",
     "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"category\":" NAMES
     ",\"group\":" NAMES ",\"colour\":" NAMES ",\"gender\":" NAMES ",\"age_group\":" NAMES ",\"season\":" NAMES
     ",\"style\":" NAMES ",\"brand\":" NAMES ",\"size\":" NAMES ",\"material\":" NAMES ",\"pattern\":" NAMES ","
     "\"price_min\":{\"type\":\"number\",\"minimum\":0,\"maximum\":10000000},"
     "\"price_max\":{\"type\":\"number\",\"minimum\":0,\"maximum\":10000000},"
     "\"available\":{\"type\":\"boolean\"},\"on_sale\":{\"type\":\"boolean\"},"
     "\"shop\":{\"type\":\"string\",\"maxLength\":60}}}"},
    {"Search",
     "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"text\":{\"type\":\"string\","
     "\"maxLength\":500},"
     "\"similar_to\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200},"
     "\"model\":{\"type\":\"string\",\"maxLength\":128,\"description\":\"Name and version of the model that "
     "made the embedding, as GET /readyz tells it; needed with one. Another model than the server's is 422.\"},"
     "\"embedding\":{\"type\":\"array\",\"description\":\"Of the picture, as many numbers as the model gives "
     "(256), of unit length within a "
     "hundredth.\",\"minItems\":32,\"maxItems\":4096,\"items\":{\"type\":\"number\","
     "\"minimum\":-1,"
     "\"maximum\":1}},"
     "\"labels\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"category\":" LABELS
     ",\"colour\":" LABELS ",\"gender\":" LABELS ",\"season\":" LABELS ",\"style\":" LABELS "}},"
     "\"filter\":{\"$ref\":\"#/components/schemas/Filter\"},"
     "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":20},"
     "\"cursor\":{\"type\":\"string\",\"maxLength\":200},"
     "\"sort\":{\"enum\":[\"best\",\"cheapest\",\"dearest\",\"newest\"]},"
     "\"facets\":{\"type\":\"boolean\",\"default\":true},\"lang\":{\"enum\":[\"fr\",\"en\"]}}}"},
    {"Suggestions", "{\"type\":\"object\",\"required\":[\"suggestions\"],\"properties\":{\"suggestions\":{"
                    "\"type\":\"array\",\"items\":"
                    "{\"type\":\"object\",\"required\":[\"kind\",\"text\"],\"properties\":{\"kind\":{\"enum\":["
                    "\"words\",\"brand\","
                    "\"correction\"]},\"text\":{\"type\":\"string\"}}}}}}"},
    {"Feedback", "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"attribution\","
                 "\"product\",\"kind\"],\"properties\":{"
                 "\"attribution\":{\"type\":\"string\",\"minLength\":20,\"maxLength\":1024,\"description\":"
                 "\"Of the answer that listed "
                 "the product.\"},\"product\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200},"
                 "\"kind\":{\"enum\":[\"view\",\"click\",\"cart\",\"buy\",\"like\",\"dislike\"]}}}"},
    {0}};
