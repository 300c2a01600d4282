/*
 * Step 2 of an import: pictures, on all cores.
 *
 * Threading: the importing thread walks the staged addresses, sorts out what is unchanged, and pushes batches
 * of eight on a bounded queue; a worker reads, decodes, measures and stores the bytes of its batch, runs
 * the model once for all of them (with its own worker number), and puts the batch on the list of finished
 * ones (`lock`). Only the importing thread writes to the store: it takes that list whenever it comes by and
 * commits every few hundred pictures, once their files are on the disk. Where it waits for the workers, it wakes
 * every second (`came`), to renew the lease and to see whether it should stop. Workers only read from the store. At most queue + workers batches are
 * under way, and a worker keeps no more than one original and eight reduced pictures: memory is bounded.
 *
 * A worker's failure that is no fault of the picture (a full disk, a failing model) ends the import.
 */
#include "catalog/import_internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/jout.h"
#include "base/queue.h"
#include "blob/blob.h"
#include "catalog/catalog_prepare.h"
#include "infer/infer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 8, PAGE = 512, COMMIT = 512, BEST = 3 };

struct picture {
    char *address, *stamp;       /* address NULL: only bring this sha to the model */
    char sha[CATALOG_SHA_BYTES]; /* "" until read */
    struct picture_bytes bytes;
    struct catalog_prepared made;
    bool decoded, has_row, has_embedding, infer;
    size_t n_bytes;
    enum image_format format;
    int widths;
    float *vector; /* (dim); NULL: none */
    struct buf labels;
};

struct batch {
    struct pipeline *pipe;
    struct batch *next;
    size_t n;
    struct picture picture[BATCH];
};

struct pipeline {
    struct import *im;
    struct queue *queue;
    struct infer_vision (*vision)[BATCH]; /* one row a worker */
    unsigned workers;
    struct image_limits limits;
    pthread_mutex_t lock;
    pthread_cond_t came;     /* a batch is finished */
    size_t under_way;        /* under lock: batches pushed and not finished */
    struct batch *finished;  /* under lock */
    enum rc failed;          /* under lock */
    struct err err;          /* under lock */
    struct batch *filling;   /* the importing thread's */
    struct batch *unwritten; /* taken from finished, not yet in the store */
    int64_t n_unwritten, done, total;
};

static void batch_destroy(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct picture *p = &b->picture[i];
        free(p->address);
        free(p->stamp);
        free(p->bytes.p);
        catalog_prepared_release(&p->made);
        free(p->vector);
        buf_release(&p->labels);
    }
    free(b);
}

/* ---- on a worker ---- */

static bool is_picture_fault(enum rc rc)
{
    return rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_UNPROCESSABLE || rc == RC_TOO_LARGE;
}

static enum rc known(struct pipeline *pipe, struct picture *p, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t value;
    const struct store_value args[] = {STORE_Z(p->sha), STORE_Z(pipe->im->model)};
    enum rc rc = store_begin(pipe->im->store, STORE_READ, &tx, err);
    if (rc) return rc;
    rc = store_get_i64(tx, "SELECT 1 FROM picture WHERE sha = ?1", args, 1, &value, &p->has_row, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT 1 FROM embedding WHERE sha = ?1 AND model = ?2", args, 2, &value,
                           &p->has_embedding, err);
    store_rollback(tx);
    return rc;
}

static enum rc store_bytes(struct pipeline *pipe, struct picture *p, struct err *err)
{
    char key[CATALOG_BLOB_KEY_BYTES];
    struct blob *blobs = pipe->im->app->blobs;
    catalog_blob_key(p->sha, 0, key);
    /* Without a row, a file that is there may be a torn one of an import that ended with the power. */
    bool kept = p->has_row && blob_exists(blobs, key);
    enum rc rc = kept ? RC_OK : blob_put(blobs, key, (struct str){p->bytes.p, p->bytes.n}, true, err);
    if (p->has_row) return rc; /* the smaller ones are there */
    if (!rc && p->made.w240.n) {
        catalog_blob_key(p->sha, 240, key);
        rc = blob_put(blobs, key, buf_str(&p->made.w240), true, err);
        p->widths |= CATALOG_WIDTH_240;
    }
    if (!rc && p->made.w640.n) {
        catalog_blob_key(p->sha, 640, key);
        rc = blob_put(blobs, key, buf_str(&p->made.w640), true, err);
        p->widths |= CATALOG_WIDTH_640;
    }
    buf_release(&p->made.w240);
    buf_release(&p->made.w640);
    return rc;
}

