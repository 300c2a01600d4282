/* What the files of the feed readers share; nobody else includes this. */
#ifndef CATALOG_FEED_INTERNAL_H
#define CATALOG_FEED_INTERNAL_H

#include "catalog/feed.h"

/* ---- feed_text.c: bytes of any encoding in, a sliding window of UTF-8 out ---- */

enum catalog_encoding {
    CATALOG_UTF8,         /* a byte that is not UTF-8 is read as Windows-1252 */
    CATALOG_WINDOWS_1252, /* of which ISO-8859-1's printable characters are a part */
    CATALOG_UTF16LE,
    CATALOG_UTF16BE
};

struct catalog_text {
    int fd; /* -1: from memory */
    struct str memory;
    uint64_t read_bytes, total_bytes;
    enum catalog_encoding encoding;
    uint8_t raw[65536]; /* read, and not decoded yet */
    size_t raw_n;
    bool eof, started;
    enum rc failed; /* RC_IO, RC_NOMEM */
    int saved_errno;
    struct buf window; /* decoded; what is before `pos` has been consumed */
    size_t pos;
    int64_t line;      /* of the byte at `pos`, from 1 */
    uint64_t consumed; /* decoded bytes before `pos` */
    uint64_t looked;   /* bytes that readers went over, each time counted: tests hold it near the file's size */
    uint32_t high;     /* first half of a surrogate pair */
};

enum rc catalog_text_open(struct catalog_text *t, const char *path, struct err *err) MUST_USE;
enum rc catalog_text_open_memory(struct catalog_text *t, struct str bytes, struct err *err) MUST_USE;
void catalog_text_close(struct catalog_text *t);
/* Decodes more behind the window: false at the end, on a failure, or when the window is at its limit. */
bool catalog_text_more(struct catalog_text *t);
bool catalog_text_full(const struct catalog_text *t);
/* Moves on by n bytes, counting lines (LF, CRLF or CR). */
void catalog_text_consume(struct catalog_text *t, size_t n);
enum rc catalog_text_check(const struct catalog_text *t, struct err *err) MUST_USE;

static inline size_t catalog_text_have(const struct catalog_text *t) { return t->window.n - t->pos; }
static inline const char *catalog_text_at(const struct catalog_text *t) { return t->window.p + t->pos; }
/* The byte `i` behind the position, or -1 when there is none. */
static inline int catalog_text_byte(struct catalog_text *t, size_t i)
{
    while (i >= catalog_text_have(t))
        if (!catalog_text_more(t)) return -1;
    return (unsigned char)catalog_text_at(t)[i];
}

/* ---- feed_delimited.c: records of delimited text (RFC 4180 and what is met in the wild) ---- */

struct catalog_delimited {
    struct catalog_text *text;
    char delimiter;
    size_t expected; /* fields of the header; 0 while the header itself is read */
    size_t needed;   /* a row may end early, but not before this many fields */
    struct buf values;
    struct {
        size_t at, n;
    } fields[CATALOG_MAX_COLUMNS];
    size_t n;                   /* fields of the current record, those above CATALOG_MAX_COLUMNS counted too */
    uint64_t single_line_until; /* of text->consumed; see feed_delimited.c */
    int64_t line;
    catalog_problem_fn problem;
    void *problem_ctx;
};

/* Finds the delimiter from the first line, and passes over a "sep=;" line. */
void catalog_delimited_detect(struct catalog_delimited *d);
/* The next record that has fields; *more false at the end. */
enum rc catalog_delimited_next(struct catalog_delimited *d, bool *more, struct err *err) MUST_USE;
struct str catalog_delimited_field(const struct catalog_delimited *d, size_t i); /* trimmed; p NULL: empty */

/* ---- feed_xml.c: items of RSS 2.0 and entries of Atom ---- */

struct catalog_xml;
enum rc catalog_xml_create(struct catalog_text *text, catalog_problem_fn problem, void *problem_ctx,
                           struct catalog_xml **out, struct err *err) MUST_USE;
void catalog_xml_destroy(struct catalog_xml *x);
/* Fills row's line, value and extra_*; *more false at the end. */
enum rc catalog_xml_next(struct catalog_xml *x, struct catalog_feed_row *row, bool *more,
                         struct err *err) MUST_USE;

/* ---- feed_shopify.c: rows of one handle gathered into variants ---- */

struct catalog_shopify;
bool catalog_shopify_is(const struct catalog_delimited *header);
/* `d` stands behind its header, whose record it still holds. */
enum rc catalog_shopify_create(struct catalog_delimited *d, struct catalog_shopify **out,
                               struct err *err) MUST_USE;
void catalog_shopify_destroy(struct catalog_shopify *s);
enum rc catalog_shopify_next(struct catalog_shopify *s, struct catalog_feed_row *row, bool *more,
                             struct err *err) MUST_USE;

/* Lower case, blanks and hyphens as '_', accents of Latin letters off, at most cap - 1 bytes. */
struct str catalog_heading(struct str heading, char *out, size_t cap);

#endif
