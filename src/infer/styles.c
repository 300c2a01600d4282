#include "infer/styles.h"

#include "base/arena.h"
#include "base/fs.h"
#include "base/jval.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20, MAX_EXAMPLES = 200, MAX_PICTURE_BYTES = 100 << 20, PICTURE_PX = 500 };

struct style {
    const char *name, *fr, *en;
    double weight;    /* how common the style is beside the others */
    float *direction; /* (dim) f32, unit length: where the style lies, means taken off */
};

struct styles {
    struct arena arena;
    size_t dim, n;
    const float *picture_mean, *text_mean; /* (dim) f32, the model's */
    float temperature;
    struct style style[STYLES_MAX];
};

static float unit(float *v, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)v[i] * v[i];
    float length = (float)sqrt(sum);
    for (size_t i = 0; i < dim && length > 0; i++)
        v[i] /= length;
    return length;
}

/* Adds what of `e` is not common to its kind, as a unit vector. */
static void add_centred(const float *e, const float *mean, size_t dim, float *scratch, float *sum)
{
    for (size_t i = 0; i < dim; i++)
        scratch[i] = e[i] - mean[i];
    unit(scratch, dim);
    for (size_t i = 0; i < dim; i++)
        sum[i] += scratch[i];
}

/* ---- reading the file ---- */

static enum rc wrong(const char *path, size_t style, const char *what, struct err *err)
{
    return err_set(err, RC_INVALID, "%s: style %zu %s", path, style + 1, what);
}

static enum rc add_words(struct styles *s, struct infer *m, unsigned worker, const struct jval *words, float *e,
                         float *sum, struct err *err)
{
    for (size_t i = 0; i < jval_len(words); i++) {
        enum rc rc = infer_text(m, worker, jval_str(jval_at(words, i)), e, err);
        if (rc) return rc;
        add_centred(e, s->text_mean, s->dim, e, sum);
    }
    return RC_OK;
}

static enum rc read_picture(struct infer *m, unsigned worker, const char *path, struct infer_vision *v,
                            struct err *err)
{
    const struct image_limits limits = {.max_bytes = MAX_PICTURE_BYTES, .longest_px = PICTURE_PX};
    struct image im = {0};
    const struct image *one = &im;
    char *bytes = NULL;
    size_t n;
    enum rc rc = fs_read(path, MAX_PICTURE_BYTES, &bytes, &n, err);
    if (!rc) rc = image_decode((struct str){bytes, n}, &limits, &im, NULL, err);
    if (!rc) rc = infer_images(m, worker, &one, 1, v, err);
    if (rc) err_prefix(err, "%s: ", path);
    image_release(&im);
    free(bytes);
    return rc;
}

static enum rc add_pictures(struct styles *s, struct infer *m, unsigned worker, struct str folder,
                            const struct jval *pictures, float *scratch, float *sum, struct err *err)
{
    struct infer_vision v = {0};
    enum rc rc = jval_len(pictures) ? infer_vision_init(m, &v, err) : RC_OK;
    for (size_t i = 0; !rc && i < jval_len(pictures); i++) {
        char path[PATH_MAX];
        struct str name = jval_str(jval_at(pictures, i));
        bool absolute = name.n && name.p[0] == '/';
        int len =
            snprintf(path, sizeof path, "%.*s%.*s", absolute ? 0 : (int)folder.n, folder.p, STR_ARG(name));
        if (len < 0 || (size_t)len >= sizeof path)
            rc = err_set(err, RC_INVALID, "path too long");
        else
            rc = read_picture(m, worker, path, &v, err);
        if (!rc) add_centred(v.embedding, s->picture_mean, s->dim, scratch, sum);
    }
    infer_vision_release(&v);
    return rc;
}

/* Words and pictures count alike, however many there are of each. */
static enum rc describe(struct styles *s, struct infer *m, unsigned worker, const char *path, size_t i,
                        const struct jval *words, const struct jval *pictures, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct str folder = {path, slash ? (size_t)(slash + 1 - path) : 0};
    float *sums = calloc(3 * s->dim, sizeof *sums), *direction = s->style[i].direction;
    if (!sums) return err_set(err, RC_NOMEM, "out of memory for the styles");
    float *scratch = sums, *by_words = sums + s->dim, *by_pictures = sums + 2 * s->dim;
    enum rc rc = add_words(s, m, worker, words, scratch, by_words, err);
    if (!rc) rc = add_pictures(s, m, worker, folder, pictures, scratch, by_pictures, err);
    if (!rc) {
        unit(by_words, s->dim);
        unit(by_pictures, s->dim);
        for (size_t k = 0; k < s->dim; k++)
            direction[k] = by_words[k] + by_pictures[k];
        if (!(unit(direction, s->dim) > 0)) rc = wrong(path, i, "is described by what says nothing", err);
    } else {
        err_prefix(err, "style %zu: ", i + 1);
    }
    free(sums);
    return rc;
}

static enum rc named(struct styles *s, const struct jval *v, const char *key, const char *fallback,
                     const char **out, struct err *err)
{
    struct str text = jval_str(jval_get(v, key));
    *out = text.n && text.n <= 100 ? arena_strz(&s->arena, text) : fallback;
    if (text.n && text.n <= 100 && !*out) return err_set(err, RC_NOMEM, "out of memory for the styles");
    return RC_OK;
}

