/* Trousers, jeans, joggers, leggings, shorts, and skirts. */
#include "demo/garment.h"

#include <math.h>

static struct outline leg_outline(const struct bottom_look *l) /* the right one */
{
    double crotch = l->top + l->rise, knee = crotch + (l->hem - crotch) * .45, in = l->spread;
    bool brief = l->hem - crotch < 260;
    struct outline o = {.n = 0};
    outline_add(&o, C(-1, l->top));
    outline_add(&o, C(l->waist_w, l->top));
    outline_add(&o, K(l->hip_w, l->top + l->rise * .62));
    if (!brief) outline_add(&o, K(in * .5 + 2 * l->knee_w + 4, knee));
    outline_add(&o, C(in + 2 * l->hem_w, l->hem + (brief ? -6 : 0)));
    outline_add(&o, C(in, l->hem + 3));
    if (!brief) outline_add(&o, K(in * .5 + 3, knee + 6));
    outline_add(&o, C(-1, crotch + 4));
    return o;
}

static void leg_folds(struct part *t, const struct bottom_look *l)
{
    struct rng *r = &t->pen->rng;
    double crotch = l->top + l->rise, len = l->hem - crotch, knee = crotch + len * .45;
    for (int i = 0; i < 5; i++) /* whiskers from the crotch */
        part_fold(t, 2, crotch - 20 + i * 12, l->hip_w * rng_range(r, .55, .92), crotch - 46 + i * 27,
                  rng_range(r, -10, 8), rng_range(r, 9, 15), (i & 1 ? -.4 : .5) * rng_range(r, .6, 1));
    if (len < 260) return;
    for (int i = 0; i < 8; i++) { /* behind the knee and above the hem */
        bool low = i >= 4;
        double y = low ? l->hem - rng_range(r, 14, 80) : knee + rng_range(r, -50, 60),
               side = rng_chance(r, .5) ? 1 : 0;
        double w = low ? l->hem_w : l->knee_w, x = (low ? l->spread : l->spread * .5) + 2 * w * side;
        part_fold(t, x, y, x + (side > 0 ? -1 : 1) * w * rng_range(r, .8, 1.7), y + rng_range(r, -26, 26),
                  rng_range(r, -8, 8), rng_range(r, 10, 17),
                  rng_range(r, .2, .5) * (rng_chance(r, .6) ? 1 : -1));
    }
    part_fold(t, l->hip_w * .8, crotch - 10, l->spread + l->hem_w * 1.8, l->hem - 50, 6, 24, -.22);
    part_fold(t, l->hip_w * .35, crotch + 30, l->spread + l->hem_w * .6, l->hem - 60, -4, 26, .2);
}

static void leg_details(struct part *t, const struct bottom_look *l)
{
    double crotch = l->top + l->rise, len = l->hem - crotch, knee = crotch + len * .45,
           mid = l->spread + l->hem_w;
    if (l->crease) {
        struct outline c =
            OUTLINE(C(l->hip_w * .55, l->top + 40), K(l->spread * .5 + l->knee_w, knee), C(mid, l->hem));
        part_fold(t, l->hip_w * .55, l->top + 60, mid, l->hem - 4, 0, 16, .45);
        part_line(t, &c, rgb_hex(0xffffff), .9, .14);
    }
    if (l->pleats)
        for (int i = 0; i < 2; i++)
            part_fold(t, l->waist_w * (.4 + .25 * i), l->top + 22, l->hip_w * (.45 + .22 * i), l->top + 100, 0,
                      11, .6);
    if (l->wash > 0) { /* worn lighter on the thigh and the knee */
        part_fade(t, l->hip_w * .52, crotch + len * .12, l->hip_w * .42, len * .26, .34 * l->wash);
        part_fade(t, l->spread * .5 + l->knee_w, knee + 20, l->knee_w * .8, len * .17, .2 * l->wash);
        part_fade(t, l->spread + l->hem_w * 1.9, knee + 40, l->knee_w * .6, len * .5, -.16);
    }
    if (l->side_stripe && len < 260) {
        struct outline s = OUTLINE(C(l->waist_w - 9, l->top), K(l->hip_w - 9, l->top + l->rise * .62),
                                   C(l->spread + 2 * l->hem_w - 9, l->hem));
        part_line(t, &s, l->trim->second, 9, .95);
    } else if (l->side_stripe) {
        struct outline s =
            OUTLINE(C(l->waist_w - 9, l->top), K(l->hip_w - 11, l->top + l->rise * .62),
                    K(l->spread * .5 + 2 * l->knee_w - 6, knee), C(l->spread + 2 * l->hem_w - 10, l->hem));
        part_line(t, &s, l->trim->second, 8, .95);
    }
    double up = len < 260 ? 20 : l->denim ? 12 : 22;
    if (l->cuff == CUFF_STITCH) {
        struct outline h = OUTLINE(C(l->spread - 4, l->hem - up + 3),
                                   C(l->spread + 2 * l->hem_w + 4, l->hem - up - (len < 260 ? 6 : 0)));
        part_seam(t, &h, .4);
        if (l->denim || len < 260) part_stitch(t, &h, l->thread, 1);
    }
    struct outline inseam = OUTLINE(C(2, crotch + 6), K(l->spread * .5 + 8, knee), C(l->spread + 5, l->hem));
    if (l->denim) part_stitch(t, &inseam, l->thread, .9);
    if (!l->elastic || l->denim) { /* the slanted pocket */
        struct outline s =
            l->denim ? OUTLINE(C(l->waist_w * .5, l->top + l->band), K(l->waist_w * .62, l->top + l->band + 34),
                               C(l->hip_w * .97, l->top + l->band + 52))
                     : OUTLINE(C(l->waist_w * .7, l->top + l->band), C(l->hip_w * .97, l->top + l->band + 84));
        part_seam(t, &s, 1);
        struct outline s2 = s;
        for (size_t i = 0; i < s2.n; i++)
            s2.k[i].x -= 4, s2.k[i].y += 3;
        part_stitch(t, &s2, l->thread, .9);
    } else {
        struct outline s =
            OUTLINE(C(l->waist_w * .93, l->top + l->band + 8), K(l->hip_w * .88, l->top + l->band + 50),
                    C(l->hip_w * .93, l->top + l->band + 84));
        part_seam(t, &s, .8);
    }
}

