#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "crypt/crypt.h"
#include "rank/rank_internal.h"
#include "rank/search.h"

#include <math.h>

enum { DIM = 32, ROWS = 600 };
static struct vocab *vocab;
static struct rank_snapshot *snapshot;
static struct arena arena;

static const char *const kinds[][2] = {
    {"dress", "Dress"}, {"jeans", "Jeans"}, {"heels", "Heels"}, {"t-shirt", "Tshirt"}};
static const char *const colours[] = {"Black", "Red", "Blue", "White", "Green"};
static const char *const genders[] = {"Women", "Men", "Unisex"};

static void embedding(size_t i, float out[DIM])
{
    float sum = 0;
    for (size_t k = 0; k < DIM; k++) {
        out[k] = sinf((float)(i * 31 + k * 7)) + (k == i % 4 ? 3.f : 0);
        sum += out[k] * out[k];
    }
    for (size_t k = 0; k < DIM; k++)
        out[k] /= sqrtf(sum);
}

static struct rank_snapshot *build(size_t rows, struct err *err)
{
    struct rank_snapshot *s = NULL;
    assert_int_equal(rank_snapshot_create(vocab, DIM, &s, err), RC_OK);
    s->generation = 7;
    for (size_t i = 0; i < rows; i++) {
        char id[16], title[64], sizes[32];
        float v[DIM];
        embedding(i, v);
        snprintf(id, sizeof id, "p%zu", i);
        snprintf(title, sizeof title, "%s %s %s %s No %zu", i % 3 ? "Acme" : "Bolt", genders[i % 3],
                 colours[i % 5], kinds[i % 4][1], i);
        snprintf(sizes, sizeof sizes, "%s|%zu", i % 2 ? "M" : "L", 36 + i % 6);
        struct catalog_row row = {.doc = (int64_t)i * 3 + 5,
                                  .id = str_of(id),
                                  .title = str_of(title),
                                  .brand = i % 3 ? STR("Acme") : STR("Bolt"),
                                  .category = str_of(kinds[i % 4][0]),
                                  .colour = str_of(colours[i % 5]),
                                  .gender = str_of(genders[i % 3]),
                                  .sizes = str_of(sizes),
                                  .first_seen_ms = 1700000000000 + (int64_t)i * 60000,
                                  .embedding = v,
                                  .dim = DIM,
                                  .dhash = (uint64_t)i * 0x9e3779b97f4a7c15u};
        assert_int_equal(rank_snapshot_row(s, &row, err), RC_OK);
    }
    assert_int_equal(rank_snapshot_seal(s, 1, err), RC_OK);
    for (size_t i = 0; i < rows; i++)
        for (int shop = 0; shop < 2; shop++) {
            if (shop && i % 10) continue;
            struct catalog_offer o = {.doc = (int64_t)i * 3 + 5,
                                      .shop = shop ? STR("lyon") : STR(""),
                                      .currency = STR("EUR"),
                                      .price_cents = 1000 + (int64_t)i * 10,
                                      .sale_cents = i % 4 ? -1 : 900 + (int64_t)i * 10,
                                      .available = shop || i % 7};
            assert_int_equal(rank_snapshot_offer(s, &o, err), RC_OK);
        }
    return s;
}

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    arena = ARENA_INIT(256 << 20);
    if (crypt_startup(&err) || vocab_open("vocabulary", NULL, &vocab, &err)) return -1;
    snapshot = build(ROWS, &err);
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

static enum rc search(const struct rank_query *q, struct rank_answer *a, struct err *err)
{
    struct rank_scope scope = {vocab, snapshot, NULL, NULL};
    return rank_search_in(&scope, q, &arena, a, err);
}

static struct rank_answer find(const struct rank_query *q)
{
    struct rank_answer a;
    struct err err = {0};
    enum rc rc = search(q, &a, &err);
    if (rc) print_error("%s\n", err.message);
    assert_int_equal(rc, RC_OK);
    return a;
}

static struct rank_query text_query(const char *text, size_t limit)
{
    return (struct rank_query){.text = str_of(text), .filter = RANK_FILTER_NONE, .limit = limit, .lang = "en"};
}

static size_t number(const struct rank_item *item)
{
    int64_t v;
    assert_true(str_to_i64(str_sub(item->id, 1, 20), &v));
    return (size_t)v;
}

