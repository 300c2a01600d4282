/* The engine: geometry, parts, light. See pen.h. */
#include "demo/pen.h"

#include <math.h>

uint64_t rng_u64(struct rng *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double rng_unit(struct rng *r) { return (double)(rng_u64(r) >> 11) * 0x1p-53; }
double rng_range(struct rng *r, double least, double most) { return least + (most - least) * rng_unit(r); }
int rng_below(struct rng *r, int n) { return n > 0 ? (int)(rng_u64(r) % (uint64_t)n) : 0; }
bool rng_chance(struct rng *r, double probability) { return rng_unit(r) < probability; }

uint64_t rng_mix(uint64_t a, uint64_t b)
{
    struct rng r = {a * 0x9e3779b97f4a7c15u ^ (b + 0x7f4a7c15u)};
    rng_u64(&r);
    return rng_u64(&r);
}

struct rgb rgb_hex(unsigned hex)
{
    return (struct rgb){(double)(hex >> 16 & 255) / 255, (double)(hex >> 8 & 255) / 255,
                        (double)(hex & 255) / 255};
}

struct rgb rgb_mix(struct rgb a, struct rgb b, double t)
{
    return (struct rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static double clamp01(double v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

struct rgb rgb_scale(struct rgb a, double k)
{
    return (struct rgb){clamp01(a.r * k), clamp01(a.g * k), clamp01(a.b * k)};
}

double rgb_luma(struct rgb a) { return .299 * a.r + .587 * a.g + .114 * a.b; }
void pen_source(cairo_t *cr, struct rgb c, double alpha) { cairo_set_source_rgba(cr, c.r, c.g, c.b, alpha); }

static double lattice(uint64_t seed, int64_t x, int64_t y)
{
    uint64_t h = seed ^ (uint64_t)x * 0x9e3779b97f4a7c15u ^ (uint64_t)y * 0xc2b2ae3d27d4eb4fu;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
    return (double)(h >> 40) * 0x1p-23 - 1;
}

double noise2(uint64_t seed, double x, double y)
{
    double fx = floor(x), fy = floor(y), u = x - fx, v = y - fy;
    int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    double a = lattice(seed, ix, iy), b = lattice(seed, ix + 1, iy);
    double c = lattice(seed, ix, iy + 1), d = lattice(seed, ix + 1, iy + 1);
    return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v;
}

static void blur_rows(const float *in, float *out, int w, int h, int r)
{
    float k = 1.0f / (float)(2 * r + 1);
    for (int y = 0; y < h; y++) { /* writes the transpose, so that two calls blur both ways */
        const float *row = in + (size_t)y * (size_t)w;
        float sum = 0;
        for (int x = -r; x <= r; x++)
            sum += row[x < 0 ? 0 : x < w ? x : w - 1];
        for (int x = 0; x < w; x++) {
            out[(size_t)x * (size_t)h + (size_t)y] = sum * k;
            int add = x + r + 1, sub = x - r;
            sum += row[add < w ? add : w - 1] - row[sub > 0 ? sub : 0];
        }
    }
}

void blur(float *f, float *tmp, int w, int h, int radius, int passes)
{
    if (radius < 1 || w < 1 || h < 1) return;
    for (int i = 0; i < passes; i++) {
        blur_rows(f, tmp, w, h, radius);
        blur_rows(tmp, f, h, w, radius);
    }
}

void pen_startup(void) { fabric_startup(); }

enum rc pen_create(int width, int height, uint64_t seed, struct pen **out, struct err *err)
{
    struct pen *p = calloc(1, sizeof *p);
    size_t n = (size_t)width * (size_t)height;
    if (p) {
        p->rgba = calloc(n * 4, sizeof *p->rgba);
        p->hull = calloc(n, 1);
    }
    if (!p || !p->rgba || !p->hull) {
        pen_destroy(p);
        return err_set(err, RC_NOMEM, "no memory for a canvas of %d x %d", width, height);
    }
    p->width = width;
    p->height = height;
    p->rng.state = seed;
    p->warp_seed = rng_mix(seed, 77);
    p->cx = width / 2.0;
    p->cy = height / 2.0;
    p->scale = 1;
    p->turn_cos = 1;
    p->warp = 5;
    p->x0 = p->y0 = 1e9;
    p->x1 = p->y1 = -1e9;
    *out = p;
    return RC_OK;
}

void pen_destroy(struct pen *p)
{
    if (!p) return;
    free(p->rgba);
    free(p->hull);
    free(p);
}

void pen_map(const struct pen *p, double x, double y, double *px, double *py)
{
    if (p->mirror) x = -x;
    x += p->warp * noise2(p->warp_seed, x / 130, y / 130);
    y += p->warp * noise2(p->warp_seed + 1, x / 130, y / 130);
    y -= 400;
    *px = p->cx + p->scale * (x * p->turn_cos - y * p->turn_sin);
    *py = p->cy + p->scale * (x * p->turn_sin + y * p->turn_cos);
}

void pen_fit(struct pen *p, double x0, double y0, double x1, double y1, double margin)
{
    double sx = (p->width - 2 * margin) / (x1 - x0), sy = (p->height - 2 * margin) / (y1 - y0);
    double s = sx < sy ? sx : sy;
    p->scale = s;
    p->cx = p->width / 2.0 - s * (x0 + x1) / 2;
    p->cy = p->height / 2.0 - s * ((y0 + y1) / 2 - 400);
}

void outline_add(struct outline *o, struct knot k)
{
    if (o->n < OUTLINE_MAX) o->k[o->n++] = k;
}

void outline_addn(struct outline *o, const struct knot *k, size_t n)
{
    for (size_t i = 0; i < n; i++)
        outline_add(o, k[i]);
}

struct outline outline_of(const struct knot *k, size_t n)
{
    struct outline o = {.n = 0};
    outline_addn(&o, k, n);
    return o;
}

struct outline outline_ellipse(double x, double y, double rx, double ry)
{
    struct outline o = {.n = 0};
    for (int i = 0; i < 12; i++) {
        double a = i * 3.14159265358979 / 6;
        outline_add(&o, K(x + rx * cos(a), y + ry * sin(a)));
    }
    return o;
}

/* Catmull-Rom as Bezier segments (a third of the chord between the neighbours, shortened with the segment). */
void pen_trace(const struct pen *p, cairo_t *cr, const struct outline *o, bool closed)
{
    size_t n = o->n;
    if (n < 2) return;
    double x[OUTLINE_MAX], y[OUTLINE_MAX];
    for (size_t i = 0; i < n; i++)
        pen_map(p, o->k[i].x, o->k[i].y, &x[i], &y[i]);
    cairo_move_to(cr, x[0], y[0]);
    size_t segments = closed ? n : n - 1;
    for (size_t i = 0; i < segments; i++) {
        size_t a = i, b = (i + 1) % n;
        double d = hypot(x[b] - x[a], y[b] - y[a]);
        double t[2][2] = {{0, 0}, {0, 0}};
        for (int side = 0; side < 2; side++) {
            size_t at = side ? b : a;
            bool end = !closed && (at == 0 || at == n - 1);
            if (o->k[at].corner || end) continue;
            size_t prev = (at + n - 1) % n, next = (at + 1) % n;
            double tx = x[next] - x[prev], ty = y[next] - y[prev], len = hypot(tx, ty);
            if (len < 1e-6) continue;
            t[side][0] = tx / len * d * .36;
            t[side][1] = ty / len * d * .36;
        }
        cairo_curve_to(cr, x[a] + t[0][0], y[a] + t[0][1], x[b] - t[1][0], y[b] - t[1][1], x[b], y[b]);
    }
    if (closed) cairo_close_path(cr);
}

static cairo_t *context(cairo_format_t format, int w, int h)
{
    cairo_surface_t *s = cairo_image_surface_create(format, w, h);
    cairo_t *cr = cairo_create(s);
    cairo_surface_destroy(s); /* the context holds it */
    return cr;
}

void pen_hull_begin(struct pen *p)
{
    memset(p->hull, 0, (size_t)p->width * (size_t)p->height);
    p->hull_used = true;
}

void pen_hull_add(struct pen *p, const struct outline *o)
{
    int stride = cairo_format_stride_for_width(CAIRO_FORMAT_A8, p->width);
    if (stride != p->width) {
        p->failed = true; /* widths are multiples of 4 */
        return;
    }
    cairo_surface_t *s =
        cairo_image_surface_create_for_data(p->hull, CAIRO_FORMAT_A8, p->width, p->height, stride);
    cairo_t *cr = cairo_create(s);
    pen_trace(p, cr, o, true);
    cairo_set_source_rgba(cr, 1, 1, 1, 1);
    cairo_fill_preserve(cr);
    cairo_set_line_width(cr, 1.5); /* closes the hairline between neighbours */
    cairo_stroke(cr);
    cairo_destroy(cr);
    cairo_surface_destroy(s);
}

void pen_hull_end(struct pen *p) { p->hull_used = false; }

static void grey(cairo_t *cr, double v) { cairo_set_source_rgb(cr, v, v, v); }

void part_begin(struct part *t, struct pen *p, const struct material *m, const struct outline *o)
{
    *t = (struct part){.pen = p,
                       .m = m,
                       .puff = 7,
                       .edge = 7,
                       .shade = 1,
                       .cast = .35,
                       .cast_px = 7,
                       .opacity = 1,
                       .folds = 6};
    cairo_t *probe = context(CAIRO_FORMAT_A8, 1, 1);
    pen_trace(p, probe, o, true);
    double x0, y0, x1, y1;
    cairo_fill_extents(probe, &x0, &y0, &x1, &y1);
    cairo_destroy(probe);
    const int pad = 24;
    int ix0 = (int)floor(x0) - pad, iy0 = (int)floor(y0) - pad;
    int ix1 = (int)ceil(x1) + pad, iy1 = (int)ceil(y1) + pad;
    if (ix0 < 0) ix0 = 0;
    if (iy0 < 0) iy0 = 0;
    if (ix1 > p->width) ix1 = p->width;
    if (iy1 > p->height) iy1 = p->height;
    t->x = ix0 & ~1;
    t->y = iy0 & ~1;
    t->w = (ix1 - t->x) & ~1;
    t->h = (iy1 - t->y) & ~1;
    if (t->w < 8 || t->h < 8) {
        t->w = t->h = 0;
        /* Contexts of one pixel take what is drawn on them and forget it. */
    }
    int w = t->w ? t->w : 1, h = t->h ? t->h : 1;
    t->mask = context(CAIRO_FORMAT_A8, w, h);
    t->soft = context(CAIRO_FORMAT_RGB24, w / 2 + 1, h / 2 + 1);
    t->fine = context(CAIRO_FORMAT_RGB24, w, h);
    t->ink = context(CAIRO_FORMAT_ARGB32, w, h);
    cairo_translate(t->mask, -t->x, -t->y);
    cairo_translate(t->fine, -t->x, -t->y);
    cairo_translate(t->ink, -t->x, -t->y);
    cairo_scale(t->soft, .5, .5);
    cairo_translate(t->soft, -t->x, -t->y);
    grey(t->soft, .5);
    cairo_paint(t->soft);
    grey(t->fine, .5);
    cairo_paint(t->fine);
    pen_trace(p, t->mask, o, true);
    cairo_fill(t->mask);
}

void part_fold(struct part *t, double x0, double y0, double x1, double y1, double bend, double width,
               double strength)
{
    struct pen *p = t->pen;
    double ax, ay, bx, by;
    pen_map(p, x0, y0, &ax, &ay);
    pen_map(p, x1, y1, &bx, &by);
    double dx = bx - ax, dy = by - ay, len = hypot(dx, dy);
    if (len < 1) return;
    double nx = -dy / len, ny = dx / len, side = p->mirror ? -1 : 1;
    double mx = (ax + bx) / 2 + nx * bend * side * p->scale, my = (ay + by) / 2 + ny * bend * side * p->scale;
    double w = width * p->scale;
    strength *= fabric_look(t->m->fabric)->folds;
    double alpha = fmin(.9, fabs(strength));
    for (int valley = 0; valley < 2; valley++) { /* a lens for the ridge, and one beside it for its valley */
        double off = valley ? w * .75 * side : 0, v = (strength > 0) != (valley == 1) ? 1 : 0;
        cairo_move_to(t->soft, ax + nx * off, ay + ny * off);
        cairo_curve_to(t->soft, mx + nx * (off + w / 2), my + ny * (off + w / 2), mx + nx * (off + w / 2),
                       my + ny * (off + w / 2), bx + nx * off * .5, by + ny * off * .5);
        cairo_curve_to(t->soft, mx + nx * (off - w / 2), my + ny * (off - w / 2), mx + nx * (off - w / 2),
                       my + ny * (off - w / 2), ax + nx * off, ay + ny * off);
        cairo_close_path(t->soft);
        cairo_set_source_rgba(t->soft, v, v, v, valley ? alpha * .7 : alpha);
        cairo_fill(t->soft);
    }
}

void part_seam(struct part *t, const struct outline *o, double depth)
{
    pen_trace(t->pen, t->fine, o, false);
    cairo_set_line_width(t->fine, 2.2);
    cairo_set_source_rgba(t->fine, 0, 0, 0, .75 * depth);
    cairo_stroke(t->fine);
    pen_trace(t->pen, t->ink, o, false);
    cairo_set_line_width(t->ink, 1.1);
    cairo_set_source_rgba(t->ink, 0, 0, 0, .28 * depth);
    cairo_stroke(t->ink);
    pen_trace(t->pen, t->soft, o, false);
    cairo_set_line_width(t->soft, 7);
    cairo_set_source_rgba(t->soft, 0, 0, 0, .22 * depth);
    cairo_stroke(t->soft);
}

void part_stitch(struct part *t, const struct outline *o, struct rgb colour, double width)
{
    const double dash[] = {4.2, 2.0};
    for (int relief = 0; relief < 2; relief++) {
        cairo_t *cr = relief ? t->fine : t->ink;
        pen_trace(t->pen, cr, o, false);
        cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
        cairo_set_dash(cr, dash, 2, 0);
        cairo_set_line_width(cr, relief ? width + .4 : width);
        if (relief)
            cairo_set_source_rgba(cr, 1, 1, 1, .35);
        else
            pen_source(cr, colour, .8);
        cairo_stroke(cr);
        cairo_set_dash(cr, NULL, 0, 0);
    }
    pen_trace(t->pen, t->fine, o, false); /* the thread pulls the cloth in */
    cairo_set_line_width(t->fine, 4);
    cairo_set_source_rgba(t->fine, 0, 0, 0, .12);
    cairo_stroke(t->fine);
}

void part_line(struct part *t, const struct outline *o, struct rgb colour, double width, double alpha)
{
    pen_trace(t->pen, t->ink, o, false);
    cairo_set_line_width(t->ink, width * t->pen->scale);
    cairo_set_line_cap(t->ink, CAIRO_LINE_CAP_ROUND);
    pen_source(t->ink, colour, alpha);
    cairo_stroke(t->ink);
}

void part_emboss(struct part *t, const struct outline *o, double height)
{
    pen_trace(t->pen, t->soft, o, true);
    double v = height > 0 ? 1 : 0;
    cairo_set_source_rgba(t->soft, v, v, v, fabs(height));
    cairo_fill(t->soft);
}

void part_fade(struct part *t, double x, double y, double rx, double ry, double amount)
{
    double px, py;
    pen_map(t->pen, x, y, &px, &py);
    cairo_t *cr = t->ink;
    cairo_save(cr);
    cairo_translate(cr, px, py);
    cairo_scale(cr, rx * t->pen->scale, ry * t->pen->scale);
    cairo_pattern_t *g = cairo_pattern_create_radial(0, 0, 0, 0, 0, 1);
    double v = amount > 0 ? 1 : 0;
    for (int i = 0; i <= 8; i++) {
        double q = i / 8.0, a = (1 - q) * (1 - q) * (1 + 2 * q); /* smooth to nothing */
        cairo_pattern_add_color_stop_rgba(g, q, v, v, v, fabs(amount) * a);
    }
    cairo_set_source(cr, g);
    cairo_arc(cr, 0, 0, 1, 0, 6.2832);
    cairo_fill(cr);
    cairo_pattern_destroy(g);
    cairo_restore(cr);
}

/* What part_end() works on. All (h, w) f32, but half-size ones: (h/2, w/2). */
struct relief {
    float *half, *half2, *wide, *tmp; /* half size */
    float *height;                    /* full size */
    int w, h, w2, h2;
};

static float sample_half(const float *f, int w2, int h2, int x, int y)
{
    /* Centres of half-size pixels lie at odd positions of the full size. */
    float fx = (float)x * .5f - .25f, fy = (float)y * .5f - .25f;
    if (fx < 0) fx = 0;
    if (fy < 0) fy = 0;
    int ix = (int)fx, iy = (int)fy;
    float u = fx - (float)ix, v = fy - (float)iy;
    int jx = ix + 1 < w2 ? ix + 1 : w2 - 1, jy = iy + 1 < h2 ? iy + 1 : h2 - 1;
    const float *a = f + (size_t)iy * (size_t)w2, *b = f + (size_t)jy * (size_t)w2;
    return (a[ix] + (a[jx] - a[ix]) * u) * (1 - v) + (b[ix] + (b[jx] - b[ix]) * u) * v;
}

static void mask_to_half(const struct part *t, const uint8_t *mask, int stride, float *out, int w2, int h2)
{
    (void)t;
    for (int y = 0; y < h2; y++) {
        const uint8_t *a = mask + (size_t)(2 * y) * (size_t)stride, *b = a + stride;
        for (int x = 0; x < w2; x++)
            out[(size_t)y * (size_t)w2 + (size_t)x] =
                (float)(a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]) * (1.0f / 1020);
    }
}

/* The shadow that the part throws on those below. `half` holds its mask. */
static void cast_shadow(struct part *t, struct relief *r)
{
    struct pen *p = t->pen;
    size_t n2 = (size_t)r->w2 * (size_t)r->h2;
    memcpy(r->half2, r->half, n2 * sizeof(float));
    int radius = (int)(t->cast_px * p->scale / 2 / 1.6 + .5);
    blur(r->half2, r->tmp, r->w2, r->h2, radius > 0 ? radius : 1, 2);
    int dx = (int)(t->cast_px * p->scale * .35 + .5), dy = (int)(t->cast_px * p->scale * .6 + .5);
    float k = (float)t->cast;
    for (int y = 0; y < r->h; y++) {
        float *px = p->rgba + ((size_t)(t->y + y) * (size_t)p->width + (size_t)t->x) * 4;
        for (int x = 0; x < r->w; x++, px += 4) {
            if (px[3] < .004f || x < dx || y < dy) continue;
            float s = 1 - k * sample_half(r->half2, r->w2, r->h2, x - dx, y - dy);
            px[0] *= s;
            px[1] *= s;
            px[2] *= s;
        }
    }
}

/* Swelling, folds and crumples at half size. Leaves the height in half, and a wide blur in `wide`. */
static void make_height(struct part *t, struct relief *r, uint64_t seed)
{
    struct pen *p = t->pen;
    const struct fabric_look *look = fabric_look(t->m->fabric);
    size_t n2 = (size_t)r->w2 * (size_t)r->h2;
    if (t->joined && p->hull_used) {
        const uint8_t *hull = p->hull + (size_t)t->y * (size_t)p->width + (size_t)t->x;
        mask_to_half(t, hull, p->width, r->half, r->w2, r->h2);
    }
    double e = t->edge * p->scale / 2;
    int r1 = (int)(e * .35 + .5), r2 = (int)(e + .5), r3 = (int)(e * 2.6 + .5);
    memcpy(r->half2, r->half, n2 * sizeof(float));
    blur(r->half2, r->tmp, r->w2, r->h2, r1 > 0 ? r1 : 1, 2);
    memcpy(r->wide, r->half2, n2 * sizeof(float));
    blur(r->wide, r->tmp, r->w2, r->h2, r2 > 0 ? r2 : 1, 2);
    for (size_t i = 0; i < n2; i++)
        r->half[i] = .3f * r->half2[i] + .45f * r->wide[i];
    memcpy(r->half2, r->wide, n2 * sizeof(float));
    blur(r->half2, r->tmp, r->w2, r->h2, r3 > 0 ? r3 : 1, 2);
    float puff = (float)(t->puff * p->scale);
    for (size_t i = 0; i < n2; i++)
        r->half[i] = puff * (r->half[i] + .55f * r->half2[i]);

    cairo_surface_t *s = cairo_get_target(t->soft);
    cairo_surface_flush(s);
    const uint8_t *g = cairo_image_surface_get_data(s);
    int stride = cairo_image_surface_get_stride(s);
    for (int y = 0; y < r->h2; y++)
        for (int x = 0; x < r->w2; x++)
            r->half2[(size_t)y * (size_t)r->w2 + (size_t)x] =
                ((float)g[(size_t)y * (size_t)stride + (size_t)x * 4] - 128) / 127;
    int rf = (int)(1.9 * p->scale + .5);
    blur(r->half2, r->tmp, r->w2, r->h2, rf > 0 ? rf : 1, 2);
    float fold = (float)(t->folds * p->scale), crumple = (float)(look->crumple * p->scale);
    double ca = cos(t->grain_angle), sa = sin(t->grain_angle), k = .8 / p->scale;
    double du = (double)(seed & 1023), dv = (double)(seed >> 10 & 1023);
    for (int y = 0; y < r->h2; y++) {
        for (int x = 0; x < r->w2; x++) {
            size_t i = (size_t)y * (size_t)r->w2 + (size_t)x;
            r->half[i] += fold * r->half2[i];
            if (crumple <= 0 || r->wide[i] < .02f) continue;
            double gx = t->x + 2 * x, gy = t->y + 2 * y, u = gx * ca + gy * sa, v = gy * ca - gx * sa;
            r->half[i] += crumple * (float)fabric_crumple((u + du) * k, (v + dv) * k);
        }
    }
}

static void add_fine(struct part *t, struct relief *r)
{
    cairo_surface_t *s = cairo_get_target(t->fine);
    cairo_surface_flush(s);
    const uint8_t *g = cairo_image_surface_get_data(s);
    int stride = cairo_image_surface_get_stride(s);
    const struct grain *grain = fabric_grain(t->m->fabric);
    double ca = cos(t->grain_angle), sa = sin(t->grain_angle);
    for (int y = 0; y < r->h; y++) {
        for (int x = 0; x < r->w; x++) {
            float v = sample_half(r->half, r->w2, r->h2, x, y);
            v += ((float)g[(size_t)y * (size_t)stride + (size_t)x * 4] - 128) * (2.0f / 127);
            int gx = t->x + x, gy = t->y + y;
            int u = (int)(gx * ca + gy * sa + 4096) & (GRAIN_PX - 1),
                w = (int)(gy * ca - gx * sa + 4096) & (GRAIN_PX - 1);
            v += grain->relief[w * GRAIN_PX + u];
            r->height[(size_t)y * (size_t)r->w + (size_t)x] = v;
        }
    }
}

/* The colours before light: pattern or plain, then what was drawn with `ink`. Caller destroys. */
static cairo_surface_t *paint_albedo(struct part *t)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, t->w, t->h);
    cairo_t *cr = cairo_create(s);
    pen_source(cr, t->m->base, 1);
    cairo_paint(cr);
    if (t->m->tile) {
        cairo_save(cr);
        cairo_translate(cr, t->pen->cx - t->x, t->pen->cy - t->y);
        cairo_rotate(cr, t->grain_angle);
        double k = t->m->scale * t->pen->scale;
        cairo_scale(cr, k, k);
        cairo_set_source_surface(cr, t->m->tile, 0, 0);
        cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_REPEAT);
        cairo_paint(cr);
        cairo_restore(cr);
    }
    cairo_set_source_surface(cr, cairo_get_target(t->ink), 0, 0);
    cairo_paint(cr);
    cairo_destroy(cr);
    cairo_surface_flush(s);
    return s;
}

