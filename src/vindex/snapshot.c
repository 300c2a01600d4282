/*
 * An index in a file, so that a restart need not build the graph again. Numbers are little-endian.
 *
 *   bytes 0   "PNDVIDX1"
 *         8   u32 engine (1 exact, 2 HNSW)   12  u32 dim
 *        16   u64 n, the number of rows
 *        24   SHA-256 of the n * dim f32 that the index was made of
 *        56   the engine's part
 *        end  SHA-256 of all bytes before it
 *
 *   exact     n f32 scales; then n rows of dim s8
 *   HNSW      u64 nodes, u64 n_links, i32 entry, i32 max_level, u64 ef; nodes i32 levels; n_links i32 links
 *
 * Both SHA-256 are checked before anything is believed: the last one against a damaged file, the first
 * against vectors that changed since. The graph's own shape is checked as well (faiss_graph_restore).
 */
#include "vindex/vindex_impl.h"

#include "base/buf.h"
#include "base/fs.h"
#include "crypt/crypt.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is written as it lies in memory");

enum { HEAD_BYTES = 56, MAX_EF = 1 << 16 };
static const char MAGIC[8] = {'P', 'N', 'D', 'V', 'I', 'D', 'X', '1'};

struct head {
    uint32_t engine, dim;
    uint64_t n;
};

struct graph_head {
    uint64_t nodes, n_links;
    int32_t entry, max_level;
    uint64_t ef;
};

/* What is left to read of the file. */
struct reader {
    const char *p;
    size_t left;
};

static bool take(struct reader *r, void *out, size_t n)
{
    if (r->left < n) return false;
    memcpy(out, r->p, n);
    r->p += n;
    r->left -= n;
    return true;
}

static void write_exact(const struct vindex *v, struct buf *out)
{
    buf_add_bytes(out, v->scales, v->n * sizeof *v->scales);
    for (size_t r = 0; r < v->n; r++)
        buf_add_bytes(out, v->rows + r * v->stride, v->dim);
}

static void write_graph(const struct vindex *v, struct buf *out)
{
    struct faiss_links links;
    faiss_graph_links(v->graph, &links);
    struct graph_head head = {v->n_live, links.n_links, links.entry, links.max_level, v->ef};
    buf_add_bytes(out, &head, sizeof head);
    buf_add_bytes(out, links.levels, v->n_live * sizeof *links.levels);
    buf_add_bytes(out, links.links, links.n_links * sizeof *links.links);
}

static void sha_of_vectors(const float *vectors, size_t n, size_t dim, uint8_t out[static CRYPT_SHA256_BYTES])
{
    crypt_sha256((struct str){(const char *)vectors, n * dim * sizeof *vectors}, out);
}

enum rc vindex_save(const struct vindex *v, const char *path, struct err *err)
{
    struct buf out = BUF_INIT(SIZE_MAX);
    struct head head = {v->graph ? VINDEX_HNSW : VINDEX_EXACT, (uint32_t)v->dim, v->n};
    uint8_t sha[CRYPT_SHA256_BYTES];
    buf_add_bytes(&out, MAGIC, sizeof MAGIC);
    buf_add_bytes(&out, &head, sizeof head);
    sha_of_vectors(v->vectors, v->n, v->dim, sha);
    buf_add_bytes(&out, sha, sizeof sha);
    if (v->graph)
        write_graph(v, &out);
    else
        write_exact(v, &out);
    crypt_sha256(buf_str(&out), sha);
    buf_add_bytes(&out, sha, sizeof sha);
    enum rc rc = buf_check(&out, "the vector index", err);
    if (rc == RC_OK) rc = fs_write_atomic(path, out.p, out.n, 0600, err);
    buf_release(&out);
    return rc;
}

