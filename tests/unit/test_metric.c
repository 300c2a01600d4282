#include "unit/test.h"

#include "metric/metric.h"

#include <pthread.h>

static struct metric answers = METRIC_COUNTER("answers_total", "Answers.", "code");
static struct metric depth = METRIC_GAUGE("depth", "Waiting.", NULL);
static struct metric seconds = METRIC_SECONDS("seconds", "Time.", "route");
static struct metric crowded = METRIC_COUNTER("crowded_total", "Many.", "who");
static struct metric plain = METRIC_COUNTER("plain_total", "Never touched.", NULL);

static void *add_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++) {
        metric_add(&answers, i % 2 ? "200" : "404", 1);
        metric_observe(&seconds, "/x", .02);
    }
    return NULL;
}

static void threads_count_exactly(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, add_many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(metric_get(&answers, "200") == 20000);
    assert_true(metric_get(&answers, "404") == 20000);
    assert_true(metric_get(&seconds, "/x") == 40000);
}

static void label_values_are_bounded(void **state)
{
    (void)state;
    char who[20];
    for (int i = 0; i < 1000; i++) {
        snprintf(who, sizeof who, "w%d", i);
        metric_add(&crowded, who, 1);
    }
    assert_true(metric_get(&crowded, "w0") == 1);
    assert_true(metric_get(&crowded, "other") == 1000 - (METRIC_SERIES - 1));
}

static void the_text_is_prometheus(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100000);
    metric_set(&depth, NULL, 2.5);
    metric_add(&answers, "a\"b\\c\nd", 3);
    metric_write(&depth, &b);
    metric_write(&answers, &b);
    metric_write(&seconds, &b);
    metric_write(&plain, &b);
    assert_non_null(strstr(b.p, "# TYPE depth gauge\ndepth 2.5\n"));
    assert_non_null(strstr(b.p, "answers_total{code=\"a\\\"b\\\\c\\nd\"} 3\n"));
    assert_non_null(strstr(b.p, "seconds_bucket{route=\"/x\",le=\"0.01\"} 0\n"));
    assert_non_null(strstr(b.p, "seconds_bucket{route=\"/x\",le=\"0.02\"} 40000\n"));
    assert_non_null(strstr(b.p, "seconds_bucket{route=\"/x\",le=\"+Inf\"} 40000\n"));
    assert_non_null(strstr(b.p, "seconds_count{route=\"/x\"} 40000\n"));
    assert_non_null(strstr(b.p, "plain_total 0\n"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_count_exactly),
        cmocka_unit_test(label_values_are_bounded),
        cmocka_unit_test(the_text_is_prometheus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
