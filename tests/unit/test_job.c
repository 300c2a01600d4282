#include "job/job.h"

#include "base/app.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/jout.h"
#include "base/jval.h"
#include "base/module.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "metric/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/penderie-job-XXXXXX";
static char url[64];
static struct app app;
static struct err err;

#define OK(call)                                                           \
    do {                                                                   \
        enum rc rc_ = (call);                                              \
        if (rc_) fail_msg("%s: %s: %s", #call, rc_name(rc_), err.message); \
    } while (0)

static enum rc open_app(struct app *a, const char *workers, const char *lease)
{
    static const struct config_key *list[2]; /* borrowed by the config */
    const struct store_options options = {.name = "ops"};
    list[0] = job_module.config;
    enum rc rc = config_create(list, &a->config, NULL);
    if (!rc) rc = config_set(a->config, STR("job_workers"), str_of(workers), NULL);
    if (!rc) rc = config_set(a->config, STR("job_lease"), str_of(lease), NULL);
    if (!rc) rc = store_open(url, &options, &a->ops, &err);
    if (!rc) rc = store_migrate(a->ops, "job", job_module.migrations, &err);
    return rc;
}

static void close_app(struct app *a)
{
    store_close(a->ops);
    config_destroy(a->config);
    *a = (struct app){0};
}

static void start_with(const char *workers, const char *lease)
{
    char path[64];
    const char *const tails[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/ops.db%s", dir, tails[i]);
        unlink(path);
    }
    OK(open_app(&app, workers, lease));
    OK(job_module.start(&app, &err));
}

static void stop_all(void)
{
    job_module.stop(&app);
    close_app(&app);
}

static void enqueue(const char *kind, const char *payload, int priority, char id[static JOB_ID_BYTES])
{
    const struct job_request request = {.kind = kind, .payload = str_of(payload), .priority = priority};
    OK(job_enqueue(app.ops, &request, id, &err));
}

/* A text column of a job's row; "" for NULL. */
static const char *column(const char *name, const char *id)
{
    static char out[512];
    char sql[128];
    struct store_tx *tx;
    struct store_rows *rows;
    bool more;
    snprintf(sql, sizeof sql, "SELECT %s FROM job WHERE id = ?1", name);
    OK(store_begin(app.ops, STORE_READ, &tx, &err));
    OK(store_query(tx, sql, STORE_ARGS(STORE_Z(id)), &rows, &err));
    OK(store_next(rows, &more, &err));
    assert_true(more);
    snprintf(out, sizeof out, "%.*s", STR_ARG(store_text(rows, 0)));
    store_rows_close(rows);
    store_rollback(tx);
    return out;
}

static void wait_for(const char *name, const char *id, const char *value)
{
    int64_t from = clock_mono_us();
    while (strcmp(column(name, id), value) != 0) {
        if (clock_mono_us() - from > 20000000)
            fail_msg("%s of %s stays \"%s\" instead of \"%s\"", name, id, column(name, id), value);
        usleep(5000);
    }
}

/* ---------------------------------------------------------------------------------------- handlers */

static _Atomic int runs, order[16];

static enum rc run_add(struct app *a, struct job *job, struct buf *result, struct err *e)
{
    int64_t x = 0, y = 0;
    struct jout out = JOUT_INIT(result);
    assert_ptr_equal(a, &app);
    if (!jval_i64(jval_get(job_payload(job), "x"), &x)) return err_set(e, RC_INVALID, "x is missing");
    if (!jval_i64(jval_get(job_payload(job), "y"), &y)) return err_set(e, RC_INTERNAL, "a secret detail");
    int n = runs++;
    if (n < 16) order[n] = (int)x;
    job_progress(job, x, y, "adding");
    jout_object(&out);
    jout_ki64(&out, "sum", x + y);
    jout_ki64(&out, "attempt", job_attempt(job));
    jout_end(&out);
    return RC_OK;
}
static const struct job_kind add = {"add", run_add, 0};

static enum rc run_long(struct app *a, struct job *job, struct buf *result, struct err *e)
{
    (void)a;
    (void)result;
    runs++;
    for (int64_t i = 1; !job_cancelled(job); i++) {
        job_progress(job, i, 0, "working");
        usleep(2000);
    }
    return err_set(e, RC_STOPPED, "stopped");
}
static const struct job_kind endless = {"endless", run_long, 0};

static enum rc run_busy(struct app *a, struct job *job, struct buf *result, struct err *e)
{
    (void)a;
    (void)job;
    (void)result;
    runs++;
    return err_set(e, RC_BUSY, "not now");
}
static const struct job_kind busy = {"busy", run_busy, 1};

static enum rc run_bad_result(struct app *a, struct job *job, struct buf *result, struct err *e)
{
    (void)a;
    (void)job;
    (void)e;
    buf_addz(result, "{\"open\":");
    return RC_OK;
}
static const struct job_kind bad_result = {"bad_result", run_bad_result, 0};

/* ------------------------------------------------------------------------------------------- tests */

static void test_runs(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES], bad[JOB_ID_BYTES], inner[JOB_ID_BYTES];
    start_with("2", "5s");
    job_register(&add);
    job_register(&bad_result);
    enqueue("add", "{\"x\":2,\"y\":40}", 0, id);
    wait_for("state", id, "done");
    assert_string_equal(column("result", id), "{\"sum\":42,\"attempt\":1}");
    assert_string_equal(column("progress", id), "{\"done\":2,\"total\":40,\"stage\":\"adding\"}");
    assert_string_equal(column("error", id), "");
    assert_string_equal(column("owner", id), "");
    enqueue("add", "{}", 0, bad);
    wait_for("state", bad, "failed");
    assert_string_equal(column("error", bad), "x is missing");
    enqueue("add", "{\"x\":1}", 0, inner);
    wait_for("state", inner, "failed");
    assert_null(strstr(column("error", inner), "secret"));
    assert_non_null(strstr(column("error", inner), inner));
    enqueue("bad_result", "{}", 0, bad);
    wait_for("state", bad, "failed");
    job_unregister(&add);
    job_unregister(&bad_result);
    stop_all();
}

