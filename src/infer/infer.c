/*
 * OpenVINO behind infer.h.
 *
 * Threading: a graph is compiled once, with a stream of one thread for each worker (OpenVINO makes no more than
 * there are processors), and each worker has a request of its own; all of it is made in infer_open(), and nothing
 * is written afterwards but a worker's own buffers. Streams share the weights: six workers take 84 MB where six
 * compiled models took 260 MB, at the same speed and with the same results to the bit. Threads are not pinned:
 * several processes on one machine would sit on the same cores.
 *
 * Pitfalls that the code below guards against: the default precision is bf16 where the processor has it; a graph
 * of dynamic shape may "succeed" with an empty output, so the picture's graph is made static (1, 3, H, W) and
 * outputs are filled with NaN before each run and checked after it; a damaged graph may load and run, so all
 * files are hashed first (package.c).
 */
#include "infer/infer.h"

#include "base/buf.h"
#include "base/fs.h"
#include "image/image.h"
#include "infer/package.h"
#include "infer/styles.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <openvino/c/openvino.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { MAX_WORKERS = 256, MAX_TEXT_BYTES = 2000, ALIGN_BYTES = 64 };

struct vision {
    ov_infer_request_t *request;
    uint8_t *pixels; /* (H, W, 3) u8 */
    float *input;    /* (1, 3, H, W) f32 */
    float *outputs;  /* (dim), (labels) for each head, (cells) and (4, cells) of pieces: f32, each from a
                        multiple of 64 bytes */
};

struct text {
    ov_infer_request_t *tokenize, *embed;
};

struct worker {
    struct vision vision;
    struct text text;
};

struct infer {
    struct package package;
    ov_core_t *core;
    ov_model_t *image, *tokenizer, *tower;                                     /* while loading */
    ov_compiled_model_t *compiled_image, *compiled_tokenizer, *compiled_tower; /* NULL: left out */
    unsigned n_workers;
    struct worker *workers;
    struct styles *styles;                                     /* NULL: none */
    float levels[3][256];                                      /* (byte - mean) / std */
    size_t offsets[INFER_MAX_HEADS], score_offset, box_offset; /* in vision.outputs */
    size_t n_outputs;                                          /* its length in floats */
};

static enum rc failed(enum rc rc, const char *what, struct err *err)
{
    const char *why = ov_get_last_err_msg();
    return err_set(err, rc, "%s: %.300s", what, why ? why : "no reason given");
}

/* ---- loading ---- */

static enum rc tensor_of(ov_element_type_e type, const int64_t *dims, size_t rank, void *data,
                         ov_tensor_t **out, struct err *err)
{
    ov_shape_t shape = {0};
    ov_status_e bad = ov_shape_create((int64_t)rank, dims, &shape);
    if (!bad) {
        bad =
            data ? ov_tensor_create_from_host_ptr(type, shape, data, out) : ov_tensor_create(type, shape, out);
        ov_shape_free(&shape);
    }
    return bad ? failed(RC_INTERNAL, "a tensor could not be made", err) : RC_OK;
}

/* Reads a graph from verified bytes: ONNX holds its weights, the .xml of OpenVINO has them in a .bin beside. */
static enum rc read_graph(struct infer *m, const char *name, ov_model_t **out, struct err *err)
{
    const struct package_file *graph = package_file(&m->package, name), *weights = NULL;
    ov_tensor_t *tensor = NULL;
    struct str stem = str_of(name);
    if (str_ends(stem, STR(".xml"))) {
        char *bin = arena_printf(&m->package.arena, "%.*s.bin", (int)(stem.n - 4), name);
        if (!bin || !(weights = package_file(&m->package, bin)))
            return err_set(err, RC_CORRUPT, "%s: its .bin file is not listed under files in manifest.json",
                           name);
        void *copy; /* the graph goes on using the tensor's memory: let the tensor own it */
        int64_t n = (int64_t)weights->n;
        enum rc rc = tensor_of(U8, &n, 1, NULL, &tensor, err);
        if (rc) return rc;
        if (ov_tensor_data(tensor, &copy)) {
            ov_tensor_free(tensor);
            return failed(RC_INTERNAL, "the weights could not be loaded", err);
        }
        memcpy(copy, weights->p, weights->n);
    }
    ov_status_e bad = ov_core_read_model_from_memory_buffer(m->core, graph->p, graph->n, tensor, out);
    if (tensor) ov_tensor_free(tensor);
    if (!bad) return RC_OK;
    failed(RC_CORRUPT, "OpenVINO cannot read it", err);
    return err_prefix(err, "%s: ", name), RC_CORRUPT;
}

