/*
 * Background jobs, kept in the "ops" store: any process that serves the house may run any of them, and
 * takes over what another left when it died. A module registers a handler for its kind of job; others
 * enqueue; the workers started by job_module run the handlers.
 *
 * A worker holds a lease on the job it runs and renews it; a lease that ran out (the process crashed, or
 * the machine went to sleep) lets another worker start the job again, with the same payload and a higher
 * attempt. So a handler must be able to run again from the start, doing over only what is not done yet. A
 * handler that is told job_cancelled() returns RC_STOPPED soon.
 *
 * States: queued -> running -> done | failed | cancelled. At shutdown a running job goes back to queued.
 *
 * Threading: every function may be called from any thread; `struct job` belongs to its handler, and may
 * be handed to the handler's own threads.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

struct app;
struct buf;
struct jval;
struct module;
struct job;

extern const struct module job_module;

enum {
    JOB_ID_BYTES = 37, /* a UUID of version 7 (RFC 9562) with its NUL: sorts by creation */
    JOB_MAX_PAYLOAD_BYTES = 1 << 20,
    JOB_MAX_RESULT_BYTES = 1 << 16
};

/* Runs one job. Leaves a JSON value in `result` (nothing: null). RC_STOPPED after job_cancelled(); RC_BUSY:
 * run again later; other failures end the job as failed, with err's message for the operator. */
typedef enum rc (*job_handler)(struct app *app, struct job *job, struct buf *result, struct err *err);

struct job_kind {
    const char *name; /* [a-z_]+: "import" */
    job_handler run;
    int max_attempts; /* of starts, crashes included, before it counts as failed; 0: 5 */
};

/* `kind` is borrowed until job_unregister(), which asks running jobs of the kind to stop (they are queued
 * again) and waits for them: a module registers in its start() and unregisters in its stop(). */
void job_register(const struct job_kind *kind);
void job_unregister(const struct job_kind *kind);

struct job_request {
    const char *kind;   /* need not be registered in this process */
    struct str payload; /* a JSON value, copied; p NULL: {} */
    int priority;       /* higher ones first; equal ones in order of creation */
    const char *key;    /* while a job of this kind and key is queued or running, no second one is made;
                           * NULL: no such limit */
};
/* Makes the job durable and wakes a worker; `id` gets its id, or that of the one with the same key.
 * RC_INVALID for a payload that is not JSON, RC_TOO_LARGE. */
enum rc job_enqueue(struct store *ops, const struct job_request *request, char id[static JOB_ID_BYTES],
                    struct err *err) MUST_USE;
/* The same as part of the caller's transaction; a worker sees it within half a second of the commit. */
enum rc job_enqueue_in(struct store_tx *tx, const struct job_request *request, char id[static JOB_ID_BYTES],
                       struct err *err) MUST_USE;

/* Asks for the end of a job: a queued one is cancelled at once, a running one when its handler notices.
 * RC_NOT_FOUND; RC_CONFLICT when it has ended already. */
enum rc job_cancel(struct store *ops, const char *id, struct err *err) MUST_USE;

struct job_summary {
    char kind[64], state[16];
    int64_t created_ms;
};
/* RC_NOT_FOUND. */
enum rc job_look_up(struct store *ops, const char *id, struct job_summary *out, struct err *err) MUST_USE;
/* Calls `each` for every job of the kind that is queued or running; id and payload are borrowed for the call. */
typedef enum rc (*job_each_fn)(void *ctx, struct str id, const struct jval *payload, struct err *err);
enum rc job_each_active(struct store *ops, const char *kind, job_each_fn each, void *ctx,
                        struct err *err) MUST_USE;

/* For handlers. */
const char *job_id(const struct job *job);
const struct jval *job_payload(const struct job *job); /* borrowed */
int job_attempt(const struct job *job);                /* 1 at the first start */
/* total 0: unknown. `stage` is copied (63 bytes), a word or two for people. Cheap: written to the store
 * about once a second by another thread. */
void job_progress(struct job *job, int64_t done, int64_t total, const char *stage);
/* True: stop soon, for the job was cancelled, the process ends, or the lease was lost. Cheap. */
bool job_cancelled(const struct job *job);

#endif
