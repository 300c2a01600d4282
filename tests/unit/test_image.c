/*
 * Pictures: every format in, damaged and hostile ones refused, the model's resize against values from Pillow,
 * and masks, pieces and colours of drawn pictures. The odd files are made here with libvips itself.
 */
#include "test.h"

#include "base/clock.h"
#include "image/image.h"

#include <math.h>
#include <pthread.h>
#include <vips/vips.h>

/* ---- making files ---- */

struct file {
    void *p;
    size_t n;
};

static struct str str_of_file(struct file f) { return (struct str){f.p, f.n}; }
static void drop(struct file f) { g_free(f.p); }

/* Four quarters: red, green over blue, yellow. */
static void quarters(int w, int h, struct image *im)
{
    static const uint8_t colours[4][3] = {{200, 20, 30}, {20, 160, 40}, {30, 40, 180}, {230, 210, 20}};
    fine(image_create(w, h, im, ERR));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            memcpy(im->rgb + ((size_t)y * (size_t)w + (size_t)x) * 3, colours[(y >= h / 2) * 2 + (x >= w / 2)],
                   3);
}

static VipsImage *vips_of(const struct image *im)
{
    VipsImage *raw = vips_image_new_from_memory(im->rgb, (size_t)(im->width * im->height) * 3, im->width,
                                                im->height, 3, VIPS_FORMAT_UCHAR);
    VipsImage *out = NULL;
    assert_int_equal(vips_copy(raw, &out, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    g_object_unref(raw);
    return out;
}

/* Takes over `v`. */
static struct file save(VipsImage *v, const char *suffix)
{
    struct file f = {0};
    if (vips_image_write_to_buffer(v, suffix, &f.p, &f.n, NULL))
        fail_msg("%s: %s", suffix, vips_error_buffer());
    g_object_unref(v);
    return f;
}

static struct file quarters_as(int w, int h, const char *suffix)
{
    struct image im;
    quarters(w, h, &im);
    struct file f = save(vips_of(&im), suffix);
    image_release(&im);
    return f;
}

static const uint8_t *at(const struct image *im, double x, double y)
{
    return im->rgb + ((size_t)(y * im->height) * (size_t)im->width + (size_t)(x * im->width)) * 3;
}

static void assert_near(const uint8_t *p, int r, int g, int b, int within)
{
    if (abs(p[0] - r) > within || abs(p[1] - g) > within || abs(p[2] - b) > within)
        fail_msg("%d %d %d is not near %d %d %d", p[0], p[1], p[2], r, g, b);
}

static void assert_quarters(const struct image *im, int within)
{
    assert_near(at(im, .25, .25), 200, 20, 30, within);
    assert_near(at(im, .75, .25), 20, 160, 40, within);
    assert_near(at(im, .25, .75), 30, 40, 180, within);
    assert_near(at(im, .75, .75), 230, 210, 20, within);
}

/* ---- formats ---- */

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        const char *suffix;
        enum image_format format;
        int within;
    } cases[] = {{".jpg[Q=92]", IMAGE_JPEG, 8},   {".jpg[interlace]", IMAGE_JPEG, 12},
                 {".png", IMAGE_PNG, 0},          {".png[palette]", IMAGE_PNG, 3},
                 {".webp[Q=95]", IMAGE_WEBP, 14}, {".webp[lossless]", IMAGE_WEBP, 0},
                 {".gif", IMAGE_GIF, 6},          {".avif[Q=90]", IMAGE_AVIF, 14},
                 {".heic[Q=90]", IMAGE_HEIC, 14}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file f = quarters_as(96, 64, cases[i].suffix);
        struct image im;
        struct image_info info;
        assert_int_equal(image_sniff(str_of_file(f)), cases[i].format);
        fine(image_probe(str_of_file(f), NULL, &info, ERR));
        assert_int_equal(info.format, cases[i].format);
        assert_int_equal(info.width, 96);
        assert_int_equal(info.height, 64);
        fine(image_decode(str_of_file(f), NULL, &im, &info, ERR));
        assert_int_equal(im.width, 96);
        assert_int_equal(im.height, 64);
        assert_quarters(&im, cases[i].within);
        image_release(&im);
        drop(f);
    }
}

