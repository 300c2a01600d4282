/*
 * The command line: `penderie COMMAND [options]`. A command is one struct in its own file cmd_NAME.c, listed
 * in commands.c. Exit status: 0 fine, 1 failed, 2 wrong usage or malformed input.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"
#include "base/str.h"

enum cli_type { CLI_FLAG, CLI_STRING, CLI_INT, CLI_LIST };

enum { CLI_MAX_LIST = 64 };
struct cli_list {
    const char *v[CLI_MAX_LIST];
    size_t n;
};

struct cli_option {
    const char *name; /* "data" for --data; NULL ends the table */
    enum cli_type type;
    const char *placeholder; /* "DIR" */
    const char *help;
    void *target; /* bool, const char *, int64_t or struct cli_list; its value before is the default */
    bool required;
};

struct cli_command {
    const char *name;
    const char *summary; /* one line, for `penderie --help` */
    const char *usage;   /* what follows the options: "PATH..."; "" for nothing */
    const char *details; /* paragraphs for `penderie NAME --help`; may be NULL */
    /* argv[0] is the command's name. Errors are printed by the caller from *err, with their exit status. */
    enum rc (*run)(int argc, char **argv, struct err *err);
};
extern const struct cli_command *const cli_commands[]; /* NULL-ended */
extern const struct module *const cli_modules[];       /* NULL-ended: the module table */

/* Parses --name value, --name=value and flags, in any order with operands, until "--". --help prints and sets
 * *help: the command then returns RC_OK at once. *operands points into argv. */
enum rc cli_parse(const struct cli_command *command, const struct cli_option *options, int argc, char **argv,
                  char ***operands, int *n_operands, bool *help, struct err *err) MUST_USE;

/* Feeds and file names may hold anything; a terminal gets no control characters and no malformed UTF-8. */
struct buf;
void cli_plain(struct buf *out, struct str text);
/* "penderie COMMAND: SUBJECT: MESSAGE" on standard error, plain; subject NULL: none. */
void cli_complain(const char *command, const char *subject, const char *message);

struct config;
/* All settings of cli_modules: defaults, then `file` (NULL: none), the environment, and `sets` (key=value). */
enum rc cli_config(const char *file, const struct cli_list *sets, struct config **out,
                   struct err *err) MUST_USE;
/* For `--data DIR` and the like on top of that. */
enum rc cli_config_set(struct config *c, const char *key, const char *value, struct err *err) MUST_USE;

/* For commands that bring keys or persons' data into memory: no core file, no look from outside; a warning where refused. */
void cli_forbid_dumps(void);

/* A progress line on standard error: a bar with rate and time left on a terminal, a line now and then
 * elsewhere. Nothing shows before one second has passed. total 0: unknown. From one thread. */
struct cli_progress {
    const char *what;
    int64_t total, started_us, shown_us, shown_done;
    bool on, terminal;
};
void cli_progress_start(struct cli_progress *p, const char *what, int64_t total);
void cli_progress_set(struct cli_progress *p, int64_t done);
void cli_progress_end(struct cli_progress *p);

/* The same for work in stages, in the form that imports call: `ctx` is a struct cli_stages, zero at first. */
struct cli_stages {
    struct cli_progress bar;
    const char *stage;
};
void cli_stages_show(void *ctx, const char *stage, int64_t done, int64_t total);

/* Set by SIGINT and SIGTERM once cli_catch_signals() was called: long commands look at it and end cleanly. */
void cli_catch_signals(void);
bool cli_interrupted(void);
bool cli_stopped(void *unused); /* cli_interrupted() in the form that imports ask with */
#endif
