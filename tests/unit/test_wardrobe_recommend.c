/* What suits a wardrobe: over a drawn-up catalogue and wardrobe, what is recommended and why. */
#include "test.h"

#include "base/clock.h"
#include "crypt/crypt.h"
#include "lang/vocab.h"
#include "rank/snapshot.h"
#include "wardrobe/wardrobe_internal.h"

#include <math.h>

enum { DIM = 32 };
static struct vocab *vocab;
static struct rank_snapshot *snapshot;
static struct arena arena;
static struct err err;

static const char *const kinds[] = {"t-shirt", "jeans", "heels", "jacket", "dress", "skirt", "casual-shoes"};
static const char *const colours[] = {"Black", "Red", "Orange", "White", "Green", "Blue", "Navy Blue"};
enum { KINDS = 7, COLOURS = 7, ROWS = KINDS * COLOURS * 4 };

static void picture(size_t kind, size_t colour, size_t i, float out[DIM])
{
    double sum = 0;
    for (size_t k = 0; k < DIM; k++) {
        out[k] = (k == kind ? 3.f : 0) + (k == 10 + colour ? 2.f : 0) + .8f * sinf((float)(i * 131 + k * 17));
        sum += (double)out[k] * (double)out[k];
    }
    for (size_t k = 0; k < DIM; k++)
        out[k] = (float)((double)out[k] / sqrt(sum));
}

