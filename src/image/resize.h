/* Inside image/: resizing to a size that is known. */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include "image/image.h"

/* By the model's resize (image_resize_pad) without its padding; the same size: a copy. */
enum rc image_resize_to(const struct image *im, int width, int height, struct image *out,
                        struct err *err) MUST_USE;

#endif
