/*
 * A small house for the tests of privacy: stores and vault in a fresh folder, the module under test, and two others: "box",
 * which keeps sealed things of persons and files of theirs, and "ident", which knows when who was last there.
 */
#ifndef TESTS_UNIT_PRIVACY_HOUSE_H
#define TESTS_UNIT_PRIVACY_HOUSE_H

#include "test.h"

#include "base/clock.h"
#include "base/jval.h"
#include "crypt/crypt.h"
#include "ident/ident.h"
#include "privacy/privacy_internal.h"
#include "privacy/receipt.h"

static struct err err;
static struct app app;
static char house_dir[512];
static int box_fails; /* so many calls of consent_withdrawn and erase_user fail before one works */

static void (*on_step)(void); /* called where an erasure passes by */

static inline void step(void)
{
    if (on_step) on_step();
}

static const struct migration box_migrations[] = {
    {"wardrobe", 1,
     "CREATE TABLE box_thing (id TEXT NOT NULL PRIMARY KEY, person TEXT NOT NULL, sealed BLOB NOT NULL)"
     " /* no row order */;"
     "CREATE INDEX box_thing_person ON box_thing (person)"},
    {0}};
static const struct migration fake_ident_migrations[] = {
    {"identity", 1,
     "CREATE TABLE account (id TEXT NOT NULL PRIMARY KEY, seen_ms INTEGER NOT NULL) /* no row order */"},
    {0}};

static enum rc one(struct store *s, const char *sql, const struct store_value *args, size_t n, struct err *e)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(s, STORE_WRITE, &tx, e);
    if (rc) return rc;
    rc = store_exec(tx, sql, args, n, NULL, e);
    if (!rc) return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

static inline int64_t number(struct store *s, const char *sql)
{
    struct store_tx *tx = NULL;
    int64_t n = -1;
    assert_ok(store_begin(s, STORE_READ, &tx, &err));
    enum rc rc = store_get_i64(tx, sql, STORE_NO_ARGS, &n, NULL, &err);
    store_rollback(tx);
    if (rc) fail_msg("%s: %s", sql, err.message);
    return n;
}

static inline void box_name(struct str user, char out[static VAULT_PSEUDONYM_CHARS + 1])
{
    vault_pseudonym(app.vault, "wardrobe", user, out);
}

static enum rc box_put(const char *user, const char *id, const char *text, struct err *e)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    struct buf sealed = BUF_INIT(1 << 20);
    box_name(str_of(user), name);
    enum rc rc = vault_seal(app.vault, str_of(user), str_of(id), str_of(text), &sealed, e);
    if (!rc)
        rc = one(app.wardrobe, "INSERT INTO box_thing (id, person, sealed) VALUES (?1, ?2, ?3)",
                 STORE_ARGS(STORE_Z(id), STORE_Z(name), STORE_B(sealed.p, sealed.n)), e);
    buf_release(&sealed);
    return rc;
}

