/*
 * Resampling with Pillow's reducing BILINEAR ("triangle-u8" in docs/model-package.md), bit for bit: models are
 * trained on pictures that Pillow resized, and a resize that differs by a level shifts their answers. libvips'
 * own kernels round otherwise, hence this one.
 */
#include "image/image.h"
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { PRECISION_BITS = 32 - 8 - 2 };

/* For each output pixel: the first input pixel, how many, and their weights at weights[o * most]. */
struct axis {
    int in, out, most;
    int *first, *count;
    int32_t *weights;
};

static void axis_release(struct axis *a)
{
    free(a->first);
    free(a->count);
    free(a->weights);
}

static bool axis_init(struct axis *a, int in, int out)
{
    double scale = (double)in / out, fscale = scale > 1 ? scale : 1, *k;
    *a = (struct axis){.in = in, .out = out, .most = (int)ceil(fscale) * 2 + 1};
    a->first = malloc((size_t)out * sizeof *a->first);
    a->count = malloc((size_t)out * sizeof *a->count);
    a->weights = calloc((size_t)out * (size_t)a->most, sizeof *a->weights);
    k = malloc((size_t)a->most * sizeof *k);
    if (!a->first || !a->count || !a->weights || !k) {
        axis_release(a);
        free(k);
        return false;
    }
    for (int o = 0; o < out; o++) {
        double centre = (o + .5) * scale, sum = 0;
        int lo = (int)(centre - fscale + .5), hi = (int)(centre + fscale + .5);
        if (lo < 0) lo = 0;
        if (hi > in) hi = in;
        for (int i = lo; i < hi; i++) {
            double w = 1 - fabs((i - centre + .5) * (1.0 / fscale));
            sum += k[i - lo] = w > 0 ? w : 0;
        }
        a->first[o] = lo;
        a->count[o] = hi - lo;
        for (int i = 0; i < hi - lo; i++)
            a->weights[(size_t)o * (size_t)a->most + (size_t)i] =
                (int32_t)(.5 + k[i] / sum * (1 << PRECISION_BITS));
    }
    free(k);
    return true;
}

static inline uint8_t clip(int32_t v)
{
    v >>= PRECISION_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void across_plain(const struct axis *a, const uint8_t *row, uint8_t *out)
{
    for (int o = 0; o < a->out; o++, out += 3) {
        const int32_t *w = a->weights + (size_t)o * (size_t)a->most;
        const uint8_t *p = row + (size_t)a->first[o] * 3;
        int32_t r = 1 << (PRECISION_BITS - 1), g = r, b = r;
        for (int i = 0; i < a->count[o]; i++, p += 3) {
            r += p[0] * w[i];
            g += p[1] * w[i];
            b += p[2] * w[i];
        }
        out[0] = clip(r);
        out[1] = clip(g);
        out[2] = clip(b);
    }
}

/* One output row from `count` rows of `n` bytes each; the compiler makes vector code of it. */
static void down_plain(const uint8_t *rows, size_t n, const int32_t *w, int count, int32_t *restrict sum,
                       uint8_t *restrict out)
{
    for (size_t x = 0; x < n; x++)
        sum[x] = 1 << (PRECISION_BITS - 1);
    for (int i = 0; i < count; i++, rows += n)
        for (size_t x = 0; x < n; x++)
            sum[x] += rows[x] * w[i];
    for (size_t x = 0; x < n; x++)
        out[x] = clip(sum[x]);
}

/* Whole numbers: both ways give the same bytes. */
struct way {
    void (*across)(const struct axis *a, const uint8_t *row, uint8_t *out);
    void (*down)(const uint8_t *rows, size_t n, const int32_t *w, int count, int32_t *restrict sum,
                 uint8_t *restrict out);
};
static const struct way plain = {across_plain, down_plain};

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

/* The three sums of a pixel at once; the fourth is not looked at. Reads a byte past the last pixel. */
AVX2 static void across_avx2(const struct axis *a, const uint8_t *row, uint8_t *out)
{
    for (int o = 0; o < a->out; o++, out += 3) {
        const int32_t *w = a->weights + (size_t)o * (size_t)a->most;
        const uint8_t *p = row + (size_t)a->first[o] * 3;
        __m128i sum = _mm_set1_epi32(1 << (PRECISION_BITS - 1));
        for (int i = 0; i < a->count[o]; i++, p += 3) {
            int32_t pixel;
            memcpy(&pixel, p, sizeof pixel);
            __m128i levels = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(pixel));
            sum = _mm_add_epi32(sum, _mm_mullo_epi32(levels, _mm_set1_epi32(w[i])));
        }
        sum = _mm_srai_epi32(sum, PRECISION_BITS);
        sum = _mm_packs_epi32(sum, sum);
        uint32_t rgb = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
        memcpy(out, &rgb, 3);
    }
}