/* The last dimension of a graph's output must be `want`. */
static enum rc check_output(const ov_model_t *model, const char *name, size_t want, struct err *err)
{
    ov_output_const_port_t *port = NULL;
    ov_partial_shape_t shape = {0};
    ov_element_type_e type = DYNAMIC;
    int64_t got = -1;
    if (ov_model_const_output_by_name(model, name, &port))
        return err_set(err, RC_CORRUPT, "the graph has no output named %s, and manifest.json says it does",
                       name);
    if (!ov_port_get_partial_shape(port, &shape)) {
        if (shape.rank.max == 2 && shape.dims[1].min == shape.dims[1].max) got = shape.dims[1].max;
        ov_partial_shape_free(&shape);
    }
    bool fine = !ov_port_get_element_type(port, &type) && type == F32 && got == (int64_t)want;
    ov_output_const_port_free(port);
    if (fine) return RC_OK;
    return err_set(err, RC_CORRUPT,
                   "output %s of the graph has %lld values (or is not f32), and manifest.json says %zu", name,
                   (long long)got, want);
}

static enum rc check_input(const ov_model_t *model, const char *name, struct err *err)
{
    ov_output_const_port_t *port = NULL;
    if (ov_model_const_input_by_name(model, name, &port))
        return err_set(err, RC_CORRUPT, "the graph has no input named %s, and manifest.json says it does",
                       name);
    ov_output_const_port_free(port);
    return RC_OK;
}

static size_t cells(const struct infer *m)
{
    return (size_t)m->package.pieces.grid * (size_t)m->package.pieces.grid;
}

static enum rc load_image(struct infer *m, struct err *err)
{
    const struct package *p = &m->package;
    ov_partial_shape_t shape = {0};
    int64_t dims[] = {1, 3, p->height, p->width};
    enum rc rc = read_graph(m, p->image_file, &m->image, err);
    if (!rc) rc = check_input(m->image, p->image_input, err);
    if (rc) return rc;
    ov_status_e bad = ov_partial_shape_create_static(4, dims, &shape);
    if (!bad) {
        bad = ov_model_reshape_input_by_name(m->image, p->image_input, shape);
        ov_partial_shape_free(&shape);
    }
    if (bad) return failed(RC_CORRUPT, "the graph does not take pictures of the size in manifest.json", err);
    rc = check_output(m->image, p->image_embedding, p->dim, err);
    for (size_t h = 0; !rc && h < p->n_heads; h++)
        rc = check_output(m->image, p->outputs[h], p->heads[h].n, err);
    if (!rc && p->pieces.score) rc = check_output(m->image, p->pieces.score, cells(m), err);
    if (!rc && p->pieces.score) rc = check_output(m->image, p->pieces.box, 4 * cells(m), err);
    return rc;
}

static enum rc tokenizers_path(const char *set, char out[static PATH_MAX], struct err *err)
{
    enum rc rc = fs_beside_program("../lib/penderie/libopenvino_tokenizers.so", out, PATH_MAX, err);
    if (rc) return rc;
    if (set || !fs_exists(out)) {
#ifdef TOKENIZERS_LIB
        const char *path = set ? set : TOKENIZERS_LIB;
#else
        const char *path = set ? set : "libopenvino_tokenizers.so";
#endif
        if (strlen(path) >= PATH_MAX) return err_set(err, RC_INVALID, "path too long");
        memcpy(out, path, strlen(path) + 1);
    }
    return fs_exists(out) ? RC_OK
                          : err_set(err, RC_NOT_FOUND, "%s is missing: it comes with openvino-tokenizers", out);
}

