/*
 * Finding faces, so that they can be made unrecognisable before a photo is kept. Boxes alone come out: no template, no
 * likeness, nothing that tells one face from another, and nothing of what was computed is kept.
 *
 * Two networks of MediaPipe's face detection (Apache-2.0; Bazarevsky et al. 2019, "BlazeFace"), which `make deps` puts
 * into .deps/faces/ as they were published: full range (192 px) proposes, short range (128 px) looks again at each
 * proposal, cut out at its own size. Their files are hashed before they are loaded. Anchors, thresholds and the weighted
 * suppression follow the published graphs (mediapipe/modules/face_detection); pictures are searched at several sizes
 * and turned, because a face may be small in a photo of clothes, and not every photo is upright.
 *
 * Threading: one inference request a worker, as in infer.h.
 */
#ifndef INFER_FACES_H
#define INFER_FACES_H

#include "base/err.h"
#include "image/image.h"

struct faces;

enum { FACES_MAX = 32 };

struct face {
    struct image_box box; /* from brow to chin, about; may reach over the border */
    float score;          /* of the proposal, 0 .. 1 */
    float check;          /* of the second look */
};

/* RC_NOT_FOUND: not installed; the message says how. RC_CORRUPT: other files than the published ones. `dir` NULL: where
 * the build or the installation put them. */
enum rc faces_open(const char *dir, unsigned workers, struct faces **out, struct err *err) MUST_USE;
void faces_close(struct faces *f); /* NULL is fine */

/* At most FACES_MAX faces, the surest first. `least`: what score and check must reach together, from 0; negative: the
 * measured default. */
enum rc faces_find(struct faces *f, unsigned worker, const struct image *im, float least, struct face *out,
                   size_t *n, struct err *err) MUST_USE;
#endif
