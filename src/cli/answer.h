/* What `search` and `recommend` share: filter options, reading a picture, and writing answers. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "base/buf.h"
#include "cli/cli.h"
#include "image/image.h"
#include "infer/vision.h"
#include "rank/rank.h"

struct answer_options { /* targets of the options; "a|b" means a or b */
    const char *category, *colour, *gender, *season, *style, *brand, *size, *shop, *lang, *price_min,
        *price_max;
    bool available, on_sale, json;
    int64_t limit;
};
#define ANSWER_OPTIONS(o)                                                                                        \
    {"limit", CLI_INT, "N", "at most N products (1 to 100; default 10)", &(o).limit, false},                     \
        {"json", CLI_FLAG, NULL, "one JSON object a line", &(o).json, false},                                    \
        {"lang", CLI_STRING, "fr|en", "the language of the reasons (default fr)", &(o).lang, false},             \
        {"category", CLI_STRING, "NAME", "only this category (a|b: either)", &(o).category, false},              \
        {"colour", CLI_STRING, "NAME", "only this colour", &(o).colour, false},                                  \
        {"gender", CLI_STRING, "NAME", "only for Men, Women, Boys, Girls or Unisex", &(o).gender, false},        \
        {"season", CLI_STRING, "NAME", "only this season", &(o).season, false},                                  \
        {"style", CLI_STRING, "NAME", "only this style", &(o).style, false},                                     \
        {"brand", CLI_STRING, "NAME", "only this brand", &(o).brand, false},                                     \
        {"size", CLI_STRING, "SIZE", "only what there is in this size", &(o).size, false},                       \
        {"price-min", CLI_STRING, "N", "at least this price (12.50)", &(o).price_min, false},                    \
        {"price-max", CLI_STRING, "N", "at most this price", &(o).price_max, false},                             \
        {"shop", CLI_STRING, "SHOP", "prices and stock of this shop (default: the web shop)", &(o).shop, false}, \
        {"available", CLI_FLAG, NULL, "only what is in stock", &(o).available, false},                           \
    {                                                                                                            \
        "on-sale", CLI_FLAG, NULL, "only what is on sale", &(o).on_sale, false                                   \
    }

/* Fills limit, lang, filter and distinct of the query. RC_INVALID names the option. */
enum rc answer_query(const struct answer_options *o, struct rank_query *q, struct err *err) MUST_USE;

/* Decodes the file and reads it; release with infer_reading_release(). */
enum rc answer_read_picture(struct infer *model, unsigned worker, const char *path, struct infer_reading *out,
                            struct err *err) MUST_USE;
/* {"path" or "query": subject, "items": [...], ...} or a table. */
void answer_write(const struct answer_options *o, const char *kind, const char *subject,
                  const struct rank_answer *a, struct buf *out);
#endif