static void words_find_what_they_say(void **state)
{
    (void)state;
    struct rank_query q = text_query("robe rouge pour femme", 10);
    struct rank_answer a = find(&q);
    assert_int_equal(a.n, 10);
    for (size_t i = 0; i < a.n; i++) {
        assert_true(str_eqz(a.items[i].category, "dress"));
        assert_true(str_eqz(a.items[i].colour, "Red"));
        assert_true(str_eqz(a.items[i].gender, "Women"));
        assert_true(a.items[i].score >= 0 && a.items[i].score <= 1);
    }
    assert_int_equal(a.generation, 7);
    assert_int_equal(a.matched, ROWS);
}

static void exact_title_first(void **state)
{
    (void)state;
    struct rank_query q = text_query("", 5);
    for (size_t i = 0; i < ROWS; i += 50) {
        q.text = snapshot->products[i].title;
        struct rank_answer a = find(&q);
        assert_int_equal(number(&a.items[0]), i);
        assert_string_equal(a.items[0].reasons[0].code, "same_title");
    }
}

/* Every filter against brute force, whatever is asked. */
static void filters_are_exact(void **state)
{
    (void)state;
    for (size_t n = 0; n < 40; n++) {
        struct rank_query q = text_query(n % 2 ? "robe" : "black jeans", RANK_MAX_LIMIT);
        struct rank_filter *f = &q.filter;
        if (n & 1) f->category = (struct rank_values){.v = {STR("dress"), STR("heels")}, .n = 2};
        if (n & 2) f->colour = (struct rank_values){.v = {STR("Red")}, .n = 1};
        if (n & 4) f->size = (struct rank_values){.v = {STR("M")}, .n = 1};
        if (n & 8) f->price_max_cents = 2500;
        if (n & 16) f->available_only = true;
        if (n & 32) f->shop = STR("lyon"), f->on_sale_only = true;
        size_t want = 0;
        for (size_t i = 0; i < ROWS; i++) {
            bool fine = true, lyon = n & 32;
            int64_t pays = i % 4 ? 1000 + (int64_t)i * 10 : 900 + (int64_t)i * 10;
            if (n & 1) fine &= i % 4 == 0 || i % 4 == 2;
            if (n & 2) fine &= i % 5 == 1;
            if (n & 4) fine &= i % 2;
            if (n & 8) fine &= pays <= 2500 && (!lyon || i % 10 == 0);
            if (n & 16) fine &= lyon ? i % 10 == 0 : i % 7 != 0;
            if (lyon) fine &= i % 10 == 0 && i % 4 == 0;
            want += fine;
        }
        struct rank_answer a = find(&q);
        assert_int_equal(a.matched, want);
        assert_int_equal(a.n, want < RANK_MAX_LIMIT ? want : RANK_MAX_LIMIT);
        for (size_t i = 0; i < a.n; i++) {
            size_t r = number(&a.items[i]);
            if (n & 1) assert_true(r % 4 == 0 || r % 4 == 2);
            if (n & 2) assert_int_equal(r % 5, 1);
            if (n & 4) assert_int_equal(r % 2, 1);
        }
    }
    struct rank_query q = text_query("robe", 10);
    q.filter.colour = (struct rank_values){.v = {STR("Ultraviolet")}, .n = 1};
    assert_int_equal(find(&q).n, 0);
}

/* A feed that writes anything into its sizes: no bitset each, and the same answers. */
static void sizes_without_bound(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct err err = {0};
    struct rank_snapshot *s = NULL;
    assert_int_equal(rank_snapshot_create(vocab, 0, &s, &err), RC_OK);
    for (int64_t i = 0; i < N; i++) {
        char id[16], sizes[32];
        snprintf(id, sizeof id, "p%lld", (long long)i);
        snprintf(sizes, sizeof sizes, "%ssize-%lld", i % 3 ? "M|" : "", (long long)i);
        struct catalog_row row = {.doc = i + 1, .id = str_of(id), .title = str_of(id), .sizes = str_of(sizes)};
        assert_int_equal(rank_snapshot_row(s, &row, &err), RC_OK);
    }
    assert_int_equal(rank_snapshot_seal(s, 1, &err), RC_OK);
    assert_null(s->attributes[RANK_SIZE].bits[rank_code(s, RANK_SIZE, STR("M"))]);
    struct rank_scope scope = {vocab, s, NULL, NULL};
    struct rank_query q = text_query("size", 20);
    struct rank_answer a;
    q.facets = true;
    q.filter.size = (struct rank_values){.v = {STR("size-17"), STR("size-18")}, .n = 2};
    assert_int_equal(rank_search_in(&scope, &q, &arena, &a, &err), RC_OK);
    assert_int_equal(a.matched, 2);
    for (size_t i = 0; i < a.n_facets; i++) /* 17 has M too, 18 has not */
        if (strcmp(a.facets[i].field, "size") == 0) assert_int_equal(a.facets[i].count, 1);
    q.filter.size = (struct rank_values){.v = {STR("M")}, .n = 1};
    assert_int_equal(rank_search_in(&scope, &q, &arena, &a, &err), RC_OK);
    assert_int_equal(a.matched, 2000);
    rank_snapshot_release(s);
}

