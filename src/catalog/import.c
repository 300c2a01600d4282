/* An import from its beginning to its end: lease, run record, rejects file, and the three steps. */
#include "catalog/import_internal.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/jout.h"
#include "base/log.h"
#include "base/proc.h"
#include "crypt/crypt.h"
#include "infer/infer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LEASE_MS = 60 * 1000, RENEW_US = 5 * 1000 * 1000, VALUE_BYTES = 200 };

bool import_stopped(const struct import *im)
{
    return im->options->stopped && im->options->stopped(im->options->ctx);
}

void import_progress(struct import *im, const char *stage, int64_t done, int64_t total)
{
    if (im->options->progress) im->options->progress(im->options->ctx, stage, done, total);
}

/* ---- the lease: one import at a time, in all processes of the house ---- */

/* World, process, its start, and a nonce: two imports of one process are two owners. */
static void make_owner(char out[static 128])
{
    char host[PROC_WORLD_BYTES], nonce[17];
    uint8_t random[8];
    proc_world(host);
    if (!host[0]) snprintf(host, sizeof host, "-");
    crypt_random(random, sizeof random);
    crypt_hex(random, sizeof random, nonce);
    snprintf(out, 128, "%s %ld %llu %s", host, (long)getpid(), proc_started(getpid()), nonce);
}

/* The owner was killed on this machine: its lease need not be waited for. */
static bool is_dead(struct str owner)
{
    char host[PROC_WORLD_BYTES], text[128], theirs[PROC_WORLD_BYTES];
    long pid = 0;
    unsigned long long start = 0;
    proc_world(host);
    snprintf(text, sizeof text, "%.*s", STR_ARG(owner));
    if (sscanf(text, "%63s %ld %llu", theirs, &pid, &start) != 3 || !host[0] || strcmp(theirs, host) != 0)
        return false;
    return proc_started(pid) != start;
}

static enum rc look_at_lease(struct import *im, struct store_tx *tx, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc =
        store_query(tx, "SELECT owner, expires_ms FROM lease WHERE name = 'import'", NULL, 0, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        int64_t left = store_i64(rows, 1) - clock_now_ms();
        bool ours = str_eqz(store_text(rows, 0), im->owner);
        if (!ours && left > 0 && !is_dead(store_text(rows, 0)))
            rc = err_set(err, RC_CONFLICT,
                         "another import is running (its claim ends in %lld s unless it goes on)",
                         (long long)(left / 1000 + 1));
    }
    store_rows_close(rows);
    return rc;
}

static enum rc take_lease(struct import *im, int64_t ms, struct err *err)
{
    struct store_tx *tx = NULL;
    const struct store_value args[] = {STORE_Z(im->owner), STORE_I(clock_now_ms() + ms)};
    enum rc rc = store_begin(im->store, STORE_WRITE, &tx, err);
    if (!rc) rc = look_at_lease(im, tx, err);
    if (!rc)
        rc = store_exec(
            tx,
            "INSERT INTO lease (name, owner, expires_ms) VALUES ('import', ?1, ?2)"
            " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_ms = excluded.expires_ms",
            args, 2, NULL, err);
    rc = store_end(tx, rc, err);
    im->renewed_us = clock_mono_us();
    return rc;
}

enum rc import_renew(struct import *im, struct err *err)
{
    return clock_mono_us() - im->renewed_us < RENEW_US ? RC_OK : take_lease(im, LEASE_MS, err);
}

/* ---- the rejects file ---- */

static void put_cell(FILE *f, struct str s)
{
    s = str_utf8_cut(s, VALUE_BYTES);
    for (size_t i = 0; i < s.n; i++)
        fputc((unsigned char)s.p[i] < ' ' ? ' ' : s.p[i], f);
}

void import_report(struct import *im, int64_t line, struct str id, const char *field, const char *reason,
                   struct str value)
{
    struct catalog_import_result *r = im->result;
    if (!im->rejects && !r->rejects[0]) {
        snprintf(r->rejects, sizeof r->rejects, "%s/rejects/%s.tsv", im->app->data_dir, r->run);
        im->rejects = fopen(r->rejects, "we");
        if (im->rejects)
            fprintf(im->rejects, "line\tid\tfield\treason\tvalue\n");
        else
            log_error("import", "cannot write the rejects file: %s", strerror(errno));
    }
    if (!im->rejects) return;
    fprintf(im->rejects, "%lld\t", (long long)line);
    put_cell(im->rejects, id);
    fprintf(im->rejects, "\t%s\t%s\t", field ? field : "", reason);
    put_cell(im->rejects, value);
    fputc('\n', im->rejects);
}

/* ---- the run record ---- */

static enum rc exec_one(struct store *store, const char *sql, const struct store_value *args, size_t n,
                        struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(store, STORE_WRITE, &tx, err);
    if (!rc) rc = store_exec(tx, sql, args, n, NULL, err);
    rc = store_end(tx, rc, err);
    return rc;
}

