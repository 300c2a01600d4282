/*
 * Rate limits: so many requests of a client in each minute, shared by all processes on one ops store.
 *
 * No request ever waits for the store. A process counts in memory; when it has counted a block (a sixteenth of the
 * quota) that it has not reported, its timer adds it to the store and learns what the others have reported. Most
 * clients never fill a block, so most requests never cause a write.
 *
 * Error bound: with P processes a client gets at least the quota, and at most the quota plus (P - 1) times (a block
 * + what one process answers it within one tick). One process alone is exact. What a killed process had not
 * reported, less than a block a client and tick, is forgotten.
 *
 * Threading: any thread; entries are guarded by striped locks, the store is touched by limiter_tick() alone.
 */
#ifndef HTTP_LIMIT_H
#define HTTP_LIMIT_H

#include "base/err.h"
#include "base/str.h"

struct limiter;
struct store;

enum { LIMIT_WINDOW_S = 60, LIMIT_BLOCKS = 16 };

struct limit_state {
    int64_t left, reset_s;
};

/* ops: borrowed; NULL: this process alone. */
enum rc limiter_create(struct store *ops, struct limiter **out, struct err *err) MUST_USE;
void limiter_destroy(struct limiter *l); /* reports what is not yet reported */
/* Counts one request of `policy` by `key`; false when the quota is used up. */
bool limiter_take(struct limiter *l, const char *policy, struct str key, int64_t quota,
                  struct limit_state *state);
/* Called every 200 ms or so by one thread. */
enum rc limiter_tick(struct limiter *l, struct err *err) MUST_USE;
#endif
