/* Fabrics (their grain and how they take light) and patterns (tiles that repeat). */
#include "demo/pen.h"

#include <math.h>

static struct grain grains[FAB_COUNT];
static float crumple[GRAIN_PX * GRAIN_PX];

static const struct fabric_look looks[FAB_COUNT] = {
    /*               folds crumple spec gloss sheen contrast */
    [FAB_JERSEY] = {1, 1.1, 0, 0, .02, 1},        [FAB_POPLIN] = {1.1, 1.3, .02, 4, 0, 1.05},
    [FAB_LINEN] = {1.25, 2.0, 0, 0, 0, 1.1},      [FAB_RIB] = {.7, .6, 0, 0, .05, 1},
    [FAB_KNIT] = {.75, .9, 0, 0, .07, 1},         [FAB_CABLE] = {.6, .8, 0, 0, .08, 1.05},
    [FAB_FLEECE] = {.95, 1.4, 0, 0, .07, .95},    [FAB_DENIM] = {.95, 1.5, 0, 0, 0, 1.05},
    [FAB_TWILL] = {1, 1.2, .02, 4, 0, 1},         [FAB_TWEED] = {.6, .8, 0, 0, .04, .95},
    [FAB_WOOL] = {.7, .8, 0, 0, .08, 1},          [FAB_CORDUROY] = {.7, .9, 0, 0, .1, 1.05},
    [FAB_VELVET] = {1.1, 1.6, .02, 3, .42, 1.35}, [FAB_SATIN] = {1.5, 2.6, .2, 4, .05, 1.5},
    [FAB_CREPE] = {1.15, 1.3, .03, 3, .03, 1.1},  [FAB_LEATHER] = {.9, 1.3, .2, 4, .05, 1.2},
    [FAB_SUEDE] = {.8, 1.1, 0, 0, .12, 1},        [FAB_TECH] = {1.2, 2.2, .12, 4, .03, 1.25},
    [FAB_QUILT] = {.6, 1.4, .1, 4, .03, 1.2},     [FAB_LACE] = {.8, .8, 0, 0, .02, 1},
    [FAB_CANVAS] = {.6, .7, 0, 0, 0, 1},          [FAB_MESH] = {.5, .5, .02, 4, 0, 1},
    [FAB_STRAW] = {.3, .6, .03, 4, 0, 1.05},      [FAB_RUBBER] = {.3, .2, .08, 4, .03, 1.05},
    [FAB_PLASTIC] = {.2, 0, .5, 6, .05, 1.15},    [FAB_METAL] = {.2, 0, .75, 5, .1, 1.7},
};

const struct fabric_look *fabric_look(enum fabric f) { return &looks[f]; }
const struct grain *fabric_grain(enum fabric f) { return &grains[f]; }

static double wave(double x) { return sin(x * 6.283185307179586); }
static double fract(double x) { return x - floor(x); }

/* Smooth noise that repeats every GRAIN_PX px; (px, py): size of a cell, powers of two. */
static double cell(uint64_t seed, int i, int k)
{
    struct rng r = {seed ^ (uint64_t)(uint32_t)i * 0x9e3779b97f4a7c15u ^
                    (uint64_t)(uint32_t)k * 0xc2b2ae3d27d4eb4fu};
    rng_u64(&r);
    return rng_unit(&r) * 2 - 1;
}

static double tiled(uint64_t seed, double x, double y, int px, int py)
{
    int nx = GRAIN_PX / px, ny = GRAIN_PX / py;
    double fx = x / px, fy = y / py;
    int ix = (int)floor(fx), iy = (int)floor(fy);
    double u = fx - ix, v = fy - iy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    int jx = (ix + 1) % nx, jy = (iy + 1) % ny;
    ix %= nx;
    iy %= ny;
    double a = cell(seed, ix, iy), b = cell(seed, jx, iy), c = cell(seed, ix, jy), d = cell(seed, jx, jy);
    return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v;
}

static double cable(double x, double y) /* two strands that cross every 64 px, in columns of 64 */
{
    double u = fract(x / 64) * 64 - 20, swing = 8 * wave(y / 64), best = 0;
    if (fract(x / 64) * 64 > 46) return .35 * (wave(x / 6) * .5 + .5);
    for (int i = 0; i < 2; i++) {
        double d = (u - (i ? swing : -swing)) / 9, h = 1 - d * d;
        if (h > 0) h = sqrt(h) * (1 + .25 * (i ? wave(y / 64 + .25) : -wave(y / 64 + .25)));
        if (h > best) best = h;
    }
    return best * 1.5;
}

