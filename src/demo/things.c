/* Accessories and jewellery. */
#include "demo/garment.h"

#include <math.h>

static struct material metal(struct rgb c) { return material_plain(FAB_METAL, c); }

static void piece(struct pen *p, const struct material *m, const struct outline *o, double puff, double edge)
{
    struct part t;
    part_begin(&t, p, m, o);
    t.puff = puff;
    t.edge = edge;
    part_end(&t);
}

static void belt(struct pen *p, const struct thing_look *l)
{
    struct material m = metal(l->metal);
    /* The strap stands in a loop: its far side first, seen from within. */
    struct part t;
    struct outline far =
        OUTLINE(C(-226, 410), K(-196, 350), K(-110, 312), K(0, 300), K(110, 312), K(196, 350), C(226, 410),
                C(222, 452), K(190, 412), K(110, 380), K(0, 370), K(-110, 380), K(-190, 412), C(-222, 452));
    struct material inner = material_plain(FAB_SUEDE, rgb_mix(l->main->base, rgb_hex(0x9a7a5c), .45));
    part_begin(&t, p, &inner, &far);
    t.puff = 4;
    t.edge = 5;
    t.shade = .8;
    part_end(&t);
    struct outline front = OUTLINE(C(-228, 404), K(-214, 462), K(-130, 508), K(0, 522), K(130, 508),
                                   K(214, 462), C(228, 404), K(232, 440), C(226, 478), K(206, 532), K(120, 574),
                                   K(0, 588), K(-120, 574), K(-206, 532), C(-226, 478), K(-232, 440));
    part_begin(&t, p, l->main, &front);
    t.puff = 6;
    t.edge = 6;
    struct outline s1 = OUTLINE(C(-222, 424), K(-205, 472), K(-124, 516), K(0, 530), K(124, 516), K(205, 472),
                                C(222, 424)),
                   s2 = OUTLINE(C(-221, 468), K(-200, 524), K(-118, 566), K(0, 580), K(118, 566), K(200, 524),
                                C(221, 468));
    part_stitch(&t, &s1, rgb_scale(l->main->base, .65), 1);
    part_stitch(&t, &s2, rgb_scale(l->main->base, .65), 1);
    for (int i = 0; i < 5; i++) {
        struct outline h = outline_ellipse(70 + i * 26, 550 - i * 4.6, 3.6, 3.6);
        part_emboss(&t, &h, -1);
        pen_trace(p, t.ink, &h, true);
        cairo_set_source_rgba(t.ink, 0, 0, 0, .75);
        cairo_fill(t.ink);
    }
    part_end(&t);
    struct outline frame = OUTLINE(C(-44, 508), C(28, 510), C(30, 594), C(-44, 592), C(-44, 508));
    pen_strip(p, &m, &frame, 12, 4);
    pen_bar(p, &m, -44, 550, 34, 552, 8, 4);
    pen_bar(p, l->main, 48, 516, 48, 590, 17, 4);
}

static void tie(struct pen *p, const struct thing_look *l)
{
    struct part t;
    struct outline tail = OUTLINE(C(-10, 190), C(24, 190), C(46, 600), C(28, 640), C(6, 606));
    part_begin(&t, p, l->main, &tail);
    t.shade = .8;
    t.puff = 3;
    part_end(&t);
    /* The band that goes round the neck: behind, then its two front ends. */
    struct outline behind = OUTLINE(C(-92, 84), K(-60, 58), K(0, 46), K(60, 58), C(92, 84), C(80, 96),
                                    K(52, 78), K(0, 68), K(-52, 78), C(-80, 96));
    part_begin(&t, p, l->second, &behind);
    t.shade = .7;
    t.puff = 3;
    part_end(&t);
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        struct outline n =
            OUTLINE(C(6, 150), K(34, 122), K(62, 92), C(76, 66), K(96, 72), C(96, 94), K(76, 128), C(18, 178));
        part_begin(&t, p, l->main, &n);
        t.puff = 5;
        t.edge = 6;
        t.grain_angle = side ? .7 : -.7;
        part_end(&t);
    }
    p->mirror = false;
    struct outline blade =
        OUTLINE(C(-17, 180), C(17, 180), K(34, 380), C(58, 640), C(0, 716), C(-58, 640), K(-34, 380));
    part_begin(&t, p, l->main, &blade);
    t.puff = 6;
    t.edge = 6;
    t.grain_angle = .78;
    part_fold(&t, -2, 186, -4, 300, 0, 12, -.6);
    part_fold(&t, 6, 190, 18, 330, 0, 14, .4);
    part_end(&t);
    struct outline knot =
        OUTLINE(C(-33, 140), K(0, 131), C(33, 140), K(26, 168), C(15, 194), C(-15, 194), K(-26, 168));
    part_begin(&t, p, l->main, &knot);
    t.puff = 9;
    t.edge = 9;
    t.grain_angle = -.6;
    part_fold(&t, -24, 146, 12, 190, 4, 12, .35);
    part_end(&t);
}

