/*
 * A model package's manifest, checked, and its files, verified and in memory. What is loaded is exactly what
 * was hashed: a file that changes between the two cannot slip in.
 */
#ifndef INFER_PACKAGE_H
#define INFER_PACKAGE_H

#include "base/arena.h"
#include "infer/infer.h"
#include "infer/pieces.h"

struct jval;

enum { PACKAGE_MAX_FILES = 16 };

/* How a picture is brought to the size of the input; docs/model-package.md. */
enum package_fit { PACKAGE_PAD, PACKAGE_CROP };

struct package_file {
    const char *name;
    char *p; /* malloc; NULL once freed */
    size_t n;
};

struct package {
    struct arena arena; /* holds all strings and tables below */
    struct jval *doc;
    const char *dir, *version; /* version: "NAME VERSION" */
    size_t dim;
    struct package_file files[PACKAGE_MAX_FILES];
    size_t n_files;

    const char *image_file, *image_input, *image_embedding;
    int width, height;
    enum package_fit fit;
    float mean[3], std[3];
    struct infer_head heads[INFER_MAX_HEADS];
    const char *outputs[INFER_MAX_HEADS]; /* of the graph, for each head */
    size_t n_heads;
    struct pieces_rule pieces;      /* .score is NULL: none */
    struct infer_style_rule styles; /* .picture_mean is NULL: none */

    const char *text_file, *tokenizer_file, *ids_input, *mask_input, *text_output;
    int64_t max_tokens;
    const char *precision; /* for INFERENCE_PRECISION_HINT */
};

/* Reads and checks all of it; every file listed is hashed. On failure nothing needs releasing. */
enum rc package_load(const char *dir, struct package *out, struct err *err) MUST_USE;
void package_release(struct package *p);
const struct package_file *package_file(const struct package *p, const char *name); /* NULL if not listed */
/* Frees the bytes of the files, when the graphs are loaded. */
void package_drop_files(struct package *p);
#endif
