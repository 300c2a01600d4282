/*
 * Blobs in a folder:
 *
 *   ROOT/ab/cd/NAME    ab and cd are the first two bytes of the key's SHA-256 in hex (65,536 folders at
 *                      most, so that none grows long); NAME is the key with ',' for '/'
 *   ROOT/ab/cd/NAME~   the same for a lazy put: the bytes and 8 bytes of their SHA-256 behind them
 *   ROOT/tmp/          files being written, named after the process that writes
 *
 * A file is written in tmp/ and renamed into place. A put is synced (file, then folders) before it
 * returns. A lazy one is not, and after a power failure a file system may show its name with bytes
 * missing; the checksum turns that into "not there", which is what lazy promises. Lazy and firm bytes
 * have different names so that firm ones stay plain files that any tool can read. A firm put removes
 * the lazy file; a lazy put where a firm file is becomes a firm one (were each to remove the other's file,
 * two at once could leave none). Where both are found, the firm one counts.
 *
 * Threading: no state but the path and a counter for names in tmp/.
 */
#include "blob/blob_ops.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "crypt/crypt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    ROOT_BYTES = 2048,
    PATH_BYTES = ROOT_BYTES + BLOB_MAX_KEY_BYTES + 64,
    CHECK_BYTES = 8,
    STALE_MS = 3600 * 1000
};

struct folder {
    struct blob base;
    char root[ROOT_BYTES];
    _Atomic uint64_t next_tmp;
    uint64_t nonce; /* sets this process's names in tmp/ apart */
    char owner[PROC_OWNER_BYTES];
};

struct place {
    char outer[PATH_BYTES], dir[PATH_BYTES]; /* ROOT/ab, ROOT/ab/cd */
    char firm[PATH_BYTES], lazy[PATH_BYTES];
};

static struct folder *folder_of(struct blob *b) { return (struct folder *)b; }

static void find_place(const struct folder *f, const char *key, struct place *out)
{
    uint8_t digest[CRYPT_SHA256_BYTES];
    char hex[5], name[BLOB_MAX_KEY_BYTES + 1];
    crypt_sha256(str_of(key), digest);
    crypt_hex(digest, 2, hex);
    snprintf(name, sizeof name, "%s", key);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = ',';
    snprintf(out->outer, sizeof out->outer, "%s/%.2s", f->root, hex);
    snprintf(out->dir, sizeof out->dir, "%s/%.2s/%.2s", f->root, hex, hex + 2);
    snprintf(out->firm, sizeof out->firm, "%s/%.2s/%.2s/%s", f->root, hex, hex + 2, name);
    snprintf(out->lazy, sizeof out->lazy, "%s/%.2s/%.2s/%s~", f->root, hex, hex + 2, name);
}

/* Names in tmp/ are "OWNER NONCE-NUMBER": those of a process that has ended can go at once. */
static bool of_the_dead(const char *name)
{
    struct str rest = str_of(name), owner = str_split(&rest, ' ');
    return rest.n && proc_owner_gone(owner);
}

/* What a crash left behind. Other young files may belong to another process that is writing now. */
static void remove_stale(const struct folder *f)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 256];
    snprintf(dir, sizeof dir, "%s/tmp", f->root);
    DIR *d = opendir(dir);
    if (!d) return;
    int removed = 0;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (lstat(path, &st) || !S_ISREG(st.st_mode)) continue;
        if (!of_the_dead(e->d_name) && (int64_t)st.st_mtime * 1000 > clock_now_ms() - STALE_MS) continue;
        removed += unlink(path) == 0;
    }
    closedir(d);
    if (removed) log_info("blob", "removed %d unfinished files of an earlier run", removed);
}

static enum rc folder_open(const char *rest, struct blob **out, struct err *err)
{
    char tmp[PATH_BYTES];
    if (strncmp(rest, "///", 3) == 0) rest += 2; /* file:///path is the same as file:/path */
    size_t n = strlen(rest);
    if (!n || n >= ROOT_BYTES) return err_set(err, RC_INVALID, "file: needs the path of a folder");
    struct folder *f = calloc(1, sizeof *f);
    if (!f) return err_set(err, RC_NOMEM, "out of memory");
    f->base.ops = &blob_folder_ops;
    snprintf(f->root, sizeof f->root, "%s", rest);
    crypt_random(&f->nonce, sizeof f->nonce);
    proc_owner(f->owner);
    snprintf(tmp, sizeof tmp, "%s/tmp", f->root);
    enum rc rc = fs_mkdirs(tmp, 0700, err);
    if (rc) {
        free(f);
        return rc;
    }
    remove_stale(f);
    *out = &f->base;
    return RC_OK;
}

static void folder_close(struct blob *b) { free(folder_of(b)); }

