/* Pictures made of what a pen has drawn: on a studio ground, or as a photo taken at home. */
#ifndef DEMO_STUDIO_H
#define DEMO_STUDIO_H

#include "demo/collection.h"
#include "image/image.h"

enum { STUDIO_WIDTH = 600, STUDIO_HEIGHT = 800, PHOTO_WIDTH = 1200, PHOTO_HEIGHT = 1600, PHOTO_MAX_PIECES = 3 };

/* The product on an off-white ground with its shadow; `close_up`: a detail, twice as large. Caller releases. */
enum rc studio_picture(const struct product *p, bool close_up, struct image *out, struct err *err) MUST_USE;

struct photo {
    struct product pieces[PHOTO_MAX_PIECES];
    struct image_box boxes[PHOTO_MAX_PIECES]; /* of what is seen of each piece */
    int n;
    const char *place; /* "bed", "wood", "hanger", "rug", "armchair" */
};
/* Photo number i: pieces of the same kind as the collection's, but others. */
enum rc photo_draw(uint64_t seed, int number, struct photo *what, struct image *out, struct err *err) MUST_USE;

#endif