static void draw_leg(struct pen *p, const struct bottom_look *l)
{
    struct outline o = leg_outline(l);
    struct part t;
    part_begin(&t, p, l->cloth, &o);
    t.joined = true;
    t.puff = 9;
    t.edge = 9;
    t.cast = 0;
    t.grain_angle = (p->mirror ? 1 : -1) * atan2(l->spread, l->hem - l->top) * .6;
    leg_folds(&t, l);
    leg_details(&t, l);
    if (l->cuff == CUFF_RIB || l->cuff == CUFF_GATHER)
        for (int i = 0; i < 7; i++) {
            double x = l->spread + 2 * l->hem_w * (.05 + .15 * i);
            part_fold(&t, x, l->hem - 3, x + rng_range(&p->rng, -4, 4), l->hem - rng_range(&p->rng, 24, 60), 1,
                      8, i & 1 ? -.5 : .5);
        }
    struct outline centre = OUTLINE(C(0, l->top), C(0, l->top + l->rise + 2));
    part_seam(&t, &centre, .8);
    part_end(&t);
    if (l->cuff == CUFF_RIB) {
        struct outline c =
            OUTLINE(C(l->spread + 3, l->hem - 2), C(l->spread + 2 * l->hem_w - 3, l->hem - 6),
                    K(l->spread + 2 * l->hem_w - 6, l->hem + 14), C(l->spread + 2 * l->hem_w - 7, l->hem + 34),
                    C(l->spread + 7, l->hem + 36), K(l->spread + 5, l->hem + 16));
        part_begin(&t, p, l->trim, &c);
        t.puff = 5;
        t.cast = .2;
        part_end(&t);
    }
    if (l->turn_up) {
        struct outline c = OUTLINE(C(l->spread - 3, l->hem - 24), C(l->spread + 2 * l->hem_w + 3, l->hem - 28),
                                   C(l->spread + 2 * l->hem_w + 4, l->hem + 2), C(l->spread - 4, l->hem + 5));
        struct material m =
            material_plain(l->cloth->fabric, rgb_mix(l->cloth->base, rgb_hex(0xffffff), l->denim ? .4 : .04));
        part_begin(&t, p, l->denim ? &m : l->cloth, &c);
        t.puff = 4;
        t.edge = 4;
        part_end(&t);
    }
    if (l->cargo) {
        double crotch = l->top + l->rise, y = crotch + (l->hem - crotch) * (l->hem - crotch < 200 ? .25 : .2),
               x = l->spread * .3 + l->hip_w * .72;
        for (int flap = 0; flap < 2; flap++) {
            double h = flap ? 26 : 84, top = flap ? y - 8 : y, w = flap ? 33 : 31;
            struct outline c =
                OUTLINE(C(x - w, top), C(x + w, top - 3), C(x + w - 1, top + h), C(x - w + 3, top + h + 3));
            part_begin(&t, p, l->cloth, &c);
            t.puff = 3;
            t.edge = 4;
            t.cast = .4;
            struct outline s = OUTLINE(C(x - w + 4, top + h - 4), C(x + w - 4, top + h - 6));
            part_stitch(&t, &s, l->thread, .9);
            part_end(&t);
        }
        pen_stud(p, x, y + 9, 4.5, l->button);
    }
}

