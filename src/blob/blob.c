#include "blob/blob_ops.h"

#include <string.h>

static const struct blob_ops *const backends[] = {&blob_folder_ops};

enum rc blob_open(const char *url, struct blob **out, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        size_t n = strlen(backends[i]->scheme);
        if (strncmp(url, backends[i]->scheme, n) != 0 || url[n] != ':') continue;
        return backends[i]->open(url + n + 1, out, err);
    }
    return err_set(err, RC_INVALID, "this program cannot keep pictures in %s: give file:/path/to/a/folder",
                   url);
}

void blob_close(struct blob *b)
{
    if (b) b->ops->close(b);
}

/* The header's alphabet, and no segment that a file system or a web server would read as something else. */
static enum rc check_key(const char *key, struct err *err)
{
    size_t n = strlen(key);
    bool fine = n > 0 && n <= BLOB_MAX_KEY_BYTES && key[n - 1] != '/' &&
                strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789/._-") == n && !strstr(key, "..");
    for (struct str rest = {key, n}, part; fine && (part = str_split(&rest, '/')).p;)
        fine = part.n > 0 && !str_eqz(part, ".");
    return fine ? RC_OK : err_set(err, RC_INVALID, "not a key for a blob: %.200s", key);
}

enum rc blob_put(struct blob *b, const char *key, struct str bytes, bool lazy, struct err *err)
{
    enum rc rc = check_key(key, err);
    return rc ? rc : b->ops->put(b, key, bytes, lazy, err);
}

enum rc blob_get(struct blob *b, const char *key, size_t max_bytes, char **p, size_t *n, struct err *err)
{
    *p = NULL;
    *n = 0;
    enum rc rc = check_key(key, err);
    return rc ? rc : b->ops->get(b, key, max_bytes, p, n, err);
}

enum rc blob_delete(struct blob *b, const char *key, struct err *err)
{
    enum rc rc = check_key(key, err);
    return rc ? rc : b->ops->delete (b, key, err);
}

bool blob_exists(struct blob *b, const char *key)
{
    return check_key(key, NULL) == RC_OK && b->ops->exists(b, key);
}

enum rc blob_sync(struct blob *b, struct err *err) { return b->ops->sync(b, err); }