static const float light[3] = {-.42f, -.58f, .70f}, half_way[3] = {-.228f, -.314f, .922f};

/* Light on one row of the part, composed onto the canvas. */
static void light_row(struct part *t, const struct relief *r, int y, const uint8_t *mask,
                      const uint32_t *colour, int colour_stride)
{
    struct pen *p = t->pen;
    const struct fabric_look *look = fabric_look(t->m->fabric);
    const struct grain *grain = fabric_grain(t->m->fabric);
    float *out = p->rgba + ((size_t)(t->y + y) * (size_t)p->width + (size_t)t->x) * 4;
    const float *row = r->height + (size_t)y * (size_t)r->w;
    const float *up = y > 0 ? row - r->w : row, *down = y + 1 < r->h ? row + r->w : row;
    float contrast = (float)look->contrast, spec = (float)look->specular, sheen = (float)look->sheen;
    float shade = (float)t->shade, opacity = (float)t->opacity;
    double ca = cos(t->grain_angle), sa = sin(t->grain_angle);
    bool displaced = t->m->tile != NULL;
    for (int x = 0; x < r->w; x++, out += 4) {
        if (!mask[x]) continue;
        float a = (float)mask[x] * (1.0f / 255) * opacity;
        float gx = (row[x + 1 < r->w ? x + 1 : x] - row[x > 0 ? x - 1 : x]) * .5f, gy = (down[x] - up[x]) * .5f;
        float inv = 1 / sqrtf(1 + gx * gx + gy * gy);
        float d = (-gx * light[0] - gy * light[1] + light[2]) * inv * (1 / .70f);
        d = d < 1 ? 1 - (1 - d) * .78f * contrast : 1 + (d - 1) * .55f * contrast;
        float wide = sample_half(r->wide, r->w2, r->h2, x, y);
        float ao = 1 - .34f * (1 - wide) * (1 - wide) - .16f * (1 - wide);
        if (d < .12f) d = .12f;
        int cx = x, cy = y;
        if (displaced) { /* folds carry the pattern with them */
            cx += (int)(gx * 5 + (gx < 0 ? -.5f : .5f));
            cy += (int)(gy * 5 + (gy < 0 ? -.5f : .5f));
            cx = cx < 0 ? 0 : cx < r->w ? cx : r->w - 1;
            cy = cy < 0 ? 0 : cy < r->h ? cy : r->h - 1;
        }
        uint32_t c = colour[(size_t)cy * (size_t)colour_stride + (size_t)cx];
        int fx = t->x + x, fy = t->y + y;
        int u = (int)(fx * ca + fy * sa + 4096) & (GRAIN_PX - 1),
            v = (int)(fy * ca - fx * sa + 4096) & (GRAIN_PX - 1);
        float k = d * ao * shade * (1 + grain->tint[v * GRAIN_PX + u]);
        float sp = (-gx * half_way[0] - gy * half_way[1] + half_way[2]) * inv, add = 0;
        if (spec > 0 && sp > 0) {
            for (int i = 0; i < look->gloss; i++)
                sp *= sp;
            add = spec * sp;
        }
        float graze = 1 - inv;
        add = (add + sheen * graze + .05f * (d > 1 ? d - 1 : 0)) * ao * shade;
        float red = (float)(c >> 16 & 255) * (1.0f / 255) * k + add;
        float green = (float)(c >> 8 & 255) * (1.0f / 255) * k + add;
        float blue = (float)(c & 255) * (1.0f / 255) * k + add;
        /* what goes over 1 is bent, not cut */
        red = red > .9f ? .9f + (red - .9f) * .4f : red;
        green = green > .9f ? .9f + (green - .9f) * .4f : green;
        blue = blue > .9f ? .9f + (blue - .9f) * .4f : blue;
        out[0] = out[0] * (1 - a) + (red > 1 ? 1 : red) * a;
        out[1] = out[1] * (1 - a) + (green > 1 ? 1 : green) * a;
        out[2] = out[2] * (1 - a) + (blue > 1 ? 1 : blue) * a;
        out[3] = out[3] * (1 - a) + a;
    }
}

