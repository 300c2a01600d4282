/* penderie user: accounts and their roles, on the data folder itself. An e-mail or a password given as an argument
 * would stand in the list of processes: they are read from standard input or a file. */
#include "app/app.h"
#include "base/fs.h"
#include "base/jout.h"
#include "base/module.h"
#include "cli/cli.h"
#include "crypt/crypt.h"
#include "http/http.h"
#include "ident/ident.h"
#include "privacy/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_user = {
    .name = "user",
    .summary = "accounts: add, find, roles, a link for a new password; who may call what",
    .usage = "add | find | show ID | role ID [ROLE...] | reset ID | list | routes",
    .details =
        "add     makes an account; the e-mail is read from standard input. Without --password-file it prints "
        "a\n"
        "        one-time link to choose a password. --role may be given several times (default: shopper).\n"
        "find    prints the id that belongs to the e-mail on standard input\n"
        "show    prints what is known of an account; the e-mail only with --email\n"
        "role    gives an account these roles, and takes all others away; without any it may only read\n"
        "reset   prints a one-time link for a new password, good for an hour\n"
        "list    prints ids, roles and days, never e-mails; with --count only how many there are\n"
        "routes  prints who may call what\n"
        "Roles: shopper, merchandiser, analyst, dpo, operator, admin.",
    .run = run,
};

enum { LINE_MAX_BYTES = 400, TEXT_MAX = 16 << 20 };

struct user {
    struct app app;
    struct cli_list roles;
    const char *password_file;
    bool json, count, email, of_age;
    struct buf out;
    struct jout o;
};

static enum rc read_email(char line[static LINE_MAX_BYTES], struct err *err)
{
    if (!fgets(line, LINE_MAX_BYTES, stdin))
        return err_set(err, RC_INVALID, "give the e-mail on standard input");
    line[strcspn(line, "\r\n")] = 0;
    return RC_OK;
}

static enum rc read_roles(const char *const *names, size_t n, unsigned *roles, struct err *err)
{
    *roles = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned one;
        if (!ident_role_parse(str_of(names[i]), &one))
            return err_set(err, RC_INVALID, "\"%s\" is no role; --help lists them", names[i]);
        *roles |= one;
    }
    return RC_OK;
}

static void say_id(struct user *u, const char *id, const struct buf *link)
{
    if (!u->json) {
        buf_addf(&u->out, "%s\n", id);
        if (link->n) buf_addf(&u->out, "%s\n", link->p);
        return;
    }
    jout_object(&u->o);
    jout_kz(&u->o, "id", id);
    if (link->n) jout_kstr(&u->o, "link", buf_str(link));
    jout_end(&u->o);
    buf_addc(&u->out, '\n');
}

static enum rc add(struct user *u, struct err *err)
{
    char email[LINE_MAX_BYTES], id[IDENT_ID_CHARS + 1], *password = NULL;
    size_t n = 0;
    struct ident_new fresh = {.of_age = u->of_age};
    struct buf link = BUF_INIT(4096);
    enum rc rc = read_email(email, err);
    if (!rc) rc = read_roles(u->roles.v, u->roles.n, &fresh.roles, err);
    if (!rc && !u->roles.n) fresh.roles = HTTP_SHOPPER;
    if (!rc && u->password_file) rc = fs_read(u->password_file, 4096, &password, &n, err);
    if (!rc) {
        fresh.email = str_of(email);
        if (password) fresh.password = str_trim((struct str){password, n});
        rc = ident_create(&u->app, &fresh, id, err);
    }
    if (rc == RC_UNPROCESSABLE && !u->of_age && (fresh.roles & HTTP_SHOPPER))
        err_prefix(err, "give --of-age: ");
    const struct audit_event e = {STR_NONE, HTTP_ADMIN, "account.create", str_of(id), "ok", NULL};
    if (!rc) rc = audit_append(&u->app, &e, err);
    if (!rc && !password) rc = ident_reset_link(&u->app, str_of(id), &link, err);
    if (!rc) say_id(u, id, &link);
    if (password) crypt_wipe(password, n);
    free(password);
    buf_release(&link);
    return rc;
}

static enum rc find(struct user *u, struct err *err)
{
    char email[LINE_MAX_BYTES], id[IDENT_ID_CHARS + 1];
    enum rc rc = read_email(email, err);
    if (!rc) rc = ident_find(&u->app, str_of(email), id, err);
    if (!rc) say_id(u, id, &BUF_INIT(1));
    return rc;
}

static enum rc show(struct user *u, struct str id, struct err *err)
{
    enum rc rc = ident_describe(&u->app, id, u->email, &u->o, err);
    buf_addc(&u->out, '\n');
    return rc;
}

static enum rc set_roles(struct user *u, char **operands, int n, struct err *err)
{
    unsigned roles;
    enum rc rc = read_roles((const char *const *)operands + 1, (size_t)n - 1, &roles, err);
    if (!rc) rc = ident_set_roles(&u->app, str_of(operands[0]), roles, err);
    return rc ? rc : show(u, str_of(operands[0]), err);
}

static enum rc reset(struct user *u, const char *id, struct err *err)
{
    struct buf link = BUF_INIT(4096);
    enum rc rc = ident_reset_link(&u->app, str_of(id), &link, err);
    if (!rc && u->json) say_id(u, id, &link);
    if (!rc && !u->json) buf_addf(&u->out, "%s\n", link.p);
    buf_release(&link);
    return rc;
}

