/*
 * JPEG by jpeg.c against libvips, which reads it through the same library in its own way: the same pixels at every
 * size, whatever the file is like; and what is left out at an eighth of the size must make no difference.
 */
#include "image/image.h"
#include "image/jpeg.h"
#include "image/jpeg_dc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>
#include <cmocka.h>

struct picture { /* how a test file is made */
    const char *name;
    int width, height, channels, across, down, quality, restart;
    bool progressive, optimised;
    int grain;
};

static const struct picture pictures[] = {
    {"4:2:0", 163, 117, 3, 2, 2, 88, 0, false, false, 9},
    {"4:4:4", 160, 120, 3, 1, 1, 75, 0, false, false, 9},
    {"4:2:2", 161, 119, 3, 2, 1, 90, 0, false, true, 9},
    {"4:4:0", 161, 119, 3, 1, 2, 90, 0, false, true, 9},
    {"4:1:1", 163, 117, 3, 4, 1, 90, 0, false, false, 9},
    {"full blocks", 131, 77, 3, 2, 2, 100, 0, false, false, 127},
    {"full blocks, own tables", 131, 77, 3, 2, 2, 100, 0, false, true, 127},
    {"empty blocks", 131, 77, 3, 2, 2, 30, 0, false, true, 0},
    {"restarts", 163, 117, 3, 2, 2, 92, 3, false, false, 20},
    {"restarts, one to a group", 163, 117, 3, 1, 1, 92, 1, false, true, 60},
    {"grey", 161, 75, 1, 1, 1, 90, 0, false, false, 9},
    {"grey with factors", 161, 75, 1, 2, 2, 90, 5, false, false, 9},
    {"CMYK", 97, 65, 4, 1, 1, 90, 0, false, false, 9},
    {"progressive", 163, 117, 3, 2, 2, 88, 0, true, true, 9},
    {"large", 1024, 768, 3, 2, 2, 90, 0, false, false, 14},
    {"one pixel", 1, 1, 3, 2, 2, 90, 0, false, false, 0},
};
enum { PICTURES = sizeof pictures / sizeof *pictures };

/* Shades and shapes with grain: (height, width, channels). */
static uint8_t *draw(const struct picture *p)
{
    size_t n = (size_t)p->width * (size_t)p->height * (size_t)p->channels, at = 0;
    uint8_t *pixels = malloc(n);
    uint32_t s = 11;
    assert_non_null(pixels);
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++)
            for (int c = 0; c < p->channels; c++) {
                bool in = (x - p->width / 2) * (x - p->width / 2) + (y - p->height / 2) * (y - p->height / 2) <
                          p->height * p->height / 9;
                int v = in ? 60 + 70 * c : 200 - 60 * y / p->height - 20 * c;
                s = s * 1664525u + 1013904223u;
                if (p->grain) v += (int)(s >> 16) % (2 * p->grain + 1) - p->grain;
                pixels[at++] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
    return pixels;
}

/* The file, for free(). */
static struct str encode(const struct picture *p)
{
    struct jpeg_compress_struct j = {0};
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    uint8_t *pixels = draw(p);
    j.err = jpeg_std_error(&errors);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &out, &n);
    j.image_width = (JDIMENSION)p->width;
    j.image_height = (JDIMENSION)p->height;
    j.input_components = p->channels;
    j.in_color_space = p->channels == 3 ? JCS_RGB : p->channels == 1 ? JCS_GRAYSCALE : JCS_CMYK;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, p->quality, TRUE);
    j.comp_info[0].h_samp_factor = p->across;
    j.comp_info[0].v_samp_factor = p->down;
    j.restart_interval = (unsigned)p->restart;
    j.optimize_coding = p->optimised;
    if (p->progressive) jpeg_simple_progression(&j);
    jpeg_start_compress(&j, TRUE);
    while (j.next_scanline < j.image_height) {
        JSAMPROW row = pixels + (size_t)j.next_scanline * (size_t)p->width * (size_t)p->channels;
        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    free(pixels);
    return (struct str){(char *)out, n};
}

