/*
 * Between the files of the SQLite backend: connections, and statements prepared once on each.
 */
#ifndef STORE_STORE_SQLITE_H
#define STORE_STORE_SQLITE_H

#include "store/store_ops.h"

#include <sqlite3.h>

enum { CONNECTION_BUCKETS = 64, CONNECTION_MAX_STATEMENTS = 256, SQLITE_PATH_BYTES = 2048 };

struct connection;

/* A prepared statement, and the rows it is giving. */
struct statement {
    struct store_rows base;
    struct connection *connection;
    sqlite3_stmt *handle;
    char *sql;
    uint64_t hash, used;    /* `used`: the connection's count of uses at the last one */
    struct statement *next; /* in its bucket */
    bool running, cached;
    int code; /* of a step taken ahead of store_next(): SQLITE_ROW, SQLITE_DONE; 0: none */
};

/* A connection, and the one transaction that may be open on it. */
struct connection {
    struct store_tx base;
    struct sqlite_store *store;
    sqlite3 *db;
    struct connection *next; /* in the list of idle readers */
    int64_t deadline_us;     /* until when the busy handler waits */
    sqlite3_stmt *begin, *commit, *rollback;
    struct statement *bucket[CONNECTION_BUCKETS];
    unsigned n_statements;
    uint64_t uses;
};

enum connection_kind { CONNECTION_READER, CONNECTION_WRITER, CONNECTION_OVERWRITER /* a writer that zeroes */ };

/* `path` NUL-terminated; the file must exist. */
enum rc connection_open(struct sqlite_store *store, const char *path, enum connection_kind kind,
                        int64_t busy_ms, struct connection **out, struct err *err);
void connection_close(struct connection *c); /* rolls an open transaction back; NULL is fine */
void connection_wait_until(struct connection *c, int64_t deadline_us);
/* Ends the transaction; false: the connection is of no more use and must be closed. */
bool connection_rollback(struct connection *c);
/* The error that `code` stands for; `doing` is put in front ("reading", a statement). */
enum rc connection_error(struct connection *c, int code, const char *doing, struct err *err);

/* A statement ready to be bound: from the cache, or prepared. */
enum rc statement_take(struct connection *c, const char *sql, struct statement **out, struct err *err);
void statement_release(struct statement *s); /* back into the cache, reset and unbound */

#endif
