/* Files: small helpers with our errors. Paths are NUL-terminated. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/err.h"
#include "base/str.h"

/* The whole file; *p is NUL-terminated behind n and freed by the caller with free(). RC_NOT_FOUND,
 * RC_TOO_LARGE over max_bytes, RC_IO. */
enum rc fs_read(const char *path, size_t max_bytes, char **p, size_t *n, struct err *err) MUST_USE;
/* Written to a temporary file beside it, synced, renamed over: after a crash the path holds the old
 * bytes or the new ones, never a mixture. The folder is synced too. `mode` as in 0644. */
enum rc fs_write_atomic(const char *path, const void *p, size_t n, unsigned mode, struct err *err) MUST_USE;
/* The same, but a file that is there stays as it is, and *made says so (false): of several processes that want to make
 * it at once, one does, and all then find the same. */
enum rc fs_write_new(const char *path, const void *p, size_t n, unsigned mode, bool *made,
                     struct err *err) MUST_USE;
enum rc fs_mkdirs(const char *path, unsigned mode, struct err *err) MUST_USE; /* mkdir -p */
enum rc fs_sync_dir(const char *dir, struct err *err) MUST_USE;
enum rc fs_remove_tree(const char *path, struct err *err) MUST_USE; /* a missing path is fine */
bool fs_is_dir(const char *path);
bool fs_exists(const char *path);
/* The running program's folder with "/" and `tail` behind it, made canonical where it exists. */
enum rc fs_beside_program(const char *tail, char *out, size_t cap, struct err *err) MUST_USE;

/* Calls `each` for every regular file under `root` (or for root itself when it is a file), sorted by
 * name, links not followed into folders; stops at the first non-zero answer and returns it. */
typedef enum rc (*fs_each_fn)(const char *path, void *ctx, struct err *err);
enum rc fs_walk(const char *root, fs_each_fn each, void *ctx, struct err *err) MUST_USE;
#endif
