/* The routes: photos, preferences, recommendations, events. Every access to a person's data is in the access log before
 * it is answered. */
#include "wardrobe/wardrobe_internal.h"

#include "base/app.h"
#include "base/config.h"
#include "base/log.h"
#include "lang/vocab.h"
#include "privacy/audit.h"
#include "privacy/consent.h"
#include "privacy/privacy.h"
#include "rank/snapshot.h"

#include <string.h>

static const char *language_of(const struct http_request *rq, struct str said)
{
    if (!said.n) said = str_sub(str_trim(http_header(rq, "Accept-Language")), 0, 2);
    return str_ieqz(said, "en") ? "en" : "fr";
}

/* Of an operation with the parameter `lang`. */
static const char *language(const struct http_request *rq) { return language_of(rq, http_param(rq, "lang")); }

static struct str person(const struct http_request *rq) { return rq->principal.id; }

/* ---- uploading ---- */

/* A field of the form, or the query parameter of this name where the body is the bare picture. */
static struct str field(const struct http_request *rq, const char *name)
{
    const struct http_part *part = http_part(rq, name);
    return str_trim(part ? part->data : http_param(rq, name));
}

struct upload {
    char id[WARDROBE_ID_CHARS + 1];
    struct str given[CONSENT_PURPOSES]; /* text versions; n 0: not given with this request */
    bool keep_faces;
};

static const char *const consent_fields[CONSENT_PURPOSES] = {"consent", "consent_tryon", "consent_improvement"};

/* Before anything is decoded: what was not given with the request must have been given before. */
static enum rc check_consents(const struct http_request *rq, struct upload *u, struct err *err)
{
    enum rc rc = RC_OK;
    wardrobe_id(u->id);
    for (int p = 0; p < CONSENT_PURPOSES; p++)
        u->given[p] = field(rq, consent_fields[p]);
    u->keep_faces = str_eqz(field(rq, "keep_faces"), "true");
    if (!u->given[CONSENT_RECOMMENDATION].n)
        rc = consent_require(rq->app, person(rq), str_of(u->id), CONSENT_RECOMMENDATION, err);
    if (!rc && u->keep_faces && !u->given[CONSENT_TRYON].n)
        rc = consent_require(rq->app, person(rq), str_of(u->id), CONSENT_TRYON, err);
    return rc;
}

static enum rc give_consents(const struct http_request *rq, const struct upload *u, struct err *err)
{
    struct str lang = field(rq, "consent_language");
    enum rc rc = RC_OK;
    for (int p = 0; p < CONSENT_PURPOSES && !rc; p++) {
        const struct consent_given c = {
            .person = person(rq),
            .photo = str_of(u->id),
            .purpose = (enum consent_purpose)p,
            .text_version = u->given[p],
            .language = str_of(language_of(rq, lang)),
            .how = str_eqz(http_header(rq, "Sec-Fetch-Site"), "same-origin") ? "web" : "api"};
        if (u->given[p].n) rc = consent_give(rq->app, &c, err);
    }
    return rc;
}

/* The photo was not kept: the register shall not say that somebody agrees to its use. */
static void take_back(const struct http_request *rq, const struct upload *u)
{
    for (int p = 0; p < CONSENT_PURPOSES; p++)
        if (u->given[p].n &&
            consent_withdraw(rq->app, person(rq), str_of(u->id), (enum consent_purpose)p, "api", NULL))
            log_warn("wardrobe", "a consent to a photo that was not kept stays in the register");
}

static enum rc keep(struct http_request *rq, const struct upload *u, struct wardrobe_prepared *p,
                    struct err *err)
{
    p->photo.id = str_of(u->id);
    enum rc rc = give_consents(rq, u, err);
    if (!rc) rc = wardrobe_keep(rq->app, person(rq), &p->photo, buf_str(&p->jpeg), buf_str(&p->tryon), err);
    if (!rc) {
        rc = audit_request(rq, "photo.create", p->photo.id, "ok", err);
        if (rc && wardrobe_remove(rq->app, person(rq), p->photo.id, NULL))
            log_error("wardrobe", "a photo that the access log does not tell of could not be removed");
    }
    if (rc) take_back(rq, u);
    return rc;
}

