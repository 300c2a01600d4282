#include "unit/test.h"
#include "unit/vectors.h"

#include "vindex/vindex.h"
#include "vindex/vindex_impl.h"

#include <pthread.h>

static struct err err;
static const char *const KERNELS[] = {"avx512vnni", "avx2", "neondot", "neon", "portable"};
enum { N_KERNELS = sizeof KERNELS / sizeof *KERNELS, DIM = 256 };

/* Sanitizers make building a graph some thirty times slower: fewer rows there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOW = 1 };
#else
enum { SLOW = 0 };
#endif

static float *clustered(size_t n, size_t dim, uint64_t seed)
{
    float *v = malloc(n * dim * sizeof *v + 1);
    assert_non_null(v);
    fill_clustered(v, n, dim, n / 100 + 1, .6f, seed);
    return v;
}

static struct vindex *build(const float *v, size_t n, size_t dim, enum vindex_engine engine)
{
    struct vindex *index = NULL;
    assert_ok(vindex_build(v, n, dim, engine, 1, &index, &err));
    return index;
}

static bool is_allowed(const uint64_t *allow, size_t row)
{
    return !allow || ((allow[row / 64] >> (row % 64)) & 1);
}

/* What the search should find: all rows scored in f32. Returns how many there are. */
static size_t brute_force(const float *v, size_t n, size_t dim, const float *query, const uint64_t *allow,
                          size_t k, struct vindex_hit *hits)
{
    struct vindex_top top = {.heap = hits, .cap = k};
    for (size_t r = 0; r < n; r++)
        if (is_allowed(allow, r))
            vindex_top_add(&top, (struct vindex_hit){(uint32_t)r, vindex_dot(query, v + r * dim, dim)});
    vindex_top_sort(&top);
    return top.n;
}

static size_t in_common(const struct vindex_hit *a, size_t n, const struct vindex_hit *b, size_t m)
{
    size_t common = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            common += a[i].row == b[j].row;
    return common;
}

/* ---- kernels ---- */

static void expect_kernels_agree(const int8_t *rows, size_t stride, size_t n, const int8_t *query)
{
    int32_t sum = 0, got[80];
    assert_true(n < 80);
    for (size_t d = 0; d < stride; d++)
        sum += query[d];
    for (size_t k = 0; k < N_KERNELS; k++) {
        if (!vindex_use_kernel(KERNELS[k])) continue;
        memset(got, 0x55, sizeof got);
        vindex_kernel_now()->dots(rows, stride, n, query, sum, got);
        for (size_t i = 0; i < n; i++) {
            int64_t want = 0;
            for (size_t d = 0; d < stride; d++)
                want += (int64_t)rows[i * stride + d] * query[d];
            if (got[i] != want)
                fail_msg("%s: row %zu: %d instead of %lld", KERNELS[k], i, got[i], (long long)want);
        }
        assert_int_equal(got[n], 0x55555555); /* nothing written behind the end */
    }
}

static void fill_s8(int8_t *p, size_t n, int how, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        int v = (int)(next_u64(seed) % 255) - 127;
        switch (how) {
        case 1:
            v = 127;
            break;
        case 2:
            v = -127;
            break;
        case 3:
            v = v < 0 ? -127 : 127;
            break;
        case 4:
            v = 0;
            break;
        }
        p[i] = (int8_t)v;
    }
}

static void kernels_agree_bit_for_bit(void **state)
{
    (void)state;
    static _Alignas(64) int8_t rows[65 * VINDEX_MAX_DIM], query[VINDEX_MAX_DIM];
    static const size_t counts[] = {0, 1, 2, 3, 4, 5, 8, 17, 64, 65};
    static const size_t strides[] = {64, 192, 256, VINDEX_MAX_DIM};
    uint64_t seed = 1;
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        for (int how = 0; how < 25; how++) {
            fill_s8(rows, 65 * strides[s], how % 5, &seed);
            fill_s8(query, strides[s], how / 5, &seed);
            for (size_t n = 0; n < sizeof counts / sizeof *counts; n++)
                expect_kernels_agree(rows, strides[s], counts[n], query);
        }
    }
}