/* Calls fn for each thing of the person, in clear. */
static enum rc box_each(const char *user,
                        enum rc (*fn)(void *ctx, struct str id, struct str text, struct err *e), void *ctx,
                        struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    char name[VAULT_PSEUDONYM_CHARS + 1];
    bool more = false;
    box_name(str_of(user), name);
    enum rc rc = store_begin(app.wardrobe, STORE_READ, &tx, e);
    if (!rc)
        rc = store_query(tx, "SELECT id, sealed FROM box_thing WHERE person = ?1 ORDER BY id",
                         STORE_ARGS(STORE_Z(name)), &rows, e);
    while (!rc && !(rc = store_next(rows, &more, e)) && more) {
        struct buf text = BUF_INIT(1 << 20);
        rc = vault_unseal(app.vault, str_of(user), store_text(rows, 0), store_blob(rows, 1), &text, e);
        if (!rc) rc = fn(ctx, store_text(rows, 0), buf_str(&text), e);
        buf_release(&text);
    }
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

static enum rc box_write(void *ctx, struct str id, struct str text, struct err *e)
{
    struct jout *out = ctx;
    (void)e;
    jout_object(out);
    jout_kstr(out, "id", id);
    jout_kstr(out, "text", text);
    jout_end(out);
    return RC_OK;
}

static enum rc box_export(struct app *a, const char *user, struct jout *out, struct err *e)
{
    (void)a;
    jout_key(out, "things");
    jout_array(out);
    enum rc rc = box_each(user, box_write, out, e);
    jout_end(out);
    return rc;
}

struct giving {
    module_give_file give;
    void *ctx;
};
static enum rc box_give(void *ctx, struct str id, struct str text, struct err *e)
{
    struct giving *g = ctx;
    char name[128];
    snprintf(name, sizeof name, "photos/%.*s.txt", STR_ARG(id));
    return g->give(g->ctx, str_of(name), text, e);
}

static enum rc box_files(struct app *a, const char *user, module_give_file give, void *ctx, struct err *e)
{
    struct giving g = {give, ctx};
    (void)a;
    return box_each(user, box_give, &g, e);
}

static enum rc box_erase(struct app *a, const char *user, struct err *e)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    step();
    if (box_fails > 0 && box_fails--) return err_set(e, RC_IO, "the box is stuck");
    box_name(str_of(user), name);
    return one(a->wardrobe, "DELETE FROM box_thing WHERE person = ?1", STORE_ARGS(STORE_Z(name)), e);
}

static enum rc box_withdrawn(struct app *a, const char *user, const char *photo, const char *purpose,
                             struct err *e)
{
    char name[VAULT_PSEUDONYM_CHARS + 1];
    if (box_fails > 0 && box_fails--) return err_set(e, RC_IO, "the box is stuck");
    if (strcmp(purpose, "recommendation") != 0) return RC_OK;
    box_name(str_of(user), name);
    return one(a->wardrobe, "DELETE FROM box_thing WHERE person = ?1 AND (?2 IS NULL OR id = ?2)",
               STORE_ARGS(STORE_Z(name), STORE_Z(photo)), e);
}

static enum rc box_purge(struct app *a, const struct module_retention *r, struct jout *report, struct err *e)
{
    (void)a;
    (void)e;
    jout_kbool(report, "asked", true);
    jout_ki64(report, "days", (r->now_ms - r->activity_before_ms) / CLOCK_DAY_MS);
    return RC_OK;
}

static const struct module box_module = {.name = "box",
                                         .migrations = box_migrations,
                                         .export_user = box_export,
                                         .export_files = box_files,
                                         .erase_user = box_erase,
                                         .consent_withdrawn = box_withdrawn,
                                         .purge = box_purge};

static enum rc fake_ident_erase(struct app *a, const char *user, struct err *e)
{
    step();
    return one(a->identity, "DELETE FROM account WHERE id = ?1", STORE_ARGS(STORE_Z(user)), e);
}
static const struct module fake_ident = {
    .name = "ident", .migrations = fake_ident_migrations, .erase_user = fake_ident_erase};

/* In the place of ident's own, which is not linked then. */
enum rc ident_inactive(struct app *a, int64_t before_ms,
                       enum rc (*fn)(void *ctx, struct str id, struct err *err), void *ctx, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_rows *rows = NULL;
    bool more = false;
    enum rc rc = store_begin(a->identity, STORE_READ, &tx, e);
    if (!rc)
        rc = store_query(tx, "SELECT id FROM account WHERE seen_ms < ?1 ORDER BY id",
                         STORE_ARGS(STORE_I(before_ms)), &rows, e);
    while (!rc && !(rc = store_next(rows, &more, e)) && more)
        rc = fn(ctx, store_text(rows, 0), e);
    store_rows_close(rows);
    store_rollback(tx);
    return rc;
}

static const struct module *const house_modules[] = {&fake_ident, &job_module, &privacy_module, &box_module,
                                                     NULL};

