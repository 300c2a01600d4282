/* Building an index and sending a query to the right engine. Snapshots on disk: snapshot.c. */
#include "vindex/vindex_impl.h"

#include "base/log.h"

#include <math.h>

enum { ALIGN = 64 };

/* Meeting one more candidate in the graph costs about as much as scanning this many rows (1.5 us to 12 ns,
 * bench_vindex on 40,000 x 256). */
enum { SCANNED_PER_CANDIDATE = 128 };

/* How a graph is measured after it was built. */
enum { PROBES = 200, PROBE_K = 10 };
#define ENOUGH .985

float vindex_quantise(const float *v, size_t dim, size_t stride, int8_t *out, int32_t *sum)
{
    float most = 0;
    for (size_t d = 0; d < dim; d++)
        most = fmaxf(most, fabsf(v[d]));
    memset(out, 0, stride);
    *sum = 0;
    if (!(most > 1e-20f)) /* nothing a unit vector could be, and 127 / most must stay finite */
        return 0;
    for (size_t d = 0; d < dim; d++) {
        float scaled = rintf(v[d] * (127 / most));
        out[d] = (int8_t)fminf(127, fmaxf(-127, scaled));
        *sum += out[d];
    }
    return most / 127;
}

static void *alloc_aligned(size_t count, size_t size)
{
    size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    return aligned_alloc(ALIGN, bytes ? bytes : ALIGN);
}

static bool all_finite(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

static void quantise_rows(struct vindex *v)
{
    for (size_t r = 0; r < v->n; r++) {
        v->scales[r] =
            vindex_quantise(v->vectors + r * v->dim, v->dim, v->stride, v->rows + r * v->stride, v->sums + r);
        if (v->scales[r] > 0) {
            v->live[r / 64] |= UINT64_C(1) << (r % 64);
            v->n_live++;
        }
    }
}

enum rc vindex_prepare(const float *vectors, size_t n, size_t dim, struct vindex **out, struct err *err)
{
    if (dim == 0 || dim % 32 != 0 || dim > VINDEX_MAX_DIM)
        return err_set(err, RC_INVALID, "vectors of %zu numbers: must be a multiple of 32 up to %d", dim,
                       VINDEX_MAX_DIM);
    if (n > INT32_MAX) return err_set(err, RC_INVALID, "%zu vectors: at most %d", n, INT32_MAX);
    if (!all_finite(vectors, n * dim))
        return err_set(err, RC_INVALID, "a vector holds a value that is not a finite number");

    struct vindex *v = calloc(1, sizeof *v);
    if (!v) goto nomem;
    v->n = n;
    v->dim = dim;
    v->stride = (dim + VINDEX_STRIDE - 1) / VINDEX_STRIDE * VINDEX_STRIDE;
    v->vectors = alloc_aligned(n, dim * sizeof *v->vectors);
    v->rows = alloc_aligned(n, v->stride);
    v->scales = alloc_aligned(n, sizeof *v->scales);
    v->sums = alloc_aligned(n, sizeof *v->sums);
    v->live = calloc(n / 64 + 1, sizeof *v->live);
    if (!v->vectors || !v->rows || !v->scales || !v->sums || !v->live) goto nomem;
    if (n > 0) memcpy(v->vectors, vectors, n * dim * sizeof *vectors);
    quantise_rows(v);
    *out = v;
    return RC_OK;
nomem:
    vindex_destroy(v);
    return err_set(err, RC_NOMEM, "no memory for an index of %zu vectors of %zu", n, dim);
}

void vindex_graph_rows(const struct vindex *v, struct faiss_rows *out)
{
    *out = (struct faiss_rows){v->rows, v->scales, v->sums, v->node_row, v->n_live, v->stride};
}

/* Rows of zeros stay out of the graph: nodes are then numbered without them. */
enum rc vindex_number_nodes(struct vindex *v, struct err *err)
{
    if (v->n_live == v->n) return RC_OK;
    v->node_row = malloc((v->n_live + 1) * sizeof *v->node_row);
    if (!v->node_row) return err_set(err, RC_NOMEM, "no memory for an index of %zu vectors", v->n);
    for (size_t r = 0, node = 0; r < v->n; r++)
        if (v->scales[r] > 0) v->node_row[node++] = (uint32_t)r;
    return RC_OK;
}

/* The query of one probe: a row, or every other time the middle between two, where no row need be near. */
static void make_probe(const struct vindex *v, size_t i, float *f32)
{
    size_t step = v->n / PROBES + 1, a = i * step % v->n, b = (a + v->n / 2) % v->n;
    for (size_t d = 0; d < v->dim; d++)
        f32[d] = v->vectors[a * v->dim + d] + (i % 2 ? v->vectors[b * v->dim + d] : 0);
}

/* How much of what the scan finds the walk finds as well, over all probes. */
static enum rc probe_recall(const struct vindex *v, size_t ef, double *recall, struct err *err)
{
    float f32[VINDEX_MAX_DIM];
    _Alignas(ALIGN) int8_t s8[VINDEX_MAX_DIM];
    struct vindex_query q = {.f32 = f32, .s8 = s8};
    struct vindex_hit want[PROBE_K], got[PROBE_K];
    size_t n_want, n_got, met = 0, all = 0;
    for (size_t i = 0; i < PROBES; i++) {
        make_probe(v, i, f32);
        vindex_quantise(f32, v->dim, v->stride, s8, &q.sum);
        enum rc rc = vindex_scan(v, &q, PROBE_K, want, &n_want, err);
        if (rc == RC_OK) rc = vindex_walk(v, &q, ef, PROBE_K, got, &n_got, err);
        if (rc != RC_OK) return rc;
        /* By score, as one of several equal rows is as good as another. */
        for (size_t j = 0; j < n_got; j++)
            met += got[j].score >= want[n_want - 1].score;
        all += n_want;
    }
    *recall = all ? (double)met / (double)all : 1;
    return RC_OK;
}

/*
 * A graph over tight clusters that lie far apart finds little, however it was built: some clusters are
 * joined to the rest by no link. So every graph is measured against the scan, and gets the shortest walk
 * that finds ENOUGH; one that finds too little with the longest is dropped, and the scan answers.
 */
static enum rc choose_ef(struct vindex *v, struct err *err)
{
    static const size_t lengths[] = {64, 96, 128, 192, 256, 384, 512};
    double recall = 0;
    v->ef = lengths[0];
    if (v->n_live == 0) return RC_OK;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        enum rc rc = probe_recall(v, lengths[i], &recall, err);
        if (rc != RC_OK) return rc;
        v->ef = lengths[i];
        if (recall >= ENOUGH) return RC_OK;
    }
    log_warn("vindex", "the graph over %zu rows finds %.2f of the nearest: left out, the scan answers", v->n,
             recall);
    faiss_graph_destroy(v->graph);
    v->graph = NULL;
    return RC_OK;
}

