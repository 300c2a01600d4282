/*
 * A bounded queue with its own worker threads. Pushing never blocks: a full queue answers RC_BUSY, and
 * the caller tells its client to come back (503, Retry-After). Tasks run in the order pushed.
 *
 * Threading: every function may be called from any thread; a task runs on one worker, with that
 * worker's number (0 .. workers-1), so that per-worker resources (an inference request, a scratch
 * buffer) need no lock.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/err.h"

#include <stddef.h>

struct queue;
typedef void (*queue_fn)(void *task, unsigned worker);

/* Starts `workers` (1 to 256) threads named `name`. `capacity` counts waiting tasks, running ones not. */
enum rc queue_create(const char *name, unsigned workers, size_t capacity, struct queue **out,
                     struct err *err) MUST_USE;
/* Waits until all pushed tasks have run, then ends the threads. NULL is fine. */
void queue_destroy(struct queue *q);
/* RC_BUSY when full, RC_STOPPED when being destroyed: then `fn` is never called. */
enum rc queue_push(struct queue *q, queue_fn fn, void *task, struct err *err) MUST_USE;
/* As queue_push, but waits for room: for producers that are themselves the limit (an import). */
enum rc queue_push_wait(struct queue *q, queue_fn fn, void *task, struct err *err) MUST_USE;
void queue_drain(struct queue *q); /* returns when nothing is waiting or running */
size_t queue_waiting(struct queue *q);
unsigned queue_workers(const struct queue *q);
#endif
