/*
 * The SQLite backend: one file in WAL mode, one connection that writes, a pool of others that read.
 *
 * Threading. `lock` guards the writer's seat with its queue, and the list of idle readers. Writers of this
 * process take the seat in the order they came (SQLite's own locks know no order, and one could starve);
 * against other processes the seat's holder then waits in BEGIN IMMEDIATE. A reader takes an idle
 * connection or opens another: readers never wait, neither for writers nor for one another, and as threads
 * are bounded (workers of bounded queues), so are connections; more than `readers` of them are closed
 * again after use. `watch_lock` guards the connection that store_version() looks through.
 */
#include "store/store_sqlite.h"

#include "base/clock.h"
#include "base/fs.h"
#include "crypt/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x504e4452 /* "PNDR" */, BACKUP_PAGES = 1024 };

struct waiter {
    pthread_cond_t turn;
    struct waiter *next;
    bool granted;
};

struct sqlite_store {
    struct store base;
    char path[SQLITE_PATH_BYTES];
    int64_t busy_ms;
    int max_idle;
    enum connection_kind writes; /* how the connection that writes is opened */

    pthread_mutex_t lock;
    bool seat_taken;
    pthread_t seat_owner;
    struct waiter *first, *last;
    struct connection *writer; /* used by the seat's holder; NULL: to be opened */
    struct connection *idle;
    int n_idle, n_readers; /* n_readers: in use */

    pthread_mutex_t watch_lock;
    struct connection *watch;
    sqlite3_stmt *watch_stmt;
    uint32_t seen;
    int64_t version;
};

static struct sqlite_store *store_of(struct store *s) { return (struct sqlite_store *)s; }
static struct connection *connection_of(struct store_tx *tx) { return (struct connection *)tx; }

/* ------------------------------------------------------------------------------------ open, close */

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Statistics of memory take a lock around every allocation. Refused, and then harmless, where SQLite was
 * already used. */
