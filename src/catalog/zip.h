/*
 * Reading entries of a zip file by name, in any order. Only stored and deflated entries, which is what every
 * packer writes; Zip64 is understood, encryption is not.
 *
 * Threading: immutable once opened; catalog_zip_read() may be called from any thread.
 */
#ifndef CATALOG_ZIP_H
#define CATALOG_ZIP_H

#include "base/err.h"
#include "base/str.h"

struct catalog_zip;
struct catalog_zip_entry {
    uint64_t offset, packed, size;
    uint32_t crc;
    uint16_t method, flags;
};

/* RC_NOT_FOUND, RC_IO; RC_INVALID: not a zip file, or one that does not hold together. The index is kept in
 * memory: some 100 bytes an entry. */
enum rc catalog_zip_open(const char *path, struct catalog_zip **out, struct err *err) MUST_USE;
void catalog_zip_close(struct catalog_zip *z);
size_t catalog_zip_count(const struct catalog_zip *z);
/* By the exact name, or by the name below a single folder that everything in the zip is in. */
bool catalog_zip_find(const struct catalog_zip *z, struct str name, struct catalog_zip_entry *out);
/* The whole entry, its CRC checked; caller frees with free(). RC_TOO_LARGE, RC_UNSUPPORTED, RC_CORRUPT. */
enum rc catalog_zip_read(const struct catalog_zip *z, const struct catalog_zip_entry *entry, size_t max_bytes,
                         char **p, size_t *n, struct err *err) MUST_USE;
#endif