static void part_render(struct part *t, struct relief *r)
{
    struct pen *p = t->pen;
    cairo_surface_t *ms = cairo_get_target(t->mask);
    cairo_surface_flush(ms);
    const uint8_t *mask = cairo_image_surface_get_data(ms);
    int stride = cairo_image_surface_get_stride(ms);
    mask_to_half(t, mask, stride, r->half, r->w2, r->h2);
    if (t->cast > 0) cast_shadow(t, r);
    make_height(t, r, rng_u64(&p->rng));
    add_fine(t, r);
    cairo_surface_t *colours = paint_albedo(t);
    const uint32_t *c = (const uint32_t *)(const void *)cairo_image_surface_get_data(colours);
    if (!c || !mask) {
        p->failed = true;
    } else {
        int cs = cairo_image_surface_get_stride(colours) / 4;
        for (int y = 0; y < r->h; y++)
            light_row(t, r, y, mask + (size_t)y * (size_t)stride, c, cs);
    }
    cairo_surface_destroy(colours);
}

void part_end(struct part *t)
{
    struct pen *p = t->pen;
    struct relief r = {.w = t->w, .h = t->h, .w2 = t->w / 2, .h2 = t->h / 2};
    float *all = NULL;
    if (t->w == 0) goto out;
    size_t n = (size_t)r.w * (size_t)r.h, n2 = (size_t)r.w2 * (size_t)r.h2;
    all = malloc((n + 4 * n2) * sizeof *all);
    if (!all || cairo_status(t->mask) || cairo_status(t->soft) || cairo_status(t->fine) ||
        cairo_status(t->ink)) {
        p->failed = true;
        goto out;
    }
    r.height = all;
    r.half = all + n;
    r.half2 = r.half + n2;
    r.wide = r.half2 + n2;
    r.tmp = r.wide + n2;
    part_render(t, &r);
    if (t->x + 24 < p->x0) p->x0 = t->x + 24;
    if (t->y + 24 < p->y0) p->y0 = t->y + 24;
    if (t->x + t->w - 24 > p->x1) p->x1 = t->x + t->w - 24;
    if (t->y + t->h - 24 > p->y1) p->y1 = t->y + t->h - 24;
out:
    free(all);
    cairo_destroy(t->mask);
    cairo_destroy(t->soft);
    cairo_destroy(t->fine);
    cairo_destroy(t->ink);
}

