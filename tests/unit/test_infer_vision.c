/* Readings of pictures: their shape, their JSON, and pieces apart and together. Needs a model, as test_infer. */
#include "model.h"

#include "base/buf.h"
#include "base/jout.h"
#include "base/jval.h"
#include "infer/vision.h"

#include <math.h>

static bool inside(const int (*corner)[2], size_t n, double px, double py)
{
    bool in = false;
    for (size_t i = 0; i < n; i++) {
        double x0 = corner[i][0], y0 = corner[i][1], x1 = corner[(i + 1) % n][0], y1 = corner[(i + 1) % n][1];
        if ((y0 <= py) != (y1 <= py) && px < x0 + (py - y0) * (x1 - x0) / (y1 - y0)) in = !in;
    }
    return in;
}

static const int tshirt[][2] = {{70, 50},   {85, 62},   {115, 62}, {130, 50}, {190, 90}, {170, 130},
                                {145, 115}, {145, 260}, {55, 260}, {55, 115}, {30, 130}, {10, 90}};
static const int trousers[][2] = {{55, 20},   {145, 20}, {165, 280}, {115, 280},
                                  {100, 110}, {85, 280}, {35, 280}};

/* A shape of 200 x 300 units, drawn into w x h pixels at (x, y). */
static void draw(struct image *im, const int (*shape)[2], size_t n, int x, int y, int w, int h, int r, int g,
                 int b)
{
    for (int j = 0; j < h; j++)
        for (int i = 0; i < w; i++) {
            if (!inside(shape, n, (i + .5) * 200 / w, (j + .5) * 300 / h)) continue;
            uint8_t *p = im->rgb + ((size_t)(y + j) * (size_t)im->width + (size_t)(x + i)) * 3;
            int fold = (i * 7 / w) % 2 * 6; /* cloth is never quite even */
            p[0] = (uint8_t)(r + fold), p[1] = (uint8_t)(g + fold), p[2] = (uint8_t)(b + fold);
        }
}

static void assert_sound(const struct infer_reading *r)
{
    double sum = 0, top = 0, shares = 0;
    for (size_t i = 0; i < infer_dim(model); i++)
        sum += (double)r->embedding[i] * r->embedding[i];
    assert_true(fabs(sum - 1) < 1e-4);
    assert_int_equal(r->n_top, INFER_TOP);
    for (size_t i = 0; i < r->n_top; i++) {
        assert_non_null(r->top[i].name);
        assert_true(i == 0 || r->top[i].p <= r->top[i - 1].p);
        top += r->top[i].p;
    }
    assert_true(top > 0 && top < 1.001);
    assert_true(r->garment >= 0 && r->garment <= 1);
    for (size_t i = 0; i < r->n_colours; i++)
        shares += r->colours[i].share;
    assert_true(r->n_colours >= 1 && fabs(shares - 1) < 1e-3);
    assert_true(r->n_pieces >= 1 && r->n_pieces <= INFER_MAX_PIECES);
    for (size_t i = 0; i < r->n_pieces; i++) {
        const struct image_box *b = &r->pieces[i].box;
        assert_true(b->x >= 0 && b->y >= 0 && b->w > 0 && b->h > 0 && b->x + b->w < 1.001f &&
                    b->y + b->h < 1.001f);
        assert_non_null(r->pieces[i].category.name);
        assert_non_null(r->pieces[i].embedding);
        assert_true(r->pieces[i].n_colours >= 1);
    }
}

static void test_one_garment(void **state)
{
    (void)state;
    need_model();
    struct image im;
    struct infer_reading r;
    fine(image_create(400, 500, &im, ERR));
    draw(&im, tshirt, 12, 60, 40, 280, 420, 190, 30, 40);
    fine(infer_read(model, 0, &im, INFER_READ_PIECES, &r, ERR));
    assert_sound(&r);
    assert_int_equal(r.n_pieces, 1);
    assert_true(r.plain > .9f);
    assert_string_equal(r.colours[0].name, "Red"); /* the cloth, not the white around it */
    assert_true(r.colours[0].share > .9f);
    assert_string_equal(r.pieces[0].category.name, r.top[0].name);
    assert_true(fabsf(r.pieces[0].box.x - (60 + 14) / 400.f) < .03f);
    assert_true(fabsf(r.pieces[0].box.y - (40 + 70) / 500.f) < .03f);
    infer_reading_release(&r);
    infer_reading_release(&r); /* twice is fine */
    image_release(&im);
}

