/* Any request target: what is decoded is UTF-8 without zero bytes, and nothing reads past the end. */
#include "http/router.h"
#include "http/uri.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(struct str s)
{
    if (!str_utf8_valid(s)) abort();
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = ARENA_INIT(1 << 20);
    struct uri uri;
    char *exact = malloc(n + 1); /* without a NUL behind it: an overrun is seen */
    if (!exact) return 0;
    memcpy(exact, data, n);
    char *target = realloc(exact, n ? n : 1);
    if (!uri_parse((struct str){target, n}, &arena, &uri, NULL)) {
        for (size_t i = 0; i < uri.n_segments; i++)
            check(uri.segments[i]);
        for (size_t i = 0; i < uri.n_query; i++) {
            check(uri.query[i].name);
            check(uri.query[i].value);
        }
    }
    free(target);
    arena_release(&arena);
    return 0;
}
