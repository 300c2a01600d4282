#include "unit/test.h"
#include "unit/vectors.h"

#include "crypt/crypt.h"
#include "vindex/vindex.h"

static struct err err;
enum { N = 900, DIM = 64, K = 30 };
static float vectors[N * DIM];

static void path_in(char out[static 600], void **state, const char *name)
{
    snprintf(out, 600, "%s/%s", (const char *)*state, name);
}

static void expect_same_answers(const struct vindex *a, const struct vindex *b)
{
    float query[DIM];
    for (uint64_t q = 0; q < 20; q++) {
        struct vindex_hit x[K], y[K];
        size_t n, m;
        fill_clustered(query, 1, DIM, 1, .5f, 100 + q);
        assert_ok(vindex_search(a, query, NULL, K, x, &n, &err));
        assert_ok(vindex_search(b, query, NULL, K, y, &m, &err));
        assert_int_equal(n, K);
        assert_int_equal(m, K);
        assert_memory_equal(x, y, sizeof x);
    }
}

static void saved_and_loaded(void **state)
{
    char path[600];
    path_in(path, state, "index");
    for (int engine = VINDEX_EXACT; engine <= VINDEX_HNSW; engine++) {
        struct vindex *made = NULL, *loaded = NULL;
        assert_ok(vindex_build(vectors, N, DIM, engine, 1, &made, &err));
        assert_ok(vindex_save(made, path, &err));
        assert_ok(vindex_load(path, vectors, N, DIM, &loaded, &err));
        assert_int_equal(vindex_count(loaded), N);
        expect_same_answers(made, loaded);
        vindex_destroy(loaded);
        vindex_destroy(made);
    }
    struct vindex *empty = NULL, *again = NULL;
    assert_ok(vindex_build(NULL, 0, DIM, VINDEX_HNSW, 1, &empty, &err));
    assert_ok(vindex_save(empty, path, &err));
    assert_ok(vindex_load(path, NULL, 0, DIM, &again, &err));
    assert_int_equal(vindex_count(again), 0);
    vindex_destroy(again);
    vindex_destroy(empty);
}

static void one_thread_builds_the_same_graph_twice(void **state)
{
    char path[600], first[CRYPT_HEX_BYTES], second[CRYPT_HEX_BYTES];
    path_in(path, state, "twice");
    for (int i = 0; i < 2; i++) {
        struct vindex *v = NULL;
        assert_ok(vindex_build(vectors, N, DIM, VINDEX_HNSW, 1, &v, &err));
        assert_ok(vindex_save(v, path, &err));
        assert_ok(crypt_sha256_file(path, i ? second : first, &err));
        vindex_destroy(v);
    }
    assert_string_equal(first, second);
}

static void other_vectors_are_refused(void **state)
{
    char path[600];
    path_in(path, state, "other");
    for (int engine = VINDEX_EXACT; engine <= VINDEX_HNSW; engine++) {
        struct vindex *v = NULL, *loaded = NULL;
        assert_ok(vindex_build(vectors, N, DIM, engine, 1, &v, &err));
        assert_ok(vindex_save(v, path, &err));
        assert_rc(vindex_load(path, vectors, N - 1, DIM, &loaded, &err), RC_CORRUPT);
        assert_rc(vindex_load(path, vectors, N * 2, DIM / 2, &loaded, &err), RC_CORRUPT);
        float was = vectors[777];
        vectors[777] += 1e-6f;
        assert_rc(vindex_load(path, vectors, N, DIM, &loaded, &err), RC_CORRUPT);
        vectors[777] = was;
        assert_null(loaded);
        vindex_destroy(v);
    }
    struct vindex *none = NULL;
    path_in(path, state, "missing");
    assert_rc(vindex_load(path, vectors, N, DIM, &none, &err), RC_NOT_FOUND);
}

static void expect_refused(const char *path, const char *bytes, size_t n)
{
    struct vindex *loaded = NULL;
    assert_ok(fs_write_atomic(path, bytes, n, 0600, &err));
    assert_rc(vindex_load(path, vectors, N, DIM, &loaded, &err), RC_CORRUPT);
    assert_null(loaded);
}

/* With the checksum made right again: what a file written by a faulty program could hold. */
static void expect_refused_resealed(const char *path, char *bytes, size_t n)
{
    uint8_t sha[CRYPT_SHA256_BYTES];
    crypt_sha256((struct str){bytes, n - sizeof sha}, sha);
    memcpy(bytes + n - sizeof sha, sha, sizeof sha);
    expect_refused(path, bytes, n);
}

static void damaged_files_are_refused(void **state)
{
    char path[600], *bytes, *copy;
    size_t n;
    path_in(path, state, "damaged");
    for (int engine = VINDEX_EXACT; engine <= VINDEX_HNSW; engine++) {
        struct vindex *v = NULL;
        assert_ok(vindex_build(vectors, N, DIM, engine, 1, &v, &err));
        assert_ok(vindex_save(v, path, &err));
        vindex_destroy(v);
        assert_ok(fs_read(path, 1 << 24, &bytes, &n, &err));
        copy = malloc(n + 1);
        assert_non_null(copy);
        for (size_t cut = 0; cut < n; cut += cut < 120 ? 1 : n / 13)
            expect_refused(path, bytes, cut);
        memcpy(copy, bytes, n);
        copy[n] = 0;
        expect_refused(path, copy, n + 1);
        for (size_t at = 0; at < n; at += at < 96 ? 1 : n / 29) {
            memcpy(copy, bytes, n);
            copy[at] ^= 0x10;
            expect_refused(path, copy, n);
        }
        for (size_t at = 0; at < 80; at++) { /* heads that lie, sealed */
            memcpy(copy, bytes, n);
            copy[at] ^= 0x41;
            if (engine == VINDEX_EXACT && at >= 56) break; /* the rows themselves: below */
            expect_refused_resealed(path, copy, n);
        }
        for (size_t at = 80; at + 36 < n; at += n / 37) { /* scales, rows, levels, links */
            memcpy(copy, bytes, n);
            memset(copy + at, 0x7f, 4);
            expect_refused_resealed(path, copy, n);
        }
        free(copy);
        free(bytes);
    }
}

static int group_setup(void **state)
{
    fill_clustered(vectors, N, DIM, 20, .5f, 9);
    memset(vectors + 30 * DIM, 0, 3 * DIM * sizeof *vectors);
    if (crypt_startup(&err) != RC_OK) return -1;
    return temp_dir_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(one_thread_builds_the_same_graph_twice),
        cmocka_unit_test(other_vectors_are_refused),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, group_setup, temp_dir_remove);
}