static enum rc begin_run(struct import *im, struct err *err)
{
    const char *feed = im->options->feed ? im->options->feed : "", *slash = strrchr(feed, '/');
    const struct store_value args[] = {STORE_Z(im->result->run), STORE_Z(slash ? slash + 1 : feed),
                                       STORE_I(im->now_ms)};
    enum rc rc = exec_one(im->store, "UPDATE import_run SET state = 'interrupted' WHERE state = 'running'",
                          NULL, 0, err);
    if (rc) return rc;
    return exec_one(im->store,
                    "INSERT INTO import_run (id, feed, state, started_ms) VALUES (?1, ?2, 'running', ?3)"
                    " ON CONFLICT (id) DO UPDATE SET state = 'running', started_ms = excluded.started_ms",
                    args, 3, err);
}

/* Also frees the lease. A failure here changes nothing that was published: it is logged. */
static void end_run(struct import *im, enum rc outcome, const struct err *why)
{
    struct err err = {0};
    struct buf counts = BUF_INIT((size_t)1 << 16);
    struct jout json = JOUT_INIT(&counts);
    catalog_import_write(im->result, &json);
    const char *state = !outcome ? "done" : outcome == RC_STOPPED ? "interrupted" : "failed";
    const struct store_value args[] = {STORE_Z(im->result->run), STORE_Z(state), STORE_I(clock_now_ms()),
                                       STORE_S(buf_str(&counts)),
                                       outcome && why ? STORE_Z(why->message) : STORE_NIL};
    enum rc rc = exec_one(im->store,
                          "UPDATE import_run SET state = ?2, ended_ms = ?3, counts = ?4, message = ?5"
                          " WHERE id = ?1",
                          args, 5, &err);
    const struct store_value owner[] = {STORE_Z(im->owner)};
    if (!rc) rc = exec_one(im->store, "DELETE FROM lease WHERE name = 'import' AND owner = ?1", owner, 1, &err);
    if (rc) log_error("import", "the end of the run was not recorded: %s", err.message);
    buf_release(&counts);
}

/* ---- settings and opening ---- */

static void make_run_id(struct import *im)
{
    char at[25], random[5];
    uint8_t two[2];
    if (im->options->run_id) {
        snprintf(im->result->run, sizeof im->result->run, "%s", im->options->run_id);
        return;
    }
    clock_rfc3339(im->now_ms, at);
    crypt_random(two, sizeof two);
    crypt_hex(two, sizeof two, random);
    snprintf(im->result->run, sizeof im->result->run, "%.4s%.2s%.2sT%.2s%.2s%.2s-%s", at, at + 5, at + 8,
             at + 11, at + 14, at + 17, random);
}

static enum rc find_model(struct import *im, char stored[static 128], struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t generation;
    enum rc rc = store_begin(im->store, STORE_READ, &tx, err);
    if (!rc) rc = catalog_generation(tx, &generation, stored, err);
    store_rollback(tx);
    if (rc) return rc;
    im->model = im->app->model ? infer_version(im->app->model) : stored;
    im->switch_model = im->app->model && strcmp(im->model, stored) != 0;
    return RC_OK;
}

static enum rc open_parts(struct import *im, struct err *err)
{
    char path[600];
    const struct config *c = im->app->config;
    snprintf(path, sizeof path, "%s/rejects", im->app->data_dir);
    enum rc rc = fs_mkdirs(path, 0700, err);
    if (rc) return rc;
    snprintf(path, sizeof path, "%s/vocabulary", im->app->data_dir);
    rc = vocab_open(NULL, path, &im->vocab, err);
    if (rc) return rc;
    im->gaps = catalog_gaps_create();
    if (!im->gaps) return err_set(err, RC_NOMEM, "out of memory");
    im->source.allow_private = im->options->allow_private || (c && config_bool(c, "import_private_addresses"));
    im->source.max_bytes = c ? (size_t)config_bytes(c, "import_picture_bytes") : (size_t)20 << 20;
    im->source.timeout_ms = c ? config_duration_ms(c, "import_picture_timeout") : 30000;
    return picture_source_open(&im->source, im->options->images, err);
}

static void close_parts(struct import *im)
{
    picture_source_close(&im->source);
    vocab_close(im->vocab);
    catalog_gaps_destroy(im->gaps);
    if (im->rejects && fclose(im->rejects))
        log_error("import", "the rejects file is not whole: %s", strerror(errno));
}

static enum rc count_dry(struct import *im, struct err *err)
{
    static const char base[] = "SELECT count(*) FROM (SELECT grp FROM staged_row GROUP BY grp HAVING ";
    char sql[400];
    struct store_tx *tx = NULL;
    struct {
        const char *having;
        int64_t *out;
    } counts[] = {
        {"max(state) = 0", &im->result->unchanged},
        {"max(state) > 0 AND EXISTS (SELECT 1 FROM product p WHERE p.id = grp)", &im->result->changed},
        {"max(state) > 0 AND NOT EXISTS (SELECT 1 FROM product p WHERE p.id = grp)", &im->result->added}};
    enum rc rc = store_begin(im->store, STORE_READ, &tx, err);
    for (int i = 0; !rc && i < 3; i++) {
        snprintf(sql, sizeof sql, "%s%s) g", base, counts[i].having);
        rc = store_get_i64(tx, sql, NULL, 0, counts[i].out, NULL, err);
    }
    store_rollback(tx);
    return rc;
}

