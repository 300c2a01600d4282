/*
 * What the access log records of one access (privacy/audit.h keeps the log). It stands here so that folders below
 * privacy can report as well: through app->audit.
 */
#ifndef BASE_AUDIT_H
#define BASE_AUDIT_H

#include "base/str.h"

struct audit_event {
    struct str who;         /* account id; STR_NONE: anonymous or the system itself */
    unsigned roles;         /* of enum http_role */
    const char *what;       /* operation: "photo.read", "account.erase", "session.start" */
    struct str object;      /* id of what was touched, stored as a pseudonym; may be STR_NONE */
    const char *result;     /* "ok", "refused", "failed" */
    const char *request_id; /* NULL: none */
};
#endif