static int setup(void **state)
{
    (void)state;
    arena = ARENA_INIT(64 << 20);
    if (crypt_startup(&err) || vocab_open("vocabulary", NULL, &vocab, &err) ||
        rank_snapshot_create(vocab, DIM, &snapshot, &err))
        return -1;
    for (size_t i = 0; i < ROWS; i++) {
        char id[16], title[64];
        float v[DIM];
        size_t kind = i % KINDS, colour = i / KINDS % COLOURS;
        picture(kind, colour, i, v);
        snprintf(id, sizeof id, "p%zu", i);
        snprintf(title, sizeof title, "%s %s %zu", colours[colour], kinds[kind], i);
        struct catalog_row row = {.doc = (int64_t)i + 1,
                                  .id = str_of(id),
                                  .title = str_of(title),
                                  .brand = STR("B"),
                                  .category = str_of(kinds[kind]),
                                  .colour = str_of(colours[colour]),
                                  .gender = i % 2 ? STR("Women") : STR("Men"),
                                  .style = i % 3 ? STR("Casual") : STR("Formal"),
                                  .sizes = i % 4 < 2 ? STR("M|L") : STR("S"),
                                  .first_seen_ms = 1700000000000,
                                  .embedding = v,
                                  .dim = DIM,
                                  .dhash = i * 0x9e3779b97f4a7c15u};
        if (rank_snapshot_row(snapshot, &row, &err)) return -1;
    }
    if (rank_snapshot_seal(snapshot, 1, &err)) return -1;
    for (size_t i = 0; i < ROWS; i++) {
        struct catalog_offer o = {.doc = (int64_t)i + 1,
                                  .shop = STR(""),
                                  .currency = STR("EUR"),
                                  .price_cents = 1000 + (int64_t)i * 50,
                                  .sale_cents = -1,
                                  .available = i % 11 != 0};
        if (rank_snapshot_offer(snapshot, &o, &err)) return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rank_snapshot_release(snapshot);
    vocab_close(vocab);
    arena_release(&arena);
    return 0;
}

static float seen[4][DIM];

static struct wardrobe_photo owned(size_t i, size_t kind, size_t colour)
{
    static const char *const ids[] = {"photo00000000000000000", "photo11111111111111111",
                                      "photo22222222222222222", "photo33333333333333333"};
    picture(kind, colour, 9000 + i, seen[i]);
    struct wardrobe_photo p = {.id = str_of(ids[i]), .model = STR("m 1"), .dim = DIM, .n = 1};
    p.pieces[0] = (struct wardrobe_piece){
        .id = str_of(ids[i]),
        .label = {str_of(kinds[kind]), str_of(colours[colour]), STR_NONE, STR_NONE, STR("Casual")},
        .embedding = seen[i]};
    return p;
}

static struct wardrobe_item *ask(const struct wardrobe_query *q, size_t *n)
{
    struct wardrobe_item *items = NULL;
    assert_ok(wardrobe_recommend(snapshot, vocab, "m 1", q, &arena, &items, n, &err));
    return items;
}

static const struct rank_reason *reason(const struct wardrobe_item *item, const char *code)
{
    for (size_t i = 0; i < item->product.n_reasons; i++)
        if (!strcmp(item->product.reasons[i].code, code)) return &item->product.reasons[i];
    return NULL;
}

static void completes_rather_than_repeats(void **state)
{
    (void)state;
    struct wardrobe_photo photos[] = {owned(0, 0, 1), owned(1, 0, 3), owned(2, 0, 0)}; /* three t-shirts */
    struct wardrobe_query q = {
        .photos = photos, .n_photos = 3, .wish = {.budget_cents = -1}, .limit = 8, .lang = "fr"};
    size_t n, gaps = 0;
    struct wardrobe_item *items = ask(&q, &n);
    assert_int_equal(n, 8);
    for (size_t i = 0; i < n; i++) {
        assert_false(str_eqz(items[i].product.category, "t-shirt"));
        assert_true(items[i].product.available);
        const struct rank_reason *with = reason(&items[i], "goes_with");
        assert_non_null(with);
        assert_true(str_starts(with->text, STR("Va avec une pièce à vous")));
        assert_true(items[i].photo.n == WARDROBE_ID_CHARS);
        gaps += reason(&items[i], "new_kind") != NULL;
    }
    assert_true(gaps >= 3); /* no trousers, no shoes, no jacket in this wardrobe */
    bool other = false;
    for (size_t i = 1; i < n; i++)
        other = other || !str_eq(items[i].product.category, items[0].product.category);
    assert_true(other);
}

static void reasons_say_what_is_so(void **state)
{
    (void)state;
    struct wardrobe_photo photos[] = {owned(0, 1, 5)}; /* blue jeans */
    struct wardrobe_query q = {
        .photos = photos, .n_photos = 1, .wish = {.budget_cents = -1}, .limit = 20, .lang = "en"};
    size_t n;
    struct wardrobe_item *items = ask(&q, &n);
    for (size_t i = 0; i < n; i++) {
        struct str colour = items[i].product.colour;
        bool calm = str_eqz(colour, "Black") || str_eqz(colour, "White") || str_eqz(colour, "Navy Blue");
        if (reason(&items[i], "neutral")) assert_true(calm);
        if (reason(&items[i], "contrast")) assert_true(str_eqz(colour, "Orange") || str_eqz(colour, "Red"));
        if (reason(&items[i], "tones")) assert_true(str_eqz(colour, "Blue"));
        assert_false(str_eqz(items[i].product.category, "jeans") && str_eqz(colour, "Blue"));
        assert_null(reason(&items[i], "style"));
        assert_null(reason(&items[i], "size"));
    }
}

static void preferences_are_kept_to(void **state)
{
    (void)state;
    struct wardrobe_photo photos[] = {owned(0, 0, 3)};
    struct wardrobe_query q = {.photos = photos,
                               .n_photos = 1,
                               .wish = {.styles = {STR("Formal")},
                                        .n_styles = 1,
                                        .colours_avoided = {STR("Black"), STR("White")},
                                        .n_colours_avoided = 2,
                                        .sizes = {STR("M")},
                                        .n_sizes = 1,
                                        .genders = {STR("Women")},
                                        .n_genders = 1,
                                        .budget_cents = 6000},
                               .limit = 12,
                               .lang = "fr"};
    size_t n, formal = 0;
    struct wardrobe_item *items = ask(&q, &n);
    assert_true(n >= 6);
    for (size_t i = 0; i < n; i++) {
        const struct rank_item *p = &items[i].product;
        assert_false(str_eqz(p->colour, "Black") || str_eqz(p->colour, "White"));
        assert_true(str_eqz(p->gender, "Women"));
        assert_true(p->price_cents <= 6000);
        int64_t number = -1;
        assert_true(str_to_i64(str_sub(p->id, 1, 20), &number) && number % 4 < 2); /* M is to be had */
        assert_true(reason(&items[i], "size") || p->n_reasons == RANK_MAX_REASONS);
        assert_int_equal(str_eqz(p->style, "Formal"), reason(&items[i], "style") != NULL);
        formal += str_eqz(p->style, "Formal");
    }
    assert_true(formal * 2 >= n);
}

static void history_counts(void **state)
{
    (void)state;
    struct wardrobe_photo photos[] = {owned(0, 0, 3)};
    struct wardrobe_query q = {
        .photos = photos, .n_photos = 1, .wish = {.budget_cents = -1}, .limit = 5, .lang = "fr"};
    size_t n;
    struct wardrobe_item *before = ask(&q, &n);
    assert_true(n >= 2);
    struct activity_event events[] = {{ACTIVITY_DISMISS, 0, before[0].product.id},
                                      {ACTIVITY_BUY, 0, before[1].product.id}};
    q.events = events;
    q.n_events = 2;
    struct wardrobe_item *after = ask(&q, &n);
    for (size_t i = 0; i < n; i++) {
        assert_false(str_eq(after[i].product.id, before[0].product.id));
        assert_false(str_eq(after[i].product.id, before[1].product.id));
        /* The bought piece is part of the wardrobe now. */
        assert_false(str_eq(after[i].product.category, before[1].product.category) &&
                     str_eq(after[i].product.colour, before[1].product.colour));
    }
}

static void an_empty_wardrobe_gets_something(void **state)
{
    (void)state;
    struct wardrobe_query q = {.wish = {.budget_cents = -1}, .limit = 6, .lang = "fr"};
    size_t n;
    struct wardrobe_item *items = ask(&q, &n);
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_null(reason(&items[i], "goes_with"));
        assert_null(items[i].photo.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_rather_than_repeats),    cmocka_unit_test(reasons_say_what_is_so),
        cmocka_unit_test(preferences_are_kept_to),          cmocka_unit_test(history_counts),
        cmocka_unit_test(an_empty_wardrobe_gets_something),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
