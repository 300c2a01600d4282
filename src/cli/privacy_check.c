/* The frame of the check, and the lines about what lies on the disk. */
#include "cli/privacy_check.h"

#include "app/app.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/jout.h"
#include "base/module.h"
#include "cli/cli.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "privacy/audit.h"
#include "privacy/consent.h"
#include "privacy/privacy.h"
#include "store/store.h"
#include "vault/vault.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void vsay(struct check_verdict *v, bool pass, const char *fmt, va_list ap)
{
    v->pass = pass;
    vsnprintf(v->why, sizeof v->why, fmt, ap);
}

void check_pass(struct check_verdict *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsay(v, true, fmt, ap);
    va_end(ap);
}

void check_fail(struct check_verdict *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsay(v, false, fmt, ap);
    va_end(ap);
}

/* ---------------------------------------------------------------------------------------------- files */

/* Whether a file of the data folder holds, or may come to hold, something of persons or a secret. */
static bool is_sensitive(const char *path, const char *data)
{
    static const char *const starts[] = {"identity.db", "wardrobe.db", "activity.db", "register.db",
                                         "ops.db",      "vault/",      "keys/",       "wardrobe/",
                                         "archives/",   "mail/",       "tls/key"};
    const char *tail = path + strlen(data);
    while (*tail == '/')
        tail++;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(tail, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

struct modes {
    const char *data;
    int files;
    char open[160];
};

static enum rc look_at_mode(const char *path, void *ctx, struct err *err)
{
    struct modes *m = ctx;
    struct stat st;
    (void)err;
    if (!is_sensitive(path, m->data) || lstat(path, &st)) return RC_OK; /* gone meanwhile */
    m->files++;
    if ((st.st_mode & 077) && !m->open[0]) snprintf(m->open, sizeof m->open, "%s", path + strlen(m->data) + 1);
    return RC_OK;
}

static void try_modes(struct check *k, struct check_verdict *v)
{
    struct modes m = {.data = k->data};
    struct err err;
    if (fs_walk(k->data, look_at_mode, &m, &err))
        check_fail(v, "%s", err.message);
    else if (m.open[0])
        check_fail(v, "others can read or write %s", m.open);
    else if (!m.files)
        check_fail(v, "there is no store of persons here");
    else
        check_pass(v, "%d files, none of them open to others", m.files);
}

struct search {
    struct str what;
    char *where; /* of 160 */
    const char *data;
};

static enum rc look_for(const char *path, void *ctx, struct err *err)
{
    struct search *s = ctx;
    char *p = NULL;
    size_t n = 0;
    struct err gone;
    (void)err;
    if (s->where[0] || fs_read(path, (size_t)2 << 30, &p, &n, &gone)) return RC_OK;
    if (memmem(p, n, s->what.p, s->what.n)) snprintf(s->where, 160, "%s", path + strlen(s->data) + 1);
    crypt_wipe(p, n);
    free(p);
    return RC_OK;
}

enum rc check_search(const char *data, struct str what, char where[static 160], struct err *err)
{
    struct search s = {.what = what, .where = where, .data = data};
    where[0] = 0;
    return fs_walk(data, look_for, &s, err);
}

/* ---------------------------------------------------------------------------- what is readable on the disk */

static bool is_word(unsigned char c) { return isalnum(c) || c == '_' || c == '-'; }

struct plain {
    const char *data;
    char where[160];
    const char *what;
    int files;
};

static bool is_address_char(unsigned char c)
{
    return isalnum(c) || c == '.' || c == '_' || c == '-' || c == '+';
}

/* name@host.tld, four characters each at least: so that sealed bytes, which are random, look like it less than once in
 * 100 GB. */
static bool has_address(const char *p, size_t n)
{
    for (size_t at = 4; at + 7 < n; at++) {
        size_t i = at + 1, dot = 0, before = 0;
        if (p[at] != '@') continue;
        while (before < 4 && is_address_char((unsigned char)p[at - 1 - before]))
            before++;
        while (i < n && is_address_char((unsigned char)p[i])) {
            if (p[i] == '.') dot = i;
            i++;
        }
        if (before == 4 && dot >= at + 5 && i >= dot + 3 && isalpha((unsigned char)p[dot + 1]) &&
            isalpha((unsigned char)p[dot + 2]))
            return true;
    }
    return false;
}

/* A file that begins like a JPEG, or marks that are long enough not to come about by chance. */
static bool has_picture(const char *p, size_t n)
{
    static const struct {
        const char *magic;
        size_t n;
    } kinds[] = {{"\xff\xd8\xff\xe0\x00\x10JFIF", 10},
                 {"Exif\0\0", 6},
                 {"\x89PNG\r\n\x1a\n", 8},
                 {"WEBPVP8", 7},
                 {"ftypheic", 8},
                 {"data.json", 9}};
    if (n > 3 && memcmp(p, "\xff\xd8\xff", 3) == 0) return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (memmem(p, n, kinds[i].magic, kinds[i].n)) return true;
    return false;
}

static enum rc look_for_plain(const char *path, void *ctx, struct err *err)
{
    struct plain *s = ctx;
    char *p = NULL;
    size_t n = 0;
    struct err gone;
    (void)err;
    if (s->where[0] || !is_sensitive(path, s->data) || strstr(path, "/mail/") || strstr(path, "/tls/"))
        return RC_OK;
    if (fs_read(path, (size_t)2 << 30, &p, &n, &gone)) return RC_OK;
    s->files++;
    s->what = has_address(p, n) ? "an e-mail address" : has_picture(p, n) ? "a picture or archive" : NULL;
    if (s->what) snprintf(s->where, sizeof s->where, "%s", path + strlen(s->data) + 1);
    free(p);
    return RC_OK;
}

static void try_sealed(struct check *k, struct check_verdict *v)
{
    struct plain s = {.data = k->data};
    struct err err;
    if (fs_walk(k->data, look_for_plain, &s, &err))
        check_fail(v, "%s", err.message);
    else if (s.where[0])
        check_fail(v, "%s can be read in %s", s.what, s.where);
    else if (!s.files)
        check_fail(v, "there is no store of persons here");
    else
        check_pass(v, "no address, picture or archive in clear in %d files", s.files);
}

/* ------------------------------------------------------------------------------------- stores kept apart */

/* Hashes of words that may be ids: base64url or hexadecimal, with digits and letters mixed. */
struct words {
    uint64_t *v;
    size_t n, cap;
    bool failed;
};

static void add_word(struct words *w, const char *p, size_t n)
{
    int digits = 0, letters = 0;
    for (size_t i = 0; i < n; i++) {
        digits += isdigit((unsigned char)p[i]) != 0;
        letters += isalpha((unsigned char)p[i]) != 0;
    }
    if (n < 20 || digits < 2 || letters < 2) return; /* names of columns */
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 4096;
        uint64_t *more = realloc(w->v, cap * sizeof *w->v);
        if (!more) {
            w->failed = true;
            return;
        }
        w->v = more;
        w->cap = cap;
    }
    w->v[w->n++] = str_hash((struct str){p, n});
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The columns of a row follow one another without a mark between them, so a run of letters may be several values: it
 * counts as a whole, and so does every part as long as an id (22) or a pseudonym (32). */
static void add_run(struct words *w, const char *p, size_t n)
{
    static const size_t lengths[] = {22, 32};
    add_word(w, p, n);
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; n > lengths[l] && n <= 512 && i + lengths[l] <= n; i++)
            add_word(w, p + i, lengths[l]);
}

static enum rc read_words(const char *data, const char *store, struct words *w, struct err *err)
{
    static const char *const tails[] = {"", "-wal"};
    for (int t = 0; t < 2; t++) {
        char path[4200], *p = NULL;
        size_t n = 0;
        snprintf(path, sizeof path, "%s/%s.db%s", data, store, tails[t]);
        enum rc rc = fs_read(path, (size_t)2 << 30, &p, &n, err);
        if (rc == RC_NOT_FOUND && t) continue;
        if (rc) return rc;
        for (size_t i = 0, from = 0; i <= n; i++)
            if (i == n || !is_word((unsigned char)p[i])) {
                if (i > from) add_run(w, p + from, i - from);
                from = i + 1;
            }
        free(p);
    }
    if (w->n) qsort(w->v, w->n, sizeof *w->v, by_number);
    return w->failed ? err_set(err, RC_NOMEM, "out of memory") : RC_OK;
}

static bool have_common(const struct words *a, const struct words *b)
{
    for (size_t i = 0; b->n && i < a->n; i++)
        if (bsearch(&a->v[i], b->v, b->n, sizeof *b->v, by_number)) return true;
    return false;
}

static void try_apart(struct check *k, struct check_verdict *v)
{
    static const char *const stores[] = {"identity", "wardrobe", "activity", "register", "ops"};
    enum { N = sizeof stores / sizeof *stores };
    struct words w[N] = {{0}};
    struct err err;
    enum rc rc = RC_OK;
    size_t n = 0;
    for (int i = 0; !rc && i < N; i++) {
        rc = read_words(k->data, stores[i], &w[i], &err);
        n += w[i].n;
    }
    if (rc) check_fail(v, "%s", err.message);
    for (int a = 0; !rc && !v->why[0] && a < N; a++)
        for (int b = a + 1; !v->why[0] && b < N; b++)
            /* register and ops know the ids of jobs together; neither names a person to the other */
            if (!(a == 3 && b == 4) && have_common(&w[a], &w[b]))
                check_fail(v, "%s and %s hold the same value: rows can be joined", stores[a], stores[b]);
    if (!rc && !v->why[0]) check_pass(v, "of %zu values none is in two stores", n);
    for (int i = 0; i < N; i++)
        free(w[i].v);
}

/* ---------------------------------------------------------------------------------------------- vault */

static void try_vault(struct check *k, struct check_verdict *v)
{
    char path[4200];
    struct stat st;
    const char *own = config_string(k->config, "vault_key_file");
    if (!k->opened) {
        check_fail(v, "%s", k->why_not);
        return;
    }
    snprintf(path, sizeof path, *own ? "%s" : "%s/vault/master.key", *own ? own : k->data);
    bool file = strcmp(config_string(k->config, "vault_master"), "file") == 0;
    if (file && stat(path, &st)) {
        check_fail(v, "the key file is not there");
    } else if (file && (st.st_mode & 077)) {
        check_fail(v, "others can read the key file");
    } else {
        check_pass(v, "opens with its master key (%s)", config_string(k->config, "vault_master"));
    }
}

static void try_place(struct check *k, struct check_verdict *v)
{
    struct buf sealed = BUF_INIT(4096), plain = BUF_INIT(4096), other = BUF_INIT(4096);
    struct vault *vault = k->app.vault;
    struct err err;
    const struct str secret = STR("the words of the check"), here = STR("check/1"), there = STR("check/2");
    if (vault_seal_house(vault, "check", here, secret, &sealed, &err) ||
        vault_unseal_house(vault, "check", here, buf_str(&sealed), &plain, &err) ||
        !str_eq(buf_str(&plain), secret)) {
        check_fail(v, "what was sealed does not open: %s", err.message);
    } else if (memmem(sealed.p, sealed.n, secret.p, secret.n)) {
        check_fail(v, "what is sealed can be read");
    } else if (vault_unseal_house(vault, "check", there, buf_str(&sealed), &other, &err) == RC_OK) {
        check_fail(v, "a record opens in the place of another");
    } else if (vault_unseal_house(vault, "check-2", here, buf_str(&sealed), &other, &err) == RC_OK) {
        check_fail(v, "a record opens with another key");
    } else {
        sealed.p[sealed.n - 1] ^= 1;
        if (vault_unseal_house(vault, "check", here, buf_str(&sealed), &other, &err) == RC_OK)
            check_fail(v, "an altered record opens");
        else
            check_pass(v, "another place, another key and an altered record were refused");
    }
    buf_release(&sealed);
    buf_release(&plain);
    buf_release(&other);
}

static void try_copies(struct check *k, struct check_verdict *v)
{
    struct vault_status s;
    struct err err;
    if (vault_get_status(k->app.vault, &s, &err)) {
        check_fail(v, "%s", err.message);
        return;
    }
    int64_t days = s.copies ? (clock_now_ms() - s.oldest_copy_ms) / 86400000 : 0;
    if (days > s.copies_days + 1)
        check_fail(v, "a copy of the vault is %lld days old: erased persons' keys are in it", (long long)days);
    else
        check_pass(v, "%lld copies, none older than %lld days", (long long)s.copies, (long long)s.copies_days);
}

/* ----------------------------------------------------------------------------------------- the register */

static void try_audit(struct check *k, struct check_verdict *v)
{
    struct audit_verdict a;
    struct err err;
    if (audit_verify(&k->app, NULL, &a, &err))
        check_fail(v, "%s", err.message);
    else if (a.bad)
        check_fail(v, "%s", a.why);
    else
        check_pass(v, "%lld lines follow from one another", (long long)a.lines);
}

static void try_consents(struct check *k, struct check_verdict *v)
{
    int64_t rows = 0, bad = 0;
    struct err err;
    if (consent_verify(&k->app, &rows, &bad, &err))
        check_fail(v, "%s", err.message);
    else if (bad)
        check_fail(v, "%lld of %lld rows were altered", (long long)bad, (long long)rows);
    else
        check_pass(v, "%lld rows follow from one another", (long long)rows);
}

static enum rc read_number(struct store *s, const char *sql, int64_t *out, bool *found, struct err *err)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(s, STORE_READ, &tx, err);
    if (!rc) rc = store_get_i64(tx, sql, STORE_NO_ARGS, out, found, err);
    store_rollback(tx);
    return rc;
}

