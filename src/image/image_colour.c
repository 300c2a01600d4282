/*
 * The colours of a garment: its pixels counted in cells of 5 bits a channel, the cells clustered by weighted
 * k-means in OKLab with lightness counting less (folds and shadows are one cloth), the clusters named by the
 * nearest anchor. Deterministic: the first centre is the fullest cell, each further one the cell that is worst
 * served by those before.
 */
#include "image/anchors.h"
#include "image/image.h"
#include "image/oklab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 1 << 15, CLUSTERS = 6, ROUNDS = 12, SAMPLES = 20000 };

struct cell {
    uint32_t n, r, g, b; /* pixels, and sums of their bytes */
};

struct point {
    struct oklab c;
    float n;
    int cluster;
};

struct cluster {
    struct oklab c;
    double n, r, g, b;
};

static bool all_inside(const struct image_mask *m, int x, int y, int e)
{
    if (x < e || y < e || x >= m->width - e || y >= m->height - e) return false;
    const uint8_t *p = m->alpha + (size_t)y * (size_t)m->width + (size_t)x;
    size_t w = (size_t)m->width;
    return p[0] && p[-e] && p[e] && p[-(ptrdiff_t)w * e] && p[w * (size_t)e];
}

/* Every how many pixels one is looked at, across and down. */
static int step_of(const struct image *im) { return (int)ceil(sqrt((double)im->width * im->height / SAMPLES)); }

/* Counts pixels inside the mask and at least `edge` away from its border; returns how many. */
static size_t count(const struct image *im, const struct image_mask *m, int edge, struct cell *cells)
{
    size_t n = 0;
    int step = step_of(im);
    for (int y = step / 2; y < im->height; y += step)
        for (int x = step / 2; x < im->width; x += step) {
            if (m && !all_inside(m, x, y, edge)) continue;
            const uint8_t *p = im->rgb + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
            struct cell *c = &cells[(p[0] >> 3) << 10 | (p[1] >> 3) << 5 | p[2] >> 3];
            c->n++;
            c->r += p[0];
            c->g += p[1];
            c->b += p[2];
            n++;
        }
    return n;
}

static float distance(struct oklab a, struct oklab b)
{
    float l = a.l - b.l, u = a.a - b.a, v = a.b - b.b;
    return .35f * l * l + 2 * (u * u + v * v);
}

static size_t seed(const struct point *points, size_t n, float *far, struct cluster *clusters)
{
    size_t k = 0, next = 0;
    for (size_t i = 1; i < n; i++)
        if (points[i].n > points[next].n) next = i;
    while (k < CLUSTERS) {
        clusters[k].c = points[next].c;
        float worst = 0;
        for (size_t i = 0; i < n; i++) {
            float d = distance(points[i].c, clusters[k].c);
            if (k == 0 || d < far[i]) far[i] = d;
            if (far[i] * points[i].n > worst) worst = far[i] * points[i].n, next = i;
        }
        k++;
        if (worst <= 0) break;
    }
    return k;
}

static void assign(struct point *points, size_t n, struct cluster *clusters, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        float best = INFINITY;
        for (size_t c = 0; c < k; c++) {
            float d = distance(points[i].c, clusters[c].c);
            if (d < best) best = d, points[i].cluster = (int)c;
        }
    }
}

static void centre(const struct point *points, size_t n, struct cluster *clusters, size_t k)
{
    double sums[CLUSTERS][4] = {{0}};
    for (size_t i = 0; i < n; i++) {
        double *s = sums[points[i].cluster];
        s[0] += points[i].n;
        s[1] += (double)points[i].n * points[i].c.l;
        s[2] += (double)points[i].n * points[i].c.a;
        s[3] += (double)points[i].n * points[i].c.b;
    }
    for (size_t c = 0; c < k; c++) {
        const double *s = sums[c];
        clusters[c].n = s[0];
        if (s[0] > 0)
            clusters[c].c = (struct oklab){(float)(s[1] / s[0]), (float)(s[2] / s[0]), (float)(s[3] / s[0])};
    }
}

static const char *name_of(struct oklab c)
{
    const char *name = anchors[0].name;
    float best = INFINITY;
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
        float l = c.l - anchors[i].c.l, a = c.a - anchors[i].c.a, b = c.b - anchors[i].c.b;
        float d = .35f * l * l + 2 * (a * a + b * b) + anchors[i].handicap;
        if (d < best) best = d, name = anchors[i].name;
    }
    return name;
}

