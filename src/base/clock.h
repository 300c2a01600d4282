/*
 * Time. All times of day are milliseconds since 1970-01-01 UTC in an int64_t named ..._ms; durations
 * are measured with clock_mono_us(), which never goes back. Tests put their own clock in place.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"
#include "base/str.h"

#define CLOCK_HOUR_MS INT64_C(3600000)
#define CLOCK_DAY_MS INT64_C(86400000)

int64_t clock_now_ms(void);
int64_t clock_day_ms(int64_t ms); /* the midnight (UTC) before it */
int64_t clock_today_ms(void);     /* that of now */
int64_t clock_mono_us(void);
/* For tests: from here on clock_now_ms() returns at_ms; a negative value gives the real clock back. */
void clock_freeze(int64_t at_ms);

/* "2026-11-22T18:05:09.123Z" (RFC 3339); 25 bytes with the NUL. */
void clock_rfc3339(int64_t ms, char out[static 25]);
/* The same and "2026-11-22", "...+01:00", without fraction; false on anything else. */
bool clock_parse(struct str s, int64_t *ms);
/* "Sun, 22 Nov 2026 18:05:09 GMT" (RFC 9110); 30 bytes with the NUL. */
void clock_http_date(int64_t ms, char out[static 30]);
#endif
