#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/jout.h"
#include "base/jval.h"
#include "lang/understand.h"

static struct vocab *vocab;
static struct lang_dict *dict;
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    arena = ARENA_INIT(64 << 20);
    if (vocab_open("vocabulary", NULL, &vocab, &err)) return -1;
    if (lang_dict_create(&dict, &err)) return -1;
    static const char *const titles[] = {"Nike Men Air Max 90 Black Shoe", "Peter England Men Party Blue Jeans",
                                         "Red Tape Men Brown Shoes", "Gas Men Navy Jeans",
                                         "Fabindia Women Orchid Kurta"};
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < 5; i++)
            if (lang_dict_add_text(dict, str_of(titles[i]), &err)) return -1;
    static const char *const brands[] = {"Nike",     "Peter England", "Red Tape", "Gas",
                                         "Fabindia", "Blue",          "Nike"};
    for (size_t i = 0; i < 7; i++)
        if (lang_dict_add_brand(dict, str_of(brands[i]), &err)) return -1;
    return (int)lang_dict_seal(dict, &err);
}

static int teardown(void **state)
{
    (void)state;
    lang_dict_destroy(dict);
    vocab_close(vocab);
    arena_release(&arena);
    return 0;
}

static struct lang_query q;

static void ask(const char *text)
{
    struct err err = {0};
    arena_reset(&arena);
    assert_int_equal(lang_understand(vocab, dict, str_of(text), &arena, &q, &err), RC_OK);
}

static float weight(const struct lang_values *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->v[i].name, name) == 0) return v->v[i].weight;
    return 0;
}

static void first(const char *text, enum vocab_field field, const char *want)
{
    ask(text);
    const struct lang_values *v = &q.values[field];
    if (v->n == 0 || strcmp(v->v[0].name, want) != 0)
        print_error("%s: %s, not %s\n", text, v->n ? v->v[0].name : "nothing", want);
    assert_true(v->n > 0);
    assert_string_equal(v->v[0].name, want);
}

static void plain_words(void **state)
{
    (void)state;
    first("robe", VOCAB_CATEGORY, "dress");
    first("tee shirt rouge pour femme", VOCAB_CATEGORY, "t-shirt");
    assert_string_equal(q.values[VOCAB_COLOUR].v[0].name, "Red");
    assert_string_equal(q.values[VOCAB_GENDER].v[0].name, "Women");
    assert_true(weight(&q.values[VOCAB_GENDER], "Unisex") > .5f);
    first("bleu", VOCAB_COLOUR, "Blue");
    float navy = weight(&q.values[VOCAB_COLOUR], "Navy Blue");
    assert_true(navy > .3f && navy < 1);
    first("bleu marine", VOCAB_COLOUR, "Navy Blue");
    ask("sneakers");
    assert_true(weight(&q.values[VOCAB_CATEGORY], "casual-shoes") >= .9f);
    assert_true(weight(&q.values[VOCAB_CATEGORY], "sports-shoes") >= .9f);
    first("chaussures pour courir", VOCAB_CATEGORY, "sports-shoes");
    first("jewellery set", VOCAB_CATEGORY, "jewellery-set");
    first("robe rose", VOCAB_COLOUR, "Pink");
    first("montre dor\u00e9e", VOCAB_COLOUR, "Gold");
    first("bracelet en or", VOCAB_COLOUR, "Gold");
    first("chemise en lin", VOCAB_MATERIAL, "linen");
    first("chemise \u00e0 rayures", VOCAB_PATTERN, "striped");
    first("manteau d'hiver", VOCAB_SEASON, "Winter");
    first("jean taille 38", VOCAB_SIZE, "38");
    ask("t-shirt et jean");
    assert_true(weight(&q.values[VOCAB_CATEGORY], "t-shirt") > .9f &&
                weight(&q.values[VOCAB_CATEGORY], "jeans") > .9f);
}

static void the_language_decides_between_meanings(void **state)
{
    (void)state;
    first("une robe pour le soir", VOCAB_CATEGORY, "dress");
    first("robe for the bathroom", VOCAB_CATEGORY, "nightwear");
    first("slip noir", VOCAB_CATEGORY, "briefs");
    first("slip on shoes", VOCAB_CATEGORY, "casual-shoes");
    ask("gold or silver"); /* English "or" is no colour */
    assert_true(weight(&q.values[VOCAB_COLOUR], "Silver") > 0);
}

