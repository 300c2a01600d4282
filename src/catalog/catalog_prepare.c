/* Decoding, mask, colours and the smaller pictures. */
#include "catalog/catalog_prepare.h"

#include "base/jout.h"

enum { SMALL_PX = 640, THUMB_PX = 240, QUALITY = 82, MAX_COLOURS = 8 };

void catalog_prepared_release(struct catalog_prepared *p)
{
    image_release(&p->small);
    buf_release(&p->mask);
    buf_release(&p->colours);
    buf_release(&p->w240);
    buf_release(&p->w640);
}

static void write_colours(const struct image *im, const struct image_mask *mask, struct buf *out)
{
    struct image_colour colours[MAX_COLOURS];
    size_t n = image_colours(im, mask, colours, MAX_COLOURS);
    struct jout json = JOUT_INIT(out);
    jout_array(&json);
    for (size_t i = 0; i < n; i++) {
        jout_object(&json);
        jout_kz(&json, "name", colours[i].name);
        jout_kdec(&json, "share", (double)colours[i].share, 3);
        jout_end(&json);
    }
    jout_end(&json);
}

/* The smaller pictures have the catalogue's one look: margins cut, on plain ground. A picture that is small
 * already is served as it came: enlarging it would only blur it. */
static enum rc make_smaller(struct catalog_prepared *p, struct err *err)
{
    int longest = p->info.width > p->info.height ? p->info.width : p->info.height;
    struct image normal = {0}, thumb = {0};
    enum rc rc = RC_OK;
    if (longest <= THUMB_PX) return RC_OK;
    rc = image_normalise(&p->small, p->small.width > p->small.height ? p->small.width : p->small.height,
                         &normal, err);
    if (!rc && longest > SMALL_PX) rc = image_encode(&normal, IMAGE_JPEG, QUALITY, &p->w640, err);
    if (!rc) rc = image_resize(&normal, THUMB_PX, &thumb, err);
    if (!rc) rc = image_encode(&thumb, IMAGE_JPEG, QUALITY, &p->w240, err);
    image_release(&normal);
    image_release(&thumb);
    return rc;
}

enum rc catalog_prepare(struct str bytes, const struct image_limits *limits, struct catalog_prepared *out,
                        struct err *err)
{
    struct image_limits bounded = *limits;
    struct image_mask mask = {0};
    bounded.longest_px = SMALL_PX;
    *out = (struct catalog_prepared){.mask = BUF_INIT((size_t)1 << 20),
                                     .colours = BUF_INIT((size_t)4096),
                                     .w240 = BUF_INIT((size_t)4 << 20),
                                     .w640 = BUF_INIT((size_t)4 << 20)};
    enum rc rc = image_decode(bytes, &bounded, &out->small, &out->info, err);
    if (rc) return rc;
    out->dhash = image_dhash(&out->small);
    rc = image_mask_garment(&out->small, &mask, err);
    if (!rc) {
        out->plain = mask.plain;
        catalog_mask_pack(&mask, &out->mask);
        write_colours(&out->small, &mask, &out->colours);
        rc = make_smaller(out, err);
    }
    if (!rc) rc = buf_check(&out->mask, "the mask", err);
    if (!rc) rc = buf_check(&out->colours, "the colours", err);
    image_mask_release(&mask);
    return rc;
}
