/*
 * Writing JSON (RFC 8259) into a buf, in order, without building a tree. Commas, quotes and escapes
 * come by themselves; malformed UTF-8 becomes U+FFFD; NaN and infinities become null. Failures are
 * those of the buf: check it once at the end.
 *
 *     struct jout out = JOUT_INIT(&buf);
 *     jout_object(&out);
 *     jout_kz(&out, "name", "robe");
 *     jout_key(&out, "box"); jout_array(&out); jout_f64(&out, .5); jout_end(&out);
 *     jout_end(&out);
 */
#ifndef BASE_JOUT_H
#define BASE_JOUT_H

#include "base/buf.h"

enum { JOUT_MAX_DEPTH = 32 };

struct jout {
    struct buf *buf;
    int depth;
    bool after_key;
    bool any[JOUT_MAX_DEPTH]; /* whether this level has a value already */
    char closer[JOUT_MAX_DEPTH];
};

#define JOUT_INIT(b) ((struct jout){.buf = (b)})

void jout_object(struct jout *o);
void jout_array(struct jout *o);
void jout_end(struct jout *o); /* closes the innermost object or array */
void jout_key(struct jout *o, const char *key);
void jout_str(struct jout *o, struct str s);
void jout_z(struct jout *o, const char *z); /* NULL gives null */
void jout_i64(struct jout *o, int64_t v);
void jout_f64(struct jout *o, double v);               /* shortest that reads back the same */
void jout_dec(struct jout *o, double v, int decimals); /* rounded: 0.9312 */
void jout_bool(struct jout *o, bool v);
void jout_null(struct jout *o);
void jout_raw(struct jout *o, struct str json); /* already JSON */
/* key and value in one */
void jout_kstr(struct jout *o, const char *key, struct str v);
void jout_kz(struct jout *o, const char *key, const char *v);
void jout_ki64(struct jout *o, const char *key, int64_t v);
void jout_kf64(struct jout *o, const char *key, double v);
void jout_kdec(struct jout *o, const char *key, double v, int decimals);
void jout_kbool(struct jout *o, const char *key, bool v);
void jout_kday(struct jout *o, const char *key, int64_t ms); /* "2026-11-22", UTC */
#endif
