/* penderie config: the annotated settings file, and whether one is right. */
#include "base/buf.h"
#include "base/config.h"
#include "cli/cli.h"

#include <stdio.h>

static enum rc run(int argc, char **argv, struct err *err);

const struct cli_command cli_config_command = {
    .name = "config",
    .summary = "print all settings with their defaults, or check a settings file",
    .usage = "",
    .run = run,
};

static enum rc run(int argc, char **argv, struct err *err)
{
    const char *file = NULL;
    struct cli_list sets = {0};
    const struct cli_option options[] = {
        {"check", CLI_STRING, "FILE", "say whether FILE is right, and print nothing", &file, false},
        {"set", CLI_LIST, "KEY=VALUE", "check this setting too", &sets, false},
        {0},
    };
    char **operands;
    int n;
    bool help;
    struct config *config = NULL;
    enum rc rc = cli_parse(&cli_config_command, options, argc, argv, &operands, &n, &help, err);
    if (rc || help) return rc;
    rc = cli_config(file, &sets, &config, err);
    if (!rc && !file) {
        struct buf text = BUF_INIT(1 << 20);
        buf_addz(&text,
                 "# penderie.conf: all settings with their defaults. `penderie config` printed this.\n\n");
        config_annotate(config, &text);
        rc = buf_check(&text, "the settings", err);
        if (!rc) fwrite(text.p, 1, text.n, stdout);
        buf_release(&text);
    }
    config_destroy(config);
    return rc;
}