static void fail_picture(struct picture *p, const struct err *err)
{
    snprintf(p->bytes.failed, sizeof p->bytes.failed, "%.150s", err->message);
    p->sha[0] = 0;
}

/* Decodes what is new; the bytes are let go at once. */
static enum rc prepare(struct pipeline *pipe, struct picture *p, struct err *err)
{
    struct err why = {0};
    struct str bytes = {p->bytes.p, p->bytes.n};
    char hex[CATALOG_SHA_BYTES];
    enum rc rc = RC_OK;
    if (!p->bytes.p) return RC_OK;
    p->n_bytes = bytes.n;
    catalog_digest(bytes, hex);
    memcpy(p->sha, hex, sizeof hex);
    rc = known(pipe, p, err);
    bool model = pipe->im->app->model && !p->has_embedding;
    if (!rc && (!p->has_row || model)) {
        rc = catalog_prepare(bytes, &pipe->limits, &p->made, &why);
        p->decoded = !rc;
        p->infer = p->decoded && model;
        p->format = p->made.info.format;
        if (is_picture_fault(rc)) {
            fail_picture(p, &why);
            rc = RC_OK;
        } else if (rc && err) {
            *err = why;
        }
    }
    if (!rc && p->sha[0]) rc = store_bytes(pipe, p, err);
    free(p->bytes.p);
    p->bytes.p = NULL;
    return rc;
}

/* {"colour":[["Red",0.71],["Pink",0.2]], ...}: the best of each head. */
static void write_labels(const struct infer *model, const struct infer_vision *v, struct buf *out)
{
    const struct infer_head *heads;
    size_t n = infer_heads(model, &heads);
    struct jout json = JOUT_INIT(out);
    jout_object(&json);
    for (size_t h = 0; h < n; h++) {
        jout_key(&json, heads[h].field);
        jout_array(&json);
        float below = 2;
        size_t last = SIZE_MAX;
        for (int k = 0; k < BEST && (size_t)k < heads[h].n; k++) {
            size_t best = SIZE_MAX;
            for (size_t i = 0; i < heads[h].n; i++) {
                float p = v->probabilities[h][i];
                bool used = p > below || (p == below && last != SIZE_MAX && i <= last);
                if (!used && (best == SIZE_MAX || p > v->probabilities[h][best])) best = i;
            }
            if (best == SIZE_MAX) break;
            below = v->probabilities[h][best];
            last = best;
            jout_array(&json);
            jout_z(&json, heads[h].labels[best]);
            jout_dec(&json, (double)below, 4);
            jout_end(&json);
        }
        jout_end(&json);
    }
    jout_end(&json);
}

static enum rc infer_batch(struct pipeline *pipe, struct batch *b, unsigned worker, struct err *err)
{
    const struct image *images[BATCH];
    struct picture *pictures[BATCH];
    struct infer *model = pipe->im->app->model;
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->picture[i].infer) continue;
        images[n] = &b->picture[i].made.small;
        pictures[n++] = &b->picture[i];
    }
    if (!n) return RC_OK;
    struct infer_vision *vision = pipe->vision[worker];
    enum rc rc = infer_images(model, pipe->im->app->job_worker + worker, images, n, vision, err);
    for (size_t i = 0; !rc && i < n; i++) {
        size_t bytes = infer_dim(model) * sizeof(float);
        pictures[i]->vector = malloc(bytes);
        pictures[i]->labels = BUF_INIT((size_t)1 << 16);
        if (!pictures[i]->vector) return err_set(err, RC_NOMEM, "out of memory preparing pictures");
        memcpy(pictures[i]->vector, vision[i].embedding, bytes);
        write_labels(model, &vision[i], &pictures[i]->labels);
        rc = buf_check(&pictures[i]->labels, "the labels", err);
    }
    return rc;
}

