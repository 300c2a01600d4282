#include "metric/metric.h"

#include <stdlib.h>
#include <string.h>

/*
 * A series is claimed once, by a compare-and-swap on `value`, and never freed: readers and writers need no
 * lock. A thread that loses the race for a slot looks at what the winner put there.
 */
static struct metric_series *series_of(struct metric *m, const char *value)
{
    if (!value) value = "";
    for (int i = 0; i < METRIC_SERIES; i++) {
        struct metric_series *s = &m->series[i];
        const char *label = i == METRIC_SERIES - 1 ? "other" : value;
        char *is = atomic_load_explicit(&s->value, memory_order_acquire);
        if (!is) {
            char *mine = strdup(label);
            if (!mine) return NULL;
            if (atomic_compare_exchange_strong(&s->value, &is, mine)) return s;
            free(mine);
        }
        if (strcmp(is, label) == 0) return s;
    }
    return NULL;
}

static void add_double(_Atomic double *to, double v)
{
    double was = atomic_load(to);
    while (!atomic_compare_exchange_weak(to, &was, was + v)) {
    }
}

void metric_add(struct metric *m, const char *value, uint64_t n)
{
    struct metric_series *s = series_of(m, value);
    if (s) atomic_fetch_add(&s->count, n);
}

void metric_set(struct metric *m, const char *value, double v)
{
    struct metric_series *s = series_of(m, value);
    if (s) atomic_store(&s->sum, v);
}

static int bucket_of(const struct metric *m, double v)
{
    int b = 0;
    while (b < METRIC_BUCKETS && m->bounds[b] > 0 && v > m->bounds[b])
        b++;
    return b < METRIC_BUCKETS && m->bounds[b] > 0 ? b : METRIC_BUCKETS;
}

void metric_observe(struct metric *m, const char *value, double v)
{
    struct metric_series *s = series_of(m, value);
    if (!s) return;
    atomic_fetch_add(&s->bucket[bucket_of(m, v)], 1);
    atomic_fetch_add(&s->count, 1);
    add_double(&s->sum, v);
}

double metric_get(const struct metric *m, const char *value)
{
    for (int i = 0; i < METRIC_SERIES; i++) {
        const struct metric_series *s = &m->series[i];
        const char *is = atomic_load(&s->value);
        if (!is) break;
        if (strcmp(is, value ? value : "") == 0)
            return m->kind == METRIC_KIND_GAUGE ? atomic_load(&s->sum) : (double)atomic_load(&s->count);
    }
    return 0;
}

static void write_labels(const struct metric *m, const char *value, const char *le, struct buf *out)
{
    if (!m->label && !le) return;
    buf_addc(out, '{');
    if (m->label) {
        buf_addf(out, "%s=\"", m->label);
        for (; *value; value++) {
            if (*value == '"' || *value == '\\') buf_addc(out, '\\');
            if (*value == '\n')
                buf_addz(out, "\\n");
            else
                buf_addc(out, *value);
        }
        buf_addc(out, '"');
    }
    if (le) buf_addf(out, "%sle=\"%s\"", m->label ? "," : "", le);
    buf_addc(out, '}');
}

static void write_histogram(const struct metric *m, const struct metric_series *s, const char *value,
                            struct buf *out)
{
    uint64_t total = 0;
    for (int b = 0; b <= METRIC_BUCKETS; b++) {
        char le[32] = "+Inf";
        total += atomic_load(&s->bucket[b]);
        if (b < METRIC_BUCKETS) {
            if (m->bounds[b] <= 0) continue;
            snprintf(le, sizeof le, "%g", m->bounds[b]);
        }
        buf_addf(out, "%s_bucket", m->name);
        write_labels(m, value, le, out);
        buf_addf(out, " %llu\n", (unsigned long long)total);
    }
    buf_addf(out, "%s_sum", m->name);
    write_labels(m, value, NULL, out);
    buf_addf(out, " %.9g\n%s_count", atomic_load(&s->sum), m->name);
    write_labels(m, value, NULL, out);
    buf_addf(out, " %llu\n", (unsigned long long)total);
}

void metric_write(const struct metric *m, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
    for (int i = 0; i < METRIC_SERIES; i++) {
        const struct metric_series *s = &m->series[i];
        const char *value = atomic_load_explicit(&s->value, memory_order_acquire);
        if (!value) {
            if (i == 0 && !m->label && m->kind != METRIC_KIND_HISTOGRAM) buf_addf(out, "%s 0\n", m->name);
            break;
        }
        if (m->kind == METRIC_KIND_HISTOGRAM) {
            write_histogram(m, s, value, out);
            continue;
        }
        buf_addz(out, m->name);
        write_labels(m, value, NULL, out);
        if (m->kind == METRIC_KIND_GAUGE)
            buf_addf(out, " %.17g\n", atomic_load(&s->sum));
        else
            buf_addf(out, " %llu\n", (unsigned long long)atomic_load(&s->count));
    }
}
