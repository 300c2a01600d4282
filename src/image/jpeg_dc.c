/*
 * The scan (ISO/IEC 10918-1, F.1 and F.2): groups of blocks (MCUs), each block its first coefficient's Huffman code
 * with extra bits, then for the other 63 codes of (zeros before it, extra bits) with the extra bits, until they are
 * all there or a code says "end of block". A byte 0xff of the bits is followed by 0x00; 0xff and something else is
 * a marker, of which those for restarts stand in between.
 *
 * The bits are first copied without those zeros, one stretch between restarts at a time, so that the inner loop can
 * take eight bytes whenever it likes.
 */
#include "image/jpeg_dc.h"

#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 12,         /* bits looked at in one step */
    LONGEST = 27,        /* a step never takes more bits: a code that ends in the window, and 15 extra bits */
    MOST_BLOCK = 512,    /* bytes: a block has at most 64 x 31 bits; twice that with zeros stuffed in */
    CODE_EOB = 0,        /* end of block */
    CODE_SIXTEEN = 0xf0, /* 16 zeros, no coefficient */
};

/*
 * A step over the next bits: in the low 6 how many of them, above that how many coefficients; so packed that a block
 * is done by adding up. END: an end of block was among them. NONE: nothing is known about these bits. A step has
 * fewer than 64 + 16 coefficients, so that sums tell what happened.
 */
typedef uint16_t step;
enum { NONE = 128, END = 256 };
#define STEP(bits, coefficients) ((step)((bits) | (unsigned)(coefficients) << 6))

struct codes {
    step steps[1 << WINDOW];  /* of other coefficients: as many as fit into the window */
    step single[1 << WINDOW]; /* one; of first coefficients, too */
    int32_t most[17];         /* the largest code of each length, -1: none (F.2.2.3) */
    int32_t first[17];        /* index of a code in `values`, less the code */
    const uint8_t *values;
    uint32_t eob_code;
    unsigned eob_bits; /* 0: has none */
};

struct component {
    const struct codes *dc, *ac;
    unsigned blocks; /* in a group */
    bool dc_only;
};

/* The next bits at the top of v, n of them sure; what stands below is right as well, or zero. */
struct reader {
    const uint8_t *p, *start;
    uint64_t v;
    unsigned n;
};

/* Fewer than 32 bits at the bottom of v, n of them. */
struct writer {
    uint8_t *p, *end;
    uint64_t v;
    unsigned n;
};

struct scan {
    struct codes *codes; /* 4 for first coefficients, 4 for others */
    struct component components[MAX_COMPS_IN_SCAN];
    unsigned n_components;
    uint8_t *clean; /* one stretch */
    size_t n_clean;
    struct buf *out;
};

