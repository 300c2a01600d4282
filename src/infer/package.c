#include "infer/package.h"

#include "base/fs.h"
#include "base/jval.h"
#include "crypt/crypt.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MANIFEST_BYTES = 4 << 20, MAX_DIM = 8192, MAX_SIDE_PX = 1024, MAX_TOKENS = 4096 };
static const int64_t max_file_bytes = (int64_t)2 << 30;

static enum rc wrong(struct err *err, const char *what)
{
    return err_set(err, RC_CORRUPT, "manifest.json: %s", what);
}

/* A string of 1 .. 200 bytes, copied. */
static enum rc text_of(struct package *p, const struct jval *v, const char *what, const char **out,
                       struct err *err)
{
    struct str s = jval_str(v);
    if (s.n == 0 || s.n > 200)
        return err_set(err, RC_CORRUPT, "manifest.json: %s is missing or too long", what);
    *out = arena_strz(&p->arena, s);
    return *out ? RC_OK : err_set(err, RC_NOMEM, "out of memory for the model's manifest");
}

static enum rc integer(const struct jval *v, const char *what, int64_t least, int64_t most, int64_t *out,
                       struct err *err)
{
    if (jval_i64(v, out) && *out >= least && *out <= most) return RC_OK;
    return err_set(err, RC_CORRUPT, "manifest.json: %s is not a whole number from %lld to %lld", what,
                   (long long)least, (long long)most);
}

static enum rc three(const struct jval *v, const char *what, bool positive, float out[static 3],
                     struct err *err)
{
    for (size_t i = 0; i < 3; i++) {
        double d;
        if (jval_len(v) != 3 || !jval_f64(jval_at(v, i), &d) || !isfinite(d) || (positive && d < 1e-6))
            return err_set(err, RC_CORRUPT, "manifest.json: image.%s is not three %snumbers", what,
                           positive ? "positive " : "");
        out[i] = (float)d;
    }
    return RC_OK;
}

/* A name without a folder: a manifest must not reach outside its package. */
static bool plain_name(struct str s)
{
    return s.n > 0 && s.n <= 100 && s.p[0] != '.' && str_chr(s, '/') == SIZE_MAX && str_chr(s, 0) == SIZE_MAX;
}

static enum rc read_file(struct package *p, const char *name, const struct jval *entry, struct err *err)
{
    char path[PATH_MAX], hex[CRYPT_HEX_BYTES];
    uint8_t digest[CRYPT_SHA256_BYTES];
    int64_t bytes;
    struct str want = jval_str(jval_get(entry, "sha256"));
    if (!plain_name(str_of(name))) return wrong(err, "a file name has a folder in it");
    if (p->n_files == PACKAGE_MAX_FILES) return wrong(err, "too many files");
    enum rc rc = integer(jval_get(entry, "bytes"), "files.bytes", 1, max_file_bytes, &bytes, err);
    if (rc) return rc;
    if (want.n != 64) return wrong(err, "files.sha256 is not 64 hex digits");
    int len = snprintf(path, sizeof path, "%s/%s", p->dir, name);
    if (len < 0 || (size_t)len >= sizeof path) return err_set(err, RC_INVALID, "path too long");
    struct package_file *f = &p->files[p->n_files];
    rc = fs_read(path, (size_t)bytes, &f->p, &f->n, err);
    if (rc == RC_TOO_LARGE || (!rc && f->n != (size_t)bytes)) {
        if (!rc) free(f->p);
        f->p = NULL;
        return err_set(err, RC_CORRUPT,
                       "%s has another size than the %lld bytes its manifest says: copy it anew", path,
                       (long long)bytes);
    }
    if (rc) return rc;
    p->n_files++; /* from here package_release() frees it */
    crypt_sha256((struct str){f->p, f->n}, digest);
    crypt_hex(digest, sizeof digest, hex);
    if (!str_ieqz(want, hex))
        return err_set(err, RC_CORRUPT,
                       "%s is damaged: its SHA-256 is not the one in its manifest; copy it anew", path);
    f->name = arena_strz(&p->arena, str_of(name));
    return f->name ? RC_OK : err_set(err, RC_NOMEM, "out of memory for the model's manifest");
}

