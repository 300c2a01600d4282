/* How each product is cut: from what it is to the descriptions that the drawing of garments takes. */
#include "demo/cut.h"

#include <math.h>

struct wardrobe { /* the materials of one product */
    struct material cloth, trim, lining, extra;
    struct rgb thread, button, metal;
};

static struct top_look top_base(const struct product *p, struct rng *r)
{
    bool w = p->gender == 'w';
    struct top_look l = {.top = 120,
                         .neck_w = w ? 52 : 55,
                         .neck_drop = w ? 58 : 46,
                         .shoulder_w = w ? 118 : 142,
                         .shoulder_drop = w ? 30 : 36,
                         .chest_w = w ? 112 : 132,
                         .armpit = w ? 258 : 282,
                         .waist_w = w ? 101 : 127,
                         .waist = w ? 370 : 420,
                         .hem_w = w ? 115 : 130,
                         .hem = w ? 512 : 566,
                         .hem_round = 5,
                         .cuff_w = 50,
                         .neck = NECK_CREW};
    l.hem += rng_range(r, -14, 14);
    l.hem_w += rng_range(r, -4, 6);
    l.chest_w += rng_range(r, -3, 3);
    l.neck_drop += rng_range(r, -4, 4);
    return l;
}

static void short_sleeves(struct top_look *l, bool w)
{
    l->sleeve = w ? 96 : 132;
    l->sleeve_angle = w ? 32 : 36;
    l->cuff_w = w ? 72 : 82;
}

static void long_sleeves(struct top_look *l, bool w, double cuff)
{
    l->sleeve = w ? 322 : 352;
    l->sleeve_angle = 15;
    l->cuff_w = cuff;
}

static void knit_look(struct top_look *l, bool w)
{
    long_sleeves(l, w, 52);
    l->sleeve -= 22;
    l->cuff = CUFF_RIB;
    l->hem_kind = HEM_RIB;
    l->chest_w += 6;
    l->waist_w += 10;
    l->hem_w += 4;
}

static void tee_family(const struct product *p, struct top_look *l)
{
    bool w = p->gender == 'w';
    short_sleeves(l, w);
    switch (p->cut->id) {
    case TEE_V:
        l->neck = NECK_V;
        l->neck_drop += 30;
        break;
    case TEE_PRINT:
        l->print = true;
        break;
    case POLO:
        l->neck = NECK_POLO;
        l->front = FRONT_HALF;
        l->buttons = 3;
        break;
    case LONGSLEEVE:
        long_sleeves(l, w, 48);
        break;
    case HENLEY:
        long_sleeves(l, w, 48);
        l->front = FRONT_HALF;
        l->buttons = 3;
        l->cuff = CUFF_RIB;
        break;
    default:
        break;
    }
}

static void shirt_family(const struct product *p, struct top_look *l)
{
    bool w = p->gender == 'w';
    long_sleeves(l, w, 52);
    l->neck = NECK_SHIRT;
    l->neck_w -= 4;
    l->neck_drop = 42;
    l->front = FRONT_BUTTONS;
    l->buttons = 7;
    l->cuff = CUFF_SHIRT;
    l->hem_kind = HEM_TAIL;
    l->hem += 16;
    switch (p->cut->id) {
    case SHIRT:
        if (!w) l->pockets = POCKET_CHEST;
        break;
    case SHIRT_MAO:
        l->neck = NECK_MAO;
        break;
    case SHIRT_DENIM:
        l->pockets = POCKET_CHEST_FLAPS;
        l->front = FRONT_SNAPS;
        break;
    case SHIRT_SHORT:
        short_sleeves(l, w);
        l->sleeve += 8;
        l->cuff = CUFF_STITCH;
        l->hem_kind = HEM_STITCH;
        l->pockets = POCKET_CHEST;
        l->neck = NECK_POLO;
        break;
    default: /* blouse */
        l->cuff = CUFF_GATHER;
        l->neck = NECK_V;
        l->neck_drop = 96;
        l->front = FRONT_PLAIN;
        l->hem_kind = HEM_WAVE;
        l->waves = 4;
        l->cuff_w = 62;
        break;
    }
}

