/*
 * Vector search: every kernel this processor has, the HNSW graph, and f32 as FAISS's flat index does it,
 * over the same synthetic catalogue in one run. bench_vindex [--json] [ROWS [DIM]]
 *
 * Figures are the median and the 99th percentile over distinct queries on one thread, and the recall@10 against
 * brute force in f32.
 */
#include "base/clock.h"
#include "vindex/vindex.h"

#include "../tests/unit/vectors.h"

#include <unistd.h>

enum { QUERIES = 300, K = 10 };

/* bench_vindex_flat.cpp */
void *flat_build(const float *rows, size_t n, size_t dim);
void flat_search(void *flat, const float *queries, size_t n, size_t k, float *scores, int64_t *rows);
void flat_destroy(void *flat);

struct world {
    size_t n, dim;
    float *rows, *queries;
    struct vindex_hit *truth; /* (QUERIES, K) */
};

struct figures {
    char name[40];
    double p50_us, p99_us, recall, build_ms;
};

static void die(const struct err *err)
{
    fprintf(stderr, "bench_vindex: %s\n", err->message);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double recall_of(const struct world *w, size_t q, const struct vindex_hit *hits, size_t n)
{
    size_t common = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < K; j++)
            common += hits[i].row == w->truth[q * K + j].row;
    return (double)common / K;
}

static void summarise(struct figures *f, double *us, double recall)
{
    qsort(us, QUERIES, sizeof *us, compare);
    f->p50_us = us[QUERIES / 2];
    f->p99_us = us[QUERIES * 99 / 100];
    f->recall = recall / QUERIES;
}

static void measure(const struct world *w, const struct vindex *v, const uint64_t *allow, struct figures *f)
{
    double us[QUERIES], recall = 0;
    struct err err;
    for (int round = 0; round < 2; round++) { /* the first warms up */
        recall = 0;
        for (size_t q = 0; q < QUERIES; q++) {
            struct vindex_hit hits[K];
            size_t found;
            int64_t at = clock_mono_us();
            if (vindex_search(v, w->queries + q * w->dim, allow, K, hits, &found, &err)) die(&err);
            us[q] = (double)(clock_mono_us() - at);
            recall += recall_of(w, q, hits, found);
        }
    }
    summarise(f, us, recall);
}

