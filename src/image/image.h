/*
 * Pictures; the only folder that knows libvips. A decoded picture is 8-bit sRGB, interleaved RGB,
 * upright (EXIF orientation applied), alpha flattened on white, without any metadata.
 *
 * Threading: image_startup() once, before threads; the rest may be called from any thread.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP, IMAGE_HEIC, IMAGE_AVIF, IMAGE_GIF };

struct image {
    int width, height; /* pixels */
    uint8_t *rgb;      /* (height, width, 3), rows without padding */
};

struct image_limits {
    size_t max_bytes;   /* of the file; 0: 25 MiB */
    int64_t max_pixels; /* width x height x frames, checked before decoding; 0: 64 million. A JPEG
                              in passes (progressive) counts double: all of them are kept in memory */
    int longest_px;     /* decoded no larger than needed for this longest side (shrink on load,
                              then reduced to it exactly; never enlarged); 0: full size */
};

struct image_info {
    enum image_format format;
    int width, height; /* of the file, upright */
};

enum rc image_startup(const char *argv0, struct err *err) MUST_USE;
void image_shutdown(void);

/* By content (magic bytes), never by name. */
enum image_format image_sniff(struct str bytes);
const char *image_mime(enum image_format f); /* "image/jpeg" */
/* Header only. RC_UNSUPPORTED: not a picture we read; RC_UNPROCESSABLE: damaged; RC_TOO_LARGE. */
enum rc image_probe(struct str bytes, const struct image_limits *limits, struct image_info *out,
                    struct err *err) MUST_USE;
/* Decodes the first frame; errors as image_probe. A truncated file is an error, not a grey half. */
enum rc image_decode(struct str bytes, const struct image_limits *limits, struct image *out,
                     struct image_info *info, struct err *err) MUST_USE;
void image_release(struct image *im);
enum rc image_create(int width, int height, struct image *out, struct err *err) MUST_USE; /* white */

/* Into `out` (not initialised before) as JPEG or WebP or PNG, quality 1 .. 100, no metadata. */
enum rc image_encode(const struct image *im, enum image_format format, int quality, struct buf *out,
                     struct err *err) MUST_USE;

/* The model's resize, defined in docs/model-package.md: longest side to the box by Pillow's reducing
 * BILINEAR on 8 bits, then padded to width x height by repeating the border, centred.
 * out: (height, width, 3) bytes, caller's. */
enum rc image_resize_pad(const struct image *im, int width, int height, uint8_t *out, struct err *err) MUST_USE;
/* Longest side reduced to longest_px; a picture that is smaller already is copied. */
enum rc image_resize(const struct image *im, int longest_px, struct image *out, struct err *err) MUST_USE;
/* The part of the box that lies inside; RC_INVALID when none does. */
enum rc image_crop(const struct image *im, int x, int y, int w, int h, struct image *out,
                   struct err *err) MUST_USE;

struct image_box {
    float x, y, w, h; /* fractions of width and height, 0 .. 1, top left corner */
};

/* Foreground of a picture taken against a fairly even background: (height, width) bytes, 0 or 255,
 * caller frees with free(). *share is its part of the picture, *plain how even the background is
 * (1: a studio shot; below .5 the mask is a guess and covers the middle). */
struct image_mask {
    int width, height;
    uint8_t *alpha;
    float share, plain;
};
enum rc image_mask_garment(const struct image *im, struct image_mask *out, struct err *err) MUST_USE;
void image_mask_release(struct image_mask *m);
/* Separate pieces on the mask (connected, each at least 2 % of the picture), largest first. */
size_t image_mask_pieces(const struct image_mask *m, struct image_box *out, size_t cap);

/* Colours of the pixels inside the mask (NULL: all): names as in KAGL baseColour ("Navy Blue"), from
 * clustering in OKLab, shares summing to 1, largest first, shares under .05 left out. */
struct image_colour {
    const char *name;
    uint8_t rgb[3];
    float share;
};
size_t image_colours(const struct image *im, const struct image_mask *mask, struct image_colour *out,
                     size_t cap);
/* 64-bit difference hash of the luminance: near-duplicates differ in few bits. */
uint64_t image_dhash(const struct image *im);

/* One look for catalogue pictures: margins cut to the piece, centred on a square-ish white ground, longest
 * side `longest_px`. Pictures whose background is not plain come back merely resized. */
enum rc image_normalise(const struct image *im, int longest_px, struct image *out, struct err *err) MUST_USE;
#endif