static void test_refused(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES];
    start_with("0", "5s");
    struct job_request request = {.kind = "add", .payload = STR("{\"x\":")};
    assert_int_equal(job_enqueue(app.ops, &request, id, &err), RC_INVALID);
    char *big = calloc(1, JOB_MAX_PAYLOAD_BYTES + 1);
    assert_non_null(big);
    memset(big, ' ', JOB_MAX_PAYLOAD_BYTES + 1);
    request.payload = (struct str){big, JOB_MAX_PAYLOAD_BYTES + 1};
    assert_int_equal(job_enqueue(app.ops, &request, id, &err), RC_TOO_LARGE);
    free(big);
    assert_int_equal(job_cancel(app.ops, "nothing", &err), RC_NOT_FOUND);
    stop_all();
}

static void test_order_and_keys(void **state)
{
    (void)state;
    char low[JOB_ID_BYTES], first[JOB_ID_BYTES], second[JOB_ID_BYTES], high[JOB_ID_BYTES], id[JOB_ID_BYTES];
    start_with("1", "5s");
    runs = 0;
    enqueue("add", "{\"x\":1,\"y\":0}", -1, low);
    enqueue("add", "{\"x\":2,\"y\":0}", 0, first);
    usleep(3000); /* ids order by millisecond */
    enqueue("add", "{\"x\":3,\"y\":0}", 0, second);
    enqueue("add", "{\"x\":4,\"y\":0}", 9, high);
    struct job_request request = {.kind = "unknown", .key = "one"};
    char once[JOB_ID_BYTES], again[JOB_ID_BYTES];
    OK(job_enqueue(app.ops, &request, once, &err));
    OK(job_enqueue(app.ops, &request, again, &err));
    assert_string_equal(once, again);
    request.key = "two";
    OK(job_enqueue(app.ops, &request, again, &err));
    assert_string_not_equal(once, again);
    OK(job_cancel(app.ops, once, &err));
    request.key = "one";
    OK(job_enqueue(app.ops, &request, id, &err)); /* the first has ended */
    assert_string_not_equal(once, id);
    job_register(&add);
    wait_for("state", low, "done");
    assert_int_equal(runs, 4);
    assert_int_equal(order[0], 4);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 3);
    assert_int_equal(order[3], 1);
    assert_string_equal(column("state", id), "queued"); /* nobody here knows the kind */
    job_unregister(&add);
    stop_all();
}

