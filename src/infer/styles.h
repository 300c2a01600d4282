/*
 * Scores for a house's main styles, without training: each style is described by words and example pictures in a
 * file (vocabulary/main_styles.json), and a picture scores by how much nearer it is to one style's description
 * than to the others'.
 *
 * The two towers' embeddings lie in two places of one space. What is common to all pictures, and to all words, is
 * therefore taken off first; both means, and the temperature that makes scores honest, are the model's and stand in
 * its manifest ("styles", docs/model-package.md), fitted once on labelled products. Changing the file needs no model.
 *
 * Scores of one picture sum to 1: a share of each style. A wardrobe's are the means of its pieces'.
 *
 * Threading: immutable once opened.
 */
#ifndef INFER_STYLES_H
#define INFER_STYLES_H

#include "infer/infer.h"

enum { STYLES_MAX = 12 };

struct styles;

/*
 * Reads the file and asks the model (its `worker`) for the words and pictures named in it; paths of pictures are
 * relative to the file's folder. RC_UNSUPPORTED: the package has no "styles" or no text part; RC_INVALID: the file, with
 * what is wrong; RC_NOT_FOUND.
 */
enum rc styles_open(struct infer *m, unsigned worker, const char *path, struct styles **out,
                    struct err *err) MUST_USE;
void styles_close(struct styles *s);
/* The file that came with the program. */
enum rc styles_default_path(char *out, size_t cap, struct err *err) MUST_USE;

size_t styles_count(const struct styles *s);                             /* 2 .. STYLES_MAX */
const char *styles_name(const struct styles *s, size_t i);               /* "casual" */
const char *styles_title(const struct styles *s, size_t i, bool french); /* for people */
/* Of one picture's embedding, (dim) f32 of unit length: scores[0 .. count-1]. */
void styles_score(const struct styles *s, const float *embedding, float *scores);
/* Of a wardrobe: n embeddings, one after the other, (n, dim). n 0: all scores are 0. */
void styles_score_all(const struct styles *s, const float *embeddings, size_t n, float *scores);
#endif
