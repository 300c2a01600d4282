/* Accounts, sessions, second factor, limits, links, tokens, keys: without HTTP. */
#include "test.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "ident/ident_internal.h"

#include <unistd.h>

static struct err err;
static struct app app;
static char dir[600];
static int audits;
static char last_audit[64];

static enum rc note_audit(struct app *a, const struct audit_event *e, struct err *x)
{
    (void)a;
    (void)x;
    audits++;
    snprintf(last_audit, sizeof last_audit, "%s %s", e->what, e->result);
    return RC_OK;
}

static void set(const char *key, const char *value)
{
    assert_ok(config_set(app.config, str_of(key), str_of(value), &err));
}

static int open_all(void **state)
{
    static const struct config_key http_keys[] = {{"http_port", CONFIG_INT, "8443", 0, 65535, "Port."}, {0}};
    static const struct config_key *const tables[] = {vault_config, ident_config, http_keys, NULL};
    static const struct module *const modules[] = {NULL};
    static int counter;
    char url[700];
    snprintf(dir, sizeof dir, "%s/house%d", (const char *)*state, counter++);
    app = (struct app){.data_dir = dir, .modules = modules, .audit = note_audit};
    assert_ok(crypt_startup(&err));
    assert_ok(fs_mkdirs(dir, 0700, &err));
    assert_ok(config_create(tables, &app.config, &err));
    set("ident_password_memory", "19m");
    set("ident_password_passes", "1");
    set("ident_limit_account", "3");
    assert_ok(vault_open(dir, app.config, &app.vault, &err));
    snprintf(url, sizeof url, "sqlite:%s/identity.db", dir);
    const struct store_options options = {.name = "identity"};
    assert_ok(store_open(url, &options, &app.identity, &err));
    assert_ok(store_migrate(app.identity, "ident", ident_migrations, &err));
    assert_ok(memory_create(&app, &app.ident, &err));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    clock_freeze(-1);
    memory_destroy(app.ident);
    store_close(app.identity);
    vault_close(app.vault);
    config_destroy(app.config);
    return 0;
}

static void sign_up(const char *email, unsigned roles, char id[static IDENT_ID_CHARS + 1])
{
    const struct ident_new n = {str_of(email), STR("a long password"), roles, true, false};
    assert_ok(ident_create(&app, &n, id, &err));
}

static int64_t count(const char *sql)
{
    struct store_tx *tx;
    int64_t n = -1;
    assert_ok(store_begin(app.identity, STORE_READ, &tx, &err));
    assert_ok(store_get_i64(tx, sql, STORE_NO_ARGS, &n, NULL, &err));
    store_rollback(tx);
    return n;
}

/* ---- accounts ---- */

