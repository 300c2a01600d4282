/*
 * Reading JSON (RFC 8259). Only this folder knows the library behind it (jansson). A parsed document
 * owns its values; every `const struct jval *` is borrowed from it. All getters take NULL (a missing
 * member) and answer as for a value of the wrong type, so that paths can be chained.
 */
#ifndef BASE_JVAL_H
#define BASE_JVAL_H

#include "base/err.h"
#include "base/str.h"

struct jval;

/* Duplicate keys, NUL in keys, bad UTF-8, more than `max_bytes` and depth over 512 are refused.
 * RC_INVALID with line and column; RC_TOO_LARGE. */
enum rc jval_parse(struct str text, size_t max_bytes, struct jval **out, struct err *err) MUST_USE;
enum rc jval_parse_file(const char *path, size_t max_bytes, struct jval **out, struct err *err) MUST_USE;
void jval_destroy(struct jval *doc);

bool jval_is_object(const struct jval *v);
bool jval_is_array(const struct jval *v);
bool jval_is_string(const struct jval *v);
bool jval_is_number(const struct jval *v);
bool jval_is_null(const struct jval *v);

const struct jval *jval_get(const struct jval *object, const char *key); /* NULL if missing */
size_t jval_len(const struct jval *array_or_object);
const struct jval *jval_at(const struct jval *array, size_t i);
/* Members in the order of the document: key at i, value through *value. NULL past the end. O(i). */
const char *jval_member(const struct jval *object, size_t i, const struct jval **value);

struct str jval_str(const struct jval *v); /* STR_NONE unless a string */
bool jval_i64(const struct jval *v, int64_t *out);
bool jval_f64(const struct jval *v, double *out); /* any number */
bool jval_bool(const struct jval *v, bool *out);
#endif