static void test_shrinks_while_loading(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg[Q=92]", ".png", ".webp[Q=90]"};
    const struct image_limits limits = {.longest_px = 100};
    for (size_t i = 0; i < 3; i++) {
        struct file f = quarters_as(1023, 770, suffixes[i]);
        struct image im;
        struct image_info info;
        fine(image_decode(str_of_file(f), &limits, &im, &info, ERR));
        assert_int_equal(info.width, 1023); /* of the file */
        assert_int_equal(im.width, 100);
        assert_int_equal(im.height, 75);
        assert_quarters(&im, 14);
        image_release(&im);
        fine(image_decode(str_of_file(f), &(struct image_limits){.longest_px = 5000}, &im, NULL, ERR));
        assert_int_equal(im.width, 1023); /* never enlarged */
        image_release(&im);
        drop(f);
    }
}

static void test_orientations(void **state)
{
    (void)state;
    /* For each EXIF orientation, where the stored quarters (0 1 / 2 3) come to lie. */
    static const int lie[9][4] = {{0},          {0, 1, 2, 3}, {1, 0, 3, 2}, {3, 2, 1, 0}, {2, 3, 0, 1},
                                  {0, 2, 1, 3}, {2, 0, 3, 1}, {3, 1, 2, 0}, {1, 3, 0, 2}};
    static const int colours[4][3] = {{200, 20, 30}, {20, 160, 40}, {30, 40, 180}, {230, 210, 20}};
    static const char *const suffixes[] = {".jpg[Q=95]", ".webp[Q=95]"};
    for (size_t s = 0; s < 2; s++)
        for (int o = 1; o <= 8; o++) {
            struct image im, stored;
            struct image_info info;
            quarters(96, 64, &stored);
            VipsImage *v = vips_of(&stored);
            vips_image_set_int(v, VIPS_META_ORIENTATION, o);
            struct file f = save(v, suffixes[s]);
            fine(image_decode(str_of_file(f), NULL, &im, &info, ERR));
            assert_int_equal(im.width, o >= 5 ? 64 : 96);
            assert_int_equal(im.height, o >= 5 ? 96 : 64);
            assert_int_equal(info.width, im.width);
            for (int q = 0; q < 4; q++) {
                const int *want = colours[lie[o][q]];
                assert_near(at(&im, q % 2 ? .75 : .25, q / 2 ? .75 : .25), want[0], want[1], want[2], 14);
            }
            image_release(&im);
            image_release(&stored);
            drop(f);
        }
}

