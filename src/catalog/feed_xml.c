/*
 * Items of an XML feed: <item> of RSS 2.0, <entry> of Atom 1.0, with Google's elements in the g: namespace.
 *
 * The file is not parsed as one document: a single bad character would end it. Items are cut out of the text
 * first (comments and CDATA sections heeded), and each is parsed by expat alone, without namespaces: the
 * local name decides, and a prefixed element wins over one without. So a broken item costs itself, memory
 * is bounded by one item, and entities can only be the characters of HTML: what a DTD declares is never read.
 *
 * Children of an item count, not their children (g:shipping has a price, too). Repeated
 * additional_image_link elements are joined with ','; of other repeated elements the first counts.
 */
#include "catalog/feed_internal.h"

#include "base/arena.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EXTRA = 256, MAX_PICTURES = 64 };

/* What ends a comment, a CDATA section, a tag. That a mark is absent from a stretch of the text is remembered:
 * a thousand comments that nothing closes cost one search. */
enum mark { COMMENT_END, CDATA_END, TAG_END, MARKS };
static const char *const marks[MARKS] = {"-->", "]]>", ">"};

struct catalog_xml {
    struct catalog_text *text;
    catalog_problem_fn problem;
    void *problem_ctx;
    XML_Parser parser;
    struct arena arena; /* of the current item */
    int depth;
    struct buf content; /* of the child being read */
    char name[64];      /* its folded local name */
    bool prefixed, too_long;
    struct str href; /* of an Atom <link> */
    struct catalog_feed_row *row;
    bool from_prefixed[CATALOG_FIELDS];
    struct str extra_names[MAX_EXTRA], extra_values[MAX_EXTRA];
    size_t n_extra;
    size_t n_pictures; /* additional ones of the item */
    struct {
        uint64_t from, until; /* offsets in the decoded text */
    } absent[MARKS];
    bool any; /* whether the file had an item */
};

enum rc catalog_xml_create(struct catalog_text *text, catalog_problem_fn problem, void *problem_ctx,
                           struct catalog_xml **out, struct err *err)
{
    struct catalog_xml *x = calloc(1, sizeof *x);
    if (x) x->parser = XML_ParserCreate("UTF-8");
    if (!x || !x->parser) {
        free(x);
        return err_set(err, RC_NOMEM, "out of memory reading the feed");
    }
    x->text = text;
    x->problem = problem;
    x->problem_ctx = problem_ctx;
    x->arena = ARENA_INIT((size_t)4 * CATALOG_MAX_RECORD_BYTES);
    x->content = BUF_INIT((size_t)CATALOG_MAX_FIELD_BYTES);
    *out = x;
    return RC_OK;
}

void catalog_xml_destroy(struct catalog_xml *x)
{
    if (!x) return;
    XML_ParserFree(x->parser);
    arena_release(&x->arena);
    buf_release(&x->content);
    free(x);
}

/* ---- cutting items out of the text ---- */

static bool match(struct catalog_text *t, size_t i, const char *word)
{
    size_t n = strlen(word);
    if (catalog_text_byte(t, i + n - 1) < 0) return false;
    return memcmp(catalog_text_at(t) + i, word, n) == 0;
}