static double knit(double x, double y) /* rows of V */
{
    double u = fract(x / 8) * 2 - 1;
    return .5 * wave(y / 5.0 * (GRAIN_PX / 5 * 5.0 / GRAIN_PX) + fabs(u) * .5) * (1 - u * u * .4) +
           .25 * (1 - fabs(u));
}

static void grain_at(enum fabric f, double x, double y, double *relief, double *tint)
{
    double n1 = tiled(f * 17u + 1, x, y, 1, 1), n2 = tiled(f * 17u + 2, x, y, 2, 2);
    double n4 = tiled(f * 17u + 3, x, y, 4, 4), n16 = tiled(f * 17u + 4, x, y, 16, 16);
    double warp = tiled(f * 17u + 5, x, y, 1, 16), weft = tiled(f * 17u + 6, x, y, 16, 1);
    switch (f) {
    case FAB_JERSEY:
        *relief = .05 * n1 + .07 * n2;
        *tint = .012 * n2 + .01 * warp;
        break;
    case FAB_POPLIN:
        *relief = .03 * n1;
        *tint = .008 * (warp + weft);
        break;
    case FAB_CREPE:
        *relief = .09 * n2;
        *tint = .012 * n2;
        break;
    case FAB_LINEN:
        *relief = .1 * (warp + weft);
        *tint = .035 * (warp + weft) + .02 * n1;
        break;
    case FAB_CANVAS:
        *relief = .16 * wave(x / 4) * wave(y / 4) + .05 * n1;
        *tint = .025 * n2;
        break;
    case FAB_RIB:
        *relief = .85 * (wave(x / 8) * .5 + .5) + .05 * n1;
        *tint = .04 * wave(x / 8) + .02 * n2;
        break;
    case FAB_KNIT:
        *relief = .55 * knit(x, y) + .06 * n2;
        *tint = .05 * knit(x, y) + .02 * n4;
        break;
    case FAB_CABLE:
        *relief = 1.1 * cable(x, y) + .22 * knit(x, y);
        *tint = .03 * n2 + .02 * knit(x, y);
        break;
    case FAB_FLEECE:
        *relief = .1 * n1 + .14 * n2;
        *tint = .02 * n2 + .012 * n4;
        break;
    case FAB_DENIM:
        *relief = .1 * wave((x + y) / 4) + .06 * n1;
        *tint = .05 * wave((x + y) / 4) + .06 * warp + .04 * n1;
        break;
    case FAB_TWILL:
        *relief = .08 * wave((x + y) / 4);
        *tint = .02 * wave((x + y) / 4) + .012 * n1;
        break;
    case FAB_TWEED:
        *relief = .2 * n2 + .12 * wave((x + y * (fract(x / 32) < .5 ? 1 : -1)) / 8);
        *tint = .14 * n2 * fabs(n1) + .07 * n1;
        break;
    case FAB_WOOL:
        *relief = .14 * n2 + .05 * n1;
        *tint = .03 * n2 + .02 * n4;
        break;
    case FAB_CORDUROY:
        *relief = .9 * fabs(wave(x / 16)) + .06 * n1;
        *tint = .06 * fabs(wave(x / 16)) + .02 * warp;
        break;
    case FAB_VELVET:
        *relief = .07 * n2;
        *tint = .03 * n16 + .02 * n4;
        break;
    case FAB_SATIN:
        *relief = .012 * n2;
        *tint = .006 * warp;
        break;
    case FAB_LEATHER:
        *relief = .06 * n4 + .07 * n2;
        *tint = .012 * n4;
        break;
    case FAB_SUEDE:
        *relief = .07 * n2;
        *tint = .025 * n4 + .02 * n1;
        break;
    case FAB_TECH:
        *relief = .05 * n2 + .04 * wave(x / 4) * wave(y / 4);
        *tint = .01 * n2;
        break;
    case FAB_QUILT:
        *relief = .06 * n2;
        *tint = .01 * n2;
        break;
    case FAB_LACE:
        *relief = .3 * wave(x / 16) * wave(y / 16) + .2 * wave((x + y) / 8) * wave((x - y) / 8);
        *tint = .1 * wave((x + y) / 8) * wave((x - y) / 8);
        break;
    case FAB_MESH:
        *relief = .3 * wave((x + y) / 8) * wave((x - y) / 8);
        *tint = .09 * wave((x + y) / 8) * wave((x - y) / 8);
        break;
    case FAB_STRAW:
        *relief = .5 * wave(x / 8 + .5 * (fract(y / 16) < .5)) * wave(y / 16) + .1 * n2;
        *tint = .09 * wave(x / 8 + .5 * (fract(y / 16) < .5)) + .06 * weft;
        break;
    case FAB_RUBBER:
        *relief = .02 * n2;
        *tint = .006 * n2;
        break;
    default:
        *relief = .01 * n16;
        *tint = 0;
        break;
    }
}

