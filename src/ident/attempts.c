/*
 * Limits against guessing: counted in the store, so that processes share them, by quarter of an hour. An attempt
 * counts before it is made, so that many at once cannot slip through; a success takes the count back.
 */
#include "ident/ident_internal.h"

#include "base/clock.h"

#include <stdio.h>

enum { SLOT_S = 900, KEY_MAX = 512 };

static void key_of(struct app *app, const struct attempt *a, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    char text[KEY_MAX];
    int n = snprintf(text, sizeof text, "%s\n%.*s", a->what, STR_ARG(a->who));
    struct str s = {text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1};
    vault_pseudonym(app->vault, "attempt", s, out);
}

enum rc attempts_take(struct app *app, const struct attempt *a, size_t n, int *retry_s, struct err *err)
{
    struct store_tx *tx;
    int64_t now_s = clock_now_ms() / 1000, slot = now_s / SLOT_S, used;
    bool over = false;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    for (size_t i = 0; !rc && i < n; i++) {
        char key[VAULT_PSEUDONYM_CHARS + 1];
        if (!a[i].most) continue;
        key_of(app, &a[i], key);
        rc =
            store_get_i64(tx,
                          "INSERT INTO ident_attempt (who, slot, used) VALUES (?1, ?2, 1)"
                          " ON CONFLICT (who, slot) DO UPDATE SET used = ident_attempt.used + 1 RETURNING used",
                          STORE_ARGS(STORE_Z(key), STORE_I(slot)), &used, NULL, err);
        if (!rc && used > a[i].most) over = true;
    }
    rc = store_end(tx, rc, err);
    if (rc || !over) return rc;
    *retry_s = (int)((slot + 1) * SLOT_S - now_s);
    return err_set(err, RC_LIMIT, "too many attempts; wait a quarter of an hour");
}

enum rc attempts_clear(struct app *app, const struct attempt *a, size_t n, struct err *err)
{
    struct store_tx *tx;
    enum rc rc = store_begin(app->identity, STORE_WRITE, &tx, err);
    if (rc) return rc;
    for (size_t i = 0; !rc && i < n; i++) {
        char key[VAULT_PSEUDONYM_CHARS + 1];
        if (!a[i].most) continue;
        key_of(app, &a[i], key);
        rc = store_exec(tx, "DELETE FROM ident_attempt WHERE who = ?1", STORE_ARGS(STORE_Z(key)), NULL, err);
    }
    return store_end(tx, rc, err);
}

enum rc attempts_clean(struct app *app, struct err *err)
{
    int64_t slot = clock_now_ms() / 1000 / SLOT_S;
    return store_write(app->identity, "DELETE FROM ident_attempt WHERE slot < ?1",
                       STORE_ARGS(STORE_I(slot - 1)), NULL, err);
}