static void every_kernel_finds_the_same(void **state)
{
    (void)state;
    enum { N = 3000, K = 25 };
    float *v = clustered(N, DIM, 2), *queries = clustered(20, DIM, 3);
    struct vindex *index = build(v, N, DIM, VINDEX_EXACT);
    struct vindex_hit want[K], got[K];
    size_t n_want, n_got;
    for (size_t q = 0; q < 20; q++) {
        assert_true(vindex_use_kernel("portable"));
        assert_ok(vindex_search(index, queries + q * DIM, NULL, K, want, &n_want, &err));
        assert_int_equal(n_want, K);
        for (size_t k = 0; k < N_KERNELS; k++) {
            if (!vindex_use_kernel(KERNELS[k])) continue;
            assert_string_equal(vindex_kernel(), KERNELS[k]);
            assert_ok(vindex_search(index, queries + q * DIM, NULL, K, got, &n_got, &err));
            assert_int_equal(n_got, K);
            assert_memory_equal(got, want, sizeof want);
        }
    }
    assert_false(vindex_use_kernel("abacus"));
    vindex_destroy(index);
    free(v);
    free(queries);
}

/* ---- quantisation ---- */

static void quantising_stays_in_range(void **state)
{
    (void)state;
    int8_t out[64];
    float v[32] = {1, -1, 1e-30f, .5f};
    int32_t sum;
    assert_float_equal(vindex_quantise(v, 32, 64, out, &sum), 1 / 127.f, 1e-9);
    assert_int_equal(out[0], 127);
    assert_int_equal(out[1], -127);
    assert_int_equal(out[2], 0);
    assert_int_equal(out[3], 64); /* 63.5 goes to the even neighbour */
    assert_int_equal(sum, 64);
    for (size_t i = 4; i < 64; i++)
        assert_int_equal(out[i], 0);
    memset(v, 0, sizeof v);
    v[7] = 1e-42f; /* 127 / this would be infinite */
    assert_true(vindex_quantise(v, 32, 64, out, &sum) == 0);
    assert_int_equal(sum, 0);
}

/* ---- searching ---- */

static void near(float *query, size_t dim)
{
    query[0] += .05f;
    make_unit(query, dim);
}

static void recall_against_brute_force(void **state)
{
    (void)state;
    enum { N = 4000, Q = 60, K = 10 };
    static const size_t dims[] = {32, 96, 256, 512};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        size_t dim = dims[i], common = 0;
        float *v = clustered(N, dim, 10 + i), *queries = clustered(Q, dim, 10 + i);
        struct vindex *index = build(v, N, dim, VINDEX_AUTO);
        assert_int_equal(vindex_count(index), N);
        assert_int_equal(vindex_dim(index), dim);
        for (size_t q = 0; q < Q; q++) {
            struct vindex_hit want[K], got[K];
            size_t found;
            float *query = queries + q * dim;
            near(query, dim); /* a row, not on it */
            assert_int_equal(brute_force(v, N, dim, query, NULL, K, want), K);
            assert_ok(vindex_search(index, query, NULL, K, got, &found, &err));
            assert_int_equal(found, K);
            common += in_common(got, K, want, K);
            for (size_t j = 0; j < K; j++) { /* the score is the cosine itself */
                float cosine = vindex_dot(query, v + got[j].row * dim, dim);
                assert_memory_equal(&got[j].score, &cosine, sizeof cosine);
                assert_true(j == 0 || vindex_before(got[j - 1], got[j]));
            }
        }
        if ((double)common < .99 * Q * K) fail_msg("dim %zu: recall@10 %.3f", dim, (double)common / (Q * K));
        vindex_destroy(index);
        free(v);
        free(queries);
    }
}

