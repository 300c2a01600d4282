/*
 * Delimited text: RFC 4180, and what retailers really send. A field may stand in double quotes, in which
 * a quote is written twice and the delimiter and line ends mean nothing; lines end in LF, CRLF or CR.
 *
 * Broken quotes. A quote that is never closed would swallow the rest of the file, and in tab-separated feeds
 * quotes are often just inches. So a record is read with the quotes' meaning first. When a quoted field
 * then runs over a line end and something is odd (no closing quote within the limit; a quote that looks like
 * the opening one of another field; another number of fields than the header), the reader goes back to the
 * record's first line and takes quotes literally: if that line has the right number of fields it is the
 * row, else it is refused alone; either way reading goes on with the very next line. A quote within a quoted
 * field that is neither doubled nor followed by a delimiter is taken literally.
 *
 * The work stays linear. Where such a scan went over many lines in vain, no quoted field that begins in them
 * ends on another line either: it would run into the same end, for inside quotes only a run of quotes matters,
 * and each of those was even. (A well-formed field begins with an odd run, and would have stopped the scan.)
 * So up to the last line that the scan saw, `single_line_until`, a quoted field must end on its own line: each
 * line is gone over by one long scan, its own, and the literal one.
 */
#include "catalog/feed_internal.h"

#include <string.h>

struct scan {
    size_t used;      /* bytes of the record with its line end; of an odd one those gone over */
    size_t last_line; /* where the last line that a quoted field reached begins */
    bool multi_line, odd, too_long, full, any;
};

static void field_begin(struct catalog_delimited *d)
{
    if (d->n < CATALOG_MAX_COLUMNS) d->fields[d->n].at = d->values.n;
}

static void field_end(struct catalog_delimited *d, struct scan *s)
{
    if (d->n < CATALOG_MAX_COLUMNS) {
        d->fields[d->n].n = d->values.n - d->fields[d->n].at;
        s->any |= d->fields[d->n].n > 0;
    }
    d->n++;
}

static void field_add(struct catalog_delimited *d, struct scan *s, char c)
{
    if (d->n >= CATALOG_MAX_COLUMNS) return;
    if (d->values.n - d->fields[d->n].at >= CATALOG_MAX_FIELD_BYTES)
        s->too_long = true;
    else
        buf_addc(&d->values, c);
}

/* A plain run without delimiter, quote or line end, copied at once. */
static size_t field_run(struct catalog_delimited *d, struct scan *s, size_t i)
{
    const char *p = catalog_text_at(d->text);
    size_t n = catalog_text_have(d->text), from = i;
    while (i < n && p[i] != d->delimiter && p[i] != '"' && p[i] != '\n' && p[i] != '\r')
        i++;
    if (d->n >= CATALOG_MAX_COLUMNS || i == from) return i;
    size_t room = CATALOG_MAX_FIELD_BYTES - (d->values.n - d->fields[d->n].at);
    if (i - from > room)
        s->too_long = true;
    else
        buf_add_bytes(&d->values, p + from, i - from);
    return i;
}

/* i stands behind a quote inside a quoted field: does a field end here? */
static bool ends_field(struct catalog_delimited *d, size_t i)
{
    int c = catalog_text_byte(d->text, i);
    return c < 0 || c == d->delimiter || c == '\n' || c == '\r';
}

/* Reads a quoted field from behind its opening quote; returns the index behind the closing one. */
static size_t quoted(struct catalog_delimited *d, struct scan *s, size_t i)
{
    bool lines = false, after_separator = false, single = d->text->consumed < d->single_line_until;
    for (;;) {
        size_t run = field_run(d, s, i);
        if (run > i) after_separator = false;
        i = run;
        int c = catalog_text_byte(d->text, i);
        bool line_end = c == '\n' || c == '\r';
        if (c < 0 || (line_end && single)) {
            s->odd = true; /* never closed */
            return i;
        }
        if (c == '"') {
            if (catalog_text_byte(d->text, i + 1) == '"') {
                i++;
            } else if (ends_field(d, i + 1)) {
                return i + 1;
            } else if (lines && after_separator) {
                s->odd = true; /* looks like the beginning of another field on a later line */
                return i;
            }
        }
        if (line_end) {
            s->multi_line = lines = true;
            s->last_line = i + 1;
        }
        after_separator = line_end || c == d->delimiter;
        field_add(d, s, (char)c);
        i++;
    }
}

/* More fields than the header, and not merely empty ones. */
static bool surplus(const struct catalog_delimited *d)
{
    if (!d->expected || d->n <= d->expected) return false;
    return d->n > CATALOG_MAX_COLUMNS || d->fields[d->n - 1].n > 0;
}

/* One record from the position into d->fields; nothing is consumed. */
static void scan_record(struct catalog_delimited *d, bool quotes, struct scan *s)
{
    size_t i = 0;
    *s = (struct scan){0};
    buf_reset(&d->values);
    d->n = 0;
    field_begin(d);
    bool at_start = true;
    for (;;) {
        if (!at_start || !quotes) i = field_run(d, s, i);
        int c = catalog_text_byte(d->text, i);
        if (at_start && quotes && c == '"') {
            i = s->used = quoted(d, s, i + 1);
            if (s->odd) return;
            at_start = false;
            continue;
        }
        at_start = false;
        if (c < 0 || c == '\n' || c == '\r') {
            field_end(d, s);
            s->full = c < 0 && catalog_text_full(d->text);
            s->used = i + (c >= 0);
            if (c == '\r' && catalog_text_byte(d->text, i + 1) == '\n') s->used++;
            return;
        }
        if (c == d->delimiter) {
            field_end(d, s);
            if (s->multi_line && surplus(d)) { /* it cannot fit any more */
                s->used = i;
                s->odd = true;
                return;
            }
            field_begin(d);
            at_start = true;
        } else {
            field_add(d, s, (char)c); /* a quote inside a field, or a plain character */
        }
        i++;
    }
}

