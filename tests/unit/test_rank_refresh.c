/* New snapshots while searches run: every answer is of one generation, whole, and lives on when its snapshot is gone.
 * Under ThreadSanitizer and AddressSanitizer this also says that nothing is freed too early, or never. */
#include "test.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/module.h"
#include "blob/blob.h"
#include "catalog/catalog.h"
#include "catalog/import.h"
#include "crypt/crypt.h"
#include "rank/rank_internal.h"
#include "rank/search.h"
#include "rank/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PRODUCTS = 40, SEARCHERS = 3, GENERATIONS = 8 };

static struct err err;
static struct app app;
static char feed_path[700];

static int setup(void **state)
{
    char url[700];
    const struct store_options options = {.name = "catalog", .readers = SEARCHERS + 3};
    if (temp_dir_make(state)) return -1;
    app = (struct app){.data_dir = *state, .job_workers = 1};
    snprintf(feed_path, sizeof feed_path, "%s/feed.csv", app.data_dir);
    assert_ok(crypt_startup(&err));
    snprintf(url, sizeof url, "sqlite:%s/catalog.db", app.data_dir);
    assert_ok(store_open(url, &options, &app.catalog, &err));
    assert_ok(store_migrate(app.catalog, "catalog", catalog_module.migrations, &err));
    snprintf(url, sizeof url, "file:%s/blobs", app.data_dir);
    assert_ok(blob_open(url, &app.blobs, &err));
    return 0;
}

static int teardown(void **state)
{
    rank_close(app.rank);
    blob_close(app.blobs);
    store_close(app.catalog);
    return temp_dir_remove(state);
}

/* Publishes a generation in which every product says which one it is, in its title and its price. */
static void publish(int64_t generation)
{
    struct buf feed = BUF_INIT(1 << 20);
    struct catalog_import_options options = {.feed = feed_path};
    struct catalog_import_result result;
    buf_addz(&feed, "id,title,price,product_type,color\n");
    for (int i = 0; i < PRODUCTS; i++)
        buf_addf(&feed, "p%d,Robe numero %d lot %lld,%lld.00,Robes,%s\n", i, i, (long long)generation,
                 (long long)generation, i % 2 ? "rouge" : "bleu");
    assert_ok(fs_write_atomic(feed_path, feed.p, feed.n, 0600, &err));
    buf_release(&feed);
    assert_ok(catalog_import(&app, &options, &result, &err));
    assert_int_equal(result.generation, generation);
}

/* ---- one thread ---- */

static void a_search_keeps_its_snapshot(void **state)
{
    (void)state;
    struct vocab *vocab = NULL;
    struct rank_snapshot *s = NULL;
    struct arena arena = ARENA_INIT(16 << 20);
    struct rank_answer a;
    struct catalog_row row = {.doc = 1, .id = STR("p1"), .title = STR("Robe rouge"), .category = STR("dress")};
    struct rank_query q = {.text = STR("robe"), .filter = RANK_FILTER_NONE, .limit = 5, .lang = "fr"};
    assert_ok(vocab_open(NULL, NULL, &vocab, &err));
    assert_ok(rank_snapshot_create(vocab, 0, &s, &err));
    assert_ok(rank_snapshot_row(s, &row, &err));
    assert_ok(rank_snapshot_seal(s, 1, &err));
    struct rank_snapshot *held = rank_snapshot_retain(s); /* as a search begins */
    rank_snapshot_release(s);                             /* as another one is switched to */
    struct rank_scope scope = {vocab, held, NULL, NULL};
    assert_ok(rank_search_in(&scope, &q, &arena, &a, &err));
    rank_snapshot_release(held); /* the last one: freed here */
    assert_int_equal(a.n, 1);
    assert_true(str_eqz(a.items[0].id, "p1") && str_eqz(a.items[0].title, "Robe rouge"));
    arena_release(&arena);
    vocab_close(vocab);
}

static void refresh_follows_the_generation(void **state)
{
    (void)state;
    bool changed = true;
    assert_ok(rank_open(&app, &app.rank, &err));
    assert_ok(rank_refresh(app.rank, &changed, &err));
    assert_false(changed);
    publish(1);
    assert_ok(rank_refresh(app.rank, &changed, &err));
    assert_true(changed);
    assert_ok(rank_refresh(app.rank, &changed, &err));
    assert_false(changed);
    rank_close(app.rank);
    app.rank = NULL;
}

/* ---- many ---- */

