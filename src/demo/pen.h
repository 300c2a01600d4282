/*
 * The drawing engine of the demonstration collection. A garment is drawn as parts, from the lowest to
 * the uppermost. A part has an outline, a material, and a height field made from what is known about it:
 * it swells from its edges, folds push and pull it, seams cut into it, its fabric has a grain. Light from
 * the upper left falls on that relief, and the part casts a shadow on those below. Outlines, seams and
 * folds alone therefore describe a garment; nothing is shaded by hand.
 *
 * Coordinates of a garment: pixels of a 600 x 800 picture, x from the middle line (-300 .. 300, the left of
 * the picture is negative), y from the top (0 .. 800). struct pen maps them to the canvas: scale, a slight
 * turn, and a smooth displacement that takes the symmetry out.
 *
 * All that is drawn follows from the seed. Not for sharing between threads; several pens may be used at once
 * after pen_startup().
 */
#ifndef DEMO_PEN_H
#define DEMO_PEN_H

#include "base/err.h"

#include <cairo/cairo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A small generator of its own (splitmix64), so that pictures are the same on every machine. */
struct rng {
    uint64_t state;
};
uint64_t rng_u64(struct rng *r);
double rng_unit(struct rng *r); /* 0 <= x < 1 */
double rng_range(struct rng *r, double least, double most);
int rng_below(struct rng *r, int n); /* 0 .. n-1 */
bool rng_chance(struct rng *r, double probability);
uint64_t rng_mix(uint64_t a, uint64_t b); /* a new seed from two numbers */

struct rgb {
    double r, g, b; /* sRGB, 0 .. 1 */
};
struct rgb rgb_hex(unsigned hex); /* 0xrrggbb */
struct rgb rgb_mix(struct rgb a, struct rgb b, double share_of_b);
struct rgb rgb_scale(struct rgb a, double k);
double rgb_luma(struct rgb a);
void pen_source(cairo_t *cr, struct rgb c, double alpha);

enum fabric {
    FAB_JERSEY,
    FAB_POPLIN,
    FAB_LINEN,
    FAB_RIB,
    FAB_KNIT,
    FAB_CABLE,
    FAB_FLEECE,
    FAB_DENIM,
    FAB_TWILL,
    FAB_TWEED,
    FAB_WOOL,
    FAB_CORDUROY,
    FAB_VELVET,
    FAB_SATIN,
    FAB_CREPE,
    FAB_LEATHER,
    FAB_SUEDE,
    FAB_TECH,
    FAB_QUILT,
    FAB_LACE,
    FAB_CANVAS,
    FAB_MESH,
    FAB_STRAW,
    FAB_RUBBER,
    FAB_PLASTIC,
    FAB_METAL,
    FAB_COUNT
};

enum pattern {
    PAT_PLAIN,
    PAT_STRIPES,
    PAT_PINSTRIPE,
    PAT_VSTRIPES,
    PAT_CHECK,
    PAT_TARTAN,
    PAT_GINGHAM,
    PAT_FLOWERS,
    PAT_DOTS,
    PAT_CHEVRON,
    PAT_CAMOUFLAGE,
    PAT_GEOMETRIC,
    PAT_ETHNIC,
    PAT_BLOCK,
    PAT_COUNT
};

struct material {
    enum fabric fabric;
    enum pattern pattern;
    struct rgb base, second, third; /* ground of the pattern, and its other colours */
    double scale;                   /* of the pattern; 1 */
    cairo_surface_t *tile;          /* NULL for PAT_PLAIN and PAT_BLOCK; see material_init() */
};
/* Draws the pattern's tile. RC_NOMEM. */
enum rc material_init(struct material *m, enum fabric fabric, enum pattern pattern, struct rgb base,
                      struct rgb second, struct rgb third, double scale, uint64_t seed,
                      struct err *err) MUST_USE;
void material_release(struct material *m);
struct material material_plain(enum fabric fabric, struct rgb colour); /* owns nothing */
cairo_surface_t *pattern_tile(enum pattern pattern, struct rgb base, struct rgb second, struct rgb third,
                              uint64_t seed);
/* The relief and tint of a fabric: (256, 256) f32 that repeats. Valid after pen_startup(). */
enum { GRAIN_PX = 256 };
struct grain {
    float relief[GRAIN_PX * GRAIN_PX]; /* px of height */
    float tint[GRAIN_PX * GRAIN_PX];   /* added to 1, multiplies the colour */
};
const struct grain *fabric_grain(enum fabric f);
struct fabric_look {
    double folds;    /* how strongly it folds; 1 for cotton */
    double crumple;  /* px of small unevenness */
    double specular; /* strength of the highlight */
    int gloss;       /* its exponent as a power of two: 2^gloss */
    double sheen;    /* light at grazing slopes, as velvet has it */
    double contrast; /* of light and shade; 1 for cotton */
};
const struct fabric_look *fabric_look(enum fabric f);
double fabric_crumple(double u, double v); /* -1.4 .. 1.4, smooth unevenness; u, v in px, repeats */
void fabric_startup(void);

