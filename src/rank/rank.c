#include "rank/rank.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/module.h"
#include "base/proc.h"
#include "crypt/crypt.h"
#include "infer/vision.h"
#include "lang/text.h"
#include "rank/rank_internal.h"
#include "rank/search.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Sales that begin or end need another snapshot; where every product has its own moment, one in this time does. */
enum { LEAST_AGE_MS = 10 * 1000 };

/*
 * Threading: `current` is read and replaced under `lock`, which is held for the length of a pointer copy and a
 * count; a search keeps its own reference and so never waits for a snapshot being built, nor the builder for
 * searches. Only one thread at a time builds (`building`).
 */
struct rank {
    struct app *app;
    struct vocab *vocab;
    pthread_mutex_t lock, building;
    struct rank_snapshot *current;
    int64_t loaded_ms;
    uint8_t key[CRYPT_KEY_BYTES]; /* of attribution tokens */
};

struct rank_snapshot *rank_snapshot_now(struct rank *r)
{
    pthread_mutex_lock(&r->lock);
    struct rank_snapshot *s = rank_snapshot_retain(r->current);
    pthread_mutex_unlock(&r->lock);
    return s;
}

static enum rc on_row(const struct catalog_row *row, void *ctx, struct err *err)
{
    return rank_snapshot_row(ctx, row, err);
}

static enum rc on_offer(const struct catalog_offer *offer, void *ctx, struct err *err)
{
    return rank_snapshot_offer(ctx, offer, err);
}

/* Loads what the catalogue holds now, in one read transaction. */
static enum rc load(struct rank *r, struct rank_snapshot **out, struct err *err)
{
    struct store_tx *tx = NULL;
    struct rank_snapshot *s = NULL;
    size_t dim = r->app->model ? infer_dim(r->app->model) : 0;
    int64_t began = clock_mono_us();
    enum rc rc = store_begin(r->app->catalog, STORE_READ, &tx, err);
    if (!rc) rc = rank_snapshot_create(r->vocab, dim, &s, err);
    if (!rc) rc = catalog_generation(tx, &s->generation, s->model, err);
    if (!rc && dim && strcmp(s->model, infer_version(r->app->model)) != 0) {
        /* Embeddings of another model live in another space: better none than wrong ones. */
        if (*s->model)
            log_warn("rank",
                     "the catalogue was embedded by \"%s\", the model is \"%s\": searching without "
                     "pictures until it is imported again",
                     s->model, infer_version(r->app->model));
        s->dim = 0;
    }
    if (!rc) rc = catalog_each(tx, on_row, s, err);
    if (!rc) rc = rank_snapshot_seal(s, proc_processors(), err);
    int64_t now_ms = clock_now_ms();
    if (!rc) rc = catalog_each_offer(tx, now_ms, on_offer, s, err);
    if (!rc) rc = catalog_next_price_change(tx, now_ms, &s->prices_until_ms, err);
    store_rollback(tx);
    if (rc) {
        rank_snapshot_release(s);
        return rc;
    }
    log_debug("rank", "snapshot of generation %lld: %zu products in %lld ms", (long long)s->generation, s->n,
              (long long)(clock_mono_us() - began) / 1000);
    *out = s;
    return RC_OK;
}

enum rc rank_open(struct app *app, struct rank **out, struct err *err)
{
    char house[4096];
    struct rank *r = calloc(1, sizeof *r);
    if (!r) return err_set(err, RC_NOMEM, "no memory for the product snapshot");
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->building, NULL);
    r->app = app;
    snprintf(house, sizeof house, "%s/vocabulary", app->data_dir ? app->data_dir : ".");
    enum rc rc = vocab_open(NULL, app->data_dir ? house : NULL, &r->vocab, err);
    if (!rc && app->data_dir) rc = crypt_key_file(app->data_dir, "attribution", r->key, err);
    if (!rc) rc = load(r, &r->current, err);
    if (rc) {
        rank_close(r);
        return rc;
    }
    r->loaded_ms = clock_now_ms();
    rank_note_snapshot(r->current->generation, r->current->n, r->loaded_ms);
    *out = r;
    return RC_OK;
}

void rank_close(struct rank *r)
{
    if (!r) return;
    rank_snapshot_release(r->current);
    vocab_close(r->vocab);
    crypt_wipe(r->key, sizeof r->key);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->building);
    free(r);
}