static inline enum rc house_store(const char *name, struct store **out)
{
    char url[600];
    snprintf(url, sizeof url, "sqlite:%s/%s.db", house_dir, name);
    struct store_options options = {.name = name, .overwrite = true};
    enum rc rc = store_open(url, &options, out, &err);
    for (size_t i = 0; !rc && house_modules[i]; i++)
        if (house_modules[i]->migrations)
            rc = store_migrate(*out, house_modules[i]->name, house_modules[i]->migrations, &err);
    return rc;
}

/* Opens the house in house_dir, which stays for the next time. */
static inline enum rc house_open(void)
{
    static const struct config_key *tables[4]; /* borrowed by the config */
    tables[0] = vault_config;
    tables[1] = privacy_module.config;
    tables[2] = job_module.config;
    app = (struct app){.data_dir = house_dir, .modules = house_modules};
    enum rc rc = crypt_startup(&err);
    if (!rc) rc = config_create(tables, &app.config, &err);
    if (!rc) rc = vault_open(house_dir, app.config, &app.vault, &err);
    if (!rc) rc = house_store("identity", &app.identity);
    if (!rc) rc = house_store("wardrobe", &app.wardrobe);
    if (!rc) rc = house_store("register", &app.reg);
    if (!rc) rc = house_store("ops", &app.ops);
    return rc;
}

static inline void house_close(void)
{
    store_close(app.ops);
    store_close(app.reg);
    store_close(app.wardrobe);
    store_close(app.identity);
    vault_close(app.vault);
    config_destroy(app.config);
    app = (struct app){0};
}

static inline void set(const char *key, const char *value)
{
    assert_ok(config_set(app.config, str_of(key), str_of(value), &err));
}

static inline int house_setup(void **state)
{
    void *path;
    (void)state;
    box_fails = 0;
    if (temp_dir_make(&path)) return -1;
    snprintf(house_dir, sizeof house_dir, "%s", (char *)path);
    free(path);
    if (!house_open()) return 0;
    fprintf(stderr, "%s\n", err.message);
    return -1;
}

static inline int house_teardown(void **state)
{
    (void)state;
    clock_freeze(-1);
    house_close();
    return fs_remove_tree(house_dir, NULL) ? -1 : 0;
}

/* A person with a key, an account, and two things in the box. */
static inline enum rc person_make(const char *id, int64_t seen_ms)
{
    char thing[64], text[128];
    enum rc rc = vault_add_person(app.vault, str_of(id), &err);
    if (!rc)
        rc = one(app.identity, "INSERT INTO account (id, seen_ms) VALUES (?1, ?2)",
                 STORE_ARGS(STORE_Z(id), STORE_I(seen_ms)), &err);
    for (int i = 0; !rc && i < 2; i++) {
        snprintf(thing, sizeof thing, "thing-%s-%d", id, i);
        snprintf(text, sizeof text, "the secret of %s", id);
        rc = box_put(id, thing, text, &err);
    }
    return rc;
}

static inline int64_t things_of(const char *id)
{
    char sql[200], name[VAULT_PSEUDONYM_CHARS + 1];
    box_name(str_of(id), name);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM box_thing WHERE person = '%s'", name);
    return number(app.wardrobe, sql);
}

static inline bool has_key(const char *id)
{
    struct buf sealed = BUF_INIT(4096);
    struct err e;
    enum rc rc = vault_seal(app.vault, str_of(id), STR("probe"), STR("x"), &sealed, &e);
    buf_release(&sealed);
    return rc == RC_OK;
}

static inline bool has_account(const char *id)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM account WHERE id = '%s'", id);
    return number(app.identity, sql) == 1;
}

static inline void give(const char *person, const char *photo, enum consent_purpose purpose)
{
    struct consent_given c = {.person = str_of(person),
                              .photo = str_of(photo),
                              .purpose = purpose,
                              .text_version = str_of(consent_texts[0].version),
                              .language = STR("fr"),
                              .how = "web"};
    assert_ok(consent_give(&app, &c, &err));
}

#endif
