#include "base/queue.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * One mutex guards everything in struct queue. `not_empty` wakes workers, `not_full` those waiting in
 * queue_push_wait, `idle` those in queue_drain. Tasks run with the mutex released.
 */
struct item {
    queue_fn fn;
    void *task;
};

struct worker {
    struct queue *queue;
    pthread_t thread;
    unsigned number;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full, idle;
    struct item *ring;
    size_t capacity, head, waiting, running;
    bool stopping;
    unsigned workers;
    struct worker worker[];
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct queue *q = w->queue;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        while (!q->waiting && !q->stopping)
            pthread_cond_wait(&q->not_empty, &q->lock);
        if (!q->waiting) break;
        struct item item = q->ring[q->head];
        q->head = (q->head + 1) % q->capacity;
        q->waiting--;
        q->running++;
        pthread_cond_signal(&q->not_full);
        pthread_mutex_unlock(&q->lock);
        item.fn(item.task, w->number);
        pthread_mutex_lock(&q->lock);
        q->running--;
        if (!q->waiting && !q->running) pthread_cond_broadcast(&q->idle);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

enum rc queue_create(const char *name, unsigned workers, size_t capacity, struct queue **out, struct err *err)
{
    ASSERT(workers >= 1 && workers <= 256 && capacity >= 1);
    *out = NULL;
    struct queue *q = calloc(1, sizeof *q + workers * sizeof q->worker[0]);
    if (q) q->ring = calloc(capacity, sizeof *q->ring);
    if (!q || !q->ring) {
        free(q);
        return err_set(err, RC_NOMEM, "out of memory");
    }
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->not_empty, NULL);
    pthread_cond_init(&q->not_full, NULL);
    pthread_cond_init(&q->idle, NULL);
    q->capacity = capacity;
    for (; q->workers < workers; q->workers++) {
        struct worker *w = &q->worker[q->workers];
        w->queue = q;
        w->number = q->workers;
        if (pthread_create(&w->thread, NULL, work, w)) {
            queue_destroy(q);
            return err_set(err, RC_NOMEM, "cannot start a thread for %s", name);
        }
        char short_name[16];
        snprintf(short_name, sizeof short_name, "%.10s-%u", name, w->number % 1000);
        pthread_setname_np(w->thread, short_name);
    }
    *out = q;
    return RC_OK;
}

void queue_destroy(struct queue *q)
{
    if (!q) return;
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->lock);
    for (unsigned i = 0; i < q->workers; i++)
        pthread_join(q->worker[i].thread, NULL);
    pthread_cond_destroy(&q->idle);
    pthread_cond_destroy(&q->not_full);
    pthread_cond_destroy(&q->not_empty);
    pthread_mutex_destroy(&q->lock);
    free(q->ring);
    free(q);
}

static enum rc push(struct queue *q, queue_fn fn, void *task, bool wait, struct err *err)
{
    enum rc rc = RC_OK;
    pthread_mutex_lock(&q->lock);
    while (wait && q->waiting == q->capacity && !q->stopping)
        pthread_cond_wait(&q->not_full, &q->lock);
    if (q->stopping) {
        rc = err_set(err, RC_STOPPED, "shutting down");
    } else if (q->waiting == q->capacity) {
        rc = err_set(err, RC_BUSY, "too much work is waiting; try again shortly");
    } else {
        q->ring[(q->head + q->waiting++) % q->capacity] = (struct item){fn, task};
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    return rc;
}

enum rc queue_push(struct queue *q, queue_fn fn, void *task, struct err *err)
{
    return push(q, fn, task, false, err);
}

enum rc queue_push_wait(struct queue *q, queue_fn fn, void *task, struct err *err)
{
    return push(q, fn, task, true, err);
}

void queue_drain(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->waiting || q->running)
        pthread_cond_wait(&q->idle, &q->lock);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_waiting(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->waiting;
    pthread_mutex_unlock(&q->lock);
    return n;
}

unsigned queue_workers(const struct queue *q) { return q->workers; }
