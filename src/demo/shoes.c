/* Shoes, from the side, as a pair: the second one behind. Toe to the right; the ground is at y = 0 of the shoe. */
#include "demo/garment.h"

#include <math.h>

/* A shoe spans x -170 .. 170; (ox, oy) is where its sole stands. */
struct place {
    double ox, oy, k;
};

static struct outline at(const struct place *w, const struct knot *k, size_t n)
{
    struct outline o = {.n = 0};
    for (size_t i = 0; i < n; i++)
        outline_add(&o, (struct knot){w->ox + k[i].x * w->k, w->oy + k[i].y * w->k, k[i].corner});
    return o;
}
#define AT(w, ...) \
    at(w, (const struct knot[]){__VA_ARGS__}, sizeof((const struct knot[]){__VA_ARGS__}) / sizeof(struct knot))

static void piece(struct pen *p, const struct material *m, const struct outline *o, double puff, double edge,
                  double cast)
{
    struct part t;
    part_begin(&t, p, m, o);
    t.puff = puff;
    t.edge = edge;
    t.cast = cast;
    part_end(&t);
}

static void stitched(struct pen *p, const struct material *m, const struct outline *o,
                     const struct outline *line, struct rgb c)
{
    struct part t;
    part_begin(&t, p, m, o);
    t.puff = 4;
    t.edge = 6;
    t.cast = .3;
    t.cast_px = 4;
    part_stitch(&t, line, c, .9);
    part_end(&t);
}

static void laces(struct pen *p, const struct shoe_look *l, const struct place *w, double x0, double y0,
                  double x1, double y1, int n)
{
    struct material m = material_plain(FAB_CANVAS, l->lace);
    for (int i = 0; i < n; i++) {
        double q = n > 1 ? (double)i / (n - 1) : 0, x = x0 + (x1 - x0) * q, y = y0 + (y1 - y0) * q;
        pen_stud(p, w->ox + (x - 13) * w->k, w->oy + (y + 15) * w->k, 2.6 * w->k, l->metal);
        struct outline o = AT(w, C(x - 13, y + 15), K(x + 1, y + 4), C(x + 13, y - 3));
        pen_strip(p, &m, &o, 6 * w->k, 3);
    }
    struct outline bow = AT(w, C(x1 - 2, y1), K(x1 - 26, y1 + 10), K(x1 - 33, y1 + 26), C(x1 - 24, y1 + 30)),
                   bow2 = AT(w, C(x1 - 2, y1), K(x1 - 6, y1 + 24), C(x1 + 2, y1 + 40));
    pen_strip(p, &m, &bow, 4.5 * w->k, 2.5);
    pen_strip(p, &m, &bow2, 4.5 * w->k, 2.5);
}

/* The inside, seen between the near rim (back, two middle points, front) and the far one `lift` px above it. */
static void opening(struct pen *p, const struct shoe_look *l, const struct place *w, const double rim[8],
                    double lift)
{
    struct outline o = AT(w, C(rim[0], rim[1] + 4), K(rim[2], rim[3] - lift), K(rim[4], rim[5] - lift),
                          C(rim[6], rim[7] + 4), K(rim[4], rim[5] + 14), K(rim[2], rim[3] + 14));
    struct part t;
    struct material m = material_plain(FAB_SUEDE, rgb_mix(l->second->base, rgb_hex(0xcbb39a), .6));
    part_begin(&t, p, &m, &o);
    t.shade = .68;
    t.puff = 2;
    t.cast = 0;
    part_end(&t);
}

/* A strap over the foot: the far side first, darker. */
static void strap(struct pen *p, const struct shoe_look *l, const struct place *w, double x, double low,
                  double top, double reach, double width)
{
    struct material far = material_plain(l->upper->fabric, rgb_scale(l->upper->base, .62));
    struct outline back = AT(w, C(x + reach * .5, low - top), K(x + reach * .82, low - top * .74),
                             C(x + reach, low)),
                   front = AT(w, C(x, low), K(x + reach * .04, low - top * .6), C(x + reach * .56, low - top));
    pen_strip(p, &far, &back, width * .8 * w->k, 3);
    pen_strip(p, l->upper, &front, width * w->k, 6);
}