static void configure_library(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

/*
 * The file is made before SQLite sees it, so that it never exists with another mode than 0600 (SQLite gives
 * -wal and -shm the mode of the file). An existing file must not be opened here: closing the descriptor
 * would drop the locks that other connections of this process hold on it.
 */
static enum rc make_file(const char *path, bool read_only, struct err *err)
{
    if (fs_exists(path)) return RC_OK;
    if (read_only) return err_set(err, RC_NOT_FOUND, "there is no database at %s yet", path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return err_errno(err, "cannot make the database %s", path);
    return RC_OK;
}

static int get_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (!code) code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        *out = sqlite3_column_int64(stmt, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return code;
}

/* An empty file becomes ours; a file of another program is left alone. */
static enum rc claim(struct connection *c, const char *path, bool read_only, struct err *err)
{
    int64_t id = 0, tables = 0;
    char sql[64];
    int code = get_number(c->db, "PRAGMA application_id", &id);
    if (!code) code = get_number(c->db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (code) return connection_error(c, code, "opening", err);
    if (id == APPLICATION_ID) return RC_OK;
    if (id || tables || read_only) return err_set(err, RC_CORRUPT, "%s is not a database of Penderie", path);
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d", APPLICATION_ID);
    code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return code ? connection_error(c, code, "opening", err) : RC_OK;
}

/* The change to WAL mode asks for a lock that the busy handler does not wait for. */
static enum rc use_wal(struct connection *c, struct err *err)
{
    for (;;) {
        int code = sqlite3_exec(c->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (!code) return RC_OK;
        if ((code & 0xff) != SQLITE_BUSY || clock_mono_us() >= c->deadline_us)
            return connection_error(c, code, "opening", err);
        usleep(2000);
    }
}

static enum rc first_connection(struct sqlite_store *s, bool read_only, struct err *err)
{
    enum connection_kind kind = read_only ? CONNECTION_READER : s->writes;
    struct connection *c = NULL;
    enum rc rc = connection_open(s, s->path, kind, s->busy_ms, &c, err);
    if (!rc) rc = claim(c, s->path, read_only, err);
    if (!rc && !read_only) rc = use_wal(c, err);
    if (rc) {
        connection_close(c);
    } else if (read_only) {
        s->idle = c;
        s->n_idle = 1;
    } else {
        s->writer = c;
    }
    return rc;
}

static enum rc sqlite_open(const char *rest, const struct store_options *options, struct store **out,
                           struct err *err)
{
    pthread_once(&once, configure_library);
    if (!*rest || strlen(rest) >= SQLITE_PATH_BYTES)
        return err_set(err, RC_INVALID, "sqlite: needs the path of a file");
    enum rc rc = make_file(rest, options->read_only, err);
    if (rc) return rc;
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s) return err_set(err, RC_NOMEM, "out of memory");
    snprintf(s->path, sizeof s->path, "%s", rest);
    s->busy_ms = options->busy_ms;
    s->max_idle = options->readers;
    s->writes = options->overwrite ? CONNECTION_OVERWRITER : CONNECTION_WRITER;
    rc = first_connection(s, options->read_only, err);
    if (rc) {
        free(s);
        return rc;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->watch_lock, NULL);
    *out = &s->base;
    return RC_OK;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *s = store_of(base);
    ASSERT(!s->seat_taken && s->n_readers == 0);
    for (struct connection *c = s->idle, *next; c; c = next) {
        next = c->next;
        connection_close(c);
    }
    sqlite3_finalize(s->watch_stmt);
    connection_close(s->watch);
    connection_close(s->writer); /* last: it moves the WAL into the file */
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->watch_lock);
    free(s);
}

/* ------------------------------------------------------------------------------ the writer's seat */

static struct timespec at_mono_us(int64_t us) { return (struct timespec){us / 1000000, us % 1000000 * 1000}; }

static void leave_queue(struct sqlite_store *s, struct waiter *w)
{
    struct waiter *before = NULL;
    for (struct waiter *at = s->first; at && at != w; at = at->next)
        before = at;
    if (before)
        before->next = w->next;
    else
        s->first = w->next;
    if (s->last == w) s->last = before;
}

/* False when the deadline passed. */
static bool take_seat(struct sqlite_store *s, int64_t deadline_us)
{
    struct timespec deadline = at_mono_us(deadline_us);
    pthread_mutex_lock(&s->lock);
    /* A second write transaction on the same thread would wait for itself. */
    ASSERT(!s->seat_taken || !pthread_equal(s->seat_owner, pthread_self()));
    bool granted = !s->seat_taken;
    if (s->seat_taken) {
        struct waiter w = {.next = NULL};
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&w.turn, &attr);
        pthread_condattr_destroy(&attr);
        if (s->last)
            s->last->next = &w;
        else
            s->first = &w;
        s->last = &w;
        while (!w.granted && pthread_cond_timedwait(&w.turn, &s->lock, &deadline) != ETIMEDOUT)
            continue;
        granted = w.granted; /* may have come with the timeout */
        if (!granted) leave_queue(s, &w);
        pthread_cond_destroy(&w.turn);
    }
    if (granted) {
        s->seat_taken = true;
        s->seat_owner = pthread_self();
    }
    pthread_mutex_unlock(&s->lock);
    return granted;
}

static void give_seat(struct sqlite_store *s)
{
    pthread_mutex_lock(&s->lock);
    struct waiter *w = s->first;
    if (w) { /* handed over: seat_taken stays, so that nobody slips in between */
        s->first = w->next;
        if (!s->first) s->last = NULL;
        w->granted = true;
        pthread_cond_signal(&w->turn);
        memset(&s->seat_owner, 0, sizeof s->seat_owner);
    } else {
        s->seat_taken = false;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ----------------------------------------------------------------------------------- transactions */

static enum rc begin_on(struct connection *c, int64_t deadline_us, struct err *err)
{
    connection_wait_until(c, deadline_us);
    int code = sqlite3_step(c->begin);
    sqlite3_reset(c->begin);
    return code == SQLITE_DONE ? RC_OK : connection_error(c, code, "starting a transaction", err);
}

static enum rc begin_write(struct sqlite_store *s, struct store_tx **out, struct err *err)
{
    enum rc rc = RC_OK;
    int64_t deadline_us = clock_mono_us() + s->busy_ms * 1000;
    if (!take_seat(s, deadline_us))
        return err_set(err, RC_BUSY, "the database %s is busy with other changes; try again", s->path);
    if (!s->writer) rc = connection_open(s, s->path, s->writes, s->busy_ms, &s->writer, err);
    if (!rc) rc = begin_on(s->writer, deadline_us, err);
    if (rc)
        give_seat(s);
    else
        *out = &s->writer->base;
    return rc;
}

static struct connection *take_idle(struct sqlite_store *s)
{
    pthread_mutex_lock(&s->lock);
    struct connection *c = s->idle;
    if (c) {
        s->idle = c->next;
        s->n_idle--;
    }
    s->n_readers++;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void give_reader(struct sqlite_store *s, struct connection *c, bool usable)
{
    pthread_mutex_lock(&s->lock);
    s->n_readers--;
    if (c && usable && s->n_idle < s->max_idle) {
        c->next = s->idle;
        s->idle = c;
        s->n_idle++;
        c = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    connection_close(c);
}

static enum rc begin_read(struct sqlite_store *s, struct store_tx **out, struct err *err)
{
    enum rc rc = RC_OK;
    struct connection *c = take_idle(s);
    if (!c) rc = connection_open(s, s->path, CONNECTION_READER, s->busy_ms, &c, err);
    if (!rc) rc = begin_on(c, clock_mono_us() + s->busy_ms * 1000, err);
    if (rc)
        give_reader(s, c, false);
    else
        *out = &c->base;
    return rc;
}

static enum rc sqlite_begin(struct store *base, enum store_mode mode, struct store_tx **out, struct err *err)
{
    struct sqlite_store *s = store_of(base);
    return mode == STORE_WRITE ? begin_write(s, out, err) : begin_read(s, out, err);
}

static void end(struct connection *c, bool usable)
{
    struct sqlite_store *s = c->store;
    if (c->base.mode == STORE_READ) {
        give_reader(s, c, usable);
        return;
    }
    if (!usable) {
        s->writer = NULL; /* the seat is still ours */
        connection_close(c);
    }
    give_seat(s);
}

static void sqlite_rollback(struct store_tx *tx)
{
    struct connection *c = connection_of(tx);
    end(c, connection_rollback(c));
}

static enum rc sqlite_commit(struct store_tx *tx, struct err *err)
{
    struct connection *c = connection_of(tx);
    enum rc rc = RC_OK;
    int code = sqlite3_step(c->commit);
    sqlite3_reset(c->commit);
    if (code != SQLITE_DONE) rc = connection_error(c, code, "committing", err);
    end(c, connection_rollback(c));
    return rc;
}

/* ------------------------------------------------------------------------------------- statements */

/*
 * Some errors (a full disk, no memory) make SQLite roll the whole transaction back on its own; whatever
 * ran after that would be kept at once. store.c lets no statement follow a failed one; this proves it.
 */
static void check_in_transaction(const struct connection *c) { ASSERT(!sqlite3_get_autocommit(c->db)); }

static int bind(sqlite3_stmt *stmt, int i, const struct store_value *v, sqlite3_destructor_type keep)
{
    const char *p = v->s.p ? v->s.p : ""; /* a NULL pointer would bind NULL */
    switch (v->type) {
    case STORE_INTEGER:
        return sqlite3_bind_int64(stmt, i, v->i);
    case STORE_REAL:
        return sqlite3_bind_double(stmt, i, v->f);
    case STORE_TEXT:
        return sqlite3_bind_text64(stmt, i, p, v->s.n, keep, SQLITE_UTF8);
    case STORE_BLOB:
        return sqlite3_bind_blob64(stmt, i, p, v->s.n, keep);
    case STORE_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, i);
}

static enum rc take_bound(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                          sqlite3_destructor_type keep, struct statement **out, struct err *err)
{
    struct connection *c = connection_of(tx);
    check_in_transaction(c);
    enum rc rc = statement_take(c, sql, out, err);
    if (rc) return rc;
    struct statement *s = *out;
    ASSERT((size_t)sqlite3_bind_parameter_count(s->handle) == n);
    ASSERT(tx->mode == STORE_WRITE || sqlite3_stmt_readonly(s->handle));
    int code = SQLITE_OK;
    for (size_t i = 0; i < n && !code; i++)
        code = bind(s->handle, (int)i + 1, &args[i], keep);
    if (!code) return RC_OK;
    rc = connection_error(c, code, sql, err);
    statement_release(s);
    *out = NULL;
    return rc;
}

static enum rc sqlite_exec(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                           int64_t *changed, struct err *err)
{
    struct connection *c = connection_of(tx);
    struct statement *s = NULL;
    int code;
    enum rc rc = take_bound(tx, sql, args, n, SQLITE_STATIC, &s, err);
    if (rc) return rc;
    int64_t before = sqlite3_total_changes64(c->db);
    while ((code = sqlite3_step(s->handle)) == SQLITE_ROW)
        continue;
    if (code != SQLITE_DONE) rc = connection_error(c, code, sql, err);
    /* sqlite3_changes64() keeps the count of an earlier statement where this one changed nothing. */
    else
        *changed = sqlite3_total_changes64(c->db) == before ? 0 : sqlite3_changes64(c->db);
    statement_release(s);
    return rc;
}

static enum rc sqlite_script(struct store_tx *tx, const char *sql, struct err *err)
{
    struct connection *c = connection_of(tx);
    check_in_transaction(c);
    int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return code ? connection_error(c, code, "a migration", err) : RC_OK;
}

static enum rc sqlite_query(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                            struct store_rows **out, struct err *err)
{
    struct statement *s = NULL;
    enum rc rc = take_bound(tx, sql, args, n, SQLITE_TRANSIENT, &s, err);
    if (rc) return rc;
    s->code = sqlite3_step(s->handle);
    if (s->code != SQLITE_ROW && s->code != SQLITE_DONE) {
        rc = connection_error(s->connection, s->code, sql, err);
        statement_release(s);
        return rc;
    }
    *out = &s->base;
    return RC_OK;
}

static enum rc sqlite_next(struct store_rows *rows, bool *more, struct err *err)
{
    struct statement *s = (struct statement *)rows;
    int code = s->code ? s->code : sqlite3_step(s->handle);
    s->code = code == SQLITE_DONE ? SQLITE_DONE : 0; /* a step behind the end would start over */
    *more = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE) return RC_OK;
    s->code = SQLITE_DONE;
    return connection_error(s->connection, code, s->sql, err);
}

static void sqlite_rows_close(struct store_rows *rows) { statement_release((struct statement *)rows); }

static sqlite3_stmt *row_of(const struct store_rows *rows, int column)
{
    sqlite3_stmt *stmt = ((const struct statement *)rows)->handle;
    ASSERT(column >= 0 && column < sqlite3_column_count(stmt));
    return stmt;
}

static bool sqlite_column_null(const struct store_rows *rows, int column)
{
    return sqlite3_column_type(row_of(rows, column), column) == SQLITE_NULL;
}

static int64_t sqlite_column_i64(const struct store_rows *rows, int column)
{
    return sqlite3_column_int64(row_of(rows, column), column);
}

static double sqlite_column_f64(const struct store_rows *rows, int column)
{
    return sqlite3_column_double(row_of(rows, column), column);
}

/* Also for TEXT: sqlite3_column_text() may have to allocate for a NUL behind it, and gives NULL, as for a
 * NULL value, where that fails. */
static struct str sqlite_column_blob(const struct store_rows *rows, int column)
{
    sqlite3_stmt *stmt = row_of(rows, column);
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) return STR_NONE;
    const char *p = sqlite3_column_blob(stmt, column);
    return (struct str){p ? p : "", p ? (size_t)sqlite3_column_bytes(stmt, column) : 0};
}

static struct str sqlite_column_text(const struct store_rows *rows, int column)
{
    sqlite3_stmt *stmt = row_of(rows, column);
    int type = sqlite3_column_type(stmt, column);
    if (type == SQLITE_TEXT || type == SQLITE_BLOB) return sqlite_column_blob(rows, column);
    const char *p = (const char *)sqlite3_column_text(stmt, column);
    return (struct str){p, p ? (size_t)sqlite3_column_bytes(stmt, column) : 0};
}

/* ------------------------------------------------------------------- migrations, version, backup */

/* BEGIN IMMEDIATE has kept all other writers out already. */
static enum rc sqlite_lock_migrations(struct store_tx *tx, struct err *err)
{
    (void)tx;
    (void)err;
    return RC_OK;
}

static enum rc sqlite_has_table(struct store_tx *tx, const char *table, bool *found, struct err *err)
{
    int64_t n = 0;
    enum rc rc = store_get_i64(tx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                               STORE_ARGS(STORE_Z(table)), &n, NULL, err);
    *found = n > 0;
    return rc;
}

static enum rc open_watch(struct sqlite_store *s, struct err *err)
{
    enum rc rc = connection_open(s, s->path, CONNECTION_READER, s->busy_ms, &s->watch, err);
    if (rc) return rc;
    int code = sqlite3_prepare_v3(s->watch->db, "PRAGMA data_version", -1, SQLITE_PREPARE_PERSISTENT,
                                  &s->watch_stmt, NULL);
    if (!code) return RC_OK;
    rc = connection_error(s->watch, code, "watching", err);
    connection_close(s->watch);
    s->watch = NULL;
    return rc;
}

/*
 * data_version changes on a connection when any other one commits, and this connection never does: so it
 * tells of this process's commits as well as of others'. A look reads the WAL's header in shared memory.
 */
static enum rc sqlite_version(struct store *base, int64_t *out, struct err *err)
{
    struct sqlite_store *s = store_of(base);
    pthread_mutex_lock(&s->watch_lock);
    enum rc rc = s->watch ? RC_OK : open_watch(s, err);
    if (!rc) {
        connection_wait_until(s->watch, clock_mono_us() + s->busy_ms * 1000);
        int code = sqlite3_step(s->watch_stmt);
        if (code == SQLITE_ROW) {
            uint32_t now = (uint32_t)sqlite3_column_int64(s->watch_stmt, 0);
            if (now != s->seen) s->version++;
            s->seen = now;
            *out = s->version;
        } else {
            rc = connection_error(s->watch, code, "watching", err);
        }
        sqlite3_reset(s->watch_stmt);
    }
    pthread_mutex_unlock(&s->watch_lock);
    return rc;
}

/*
 * A checkpoint that cuts the log to nothing: pages with what was deleted leave the log, and the pages that took
 * their place in the file hold zeros there (secure_delete). The writer's seat keeps this process's writers out;
 * the busy handler waits for readers and for other processes.
 */
static enum rc sqlite_forget(struct store *base, struct err *err)
{
    struct sqlite_store *s = store_of(base);
    enum rc rc = RC_OK;
    int64_t deadline_us = clock_mono_us() + s->busy_ms * 1000;
    if (base->read_only) return err_set(err, RC_FORBIDDEN, "store %s was opened for reading only", base->name);
    if (!take_seat(s, deadline_us))
        return err_set(err, RC_BUSY, "the database %s is busy with other changes; try again", s->path);
    if (!s->writer) rc = connection_open(s, s->path, s->writes, s->busy_ms, &s->writer, err);
    if (!rc) {
        int log = 0, moved = 0;
        connection_wait_until(s->writer, deadline_us);
        int code = sqlite3_wal_checkpoint_v2(s->writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &moved);
        if (code) rc = connection_error(s->writer, code, "cutting the log", err);
    }
    give_seat(s);
    return rc;
}

/* `from` holds a read transaction all the while: without it every commit would start the copy over. */
static enum rc copy(struct connection *from, const char *path, struct err *err)
{
    sqlite3 *to = NULL;
    int64_t ignored;
    enum rc rc = RC_OK;
    int code = get_number(from->db, "SELECT count(*) FROM sqlite_schema", &ignored);
    if (code) return connection_error(from, code, "backing up", err);
    code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!code) {
        sqlite3_backup *b = sqlite3_backup_init(to, "main", from->db, "main");
        while (b && (code = sqlite3_backup_step(b, BACKUP_PAGES)) == SQLITE_OK)
            continue;
        int finished = b ? sqlite3_backup_finish(b) : sqlite3_extended_errcode(to);
        code = finished ? finished : SQLITE_OK;
    }
    if (code) {
        struct connection target = {.db = to};
        rc = to ? connection_error(&target, code, "backing up", err)
                : err_set(err, RC_NOMEM, "out of memory backing up");
    }
    sqlite3_close(to);
    return rc;
}

static enum rc sqlite_backup(struct store *base, const char *path, struct err *err)
{
    struct sqlite_store *s = store_of(base);
    struct connection *from = NULL;
    struct str dir = {path, 0};
    char tmp[SQLITE_PATH_BYTES + 32], folder[SQLITE_PATH_BYTES];
    uint64_t nonce;
    const char *slash = strrchr(path, '/');
    if (slash) dir.n = slash == path ? 1 : (size_t)(slash - path);
    if (!*path || strlen(path) >= SQLITE_PATH_BYTES) return err_set(err, RC_INVALID, "bad path for a backup");
    crypt_random(&nonce, sizeof nonce);
    snprintf(tmp, sizeof tmp, "%s.%016llx", path, (unsigned long long)nonce);
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)dir.n : 1, slash ? dir.p : ".");
    enum rc rc = make_file(tmp, false, err);
    if (rc) return rc;
    rc = connection_open(s, s->path, CONNECTION_READER, s->busy_ms, &from, err);
    if (!rc) rc = begin_on(from, clock_mono_us() + s->busy_ms * 1000, err);
    if (!rc) rc = copy(from, tmp, err);
    if (from) (void)connection_rollback(from);
    connection_close(from);
    if (!rc && rename(tmp, path)) rc = err_errno(err, "cannot put the backup %s in place", path);
    if (rc) unlink(tmp);
    return rc ? rc : fs_sync_dir(folder, err);
}

const struct store_ops store_sqlite_ops = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .exec = sqlite_exec,
    .script = sqlite_script,
    .query = sqlite_query,
    .next = sqlite_next,
    .rows_close = sqlite_rows_close,
    .column_null = sqlite_column_null,
    .column_i64 = sqlite_column_i64,
    .column_f64 = sqlite_column_f64,
    .column_text = sqlite_column_text,
    .column_blob = sqlite_column_blob,
    .lock_migrations = sqlite_lock_migrations,
    .has_table = sqlite_has_table,
    .forget = sqlite_forget,
    .version = sqlite_version,
    .backup = sqlite_backup,
    .clustered = " WITHOUT ROWID",
};