/* An element's tag at i, as "<item" or "</item": the name must end there. */
static bool match_tag(struct catalog_text *t, size_t i, const char *word)
{
    if (!match(t, i, word)) return false;
    int c = catalog_text_byte(t, i + strlen(word));
    return c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The index behind `word`, searched from i; SIZE_MAX when it does not come within the limit. */
static size_t find(struct catalog_text *t, size_t i, const char *word)
{
    for (;; i++) {
        if (catalog_text_byte(t, i) < 0) return SIZE_MAX;
        const char *p = catalog_text_at(t), *hit = memchr(p + i, word[0], catalog_text_have(t) - i);
        size_t at = hit ? (size_t)(hit - p) : catalog_text_have(t) - 1;
        t->looked += at - i + 1;
        i = at;
        if (hit && match(t, i, word)) return i + strlen(word);
    }
}

/* The same for a mark. */
static size_t find_mark(struct catalog_xml *x, size_t i, enum mark mark)
{
    struct catalog_text *t = x->text;
    uint64_t from = t->consumed + i;
    bool known = from >= x->absent[mark].from && from < x->absent[mark].until;
    size_t end = find(t, known ? (size_t)(x->absent[mark].until - t->consumed) : i, marks[mark]);
    if (end != SIZE_MAX) return end;
    size_t tail = strlen(marks[mark]) - 1; /* a mark may have begun at the very end */
    if (!known) x->absent[mark].from = from;
    if (catalog_text_have(t) > i + tail) x->absent[mark].until = t->consumed + catalog_text_have(t) - tail;
    return SIZE_MAX;
}

/* The index behind the comment or CDATA section that begins at i, or behind the '<' that is neither; SIZE_MAX:
 * it has no end. */
static size_t pass_over(struct catalog_xml *x, size_t i)
{
    if (match(x->text, i, "<!--")) return find_mark(x, i + 4, COMMENT_END);
    if (match(x->text, i, "<![CDATA[")) return find_mark(x, i + 9, CDATA_END);
    return i + 1;
}

/* Moves the position to the next item's '<'. NULL at the end; else the element's name. */
static const char *seek_item(struct catalog_xml *x)
{
    struct catalog_text *t = x->text;
    for (;;) {
        size_t i = find(t, 0, "<");
        if (i == SIZE_MAX) {
            catalog_text_consume(t, catalog_text_have(t));
            if (catalog_text_byte(t, 0) < 0) return NULL;
            continue;
        }
        catalog_text_consume(t, i - 1);
        if (match_tag(t, 0, "<item")) return "item";
        if (match_tag(t, 0, "<entry")) return "entry";
        size_t end = pass_over(x, 0);
        catalog_text_consume(t, end == SIZE_MAX ? 1 : end);
    }
}

/* Bytes of the item at the position with its end tag; 0 when there is none before the next item or the
 * limit. An empty <item/> counts. */
static size_t item_bytes(struct catalog_xml *x, const char *name)
{
    struct catalog_text *t = x->text;
    char open[8], close[8];
    snprintf(open, sizeof open, "<%s", name);
    snprintf(close, sizeof close, "</%s", name);
    size_t i = strlen(open);
    for (;;) {
        size_t at = find(t, i, "<");
        if (at == SIZE_MAX) return 0;
        at--;
        if (match_tag(t, at, close)) {
            size_t end = find_mark(x, at, TAG_END);
            return end == SIZE_MAX ? 0 : end;
        }
        if (match_tag(t, at, open)) return 0; /* the next item begins: this one has no end */
        size_t end = pass_over(x, at);
        if (end == SIZE_MAX) return 0;
        i = end;
    }
}

/* ---- one item ---- */

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct catalog_xml *x = ctx;
    if (++x->depth != 2) return;
    const char *colon = strchr(name, ':');
    catalog_heading(str_of(colon ? colon + 1 : name), x->name, sizeof x->name);
    x->prefixed = colon != NULL;
    x->href = STR_NONE;
    x->too_long = false;
    buf_reset(&x->content);
    bool wanted = true; /* of Atom's links only rel="alternate", which is the default */
    struct str href = STR_NONE;
    for (; attributes[0]; attributes += 2) {
        if (strcmp(attributes[0], "href") == 0) href = arena_str(&x->arena, str_of(attributes[1]));
        if (strcmp(attributes[0], "rel") == 0) wanted = strcmp(attributes[1], "alternate") == 0;
        if (strcmp(attributes[0], "url") == 0 && !href.p) href = arena_str(&x->arena, str_of(attributes[1]));
    }
    if (wanted) x->href = href;
}

static void on_text(void *ctx, const XML_Char *text, int n)
{
    struct catalog_xml *x = ctx;
    if (x->depth == 2) buf_add_bytes(&x->content, text, (size_t)n);
}

