/* What is shared through the ops store: rate limits and idempotency, also between two processes. */
#include "test.h"

#include "base/clock.h"
#include "base/module.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "http/idempotency.h"
#include "http/limit.h"
#include "store/store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;
static char url[600];

static struct store *open_ops(void)
{
    struct store *s = NULL;
    struct store_options o = {.name = "ops"};
    assert_ok(store_open(url, &o, &s, &err));
    assert_ok(store_migrate(s, "http", http_module.migrations, &err));
    return s;
}

static int setup(void **state)
{
    static int n;
    if (temp_dir_make(state)) return -1;
    snprintf(url, sizeof url, "sqlite:%s/ops-%d.db", (char *)*state, n++);
    assert_ok(crypt_startup(&err));
    clock_freeze(INT64_C(1763836200000)); /* a full minute */
    return 0;
}

static int teardown(void **state)
{
    clock_freeze(-1);
    return temp_dir_remove(state);
}

static int64_t taken(struct limiter *l, const char *who, int64_t quota, int tries)
{
    struct limit_state s;
    int64_t n = 0;
    for (int i = 0; i < tries; i++)
        n += limiter_take(l, "light", str_of(who), quota, &s);
    return n;
}

static void quota_of_a_minute(void **state)
{
    (void)state;
    struct limiter *l;
    struct limit_state s;
    assert_ok(limiter_create(NULL, &l, &err));
    assert_true(limiter_take(l, "light", STR("a"), 100, &s));
    assert_int_equal(s.left, 99);
    assert_int_equal(s.reset_s, 60);
    assert_int_equal(taken(l, "a", 100, 200), 99); /* alone: exact */
    assert_false(limiter_take(l, "light", STR("a"), 100, &s));
    assert_int_equal(s.left, 0);
    assert_true(limiter_take(l, "heavy", STR("a"), 100, &s)); /* another policy */
    assert_true(limiter_take(l, "light", STR("b"), 100, &s)); /* another client */
    clock_freeze(INT64_C(1763836200000) + 59000);
    assert_false(limiter_take(l, "light", STR("a"), 100, &s));
    assert_int_equal(s.reset_s, 1);
    clock_freeze(INT64_C(1763836200000) + 60000);
    assert_true(limiter_take(l, "light", STR("a"), 100, &s));
    assert_int_equal(s.left, 99);
    limiter_destroy(l);
}

/* Two processes with a store each: together at most the quota and the block that the header promises. */
static void quota_of_two_servers(void **state)
{
    (void)state;
    struct store *one = open_ops(), *two = open_ops();
    struct limiter *a, *b;
    enum { QUOTA = 160, BLOCK = QUOTA / LIMIT_BLOCKS + 1, STEP = 4 };
    int64_t total = 0;
    assert_ok(limiter_create(one, &a, &err));
    assert_ok(limiter_create(two, &b, &err));
    for (int i = 0; i < 100; i++) {
        total += taken(a, "x", QUOTA, STEP) + taken(b, "x", QUOTA, STEP);
        assert_ok(limiter_tick(a, &err));
        assert_ok(limiter_tick(b, &err));
    }
    assert_true(total >= QUOTA);
    assert_true(total <= QUOTA + BLOCK + STEP);
    limiter_destroy(a); /* reports the rest */
    limiter_destroy(b);
    assert_ok(limiter_create(one, &a, &err));
    int64_t more = taken(a, "x", QUOTA, BLOCK);
    assert_ok(limiter_tick(a, &err));
    assert_true(more <= BLOCK); /* a process that starts afresh learns it after a block */
    assert_int_equal(taken(a, "x", QUOTA, 100), 0);
    limiter_destroy(a);
    store_close(one);
    store_close(two);
}

static void few_requests_cause_no_write(void **state)
{
    (void)state;
    struct store *s = open_ops();
    struct limiter *l;
    int64_t before, after;
    assert_ok(limiter_create(s, &l, &err));
    assert_ok(limiter_tick(l, &err));
    assert_ok(store_version(s, &before, &err));
    for (int client = 0; client < 200; client++) {
        char who[16];
        snprintf(who, sizeof who, "client-%d", client);
        assert_int_equal(taken(l, who, 1600, 100), 100); /* below a block of 101 */
    }
    assert_ok(limiter_tick(l, &err));
    assert_ok(store_version(s, &after, &err));
    assert_int_equal(before, after);
    limiter_destroy(l);
    store_close(s);
}