static void test_cancel(void **state)
{
    (void)state;
    char running[JOB_ID_BYTES], waiting[JOB_ID_BYTES];
    start_with("1", "400ms");
    job_register(&endless);
    enqueue("endless", "{}", 0, running);
    wait_for("state", running, "running");
    enqueue("endless", "{}", 0, waiting);
    OK(job_cancel(app.ops, waiting, &err));
    assert_string_equal(column("state", waiting), "cancelled");
    assert_int_equal(job_cancel(app.ops, waiting, &err), RC_CONFLICT);
    usleep(900000); /* twice the lease: it is renewed, and the progress arrives */
    assert_string_equal(column("state", running), "running");
    assert_string_equal(column("attempts", running), "1");
    assert_non_null(strstr(column("progress", running), "\"stage\":\"working\""));
    OK(job_cancel(app.ops, running, &err));
    wait_for("state", running, "cancelled");
    job_unregister(&endless);
    stop_all();
}

static void test_shutdown_queues_again(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES];
    start_with("1", "5s");
    job_register(&endless);
    enqueue("endless", "{}", 0, id);
    wait_for("state", id, "running");
    job_unregister(&endless); /* as the module's stop() does */
    wait_for("state", id, "queued");
    assert_string_equal(column("attempts", id), "0");
    job_register(&endless);
    wait_for("state", id, "running");
    job_module.stop(&app);
    assert_string_equal(column("state", id), "queued");
    job_unregister(&endless);
    close_app(&app);
}

static void test_busy(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES];
    start_with("1", "5s");
    job_register(&busy); /* one attempt only */
    enqueue("busy", "{}", 0, id);
    wait_for("state", id, "failed");
    job_unregister(&busy);
    static const struct job_kind patient = {"busy", run_busy, 2};
    runs = 0;
    job_register(&patient);
    enqueue("busy", "{}", 0, id);
    wait_for("state", id, "queued");
    wait_for("attempts", id, "1");
    usleep(700000);
    assert_int_equal(runs, 1); /* not before its time */
    job_unregister(&patient);
    stop_all();
}

static int64_t metric_value(const char *name, const char *label)
{
    for (struct metric *const *m = job_module.metrics; *m; m++)
        if (strcmp((*m)->name, name) == 0) return (int64_t)metric_get(*m, label);
    fail_msg("no metric %s", name);
    return -1;
}

static void test_metrics(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES];
    start_with("1", "5s");
    int64_t before = metric_value("penderie_job_seconds", "add");
    job_register(&add);
    enqueue("add", "{\"x\":1,\"y\":1}", 0, id);
    wait_for("state", id, "done");
    assert_int_equal(metric_value("penderie_job_seconds", "add"), before + 1);
    for (int i = 0; i < 400 && metric_value("penderie_jobs", "done") != 1; i++)
        usleep(10000);
    assert_int_equal(metric_value("penderie_jobs", "done"), 1);
    assert_int_equal(metric_value("penderie_jobs", "queued"), 0);
    job_unregister(&add);
    stop_all();
}

/* Counts a line each time it starts, works until killed on the first attempt, ends on a later one. */
static char marks[96];
static enum rc run_crash(struct app *a, struct job *job, struct buf *result, struct err *e)
{
    (void)a;
    FILE *f = fopen(marks, "a");
    if (!f) return err_set(e, RC_IO, "no file");
    fprintf(f, "%d %ld\n", job_attempt(job), (long)getpid());
    fclose(f);
    while (job_attempt(job) == 1)
        usleep(1000);
    buf_addf(result, "%d", job_attempt(job));
    return RC_OK;
}
static const struct job_kind crash = {"crash", run_crash, 2};

