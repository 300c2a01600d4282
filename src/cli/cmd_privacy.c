/* penderie privacy: check, purge, report, erase, map, verify-receipt. */
#include "app/app.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/jval.h"
#include "cli/cli.h"
#include "cli/privacy_check.h"
#include "crypt/crypt.h"
#include "ident/ident.h"
#include "privacy/audit.h"
#include "privacy/privacy.h"
#include "privacy/receipt.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_privacy = {
    .name = "privacy",
    .summary = "prove the measures on a running installation; purge, erase, receipts",
    .usage = "check | purge | report | erase E-MAIL | map | receipt-key | verify-receipt FILE",
    .details = "check            makes the attempt that each measure must stop, on this installation and the "
               "server that\n"
               "                 runs on it (--url, by default https://localhost:http_port), prints a table, "
               "and fails\n"
               "                 when a line does. It makes a person for the purpose and erases them again.\n"
               "purge            what the daily purge does, now; --dry-run says what it would do\n"
               "report           the reports of the last 31 purges\n"
               "erase            erases the person with this e-mail and prints the receipt\n"
               "map              the data map, as in docs/privacy/data-map.md\n"
               "receipt-key      the public key that receipts are signed with, as a JWK\n"
               "verify-receipt   whether a receipt (a file; - for standard input) was signed by this house, or "
               "by --key\n"
               "                 FILE (a JWK); prints what it says",
    .run = run,
};

struct privacy_command {
    const char *data, *url, *key;
    bool dry_run, json;
    struct config *config;
};

static enum rc print(struct buf *text, enum rc rc, struct err *err)
{
    if (!rc) rc = buf_check(text, "the answer", err);
    if (!rc && (fwrite(text->p, 1, text->n, stdout) != text->n || putchar('\n') == EOF || fflush(stdout)))
        rc = err_set(err, RC_IO, "cannot write to standard output");
    buf_release(text);
    return rc;
}

static enum rc check(struct privacy_command *c, const char *operand, struct err *err)
{
    struct privacy_check_options o = {.data = c->data, .url = c->url, .json = c->json};
    (void)operand;
    return privacy_check(c->config, &o, err);
}

static enum rc purge(struct privacy_command *c, const char *operand, struct err *err)
{
    struct app app = {0};
    struct buf text = BUF_INIT(1 << 20);
    (void)operand;
    enum rc rc = app_open(&app, c->config, cli_modules, c->data, APP_PERSONS | APP_OPS | APP_READ_ONLY, err);
    if (rc) return rc;
    app.audit = audit_append;
    rc = privacy_purge(&app, c->dry_run, &text, err);
    app_close(&app);
    return print(&text, rc, err);
}

static enum rc report(struct privacy_command *c, const char *operand, struct err *err)
{
    struct app app = {0};
    struct buf text = BUF_INIT(16 << 20);
    struct jout j = JOUT_INIT(&text);
    (void)operand;
    enum rc rc = app_open(&app, c->config, cli_modules, c->data, APP_PERSONS | APP_READ_ONLY, err);
    if (rc) return rc;
    rc = privacy_report(&app, &j, err);
    app_close(&app);
    return print(&text, rc, err);
}

static enum rc erase_in(struct app *app, const char *email, struct buf *receipt, struct err *err)
{
    char id[IDENT_ID_CHARS + 1];
    struct audit_event e = {.what = "account.erase", .result = "ok"};
    enum rc rc = ident_find(app, str_of(email), id, err);
    if (rc) return rc;
    e.object = str_of(id);
    rc = audit_append(app, &e, err);
    return rc ? rc : privacy_erase(app, str_of(id), "request", receipt, err);
}

static enum rc erase(struct privacy_command *c, const char *operand, struct err *err)
{
    struct app app = {0};
    struct buf receipt = BUF_INIT(1 << 20);
    enum rc rc = app_open(&app, c->config, cli_modules, c->data, APP_PERSONS | APP_OPS | APP_READ_ONLY, err);
    if (rc) return rc;
    app.audit = audit_append;
    rc = erase_in(&app, operand, &receipt, err);
    app_close(&app);
    return print(&receipt, rc, err);
}