static void bow_tie(struct pen *p, const struct thing_look *l)
{
    struct part t;
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        struct outline wing =
            OUTLINE(C(4, 386), K(60, 352), C(190, 318), K(208, 400), C(192, 486), K(60, 446), C(4, 418));
        part_begin(&t, p, l->main, &wing);
        t.puff = 11;
        t.edge = 12;
        part_fold(&t, 20, 398, 130, 366, 8, 16, .7);
        part_fold(&t, 20, 406, 130, 442, -8, 16, .6);
        part_end(&t);
    }
    p->mirror = false;
    struct outline knot = OUTLINE(K(-24, 372), K(24, 372), K(30, 402), K(24, 434), K(-24, 434), K(-30, 402));
    part_begin(&t, p, l->main, &knot);
    t.puff = 10;
    t.edge = 9;
    part_end(&t);
}

static void fringe(struct pen *p, const struct material *m, double x0, double x1, double y)
{
    for (double x = x0; x < x1; x += 8) {
        struct outline s = OUTLINE(C(x, y - 4), K(x + rng_range(&p->rng, -3, 3), y + 16),
                                   C(x + rng_range(&p->rng, -6, 6), y + rng_range(&p->rng, 32, 42)));
        pen_strip(p, m, &s, 4, 1.5);
    }
}

static void scarf(struct pen *p, const struct thing_look *l)
{
    struct part t;
    struct rng *r = &p->rng;
    for (int side = 1; side >= 0; side--) { /* two ends hang from a loop */
        double s = side ? -1 : 1, end = side ? 640 : 690;
        if (l->shape != 1) fringe(p, l->main, side ? -118 : 8, side ? -2 : 124, end);
        struct outline o = OUTLINE(C(s * 6, 280), C(s * 104, 250), K(s * 118, 450), C(s * 124, end),
                                   C(s * 4, end + 4), K(s * 2, 450));
        part_begin(&t, p, l->main, &o);
        t.puff = 9;
        t.edge = 9;
        t.grain_angle = side ? .05 : -.05;
        for (int i = 0; i < 5; i++) {
            double x = s * (20 + i * 20);
            part_fold(&t, x * .9, 280, x + rng_range(r, -14, 14), 380 + rng_range(r, 60, 240),
                      rng_range(r, -14, 14), 22, i & 1 ? -.5 : .55);
        }
        part_end(&t);
    }
    struct outline loop = OUTLINE(K(-112, 190), K(-60, 132), K(0, 118), K(60, 132), K(112, 190), K(120, 270),
                                  K(60, 330), K(0, 344), K(-60, 330), K(-120, 270));
    part_begin(&t, p, l->main, &loop);
    t.puff = 15;
    t.edge = 14;
    for (int i = 0; i < 7; i++) {
        double y = 170 + i * 24;
        part_fold(&t, -104 + i * 4, y - 10, 104 - i * 4, y + rng_range(r, -16, 16), 40, 24, i & 1 ? -.7 : .75);
    }
    part_end(&t);
    struct outline hole = OUTLINE(K(-46, 162), K(0, 148), K(46, 162), K(38, 192), K(0, 204), K(-38, 192));
    part_begin(&t, p, l->main, &hole);
    t.shade = .45;
    t.puff = -5;
    t.cast = 0;
    part_end(&t);
}

