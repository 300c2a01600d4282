/*
 * The subset of JSON Schema 2020-12 that the routes use, compiled once at start and then read-only (any
 * thread): type, enum, const, properties, required, additionalProperties, minProperties, maxProperties,
 * items, minItems, maxItems, uniqueItems (documentation only), minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum, minLength, maxLength, pattern, format (date-time, binary), allOf, anyOf, oneOf,
 * $ref "#/components/schemas/NAME", default, and annotations. An unknown keyword is refused when the
 * schema is compiled, so that nothing is believed to be checked that is not.
 *
 * Patterns must mean the same as POSIX extended and as ECMA-262 regular expressions: no \d, no (?:.
 * Stricter than the specification: 1.0 is not an integer; an object checked against a schema for
 * additionalProperties has at most SCHEMA_MAX_MEMBERS members.
 */
#ifndef HTTP_SCHEMA_H
#define HTTP_SCHEMA_H

#include "base/err.h"
#include "base/str.h"

struct jval;
struct module;
struct schema;
struct schema_set;

enum { SCHEMA_MAX_FAULTS = 16, SCHEMA_MAX_MEMBERS = 1000 };

struct schema_fault {
    char pointer[160]; /* RFC 6901 as a fragment, "#/box/0"; for parameters "query/limit" and the like */
    char detail[200];  /* what is expected; never repeats what was sent */
};
struct schema_faults {
    struct schema_fault v[SCHEMA_MAX_FAULTS];
    size_t n; /* further faults are not recorded */
};

/* Compiles the schemas of all modules (NULL-ended), and checks that every $ref has its target. RC_INVALID
 * names module, schema and keyword. */
enum rc schema_set_create(const struct module *const *modules, struct schema_set **out,
                          struct err *err) MUST_USE;
void schema_set_destroy(struct schema_set *set);
/* One more, outside the components (of a parameter); lives as long as the set. */
enum rc schema_compile(struct schema_set *set, const char *json, const struct schema **out,
                       struct err *err) MUST_USE;
const struct schema *schema_find(const struct schema_set *set, const char *name); /* NULL if absent */

/* True if the value fits. `faults` is added to. */
bool schema_check(const struct schema *s, const struct jval *v, struct schema_faults *faults);
/* A parameter or form field, as text: integers, numbers and booleans are parsed, arrays are separated by
 * commas. `where` becomes the fault's pointer. */
bool schema_check_text(const struct schema *s, struct str text, const char *where,
                       struct schema_faults *faults);
void schema_fault(struct schema_faults *faults, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);

bool schema_may_be_empty_list(const struct schema *s);
bool schema_closed(const struct schema *s);        /* additionalProperties: false */
struct str schema_default(const struct schema *s); /* as text; STR_NONE without one */
/* For forms: the i-th property (NULL past the end), whether it is required, and holds bytes (format: binary). */
const char *schema_property(const struct schema *s, size_t i, const struct schema **value, bool *required,
                            bool *binary);
#endif
