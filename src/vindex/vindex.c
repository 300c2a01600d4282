/* Building an index and sending a query to the right engine. Snapshots on disk: snapshot.c. */
#include "vindex/vindex_impl.h"

#include <math.h>

enum { ALIGN = 64 };

/* From this share of the rows on, a filtered search walks the graph; below it the scan is cheaper, and
 * sure to find what there is. One in FILTER_SHARE. */
enum { FILTER_SHARE = 8 };
enum { EF_LEAST = 96 };

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
        if (!isfinite(v[i]))
            return false;
    return true;
}

static void quantise_rows(struct vindex *v)
{
    for (size_t r = 0; r < v->n; r++) {
        v->scales[r] = vindex_quantise(v->vectors + r * v->dim, v->dim, v->stride,
                                       v->rows + r * v->stride, v->sums + r);
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
    if (n > INT32_MAX)
        return err_set(err, RC_INVALID, "%zu vectors: at most %d", n, INT32_MAX);
    if (!all_finite(vectors, n * dim))
        return err_set(err, RC_INVALID, "a vector holds a value that is not a finite number");

    struct vindex *v = calloc(1, sizeof *v);
    if (!v)
        goto nomem;
    v->n = n;
    v->dim = dim;
    v->stride = (dim + VINDEX_STRIDE - 1) / VINDEX_STRIDE * VINDEX_STRIDE;
    v->vectors = alloc_aligned(n, dim * sizeof *v->vectors);
    v->rows = alloc_aligned(n, v->stride);
    v->scales = alloc_aligned(n, sizeof *v->scales);
    v->sums = alloc_aligned(n, sizeof *v->sums);
    v->live = calloc(n / 64 + 1, sizeof *v->live);
    if (!v->vectors || !v->rows || !v->scales || !v->sums || !v->live)
        goto nomem;
    if (n > 0)
        memcpy(v->vectors, vectors, n * dim * sizeof *vectors);
    quantise_rows(v);
    *out = v;
    return RC_OK;
nomem:
    vindex_destroy(v);
    return err_set(err, RC_NOMEM, "no memory for an index of %zu vectors of %zu", n, dim);
}

enum rc vindex_build(const float *vectors, size_t n, size_t dim, enum vindex_engine engine,
                     unsigned threads, struct vindex **out, struct err *err)
{
    (void)engine;
    (void)threads;
    return vindex_prepare(vectors, n, dim, out, err);
}

void vindex_destroy(struct vindex *v)
{
    if (!v)
        return;
    free(v->vectors);
    free(v->rows);
    free(v->scales);
    free(v->sums);
    free(v->live);
    free(v->node_row);
    free(v);
}

size_t vindex_count(const struct vindex *v)
{
    return v->n;
}

size_t vindex_dim(const struct vindex *v)
{
    return v->dim;
}

const float *vindex_vector(const struct vindex *v, uint32_t row)
{
    ASSERT(row < v->n);
    return v->vectors + (size_t)row * v->dim;
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
    return vindex_scan(v, &q, k, hits, found, err);
}
