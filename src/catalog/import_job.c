/*
 * Imports over HTTP and in the background. An upload's files lie in DATA/incoming as upload-NONCE.PART until
 * its job has ended. The order at the end is: the catalogue is published, the run is recorded, the files go, the
 * job ends. A job that is started again, because its process was killed between these, looks at the run first.
 * Files that no queued or running job names - of a job that was cancelled before it began, or given up - are swept
 * when a server starts and when an import comes or ends.
 */
#include "catalog/catalog_internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/jval.h"
#include "base/log.h"
#include "catalog/import.h"
#include "crypt/crypt.h"
#include "job/job.h"
#include "metric/metric.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Younger files may belong to an upload whose job is not there yet. */
enum { SWEEP_AGE_MS = 10 * 60 * 1000, N_FILES = 4 };
static const char *const file_keys[N_FILES] = {"feed", "images", "inventory", "shops"}; /* of a job's payload */

static struct metric imports =
    METRIC_COUNTER("penderie_imports_total", "Imports ended, by outcome.", "outcome");
static struct metric rows_read = METRIC_COUNTER("penderie_import_rows_total", "Rows of feeds read.", NULL);
static struct metric rows_rejected =
    METRIC_COUNTER("penderie_import_rejected_total", "Rows of feeds rejected.", NULL);
static struct metric pictures =
    METRIC_COUNTER("penderie_import_pictures_total", "Pictures of feeds, by outcome.", "outcome");
struct metric *const catalog_import_metrics[] = {&imports, &rows_read, &rows_rejected, &pictures, NULL};

/* ---- runs ---- */

static void write_run(struct jout *out, const struct store_rows *rows)
{
    char at[25];
    jout_object(out);
    jout_kstr(out, "id", store_text(rows, 0));
    jout_kstr(out, "feed", store_text(rows, 1));
    jout_kstr(out, "state", store_text(rows, 2));
    clock_rfc3339(store_i64(rows, 3), at);
    jout_kz(out, "started", at);
    if (!store_is_null(rows, 4)) clock_rfc3339(store_i64(rows, 4), at);
    jout_kz(out, "ended", store_is_null(rows, 4) ? NULL : at);
    jout_key(out, "counts");
    jout_raw(out, store_text(rows, 5));
    jout_key(out, "message");
    if (store_is_null(rows, 6))
        jout_null(out);
    else
        jout_str(out, store_text(rows, 6));
    jout_end(out);
}

enum rc catalog_list_imports(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(http_param_i64(rq, "limit", 20))};
    bool more = false;
    enum rc rc = catalog_begin_read(rq, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT id, feed, state, started_ms, ended_ms, counts, message FROM import_run"
                         " ORDER BY started_ms DESC, id DESC LIMIT ?1",
                         args, 1, &rows, err);
    jout_object(&rs->json);
    jout_key(&rs->json, "items");
    jout_array(&rs->json);
    while (!rc && !(rc = store_next(rows, &more, err)) && more)
        write_run(&rs->json, rows);
    jout_end(&rs->json);
    jout_end(&rs->json);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

/* A job whose run could not be recorded when it was queued: the catalogue was busy. */
static enum rc write_waiting(const struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct job_summary job;
    struct err why = {0};
    char at[25];
    const char *id = arena_strz(rq->arena, http_param(rq, "id"));
    if (!id) return err_set(err, RC_NOMEM, "out of memory");
    enum rc rc = job_look_up(rq->app->ops, id, &job, &why);
    if (rc == RC_NOT_FOUND || (!rc && strcmp(job.kind, "import") != 0))
        return err_set(err, RC_NOT_FOUND, "there is no such import");
    if (rc) {
        *err = why;
        return rc;
    }
    clock_rfc3339(job.created_ms, at);
    jout_object(&rs->json);
    jout_kz(&rs->json, "id", id);
    jout_kz(&rs->json, "state", strcmp(job.state, "cancelled") == 0 ? "interrupted" : job.state);
    jout_kz(&rs->json, "started", at);
    jout_end(&rs->json);
    return RC_OK;
}

enum rc catalog_get_import(struct http_request *rq, struct http_response *rs, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_S(http_param(rq, "id"))};
    bool more = false;
    enum rc rc = catalog_begin_read(rq, &tx, err);
    if (!rc)
        rc = store_query(
            tx, "SELECT id, feed, state, started_ms, ended_ms, counts, message FROM import_run WHERE id = ?1",
            args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) write_run(&rs->json, rows);
    store_rows_close(rows);
    store_rollback(tx);
    return rc || more ? rc : write_waiting(rq, rs, err);
}

