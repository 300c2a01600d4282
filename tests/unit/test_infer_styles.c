/*
 * Main styles by words and pictures. Needs a model, as test_infer; a package without "styles" gets neutral ones here (means
 * of 0), in a copy.
 */
#include "model.h"

#include "base/buf.h"
#include "infer/vision.h"

#include <limits.h>
#include <math.h>
#include <unistd.h>

static char folder[PATH_MAX];

static const char *written(const char *json)
{
    static char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/styles.json", folder);
    fine(fs_write_atomic(path, json, strlen(json), 0644, ERR));
    return path;
}

static void test_words(void **state)
{
    (void)state;
    need_model();
    struct styles *s = NULL;
    float e[1024], scores[STYLES_MAX], both[STYLES_MAX], two[2048];
    static const char *const asked[] = {"robe de soirée", "chaussures de course"};
    size_t dim = infer_dim(model);
    assert_true(dim <= 1024);
    fine(styles_open(
        model, 0,
        written("{\"styles\": [{\"name\": \"party\", \"fr\": \"fête\", \"words\": [\"robe de soirée\"]},"
                "{\"name\": \"sport\", \"words\": [\"chaussures de course\", \"running shoes\"]}]}"),
        &s, ERR));
    assert_int_equal(styles_count(s), 2);
    assert_string_equal(styles_name(s, 0), "party");
    assert_string_equal(styles_title(s, 0, true), "fête");
    assert_string_equal(styles_title(s, 0, false), "party"); /* not given: its name */
    for (size_t i = 0; i < 2; i++) { /* what a style is described by scores highest there */
        fine(infer_text(model, 0, str_of(asked[i]), e, ERR));
        styles_score(s, e, scores);
        assert_true(fabsf(scores[0] + scores[1] - 1) < 1e-5f);
        assert_true(scores[i] > scores[1 - i]);
        memcpy(two + i * dim, e, dim * sizeof *e);
        for (size_t k = 0; k < 2; k++)
            both[k] = i ? both[k] + scores[k] / 2 : scores[k] / 2;
    }
    styles_score_all(s, two, 2, scores); /* a wardrobe of both */
    assert_true(fabsf(scores[0] - both[0]) < 1e-5f && fabsf(scores[1] - both[1]) < 1e-5f);
    styles_score_all(s, two, 0, scores);
    assert_true(scores[0] == 0 && scores[1] == 0);
    styles_close(s);
}

/* Of two styles described alike, the one of four times the weight gets four times the share. */
static void test_weight(void **state)
{
    (void)state;
    need_model();
    struct styles *s = NULL;
    float e[1024], scores[STYLES_MAX];
    fine(styles_open(model, 0,
                     written("{\"styles\": [{\"name\": \"a\", \"weight\": 4, \"words\": [\"jean\"]},"
                             "{\"name\": \"b\", \"words\": [\"jean\"]}]}"),
                     &s, ERR));
    fine(infer_text(model, 0, STR("montre"), e, ERR));
    styles_score(s, e, scores);
    assert_true(fabsf(scores[0] - .8f) < 1e-4f && fabsf(scores[1] - .2f) < 1e-4f);
    styles_close(s);
}

static void test_pictures(void **state)
{
    (void)state;
    need_model();
    struct image im;
    struct buf png = BUF_INIT(1 << 20);
    struct styles *s = NULL;
    struct infer_vision v;
    const struct image *one = &im;
    float scores[STYLES_MAX];
    char path[PATH_MAX + 32];
    fine(image_create(64, 64, &im, ERR));
    for (size_t i = 0; i < 64 * 64; i++)
        im.rgb[i * 3] = (uint8_t)(i % 64 * 4), im.rgb[i * 3 + 1] = 20;
    fine(image_encode(&im, IMAGE_PNG, 90, &png, ERR));
    snprintf(path, sizeof path, "%s/example.png", folder);
    fine(fs_write_atomic(path, png.p, png.n, 0644, ERR));
    fine(styles_open(model, 0,
                     written("{\"styles\": [{\"name\": \"ours\", \"pictures\": [\"example.png\"]},"
                             "{\"name\": \"rest\", \"words\": [\"bague en argent\"]}]}"),
                     &s, ERR));
    fine(infer_vision_init(model, &v, ERR));
    fine(infer_images(model, 0, &one, 1, &v, ERR));
    styles_score(s, v.embedding, scores);
    assert_true(scores[0] > .7f);
    infer_vision_release(&v);
    styles_close(s);
    image_release(&im);
    buf_release(&png);
}