static void sneaker(struct pen *p, const struct shoe_look *l, const struct place *w)
{
    bool run = l->kind == SHOE_RUNNER, canvas = l->kind == SHOE_CANVAS;
    opening(p, l, w, (const double[]){-142, -142, -100, -112, -62, -114, -38, -146}, 15);
    struct outline tongue =
        AT(w, C(-52, -120), K(-46, -160), C(-18, -166), K(2, -140), C(34, -88), C(-20, -84));
    piece(p, l->second, &tongue, 6, 7, .3);
    struct outline up =
        AT(w, C(-166, -24), K(-163, -80), K(-150, -124), C(-142, -142), K(-100, -112), K(-62, -114),
           C(-38, -146), K(8, -104), K(60, -82), K(124, -66), K(160, -44), C(167, -22));
    struct part t;
    part_begin(&t, p, l->upper, &up);
    t.puff = 15;
    t.edge = 16;
    part_fold(&t, 30 + w->ox, w->oy - 84, 64 + w->ox, w->oy - 40, 8, 12, .5);
    part_fold(&t, 60 + w->ox, w->oy - 78, 88 + w->ox, w->oy - 40, 8, 12, .4);
    struct outline quarter = AT(w, C(-70, -26), K(-40, -66), C(28, -92));
    part_seam(&t, &quarter, .8);
    part_end(&t);
    if (!canvas) {
        struct outline toe = AT(w, C(62, -22), K(70, -60), K(98, -75), K(130, -66), K(160, -44), C(168, -22)),
                       ts = AT(w, C(68, -24), K(76, -56), K(100, -69));
        stitched(p, run ? l->second : l->upper, &toe, &ts, l->lace);
        struct outline heel = AT(w, C(-167, -22), K(-165, -76), C(-152, -120), K(-128, -104), K(-112, -60),
                                 C(-96, -22)),
                       hs = AT(w, C(-132, -100), K(-116, -58), C(-101, -24));
        stitched(p, l->second, &heel, &hs, l->lace);
    } else {
        struct outline cap = AT(w, C(92, -20), K(96, -58), K(128, -66), K(160, -46), C(170, -20));
        struct material rubber = material_plain(FAB_RUBBER, rgb_hex(0xf0eee8));
        piece(p, &rubber, &cap, 8, 9, .3);
    }
    if (run)
        for (int i = 0; i < 3; i++) { /* side struts, curved and thinning */
            struct outline s = AT(w, C(-64 + i * 34, -25), K(-50 + i * 30, -58), C(-18 + i * 22, -94 + i * 6));
            pen_strip(p, l->second, &s, (13 - i * 2.5) * w->k, 2.5);
        }
    else if (!canvas) {
        struct outline s = AT(w, C(-92, -52), K(-40, -40), C(16, -74));
        pen_strip(p, l->second, &s, 12 * w->k, 2);
    }
    struct outline stay =
        AT(w, C(-44, -136), K(6, -96), C(50, -80), K(40, -68), C(24, -66), K(-14, -84), C(-56, -114));
    piece(p, canvas ? l->upper : l->second, &stay, 3, 5, .3);
    laces(p, l, w, 32, -88, -30, -134, run ? 6 : 5);
    double thick = run ? 40 : 28;
    struct outline sole =
        run ? AT(w, C(-176, -34), K(-150, -30), K(-40, -24), K(80, -24), K(150, -32), C(178, -40), K(180, -16),
                 K(140, 0), K(40, 4), K(-60, 2), K(-150, 4), C(-182, -6))
            : AT(w, C(-172, -thick), K(-60, -24), K(80, -24), C(172, -thick), K(178, -14), C(166, 0), K(0, 3),
                 C(-168, 0), K(-176, -14));
    part_begin(&t, p, l->sole, &sole);
    t.puff = 8;
    t.edge = 7;
    struct outline l1 = AT(w, C(-176, run ? -18 : -17), K(0, -13), C(176, run ? -22 : -17));
    part_seam(&t, &l1, .7);
    if (run) {
        for (int i = 0; i < 9; i++) {
            struct outline g = AT(w, C(-150 + i * 36, 3), C(-144 + i * 36, -9));
            part_seam(&t, &g, 1);
        }
    } else if (canvas)
        part_line(&t, &l1, l->second->base, 3, .9);
    part_end(&t);
}