static void recall_of_many(void **state)
{
    (void)state;
    enum { N = SLOW ? 4000 : 20000, Q = 10 };
    static const size_t ks[] = {1, 10, 100, 300, 1000};
    float *v = malloc((size_t)N * DIM * sizeof *v), *queries = malloc((size_t)Q * DIM * sizeof *v);
    assert_true(v && queries);
    fill_catalogue(v, N, DIM, 70, 71);
    fill_catalogue(queries, Q, DIM, 70, 72);
    struct vindex *index = build(v, N, DIM, VINDEX_EXACT);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        static struct vindex_hit want[VINDEX_MAX_K], got[VINDEX_MAX_K];
        size_t found, met = 0;
        for (size_t q = 0; q < Q; q++) {
            brute_force(v, N, DIM, queries + q * DIM, NULL, ks[i], want);
            assert_ok(vindex_search(index, queries + q * DIM, NULL, ks[i], got, &found, &err));
            assert_int_equal(found, ks[i]);
            for (size_t j = 0; j < found; j++)
                met += got[j].score >= want[found - 1].score;
        }
        if ((double)met < .995 * Q * (double)ks[i])
            fail_msg("recall@%zu %.4f", ks[i], (double)met / (Q * (double)ks[i]));
    }
    vindex_destroy(index);
    free(v);
    free(queries);
}

static size_t set_random_bits(uint64_t *allow, size_t n, double share, uint64_t seed)
{
    size_t set = 0;
    memset(allow, 0, (n / 64 + 1) * sizeof *allow);
    for (size_t r = 0; r < n; r++) {
        if ((double)(next_u64(&seed) >> 11) * 0x1p-53 >= share) continue;
        allow[r / 64] |= UINT64_C(1) << (r % 64);
        set++;
    }
    return set;
}

/* As brute force over the allowed rows alone; also bits behind n, which must not matter. */
static void expect_filtered(const struct vindex *index, const float *v, const float *query, uint64_t *allow,
                            size_t k)
{
    size_t n = vindex_count(index), dim = vindex_dim(index), found;
    struct vindex_hit *want = calloc(k + 1, sizeof *want), *got = calloc(k + 1, sizeof *got);
    assert_true(want && got);
    size_t n_want = brute_force(v, n, dim, query, allow, k, want);
    for (size_t r = n; r < (n / 64 + 1) * 64; r++)
        allow[r / 64] |= UINT64_C(1) << (r % 64);
    assert_ok(vindex_search(index, query, allow, k, got, &found, &err));
    assert_int_equal(found, n_want);
    for (size_t i = 0; i < found; i++)
        assert_true(got[i].row < n && is_allowed(allow, got[i].row));
    assert_true(in_common(got, found, want, n_want) * 100 >= n_want * 95);
    free(want);
    free(got);
}

static void filters_are_exact_at_any_selectivity(void **state)
{
    (void)state;
    enum { N = 5003 };
    static const double shares[] = {0, .0004, .002, .01, .05, .2, .5, .9, 1};
    static const size_t ks[] = {1, 10, 100, 1000};
    float *v = clustered(N, DIM, 20), *queries = clustered(4, DIM, 21);
    uint64_t allow[N / 64 + 1];
    struct vindex *index = build(v, N, DIM, VINDEX_EXACT);
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        for (size_t j = 0; j < 4; j++) {
            set_random_bits(allow, N, shares[s], 100 + s);
            expect_filtered(index, v, queries + j * DIM, allow, ks[j]);
        }
    }
    for (size_t row = 0; row < N; row += 617) { /* one row alone */
        memset(allow, 0, sizeof allow);
        allow[row / 64] |= UINT64_C(1) << (row % 64);
        expect_filtered(index, v, queries, allow, 10);
    }
    vindex_destroy(index);
    free(v);
    free(queries);
}

static void equal_scores_come_by_row(void **state)
{
    (void)state;
    enum { N = 700, K = 300 };
    float *v = clustered(N, DIM, 30);
    for (size_t r = 1; r < N; r++) /* all the same, but for a few that are worse */
        if (r % 50 != 7) memcpy(v + r * DIM, v, DIM * sizeof *v);
    struct vindex *index = build(v, N, DIM, VINDEX_EXACT);
    struct vindex_hit hits[K];
    size_t found;
    assert_ok(vindex_search(index, v, NULL, K, hits, &found, &err));
    assert_int_equal(found, K);
    uint32_t want = 0;
    for (size_t i = 0; i < K; i++, want++) {
        if (want % 50 == 7) want++;
        assert_int_equal(hits[i].row, want);
    }
    vindex_destroy(index);
    free(v);
}

