/* Charts for people, drawn by cairo, of which only this folder knows. */
#ifndef DEMO_CHART_H
#define DEMO_CHART_H

#include "image/image.h"

/* How often what is `names[i]` was taken for `names[j]`: counts (n, n), row-major. */
struct chart_confusion {
    const char *title;
    const char *const *names; /* UTF-8 */
    const unsigned *counts;
    size_t n; /* 1 .. 100 */
};
/* Rows are the truth, columns the answers; a cell's shade is its part of the row. image_release() the result. */
enum rc chart_confusion(const struct chart_confusion *c, struct image *out, struct err *err) MUST_USE;
#endif