static void top_family(const struct product *p, struct top_look *l)
{
    switch (p->cut->id) {
    case CAMISOLE:
        l->neck = NECK_STRAPS;
        l->neck_w = 62;
        l->top = 170;
        l->neck_drop = 64;
        l->shoulder_w = 66;
        l->shoulder_drop = 4;
        l->hem_kind = HEM_WAVE;
        l->waves = 3;
        l->hem_w += 10;
        break;
    case TANK:
        l->neck = NECK_SCOOP;
        l->neck_w = 54;
        l->neck_drop = 92;
        l->shoulder_w = 88;
        l->shoulder_drop = 14;
        break;
    case BOAT_TOP:
        l->neck = NECK_BOAT;
        l->neck_w = 84;
        l->neck_drop = 24;
        l->shoulder_drop = 16;
        long_sleeves(l, true, 54);
        l->sleeve = 230;
        l->sleeve_angle = 20;
        break;
    case CROP_TOP:
        l->hem = 410;
        l->waist = 390;
        l->hem_w = 100;
        l->neck = NECK_SCOOP;
        l->neck_drop = 84;
        l->neck_w = 62;
        if (p->fabric != FAB_SATIN)
            short_sleeves(l, true);
        else
            l->shoulder_w = 88;
        break;
    default: /* tunic */
        l->hem = 690;
        l->hem_w = 136;
        l->waist_w = 108;
        l->neck = NECK_V;
        l->neck_drop = 104;
        long_sleeves(l, true, 66);
        l->sleeve = 270;
        l->sleeve_angle = 19;
        break;
    }
}

static void knit_family(const struct product *p, struct top_look *l)
{
    bool w = p->gender == 'w';
    knit_look(l, w);
    switch (p->cut->id) {
    case SWEATER_V:
        l->neck = NECK_V;
        l->neck_drop = 108;
        break;
    case TURTLENECK:
        l->neck = NECK_TURTLE;
        l->neck_w = 46;
        l->neck_drop = 22;
        break;
    case CABLE_KNIT:
        if (rng_below(&(struct rng){p->seed}, 2)) {
            l->neck = NECK_TURTLE;
            l->neck_w = 48;
            l->neck_drop = 22;
        }
        break;
    case CARDIGAN:
        l->neck = NECK_V;
        l->neck_drop = 150;
        l->front = FRONT_BUTTONS;
        l->buttons = 5;
        if (!w) l->pockets = POCKET_PATCH;
        break;
    case HOODIE:
        l->neck = NECK_HOOD;
        l->pockets = POCKET_KANGAROO;
        l->neck_w = 56;
        break;
    case HOODIE_ZIP:
        l->neck = NECK_HOOD;
        l->front = FRONT_ZIP;
        l->neck_w = 56;
        l->pockets = POCKET_WELT;
        break;
    default:
        break;
    }
}