enum rc vindex_build(const float *vectors, size_t n, size_t dim, enum vindex_engine engine, unsigned threads,
                     struct vindex **out, struct err *err)
{
    struct vindex *v = NULL;
    struct faiss_rows rows;
    if (engine == VINDEX_AUTO) engine = n >= VINDEX_HNSW_ROWS ? VINDEX_HNSW : VINDEX_EXACT;
    enum rc rc = vindex_prepare(vectors, n, dim, &v, err);
    if (rc != RC_OK) return rc;
    if (engine == VINDEX_HNSW) {
        rc = vindex_number_nodes(v, err);
        if (rc != RC_OK) goto out;
        vindex_graph_rows(v, &rows);
        rc = faiss_graph_build(&rows, threads, &v->graph, err);
        if (rc == RC_OK) rc = choose_ef(v, err);
        if (rc != RC_OK) goto out;
    }
    *out = v;
    v = NULL;
out:
    vindex_destroy(v);
    return rc;
}

void vindex_destroy(struct vindex *v)
{
    if (!v) return;
    faiss_graph_destroy(v->graph);
    free(v->vectors);
    free(v->rows);
    free(v->scales);
    free(v->sums);
    free(v->live);
    free(v->node_row);
    free(v);
}

size_t vindex_count(const struct vindex *v) { return v->n; }

size_t vindex_dim(const struct vindex *v) { return v->dim; }

const float *vindex_vector(const struct vindex *v, uint32_t row)
{
    ASSERT(row < v->n);
    return v->vectors + (size_t)row * v->dim;
}

static size_t count_allowed(const struct vindex *v, const uint64_t *allow)
{
    if (!allow) return v->n_live;
    size_t n = 0;
    for (size_t w = 0; w * 64 < v->n; w++)
        n += (size_t)__builtin_popcountll(v->live[w] & allow[w]);
    return n;
}

enum rc vindex_walk(const struct vindex *v, const struct vindex_query *q, size_t ef, size_t k,
                    struct vindex_hit *hits, size_t *found, struct err *err)
{
    struct vindex_top best = {.heap = hits, .cap = k};
    size_t n = 0;
    *found = 0;
    uint32_t *rows = malloc(ef * sizeof *rows);
    if (!rows) return err_set(err, RC_NOMEM, "no memory for %zu candidates", ef);
    enum rc rc = faiss_graph_search(v->graph, q->s8, q->sum, q->allow, ef, rows, &n, err);
    if (rc == RC_OK) {
        for (size_t i = 0; i < n; i++)
            vindex_top_add(&best,
                           (struct vindex_hit){rows[i], vindex_dot(q->f32, vindex_vector(v, rows[i]), v->dim)});
        vindex_top_sort(&best);
        *found = best.n;
    }
    free(rows);
    return rc;
}

/* How many candidates the walk must meet: more when many of them are not allowed, as those are met too. */
static size_t walk_length(const struct vindex *v, size_t allowed, size_t k)
{
    size_t ef = 2 * k > v->ef ? 2 * k : v->ef;
    return allowed ? ef * v->n_live / allowed : ef;
}

enum rc vindex_search(const struct vindex *v, const float *query, const uint64_t *allow, size_t k,
                      struct vindex_hit *hits, size_t *found, struct err *err)
{
    _Alignas(ALIGN) int8_t s8[VINDEX_MAX_DIM];
    struct vindex_query q = {.f32 = query, .s8 = s8, .allow = allow};
    ASSERT(k <= VINDEX_MAX_K);
    *found = 0;
    if (!all_finite(query, v->dim))
        return err_set(err, RC_INVALID, "the query vector holds a value that is not a finite number");
    vindex_quantise(query, v->dim, v->stride, s8, &q.sum);
    if (k == 0) return RC_OK;

    if (v->graph) {
        size_t allowed = count_allowed(v, allow), ef = walk_length(v, allowed, k);
        if (allowed > ef * SCANNED_PER_CANDIDATE) {
            enum rc rc = vindex_walk(v, &q, ef, k, hits, found, err);
            if (rc != RC_OK || *found == k) return rc;
        }
    }
    return vindex_scan(v, &q, k, hits, found, err);
}
