/*
 * The vault's own copies, against the loss of its database. They alone could bring a destroyed key back, so
 * they live vault_copies_days and no longer, in a folder of their own (vault_copies_dir) that belongs into no
 * other backup:
 *
 *   vault-20261122T180509Z.db   the database as it was then; keys in it are wrapped, as always
 *   destroyed-20261122          the rows of keys that were destroyed that day, 32 characters a line: what a
 *                               restored copy must not bring back. Written before the key goes. Outlives the
 *                               copies of its day.
 *
 * A file for each day is only ever appended to, and removed as a whole: no lock is needed between processes.
 */
#include "vault/vault_internal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = VAULT_PATH_BYTES + 300, LINE = VAULT_PSEUDONYM_CHARS + 1 };
enum { LIST_BYTES = 64 << 20 };

/* "20261122T180509Z" and "20261122"; -1 for anything else. */
static int64_t parse_stamp(struct str s)
{
    char iso[32];
    int64_t ms;
    if (s.n == 8)
        snprintf(iso, sizeof iso, "%.4s-%.2s-%.2s", s.p, s.p + 4, s.p + 6);
    else if (s.n == 16 && s.p[8] == 'T' && s.p[15] == 'Z')
        snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s.p, s.p + 4, s.p + 6, s.p + 9, s.p + 11,
                 s.p + 13);
    else
        return -1;
    return clock_parse(str_of(iso), &ms) ? ms : -1;
}

