/* The access log: every way of falsifying it is found, and alerts come when they should. */
#include "privacy_house.h"

#include <pthread.h>
#include <unistd.h>

enum { LINES = 20 };

static void log_line(const char *who, unsigned roles, const char *what, const char *result)
{
    struct audit_event e = {.who = str_of(who),
                            .roles = roles,
                            .what = what,
                            .object = STR("photo-1"),
                            .result = result,
                            .request_id = "r-1"};
    assert_ok(audit_append(&app, &e, &err));
}

static void fill(int n)
{
    for (int i = 0; i < n; i++)
        log_line(i % 2 ? "anna" : "berta", HTTP_SHOPPER, "photo.read", "ok");
}

static struct audit_verdict verdict(void)
{
    struct audit_verdict v;
    assert_ok(audit_verify(&app, NULL, &v, &err));
    return v;
}

static void test_lines_follow(void **state)
{
    (void)state;
    struct audit_verdict v = verdict();
    assert_int_equal(v.lines, 0);
    assert_int_equal(v.bad, 0);
    fill(LINES);
    v = verdict();
    assert_int_equal(v.bad, 0);
    assert_int_equal(v.lines, LINES);
    assert_int_equal(v.first, 1);
    assert_int_equal(v.last, LINES);
    /* no id is readable, and the same person is one pseudonym */
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_audit WHERE who LIKE '%anna%' OR object LIKE"
                                     " '%photo%'"),
                     0);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM (SELECT DISTINCT who FROM privacy_audit) AS x"), 2);
    house_close();
    assert_ok(house_open());
    fill(1);
    v = verdict();
    assert_int_equal(v.bad, 0);
    assert_int_equal(v.last, LINES + 1);
}

static void *append_some(void *arg)
{
    struct err e;
    for (int i = 0; i < 25; i++) {
        struct audit_event event = {.who = STR("anna"), .what = "photo.read", .result = "ok"};
        if (audit_append(&app, &event, &e)) *(int *)arg = 1;
    }
    return NULL;
}

