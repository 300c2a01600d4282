#include "blob/blob.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In place of the C library's: notes what was synced. */
static char synced[16][512];
static size_t n_synced;
int fsync(int fd)
{
    char link[64];
    if (n_synced < 16) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, synced[n_synced], sizeof synced[0] - 1);
        synced[n_synced][n < 0 ? 0 : n] = 0;
        n_synced++;
    }
    return (int)syscall(SYS_fsync, fd);
}

static char dir[] = "/tmp/penderie-blob-XXXXXX";
static char url[64];
static struct blob *blobs;

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return 1;
    snprintf(url, sizeof url, "file:%s/blobs", dir);
    return blob_open(url, &blobs, NULL) != RC_OK;
}

static int tear_down(void **state)
{
    (void)state;
    blob_close(blobs);
    return fs_remove_tree(dir, NULL) != RC_OK;
}

static void assert_blob(const char *key, struct str expected)
{
    struct err err = {0};
    char *p;
    size_t n;
    assert_int_equal(blob_get(blobs, key, 1 << 20, &p, &n, &err), RC_OK);
    assert_int_equal(n, expected.n);
    assert_memory_equal(p, expected.p, n + 1); /* with the NUL behind */
    free(p);
}

/* Finds the one file whose name starts with `name`; false if there is none. */
static char found_path[512];
static int found_count;
static enum rc look(const char *path, void *name, struct err *err)
{
    (void)err;
    const char *slash = strrchr(path, '/');
    if (strncmp(slash + 1, name, strlen(name)) == 0) {
        snprintf(found_path, sizeof found_path, "%s", path);
        found_count++;
    }
    return RC_OK;
}
static int find_files(const char *name)
{
    char root[64];
    found_count = 0;
    snprintf(root, sizeof root, "%s/blobs", dir);
    assert_int_equal(fs_walk(root, look, (void *)(uintptr_t)name, NULL), RC_OK);
    return found_count;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int lazy = 0; lazy < 2; lazy++) {
        const char *key = lazy ? "thumb/0a/one.jpg" : "picture/0a/one.jpg";
        assert_false(blob_exists(blobs, key));
        assert_int_equal(blob_put(blobs, key, STR("first"), lazy, NULL), RC_OK);
        assert_true(blob_exists(blobs, key));
        assert_blob(key, STR("first"));
        assert_int_equal(blob_put(blobs, key, STR("a longer second\0with a NUL"), lazy, NULL), RC_OK);
        assert_blob(key, STR("a longer second\0with a NUL"));
        assert_int_equal(blob_put(blobs, key, STR(""), lazy, NULL), RC_OK);
        assert_true(blob_exists(blobs, key));
        assert_blob(key, STR(""));
        assert_int_equal(blob_put(blobs, key, STR_NONE, lazy, NULL), RC_OK);
        assert_blob(key, STR(""));
        assert_int_equal(blob_delete(blobs, key, NULL), RC_OK);
        assert_false(blob_exists(blobs, key));
        assert_int_equal(blob_delete(blobs, key, NULL), RC_OK);
        struct err err = {0};
        char *p;
        size_t n;
        assert_int_equal(blob_get(blobs, key, 100, &p, &n, &err), RC_NOT_FOUND);
        assert_non_null(strstr(err.message, key));
        assert_null(p);
    }
}

static void test_keys(void **state)
{
    (void)state;
    char longest[202], too_long[203];
    memset(longest, 'a', 200);
    longest[200] = 0;
    memset(too_long, 'a', 201);
    too_long[201] = 0;
    const char *const good[] = {"a", "0", "a/b/c", ".hidden", "a.b-c_d", longest, "a/.b", "tmp", "-"};
    const char *const bad[] = {"",    "/a", "a/", "a//b", "..",  "a/../b",   "a..b", "A",      "a b",  "a\\b",
                               "a,b", "a~", ".",  "a/.",  "./a", "\xc3\xa9", "a\n",  too_long, "a%2e", "c:a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(blob_put(blobs, good[i], str_of(good[i]), false, NULL), RC_OK);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_blob(good[i], str_of(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *p;
        size_t n;
        assert_int_equal(blob_put(blobs, bad[i], STR("x"), false, NULL), RC_INVALID);
        assert_int_equal(blob_get(blobs, bad[i], 10, &p, &n, NULL), RC_INVALID);
        assert_int_equal(blob_delete(blobs, bad[i], NULL), RC_INVALID);
        assert_false(blob_exists(blobs, bad[i]));
    }
}

