/*
 * The zip format as of APPNOTE.TXT 6.3: an end record at the end of the file leads to the central
 * directory, whose headers lead to local headers, behind which the data are.
 *
 *   end of central directory  50 4b 05 06, then u16 disks (2), u16 entries here, u16 entries, u32 bytes and
 *                             u32 offset of the central directory, u16 length of the comment
 *   zip64 end record          50 4b 06 06, found through its locator 50 4b 06 07 right before the former
 *   central header            50 4b 01 02, 46 bytes, then name, extra, comment
 *   local header              50 4b 03 04, 30 bytes, then name and extra
 *
 * Everything is checked against the size of the file before it is used.
 */
#include "catalog/zip.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { END_BYTES = 22, LOCATOR_BYTES = 20, END64_BYTES = 56, CENTRAL_BYTES = 46, LOCAL_BYTES = 30 };
enum { MAX_DIRECTORY_BYTES = 1 << 30, TAIL_BYTES = 65535 + END_BYTES + LOCATOR_BYTES };

struct slot {
    uint64_t hash;
    uint32_t at;
}; /* of a central header in the directory */

struct catalog_zip {
    int fd;
    uint64_t bytes;
    uint8_t *directory;
    size_t directory_bytes, count;
    struct slot *slots; /* sorted by hash */
    char root[128];     /* "pictures/" if everything is in that folder; "" */
};

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t u32(const uint8_t *p) { return (uint32_t)u16(p) | (uint32_t)u16(p + 2) << 16; }
static uint64_t u64(const uint8_t *p) { return (uint64_t)u32(p) | (uint64_t)u32(p + 4) << 32; }

static bool read_at(int fd, uint64_t at, void *to, size_t n)
{
    uint8_t *p = to;
    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)at);
        if (got <= 0) return false;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* Finds the central directory: offset, bytes, entries. */
static bool find_directory(const struct catalog_zip *z, uint64_t *offset, uint64_t *bytes, uint64_t *entries)
{
    size_t n = z->bytes < TAIL_BYTES ? (size_t)z->bytes : TAIL_BYTES;
    uint8_t *tail = malloc(n ? n : 1), end64[END64_BYTES];
    bool found = false;
    if (!tail || n < END_BYTES || !read_at(z->fd, z->bytes - n, tail, n)) goto out;
    for (size_t i = n - END_BYTES + 1; i-- > 0 && !found;) {
        const uint8_t *e = tail + i;
        if (u32(e) != 0x06054b50 || i + END_BYTES + u16(e + 20) > n) continue;
        *entries = u16(e + 10);
        *bytes = u32(e + 12);
        *offset = u32(e + 16);
        found = true;
        if (i < LOCATOR_BYTES || u32(e - LOCATOR_BYTES) != 0x07064b50) break;
        uint64_t at = u64(e - LOCATOR_BYTES + 8);
        if (at > z->bytes || z->bytes - at < END64_BYTES || !read_at(z->fd, at, end64, END64_BYTES) ||
            u32(end64) != 0x06064b50) {
            found = false;
            break;
        }
        *entries = u64(end64 + 32);
        *bytes = u64(end64 + 40);
        *offset = u64(end64 + 48);
    }
out:
    free(tail);
    return found && *offset <= z->bytes && *bytes <= z->bytes - *offset && *bytes <= MAX_DIRECTORY_BYTES &&
           *entries <= *bytes / CENTRAL_BYTES;
}

static struct str name_at(const struct catalog_zip *z, uint32_t at)
{
    return (struct str){(const char *)z->directory + at + CENTRAL_BYTES, u16(z->directory + at + 28)};
}

