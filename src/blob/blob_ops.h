/*
 * What a place for blobs implements. blob.c checks keys and picks the backend by the URL's scheme; a
 * backend is one file with one struct blob_ops, and starts its own struct with struct blob.
 *
 * Threading: every operation may be called from any thread at any time.
 */
#ifndef BLOB_BLOB_OPS_H
#define BLOB_BLOB_OPS_H

#include "blob/blob.h"

struct blob_ops {
    const char *scheme; /* what stands before the ':' of a URL */
    /* `rest`: what stands behind it. */
    enum rc (*open)(const char *rest, struct blob **out, struct err *err);
    void (*close)(struct blob *b);
    enum rc (*put)(struct blob *b, const char *key, struct str bytes, bool lazy, struct err *err);
    enum rc (*get)(struct blob *b, const char *key, size_t max_bytes, char **p, size_t *n, struct err *err);
    enum rc (*delete)(struct blob *b, const char *key, struct err *err);
    bool (*exists)(struct blob *b, const char *key);
    enum rc (*sync)(struct blob *b, struct err *err);
};

struct blob {
    const struct blob_ops *ops;
};

enum { BLOB_MAX_KEY_BYTES = 200 };

extern const struct blob_ops blob_folder_ops;

#endif
