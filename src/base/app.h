/*
 * What a running Penderie consists of. `serve` fills all of it, the other commands what they need; a
 * part that was not opened is NULL. Borrowed by all modules between their start() and stop().
 */
#ifndef BASE_APP_H
#define BASE_APP_H

#include "base/err.h"

struct config;
struct module;

struct app {
    struct config *config;
    const char *data_dir;  /* the folder of everything this house keeps */
    struct store *catalog; /* products, pictures, embeddings: nothing about persons */
    struct store *ops;     /* jobs, rate limits, idempotency keys, attribution, feedback */
    struct blob *blobs;    /* pictures */
    struct infer *model;
    struct rank *rank;           /* the current snapshot and searches over it */
    struct queue *light, *heavy; /* workers for answers; heavy ones have an inference request each */
    /* Numbers for infer_*(): jobs and commands use job_worker .. job_worker + job_workers - 1; the
     * server's own workers have others, so that an import beside running requests meets nobody. */
    unsigned job_worker, job_workers;
    struct http_server *http;
    const struct module *const *modules;
};

#endif