/* A file name of DATA/incoming: no folders, no dots in front. */
static bool plain_name(struct str s)
{
    if (!s.n || s.n > 200 || s.p[0] == '.') return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strchr("._- ", c))
            return false;
    }
    return true;
}

static bool incoming_path(const struct app *app, struct str name, char out[static PATH_MAX])
{
    if (!plain_name(name)) return false;
    int n = snprintf(out, PATH_MAX, "%s/incoming/%.*s", app->data_dir, STR_ARG(name));
    return n >= 0 && n < PATH_MAX;
}

/* ---- files that nobody waits for ---- */

struct sweep {
    struct app *app;
    struct buf names, ids; /* of queued and running jobs; each between two line ends */
    int removed;
};

static bool listed(const struct buf *list, struct str s)
{
    char line[256];
    int n = snprintf(line, sizeof line, "\n%.*s\n", STR_ARG(s));
    return n >= (int)sizeof line || str_find(buf_str(list), (struct str){line, (size_t)n}) != SIZE_MAX;
}

static enum rc note_job(void *ctx, struct str id, const struct jval *payload, struct err *err)
{
    struct sweep *s = ctx;
    (void)err;
    buf_addf(&s->ids, "%.*s\n", STR_ARG(id));
    for (int i = 0; i < N_FILES; i++)
        buf_addf(&s->names, "%.*s\n", STR_ARG(jval_str(jval_get(payload, file_keys[i]))));
    return RC_OK;
}

static enum rc sweep_file(const char *path, void *ctx, struct err *err)
{
    struct sweep *s = ctx;
    struct stat st;
    const char *slash = strrchr(path, '/');
    struct str name = str_of(slash ? slash + 1 : path);
    (void)err;
    if (!str_starts(name, STR("upload-")) || listed(&s->names, name) || lstat(path, &st)) return RC_OK;
    if ((int64_t)st.st_mtime * 1000 > clock_now_ms() - SWEEP_AGE_MS) return RC_OK;
    s->removed += unlink(path) == 0;
    return RC_OK;
}

/* Runs that were queued and whose job ended without beginning them. The runs are read before the jobs, so that
 * one that is being queued right now is not taken for such. */
static enum rc end_queued(struct sweep *s, char (*ids)[JOB_ID_BYTES], size_t n, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(s->app->catalog, STORE_WRITE, &tx, err);
    for (size_t i = 0; !rc && i < n; i++) {
        if (listed(&s->ids, str_of(ids[i]))) continue;
        const struct store_value args[] = {STORE_Z(ids[i]), STORE_I(clock_now_ms())};
        rc = store_exec(tx,
                        "UPDATE import_run SET state = 'interrupted', ended_ms = ?2,"
                        " message = 'ended before it began' WHERE id = ?1 AND state = 'queued'",
                        args, 2, NULL, err);
    }
    return store_end(tx, rc, err);
}

enum { QUEUED_AT_ONCE = 200 };

static enum rc read_queued(struct app *app, char (*ids)[JOB_ID_BYTES], size_t *n, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(QUEUED_AT_ONCE)};
    bool more = false;
    *n = 0;
    enum rc rc = store_begin(app->catalog, STORE_READ, &tx, err);
    if (!rc)
        rc =
            store_query(tx, "SELECT id FROM import_run WHERE state = 'queued' ORDER BY started_ms, id LIMIT ?1",
                        args, 1, &rows, err);
    while (!rc && *n < QUEUED_AT_ONCE && !(rc = store_next(rows, &more, err)) && more)
        snprintf(ids[(*n)++], JOB_ID_BYTES, "%.*s", STR_ARG(store_text(rows, 0)));
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

