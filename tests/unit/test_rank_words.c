/*
 * How well words are understood, measured on a real catalogue (../shared/data, skipped where it is absent):
 * people's own words (tests/fixtures/words_heldout.csv was written before the vocabulary) and exact titles.
 * PENDERIE_SHOW=words prints the queries that miss, PENDERIE_QUERY="robe noir" one answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/jout.h"
#include "lang/csv.h"
#include "rank/search.h"

static struct vocab *vocab;
static struct rank_snapshot *snapshot;
static struct arena arena;
static char *text;

static const char products_csv[] = "../shared/data/products.csv";

static int load(void **state)
{
    (void)state;
    struct err err = {0};
    struct csv csv;
    size_t n;
    bool more;
    if (!fs_exists(products_csv)) return 0;
    arena = ARENA_INIT(1 << 30);
    assert_int_equal(vocab_open("vocabulary", NULL, &vocab, &err), RC_OK);
    assert_int_equal(rank_snapshot_create(vocab, 0, &snapshot, &err), RC_OK);
    assert_int_equal(fs_read(products_csv, 64 << 20, &text, &n, &err), RC_OK);
    assert_int_equal(csv_open(&csv, products_csv, text, n, &err), RC_OK);
    for (int64_t doc = 1; csv_next(&csv, &more, &err) == RC_OK && more; doc++) {
        char type[256];
        struct str name = csv_get(&csv, "name");
        snprintf(type, sizeof type, "%.*s > %.*s > %.*s", STR_ARG(csv_get(&csv, "masterCategory")),
                 STR_ARG(csv_get(&csv, "subCategory")), STR_ARG(csv_get(&csv, "articleType")));
        struct catalog_row row = {.doc = doc,
                                  .id = csv_get(&csv, "id"),
                                  .title = name,
                                  .brand = str_sub(name, 0, str_chr(name, ' ')),
                                  .category = str_of(vocab_category(vocab, str_of(type), STR_NONE, name)),
                                  .colour =
                                      str_of(vocab_canonical(vocab, VOCAB_COLOUR, csv_get(&csv, "baseColour"))),
                                  .gender = csv_get(&csv, "gender"),
                                  .season = csv_get(&csv, "season"),
                                  .style = str_of(vocab_canonical(vocab, VOCAB_STYLE, csv_get(&csv, "usage")))};
        enum rc rc = rank_snapshot_row(snapshot, &row, &err);
        if (rc) print_error("%s\n", err.message);
        assert_int_equal(rc, RC_OK);
    }
    assert_int_equal(rank_snapshot_seal(snapshot, 1, &err), RC_OK);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    rank_snapshot_release(snapshot);
    vocab_close(vocab);
    arena_release(&arena);
    free(text);
    return 0;
}

static void needs_products(void)
{
    if (snapshot) return;
    print_message("%s is not here: skipped\n", products_csv);
    skip();
}

static struct rank_answer ask(struct str words)
{
    struct rank_scope scope = {vocab, snapshot, NULL, NULL};
    struct rank_query q = {.text = words, .filter = RANK_FILTER_NONE, .limit = 10, .lang = "en"};
    struct rank_answer answer;
    struct err err = {0};
    arena_reset(&arena);
    enum rc rc = rank_search_in(&scope, &q, &arena, &answer, &err);
    if (rc) print_error("%.*s: %s\n", STR_ARG(words), err.message);
    assert_int_equal(rc, RC_OK);
    return answer;
}

static bool in_list(struct str list, struct str word)
{
    struct str one;
    if (list.n == 0) return true;
    while ((one = str_split(&list, '|')).p)
        if (str_eq(one, word)) return true;
    return false;
}

static void show(const struct rank_answer *a)
{
    print_message("   %.*s\n", STR_ARG(a->understood));
    for (size_t i = 0; i < a->n; i++) {
        size_t r = (size_t)rank_snapshot_find_id(snapshot, a->items[i].id);
        print_message("   %.3f %.*s | %.*s %.*s %.*s\n", (double)a->items[i].score, STR_ARG(a->items[i].title),
                      STR_ARG(rank_value(snapshot, RANK_CATEGORY, r)),
                      STR_ARG(rank_value(snapshot, RANK_COLOUR, r)),
                      STR_ARG(rank_value(snapshot, RANK_GENDER, r)));
    }
}

/* Precision of the first ten over a file of query,categories,colours,genders. */
static double precision(const char *path)
{
    struct err err = {0};
    struct csv csv;
    char *file;
    size_t n, queries = 0;
    double sum = 0;
    bool more;
    const char *verbose = getenv("PENDERIE_SHOW");
    assert_int_equal(fs_read(path, 1 << 20, &file, &n, &err), RC_OK);
    assert_int_equal(csv_open(&csv, path, file, n, &err), RC_OK);
    while (csv_next(&csv, &more, &err) == RC_OK && more) {
        struct rank_answer a = ask(csv_get(&csv, "query"));
        size_t good = 0;
        for (size_t i = 0; i < a.n; i++) {
            size_t r = (size_t)rank_snapshot_find_id(snapshot, a.items[i].id);
            good += in_list(csv_get(&csv, "categories"), rank_value(snapshot, RANK_CATEGORY, r)) &&
                    in_list(csv_get(&csv, "colours"), rank_value(snapshot, RANK_COLOUR, r)) &&
                    in_list(csv_get(&csv, "genders"), rank_value(snapshot, RANK_GENDER, r));
        }
        sum += (double)good / 10;
        queries++;
        if (verbose && good < 10) {
            print_message("%zu/10 %.*s\n", good, STR_ARG(csv_get(&csv, "query")));
            show(&a);
        }
    }
    free(file);
    assert_true(queries > 0);
    print_message("%s: p10 %.4f of %zu queries\n", path, sum / (double)queries, queries);
    return sum / (double)queries;
}

static void peoples_words(void **state)
{
    (void)state;
    needs_products();
    const char *one = getenv("PENDERIE_QUERY");
    if (one) {
        struct rank_answer a = ask(str_of(one));
        show(&a);
        return;
    }
    assert_true(precision("tests/fixtures/words_heldout.csv") >= .95);
    assert_true(precision("tests/fixtures/words_second.csv") >= .95);
    if (fs_exists("../shared/eval/words.csv")) assert_true(precision("../shared/eval/words.csv") >= .95);
}

static void exact_titles_come_first(void **state)
{
    (void)state;
    needs_products();
    size_t asked = 0, first = 0, missed = 0;
    int64_t began = clock_mono_us();
    for (size_t r = 0; r < snapshot->n; r += 37) {
        struct rank_answer a = ask(snapshot->products[r].title);
        size_t got = a.n ? (size_t)rank_snapshot_find_id(snapshot, a.items[0].id) : 0;
        first += a.n && snapshot->products[got].title_hash == snapshot->products[r].title_hash;
        if (first != ++asked - missed) {
            print_message("not first: %.*s -> %.*s\n", STR_ARG(snapshot->products[r].title),
                          STR_ARG(snapshot->products[got].title));
            missed++;
        }
    }
    print_message("%zu of %zu titles first, %.2f ms each\n", first, asked,
                  (double)(clock_mono_us() - began) / 1000 / (double)asked);
    assert_int_equal(first, asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peoples_words),
        cmocka_unit_test(exact_titles_come_first),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
