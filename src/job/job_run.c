/*
 * The workers of this process. Threading:
 *
 *   - `lock` guards the kinds, the list of running jobs and `stopping`. It is never held across a call to
 *     the store or a handler.
 *   - Workers sleep on `wake` for at most POLL_MS, take a job, run its handler.
 *   - One keeper thread renews the leases of all running jobs, carries their progress to the store, asks
 *     whether somebody wants them cancelled, counts for the metrics, and deletes old rows.
 *   - A struct job lives from before it enters the list until after it left it; the keeper uses one only
 *     while `keeping` counts it, and the worker waits for that to fall to 0 before it frees the job.
 */
#include "job/job_private.h"

#include "base/app.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jout.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/module.h"
#include "crypt/crypt.h"
#include "metric/metric.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_KINDS = 32,
    MAX_WORKERS = 16,
    STAGE_BYTES = 64,
    OWNER_BYTES = 48,
    POLL_MS = 500,
    RETRY_MS = 5000,
    FORGET_EVERY_MS = 3600 * 1000,
    END_TRIES = 5
};

struct job {
    struct app *app;
    const struct job_kind *kind;
    char id[JOB_ID_BYTES];
    struct jval *payload;
    int attempt;
    _Atomic bool cancelled; /* somebody asked */
    _Atomic bool lost;      /* another worker may have it */
    _Atomic bool leaving;   /* the process, or the module, ends */
    _Atomic int64_t lease_until_ms;

    pthread_mutex_t lock; /* of the four below */
    int64_t done, total;
    char stage[STAGE_BYTES];
    bool changed;

    struct job *next; /* these two under the runner's lock */
    int keeping;
};

static struct runner {
    pthread_mutex_t lock;
    pthread_cond_t wake, quiet; /* quiet: a job left the list, or the keeper let go of one */
    const struct job_kind *kinds[MAX_KINDS];
    size_t n_kinds;
    struct job *running;
    bool started, stopping;
    unsigned waking; /* counts calls of job_wake(), so that none falls between a look and the sleep */

    struct app *app;
    char owner[OWNER_BYTES];
    int64_t lease_ms, keep_ms;
    pthread_t worker[MAX_WORKERS], keeper;
    unsigned n_workers;
} runner = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .quiet = PTHREAD_COND_INITIALIZER};

static struct metric jobs = METRIC_GAUGE("penderie_jobs", "Jobs in the store by state.", "state");
static struct metric seconds = {
    .name = "penderie_job_seconds",
    .help = "How long jobs ran, by kind.",
    .label = "kind",
    .kind = METRIC_KIND_HISTOGRAM,
    .bounds = {.1, .5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200}};
static struct metric takeovers = METRIC_COUNTER(
    "penderie_job_takeovers_total", "Jobs started again after their worker was gone, by kind.", "kind");

/* ----------------------------------------------------------------------------------- for handlers */

const char *job_id(const struct job *job) { return job->id; }
const struct jval *job_payload(const struct job *job) { return job->payload; }
int job_attempt(const struct job *job) { return job->attempt; }

bool job_cancelled(const struct job *job)
{
    return atomic_load(&job->cancelled) || atomic_load(&job->lost) || atomic_load(&job->leaving);
}

void job_progress(struct job *job, int64_t done, int64_t total, const char *stage)
{
    pthread_mutex_lock(&job->lock);
    job->done = done;
    job->total = total;
    struct str cut = str_utf8_cut(str_of(stage ? stage : ""), STAGE_BYTES - 1);
    snprintf(job->stage, sizeof job->stage, "%.*s", STR_ARG(cut));
    job->changed = true;
    pthread_mutex_unlock(&job->lock);
}

/* Into `out` if it changed since the last call; otherwise `out` stays empty. */
static void take_progress(struct job *job, struct buf *out)
{
    struct jout j = JOUT_INIT(out);
    pthread_mutex_lock(&job->lock);
    if (job->changed) {
        jout_object(&j);
        jout_ki64(&j, "done", job->done);
        jout_ki64(&j, "total", job->total);
        jout_kz(&j, "stage", job->stage);
        jout_end(&j);
    }
    job->changed = false;
    pthread_mutex_unlock(&job->lock);
}

