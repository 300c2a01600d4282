/* Everything that hangs from the shoulders: shirts, knitwear, jackets, coats, dresses. */
#include "demo/garment.h"

#include <math.h>

struct sleeve {
    double sx, sy, ax, ay; /* shoulder point, armpit */
    double ox, oy, ix, iy; /* outer and inner end */
    double dx, dy, nx, ny; /* along the arm, and outwards */
};

static struct sleeve sleeve_of(const struct top_look *l, double length)
{
    double a = l->sleeve_angle * 3.14159265 / 180;
    struct sleeve s = {.sx = l->shoulder_w,
                       .sy = l->top + l->shoulder_drop,
                       .ax = l->chest_w,
                       .ay = l->armpit,
                       .dx = sin(a),
                       .dy = cos(a),
                       .nx = cos(a),
                       .ny = -sin(a)};
    s.ox = s.sx + s.dx * length + s.nx * 6;
    s.oy = s.sy + s.dy * length + s.ny * 6;
    s.ix = s.ox - s.nx * l->cuff_w;
    s.iy = s.oy - s.ny * l->cuff_w;
    return s;
}

static struct outline sleeve_outline(const struct top_look *l)
{
    struct sleeve s = sleeve_of(l, l->sleeve);
    double cap = fmin(46, l->sleeve * .3), mid = l->sleeve * .55;
    bool gather = l->cuff == CUFF_GATHER;
    double full = gather ? 16 : 3;
    return OUTLINE(C(s.sx - 4, s.sy - 2), K(s.sx + s.dx * cap + s.nx * 12, s.sy + s.dy * cap + s.ny * 12),
                   K(s.sx + s.dx * mid + s.nx * (9 + full), s.sy + s.dy * mid + s.ny * (9 + full)),
                   C(s.ox, s.oy), C(s.ix, s.iy),
                   K((s.ax + s.ix) / 2 + s.nx * 3 - s.nx * full * .5, (s.ay + s.iy) / 2 + s.ny * 3),
                   C(s.ax - 3, s.ay + 2), K(l->shoulder_w - 9, (s.sy + s.ay) / 2 + 14));
}

/* The front neckline from the middle to the neck point, as knots of the right half. */
static size_t neckline(const struct top_look *l, struct knot *k)
{
    double y = l->top + l->neck_drop, w = l->neck_w, t = l->top;
    size_t n = 0;
    switch (l->neck) {
    case NECK_V:
    case NECK_WRAP:
    case NECK_LAPEL:
    case NECK_PEAK:
    case NECK_SHAWL:
    case NECK_BIKER:
        k[n++] = C(0, y);
        k[n++] = K(w * .62, t + (y - t) * .42);
        break;
    case NECK_STRAPS:
        k[n++] = K(0, y);
        k[n++] = K(w * .6, y - 5);
        k[n++] = K(w * .93, t + (y - t) * .55);
        break;
    case NECK_BOAT:
        k[n++] = K(0, y);
        k[n++] = K(w * .6, t + (y - t) * .72);
        break;
    default:
        k[n++] = K(0, y);
        k[n++] = K(w * .55, t + (y - t) * .84);
        k[n++] = K(w * .9, t + (y - t) * .42);
        break;
    }
    k[n++] = C(w, t);
    return n;
}

static void hem_knots(struct outline *o, const struct top_look *l)
{
    if (l->hem_kind == HEM_WAVE && l->waves > 0) {
        int n = l->waves * 2;
        for (int i = 0; i <= n; i++) {
            double t = 1 - 2.0 * i / n, x = l->hem_w * t;
            double y = l->hem + l->hem_round * (1 - t * t) + (i & 1 ? 7 : -3) + (i % 3) * 2;
            outline_add(o, (struct knot){x, y, i == 0 || i == n});
        }
    } else if (l->hem_kind == HEM_TAIL) {
        outline_addn(o,
                     (struct knot[]){C(l->hem_w, l->hem - 42), K(l->hem_w * .72, l->hem - 10), K(0, l->hem + 8),
                                     K(-l->hem_w * .72, l->hem - 10), C(-l->hem_w, l->hem - 42)},
                     5);
    } else if (l->hem_kind == HEM_CUTAWAY) {
        outline_addn(o,
                     (struct knot[]){C(l->hem_w, l->hem - 4), K(l->hem_w * .55, l->hem + 4), K(34, l->hem - 2),
                                     C(2, l->hem - 40), C(-2, l->hem - 40), K(-34, l->hem - 2),
                                     K(-l->hem_w * .55, l->hem + 4), C(-l->hem_w, l->hem - 4)},
                     8);
    } else {
        outline_addn(o,
                     (struct knot[]){C(l->hem_w, l->hem), K(l->hem_w * .5, l->hem + l->hem_round * .8),
                                     K(-l->hem_w * .5, l->hem + l->hem_round * .8), C(-l->hem_w, l->hem)},
                     4);
    }
}

/* The side from the neck point down to the hem, right half. */
static size_t side_knots(const struct top_look *l, struct knot *k)
{
    size_t n = 0;
    double sy = l->top + l->shoulder_drop;
    if (l->shoulder_w > l->neck_w + 2) k[n++] = C(l->shoulder_w, sy);
    k[n++] = K(l->shoulder_w - (l->sleeve > 0 ? 9 : 14), (sy + l->armpit) / 2 + 12);
    k[n++] = C(l->chest_w, l->armpit);
    if (l->waist > l->armpit + 40) k[n++] = K(l->waist_w, l->waist);
    if (l->hem > l->waist + 130)
        k[n++] = K(l->waist_w + (l->hem_w - l->waist_w) * .42, l->waist + (l->hem - l->waist) * .34);
    return n;
}

static struct outline body_outline(const struct top_look *l)
{
    struct knot neck[8], side[8];
    size_t nn = neckline(l, neck), ns = side_knots(l, side);
    struct outline o = {.n = 0};
    outline_addn(&o, neck, nn);
    outline_addn(&o, side, ns);
    hem_knots(&o, l);
    for (size_t i = ns; i-- > 0;)
        outline_add(&o, (struct knot){-side[i].x, side[i].y, side[i].corner});
    for (size_t i = nn; i-- > 1;)
        outline_add(&o, (struct knot){-neck[i].x, neck[i].y, neck[i].corner});
    return o;
}