static void try_retention(struct check *k, struct check_verdict *v)
{
    int64_t at = 0;
    bool found = false;
    struct err err;
    if (read_number(k->app.reg, "SELECT at_ms FROM privacy_report ORDER BY day DESC LIMIT 1", &at, &found,
                    &err))
        check_fail(v, "%s", err.message);
    else if (!found)
        check_fail(v, "the purge has never run");
    else if (clock_now_ms() - at > INT64_C(49) * 3600000) /* yesterday's at the latest, with an hour's grace */
        check_fail(v, "the last purge was %lld hours ago", (long long)((clock_now_ms() - at) / 3600000));
    else
        check_pass(v, "the last purge was %lld hours ago", (long long)((clock_now_ms() - at) / 3600000));
}

static void try_unfinished(struct check *k, struct check_verdict *v)
{
    int64_t n = 0;
    char sql[160];
    struct err err;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM privacy_intent WHERE at_ms < %lld",
             (long long)(clock_now_ms() - 3600000));
    if (read_number(k->app.reg, sql, &n, NULL, &err))
        check_fail(v, "%s", err.message);
    else if (n)
        check_fail(v, "%lld erasures or withdrawals have not come to their end for an hour", (long long)n);
    else
        check_pass(v, "no erasure or withdrawal is left unfinished");
}