/* A picture that is in the store already, for another model: its original is read back. */
static void read_back(struct pipeline *pipe, struct picture *p)
{
    char key[CATALOG_BLOB_KEY_BYTES];
    struct err err = {0};
    catalog_blob_key(p->sha, 0, key);
    if (blob_get(pipe->im->app->blobs, key, pipe->limits.max_bytes, &p->bytes.p, &p->bytes.n, &err))
        snprintf(p->bytes.failed, sizeof p->bytes.failed, "%.150s", err.message);
}

static void run_batch(void *task, unsigned worker)
{
    struct batch *b = task;
    struct pipeline *pipe = b->pipe;
    const char *addresses[BATCH] = {0}, *stamps[BATCH] = {0};
    struct picture_bytes read[BATCH];
    size_t index[BATCH], n = 0;
    struct err err = {0};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->n; i++) {
        struct picture *p = &b->picture[i];
        p->labels = BUF_INIT((size_t)1);
        if (!p->address) {
            read_back(pipe, p);
            continue;
        }
        index[n] = i;
        addresses[n] = p->address;
        stamps[n++] = p->stamp;
    }
    picture_source_read(&pipe->im->source, addresses, stamps, n, read);
    for (size_t i = 0; i < n; i++)
        b->picture[index[i]].bytes = read[i];
    for (size_t i = 0; !rc && i < b->n; i++)
        rc = prepare(pipe, &b->picture[i], &err);
    if (!rc) rc = infer_batch(pipe, b, worker, &err);
    for (size_t i = 0; i < b->n; i++)
        image_release(&b->picture[i].made.small);
    pthread_mutex_lock(&pipe->lock);
    if (rc && !pipe->failed) {
        pipe->failed = rc;
        pipe->err = err;
    }
    b->next = pipe->finished;
    pipe->finished = b;
    pipe->under_way--;
    pthread_cond_signal(&pipe->came);
    pthread_mutex_unlock(&pipe->lock);
}

/* ---- on the importing thread ---- */

static enum rc write_embedding(struct pipeline *pipe, struct store_tx *tx, const struct picture *p,
                               struct err *err)
{
    const struct store_value args[] = {
        STORE_Z(p->sha), STORE_Z(pipe->im->model),
        STORE_B((const char *)p->vector, infer_dim(pipe->im->app->model) * sizeof(float)),
        STORE_S(buf_str(&p->labels))};
    return store_exec(tx,
                      "INSERT INTO embedding (sha, model, vector, labels) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (sha, model) DO NOTHING",
                      args, 4, NULL, err);
}

static enum rc write_picture(struct pipeline *pipe, struct store_tx *tx, const struct picture *p,
                             struct err *err)
{
    const struct store_value args[] = {STORE_Z(p->sha),
                                       STORE_Z(image_mime(p->format)),
                                       STORE_I((int64_t)p->n_bytes),
                                       STORE_I(p->made.info.width),
                                       STORE_I(p->made.info.height),
                                       STORE_I((int64_t)p->made.dhash),
                                       STORE_F((double)p->made.plain),
                                       STORE_S(buf_str(&p->made.colours)),
                                       STORE_B(p->made.mask.p, p->made.mask.n),
                                       STORE_I(p->widths),
                                       STORE_I(pipe->im->now_ms)};
    return store_exec(
        tx,
        "INSERT INTO picture (sha, mime, bytes, width, height, dhash, plain, colours, mask, widths,"
        " made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        " ON CONFLICT (sha) DO NOTHING",
        args, 11, NULL, err);
}

/* A failure is remembered together with the limit it was met under: a higher one tries again. */
static void failure_stamp(const struct pipeline *pipe, const char *stamp, char out[static CATALOG_STAMP_BYTES])
{
    snprintf(out, CATALOG_STAMP_BYTES, "%.250s within %zu", stamp, pipe->limits.max_bytes);
}

