/*
 * Reading and writing pictures: JPEG is read by jpeg.c, all else through libvips, which also converts colours.
 *
 * Threading: libvips is told to use one thread a picture, because the program decodes many at once; every call
 * works on its own chain of operations. libvips keeps its error text in one place for all threads, so that text
 * goes to the debug log alone and our messages are our own.
 */
#include "image/image.h"

#include "base/log.h"
#include "image/jpeg.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

static const int64_t default_max_pixels = 64000000;
static const size_t default_max_bytes = 25u << 20;
/* A progressive JPEG may carry thousands of empty passes over all its pixels; real ones have about ten. */
enum { MAX_JPEG_SCANS = 120 };

static void quiet(const char *domain, GLogLevelFlags level, const char *message, void *ctx)
{
    (void)domain, (void)level, (void)ctx;
    log_debug("image", "%s", message);
}

enum rc image_startup(const char *argv0, struct err *err)
{
    if (vips_init(argv0 ? argv0 : "penderie"))
        return err_set(err, RC_INTERNAL, "libvips does not start: %s", vips_error_buffer());
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
    g_log_set_handler("VIPS", (GLogLevelFlags)(G_LOG_LEVEL_MASK), quiet, NULL);
    return RC_OK;
}

void image_shutdown(void) { vips_shutdown(); }

static bool is_avif(struct str bytes)
{
    /* ftyp box: size, "ftyp", major brand, version, compatible brands */
    size_t size = (uint8_t)bytes.p[2] * 256u + (uint8_t)bytes.p[3];
    for (size_t i = 8; i + 4 <= size && i + 4 <= bytes.n; i += i == 8 ? 8 : 4)
        if (memcmp(bytes.p + i, "avif", 4) == 0 || memcmp(bytes.p + i, "avis", 4) == 0) return true;
    return false;
}

enum image_format image_sniff(struct str bytes)
{
    static const char *const heic[] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"};
    const char *p = bytes.p;
    if (bytes.n < 12) return IMAGE_UNKNOWN;
    if (memcmp(p, "\xff\xd8\xff", 3) == 0) return IMAGE_JPEG;
    if (memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) return IMAGE_PNG;
    if (memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0) return IMAGE_WEBP;
    if (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0) return IMAGE_GIF;
    if (p[0] || p[1] || memcmp(p + 4, "ftyp", 4) != 0) return IMAGE_UNKNOWN;
    if (is_avif(bytes)) return IMAGE_AVIF;
    for (size_t i = 0; i < sizeof heic / sizeof *heic; i++)
        if (memcmp(p + 8, heic[i], 4) == 0) return IMAGE_HEIC;
    return IMAGE_UNKNOWN;
}

const char *image_mime(enum image_format f)
{
    static const char *const names[] = {"application/octet-stream",
                                        "image/jpeg",
                                        "image/png",
                                        "image/webp",
                                        "image/heic",
                                        "image/avif",
                                        "image/gif"};
    return names[f];
}

static enum rc damaged(struct err *err)
{
    return err_set(err, RC_UNPROCESSABLE,
                   "this picture is damaged or cut off: send it again, or save it anew and send that");
}

static enum rc vips_failed(struct err *err)
{
    log_debug("image", "%s", vips_error_buffer());
    vips_error_clear();
    return damaged(err);
}

/* Whether the decoder stops after the first scan: a sequential JPEG whose first scan holds all components
 * (libjpeg's has_multiple_scans is false then), as nearly every camera writes. */
static bool jpeg_one_scan(struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    int components = 0;
    for (size_t at = 2; at + 10 <= bytes.n && p[at] == 0xff;) {
        unsigned marker = p[at + 1];
        /* Fill bytes and markers without a length do not stand here in what cameras write: then count. */
        if (marker < 0xc0 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd9)) return false;
        if (marker == 0xda) return components && p[at + 4] == components;
        bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame && (components || marker > 0xc1)) return false;
        if (frame) components = p[at + 9];
        at += 2 + ((size_t)p[at + 2] << 8 | p[at + 3]);
    }
    return false;
}

