/*
 * The only door to FAISS (a C++ library): its HNSW graph over our quantised rows. FAISS keeps the graph;
 * distances come from this folder's integer kernels, so that it holds no second copy of the vectors.
 * No C++ exception gets past these functions.
 *
 * Threading: a built graph is immutable, any number of threads may search it.
 */
#ifndef VINDEX_FAISS_SHIM_H
#define VINDEX_FAISS_SHIM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct faiss_graph;

/* The rows a graph is over; all borrowed for its life. Node i is row node_row[i] (NULL: row i). */
struct faiss_rows {
    const int8_t *rows;
    const float *scales;
    const int32_t *sums;
    const uint32_t *node_row;
    size_t nodes, stride;
};

/* One thread gives the same graph each time; several are faster, and their graphs differ slightly. */
enum rc faiss_graph_build(const struct faiss_rows *rows, unsigned threads, struct faiss_graph **out,
                          struct err *err) MUST_USE;
void faiss_graph_destroy(struct faiss_graph *g);

/* Up to `ef` rows near the query among those whose bit in `allow` is set (NULL: all), in any order;
 * their number in *found. Fewer come back when the walk ends before it met more. */
enum rc faiss_graph_search(struct faiss_graph *g, const int8_t *query, int32_t query_sum, const uint64_t *allow,
                           size_t ef, uint32_t *out, size_t *found, struct err *err) MUST_USE;

/* The graph as arrays: levels (nodes), links (n_links; node numbers, -1: none), the entry node and the
 * highest level. Borrowed from the graph; copied by _restore, which refuses with RC_CORRUPT what does not
 * hold together. */
struct faiss_links {
    const int32_t *levels, *links;
    size_t n_links;
    int32_t entry, max_level;
};
void faiss_graph_links(const struct faiss_graph *g, struct faiss_links *out);
enum rc faiss_graph_restore(const struct faiss_rows *rows, const struct faiss_links *links,
                            struct faiss_graph **out, struct err *err) MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
