/* Grounds, shadows, and photos taken at home. */
#include "demo/studio.h"

#include <math.h>

static uint8_t byte_of(float v) { return v <= 0 ? 0 : v >= 1 ? 255 : (uint8_t)(v * 255 + .5f); }

/* The pen's alpha at a quarter of its size, blurred: (h/4, w/4) f32, caller frees. NULL: no memory. */
static float *shadow_of(const struct pen *p, int radius, int *w4, int *h4)
{
    *w4 = p->width / 4;
    *h4 = p->height / 4;
    size_t n = (size_t)*w4 * (size_t)*h4;
    float *s = malloc(2 * n * sizeof *s);
    if (!s) return NULL;
    for (int y = 0; y < *h4; y++) {
        for (int x = 0; x < *w4; x++) {
            float sum = 0;
            for (int k = 0; k < 4; k++)
                sum += p->rgba[((size_t)(4 * y + k) * (size_t)p->width + (size_t)(4 * x + k)) * 4 + 3];
            s[(size_t)y * (size_t)*w4 + (size_t)x] = sum * .25f;
        }
    }
    blur(s, s + n, *w4, *h4, radius, 2);
    return s;
}

static float at_quarter(const float *s, int w, int h, float x, float y)
{
    x = x * .25f - .5f;
    y = y * .25f - .5f;
    if (x < 0) x = 0;
    if (y < 0) y = 0;
    if (x > (float)(w - 1)) x = (float)(w - 1);
    if (y > (float)(h - 1)) y = (float)(h - 1);
    int ix = (int)x, iy = (int)y, jx = ix + 1 < w ? ix + 1 : ix, jy = iy + 1 < h ? iy + 1 : iy;
    float u = x - (float)ix, v = y - (float)iy;
    const float *a = s + (size_t)iy * (size_t)w, *b = s + (size_t)jy * (size_t)w;
    return (a[ix] * (1 - u) + a[jx] * u) * (1 - v) + (b[ix] * (1 - u) + b[jx] * u) * v;
}

struct ground {
    float *near, *wide;
    int w4, h4;
    bool stands;
    double base; /* y of the ground line, px */
};

/* How much light the ground keeps at (x, y). */
static float ground_light(const struct ground *g, const struct pen *p, int x, int y)
{
    float fx = (float)x, fy = (float)y, v;
    if (g->stands) { /* on a table: a pool of shade under it */
        float mid = (float)(p->x0 + p->x1) / 2, half = (float)(p->x1 - p->x0) / 2 + 6;
        float dx = (fx - mid - 6) / half, dy = (fy - (float)g->base + 3) / 15;
        float d = dx * dx * dx * dx + dy * dy, e = (fx - mid - 14) / (half + 34),
              f = (fy - (float)g->base - 4) / 46;
        v = 1 - .36f * expf(-d * 1.6f) - .13f * expf(-(e * e * e * e + f * f) * 1.4f);
        v -= .07f * at_quarter(g->wide, g->w4, g->h4, fx - 12, fy - 20);
        return v;
    }
    v = 1 - .30f * at_quarter(g->near, g->w4, g->h4, fx - 4, fy - 7);
    return v - .15f * at_quarter(g->wide, g->w4, g->h4, fx - 12, fy - 22);
}

static void compose(const struct pen *p, const struct ground *g, uint64_t seed, struct image *out)
{
    struct rng r = {seed ^ 0xabcd};
    float tone = (float)rng_range(&r, .895, .915), warm = (float)rng_range(&r, .002, .012);
    for (int y = 0; y < out->height; y++) {
        uint8_t *o = out->rgb + (size_t)y * (size_t)out->width * 3;
        const float *c = p->rgba + (size_t)y * (size_t)p->width * 4;
        uint64_t grain = rng_u64(&r);
        for (int x = 0; x < out->width; x++, o += 3, c += 4) {
            float dx = ((float)x - 230) / 600, dy = ((float)y - 270) / 800;
            float v = tone + .024f - .075f * (dx * dx + dy * dy);
            if (c[3] < .996f) v *= ground_light(g, p, x, y);
            grain = grain * 6364136223846793005u + 1442695040888963407u;
            v += (float)((int)(grain >> 40 & 255) - 128) * (.006f / 128);
            float k = 1 - c[3];
            o[0] = byte_of(c[0] + k * (v + warm));
            o[1] = byte_of(c[1] + k * v);
            o[2] = byte_of(c[2] + k * (v - warm));
        }
    }
}