/* A picture that cannot be read now keeps what was read from there before. */
static enum rc write_source(struct pipeline *pipe, struct store_tx *tx, const struct picture *p,
                            struct err *err)
{
    char with_limit[CATALOG_STAMP_BYTES];
    bool failed = p->bytes.failed[0];
    failure_stamp(pipe, p->bytes.stamp, with_limit);
    const struct store_value args[] = {STORE_Z(p->address), p->sha[0] ? STORE_Z(p->sha) : STORE_NIL,
                                       STORE_Z(failed ? with_limit : p->bytes.stamp),
                                       failed ? STORE_Z(p->bytes.failed) : STORE_NIL};
    return store_exec(tx,
                      "INSERT INTO source (address, sha, stamp, failed) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (address) DO UPDATE SET sha = coalesce(excluded.sha, source.sha),"
                      " stamp = excluded.stamp, failed = excluded.failed",
                      args, 4, NULL, err);
}

static enum rc report_failure(struct import *im, struct store_tx *tx, struct str address, const char *reason,
                              struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_S(address)};
    bool more = false;
    im->result->pictures_failed++;
    enum rc rc =
        store_query(tx, "SELECT line, grp FROM staged_picture WHERE address = ?1 ORDER BY line LIMIT 1", args,
                    1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    struct str shown = str_starts(address, STR("file:")) ? str_sub(address, 5, address.n) : address;
    if (!rc && more) import_report(im, store_i64(rows, 0), store_text(rows, 1), "picture", reason, shown);
    store_rows_close(rows);
    return rc;
}

static enum rc write_one(struct pipeline *pipe, struct store_tx *tx, struct picture *p, struct err *err)
{
    struct import *im = pipe->im;
    enum rc rc = RC_OK;
    if (p->bytes.unchanged) {
        im->result->pictures_reused++;
        return RC_OK;
    }
    if (p->decoded && !p->has_row) rc = write_picture(pipe, tx, p, err);
    if (!rc && p->vector) rc = write_embedding(pipe, tx, p, err);
    if (!rc && p->address) rc = write_source(pipe, tx, p, err);
    if (rc) return rc;
    if (p->bytes.failed[0] && p->address)
        return report_failure(im, tx, str_of(p->address), p->bytes.failed, err);
    if (p->bytes.failed[0])
        im->result->pictures_failed++;
    else if (p->decoded)
        im->result->pictures_read++;
    else
        im->result->pictures_reused++;
    return RC_OK;
}

