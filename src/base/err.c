#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int http_status, exit_status;
} codes[RC_COUNT] = {
    [RC_OK] = {"ok", 200, 0},
    [RC_INVALID] = {"invalid", 400, 2},
    [RC_UNAUTHENTICATED] = {"unauthenticated", 401, 1},
    [RC_FORBIDDEN] = {"forbidden", 403, 1},
    [RC_NOT_FOUND] = {"not_found", 404, 1},
    [RC_METHOD] = {"method_not_allowed", 405, 1},
    [RC_TIMEOUT] = {"timeout", 408, 1},
    [RC_CONFLICT] = {"conflict", 409, 1},
    [RC_PRECONDITION] = {"precondition_failed", 412, 1},
    [RC_TOO_LARGE] = {"too_large", 413, 1},
    [RC_UNSUPPORTED] = {"unsupported_type", 415, 1},
    [RC_UNPROCESSABLE] = {"unprocessable", 422, 1},
    [RC_LIMIT] = {"rate_limited", 429, 1},
    [RC_BUSY] = {"busy", 503, 1},
    [RC_IO] = {"io", 500, 1},
    [RC_CORRUPT] = {"corrupt", 500, 1},
    [RC_NOMEM] = {"out_of_memory", 500, 1},
    [RC_STOPPED] = {"stopped", 503, 1},
    [RC_INTERNAL] = {"internal", 500, 1},
};

const char *rc_name(enum rc rc) { return rc < RC_COUNT ? codes[rc].name : "internal"; }
int rc_http_status(enum rc rc) { return rc < RC_COUNT ? codes[rc].http_status : 500; }
int rc_exit_status(enum rc rc) { return rc < RC_COUNT ? codes[rc].exit_status : 1; }

enum rc err_setv(struct err *err, enum rc code, const char *fmt, va_list ap)
{
    ASSERT(code != RC_OK);
    if (err) {
        err->code = code;
        vsnprintf(err->message, sizeof err->message, fmt, ap);
    }
    return code;
}

enum rc err_set(struct err *err, enum rc code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_setv(err, code, fmt, ap);
    va_end(ap);
    return code;
}

enum rc err_prefix(struct err *err, const char *fmt, ...)
{
    if (!err) return RC_INTERNAL;
    char was[sizeof err->message];
    memcpy(was, err->message, sizeof was);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->message)
        snprintf(err->message + n, sizeof err->message - (size_t)n, "%s", was);
    return err->code;
}

enum rc err_errno(struct err *err, const char *fmt, ...)
{
    int e = errno;
    enum rc code = e == ENOENT ? RC_NOT_FOUND : e == ENOMEM ? RC_NOMEM : RC_IO;
    va_list ap;
    va_start(ap, fmt);
    err_setv(err, code, fmt, ap);
    va_end(ap);
    if (err) {
        char reason[128];
        size_t n = strlen(err->message);
        snprintf(err->message + n, sizeof err->message - n, ": %s", strerror_r(e, reason, sizeof reason));
    }
    return code;
}

_Noreturn void assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "penderie: internal error: %s (%s:%d)\n", cond, file, line);
    abort();
}
