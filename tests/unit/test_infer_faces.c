/* The face detector: a portrait put into photos at several sizes and turns is found, clothes are not taken for faces, and
 * altered files are refused. Detector and portrait come with `make deps` and `make test-deps`; without them this skips. */
#include "test.h"

#include "crypt/crypt.h"
#include "image/hide.h"
#include "infer/faces.h"

static struct err err;
static struct faces *faces;
static struct image portrait; /* 512 x 512, the face at 172, 68, 105 px wide */

static enum rc load(const char *path, struct image *out)
{
    char *p = NULL;
    size_t n = 0;
    enum rc rc = fs_read(path, 32 << 20, &p, &n, &err);
    if (!rc) rc = image_decode((struct str){p, n}, NULL, out, NULL, &err);
    free(p);
    return rc;
}

static int setup(void **state)
{
    (void)state;
    if (image_startup("test", &err) || crypt_startup(&err)) return -1;
    if (fs_exists(".deps/faces") && faces_open(".deps/faces", 1, &faces, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    return fs_exists(".deps/test-face/astronaut.png") && load(".deps/test-face/astronaut.png", &portrait) ? -1
                                                                                                          : 0;
}

static int teardown(void **state)
{
    (void)state;
    faces_close(faces);
    image_release(&portrait);
    return 0;
}

static void need(void)
{
    if (faces && portrait.rgb) return;
    print_message("skipped: the detector (make deps) or the portrait (make test-deps) is not here\n");
    skip();
}

static struct image_box compose(int w, int h, float part, int x, int y, struct image *out)
{
    struct image head, small;
    assert_ok(image_create(w, h, out, &err));
    for (size_t i = 0; i < (size_t)w * (size_t)h * 3; i++) /* a woven ground */
        out->rgb[i] = (uint8_t)(90 + (i * 7 + i / (size_t)w / 3 * 13) % 60);
    assert_ok(image_crop(&portrait, 98, 0, 252, 280, &head, &err));
    int face = (int)(part * (float)(w > h ? w : h)), longest = 280 * face / 105;
    assert_ok(image_resize(&head, longest, &small, &err));
    float k = (float)small.height / 280;
    for (int j = 0; j < small.height && y + j < h; j++)
        for (int i = 0; i < small.width && x + i < w; i++)
            memcpy(out->rgb + ((size_t)(y + j) * (size_t)w + (size_t)(x + i)) * 3,
                   small.rgb + ((size_t)j * (size_t)small.width + (size_t)i) * 3, 3);
    struct image_box box = {((float)x + 74 * k) / (float)w, ((float)y + 68 * k) / (float)h, 105 * k / (float)w,
                            105 * k / (float)h};
    image_release(&head);
    image_release(&small);
    return box;
}

static void turn_left(struct image *im)
{
    struct image out;
    assert_ok(image_create(im->height, im->width, &out, &err));
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++)
            memcpy(out.rgb + ((size_t)y * (size_t)out.width + (size_t)x) * 3,
                   im->rgb + ((size_t)x * (size_t)im->width + (size_t)(im->width - 1 - y)) * 3, 3);
    image_release(im);
    *im = out;
}

static bool covers(struct image_box a, struct image_box b)
{
    float w = (a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w) - (a.x > b.x ? a.x : b.x);
    float h = (a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h) - (a.y > b.y ? a.y : b.y);
    return w > 0 && h > 0 && w * h / (a.w * a.h + b.w * b.h - w * h) > .25f;
}

/* The mean difference of neighbours in a box. */
static double roughness(const struct image *im, struct image_box b)
{
    double sum = 0;
    size_t n = 0;
    for (int y = (int)(b.y * (float)im->height) + 1; y < (int)((b.y + b.h) * (float)im->height); y++)
        for (int x = (int)(b.x * (float)im->width) + 1; x < (int)((b.x + b.w) * (float)im->width); x++, n++)
            sum += abs(im->rgb[((size_t)y * (size_t)im->width + (size_t)x) * 3] -
                       im->rgb[((size_t)(y - 1) * (size_t)im->width + (size_t)x - 1) * 3]);
    return n ? sum / (double)n : 0;
}

static void faces_are_found(void **state)
{
    (void)state;
    static const struct {
        int w, h;
        float part;
        int turns;
    } cases[] = {{900, 1200, .085f, 0},
                 {900, 1200, .06f, 0},
                 {1000, 750, .1f, 1},
                 {750, 1000, .1f, 2},
                 {512, 640, .12f, 3}};
    need();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct image im;
        struct face found[FACES_MAX];
        size_t n;
        bool hit = false;
        struct image_box box = compose(cases[c].w, cases[c].h, cases[c].part, 120, 90, &im);
        for (int t = 0; t < cases[c].turns; t++) {
            turn_left(&im);
            box = (struct image_box){box.y, 1 - box.x - box.w, box.h, box.w};
        }
        assert_ok(faces_find(faces, 0, &im, -1, found, &n, &err));
        for (size_t i = 0; i < n; i++)
            hit = hit || covers(found[i].box, box);
        if (!hit) fail_msg("case %zu: not among the %zu found", c, n);
        for (size_t i = 0; i < n; i++)
            assert_ok(image_hide(&im, found[i].box, &err));
        if (n) assert_true(roughness(&im, box) < 6); /* no feature is left: neighbours hardly differ */
        image_release(&im);
    }
}

static void patterns_are_no_faces(void **state)
{
    (void)state;
    need();
    struct image im;
    struct face found[FACES_MAX];
    size_t n;
    assert_ok(image_create(700, 500, &im, &err));
    for (int y = 0; y < 500; y++)
        for (int x = 0; x < 700; x++) /* dots on cloth */
            memset(im.rgb + ((size_t)y * 700 + (size_t)x) * 3,
                   (x % 50 - 25) * (x % 50 - 25) + (y % 50 - 25) * (y % 50 - 25) < 150 ? 30 : 200, 3);
    assert_ok(faces_find(faces, 0, &im, -1, found, &n, &err));
    assert_int_equal(n, 0);
    image_release(&im);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct faces *f = NULL;
    void *dir = NULL;
    char path[600], *p = NULL;
    size_t n = 0;
    assert_rc(faces_open("no/such/folder", 1, &f, &err), RC_NOT_FOUND);
    need();
    assert_int_equal(temp_dir_make(&dir), 0);
    assert_ok(fs_read(".deps/faces/face_detection_full_range_sparse.tflite", 8 << 20, &p, &n, &err));
    p[n / 2] ^= 1;
    snprintf(path, sizeof path, "%s/face_detection_full_range_sparse.tflite", (char *)dir);
    assert_ok(fs_write_atomic(path, p, n, 0600, &err));
    assert_rc(faces_open(dir, 1, &f, &err), RC_CORRUPT);
    assert_null(f);
    free(p);
    assert_int_equal(temp_dir_remove(&dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(faces_are_found),
                                       cmocka_unit_test(patterns_are_no_faces),
                                       cmocka_unit_test(other_files_are_refused)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
