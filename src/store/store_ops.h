/*
 * What a database implements. store.c checks the arguments and the state of transactions, keeps the
 * migrations, and calls the backend that the URL's scheme names. A backend is a file or two with one
 * struct store_ops; its own structs start with struct store, struct store_tx and struct store_rows.
 *
 * What store.c has settled before it calls: the thread owns the transaction, no rows are open at its end,
 * no statement of it has failed so far (but for rollback), TEXT arguments are valid UTF-8 without NUL,
 * and STORE_WRITE is never asked of a read-only store.
 */
#ifndef STORE_STORE_OPS_H
#define STORE_STORE_OPS_H

#include "store/fts.h"
#include "store/store.h"

#include <pthread.h>

enum { STORE_NAME_BYTES = 32 };
#define STORE_NO_ROW_ORDER "/* no row order */"

struct store {
    const struct store_ops *ops;
    char name[STORE_NAME_BYTES];
    bool read_only;
};

struct store_tx {
    struct store *store;
    enum store_mode mode;
    pthread_t owner;
    int open_rows;
    struct fts_pending *fts; /* changes to a full-text index that are not yet written; NULL: none */
    enum rc failed;          /* of the first statement that failed: the transaction can only be rolled back */
};

struct store_rows {
    struct store_tx *tx;
    bool on_row; /* columns may be read */
};

struct store_ops {
    const char *scheme; /* what stands before the ':' of a URL */
    /* `rest` stands behind it; options are complete. Fills the backend's part; store.c the rest. */
    enum rc (*open)(const char *rest, const struct store_options *options, struct store **out, struct err *err);
    void (*close)(struct store *s);
    enum rc (*begin)(struct store *s, enum store_mode mode, struct store_tx **out, struct err *err);
    enum rc (*commit)(struct store_tx *tx, struct err *err); /* rolls back when it fails */
    void (*rollback)(struct store_tx *tx);

    enum rc (*exec)(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                    int64_t *changed, struct err *err);
    enum rc (*script)(struct store_tx *tx, const char *sql, struct err *err); /* many statements */
    /* The statement has run when this returns RC_OK: an INSERT ... RETURNING has inserted. */
    enum rc (*query)(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                     struct store_rows **out, struct err *err);
    enum rc (*next)(struct store_rows *rows, bool *more, struct err *err);
    void (*rows_close)(struct store_rows *rows);
    bool (*column_null)(const struct store_rows *rows, int column);
    int64_t (*column_i64)(const struct store_rows *rows, int column);
    double (*column_f64)(const struct store_rows *rows, int column);
    struct str (*column_text)(const struct store_rows *rows, int column);
    struct str (*column_blob)(const struct store_rows *rows, int column);

    /* Keeps other processes from migrating until the transaction ends. */
    enum rc (*lock_migrations)(struct store_tx *tx, struct err *err);
    enum rc (*has_table)(struct store_tx *tx, const char *table, bool *found, struct err *err);
    enum rc (*forget)(struct store *s, struct err *err);
    enum rc (*version)(struct store *s, int64_t *out, struct err *err);
    enum rc (*backup)(struct store *s, const char *path, struct err *err);

    /* Put behind a CREATE TABLE whose rows are to be kept in the order of their key: " WITHOUT ROWID". store.c
     * puts it in the place of STORE_NO_ROW_ORDER in migrations. */
    const char *clustered;
};

extern const struct store_ops store_sqlite_ops;

/* The full-text index is made of ordinary tables, so that it is the same in every database. Its changes are
 * gathered in the transaction: store.c writes them before a commit, and drops them at every other end. */
enum rc fts_pending_flush(struct store_tx *tx, struct err *err) MUST_USE;
void fts_pending_drop(struct store_tx *tx);
size_t fts_field_count(const struct fts_schema *schema);
void fts_check_schema(const struct store_tx *tx, const struct fts_schema *schema); /* asserts */

#endif
