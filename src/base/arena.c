#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 10 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

static void free_from(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_release(struct arena *a)
{
    free_from(a->blocks);
    a->blocks = NULL;
    a->used_bytes = 0;
}

void arena_reset(struct arena *a)
{
    if (!a->blocks) return;
    free_from(a->blocks->next);
    a->blocks->next = NULL;
    memset(a->blocks->data, 0, a->blocks->used);
    a->blocks->used = 0;
    a->used_bytes = a->blocks->size;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    if (n > SIZE_MAX / 2) return NULL;
    n = (n + align - 1) & ~(align - 1);
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < n) {
        size_t size = n > BLOCK_BYTES / 4 ? n : BLOCK_BYTES;
        if (size > a->max_bytes - a->used_bytes) {
            size = n; /* near the cap, only what is needed */
            if (size > a->max_bytes - a->used_bytes) return NULL;
        }
        b = calloc(1, sizeof *b + size);
        if (!b) return NULL;
        b->size = size;
        a->used_bytes += size;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(a, n);
}

char *arena_strz(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (p && s.n) memcpy(p, s.p, s.n);
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_strz(a, s);
    return p ? (struct str){p, s.n} : STR_NONE;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}
