/*
 * Where pictures come from: a folder, a zip file, the web. An address is "file:" and a path below the folder
 * or in the zip, or a web address. A path is opened so that neither ".." nor a link leads out of the folder.
 */
#include "catalog/import_internal.h"

#include "base/fs.h"
#include "catalog/fetch.h"
#include "catalog/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BATCH_MAX = 64 };

enum rc picture_source_open(struct picture_source *s, const char *images, struct err *err)
{
    s->root_fd = -1;
    if (!images) return RC_OK;
    if (!fs_is_dir(images)) return catalog_zip_open(images, &s->zip, err);
    s->root = images;
    s->root_fd = open(images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->root_fd < 0 ? err_errno(err, "cannot open the folder %s", images) : RC_OK;
}

void picture_source_close(struct picture_source *s)
{
    if (s->root_fd >= 0) close(s->root_fd);
    s->root_fd = -1;
    catalog_zip_close(s->zip);
    s->zip = NULL;
}

/* Kernels before 5.6, and some emulators, lack openat2: there the real path is compared. */
static int open_checked(const struct picture_source *s, const char *path)
{
    char root[PATH_MAX], real[PATH_MAX], joined[PATH_MAX];
    int n = snprintf(joined, sizeof joined, "%s/%s", s->root, path);
    if (n < 0 || n >= (int)sizeof joined) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (!realpath(s->root, root) || !realpath(joined, real)) return -1;
    size_t len = strlen(root);
    if (strncmp(real, root, len) != 0 || (real[len] != '/' && len > 1)) {
        errno = EXDEV;
        return -1;
    }
    return open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int open_below(const struct picture_source *s, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, s->root_fd, path, &how, sizeof how);
    return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_checked(s, path) : fd;
}

static void fail(struct picture_bytes *out, const char *reason)
{
    snprintf(out->failed, sizeof out->failed, "%s", reason);
}

/* Not the picture's fault: without a stamp the next import tries again. */
static void fail_for_now(struct picture_bytes *out, const char *reason)
{
    fail(out, reason);
    out->stamp[0] = 0;
}

static const char *why(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return "there is no such picture";
    case EXDEV:
    case ELOOP:
        return "the path leaves the folder of pictures";
    case EACCES:
        return "the picture may not be read";
    default:
        return "the picture cannot be read";
    }
}

static bool is_file_address(struct str a, char path[static PATH_MAX])
{
    if (!str_starts(a, STR("file:")) || a.n - 5 >= PATH_MAX) return false;
    snprintf(path, PATH_MAX, "%.*s", STR_ARG(str_sub(a, 5, a.n)));
    return true;
}

static void stamp_of(const struct stat *st, char stamp[static CATALOG_STAMP_BYTES])
{
    snprintf(stamp, CATALOG_STAMP_BYTES, "file:%lld:%lld.%09ld", (long long)st->st_size,
             (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

bool picture_source_stat(const struct picture_source *s, struct str address, struct picture_bytes *out)
{
    char path[PATH_MAX];
    struct stat st;
    struct catalog_zip_entry entry;
    *out = (struct picture_bytes){0};
    if (!is_file_address(address, path)) {
        fail(out, "the path is too long");
    } else if (s->zip) {
        if (catalog_zip_find(s->zip, str_of(path), &entry))
            snprintf(out->stamp, sizeof out->stamp, "zip:%llu:%08x", (unsigned long long)entry.size, entry.crc);
        else
            fail(out, "there is no such picture in the zip file");
    } else if (s->root_fd < 0) {
        fail(out, "a path, but no --images was given");
    } else if (fstatat(s->root_fd, path, &st, 0)) {
        fail(out, why());
    } else if (!S_ISREG(st.st_mode)) {
        fail(out, "not a file");
    } else {
        stamp_of(&st, out->stamp);
    }
    return !out->failed[0];
}

static void read_folder(const struct picture_source *s, const char *path, struct picture_bytes *out)
{
    struct stat st;
    int fd = open_below(s, path);
    if (fd < 0) {
        fail(out, why());
        return;
    }
    if (fstat(fd, &st))
        fail(out, why());
    else if (!S_ISREG(st.st_mode))
        fail(out, "not a file");
    else if (st.st_size == 0)
        fail(out, "the file is empty");
    else if ((uint64_t)st.st_size > s->max_bytes)
        fail(out, "the picture is too large");
    if (out->failed[0]) goto out;
    stamp_of(&st, out->stamp);
    size_t want = (size_t)st.st_size, n = 0;
    out->p = malloc(want);
    if (!out->p) {
        fail_for_now(out, "out of memory");
        goto out;
    }
    while (n < want) {
        ssize_t got = read(fd, out->p + n, want - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        n += (size_t)got;
    }
    out->n = n;
    if (n < want) {
        free(out->p);
        out->p = NULL;
        fail_for_now(out, "the picture cannot be read");
    }
out:
    close(fd);
}

static void read_zip(const struct picture_source *s, const char *path, struct picture_bytes *out)
{
    struct catalog_zip_entry entry;
    struct err err = {0};
    if (!catalog_zip_find(s->zip, str_of(path), &entry)) {
        fail(out, "there is no such picture in the zip file");
        return;
    }
    snprintf(out->stamp, sizeof out->stamp, "zip:%llu:%08x", (unsigned long long)entry.size, entry.crc);
    enum rc rc = catalog_zip_read(s->zip, &entry, s->max_bytes, &out->p, &out->n, &err);
    if (!rc) return;
    out->p = NULL;
    snprintf(out->failed, sizeof out->failed, "%.150s", err.message);
    if (rc == RC_NOMEM || rc == RC_IO) out->stamp[0] = 0;
}

static void read_web(const struct picture_source *s, const char *const *addresses, const char *const *stamps,
                     const size_t *index, size_t n, struct picture_bytes *out)
{
    struct catalog_fetch jobs[BATCH_MAX];
    for (size_t i = 0; i < n; i++)
        jobs[i] = (struct catalog_fetch){.url = addresses[index[i]], .stamp = stamps[index[i]]};
    catalog_fetch(jobs, n, s->max_bytes, s->timeout_ms, s->allow_private);
    for (size_t i = 0; i < n; i++) {
        struct picture_bytes *o = &out[index[i]];
        o->p = jobs[i].p;
        o->n = jobs[i].n;
        o->unchanged = jobs[i].unchanged;
        snprintf(o->stamp, sizeof o->stamp, "%s", jobs[i].new_stamp);
        snprintf(o->failed, sizeof o->failed, "%s", jobs[i].failed);
    }
}

void picture_source_read(const struct picture_source *s, const char *const *addresses,
                         const char *const *stamps, size_t n, struct picture_bytes *out)
{
    size_t web[BATCH_MAX], n_web = 0;
    char path[PATH_MAX];
    ASSERT(n <= BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct picture_bytes){0};
        struct str address = str_of(addresses[i]);
        if (!str_starts(address, STR("file:")))
            web[n_web++] = i;
        else if (!is_file_address(address, path))
            fail(&out[i], "the path is too long");
        else if (s->zip)
            read_zip(s, path, &out[i]);
        else if (s->root_fd >= 0)
            read_folder(s, path, &out[i]);
        else
            fail(&out[i], "a path, but no --images was given");
    }
    if (n_web) read_web(s, addresses, stamps, web, n_web, out);
}
