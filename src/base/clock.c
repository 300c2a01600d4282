#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t frozen_ms = -1;

int64_t clock_now_ms(void)
{
    int64_t at = atomic_load(&frozen_ms);
    if (at >= 0) return at;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_day_ms(int64_t ms) { return ms - ms % CLOCK_DAY_MS; }

int64_t clock_today_ms(void) { return clock_day_ms(clock_now_ms()); }

int64_t clock_mono_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void clock_freeze(int64_t at_ms) { atomic_store(&frozen_ms, at_ms); }

static void split(int64_t ms, struct tm *tm)
{
    time_t t = (time_t)((ms - (ms < 0 ? 999 : 0)) / 1000);
    gmtime_r(&t, tm);
}

void clock_rfc3339(int64_t ms, char out[static 25])
{
    struct tm tm;
    split(ms, &tm);
    snprintf(out, 25, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100,
             tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100,
             (int)((ms % 1000 + 1000) % 1000));
}

void clock_http_date(int64_t ms, char out[static 30])
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    split(ms, &tm);
    snprintf(out, 30, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday % 100,
             months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100,
             tm.tm_sec % 100);
}

/* Takes `digits` digits off *s, between least and most. */
static bool number(struct str *s, size_t digits, int least, int most, int *out)
{
    uint64_t v;
    if (s->n < digits || !str_to_u64(str_sub(*s, 0, digits), &v)) return false;
    *s = str_sub(*s, digits, s->n);
    *out = (int)v;
    return *out >= least && *out <= most;
}

static bool letter(struct str *s, const char *any_of)
{
    if (s->n == 0 || !any_of) return false;
    for (; *any_of; any_of++)
        if (s->p[0] == *any_of) {
            *s = str_sub(*s, 1, s->n);
            return true;
        }
    return false;
}

bool clock_parse(struct str s, int64_t *ms)
{
    struct tm tm = {0};
    int milli = 0, zone_min = 0;
    if (!number(&s, 4, 1000, 9999, &tm.tm_year) || !letter(&s, "-") || !number(&s, 2, 1, 12, &tm.tm_mon) ||
        !letter(&s, "-") || !number(&s, 2, 1, 31, &tm.tm_mday))
        return false;
    if (letter(&s, "Tt ")) {
        if (!number(&s, 2, 0, 23, &tm.tm_hour) || !letter(&s, ":") || !number(&s, 2, 0, 59, &tm.tm_min) ||
            !letter(&s, ":") || !number(&s, 2, 0, 60, &tm.tm_sec))
            return false;
        if (letter(&s, ".")) {
            int d, scale = 100, any = 0;
            for (; number(&s, 1, 0, 9, &d); scale /= 10, any = 1)
                milli += d * scale;
            if (!any) return false;
        }
        if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
            int sign = s.p[0] == '-' ? 1 : -1, h, m;
            s = str_sub(s, 1, s.n);
            if (!number(&s, 2, 0, 23, &h) || (letter(&s, ":"), !number(&s, 2, 0, 59, &m))) return false;
            zone_min = sign * (h * 60 + m);
        } else if (!letter(&s, "Zz")) {
            return false;
        }
    }
    if (s.n) return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    int day = tm.tm_mday;
    time_t t = timegm(&tm);
    if (tm.tm_mday != day) return false; /* 31 April and the like */
    *ms = ((int64_t)t + zone_min * 60) * 1000 + milli;
    return true;
}
