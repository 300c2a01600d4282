#include "store/store_ops.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <stdio.h>
#include <string.h>

static const struct store_ops *const backends[] = {&store_sqlite_ops};

enum { DEFAULT_BUSY_MS = 5000, DEFAULT_READERS = 4, MAX_MIGRATIONS = 256, MAX_MIGRATION_BYTES = 1 << 20 };

struct store_value store_value_text(struct str s)
{
    if (!s.p) return STORE_NIL;
    return (struct store_value){.type = STORE_TEXT, .s = s};
}

/* ------------------------------------------------------------------------------------ open, close */

enum rc store_open(const char *url, const struct store_options *options, struct store **out, struct err *err)
{
    struct store_options o = *options;
    *out = NULL;
    ASSERT(o.name && *o.name && strlen(o.name) < STORE_NAME_BYTES);
    if (o.busy_ms <= 0) o.busy_ms = DEFAULT_BUSY_MS;
    if (o.readers <= 0) o.readers = DEFAULT_READERS;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        size_t n = strlen(backends[i]->scheme);
        if (strncmp(url, backends[i]->scheme, n) != 0 || url[n] != ':') continue;
        enum rc rc = backends[i]->open(url + n + 1, &o, out, err);
        if (rc) return rc;
        (*out)->ops = backends[i];
        (*out)->read_only = o.read_only;
        snprintf((*out)->name, STORE_NAME_BYTES, "%s", o.name);
        return RC_OK;
    }
    /* A URL may carry a password: only its scheme is shown. */
    size_t scheme = str_chr(str_of(url), ':');
    return err_set(err, RC_INVALID, "this program has no database \"%.*s\"; it knows sqlite:/path/to/file.db",
                   scheme < 32 ? (int)scheme : 0, url);
}

void store_close(struct store *s)
{
    if (s) s->ops->close(s);
}

/* ----------------------------------------------------------------------------------- transactions */

static void check_owner(const struct store_tx *tx) { ASSERT(pthread_equal(tx->owner, pthread_self())); }

enum rc store_begin(struct store *s, enum store_mode mode, struct store_tx **out, struct err *err)
{
    *out = NULL;
    if (mode == STORE_WRITE && s->read_only)
        return err_set(err, RC_FORBIDDEN, "store %s was opened for reading only", s->name);
    enum rc rc = s->ops->begin(s, mode, out, err);
    if (rc) return rc;
    struct store_tx *tx = *out;
    tx->store = s;
    tx->mode = mode;
    tx->owner = pthread_self();
    tx->open_rows = 0;
    tx->fts = NULL;
    tx->failed = RC_OK;
    return RC_OK;
}

enum rc store_commit(struct store_tx *tx, struct err *err)
{
    check_owner(tx);
    ASSERT(tx->open_rows == 0);
    enum rc failed = tx->failed;
    if (failed)
        (void)err_set(err, failed, "nothing was kept: a statement of this transaction had failed");
    else
        failed = fts_pending_flush(tx, err);
    fts_pending_drop(tx);
    if (!failed) return tx->store->ops->commit(tx, err);
    tx->store->ops->rollback(tx);
    return failed;
}

void store_rollback(struct store_tx *tx)
{
    if (!tx) return;
    check_owner(tx);
    ASSERT(tx->open_rows == 0);
    fts_pending_drop(tx);
    tx->store->ops->rollback(tx);
}

enum rc store_end(struct store_tx *tx, enum rc rc, struct err *err)
{
    if (tx && !rc) return store_commit(tx, err);
    store_rollback(tx);
    return rc;
}

/* ------------------------------------------------------------------------------------- statements */

/* What PostgreSQL would refuse in TEXT is refused here, so that no data get in that cannot move over. */
static enum rc check_args(const struct store_value *args, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (args[i].type != STORE_TEXT) continue;
        struct str s = args[i].s;
        if (s.n && (memchr(s.p, 0, s.n) || !str_utf8_valid(s)))
            return err_set(err, RC_INVALID, "text for the database is not valid UTF-8, or holds a NUL");
    }
    return RC_OK;
}

static enum rc before_statement(struct store_tx *tx, const struct store_value *args, size_t n, struct err *err)
{
    check_owner(tx);
    if (tx->failed)
        return err_set(err, tx->failed, "an earlier statement of this transaction failed: roll it back");
    enum rc rc = check_args(args, n, err);
    if (rc) tx->failed = rc;
    return rc;
}

enum rc store_exec(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                   int64_t *changed, struct err *err)
{
    int64_t ignored;
    enum rc rc = before_statement(tx, args, n, err);
    if (rc) return rc;
    rc = tx->store->ops->exec(tx, sql, args, n, changed ? changed : &ignored, err);
    if (rc) tx->failed = rc;
    return rc;
}

