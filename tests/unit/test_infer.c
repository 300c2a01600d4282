/*
 * The model against its own golden file, damaged packages, and texts of every kind. PENDERIE_TEST_MODEL names
 * another package than the one of the repository; without either, the tests that need one are skipped.
 */
#include "model.h"

#include "base/buf.h"
#include "base/jout.h"
#include "base/jval.h"
#include "base/queue.h"

#include <limits.h>
#include <math.h>
#include <unistd.h>

enum { WORKERS = 4 };

/* ---- golden vectors ---- */

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

static bool inside(const int (*corner)[2], size_t n, int x, int y)
{
    double px = x + .5, py = y + .5;
    bool in = false;
    for (size_t i = 0; i < n; i++) {
        double x0 = corner[i][0], y0 = corner[i][1], x1 = corner[(i + 1) % n][0], y1 = corner[(i + 1) % n][1];
        if ((y0 <= py) != (y1 <= py) && px < x0 + (py - y0) * (x1 - x0) / (y1 - y0)) in = !in;
    }
    return in;
}

static const int tshirt[][2] = {{70, 50},   {85, 62},   {115, 62}, {130, 50}, {190, 90}, {170, 130},
                                {145, 115}, {145, 260}, {55, 260}, {55, 115}, {30, 130}, {10, 90}};
static const int trousers[][2] = {{18, 6}, {42, 6}, {48, 74}, {34, 74}, {30, 28}, {26, 74}, {12, 74}};

/* The pictures of docs/model-package.md, by name. */
static bool draw(struct str name, struct image *im)
{
    static const struct {
        const char *name;
        int w, h;
    } sizes[] = {{"gradient", 200, 300}, {"checker", 333, 111}, {"noise", 120, 170},
                 {"tshirt", 200, 300},   {"trousers", 60, 80},  {"white", 64, 64}};
    size_t which = 0;
    while (which < 6 && !str_eqz(name, sizes[which].name))
        which++;
    if (which == 6) return false;
    fine(image_create(sizes[which].w, sizes[which].h, im, ERR));
    uint32_t s = 7;
    uint8_t *p = im->rgb;
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++, p += 3) {
            int r = 255, g = 255, b = 255;
            if (which == 0) r = x * 255 / 199, g = y * 255 / 299, b = 128;
            if (which == 1) r = g = b = 230;
            if (which == 1 && (x / 25 + y / 25) % 2 == 0) r = 40, g = 60, b = 160;
            if (which == 3 && inside(tshirt, 12, x, y)) r = 200, g = 30, b = 40;
            if (which == 4) r = g = b = 240;
            if (which == 4 && inside(trousers, 7, x, y)) r = 30, g = 40, b = 90;
            p[0] = (uint8_t)r, p[1] = (uint8_t)g, p[2] = (uint8_t)b;
            for (int c = 0; which == 2 && c < 3; c++) {
                s = s * 1664525u + 1013904223u;
                p[c] = (uint8_t)(s >> 24);
            }
        }
    return true;
}

static double cosine(const float *a, const struct jval *b, size_t dim)
{
    double dot = 0, length = 0, v;
    assert_int_equal(jval_len(b), dim);
    for (size_t i = 0; i < dim; i++) {
        assert_true(jval_f64(jval_at(b, i), &v));
        dot += a[i] * v;
        length += v * v;
    }
    return dot / sqrt(length);
}

static struct jval *golden(double *tolerance)
{
    char path[PATH_MAX];
    struct jval *doc = NULL;
    snprintf(path, sizeof path, "%s/golden.json", package);
    fine(jval_parse_file(path, 8 << 20, &doc, ERR));
    assert_true(jval_f64(jval_get(doc, "tolerance_cosine"), tolerance));
    return doc;
}

