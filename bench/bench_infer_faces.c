/*
 * How well faces are found in photos of clothes: one portrait is put into other photos at several sizes and turns, and
 * the same photos are searched without it.
 *   bench_infer_faces PORTRAIT X Y SIDE FOLDER-OF-PHOTOS [HOW-MANY]      X Y SIDE: the face in the portrait, pixels
 * Prints recall by size and turn, false finds, and milliseconds, for several thresholds.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "crypt/crypt.h"
#include "infer/faces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_PX = 1600, MAX_PHOTOS = 5000 };
static const float sizes[] = {.03f, .05f, .08f, .12f, .2f, .35f};
static const float bars[] = {.9f, 1.f, 1.1f, 1.15f, 1.2f, 1.3f, 1.4f};
enum { N_SIZES = 6, N_BARS = 7 };

struct photos {
    char *paths[MAX_PHOTOS];
    size_t n;
};

static enum rc note(const char *path, void *ctx, struct err *err)
{
    struct photos *p = ctx;
    (void)err;
    if (p->n < MAX_PHOTOS) p->paths[p->n++] = strdup(path);
    return RC_OK;
}

static enum rc load(const char *path, struct image *out, struct err *err)
{
    char *p;
    size_t n;
    enum rc rc = fs_read(path, 32 << 20, &p, &n, err);
    if (rc) return rc;
    rc = image_decode((struct str){p, n}, NULL, out, NULL, err);
    free(p);
    return rc;
}

static void scale(const struct image *im, int w, int h, struct image *out)
{
    struct err err;
    if (image_create(w, h, out, &err)) exit(1);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            memcpy(out->rgb + ((size_t)y * (size_t)w + (size_t)x) * 3,
                   im->rgb + ((size_t)((int64_t)y * im->height / h) * (size_t)im->width +
                              (size_t)((int64_t)x * im->width / w)) *
                                 3,
                   3);
}

static void paste(struct image *to, const struct image *from, int x, int y)
{
    for (int j = 0; j < from->height && y + j < to->height; j++)
        for (int i = 0; i < from->width && x + i < to->width; i++)
            if (x + i >= 0 && y + j >= 0)
                memcpy(to->rgb + ((size_t)(y + j) * (size_t)to->width + (size_t)(x + i)) * 3,
                       from->rgb + ((size_t)j * (size_t)from->width + (size_t)i) * 3, 3);
}

static void turn(struct image *im) /* a quarter, clockwise */
{
    struct image out;
    struct err err;
    if (image_create(im->height, im->width, &out, &err)) exit(1);
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++)
            memcpy(out.rgb + ((size_t)y * (size_t)out.width + (size_t)x) * 3,
                   im->rgb + ((size_t)(im->height - 1 - x) * (size_t)im->width + (size_t)y) * 3, 3);
    image_release(im);
    *im = out;
}

static float overlap(struct image_box a, struct image_box b)
{
    float w = (a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w) - (a.x > b.x ? a.x : b.x);
    float h = (a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h) - (a.y > b.y ? a.y : b.y);
    return w <= 0 || h <= 0 ? 0 : w * h / (a.w * a.h + b.w * b.h - w * h);
}

static struct image portrait;
static int face_x, face_y, face_side;

/* The portrait's head and shoulders, the face `part` of the photo's longest side; *box: where the face then is. */
static void put_face(struct image *photo, float part, unsigned seed, struct image_box *box)
{
    struct image head, small;
    struct err err;
    int longest = photo->width > photo->height ? photo->width : photo->height, side = face_side;
    int x = face_x - side * 7 / 10, y = face_y - side * 8 / 10, w = side * 24 / 10, h = side * 27 / 10;
    if (x < 0) x = 0;
    if (y < 0) y = 0;
    if (image_crop(&portrait, x, y, w, h, &head, &err)) exit(1);
    float k = part * (float)longest / (float)side;
    int sw = (int)((float)head.width * k), sh = (int)((float)head.height * k);
    if (k <= 1) {
        if (image_resize(&head, sw > sh ? sw : sh, &small, &err)) exit(1);
    } else {
        scale(&head, sw, sh, &small);
    }
    int px = photo->width > small.width ? (int)(seed % (unsigned)(photo->width - small.width)) : 0;
    int py = photo->height > small.height ? (int)(seed / 7 % (unsigned)(photo->height - small.height)) : 0;
    paste(photo, &small, px, py);
    *box = (struct image_box){((float)px + (float)(face_x - x) * k) / (float)photo->width,
                              ((float)py + (float)(face_y - y) * k) / (float)photo->height,
                              (float)side * k / (float)photo->width, (float)side * k / (float)photo->height};
    image_release(&head);
    image_release(&small);
}