enum rc rank_refresh(struct rank *r, bool *changed, struct err *err)
{
    struct store_tx *tx = NULL;
    int64_t generation = 0;
    char model[128];
    struct rank_snapshot *fresh = NULL;
    *changed = false;
    enum rc rc = store_begin(r->app->catalog, STORE_READ, &tx, err);
    if (!rc) rc = catalog_generation(tx, &generation, model, err);
    store_rollback(tx);
    if (rc) return rc;
    pthread_mutex_lock(&r->building);
    int64_t now_ms = clock_now_ms(); /* only a builder writes current */
    bool sales = now_ms >= r->current->prices_until_ms && now_ms - r->loaded_ms >= LEAST_AGE_MS;
    if (generation != r->current->generation || sales) rc = load(r, &fresh, err);
    if (fresh) {
        pthread_mutex_lock(&r->lock);
        struct rank_snapshot *old = r->current;
        r->current = fresh;
        r->loaded_ms = clock_now_ms();
        pthread_mutex_unlock(&r->lock);
        rank_note_snapshot(fresh->generation, fresh->n, r->loaded_ms);
        rank_snapshot_release(old);
        *changed = true;
    }
    pthread_mutex_unlock(&r->building);
    return rc;
}

enum rc rank_search(struct rank *r, const struct rank_query *q, struct arena *arena, struct rank_answer *out,
                    struct err *err)
{
    int64_t began = clock_mono_us();
    struct rank_snapshot *s = rank_snapshot_now(r);
    struct rank_scope scope = {r->vocab, s, r->app->model, r->app->catalog};
    enum rc rc = rank_search_in(&scope, q, arena, out, err);
    rank_snapshot_release(s);
    rank_note_search(q, rc ? NULL : out, clock_mono_us() - began);
    return rc;
}

const uint8_t *rank_key(const struct rank *r) { return r->key; }

const struct vocab *rank_vocab(const struct rank *r) { return r->vocab; }

size_t rank_suggest(struct rank *r, struct str text, const char *lang, struct arena *arena,
                    struct rank_suggestion *out, size_t cap)
{
    struct buf folded = BUF_INIT(512);
    struct str found[16];
    size_t n = 0;
    struct rank_snapshot *s = rank_snapshot_now(r);
    lang_fold(text, &folded);
    if (!folded.failed && folded.n) {
        size_t m = lang_suggest(r->vocab, buf_str(&folded), lang, arena, found, 8);
        for (size_t i = 0; i < m && n < cap; i++)
            out[n++] = (struct rank_suggestion){"words", found[i]};
        m = lang_dict_brands(s->dict, buf_str(&folded), found, 4);
        for (size_t i = 0; i < m && n < cap; i++) {
            struct str name = arena_str(arena, found[i]);
            if (name.p) out[n++] = (struct rank_suggestion){"brand", name};
        }
        struct lang_query *q = arena_alloc(arena, sizeof *q);
        if (q && n < cap && lang_understand(r->vocab, s->dict, text, arena, q, NULL) == RC_OK && q->corrected.p)
            out[n++] = (struct rank_suggestion){"correction", q->corrected};
    }
    buf_release(&folded);
    rank_snapshot_release(s);
    return n;
}

/* ---- what a reading says ---- */

static void add(struct rank_label *list, size_t *n, const char *name, float p)
{
    if (!name || p <= .01f) return;
    for (size_t i = 0; i < *n; i++)
        if (str_eqz(list[i].name, name)) {
            list[i].p += p;
            return;
        }
    if (*n < RANK_MAX_SEEN) list[(*n)++] = (struct rank_label){str_of(name), p};
}

void rank_see(const struct infer_reading *reading, struct rank_seen *out)
{
    *out = (struct rank_seen){.n_category = 0};
    for (size_t i = 0; i < reading->n_top; i++)
        add(out->category, &out->n_category, reading->top[i].name, reading->top[i].p);
    /* The model's colour is that of the thing as a retailer names it; the pixels fill what it leaves open. */
    float p = reading->colour.name ? reading->colour.p : 0;
    add(out->colour, &out->n_colour, reading->colour.name, p);
    for (size_t i = 0; i < reading->n_colours && reading->plain >= .5f; i++)
        add(out->colour, &out->n_colour, reading->colours[i].name, (1 - p) * reading->colours[i].share);
    add(out->gender, &out->n_gender, reading->gender.name, reading->gender.p);
    add(out->season, &out->n_season, reading->season.name, reading->season.p);
    add(out->style, &out->n_style, reading->style.name, reading->style.p);
}
