/* Any bytes as a delimited feed: reading ends, rows are within their limits and UTF-8. */
#include "catalog/feed.h"

#include <stdint.h>
#include <stdlib.h>

static void on_problem(void *ctx, int64_t line, struct str id, const char *field, const char *reason,
                       struct str value)
{
    (void)field;
    (void)reason;
    ASSERT(line >= 1 && str_utf8_valid(id) && str_utf8_valid(value));
    ++*(size_t *)ctx;
}

static void check(const struct catalog_feed_row *row)
{
    ASSERT(row->line >= 1);
    for (int f = 0; f < CATALOG_FIELDS; f++)
        ASSERT(row->value[f].n <= CATALOG_MAX_FIELD_BYTES && str_utf8_valid(row->value[f]));
    for (size_t i = 0; i < row->n_extra; i++)
        ASSERT(row->extra_names[i].n && str_utf8_valid(row->extra_values[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const columns[] = {NULL, NULL, "id=a,title=b"};
    size_t problems = 0, rows = 0;
    if (!n) return 0;
    struct catalog_feed_options options = {.kind = (enum catalog_feed_kind)(data[0] % 3),
                                           .columns = columns[data[0] / 3 % 3],
                                           .problem = on_problem,
                                           .problem_ctx = &problems};
    struct catalog_feed *feed = NULL;
    struct catalog_feed_row row;
    bool more = true;
    if (catalog_feed_open_memory((struct str){(const char *)data + 1, n - 1}, &options, &feed, NULL)) return 0;
    while (more && catalog_feed_next(feed, &row, &more, NULL) == RC_OK)
        if (more) {
            check(&row);
            rows++;
        }
    ASSERT(rows + problems <= 2 * n + 1);
    catalog_feed_close(feed);
    return 0;
}