static enum rc write_parts(int fd, struct iovec *parts, int n)
{
    while (n) {
        ssize_t put = writev(fd, parts, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return RC_IO;
        while (n && (size_t)put >= parts->iov_len) {
            put -= (ssize_t)parts->iov_len;
            parts++;
            n--;
        }
        if (n) {
            parts->iov_base = (char *)parts->iov_base + put;
            parts->iov_len -= (size_t)put;
        }
    }
    return RC_OK;
}

/* Writes bytes (and the checksum of a lazy blob) to a new file in tmp/; on failure nothing stays. */
static enum rc write_tmp(struct folder *f, struct str bytes, bool lazy, char tmp[static PATH_BYTES],
                         struct err *err)
{
    uint8_t digest[CRYPT_SHA256_BYTES];
    struct iovec parts[2] = {{(void *)(uintptr_t)bytes.p, bytes.n}, {digest, CHECK_BYTES}};
    int fd;
    if (lazy) crypt_sha256(bytes, digest);
    do { /* a name can only be taken where a process forked after it had opened the folder */
        uint64_t number = atomic_fetch_add(&f->next_tmp, 1);
        snprintf(tmp, PATH_BYTES, "%s/tmp/%s %016llx-%llu", f->root, f->owner, (unsigned long long)f->nonce,
                 (unsigned long long)number);
        fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0) return err_errno(err, "cannot write in %s/tmp", f->root);
    bool failed = write_parts(fd, parts, lazy ? 2 : 1) || (!lazy && fsync(fd));
    enum rc rc = failed ? err_errno(err, "cannot write a blob in %s", f->root) : RC_OK;
    close(fd);
    if (rc) unlink(tmp);
    return rc;
}

/* Renames tmp into place, making the two folders at their first blob. */
static enum rc put_in_place(const char *tmp, const struct place *at, bool lazy, struct err *err)
{
    const char *path = lazy ? at->lazy : at->firm;
    if (rename(tmp, path) == 0) return RC_OK;
    if (errno != ENOENT) return err_errno(err, "cannot put %s in place", path);
    if (mkdir(at->outer, 0700) && errno != EEXIST) return err_errno(err, "cannot make %s", at->outer);
    if (mkdir(at->dir, 0700) && errno != EEXIST) return err_errno(err, "cannot make %s", at->dir);
    return rename(tmp, path) ? err_errno(err, "cannot put %s in place", path) : RC_OK;
}

/* The folders on the way, too: a lazy put, or one of another process, may have made them just now. */
static enum rc sync_way(const struct folder *f, const struct place *at, struct err *err)
{
    enum rc rc = fs_sync_dir(at->dir, err);
    if (!rc) rc = fs_sync_dir(at->outer, err);
    return rc ? rc : fs_sync_dir(f->root, err);
}

static enum rc folder_put(struct blob *b, const char *key, struct str bytes, bool lazy, struct err *err)
{
    struct folder *f = folder_of(b);
    struct place at;
    char tmp[PATH_BYTES];
    find_place(f, key, &at);
    if (lazy && fs_exists(at.firm)) lazy = false;
    enum rc rc = write_tmp(f, bytes, lazy, tmp, err);
    if (rc) return rc;
    rc = put_in_place(tmp, &at, lazy, err);
    if (rc) {
        unlink(tmp);
        return rc;
    }
    if (lazy) return RC_OK;
    if (unlink(at.lazy) && errno != ENOENT)
        return err_errno(err, "cannot remove the blob's earlier bytes in %s", at.dir);
    return sync_way(f, &at, err);
}

static enum rc get_lazy(const struct place *at, const char *key, size_t max_bytes, char **p, size_t *n,
                        struct err *err)
{
    uint8_t digest[CRYPT_SHA256_BYTES];
    size_t most = max_bytes > SIZE_MAX - CHECK_BYTES ? SIZE_MAX : max_bytes + CHECK_BYTES;
    enum rc rc = fs_read(at->lazy, most, p, n, err);
    if (rc == RC_NOT_FOUND) return err_set(err, RC_NOT_FOUND, "no blob %s", key);
    if (rc) return rc;
    if (*n >= CHECK_BYTES) {
        crypt_sha256((struct str){*p, *n - CHECK_BYTES}, digest);
        if (crypt_equal(digest, *p + *n - CHECK_BYTES, CHECK_BYTES)) {
            *n -= CHECK_BYTES;
            (*p)[*n] = 0;
            return RC_OK;
        }
    }
    /* Torn by a power failure. It is left where it is: another process may be replacing it right now. */
    free(*p);
    *p = NULL;
    *n = 0;
    return err_set(err, RC_NOT_FOUND, "no blob %s", key);
}

static enum rc folder_get(struct blob *b, const char *key, size_t max_bytes, char **p, size_t *n,
                          struct err *err)
{
    struct place at;
    find_place(folder_of(b), key, &at);
    enum rc rc = fs_read(at.firm, max_bytes, p, n, err);
    if (rc != RC_NOT_FOUND) return rc;
    rc = get_lazy(&at, key, max_bytes, p, n, err);
    if (rc != RC_NOT_FOUND) return rc;
    /* A put may have changed it from lazy to firm between the two looks. */
    rc = fs_read(at.firm, max_bytes, p, n, err);
    return rc == RC_NOT_FOUND ? err_set(err, rc, "no blob %s", key) : rc;
}

static enum rc folder_delete(struct blob *b, const char *key, struct err *err)
{
    struct place at;
    find_place(folder_of(b), key, &at);
    bool any = false;
    const char *const paths[] = {at.lazy, at.firm};
    for (int i = 0; i < 2; i++) {
        if (unlink(paths[i]) == 0)
            any = true;
        else if (errno != ENOENT)
            return err_errno(err, "cannot remove %s", paths[i]);
    }
    return any ? fs_sync_dir(at.dir, err) : RC_OK;
}

static bool folder_exists(struct blob *b, const char *key)
{
    struct place at;
    find_place(folder_of(b), key, &at);
    return fs_exists(at.firm) || fs_exists(at.lazy);
}

static enum rc folder_sync(struct blob *b, struct err *err)
{
    struct folder *f = folder_of(b);
    int fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum rc rc = fd < 0 || syncfs(fd) ? err_errno(err, "cannot wait for the disk of %s", f->root) : RC_OK;
    if (fd >= 0) close(fd);
    return rc;
}

const struct blob_ops blob_folder_ops = {
    .scheme = "file",
    .open = folder_open,
    .close = folder_close,
    .put = folder_put,
    .get = folder_get,
    .delete = folder_delete,
    .exists = folder_exists,
    .sync = folder_sync,
};