static enum rc read_files(struct package *p, struct err *err)
{
    const struct jval *files = jval_get(p->doc, "files"), *entry;
    const char *name;
    if (jval_len(files) == 0) return wrong(err, "files is missing");
    for (size_t i = 0; (name = jval_member(files, i, &entry)); i++) {
        enum rc rc = read_file(p, name, entry, err);
        if (rc) return rc;
    }
    return RC_OK;
}

static enum rc listed(const struct package *p, const char *name, struct err *err)
{
    if (package_file(p, name)) return RC_OK;
    return err_set(err, RC_CORRUPT, "manifest.json: %s is used, and not listed under files", name);
}

static enum rc read_resize(struct package *p, const struct jval *v, struct err *err)
{
    struct str fit = jval_str(jval_get(v, "fit"));
    bool fine = str_eqz(jval_str(jval_get(v, "kernel")), "triangle-u8") && p->width == p->height;
    p->fit = str_eqz(fit, "crop") ? PACKAGE_CROP : PACKAGE_PAD;
    if (p->fit == PACKAGE_PAD)
        fine = fine && str_eqz(fit, "pad") && str_eqz(jval_str(jval_get(v, "pad")), "edge");
    if (fine) return RC_OK;
    return err_set(err, RC_UNSUPPORTED,
                   "manifest.json: image.resize is not one this version knows (fit pad with pad edge, or "
                   "crop; kernel triangle-u8; a square)");
}

static enum rc read_image(struct package *p, struct err *err)
{
    const struct jval *v = jval_get(p->doc, "image"), *resize = jval_get(v, "resize");
    int64_t w = 0, h = 0;
    enum rc rc = text_of(p, jval_get(v, "file"), "image.file", &p->image_file, err);
    if (!rc) rc = listed(p, p->image_file, err);
    if (!rc) rc = text_of(p, jval_get(v, "input"), "image.input", &p->image_input, err);
    if (!rc) rc = text_of(p, jval_get(v, "embedding"), "image.embedding", &p->image_embedding, err);
    if (!rc) rc = integer(jval_get(v, "width"), "image.width", 16, MAX_SIDE_PX, &w, err);
    if (!rc) rc = integer(jval_get(v, "height"), "image.height", 16, MAX_SIDE_PX, &h, err);
    if (!rc) rc = three(jval_get(v, "mean"), "mean", false, p->mean, err);
    if (!rc) rc = three(jval_get(v, "std"), "std", true, p->std, err);
    if (rc) return rc;
    p->width = (int)w;
    p->height = (int)h;
    return read_resize(p, resize, err);
}

static enum rc read_labels(struct package *p, struct infer_head *head, const struct jval *labels,
                           struct err *err)
{
    const char **names;
    head->n = jval_len(labels);
    if (!jval_is_array(labels) || head->n < 2 || head->n > INFER_MAX_LABELS)
        return err_set(err, RC_CORRUPT, "manifest.json: head %s has not 2 to %d labels", head->field,
                       INFER_MAX_LABELS);
    names = arena_array(&p->arena, head->n, sizeof *names);
    if (!names) return err_set(err, RC_NOMEM, "out of memory for the model's labels");
    for (size_t i = 0; i < head->n; i++) {
        enum rc rc = text_of(p, jval_at(labels, i), "a label", &names[i], err);
        if (rc) return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return err_set(err, RC_CORRUPT, "manifest.json: head %s has the label %s twice", head->field,
                               names[i]);
    }
    head->labels = names;
    return RC_OK;
}

