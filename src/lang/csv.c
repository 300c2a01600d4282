#include "lang/csv.h"

#include <string.h>

/* One row into `fields`; quoted fields are unquoted in place. Blank lines are passed over. */
static enum rc read_row(struct csv *c, struct str *fields, size_t *n_fields, struct err *err)
{
    *n_fields = 0;
    while (c->at < c->n && (c->text[c->at] == '\n' || c->text[c->at] == '\r'))
        c->line += c->text[c->at++] == '\n';
    if (c->at >= c->n) return RC_OK;
    c->row_line = c->line;
    for (;;) {
        if (*n_fields == CSV_MAX_COLUMNS)
            return err_set(err, RC_INVALID, "%s:%d: more than %d columns", c->path, c->row_line,
                           CSV_MAX_COLUMNS);
        char *to = c->text + c->at, *start = to;
        if (c->at < c->n && c->text[c->at] == '"') {
            c->at++;
            for (;; c->at++) {
                if (c->at >= c->n)
                    return err_set(err, RC_INVALID, "%s:%d: column %zu: the quote is never closed", c->path,
                                   c->row_line, *n_fields + 1);
                if (c->text[c->at] == '"' && (c->at + 1 >= c->n || c->text[c->at + 1] != '"')) break;
                if (c->text[c->at] == '"') c->at++;
                c->line += c->text[c->at] == '\n';
                *to++ = c->text[c->at];
            }
            c->at++;
            if (c->at < c->n && !strchr(",\r\n", c->text[c->at]))
                return err_set(err, RC_INVALID, "%s:%d: column %zu: text behind the closing quote", c->path,
                               c->row_line, *n_fields + 1);
        } else {
            while (c->at < c->n && !strchr(",\r\n", c->text[c->at]))
                *to++ = c->text[c->at++];
        }
        fields[(*n_fields)++] = str_trim((struct str){start, (size_t)(to - start)});
        if (c->at >= c->n || c->text[c->at] != ',') break;
        c->at++;
    }
    return RC_OK;
}

enum rc csv_open(struct csv *c, const char *path, char *text, size_t n, struct err *err)
{
    *c = (struct csv){.path = path, .text = text, .n = n, .line = 1};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) c->at = 3;
    if (!str_utf8_valid((struct str){text, n}) || memchr(text, 0, n))
        return err_set(err, RC_INVALID, "%s: this is not UTF-8 text", path);
    enum rc rc = read_row(c, c->header, &c->n_columns, err);
    if (!rc && c->n_columns == 0) rc = err_set(err, RC_INVALID, "%s:1: the header line is missing", path);
    return rc;
}

enum rc csv_next(struct csv *c, bool *more, struct err *err)
{
    size_t n;
    enum rc rc = read_row(c, c->field, &n, err);
    if (rc) return rc;
    *more = n > 0;
    if (n > c->n_columns)
        return err_set(err, RC_INVALID, "%s:%d: column %zu: the header has only %zu columns", c->path,
                       c->row_line, n, c->n_columns);
    for (; n < c->n_columns; n++)
        c->field[n] = STR("");
    return RC_OK;
}

struct str csv_get(const struct csv *c, const char *column)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (str_eqz(c->header[i], column)) return c->field[i];
    return STR_NONE;
}
