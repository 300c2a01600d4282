/*
 * Many small tasks over all workers, their answers printed in order: at most a window of them ahead, so that
 * any number needs little memory.
 */
#ifndef CLI_FAN_H
#define CLI_FAN_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Answers task `index`: bytes for standard output go to `line`. A failure is printed with cli_fan.name's words and
 * counted; the others go on. */
typedef enum rc (*cli_fan_fn)(void *ctx, size_t index, unsigned worker, struct buf *line, struct err *err);
struct cli_fan {
    const char *command; /* "search": for messages and progress */
    const char *(*name)(void *ctx, size_t index);
    cli_fan_fn work;
    void *ctx;
    size_t n; /* tasks */
    unsigned workers;
};
/* RC_STOPPED when interrupted; RC_UNPROCESSABLE when some failed, after all the others were answered. */
enum rc cli_fan_run(const struct cli_fan *fan, struct err *err) MUST_USE;
#endif