static int jpeg_scans(struct str bytes)
{
    if (jpeg_one_scan(bytes)) return 1;
    int n = 0;
    const char *p = bytes.p, *end = p + bytes.n;
    while ((p = memmem(p, (size_t)(end - p), "\xff\xda", 2))) {
        n++;
        p += 2;
    }
    return n;
}

/* Opens a file other than JPEG, header only. `by`: shrink while loading, which WebP can; 1 for none. */
static VipsImage *load(struct str bytes, enum image_format format, double by)
{
    static const char *const loaders[] = {NULL,
                                          NULL,
                                          "pngload_buffer",
                                          "webpload_buffer",
                                          "heifload_buffer",
                                          "heifload_buffer",
                                          "gifload_buffer"};
    VipsImage *out = NULL;
    VipsBlob *blob = vips_blob_new(NULL, bytes.p, bytes.n);
    int bad;
    if (format == IMAGE_WEBP)
        bad = vips_call(loaders[format], blob, &out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                        VIPS_FAIL_ON_ERROR, "scale", 1 / by, NULL);
    else
        bad = vips_call(loaders[format], blob, &out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                        VIPS_FAIL_ON_ERROR, NULL);
    vips_area_unref(VIPS_AREA(blob));
    return bad ? NULL : out;
}

/* EXIF orientation 1 .. 8; HEIC and AVIF are turned by their decoder. */
static int orientation(VipsImage *in, enum image_format format)
{
    if (format == IMAGE_HEIC || format == IMAGE_AVIF) return 1;
    return vips_image_get_orientation(in);
}

/* What can be told without opening: the number of bytes, and the format. */
static enum rc check_bytes(struct str bytes, const struct image_limits *limits, enum image_format *format,
                           struct err *err)
{
    size_t max_bytes = limits && limits->max_bytes ? limits->max_bytes : default_max_bytes;
    if (bytes.n == 0) return err_set(err, RC_UNPROCESSABLE, "this picture is empty (0 bytes): send it again");
    if (bytes.n > max_bytes)
        return err_set(err, RC_TOO_LARGE, "this picture has %zu MB, and %zu are allowed: send a smaller one",
                       (bytes.n + 999999) / 1000000, max_bytes / 1000000);
    *format = image_sniff(bytes);
    if (*format == IMAGE_UNKNOWN)
        return err_set(err, RC_UNSUPPORTED,
                       "this is not a picture we can read: send JPEG, PNG, WebP, HEIC or AVIF");
    return RC_OK;
}

static enum rc check_pixels(int width, int height, int64_t times, const struct image_limits *limits,
                            struct err *err)
{
    int64_t max_pixels = limits && limits->max_pixels > 0 ? limits->max_pixels : default_max_pixels, all;
    if (__builtin_mul_overflow((int64_t)width * height, times, &all)) all = INT64_MAX;
    if (all > max_pixels)
        return err_set(err, RC_TOO_LARGE,
                       "this picture has %lld megapixels, and %lld are allowed: send a smaller one",
                       (long long)(all / 1000000 + (all % 1000000 > 0)), (long long)(max_pixels / 1000000));
    return RC_OK;
}

static struct image_info describe(enum image_format format, int width, int height, int turn)
{
    return (struct image_info){
        .format = format, .width = turn >= 5 ? height : width, .height = turn >= 5 ? width : height};
}

/* Reads the header and checks everything that can be known before decoding. */
static enum rc open_jpeg(struct str bytes, const struct image_limits *limits, struct image_jpeg *header,
                         struct image_info *info, struct err *err)
{
    if (!image_jpeg_header(bytes, header)) return damaged(err);
    int scans = jpeg_scans(bytes);
    /* All passes of a progressive file are kept in memory, at two bytes a sample. */
    enum rc rc = scans > MAX_JPEG_SCANS
                     ? damaged(err)
                     : check_pixels(header->width, header->height, scans > 4 ? 2 : 1, limits, err);
    if (rc) image_jpeg_release(header);
    if (!rc) *info = describe(IMAGE_JPEG, header->width, header->height, header->turn);
    return rc;
}

