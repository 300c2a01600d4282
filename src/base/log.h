/*
 * The log: one line an event on standard error, as text ("2026-11-22T18:05:09.123Z info import: ...")
 * or as JSON objects (log_format = json). A line carries a module name, words and numbers - never a
 * photo, token, embedding, file name of a shopper or e-mail address. Safe from any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_configure(enum log_level least, bool json);
bool log_level_parse(const char *name, enum log_level *out); /* error, warn, info, debug */
/* The request id put on every line of this thread until it is set again; NULL for none. Not copied. */
void log_request(const char *request_id);
void log_write(enum log_level level, const char *module, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(module, ...) log_write(LOG_ERROR, module, __VA_ARGS__)
#define log_warn(module, ...) log_write(LOG_WARN, module, __VA_ARGS__)
#define log_info(module, ...) log_write(LOG_INFO, module, __VA_ARGS__)
#define log_debug(module, ...) log_write(LOG_DEBUG, module, __VA_ARGS__)
#endif
