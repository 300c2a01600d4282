/*
 * Garment masks, packed: a catalogue has one for every picture, and a file each would double the number of
 * files. Format: width and height as u16 little-endian, then the lengths of runs in reading order, outside
 * and inside by turns beginning with outside (0 if the first pixel is inside), each as a LEB128 number.
 * A mask of 640 x 480 takes some 2 kB, one of 60 x 80 some 200 bytes.
 */
#include "catalog/catalog_prepare.h"

#include "catalog/catalog_internal.h"
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

void catalog_mask_pack(const struct image_mask *m, struct buf *out)
{
    uint8_t head[4] = {(uint8_t)m->width, (uint8_t)(m->width >> 8), (uint8_t)m->height,
                       (uint8_t)(m->height >> 8)};
    buf_add_bytes(out, head, sizeof head);
    size_t n = (size_t)m->width * (size_t)m->height, i = 0;
    for (bool inside = false; i < n; inside = !inside) {
        size_t run = i;
        while (run < n && (m->alpha[run] >= 128) == inside)
            run++;
        for (size_t left = run - i;;) {
            uint8_t low = (uint8_t)(left & 127);
            left >>= 7;
            buf_addc(out, (char)(low | (left ? 128 : 0)));
            if (!left) break;
        }
        i = run;
    }
}

enum rc catalog_mask_unpack(struct str packed, int *width, int *height, uint8_t **alpha, struct err *err)
{
    const uint8_t *p = (const uint8_t *)packed.p;
    if (packed.n < 4) return err_set(err, RC_CORRUPT, "a mask is too short");
    int w = p[0] | p[1] << 8, h = p[2] | p[3] << 8;
    size_t n = (size_t)w * (size_t)h, at = 0, i = 4;
    if (!n) return err_set(err, RC_CORRUPT, "a mask is empty");
    uint8_t *out = malloc(n);
    if (!out) return err_set(err, RC_NOMEM, "out of memory reading a mask");
    for (bool inside = false; at < n; inside = !inside) {
        size_t run = 0;
        bool again = true;
        for (int shift = 0; again; shift += 7) {
            if (i >= packed.n || shift > 28) goto corrupt;
            run |= (size_t)(p[i] & 127) << shift;
            again = p[i++] & 128;
        }
        if (run > n - at) goto corrupt;
        memset(out + at, inside ? 255 : 0, run);
        at += run;
        if (!run && at) goto corrupt; /* only the first run may be empty */
    }
    *width = w;
    *height = h;
    *alpha = out;
    return RC_OK;
corrupt:
    free(out);
    return err_set(err, RC_CORRUPT, "a mask does not hold together");
}

enum rc catalog_mask(struct store_tx *tx, struct str sha, int *width, int *height, uint8_t **alpha,
                     struct err *err)
{
    struct store_rows *rows = NULL;
    const struct store_value args[] = {STORE_S(sha)};
    bool more = false;
    enum rc rc = store_query(tx, "SELECT mask FROM picture WHERE sha = ?1", args, 1, &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && (!more || !store_blob(rows, 0).n))
        rc = err_set(err, RC_NOT_FOUND, "there is no mask of this picture");
    if (!rc) rc = catalog_mask_unpack(store_blob(rows, 0), width, height, alpha, err);
    store_rows_close(rows);
    return rc;
}