static void pages_follow_one_another(void **state)
{
    (void)state;
    bool seen[ROWS] = {false};
    size_t count = 0, pages = 0;
    struct rank_query q = text_query("red dress", 37);
    for (;;) {
        struct rank_answer a = find(&q);
        for (size_t i = 0; i < a.n; i++) {
            assert_false(seen[number(&a.items[i])]);
            seen[number(&a.items[i])] = true;
            count++;
        }
        pages++;
        if (!a.next_cursor.p) break;
        q.cursor = a.next_cursor;
        assert_true(pages < 50);
    }
    assert_int_equal(count, ROWS);
    struct rank_answer a;
    struct err err = {0};
    static const char *const bad[] = {"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "\xff\xfe"};
    for (size_t i = 0; i < 4; i++) {
        q.cursor = str_of(bad[i]);
        assert_int_equal(search(&q, &a, &err), RC_INVALID);
    }
}

static void orders(void **state)
{
    (void)state;
    struct rank_query q = text_query("red dress", 20);
    q.sort = RANK_CHEAPEST;
    struct rank_answer a = find(&q);
    assert_true(a.n > 5);
    for (size_t i = 1; i < a.n; i++) {
        int64_t x = a.items[i - 1].sale_cents >= 0 ? a.items[i - 1].sale_cents : a.items[i - 1].price_cents;
        int64_t y = a.items[i].sale_cents >= 0 ? a.items[i].sale_cents : a.items[i].price_cents;
        assert_true(x <= y);
        assert_true(str_eqz(a.items[i].category, "dress"));
    }
    struct rank_query browse = {.filter = RANK_FILTER_NONE, .limit = 5, .browse = true};
    a = find(&browse);
    assert_int_equal(a.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(number(&a.items[i]), ROWS - 1 - i);
}

static void pictures_and_products(void **state)
{
    (void)state;
    float v[DIM];
    embedding(8, v);
    struct rank_seen seen = {
        .category = {{STR("dress"), .9f}}, .n_category = 1, .colour = {{STR("White"), .8f}}, .n_colour = 1};
    struct rank_query q = {
        .picture = v, .seen = &seen, .filter = RANK_FILTER_NONE, .limit = 10, .lang = "fr", .distinct = true};
    struct rank_answer a = find(&q);
    assert_int_equal(number(&a.items[0]), 8);
    assert_string_equal(a.items[0].reasons[0].code, "same_picture");
    for (size_t i = 0; i < a.n; i++)
        assert_true(str_eqz(a.items[i].category, "dress"));
    q.text = STR("en noir"); /* words go before the photo, in what they say */
    a = find(&q);
    for (size_t i = 0; i < a.n; i++) {
        assert_true(str_eqz(a.items[i].category, "dress"));
        assert_true(str_eqz(a.items[i].colour, "Black"));
    }
    struct rank_query like = {.similar_to = STR("p8"), .filter = RANK_FILTER_NONE, .limit = 10, .lang = "en"};
    a = find(&like);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_not_equal(number(&a.items[i]), 8);
        assert_true(str_eqz(a.items[i].category, "dress"));
        assert_true(str_eqz(a.items[i].colour, "White"));
    }
    struct err err = {0};
    like.similar_to = STR("nobody");
    assert_int_equal(search(&like, &a, &err), RC_NOT_FOUND);
    struct rank_query nothing = {.filter = RANK_FILTER_NONE, .limit = 10};
    assert_int_equal(search(&nothing, &a, &err), RC_INVALID);
    nothing = text_query("robe", 0);
    assert_int_equal(search(&nothing, &a, &err), RC_INVALID);
}

static void reasons_are_true(void **state)
{
    (void)state;
    struct rank_query q = text_query("red dress for women on sale", 40);
    struct rank_answer a = find(&q);
    size_t on_sale = 0;
    for (size_t i = 0; i < a.n; i++)
        for (size_t k = 0; k < a.items[i].n_reasons; k++) {
            const struct rank_reason *r = &a.items[i].reasons[k];
            if (strcmp(r->code, "category") == 0) assert_true(str_eqz(a.items[i].category, "dress"));
            if (strcmp(r->code, "colour") == 0)
                assert_true(vocab_near(vocab, VOCAB_COLOUR, "Red", a.items[i].colour.p) > 0);
            if (strcmp(r->code, "on_sale") == 0) {
                assert_true(a.items[i].sale_cents >= 0 && a.items[i].sale_cents < a.items[i].price_cents);
                on_sale++;
            }
        }
    assert_true(on_sale > 0);
    q.lang = "fr";
    assert_non_null(strstr(find(&q).items[0].reasons[0].text.p, "Robe"));
}

static void facets_count(void **state)
{
    (void)state;
    struct rank_query q = text_query("dress", 5);
    q.facets = true;
    q.filter.category = (struct rank_values){.v = {STR("dress")}, .n = 1};
    struct rank_answer a = find(&q);
    size_t colours_seen = 0, sum = 0;
    for (size_t i = 0; i < a.n_facets; i++)
        if (strcmp(a.facets[i].field, "colour") == 0) {
            colours_seen++;
            sum += a.facets[i].count;
        }
    assert_int_equal(colours_seen, 5);
    assert_int_equal(sum, ROWS / 4);
}

static void tokens_prove_what_was_listed(void **state)
{
    (void)state;
    uint8_t key[CRYPT_KEY_BYTES] = {1, 2, 3}, other[CRYPT_KEY_BYTES] = {9};
    struct rank_query q = text_query("dress", 20);
    struct rank_answer a = find(&q);
    struct str token;
    struct rank_token t;
    struct err err = {0};
    int position;
    clock_freeze(1800000000000);
    assert_int_equal(rank_token_make(key, 't', &a, &arena, &token, &err), RC_OK);
    assert_true(token.n < RANK_TOKEN_BYTES);
    assert_int_equal(rank_token_read(key, token, a.items[13].id, 60000, &t, &position, &err), RC_OK);
    assert_int_equal(position, 13);
    assert_int_equal(t.generation, 7);
    assert_int_equal(t.at_ms, 1800000000000);
    assert_int_equal(rank_token_read(key, token, STR("p1"), 60000, &t, &position, &err), RC_UNPROCESSABLE);
    assert_int_equal(rank_token_read(other, token, a.items[0].id, 60000, &t, &position, &err), RC_INVALID);
    clock_freeze(1800000000000 + 60001);
    assert_int_equal(rank_token_read(key, token, a.items[0].id, 60000, &t, &position, &err), RC_INVALID);
    clock_freeze(1800000000000);
    for (size_t i = 0; i < token.n; i += 7) { /* any changed character is noticed */
        char *copy = arena_strz(&arena, token);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        enum rc rc = rank_token_read(key, str_of(copy), a.items[0].id, 60000, &t, &position, &err);
        assert_true(rc == RC_INVALID);
    }
    clock_freeze(-1);
}

static void an_empty_catalogue_answers(void **state)
{
    (void)state;
    struct err err = {0};
    struct rank_snapshot *none = build(0, &err);
    struct rank_scope scope = {vocab, none, NULL, NULL};
    struct rank_query q = text_query("robe noire", 10);
    struct rank_answer a;
    q.facets = true;
    assert_int_equal(rank_search_in(&scope, &q, &arena, &a, &err), RC_OK);
    assert_int_equal(a.n, 0);
    rank_snapshot_release(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_find_what_they_say),
        cmocka_unit_test(exact_title_first),
        cmocka_unit_test(filters_are_exact),
        cmocka_unit_test(sizes_without_bound),
        cmocka_unit_test(pages_follow_one_another),
        cmocka_unit_test(orders),
        cmocka_unit_test(pictures_and_products),
        cmocka_unit_test(reasons_are_true),
        cmocka_unit_test(facets_count),
        cmocka_unit_test(tokens_prove_what_was_listed),
        cmocka_unit_test(an_empty_catalogue_answers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