static struct str str_or_none(const struct buf *b) { return b->n && !b->failed ? buf_str(b) : STR_NONE; }

/* ------------------------------------------------------------------------------------------ kinds */

void job_register(const struct job_kind *kind)
{
    pthread_mutex_lock(&runner.lock);
    ASSERT(runner.n_kinds < MAX_KINDS && kind->run && kind->name);
    for (size_t i = 0; i < runner.n_kinds; i++)
        ASSERT(strcmp(runner.kinds[i]->name, kind->name) != 0);
    runner.kinds[runner.n_kinds++] = kind;
    runner.waking++;
    pthread_cond_broadcast(&runner.wake);
    pthread_mutex_unlock(&runner.lock);
}

static bool any_running(const struct job_kind *kind)
{
    bool any = false;
    for (struct job *j = runner.running; j; j = j->next) {
        if (kind && j->kind != kind) continue;
        atomic_store(&j->leaving, true);
        any = true;
    }
    return any;
}

void job_unregister(const struct job_kind *kind)
{
    pthread_mutex_lock(&runner.lock);
    for (size_t i = 0; i < runner.n_kinds; i++) {
        if (runner.kinds[i] != kind) continue;
        runner.kinds[i] = runner.kinds[--runner.n_kinds];
        break;
    }
    while (any_running(kind))
        pthread_cond_wait(&runner.quiet, &runner.lock);
    pthread_mutex_unlock(&runner.lock);
}

void job_wake(void)
{
    pthread_mutex_lock(&runner.lock);
    runner.waking++;
    pthread_cond_broadcast(&runner.wake);
    pthread_mutex_unlock(&runner.lock);
}

/* ---------------------------------------------------------------------------------------- workers */

static struct job *make_job(const struct job_candidate *c, struct job_taken *taken)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) return NULL;
    pthread_mutex_init(&job->lock, NULL);
    job->app = runner.app;
    job->kind = c->kind;
    snprintf(job->id, sizeof job->id, "%s", c->id);
    job->payload = taken->payload;
    job->attempt = taken->attempt;
    atomic_store(&job->lease_until_ms, taken->lease_until_ms);
    return job;
}

static void free_job(struct job *job)
{
    if (!job) return;
    pthread_mutex_destroy(&job->lock);
    jval_destroy(job->payload);
    free(job);
}

static void enter(struct job *job)
{
    pthread_mutex_lock(&runner.lock);
    job->next = runner.running;
    runner.running = job;
    bool known = false; /* unregistered since it was chosen? */
    for (size_t i = 0; i < runner.n_kinds; i++)
        known = known || runner.kinds[i] == job->kind;
    if (runner.stopping || !known) atomic_store(&job->leaving, true);
    pthread_mutex_unlock(&runner.lock);
}

static void leave(struct job *job)
{
    pthread_mutex_lock(&runner.lock);
    while (job->keeping)
        pthread_cond_wait(&runner.quiet, &runner.lock);
    struct job **at = &runner.running;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    pthread_cond_broadcast(&runner.quiet);
    pthread_mutex_unlock(&runner.lock);
}

/* Staff see the message of what they can mend; a failure of ours is for the log, as with any answer. */
static void word_error(const struct job *job, enum rc rc, struct err *err, char shown[static 512])
{
    if (rc && !err->message[0]) (void)err_set(err, rc, "%s", rc_name(rc));
    if (rc_http_status(rc) < 500)
        snprintf(shown, 512, "%s", err->message);
    else
        snprintf(shown, 512, "failed inside the service (%s); its log says more under %s", rc_name(rc),
                 job->id);
}

/* What a handler's answer means for the row. */
static struct job_outcome outcome_of(const struct job *job, enum rc rc, const char *error,
                                     const struct buf *result, const struct buf *progress)
{
    int most = job->kind->max_attempts > 0 ? job->kind->max_attempts : JOB_DEFAULT_ATTEMPTS;
    struct job_outcome o = {.state = "failed", .error = error, .progress = str_or_none(progress)};
    if (rc == RC_OK) {
        o.state = "done";
        o.error = NULL;
        o.result = str_or_none(result);
    } else if (atomic_load(&job->cancelled)) {
        o.state = "cancelled";
        o.error = NULL;
    } else if (atomic_load(&job->leaving)) {
        o.state = "queued"; /* its end is ours, not the job's */
        o.forgive = 1;
        o.error = NULL;
    } else if (rc == RC_BUSY && job->attempt < most) {
        o.state = "queued";
        o.after_ms = clock_now_ms() + (int64_t)RETRY_MS * job->attempt;
    }
    return o;
}

