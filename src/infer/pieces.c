#include "infer/pieces.h"

#include <math.h>

struct corners {
    double x0, y0, x1, y1;
};

static struct corners corners_of(const struct pieces_rule *r, const float *box, size_t cell,
                                 struct pieces_window w)
{
    size_t grid = (size_t)r->grid, n = grid * grid;
    double x = (double)(cell % grid) * r->stride + r->stride * .5;
    double y = (double)(cell / grid) * r->stride + r->stride * .5;
    return (struct corners){fmax(x - (double)box[cell], w.x0), fmax(y - (double)box[n + cell], w.y0),
                            fmin(x + (double)box[2 * n + cell], w.x1),
                            fmin(y + (double)box[3 * n + cell], w.y1)};
}

static double area(struct corners c) { return (c.x1 - c.x0) * (c.y1 - c.y0); }

/* Intersection over union of boxes that are not empty. */
static double iou(struct corners a, struct corners b)
{
    double w = fmin(a.x1, b.x1) - fmax(a.x0, b.x0), h = fmin(a.y1, b.y1) - fmax(a.y0, b.y0);
    if (!(w > 0 && h > 0)) return 0;
    double inner = w * h;
    return inner / (area(a) + area(b) - inner);
}

/* The best cell from the threshold on that is not behind: of one score the first in reading order. */
static bool next_cell(const struct pieces_rule *r, const float *score, const bool *used, size_t *out)
{
    size_t n = (size_t)r->grid * (size_t)r->grid;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        if (!used[i] && score[i] >= r->threshold && (!any || score[i] > score[*out])) {
            *out = i;
            any = true;
        }
    return any;
}

size_t pieces_decode(const struct pieces_rule *r, const float *score, const float *box,
                     struct pieces_window window, struct infer_found *out, size_t cap)
{
    struct corners kept[INFER_MAX_PIECES];
    bool used[PIECES_MAX_GRID * PIECES_MAX_GRID] = {false};
    size_t n = 0, cell = 0;
    double width = window.x1 - window.x0, height = window.y1 - window.y0;
    ASSERT(r->grid >= 1 && r->grid <= PIECES_MAX_GRID && cap <= INFER_MAX_PIECES);
    while (n < cap && next_cell(r, score, used, &cell)) {
        struct corners c = corners_of(r, box, cell, window);
        used[cell] = true;
        bool fine = c.x1 - c.x0 >= 1 && c.y1 - c.y0 >= 1;
        for (size_t i = 0; fine && i < n; i++)
            fine = iou(c, kept[i]) <= r->nms;
        if (!fine) continue;
        kept[n] = c;
        out[n++] = (struct infer_found){
            .box = {(float)((c.x0 - window.x0) / width), (float)((c.y0 - window.y0) / height),
                    (float)((c.x1 - c.x0) / width), (float)((c.y1 - c.y0) / height)},
            .score = score[cell]};
    }
    return n;
}
