#include "privacy/privacy_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

const char *const consent_names[CONSENT_PURPOSES] = {"recommendation", "tryon", "improvement"};

bool consent_purpose_of(struct str name, enum consent_purpose *out)
{
    for (int i = 0; i < CONSENT_PURPOSES; i++)
        if (str_eqz(name, consent_names[i])) {
            *out = (enum consent_purpose)i;
            return true;
        }
    return false;
}

struct row {
    int64_t n, given, at_ms;
    struct str person, photo, purpose, version, language, how;
};

static void row_mac(struct app *app, struct str before, const struct row *r,
                    char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    struct buf text = BUF_INIT(64 << 10);
    struct jout j = JOUT_INIT(&text);
    jout_array(&j);
    jout_str(&j, before);
    jout_str(&j, r->person);
    jout_i64(&j, r->n);
    jout_str(&j, r->purpose);
    jout_str(&j, r->photo.p ? r->photo : STR(""));
    jout_i64(&j, r->given);
    jout_str(&j, r->version);
    jout_str(&j, r->language);
    jout_str(&j, r->how);
    jout_i64(&j, r->at_ms);
    jout_end(&j);
    vault_pseudonym(app->vault, "consent-chain", buf_str(&text), out);
    if (text.failed) out[0] = 0;
    buf_release(&text);
}

/* Number and MAC of the person's last row; (0, "") before the first. */
static enum rc last_row(struct store_tx *tx, struct str person, int64_t *n,
                        char mac[static VAULT_PSEUDONYM_CHARS + 1], struct err *err)
{
    struct store_rows *rows = NULL;
    bool more = false;
    *n = 0;
    mac[0] = 0;
    enum rc rc = store_query(tx, "SELECT n, mac FROM privacy_consent WHERE person = ?1 ORDER BY n DESC LIMIT 1",
                             STORE_ARGS(STORE_S(person)), &rows, err);
    if (!rc) rc = store_next(rows, &more, err);
    if (!rc && more) {
        *n = store_i64(rows, 0);
        snprintf(mac, VAULT_PSEUDONYM_CHARS + 1, "%.*s", STR_ARG(store_text(rows, 1)));
    }
    store_rows_close(rows);
    return rc;
}

static enum rc insert(struct app *app, struct store_tx *tx, struct str before, const struct row *r,
                      struct err *err)
{
    char mac[VAULT_PSEUDONYM_CHARS + 1];
    row_mac(app, before, r, mac);
    return store_exec(
        tx,
        "INSERT INTO privacy_consent (person, n, purpose, photo, given, version, language, how, at_ms,"
        " mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        STORE_ARGS(STORE_S(r->person), STORE_I(r->n), STORE_S(r->purpose), STORE_S(r->photo), STORE_I(r->given),
                   STORE_S(r->version), STORE_S(r->language), STORE_S(r->how), STORE_I(r->at_ms), STORE_Z(mac)),
        NULL, err);
}

/* Person and photo of `c` are ids; the row gets their pseudonyms. */
static enum rc append(struct app *app, struct store_tx *tx, const struct consent_given *c, bool given,
                      struct err *err)
{
    char person[VAULT_PSEUDONYM_CHARS + 1], photo[VAULT_PSEUDONYM_CHARS + 1], before[VAULT_PSEUDONYM_CHARS + 1];
    struct row r = {.given = given,
                    .at_ms = clock_now_ms(),
                    .person = str_of(person),
                    .purpose = str_of(consent_names[c->purpose]),
                    .version = c->text_version.p ? c->text_version : STR(""),
                    .language = c->language.p ? c->language : STR(""),
                    .how = str_of(c->how)};
    privacy_name(app, c->person, person);
    r.person = str_of(person);
    if (c->photo.p) {
        privacy_name(app, c->photo, photo);
        r.photo = str_of(photo);
    }
    enum rc rc = last_row(tx, r.person, &r.n, before, err);
    r.n++;
    return rc ? rc : insert(app, tx, str_of(before), &r, err);
}

enum rc consent_give(struct app *app, const struct consent_given *c, struct err *err)
{
    struct store_tx *tx = NULL;
    if (!consent_text_find(c->text_version, c->purpose, c->language) ||
        !str_eqz(c->text_version, consent_texts[0].version))
        return err_set(
            err, RC_UNPROCESSABLE,
            "consent must be given to the current words: version %s in fr or en (GET /v1/consent-texts)",
            consent_texts[0].version);
    enum rc rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = append(app, tx, c, true, err);
    return store_end(tx, rc, err);
}