static void refuse(struct catalog_delimited *d, const char *reason)
{
    if (!d->problem) return;
    struct str all = {catalog_text_at(d->text), catalog_text_have(d->text)}, rest = all;
    struct str line = str_split(&rest, '\n');
    d->problem(d->problem_ctx, d->line, STR_NONE, NULL, reason, str_utf8_cut(str_trim(line), 200));
}

/* The record in the window is longer than the limit: passes over its line. */
static void skip_line(struct catalog_delimited *d)
{
    for (;;) {
        struct str have = {catalog_text_at(d->text), catalog_text_have(d->text)};
        size_t end = str_chr(have, '\n');
        if (end != SIZE_MAX) {
            catalog_text_consume(d->text, end + 1);
            return;
        }
        catalog_text_consume(d->text, have.n);
        if (!catalog_text_more(d->text)) return;
    }
}

static bool fits(const struct catalog_delimited *d)
{
    if (!d->expected || d->n == d->expected) return true;
    if (d->n < d->expected) return d->n >= d->needed;
    if (d->n > CATALOG_MAX_COLUMNS) return false;
    for (size_t i = d->expected; i < d->n; i++)
        if (d->fields[i].n) return false;
    return true;
}

/* Quotes taken literally left them in the values: one at each end belongs to the quoting. */
static void strip_quotes(struct catalog_delimited *d)
{
    for (size_t i = 0; i < d->n && i < CATALOG_MAX_COLUMNS; i++) {
        const char *p = d->values.p + d->fields[i].at;
        size_t n = d->fields[i].n;
        if (n && p[0] == '"') {
            d->fields[i].at++;
            d->fields[i].n--;
            if (n > 1 && p[n - 1] == '"') d->fields[i].n--;
        } else if (n && p[n - 1] == '"' && !memchr(p, '"', n - 1) && n > 1 &&
                   (p[n - 2] < '0' || p[n - 2] > '9')) {
            d->fields[i].n--; /* but 15" is a size */
        }
    }
}

/* One record into d->fields, quotes taken literally where their meaning leads nowhere. */
static void read_record(struct catalog_delimited *d, struct scan *s)
{
    scan_record(d, true, s);
    d->text->looked += s->used;
    if (!s->odd && (!s->multi_line || (fits(d) && !s->full))) return;
    uint64_t until = d->text->consumed + (s->odd ? s->last_line : s->used);
    if (until > d->single_line_until) d->single_line_until = until;
    scan_record(d, false, s);
    d->text->looked += s->used;
    s->odd = true;
    strip_quotes(d);
}

/* Why the record is not a row; NULL: it is one, or empty. */
static const char *why_not(const struct catalog_delimited *d, const struct scan *s)
{
    if (s->too_long) return "a field is longer than 1 MiB";
    if (d->n > CATALOG_MAX_COLUMNS && d->expected) return "the row has more than 4096 fields";
    if (fits(d)) return NULL;
    if (s->odd) return "a quote is not closed";
    if (!s->any) return NULL;
    return d->n < d->expected ? "the row has fewer fields than the header"
                              : "the row has more fields than the header";
}

enum rc catalog_delimited_next(struct catalog_delimited *d, bool *more, struct err *err)
{
    struct scan s;
    for (;;) {
        *more = false;
        if (catalog_text_byte(d->text, 0) < 0) return catalog_text_check(d->text, err);
        d->line = d->text->line;
        read_record(d, &s);
        if (d->text->failed) return catalog_text_check(d->text, err);
        if (d->values.failed) return err_set(err, RC_NOMEM, "out of memory reading the feed");
        if (s.full) {
            refuse(d, "the row is longer than 32 MiB");
            skip_line(d);
            continue;
        }
        const char *reason = why_not(d, &s);
        if (reason) refuse(d, reason);
        catalog_text_consume(d->text, s.used);
        if (!reason && s.any) {
            *more = true;
            return RC_OK;
        }
    }
}

struct str catalog_delimited_field(const struct catalog_delimited *d, size_t i)
{
    if (i >= d->n || i >= CATALOG_MAX_COLUMNS) return STR_NONE;
    struct str s = str_trim((struct str){d->values.p + d->fields[i].at, d->fields[i].n});
    return s.n ? s : STR_NONE;
}

void catalog_delimited_detect(struct catalog_delimited *d)
{
    static const char candidates[] = "\t,;|";
    size_t best = 0;
    if (catalog_text_byte(d->text, 5) >= 0 && memcmp(catalog_text_at(d->text), "sep=", 4) == 0) {
        d->delimiter = catalog_text_at(d->text)[4]; /* spreadsheets write this line */
        skip_line(d);
        return;
    }
    d->delimiter = ',';
    for (const char *c = candidates; *c; c++) {
        struct scan s;
        struct catalog_delimited *probe = d;
        char kept = d->delimiter;
        probe->delimiter = *c;
        scan_record(probe, true, &s);
        size_t known = 0;
        for (size_t i = 0; i < d->n; i++)
            known += catalog_field_of(catalog_delimited_field(d, i), NULL) >= 0;
        size_t score = known * CATALOG_MAX_COLUMNS + (d->n < CATALOG_MAX_COLUMNS ? d->n : 0);
        if (d->n > 1 && score > best)
            best = score;
        else
            d->delimiter = kept;
    }
}