static void emails_are_checked_and_normalised(void **state)
{
    (void)state;
    char out[IDENT_EMAIL_MAX + 1];
    static const char *const bad[] = {"",        "a",       "@b",      "a@",    "a@b@c",
                                      "a b@c.d", "a@b..c",  "a@.b",    "a@b.",  "a\n@b.c",
                                      "a@b\r.c", "<a@b.c>", "a@b_c.d", "é@b.c", "a,b@c.d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_rc(account_email(str_of(bad[i]), out, &err), RC_INVALID);
    char with_nul[] = {'a', 0, '@', 'b', '.', 'c'}, far[400];
    assert_rc(account_email((struct str){with_nul, sizeof with_nul}, out, &err), RC_INVALID);
    memset(far, 'a', sizeof far);
    far[10] = '@';
    assert_rc(account_email((struct str){far, sizeof far}, out, &err), RC_INVALID);
    assert_ok(account_email(STR("  Camille.D+x@Example.ORG "), out, &err));
    assert_string_equal(out, "camille.d+x@example.org");
}

static void passwords_have_few_rules(void **state)
{
    (void)state;
    assert_rc(account_password_rules(STR("short"), NULL, &err), RC_UNPROCESSABLE);
    assert_rc(account_password_rules(STR("aaaaaaaaaaaaaa"), NULL, &err), RC_UNPROCESSABLE);
    assert_rc(account_password_rules(STR("Someone@example.org"), "someone@example.org", &err),
              RC_UNPROCESSABLE);
    assert_ok(account_password_rules(STR("correct horse"), "someone@example.org", &err));
}

static void an_account_is_found_and_nothing_stands_in_clear(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], again[IDENT_ID_CHARS + 1], path[700], *bytes;
    struct ident_account a;
    size_t n;
    bool right;
    sign_up("Camille@Example.org", HTTP_SHOPPER, id);
    assert_int_equal(strlen(id), IDENT_ID_CHARS);
    assert_ok(ident_find(&app, STR("camille@example.ORG"), again, &err));
    assert_string_equal(id, again);
    assert_rc(ident_find(&app, STR("other@example.org"), again, &err), RC_NOT_FOUND);
    assert_ok(account_load(&app, str_of(id), &a, &err));
    assert_string_equal(a.email.p, "camille@example.org");
    assert_true(a.confirmed && a.of_age && a.roles == HTTP_SHOPPER);
    assert_int_equal(a.made_ms % CLOCK_DAY_MS, 0);
    assert_ok(account_verify(&app, a.password, STR("a long password"), &right, &err));
    assert_true(right);
    assert_ok(account_verify(&app, a.password, STR("a long Password"), &right, &err));
    assert_false(right);
    assert_ok(account_verify(&app, NULL, STR("a long password"), &right, &err));
    assert_false(right);
    account_release(&a);
    static const char *const files[] = {"identity.db", "identity.db-wal"};
    for (size_t f = 0; f < 2; f++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[f]);
        if (!fs_exists(path)) continue;
        assert_ok(fs_read(path, 64 << 20, &bytes, &n, &err));
        assert_true(str_find((struct str){bytes, n}, STR("camille")) == SIZE_MAX);
        assert_true(str_find((struct str){bytes, n}, STR("argon2id")) == SIZE_MAX);
        free(bytes);
    }
}

static void one_account_for_an_email(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], other[IDENT_ID_CHARS + 1];
    sign_up("one@example.org", HTTP_SHOPPER, id);
    const struct ident_new n = {STR("ONE@example.org"), STR("another password"), HTTP_SHOPPER, true, false};
    assert_rc(ident_create(&app, &n, other, &err), RC_CONFLICT);
    const struct ident_new young = {STR("two@example.org"), STR("another password"), HTTP_SHOPPER, false,
                                    false};
    assert_rc(ident_create(&app, &young, other, &err), RC_UNPROCESSABLE);
    assert_int_equal(count("SELECT count(*) FROM ident_account"), 1);
    assert_int_equal(count("SELECT count(*) FROM ident_pending"), 0);
}

/* What a crash between the intent and the account leaves is swept: the key in the vault goes. */
static void unfinished_accounts_are_swept(void **state)
{
    (void)state;
    struct store_tx *tx;
    struct buf sealed = BUF_INIT(1000);
    const struct str id = STR("AAAAAAAAAAAAAAAAAAAAAA");
    assert_ok(vault_add_person(app.vault, id, &err));
    assert_ok(store_begin(app.identity, STORE_WRITE, &tx, &err));
    assert_ok(store_exec(tx, "INSERT INTO ident_pending (account, made_ms) VALUES (?1, ?2)",
                         STORE_ARGS(STORE_S(id), STORE_I(clock_now_ms())), NULL, &err));
    assert_ok(store_commit(tx, &err));
    assert_ok(account_sweep(&app, &err)); /* it may be under way */
    assert_int_equal(count("SELECT count(*) FROM ident_pending"), 1);
    clock_freeze(clock_now_ms() + 3 * CLOCK_HOUR_MS);
    assert_ok(account_sweep(&app, &err));
    assert_int_equal(count("SELECT count(*) FROM ident_pending"), 0);
    assert_rc(vault_seal(app.vault, id, STR("x"), STR("y"), &sealed, &err), RC_NOT_FOUND);
    buf_release(&sealed);
}

static enum rc note(void *ctx, struct str id, struct err *x)
{
    (void)x;
    buf_addf(ctx, "%.*s ", STR_ARG(id));
    return RC_OK;
}

