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

/* ---- shadows ---- */

/* Of a ground that is nearly white and neutral, and of a shadow on it. */
static bool is_whitish(const uint8_t *c)
{
    int low = c[0] < c[1] ? c[0] : c[1], high = c[0] > c[1] ? c[0] : c[1];
    low = c[2] < low ? c[2] : low;
    high = c[2] > high ? c[2] : high;
    return low >= 165 && high - low <= 14;
}

static int luma(const uint8_t *c) { return (c[0] * 77 + c[1] * 150 + c[2] * 29) >> 8; }

/* Takes those neighbours of a pixel out of the mask that are whitish and no edge away; returns the new top. */
static size_t spread(const struct image *im, struct image_mask *m, size_t i, uint32_t *stack, size_t top)
{
    enum { STEP = 4 };
    size_t w = (size_t)im->width, n = w * (size_t)im->height;
    const size_t next[4] = {i % w ? i - 1 : i, (i + 1) % w ? i + 1 : i, i >= w ? i - w : i,
                            i + w < n ? i + w : i};
    for (int side = 0; side < 4; side++) {
        const uint8_t *there = im->rgb + next[side] * 3;
        if (!m->alpha[next[side]] || !is_whitish(there)) continue;
        if (abs(luma(there) - luma(im->rgb + i * 3)) > STEP) continue;
        m->alpha[next[side]] = 0;
        stack[top++] = (uint32_t)next[side];
    }
    return top;
}

/* The mask without the soft shadows around the piece: from outside, as far as it is whitish and changes slowly.
 * A sharp edge stops it, so a white sole or collar stays. Not where much of the piece itself is whitish. */
static enum rc peel_shadows(const struct image *im, struct image_mask *m, struct err *err)
{
    size_t n = (size_t)im->width * (size_t)im->height, piece = 0, pale = 0, top = 0;
    for (size_t i = 0; i < n; i++) {
        if (!m->alpha[i]) continue;
        piece++;
        pale += is_whitish(im->rgb + i * 3);
    }
    if (!pale || pale * 3 > piece || n > UINT32_MAX) return RC_OK;
    uint32_t *stack = malloc(pale * sizeof *stack); /* each is put there once */
    if (!stack) return err_set(err, RC_NOMEM, "out of memory for a picture");
    for (size_t i = 0; i < n; i++) {
        if (m->alpha[i] || !is_whitish(im->rgb + i * 3)) continue;
        top = spread(im, m, i, stack, 0);
        while (top) {
            size_t from = stack[--top];
            top = spread(im, m, from, stack, top);
        }
    }
    free(stack);
    return RC_OK;
}

/* ---- the edge ---- */

/*
 * Between what is surely the piece and what is surely ground a pixel is a mixture of the mean colours F and G of
 * both sides near by. The piece's share of it, put on white, keeps the smoothness that the camera gave the edge,
 * and no rim of the old ground shows. Where both sides have one colour, the softened mask decides.
 */
struct sides {
    int n[2]; /* samples outside, inside */
    float mean[2][3];
};

/* Samples a grid around (x, y); `soft`: 0 surely ground, 255 surely the piece. */
static void look_around(const struct image *im, const uint8_t *soft, int x, int y, int radius, struct sides *s)
{
    int step = (radius + 2) / 3, sum[2][3] = {{0}};
    *s = (struct sides){{0}, {{0}}};
    for (int dy = -3; dy <= 3; dy++)
        for (int dx = -3; dx <= 3; dx++) {
            int sx = x + dx * step, sy = y + dy * step;
            if (sx < 0 || sy < 0 || sx >= im->width || sy >= im->height) continue;
            size_t i = (size_t)sy * (size_t)im->width + (size_t)sx;
            if (soft[i] != 0 && soft[i] != 255) continue;
            int side = soft[i] != 0;
            s->n[side]++;
            for (int c = 0; c < 3; c++)
                sum[side][c] += im->rgb[i * 3 + (size_t)c];
        }
    for (int side = 0; side < 2; side++)
        for (int c = 0; c < 3 && s->n[side]; c++)
            s->mean[side][c] = (float)sum[side][c] / (float)s->n[side];
}

static uint8_t to_byte(float v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + .5f); }

static float dot(const float *a, const float *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* The piece's share of a colour. A ground in shadow is a darker one: where F has another hue than G, the share
 * is that of C = a F + q G with any q; where it has not, a faint share is taken for a shadow. Negative: the sides
 * are too much alike to tell. */
static float share_of(const struct sides *s, const float c[3])
{
    enum { LEAST_CONTRAST = 24 };
    const float *g = s->mean[0], *f = s->mean[1];
    float d[3] = {f[0] - g[0], f[1] - g[1], f[2] - g[2]},
          from_ground[3] = {c[0] - g[0], c[1] - g[1], c[2] - g[2]};
    if (!s->n[0] || !s->n[1] || dot(d, d) < 3 * LEAST_CONTRAST * LEAST_CONTRAST) return -1;
    float ff = dot(f, f), gg = dot(g, g), fg = dot(f, g), det = ff * gg - fg * fg, a;
    if (det > .06f * ff * gg) {
        float share = (dot(f, c) * gg - dot(g, c) * fg) / det, ground = (dot(g, c) * ff - dot(f, c) * fg) / det;
        float dark = .6f - share - ground; /* darker than any shadow: a seam of the piece */
        a = ((dark > 0 ? share + dark / .6f : share) - .05f) / .9f;
    } else
        a = (dot(from_ground, d) / dot(d, d) - .25f) / .5f;
    return a < 0 ? 0 : a > 1 ? 1 : a;
}

/* The pixel on white. */
static void mix_edge(const struct sides *s, const uint8_t *from, uint8_t soft, uint8_t *to)
{
    const float c[3] = {from[0], from[1], from[2]};
    float a = share_of(s, c);
    for (int k = 0; k < 3; k++) {
        float piece = c[k];
        if (a < 0)
            to[k] = to_byte(piece + (255 - piece) * (1 - (float)soft / 255));
        else /* towards the edge less of the pixel's own colour, which is mixed with the ground's */
            to[k] = to_byte(a * (a * piece + (1 - a) * s->mean[1][k]) + 255 * (1 - a));
    }
}

/* The piece on white, with a margin, no narrower than 3:4. */
static enum rc compose(const struct image *im, const struct image_mask *m, struct image *out, struct err *err)
{
    struct bounds b = bounds_of(m);
    int w = b.x1 - b.x0, h = b.y1 - b.y0, longest = im->width > im->height ? im->width : im->height;
    int radius = longest / 160 + 1, margin = (w > h ? w : h) / 16 + radius + 1;
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
            uint8_t *to = out->rgb + ((size_t)(top + y) * (size_t)width + (size_t)(left + x)) * 3;
            struct sides s;
            if (soft[from] == 0) continue;
            if (soft[from] == 255) {
                memcpy(to, im->rgb + from * 3, 3);
                continue;
            }
            look_around(im, soft, sx, sy, 2 * radius, &s);
            mix_edge(&s, im->rgb + from * 3, soft[from], to);
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
        rc = peel_shadows(from, &mask, err);
        if (!rc) rc = compose(from, &mask, &piece, err);
        if (!rc) rc = image_resize(&piece, longest_px, out, err);
    }
    image_mask_release(&mask);
    image_release(&piece);
    image_release(&small);
    return rc;
}
