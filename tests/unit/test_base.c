#include "unit/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jout.h"
#include "base/jval.h"
#include "base/queue.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;

static void strings_split_and_trim(void **state)
{
    (void)state;
    struct str rest = STR("a,,b");
    assert_true(str_eqz(str_split(&rest, ','), "a"));
    struct str empty = str_split(&rest, ',');
    assert_non_null(empty.p);
    assert_int_equal(empty.n, 0);
    assert_true(str_eqz(str_split(&rest, ','), "b"));
    assert_null(str_split(&rest, ',').p);
    assert_true(str_eqz(str_trim(STR(" \t x y\r\n")), "x y"));
    assert_true(str_ieqz(STR("TSV"), "tsv"));
    assert_int_equal(str_find(STR("robe noire"), STR("noire")), 5);
    assert_int_equal(str_find(STR("robe"), STR("robes")), SIZE_MAX);
    assert_true(str_cmp(STR("ab"), STR("abc")) < 0);
}

static void numbers_are_whole_strings_in_range(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    double f;
    assert_true(str_to_i64(STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    assert_false(str_to_i64(STR("12a"), &i));
    assert_false(str_to_i64(STR(""), &i));
    assert_false(str_to_i64(STR("-"), &i));
    assert_true(str_to_u64(STR("18446744073709551615"), &u));
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_true(str_to_f64(STR("-12.5e2"), &f));
    assert_true(f == -1250.0);
    assert_false(str_to_f64(STR("nan"), &f));
    assert_false(str_to_f64(STR("1e999"), &f));
    assert_false(str_to_f64(STR("0x10"), &f));
    assert_false(str_to_f64(STR(" 1"), &f));
}

static void utf8_is_checked(void **state)
{
    (void)state;
    assert_true(str_utf8_valid(STR("été 👗")));
    assert_false(str_utf8_valid(STR("\xc3")));             /* cut */
    assert_false(str_utf8_valid(STR("\xc0\xaf")));         /* overlong */
    assert_false(str_utf8_valid(STR("\xed\xa0\x80")));     /* surrogate */
    assert_false(str_utf8_valid(STR("\xf4\x90\x80\x80"))); /* over U+10FFFF */
    assert_true(str_utf8_valid(STR("\xef\xbf\xbd")));      /* U+FFFD itself */
    struct str s = STR("é\xffx");
    assert_int_equal(str_utf8_next(&s), 0xe9);
    assert_int_equal(str_utf8_next(&s), 0xfffd);
    assert_int_equal(str_utf8_next(&s), 'x');
    assert_int_equal(str_utf8_next(&s), 0);
    assert_int_equal(str_utf8_cut(STR("aé"), 2).n, 1);
    for (uint32_t cp = 1; cp < 0x110000; cp += 97) {
        if (cp >= 0xd800 && cp < 0xe000) continue;
        char utf8[4];
        struct str back = {utf8, str_utf8_put(cp, utf8)};
        assert_int_equal(str_utf8_next(&back), cp);
        assert_int_equal(back.n, 0);
    }
}

static void buffers_keep_their_cap(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    buf_addz(&b, "12345");
    buf_addf(&b, "%d", 67890);
    assert_ok(buf_check(&b, "text", &err));
    assert_string_equal(b.p, "1234567890");
    buf_addc(&b, 'x');
    assert_rc(buf_check(&b, "text", &err), RC_TOO_LARGE);
    assert_int_equal(b.n, 10);
    buf_reset(&b);
    assert_ok(buf_check(&b, "text", &err));
    buf_addz(&b, "ok");
    size_t n;
    char *taken = buf_take(&b, &n);
    assert_string_equal(taken, "ok");
    assert_int_equal(n, 2);
    assert_int_equal(b.n, 0);
    free(taken);
    buf_release(&b);
}

static void arenas_are_zeroed_and_capped(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT(100000);
    for (int i = 0; i < 50; i++) {
        unsigned char *p = arena_alloc(&a, 1000);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (int k = 0; k < 1000; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, 1000);
    }
    assert_null(arena_alloc(&a, 90000));
    assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    arena_reset(&a);
    unsigned char *p = arena_alloc(&a, 3000);
    for (int k = 0; k < 3000; k++)
        assert_int_equal(p[k], 0);
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    arena_release(&a);
    assert_int_equal(a.used_bytes, 0);
}

static void json_written_reads_back(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10000);
    struct jout o = JOUT_INIT(&b);
    jout_object(&o);
    jout_kz(&o, "quote", "\"\\\n\x01 été \xff");
    jout_kf64(&o, "third", 1.0 / 3);
    jout_kf64(&o, "nan", NAN);
    jout_ki64(&o, "least", INT64_MIN);
    jout_key(&o, "list");
    jout_array(&o);
    jout_dec(&o, .12345, 2);
    jout_bool(&o, false);
    jout_object(&o);
    jout_end(&o);
    jout_end(&o);
    jout_end(&o);

    struct jval *doc;
    assert_ok(jval_parse(buf_str(&b), 10000, &doc, &err));
    assert_true(str_eqz(jval_str(jval_get(doc, "quote")), "\"\\\n\x01 été \xef\xbf\xbd"));
    double third, two_digits;
    int64_t least;
    assert_true(jval_f64(jval_get(doc, "third"), &third) && third == 1.0 / 3);
    assert_true(jval_is_null(jval_get(doc, "nan")));
    assert_true(jval_i64(jval_get(doc, "least"), &least) && least == INT64_MIN);
    const struct jval *list = jval_get(doc, "list");
    assert_int_equal(jval_len(list), 3);
    assert_true(jval_f64(jval_at(list, 0), &two_digits) && two_digits == .12);
    assert_null(jval_at(list, 3));
    assert_null(jval_get(jval_get(doc, "missing"), "deeper"));
    const struct jval *value;
    assert_string_equal(jval_member(doc, 1, &value), "third");
    assert_null(jval_member(doc, 5, &value));
    jval_destroy(doc);
    buf_release(&b);
}

static void json_refuses_what_is_malformed(void **state)
{
    (void)state;
    struct jval *doc;
    static const char *const bad[] = {"",      "{",      "{\"a\":1,\"a\":2}", "[1,]", "\"\xff\"", "nul",
                                      "{} {}", "[1e999]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_rc(jval_parse(str_of(bad[i]), 1000, &doc, &err), RC_INVALID);
        assert_null(doc);
    }
    assert_rc(jval_parse(STR("[1, 2, 3]"), 4, &doc, &err), RC_TOO_LARGE);
    char deep[4000];
    memset(deep, '[', sizeof deep);
    assert_rc(jval_parse((struct str){deep, sizeof deep}, 10000, &doc, &err), RC_INVALID);
}

static const struct config_key keys[] = {
    {"port", CONFIG_INT, "8443", 0, 65535, "The port."},
    {"name", CONFIG_STRING, "penderie", 0, 0, "A name."},
    {"grace", CONFIG_DURATION_MS, "5s", 0, 60000, "How long to wait."},
    {"body", CONFIG_BYTES, "20m", 1, 1 << 30, "Largest body."},
    {"open", CONFIG_BOOL, "no", 0, 0, "Open to all."},
    {"share", CONFIG_FLOAT, "0.5", 0, 1, "A share."},
    {0},
};
static const struct config_key *const tables[] = {keys, NULL};

static void settings_come_from_file_environment_and_call(void **state)
{
    char path[600];
    snprintf(path, sizeof path, "%s/penderie.conf", (char *)*state);
    static const char text[] =
        "# a comment\n\n port = 9000\nname=été = 1\ngrace = 250ms\nbody = 64k\nopen = yes\n";
    assert_ok(fs_write_atomic(path, text, sizeof text - 1, 0600, &err));
    struct config *c;
    assert_ok(config_create(tables, &c, &err));
    assert_int_equal(config_int(c, "port"), 8443);
    assert_int_equal(config_duration_ms(c, "grace"), 5000);
    assert_ok(config_load_file(c, path, &err));
    assert_int_equal(config_int(c, "port"), 9000);
    assert_string_equal(config_string(c, "name"), "été = 1");
    assert_int_equal(config_duration_ms(c, "grace"), 250);
    assert_int_equal(config_bytes(c, "body"), 65536);
    assert_true(config_bool(c, "open"));
    setenv("PENDERIE_PORT", "9001", 1);
    assert_ok(config_load_env(c, &err));
    unsetenv("PENDERIE_PORT");
    assert_int_equal(config_int(c, "port"), 9001);
    assert_rc(config_set(c, STR("port"), STR("65536"), &err), RC_INVALID);
    assert_rc(config_set(c, STR("port"), STR("x"), &err), RC_INVALID);
    assert_rc(config_set(c, STR("prot"), STR("1"), &err), RC_INVALID);
    assert_rc(config_set(c, STR("grace"), STR("5"), &err), RC_INVALID);
    assert_rc(config_set(c, STR("share"), STR("1.5"), &err), RC_INVALID);
    assert_int_equal(config_int(c, "port"), 9001);
    assert_ok(fs_write_atomic(path, "port = 1\nnonsense\n", 18, 0600, &err));
    assert_rc(config_load_file(c, path, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "line 2"));
    config_destroy(c);
}

static void the_annotated_file_is_itself_right(void **state)
{
    char path[600];
    snprintf(path, sizeof path, "%s/annotated.conf", (char *)*state);
    struct config *c;
    struct buf b = BUF_INIT(100000);
    assert_ok(config_create(tables, &c, &err));
    config_annotate(c, &b);
    for (char *p = b.p; (p = strstr(p, "\n#")); p++) /* uncomment the settings, not the explanations */
        if (p[2] != ' ') p[1] = ' ';
    assert_ok(fs_write_atomic(path, b.p, b.n, 0600, &err));
    assert_ok(config_load_file(c, path, &err));
    assert_int_equal(config_int(c, "port"), 8443);
    buf_release(&b);
    config_destroy(c);
}

struct counted {
    atomic_int ran;
    pthread_mutex_t gate;
};

static void count_task(void *task, unsigned worker)
{
    struct counted *c = task;
    assert_true(worker < 2);
    pthread_mutex_lock(&c->gate);
    pthread_mutex_unlock(&c->gate);
    atomic_fetch_add(&c->ran, 1);
}

static void a_full_queue_says_so_and_runs_all_it_took(void **state)
{
    (void)state;
    struct counted c = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct queue *q;
    assert_ok(queue_create("test", 2, 4, &q, &err));
    pthread_mutex_lock(&c.gate);
    int taken = 0;
    enum rc rc;
    for (int i = 0; i < 100; i++) {
        rc = queue_push(q, count_task, &c, &err);
        if (!rc)
            taken++;
        else
            assert_int_equal(rc, RC_BUSY);
    }
    assert_in_range(taken, 4, 6); /* four waiting, and up to two that workers took meanwhile */
    pthread_mutex_unlock(&c.gate);
    for (int i = 0; i < 100; i++)
        assert_ok(queue_push_wait(q, count_task, &c, &err));
    queue_drain(q);
    assert_int_equal(atomic_load(&c.ran), taken + 100);
    assert_int_equal(queue_waiting(q), 0);
    for (int i = 0; i < 3; i++)
        assert_ok(queue_push_wait(q, count_task, &c, &err));
    queue_destroy(q); /* what was pushed still runs */
    assert_int_equal(atomic_load(&c.ran), taken + 103);
}

static void times_are_written_and_read(void **state)
{
    (void)state;
    char rfc[25], http[30];
    clock_rfc3339(1763834709123, rfc);
    assert_string_equal(rfc, "2025-11-22T18:05:09.123Z");
    clock_http_date(784111777000, http);
    assert_string_equal(http, "Sun, 06 Nov 1994 08:49:37 GMT"); /* the example of RFC 9110 */
    int64_t ms;
    assert_true(clock_parse(STR("2025-11-22T19:05:09.123+01:00"), &ms));
    assert_true(ms == 1763834709123);
    assert_true(clock_parse(STR("2024-02-29"), &ms));
    assert_true(ms == 1709164800000);
    static const char *const bad[] = {
        "2023-02-29",  "2025-13-01", "2025-11-22T25:00:00Z",  "2025-11-22T18:05:09",
        "2025-11-22x", "",           "2025-11-22T18:05:09.Z", "22/11/2025"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(clock_parse(str_of(bad[i]), &ms));
    clock_freeze(42);
    assert_int_equal(clock_now_ms(), 42);
    clock_freeze(-1);
    assert_true(clock_now_ms() > 1763834709123);
}

static enum rc collect(const char *path, void *ctx, struct err *e)
{
    (void)e;
    buf_addf(ctx, "%s;", strrchr(path, '/') + 1);
    return RC_OK;
}

static void files_are_whole(void **state)
{
    char dir[600], path[700];
    char *p;
    size_t n;
    snprintf(dir, sizeof dir, "%s/a/b/c", (char *)*state);
    assert_ok(fs_mkdirs(dir, 0700, &err));
    assert_ok(fs_mkdirs(dir, 0700, &err));
    snprintf(path, sizeof path, "%s/file", dir);
    assert_rc(fs_read(path, 100, &p, &n, &err), RC_NOT_FOUND);
    assert_ok(fs_write_atomic(path, "hello", 5, 0600, &err));
    assert_ok(fs_write_atomic(path, "hello!", 6, 0640, &err));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_ok(fs_read(path, 6, &p, &n, &err));
    assert_string_equal(p, "hello!");
    assert_int_equal(n, 6);
    free(p);
    assert_rc(fs_read(path, 5, &p, &n, &err), RC_TOO_LARGE);
    assert_rc(fs_read(dir, 5, &p, &n, &err), RC_INVALID);
    snprintf(path, sizeof path, "%s/another", dir);
    assert_ok(fs_write_atomic(path, "", 0, 0600, &err));
    assert_ok(fs_read(path, 100, &p, &n, &err));
    assert_int_equal(n, 0);
    free(p);
    struct buf names = BUF_INIT(1000);
    snprintf(path, sizeof path, "%s/a", (char *)*state);
    assert_ok(fs_walk(path, collect, &names, &err));
    assert_string_equal(names.p, "another;file;");
    buf_release(&names);
    assert_ok(fs_remove_tree(path, &err));
    assert_false(fs_exists(path));
    assert_ok(fs_remove_tree(path, &err));
}

static void errors_are_prefixed_and_mapped(void **state)
{
    (void)state;
    assert_int_equal(err_set(&err, RC_CONFLICT, "taken by %s", "another"), RC_CONFLICT);
    assert_int_equal(err_prefix(&err, "line %d: ", 3), RC_CONFLICT);
    assert_string_equal(err.message, "line 3: taken by another");
    assert_int_equal(err_set(NULL, RC_BUSY, "x"), RC_BUSY);
    for (int rc = 0; rc < RC_COUNT; rc++) {
        assert_non_null(rc_name((enum rc)rc));
        assert_in_range(rc_http_status((enum rc)rc), 200, 503);
        assert_in_range(rc_exit_status((enum rc)rc), 0, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_split_and_trim),
        cmocka_unit_test(numbers_are_whole_strings_in_range),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(buffers_keep_their_cap),
        cmocka_unit_test(arenas_are_zeroed_and_capped),
        cmocka_unit_test(json_written_reads_back),
        cmocka_unit_test(json_refuses_what_is_malformed),
        cmocka_unit_test(settings_come_from_file_environment_and_call),
        cmocka_unit_test(the_annotated_file_is_itself_right),
        cmocka_unit_test(a_full_queue_says_so_and_runs_all_it_took),
        cmocka_unit_test(times_are_written_and_read),
        cmocka_unit_test(files_are_whole),
        cmocka_unit_test(errors_are_prefixed_and_mapped),
    };
    return cmocka_run_group_tests(tests, temp_dir_make, temp_dir_remove);
}
