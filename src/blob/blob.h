/*
 * Bytes under a key: a folder of files now, Azure Blob Storage next, behind one table of operations.
 * Keys are [a-z0-9/._-]+, at most 200 bytes, no "..". A put that returned RC_OK survives kill -9.
 */
#ifndef BLOB_BLOB_H
#define BLOB_BLOB_H

#include "base/err.h"
#include "base/str.h"

struct blob;
/* `url`: "file:/path". The folder is made when missing. */
enum rc blob_open(const char *url, struct blob **out, struct err *err) MUST_USE;
void blob_close(struct blob *b);
/* Whole or not at all; an existing key is replaced. `lazy`: may be lost on power failure but never torn
 * (for what can be made again, and for many at once before a blob_sync()). */
enum rc blob_put(struct blob *b, const char *key, struct str bytes, bool lazy, struct err *err) MUST_USE;
/* From here on, all that lazy puts wrote before survives a power failure: one wait for many of them. */
enum rc blob_sync(struct blob *b, struct err *err) MUST_USE;
/* Caller frees *p with free(). RC_NOT_FOUND. */
enum rc blob_get(struct blob *b, const char *key, size_t max_bytes, char **p, size_t *n,
                 struct err *err) MUST_USE;
enum rc blob_delete(struct blob *b, const char *key, struct err *err) MUST_USE; /* a missing key is fine */
bool blob_exists(struct blob *b, const char *key);
#endif
