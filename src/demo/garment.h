/*
 * Garments: what each is made of and how it is cut. A *_draw() draws onto the pen from a description; the
 * descriptions are chosen in collection.c. Coordinates as in pen.h.
 */
#ifndef DEMO_GARMENT_H
#define DEMO_GARMENT_H

#include "demo/pen.h"

enum neck {
    NECK_CREW,
    NECK_V,
    NECK_SCOOP,
    NECK_BOAT,
    NECK_POLO,
    NECK_SHIRT,
    NECK_MAO,
    NECK_TURTLE,
    NECK_HOOD,
    NECK_LAPEL,
    NECK_PEAK,
    NECK_SHAWL,
    NECK_WRAP,
    NECK_STRAPS,
    NECK_BIKER,
    NECK_FUNNEL
};
enum front { FRONT_PLAIN, FRONT_BUTTONS, FRONT_HALF, FRONT_ZIP, FRONT_DOUBLE, FRONT_SNAPS };
enum hem { HEM_STITCH, HEM_RIB, HEM_TAIL, HEM_WAVE, HEM_BAND, HEM_CUTAWAY };
enum cuff { CUFF_STITCH, CUFF_RIB, CUFF_SHIRT, CUFF_TAB, CUFF_GATHER };
enum pocket {
    POCKET_CHEST = 1,
    POCKET_FLAPS = 2,
    POCKET_PATCH = 4,
    POCKET_KANGAROO = 8,
    POCKET_WELT = 16,
    POCKET_ZIP = 32,
    POCKET_CHEST_FLAPS = 64
};

struct top_look {
    double top; /* y of the neck point */
    double neck_w, neck_drop, shoulder_w, shoulder_drop, chest_w, armpit, waist_w, waist, hem_w, hem, hem_round;
    double sleeve, sleeve_angle, cuff_w; /* px along the arm; degrees off the vertical; 0: no sleeve */
    enum neck neck;
    enum front front;
    enum hem hem_kind;
    enum cuff cuff;
    unsigned pockets;
    double waist_seam; /* y, 0: none; below it a skirt of the same outline */
    int waves;         /* folds that fall to a HEM_WAVE hem */
    bool gathered;     /* many small folds below the waist seam */
    bool belt;
    bool quilted;
    bool print; /* a motif on the chest */
    int buttons;
    const struct material *cloth, *trim, *lining; /* trim: collar and ribs */
    const struct material *yoke;                  /* PAT_BLOCK: the upper part; NULL: none */
    struct rgb thread, button;
};
void top_draw(struct pen *p, const struct top_look *l);
/* Where the finished garment reaches: for pen_fit(). */
void top_extent(const struct top_look *l, double *x0, double *y0, double *x1, double *y1);

struct bottom_look {
    double top, waist_w, hip_w, rise, knee_w, hem_w,
        hem;       /* half widths of a leg at knee and hem; y of the hem */
    double band;   /* height of the waistband, 0: none */
    double spread; /* px between the middle line and the inner hem */
    enum cuff cuff;
    bool denim, crease, pleats, elastic, cargo, side_stripe, turn_up, buttons;
    double wash; /* 0 .. 1 */
    const struct material *cloth, *trim;
    struct rgb thread, button;
};
void bottom_draw(struct pen *p, const struct bottom_look *l);
struct skirt_look {
    double top, waist_w, hip_w, hem_w, hem, band;
    int waves;
    bool pleated, slit, buttons, tiers, wrap;
    const struct material *cloth;
    struct rgb thread, button;
};
void skirt_draw(struct pen *p, const struct skirt_look *l);

enum shoe {
    SHOE_SNEAKER,
    SHOE_CANVAS,
    SHOE_RUNNER,
    SHOE_OXFORD,
    SHOE_DERBY,
    SHOE_LOAFER,
    SHOE_BOOT,
    SHOE_CHELSEA,
    SHOE_PUMP,
    SHOE_HEEL_SANDAL,
    SHOE_BALLERINA,
    SHOE_SANDAL,
    SHOE_MULE
};
struct shoe_look {
    enum shoe kind;
    const struct material *upper, *second, *sole;
    struct rgb lace, metal;
    double heel; /* px */
};
void shoes_draw(struct pen *p, const struct shoe_look *l); /* a pair */

enum bag {
    BAG_TOTE,
    BAG_SATCHEL,
    BAG_BUCKET,
    BAG_SHOULDER,
    BAG_CLUTCH,
    BAG_ENVELOPE,
    BAG_BACKPACK,
    BAG_DUFFEL
};
struct bag_look {
    enum bag kind;
    const struct material *body, *trim;
    struct rgb metal;
    bool quilted;
};
void bag_draw(struct pen *p, const struct bag_look *l);

enum thing {
    THING_BELT,
    THING_TIE,
    THING_BOW,
    THING_SCARF,
    THING_SHAWL,
    THING_CAP,
    THING_BEANIE,
    THING_FEDORA,
    THING_STRAW,
    THING_SUNGLASSES,
    THING_WATCH,
    THING_EARRINGS,
    THING_HOOPS,
    THING_NECKLACE,
    THING_BRACELET,
    THING_SOCKS,
    THING_WALLET,
    THING_GLOVES
};
struct thing_look {
    enum thing kind;
    const struct material *main, *second;
    struct rgb metal, stone;
    int shape; /* a variant of the drawing, 0 .. 2 */
};
void thing_draw(struct pen *p, const struct thing_look *l);

#endif
