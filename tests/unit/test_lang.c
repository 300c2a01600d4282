#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/fs.h"
#include "lang/csv.h"
#include "lang/text.h"
#include "lang/vocab.h"

#include <pthread.h>
#include <unistd.h>

static struct vocab *vocab;

static int open_vocab(void **state)
{
    (void)state;
    struct err err = {0};
    enum rc rc = vocab_open("vocabulary", NULL, &vocab, &err);
    if (rc) print_error("%s\n", err.message);
    return (int)rc;
}

static int close_vocab(void **state)
{
    (void)state;
    vocab_close(vocab);
    return 0;
}

static void folds_to(const char *text, const char *want)
{
    struct buf out = BUF_INIT(4096);
    lang_fold(str_of(text), &out);
    assert_string_equal(out.p, want);
    buf_release(&out);
}

static void text_is_folded(void **state)
{
    (void)state;
    folds_to("", "");
    folds_to("  Robe d'ÉTÉ  ", "robe ete");
    folds_to("l\u2019\u0153il, C\u0152UR & \u00c6gir", "oeil coeur aegir");
    folds_to("T-Shirt, t shirt, Tee-shirts, TSHIRT", "tshirt tshirt tshirts tshirt");
    folds_to("Men's Levi's 501", "men levi 501");
    folds_to("e\u0301te\u0301", "ete"); /* combining accents */
    folds_to("Straße \u4e2d\u6587 \u041c\u0418\u0420", "strasse \u4e2d\u6587 \u043c\u0438\u0440");
    folds_to("a\xff\xfe"
             "b",
             "a b"); /* malformed bytes separate */
    folds_to("aujourd'hui qu'elle", "aujourd hui elle");
    folds_to("tee box", "tee box");
}

static void long_words_are_cut(void **state)
{
    (void)state;
    char text[500];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct lang_words it = LANG_WORDS(str_of(text));
    struct lang_word w;
    assert_true(lang_next(&it, &w));
    assert_int_equal(w.n, LANG_WORD_BYTES - 1);
    assert_int_equal(w.len, 499);
    assert_false(lang_next(&it, &w));
}

static void analysis_agrees_across_forms(void **state)
{
    (void)state;
    static const char *const same[][2] = {{"Chaussures noires", "chaussure noire"},
                                          {"Striped shirts", "striped shirt"},
                                          {"Robes d'été", "robe ete"},
                                          {"Men's T-Shirts", "men tshirt"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
        lang_analyse(str_of(same[i][0]), &a);
        lang_analyse(str_of(same[i][1]), &b);
        assert_true(a.n > 0);
        assert_string_equal(a.p, b.p);
        buf_release(&a);
        buf_release(&b);
    }
    struct buf a = BUF_INIT(4096);
    lang_analyse(STR("de la 501 xl"), &a);
    assert_string_equal(a.p, "501 xl");
    buf_release(&a);
}

static void *stem_in_thread(void *arg)
{
    (void)arg;
    char out[LANG_WORD_BYTES];
    for (int i = 0; i < 1000; i++) {
        size_t n = lang_stem(LANG_EN, STR("running"), out);
        if (n != 3 || strcmp(out, "run") != 0) return (void *)1;
        lang_stem(LANG_FR, STR("continuellement"), out);
        if (strcmp(out, "continuel") != 0) return (void *)1;
    }
    return NULL;
}

static void stemmers_work_side_by_side(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, stem_in_thread, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_null(failed);
    }
}

static void same_key(int level, const char *a, const char *b)
{
    char ka[LANG_WORD_BYTES], kb[LANG_WORD_BYTES];
    lang_key(level, str_of(a), ka);
    lang_key(level, str_of(b), kb);
    if (strcmp(ka, kb) != 0) print_error("%s -> %s, %s -> %s\n", a, ka, b, kb);
    assert_string_equal(ka, kb);
}

