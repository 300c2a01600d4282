/* The module: what rank/ adds to the program. */
#include "rank/rank_internal.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/module.h"
#include "metric/metric.h"
#include "store/store.h"

/* feedback: what became of an answer. Nothing in it concerns a person: `answer` is a part of the attribution token's
 * MAC, which is made anew for every answer. */
const struct migration rank_migrations[] = {
    {"ops", 1,
     "CREATE TABLE feedback ("
     " answer TEXT NOT NULL, product TEXT NOT NULL, event TEXT NOT NULL, kind TEXT NOT NULL,"
     " position INTEGER NOT NULL, generation INTEGER NOT NULL, answered_ms INTEGER NOT NULL, at_ms INTEGER NOT "
     "NULL,"
     " PRIMARY KEY (answer, product, event));"
     "CREATE INDEX feedback_at ON feedback (at_ms);"},
    {0}};

static const struct config_key config[] = {
    {"attribution_lasts", CONFIG_DURATION_MS, "30d", 60000, 365.0 * 86400000,
     "How long after an answer its products may be reported as seen, bought or liked."},
    {0}};

static struct metric searches =
    METRIC_COUNTER("penderie_searches_total", "Searches answered, by what was asked with.", "kind");
static struct metric empty =
    METRIC_COUNTER("penderie_searches_empty_total", "Searches that found nothing.", NULL);
static struct metric corrected =
    METRIC_COUNTER("penderie_searches_corrected_total", "Searches whose spelling was put right.", NULL);
static struct metric seconds =
    METRIC_SECONDS("penderie_search_seconds", "Time of a search, without reading the picture.", "kind");
static struct metric stages = METRIC_SECONDS(
    "penderie_answer_stage_seconds",
    "Time of each stage of an answer: decode and infer (of a photo), search, and write (the answer itself).",
    "stage");
static struct metric feedback = METRIC_COUNTER("penderie_feedback_total", "Feedback taken, by event.", "event");
static struct metric generation =
    METRIC_GAUGE("penderie_snapshot_generation", "Generation of the catalogue being searched.", NULL);
static struct metric products = METRIC_GAUGE("penderie_snapshot_products", "Products in the snapshot.", NULL);
static struct metric loaded = METRIC_GAUGE("penderie_snapshot_loaded_timestamp_seconds",
                                           "When the snapshot was loaded (Unix time).", NULL);
static struct metric *const metrics[] = {&searches, &empty,      &corrected, &seconds, &stages,
                                         &feedback, &generation, &products,  &loaded,  NULL};

void rank_note_search(const struct rank_query *q, const struct rank_answer *answer, int64_t us)
{
    bool picture = q->picture || q->seen;
    const char *kind = picture && q->text.n ? "mixed"
                       : picture            ? "picture"
                       : q->similar_to.n    ? "similar"
                       : q->text.n          ? "text"
                                            : "browse";
    metric_add(&searches, answer ? kind : "failed", 1);
    if (answer && answer->n == 0) metric_add(&empty, NULL, 1);
    if (answer && answer->corrected.p) metric_add(&corrected, NULL, 1);
    metric_observe(&seconds, kind, (double)us / 1e6);
}

int64_t rank_note_stage(const char *stage, int64_t since_us)
{
    int64_t now = clock_mono_us();
    metric_observe(&stages, stage, (double)(now - since_us) / 1e6);
    return now;
}

void rank_note_snapshot(int64_t gen, size_t count, int64_t at_ms)
{
    metric_set(&generation, NULL, (double)gen);
    metric_set(&products, NULL, (double)count);
    metric_set(&loaded, NULL, (double)at_ms / 1000);
}

void rank_note_feedback(const char *event) { metric_add(&feedback, event, 1); }

const struct module rank_module = {.name = "rank",
                                   .config = config,
                                   .migrations = rank_migrations,
                                   .metrics = metrics,
                                   .routes = rank_routes,
                                   .schemas = rank_schemas};
