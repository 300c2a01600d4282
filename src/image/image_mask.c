/*
 * The garment on a fairly even background. The background is what the border shows: its most frequent colour,
 * then a plane fitted to each OKLab channel over the pixels of the border near it (light falls off towards the
 * corners of a photo). From the border a flood takes all that is close to the plane, darker pixels of the same
 * hue more readily (shadows). The rest is the garment. All of it at WORK_PX: texture averages out, and a phone's
 * picture takes 2 ms.
 */
#include "image/image.h"
#include "image/oklab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORK_PX = 144 };

/* Distances are in OKLab x 100; 2 is just visible. */
static const float near_mode = 12, least_threshold = 2.4f, most_threshold = 9;

struct work {
    int w, h;
    size_t n;
    struct image small;
    struct oklab *lab;
    float *distance; /* to the background */
    uint8_t *fore;   /* 1: garment */
    int32_t *label;  /* of connected areas */
    int32_t *stack;
    float plane[3][3];  /* L, a, b = c0 + c1 x + c2 y, x and y from -1 to 1 */
    float spread, even; /* of the border around the plane; part of the border near it */
};

static void work_release(struct work *k)
{
    image_release(&k->small);
    free(k->lab);
    free(k->distance);
    free(k->fore);
    free(k->label);
    free(k->stack);
}

static enum rc work_init(struct work *k, const struct image *im, struct err *err)
{
    *k = (struct work){0};
    enum rc rc = image_resize(im, WORK_PX, &k->small, err);
    if (rc) return rc;
    k->w = k->small.width;
    k->h = k->small.height;
    k->n = (size_t)k->w * (size_t)k->h;
    k->lab = malloc(k->n * sizeof *k->lab);
    k->distance = malloc(k->n * sizeof *k->distance);
    k->fore = malloc(k->n);
    k->label = malloc(k->n * sizeof *k->label);
    k->stack = malloc(k->n * sizeof *k->stack);
    if (!k->lab || !k->distance || !k->fore || !k->label || !k->stack)
        return err_set(err, RC_NOMEM, "out of memory for a garment's mask");
    for (size_t i = 0; i < k->n; i++)
        k->lab[i] = oklab_of(k->small.rgb + i * 3);
    return RC_OK;
}

static bool on_border(const struct work *k, int x, int y)
{
    int thick = (k->w < k->h ? k->w : k->h) / 40 + 1;
    return x < thick || y < thick || x >= k->w - thick || y >= k->h - thick;
}

/* The most frequent colour of the border, by counting in coarse cells. */
static struct oklab border_mode(const struct work *k)
{
    enum { L = 14, C = 16 };
    static const float cell_l = 8, cell_c = 5;
    int counts[L][C][C] = {0}, best = -1, at[3] = {0};
    for (int y = 0; y < k->h; y++)
        for (int x = 0; x < k->w; x++) {
            if (!on_border(k, x, y)) continue;
            struct oklab c = k->lab[y * k->w + x];
            int l = (int)(c.l / cell_l), a = (int)(c.a / cell_c + C / 2), b = (int)(c.b / cell_c + C / 2);
            l = l < 0 ? 0 : l >= L ? L - 1 : l;
            a = a < 0 ? 0 : a >= C ? C - 1 : a;
            b = b < 0 ? 0 : b >= C ? C - 1 : b;
            int n = ++counts[l][a][b];
            if (n > best) best = n, at[0] = l, at[1] = a, at[2] = b;
        }
    return (struct oklab){((float)at[0] + .5f) * cell_l, ((float)(at[1] - C / 2) + .5f) * cell_c,
                          ((float)(at[2] - C / 2) + .5f) * cell_c};
}

static float unit(int i, int n) { return n > 1 ? 2 * (float)i / (float)(n - 1) - 1 : 0; }

/* Where the plane puts the background's colour at (x, y). */
static struct oklab background(const struct work *k, int x, int y)
{
    float u = unit(x, k->w), v = unit(y, k->h);
    return (struct oklab){k->plane[0][0] + k->plane[0][1] * u + k->plane[0][2] * v,
                          k->plane[1][0] + k->plane[1][1] * u + k->plane[1][2] * v,
                          k->plane[2][0] + k->plane[2][1] * u + k->plane[2][2] * v};
}