double fabric_crumple(double u, double v)
{
    double fu = floor(u), fv = floor(v), a = u - fu, b = v - fv;
    unsigned x = (unsigned)(int)fu & (GRAIN_PX - 1), y = (unsigned)(int)fv & (GRAIN_PX - 1);
    unsigned x1 = (x + 1) & (GRAIN_PX - 1), y1 = (y + 1) & (GRAIN_PX - 1);
    const float *r0 = crumple + y * GRAIN_PX, *r1 = crumple + y1 * GRAIN_PX;
    return ((double)r0[x] * (1 - a) + (double)r0[x1] * a) * (1 - b) +
           ((double)r1[x] * (1 - a) + (double)r1[x1] * a) * b;
}

void fabric_startup(void)
{
    for (int y = 0; y < GRAIN_PX; y++)
        for (int x = 0; x < GRAIN_PX; x++)
            crumple[y * GRAIN_PX + x] = (float)(tiled(901, x, y, 32, 64) + .3 * tiled(902, x, y, 16, 32) +
                                                .1 * tiled(903, x, y, 8, 16));
    for (int f = 0; f < FAB_COUNT; f++) {
        for (int y = 0; y < GRAIN_PX; y++) {
            for (int x = 0; x < GRAIN_PX; x++) {
                double relief = 0, tint = 0;
                grain_at((enum fabric)f, x, y, &relief, &tint);
                grains[f].relief[y * GRAIN_PX + x] = (float)relief;
                grains[f].tint[y * GRAIN_PX + x] = (float)tint;
            }
        }
    }
}

struct material material_plain(enum fabric fabric, struct rgb colour)
{
    return (struct material){
        .fabric = fabric, .pattern = PAT_PLAIN, .base = colour, .second = colour, .third = colour, .scale = 1};
}

/* Tiles are TILE x TILE units drawn at twice their size, so that they stay sharp when turned. */
enum { TILE = 128 };

static void bar(cairo_t *cr, bool across, double at, double width, struct rgb c, double alpha)
{
    pen_source(cr, c, alpha);
    if (across)
        cairo_rectangle(cr, 0, at, TILE, width);
    else
        cairo_rectangle(cr, at, 0, width, TILE);
    cairo_fill(cr);
}

static void tartan(cairo_t *cr, struct rgb second, struct rgb third)
{
    for (int across = 0; across < 2; across++) {
        bar(cr, across, 8, 30, second, .5);
        bar(cr, across, 20, 4, third, .55);
        bar(cr, across, 76, 14, rgb_scale(second, .6), .5);
        bar(cr, across, 100, 3, third, .75);
        bar(cr, across, 60, 2, third, .5);
    }
}

static void flower(cairo_t *cr, double x, double y, double r, double turn, int petals, struct rgb c,
                   struct rgb eye)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, turn);
    for (int i = 0; i < petals; i++) {
        cairo_save(cr);
        cairo_rotate(cr, i * 6.2832 / petals);
        cairo_move_to(cr, 0, 0);
        cairo_curve_to(cr, r * .7, -r * .15, r * .55, -r, 0, -r);
        cairo_curve_to(cr, -r * .55, -r, -r * .5, -r * .2, 0, 0);
        pen_source(cr, rgb_scale(c, i & 1 ? 1 : .9), 1);
        cairo_fill(cr);
        cairo_move_to(cr, 0, -r * .15);
        cairo_line_to(cr, 0, -r * .7);
        cairo_set_line_width(cr, r * .06);
        pen_source(cr, rgb_scale(c, .65), .7);
        cairo_stroke(cr);
        cairo_restore(cr);
    }
    cairo_arc(cr, 0, 0, r * .22, 0, 6.2832);
    pen_source(cr, eye, 1);
    cairo_fill(cr);
    cairo_restore(cr);
}