static void on_entity(void *ctx, const XML_Char *name, int is_parameter)
{
    struct catalog_xml *x = ctx;
    if (!is_parameter && x->depth == 2) (void)catalog_entity(str_of(name), &x->content);
}

static void keep_extra(struct catalog_xml *x, struct str value)
{
    if (x->n_extra == MAX_EXTRA || !x->name[0]) return;
    for (size_t i = 0; i < x->n_extra; i++)
        if (str_eqz(x->extra_names[i], x->name)) return;
    x->extra_names[x->n_extra] = arena_str(&x->arena, str_of(x->name));
    x->extra_values[x->n_extra++] = value;
}

static void on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    struct catalog_xml *x = ctx;
    if (x->depth-- != 2) return;
    if (x->content.failed) x->too_long = true;
    struct str value = str_trim(buf_str(&x->content));
    if (!value.n) value = x->href.p ? str_trim(x->href) : STR_NONE;
    if (!value.n) return;
    value = arena_str(&x->arena, value);
    bool exact;
    int field = catalog_field_of(str_of(x->name), &exact);
    if (field < 0) {
        keep_extra(x, value);
        return;
    }
    struct str *kept = &x->row->value[field];
    if (kept->p && field == CATALOG_ADDITIONAL_IMAGE_LINK) {
        if (++x->n_pictures >= MAX_PICTURES) return;
        char *both = arena_printf(&x->arena, "%.*s,%.*s", STR_ARG(*kept), STR_ARG(value));
        if (both) *kept = str_of(both);
        return;
    }
    bool stronger = x->prefixed && exact && !x->from_prefixed[field];
    if (kept->p && !stronger) return;
    *kept = value;
    x->from_prefixed[field] = x->prefixed && exact;
}

static const char *parse(struct catalog_xml *x, struct str item)
{
    XML_ParserReset(x->parser, "UTF-8");
    XML_SetUserData(x->parser, x);
    XML_SetElementHandler(x->parser, on_start, on_end);
    XML_SetCharacterDataHandler(x->parser, on_text);
    XML_SetSkippedEntityHandler(x->parser, on_entity);
    XML_UseForeignDTD(x->parser, XML_TRUE); /* unknown entities are skipped, not fatal */
    x->depth = 0;
    if (XML_Parse(x->parser, item.p, (int)item.n, 1) == XML_STATUS_OK) return NULL;
    return XML_ErrorString(XML_GetErrorCode(x->parser));
}

enum rc catalog_xml_next(struct catalog_xml *x, struct catalog_feed_row *row, bool *more, struct err *err)
{
    for (;;) {
        *more = false;
        const char *name = seek_item(x);
        if (!name) {
            enum rc rc = catalog_text_check(x->text, err);
            if (!rc && !x->any) rc = err_set(err, RC_INVALID, "the XML feed has no <item> or <entry>");
            return rc;
        }
        x->any = true;
        arena_reset(&x->arena);
        *row = (struct catalog_feed_row){.line = x->text->line};
        memset(x->from_prefixed, 0, sizeof x->from_prefixed);
        x->n_extra = x->n_pictures = 0;
        x->row = row;
        x->too_long = false;
        size_t n = item_bytes(x, name);
        if (x->text->failed) return catalog_text_check(x->text, err);
        struct str item = {catalog_text_at(x->text), n};
        const char *reason = n ? parse(x, item) : "the item has no end";
        if (!reason && x->too_long) reason = "a field is longer than 1 MiB";
        if (reason && x->problem)
            x->problem(x->problem_ctx, row->line, row->value[CATALOG_ID], NULL, reason, STR_NONE);
        catalog_text_consume(x->text, n ? n : 1);
        if (reason) continue;
        row->extra_names = x->extra_names;
        row->extra_values = x->extra_values;
        row->n_extra = x->n_extra;
        *more = true;
        return RC_OK;
    }
}