static void outer_family(const struct product *p, struct top_look *l, struct wardrobe *m)
{
    bool w = p->gender == 'w';
    long_sleeves(l, w, 58);
    l->cuff = CUFF_TAB;
    l->shoulder_w += 6;
    l->chest_w += 8;
    l->waist_w += 8;
    l->hem_w += 4;
    m->lining = material_plain(FAB_SATIN, rgb_mix(p->shade[0], rgb_hex(0x5a4640), .5));
    switch (p->cut->id) {
    case DENIM_JACKET:
        l->hem = w ? 500 : 560;
        l->neck = NECK_POLO;
        l->front = FRONT_SNAPS;
        l->buttons = 6;
        l->pockets = POCKET_CHEST_FLAPS;
        l->hem_kind = HEM_BAND;
        l->cuff = CUFF_SHIRT;
        break;
    case BIKER:
        l->hem = w ? 500 : 560;
        l->neck = NECK_BIKER;
        l->neck_drop = 150;
        l->front = FRONT_ZIP;
        l->pockets = POCKET_ZIP;
        break;
    case BOMBER:
        l->hem = w ? 520 : 580;
        l->neck = NECK_MAO;
        l->front = FRONT_ZIP;
        l->pockets = POCKET_WELT;
        l->hem_kind = HEM_RIB;
        l->cuff = CUFF_RIB;
        l->sleeve -= 20;
        break;
    case PARKA:
        l->hem = w ? 660 : 680;
        l->neck = NECK_HOOD;
        l->front = FRONT_ZIP;
        l->pockets = POCKET_PATCH | POCKET_FLAPS;
        l->hem_w += 8;
        break;
    case TRENCH:
        l->hem = 740;
        l->neck = NECK_LAPEL;
        l->neck_drop = 170;
        l->front = FRONT_DOUBLE;
        l->belt = true;
        l->pockets = POCKET_WELT;
        l->hem_w += 24;
        break;
    case COAT:
        l->hem = w ? 740 : 730;
        l->neck = NECK_LAPEL;
        l->neck_drop = 180;
        l->front = FRONT_BUTTONS;
        l->buttons = 3;
        l->pockets = POCKET_FLAPS;
        l->hem_w += 14;
        break;
    case PEACOAT:
        l->hem = w ? 580 : 620;
        l->neck = NECK_PEAK;
        l->neck_drop = 130;
        l->front = FRONT_DOUBLE;
        l->pockets = POCKET_WELT;
        break;
    case PUFFER:
        l->hem = w ? 530 : 575;
        if (p->number & 1) {
            l->neck = NECK_FUNNEL;
            l->neck_drop = 24;
            l->neck_w = 50;
        } else
            l->neck = NECK_HOOD;
        l->front = FRONT_ZIP;
        l->quilted = true;
        l->chest_w += 8;
        break;
    case BLAZER:
    case BLAZER_DOUBLE:
    case TUXEDO:
        l->hem = w ? 530 : 580;
        l->neck = p->cut->id == TUXEDO ? NECK_SHAWL : p->cut->id == BLAZER ? NECK_LAPEL : NECK_PEAK;
        l->neck_drop = p->cut->id == BLAZER_DOUBLE ? 170 : 200;
        l->front = p->cut->id == BLAZER_DOUBLE ? FRONT_DOUBLE : FRONT_BUTTONS;
        l->buttons = p->cut->id == TUXEDO ? 1 : 2;
        l->hem_kind = p->cut->id == BLAZER_DOUBLE ? HEM_STITCH : HEM_CUTAWAY;
        l->pockets = POCKET_FLAPS;
        l->waist_w -= 12;
        break;
    default: /* waistcoat */
        l->sleeve = 0;
        l->shoulder_w = w ? 88 : 98;
        l->shoulder_drop = 18;
        l->hem = w ? 500 : 530;
        l->waist_w -= 12;
        l->neck = NECK_V;
        l->neck_drop = 190;
        l->front = FRONT_BUTTONS;
        l->buttons = 5;
        l->hem_kind = HEM_CUTAWAY;
        l->pockets = POCKET_FLAPS;
        break;
    }
}

