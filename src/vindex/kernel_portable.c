/* The integer scan in plain C: the definition that the other kernels must match bit for bit. */
#include "vindex/vindex_impl.h"

static bool usable(void) { return true; }

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O3")))
#endif
static void
dots(const int8_t *rows, size_t stride, size_t n, const int8_t *query, int32_t query_sum, int32_t *out)
{
    (void)query_sum;
    for (size_t i = 0; i < n; i++, rows += stride) {
        int32_t sum = 0;
        for (size_t d = 0; d < stride; d += 64) { /* a fixed count, which compilers turn into vectors */
            for (size_t j = 0; j < 64; j++)
                sum += (int16_t)(rows[d + j] * query[d + j]);
        }
        out[i] = sum;
    }
}

const struct vindex_kernel vindex_kernel_portable = {"portable", dots, usable};