static void test_golden_pictures(void **state)
{
    (void)state;
    need_model();
    double tolerance, p_garment;
    struct jval *doc = golden(&tolerance);
    const struct jval *pictures = jval_get(doc, "pictures");
    assert_true(jval_len(pictures) >= 6);
    uint8_t *pixels = malloc(160 * 160 * 3);
    for (size_t i = 0; i < jval_len(pictures); i++) {
        const struct jval *want = jval_at(pictures, i);
        struct image im;
        struct infer_vision v;
        char crc[9];
        assert_true(draw(jval_str(jval_get(want, "name")), &im));
        fine(image_resize_pad(&im, 160, 160, pixels, ERR));
        snprintf(crc, sizeof crc, "%08x", crc32_of(pixels, 160 * 160 * 3));
        assert_true(str_eqz(jval_str(jval_get(want, "input_crc32")), crc));
        fine(infer_vision_init(model, &v, ERR));
        const struct image *one = &im;
        fine(infer_images(model, 0, &one, 1, &v, ERR));
        double cos = cosine(v.embedding, jval_get(want, "embedding"), infer_dim(model));
        if (cos < tolerance) fail_msg("picture %zu: cosine %.6f", i, cos);
        assert_string_equal(infer_best(model, &v, "category", NULL), jval_str(jval_get(want, "category")).p);
        const struct infer_head *heads, *garment = infer_head(model, "garment");
        infer_heads(model, &heads);
        if (garment && jval_f64(jval_get(want, "garment"), &p_garment))
            assert_true(fabs(v.probabilities[garment - heads][1] - p_garment) < .02);
        infer_vision_release(&v);
        image_release(&im);
    }
    free(pixels);
    jval_destroy(doc);
}

static void test_golden_texts(void **state)
{
    (void)state;
    need_model();
    double tolerance;
    struct jval *doc = golden(&tolerance);
    const struct jval *texts = jval_get(doc, "texts");
    float *e = malloc(infer_dim(model) * sizeof *e);
    assert_true(jval_len(texts) >= 1);
    for (size_t i = 0; i < jval_len(texts); i++) {
        struct str text = jval_str(jval_get(jval_at(texts, i), "text"));
        if (str_trim(text).n == 0) continue; /* refused: see test_texts */
        fine(infer_text(model, 0, text, e, ERR));
        double cos = cosine(e, jval_get(jval_at(texts, i), "embedding"), infer_dim(model));
        if (cos < tolerance) fail_msg("\"%.*s\": cosine %.6f", STR_ARG(text), cos);
    }
    free(e);
    jval_destroy(doc);
}

/* ---- texts ---- */

static void assert_unit(const float *e, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)e[i] * e[i];
    assert_true(fabs(sum - 1) < 1e-4);
}

static void test_texts(void **state)
{
    (void)state;
    need_model();
    static char longest[10000];
    struct err err = {0};
    float *a = malloc(infer_dim(model) * sizeof *a), *b = malloc(infer_dim(model) * sizeof *b);
    static const struct str odd[] = {STR("\xf0\x9f\x91\x97\xf0\x9f\x91\xa0"),
                                     STR("robe \xd9\x81\xd8\xb3\xd8\xaa\xd8\xa7\xd9\x86 \xe8\xa3\x99"),
                                     STR("\xff\xfe\x80 broken \xc3"),
                                     STR("a\0b"),
                                     STR("\n\t x"),
                                     STR("</s><unk>[CLS]"),
                                     STR("\xe2\x80\x8b")};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        fine(infer_text(model, 0, odd[i], a, ERR));
        assert_unit(a, infer_dim(model));
    }
    assert_int_equal(infer_text(model, 0, STR(""), a, &err), RC_INVALID);
    assert_int_equal(infer_text(model, 0, STR(" \n "), a, &err), RC_INVALID);
    assert_int_equal(infer_text(model, 0, STR_NONE, a, &err), RC_INVALID);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = "jupe longue en lin "[i % 19];
    fine(infer_text(model, 0, (struct str){longest, sizeof longest}, a, ERR));
    fine(infer_text(model, 0, (struct str){longest, 2000}, b, ERR));
    assert_memory_equal(a, b, infer_dim(model) * sizeof *a); /* cut, not refused */
    free(a);
    free(b);
}

/* ---- workers ---- */

struct job {
    const struct image *im;
    struct infer_vision vision;
    float *text;
    struct err err;
    enum rc rc;
};

static void work(void *task, unsigned worker)
{
    struct job *j = task;
    j->rc = infer_images(model, worker, &j->im, 1, &j->vision, &j->err);
    if (!j->rc) j->rc = infer_text(model, worker, STR("robe rouge"), j->text, &j->err);
}