static void dress_family(const struct product *p, struct top_look *l, struct rng *r)
{
    l->waist_w = 84;
    l->waist = 330;
    l->chest_w = 103;
    l->armpit = 236;
    l->hem_round = 14;
    l->hem_kind = HEM_WAVE;
    l->waist_seam = 330;
    l->neck = NECK_SCOOP;
    l->neck_drop = 76;
    short_sleeves(l, true);
    switch (p->cut->id) {
    case DRESS_WRAP:
        l->neck = NECK_WRAP;
        l->neck_drop = 124;
        l->hem = 690;
        l->hem_w = 172;
        l->waves = 5;
        l->belt = true;
        if (rng_chance(r, .5)) {
            l->sleeve = 200;
            l->sleeve_angle = 22;
        }
        break;
    case DRESS_SKATER:
        l->hem = 600;
        l->hem_w = 196;
        l->waves = 6;
        l->gathered = rng_chance(r, .5);
        if (rng_chance(r, .5)) {
            l->sleeve = 0;
            l->shoulder_w = 88;
            l->shoulder_drop = 14;
        }
        break;
    case DRESS_SHEATH:
        l->hem = 680;
        l->hem_w = 104;
        l->waist_w = 86;
        l->waves = 0;
        l->hem_kind = HEM_STITCH;
        l->neck = NECK_BOAT;
        l->neck_w = 72;
        l->neck_drop = 36;
        l->sleeve = 60;
        l->belt = rng_chance(r, .4);
        break;
    case DRESS_MAXI:
        l->hem = 860;
        l->hem_w = 190;
        l->waves = 6;
        l->gathered = true;
        if (rng_chance(r, .5)) {
            l->neck = NECK_STRAPS;
            l->neck_w = 60;
            l->top = 150;
            l->shoulder_w = 64;
            l->shoulder_drop = 4;
            l->sleeve = 0;
        } else {
            l->neck = NECK_V;
            l->neck_drop = 110;
            l->sleeve = 190;
            l->sleeve_angle = 24;
            l->cuff_w = 70;
        }
        break;
    case DRESS_SLIP:
        l->neck = NECK_STRAPS;
        l->neck_w = 60;
        l->top = 150;
        l->shoulder_w = 64;
        l->shoulder_drop = 4;
        l->sleeve = 0;
        l->hem = 720;
        l->hem_w = 132;
        l->waves = 3;
        l->waist_seam = 0;
        l->neck_drop = 70;
        break;
    case DRESS_SHIRT:
        l->neck = NECK_SHIRT;
        l->neck_drop = 42;
        l->front = FRONT_BUTTONS;
        l->buttons = 9;
        l->hem = 680;
        l->hem_w = 150;
        l->waves = 4;
        l->belt = true;
        l->sleeve = 150;
        l->sleeve_angle = 26;
        break;
    default: /* knitted */
        l->hem = 640;
        l->hem_w = 112;
        l->waist_w = 98;
        l->waves = 0;
        l->waist_seam = 0;
        long_sleeves(l, true, 50);
        l->sleeve -= 20;
        l->cuff = CUFF_RIB;
        l->hem_kind = HEM_RIB;
        if (rng_chance(r, .6)) {
            l->neck = NECK_TURTLE;
            l->neck_w = 46;
            l->neck_drop = 22;
        } else
            l->neck = NECK_CREW;
        break;
    }
}

static struct rgb thread_for(const struct product *p)
{
    if (p->fabric == FAB_DENIM) return rgb_luma(p->shade[0]) > .75 ? rgb_hex(0xd8d4cc) : rgb_hex(0xc9924a);
    return rgb_luma(p->shade[0]) < .3 ? rgb_mix(p->shade[0], rgb_hex(0xffffff), .16)
                                      : rgb_scale(p->shade[0], .8);
}

static enum rc wardrobe_init(struct wardrobe *m, const struct product *p, struct err *err)
{
    struct rng r = {p->seed ^ 5};
    double scale = rng_range(&r, .6, 1.05);
    if (p->pattern == PAT_GINGHAM) scale *= .7;
    enum rc rc = material_init(&m->cloth, p->fabric, p->pattern, p->shade[0], p->shade[1], p->shade[2], scale,
                               p->seed, err);
    if (rc) return rc;
    m->lining = material_plain(p->fabric, p->shade[0]);
    enum fabric rib = p->fabric == FAB_JERSEY || p->fabric == FAB_KNIT || p->fabric == FAB_FLEECE ||
                              p->fabric == FAB_CABLE || p->fabric == FAB_TECH || p->fabric == FAB_SUEDE ||
                              p->fabric == FAB_RIB || (p->fabric == FAB_SATIN && p->cut->id == BOMBER)
                          ? FAB_RIB
                          : p->fabric;
    m->trim = material_plain(rib, p->pattern == PAT_BLOCK ? p->shade[1] : p->shade[0]);
    m->trim.second = p->shade[1];
    m->trim.third = p->shade[2];
    m->extra = material_plain(p->fabric, p->shade[1]);
    m->thread = thread_for(p);
    static const unsigned buttons[] = {0xf3f1ea, 0x2a2624, 0x6b4f3a};
    m->button = rgb_hex(rgb_luma(p->shade[0]) > .6 ? buttons[rng_below(&r, 2) * 2]
                                                   : buttons[rng_chance(&r, .5) ? 1 : 0]);
    m->metal = rng_chance(&r, .6) ? rgb_hex(0xc4c6ca) : rgb_hex(0xc8a254);
    return RC_OK;
}

