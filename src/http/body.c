/*
 * The body of a request while it arrives: on the heap up to BODY_HEAP bytes, doubling, and in an anonymous mapping
 * above, which goes back to the system at once and whole. Never on the disk: a shopper's photo would lie there in
 * clear. What bodies take together is bounded by the setting http_upload_memory; each reserves what it has needed so
 * far, so that many clients that have only begun do not keep out one that sends.
 */
#include "http/internal.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { BODY_FIRST = 16 << 10, BODY_HEAP = 1 << 20, BODY_STEP = 256 << 10 };

/* Counts `bytes` for this body, in all, against the budget. */
static enum rc reserve(struct http_conn *c, size_t bytes)
{
    int64_t more = (int64_t)bytes - c->reserved_bytes;
    if (more <= 0) return RC_OK;
    int64_t all = atomic_fetch_add(&c->server->upload_bytes, more) + more;
    c->reserved_bytes += more;
    if (all <= c->settings->upload_memory_bytes) return RC_OK;
    return err_set(&c->err, RC_BUSY, "too many uploads at once");
}

static enum rc grow_heap(struct http_conn *c, size_t need)
{
    size_t cap = c->body_cap ? c->body_cap : BODY_FIRST;
    while (cap < need)
        cap *= 2;
    enum rc rc = reserve(c, cap);
    if (rc) return rc;
    char *p = realloc(c->body, cap);
    if (!p) return err_set(&c->err, RC_NOMEM, "out of memory");
    c->body = p;
    c->body_cap = cap;
    return RC_OK;
}

/* Address space for the largest body: the system gives memory for what is written. */
static enum rc move_to_mapping(struct http_conn *c)
{
    char *p =
        mmap(NULL, c->body_max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return err_set(&c->err, RC_NOMEM, "out of memory");
    if (c->body_n) memcpy(p, c->body, c->body_n);
    free(c->body);
    c->body = p;
    c->body_cap = c->body_max;
    c->body_mapped = true;
    return RC_OK;
}

static enum rc make_room(struct http_conn *c, size_t need)
{
    if (need > c->body_max) return err_set(&c->err, RC_TOO_LARGE, "the body may have %zu bytes", c->body_max);
    if (need <= BODY_HEAP) return need <= c->body_cap ? RC_OK : grow_heap(c, need);
    enum rc rc = reserve(c, (need + BODY_STEP - 1) / BODY_STEP * BODY_STEP);
    return rc || c->body_mapped ? rc : move_to_mapping(c);
}

enum rc body_add(struct http_conn *c, const char *data, size_t n)
{
    enum rc rc = make_room(c, c->body_n + n);
    if (rc) return rc;
    memcpy(c->body + c->body_n, data, n);
    c->body_n += n;
    return RC_OK;
}

void body_release(struct http_conn *c)
{
    if (c->body_mapped)
        munmap(c->body, c->body_cap);
    else
        free(c->body);
    atomic_fetch_sub(&c->server->upload_bytes, c->reserved_bytes);
    c->body = NULL;
    c->body_n = c->body_cap = 0;
    c->body_mapped = false;
    c->reserved_bytes = 0;
}