void pen_button(struct pen *p, double x, double y, double r, struct rgb colour)
{
    struct material m = material_plain(FAB_PLASTIC, colour);
    struct outline o = outline_ellipse(x, y, r, r);
    struct part t;
    part_begin(&t, p, &m, &o);
    t.puff = 2;
    t.edge = 2;
    t.cast_px = 4;
    double px, py, s = p->scale;
    pen_map(p, x, y, &px, &py);
    for (int i = 0; i < 4; i++) {
        double dx = (i & 1 ? 1 : -1) * r * .26 * s, dy = (i & 2 ? 1 : -1) * r * .26 * s;
        cairo_arc(t.ink, px + dx, py + dy, r * .13 * s, 0, 6.2832);
        cairo_set_source_rgba(t.ink, 0, 0, 0, .6);
        cairo_fill(t.ink);
    }
    cairo_arc(t.fine, px, py, r * .62 * s, 0, 6.2832);
    cairo_set_source_rgba(t.fine, 0, 0, 0, .35);
    cairo_fill(t.fine);
    part_end(&t);
}

void pen_stud(struct pen *p, double x, double y, double r, struct rgb colour)
{
    struct material m = material_plain(FAB_METAL, colour);
    struct outline o = outline_ellipse(x, y, r, r);
    struct part t;
    part_begin(&t, p, &m, &o);
    t.puff = r * .8;
    t.edge = r * .7;
    t.cast_px = 4;
    part_end(&t);
}