static enum rc steps(struct import *im, struct err *err)
{
    enum rc rc = import_stage(im, err);
    if (!rc) rc = import_check_prune(im, err);
    if (rc) return rc;
    if (im->options->dry_run) return count_dry(im, err);
    rc = import_pictures(im, err);
    /* From here on no one else may think this import dead: publishing is one long transaction. */
    if (!rc) rc = take_lease(im, 30 * LEASE_MS, err);
    if (!rc) rc = import_publish(im, err);
    struct catalog_import_result *r = im->result;
    if (!rc && (r->added || r->changed)) rc = import_near_duplicates(im, err);
    return rc;
}

static enum rc run(struct app *app, const struct catalog_import_options *options,
                   struct catalog_import_result *out, struct err *err)
{
    struct import im = {.app = app,
                        .store = app->catalog,
                        .options = options,
                        .result = out,
                        .now_ms = clock_now_ms(),
                        .source = {.root_fd = -1}};
    char stored[128] = "";
    struct err why = {0};
    int64_t started = clock_mono_us();
    *out = (struct catalog_import_result){.format = "", .dry_run = options->dry_run};
    ASSERT(app->catalog && app->blobs && app->data_dir);
    make_run_id(&im);
    make_owner(im.owner);
    enum rc rc = take_lease(&im, LEASE_MS, err);
    if (rc) return rc;
    rc = find_model(&im, stored, &why);
    if (!rc) rc = begin_run(&im, &why);
    if (!rc) rc = open_parts(&im, &why);
    if (!rc) rc = steps(&im, &why);
    if (im.gaps) catalog_gaps_report(im.gaps, out);
    close_parts(&im);
    out->seconds = (double)(clock_mono_us() - started) / 1e6;
    end_run(&im, rc, &why);
    if (rc && err) *err = why;
    return rc;
}

enum rc catalog_import(struct app *app, const struct catalog_import_options *options,
                       struct catalog_import_result *out, struct err *err)
{
    if (!options->feed) return err_set(err, RC_INVALID, "which feed? Give --feed FILE");
    return run(app, options, out, err);
}

enum rc catalog_reembed(struct app *app, const struct catalog_import_options *options,
                        struct catalog_import_result *out, struct err *err)
{
    struct catalog_import_options own = *options;
    if (!app->model) return err_set(err, RC_INVALID, "there is no model to embed the pictures with");
    own.feed = own.images = own.inventory = own.shops = NULL;
    own.prune = own.dry_run = false;
    return run(app, &own, out, err);
}

enum rc catalog_needs_reembed(struct app *app, bool *needed, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t generation = 0, missing = 0;
    char stored[128];
    *needed = false;
    if (!app->model) return RC_OK;
    const char *model = infer_version(app->model);
    const struct store_value args[] = {STORE_Z(model)};
    enum rc rc = store_begin(app->catalog, STORE_READ, &tx, err);
    if (!rc) rc = catalog_generation(tx, &generation, stored, err);
    if (!rc && generation)
        rc = store_get_i64(tx,
                           "SELECT count(*) FROM product p WHERE p.hidden = 0 AND p.picture IS NOT NULL"
                           " AND p.model <> ?1",
                           args, 1, &missing, NULL, err);
    store_rollback(tx);
    if (!rc) *needed = generation && (missing > 0 || strcmp(stored, model) != 0);
    return rc;
}

void catalog_import_write(const struct catalog_import_result *r, struct jout *out)
{
    jout_object(out);
    jout_kz(out, "run", r->run);
    jout_kz(out, "format", r->format);
    jout_kbool(out, "dry_run", r->dry_run);
    jout_ki64(out, "rows", r->rows);
    jout_ki64(out, "rejected", r->rejected);
    jout_ki64(out, "problems", r->problems);
    jout_ki64(out, "added", r->added);
    jout_ki64(out, "changed", r->changed);
    jout_ki64(out, "unchanged", r->unchanged);
    jout_ki64(out, "hidden", r->hidden);
    jout_ki64(out, "pictures_read", r->pictures_read);
    jout_ki64(out, "pictures_reused", r->pictures_reused);
    jout_ki64(out, "pictures_failed", r->pictures_failed);
    jout_ki64(out, "near_duplicates", r->near_duplicates);
    jout_ki64(out, "filled", r->filled);
    jout_key(out, "gaps");
    jout_array(out);
    for (size_t i = 0; i < r->n_gaps; i++) {
        jout_object(out);
        jout_kz(out, "field", r->gaps[i].field);
        jout_ki64(out, "values", r->gaps[i].values);
        jout_kz(out, "examples", r->gaps[i].examples);
        jout_end(out);
    }
    jout_end(out);
    jout_ki64(out, "generation", r->generation);
    jout_kdec(out, "seconds", r->seconds, 2);
    jout_kdec(out, "pictures_per_second",
              r->pictures_seconds > 0 ? (double)r->pictures_read / r->pictures_seconds : 0, 1);
    if (r->rejects[0]) jout_kz(out, "rejects", r->rejects);
    jout_end(out);
}
