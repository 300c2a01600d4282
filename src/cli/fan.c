#include "cli/fan.h"

#include "base/queue.h"
#include "cli/cli.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 128, MAX_LINE_BYTES = 4 << 20 };

struct slot {
    struct state *state;
    size_t index;
    struct buf line;
    struct err err;
    bool done;
};

struct state { /* lock guards slot.done alone: a slot belongs to one side at a time */
    const struct cli_fan *fan;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    size_t failed;
    struct slot slots[WINDOW];
};

static void work(void *task, unsigned worker)
{
    struct slot *slot = task;
    const struct cli_fan *fan = slot->state->fan;
    enum rc rc = fan->work(fan->ctx, slot->index, worker, &slot->line, &slot->err);
    if (rc) slot->err.code = rc;
    pthread_mutex_lock(&slot->state->lock);
    slot->done = true;
    pthread_cond_broadcast(&slot->state->finished);
    pthread_mutex_unlock(&slot->state->lock);
}

static void print(struct state *s, struct slot *slot)
{
    pthread_mutex_lock(&s->lock);
    while (!slot->done)
        pthread_cond_wait(&s->finished, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (slot->err.code) {
        s->failed++;
        cli_complain(s->fan->command, s->fan->name(s->fan->ctx, slot->index), slot->err.message);
    }
    fwrite(slot->line.p, 1, slot->line.n, stdout);
}

static enum rc run(struct state *s, struct queue *workers, struct err *err)
{
    struct cli_progress progress = {0};
    size_t pushed = 0, printed = 0, n = s->fan->n;
    enum rc rc = RC_OK;
    if (!isatty(STDOUT_FILENO)) cli_progress_start(&progress, s->fan->command, (int64_t)n);
    while (printed < pushed || (!rc && pushed < n && !cli_interrupted())) {
        while (!rc && pushed < n && pushed - printed < WINDOW && !cli_interrupted()) {
            struct slot *slot = &s->slots[pushed % WINDOW];
            buf_reset(&slot->line);
            slot->index = pushed;
            slot->err = (struct err){0};
            slot->done = false;
            rc = queue_push_wait(workers, work, slot, err);
            if (!rc) pushed++;
        }
        if (printed == pushed) break;
        print(s, &s->slots[printed % WINDOW]);
        cli_progress_set(&progress, (int64_t)++printed);
    }
    cli_progress_end(&progress);
    if (!rc && fflush(stdout)) rc = err_errno(err, "the answers cannot be written");
    if (!rc && cli_interrupted()) rc = err_set(err, RC_STOPPED, "interrupted after %zu of %zu", printed, n);
    if (!rc && s->failed) rc = err_set(err, RC_UNPROCESSABLE, "%zu of %zu failed", s->failed, n);
    return rc;
}

enum rc cli_fan_run(const struct cli_fan *fan, struct err *err)
{
    struct queue *workers = NULL;
    struct state *s = calloc(1, sizeof *s);
    if (!s) return err_set(err, RC_NOMEM, "out of memory");
    s->fan = fan;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->finished, NULL);
    for (size_t i = 0; i < WINDOW; i++) {
        s->slots[i].state = s;
        s->slots[i].line = BUF_INIT(MAX_LINE_BYTES);
    }
    enum rc rc = queue_create(fan->command, fan->workers, WINDOW, &workers, err);
    if (!rc) rc = run(s, workers, err);
    queue_destroy(workers);
    for (size_t i = 0; i < WINDOW; i++)
        buf_release(&s->slots[i].line);
    pthread_cond_destroy(&s->finished);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return rc;
}