static void try_alerts(struct check *k, struct check_verdict *v)
{
    static const char *const names[] = {"privacy_alert_photos", "privacy_alert_refused",
                                        "privacy_alert_exports", "privacy_alert_staff"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!config_int(k->config, names[i])) {
            check_fail(v, "%s is 0: no alert", names[i]);
            return;
        }
    bool webhook = *config_string(k->config, "privacy_webhook_url");
    if (webhook && !fs_exists(config_string(k->config, "privacy_webhook_secret_file")))
        check_fail(v, "the webhook has no secret to sign with");
    else
        check_pass(v, "all rules are on%s", webhook ? ", with a signed webhook" : "; no webhook is set");
}

/* -------------------------------------------------------------------------------------------- the table */

static bool described(const struct module *m, const char *table)
{
    for (const struct module_data *d = m->data; d && d->table; d++)
        if (strcmp(d->table, table) == 0) return true;
    return false;
}

static void try_table(struct check *k, struct check_verdict *v)
{
    int tables = 0;
    (void)k;
    for (size_t i = 0; cli_modules[i]; i++)
        for (const char *const *t = cli_modules[i]->personal_tables; t && *t; t++, tables++)
            if (!cli_modules[i]->export_user || !cli_modules[i]->erase_user || !described(cli_modules[i], *t)) {
                check_fail(v, "%s is not exported, erased or described", *t);
                return;
            }
    check_pass(v, "%d tables are exported, erased and described", tables);
}