static VipsImage *by_libvips(struct str file, int by)
{
    VipsImage *im = NULL;
    if (vips_jpegload_buffer((void *)(uintptr_t)file.p, file.n, &im, "shrink", by, "fail_on",
                             VIPS_FAIL_ON_ERROR, NULL))
        fail_msg("libvips: %s", vips_error_buffer());
    return im;
}

static void test_the_same_pixels(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++)
        for (int by = 1; by <= 8; by *= 2) {
            struct str file = encode(&pictures[i]);
            struct image_jpeg j;
            size_t n;
            if (pictures[i].width < by) { /* libvips does not */
                assert_true(image_jpeg_decode(file, by, &j));
                assert_true(j.width == 1 && j.height == 1);
                image_jpeg_release(&j);
                free((char *)(uintptr_t)file.p);
                continue;
            }
            VipsImage *im = by_libvips(file, by);
            uint8_t *want = vips_image_write_to_memory(im, &n);
            assert_true(image_jpeg_decode(file, by, &j));
            assert_int_equal(j.width, im->Xsize);
            assert_int_equal(j.height, im->Ysize);
            assert_int_equal(j.channels, im->Bands);
            assert_int_equal(j.turn, 1);
            assert_null(j.icc);
            if (memcmp(j.pixels, want, n) != 0) fail_msg("%s differs at 1/%d", pictures[i].name, by);
            image_jpeg_release(&j);
            g_free(want);
            g_object_unref(im);
            free((char *)(uintptr_t)file.p);
        }
}

/* ---- what is left out ---- */

static void silent(j_common_ptr j, int level) { (void)j, (void)level; }

static void start(struct jpeg_decompress_struct *j, struct jpeg_error_mgr *errors, struct str file)
{
    j->err = jpeg_std_error(errors);
    errors->emit_message = silent;
    jpeg_create_decompress(j);
    jpeg_mem_src(j, (const unsigned char *)file.p, file.n);
    jpeg_read_header(j, TRUE);
    j->scale_num = 1;
    j->scale_denom = 8;
    jpeg_calc_output_dimensions(j);
}

/* Whether jpeg_dc_only() takes the file; its result's length. */
static bool reduced(struct str file, size_t *n)
{
    struct jpeg_decompress_struct j = {0};
    struct jpeg_error_mgr errors;
    struct buf out = BUF_INIT(1 << 24);
    start(&j, &errors, file);
    bool fine = jpeg_dc_only(&j, &out);
    *n = out.n;
    jpeg_destroy_decompress(&j);
    buf_release(&out);
    return fine;
}

/* That `ours` has the pixels that libjpeg-turbo makes of the whole file. */
static void assert_as_whole(struct str file, const struct image_jpeg *ours)
{
    struct jpeg_decompress_struct j = {0};
    struct jpeg_error_mgr errors;
    size_t stride = (size_t)ours->width * (size_t)ours->channels;
    uint8_t row[4096];
    JSAMPROW rows = row;
    start(&j, &errors, file);
    assert_true(j.output_width * (unsigned)j.output_components <= sizeof row);
    jpeg_start_decompress(&j);
    for (int y = 0; y < ours->height; y++) {
        jpeg_read_scanlines(&j, &rows, 1);
        assert_memory_equal(row, ours->pixels + (size_t)y * stride, stride);
    }
    jpeg_destroy_decompress(&j);
}

static void test_most_is_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct str file = encode(&pictures[i]);
        size_t n;
        bool ordinary = !pictures[i].progressive;
        if (reduced(file, &n) != ordinary) fail_msg("%s is %staken", pictures[i].name, ordinary ? "not " : "");
        if (strcmp(pictures[i].name, "large") == 0) assert_true(n < file.n / 2);
        free((char *)(uintptr_t)file.p);
    }
}