static void test_alpha_over_white(void **state)
{
    (void)state;
    static uint8_t rgba[64 * 64 * 4];
    for (int i = 0; i < 64 * 64; i++)
        rgba[i * 4] = 10, rgba[i * 4 + 1] = 100, rgba[i * 4 + 2] = 200,
                 rgba[i * 4 + 3] = (uint8_t)(i % 64 < 32 ? 0 : 77);
    VipsImage *raw = vips_image_new_from_memory(rgba, sizeof rgba, 64, 64, 4, VIPS_FORMAT_UCHAR), *v = NULL;
    assert_int_equal(vips_copy(raw, &v, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    g_object_unref(raw);
    struct file f = save(v, ".png");
    struct image im;
    fine(image_decode(str_of_file(f), NULL, &im, NULL, ERR));
    assert_near(at(&im, .2, .5), 255, 255, 255, 0);
    assert_near(at(&im, .8, .5), (10 * 77 + 255 * 178 + 127) / 255, (100 * 77 + 255 * 178 + 127) / 255,
                (200 * 77 + 255 * 178 + 127) / 255, 0);
    image_release(&im);
    /* reduced: what is invisible must not bleed in */
    fine(image_decode(str_of_file(f), &(struct image_limits){.longest_px = 16}, &im, NULL, ERR));
    assert_near(at(&im, .2, .5), 255, 255, 255, 1);
    image_release(&im);
    drop(f);
}

static void test_other_colour_spaces(void **state)
{
    (void)state;
    struct image im, stored;
    VipsImage *v, *next = NULL;
    quarters(64, 64, &stored);
    /* 16 bits */
    v = vips_of(&stored);
    assert_int_equal(vips_colourspace(v, &next, VIPS_INTERPRETATION_RGB16, NULL), 0);
    g_object_unref(v);
    struct file f = save(next, ".png");
    fine(image_decode(str_of_file(f), NULL, &im, NULL, ERR));
    assert_quarters(&im, 1);
    image_release(&im);
    drop(f);
    /* CMYK JPEG, as print shops send */
    v = vips_of(&stored);
    next = NULL;
    assert_int_equal(vips_colourspace(v, &next, VIPS_INTERPRETATION_CMYK, NULL), 0);
    g_object_unref(v);
    f = save(next, ".jpg[Q=95]");
    fine(image_decode(str_of_file(f), NULL, &im, NULL, ERR));
    assert_near(at(&im, .25, .25), 200, 20, 30, 45);
    assert_near(at(&im, .75, .75), 230, 210, 20, 45);
    image_release(&im);
    drop(f);
    /* grey, with and without alpha */
    v = vips_of(&stored);
    next = NULL;
    assert_int_equal(vips_colourspace(v, &next, VIPS_INTERPRETATION_B_W, NULL), 0);
    g_object_unref(v);
    f = save(next, ".jpg[Q=95]");
    fine(image_decode(str_of_file(f), NULL, &im, NULL, ERR));
    const uint8_t *p = at(&im, .25, .25);
    assert_true(p[0] == p[1] && p[1] == p[2] && p[0] > 50 && p[0] < 130);
    image_release(&im);
    drop(f);
    image_release(&stored);
}

static void test_animations_give_their_first_frame(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".webp[lossless]", ".gif"};
    for (size_t i = 0; i < 2; i++) {
        struct image strip, im;
        struct image_info info;
        fine(image_create(40, 90, &strip, ERR)); /* three frames of 40 x 30 */
        for (int y = 0; y < 90; y++)
            for (int x = 0; x < 40; x++)
                strip.rgb[(y * 40 + x) * 3 + 0] = (uint8_t)(y < 30 ? 250 : 5),
                                             strip.rgb[(y * 40 + x) * 3 + 1] = 5,
                                             strip.rgb[(y * 40 + x) * 3 + 2] = (uint8_t)(y < 30   ? 5
                                                                                         : y < 60 ? 120
                                                                                                  : 250);
        VipsImage *v = vips_of(&strip);
        vips_image_set_int(v, VIPS_META_PAGE_HEIGHT, 30);
        struct file f = save(v, suffixes[i]);
        fine(image_decode(str_of_file(f), NULL, &im, &info, ERR));
        assert_int_equal(im.width, 40);
        assert_int_equal(im.height, 30);
        assert_near(at(&im, .5, .5), 250, 5, 5, 12);
        image_release(&im);
        struct err err = {0}; /* all frames count */
        assert_int_equal(image_probe(str_of_file(f), &(struct image_limits){.max_pixels = 3000}, &info, &err),
                         RC_TOO_LARGE);
        fine(image_probe(str_of_file(f), &(struct image_limits){.max_pixels = 3600}, &info, ERR));
        image_release(&strip);
        drop(f);
    }
}

/* ---- bad ones ---- */

static enum rc try_decode(struct str bytes, struct err *err)
{
    struct image im = {0};
    struct image_info info;
    enum rc rc = image_decode(bytes, NULL, &im, &info, err);
    if (!rc) image_release(&im);
    return rc;
}

static void test_not_pictures(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(try_decode(STR(""), &err), RC_UNPROCESSABLE);
    assert_non_null(strstr(err.message, "empty"));
    static const struct str other[] = {STR("x"),
                                       STR("%PDF-1.7 and so on, not a picture"),
                                       STR("<svg xmlns='http://www.w3.org/2000/svg'/>"),
                                       STR("GIF88a............"),
                                       STR("RIFF....WAVEfmt ........"),
                                       STR("II*\0 a TIFF is not asked for"),
                                       STR("\0\0\0\x18"
                                           "ftypmp42\0\0\0\0mp42isom..........")};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_int_equal(try_decode(other[i], &err), RC_UNSUPPORTED);
        assert_string_equal(err.message,
                            "this is not a picture we can read: send JPEG, PNG, WebP, HEIC or AVIF");
    }
    /* the right first bytes, and nothing behind them */
    static const struct str heads[] = {STR("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1"),
                                       STR("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
                                       STR("RIFF\x20\0\0\0WEBPVP8 \0\0\0\0"),
                                       STR("GIF89a\x10\0\x10\0\0\0\0"),
                                       STR("\0\0\0\x18"
                                           "ftypheic\0\0\0\0mif1heic"),
                                       STR("\0\0\0\x18"
                                           "ftypavif\0\0\0\0mif1avif")};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        assert_int_equal(try_decode(heads[i], &err), RC_UNPROCESSABLE);
}

static void test_cut_off(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg", ".jpg[interlace]", ".png", ".webp",
                                           ".gif", ".heic",           ".avif"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct image noise;
        uint32_t s = 7;
        fine(image_create(160, 120, &noise, ERR));
        for (int k = 0; k < 160 * 120 * 3; k++)
            noise.rgb[k] = (uint8_t)((s = s * 1664525u + 1013904223u) >> 24);
        struct file f = save(vips_of(&noise), suffixes[i]);
        image_release(&noise);
        for (int part = 1; part < 10; part++) {
            struct err err = {0};
            size_t n = f.n * (size_t)part / 10;
            char *copy = malloc(n); /* so that reading on is found out */
            memcpy(copy, f.p, n);
            enum rc rc = try_decode((struct str){copy, n}, &err);
            if (rc != RC_UNPROCESSABLE) fail_msg("%s cut to %d/10: %s", suffixes[i], part, rc_name(rc));
            assert_non_null(strstr(err.message, "send it again"));
            free(copy);
        }
        drop(f);
    }
}