/* A failure is logged: the next sweep does it. */
static void sweep(struct app *app)
{
    struct sweep s = {.app = app, .names = BUF_INIT((size_t)16 << 20), .ids = BUF_INIT((size_t)4 << 20)};
    struct err err = {0};
    char dir[PATH_MAX], (*queued)[JOB_ID_BYTES] = calloc(QUEUED_AT_ONCE, sizeof *queued);
    size_t n = 0;
    snprintf(dir, sizeof dir, "%s/incoming", app->data_dir);
    buf_addz(&s.names, "\n");
    buf_addz(&s.ids, "\n");
    enum rc rc = queued ? read_queued(app, queued, &n, &err) : err_set(&err, RC_NOMEM, "out of memory");
    if (!rc) rc = job_each_active(app->ops, "import", note_job, &s, &err);
    if (!rc) rc = buf_check(&s.names, "the list of uploads", &err);
    if (!rc) rc = buf_check(&s.ids, "the list of imports", &err);
    if (!rc && fs_is_dir(dir)) rc = fs_walk(dir, sweep_file, &s, &err);
    if (!rc && n) rc = end_queued(&s, queued, n, &err);
    if (rc) log_warn("catalog", "uploads were not swept: %s", err.message);
    if (s.removed) log_info("catalog", "removed %d uploaded files that no import waits for", s.removed);
    buf_release(&s.names);
    buf_release(&s.ids);
    free(queued);
}

/* ---- queueing ---- */

static enum rc record_queued(struct app *app, const char *id, struct str feed, struct err *err)
{
    struct store_tx *tx = NULL;
    const struct store_value args[] = {STORE_Z(id), STORE_S(feed), STORE_I(clock_now_ms())};
    enum rc rc = store_begin(app->catalog, STORE_WRITE, &tx, err);
    if (!rc)
        rc = store_exec(tx,
                        "INSERT INTO import_run (id, feed, state, started_ms) VALUES (?1, ?2, 'queued', ?3)"
                        " ON CONFLICT (id) DO NOTHING",
                        args, 3, NULL, err);
    rc = store_end(tx, rc, err);
    return rc;
}

struct import_request {
    struct str feed, images, inventory, shops, columns; /* file names in DATA/incoming */
    bool prune, force, temporary;                       /* temporary: removed when the import has ended */
};

static enum rc enqueue_import(struct http_request *rq, struct http_response *rs, const struct import_request *q,
                              struct err *err)
{
    struct buf payload = BUF_INIT((size_t)1 << 16);
    struct jout json = JOUT_INIT(&payload);
    char id[JOB_ID_BYTES] = "";
    const struct {
        const char *key;
        struct str value;
    } names[] = {{"feed", q->feed},
                 {"images", q->images},
                 {"inventory", q->inventory},
                 {"shops", q->shops},
                 {"columns", q->columns}};
    jout_object(&json);
    for (size_t i = 0; i < 5; i++)
        if (names[i].value.n) jout_kstr(&json, names[i].key, names[i].value);
    jout_kbool(&json, "prune", q->prune);
    jout_kbool(&json, "force", q->force);
    jout_kbool(&json, "temporary", q->temporary);
    jout_end(&json);
    enum rc rc = buf_check(&payload, "the job", err);
    const struct job_request job = {.kind = "import", .payload = buf_str(&payload)};
    if (!rc) rc = job_enqueue(rq->app->ops, &job, id, err);
    buf_release(&payload);
    if (rc) return rc;
    struct err why = {0}; /* the job is durable: it will run, and its run be recorded then at the latest */
    if (record_queued(rq->app, id, q->feed, &why))
        log_warn("catalog", "import %s is queued, but not in the list of imports yet: %s", id, why.message);
    const char *location = arena_printf(rq->arena, "/v1/imports/%s", id);
    if (location) rc = http_add_header(rs, "Location", location, err);
    jout_object(&rs->json);
    jout_kz(&rs->json, "id", id);
    jout_kz(&rs->json, "state", "queued");
    jout_end(&rs->json);
    return rc;
}

static enum rc save_part(struct http_request *rq, const char *part_name, const char *stem, const char *suffix,
                         struct str *out, struct err *err)
{
    char path[PATH_MAX];
    const struct http_part *part = http_part(rq, part_name);
    if (!part) return RC_OK;
    if (!part->data.n) return err_set(err, RC_INVALID, "the part \"%s\" is empty", part_name);
    char *name = arena_printf(rq->arena, "%s.%s%s", stem, part_name, suffix);
    if (!name) return err_set(err, RC_NOMEM, "out of memory");
    *out = str_of(name);
    if (!incoming_path(rq->app, *out, path))
        return err_set(err, RC_INVALID, "the data folder's path is too long");
    return fs_write_atomic(path, part->data.p, part->data.n, 0600, err);
}

static bool flag_part(const struct http_request *rq, const char *name)
{
    const struct http_part *part = http_part(rq, name);
    return part && (str_eqz(part->data, "true") || str_eqz(part->data, "1"));
}