/* One process takes a job and is killed; another finishes it once the lease is over, and not before. */
static void test_takeover(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES];
    int64_t takeovers = metric_value("penderie_job_takeovers_total", "crash");
    start_with("0", "600ms");
    enqueue("crash", "{}", 0, id);
    close_app(&app); /* nothing of the database is open across fork() */
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct app child = {0};
        if (open_app(&child, "1", "600ms") || job_module.start(&child, NULL)) _exit(1);
        job_register(&crash);
        for (;;)
            pause();
    }
    for (int i = 0; i < 1000 && !fs_exists(marks); i++)
        usleep(10000);
    assert_true(fs_exists(marks));
    OK(open_app(&app, "2", "600ms"));
    OK(job_module.start(&app, &err));
    job_register(&crash);
    usleep(1500000);
    assert_string_equal(column("state", id), "running"); /* the child lives: nobody takes it from it */
    assert_string_equal(column("attempts", id), "1");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    wait_for("state", id, "done");
    assert_string_equal(column("result", id), "2");
    assert_int_equal(metric_value("penderie_job_takeovers_total", "crash"), takeovers + 1);
    char *text;
    size_t n;
    OK(fs_read(marks, 1000, &text, &n, &err));
    char expected[64];
    snprintf(expected, sizeof expected, "1 %ld\n2 %ld\n", (long)pid, (long)getpid());
    assert_string_equal(text, expected);
    free(text);
    job_unregister(&crash);
    stop_all();
}

static void run_sql(const char *sql, const char *id)
{
    struct store_tx *tx;
    OK(store_begin(app.ops, STORE_WRITE, &tx, &err));
    OK(store_exec(tx, sql, STORE_ARGS(STORE_Z(id)), NULL, &err));
    OK(store_commit(tx, &err));
}

/* A lease that went to another: the first worker is told, and what it writes at its end changes nothing. */
static void test_lost_lease(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES];
    start_with("1", "800ms");
    job_register(&endless);
    enqueue("endless", "{}", 0, id);
    wait_for("state", id, "running");
    runs = 0;
    run_sql("UPDATE job SET owner = 'somebody else', lease_until_ms = 9000000000000000, progress = NULL"
            " WHERE id = ?1",
            id);
    usleep(1200000);
    assert_string_equal(column("owner", id), "somebody else");
    assert_string_equal(column("state", id), "running");
    assert_string_equal(column("progress", id), "");
    assert_int_equal(runs, 0);
    job_unregister(&endless); /* returns at once: the handler has ended */
    stop_all();
}

/* A job that kills its process each time is not tried for ever. */
static void test_gives_up(void **state)
{
    (void)state;
    char id[JOB_ID_BYTES], cancelled[JOB_ID_BYTES];
    start_with("1", "500ms");
    enqueue("crash", "{}", 0, id);
    enqueue("crash", "{}", 0, cancelled);
    run_sql("UPDATE job SET state = 'running', owner = 'gone', attempts = 2, lease_until_ms = 1 WHERE id = ?1",
            id);
    run_sql("UPDATE job SET state = 'running', owner = 'gone', attempts = 1, lease_until_ms = 1, cancel = 1"
            " WHERE id = ?1",
            cancelled);
    job_register(&crash);
    wait_for("state", id, "failed");
    wait_for("state", cancelled, "cancelled");
    job_unregister(&crash);
    stop_all();
}

/* -------------------------------------------------------------------------------------------- HTTP */

static struct {
    const char *name;
    struct str value;
} given[4];

/* The server's part, for handlers called without one. */
struct str http_param(const struct http_request *rq, const char *name)
{
    (void)rq;
    for (size_t i = 0; i < 4; i++)
        if (given[i].name && strcmp(given[i].name, name) == 0) return given[i].value;
    return STR_NONE;
}
int64_t http_param_i64(const struct http_request *rq, const char *name, int64_t fallback)
{
    int64_t v;
    return str_to_i64(http_param(rq, name), &v) ? v : fallback;
}

static enum rc call(const char *method, const char *path, struct buf *body)
{
    struct arena arena = ARENA_INIT(1 << 20);
    struct http_request rq = {.app = &app, .arena = &arena};
    struct http_response rs = {.body = BUF_INIT(1 << 20)};
    rs.json = JOUT_INIT(&rs.body);
    enum rc rc = RC_NOT_FOUND;
    for (const struct http_route *r = job_module.routes; r->path; r++) {
        if (strcmp(r->path, path) != 0 || strcmp(r->method, method) != 0) continue;
        assert_int_equal(r->roles, HTTP_MERCHANDISER | HTTP_OPERATOR | HTTP_ADMIN);
        rc = r->handler(&rq, &rs, &err);
    }
    buf_reset(body);
    buf_add(body, buf_str(&rs.body));
    buf_release(&rs.body);
    arena_release(&arena);
    return rc;
}