static const struct check_line disk_lines[] = {
    {"files", "opens the files of persons and keys as another user would", false, false, try_modes},
    {"vault", "opens the vault; looks who else may", false, false, try_vault},
    {"sealing", "opens a sealed record in another place, with another key, altered", true, false, try_place},
    {"plaintext", "reads the stores, photos and archives as they lie on the disk", false, false, try_sealed},
    {"separation", "joins the stores by any value", false, false, try_apart},
    {"access-log", "verifies the chain of the access log, and its end", true, false, try_audit},
    {"consent-register", "verifies the chain of the consents", true, false, try_consents},
    {"vault-copies", "looks for copies of keys that should have expired", true, false, try_copies},
    {"retention", "looks when the daily purge last ran", true, false, try_retention},
    {"unfinished", "looks for erasures and withdrawals left half way", true, false, try_unfinished},
    {"alert-rules", "reads the thresholds", false, false, try_alerts},
    {"module-table", "compares the tables of persons with what exports and erases them", false, false,
     try_table},
    {0}};

/* ---------------------------------------------------------------------------------------------- frame */

static void show(const struct check_line *l, const struct check_verdict *v, bool json)
{
    if (!json) {
        printf("%-4s  %-17s %s\n%24s%s\n", v->pass ? "pass" : "FAIL", l->name, l->what, "", v->why);
    } else {
        struct buf text = BUF_INIT(4096);
        struct jout j = JOUT_INIT(&text);
        jout_object(&j);
        jout_kz(&j, "line", l->name);
        jout_kbool(&j, "pass", v->pass);
        jout_kz(&j, "attempt", l->what);
        jout_kz(&j, "why", v->why);
        jout_end(&j);
        printf("%s\n", text.p);
        buf_release(&text);
    }
    fflush(stdout);
}