static void oxford(struct pen *p, const struct shoe_look *l, const struct place *w)
{
    bool loafer = l->kind == SHOE_LOAFER, boot = l->kind == SHOE_BOOT || l->kind == SHOE_CHELSEA;
    double high = boot ? -110 : 0;
    if (boot)
        opening(p, l, w, (const double[]){-138, -232, -104, -224, -60, -224, -14, -232}, 16);
    else
        opening(p, l, w,
                (const double[]){-144, -124, -104, -96, -64, -92, loafer ? 6 : -36, loafer ? -102 : -122}, 14);
    if (!loafer && l->kind != SHOE_CHELSEA) {
        struct outline tongue =
            AT(w, C(-50, -104 + high), K(-40, -138 + high), C(-12, -134 + high), C(40, -80), C(-20, -70));
        piece(p, l->upper, &tongue, 5, 6, .3);
    }
    struct outline up =
        boot ? AT(w, C(-164, -20), K(-164, -70), K(-146, -130), C(-138, -232), K(-90, -222), C(-14, -232),
                  K(-14, -150), K(14, -98), K(74, -74), K(140, -58), K(166, -38), C(170, -18))
             : AT(w, C(-164, -20), K(-163, -72), C(-144, -124), K(-104, -96), K(-64, -92),
                  C(loafer ? 6 : -36, loafer ? -102 : -122), K(40, -84), K(92, -68), K(148, -54), K(172, -34),
                  C(174, -18));
    struct part t;
    part_begin(&t, p, l->upper, &up);
    t.puff = 15;
    t.edge = 16;
    for (int i = 0; i < 4; i++) /* creases of walking */
        part_fold(&t, w->ox + (36 + i * 13) * w->k, w->oy - (82 - i * 3) * w->k, w->ox + (50 + i * 14) * w->k,
                  w->oy - (42 - i * 2) * w->k, 6, 8, i & 1 ? -.3 : .35);
    if (!loafer) {
        struct outline cap = AT(w, C(104, -18), K(98, -46), C(110, -68)),
                       cap2 = AT(w, C(108, -18), K(102, -46), C(114, -67));
        if (l->kind != SHOE_CHELSEA) {
            part_seam(&t, &cap, .9);
            part_stitch(&t, &cap2, rgb_scale(l->upper->base, .7), .9);
        }
        struct outline back = AT(w, C(-100, -18), K(-112, -60), C(boot ? -118 : -128, -108 + high * .4));
        part_seam(&t, &back, .7);
    }
    part_end(&t);
    if (l->kind == SHOE_CHELSEA) {
        struct outline gore = AT(w, C(-94, -226), C(-52, -226), K(-50, -150), C(-66, -106), K(-90, -140));
        struct material el = material_plain(FAB_RIB, rgb_scale(l->upper->base, .7));
        piece(p, &el, &gore, 2, 4, .2);
        struct outline tab = AT(w, C(-140, -226), K(-146, -256), C(-132, -258), C(-128, -222));
        piece(p, &el, &tab, 2, 3, .2);
    } else if (loafer) {
        struct outline apron =
            AT(w, C(4, -100), K(60, -88), K(116, -66), K(140, -46), K(112, -42), K(64, -48), C(12, -62));
        struct outline line = AT(w, C(12, -62), K(64, -50), K(112, -44), C(138, -48));
        part_begin(&t, p, l->upper, &apron);
        t.puff = 5;
        t.edge = 5;
        part_stitch(&t, &line, rgb_scale(l->upper->base, .6), 1.4);
        part_end(&t);
        struct outline bar = AT(w, C(-2, -104), C(42, -94), C(30, -44), C(-10, -50));
        piece(p, l->upper, &bar, 4, 5, .4);
        pen_bar(p, &(struct material){.fabric = FAB_METAL, .base = l->metal, .scale = 1}, w->ox + 2 * w->k,
                w->oy - 76 * w->k, w->ox + 32 * w->k, w->oy - 68 * w->k, 7 * w->k, 3);
    } else {
        struct outline facing =
            boot ? AT(w, C(-16, -226), K(-18, -150), C(40, -84), K(20, -62), C(-12, -70), K(-44, -130),
                      C(-44, -222))
                 : AT(w, C(-38, -120), K(0, -98), C(44, -80), K(40, -62), C(6, -56), K(-36, -74), C(-64, -92));
        struct outline fs = boot ? AT(w, C(-40, -218), K(-40, -130), C(-8, -74), C(20, -67))
                                 : AT(w, C(-58, -92), K(-32, -77), C(6, -61), C(36, -65));
        stitched(p, l->second, &facing, &fs, rgb_scale(l->upper->base, .65));
        if (boot)
            laces(p, l, w, 20, -94, -26, -206, 6);
        else
            laces(p, l, w, 28, -84, -24, -108, 4);
    }
    struct outline welt =
        AT(w, C(-168, -22), K(0, -17), K(120, -18), C(180, -22), C(178, -11), K(0, -8), C(-166, -11));
    piece(p, l->sole, &welt, 3, 3, .3);
    struct outline sole = AT(w, C(-168, -13), K(-60, -10), K(60, -9), C(178, -13), K(172, 0), K(60, 3),
                             C(-48, 0), C(-52, -4), C(-70, -4), C(-70, 14), C(-166, 14));
    struct material dark = material_plain(FAB_RUBBER, rgb_scale(l->sole->base, .6));
    piece(p, &dark, &sole, 4, 4, .3);
}

