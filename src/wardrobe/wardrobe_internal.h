/* What the files of wardrobe/ share; nobody else includes this. */
#ifndef WARDROBE_WARDROBE_INTERNAL_H
#define WARDROBE_WARDROBE_INTERNAL_H

#include "base/jout.h"
#include "base/jval.h"
#include "http/http.h"
#include "rank/rank.h"
#include "store/store.h"
#include "wardrobe/wardrobe.h"

extern const struct http_route wardrobe_routes[];
extern const struct http_schema wardrobe_schemas[];

enum { WARDROBE_RECORD_BYTES = 256 << 10, WARDROBE_PLACE_BYTES = 96, WARDROBE_BLOB_CHARS = 43 };

/* The record of a photo as JSON, what is sealed; embeddings in base64url. */
void wardrobe_record_write(const struct wardrobe_photo *photo, struct buf *out);
/* id, files and date are the row's and not set here. RC_CORRUPT. */
enum rc wardrobe_record_read(struct str json, struct arena *arena, struct wardrobe_photo *out,
                             struct err *err) MUST_USE;
/* The same for people: schema "WardrobePhoto" without embeddings, or with them for the export. */
void wardrobe_photo_write(const struct wardrobe_photo *photo, bool embeddings, struct jout *out);

/* "KIND/ID", what a sealed value is bound to. */
const char *wardrobe_place(char out[static WARDROBE_PLACE_BYTES], const char *kind, struct str id);

/* ---- recommendations ---- */

struct wardrobe_wish { /* preferences, parsed */
    struct str styles[16], colours_avoided[32], sizes[16], genders[5];
    size_t n_styles, n_colours_avoided, n_sizes, n_genders;
    int64_t budget_cents; /* -1: none */
};
void wardrobe_wish_read(const struct jval *json, struct wardrobe_wish *out);

struct wardrobe_query {
    const struct wardrobe_photo *photos;
    size_t n_photos;
    const struct activity_event *events;
    size_t n_events;
    struct wardrobe_wish wish;
    size_t limit;
    const char *lang;
};
struct wardrobe_item {
    struct rank_item product;
    struct str photo, piece; /* the piece it goes with; p NULL: none */
};
struct rank_snapshot;
struct vocab;
/* Scores all products of a snapshot against a wardrobe; items in the arena. */
enum rc wardrobe_recommend(const struct rank_snapshot *s, const struct vocab *vocab, const char *model,
                           const struct wardrobe_query *q, struct arena *arena, struct wardrobe_item **items,
                           size_t *n, struct err *err) MUST_USE;

/* The detector of `serve`, NULL when it is not installed; whether photos are kept without it (a setting). */
struct faces *wardrobe_faces(void);
bool wardrobe_keeps_faces(const struct app *app);
void wardrobe_note(const char *operation); /* counts it */

#endif