static int go_through(struct check *k, const struct check_line *lines, bool json, int *n)
{
    int failed = 0;
    for (const struct check_line *l = lines; l->name; l++, ++*n) {
        struct check_verdict v = {0};
        if (l->stores && !k->opened)
            check_fail(&v, "%s", k->why_not);
        else
            l->attempt(k, &v);
        if (!v.why[0]) check_fail(&v, "the attempt said nothing");
        failed += !v.pass;
        show(l, &v, json);
    }
    return failed;
}

static enum rc open_all(struct check *k, const struct privacy_check_options *o, struct err *err)
{
    char url[256];
    struct err why;
    k->data = o->data && *o->data ? o->data : config_string(k->config, "data_dir");
    if (!*k->data)
        return err_set(err, RC_INVALID, "which data folder? Give --data DIR, or the setting data_dir");
    if (!fs_is_dir(k->data)) return err_set(err, RC_NOT_FOUND, "there is no data folder %s", k->data);
    if (o->url)
        snprintf(url, sizeof url, "%s", o->url);
    else
        snprintf(url, sizeof url, "https://localhost:%lld", (long long)config_int(k->config, "http_port"));
    k->opened = app_open(&k->app, k->config, cli_modules, k->data, APP_PERSONS | APP_OPS | APP_READ_ONLY,
                         &why) == RC_OK;
    k->app.audit = audit_append;
    if (k->opened &&
        read_number(k->app.reg, "SELECT coalesce(max(n), 0) FROM privacy_audit", &k->first_line, NULL, err))
        return err->code;
    if (!k->opened) snprintf(k->why_not, sizeof k->why_not, "%s", why.message);
    return check_client_open(url, k->data, &k->client, err);
}

enum rc privacy_check(struct config *config, const struct privacy_check_options *o, struct err *err)
{
    struct check k = {.config = config};
    int n = 0, failed = 0;
    enum rc rc = open_all(&k, o, err);
    if (!rc) failed = go_through(&k, disk_lines, o->json, &n) + go_through(&k, check_live_lines, o->json, &n);
    check_client_close(k.client);
    if (k.opened) app_close(&k.app);
    crypt_wipe(k.password, sizeof k.password);
    free(k.token);
    if (rc) return rc;
    if (!o->json) printf("\n%d measures, %d failed\n", n, failed);
    return failed ? err_set(err, RC_UNPROCESSABLE, "%d of %d measures failed", failed, n) : RC_OK;
}
