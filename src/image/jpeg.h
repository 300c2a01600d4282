/*
 * JPEG by libjpeg-turbo, straight from memory: inside image/, which checks sizes and turns what comes out of here
 * into upright sRGB.
 *
 * Why not libvips, which reads JPEG with the same library: it hands the file over in pieces of 4 KB, and libjpeg-turbo
 * decodes a block the quick way only while 512 bytes for each block of the group (3 KB as phones write) are left in
 * the piece. docs/decisions/jpeg.md has the measurement.
 *
 * Threading: nothing is shared; any thread.
 */
#ifndef IMAGE_JPEG_H
#define IMAGE_JPEG_H

#include "base/err.h"
#include "base/str.h"

struct image_jpeg {
    int width, height; /* as stored, before `turn`; of the file, or of `pixels` once these are decoded */
    int channels;      /* 1: grey, 3: RGB, 4: CMYK, 0 being no ink */
    int turn;          /* EXIF orientation, 1 .. 8 */
    uint8_t *icc;      /* the profile embedded, NULL: none */
    size_t n_icc;
    uint8_t *pixels; /* (height, width, channels); NULL: header only */
};

/* Each fills `out`, for the caller to release. False: damaged, or cut off before all that was asked for; what is
 * wrong goes to the debug log. */
bool image_jpeg_header(struct str bytes, struct image_jpeg *out) MUST_USE;
/* `by`: 1, 2, 4 or 8, the part of its width and height at which it is decoded, rounded down. */
bool image_jpeg_decode(struct str bytes, int by, struct image_jpeg *out) MUST_USE;
void image_jpeg_release(struct image_jpeg *j);

#endif
