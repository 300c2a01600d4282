/* Consents, rights and retention, over a small house (privacy_house.h). */
#include "privacy_house.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#define T0 INT64_C(1760000000000) /* 9 October 2025 */

/* ------------------------------------------------------------------------------------------- consents */

static enum rc require(const char *person, const char *photo, enum consent_purpose purpose)
{
    return consent_require(&app, str_of(person), str_of(photo), purpose, &err);
}

static void withdraw(const char *person, const char *photo, enum consent_purpose purpose)
{
    assert_ok(consent_withdraw(&app, str_of(person), str_of(photo), purpose, "web", &err));
}

static void test_consent_for_each_photo_and_purpose(void **state)
{
    (void)state;
    assert_rc(require("anna", "p1", CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    assert_non_null(strstr(err.message, "\"recommendation\""));
    give("anna", "p1", CONSENT_RECOMMENDATION);
    assert_ok(require("anna", "p1", CONSENT_RECOMMENDATION));
    assert_rc(require("anna", "p2", CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    assert_rc(require("anna", NULL, CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    assert_rc(require("anna", "p1", CONSENT_TRYON), RC_FORBIDDEN);
    assert_rc(require("berta", "p1", CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    give("anna", NULL, CONSENT_RECOMMENDATION);
    assert_ok(require("anna", "p2", CONSENT_RECOMMENDATION));
    assert_ok(require("anna", NULL, CONSENT_RECOMMENDATION));
    withdraw("anna", "p1", CONSENT_RECOMMENDATION);
    assert_rc(require("anna", "p1", CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    assert_non_null(strstr(err.message, "withdrawn"));
    assert_ok(require("anna", "p2", CONSENT_RECOMMENDATION));
    withdraw("anna", NULL, CONSENT_RECOMMENDATION); /* undoes all before it */
    assert_rc(require("anna", "p2", CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    give("anna", "p3", CONSENT_RECOMMENDATION);
    assert_ok(require("anna", "p3", CONSENT_RECOMMENDATION));
    assert_rc(require("anna", "p2", CONSENT_RECOMMENDATION), RC_FORBIDDEN);
}

static void test_consent_words(void **state)
{
    (void)state;
    struct consent_given c = {
        .person = STR("anna"), .purpose = CONSENT_TRYON, .how = "web", .language = STR("fr")};
    c.text_version = STR("1999-01");
    assert_rc(consent_give(&app, &c, &err), RC_UNPROCESSABLE);
    c.text_version = str_of(consent_texts[0].version);
    c.language = STR("de");
    assert_rc(consent_give(&app, &c, &err), RC_UNPROCESSABLE);
    int n[CONSENT_PURPOSES][2] = {{0}};
    for (const struct consent_text *t = consent_texts; t->version; t++) {
        assert_true(strlen(t->text) > 100);
        if (strcmp(t->version, consent_texts[0].version) == 0) n[t->purpose][strcmp(t->language, "fr") == 0]++;
    }
    for (int i = 0; i < CONSENT_PURPOSES; i++)
        assert_true(n[i][0] == 1 && n[i][1] == 1);
}

static void test_withdrawal_takes_effect_at_once(void **state)
{
    (void)state;
    assert_ok(person_make("anna", T0));
    assert_ok(person_make("berta", T0));
    give("anna", NULL, CONSENT_RECOMMENDATION);
    withdraw("anna", "thing-anna-0", CONSENT_RECOMMENDATION);
    assert_int_equal(things_of("anna"), 1);
    withdraw("anna", NULL, CONSENT_TRYON);
    assert_int_equal(things_of("anna"), 1);
    withdraw("anna", NULL, CONSENT_RECOMMENDATION);
    assert_int_equal(things_of("anna"), 0);
    assert_int_equal(things_of("berta"), 2);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_intent"), 0);
}

static void test_withdrawal_is_carried_to_its_end(void **state)
{
    (void)state;
    int64_t n = 0;
    assert_ok(person_make("anna", T0));
    give("anna", NULL, CONSENT_RECOMMENDATION);
    box_fails = 2;
    assert_rc(consent_withdraw(&app, STR("anna"), STR_NONE, CONSENT_RECOMMENDATION, "web", &err), RC_IO);
    assert_rc(require("anna", NULL, CONSENT_RECOMMENDATION), RC_FORBIDDEN); /* withdrawn all the same */
    assert_int_equal(things_of("anna"), 2);
    assert_ok(privacy_resume(&app, CLOCK_HOUR_MS, &n, &err)); /* not old enough: somebody may be at it */
    assert_int_equal(n, 0);
    assert_rc(privacy_resume(&app, 0, &n, &err), RC_IO);
    assert_ok(privacy_resume(&app, 0, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(things_of("anna"), 0);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_intent"), 0);
}

static void test_register_is_chained(void **state)
{
    (void)state;
    static const char *const forgeries[] = {"UPDATE privacy_consent SET given = 1 WHERE n = 2",
                                            "UPDATE privacy_consent SET at_ms = at_ms - 1 WHERE n = 1",
                                            "UPDATE privacy_consent SET photo = NULL WHERE n = 1",
                                            "DELETE FROM privacy_consent WHERE n = 1"};
    int64_t rows, bad;
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        if (i) assert_int_equal(house_setup(state), 0);
        give("anna", "p1", CONSENT_RECOMMENDATION);
        withdraw("anna", "p1", CONSENT_RECOMMENDATION);
        give("berta", NULL, CONSENT_TRYON);
        assert_ok(consent_verify(&app, &rows, &bad, &err));
        assert_int_equal(rows, 3);
        assert_int_equal(bad, 0);
        assert_ok(one(app.reg, forgeries[i], STORE_NO_ARGS, &err));
        assert_ok(consent_verify(&app, &rows, &bad, &err));
        assert_true(bad > 0);
        if (i + 1 < sizeof forgeries / sizeof *forgeries) house_teardown(state);
    }
}

static void test_objection(void **state)
{
    (void)state;
    bool allowed = false;
    assert_ok(privacy_profiling_allowed(&app, STR("anna"), &allowed, &err));
    assert_true(allowed);
    assert_ok(privacy_object(&app, STR("anna"), true, &err));
    assert_ok(privacy_object(&app, STR("anna"), true, &err));
    assert_ok(privacy_profiling_allowed(&app, STR("anna"), &allowed, &err));
    assert_false(allowed);
    assert_ok(privacy_profiling_allowed(&app, STR("berta"), &allowed, &err));
    assert_true(allowed);
    assert_ok(privacy_object(&app, STR("anna"), false, &err));
    assert_ok(privacy_profiling_allowed(&app, STR("anna"), &allowed, &err));
    assert_true(allowed);
}

/* ------------------------------------------------------------------------------------------- archives */

static void wait_ready(const char *person, const char *id, char out[static 16])
{
    for (int i = 0; i < 600; i++) {
        struct buf text = BUF_INIT(4096);
        struct jout j = JOUT_INIT(&text);
        struct jval *doc = NULL;
        assert_ok(archive_state(&app, str_of(person), str_of(id), &j, &err));
        assert_ok(jval_parse(buf_str(&text), 4096, &doc, &err));
        snprintf(out, 16, "%.*s", STR_ARG(jval_str(jval_get(doc, "state"))));
        jval_destroy(doc);
        buf_release(&text);
        if (strcmp(out, "ready") == 0 || strcmp(out, "failed") == 0) return;
        usleep(50000);
    }
    fail_msg("the archive is not made: %s", out);
}

struct search {
    const void *what;
    size_t n;
    int files, hits;
};
static enum rc look_into(const char *path, void *ctx, struct err *e)
{
    struct search *s = ctx;
    char *p = NULL;
    size_t n = 0;
    enum rc rc = fs_read(path, 64 << 20, &p, &n, e);
    if (!rc && memmem(p, n, s->what, s->n)) {
        s->hits++;
        print_message("found in %s\n", path);
    }
    s->files++;
    free(p);
    return rc;
}

/* In how many files of the house these bytes are. */
static int files_with(const void *what, size_t n)
{
    struct search s = {.what = what, .n = n};
    assert_ok(fs_walk(house_dir, look_into, &s, &err));
    assert_true(s.files > 3);
    return s.hits;
}
static int files_with_text(const char *text) { return files_with(text, strlen(text)); }

static void check_zip(const struct buf *zip)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e;
    int files = 0;
    bool data = false;
    assert_int_equal(archive_read_support_format_zip(a), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(a, zip->p, zip->n), ARCHIVE_OK);
    while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
        char text[64 << 10];
        ssize_t n = archive_read_data(a, text, sizeof text);
        assert_true(n > 0);
        if (strcmp(archive_entry_pathname(e), "data.json") == 0) {
            struct jval *doc = NULL;
            data = true;
            assert_ok(jval_parse((struct str){text, (size_t)n}, sizeof text, &doc, &err));
            const struct jval *things = jval_get(jval_get(doc, "box"), "things");
            assert_int_equal(jval_len(things), 2);
            assert_true(str_eqz(jval_str(jval_get(jval_at(things, 0), "text")), "the secret of anna"));
            const struct jval *mine = jval_get(doc, "privacy");
            assert_int_equal(jval_len(jval_get(mine, "consents")), 1);
            assert_true(jval_is_string(jval_get(mine, "objected_to_profiling")));
            assert_int_equal(jval_len(jval_get(mine, "accesses")), 1);
            jval_destroy(doc);
        } else {
            assert_true(str_starts(str_of(archive_entry_pathname(e)), STR("photos/thing-anna-")));
            assert_memory_equal(text, "the secret of anna", 18);
        }
        files++;
    }
    archive_read_free(a);
    assert_true(data);
    assert_int_equal(files, 3);
}

static void test_archive(void **state)
{
    (void)state;
    char id[ARCHIVE_ID_CHARS + 1], again[ARCHIVE_ID_CHARS + 1], how[16];
    struct buf zip = BUF_INIT(1 << 20);
    struct audit_event e = {.who = STR("anna"), .what = "photo.read", .result = "ok"};
    int64_t n = 0;
    assert_ok(person_make("anna", T0));
    assert_ok(person_make("berta", T0));
    give("anna", NULL, CONSENT_RECOMMENDATION);
    assert_ok(privacy_object(&app, STR("anna"), true, &err));
    assert_ok(audit_append(&app, &e, &err));
    assert_ok(archive_ask(&app, STR("anna"), id, &err));
    assert_ok(archive_ask(&app, STR("anna"), again, &err)); /* one at a time */
    assert_string_equal(id, again);
    assert_rc(archive_read(&app, STR("anna"), str_of(id), &zip, &err), RC_CONFLICT);
    job_register(&archive_job);
    assert_ok(job_module.start(&app, &err));
    wait_ready("anna", id, how);
    assert_string_equal(how, "ready");
    assert_rc(archive_read(&app, STR("berta"), str_of(id), &zip, &err), RC_NOT_FOUND);
    assert_ok(archive_read(&app, STR("anna"), str_of(id), &zip, &err));
    check_zip(&zip);
    assert_int_equal(files_with_text("the secret of"), 0);
    assert_int_equal(files_with_text("data.json"), 0);
    clock_freeze(clock_now_ms() + 49 * CLOCK_HOUR_MS);
    assert_rc(archive_read(&app, STR("anna"), str_of(id), &zip, &err), RC_NOT_FOUND);
    assert_ok(archive_expire(&app, clock_now_ms(), false, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_archive"), 0);
    job_unregister(&archive_job);
    job_module.stop(&app);
    buf_release(&zip);
}

static void test_archive_of_erased_person(void **state)
{
    (void)state;
    char id[ARCHIVE_ID_CHARS + 1];
    struct buf receipt = BUF_INIT(1 << 20);
    assert_ok(person_make("anna", T0));
    assert_ok(archive_ask(&app, STR("anna"), id, &err));
    assert_ok(privacy_erase(&app, STR("anna"), "request", &receipt, &err));
    job_register(&archive_job);
    assert_ok(job_module.start(&app, &err));
    for (int i = 0; i < 200 && number(app.ops, "SELECT count(*) FROM job WHERE state IN ('queued', 'running')");
         i++)
        usleep(50000);
    assert_int_equal(number(app.ops, "SELECT count(*) FROM job WHERE state = 'done'"), 1);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_archive"), 0);
    job_unregister(&archive_job);
    job_module.stop(&app);
    buf_release(&receipt);
}

/* -------------------------------------------------------------------------------------------- erasure */

static void check_receipt(const struct buf *jws, char name[static 64])
{
    uint8_t key[RECEIPT_KEY_BYTES], other[RECEIPT_KEY_BYTES];
    struct buf payload = BUF_INIT(64 << 10), altered = BUF_INIT(64 << 10);
    struct jval *doc = NULL;
    bool destroyed = false;
    assert_ok(receipt_public_key(&app, key, &err));
    assert_ok(receipt_verify(key, buf_str(jws), &payload, &err));
    assert_ok(jval_parse(buf_str(&payload), 64 << 10, &doc, &err));
    assert_true(jval_bool(jval_get(doc, "key_destroyed"), &destroyed) && destroyed);
    assert_int_equal(jval_len(jval_get(doc, "erased")), 3);
    snprintf(name, 64, "%.*s", STR_ARG(jval_str(jval_get(jval_get(doc, "kept"), "consent_facts"))));
    jval_destroy(doc);
    memcpy(other, key, sizeof other);
    other[0] ^= 1;
    assert_rc(receipt_verify(other, buf_str(jws), &payload, &err), RC_FORBIDDEN);
    for (size_t i = 0; i < jws->n; i += 7) { /* any character changed */
        buf_reset(&altered);
        buf_add(&altered, buf_str(jws));
        if (altered.p[i] == '.') continue;
        altered.p[i] = altered.p[i] == 'A' ? 'B' : 'A';
        struct err e;
        if (receipt_verify(key, buf_str(&altered), &payload, &e) == RC_OK)
            fail_msg("accepted with character %zu of %zu changed", i, jws->n);
    }
    assert_rc(receipt_verify(key, STR("a.b"), &payload, &err), RC_INVALID);
    buf_release(&payload);
    buf_release(&altered);
}

static void use_everything(const char *person)
{
    assert_ok(person_make(person, T0));
    give(person, NULL, CONSENT_RECOMMENDATION);
    give(person, "thing-x", CONSENT_TRYON);
    assert_ok(privacy_object(&app, str_of(person), true, &err));
}

static void test_erasure(void **state)
{
    (void)state;
    const char *anna = "anna-0123456789abcdefg", *berta = "berta-123456789abcdefg";
    struct buf receipt = BUF_INIT(64 << 10), sealed = BUF_INIT(64 << 10);
    char box[VAULT_PSEUDONYM_CHARS + 1], name[VAULT_PSEUDONYM_CHARS + 1], random_name[64], sql[200];
    int64_t rows, bad;
    use_everything(anna);
    use_everything(berta);
    box_name(str_of(anna), box);
    privacy_name(&app, str_of(anna), name);
    assert_ok(vault_seal(app.vault, str_of(anna), STR("backup"), STR("old"), &sealed, &err));
    assert_true(files_with_text(anna) > 0);
    assert_true(files_with_text(box) > 0);
    assert_true(files_with_text(name) > 0);
    assert_ok(privacy_erase(&app, str_of(anna), "request", &receipt, &err));
    check_receipt(&receipt, random_name);
    assert_int_equal(things_of(anna), 0);
    assert_false(has_account(anna));
    assert_false(has_key(anna));
    struct buf plain = BUF_INIT(4096);
    assert_rc(vault_unseal(app.vault, str_of(anna), STR("backup"), buf_str(&sealed), &plain, &err),
              RC_NOT_FOUND);
    /* byte by byte, in every file */
    assert_int_equal(files_with_text(anna), 0);
    assert_int_equal(files_with_text(box), 0);
    assert_int_equal(files_with_text(name), 0);
    assert_int_equal(files_with_text("thing-anna"), 0);
    /* the facts live on under the name that only the receipt tells, and hold together */
    snprintf(sql, sizeof sql, "SELECT count(*) FROM privacy_consent WHERE person = '%s' AND photo IS NULL",
             random_name);
    assert_int_equal(number(app.reg, sql), 2);
    assert_ok(consent_verify(&app, &rows, &bad, &err));
    assert_int_equal(rows, 4);
    assert_int_equal(bad, 0);
    /* and nobody else is touched */
    assert_int_equal(things_of(berta), 2);
    assert_true(has_account(berta) && has_key(berta));
    assert_ok(require(berta, "p", CONSENT_RECOMMENDATION));
    buf_release(&receipt);
    buf_release(&sealed);
    buf_release(&plain);
}

static void test_erasure_is_carried_to_its_end(void **state)
{
    (void)state;
    const char *anna = "anna-0123456789abcdefg";
    struct buf receipt = BUF_INIT(64 << 10);
    int64_t n = 0;
    use_everything(anna);
    box_fails = 1;
    assert_rc(privacy_erase(&app, str_of(anna), "request", &receipt, &err), RC_IO);
    assert_true(has_account(anna));
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_intent"), 1);
    house_close();
    assert_int_equal(files_with_text("\"person\""), 0); /* the intent names nobody in clear */
    assert_ok(house_open());
    assert_ok(privacy_resume(&app, 0, &n, &err));
    assert_int_equal(n, 1);
    assert_false(has_account(anna));
    assert_false(has_key(anna));
    assert_int_equal(files_with_text(anna), 0);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_receipt"), 1);
    assert_ok(privacy_resume(&app, 0, &n, &err));
    assert_int_equal(n, 0);
    buf_release(&receipt);
}

/* ------------------------------------------------------------------------------------------ retention */

static int64_t counted(const struct buf *report, const char *of, const char *name)
{
    struct jval *doc = NULL;
    int64_t n = -1;
    assert_ok(jval_parse(buf_str(report), 64 << 10, &doc, &err));
    const struct jval *at = of ? jval_get(doc, of) : doc;
    assert_true(jval_i64(jval_get(at, name), &n));
    jval_destroy(doc);
    return n;
}

static void purge(bool dry_run, int64_t warned, int64_t waiting, int64_t erased)
{
    struct buf report = BUF_INIT(64 << 10);
    assert_ok(privacy_purge(&app, dry_run, &report, &err));
    if (counted(&report, "accounts", "warned") != warned ||
        counted(&report, "accounts", "waiting") != waiting ||
        counted(&report, "accounts", "erased") != erased || counted(&report, NULL, "failed") != 0)
        fail_msg("not %d warned, %d waiting, %d erased: %s", (int)warned, (int)waiting, (int)erased, report.p);
    buf_release(&report);
}

static const char *const ids[] = {"a123456789abcdefghijkl", "b123456789abcdefghijkl", "c123456789abcdefghijkl"};

static void test_retention(void **state)
{
    (void)state;
    int64_t day = CLOCK_DAY_MS;
    clock_freeze(T0);
    assert_ok(person_make(ids[0], clock_day_ms(T0)));
    assert_ok(person_make(ids[1], clock_day_ms(T0)));
    assert_ok(person_make(ids[2], clock_day_ms(T0 + 200 * day)));
    purge(false, 0, 0, 0);
    clock_freeze(T0 + 334 * day); /* 31 days before the year is over */
    purge(false, 0, 0, 0);
    clock_freeze(T0 + 336 * day);
    purge(true, 2, 0, 0);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_warning"), 0);
    purge(false, 2, 0, 0);
    purge(false, 0, 0, 0); /* once */
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_warning"), 2);
    /* one comes back */
    assert_ok(one(app.identity, "UPDATE account SET seen_ms = ?2 WHERE id = ?1",
                  STORE_ARGS(STORE_Z(ids[1]), STORE_I(clock_day_ms(T0 + 340 * day))), &err));
    clock_freeze(T0 + 365 * day);
    purge(false, 0, 0, 0);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_warning"), 1);
    clock_freeze(T0 + 367 * day);
    purge(true, 0, 0, 1);
    assert_true(has_account(ids[0]));
    purge(false, 0, 0, 1);
    assert_false(has_account(ids[0]));
    assert_false(has_key(ids[0]));
    assert_int_equal(things_of(ids[0]), 0);
    assert_true(has_account(ids[1]) && has_account(ids[2]));
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_warning"), 0);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_receipt"), 1);
    assert_int_equal(number(app.reg, "SELECT count(*) FROM privacy_report"), 5);
}

/* An installation that was off for two years warns first all the same. */
static void test_nobody_is_erased_unwarned(void **state)
{
    (void)state;
    int64_t day = CLOCK_DAY_MS;
    clock_freeze(T0);
    assert_ok(person_make(ids[0], clock_day_ms(T0)));
    clock_freeze(T0 + 730 * day);
    purge(false, 1, 1, 0);
    clock_freeze(T0 + 759 * day);
    purge(false, 0, 1, 0);
    clock_freeze(T0 + 760 * day);
    purge(false, 0, 0, 1);
}

static void test_photos_shorter(void **state)
{
    (void)state;
    int64_t day = CLOCK_DAY_MS;
    struct buf report = BUF_INIT(64 << 10);
    set("privacy_photo_months", "6");
    clock_freeze(T0);
    assert_ok(person_make(ids[0], clock_day_ms(T0)));
    give(ids[0], NULL, CONSENT_RECOMMENDATION);
    clock_freeze(T0 + 190 * day);
    for (int run = 0; run < 3; run++) { /* a dry one, one that does it, one with nothing left to do */
        buf_reset(&report);
        assert_ok(privacy_purge(&app, run == 0, &report, &err));
        assert_int_equal(counted(&report, "accounts", "photo_consents_lapsed"), run < 2);
        assert_int_equal(things_of(ids[0]), run == 0 ? 2 : 0);
    }
    assert_true(has_account(ids[0]));
    assert_rc(require(ids[0], NULL, CONSENT_RECOMMENDATION), RC_FORBIDDEN);
    struct jval *doc = NULL;
    int64_t days = 0;
    assert_ok(jval_parse(buf_str(&report), 64 << 10, &doc, &err)); /* modules were asked */
    assert_true(jval_i64(jval_get(jval_get(jval_get(doc, "modules"), "box"), "days"), &days));
    assert_true(days >= 364 && days <= 366);
    jval_destroy(doc);
    buf_release(&report);
}

static void test_daily_job(void **state)
{
    (void)state;
    int64_t midnight = clock_day_ms(T0);
    clock_freeze(midnight + 2 * CLOCK_HOUR_MS);
    assert_ok(retention_due(&app, &err));
    assert_int_equal(number(app.ops, "SELECT count(*) FROM job"), 0);
    clock_freeze(midnight + 4 * CLOCK_HOUR_MS);
    assert_ok(retention_due(&app, &err));
    assert_ok(retention_due(&app, &err));
    assert_int_equal(number(app.ops, "SELECT count(*) FROM job WHERE kind = 'privacy_purge'"), 1);
    assert_ok(one(app.ops, "DELETE FROM job", STORE_NO_ARGS, &err));
    purge(false, 0, 0, 0);
    assert_ok(retention_due(&app, &err)); /* done for today */
    assert_int_equal(number(app.ops, "SELECT count(*) FROM job"), 0);
    clock_freeze(midnight + 28 * CLOCK_HOUR_MS);
    assert_ok(retention_due(&app, &err));
    assert_int_equal(number(app.ops, "SELECT count(*) FROM job"), 1);
}

static void test_calendar(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int64_t months;
        const char *to;
    } cases[] = {{"2026-11-22", 12, "2025-11-22"}, {"2026-03-31", 1, "2026-02-28"},
                 {"2024-03-31", 1, "2024-02-29"},  {"2026-01-15", 1, "2025-12-15"},
                 {"2026-11-30", 9, "2026-02-28"},  {"2024-02-29", 12, "2023-02-28"},
                 {"2026-06-15", 30, "2023-12-15"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t from, to;
        assert_true(clock_parse(str_of(cases[i].from), &from) && clock_parse(str_of(cases[i].to), &to));
        assert_int_equal(privacy_months_before(from, cases[i].months), to);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_consent_for_each_photo_and_purpose),
        TEST(test_consent_words),
        TEST(test_withdrawal_takes_effect_at_once),
        TEST(test_withdrawal_is_carried_to_its_end),
        TEST(test_register_is_chained),
        TEST(test_objection),
        TEST(test_archive),
        TEST(test_archive_of_erased_person),
        TEST(test_erasure),
        TEST(test_erasure_is_carried_to_its_end),
        TEST(test_retention),
        TEST(test_nobody_is_erased_unwarned),
        TEST(test_photos_shorter),
        TEST(test_daily_job),
        TEST(test_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