static float distance(struct oklab c, struct oklab ground)
{
    float dl = c.l - ground.l, da = c.a - ground.a, db = c.b - ground.b, chroma = da * da + db * db;
    if (dl < 0 && dl > -20 && chroma < 9) dl *= .55f; /* a shadow */
    return sqrtf(dl * dl + 2 * chroma);
}

/* Least squares over the border's pixels closer than `within`: the normal equations of three unknowns. */
static void fit_plane(struct work *k, float within)
{
    double m[3][3] = {{0}}, r[3][3] = {{0}};
    for (int y = 0; y < k->h; y++)
        for (int x = 0; x < k->w; x++) {
            struct oklab c = k->lab[y * k->w + x];
            if (!on_border(k, x, y) || distance(c, background(k, x, y)) > within) continue;
            double f[3] = {1, unit(x, k->w), unit(y, k->h)}, v[3] = {c.l, c.a, c.b};
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++) {
                    m[i][j] += f[i] * f[j];
                    r[j][i] += f[i] * v[j];
                }
        }
    if (m[0][0] < 12) return;
    m[1][1] += .05 * m[0][0]; /* keeps the slopes down where one side of the border is hidden */
    m[2][2] += .05 * m[0][0];
    double d = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
               m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
               m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    for (int c = 0; c < 3 && fabs(d) > 1e-9; c++)
        for (int i = 0; i < 3; i++) { /* Cramer's rule; m is symmetric */
            double t[3][3];
            memcpy(t, m, sizeof t);
            for (int j = 0; j < 3; j++)
                t[i][j] = r[c][j];
            k->plane[c][i] = (float)((t[0][0] * (t[1][1] * t[2][2] - t[1][2] * t[2][1]) -
                                      t[0][1] * (t[1][0] * t[2][2] - t[1][2] * t[2][0]) +
                                      t[0][2] * (t[1][0] * t[2][1] - t[1][1] * t[2][0])) /
                                     d);
        }
}

static void model_background(struct work *k)
{
    struct oklab mode = border_mode(k);
    k->plane[0][0] = mode.l;
    k->plane[1][0] = mode.a;
    k->plane[2][0] = mode.b;
    fit_plane(k, near_mode);
    fit_plane(k, near_mode * .75f);
    fit_plane(k, near_mode * .6f);
    double sum = 0;
    size_t near = 0, all = 0;
    for (int y = 0; y < k->h; y++)
        for (int x = 0; x < k->w; x++) {
            size_t i = (size_t)(y * k->w + x);
            float d = k->distance[i] = distance(k->lab[i], background(k, x, y));
            if (!on_border(k, x, y)) continue;
            all++;
            if (d < near_mode * .75f) near++, sum += (double)d * d;
        }
    k->spread = near ? (float)sqrt(sum / (double)near) : near_mode;
    k->even = all ? (float)near / (float)all : 0;
}

/* Calls for each of the four neighbours. */
#define EACH_NEIGHBOUR(k, i, j)                \
    for (int side_ = 0, j; side_ < 4; side_++) \
        if ((j = neighbour(k, i, side_)) >= 0)

static int neighbour(const struct work *k, int i, int side)
{
    int x = i % k->w;
    switch (side) {
    case 0:
        return x > 0 ? i - 1 : -1;
    case 1:
        return x < k->w - 1 ? i + 1 : -1;
    case 2:
        return i >= k->w ? i - k->w : -1;
    default:
        return i + k->w < (int)k->n ? i + k->w : -1;
    }
}

static void flood(struct work *k, float threshold)
{
    size_t n = 0;
    memset(k->fore, 1, k->n);
    for (int y = 0; y < k->h; y++)
        for (int x = 0; x < k->w; x++) {
            int i = y * k->w + x;
            bool edge = x == 0 || y == 0 || x == k->w - 1 || y == k->h - 1;
            if (edge && k->distance[i] < threshold) k->fore[i] = 0, k->stack[n++] = i;
        }
    while (n) {
        int i = k->stack[--n];
        EACH_NEIGHBOUR(k, i, j)
        {
            if (!k->fore[j]) continue;
            float step = fabsf(k->lab[j].l - k->lab[i].l);
            /* a soft shadow fades in without an edge */
            bool soft = k->distance[j] < 1.7f * threshold && step < .25f * threshold;
            if (k->distance[j] < threshold || soft) k->fore[j] = 0, k->stack[n++] = j;
        }
    }
}