static struct outline neck_line(const struct top_look *l) /* open, left to right */
{
    struct knot k[8];
    size_t n = neckline(l, k);
    struct outline o = {.n = 0};
    for (size_t i = n; i-- > 0;)
        outline_add(&o, (struct knot){-k[i].x, k[i].y, k[i].corner});
    for (size_t i = 1; i < n; i++)
        outline_add(&o, k[i]);
    return o;
}

static double back_drop(const struct top_look *l)
{
    switch (l->neck) {
    case NECK_STRAPS:
        return l->neck_drop * .55;
    case NECK_BOAT:
        return 5;
    case NECK_SCOOP:
        return 20;
    default:
        return 11;
    }
}

/* The inside of the back, seen through the neck opening. */
static void draw_inside(struct pen *p, const struct top_look *l)
{
    double y = l->top + l->neck_drop + 12, w = l->neck_w + 3, b = l->top + back_drop(l);
    struct outline o = OUTLINE(C(-w, l->top + 2), K(-w * .5, b - 2), K(0, b), K(w * .5, b - 2),
                               C(w, l->top + 2), K(w * .8, y - (y - l->top) * .3), C(w * .3, y), C(-w * .3, y),
                               K(-w * .8, y - (y - l->top) * .3));
    struct part t;
    part_begin(&t, p, l->lining, &o);
    t.shade = .66;
    t.puff = 2;
    t.cast = 0;
    if (l->neck != NECK_STRAPS) { /* the label */
        double lx, ly, s = p->scale;
        pen_map(p, 0, b + 12, &lx, &ly);
        cairo_rectangle(t.ink, lx - 15 * s, ly, 30 * s, 17 * s);
        pen_source(t.ink, rgb_hex(0xf4f1ea), 1);
        cairo_fill(t.ink);
        cairo_rectangle(t.ink, lx - 9 * s, ly + 7 * s, 18 * s, 2 * s);
        pen_source(t.ink, rgb_hex(0x555555), .8);
        cairo_fill(t.ink);
    }
    part_end(&t);
}

static void fold_sleeve(struct part *t, const struct top_look *l, const struct sleeve *s)
{
    struct rng *r = &t->pen->rng;
    for (int i = 0; i < 4; i++) { /* from the armpit up to the shoulder and into the sleeve */
        double q = .14 + .17 * i, len = l->sleeve * q;
        part_fold(t, s->ax - 4 + i * 3, s->ay - 6, s->sx + s->dx * len + s->nx * 2, s->sy + s->dy * len,
                  rng_range(r, -6, 8), rng_range(r, 9, 15), (i & 1 ? -.6 : .65) * rng_range(r, .6, 1));
    }
    if (l->sleeve < 220) return;
    for (int i = 0; i < 7; i++) { /* elbow and lower arm */
        double q = rng_range(r, .38, .9), w = 34;
        double x = s->sx + s->dx * l->sleeve * q - s->nx * w * .9,
               y = s->sy + s->dy * l->sleeve * q - s->ny * w * .9;
        part_fold(t, x - s->dx * 14, y - s->dy * 14,
                  x + s->nx * w * rng_range(r, .7, 1.1) + s->dx * rng_range(r, -10, 26),
                  y + s->ny * w + s->dy * rng_range(r, -10, 30), rng_range(r, -5, 9), rng_range(r, 8, 14),
                  rng_range(r, .3, .75) * (rng_chance(r, .6) ? 1 : -1));
    }
    part_fold(t, s->sx + s->dx * 30 - s->nx * 14, s->sy + s->dy * 30, (s->ox + s->ix) / 2, (s->oy + s->iy) / 2,
              -7, 24, .3);
}

static void draw_cuff(struct pen *p, const struct top_look *l)
{
    struct sleeve s = sleeve_of(l, l->sleeve);
    double h = l->cuff == CUFF_RIB ? 34 : l->cuff == CUFF_SHIRT ? 36 : 0;
    if (h == 0) return;
    double in = l->cuff == CUFF_RIB ? 5 : 1;
    struct outline o =
        OUTLINE(C(s.ox - s.nx * in + s.dx * -2, s.oy - s.ny * in - s.dy * 2),
                K(s.ox - s.nx * (in + 3) + s.dx * h * .6, s.oy - s.ny * (in + 3) + s.dy * h * .6),
                C(s.ox - s.nx * (in + 3) + s.dx * h, s.oy - s.ny * (in + 3) + s.dy * h),
                C(s.ix + s.nx * (in + 3) + s.dx * h, s.iy + s.ny * (in + 3) + s.dy * h),
                C(s.ix + s.nx * in - s.dx * 2, s.iy + s.ny * in - s.dy * 2));
    struct part t;
    part_begin(&t, p, l->cuff == CUFF_RIB ? l->trim : l->cloth, &o);
    double side = p->mirror ? 1 : -1;
    t.grain_angle = side * l->sleeve_angle * 3.14159 / 180;
    t.puff = 5;
    t.cast = .2;
    if (l->cuff == CUFF_SHIRT) {
        for (int i = 0; i < 2; i++) {
            double q = i ? h - 5 : 5;
            struct outline st = OUTLINE(C(s.ox - s.nx * 2 + s.dx * q, s.oy - s.ny * 2 + s.dy * q),
                                        C(s.ix + s.nx * 2 + s.dx * q, s.iy + s.ny * 2 + s.dy * q));
            part_stitch(&t, &st, l->thread, .9);
        }
    }
    part_end(&t);
    if (l->cuff == CUFF_SHIRT)
        pen_button(p, s.ix + s.nx * 10 + s.dx * h * .5, s.iy + s.ny * 10 + s.dy * h * .5, 5, l->button);
}