/* Checks what does not depend on the engine, and leaves the reader at the engine's part. */
static bool read_head(struct reader *r, const struct vindex *v, struct head *head)
{
    char magic[sizeof MAGIC];
    uint8_t stored[CRYPT_SHA256_BYTES], sha[CRYPT_SHA256_BYTES];
    if (r->left < HEAD_BYTES + CRYPT_SHA256_BYTES) return false;
    r->left -= CRYPT_SHA256_BYTES;
    crypt_sha256((struct str){r->p, r->left}, sha);
    if (memcmp(sha, r->p + r->left, sizeof sha) != 0) return false;
    if (!take(r, magic, sizeof magic) || memcmp(magic, MAGIC, sizeof magic) != 0) return false;
    if (!take(r, head, sizeof *head) || !take(r, stored, sizeof stored)) return false;
    if (head->n != v->n || head->dim != v->dim) return false;
    sha_of_vectors(v->vectors, v->n, v->dim, sha);
    return memcmp(sha, stored, sizeof sha) == 0;
}

/* The quantised rows were made again from the vectors already; the stored ones must be the same. */
static bool read_exact(struct reader *r, const struct vindex *v)
{
    if (r->left != v->n * (sizeof *v->scales + v->dim) ||
        memcmp(r->p, v->scales, v->n * sizeof *v->scales) != 0)
        return false;
    const char *rows = r->p + v->n * sizeof *v->scales;
    for (size_t i = 0; i < v->n; i++)
        if (memcmp(rows + i * v->dim, v->rows + i * v->stride, v->dim) != 0) return false;
    return true;
}

static enum rc read_graph(struct reader *r, struct vindex *v, struct err *err)
{
    struct graph_head head;
    struct faiss_rows rows;
    int32_t *numbers = NULL;
    enum rc rc = RC_OK;
    /* The sum is checked in parts so that no hostile number can wrap it. */
    if (!take(r, &head, sizeof head) || head.ef == 0 || head.ef > MAX_EF || head.nodes != v->n_live ||
        r->left / sizeof *numbers < head.nodes || (r->left / sizeof *numbers) - head.nodes != head.n_links ||
        r->left % sizeof *numbers != 0)
        return err_set(err, RC_CORRUPT, "the stored graph does not fit the vectors");
    numbers = malloc(r->left + 1); /* a copy, for alignment */
    if (!numbers) return err_set(err, RC_NOMEM, "no memory for a graph of %zu nodes", v->n_live);
    memcpy(numbers, r->p, r->left);
    rc = vindex_number_nodes(v, err);
    if (rc != RC_OK) goto out;
    vindex_graph_rows(v, &rows);
    struct faiss_links links = {numbers, numbers + head.nodes, head.n_links, head.entry, head.max_level};
    v->ef = (size_t)head.ef;
    rc = faiss_graph_restore(&rows, &links, &v->graph, err);
out:
    free(numbers);
    return rc;
}

enum rc vindex_load(const char *path, const float *vectors, size_t n, size_t dim, struct vindex **out,
                    struct err *err)
{
    struct vindex *v = NULL;
    struct reader r = {NULL, 0};
    struct head head;
    char *bytes = NULL;
    enum rc rc = fs_read(path, SIZE_MAX / 2, &bytes, &r.left, err);
    if (rc != RC_OK) return rc;
    r.p = bytes;
    rc = vindex_prepare(vectors, n, dim, &v, err);
    if (rc != RC_OK) goto out;
    if (!read_head(&r, v, &head))
        rc = err_set(err, RC_CORRUPT, "damaged, or made of other vectors");
    else if (head.engine == VINDEX_HNSW)
        rc = read_graph(&r, v, err);
    else if (head.engine != VINDEX_EXACT || !read_exact(&r, v))
        rc = err_set(err, RC_CORRUPT, "the stored rows are not those of the vectors");
    if (rc != RC_OK) {
        err_prefix(err, "%s: ", path);
        goto out;
    }
    *out = v;
    v = NULL;
out:
    vindex_destroy(v);
    free(bytes);
    return rc;
}
