/* A form: the first line of the input is the Content-Type, the rest the body. Parts lie inside the body. */
#include "http/multipart.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = ARENA_INIT(1 << 20);
    struct str all = {(const char *)data, n}, body = all, type = str_split(&body, '\n');
    const struct http_part *parts;
    size_t count;
    if (!body.p) body = STR("");
    char *copy = malloc(body.n ? body.n : 1);
    if (!copy) return 0;
    memcpy(copy, body.p, body.n);
    body.p = copy;
    if (!multipart_parse(type, body, &arena, &parts, &count, NULL)) {
        if (count > MULTIPART_MAX_PARTS) abort();
        for (size_t i = 0; i < count; i++) {
            const struct http_part *p = &parts[i];
            if (!p->name.p || p->data.p < copy || p->data.p + p->data.n > copy + body.n) abort();
        }
    }
    free(copy);
    arena_release(&arena);
    return 0;
}