static void draw_sleeve(struct pen *p, const struct top_look *l)
{
    struct sleeve s = sleeve_of(l, l->sleeve);
    struct outline o = sleeve_outline(l);
    struct part t;
    part_begin(&t, p, l->cloth, &o);
    t.joined = true;
    double side = p->mirror ? 1 : -1;
    t.grain_angle = side * l->sleeve_angle * 3.14159 / 180;
    t.cast = .2;
    fold_sleeve(&t, l, &s);
    if (l->cuff == CUFF_STITCH || l->cuff == CUFF_TAB) {
        double q = l->sleeve < 220 ? -15 : -24;
        struct outline st = OUTLINE(C(s.ox + s.dx * q + s.nx * 6, s.oy + s.dy * q),
                                    C(s.ix + s.dx * q - s.nx * 6, s.iy + s.dy * q));
        part_seam(&t, &st, .4);
        part_stitch(&t, &st, l->thread, .9);
        if (l->sleeve < 220) {
            struct outline two = OUTLINE(C(s.ox + s.dx * (q + 4) + s.nx * 6, s.oy + s.dy * (q + 4)),
                                         C(s.ix + s.dx * (q + 4) - s.nx * 6, s.iy + s.dy * (q + 4)));
            part_stitch(&t, &two, l->thread, .9);
        }
    }
    if (l->cuff == CUFF_GATHER || l->cuff == CUFF_RIB || l->cuff == CUFF_SHIRT)
        for (int i = 0; i < 6; i++) { /* fullness taken in by the cuff */
            double q = .1 + .16 * i, x = s.ox + (s.ix - s.ox) * q, y = s.oy + (s.iy - s.oy) * q;
            part_fold(&t, x, y, x - s.dx * rng_range(&p->rng, 30, 70), y - s.dy * rng_range(&p->rng, 30, 70), 2,
                      7, i & 1 ? -.5 : .5);
        }
    if (l->quilted)
        for (double d = 40; d < l->sleeve; d += 52) {
            struct outline q = OUTLINE(C(s.sx + s.dx * d + s.nx * 26, s.sy + s.dy * d + s.ny * 26),
                                       K(s.sx + s.dx * (d + 6) - s.nx * 30, s.sy + s.dy * (d + 6) - s.ny * 30),
                                       C(s.sx + s.dx * d - s.nx * 100, s.sy + s.dy * d - s.ny * 100));
            part_seam(&t, &q, 1);
            part_seam(&t, &q, .6);
        }
    struct outline arm =
        OUTLINE(C(s.sx - 4, s.sy - 2), K(l->shoulder_w - 9, (s.sy + s.ay) / 2 + 14), C(s.ax - 3, s.ay + 2));
    part_seam(&t, &arm, .5);
    part_end(&t);
    draw_cuff(p, l);
}

static void body_folds(struct part *t, const struct top_look *l)
{
    struct rng *r = &t->pen->rng;
    double bottom = l->waist_seam > 0 ? l->waist_seam : l->hem, span = bottom - l->armpit;
    for (int side = -1; side <= 1; side += 2) {
        for (int i = 0; i < 3; i++) { /* from the armpits across the chest and down */
            double y = l->armpit + rng_range(r, -8, 16);
            part_fold(t, side * (l->chest_w - 6), y, side * l->chest_w * rng_range(r, .25, .6),
                      y + rng_range(r, -60, 90) * (i + .4) * .6, side * rng_range(r, -12, 6),
                      rng_range(r, 10, 18), rng_range(r, .25, .55) * (i & 1 ? -1 : 1));
        }
        for (int i = 0; i < 3; i++) { /* along the sides */
            double x = side * l->waist_w * rng_range(r, .45, .88), y = l->armpit + span * rng_range(r, .25, .5);
            part_fold(t, x, y, x + side * rng_range(r, -22, 18), y + span * rng_range(r, .25, .5),
                      rng_range(r, -14, 14), rng_range(r, 14, 26),
                      rng_range(r, .16, .36) * (rng_chance(r, .5) ? 1 : -1));
        }
        double nx = side * l->neck_w * .9; /* from the shoulder to the chest */
        part_fold(t, nx, l->top + 26, side * l->chest_w * .55, l->armpit + 30, side * 10, 20, .2);
    }
    for (int i = 0; i < 3; i++) { /* drags across the waist */
        double y = l->armpit + span * rng_range(r, .4, .85), x = rng_range(r, -.5, .3) * l->waist_w;
        part_fold(t, x, y, x + l->waist_w * rng_range(r, .4, .8), y + rng_range(r, -26, 26),
                  rng_range(r, -8, 8), rng_range(r, 12, 20), rng_range(r, .12, .28));
    }
    if (l->hem_kind == HEM_RIB)
        for (int i = 0; i < 9; i++) {
            double x = l->hem_w * (-.9 + .22 * i);
            part_fold(t, x, l->hem - 34, x * 1.03, l->hem - 34 - rng_range(r, 20, 46), 2, 10,
                      i & 1 ? -.3 : .35);
        }
}

static void skirt_folds(struct part *t, const struct top_look *l)
{
    struct rng *r = &t->pen->rng;
    double y0 = l->waist_seam > 0 ? l->waist_seam : l->waist;
    int n = l->waves * 2;
    for (int i = 1; i < n; i++) {
        double q = 1 - 2.0 * i / n, top = l->waist_w * q * .9, x = l->hem_w * q;
        double start = y0 + (i % 3) * (l->hem - y0) * .08 + 4;
        part_fold(t, top, start, x, l->hem + l->hem_round * (1 - q * q) + 8, q * -16, 16 + l->hem_w * .08,
                  (i & 1 ? .62 : -.5) * rng_range(r, .7, 1.1));
    }
    if (!l->gathered) return;
    for (int i = 0; i < 26; i++) {
        double x = l->waist_w * (-.95 + 1.9 * i / 25.0);
        part_fold(t, x, y0 + 2, x * 1.12, y0 + rng_range(r, 34, 90), 0, 8, i & 1 ? -.5 : .6);
    }
}

