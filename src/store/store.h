/*
 * Records, behind one table of operations: SQLite (3.40, WAL, synchronous=FULL) now, PostgreSQL next.
 * Callers write SQL in the subset that both understand; sql.md in this folder says which. Tests in
 * tests/unit/test_store_contract.c are the contract that any other backend must pass.
 *
 *   - Placeholders are ?1, ?2, ... Types: INTEGER (int64), REAL (double), TEXT (UTF-8), BLOB.
 *   - `INSERT ... ON CONFLICT (key) DO UPDATE SET x = excluded.x`, `RETURNING`, partial indexes, CTEs
 *     and window functions may be used; no rowid, no PRAGMA, no type affinity tricks, no `||` on NULL.
 *   - A committed transaction survives kill -9 and power loss.
 *   - TEXT must be well-formed UTF-8 without NUL (RC_INVALID). An empty text or blob is not NULL.
 *   - After a failed statement a transaction can only be rolled back: further statements give the same
 *     code, store_commit() rolls back and gives it too. To try an insert that may meet an existing row,
 *     write ON CONFLICT DO NOTHING and look at *changed.
 *   - A read transaction sees one consistent state from its first statement to its end.
 *
 * Threading: a struct store may be used from any thread. A struct store_tx belongs to the thread that
 * began it. Writers wait for one another (one at a time in SQLite); readers never wait for writers.
 * RC_BUSY after `busy_ms` of waiting.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/str.h"

struct store;
struct store_tx;
struct store_rows;

enum store_type { STORE_NULL, STORE_INTEGER, STORE_REAL, STORE_TEXT, STORE_BLOB };

struct store_value {
    enum store_type type;
    int64_t i;
    double f;
    struct str s; /* TEXT and BLOB; borrowed for the call */
};

#define STORE_I(v) ((struct store_value){.type = STORE_INTEGER, .i = (v)})
#define STORE_F(v) ((struct store_value){.type = STORE_REAL, .f = (v)})
#define STORE_S(v) store_value_text(v)         /* struct str; p NULL: NULL */
#define STORE_Z(v) store_value_text(str_of(v)) /* char *; NULL: NULL */
#define STORE_B(ptr, len) ((struct store_value){.type = STORE_BLOB, .s = {(const void *)(ptr), (len)}})
#define STORE_NIL ((struct store_value){.type = STORE_NULL})
struct store_value store_value_text(struct str s);
/* Values and their number, as two arguments: store_exec(tx, sql, STORE_ARGS(STORE_I(1), STORE_Z("a")), ... */
#define STORE_ARGS(...)                          \
    ((const struct store_value[]){__VA_ARGS__}), \
        (sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value))
#define STORE_NO_ARGS NULL, 0

struct migration {
    const char *store; /* which database it belongs to: "catalog", "ops", ... */
    int version;       /* ascending within a module, from 1; 0 ends a table. Never edited once released */
    const char *sql;   /* one or more statements of the common subset (sql.md; "no row order" is there too) */
};

struct store_options {
    const char *name; /* "catalog": for messages, and the migrations that belong here */
    int64_t busy_ms;  /* how long a writer waits for another; 0: 5,000 */
    int readers;      /* pooled read connections; 0: 4 */
    bool read_only;
    bool overwrite; /* what is deleted is overwritten with zeros in the file, not only given free */
};

/* `url`: "sqlite:/path/to/catalog.db" (made with mode 0600 when missing). RC_INVALID for another scheme
 * in a build without its backend, RC_CORRUPT, RC_IO. */
enum rc store_open(const char *url, const struct store_options *options, struct store **out,
                   struct err *err) MUST_USE;
void store_close(struct store *s); /* all transactions must have ended; NULL is fine */

/* Brings the schema up to date, each module's migrations in a transaction of their own; applied ones
 * are recorded in table `migration (module, version, sha, at_ms)`. A version that is newer than the
 * program, or an edited one, is refused with RC_CONFLICT. Entries for another store are passed over. */
enum rc store_migrate(struct store *s, const char *module, const struct migration *list,
                      struct err *err) MUST_USE;

enum store_mode { STORE_READ, STORE_WRITE };
enum rc store_begin(struct store *s, enum store_mode mode, struct store_tx **out, struct err *err) MUST_USE;
enum rc store_commit(struct store_tx *tx, struct err *err) MUST_USE; /* ends it, also on failure */
void store_rollback(struct store_tx *tx);                            /* ends it; NULL is fine */
/* Commits when `rc`, what the transaction's work came to, is RC_OK, else rolls back -> rc or what the commit gave. tx NULL,
 * none was begun: just rc. */
enum rc store_end(struct store_tx *tx, enum rc rc, struct err *err) MUST_USE;

/* Runs one statement to its end. *changed (may be NULL): rows inserted, updated or deleted. A broken
 * uniqueness or CHECK gives RC_CONFLICT. */
enum rc store_exec(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                   int64_t *changed, struct err *err) MUST_USE;
/* The same as a writing transaction of its own. */
enum rc store_write(struct store *s, const char *sql, const struct store_value *args, size_t n,
                    int64_t *changed, struct err *err) MUST_USE;
/* Rows of one statement; close before the transaction ends. Statements are prepared once for each
 * connection and kept, keyed by the pointer's text. */
enum rc store_query(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                    struct store_rows **out, struct err *err) MUST_USE;
/* RC_OK with *more true: a row is there; false: the end. */
enum rc store_next(struct store_rows *rows, bool *more, struct err *err) MUST_USE;
void store_rows_close(struct store_rows *rows); /* NULL is fine */

/* Columns count from 0; text and blobs are borrowed until the next store_next() or close. */
bool store_is_null(const struct store_rows *rows, int column);
int64_t store_i64(const struct store_rows *rows, int column);
double store_f64(const struct store_rows *rows, int column);
struct str store_text(const struct store_rows *rows, int column);
struct str store_blob(const struct store_rows *rows, int column);

/* For statements that give one integer: *found (may be NULL: then no row is RC_NOT_FOUND). */
enum rc store_get_i64(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                      int64_t *out, bool *found, struct err *err) MUST_USE;

/* A number that grows with every commit by anyone, also by another process: cheap to poll. */
enum rc store_version(struct store *s, int64_t *out, struct err *err) MUST_USE;
/* Leaves no trace, in the files that belong to the store, of what committed transactions have deleted or
 * replaced: with `overwrite`, SQLite's log is moved into the file and cut to nothing. Waits for readers that
 * still see the old state, RC_BUSY after busy_ms. What a disk keeps in blocks that it gave free is
 * beyond it. */
enum rc store_forget(struct store *s, struct err *err) MUST_USE;
/* Copies a consistent state to `path` while writers go on. */
enum rc store_backup(struct store *s, const char *path, struct err *err) MUST_USE;
#endif