static void odd_sizes_and_zero_rows(void **state)
{
    (void)state;
    struct vindex_hit hits[VINDEX_MAX_K];
    size_t found = 7;
    float query[32] = {1};
    struct vindex *index = build(NULL, 0, 32, VINDEX_EXACT);
    assert_ok(vindex_search(index, query, NULL, 10, hits, &found, &err));
    assert_int_equal(found, 0);
    vindex_destroy(index);

    float v[70 * 32] = {0};
    for (size_t r = 0; r < 70; r += 2)
        v[r * 32 + r % 32] = 1; /* odd rows are zeros */
    index = build(v, 70, 32, VINDEX_EXACT);
    assert_ok(vindex_search(index, query, NULL, VINDEX_MAX_K, hits, &found, &err));
    assert_int_equal(found, 35); /* k > n: all there are */
    assert_int_equal(hits[0].row, 0);
    assert_int_equal(hits[1].row, 32);
    assert_int_equal(hits[2].row, 64);
    for (size_t i = 0; i < found; i++)
        assert_int_equal(hits[i].row % 2, 0);
    uint64_t odd[2] = {UINT64_C(0xaaaaaaaaaaaaaaaa), UINT64_C(0xaaaaaaaaaaaaaaaa)};
    assert_ok(vindex_search(index, query, odd, 10, hits, &found, &err));
    assert_int_equal(found, 0);
    assert_ok(vindex_search(index, query, NULL, 0, hits, &found, &err));
    assert_int_equal(found, 0);
    memset(query, 0, sizeof query); /* a query of zeros is equally far from everything */
    assert_ok(vindex_search(index, query, NULL, 3, hits, &found, &err));
    assert_int_equal(found, 3);
    assert_int_equal(hits[2].row, 4);
    assert_memory_equal(vindex_vector(index, 2), v + 64, 32 * sizeof *v);
    vindex_destroy(index);
    vindex_destroy(NULL);
}

static void what_is_no_vector_is_refused(void **state)
{
    (void)state;
    float v[64] = {1};
    struct vindex *index = NULL;
    struct vindex_hit hit;
    size_t found;
    assert_rc(vindex_build(v, 1, 0, VINDEX_AUTO, 1, &index, &err), RC_INVALID);
    assert_rc(vindex_build(v, 1, 33, VINDEX_AUTO, 1, &index, &err), RC_INVALID);
    assert_rc(vindex_build(v, 1, VINDEX_MAX_DIM + 32, VINDEX_AUTO, 1, &index, &err), RC_INVALID);
    assert_rc(vindex_build(v, (size_t)INT32_MAX + 1, 32, VINDEX_AUTO, 1, &index, &err), RC_INVALID);
    v[63] = NAN;
    assert_rc(vindex_build(v, 1, 64, VINDEX_AUTO, 1, &index, &err), RC_INVALID);
    v[63] = -INFINITY;
    assert_rc(vindex_build(v, 1, 64, VINDEX_AUTO, 1, &index, &err), RC_INVALID);
    assert_null(index);
    v[63] = 0;
    index = build(v, 1, 64, VINDEX_AUTO);
    v[5] = NAN;
    assert_rc(vindex_search(index, v, NULL, 1, &hit, &found, &err), RC_INVALID);
    assert_int_equal(found, 0);
    vindex_destroy(index);
}

/* ---- threads ---- */

struct searcher {
    const struct vindex *index;
    const float *queries;
    const struct vindex_hit *want;
    size_t wrong;
};
enum { THREADS = 4, T_QUERIES = 40, T_K = 20 };

static void *search_all(void *arg)
{
    struct searcher *s = arg;
    for (size_t q = 0; q < T_QUERIES; q++) {
        struct vindex_hit hits[T_K];
        size_t found;
        if (vindex_search(s->index, s->queries + q * DIM, NULL, T_K, hits, &found, NULL) != RC_OK ||
            found != T_K || memcmp(hits, s->want + q * T_K, sizeof hits) != 0)
            s->wrong++;
    }
    return NULL;
}

