/*
 * Access and portability (articles 15 and 20): one zip with data.json - everything that every module holds - and the
 * person's photos, made by a job.
 *
 * The zip is never on the disk in clear. It is cut into chunks of CHUNK_BYTES, each sealed with the person's key
 * (vault_seal, place "register.archive/ID/N") and kept in DATA/archives as ID.N: so an archive dies with the key of its
 * person, at the latest after privacy_archive_hours. The job's payload names the archive by its random id alone.
 */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "blob/blob.h"
#include "crypt/crypt.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, ARCHIVE_MAX_BYTES = 1 << 30, JSON_MAX_BYTES = 256 << 20 };

static enum rc open_blobs(struct app *app, struct blob **out, struct err *err)
{
    char url[PATH_MAX];
    int n = snprintf(url, sizeof url, "file:%s/archives", app->data_dir);
    if (n < 0 || (size_t)n >= sizeof url) return err_set(err, RC_INVALID, "path too long");
    return blob_open(url, out, err);
}

static void chunk_name(const char *id, int64_t n, char key[static 64], char place[static 80])
{
    snprintf(key, 64, "%s.%lld", id, (long long)n);
    snprintf(place, 80, "register.archive/%s/%lld", id, (long long)n);
}

static void owner_place(const char *id, char place[static 80])
{
    snprintf(place, 80, "register.archive/%s", id);
}

/* The chunks from 0 on, until there are no more. */
static enum rc delete_chunks(struct app *app, const char *id, int64_t at_least, struct err *err)
{
    struct blob *blobs = NULL;
    char key[64], place[80];
    enum rc rc = open_blobs(app, &blobs, err);
    for (int64_t n = 0; !rc; n++) {
        chunk_name(id, n, key, place);
        if (n >= at_least && !blob_exists(blobs, key)) break;
        rc = blob_delete(blobs, key, err);
    }
    blob_close(blobs);
    return rc;
}

/* --------------------------------------------------------------------------------------------- asking */

static enum rc enqueue(struct app *app, const char *id, struct err *err)
{
    char payload[64], job[JOB_ID_BYTES];
    snprintf(payload, sizeof payload, "{\"archive\":\"%s\"}", id);
    struct job_request request = {
        .kind = archive_job.name, .payload = str_of(payload), .priority = 5, .key = id};
    return job_enqueue(app->ops, &request, job, err);
}

static enum rc find_unfinished(struct store_tx *tx, const char *name, char id[static ARCHIVE_ID_CHARS + 1],
                               bool *found, struct err *err)
{
    struct store_rows *rows = NULL;
    enum rc rc =
        store_query(tx,
                    "SELECT id FROM privacy_archive WHERE person = ?1 AND state IN ('waiting', 'running')"
                    " AND expires_ms > ?2",
                    STORE_ARGS(STORE_Z(name), STORE_I(clock_now_ms())), &rows, err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found) snprintf(id, ARCHIVE_ID_CHARS + 1, "%.*s", STR_ARG(store_text(rows, 0)));
    store_rows_close(rows);
    return rc;
}

static enum rc insert(struct app *app, struct store_tx *tx, struct str person, const char *name,
                      char id[static ARCHIVE_ID_CHARS + 1], struct err *err)
{
    struct buf sealed = BUF_INIT(4096);
    uint8_t bytes[ARCHIVE_ID_CHARS / 2];
    char place[80];
    crypt_random(bytes, sizeof bytes);
    crypt_hex(bytes, sizeof bytes, id);
    owner_place(id, place);
    int64_t now = clock_now_ms(),
            until = now + config_int(app->config, "privacy_archive_hours") * CLOCK_HOUR_MS;
    enum rc rc = vault_seal_house(app->vault, "privacy", str_of(place), person, &sealed, err);
    if (!rc)
        rc = store_exec(
            tx,
            "INSERT INTO privacy_archive (id, person, owner, state, at_ms, expires_ms)"
            " VALUES (?1, ?2, ?3, 'waiting', ?4, ?5)",
            STORE_ARGS(STORE_Z(id), STORE_Z(name), STORE_B(sealed.p, sealed.n), STORE_I(now), STORE_I(until)),
            NULL, err);
    buf_release(&sealed);
    return rc;
}

enum rc archive_ask(struct app *app, struct str person, char id[static ARCHIVE_ID_CHARS + 1], struct err *err)
{
    struct store_tx *tx = NULL;
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool found = false;
    privacy_name(app, person, name);
    enum rc rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = find_unfinished(tx, name, id, &found, err);
    if (!rc && !found) rc = insert(app, tx, person, name, id, err);
    rc = store_end(tx, rc, err);
    return rc ? rc : enqueue(app, id, err); /* also for one found: its process may have died before this line */
}

