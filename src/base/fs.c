#include "base/fs.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 4096 };

enum rc fs_read(const char *path, size_t max_bytes, char **p, size_t *n, struct err *err)
{
    enum rc rc = RC_OK;
    struct buf b = BUF_INIT(max_bytes < SIZE_MAX ? max_bytes + 1 : max_bytes);
    *p = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(err, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        rc = err_set(err, RC_INVALID, "%s is a folder, not a file", path);
        goto out;
    }
    for (;;) {
        if (!buf_reserve(&b, 1)) break;
        if (b.cap - b.n < 65536) (void)buf_reserve(&b, b.max - b.n < 65536 ? b.max - b.n : 65536);
        size_t room = b.cap - b.n - 1;
        if (room > b.max - b.n) room = b.max - b.n;
        ssize_t got = read(fd, b.p + b.n, room);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            rc = err_errno(err, "cannot read %s", path);
            goto out;
        }
        if (got == 0) break;
        b.n += (size_t)got;
        b.p[b.n] = 0;
    }
    if (b.failed == RC_NOMEM)
        rc = err_set(err, RC_NOMEM, "out of memory reading %s", path);
    else if (b.failed || b.n > max_bytes)
        rc = err_set(err, RC_TOO_LARGE, "%s is larger than %zu bytes", path, max_bytes);
    if (!rc) {
        *p = buf_take(&b, n);
        if (!*p) rc = err_set(err, RC_NOMEM, "out of memory reading %s", path);
    }
out:
    buf_release(&b);
    close(fd);
    return rc;
}

enum rc fs_sync_dir(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_errno(err, "cannot open folder %s", dir);
    int failed = fsync(fd);
    close(fd);
    return failed ? err_errno(err, "cannot sync folder %s", dir) : RC_OK;
}

static enum rc sync_parent(const char *path, struct err *err)
{
    char dir[PATH_MAX_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash) return fs_sync_dir(".", err);
    if (slash == path) return fs_sync_dir("/", err);
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    return fs_sync_dir(dir, err);
}

static enum rc write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return RC_IO;
        p += put;
        n -= (size_t)put;
    }
    return RC_OK;
}

/* A complete and synced file of another name beside `path`: `tmp`. */
static enum rc write_beside(const char *path, const void *p, size_t n, unsigned mode,
                            char tmp[static PATH_MAX_BYTES], struct err *err)
{
    int len = snprintf(tmp, PATH_MAX_BYTES, "%s.XXXXXX", path);
    if (len < 0 || len >= PATH_MAX_BYTES) return err_set(err, RC_INVALID, "path too long: %s", path);
    int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) return err_errno(err, "cannot write beside %s", path);
    if (write_all(fd, p, n) || fchmod(fd, (mode_t)mode) || fsync(fd)) {
        enum rc rc = err_errno(err, "cannot write %s", path);
        close(fd);
        unlink(tmp);
        return rc;
    }
    close(fd);
    return RC_OK;
}

enum rc fs_write_atomic(const char *path, const void *p, size_t n, unsigned mode, struct err *err)
{
    char tmp[PATH_MAX_BYTES];
    enum rc written = write_beside(path, p, n, mode, tmp, err);
    if (written) return written;
    if (rename(tmp, path)) {
        enum rc rc = err_errno(err, "cannot put %s in place", path);
        unlink(tmp);
        return rc;
    }
    return sync_parent(path, err);
}

/* link() puts the finished file in place only if the name is free; rename() would replace what another process made
 * and already uses. */
enum rc fs_write_new(const char *path, const void *p, size_t n, unsigned mode, bool *made, struct err *err)
{
    char tmp[PATH_MAX_BYTES];
    *made = false;
    enum rc rc = write_beside(path, p, n, mode, tmp, err);
    if (rc) return rc;
    *made = link(tmp, path) == 0;
    if (!*made && errno != EEXIST) rc = err_errno(err, "cannot put %s in place", path);
    unlink(tmp);
    return rc ? rc : sync_parent(path, err);
}

enum rc fs_mkdirs(const char *path, unsigned mode, struct err *err)
{
    char dir[PATH_MAX_BYTES];
    int len = snprintf(dir, sizeof dir, "%s", path);
    if (len <= 0 || (size_t)len >= sizeof dir) return err_set(err, RC_INVALID, "bad path: %s", path);
    for (char *slash = strchr(dir + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash) *slash = 0;
        if (mkdir(dir, (mode_t)mode) && errno != EEXIST) return err_errno(err, "cannot make folder %s", dir);
        if (!slash) break;
        *slash = '/';
    }
    return fs_is_dir(path) ? RC_OK : err_set(err, RC_IO, "%s is not a folder", path);
}

bool fs_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

enum rc fs_beside_program(const char *tail, char *out, size_t cap, struct err *err)
{
    char self[PATH_MAX_BYTES], joined[PATH_MAX_BYTES * 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return err_errno(err, "cannot tell where the program is");
    self[n] = 0;
    char *slash = strrchr(self, '/');
    if (slash) *slash = 0;
    snprintf(joined, sizeof joined, "%s/%s", self, tail);
    char *real = realpath(joined, NULL);
    int len = snprintf(out, cap, "%s", real ? real : joined);
    free(real);
    return len < 0 || (size_t)len >= cap ? err_set(err, RC_INVALID, "path too long") : RC_OK;
}

static int visible(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Depth first; `after` (may be NULL) is called for a folder once all in it was visited. */
static enum rc walk(const char *path, fs_each_fn each, fs_each_fn after, void *ctx, struct err *err)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, visible, by_name);
    if (n < 0) return err_errno(err, "cannot list folder %s", path);
    enum rc rc = RC_OK;
    for (int i = 0; i < n; i++) {
        char child[PATH_MAX_BYTES];
        struct stat st;
        int len = snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
        free(names[i]);
        if (rc) continue;
        if (len < 0 || (size_t)len >= sizeof child) continue;
        if (lstat(child, &st)) continue; /* gone meanwhile */
        if (S_ISDIR(st.st_mode))
            rc = walk(child, each, after, ctx, err);
        else if (S_ISREG(st.st_mode) || (S_ISLNK(st.st_mode) && !fs_is_dir(child)))
            rc = each(child, ctx, err);
    }
    free(names);
    return rc || !after ? rc : after(path, ctx, err);
}

enum rc fs_walk(const char *root, fs_each_fn each, void *ctx, struct err *err)
{
    if (!fs_exists(root)) return err_set(err, RC_NOT_FOUND, "%s does not exist", root);
    if (!fs_is_dir(root)) return each(root, ctx, err);
    return walk(root, each, NULL, ctx, err);
}

static enum rc remove_file(const char *path, void *ctx, struct err *err)
{
    (void)ctx;
    return unlink(path) && errno != ENOENT ? err_errno(err, "cannot remove %s", path) : RC_OK;
}

static enum rc remove_dir(const char *path, void *ctx, struct err *err)
{
    (void)ctx;
    return rmdir(path) && errno != ENOENT ? err_errno(err, "cannot remove %s", path) : RC_OK;
}

enum rc fs_remove_tree(const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st)) return RC_OK;
    if (!S_ISDIR(st.st_mode)) return remove_file(path, NULL, err);
    return walk(path, remove_file, remove_dir, NULL, err);
}