static void draw_waistband(struct pen *p, const struct bottom_look *l)
{
    double w = l->waist_w, b = l->band, y = l->top;
    struct part t;
    struct outline in = OUTLINE(C(-w + 4, y), K(0, y - 9), C(w - 4, y), K(0, y + 12));
    part_begin(&t, p, l->cloth, &in);
    t.shade = .6;
    t.puff = 1;
    t.cast = 0;
    part_end(&t);
    struct outline o =
        OUTLINE(C(-w, y - 1), K(0, y + 8), C(w, y - 1), C(w + 2, y + b), K(0, y + b + 8), C(-w - 2, y + b));
    part_begin(&t, p, l->elastic ? l->trim : l->cloth, &o);
    t.puff = 5;
    t.edge = 4;
    t.cast = .3;
    for (int i = 0; i < 2 && !l->elastic; i++) {
        double q = i ? b - 4 : 4;
        struct outline s = OUTLINE(C(-w, y + q), K(0, y + q + 8), C(w, y + q));
        part_stitch(&t, &s, l->thread, .9);
    }
    for (int i = 0; i < 30 && l->elastic; i++) {
        double x = -w + 2 * w * i / 29.0;
        part_fold(&t, x, y + 2, x, y + b + 4, 0, 6, i & 1 ? -.5 : .5);
    }
    part_end(&t);
    if (l->elastic) {
        struct material m = material_plain(FAB_CANVAS, rgb_mix(l->thread, rgb_hex(0xffffff), .35));
        for (int side = -1; side <= 1; side += 2) {
            struct outline cord = OUTLINE(C(side * 7, y + b * .5 + 8), K(side * 13, y + b + 28),
                                          C(side * 10 + 3, y + b + 62 + side * 8));
            pen_strip(p, &m, &cord, 4.5, 2);
        }
        return;
    }
    for (int i = -2; i <= 2; i++) { /* loops */
        if (i == 0) continue;
        double x = w * .42 * i, dy = 8 * (1 - .18 * i * i);
        pen_bar(p, l->cloth, x, y - 3 + dy * .6, x, y + b + 5 + dy * .6, 8, 2);
    }
    pen_button(p, 0, y + b * .5 + 8, l->denim ? 7 : 6, l->button);
}

void bottom_draw(struct pen *p, const struct bottom_look *l)
{
    struct outline leg = leg_outline(l);
    pen_hull_begin(p);
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        pen_hull_add(p, &leg);
    }
    for (int side = 1; side >= 0; side--) {
        p->mirror = side == 1;
        draw_leg(p, l);
    }
    p->mirror = false;
    pen_hull_end(p);
    if (!l->elastic && l->band > 0) { /* the fly */
        double y = l->top + l->band, e = l->top + l->rise * .72;
        struct outline o = OUTLINE(C(-1, y), C(17, y), K(16, e - 22), C(-1, e));
        struct part t;
        part_begin(&t, p, l->cloth, &o);
        t.puff = 1.5;
        t.edge = 3;
        t.cast = .3;
        t.cast_px = 4;
        struct outline s = OUTLINE(C(14, y), K(13, e - 24), C(1, e - 4));
        part_stitch(&t, &s, l->thread, .9);
        part_end(&t);
    }
    if (l->band > 0) draw_waistband(p, l);
}

static struct outline skirt_outline(const struct skirt_look *l)
{
    struct outline o = {.n = 0};
    double mid = l->top + (l->hem - l->top) * .3;
    outline_addn(&o, (struct knot[]){C(-l->waist_w, l->top), C(l->waist_w, l->top), K(l->hip_w, mid)}, 3);
    int n = l->waves > 0 ? l->waves * 2 : 4;
    double round = 6 + (l->hem_w - l->waist_w) * .12;
    for (int i = 0; i <= n; i++) {
        double t = 1 - 2.0 * i / n, wave = l->waves > 0 ? (i & 1 ? 6 : -4) : 0;
        outline_add(&o, (struct knot){l->hem_w * t, l->hem + round * (1 - t * t) + wave, i == 0 || i == n});
    }
    outline_add(&o, K(-l->hip_w, mid));
    return o;
}

