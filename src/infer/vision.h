/*
 * What is in a picture: labels, colours and pieces, as the command line, the service and the import all tell
 * it. Above infer.h, which knows one picture as one row of numbers.
 */
#ifndef INFER_VISION_H
#define INFER_VISION_H

#include "image/image.h"
#include "infer/infer.h"
#include "infer/styles.h"

struct jout;

/* Decode pictures to this longest side (struct image_limits) before reading them: no phone's picture needs more
 * for the model, and 4,000 px is 8 x 500, so that a JPEG shrinks to it while it is decoded. */
enum { INFER_PICTURE_PX = 500 };
enum { INFER_TOP = 5, INFER_MAX_COLOURS = 6 };

struct infer_label {
    const char *name; /* of the model; NULL: the model lacks the head */
    float p;          /* its probability */
};

struct infer_piece {
    struct image_box box;
    struct infer_label category, colour;
    bool sure;
    struct image_colour colours[INFER_MAX_COLOURS];
    size_t n_colours;
    float *embedding; /* (dim) f32, unit length */
};

struct infer_reading {
    struct infer_label top[INFER_TOP]; /* categories, most probable first */
    size_t n_top;
    bool sure; /* a garment, and the category's probability is enough */
    struct infer_label colour, gender, season, style, article;
    float styles[STYLES_MAX]; /* share of each main style, in the order of infer_styles() */
    size_t n_styles;          /* 0: the model was opened without them */
    float garment;            /* probability that a garment or product is shown; 1 if the model does not say */
    struct image_colour colours[INFER_MAX_COLOURS]; /* from the pixels of the garment */
    size_t n_colours;
    float plain;           /* of image_mask: from .5 the garment was told from its background */
    float *embedding;      /* of the whole picture, (dim) f32, unit length */
    struct image_box only; /* where the detector saw the one piece; empty: it saw none or several */
    struct infer_piece pieces[INFER_MAX_PIECES]; /* at least one; a pair of shoes is one */
    size_t n_pieces;
};

enum infer_read_parts { INFER_READ_LABELS = 0, INFER_READ_PIECES = 1 };

/* Reads one picture; `worker` as for infer_images(). Without INFER_READ_PIECES the one piece is the whole garment,
 * and no part of the picture is read on its own. */
enum rc infer_read(struct infer *m, unsigned worker, const struct image *im, unsigned parts,
                   struct infer_reading *out, struct err *err) MUST_USE;
void infer_reading_release(struct infer_reading *r);

/* Writes it as members of the object that is open in `out`: "category", "colour", "gender", "season", "style",
 * "sure", "pieces" and more. Embeddings are not written. */
void infer_reading_write(const struct infer *m, const struct infer_reading *r, struct jout *out);
#endif