static void keys_forgive(void **state)
{
    (void)state;
    same_key(1, "robes", "robe");
    same_key(1, "manteaux", "manteau");
    same_key(1, "panties", "panty");
    same_key(2, "balerines", "ballerine");
    same_key(2, "casquete", "casquette");
    same_key(2, "watches", "watch");
    same_key(3, "chossettes", "chaussettes");
    same_key(3, "pijama", "pyjama");
    same_key(3, "eskarpin", "escarpin");
    char a[LANG_WORD_BYTES], b[LANG_WORD_BYTES];
    lang_key(0, STR("vest"), a);
    lang_key(0, STR("veste"), b);
    assert_string_not_equal(a, b);
    lang_key(1, STR("dress"), a);
    assert_string_equal(a, "dress");
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(lang_distance(STR("jogin"), STR("jogging"), 2), 2);
    assert_int_equal(lang_distance(STR("jena"), STR("jean"), 2), 1); /* swapped */
    assert_int_equal(lang_distance(STR("robe"), STR("robe"), 2), 0);
    assert_int_equal(lang_distance(STR("robe"), STR("chapeau"), 2), 3);
    assert_int_equal(lang_distance(STR(""), STR("ab"), 2), 2);
}

static void is(enum vocab_field field, const char *text, const char *want)
{
    const char *got = vocab_canonical(vocab, field, str_of(text));
    if (!got || !want) {
        if (got != want) print_error("%s -> %s\n", text, got ? got : "NULL");
        assert_true(got == want);
        return;
    }
    if (strcmp(got, want) != 0) print_error("%s -> %s\n", text, got);
    assert_string_equal(got, want);
}

static void values_are_brought_to_one_name(void **state)
{
    (void)state;
    is(VOCAB_COLOUR, "bleu marine", "Navy Blue");
    is(VOCAB_COLOUR, "NOIR/BLANC", "Black");
    is(VOCAB_COLOUR, "Noires", "Black");
    is(VOCAB_COLOUR, "gray", "Grey");
    is(VOCAB_COLOUR, "Écru", "Cream");
    is(VOCAB_COLOUR, "dorée", "Gold");
    is(VOCAB_COLOUR, "Rose", "Pink"); /* French first */
    is(VOCAB_COLOUR, "Grey Melange", "Grey Melange");
    is(VOCAB_COLOUR, "NA", NULL);
    is(VOCAB_COLOUR, "", NULL);
    is(VOCAB_GENDER, "Homme", "Men");
    is(VOCAB_GENDER, "female", "Women");
    is(VOCAB_GENDER, "unisex", "Unisex");
    is(VOCAB_GENDER, "Garçon", "Boys");
    is(VOCAB_AGE_GROUP, "adult", "adult");
    is(VOCAB_AGE_GROUP, "bébé", "infant");
    is(VOCAB_SEASON, "Automne-Hiver", "Fall");
    is(VOCAB_STYLE, "Décontracté", "Casual");
    is(VOCAB_MATERIAL, "100 % coton", "cotton");
    is(VOCAB_PATTERN, "à rayures", "striped");
    is(VOCAB_SIZE, "38", "38");
    is(VOCAB_SIZE, "taille L", "L");
    is(VOCAB_SIZE, "Taille unique", "one size");
    is(VOCAB_SIZE, "2XL", "XXL");
}

static void category_is(const char *type, const char *google, const char *title, const char *want)
{
    const char *got = vocab_category(vocab, str_of(type), str_of(google), str_of(title));
    if (!got || strcmp(got, want) != 0)
        print_error("%s | %s | %s -> %s\n", type, google, title, got ? got : "NULL");
    assert_non_null(got);
    assert_string_equal(got, want);
}

static void categories_come_from_the_feed(void **state)
{
    (void)state;
    category_is("Femme > Robes > Robes longues", "", "Long rouge", "dress");
    category_is("Femme > Robe", "", "", "dress");
    category_is("Apparel > Loungewear and Nightwear > Robe", "", "", "nightwear");
    category_is("Chaussures > Baskets", "", "", "casual-shoes");
    category_is("Footwear > Shoes > Sports Shoes", "", "", "sports-shoes");
    category_is("Chaussures", "", "Escarpins vernis", "heels");
    category_is("", "2271", "", "dress");
    category_is("", "Apparel & Accessories > Clothing > Dresses > Whatever", "", "dress");
    category_is("", "Apparel & Accessories > Shoes", "Ballerines rouges", "flats");
    category_is("", "", "Robe chemise en lin", "dress");
    category_is("", "", "Puma Men Black Running Shoes", "sports-shoes");
    category_is("", "", "Sac à dos noir en toile", "backpack");
    category_is("Homme/Vestes/Perfectos", "", "", "jacket");
    assert_null(vocab_category(vocab, STR(""), STR(""), STR("xyzzy")));
    assert_null(vocab_category(vocab, STR_NONE, STR_NONE, STR_NONE));
}

