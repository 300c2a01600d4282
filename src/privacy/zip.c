/* The only file that knows libarchive. */
#include "privacy/privacy_internal.h"

#include "base/clock.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct zip {
    struct archive *archive;
    zip_sink sink;
    void *ctx;
    enum rc rc; /* of the sink, when it failed */
    struct err err;
};

static la_ssize_t take(struct archive *a, void *ctx, const void *p, size_t n)
{
    struct zip *z = ctx;
    z->rc = z->sink(z->ctx, (struct str){p, n}, &z->err);
    if (!z->rc) return (la_ssize_t)n;
    archive_set_error(a, EIO, "the sink failed");
    return -1;
}

static enum rc failure(struct zip *z, struct err *err)
{
    if (z->rc) return err_set(err, z->rc, "%s", z->err.message);
    const char *why = archive_error_string(z->archive);
    return err_set(err, RC_INTERNAL, "the archive: %s", why ? why : "unknown");
}

enum rc zip_create(zip_sink sink, void *ctx, struct zip **out, struct err *err)
{
    struct zip *z = calloc(1, sizeof *z);
    *out = NULL;
    if (!z) return err_set(err, RC_NOMEM, "out of memory");
    z->sink = sink;
    z->ctx = ctx;
    z->archive = archive_write_new();
    if (!z->archive || archive_write_set_format_zip(z->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(z->archive, 1) != ARCHIVE_OK ||
        archive_write_open(z->archive, z, NULL, take, NULL) != ARCHIVE_OK) {
        zip_destroy(z);
        return err_set(err, RC_NOMEM, "the archive cannot be begun");
    }
    *out = z;
    return RC_OK;
}

enum rc zip_add(struct zip *z, const char *name, struct str bytes, bool packed, struct err *err)
{
    struct archive_entry *e = archive_entry_new();
    if (!e) return err_set(err, RC_NOMEM, "out of memory");
    archive_entry_set_pathname_utf8(e, name);
    archive_entry_set_size(e, (la_int64_t)bytes.n);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    archive_entry_set_mtime(e, (time_t)(clock_now_ms() / 1000), 0);
    int r = packed ? archive_write_zip_set_compression_deflate(z->archive)
                   : archive_write_zip_set_compression_store(z->archive);
    if (r == ARCHIVE_OK) r = archive_write_header(z->archive, e);
    bool whole = r == ARCHIVE_OK && archive_write_data(z->archive, bytes.p, bytes.n) == (la_ssize_t)bytes.n &&
                 archive_write_finish_entry(z->archive) == ARCHIVE_OK;
    archive_entry_free(e);
    return whole ? RC_OK : failure(z, err);
}

enum rc zip_end(struct zip *z, struct err *err)
{
    return archive_write_close(z->archive) == ARCHIVE_OK && !z->rc ? RC_OK : failure(z, err);
}

void zip_destroy(struct zip *z)
{
    if (!z) return;
    if (z->archive) {
        if (!z->rc) archive_write_fail(z->archive); /* an unfinished one writes nothing more */
        archive_write_free(z->archive);
    }
    free(z);
}