static void pump(struct pen *p, const struct shoe_look *l, const struct place *w)
{
    double h = l->heel, arch = -h; /* the heel stands h px over the ball of the foot */
    bool sandal = l->kind == SHOE_HEEL_SANDAL;
    struct outline heel = AT(w, C(-150, arch - 6), K(-146, arch + 22), K(-132, arch * .4), C(-131, 4),
                             C(-114, 4), K(-112, arch * .4), C(-84, arch + 14));
    piece(p, l->sole, &heel, 5, 5, .2);
    struct outline sole =
        AT(w, C(-158, arch - 8), K(-110, arch + 6), K(-30, arch * .4), K(50, -6), K(120, -6), C(174, -10),
           K(150, 3), K(90, 5), K(30, 3), K(-40, arch * .4 + 13), C(-100, arch + 17), C(-156, arch + 6));
    piece(p, l->sole, &sole, 3, 3, .2);
    struct part t;
    if (sandal) {
        struct outline bed =
            AT(w, C(-158, arch - 10), K(-100, arch), K(-30, arch * .42 - 4), K(60, -12), K(130, -13),
               C(172, -12), K(90, -4), K(40, -4), K(-36, arch * .4 + 6), C(-154, arch + 2));
        piece(p, l->second, &bed, 3, 3, .2);
        struct outline back = AT(w, C(-156, arch - 6), K(-162, arch - 44), C(-140, arch - 84),
                                 C(-126, arch - 76), K(-132, arch - 40), C(-124, arch - 4));
        piece(p, l->upper, &back, 6, 7, .3);
        for (int i = 0; i < 2; i++)
            strap(p, l, w, 54 + i * 46, -8, 52 - i * 10, 60 - i * 8, 15);
        struct outline cross = AT(w, C(40, -12), K(62, -44), C(112, -48));
        pen_strip(p, l->upper, &cross, 12 * w->k, 4);
        struct material far = material_plain(l->upper->fabric, rgb_scale(l->upper->base, .62));
        struct outline round = AT(w, C(-136, arch - 84), K(-90, arch - 104), C(-36, arch - 100)),
                       ankle =
                           AT(w, C(-142, arch - 78), K(-96, arch - 70), K(-56, arch - 80), C(-34, arch - 101));
        pen_strip(p, &far, &round, 9 * w->k, 3);
        pen_strip(p, l->upper, &ankle, 12 * w->k, 4);
        pen_stud(p, w->ox - 84 * w->k, w->oy + (arch - 73) * w->k, 5.5, l->metal);
        return;
    }
    opening(p, l, w, (const double[]){-148, arch - 66, -110, arch - 34, -30, arch * .42 - 34, 52, -62}, 13);
    struct outline up = AT(w, C(-160, arch - 4), K(-163, arch - 40), C(-148, arch - 66), K(-110, arch - 34),
                           K(-50, arch * .55 - 28), K(10, -40), C(52, -62), K(88, -56), K(140, -36),
                           C(178, -10), K(110, -4), K(50, -4), K(-30, arch * .42 + 4), C(-100, arch + 10));
    part_begin(&t, p, l->upper, &up);
    t.puff = 13;
    t.edge = 13;
    struct outline rim =
        AT(w, C(-146, arch - 60), K(-110, arch - 28), K(-50, arch * .55 - 22), K(10, -35), C(52, -56));
    part_stitch(&t, &rim, rgb_scale(l->upper->base, .75), .8);
    part_end(&t);
}

