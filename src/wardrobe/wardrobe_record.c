/*
 * The record of a photo: one JSON object, sealed as a whole.
 *
 *   {"model": "penderie-fashion 1.0.0", "dim": 256, "width": 1200, "height": 1600, "faces": 1, "pieces": [
 *     {"id": "...", "box": [x, y, w, h], "category": "dress", ..., "corrected": ["colour"], "probability": .93,
 *      "sure": true, "colours": [{"name": "Red", "share": .8, "hex": "#c0101a"}], "embedding": "base64url of f32"}]}
 */
#include "wardrobe/wardrobe_internal.h"

#include "base/clock.h"
#include "crypt/crypt.h"

#include <stdio.h>
#include <string.h>

const char *const wardrobe_fields[WARDROBE_FIELDS] = {"category", "colour", "gender", "season", "style"};

static void write_colours(const struct wardrobe_piece *p, struct jout *out)
{
    jout_key(out, "colours");
    jout_array(out);
    for (size_t i = 0; i < p->n_colours; i++) {
        const struct wardrobe_colour *c = &p->colours[i];
        char hex[8];
        snprintf(hex, sizeof hex, "#%02x%02x%02x", c->rgb[0], c->rgb[1], c->rgb[2]);
        jout_object(out);
        jout_kstr(out, "name", c->name);
        jout_kdec(out, "share", (double)c->share, 3);
        jout_kz(out, "hex", hex);
        jout_end(out);
    }
    jout_end(out);
}

static void write_embedding(const float *e, size_t dim, struct jout *out)
{
    struct buf text = BUF_INIT(1 << 20);
    size_t n = dim * sizeof *e;
    if (buf_reserve(&text, 4 * ((n + 2) / 3) + 1)) {
        crypt_base64url(e, n, text.p);
        jout_kz(out, "embedding", text.p);
    } else {
        jout_kz(out, "embedding", NULL);
    }
    buf_release(&text);
}

static void write_piece(const struct wardrobe_piece *p, size_t dim, bool embedding, struct jout *out)
{
    const float box[] = {p->box.x, p->box.y, p->box.w, p->box.h};
    jout_object(out);
    jout_kstr(out, "id", p->id);
    jout_key(out, "box");
    jout_array(out);
    for (int i = 0; i < 4; i++)
        jout_dec(out, (double)box[i], 4);
    jout_end(out);
    for (int f = 0; f < WARDROBE_FIELDS; f++) {
        jout_key(out, wardrobe_fields[f]);
        if (p->label[f].p)
            jout_str(out, p->label[f]);
        else
            jout_null(out);
    }
    jout_key(out, "corrected");
    jout_array(out);
    for (int f = 0; f < WARDROBE_FIELDS; f++)
        if (p->corrected[f]) jout_z(out, wardrobe_fields[f]);
    jout_end(out);
    jout_kdec(out, "probability", (double)p->probability, 4);
    jout_kbool(out, "sure", p->sure);
    write_colours(p, out);
    if (embedding && p->embedding) write_embedding(p->embedding, dim, out);
    jout_end(out);
}

static void write_pieces(const struct wardrobe_photo *photo, bool embeddings, struct jout *out)
{
    jout_key(out, "pieces");
    jout_array(out);
    for (size_t i = 0; i < photo->n; i++)
        write_piece(&photo->pieces[i], photo->dim, embeddings, out);
    jout_end(out);
}

void wardrobe_record_write(const struct wardrobe_photo *photo, struct buf *out)
{
    struct jout json = JOUT_INIT(out);
    jout_object(&json);
    jout_kstr(&json, "model", photo->model);
    jout_ki64(&json, "dim", (int64_t)photo->dim);
    jout_ki64(&json, "width", photo->width);
    jout_ki64(&json, "height", photo->height);
    jout_ki64(&json, "faces", (int64_t)photo->faces);
    write_pieces(photo, true, &json);
    jout_end(&json);
}

void wardrobe_photo_write(const struct wardrobe_photo *photo, bool embeddings, struct jout *out)
{
    char image[80];
    snprintf(image, sizeof image, "/v1/wardrobe/photos/%.*s/image", STR_ARG(photo->id));
    jout_object(out);
    jout_kstr(out, "id", photo->id);
    jout_kday(out, "date", photo->day_ms);
    jout_kz(out, "image", image);
    jout_ki64(out, "width", photo->width);
    jout_ki64(out, "height", photo->height);
    jout_ki64(out, "faces_hidden", (int64_t)photo->faces);
    jout_kbool(out, "tryon", photo->tryon);
    jout_kstr(out, "model", photo->model);
    write_pieces(photo, embeddings, out);
    jout_end(out);
}

/* ---- reading ---- */