static void expect_threads_agree(enum vindex_engine engine)
{
    enum { N = SLOW ? 800 : 3000 };
    float *v = clustered(N, DIM, 40), *queries = clustered(T_QUERIES, DIM, 41);
    struct vindex *index = build(v, N, DIM, engine);
    struct vindex_hit want[T_QUERIES * T_K];
    pthread_t threads[THREADS];
    struct searcher s[THREADS];
    for (size_t q = 0; q < T_QUERIES; q++) {
        size_t found;
        assert_ok(vindex_search(index, queries + q * DIM, NULL, T_K, want + q * T_K, &found, &err));
        assert_int_equal(found, T_K);
    }
    for (size_t t = 0; t < THREADS; t++) {
        s[t] = (struct searcher){index, queries, want, 0};
        assert_int_equal(pthread_create(&threads[t], NULL, search_all, &s[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(s[t].wrong, 0);
    }
    vindex_destroy(index);
    free(v);
    free(queries);
}

static void threads_search_side_by_side(void **state)
{
    (void)state;
    expect_threads_agree(VINDEX_EXACT);
    expect_threads_agree(VINDEX_HNSW);
}

/* ---- HNSW ---- */

/* Whether the walk itself, without the scan behind it, finds enough. */
static void the_graph_finds(void **state)
{
    (void)state;
    enum { N = SLOW ? 1000 : 6000, Q = 80, K = 10 };
    float *v = malloc((size_t)N * DIM * sizeof *v), *queries = malloc((size_t)Q * DIM * sizeof *v);
    size_t common = 0, common_half = 0;
    uint64_t half[N / 64 + 1];
    assert_true(v && queries);
    fill_catalogue(v, N, DIM, 50, 51);
    fill_catalogue(queries, Q, DIM, 50, 52);
    struct vindex *index = build(v, N, DIM, VINDEX_HNSW);
    assert_non_null(index->graph);
    set_random_bits(half, N, .5, 51);
    for (size_t i = 0; i < Q; i++) {
        _Alignas(64) int8_t s8[DIM];
        struct vindex_query q = {.f32 = queries + i * DIM, .s8 = s8};
        struct vindex_hit want[K], got[K];
        size_t found;
        vindex_quantise(q.f32, DIM, DIM, s8, &q.sum);
        brute_force(v, N, DIM, q.f32, NULL, K, want);
        assert_ok(vindex_walk(index, &q, index->ef, K, got, &found, &err));
        assert_int_equal(found, K);
        common += in_common(got, K, want, K);
        brute_force(v, N, DIM, q.f32, half, K, want);
        q.allow = half;
        assert_ok(vindex_walk(index, &q, 2 * index->ef, K, got, &found, &err));
        assert_int_equal(found, K);
        for (size_t j = 0; j < K; j++)
            assert_true(is_allowed(half, got[j].row));
        common_half += in_common(got, K, want, K);
    }
    if ((double)common < .98 * Q * K) fail_msg("recall@10 %.3f", (double)common / (Q * K));
    if ((double)common_half < .98 * Q * K) fail_msg("filtered: recall@10 %.3f", (double)common_half / (Q * K));
    vindex_destroy(index);
    free(v);
    free(queries);
}

/* k answers whenever k rows are allowed, and the right ones: from one row to all, also where a graph is bad at it
 * (tight clusters far apart, the allowed rows far from the query, most rows the same). */
static void hnsw_always_gives_k(void **state)
{
    (void)state;
    enum { N = SLOW ? 1500 : 15000, D = 32, Q = 8, K = 20 };
    static const double shares[] = {.0001, .003, .02, .1, .2, .5, .9, 1};
    float *v = malloc((size_t)N * D * sizeof *v), *queries = malloc((size_t)Q * D * sizeof *v);
    uint64_t allow[N / 64 + 1];
    assert_true(v && queries);
    for (int shape = 0; shape < 4; shape++) {
        size_t common = 0, all = 0;
        if (shape == 3)
            fill_catalogue(v, N, D, 61, 61);
        else
            fill_clustered(v, N, D, N / 50, shape == 0 ? .1f : 3, 61);
        for (size_t r = 1; shape == 2 && r < N; r++)
            if (r % 8) memcpy(v + r * D, v, D * sizeof *v);
        memset(v + 100 * D, 0, 200 * D * sizeof *v); /* rows without an embedding */
        struct vindex *index = build(v, N, D, VINDEX_HNSW);
        for (size_t i = 0; i < sizeof shares / sizeof *shares * Q; i++) {
            struct vindex_hit want[K], hits[K];
            size_t found, q = i % Q;
            set_random_bits(allow, N, shares[i / Q], 62 + i);
            if (q % 2) memset(allow, 0, N / 128 * sizeof *allow); /* only the second half */
            for (size_t r = 100; r < 300; r++)
                allow[r / 64] &= ~(UINT64_C(1) << (r % 64));
            memcpy(queries + q * D, v + (500 + 31 * i) % N * D, D * sizeof *v);
            near(queries + q * D, D);
            size_t n_want = brute_force(v, N, D, queries + q * D, allow, K, want);
            if (q % 4 > 1) allow[2] = UINT64_MAX; /* rows of zeros: allowed, and still not found */
            assert_ok(vindex_search(index, queries + q * D, allow, K, hits, &found, &err));
            if (q % 4 <= 1) assert_int_equal(found, n_want);
            for (size_t j = 0; j < found; j++) {
                assert_true(is_allowed(allow, hits[j].row) && (hits[j].row < 100 || hits[j].row >= 300));
                assert_true(j == 0 || vindex_before(hits[j - 1], hits[j])); /* also: no row twice */
                common += q % 4 <= 1 && hits[j].score >= want[n_want - 1].score;
            }
            all += q % 4 <= 1 ? n_want : 0;
        }
        if ((double)common < .97 * (double)all)
            fail_msg("shape %d: recall %.3f", shape, (double)common / (double)all);
        vindex_destroy(index);
    }
    free(v);
    free(queries);
}

static void hnsw_of_next_to_nothing(void **state)
{
    (void)state;
    float v[3 * 32] = {0}, query[32] = {1};
    struct vindex_hit hits[10];
    size_t found;
    for (size_t n = 0; n <= 3; n++) {
        if (n > 0) v[(n - 1) * 32 + n] = 1;
        struct vindex *index = build(v, n, 32, VINDEX_HNSW);
        assert_ok(vindex_search(index, query, NULL, 10, hits, &found, &err));
        assert_int_equal(found, n);
        vindex_destroy(index);
    }
    memset(v, 0, sizeof v);
    struct vindex *index = build(v, 3, 32, VINDEX_HNSW);
    assert_ok(vindex_search(index, query, NULL, 10, hits, &found, &err));
    assert_int_equal(found, 0);
    vindex_destroy(index);
}

int main(void)
{
#if defined(__SANITIZE_THREAD__)
    /* Every load of every kernel is watched: minutes, for code without a thread in it. */
    const struct CMUnitTest threaded[] = {cmocka_unit_test(threads_search_side_by_side)};
    return cmocka_run_group_tests(threaded, NULL, NULL);
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_bit_for_bit),
        cmocka_unit_test(every_kernel_finds_the_same),
        cmocka_unit_test(quantising_stays_in_range),
        cmocka_unit_test(recall_against_brute_force),
        cmocka_unit_test(recall_of_many),
        cmocka_unit_test(filters_are_exact_at_any_selectivity),
        cmocka_unit_test(equal_scores_come_by_row),
        cmocka_unit_test(odd_sizes_and_zero_rows),
        cmocka_unit_test(what_is_no_vector_is_refused),
        cmocka_unit_test(threads_search_side_by_side),
        cmocka_unit_test(the_graph_finds),
        cmocka_unit_test(hnsw_always_gives_k),
        cmocka_unit_test(hnsw_of_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
