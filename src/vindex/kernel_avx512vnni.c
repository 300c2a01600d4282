/*
 * The integer scan with AVX-512 VNNI. vpdpbusd multiplies unsigned by signed bytes and adds four
 * products to each 32-bit lane without saturating. Rows become unsigned by flipping their top bit
 * (r + 128), which adds 128 * sum(query) to every result: a constant of the query, taken off at the end.
 */
#if defined(__x86_64__)
#include "vindex/vindex_impl.h"

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512vnni")))

static bool usable(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

TARGET static inline __m512i row_part(const int8_t *p)
{
    return _mm512_xor_si512(_mm512_load_si512((const void *)p), _mm512_set1_epi8((char)0x80));
}

/* The sums of four vectors of 16 lanes, as four lanes. */
TARGET static inline __m128i sum4(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

TARGET static void dots(const int8_t *rows, size_t stride, size_t n, const int8_t *query, int32_t query_sum,
                        int32_t *out)
{
    const int32_t excess = 128 * query_sum;
    size_t i = 0;
    for (; i + 4 <= n; i += 4, rows += 4 * stride) {
        __m512i a = _mm512_setzero_si512(), b = a, c = a, e = a;
        for (size_t d = 0; d < stride; d += 64) {
            __m512i q = _mm512_load_si512((const void *)(query + d));
            a = _mm512_dpbusd_epi32(a, row_part(rows + d), q);
            b = _mm512_dpbusd_epi32(b, row_part(rows + stride + d), q);
            c = _mm512_dpbusd_epi32(c, row_part(rows + 2 * stride + d), q);
            e = _mm512_dpbusd_epi32(e, row_part(rows + 3 * stride + d), q);
        }
        __m128i four = _mm_sub_epi32(sum4(a, b, c, e), _mm_set1_epi32(excess));
        _mm_storeu_si128((__m128i *)(void *)(out + i), four);
    }
    for (; i < n; i++, rows += stride) {
        __m512i a = _mm512_setzero_si512();
        for (size_t d = 0; d < stride; d += 64)
            a = _mm512_dpbusd_epi32(a, row_part(rows + d), _mm512_load_si512((const void *)(query + d)));
        out[i] = _mm512_reduce_add_epi32(a) - excess;
    }
}

const struct vindex_kernel vindex_kernel_avx512vnni = {"avx512vnni", dots, usable};
#endif
