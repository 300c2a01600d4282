/*
 * From the outputs of a model's piece detector to boxes, by the rules of docs/model-package.md. All comparisons are
 * made in doubles, where products of the values are exact: the same boxes come out on every machine.
 */
#ifndef INFER_PIECES_H
#define INFER_PIECES_H

#include "infer/infer.h"

enum { PIECES_MAX_GRID = 64 };

struct pieces_rule {
    const char *score, *box; /* outputs of the graph; NULL: the package finds no pieces */
    int grid, stride;        /* grid x grid cells of stride x stride pixels of the input */
    float threshold;         /* a cell counts from this score */
    double nms;              /* of two boxes that share more than this (IoU) the better one stays */
};

/* The part of the input that shows the picture, without what was added around it: x0 <= x < x1, in pixels. */
struct pieces_window {
    int x0, y0, x1, y1;
};

/* score: (grid * grid) f32, 0 .. 1; box: (4, grid * grid) f32, pixels from a cell's centre to left, top, right and
 * bottom. All must be finite. Writes at most `cap` pieces, best first, and returns how many. */
size_t pieces_decode(const struct pieces_rule *rule, const float *score, const float *box,
                     struct pieces_window window, struct infer_found *out, size_t cap);
#endif