/* A motif of rings and bars on the chest: the brands are invented, so are their marks. */
static void chest_print(struct part *t, const struct top_look *l)
{
    struct pen *p = t->pen;
    double x, y, s = p->scale * l->chest_w / 120;
    pen_map(p, 0, l->armpit + 8, &x, &y);
    struct rgb a = l->trim->second, b = l->trim->third;
    cairo_t *cr = t->ink;
    switch (rng_below(&p->rng, 4)) {
    case 0:
        for (int i = 0; i < 5; i++) {
            cairo_arc(cr, x, y, (46 - i * 9) * s, 3.1416, 6.2832);
            cairo_set_line_width(cr, 5 * s);
            pen_source(cr, i & 1 ? a : b, .92);
            cairo_stroke(cr);
        }
        cairo_rectangle(cr, x - 52 * s, y + 6 * s, 104 * s, 4 * s);
        break;
    case 1:
        cairo_arc(cr, x, y - 8 * s, 40 * s, 0, 6.2832);
        pen_source(cr, b, .92);
        cairo_fill(cr);
        cairo_move_to(cr, x - 62 * s, y + 32 * s);
        cairo_curve_to(cr, x - 20 * s, y - 30 * s, x, y + 20 * s, x + 22 * s, y - 12 * s);
        cairo_curve_to(cr, x + 34 * s, y - 28 * s, x + 50 * s, y + 22 * s, x + 62 * s, y + 32 * s);
        cairo_close_path(cr);
        break;
    case 2:
        for (int i = 0; i < 3; i++) {
            cairo_rectangle(cr, x - 58 * s, y - 26 * s + i * 20 * s, 116 * s, 9 * s);
            pen_source(cr, i == 1 ? b : a, .92);
            cairo_fill(cr);
        }
        break;
    default:
        for (int i = 0; i < 8; i++) {
            cairo_save(cr);
            cairo_translate(cr, x, y);
            cairo_rotate(cr, i * .7854);
            cairo_move_to(cr, 0, -8 * s);
            cairo_curve_to(cr, 16 * s, -22 * s, 10 * s, -42 * s, 0, -48 * s);
            cairo_curve_to(cr, -10 * s, -42 * s, -16 * s, -22 * s, 0, -8 * s);
            pen_source(cr, i & 1 ? a : b, .92);
            cairo_fill(cr);
            cairo_restore(cr);
        }
        cairo_arc(cr, x, y, 6 * s, 0, 6.2832);
    }
    pen_source(cr, a, .92);
    cairo_fill(cr);
}

static void quilt_lines(struct part *t, const struct top_look *l)
{
    for (double y = l->top + 60; y < l->hem - 20; y += 52) {
        struct outline q =
            OUTLINE(C(-l->hem_w - 30, y), K(-60, y + 7), K(0, y + 3), K(60, y + 7), C(l->hem_w + 30, y));
        part_seam(t, &q, 1);
        part_seam(t, &q, .7);
        for (double x = -l->hem_w; x < l->hem_w; x += 26) /* puckers at the stitches */
            part_fold(t, x, y + 8, x + rng_range(&t->pen->rng, -5, 5), y + rng_range(&t->pen->rng, 16, 30), 0,
                      8, rng_range(&t->pen->rng, -.4, .5));
    }
}

static void hem_stitches(struct part *t, const struct top_look *l)
{
    if (l->hem_kind == HEM_RIB || l->hem_kind == HEM_BAND) return;
    for (int i = 0; i < 2; i++) {
        double up = (l->hem_kind == HEM_STITCH ? 16 : 9) - 4 * i;
        if (i && l->hem_kind != HEM_STITCH) break;
        struct outline full = {.n = 0}, o = {.n = 0};
        hem_knots(&full, l);
        for (size_t k = 0; k < full.n; k++)
            outline_add(&o, (struct knot){full.k[k].x, full.k[k].y - up, full.k[k].corner});
        part_seam(t, &o, .25);
        part_stitch(t, &o, l->thread, .9);
    }
}

static void draw_body(struct pen *p, const struct top_look *l)
{
    struct outline o = body_outline(l);
    struct part t;
    part_begin(&t, p, l->cloth, &o);
    t.joined = true;
    t.cast = .3;
    body_folds(&t, l);
    if (l->waves > 0) skirt_folds(&t, l);
    if (l->print) chest_print(&t, l);
    if (l->quilted) quilt_lines(&t, l);
    hem_stitches(&t, l);
    if (l->waist_seam > 0) {
        struct outline w = OUTLINE(C(-l->chest_w - 20, l->waist_seam - 2), K(0, l->waist_seam + 4),
                                   C(l->chest_w + 20, l->waist_seam - 2));
        part_seam(&t, &w, 1);
    }
    for (int side = -1; side <= 1; side += 2) {
        struct outline shoulder =
            OUTLINE(C(side * l->neck_w, l->top + 7), C(side * l->shoulder_w, l->top + l->shoulder_drop + 9));
        part_seam(&t, &shoulder, .35);
        if (l->neck == NECK_LAPEL || l->neck == NECK_PEAK || l->neck == NECK_SHAWL) { /* darts */
            struct outline dart =
                OUTLINE(C(side * l->waist_w * .52, l->armpit + 16), K(side * l->waist_w * .48, l->waist),
                        C(side * l->waist_w * .55, l->waist + 110));
            part_seam(&t, &dart, .45);
        }
    }
    part_end(&t);
}

static void draw_yoke(struct pen *p, const struct top_look *l)
{
    struct top_look half = *l;
    half.hem = l->armpit + 18;
    half.hem_w = l->chest_w;
    half.hem_round = 3;
    half.hem_kind = HEM_STITCH;
    half.waist = l->armpit;
    struct outline o = body_outline(&half);
    struct part t;
    part_begin(&t, p, l->yoke, &o);
    t.joined = true;
    t.cast = 0;
    struct outline s = OUTLINE(C(-l->chest_w - 9, half.hem), C(l->chest_w + 9, half.hem));
    part_seam(&t, &s, .9);
    part_end(&t);
}