/* Takes what is finished; writes it once there is enough, or `all`. */
static enum rc collect(struct pipeline *pipe, bool all, struct err *err)
{
    pthread_mutex_lock(&pipe->lock);
    struct batch *list = pipe->finished;
    enum rc rc = pipe->failed;
    if (rc && err) *err = pipe->err;
    pipe->finished = NULL;
    pthread_mutex_unlock(&pipe->lock);
    while (list) {
        struct batch *b = list;
        list = b->next;
        b->next = pipe->unwritten;
        pipe->unwritten = b;
        pipe->n_unwritten += (int64_t)b->n;
        pipe->done += (int64_t)b->n;
    }
    import_progress(pipe->im, "pictures", pipe->done, pipe->total);
    if (!rc) rc = import_renew(pipe->im, err); /* slow web pictures must not outlast the lease */
    if (rc || !pipe->unwritten || (!all && pipe->n_unwritten < COMMIT)) return rc;
    struct store_tx *tx = NULL;
    rc = blob_sync(pipe->im->app->blobs, err);
    if (!rc) rc = store_begin(pipe->im->store, STORE_WRITE, &tx, err);
    for (struct batch *b = pipe->unwritten; !rc && b; b = b->next)
        for (size_t i = 0; !rc && i < b->n; i++)
            rc = write_one(pipe, tx, &b->picture[i], err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    while (pipe->unwritten) {
        struct batch *b = pipe->unwritten;
        pipe->unwritten = b->next;
        batch_destroy(b);
    }
    pipe->n_unwritten = 0;
    return rc ? rc : import_renew(pipe->im, err);
}

/* Returns when fewer than n batches are under way. A picture from the web may take minutes: meanwhile what is
 * finished is taken, and the lease renewed. */
static enum rc wait_below(struct pipeline *pipe, size_t n, struct err *err)
{
    for (;;) {
        struct timespec at;
        pthread_mutex_lock(&pipe->lock);
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec++;
        int timed_out = 0;
        while (pipe->under_way >= n && !timed_out)
            timed_out = pthread_cond_timedwait(&pipe->came, &pipe->lock, &at);
        bool below = pipe->under_way < n;
        pthread_mutex_unlock(&pipe->lock);
        enum rc rc = below ? RC_OK : collect(pipe, false, err);
        if (below || rc) return rc;
        if (import_stopped(pipe->im))
            return err_set(err, RC_STOPPED, "interrupted; the next import goes on from here");
    }
}

static enum rc push_filling(struct pipeline *pipe, struct err *err)
{
    enum rc rc = pipe->filling ? wait_below(pipe, (size_t)2 * pipe->workers, err) : RC_OK;
    struct batch *b = pipe->filling;
    if (rc || !b) return rc;
    pipe->filling = NULL;
    pthread_mutex_lock(&pipe->lock);
    pipe->under_way++;
    pthread_mutex_unlock(&pipe->lock);
    rc = queue_push(pipe->queue, run_batch, b, err);
    ASSERT(!rc); /* there is room for as many as may be under way */
    return collect(pipe, false, err);
}

/* All that was added, done and written. */
static enum rc finish(struct pipeline *pipe, struct err *err)
{
    enum rc rc = push_filling(pipe, err);
    if (!rc) rc = wait_below(pipe, 1, err);
    return rc ? rc : collect(pipe, true, err);
}

/* address p NULL: sha is given, and only its embedding is missing. */
static enum rc add(struct pipeline *pipe, struct str address, struct str stamp, struct str sha, struct err *err)
{
    if (!pipe->filling) {
        pipe->filling = calloc(1, sizeof *pipe->filling);
        if (!pipe->filling) return err_set(err, RC_NOMEM, "out of memory preparing pictures");
        pipe->filling->pipe = pipe;
    }
    struct picture *p = &pipe->filling->picture[pipe->filling->n];
    if (address.p) {
        p->address = strndup(address.p, address.n);
        p->stamp = strndup(stamp.n ? stamp.p : "", stamp.n);
        if (!p->address || !p->stamp) {
            free(p->address);
            free(p->stamp);
            p->address = p->stamp = NULL;
            return err_set(err, RC_NOMEM, "out of memory preparing pictures");
        }
    } else {
        snprintf(p->sha, sizeof p->sha, "%.*s", STR_ARG(sha));
    }
    return ++pipe->filling->n == BATCH ? push_filling(pipe, err) : RC_OK;
}

struct page_row {
    struct str address, sha, stamp, failed;
    bool has_picture, has_embedding;
};

/* The next PAGE addresses behind `after`, into the arena. */
static enum rc read_page(struct pipeline *pipe, const char *after, struct arena *arena, struct page_row *page,
                         size_t *n, struct err *err)
{
    static const char sql[] =
        "SELECT a.address, s.sha, s.stamp, s.failed, p.sha, e.sha FROM"
        " (SELECT DISTINCT address FROM staged_picture WHERE address > ?1 ORDER BY address LIMIT ?3) a"
        " LEFT JOIN source s ON s.address = a.address LEFT JOIN picture p ON p.sha = s.sha"
        " LEFT JOIN embedding e ON e.sha = s.sha AND e.model = ?2 ORDER BY a.address";
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_Z(after), STORE_Z(pipe->im->model), STORE_I(PAGE)};
    bool more = false;
    *n = 0;
    enum rc rc = store_begin(pipe->im->store, STORE_READ, &tx, err);
    if (!rc) rc = store_query(tx, sql, args, 3, &rows, err);
    while (!rc && *n < PAGE && !(rc = store_next(rows, &more, err)) && more) {
        struct page_row *r = &page[(*n)++];
        *r = (struct page_row){.address = arena_str(arena, store_text(rows, 0)),
                               .has_picture = !store_is_null(rows, 4),
                               .has_embedding = !store_is_null(rows, 5)};
        if (!store_is_null(rows, 1)) r->sha = arena_str(arena, store_text(rows, 1));
        if (!store_is_null(rows, 2)) r->stamp = arena_str(arena, store_text(rows, 2));
        if (!store_is_null(rows, 3)) r->failed = arena_str(arena, store_text(rows, 3));
        if (!r->address.p) rc = err_set(err, RC_NOMEM, "out of memory preparing pictures");
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

/* Reports an unchanged picture that failed before, without reading it again. */
static enum rc still_failing(struct pipeline *pipe, struct str address, const char *reason, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(pipe->im->store, STORE_READ, &tx, err);
    if (!rc) rc = report_failure(pipe->im, tx, address, reason, err);
    store_rollback(tx);
    pipe->done++;
    return rc;
}

static enum rc look_at(struct pipeline *pipe, const struct page_row *r, struct err *err)
{
    struct picture_bytes now;
    bool complete = r->has_picture && (r->has_embedding || !pipe->im->app->model);
    if (!str_starts(r->address, STR("file:"))) /* only the server can say whether it changed */
        return add(pipe, r->address, complete && !r->failed.p ? r->stamp : STR_NONE, STR_NONE, err);
    if (!picture_source_stat(&pipe->im->source, r->address, &now))
        return still_failing(pipe, r->address, now.failed, err);
    char failing[CATALOG_STAMP_BYTES];
    failure_stamp(pipe, now.stamp, failing);
    bool same = r->stamp.p && str_eqz(r->stamp, r->failed.p ? failing : now.stamp);
    if (same && r->failed.p) {
        char reason[200];
        snprintf(reason, sizeof reason, "%.*s", STR_ARG(r->failed));
        return still_failing(pipe, r->address, reason, err);
    }
    if (!same || !complete) return add(pipe, r->address, STR_NONE, STR_NONE, err);
    pipe->im->result->pictures_reused++;
    pipe->done++;
    return RC_OK;
}

static enum rc walk_addresses(struct pipeline *pipe, struct err *err)
{
    struct arena arena = ARENA_INIT((size_t)64 << 20);
    struct page_row *page = calloc(PAGE, sizeof *page);
    char *after = strdup("");
    enum rc rc = page && after ? RC_OK : err_set(err, RC_NOMEM, "out of memory preparing pictures");
    size_t n = PAGE;
    while (!rc && n == PAGE) {
        arena_reset(&arena);
        rc = read_page(pipe, after, &arena, page, &n, err);
        for (size_t i = 0; !rc && i < n; i++) {
            rc = look_at(pipe, &page[i], err);
            if (!rc && import_stopped(pipe->im))
                rc = err_set(err, RC_STOPPED, "interrupted; the next import goes on from here");
        }
        if (rc || !n) break;
        free(after);
        after = strndup(page[n - 1].address.p, page[n - 1].address.n);
        if (!after) rc = err_set(err, RC_NOMEM, "out of memory preparing pictures");
        if (!rc) rc = import_renew(pipe->im, err);
    }
    free(after);
    free(page);
    arena_release(&arena);
    return rc;
}

/* Pictures of products that the feed did not bring up: a new model needs all of them. */
static enum rc walk_missing(struct pipeline *pipe, struct err *err)
{
    static const char sql[] =
        "SELECT p.sha FROM picture p WHERE p.sha > ?1 AND NOT EXISTS (SELECT 1 FROM embedding e"
        " WHERE e.sha = p.sha AND e.model = ?2) ORDER BY p.sha LIMIT ?3";
    char after[CATALOG_SHA_BYTES] = "", (*shas)[CATALOG_SHA_BYTES] = calloc(PAGE, sizeof *shas);
    enum rc rc = shas ? RC_OK : err_set(err, RC_NOMEM, "out of memory preparing pictures");
    size_t n = PAGE;
    while (!rc && n == PAGE) {
        struct store_tx *tx = NULL;
        struct store_rows *rows = NULL;
        bool more = false;
        const struct store_value args[] = {STORE_Z(after), STORE_Z(pipe->im->model), STORE_I(PAGE)};
        n = 0;
        rc = store_begin(pipe->im->store, STORE_READ, &tx, err);
        if (!rc) rc = store_query(tx, sql, args, 3, &rows, err);
        while (!rc && n < PAGE && !(rc = store_next(rows, &more, err)) && more)
            snprintf(shas[n++], sizeof *shas, "%.*s", STR_ARG(store_text(rows, 0)));
        store_rows_close(rows);
        store_rollback(tx);
        for (size_t i = 0; !rc && i < n; i++) {
            rc = add(pipe, STR_NONE, STR_NONE, str_of(shas[i]), err);
            if (!rc && import_stopped(pipe->im))
                rc = err_set(err, RC_STOPPED, "interrupted; the next run goes on from here");
        }
        if (n) snprintf(after, sizeof after, "%s", shas[n - 1]);
    }
    free(shas);
    return rc;
}

static enum rc count_work(struct pipeline *pipe, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t missing = 0;
    const struct store_value args[] = {STORE_Z(pipe->im->model)};
    enum rc rc = store_begin(pipe->im->store, STORE_READ, &tx, err);
    if (!rc)
        rc = store_get_i64(tx, "SELECT count(*) FROM (SELECT DISTINCT address FROM staged_picture) a", NULL, 0,
                           &pipe->total, NULL, err);
    if (!rc && pipe->im->app->model && pipe->im->switch_model)
        rc = store_get_i64(tx,
                           "SELECT count(*) FROM picture p WHERE NOT EXISTS (SELECT 1 FROM embedding e"
                           " WHERE e.sha = p.sha AND e.model = ?1)",
                           args, 1, &missing, NULL, err);
    pipe->total += missing;
    store_rollback(tx);
    return rc;
}

static enum rc open_pipeline(struct pipeline *pipe, struct err *err)
{
    struct app *app = pipe->im->app;
    enum rc rc = RC_OK;
    pipe->workers = app->job_workers ? app->job_workers : 1;
    pipe->limits = (struct image_limits){.max_bytes = pipe->im->source.max_bytes};
    pipe->vision = calloc(pipe->workers, sizeof *pipe->vision);
    if (!pipe->vision) return err_set(err, RC_NOMEM, "out of memory preparing pictures");
    for (unsigned w = 0; app->model && w < pipe->workers; w++)
        for (int i = 0; !rc && i < BATCH; i++)
            rc = infer_vision_init(app->model, &pipe->vision[w][i], err);
    if (!rc) rc = queue_create("import", pipe->workers, (size_t)2 * pipe->workers, &pipe->queue, err);
    return rc;
}

static void close_pipeline(struct pipeline *pipe)
{
    struct batch *lists[3];
    queue_destroy(pipe->queue);
    lists[0] = pipe->finished;
    lists[1] = pipe->unwritten;
    lists[2] = pipe->filling;
    for (int i = 0; i < 3; i++)
        while (lists[i]) {
            struct batch *b = lists[i];
            lists[i] = b->next;
            batch_destroy(b);
        }
    for (unsigned w = 0; pipe->vision && w < pipe->workers; w++)
        for (int i = 0; i < BATCH; i++)
            infer_vision_release(&pipe->vision[w][i]);
    free(pipe->vision);
    pthread_cond_destroy(&pipe->came);
    pthread_mutex_destroy(&pipe->lock);
}

enum rc import_pictures(struct import *im, struct err *err)
{
    struct pipeline pipe = {.im = im};
    int64_t started = clock_mono_us();
    pthread_mutex_init(&pipe.lock, NULL);
    pthread_cond_init(&pipe.came, NULL);
    enum rc rc = open_pipeline(&pipe, err);
    if (!rc) rc = count_work(&pipe, err);
    if (!rc) rc = walk_addresses(&pipe, err);
    if (!rc) rc = finish(&pipe, err);
    if (!rc && im->app->model && im->switch_model) {
        rc = walk_missing(&pipe, err);
        if (!rc) rc = finish(&pipe, err);
    }
    if (rc == RC_STOPPED) { /* keep what is done */
        struct err ignored = {0};
        queue_drain(pipe.queue);
        if (collect(&pipe, true, &ignored)) import_progress(im, "pictures", pipe.done, pipe.total);
    }
    close_pipeline(&pipe);
    im->result->pictures_seconds = (double)(clock_mono_us() - started) / 1e6;
    return rc;
}