static enum rc map(struct privacy_command *c, const char *operand, struct err *err)
{
    struct buf text = BUF_INIT(1 << 20);
    (void)c;
    (void)operand;
    enum rc rc = privacy_map(cli_modules, &text, err);
    if (!rc) fwrite(text.p, 1, text.n, stdout);
    buf_release(&text);
    return rc;
}

static enum rc own_key(struct privacy_command *c, uint8_t key[static RECEIPT_KEY_BYTES], struct err *err)
{
    struct app app = {0};
    enum rc rc = app_open(&app, c->config, cli_modules, c->data, APP_PERSONS | APP_READ_ONLY, err);
    if (rc) return rc;
    rc = receipt_public_key(&app, key, err);
    app_close(&app);
    return rc;
}

static enum rc receipt_key(struct privacy_command *c, const char *operand, struct err *err)
{
    uint8_t key[RECEIPT_KEY_BYTES];
    struct buf text = BUF_INIT(4096);
    (void)operand;
    enum rc rc = own_key(c, key, err);
    if (!rc) receipt_write_jwk(key, &text);
    return print(&text, rc, err);
}

static enum rc key_from(const char *path, uint8_t key[static RECEIPT_KEY_BYTES], struct err *err)
{
    struct jval *doc = NULL;
    size_t n = 0;
    enum rc rc = jval_parse_file(path, 64 << 10, &doc, err);
    struct str x = jval_str(jval_get(doc, "x"));
    if (!rc && (!x.p || !crypt_base64url_decode(x, key, RECEIPT_KEY_BYTES, &n) || n != RECEIPT_KEY_BYTES))
        rc = err_set(err, RC_INVALID, "%s: not a JWK with an Ed25519 key", path);
    jval_destroy(doc);
    return rc;
}

static enum rc verify_receipt(struct privacy_command *c, const char *operand, struct err *err)
{
    uint8_t key[RECEIPT_KEY_BYTES];
    struct buf text = BUF_INIT(1 << 20);
    char *p = NULL;
    size_t n = 0;
    const char *path = strcmp(operand, "-") == 0 ? "/dev/stdin" : operand;
    enum rc rc = fs_read(path, 1 << 20, &p, &n, err);
    if (!rc) rc = c->key ? key_from(c->key, key, err) : own_key(c, key, err);
    if (!rc) rc = receipt_verify(key, (struct str){p, n}, &text, err);
    free(p);
    return print(&text, rc, err);
}

static const struct {
    const char *name;
    bool operand;
    enum rc (*run)(struct privacy_command *c, const char *operand, struct err *err);
} commands[] = {{"check", false, check},
                {"purge", false, purge},
                {"report", false, report},
                {"erase", true, erase},
                {"map", false, map},
                {"receipt-key", false, receipt_key},
                {"verify-receipt", true, verify_receipt}};

static enum rc run(int argc, char **argv, struct err *err)
{
    struct privacy_command c = {0};
    const char *file = NULL;
    struct cli_list sets = {0};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder", &c.data, false},
        {"url", CLI_STRING, "URL", "check: where the server is", &c.url, false},
        {"dry-run", CLI_FLAG, NULL, "purge: change nothing", &c.dry_run, false},
        {"key", CLI_STRING, "FILE", "verify-receipt: the public key, a JWK", &c.key, false},
        {"json", CLI_FLAG, NULL, "check: one JSON object a line", &c.json, false},
        {"config", CLI_STRING, "FILE", "settings", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    enum rc rc = cli_parse(&cli_privacy, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    cli_forbid_dumps();
    rc = cli_config(file, &sets, &c.config, err);
    size_t i = 0, known = sizeof commands / sizeof *commands;
    while (n > 0 && i < known && strcmp(operands[0], commands[i].name) != 0)
        i++;
    if (!rc && (n < 1 || i == known || n != 1 + commands[i].operand))
        rc = err_set(err, RC_INVALID, "privacy: one of %s", cli_privacy.usage);
    if (!rc) rc = commands[i].run(&c, n > 1 ? operands[1] : NULL, err);
    config_destroy(c.config);
    return rc;
}
