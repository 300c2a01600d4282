/*
 * Headers and metadata: whatever comes in is probed, decoded upright, its faces' places hidden and encoded anew; what comes
 * out is proved bare and shows what came in. The proof itself gets the bytes, too.
 */
#include "image/hide.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    return image_startup((*argv)[0], NULL) != RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct image_limits limits = {.max_pixels = 100000, .longest_px = 160};
    struct str bytes = {(const char *)data, size};
    struct image_info probed, info;
    struct image im;
    if (image_jpeg_is_bare(bytes)) ASSERT(image_sniff(bytes) == IMAGE_JPEG || size < 12);
    enum rc seen = image_probe(bytes, &limits, &probed, NULL);
    if (image_decode(bytes, &limits, &im, &info, NULL)) return 0;
    ASSERT(!seen && probed.format == info.format && probed.width == info.width && probed.height == info.height);
    struct image_box box = {(float)(int8_t)data[0] / 64, (float)(int8_t)data[size - 1] / 64,
                            (float)data[size / 2] / 128, (float)data[size / 3] / 128};
    struct buf out = BUF_INIT(1 << 20);
    struct image again;
    ASSERT(image_hide(&im, box, NULL) == RC_OK);
    ASSERT(image_encode(&im, IMAGE_JPEG, 88, &out, NULL) == RC_OK);
    ASSERT(image_jpeg_is_bare(buf_str(&out)));
    ASSERT(image_decode(buf_str(&out), NULL, &again, NULL, NULL) == RC_OK);
    ASSERT(again.width == im.width && again.height == im.height);
    image_release(&again);
    image_release(&im);
    buf_release(&out);
    return 0;
}