static enum rc read_style(struct styles *s, struct infer *m, unsigned worker, const char *path, size_t i,
                          const struct jval *v, struct err *err)
{
    struct style *style = &s->style[i];
    const struct jval *words = jval_get(v, "words"), *pictures = jval_get(v, "pictures");
    enum rc rc = named(s, v, "name", NULL, &style->name, err);
    if (rc) return rc;
    if (!style->name) return wrong(path, i, "has no name of 1 to 100 bytes", err);
    for (size_t j = 0; j < i; j++)
        if (strcmp(s->style[j].name, style->name) == 0) return wrong(path, i, "has the name of another", err);
    if (jval_len(words) + jval_len(pictures) == 0)
        return wrong(path, i, "has neither words nor pictures: give at least one", err);
    if (jval_len(words) > MAX_EXAMPLES || jval_len(pictures) > MAX_EXAMPLES)
        return wrong(path, i, "has more than 200 words or pictures", err);
    style->weight = 1;
    if (jval_get(v, "weight") &&
        (!jval_f64(jval_get(v, "weight"), &style->weight) || !(style->weight >= .01 && style->weight <= 100)))
        return wrong(path, i, "has a weight that is not from 0.01 to 100", err);
    rc = named(s, v, "fr", style->name, &style->fr, err);
    if (!rc) rc = named(s, v, "en", style->name, &style->en, err);
    style->direction = arena_array(&s->arena, s->dim, sizeof *style->direction);
    if (!rc && !style->direction) rc = err_set(err, RC_NOMEM, "out of memory for the styles");
    return rc ? rc : describe(s, m, worker, path, i, words, pictures, err);
}

static enum rc read_file(struct styles *s, struct infer *m, unsigned worker, const char *path, struct err *err)
{
    struct jval *doc = NULL;
    enum rc rc = jval_parse_file(path, MAX_FILE_BYTES, &doc, err);
    const struct jval *all = rc ? NULL : jval_get(doc, "styles");
    if (!rc && (!jval_is_array(all) || jval_len(all) < 2 || jval_len(all) > STYLES_MAX))
        rc = err_set(err, RC_INVALID, "%s: \"styles\" is not a list of 2 to %d", path, STYLES_MAX);
    for (size_t i = 0; !rc && i < jval_len(all); i++) {
        rc = read_style(s, m, worker, path, i, jval_at(all, i), err);
        s->n = i + 1;
    }
    jval_destroy(doc);
    return rc;
}

enum rc styles_open(struct infer *m, unsigned worker, const char *path, struct styles **out, struct err *err)
{
    const struct infer_style_rule *rule = infer_style_rule(m);
    *out = NULL;
    if (!rule) return err_set(err, RC_UNSUPPORTED, "%s cannot score styles", infer_version(m));
    if (!infer_has_text(m))
        return err_set(err, RC_UNSUPPORTED, "styles are described by words: the model's text part is needed");
    struct styles *s = calloc(1, sizeof *s);
    if (!s) return err_set(err, RC_NOMEM, "out of memory for the styles");
    *s = (struct styles){.arena = ARENA_INIT(16u << 20),
                         .dim = infer_dim(m),
                         .picture_mean = rule->picture_mean,
                         .text_mean = rule->text_mean,
                         .temperature = rule->temperature};
    enum rc rc = read_file(s, m, worker, path, err);
    if (rc)
        styles_close(s);
    else
        *out = s;
    return rc;
}

void styles_close(struct styles *s)
{
    if (!s) return;
    arena_release(&s->arena);
    free(s);
}

enum rc styles_default_path(char *out, size_t cap, struct err *err)
{
    static const char *const places[] = {"../vocabulary/main_styles.json",
                                         "../share/penderie/vocabulary/main_styles.json"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        enum rc rc = fs_beside_program(places[i], out, cap, err);
        if (rc) return rc;
        if (fs_exists(out)) return RC_OK;
    }
    return err_set(err, RC_NOT_FOUND, "vocabulary/main_styles.json is not beside the program");
}

/* ---- scores ---- */

size_t styles_count(const struct styles *s) { return s->n; }
const char *styles_name(const struct styles *s, size_t i) { return s->style[i].name; }
const char *styles_title(const struct styles *s, size_t i, bool french)
{
    return french ? s->style[i].fr : s->style[i].en;
}

void styles_score(const struct styles *s, const float *embedding, float *scores)
{
    double length = 0, cosine[STYLES_MAX] = {0}, most = -1e9, sum = 0;
    for (size_t k = 0; k < s->dim; k++) {
        double v = (double)embedding[k] - s->picture_mean[k];
        length += v * v;
        for (size_t i = 0; i < s->n; i++)
            cosine[i] += v * s->style[i].direction[k];
    }
    length = length > 0 ? sqrt(length) : 1;
    for (size_t i = 0; i < s->n; i++) {
        cosine[i] = cosine[i] * s->temperature / length + log(s->style[i].weight);
        most = fmax(most, cosine[i]);
    }
    for (size_t i = 0; i < s->n; i++)
        sum += exp(cosine[i] - most);
    for (size_t i = 0; i < s->n; i++)
        scores[i] = (float)(exp(cosine[i] - most) / sum);
}

void styles_score_all(const struct styles *s, const float *embeddings, size_t n, float *scores)
{
    float one[STYLES_MAX];
    for (size_t i = 0; i < s->n; i++)
        scores[i] = 0;
    for (size_t k = 0; k < n; k++) {
        styles_score(s, embeddings + k * s->dim, one);
        for (size_t i = 0; i < s->n; i++)
            scores[i] += one[i] / (float)n;
    }
}