enum rc consent_require(struct app *app, struct str person, struct str photo, enum consent_purpose purpose,
                        struct err *err)
{
    char person_name[VAULT_PSEUDONYM_CHARS + 1], photo_name[VAULT_PSEUDONYM_CHARS + 1] = "";
    int64_t given = 0;
    bool found = false;
    privacy_name(app, person, person_name);
    if (photo.p) privacy_name(app, photo, photo_name);
    enum rc rc =
        privacy_get(app,
                    "SELECT given FROM privacy_consent WHERE person = ?1 AND purpose = ?2"
                    " AND (photo IS NULL OR photo = ?3) ORDER BY n DESC LIMIT 1",
                    STORE_ARGS(STORE_Z(person_name), STORE_Z(consent_names[purpose]), STORE_Z(photo_name)),
                    &given, &found, err);
    if (rc || (found && given)) return rc;
    return err_set(err, RC_FORBIDDEN,
                   "this needs consent to the purpose \"%s\"%s, which %s (POST /v1/consents)",
                   consent_names[purpose], photo.p ? " for this photo" : "",
                   found ? "was withdrawn" : "has not been given");
}

enum rc consent_any(struct app *app, struct str person, bool *any, struct err *err)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    int64_t n = 0;
    privacy_name(app, person, name);
    /* A consent that no later row about the same photo, or about all, has undone. */
    enum rc rc =
        privacy_get(app,
                    "SELECT count(*) FROM privacy_consent c WHERE c.person = ?1 AND c.given = 1 AND NOT EXISTS"
                    " (SELECT 1 FROM privacy_consent w WHERE w.person = ?1 AND w.purpose = c.purpose"
                    " AND w.n > c.n AND w.given = 0 AND (w.photo IS NULL OR w.photo = c.photo))",
                    STORE_ARGS(STORE_Z(name)), &n, NULL, err);
    *any = n > 0;
    return rc;
}

/* ---------------------------------------------------------------------------------------- withdrawal */

enum rc consent_walk(struct app *app, const char *person, const char *photo, const char *purpose,
                     struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && app->modules[i]; i++) {
        const struct module *m = app->modules[i];
        if (!m->consent_withdrawn) continue;
        rc = m->consent_withdrawn(app, person, photo, purpose, err);
        if (rc) err_prefix(err, "%s: ", m->name);
    }
    return rc;
}

static enum rc begin_withdrawal(struct app *app, const struct consent_given *c,
                                char id[static PRIVACY_ID_CHARS + 1], struct err *err)
{
    struct store_tx *tx = NULL;
    struct buf what = BUF_INIT(4096);
    struct jout j = JOUT_INIT(&what);
    jout_object(&j);
    jout_kstr(&j, "person", c->person);
    if (c->photo.p) jout_kstr(&j, "photo", c->photo);
    jout_kz(&j, "purpose", consent_names[c->purpose]);
    jout_end(&j);
    enum rc rc = buf_check(&what, "a withdrawal", err);
    if (!rc) rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (!rc) rc = append(app, tx, c, false, err);
    if (!rc) rc = intent_add(app, tx, "withdraw", buf_str(&what), id, err);
    rc = store_end(tx, rc, err);
    buf_release(&what);
    return rc;
}

static enum rc end_withdrawal(struct app *app, const char *id, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(app->reg, STORE_WRITE, &tx, err);
    if (rc) return rc;
    rc = intent_end(tx, id, err);
    return store_end(tx, rc, err);
}

enum rc consent_withdraw(struct app *app, struct str person, struct str photo, enum consent_purpose purpose,
                         const char *how, struct err *err)
{
    struct consent_given c = {.person = person, .photo = photo, .purpose = purpose, .how = how};
    char id[PRIVACY_ID_CHARS + 1], who[64], which[64];
    if (person.n >= sizeof who || photo.n >= sizeof which) return err_set(err, RC_INVALID, "no such id");
    snprintf(who, sizeof who, "%.*s", STR_ARG(person));
    snprintf(which, sizeof which, "%.*s", (int)photo.n, photo.p ? photo.p : "");
    enum rc rc = begin_withdrawal(app, &c, id, err);
    if (!rc) rc = consent_walk(app, who, photo.p ? which : NULL, consent_names[purpose], err);
    return rc ? rc : end_withdrawal(app, id, err);
}

/* ------------------------------------------------------------------------- export, erasure, verification */

#define COLUMNS "person, n, purpose, photo, given, version, language, how, at_ms, mac"

static void take_row(const struct store_rows *rows, struct row *r)
{
    *r = (struct row){.person = store_text(rows, 0),
                      .n = store_i64(rows, 1),
                      .purpose = store_text(rows, 2),
                      .photo = store_is_null(rows, 3) ? STR_NONE : store_text(rows, 3),
                      .given = store_i64(rows, 4),
                      .version = store_text(rows, 5),
                      .language = store_text(rows, 6),
                      .how = store_text(rows, 7),
                      .at_ms = store_i64(rows, 8)};
}

