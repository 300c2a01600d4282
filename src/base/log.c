#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/jout.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int least_level = LOG_INFO;
static atomic_bool as_json;
static _Thread_local const char *request;
static const char *const names[] = {"error", "warn", "info", "debug"};

void log_configure(enum log_level least, bool json)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&as_json, json);
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

void log_request(const char *request_id) { request = request_id; }

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
    if ((int)level > atomic_load(&least_level)) return;
    char message[1024], at[25];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    clock_rfc3339(clock_now_ms(), at);
    struct buf line = BUF_INIT(8192);
    if (atomic_load(&as_json)) {
        struct jout out = JOUT_INIT(&line);
        jout_object(&out);
        jout_kz(&out, "time", at);
        jout_kz(&out, "level", names[level]);
        jout_kz(&out, "module", module);
        if (request) jout_kz(&out, "request_id", request);
        jout_kz(&out, "message", message);
        jout_end(&out);
    } else {
        for (char *c = message; *c; c++)
            if ((unsigned char)*c < 0x20) *c = ' '; /* one event is one line */
        buf_addf(&line, "%s %s %s: %s", at, names[level], module, message);
        if (request) buf_addf(&line, " request_id=%s", request);
    }
    buf_addc(&line, '\n');
    if (!line.failed && write(STDERR_FILENO, line.p, line.n) < 0) { /* nobody left to tell */
    }
    buf_release(&line);
}