/* A result that is no JSON would break the answers that carry it: the job's mistake, so it fails. */
static enum rc check_result(const struct buf *result, struct err *err)
{
    struct jval *parsed = NULL;
    enum rc rc = buf_check(result, "the result of a job", err);
    if (rc || !result->n) return rc;
    rc = jval_parse(buf_str(result), JOB_MAX_RESULT_BYTES, &parsed, err);
    jval_destroy(parsed);
    return rc ? err_prefix(err, "the result of a job: ") : RC_OK;
}

static void end_job(struct job *job, const struct job_outcome *o)
{
    struct err err = {0};
    enum rc rc = RC_OK;
    for (int i = 0; i < END_TRIES; i++) {
        rc = job_end(runner.app->ops, job->id, runner.owner, o, &err);
        if (rc != RC_BUSY && rc != RC_IO) break;
        usleep(100000u << i);
    }
    /* The lease then runs out and the job runs again, which handlers are made for. */
    if (rc) log_error("job", "%s %s: its end could not be written: %s", job->kind->name, job->id, err.message);
}

static void run_job(struct job *job)
{
    struct err err = {0};
    struct buf result = BUF_INIT(JOB_MAX_RESULT_BYTES), progress = BUF_INIT(1024);
    int64_t from_us = clock_mono_us();
    log_info("job", "%s %s starts, attempt %d", job->kind->name, job->id, job->attempt);
    enum rc rc = RC_STOPPED;
    if (!job_cancelled(job)) rc = job->kind->run(job->app, job, &result, &err);
    if (!rc) rc = check_result(&result, &err);
    char shown[sizeof err.message];
    word_error(job, rc, &err, shown);
    leave(job); /* from here on the keeper does not renew it, and its progress is ours alone */
    take_progress(job, &progress);
    struct job_outcome o = outcome_of(job, rc, shown, &result, &progress);
    double s = (double)(clock_mono_us() - from_us) / 1e6;
    metric_observe(&seconds, job->kind->name, s);
    if (atomic_load(&job->lost)) {
        log_warn("job", "%s %s was taken over by another worker", job->kind->name, job->id);
    } else {
        end_job(job, &o);
        if (rc && o.error) log_error("job", "%s %s: %s", job->kind->name, job->id, err.message);
        log_info("job", "%s %s: %s after %.1f s", job->kind->name, job->id, o.state, s);
    }
    buf_release(&result);
    buf_release(&progress);
}