static void test_workers_agree(void **state)
{
    (void)state;
    need_model();
    enum { JOBS = 40 };
    struct job *jobs = calloc(JOBS, sizeof *jobs);
    struct queue *q = NULL;
    struct image red, blue;
    size_t bytes = infer_dim(model) * sizeof(float);
    assert_true(draw(STR("tshirt"), &red) && draw(STR("trousers"), &blue));
    fine(queue_create("test", WORKERS, JOBS, &q, ERR));
    for (int i = 0; i < JOBS; i++) {
        jobs[i].im = i % 2 ? &red : &blue;
        jobs[i].text = calloc(1, bytes);
        fine(infer_vision_init(model, &jobs[i].vision, ERR));
        fine(queue_push(q, work, &jobs[i], ERR));
    }
    queue_destroy(q);
    const struct infer_head *heads;
    size_t n = infer_heads(model, &heads);
    for (int i = 0; i < JOBS; i++) {
        if (jobs[i].rc) fail_msg("%s", jobs[i].err.message);
        assert_memory_equal(jobs[i].vision.embedding, jobs[i % 2].vision.embedding, bytes);
        assert_memory_equal(jobs[i].text, jobs[0].text, bytes);
        for (size_t h = 0; h < n; h++)
            assert_memory_equal(jobs[i].vision.probabilities[h], jobs[i % 2].vision.probabilities[h],
                                heads[h].n * sizeof(float));
    }
    assert_memory_not_equal(jobs[0].vision.embedding, jobs[1].vision.embedding, bytes);
    for (int i = 0; i < JOBS; i++) {
        infer_vision_release(&jobs[i].vision);
        free(jobs[i].text);
    }
    free(jobs);
    image_release(&red);
    image_release(&blue);
}

static void test_batch_is_the_same_as_one(void **state)
{
    (void)state;
    need_model();
    static const char *const names[] = {"gradient", "noise", "white"};
    struct image im[3];
    const struct image *all[3];
    struct infer_vision batch[3], one;
    for (int i = 0; i < 3; i++) {
        assert_true(draw(str_of(names[i]), &im[i]));
        all[i] = &im[i];
        fine(infer_vision_init(model, &batch[i], ERR));
    }
    fine(infer_vision_init(model, &one, ERR));
    fine(infer_images(model, 0, all, 3, batch, ERR));
    for (int i = 0; i < 3; i++) {
        fine(infer_images(model, 1, &all[i], 1, &one, ERR));
        assert_memory_equal(one.embedding, batch[i].embedding, infer_dim(model) * sizeof(float));
        assert_unit(one.embedding, infer_dim(model));
        infer_vision_release(&batch[i]);
        image_release(&im[i]);
    }
    infer_vision_release(&one);
}

/* ---- packages that must be refused ---- */

/* A copy of the package in a folder of its own. */
static void copy_package(char dir[static PATH_MAX])
{
    char path[PATH_MAX * 2], *p;
    size_t n;
    static const char *const names[] = {"manifest.json", "image.onnx",    "text.xml",
                                        "text.bin",      "tokenizer.xml", "tokenizer.bin"};
    snprintf(dir, PATH_MAX, "%s/penderie-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", package, names[i]);
        fine(fs_read(path, 1 << 28, &p, &n, ERR));
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        fine(fs_write_atomic(path, p, n, 0644, ERR));
        free(p);
    }
}

static enum rc try_open(const char *dir, struct err *err)
{
    struct infer *m = NULL;
    enum rc rc = infer_open(dir, NULL, &m, err);
    assert_true((rc == RC_OK) == (m != NULL));
    infer_close(m);
    return rc;
}

static void test_flipped_bytes(void **state)
{
    (void)state;
    need_model();
    char dir[PATH_MAX], path[PATH_MAX * 2], *p;
    size_t n;
    static const char *const names[] = {"image.onnx", "text.xml", "text.bin", "tokenizer.xml", "tokenizer.bin"};
    copy_package(dir);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err err = {0};
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        fine(fs_read(path, 1 << 28, &p, &n, ERR));
        p[n / 2] ^= 1;
        fine(fs_write_atomic(path, p, n, 0644, ERR));
        assert_int_equal(try_open(dir, &err), RC_CORRUPT);
        assert_non_null(strstr(err.message, names[i]));
        assert_non_null(strstr(err.message, "SHA-256"));
        p[n / 2] ^= 1;
        fine(fs_write_atomic(path, p, n - 1, 0644, ERR)); /* cut by a byte */
        assert_int_equal(try_open(dir, &err), RC_CORRUPT);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(try_open(dir, &err), RC_NOT_FOUND);
        fine(fs_write_atomic(path, p, n, 0644, ERR));
        free(p);
    }
    fine(try_open(dir, ERR));
    fine(fs_remove_tree(dir, ERR));
}

