/*
 * An arena: many small allocations that end together (one request, one job, one feed row). Not for
 * sharing between threads. Memory is zeroed and aligned for any type.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct arena {
    struct arena_block *blocks;
    size_t used_bytes, max_bytes;
};

#define ARENA_INIT(max) ((struct arena){NULL, 0, (max)})

void arena_release(struct arena *a); /* frees everything; usable again */
void arena_reset(struct arena *a);   /* frees all but the newest block, which is used again */
/* NULL when memory or max_bytes is used up. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t size); /* checks the multiplication */
/* A copy that ends in NUL. p is NULL on failure. */
struct str arena_str(struct arena *a, struct str s);
char *arena_strz(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