static void leaf(cairo_t *cr, double x, double y, double r, double turn, struct rgb c)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, turn);
    cairo_move_to(cr, 0, 0);
    cairo_curve_to(cr, r * .45, -r * .3, r * .35, -r * .8, 0, -r);
    cairo_curve_to(cr, -r * .35, -r * .8, -r * .45, -r * .3, 0, 0);
    pen_source(cr, c, .95);
    cairo_fill(cr);
    cairo_restore(cr);
}

static void flowers(cairo_t *cr, struct rng *rng, struct rgb base, struct rgb second, struct rgb third)
{
    struct rgb green = rgb_mix(rgb_hex(0x5f7a55), base, .25);
    for (int i = 0; i < 15; i++) {
        /* A jittered grid keeps them apart; each is drawn nine times, so that the tile closes. */
        double x = (i % 4 + .5 + rng_range(rng, -.32, .32)) * TILE / 4;
        double y = (i / 4 + .5 + rng_range(rng, -.32, .32) + (i & 1 ? .25 : 0)) * TILE / 4;
        double r = rng_range(rng, 6, 15), turn = rng_range(rng, 0, 6.28);
        int petals = 5 + rng_below(rng, 2), kind = rng_below(rng, 5);
        struct rgb c = kind < 3 ? second : third;
        for (int dy = -1; dy <= 1; dy++) {
            for (int dx = -1; dx <= 1; dx++) {
                double px = x + dx * TILE, py = y + dy * TILE;
                leaf(cr, px, py, r * 1.5, turn + .4, green);
                leaf(cr, px, py, r * 1.3, turn + 2.6, rgb_scale(green, .85));
                if (kind == 4)
                    leaf(cr, px, py, r * 1.2, turn + 4.2, green);
                else
                    flower(cr, px, py, r, turn, petals, c, kind < 3 ? third : second);
            }
        }
    }
}

static void camouflage(cairo_surface_t *s, uint64_t seed, const struct rgb c[4])
{
    cairo_surface_flush(s);
    uint32_t *px = (uint32_t *)(void *)cairo_image_surface_get_data(s);
    int w = cairo_image_surface_get_width(s), stride = cairo_image_surface_get_stride(s) / 4;
    for (int y = 0; y < w; y++) {
        for (int x = 0; x < w; x++) {
            int pick = 0;
            for (int i = 1; i < 4; i++) {
                double n = tiled(seed + (uint64_t)i, x, y, 64, 32) +
                           .45 * tiled(seed + 7u * (uint64_t)i, x, y, 16, 16) +
                           .12 * tiled(seed + 31u * (uint64_t)i, x, y, 4, 4);
                if (n > .18) pick = i;
            }
            struct rgb k = c[pick];
            px[y * stride + x] =
                0xff000000u | (uint32_t)(k.r * 255) << 16 | (uint32_t)(k.g * 255) << 8 | (uint32_t)(k.b * 255);
        }
    }
    cairo_surface_mark_dirty(s);
}

static void polygon(cairo_t *cr, double x, double y, double r, int n, double turn, struct rgb c)
{
    for (int i = 0; i < n; i++) {
        double a = turn + i * 6.2832 / n;
        cairo_line_to(cr, x + r * cos(a), y + r * sin(a));
    }
    cairo_close_path(cr);
    pen_source(cr, c, 1);
    cairo_fill(cr);
}

static void geometric(cairo_t *cr, int kind, struct rgb base, struct rgb second, struct rgb third)
{
    for (int i = -1; i < 5; i++) {
        for (int k = -1; k < 5; k++) {
            double x = i * 32 + 16, y = k * 32 + 16;
            if (kind == 0) { /* nested lozenges */
                polygon(cr, x, y, 17, 4, 0, second);
                polygon(cr, x, y, 11, 4, 0, (i + k) & 1 ? base : third);
                polygon(cr, x, y, 5, 4, 0, second);
            } else if (kind == 1) { /* quarter discs */
                cairo_move_to(cr, x - 16, y - 16);
                cairo_arc(cr, x - 16, y - 16, 30, 0, 1.5708);
                cairo_close_path(cr);
                pen_source(cr, (i + k) & 1 ? second : third, 1);
                cairo_fill(cr);
            } else { /* triangles */
                polygon(cr, x, y + 4, 15, 3, (i + k) & 1 ? -1.5708 : 1.5708,
                        (i & 1) == (k & 1) ? second : third);
            }
        }
    }
}

static void zigzag(cairo_t *cr, double y, double height, int teeth, double width, struct rgb c)
{
    for (int i = -1; i <= teeth * 2 + 1; i++)
        cairo_line_to(cr, i * (double)TILE / (teeth * 2), y + (i & 1 ? height : 0));
    cairo_set_line_width(cr, width);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_MITER);
    pen_source(cr, c, 1);
    cairo_stroke(cr);
}

