#include "base/jout.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void before_value(struct jout *o)
{
    if (o->after_key) {
        o->after_key = false;
        return;
    }
    if (o->any[o->depth]) buf_addc(o->buf, ',');
    o->any[o->depth] = true;
}

static void open_level(struct jout *o, char opener, char closer)
{
    before_value(o);
    buf_addc(o->buf, opener);
    ASSERT(o->depth + 1 < JOUT_MAX_DEPTH);
    o->depth++;
    o->any[o->depth] = false;
    o->closer[o->depth] = closer;
}

void jout_object(struct jout *o) { open_level(o, '{', '}'); }
void jout_array(struct jout *o) { open_level(o, '[', ']'); }

void jout_end(struct jout *o)
{
    ASSERT(o->depth > 0);
    buf_addc(o->buf, o->closer[o->depth--]);
}

static void quoted(struct jout *o, struct str s)
{
    buf_addc(o->buf, '"');
    while (s.n) {
        size_t plain = 0;
        while (plain < s.n && (unsigned char)s.p[plain] >= 0x20 && (unsigned char)s.p[plain] < 0x7f &&
               s.p[plain] != '"' && s.p[plain] != '\\')
            plain++;
        buf_add_bytes(o->buf, s.p, plain);
        s = str_sub(s, plain, s.n);
        if (!s.n) break;
        uint32_t cp = str_utf8_next(&s);
        if (cp == '"' || cp == '\\') {
            char two[2] = {'\\', (char)cp};
            buf_add_bytes(o->buf, two, 2);
        } else if (cp == '\n') {
            buf_addz(o->buf, "\\n");
        } else if (cp < 0x20 || cp == 0x7f || cp == 0x2028 || cp == 0x2029) {
            buf_addf(o->buf, "\\u%04x", (unsigned)cp);
        } else {
            char utf8[4];
            buf_add_bytes(o->buf, utf8, str_utf8_put(cp, utf8));
        }
    }
    buf_addc(o->buf, '"');
}

void jout_key(struct jout *o, const char *key)
{
    before_value(o);
    quoted(o, str_of(key));
    buf_addc(o->buf, ':');
    o->after_key = true;
}

void jout_str(struct jout *o, struct str s)
{
    before_value(o);
    quoted(o, s);
}

void jout_z(struct jout *o, const char *z)
{
    if (z)
        jout_str(o, str_of(z));
    else
        jout_null(o);
}

void jout_i64(struct jout *o, int64_t v)
{
    before_value(o);
    buf_addf(o->buf, "%lld", (long long)v);
}

/* printf writes the decimal point of the locale; the program never calls setlocale(), so it is '.'. */
void jout_f64(struct jout *o, double v)
{
    if (!isfinite(v)) {
        jout_null(o);
        return;
    }
    before_value(o);
    char s[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        if (strtod(s, NULL) == v) break;
    }
    buf_addz(o->buf, s);
}

void jout_dec(struct jout *o, double v, int decimals)
{
    if (!isfinite(v)) {
        jout_null(o);
        return;
    }
    before_value(o);
    buf_addf(o->buf, "%.*f", decimals, v);
}

void jout_bool(struct jout *o, bool v)
{
    before_value(o);
    buf_addz(o->buf, v ? "true" : "false");
}

void jout_null(struct jout *o)
{
    before_value(o);
    buf_addz(o->buf, "null");
}

void jout_raw(struct jout *o, struct str json)
{
    before_value(o);
    buf_add(o->buf, json);
}

void jout_kstr(struct jout *o, const char *key, struct str v)
{
    jout_key(o, key);
    jout_str(o, v);
}

void jout_kz(struct jout *o, const char *key, const char *v)
{
    jout_key(o, key);
    jout_z(o, v);
}

void jout_ki64(struct jout *o, const char *key, int64_t v)
{
    jout_key(o, key);
    jout_i64(o, v);
}

void jout_kf64(struct jout *o, const char *key, double v)
{
    jout_key(o, key);
    jout_f64(o, v);
}

void jout_kdec(struct jout *o, const char *key, double v, int decimals)
{
    jout_key(o, key);
    jout_dec(o, v, decimals);
}

void jout_kbool(struct jout *o, const char *key, bool v)
{
    jout_key(o, key);
    jout_bool(o, v);
}

void jout_kday(struct jout *o, const char *key, int64_t ms)
{
    char text[25];
    clock_rfc3339(ms, text);
    jout_kstr(o, key, (struct str){text, 10});
}