enum rc catalog_upload_import(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char dir[PATH_MAX], stem[40];
    uint8_t random[12];
    struct import_request q = {.temporary = true};
    const struct http_part *columns = http_part(rq, "columns");
    if (!http_part(rq, "feed")) return err_set(err, RC_INVALID, "the part \"feed\" is missing");
    if (columns) q.columns = columns->data;
    q.prune = flag_part(rq, "prune");
    q.force = flag_part(rq, "force");
    crypt_random(random, sizeof random);
    memcpy(stem, "upload-", 7);
    crypt_hex(random, sizeof random, stem + 7);
    sweep(rq->app);
    snprintf(dir, sizeof dir, "%s/incoming", rq->app->data_dir);
    enum rc rc = fs_mkdirs(dir, 0700, err);
    if (!rc) rc = save_part(rq, "feed", stem, "", &q.feed, err);
    if (!rc) rc = save_part(rq, "images", stem, ".zip", &q.images, err);
    if (!rc) rc = save_part(rq, "inventory", stem, "", &q.inventory, err);
    if (!rc) rc = save_part(rq, "shops", stem, "", &q.shops, err);
    if (!rc) rc = enqueue_import(rq, rs, &q, err);
    const struct str files[N_FILES] = {q.feed, q.images, q.inventory, q.shops};
    for (int i = 0; rc && i < N_FILES; i++)
        if (files[i].n && incoming_path(rq->app, files[i], dir)) unlink(dir);
    return rc;
}

enum rc catalog_import_incoming(struct http_request *rq, struct http_response *rs, struct err *err)
{
    char path[PATH_MAX];
    struct import_request q = {.feed = jval_str(jval_get(rq->json, "feed_path")),
                               .images = jval_str(jval_get(rq->json, "images_path")),
                               .inventory = jval_str(jval_get(rq->json, "inventory_path")),
                               .shops = jval_str(jval_get(rq->json, "shops_path")),
                               .columns = jval_str(jval_get(rq->json, "columns"))};
    const struct str files[N_FILES] = {q.feed, q.images, q.inventory, q.shops};
    (void)jval_bool(jval_get(rq->json, "prune"), &q.prune);
    (void)jval_bool(jval_get(rq->json, "force"), &q.force);
    if (!q.feed.n) return err_set(err, RC_INVALID, "feed_path is missing");
    for (size_t i = 0; i < N_FILES; i++) {
        if (!files[i].n) continue;
        if (!incoming_path(rq->app, files[i], path))
            return err_set(err, RC_INVALID, "a file name has letters, digits, blanks and . _ - only");
        if (!fs_exists(path))
            return err_set(err, RC_UNPROCESSABLE, "there is no such file in the incoming folder");
    }
    return enqueue_import(rq, rs, &q, err);
}

/* ---- the jobs ---- */

static void on_progress(void *ctx, const char *stage, int64_t done, int64_t total)
{
    job_progress(ctx, done, total, stage);
}

static bool on_stopped(void *ctx) { return job_cancelled(ctx); }

static void count_result(enum rc rc, const struct catalog_import_result *r)
{
    metric_add(&imports, rc ? rc_name(rc) : "done", 1);
    metric_add(&rows_read, NULL, (uint64_t)r->rows);
    metric_add(&rows_rejected, NULL, (uint64_t)r->rejected);
    metric_add(&pictures, "read", (uint64_t)r->pictures_read);
    metric_add(&pictures, "reused", (uint64_t)r->pictures_reused);
    metric_add(&pictures, "failed", (uint64_t)r->pictures_failed);
}

static enum rc finish_job(enum rc rc, const struct catalog_import_result *r, struct buf *result)
{
    count_result(rc, r);
    if (!rc) {
        struct jout json = JOUT_INIT(result);
        catalog_import_write(r, &json);
    }
    return rc == RC_CONFLICT && !r->rows ? RC_BUSY : rc; /* another import is running: later */
}

