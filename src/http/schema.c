#include "http/schema.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/module.h"
#include "http/http.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum type {
    T_OBJECT = 1,
    T_ARRAY = 2,
    T_STRING = 4,
    T_INTEGER = 8,
    T_NUMBER = 16,
    T_BOOLEAN = 32,
    T_NULL = 64
};
static const struct {
    const char *name;
    unsigned bit;
} type_names[] = {{"object", T_OBJECT}, {"array", T_ARRAY},     {"string", T_STRING}, {"integer", T_INTEGER},
                  {"number", T_NUMBER}, {"boolean", T_BOOLEAN}, {"null", T_NULL}};
enum { N_TYPES = sizeof type_names / sizeof *type_names };

struct property {
    const char *name;
    const struct schema *schema; /* NULL: only required, not described */
    bool required;
};

struct schema {
    unsigned types; /* 0: any */
    const char *ref;
    const struct schema *target;
    struct property *properties;
    size_t n_properties, min_properties, max_properties;
    bool closed; /* additionalProperties: false */
    const struct schema *additional, *items;
    size_t min_items, max_items, min_length, max_length;
    const struct jval *enums; /* array */
    const struct jval *constant;
    bool has_least, has_most, above, below; /* above: exclusiveMinimum */
    double least, most;
    regex_t *pattern;
    bool binary, date_time;
    const struct schema **all, **any, **one; /* NULL-ended */
    const char *fallback;
    struct schema *next_ref; /* of those whose target is still to be found */
};

struct named {
    const char *name;
    const struct schema *schema;
    struct named *next;
};
struct kept {
    struct jval *doc;
    regex_t *pattern;
    struct kept *next;
};

struct schema_set {
    struct arena arena;
    struct named *named;
    struct kept *kept;
    struct schema *refs;
};

/* ---- compiling ---- */

static enum rc compile(struct schema_set *set, const struct jval *v, const struct schema **out,
                       struct err *err);

static enum rc oom(struct err *err) { return err_set(err, RC_NOMEM, "out of memory compiling a schema"); }

static enum rc keep(struct schema_set *set, struct jval *doc, regex_t *pattern, struct err *err)
{
    struct kept *k = arena_alloc(&set->arena, sizeof *k);
    if (!k) {
        jval_destroy(doc);
        if (pattern) regfree(pattern);
        return oom(err);
    }
    *k = (struct kept){doc, pattern, set->kept};
    set->kept = k;
    return RC_OK;
}

static enum rc compile_type(struct schema *s, const struct jval *v, struct err *err)
{
    size_t n = jval_is_array(v) ? jval_len(v) : 1;
    for (size_t i = 0; i < n; i++) {
        struct str name = jval_str(jval_is_array(v) ? jval_at(v, i) : v);
        unsigned bit = 0;
        for (size_t t = 0; t < N_TYPES; t++)
            if (str_eqz(name, type_names[t].name)) bit = type_names[t].bit;
        if (!bit) return err_set(err, RC_INVALID, "type: \"%.*s\" is none", STR_ARG(name));
        s->types |= bit;
    }
    return RC_OK;
}

static enum rc compile_list(struct schema_set *set, const struct jval *v, const struct schema ***out,
                            struct err *err)
{
    size_t n = jval_len(v);
    if (!jval_is_array(v) || !n) return err_set(err, RC_INVALID, "expected a list of schemas");
    *out = arena_array(&set->arena, n + 1, sizeof **out);
    if (!*out) return oom(err);
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < n; i++)
        rc = compile(set, jval_at(v, i), &(*out)[i], err);
    return rc;
}

static struct property *property_of(struct schema *s, struct str name)
{
    for (size_t i = 0; i < s->n_properties; i++)
        if (str_eqz(name, s->properties[i].name)) return &s->properties[i];
    return NULL;
}

static enum rc compile_properties(struct schema_set *set, struct schema *s, const struct jval *properties,
                                  const struct jval *required, struct err *err)
{
    size_t room = jval_len(properties) + jval_len(required);
    const struct jval *value = NULL;
    const char *name;
    if (!room) return RC_OK;
    s->properties = arena_array(&set->arena, room, sizeof *s->properties);
    if (!s->properties) return oom(err);
    for (size_t i = 0; (name = jval_member(properties, i, &value)); i++) {
        struct property *p = &s->properties[s->n_properties++];
        p->name = name;
        enum rc rc = compile(set, value, &p->schema, err);
        if (rc) {
            err_prefix(err, "%s: ", name);
            return rc;
        }
    }
    for (size_t i = 0; i < jval_len(required); i++) {
        struct str wanted = jval_str(jval_at(required, i));
        if (!wanted.p) return err_set(err, RC_INVALID, "required: expected names");
        struct property *p = property_of(s, wanted);
        if (!p) {
            p = &s->properties[s->n_properties++];
            p->name = wanted.p;
        }
        p->required = true;
    }
    return RC_OK;
}