static void test_urls(void **state)
{
    (void)state;
    struct blob *b;
    char other[96];
    assert_int_equal(blob_open("azure:x", &b, NULL), RC_INVALID);
    assert_int_equal(blob_open("file:", &b, NULL), RC_INVALID);
    assert_int_equal(blob_open("/tmp", &b, NULL), RC_INVALID);
    snprintf(other, sizeof other, "file://%s/deep/er", dir); /* file:///tmp/... */
    assert_int_equal(blob_open(other, &b, NULL), RC_OK);
    assert_int_equal(blob_put(b, "k", STR("v"), false, NULL), RC_OK);
    blob_close(b);
    snprintf(other, sizeof other, "%s/deep/er/tmp", dir);
    assert_true(fs_is_dir(other));
    snprintf(other, sizeof other, "%s/file", dir);
    assert_int_equal(fs_write_atomic(other, "x", 1, 0600, NULL), RC_OK);
    snprintf(other, sizeof other, "file:%s/file", dir);
    assert_int_not_equal(blob_open(other, &b, NULL), RC_OK);
    assert_null(b);
}

static void test_too_large(void **state)
{
    (void)state;
    struct err err;
    char *p;
    size_t n;
    for (int lazy = 0; lazy < 2; lazy++) {
        assert_int_equal(blob_delete(blobs, "ten", NULL), RC_OK);
        assert_int_equal(blob_put(blobs, "ten", STR("0123456789"), lazy, NULL), RC_OK);
        assert_int_equal(blob_get(blobs, "ten", 9, &p, &n, &err), RC_TOO_LARGE);
        assert_null(p);
        assert_int_equal(blob_get(blobs, "ten", 10, &p, &n, &err), RC_OK);
        assert_int_equal(n, 10);
        free(p);
        assert_int_equal(blob_get(blobs, "ten", SIZE_MAX, &p, &n, &err), RC_OK);
        free(p);
    }
}

/* A put of one kind replaces the other kind, and leaves one file. */
static void test_lazy_and_firm(void **state)
{
    (void)state;
    assert_int_equal(blob_put(blobs, "both", STR("firm"), false, NULL), RC_OK);
    assert_int_equal(blob_put(blobs, "both", STR("lazy"), true, NULL), RC_OK);
    assert_blob("both", STR("lazy"));
    assert_int_equal(find_files("both"), 1);
    assert_int_equal(blob_put(blobs, "both", STR("firm again"), false, NULL), RC_OK);
    assert_blob("both", STR("firm again"));
    assert_int_equal(find_files("both"), 1);
}

/* What a power failure may do to a lazy file reads as absent, never as wrong bytes. */
static void test_torn_lazy(void **state)
{
    (void)state;
    static const char bytes[] = "the bytes of a small picture";
    for (off_t left = 0; left < (off_t)sizeof bytes - 1 + 8; left++) {
        char *p;
        size_t n;
        assert_int_equal(blob_put(blobs, "torn", str_of(bytes), true, NULL), RC_OK);
        assert_int_equal(find_files("torn"), 1);
        assert_int_equal(truncate(found_path, left), 0);
        assert_int_equal(blob_get(blobs, "torn", 100, &p, &n, NULL), RC_NOT_FOUND);
        assert_null(p);
    }
    assert_int_equal(blob_put(blobs, "torn", str_of(bytes), true, NULL), RC_OK);
    assert_blob("torn", str_of(bytes));
}

static void test_stale_files(void **state)
{
    (void)state;
    char old[96], young[96];
    snprintf(old, sizeof old, "%s/blobs/tmp/old", dir);
    snprintf(young, sizeof young, "%s/blobs/tmp/young", dir);
    assert_int_equal(fs_write_atomic(old, "x", 1, 0600, NULL), RC_OK);
    assert_int_equal(fs_write_atomic(young, "x", 1, 0600, NULL), RC_OK);
    struct timespec times[2] = {{time(NULL) - 3700, 0}, {time(NULL) - 3700, 0}};
    assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
    struct blob *b;
    assert_int_equal(blob_open(url, &b, NULL), RC_OK);
    blob_close(b);
    assert_false(fs_exists(old));
    assert_true(fs_exists(young));
    assert_int_equal(unlink(young), 0);
}

enum { THREADS = 4, PUTS = 200 };
static _Atomic bool stop_reading;

