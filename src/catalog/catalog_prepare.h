/*
 * From a picture's bytes to what the catalogue keeps of it. Pure computation on one worker: no store.
 */
#ifndef CATALOG_CATALOG_PREPARE_H
#define CATALOG_CATALOG_PREPARE_H

#include "base/buf.h"
#include "image/image.h"

enum { CATALOG_WIDTH_240 = 1, CATALOG_WIDTH_640 = 2 }; /* bits of picture.widths */

struct catalog_prepared {
    struct image small;     /* at most 640 px: for the model */
    struct image_info info; /* of the file */
    uint64_t dhash;
    float plain;
    struct buf mask;       /* packed */
    struct buf colours;    /* JSON array of {"name","share"} */
    struct buf w240, w640; /* JPEG files; empty where the original is no larger */
};

/* RC_UNSUPPORTED, RC_UNPROCESSABLE, RC_TOO_LARGE: a bad picture, with a reason for the retailer. */
enum rc catalog_prepare(struct str bytes, const struct image_limits *limits, struct catalog_prepared *out,
                        struct err *err) MUST_USE;
void catalog_prepared_release(struct catalog_prepared *p);

/* Masks as they are kept; see catalog_mask.c for the format. */
void catalog_mask_pack(const struct image_mask *m, struct buf *out);
/* (height, width) bytes, 0 or 255; caller frees *alpha with free(). RC_CORRUPT. */
enum rc catalog_mask_unpack(struct str packed, int *width, int *height, uint8_t **alpha,
                            struct err *err) MUST_USE;
#endif
