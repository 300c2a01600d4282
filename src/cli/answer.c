#include "cli/answer.h"

#include "base/fs.h"
#include "base/jout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PICTURE_BYTES = 100 << 20 };

static enum rc read_values(const char *option, const char *text, struct rank_values *out, struct err *err)
{
    struct str rest = str_of(text), one;
    while ((one = str_trim(str_split(&rest, '|'))).p) {
        if (one.n == 0) continue;
        if (out->n == RANK_MAX_VALUES)
            return err_set(err, RC_INVALID, "--%s: at most %d values", option, RANK_MAX_VALUES);
        out->v[out->n++] = one;
    }
    return RC_OK;
}

static enum rc read_price(const char *option, const char *text, int64_t *cents, struct err *err)
{
    double v;
    if (!text) return RC_OK;
    if (!str_to_f64(str_of(text), &v) || v < 0 || v > 1e7)
        return err_set(err, RC_INVALID, "--%s: \"%s\" is no price", option, text);
    *cents = llround(v * 100);
    return RC_OK;
}

enum rc answer_query(const struct answer_options *o, struct rank_query *q, struct err *err)
{
    struct rank_filter *f = &q->filter;
    const struct {
        const char *option, *text;
        struct rank_values *to;
    } values[] = {{"category", o->category, &f->category},
                  {"colour", o->colour, &f->colour},
                  {"gender", o->gender, &f->gender},
                  {"season", o->season, &f->season},
                  {"style", o->style, &f->style},
                  {"brand", o->brand, &f->brand},
                  {"size", o->size, &f->size}};
    *f = RANK_FILTER_NONE;
    f->shop = o->shop ? str_of(o->shop) : STR("");
    f->available_only = o->available;
    f->on_sale_only = o->on_sale;
    q->lang = o->lang ? o->lang : "fr";
    q->limit = (size_t)o->limit;
    if (o->limit < 1 || o->limit > RANK_MAX_LIMIT)
        return err_set(err, RC_INVALID, "--limit: from 1 to %d", RANK_MAX_LIMIT);
    if (strcmp(q->lang, "fr") != 0 && strcmp(q->lang, "en") != 0)
        return err_set(err, RC_INVALID, "--lang: fr or en");
    enum rc rc = read_price("price-min", o->price_min, &f->price_min_cents, err);
    if (!rc) rc = read_price("price-max", o->price_max, &f->price_max_cents, err);
    for (size_t i = 0; i < sizeof values / sizeof *values && !rc; i++)
        rc = read_values(values[i].option, values[i].text, values[i].to, err);
    return rc;
}

enum rc answer_read_picture(struct infer *model, unsigned worker, const char *path, struct infer_reading *out,
                            struct err *err)
{
    const struct image_limits limits = {.max_bytes = MAX_PICTURE_BYTES, .longest_px = INFER_PICTURE_PX};
    struct image im = {0};
    char *bytes = NULL;
    size_t n;
    enum rc rc = fs_read(path, MAX_PICTURE_BYTES, &bytes, &n, err);
    if (rc) return rc;
    rc = image_decode((struct str){bytes, n}, &limits, &im, NULL, err);
    free(bytes);
    if (rc) return rc;
    rc = infer_read(model, worker, &im, INFER_READ_LABELS, out, err);
    image_release(&im);
    return rc;
}

static void write_json(const char *kind, const char *subject, const struct rank_answer *a, struct buf *out)
{
    struct jout json = JOUT_INIT(out);
    jout_object(&json);
    jout_kz(&json, kind, subject);
    jout_key(&json, "items");
    jout_array(&json);
    for (size_t i = 0; i < a->n; i++) {
        const struct rank_item *item = &a->items[i];
        jout_object(&json);
        jout_kstr(&json, "id", item->id);
        jout_kstr(&json, "title", item->title);
        jout_kdec(&json, "score", (double)item->score, 4);
        jout_key(&json, "reasons");
        jout_array(&json);
        for (size_t k = 0; k < item->n_reasons; k++) {
            jout_object(&json);
            jout_kz(&json, "code", item->reasons[k].code);
            jout_kstr(&json, "text", item->reasons[k].text);
            jout_end(&json);
        }
        jout_end(&json);
        jout_end(&json);
    }
    jout_end(&json);
    jout_ki64(&json, "matched", (int64_t)a->matched);
    if (a->understood.n > 2) {
        jout_key(&json, "understood");
        jout_raw(&json, a->understood);
    }
    if (a->corrected.p) jout_kstr(&json, "corrected", a->corrected);
    jout_end(&json);
    buf_addc(out, '\n');
}

void answer_write(const struct answer_options *o, const char *kind, const char *subject,
                  const struct rank_answer *a, struct buf *out)
{
    if (o->json) {
        write_json(kind, subject, a, out);
        return;
    }
    cli_plain(out, str_of(subject));
    if (a->corrected.p) buf_addf(out, "  (-> %.*s)", STR_ARG(a->corrected));
    buf_addf(out, "\n");
    for (size_t i = 0; i < a->n; i++) {
        buf_addf(out, "%3d %%  ", (int)(a->items[i].score * 100 + .5f));
        cli_plain(out, a->items[i].id);
        buf_addz(out, "  ");
        cli_plain(out, a->items[i].title);
        for (size_t k = 0; k < a->items[i].n_reasons; k++) {
            buf_addz(out, k ? "; " : "\n          ");
            cli_plain(out, a->items[i].reasons[k].text);
        }
        buf_addc(out, '\n');
    }
    if (a->n == 0) buf_addz(out, "  -\n");
}