/* Whatever the model is sure of alone, it finds among others. */
static void test_two_garments(void **state)
{
    (void)state;
    need_model();
    struct image im, left, right;
    struct infer_reading r, a, b;
    fine(image_create(900, 500, &im, ERR));
    draw(&im, tshirt, 12, 60, 40, 280, 420, 190, 30, 40);
    draw(&im, trousers, 7, 560, 40, 280, 420, 30, 40, 100);
    fine(image_crop(&im, 0, 0, 420, 500, &left, ERR));
    fine(image_crop(&im, 520, 0, 380, 500, &right, ERR));
    fine(infer_read(model, 0, &im, INFER_READ_PIECES, &r, ERR));
    fine(infer_read(model, 0, &left, INFER_READ_PIECES, &a, ERR));
    fine(infer_read(model, 0, &right, INFER_READ_PIECES, &b, ERR));
    assert_sound(&r);
    if (a.sure && b.sure && !(r.sure && r.top[0].p >= .9f)) {
        assert_int_equal(r.n_pieces, 2);
        bool first_is_left = r.pieces[0].box.x < r.pieces[1].box.x;
        assert_string_equal(r.pieces[first_is_left ? 0 : 1].category.name, a.top[0].name);
        assert_string_equal(r.pieces[first_is_left ? 1 : 0].category.name, b.top[0].name);
        assert_string_equal(r.pieces[first_is_left ? 0 : 1].colours[0].name, "Red");
    } else {
        print_message("the model is not sure of drawings: %s %.2f, %s %.2f, both %s %.2f\n", a.top[0].name,
                      a.top[0].p, b.top[0].name, b.top[0].p, r.top[0].name, r.top[0].p);
    }
    infer_reading_release(&r);
    fine(infer_read(model, 0, &im, INFER_READ_LABELS, &r, ERR)); /* not asked for: one piece around both */
    assert_int_equal(r.n_pieces, 1);
    assert_true(r.pieces[0].box.w > .7f);
    infer_reading_release(&r);
    infer_reading_release(&a);
    infer_reading_release(&b);
    image_release(&im);
    image_release(&left);
    image_release(&right);
}

static void test_no_garment_at_all(void **state)
{
    (void)state;
    need_model();
    static const int sizes[][2] = {{1, 1}, {3, 700}, {300, 200}};
    for (size_t i = 0; i < 3; i++) {
        struct image im;
        struct infer_reading r;
        uint32_t s = 3;
        fine(image_create(sizes[i][0], sizes[i][1], &im, ERR));
        for (int k = 0; k < sizes[i][0] * sizes[i][1] * 3; k++)
            im.rgb[k] = (uint8_t)((s = s * 1664525u + 1013904223u) >> 24);
        fine(infer_read(model, 0, &im, INFER_READ_PIECES, &r, ERR));
        assert_sound(&r); /* a best guess all the same */
        assert_int_equal(r.n_pieces, 1);
        infer_reading_release(&r);
        image_release(&im);
    }
}

static void test_json(void **state)
{
    (void)state;
    need_model();
    struct image im;
    struct infer_reading r;
    struct buf text = BUF_INIT(1 << 20);
    struct jout out = JOUT_INIT(&text);
    struct jval *doc = NULL;
    bool sure;
    double number;
    fine(image_create(400, 500, &im, ERR));
    draw(&im, trousers, 7, 60, 40, 280, 420, 16, 26, 66);
    fine(infer_read(model, 0, &im, INFER_READ_PIECES, &r, ERR));
    jout_object(&out);
    infer_reading_write(model, &r, &out);
    jout_end(&out);
    fine(jval_parse(buf_str(&text), 1 << 20, &doc, ERR));
    assert_true(str_eqz(jval_str(jval_get(doc, "category")), r.top[0].name));
    assert_true(str_eqz(jval_str(jval_get(doc, "colour")), r.colour.name));
    assert_true(str_eqz(jval_str(jval_get(doc, "gender")), r.gender.name));
    assert_true(str_eqz(jval_str(jval_get(doc, "season")), r.season.name));
    assert_true(str_eqz(jval_str(jval_get(doc, "style")), r.style.name));
    assert_true(str_eqz(jval_str(jval_get(doc, "model")), infer_version(model)));
    assert_true(jval_bool(jval_get(doc, "sure"), &sure) && sure == r.sure);
    assert_int_equal(jval_len(jval_get(doc, "categories")), INFER_TOP);
    const struct jval *piece = jval_at(jval_get(doc, "pieces"), 0),
                      *colour = jval_at(jval_get(doc, "colours"), 0);
    assert_int_equal(jval_len(jval_get(piece, "box")), 4);
    assert_true(jval_f64(jval_at(jval_get(piece, "box"), 2), &number) && number > .3 && number <= 1);
    assert_true(jval_str(jval_get(piece, "category")).n > 0);
    assert_true(str_eqz(jval_str(jval_get(colour, "name")), "Navy Blue"));
    struct str hex = jval_str(jval_get(colour, "hex"));
    assert_true(hex.n == 7 && hex.p[0] == '#');
    assert_true(jval_f64(jval_get(jval_get(doc, "probabilities"), "gender"), &number) && number > 0 &&
                number <= 1);
    jval_destroy(doc);
    buf_release(&text);
    infer_reading_release(&r);
    image_release(&im);
}

static int setup(void **state)
{
    (void)state;
    return model_open("test_infer_vision", &(struct infer_options){.no_text = true});
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
        cmocka_unit_test(test_one_garment),
        cmocka_unit_test(test_two_garments),
        cmocka_unit_test(test_no_garment_at_all),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
