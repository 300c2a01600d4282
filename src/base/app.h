/*
 * What a running Penderie consists of. `serve` fills all of it, the other commands what they need; a
 * part that was not opened is NULL. Borrowed by all modules between their start() and stop().
 */
#ifndef BASE_APP_H
#define BASE_APP_H

#include "base/err.h"

struct audit_event; /* base/audit.h */
struct config;
struct http_principal;
struct http_request;
struct module;

struct app {
    struct config *config;
    const char *data_dir;  /* the folder of everything this house keeps */
    struct store *catalog; /* products, pictures, embeddings: nothing about persons */
    struct store *ops;     /* jobs, rate limits, idempotency keys, attribution, feedback */
    struct blob *blobs;    /* pictures */
    /* What is known of persons, in stores that cannot be joined without the vault: each names a person by
     * vault_pseudonym() of its own domain, identity alone by the account's id. */
    struct store *identity; /* accounts, sessions, API keys */
    struct store *wardrobe; /* photos' records, pieces, preferences, all sealed */
    struct store *activity; /* events and feedback, times rounded to the hour */
    struct store *reg;      /* the store "register": consents, access log, receipts of erasures */
    struct blob *photos;    /* their photos, sealed; what a name means stands in wardrobe */
    struct vault *vault;
    struct infer *model;
    struct rank *rank;           /* the current snapshot and searches over it */
    struct queue *light, *heavy; /* workers for answers; heavy ones have an inference request each */
    /* Numbers for infer_*(): jobs and commands use job_worker .. job_worker + job_workers - 1; the
     * server's own workers have others, so that an import beside running requests meets nobody. */
    unsigned job_worker, job_workers;
    struct http_server *http;
    struct ident *ident; /* signing keys, issuers, revoked sessions in memory; serve only */
    /* Tells who asks (http_authenticate_fn); a module sets it in start(). NULL: the server's own, which knows only
     * anonymous clients and the staff's token. */
    enum rc (*authenticate)(struct http_request *rq, struct http_principal *out, struct err *err);
    /* Appends to the access log: privacy's audit_append, for folders below it. Durable when it returns; a failure must
     * fail the access it describes. NULL: no log is open. */
    enum rc (*audit)(struct app *app, const struct audit_event *e, struct err *err);
    /* Told of each call that is refused before a handler sees it (RC_UNAUTHENTICATED, RC_FORBIDDEN); runs on the
     * socket's thread and must not wait. NULL: nobody wants to know. */
    void (*refused)(const struct http_request *rq, enum rc why);
    const struct module *const *modules;
};

#endif