static enum rc find(const struct job_kind *const *kinds, size_t n, struct job_candidate *best, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(runner.app->ops, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = job_find(tx, kinds, n, best, err);
    store_rollback(tx);
    return rc;
}

/* Runs one job if there is one. The look is a read; only a job that is there costs a write transaction. */
static bool run_next(const struct job_kind *const *kinds, size_t n)
{
    struct err err = {0};
    struct job_candidate c;
    struct job_taken taken = {0};
    enum rc rc = find(kinds, n, &c, &err);
    if (!rc && c.kind) rc = job_take(runner.app->ops, &c, runner.owner, runner.lease_ms, &taken, &err);
    if (rc && rc != RC_BUSY) log_error("job", "cannot take a job: %s", err.message);
    if (rc || !taken.taken) return !rc && c.kind; /* somebody was quicker: look again at once */
    if (taken.attempt > 1) metric_add(&takeovers, c.kind->name, 1);
    struct job *job = make_job(&c, &taken);
    if (!job) {
        jval_destroy(taken.payload);
        log_error("job", "out of memory for %s %s; it will be taken again", c.kind->name, c.id);
        return false;
    }
    enter(job);
    run_job(job);
    free_job(job);
    return true;
}

static void sleep_until(int64_t at_us, unsigned waking)
{
    int64_t left_us = at_us - clock_mono_us();
    struct timespec at;
    if (left_us <= 0) return;
    clock_gettime(CLOCK_REALTIME, &at); /* a statically initialised condition waits on this clock */
    int64_t ns = at.tv_nsec + left_us * 1000;
    at.tv_sec += ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    if (!runner.stopping && runner.waking == waking) pthread_cond_timedwait(&runner.wake, &runner.lock, &at);
}

static void *work(void *arg)
{
    (void)arg;
    const struct job_kind *kinds[MAX_KINDS];
    pthread_mutex_lock(&runner.lock);
    while (!runner.stopping) {
        unsigned waking = runner.waking;
        size_t n = runner.n_kinds;
        memcpy(kinds, runner.kinds, n * sizeof *kinds);
        pthread_mutex_unlock(&runner.lock);
        bool ran = run_next(kinds, n);
        pthread_mutex_lock(&runner.lock);
        if (!ran) sleep_until(clock_mono_us() + POLL_MS * 1000, waking);
    }
    pthread_mutex_unlock(&runner.lock);
    return NULL;
}

/* ----------------------------------------------------------------------------------------- keeper */

static void keep(struct job *job)
{
    struct buf progress = BUF_INIT(1024);
    struct err err = {0};
    bool mine = true, cancel = false;
    int64_t now_ms = clock_now_ms(), until_ms = now_ms + runner.lease_ms;
    take_progress(job, &progress);
    bool due = atomic_load(&job->lease_until_ms) - now_ms < runner.lease_ms * 2 / 3;
    if (due || progress.n) {
        enum rc rc = job_renew(runner.app->ops, job->id, runner.owner, until_ms, str_or_none(&progress), &mine,
                               &cancel, &err);
        if (!rc)
            atomic_store(&job->lease_until_ms, until_ms);
        else
            log_warn("job", "%s %s: cannot renew its lease: %s", job->kind->name, job->id, err.message);
    } else {
        /* Only whether somebody wants it cancelled: a read. */
        struct store_tx *tx = NULL;
        int64_t asked = 0;
        bool found = false;
        enum rc rc = store_begin(runner.app->ops, STORE_READ, &tx, &err);
        if (!rc)
            rc = store_get_i64(tx, "SELECT cancel FROM job WHERE id = ?1 AND owner = ?2 AND state = 'running'",
                               STORE_ARGS(STORE_Z(job->id), STORE_Z(runner.owner)), &asked, &found, &err);
        store_rollback(tx);
        mine = rc || found;
        cancel = !rc && asked;
    }
    if (cancel) atomic_store(&job->cancelled, true);
    if (!mine || clock_now_ms() >= atomic_load(&job->lease_until_ms)) atomic_store(&job->lost, true);
    buf_release(&progress);
}

/* Each running job in turn, the lock released around the work on it. */
static void keep_all(void)
{
    struct job *todo[MAX_WORKERS];
    size_t n = 0;
    pthread_mutex_lock(&runner.lock);
    for (struct job *j = runner.running; j && n < MAX_WORKERS; j = j->next) {
        j->keeping++;
        todo[n++] = j;
    }
    pthread_mutex_unlock(&runner.lock);
    for (size_t i = 0; i < n; i++) {
        keep(todo[i]);
        pthread_mutex_lock(&runner.lock);
        todo[i]->keeping--;
        pthread_cond_broadcast(&runner.quiet);
        pthread_mutex_unlock(&runner.lock);
    }
}

static void count_states(void)
{
    static const char *const states[] = {"queued", "running", "done", "failed", "cancelled"};
    struct store_tx *tx = NULL;
    if (store_begin(runner.app->ops, STORE_READ, &tx, NULL)) return;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        int64_t n = 0;
        if (store_get_i64(tx, "SELECT count(*) FROM job WHERE state = ?1", STORE_ARGS(STORE_Z(states[i])), &n,
                          NULL, NULL))
            break;
        metric_set(&jobs, states[i], (double)n);
    }
    store_rollback(tx);
}

static void forget_old(void)
{
    struct err err = {0};
    int64_t n = 0;
    if (job_forget(runner.app->ops, clock_now_ms() - runner.keep_ms, &n, &err))
        log_warn("job", "cannot delete old jobs: %s", err.message);
    else if (n)
        log_info("job", "deleted %lld jobs that ended long ago", (long long)n);
}