static void inactive_accounts_and_erasure(void **state)
{
    (void)state;
    char old[IDENT_ID_CHARS + 1], young[IDENT_ID_CHARS + 1];
    struct ident_account a;
    struct ident_tokens tokens;
    struct buf seen = BUF_INIT(1000);
    int64_t now = clock_now_ms();
    clock_freeze(now - 400 * CLOCK_DAY_MS);
    sign_up("old@example.org", HTTP_SHOPPER, old);
    clock_freeze(now);
    sign_up("young@example.org", HTTP_SHOPPER, young);
    assert_ok(ident_inactive(&app, now - 365 * CLOCK_DAY_MS, note, &seen, &err));
    assert_true(str_starts(buf_str(&seen), str_of(old)) && seen.n == IDENT_ID_CHARS + 1);
    assert_ok(account_load(&app, str_of(old), &a, &err));
    assert_ok(session_start(&app, &a, false, &tokens, &err)); /* a visit */
    account_release(&a);
    buf_reset(&seen);
    assert_ok(ident_inactive(&app, now - 365 * CLOCK_DAY_MS, note, &seen, &err));
    assert_int_equal(seen.n, 0);
    for (int i = 0; i < 2; i++) /* again over what is done */
        assert_ok(ident_module.erase_user(&app, old, &err));
    assert_rc(account_load(&app, str_of(old), &a, &err), RC_NOT_FOUND);
    assert_int_equal(count("SELECT count(*) FROM ident_session"), 0);
    assert_int_equal(count("SELECT count(*) FROM ident_account"), 1);
    buf_release(&seen);
}

/* ---- sessions ---- */

static void check(const char *access, enum rc want)
{
    struct jwt jwt;
    struct ident_claims c;
    assert_ok(jwt_parse(str_of(access), &jwt, &err));
    if (want)
        assert_rc(token_check(app.ident, &jwt, &c, &err), want);
    else
        assert_ok(token_check(app.ident, &jwt, &c, &err));
    jwt_release(&jwt);
}

static void begin(const char *email, struct ident_tokens *tokens, char id[static IDENT_ID_CHARS + 1])
{
    struct ident_account a;
    sign_up(email, HTTP_SHOPPER, id);
    assert_ok(account_load(&app, str_of(id), &a, &err));
    assert_ok(session_start(&app, &a, false, tokens, &err));
    account_release(&a);
}

static void access_tokens_end(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1];
    struct ident_tokens t;
    int64_t now = clock_now_ms();
    clock_freeze(now);
    begin("a@example.org", &t, id);
    assert_int_equal(t.access_s, 600);
    check(t.access, RC_OK);
    clock_freeze(now + 599000);
    check(t.access, RC_OK);
    clock_freeze(now + 601000);
    check(t.access, RC_UNAUTHENTICATED);
}

static void a_refresh_token_used_twice_ends_the_family(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1];
    struct ident_tokens first, second, third;
    bool reused;
    begin("a@example.org", &first, id);
    assert_ok(session_refresh(&app, str_of(first.refresh), &second, &reused, &err));
    assert_string_not_equal(first.refresh, second.refresh);
    assert_string_equal(second.account, id);
    check(second.access, RC_OK);
    assert_rc(session_refresh(&app, str_of(first.refresh), &third, &reused, &err), RC_UNAUTHENTICATED);
    assert_true(reused);
    assert_rc(session_refresh(&app, str_of(second.refresh), &third, &reused, &err), RC_UNAUTHENTICATED);
    assert_false(reused); /* there is no family any more */
    check(first.access, RC_UNAUTHENTICATED);
    check(second.access, RC_UNAUTHENTICATED);
    assert_rc(session_refresh(&app, STR("rt_nonsense"), &third, &reused, &err), RC_UNAUTHENTICATED);
    assert_rc(session_refresh(&app, STR(""), &third, &reused, &err), RC_UNAUTHENTICATED);
}

static void sessions_end(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1];
    struct ident_tokens t, next;
    struct ident_account a;
    bool reused;
    int64_t now = clock_now_ms();
    begin("a@example.org", &t, id);
    assert_ok(session_end_by_refresh(&app, str_of(t.refresh), &err));
    check(t.access, RC_UNAUTHENTICATED);
    assert_ok(account_load(&app, str_of(id), &a, &err));
    clock_freeze(now);
    assert_ok(session_start(&app, &a, true, &t, &err));
    account_release(&a);
    clock_freeze(now + 32 * CLOCK_DAY_MS);
    assert_rc(session_refresh(&app, str_of(t.refresh), &next, &reused, &err), RC_UNAUTHENTICATED);
    assert_ok(session_clean(&app, &err));
    assert_int_equal(count("SELECT count(*) FROM ident_session"), 0);
}

