/*
 * One connection to a SQLite file: how it is opened, what its errors mean, its prepared statements.
 *
 * A connection is used by one thread at a time (SQLITE_OPEN_NOMUTEX); store_sqlite.c sees to that.
 */
#include "store/store_sqlite.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ----------------------------------------------------------------------------------------- errors */

static enum rc io_error(int code, const char *path, const char *doing, struct err *err)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(err, RC_IO,
                       "%s: the disk that holds %s is full: free some space and try again; "
                       "what was committed before is safe",
                       doing, path);
    case SQLITE_READONLY:
        return err_set(err, RC_IO,
                       "%s: %s or its folder cannot be written to: give the user that runs "
                       "Penderie the right to",
                       doing, path);
    case SQLITE_CANTOPEN:
        return err_set(err, RC_IO, "%s: cannot open %s: is the folder there, and may it be written to?", doing,
                       path);
    default:
        return err_set(err, RC_IO, "%s: the disk failed under %s (SQLite %d): look at the system's log", doing,
                       path, code);
    }
}

enum rc connection_error(struct connection *c, int code, const char *doing, struct err *err)
{
    const char *path = sqlite3_db_filename(c->db, "main");
    if (!path || !*path) path = "the database";
    const char *text = sqlite3_errmsg(c->db);
    if (code == SQLITE_IOERR_NOMEM) code = SQLITE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return err_set(err, RC_CONFLICT, "%s", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, RC_BUSY, "%s is being written to by another process; try again", path);
    case SQLITE_NOMEM:
        return err_set(err, RC_NOMEM, "out of memory: %s", doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, RC_CORRUPT, "%s is damaged (%s): restore it from a backup", path, text);
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return io_error(code, path, doing, err);
    case SQLITE_TOOBIG:
        return err_set(err, RC_TOO_LARGE, "a value for %s is too large", path);
    default:
        return err_set(err, RC_INTERNAL, "SQLite %d, %s: %.300s", code, text, doing);
    }
}

/* --------------------------------------------------------------------------------- opening, waiting */

/* Called by SQLite while another process holds the lock. Its own handler sleeps up to 100 ms at a time;
 * transactions here take a few, so this one looks more often. */
static int wait_for_lock(void *arg, int times)
{
    const struct connection *c = arg;
    if (clock_mono_us() >= c->deadline_us) return 0;
    int ms = times < 4 ? 1 : times < 20 ? 4 : 10;
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
    return 1;
}

void connection_wait_until(struct connection *c, int64_t deadline_us) { c->deadline_us = deadline_us; }

static int run(sqlite3 *db, const char *sql) { return sqlite3_exec(db, sql, NULL, NULL, NULL); }

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

/*
 * What a file may make SQLite do is cut down: its schema cannot call functions with side effects, its
 * internals cannot be written to by SQL, and "x" is never taken for a string.
 */
static int configure(struct connection *c, enum connection_kind kind)
{
    sqlite3 *db = c->db;
    bool writes = kind != CONNECTION_READER;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_handler(db, wait_for_lock, c);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    int code = run(db, writes ? "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;"
                                "PRAGMA journal_size_limit=67108864"
                              : "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192");
    if (!code && kind == CONNECTION_OVERWRITER) code = run(db, "PRAGMA secure_delete=ON");
    if (!code) code = prepare(db, writes ? "BEGIN IMMEDIATE" : "BEGIN", &c->begin);
    if (!code) code = prepare(db, "COMMIT", &c->commit);
    if (!code) code = prepare(db, "ROLLBACK", &c->rollback);
    return code;
}

