/*
 * Prints the integer scores of every kernel that runs here, over rows made from a seed: tests/qemu_neon.sh
 * compares what this prints natively with what it prints on emulated ARM processors. Needs nothing but
 * src/vindex/kernel*.c.
 */
#include "vindex/vindex_impl.h"

#include "../unit/vectors.h"

#include <inttypes.h>

static const char *const KERNELS[] = {"avx512vnni", "avx2", "neondot", "neon", "portable"};
static _Alignas(64) int8_t rows[65 * VINDEX_MAX_DIM], query[VINDEX_MAX_DIM];

static int8_t element(uint64_t *seed, unsigned how)
{
    int v = (int)(next_u64(seed) % 255) - 127;
    return (int8_t)(how == 0 ? v : how == 1 ? 127 : how == 2 ? -127 : v < 0 ? -127 : 127);
}

static void print_scores(const char *kernel, bool named)
{
    static const size_t strides[] = {64, 128, 256, 512, VINDEX_MAX_DIM}, counts[] = {1, 2, 3, 4, 7, 64, 65};
    uint64_t seed = 42;
    for (size_t s = 0; s < 5; s++) {
        for (unsigned how = 0; how < 16; how++) {
            size_t n = counts[(s + how) % 7];
            int32_t sum = 0, out[65];
            uint64_t hash = 0;
            for (size_t i = 0; i < n * strides[s]; i++)
                rows[i] = element(&seed, how % 4);
            for (size_t i = 0; i < strides[s]; i++)
                sum += query[i] = element(&seed, how / 4);
            vindex_kernel_now()->dots(rows, strides[s], n, query, sum, out);
            for (size_t i = 0; i < n; i++)
                hash = hash * 31 + (uint32_t)out[i];
            if (named) printf("%s ", kernel);
            printf("stride %zu rows %zu how %u: first %" PRId32 " last %" PRId32 " all %016" PRIx64 "\n",
                   strides[s], n, how, out[0], out[n - 1], hash);
        }
    }
}

/* scores [KERNEL]: the scores alone; without a kernel: the names of those that run here, the chosen one first. */
int main(int argc, char **argv)
{
    if (argc > 1) {
        if (!vindex_use_kernel(argv[1])) return 3;
        print_scores(argv[1], false);
        return 0;
    }
    const char *chosen = vindex_kernel();
    puts(chosen);
    for (size_t i = 0; i < sizeof KERNELS / sizeof *KERNELS; i++)
        if (strcmp(KERNELS[i], chosen) != 0 && vindex_use_kernel(KERNELS[i])) puts(KERNELS[i]);
    return 0;
}