static void draw_hem_band(struct pen *p, const struct top_look *l)
{
    double h = l->hem_kind == HEM_RIB ? 38 : 34, in = l->hem_kind == HEM_RIB ? 7 : 1;
    struct outline o = OUTLINE(C(-l->hem_w + 1, l->hem - h), K(-l->hem_w + in - 2, l->hem - h * .4),
                               C(-l->hem_w + in + 3, l->hem + 4), K(0, l->hem + 4 + l->hem_round),
                               C(l->hem_w - in - 3, l->hem + 4), K(l->hem_w - in + 2, l->hem - h * .4),
                               C(l->hem_w - 1, l->hem - h), K(0, l->hem - h + l->hem_round * .9));
    struct part t;
    part_begin(&t, p, l->hem_kind == HEM_RIB ? l->trim : l->cloth, &o);
    t.puff = 5;
    t.cast = .2;
    for (int i = 0; i < 2 && l->hem_kind == HEM_BAND; i++) {
        struct outline s =
            OUTLINE(C(-l->hem_w, l->hem - (i ? 2 : h - 5)), C(l->hem_w, l->hem - (i ? 2 : h - 5)));
        part_stitch(&t, &s, l->thread, 1);
    }
    part_end(&t);
}

/* A ring of rib round the neck: the back half first, the front half over the body. */
static void rib_ring(struct pen *p, const struct top_look *l, bool back, double width)
{
    struct outline line = {.n = 0};
    if (back) {
        double b = l->top + back_drop(l);
        line = OUTLINE(C(-l->neck_w, l->top + 3), K(-l->neck_w * .5, b - 3), K(0, b), K(l->neck_w * .5, b - 3),
                       C(l->neck_w, l->top + 3));
    } else {
        line = neck_line(l);
    }
    pen_strip(p, l->trim, &line, width, 4);
}

static void turtle(struct pen *p, const struct top_look *l, double height, bool folded)
{
    double w = l->neck_w, t = l->top;
    struct outline in = OUTLINE(C(-w + 7, t - height + 3), K(0, t - height - 7), C(w - 7, t - height + 3),
                                K(0, t - height + 12));
    struct part a;
    part_begin(&a, p, l->trim, &in);
    a.shade = .55;
    a.puff = 1;
    a.cast = 0;
    part_end(&a);
    struct outline o = OUTLINE(C(-w + 6, t - height), K(-w + 3, t - height * .4), C(-w - 3, t + 6),
                               K(-w * .55, t + l->neck_drop * .85), K(0, t + l->neck_drop + 5),
                               K(w * .55, t + l->neck_drop * .85), C(w + 3, t + 6), K(w - 3, t - height * .4),
                               C(w - 6, t - height), K(0, t - height + 9));
    part_begin(&a, p, l->trim, &o);
    a.puff = 6;
    for (int i = 0; i < 3; i++)
        part_fold(&a, -w * .8, t - height * .2 + i * 9, w * .7, t - height * .1 + i * 9, 9, 10,
                  i & 1 ? -.3 : .3);
    if (folded) {
        struct outline f =
            OUTLINE(C(-w - 6, t - height * .25), K(0, t - height * .25 + 13), C(w + 6, t - height * .25));
        part_seam(&a, &f, 1);
    }
    part_end(&a);
}

static void shirt_collar(struct pen *p, const struct top_look *l, bool buttoned)
{
    double w = l->neck_w, t = l->top, y = t + l->neck_drop;
    struct outline back = OUTLINE(C(-w + 2, t - 12), K(0, t - 22), C(w - 2, t - 12), K(w * .7, t + 14),
                                  K(0, t + 24), K(-w * .7, t + 14));
    struct part a;
    part_begin(&a, p, l->trim, &back);
    a.shade = .8;
    a.puff = 3;
    part_end(&a);
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        double in = buttoned ? 1 : 9;
        struct outline o =
            OUTLINE(C(in, y - 5), C(in + 17, y + 40), C(w + 19, t + 27), K(w + 13, t + 2), C(w - 3, t - 15),
                    K(w * .72, t + (y - t) * .34), K(w * .36, t + (y - t) * .74));
        part_begin(&a, p, l->trim, &o);
        a.puff = 4;
        a.edge = 5;
        a.cast = .45;
        a.grain_angle = side ? .5 : -.5;
        struct outline st = OUTLINE(C(in + 4, y + 4), C(in + 19, y + 33), C(w + 13, t + 24), C(w + 10, t + 6));
        part_stitch(&a, &st, l->thread, .8);
        part_end(&a);
    }
    p->mirror = false;
}

static void lapels(struct pen *p, const struct top_look *l)
{
    double w = l->neck_w, t = l->top, y = t + l->neck_drop, peak = l->neck == NECK_PEAK ? -24 : 0;
    double spread = l->neck == NECK_BIKER ? 16 : 0;
    struct part a;
    struct outline back = OUTLINE(C(-w - 5, t - 8), K(0, t - 19), C(w + 5, t - 8), C(w + 2, t + 14),
                                  K(w * .6, t + 12), K(0, t + 16), K(-w * .6, t + 12), C(-w - 2, t + 14));
    part_begin(&a, p, l->trim, &back);
    a.puff = 4;
    a.shade = .93;
    part_end(&a);
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        a = (struct part){0};
        if (l->neck == NECK_SHAWL) {
            struct outline o = OUTLINE(C(1, y + 2), K(w * .7, t + (y - t) * .72), K(w + 32, t + (y - t) * .34),
                                       K(w + 26, t + 20), C(w + 2, t - 9), K(w * .82, t + (y - t) * .26),
                                       K(w * .4, t + (y - t) * .62));
            part_begin(&a, p, l->trim, &o);
            a.cast = .42;
            part_end(&a);
            continue;
        }
        struct outline lapel =
            OUTLINE(C(1, y + 2), K(w * .56, t + (y - t) * .74), C(w + 40 + spread, t + 82 + peak + spread),
                    C(w + 8, t + 62 - peak * .2), C(w - 7, t + 20), K(w * .5, t + (y - t) * .46));
        part_begin(&a, p, l->trim, &lapel);
        a.puff = 5;
        a.edge = 5;
        a.cast = .45;
        a.grain_angle = side ? .3 : -.3;
        struct outline st =
            OUTLINE(C(6, y - 12), K(w * .62, t + (y - t) * .68), C(w + 33 + spread, t + 83 + peak + spread));
        if (l->cloth->fabric == FAB_LEATHER || l->cloth->fabric == FAB_DENIM)
            part_stitch(&a, &st, l->thread, .8);
        part_end(&a);
        struct outline collar = OUTLINE(C(w - 9, t + 24), C(w + 9, t + 63), C(w + 35, t + 56 + spread * .4),
                                        K(w + 26, t + 16), C(w + 1, t - 10), K(w - 6, t + 4));
        part_begin(&a, p, l->trim, &collar);
        a.puff = 4;
        a.edge = 5;
        a.cast = .4;
        part_end(&a);
    }
    p->mirror = false;
}

