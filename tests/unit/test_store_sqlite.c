/* What is particular to SQLite files: foreign and damaged ones, a full disk, permissions. */
#include "base/fs.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/penderie-sqlite-XXXXXX";
static char path[128], url[160];
static struct err err;

#define OK(call)                                                           \
    do {                                                                   \
        enum rc rc_ = (call);                                              \
        if (rc_) fail_msg("%s: %s: %s", #call, rc_name(rc_), err.message); \
    } while (0)

static const struct migration tables[] = {
    {"file", 1, "CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB); CREATE INDEX t_b ON t (b)"}, {0}};

static enum rc open_file(struct store **out, bool read_only)
{
    const struct store_options options = {.name = "file", .read_only = read_only, .busy_ms = 200};
    return store_open(url, &options, out, &err);
}

static int set_up(void **state)
{
    (void)state;
    return !mkdtemp(dir);
}

static int tear_down(void **state)
{
    (void)state;
    return fs_remove_tree(dir, NULL) != RC_OK;
}

/* Each test has a file of its own. */
static int fresh(void **state)
{
    static int n;
    (void)state;
    snprintf(path, sizeof path, "%s/file%d.db", dir, n++);
    snprintf(url, sizeof url, "sqlite:%s", path);
    return 0;
}

static enum rc insert(struct store *s, size_t bytes)
{
    struct store_tx *tx;
    char *b = calloc(1, bytes);
    assert_non_null(b);
    enum rc rc = store_begin(s, STORE_WRITE, &tx, &err);
    if (!rc) {
        rc = store_exec(tx, "INSERT INTO t (b) VALUES (?1)", STORE_ARGS(STORE_B(b, bytes)), NULL, &err);
        if (rc)
            store_rollback(tx);
        else
            rc = store_commit(tx, &err);
    }
    free(b);
    return rc;
}

static enum rc count(struct store *s, int64_t *n)
{
    struct store_tx *tx;
    enum rc rc = store_begin(s, STORE_READ, &tx, &err);
    if (rc) return rc;
    rc = store_get_i64(tx, "SELECT count(*) FROM t WHERE length(b) > 0", STORE_NO_ARGS, n, NULL, &err);
    store_rollback(tx);
    return rc;
}

static void test_mode(void **state)
{
    (void)state;
    struct store *s;
    struct stat st;
    char beside[140];
    const mode_t was = umask(0);
    OK(open_file(&s, false));
    OK(store_migrate(s, "file", tables, &err));
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(beside, sizeof beside, "%s%s", path, tails[i]);
        assert_int_equal(stat(beside, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    store_close(s);
    umask(was);
    snprintf(beside, sizeof beside, "%s-wal", path);
    assert_false(fs_exists(beside)); /* a clean end leaves one file */
}

static void test_missing_and_foreign(void **state)
{
    (void)state;
    struct store *s;
    assert_int_equal(open_file(&s, true), RC_NOT_FOUND);
    assert_null(s);
    assert_false(fs_exists(path));
    char text[8192];
    memset(text, 'x', sizeof text);
    OK(fs_write_atomic(path, text, sizeof text, 0600, &err));
    assert_int_equal(open_file(&s, false), RC_CORRUPT);
    assert_non_null(strstr(err.message, "backup"));
    assert_int_equal(open_file(&s, true), RC_CORRUPT);
    unlink(path);
    /* A database without our mark: made by us, the mark (bytes 68 to 71) taken out. */
    OK(open_file(&s, false));
    OK(store_migrate(s, "file", tables, &err));
    store_close(s);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 68), 4);
    close(fd);
    assert_int_equal(open_file(&s, false), RC_CORRUPT);
    assert_non_null(strstr(err.message, "not a database of Penderie"));
    snprintf(url, sizeof url, "sqlite:%s/no/such/folder/file.db", dir);
    assert_int_not_equal(open_file(&s, false), RC_OK);
    snprintf(url, sizeof url, "sqlite:");
    assert_int_equal(open_file(&s, false), RC_INVALID);
}

static void test_damaged(void **state)
{
    (void)state;
    struct store *s;
    struct stat st;
    int64_t n;
    char junk[4096];
    OK(open_file(&s, false));
    OK(store_migrate(s, "file", tables, &err));
    for (int i = 0; i < 40; i++)
        OK(insert(s, 3000));
    store_close(s);
    assert_int_equal(stat(path, &st), 0);
    memset(junk, 0xa5, sizeof junk);
    int fd = open(path, O_WRONLY);
    for (off_t at = 4096; at + 4096 <= st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    close(fd);
    OK(open_file(&s, false));
    assert_int_equal(count(s, &n), RC_CORRUPT);
    assert_non_null(strstr(err.message, "backup"));
    assert_int_equal(insert(s, 10), RC_CORRUPT);
    store_close(s);
}

/* A file that cannot grow stands for a full disk. What was committed stays, and when there is room again the
 * same store goes on. */
static void test_disk_full(void **state)
{
    (void)state;
    struct store *s;
    struct rlimit was, small;
    int64_t n;
    OK(open_file(&s, false));
    OK(store_migrate(s, "file", tables, &err));
    OK(insert(s, 1000));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum rc rc = insert(s, 40u << 20);
    enum rc again = insert(s, 40u << 20);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(rc, RC_IO);
    assert_int_equal(again, RC_IO);
    OK(count(s, &n));
    assert_int_equal(n, 1);
    OK(insert(s, 2u << 20));
    OK(count(s, &n));
    assert_int_equal(n, 2);
    store_close(s);
    OK(open_file(&s, true));
    OK(count(s, &n));
    assert_int_equal(n, 2);
    store_close(s);
}

/* More readers at once than the pool keeps: none waits, none fails. */
static void test_many_readers(void **state)
{
    (void)state;
    struct store *s;
    struct store_tx *tx[20];
    int64_t n;
    OK(open_file(&s, false));
    OK(store_migrate(s, "file", tables, &err));
    OK(insert(s, 10));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            OK(store_begin(s, STORE_READ, &tx[i], &err));
            OK(store_get_i64(tx[i], "SELECT count(*) FROM t", STORE_NO_ARGS, &n, NULL, &err));
            assert_int_equal(n, round + 1);
        }
        OK(insert(s, 10));
        for (int i = 0; i < 20; i++)
            store_rollback(tx[i]);
    }
    store_close(s);
}

