/* The first line is a schema, the second a JSON body for it; the second is also taken for a parameter. */
#include "base/jval.h"
#include "base/module.h"
#include "http/http.h"
#include "http/schema.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct http_schema shapes[] = {
    {"Thing",
     "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],\"properties\":{"
     "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":5,\"pattern\":\"^[a-z]+$\"},"
     "\"inner\":{\"$ref\":\"#/components/schemas/Thing\"},\"list\":{\"type\":\"array\",\"items\":{\"anyOf\":["
     "{\"type\":\"integer\",\"minimum\":2},{\"enum\":[\"a\",null]}]}},"
     "\"map\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}}}}"},
    {0}};
static const struct module module = {.name = "fuzz", .schemas = shapes};
static const struct module *const modules[] = {&module, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str body = {(const char *)data, n}, line = str_split(&body, '\n');
    struct schema_set *set;
    struct schema_faults faults = {.n = 0};
    const struct schema *s = NULL;
    struct jval *doc = NULL;
    if (schema_set_create(modules, &set, NULL)) abort();
    char *text = strndup(line.p ? line.p : "", line.n);
    if (text && schema_compile(set, text, &s, NULL) == RC_OK && body.p) {
        schema_check_text(s, body, "query/x", &faults);
        schema_default(s);
    }
    if (body.p && jval_parse(body, 1 << 16, &doc, NULL) == RC_OK) {
        schema_check(schema_find(set, "Thing"), doc, &faults);
        /* a broken schema leaves s half made: only a compiled one is asked */
        if (s && text && schema_compile(set, text, &s, NULL) == RC_OK) schema_check(s, doc, &faults);
    }
    if (faults.n > SCHEMA_MAX_FAULTS) abort();
    jval_destroy(doc);
    free(text);
    schema_set_destroy(set);
    return 0;
}
