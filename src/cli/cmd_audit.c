/* penderie audit: is the access log whole, and what does it say. */
#include "app/app.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/jout.h"
#include "cli/cli.h"
#include "privacy/audit.h"

#include <stdio.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_audit = {
    .name = "audit",
    .summary = "verify and export the access log",
    .usage = "verify | export",
    .details =
        "verify   finds the first line that was edited, dropped, inserted or moved, and a cut-off end; exit "
        "status 1\n"
        "         when there is one. Note the head that it prints elsewhere: --head proves later that nothing\n"
        "         up to there was put back to an older state.\n"
        "export   prints the lines, one JSON object a line, persons and objects under the log's own pseudonyms",
    .run = run,
};

struct audit_command {
    const char *head;
    int64_t from;
    bool json;
};

static void print_json(const struct audit_verdict *v)
{
    struct buf text = BUF_INIT(4096);
    struct jout j = JOUT_INIT(&text);
    jout_object(&j);
    jout_kbool(&j, "intact", !v->bad);
    jout_ki64(&j, "lines", v->lines);
    jout_ki64(&j, "first", v->first);
    jout_ki64(&j, "last", v->last);
    jout_ki64(&j, "first_bad", v->bad);
    jout_kz(&j, "why", v->why);
    jout_kz(&j, "head", v->head);
    jout_end(&j);
    printf("%s\n", text.p);
    buf_release(&text);
}

static enum rc verify(struct app *app, const struct audit_command *c, struct err *err)
{
    struct audit_verdict v;
    enum rc rc = audit_verify(app, c->head, &v, err);
    if (rc) return rc;
    if (c->json)
        print_json(&v);
    else if (!v.bad)
        printf("%lld lines (%lld to %lld), each following from the one before%s%s\nhead %s\n",
               (long long)v.lines, (long long)v.first, (long long)v.last, v.why[0] ? "; " : "", v.why, v.head);
    return v.bad ? err_set(err, RC_CORRUPT, "the access log is not whole: %s", v.why) : RC_OK;
}

static enum rc export(struct app *app, const struct audit_command *c, struct err *err) {
    enum rc rc = RC_OK; for (int64_t next = c->from; !rc && next && !cli_interrupted();){
        struct buf lines = BUF_INIT(64 << 20); rc = audit_export(app, next, 5000, &lines, &next, err);
        if (!rc && fwrite(lines.p, 1, lines.n, stdout) != lines.n)
            rc = err_set(err, RC_IO, "cannot write to standard output");
        buf_release(&lines);}
return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *data = NULL, *file = NULL;
    struct audit_command c = {.from = 1};
    struct cli_list sets = {0};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder", &data, false},
        {"head", CLI_STRING, "N:MAC", "verify: a head noted earlier", &c.head, false},
        {"from", CLI_INT, "N", "export: the first line", &c.from, false},
        {"json", CLI_FLAG, NULL, "print JSON", &c.json, false},
        {"config", CLI_STRING, "FILE", "settings", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    struct config *config = NULL;
    struct app app = {0};
    enum rc rc = cli_parse(&cli_audit, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    bool wants_export = n == 1 && strcmp(operands[0], "export") == 0;
    if (!wants_export && (n != 1 || strcmp(operands[0], "verify") != 0))
        return err_set(err, RC_INVALID, "audit: one of verify, export");
    cli_forbid_dumps();
    cli_catch_signals();
    rc = cli_config(file, &sets, &config, err);
    if (!rc) rc = app_open(&app, config, cli_modules, data, APP_PERSONS | APP_READ_ONLY, err);
    if (!rc) {
        rc = wants_export ? export(&app, &c, err) : verify(&app, &c, err);
        app_close(&app);
    }
    config_destroy(config);
    return rc;
}
