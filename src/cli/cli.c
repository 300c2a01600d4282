#include "cli/cli.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/module.h"
#include "base/proc.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_plain(struct buf *out, struct str text)
{
    char utf8[4];
    while (text.n) {
        uint32_t cp = str_utf8_next(&text);
        bool control = cp < ' ' || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
                       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
        buf_add_bytes(out, utf8, str_utf8_put(control ? '?' : cp, utf8));
    }
}

void cli_complain(const char *command, const char *subject, const char *message)
{
    struct buf line = BUF_INIT((size_t)1 << 16);
    buf_addf(&line, "penderie %s: ", command);
    if (subject) {
        cli_plain(&line, str_of(subject));
        buf_addz(&line, ": ");
    }
    cli_plain(&line, str_of(message));
    buf_addc(&line, '\n');
    fwrite(line.p, 1, line.n, stderr);
    buf_release(&line);
}

static void print_help(const struct cli_command *command, const struct cli_option *options)
{
    printf("Usage: penderie %s [options]%s%s\n\n%s\n", command->name, *command->usage ? " " : "",
           command->usage, command->summary);
    if (command->details) printf("\n%s\n", command->details);
    printf("\nOptions:\n");
    for (const struct cli_option *o = options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->placeholder ? " " : "",
                 o->placeholder ? o->placeholder : "");
        printf("  %-26s %s%s\n", left, o->help, o->required ? " (required)" : "");
    }
    printf("  %-26s this text\n", "--help");
}

static enum rc assign(const struct cli_option *o, const char *value, struct err *err)
{
    struct cli_list *list;
    switch (o->type) {
    case CLI_FLAG:
        *(bool *)o->target = true;
        return RC_OK;
    case CLI_STRING:
        *(const char **)o->target = value;
        return RC_OK;
    case CLI_INT:
        if (str_to_i64(str_of(value), o->target)) return RC_OK;
        return err_set(err, RC_INVALID, "--%s: \"%s\" is not a whole number", o->name, value);
    case CLI_LIST:
        list = o->target;
        if (list->n == CLI_MAX_LIST) return err_set(err, RC_INVALID, "--%s: too many", o->name);
        list->v[list->n++] = value;
        return RC_OK;
    }
    return RC_OK;
}

static enum rc option(const struct cli_option *options, char **argv, int argc, int *i, bool *seen,
                      struct err *err)
{
    struct str value = str_of(argv[*i] + 2);
    struct str name = str_split(&value, '=');
    for (const struct cli_option *o = options; o->name; o++) {
        if (!str_eqz(name, o->name)) continue;
        seen[o - options] = true;
        if (o->type == CLI_FLAG)
            return value.p ? err_set(err, RC_INVALID, "--%s takes no value", o->name) : assign(o, "", err);
        if (!value.p && *i + 1 >= argc)
            return err_set(err, RC_INVALID, "--%s needs a value: %s", o->name, o->placeholder);
        return assign(o, value.p ? value.p : argv[++*i], err);
    }
    return err_set(err, RC_INVALID, "there is no option --%.*s; --help lists them", STR_ARG(name));
}

enum rc cli_parse(const struct cli_command *command, const struct cli_option *options, int argc, char **argv,
                  char ***operands, int *n_operands, bool *help, struct err *err)
{
    bool seen[64] = {false}, only_operands = false;
    int n = 0;
    *help = false;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && strcmp(argv[i], "--help") == 0) {
            print_help(command, options);
            *help = true;
            return RC_OK;
        } else if (!only_operands && strncmp(argv[i], "--", 2) == 0) {
            enum rc rc = option(options, argv, argc, &i, seen, err);
            if (rc) return rc;
        } else {
            argv[n++] = argv[i]; /* n < i: what was there is read already */
        }
    }
    for (const struct cli_option *o = options; o->name; o++)
        if (o->required && !seen[o - options])
            return err_set(err, RC_INVALID, "--%s %s is needed; --help says more", o->name, o->placeholder);
    if (n && !*command->usage)
        return err_set(err, RC_INVALID, "\"%s\" is not an option; --help lists them", argv[0]);
    *operands = argv;
    *n_operands = n;
    return RC_OK;
}