static enum rc copy(struct arena *arena, struct str from, struct str *to, struct err *err)
{
    if (!from.p) return RC_OK;
    *to = arena_str(arena, from);
    return to->p ? RC_OK : err_set(err, RC_NOMEM, "out of memory for a photo's record");
}

static bool read_float(const struct jval *v, float *out)
{
    double d;
    if (!jval_f64(v, &d)) return false;
    *out = (float)d;
    return true;
}

static void read_hex(struct str hex, uint8_t rgb[static 3])
{
    char text[8];
    unsigned r, g, b;
    snprintf(text, sizeof text, "%.*s", (int)(hex.n < 7 ? hex.n : 7), hex.p ? hex.p : "");
    if (sscanf(text, "#%2x%2x%2x", &r, &g, &b) == 3)
        rgb[0] = (uint8_t)r, rgb[1] = (uint8_t)g, rgb[2] = (uint8_t)b;
}

static enum rc read_embedding(struct str text, size_t dim, struct arena *arena, float **out, struct err *err)
{
    size_t n = 0;
    if (!text.p) return RC_OK;
    *out = arena_array(arena, dim ? dim : 1, sizeof **out);
    if (!*out) return err_set(err, RC_NOMEM, "out of memory for a photo's embedding");
    if (!crypt_base64url_decode(text, (uint8_t *)*out, dim * sizeof **out, &n) || n != dim * sizeof **out)
        return err_set(err, RC_CORRUPT, "an embedding of a photo has another length");
    return RC_OK;
}

static enum rc read_piece(const struct jval *v, size_t dim, struct arena *arena, struct wardrobe_piece *p,
                          struct err *err)
{
    const struct jval *box = jval_get(v, "box"), *colours = jval_get(v, "colours"),
                      *said = jval_get(v, "corrected");
    float *const to[] = {&p->box.x, &p->box.y, &p->box.w, &p->box.h};
    *p = (struct wardrobe_piece){.id = STR_NONE};
    enum rc rc = copy(arena, jval_str(jval_get(v, "id")), &p->id, err);
    for (size_t i = 0; i < 4 && !rc; i++)
        if (!read_float(jval_at(box, i), to[i])) rc = err_set(err, RC_CORRUPT, "a piece of a photo has no box");
    for (int f = 0; f < WARDROBE_FIELDS && !rc; f++) {
        rc = copy(arena, jval_str(jval_get(v, wardrobe_fields[f])), &p->label[f], err);
        for (size_t i = 0; i < jval_len(said); i++)
            if (str_eqz(jval_str(jval_at(said, i)), wardrobe_fields[f])) p->corrected[f] = true;
    }
    (void)read_float(jval_get(v, "probability"), &p->probability);
    (void)jval_bool(jval_get(v, "sure"), &p->sure);
    for (size_t i = 0; i < jval_len(colours) && i < INFER_MAX_COLOURS && !rc; i++) {
        const struct jval *c = jval_at(colours, i);
        struct wardrobe_colour *to_colour = &p->colours[p->n_colours++];
        rc = copy(arena, jval_str(jval_get(c, "name")), &to_colour->name, err);
        (void)read_float(jval_get(c, "share"), &to_colour->share);
        read_hex(jval_str(jval_get(c, "hex")), to_colour->rgb);
    }
    if (!rc) rc = read_embedding(jval_str(jval_get(v, "embedding")), dim, arena, &p->embedding, err);
    return rc;
}

enum rc wardrobe_record_read(struct str json, struct arena *arena, struct wardrobe_photo *out, struct err *err)
{
    struct jval *doc = NULL;
    int64_t dim = 0, width = 0, height = 0, faces = 0;
    if (jval_parse(json, WARDROBE_RECORD_BYTES, &doc, NULL))
        return err_set(err, RC_CORRUPT, "the record of a photo is no JSON");
    const struct jval *pieces = jval_get(doc, "pieces");
    enum rc rc = copy(arena, jval_str(jval_get(doc, "model")), &out->model, err);
    if (!rc && (!jval_i64(jval_get(doc, "dim"), &dim) || dim < 0 || dim > 8192 ||
                !jval_i64(jval_get(doc, "width"), &width) || !jval_i64(jval_get(doc, "height"), &height) ||
                !jval_i64(jval_get(doc, "faces"), &faces) || jval_len(pieces) > INFER_MAX_PIECES))
        rc = err_set(err, RC_CORRUPT, "the record of a photo lacks something");
    out->dim = (size_t)dim;
    out->width = (int)width;
    out->height = (int)height;
    out->faces = (size_t)faces;
    out->n = 0;
    for (size_t i = 0; i < jval_len(pieces) && !rc; i++)
        rc = read_piece(jval_at(pieces, i), out->dim, arena, &out->pieces[out->n++], err);
    jval_destroy(doc);
    return rc;
}