/* Cut off or damaged anywhere, a file is either left to libjpeg-turbo or decodes as it does there. */
static void test_damage_is_left_alone(void **state)
{
    (void)state;
    static const size_t which[] = {0, 5, 8, 10};
    size_t sound = 0; /* with other bits, but nothing in them that could not be */
    for (size_t w = 0; w < sizeof which / sizeof *which; w++) {
        struct str file = encode(&pictures[which[w]]);
        const char *scan = memmem(file.p, file.n, "\xff\xda", 2);
        size_t head = (size_t)(scan - file.p) + 14, n;
        for (size_t cut = head; cut < file.n - 2; cut += 97) { /* so that reading on is found out */
            char *part = malloc(cut);
            struct image_jpeg j;
            memcpy(part, file.p, cut);
            assert_false(reduced((struct str){part, cut}, &n));
            assert_false(image_jpeg_decode((struct str){part, cut}, 8, &j));
            assert_null(j.pixels);
            free(part);
        }
        char *bad = malloc(file.n);
        uint32_t s = 5;
        for (int round = 0; round < 300; round++) {
            struct image_jpeg ours;
            memcpy(bad, file.p, file.n);
            s = s * 1664525u + 1013904223u;
            bad[head + (s >> 8) % (file.n - head - 2)] ^= (char)(1 << (s >> 5 & 7));
            bool taken = reduced((struct str){bad, file.n}, &n);
            if (!image_jpeg_decode((struct str){bad, file.n}, 8, &ours)) {
                assert_false(taken);
                continue;
            }
            if (taken) assert_as_whole((struct str){bad, file.n}, &ours);
            sound += taken;
            image_jpeg_release(&ours);
        }
        free(bad);
        free((char *)(uintptr_t)file.p);
    }
    assert_true(sound > 50);
}

/* ---- EXIF and profiles ---- */

/* The file with a segment behind its start. */
static struct str with_segment(struct str file, int marker, const void *p, size_t n)
{
    char *out = malloc(file.n + n + 4);
    const unsigned char head[] = {0xff, (unsigned char)marker, (unsigned char)((n + 2) >> 8),
                                  (unsigned char)(n + 2)};
    memcpy(out, file.p, 2);
    memcpy(out + 2, head, 4);
    memcpy(out + 6, p, n);
    memcpy(out + 6 + n, file.p + 2, file.n - 2);
    return (struct str){out, file.n + n + 4};
}

static void test_orientation_in_exif(void **state)
{
    (void)state;
#define INTEL "Exif\0\0II*\0\x08\0\0\0"
#define MOTOROLA "Exif\0\0MM\0*\0\0\0\x08"
    static const struct {
        struct str exif;
        int turn;
    } cases[] = {
        {STR(INTEL "\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"), 6},
        {STR(MOTOROLA "\0\1\1\x12\0\3\0\0\0\1\0\x08\0\0\0\0\0\0"), 8},
        {STR(MOTOROLA "\0\1\1\x12\0\4\0\0\0\1\0\0\0\3\0\0\0\0"), 3}, /* as a long */
        {STR(INTEL "\2\0\0\1\3\0\1\0\0\0\5\0\0\0\x12\1\3\0\1\0\0\0\2\0\0\0\0\0\0\0"), 2},
        {STR(INTEL "\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0\0\0\0\0"), 1},      /* no such orientation */
        {STR(INTEL "\xff\xff\x11\1\3\0\1\0\0\0\6\0\0\0"), 1},            /* more entries than there are */
        {STR("Exif\0\0II*\0\xff\xff\xff\xff\1\0\x12\1\3\0\1\0\0\0"), 1}, /* a directory far away */
        {STR("Exif\0\0II*\0\x20\0\0\0"), 1},
        {STR("Exif\0\0XX*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"), 1},
        {STR("Exif"), 1},
        {STR("http://ns.adobe.com/xap/1.0/"), 1},
    };
    struct str file = encode(&pictures[0]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str turned = with_segment(file, 0xe1, cases[i].exif.p, cases[i].exif.n);
        struct image_jpeg j;
        struct image_info info;
        struct err err = {0};
        assert_true(image_jpeg_header(turned, &j));
        if (j.turn != cases[i].turn) fail_msg("case %zu: %d", i, j.turn);
        image_jpeg_release(&j);
        assert_int_equal(image_probe(turned, NULL, &info, &err), RC_OK);
        assert_int_equal(info.width, cases[i].turn >= 5 ? 117 : 163);
        free((char *)(uintptr_t)turned.p);
    }
    free((char *)(uintptr_t)file.p);
}