struct pen {
    int width, height; /* of the canvas, px */
    float *rgba;       /* (height, width, 4) premultiplied, 0 .. 1 */
    uint8_t *hull;     /* (height, width) union of parts that swell together; see pen_hull_*() */
    bool hull_used;
    struct rng rng;
    double cx, cy, scale, turn_cos, turn_sin; /* garment coordinates (0, 400) come to (cx, cy) */
    double warp;                              /* px of displacement */
    uint64_t warp_seed;
    bool mirror;           /* x is negated: the same code draws both sides */
    bool failed;           /* out of memory somewhere; parts became empty */
    double x0, y0, x1, y1; /* what has been drawn so far, canvas px (x0 > x1: nothing) */
};

void pen_startup(void); /* makes the fabrics; once, before threads */
enum rc pen_create(int width, int height, uint64_t seed, struct pen **out, struct err *err) MUST_USE;
void pen_destroy(struct pen *p);
void pen_map(const struct pen *p, double x, double y, double *px, double *py);
/* Fits a garment that spans (x0, y0) .. (x1, y1) into the canvas with `margin` px around it. */
void pen_fit(struct pen *p, double x0, double y0, double x1, double y1, double margin);

/* A closed or open line through knots: smooth, but for corners. */
struct knot {
    double x, y;
    bool corner;
};
#define K(x, y) ((struct knot){(x), (y), false})
#define C(x, y) ((struct knot){(x), (y), true})
enum { OUTLINE_MAX = 128 };
struct outline {
    struct knot k[OUTLINE_MAX];
    size_t n;
};
void outline_add(struct outline *o, struct knot k);
void outline_addn(struct outline *o, const struct knot *k, size_t n);
struct outline outline_ellipse(double x, double y, double rx, double ry);
#define OUTLINE(...)                               \
    outline_of((const struct knot[]){__VA_ARGS__}, \
               sizeof((const struct knot[]){__VA_ARGS__}) / sizeof(struct knot))
struct outline outline_of(const struct knot *k, size_t n);
void pen_trace(const struct pen *p, cairo_t *cr, const struct outline *o, bool closed);

/* Parts drawn with `joined` swell as one body: the union of the outlines given here. */
void pen_hull_begin(struct pen *p);
void pen_hull_add(struct pen *p, const struct outline *o);
void pen_hull_end(struct pen *p);

struct part {
    struct pen *pen;
    const struct material *m;
    int x, y, w, h;                    /* its piece of the canvas, px; w == 0: nothing to draw */
    cairo_t *mask, *soft, *fine, *ink; /* A8; grey relief at half size; grey relief; colour over the fabric */
    /* to be set between part_begin() and part_end(): */
    double puff;        /* px of height of the swelling; 7 */
    double edge;        /* px over which the edge rounds; 7 */
    double grain_angle; /* radians: direction of the fabric and the pattern */
    double shade;       /* multiplies the colour; 1 */
    double cast;        /* strength of the shadow on parts below; .35 */
    double cast_px;     /* its size; 7 */
    double opacity;     /* 1 */
    double folds;       /* px of height of a fold of strength 1; 6 */
    bool joined;
};
void part_begin(struct part *t, struct pen *p, const struct material *m, const struct outline *o);
void part_end(struct part *t);
/* One fold: from (x0, y0) to (x1, y1), bent by `bend` px to its side, `width` px at its widest. strength -1 .. 1:
 * a ridge or a valley; a ridge has its valley beside it. */
void part_fold(struct part *t, double x0, double y0, double x1, double y1, double bend, double width,
               double strength);
/* A line sewn into the part: `depth` 0 .. 1. */
void part_seam(struct part *t, const struct outline *o, double depth);
/* Visible stitches along the line in a colour. */
void part_stitch(struct part *t, const struct outline *o, struct rgb colour, double width);
/* Seam and stitches on both sides of hems at `gap` px. */
void part_line(struct part *t, const struct outline *o, struct rgb colour, double width, double alpha);
/* A raised piece (a welt, a band) within the part: fine relief. height -1 .. 1. */
void part_emboss(struct part *t, const struct outline *o, double height);
/* Soft patch of another brightness (washed denim): radius px, amount -1 .. 1. */
void part_fade(struct part *t, double x, double y, double rx, double ry, double amount);

/* Small things of their own. */
void pen_button(struct pen *p, double x, double y, double r, struct rgb colour);
void pen_stud(struct pen *p, double x, double y, double r, struct rgb colour);
void pen_bar(struct pen *p, const struct material *m, double x0, double y0, double x1, double y1, double width,
             double puff);
void pen_zip(struct pen *p, double x0, double y0, double x1, double y1, struct rgb tape, struct rgb metal,
             double puller);
void pen_strip(struct pen *p, const struct material *m, const struct outline *line, double width, double puff);

/* Box blur of (h, w) f32 in place, `passes` times; tmp as large as f. */
void blur(float *f, float *tmp, int w, int h, int radius, int passes);
double noise2(uint64_t seed, double x, double y); /* -1 .. 1, smooth */

#endif