static void every_taxonomy_name_is_known(void **state)
{
    (void)state;
    const char *path = "../shared/eval/taxonomy.csv";
    if (!fs_exists(path)) {
        print_message("%s is not here: skipped\n", path);
        skip();
    }
    struct err err = {0};
    char *text;
    size_t n, rows = 0;
    assert_int_equal(fs_read(path, 1 << 20, &text, &n, &err), RC_OK);
    struct csv csv;
    bool more;
    assert_int_equal(csv_open(&csv, path, text, n, &err), RC_OK);
    while (csv_next(&csv, &more, &err) == RC_OK && more) {
        char name[64], want[64];
        snprintf(want, sizeof want, "%.*s", STR_ARG(csv_get(&csv, "category")));
        struct str types = csv_get(&csv, "kagl_article_types"), one;
        while ((one = str_split(&types, '|')).p) {
            snprintf(name, sizeof name, "Apparel > %s > %.*s",
                     strcmp(want, "nightwear") ? "Any" : "Loungewear and Nightwear", STR_ARG(one));
            if (one.n) category_is(name, "", "", want);
        }
        assert_string_equal(vocab_group(vocab, want), csv_get(&csv, "group").p ? vocab_group(vocab, want) : "");
        struct str group = csv_get(&csv, "group");
        assert_true(str_eqz(group, vocab_group(vocab, want)));
        rows++;
    }
    assert_int_equal(rows, vocab_names(vocab, VOCAB_CATEGORY, NULL));
    free(text);
}

static void labels(void **state)
{
    (void)state;
    assert_string_equal(vocab_label(vocab, VOCAB_CATEGORY, "dress", "fr"), "Robe");
    assert_string_equal(vocab_label(vocab, VOCAB_COLOUR, "Navy Blue", "fr"), "bleu marine");
    assert_string_equal(vocab_label(vocab, VOCAB_COLOUR, "Navy Blue", "en"), "navy blue");
    assert_string_equal(vocab_label(vocab, VOCAB_COLOUR, "Plaid", "en"), "Plaid");
    assert_null(vocab_group(vocab, "spaceship"));
}

static void a_house_comes_over_the_shipped(void **state)
{
    (void)state;
    char dir[] = "/tmp/penderie-vocab-XXXXXX", path[64];
    struct err err = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/colours.csv", dir);
    const char good[] =
        "name,fr,en,synonyms_fr\nRed,rouge,red,\"coquelicot de la maison|rouge\"\nRuby,rubis,ruby,rubis\n";
    assert_int_equal(fs_write_atomic(path, good, sizeof good - 1, 0600, &err), RC_OK);
    struct vocab *v = NULL;
    assert_int_equal(vocab_open("vocabulary", dir, &v, &err), RC_OK);
    assert_string_equal(vocab_canonical(v, VOCAB_COLOUR, STR("Coquelicot de la maison")), "Red");
    assert_string_equal(vocab_canonical(v, VOCAB_COLOUR, STR("rubis")), "Ruby");
    assert_null(vocab_canonical(v, VOCAB_COLOUR, STR("ecarlate"))); /* the shipped row was replaced */
    vocab_close(v);
    const char bad[] = "name,fr,en,synonyms_fr\nRed,rouge,red,\"rouge";
    assert_int_equal(fs_write_atomic(path, bad, sizeof bad - 1, 0600, &err), RC_OK);
    assert_int_equal(vocab_open("vocabulary", dir, &v, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "colours.csv:2: column 4"));
    const char wrong[] = "name,fr,en,also\nRed,rouge,red,Blurple:0.5\n";
    assert_int_equal(fs_write_atomic(path, wrong, sizeof wrong - 1, 0600, &err), RC_OK);
    assert_int_equal(vocab_open("vocabulary", dir, &v, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "Blurple"));
    assert_int_equal(fs_remove_tree(dir, &err), RC_OK);
    assert_int_equal(vocab_open("/nowhere/at/all", NULL, &v, &err), RC_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_folded),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(analysis_agrees_across_forms),
        cmocka_unit_test(stemmers_work_side_by_side),
        cmocka_unit_test(keys_forgive),
        cmocka_unit_test(distances),
        cmocka_unit_test(values_are_brought_to_one_name),
        cmocka_unit_test(categories_come_from_the_feed),
        cmocka_unit_test(every_taxonomy_name_is_known),
        cmocka_unit_test(labels),
        cmocka_unit_test(a_house_comes_over_the_shipped),
    };
    return cmocka_run_group_tests(tests, open_vocab, close_vocab);
}
