/* FAISS's flat index, for bench_vindex: what one would take without an index of one's own. One thread, as the
 * others there. */
#include <faiss/IndexFlat.h>

#include <cstdint>
#include <omp.h>

extern "C" {
void openblas_set_num_threads(int n);

void *flat_build(const float *rows, size_t n, size_t dim)
{
    openblas_set_num_threads(1);
    omp_set_num_threads(1);
    auto *flat = new faiss::IndexFlatIP((faiss::Index::idx_t)dim);
    flat->add((faiss::Index::idx_t)n, rows);
    return flat;
}

void flat_search(void *flat, const float *queries, size_t n, size_t k, float *scores, int64_t *rows)
{
    static_cast<faiss::IndexFlatIP *>(flat)->search((faiss::Index::idx_t)n, queries, (faiss::Index::idx_t)k,
                                                    scores, rows);
}

void flat_destroy(void *flat) { delete static_cast<faiss::IndexFlatIP *>(flat); }
}