static void *keep_going(void *arg)
{
    (void)arg;
    int64_t tick_us = (runner.lease_ms < 4000 ? runner.lease_ms / 4 : 1000) * 1000;
    int64_t counted_us = 0, forgot_us = 0, version = -1, seen;
    pthread_mutex_lock(&runner.lock);
    while (!runner.stopping || runner.running) {
        pthread_mutex_unlock(&runner.lock);
        int64_t now_us = clock_mono_us();
        keep_all();
        if (now_us - counted_us >= 1000000 && store_version(runner.app->ops, &seen, NULL) == RC_OK) {
            counted_us = now_us;
            if (seen != version) count_states();
            version = seen;
        }
        if (!forgot_us || now_us - forgot_us >= FORGET_EVERY_MS * 1000LL) {
            forgot_us = now_us;
            forget_old();
        }
        pthread_mutex_lock(&runner.lock);
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        int64_t ns = at.tv_nsec + tick_us * 1000;
        at.tv_sec += ns / 1000000000;
        at.tv_nsec = ns % 1000000000;
        /* `quiet` and not `wake`: the keeper has its rhythm, however often somebody enqueues. */
        if (!runner.stopping || runner.running) pthread_cond_timedwait(&runner.quiet, &runner.lock, &at);
    }
    pthread_mutex_unlock(&runner.lock);
    return NULL;
}

/* ------------------------------------------------------------------------------------ start, stop */

static void join_all(void)
{
    pthread_mutex_lock(&runner.lock);
    runner.stopping = true;
    (void)any_running(NULL);
    pthread_cond_broadcast(&runner.wake);
    pthread_cond_broadcast(&runner.quiet);
    pthread_mutex_unlock(&runner.lock);
    for (unsigned i = 0; i < runner.n_workers; i++)
        pthread_join(runner.worker[i], NULL);
    pthread_join(runner.keeper, NULL);
    runner.n_workers = 0;
    runner.started = false;
}

static enum rc start(struct app *app, struct err *err)
{
    unsigned workers = (unsigned)config_int(app->config, "job_workers");
    uint8_t random[8];
    char hex[17];
    ASSERT(!runner.started && app->ops);
    if (!workers) return RC_OK;
    crypt_random(random, sizeof random);
    crypt_hex(random, sizeof random, hex);
    snprintf(runner.owner, sizeof runner.owner, "%ld-%s", (long)getpid(), hex);
    runner.app = app;
    runner.lease_ms = config_duration_ms(app->config, "job_lease");
    runner.keep_ms = config_duration_ms(app->config, "job_keep");
    runner.stopping = false;
    if (pthread_create(&runner.keeper, NULL, keep_going, NULL))
        return err_set(err, RC_NOMEM, "cannot start the threads for jobs");
    pthread_setname_np(runner.keeper, "job-keeper");
    runner.started = true;
    for (; runner.n_workers < workers; runner.n_workers++) {
        if (pthread_create(&runner.worker[runner.n_workers], NULL, work, NULL)) {
            join_all();
            return err_set(err, RC_NOMEM, "cannot start the threads for jobs");
        }
        pthread_setname_np(runner.worker[runner.n_workers], "job-worker");
    }
    return RC_OK;
}

static void stop(struct app *app)
{
    (void)app;
    if (runner.started) join_all();
}

static const struct config_key config[] = {
    {"job_workers", CONFIG_INT, "1", 0, MAX_WORKERS,
     "How many background jobs (imports, re-embedding) this process runs at once. 0: none; another process "
     "that uses the same data must then run them."},
    {"job_lease", CONFIG_DURATION_MS, "30s", 200, 3600000,
     "After how long without a sign of life a job counts as left by its process and is started again by "
     "another one."},
    {"job_keep", CONFIG_DURATION_MS, "30d", 60000, 3.2e11, "How long jobs that ended stay in the list."},
    {0}};

static struct metric *const metrics[] = {&jobs, &seconds, &takeovers, NULL};

const struct module job_module = {
    .name = "job",
    .config = config,
    .migrations = job_migrations,
    .metrics = metrics,
    .routes = job_routes,
    .schemas = job_schemas,
    .start = start,
    .stop = stop,
};