static enum rc compile_pattern(struct schema_set *set, struct schema *s, const struct jval *v, struct err *err)
{
    struct str text = jval_str(v);
    s->pattern = arena_alloc(&set->arena, sizeof *s->pattern);
    if (!s->pattern) return oom(err);
    int failed = text.p ? regcomp(s->pattern, text.p, REG_EXTENDED | REG_NOSUB) : REG_BADPAT;
    if (failed) {
        s->pattern = NULL;
        return err_set(err, RC_INVALID, "pattern: not a regular expression");
    }
    return keep(set, NULL, s->pattern, err);
}

static enum rc compile_ref(struct schema_set *set, struct schema *s, const struct jval *v, struct err *err)
{
    struct str ref = jval_str(v), head = STR("#/components/schemas/");
    if (!str_starts(ref, head)) return err_set(err, RC_INVALID, "$ref must start with %s", head.p);
    s->ref = ref.p + head.n;
    s->next_ref = set->refs;
    set->refs = s;
    return RC_OK;
}

static enum rc compile_format(struct schema *s, const struct jval *v, struct err *err)
{
    static const char *const annotations[] = {"int32", "int64",         "float", "double",
                                              "uri",   "uri-reference", "uuid",  "date"};
    struct str f = jval_str(v);
    s->binary = str_eqz(f, "binary");
    s->date_time = str_eqz(f, "date-time");
    bool known = s->binary || s->date_time;
    for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++)
        known |= str_eqz(f, annotations[i]);
    return known ? RC_OK : err_set(err, RC_INVALID, "format \"%.*s\" is unknown", STR_ARG(f));
}

static enum rc compile_default(struct schema_set *set, struct schema *s, const struct jval *v, struct err *err)
{
    int64_t i;
    double f;
    bool b;
    if (jval_str(v).p)
        s->fallback = jval_str(v).p;
    else if (jval_i64(v, &i))
        s->fallback = arena_printf(&set->arena, "%lld", (long long)i);
    else if (jval_f64(v, &f))
        s->fallback = arena_printf(&set->arena, "%.17g", f);
    else if (jval_bool(v, &b))
        s->fallback = b ? "true" : "false";
    else
        return RC_OK; /* null, arrays and objects: documentation only */
    return s->fallback ? RC_OK : oom(err);
}

static enum rc size_of(const struct jval *v, size_t *out, struct err *err)
{
    int64_t n;
    if (!jval_i64(v, &n) || n < 0) return err_set(err, RC_INVALID, "expected a count");
    *out = (size_t)n;
    return RC_OK;
}

static enum rc bound_of(const struct jval *v, double *out, bool *has, bool *exclusive, bool is_exclusive,
                        struct err *err)
{
    if (!jval_f64(v, out)) return err_set(err, RC_INVALID, "expected a number");
    *has = true;
    *exclusive = is_exclusive;
    return RC_OK;
}

static enum rc compile_additional(struct schema_set *set, struct schema *s, const struct jval *v,
                                  struct err *err)
{
    bool allowed;
    if (!jval_bool(v, &allowed)) return compile(set, v, &s->additional, err);
    s->closed = !allowed;
    return RC_OK;
}

