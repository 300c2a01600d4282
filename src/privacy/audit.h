/*
 * The access log: append-only, each line chained to the one before by HMAC-SHA-256 under the vault's key "audit"; who
 * (role, pseudonym), what, which object (pseudonym), result, request id. In the store "register".
 * `penderie audit verify` finds any edited, dropped or reordered line, a cut-off end included (the head is kept, MACed, in the
 * vault). Alerts on abnormal access are raised from here.
 */
#ifndef PRIVACY_AUDIT_H
#define PRIVACY_AUDIT_H

#include "base/audit.h"
#include "base/err.h"
#include "base/str.h"

struct app;
struct http_request;

/* Durable when it returns. A failure must fail the access it describes. */
enum rc audit_append(struct app *app, const struct audit_event *e, struct err *err) MUST_USE;
/* The same with who, roles and request id of a request. */
enum rc audit_request(const struct http_request *rq, const char *what, struct str object, const char *result,
                      struct err *err) MUST_USE;
#endif
