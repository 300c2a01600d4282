/*
 * Strings. `struct str` is a borrowed view: pointer and length, not necessarily ending in NUL, valid
 * as long as what it points into. Text is UTF-8. Nothing here allocates.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).p

struct str str_of(const char *z); /* NULL gives STR_NONE */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
bool str_ieq(struct str a, struct str b); /* ASCII case ignored */
bool str_ieqz(struct str a, const char *z);
int str_cmp(struct str a, struct str b); /* bytewise, as memcmp */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                       /* ASCII white space off both ends */
struct str str_sub(struct str s, size_t from, size_t n); /* clamped */
/* Index of the first `c` or `needle`, or SIZE_MAX. */
size_t str_chr(struct str s, char c);
size_t str_find(struct str s, struct str needle);

/* Splits at the first `sep`: returns what is before it and moves *rest behind it. When *rest is used
 * up, returns STR_NONE (p == NULL); an empty field in between has p != NULL and n == 0. */
struct str str_split(struct str *rest, char sep);

/* Whole-string conversions: false on anything but a number in range, leading '+' and blanks included. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_f64(struct str s, double *out); /* decimal point '.', finite; locale is not consulted */

/* True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_utf8_valid(struct str s);
/* Takes one code point off the front of *s; malformed bytes give U+FFFD, one byte each. 0 at the end. */
uint32_t str_utf8_next(struct str *s);
/* Writes cp as UTF-8; returns the length, 1 to 4. */
size_t str_utf8_put(uint32_t cp, char out[static 4]);
/* The longest prefix of at most n bytes that does not cut a code point. */
struct str str_utf8_cut(struct str s, size_t n);

/* 64-bit FNV-1a; for hash tables of trusted keys, not for anything an attacker chooses. */
uint64_t str_hash(struct str s);

#endif
