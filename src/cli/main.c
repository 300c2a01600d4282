#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#ifndef PENDERIE_VERSION
#define PENDERIE_VERSION "development"
#endif

static void help(FILE *to)
{
    fprintf(to, "Penderie sees, matches and recommends clothes.\n\nUsage: penderie COMMAND [options]\n\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(to, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(to, "\n`penderie COMMAND --help` says more. `penderie --version` prints the version.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--version") == 0) {
        printf("penderie %s\n", PENDERIE_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        help(argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : 2;
    }
    for (size_t i = 0; cli_commands[i]; i++) {
        if (strcmp(name, cli_commands[i]->name) != 0) continue;
        struct err err = {0};
        enum rc rc = cli_commands[i]->run(argc - 1, argv + 1, &err);
        if (rc) cli_complain(name, NULL, err.message);
        return rc_exit_status(rc);
    }
    fprintf(stderr, "penderie: there is no command \"%s\"; `penderie --help` lists them\n", name);
    return 2;
}