static enum rc list_one(void *ctx, struct str id, struct err *err)
{
    struct user *u = ctx;
    u->o = (struct jout)JOUT_INIT(&u->out);
    enum rc rc = ident_describe(&u->app, id, false, &u->o, err);
    buf_addc(&u->out, '\n');
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* gone since */
}

static enum rc list(struct user *u, struct err *err)
{
    int64_t n = 0;
    if (!u->count) return ident_inactive(&u->app, INT64_MAX, list_one, u, err);
    enum rc rc = ident_count(&u->app, &n, err);
    buf_addf(&u->out, u->json ? "{\"accounts\":%lld}\n" : "%lld\n", (long long)n);
    return rc;
}

/* The masks of the routes are the table; this prints it. */
static void routes(struct user *u)
{
    static const unsigned all[] = {HTTP_ANONYMOUS, HTTP_SHOPPER,  HTTP_MERCHANDISER, HTTP_ANALYST,
                                   HTTP_DPO,       HTTP_OPERATOR, HTTP_ADMIN};
    if (!u->json) buf_addf(&u->out, "%-28s %-7s %-40s %s\n", "operation", "method", "path", "roles");
    for (size_t m = 0; cli_modules[m]; m++)
        for (const struct http_route *r = cli_modules[m]->routes; r && r->path; r++) {
            u->o = (struct jout)JOUT_INIT(&u->out);
            if (u->json) {
                jout_object(&u->o);
                jout_kz(&u->o, "operation", r->operation);
                jout_kz(&u->o, "method", r->method);
                jout_kz(&u->o, "path", r->path);
                jout_key(&u->o, "roles");
                jout_array(&u->o);
            } else {
                buf_addf(&u->out, "%-28s %-7s %-40s", r->operation, r->method, r->path);
            }
            if (!u->json && r->roles == HTTP_ANYONE) buf_addz(&u->out, " everybody");
            for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                if (!(r->roles & all[i])) continue;
                if (u->json)
                    jout_z(&u->o, ident_role_name(all[i]));
                else if (r->roles != HTTP_ANYONE)
                    buf_addf(&u->out, " %s", ident_role_name(all[i]));
            }
            if (u->json) jout_end(&u->o);
            if (u->json) jout_end(&u->o);
            buf_addc(&u->out, '\n');
        }
}

static enum rc dispatch(struct user *u, char **operands, int n, struct err *err)
{
    const char *what = operands[0];
    if (strcmp(what, "add") == 0 && n == 1) return add(u, err);
    if (strcmp(what, "find") == 0 && n == 1) return find(u, err);
    if (strcmp(what, "list") == 0 && n == 1) return list(u, err);
    if (strcmp(what, "show") == 0 && n == 2) return show(u, str_of(operands[1]), err);
    if (strcmp(what, "reset") == 0 && n == 2) return reset(u, operands[1], err);
    if (strcmp(what, "role") == 0 && n >= 2) return set_roles(u, operands + 1, n - 1, err);
    return err_set(err, RC_INVALID, "expected %s; --help says more", cli_user.usage);
}

static enum rc run(int argc, char **argv, struct err *err)
{
    struct user u = {.out = BUF_INIT(TEXT_MAX)};
    const char *data = NULL, *file = NULL;
    struct cli_list sets = {0};
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder of this house (or the setting data_dir)", &data, false},
        {"role", CLI_LIST, "ROLE", "with add: a role of the account", &u.roles, false},
        {"password-file", CLI_STRING, "FILE", "with add: the password", &u.password_file, false},
        {"of-age", CLI_FLAG, NULL, "with add: the person has confirmed to be of age", &u.of_age, false},
        {"email", CLI_FLAG, NULL, "with show: the e-mail too; the access log notes it", &u.email, false},
        {"count", CLI_FLAG, NULL, "with list: only how many", &u.count, false},
        {"json", CLI_FLAG, NULL, "one JSON object a line", &u.json, false},
        {"config", CLI_STRING, "FILE", "read settings from FILE", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help, open = false;
    struct config *config = NULL;
    enum rc rc = cli_parse(&cli_user, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    u.o = (struct jout)JOUT_INIT(&u.out);
    if (!n) return err_set(err, RC_INVALID, "expected %s; --help says more", cli_user.usage);
    if (n == 1 && strcmp(operands[0], "routes") == 0) {
        routes(&u);
    } else {
        cli_forbid_dumps();
        rc = cli_config(file, &sets, &config, err);
        if (!rc) rc = app_open(&u.app, config, cli_modules, data, APP_PERSONS, err);
        open = !rc;
        if (open) u.app.audit = audit_append;
        if (!rc) rc = dispatch(&u, operands, n, err);
    }
    if (!rc) rc = buf_check(&u.out, "the answer", err);
    if (!rc && (fwrite(u.out.p, 1, u.out.n, stdout) != u.out.n || fflush(stdout)))
        rc = err_errno(err, "the answer cannot be written");
    if (u.out.n) crypt_wipe(u.out.p, u.out.n);
    buf_release(&u.out);
    if (open) app_close(&u.app);
    config_destroy(config);
    return rc;
}
