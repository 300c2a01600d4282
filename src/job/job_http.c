/* What the people who run the house see of the jobs. */
#include "job/job_private.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/jout.h"
#include "base/module.h"

#include <string.h>

enum { STAFF = HTTP_MERCHANDISER | HTTP_OPERATOR | HTTP_ADMIN, MAX_PAGE = 100 };

#define JOB_COLUMNS \
    "id, kind, state, cancel, priority, attempts, progress, result, error, created_ms, started_ms, ended_ms"

static void write_time(const struct store_rows *rows, int column, const char *key, struct jout *out)
{
    char text[25];
    if (!store_is_null(rows, column)) clock_rfc3339(store_i64(rows, column), text);
    jout_kz(out, key, store_is_null(rows, column) ? NULL : text);
}

static void write_json(const struct store_rows *rows, int column, const char *key, struct jout *out)
{
    struct str json = store_text(rows, column);
    jout_key(out, key);
    jout_raw(out, json.n ? json : STR("null"));
}

/* The current row, of JOB_COLUMNS, as schema "Job". */
static void write_job(const struct store_rows *rows, struct jout *out)
{
    jout_object(out);
    jout_kstr(out, "id", store_text(rows, 0));
    jout_kstr(out, "kind", store_text(rows, 1));
    jout_kstr(out, "state", store_text(rows, 2));
    jout_kbool(out, "cancelling", store_i64(rows, 3) != 0 && str_eqz(store_text(rows, 2), "running"));
    jout_ki64(out, "priority", store_i64(rows, 4));
    jout_ki64(out, "attempts", store_i64(rows, 5));
    write_json(rows, 6, "progress", out);
    write_json(rows, 7, "result", out);
    struct str error = store_text(rows, 8);
    jout_key(out, "error");
    if (error.p)
        jout_str(out, error);
    else
        jout_null(out);
    write_time(rows, 9, "created", out);
    write_time(rows, 10, "started", out);
    write_time(rows, 11, "ended", out);
    jout_end(out);
}

static enum rc list_in(struct store_tx *tx, struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_rows *rows = NULL;
    char last[JOB_ID_BYTES] = "";
    bool more = false;
    int64_t limit = http_param_i64(rq, "limit", 20), n = 0;
    if (limit < 1 || limit > MAX_PAGE) limit = MAX_PAGE;
    /* Ids sort by creation, so the last id of a page is all that the next page needs to know. */
    enum rc rc = store_query(tx,
                             "SELECT " JOB_COLUMNS " FROM job WHERE (?1 IS NULL OR id < ?1)"
                             " AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR kind = ?3)"
                             " ORDER BY id DESC LIMIT ?4",
                             STORE_ARGS(STORE_S(http_param(rq, "cursor")), STORE_S(http_param(rq, "state")),
                                        STORE_S(http_param(rq, "kind")), STORE_I(limit + 1)),
                             &rows, err);
    jout_object(&rs->json);
    jout_key(&rs->json, "jobs");
    jout_array(&rs->json);
    while (!rc) {
        rc = store_next(rows, &more, err);
        if (rc || !more || n == limit) break;
        write_job(rows, &rs->json);
        snprintf(last, sizeof last, "%.*s", STR_ARG(store_text(rows, 0)));
        n++;
    }
    jout_end(&rs->json);
    jout_kz(&rs->json, "next_cursor", more ? last : NULL);
    jout_end(&rs->json);
    store_rows_close(rows);
    return rc;
}

static enum rc list(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(rq->app->ops, STORE_READ, &tx, err);
    if (!rc) rc = list_in(tx, rq, rs, err);
    store_rollback(tx);
    return rc;
}