static void hood(struct pen *p, const struct top_look *l, bool front)
{
    double w = l->neck_w, t = l->top;
    struct part a;
    if (!front) {
        struct outline o = OUTLINE(C(-w - 26, t + 20), K(-w - 36, t - 40), K(-w - 6, t - 96), K(0, t - 116),
                                   K(w + 6, t - 96), K(w + 36, t - 40), C(w + 26, t + 20));
        part_begin(&a, p, l->cloth, &o);
        a.puff = 12;
        a.edge = 10;
        part_fold(&a, -w, t - 70, w * .2, t - 108, 6, 16, .4);
        part_fold(&a, w, t - 60, w * .2, t - 104, -6, 14, .3);
        part_end(&a);
        struct outline in = OUTLINE(C(-w, t + 24), K(-w - 12, t - 36), K(-w * .74, t - 76), K(0, t - 88),
                                    K(w * .74, t - 76), K(w + 12, t - 36), C(w, t + 24));
        part_begin(&a, p, l->lining, &in);
        a.shade = .62;
        a.puff = -6;
        a.cast = 0;
        struct outline seam = OUTLINE(C(0, t - 96), C(0, t + 20));
        part_seam(&a, &seam, .7);
        part_end(&a);
        return;
    }
    for (int side = 0; side < 2; side++) { /* the edges that cross at the throat */
        p->mirror = side == 1;
        struct outline o = OUTLINE(C(-5, t + l->neck_drop + 12), K(w * .55, t + l->neck_drop * .7),
                                   K(w - 6, t - 10), C(w + 2, t - 44), C(w + 27, t - 10), C(w + 27, t + 22),
                                   K(w * .8, t + l->neck_drop * .9), C(4, t + l->neck_drop + 34));
        part_begin(&a, p, l->cloth, &o);
        a.puff = 7;
        a.cast = .4;
        part_end(&a);
        struct outline cord = OUTLINE(C(15, t + l->neck_drop + 10), K(17, t + l->neck_drop + 60),
                                      C(13 + side * 6, t + l->neck_drop + 108 + side * 14));
        struct material m = material_plain(FAB_CANVAS, rgb_mix(l->thread, rgb_hex(0xffffff), .3));
        pen_strip(p, &m, &cord, 5, 2);
        pen_stud(p, 15, t + l->neck_drop + 10, 5, l->button);
    }
    p->mirror = false;
}

static void straps(struct pen *p, const struct top_look *l)
{
    for (int side = -1; side <= 1; side += 2) {
        double w = l->neck_w, t = l->top, b = t + back_drop(l);
        struct outline behind =
            OUTLINE(C(side * (w - 30), b + 6), K(side * (w - 24), t - 26), C(side * (w - 8), t - 66));
        struct outline line =
            OUTLINE(C(side * (w + 1), t + 12), K(side * (w + 1), t - 30), C(side * (w - 7), t - 68));
        struct material m = material_plain(l->trim->fabric, rgb_scale(l->trim->base, .8));
        pen_strip(p, &m, &behind, 7, 2);
        pen_strip(p, l->trim, &line, 8, 2.5);
    }
}

static void draw_neck_back(struct pen *p, const struct top_look *l)
{
    if (l->neck == NECK_HOOD) hood(p, l, false);
    if (l->neck == NECK_STRAPS) straps(p, l);
    draw_inside(p, l);
    if (l->neck == NECK_CREW || l->neck == NECK_V || l->neck == NECK_SCOOP || l->neck == NECK_WRAP)
        rib_ring(p, l, true, 15);
}

static void draw_neck_front(struct pen *p, const struct top_look *l)
{
    switch (l->neck) {
    case NECK_CREW:
    case NECK_V:
        rib_ring(p, l, false, l->cloth->fabric == FAB_JERSEY ? 14 : 19);
        break;
    case NECK_SCOOP:
    case NECK_BOAT:
    case NECK_WRAP:
    case NECK_STRAPS:
        rib_ring(p, l, false, 7);
        break;
    case NECK_POLO:
        shirt_collar(p, l, false);
        break;
    case NECK_SHIRT:
        shirt_collar(p, l, true);
        break;
    case NECK_MAO:
        rib_ring(p, l, true, 22);
        rib_ring(p, l, false, 20);
        break;
    case NECK_TURTLE:
        turtle(p, l, 46, true);
        break;
    case NECK_FUNNEL:
        turtle(p, l, 38, false);
        break;
    case NECK_HOOD:
        hood(p, l, true);
        break;
    default:
        lapels(p, l);
        break;
    }
}

