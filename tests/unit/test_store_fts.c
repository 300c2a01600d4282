/* The full-text index against a plain model of what it must find, on the database of PENDERIE_TEST_STORE. */
#include "base/clock.h"
#include "base/fs.h"
#include "store/fts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[] = "/tmp/penderie-fts-XXXXXX";
static char url[256];
static struct store *store;
static struct err err;

static const struct fts_schema words = {"t_words", {"title", "brand", "text"}, {4, 2, 1}};

#define OK(call)                                                           \
    do {                                                                   \
        enum rc rc_ = (call);                                              \
        if (rc_) fail_msg("%s: %s: %s", #call, rc_name(rc_), err.message); \
    } while (0)

static struct store_tx *begin(enum store_mode mode)
{
    struct store_tx *tx;
    OK(store_begin(store, mode, &tx, &err));
    return tx;
}

static int set_up(void **state)
{
    (void)state;
    const struct store_options options = {.name = "fts"};
    const char *given = getenv("PENDERIE_TEST_STORE");
    if (!mkdtemp(dir)) return 1;
    if (given)
        snprintf(url, sizeof url, "%s", given);
    else
        snprintf(url, sizeof url, "sqlite:%s/fts.db", dir);
    OK(store_open(url, &options, &store, &err));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(store);
    return fs_remove_tree(dir, NULL) != RC_OK;
}

static int empty_index(void **state)
{
    (void)state;
    static const char *const tables[] = {"t_words_stat", "t_words_doc", "t_words_len", "t_words_post"};
    struct store_tx *tx = begin(STORE_WRITE);
    for (int i = 0; i < 4; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s", tables[i]);
        OK(store_exec(tx, sql, STORE_NO_ARGS, NULL, &err));
    }
    OK(fts_create(tx, &words, &err));
    OK(store_commit(tx, &err));
    return 0;
}

static void put(struct store_tx *tx, int64_t doc, const char *title, const char *brand, const char *text)
{
    OK(fts_put(tx, &words, doc, (const struct str[]){str_of(title), str_of(brand), str_of(text)}, &err));
}

enum { MAX_HITS = 64 };
static struct fts_hit hits[MAX_HITS];

/* `query`: terms between blanks, alternatives between '|', a '*' behind a term for a prefix. */
static size_t search_in(struct store_tx *tx, const char *query, bool any)
{
    struct str alternatives[FTS_MAX_TERMS][8], rest = str_of(query), word;
    struct fts_term terms[FTS_MAX_TERMS];
    size_t n = 0, found = 0;
    while ((word = str_split(&rest, ' ')).p) {
        terms[n] = (struct fts_term){alternatives[n], 0, str_ends(word, STR("*"))};
        if (terms[n].prefix) word.n--;
        for (struct str one; (one = str_split(&word, '|')).p;)
            alternatives[n][terms[n].n++] = one;
        n++;
    }
    OK(fts_search(tx, &words, terms, n, any, MAX_HITS, hits, &found, &err));
    return found;
}

static size_t search(const char *query, bool any)
{
    struct store_tx *tx = begin(STORE_READ);
    size_t n = search_in(tx, query, any);
    store_rollback(tx);
    return n;
}

static void assert_found(const char *query, bool any, const char *docs)
{
    char found[512] = "";
    size_t n = search(query, any), used = 0;
    for (size_t i = 0; i < n; i++)
        used +=
            (size_t)snprintf(found + used, sizeof found - used, i ? " %lld" : "%lld", (long long)hits[i].doc);
    if (strcmp(found, docs) != 0) fail_msg("\"%s\": found %s, not %s", query, found, docs);
}

static void test_finds(void **state)
{
    (void)state;
    struct store_tx *tx = begin(STORE_WRITE);
    put(tx, 1, "rob fleur", "maison", "longu rob en coton");
    put(tx, 2, "chemis bleu", "maison", "coton doux");
    put(tx, 3, "jean", "denim_co", "bleu 501");
    put(tx, 5000, "été ひらがな", "", NULL);
    OK(store_commit(tx, &err));
    assert_found("rob", false, "1");
    assert_found("coton", false, "2 1"); /* the shorter text first */
    assert_found("bleu", false, "2 3");  /* title before text */
    assert_found("bleu coton", false, "2");
    assert_found("bleu coton", true, "2 3 1");
    assert_found("bleu nowhere", false, "");
    assert_found("bleu nowhere", true, "2 3");
    assert_found("nowhere", true, "");
    assert_found("dress|rob", false, "1");
    assert_found("dress|rob coton|cotton", false, "1");
    assert_found("501", false, "3");
    assert_found("denim_co", false, "3");
    assert_found("été", false, "5000");
    assert_found("ひらがな", false, "5000");
    assert_found("che*", false, "2");
    assert_found("m*", false, "1 2");
    assert_found("bleu che*", false, "2");
    assert_found("é*", false, "5000");
    assert_found("z*", true, "");
    assert_found("", false, "");
}

/* What another engine takes for syntax is a token like any other, or nothing. */
static void test_no_syntax(void **state)
{
    (void)state;
    static const char *const hostile[] = {"\"",   "\"\"", "OR",      "AND",  "NOT", "NEAR(a", "title:rob",
                                          "-rob", "^rob", "{title}", "(",    ")",   "';DROP", "rob)",
                                          "%",    "_",    "\\",      "+rob", "\xff"};
    struct store_tx *tx = begin(STORE_WRITE);
    put(tx, 1, "rob", "", "");
    put(tx, 2, "OR title:rob \"", "", "");
    OK(store_commit(tx, &err));
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        size_t n = search(hostile[i], true);
        bool known = strcmp(hostile[i], "OR") == 0 || strcmp(hostile[i], "title:rob") == 0 ||
                     strcmp(hostile[i], "\"") == 0;
        assert_int_equal(n, known);
        if (known) assert_int_equal(hits[0].doc, 2);
    }
    assert_found("rob", true, "1");
}

