/*
 * Near-duplicates: products whose main pictures have almost the same difference hash, and almost the same
 * embedding. They are reported, never merged: two products may well look alike. The hash alone is no proof:
 * of 40,000 studio shots of 60 x 80 pixels 178,000 pairs agreed in all but two bits, and nine of ten of
 * them were merely two shirts. So the hash finds candidates and the cosine decides; without a model only equal
 * hashes count.
 *
 * At most two of the 64 bits differ; so of three bands (21, 21 and 22 bits) at least one is equal, and only
 * products that share a band are compared.
 */
#include "catalog/import_internal.h"

#include <stdlib.h>
#include <string.h>

static const float SAME_COSINE = .99f;
enum { MAX_DISTANCE = 2, MAX_LINES = 10000, MAX_BUCKET = 200, ID_BYTES = 64 };

struct look {
    uint64_t hash, key;
    int64_t doc;
};

struct looks {
    struct look *p;
    size_t n, cap;
};

static enum rc load(struct import *im, struct looks *l, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_begin(im->store, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT p.doc, c.dhash FROM product p JOIN picture c ON c.sha = p.picture"
                         " WHERE p.hidden = 0 AND c.dhash <> 0",
                         NULL, 0, &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        if (l->n == l->cap) {
            size_t cap = l->cap ? l->cap * 2 : 1024;
            struct look *bigger = realloc(l->p, cap * sizeof *bigger);
            if (!bigger)
                rc = err_set(err, RC_NOMEM, "out of memory comparing pictures");
            else {
                l->p = bigger;
                l->cap = cap;
            }
        }
        if (!rc) l->p[l->n++] = (struct look){.hash = (uint64_t)store_i64(rows, 1), .doc = store_i64(rows, 0)};
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    const struct look *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->doc < y->doc ? -1 : x->doc > y->doc;
}

static uint64_t band(uint64_t hash, int b)
{
    static const int shift[] = {0, 21, 42};
    return hash >> shift[b] & (b == 2 ? (1u << 22) - 1 : (1u << 21) - 1);
}

/* Equal in an earlier band: the pair was counted there. */
static bool counted(uint64_t a, uint64_t b, int now)
{
    for (int i = 0; i < now; i++)
        if (band(a, i) == band(b, i)) return true;
    return false;
}

static enum rc id_of(struct store_tx *tx, int64_t doc, char out[static ID_BYTES], struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(doc)};
    bool more = false;
    enum rc rc = store_query(tx, "SELECT id FROM product WHERE doc = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    struct str id = !rc && more ? str_utf8_cut(store_text(rows, 0), ID_BYTES - 1) : STR("");
    snprintf(out, ID_BYTES, "%.*s", STR_ARG(id));
    store_rows_close(rows);
    return rc;
}

enum { MAX_DIM = 4096 };
struct vector {
    float v[MAX_DIM];
    size_t dim; /* 0: none */
};

static enum rc load_vector(struct import *im, struct store_tx *tx, int64_t doc, struct vector *out,
                           struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_I(doc), STORE_Z(im->model)};
    bool more = false;
    out->dim = 0;
    enum rc rc =
        store_query(tx,
                    "SELECT e.vector FROM product p JOIN embedding e ON e.sha = p.picture AND e.model = ?2"
                    " WHERE p.doc = ?1",
                    args, 2, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        struct str blob = store_blob(rows, 0);
        if (blob.n <= sizeof out->v && blob.n % sizeof(float) == 0) {
            memcpy(out->v, blob.p, blob.n);
            out->dim = blob.n / sizeof(float);
        }
    }
    store_rows_close(rows);
    return rc;
}

static bool same_look(const struct vector *a, const struct vector *b, int bits)
{
    if (!a->dim || a->dim != b->dim) return bits == 0;
    float cosine = 0;
    for (size_t i = 0; i < a->dim; i++)
        cosine += a->v[i] * b->v[i];
    return cosine >= SAME_COSINE;
}

static enum rc write_pair(struct store_tx *tx, FILE *f, const struct look *a, const struct look *b,
                          struct err *err)
{
    char id_a[ID_BYTES], id_b[ID_BYTES];
    enum rc rc = id_of(tx, a->doc, id_a, err);
    if (!rc) rc = id_of(tx, b->doc, id_b, err);
    if (!rc) fprintf(f, "%s\t%s\t%d\n", id_a, id_b, __builtin_popcountll(a->hash ^ b->hash));
    return rc;
}

struct comparison {
    struct import *im;
    struct store_tx *tx;
    FILE *f;
    int64_t lines;
    struct vector a, b;
};

/* All products behind i that share its band. A band that hundreds share says nothing, and would cost a square. */
static enum rc compare_bucket(struct comparison *c, const struct looks *l, size_t i, int b, struct err *err)
{
    enum rc rc = RC_OK;
    bool loaded = false;
    for (size_t k = i + 1; !rc && k < l->n && k < i + MAX_BUCKET && l->p[k].key == l->p[i].key; k++) {
        uint64_t x = l->p[i].hash, y = l->p[k].hash;
        int bits = __builtin_popcountll(x ^ y);
        if (bits > MAX_DISTANCE || counted(x, y, b)) continue;
        if (!loaded) rc = load_vector(c->im, c->tx, l->p[i].doc, &c->a, err);
        loaded = true;
        if (!rc) rc = load_vector(c->im, c->tx, l->p[k].doc, &c->b, err);
        if (rc || !same_look(&c->a, &c->b, bits)) continue;
        c->im->result->near_duplicates++;
        if (c->lines++ < MAX_LINES) rc = write_pair(c->tx, c->f, &l->p[i], &l->p[k], err);
    }
    return rc;
}

static enum rc compare(struct comparison *c, struct looks *l, struct err *err)
{
    enum rc rc = RC_OK;
    for (int b = 0; !rc && b < 3; b++) {
        for (size_t i = 0; i < l->n; i++)
            l->p[i].key = band(l->p[i].hash, b);
        qsort(l->p, l->n, sizeof *l->p, by_key);
        for (size_t i = 0; !rc && i < l->n; i++)
            rc = compare_bucket(c, l, i, b, err);
    }
    return rc;
}

enum rc import_near_duplicates(struct import *im, struct err *err)
{
    struct looks l = {0};
    struct store_tx *tx = NULL;
    char path[600];
    snprintf(path, sizeof path, "%s/rejects/%s.similar.tsv", im->app->data_dir, im->result->run);
    enum rc rc = load(im, &l, err);
    if (rc || l.n < 2) {
        free(l.p);
        return rc;
    }
    FILE *f = fopen(path, "we");
    if (!f) rc = err_errno(err, "cannot write %s", path);
    if (!rc) rc = store_begin(im->store, STORE_READ, &tx, err);
    if (!rc) {
        fprintf(f, "product\tlooks_like\tbits\n");
        struct comparison *c = calloc(1, sizeof *c);
        if (!c) rc = err_set(err, RC_NOMEM, "out of memory comparing pictures");
        if (c) {
            c->im = im;
            c->tx = tx;
            c->f = f;
            rc = compare(c, &l, err);
        }
        free(c);
    }
    store_rollback(tx);
    if (f) fclose(f);
    if (f && !im->result->near_duplicates) remove(path);
    free(l.p);
    return rc;
}
