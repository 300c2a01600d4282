/* penderie serve: the HTTPS service. */
#include "app/app.h"
#include "cli/cli.h"
#include "http/http.h"

#include <stdio.h>

enum { CHECK_TIMEOUT_MS = 5000 };

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "answer requests over HTTPS",
    .usage = "",
    .details =
        "Listens on https://localhost:8443 unless told otherwise. The first start makes a self-signed\n"
        "certificate (DATA/tls) and the staff's token (DATA/keys/admin.token). SIGHUP reads settings and\n"
        "certificate again; SIGTERM lets running requests end. `penderie config` lists all settings.\n"
        "With --check nothing is served: the server that runs with these settings on this machine is asked\n"
        "whether it is ready, and the exit status says so (0 ready, 1 not).",
    .run = run,
};

struct sources {
    const char *file, *port;
    const struct cli_list *sets;
};

static enum rc read_settings(void *ctx, struct config **out, struct err *err)
{
    const struct sources *from = ctx;
    enum rc rc = cli_config(from->file, from->sets, out, err);
    if (rc) return rc;
    rc = cli_config_set(*out, "http_port", from->port, err);
    if (!rc) return RC_OK;
    config_destroy(*out);
    *out = NULL;
    return rc;
}

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *data = NULL;
    struct cli_list sets = {0};
    struct sources from = {.sets = &sets};
    bool check = false;
    const struct cli_option options[] = {
        {"data", CLI_STRING, "DIR", "the data folder of this house (or the setting data_dir)", &data, false},
        {"config", CLI_STRING, "FILE", "read settings from FILE", &from.file, false},
        {"set", CLI_LIST, "KEY=VALUE", "change one setting", &sets, false},
        {"port", CLI_STRING, "N", "the same as --set http_port=N", &from.port, false},
        {"check", CLI_FLAG, NULL, "ask a running server whether it is ready", &check, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    struct config *config = NULL;
    enum rc rc = cli_parse(&cli_serve, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    rc = read_settings(&from, &config, err);
    struct app_serve_options serve = {.reload = read_settings, .ctx = &from};
    if (!rc && check) {
        rc = http_check(config, CHECK_TIMEOUT_MS, err);
        if (!rc) puts("ready");
    } else if (!rc) {
        rc = app_serve(config, cli_modules, data, &serve, err);
    }
    config_destroy(config);
    return rc;
}
