/*
 * A person's wardrobe: photos they chose to keep, what was read from them, what they like, and what suits it.
 *
 * NO PHOTO LEAVES THIS HOUSE. There is no code path that sends a photo, a piece of it or its embedding to a third party:
 * this folder and all that it calls with a photo (image, infer, vault, blob) contain no network client, and the photo is
 * read by models that run in this process. Should a part of it ever be given away, an operator has to configure a
 * recipient in the EU and the person has to consent to that purpose (privacy/consent.h); neither exists today.
 *
 * A photo comes in (wardrobe_photo.c): type by content, limits from the header, decoded upright in sRGB without metadata,
 * reduced to WARDROBE_PX, faces made unrecognisable, read by the model, encoded anew as JPEG, proved bare
 * (image_jpeg_is_bare), sealed with the person's key. Whoever consents to try-on may have the photo kept with its faces
 * beside that one; withdrawing try-on removes it.
 *
 * The order of writes (wardrobe_store.c): the name of the file that will be, in table wardrobe_blob; the sealed file; then
 * in one transaction the row and the removal of that name. Removal goes the other way round. So a name in wardrobe_blob
 * is a file that may exist without a row, and a row always has its file: wardrobe_sweep() removes what dead processes
 * left. Consent is looked at again inside that transaction: a withdrawal either comes before and stops it, or after and
 * finds the row.
 *
 * A `person` is an account id; rows hold vault_pseudonym("wardrobe"), events vault_pseudonym("activity"). Ids of photos
 * and pieces are 16 random bytes in base64url. Dates are kept by the day, events by the hour.
 *
 * Threading: any thread that may wait for the stores.
 */
#ifndef WARDROBE_WARDROBE_H
#define WARDROBE_WARDROBE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/image.h"
#include "infer/vision.h"

struct app;
struct module;

extern const struct module wardrobe_module;

enum {
    WARDROBE_ID_CHARS = 22,
    WARDROBE_PX = 1600, /* longest side of what is kept */
    WARDROBE_QUALITY = 88,
    WARDROBE_MAX_PHOTO_BYTES = 8 << 20
};

enum wardrobe_field {
    WARDROBE_CATEGORY,
    WARDROBE_COLOUR,
    WARDROBE_GENDER,
    WARDROBE_SEASON,
    WARDROBE_STYLE,
    WARDROBE_FIELDS
};
extern const char *const wardrobe_fields[WARDROBE_FIELDS]; /* "category", ... */

struct wardrobe_piece {
    struct str id;
    struct image_box box;              /* in the photo */
    struct str label[WARDROBE_FIELDS]; /* canonical names; p NULL: unknown */
    bool corrected[WARDROBE_FIELDS];   /* said by the person, not by the model */
    float probability;                 /* of the category, by the model */
    bool sure;
    struct wardrobe_colour {
        struct str name;
        uint8_t rgb[3];
        float share;
    } colours[INFER_MAX_COLOURS];
    size_t n_colours;
    float *embedding; /* (dim) f32, unit length, of the photo's model; NULL: none */
};

struct wardrobe_photo {
    struct str id;
    int64_t day_ms;
    int width, height;
    size_t faces;     /* made unrecognisable */
    bool tryon;       /* kept with its faces as well */
    struct str model; /* that made the embeddings, "penderie-fashion 1.0.0" */
    size_t dim;
    struct wardrobe_piece pieces[INFER_MAX_PIECES];
    size_t n;
    struct str blob, blob_tryon; /* names of the sealed files */
};

/* What becomes of the bytes of an upload. JPEGs are appended; `tryon` may be NULL. */
struct faces;
struct wardrobe_prepared {
    struct wardrobe_photo photo; /* without id, date, files; in the arena */
    struct buf jpeg, tryon;      /* to be released by the caller */
};
enum rc wardrobe_prepare(struct app *app, struct faces *faces, unsigned worker, struct str bytes,
                         bool keep_faces, struct arena *arena, struct wardrobe_prepared *out,
                         struct err *err) MUST_USE;
void wardrobe_prepared_release(struct wardrobe_prepared *p);

/* A new id; 16 random bytes. */
void wardrobe_id(char out[static WARDROBE_ID_CHARS + 1]);

/* Keeps a photo: id is set by the caller, names of files and date here. RC_FORBIDDEN without consent; RC_CONFLICT when
 * the person has wardrobe_max_photos already. */
enum rc wardrobe_keep(struct app *app, struct str person, struct wardrobe_photo *photo, struct str jpeg,
                      struct str tryon, struct err *err) MUST_USE;
/* RC_NOT_FOUND: there is none of this id that is theirs. */
enum rc wardrobe_load(struct app *app, struct str person, struct str photo, struct arena *arena,
                      struct wardrobe_photo *out, struct err *err) MUST_USE;
/* All of them, newest day first. */
enum rc wardrobe_all(struct app *app, struct str person, struct arena *arena, struct wardrobe_photo **out,
                     size_t *n, struct err *err) MUST_USE;
/* The JPEG, unsealed, appended to `out`; with its faces where `tryon` (RC_NOT_FOUND when it is not kept so). */
enum rc wardrobe_image(struct app *app, struct str person, const struct wardrobe_photo *photo, bool tryon,
                       struct buf *out, struct err *err) MUST_USE;
/* Writes changed labels and pieces. */
enum rc wardrobe_update(struct app *app, struct str person, const struct wardrobe_photo *photo,
                        struct err *err) MUST_USE;
/* Photo p NULL: all. RC_NOT_FOUND only where one was named. */
enum rc wardrobe_remove(struct app *app, struct str person, struct str photo, struct err *err) MUST_USE;
/* Removes what is kept for try-on alone; the photo stays. Photo p NULL: of all. */
enum rc wardrobe_remove_tryon(struct app *app, struct str person, struct str photo, struct err *err) MUST_USE;
/* Removes files that an upload or removal of a process that has ended left behind. */
enum rc wardrobe_sweep(struct app *app, size_t *removed, struct err *err) MUST_USE;

/* Preferences as JSON text (schema "Preferences"), appended; "{}" when none were said. */
enum rc wardrobe_preferences(struct app *app, struct str person, struct buf *out, struct err *err) MUST_USE;
enum rc wardrobe_set_preferences(struct app *app, struct str person, struct str json, struct err *err) MUST_USE;
enum rc wardrobe_forget_preferences(struct app *app, struct str person, struct err *err) MUST_USE;

/* ---- what they do (store "activity") ---- */

enum activity_kind { ACTIVITY_VIEW, ACTIVITY_LIKE, ACTIVITY_DISMISS, ACTIVITY_BUY, ACTIVITY_KINDS };
extern const char *const activity_kinds[ACTIVITY_KINDS];
struct activity_event {
    enum activity_kind kind;
    int64_t hour_ms;
    struct str product;
};
enum { ACTIVITY_MAX_READ = 2000 };
enum rc activity_note(struct app *app, struct str person, enum activity_kind kind, struct str product,
                      struct err *err) MUST_USE;
/* The newest ACTIVITY_MAX_READ. */
enum rc activity_all(struct app *app, struct str person, struct arena *arena, struct activity_event **out,
                     size_t *n, struct err *err) MUST_USE;
enum rc activity_forget(struct app *app, struct str person, struct err *err) MUST_USE;
/* Counts events before `before_ms` by day and kind and drops them. *n: how many. */
enum rc activity_aggregate(struct app *app, int64_t before_ms, bool dry_run, int64_t *n,
                           struct err *err) MUST_USE;

#endif
