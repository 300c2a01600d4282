/*
 * Erasure, in the order that leaves nothing behind whenever the process dies:
 *
 *   1. the intent, durable: from here on the erasure will be carried out, whatever happens
 *   2. every module's erase_user but ident's: rows, files, index entries, caches
 *   3. the person's key: what is still in backups can no longer be read, and nothing new can be sealed
 *   4. the account, and with it all sessions
 *   5. step 2 again: what a request that was already running has written meanwhile
 *   6. in one transaction: the consents' facts under a random name, the receipt, and the end of the intent
 *   7. the stores are made to forget: deleted rows overwritten, logs of transactions cut
 *
 * Each step may be done again. A second erasure of the same person meanwhile gives a second receipt, which is true too.
 */
#include "privacy/privacy_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "privacy/receipt.h"

#include <stdio.h>
#include <string.h>

static bool is_ident(const struct module *m) { return strcmp(m->name, "ident") == 0; }

static enum rc walk(struct app *app, const char *person, bool ident, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && app->modules[i]; i++) {
        const struct module *m = app->modules[i];
        if (!m->erase_user || is_ident(m) != ident) continue;
        rc = m->erase_user(app, person, err);
        if (rc) err_prefix(err, "%s: ", m->name);
    }
    return rc;
}

struct facts {
    const char *id, *reason, *name; /* of the receipt; why; the random name of the consents' facts */
    int64_t asked_ms, done_ms;
};

static enum rc write_receipt(struct app *app, const struct facts *f, struct buf *jws, struct err *err)
{
    struct buf text = BUF_INIT(64 << 10);
    struct jout j = JOUT_INIT(&text);
    char asked[25], done[25];
    clock_rfc3339(f->asked_ms, asked);
    clock_rfc3339(f->done_ms, done);
    jout_object(&j);
    jout_kz(&j, "jti", f->id);
    jout_kz(&j, "sub", "erasure");
    jout_ki64(&j, "iat", f->done_ms / 1000);
    jout_kz(&j, "reason", f->reason);
    jout_kz(&j, "asked", asked);
    jout_kz(&j, "completed", done);
    jout_kbool(&j, "key_destroyed", true);
    jout_key(&j, "erased");
    jout_array(&j);
    for (size_t i = 0; app->modules[i]; i++)
        if (app->modules[i]->erase_user) jout_z(&j, app->modules[i]->name);
    jout_end(&j);
    jout_key(&j, "kept");
    jout_object(&j);
    jout_kz(&j, "consent_facts", f->name);
    jout_kz(&j, "access_log", "lines under pseudonyms, until the retention of the log");
    jout_end(&j);
    jout_end(&j);
    enum rc rc = buf_check(&text, "a receipt", err);
    if (!rc) rc = receipt_sign(app, buf_str(&text), jws, err);
    buf_release(&text);
    return rc;
}

static enum rc finish_in(struct app *app, struct store_tx *tx, struct str person, const char *intent,
                         const struct facts *f, struct str receipt, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    privacy_name(app, person, name);
    enum rc rc = consent_forget(app, tx, str_of(name), f->name, err);
    if (!rc)
        rc = store_exec(tx, "INSERT INTO privacy_receipt (id, receipt, at_ms) VALUES (?1, ?2, ?3)",
                        STORE_ARGS(STORE_Z(f->id), STORE_S(receipt), STORE_I(clock_day_ms(f->done_ms))), NULL,
                        err);
    return rc ? rc : intent_end(tx, intent, err);
}

static enum rc finish(struct app *app, struct str person, const struct intent *i, struct buf *receipt,
                      struct err *err)
{
    struct store_tx *tx = NULL;
    char id[PRIVACY_ID_CHARS + 1], name[PRIVACY_ID_CHARS + 1], reason[16];
    snprintf(reason, sizeof reason, "%.*s", STR_ARG(jval_str(jval_get(i->what, "reason"))));
    privacy_id(id);
    privacy_id(name);
    struct facts f = {
        .id = id, .reason = reason, .name = name, .asked_ms = i->at_ms, .done_ms = clock_now_ms()};
    size_t from = receipt->n;
    enum rc rc = write_receipt(app, &f, receipt, err); /* before the transaction: it may make the key */
    if (!rc) rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = finish_in(app, tx, person, i->id, &f, str_sub(buf_str(receipt), from, receipt->n), err);
    rc = store_end(tx, rc, err);
    if (!rc) metric_add(&privacy_erasures, reason, 1);
    return rc;
}