static void stamp(int64_t ms, bool day, char out[static 17])
{
    char iso[25];
    clock_rfc3339(ms, iso); /* 2026-11-22T18:05:09.123Z */
    if (day)
        snprintf(out, 17, "%.4s%.2s%.2s", iso, iso + 5, iso + 8);
    else
        snprintf(out, 17, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", iso, iso + 5, iso + 8, iso + 11, iso + 14, iso + 17);
}

/* When a file of the folder was made; -1 for files that are not ours. */
static int64_t copy_time(const char *name)
{
    struct str s = str_of(name);
    if (!str_starts(s, STR("vault-")) || !str_ends(s, STR(".db"))) return -1;
    return parse_stamp(str_sub(s, 6, s.n - 9));
}

static int64_t list_time(const char *name)
{
    struct str s = str_of(name);
    return str_starts(s, STR("destroyed-")) ? parse_stamp(str_sub(s, 10, s.n)) : -1;
}

/* Calls `each` for each file of ours, with when it was complete; a missing folder has none. */
typedef enum rc (*each_fn)(const char *path, bool is_copy, int64_t ms, void *ctx, struct err *err);
static enum rc each_file(const char *dir, each_fn each, void *ctx, struct err *err)
{
    enum rc rc = RC_OK;
    DIR *d = opendir(dir);
    if (!d) return errno == ENOENT ? RC_OK : err_errno(err, "cannot read %s", dir);
    for (struct dirent *e; !rc && (e = readdir(d));) {
        char path[PATH_BYTES];
        int64_t copy = copy_time(e->d_name), list = list_time(e->d_name);
        if (copy < 0 && list < 0) continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        rc = each(path, copy >= 0, copy >= 0 ? copy : list + CLOCK_DAY_MS, ctx,
                  err); /* a list: when its day ends */
    }
    closedir(d);
    return rc;
}

/* ----------------------------------------------------------------------------------------- making */

enum rc vault_backup(struct vault *v, char path[static VAULT_COPY_PATH_BYTES], struct err *err)
{
    char at[17];
    stamp(clock_now_ms(), false, at);
    int n = snprintf(path, VAULT_COPY_PATH_BYTES, "%s/vault-%s.db", v->copies_dir, at);
    if (n < 0 || n >= VAULT_COPY_PATH_BYTES) return err_set(err, RC_INVALID, "vault_copies_dir: path too long");
    enum rc rc = fs_mkdirs(v->copies_dir, 0700, err);
    return rc ? rc : store_backup(v->store, path, err);
}

enum rc vault_note_destroyed(struct vault *v, const char *name, struct err *err)
{
    char path[PATH_BYTES], at[17], line[LINE + 1];
    stamp(clock_now_ms(), true, at);
    enum rc rc = fs_mkdirs(v->copies_dir, 0700, err);
    if (rc) return rc;
    snprintf(path, sizeof path, "%s/destroyed-%s", v->copies_dir, at);
    snprintf(line, sizeof line, "%s\n", name);
    bool made = !fs_exists(path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return err_errno(err, "cannot write %s", path);
    if (write(fd, line, LINE) != LINE || fsync(fd)) rc = err_errno(err, "cannot write %s", path);
    close(fd);
    return !rc && made ? fs_sync_dir(v->copies_dir, err) : rc;
}

/* ----------------------------------------------------------------------------------------- expiry */

struct expiry {
    int64_t before_ms, removed, left, oldest_ms, newest_ms;
    bool look_only;
};

static enum rc expire_one(const char *path, bool is_copy, int64_t ms, void *ctx, struct err *err)
{
    struct expiry *e = ctx;
    bool old = ms < e->before_ms;
    if (old) e->removed += is_copy;
    if (old && !e->look_only)
        return unlink(path) && errno != ENOENT ? err_errno(err, "cannot remove %s", path) : RC_OK;
    if (!is_copy || (old && !e->look_only)) return RC_OK;
    e->left++;
    if (!e->oldest_ms || ms < e->oldest_ms) e->oldest_ms = ms;
    if (ms > e->newest_ms) e->newest_ms = ms;
    return RC_OK;
}

enum rc vault_expire_copies(struct vault *v, int64_t now_ms, bool dry_run, int64_t *removed, struct err *err)
{
    struct expiry e = {.before_ms = now_ms - v->copies_days * CLOCK_DAY_MS, .look_only = dry_run};
    enum rc rc = each_file(v->copies_dir, expire_one, &e, err);
    *removed = e.removed;
    if (!rc && e.removed && !dry_run) rc = fs_sync_dir(v->copies_dir, err);
    return rc;
}

enum rc vault_look_at_copies(struct vault *v, int64_t *n, int64_t *oldest_ms, int64_t *newest_ms,
                             struct err *err)
{
    struct expiry e = {.look_only = true};
    enum rc rc = each_file(v->copies_dir, expire_one, &e, err);
    *n = e.left;
    *oldest_ms = e.oldest_ms;
    *newest_ms = e.newest_ms;
    return rc;
}

enum rc vault_keep_copies(struct vault *v, int64_t now_ms, bool dry_run, bool *made, int64_t *removed,
                          struct err *err)
{
    char path[VAULT_COPY_PATH_BYTES];
    int64_t n, oldest, newest;
    enum rc rc = vault_look_at_copies(v, &n, &oldest, &newest, err);
    *made = v->copies_every_ms > 0 && (!n || newest <= now_ms - v->copies_every_ms);
    *removed = 0;
    if (!rc && *made && !dry_run) rc = vault_backup(v, path, err);
    return rc ? rc : vault_expire_copies(v, now_ms, dry_run, removed, err);
}

/* -------------------------------------------------------------------------------------- restoring */

struct restoring {
    struct store_tx *tx;
    int64_t gone;
};

/* Takes out of the copy what one list names. */
static enum rc strike_out(const char *path, bool is_copy, int64_t ms, void *ctx, struct err *err)
{
    struct restoring *r = ctx;
    char *text = NULL;
    size_t n = 0;
    (void)ms;
    if (is_copy) return RC_OK;
    enum rc rc = fs_read(path, LIST_BYTES, &text, &n, err);
    if (rc) return rc;
    struct str rest = {text, n};
    while (!rc && rest.n) {
        int64_t changed = 0;
        struct str name = str_split(&rest, '\n');
        if (name.n != VAULT_PSEUDONYM_CHARS) continue; /* a line that was cut off: its key was not destroyed */
        rc = store_exec(r->tx, "DELETE FROM person_key WHERE person = ?1", STORE_ARGS(STORE_S(name)), &changed,
                        err);
        r->gone += changed;
    }
    free(text);
    return rc;
}

static enum rc strike_out_all(const char *copies_dir, const char *copy, int64_t *gone, struct err *err)
{
    char url[PATH_BYTES + 16];
    struct store *store = NULL;
    struct restoring r = {0};
    const struct store_options options = {.name = "vault", .overwrite = true};
    snprintf(url, sizeof url, "sqlite:%s", copy);
    enum rc rc = store_open(url, &options, &store, err);
    if (!rc) rc = store_migrate(store, "vault", vault_migrations, err);
    if (!rc) rc = store_begin(store, STORE_WRITE, &r.tx, err);
    if (!rc) {
        rc = each_file(copies_dir, strike_out, &r, err);
        rc = store_end(r.tx, rc, err);
    }
    if (!rc) rc = store_forget(store, err);
    store_close(store);
    *gone = r.gone;
    return rc;
}

static enum rc copy_file(const char *from, const char *to, struct err *err)
{
    char chunk[65536];
    enum rc rc = RC_OK;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    if (in < 0) return err_errno(err, "cannot open the copy %s", from);
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) rc = err_errno(err, "cannot write %s", to);
    while (!rc) {
        ssize_t got = read(in, chunk, sizeof chunk);
        if (got < 0) rc = err_errno(err, "cannot read %s", from);
        if (got <= 0) break;
        for (ssize_t at = 0; !rc && at < got;) {
            ssize_t put = write(out, chunk + at, (size_t)(got - at));
            if (put < 0 && errno != EINTR) rc = err_errno(err, "cannot write %s", to);
            if (put > 0) at += put;
        }
    }
    if (!rc && fsync(out)) rc = err_errno(err, "cannot write %s", to);
    close(in);
    if (out >= 0) close(out);
    return rc;
}

enum rc vault_restore(const char *data_dir, const struct config *config, const char *copy, int64_t *gone,
                      struct err *err)
{
    char dir[VAULT_PATH_BYTES], copies[VAULT_PATH_BYTES], database[PATH_BYTES], tmp[PATH_BYTES];
    const char *slash = strrchr(copy, '/');
    int64_t made = copy_time(slash ? slash + 1 : copy), days = config_int(config, "vault_copies_days");
    *gone = 0;
    if (made < 0)
        return err_set(err, RC_INVALID, "%s has not the name of a copy of the vault: vault-DATE.db", copy);
    if (made < clock_now_ms() - days * CLOCK_DAY_MS)
        return err_set(err, RC_FORBIDDEN,
                       "this copy is older than %lld days: it could bring destroyed keys back",
                       (long long)days);
    enum rc rc = vault_folders(data_dir, config, dir, copies, err);
    if (rc) return rc;
    snprintf(database, sizeof database, "%s/vault.db", dir);
    snprintf(tmp, sizeof tmp, "%s/restoring.db", dir);
    if (fs_exists(database))
        return err_set(err, RC_CONFLICT,
                       "%s is there: stop the server and move it away, with its -wal and -shm, first",
                       database);
    rc = fs_mkdirs(dir, 0700, err);
    if (!rc) rc = copy_file(copy, tmp, err);
    if (!rc) rc = strike_out_all(copies, tmp, gone, err);
    if (!rc && link(tmp, database))
        rc = err_errno(err, "cannot put %s in place", database); /* never over another */
    unlink(tmp);
    return rc ? rc : fs_sync_dir(dir, err);
}