static enum rc load_text(struct infer *m, const char *tokenizers_lib, struct err *err)
{
    char lib[PATH_MAX];
    const struct package *p = &m->package;
    enum rc rc = tokenizers_path(tokenizers_lib, lib, err);
    if (rc) return rc;
    /* OpenVINO unloads it with the core, which loses what it keeps in static objects: it stays instead. */
    void *kept = dlopen(lib, RTLD_NOW | RTLD_NODELETE);
    if (kept) dlclose(kept);
    if (ov_core_add_extension(m->core, lib)) return failed(RC_INTERNAL, "the tokenizers do not load", err);
    rc = read_graph(m, p->tokenizer_file, &m->tokenizer, err);
    if (!rc) rc = read_graph(m, p->text_file, &m->tower, err);
    if (!rc) rc = check_input(m->tower, p->ids_input, err);
    if (!rc) rc = check_input(m->tower, p->mask_input, err);
    if (!rc) rc = check_output(m->tower, p->text_output, p->dim, err);
    return rc;
}

/* n floats, up to where the next output may begin. */
static size_t aligned(size_t n)
{
    size_t per = ALIGN_BYTES / sizeof(float);
    return (n + per - 1) / per * per;
}

static void fill_tables(struct infer *m)
{
    const struct package *p = &m->package;
    size_t at = aligned(p->dim);
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            m->levels[c][v] = ((float)v - p->mean[c]) / p->std[c];
    for (size_t h = 0; h < p->n_heads; h++) {
        m->offsets[h] = at;
        at += aligned(p->heads[h].n);
    }
    m->score_offset = at;
    m->box_offset = at + aligned(cells(m));
    m->n_outputs = m->box_offset + aligned(4 * cells(m));
}

/* ---- workers ---- */

/* Processes that fill a cache of compiled models at the same time trip over one another's files (OpenVINO renames them
 * and sets their mode afterwards), so they take turns. -1: no lock; the cache is a convenience. */