void cli_forbid_dumps(void)
{
    if (!proc_forbid_dumps()) fprintf(stderr, "penderie: cannot forbid core dumps\n");
}

enum rc cli_config(const char *file, const struct cli_list *sets, struct config **out, struct err *err)
{
    static const struct config_key *tables[64];
    size_t n = 0;
    for (size_t i = 0; cli_modules[i]; i++)
        if (cli_modules[i]->config) {
            ASSERT(n < 63);
            tables[n++] = cli_modules[i]->config;
        }
    enum rc rc = config_create(tables, out, err);
    if (!rc && file) rc = config_load_file(*out, file, err);
    if (!rc) rc = config_load_env(*out, err);
    for (size_t i = 0; !rc && sets && i < sets->n; i++) {
        struct str value = str_of(sets->v[i]);
        struct str key = str_split(&value, '=');
        if (!value.p)
            rc = err_set(err, RC_INVALID, "--set %s: expected key=value", sets->v[i]);
        else
            rc = config_set(*out, key, value, err);
    }
    if (rc) {
        config_destroy(*out);
        *out = NULL;
    }
    return rc;
}

enum rc cli_config_set(struct config *c, const char *key, const char *value, struct err *err)
{
    return value ? config_set(c, str_of(key), str_of(value), err) : RC_OK;
}

void cli_progress_start(struct cli_progress *p, const char *what, int64_t total)
{
    *p = (struct cli_progress){.what = what,
                               .total = total,
                               .started_us = clock_mono_us(),
                               .on = true,
                               .terminal = isatty(STDERR_FILENO)};
    p->shown_us = p->started_us;
}

static void show(struct cli_progress *p, int64_t done)
{
    double seconds = (double)(clock_mono_us() - p->started_us) / 1e6, rate = (double)done / seconds;
    char line[200], left[40] = "";
    int n = 0;
    if (p->total > 0) {
        if (rate > 0) {
            int64_t s = (int64_t)((double)(p->total - done) / rate + .5);
            snprintf(left, sizeof left, ", %lld:%02lld left", (long long)(s / 60), (long long)(s % 60));
        }
        int full = (int)(done * 24 / p->total);
        n = snprintf(line, sizeof line, "%s [%.*s%.*s] %lld/%lld  %.0f/s%s", p->what, full,
                     "########################", 24 - full, "------------------------", (long long)done,
                     (long long)p->total, rate, left);
    } else {
        n = snprintf(line, sizeof line, "%s %lld  %.0f/s", p->what, (long long)done, rate);
    }
    if (n < 0) return;
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
}

void cli_progress_set(struct cli_progress *p, int64_t done)
{
    int64_t now = clock_mono_us(), every = p->terminal ? 200000 : 10000000;
    if (!p->on || now - p->started_us < 1000000 || now - p->shown_us < every) return;
    if (p->total > 0 && done > p->total) done = p->total;
    p->shown_us = now;
    p->shown_done = done;
    show(p, done);
}

void cli_progress_end(struct cli_progress *p)
{
    if (p->on && p->terminal && p->shown_us != p->started_us) fprintf(stderr, "\r\033[K");
    p->on = false;
}

void cli_stages_show(void *ctx, const char *stage, int64_t done, int64_t total)
{
    struct cli_stages *v = ctx;
    if (!v->stage || strcmp(v->stage, stage) != 0 || v->bar.total != total) {
        if (v->stage) cli_progress_end(&v->bar);
        v->stage = stage;
        cli_progress_start(&v->bar, stage, total);
    }
    cli_progress_set(&v->bar, done);
}

static atomic_bool interrupted;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

void cli_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &sa, NULL); /* a second signal ends the program at once */
    sigaction(SIGTERM, &sa, NULL);
}

bool cli_interrupted(void) { return atomic_load(&interrupted); }

bool cli_stopped(void *unused)
{
    (void)unused;
    return cli_interrupted();
}