static void shawl(struct pen *p, const struct thing_look *l) /* a square, folded and laid out */
{
    struct part t;
    struct outline under = OUTLINE(C(-190, 300), K(0, 280), C(200, 306), C(196, 620), K(0, 640), C(-196, 616));
    part_begin(&t, p, l->main, &under);
    t.puff = 4;
    t.grain_angle = .1;
    part_end(&t);
    struct outline o = OUTLINE(C(-200, 250), K(-10, 236), C(186, 262), K(196, 420), C(176, 570), K(0, 586),
                               C(-186, 560), K(-206, 400));
    part_begin(&t, p, l->main, &o);
    t.puff = 6;
    t.grain_angle = -.08;
    for (int i = 0; i < 6; i++)
        part_fold(&t, -190 + i * 12, 290 + i * 46, 180 - i * 10, 300 + i * 40, 16, 30, i & 1 ? -.16 : .2);
    struct outline border = OUTLINE(C(-186, 264), K(-8, 250), C(172, 276), K(182, 420), C(163, 556), K(0, 572),
                                    C(-172, 547), K(-192, 400), C(-186, 264));
    part_line(&t, &border, l->second->base, 9, .95);
    part_end(&t);
    struct outline corner = OUTLINE(C(-186, 560), K(-60, 470), C(60, 420), K(100, 500), C(120, 578), K(0, 588));
    part_begin(&t, p, l->main, &corner);
    t.puff = 6;
    t.cast = .5;
    t.shade = .95;
    t.grain_angle = .8;
    part_end(&t);
}

static void cap(struct pen *p, const struct thing_look *l)
{
    struct part t;
    struct outline crown = OUTLINE(C(-166, 450), K(-168, 360), K(-110, 276), K(-10, 250), K(80, 274),
                                   K(128, 350), C(140, 452), K(0, 470));
    part_begin(&t, p, l->main, &crown);
    t.puff = 20;
    t.edge = 22;
    struct outline s1 = OUTLINE(C(-14, 250), K(20, 340), C(34, 462)),
                   s2 = OUTLINE(C(-14, 250), K(-90, 340), C(-106, 458));
    part_seam(&t, &s1, 1);
    part_seam(&t, &s2, 1);
    struct outline t1 = OUTLINE(C(-9, 252), K(26, 340), C(40, 462)),
                   t2 = OUTLINE(C(-20, 252), K(-97, 340), C(-113, 458));
    part_stitch(&t, &t1, rgb_scale(l->main->base, .8), .9);
    part_stitch(&t, &t2, rgb_scale(l->main->base, .8), .9);
    double ex, ey;
    pen_map(p, -40, 336, &ex, &ey);
    cairo_arc(t.ink, ex, ey, 4 * p->scale, 0, 6.2832);
    cairo_set_source_rgba(t.ink, 0, 0, 0, .6);
    cairo_fill(t.ink);
    part_end(&t);
    struct outline peak = OUTLINE(C(22, 440), K(90, 424), C(140, 444), K(220, 470), K(262, 514), K(236, 528),
                                  K(140, 506), C(20, 474));
    part_begin(&t, p, l->second, &peak);
    t.puff = 9;
    t.edge = 8;
    t.cast = .5;
    for (int i = 0; i < 4; i++) {
        struct outline s = OUTLINE(C(40, 462 - i * 4), K(140, 484 - i * 9), C(236 - i * 9, 514 - i * 11));
        part_stitch(&t, &s, rgb_scale(l->second->base, .8), .9);
    }
    part_end(&t);
    struct outline top = outline_ellipse(-12, 250, 14, 8);
    piece(p, l->main, &top, 6, 5);
}