static void new_roles_end_old_tokens_but_not_sessions(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1];
    struct ident_tokens t, next;
    bool reused;
    begin("a@example.org", &t, id);
    assert_ok(account_set_roles(&app, str_of(id), HTTP_DPO, &err));
    assert_ok(memory_refresh(app.ident, &err));
    check(t.access, RC_UNAUTHENTICATED);
    assert_ok(session_refresh(&app, str_of(t.refresh), &next, &reused, &err));
    check(next.access, RC_OK);
    assert_int_equal(next.roles, HTTP_DPO | HTTP_ANONYMOUS);
    set("ident_staff_second_factor", "yes");
    assert_ok(session_refresh(&app, str_of(next.refresh), &t, &reused, &err));
    assert_int_equal(t.roles, HTTP_ANONYMOUS);
}

static void another_process_notices(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], key[IDENT_TOKEN_TEXT];
    struct ident_tokens t;
    struct ident *mine = app.ident, *other;
    begin("a@example.org", &t, id);
    assert_ok(memory_create(&app, &other, &err));
    app.ident = other;
    check(t.access, RC_OK); /* signed by the other one's key */
    app.ident = mine;
    const struct api_key_new n = {STR("shop"), HTTP_MERCHANDISER, NULL, 0};
    assert_ok(api_key_create(&app, &n, id, key, &err));
    assert_ok(session_end_by_refresh(&app, str_of(t.refresh), &err));
    app.ident = other;
    check(t.access, RC_OK); /* not yet */
    assert_ok(memory_refresh(other, &err));
    check(t.access, RC_UNAUTHENTICATED);
    assert_int_equal(other->n_keys, 1);
    memory_destroy(other);
    app.ident = mine;
}

static void signing_keys_rotate(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1];
    struct ident_tokens t;
    struct signing_key before, after;
    int64_t now = clock_now_ms();
    set("ident_signing_age", "1h");
    clock_freeze(now);
    begin("a@example.org", &t, id);
    assert_true(memory_signing(app.ident, &before));
    clock_freeze(now + CLOCK_HOUR_MS - 60000);
    assert_ok(memory_rotate(app.ident, &err));
    assert_int_equal(app.ident->n_signing, 1);
    clock_freeze(now + CLOCK_HOUR_MS + 1000);
    assert_ok(memory_rotate(app.ident, &err));
    assert_int_equal(app.ident->n_signing, 2);
    assert_true(memory_signing(app.ident, &after));
    assert_string_equal(before.id, after.id); /* until every process knows the new one */
    clock_freeze(now + CLOCK_HOUR_MS + 7000);
    assert_true(memory_signing(app.ident, &after));
    assert_string_not_equal(before.id, after.id);
    clock_freeze(now + 500000);
    check(t.access, RC_OK);
    for (int h = 2; h < 9; h++) {
        clock_freeze(now + h * (CLOCK_HOUR_MS + 2000));
        assert_ok(memory_rotate(app.ident, &err));
    }
    assert_true(app.ident->n_signing <= 5);
}

/* ---- the second factor ---- */

static void totp_vectors(void **state)
{
    (void)state;
    static const struct {
        uint64_t time;
        const char *code;
    } v[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
             {1234567890, "005924"}, {2000000000, "279037"}, {UINT64_C(20000000000), "353130"}};
    char code[CRYPT_TOTP_DIGITS + 1];
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) { /* RFC 6238, appendix B, its last six digits */
        crypt_totp(STR("12345678901234567890"), v[i].time / 30, code);
        assert_string_equal(code, v[i].code);
    }
}

static void code_now(const char *id, char code[static CRYPT_TOTP_DIGITS + 1])
{
    struct ident_account a;
    assert_ok(account_load(&app, str_of(id), &a, &err));
    crypt_totp(buf_str(&a.totp_secret), (uint64_t)(clock_now_ms() / 30000), code);
    account_release(&a);
}

static bool passes(const char *id, const char *code)
{
    struct ident_account a;
    bool right = false;
    assert_ok(account_load(&app, str_of(id), &a, &err));
    assert_ok(totp_check(&app, &a, str_of(code), &right, &err));
    account_release(&a);
    return right;
}

