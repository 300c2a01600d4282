/*
 * The access log: append-only, each line chained to the one before by HMAC-SHA-256 under a key of the vault; who (role,
 * pseudonym), what, which object (pseudonym), result, request id. In the store "register".
 *
 * audit_verify() finds any edited, dropped, inserted or reordered line, and a cut-off end: number and MAC of the last
 * line are kept, MACed, beside the vault's keys. Retention removes the oldest lines; their last one's MAC stays as the
 * anchor the rest begins from. Who can write both the store and the vault's folder can put both back to an older state:
 * note the head that `penderie audit verify` prints elsewhere, and give it back with --head.
 *
 * Alerts on abnormal access are raised from here (settings privacy_alert_*).
 *
 * Threading: any thread that may wait for the store. Lines that come at the same time share one commit.
 */
#ifndef PRIVACY_AUDIT_H
#define PRIVACY_AUDIT_H

#include "base/audit.h"
#include "base/err.h"
#include "base/str.h"

struct app;
struct buf;
struct http_request;

/* Durable when it returns. A failure must fail the access it describes. */
enum rc audit_append(struct app *app, const struct audit_event *e, struct err *err) MUST_USE;
/* The same with who, roles and request id of a request. */
enum rc audit_request(const struct http_request *rq, const char *what, struct str object, const char *result,
                      struct err *err) MUST_USE;

/* Remembers a call that was refused before any handler saw it (401, 403). Never waits; audit_flush_refused() writes
 * the lines, once a second. More than fit become one line that says how many. */
void audit_refused(const struct http_request *rq, enum rc why);
enum rc audit_flush_refused(struct app *app, struct err *err) MUST_USE;

struct audit_verdict {
    int64_t lines, first, last; /* of the log as it is; first and last 0: empty */
    int64_t bad;                /* number of the first line that is wrong or missing; 0: all is well */
    char why[160];
    char head[64]; /* "LAST:MAC", to be noted elsewhere */
};
/* RC_OK whenever it could be judged. `head`: one noted earlier, or NULL. */
enum rc audit_verify(struct app *app, const char *head, struct audit_verdict *out, struct err *err) MUST_USE;
/* Lines as JSON objects, one a line, from number `from` on, at most `most`; *next: where to go on, 0 at the end. */
enum rc audit_export(struct app *app, int64_t from, int64_t most, struct buf *out, int64_t *next,
                     struct err *err) MUST_USE;
#endif