static void front_panel(struct pen *p, const struct top_look *l, double lap)
{
    struct knot side[8];
    size_t ns = side_knots(l, side);
    struct outline o = {.n = 0};
    double y = l->top + l->neck_drop;
    outline_addn(&o,
                 (struct knot[]){C(-lap, y + lap * .4), K(l->neck_w * .62, l->top + l->neck_drop * .42),
                                 C(l->neck_w, l->top)},
                 3);
    outline_addn(&o, side, ns);
    if (l->hem_kind == HEM_CUTAWAY)
        outline_addn(&o,
                     (struct knot[]){C(l->hem_w, l->hem - 4), K(l->hem_w * .55, l->hem + 4), K(34, l->hem - 2),
                                     C(-lap, l->hem - 44)},
                     4);
    else
        outline_addn(&o,
                     (struct knot[]){C(l->hem_w, l->hem), K(l->hem_w * .5, l->hem + l->hem_round * .8),
                                     C(-lap, l->hem + l->hem_round)},
                     3);
    struct part t;
    part_begin(&t, p, l->cloth, &o);
    t.joined = true;
    t.cast = .42;
    t.cast_px = 6;
    body_folds(&t, l);
    if (l->quilted) quilt_lines(&t, l);
    hem_stitches(&t, l);
    struct outline edge = OUTLINE(C(-lap + 1, y + 4), C(-lap + 1, l->hem + 10));
    part_seam(&t, &edge, .8);
    struct outline dart = OUTLINE(C(l->waist_w * .52, l->armpit + 16), K(l->waist_w * .48, l->waist),
                                  C(l->waist_w * .55, l->waist + 110));
    if (l->neck == NECK_LAPEL || l->neck == NECK_PEAK) part_seam(&t, &dart, .45);
    if (l->cloth->fabric == FAB_DENIM || l->cloth->fabric == FAB_TWILL || l->cloth->fabric == FAB_LEATHER) {
        struct outline s = OUTLINE(C(-lap + 8, y + 10), C(-lap + 8, l->hem + 10));
        part_stitch(&t, &s, l->thread, 1);
    }
    part_end(&t);
}

static void button_row(struct pen *p, const struct top_look *l, double x, double from, double to, double r)
{
    int n = l->buttons > 0 ? l->buttons : 6;
    for (int i = 0; i < n; i++) {
        double y = n > 1 ? from + (to - from) * i / (n - 1) : from;
        if (l->front == FRONT_SNAPS)
            pen_stud(p, x, y, r, l->button);
        else
            pen_button(p, x, y, r, l->button);
    }
}

static void draw_front(struct pen *p, const struct top_look *l)
{
    double y = l->top + l->neck_drop, bottom = l->hem_kind == HEM_TAIL ? l->hem : l->hem - 6;
    bool lapel = l->neck == NECK_LAPEL || l->neck == NECK_PEAK || l->neck == NECK_SHAWL || l->neck == NECK_V;
    switch (l->front) {
    case FRONT_BUTTONS:
    case FRONT_HALF:
    case FRONT_SNAPS: {
        if (lapel) {
            front_panel(p, l, 10);
            button_row(p, l, -1, y + 12, l->buttons > 3 ? l->hem - 70 : y + 12 + 62.0 * (l->buttons - 1), 8);
            break;
        }
        double end = l->front == FRONT_HALF ? y + 118 : bottom + 4;
        struct outline o = OUTLINE(C(-13, y - 6), C(13, y - 6), C(13.5, end), C(-12.5, end));
        struct part t;
        part_begin(&t, p, l->cloth, &o);
        t.puff = 2.5;
        t.edge = 3;
        t.cast_px = 5;
        for (int i = 0; i < 2; i++) {
            struct outline s = OUTLINE(C(i ? 9 : -9, y - 4), C(i ? 9.5 : -8.5, end));
            part_stitch(&t, &s, l->thread, .8);
        }
        part_end(&t);
        button_row(p, l, 0, y + (l->neck == NECK_SHIRT ? 46 : 14), end - 26, l->front == FRONT_SNAPS ? 6 : 5.2);
        break;
    }
    case FRONT_DOUBLE:
        front_panel(p, l, 46);
        for (int i = 0; i < 3; i++)
            for (int side = -1; side <= 1; side += 2)
                pen_button(p, side * (i == 0 && l->neck_drop < 200 ? 44 : 34) + 2, y + 4 + i * 66, 8.5,
                           l->button);
        break;
    case FRONT_ZIP:
        if (l->neck == NECK_BIKER) {
            front_panel(p, l, 34);
            pen_zip(p, -32, y + 22, -26, l->hem - 8, l->cloth->base, l->button, .04);
        } else {
            double up = l->neck == NECK_TURTLE || l->neck == NECK_FUNNEL ? l->top - 26 : y;
            pen_zip(p, 0, up, 0, bottom + 6, l->cloth->base, l->button, .05);
        }
        break;
    default:
        break;
    }
}

static void flap_pocket(struct pen *p, const struct top_look *l, double x, double y, double w, double h,
                        bool patch)
{
    struct part t;
    if (patch) {
        struct outline o = OUTLINE(C(x - w, y + 4), C(x + w, y + 4), C(x + w - 2, y + h),
                                   K(x + w * .5, y + h + 9), K(x - w * .5, y + h + 9), C(x - w + 2, y + h));
        part_begin(&t, p, l->cloth, &o);
        t.puff = 2.5;
        t.edge = 4;
        t.cast = .3;
        struct outline s = OUTLINE(C(x - w + 4, y + 8), C(x - w + 6, y + h - 3), K(x, y + h + 4),
                                   C(x + w - 6, y + h - 3), C(x + w - 4, y + 8));
        part_stitch(&t, &s, l->thread, .9);
        part_end(&t);
    }
    if (patch && h > 60 && !(l->pockets & POCKET_CHEST_FLAPS)) return;
    double fh = 24;
    struct outline o = OUTLINE(C(x - w - 2, y), C(x + w + 2, y + 1), C(x + w + 1, y + fh - 4),
                               C(x + w - 6, y + fh), C(x - w + 6, y + fh), C(x - w - 1, y + fh - 4));
    part_begin(&t, p, l->cloth, &o);
    t.puff = 3;
    t.edge = 4;
    t.cast = .4;
    struct outline s = OUTLINE(C(x - w + 1, y + fh - 5), C(x + w - 1, y + fh - 5));
    if (l->cloth->fabric != FAB_WOOL && l->cloth->fabric != FAB_TWEED) part_stitch(&t, &s, l->thread, .8);
    part_end(&t);
}