static void draw_top(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 11};
    struct top_look l = top_base(p, &r);
    enum cut_id id = p->cut->id;
    if (id <= HENLEY)
        tee_family(p, &l);
    else if (id <= BLOUSE)
        shirt_family(p, &l);
    else if (id <= TUNIC)
        top_family(p, &l);
    else if (id <= HOODIE_ZIP)
        knit_family(p, &l);
    else if (id <= WAISTCOAT)
        outer_family(p, &l, m);
    else
        dress_family(p, &l, &r);
    bool cut_and_sewn = id >= SHIRT && id <= BLOUSE;
    if (cut_and_sewn || id >= DENIM_JACKET) {
        bool ribbed = id == BOMBER || id == DRESS_KNIT;
        if (!ribbed) m->trim = m->cloth; /* borrowed: the tile is released once, with the cloth */
    }
    if (id == TUXEDO) m->trim = material_plain(FAB_SATIN, rgb_hex(0x1c1c20));
    l.cloth = &m->cloth;
    l.trim = &m->trim;
    l.lining = &m->lining;
    l.yoke = p->pattern == PAT_BLOCK ? &m->extra : NULL;
    l.thread = m->thread;
    l.button = l.front == FRONT_ZIP || l.front == FRONT_SNAPS ? m->metal : m->button;
    double x0, y0, x1, y1;
    top_extent(&l, &x0, &y0, &x1, &y1);
    pen_fit(pen, x0, y0, x1, y1, 44);
    top_draw(pen, &l);
}

static struct bottom_look bottom_base(const struct product *p, const struct wardrobe *m)
{
    bool w = p->gender == 'w';
    return (struct bottom_look){.top = 80,
                                .waist_w = w ? 82 : 96,
                                .hip_w = w ? 112 : 116,
                                .rise = w ? 158 : 160,
                                .knee_w = 43,
                                .hem_w = 37,
                                .hem = 740,
                                .band = 27,
                                .spread = 20,
                                .cloth = &m->cloth,
                                .trim = &m->trim,
                                .thread = m->thread,
                                .button = m->button};
}

static void draw_bottom(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 12};
    struct bottom_look l = bottom_base(p, m);
    switch (p->cut->id) {
    case CHINO:
        l.turn_up = rng_chance(&r, .4);
        break;
    case SUIT_TROUSERS:
        l.crease = true;
        l.pleats = true;
        l.hem_w = 40;
        break;
    case WIDE_TROUSERS:
        l.knee_w = 58;
        l.hem_w = 66;
        l.spread = 10;
        l.pleats = true;
        l.hip_w = 118;
        l.elastic = rng_chance(&r, .3);
        break;
    case CARGO:
        l.cargo = true;
        l.knee_w = 50;
        l.hem_w = 42;
        l.cuff = rng_chance(&r, .5) ? CUFF_GATHER : CUFF_STITCH;
        break;
    case JEANS_SLIM:
        l.denim = true;
        l.knee_w = 38;
        l.hem_w = 29;
        l.spread = 24;
        break;
    case JEANS_STRAIGHT:
        l.denim = true;
        l.turn_up = rng_chance(&r, .3);
        break;
    case JEANS_FLARE:
        l.denim = true;
        l.knee_w = 38;
        l.hem_w = 62;
        l.spread = 8;
        break;
    case JOGGER:
        l.elastic = true;
        l.cuff = CUFF_RIB;
        l.hem = 700;
        l.knee_w = 46;
        l.hem_w = 34;
        l.side_stripe = rng_chance(&r, .4);
        break;
    case LEGGING:
        l.elastic = true;
        l.band = 40;
        l.knee_w = 32;
        l.hem_w = 22;
        l.spread = 22;
        l.waist_w = 78;
        l.hip_w = 98;
        l.rise = 140;
        break;
    case SHORT_CHINO:
        l.hem = 420;
        l.hem_w = 58;
        l.spread = 12;
        l.turn_up = rng_chance(&r, .4);
        break;
    case SHORT_DENIM:
        l.denim = true;
        l.hem = 330;
        l.hem_w = 62;
        l.spread = 6;
        l.turn_up = true;
        break;
    default:
        l.elastic = true;
        l.hem = 370;
        l.hem_w = 66;
        l.spread = 8;
        l.side_stripe = true;
        break;
    }
    if (l.denim) {
        l.wash = rgb_luma(p->shade[0]) < .8 ? rng_range(&r, .3, 1) : 0;
        l.button = rgb_hex(0xb5884e);
    }
    if (!l.elastic) m->trim = m->cloth;
    double w = fmax(l.hip_w, l.spread + 2 * l.hem_w) + 10;
    if (l.cargo) w += 26;
    pen_fit(pen, -w, l.top - 12, w, l.hem + (l.cuff == CUFF_RIB ? 40 : 10), l.hem < 500 ? 70 : 44);
    bottom_draw(pen, &l);
}