static enum rc keyword(struct schema_set *set, struct schema *s, struct str k, const struct jval *v,
                       struct err *err)
{
    static const char *const annotations[] = {"title",      "description", "examples",    "example",
                                              "deprecated", "readOnly",    "uniqueItems", "contentMediaType",
                                              "properties", "required",    "$comment",    "writeOnly"};
    if (str_eqz(k, "type")) return compile_type(s, v, err);
    if (str_eqz(k, "$ref")) return compile_ref(set, s, v, err);
    if (str_eqz(k, "enum")) {
        s->enums = v;
        return jval_is_array(v) ? RC_OK : err_set(err, RC_INVALID, "expected a list");
    }
    if (str_eqz(k, "const")) {
        s->constant = v;
        return RC_OK;
    }
    if (str_eqz(k, "additionalProperties")) return compile_additional(set, s, v, err);
    if (str_eqz(k, "items")) return compile(set, v, &s->items, err);
    if (str_eqz(k, "minItems")) return size_of(v, &s->min_items, err);
    if (str_eqz(k, "maxItems")) return size_of(v, &s->max_items, err);
    if (str_eqz(k, "minLength")) return size_of(v, &s->min_length, err);
    if (str_eqz(k, "maxLength")) return size_of(v, &s->max_length, err);
    if (str_eqz(k, "minProperties")) return size_of(v, &s->min_properties, err);
    if (str_eqz(k, "maxProperties")) return size_of(v, &s->max_properties, err);
    if (str_eqz(k, "minimum")) return bound_of(v, &s->least, &s->has_least, &s->above, false, err);
    if (str_eqz(k, "exclusiveMinimum")) return bound_of(v, &s->least, &s->has_least, &s->above, true, err);
    if (str_eqz(k, "maximum")) return bound_of(v, &s->most, &s->has_most, &s->below, false, err);
    if (str_eqz(k, "exclusiveMaximum")) return bound_of(v, &s->most, &s->has_most, &s->below, true, err);
    if (str_eqz(k, "pattern")) return compile_pattern(set, s, v, err);
    if (str_eqz(k, "format")) return compile_format(s, v, err);
    if (str_eqz(k, "allOf")) return compile_list(set, v, &s->all, err);
    if (str_eqz(k, "anyOf")) return compile_list(set, v, &s->any, err);
    if (str_eqz(k, "oneOf")) return compile_list(set, v, &s->one, err);
    if (str_eqz(k, "default")) return compile_default(set, s, v, err);
    for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++)
        if (str_eqz(k, annotations[i])) return RC_OK;
    if (str_starts(k, STR("x-"))) return RC_OK;
    return err_set(err, RC_INVALID, "this keyword is not handled");
}

static enum rc compile(struct schema_set *set, const struct jval *v, const struct schema **out, struct err *err)
{
    struct schema *s = arena_alloc(&set->arena, sizeof *s);
    if (!s) return oom(err);
    s->max_items = s->max_length = s->max_properties = SIZE_MAX;
    *out = s;
    bool any;
    if (jval_bool(v, &any) && any) return RC_OK; /* the schema `true` */
    if (!jval_is_object(v)) return err_set(err, RC_INVALID, "a schema is an object");
    const struct jval *value = NULL;
    const char *name;
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && (name = jval_member(v, i, &value)); i++) {
        rc = keyword(set, s, str_of(name), value, err);
        if (rc) err_prefix(err, "%s: ", name);
    }
    if (!rc) rc = compile_properties(set, s, jval_get(v, "properties"), jval_get(v, "required"), err);
    return rc;
}

static enum rc compile_text(struct schema_set *set, const char *json, const struct schema **out,
                            struct err *err)
{
    struct jval *doc = NULL;
    enum rc rc = jval_parse(str_of(json), 1 << 20, &doc, err);
    if (!rc) rc = keep(set, doc, NULL, err);
    return rc ? rc : compile(set, doc, out, err);
}

static enum rc resolve(struct schema_set *set, struct err *err)
{
    for (; set->refs; set->refs = set->refs->next_ref) {
        set->refs->target = schema_find(set, set->refs->ref);
        if (!set->refs->target) return err_set(err, RC_INVALID, "$ref: there is no schema %s", set->refs->ref);
    }
    return RC_OK;
}

enum rc schema_compile(struct schema_set *set, const char *json, const struct schema **out, struct err *err)
{
    enum rc rc = compile_text(set, json, out, err);
    return rc ? rc : resolve(set, err);
}

static enum rc add_named(struct schema_set *set, const struct http_schema *h, struct err *err)
{
    struct named *n = arena_alloc(&set->arena, sizeof *n);
    if (!n) return oom(err);
    if (schema_find(set, h->name)) return err_set(err, RC_INVALID, "schema %s: there are two", h->name);
    enum rc rc = compile_text(set, h->json, &n->schema, err);
    if (rc) {
        err_prefix(err, "schema %s: ", h->name);
        return rc;
    }
    n->name = h->name;
    n->next = set->named;
    set->named = n;
    return RC_OK;
}

enum rc schema_set_create(const struct module *const *modules, struct schema_set **out, struct err *err)
{
    struct schema_set *set = calloc(1, sizeof *set);
    enum rc rc = set ? RC_OK : oom(err);
    if (set) set->arena = ARENA_INIT(16 << 20);
    for (size_t m = 0; !rc && modules[m]; m++)
        for (const struct http_schema *h = modules[m]->schemas; !rc && h && h->name; h++) {
            rc = add_named(set, h, err);
            if (rc) err_prefix(err, "module %s: ", modules[m]->name);
        }
    if (!rc) rc = resolve(set, err);
    if (rc) {
        schema_set_destroy(set);
        set = NULL;
    }
    *out = set;
    return rc;
}