enum rc studio_picture(const struct product *p, bool close_up, struct image *out, struct err *err)
{
    struct pen *pen = NULL;
    struct ground g = {.stands = product_stands(p)};
    struct image whole = {0};
    int size = close_up ? 2 : 1;
    *out = (struct image){0};
    enum rc rc = pen_create(STUDIO_WIDTH * size, STUDIO_HEIGHT * size, p->seed, &pen, err);
    if (rc) return rc;
    rc = product_draw(p, pen, err);
    if (rc) goto out;
    g.base = pen->y1 - 6;
    g.near = shadow_of(pen, 2 * size, &g.w4, &g.h4);
    g.wide = shadow_of(pen, 9 * size, &g.w4, &g.h4);
    if (!g.near || !g.wide) {
        rc = err_set(err, RC_NOMEM, "no memory for the shadow of a picture");
        goto out;
    }
    rc = image_create(STUDIO_WIDTH * size, STUDIO_HEIGHT * size, &whole, err);
    if (rc) goto out;
    compose(pen, &g, p->seed, &whole);
    if (close_up) {
        rc = image_crop(&whole, STUDIO_WIDTH / 2, STUDIO_HEIGHT / 3, STUDIO_WIDTH, STUDIO_HEIGHT, out, err);
    } else {
        *out = whole;
        whole = (struct image){0};
    }
out:
    image_release(&whole);
    free(g.near);
    free(g.wide);
    pen_destroy(pen);
    return rc;
}

/* --- photos ------------------------------------------------------------------------------------- */

static struct outline everything(void)
{
    return OUTLINE(C(-420, -120), C(420, -120), C(420, 920), C(-420, 920));
}

static void cloth_ground(struct pen *p, enum fabric f, struct rgb c, int folds, double strength)
{
    struct material m = material_plain(f, c);
    struct outline o = everything();
    struct part t;
    struct rng *r = &p->rng;
    part_begin(&t, p, &m, &o);
    t.cast = 0;
    t.folds = 9;
    t.grain_angle = rng_range(r, -.5, .5);
    double main = rng_range(r, 0, 3.14);
    for (int i = 0; i < folds; i++) {
        double x = rng_range(r, -320, 320), y = rng_range(r, -20, 820), a = main + rng_range(r, -.7, .7),
               l = rng_range(r, 90, 330);
        part_fold(&t, x, y, x + l * cos(a), y + l * sin(a), rng_range(r, -50, 50), rng_range(r, 18, 52),
                  rng_range(r, .15, strength) * (rng_chance(r, .5) ? 1 : -1));
    }
    part_end(&t);
}

static void wood_ground(struct pen *p)
{
    static const unsigned tones[] = {0xa9794f, 0x8a5f3c, 0xc49a6c, 0x6d4a31};
    struct rng *r = &p->rng;
    struct rgb tone = rgb_hex(tones[rng_below(r, 4)]);
    double width = rng_range(r, 88, 130), shift = rng_range(r, 0, width);
    struct material m = material_plain(FAB_CANVAS, tone);
    struct outline o = everything();
    struct part t;
    part_begin(&t, p, &m, &o);
    t.cast = 0;
    t.grain_angle = 1.57;
    for (double x = -420 - shift; x < 420; x += width) {
        struct outline plank = OUTLINE(C(x, -120), C(x + width, -120), C(x + width, 920), C(x, 920));
        pen_trace(p, t.ink, &plank, true);
        pen_source(t.ink, rng_chance(r, .5) ? rgb_hex(0x000000) : rgb_hex(0xffffff), rng_range(r, .01, .12));
        cairo_fill(t.ink);
        for (int i = 0; i < 26; i++) { /* the grain */
            double gx = x + rng_range(r, 3, width - 3), gy = rng_range(r, -120, 800), l = rng_range(r, 60, 420);
            struct outline line = OUTLINE(C(gx, gy), K(gx + rng_range(r, -4, 4), gy + l * .5),
                                          C(gx + rng_range(r, -3, 3), gy + l));
            part_line(&t, &line, rgb_scale(tone, .5), rng_range(r, .5, 2.4), rng_range(r, .08, .3));
        }
        struct outline gap = OUTLINE(C(x, -120), C(x, 920));
        part_seam(&t, &gap, 1);
        part_line(&t, &gap, rgb_hex(0x1a120c), 1.4, .6);
        double joint = rng_range(r, 0, 800);
        struct outline cross = OUTLINE(C(x, joint), C(x + width, joint));
        part_seam(&t, &cross, .9);
        part_line(&t, &cross, rgb_hex(0x1a120c), 1.2, .5);
    }
    part_end(&t);
}

