/* Inside lang/: reading the vocabulary's CSV files (RFC 4180, UTF-8, a header line). */
#ifndef LANG_CSV_H
#define LANG_CSV_H

#include "base/err.h"
#include "base/str.h"

enum { CSV_MAX_COLUMNS = 32 };
struct csv {
    const char *path; /* for messages */
    char *text;       /* unquoted in place */
    size_t n, at;
    int line, row_line; /* of the reader, and of the row returned last */
    struct str header[CSV_MAX_COLUMNS], field[CSV_MAX_COLUMNS];
    size_t n_columns;
};
/* Takes nothing: text must outlive the reader and is changed. Reads the header. RC_INVALID with the line. */
enum rc csv_open(struct csv *c, const char *path, char *text, size_t n, struct err *err) MUST_USE;
enum rc csv_next(struct csv *c, bool *more, struct err *err) MUST_USE;
struct str csv_get(const struct csv *c, const char *column); /* STR_NONE if there is no such column */
#endif