static enum rc post_photo(struct http_request *rq, struct http_response *rs, struct err *err)
{
    const struct http_part *photo = http_part(rq, "photo");
    struct upload u = {0};
    struct wardrobe_prepared p;
    if (!photo) return err_set(err, RC_INVALID, "the form needs a field \"photo\"");
    enum rc rc = check_consents(rq, &u, err);
    if (rc) return rc;
    if (!wardrobe_faces() && !wardrobe_keeps_faces(rq->app))
        return err_set(err, RC_BUSY,
                       "photos are not taken at present: faces cannot be made unrecognisable, because the face "
                       "detector is not installed here");
    rc = wardrobe_prepare(rq->app, wardrobe_faces(), rq->worker, photo->data, u.keep_faces, rq->arena, &p, err);
    if (rc) return rc;
    rc = keep(rq, &u, &p, err);
    if (!rc) wardrobe_photo_write(&p.photo, false, &rs->json);
    wardrobe_prepared_release(&p);
    if (!rc) wardrobe_note("photo");
    return rc;
}

/* ---- photos ---- */

static enum rc list_photos(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct wardrobe_photo *photos = NULL;
    size_t n = 0, from = (size_t)http_param_i64(rq, "offset", 0),
           most = (size_t)http_param_i64(rq, "limit", 50);
    enum rc rc = wardrobe_all(rq->app, person(rq), rq->arena, &photos, &n, err);
    if (!rc) rc = audit_request(rq, "photo.list", STR_NONE, "ok", err);
    if (rc) return rc;
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    for (size_t i = from; i < n && i - from < most; i++)
        wardrobe_photo_write(&photos[i], false, &rs->json);
    jout_end(&rs->json);
    jout_ki64(&rs->json, "total", (int64_t)n);
    jout_end(&rs->json);
    return RC_OK;
}

static enum rc load(struct http_request *rq, const char *what, struct wardrobe_photo *photo, struct err *err)
{
    enum rc rc = wardrobe_load(rq->app, person(rq), http_param(rq, "id"), rq->arena, photo, err);
    return rc ? rc : audit_request(rq, what, photo->id, "ok", err);
}

static enum rc get_photo(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct wardrobe_photo photo;
    enum rc rc = load(rq, "photo.read", &photo, err);
    if (!rc) wardrobe_photo_write(&photo, false, &rs->json);
    return rc;
}

static enum rc get_image(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct wardrobe_photo photo;
    bool tryon = str_eqz(http_param(rq, "variant"), "tryon");
    enum rc rc = load(rq, tryon ? "photo.image.tryon" : "photo.image", &photo, err);
    if (!rc && tryon) rc = consent_require(rq->app, person(rq), photo.id, CONSENT_TRYON, err);
    if (!rc) rc = wardrobe_image(rq->app, person(rq), &photo, tryon, &rs->body, err);
    rs->type = "image/jpeg";
    rs->cache_control = "private, no-store";
    return rc;
}

static enum rc delete_photo(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str id = http_param(rq, "id");
    enum rc rc = audit_request(rq, "photo.delete", id, "ok", err);
    if (!rc) rc = wardrobe_remove(rq->app, person(rq), id, err);
    rs->status = 204;
    return rc;
}

/* ---- corrections ---- */

static const enum vocab_field vocab_fields[WARDROBE_FIELDS] = {VOCAB_CATEGORY, VOCAB_COLOUR, VOCAB_GENDER,
                                                               VOCAB_SEASON, VOCAB_STYLE};

static const char *known_name(const struct vocab *vocab, enum vocab_field field, struct str name)
{
    const char *const *names;
    size_t n = vocab_names(vocab, field, &names);
    for (size_t i = 0; i < n; i++)
        if (str_eqz(name, names[i])) return names[i];
    return NULL;
}