static void beanie(struct pen *p, const struct thing_look *l)
{
    struct part t;
    struct outline crown =
        OUTLINE(C(-156, 500), K(-162, 400), K(-118, 290), K(0, 244), K(118, 290), K(162, 400), C(156, 500));
    part_begin(&t, p, l->main, &crown);
    t.puff = 22;
    t.edge = 24;
    for (int i = 0; i < 7; i++)
        part_fold(&t, (i - 3) * 12, 256, (i - 3) * 44, 380, (i - 3) * -6, 16, i & 1 ? -.4 : .4);
    part_end(&t);
    struct outline fold = OUTLINE(C(-166, 470), K(0, 484), C(166, 470), K(172, 530), C(164, 580), K(0, 594),
                                  C(-164, 580), K(-172, 530));
    part_begin(&t, p, l->second, &fold);
    t.puff = 10;
    t.edge = 10;
    t.cast = .5;
    part_end(&t);
    if (l->shape == 1) { /* a bobble */
        struct outline ball = outline_ellipse(0, 226, 48, 46);
        struct material wool = material_plain(FAB_FLEECE, l->second->base);
        part_begin(&t, p, &wool, &ball);
        t.puff = 20;
        t.edge = 18;
        for (int i = 0; i < 40; i++) {
            double a = rng_range(&p->rng, 0, 6.28), d = rng_range(&p->rng, 0, 40);
            part_fold(&t, d * cos(a), 226 + d * sin(a), (d + 16) * cos(a), 226 + (d + 16) * sin(a), 3, 6,
                      rng_range(&p->rng, -.8, .8));
        }
        part_end(&t);
    }
}

static void brimmed(struct pen *p, const struct thing_look *l)
{
    struct part t;
    struct outline brim = OUTLINE(K(-262, 486), K(-160, 438), K(0, 428), K(160, 438), K(262, 486), K(190, 556),
                                  K(0, 584), K(-190, 556));
    part_begin(&t, p, l->main, &brim);
    t.puff = 9;
    t.edge = 9;
    part_fold(&t, -240, 490, 240, 500, 50, 40, .3);
    part_end(&t);
    struct outline crown = OUTLINE(C(-138, 500), K(-136, 400), K(-116, 292), K(-60, 262), K(-6, 280),
                                   K(50, 260), K(112, 290), K(134, 400), C(138, 500), K(0, 530));
    part_begin(&t, p, l->main, &crown);
    t.puff = 20;
    t.edge = 22;
    t.cast = .5;
    t.cast_px = 16;
    part_fold(&t, -6, 272, -14, 390, 6, 40, -.8);
    part_fold(&t, -92, 300, -60, 400, 10, 34, -.35);
    part_end(&t);
    struct outline band = OUTLINE(C(-138, 462), K(0, 494), C(138, 462), C(140, 500), K(0, 533), C(-140, 500));
    part_begin(&t, p, l->second, &band);
    t.puff = 4;
    t.edge = 4;
    part_end(&t);
}