static uint64_t big_endian(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* At least 56 bits. */
static inline void refill(struct reader *r)
{
    r->v |= big_endian(r->p) >> r->n;
    r->p += (63 - r->n) >> 3;
    r->n |= 56;
}

static inline void take(struct reader *r, unsigned n)
{
    r->v <<= n;
    r->n -= n;
}

static size_t position(const struct reader *r) { return (size_t)(r->p - r->start) * 8 - r->n; }

/* ---- codes ---- */

static bool fill_codes(struct codes *c, const JHUFF_TBL *t)
{
    int32_t code = 0, at = 0;
    if (!t) return false;
    c->values = t->huffval;
    c->eob_bits = 0;
    for (int length = 1; length <= 16; length++, code <<= 1) {
        c->first[length] = at - code;
        for (int i = 0; i < t->bits[length]; i++, at++, code++) {
            if (at > 255 || code >= 1 << length) return false;
            if (t->huffval[at] == CODE_EOB) c->eob_code = (uint32_t)code, c->eob_bits = (unsigned)length;
        }
        c->most[length] = t->bits[length] ? code - 1 : -1;
    }
    return true;
}

/* The code that v (64 bits) begins with, and its length; 0: none. */
static unsigned find_code(const struct codes *c, uint64_t v, unsigned longest, uint8_t *value)
{
    for (unsigned n = 1; n <= longest; n++) {
        int32_t code = (int32_t)(v >> (64 - n));
        if (code > c->most[n]) continue;
        *value = c->values[c->first[n] + code];
        return n;
    }
    return 0;
}

/* One code of other coefficients. */
static step one_step(const struct codes *c, uint64_t v, unsigned longest)
{
    uint8_t value = 0;
    unsigned n = find_code(c, v, longest, &value), extra = value & 15;
    if (n == 0 || (extra == 0 && value != CODE_EOB && value != CODE_SIXTEEN)) return STEP(0, NONE);
    return value == CODE_EOB ? STEP(n, END) : STEP(n + extra, (value >> 4) + 1);
}

static void fill_steps(struct codes *c)
{
    uint8_t length[1 << WINDOW]; /* of the code alone */
    for (uint32_t i = 0; i < 1 << WINDOW; i++) {
        uint8_t value = 0;
        uint64_t v = (uint64_t)i << (64 - WINDOW);
        length[i] = (uint8_t)find_code(c, v, WINDOW, &value);
        c->single[i] = one_step(c, v, length[i]);
    }
    for (uint32_t i = 0; i < 1 << WINDOW; i++) {
        step all = c->single[i];
        while ((all & 63) < WINDOW && all >> 6 < 64) {
            uint32_t rest = i << (all & 63) & ((1 << WINDOW) - 1);
            step next = c->single[rest];
            /* Only a code whose every bit is in the window; what follows it may be other than the zeros here. */
            if (next >> 6 == NONE || length[rest] > WINDOW - (all & 63)) break;
            all = (step)(all + next);
        }
        c->steps[i] = all;
    }
}

/* Of first coefficients: the value is the number of extra bits. */
static void fill_first(struct codes *c)
{
    for (uint32_t i = 0; i < 1 << WINDOW; i++) {
        uint8_t value = 0;
        unsigned n = find_code(c, (uint64_t)i << (64 - WINDOW), WINDOW, &value);
        c->single[i] = n && value <= 11 ? STEP(n + value, 1) : STEP(0, NONE);
    }
}

/* ---- blocks ---- */

/* How many bits the first coefficient takes; 0: it cannot be told. */
static inline unsigned first_bits(const struct reader *r, const struct codes *c)
{
    uint8_t value;
    unsigned n = c->single[r->v >> (64 - WINDOW)] & 63;
    if (n) return n;
    n = find_code(c, r->v, 16, &value);
    return n && value <= 11 ? n + value : 0;
}

/* The other coefficients from k on, one at a time. */
static bool skip_slowly(struct reader *r, const struct codes *c, unsigned k)
{
    while (k < 64) {
        refill(r);
        step s = one_step(c, r->v, 16);
        take(r, s & 63);
        k += s >> 6;
    }
    return k == 64 || k >= END;
}

/* The other 63. A full block has no end of block behind it, and what a step takes for one then belongs to the next. */
static inline bool skip_rest(struct reader *r, const struct codes *c)
{
    struct reader before;
    unsigned k = 1, was;
    do {
        refill(r);
        for (int twice = 0; twice < 2 && k < 64; twice++) { /* 2 x LONGEST is less than refill() gives */
            before = *r;
            was = k;
            step s = c->steps[r->v >> (64 - WINDOW)];
            take(r, s & 63);
            k += s >> 6;
        }
    } while (k < 64);
    if (k == 64 || (k >= END && k < END + 64)) return true;
    *r = before;
    return skip_slowly(r, c, was);
}

/* At most 32 bits. */
static inline void put(struct writer *w, uint32_t bits, unsigned n)
{
    w->v = w->v << n | bits;
    w->n += n;
    if (w->n < 32) return;
    uint32_t four = (uint32_t)(w->v >> (w->n -= 32));
    for (int shift = 24; shift >= 0; shift -= 8) {
        *w->p++ = (uint8_t)(four >> shift);
        if ((four >> shift & 255) == 255) *w->p++ = 0;
    }
}

/* Fills the last byte with ones and writes what is left. */
static void finish(struct writer *w)
{
    if (w->n % 8) put(w, 0xffu >> w->n % 8, 8 - w->n % 8);
    for (; w->n; w->n -= 8) {
        *w->p++ = (uint8_t)(w->v >> (w->n - 8));
        if (w->p[-1] == 255) *w->p++ = 0;
    }
}

/* Bits from .. to of the stretch. */
static void copy(struct writer *w, const uint8_t *clean, size_t from, size_t to)
{
    while (from < to) {
        unsigned n = to - from < 32 ? (unsigned)(to - from) : 32;
        uint64_t v = big_endian(clean + from / 8) << (from % 8);
        put(w, (uint32_t)(v >> (64 - n)), n);
        from += n;
    }
}

/* `w` writes at the end of `out`, with room for two blocks. */
static bool make_room(struct buf *out, struct writer *w)
{
    if (w->p) out->n = (size_t)((char *)w->p - out->p);
    if (!buf_reserve(out, out->n + 64 * MOST_BLOCK)) return false;
    w->p = (uint8_t *)out->p + out->n;
    w->end = (uint8_t *)out->p + out->cap - 2 * MOST_BLOCK;
    return true;
}

static inline bool do_block(const struct scan *s, const struct component *c, struct reader *r, struct writer *w)
{
    refill(r);
    size_t from = position(r);
    unsigned n = first_bits(r, c->dc);
    uint32_t first = (uint32_t)(r->v >> (64 - LONGEST));
    take(r, n);
    if (n == 0 || !skip_rest(r, c->ac)) return false;
    if (c->dc_only) {
        put(w, first >> (LONGEST - n), n);
        put(w, c->ac->eob_code, c->ac->eob_bits);
    } else {
        copy(w, s->clean, from, position(r));
    }
    return r->p <= s->clean + s->n_clean + 8 && (w->p < w->end || make_room(s->out, w));
}

/* ---- stretches between restarts ---- */

/* From p to the next marker, without stuffed zeros, and zeros behind; returns where the marker is, NULL for none. */
static const uint8_t *clean_up(struct scan *s, const uint8_t *p, const uint8_t *end)
{
    s->n_clean = 0;
    while (p < end) {
        const uint8_t *ff = memchr(p, 0xff, (size_t)(end - p));
        if (!ff || end - ff < 2) return NULL;
        size_t n = (size_t)(ff - p) + (ff[1] == 0);
        memcpy(s->clean + s->n_clean, p, n);
        s->n_clean += n;
        p = ff + 2;
        if (ff[1] == 0) continue;
        memset(s->clean + s->n_clean, 0, MOST_BLOCK);
        return ff;
    }
    return NULL;
}

static bool do_stretch(struct scan *s, size_t groups)
{
    struct reader r = {.p = s->clean, .start = s->clean};
    struct writer w = {.p = NULL};
    if (!make_room(s->out, &w)) return false;
    for (size_t g = 0; g < groups; g++)
        for (unsigned c = 0; c < s->n_components; c++)
            for (unsigned b = 0; b < s->components[c].blocks; b++)
                if (!do_block(s, &s->components[c], &r, &w)) return false;
    finish(&w);
    s->out->n = (size_t)((char *)w.p - s->out->p);
    return position(&r) <= s->n_clean * 8 && s->n_clean * 8 - position(&r) < 8;
}

static bool do_scan(struct scan *s, const struct jpeg_decompress_struct *j, size_t groups)
{
    const uint8_t *p = j->src->next_input_byte, *end = p + j->src->bytes_in_buffer;
    size_t interval = j->restart_interval ? j->restart_interval : groups;
    for (unsigned restart = 0;; restart++) {
        size_t n = groups < interval ? groups : interval;
        const uint8_t *marker = clean_up(s, p, end);
        if (!marker || !do_stretch(s, n)) return false;
        groups -= n;
        if (groups && marker[1] != JPEG_RST0 + restart % 8) return false;
        const uint8_t next[] = {0xff, groups ? marker[1] : JPEG_EOI};
        buf_add_bytes(s->out, next, sizeof next);
        if (!groups) return !s->out->failed;
        p = marker + 2;
    }
}

/* Tables and components; how many groups there are, 0: not an ordinary file. */
static size_t prepare(struct scan *s, const struct jpeg_decompress_struct *j)
{
    bool done[8] = {false};
    s->n_components = (unsigned)j->comps_in_scan;
    for (unsigned i = 0; i < s->n_components; i++) {
        const jpeg_component_info *c = j->cur_comp_info[i];
        int dc = c->dc_tbl_no, ac = c->ac_tbl_no;
        if (dc < 0 || dc > 3 || ac < 0 || ac > 3) return 0;
        if (!done[dc]) {
            if (!fill_codes(&s->codes[dc], j->dc_huff_tbl_ptrs[dc])) return 0;
            fill_first(&s->codes[dc]);
        }
        if (!done[4 + ac]) {
            if (!fill_codes(&s->codes[4 + ac], j->ac_huff_tbl_ptrs[ac])) return 0;
            fill_steps(&s->codes[4 + ac]);
        }
        done[dc] = done[4 + ac] = true;
        s->components[i] = (struct component){
            .dc = &s->codes[dc],
            .ac = &s->codes[4 + ac],
            .blocks = s->n_components == 1 ? 1 : (unsigned)(c->h_samp_factor * c->v_samp_factor),
            .dc_only = c->DCT_scaled_size == 1};
        if (s->components[i].dc_only && !s->components[i].ac->eob_bits) return 0;
    }
    /* A component alone comes in its own blocks, whatever its factors, which then are the largest. */
    size_t across = s->n_components == 1 ? DCTSIZE : (size_t)j->max_h_samp_factor * DCTSIZE;
    size_t down = s->n_components == 1 ? DCTSIZE : (size_t)j->max_v_samp_factor * DCTSIZE;
    return (j->image_width + across - 1) / across * ((j->image_height + down - 1) / down);
}

bool jpeg_dc_only(const struct jpeg_decompress_struct *j, struct buf *out)
{
    struct scan s = {.out = out};
    bool fine = false;
    if (j->progressive_mode || j->arith_code || j->data_precision != 8 ||
        j->comps_in_scan != j->num_components || j->comp_info[0].DCT_scaled_size != 1)
        return false;
    s.codes = malloc(8 * sizeof *s.codes);
    s.clean = malloc(j->src->bytes_in_buffer + MOST_BLOCK);
    if (s.codes && s.clean) {
        size_t groups = prepare(&s, j);
        fine = groups && do_scan(&s, j, groups);
    }
    free(s.codes);
    free(s.clean);
    return fine;
}