/* Clusters of one name together, largest first, without the small ones. */
static size_t report(const struct cluster *clusters, size_t k, struct image_colour *out, size_t cap)
{
    struct {
        const char *name;
        double n, r, g, b;
    } sum[CLUSTERS] = {0}, swap;
    size_t names = 0, given = 0;
    double all = 0, kept = 0;
    for (size_t c = 0; c < k; c++) {
        if (clusters[c].n <= 0) continue;
        const char *name = name_of(clusters[c].c);
        size_t at = 0;
        while (at < names && strcmp(sum[at].name, name) != 0)
            at++;
        if (at == names) names++;
        sum[at].name = name;
        sum[at].n += clusters[c].n;
        sum[at].r += clusters[c].r;
        sum[at].g += clusters[c].g;
        sum[at].b += clusters[c].b;
        all += clusters[c].n;
    }
    for (size_t i = 1; i < names; i++)
        for (size_t j = i; j > 0 && sum[j].n > sum[j - 1].n; j--)
            swap = sum[j], sum[j] = sum[j - 1], sum[j - 1] = swap;
    while (given < names && given < cap && (given == 0 || sum[given].n >= .05 * all))
        kept += sum[given++].n;
    for (size_t i = 0; i < given; i++)
        out[i] = (struct image_colour){.name = sum[i].name,
                                       .share = (float)(sum[i].n / kept),
                                       .rgb = {(uint8_t)(sum[i].r / sum[i].n + .5),
                                               (uint8_t)(sum[i].g / sum[i].n + .5),
                                               (uint8_t)(sum[i].b / sum[i].n + .5)}};
    return given;
}

static size_t cluster_cells(const struct cell *cells, struct image_colour *out, size_t cap)
{
    struct cluster clusters[CLUSTERS] = {0};
    size_t n = 0, k;
    for (size_t i = 0; i < CELLS; i++)
        n += cells[i].n > 0;
    struct point *points = malloc((n + 1) * sizeof *points);
    float *far = malloc((n + 1) * sizeof *far);
    if (!points || !far || n == 0) {
        free(points);
        free(far);
        return 0;
    }
    size_t at = 0;
    for (size_t i = 0; i < CELLS; i++) {
        const struct cell *c = &cells[i];
        if (!c->n) continue;
        uint8_t mean[3] = {(uint8_t)(c->r / c->n), (uint8_t)(c->g / c->n), (uint8_t)(c->b / c->n)};
        points[at++] = (struct point){.c = oklab_of(mean), .n = (float)c->n};
    }
    k = seed(points, n, far, clusters);
    for (int round = 0; round < ROUNDS; round++) {
        assign(points, n, clusters, k);
        centre(points, n, clusters, k);
    }
    at = 0;
    for (size_t i = 0; i < CELLS; i++) {
        if (!cells[i].n) continue;
        struct cluster *c = &clusters[points[at++].cluster];
        c->r += cells[i].r;
        c->g += cells[i].g;
        c->b += cells[i].b;
    }
    free(points);
    free(far);
    return report(clusters, k, out, cap);
}

size_t image_colours(const struct image *im, const struct image_mask *mask, struct image_colour *out,
                     size_t cap)
{
    int longest = im->width > im->height ? im->width : im->height, edge = longest / 120 + 1;
    struct cell *cells = calloc(CELLS, sizeof *cells), *bare = NULL;
    if (!cells || cap == 0) {
        free(cells);
        return 0;
    }
    ASSERT(!mask || (mask->width == im->width && mask->height == im->height));
    size_t n = count(im, mask, edge, cells), found = 0;
    double all = (double)im->width * im->height / (step_of(im) * step_of(im));
    if (mask && (double)n < .25 * mask->share * all) {
        bare = calloc(CELLS, sizeof *bare); /* thin all over, as a chain: its edge is all there is */
        if (bare && count(im, mask, 0, bare) > 0) found = cluster_cells(bare, out, cap);
        free(bare);
    }
    if (!found) found = cluster_cells(cells, out, cap);
    free(cells);
    return found;
}
