/* Opens a feed, finds its format, and gives out rows: see feed.h. */
#include "catalog/feed_internal.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { EXTRA = -1, IGNORED = -2 };

struct catalog_feed {
    struct catalog_text text;
    struct catalog_delimited *delimited;
    struct catalog_xml *xml;
    struct catalog_shopify *shopify;
    struct arena names;
    int16_t column[CATALOG_MAX_COLUMNS];     /* a field, EXTRA or IGNORED */
    struct str heading[CATALOG_MAX_COLUMNS]; /* of EXTRA columns */
    struct str *extra_names, *extra_values;
    bool google; /* the header has Google's names */
    enum catalog_feed_kind kind;
};

static struct str field_at(const struct catalog_feed *f, size_t i)
{
    return catalog_delimited_field(f->delimited, i);
}

/* "ours=theirs,...": those columns are settled, whatever they are called. */
static enum rc map_given(struct catalog_feed *f, const char *columns, bool *taken, struct err *err)
{
    struct str rest = str_of(columns), one;
    while ((one = str_split(&rest, ',')).p) {
        struct str theirs = str_trim(one), ours = str_trim(str_split(&theirs, '='));
        bool exact = false;
        int field = catalog_field_of(ours, &exact);
        theirs = str_trim(theirs);
        if (field < 0 || !exact)
            return err_set(err, RC_INVALID, "--columns: \"%.*s\" is not a field of ours", STR_ARG(ours));
        size_t i = 0;
        char a[200], b[200];
        struct str folded = catalog_heading(theirs, a, sizeof a);
        while (i < f->delimited->n && !str_eq(field_at(f, i), theirs))
            i++;
        for (size_t k = 0; i == f->delimited->n && k < f->delimited->n; k++)
            if (folded.n && str_eq(catalog_heading(field_at(f, k), b, sizeof b), folded)) i = k;
        if (!theirs.n || i == f->delimited->n)
            return err_set(err, RC_INVALID, "--columns: the feed has no column \"%.*s\"", STR_ARG(theirs));
        f->column[i] = (int16_t)field;
        taken[field] = true;
    }
    return RC_OK;
}

/* Whether the columns are there without which no row makes sense. A row may end early, but not before these. */
static enum rc check_needed(struct catalog_feed *f, const bool *taken, struct err *err)
{
    static const enum catalog_field needed[][2] = {[CATALOG_FEED_PRODUCTS] = {CATALOG_ID, CATALOG_TITLE},
                                                   [CATALOG_FEED_INVENTORY] = {CATALOG_ID, CATALOG_SHOP},
                                                   [CATALOG_FEED_SHOPS] = {CATALOG_SHOP, CATALOG_TITLE}};
    const enum catalog_field *must = needed[f->kind];
    struct catalog_delimited *d = f->delimited;
    int missing = !taken[must[0]] ? (int)must[0] : !taken[must[1]] ? (int)must[1] : -1;
    if (missing < 0) {
        for (size_t i = 0; i < d->n; i++) {
            int field = f->column[i];
            if (field == (int)must[0] || field == (int)must[1] || field == CATALOG_IMAGE_LINK ||
                field == CATALOG_PRICE)
                d->needed = i + 1;
        }
        return RC_OK;
    }
    struct buf seen = BUF_INIT((size_t)300);
    for (size_t i = 0; i < d->n && !seen.failed; i++) {
        if (i) buf_addz(&seen, ", ");
        buf_add(&seen, str_utf8_cut(field_at(f, i), 40));
    }
    const char *name = catalog_field_name((enum catalog_field)missing);
    enum rc rc = err_set(err, RC_INVALID,
                         "no column is known as the %s; there are: %.*s. Name it with --columns %s=NAME", name,
                         STR_ARG(buf_str(&seen)), name);
    buf_release(&seen);
    return rc;
}

static enum rc map_columns(struct catalog_feed *f, const char *columns, struct err *err)
{
    bool taken[CATALOG_FIELDS] = {false}, exact;
    struct catalog_delimited *d = f->delimited;
    for (size_t i = 0; i < d->n; i++)
        f->column[i] = IGNORED;
    enum rc rc = columns ? map_given(f, columns, taken, err) : RC_OK;
    if (rc) return rc;
    int n_exact = 0;
    for (int pass = 0; pass < 2; pass++) { /* own names first, then other names for what is left */
        for (size_t i = 0; i < d->n; i++) {
            int field = f->column[i] == IGNORED ? catalog_field_of(field_at(f, i), &exact) : -1;
            if (field < 0 || taken[field] || (pass == 0 && !exact)) continue;
            f->column[i] = (int16_t)field;
            taken[field] = true;
            n_exact += exact;
        }
    }
    f->google = n_exact >= 4;
    for (size_t i = 0; i < d->n; i++) {
        struct str heading = field_at(f, i);
        if (f->column[i] != IGNORED || !heading.p) continue;
        f->column[i] = EXTRA;
        f->heading[i] = arena_str(&f->names, str_utf8_cut(heading, 100));
    }
    return check_needed(f, taken, err);
}