static void draw_skirt(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 13};
    struct skirt_look l = {.top = 150,
                           .waist_w = 84,
                           .hip_w = 118,
                           .hem_w = 118,
                           .hem = 560,
                           .band = 28,
                           .cloth = &m->cloth,
                           .thread = m->thread,
                           .button = m->button};
    switch (p->cut->id) {
    case SKIRT_PENCIL:
        l.slit = true;
        l.hem_w = 108;
        l.hip_w = 114;
        break;
    case SKIRT_SKATER:
        l.hem = 470;
        l.hem_w = 200;
        l.hip_w = 134;
        l.waves = 6;
        break;
    case SKIRT_PLEATED:
        l.hem = 600;
        l.hem_w = 178;
        l.hip_w = 122;
        l.pleated = true;
        l.waves = 7;
        break;
    case SKIRT_MAXI:
        l.hem = 740;
        l.hem_w = 196;
        l.hip_w = 124;
        l.tiers = true;
        l.waves = 6;
        break;
    default:
        l.hem = 470;
        l.hem_w = 150;
        l.hip_w = 122;
        l.buttons = true;
        l.button = m->metal;
        break;
    }
    if (p->cut->id == SKIRT_PENCIL && rng_chance(&r, .4)) l.wrap = true;
    pen_fit(pen, -l.hem_w - 16, l.top - 14, l.hem_w + 16, l.hem + 40, 56);
    skirt_draw(pen, &l);
}

static void draw_jumpsuit(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 14};
    struct top_look l = top_base(p, &r);
    dress_family(p, &l, &r);
    l.waist_seam = 0;
    l.waist = l.hem = 336;
    l.hem_w = l.waist_w = 88;
    l.hem_round = 4;
    l.hem_kind = HEM_STITCH;
    l.waves = 0;
    l.neck = rng_chance(&r, .5) ? NECK_V : NECK_STRAPS;
    l.neck_drop = 96;
    l.cuff = CUFF_STITCH;
    l.gathered = false;
    short_sleeves(&l, true);
    if (l.neck == NECK_STRAPS) {
        l.sleeve = 0;
        l.neck_w = 60;
        l.top = 158;
        l.neck_drop = 62;
        l.shoulder_w = 64;
        l.shoulder_drop = 4;
    }
    l.belt = true;
    m->trim = m->cloth;
    l.cloth = &m->cloth;
    l.trim = &m->cloth;
    l.lining = &m->lining;
    l.thread = m->thread;
    l.button = m->button;
    struct bottom_look b = bottom_base(p, m);
    b.top = 332;
    b.waist_w = 88;
    b.band = 0;
    b.elastic = true;
    b.knee_w = 50;
    b.hem_w = 52;
    b.hem = 900;
    b.spread = 14;
    pen_fit(pen, -175, 80, 175, 912, 40);
    bottom_draw(pen, &b);
    top_draw(pen, &l);
}