void schema_set_destroy(struct schema_set *set)
{
    if (!set) return;
    for (struct kept *k = set->kept; k; k = k->next) {
        if (k->pattern) regfree(k->pattern);
        jval_destroy(k->doc);
    }
    arena_release(&set->arena);
    free(set);
}

const struct schema *schema_find(const struct schema_set *set, const char *name)
{
    for (const struct named *n = set->named; n; n = n->next)
        if (str_eqz(str_of(name), n->name)) return n->schema;
    return NULL;
}

/* ---- checking ---- */

struct path { /* from the value up to the document */
    const struct path *up;
    const char *name; /* NULL: the index */
    size_t index;
};

struct check {
    struct schema_faults *faults;
    const char *where; /* for text: the pointer itself */
};

void schema_fault(struct schema_faults *faults, const char *pointer, const char *fmt, ...)
{
    if (faults->n == SCHEMA_MAX_FAULTS) return;
    struct schema_fault *f = &faults->v[faults->n++];
    snprintf(f->pointer, sizeof f->pointer, "%s", pointer);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->detail, sizeof f->detail, fmt, ap);
    va_end(ap);
}

static size_t write_path(const struct path *p, char *out, size_t cap)
{
    if (!p) return (size_t)snprintf(out, cap, "#");
    size_t n = write_path(p->up, out, cap);
    if (n + 2 >= cap) return n;
    if (!p->name) {
        int more = snprintf(out + n, cap - n, "/%zu", p->index);
        return more < 0 || n + (size_t)more >= cap ? n : n + (size_t)more;
    }
    out[n++] = '/';
    for (const char *c = p->name; *c && n + 3 < cap; c++) {
        if (*c == '~' || *c == '/') {
            out[n++] = '~';
            out[n++] = *c == '~' ? '0' : '1';
        } else {
            out[n++] = *c;
        }
    }
    out[n] = 0;
    return n;
}

__attribute__((format(printf, 3, 4))) static bool fault(struct check *c, const struct path *p, const char *fmt,
                                                        ...)
{
    char pointer[sizeof((struct schema_fault *)0)->pointer], detail[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    if (!c->where) write_path(p, pointer, sizeof pointer);
    schema_fault(c->faults, c->where ? c->where : pointer, "%s", detail);
    return false;
}

static unsigned type_of(const struct jval *v)
{
    int64_t i;
    bool b;
    if (jval_is_object(v)) return T_OBJECT;
    if (jval_is_array(v)) return T_ARRAY;
    if (jval_is_string(v)) return T_STRING;
    if (jval_i64(v, &i)) return T_INTEGER | T_NUMBER;
    if (jval_is_number(v)) return T_NUMBER;
    if (jval_bool(v, &b)) return T_BOOLEAN;
    return T_NULL;
}

static bool wrong_type(struct check *c, const struct path *p, unsigned types)
{
    char names[128] = "";
    size_t n = 0;
    for (size_t t = 0; t < N_TYPES; t++)
        if (types & type_names[t].bit)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? " or " : "", type_names[t].name);
    return fault(c, p, "must be %s", names);
}

static bool same(const struct jval *a, const struct jval *b)
{
    double x, y;
    bool p, q;
    if (jval_is_string(a) && jval_is_string(b)) return str_eq(jval_str(a), jval_str(b));
    if (jval_f64(a, &x) && jval_f64(b, &y)) return x == y;
    if (jval_bool(a, &p) && jval_bool(b, &q)) return p == q;
    return jval_is_null(a) && jval_is_null(b);
}

