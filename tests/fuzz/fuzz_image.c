/* Probe and decode of arbitrary bytes, full size and reduced (a JPEG at each of its sizes, however small it is); then
 * what is done with every decoded picture. */
#include "image/image.h"
#include "image/jpeg.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    return image_startup((*argv)[0], NULL) != RC_OK;
}

static void use(const struct image *im)
{
    static uint8_t pixels[32 * 32 * 3];
    struct image_mask mask;
    struct image_box boxes[4];
    struct image_colour colours[4];
    if (image_resize_pad(im, 32, 32, pixels, NULL) || image_mask_garment(im, &mask, NULL)) return;
    size_t n = image_mask_pieces(&mask, boxes, 4);
    for (size_t i = 0; i < n; i++)
        ASSERT(boxes[i].x >= 0 && boxes[i].y >= 0 && boxes[i].x + boxes[i].w <= 1.001f &&
               boxes[i].y + boxes[i].h <= 1.001f);
    ASSERT(image_colours(im, &mask, colours, 4) >= 1);
    image_dhash(im);
    image_mask_release(&mask);
}

static void reduce(struct str bytes, const struct image_info *info)
{
    for (int by = 1; by <= 8; by *= 2) {
        struct image_jpeg j;
        if (!image_jpeg_decode(bytes, by, &j)) continue;
        int w = j.turn >= 5 ? j.height : j.width;
        ASSERT(w == (info->width < by ? 1 : info->width / by));
        ASSERT(j.turn >= 1 && j.turn <= 8 && (j.channels == 1 || j.channels == 3 || j.channels == 4));
        image_jpeg_release(&j);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct image_limits full = {.max_pixels = 200000}, small = {.max_pixels = 200000, .longest_px = 40};
    struct str bytes = {(const char *)data, size};
    struct image_info probed, info;
    struct image im;
    enum rc seen = image_probe(bytes, &full, &probed, NULL);
    if (image_decode(bytes, &full, &im, &info, NULL) == RC_OK) {
        ASSERT(!seen && probed.width == info.width && probed.height == info.height);
        ASSERT(im.width == info.width && im.height == info.height);
        use(&im);
        image_release(&im);
    }
    if (!seen && probed.format == IMAGE_JPEG) reduce(bytes, &probed);
    if (image_decode(bytes, &small, &im, &info, NULL) == RC_OK) {
        ASSERT(im.width <= 40 || info.width <= 40);
        image_release(&im);
    }
    return 0;
}
