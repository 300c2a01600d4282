/*
 * The integer scan with AVX2. maddubs multiplies unsigned by signed bytes and adds pairs in 16 bits,
 * saturating: with |row| as the unsigned side and the query carrying the row's sign, a pair is at most
 * 2 * 127 * 127 = 32,258 and nothing saturates (rows and queries never hold -128). Widening both sides
 * to 16 bits and madd instead is right too, and half as fast.
 */
#if defined(__x86_64__)
#include "vindex/vindex_impl.h"

#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

static bool usable(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}

TARGET static inline __m256i add_part(__m256i sum, const int8_t *row, __m256i q)
{
    __m256i r = _mm256_load_si256((const __m256i *)(const void *)row);
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(r), _mm256_sign_epi8(q, r));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

TARGET static inline __m128i sum4(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

TARGET static void dots(const int8_t *rows, size_t stride, size_t n, const int8_t *query, int32_t query_sum,
                        int32_t *out)
{
    (void)query_sum;
    const __m256i zero = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 4 <= n; i += 4, rows += 4 * stride) {
        __m256i a = zero, b = zero, c = zero, e = zero;
        for (size_t d = 0; d < stride; d += 32) {
            __m256i q = _mm256_load_si256((const __m256i *)(const void *)(query + d));
            a = add_part(a, rows + d, q);
            b = add_part(b, rows + stride + d, q);
            c = add_part(c, rows + 2 * stride + d, q);
            e = add_part(e, rows + 3 * stride + d, q);
        }
        _mm_storeu_si128((__m128i *)(void *)(out + i), sum4(a, b, c, e));
    }
    for (; i < n; i++, rows += stride) {
        __m256i a = zero;
        for (size_t d = 0; d < stride; d += 32)
            a = add_part(a, rows + d, _mm256_load_si256((const __m256i *)(const void *)(query + d)));
        out[i] = _mm_cvtsi128_si32(sum4(a, zero, zero, zero));
    }
}

const struct vindex_kernel vindex_kernel_avx2 = {"avx2", dots, usable};
#endif
