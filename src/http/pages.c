#include "http/internal.h"

#include "base/fs.h"

#include <stdlib.h>

enum { PAGES_MAX_FILES = 512, PAGES_MAX_BYTES = 64 << 20 };

struct pages {
    size_t n, bytes, root_n;
    struct pages_file files[PAGES_MAX_FILES];
};

static const struct {
    const char *ending, *type;
    bool lasting;
} types[] = {
    {".html", "text/html; charset=utf-8", false},
    {".js", "text/javascript; charset=utf-8", false},
    {".mjs", "text/javascript; charset=utf-8", false},
    {".css", "text/css; charset=utf-8", false},
    {".json", "application/json", false},
    {".webmanifest", "application/manifest+json", false},
    {".svg", "image/svg+xml", true},
    {".png", "image/png", true},
    {".jpg", "image/jpeg", true},
    {".webp", "image/webp", true},
    {".avif", "image/avif", true},
    {".ico", "image/x-icon", true},
    {".woff2", "font/woff2", true},
    {".txt", "text/plain; charset=utf-8", false},
    {".wasm", "application/wasm", false},
};

static enum rc add(const char *path, void *ctx, struct err *err)
{
    struct pages *p = ctx;
    const char *type = NULL;
    bool lasting = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_ends(str_of(path), str_of(types[i].ending))) {
            type = types[i].type;
            lasting = types[i].lasting;
        }
    const char *tail = path + p->root_n;
    if (!type || strstr(tail, "/.")) return RC_OK; /* nothing a browser is meant to get */
    if (p->n == PAGES_MAX_FILES) return err_set(err, RC_TOO_LARGE, "more than %d files", PAGES_MAX_FILES);
    struct pages_file *f = &p->files[p->n];
    char *bytes;
    size_t n;
    enum rc rc = fs_read(path, PAGES_MAX_BYTES - p->bytes, &bytes, &n, err);
    if (rc) return rc;
    p->bytes += n;
    *f = (struct pages_file){.type = type, .lasting = lasting, .bytes = {bytes, n}, .path = strdup(tail)};
    p->n++;
    if (!f->path) return err_set(err, RC_NOMEM, "out of memory");
    char etag[44], *packed;
    etag_make(f->bytes, "", etag);
    snprintf(f->etag, sizeof f->etag, "%s", etag);
    etag_make(f->bytes, "-gz", f->gzip_etag);
    if (n > 1024 && compress_type(type) && compress_gzip(f->bytes, 9, &packed, &f->gzip.n)) f->gzip.p = packed;
    return RC_OK;
}

static enum rc find_dir(const char *dir, char out[static 4096], struct err *err)
{
    if (*dir) {
        if (!fs_is_dir(dir)) return err_set(err, RC_NOT_FOUND, "web_dir: there is no folder %s", dir);
        snprintf(out, 4096, "%s", dir);
        return RC_OK;
    }
    enum rc rc = fs_beside_program("../web", out, 4096, err);
    if (!rc && !fs_is_dir(out)) rc = fs_beside_program("../share/penderie/web", out, 4096, err);
    if (!rc && !fs_is_dir(out)) *out = 0; /* a program without its pages still answers the API */
    return rc;
}

enum rc pages_open(const char *dir, struct pages **out, struct err *err)
{
    char root[4096];
    struct pages *p = calloc(1, sizeof *p);
    *out = NULL;
    enum rc rc = p ? find_dir(dir, root, err) : err_set(err, RC_NOMEM, "out of memory");
    if (!rc) {
        p->root_n = strlen(root);
        while (p->root_n > 1 && root[p->root_n - 1] == '/')
            root[--p->root_n] = 0;
        if (*root) rc = fs_walk(root, add, p, err);
    }
    if (rc) {
        pages_close(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}

void pages_close(struct pages *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) {
        free((char *)(uintptr_t)p->files[i].path);
        free((char *)(uintptr_t)p->files[i].bytes.p);
        free((char *)(uintptr_t)p->files[i].gzip.p);
    }
    free(p);
}

const struct pages_file *pages_find(const struct pages *p, struct str path)
{
    if (str_eqz(path, "/")) path = STR("/index.html");
    for (size_t i = 0; i < p->n; i++)
        if (str_eqz(path, p->files[i].path)) return &p->files[i];
    return NULL;
}
