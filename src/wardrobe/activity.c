/*
 * What signed-in people do with products. Store "activity":
 *
 *   activity_event   id (random), person (pseudonym of this store), hour_ms, kind, product (sealed: which products somebody
 *                    looks at tells of them)
 *   activity_total   events by day and kind, for no person: what is left after retention
 */
#include "wardrobe/wardrobe_internal.h"

#include "base/app.h"
#include "base/clock.h"
#include "vault/vault.h"

#include <stdio.h>

const char *const activity_kinds[ACTIVITY_KINDS] = {"view", "like", "dismiss", "buy"};

static struct str pseudonym(struct app *app, struct str person, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    vault_pseudonym(app->vault, "activity", person, out);
    return (struct str){out, VAULT_PSEUDONYM_CHARS};
}

static struct str place_of(char out[static WARDROBE_PLACE_BYTES], struct str id)
{
    snprintf(out, WARDROBE_PLACE_BYTES, "activity.event/%.*s", STR_ARG(id));
    return str_of(out);
}

enum rc activity_note(struct app *app, struct str person, enum activity_kind kind, struct str product,
                      struct err *err)
{
    char id[WARDROBE_ID_CHARS + 1], place[WARDROBE_PLACE_BYTES], who[VAULT_PSEUDONYM_CHARS + 1];
    struct buf sealed = BUF_INIT(4096);
    struct store_tx *tx = NULL;
    int64_t now = clock_now_ms();
    wardrobe_id(id);
    enum rc rc = vault_seal(app->vault, person, place_of(place, str_of(id)), product, &sealed, err);
    if (!rc) rc = store_begin(app->activity, STORE_WRITE, &tx, err);
    if (!rc) {
        rc = store_exec(
            tx, "INSERT INTO activity_event (id, person, hour_ms, kind, product) VALUES (?1, ?2, ?3, ?4, ?5)",
            STORE_ARGS(STORE_Z(id), STORE_S(pseudonym(app, person, who)), STORE_I(now - now % CLOCK_HOUR_MS),
                       STORE_Z(activity_kinds[kind]), STORE_B(sealed.p, sealed.n)),
            NULL, err);
        rc = store_end(tx, rc, err);
    }
    buf_release(&sealed);
    return rc;
}

static enum rc read_event(struct app *app, struct str person, const struct store_rows *rows,
                          struct arena *arena, struct activity_event *out, struct err *err)
{
    char place[WARDROBE_PLACE_BYTES];
    struct buf product = BUF_INIT(4096);
    out->hour_ms = store_i64(rows, 1);
    for (int k = 0; k < ACTIVITY_KINDS; k++)
        if (str_eqz(store_text(rows, 2), activity_kinds[k])) out->kind = (enum activity_kind)k;
    enum rc rc = vault_unseal(app->vault, person, place_of(place, store_text(rows, 0)), store_blob(rows, 3),
                              &product, err);
    if (!rc && !(out->product = arena_str(arena, buf_str(&product))).p)
        rc = err_set(err, RC_NOMEM, "out of memory for a history");
    buf_release(&product);
    return rc;
}

enum rc activity_all(struct app *app, struct str person, struct arena *arena, struct activity_event **out,
                     size_t *n, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    *n = 0;
    *out = arena_array(arena, ACTIVITY_MAX_READ, sizeof **out);
    if (!*out) return err_set(err, RC_NOMEM, "out of memory for a history");
    enum rc rc = store_begin(app->activity, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT id, hour_ms, kind, product FROM activity_event WHERE person = ?1"
                         " ORDER BY hour_ms DESC, id LIMIT ?2",
                         STORE_ARGS(STORE_S(pseudonym(app, person, who)), STORE_I(ACTIVITY_MAX_READ)), &rows,
                         err);
    while (!rc && *n < ACTIVITY_MAX_READ && !(rc = store_next(rows, &more, err)) && more) {
        rc = read_event(app, person, rows, arena, &(*out)[*n], err);
        (*n)++;
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

enum rc activity_forget(struct app *app, struct str person, struct err *err)
{
    char who[VAULT_PSEUDONYM_CHARS + 1];
    return store_write(app->activity, "DELETE FROM activity_event WHERE person = ?1",
                       STORE_ARGS(STORE_S(pseudonym(app, person, who))), NULL, err);
}

enum rc activity_aggregate(struct app *app, int64_t before_ms, bool dry_run, int64_t *n, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM activity_event WHERE hour_ms < ?1";
    static const char add[] =
        "INSERT INTO activity_total (day_ms, kind, n)"
        " SELECT hour_ms - hour_ms % ?2, kind, count(*) FROM activity_event WHERE hour_ms < ?1"
        " GROUP BY hour_ms - hour_ms % ?2, kind"
        " ON CONFLICT (day_ms, kind) DO UPDATE SET n = activity_total.n + excluded.n";
    struct store_tx *tx = NULL;
    *n = 0;
    enum rc rc = store_begin(app->activity, dry_run ? STORE_READ : STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = store_get_i64(tx, count, STORE_ARGS(STORE_I(before_ms)), n, NULL, err);
    if (!rc && !dry_run)
        rc = store_exec(tx, add, STORE_ARGS(STORE_I(before_ms), STORE_I(CLOCK_DAY_MS)), NULL, err);
    if (!rc && !dry_run)
        rc = store_exec(tx, "DELETE FROM activity_event WHERE hour_ms < ?1", STORE_ARGS(STORE_I(before_ms)),
                        NULL, err);
    if (!rc && !dry_run) return store_commit(tx, err);
    store_rollback(tx);
    return rc;
}