static void second_factor(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], secret[33], code[CRYPT_TOTP_DIGITS + 1], lower[TOTP_RECOVERY_TEXT];
    char recovery[TOTP_RECOVERY_CODES][TOTP_RECOVERY_TEXT];
    struct ident_account a;
    int64_t now = INT64_C(1800000000000);
    clock_freeze(now);
    sign_up("a@example.org", HTTP_ADMIN, id);
    assert_ok(account_load(&app, str_of(id), &a, &err));
    assert_ok(totp_begin(&app, &a, secret, &err));
    account_release(&a);
    assert_int_equal(strlen(secret), 32);
    assert_ok(account_load(&app, str_of(id), &a, &err));
    assert_int_equal(a.totp_state, IDENT_TOTP_PENDING);
    assert_rc(totp_confirm(&app, &a, STR("abcdef"), recovery, &err), RC_UNPROCESSABLE);
    code_now(id, code);
    assert_ok(totp_confirm(&app, &a, str_of(code), recovery, &err));
    account_release(&a);
    assert_ok(account_load(&app, str_of(id), &a, &err));
    assert_int_equal(a.totp_state, IDENT_TOTP_ON);
    assert_rc(totp_begin(&app, &a, secret, &err), RC_CONFLICT);
    account_release(&a);
    assert_false(passes(id, code)); /* it was used to confirm */
    clock_freeze(now + 30000);
    code_now(id, code);
    assert_true(passes(id, code));
    assert_false(passes(id, code));
    clock_freeze(now + 150000);
    char late[CRYPT_TOTP_DIGITS + 1];
    code_now(id, late);
    clock_freeze(now + 180000);
    assert_true(passes(id, late)); /* the step before */
    clock_freeze(now + 400000);
    assert_false(passes(id, late));
    for (size_t i = 0; recovery[3][i] || (lower[i] = 0); i++)
        lower[i] = (char)(recovery[3][i] >= 'A' ? recovery[3][i] | 0x20 : recovery[3][i]);
    assert_true(passes(id, lower));
    assert_false(passes(id, recovery[3])); /* used up */
    assert_true(passes(id, recovery[4]));
    assert_ok(totp_remove(&app, str_of(id), &err));
    assert_int_equal(count("SELECT count(*) FROM ident_recovery"), 0);
}

/* ---- limits and links ---- */

static void guessing_is_limited(void **state)
{
    (void)state;
    int retry = 0;
    const struct attempt a[] = {{"sign-in", STR("a@example.org"), 3}, {"client", STR("somewhere"), 100}};
    const struct attempt b = {"sign-in", STR("b@example.org"), 3};
    int64_t now = INT64_C(1800000000000);
    clock_freeze(now);
    for (int i = 0; i < 3; i++)
        assert_ok(attempts_take(&app, a, 2, &retry, &err));
    assert_rc(attempts_take(&app, a, 2, &retry, &err), RC_LIMIT);
    assert_true(retry > 0 && retry <= 900);
    assert_ok(attempts_take(&app, &b, 1, &retry, &err));
    clock_freeze(now + 900000);
    assert_ok(attempts_take(&app, a, 2, &retry, &err));
    assert_ok(attempts_clear(&app, a, 1, &err));
    for (int i = 0; i < 3; i++)
        assert_ok(attempts_take(&app, a, 2, &retry, &err));
    clock_freeze(now + 4 * 900000);
    assert_ok(attempts_clean(&app, &err));
    assert_int_equal(count("SELECT count(*) FROM ident_attempt"), 0);
}

static void links_work_once(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], token[IDENT_TOKEN_TEXT], second[IDENT_TOKEN_TEXT], who[IDENT_ID_CHARS + 1];
    struct buf url = BUF_INIT(1000);
    int64_t now = INT64_C(1800000000000);
    clock_freeze(now);
    sign_up("a@example.org", HTTP_SHOPPER, id);
    assert_ok(link_make(&app, str_of(id), "reset", token, &err));
    assert_rc(link_use(&app, str_of(token), "confirm", who, &err), RC_NOT_FOUND);
    assert_ok(link_make(&app, str_of(id), "reset", second, &err));
    assert_rc(link_use(&app, str_of(token), "reset", who, &err), RC_NOT_FOUND); /* the newest counts */
    assert_ok(link_use(&app, str_of(second), "reset", who, &err));
    assert_string_equal(who, id);
    assert_rc(link_use(&app, str_of(second), "reset", who, &err), RC_NOT_FOUND);
    assert_ok(link_make(&app, str_of(id), "reset", token, &err));
    clock_freeze(now + 2 * CLOCK_HOUR_MS);
    assert_rc(link_use(&app, str_of(token), "reset", who, &err), RC_NOT_FOUND);
    set("ident_public_url", "https://shop.example/");
    assert_ok(link_url(&app, "reset", "abc", &url, &err));
    assert_string_equal(url.p, "https://shop.example/#reset=abc");
    buf_release(&url);
}