static int lock_cache(const char *cache_dir)
{
    struct err err;
    if (!cache_dir || fs_mkdirs(cache_dir, 0700, &err)) return -1;
    int fd = open(cache_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
        ;
    return fd;
}

static enum rc compile(struct infer *m, const ov_model_t *model, const char *cache_dir,
                       ov_compiled_model_t **out, struct err *err)
{
    char streams[12];
    snprintf(streams, sizeof streams, "%u", m->n_workers);
    const ov_property_t properties[] = {
        {ov_property_key_hint_inference_precision, m->package.precision},
        {ov_property_key_inference_num_threads, streams},
        {ov_property_key_num_streams, streams},
        {ov_property_key_hint_enable_cpu_pinning, "NO"},
        {ov_property_key_cache_dir, cache_dir},
    };
    size_t n = sizeof properties / sizeof *properties - (cache_dir ? 0 : 1);
    int lock = lock_cache(cache_dir);
    enum rc rc = RC_OK;
    if (ov_core_compile_model_props(m->core, model, "CPU", n, properties, out))
        rc = failed(RC_INTERNAL, "OpenVINO cannot prepare the model", err);
    if (lock >= 0) close(lock);
    return rc;
}

static enum rc request(const ov_compiled_model_t *compiled, ov_infer_request_t **out, struct err *err)
{
    if (!ov_compiled_model_create_infer_request(compiled, out)) return RC_OK;
    return failed(RC_INTERNAL, "OpenVINO cannot prepare the model", err);
}

static enum rc bind(ov_infer_request_t *request, const char *name, const int64_t *dims, size_t rank,
                    float *data, struct err *err)
{
    ov_tensor_t *tensor = NULL;
    enum rc rc = tensor_of(F32, dims, rank, data, &tensor, err);
    if (rc) return rc;
    if (ov_infer_request_set_tensor(request, name, tensor))
        rc = failed(RC_INTERNAL, "a tensor does not fit", err);
    ov_tensor_free(tensor); /* the request holds on to it */
    return rc;
}

static enum rc start_vision(struct infer *m, struct vision *v, struct err *err)
{
    const struct package *p = &m->package;
    int64_t input[] = {1, 3, p->height, p->width}, output[] = {1, (int64_t)p->dim};
    size_t pixels = (size_t)p->width * (size_t)p->height * 3;
    size_t bytes = (pixels * sizeof(float) + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    v->pixels = malloc(pixels);
    v->input = aligned_alloc(ALIGN_BYTES, bytes);
    v->outputs = aligned_alloc(ALIGN_BYTES, m->n_outputs * sizeof(float));
    if (!v->pixels || !v->input || !v->outputs) return err_set(err, RC_NOMEM, "out of memory for the model");
    enum rc rc = request(m->compiled_image, &v->request, err);
    if (!rc) rc = bind(v->request, p->image_input, input, 4, v->input, err);
    if (!rc) rc = bind(v->request, p->image_embedding, output, 2, v->outputs, err);
    for (size_t h = 0; !rc && h < p->n_heads; h++) {
        output[1] = (int64_t)p->heads[h].n;
        rc = bind(v->request, p->outputs[h], output, 2, v->outputs + m->offsets[h], err);
    }
    if (rc || !p->pieces.score) return rc;
    output[1] = (int64_t)cells(m);
    rc = bind(v->request, p->pieces.score, output, 2, v->outputs + m->score_offset, err);
    output[1] *= 4;
    return rc ? rc : bind(v->request, p->pieces.box, output, 2, v->outputs + m->box_offset, err);
}

static void release_vision(struct vision *v)
{
    if (v->request) ov_infer_request_free(v->request);
    free(v->pixels);
    free(v->input);
    free(v->outputs);
    *v = (struct vision){0};
}

static enum rc start_text(struct infer *m, struct text *t, struct err *err)
{
    enum rc rc = request(m->compiled_tokenizer, &t->tokenize, err);
    return rc ? rc : request(m->compiled_tower, &t->embed, err);
}

static void release_text(struct text *t)
{
    if (t->tokenize) ov_infer_request_free(t->tokenize);
    if (t->embed) ov_infer_request_free(t->embed);
    *t = (struct text){0};
}

/* ---- opening ---- */

static void free_graphs(struct infer *m)
{
    if (m->image) ov_model_free(m->image);
    if (m->tokenizer) ov_model_free(m->tokenizer);
    if (m->tower) ov_model_free(m->tower);
    m->image = m->tokenizer = m->tower = NULL;
}

static void drop_text(struct infer *m)
{
    for (unsigned i = 0; i < m->n_workers; i++)
        release_text(&m->workers[i].text);
    if (m->compiled_tokenizer) ov_compiled_model_free(m->compiled_tokenizer);
    if (m->compiled_tower) ov_compiled_model_free(m->compiled_tower);
    m->compiled_tokenizer = m->compiled_tower = NULL;
}

/* Styles are described by words: the text part is there for them, and gone afterwards if it was not asked for. */
static enum rc load_styles(struct infer *m, const struct infer_options *o, struct err *err)
{
    enum rc rc = styles_open(m, 0, o->styles, &m->styles, err);
    if (o->no_text) drop_text(m);
    return rc;
}

static enum rc load(struct infer *m, const struct infer_options *o, struct err *err)
{
    enum rc rc = RC_OK;
    bool styles = o->styles && m->package.styles.picture_mean && m->package.text_file && !o->no_image;
    fill_tables(m);
    if (ov_core_create(&m->core)) return failed(RC_INTERNAL, "OpenVINO does not start", err);
    if (!o->no_image) rc = load_image(m, err);
    if (!rc && (styles || !o->no_text) && m->package.text_file) rc = load_text(m, o->tokenizers_lib, err);
    if (!rc && m->image) rc = compile(m, m->image, o->cache_dir, &m->compiled_image, err);
    if (!rc && m->tower) rc = compile(m, m->tokenizer, o->cache_dir, &m->compiled_tokenizer, err);
    if (!rc && m->tower) rc = compile(m, m->tower, o->cache_dir, &m->compiled_tower, err);
    for (unsigned i = 0; !rc && i < m->n_workers; i++) {
        if (m->compiled_image) rc = start_vision(m, &m->workers[i].vision, err);
        if (!rc && m->compiled_tower) rc = start_text(m, &m->workers[i].text, err);
    }
    return rc || !styles ? rc : load_styles(m, o, err);
}

enum rc infer_open(const char *package_dir, const struct infer_options *options, struct infer **out,
                   struct err *err)
{
    static const struct infer_options defaults = {0};
    const struct infer_options *o = options ? options : &defaults;
    unsigned n = o->workers ? o->workers : 1;
    *out = NULL;
    if (n > MAX_WORKERS) return err_set(err, RC_INVALID, "at most %d workers", MAX_WORKERS);
    struct infer *m = calloc(1, sizeof *m);
    if (!m || !(m->workers = calloc(n, sizeof *m->workers))) {
        free(m);
        return err_set(err, RC_NOMEM, "out of memory for the model");
    }
    m->n_workers = n;
    enum rc rc = package_load(package_dir, &m->package, err);
    if (!rc) {
        rc = load(m, o, err);
        if (rc) err_prefix(err, "the model package at %s: ", package_dir);
    }
    free_graphs(m);
    package_drop_files(&m->package);
    if (rc)
        infer_close(m);
    else
        *out = m;
    return rc;
}

void infer_close(struct infer *m)
{
    if (!m) return;
    styles_close(m->styles);
    drop_text(m);
    for (unsigned i = 0; i < m->n_workers; i++)
        release_vision(&m->workers[i].vision);
    free_graphs(m);
    if (m->compiled_image) ov_compiled_model_free(m->compiled_image);
    if (m->core) ov_core_free(m->core);
    package_release(&m->package);
    free(m->workers);
    free(m);
}

enum rc infer_default_dir(char *out, size_t cap, struct err *err)
{
    static const char *const places[] = {"../models/penderie-fashion",
                                         "../share/penderie/models/penderie-fashion"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        enum rc rc = fs_beside_program(places[i], out, cap, err);
        if (rc) return rc;
        if (fs_is_dir(out)) return RC_OK;
    }
    return err_set(err, RC_NOT_FOUND,
                   "there is no model package beside the program: name one with --model DIR, "
                   "or with the setting model_dir");
}

/* ---- what the package says ---- */

const char *infer_version(const struct infer *m) { return m->package.version; }
bool infer_has_text(const struct infer *m) { return m->compiled_tower != NULL; }
size_t infer_dim(const struct infer *m) { return m->package.dim; }
const struct infer_style_rule *infer_style_rule(const struct infer *m)
{
    return m->package.styles.picture_mean ? &m->package.styles : NULL;
}
const struct styles *infer_styles(const struct infer *m) { return m->styles; }
bool infer_finds_pieces(const struct infer *m) { return m->package.pieces.score != NULL; }

size_t infer_heads(const struct infer *m, const struct infer_head **heads)
{
    *heads = m->package.heads;
    return m->package.n_heads;
}

const struct infer_head *infer_head(const struct infer *m, const char *field)
{
    for (size_t h = 0; h < m->package.n_heads; h++)
        if (strcmp(m->package.heads[h].field, field) == 0) return &m->package.heads[h];
    return NULL;
}

/* ---- pictures ---- */

enum rc infer_vision_init(const struct infer *m, struct infer_vision *v, struct err *err)
{
    const struct package *p = &m->package;
    size_t n = p->dim;
    *v = (struct infer_vision){0};
    for (size_t h = 0; h < p->n_heads; h++)
        n += p->heads[h].n;
    float *at = calloc(n, sizeof *at); /* one block; the embedding is its start */
    if (!at) return err_set(err, RC_NOMEM, "out of memory for a picture's answers");
    v->embedding = at;
    at += p->dim;
    for (size_t h = 0; h < p->n_heads; at += p->heads[h].n, h++)
        v->probabilities[h] = at;
    return RC_OK;
}

void infer_vision_release(struct infer_vision *v)
{
    free(v->embedding);
    *v = (struct infer_vision){0};
}

/* Copies an embedding of about unit length, made exactly so. */
static enum rc take_embedding(const float *in, size_t dim, float *out, struct err *err)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)in[i] * in[i];
    if (!(sum > .9 && sum < 1.1)) /* catches NaN too */
        return err_set(err, RC_INTERNAL, "the model gave an embedding of length %g where 1 belongs", sqrt(sum));
    float scale = (float)(1 / sqrt(sum));
    for (size_t i = 0; i < dim; i++)
        out[i] = in[i] * scale;
    return RC_OK;
}