static void old_minutes_are_dropped(void **state)
{
    (void)state;
    struct store *s = open_ops();
    struct limiter *l;
    struct store_tx *tx;
    int64_t n;
    assert_ok(limiter_create(s, &l, &err));
    taken(l, "x", 16, 16);
    assert_ok(limiter_tick(l, &err));
    clock_freeze(INT64_C(1763836200000) + 180000);
    assert_ok(limiter_tick(l, &err));
    assert_ok(store_begin(s, STORE_READ, &tx, &err));
    assert_ok(store_get_i64(tx, "SELECT count(*) FROM http_limit", NULL, 0, &n, NULL, &err));
    store_rollback(tx);
    assert_int_equal(n, 0);
    limiter_destroy(l);
    store_close(s);
}

static void many_clients_stay_in_memory(void **state)
{
    (void)state;
    struct limiter *l;
    assert_ok(limiter_create(NULL, &l, &err));
    for (int i = 0; i < 300000; i++) {
        char who[16];
        struct limit_state s;
        snprintf(who, sizeof who, "%d", i);
        assert_true(limiter_take(l, "light", str_of(who), 10, &s));
    }
    limiter_destroy(l);
}

/* ---- idempotency ---- */

static struct idempotency one_of(struct store *s, const char *instance, char key, char body)
{
    struct idempotency i = {.store = s, .instance = instance};
    memset(i.key, key, sizeof i.key);
    memset(i.body, body, sizeof i.body);
    return i;
}

static void keys(void **state)
{
    (void)state;
    char longest[300];
    assert_true(str_eqz(idempotency_key(STR("\"8e03978e-40d5\"")), "8e03978e-40d5"));
    assert_true(str_eqz(idempotency_key(STR(" abc ")), "abc"));
    assert_null(idempotency_key(STR("")).p);
    assert_null(idempotency_key(STR("\"\"")).p);
    assert_null(idempotency_key(STR("a b")).p);
    assert_null(idempotency_key(STR("a\"b")).p);
    memset(longest, 'a', sizeof longest);
    assert_int_equal(idempotency_key((struct str){longest, 255}).n, 255);
    assert_null(idempotency_key((struct str){longest, 256}).p);
}

static void answers_are_replayed(void **state)
{
    (void)state;
    struct store *s = open_ops();
    struct arena arena = ARENA_INIT(1 << 20);
    struct idempotency i = one_of(s, "boot:1:1", 'k', 'b'), other = one_of(s, "boot:1:1", 'k', 'c');
    struct idempotent_answer a, given = {.status = 201,
                                         .type = STR("application/json"),
                                         .headers = STR("Location: /v1/jobs/7\n"),
                                         .body = STR("{\"id\":7}")};
    bool replay;
    assert_ok(idempotency_begin(&i, 60000, &arena, &replay, &a, &err));
    assert_false(replay);
    assert_rc(idempotency_begin(&other, 60000, &arena, &replay, &a, &err), RC_UNPROCESSABLE);
    assert_ok(idempotency_end(&i, &given, &err));
    assert_ok(idempotency_begin(&i, 60000, &arena, &replay, &a, &err));
    assert_true(replay);
    assert_int_equal(a.status, 201);
    assert_true(str_eq(a.body, given.body) && str_eq(a.headers, given.headers) && str_eq(a.type, given.type));
    struct idempotency thief = i; /* has the table, but not the client's key */
    thief.seal[0] ^= 1;
    assert_rc(idempotency_begin(&thief, 60000, &arena, &replay, &a, &err), RC_CORRUPT);
    assert_rc(idempotency_begin(&other, 60000, &arena, &replay, &a, &err), RC_UNPROCESSABLE);
    clock_freeze(INT64_C(1763836200000) + 25 * INT64_C(3600000)); /* forgotten after a day */
    assert_ok(idempotency_begin(&other, 60000, &arena, &replay, &a, &err));
    assert_false(replay);
    assert_ok(idempotency_forget(&other, &err));
    assert_ok(idempotency_begin(&i, 60000, &arena, &replay, &a, &err));
    assert_false(replay);
    arena_release(&arena);
    store_close(s);
}