/* Writes v again, with `raw` in place of the value at `path` ("image.width"; "": left out where raw is NULL). */
static void rewrite(struct jout *out, const struct jval *v, struct str path, const char *raw)
{
    struct str rest = path, key = str_split(&rest, '.');
    int64_t whole;
    double d;
    if (path.p && path.n == 0) {
        jout_raw(out, str_of(raw));
    } else if (jval_is_object(v)) {
        const struct jval *member;
        const char *name;
        jout_object(out);
        for (size_t i = 0; (name = jval_member(v, i, &member)); i++) {
            bool here = path.p && str_eqz(key, name);
            if (here && !rest.p && !raw) continue;
            jout_key(out, name);
            rewrite(out, member, here ? (rest.p ? rest : STR("")) : STR_NONE, raw);
        }
        jout_end(out);
    } else if (jval_is_array(v)) {
        jout_array(out);
        for (size_t i = 0; i < jval_len(v); i++) {
            int64_t index;
            bool here = path.p && str_to_i64(key, &index) && (size_t)index == i;
            rewrite(out, jval_at(v, i), here ? (rest.p ? rest : STR("")) : STR_NONE, raw);
        }
        jout_end(out);
    } else if (jval_is_string(v)) {
        jout_str(out, jval_str(v));
    } else if (jval_i64(v, &whole)) {
        jout_i64(out, whole);
    } else if (jval_f64(v, &d)) {
        jout_f64(out, d);
    } else {
        jout_null(out);
    }
}

static void test_wrong_manifests(void **state)
{
    (void)state;
    need_model();
    static const struct {
        const char *path, *raw;
        enum rc rc;
        const char *says;
    } cases[] = {
        {"format", "2", RC_UNSUPPORTED, "format 2"},
        {"format", NULL, RC_CORRUPT, "format is missing"},
        {"name", "\"\"", RC_CORRUPT, "name"},
        {"dimensions", "128", RC_CORRUPT, "128"},
        {"dimensions", "\"many\"", RC_CORRUPT, "dimensions"},
        {"image.width", "8", RC_CORRUPT, "image.width"},
        {"image.width", "192", RC_UNSUPPORTED, "image.resize"},
        {"image.file", "\"other.onnx\"", RC_CORRUPT, "not listed"},
        {"image.input", "\"nothing\"", RC_CORRUPT, "no input named nothing"},
        {"image.embedding", "\"nothing\"", RC_CORRUPT, "no output named nothing"},
        {"image.std", "[1, 0, 1]", RC_CORRUPT, "image.std"},
        {"image.resize.kernel", "\"lanczos\"", RC_UNSUPPORTED, "image.resize"},
        {"heads.0.labels", "[\"a\", \"b\"]", RC_CORRUPT, "manifest.json says 2"},
        {"heads.0.labels", "[\"a\", \"a\"]", RC_CORRUPT, "twice"},
        {"heads.0.field", "\"garment\"", RC_CORRUPT, "twice"},
        {"heads.1.sure_threshold", "1.5", RC_CORRUPT, "sure_threshold"},
        {"text.inputs.ids", "\"nothing\"", RC_CORRUPT, "no input named nothing"},
        {"text.max_tokens", "0", RC_CORRUPT, "max_tokens"},
        {"precision", "\"int3\"", RC_CORRUPT, "precision"},
        {"files", "{\"../image.onnx\": {\"sha256\": \"\", \"bytes\": 1}}", RC_CORRUPT, "folder"},
        {"files", "{}", RC_CORRUPT, "files is missing"},
    };
    char dir[PATH_MAX], path[PATH_MAX * 2];
    struct jval *doc = NULL;
    copy_package(dir);
    snprintf(path, sizeof path, "%s/manifest.json", dir);
    fine(jval_parse_file(path, 8 << 20, &doc, ERR));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf text = BUF_INIT(8 << 20);
        struct jout out = JOUT_INIT(&text);
        struct err err = {0};
        rewrite(&out, doc, str_of(cases[i].path), cases[i].raw);
        fine(fs_write_atomic(path, text.p, text.n, 0644, ERR));
        buf_release(&text);
        enum rc rc = try_open(dir, &err);
        if (rc != cases[i].rc || !strstr(err.message, cases[i].says))
            fail_msg("%s = %s: %s: %s", cases[i].path, cases[i].raw, rc_name(rc), err.message);
    }
    struct err err = {0};
    fine(fs_write_atomic(path, "{\"format\": 1,", 13, 0644, ERR));
    assert_int_equal(try_open(dir, &err), RC_CORRUPT);
    jval_destroy(doc);
    fine(fs_remove_tree(dir, ERR));
    assert_int_equal(try_open(dir, &err), RC_NOT_FOUND);
}