static struct vindex *timed_build(const struct world *w, enum vindex_engine engine, struct figures *f)
{
    struct vindex *v = NULL;
    struct err err;
    int64_t at = clock_mono_us();
    if (vindex_build(w->rows, w->n, w->dim, engine, (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &v, &err))
        die(&err);
    f->build_ms = (double)(clock_mono_us() - at) / 1000;
    return v;
}

/* One query at a time, and 64 together, as a service that gathers requests would. */
static void measure_flat(struct world *w, struct figures *one, struct figures *batch)
{
    static float scores[QUERIES * K];
    static int64_t rows[QUERIES * K];
    double us[QUERIES];
    int64_t at = clock_mono_us();
    void *flat = flat_build(w->rows, w->n, w->dim);
    one->build_ms = batch->build_ms = (double)(clock_mono_us() - at) / 1000;
    for (int round = 0; round < 2; round++) {
        for (size_t q = 0; q < QUERIES; q++) {
            at = clock_mono_us();
            flat_search(flat, w->queries + q * w->dim, 1, K, scores + q * K, rows + q * K);
            us[q] = (double)(clock_mono_us() - at);
        }
    }
    for (size_t i = 0; i < QUERIES * K; i++)
        w->truth[i] = (struct vindex_hit){(uint32_t)rows[i], scores[i]};
    summarise(one, us, QUERIES); /* the truth itself */
    for (size_t q = 0; q < QUERIES; q += 64) {
        size_t n = QUERIES - q < 64 ? QUERIES - q : 64;
        at = clock_mono_us();
        flat_search(flat, w->queries + q * w->dim, n, K, scores, rows);
        for (size_t i = 0; i < n; i++)
            us[q + i] = (double)(clock_mono_us() - at) / (double)n;
    }
    summarise(batch, us, QUERIES);
    flat_destroy(flat);
}

static size_t run(struct world *w, struct figures *f)
{
    static const char *const kernels[] = {"avx512vnni", "avx2", "neondot", "neon", "portable"};
    static const unsigned shares[] = {2, 10, 100};
    size_t n = 0;
    uint64_t *allow = calloc(w->n / 64 + 1, sizeof *allow);
    if (!allow) exit(1);
    snprintf(f[0].name, sizeof f->name, "FAISS flat f32, one query");
    snprintf(f[1].name, sizeof f->name, "FAISS flat f32, 64 together");
    measure_flat(w, &f[0], &f[1]);
    n = 2;
    struct vindex *v = timed_build(w, VINDEX_EXACT, &f[n]);
    double build_ms = f[n].build_ms;
    for (size_t i = sizeof kernels / sizeof *kernels; i-- > 0;) { /* the fastest comes last and stays */
        if (!vindex_use_kernel(kernels[i])) continue;
        snprintf(f[n].name, sizeof f->name, "exact, %s", kernels[i]);
        f[n].build_ms = build_ms;
        measure(w, v, NULL, &f[n++]);
    }
    for (size_t i = 0; i < 3; i++) {
        memset(allow, 0, (w->n / 64 + 1) * sizeof *allow);
        for (size_t r = 0; r < w->n; r += shares[i])
            allow[r / 64] |= UINT64_C(1) << (r % 64);
        snprintf(f[n].name, sizeof f->name, "exact, 1 in %u rows allowed", shares[i]);
        measure(w, v, allow, &f[n]);
        f[n].build_ms = build_ms;
        f[n++].recall = -1; /* the truth is another */
    }
    vindex_destroy(v);
    v = timed_build(w, VINDEX_HNSW, &f[n]);
    snprintf(f[n].name, sizeof f->name, "HNSW");
    measure(w, v, NULL, &f[n++]);
    vindex_destroy(v);
    free(allow);
    return n;
}

static void print(const struct world *w, const struct figures *f, size_t n, bool json)
{
    if (!json) printf("%zu x %zu, one thread, %d nearest\n", w->n, w->dim, K);
    if (!json)
        printf("%-32s %10s %10s %10s %10s %12s\n", "", "p50 us", "p99 us", "recall@10", "build ms",
               "x FAISS flat");
    for (size_t i = 0; i < n; i++) {
        double ratio = f[0].p50_us / f[i].p50_us;
        if (json)
            printf("{\"rows\":%zu,\"dim\":%zu,\"name\":\"%s\",\"p50_us\":%.1f,\"p99_us\":%.1f,"
                   "\"recall10\":%.4f,\"build_ms\":%.1f,\"times_faiss_flat\":%.2f}\n",
                   w->n, w->dim, f[i].name, f[i].p50_us, f[i].p99_us, f[i].recall, f[i].build_ms, ratio);
        else if (f[i].recall < 0)
            printf("%-32s %10.0f %10.0f %10s %10.0f %12.1f\n", f[i].name, f[i].p50_us, f[i].p99_us, "",
                   f[i].build_ms, ratio);
        else
            printf("%-32s %10.0f %10.0f %10.4f %10.0f %12.1f\n", f[i].name, f[i].p50_us, f[i].p99_us,
                   f[i].recall, f[i].build_ms, ratio);
    }
}

int main(int argc, char **argv)
{
    struct world w = {.n = 40000, .dim = 256};
    struct figures f[16] = {0};
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 + json) w.n = strtoul(argv[1 + json], NULL, 10);
    if (argc > 2 + json) w.dim = strtoul(argv[2 + json], NULL, 10);
    w.rows = malloc(w.n * w.dim * sizeof(float));
    w.queries = malloc(QUERIES * w.dim * sizeof(float));
    w.truth = malloc(QUERIES * K * sizeof *w.truth);
    if (w.n < K || !w.rows || !w.queries || !w.truth) return 1;
    fill_catalogue(w.rows, w.n, w.dim, 1, 2);
    fill_catalogue(w.queries, QUERIES, w.dim, 1, 3);
    print(&w, f, run(&w, f), json);
    free(w.rows);
    free(w.queries);
    free(w.truth);
    return 0;
}