static struct wardrobe_piece *find_piece(struct wardrobe_photo *photo, struct str id)
{
    for (size_t i = 0; i < photo->n; i++)
        if (str_eq(photo->pieces[i].id, id)) return &photo->pieces[i];
    return NULL;
}

static enum rc correct(const struct vocab *vocab, struct wardrobe_photo *photo, const struct jval *said,
                       struct err *err)
{
    struct wardrobe_piece *piece = find_piece(photo, jval_str(jval_get(said, "id")));
    bool gone = false;
    if (!piece) return err_set(err, RC_UNPROCESSABLE, "this photo has no such piece");
    for (int f = 0; f < WARDROBE_FIELDS; f++) {
        const struct jval *v = jval_get(said, wardrobe_fields[f]);
        if (!v) continue;
        const char *name = jval_is_null(v) ? NULL : known_name(vocab, vocab_fields[f], jval_str(v));
        if (!name && !jval_is_null(v))
            return err_set(err, RC_UNPROCESSABLE, "%s: this is no name of the vocabulary", wardrobe_fields[f]);
        piece->label[f] = str_of(name);
        piece->corrected[f] = true;
        if (f == WARDROBE_CATEGORY) piece->sure = name != NULL;
    }
    if (jval_bool(jval_get(said, "remove"), &gone) && gone) {
        size_t at = (size_t)(piece - photo->pieces);
        memmove(piece, piece + 1, (photo->n - at - 1) * sizeof *piece);
        photo->n--;
    }
    return RC_OK;
}

static enum rc patch_photo(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct wardrobe_photo photo;
    const struct jval *pieces = jval_get(rq->json, "pieces");
    enum rc rc = load(rq, "photo.correct", &photo, err);
    for (size_t i = 0; i < jval_len(pieces) && !rc; i++)
        rc = correct(rank_vocab(rq->app->rank), &photo, jval_at(pieces, i), err);
    if (!rc) rc = wardrobe_update(rq->app, person(rq), &photo, err);
    if (!rc) wardrobe_photo_write(&photo, false, &rs->json);
    return rc;
}

/* ---- preferences ---- */

static enum rc get_preferences(struct http_request *rq, struct http_response *rs, struct err *err)
{
    enum rc rc = audit_request(rq, "preferences.read", STR_NONE, "ok", err);
    return rc ? rc : wardrobe_preferences(rq->app, person(rq), &rs->body, err);
}

/* Writes a list of names as the vocabulary has them, so that "bleu marine" and "Navy Blue" are one. */
static enum rc write_names(const struct vocab *vocab, const struct jval *json, const char *key,
                           enum vocab_field field, struct jout *out, struct err *err)
{
    const struct jval *list = jval_get(json, key);
    if (!list) return RC_OK;
    jout_key(out, key);
    jout_array(out);
    for (size_t i = 0; i < jval_len(list); i++) {
        const char *name = vocab_canonical(vocab, field, jval_str(jval_at(list, i)));
        if (!name) return err_set(err, RC_UNPROCESSABLE, "%s: one of these is not known here", key);
        jout_z(out, name);
    }
    jout_end(out);
    return RC_OK;
}

static enum rc put_preferences(struct http_request *rq, struct http_response *rs, struct err *err)
{
    const struct vocab *vocab = rank_vocab(rq->app->rank);
    const struct jval *sizes = jval_get(rq->json, "sizes");
    struct jout *out = &rs->json;
    double budget;
    jout_object(out);
    enum rc rc = write_names(vocab, rq->json, "styles", VOCAB_STYLE, out, err);
    if (!rc) rc = write_names(vocab, rq->json, "colours_avoided", VOCAB_COLOUR, out, err);
    if (!rc) rc = write_names(vocab, rq->json, "genders", VOCAB_GENDER, out, err);
    if (sizes) {
        jout_key(out, "sizes");
        jout_array(out);
        for (size_t i = 0; i < jval_len(sizes); i++)
            jout_str(out, jval_str(jval_at(sizes, i)));
        jout_end(out);
    }
    if (jval_f64(jval_get(rq->json, "budget"), &budget)) jout_kdec(out, "budget", budget, 2);
    jout_end(out);
    if (!rc) rc = buf_check(&rs->body, "preferences", err);
    if (!rc) rc = audit_request(rq, "preferences.write", STR_NONE, "ok", err);
    if (!rc) rc = wardrobe_set_preferences(rq->app, person(rq), buf_str(&rs->body), err);
    return rc;
}

