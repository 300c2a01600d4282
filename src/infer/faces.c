#include "infer/faces.h"

#include "base/fs.h"
#include "base/log.h"
#include "crypt/crypt.h"

#include <limits.h>
#include <math.h>
#include <openvino/c/openvino.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A network takes a square picture, R G B in -1 .. 1, and gives for each anchor 16 numbers (centre, size, six points
 * that are not used here; in pixels of the square, relative to the anchor) and one score before the sigmoid.
 *
 *   full range   192 px, stride 4, one anchor a cell:                                    48 x 48     = 2,304
 *   short range  128 px, stride 8 with two anchors a cell, three layers of stride 16:    16 x 16 x 2
 *                                                                                      +  8 x  8 x 6 =   896
 *
 * An anchor is the centre of its cell; its size is fixed (1), as fixed_anchor_size in the graphs says.
 */
enum { FULL_PX = 192, SHORT_PX = 128, VALUES = 16, MAX_FOUND = 128, MAX_PIXELS = FULL_PX * FULL_PX * 3 };
enum { MAX_FILE_BYTES = 8 << 20, MAX_ANCHORS = 48 * 48 };

/* From mediapipe 0.10.14. The full range file is the one with sparse weights: the same network, a third smaller. */
static const struct {
    const char *file, *sha256;
    int px;
    struct {
        int cells, each;
    } grid[2];
} published[2] = {
    {"face_detection_full_range_sparse.tflite",
     "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
     FULL_PX,
     {{48, 1}, {0, 0}}},
    {"face_detection_short_range.tflite",
     "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
     SHORT_PX,
     {{16, 2}, {8, 6}}},
};
enum which { FULL, SHORT };

struct net {
    ov_compiled_model_t *compiled;
    int px;
    size_t n; /* anchors */
    struct {
        float x, y; /* 0 .. 1 */
    } anchors[MAX_ANCHORS];
};

struct worker {
    ov_infer_request_t *request[2];
    float *input[2]; /* (1, px, px, 3) f32 */
};

struct faces {
    ov_core_t *core;
    struct net net[2];
    unsigned n_workers;
    struct worker *workers;
};

struct box {          /* in pixels of whatever picture is meant */
    float x, y, w, h; /* top left corner */
    float score, check;
    int turn; /* quarter turns at which it was found */
};

static enum rc failed(enum rc rc, const char *what, struct err *err)
{
    const char *why = ov_get_last_err_msg();
    return err_set(err, rc, "%s: %.300s", what, why ? why : "no reason given");
}

/* ---- loading ---- */

static enum rc default_dir(char out[static PATH_MAX], struct err *err)
{
    static const char *const places[] = {"../.deps/faces", "../share/penderie/models/faces"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        enum rc rc = fs_beside_program(places[i], out, PATH_MAX, err);
        if (rc) return rc;
        if (fs_is_dir(out)) return RC_OK;
    }
    return err_set(err, RC_NOT_FOUND,
                   "the face detector is not installed beside the program: `make deps` brings it, or name its "
                   "folder with the setting faces_dir");
}

static enum rc read_verified(const char *dir, enum which which, char **p, size_t *n, struct err *err)
{
    char path[PATH_MAX], hex[CRYPT_HEX_BYTES];
    uint8_t digest[CRYPT_SHA256_BYTES];
    int wrote = snprintf(path, sizeof path, "%s/%s", dir, published[which].file);
    if (wrote < 0 || wrote >= (int)sizeof path) return err_set(err, RC_INVALID, "faces_dir: path too long");
    enum rc rc = fs_read(path, MAX_FILE_BYTES, p, n, err);
    if (rc) return rc;
    crypt_sha256((struct str){*p, *n}, digest);
    crypt_hex(digest, sizeof digest, hex);
    if (strcmp(hex, published[which].sha256) == 0) return RC_OK;
    free(*p);
    *p = NULL;
    return err_set(err, RC_CORRUPT, "%s is not the published file: its SHA-256 is %s", path, hex);
}

static void lay_anchors(struct net *net, enum which which)
{
    for (size_t g = 0; g < 2; g++) {
        int cells = published[which].grid[g].cells;
        for (int y = 0; y < cells; y++)
            for (int x = 0; x < cells; x++)
                for (int k = 0; k < published[which].grid[g].each; k++) {
                    net->anchors[net->n].x = ((float)x + .5f) / (float)cells;
                    net->anchors[net->n++].y = ((float)y + .5f) / (float)cells;
                }
    }
}

