/*
 * Boxes of pieces from a detector's outputs, to the bit as training/ reads them: tests/fixtures/pieces.json, which
 * `python -m penderie_train.pieces_decode` writes. No model is needed.
 */
#include "base/jval.h"
#include "infer/pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static double number(const struct jval *v)
{
    double d = 0;
    assert_true(jval_f64(v, &d));
    return d;
}

static int whole(const struct jval *v) { return (int)number(v); }

/* The same values as `generated` in pieces_decode.py. */
static void generate(size_t n, uint32_t s, float *score, float *box)
{
    for (size_t i = 0; i < 5 * n; i++) {
        s = s * 1664525u + 1013904223u;
        if (i < n)
            score[i] = (float)(s >> 16 >> 10) / 64;
        else
            box[i - n] = (float)(s >> 16 >> 6) / 16;
    }
}

static void test_goldens(void **state)
{
    (void)state;
    struct jval *doc = NULL;
    struct err err = {0};
    size_t several = 0;
    if (jval_parse_file("tests/fixtures/pieces.json", 1 << 20, &doc, &err)) fail_msg("%s", err.message);
    assert_true(jval_len(doc) >= 5);
    for (size_t i = 0; i < jval_len(doc); i++) {
        const struct jval *c = jval_at(doc, i), *w = jval_get(c, "window"), *want = jval_get(c, "found");
        const struct pieces_rule rule = {.score = "s",
                                         .box = "b",
                                         .grid = whole(jval_get(c, "grid")),
                                         .stride = whole(jval_get(c, "stride")),
                                         .threshold = (float)number(jval_get(c, "threshold")),
                                         .nms = number(jval_get(c, "nms"))};
        const struct pieces_window window = {whole(jval_at(w, 0)), whole(jval_at(w, 1)), whole(jval_at(w, 2)),
                                             whole(jval_at(w, 3))};
        size_t n = (size_t)rule.grid * (size_t)rule.grid;
        float *score = malloc(n * sizeof *score), *box = malloc(4 * n * sizeof *box);
        struct infer_found found[INFER_MAX_PIECES];
        generate(n, (uint32_t)whole(jval_get(c, "seed")), score, box);
        size_t got = pieces_decode(&rule, score, box, window, found, (size_t)whole(jval_get(c, "most")));
        assert_int_equal(got, jval_len(want));
        several += got > 1;
        for (size_t k = 0; k < got; k++) {
            const struct jval *v = jval_at(want, k);
            float expected[5];
            for (size_t j = 0; j < 5; j++)
                expected[j] = (float)number(jval_at(v, j));
            assert_memory_equal(&found[k].box.x, &expected[0], sizeof(float));
            assert_memory_equal(&found[k].box.y, &expected[1], sizeof(float));
            assert_memory_equal(&found[k].box.w, &expected[2], sizeof(float));
            assert_memory_equal(&found[k].box.h, &expected[3], sizeof(float));
            assert_memory_equal(&found[k].score, &expected[4], sizeof(float));
        }
        free(score);
        free(box);
    }
    assert_true(several >= 3); /* the fixture must test something */
    jval_destroy(doc);
}

/* Three cells by hand: the second shares too much with the first, the third lies outside of the picture. */
static void test_rules(void **state)
{
    (void)state;
    const struct pieces_rule rule = {
        .score = "s", .box = "b", .grid = 4, .stride = 10, .threshold = .5f, .nms = .5};
    const struct pieces_window window = {0, 10, 40, 30};
    float score[16] = {0}, box[64] = {0};
    struct infer_found found[3];
    score[5] = .75f; /* centre 15, 15 */
    score[6] = .75f; /* centre 25, 15; equal, and later */
    score[14] = .9f; /* centre 25, 35: below the picture */
    for (int side = 0; side < 4; side++)
        box[side * 16 + 5] = box[side * 16 + 14] = 4;
    box[6] = box[2 * 16 + 6] = 14; /* 11 .. 39 across */
    box[16 + 6] = box[3 * 16 + 6] = 4;
    assert_int_equal(pieces_decode(&rule, score, box, window, found, 3), 2);
    assert_true(found[0].box.x == 11 / 40.f && found[0].box.y == 1 / 20.f);
    assert_true(found[0].box.w == 8 / 40.f && found[0].box.h == 8 / 20.f && found[0].score == .75f);
    assert_true(found[1].box.w == 28 / 40.f); /* 64 of 224 shared */
    assert_int_equal(pieces_decode(&rule, score, box, window, found, 1), 1);
    box[6] = 14, box[2 * 16 + 6] = -2; /* 11 .. 23: 64 of 96 shared */
    assert_int_equal(pieces_decode(&rule, score, box, window, found, 3), 1);
    score[5] = score[6] = score[14] = .49f;
    assert_int_equal(pieces_decode(&rule, score, box, window, found, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