static enum rc take_probabilities(const float *in, const struct infer_head *head, float *out, struct err *err)
{
    double sum = 0;
    bool fine = true;
    for (size_t i = 0; i < head->n; i++) {
        fine = fine && in[i] >= 0 && in[i] <= 1.001f;
        sum += in[i];
    }
    if (!fine || fabs(sum - 1) > .01)
        return err_set(err, RC_INTERNAL, "the model gave no probabilities for %s", head->field);
    memcpy(out, in, head->n * sizeof *out);
    return RC_OK;
}

/* Where image_resize_pad() puts the picture: docs/model-package.md, steps 2 and 4. */
static struct pieces_window window_of(const struct image *im, int side)
{
    int64_t w = im->width, h = im->height, dw = side, dh = side;
    if (w >= h)
        dh = (2 * h * side + w) / (2 * w);
    else
        dw = (2 * w * side + h) / (2 * h);
    if (dw < 1) dw = 1;
    if (dh < 1) dh = 1;
    int x = (side - (int)dw) / 2, y = (side - (int)dh) / 2;
    return (struct pieces_window){x, y, x + (int)dw, y + (int)dh};
}

/* The picture in the size of the input, (H, W, 3) u8. */
static enum rc fit_image(const struct package *p, const struct image *im, uint8_t *out, struct err *err)
{
    int side = im->width < im->height ? im->width : im->height;
    struct image square = {0};
    if (p->fit == PACKAGE_PAD) return image_resize_pad(im, p->width, p->height, out, err);
    enum rc rc = image_crop(im, (im->width - side) / 2, (im->height - side) / 2, side, side, &square, err);
    if (!rc) rc = image_resize_pad(&square, p->width, p->height, out, err);
    image_release(&square);
    return rc;
}

