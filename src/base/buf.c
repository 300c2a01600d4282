#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_release(struct buf *b)
{
    if (b->cap) free(b->p);
    *b = BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = RC_OK;
    if (b->cap) b->p[0] = 0;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed) return false;
    size_t need;
    if (__builtin_add_overflow(b->n, more, &need) || need > b->max) {
        b->failed = RC_TOO_LARGE;
        return false;
    }
    if (need < b->cap) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap <= need)
        cap *= 2;
    char *p = realloc(b->cap ? b->p : NULL, cap);
    if (!p) {
        b->failed = RC_NOMEM;
        return false;
    }
    b->p = p;
    b->cap = cap;
    b->p[b->n] = 0;
    return true;
}

void buf_add_bytes(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !buf_reserve(b, n)) return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = 0;
}

void buf_add(struct buf *b, struct str s) { buf_add_bytes(b, s.p, s.n); }
void buf_addz(struct buf *b, const char *z) { buf_add_bytes(b, z, strlen(z)); }
void buf_addc(struct buf *b, char c) { buf_add_bytes(b, &c, 1); }

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

struct str buf_str(const struct buf *b) { return (struct str){b->p, b->n}; }

enum rc buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (!b->failed) return RC_OK;
    if (b->failed == RC_NOMEM) return err_set(err, RC_NOMEM, "out of memory for %s", what);
    return err_set(err, RC_TOO_LARGE, "%s is larger than %zu bytes", what, b->max);
}

char *buf_take(struct buf *b, size_t *n)
{
    if (b->failed || !buf_reserve(b, 1)) return NULL;
    char *p = b->p;
    if (n) *n = b->n;
    *b = BUF_INIT(b->max);
    return p;
}