static int by_hash(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The first folder of all names, if they share one. */
static void find_root(struct catalog_zip *z)
{
    for (size_t i = 0; i < z->count; i++) {
        struct str name = name_at(z, z->slots[i].at);
        size_t slash = str_chr(name, '/');
        if (slash == SIZE_MAX || slash + 2 > sizeof z->root) {
            z->root[0] = 0;
            return;
        }
        struct str first = str_sub(name, 0, slash + 1);
        if (i == 0)
            snprintf(z->root, sizeof z->root, "%.*s", STR_ARG(first));
        else if (!str_eqz(first, z->root)) {
            z->root[0] = 0;
            return;
        }
    }
}

static enum rc build_index(struct catalog_zip *z, uint64_t entries, struct err *err)
{
    size_t at = 0;
    z->slots = calloc(entries ? (size_t)entries : 1, sizeof *z->slots);
    if (!z->slots) return err_set(err, RC_NOMEM, "out of memory reading the zip file");
    for (uint64_t i = 0; i < entries; i++) {
        const uint8_t *p = z->directory + at;
        if (z->directory_bytes - at < CENTRAL_BYTES || u32(p) != 0x02014b50) break;
        size_t n = (size_t)CENTRAL_BYTES + u16(p + 28) + u16(p + 30) + u16(p + 32);
        if (z->directory_bytes - at < n)
            return err_set(err, RC_INVALID, "the zip file's directory does not hold together");
        struct str name = name_at(z, (uint32_t)at);
        if (name.n && name.p[name.n - 1] != '/')
            z->slots[z->count++] = (struct slot){str_hash(name), (uint32_t)at};
        at += n;
    }
    qsort(z->slots, z->count, sizeof *z->slots, by_hash);
    find_root(z);
    return RC_OK;
}

enum rc catalog_zip_open(const char *path, struct catalog_zip **out, struct err *err)
{
    uint64_t offset = 0, bytes = 0, entries = 0;
    struct stat st;
    enum rc rc = RC_OK;
    struct catalog_zip *z = calloc(1, sizeof *z);
    if (!z) return err_set(err, RC_NOMEM, "out of memory reading the zip file");
    z->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (z->fd < 0 || fstat(z->fd, &st)) {
        rc = err_errno(err, "cannot open %s", path);
        goto out;
    }
    z->bytes = (uint64_t)st.st_size;
    if (!find_directory(z, &offset, &bytes, &entries)) {
        rc = err_set(err, RC_INVALID, "%s is not a zip file, or is cut off", path);
        goto out;
    }
    z->directory_bytes = (size_t)bytes;
    z->directory = malloc(bytes ? (size_t)bytes : 1);
    if (!z->directory)
        rc = err_set(err, RC_NOMEM, "out of memory reading the zip file");
    else if (!read_at(z->fd, offset, z->directory, z->directory_bytes))
        rc = err_errno(err, "cannot read %s", path);
    else
        rc = build_index(z, entries, err);
out:
    if (rc)
        catalog_zip_close(z);
    else
        *out = z;
    return rc;
}

void catalog_zip_close(struct catalog_zip *z)
{
    if (!z) return;
    if (z->fd >= 0) close(z->fd);
    free(z->directory);
    free(z->slots);
    free(z);
}

size_t catalog_zip_count(const struct catalog_zip *z) { return z->count; }

/* Sizes and offset that do not fit 32 bits are in the extra field 1, in this order. */
static void read_zip64(const uint8_t *extra, size_t n, struct catalog_zip_entry *e)
{
    uint64_t *wanted[] = {&e->size, &e->packed, &e->offset};
    for (size_t at = 0; at + 4 <= n;) {
        size_t len = u16(extra + at + 2);
        if (len > n - at - 4) return;
        if (u16(extra + at) == 1) {
            size_t k = at + 4, end = k + len;
            for (int i = 0; i < 3; i++) {
                if (*wanted[i] != 0xffffffff || k + 8 > end) continue;
                *wanted[i] = u64(extra + k);
                k += 8;
            }
            return;
        }
        at += 4 + len;
    }
}

static bool find_exact(const struct catalog_zip *z, struct str name, struct catalog_zip_entry *out)
{
    struct slot key = {str_hash(name), 0};
    size_t lo = 0, hi = z->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (by_hash(&z->slots[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < z->count && z->slots[lo].hash == key.hash; lo++) {
        if (!str_eq(name_at(z, z->slots[lo].at), name)) continue;
        const uint8_t *p = z->directory + z->slots[lo].at;
        *out = (struct catalog_zip_entry){.flags = u16(p + 8),
                                          .method = u16(p + 10),
                                          .crc = u32(p + 16),
                                          .packed = u32(p + 20),
                                          .size = u32(p + 24),
                                          .offset = u32(p + 42)};
        read_zip64(p + CENTRAL_BYTES + u16(p + 28), u16(p + 30), out);
        return true;
    }
    return false;
}

bool catalog_zip_find(const struct catalog_zip *z, struct str name, struct catalog_zip_entry *out)
{
    char with_root[4096];
    if (find_exact(z, name, out)) return true;
    if (!z->root[0] || name.n > sizeof with_root - sizeof z->root) return false;
    int n = snprintf(with_root, sizeof with_root, "%s%.*s", z->root, STR_ARG(name));
    return find_exact(z, (struct str){with_root, (size_t)n}, out);
}

static bool inflate_all(uint8_t *from, size_t packed, char *to, size_t size)
{
    z_stream s = {.next_in = from, .avail_in = (uInt)packed, .next_out = (Bytef *)to, .avail_out = (uInt)size};
    if (inflateInit2(&s, -MAX_WBITS) != Z_OK) return false;
    int code = inflate(&s, Z_FINISH);
    bool whole = code == Z_STREAM_END && s.total_out == size;
    inflateEnd(&s);
    return whole;
}

enum rc catalog_zip_read(const struct catalog_zip *z, const struct catalog_zip_entry *e, size_t max_bytes,
                         char **p, size_t *n, struct err *err)
{
    uint8_t head[LOCAL_BYTES];
    uint8_t *packed = NULL;
    char *data = NULL;
    enum rc rc = RC_OK;
    if (e->flags & 1) return err_set(err, RC_UNSUPPORTED, "the entry is encrypted");
    if (e->method != 0 && e->method != 8) return err_set(err, RC_UNSUPPORTED, "packed by an unusual method");
    if (max_bytes > (1u << 30)) max_bytes = 1u << 30;
    if (e->size > max_bytes || e->packed > max_bytes + 65536)
        return err_set(err, RC_TOO_LARGE, "larger than %zu bytes", max_bytes);
    if (e->offset > z->bytes || z->bytes - e->offset < LOCAL_BYTES ||
        !read_at(z->fd, e->offset, head, LOCAL_BYTES) || u32(head) != 0x04034b50)
        return err_set(err, RC_CORRUPT, "the zip file is damaged here");
    uint64_t at = e->offset + LOCAL_BYTES + u16(head + 26) + u16(head + 28);
    if (at > z->bytes || e->packed > z->bytes - at || (e->method == 0 && e->packed != e->size))
        return err_set(err, RC_CORRUPT, "the zip file is damaged here");
    packed = malloc(e->packed ? (size_t)e->packed : 1);
    data = malloc((size_t)e->size + 1);
    if (!packed || !data)
        rc = err_set(err, RC_NOMEM, "out of memory reading the zip file");
    else if (!read_at(z->fd, at, packed, (size_t)e->packed))
        rc = err_errno(err, "cannot read the zip file");
    else if (e->method == 0)
        memcpy(data, packed, (size_t)e->size);
    else if (!inflate_all(packed, (size_t)e->packed, data, (size_t)e->size))
        rc = err_set(err, RC_CORRUPT, "the zip file is damaged here");
    if (!rc && crc32(0, (const Bytef *)data, (uInt)e->size) != e->crc)
        rc = err_set(err, RC_CORRUPT, "the zip file is damaged here");
    free(packed);
    if (rc) {
        free(data);
        return rc;
    }
    data[e->size] = 0;
    *p = data;
    *n = (size_t)e->size;
    return RC_OK;
}
