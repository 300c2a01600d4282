/* Bags, seen from the front. */
#include "demo/garment.h"

#include <math.h>

static void panel(struct pen *p, const struct bag_look *l, const struct material *m, const struct outline *o,
                  double puff)
{
    struct part t;
    part_begin(&t, p, m, o);
    t.puff = puff;
    t.edge = puff * 1.1;
    t.cast = .45;
    t.cast_px = 10;
    if (l->quilted) {
        for (int i = -12; i <= 12; i++) {
            struct outline a = OUTLINE(C(i * 42 - 260, 260), C(i * 42 + 260, 700)),
                           b = OUTLINE(C(i * 42 + 260, 260), C(i * 42 - 260, 700));
            part_seam(&t, &a, .9);
            part_seam(&t, &b, .9);
            part_stitch(&t, &a, rgb_scale(m->base, .75), .8);
            part_stitch(&t, &b, rgb_scale(m->base, .75), .8);
        }
    }
    struct outline inner = {.n = 0};
    double cx = 0, cy = 0;
    for (size_t i = 0; i < o->n; i++)
        cx += o->k[i].x / (double)o->n, cy += o->k[i].y / (double)o->n;
    for (size_t i = 0; i <= o->n; i++) {
        struct knot k = o->k[i % o->n];
        outline_add(&inner, (struct knot){cx + (k.x - cx) * .955, cy + (k.y - cy) * .955, k.corner});
    }
    if (!l->quilted)
        part_stitch(&t, &inner, rgb_mix(m->base, rgb_hex(rgb_luma(m->base) > .5 ? 0x000000 : 0xffffff), .3),
                    1.1);
    struct rng *r = &p->rng;
    for (int i = 0; i < 5 && m->fabric != FAB_STRAW; i++) {
        double x = cx + rng_range(r, -120, 120), y = cy + rng_range(r, -60, 60);
        part_fold(&t, x, y, x + rng_range(r, -60, 60), y + rng_range(r, 30, 90), 10, 30,
                  rng_range(r, .06, .16));
    }
    part_end(&t);
}

static void handles(struct pen *p, const struct bag_look *l, double w, double y, double rise, double width)
{
    struct outline h =
        OUTLINE(C(-w, y), K(-w * .92, y - rise * .6), K(-w * .5, y - rise * .97), K(0, y - rise * 1.03),
                K(w * .5, y - rise * .97), K(w * .92, y - rise * .6), C(w, y));
    pen_strip(p, l->trim, &h, width, 6);
}

static void ring(struct pen *p, struct rgb metal, double x, double y, double r)
{
    struct material m = material_plain(FAB_METAL, metal);
    struct outline o = {.n = 0};
    for (int i = 0; i <= 12; i++)
        outline_add(&o, K(x + r * cos(i * .5236), y + r * sin(i * .5236)));
    pen_strip(p, &m, &o, r * .42, 3);
}

static void clasp(struct pen *p, struct rgb metal, double x, double y, double w, double h)
{
    struct material m = material_plain(FAB_METAL, metal);
    struct outline o = OUTLINE(C(x - w, y - h), C(x + w, y - h), C(x + w, y + h), C(x - w, y + h));
    struct part t;
    part_begin(&t, p, &m, &o);
    t.puff = 4;
    t.edge = 4;
    t.cast = .45;
    struct outline slot = OUTLINE(C(x - w * .5, y), C(x + w * .5, y));
    part_seam(&t, &slot, 1);
    part_end(&t);
}

static void tote(struct pen *p, const struct bag_look *l)
{
    struct bag_look plain = *l;
    plain.quilted = false;
    handles(p, l, 84, 330, 190, 15);
    struct outline in = OUTLINE(C(-186, 322), K(0, 306), C(186, 322), K(0, 344));
    struct part t;
    part_begin(&t, p, l->trim, &in);
    t.shade = .5;
    t.cast = 0;
    part_end(&t);
    struct outline o = OUTLINE(C(-190, 322), K(0, 334), C(190, 322), K(196, 470), K(174, 610), C(160, 640),
                               K(0, 650), C(-160, 640), K(-174, 610), K(-196, 470));
    panel(p, l, l->body, &o, 13);
    handles(p, l, 84, 352, 200, 16);
    for (int side = -1; side <= 1; side += 2) {
        struct outline tab = OUTLINE(C(side * 84 - 17, 336), C(side * 84 + 17, 336), C(side * 84 + 17, 392),
                                     C(side * 84, 406), C(side * 84 - 17, 392));
        panel(p, &plain, l->trim, &tab, 3);
        pen_stud(p, side * 84, 384, 6, l->metal);
    }
}