/* The same for the other formats. */
static enum rc open_other(struct str bytes, enum image_format format, const struct image_limits *limits,
                          VipsImage **out, struct image_info *info, struct err *err)
{
    VipsImage *in = load(bytes, format, 1);
    if (!in) return vips_failed(err);
    int frames = vips_image_get_n_pages(in);
    enum rc rc = check_pixels(in->Xsize, in->Ysize, frames < 1 ? 1 : frames, limits, err);
    if (rc) {
        g_object_unref(in);
        return rc;
    }
    *info = describe(format, in->Xsize, in->Ysize, orientation(in, format));
    *out = in;
    return RC_OK;
}

enum rc image_probe(struct str bytes, const struct image_limits *limits, struct image_info *out,
                    struct err *err)
{
    struct image_jpeg header = {0};
    VipsImage *in = NULL;
    enum image_format format = IMAGE_UNKNOWN;
    enum rc rc = check_bytes(bytes, limits, &format, err);
    if (rc) return rc;
    if (format == IMAGE_JPEG)
        rc = open_jpeg(bytes, limits, &header, out, err);
    else
        rc = open_other(bytes, format, limits, &in, out, err);
    image_jpeg_release(&header);
    if (in) g_object_unref(in);
    return rc;
}

/* Replaces *im by the result of an operation on it; `next` is where that operation wrote. */
static bool step(VipsImage **im, int bad, VipsImage **next)
{
    if (bad) return false;
    g_object_unref(*im);
    *im = *next;
    return true;
}

/* True when a profile is sRGB itself, as most are: then nothing needs converting. */
static bool profile_is_srgb(const void *p, size_t n)
{
    return memmem(p, n, "sRGB", 4) || memmem(p, n, "s\0R\0G\0B", 7);
}

static bool has_other_profile(VipsImage *im)
{
    const void *p;
    size_t n;
    if (!vips_image_get_typeof(im, VIPS_META_ICC_NAME) || im->Coding != VIPS_CODING_NONE) return false;
    return vips_image_get_blob(im, VIPS_META_ICC_NAME, &p, &n) || !profile_is_srgb(p, n);
}

/* To 8-bit sRGB with three bands, or four where `keep_alpha`. */
static bool to_srgb(VipsImage **im, bool keep_alpha)
{
    VipsImage *next = NULL;
    if (has_other_profile(*im)) {
        if (vips_icc_transform(*im, &next, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE, NULL))
            vips_error_clear(); /* a broken profile: take the numbers for what they most likely are */
        else
            step(im, 0, &next);
    }
    if ((*im)->Type != VIPS_INTERPRETATION_sRGB || (*im)->BandFmt != VIPS_FORMAT_UCHAR)
        if (!step(im, vips_colourspace(*im, &next, VIPS_INTERPRETATION_sRGB, NULL), &next)) return false;
    if ((*im)->Bands == 2 || (*im)->Bands > 4)
        if (!step(im, vips_extract_band(*im, &next, 0, "n", (*im)->Bands == 2 ? 1 : 3, NULL), &next))
            return false;
    if ((*im)->Bands == 1) {
        VipsImage *same[] = {*im, *im, *im};
        if (!step(im, vips_bandjoin(same, &next, 3, NULL), &next)) return false;
    }
    if ((*im)->Bands == 4 && !keep_alpha)
        if (!step(im, vips_extract_band(*im, &next, 0, "n", 3, NULL), &next)) return false;
    if ((*im)->BandFmt != VIPS_FORMAT_UCHAR) return step(im, vips_cast_uchar(*im, &next, NULL), &next);
    return true;
}

