/* What has begun and must be carried to its end. The person stands in the row sealed with a key of the house, so that the
 * register alone tells nothing; the row is gone once all is done. */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/jval.h"

#include <stdio.h>

static void place_of(const char *id, char out[static 64]) { snprintf(out, 64, "register.intent/%s", id); }

enum rc intent_add(struct app *app, struct store_tx *tx, const char *kind, struct str what,
                   char id[static PRIVACY_ID_CHARS + 1], struct err *err)
{
    struct buf sealed = BUF_INIT(64 << 10);
    char place[64];
    privacy_id(id);
    place_of(id, place);
    enum rc rc = vault_seal_house(app->vault, "privacy", str_of(place), what, &sealed, err);
    if (!rc)
        rc = store_exec(
            tx, "INSERT INTO privacy_intent (id, kind, what, at_ms) VALUES (?1, ?2, ?3, ?4)",
            STORE_ARGS(STORE_Z(id), STORE_Z(kind), STORE_B(sealed.p, sealed.n), STORE_I(clock_now_ms())), NULL,
            err);
    buf_release(&sealed);
    return rc;
}

enum rc intent_end(struct store_tx *tx, const char *id, struct err *err)
{
    return store_exec(tx, "DELETE FROM privacy_intent WHERE id = ?1", STORE_ARGS(STORE_Z(id)), NULL, err);
}

static enum rc open_row(struct app *app, const struct store_rows *rows, struct intent *out, struct err *err)
{
    struct buf plain = BUF_INIT(64 << 10);
    char place[64];
    snprintf(out->id, sizeof out->id, "%.*s", STR_ARG(store_text(rows, 0)));
    snprintf(out->kind, sizeof out->kind, "%.*s", STR_ARG(store_text(rows, 1)));
    out->at_ms = store_i64(rows, 3);
    place_of(out->id, place);
    enum rc rc = vault_unseal_house(app->vault, "privacy", str_of(place), store_blob(rows, 2), &plain, err);
    if (!rc) rc = jval_parse(buf_str(&plain), 64 << 10, &out->what, err);
    buf_release(&plain);
    return rc;
}

enum rc intent_next(struct app *app, const char *after, struct intent *out, bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    *out = (struct intent){0};
    *found = false;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT id, kind, what, at_ms FROM privacy_intent WHERE id > ?1 ORDER BY id LIMIT 1",
                         STORE_ARGS(STORE_Z(after)), &rows, err);
    if (!rc) rc = store_next(rows, found, err);
    if (!rc && *found) rc = open_row(app, rows, out, err);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

void intent_release(struct intent *i)
{
    jval_destroy(i->what);
    i->what = NULL;
}