static bool not_listed(struct check *c, const struct schema *s, const struct path *p)
{
    char names[150] = "";
    size_t n = 0;
    for (size_t i = 0; i < jval_len(s->enums); i++) {
        struct str name = jval_str(jval_at(s->enums, i));
        if (name.p && n + name.n + 3 < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%.*s", n ? ", " : "", STR_ARG(name));
    }
    return fault(c, p, "must be one of: %s", names);
}

static bool listed(const struct schema *s, const struct jval *v)
{
    for (size_t i = 0; i < jval_len(s->enums); i++)
        if (same(jval_at(s->enums, i), v)) return true;
    return false;
}

static size_t code_points(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool check_string(struct check *c, const struct schema *s, struct str text, const struct path *p)
{
    size_t n = code_points(text);
    if (n < s->min_length) return fault(c, p, "must have at least %zu characters", s->min_length);
    if (n > s->max_length) return fault(c, p, "must have at most %zu characters", s->max_length);
    if (s->pattern) {
        regmatch_t all = {.rm_so = 0, .rm_eo = (regoff_t)text.n};
        bool nul = text.n && memchr(text.p, 0, text.n);
        if (nul || regexec(s->pattern, text.n ? text.p : "", 1, &all, REG_STARTEND))
            return fault(c, p, "does not have the expected form");
    }
    int64_t ms;
    if (s->date_time && !clock_parse(text, &ms)) return fault(c, p, "must be a date and time (RFC 3339)");
    return true;
}

static bool check_number(struct check *c, const struct schema *s, double v, const struct path *p)
{
    if (s->has_least && (v < s->least || (s->above && v == s->least)))
        return fault(c, p, "must be %s %.15g", s->above ? "above" : "at least", s->least);
    if (s->has_most && (v > s->most || (s->below && v == s->most)))
        return fault(c, p, "must be %s %.15g", s->below ? "below" : "at most", s->most);
    return true;
}

static bool check(struct check *c, const struct schema *s, const struct jval *v, const struct path *p);

static bool check_array(struct check *c, const struct schema *s, const struct jval *v, const struct path *p)
{
    size_t n = jval_len(v);
    if (n < s->min_items) return fault(c, p, "must have at least %zu items", s->min_items);
    if (n > s->max_items) return fault(c, p, "must have at most %zu items", s->max_items);
    bool fits = true;
    for (size_t i = 0; s->items && i < n && c->faults->n < SCHEMA_MAX_FAULTS; i++)
        fits = check(c, s->items, jval_at(v, i), &(struct path){p, NULL, i}) && fits;
    return fits;
}

/* Among the first known + 1 members one must be unknown: so this stays cheap however large the object. */
static bool name_unknown(struct check *c, const struct schema *s, const struct jval *v, const struct path *p)
{
    const struct jval *value;
    const char *name;
    for (size_t i = 0; i <= s->n_properties && (name = jval_member(v, i, &value)); i++)
        if (!property_of((struct schema *)s, str_of(name)))
            return fault(c, &(struct path){p, name, 0}, "is not known here");
    return fault(c, p, "has a member that is not known here");
}

static bool check_additional(struct check *c, const struct schema *s, const struct jval *v,
                             const struct path *p)
{
    const struct jval *value;
    const char *name;
    bool fits = true;
    if (jval_len(v) > SCHEMA_MAX_MEMBERS) return fault(c, p, "has too many members");
    for (size_t i = 0; (name = jval_member(v, i, &value)) && c->faults->n < SCHEMA_MAX_FAULTS; i++)
        if (!property_of((struct schema *)s, str_of(name)))
            fits = check(c, s->additional, value, &(struct path){p, name, 0}) && fits;
    return fits;
}

static bool check_object(struct check *c, const struct schema *s, const struct jval *v, const struct path *p)
{
    size_t known = 0;
    bool fits = true;
    if (jval_len(v) < s->min_properties)
        fits = fault(c, p, "must have at least %zu members", s->min_properties);
    if (jval_len(v) > s->max_properties) fits = fault(c, p, "must have at most %zu members", s->max_properties);
    for (size_t i = 0; i < s->n_properties; i++) {
        const struct property *is = &s->properties[i];
        const struct jval *value = jval_get(v, is->name);
        struct path here = {p, is->name, 0};
        known += value != NULL;
        if (!value && is->required)
            fits = fault(c, &here, "is missing");
        else if (value && is->schema)
            fits = check(c, is->schema, value, &here) && fits;
    }
    if (known == jval_len(v)) return fits;
    if (s->closed) return name_unknown(c, s, v, p);
    return s->additional ? check_additional(c, s, v, p) && fits : fits;
}

static bool check_lists(struct check *c, const struct schema *s, const struct jval *v, const struct path *p)
{
    bool fits = true;
    for (size_t i = 0; s->all && s->all[i]; i++)
        fits = check(c, s->all[i], v, p) && fits;
    for (int exactly = 0; exactly < 2; exactly++) {
        const struct schema **list = exactly ? s->one : s->any;
        size_t matches = 0;
        if (!list) continue;
        for (size_t i = 0; list[i]; i++) {
            struct schema_faults quiet;
            quiet.n = 0;
            matches += check(&(struct check){&quiet, NULL}, list[i], v, p);
        }
        if (!matches || (exactly && matches > 1)) fits = fault(c, p, "fits none of the forms that are allowed");
    }
    return fits;
}

static bool check(struct check *c, const struct schema *s, const struct jval *v, const struct path *p)
{
    bool fits = true;
    double number;
    if (s->target) fits = check(c, s->target, v, p);
    if (s->types && !(s->types & type_of(v))) return wrong_type(c, p, s->types);
    if (s->enums && !listed(s, v)) return not_listed(c, s, p);
    if (s->constant && !same(s->constant, v)) return fault(c, p, "must be the one value allowed here");
    if (jval_is_string(v)) fits = check_string(c, s, jval_str(v), p) && fits;
    if (jval_f64(v, &number)) fits = check_number(c, s, number, p) && fits;
    if (jval_is_array(v)) fits = check_array(c, s, v, p) && fits;
    if (jval_is_object(v)) fits = check_object(c, s, v, p) && fits;
    return check_lists(c, s, v, p) && fits;
}

bool schema_check(const struct schema *s, const struct jval *v, struct schema_faults *faults)
{
    return check(&(struct check){faults, NULL}, s, v, NULL);
}

/* ---- text ---- */

static bool text_listed(const struct schema *s, struct str text)
{
    for (size_t i = 0; i < jval_len(s->enums); i++) {
        const struct jval *e = jval_at(s->enums, i);
        double is, given;
        struct str name = jval_str(e);
        if (name.p ? str_eq(name, text) : jval_f64(e, &is) && str_to_f64(text, &given) && is == given)
            return true;
    }
    return false;
}

static bool check_text(struct check *c, const struct schema *s, struct str text);

static bool check_text_items(struct check *c, const struct schema *s, struct str text)
{
    size_t n = 0;
    bool fits = true;
    struct str rest = text;
    for (struct str item; (item = str_split(&rest, ',')).p && n <= s->max_items; n++)
        if (s->items) fits = check_text(c, s->items, item) && fits;
    if (n < s->min_items) return fault(c, NULL, "must have at least %zu items", s->min_items);
    if (n > s->max_items) return fault(c, NULL, "must have at most %zu items", s->max_items);
    return fits;
}

static bool check_text(struct check *c, const struct schema *s, struct str text)
{
    double number;
    int64_t whole;
    bool fits = true;
    while (s->target)
        s = s->target; /* a reference has no siblings here */
    if (s->types & T_ARRAY) return check_text_items(c, s, text);
    if (s->types == T_INTEGER && !str_to_i64(text, &whole)) return wrong_type(c, NULL, T_INTEGER);
    if ((s->types & T_NUMBER) && !str_to_f64(text, &number)) return wrong_type(c, NULL, T_NUMBER);
    if (s->types == T_BOOLEAN && !str_eqz(text, "true") && !str_eqz(text, "false"))
        return fault(c, NULL, "must be true or false");
    if (s->enums && !text_listed(s, text)) return not_listed(c, s, NULL);
    if (s->types & (T_INTEGER | T_NUMBER)) {
        if (str_to_f64(text, &number)) fits = check_number(c, s, number, NULL);
    } else if (!(s->types & T_BOOLEAN)) {
        fits = check_string(c, s, text, NULL);
    }
    for (size_t i = 0; s->all && s->all[i]; i++)
        fits = check_text(c, s->all[i], text) && fits;
    return fits;
}

bool schema_check_text(const struct schema *s, struct str text, const char *where, struct schema_faults *faults)
{
    return check_text(&(struct check){faults, where}, s, text);
}

bool schema_may_be_empty_list(const struct schema *s)
{
    while (s->target)
        s = s->target;
    return (s->types & T_ARRAY) && !s->min_items;
}

bool schema_closed(const struct schema *s)
{
    while (s->target)
        s = s->target;
    return s->closed;
}

struct str schema_default(const struct schema *s)
{
    while (s->target)
        s = s->target;
    return str_of(s->fallback);
}

const char *schema_property(const struct schema *s, size_t i, const struct schema **value, bool *required,
                            bool *binary)
{
    while (s->target)
        s = s->target;
    if (i >= s->n_properties) return NULL;
    const struct property *p = &s->properties[i];
    const struct schema *at = p->schema;
    while (at && at->target)
        at = at->target;
    *value = p->schema;
    *required = p->required;
    *binary = at && at->binary;
    return p->name;
}