static enum rc take_pieces(const struct infer *m, const float *outputs, struct pieces_window window,
                           struct infer_vision *out, struct err *err)
{
    const float *score = outputs + m->score_offset, *box = outputs + m->box_offset;
    out->n_found = 0;
    if (!m->package.pieces.score) return RC_OK;
    for (size_t i = 0; i < cells(m); i++)
        if (!(score[i] >= 0 && score[i] <= 1))
            return err_set(err, RC_INTERNAL, "the model gave no scores for pieces");
    for (size_t i = 0; i < 4 * cells(m); i++)
        if (!isfinite(box[i])) return err_set(err, RC_INTERNAL, "the model gave no boxes for pieces");
    out->n_found = pieces_decode(&m->package.pieces, score, box, window, out->found, INFER_MAX_PIECES);
    return RC_OK;
}

static enum rc one_image(struct infer *m, struct vision *v, const struct image *im, struct infer_vision *out,
                         struct err *err)
{
    const struct package *p = &m->package;
    size_t plane = (size_t)p->width * (size_t)p->height;
    enum rc rc = fit_image(p, im, v->pixels, err);
    if (rc) return rc;
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane; i++)
            v->input[c * plane + i] = m->levels[c][v->pixels[i * 3 + c]];
    for (size_t i = 0; i < m->n_outputs; i++)
        v->outputs[i] = NAN;
    if (ov_infer_request_infer(v->request)) return failed(RC_INTERNAL, "the model failed on a picture", err);
    rc = take_embedding(v->outputs, p->dim, out->embedding, err);
    for (size_t h = 0; !rc && h < p->n_heads; h++)
        rc = take_probabilities(v->outputs + m->offsets[h], &p->heads[h], out->probabilities[h], err);
    return rc ? rc : take_pieces(m, v->outputs, window_of(im, p->width), out, err);
}

enum rc infer_images(struct infer *m, unsigned worker, const struct image *const *images, size_t n,
                     struct infer_vision *out, struct err *err)
{
    ASSERT(n >= 1 && n <= INFER_MAX_BATCH && worker < m->n_workers);
    if (!m->compiled_image) return err_set(err, RC_INVALID, "the model was opened without its picture part");
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < n; i++)
        rc = one_image(m, &m->workers[worker].vision, images[i], &out[i], err);
    return rc;
}

const char *infer_best(const struct infer *m, const struct infer_vision *v, const char *field, float *p)
{
    const struct infer_head *head = infer_head(m, field);
    if (!head) return NULL;
    const float *probabilities = v->probabilities[head - m->package.heads];
    size_t best = 0;
    for (size_t i = 1; i < head->n; i++)
        if (probabilities[i] > probabilities[best]) best = i;
    if (p) *p = probabilities[best];
    return head->labels[best];
}

/* ---- texts ---- */

/* Well-formed UTF-8 without NUL, at most MAX_TEXT_BYTES: what OpenVINO's strings can carry. */
static enum rc clean(struct str text, struct buf *out, struct err *err)
{
    struct str rest = str_trim(str_utf8_cut(text, MAX_TEXT_BYTES));
    if (rest.n == 0) return err_set(err, RC_INVALID, "the text is empty");
    while (rest.n) {
        char utf8[4];
        uint32_t cp = str_utf8_next(&rest);
        buf_add_bytes(out, utf8, str_utf8_put(cp ? cp : ' ', utf8));
    }
    return buf_check(out, "a text", err);
}

