/*
 * Errors. Whatever can fail returns `enum rc` and takes a `struct err *` last. The one who detects
 * the failure writes the message with err_set(); callers pass it on, or put words in front of it
 * with err_prefix(). On success a struct err is left untouched. It lives on the caller's stack and
 * owns nothing. Passing NULL is allowed where the caller needs the code alone.
 *
 * The message is for the operator or the caller of our command line: it says what is wrong and what
 * to do. What an HTTP client sees is decided in http/problem.c; RC_INTERNAL and the like never show
 * their message there.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum rc {
    RC_OK = 0,
    RC_INVALID,         /* the input is malformed: HTTP 400, exit status 2 on the command line */
    RC_UNAUTHENTICATED, /* 401 */
    RC_FORBIDDEN,       /* 403 */
    RC_NOT_FOUND,       /* 404 */
    RC_METHOD,          /* 405 */
    RC_TIMEOUT,         /* 408 */
    RC_CONFLICT,        /* 409 */
    RC_PRECONDITION,    /* 412 */
    RC_TOO_LARGE,       /* 413 */
    RC_UNSUPPORTED,     /* 415: a type of content that is not handled */
    RC_UNPROCESSABLE,   /* 422: well-formed, and still nothing can be done with it */
    RC_LIMIT,           /* 429 */
    RC_BUSY,            /* 503: a queue is full; try again */
    RC_IO,              /* 500: the disk or the network failed */
    RC_CORRUPT,         /* 500: stored data does not hold together */
    RC_NOMEM,           /* 500 */
    RC_STOPPED,         /* 503: shutting down, or the person interrupted */
    RC_INTERNAL,        /* 500: a mistake of ours, or of a library */
    RC_COUNT
};

struct err {
    enum rc code;
    char message[512];
};

/* Writes code and message (cut at 511 bytes), and returns `code`, so that `return err_set(...)` works. */
enum rc err_set(struct err *err, enum rc code, const char *fmt, ...) PRINTF_LIKE(3, 4);
enum rc err_setv(struct err *err, enum rc code, const char *fmt, va_list ap);

/* Puts words in front of the message; the code stays. Returns err->code (RC_INTERNAL for NULL). */
enum rc err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As err_set, with ": " and strerror(errno) behind the message. ENOENT gives RC_NOT_FOUND, ENOMEM
 * RC_NOMEM, everything else RC_IO. */
enum rc err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A lower-case name that does not change between versions ("not_found"): for logs and problem types. */
const char *rc_name(enum rc rc);
/* The one table from codes to the outside: an HTTP status, an exit status (0 fine, 1 failed, 2 usage). */
int rc_http_status(enum rc rc);
int rc_exit_status(enum rc rc);

/* For conditions that only a mistake of ours can break; stays on in release builds. */
#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *cond, const char *file, int line);

#endif