/* The run of a job that was started before: how it ended, with its counts or message into `text`. */
static enum rc read_run(struct app *app, const char *id, char state[static 16], struct buf *text,
                        struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_Z(id)};
    bool more = false;
    state[0] = 0;
    enum rc rc = store_begin(app->catalog, STORE_READ, &tx, err);
    if (!rc)
        rc =
            store_query(tx, "SELECT state, counts, message FROM import_run WHERE id = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        snprintf(state, 16, "%.*s", STR_ARG(store_text(rows, 0)));
        buf_add(text, store_text(rows, strcmp(state, "done") == 0 ? 1 : 2));
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

struct import_files {
    char path[N_FILES][PATH_MAX]; /* "": none */
};

/* *over: the run of an earlier start ended, and only the job's end was not written any more. */
static enum rc ended_before(struct app *app, struct job *job, const struct import_files *files,
                            struct buf *result, bool *over, struct err *err)
{
    char state[16];
    struct buf text = BUF_INIT((size_t)1 << 16);
    *over = false;
    if (job_attempt(job) < 2) return RC_OK;
    enum rc rc = read_run(app, job_id(job), state, &text, err);
    if (!rc && strcmp(state, "done") == 0) {
        *over = true;
        buf_add(result, buf_str(&text));
    } else if (!rc && strcmp(state, "failed") == 0 && !fs_exists(files->path[0])) {
        *over = true;
        rc = err_set(err, RC_UNPROCESSABLE, "%s", text.p);
    }
    buf_release(&text);
    return rc;
}

static enum rc run_import(struct app *app, struct job *job, const struct import_files *files,
                          struct buf *result, struct err *err)
{
    const struct jval *payload = job_payload(job);
    const char *path[N_FILES];
    char *columns = NULL;
    struct catalog_import_result counts = {0};
    struct str text = jval_str(jval_get(payload, "columns"));
    if (text.n) {
        columns = strndup(text.p, text.n);
        if (!columns) return err_set(err, RC_NOMEM, "out of memory");
    }
    for (int i = 0; i < N_FILES; i++)
        path[i] = files->path[i][0] ? files->path[i] : NULL;
    struct catalog_import_options o = {.feed = path[0],
                                       .images = path[1],
                                       .inventory = path[2],
                                       .shops = path[3],
                                       .columns = columns,
                                       .run_id = job_id(job),
                                       .progress = on_progress,
                                       .stopped = on_stopped,
                                       .ctx = job};
    (void)jval_bool(jval_get(payload, "prune"), &o.prune);
    (void)jval_bool(jval_get(payload, "force"), &o.force);
    enum rc rc = finish_job(catalog_import(app, &o, &counts, err), &counts, result);
    free(columns);
    return rc;
}

static enum rc run_import_job(struct app *app, struct job *job, struct buf *result, struct err *err)
{
    const struct jval *payload = job_payload(job);
    bool temporary = false, over = false;
    struct import_files *files = calloc(1, sizeof *files);
    if (!files) return err_set(err, RC_NOMEM, "out of memory");
    for (int i = 0; i < N_FILES; i++)
        if (!incoming_path(app, jval_str(jval_get(payload, file_keys[i])), files->path[i]))
            files->path[i][0] = 0;
    (void)jval_bool(jval_get(payload, "temporary"), &temporary);
    enum rc rc = ended_before(app, job, files, result, &over, err);
    if (!rc && !over) rc = run_import(app, job, files, result, err);
    bool again = rc == RC_BUSY || rc == RC_STOPPED; /* a stopped one that was cancelled is for the sweep */
    for (int i = 0; temporary && !again && i < N_FILES; i++)
        if (files->path[i][0]) unlink(files->path[i]);
    free(files);
    sweep(app);
    return rc;
}

static enum rc run_reembed_job(struct app *app, struct job *job, struct buf *result, struct err *err)
{
    struct catalog_import_result counts = {0};
    const struct catalog_import_options o = {
        .run_id = job_id(job), .progress = on_progress, .stopped = on_stopped, .ctx = job};
    enum rc rc = catalog_reembed(app, &o, &counts, err);
    return finish_job(rc, &counts, result);
}

/* Both wait their turn behind another import, which may take an hour: 30 tries, each a little later than the last. */
static const struct job_kind import_kind = {.name = "import", .run = run_import_job, .max_attempts = 30};
static const struct job_kind reembed_kind = {.name = "reembed", .run = run_reembed_job, .max_attempts = 30};

enum rc catalog_jobs_start(struct app *app, struct err *err)
{
    char id[JOB_ID_BYTES];
    bool needed = false;
    sweep(app);
    job_register(&import_kind);
    job_register(&reembed_kind);
    enum rc rc = catalog_needs_reembed(app, &needed, err);
    if (rc || !needed) return rc;
    const struct job_request job = {.kind = "reembed", .key = "reembed"};
    log_info("catalog",
             "the model is another than the catalogue's: pictures are embedded anew in the background");
    return job_enqueue(app->ops, &job, id, err);
}

void catalog_jobs_stop(void)
{
    job_unregister(&import_kind);
    job_unregister(&reembed_kind);
}