/* The size of a picture reduced to longest_px, the shorter side rounded half up. */
static void target(int w, int h, int longest_px, int *out_w, int *out_h)
{
    int64_t longest = w > h ? w : h, shorter = w > h ? h : w, small;
    *out_w = w;
    *out_h = h;
    if (longest_px <= 0 || longest <= longest_px) return;
    small = (2 * shorter * longest_px + longest) / (2 * longest);
    if (small < 1) small = 1;
    *out_w = w >= h ? longest_px : (int)small;
    *out_h = w >= h ? (int)small : longest_px;
}

static bool reduce(VipsImage **im, int width, int height)
{
    VipsImage *next = NULL;
    int w = (*im)->Xsize, h = (*im)->Ysize;
    if (w == width && h == height) return true;
    if (vips_image_hasalpha(*im)) { /* before averaging: hidden pixels must not bleed in */
        if (!to_srgb(im, true)) return false;
        VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
        bool fine = step(im, vips_flatten(*im, &next, "background", white, NULL), &next);
        vips_area_unref(VIPS_AREA(white));
        if (!fine) return false;
    }
    return step(im,
                vips_resize(*im, &next, (double)width / w, "vscale", (double)height / h, "kernel",
                            VIPS_KERNEL_LINEAR, NULL),
                &next);
}

/* Copies decoded pixels (h, w, bands; grey, RGB or RGB and alpha) upright into `out`. EXIF orientation: 5 to 8 swap
 * the axes. */
static void place(const uint8_t *in, int w, int h, int bands, int turn, uint8_t *out)
{
    bool swap = turn >= 5;
    int ow = swap ? h : w, oh = swap ? w : h;
    ptrdiff_t across = bands, down = (ptrdiff_t)w * bands; /* where stored pixels lie, to the right and below */
    if (turn == 2 || turn == 3 || turn == 7 || turn == 8) in += (w - 1) * across, across = -across;
    if (turn == 3 || turn == 4 || turn == 6 || turn == 7) in += (h - 1) * down, down = -down;
    ptrdiff_t step = swap ? down : across, line = swap ? across : down;
    for (int y = 0; y < oh; y++) {
        const uint8_t *p = in + y * line;
        for (int x = 0; x < ow; x++, p += step, out += 3) {
            unsigned a = bands == 4 ? p[3] : 255;
            for (int c = 0; c < 3; c++)
                out[c] = bands == 1 ? p[0]
                         : a == 255 ? p[c]
                                    : (uint8_t)((p[c] * a + 255 * (255 - a) + 127) / 255);
        }
    }
}

static enum rc to_memory(VipsImage *im, int turn, struct image *out, struct err *err)
{
    size_t n;
    uint8_t *pixels = vips_image_write_to_memory(im, &n);
    if (!pixels) return vips_failed(err);
    ASSERT(n == (size_t)im->Xsize * (size_t)im->Ysize * (size_t)im->Bands && im->Bands >= 3);
    enum rc rc = image_create(turn >= 5 ? im->Ysize : im->Xsize, turn >= 5 ? im->Xsize : im->Ysize, out, err);
    if (!rc) place(pixels, im->Xsize, im->Ysize, im->Bands, turn, out->rgb);
    g_free(pixels);
    return rc;
}

/* Takes over `im`. */
static enum rc finish(VipsImage *im, int turn, int width, int height, struct image *out, struct err *err)
{
    enum rc rc;
    if (reduce(&im, width, height) && to_srgb(&im, true))
        rc = to_memory(im, turn, out, err);
    else
        rc = vips_failed(err);
    g_object_unref(im);
    return rc;
}

/* ---- JPEG ---- */

