/* What a picture looks like as a whole: its difference hash, and the one look of catalogue pictures. */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

uint64_t image_dhash(const struct image *im)
{
    enum { W = 9, H = 8 };
    int64_t mean[H][W];
    for (int j = 0; j < H; j++)
        for (int i = 0; i < W; i++) {
            int x0 = i * im->width / W, x1 = (i + 1) * im->width / W, y0 = j * im->height / H;
            int y1 = (j + 1) * im->height / H;
            int64_t sum = 0;
            if (x1 == x0) x1++;
            if (y1 == y0) y1++;
            for (int y = y0; y < y1; y++) {
                const uint8_t *p = im->rgb + ((size_t)y * (size_t)im->width + (size_t)x0) * 3;
                for (int x = x0; x < x1; x++, p += 3)
                    sum += 299 * p[0] + 587 * p[1] + 114 * p[2];
            }
            mean[j][i] = sum / ((int64_t)(x1 - x0) * (y1 - y0));
        }
    uint64_t hash = 0;
    for (int j = 0; j < H; j++)
        for (int i = 0; i + 1 < W; i++)
            hash = hash << 1 | (mean[j][i] < mean[j][i + 1]);
    return hash;
}

struct bounds {
    int x0, y0, x1, y1; /* x1, y1 exclusive */
};

static struct bounds bounds_of(const struct image_mask *m)
{
    struct bounds b = {m->width, m->height, 0, 0};
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++) {
            if (!m->alpha[(size_t)y * (size_t)m->width + (size_t)x]) continue;
            if (x < b.x0) b.x0 = x;
            if (x >= b.x1) b.x1 = x + 1;
            if (y < b.y0) b.y0 = y;
            if (y >= b.y1) b.y1 = y + 1;
        }
    return b;
}

/* Sums of the mask over a box around each pixel, by running sums along rows and then columns: a soft edge. */
static uint8_t *soften(const struct image_mask *m, int radius)
{
    size_t w = (size_t)m->width, h = (size_t)m->height, longest = w > h ? w : h;
    uint8_t *out = malloc(w * h), *line = malloc(longest);
    if (!out || !line) {
        free(out);
        free(line);
        return NULL;
    }
    memcpy(out, m->alpha, w * h);
    for (int pass = 0; pass < 2; pass++) {
        size_t lines = pass ? w : h, n = pass ? h : w, step = pass ? w : 1;
        for (size_t l = 0; l < lines; l++) {
            uint8_t *p = out + (pass ? l : l * w);
            int sum = 0, size = 2 * radius + 1;
            for (size_t i = 0; i < n; i++)
                line[i] = p[i * step];
            for (int i = -radius; i <= radius; i++)
                sum += line[i < 0 ? 0 : (size_t)i >= n ? n - 1 : (size_t)i];
            for (size_t i = 0; i < n; i++) {
                p[i * step] = (uint8_t)(sum / size);
                size_t gone = i < (size_t)radius ? 0 : i - (size_t)radius, next = i + (size_t)radius + 1;
                sum += line[next < n ? next : n - 1] - line[gone];
            }
        }
    }
    free(line);
    return out;
}

/* The piece on white, with a margin, no narrower than 3:4. */
static enum rc compose(const struct image *im, const struct image_mask *m, struct image *out, struct err *err)
{
    struct bounds b = bounds_of(m);
    int w = b.x1 - b.x0, h = b.y1 - b.y0, longest = im->width > im->height ? im->width : im->height;
    int radius = longest / 250 + 1, margin = (w > h ? w : h) / 16 + radius + 1;
    int width = w + 2 * margin, height = h + 2 * margin;
    if (width < height * 3 / 4) width = height * 3 / 4;
    if (height < width * 3 / 4) height = width * 3 / 4;
    uint8_t *soft = soften(m, radius);
    if (!soft) return err_set(err, RC_NOMEM, "out of memory for a picture");
    enum rc rc = image_create(width, height, out, err);
    int left = (width - w) / 2, top = (height - h) / 2;
    for (int y = -radius; !rc && y < h + radius; y++)
        for (int x = -radius; x < w + radius; x++) {
            int sx = b.x0 + x, sy = b.y0 + y;
            if (sx < 0 || sy < 0 || sx >= im->width || sy >= im->height) continue;
            size_t from = (size_t)sy * (size_t)im->width + (size_t)sx;
            uint8_t *p = out->rgb + ((size_t)(top + y) * (size_t)width + (size_t)(left + x)) * 3;
            unsigned a = soft[from];
            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)((im->rgb[from * 3 + (size_t)c] * a + 255 * (255 - a) + 127) / 255);
        }
    free(soft);
    return rc;
}

enum rc image_normalise(const struct image *im, int longest_px, struct image *out, struct err *err)
{
    struct image_mask mask = {0};
    struct image piece = {0}, small = {0};
    int longest = im->width > im->height ? im->width : im->height;
    *out = (struct image){0};
    /* The piece fills at least a fifth of a studio shot's length: no more pixels are needed to begin with. */
    bool large = longest_px > 0 && longest / 5 > longest_px;
    enum rc rc = large ? image_resize(im, longest_px * 5, &small, err) : RC_OK;
    const struct image *from = large ? &small : im;
    if (!rc) rc = image_mask_garment(from, &mask, err);
    if (!rc && mask.plain < .5f)
        rc = image_resize(from, longest_px, out, err);
    else if (!rc) {
        rc = compose(from, &mask, &piece, err);
        if (!rc) rc = image_resize(&piece, longest_px, out, err);
    }
    image_mask_release(&mask);
    image_release(&piece);
    image_release(&small);
    return rc;
}