static void wall_ground(struct pen *p)
{
    static const unsigned tones[] = {0xe4ddd2, 0xcfd6d4, 0xd9c9b8, 0xb9c2c9};
    struct material m = material_plain(FAB_JERSEY, rgb_hex(tones[rng_below(&p->rng, 4)]));
    struct outline o = everything();
    struct part t;
    part_begin(&t, p, &m, &o);
    t.cast = 0;
    part_end(&t);
}

static void armchair_ground(struct pen *p)
{
    static const unsigned tones[] = {0x4a5d52, 0x6f4b3a, 0x3f4a5a, 0x9a8672};
    wall_ground(p);
    struct material m =
        material_plain(rng_chance(&p->rng, .5) ? FAB_VELVET : FAB_TWEED, rgb_hex(tones[rng_below(&p->rng, 4)]));
    struct outline back = OUTLINE(K(-240, 60), K(0, 30), K(240, 60), K(290, 300), C(290, 700), C(-290, 700),
                                  K(-290, 300)),
                   seat = OUTLINE(K(-250, 520), K(0, 500), K(250, 520), K(270, 640), K(250, 760), K(0, 790),
                                  K(-250, 760), K(-270, 640));
    struct part t;
    part_begin(&t, p, &m, &back);
    t.puff = 26;
    t.edge = 24;
    for (int i = -1; i <= 1; i++) {
        struct outline s = OUTLINE(C(i * 110, 60), C(i * 112, 520));
        part_seam(&t, &s, .9);
    }
    part_end(&t);
    part_begin(&t, p, &m, &seat);
    t.puff = 24;
    t.edge = 22;
    t.cast = .5;
    t.cast_px = 20;
    part_end(&t);
    for (int side = -1; side <= 1; side += 2) {
        struct outline arm = OUTLINE(K(side * 232, 420), K(side * 290, 400), K(side * 330, 440),
                                     C(side * 330, 920), C(side * 236, 920));
        part_begin(&t, p, &m, &arm);
        t.puff = 24;
        t.edge = 22;
        t.cast = .5;
        t.cast_px = 20;
        part_end(&t);
    }
}

/* Where a piece lies in the photo: a plane turned, scaled, and a little away from the camera. */
struct pose {
    double x, y, scale, turn, tilt; /* centre in px of the photo; tilt: how much farther the top is, .0 .. .2 */
};

struct piece {
    struct pen *pen;
    float *near, *wide;
    int w4, h4;
    struct pose at;
};

/* A point of the photo -> a point of the piece's canvas. */
static void unproject(const struct piece *q, double x, double y, float *u, float *v)
{
    double far = 1 + q->at.tilt * (PHOTO_HEIGHT / 2.0 - y) / PHOTO_HEIGHT; /* grows upwards */
    double dx = (x - q->at.x) * far, dy = (y - q->at.y) * (1 + .5 * (far - 1));
    double c = cos(-q->at.turn), s = sin(-q->at.turn), k = 1 / q->at.scale;
    *u = (float)((dx * c - dy * s) * k + q->pen->width / 2.0);
    *v = (float)((dx * s + dy * c) * k + q->pen->height / 2.0);
}

