/* libjpeg-turbo leaves its calls by longjmp when a file is bad: every call stands in a function that has set a
 * return point, whose own state lives in struct reader, so that no local variable is ever read after a jump. */
#include "image/jpeg.h"

#include "base/log.h"
#include "image/jpeg_dc.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* Damage that the decoder can step over is let pass, as browsers do; where there is no end of it, it is given up. */
enum { MAX_WARNINGS = 100, MAX_MEANS = 64 << 20 };

struct reader {
    struct jpeg_decompress_struct j;
    struct jpeg_error_mgr errors;
    jmp_buf bad;
    struct image_jpeg *out;
    JSAMPROW row;
    struct buf means; /* the scan without what an eighth of the size does not need */
};

_Noreturn static void give_up(struct reader *r, const char *why)
{
    log_debug("image", "%s", why);
    longjmp(r->bad, 1);
}

static void on_error(j_common_ptr j)
{
    char why[JMSG_LENGTH_MAX];
    struct reader *r = j->client_data;
    r->errors.format_message(j, why);
    give_up(r, why);
}

static void on_message(j_common_ptr j, int level)
{
    if (level < 0 && ++j->err->num_warnings > MAX_WARNINGS) on_error(j);
}

static void no_output(j_common_ptr j) { (void)j; }

/* The file ends too early. libjpeg's own would feigns an end and leave the rest grey. */
static boolean on_end(j_decompress_ptr j) { give_up(j->client_data, "the JPEG is cut off"); }

/* ---- EXIF ---- */

static unsigned number(const uint8_t *p, int bytes, bool big)
{
    unsigned v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[big ? i : bytes - 1 - i];
    return v;
}

/*
 * The orientation in an EXIF block: "Exif", two zeros, then TIFF: "II" or "MM" for the byte order, 42, the offset of
 * the first directory; that has a count and 12 bytes an entry: tag, type, count, value. Tag 0x0112 is wanted.
 */
static int exif_turn(const uint8_t *p, size_t n)
{
    if (n < 6 + 8 || memcmp(p, "Exif\0", 5) != 0) return 0;
    p += 6, n -= 6;
    bool big = p[0] == 'M';
    size_t at = number(p + 4, 4, big);
    if (memcmp(p, big ? "MM" : "II", 2) != 0 || number(p + 2, 2, big) != 42 || at > n || n - at < 2) return 0;
    size_t entries = number(p + at, 2, big);
    for (at += 2; entries > 0 && n - at >= 12; entries--, at += 12) {
        unsigned type = number(p + at + 2, 2, big);
        if (number(p + at, 2, big) != 0x0112 || number(p + at + 4, 4, big) < 1) continue;
        unsigned v = number(p + at + 8, type == 4 ? 4 : type == 1 ? 1 : 2, big); /* long, byte, else short */
        return v >= 1 && v <= 8 ? (int)v : 0;
    }
    return 0;
}

/* ---- reading ---- */

static void open_reader(struct reader *r, struct str bytes)
{
    r->j.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->errors.output_message = no_output;
    r->j.client_data = r;
    jpeg_create_decompress(&r->j);
    jpeg_mem_src(&r->j, (const unsigned char *)bytes.p, bytes.n);
    r->j.src->fill_input_buffer = on_end;
    jpeg_save_markers(&r->j, JPEG_APP0 + 1, 0xffff); /* EXIF */
    jpeg_save_markers(&r->j, JPEG_APP0 + 2, 0xffff); /* ICC */
}

/* A last row or column of which only a part lies in the picture is left out. */
static int reduced(JDIMENSION length, int by) { return length < (JDIMENSION)by ? 1 : (int)length / by; }

static void read_header(struct reader *r, int by)
{
    JOCTET *icc = NULL;
    unsigned n_icc = 0;
    jpeg_read_header(&r->j, TRUE);
    r->j.scale_num = 1;
    r->j.scale_denom = (unsigned)by;
    jpeg_calc_output_dimensions(&r->j);
    r->out->width = reduced(r->j.image_width, by);
    r->out->height = reduced(r->j.image_height, by);
    r->out->channels = r->j.output_components;
    for (jpeg_saved_marker_ptr m = r->j.marker_list; m && !r->out->turn; m = m->next)
        if (m->marker == JPEG_APP0 + 1) r->out->turn = exif_turn(m->data, m->data_length);
    if (!r->out->turn) r->out->turn = 1;
    if (jpeg_read_icc_profile(&r->j, &icc, &n_icc)) {
        r->out->icc = icc;
        r->out->n_icc = n_icc;
    }
}

static void read_pixels(struct reader *r)
{
    size_t stride = (size_t)r->out->width * (size_t)r->out->channels, n;
    size_t whole =
        (size_t)r->j.output_width * (size_t)r->out->channels; /* as it comes, at most one pixel more */
    if (__builtin_mul_overflow(stride, (size_t)r->out->height, &n) || n > SIZE_MAX - whole ||
        !(r->out->pixels = malloc(n + whole)))
        give_up(r, "out of memory for a JPEG");
    if (r->j.scale_denom == 8 && jpeg_dc_only(&r->j, &r->means)) {
        r->j.src->next_input_byte = (const JOCTET *)r->means.p;
        r->j.src->bytes_in_buffer = r->means.n;
    }
    jpeg_start_decompress(&r->j);
    /* A row may reach over into the next, which is written later; there may be one more than is wanted, and reading
     * it tells whether the file is whole. */
    for (r->row = r->out->pixels; r->j.output_scanline < r->j.output_height; r->row += stride)
        jpeg_read_scanlines(&r->j, &r->row, 1);
    /* Adobe's programs write ink the other way round. */
    for (size_t i = 0; r->out->channels == 4 && r->j.saw_Adobe_marker && i < n; i++)
        r->out->pixels[i] = (uint8_t)(255 - r->out->pixels[i]);
}

static void close_reader(struct reader *r)
{
    jpeg_destroy_decompress(&r->j);
    buf_release(&r->means);
    free(r);
}

static bool run(struct str bytes, int by, bool pixels, struct image_jpeg *out)
{
    *out = (struct image_jpeg){0};
    struct reader *r = calloc(1, sizeof *r);
    if (!r) return false;
    r->out = out;
    r->means = BUF_INIT(MAX_MEANS);
    if (setjmp(r->bad)) {
        close_reader(r);
        image_jpeg_release(out);
        return false;
    }
    open_reader(r, bytes);
    read_header(r, by);
    if (pixels) read_pixels(r);
    close_reader(r); /* what follows the last row is nobody's concern */
    return true;
}

bool image_jpeg_header(struct str bytes, struct image_jpeg *out) { return run(bytes, 1, false, out); }

bool image_jpeg_decode(struct str bytes, int by, struct image_jpeg *out) { return run(bytes, by, true, out); }

void image_jpeg_release(struct image_jpeg *j)
{
    free(j->icc);
    free(j->pixels);
    *j = (struct image_jpeg){0};
}