enum rc connection_open(struct sqlite_store *store, const char *path, enum connection_kind kind,
                        int64_t busy_ms, struct connection **out, struct err *err)
{
    *out = NULL;
    struct connection *c = calloc(1, sizeof *c);
    if (!c) return err_set(err, RC_NOMEM, "out of memory opening %s", path);
    c->store = store;
    c->deadline_us = clock_mono_us() + busy_ms * 1000;
    int flags =
        SQLITE_OPEN_NOMUTEX | (kind == CONNECTION_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    int code = sqlite3_open_v2(path, &c->db, flags, NULL);
    if (!code) code = configure(c, kind);
    if (code) {
        enum rc rc = c->db ? connection_error(c, code, "opening", err)
                           : err_set(err, RC_NOMEM, "out of memory opening %s", path);
        connection_close(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

static void statement_free(struct statement *s)
{
    sqlite3_finalize(s->handle);
    free(s->sql);
    free(s);
}

void connection_close(struct connection *c)
{
    if (!c) return;
    for (int i = 0; i < CONNECTION_BUCKETS; i++) {
        for (struct statement *s = c->bucket[i], *next; s; s = next) {
            next = s->next;
            statement_free(s);
        }
    }
    sqlite3_finalize(c->begin);
    sqlite3_finalize(c->commit);
    sqlite3_finalize(c->rollback);
    int code = sqlite3_close(c->db);
    ASSERT(code == SQLITE_OK); /* else a statement was left open */
    free(c);
}

bool connection_rollback(struct connection *c)
{
    if (!sqlite3_get_autocommit(c->db)) {
        sqlite3_step(c->rollback);
        sqlite3_reset(c->rollback);
    }
    return sqlite3_get_autocommit(c->db);
}

/* ------------------------------------------------------------------------------------- statements */

static struct statement *find(struct connection *c, const char *sql, uint64_t hash)
{
    for (struct statement *s = c->bucket[hash % CONNECTION_BUCKETS]; s; s = s->next)
        if (s->hash == hash && !s->running && strcmp(s->sql, sql) == 0) return s;
    return NULL;
}

/* The statements of the program are a fixed set that fits; texts made up at run time push each other out. */
static void evict_oldest(struct connection *c)
{
    struct statement **oldest = NULL;
    for (int i = 0; i < CONNECTION_BUCKETS; i++)
        for (struct statement **s = &c->bucket[i]; *s; s = &(*s)->next)
            if (!(*s)->running && (!oldest || (*s)->used < (*oldest)->used)) oldest = s;
    if (!oldest) return;
    struct statement *gone = *oldest;
    *oldest = gone->next;
    c->n_statements--;
    statement_free(gone);
}

static enum rc prepare_statement(struct connection *c, const char *sql, uint64_t hash, struct statement **out,
                                 struct err *err)
{
    const char *tail = "";
    struct statement *s = calloc(1, sizeof *s);
    if (!s) return err_set(err, RC_NOMEM, "out of memory");
    s->connection = c;
    s->hash = hash;
    s->sql = strdup(sql);
    int code = s->sql ? sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, &tail)
                      : SQLITE_NOMEM;
    if (code) {
        enum rc rc = code == SQLITE_NOMEM ? err_set(err, RC_NOMEM, "out of memory")
                                          : connection_error(c, code, sql, err);
        statement_free(s);
        return rc;
    }
    ASSERT(s->handle && tail[strspn(tail, " \n\t;")] == 0); /* exactly one statement */
    if (c->n_statements >= CONNECTION_MAX_STATEMENTS) evict_oldest(c);
    if (c->n_statements < CONNECTION_MAX_STATEMENTS) {
        s->cached = true;
        s->next = c->bucket[hash % CONNECTION_BUCKETS];
        c->bucket[hash % CONNECTION_BUCKETS] = s;
        c->n_statements++;
    }
    *out = s;
    return RC_OK;
}

enum rc statement_take(struct connection *c, const char *sql, struct statement **out, struct err *err)
{
    uint64_t hash = str_hash(str_of(sql));
    struct statement *s = find(c, sql, hash);
    if (!s) {
        enum rc rc = prepare_statement(c, sql, hash, &s, err);
        if (rc) return rc;
    }
    s->running = true;
    s->used = ++c->uses;
    s->code = 0;
    *out = s;
    return RC_OK;
}

void statement_release(struct statement *s)
{
    s->running = false;
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
    if (!s->cached) statement_free(s);
}