static void ballerina(struct pen *p, const struct shoe_look *l, const struct place *w)
{
    opening(p, l, w, (const double[]){-152, -78, -118, -50, 0, -36, 70, -66}, 15);
    struct outline up = AT(w, C(-164, -12), K(-166, -50), C(-152, -78), K(-118, -50), K(-50, -36), K(20, -38),
                           C(70, -66), K(104, -58), K(150, -40), K(172, -24), C(172, -10));
    struct part t;
    part_begin(&t, p, l->upper, &up);
    t.puff = 13;
    t.edge = 13;
    struct outline rim = AT(w, C(-150, -71), K(-118, -44), K(-50, -30), K(20, -32), C(68, -59)),
                   cap = AT(w, C(98, -10), K(92, -36), C(108, -60));
    part_stitch(&t, &rim, rgb_scale(l->upper->base, .7), .9);
    part_seam(&t, &rim, .5);
    part_seam(&t, &cap, .6);
    part_end(&t);
    struct outline bow = AT(w, K(52, -62), K(34, -76), C(28, -58), C(34, -48), K(60, -60), C(84, -46),
                            C(90, -58), K(78, -76), K(62, -66));
    piece(p, l->second, &bow, 5, 5, .4);
    struct outline sole =
        AT(w, C(-166, -12), K(0, -8), C(174, -12), K(168, 0), K(0, 2), C(-110, 0), C(-114, 8), C(-162, 8));
    piece(p, l->sole, &sole, 3, 3, .2);
}

static void sandal(struct pen *p, const struct shoe_look *l, const struct place *w)
{
    bool mule = l->kind == SHOE_MULE;
    struct outline sole = AT(w, C(-166, -20), K(-60, -12), K(80, -14), C(172, -22), K(178, -8), K(150, 2),
                             K(0, 4), C(-160, 4), K(-172, -8));
    struct outline bed = AT(w, C(-166, -22), K(-110, -34), K(0, -26), K(110, -30), C(172, -26), K(120, -14),
                            K(0, -10), C(-160, -12));
    piece(p, l->sole, &sole, 6, 5, .3);
    struct material cork = material_plain(FAB_SUEDE, rgb_hex(0xb08a5e));
    piece(p, mule ? l->second : &cork, &bed, 3, 4, .2);
    struct material brass = material_plain(FAB_METAL, l->metal);
    for (int i = 1; i >= 0; i--) {
        double x = i ? -38 : 50, top = i ? 86 : 66, reach = i ? 96 : 88;
        strap(p, l, w, x, -18, top, reach, mule ? 42 : 30);
        if (mule) {
            pen_bar(p, &brass, w->ox + (x + 8) * w->k, w->oy - 64 * w->k, w->ox + (x + 34) * w->k,
                    w->oy - 80 * w->k, 22 * w->k, 3);
            pen_bar(p, l->upper, w->ox + (x + 13) * w->k, w->oy - 67 * w->k, w->ox + (x + 29) * w->k,
                    w->oy - 77 * w->k, 13 * w->k, 3);
        }
    }
    if (l->kind == SHOE_SANDAL) {
        struct material far = material_plain(l->upper->fabric, rgb_scale(l->upper->base, .62));
        struct outline back = AT(w, C(-156, -18), K(-160, -64), C(-142, -112)),
                       round = AT(w, C(-140, -108), K(-90, -124), C(-28, -104)),
                       ankle = AT(w, C(-146, -104), K(-92, -90), K(-44, -96), C(-22, -110));
        pen_strip(p, l->upper, &back, 22 * w->k, 5);
        pen_strip(p, &far, &round, 12 * w->k, 3);
        pen_strip(p, l->upper, &ankle, 15 * w->k, 5);
        pen_stud(p, w->ox - 90 * w->k, w->oy - 94 * w->k, 6 * w->k, l->metal);
    }
}

static void one(struct pen *p, const struct shoe_look *l, const struct place *w)
{
    switch (l->kind) {
    case SHOE_SNEAKER:
    case SHOE_CANVAS:
    case SHOE_RUNNER:
        sneaker(p, l, w);
        break;
    case SHOE_PUMP:
    case SHOE_HEEL_SANDAL:
        pump(p, l, w);
        break;
    case SHOE_BALLERINA:
        ballerina(p, l, w);
        break;
    case SHOE_SANDAL:
    case SHOE_MULE:
        sandal(p, l, w);
        break;
    default:
        oxford(p, l, w);
        break;
    }
}

void shoes_draw(struct pen *p, const struct shoe_look *l)
{
    bool high =
        l->kind == SHOE_BOOT || l->kind == SHOE_CHELSEA || l->kind == SHOE_PUMP || l->kind == SHOE_HEEL_SANDAL;
    p->warp *= .4;
    struct place back = {-28, high ? 400 : 410, .94}, front = {22, high ? 520 : 500, 1.06};
    one(p, l, &back);
    one(p, l, &front);
}
