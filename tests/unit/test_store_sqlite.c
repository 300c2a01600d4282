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

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {T(test_mode), T(test_missing_and_foreign), T(test_damaged),
                                       T(test_disk_full), T(test_many_readers)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