/* Grey or RGB that is sRGB already. */
static enum rc finish_plain(struct image_jpeg *j, int width, int height, struct image *out, struct err *err)
{
    struct image small = {0}, stored = {.width = j->width, .height = j->height, .rgb = j->pixels};
    enum rc rc = RC_OK;
    if (j->channels == 3 && (width != j->width || height != j->height)) {
        rc = image_resize_to(&stored, width, height, &small, err);
        stored = small;
    }
    if (!rc && j->channels == 3 && j->turn == 1) {
        *out = stored; /* as it is */
        if (!small.rgb) j->pixels = NULL;
        return RC_OK;
    }
    bool swap = j->turn >= 5;
    if (!rc)
        rc = image_create(swap ? stored.height : stored.width, swap ? stored.width : stored.height, out, err);
    if (!rc) place(stored.rgb, stored.width, stored.height, j->channels, j->turn, out->rgb);
    image_release(&small);
    if (rc || j->channels == 3 || (width == j->width && height == j->height)) return rc;
    small = *out; /* grey is reduced upright */
    rc = image_resize_to(&small, swap ? height : width, swap ? width : height, out, err);
    image_release(&small);
    return rc;
}

/* Another colour space: libvips converts. */
static enum rc finish_converted(const struct image_jpeg *j, int width, int height, struct image *out,
                                struct err *err)
{
    VipsImage *next = NULL;
    VipsInterpretation is = j->channels == 4   ? VIPS_INTERPRETATION_CMYK
                            : j->channels == 1 ? VIPS_INTERPRETATION_B_W
                                               : VIPS_INTERPRETATION_sRGB;
    size_t n = (size_t)j->width * (size_t)j->height * (size_t)j->channels;
    VipsImage *im =
        vips_image_new_from_memory(j->pixels, n, j->width, j->height, j->channels, VIPS_FORMAT_UCHAR);
    if (!im || !step(&im, vips_copy(im, &next, "interpretation", is, NULL), &next)) {
        if (im) g_object_unref(im);
        return vips_failed(err);
    }
    if (j->icc) vips_image_set_blob_copy(im, VIPS_META_ICC_NAME, j->icc, j->n_icc);
    return finish(im, j->turn, width, height, out, err);
}

static enum rc decode_jpeg(struct str bytes, const struct image_limits *limits, struct image *out,
                           struct image_info *info, struct err *err)
{
    struct image_jpeg j = {0};
    int want = limits ? limits->longest_px : 0, by = 1, w, h;
    enum rc rc = open_jpeg(bytes, limits, &j, info, err);
    if (rc) return rc;
    target(j.width, j.height, want, &w, &h);
    while (want > 0 && by < 8 && (j.width > j.height ? j.width : j.height) >= want * by * 2)
        by *= 2;
    image_jpeg_release(&j);
    if (!image_jpeg_decode(bytes, by, &j)) return damaged(err);
    if (j.channels != 4 && (!j.icc || profile_is_srgb(j.icc, j.n_icc)))
        rc = finish_plain(&j, w, h, out, err);
    else
        rc = finish_converted(&j, w, h, out, err);
    image_jpeg_release(&j);
    return rc;
}

enum rc image_decode(struct str bytes, const struct image_limits *limits, struct image *out,
                     struct image_info *info, struct err *err)
{
    struct image_info local;
    VipsImage *im = NULL;
    int want = limits ? limits->longest_px : 0, w, h;
    enum image_format format = IMAGE_UNKNOWN;
    if (!info) info = &local;
    enum rc rc = check_bytes(bytes, limits, &format, err);
    if (rc) return rc;
    if (format == IMAGE_JPEG) return decode_jpeg(bytes, limits, out, info, err);
    rc = open_other(bytes, format, limits, &im, info, err);
    if (rc) return rc;
    int turn = orientation(im, format), longest = im->Xsize > im->Ysize ? im->Xsize : im->Ysize;
    target(im->Xsize, im->Ysize, want, &w, &h);
    if (want > 0 && format == IMAGE_WEBP && longest > want) {
        g_object_unref(im);
        im = load(bytes, format, (double)longest / want);
        if (!im) return vips_failed(err);
    }
    return finish(im, turn, w, h, out, err);
}

void image_release(struct image *im)
{
    free(im->rgb);
    *im = (struct image){0};
}