/* `names`: with the pseudonyms, for the register; without, for the person. */
static void write_row(const struct row *r, bool names, struct jout *out)
{
    char at[25];
    clock_rfc3339(r->at_ms, at);
    jout_object(out);
    if (names) jout_kstr(out, "person", r->person);
    jout_kstr(out, "purpose", r->purpose);
    jout_key(out, names ? "photo" : "photo_reference");
    if (r->photo.p)
        jout_str(out, r->photo);
    else
        jout_null(out);
    jout_kbool(out, "given", r->given != 0);
    jout_kstr(out, "text_version", r->version);
    jout_kstr(out, "language", r->language);
    jout_kstr(out, "how", r->how);
    jout_kz(out, "at", at);
    jout_end(out);
}

enum rc consent_export(struct app *app, const char *user, struct jout *out, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct row r;
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool more = false;
    privacy_name(app, str_of(user), name);
    jout_key(out, "consents");
    jout_array(out);
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT " COLUMNS " FROM privacy_consent WHERE person = ?1 ORDER BY n",
                         STORE_ARGS(STORE_Z(name)), &rows, err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        take_row(rows, &r);
        write_row(&r, false, out);
    }
    jout_end(out);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

enum rc consent_register(struct app *app, struct str after, int64_t after_n, int64_t most, struct jout *out,
                         char next[static 64], struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct row r;
    bool more = false;
    int64_t n = 0;
    next[0] = 0;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx,
                         "SELECT " COLUMNS " FROM privacy_consent WHERE person > ?1 OR (person = ?1 AND n > ?2)"
                         " ORDER BY person, n LIMIT ?3",
                         STORE_ARGS(STORE_S(after), STORE_I(after_n), STORE_I(most + 1)), &rows, err);
    char last[64] = "";
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        if (n++ == most) {
            snprintf(next, 64, "%s", last);
            break;
        }
        take_row(rows, &r);
        write_row(&r, true, out);
        snprintf(last, sizeof last, "%.*s:%lld", STR_ARG(r.person), (long long)r.n);
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

/* What outlives an erasure: that consents were given and withdrawn, and when, under a name that was drawn for it. */
enum rc consent_forget(struct app *app, struct store_tx *tx, struct str name, const char *random_name,
                       struct err *err)
{
    struct store_rows *rows = NULL;
    struct row r;
    char before[VAULT_PSEUDONYM_CHARS + 1] = "", mac[VAULT_PSEUDONYM_CHARS + 1] = "";
    bool more = true;
    enum rc rc = RC_OK;
    for (int64_t n = 1; !rc && more; n++) {
        rc = store_query(
            tx, "SELECT " COLUMNS " FROM privacy_consent WHERE person = ?1 AND n >= ?2 ORDER BY n LIMIT 1",
            STORE_ARGS(STORE_S(name), STORE_I(n)), &rows, err);
        if (!rc) rc = store_next(rows, &more, err);
        if (!rc && more) {
            take_row(rows, &r);
            r.person = str_of(random_name);
            r.photo = STR_NONE;
            r.n = n;
            row_mac(app, str_of(before), &r, mac);
        }
        struct store_value args[] = {STORE_S(name), STORE_I(n), STORE_Z(random_name), STORE_Z(mac)};
        store_rows_close(rows);
        rows = NULL;
        if (!rc && more)
            rc = store_exec(tx,
                            "UPDATE privacy_consent SET person = ?3, photo = NULL, mac = ?4 WHERE person = ?1"
                            " AND n = ?2",
                            args, 4, NULL, err);
        memcpy(before, mac, sizeof before);
    }
    return rc;
}

enum rc consent_verify(struct app *app, int64_t *n_rows, int64_t *bad, struct err *err)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    struct row r;
    char person[64] = "", before[VAULT_PSEUDONYM_CHARS + 1] = "", want[VAULT_PSEUDONYM_CHARS + 1];
    int64_t n = 0;
    bool more = false;
    *n_rows = *bad = 0;
    enum rc rc = store_begin(app->reg, STORE_READ, &tx, err);
    if (!rc)
        rc = store_query(tx, "SELECT " COLUMNS " FROM privacy_consent ORDER BY person, n", STORE_NO_ARGS, &rows,
                         err);
    while (!rc && !(rc = store_next(rows, &more, err)) && more) {
        take_row(rows, &r);
        if (!str_eqz(r.person, person)) before[0] = 0, n = 0;
        snprintf(person, sizeof person, "%.*s", STR_ARG(r.person));
        row_mac(app, str_of(before), &r, want);
        if (r.n != n + 1 || !str_eqz(store_text(rows, 9), want)) ++*bad;
        n = r.n;
        snprintf(before, sizeof before, "%.*s", STR_ARG(store_text(rows, 9)));
        ++*n_rows;
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}