/* How often `needle` stands in the file and in its log. */
static int traces(const char *needle)
{
    int found = 0;
    for (int i = 0; i < 2; i++) {
        char file[140], *p = NULL;
        size_t n = 0;
        snprintf(file, sizeof file, "%s%s", path, i ? "-wal" : "");
        if (fs_read(file, 1 << 24, &p, &n, NULL)) continue;
        for (char *at = p; (at = memmem(at, n - (size_t)(at - p), needle, strlen(needle))); at++)
            found++;
        free(p);
    }
    return found;
}

static void run_one(struct store *s, const char *sql)
{
    struct store_tx *tx;
    OK(store_begin(s, STORE_WRITE, &tx, &err));
    OK(store_exec(tx, sql, STORE_NO_ARGS, NULL, &err));
    OK(store_commit(tx, &err));
}

/* With `overwrite`, what was deleted or replaced is in no byte of the files after store_forget(); and the rows
 * of a table without row order lie in the order of the key. */
static void test_forget(void **state)
{
    (void)state;
    static const struct migration list[] = {
        {"file", 1,
         "CREATE TABLE p (id TEXT NOT NULL PRIMARY KEY, b BLOB) /* no row order */;"
         "CREATE TABLE q (id INTEGER NOT NULL PRIMARY KEY, s TEXT)"},
        {0}};
    const struct store_options options = {.name = "file", .busy_ms = 200, .overwrite = true};
    struct store *s;
    struct store_tx *reader;
    int64_t n;
    OK(store_open(url, &options, &s, &err));
    OK(store_migrate(s, "file", list, &err));
    run_one(s, "INSERT INTO p (id, b) VALUES ('zz-last', 'kept-bytes'), ('aa-first', 'secret-bytes-one')");
    run_one(s, "INSERT INTO q (id, s) VALUES (1, 'secret-bytes-two')");
    OK(store_forget(s, &err)); /* into the file */
    assert_int_equal(traces("secret-bytes"), 2);
    run_one(s, "DELETE FROM p WHERE id = 'aa-first'");
    run_one(s, "UPDATE q SET s = 'short'");
    assert_true(traces("secret-bytes") > 0); /* else this shows nothing */

    OK(store_begin(s, STORE_READ, &reader, &err)); /* one that sees the state with them gone is no hindrance */
    OK(store_get_i64(reader, "SELECT count(*) FROM p", STORE_NO_ARGS, &n, NULL, &err));
    assert_int_equal(n, 1);
    enum rc busy = store_forget(s, &err);
    assert_true(busy == RC_OK || busy == RC_BUSY);
    store_rollback(reader);
    OK(store_forget(s, &err));
    assert_int_equal(traces("secret-bytes"), 0);
    assert_int_equal(traces("aa-first"), 0);
    assert_true(traces("kept-bytes") == 1);

    OK(store_begin(s, STORE_READ, &reader, &err));
    OK(store_get_i64(reader,
                     "SELECT count(*) FROM sqlite_schema WHERE sql LIKE 'CREATE TABLE p %)%WITHOUT ROWID'",
                     STORE_NO_ARGS, &n, NULL, &err));
    assert_int_equal(n, 1);
    store_rollback(reader);
    store_close(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {T(test_mode),      T(test_missing_and_foreign), T(test_damaged),
                                       T(test_disk_full), T(test_many_readers),        T(test_forget)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
