/*
 * kill -9 in the middle of erasures and purges, again and again, on one house: after each, what was begun is carried to its
 * end and no person is half erased. 10 kills of each, 100 with PENDERIE_TEST_MODE=long; at least 80 % of them must hit an
 * operation that was under way.
 */
#include "privacy_house.h"

#include "base/log.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* STEPS: the box twice, and the account; MOMENT_US: some commits */
enum { PEOPLE = 3, STEPS = 3, MOMENT_US = 8000, SEEN_DAYS = 500 };

static int rounds(void)
{
    const char *mode = getenv("PENDERIE_TEST_MODE");
    return mode && strcmp(mode, "long") == 0 ? 100 : 10;
}

/* 22 characters, as account ids have. */
static void name_of(int round, int i, char out[static 64])
{
    snprintf(out, 64, "r%03dp%02dxxxxxxxxxxxxxxx", round, i);
}

static void make_people(int round)
{
    char id[64];
    for (int i = 0; i < PEOPLE; i++) {
        name_of(round, i, id);
        assert_ok(person_make(id, clock_day_ms(clock_now_ms()) - SEEN_DAYS * CLOCK_DAY_MS));
        give(id, NULL, CONSENT_RECOMMENDATION);
        assert_ok(privacy_object(&app, str_of(id), true, &err));
    }
}

static int tell_parent;
static void tell(void)
{
    if (write(tell_parent, ".", 1) != 1) _exit(3);
}

/* In the child: one person after the other, or the purge of all; says each time it passes by. */
static void erase_people(int round, bool purge)
{
    char id[64];
    struct buf receipt = BUF_INIT(1 << 20);
    on_step = tell;
    if (house_open() || config_set(app.config, STR("privacy_warn_days"), STR("0"), &err)) _exit(2);
    if (purge && privacy_purge(&app, false, &receipt, &err)) _exit(4);
    for (int i = 0; !purge && i < PEOPLE; i++) {
        name_of(round, i, id);
        if (privacy_erase(&app, str_of(id), "request", &receipt, &err)) _exit(5);
    }
    if (write(tell_parent, "e", 1) != 1) _exit(3);
    for (;;)
        pause();
}

/* Starts the child, kills it a moment after its `steps`th step; true: it was at it. */
static bool kill_one(int round, bool purge, int steps, unsigned after_us)
{
    int pipe_of[2], status;
    char c = 0;
    assert_int_equal(pipe(pipe_of), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        close(pipe_of[0]);
        tell_parent = pipe_of[1];
        erase_people(round, purge);
    }
    close(pipe_of[1]);
    for (int i = 0; i < steps; i++)
        assert_int_equal(read(pipe_of[0], &c, 1), 1);
    usleep(after_us);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status)); /* it must not have ended by itself */
    while (read(pipe_of[0], &c, 1) == 1)
        ;
    close(pipe_of[0]);
    return c != 'e';
}

/* Everything or nothing. */
static bool is_whole(const char *id)
{
    char name[VAULT_PSEUDONYM_CHARS + 1], sql[200];
    privacy_name(&app, str_of(id), name);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM privacy_consent WHERE person = '%s'", name);
    int64_t consents = number(app.reg, sql);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM privacy_objection WHERE person = '%s'", name);
    int64_t objections = number(app.reg, sql), things = things_of(id);
    bool account = has_account(id), key = has_key(id);
    bool all = account && key && things == 2 && consents >= 1 && objections == 1;
    bool none = !account && !key && !things && !consents && !objections;
    if (!all && !none)
        fail_msg("%s is half erased: account %d, key %d, %d things, %d consents, %d objections", id, account,
                 key, (int)things, (int)consents, (int)objections);
    return all;
}

static void check_after(int round, int *left)
{
    char id[64];
    int64_t n = 0, rows, bad;
    struct audit_verdict v;
    assert_ok(house_open());
    assert_ok(privacy_resume(&app, 0, &n, &err)); /* what the module's start does */
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_intent"), 0);
    *left = 0;
    for (int i = 0; i < (round + 1) * PEOPLE; i++) { /* a purge takes those of earlier rounds first */
        name_of(i / PEOPLE, i % PEOPLE, id);
        *left += is_whole(id);
    }
    assert_ok(consent_verify(&app, &rows, &bad, &err));
    assert_int_equal(bad, 0);
    assert_ok(audit_verify(&app, NULL, &v, &err));
    assert_int_equal(v.bad, 0);
    house_close();
}

static void kill_many(bool purge)
{
    int n = rounds(), hit = 0, left = 0;
    house_close();
    srandom(7);
    /* On a busy machine a kill may come when all is done already: such a one is done again, at most as often. */
    for (int round = 0; round < n || (hit < n && round < 2 * n); round++) {
        assert_ok(house_open());
        make_people(round);
        house_close();
        int steps = 1 + (int)(random() % (PEOPLE * STEPS));
        hit += kill_one(round, purge, steps, (unsigned)(random() % MOMENT_US));
        check_after(round, &left);
    }
    print_message("%d of %d wanted kills hit while it was under way; %d persons are left\n", hit, n, left);
    assert_true(hit * 10 >= n * 8);
    assert_ok(house_open());
}

static void test_kill_erasure(void **state)
{
    (void)state;
    kill_many(false);
}

static void test_kill_purge(void **state)
{
    (void)state;
    kill_many(true);
}

int main(void)
{
    log_configure(LOG_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill_erasure, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_kill_purge, house_setup, house_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