/* Random damage must never crash; it may or may not be noticed. */
static void test_flipped_bytes(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg", ".png", ".webp", ".gif"};
    uint32_t s = 99;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct file f = quarters_as(64, 48, suffixes[i]);
        for (int round = 0; round < 60; round++) {
            struct err err = {0};
            char *copy = malloc(f.n);
            memcpy(copy, f.p, f.n);
            for (int k = 0; k < 3; k++) {
                s = s * 1664525u + 1013904223u;
                copy[12 + (s >> 8) % (f.n - 12)] = (char)s;
            }
            enum rc rc = try_decode((struct str){copy, f.n}, &err);
            assert_true(rc == RC_OK || rc == RC_UNPROCESSABLE || rc == RC_TOO_LARGE || rc == RC_UNSUPPORTED);
            free(copy);
        }
        drop(f);
    }
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int b = 0; b < 8; b++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static void test_bombs(void **state)
{
    (void)state;
    struct err err = {0};
    struct image_info info;
    /* a PNG that says 65,535 x 65,535 */
    uint8_t png[69] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0";
    uint32_t crc = crc32_of(png + 12, 17);
    for (int i = 0; i < 4; i++)
        png[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    static const char rest[] = /* a hundred zeros, and the end */
        "\000\000\000\014\111\104\101\124\170\234\143\140\240\075\000\000\000\144\000\001"
        "\206\144\074\065\000\000\000\000\111\105\116\104\256\102\140\202";
    memcpy(png + 33, rest, sizeof rest - 1);
    assert_int_equal(image_probe((struct str){(char *)png, sizeof png}, NULL, &info, &err), RC_TOO_LARGE);
    assert_int_equal(try_decode((struct str){(char *)png, sizeof png}, &err), RC_TOO_LARGE);
    assert_non_null(strstr(err.message, "4295 megapixels"));
    /* a JPEG made into a large one by its header */
    struct file f = quarters_as(64, 48, ".jpg");
    uint8_t *sof = memmem(f.p, f.n, "\xff\xc0", 2);
    assert_non_null(sof);
    memcpy(sof + 5, "\xf0\0\xf0\0", 4);
    assert_int_equal(try_decode(str_of_file(f), &err), RC_TOO_LARGE);
    drop(f);
    /* a progressive JPEG with its scans repeated many times */
    f = quarters_as(640, 480, ".jpg[interlace]");
    uint8_t *scan = memmem(f.p, f.n, "\xff\xda", 2);
    assert_non_null(scan);
    size_t head = (size_t)(scan - (uint8_t *)f.p), body = f.n - head - 2, n = head;
    uint8_t *many = malloc(head + body * 100 + 2);
    memcpy(many, f.p, head);
    for (int i = 0; i < 100; i++, n += body)
        memcpy(many + n, scan, body);
    memcpy(many + n, "\xff\xd9", 2);
    int64_t start = clock_mono_us();
    assert_int_equal(try_decode((struct str){(char *)many, n + 2}, &err), RC_UNPROCESSABLE);
    assert_true(clock_mono_us() - start < 1000000);
    free(many);
    drop(f);
    /* more bytes than allowed */
    f = quarters_as(64, 48, ".png");
    assert_int_equal(image_probe(str_of_file(f), &(struct image_limits){.max_bytes = f.n - 1}, &info, &err),
                     RC_TOO_LARGE);
    fine(image_probe(str_of_file(f), &(struct image_limits){.max_bytes = f.n}, &info, ERR));
    drop(f);
}

/* ---- writing ---- */

static void test_encode(void **state)
{
    (void)state;
    static const enum image_format formats[] = {IMAGE_JPEG, IMAGE_WEBP, IMAGE_PNG};
    struct image im, back;
    quarters(120, 80, &im);
    for (size_t i = 0; i < 3; i++) {
        struct buf out = BUF_INIT(1 << 20);
        fine(image_encode(&im, formats[i], 90, &out, ERR));
        assert_int_equal(image_sniff(buf_str(&out)), formats[i]);
        fine(image_decode(buf_str(&out), NULL, &back, NULL, ERR));
        assert_quarters(&back, 16);
        static const char *const none[] = {"Exif", "EXIF", "eXIf", "ICC", "XMP", "tEXt"};
        for (size_t k = 0; k < sizeof none / sizeof *none; k++) /* nothing but pixels */
            if (memmem(out.p, out.n, none[k], strlen(none[k]))) fail_msg("%s in format %zu", none[k], i);
        image_release(&back);
        buf_release(&out);
    }
    struct buf out = BUF_INIT(100);
    struct err err = {0};
    assert_int_equal(image_encode(&im, IMAGE_PNG, 90, &out, &err), RC_TOO_LARGE);
    buf_release(&out);
    image_release(&im);
}

static void test_metadata_does_not_pass_through(void **state)
{
    (void)state;
    struct image im;
    quarters(64, 64, &im);
    VipsImage *v = vips_of(&im);
    vips_image_set_string(v, "exif-ifd0-Artist", "Jeanne Secret");
    vips_image_set_int(v, VIPS_META_ORIENTATION, 6);
    struct file f = save(v, ".jpg");
    assert_non_null(memmem(f.p, f.n, "Jeanne Secret", 13));
    image_release(&im);
    fine(image_decode(str_of_file(f), NULL, &im, NULL, ERR));
    static const enum image_format formats[] = {IMAGE_JPEG, IMAGE_WEBP, IMAGE_PNG};
    for (size_t i = 0; i < 3; i++) {
        struct buf out = BUF_INIT(1 << 20);
        fine(image_encode(&im, formats[i], 80, &out, ERR));
        assert_null(memmem(out.p, out.n, "Secret", 6));
        buf_release(&out);
    }
    image_release(&im);
    drop(f);
}

/* ---- resize ---- */

static void test_resize_is_pillows(void **state)
{
    (void)state;
    /* CRC-32 of Pillow 11.0.0's resize((w, h), BILINEAR), padded with numpy.pad(mode="edge") */
    static const struct {
        int w, h, to;
        uint32_t crc;
    } cases[] = {{7, 5, 4, 0xe3db2380},     {120, 170, 160, 0x01f4fdd8}, {333, 111, 160, 0xc7f3a58e},
                 {60, 80, 160, 0x7b869744}, {160, 160, 160, 0x06a46acf}, {1, 50, 8, 0x33a30965},
                 {50, 1, 8, 0x5953e6fd},    {641, 479, 160, 0x81ea663b}, {3, 3, 160, 0x521eeae2}};
    static const uint8_t small[48] = {151, 96,  154, 183, 63,  85,  160, 171, 94,  154, 185, 89,
                                      115, 158, 135, 127, 152, 134, 145, 116, 72,  143, 132, 58,
                                      161, 108, 149, 137, 122, 155, 147, 108, 109, 112, 117, 152,
                                      161, 108, 149, 137, 122, 155, 147, 108, 109, 112, 117, 152};
    uint8_t *out = malloc(160 * 160 * 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image im;
        uint32_t s = 7;
        fine(image_create(cases[i].w, cases[i].h, &im, ERR));
        for (int k = 0; k < cases[i].w * cases[i].h * 3; k++) {
            s = s * 1664525u + 1013904223u;
            im.rgb[k] = (uint8_t)(s >> 24);
        }
        fine(image_resize_pad(&im, cases[i].to, cases[i].to, out, ERR));
        if (i == 0) assert_memory_equal(out, small, sizeof small);
        assert_int_equal(crc32_of(out, (size_t)(cases[i].to * cases[i].to) * 3), cases[i].crc);
        image_release(&im);
    }
    free(out);
}

static void test_resize_and_crop(void **state)
{
    (void)state;
    struct image im, out;
    struct err err = {0};
    quarters(100, 60, &im);
    fine(image_resize(&im, 50, &out, ERR));
    assert_int_equal(out.width, 50);
    assert_int_equal(out.height, 30);
    assert_quarters(&out, 0);
    image_release(&out);
    fine(image_resize(&im, 400, &out, ERR));
    assert_int_equal(out.width, 100);
    assert_memory_equal(out.rgb, im.rgb, 100 * 60 * 3);
    image_release(&out);
    fine(image_crop(&im, 50, 30, 1000, 1000, &out, ERR)); /* clipped */
    assert_int_equal(out.width, 50);
    assert_int_equal(out.height, 30);
    assert_near(at(&out, 0, 0), 230, 210, 20, 0);
    image_release(&out);
    assert_int_equal(image_crop(&im, 100, 0, 5, 5, &out, &err), RC_INVALID);
    assert_int_equal(image_crop(&im, -10, 0, 10, 5, &out, &err), RC_INVALID);
    image_release(&im);
}

/* ---- garments ---- */

static void box(struct image *im, int x, int y, int w, int h, int r, int g, int b)
{
    for (int j = y; j < y + h; j++)
        for (int i = x; i < x + w; i++) {
            uint8_t *p = im->rgb + ((size_t)j * (size_t)im->width + (size_t)i) * 3;
            p[0] = (uint8_t)r, p[1] = (uint8_t)g, p[2] = (uint8_t)b;
        }
}

/* Light that falls off to one corner, with grain. */
static void wall(struct image *im, int level, int fall, int grain)
{
    uint32_t s = 5;
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            s = s * 1664525u + 1013904223u;
            int v =
                level - fall * (x + y) / (im->width + im->height) + (int)(s >> 16) % (2 * grain + 1) - grain;
            box(im, x, y, 1, 1, v, v, v - 6);
        }
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        int level, fall, grain;
    } walls[] = {{255, 0, 0}, {235, 40, 4}, {120, 30, 6}};
    for (size_t i = 0; i < 3; i++) {
        struct image im;
        struct image_mask m;
        fine(image_create(300, 400, &im, ERR));
        if (walls[i].grain) wall(&im, walls[i].level, walls[i].fall, walls[i].grain);
        box(&im, 75, 100, 150, 200, 180, 30, 40);
        fine(image_mask_garment(&im, &m, ERR));
        assert_true(m.plain > .6f);
        assert_true(fabsf(m.share - .25f) < .02f);
        size_t wrong = 0;
        for (int y = 0; y < 400; y++)
            for (int x = 0; x < 300; x++) {
                bool in = x >= 75 && x < 225 && y >= 100 && y < 300;
                assert_true(m.alpha[y * 300 + x] == 0 || m.alpha[y * 300 + x] == 255);
                wrong += in != (m.alpha[y * 300 + x] == 255);
            }
        if (wrong > 3000) fail_msg("wall %zu: %zu of 120,000 wrong", i, wrong);
        struct image_box b;
        assert_int_equal(image_mask_pieces(&m, &b, 1), 1);
        assert_true(fabsf(b.x - .25f) < .02f && fabsf(b.y - .25f) < .02f && fabsf(b.w - .5f) < .03f &&
                    fabsf(b.h - .5f) < .03f);
        image_mask_release(&m);
        image_release(&im);
    }
}