static struct image_box turned(struct image_box b, int turns)
{
    for (int i = 0; i < turns; i++)
        b = (struct image_box){1 - b.y - b.h, b.x, b.h, b.w};
    return b;
}

static enum rc enlarged(const char *path, struct image *out, struct err *err)
{
    struct image im;
    enum rc rc = load(path, &im, err);
    if (rc) return rc;
    float k = (float)SIDE_PX / (float)(im.width > im.height ? im.width : im.height);
    scale(&im, (int)((float)im.width * k), (int)((float)im.height * k), out);
    image_release(&im);
    return RC_OK;
}

static void recall(struct faces *f, const struct photos *photos, size_t each)
{
    printf("size   turn    n  found at score+check >= ");
    for (int b = 0; b < N_BARS; b++)
        printf(" %.2f", (double)bars[b]);
    printf("\n");
    for (int s = 0; s < N_SIZES; s++)
        for (int t = 0; t < 4; t++) {
            int hits[N_BARS] = {0};
            for (size_t i = 0; i < each; i++) {
                struct image im;
                struct image_box box;
                struct face found[FACES_MAX];
                struct err err;
                size_t n;
                float best = 0;
                if (enlarged(photos->paths[(i * 37 + 11) % photos->n], &im, &err)) continue;
                put_face(&im, sizes[s], (unsigned)(i * 7919 + (size_t)s * 104729), &box);
                for (int k = 0; k < t; k++)
                    turn(&im);
                box = turned(box, t);
                if (faces_find(f, 0, &im, 0, found, &n, &err)) exit(1);
                for (size_t k = 0; k < n; k++)
                    if (overlap(found[k].box, box) > .25f && found[k].score + found[k].check > best)
                        best = found[k].score + found[k].check;
                for (int b = 0; b < N_BARS; b++)
                    hits[b] += best >= bars[b];
                image_release(&im);
            }
            printf("%.2f  %4d  %3zu                            ", (double)sizes[s], t * 90, each);
            for (int b = 0; b < N_BARS; b++)
                printf(" %4d", hits[b]);
            printf("\n");
            fflush(stdout);
        }
}

static void false_finds(struct faces *f, const struct photos *photos, size_t many)
{
    int hits[N_BARS] = {0};
    int64_t us = 0;
    for (size_t i = 0; i < many; i++) {
        struct image im;
        struct face found[FACES_MAX];
        struct err err;
        size_t n;
        float best = 0;
        if (enlarged(photos->paths[(i * 13 + 5) % photos->n], &im, &err)) continue;
        int64_t began = clock_mono_us();
        if (faces_find(f, 0, &im, 0, found, &n, &err)) exit(1);
        us += clock_mono_us() - began;
        for (size_t k = 0; k < n; k++)
            if (found[k].score + found[k].check > best) best = found[k].score + found[k].check;
        for (int b = 0; b < N_BARS; b++)
            hits[b] += best >= bars[b];
        if (best >= 1.15f)
            printf("  false: %s %.2f\n", strrchr(photos->paths[(i * 13 + 5) % photos->n], '/'), (double)best);
        image_release(&im);
    }
    printf("of %zu photos without faces, with one found:      ", many);
    for (int b = 0; b < N_BARS; b++)
        printf(" %4d", hits[b]);
    printf("\n%.1f ms a photo\n", (double)us / 1000 / (double)many);
}

int main(int argc, char **argv)
{
    struct err err;
    struct faces *f = NULL;
    static struct photos photos;
    if (argc < 6) return fprintf(stderr, "bench_infer_faces PORTRAIT X Y SIDE FOLDER [HOW-MANY]\n"), 2;
    size_t many = argc > 6 ? (size_t)(int)strtol(argv[6], NULL, 10) : 100;
    face_x = (int)strtol(argv[2], NULL, 10);
    face_y = (int)strtol(argv[3], NULL, 10);
    face_side = (int)strtol(argv[4], NULL, 10);
    enum rc rc = image_startup(argv[0], &err);
    if (!rc) rc = crypt_startup(&err);
    if (!rc) rc = load(argv[1], &portrait, &err);
    if (!rc) rc = fs_walk(argv[5], note, &photos, &err);
    if (!rc) rc = faces_open(NULL, 1, &f, &err);
    if (rc || !photos.n) return fprintf(stderr, "%s\n", rc ? err.message : "no photos"), 1;
    false_finds(f, &photos, many);
    recall(f, &photos, many / 20 ? many / 20 : 1);
    faces_close(f);
    return 0;
}
