/*
 * Counters, gauges and histograms in Prometheus' text format (exposition format 0.0.4). A metric is a
 * static variable; the module table lists it. Updates are lock-free and allowed from any thread.
 *
 *     static struct metric requests = METRIC_COUNTER("penderie_http_requests_total", "Requests answered.",
 *                                                    "code");
 *     metric_add(&requests, "200", 1);
 *
 * At most one label a metric, at most METRIC_SERIES values of it; further values count under "other",
 * so that no input can make the process grow.
 */
#ifndef METRIC_METRIC_H
#define METRIC_METRIC_H

#include "base/buf.h"

#include <stdatomic.h>

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };
enum { METRIC_SERIES = 64, METRIC_BUCKETS = 16 };

struct metric_series {
    _Atomic(char *) value;                       /* the label's value; NULL: free */
    _Atomic uint64_t count;                      /* counters and histograms */
    _Atomic double sum;                          /* gauges, and the sum of a histogram */
    _Atomic uint64_t bucket[METRIC_BUCKETS + 1]; /* not cumulative; the last is +Inf */
};

struct metric {
    const char *name, *help, *label; /* label NULL: a single series */
    enum metric_kind kind;
    double bounds[METRIC_BUCKETS]; /* upper bounds, ascending; unused ones 0 */
    struct metric_series series[METRIC_SERIES];
};

#define METRIC_COUNTER(n, h, l)                                             \
    {                                                                       \
        .name = (n), .help = (h), .label = (l), .kind = METRIC_KIND_COUNTER \
    }
#define METRIC_GAUGE(n, h, l)                                             \
    {                                                                     \
        .name = (n), .help = (h), .label = (l), .kind = METRIC_KIND_GAUGE \
    }
/* Seconds, 1 ms to 30 s: for answers. */
#define METRIC_SECONDS(n, h, l)                                                            \
    {                                                                                      \
        .name = (n), .help = (h), .label = (l), .kind = METRIC_KIND_HISTOGRAM, .bounds = { \
            .001,                                                                          \
            .0025,                                                                         \
            .005,                                                                          \
            .01,                                                                           \
            .02,                                                                           \
            .03,                                                                           \
            .06,                                                                           \
            .1,                                                                            \
            .15,                                                                           \
            .25,                                                                           \
            .5,                                                                            \
            1,                                                                             \
            3,                                                                             \
            5,                                                                             \
            10,                                                                            \
            30                                                                             \
        }                                                                                  \
    }

/* `value` of the label; NULL for a metric without label. */
void metric_add(struct metric *m, const char *value, uint64_t n);
void metric_set(struct metric *m, const char *value, double v);
void metric_observe(struct metric *m, const char *value, double v);
/* Current count (counter, histogram) or value (gauge); 0 for a series never touched. */
double metric_get(const struct metric *m, const char *value);
void metric_write(const struct metric *m, struct buf *out);
#endif