static void sunglasses(struct pen *p, const struct thing_look *l)
{
    struct material frame = l->shape == 1 ? metal(l->metal) : material_plain(FAB_PLASTIC, l->main->base),
                    lens = material_plain(FAB_PLASTIC, rgb_mix(l->second->base, rgb_hex(0x16181b), .55));
    struct part t;
    p->warp = 0;
    for (int side = -1; side <= 1; side += 2) { /* the temples, folded behind */
        struct outline arm = OUTLINE(C(side * 212, 356), K(side * 120, 330), C(side * -70, 334),
                                     K(side * -110, 350), C(side * -128, 380));
        pen_strip(p, &frame, &arm, 10, 4);
    }
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        struct outline o = l->shape == 0   ? OUTLINE(C(24, 362), K(110, 344), C(216, 350), K(208, 430),
                                                     K(150, 486), K(80, 480), K(34, 430))
                           : l->shape == 1 ? OUTLINE(K(30, 370), K(110, 342), K(200, 366), K(196, 440),
                                                     K(130, 496), K(60, 462))
                                           : OUTLINE(C(22, 372), K(110, 352), C(222, 330), K(206, 428),
                                                     K(140, 466), K(60, 452), K(30, 420));
        struct outline inner = o;
        double cx = 118, cy = 414, k = l->shape == 1 ? .95 : .85;
        for (size_t i = 0; i < o.n; i++) {
            inner.k[i].x = cx + (o.k[i].x - cx) * k;
            inner.k[i].y = cy + (o.k[i].y - cy) * k;
        }
        part_begin(&t, p, &frame, &o);
        t.puff = 7;
        t.edge = 6;
        part_end(&t);
        part_begin(&t, p, &lens, &inner);
        t.puff = 3;
        t.edge = 14;
        t.cast = 0;
        double x, y;
        pen_map(p, 118, 330, &x, &y);
        cairo_pattern_t *g = cairo_pattern_create_linear(0, y, 0, y + 150 * p->scale);
        cairo_pattern_add_color_stop_rgba(g, 0, 0, 0, 0, .35);
        cairo_pattern_add_color_stop_rgba(g, 1, 1, .96, .9, .3);
        cairo_set_source(t.ink, g);
        cairo_paint(t.ink);
        cairo_pattern_destroy(g);
        struct outline glint = OUTLINE(C(62, 366), C(92, 362), C(66, 446), C(50, 424));
        pen_trace(p, t.ink, &glint, true);
        cairo_set_source_rgba(t.ink, 1, 1, 1, .16);
        cairo_fill(t.ink);
        part_end(&t);
    }
    p->mirror = false;
    struct outline bridge = OUTLINE(C(-36, 384), K(0, 366), C(36, 384));
    pen_strip(p, &frame, &bridge, 12, 4);
}

static void watch(struct pen *p, const struct thing_look *l)
{
    struct material m = metal(l->metal);
    struct part t;
    p->warp *= .3;
    for (int half = 0; half < 2; half++) {
        double s = half ? 1 : -1, y = 400 + s * 86, e = 400 + s * (half ? 318 : 296);
        struct outline strap = OUTLINE(C(-47, y), C(47, y), K(40, (y + e) / 2), C(34, e - s * 20), K(0, e),
                                       C(-34, e - s * 20), K(-40, (y + e) / 2));
        part_begin(&t, p, l->main, &strap);
        t.puff = 8;
        t.edge = 8;
        if (l->main->fabric == FAB_METAL) {
            for (int i = 1; i < 12; i++) {
                struct outline link = OUTLINE(C(-60, y + (e - y) * i / 12), C(60, y + (e - y) * i / 12));
                part_seam(&t, &link, 1);
                part_seam(&t, &link, 1);
            }
            for (int side = -1; side <= 1; side += 2) {
                struct outline col = OUTLINE(C(side * 15, y), C(side * 12, e));
                part_seam(&t, &col, .9);
            }
        } else {
            struct outline s1 = OUTLINE(C(-40, y), K(-33, (y + e) / 2), C(-27, e - s * 22), K(0, e - s * 8),
                                        C(27, e - s * 22), K(33, (y + e) / 2), C(40, y));
            part_stitch(&t, &s1, rgb_mix(l->main->base, rgb_hex(0xffffff), .35), 1);
            for (int i = 0; i < 5 && half; i++) {
                struct outline h = outline_ellipse(0, y + 90 + i * 24, 3.4, 3.4);
                pen_trace(p, t.ink, &h, true);
                cairo_set_source_rgba(t.ink, 0, 0, 0, .7);
                cairo_fill(t.ink);
            }
        }
        part_end(&t);
    }
    pen_bar(p, &m, 98, 394, 98, 408, 15, 4);
    struct outline rim = outline_ellipse(0, 400, 98, 98), dial = outline_ellipse(0, 400, 83, 83);
    if (l->shape == 1)
        rim = OUTLINE(C(-84, 306), C(84, 306), C(88, 494), C(-88, 494)),
        dial = OUTLINE(C(-70, 320), C(70, 320), C(73, 480), C(-73, 480));
    part_begin(&t, p, &m, &rim);
    t.puff = 14;
    t.edge = 8;
    t.cast = .5;
    part_end(&t);
    struct material face = material_plain(FAB_PLASTIC, l->second->base);
    part_begin(&t, p, &face, &dial);
    t.puff = -2;
    t.edge = 4;
    t.cast = 0;
    struct rgb ink = rgb_luma(l->second->base) > .5 ? rgb_hex(0x22252a) : rgb_hex(0xf4f1ea);
    double x, y, s = p->scale;
    pen_map(p, 0, 400, &x, &y);
    cairo_t *cr = t.ink;
    for (int i = 0; i < 60; i++) {
        double a = i * 6.28318 / 60, r0 = i % 5 ? 74 : 64;
        cairo_move_to(cr, x + s * r0 * sin(a), y - s * r0 * cos(a));
        cairo_line_to(cr, x + s * 77 * sin(a), y - s * 77 * cos(a));
        cairo_set_line_width(cr, s * (i % 5 ? .8 : 2.6));
        pen_source(cr, ink, .9);
        cairo_stroke(cr);
    }
    const double hand[3][3] = {{-1.05, 42, 4.6}, {1.05, 62, 3.4}, {2.9, 66, 1.1}}; /* ten past ten */
    for (int i = 0; i < 3; i++) {
        cairo_move_to(cr, x - s * 10 * sin(hand[i][0]), y + s * 10 * cos(hand[i][0]));
        cairo_line_to(cr, x + s * hand[i][1] * sin(hand[i][0]), y - s * hand[i][1] * cos(hand[i][0]));
        cairo_set_line_width(cr, s * hand[i][2]);
        cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
        pen_source(cr, i == 2 ? l->metal : ink, 1);
        cairo_stroke(cr);
    }
    cairo_arc(cr, x, y, 5 * s, 0, 6.2832);
    pen_source(cr, l->metal, 1);
    cairo_fill(cr);
    part_end(&t);
}