static void satchel(struct pen *p, const struct bag_look *l)
{
    bool shoulder = l->kind == BAG_SHOULDER;
    if (shoulder) {
        struct outline chain =
            OUTLINE(C(-176, 400), K(-190, 250), K(-110, 130), K(0, 96), K(110, 130), K(190, 250), C(176, 400));
        pen_strip(p, l->trim, &chain, 11, 4);
    } else {
        handles(p, l, 76, 352, 120, 17);
    }
    struct outline o = OUTLINE(C(-178, 372), K(0, 364), C(178, 372), K(200, 490), C(192, 606), K(170, 622),
                               K(0, 628), K(-170, 622), C(-192, 606), K(-200, 490));
    panel(p, l, l->body, &o, 14);
    struct outline flap = shoulder ? OUTLINE(C(-184, 366), K(0, 356), C(184, 366), K(188, 450), K(130, 508),
                                             K(0, 532), K(-130, 508), K(-188, 450))
                                   : OUTLINE(C(-182, 366), K(0, 356), C(182, 366), K(190, 440), C(176, 478),
                                             K(60, 492), K(-60, 492), C(-176, 478), K(-190, 440));
    panel(p, l, l->body, &flap, 8);
    clasp(p, l->metal, 0, shoulder ? 522 : 480, 24, 15);
    for (int side = -1; side <= 1; side += 2)
        ring(p, l->metal, side * (shoulder ? 176 : 76), shoulder ? 386 : 356, 12);
}

static void bucket(struct pen *p, const struct bag_look *l)
{
    struct outline strap =
        OUTLINE(C(-150, 352), K(-150, 210), K(-70, 110), K(0, 92), K(70, 110), K(150, 210), C(150, 352));
    pen_strip(p, l->trim, &strap, 18, 5);
    struct outline in = OUTLINE(C(-148, 336), K(0, 306), C(148, 336), K(0, 366));
    struct part t;
    part_begin(&t, p, l->trim, &in);
    t.shade = .5;
    t.cast = 0;
    part_end(&t);
    struct outline o = OUTLINE(C(-150, 336), K(-74, 360), K(0, 352), K(74, 364), C(150, 336), K(176, 470),
                               K(170, 600), C(150, 650), K(0, 664), C(-150, 650), K(-170, 600), K(-176, 470));
    part_begin(&t, p, l->body, &o);
    t.puff = 16;
    t.edge = 17;
    for (int i = 0; i < 11; i++) {
        double x = -130 + i * 26;
        part_fold(&t, x, 352, x * 1.15, 352 + rng_range(&p->rng, 70, 170), x * .05, 20, i & 1 ? -.7 : .75);
    }
    part_end(&t);
    struct outline cord = OUTLINE(C(-158, 392), K(-60, 408), K(60, 406), C(160, 390)),
                   a = OUTLINE(C(-10, 406), K(-22, 456), C(-14, 510)),
                   b = OUTLINE(C(8, 406), K(20, 460), C(26, 522));
    pen_strip(p, l->trim, &cord, 8, 4);
    pen_strip(p, l->trim, &a, 7, 3);
    pen_strip(p, l->trim, &b, 7, 3);
    struct outline base = OUTLINE(C(-168, 600), K(0, 614), C(168, 600), C(151, 652), K(0, 666), C(-151, 652));
    panel(p, &(struct bag_look){.metal = l->metal}, l->trim, &base, 5);
    for (int side = -1; side <= 1; side += 2)
        ring(p, l->metal, side * 150, 350, 12);
}