/* As recent phones write: numbers of a wider space than sRGB, and the profile that says so. */
static void test_other_profile(void **state)
{
    (void)state;
    static uint8_t rgb[64 * 64 * 3];
    for (int i = 0; i < 64 * 64; i++)
        rgb[i * 3] = 180, rgb[i * 3 + 1] = 60, rgb[i * 3 + 2] = 40;
    VipsImage *raw = vips_image_new_from_memory(rgb, sizeof rgb, 64, 64, 3, VIPS_FORMAT_UCHAR), *wide = NULL;
    VipsImage *srgb = NULL;
    void *p = NULL;
    size_t n = 0;
    assert_int_equal(vips_copy(raw, &srgb, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    assert_int_equal(vips_icc_transform(srgb, &wide, "p3", "input_profile", "srgb", NULL), 0);
    assert_int_equal(vips_jpegsave_buffer(wide, &p, &n, "Q", 98, NULL), 0);
    struct image_jpeg j;
    struct image im;
    struct err err = {0};
    assert_true(image_jpeg_decode((struct str){p, n}, 1, &j));
    assert_non_null(j.icc);
    assert_true(j.pixels[0] < 176); /* the numbers themselves are others */
    assert_int_equal(image_decode((struct str){p, n}, NULL, &im, NULL, &err), RC_OK);
    const int want[] = {180, 60, 40};
    for (int c = 0; c < 3; c++)
        assert_true(abs(im.rgb[(32 * 64 + 32) * 3 + c] - want[c]) <= 3);
    image_release(&im);
    image_jpeg_release(&j);
    g_free(p);
    g_object_unref(wide);
    g_object_unref(srgb);
    g_object_unref(raw);
}

/*
 * Behind the decoder, a photo is brought to the length asked for by the model's own resize, where libvips' was used
 * before: they differ in how they round: by a fifth of a level in the mean and two at most where there is strong grain, which is
 * far less than what another quality of the same JPEG does.
 */
static void test_reduced_as_before(void **state)
{
    (void)state;
    struct str file = encode(&pictures[14]); /* 1,024 px */
    struct image im;
    struct err err = {0};
    VipsImage *half = by_libvips(file, 2), *small = NULL;
    size_t n;
    assert_int_equal(
        vips_resize(half, &small, 500. / 512, "vscale", 375. / 384, "kernel", VIPS_KERNEL_LINEAR, NULL), 0);
    uint8_t *before = vips_image_write_to_memory(small, &n);
    assert_int_equal(image_decode(file, &(struct image_limits){.longest_px = 500}, &im, NULL, &err), RC_OK);
    assert_int_equal(n, 500 * 375 * 3);
    assert_int_equal(im.width, 500);
    assert_int_equal(im.height, 375);
    double sum = 0;
    int most = 0;
    for (size_t i = 0; i < n; i++) {
        int d = abs(before[i] - im.rgb[i]);
        sum += d;
        if (d > most) most = d;
    }
    if (sum / (double)n > .4 || most > 3) fail_msg("mean %.3f, most %d", sum / (double)n, most);
    image_release(&im);
    g_free(before);
    g_object_unref(small);
    g_object_unref(half);
    free((char *)(uintptr_t)file.p);
}

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    return image_startup("test_image_jpeg", &err) ? -1 : 0;
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
        cmocka_unit_test(test_the_same_pixels),      cmocka_unit_test(test_most_is_left_out),
        cmocka_unit_test(test_damage_is_left_alone), cmocka_unit_test(test_orientation_in_exif),
        cmocka_unit_test(test_other_profile),        cmocka_unit_test(test_reduced_as_before),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