static void test_pieces(void **state)
{
    (void)state;
    struct image im;
    struct image_mask m;
    struct image_box b[4];
    fine(image_create(400, 300, &im, ERR));
    wall(&im, 230, 20, 3);
    box(&im, 30, 40, 80, 120, 20, 30, 90);
    box(&im, 180, 30, 180, 230, 200, 30, 40);
    box(&im, 60, 220, 8, 8, 0, 0, 0); /* too small for a piece */
    fine(image_mask_garment(&im, &m, ERR));
    assert_int_equal(image_mask_pieces(&m, b, 4), 2);
    assert_true(b[0].w > b[1].w && b[0].x > .4f && b[1].x < .1f); /* largest first */
    assert_int_equal(image_mask_pieces(&m, b, 1), 1);
    image_mask_release(&m);
    image_release(&im);
}

static void test_mask_of_nothing(void **state)
{
    (void)state;
    struct image im;
    struct image_mask m;
    static const int sizes[][2] = {{1, 1}, {1, 300}, {300, 1}, {2, 2}, {5, 4000}, {200, 150}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct image_box b;
        struct image_colour c;
        fine(image_create(sizes[i][0], sizes[i][1], &im, ERR));
        fine(image_mask_garment(&im, &m, ERR));
        assert_true(m.plain < .5f && m.share > .2f); /* the middle */
        image_mask_pieces(&m, &b, 1);
        assert_int_equal(image_colours(&im, &m, &c, 1), 1);
        assert_string_equal(c.name, "White");
        image_mask_release(&m);
        image_dhash(&im);
        image_release(&im);
    }
}

