/* The two tables that everything hangs from: the commands, and the modules. */
#include "base/module.h"
#include "cli/cli.h"

extern const struct cli_command cli_serve, cli_demo, cli_import, cli_reembed, cli_label, cli_recommend,
    cli_search, cli_evaluate, cli_config_command, cli_openapi, cli_keys, cli_user, cli_audit, cli_privacy;
extern const struct module app_module, vault_module, http_module, job_module, ident_module, privacy_module,
    catalog_module, rank_module, wardrobe_module, demo_module;

const struct cli_command *const cli_commands[] = {
    &cli_serve,     &cli_demo,   &cli_import,   &cli_reembed,        &cli_label,
    &cli_recommend, &cli_search, &cli_evaluate, &cli_config_command, &cli_openapi,
    &cli_keys,      &cli_user,   &cli_audit,    &cli_privacy,        NULL,
};

const struct module *const cli_modules[] = {
    &app_module,     &vault_module, &http_module,     &job_module,  &ident_module, &privacy_module,
    &catalog_module, &rank_module,  &wardrobe_module, &demo_module, NULL,
};