enum rc image_create(int width, int height, struct image *out, struct err *err)
{
    ASSERT(width > 0 && height > 0);
    size_t n;
    *out = (struct image){.width = width, .height = height};
    if (__builtin_mul_overflow((size_t)width * 3, (size_t)height, &n) || !(out->rgb = malloc(n)))
        return err_set(err, RC_NOMEM, "out of memory for a picture of %d x %d", width, height);
    memset(out->rgb, 255, n);
    return RC_OK;
}

enum rc image_crop(const struct image *im, int x, int y, int w, int h, struct image *out, struct err *err)
{
    if (x < 0) w += x, x = 0;
    if (y < 0) h += y, y = 0;
    if (w > im->width - x) w = im->width - x;
    if (h > im->height - y) h = im->height - y;
    if (w < 1 || h < 1) return err_set(err, RC_INVALID, "the part to cut out lies outside the picture");
    enum rc rc = image_create(w, h, out, err);
    for (int i = 0; !rc && i < h; i++)
        memcpy(out->rgb + (size_t)i * (size_t)w * 3,
               im->rgb + ((size_t)(y + i) * (size_t)im->width + (size_t)x) * 3, (size_t)w * 3);
    return rc;
}

/*
 * libvips writes an EXIF chunk into WebP even when told to strip, and a picture leaves us without one. The
 * container (RIFF: name, size, padded data for each chunk) is made anew with the pixels' chunk alone.
 */
static void webp_pixels_only(const uint8_t *p, size_t n, struct buf *out)
{
    for (size_t at = 12; at + 8 <= n;) {
        uint32_t size =
            p[at + 4] | (uint32_t)p[at + 5] << 8 | (uint32_t)p[at + 6] << 16 | (uint32_t)p[at + 7] << 24;
        size_t whole = 8 + (size_t)size + (size & 1);
        if (whole > n - at) break;
        if (memcmp(p + at, "VP8 ", 4) == 0 || memcmp(p + at, "VP8L", 4) == 0) {
            uint32_t all = (uint32_t)whole + 4;
            const uint8_t length[4] = {(uint8_t)all, (uint8_t)(all >> 8), (uint8_t)(all >> 16),
                                       (uint8_t)(all >> 24)};
            buf_addz(out, "RIFF");
            buf_add_bytes(out, length, 4);
            buf_addz(out, "WEBP");
            buf_add_bytes(out, p + at, whole);
            return;
        }
        at += whole;
    }
}

enum rc image_encode(const struct image *im, enum image_format format, int quality, struct buf *out,
                     struct err *err)
{
    size_t n = 0;
    void *p = NULL;
    int bad = 1;
    VipsImage *next = NULL, *v = vips_image_new_from_memory(im->rgb, (size_t)im->width * (size_t)im->height * 3,
                                                            im->width, im->height, 3, VIPS_FORMAT_UCHAR);
    if (quality < 1) quality = 1;
    if (quality > 100) quality = 100;
    if (v && step(&v, vips_copy(v, &next, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), &next)) {
        if (format == IMAGE_JPEG)
            bad = vips_jpegsave_buffer(v, &p, &n, "Q", quality, "optimize_coding", TRUE, "strip", TRUE, NULL);
        else if (format == IMAGE_WEBP)
            bad = vips_webpsave_buffer(v, &p, &n, "Q", quality, "strip", TRUE, NULL);
        else if (format == IMAGE_PNG)
            bad = vips_pngsave_buffer(v, &p, &n, "strip", TRUE, NULL);
        else
            vips_error("penderie", "%s is not written", image_mime(format));
    }
    if (v) g_object_unref(v);
    if (bad) {
        enum rc rc = err_set(err, RC_INTERNAL, "a picture could not be written: %s", vips_error_buffer());
        vips_error_clear();
        return rc;
    }
    size_t before = out->n;
    if (format == IMAGE_WEBP)
        webp_pixels_only(p, n, out);
    else
        buf_add_bytes(out, p, n);
    g_free(p);
    if (out->n == before && !out->failed)
        return err_set(err, RC_INTERNAL, "a picture was written without pixels");
    return buf_check(out, "a picture", err);
}