static void test_replace_and_delete(void **state)
{
    (void)state;
    struct store_tx *tx = begin(STORE_WRITE);
    put(tx, 1, "rob", "a", "x y z");
    put(tx, 2, "rob", "b", "x");
    OK(store_commit(tx, &err));
    int64_t before, after;
    OK(store_version(store, &before, &err));
    tx = begin(STORE_WRITE);
    put(tx, 1, "rob", "a", "x y z"); /* the same */
    OK(store_commit(tx, &err));
    OK(store_version(store, &after, &err));
    assert_int_equal(before, after);
    tx = begin(STORE_WRITE);
    put(tx, 1, "jup", "a", "y");
    put(tx, 1, "jup", "c", "y");
    assert_int_equal(search_in(tx, "rob", true), 1); /* its own changes are seen */
    put(tx, 3, "rob", "c", "");
    OK(fts_delete(tx, &words, 2, &err));
    assert_int_equal(search_in(tx, "rob", true), 1);
    assert_int_equal(hits[0].doc, 3);
    assert_int_equal(search("rob", true), 2); /* but by nobody else */
    OK(store_commit(tx, &err));
    assert_found("rob", true, "3");
    assert_found("jup c", false, "1");
    assert_found("a", true, "");
    assert_found("z", true, "");
    tx = begin(STORE_WRITE);
    OK(fts_delete(tx, &words, 77, &err)); /* never there */
    OK(fts_delete(tx, &words, 1, &err));
    put(tx, 9, "gone", "", "");
    store_rollback(tx);
    assert_found("jup", true, "1");
    assert_found("gone", true, "");
    tx = begin(STORE_WRITE);
    OK(fts_delete(tx, &words, 1, &err));
    OK(fts_delete(tx, &words, 3, &err));
    OK(store_commit(tx, &err));
    tx = begin(STORE_READ);
    int64_t n;
    OK(store_get_i64(tx, "SELECT count(*) FROM t_words_post", STORE_NO_ARGS, &n, NULL, &err));
    assert_int_equal(n, 0);
    OK(store_get_i64(tx, "SELECT docs FROM t_words_stat", STORE_NO_ARGS, &n, NULL, &err));
    assert_int_equal(n, 0);
    store_rollback(tx);
}

/* ------------------------------------------------------------------------------- against the model */