static enum rc read_heads(struct package *p, struct err *err)
{
    const struct jval *heads = jval_get(p->doc, "heads");
    size_t n = jval_len(heads);
    if (!jval_is_array(heads) || n > INFER_MAX_HEADS) return wrong(err, "heads is not a list of at most 12");
    for (size_t i = 0; i < n; i++) {
        const struct jval *v = jval_at(heads, i);
        struct infer_head *head = &p->heads[i];
        double sure;
        enum rc rc = text_of(p, jval_get(v, "field"), "heads.field", &head->field, err);
        if (!rc) rc = text_of(p, jval_get(v, "output"), "heads.output", &p->outputs[i], err);
        if (!rc) rc = read_labels(p, head, jval_get(v, "labels"), err);
        if (rc) return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(head->field, p->heads[j].field) == 0) return wrong(err, "heads has a field twice");
        if (!jval_f64(jval_get(v, "sure_threshold"), &sure) || !(sure >= 0 && sure <= 1))
            return err_set(err, RC_CORRUPT, "manifest.json: sure_threshold of head %s is not from 0 to 1",
                           head->field);
        head->sure_threshold = (float)sure;
        p->n_heads = i + 1;
    }
    return RC_OK;
}

/* "pieces" is optional: packages without a detector find them by the picture's background. */
static enum rc read_pieces(struct package *p, struct err *err)
{
    const struct jval *v = jval_get(p->doc, "pieces");
    struct pieces_rule *r = &p->pieces;
    int64_t grid = 0, stride = 0;
    double threshold = -1;
    if (!v) return RC_OK;
    enum rc rc = integer(jval_get(v, "grid"), "pieces.grid", 1, PIECES_MAX_GRID, &grid, err);
    if (!rc) rc = integer(jval_get(v, "stride"), "pieces.stride", 1, MAX_SIDE_PX, &stride, err);
    if (rc) return rc;
    if (grid * stride != p->width || p->fit != PACKAGE_PAD)
        return wrong(err, "pieces.grid times pieces.stride is not the width, or pictures are not padded");
    if (!jval_f64(jval_get(v, "threshold"), &threshold) || !(threshold > 0 && threshold <= 1))
        return wrong(err, "pieces.threshold is not above 0 and up to 1");
    if (!jval_f64(jval_get(v, "nms"), &r->nms) || !(r->nms >= 0 && r->nms < 1))
        return wrong(err, "pieces.nms is not from 0 to below 1");
    r->grid = (int)grid;
    r->stride = (int)stride;
    r->threshold = (float)threshold;
    rc = text_of(p, jval_get(v, "score"), "pieces.score", &r->score, err);
    return rc ? rc : text_of(p, jval_get(v, "box"), "pieces.box", &r->box, err);
}

static enum rc mean_of(struct package *p, const struct jval *v, const float **out, struct err *err)
{
    float *mean = arena_array(&p->arena, p->dim, sizeof *mean);
    if (!mean) return err_set(err, RC_NOMEM, "out of memory for the model's manifest");
    for (size_t i = 0; i < p->dim; i++) {
        double d;
        if (jval_len(v) != p->dim || !jval_f64(jval_at(v, i), &d) || !(fabs(d) <= 1))
            return err_set(err, RC_CORRUPT, "manifest.json: styles has no means of %zu numbers from -1 to 1",
                           p->dim);
        mean[i] = (float)d;
    }
    *out = mean;
    return RC_OK;
}

/* "styles" is optional. */
static enum rc read_styles(struct package *p, struct err *err)
{
    const struct jval *v = jval_get(p->doc, "styles");
    struct infer_style_rule rule = {0};
    double temperature;
    if (!v) return RC_OK;
    if (!jval_f64(jval_get(v, "temperature"), &temperature) || !(temperature > 0 && temperature <= 1000))
        return wrong(err, "styles.temperature is not above 0 and up to 1000");
    rule.temperature = (float)temperature;
    enum rc rc = mean_of(p, jval_get(v, "picture_mean"), &rule.picture_mean, err);
    if (!rc) rc = mean_of(p, jval_get(v, "text_mean"), &rule.text_mean, err);
    if (!rc) p->styles = rule;
    return rc;
}