static void test_wrong_files(void **state)
{
    (void)state;
    need_model();
    static const struct {
        const char *json, *says;
        enum rc rc;
    } cases[] = {
        {"{\"styles\": []}", "list of 2 to 12", RC_INVALID},
        {"{}", "list of 2 to 12", RC_INVALID},
        {"{\"styles\": [{\"name\": \"a\", \"words\": [\"x\"]}, {\"words\": [\"y\"]}]}", "style 2 has no name",
         RC_INVALID},
        {"{\"styles\": [{\"name\": \"a\", \"words\": [\"x\"]}, {\"name\": \"a\", \"words\": [\"y\"]}]}",
         "name of another", RC_INVALID},
        {"{\"styles\": [{\"name\": \"a\", \"words\": [\"x\"]}, {\"name\": \"b\"}]}",
         "neither words nor pictures", RC_INVALID},
        {"{\"styles\": [{\"name\": \"a\", \"words\": [\"\"]}, {\"name\": \"b\", \"words\": [\"y\"]}]}", "empty",
         RC_INVALID},
        {"{\"styles\": [{\"name\": \"a\", \"pictures\": [\"no.png\"]}, {\"name\": \"b\", \"words\": [\"y\"]}]}",
         "no.png", RC_NOT_FOUND},
        {"{\"styles\": [{\"name\": \"a\", \"words\": [\"x\"], \"weight\": 0}, {\"name\": \"b\", \"words\": "
         "[\"y\"]}]}",
         "weight", RC_INVALID},
        {"{\"styles\"", "", RC_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct styles *s = NULL;
        struct err err = {0};
        enum rc rc = styles_open(model, 0, written(cases[i].json), &s, &err);
        if (rc != cases[i].rc || s || !strstr(err.message, cases[i].says))
            fail_msg("%s: %s: %s", cases[i].json, rc_name(rc), err.message);
    }
}

/* A copy of the package, whose manifest has "styles" with means of 0. */
static int copy_with_styles(char out[static PATH_MAX], struct err *err)
{
    static const char *const names[] = {"image.onnx", "text.xml", "text.bin", "tokenizer.xml", "tokenizer.bin"};
    char from[PATH_MAX * 2], to[PATH_MAX * 2], *p = NULL;
    size_t n;
    struct buf text = BUF_INIT(8 << 20);
    if (snprintf(out, PATH_MAX, "%s/package", folder) >= PATH_MAX || fs_mkdirs(out, 0755, err)) return -1;
    char *whole = realpath(package, NULL);
    for (size_t i = 0; whole && i < sizeof names / sizeof *names; i++) {
        snprintf(from, sizeof from, "%s/%s", whole, names[i]);
        snprintf(to, sizeof to, "%s/%s", out, names[i]);
        if (symlink(from, to)) return -1;
    }
    snprintf(from, sizeof from, "%s/manifest.json", whole ? whole : package);
    free(whole);
    if (fs_read(from, 8 << 20, &p, &n, err)) return -1;
    struct str trimmed = str_trim((struct str){p, n});
    buf_add(&text, str_sub(trimmed, 0, trimmed.n - 1));
    for (int k = 0; k < 2; k++) {
        buf_addz(&text, k ? "], \"text_mean\": [" : ", \"styles\": {\"temperature\": 8, \"picture_mean\": [");
        for (size_t i = 0; i < infer_dim(model); i++)
            buf_addz(&text, i ? ",0" : "0");
    }
    buf_addz(&text, "]}}");
    snprintf(to, sizeof to, "%s/manifest.json", out);
    int bad = fs_write_atomic(to, text.p, text.n, 0644, err) != RC_OK;
    buf_release(&text);
    free(p);
    return -bad;
}

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    snprintf(folder, sizeof folder, "%s/penderie-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder)) return -1;
    if (model_open("test_infer_styles", NULL)) return -1;
    if (!model || infer_style_rule(model)) return 0;
    char copy[PATH_MAX];
    int bad = copy_with_styles(copy, &err);
    infer_close(model);
    model = NULL;
    if (bad || infer_open(copy, NULL, &model, &err)) print_error("%s\n", err.message);
    return model ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err = {0};
    infer_close(model);
    return fs_remove_tree(folder, &err) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