/*
 * Tokens of one text, from the tokenizer to the tower. Should the tokenizer not keep to max_tokens, what is too
 * much goes, and the last token (which ends every text) stays.
 */
static enum rc hand_over(const struct text *t, const char *from, const char *to, int64_t max_tokens,
                         struct err *err)
{
    ov_tensor_t *tokens = NULL, *cut = NULL;
    ov_element_type_e type = DYNAMIC;
    size_t n = 0;
    void *all = NULL, *kept = NULL;
    int64_t dims[] = {1, max_tokens};
    enum rc rc = RC_OK;
    if (ov_infer_request_get_tensor(t->tokenize, from, &tokens))
        return failed(RC_CORRUPT, "the tokenizer lacks an output", err);
    if (ov_tensor_get_element_type(tokens, &type) || type != I64 || ov_tensor_get_size(tokens, &n) || n < 1 ||
        ov_tensor_data(tokens, &all))
        rc = err_set(err, RC_INTERNAL, "the tokenizer gave no tokens");
    if (!rc && (int64_t)n > max_tokens) {
        rc = tensor_of(I64, dims, 2, NULL, &cut, err);
        if (!rc && ov_tensor_data(cut, &kept)) rc = failed(RC_INTERNAL, "a text could not be cut", err);
        if (!rc) {
            memcpy(kept, all, (size_t)max_tokens * sizeof(int64_t));
            ((int64_t *)kept)[max_tokens - 1] = ((int64_t *)all)[n - 1];
        }
    }
    if (!rc && ov_infer_request_set_tensor(t->embed, to, cut ? cut : tokens))
        rc = failed(RC_INTERNAL, "the text tower does not take the tokens", err);
    if (cut) ov_tensor_free(cut);
    ov_tensor_free(tokens);
    return rc;
}

static enum rc tokenize(struct text *t, const char *text, struct err *err)
{
    int64_t one = 1;
    ov_shape_t shape = {0};
    ov_tensor_t *input = NULL;
    ov_status_e bad = ov_shape_create(1, &one, &shape);
    if (!bad) {
        bad = ov_tensor_create_from_string_array(&text, 1, shape, &input);
        ov_shape_free(&shape);
    }
    if (!bad) bad = ov_infer_request_set_input_tensor(t->tokenize, input);
    if (input) ov_tensor_free(input);
    if (!bad) bad = ov_infer_request_infer(t->tokenize);
    return bad ? failed(RC_INTERNAL, "the tokenizer failed on a text", err) : RC_OK;
}

enum rc infer_text(struct infer *m, unsigned worker, struct str text, float *embedding, struct err *err)
{
    const struct package *p = &m->package;
    struct buf cleaned = BUF_INIT(4 * MAX_TEXT_BYTES);
    ov_tensor_t *output = NULL;
    void *data = NULL;
    size_t n = 0;
    ASSERT(worker < m->n_workers);
    if (!m->compiled_tower)
        return err_set(err, RC_INVALID, "the model has no text part, or was opened without it");
    enum rc rc = clean(text, &cleaned, err);
    if (rc) goto out;
    struct text *t = &m->workers[worker].text;
    rc = tokenize(t, cleaned.p, err);
    if (!rc) rc = hand_over(t, "input_ids", p->ids_input, p->max_tokens, err);
    if (!rc) rc = hand_over(t, "attention_mask", p->mask_input, p->max_tokens, err);
    if (rc) goto out;
    if (ov_infer_request_infer(t->embed) || ov_infer_request_get_tensor(t->embed, p->text_output, &output) ||
        ov_tensor_get_size(output, &n) || ov_tensor_data(output, &data))
        rc = failed(RC_INTERNAL, "the model failed on a text", err);
    else if (n != p->dim)
        rc = err_set(err, RC_INTERNAL, "the model gave %zu values for a text where %zu belong", n, p->dim);
    else
        rc = take_embedding(data, p->dim, embedding, err);
out:
    if (output) ov_tensor_free(output);
    buf_release(&cleaned);
    return rc;
}