static void draw_pockets(struct pen *p, const struct top_look *l)
{
    struct part t;
    double low = l->waist + (l->hem - l->waist) * .3;
    if (l->pockets & POCKET_CHEST) {
        double x = l->chest_w * .5, y = l->armpit - 26;
        struct outline o =
            OUTLINE(C(x - 25, y), C(x + 25, y), C(x + 25, y + 50), C(x, y + 62), C(x - 25, y + 50));
        part_begin(&t, p, l->cloth, &o);
        t.puff = 2;
        t.edge = 3;
        t.cast = .28;
        t.cast_px = 5;
        struct outline s = OUTLINE(C(x - 25, y + 9), C(x + 25, y + 9)),
                       b = OUTLINE(C(x - 22, y + 1), C(x - 22, y + 48), C(x, y + 58), C(x + 22, y + 48),
                                   C(x + 22, y + 1));
        part_stitch(&t, &s, l->thread, .8);
        part_stitch(&t, &b, l->thread, .8);
        part_end(&t);
    }
    for (int side = -1; side <= 1; side += 2) {
        if (l->pockets & POCKET_FLAPS) flap_pocket(p, l, side * l->hem_w * .56, low, 31, 30, false);
        if (l->pockets & POCKET_PATCH) flap_pocket(p, l, side * l->hem_w * .54, low - 10, 34, 74, true);
        if (l->pockets & POCKET_CHEST_FLAPS)
            flap_pocket(p, l, side * l->chest_w * .5, l->armpit - 22, 28, 50, true);
        if (l->pockets & POCKET_ZIP)
            pen_zip(p, side * l->hem_w * .72, low - 4, side * l->hem_w * .5, low + 64, l->cloth->base,
                    l->button, .06);
        if (l->pockets & POCKET_WELT)
            pen_bar(p, l->cloth, side * l->hem_w * .68, low - 4, side * l->hem_w * .5, low + 60, 15, 2.5);
    }
    if (l->pockets & POCKET_KANGAROO) {
        double y = l->hem - 150, w = l->hem_w * .66;
        struct outline o = OUTLINE(C(-w * .62, y), C(w * .62, y), K(w * .82, y + 50), C(w, y + 72),
                                   C(w, l->hem - 36), C(-w, l->hem - 36), C(-w, y + 72), K(-w * .82, y + 50));
        part_begin(&t, p, l->cloth, &o);
        t.puff = 5;
        t.edge = 5;
        t.cast = .35;
        struct outline s = OUTLINE(C(w * .57, y + 4), K(w * .77, y + 52), C(w - 6, y + 75)),
                       m = OUTLINE(C(-w * .57, y + 4), K(-w * .77, y + 52), C(-w + 6, y + 75));
        part_stitch(&t, &s, l->thread, .9);
        part_stitch(&t, &m, l->thread, .9);
        part_fold(&t, -w * .5, y + 30, w * .3, y + 70, 8, 20, .3);
        part_end(&t);
    }
}

static void draw_belt(struct pen *p, const struct top_look *l)
{
    double y = l->waist_seam > 0 ? l->waist_seam : l->waist, w = l->waist_w + 4;
    struct outline line = OUTLINE(C(-w, y - 2), K(0, y + 5), C(w, y - 2));
    pen_strip(p, l->trim, &line, 26, 5);
    struct outline tail = OUTLINE(C(18, y + 4), K(32, y + 50), C(24, y + 104)),
                   tail2 = OUTLINE(C(8, y + 6), K(2, y + 44), C(8, y + 84));
    pen_strip(p, l->trim, &tail2, 20, 4);
    pen_strip(p, l->trim, &tail, 20, 4);
    struct outline knot =
        OUTLINE(K(-4, y - 8), K(14, y - 13), K(31, y - 6), K(31, y + 12), K(14, y + 19), K(-3, y + 13));
    struct part t;
    part_begin(&t, p, l->trim, &knot);
    t.puff = 9;
    part_fold(&t, 2, y - 6, 28, y + 10, 4, 9, .5);
    part_end(&t);
}

void top_extent(const struct top_look *l, double *x0, double *y0, double *x1, double *y1)
{
    struct sleeve s = sleeve_of(l, l->sleeve + (l->cuff == CUFF_RIB || l->cuff == CUFF_SHIRT ? 36 : 0));
    double w = fmax(l->hem_w, l->chest_w) + 6;
    if (l->sleeve > 0 && s.ox + 8 > w) w = s.ox + 8;
    *x1 = w;
    *x0 = -w;
    *y0 = l->top - (l->neck == NECK_HOOD     ? 124
                    : l->neck == NECK_TURTLE ? 68
                    : l->neck == NECK_STRAPS ? 74
                    : l->neck == NECK_FUNNEL ? 50
                                             : 24);
    *y1 = l->hem + (l->hem_round > 0 ? l->hem_round : 0) + 12;
    if (l->sleeve > 0 && s.oy + 10 > *y1) *y1 = s.oy + 10;
}

void top_draw(struct pen *p, const struct top_look *l)
{
    draw_neck_back(p, l);
    struct outline body = body_outline(l), sleeve = sleeve_outline(l);
    pen_hull_begin(p);
    pen_hull_add(p, &body);
    for (int side = 0; side < 2 && l->sleeve > 0; side++) {
        p->mirror = side == 1;
        pen_hull_add(p, &sleeve);
    }
    p->mirror = false;
    draw_body(p, l);
    for (int side = 0; side < 2 && l->sleeve > 0; side++) {
        p->mirror = side == 1;
        draw_sleeve(p, l);
    }
    p->mirror = false;
    if (l->yoke) draw_yoke(p, l);
    draw_front(p, l);
    pen_hull_end(p);
    if (l->hem_kind == HEM_RIB || l->hem_kind == HEM_BAND) draw_hem_band(p, l);
    draw_pockets(p, l);
    if (l->belt) draw_belt(p, l);
    draw_neck_front(p, l);
}