static void sample4(const struct pen *p, float x, float y, float out[4])
{
    memset(out, 0, 4 * sizeof *out);
    x -= .5f;
    y -= .5f;
    if (x < 0 || y < 0 || x >= (float)(p->width - 1) || y >= (float)(p->height - 1)) return;
    int ix = (int)x, iy = (int)y;
    float u = x - (float)ix, v = y - (float)iy;
    const float *a = p->rgba + ((size_t)iy * (size_t)p->width + (size_t)ix) * 4, *b = a + 4 * (size_t)p->width;
    for (int i = 0; i < 4; i++)
        out[i] = (a[i] * (1 - u) + a[4 + i] * u) * (1 - v) + (b[i] * (1 - u) + b[4 + i] * u) * v;
}

struct mood { /* the light of the room, and the camera */
    float red, blue, gain, from_x, from_y, fall, vignette, noise;
};

static void place_piece(const struct piece *q, const struct mood *m, float *rgb, struct image_box *box)
{
    int x0 = PHOTO_WIDTH, y0 = PHOTO_HEIGHT, x1 = 0, y1 = 0;
    float k = (float)(1 / q->at.scale);
    (void)m;
    for (int y = 0; y < PHOTO_HEIGHT; y++) {
        float *o = rgb + (size_t)y * PHOTO_WIDTH * 3;
        for (int x = 0; x < PHOTO_WIDTH; x++, o += 3) {
            float u, v, c[4];
            unproject(q, x + .5, y + .5, &u, &v);
            if (u < -80 || v < -80 || u > (float)q->pen->width + 80 || v > (float)q->pen->height + 80) continue;
            float s = 1 - .40f * at_quarter(q->near, q->w4, q->h4, u - 7 * k, v - 10 * k) -
                      .22f * at_quarter(q->wide, q->w4, q->h4, u - 18 * k, v - 26 * k);
            bool in = u > -8 && v > -8 && u < (float)q->pen->width + 8 && v < (float)q->pen->height + 8;
            if (!in) s = 1;
            sample4(q->pen, u, v, c);
            for (int i = 0; i < 3; i++)
                o[i] = o[i] * s * (1 - c[3]) + c[i];
            if (c[3] > .5f) {
                if (x < x0) x0 = x;
                if (x > x1) x1 = x;
                if (y < y0) y0 = y;
                if (y > y1) y1 = y;
            }
        }
    }
    *box = (struct image_box){(float)x0 / PHOTO_WIDTH, (float)y0 / PHOTO_HEIGHT,
                              (float)(x1 - x0 + 1) / PHOTO_WIDTH, (float)(y1 - y0 + 1) / PHOTO_HEIGHT};
}

static void develop(const float *rgb, const struct mood *m, uint64_t seed, struct image *out)
{
    uint64_t g = seed;
    for (int y = 0; y < PHOTO_HEIGHT; y++) {
        const float *c = rgb + (size_t)y * PHOTO_WIDTH * 3;
        uint8_t *o = out->rgb + (size_t)y * PHOTO_WIDTH * 3;
        for (int x = 0; x < PHOTO_WIDTH; x++, c += 3, o += 3) {
            float dx = (float)x / PHOTO_WIDTH - .5f, dy = (float)y / PHOTO_HEIGHT - .5f;
            float l = m->gain * (1 + m->fall * (dx * m->from_x + dy * m->from_y)) *
                      (1 - m->vignette * (dx * dx + dy * dy));
            g = g * 6364136223846793005u + 1442695040888963407u;
            float n = (float)((int)(g >> 33 & 255) + (int)(g >> 41 & 255) - 255) * (m->noise / 255);
            o[0] = byte_of(c[0] * l * m->red + n);
            o[1] = byte_of(c[1] * l + n);
            o[2] = byte_of(c[2] * l * m->blue + n);
        }
    }
}