static atomic_bool over;
static atomic_int searched, switched, wrong;

static void check(bool fine, const char *what)
{
    if (fine) return;
    if (atomic_fetch_add(&wrong, 1) < 5) print_error("%s\n", what);
}

/* All products of one generation and nothing else. */
static void check_answer(const struct rank_answer *a)
{
    char lot[32];
    snprintf(lot, sizeof lot, "lot %lld", (long long)a->generation);
    check(a->n == PRODUCTS && a->matched == PRODUCTS, "an answer has all products");
    for (size_t i = 0; i < a->n; i++) {
        check(str_ends(a->items[i].title, str_of(lot)), "a title is of another generation");
        check(a->items[i].price_cents == a->generation * 100, "a price is of another generation");
    }
}

/* Pages of ten, whatever is published in between: each page is of one generation, and no page repeats a product. */
static void check_pages(struct arena *arena)
{
    static const char *const texts[] = {"robe", "robe rouge", "lot"};
    bool seen[PRODUCTS] = {false};
    struct rank_query q = {.text = str_of(texts[atomic_load(&searched) % 3]),
                           .filter = RANK_FILTER_NONE,
                           .limit = 10,
                           .lang = "fr"};
    for (int page = 0; page < 4; page++) {
        struct rank_answer a;
        struct err e;
        if (rank_search(app.rank, &q, arena, &a, &e)) {
            check(false, e.message);
            return;
        }
        check(a.n == 10, "a page is full");
        for (size_t i = 0; i < a.n; i++) {
            int64_t number = -1;
            check(a.items[i].price_cents == a.generation * 100, "a page mixes generations");
            if (!str_to_i64(str_sub(a.items[i].id, 1, 8), &number) || number < 0 || number >= PRODUCTS)
                continue;
            check(!seen[number], "two pages have the same product");
            seen[number] = true;
        }
        q.cursor = a.next_cursor;
    }
    check(!q.cursor.p, "there are four pages");
}

static void *searcher(void *arg)
{
    (void)arg;
    struct arena arenas[2] = {ARENA_INIT(64 << 20), ARENA_INIT(64 << 20)};
    struct rank_answer before = {.n = 0};
    for (int turn = 0; !atomic_load(&over); turn = !turn) {
        struct rank_answer a = {.n = 0};
        struct err e;
        struct rank_query q = {
            .filter = RANK_FILTER_NONE, .limit = RANK_MAX_LIMIT, .browse = true, .lang = "en"};
        arena_reset(&arenas[turn]);
        if (rank_search(app.rank, &q, &arenas[turn], &a, &e)) check(false, e.message);
        check_answer(&a);
        if (before.n) check_answer(&before); /* its snapshot may be gone by now */
        check(a.generation >= before.generation, "time does not run back");
        check_pages(&arenas[turn]);
        before = a;
        atomic_fetch_add(&searched, 1);
    }
    arena_release(&arenas[0]);
    arena_release(&arenas[1]);
    return NULL;
}

/* Two of them, as no server has: a refresh that meets another waits for it, and finds nothing left to do. */
static void *refresher(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        bool changed = false;
        struct err e;
        if (rank_refresh(app.rank, &changed, &e)) check(false, e.message);
        if (changed) atomic_fetch_add(&switched, 1);
        usleep(2000);
    }
    return NULL;
}

static void searches_go_on_while_snapshots_switch(void **state)
{
    (void)state;
    pthread_t threads[SEARCHERS + 2];
    publish(1);
    assert_ok(rank_open(&app, &app.rank, &err));
    for (int i = 0; i < SEARCHERS + 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < SEARCHERS ? searcher : refresher, NULL), 0);
    for (int64_t g = 2; g <= GENERATIONS; g++) {
        int had = atomic_load(&searched), was = atomic_load(&switched);
        publish(g);
        for (int i = 0; i < 5000 && (atomic_load(&switched) == was || atomic_load(&searched) < had + 6); i++)
            usleep(2000);
    }
    atomic_store(&over, true);
    for (int i = 0; i < SEARCHERS + 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&switched), GENERATIONS - 1);
    assert_true(atomic_load(&searched) >= 6 * (GENERATIONS - 1));
    print_message("%d searches over %d switches\n", atomic_load(&searched), atomic_load(&switched));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_keeps_its_snapshot),
        cmocka_unit_test_setup_teardown(refresh_follows_the_generation, setup, teardown),
        cmocka_unit_test_setup_teardown(searches_go_on_while_snapshots_switch, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