static enum rc open_delimited(struct catalog_feed *f, const struct catalog_feed_options *o, struct err *err)
{
    struct catalog_delimited *d = f->delimited = calloc(1, sizeof *d);
    if (!d) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    d->text = &f->text;
    d->values = BUF_INIT((size_t)CATALOG_MAX_RECORD_BYTES + CATALOG_MAX_FIELD_BYTES);
    catalog_delimited_detect(d);
    bool more;
    enum rc rc = catalog_delimited_next(d, &more, err);
    if (rc) return rc;
    if (!more) return err_set(err, RC_INVALID, "the feed is empty");
    if (d->n > CATALOG_MAX_COLUMNS)
        return err_set(err, RC_INVALID, "the feed's header has %zu columns; at most %d are read", d->n,
                       CATALOG_MAX_COLUMNS);
    if (!o->columns && f->kind == CATALOG_FEED_PRODUCTS && catalog_shopify_is(d)) {
        rc = catalog_shopify_create(d, &f->shopify, err);
    } else {
        rc = map_columns(f, o->columns, err);
    }
    f->extra_names = arena_array(&f->names, d->n, sizeof *f->extra_names);
    f->extra_values = arena_array(&f->names, d->n, sizeof *f->extra_values);
    if (!rc && (!f->extra_names || !f->extra_values))
        rc = err_set(err, RC_NOMEM, "out of memory reading the feed");
    d->expected = d->n;
    if (f->shopify) d->needed = d->n < 2 ? d->n : 2;
    d->problem = o->problem;
    d->problem_ctx = o->problem_ctx;
    return rc;
}

static enum rc open_any(struct catalog_feed *f, const struct catalog_feed_options *o, struct err *err)
{
    size_t i = 0;
    int c;
    while ((c = catalog_text_byte(&f->text, i)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        i++;
    enum rc rc = catalog_text_check(&f->text, err);
    if (rc) return rc;
    if (c < 0) return err_set(err, RC_INVALID, "the feed is empty");
    if (c == '<') return catalog_xml_create(&f->text, o->problem, o->problem_ctx, &f->xml, err);
    return open_delimited(f, o, err);
}

static enum rc open_with(const char *path, struct str bytes, const struct catalog_feed_options *options,
                         struct catalog_feed **out, struct err *err)
{
    struct catalog_feed *f = calloc(1, sizeof *f);
    if (!f) return err_set(err, RC_NOMEM, "out of memory reading the feed");
    f->names = ARENA_INIT((size_t)2 * CATALOG_MAX_RECORD_BYTES);
    f->kind = options->kind;
    enum rc rc = path ? catalog_text_open(&f->text, path, err) : catalog_text_open_memory(&f->text, bytes, err);
    if (!rc) rc = open_any(f, options, err);
    if (rc) {
        catalog_feed_close(f);
        return rc;
    }
    *out = f;
    return RC_OK;
}

enum rc catalog_feed_open(const char *path, const struct catalog_feed_options *options,
                          struct catalog_feed **out, struct err *err)
{
    return open_with(path, STR_NONE, options, out, err);
}

enum rc catalog_feed_open_memory(struct str bytes, const struct catalog_feed_options *options,
                                 struct catalog_feed **out, struct err *err)
{
    return open_with(NULL, bytes, options, out, err);
}

void catalog_feed_close(struct catalog_feed *f)
{
    if (!f) return;
    catalog_xml_destroy(f->xml);
    catalog_shopify_destroy(f->shopify);
    if (f->delimited) buf_release(&f->delimited->values);
    free(f->delimited);
    catalog_text_close(&f->text);
    arena_release(&f->names);
    free(f);
}

enum rc catalog_feed_next(struct catalog_feed *f, struct catalog_feed_row *row, bool *more, struct err *err)
{
    if (f->xml) return catalog_xml_next(f->xml, row, more, err);
    if (f->shopify) return catalog_shopify_next(f->shopify, row, more, err);
    enum rc rc = catalog_delimited_next(f->delimited, more, err);
    if (rc || !*more) return rc;
    struct catalog_delimited *d = f->delimited;
    *row = (struct catalog_feed_row){
        .line = d->line, .extra_names = f->extra_names, .extra_values = f->extra_values};
    for (size_t i = 0; i < d->expected; i++) {
        struct str value = catalog_delimited_field(d, i);
        if (!value.p) continue;
        if (f->column[i] >= 0) {
            row->value[f->column[i]] = value;
        } else if (f->column[i] == EXTRA) {
            f->extra_names[row->n_extra] = f->heading[i];
            f->extra_values[row->n_extra++] = value;
        }
    }
    return RC_OK;
}

const char *catalog_feed_format(const struct catalog_feed *f)
{
    return f->xml ? "google xml" : f->shopify ? "shopify" : f->google ? "google text" : "text";
}

double catalog_feed_share(const struct catalog_feed *f)
{
    return f->text.total_bytes ? (double)f->text.read_bytes / (double)f->text.total_bytes : 1;
}