static void draw_shoe(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 15};
    static const enum shoe kinds[] = {[SNEAKER - SNEAKER] = SHOE_SNEAKER,
                                      [CANVAS_SHOE - SNEAKER] = SHOE_CANVAS,
                                      [BOOT - SNEAKER] = SHOE_BOOT,
                                      [RUNNER - SNEAKER] = SHOE_RUNNER,
                                      [OXFORD - SNEAKER] = SHOE_OXFORD,
                                      [LOAFER - SNEAKER] = SHOE_LOAFER,
                                      [CHELSEA - SNEAKER] = SHOE_CHELSEA,
                                      [PUMP - SNEAKER] = SHOE_PUMP,
                                      [HEEL_SANDAL - SNEAKER] = SHOE_HEEL_SANDAL,
                                      [BALLERINA - SNEAKER] = SHOE_BALLERINA,
                                      [SANDAL - SNEAKER] = SHOE_SANDAL,
                                      [MULE - SNEAKER] = SHOE_MULE};
    enum shoe kind = kinds[p->cut->id - SNEAKER];
    bool sport = kind == SHOE_RUNNER || kind == SHOE_SNEAKER || kind == SHOE_CANVAS;
    struct material second =
        material_plain(p->fabric == FAB_MESH ? FAB_TECH : p->fabric,
                       sport && rng_chance(&r, .6) ? p->shade[1] : rgb_scale(p->shade[0], sport ? .75 : .92));
    struct material sole = material_plain(sport ? FAB_RUBBER : FAB_LEATHER,
                                          sport ? rgb_hex(rng_chance(&r, .8) ? 0xf2f0ea : 0x2b2b2d)
                                          : kind == SHOE_PUMP || kind == SHOE_HEEL_SANDAL
                                              ? rgb_scale(p->shade[0], .75)
                                              : rgb_hex(rng_chance(&r, .5) ? 0x3a2a20 : 0x77563a));
    if (kind == SHOE_HEEL_SANDAL || kind == SHOE_BALLERINA)
        second = material_plain(
            p->fabric, kind == SHOE_BALLERINA ? p->shade[0] : rgb_mix(p->shade[0], rgb_hex(0xc9a27c), .5));
    struct shoe_look l = {.kind = kind,
                          .upper = &m->cloth,
                          .second = &second,
                          .sole = &sole,
                          .lace = sport ? rgb_hex(rgb_luma(p->shade[0]) > .85 ? 0xe9e7e2 : 0xf7f6f2)
                                        : rgb_scale(p->shade[0], .7),
                          .metal = m->metal,
                          .heel = rng_range(&r, 84, 122)};
    pen_fit(pen, -212, 190, 216, 560, 34);
    if (kind == SHOE_BOOT || kind == SHOE_CHELSEA) pen_fit(pen, -206, 120, 212, 560, 34);
    shoes_draw(pen, &l);
}

static void draw_bag(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 16};
    struct material trim = material_plain(
        p->fabric == FAB_CANVAS || p->fabric == FAB_STRAW || p->fabric == FAB_TECH ? FAB_LEATHER : p->fabric,
        p->fabric == FAB_CANVAS || p->fabric == FAB_STRAW ? rgb_hex(rng_chance(&r, .5) ? 0x8a5a34 : 0x3a2a22)
                                                          : rgb_scale(p->shade[0], .8));
    struct bag_look l = {.kind = (enum bag)(p->cut->id - TOTE),
                         .body = &m->cloth,
                         .trim = &trim,
                         .metal = m->metal,
                         .quilted = (p->cut->id == SHOULDER || p->cut->id == CLUTCH) && rng_chance(&r, .55)};
    pen_fit(pen, -250, p->cut->id == CLUTCH || p->cut->id == ENVELOPE ? 200 : 100, 250, 680, 30);
    bag_draw(pen, &l);
}