static void *put_often(void *arg)
{
    char bytes[4096];
    memset(bytes, 'a' + *(int *)arg, sizeof bytes);
    for (int i = 0; i < PUTS; i++)
        if (blob_put(blobs, "shared", (struct str){bytes, sizeof bytes - (size_t)i}, i & 1, NULL)) return arg;
    return NULL;
}

static void *read_often(void *arg)
{
    while (!stop_reading) {
        char *p;
        size_t n;
        if (blob_get(blobs, "shared", 8192, &p, &n, NULL)) continue; /* while it changes its kind */
        bool whole = n > 4096 - PUTS;
        for (size_t i = 0; i < n; i++)
            whole = whole && p[i] == p[0];
        free(p);
        if (!whole) return arg;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t writers[THREADS], reader;
    int numbers[THREADS];
    void *failed;
    stop_reading = false;
    assert_int_equal(blob_put(blobs, "shared", STR("x"), false, NULL), RC_OK);
    assert_int_equal(blob_delete(blobs, "shared", NULL), RC_OK);
    assert_int_equal(pthread_create(&reader, NULL, read_often, numbers), 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&writers[i], NULL, put_often, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(writers[i], &failed), 0);
        assert_null(failed);
    }
    stop_reading = true;
    assert_int_equal(pthread_join(reader, &failed), 0);
    assert_null(failed);
    assert_true(find_files("shared") >= 1);
    assert_true(blob_exists(blobs, "shared"));
}

/* A process killed at a random moment: what it had been told is kept is there, and whole. */
static void test_killed(void **state)
{
    (void)state;
    int total = 0;
    for (int round = 0; round < 5; round++) {
        int ack[2];
        assert_int_equal(pipe(ack), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            for (int i = 0; i < 100000; i++) {
                char key[32], bytes[1000];
                snprintf(key, sizeof key, "kill%d/%d", round, i);
                memset(bytes, 'a' + i % 26, sizeof bytes);
                if (blob_put(blobs, key, (struct str){bytes, sizeof bytes}, false, NULL)) _exit(1);
                if (write(ack[1], &i, sizeof i) != (ssize_t)sizeof i) _exit(1);
            }
            _exit(0);
        }
        close(ack[1]);
        int i, n = 0;
        assert_int_equal(read(ack[0], &i, sizeof i), sizeof i); /* it has begun */
        usleep(5000 + (useconds_t)round * 7000);
        kill(pid, SIGKILL);
        do {
            char key[32], bytes[1001] = {0};
            snprintf(key, sizeof key, "kill%d/%d", round, i);
            memset(bytes, 'a' + i % 26, 1000);
            assert_blob(key, (struct str){bytes, 1000});
            n++;
        } while (read(ack[0], &i, sizeof i) == (ssize_t)sizeof i);
        close(ack[0]);
        waitpid(pid, NULL, 0);
        total += n;
    }
    assert_true(total >= 5);
}

/* A lazy put makes the folders without waiting; a firm one in them must not rest on that. */
static void test_folders_of_a_firm_put(void **state)
{
    (void)state;
    struct err err = {0};
    char root[512], outer[512];
    assert_int_equal(blob_put(blobs, "way/x", STR("lazy"), true, &err), RC_OK);
    n_synced = 0;
    assert_int_equal(blob_put(blobs, "way/x", STR("firm"), false, &err), RC_OK);
    found_count = 0;
    assert_int_equal(fs_walk(dir, look, (void *)(uintptr_t) "way,x", &err), RC_OK);
    assert_int_equal(found_count, 1);
    bool inner_seen = false, outer_seen = false, root_seen = false;
    *strrchr(found_path, '/') = 0;
    snprintf(outer, sizeof outer, "%s", found_path);
    *strrchr(outer, '/') = 0;
    snprintf(root, sizeof root, "%s", outer);
    *strrchr(root, '/') = 0;
    for (size_t k = 0; k < n_synced; k++) {
        inner_seen |= strcmp(synced[k], found_path) == 0;
        outer_seen |= strcmp(synced[k], outer) == 0;
        root_seen |= strcmp(synced[k], root) == 0;
    }
    assert_true(inner_seen && outer_seen && root_seen);
    assert_int_equal(blob_sync(blobs, &err), RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_keys),
        cmocka_unit_test(test_urls),          cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_lazy_and_firm), cmocka_unit_test(test_torn_lazy),
        cmocka_unit_test(test_stale_files),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_killed),        cmocka_unit_test(test_folders_of_a_firm_put),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