static void mails_are_written_and_forgotten(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], path[700];
    struct buf text = BUF_INIT(20000);
    sign_up("a@example.org", HTTP_SHOPPER, id);
    struct mail m = {.to = "a@example.org", .lang = "en", .token = "tok", .kind = MAIL_RESET};
    assert_ok(mail_write(&app, &m, &text, &err));
    assert_non_null(strstr(text.p, "To: <a@example.org>\r\n"));
    assert_non_null(strstr(text.p, "https://localhost:8443/#reset=tok\r\n"));
    assert_non_null(strstr(text.p, "+0000\r\nMessage-ID: <"));
    buf_release(&text);
    set("ident_mail", "spool");
    mail_post(&app, MAIL_RESET, id, "a@example.org", "fr", "tok");
    mail_work(app.ident);
    assert_null(app.ident->mails);
    snprintf(path, sizeof path, "%s/mail", dir);
    assert_true(fs_is_dir(path));
    assert_ok(ident_module.erase_user(&app, id, &err));
    assert_int_equal(rmdir(path), 0); /* empty */
}

/* ---- keys ---- */

static void api_keys(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1], key[IDENT_TOKEN_TEXT];
    struct jval *operations = NULL;
    struct buf text = BUF_INIT(4096);
    struct jout out = JOUT_INIT(&text);
    assert_ok(jval_parse(STR("[\"search\"]"), 100, &operations, &err));
    const struct api_key_new n = {STR("shop"), HTTP_MERCHANDISER, operations, 0};
    assert_ok(api_key_create(&app, &n, id, key, &err));
    assert_int_equal(app.ident->n_keys, 1);
    assert_string_equal(app.ident->keys[0].operations, ",search,");
    atomic_store(&app.ident->keys[0].use_ms, clock_today_ms());
    assert_ok(memory_flush(app.ident, &err));
    jout_array(&out);
    assert_ok(api_key_list(&app, &out, &err));
    jout_end(&out);
    assert_non_null(strstr(text.p, "\"operations\":[\"search\"]"));
    assert_null(strstr(text.p, "\"last_used\":null"));
    assert_null(strstr(text.p, key));
    assert_ok(api_key_delete(&app, str_of(id), &err));
    assert_int_equal(app.ident->n_keys, 0);
    assert_rc(api_key_delete(&app, str_of(id), &err), RC_NOT_FOUND);
    buf_release(&text);
    jval_destroy(operations);
}

static void a_person_is_exported(void **state)
{
    (void)state;
    char id[IDENT_ID_CHARS + 1];
    struct buf text = BUF_INIT(4096);
    struct jout out = JOUT_INIT(&text);
    sign_up("a@example.org", HTTP_SHOPPER, id);
    jout_object(&out);
    assert_ok(ident_module.export_user(&app, id, &out, &err));
    jout_end(&out);
    assert_non_null(strstr(text.p, "\"email\":\"a@example.org\""));
    assert_null(strstr(text.p, "argon2id"));
    buf_release(&text);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int main(void)
{
    log_configure(LOG_WARN, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emails_are_checked_and_normalised),
        cmocka_unit_test(passwords_have_few_rules),
        cmocka_unit_test(totp_vectors),
        T(an_account_is_found_and_nothing_stands_in_clear),
        T(one_account_for_an_email),
        T(unfinished_accounts_are_swept),
        T(inactive_accounts_and_erasure),
        T(access_tokens_end),
        T(a_refresh_token_used_twice_ends_the_family),
        T(sessions_end),
        T(new_roles_end_old_tokens_but_not_sessions),
        T(another_process_notices),
        T(signing_keys_rotate),
        T(second_factor),
        T(guessing_is_limited),
        T(links_work_once),
        T(mails_are_written_and_forgotten),
        T(api_keys),
        T(a_person_is_exported),
    };
    return cmocka_run_group_tests_name("ident", tests, temp_dir_make, temp_dir_remove);
}
