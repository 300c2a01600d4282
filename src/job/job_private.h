/* Between the files of this folder. */
#ifndef JOB_JOB_PRIVATE_H
#define JOB_JOB_PRIVATE_H

#include "http/http.h"
#include "job/job.h"

enum { JOB_DEFAULT_ATTEMPTS = 5 };

extern const struct migration job_migrations[];
extern const struct http_route job_routes[];
extern const struct http_schema job_schemas[];

/* Looks at the table at once instead of at the next poll, if this process has workers. */
void job_wake(void);

struct job_candidate {
    const struct job_kind *kind; /* NULL: nothing is waiting */
    char id[JOB_ID_BYTES];
    int64_t priority;
};
/* The job of these kinds that should run next: waiting, or left by a worker that died. */
enum rc job_find(struct store_tx *tx, const struct job_kind *const *kinds, size_t n, struct job_candidate *best,
                 struct err *err) MUST_USE;

struct job_taken {
    bool taken;
    struct jval *payload; /* the taker's */
    int attempt;
    int64_t created_ms, lease_until_ms;
};
/* Makes `owner` the one that runs it; not taken when another was quicker. Also ends jobs of its kind that
 * died too often, or were cancelled while their worker died. */
enum rc job_take(struct store *ops, const struct job_candidate *c, const char *owner, int64_t lease_ms,
                 struct job_taken *out, struct err *err) MUST_USE;
/* progress p NULL: unchanged. *mine false: the lease went to another; *cancel: somebody asked for its end. */
enum rc job_renew(struct store *ops, const char *id, const char *owner, int64_t lease_until_ms,
                  struct str progress, bool *mine, bool *cancel, struct err *err) MUST_USE;

struct job_outcome {
    const char *state;           /* "done", "failed", "cancelled", or "queued" to run again */
    struct str result, progress; /* JSON; p NULL: none, unchanged */
    const char *error;
    int64_t after_ms; /* for "queued": not before */
    int forgive;      /* 1: this start does not count as an attempt */
};
/* Does nothing when `owner` lost it. */
enum rc job_end(struct store *ops, const char *id, const char *owner, const struct job_outcome *o,
                struct err *err) MUST_USE;
/* Deletes what ended before that. */
enum rc job_forget(struct store *ops, int64_t before_ms, int64_t *n, struct err *err) MUST_USE;

#endif