/* ------------------------------------------------------------------------------------------ the making */

enum rc privacy_collect(struct app *app, struct str person, struct jout *out, struct err *err)
{
    char user[64], at[25];
    enum rc rc = RC_OK;
    if (person.n >= sizeof user) return err_set(err, RC_INVALID, "no such person");
    snprintf(user, sizeof user, "%.*s", STR_ARG(person));
    clock_rfc3339(clock_now_ms(), at);
    jout_object(out);
    jout_kz(out, "exported_at", at);
    for (size_t i = 0; !rc && app->modules[i]; i++) {
        const struct module *m = app->modules[i];
        if (!m->export_user) continue;
        jout_key(out, m->name);
        jout_object(out);
        rc = m->export_user(app, user, out, err);
        jout_end(out);
        if (rc) err_prefix(err, "%s: ", m->name);
    }
    jout_end(out);
    return rc;
}

struct making {
    struct app *app;
    struct job *job;
    const char *id;
    char person[64];
    struct blob *blobs;
    struct zip *zip;
    struct buf chunk, sealed;
    int64_t chunks, bytes, files;
};

/* How far it is, in the row that the person looks at. RC_STOPPED when the row is gone: the person is being erased. */
static enum rc note(struct making *m, const char *state, int64_t done, int64_t total, struct err *err)
{
    int64_t changed = 0;
    job_progress(m->job, done, total, state);
    enum rc rc =
        store_write(m->app->reg,
                    "UPDATE privacy_archive SET state = ?2, done = ?3, total = ?4, chunks = ?5, bytes = ?6"
                    " WHERE id = ?1",
                    STORE_ARGS(STORE_Z(m->id), STORE_Z(state), STORE_I(done), STORE_I(total),
                               STORE_I(m->chunks), STORE_I(m->bytes)),
                    &changed, err);
    return !rc && !changed ? err_set(err, RC_STOPPED, "nobody wants this archive any more") : rc;
}

static enum rc put_chunk(struct making *m, struct err *err)
{
    char key[64], place[80];
    chunk_name(m->id, m->chunks, key, place);
    buf_reset(&m->sealed);
    enum rc rc =
        vault_seal(m->app->vault, str_of(m->person), str_of(place), buf_str(&m->chunk), &m->sealed, err);
    if (!rc) rc = blob_put(m->blobs, key, buf_str(&m->sealed), false, err);
    m->chunks++;
    m->bytes += (int64_t)m->chunk.n;
    if (m->chunk.cap) crypt_wipe(m->chunk.p, m->chunk.n);
    buf_reset(&m->chunk);
    if (!rc && m->bytes > ARCHIVE_MAX_BYTES) rc = err_set(err, RC_TOO_LARGE, "the archive is over 1 GiB");
    return rc;
}

static enum rc take(void *ctx, struct str bytes, struct err *err)
{
    struct making *m = ctx;
    enum rc rc = RC_OK;
    while (!rc && bytes.n) {
        size_t n = CHUNK_BYTES - m->chunk.n < bytes.n ? CHUNK_BYTES - m->chunk.n : bytes.n;
        buf_add(&m->chunk, str_sub(bytes, 0, n));
        bytes = str_sub(bytes, n, bytes.n);
        rc = buf_check(&m->chunk, "an archive", err);
        if (!rc && m->chunk.n == CHUNK_BYTES) rc = put_chunk(m, err);
    }
    return rc;
}

static enum rc take_file(void *ctx, struct str name, struct str bytes, struct err *err)
{
    struct making *m = ctx;
    char path[256];
    if (job_cancelled(m->job)) return err_set(err, RC_STOPPED, "stopped");
    if (!name.n || name.n >= sizeof path || name.p[0] == '/' || str_find(name, STR("..")) != SIZE_MAX)
        return err_set(err, RC_INTERNAL, "a module gave a file a name that is none");
    snprintf(path, sizeof path, "%.*s", STR_ARG(name));
    m->files++;
    return zip_add(m->zip, path, bytes, false, err);
}

static enum rc add_data(struct making *m, struct err *err)
{
    struct buf text = BUF_INIT(JSON_MAX_BYTES);
    struct jout j = JOUT_INIT(&text);
    enum rc rc = privacy_collect(m->app, str_of(m->person), &j, err);
    if (!rc) rc = buf_check(&text, "the data of a person", err);
    if (!rc) rc = zip_add(m->zip, "data.json", buf_str(&text), true, err);
    if (text.cap) crypt_wipe(text.p, text.n);
    buf_release(&text);
    return rc;
}