static void test_colour_names(void **state)
{
    (void)state;
    static const struct {
        int r, g, b;
        const char *name;
    } cases[] = {{0, 0, 0, "Black"},          {20, 20, 22, "Black"},     {255, 255, 255, "White"},
                 {128, 128, 128, "Grey"},     {210, 20, 30, "Red"},      {255, 0, 0, "Red"},
                 {0, 0, 128, "Navy Blue"},    {20, 33, 61, "Navy Blue"}, {30, 80, 210, "Blue"},
                 {90, 155, 213, "Blue"},      {31, 138, 58, "Green"},    {255, 222, 33, "Yellow"},
                 {255, 140, 0, "Orange"},     {247, 161, 196, "Pink"},   {106, 44, 145, "Purple"},
                 {92, 58, 33, "Brown"},       {227, 211, 180, "Beige"},  {107, 16, 32, "Maroon"},
                 {107, 107, 35, "Olive"},     {0, 124, 128, "Teal"},     {48, 198, 204, "Turquoise Blue"},
                 {195, 177, 225, "Lavender"}, {217, 165, 32, "Mustard"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image im;
        struct image_colour c[3];
        fine(image_create(40, 40, &im, ERR));
        box(&im, 0, 0, 40, 40, cases[i].r, cases[i].g, cases[i].b);
        assert_int_equal(image_colours(&im, NULL, c, 3), 1);
        if (strcmp(c[0].name, cases[i].name) != 0)
            fail_msg("%d %d %d is %s, not %s", cases[i].r, cases[i].g, cases[i].b, c[0].name, cases[i].name);
        assert_true(c[0].share == 1);
        assert_near(c[0].rgb, cases[i].r, cases[i].g, cases[i].b, 0);
        image_release(&im);
    }
}

static void test_colours_of_the_garment_alone(void **state)
{
    (void)state;
    struct image im;
    struct image_mask m;
    struct image_colour c[6], again[6];
    fine(image_create(300, 400, &im, ERR));
    wall(&im, 200, 20, 4);
    box(&im, 60, 80, 180, 160, 200, 25, 35);
    box(&im, 60, 240, 180, 80, 25, 35, 95);
    fine(image_mask_garment(&im, &m, ERR));
    size_t n = image_colours(&im, &m, c, 6);
    assert_int_equal(n, 2);
    assert_string_equal(c[0].name, "Red");
    assert_string_equal(c[1].name, "Navy Blue");
    assert_true(fabsf(c[0].share - .667f) < .04f);
    assert_true(fabsf(c[0].share + c[1].share - 1) < 1e-5f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(image_colours(&im, &m, again, 6), n);
        for (size_t k = 0; k < n; k++) { /* the same each time */
            assert_string_equal(again[k].name, c[k].name);
            assert_true(again[k].share == c[k].share && memcmp(again[k].rgb, c[k].rgb, 3) == 0);
        }
    }
    image_mask_release(&m);
    image_release(&im);
}

static void test_dhash(void **state)
{
    (void)state;
    struct image a, b, small;
    quarters(300, 400, &a);
    wall(&a, 220, 120, 3);
    box(&a, 100, 100, 120, 200, 30, 40, 120);
    fine(image_resize(&a, 90, &small, ERR));
    quarters(300, 400, &b);
    assert_true(__builtin_popcountll(image_dhash(&a) ^ image_dhash(&small)) <= 6);
    assert_true(__builtin_popcountll(image_dhash(&a) ^ image_dhash(&b)) > 8);
    image_release(&a);
    image_release(&b);
    image_release(&small);
}

static void test_normalise(void **state)
{
    (void)state;
    struct image im, out;
    fine(image_create(600, 800, &im, ERR));
    wall(&im, 225, 20, 3);
    box(&im, 350, 500, 160, 200, 30, 90, 60); /* off centre, small */
    fine(image_normalise(&im, 200, &out, ERR));
    assert_int_equal(out.height > out.width ? out.height : out.width, 200);
    assert_near(at(&out, .02, .02), 255, 255, 255, 0);
    assert_near(at(&out, .98, .98), 255, 255, 255, 0);
    assert_near(at(&out, .5, .5), 30, 90, 60, 3);
    assert_near(at(&out, .5, .15), 30, 90, 60, 3); /* it fills the picture */
    assert_true(out.width * 4 >= out.height * 3 - 4);
    image_release(&out);
    image_release(&im);
    /* nothing plain about it: resized as it is */
    quarters(400, 300, &im);
    fine(image_normalise(&im, 100, &out, ERR));
    assert_int_equal(out.width, 100);
    assert_int_equal(out.height, 75);
    assert_quarters(&out, 0);
    image_release(&out);
    image_release(&im);
}

/* A red disc with a smooth edge, and its soft shadow to the lower right, on a ground of nearly white. */
static void disc_with_shadow(struct image *im)
{
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            uint8_t *p = im->rgb + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
            double edge = hypot(x - 300, y - 400) - 150, far = hypot(x - 312, y - 415) - 150;
            double share = edge < -1 ? 1 : edge > 1 ? 0 : (1 - edge) / 2;
            double ground = 240 - (far < -20 ? 50 : far > 30 ? 0 : 50 - (far + 20));
            p[0] = (uint8_t)(190 * share + ground * (1 - share) + .5);
            p[1] = (uint8_t)(30 * share + ground * (1 - share) + .5);
            p[2] = (uint8_t)(40 * share + ground * (1 - share) + .5);
        }
}