/* ---- recommendations ---- */

static void write_items(const struct wardrobe_item *items, size_t n, bool profile, struct jout *out)
{
    jout_object(out);
    jout_key(out, "items");
    jout_array(out);
    for (size_t i = 0; i < n; i++) {
        jout_object(out);
        jout_key(out, "product");
        rank_item_write(&items[i].product, out);
        jout_key(out, "goes_with");
        if (items[i].photo.n) {
            jout_object(out);
            jout_kstr(out, "photo", items[i].photo);
            jout_kstr(out, "piece", items[i].piece);
            jout_end(out);
        } else {
            jout_null(out);
        }
        jout_end(out);
    }
    jout_end(out);
    jout_kbool(out, "profile", profile);
    jout_end(out);
}

/* For whoever objected to being profiled: what is new, the same for everybody; nothing of theirs is read. */
static enum rc without_profile(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct rank_answer answer;
    const struct rank_query q = {
        .browse = true,
        .filter = {.price_min_cents = -1, .price_max_cents = -1, .shop = STR(""), .available_only = true},
        .limit = (size_t)http_param_i64(rq, "limit", 12),
        .distinct = true,
        .lang = language(rq),
        .worker = rq->worker};
    enum rc rc = rank_search(rq->app->rank, &q, rq->arena, &answer, err);
    struct wardrobe_item *items = rc ? NULL : arena_array(rq->arena, answer.n + 1, sizeof *items);
    if (!rc && !items) rc = err_set(err, RC_NOMEM, "out of memory");
    for (size_t i = 0; !rc && i < answer.n; i++)
        items[i].product = answer.items[i];
    if (!rc) write_items(items, answer.n, false, &rs->json);
    return rc;
}

static enum rc with_profile(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct wardrobe_query q = {.limit = (size_t)http_param_i64(rq, "limit", 12), .lang = language(rq)};
    struct wardrobe_photo *photos = NULL;
    struct activity_event *events = NULL;
    struct wardrobe_item *items = NULL;
    struct buf text = BUF_INIT(WARDROBE_RECORD_BYTES);
    struct jval *wishes = NULL;
    struct rank_snapshot *s = NULL;
    size_t n = 0;
    enum rc rc = wardrobe_all(rq->app, person(rq), rq->arena, &photos, &q.n_photos, err);
    if (!rc) rc = activity_all(rq->app, person(rq), rq->arena, &events, &q.n_events, err);
    if (!rc) rc = wardrobe_preferences(rq->app, person(rq), &text, err);
    if (!rc) rc = jval_parse(buf_str(&text), WARDROBE_RECORD_BYTES, &wishes, err);
    if (!rc) {
        q.photos = photos;
        q.events = events;
        wardrobe_wish_read(wishes, &q.wish);
        s = rank_snapshot_now(rq->app->rank);
        rc = wardrobe_recommend(s, rank_vocab(rq->app->rank), infer_version(rq->app->model), &q, rq->arena,
                                &items, &n, err);
    }
    if (!rc) write_items(items, n, true, &rs->json);
    rank_snapshot_release(s);
    jval_destroy(wishes);
    buf_release(&text);
    return rc;
}

static enum rc get_recommendations(struct http_request *rq, struct http_response *rs, struct err *err)
{
    bool allowed = false;
    enum rc rc = privacy_profiling_allowed(rq->app, person(rq), &allowed, err);
    if (!rc)
        rc = audit_request(rq, allowed ? "recommendations.profile" : "recommendations.plain", STR_NONE, "ok",
                           err);
    if (rc) return rc;
    wardrobe_note(allowed ? "recommendations" : "recommendations_plain");
    return allowed ? with_profile(rq, rs, err) : without_profile(rq, rs, err);
}

