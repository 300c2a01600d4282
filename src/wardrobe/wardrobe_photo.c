/* From the bytes of an upload to what may be kept: nothing in here writes anything. */
#include "wardrobe/wardrobe_internal.h"

#include "base/app.h"
#include "image/hide.h"
#include "infer/faces.h"

#include <string.h>

static enum rc hide_faces(struct faces *faces, unsigned worker, struct image *im, size_t *n, struct err *err)
{
    struct face found[FACES_MAX];
    *n = 0;
    if (!faces) return RC_OK; /* the caller has seen that this is wanted */
    enum rc rc = faces_find(faces, worker, im, -1, found, n, err);
    for (size_t i = 0; i < *n && !rc; i++)
        rc = image_hide(im, found[i].box, err);
    return rc;
}

static enum rc encode(const struct image *im, struct buf *out, struct err *err)
{
    enum rc rc = image_encode(im, IMAGE_JPEG, WARDROBE_QUALITY, out, err);
    if (!rc && !image_jpeg_is_bare(buf_str(out)))
        rc = err_set(err, RC_INTERNAL, "a photo would have been kept with more than its pixels");
    return rc;
}

/* ---- what the model reads ---- */

static enum rc copy(struct arena *arena, const char *from, struct str *to, struct err *err)
{
    if (!from) return RC_OK;
    *to = arena_str(arena, str_of(from));
    return to->p ? RC_OK : err_set(err, RC_NOMEM, "out of memory for a photo's labels");
}

static enum rc take_piece(const struct infer_reading *r, const struct infer_piece *from, size_t dim,
                          struct arena *arena, struct wardrobe_piece *to, struct err *err)
{
    /* Gender, season and style are read from the photo as a whole. */
    const char *const names[WARDROBE_FIELDS] = {from->category.name, from->colour.name, r->gender.name,
                                                r->season.name, r->style.name};
    char id[WARDROBE_ID_CHARS + 1];
    enum rc rc = RC_OK;
    wardrobe_id(id);
    *to = (struct wardrobe_piece){.box = from->box, .probability = from->category.p, .sure = from->sure};
    rc = copy(arena, id, &to->id, err);
    for (int f = 0; f < WARDROBE_FIELDS && !rc; f++)
        rc = copy(arena, names[f], &to->label[f], err);
    for (size_t i = 0; i < from->n_colours && !rc; i++) {
        struct wardrobe_colour *c = &to->colours[to->n_colours++];
        c->share = from->colours[i].share;
        memcpy(c->rgb, from->colours[i].rgb, 3);
        rc = copy(arena, from->colours[i].name, &c->name, err);
    }
    if (rc || !from->embedding) return rc;
    to->embedding = arena_array(arena, dim, sizeof *to->embedding);
    if (!to->embedding) return err_set(err, RC_NOMEM, "out of memory for a photo's embedding");
    memcpy(to->embedding, from->embedding, dim * sizeof *to->embedding);
    return RC_OK;
}

static enum rc read_pieces(struct app *app, unsigned worker, const struct image *im, struct arena *arena,
                           struct wardrobe_photo *out, struct err *err)
{
    struct infer_reading reading = {0};
    struct image small = {0};
    enum rc rc = image_resize(im, INFER_PICTURE_PX, &small, err);
    if (!rc) rc = infer_read(app->model, worker, &small, INFER_READ_PIECES, &reading, err);
    image_release(&small);
    if (rc) return rc;
    out->dim = infer_dim(app->model);
    rc = copy(arena, infer_version(app->model), &out->model, err);
    for (size_t i = 0; i < reading.n_pieces && !rc; i++)
        rc = take_piece(&reading, &reading.pieces[i], out->dim, arena, &out->pieces[out->n++], err);
    infer_reading_release(&reading);
    return rc;
}

enum rc wardrobe_prepare(struct app *app, struct faces *faces, unsigned worker, struct str bytes,
                         bool keep_faces, struct arena *arena, struct wardrobe_prepared *out, struct err *err)
{
    const struct image_limits limits = {.longest_px = WARDROBE_PX};
    struct image im = {0};
    *out = (struct wardrobe_prepared){.jpeg = BUF_INIT(WARDROBE_MAX_PHOTO_BYTES),
                                      .tryon = BUF_INIT(WARDROBE_MAX_PHOTO_BYTES)};
    if (!app->model) return err_set(err, RC_BUSY, "no model is loaded");
    enum rc rc = image_decode(bytes, &limits, &im, NULL, err);
    if (!rc && keep_faces) rc = encode(&im, &out->tryon, err);
    if (!rc) rc = hide_faces(faces, worker, &im, &out->photo.faces, err);
    if (!rc) rc = encode(&im, &out->jpeg, err);
    if (!rc) rc = read_pieces(app, worker, &im, arena, &out->photo, err);
    out->photo.width = im.width;
    out->photo.height = im.height;
    out->photo.tryon = keep_faces;
    image_release(&im);
    if (rc) wardrobe_prepared_release(out);
    return rc;
}

void wardrobe_prepared_release(struct wardrobe_prepared *p)
{
    buf_release(&p->jpeg);
    buf_release(&p->tryon);
}