static void test_http(void **state)
{
    (void)state;
    enum { JOBS = 7 };
    char ids[JOBS][JOB_ID_BYTES];
    struct buf body = BUF_INIT(1 << 20);
    struct jval *doc;
    start_with("0", "5s");
    for (int i = 0; i < JOBS; i++) {
        enqueue(i == 3 ? "other" : "add", "{}", 0, ids[i]);
        usleep(2000);
    }
    int seen = 0;
    struct str cursor = STR_NONE;
    char cursor_text[JOB_ID_BYTES];
    for (int page = 0; page < 4; page++) { /* 3 + 3 + 1, the newest first */
        given[0].name = "limit", given[0].value = STR("3");
        given[1].name = "cursor", given[1].value = cursor;
        OK(call("GET", "/v1/jobs", &body));
        OK(jval_parse(buf_str(&body), body.n, &doc, &err));
        const struct jval *jobs = jval_get(doc, "jobs");
        for (size_t i = 0; i < jval_len(jobs); i++, seen++)
            assert_true(str_eqz(jval_str(jval_get(jval_at(jobs, i), "id")), ids[JOBS - 1 - seen]));
        bool last = jval_is_null(jval_get(doc, "next_cursor"));
        snprintf(cursor_text, sizeof cursor_text, "%.*s", STR_ARG(jval_str(jval_get(doc, "next_cursor"))));
        cursor = str_of(cursor_text);
        jval_destroy(doc);
        assert_int_equal(last, page == 2);
        if (last) break;
    }
    assert_int_equal(seen, JOBS);
    memset(given, 0, sizeof given);
    given[0].name = "kind", given[0].value = STR("other");
    given[1].name = "state", given[1].value = STR("queued");
    OK(call("GET", "/v1/jobs", &body));
    OK(jval_parse(buf_str(&body), body.n, &doc, &err));
    assert_int_equal(jval_len(jval_get(doc, "jobs")), 1);
    jval_destroy(doc);

    memset(given, 0, sizeof given);
    given[0].name = "id", given[0].value = str_of(ids[0]);
    OK(call("GET", "/v1/jobs/{id}", &body));
    OK(jval_parse(buf_str(&body), body.n, &doc, &err));
    assert_true(str_eqz(jval_str(jval_get(doc, "state")), "queued"));
    assert_true(jval_is_null(jval_get(doc, "progress")));
    assert_true(jval_is_null(jval_get(doc, "ended")));
    int64_t at;
    assert_true(clock_parse(jval_str(jval_get(doc, "created")), &at));
    assert_true(at > clock_now_ms() - 60000 && at <= clock_now_ms());
    jval_destroy(doc);
    OK(call("DELETE", "/v1/jobs/{id}", &body));
    OK(jval_parse(buf_str(&body), body.n, &doc, &err));
    assert_true(str_eqz(jval_str(jval_get(doc, "state")), "cancelled"));
    jval_destroy(doc);
    assert_int_equal(call("DELETE", "/v1/jobs/{id}", &body), RC_CONFLICT);
    given[0].value = STR("0190a000-0000-7000-8000-000000000000");
    assert_int_equal(call("DELETE", "/v1/jobs/{id}", &body), RC_NOT_FOUND);
    assert_int_equal(call("GET", "/v1/jobs/{id}", &body), RC_NOT_FOUND);
    buf_release(&body);
    stop_all();
}

/* The document is made from these texts: each must be JSON. */
static void test_schemas(void **state)
{
    (void)state;
    struct jval *doc;
    for (const struct http_schema *s = job_module.schemas; s->name; s++) {
        OK(jval_parse(str_of(s->json), 1 << 16, &doc, &err));
        jval_destroy(doc);
    }
    for (const struct http_route *r = job_module.routes; r->path; r++) {
        for (const struct http_param *p = r->params; p && p->name; p++) {
            OK(jval_parse(str_of(p->schema), 1 << 16, &doc, &err));
            jval_destroy(doc);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    if (crypt_startup(NULL) || !mkdtemp(dir)) return 1;
    snprintf(url, sizeof url, "sqlite:%s/ops.db", dir);
    snprintf(marks, sizeof marks, "%s/marks", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return fs_remove_tree(dir, NULL) != RC_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_order_and_keys),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_shutdown_queues_again),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_lost_lease),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_schemas),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