static enum rc read_text(struct package *p, struct err *err)
{
    const struct jval *v = jval_get(p->doc, "text"), *inputs = jval_get(v, "inputs");
    if (!v) return RC_OK; /* a package of pictures alone */
    enum rc rc = text_of(p, jval_get(v, "file"), "text.file", &p->text_file, err);
    if (!rc) rc = listed(p, p->text_file, err);
    if (!rc) rc = text_of(p, jval_get(v, "tokenizer"), "text.tokenizer", &p->tokenizer_file, err);
    if (!rc) rc = listed(p, p->tokenizer_file, err);
    if (!rc) rc = text_of(p, jval_get(inputs, "ids"), "text.inputs.ids", &p->ids_input, err);
    if (!rc) rc = text_of(p, jval_get(inputs, "mask"), "text.inputs.mask", &p->mask_input, err);
    if (!rc) rc = text_of(p, jval_get(v, "output"), "text.output", &p->text_output, err);
    if (!rc) rc = integer(jval_get(v, "max_tokens"), "text.max_tokens", 2, MAX_TOKENS, &p->max_tokens, err);
    return rc;
}

static enum rc read_head_of_manifest(struct package *p, struct err *err)
{
    const char *name, *version;
    int64_t format, dim = 0;
    if (!jval_i64(jval_get(p->doc, "format"), &format)) return wrong(err, "format is missing");
    if (format != 1)
        return err_set(err, RC_UNSUPPORTED,
                       "this model package has format %lld, and this version of penderie knows format 1",
                       (long long)format);
    enum rc rc = text_of(p, jval_get(p->doc, "name"), "name", &name, err);
    if (!rc) rc = text_of(p, jval_get(p->doc, "version"), "version", &version, err);
    if (!rc) rc = integer(jval_get(p->doc, "dimensions"), "dimensions", 2, MAX_DIM, &dim, err);
    if (!rc) rc = text_of(p, jval_get(p->doc, "precision"), "precision", &p->precision, err);
    if (rc) return rc;
    if (strlen(name) + strlen(version) > 120) return wrong(err, "name and version are too long");
    if (strcmp(p->precision, "f32") != 0 && strcmp(p->precision, "bf16") != 0 &&
        strcmp(p->precision, "f16") != 0)
        return wrong(err, "precision is not f32, bf16 or f16");
    p->dim = (size_t)dim;
    p->version = arena_printf(&p->arena, "%s %s", name, version);
    return p->version ? RC_OK : err_set(err, RC_NOMEM, "out of memory for the model's manifest");
}

enum rc package_load(const char *dir, struct package *out, struct err *err)
{
    char path[PATH_MAX];
    *out = (struct package){.arena = ARENA_INIT(8u << 20)};
    if (!fs_is_dir(dir)) return err_set(err, RC_NOT_FOUND, "there is no model package at %s", dir);
    int n = snprintf(path, sizeof path, "%s/manifest.json", dir);
    if (n < 0 || (size_t)n >= sizeof path) return err_set(err, RC_INVALID, "path too long");
    enum rc rc = jval_parse_file(path, MAX_MANIFEST_BYTES, &out->doc, err);
    if (rc) {
        err_prefix(err, "the model package at %s: ", dir);
        if (rc == RC_INVALID) rc = RC_CORRUPT;
        if (err) err->code = rc;
        return rc;
    }
    out->dir = arena_strz(&out->arena, str_of(dir));
    rc = out->dir ? RC_OK : err_set(err, RC_NOMEM, "out of memory for the model's manifest");
    if (!rc) rc = read_head_of_manifest(out, err);
    if (!rc) rc = read_files(out, err);
    if (!rc) rc = read_image(out, err);
    if (!rc) rc = read_heads(out, err);
    if (!rc) rc = read_pieces(out, err);
    if (!rc) rc = read_styles(out, err);
    if (!rc) rc = read_text(out, err);
    if (rc) {
        err_prefix(err, "the model package at %s: ", dir);
        package_release(out);
    }
    return rc;
}

void package_drop_files(struct package *p)
{
    for (size_t i = 0; i < p->n_files; i++) {
        free(p->files[i].p);
        p->files[i].p = NULL;
    }
}

void package_release(struct package *p)
{
    package_drop_files(p);
    jval_destroy(p->doc);
    arena_release(&p->arena);
    *p = (struct package){0};
}

const struct package_file *package_file(const struct package *p, const char *name)
{
    for (size_t i = 0; i < p->n_files; i++)
        if (p->files[i].name && strcmp(p->files[i].name, name) == 0) return &p->files[i];
    return NULL;
}