static enum rc add_all(struct making *m, struct err *err)
{
    int64_t total = 1, done = 1;
    for (size_t i = 0; m->app->modules[i]; i++)
        total += m->app->modules[i]->export_files != NULL;
    enum rc rc = note(m, "running", 0, total, err);
    if (!rc) rc = zip_create(take, m, &m->zip, err);
    if (!rc) rc = add_data(m, err);
    for (size_t i = 0; !rc && m->app->modules[i]; i++) {
        const struct module *is = m->app->modules[i];
        if (!is->export_files) continue;
        rc = note(m, "running", done++, total, err);
        if (!rc) rc = is->export_files(m->app, m->person, take_file, m, err);
    }
    if (!rc) rc = zip_end(m->zip, err);
    if (!rc && m->chunk.n) rc = put_chunk(m, err);
    return rc ? rc : note(m, "ready", total, total, err);
}

static enum rc make(struct making *m, struct err *err)
{
    enum rc rc = open_blobs(m->app, &m->blobs, err);
    if (!rc) rc = add_all(m, err);
    zip_destroy(m->zip);
    blob_close(m->blobs);
    if (m->chunk.cap) crypt_wipe(m->chunk.p, m->chunk.cap);
    buf_release(&m->chunk);
    buf_release(&m->sealed);
    return rc;
}

/* Whose it is; *found false: it is gone or done. */
static enum rc read_owner(struct app *app, const char *id, char person[static 64], bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct buf plain = BUF_INIT(4096);
    char place[80];
    owner_place(id, place);
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT owner FROM privacy_archive WHERE id = ?1 AND state IN ('waiting', 'running')",
                         STORE_ARGS(STORE_Z(id)), &rows, err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found)
        rc = vault_unseal_house(app->vault, "privacy", str_of(place), store_blob(rows, 0), &plain, err);
    if (!rc && *found) snprintf(person, 64, "%.*s", STR_ARG(buf_str(&plain)));
    store_rows_close(rows);
    store_rollback(tx);
    buf_release(&plain);
    return rc;
}

static enum rc run_archive(struct app *app, struct job *job, struct buf *result, struct err *err)
{
    char id[ARCHIVE_ID_CHARS + 1];
    struct making m = {.app = app,
                       .job = job,
                       .id = id,
                       .chunk = BUF_INIT(2 * CHUNK_BYTES),
                       .sealed = BUF_INIT(2 * CHUNK_BYTES)};
    bool found = false;
    struct err why;
    snprintf(id, sizeof id, "%.*s", STR_ARG(jval_str(jval_get(job_payload(job), "archive"))));
    enum rc rc = read_owner(app, id, m.person, &found, err);
    if (!rc && found) rc = make(&m, err);
    if (!rc && found)
        buf_addf(result, "{\"files\":%lld,\"bytes\":%lld}", (long long)m.files, (long long)m.bytes);
    if (rc == RC_OK || rc == RC_BUSY || (rc == RC_STOPPED && job_cancelled(job))) return rc;
    /* Failed, or erased meanwhile: nothing of it may stay. */
    if (delete_chunks(app, id, m.chunks, &why) ||
        store_write(app->reg, "UPDATE privacy_archive SET state = 'failed', chunks = 0 WHERE id = ?1",
                    STORE_ARGS(STORE_Z(id)), NULL, &why))
        (void)err_prefix(err, "%s; and then ", why.message);
    return rc;
}

const struct job_kind archive_job = {"privacy_archive", run_archive, 0};

/* ------------------------------------------------------------------------------------------- fetching */

struct state {
    char state[16];
    int64_t done, total, chunks, bytes, at_ms, expires_ms;
};

static void take_state(const struct store_rows *rows, struct state *s)
{
    snprintf(s->state, sizeof s->state, "%.*s", STR_ARG(store_text(rows, 1)));
    s->done = store_i64(rows, 2);
    s->total = store_i64(rows, 3);
    s->chunks = store_i64(rows, 4);
    s->bytes = store_i64(rows, 5);
    s->at_ms = store_i64(rows, 6);
    s->expires_ms = store_i64(rows, 7);
}

static void write_state(struct str id, const struct state *s, struct jout *out)
{
    char at[25], until[25];
    clock_rfc3339(s->at_ms, at);
    clock_rfc3339(s->expires_ms, until);
    jout_object(out);
    jout_kstr(out, "id", id);
    jout_kz(out, "state", s->state);
    jout_key(out, "progress");
    jout_object(out);
    jout_ki64(out, "done", s->done);
    jout_ki64(out, "total", s->total);
    jout_end(out);
    jout_ki64(out, "bytes", s->bytes);
    jout_kz(out, "asked", at);
    jout_kz(out, "expires", until);
    jout_end(out);
}

