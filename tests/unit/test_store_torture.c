/*
 * Everything a store does, with the nth allocation failing, for each n: no crash, no leak, an honest error,
 * and afterwards either all of a transaction or nothing. Allocations of SQLite and of the C library fail as
 * well as ours, because malloc() itself is replaced here (not under a sanitizer, which replaces it too: then
 * the test is skipped).
 *
 * By default every 17th n is tried, which takes seconds; PENDERIE_TORTURE=1 tries each.
 */
#include "base/fs.h"
#include "store/fts.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACED 0
#else
#define REPLACED 1
#endif

static long countdown = -1; /* -1: nothing fails */
static bool for_ever;       /* not only the nth fails, but all from there on */
static long allocated, failed;

#if REPLACED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool fails(void)
{
    if (countdown < 0) return false;
    if (countdown > 0) {
        countdown--;
        return false;
    }
    if (!for_ever) countdown = -1;
    failed++;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    void *p = fails() ? NULL : __libc_malloc(n);
    allocated += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : __libc_calloc(n, size);
    allocated += p != NULL;
    return p;
}

void *realloc(void *p, size_t n)
{
    if (fails()) return NULL;
    void *q = __libc_realloc(p, n);
    allocated += !p && q;
    return q;
}

void free(void *p)
{
    allocated -= p != NULL;
    __libc_free(p);
}
#endif

static char dir[48], path[64], url[80], copy[64];
static struct err err;
static const struct fts_schema words = {"t_words", {"title", "text"}, {2, 1}};
static const struct migration tables[] = {
    {"torture", 1, "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, s TEXT UNIQUE, b BLOB)"},
    {"torture", 2, "CREATE INDEX t_b ON t (b)"},
    {0}};

enum { ROWS = 12 };

static enum rc write_rows(struct store_tx *tx)
{
    static const char big[20000];
    enum rc rc = fts_create(tx, &words, &err);
    for (int64_t id = 1; id <= ROWS && !rc; id++) {
        char name[32];
        snprintf(name, sizeof name, "name %lld", (long long)id);
        rc = store_exec(tx, "INSERT INTO t (id, s, b) VALUES (?1, ?2, ?3)",
                        STORE_ARGS(STORE_I(id), STORE_Z(name), STORE_B(big, (size_t)id * 1500)), NULL, &err);
        if (!rc) rc = fts_put(tx, &words, id, (const struct str[]){str_of(name), STR("rob fleur")}, &err);
    }
    if (!rc) rc = store_exec(tx, "UPDATE t SET b = NULL WHERE id > 9", STORE_NO_ARGS, NULL, &err);
    if (!rc) rc = fts_delete(tx, &words, 3, &err);
    return rc;
}

static enum rc read_rows(struct store_tx *tx)
{
    struct store_rows *rows = NULL;
    struct fts_hit hits[ROWS];
    bool more;
    size_t n = 0;
    int64_t seen = 0;
    const struct str alternatives[] = {STR("rob"), STR("dress")};
    const struct fts_term terms[] = {{alternatives, 2, false}, {alternatives, 1, true}};
    enum rc rc = store_query(tx, "SELECT id, s, b FROM t WHERE id < ?1 ORDER BY s", STORE_ARGS(STORE_I(100)),
                             &rows, &err);
    while (!rc && !(rc = store_next(rows, &more, &err)) && more) {
        seen++;
        if (!store_text(rows, 1).n) rc = RC_INTERNAL; /* a text must never read as empty for want of memory */
        if (store_i64(rows, 0) <= 9 && store_blob(rows, 2).n != (size_t)store_i64(rows, 0) * 1500)
            rc = RC_INTERNAL;
    }
    store_rows_close(rows);
    if (!rc && seen != ROWS) rc = RC_INTERNAL;
    if (!rc) rc = fts_search(tx, &words, terms, 2, false, ROWS, hits, &n, &err);
    if (!rc && n != ROWS - 1) rc = RC_INTERNAL;
    return rc;
}

static bool committed;

static enum rc scenario(void)
{
    struct store *s = NULL;
    struct store_tx *tx = NULL;
    int64_t version;
    const struct store_options options = {.name = "torture", .busy_ms = 100};
    committed = false;
    enum rc rc = store_open(url, &options, &s, &err);
    if (!rc) rc = store_migrate(s, "torture", tables, &err);
    if (!rc) rc = store_begin(s, STORE_WRITE, &tx, &err);
    if (!rc) {
        rc = write_rows(tx);
        if (rc)
            store_rollback(tx);
        else
            rc = store_commit(tx, &err);
        committed = !rc;
    }
    if (!rc) rc = store_begin(s, STORE_READ, &tx, &err);
    if (!rc) {
        rc = read_rows(tx);
        store_rollback(tx);
    }
    if (!rc) rc = store_version(s, &version, &err);
    if (!rc) rc = store_backup(s, copy, &err);
    store_close(s);
    return rc;
}

static void remove_files(void)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    for (int i = 0; i < 4; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
    unlink(copy);
}

/* With memory again: all of the transaction is there, or nothing of it. */
static void check_file(long n)
{
    struct store *s = NULL;
    struct store_tx *tx;
    int64_t rows = -1;
    const struct store_options options = {.name = "torture"};
    assert_int_equal(store_open(url, &options, &s, &err), RC_OK);
    assert_int_equal(store_migrate(s, "torture", tables, &err), RC_OK);
    assert_int_equal(store_begin(s, STORE_READ, &tx, &err), RC_OK);
    assert_int_equal(store_get_i64(tx, "SELECT count(*) FROM t", STORE_NO_ARGS, &rows, NULL, &err), RC_OK);
    if (rows != (committed ? ROWS : 0)) fail_msg("%ld: %lld rows", n, (long long)rows);
    if (committed) assert_int_equal(read_rows(tx), RC_OK);
    store_rollback(tx);
    store_close(s);
}

static int torture(bool lasting)
{
    long step = getenv("PENDERIE_TORTURE") ? 1 : 17;
    for (long n = 0, tried = 0;; n += step, tried++) {
        remove_files();
        err = (struct err){0};
        long before = allocated;
        failed = 0;
        for_ever = lasting;
        countdown = n;
        enum rc rc = scenario();
        countdown = -1;
        long after = allocated, failures = failed;
        if (rc && rc != RC_NOMEM) fail_msg("%ld: %s: %s", n, rc_name(rc), err.message);
        if (rc && !err.message[0]) fail_msg("%ld: no message", n);
        if (after != before) fail_msg("%ld: %ld allocations leaked (%s)", n, after - before, err.message);
        check_file(n);
        if (!failures) {
            assert_int_equal(rc, RC_OK);
            print_message("%ld allocations in all, %ld runs\n", n, tried);
            return n > 300;
        }
    }
}

static void test_once(void **state)
{
    (void)state;
    if (!REPLACED) skip();
    assert_int_equal(scenario(), RC_OK); /* what is allocated once for the process */
    assert_true(torture(false));
}

static void test_for_ever(void **state)
{
    (void)state;
    if (!REPLACED) skip();
    assert_true(torture(true));
}

static int set_up(void **state)
{
    (void)state;
    /* In memory where that is possible: each run makes a database anew. */
    snprintf(dir, sizeof dir, "%s/penderie-torture-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/t.db", dir);
    snprintf(url, sizeof url, "sqlite:%s", path);
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return fs_remove_tree(dir, NULL) != RC_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_once), cmocka_unit_test(test_for_ever)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
