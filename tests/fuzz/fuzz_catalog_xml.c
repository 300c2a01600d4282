/* Any bytes inside an XML feed: reading ends, rows are within their limits and UTF-8. */
#include "base/buf.h"
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
    static const char head[] = "<rss><channel>";
    size_t problems = 0, rows = 0;
    struct catalog_feed_options options = {.problem = on_problem, .problem_ctx = &problems};
    struct catalog_feed *feed = NULL;
    struct catalog_feed_row row;
    struct buf text = BUF_INIT((size_t)1 << 20);
    bool more = true;
    buf_addz(&text, head);
    buf_add_bytes(&text, data, n);
    if (catalog_feed_open_memory(buf_str(&text), &options, &feed, NULL) == RC_OK) {
        while (more && catalog_feed_next(feed, &row, &more, NULL) == RC_OK)
            if (more) {
                check(&row);
                rows++;
            }
        ASSERT(rows + problems <= n + 1);
        catalog_feed_close(feed);
    }
    buf_release(&text);
    return 0;
}
