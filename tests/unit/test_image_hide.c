/* Faces made unrecognisable, and the proof that a JPEG holds pixels alone. */
#include "test.h"

#include "image/hide.h"

static struct err err;

static int setup(void **state)
{
    (void)state;
    return image_startup("test", &err) ? -1 : 0;
}

static void chequered(int w, int h, struct image *im)
{
    assert_ok(image_create(w, h, im, &err));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            memset(im->rgb + ((size_t)y * (size_t)w + (size_t)x) * 3, (x / 3 + y / 3) % 2 ? 240 : 10, 3);
}

static int spread(const struct image *im, int x0, int y0, int x1, int y1)
{
    int least = 255, most = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            int v = im->rgb[((size_t)y * (size_t)im->width + (size_t)x) * 3];
            if (v < least) least = v;
            if (v > most) most = v;
        }
    return most - least;
}

static void what_is_hidden_is_gone(void **state)
{
    (void)state;
    struct image im, before;
    chequered(300, 200, &im);
    chequered(300, 200, &before);
    assert_ok(image_hide(&im, (struct image_box){.4f, .3f, .2f, .3f}, &err));
    assert_true(spread(&im, 120, 60, 180, 120) < 30); /* the box: no detail is left */
    assert_int_equal(spread(&im, 0, 0, 60, 200), 230);
    for (size_t i = 0; i < 40 * 300 * 3; i++) /* above the patch nothing changed */
        if (i / 900 < 36) assert_int_equal(im.rgb[i], before.rgb[i]);
    image_release(&im);
    image_release(&before);
}

static void boxes_of_any_kind(void **state)
{
    (void)state;
    const struct image_box boxes[] = {{-1, -1, 3, 3}, {.9f, .9f, .5f, .5f},     {2, 2, 1, 1},
                                      {0, 0, 0, 0},   {.5f, .5f, .001f, .001f}, {-.1f, .5f, .15f, .1f}};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        struct image im;
        chequered(61, 47, &im);
        assert_ok(image_hide(&im, boxes[i], &err));
        image_release(&im);
    }
    struct image im;
    chequered(8, 8, &im);
    assert_rc(image_hide(&im, (struct image_box){0.f / 0.f, 0, 1, 1}, &err), RC_INVALID);
    image_release(&im);
}

static void bare_and_not(void **state)
{
    (void)state;
    static const char comment[] = "\xff\xfe\x00\x05"
                                  "abc",
                      exif[] = "\xff\xe1\x00\x08"
                               "Exif\0\0",
                      icc[] = "\xff\xe2\x00\x06"
                              "ICC_";
    struct image im;
    struct buf jpeg = BUF_INIT(1 << 20), other = BUF_INIT(1 << 20);
    chequered(64, 48, &im);
    assert_ok(image_encode(&im, IMAGE_JPEG, 88, &jpeg, &err));
    assert_true(image_jpeg_is_bare(buf_str(&jpeg)));
    const struct str added[] = {{comment, 7}, {exif, 10}, {icc, 8}};
    for (size_t i = 0; i < 3; i++) { /* behind SOI */
        buf_reset(&other);
        buf_add_bytes(&other, jpeg.p, 2);
        buf_add(&other, added[i]);
        buf_add_bytes(&other, jpeg.p + 2, jpeg.n - 2);
        assert_false(image_jpeg_is_bare(buf_str(&other)));
    }
    buf_reset(&other);
    buf_add(&other, buf_str(&jpeg));
    buf_addz(&other, "behind the end");
    assert_false(image_jpeg_is_bare(buf_str(&other)));
    for (size_t n = 0; n < jpeg.n; n++)
        assert_false(image_jpeg_is_bare((struct str){jpeg.p, n}));
    buf_reset(&other);
    assert_ok(image_encode(&im, IMAGE_PNG, 88, &other, &err));
    assert_false(image_jpeg_is_bare(buf_str(&other)));
    buf_release(&jpeg);
    buf_release(&other);
    image_release(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_hidden_is_gone),
                                       cmocka_unit_test(boxes_of_any_kind), cmocka_unit_test(bare_and_not)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