static void gem(struct pen *p, double x, double y, double r, struct rgb c)
{
    struct material m = material_plain(FAB_PLASTIC, c);
    struct outline o = outline_ellipse(x, y, r, r * 1.2);
    struct part t;
    part_begin(&t, p, &m, &o);
    t.puff = r * .9;
    t.edge = r * .6;
    double px, py, s = p->scale;
    pen_map(p, x, y, &px, &py);
    for (int i = 0; i < 8; i++) {
        double a = i * .7854;
        cairo_move_to(t.ink, px, py);
        cairo_line_to(t.ink, px + s * r * 1.3 * cos(a), py + s * r * 1.5 * sin(a));
        cairo_line_to(t.ink, px + s * r * 1.3 * cos(a + .78), py + s * r * 1.5 * sin(a + .78));
        cairo_close_path(t.ink);
        cairo_set_source_rgba(t.ink, i & 1 ? 1 : 0, i & 1 ? 1 : 0, i & 1 ? 1 : 0, .14);
        cairo_fill(t.ink);
    }
    part_end(&t);
}

static void earrings(struct pen *p, const struct thing_look *l)
{
    struct material m = metal(l->metal);
    for (int side = -1; side <= 1; side += 2) {
        double x = side * 104;
        if (l->kind == THING_HOOPS) {
            struct outline hoop = {.n = 0};
            for (int i = 0; i <= 20; i++)
                outline_add(&hoop, K(x + 84 * cos(i * .3142 - 1.5), 440 + 96 * sin(i * .3142 - 1.5)));
            pen_strip(p, &m, &hoop, l->shape == 1 ? 22 : 13, 5);
            pen_stud(p, x, 344, 9, l->metal);
            continue;
        }
        struct outline hook = OUTLINE(C(x - 14, 270), K(x - 20, 226), K(x, 208), K(x + 15, 226), C(x + 3, 286));
        pen_strip(p, &m, &hook, 5, 2.5);
        pen_stud(p, x + 2, 294, 13, l->metal);
        gem(p, x + 2, 344, 25, l->stone);
        if (l->shape != 0) {
            for (int i = -2; i <= 2; i++) {
                pen_bar(p, &m, x + 2 + i * 9, 376 - abs(i) * 4, x + 2 + i * 17, 444 - abs(i) * 9, 4, 2);
                if (l->shape == 1)
                    gem(p, x + 2 + i * 18, 456 - abs(i) * 9, 9, l->stone);
                else
                    pen_stud(p, x + 2 + i * 18, 456 - abs(i) * 9, 8, l->metal);
            }
        } else {
            pen_stud(p, x + 2, 390, 8, l->metal);
            gem(p, x + 2, 428, 32, rgb_mix(l->stone, rgb_hex(0xffffff), .2));
        }
    }
}