/* ---- events ---- */

static enum rc post_event(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct str product = jval_str(jval_get(rq->json, "product")), kind = jval_str(jval_get(rq->json, "kind"));
    struct rank_snapshot *s = rank_snapshot_now(rq->app->rank);
    bool known = rank_snapshot_find_id(s, product) >= 0, allowed = false;
    rank_snapshot_release(s);
    if (!known) return err_set(err, RC_UNPROCESSABLE, "there is no such product");
    rs->status = 204;
    /* Whoever objected has no history, and gets none. */
    enum rc rc = privacy_profiling_allowed(rq->app, person(rq), &allowed, err);
    if (!rc && allowed) rc = audit_request(rq, "activity.write", STR_NONE, "ok", err);
    for (int k = 0; k < ACTIVITY_KINDS && !rc && allowed; k++)
        if (str_eqz(kind, activity_kinds[k]))
            rc = activity_note(rq->app, person(rq), (enum activity_kind)k, product, err);
    if (!rc && allowed) wardrobe_note("event");
    return rc;
}

/* ---- tables ---- */

#define ID "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{22}$\"}"
#define VERSION "{\"type\":\"string\",\"minLength\":1,\"maxLength\":40}"
#define LANGS "{\"enum\":[\"fr\",\"en\"]}"

static const struct http_param upload_params[] = {
    {"consent", HTTP_IN_QUERY, false, VERSION,
     "For a body that is the bare picture: as the fields of the form."},
    {"consent_tryon", HTTP_IN_QUERY, false, VERSION, "The same."},
    {"consent_improvement", HTTP_IN_QUERY, false, VERSION, "The same."},
    {"consent_language", HTTP_IN_QUERY, false, LANGS, "The same."},
    {"keep_faces", HTTP_IN_QUERY, false, "{\"type\":\"boolean\"}", "The same."},
    {0}};
static const struct http_param list_params[] = {
    {"limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":50}",
     "How many at most."},
    {"offset", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":100000,\"default\":0}",
     "How many to pass over."},
    {0}};
static const struct http_param photo_params[] = {{"id", HTTP_IN_PATH, true, ID, "The photo."}, {0}};
static const struct http_param image_params[] = {
    {"id", HTTP_IN_PATH, true, ID, "The photo."},
    {"variant", HTTP_IN_QUERY, false, "{\"enum\":[\"hidden\",\"tryon\"],\"default\":\"hidden\"}",
     "With faces made unrecognisable, or, where it is kept for try-on, as it was sent."},
    {0}};
static const struct http_param recommendation_params[] = {
    {"limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":48,\"default\":12}",
     "How many at most."},
    {"lang", HTTP_IN_QUERY, false, LANGS, "Language of the reasons; none: Accept-Language."},
    {0}};