static void a_running_one_conflicts_until_its_lease(void **state)
{
    (void)state;
    struct store *s = open_ops();
    struct arena arena = ARENA_INIT(1 << 20);
    /* another machine: nobody can tell whether it lives */
    struct idempotency i = one_of(s, "far:1:1", 'k', 'b'), again = one_of(s, "near:1:1", 'k', 'b');
    struct idempotent_answer a,
        given = {.status = 200, .type = STR("x"), .headers = STR(""), .body = STR("late")};
    bool replay;
    assert_ok(idempotency_begin(&i, 60000, &arena, &replay, &a, &err));
    assert_rc(idempotency_begin(&again, 60000, &arena, &replay, &a, &err), RC_CONFLICT);
    clock_freeze(INT64_C(1763836200000) + 60000);
    assert_ok(idempotency_begin(&again, 60000, &arena, &replay, &a, &err));
    assert_false(replay);
    assert_ok(idempotency_end(&i, &given, &err)); /* the first owner comes late: it is not its entry any more */
    assert_rc(idempotency_begin(&i, 60000, &arena, &replay, &a, &err), RC_CONFLICT);
    arena_release(&arena);
    store_close(s);
}

/* A child takes the key and is killed before it answers, another answers and is killed after. */
static void survives_kill(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(1 << 20);
    struct idempotent_answer a;
    bool replay;
    for (int answered = 0; answered < 2; answered++) {
        fflush(stdout);
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
            char instance[96];
            struct store *s = NULL;
            struct store_options o = {.name = "ops"};
            idempotency_instance(instance);
            if (store_open(url, &o, &s, &err)) _exit(1);
            if (store_migrate(s, "http", http_module.migrations, &err)) _exit(2);
            struct idempotency i = one_of(s, instance, answered ? 'y' : 'n', 'b');
            struct idempotent_answer given = {
                .status = 200, .type = STR("t"), .headers = STR(""), .body = STR("kept")};
            if (idempotency_begin(&i, 3600000, &arena, &replay, &a, &err)) _exit(3);
            if (answered && idempotency_end(&i, &given, &err)) _exit(4);
            kill(getpid(), SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        char instance[96];
        idempotency_instance(instance);
        struct store *s = open_ops();
        struct idempotency i = one_of(s, instance, answered ? 'y' : 'n', 'b');
        assert_ok(idempotency_begin(&i, 3600000, &arena, &replay, &a, &err));
        assert_int_equal(replay, answered); /* the dead one's claim is taken over at once, its answer is kept */
        if (answered)
            assert_true(str_eqz(a.body, "kept"));
        else
            assert_rc(idempotency_begin(&i, 3600000, &arena, &replay, &a, &err), RC_CONFLICT); /* we live */
        store_close(s);
    }
    arena_release(&arena);
}

static void cleaning(void **state)
{
    (void)state;
    struct store *s = open_ops();
    struct arena arena = ARENA_INIT(1 << 20);
    struct idempotency i = one_of(s, "boot:1:1", 'k', 'b');
    struct idempotent_answer a;
    struct store_tx *tx;
    int64_t n;
    bool replay;
    assert_ok(idempotency_begin(&i, 60000, &arena, &replay, &a, &err));
    for (int hours = 23; hours <= 25; hours += 2) {
        clock_freeze(INT64_C(1763836200000) + hours * INT64_C(3600000));
        assert_ok(idempotency_clean(s, &err));
        assert_ok(store_begin(s, STORE_READ, &tx, &err));
        assert_ok(store_get_i64(tx, "SELECT count(*) FROM http_idempotency", NULL, 0, &n, NULL, &err));
        store_rollback(tx);
        assert_int_equal(n, hours < 24);
    }
    arena_release(&arena);
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(quota_of_a_minute),
        T(quota_of_two_servers),
        T(few_requests_cause_no_write),
        T(old_minutes_are_dropped),
        T(many_clients_stay_in_memory),
        T(keys),
        T(answers_are_replayed),
        T(a_running_one_conflicts_until_its_lease),
        T(survives_kill),
        T(cleaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