struct area {
    size_t n;
    int x0, y0, x1, y1;
};

/* Labels the connected area of pixels with `from` in fore[] that holds `seed`. */
static struct area grow(struct work *k, int seed, uint8_t from, float below, int32_t label)
{
    struct area a = {0, k->w, k->h, 0, 0};
    size_t n = 1;
    k->stack[0] = seed;
    k->label[seed] = label;
    while (n) {
        int i = k->stack[--n], x = i % k->w, y = i / k->w;
        a.n++;
        if (x < a.x0) a.x0 = x;
        if (x > a.x1) a.x1 = x;
        if (y < a.y0) a.y0 = y;
        if (y > a.y1) a.y1 = y;
        EACH_NEIGHBOUR(k, i, j)
        if (!k->label[j] && k->fore[j] == from && k->distance[j] < below)
            k->label[j] = label, k->stack[n++] = j;
    }
    return a;
}

/* The ground seen through a bag's handle or a necklace: enclosed, of the background's colour, and large
 * beside the piece. A white print on a white ground is smaller. */
static void open_rings(struct work *k, float threshold)
{
    int32_t label = 0;
    struct area all = {0, k->w, k->h, 0, 0};
    for (int i = 0; i < (int)k->n; i++) {
        if (!k->fore[i]) continue;
        int x = i % k->w, y = i / k->w;
        all.x0 = x < all.x0 ? x : all.x0, all.x1 = x > all.x1 ? x : all.x1;
        all.y0 = y < all.y0 ? y : all.y0, all.y1 = y > all.y1 ? y : all.y1;
    }
    float box = (float)(all.x1 - all.x0 + 1) * (float)(all.y1 - all.y0 + 1);
    memset(k->label, 0, k->n * sizeof *k->label);
    for (int i = 0; i < (int)k->n; i++) {
        if (!k->fore[i] || k->label[i] || k->distance[i] >= threshold) continue;
        struct area a = grow(k, i, 1, threshold, ++label);
        if ((float)a.n < .2f * box) continue;
        for (int j = 0; j < (int)k->n; j++)
            if (k->label[j] == label) k->fore[j] = 0;
    }
}

/* Single pixels go, single gaps close; thin chains and straps stay. */
static void smooth(struct work *k)
{
    uint8_t *was = (uint8_t *)k->label; /* free at this time */
    memcpy(was, k->fore, k->n);
    for (int y = 1; y < k->h - 1; y++)
        for (int x = 1; x < k->w - 1; x++) {
            int around = 0, i = y * k->w + x;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    around += was[i + dy * k->w + dx];
            around -= was[i];
            if (was[i] && around < 2) k->fore[i] = 0;
            if (!was[i] && around > 5) k->fore[i] = 1;
        }
}

/* Leaves out specks; returns the garment's part of the picture. */
static float drop_specks(struct work *k)
{
    int32_t label = 0;
    size_t kept = 0, largest = 0;
    for (int pass = 0; pass < 2; pass++) {
        memset(k->label, 0, k->n * sizeof *k->label);
        for (int i = 0; i < (int)k->n; i++) {
            if (!k->fore[i] || k->label[i]) continue;
            struct area a = grow(k, i, 1, INFINITY, ++label);
            if (a.n > largest) largest = a.n;
            if (!pass) continue;
            if (a.n >= k->n / 300 && a.n >= largest / 50) {
                kept += a.n;
                continue;
            }
            for (int j = 0; j < (int)k->n; j++)
                if (k->label[j] == label) k->fore[j] = 0;
        }
    }
    return (float)kept / (float)k->n;
}

/* An oval in the middle: where a piece is when nothing can be told. */
static void guess(struct work *k)
{
    for (int y = 0; y < k->h; y++)
        for (int x = 0; x < k->w; x++) {
            float u = (2 * ((float)x + .5f) / (float)k->w - 1) / .75f;
            float v = (2 * ((float)y + .5f) / (float)k->h - 1) / .8f;
            k->fore[y * k->w + x] = u * u + v * v < 1;
        }
}

