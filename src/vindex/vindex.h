/*
 * Nearest neighbours among unit vectors by cosine (= inner product). Two engines behind one interface:
 *
 *   exact  a scan over vectors quantised to signed 8 bits, the best candidates re-ranked in f32. The
 *          scan's integer scores are bit-identical on AVX-512 VNNI, AVX2, NEON and portable code, chosen
 *          at run time.
 *   hnsw   FAISS HNSW (Malkov & Yashunin 2016, arXiv:1603.09320) over f32, for large catalogues.
 *
 * Filters act inside the search: only rows whose bit is set in `allow` are candidates, so that k
 * answers come back whenever k rows are allowed, whatever the selectivity (HNSW falls back to the scan
 * when few rows are allowed).
 *
 * Threading: a built index is immutable; any number of threads may search it.
 */
#ifndef VINDEX_VINDEX_H
#define VINDEX_VINDEX_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct vindex;

enum vindex_engine { VINDEX_AUTO, VINDEX_EXACT, VINDEX_HNSW };
/* VINDEX_AUTO takes HNSW from this many rows on. */
enum { VINDEX_HNSW_ROWS = 150000, VINDEX_MAX_DIM = 4096, VINDEX_MAX_K = 1000 };

struct vindex_hit {
    uint32_t row;
    float score; /* cosine, -1 .. 1, computed in f32 */
};

/* vectors: (n, dim) f32, row-major, each of unit length (rows of zeros are allowed and never found);
 * copied. dim a multiple of 32. `threads` for building. RC_INVALID for NaN or a wrong dim, RC_NOMEM. */
enum rc vindex_build(const float *vectors, size_t n, size_t dim, enum vindex_engine engine, unsigned threads,
                     struct vindex **out, struct err *err) MUST_USE;
void vindex_destroy(struct vindex *v);

size_t vindex_count(const struct vindex *v);
size_t vindex_dim(const struct vindex *v);
const float *vindex_vector(const struct vindex *v, uint32_t row); /* (dim) f32, borrowed */
const char *vindex_kernel(void); /* "avx512vnni", "avx2", "neon" or "portable": what runs here */
/* For tests and benchmarks: another kernel of that name; false if this processor lacks it. */
bool vindex_use_kernel(const char *name);

/* query: (dim) f32, unit length. allow: bit r of word r/64 says whether row r may be found; NULL: all.
 * Fills at most k (<= VINDEX_MAX_K) hits, best first, ties by row; their number in *found. */
enum rc vindex_search(const struct vindex *v, const float *query, const uint64_t *allow, size_t k,
                      struct vindex_hit *hits, size_t *found, struct err *err) MUST_USE;

/* The engine's own index (HNSW graph) to and from a file, so that a restart need not rebuild it; the
 * file carries a SHA-256 and the number of rows. The exact engine writes its quantised rows. RC_CORRUPT
 * when the file does not fit `vectors`. */
enum rc vindex_save(const struct vindex *v, const char *path, struct err *err) MUST_USE;
enum rc vindex_load(const char *path, const float *vectors, size_t n, size_t dim, struct vindex **out,
                    struct err *err) MUST_USE;
#endif
