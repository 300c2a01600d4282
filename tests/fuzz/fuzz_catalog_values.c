/* Prices, availability, text out of HTML and packed masks from any bytes. */
#include "catalog/catalog_prepare.h"
#include "catalog/feed.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = {(const char *)data, n};
    char currency[4] = "EUR";
    int64_t cents = -1;
    if (catalog_parse_price(s, &cents, currency))
        ASSERT(cents >= 0 && currency[3] == 0 && currency[2]);
    else
        ASSERT(cents == -1);
    (void)catalog_parse_availability(s);
    struct buf once = BUF_INIT((size_t)1 << 20);
    catalog_clean_text(s, &once);
    ASSERT(once.failed || str_utf8_valid(buf_str(&once)));
    ASSERT(once.n <= 3 * n);
    buf_release(&once);
    int width = 0, height = 0;
    uint8_t *alpha = NULL;
    if (n >= 4 && (data[1] | data[3]) == 0 && catalog_mask_unpack(s, &width, &height, &alpha, NULL) == RC_OK) {
        struct image_mask m = {.width = width, .height = height, .alpha = alpha};
        struct buf packed = BUF_INIT((size_t)1 << 20);
        uint8_t *again = NULL;
        catalog_mask_pack(&m, &packed);
        ASSERT(catalog_mask_unpack(buf_str(&packed), &width, &height, &again, NULL) == RC_OK);
        free(again);
        free(alpha);
        buf_release(&packed);
    }
    return 0;
}
