/*
 * Full text over 40,000 documents of the size of products: indexing, size on disk, and searches of six
 * terms, any and all of which may match. Words follow Zipf's law, as those of a catalogue do.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "store/fts.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DOCS = 40000, WORDS = 20000, SEARCHES = 300, CAP = 500 };

static const struct fts_schema schema = {"t_bench", {"title", "brand", "attributes", "text"}, {4, 3, 3, 1}};
static double cumulative[WORDS];
static uint64_t seed = 1;

static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static int word(void)
{
    double at = uniform() * cumulative[WORDS - 1];
    int low = 0, high = WORDS - 1;
    while (low < high) {
        int mid = (low + high) / 2;
        if (cumulative[mid] < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct str words(char *out, size_t cap, int n)
{
    size_t used = 0;
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, cap - used, "w%dx ", word());
    return (struct str){out, used};
}

static enum rc fill(struct store *s, struct err *err)
{
    struct store_tx *tx;
    char text[4][2048];
    enum rc rc = store_begin(s, STORE_WRITE, &tx, err);
    if (!rc) rc = fts_create(tx, &schema, err);
    for (int64_t doc = 1; doc <= DOCS && !rc; doc++) {
        const struct str fields[] = {words(text[0], 2048, 7), words(text[1], 2048, 1), words(text[2], 2048, 8),
                                     words(text[3], 2048, 40)};
        rc = fts_put(tx, &schema, doc, fields, err);
    }
    return rc ? rc : store_commit(tx, err);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum rc measure(struct store *s, const char *what, int n_terms, bool any, int rarest, struct err *err)
{
    static double ms[SEARCHES];
    struct fts_hit hits[CAP];
    size_t total = 0;
    for (int k = 0; k < SEARCHES; k++) {
        char text[16][16];
        struct str tokens[16];
        struct fts_term terms[16];
        for (int i = 0; i < n_terms; i++) {
            int w = word();
            while (w > rarest)
                w = word();
            tokens[i] = (struct str){text[i], (size_t)snprintf(text[i], 16, "w%dx", w)};
            terms[i] = (struct fts_term){&tokens[i], 1, false};
        }
        struct store_tx *tx;
        size_t n;
        int64_t from = clock_mono_us();
        enum rc rc = store_begin(s, STORE_READ, &tx, err);
        if (!rc) rc = fts_search(tx, &schema, terms, (size_t)n_terms, any, CAP, hits, &n, err);
        if (rc) return rc;
        store_rollback(tx);
        ms[k] = (double)(clock_mono_us() - from) / 1000;
        total += n;
    }
    qsort(ms, SEARCHES, sizeof *ms, by_value);
    printf("%-34s p50 %7.2f ms  p99 %7.2f ms  hits %zu\n", what, ms[SEARCHES / 2], ms[SEARCHES * 99 / 100],
           total / SEARCHES);
    return RC_OK;
}

int main(void)
{
    char dir[] = "/tmp/penderie-bench-XXXXXX", url[64], path[64];
    struct store *s = NULL;
    struct err err = {0};
    const struct store_options options = {.name = "bench"};
    struct stat st;
    for (int i = 0; i < WORDS; i++)
        cumulative[i] = (i ? cumulative[i - 1] : 0) + 1 / pow(i + 2, .95);
    if (!mkdtemp(dir)) return 1;
    snprintf(url, sizeof url, "sqlite:%s/fts.db", dir);
    snprintf(path, sizeof path, "%s/fts.db", dir);
    enum rc rc = store_open(url, &options, &s, &err);
    int64_t from = clock_mono_us();
    if (!rc) rc = fill(s, &err);
    printf("indexing %d documents: %.2f s\n", DOCS, (double)(clock_mono_us() - from) / 1e6);
    if (!rc) rc = measure(s, "any of 6 words", 6, true, WORDS, &err);
    if (!rc) rc = measure(s, "any of 6 of the 100 commonest", 6, true, 100, &err);
    if (!rc) rc = measure(s, "any of 16 words", 16, true, WORDS, &err);
    if (!rc) rc = measure(s, "all of 2 words", 2, false, WORDS, &err);
    if (!rc) rc = measure(s, "all of 2 of the 100 commonest", 2, false, 100, &err);
    store_close(s);
    if (!rc && stat(path, &st) == 0) printf("file: %.1f MB\n", (double)st.st_size / 1e6);
    if (rc) fprintf(stderr, "%s\n", err.message);
    if (fs_remove_tree(dir, NULL)) return 1;
    return rc != RC_OK;
}