static void necklace(struct pen *p, const struct thing_look *l)
{
    struct material m = metal(l->metal);
    struct outline chain = OUTLINE(C(-40, 170), K(-150, 250), K(-172, 370), K(-110, 490), K(0, 560),
                                   K(110, 490), K(172, 370), K(150, 250), C(40, 170));
    if (l->shape == 2) { /* beads */
        for (int i = 0; i <= 44; i++) {
            double a = -2.75 + i * 5.5 / 44, x = 168 * sin(a), y = 370 + 190 * cos(a), r = 9 + 6 * cos(a / 2);
            pen_stud(p, x, y, r * .8, i % 4 == 1 ? l->metal : l->stone);
        }
        return;
    }
    pen_strip(p, &m, &chain, l->shape == 1 ? 12 : 5, 3);
    if (l->shape == 1) {
        for (int i = -4; i <= 4; i++) {
            double x = i * 34, y = 548 - i * i * 6.2;
            gem(p, x, y + 22, 22 - abs(i) * 2,
                abs(i) % 2 ? rgb_mix(l->stone, rgb_hex(0xffffff), .4) : l->stone);
        }
        return;
    }
    pen_stud(p, 0, 566, 9, l->metal);
    struct outline drop = OUTLINE(C(0, 570), K(34, 614), K(28, 648), K(0, 660), K(-28, 648), K(-34, 614));
    piece(p, &m, &drop, 10, 9);
    gem(p, 0, 626, 19, l->stone);
}

static void bracelet(struct pen *p, const struct thing_look *l)
{
    struct material m = metal(l->metal);
    for (int i = 0; i <= 40; i++) {
        double a = i * 6.28318 / 40 - 1.57, x = 170 * cos(a), y = 400 + 132 * sin(a);
        if (l->shape == 0) {
            double b = a + 6.28318 / 40;
            pen_bar(p, &m, x, y, 170 * cos(b), 400 + 132 * sin(b), 16, 4);
        } else if (i < 40) {
            pen_stud(p, x, y, 12.5, i % 5 == 0 ? l->metal : l->stone);
        }
    }
    if (l->shape == 0)
        for (int i = -3; i <= 3; i++)
            gem(p, i * 30, 530 - i * i * 2.2, 11, l->stone);
}

static void sock(struct pen *p, const struct thing_look *l, double dx, double dy)
{
    struct part t;
    struct outline o =
        OUTLINE(C(dx - 70, dy + 150), C(dx + 34, dy + 146), K(dx + 32, dy + 320), K(dx + 52, dy + 420),
                K(dx + 150, dy + 486), K(dx + 172, dy + 540), K(dx + 120, dy + 566), K(dx - 20, dy + 540),
                K(dx - 80, dy + 474), K(dx - 74, dy + 320));
    part_begin(&t, p, l->main, &o);
    t.puff = 10;
    t.edge = 11;
    for (int i = 0; i < 4; i++)
        part_fold(&t, dx + 40, dy + 400 + i * 14, dx - 56, dy + 420 + i * 24, 8, 12, i & 1 ? -.4 : .4);
    part_end(&t);
    struct outline heel = OUTLINE(C(dx - 77, dy + 430), K(dx - 30, dy + 452), C(dx - 20, dy + 538),
                                  K(dx - 62, dy + 516)),
                   toe = OUTLINE(C(dx + 112, dy + 462), K(dx + 150, dy + 486), K(dx + 172, dy + 540),
                                 C(dx + 118, dy + 566), K(dx + 100, dy + 510));
    piece(p, l->second, &heel, 4, 6);
    piece(p, l->second, &toe, 5, 7);
    struct material rib = material_plain(FAB_RIB, l->second->base);
    struct outline cuff =
        OUTLINE(C(dx - 74, dy + 138), C(dx + 38, dy + 134), C(dx + 36, dy + 186), C(dx - 73, dy + 190));
    piece(p, &rib, &cuff, 6, 6);
}

