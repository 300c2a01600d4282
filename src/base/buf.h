/*
 * The one string builder: a growing byte buffer with a cap. After a failure (out of memory, or the cap
 * reached) the buffer keeps what it held, ignores all that is appended, and buf_failed() says so: a
 * long run of appends needs a single check at the end. `p` always ends in a NUL that `n` does not count.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *p; /* never NULL */
    size_t n, cap, max;
    enum rc failed;
};

#define BUF_INIT(max_bytes) ((struct buf){(char *)"", 0, 0, (max_bytes), RC_OK})

void buf_release(struct buf *b); /* frees; the buffer can be used again, empty */
void buf_reset(struct buf *b);   /* empties, keeps the memory, forgets a failure */
void buf_add(struct buf *b, struct str s);
void buf_add_bytes(struct buf *b, const void *p, size_t n);
void buf_addz(struct buf *b, const char *z);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool buf_reserve(struct buf *b, size_t more); /* room for `more` bytes behind n; false on failure */
struct str buf_str(const struct buf *b);      /* borrowed until the next change */
/* RC_OK, or the failure with a message that names `what`. */
enum rc buf_check(const struct buf *b, const char *what, struct err *err) MUST_USE;
/* Hands the bytes over (caller frees with free()) and leaves the buffer empty. NULL on failure. */
char *buf_take(struct buf *b, size_t *n);

#endif