#define COLUMNS "id, state, done, total, chunks, bytes, at_ms, expires_ms"

static enum rc find(struct app *app, struct str person, struct str id, struct state *s, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool found = false;
    privacy_name(app, person, name);
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(
            tx, "SELECT " COLUMNS " FROM privacy_archive WHERE id = ?1 AND person = ?2 AND expires_ms > ?3",
            STORE_ARGS(STORE_S(id), STORE_Z(name), STORE_I(clock_now_ms())), &rows, err);
    if (!rc) rc = store_next(rows, &found, err);
    if (!rc && found) take_state(rows, s);
    store_rows_close(rows);
    store_rollback(tx);
    return !rc && !found ? err_set(err, RC_NOT_FOUND, "there is no such archive, or it has expired") : rc;
}

enum rc archive_state(struct app *app, struct str person, struct str id, struct jout *out, struct err *err)
{
    struct state s;
    enum rc rc = find(app, person, id, &s, err);
    if (!rc) write_state(id, &s, out);
    return rc;
}

enum rc archive_read(struct app *app, struct str person, struct str id, struct buf *out, struct err *err)
{
    struct state s;
    struct blob *blobs = NULL;
    char key[64], place[80], name[ARCHIVE_ID_CHARS + 1];
    enum rc rc = find(app, person, id, &s, err);
    if (!rc && strcmp(s.state, "ready") != 0)
        rc = err_set(err, RC_CONFLICT, "the archive is not ready: %s", s.state);
    if (!rc) rc = open_blobs(app, &blobs, err);
    snprintf(name, sizeof name, "%.*s", STR_ARG(id));
    if (!rc && out->max < ARCHIVE_MAX_BYTES + CHUNK_BYTES) out->max = ARCHIVE_MAX_BYTES + CHUNK_BYTES;
    for (int64_t n = 0; !rc && n < s.chunks; n++) {
        char *p = NULL;
        size_t len = 0;
        chunk_name(name, n, key, place);
        rc = blob_get(blobs, key, 2 * CHUNK_BYTES, &p, &len, err);
        if (!rc) rc = vault_unseal(app->vault, person, str_of(place), (struct str){p, len}, out, err);
        free(p);
    }
    blob_close(blobs);
    return rc;
}

enum rc archive_list(struct app *app, struct str person, struct jout *out, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct state s;
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool more = false;
    privacy_name(app, person, name);
    jout_key(out, "archives");
    jout_array(out);
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT " COLUMNS " FROM privacy_archive WHERE person = ?1 ORDER BY at_ms",
                         STORE_ARGS(STORE_Z(name)), &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        take_state(rows, &s);
        write_state(store_text(rows, 0), &s, out);
    }
    jout_end(out);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

/* ------------------------------------------------------------------------------------------- the end */

/* Removes one of the rows that `where` (of ?1) selects, its chunks first; *found false: none is left. */
static enum rc drop_one(struct app *app, const char *sql, struct store_value arg, bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    char id[ARCHIVE_ID_CHARS + 1] = "";
    int64_t chunks = 0;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc) rc = store_query(tx, sql, &arg, 1, &rows, err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found) {
        snprintf(id, sizeof id, "%.*s", STR_ARG(store_text(rows, 0)));
        chunks = store_i64(rows, 1);
    }
    store_rows_close(rows);
    store_rollback(tx);
    if (rc || !*found) return rc;
    rc = delete_chunks(app, id, chunks, err);
    return rc ? rc
              : store_write(app->reg, "DELETE FROM privacy_archive WHERE id = ?1", STORE_ARGS(STORE_Z(id)),
                            NULL, err);
}

enum rc archive_forget(struct app *app, struct str person, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool found = true;
    enum rc rc = RC_OK;
    privacy_name(app, person, name);
    while (!rc && found)
        rc = drop_one(app, "SELECT id, chunks FROM privacy_archive WHERE person = ?1 LIMIT 1", STORE_Z(name),
                      &found, err);
    return rc;
}

enum rc archive_expire(struct app *app, int64_t now_ms, bool dry_run, int64_t *n, struct err *err)
{
    bool found = true;
    *n = 0;
    if (dry_run)
        return privacy_get(app, "SELECT count(*) FROM privacy_archive WHERE expires_ms <= ?1",
                           STORE_ARGS(STORE_I(now_ms)), n, NULL, err);
    enum rc rc = RC_OK;
    while (!rc &&
           !(rc = drop_one(app, "SELECT id, chunks FROM privacy_archive WHERE expires_ms <= ?1 LIMIT 1",
                           STORE_I(now_ms), &found, err)) &&
           found)
        ++*n;
    return rc;
}