static void clutch(struct pen *p, const struct bag_look *l)
{
    if (l->kind == BAG_CLUTCH) {
        struct outline wrist =
            OUTLINE(C(-196, 392), K(-256, 440), K(-268, 530), K(-226, 552), K(-200, 478), C(-192, 404));
        pen_strip(p, l->trim, &wrist, 10, 3);
    }
    struct outline o = OUTLINE(C(-212, 330), K(0, 324), C(212, 330), K(218, 440), C(212, 552), K(0, 560),
                               C(-212, 552), K(-218, 440));
    panel(p, l, l->body, &o, 10);
    if (l->kind == BAG_ENVELOPE) {
        struct outline f =
            OUTLINE(C(-214, 328), K(0, 322), C(214, 328), K(120, 414), C(8, 486), C(-8, 486), K(-120, 414));
        panel(p, &(struct bag_look){.metal = l->metal}, l->body, &f, 6);
        pen_stud(p, 0, 470, 10, l->metal);
    } else {
        pen_zip(p, -206, 344, 206, 344, l->body->base, l->metal, .03);
    }
}

static void backpack(struct pen *p, const struct bag_look *l)
{
    struct bag_look plain = {.metal = l->metal};
    struct outline loop = OUTLINE(C(-36, 176), K(-30, 132), K(0, 120), K(30, 132), C(36, 176));
    pen_strip(p, l->trim, &loop, 14, 5);
    for (int side = -1; side <= 1; side += 2) {
        struct outline s =
            OUTLINE(C(side * 120, 190), K(side * 190, 250), K(side * 206, 420), C(side * 176, 590));
        pen_strip(p, l->trim, &s, 26, 6);
    }
    struct outline o = OUTLINE(K(-110, 176), K(0, 160), K(110, 176), K(168, 240), K(182, 420), K(178, 600),
                               C(150, 650), K(0, 658), C(-150, 650), K(-178, 600), K(-182, 420), K(-168, 240));
    panel(p, l, l->body, &o, 19);
    pen_zip(p, -140, 250, 140, 250, l->body->base, l->metal, .94);
    struct outline pocket = OUTLINE(C(-132, 432), K(0, 424), C(132, 432), K(144, 540), C(126, 624), K(0, 632),
                                    C(-126, 624), K(-144, 540));
    panel(p, &plain, l->body, &pocket, 12);
    pen_zip(p, -118, 452, 118, 452, l->body->base, l->metal, .05);
    struct outline tab = OUTLINE(C(-34, 330), C(34, 330), C(34, 372), C(-34, 372));
    panel(p, &plain, l->trim, &tab, 3);
}

static void duffel(struct pen *p, const struct bag_look *l)
{
    struct outline strap = OUTLINE(C(-214, 400), K(-150, 250), K(0, 204), K(150, 250), C(214, 400));
    pen_strip(p, l->trim, &strap, 16, 5);
    struct outline o = OUTLINE(K(-212, 380), K(-110, 352), K(0, 348), K(110, 352), K(212, 380), K(236, 470),
                               K(218, 580), C(196, 600), K(0, 608), C(-196, 600), K(-218, 580), K(-236, 470));
    panel(p, l, l->body, &o, 20);
    pen_zip(p, -170, 372, 170, 372, l->body->base, l->metal, .04);
    for (int side = -1; side <= 1; side += 2)
        pen_bar(p, l->trim, side * 92, 388, side * 96, 604, 20, 3);
    handles(p, l, 92, 400, 130, 17);
}

void bag_draw(struct pen *p, const struct bag_look *l)
{
    p->warp *= .6;
    switch (l->kind) {
    case BAG_TOTE:
        tote(p, l);
        break;
    case BAG_SATCHEL:
    case BAG_SHOULDER:
        satchel(p, l);
        break;
    case BAG_BUCKET:
        bucket(p, l);
        break;
    case BAG_CLUTCH:
    case BAG_ENVELOPE:
        clutch(p, l);
        break;
    case BAG_BACKPACK:
        backpack(p, l);
        break;
    case BAG_DUFFEL:
        duffel(p, l);
        break;
    }
}