static enum rc get_in(struct store_tx *tx, struct str id, struct http_response *rs, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc =
        store_query(tx, "SELECT " JOB_COLUMNS " FROM job WHERE id = ?1", STORE_ARGS(STORE_S(id)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) write_job(rows, &rs->json);
    if (!rc && !more) rc = err_set(err, RC_NOT_FOUND, "there is no job %.*s", STR_ARG(id));
    store_rows_close(rows);
    return rc;
}

static enum rc get(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(rq->app->ops, STORE_READ, &tx, err);
    if (!rc) rc = get_in(tx, http_param(rq, "id"), rs, err);
    store_rollback(tx);
    return rc;
}

static enum rc cancel(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char *id = arena_strz(rq->arena, http_param(rq, "id"));
    if (!id) return err_set(err, RC_NOMEM, "out of memory");
    enum rc rc = job_cancel(rq->app->ops, id, err);
    return rc ? rc : get(rq, rs, err);
}

#define ID_PARAM                                                                                            \
    {                                                                                                       \
        "id", HTTP_IN_PATH, true, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":36}", "The job's id." \
    }

static const struct http_param list_params[] = {
    {"limit", HTTP_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":20}",
     "How many jobs a page holds."},
    {"cursor", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":36}",
     "`next_cursor` of the page before."},
    {"state", HTTP_IN_QUERY, false,
     "{\"type\":\"string\",\"enum\":[\"queued\",\"running\",\"done\",\"failed\",\"cancelled\"]}",
     "Only jobs in this state."},
    {"kind", HTTP_IN_QUERY, false, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}",
     "Only jobs of this kind."},
    {0}};
static const struct http_param id_params[] = {ID_PARAM, {0}};

const struct http_route job_routes[] = {
    {.path = "/v1/jobs",
     .method = "GET",
     .operation = "listJobs",
     .tag = "jobs",
     .summary = "Background jobs, the newest first.",
     .handler = list,
     .roles = STAFF,
     .params = list_params,
     .answer_schema = "JobList"},
    {.path = "/v1/jobs/{id}",
     .method = "GET",
     .operation = "getJob",
     .tag = "jobs",
     .summary = "One background job, with its progress and its result.",
     .handler = get,
     .roles = STAFF,
     .params = id_params,
     .answer_schema = "Job"},
    {.path = "/v1/jobs/{id}",
     .method = "DELETE",
     .operation = "cancelJob",
     .tag = "jobs",
     .summary = "Cancels a job: at once when it waits, as soon as it can stop when it runs.",
     .handler = cancel,
     .roles = STAFF,
     .params = id_params,
     .answer_schema = "Job",
     .answer_status = 202},
    {0}};

const struct http_schema job_schemas[] = {
    {"JobProgress",
     "{\"type\":\"object\",\"required\":[\"done\",\"total\",\"stage\"],\"properties\":{"
     "\"done\":{\"type\":\"integer\",\"minimum\":0},"
     "\"total\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"0: not known\"},"
     "\"stage\":{\"type\":\"string\",\"description\":\"What is being done, in a word or two.\"}}}"},
    {"Job",
     "{\"type\":\"object\",\"required\":[\"id\",\"kind\",\"state\",\"cancelling\",\"priority\",\"attempts\","
     "\"progress\",\"result\",\"error\",\"created\",\"started\",\"ended\"],\"properties\":{"
     "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"
     "\"kind\":{\"type\":\"string\"},"
     "\"state\":{\"type\":\"string\",\"enum\":[\"queued\",\"running\",\"done\",\"failed\",\"cancelled\"]},"
     "\"cancelling\":{\"type\":\"boolean\",\"description\":\"It runs, and was asked to stop.\"},"
     "\"priority\":{\"type\":\"integer\"},"
     "\"attempts\":{\"type\":\"integer\",\"description\":\"How often it was started.\"},"
     "\"progress\":{\"oneOf\":[{\"$ref\":\"#/components/schemas/JobProgress\"},{\"type\":\"null\"}]},"
     "\"result\":{\"description\":\"What it left; its form depends on the kind.\"},"
     "\"error\":{\"type\":[\"string\",\"null\"]},"
     "\"created\":{\"type\":\"string\",\"format\":\"date-time\"},"
     "\"started\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},"
     "\"ended\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}}}"},
    {"JobList", "{\"type\":\"object\",\"required\":[\"jobs\",\"next_cursor\"],\"properties\":{"
                "\"jobs\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Job\"}},"
                "\"next_cursor\":{\"type\":[\"string\",\"null\"],\"description\":\"null: the last page\"}}}"},
    {0}};