const struct http_route wardrobe_routes[] = {
    {.path = "/v1/wardrobe/photos",
     .method = "POST",
     .operation = "keepPhoto",
     .tag = "wardrobe",
     .summary = "Keeps a photo in the wardrobe: without metadata, faces made unrecognisable, encrypted. Needs "
                "consent to "
                "recommendation, given before or with it.",
     .handler = post_photo,
     .roles = HTTP_SHOPPER,
     .flags = HTTP_HEAVY,
     .params = upload_params,
     .body = HTTP_BODY_PICTURE,
     .body_schema = "WardrobeUpload",
     .answer_schema = "WardrobePhoto",
     .answer_status = 201},
    {.path = "/v1/wardrobe/photos",
     .method = "GET",
     .operation = "listPhotos",
     .tag = "wardrobe",
     .summary = "The photos in the wardrobe and what was read from them, newest first.",
     .handler = list_photos,
     .roles = HTTP_SHOPPER,
     .params = list_params,
     .answer_schema = "WardrobePhotos"},
    {.path = "/v1/wardrobe/photos/{id}",
     .method = "GET",
     .operation = "getPhoto",
     .tag = "wardrobe",
     .summary = "One photo and what was read from it.",
     .handler = get_photo,
     .roles = HTTP_SHOPPER,
     .params = photo_params,
     .answer_schema = "WardrobePhoto"},
    {.path = "/v1/wardrobe/photos/{id}/image",
     .method = "GET",
     .operation = "getPhotoImage",
     .tag = "wardrobe",
     .summary = "The photo itself.",
     .handler = get_image,
     .roles = HTTP_SHOPPER,
     .params = image_params,
     .answer_type = "image/jpeg"},
    {.path = "/v1/wardrobe/photos/{id}",
     .method = "PATCH",
     .operation = "correctPhoto",
     .tag = "wardrobe",
     .summary = "Corrects what was read from a photo, or takes pieces off it.",
     .handler = patch_photo,
     .roles = HTTP_SHOPPER,
     .params = photo_params,
     .body = HTTP_BODY_JSON,
     .body_schema = "WardrobeCorrection",
     .answer_schema = "WardrobePhoto"},
    {.path = "/v1/wardrobe/photos/{id}",
     .method = "DELETE",
     .operation = "deletePhoto",
     .tag = "wardrobe",
     .summary = "Deletes a photo and all that was read from it.",
     .handler = delete_photo,
     .roles = HTTP_SHOPPER,
     .params = photo_params,
     .answer_status = 204},
    {.path = "/v1/wardrobe/preferences",
     .method = "GET",
     .operation = "getPreferences",
     .tag = "wardrobe",
     .summary = "What the person said they like.",
     .handler = get_preferences,
     .roles = HTTP_SHOPPER,
     .answer_schema = "Preferences"},
    {.path = "/v1/wardrobe/preferences",
     .method = "PUT",
     .operation = "setPreferences",
     .tag = "wardrobe",
     .summary = "Replaces what the person said they like.",
     .handler = put_preferences,
     .roles = HTTP_SHOPPER,
     .body = HTTP_BODY_JSON,
     .body_schema = "Preferences",
     .answer_schema = "Preferences"},
    {.path = "/v1/wardrobe/recommendations",
     .method = "GET",
     .operation = "recommendForWardrobe",
     .tag = "wardrobe",
     .summary =
         "What goes with the wardrobe, with reasons. Without profile and history for those who objected.",
     .handler = get_recommendations,
     .roles = HTTP_SHOPPER,
     .params = recommendation_params,
     .answer_schema = "WardrobeRecommendations"},
    {.path = "/v1/wardrobe/events",
     .method = "POST",
     .operation = "noteEvent",
     .tag = "wardrobe",
     .summary = "What the person did with a product. Nothing is kept of those who objected to profiling.",
     .handler = post_event,
     .roles = HTTP_SHOPPER,
     .body = HTTP_BODY_JSON,
     .body_schema = "WardrobeEvent",
     .answer_status = 204},
    {0}};

#define NAME_OR_NULL "{\"type\":[\"string\",\"null\"],\"maxLength\":60}"
#define NAMES(most)                          \
    "{\"type\":\"array\",\"maxItems\":" most \
    ",\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":60}}"