static void ethnic(cairo_t *cr, struct rgb base, struct rgb second, struct rgb third)
{
    bar(cr, true, 0, 26, rgb_mix(base, second, .85), 1);
    zigzag(cr, 7, 12, 8, 3, third);
    bar(cr, true, 28, 3, third, 1);
    for (int i = 0; i < 4; i++) {
        polygon(cr, i * 32 + 16, 54, 17, 4, 0, third);
        polygon(cr, i * 32 + 16, 54, 11, 4, 0, base);
        polygon(cr, i * 32 + 16, 54, 6, 4, 0, second);
        polygon(cr, i * 32, 54, 5, 4, 0, second);
    }
    bar(cr, true, 77, 3, third, 1);
    bar(cr, true, 84, 20, rgb_mix(base, third, .5), 1);
    for (int i = 0; i < 8; i++)
        polygon(cr, i * 16 + 8, 94, 6, 3, -1.5708, second);
    zigzag(cr, 110, 8, 16, 2, second);
}

cairo_surface_t *pattern_tile(enum pattern pattern, struct rgb base, struct rgb second, struct rgb third,
                              uint64_t seed)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, TILE * 2, TILE * 2);
    cairo_t *cr = cairo_create(s);
    struct rng rng = {seed};
    pen_source(cr, base, 1);
    cairo_paint(cr);
    cairo_scale(cr, 2, 2);
    switch (pattern) {
    case PAT_STRIPES:
        for (int i = 0; i < 4; i++)
            bar(cr, true, i * 32 + 8, 13, second, 1);
        break;
    case PAT_VSTRIPES:
        for (int i = 0; i < 8; i++)
            bar(cr, false, i * 16 + 3, i & 1 ? 3 : 7, i & 1 ? third : second, .9);
        break;
    case PAT_PINSTRIPE:
        for (int i = 0; i < 8; i++)
            bar(cr, false, i * 16 + 4, 1.1, second, .75);
        break;
    case PAT_CHECK:
        for (int i = 0; i < 2; i++)
            for (int across = 0; across < 2; across++) {
                bar(cr, across, i * 64 + 10, 2.4, second, .85);
                bar(cr, across, i * 64 + 42, 2.4, third, .7);
            }
        break;
    case PAT_TARTAN:
        tartan(cr, second, third);
        break;
    case PAT_GINGHAM:
        for (int i = 0; i < 8; i++)
            for (int across = 0; across < 2; across++)
                bar(cr, across, i * 16, 8, second, .5);
        break;
    case PAT_FLOWERS:
        flowers(cr, &rng, base, second, third);
        break;
    case PAT_DOTS:
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 5; k++) {
                cairo_arc(cr, i * 32 + (k & 1 ? 16 : 0), k * 32, 6.5, 0, 6.2832);
                pen_source(cr, second, 1);
                cairo_fill(cr);
            }
        break;
    case PAT_CHEVRON:
        for (int i = -1; i < 9; i++)
            zigzag(cr, i * 16, 10, 5, 6, i & 1 ? third : second);
        break;
    case PAT_CAMOUFLAGE: {
        const struct rgb c[4] = {base, second, third, rgb_scale(third, .45)};
        camouflage(s, seed, c);
        break;
    }
    case PAT_GEOMETRIC:
        geometric(cr, rng_below(&rng, 3), base, second, third);
        break;
    case PAT_ETHNIC:
        ethnic(cr, base, second, third);
        break;
    default:
        break;
    }
    cairo_destroy(cr);
    return s;
}

enum rc material_init(struct material *m, enum fabric fabric, enum pattern pattern, struct rgb base,
                      struct rgb second, struct rgb third, double scale, uint64_t seed, struct err *err)
{
    *m = (struct material){.fabric = fabric,
                           .pattern = pattern,
                           .base = base,
                           .second = second,
                           .third = third,
                           .scale = scale / 2};
    if (pattern == PAT_PLAIN || pattern == PAT_BLOCK) return RC_OK;
    m->tile = pattern_tile(pattern, base, second, third, seed);
    if (cairo_surface_status(m->tile)) {
        material_release(m);
        return err_set(err, RC_NOMEM, "no memory for a pattern");
    }
    return RC_OK;
}

void material_release(struct material *m)
{
    if (m->tile) cairo_surface_destroy(m->tile);
    m->tile = NULL;
}