static void skirt_body_folds(struct part *t, const struct skirt_look *l)
{
    struct rng *r = &t->pen->rng;
    if (l->pleated) {
        int n = 15;
        for (int i = 0; i <= n; i++) {
            double q = -1 + 2.0 * i / n;
            part_fold(t, l->waist_w * q, l->top + 6, l->hem_w * q, l->hem + 12, 0, 13, .95);
            struct outline s =
                OUTLINE(C(l->waist_w * q + 3, l->top),
                        K((l->waist_w * .4 + l->hip_w * .6) * q + 4, l->top + (l->hem - l->top) * .3),
                        C(l->hem_w * q + 5, l->hem + 14));
            part_seam(t, &s, .7);
        }
        return;
    }
    int n = l->waves * 2;
    for (int i = 1; i < n; i++) {
        double q = 1 - 2.0 * i / n;
        part_fold(t, l->waist_w * q * .92, l->top + (i % 3) * 26 + 8, l->hem_w * q, l->hem + 14, -14 * q,
                  16 + l->hem_w * .07, (i & 1 ? .65 : -.5) * rng_range(r, .75, 1.1));
    }
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < 4; i++)
            part_fold(t, side * l->hip_w * .96, l->top + 60 + i * 24, side * l->hip_w * rng_range(r, .1, .5),
                      l->top + 66 + i * 36 + rng_range(r, -20, 30), rng_range(r, -8, 8), 12,
                      (l->waves > 0 ? .12 : .3) * (i & 1 ? -1 : 1));
    if (l->waves == 0) part_fold(t, -l->hip_w * .3, l->top + 130, -l->hem_w * .35, l->hem - 20, 10, 30, .25);
}

void skirt_draw(struct pen *p, const struct skirt_look *l)
{
    struct part t;
    struct outline in = OUTLINE(C(-l->waist_w + 4, l->top), K(0, l->top - 9), C(l->waist_w - 4, l->top),
                                K(0, l->top + 11)),
                   o = skirt_outline(l);
    part_begin(&t, p, l->cloth, &in);
    t.shade = .6;
    t.cast = 0;
    part_end(&t);
    part_begin(&t, p, l->cloth, &o);
    t.puff = 9;
    t.edge = 9;
    skirt_body_folds(&t, l);
    struct outline hem = {.n = 0};
    for (size_t i = 3; i + 1 < o.n; i++)
        outline_add(&hem, (struct knot){o.k[i].x, o.k[i].y - 11, o.k[i].corner});
    part_seam(&t, &hem, .25);
    part_stitch(&t, &hem, l->thread, .8);
    for (int i = 1; i < 3 && l->tiers; i++) {
        double q = i / 3.0, w = l->waist_w + (l->hem_w - l->waist_w) * q + 22,
               y = l->top + (l->hem - l->top) * q;
        struct outline s = OUTLINE(C(-w, y), K(0, y + 14), C(w, y));
        part_seam(&t, &s, 1);
        for (int k = 0; k < 30; k++) {
            double x = w * (-.95 + 1.9 * k / 29);
            part_fold(&t, x, y + 13 - 12 * x * x / w / w, x * 1.06, y + rng_range(&p->rng, 40, 80), 0, 7,
                      k & 1 ? -.45 : .55);
        }
    }
    if (l->slit || l->wrap) {
        struct outline s =
            OUTLINE(C(l->waist_w * .45, l->wrap ? l->top : l->hem - 150), K(l->hip_w * .38, l->hem - 140),
                    C(l->hem_w * (l->wrap ? .2 : .4), l->hem + 20));
        part_seam(&t, &s, 1);
        part_seam(&t, &s, 1);
    }
    part_end(&t);
    double w = l->waist_w, b = l->band, y = l->top;
    struct outline band =
        OUTLINE(C(-w, y - 1), K(0, y + 8), C(w, y - 1), C(w + 3, y + b), K(0, y + b + 8), C(-w - 3, y + b));
    part_begin(&t, p, l->cloth, &band);
    t.puff = 5;
    t.edge = 4;
    struct outline s = OUTLINE(C(-w, y + b - 4), K(0, y + b + 4), C(w, y + b - 4));
    part_stitch(&t, &s, l->thread, .8);
    part_end(&t);
    if (l->buttons)
        for (int i = 0; i < 7; i++)
            pen_button(p, 0, y + 16 + i * (l->hem - y - 40) / 6.5, 6, l->button);
}