/* Optional members: replaced where the package has them, put behind "precision" where it has not. */
static void test_wrong_options(void **state)
{
    (void)state;
    need_model();
    static const struct {
        const char *member, *raw, *says;
    } cases[] = {
        {"pieces", "{}", "pieces.grid"},
        {"pieces", "{\"grid\": 7, \"stride\": 8}", "pieces.grid times pieces.stride"},
        {"pieces", "{\"grid\": 20, \"stride\": 8, \"threshold\": 0}", "pieces.threshold"},
        {"pieces", "{\"grid\": 20, \"stride\": 8, \"threshold\": 0.3, \"nms\": 1}", "pieces.nms"},
        {"pieces", "{\"grid\": 20, \"stride\": 8, \"threshold\": 0.3, \"nms\": 0.5}", "pieces.score"},
        {"pieces",
         "{\"grid\": 20, \"stride\": 8, \"threshold\": 0.3, \"nms\": 0.5, \"score\": \"no\", \"box\": \"no\"}",
         "no output named no"},
        {"styles", "{}", "styles.temperature"},
        {"styles", "{\"temperature\": 5, \"picture_mean\": [1], \"text_mean\": []}", "styles has no means"},
    };
    char dir[PATH_MAX], path[PATH_MAX * 2], raw[400];
    struct jval *doc = NULL;
    copy_package(dir);
    snprintf(path, sizeof path, "%s/manifest.json", dir);
    fine(jval_parse_file(path, 8 << 20, &doc, ERR));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf text = BUF_INIT(8 << 20);
        struct jout out = JOUT_INIT(&text);
        struct err err = {0};
        bool there = jval_get(doc, cases[i].member) != NULL;
        if (there)
            snprintf(raw, sizeof raw, "%s", cases[i].raw);
        else
            snprintf(raw, sizeof raw, "\"f32\", \"%s\": %s", cases[i].member, cases[i].raw);
        rewrite(&out, doc, str_of(there ? cases[i].member : "precision"), raw);
        fine(fs_write_atomic(path, text.p, text.n, 0644, ERR));
        buf_release(&text);
        enum rc rc = try_open(dir, &err);
        if (rc != RC_CORRUPT || !strstr(err.message, cases[i].says))
            fail_msg("%s = %s: %s: %s", cases[i].member, cases[i].raw, rc_name(rc), err.message);
    }
    jval_destroy(doc);
    fine(fs_remove_tree(dir, ERR));
}

static void test_parts_left_out(void **state)
{
    (void)state;
    need_model();
    struct err err = {0};
    struct infer *m = NULL;
    struct image im;
    struct infer_vision v;
    float e[1];
    const struct image *one = &im;
    fine(infer_open(package, &(struct infer_options){.no_text = true}, &m, ERR));
    assert_int_equal(infer_text(m, 0, STR("robe"), e, &err), RC_INVALID);
    assert_null(infer_best(m, NULL, "no such head", NULL));
    infer_close(m);
    fine(infer_open(package, &(struct infer_options){.no_image = true}, &m, ERR));
    assert_true(draw(STR("white"), &im));
    fine(infer_vision_init(m, &v, ERR));
    assert_int_equal(infer_images(m, 0, &one, 1, &v, &err), RC_INVALID);
    infer_vision_release(&v);
    image_release(&im);
    infer_close(m);
}

static int setup(void **state)
{
    (void)state;
    return model_open("test_infer", &(struct infer_options){.workers = WORKERS});
}

static int teardown(void **state)
{
    (void)state;
    infer_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_pictures),
        cmocka_unit_test(test_golden_texts),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_workers_agree),
        cmocka_unit_test(test_batch_is_the_same_as_one),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_wrong_manifests),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_parts_left_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