const struct http_schema wardrobe_schemas[] = {
    {"WardrobeUpload",
     "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"photo\"],\"properties\":{"
     "\"photo\":{\"type\":\"string\",\"format\":\"binary\"},"
     "\"consent\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":40,\"description\":\"Version of the "
     "text "
     "(GET /v1/consent-texts) by which the person agrees to this photo being kept for recommendation.\"},"
     "\"consent_tryon\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":40,\"description\":\"The same "
     "for virtual "
     "try-on.\"},"
     "\"consent_improvement\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":40,\"description\":\"The "
     "same for "
     "improving the model.\"},"
     "\"consent_language\":" LANGS
     ",\"keep_faces\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Keeps the "
     "photo with its faces as well, for try-on; needs that consent.\"}}}"},
    {"WardrobePiece",
     "{\"type\":\"object\",\"required\":[\"id\",\"box\",\"category\",\"colour\",\"corrected\"],"
     "\"properties\":{\"id\":" ID
     ",\"box\":{\"type\":\"array\",\"minItems\":4,\"maxItems\":4,\"items\":{\"type\":\"number\"}},"
     "\"category\":" NAME_OR_NULL ",\"colour\":" NAME_OR_NULL ",\"gender\":" NAME_OR_NULL
     ",\"season\":" NAME_OR_NULL ",\"style\":" NAME_OR_NULL
     ",\"corrected\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":"
     "\"What the person said "
     "themselves.\"},\"probability\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
     "\"sure\":{\"type\":\"boolean\"},\"colours\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
     "\"properties\":{"
     "\"name\":{\"type\":\"string\"},\"share\":{\"type\":\"number\"},\"hex\":{\"type\":\"string\"}}}}}}"},
    {"WardrobePhoto",
     "{\"type\":\"object\",\"required\":[\"id\",\"date\",\"image\",\"faces_hidden\",\"tryon\",\"pieces\"],"
     "\"properties\":{\"id\":" ID
     ",\"date\":{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"},"
     "\"image\":{\"type\":\"string\"},\"width\":{\"type\":\"integer\"},\"height\":{\"type\":\"integer\"},"
     "\"faces_hidden\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"How many faces were made "
     "unrecognisable.\"},\"tryon\":{\"type\":\"boolean\",\"description\":\"Whether it is kept with its "
     "faces as "
     "well.\"},\"model\":{\"type\":\"string\"},"
     "\"pieces\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/WardrobePiece\"}}}}"},
    {"WardrobePhotos",
     "{\"type\":\"object\",\"required\":[\"items\",\"total\"],\"properties\":{\"items\":{\"type\":"
     "\"array\",\"items\":{"
     "\"$ref\":\"#/components/schemas/WardrobePhoto\"}},\"total\":{\"type\":\"integer\",\"minimum\":0}}}"},
    {"WardrobeCorrection",
     "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"pieces\"],\"properties\":{"
     "\"pieces\":{"
     "\"type\":\"array\",\"minItems\":1,\"maxItems\":6,\"items\":{\"type\":\"object\","
     "\"additionalProperties\":false,"
     "\"required\":[\"id\"],\"properties\":{\"id\":" ID ",\"category\":" NAME_OR_NULL
     ",\"colour\":" NAME_OR_NULL ",\"gender\":" NAME_OR_NULL ",\"season\":" NAME_OR_NULL
     ",\"style\":" NAME_OR_NULL
     ",\"remove\":{\"type\":\"boolean\",\"description\":\"This is no piece of theirs.\"}}}}}}"},
    {"Preferences", "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                    "\"styles\":" NAMES("16") ",\"colours_avoided\":" NAMES("32") ",\"sizes\":" NAMES(
                        "16") ",\"genders\":" NAMES("5") ",\"budget\":{\"type\":\"number\",\"minimum\":0,"
                                                         "\"maximum\":1000000,\"description\":\"The most "
                                                         "that one piece may "
                                                         "cost.\"}}}"},
    {"WardrobeRecommendations",
     "{\"type\":\"object\",\"required\":[\"items\",\"profile\"],\"properties\":{\"items\":{\"type\":"
     "\"array\",\"items\":{"
     "\"type\":\"object\",\"required\":[\"product\",\"goes_with\"],\"properties\":{\"product\":{\"$ref\":"
     "\"#/components/schemas/"
     "FoundProduct\"},\"goes_with\":{\"type\":[\"object\",\"null\"],\"properties\":{\"photo\":" ID
     ",\"piece\":" ID
     "}}}}},\"profile\":{\"type\":\"boolean\",\"description\":\"Whether wardrobe, preferences and history "
     "were used.\"}}}"},
    {"WardrobeEvent", "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"product\","
                      "\"kind\"],\"properties\":{"
                      "\"product\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200},"
                      "\"kind\":{\"enum\":[\"view\",\"like\",\"dismiss\",\"buy\"]}}}"},
    {0}};