/* The last up to 7 columns one by one. */
AVX2 static void down_avx2(const uint8_t *rows, size_t n, const int32_t *w, int count, int32_t *restrict unused,
                           uint8_t *restrict out)
{
    size_t x = 0;
    (void)unused;
    for (; x + 8 <= n; x += 8) {
        __m256i sum = _mm256_set1_epi32(1 << (PRECISION_BITS - 1));
        for (int i = 0; i < count; i++) {
            __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(rows + (size_t)i * n + x));
            sum =
                _mm256_add_epi32(sum, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(w[i])));
        }
        sum = _mm256_srai_epi32(sum, PRECISION_BITS);
        __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        _mm_storel_epi64((__m128i *)(void *)(out + x), _mm_packus_epi16(half, half));
    }
    for (; x < n; x++) {
        int32_t sum = 1 << (PRECISION_BITS - 1);
        for (int i = 0; i < count; i++)
            sum += rows[(size_t)i * n + x] * w[i];
        out[x] = clip(sum);
    }
}

static struct way best_way(void)
{
    return __builtin_cpu_supports("avx2") ? (struct way){across_avx2, down_avx2} : plain;
}
#else
static struct way best_way(void) { return plain; }
#endif

/* Into `out`, whose rows are `stride` bytes apart. */
static enum rc resample(const struct image *im, int width, int height, uint8_t *out, size_t stride,
                        struct err *err)
{
    struct axis h = {0}, v = {0};
    size_t n = (size_t)width * 3;
    uint8_t *middle = malloc((size_t)im->height * n);
    int32_t *sum = malloc(n * sizeof *sum);
    bool fine = middle && sum && axis_init(&h, im->width, width) && axis_init(&v, im->height, height);
    if (fine) {
        struct way way = best_way();
        for (int y = 0; y < im->height; y++) {
            bool last = y + 1 == im->height; /* nothing may be read behind it */
            (last ? plain : way)
                .across(&h, im->rgb + (size_t)y * (size_t)im->width * 3, middle + (size_t)y * n);
        }
        for (int y = 0; y < height; y++)
            way.down(middle + (size_t)v.first[y] * n, n, v.weights + (size_t)y * (size_t)v.most, v.count[y],
                     sum, out + (size_t)y * stride);
        axis_release(&v);
        axis_release(&h);
    } else if (h.first) {
        axis_release(&h);
    }
    free(middle);
    free(sum);
    return fine ? RC_OK : err_set(err, RC_NOMEM, "out of memory while resizing a picture");
}

/* The size that fills the box with its longest side, the other rounded half up. */
static void fit(int w, int h, int box_w, int box_h, int *out_w, int *out_h)
{
    int64_t other;
    if (w >= h) {
        other = (2 * (int64_t)h * box_w + w) / (2 * (int64_t)w);
        *out_w = box_w;
        *out_h = other < 1 ? 1 : other > box_h ? box_h : (int)other;
    } else {
        other = (2 * (int64_t)w * box_h + h) / (2 * (int64_t)h);
        *out_h = box_h;
        *out_w = other < 1 ? 1 : other > box_w ? box_w : (int)other;
    }
}

enum rc image_resize_pad(const struct image *im, int width, int height, uint8_t *out, struct err *err)
{
    ASSERT(im->rgb && im->width > 0 && im->height > 0 && width > 0 && height > 0);
    int w, h;
    fit(im->width, im->height, width, height, &w, &h);
    size_t left = (size_t)(width - w) / 2, top = (size_t)(height - h) / 2, stride = (size_t)width * 3;
    enum rc rc = resample(im, w, h, out + top * stride + left * 3, stride, err);
    if (rc) return rc;
    for (size_t y = top; y < top + (size_t)h; y++) {
        uint8_t *row = out + y * stride, *last = row + (left + (size_t)w - 1) * 3;
        for (size_t x = 0; x < left; x++)
            memcpy(row + x * 3, row + left * 3, 3);
        for (size_t x = left + (size_t)w; x < (size_t)width; x++)
            memcpy(row + x * 3, last, 3);
    }
    for (size_t y = 0; y < top; y++)
        memcpy(out + y * stride, out + top * stride, stride);
    for (size_t y = top + (size_t)h; y < (size_t)height; y++)
        memcpy(out + y * stride, out + (top + (size_t)h - 1) * stride, stride);
    return RC_OK;
}

enum rc image_resize_to(const struct image *im, int width, int height, struct image *out, struct err *err)
{
    ASSERT(im->rgb && im->width > 0 && im->height > 0 && width > 0 && height > 0);
    enum rc rc = image_create(width, height, out, err);
    if (rc) return rc;
    if (width == im->width && height == im->height) {
        memcpy(out->rgb, im->rgb, (size_t)width * (size_t)height * 3);
        return RC_OK;
    }
    rc = resample(im, width, height, out->rgb, (size_t)width * 3, err);
    if (rc) image_release(out);
    return rc;
}

enum rc image_resize(const struct image *im, int longest_px, struct image *out, struct err *err)
{
    ASSERT(im->rgb && im->width > 0 && im->height > 0);
    int longest = im->width > im->height ? im->width : im->height, w = im->width, h = im->height;
    if (longest_px > 0 && longest > longest_px) fit(im->width, im->height, longest_px, longest_px, &w, &h);
    return image_resize_to(im, w, h, out, err);
}