static void test_many_at_once(void **state)
{
    (void)state;
    pthread_t threads[8];
    int failed[8] = {0};
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_some, &failed[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
    struct audit_verdict v = verdict();
    assert_int_equal(v.bad, 0);
    assert_int_equal(v.lines, 200);
}

struct forgery {
    const char *name;
    const char *sql[4]; /* what somebody does who can write the store and has no key */
    int64_t bad;
};

static const struct forgery forgeries[] = {
    {"who", {"UPDATE privacy_audit SET who = '00000000000000000000000000000000' WHERE n = 7"}, 7},
    {"roles", {"UPDATE privacy_audit SET roles = 64 WHERE n = 7"}, 7},
    {"what", {"UPDATE privacy_audit SET what = 'photo.list' WHERE n = 7"}, 7},
    {"object", {"UPDATE privacy_audit SET object = '' WHERE n = 7"}, 7},
    {"result", {"UPDATE privacy_audit SET result = 'refused' WHERE n = 7"}, 7},
    {"request id", {"UPDATE privacy_audit SET request_id = 'r-2' WHERE n = 7"}, 7},
    {"time", {"UPDATE privacy_audit SET at_ms = at_ms + 1 WHERE n = 7"}, 7},
    {"mac", {"UPDATE privacy_audit SET mac = (SELECT mac FROM privacy_audit WHERE n = 8) WHERE n = 7"}, 7},
    {"first line", {"UPDATE privacy_audit SET what = 'photo.list' WHERE n = 1"}, 1},
    {"last line", {"UPDATE privacy_audit SET what = 'photo.list' WHERE n = 20"}, 20},
    {"dropped", {"DELETE FROM privacy_audit WHERE n = 9"}, 9},
    {"first dropped", {"DELETE FROM privacy_audit WHERE n = 1"}, 1},
    {"dropped and closed up",
     {"DELETE FROM privacy_audit WHERE n = 9", "UPDATE privacy_audit SET n = -(n - 1) WHERE n > 9",
      "UPDATE privacy_audit SET n = -n WHERE n < 0"},
     9},
    {"reordered",
     {"UPDATE privacy_audit SET n = -5 WHERE n = 5", "UPDATE privacy_audit SET n = 5 WHERE n = 6",
      "UPDATE privacy_audit SET n = 6 WHERE n = -5"},
     5},
    {"inserted",
     {"UPDATE privacy_audit SET n = -(n + 1) WHERE n > 11", "UPDATE privacy_audit SET n = -n WHERE n < 0",
      "INSERT INTO privacy_audit (n, at_ms, who, roles, what, object, result, request_id, mac) SELECT 12, "
      "at_ms, who,"
      " roles, what, object, result, request_id, mac FROM privacy_audit WHERE n = 11"},
     12},
    {"line added at the end",
     {"INSERT INTO privacy_audit (n, at_ms, who, roles, what, object, result, request_id, mac) SELECT 21, "
      "at_ms, who,"
      " roles, what, object, result, request_id, mac FROM privacy_audit WHERE n = 20"},
     21},
    {"end cut off", {"DELETE FROM privacy_audit WHERE n > 17"}, 18},
    {"last line cut off", {"DELETE FROM privacy_audit WHERE n = 20"}, 20},
    {"all gone", {"DELETE FROM privacy_audit"}, 1},
    {"false anchor",
     {"INSERT INTO privacy_anchor (id, n, mac, seal) SELECT 1, 10, mac, mac FROM privacy_audit WHERE n = 10",
      "DELETE FROM privacy_audit WHERE n <= 10"},
     1},
};

static void test_forgeries_are_found(void **state)
{
    for (size_t f = 0; f < sizeof forgeries / sizeof *forgeries; f++) {
        if (f) assert_int_equal(house_setup(state), 0);
        fill(LINES);
        assert_int_equal(verdict().bad, 0);
        for (int i = 0; i < 4 && forgeries[f].sql[i]; i++)
            assert_ok(one(app.reg, forgeries[f].sql[i], STORE_NO_ARGS, &err));
        struct audit_verdict v = verdict();
        if (v.bad != forgeries[f].bad)
            fail_msg("%s: line %lld is blamed, not %lld", forgeries[f].name, (long long)v.bad,
                     (long long)forgeries[f].bad);
        assert_true(v.why[0]);
        /* and lines that are written afterwards do not cover it up; others than those that went, which written again in
         * the same millisecond would be the very same line */
        for (int i = 0; i < 4; i++)
            log_line("anna", HTTP_SHOPPER, "photo.export", "ok");
        if (!verdict().bad) fail_msg("%s: covered up by later lines", forgeries[f].name);
        if (f + 1 < sizeof forgeries / sizeof *forgeries) house_teardown(state);
    }
}

static void test_missing_head(void **state)
{
    (void)state;
    char path[600];
    fill(LINES);
    snprintf(path, sizeof path, "%s/vault/audit.head", house_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(verdict().bad, LINES);
    fill(3); /* no new one is made, which would hide that lines were cut off with it */
    assert_int_equal(verdict().bad, LINES + 3);
}

static void test_noted_head(void **state)
{
    (void)state;
    fill(5);
    struct audit_verdict noted = verdict(), v;
    fill(5);
    assert_ok(audit_verify(&app, noted.head, &v, &err));
    assert_int_equal(v.bad, 0);
    assert_ok(audit_verify(&app, "4:00000000000000000000000000000000", &v, &err));
    assert_int_equal(v.bad, 4);
    assert_rc(audit_verify(&app, "nonsense", &v, &err), RC_INVALID);
    /* Store and head put back together to an older state: only the noted head tells. */
    assert_ok(audit_verify(&app, "99:00000000000000000000000000000000", &v, &err));
    assert_int_equal(v.bad, 11);
}

static void test_retention_of_lines(void **state)
{
    (void)state;
    int64_t t0 = INT64_C(1760000000000), n = 0;
    clock_freeze(t0);
    fill(6);
    clock_freeze(t0 + 100 * CLOCK_DAY_MS);
    fill(4);
    assert_ok(audit_trim(&app, t0 + CLOCK_DAY_MS, true, &n, &err));
    assert_int_equal(n, 6);
    assert_int_equal(verdict().lines, 10);
    assert_ok(audit_trim(&app, t0 + CLOCK_DAY_MS, false, &n, &err));
    assert_int_equal(n, 6);
    struct audit_verdict v = verdict();
    assert_int_equal(v.bad, 0);
    assert_int_equal(v.lines, 4);
    assert_int_equal(v.first, 7);
    assert_ok(one(app.reg, "DELETE FROM privacy_audit WHERE n = 7", STORE_NO_ARGS, &err));
    assert_int_equal(verdict().bad, 7);
    assert_ok(audit_trim(&app, t0 + 200 * CLOCK_DAY_MS, false, &n, &err));
    assert_int_equal(n, 3);
    fill(1); /* after all lines are gone numbers go on */
    assert_int_equal(number(app.reg, "SELECT n FROM privacy_audit"), 11);
}

static void test_export(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(1 << 20);
    int64_t next = 0;
    fill(LINES);
    assert_ok(audit_export(&app, 1, 15, &out, &next, &err));
    assert_int_equal(next, 16);
    struct str rest = buf_str(&out), first = str_split(&rest, '\n');
    struct jval *doc = NULL;
    assert_ok(jval_parse(first, 4096, &doc, &err));
    assert_true(str_eqz(jval_str(jval_get(doc, "what")), "photo.read"));
    assert_true(str_eqz(jval_str(jval_at(jval_get(doc, "roles"), 0)), "shopper"));
    jval_destroy(doc);
    buf_reset(&out);
    assert_ok(audit_export(&app, next, 15, &out, &next, &err));
    assert_int_equal(next, 0);
    buf_release(&out);
}

static int64_t alerts(const char *rule)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM privacy_alert WHERE rule = '%s'", rule);
    return number(app.reg, sql);
}

static void test_alerts(void **state)
{
    (void)state;
    int64_t t0 = INT64_C(1760000000000);
    set("privacy_alert_photos", "3");
    set("privacy_alert_refused", "4");
    set("privacy_alert_exports", "2");
    set("privacy_alert_staff", "3");
    clock_freeze(t0);
    for (int i = 0; i < 3; i++) {
        log_line("anna", HTTP_SHOPPER, "photo.read", "ok");
        log_line("berta", HTTP_SHOPPER, "photo.read", "ok");
        log_line("anna", HTTP_SHOPPER, "photo.read", "refused");
    }
    assert_int_equal(alerts("photos"), 0);
    log_line("anna", HTTP_SHOPPER, "photo.read", "ok");
    assert_int_equal(alerts("photos"), 1);
    log_line("anna", HTTP_SHOPPER, "photo.read", "ok"); /* once in a window */
    assert_int_equal(alerts("photos"), 1);
    log_line("", 0, "login", "refused");
    assert_int_equal(alerts("refused"), 0);
    log_line("", 0, "login", "refused");
    assert_int_equal(alerts("refused"), 1);
    log_line("a", HTTP_SHOPPER, "account.export", "ok");
    log_line("b", HTTP_SHOPPER, "account.export", "ok");
    assert_int_equal(alerts("exports"), 0);
    log_line("c", HTTP_SHOPPER, "account.export", "ok");
    assert_int_equal(alerts("exports"), 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(alerts("staff"), 0);
        log_line("dora", HTTP_DPO, "register.read", "ok");
    }
    assert_int_equal(alerts("staff"), 1);
    clock_freeze(t0 + 2 * CLOCK_HOUR_MS); /* the window is over */
    log_line("anna", HTTP_SHOPPER, "photo.read", "ok");
    assert_int_equal(alerts("photos"), 1);
    double before = metric_get(&privacy_alerts, "photos");
    assert_ok(alert_dispatch(&app, &err));
    assert_true(metric_get(&privacy_alerts, "photos") == before + 1);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_alert WHERE state = 'new'"), 0);
    assert_int_equal(verdict().bad, 0);
}

static void test_refused_calls(void **state)
{
    (void)state;
    static const struct http_route route = {.operation = "getPhoto"};
    struct http_request rq = {
        .route = &route, .id = "request-1", .principal = {.roles = HTTP_DPO, .id = STR("dora")}};
    audit_refused(&rq, RC_FORBIDDEN);
    audit_refused(&rq, RC_NOT_FOUND); /* not a refusal */
    assert_ok(audit_flush_refused(&app, &err));
    assert_int_equal(number(app.reg,
                            "SELECT count(*) FROM privacy_audit WHERE what = 'call.getPhoto' AND result ="
                            " 'refused' AND request_id = 'request-1'"),
                     1);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_audit"), 1);
    for (int i = 0; i < 300; i++)
        audit_refused(&rq, RC_UNAUTHENTICATED);
    assert_ok(audit_flush_refused(&app, &err));
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_audit WHERE what = 'call.more(44)'"), 1);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_audit"), 1 + 256 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_follow, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_forgeries_are_found, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_missing_head, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_noted_head, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_retention_of_lines, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_export, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_alerts, house_setup, house_teardown),
        cmocka_unit_test_setup_teardown(test_refused_calls, house_setup, house_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
