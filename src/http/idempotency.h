/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a write that is sent again, because the answer was
 * lost, gives the first answer again instead of a second effect. Answers are kept for 24 hours in the ops store,
 * under the key together with who asks (an account, or for anonymous clients their address) and the operation.
 *
 * A process that dies in the middle leaves a running entry. Whoever comes next with the key takes it over when its
 * process is gone (same machine) or its lease has run out (another machine): the operation is then carried out
 * again. So the promise is: exactly once when nothing crashes, at least once across a crash between the
 * operation's own commit and the entry's. An operation that must do better derives its record's id from
 * rq->idempotency.
 *
 * Threading: any thread that may wait for the store.
 */
#ifndef HTTP_IDEMPOTENCY_H
#define HTTP_IDEMPOTENCY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct store;

enum { IDEMPOTENCY_HOURS = 24, IDEMPOTENCY_KEY_MAX = 255 };

struct idempotent_answer {
    int status;
    struct str type, headers, body; /* headers: "Name: value\n" ... */
};

struct idempotency {
    struct store *store;
    const char *instance; /* idempotency_instance() of this process */
    uint8_t key[32];      /* keyed hash of principal, operation and key */
    uint8_t body[32];     /* keyed hash of the request's body and parameters */
    uint8_t
        seal[32]; /* seals the answer; derived from the client's key, which is kept nowhere: only the client who
                           * sends it again can have the answer again */
};

/* "boot:pid:start" of this process: tells the living from the dead on one machine. */
void idempotency_instance(char out[static 96]);
/* The header's value: a quoted string or a bare token of 1 to 255 visible characters; STR_NONE otherwise. */
struct str idempotency_key(struct str header);

/* RC_OK, *replay false: carry it out, then call _end or _forget. RC_OK, *replay true: answer `a` (in the arena).
 * RC_CONFLICT: it is being carried out right now. RC_UNPROCESSABLE: the key came with another request before. */
enum rc idempotency_begin(const struct idempotency *i, int64_t lease_ms, struct arena *arena, bool *replay,
                          struct idempotent_answer *a, struct err *err) MUST_USE;
enum rc idempotency_end(const struct idempotency *i, const struct idempotent_answer *a,
                        struct err *err) MUST_USE;
enum rc idempotency_forget(const struct idempotency *i, struct err *err) MUST_USE;
enum rc idempotency_clean(struct store *store, struct err *err) MUST_USE; /* drops what is older than a day */
#endif
