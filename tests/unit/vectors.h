/* Synthetic unit vectors in clusters, the same for the same seed; for tests and benchmarks of vindex. */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014) */
static inline uint64_t next_u64(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline float next_uniform(uint64_t *seed) /* -1 .. 1 */
{
    return (float)((double)(next_u64(seed) >> 11) * 0x1p-52 - 1);
}

static inline void make_unit(float *v, size_t dim)
{
    double sum = 0;
    for (size_t d = 0; d < dim; d++)
        sum += (double)v[d] * v[d];
    for (size_t d = 0; d < dim; d++)
        v[d] = (float)(v[d] / sqrt(sum));
}

/* n vectors around `clusters` centres; `spread` 0: on the centres, 1: as far as the centres from one another. */
static inline void fill_clustered(float *v, size_t n, size_t dim, size_t clusters, float spread, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t centre = seed * 1000003 + next_u64(&seed) % clusters;
        for (size_t d = 0; d < dim; d++)
            v[i * dim + d] = next_uniform(&centre) + spread * next_uniform(&seed);
        make_unit(v + i * dim, dim);
    }
}

/* As embeddings of a catalogue lie: few hidden dimensions (here 24) folded into many, some noise, clusters that
 * overlap, none of it random in all directions. `world` decides the folding and the clusters, `seed` the items. */
static inline void fill_catalogue(float *v, size_t n, size_t dim, uint64_t world, uint64_t seed)
{
    enum { HIDDEN = 24, CLUSTERS = 150, MAX_DIM = 512 };
    static float fold[HIDDEN * MAX_DIM];
    for (size_t i = 0; i < HIDDEN * dim; i++)
        fold[i] = next_uniform(&world);
    for (size_t i = 0; i < n; i++, v += dim) {
        uint64_t centre = world + next_u64(&seed) % CLUSTERS;
        for (size_t d = 0; d < dim; d++)
            v[d] = .3f * next_uniform(&seed);
        for (size_t h = 0; h < HIDDEN; h++) {
            float x = next_uniform(&centre) + .7f * next_uniform(&seed);
            for (size_t d = 0; d < dim; d++)
                v[d] += x * fold[h * dim + d];
        }
        make_unit(v, dim);
    }
}
#endif