enum { DOCS = 300, VOCABULARY = 40, FIELDS = 3, LONGEST = 12 };
static struct {
    bool there;
    int64_t doc;
    int n[FIELDS];
    uint8_t word[FIELDS][LONGEST];
} model[DOCS];
static uint32_t seed = 7;

static unsigned draw(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void put_model(struct store_tx *tx, int k)
{
    char text[FIELDS][LONGEST * 8];
    struct str fields[FIELDS];
    model[k].there = true;
    for (int f = 0; f < FIELDS; f++) {
        size_t used = 0;
        text[f][0] = 0;
        model[k].n[f] = (int)draw(LONGEST + 1);
        for (int i = 0; i < model[k].n[f]; i++) {
            unsigned w = draw(VOCABULARY) * draw(VOCABULARY) / VOCABULARY; /* some are common */
            model[k].word[f][i] = (uint8_t)w;
            used += (size_t)snprintf(text[f] + used, sizeof text[f] - used, " w%u", w);
        }
        fields[f] = (struct str){text[f], used};
    }
    OK(fts_put(tx, &words, model[k].doc, fields, &err));
}

static double model_count(int k, unsigned w, const double *average)
{
    double count = 0;
    for (int f = 0; f < FIELDS; f++)
        for (int i = 0; i < model[k].n[f]; i++)
            if (model[k].word[f][i] == w) count += words.weights[f] / (.25 + .75 * model[k].n[f] / average[f]);
    return count;
}

/* The score of every document by the formula; -1: not found. */
static void model_search(const unsigned *terms, size_t n, bool any, double *score)
{
    double average[FIELDS] = {0}, docs = 0;
    size_t held[DOCS] = {0};
    for (int k = 0; k < DOCS; k++) {
        score[k] = 0;
        docs += model[k].there;
        for (int f = 0; f < FIELDS && model[k].there; f++)
            average[f] += model[k].n[f];
    }
    for (int f = 0; f < FIELDS; f++)
        average[f] /= docs;
    for (size_t t = 0; t < n; t++) {
        double df = 0;
        for (int k = 0; k < DOCS; k++)
            df += model[k].there && model_count(k, terms[t], average) > 0;
        for (int k = 0; k < DOCS; k++) {
            double count = model[k].there ? model_count(k, terms[t], average) : 0;
            held[k] += count > 0;
            score[k] += log(1 + (docs - df + .5) / (df + .5)) * count / (count + 1.2);
        }
    }
    for (int k = 0; k < DOCS; k++)
        if (!held[k] || (!any && held[k] < n)) score[k] = -1;
}

static void compare_with_model(void)
{
    double score[DOCS];
    unsigned terms[4];
    char query[64];
    size_t n = 1 + draw(4), used = 0, expected = 0;
    bool any = draw(2);
    for (size_t i = 0; i < n; i++) {
        do
            terms[i] = draw(VOCABULARY);
        while ((i > 0 && terms[i] == terms[0]) || (i > 1 && terms[i] == terms[1]) ||
               (i > 2 && terms[i] == terms[2]));
        used += (size_t)snprintf(query + used, sizeof query - used, i ? " w%u" : "w%u", terms[i]);
    }
    model_search(terms, n, any, score);
    for (int k = 0; k < DOCS; k++)
        expected += score[k] >= 0;
    size_t found = search(query, any);
    assert_int_equal(found, expected < MAX_HITS ? expected : MAX_HITS);
    double last = 1e9, worst_found = 1e9;
    bool is_hit[DOCS] = {false};
    for (size_t i = 0; i < found; i++) {
        int k = 0;
        while (k < DOCS && model[k].doc != hits[i].doc)
            k++;
        assert_true(k < DOCS && score[k] >= 0 && !is_hit[k]);
        is_hit[k] = true;
        if (fabs(hits[i].score - score[k]) > 1e-4 * (1 + score[k]))
            fail_msg("%s: doc %d scored %g, not %g", query, k, hits[i].score, score[k]);
        assert_true(hits[i].score <= last);
        last = worst_found = hits[i].score;
    }
    for (int k = 0; k < DOCS; k++) /* nothing better was left out */
        if (score[k] >= 0 && !is_hit[k]) assert_true(score[k] <= worst_found + 1e-4);
}

static void test_model(void **state)
{
    (void)state;
    memset(model, 0, sizeof model);
    for (int k = 0; k < DOCS; k++) /* close together, far apart, around a block's border, negative */
        model[k].doc = k < 100 ? 1000 + k : k < 200 ? (int64_t)k * 1000003 : k < 250 ? 2048 - 25 + k - 200 : -k;
    for (int round = 0; round < 12; round++) {
        struct store_tx *tx = begin(STORE_WRITE);
        for (int i = 0; i < 80; i++) {
            int k = (int)draw(DOCS);
            if (draw(4)) {
                put_model(tx, k);
            } else {
                OK(fts_delete(tx, &words, model[k].doc, &err));
                model[k].there = false;
            }
        }
        OK(store_commit(tx, &err));
        for (int i = 0; i < 25; i++)
            compare_with_model();
    }
}

/* A term counts as found once whatever its alternatives; with them its documents are more, so it is worth less. */
static void test_alternatives(void **state)
{
    (void)state;
    struct store_tx *tx = begin(STORE_WRITE);
    for (int64_t doc = 1; doc <= 10; doc++)
        put(tx, doc, doc <= 3 ? "rob" : doc <= 6 ? "dress" : "jean", "", "");
    OK(store_commit(tx, &err));
    assert_int_equal(search("rob", true), 3);
    double alone = hits[0].score;
    assert_int_equal(search("rob|dress", true), 6);
    assert_true(hits[0].score < alone);
    assert_true(hits[0].score == hits[5].score); /* the synonym is the term */
    double twice = hits[0].score;
    assert_int_equal(search("rob|dress|rob|dress", true), 6);
    assert_true(hits[0].score == twice);
    assert_int_equal(search("rob|dress jean", false), 0);
}

static void test_cap_and_ties(void **state)
{
    (void)state;
    struct store_tx *tx = begin(STORE_WRITE);
    for (int64_t doc = 1; doc <= 3000; doc++)
        put(tx, doc * 7, "rob", "", "");
    OK(store_commit(tx, &err));
    assert_int_equal(search("rob", true), MAX_HITS);
    for (int i = 0; i < MAX_HITS; i++)
        assert_int_equal(hits[i].doc, 7 * (i + 1));
    tx = begin(STORE_READ);
    size_t n = 99;
    const struct str token = STR("rob");
    const struct fts_term term = {&token, 1, false};
    OK(fts_search(tx, &words, &term, 1, true, 0, hits, &n, &err));
    assert_int_equal(n, 0);
    struct fts_term many[FTS_MAX_TERMS + 1];
    for (int i = 0; i <= FTS_MAX_TERMS; i++)
        many[i] = term;
    assert_int_equal(fts_search(tx, &words, many, FTS_MAX_TERMS + 1, true, 1, hits, &n, &err), RC_TOO_LARGE);
    OK(fts_search(tx, &words, many, FTS_MAX_TERMS, true, 1, hits, &n, &err));
    assert_int_equal(n, 1);
    store_rollback(tx);
}

static void test_large_texts(void **state)
{
    (void)state;
    size_t n = 3u << 20;
    char *text = malloc(n + 1), long_token[200];
    assert_non_null(text);
    for (size_t i = 0; i < n; i += 8)
        snprintf(text + i, 9, "w%06zu ", i / 8 % 1000000);
    memset(long_token, 'x', sizeof long_token);
    long_token[199] = 0;
    struct store_tx *tx = begin(STORE_WRITE);
    put(tx, 1, "rob", long_token, text);
    OK(store_commit(tx, &err));
    assert_found("w000001", true, "1");
    assert_found(long_token, true, "1");
    tx = begin(STORE_WRITE);
    memset(text, 'a', n); /* one token of 3 MB */
    put(tx, 1, text, "", "rob");
    OK(store_commit(tx, &err));
    assert_found("rob", true, "1");
    assert_found("w000001", true, "");
    free(text);
}

static void test_other_fields(void **state)
{
    (void)state;
    static const struct fts_schema other = {"t_words", {"title", "text"}, {1, 1}};
    struct store_tx *tx = begin(STORE_WRITE);
    OK(fts_create(tx, &words, &err)); /* again is fine */
    assert_int_equal(fts_create(tx, &other, &err), RC_CONFLICT);
    store_rollback(tx);
}

/* Damaged rows are told from good ones, or at least do no harm. */
static void test_damage(void **state)
{
    (void)state;
    int corrupt = 0;
    struct store_tx *tx = begin(STORE_WRITE);
    for (int64_t doc = 1; doc <= 20; doc++)
        put(tx, doc * 50, "rob", "b", "rob x y z");
    OK(store_commit(tx, &err));
    for (int i = 0; i < 200; i++) {
        char data[64];
        size_t n = draw(sizeof data), found;
        const struct str token = STR("rob");
        const struct fts_term term = {&token, 1, false};
        static const char *const updates[] = {
            "UPDATE t_words_post SET data = ?1", "UPDATE t_words_len SET lengths = ?1",
            "UPDATE t_words_stat SET sums = ?1", "UPDATE t_words_doc SET tokens = ?1"};
        for (size_t j = 0; j < n; j++)
            data[j] = (char)draw(i % 2 ? 256 : 8);
        tx = begin(STORE_WRITE);
        OK(store_exec(tx, updates[i % 4], STORE_ARGS(STORE_B(data, n)), NULL, &err));
        enum rc rc = fts_search(tx, &words, &term, 1, true, MAX_HITS, hits, &found, &err);
        if (!rc) rc = fts_put(tx, &words, 50, (const struct str[]){STR("new"), STR("b"), STR_NONE}, &err);
        if (!rc) rc = fts_search(tx, &words, &term, 1, true, MAX_HITS, hits, &found, &err);
        assert_true(rc == RC_OK || rc == RC_CORRUPT);
        corrupt += rc == RC_CORRUPT;
        store_rollback(tx);
    }
    assert_true(corrupt > 100);
}

static _Atomic bool stop_searching;
static _Atomic int failures;

/* Title and text always agree, whichever state a search meets. */
static void *search_often(void *arg)
{
    (void)arg;
    const struct str a = STR("aa"), b = STR("bb");
    const struct fts_term terms[] = {{&a, 1, false}, {&b, 1, false}};
    while (!stop_searching) {
        struct store_tx *tx;
        struct fts_hit mine[8];
        size_t only_a = 0, only_b = 0, both = 0;
        enum rc rc = store_begin(store, STORE_READ, &tx, NULL);
        if (rc) {
            failures++;
            continue;
        }
        rc = fts_search(tx, &words, &terms[0], 1, true, 8, mine, &only_a, NULL);
        if (!rc) rc = fts_search(tx, &words, &terms[1], 1, true, 8, mine, &only_b, NULL);
        if (!rc) rc = fts_search(tx, &words, terms, 2, true, 8, mine, &both, NULL);
        store_rollback(tx);
        failures += rc || only_a + only_b != 8 || both != 8;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t searchers[3];
    struct store_tx *tx = begin(STORE_WRITE);
    for (int64_t doc = 0; doc < 8; doc++)
        put(tx, doc * 1024, "aa", "", "");
    OK(store_commit(tx, &err));
    stop_searching = false;
    failures = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&searchers[i], NULL, search_often, NULL), 0);
    for (int i = 0; i < 60; i++) {
        tx = begin(STORE_WRITE);
        for (int j = 0; j < 3; j++)
            put(tx, (int64_t)draw(8) * 1024, draw(2) ? "aa" : "bb", "", "");
        OK(store_commit(tx, &err));
    }
    stop_searching = true;
    for (int i = 0; i < 3; i++)
        pthread_join(searchers[i], NULL);
    assert_int_equal(failures, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, empty_index)
    const struct CMUnitTest tests[] = {
        T(test_finds),        T(test_no_syntax),    T(test_replace_and_delete), T(test_model),
        T(test_alternatives), T(test_cap_and_ties), T(test_large_texts),        T(test_other_fields),
        T(test_damage),       T(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