static void draw_thing(const struct product *p, struct pen *pen, struct wardrobe *m)
{
    struct rng r = {p->seed ^ 17};
    static const unsigned stones[] = {0x1f6f63, 0x8c1d3a, 0x2b4f9c, 0xe9e4da, 0x2a2a2e, 0xd98ba0, 0x6b4a9a};
    struct thing_look l = {.kind = (enum thing)(p->cut->id - BELT),
                           .main = &m->cloth,
                           .second = &m->extra,
                           .metal = m->metal,
                           .stone = rgb_hex(stones[rng_below(&r, 7)]),
                           .shape = rng_below(&r, 3)};
    struct material other = m->extra;
    switch (l.kind) {
    case THING_CAP:
    case THING_BEANIE:
        other = material_plain(p->fabric, rng_chance(&r, .75) ? p->shade[0] : p->shade[1]);
        break;
    case THING_TIE:
        other = material_plain(p->fabric, p->shade[0]);
        break;
    case THING_SHAWL:
        other = material_plain(p->fabric, p->shade[1]);
        break;
    case THING_GLOVES:
        other = material_plain(FAB_RIB, rgb_scale(p->shade[0], .85));
        break;
    case THING_FEDORA:
    case THING_STRAW:
        other = material_plain(FAB_SATIN, rgb_hex(rng_chance(&r, .5) ? 0x232428 : 0x6a1f2f));
        break;
    case THING_SUNGLASSES:
        other = material_plain(FAB_PLASTIC, rgb_hex(rng_chance(&r, .5) ? 0x3a3f36 : 0x5a4030));
        break;
    case THING_WATCH:
        other = material_plain(FAB_PLASTIC, rgb_hex(rng_chance(&r, .5) ? 0xf5f3ee : 0x20242c));
        if (p->fabric == FAB_METAL) m->cloth.base = l.metal;
        break;
    default:
        break;
    }
    if (p->cut->palette == PAL_METAL) l.metal = p->shade[0];
    l.second = &other;
    static const short extents[][4] = {
        [THING_BELT] = {-236, 296, 236, 604},     [THING_TIE] = {-150, 40, 150, 724},
        [THING_BOW] = {-214, 300, 214, 500},      [THING_SCARF] = {-150, 110, 150, 740},
        [THING_SHAWL] = {-214, 230, 206, 644},    [THING_CAP] = {-176, 236, 268, 536},
        [THING_BEANIE] = {-180, 180, 180, 600},   [THING_FEDORA] = {-266, 250, 266, 590},
        [THING_STRAW] = {-266, 250, 266, 590},    [THING_SUNGLASSES] = {-232, 320, 232, 500},
        [THING_WATCH] = {-150, 90, 150, 730},     [THING_EARRINGS] = {-170, 196, 170, 480},
        [THING_HOOPS] = {-204, 330, 204, 546},    [THING_NECKLACE] = {-186, 160, 186, 670},
        [THING_BRACELET] = {-188, 250, 188, 550}, [THING_SOCKS] = {-140, 90, 210, 612},
        [THING_WALLET] = {-192, 286, 196, 530},   [THING_GLOVES] = {-236, 190, 236, 652}};
    const short *e = extents[l.kind];
    pen_fit(pen, e[0], e[1], e[2], e[3], l.kind == THING_EARRINGS || l.kind == THING_HOOPS ? 84 : 60);
    thing_draw(pen, &l);
}

enum rc product_draw(const struct product *p, struct pen *pen, struct err *err)
{
    struct wardrobe m = {0};
    enum rc rc = wardrobe_init(&m, p, err);
    if (rc) return rc;
    double turn = rng_range(&pen->rng, -.014, .014);
    pen->turn_cos = cos(turn);
    pen->turn_sin = sin(turn);
    cairo_surface_t *tile = m.cloth.tile; /* draw_*() may hand the cloth on */
    enum cut_id id = p->cut->id;
    if (id == JUMPSUIT)
        draw_jumpsuit(p, pen, &m);
    else if (id <= DRESS_KNIT)
        draw_top(p, pen, &m);
    else if (id <= SHORT_SPORT)
        draw_bottom(p, pen, &m);
    else if (id <= SKIRT_DENIM)
        draw_skirt(p, pen, &m);
    else if (id <= MULE)
        draw_shoe(p, pen, &m);
    else if (id <= DUFFEL)
        draw_bag(p, pen, &m);
    else
        draw_thing(p, pen, &m);
    if (tile) cairo_surface_destroy(tile);
    if (pen->failed) return err_set(err, RC_NOMEM, "no memory to draw product %d", p->number + 1);
    return RC_OK;
}