enum rc store_write(struct store *s, const char *sql, const struct store_value *args, size_t n,
                    int64_t *changed, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(s, STORE_WRITE, &tx, err);
    return rc ? rc : store_end(tx, store_exec(tx, sql, args, n, changed, err), err);
}

enum rc store_query(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                    struct store_rows **out, struct err *err)
{
    *out = NULL;
    enum rc rc = before_statement(tx, args, n, err);
    if (rc) return rc;
    rc = tx->store->ops->query(tx, sql, args, n, out, err);
    if (rc) {
        tx->failed = rc;
        *out = NULL;
        return rc;
    }
    (*out)->tx = tx;
    (*out)->on_row = false;
    tx->open_rows++;
    return RC_OK;
}

enum rc store_next(struct store_rows *rows, bool *more, struct err *err)
{
    check_owner(rows->tx);
    *more = false;
    rows->on_row = false;
    enum rc rc = rows->tx->store->ops->next(rows, more, err);
    if (rc) rows->tx->failed = rc;
    rows->on_row = !rc && *more;
    return rc;
}

void store_rows_close(struct store_rows *rows)
{
    if (!rows) return;
    struct store_tx *tx = rows->tx;
    check_owner(tx);
    ASSERT(tx->open_rows > 0);
    tx->open_rows--;
    tx->store->ops->rows_close(rows);
}

static const struct store_ops *ops_of(const struct store_rows *rows)
{
    ASSERT(rows->on_row);
    return rows->tx->store->ops;
}

bool store_is_null(const struct store_rows *rows, int column)
{
    return ops_of(rows)->column_null(rows, column);
}

int64_t store_i64(const struct store_rows *rows, int column) { return ops_of(rows)->column_i64(rows, column); }

double store_f64(const struct store_rows *rows, int column) { return ops_of(rows)->column_f64(rows, column); }

struct str store_text(const struct store_rows *rows, int column)
{
    return ops_of(rows)->column_text(rows, column);
}

struct str store_blob(const struct store_rows *rows, int column)
{
    return ops_of(rows)->column_blob(rows, column);
}

enum rc store_get_i64(struct store_tx *tx, const char *sql, const struct store_value *args, size_t n,
                      int64_t *out, bool *found, struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_query(tx, sql, args, n, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) *out = store_i64(rows, 0);
    if (!rc && !more && !found) rc = err_set(err, RC_NOT_FOUND, "the database has no such row");
    if (!rc && found) *found = more;
    store_rows_close(rows);
    return rc;
}

/* ------------------------------------------------------------------------------------- migrations */

struct migrator {
    struct store *store;
    const char *module;
    const struct migration *list;
    int versions[MAX_MIGRATIONS], applied; /* those of the list that are in the table */
    int newest_applied;                    /* the highest version in the table */
};

static bool belongs(const struct migrator *m, const struct migration *one)
{
    return strcmp(one->store, m->store->name) == 0;
}

static void sha_of(const struct migration *one, char hex[static CRYPT_HEX_BYTES])
{
    uint8_t digest[CRYPT_SHA256_BYTES];
    crypt_sha256(str_of(one->sql), digest);
    crypt_hex(digest, sizeof digest, hex);
}

static enum rc check_applied(struct migrator *m, int version, struct str sha, struct err *err)
{
    for (const struct migration *one = m->list; one->version; one++) {
        if (one->version != version || !belongs(m, one)) continue;
        char hex[CRYPT_HEX_BYTES];
        sha_of(one, hex);
        if (!str_eqz(sha, hex))
            return err_set(err, RC_CONFLICT,
                           "store %s: migration %s %d is not the one that was applied; "
                           "it must never be edited once released",
                           m->store->name, m->module, version);
        ASSERT(m->applied < MAX_MIGRATIONS);
        m->versions[m->applied++] = version;
        return RC_OK;
    }
    return err_set(err, RC_CONFLICT,
                   "store %s was made by a newer Penderie (%s %d): use that version, or "
                   "a backup from before the upgrade",
                   m->store->name, m->module, version);
}

static bool was_applied(const struct migrator *m, int version)
{
    for (int i = 0; i < m->applied; i++)
        if (m->versions[i] == version) return true;
    return false;
}