static void test_normalise_edge(void **state)
{
    (void)state;
    struct image im, out;
    size_t shadow = 0, edge = 0, n;
    fine(image_create(600, 800, &im, ERR));
    disc_with_shadow(&im);
    fine(image_normalise(&im, 600, &out, ERR));
    n = (size_t)out.width * (size_t)out.height;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = out.rgb + i * 3;
        shadow += p[0] < 235 && abs(p[0] - p[1]) < 25;
        edge += p[0] > 195 && p[1] > 60 && p[1] < 230 && p[0] - p[1] > 25;
    }
    assert_true(shadow < n / 2000);
    assert_true(edge > 400 && edge < 6000); /* two pixels or so all around: neither jagged nor a haze */
    image_release(&out);
    image_release(&im);
}

/* ---- threads ---- */

static void *decode_often(void *file)
{
    for (int i = 0; i < 25; i++) {
        struct err err = {0};
        struct image im = {0};
        if (image_decode(str_of_file(*(struct file *)file), &(struct image_limits){.longest_px = 64}, &im, NULL,
                         &err))
            return (void *)1;
        bool right = abs(at(&im, .25, .25)[0] - 200) < 16;
        image_release(&im);
        if (!right || try_decode(STR("\xff\xd8\xff\xe0 nonsense"), &err) != RC_UNPROCESSABLE) return (void *)2;
    }
    vips_thread_shutdown();
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct file f = quarters_as(500, 400, ".jpg[Q=92]");
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_often, &f), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    drop(f);
}

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    return image_startup("test_image", &err) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    image_shutdown();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_shrinks_while_loading),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_alpha_over_white),
        cmocka_unit_test(test_other_colour_spaces),
        cmocka_unit_test(test_animations_give_their_first_frame),
        cmocka_unit_test(test_not_pictures),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_metadata_does_not_pass_through),
        cmocka_unit_test(test_resize_is_pillows),
        cmocka_unit_test(test_resize_and_crop),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_mask_of_nothing),
        cmocka_unit_test(test_colour_names),
        cmocka_unit_test(test_colours_of_the_garment_alone),
        cmocka_unit_test(test_dhash),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_normalise_edge),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
