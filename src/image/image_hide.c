#include "image/hide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- hiding ---- */

struct patch { /* the box with its margin, in pixels, inside the picture */
    int x, y, w, h;
    float cx, cy, rx, ry; /* the ellipse */
    int across, down;     /* cells */
    float mean[IMAGE_HIDE_CELLS][IMAGE_HIDE_CELLS][3];
};

static bool place_patch(const struct image *im, struct image_box b, struct patch *p)
{
    float w = b.w * (float)im->width, h = b.h * (float)im->height;
    if (!(w > 0 && h > 0)) return false;
    p->rx = .5f * IMAGE_HIDE_MARGIN * w;
    p->ry = .5f * IMAGE_HIDE_MARGIN * h;
    p->cx = (b.x + b.w / 2) * (float)im->width;
    p->cy = (b.y + b.h / 2) * (float)im->height;
    float x0 = fmaxf(0, floorf(p->cx - p->rx)), y0 = fmaxf(0, floorf(p->cy - p->ry));
    float x1 = fminf((float)im->width, ceilf(p->cx + p->rx));
    float y1 = fminf((float)im->height, ceilf(p->cy + p->ry));
    if (!(x1 > x0 && y1 > y0)) return false;
    p->x = (int)x0;
    p->y = (int)y0;
    p->w = (int)(x1 - x0);
    p->h = (int)(y1 - y0);
    /* No cell smaller than 4 pixels: a face of 20 px must not keep its features. */
    p->across = p->w / 4 < IMAGE_HIDE_CELLS ? (p->w / 4 ? p->w / 4 : 1) : IMAGE_HIDE_CELLS;
    p->down = p->h / 4 < IMAGE_HIDE_CELLS ? (p->h / 4 ? p->h / 4 : 1) : IMAGE_HIDE_CELLS;
    return true;
}

static void average(const struct image *im, struct patch *p)
{
    for (int j = 0; j < p->down; j++)
        for (int i = 0; i < p->across; i++) {
            int x0 = p->x + p->w * i / p->across, x1 = p->x + p->w * (i + 1) / p->across;
            int y0 = p->y + p->h * j / p->down, y1 = p->y + p->h * (j + 1) / p->down;
            double sum[3] = {0};
            for (int y = y0; y < y1; y++)
                for (int x = x0; x < x1; x++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += im->rgb[((size_t)y * (size_t)im->width + (size_t)x) * 3 + (size_t)c];
            double n = (double)(x1 - x0) * (y1 - y0);
            for (int c = 0; c < 3; c++)
                p->mean[j][i][c] = (float)(sum[c] / n);
        }
}

/* Where a pixel lies between the centres of two cells. */
static void between(float at, int cells, int *low, int *high, float *part)
{
    float v = at * (float)cells - .5f;
    if (v < 0) v = 0;
    if (v > (float)(cells - 1)) v = (float)(cells - 1);
    *low = (int)v;
    *high = *low + 1 < cells ? *low + 1 : *low;
    *part = v - (float)*low;
}

static void paint(struct image *im, const struct patch *p)
{
    for (int y = p->y; y < p->y + p->h; y++) {
        int j0, j1;
        float v, dy = ((float)y + .5f - p->cy) / p->ry;
        between(((float)(y - p->y) + .5f) / (float)p->h, p->down, &j0, &j1, &v);
        for (int x = p->x; x < p->x + p->w; x++) {
            int i0, i1;
            float u, dx = ((float)x + .5f - p->cx) / p->rx;
            if (dx * dx + dy * dy > 1) continue;
            between(((float)(x - p->x) + .5f) / (float)p->w, p->across, &i0, &i1, &u);
            uint8_t *to = im->rgb + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
            for (int c = 0; c < 3; c++) {
                float top = p->mean[j0][i0][c] * (1 - u) + p->mean[j0][i1][c] * u;
                float low = p->mean[j1][i0][c] * (1 - u) + p->mean[j1][i1][c] * u;
                to[c] = (uint8_t)(top * (1 - v) + low * v + .5f);
            }
        }
    }
}

enum rc image_hide(struct image *im, struct image_box box, struct err *err)
{
    struct patch p;
    if (!isfinite(box.x) || !isfinite(box.y) || !isfinite(box.w) || !isfinite(box.h))
        return err_set(err, RC_INVALID, "a box to hide is no box");
    if (!place_patch(im, box, &p)) return RC_OK; /* outside the picture: nothing to hide */
    average(im, &p);
    paint(im, &p);
    return RC_OK;
}

/* ---- the proof ---- */

static size_t be16(const uint8_t *p) { return (size_t)p[0] << 8 | p[1]; }

/* APP0 of JFIF (its thumbnail has no pixels) and nothing behind it. */
static bool bare_jfif(const uint8_t *p, size_t n)
{
    return n == 14 && memcmp(p, "JFIF", 5) == 0 && p[12] == 0 && p[13] == 0;
}

/* Skips entropy-coded data: to the next marker that is neither a stuffed byte nor a restart. */
static size_t skip_scan(const uint8_t *p, size_t n, size_t at)
{
    while (at + 1 < n && (p[at] != 0xff || p[at + 1] == 0 || (p[at + 1] >= 0xd0 && p[at + 1] <= 0xd7)))
        at++;
    return at;
}

bool image_jpeg_is_bare(struct str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    size_t n = bytes.n, at = 2, frames = 0, headers = 0;
    if (n < 4 || p[0] != 0xff || p[1] != 0xd8) return false;
    while (at + 4 <= n) {
        if (p[at] != 0xff) return false;
        uint8_t marker = p[at + 1];
        size_t size = be16(p + at + 2);
        if (size < 2 || size > n - at - 2) return false;
        if (marker == 0xe0) {
            if (headers++ || !bare_jfif(p + at + 4, size - 2)) return false;
        } else if (marker >= 0xc0 && marker <= 0xc2) {
            frames++;
        } else if (marker != 0xc4 && marker != 0xdb && marker != 0xdd && marker != 0xda) {
            return false;
        }
        at += 2 + size;
        if (marker == 0xda) {
            at = skip_scan(p, n, at);
            if (at + 2 == n && p[at] == 0xff && p[at + 1] == 0xd9) return frames == 1;
        }
    }
    return false;
}
