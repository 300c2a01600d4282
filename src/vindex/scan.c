/*
 * The exact engine: all allowed rows scored in integers, the best of them scored again in f32. The
 * threshold is the worst candidate so far; a block of 64 rows whose filter word is 0 is not read, and
 * one in which no row beats the threshold costs four instructions for four rows.
 */
#include "vindex/vindex_impl.h"

#include <errno.h>

/* Sums in f32 must come out the same everywhere: no fused multiply-add where the source has two steps. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#endif

typedef float lanes4 __attribute__((vector_size(16), aligned(4)));
typedef int32_t ints4 __attribute__((vector_size(16), aligned(4)));

enum { SPARSE = 12 }; /* up to this many rows of a block are scored one by one */

void vindex_top_add(struct vindex_top *top, struct vindex_hit hit)
{
    struct vindex_hit *h = top->heap;
    if (top->n < top->cap) { /* sift up */
        size_t i = top->n++;
        for (; i > 0 && vindex_before(h[(i - 1) / 2], hit); i = (i - 1) / 2)
            h[i] = h[(i - 1) / 2];
        h[i] = hit;
        return;
    }
    if (top->cap == 0 || !vindex_before(hit, h[0])) return;
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < top->n; i = child) { /* sift down */
        if (child + 1 < top->n && vindex_before(h[child], h[child + 1])) child++;
        if (!vindex_before(hit, h[child])) break;
        h[i] = h[child];
    }
    h[i] = hit;
}

static int compare_hits(const void *a, const void *b)
{
    struct vindex_hit x = *(const struct vindex_hit *)a, y = *(const struct vindex_hit *)b;
    return vindex_before(x, y) ? -1 : vindex_before(y, x);
}

void vindex_top_sort(struct vindex_top *top) { qsort(top->heap, top->n, sizeof *top->heap, compare_hits); }

float vindex_dot(const float *a, const float *b, size_t dim)
{
    lanes4 sum[4] = {{0}, {0}, {0}, {0}};
    for (size_t d = 0; d < dim; d += 16) {
        for (size_t j = 0; j < 4; j++) {
            lanes4 product = *(const lanes4 *)(a + d + 4 * j) * *(const lanes4 *)(b + d + 4 * j);
            sum[j] = sum[j] + product;
        }
    }
    lanes4 s = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* Whether any of the block's 64 rows scores over the threshold. */
static bool any_over(const int32_t *dots, const float *scales, float threshold)
{
    ints4 any = {0};
    for (size_t i = 0; i < VINDEX_BLOCK; i += 4) {
        lanes4 score =
            __builtin_convertvector(*(const ints4 *)(dots + i), lanes4) * *(const lanes4 *)(scales + i);
        any |= score > threshold;
    }
    return (any[0] | any[1] | any[2] | any[3]) != 0;
}

static void scan_block(const struct vindex *v, const struct vindex_query *q, vindex_dots_fn dots, size_t first,
                       uint64_t rows, struct vindex_top *top)
{
    int32_t score[VINDEX_BLOCK];
    const int8_t *base = v->rows + first * v->stride;
    if (rows == UINT64_MAX) {
        dots(base, v->stride, VINDEX_BLOCK, q->s8, q->sum, score);
        if (top->n == top->cap && !any_over(score, v->scales + first, top->heap[0].score)) return;
    } else if (__builtin_popcountll(rows) <= SPARSE) {
        for (uint64_t left = rows; left; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctzll(left);
            dots(base + i * v->stride, v->stride, 1, q->s8, q->sum, score + i);
        }
    } else {
        unsigned from = (unsigned)__builtin_ctzll(rows), to = 64 - (unsigned)__builtin_clzll(rows);
        dots(base + from * v->stride, v->stride, to - from, q->s8, q->sum, score + from);
    }
    for (; rows; rows &= rows - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rows);
        struct vindex_hit hit = {(uint32_t)(first + i), (float)score[i] * v->scales[first + i]};
        if (top->n < top->cap || hit.score > top->heap[0].score) vindex_top_add(top, hit);
    }
}

enum rc vindex_scan(const struct vindex *v, const struct vindex_query *q, size_t k, struct vindex_hit *hits,
                    size_t *found, struct err *err)
{
    size_t want = k + (k / 2 > VINDEX_RERANK_MORE ? k / 2 : VINDEX_RERANK_MORE);
    struct vindex_top rough = {.cap = want < v->n ? want : v->n};
    struct vindex_top best = {.heap = hits, .cap = k};
    *found = 0;
    if (k == 0 || v->n == 0) return RC_OK;
    rough.heap = malloc(rough.cap * sizeof *rough.heap);
    if (!rough.heap) return err_set(err, RC_NOMEM, "no memory for %zu candidates", rough.cap);

    vindex_dots_fn dots = vindex_kernel_now()->dots;
    for (size_t w = 0; w * VINDEX_BLOCK < v->n; w++) {
        uint64_t rows = v->live[w] & (q->allow ? q->allow[w] : UINT64_MAX);
        if (rows) scan_block(v, q, dots, w * VINDEX_BLOCK, rows, &rough);
    }
    for (size_t i = 0; i < rough.n; i++) {
        uint32_t row = rough.heap[i].row;
        /* Rows lie anywhere: waiting for memory takes longer than the sums. */
        const float *soon = vindex_vector(v, rough.heap[i + 2 < rough.n ? i + 2 : i].row);
        for (size_t d = 0; d < v->dim; d += 16)
            __builtin_prefetch(soon + d);
        vindex_top_add(&best, (struct vindex_hit){row, vindex_dot(q->f32, vindex_vector(v, row), v->dim)});
    }
    vindex_top_sort(&best);
    *found = best.n;
    free(rough.heap);
    return RC_OK;
}