static const struct {
    const char *place, *pieces[PHOTO_MAX_PIECES + 1];
} scenes[] = {
    {"bed", {"dress"}},
    {"wood", {"t-shirt", "jeans", "casual-shoes"}},
    {"hanger", {"shirt"}},
    {"bed", {"sweater"}},
    {"hanger", {"blazer"}},
    {"wood", {"casual-shoes"}},
    {"rug", {"jeans"}},
    {"hanger", {"dress"}},
    {"bed", {"shirt", "skirt"}},
    {"wood", {"jacket"}},
    {"armchair", {"sweatshirt"}},
    {"rug", {"handbag"}},
    {"bed", {"t-shirt"}},
    {"wood", {"skirt"}},
    {"hanger", {"jacket"}},
    {"wood", {"sports-shoes"}},
    {"bed", {"top", "trousers", "heels"}},
    {"rug", {"shorts"}},
    {"armchair", {"dress"}},
    {"wood", {"sweater", "jeans"}},
    {"bed", {"trousers"}},
    {"wood", {"scarf", "hat"}},
    {"hanger", {"longsleeve"}},
    {"rug", {"backpack"}},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

/* A product of that category which a person could own; another one for every photo. */
static void find_piece(uint64_t seed, const char *category, int from, struct product *out)
{
    for (int i = 0; i < 2000; i++) {
        product_choose(out, seed, 200 + from * 37 + i);
        if (strcmp(product_category(out), category) == 0) return;
    }
}

static void choose_mood(struct rng *r, struct mood *m)
{
    double warm = rng_range(r, -.06, .09);
    double a = rng_range(r, 0, 6.28);
    *m = (struct mood){.red = (float)(1 + warm * .8),
                       .blue = (float)(1 - warm),
                       .gain = (float)rng_range(r, .98, 1.12),
                       .from_x = (float)cos(a),
                       .from_y = (float)sin(a),
                       .fall = (float)rng_range(r, .12, .4),
                       .vignette = (float)rng_range(r, .1, .38),
                       .noise = (float)rng_range(r, .012, .03)};
}

static struct pose choose_pose(struct rng *r, const char *place, int i, int n)
{
    bool upright = strcmp(place, "hanger") == 0 || strcmp(place, "armchair") == 0;
    struct pose p = {.x = PHOTO_WIDTH / 2.0 + rng_range(r, -50, 50),
                     .y = PHOTO_HEIGHT / 2.0 + rng_range(r, -50, 50),
                     .scale = n > 1     ? .74
                              : upright ? 1.08
                                        : rng_range(r, 1.0, 1.14),
                     .turn = rng_range(r, -.34, .34) * (upright ? .1 : 1),
                     .tilt = upright ? .03 : rng_range(r, .05, .22)};
    if (upright) p.y = PHOTO_HEIGHT * .53;
    if (n == 2) {
        p.x = PHOTO_WIDTH * (i ? .68 : .33);
        p.y = PHOTO_HEIGHT * (i ? .64 : .34);
        p.scale = .80;
    } else if (n == 3) {
        static const double at[3][3] = {{.32, .30, .70}, {.70, .42, .72}, {.30, .78, .48}};
        p.x = PHOTO_WIDTH * at[i][0];
        p.y = PHOTO_HEIGHT * at[i][1];
        p.scale = at[i][2];
    }
    return p;
}

static void draw_place(struct pen *p, const char *place)
{
    static const unsigned sheets[] = {0xe9e6e0, 0xc9d2da, 0xd8c7bd, 0xb7bfae, 0x8d95a3},
                          rugs[] = {0xb9a48a, 0x8a8f94, 0x7c4b44, 0xd6cdbf};
    if (strcmp(place, "bed") == 0)
        cloth_ground(p, FAB_POPLIN, rgb_hex(sheets[rng_below(&p->rng, 5)]), 36, .75);
    else if (strcmp(place, "rug") == 0)
        cloth_ground(p, rng_chance(&p->rng, .5) ? FAB_CABLE : FAB_TWEED, rgb_hex(rugs[rng_below(&p->rng, 4)]),
                     6, .25);
    else if (strcmp(place, "wood") == 0)
        wood_ground(p);
    else if (strcmp(place, "hanger") == 0)
        wall_ground(p);
    else
        armchair_ground(p);
}

/* A wooden hanger behind the piece, on the ground's pen (600 x 800 for 1200 x 1600). */
static void draw_hanger(struct pen *p, const struct piece *q)
{
    double y = (q->at.y - q->pen->height / 2.0 * q->at.scale) / 2 + q->pen->y0 * q->at.scale / 2 + 16,
           x = q->at.x / 2 - 300;
    struct material wood = material_plain(FAB_LEATHER, rgb_hex(0xb48a5a)),
                    steel = material_plain(FAB_METAL, rgb_hex(0xb9bcc2));
    struct outline hook = OUTLINE(C(x, y), K(x + 1, y - 34), K(x + 22, y - 52), K(x + 12, y - 82),
                                  K(x - 12, y - 82), C(x - 22, y - 62));
    struct outline arm =
        OUTLINE(C(x - 118, y + 44), K(x - 60, y + 14), K(x, y - 2), K(x + 60, y + 14), C(x + 118, y + 44));
    pen_strip(p, &steel, &hook, 6, 3);
    pen_strip(p, &wood, &arm, 17, 5);
    pen_stud(p, x, y - 88, 8, rgb_hex(0x8d9096));
}

static enum rc draw_piece(struct piece *q, const struct product *p, const char *place, struct err *err)
{
    enum rc rc = pen_create(900, 1200, p->seed ^ 99, &q->pen, err);
    if (rc) return rc;
    q->pen->warp = strcmp(place, "hanger") == 0 ? 7 : 15; /* nobody lays clothes out as straight as a studio */
    rc = product_draw(p, q->pen, err);
    if (rc) return rc;
    q->near = shadow_of(q->pen, 3, &q->w4, &q->h4);
    q->wide = shadow_of(q->pen, 11, &q->w4, &q->h4);
    return q->near && q->wide ? RC_OK : err_set(err, RC_NOMEM, "no memory for a shadow");
}

static void enlarge_ground(const struct pen *p, float *rgb)
{
    for (int y = 0; y < PHOTO_HEIGHT; y++) {
        for (int x = 0; x < PHOTO_WIDTH; x++) {
            float c[4], u = ((float)x + .5f) * .5f, v = ((float)y + .5f) * .5f;
            u = u < .5f ? .5f : u > (float)p->width - .51f - 1 ? (float)p->width - 1.51f : u;
            v = v < .5f ? .5f : v > (float)p->height - .51f - 1 ? (float)p->height - 1.51f : v;
            sample4(p, u, v, c);
            memcpy(rgb + ((size_t)y * PHOTO_WIDTH + (size_t)x) * 3, c, 3 * sizeof *rgb);
        }
    }
}

enum rc photo_draw(uint64_t seed, int number, struct photo *what, struct image *out, struct err *err)
{
    struct rng r = {rng_mix(seed ^ 0x5bd1e995u, (uint64_t)number)};
    struct piece pieces[PHOTO_MAX_PIECES] = {{0}};
    struct pen *ground = NULL;
    struct mood mood;
    float *rgb = malloc((size_t)PHOTO_WIDTH * PHOTO_HEIGHT * 3 * sizeof *rgb);
    *what = (struct photo){.place = scenes[number % SCENES].place};
    *out = (struct image){0};
    enum rc rc = rgb ? pen_create(PHOTO_WIDTH / 2, PHOTO_HEIGHT / 2, rng_u64(&r), &ground, err)
                     : err_set(err, RC_NOMEM, "no memory for a photo");
    if (rc) goto out;
    while (scenes[number % SCENES].pieces[what->n])
        what->n++;
    for (int i = 0; i < what->n && !rc; i++) {
        find_piece(rng_mix(seed, 4242), scenes[number % SCENES].pieces[i], number * 3 + i, &what->pieces[i]);
        rc = draw_piece(&pieces[i], &what->pieces[i], what->place, err);
        pieces[i].at = choose_pose(&r, what->place, i, what->n);
    }
    if (rc) goto out;
    choose_mood(&r, &mood);
    draw_place(ground, what->place);
    if (strcmp(what->place, "hanger") == 0) draw_hanger(ground, &pieces[0]);
    enlarge_ground(ground, rgb);
    for (int i = 0; i < what->n; i++)
        place_piece(&pieces[i], &mood, rgb, &what->boxes[i]);
    rc = image_create(PHOTO_WIDTH, PHOTO_HEIGHT, out, err);
    if (!rc) develop(rgb, &mood, rng_u64(&r), out);
out:
    for (int i = 0; i < PHOTO_MAX_PIECES; i++) {
        pen_destroy(pieces[i].pen);
        free(pieces[i].near);
        free(pieces[i].wide);
    }
    pen_destroy(ground);
    free(rgb);
    return rc;
}