static void wallet(struct pen *p, const struct thing_look *l)
{
    struct part t;
    for (int i = 0; i < 2; i++) {
        double d = i ? 0 : 9;
        struct outline o = OUTLINE(C(-176 + d, 300 - d), K(0, 296 - d), C(176 + d, 300 - d), K(180 + d, 410),
                                   C(176 + d, 522 - d), K(0, 526 - d), C(-176 + d, 522 - d));
        part_begin(&t, p, l->main, &o);
        t.puff = 7;
        t.edge = 7;
        t.shade = i ? 1 : .85;
        struct outline s = OUTLINE(C(-166, 310), C(166, 310), C(166, 512), C(-166, 512), C(-166, 310));
        if (i) part_stitch(&t, &s, rgb_mix(l->main->base, rgb_hex(0xffffff), .2), 1);
        part_end(&t);
    }
    struct outline tab = OUTLINE(C(110, 380), C(188, 380), C(188, 442), C(110, 442), K(96, 411));
    piece(p, l->main, &tab, 4, 4);
    pen_stud(p, 122, 411, 11, l->metal);
}

static void gloves(struct pen *p, const struct thing_look *l)
{
    struct part t;
    for (int side = 0; side < 2; side++) {
        p->mirror = side == 1;
        struct outline o =
            OUTLINE(C(60, 640), K(62, 540), K(50, 470), K(22, 428), K(8, 380), K(22, 362), K(46, 384),
                    K(66, 408), K(66, 330), K(68, 246), K(82, 228), K(97, 244), K(101, 330), C(104, 366),
                    K(105, 300), K(110, 216), K(126, 198), K(141, 216), K(143, 300), C(145, 366), K(150, 300),
                    K(157, 232), K(172, 218), K(186, 236), K(184, 310), C(182, 380), K(194, 326), K(206, 282),
                    K(221, 274), K(230, 294), K(222, 370), K(208, 460), K(192, 550), C(190, 640));
        part_begin(&t, p, l->main, &o);
        t.puff = 11;
        t.edge = 10;
        for (int i = 0; i < 3; i++) {
            struct outline s = OUTLINE(C(104 + i * 38, 366), K(106 + i * 33, 420), C(108 + i * 28, 464));
            part_seam(&t, &s, .9);
        }
        part_end(&t);
        struct outline cuff = OUTLINE(C(57, 588), C(195, 588), C(196, 646), C(56, 646));
        piece(p, l->second, &cuff, 6, 6);
    }
    p->mirror = false;
}

void thing_draw(struct pen *p, const struct thing_look *l)
{
    switch (l->kind) {
    case THING_BELT:
        belt(p, l);
        break;
    case THING_TIE:
        tie(p, l);
        break;
    case THING_BOW:
        bow_tie(p, l);
        break;
    case THING_SCARF:
        scarf(p, l);
        break;
    case THING_SHAWL:
        shawl(p, l);
        break;
    case THING_CAP:
        cap(p, l);
        break;
    case THING_BEANIE:
        beanie(p, l);
        break;
    case THING_FEDORA:
    case THING_STRAW:
        brimmed(p, l);
        break;
    case THING_SUNGLASSES:
        sunglasses(p, l);
        break;
    case THING_WATCH:
        watch(p, l);
        break;
    case THING_EARRINGS:
    case THING_HOOPS:
        earrings(p, l);
        break;
    case THING_NECKLACE:
        necklace(p, l);
        break;
    case THING_BRACELET:
        bracelet(p, l);
        break;
    case THING_SOCKS:
        sock(p, l, -50, -40);
        sock(p, l, 30, 40);
        break;
    case THING_WALLET:
        wallet(p, l);
        break;
    case THING_GLOVES:
        gloves(p, l);
        break;
    }
}
