/*
 * What the files of this folder share. A row of f32 is quantised to signed 8 bits, -127 .. 127, with a
 * scale of its own, so that
 *
 *     cosine(query, row)  ~  dot(q8, r8) * query_scale * row_scale
 *
 * -128 never occurs: that is what lets AVX2 multiply |r8| by sign(q8, r8) in maddubs without
 * saturating (2 * 127 * 127 < 32768), and hence every kernel give the same integer.
 */
#ifndef VINDEX_IMPL_H
#define VINDEX_IMPL_H

#include "vindex/faiss_shim.h"
#include "vindex/vindex.h"

enum {
    VINDEX_STRIDE = 64, /* a quantised row takes a multiple of this many bytes, zeros behind dim */
    VINDEX_BLOCK = 64,  /* rows to a word of the filter, and to a call of the kernel */
    VINDEX_RERANK_MORE =
        90 /* so many candidates of the integer scan more than k, or half of k, are scored again in f32 */
};

/* out[i] = dot(query, rows + i * stride) for i < n. rows and query are 64-byte aligned; stride is a
 * multiple of 64; query_sum is the sum of the query's elements (some kernels need it). Exact in 32 bits
 * up to VINDEX_MAX_DIM. */
typedef void (*vindex_dots_fn)(const int8_t *rows, size_t stride, size_t n, const int8_t *query,
                               int32_t query_sum, int32_t *out);

struct vindex_kernel {
    const char *name;
    vindex_dots_fn dots;
    bool (*usable)(void); /* whether this processor has the instructions */
};

#if defined(__x86_64__)
extern const struct vindex_kernel vindex_kernel_avx512vnni, vindex_kernel_avx2;
#elif defined(__aarch64__)
extern const struct vindex_kernel vindex_kernel_neondot, vindex_kernel_neon;
#endif
extern const struct vindex_kernel vindex_kernel_portable;

/* The kernel in use: the fastest usable one, unless vindex_use_kernel() chose another. */
const struct vindex_kernel *vindex_kernel_now(void);

struct vindex {
    size_t n, dim, stride, n_live;
    float *vectors;            /* (n, dim) f32, 64-byte aligned */
    int8_t *rows;              /* (n, stride) s8, 64-byte aligned */
    float *scales;             /* (n); 0 for a row of zeros */
    int32_t *sums;             /* (n) sums of the quantised rows: rows are queries too when a graph is built */
    uint64_t *live;            /* bit r of word r/64: the row is not all zeros */
    uint32_t *node_row;        /* (n_live) graph node -> row; NULL while they are the same */
    struct faiss_graph *graph; /* NULL: exact engine */
    size_t ef;                 /* how many candidates a walk through the graph meets */
};

/* Quantises `dim` floats into `stride` bytes and their sum; returns the scale, 0 for a row of zeros. */
float vindex_quantise(const float *v, size_t dim, size_t stride, int8_t *out, int32_t *sum);
/* In f32, in an order of its own that is the same on every processor. */
float vindex_dot(const float *a, const float *b, size_t dim);
/* A copy of the vectors, and the quantised rows: the exact engine, complete. */
enum rc vindex_prepare(const float *vectors, size_t n, size_t dim, struct vindex **out,
                       struct err *err) MUST_USE;

void vindex_graph_rows(const struct vindex *v, struct faiss_rows *out);
enum rc vindex_number_nodes(struct vindex *v, struct err *err) MUST_USE;

/* A query as the engines need it. */
struct vindex_query {
    const float *f32;
    const int8_t *s8; /* stride bytes, 64-byte aligned */
    int32_t sum;
    const uint64_t *allow; /* NULL: all */
};
/* The k best allowed rows by scan. */
enum rc vindex_scan(const struct vindex *v, const struct vindex_query *q, size_t k, struct vindex_hit *hits,
                    size_t *found, struct err *err) MUST_USE;

/* The same by the graph: `ef` allowed rows near the query, the k best of them in f32. Fewer when the walk met
 * fewer. */
enum rc vindex_walk(const struct vindex *v, const struct vindex_query *q, size_t ef, size_t k,
                    struct vindex_hit *hits, size_t *found, struct err *err) MUST_USE;

/* A heap of hits with the worst on top. */
struct vindex_top {
    struct vindex_hit *heap;
    size_t n, cap;
};
/* Whether a comes before b in an answer: the better score, and the lower row among equals. */
static inline bool vindex_before(struct vindex_hit a, struct vindex_hit b)
{
    return a.score > b.score || (a.score == b.score && a.row < b.row);
}
void vindex_top_add(struct vindex_top *top, struct vindex_hit hit);
void vindex_top_sort(struct vindex_top *top); /* best first; no heap afterwards */

#endif