/* A band of even width along a line, as a closed outline. */
static struct outline band(const struct outline *line, double width)
{
    struct outline o = {.n = 0};
    struct knot far[OUTLINE_MAX / 2];
    size_t n = line->n < OUTLINE_MAX / 2 ? line->n : OUTLINE_MAX / 2;
    for (size_t i = 0; i < n; i++) {
        size_t a = i > 0 ? i - 1 : 0, b = i + 1 < n ? i + 1 : n - 1;
        double dx = line->k[b].x - line->k[a].x, dy = line->k[b].y - line->k[a].y, len = hypot(dx, dy);
        double nx = len > 0 ? -dy / len * width / 2 : 0, ny = len > 0 ? dx / len * width / 2 : 0;
        bool end = i == 0 || i == n - 1 || line->k[i].corner;
        outline_add(&o, (struct knot){line->k[i].x + nx, line->k[i].y + ny, end});
        far[i] = (struct knot){line->k[i].x - nx, line->k[i].y - ny, end};
    }
    for (size_t i = n; i-- > 0;)
        outline_add(&o, far[i]);
    return o;
}

void pen_strip(struct pen *p, const struct material *m, const struct outline *line, double width, double puff)
{
    struct outline o = band(line, width);
    struct part t;
    part_begin(&t, p, m, &o);
    t.puff = puff;
    t.edge = width * .3;
    t.cast_px = 5;
    part_end(&t);
}