/* OpenVINO reads this format from a path alone, whose name must end so. The verified bytes go into a folder that
 * nobody else can write, so that what is loaded is what was hashed; it is gone when this returns. */
static enum rc read_graph(struct faces *f, const char *p, size_t n, ov_model_t **out, struct err *err)
{
    char dir[PATH_MAX - 16], path[PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    int wrote = snprintf(dir, sizeof dir, "%s/penderie-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (wrote < 0 || wrote >= (int)sizeof dir) return err_set(err, RC_INVALID, "TMPDIR: path too long");
    if (!mkdtemp(dir)) return err_errno(err, "cannot make a folder for the face detector");
    snprintf(path, sizeof path, "%s/face.tflite", dir);
    enum rc rc = fs_write_atomic(path, p, n, 0600, err);
    if (!rc && ov_core_read_model(f->core, path, NULL, out))
        rc = failed(RC_CORRUPT, "OpenVINO cannot read the face detector", err);
    if (fs_remove_tree(dir, NULL)) log_warn("infer", "a temporary folder could not be removed");
    return rc;
}

static enum rc compile(struct faces *f, enum which which, const char *p, size_t n, struct err *err)
{
    char streams[12];
    ov_model_t *model = NULL;
    snprintf(streams, sizeof streams, "%u", f->n_workers);
    const ov_property_t properties[] = {
        {ov_property_key_hint_inference_precision, "f32"},
        {ov_property_key_inference_num_threads, streams},
        {ov_property_key_num_streams, streams},
        {ov_property_key_hint_enable_cpu_pinning, "NO"},
    };
    enum rc rc = read_graph(f, p, n, &model, err);
    if (rc) return rc;
    bool bad = ov_core_compile_model_props(f->core, model, "CPU", sizeof properties / sizeof *properties,
                                           properties, &f->net[which].compiled);
    ov_model_free(model);
    return bad ? failed(RC_INTERNAL, "OpenVINO cannot prepare the face detector", err) : RC_OK;
}

static enum rc load(struct faces *f, const char *dir, enum which which, struct err *err)
{
    char *p = NULL;
    size_t n = 0;
    enum rc rc = read_verified(dir, which, &p, &n, err);
    if (!rc) rc = compile(f, which, p, n, err);
    free(p);
    f->net[which].px = published[which].px;
    lay_anchors(&f->net[which], which);
    return rc;
}

static enum rc start_worker(struct faces *f, struct worker *w, enum which which, struct err *err)
{
    int64_t px = f->net[which].px, dims[] = {1, px, px, 3};
    ov_shape_t shape = {0};
    ov_tensor_t *tensor = NULL;
    w->input[which] = aligned_alloc(64, (size_t)(px * px * 3) * sizeof(float));
    if (!w->input[which]) return err_set(err, RC_NOMEM, "out of memory for the face detector");
    if (ov_compiled_model_create_infer_request(f->net[which].compiled, &w->request[which]))
        return failed(RC_INTERNAL, "OpenVINO cannot prepare the face detector", err);
    bool bad = ov_shape_create(4, dims, &shape) ||
               ov_tensor_create_from_host_ptr(F32, shape, w->input[which], &tensor) ||
               ov_infer_request_set_input_tensor(w->request[which], tensor);
    if (tensor) ov_tensor_free(tensor);
    if (shape.dims) ov_shape_free(&shape);
    return bad ? failed(RC_INTERNAL, "the face detector does not take its picture", err) : RC_OK;
}

enum rc faces_open(const char *dir, unsigned workers, struct faces **out, struct err *err)
{
    char beside[PATH_MAX];
    *out = NULL;
    enum rc rc = dir && *dir ? RC_OK : default_dir(beside, err);
    if (rc) return rc;
    if (!dir || !*dir) dir = beside;
    struct faces *f = calloc(1, sizeof *f);
    if (!f) return err_set(err, RC_NOMEM, "out of memory for the face detector");
    f->n_workers = workers ? workers : 1;
    f->workers = calloc(f->n_workers, sizeof *f->workers);
    if (!f->workers) rc = err_set(err, RC_NOMEM, "out of memory for the face detector");
    if (!rc && ov_core_create(&f->core)) rc = failed(RC_INTERNAL, "OpenVINO does not start", err);
    for (int which = FULL; which <= SHORT && !rc; which++) {
        rc = load(f, dir, (enum which)which, err);
        for (unsigned i = 0; i < f->n_workers && !rc; i++)
            rc = start_worker(f, &f->workers[i], (enum which)which, err);
    }
    if (rc)
        faces_close(f);
    else
        *out = f;
    return rc;
}

void faces_close(struct faces *f)
{
    if (!f) return;
    for (unsigned i = 0; f->workers && i < f->n_workers; i++)
        for (int which = FULL; which <= SHORT; which++) {
            if (f->workers[i].request[which]) ov_infer_request_free(f->workers[i].request[which]);
            free(f->workers[i].input[which]);
        }
    for (int which = FULL; which <= SHORT; which++)
        if (f->net[which].compiled) ov_compiled_model_free(f->net[which].compiled);
    if (f->core) ov_core_free(f->core);
    free(f->workers);
    free(f);
}

/* ---- boxes ---- */

static float overlap(const struct box *a, const struct box *b) /* intersection over union */
{
    float w = fminf(a->x + a->w, b->x + b->w) - fmaxf(a->x, b->x);
    float h = fminf(a->y + a->h, b->y + b->h) - fmaxf(a->y, b->y);
    if (w <= 0 || h <= 0) return 0;
    return w * h / (a->w * a->h + b->w * b->h - w * h);
}

static int surer(const void *a, const void *b)
{
    const struct box *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* NonMaxSuppressionCalculator, WEIGHTED: boxes that overlap the best by more than .3 become their mean, weighted by
 * score; the best's score stays. Returns how many are left, sorted. */
static size_t merge(struct box *b, size_t n)
{
    size_t kept = 0;
    qsort(b, n, sizeof *b, surer);
    while (n > kept) {
        struct box best = b[kept], sum = {0};
        float weight = 0;
        size_t rest = kept;
        for (size_t i = kept; i < n; i++) {
            if (i != kept && overlap(&best, &b[i]) <= .3f) {
                b[rest++] = b[i];
                continue;
            }
            sum.x += b[i].x * b[i].score;
            sum.y += b[i].y * b[i].score;
            sum.w += b[i].w * b[i].score;
            sum.h += b[i].h * b[i].score;
            weight += b[i].score;
            if (i == kept) rest++; /* its place is the merged one's */
        }
        b[kept] = (struct box){sum.x / weight, sum.y / weight, sum.w / weight, sum.h / weight,
                               best.score,     best.check,     best.turn};
        kept++;
        n = rest;
    }
    return kept;
}

/* A box found in a picture that was turned by `turn` quarters, counter-clockwise, back in the upright one of w x h. */
static struct box turn_back(struct box b, int turn, float w, float h)
{
    struct box o = b;
    if (turn == 1) o.x = w - b.y - b.h, o.y = b.x, o.w = b.h, o.h = b.w;
    if (turn == 2) o.x = w - b.x - b.w, o.y = h - b.y - b.h;
    if (turn == 3) o.x = b.y, o.y = h - b.x - b.w, o.w = b.h, o.h = b.w;
    o.turn = turn;
    return o;
}

/* ---- looking ---- */

struct window { /* a part of a picture, at most px x px */
    int x, y, w, h;
};

/* Puts the window, turned, into the middle of the network's square; around it black, as the graph pads. */
static void fill_input(const struct image *im, struct window at, int turn, int px, float *input)
{
    int w = turn & 1 ? at.h : at.w, h = turn & 1 ? at.w : at.h, left = (px - w) / 2, top = (px - h) / 2;
    for (int i = 0; i < px * px * 3; i++)
        input[i] = -1;
    for (int y = 0; y < h; y++) {
        float *to = input + ((size_t)(top + y) * (size_t)px + (size_t)left) * 3;
        for (int x = 0; x < w; x++, to += 3) {
            int sx = turn == 0 ? x : turn == 1 ? at.w - 1 - y : turn == 2 ? at.w - 1 - x : y;
            int sy = turn == 0 ? y : turn == 1 ? x : turn == 2 ? at.h - 1 - y : at.h - 1 - x;
            const uint8_t *p = im->rgb + ((size_t)(at.y + sy) * (size_t)im->width + (size_t)(at.x + sx)) * 3;
            for (int c = 0; c < 3; c++)
                to[c] = (float)p[c] * (2 / 255.f) - 1;
        }
    }
}

/* The outputs, told apart by their size: boxes (anchors, 16), scores (anchors). */
static enum rc outputs(const struct net *net, ov_infer_request_t *request, ov_tensor_t *tensors[2],
                       const float *data[2], struct err *err)
{
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        void *p = NULL;
        ov_tensor_t *t = NULL;
        if (ov_infer_request_get_output_tensor_by_index(request, i, &t))
            return failed(RC_INTERNAL, "the face detector lacks an output", err);
        bool bad = ov_tensor_get_size(t, &n) || ov_tensor_data(t, &p);
        size_t to = n == net->n * VALUES ? 0 : 1;
        if (bad || tensors[to] || (to == 1 && n != net->n)) {
            ov_tensor_free(t);
            return err_set(err, RC_INTERNAL, "the face detector's outputs have another shape");
        }
        tensors[to] = t;
        data[to] = p;
    }
    return RC_OK;
}

/* Runs a network over a window; boxes from `least` on go to out[*n ...], in pixels of `im`, merged by the caller. */
static enum rc look(struct faces *f, unsigned worker, enum which which, const struct image *im,
                    struct window at, int turn, float least, struct box *out, size_t *n, size_t cap,
                    struct err *err)
{
    const struct net *net = &f->net[which];
    struct worker *w = &f->workers[worker];
    ov_tensor_t *tensors[2] = {NULL, NULL};
    const float *data[2];
    float px = (float)net->px, left = (float)((net->px - (turn & 1 ? at.h : at.w)) / 2),
          top = (float)((net->px - (turn & 1 ? at.w : at.h)) / 2);
    fill_input(im, at, turn, net->px, w->input[which]);
    if (ov_infer_request_infer(w->request[which])) return failed(RC_INTERNAL, "the face detector failed", err);
    enum rc rc = outputs(net, w->request[which], tensors, data, err);
    for (size_t i = 0; !rc && i < net->n; i++) {
        float score = 1 / (1 + expf(-fminf(100, fmaxf(-100, data[1][i]))));
        const float *v = data[0] + i * VALUES;
        if (!(score >= least) || *n == cap || !(v[2] > 0 && v[3] > 0)) continue;
        struct box b = {v[0] + net->anchors[i].x * px - v[2] / 2 - left,
                        v[1] + net->anchors[i].y * px - v[3] / 2 - top,
                        v[2],
                        v[3],
                        score,
                        0,
                        turn};
        b = turn_back(b, turn, (float)at.w, (float)at.h);
        b.x += (float)at.x;
        b.y += (float)at.y;
        out[(*n)++] = b;
    }
    for (int i = 0; i < 2; i++)
        if (tensors[i]) ov_tensor_free(tensors[i]);
    return rc;
}

/* Where the windows begin along one side: three quarters of a window apart at most, the last at the end. */
static int windows(int side, int px)
{
    return side <= px ? 1 : (side - px + px * 3 / 4 - 1) / (px * 3 / 4) + 1;
}
static int begin(int side, int px, int i, int of) { return of == 1 ? 0 : (side - px) * i / (of - 1); }

/* All of the picture at one size, windows of 192 px over it, turned `turns` ways. Found boxes are scaled by `scale`
 * to the picture they are for. */
static enum rc search_level(struct faces *f, unsigned worker, const struct image *im, int turns, float scale,
                            float least, struct box *found, size_t *n, struct err *err)
{
    int across = windows(im->width, FULL_PX), down = windows(im->height, FULL_PX);
    enum rc rc = RC_OK;
    for (int i = 0; i < across * down * turns && !rc; i++) {
        struct window at = {begin(im->width, FULL_PX, i / turns % across, across),
                            begin(im->height, FULL_PX, i / turns / across, down), 0, 0};
        struct box here[MAX_FOUND];
        size_t k = 0;
        at.w = im->width < FULL_PX ? im->width : FULL_PX;
        at.h = im->height < FULL_PX ? im->height : FULL_PX;
        rc = look(f, worker, FULL, im, at, i % turns * (turns == 2 ? 2 : 1), least, here, &k, MAX_FOUND, err);
        k = merge(here, k);
        for (size_t j = 0; j < k && *n < MAX_FOUND && !rc; j++) {
            struct box b = here[j];
            found[(*n)++] =
                (struct box){b.x * scale, b.y * scale, b.w * scale, b.h * scale, b.score, 0, b.turn};
        }
    }
    return rc;
}

/* The second look: the proposal in the middle of a square twice its size, at the size the network knows best. */
static enum rc check(struct faces *f, unsigned worker, const struct image *im, struct box *b, struct err *err)
{
    struct image crop = {0}, square = {0};
    float side = 2.2f * fmaxf(b->w, b->h);
    int x = (int)(b->x + b->w / 2 - side / 2), y = (int)(b->y + b->h / 2 - side / 2), px = (int)side;
    int x0 = x < 0 ? 0 : x, y0 = y < 0 ? 0 : y;
    if (image_crop(im, x, y, px, px, &crop, NULL)) return RC_OK; /* outside: nothing to see */
    float longest = (float)(crop.width > crop.height ? crop.width : crop.height), k = SHORT_PX / longest;
    float w = roundf((float)crop.width * k), h = roundf((float)crop.height * k);
    float left = (float)((SHORT_PX - (int)w) / 2), top = (float)((SHORT_PX - (int)h) / 2);
    enum rc rc = image_create(SHORT_PX, SHORT_PX, &square, err);
    if (!rc) rc = image_resize_pad(&crop, SHORT_PX, SHORT_PX, square.rgb, err);
    struct box want = {
        (b->x - (float)x0) * k + left, (b->y - (float)y0) * k + top, b->w * k, b->h * k, 0, 0, 0};
    for (int turn = 0; turn < 4 && !rc; turn++) {
        struct box here[MAX_FOUND];
        size_t n = 0;
        rc = look(f, worker, SHORT, &square, (struct window){0, 0, SHORT_PX, SHORT_PX}, turn, b->check + .01f,
                  here, &n, MAX_FOUND, err);
        for (size_t i = 0; i < n && !rc; i++)
            if (overlap(&here[i], &want) > .3f && here[i].score > b->check) b->check = here[i].score;
    }
    image_release(&crop);
    image_release(&square);
    return rc;
}

/* Sizes at which a picture is searched, and how many ways it is turned: a face that is small in a photo is found at
 * the largest, where only upright ones are looked for. */
static const struct {
    int px, turns;
} levels[] = {{FULL_PX, 4}, {2 * FULL_PX, 2}, {10 * FULL_PX / 3, 1}};
#define PROPOSED .3f
#define SURE_TOGETHER 1.15f

enum rc faces_find(struct faces *f, unsigned worker, const struct image *im, float least, struct face *out,
                   size_t *n, struct err *err)
{
    struct box *found = malloc(MAX_FOUND * sizeof *found);
    size_t k = 0;
    int longest = im->width > im->height ? im->width : im->height;
    enum rc rc = found ? RC_OK : err_set(err, RC_NOMEM, "out of memory for the face detector");
    ASSERT(worker < f->n_workers);
    *n = 0;
    for (size_t i = 0; i < sizeof levels / sizeof *levels && !rc; i++) {
        struct image small = {0};
        if (i > 0 && longest * 3 < levels[i].px * 2) break; /* enlarging shows nothing new */
        rc = image_resize(im, levels[i].px, &small, err);
        if (!rc)
            rc = search_level(f, worker, &small, levels[i].turns, (float)im->width / (float)small.width,
                              PROPOSED, found, &k, err);
        image_release(&small);
    }
    if (!rc) k = merge(found, k);
    for (size_t i = 0; i < k && !rc; i++) {
        rc = check(f, worker, im, &found[i], err);
        if (rc || found[i].score + found[i].check < (least < 0 ? SURE_TOGETHER : least) || *n == FACES_MAX)
            continue;
        out[(*n)++] = (struct face){{found[i].x / (float)im->width, found[i].y / (float)im->height,
                                     found[i].w / (float)im->width, found[i].h / (float)im->height},
                                    found[i].score,
                                    found[i].check};
    }
    free(found);
    return rc;
}