static void spelling_is_forgiven(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *category;
    } cases[] = {{"jogin gris", "joggers"},
                 {"baskete rouge", "casual-shoes"},
                 {"chossettes", "socks"},
                 {"casquete", "hat"},
                 {"pijama", "nightwear"},
                 {"portemonnaie", "wallet"},
                 {"porte monaie", "wallet"},
                 {"flip flop", "flip-flops"},
                 {"flipflops", "flip-flops"},
                 {"sunglases", "sunglasses"},
                 {"chemize", "shirt"},
                 {"escarpain", "heels"},
                 {"soutien gorge", "bra"},
                 {"balerines", "flats"},
                 {"lunette soleil", "sunglasses"},
                 {"sac main", "handbag"},
                 {"earings", "earrings"},
                 {"pantallon", "trousers"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        first(cases[i].typed, VOCAB_CATEGORY, cases[i].category);
    ask("chossettes noires");
    assert_non_null(q.corrected.p);
    assert_string_equal(q.corrected.p, "chaussettes noires");
    ask("chaussettes noires");
    assert_null(q.corrected.p);
}

static void known_words_are_left_alone(void **state)
{
    (void)state;
    static const char *const right[] = {"vest",       "veste", "nike orchid", "gas jeans",
                                        "robe verte", "kurta", "501",         "xl"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        ask(right[i]);
        if (q.corrected.p) print_error("%s -> %s\n", right[i], q.corrected.p);
        assert_null(q.corrected.p);
    }
    ask("vest");
    assert_true(weight(&q.values[VOCAB_CATEGORY], "undershirt") > weight(&q.values[VOCAB_CATEGORY], "jacket"));
    first("veste", VOCAB_CATEGORY, "jacket");
}

static void price(const char *text, int64_t least, int64_t most)
{
    ask(text);
    if (q.price_min_cents != least || q.price_max_cents != most)
        print_error("%s: %lld %lld\n", text, (long long)q.price_min_cents, (long long)q.price_max_cents);
    assert_int_equal(q.price_min_cents, least);
    assert_int_equal(q.price_max_cents, most);
}

static void prices(void **state)
{
    (void)state;
    price("robe moins de 50 euros", -1, 5000);
    price("robe \u00e0 moins de 49,90 \u20ac", -1, 4990);
    price("shoes under 40\u20ac", -1, 4000);
    price("shoes under 40", -1, 4000);
    price("sac entre 20 et 40 euros", 2000, 4000);
    price("bag between 20 and 40 euros", 2000, 4000);
    price("plus de 100 \u20ac", 10000, -1);
    price("montre 30 euros max", -1, 3000);
    price("Nike Air Max 90 Black Shoe", -1, -1);
    price("jean 501 taille 38", -1, -1);
    price("robe", -1, -1);
}

static void negation(void **state)
{
    (void)state;
    ask("robe pas noire");
    assert_true(weight(&q.without[VOCAB_COLOUR], "Black") > 0);
    assert_true(weight(&q.values[VOCAB_COLOUR], "Black") == 0);
    first("robe pas noire", VOCAB_CATEGORY, "dress");
    ask("chaussures pas cher");
    assert_true(q.cheap);
    ask("shirt without stripes");
    assert_true(q.n_unwanted > 0 || weight(&q.without[VOCAB_PATTERN], "striped") > 0);
}

static void brands(void **state)
{
    (void)state;
    ask("red tape shoes brown");
    assert_string_equal(q.brand.p, "Red Tape");
    assert_true(weight(&q.values[VOCAB_COLOUR], "Red") == 0);
    ask("nike noir");
    assert_string_equal(q.brand.p, "Nike");
    ask("blue jeans"); /* "Blue" is a brand here too, but a colour first */
    assert_null(q.brand.p);
    struct str found[4];
    assert_int_equal(lang_dict_brands(dict, STR("pe"), found, 4), 1);
    assert_true(str_eqz(found[0], "Peter England"));
}

static void terms_tell_what_is_left(void **state)
{
    (void)state;
    ask("je cherche une robe zorglub");
    assert_true(q.n_terms >= 2 && q.explained > .5f && q.explained < 1);
    const struct lang_term *last = &q.terms[q.n_terms - 1];
    assert_true(str_eqz(last->typed, "zorglub"));
    assert_false(last->explained);
    ask("");
    assert_int_equal(q.n_terms, 0);
    ask("!!! \u20ac ---");
    assert_int_equal(q.n_terms, 0);
}

static void any_input_is_survived(void **state)
{
    (void)state;
    char text[3000];
    unsigned s = 7;
    for (int round = 0; round < 300; round++) {
        size_t n = (size_t)(s >> 8) % (sizeof text - 1);
        for (size_t i = 0; i < n; i++) {
            s = s * 1664525 + 1013904223;
            text[i] = round % 3 ? (char)("abcdeorst 0123456789',.-\xc3\xa9\xe2\x82\xac"[(s >> 16) % 30])
                                : (char)(s >> 24);
            if (!text[i]) text[i] = ' ';
        }
        text[n] = '\0';
        ask(text);
        struct buf out = BUF_INIT(1 << 20);
        struct jout json = JOUT_INIT(&out);
        struct jval *doc = NULL;
        jout_object(&json);
        lang_query_write(&q, &json);
        jout_end(&json);
        assert_int_equal(jval_parse(buf_str(&out), 1 << 20, &doc, NULL), RC_OK);
        jval_destroy(doc);
        buf_release(&out);
        s = s * 1664525 + 1013904223;
    }
}

static void suggestions(void **state)
{
    (void)state;
    struct str out[8];
    arena_reset(&arena);
    size_t n = lang_suggest(vocab, STR("esc"), "fr", &arena, out, 8);
    assert_true(n > 0);
    bool pumps = false;
    for (size_t i = 0; i < n; i++)
        pumps |= str_eqz(out[i], "escarpin");
    assert_true(pumps);
    assert_int_equal(lang_suggest(vocab, STR("zzzz"), "fr", &arena, out, 8), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words),
        cmocka_unit_test(the_language_decides_between_meanings),
        cmocka_unit_test(spelling_is_forgiven),
        cmocka_unit_test(known_words_are_left_alone),
        cmocka_unit_test(prices),
        cmocka_unit_test(negation),
        cmocka_unit_test(brands),
        cmocka_unit_test(terms_tell_what_is_left),
        cmocka_unit_test(any_input_is_survived),
        cmocka_unit_test(suggestions),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