void pen_bar(struct pen *p, const struct material *m, double x0, double y0, double x1, double y1, double width,
             double puff)
{
    struct outline line = OUTLINE(C(x0, y0), C(x1, y1));
    pen_strip(p, m, &line, width, puff);
}

void pen_zip(struct pen *p, double x0, double y0, double x1, double y1, struct rgb tape, struct rgb metal,
             double puller)
{
    struct material m = material_plain(FAB_TWILL, rgb_scale(tape, .8));
    struct outline line = OUTLINE(C(x0, y0), C(x1, y1)), o = band(&line, 9);
    struct part t;
    part_begin(&t, p, &m, &o);
    t.puff = 1;
    t.edge = 2;
    t.cast = .15;
    t.cast_px = 3;
    double ax, ay, bx, by;
    pen_map(p, x0, y0, &ax, &ay);
    pen_map(p, x1, y1, &bx, &by);
    const double dash[] = {1.6, 1.2};
    for (int i = 0; i < 2; i++) {
        cairo_t *cr = i ? t.fine : t.ink;
        pen_trace(p, cr, &line, false);
        cairo_set_dash(cr, dash, 2, 0);
        cairo_set_line_width(cr, 4.2 * p->scale);
        if (i)
            cairo_set_source_rgba(cr, 1, 1, 1, .5);
        else
            pen_source(cr, metal, .95);
        cairo_stroke(cr);
        cairo_set_dash(cr, NULL, 0, 0);
    }
    cairo_move_to(t.ink, ax, ay);
    cairo_line_to(t.ink, bx, by);
    cairo_set_line_width(t.ink, .9);
    cairo_set_source_rgba(t.ink, 0, 0, 0, .45);
    cairo_stroke(t.ink);
    part_end(&t);
    double x = x0 + (x1 - x0) * puller, y = y0 + (y1 - y0) * puller;
    struct material steel = material_plain(FAB_METAL, metal);
    pen_bar(p, &steel, x, y - 4, x, y + 5, 8, 2);
    pen_bar(p, &steel, x, y + 5, x + 1, y + 22, 5, 2);
}