/* To full size: between the small pixels' centres, cut at one half. Fixed point, 8 bits. */
static void enlarge(const struct work *k, int width, int height, uint8_t *alpha)
{
    int step_x = (k->w << 16) / width, step_y = (k->h << 16) / height;
    for (int y = 0; y < height; y++) {
        int sy = y * step_y + step_y / 2 - 32768, y0 = sy < 0 ? 0 : sy >> 16, fy = sy < 0 ? 0 : (sy >> 8) & 255;
        const uint8_t *a = k->fore + (size_t)y0 * (size_t)k->w, *b = y0 + 1 < k->h ? a + k->w : a;
        for (int x = 0; x < width; x++) {
            int sx = x * step_x + step_x / 2 - 32768, x0 = sx < 0 ? 0 : sx >> 16,
                fx = sx < 0 ? 0 : (sx >> 8) & 255;
            int x1 = x0 + 1 < k->w ? x0 + 1 : x0;
            int top = a[x0] * (256 - fx) + a[x1] * fx, low = b[x0] * (256 - fx) + b[x1] * fx;
            *alpha++ = top * (256 - fy) + low * fy >= 32768 ? 255 : 0;
        }
    }
}

enum rc image_mask_garment(const struct image *im, struct image_mask *out, struct err *err)
{
    struct work k;
    *out = (struct image_mask){.width = im->width, .height = im->height};
    enum rc rc = work_init(&k, im, err);
    if (rc) goto done;
    out->alpha = malloc((size_t)im->width * (size_t)im->height);
    if (!out->alpha) {
        rc = err_set(err, RC_NOMEM, "out of memory for a garment's mask");
        goto done;
    }
    model_background(&k);
    float threshold = 2.5f * k.spread + 1;
    threshold = threshold < least_threshold  ? least_threshold
                : threshold > most_threshold ? most_threshold
                                             : threshold;
    out->plain = k.even * (1 - (k.spread > 1 ? (k.spread - 1) / 10 : 0));
    flood(&k, threshold);
    open_rings(&k, threshold * .8f);
    smooth(&k);
    out->share = drop_specks(&k);
    if (out->plain >= .5f && (out->share < .005f || out->share > .98f))
        out->plain = .3f; /* nothing stands out */
    if (out->plain < .5f) {
        guess(&k);
        size_t n = 0;
        for (size_t i = 0; i < k.n; i++)
            n += k.fore[i];
        out->share = (float)n / (float)k.n;
    }
    enlarge(&k, im->width, im->height, out->alpha);
done:
    if (rc) image_mask_release(out);
    work_release(&k);
    return rc;
}

void image_mask_release(struct image_mask *m)
{
    free(m->alpha);
    *m = (struct image_mask){0};
}

size_t image_mask_pieces(const struct image_mask *m, struct image_box *out, size_t cap)
{
    struct area found[64];
    struct work k = {.w = m->width, .h = m->height};
    size_t n = 0, step = 1;
    while (m->width / (int)step > WORK_PX || m->height / (int)step > WORK_PX)
        step++;
    k.w = (m->width + (int)step - 1) / (int)step;
    k.h = (m->height + (int)step - 1) / (int)step;
    k.n = (size_t)k.w * (size_t)k.h;
    k.fore = malloc(k.n);
    k.label = calloc(k.n, sizeof *k.label);
    k.stack = malloc(k.n * sizeof *k.stack);
    k.distance = calloc(k.n, sizeof *k.distance);
    if (!k.fore || !k.label || !k.stack || !k.distance) goto done;
    for (size_t i = 0; i < k.n; i++)
        k.fore[i] = m->alpha[i / (size_t)k.w * step * (size_t)m->width + i % (size_t)k.w * step] != 0;
    for (int i = 0; i < (int)k.n; i++) {
        if (!k.fore[i] || k.label[i]) continue;
        struct area a = grow(&k, i, 1, INFINITY, 1);
        if (a.n * 50 < k.n) continue;
        size_t at = n < 64 ? n++ : 63; /* at most 50 of two percent each fit */
        while (at > 0 && found[at - 1].n < a.n) {
            found[at] = found[at - 1];
            at--;
        }
        found[at] = a;
    }
    if (n > cap) n = cap;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct image_box){(float)found[i].x0 / (float)k.w, (float)found[i].y0 / (float)k.h,
                                    (float)(found[i].x1 - found[i].x0 + 1) / (float)k.w,
                                    (float)(found[i].y1 - found[i].y0 + 1) / (float)k.h};
done:
    work_release(&k);
    return n;
}