/* Compares the table with the list. */
static enum rc read_applied(struct migrator *m, struct store_tx *tx, struct err *err)
{
    bool more = false;
    struct store_rows *rows = NULL;
    m->applied = m->newest_applied = 0;
    enum rc rc = tx->store->ops->has_table(tx, "migration", &more, err);
    if (rc || !more) return rc;
    rc = store_query(tx, "SELECT version, sha FROM migration WHERE module = ?1 ORDER BY version",
                     STORE_ARGS(STORE_Z(m->module)), &rows, err);
    while (!rc) {
        rc = store_next(rows, &more, err);
        if (rc || !more) break;
        m->newest_applied = (int)store_i64(rows, 0);
        rc = check_applied(m, m->newest_applied, store_text(rows, 1), err);
    }
    store_rows_close(rows);
    return rc;
}

/* The marker of a table without row order becomes what this database says for it. */
static void dialect(const struct store_ops *ops, const char *sql, struct buf *out)
{
    struct str rest = str_of(sql);
    for (size_t at; (at = str_find(rest, STR(STORE_NO_ROW_ORDER))) != SIZE_MAX;) {
        buf_add(out, str_sub(rest, 0, at));
        buf_addz(out, ops->clustered);
        rest = str_sub(rest, at + sizeof STORE_NO_ROW_ORDER - 1, rest.n);
    }
    buf_add(out, rest);
}

static enum rc apply(struct migrator *m, struct store_tx *tx, const struct migration *one, struct err *err)
{
    char hex[CRYPT_HEX_BYTES];
    struct buf sql = BUF_INIT(MAX_MIGRATION_BYTES);
    sha_of(one, hex);
    dialect(tx->store->ops, one->sql, &sql);
    enum rc rc = buf_check(&sql, "a migration", err);
    if (!rc) rc = tx->store->ops->script(tx, sql.p, err);
    buf_release(&sql);
    if (rc) {
        tx->failed = rc;
        return err_prefix(err, "store %s: migration %s %d: ", m->store->name, m->module, one->version);
    }
    const struct store_value args[] = {STORE_Z(m->module), STORE_I(one->version), STORE_Z(hex),
                                       STORE_I(clock_now_ms())};
    return store_exec(tx, "INSERT INTO migration (module, version, sha, at_ms) VALUES (?1, ?2, ?3, ?4)", args,
                      4, NULL, err);
}

static enum rc apply_missing(struct migrator *m, struct store_tx *tx, struct err *err)
{
    enum rc rc = tx->store->ops->lock_migrations(tx, err);
    if (!rc)
        rc = store_exec(tx,
                        "CREATE TABLE IF NOT EXISTS migration (module TEXT NOT NULL, version INTEGER "
                        "NOT NULL, sha TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (module, version))",
                        NULL, 0, NULL, err);
    if (!rc) rc = read_applied(m, tx, err); /* again: another process may have been quicker */
    int before = m->newest_applied;
    for (const struct migration *one = m->list; !rc && one->version; one++)
        if (belongs(m, one) && one->version <= before && !was_applied(m, one->version))
            rc = err_set(err, RC_CONFLICT,
                         "store %s: migration %s %d came after %d had been applied; give "
                         "it a higher number",
                         m->store->name, m->module, one->version, before);
    for (const struct migration *one = m->list; !rc && one->version; one++)
        if (belongs(m, one) && one->version > before) rc = apply(m, tx, one, err);
    return rc;
}

/* How many entries belong to this store; also checks the table's form, which is ours. */
static int count_known(const struct migrator *m)
{
    int n = 0, last = 0;
    for (const struct migration *one = m->list; one->version; one++) {
        ASSERT(one->version > last && one->sql && one->store);
        last = one->version;
        n += belongs(m, one);
    }
    return n;
}

enum rc store_migrate(struct store *s, const char *module, const struct migration *list, struct err *err)
{
    struct migrator m = {.store = s, .module = module, .list = list};
    struct store_tx *tx = NULL;
    int known = count_known(&m);
    /* Nothing is to be done nearly always: then no write lock is taken. */
    enum rc rc = store_begin(s, STORE_READ, &tx, err);
    if (!rc) rc = read_applied(&m, tx, err);
    store_rollback(tx);
    if (rc || m.applied == known) return rc;
    if (s->read_only)
        return err_set(err, RC_CONFLICT, "store %s needs an upgrade: start a command that may write to it",
                       s->name);
    rc = store_begin(s, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = apply_missing(&m, tx, err);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    rc = store_commit(tx, err);
    if (!rc && m.applied < known)
        log_info("store", "%s: %s brought up to date, %d migrations", s->name, module, known - m.applied);
    return rc;
}

enum rc store_forget(struct store *s, struct err *err) { return s->ops->forget(s, err); }

enum rc store_version(struct store *s, int64_t *out, struct err *err) { return s->ops->version(s, out, err); }

enum rc store_backup(struct store *s, const char *path, struct err *err)
{
    return s->ops->backup(s, path, err);
}
