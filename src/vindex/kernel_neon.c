/*
 * The integer scan on 64-bit ARM. "neondot" uses sdot (ARMv8.2 dot product: four products to a 32-bit
 * lane, nothing saturates); "neon" is for processors without it: widening multiply to 16 bits, then
 * pairwise accumulation in 32 (127 * 127 fits 16 bits, each pair is added in 32).
 */
#if defined(__aarch64__)
#include "vindex/vindex_impl.h"

#include <arm_neon.h>
#include <sys/auxv.h>

#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
#if defined(__clang__)
#define TARGET_DOT __attribute__((target("dotprod")))
#else
#define TARGET_DOT __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

static bool usable(void) { return true; /* part of the base architecture */ }

static bool usable_dot(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }

static inline int32x4_t add_part(int32x4_t sum, const int8_t *row, int8x16_t q)
{
    int8x16_t r = vld1q_s8(row);
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(r), vget_low_s8(q)));
    return vpadalq_s16(sum, vmull_high_s8(r, q));
}

static void dots(const int8_t *rows, size_t stride, size_t n, const int8_t *query, int32_t query_sum,
                 int32_t *out)
{
    (void)query_sum;
    size_t i = 0;
    for (; i + 2 <= n; i += 2, rows += 2 * stride) {
        int32x4_t a = vdupq_n_s32(0), b = a;
        for (size_t d = 0; d < stride; d += 16) {
            int8x16_t q = vld1q_s8(query + d);
            a = add_part(a, rows + d, q);
            b = add_part(b, rows + stride + d, q);
        }
        out[i] = vaddvq_s32(a);
        out[i + 1] = vaddvq_s32(b);
    }
    for (; i < n; i++, rows += stride) {
        int32x4_t a = vdupq_n_s32(0);
        for (size_t d = 0; d < stride; d += 16)
            a = add_part(a, rows + d, vld1q_s8(query + d));
        out[i] = vaddvq_s32(a);
    }
}

TARGET_DOT static void dots_dot(const int8_t *rows, size_t stride, size_t n, const int8_t *query,
                                int32_t query_sum, int32_t *out)
{
    (void)query_sum;
    size_t i = 0;
    for (; i + 4 <= n; i += 4, rows += 4 * stride) {
        int32x4_t a = vdupq_n_s32(0), b = a, c = a, e = a;
        for (size_t d = 0; d < stride; d += 16) {
            int8x16_t q = vld1q_s8(query + d);
            a = vdotq_s32(a, vld1q_s8(rows + d), q);
            b = vdotq_s32(b, vld1q_s8(rows + stride + d), q);
            c = vdotq_s32(c, vld1q_s8(rows + 2 * stride + d), q);
            e = vdotq_s32(e, vld1q_s8(rows + 3 * stride + d), q);
        }
        vst1q_s32(out + i, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, e)));
    }
    for (; i < n; i++, rows += stride) {
        int32x4_t a = vdupq_n_s32(0);
        for (size_t d = 0; d < stride; d += 16)
            a = vdotq_s32(a, vld1q_s8(rows + d), vld1q_s8(query + d));
        out[i] = vaddvq_s32(a);
    }
}

const struct vindex_kernel vindex_kernel_neon = {"neon", dots, usable};
const struct vindex_kernel vindex_kernel_neondot = {"neondot", dots_dot, usable_dot};
#endif
