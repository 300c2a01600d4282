/*
 * The model: a package (docs/model-package.md) loaded through OpenVINO; the only folder that knows it.
 * Every file's SHA-256 is checked before it is loaded. Computation is pinned to f32 so that embeddings
 * agree between machines.
 *
 * Threading: one inference request a worker; calls with different `worker` run side by side, calls with
 * the same one must not. Pictures and texts are computed one by one (batches are no quicker on a processor), so
 * an answer never depends on its neighbours.
 */
#ifndef INFER_INFER_H
#define INFER_INFER_H

#include "base/err.h"
#include "base/str.h"
#include "image/image.h"

struct infer;

enum { INFER_MAX_HEADS = 12, INFER_MAX_LABELS = 512, INFER_MAX_BATCH = 16, INFER_MAX_PIECES = 6 };

struct infer_head {
    const char *field; /* "category", "article", "gender", "colour", "season", "style", "garment", ... */
    const char *const *labels;
    size_t n;
    float sure_threshold; /* the best probability from which the guess counts as sure */
};

struct infer_options {
    unsigned workers;           /* 0: 1, at most 256; as many compute at once as there are processors */
    const char *cache_dir;      /* compiled models are kept here; NULL: nowhere */
    const char *tokenizers_lib; /* libopenvino_tokenizers.so; NULL: where the build or install put it */
    bool no_text, no_image;     /* leave out what is not needed */
    const char *styles; /* styles.h: the file that describes them; NULL, or a package that cannot: none */
};

/* RC_NOT_FOUND, RC_CORRUPT (a hash or a shape differs), RC_UNSUPPORTED (format newer than us). */
enum rc infer_open(const char *package_dir, const struct infer_options *options, struct infer **out,
                   struct err *err) MUST_USE;
void infer_close(struct infer *m);
/* The folder of the package that came with the program: beside a build, or where it was installed. */
enum rc infer_default_dir(char *out, size_t cap, struct err *err) MUST_USE;

const char *infer_version(const struct infer *m); /* "penderie-fashion 1.0.0": stored with embeddings */
bool infer_has_text(const struct infer *m);       /* a package may be of pictures alone */
size_t infer_dim(const struct infer *m);          /* 256 for our own package */
size_t infer_heads(const struct infer *m, const struct infer_head **heads);
const struct infer_head *infer_head(const struct infer *m, const char *field); /* NULL if absent */

/* Whether the package has a piece detector; without one, n_found below stays 0. */
bool infer_finds_pieces(const struct infer *m);

struct infer_found {
    struct image_box box;
    float score; /* 0 .. 1 */
};

/* What styles.h needs of the model: means of its embeddings, (dim) f32, and how sharply scores tell styles apart. */
struct infer_style_rule {
    const float *picture_mean, *text_mean;
    float temperature;
};
const struct infer_style_rule *infer_style_rule(const struct infer *m); /* NULL: the package has none */
struct styles;
const struct styles *infer_styles(const struct infer *m); /* of infer_options; NULL: none */

/* One picture's answers. `probabilities[h]`: (heads[h].n) f32 summing to 1, in order of the labels.
 * Memory belongs to the caller: infer_vision_init() allocates for this model, _release() frees. */
struct infer_vision {
    float *embedding; /* (dim) f32, unit length */
    float *probabilities[INFER_MAX_HEADS];
    struct infer_found found[INFER_MAX_PIECES]; /* pieces, best first */
    size_t n_found;
};
enum rc infer_vision_init(const struct infer *m, struct infer_vision *v, struct err *err) MUST_USE;
void infer_vision_release(struct infer_vision *v);

/* n (1 .. INFER_MAX_BATCH) pictures at once into out[0..n-1]. */
enum rc infer_images(struct infer *m, unsigned worker, const struct image *const *images, size_t n,
                     struct infer_vision *out, struct err *err) MUST_USE;
/* (dim) f32 of unit length into `embedding`. Text over 2,000 bytes is cut; empty text is RC_INVALID. */
enum rc infer_text(struct infer *m, unsigned worker, struct str text, float *embedding,
                   struct err *err) MUST_USE;

/* The best label of a head and its probability; NULL if the model lacks the head. */
const char *infer_best(const struct infer *m, const struct infer_vision *v, const char *field, float *p);
#endif
