#include "rank/rank_internal.h"

#include "base/module.h"
#include "metric/metric.h"

static struct metric searches = METRIC_COUNTER("penderie_searches_total", "Searches answered, by what was asked with.", "kind");
static struct metric empty = METRIC_COUNTER("penderie_searches_empty_total", "Searches that found nothing.", NULL);
static struct metric seconds = METRIC_SECONDS("penderie_search_seconds", "Time of a search, without reading the picture.", "kind");
static struct metric generation = METRIC_GAUGE("penderie_snapshot_generation", "Generation of the catalogue being searched.", NULL);
static struct metric products = METRIC_GAUGE("penderie_snapshot_products", "Products in the snapshot.", NULL);
static struct metric loaded = METRIC_GAUGE("penderie_snapshot_loaded_timestamp_seconds", "When the snapshot was loaded (Unix time).", NULL);
static struct metric *const metrics[] = {&searches, &empty, &seconds, &generation, &products, &loaded, NULL};

void rank_note_search(const struct rank_query *q, const struct rank_answer *answer, int64_t us)
{
    const char *kind = q->picture && q->text.n ? "mixed" : q->picture ? "picture" : q->similar_to.n ? "similar" : "text";
    metric_add(&searches, answer ? kind : "failed", 1);
    if (answer && answer->n == 0) metric_add(&empty, NULL, 1);
    metric_observe(&seconds, kind, (double)us / 1e6);
}

void rank_note_snapshot(int64_t gen, size_t count, int64_t at_ms)
{
    metric_set(&generation, NULL, (double)gen);
    metric_set(&products, NULL, (double)count);
    metric_set(&loaded, NULL, (double)at_ms / 1000);
}

const struct module rank_module = {.name = "rank", .metrics = metrics};