/* A reader that still sees the old state makes it wait; what is left then goes with the next erasure or the purge. */
static void forget(struct app *app)
{
    struct store *stores[] = {app->wardrobe, app->activity, app->identity, app->reg, app->ops};
    struct err err;
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        if (stores[i] && store_forget(stores[i], &err))
            log_warn("privacy", "a store will overwrite what was erased later: %s", err.message);
}

enum rc erase_carry_out(struct app *app, const struct intent *i, struct buf *receipt, struct err *err)
{
    char person[64];
    struct str who = jval_str(jval_get(i->what, "person"));
    if (!who.n || who.n >= sizeof person) return err_set(err, RC_CORRUPT, "an intent without a person");
    snprintf(person, sizeof person, "%.*s", STR_ARG(who));
    enum rc rc = walk(app, person, false, err);
    if (!rc) rc = vault_destroy_person(app->vault, who, err);
    if (!rc) rc = walk(app, person, true, err);
    if (!rc) rc = walk(app, person, false, err);
    if (!rc) rc = finish(app, who, i, receipt, err);
    if (!rc) forget(app);
    return rc;
}

static enum rc begin(struct app *app, struct str person, const char *reason, struct str *what, struct buf *text,
                     char id[static PRIVACY_ID_CHARS + 1], struct err *err)
{
    struct store_tx *tx = NULL;
    struct jout j = JOUT_INIT(text);
    jout_object(&j);
    jout_kstr(&j, "person", person);
    jout_kz(&j, "reason", reason);
    jout_end(&j);
    enum rc rc = buf_check(text, "an intent", err);
    if (!rc) rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    *what = buf_str(text);
    rc = intent_add(app, tx, "erase", *what, id, err);
    return store_end(tx, rc, err);
}

enum rc privacy_erase(struct app *app, struct str person, const char *reason, struct buf *receipt,
                      struct err *err)
{
    struct buf text = BUF_INIT(4096);
    struct intent i = {.kind = "erase", .at_ms = clock_now_ms()};
    struct str what = STR_NONE;
    enum rc rc = begin(app, person, reason, &what, &text, i.id, err);
    if (!rc) rc = jval_parse(what, 4096, &i.what, err);
    if (!rc) rc = erase_carry_out(app, &i, receipt, err);
    intent_release(&i);
    buf_release(&text);
    return rc;
}

static enum rc carry_out(struct app *app, const struct intent *i, struct err *err)
{
    char person[64], photo[64], purpose[32];
    struct buf receipt = BUF_INIT(64 << 10);
    struct str which = jval_str(jval_get(i->what, "photo"));
    if (strcmp(i->kind, "erase") == 0) {
        enum rc rc = erase_carry_out(app, i, &receipt, err);
        buf_release(&receipt);
        return rc;
    }
    snprintf(person, sizeof person, "%.*s", STR_ARG(jval_str(jval_get(i->what, "person"))));
    snprintf(photo, sizeof photo, "%.*s", (int)which.n, which.p ? which.p : "");
    snprintf(purpose, sizeof purpose, "%.*s", STR_ARG(jval_str(jval_get(i->what, "purpose"))));
    enum rc rc = consent_walk(app, person, which.p ? photo : NULL, purpose, err);
    return rc ? rc
              : store_write(app->reg, "DELETE FROM privacy_intent WHERE id = ?1", STORE_ARGS(STORE_Z(i->id)),
                            NULL, err);
}

enum rc privacy_resume(struct app *app, int64_t age_ms, int64_t *resumed, struct err *err)
{
    char after[PRIVACY_ID_CHARS + 1] = "";
    bool found = true;
    struct err why = {0};
    enum rc failed = RC_OK;
    *resumed = 0;
    while (found) {
        struct intent i;
        enum rc rc = intent_next(app, after, &i, &found, &why);
        if (!found) { /* the end, or the store does not answer */
            intent_release(&i);
            if (rc) failed = rc;
            break;
        }
        memcpy(after, i.id, sizeof after);
        bool due = i.at_ms <= clock_now_ms() - age_ms;
        if (!rc && due) rc = carry_out(app, &i, &why);
        if (!rc && due) ++*resumed;
        if (rc) failed = rc;
        intent_release(&i);
    }
    if (*resumed) forget(app);
    return failed ? err_set(err, failed, "%s", why.message) : RC_OK;
}
